/* SPDX-License-Identifier: MIT */
#include "common/pairs.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

static adaptau_status grow(struct pairs *pairs, adaptau_error *error)
{
    int64_t capacity = pairs->capacity ? pairs->capacity * 2 : 1024;
    size_t  size = (size_t)capacity * sizeof(int32_t);
    if ((uint64_t)capacity > SIZE_MAX / sizeof(double))
        return fail_memory(error, "the pairs");
    int32_t *users = realloc(pairs->users, size);
    if (users)
        pairs->users = users;
    int32_t *items = users ? realloc(pairs->items, size) : NULL;
    if (items)
        pairs->items = items;
    double *times = items && pairs->timed ? realloc(pairs->times, (size_t)capacity * sizeof *times) : NULL;
    if (times)
        pairs->times = times;
    float *weights = items && pairs->weighed ? realloc(pairs->weights, (size_t)capacity * sizeof *weights) : NULL;
    if (weights)
        pairs->weights = weights;
    if (!items || (pairs->timed && !times) || (pairs->weighed && !weights))
        return fail_memory(error, "the pairs");
    pairs->capacity = capacity;
    return ADAPTAU_OK;
}

adaptau_status pairs_append_at(struct pairs *pairs, int32_t user, int32_t item, double time, float weight, adaptau_error *error)
{
    if (pairs->count == pairs->capacity) {
        adaptau_status status = grow(pairs, error);
        if (status)
            return status;
    }
    pairs->users[pairs->count] = user;
    pairs->items[pairs->count] = item;
    if (pairs->times)
        pairs->times[pairs->count] = time;
    if (pairs->weights)
        pairs->weights[pairs->count] = weight;
    pairs->count++;
    return ADAPTAU_OK;
}

adaptau_status pairs_append(struct pairs *pairs, int32_t user, int32_t item, adaptau_error *error)
{
    return pairs_append_at(pairs, user, item, 0, 1, error);
}

void pairs_drop_times(struct pairs *pairs)
{
    free(pairs->times);
    pairs->times = NULL;
    pairs->timed = false;
}

void pairs_free(struct pairs *pairs)
{
    free(pairs->users);
    free(pairs->items);
    free(pairs->times);
    free(pairs->weights);
    *pairs = (struct pairs){0};
}

adaptau_status pairs_to_dataset(const struct pairs *pairs, adaptau_context *context, int32_t n_users, int32_t n_items,
                                adaptau_dataset **out, adaptau_error *error)
{
    return adaptau_dataset_create_from_interactions(context, n_users, n_items, pairs->count, pairs->users, pairs->items, pairs->weights,
                                                    out, error);
}

/* Where a pair stands in the dataset, or -1. */
static int64_t find_pair(const adaptau_dataset_view *view, int32_t user, int32_t item)
{
    int64_t low = view->user_ptr[user], end = view->user_ptr[user + 1], high = end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (view->user_items[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && view->user_items[low] == item ? low : -1;
}

adaptau_status pairs_times_along(const struct pairs *pairs, const adaptau_dataset *dataset, double **times, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    *times = NULL;
    adaptau_status status = pairs->times ? adaptau_dataset_get_view(dataset, &view, error) : ADAPTAU_OK;
    if (status || !pairs->times)
        return status;
    int64_t n = view.user_ptr[view.n_users];
    double *along = malloc(((size_t)n + 1) * sizeof *along);
    if (!along)
        return fail_memory(error, "the times");
    for (int64_t i = 0; i < n; i++)
        along[i] = -HUGE_VAL;
    for (int64_t i = 0; i < pairs->count; i++) {
        int64_t at = find_pair(&view, pairs->users[i], pairs->items[i]);
        if (at >= 0 && pairs->times[i] > along[at])
            along[at] = pairs->times[i];
    }
    *times = along;
    return ADAPTAU_OK;
}

/* ---- times as whole numbers ----------------------------------------------------------------------------------------- */

#define LARGEST_EXACT 9007199254740992.0 /* 2^53 */

static bool are_whole(const double *times, int64_t n)
{
    int64_t i = 0;
    while (i < n && fabs(times[i]) <= LARGEST_EXACT && times[i] == floor(times[i]))
        i++;
    return i == n;
}

static int compare_times(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int64_t rank_of(double time, const double *different, int64_t n)
{
    int64_t low = 0;
    for (int64_t high = n; low < high;) {
        const int64_t middle = low + (high - low) / 2;
        if (different[middle] < time)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static adaptau_status rank_times(const double *times, int64_t n, int64_t *ranks, adaptau_error *error)
{
    int64_t n_different = 0;
    double *sorted = malloc((size_t)n * sizeof *sorted);
    if (!sorted)
        return fail_memory(error, "the times");
    memcpy(sorted, times, (size_t)n * sizeof *sorted);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_times);
    for (int64_t i = 0; i < n; i++)
        if (i == 0 || sorted[i] > sorted[n_different - 1])
            sorted[n_different++] = sorted[i];
    for (int64_t i = 0; i < n; i++)
        ranks[i] = rank_of(times[i], sorted, n_different);
    free(sorted);
    return ADAPTAU_OK;
}

adaptau_status times_to_whole(const double *times, int64_t n, int64_t **whole, adaptau_error *error)
{
    int64_t       *out = malloc(((size_t)n + 1) * sizeof *out);
    adaptau_status status = out ? ADAPTAU_OK : fail_memory(error, "the times");
    if (!status && !are_whole(times, n))
        status = rank_times(times, n, out, error);
    else if (!status)
        for (int64_t i = 0; i < n; i++)
            out[i] = (int64_t)times[i];
    if (status)
        free(out);
    else
        *whole = out;
    return status;
}
