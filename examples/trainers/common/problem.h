/* SPDX-License-Identifier: MIT */
/* Data as a program trains and tests on them. */
#ifndef EXAMPLES_COMMON_PROBLEM_H
#define EXAMPLES_COMMON_PROBLEM_H

#include "common/read_data.h"

/* All zero is none. */
struct problem {
    struct data      data; /* its pairs are gone once the datasets exist */
    adaptau_dataset *train;
    adaptau_dataset *test;
    int64_t         *train_times; /* [n_pairs of train] in the order of its user_items; NULL where times are unknown */
};

/* Read `path`; where the data come without test pairs, `test_share` of every user's are held out, or what reading->split says.
 * E_STATE when there is nothing to train on. Whatever happens, problem_close is due. */
adaptau_status problem_open(struct problem *problem, adaptau_context *context, const char *path,
                            const struct read_options *reading, double test_share, uint64_t split_seed, adaptau_error *error);

void problem_close(struct problem *problem);

#endif
