/* SPDX-License-Identifier: MIT */
/* A list of (user, item) pairs that grows, with the time and the weight of each where they are known. */
#ifndef EXAMPLES_COMMON_PAIRS_H
#define EXAMPLES_COMMON_PAIRS_H

#include <stdbool.h>
#include <stdint.h>

#include <adaptau/dataset.h>

/* All zero is an empty list. */
struct pairs {
    int64_t  count;
    int64_t  capacity;
    int32_t *users;
    int32_t *items;
    double  *times; /* [count] seconds since 1970, or whatever the data count; NULL: unknown */
    bool     timed; /* set on an empty list, whose times are going to be known */
    float   *weights; /* [count], or NULL: all 1 */
    bool     weighed; /* set on an empty list, whose weights are going to be known */
};

/* With the time 0 where the list is timed, and the weight 1 where it is weighed. */
adaptau_status pairs_append(struct pairs *pairs, int32_t user, int32_t item, adaptau_error *error);

adaptau_status pairs_append_at(struct pairs *pairs, int32_t user, int32_t item, double time, float weight, adaptau_error *error);

/* Forget the times. */
void pairs_drop_times(struct pairs *pairs);

void pairs_free(struct pairs *pairs);

/* The library's own copy: sorted, every pair once, with the sum of its weights. */
adaptau_status pairs_to_dataset(const struct pairs *pairs, adaptau_context *context, int32_t n_users, int32_t n_items,
                                adaptau_dataset **out, adaptau_error *error);

/* The time of every pair of a dataset, in the order of its user_items, from a list that has them all; of a pair that the list
 * has several times the latest. [n_pairs], to be freed; *times is NULL where the list has no times. */
adaptau_status pairs_times_along(const struct pairs *pairs, const adaptau_dataset *dataset, double **times, adaptau_error *error);

/* Times as the library takes them, which compares them and does no more: seconds where all are whole numbers, ranks of the different
 * times where not. `times` are finite. [n], to be freed. */
adaptau_status times_to_whole(const double *times, int64_t n, int64_t **whole, adaptau_error *error);

#endif
