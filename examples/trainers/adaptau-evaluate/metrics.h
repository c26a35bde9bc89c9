/* SPDX-License-Identifier: MIT */
/* What lists find, user by user, and what they are besides. */
#ifndef ADAPTAU_EVALUATE_METRICS_H
#define ADAPTAU_EVALUATE_METRICS_H

#include <adaptau/evaluator.h>

#include "adaptau-evaluate/subject.h"

/* Metrics of every user who is counted: the formulas are those of <adaptau/evaluator.h>. */
struct metrics {
    int32_t        n;       /* users */
    int32_t        width;   /* metrics times cutoffs: of metric m at cutoff c the value is [m * n_cutoffs + c] */
    const int32_t *places;  /* [n] of the users among those with test pairs */
    double        *values;  /* [n x width] */
    double        *means;   /* [width] */
};

/* A group of items by popularity. */
struct group {
    int32_t n_items;
    int64_t least, most;    /* interactions of an item in train */
    int64_t n_train, n_test; /* interactions of its items */
    int64_t n_hits[CUTOFFS_MAX];
    double  share[CUTOFFS_MAX];  /* of the entries of lists that are its items */
    double  recall[CUTOFFS_MAX]; /* what its hits contribute to the mean recall: the groups add up to it */
};

/* What lists are besides. At each cutoff: */
struct beyond {
    double coverage[CUTOFFS_MAX]; /* share of all items that is in some list */
    double gini[CUTOFFS_MAX];     /* of how often items are in lists: 0 all alike, towards 1 few items alone */
    double novelty[CUTOFFS_MAX];  /* mean over lists of the mean of −log2(share of users with train pairs who have the item), in
                                     bits; an item that nobody has counts like one that one has; NaN without train */
    double popularity[CUTOFFS_MAX]; /* mean over lists of the mean interactions in train; NaN without train */
    int32_t      n_groups;
    struct group groups[GROUPS_MAX]; /* the rarest first; none without train */
};

/* `places` [n] must outlive the metrics. On failure *metrics is empty. */
adaptau_status metrics_measure(struct metrics *metrics, const struct truth *truth, const struct subject *subject, int32_t n,
                               const int32_t *places, const struct cutoffs *cutoffs, adaptau_error *error);

void metrics_free(struct metrics *metrics);

/* Of the same users, and of all items that `truth` has by now. */
adaptau_status beyond_measure(struct beyond *beyond, const struct truth *truth, const struct subject *subject, int32_t n,
                              const int32_t *places, const struct cutoffs *cutoffs, int32_t n_groups, adaptau_error *error);

#endif
