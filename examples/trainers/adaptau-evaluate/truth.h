/* SPDX-License-Identifier: MIT */
/* What lists are measured by: the test pairs, and what users had before. */
#ifndef ADAPTAU_EVALUATE_TRUTH_H
#define ADAPTAU_EVALUATE_TRUTH_H

#include "adaptau-evaluate/settings.h"
#include "common/problem.h"

/* Users and items are numbered as the data number them. Items that lists bring, and the data do not have, get the next numbers. */
struct truth {
    struct problem       problem;
    adaptau_context     *context;
    adaptau_dataset_view train, test; /* train has no pairs where none was given */
    bool                 has_train;
    bool                 named;       /* users and items have names of their own; else their numbers are their names */
    struct names        *users, *items;
    int32_t              n;           /* users with test pairs */
    int32_t             *who;         /* [n] their ids, ascending */
    int32_t             *place;       /* [n_users] a user's position in `who`, or -1 */
    int64_t              n_had_before; /* users with train pairs */
};

/* E_STATE when nobody has test pairs. Whatever happens, truth_close is due. */
adaptau_status truth_open(struct truth *truth, const struct settings *settings, adaptau_error *error);

void truth_close(struct truth *truth);

/* Interactions of an item in train, 0 for one that the data do not have. */
int64_t truth_count(const struct truth *truth, int32_t item);

/* Whether `item` is among a user's in `view`. */
bool truth_has(const adaptau_dataset_view *view, int32_t user, int32_t item);

#endif
