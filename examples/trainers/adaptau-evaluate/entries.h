/* SPDX-License-Identifier: MIT */
/* Recommendations as they come, an item at a time and in any order, on their way to ranked lists. */
#ifndef ADAPTAU_EVALUATE_ENTRIES_H
#define ADAPTAU_EVALUATE_ENTRIES_H

#include "adaptau-evaluate/subject.h"

/* What the number beside an item says. */
enum value { VALUE_NONE, VALUE_RANK, VALUE_SCORE, VALUE_EITHER };

struct entry {
    int32_t place; /* of its user among those with test pairs; -1: not known yet */
    int32_t item;
    double  value;
    int64_t order; /* in which they came */
};

/* All zero is none. */
struct entries {
    struct truth *truth;
    int64_t       count, capacity;
    struct entry *entries;
    int64_t       n_lines;       /* that were offered */
    int64_t       n_other_users; /* of those, of users without test pairs */
};

/* The place of a user by name: -1 for one without test pairs. */
int32_t entries_find_user(const struct entries *entries, const char *name, size_t length);

adaptau_status entries_append(struct entries *entries, int32_t place, const char *item, size_t length, double value,
                              adaptau_error *error);

/* Sort them into the subject's lists, of at most `k` items: what the user had before and repetitions are left out, and counted.
 * VALUE_EITHER is decided: ranks, where every user's values are 1, 2, 3 ... (or from 0), else scores. Returns in *value which. */
adaptau_status entries_rank(struct entries *entries, struct subject *subject, int32_t k, enum value *value, adaptau_error *error);

void entries_free(struct entries *entries);

#endif
