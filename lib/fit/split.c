/* SPDX-License-Identifier: MIT */
/* A share of every user's interactions, held out. A user's interactions are ranked, by time where there is one and then by a hash
 * of seed, user and item, and the first ones go. They are sorted here: the C library's sort may allocate behind the host's back. */
#include <adaptau/fit.h>

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/context.h"
#include "common/error.h"
#include "common/sort.h"

struct draw {
    int64_t  time;
    uint64_t key;
    int32_t  item;
    float    weight;
};

/* Both parts in one pair of arrays: what is kept from the front, what is held out from the back. */
struct parts {
    int32_t *users, *items; /* [|D|] */
    float   *weights;       /* [|D|], or NULL: all 1 */
    int64_t  n_kept, n_held_out, n;
};

/* The finaliser of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static uint64_t interaction_key(uint64_t seed, int32_t user, int32_t item)
{
    return mix(mix(seed + UINT64_C(0x9E3779B97F4A7C15)) + ((uint64_t)(uint32_t)user << 32 | (uint32_t)item));
}

/* Does a come after b: the latest first, then by key. */
static bool comes_after(const struct draw *a, const struct draw *b)
{
    if (a->time != b->time)
        return a->time < b->time;
    return a->key != b->key ? a->key > b->key : a->item > b->item;
}

static void sift_down(struct draw *draws, int64_t root, int64_t n)
{
    const struct draw moved = draws[root];
    for (int64_t child = 2 * root + 1; child < n; child = 2 * root + 1) {
        if (child + 1 < n && comes_after(&draws[child + 1], &draws[child]))
            child++;
        if (!comes_after(&draws[child], &moved))
            break;
        draws[root] = draws[child];
        root = child;
    }
    draws[root] = moved;
}

static void sort_draws(struct draw *draws, int64_t n)
{
    for (int64_t root = n / 2 - 1; root >= 0; root--)
        sift_down(draws, root, n);
    for (int64_t last = n - 1; last > 0; last--) {
        const struct draw latest = draws[0];
        draws[0] = draws[last];
        draws[last] = latest;
        sift_down(draws, 0, last);
    }
}

/* How many of n interactions are held out. */
static int64_t count_share(double share, int64_t n)
{
    return (int64_t)(share * (double)n + 0.5);
}

/* `since`: interactions from this time on are held out; NULL: the user's share is. */
static void split_user(int32_t user, struct draw *draws, int64_t n, double share, const int64_t *since, struct parts *parts)
{
    int64_t n_held_out = since ? 0 : count_share(share, n);
    sort_draws(draws, n);
    while (since && n_held_out < n && draws[n_held_out].time >= *since)
        n_held_out++;
    n_held_out = n_held_out < n ? n_held_out : n - 1;
    for (int64_t k = 0; k < n; k++) {
        const int64_t at = k < n_held_out ? parts->n - ++parts->n_held_out : parts->n_kept++;
        parts->users[at] = user;
        parts->items[at] = draws[k].item;
        if (parts->weights)
            parts->weights[at] = draws[k].weight;
    }
}

static void split_users(const adaptau_dataset_view *view, const adaptau_split_options *options, const int64_t *since,
                        struct draw *draws, struct parts *parts)
{
    for (int32_t user = 0; user < view->n_users; user++) {
        const int64_t first = view->user_ptr[user], n = view->user_ptr[user + 1] - first;
        for (int64_t k = 0; k < n; k++) {
            const int32_t item = view->user_items[first + k];
            draws[k] = (struct draw){options->times ? options->times[first + k] : 0,
                                     interaction_key(options->seed, user, item), item,
                                     view->user_weights ? view->user_weights[first + k] : 1.0f};
        }
        if (n > 0)
            split_user(user, draws, n, options->share, since, parts);
    }
}

/* The logged negatives of the whole go to the part that is trained on. */
static adaptau_status give_negatives(adaptau_context *context, const adaptau_dataset_view *view, adaptau_dataset *kept,
                                     adaptau_error *error)
{
    const adaptau_csr rows = {.struct_size = sizeof rows,
                              .n_users = view->n_users,
                              .n_items = view->n_items,
                              .indptr = view->negative_ptr,
                              .indices = view->negatives,
                              .weights = view->negative_weights};
    adaptau_dataset  *negatives = NULL;
    if (!view->negative_ptr)
        return ADAPTAU_OK;
    adaptau_status status = adaptau_dataset_create(context, &rows, &negatives, error);
    if (!status)
        status = adaptau_dataset_set_negatives(kept, negatives, error);
    adaptau_dataset_destroy(negatives);
    return status;
}

static adaptau_status make_datasets(adaptau_context *context, const adaptau_dataset_view *view, const struct parts *parts,
                                    adaptau_dataset **kept, adaptau_dataset **held_out, adaptau_error *error)
{
    const int64_t    from = parts->n_kept;
    const float     *weights = parts->weights;
    adaptau_dataset *first = NULL, *second = NULL;
    adaptau_status   status = adaptau_dataset_create_from_interactions(context, view->n_users, view->n_items, parts->n_kept, parts->users,
                                                                       parts->items, weights, &first, error);
    if (!status)
        status = adaptau_dataset_create_from_interactions(context, view->n_users, view->n_items, parts->n_held_out, parts->users + from,
                                                          parts->items + from, weights ? weights + from : NULL, &second, error);
    if (!status)
        status = give_negatives(context, view, first, error);
    if (status) {
        adaptau_dataset_destroy(second);
        adaptau_dataset_destroy(first);
        return status;
    }
    *kept = first;
    *held_out = second;
    return ADAPTAU_OK;
}

static adaptau_status read_options(adaptau_split_options *own, const adaptau_split_options *options, adaptau_error *error)
{
    adaptau_status status = atau_read_struct(own, sizeof *own, sizeof *own, options, true, "options", error);
    if (status)
        return status;
    if (own->flags & ~ADAPTAU_SPLIT_ACROSS_USERS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->flags = 0x%x has unknown bits", own->flags);
    if (own->flags && !own->times)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->times is NULL, but ADAPTAU_SPLIT_ACROSS_USERS needs times");
    if (!isfinite(own->share))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->share = %g is not finite", own->share);
    if (own->share < 0 || own->share > 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->share = %g is outside 0 ... 1", own->share);
    return ADAPTAU_OK;
}

static int64_t largest_degree(const adaptau_dataset_view *view)
{
    int64_t largest = 0;
    for (int32_t user = 0; user < view->n_users; user++)
        if (view->user_ptr[user + 1] - view->user_ptr[user] > largest)
            largest = view->user_ptr[user + 1] - view->user_ptr[user];
    return largest;
}

/* The time from which on interactions are held out across users, in *since; *parted is false where there is no such time. */
static adaptau_status find_parting_time(adaptau_context *context, const adaptau_split_options *options, int64_t n, int64_t *since,
                                        bool *parted, adaptau_error *error)
{
    const int64_t wanted = count_share(options->share, n);
    *parted = false;
    if (wanted == 0)
        return ADAPTAU_OK;
    int64_t *times = atau_allocate_array(context, (uint64_t)n, sizeof *times);
    if (!times)
        return atau_fail_memory(error, (size_t)n * sizeof *times, "the times of a split");
    memcpy(times, options->times, (size_t)n * sizeof *times);
    atau_sort(times, n);
    *since = times[n - wanted];
    *parted = true;
    atau_free(context, times, (size_t)n * sizeof *times);
    return ADAPTAU_OK;
}

adaptau_status adaptau_dataset_split(adaptau_context *context, const adaptau_dataset *dataset,
                                     const adaptau_split_options *options, adaptau_dataset **kept, adaptau_dataset **held_out,
                                     adaptau_error *error)
{
    adaptau_split_options own;
    adaptau_dataset_view  view = {.struct_size = sizeof view};
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(kept, error);
    ATAU_REQUIRE(held_out, error);
    adaptau_status status = read_options(&own, options, error);
    if (!status)
        status = adaptau_dataset_get_view(dataset, &view, error);
    if (status)
        return status;
    const bool across = own.flags & ADAPTAU_SPLIT_ACROSS_USERS;
    int64_t    since = INT64_MAX;
    bool       parted = false;
    if (across)
        status = find_parting_time(context, &own, adaptau_dataset_n_interactions(dataset), &since, &parted, error);
    if (status)
        return status;
    if (across && !parted)
        own.share = 0;
    const size_t n = (size_t)adaptau_dataset_n_interactions(dataset), longest = (size_t)largest_degree(&view);
    struct parts parts = {.n = (int64_t)n};
    struct draw *draws = atau_allocate_array(context, longest, sizeof *draws);
    parts.users = atau_allocate_array(context, n, sizeof *parts.users);
    parts.items = atau_allocate_array(context, n, sizeof *parts.items);
    if (view.user_weights)
        parts.weights = atau_allocate_array(context, n, sizeof *parts.weights);
    if (draws && parts.users && parts.items && (parts.weights || !view.user_weights)) {
        split_users(&view, &own, parted ? &since : NULL, draws, &parts);
        status = make_datasets(context, &view, &parts, kept, held_out, error);
    } else
        status = atau_fail_memory(error, longest * sizeof *draws + 2 * n * sizeof *parts.users, "a split");
    atau_free(context, parts.weights, n * sizeof *parts.weights);
    atau_free(context, parts.items, n * sizeof *parts.items);
    atau_free(context, parts.users, n * sizeof *parts.users);
    atau_free(context, draws, longest * sizeof *draws);
    return status;
}
