/* SPDX-License-Identifier: MIT */
/* What a user may say about data, and the options by which it is said. All zero is fine: everything is found out. */
#ifndef EXAMPLES_COMMON_READING_H
#define EXAMPLES_COMMON_READING_H

#include "common/options.h"

#define FORMAT_AUTO 0
#define FORMAT_LIGHTGCN 1 /* "user item item ..." */
#define FORMAT_PAIRS 2    /* a table with a line for each interaction */

#define HEADER_AUTO 0
#define HEADER_YES 1
#define HEADER_NO 2

#define SEPARATOR_AUTO 0 /* else: tab, comma, semicolon, blank, colons, bar */
#define SEPARATOR_BLANKS 4

#define COMPACT_AUTO 0 /* where they are sparse */
#define COMPACT_YES 1
#define COMPACT_NO 2

#define SPLIT_RANDOM 0   /* a share of every user's */
#define SPLIT_TIME 1     /* the latest share of all */
#define SPLIT_LAST_ONE 2 /* every user's latest */
#define SPLIT_LAST_N 3   /* every user's latest n, or a share of them */

#define WEIGHTS_YES "yes"
#define WEIGHT_MAP_NONE 0
#define WEIGHT_MAP_LOG1P 1
#define WEIGHT_MAP_SQRT 2

struct read_options {
    int32_t     format;
    int32_t     header;
    int32_t     separator;
    int32_t     compact;
    const char *columns; /* "user=2,item=movieId,...", or NULL */
    bool        rated;   /* keep interactions whose weight is at least min_rating */
    double      min_rating;
    const char *weights;    /* WEIGHTS_YES, or the column of weights that are trained with; NULL: all interactions alike */
    int32_t     weight_map; /* WEIGHT_MAP_* of each line's weight */
    bool        clipped;
    double      weight_clip; /* then weights above it become it */
    const char *test;    /* the path of test pairs, or NULL */
    int32_t     split;
    int64_t     last;       /* SPLIT_LAST_N: so many; 0: the test share */
    int64_t     min_degree; /* users and items with fewer interactions go, until none has */
};

/* The options of a file of interactions. Returns how many were written to `rules`. */
#define READING_RULES 6
int reading_rules(struct read_options *options, struct option_rule rules[READING_RULES]);

/* Those of weights that are trained with. */
#define WEIGHT_RULES 3
int weight_rules(struct read_options *options, struct option_rule rules[WEIGHT_RULES]);

/* Those of data that are trained and tested on. */
#define SPLITTING_RULES 4
int splitting_rules(struct read_options *options, struct option_rule rules[SPLITTING_RULES]);

/* What is wrong with them together, a sentence without a full stop; NULL: nothing. */
const char *splitting_fault(const struct read_options *options);

#endif
