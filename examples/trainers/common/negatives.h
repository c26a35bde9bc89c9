/* SPDX-License-Identifier: MIT */
/* Logged negatives from a file: what users were shown and did not take, beside the data that are trained on. */
#ifndef EXAMPLES_COMMON_NEGATIVES_H
#define EXAMPLES_COMMON_NEGATIVES_H

#include "common/problem.h"

/* What became of the lines. All zero: there is no file. */
struct negatives {
    const char    *path; /* or NULL */
    struct account account; /* of its lines alone */
    int64_t        unknown_users, unknown_items; /* left out: the data have no such user; such a user, but no such item */
    int64_t        duplicates, kept;
    int64_t        also_train; /* of those kept, which are train pairs, too */
};

/* Read `path` as the data were read, and give them to problem->train. Users and items mean what they mean in the data: names are
 * names, and numbers are rows where the data's are. `weights` is WEIGHTS_YES, a column, or NULL: all alike. */
adaptau_status negatives_read(struct negatives *negatives, adaptau_context *context, struct problem *problem, const char *path,
                              const char *weights, const struct read_options *reading, adaptau_error *error);

/* One sentence without a full stop. */
#define NEGATIVES_LINE_SIZE 480
void negatives_line(const struct negatives *negatives, char line[NEGATIVES_LINE_SIZE]);

/* An object of that name. */
void negatives_json(const struct negatives *negatives, const char *key, struct json *json);

#endif
