/* SPDX-License-Identifier: MIT */
#include "kernels/topk.h"

#include <inttypes.h>
#include <math.h>

#include "common/context.h"
#include "common/error.h"
#include "common/lists.h"
#include "common/pool.h"
#include "common/size.h"

/* ---- heap ------------------------------------------------------------------------------------------------------- */

/* Put `key` into the hole at `place`, where everything below is greater than what is above it. */
static void sink(uint64_t *heap, int64_t n, int64_t place, uint64_t key)
{
    for (int64_t child = 2 * place + 1; child < n; child = 2 * place + 1) {
        child += child + 1 < n && heap[child + 1] < heap[child];
        if (key <= heap[child])
            break;
        heap[place] = heap[child];
        place = child;
    }
    heap[place] = key;
}

static void rise(uint64_t *heap, int64_t place, uint64_t key)
{
    while (place > 0 && key < heap[(place - 1) / 2]) {
        heap[place] = heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    heap[place] = key;
}

void atau_heap_offer(uint64_t *heap, int32_t *n, int32_t k, uint64_t key)
{
    if (*n < k)
        rise(heap, (*n)++, key);
    else if (key > heap[0])
        sink(heap, k, 0, key);
}

void atau_heap_sort(uint64_t *heap, int32_t n)
{
    while (n > 1) {
        uint64_t worst = heap[0];
        n--;
        sink(heap, n, 0, heap[n]);
        heap[n] = worst;
    }
}

/* ---- rows of scores --------------------------------------------------------------------------------------------- */

#define STRIPE 64 /* scores compared at once before any is looked at                                            */
#define ROWS_PER_TASK 8

struct top_k {
    int32_t             n_rows, n_columns, k;
    int32_t             k_kept; /* min(k, n_columns)                                                          */
    const float        *scores;
    int64_t             stride;
    const int64_t      *exclude_ptr;
    const int32_t      *exclude;
    int32_t            *columns;
    float              *values;
    uint64_t           *heaps; /* [lanes x k_kept]                                                            */
};

/* Where one row's selection stands. */
struct row_state {
    uint64_t           *heap;
    int32_t             n;
    const int32_t      *exclude, *exclude_end; /* what is still ahead                                         */
};

static void offer_column(struct row_state *state, int32_t k, float score, int32_t column)
{
    if (isnan(score))
        return;
    while (state->exclude < state->exclude_end && *state->exclude < column)
        state->exclude++;
    if (state->exclude < state->exclude_end && *state->exclude == column)
        return;
    atau_heap_offer(state->heap, &state->n, k, atau_rank_key(score, column));
}

/* Branch-free, so that the compiler makes vectors of it. */
static bool any_above(const float *scores, float threshold)
{
    int32_t above = 0;
    for (int i = 0; i < STRIPE; i++)
        above |= scores[i] > threshold;
    return above;
}

/* Columns come in ascending order, so that one as good as the k-th can't displace it: only better ones are looked at. */
static void select_row(const struct top_k *job, const float *scores, struct row_state *state)
{
    int32_t column = 0;
    for (; column < job->n_columns && state->n < job->k_kept; column++)
        offer_column(state, job->k_kept, scores[column], column);
    while (column < job->n_columns) {
        float   kth = atau_key_score(state->heap[0]);
        int32_t end = job->n_columns - column < STRIPE ? job->n_columns : column + STRIPE;
        if (end - column == STRIPE && !any_above(scores + column, kth)) {
            column = end;
            continue;
        }
        for (; column < end; column++)
            if (scores[column] > kth)
                offer_column(state, job->k_kept, scores[column], column);
    }
    atau_heap_sort(state->heap, state->n);
}

static void write_row(const struct top_k *job, int64_t row, const struct row_state *state)
{
    for (int32_t i = 0; i < job->k; i++) {
        bool found = i < state->n;
        job->columns[row * job->k + i] = found ? atau_key_id(state->heap[i]) : -1;
        if (job->values)
            job->values[row * job->k + i] = found ? atau_key_score(state->heap[i]) : -INFINITY;
    }
}

static void select_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct top_k *job = argument;
    for (int64_t row = first; row < end; row++) {
        struct row_state state = {.heap = job->heaps + (int64_t)lane * job->k_kept};
        const float     *scores = job->scores ? job->scores + row * job->stride : NULL; /* NULL: no columns     */
        if (job->exclude_ptr && job->exclude) {
            state.exclude = job->exclude + job->exclude_ptr[row];
            state.exclude_end = job->exclude + job->exclude_ptr[row + 1];
        }
        select_row(job, scores, &state);
        write_row(job, row, &state);
    }
}

/* ---- the public function ---------------------------------------------------------------------------------------- */

static adaptau_status check_exclusions(const struct top_k *job, adaptau_error *error)
{
    const struct atau_lists rows = {.n = job->n_rows,
                                    .ptr = job->exclude_ptr,
                                    .ids = job->exclude,
                                    .limit = job->n_columns,
                                    .may_repeat = true,
                                    .ptr_name = "exclude_ptr",
                                    .ids_name = "exclude",
                                    .limit_name = "n_columns"};
    return job->exclude_ptr ? atau_check_lists(&rows, error) : ADAPTAU_OK;
}

static adaptau_status check_top_k(const struct top_k *job, adaptau_error *error)
{
    if (job->n_rows < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_rows = %d is negative", job->n_rows);
    if (job->n_columns < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_columns = %d is negative", job->n_columns);
    if (job->k < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "k = %d is below 1", job->k);
    if (job->stride < job->n_columns)
        return atau_fail(error, ADAPTAU_E_SHAPE, "stride = %" PRId64 ", but n_columns = %d", job->stride, job->n_columns);
    if (!atau_rows_fit(job->n_rows, job->k) || !atau_rows_fit(job->n_rows, job->stride))
        return atau_fail(error, ADAPTAU_E_SHAPE, "%d rows of stride %" PRId64 " and k = %d are beyond memory", job->n_rows,
                         job->stride, job->k);
    if (job->n_rows > 0 && job->n_columns > 0 && !job->scores)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "scores is NULL");
    if (job->n_rows > 0 && !job->columns)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "columns is NULL");
    return check_exclusions(job, error);
}

adaptau_status adaptau_top_k(adaptau_context *context, int32_t n_rows, int32_t n_columns, const float *scores, int64_t stride,
                             int32_t k, const int64_t *exclude_ptr, const int32_t *exclude, int32_t *columns, float *values,
                             adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    struct top_k job = {
        .n_rows = n_rows,
        .n_columns = n_columns,
        .k = k,
        .k_kept = k < n_columns ? k : n_columns,
        .scores = scores,
        .stride = stride,
        .exclude_ptr = exclude_ptr,
        .exclude = exclude,
        .columns = columns,
        .values = values,
    };
    adaptau_status status = check_top_k(&job, error);
    if (status)
        return status;
    size_t heap = (size_t)context->options.n_threads * sizeof *job.heaps; /* an entry of each lane's            */
    job.heaps = atau_allocate_array(context, (uint64_t)job.k_kept, heap);
    if (!job.heaps)
        return atau_fail_memory(error, (size_t)job.k_kept * heap, "the best columns of a row");
    status = atau_parallel_rows(context, n_rows, ROWS_PER_TASK, select_rows, &job, error);
    atau_free(context, job.heaps, (size_t)job.k_kept * heap);
    return status;
}
