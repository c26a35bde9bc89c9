/* SPDX-License-Identifier: MIT */
#include "common/pairs.h"

#include <stdlib.h>

#include "common/fail.h"

static adaptau_status grow(struct pairs *pairs, adaptau_error *error)
{
    int64_t capacity = pairs->capacity ? pairs->capacity * 2 : 1024;
    size_t  size = (size_t)capacity * sizeof(int32_t);
    if ((uint64_t)capacity > SIZE_MAX / sizeof(int32_t))
        return fail_memory(error, "the pairs");
    int32_t *users = realloc(pairs->users, size);
    if (users)
        pairs->users = users;
    int32_t *items = users ? realloc(pairs->items, size) : NULL;
    if (!items)
        return fail_memory(error, "the pairs");
    pairs->items = items;
    pairs->capacity = capacity;
    return ADAPTAU_OK;
}

adaptau_status pairs_append(struct pairs *pairs, int32_t user, int32_t item, adaptau_error *error)
{
    if (pairs->count == pairs->capacity) {
        adaptau_status status = grow(pairs, error);
        if (status)
            return status;
    }
    pairs->users[pairs->count] = user;
    pairs->items[pairs->count++] = item;
    return ADAPTAU_OK;
}

void pairs_free(struct pairs *pairs)
{
    free(pairs->users);
    free(pairs->items);
    *pairs = (struct pairs){0};
}

adaptau_status pairs_to_dataset(const struct pairs *pairs, adaptau_context *context, int32_t n_users, int32_t n_items,
                                adaptau_dataset **out, adaptau_error *error)
{
    return adaptau_dataset_create_from_pairs(context, n_users, n_items, pairs->count, pairs->users, pairs->items, out, error);
}
