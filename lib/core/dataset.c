/* SPDX-License-Identifier: MIT */
/* Interactions in both directions. A host's rows are checked and borrowed; pairs are sorted by two counting sorts, by item and
 * then, stably, by user. Both end with the transpose, whose rows come out ascending because users are walked in order. */
#include "core/dataset.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/abi.h"
#include "common/context.h"
#include "common/error.h"
#include "common/lists.h"
#include "kernels/check.h"

static adaptau_status check_sizes(int32_t n_users, int32_t n_items, const char *prefix, adaptau_error *error)
{
    if (n_users < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%sn_users = %d is negative", prefix, n_users);
    if (n_items < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%sn_items = %d is negative", prefix, n_items);
    return ADAPTAU_OK;
}

static adaptau_status check_rows(const adaptau_csr *csr, adaptau_error *error)
{
    const struct atau_lists rows = {.n = csr->n_users,
                                    .ptr = csr->indptr,
                                    .ids = csr->indices,
                                    .limit = csr->n_items,
                                    .ptr_name = "csr->indptr",
                                    .ids_name = "csr->indices",
                                    .limit_name = "n_items"};
    return atau_check_lists(&rows, error);
}

/* counts[i] items of kind i, i < n, become offsets[0 .. n]; the array has n + 1 places. */
static void sum_counts(int64_t *counts, int32_t n)
{
    int64_t sum = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t count = counts[i];
        counts[i] = sum;
        sum += count;
    }
    counts[n] = sum;
}

/* A filling loop has moved each start to its end, which is the next one's start: move them one place up. */
static void restore_starts(int64_t *offsets, int32_t n)
{
    memmove(offsets + 1, offsets, (size_t)n * sizeof *offsets);
    offsets[0] = 0;
}

static void transpose(adaptau_dataset *dataset)
{
    memset(dataset->item_ptr, 0, ((size_t)dataset->n_items + 1) * sizeof *dataset->item_ptr);
    for (int64_t p = 0; p < dataset->n_interactions; p++)
        dataset->item_ptr[dataset->user_items[p]]++;
    sum_counts(dataset->item_ptr, dataset->n_items);
    for (int32_t u = 0; u < dataset->n_users; u++)
        for (int64_t p = dataset->user_ptr[u]; p < dataset->user_ptr[u + 1]; p++) {
            const int64_t place = dataset->item_ptr[dataset->user_items[p]]++;
            dataset->item_users[place] = u;
            if (dataset->user_weights)
                dataset->item_weights[place] = dataset->user_weights[p];
        }
    restore_starts(dataset->item_ptr, dataset->n_items);
}

/* Whether all arrays are there that the dataset should have. */
static bool has_room(const adaptau_dataset *dataset, bool own, bool weighted)
{
    return dataset->item_ptr && dataset->item_users && (!own || (dataset->own_user_ptr && dataset->own_user_items)) &&
           (!weighted || dataset->item_weights) && (!own || !weighted || dataset->own_user_weights);
}

/* A dataset with room for the transpose and, `own`, for the rows. */
static adaptau_status allocate_dataset(adaptau_context *context, int32_t n_users, int32_t n_items, int64_t capacity,
                                       bool own, bool weighted, adaptau_dataset **out, adaptau_error *error)
{
    adaptau_dataset *dataset = atau_allocate_zeroed(context, 1, sizeof *dataset);
    if (!dataset)
        return atau_fail_memory(error, sizeof *dataset, "a dataset");
    dataset->context = context;
    dataset->n_users = n_users;
    dataset->n_items = n_items;
    dataset->capacity = capacity;
    dataset->user_ptr = &dataset->origin;
    dataset->item_ptr = atau_allocate_array(context, (uint64_t)n_items + 1, sizeof *dataset->item_ptr);
    dataset->item_users = atau_allocate_array(context, (uint64_t)capacity, sizeof *dataset->item_users);
    if (own) {
        dataset->own_user_ptr = atau_allocate_zeroed(context, (uint64_t)n_users + 1, sizeof *dataset->own_user_ptr);
        dataset->own_user_items = atau_allocate_array(context, (uint64_t)capacity, sizeof *dataset->own_user_items);
    }
    if (weighted)
        dataset->item_weights = atau_allocate_array(context, (uint64_t)capacity, sizeof *dataset->item_weights);
    if (weighted && own)
        dataset->own_user_weights = atau_allocate_array(context, (uint64_t)capacity, sizeof *dataset->own_user_weights);
    if (!has_room(dataset, own, weighted)) {
        adaptau_dataset_destroy(dataset);
        return atau_fail(error, ADAPTAU_E_MEMORY, "out of memory: a dataset of %d users, %d items, %" PRId64 " pairs",
                         n_users, n_items, capacity);
    }
    *out = dataset;
    return ADAPTAU_OK;
}

adaptau_status adaptau_dataset_create(adaptau_context *context, const adaptau_csr *csr, adaptau_dataset **out,
                                      adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(out, error);
    adaptau_csr    own;
    adaptau_status status = atau_read_struct(&own, sizeof own, sizeof own, csr, false, "csr", error);
    if (status)
        return status;
    if (own.reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "csr->reserved = %d, not 0", own.reserved);
    status = check_sizes(own.n_users, own.n_items, "csr->", error);
    if (!status)
        status = check_rows(&own, error);
    int64_t n_interactions = !status && own.n_users > 0 ? own.indptr[own.n_users] : 0;
    if (!status)
        status = atau_check_weights("weights", n_interactions, own.weights, error);
    if (status)
        return status;

    adaptau_dataset *dataset;
    status = allocate_dataset(context, own.n_users, own.n_items, n_interactions, false, own.weights != NULL, &dataset, error);
    if (status)
        return status;
    if (own.indptr)
        dataset->user_ptr = own.indptr;
    dataset->user_items = own.indices;
    dataset->user_weights = own.weights;
    dataset->n_interactions = n_interactions;
    transpose(dataset);
    *out = dataset;
    return ADAPTAU_OK;
}

static adaptau_status check_pairs(int32_t n_users, int32_t n_items, int64_t n_interactions, const int32_t *users,
                                  const int32_t *items, adaptau_error *error)
{
    adaptau_status status = check_sizes(n_users, n_items, "", error);
    if (status)
        return status;
    if (n_interactions < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_interactions = %" PRId64 " is negative", n_interactions);
    if (n_interactions > 0) {
        ATAU_REQUIRE(users, error);
        ATAU_REQUIRE(items, error);
    }
    for (int64_t p = 0; p < n_interactions; p++) {
        if (users[p] < 0 || users[p] >= n_users)
            return atau_fail(error, ADAPTAU_E_INDEX, "users[%" PRId64 "] = %d, but n_users = %d", p, users[p], n_users);
        if (items[p] < 0 || items[p] >= n_items)
            return atau_fail(error, ADAPTAU_E_INDEX, "items[%" PRId64 "] = %d, but n_items = %d", p, items[p], n_items);
    }
    return ADAPTAU_OK;
}

/* Rows with repeats side by side, in the order in which they came. What belongs to items serves as the first sort's result;
 * transpose() writes it anew. */
static void sort_pairs(adaptau_dataset *dataset, int64_t n_interactions, const int32_t *users, const int32_t *items,
                       const float *weights)
{
    int64_t *item_ptr = dataset->item_ptr, *user_ptr = dataset->own_user_ptr;
    memset(item_ptr, 0, ((size_t)dataset->n_items + 1) * sizeof *item_ptr);
    for (int64_t p = 0; p < n_interactions; p++) {
        item_ptr[items[p]]++;
        user_ptr[users[p]]++;
    }
    sum_counts(item_ptr, dataset->n_items);
    sum_counts(user_ptr, dataset->n_users);
    for (int64_t p = 0; p < n_interactions; p++) {
        const int64_t place = item_ptr[items[p]]++;
        dataset->item_users[place] = users[p];
        if (weights)
            dataset->item_weights[place] = weights[p];
    }
    restore_starts(item_ptr, dataset->n_items);
    for (int32_t i = 0; i < dataset->n_items; i++)
        for (int64_t p = item_ptr[i]; p < item_ptr[i + 1]; p++) {
            const int64_t place = user_ptr[dataset->item_users[p]]++;
            dataset->own_user_items[place] = i;
            if (weights)
                dataset->own_user_weights[place] = dataset->item_weights[p];
        }
    restore_starts(user_ptr, dataset->n_users);
}

/* The end of the run of one item that starts at p. */
static int64_t end_of_run(const int32_t *items, int64_t p, int64_t end)
{
    const int32_t item = items[p];
    while (p < end && items[p] == item)
        p++;
    return p;
}

/* Each once, with the sum of its weights. */
static adaptau_status merge_repeats(adaptau_dataset *dataset, adaptau_error *error)
{
    int64_t *user_ptr = dataset->own_user_ptr;
    int32_t *items = dataset->own_user_items;
    float   *weights = dataset->own_user_weights;
    int64_t  kept = 0, start = 0;
    for (int32_t u = 0; u < dataset->n_users; u++) {
        const int64_t end = user_ptr[u + 1];
        for (int64_t p = start, next; p < end; p = next, kept++) {
            double weight = 0.0;
            next = end_of_run(items, p, end);
            for (int64_t q = p; weights && q < next; q++)
                weight += (double)weights[q];
            if (weight > (double)ATAU_GREATEST_WEIGHT)
                return atau_fail(error, ADAPTAU_E_ARGUMENT, "weights of user %d and item %d add up to %g, above 1e30", u,
                                 items[p], weight);
            items[kept] = items[p];
            if (weights)
                weights[kept] = (float)weight;
        }
        start = end;
        user_ptr[u + 1] = kept;
    }
    dataset->n_interactions = kept;
    dataset->n_duplicates = start - kept;
    return ADAPTAU_OK;
}

adaptau_status adaptau_dataset_create_from_interactions(adaptau_context *context, int32_t n_users, int32_t n_items, int64_t n_interactions,
                                                        const int32_t *users, const int32_t *items, const float *weights,
                                                        adaptau_dataset **out, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = check_pairs(n_users, n_items, n_interactions, users, items, error);
    if (!status)
        status = atau_check_weights("weights", n_interactions, weights, error);
    if (status)
        return status;
    adaptau_dataset *dataset;
    status = allocate_dataset(context, n_users, n_items, n_interactions, true, weights != NULL, &dataset, error);
    if (status)
        return status;
    sort_pairs(dataset, n_interactions, users, items, weights);
    status = merge_repeats(dataset, error);
    if (status) {
        adaptau_dataset_destroy(dataset);
        return status;
    }
    dataset->user_ptr = dataset->own_user_ptr;
    dataset->user_items = dataset->own_user_items;
    dataset->user_weights = dataset->own_user_weights;
    transpose(dataset);
    *out = dataset;
    return ADAPTAU_OK;
}

static int64_t n_negatives(const adaptau_dataset *dataset)
{
    return dataset->negative_ptr ? dataset->negative_ptr[dataset->n_users] : 0;
}

static void free_negatives(adaptau_context *context, int32_t n_users, int64_t n, int64_t *ptr, int32_t *items, float *weights)
{
    atau_free(context, ptr, ((size_t)n_users + 1) * sizeof *ptr);
    atau_free(context, items, (size_t)n * sizeof *items);
    atau_free(context, weights, (size_t)n * sizeof *weights);
}

/* There is at least one. */
static adaptau_status copy_negatives(adaptau_dataset *dataset, const adaptau_dataset *negatives, adaptau_error *error)
{
    const int64_t n = negatives->n_interactions;
    const size_t  n_ptr = (size_t)dataset->n_users + 1;
    int64_t      *ptr = atau_allocate_array(dataset->context, n_ptr, sizeof *ptr);
    int32_t      *items = atau_allocate_array(dataset->context, (uint64_t)n, sizeof *items);
    float        *weights = NULL;
    if (negatives->user_weights)
        weights = atau_allocate_array(dataset->context, (uint64_t)n, sizeof *weights);
    if (!ptr || !items || (!weights && negatives->user_weights)) {
        free_negatives(dataset->context, dataset->n_users, n, ptr, items, weights);
        return atau_fail(error, ADAPTAU_E_MEMORY, "out of memory: %" PRId64 " negatives", n);
    }
    memcpy(ptr, negatives->user_ptr, n_ptr * sizeof *ptr);
    memcpy(items, negatives->user_items, (size_t)n * sizeof *items);
    if (weights)
        memcpy(weights, negatives->user_weights, (size_t)n * sizeof *weights);
    dataset->negative_ptr = ptr;
    dataset->negatives = items;
    dataset->negative_weights = weights;
    return ADAPTAU_OK;
}

adaptau_status adaptau_dataset_set_negatives(adaptau_dataset *dataset, const adaptau_dataset *negatives, adaptau_error *error)
{
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(negatives, error);
    if (negatives->n_users != dataset->n_users || negatives->n_items != dataset->n_items)
        return atau_fail(error, ADAPTAU_E_SHAPE, "negatives is %d x %d, but dataset is %d x %d", negatives->n_users,
                         negatives->n_items, dataset->n_users, dataset->n_items);
    if (dataset->negative_ptr)
        return atau_fail(error, ADAPTAU_E_STATE, "dataset has %" PRId64 " negatives already", n_negatives(dataset));
    return negatives->n_interactions > 0 ? copy_negatives(dataset, negatives, error) : ADAPTAU_OK;
}

void adaptau_dataset_destroy(adaptau_dataset *dataset)
{
    if (!dataset)
        return;
    adaptau_context *context = dataset->context;
    size_t           capacity = (size_t)dataset->capacity;
    atau_free(context, dataset->item_ptr, ((size_t)dataset->n_items + 1) * sizeof *dataset->item_ptr);
    atau_free(context, dataset->item_users, capacity * sizeof *dataset->item_users);
    atau_free(context, dataset->own_user_ptr, ((size_t)dataset->n_users + 1) * sizeof *dataset->own_user_ptr);
    atau_free(context, dataset->own_user_items, capacity * sizeof *dataset->own_user_items);
    atau_free(context, dataset->item_weights, capacity * sizeof *dataset->item_weights);
    atau_free(context, dataset->own_user_weights, capacity * sizeof *dataset->own_user_weights);
    free_negatives(context, dataset->n_users, n_negatives(dataset), dataset->negative_ptr, dataset->negatives,
                   dataset->negative_weights);
    atau_free(context, dataset, sizeof *dataset);
}

int32_t adaptau_dataset_n_users(const adaptau_dataset *dataset)
{
    return dataset ? dataset->n_users : 0;
}

int32_t adaptau_dataset_n_items(const adaptau_dataset *dataset)
{
    return dataset ? dataset->n_items : 0;
}

int64_t adaptau_dataset_n_interactions(const adaptau_dataset *dataset)
{
    return dataset ? dataset->n_interactions : 0;
}

int64_t adaptau_dataset_n_duplicates(const adaptau_dataset *dataset)
{
    return dataset ? dataset->n_duplicates : 0;
}

adaptau_status adaptau_dataset_get_view(const adaptau_dataset *dataset, adaptau_dataset_view *out, adaptau_error *error)
{
    ATAU_REQUIRE(dataset, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status)
        return status;
    adaptau_dataset_view view = {
        .n_users = dataset->n_users,
        .n_items = dataset->n_items,
        .user_ptr = dataset->user_ptr,
        .user_items = dataset->user_items,
        .item_ptr = dataset->item_ptr,
        .item_users = dataset->item_users,
        .user_weights = dataset->user_weights,
        .item_weights = dataset->item_weights,
        .negative_ptr = dataset->negative_ptr,
        .negatives = dataset->negatives,
        .negative_weights = dataset->negative_weights,
    };
    atau_write_struct(out, &view, sizeof view);
    return ADAPTAU_OK;
}

void atau_popularity_log_q(const adaptau_dataset *dataset, double exponent, float *log_q)
{
    for (int32_t i = 0; i < dataset->n_items; i++)
        log_q[i] = (float)(-exponent * log(fmax(1.0, (double)atau_item_degree(dataset, i))));
}
