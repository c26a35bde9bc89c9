/* SPDX-License-Identifier: MIT */
/* A row of the product is a sum of gathered rows, which stays in registers until it is whole (the gather kernel): what moves is
 * one row of x for each entry, its id, and one row of the result. Degrees are uneven, so tasks are cut where they have about as
 * many entries, by a binary search in ptr. The road not taken: splitting long rows, whose parts would have to be added up in an
 * order of their own; a row of all users is still short against a product. */
#include "kernels/propagate.h"

#include <string.h>

#include "common/pool.h"
#include "common/size.h"
#include "kernels/of_context.h"

#define ENTRIES_PER_TASK 1024
#define ROWS_PER_TASK 64 /* of chosen rows */

struct call {
    const struct atau_kernels     *kernels;
    const struct atau_sparse      *matrix;
    const struct atau_propagation *p;
    struct atau_gather             from;
};

/* The ids of a row that count, as rows of x. */
static int64_t select_ids(const struct call *call, int64_t row, int32_t *out)
{
    const struct atau_sparse *a = call->matrix;
    const int32_t            *slots = call->p->slots;
    int64_t                   n = 0;
    for (int64_t e = a->ptr[row]; e < a->ptr[row + 1]; e++) {
        int32_t id = slots ? slots[a->ids[e]] : a->ids[e];
        out[n] = id;
        n += id >= 0 && (!a->kept || (a->kept[e / 32] >> e % 32 & 1));
    }
    return n;
}

/* Entries with values of their own, one after the other. They are rare and few: soft targets once an epoch, a start by SVD. */
static void propagate_values(const struct call *call, int64_t row)
{
    const struct atau_sparse      *a = call->matrix;
    const struct atau_propagation *p = call->p;
    const float                    left = p->scale * (a->left ? a->left[row] : 1.0f);
    float                         *out = p->out + row * p->out_stride;
    if (p->base)
        call->kernels->scale(p->dim, p->base_scale, p->base + row * p->base_stride, out);
    else
        memset(out, 0, (size_t)p->dim * sizeof(float));
    for (int64_t e = a->ptr[row]; e < a->ptr[row + 1]; e++) {
        const int32_t id = a->ids[e];
        call->kernels->axpy(p->dim, left * (a->right ? a->right[id] : 1.0f) * a->values[e], p->x + id * p->x_stride, out);
    }
}

static void propagate_row(const struct call *call, int32_t lane, int64_t row, int64_t end)
{
    const struct atau_sparse      *a = call->matrix;
    const struct atau_propagation *p = call->p;
    const int32_t                 *ids = a->ids + a->ptr[row];
    int64_t                        n = a->ptr[row + 1] - a->ptr[row], n_ahead = end - a->ptr[row];
    if (a->values) {
        propagate_values(call, row);
        return;
    }
    if (p->scratch) {
        int32_t *selected = p->scratch + lane * p->scratch_stride;
        n = n_ahead = select_ids(call, row, selected);
        ids = selected;
    }
    call->kernels->gather(&call->from, n, n_ahead, ids, p->scale * (a->left ? a->left[row] : 1.0f), p->base_scale,
                          p->base ? p->base + row * p->base_stride : NULL, p->out + row * p->out_stride);
}

/* The first row that starts at or behind `place`, where a row takes as many places as it has entries, and one more. */
static int64_t row_at(const struct atau_sparse *a, int64_t place)
{
    int64_t low = 0, high = a->n_rows;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (a->ptr[middle] + middle < place)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void propagate_part(void *argument, int32_t lane, int64_t task)
{
    const struct call        *call = argument;
    const struct atau_sparse *a = call->matrix;
    const int64_t             end = row_at(a, (task + 1) * ENTRIES_PER_TASK);
    for (int64_t row = row_at(a, task * ENTRIES_PER_TASK); row < end; row++)
        propagate_row(call, lane, row, a->ptr[end]);
}

static void propagate_chosen(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct call *call = argument;
    for (int64_t k = first; k < end; k++) {
        int64_t row = call->p->rows[k];
        propagate_row(call, lane, row, call->matrix->ptr[row + 1]);
    }
}

adaptau_status atau_propagate(adaptau_context *context, const struct atau_sparse *matrix,
                              const struct atau_propagation *propagation, adaptau_error *error)
{
    const struct atau_propagation *p = propagation;
    struct call call = {atau_kernels_of(context), matrix, p, {p->x, p->x_stride, p->dim, matrix->right}};
    if (p->rows)
        return atau_parallel_rows(context, p->n_rows, ROWS_PER_TASK, propagate_chosen, &call, error);
    const int64_t places = matrix->n_rows > 0 ? matrix->ptr[matrix->n_rows] + matrix->n_rows : 0;
    return atau_parallel(context, (places + ENTRIES_PER_TASK - 1) / ENTRIES_PER_TASK, propagate_part, &call, error);
}
