/* SPDX-License-Identifier: MIT */
/* What a reader saw in files and what became of their lines: nothing is dropped or kept in silence. */
#ifndef EXAMPLES_COMMON_ACCOUNT_H
#define EXAMPLES_COMMON_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/json.h"

#define SEEN_SIZE 320

/* All zero is an empty one. */
struct account {
    char    seen[SEEN_SIZE]; /* "pairs: comma, header, user = column 2 'userId', ..." */
    int64_t comments;        /* lines of them before the data, which are in no other count */
    int64_t lines;           /* with interactions on them, or a user without any */
    int64_t interactions;    /* that are on them */
    int64_t below;           /* left out: a weight below --min-rating */
    double  min_rating;
    bool    rated;
    bool    weighed;         /* there is a column of weights */
    bool    used;            /* weights are trained with */
    int64_t weightless;      /* left out then: no weight above 0 */
    int64_t negative, zero;  /* of those kept, weights below 0 and of 0 */
    int64_t unweighed;       /* without a weight, where others have one */
    int64_t undated;         /* without a time that can be read, where there is a column of times */
    int64_t few;             /* left out by --min-degree */
    int64_t duplicates;      /* that say again what another says */
    int64_t kept;            /* in train and test */
    int64_t in_both;         /* test pairs left out because they are in train too */
    int64_t unknown;         /* test pairs left out because --min-degree left out their user or item */
    bool    tested;          /* test pairs came with the data */
    int64_t cold_users, cold_items; /* of test, without an interaction in train */
    int64_t compacted_users, compacted_items; /* rows that sparse ids would have had; 0: ids are rows */
};

/* One sentence without a full stop: what became of the lines. */
#define ACCOUNT_LINE_SIZE 640
void account_line(const struct account *account, char line[ACCOUNT_LINE_SIZE]);

/* An object of that name. */
void account_json(const struct account *account, const char *key, struct json *json);

#endif
