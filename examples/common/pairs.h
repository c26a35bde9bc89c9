/* SPDX-License-Identifier: MIT */
/* A list of (user, item) pairs that grows. */
#ifndef EXAMPLES_COMMON_PAIRS_H
#define EXAMPLES_COMMON_PAIRS_H

#include <stdint.h>

#include <adaptau/dataset.h>

/* All zero is an empty list. */
struct pairs {
    int64_t  count;
    int64_t  capacity;
    int32_t *users;
    int32_t *items;
};

adaptau_status pairs_append(struct pairs *pairs, int32_t user, int32_t item, adaptau_error *error);

void pairs_free(struct pairs *pairs);

/* The library's own copy: sorted, every pair once. */
adaptau_status pairs_to_dataset(const struct pairs *pairs, adaptau_context *context, int32_t n_users, int32_t n_items,
                                adaptau_dataset **out, adaptau_error *error);

#endif
