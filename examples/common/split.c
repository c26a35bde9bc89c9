/* SPDX-License-Identifier: MIT */
#include "common/split.h"

#include <stdlib.h>

#include "common/fail.h"

struct draw {
    uint64_t key;
    int32_t  item;
};

/* The finaliser of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static uint64_t pair_key(uint64_t seed, int32_t user, int32_t item)
{
    return mix(mix(seed + UINT64_C(0x9E3779B97F4A7C15)) + ((uint64_t)(uint32_t)user << 32 | (uint32_t)item));
}

static int compare_draws(const void *a, const void *b)
{
    const struct draw *x = a, *y = b;
    if (x->key != y->key)
        return x->key < y->key ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Rank a user's items by hash: the first ones are held out. */
static adaptau_status split_user(int32_t user, struct draw *draws, int64_t n, double share, struct pairs *kept,
                                 struct pairs *held_out, adaptau_error *error)
{
    int64_t wanted = (int64_t)(share * (double)n + 0.5);
    int64_t n_held_out = wanted < n ? wanted : n - 1;
    qsort(draws, (size_t)n, sizeof *draws, compare_draws);
    adaptau_status status = ADAPTAU_OK;
    for (int64_t i = 0; i < n && !status; i++)
        status = pairs_append(i < n_held_out ? held_out : kept, user, draws[i].item, error);
    return status;
}

adaptau_status split_dataset(const adaptau_dataset *dataset, double share, uint64_t seed, struct pairs *kept,
                             struct pairs *held_out, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_status       status = adaptau_dataset_get_view(dataset, &view, error);
    if (status)
        return status;
    struct draw *draws = malloc(((size_t)view.n_items + 1) * sizeof *draws);
    if (!draws)
        return fail_memory(error, "the split");
    for (int32_t user = 0; user < view.n_users && !status; user++) {
        const int32_t *items = view.user_items + view.user_ptr[user];
        int64_t        n = view.user_ptr[user + 1] - view.user_ptr[user];
        if (n == 0)
            continue;
        for (int64_t i = 0; i < n; i++)
            draws[i] = (struct draw){pair_key(seed, user, items[i]), items[i]};
        status = split_user(user, draws, n, share, kept, held_out, error);
    }
    free(draws);
    return status;
}
