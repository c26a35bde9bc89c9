/* SPDX-License-Identifier: MIT */
/* Interactions from text files.
 *
 *  lightgcn   "user item item ..." per line, ids counted from 0. Names, where a directory has users.txt and items.txt: one per
 *             line, line number = id.
 *  pairs      "user SEPARATOR item [SEPARATOR rating [...]]" per line, SEPARATOR a tab, a comma or "::". Users and items are
 *             names, numbers too: ids are given in order of first appearance. A field between commas may stand in quotes.
 *
 * Blank lines are skipped, CRLF is a line end, the last line need not have one. Anything else that does not fit is an error
 * "file:line:column: message"; no file, however broken or long, takes more memory than its pairs and names do. */
#ifndef EXAMPLES_COMMON_READ_DATA_H
#define EXAMPLES_COMMON_READ_DATA_H

#include <stdbool.h>

#include "common/names.h"
#include "common/pairs.h"
#include "common/text.h"

#define FORMAT_AUTO 0 /* pairs if the first line has a separator, else lightgcn */
#define FORMAT_LIGHTGCN 1
#define FORMAT_PAIRS 2

#define HEADER_AUTO 0 /* the first line is one if it reads like "user, item" */
#define HEADER_YES 1
#define HEADER_NO 2

struct read_options {
    int    format;
    int    header;
    bool   rated; /* pairs: keep those whose third field is at least min_rating */
    double min_rating;
};

/* All zero is empty. */
struct data {
    struct pairs train;
    struct pairs test;
    bool         has_test; /* the test pairs came with the data */
    int32_t      n_users, n_items;
    struct names users, items; /* empty when the ids have no names */
};

/* Read a file, or a directory with train.txt, perhaps test.txt, users.txt and items.txt; or with ratings.dat, ratings.csv or
 * u.data; or with a single file. On failure *data is empty. */
adaptau_status read_data(const char *path, const struct read_options *options, struct data *data, adaptau_error *error);

void data_free(struct data *data);

/* Where the largest ids of lightgcn text stood. */
struct id_extent {
    int32_t largest_user, largest_item; /* -1 when there is none */
    int64_t user_line, user_column;
    int64_t item_line, item_column;
};

/* Lightgcn text pair by pair, for those that keep only some. */
typedef adaptau_status (*pair_visitor)(void *user_data, int32_t user, int32_t item, adaptau_error *error);
adaptau_status read_lightgcn_each(struct text *text, pair_visitor visit, void *user_data, struct id_extent *extent,
                                  adaptau_error *error);

/* The two parsers, from the present character of a text to its end. */
adaptau_status read_lightgcn(struct text *text, struct pairs *pairs, struct id_extent *extent, adaptau_error *error);
adaptau_status read_pairs(struct text *text, const struct read_options *options, struct names *users, struct names *items,
                          struct pairs *pairs, adaptau_error *error);

/* The separator that the first line of a text uses, among what the first chunk shows: ':' for "::", '\t', ',', or 0. */
int find_separator(const struct text *text);

#endif
