/* SPDX-License-Identifier: MIT */
#include "kernels/check.h"

#include <inttypes.h>
#include <math.h>

#include "common/abi.h"
#include "common/error.h"
#include "common/lists.h"
#include "common/pool.h"
#include "common/size.h"

#define KNOWN_TABLE_FLAGS (ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS | ADAPTAU_BFLOAT16)
#define KNOWN_BATCH_FLAGS ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM
#define ROWS_PER_TASK 512

static adaptau_status check_side(const char *side, int32_t n, int32_t dim, const float *rows, int64_t *stride,
                                 adaptau_error *error)
{
    if (n < 0)
        return atau_fail(error, ADAPTAU_E_SHAPE, "tables->n_%s = %d is negative", side, n);
    if (n > 0 && !rows)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "tables->%s is NULL, but tables->n_%s = %d", side, side, n);
    if (*stride == 0)
        *stride = dim;
    if (*stride < dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "tables->%.4s_stride = %lld, but dim = %d", side, (long long)*stride,
                         dim);
    if (!atau_rows_fit(n, *stride))
        return atau_fail(error, ADAPTAU_E_SHAPE, "tables->n_%s = %d rows of %lld floats exceed the address space", side,
                         n, (long long)*stride);
    return ADAPTAU_OK;
}

adaptau_status atau_check_tables(const adaptau_tables *given, adaptau_tables *out, adaptau_error *error)
{
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, given, false, "tables", error);
    if (status != ADAPTAU_OK)
        return status;
    if (out->flags & ~KNOWN_TABLE_FLAGS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "tables->flags = 0x%x has unknown bits", out->flags);
    if (out->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "tables->reserved = %d, not 0", out->reserved);
    if (out->dim < 1 || out->dim > ADAPTAU_MAX_DIM)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "tables->dim = %d is outside 1 ... %d", out->dim, ADAPTAU_MAX_DIM);
    status = check_side("users", out->n_users, out->dim, out->users, &out->user_stride, error);
    if (status == ADAPTAU_OK)
        status = check_side("items", out->n_items, out->dim, out->items, &out->item_stride, error);
    return status;
}

static adaptau_status check_ids(const char *name, const int32_t *ids, int64_t n, int32_t limit, const char *limit_name,
                                adaptau_error *error)
{
    for (int64_t i = 0; i < n; i++)
        if (ids[i] < 0 || ids[i] >= limit)
            return atau_fail(error, ADAPTAU_E_INDEX, "batch->%s[%lld] = %d, but %s = %d", name, (long long)i, ids[i],
                             limit_name, limit);
    return ADAPTAU_OK;
}

static adaptau_status check_positives(const adaptau_batch *b, int32_t n_items, adaptau_error *error)
{
    const struct atau_lists rows = {.n = b->n_rows,
                                    .ptr = b->positive_ptr,
                                    .ids = b->positives,
                                    .limit = n_items,
                                    .ptr_name = "batch->positive_ptr",
                                    .ids_name = "batch->positives",
                                    .limit_name = "n_items"};
    adaptau_status          status = atau_check_list_offsets(&rows, error);
    if (status != ADAPTAU_OK)
        return status;
    const int64_t n = b->positive_ptr[b->n_rows];
    if (n > INT32_MAX)
        return atau_fail(error, ADAPTAU_E_SHAPE, "a batch of %lld positives exceeds 2^31 - 1", (long long)n);
    return atau_check_list_ids(&rows, error);
}

/* Weights that an item has beyond the 1 of the catalogue: 0 is one. */
static adaptau_status check_negative_weights(int64_t n, const float *weights, adaptau_error *error)
{
    for (int64_t i = 0; weights && i < n; i++) {
        if (!isfinite(weights[i]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "batch->negative_weights[%lld] = %g is not finite", (long long)i,
                             (double)weights[i]);
        if (weights[i] < 0.0f || weights[i] > ATAU_GREATEST_WEIGHT)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->negative_weights[%lld] = %g is outside 0 ... 1e30", (long long)i,
                             (double)weights[i]);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_negatives(const adaptau_batch *b, int32_t n_items, adaptau_error *error)
{
    const struct atau_lists rows = {.n = b->n_rows,
                                    .ptr = b->negative_ptr,
                                    .ids = b->negatives,
                                    .limit = n_items,
                                    .ptr_name = "batch->negative_ptr",
                                    .ids_name = "batch->negatives",
                                    .limit_name = "n_items"};
    if (!b->negative_ptr && (b->negatives || b->negative_weights))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->%s is given, but batch->negative_ptr is NULL",
                         b->negatives ? "negatives" : "negative_weights");
    if (!b->negative_ptr)
        return ADAPTAU_OK;
    if (b->candidates != ADAPTAU_CANDIDATES_CATALOGUE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "batch->negative_ptr is given, but batch->candidates = %d: logged negatives need ADAPTAU_CANDIDATES_CATALOGUE",
                         b->candidates);
    adaptau_status status = atau_check_lists(&rows, error);
    return status == ADAPTAU_OK ? check_negative_weights(b->negative_ptr[b->n_rows], b->negative_weights, error) : status;
}

/* Entries of candidate_ids and of log_q. */
static int64_t n_candidate_ids(const adaptau_batch *b)
{
    return b->candidates == ADAPTAU_CANDIDATES_SHARED    ? b->n_candidates
           : b->candidates == ADAPTAU_CANDIDATES_PER_ROW ? b->n_candidates * b->n_rows
                                                         : 0;
}

static adaptau_status check_candidates(const adaptau_batch *b, int32_t n_items, adaptau_error *error)
{
    if (b->candidates < ADAPTAU_CANDIDATES_CATALOGUE || b->candidates > ADAPTAU_CANDIDATES_PER_ROW)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->candidates = %d is unknown", b->candidates);
    if (b->candidates == ADAPTAU_CANDIDATES_CATALOGUE) {
        if (b->n_candidates || b->candidate_ids)
            return atau_fail(error, ADAPTAU_E_ARGUMENT,
                             "batch->n_candidates = %" PRId64
                             " and batch->candidate_ids%s are given, but the catalogue takes none: 0 and NULL",
                             (int64_t)b->n_candidates, b->candidate_ids ? "" : " = NULL");
        return ADAPTAU_OK;
    }
    if (b->n_candidates < 0 || b->n_candidates > INT32_MAX ||
        (b->candidates == ADAPTAU_CANDIDATES_PER_ROW && b->n_candidates * b->n_rows > INT32_MAX))
        return atau_fail(error, ADAPTAU_E_SHAPE, "batch->n_candidates = %lld for %d rows is outside 0 ... 2^31 - 1",
                         (long long)b->n_candidates, b->n_rows);
    if (n_candidate_ids(b) > 0 && !b->candidate_ids)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->candidate_ids is NULL, but batch->n_candidates = %lld",
                         (long long)b->n_candidates);
    return check_ids("candidate_ids", b->candidate_ids, n_candidate_ids(b), n_items, "n_items", error);
}

adaptau_status atau_check_weights(const char *name, int64_t n, const float *weights, adaptau_error *error)
{
    for (int64_t i = 0; weights && i < n; i++) {
        if (!isfinite(weights[i]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "%s[%lld] = %g is not finite", name, (long long)i, (double)weights[i]);
        if (weights[i] < ATAU_LEAST_WEIGHT || weights[i] > ATAU_GREATEST_WEIGHT)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s[%lld] = %g is outside 1e-30 ... 1e30", name, (long long)i,
                             (double)weights[i]);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_numbers(const adaptau_batch *b, int32_t n_items, adaptau_error *error)
{
    int64_t n = b->candidates == ADAPTAU_CANDIDATES_CATALOGUE ? n_items : n_candidate_ids(b);
    for (int64_t i = 0; b->log_q && i < n; i++)
        if (!isfinite(b->log_q[i]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "batch->log_q[%lld] = %g is not finite", (long long)i,
                             (double)b->log_q[i]);
    for (int32_t r = 0; b->row_weights && r < b->n_rows; r++) {
        if (!isfinite(b->row_weights[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "batch->row_weights[%d] = %g is not finite", r, (double)b->row_weights[r]);
        if (b->row_weights[r] < 0.0f)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->row_weights[%d] = %g is negative", r, (double)b->row_weights[r]);
    }
    return atau_check_weights("batch->positive_weights", b->positive_ptr[b->n_rows], b->positive_weights, error);
}

static adaptau_status check_targets(const adaptau_batch *b, adaptau_error *error)
{
    if (!b->target_shares != !b->user_targets)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->%s is NULL, but batch->%s is not",
                         b->target_shares ? "user_targets" : "target_shares",
                         b->target_shares ? "target_shares" : "user_targets");
    if (!isfinite(b->item_target_scale))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "batch->item_target_scale = %g is not finite",
                         (double)b->item_target_scale);
    for (int32_t r = 0; b->target_shares && r < b->n_rows; r++) {
        if (!isfinite(b->target_shares[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "batch->target_shares[%d] = %g is not finite", r,
                             (double)b->target_shares[r]);
        if (b->target_shares[r] < 0.0f || b->target_shares[r] > 1.0f)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->target_shares[%d] = %g is outside 0 ... 1", r,
                             (double)b->target_shares[r]);
    }
    return ADAPTAU_OK;
}

adaptau_status atau_check_batch(const adaptau_batch *given, int32_t n_users, int32_t n_items, adaptau_batch *out,
                                adaptau_error *error)
{
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, given, false, "batch", error);
    if (status != ADAPTAU_OK)
        return status;
    if (out->flags & ~KNOWN_BATCH_FLAGS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->flags = 0x%x has unknown bits", out->flags);
    if (out->n_rows < 0)
        return atau_fail(error, ADAPTAU_E_SHAPE, "batch->n_rows = %d is negative", out->n_rows);
    if (out->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "batch->reserved = %d, not 0", out->reserved);
    if (out->n_rows == 0)
        return ADAPTAU_OK;
    if (!out->users && out->n_rows > n_users)
        return atau_fail(error, ADAPTAU_E_SHAPE, "batch->n_rows = %d without batch->users, but n_users = %d", out->n_rows,
                         n_users);
    if (out->users)
        status = check_ids("users", out->users, out->n_rows, n_users, "n_users", error);
    if (status == ADAPTAU_OK)
        status = check_positives(out, n_items, error);
    if (status == ADAPTAU_OK)
        status = check_candidates(out, n_items, error);
    if (status == ADAPTAU_OK)
        status = check_numbers(out, n_items, error);
    if (status == ADAPTAU_OK)
        status = check_negatives(out, n_items, error);
    return status == ADAPTAU_OK ? check_targets(out, error) : status;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

struct finite_check {
    const float    *rows;
    const int32_t  *ids; /* of the rows that are looked at, or NULL: all                                      */
    int64_t         n, stride;
    int32_t         dim;
    _Atomic int64_t first_bad;
};

static void check_chunk(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct finite_check *c = argument;
    (void)lane;
    for (int64_t r = first; r < end; r++) {
        const float *row = c->rows + (c->ids ? c->ids[r] : r) * c->stride;
        float        zero = 0.0f; /* x · 0 is 0 for finite x alone                                             */
        for (int32_t k = 0; k < c->dim; k++)
            zero += row[k] * 0.0f;
        if (zero == 0.0f)
            continue;
        int64_t best = atomic_load(&c->first_bad);
        while (r < best && !atomic_compare_exchange_weak(&c->first_bad, &best, r)) {
        }
        return;
    }
}

adaptau_status atau_check_listed_rows_finite(adaptau_context *context, const char *side, int64_t n, const int32_t *ids, int32_t dim,
                                             const float *rows, int64_t stride, adaptau_error *error)
{
    struct finite_check check = {.rows = rows, .ids = ids, .n = n, .stride = stride, .dim = dim, .first_bad = INT64_MAX};
    adaptau_status      status =
        atau_parallel_rows(context, n, ROWS_PER_TASK, check_chunk, &check, error);
    if (status != ADAPTAU_OK)
        return status;
    int64_t bad = atomic_load(&check.first_bad);
    return bad == INT64_MAX ? ADAPTAU_OK
                            : atau_fail(error, ADAPTAU_E_NUMERIC, "%s[%lld] is not finite", side,
                                        (long long)(ids ? ids[bad] : bad));
}

adaptau_status atau_check_rows_finite(adaptau_context *context, const char *side, int64_t n, int32_t dim,
                                      const float *rows, int64_t stride, adaptau_error *error)
{
    return atau_check_listed_rows_finite(context, side, n, NULL, dim, rows, stride, error);
}
