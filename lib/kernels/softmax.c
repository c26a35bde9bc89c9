/* SPDX-License-Identifier: MIT */
/* The public entry: check everything, prepare both sides, run an engine, add up. */
#include "kernels/softmax.h"

#include <math.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "common/sort.h"
#include "kernels/check.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"
#include "kernels/topk.h"

#define ROWS_PER_TASK 256
/* Inverse lengths, and sums, whose products stay well inside float32. */
#define LEAST_INVERSE 0x1p-60f
#define GREATEST_INVERSE 0x1p60f
#define GREATEST_ALONG 1e18f
#define USUAL_INVERSE 0x1p-20f /* of items: what it takes off a small coefficient, the row would give back        */
/* With exponents above −70 every sum and every factor 1/Z stays an ordinary float32. */
#define BOUNDED_EXPONENT 70.0f
#define BOUNDED_WEIGHT 1e6 /* of a row's positives together: times 1/Z = e^70 and 1/τ = 35 it is still a float   */

float atau_side_row(const struct atau_softmax *s, const struct atau_side *side, const float *row, float *out)
{
    if (side->normalise && !side->unit) {
        float norm = atau_unit_row(s->kernels, s->dim, row, out);
        return norm > 0.0f ? 1.0f / norm : 0.0f;
    }
    memcpy(out, row, (size_t)s->dim * sizeof(float));
    return 1.0f;
}

float atau_score_item(const struct atau_softmax *s, const float *query, int64_t item, float *inverse_norm)
{
    if (s->items.normalise && !s->items.unit)
        return atau_cosine(s->kernels, s->dim, query, atau_item(s, item), inverse_norm);
    *inverse_norm = 1.0f;
    return s->kernels->dot(s->dim, query, atau_item(s, item));
}

/* Whether products with 1/‖e‖ stay well inside float32. Not of a zero row. */
static bool is_ordinary(float inverse_norm)
{
    return inverse_norm >= LEAST_INVERSE && inverse_norm <= GREATEST_INVERSE;
}

static double norm_in_double(const struct atau_softmax *s, const float *row)
{
    double squares = 0.0;
    for (int32_t k = 0; k < s->dim; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

static bool all_finite(const struct atau_softmax *s, const float *x)
{
    for (int32_t k = 0; k < s->dim; k++)
        if (!isfinite(x[k]))
            return false;
    return true;
}

void atau_add_item(const struct atau_softmax *s, float coefficient, float inverse_norm, int64_t item, float *out)
{
    const float *row = atau_item(s, item);
    const float  product = coefficient * inverse_norm;
    if (inverse_norm >= USUAL_INVERSE && inverse_norm <= 1.0f / USUAL_INVERSE && isfinite(product)) {
        s->kernels->axpy(s->dim, product, row, out);
        return;
    }
    const double norm = norm_in_double(s, row);
    for (int32_t k = 0; k < s->dim && norm > 0.0; k++)
        out[k] = (float)((double)out[k] + (double)coefficient * ((double)row[k] / norm));
}

/* For a gradient or a length that float32 can't take through. */
static void backward_in_double(const struct atau_softmax *s, const float *row, float *gradient)
{
    const double norm = norm_in_double(s, row);
    double       along = 0.0;
    if (norm == 0.0 && all_finite(s, gradient)) {
        memset(gradient, 0, (size_t)s->dim * sizeof(float));
        return;
    }
    for (int32_t k = 0; k < s->dim; k++)
        along += (double)gradient[k] * ((double)row[k] / norm);
    for (int32_t k = 0; k < s->dim; k++)
        gradient[k] = (float)(((double)gradient[k] - along * ((double)row[k] / norm)) / norm);
}

/* Through the normalisation. For finite ê the product with it is finite where the gradient is, so that the look before costs
 * nothing; the one behind is for rows that are shorter than 1. False where it takes a closer look. */
static bool backward(const struct atau_softmax *s, const struct atau_side *side, const float *unit, float inverse_norm,
                     float *gradient, int64_t which)
{
    const float along = s->kernels->dot(s->dim, unit, gradient);
    if (!side->normalise)
        return isfinite(along);
    if (!(fabsf(along) <= GREATEST_ALONG) || !is_ordinary(inverse_norm)) {
        backward_in_double(s, side == &s->users ? atau_row_user(s, which) : atau_item(s, which), gradient);
        return false;
    }
    s->kernels->axpy(s->dim, -along, unit, gradient);
    if (inverse_norm != 1.0f)
        s->kernels->scale(s->dim, inverse_norm, gradient, gradient);
    return inverse_norm <= 1.0f || isfinite(s->kernels->dot(s->dim, unit, gradient));
}

void atau_side_backward(const struct atau_softmax *s, const struct atau_side *side, const float *unit, float inverse_norm,
                        float *gradient, int64_t which, _Atomic int64_t *first_bad)
{
    if (backward(s, side, unit, inverse_norm, gradient, which) || all_finite(s, gradient))
        return;
    int64_t best = atomic_load(first_bad);
    while (which < best && !atomic_compare_exchange_weak(first_bad, &best, which)) {
    }
}

void atau_add_item_target(const struct atau_softmax *s, int64_t item, float *gradient)
{
    if (s->batch.item_targets)
        s->kernels->axpy(s->dim, -s->batch.item_target_scale, s->batch.item_targets + item * s->dim, gradient);
}

/* ---- checks ------------------------------------------------------------------------------------------------------ */

/* Not finite is E_NUMERIC; 0, a negative number and one whose inverse overflows are E_ARGUMENT. */
static adaptau_status check_taus(const char *name, int32_t n, const float *taus, adaptau_error *error)
{
    for (int32_t r = 0; taus && r < n; r++) {
        if (!isfinite(taus[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "temperatures->%s[%d] = %g is not finite", name, r, (double)taus[r]);
        if (!(taus[r] > 0.0f && isfinite(1.0f / taus[r])))
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "temperatures->%s[%d] = %g, but a temperature is above 0", name, r,
                             (double)taus[r]);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_temperatures(const struct atau_softmax *s, adaptau_error *error)
{
    const adaptau_row_temperatures *t = &s->temperatures;
    const bool                      one_for_all = !t->candidates && s->batch.n_rows > 0; /* no rows have none                */
    if (one_for_all && !isfinite(t->tau))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "temperatures->tau = %g is not finite", (double)t->tau);
    if (one_for_all && !(t->tau > 0.0f && isfinite(1.0f / t->tau)))
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "temperatures->tau = %g, but a temperature is above 0, unless temperatures->candidates has one for each row",
                         (double)t->tau);
    adaptau_status status = check_taus("candidates", s->batch.n_rows, t->candidates, error);
    return status == ADAPTAU_OK ? check_taus("positives", s->batch.n_rows, t->positives, error) : status;
}

static adaptau_status check_output(const struct atau_softmax *s, adaptau_error *error)
{
    const adaptau_loss_output *o = &s->output;
    if (o->user_gradients && o->user_gradient_stride < s->dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "output->user_gradient_stride = %lld, but dim = %d",
                         (long long)o->user_gradient_stride, s->dim);
    if (o->item_gradients && o->item_gradient_stride < s->dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "output->item_gradient_stride = %lld, but dim = %d",
                         (long long)o->item_gradient_stride, s->dim);
    if (o->user_gradients && !atau_rows_fit(s->batch.n_rows, o->user_gradient_stride))
        return atau_fail(error, ADAPTAU_E_SHAPE, "output->user_gradient_stride = %lld: %d rows exceed the address space",
                         (long long)o->user_gradient_stride, s->batch.n_rows);
    if (o->item_gradients && !atau_rows_fit(s->n_items, o->item_gradient_stride))
        return atau_fail(error, ADAPTAU_E_SHAPE, "output->item_gradient_stride = %lld: %lld rows exceed the address space",
                         (long long)o->item_gradient_stride, (long long)s->n_items);
    return ADAPTAU_OK;
}

/* What belongs to the softmax alone. */
static adaptau_status check_loss(const struct atau_softmax *s, adaptau_error *error)
{
    const struct {
        const void *given;
        const char *name;
    } of_softmax[] = {
        {s->batch.log_q, "batch->log_q"},
        {s->batch.negative_ptr, "batch->negative_ptr"},
        {s->batch.target_shares, "batch->target_shares"},
        {s->batch.item_targets, "batch->item_targets"},
        {s->temperatures.positives, "temperatures->positives"},
        {s->output.row_log_sum, "output->row_log_sum"},
        {s->output.row_unit_loss, "output->row_unit_loss"},
    };
    if (atau_loss_is_softmax(s->loss))
        return ADAPTAU_OK;
    for (size_t a = 0; a < sizeof of_softmax / sizeof *of_softmax; a++)
        if (of_softmax[a].given)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s is given, but %s has no use for it: it belongs to the softmax",
                             of_softmax[a].name, s->loss->name);
    if (s->output.row_d_inverse_tau && !s->loss->has_tau)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "output->row_d_inverse_tau is given, but %s has no temperature",
                         s->loss->name);
    return ADAPTAU_OK;
}

static float least_tau(const struct atau_softmax *s)
{
    float least = s->temperatures.tau;
    if (s->temperatures.candidates) {
        least = INFINITY;
        for (int32_t r = 0; r < s->batch.n_rows; r++)
            least = fminf(least, s->temperatures.candidates[r]);
    }
    return least;
}

/* w_r times how many positives the row amounts to. */
static double greatest_weight(const struct atau_softmax *s)
{
    double greatest = 0.0;
    for (int32_t r = 0; r < s->batch.n_rows; r++) {
        const double weight = atau_batch_row_weight(&s->batch, r);
        if (weight > greatest) /* no fmax: gcc 12.2 for arm64 crashes on a maximum of widened floats            */
            greatest = weight;
    }
    return greatest;
}

/* The most that a logged negative adds to its logit. */
static float greatest_copies(const struct atau_softmax *s)
{
    const adaptau_batch *batch = &s->batch;
    const int64_t        n = batch->negative_ptr ? batch->negative_ptr[batch->n_rows] : 0;
    float                greatest = n > 0 && !batch->negative_weights ? 1.0f : 0.0f;
    for (int64_t k = 0; k < n && batch->negative_weights; k++)
        greatest = fmaxf(greatest, batch->negative_weights[k]);
    return log1pf(greatest);
}

/* Decide whether all exponents stay in the range where no maximum is needed. */
static void bound_logits(struct atau_softmax *s)
{
    const float *log_q = s->batch.log_q;
    int64_t      n = s->batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE ? s->n_items : s->batch.n_candidates;
    float        low = INFINITY, high = -INFINITY;
    s->bounded = true;
    if (!atau_loss_is_softmax(s->loss))
        return;
    for (int64_t i = 0; log_q && i < n; i++) {
        low = fminf(low, log_q[i]);
        high = fmaxf(high, log_q[i]);
    }
    float copies = greatest_copies(s), range = (low <= high ? high - low : 0.0f) + copies;
    s->logit_offset = (low <= high ? -low : 0.0f) + copies;
    s->bounded = s->users.normalise && s->items.normalise && 2.0f / least_tau(s) + range <= BOUNDED_EXPONENT &&
                 greatest_weight(s) <= BOUNDED_WEIGHT;
}

/* ---- the item table ---------------------------------------------------------------------------------------------- */

struct unit_table {
    struct atau_softmax *s;
    float               *rows;          /* [m x d]                                                            */
    float               *inverse_norms; /* [m]                                                                */
};

static void lay_out_table(const struct atau_softmax *s, struct atau_arena *arena, struct unit_table *table)
{
    table->rows = atau_arena_take(arena, (uint64_t)s->n_items, (uint64_t)s->dim * sizeof(float));
    table->inverse_norms = atau_arena_take(arena, (uint64_t)s->n_items, sizeof(float));
}

static void normalise_items(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct unit_table   *table = argument;
    struct atau_softmax *s = table->s;
    (void)lane;
    for (int64_t i = first; i < end; i++)
        table->inverse_norms[i] = atau_side_row(s, &s->items, atau_item(s, i), table->rows + i * s->dim);
}

/* ê_i for the whole catalogue: the table itself, or a normalised copy. */
static adaptau_status prepare_items(struct atau_softmax *s, adaptau_error *error)
{
    struct unit_table  table = {.s = s};
    struct atau_arena *arena = &s->memory->items;
    s->unit_items = s->items.rows;
    s->unit_item_stride = s->items.stride;
    if (s->batch.candidates != ADAPTAU_CANDIDATES_CATALOGUE || !s->items.normalise || s->items.unit)
        return ADAPTAU_OK;
    atau_arena_count(arena);
    lay_out_table(s, arena, &table);
    adaptau_status status = atau_arena_allocate(s->context, arena, "the normalised items", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_table(s, arena, &table);
    s->unit_items = table.rows;
    s->unit_item_stride = s->dim;
    s->item_inverse_norms = table.inverse_norms;
    return atau_parallel_rows(s->context, s->n_items, ROWS_PER_TASK, normalise_items, &table, error);
}

static adaptau_status check_row(const struct atau_softmax *s, const struct atau_side *side, const char *name, int64_t id,
                                adaptau_error *error)
{
    const float *row = side->rows + id * side->stride;
    if (atau_check_rows_finite(s->context, name, 1, s->dim, row, s->dim, NULL) == ADAPTAU_OK)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_NUMERIC, "%s[%lld] is not finite", name, (long long)id);
}

static adaptau_status check_item_ids(const struct atau_softmax *s, int64_t n, const int32_t *ids, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int64_t i = 0; i < n && status == ADAPTAU_OK; i++)
        status = check_row(s, &s->items, "items", ids[i], error);
    return status;
}

static int64_t n_candidate_ids(const adaptau_batch *batch)
{
    return batch->candidates == ADAPTAU_CANDIDATES_PER_ROW ? batch->n_candidates * batch->n_rows : batch->n_candidates;
}

/* NaN and infinity in the rows that this batch reads. Rows that the caller promises to be unit are taken at their word: a NaN
 * there shows in the loss. */
static adaptau_status check_rows(const struct atau_softmax *s, adaptau_error *error)
{
    const adaptau_batch *batch = &s->batch;
    const int64_t        positives = batch->positive_ptr[batch->n_rows];
    const int64_t        candidates = n_candidate_ids(batch);
    adaptau_status status = ADAPTAU_OK;
    for (int32_t r = 0; r < batch->n_rows && status == ADAPTAU_OK && !s->users.unit; r++)
        status = check_row(s, &s->users, "users", batch->users ? batch->users[r] : r, error);
    if (status != ADAPTAU_OK || s->items.unit)
        return status;
    if (batch->candidates == ADAPTAU_CANDIDATES_CATALOGUE || candidates + positives >= s->n_items)
        return atau_check_rows_finite(s->context, "items", s->n_items, s->dim, s->items.rows, s->items.stride, error);
    status = check_item_ids(s, positives, batch->positives, error);
    return status == ADAPTAU_OK ? check_item_ids(s, candidates, batch->candidate_ids, error) : status;
}

static bool is_zero(const struct atau_softmax *s, const float *row)
{
    for (int32_t k = 0; k < s->dim; k++)
        if (row[k] != 0.0f)
            return false;
    return true;
}

/* How many of these items are zero, with repeats; their ids too where there is a place for them. */
static int64_t find_zero_items(const struct atau_softmax *s, int64_t n, const int32_t *ids, int64_t *out)
{
    int64_t found = 0;
    for (int64_t i = 0; i < n; i++)
        if (is_zero(s, atau_item(s, ids[i]))) {
            if (out)
                out[found] = ids[i];
            found++;
        }
    return found;
}

/* Distinct zero items among candidates and positives. Mostly there is none, which one number of each row tells. */
static adaptau_status count_zero_items(struct atau_softmax *s, int32_t *n_zero, adaptau_error *error)
{
    const adaptau_batch *batch = &s->batch;
    const int64_t        candidates = n_candidate_ids(batch), positives = batch->positive_ptr[batch->n_rows];
    int64_t              among = find_zero_items(s, candidates, batch->candidate_ids, NULL);
    int64_t              found = among + find_zero_items(s, positives, batch->positives, NULL);
    struct atau_arena   *arena = &s->memory->sorting;
    if (found == 0)
        return ADAPTAU_OK;
    atau_arena_count(arena);
    atau_arena_take(arena, (uint64_t)found, sizeof(int64_t));
    adaptau_status status = atau_arena_allocate(s->context, arena, "the zero items", error);
    if (status != ADAPTAU_OK)
        return status;
    int64_t *ids = atau_arena_take(arena, (uint64_t)found, sizeof(int64_t));
    find_zero_items(s, candidates, batch->candidate_ids, ids);
    find_zero_items(s, positives, batch->positives, ids + among);
    atau_sort(ids, found);
    for (int64_t i = 0; i < found; i++)
        *n_zero += i == 0 || ids[i] != ids[i - 1];
    return ADAPTAU_OK;
}

static adaptau_status count_zero_rows(struct atau_softmax *s, adaptau_error *error)
{
    int32_t *n = &s->output.n_zero_rows;
    *n = 0;
    for (int32_t r = 0; r < s->batch.n_rows && s->users.normalise && !s->users.unit; r++)
        *n += is_zero(s, atau_row_user(s, r));
    for (int32_t i = 0; i < s->n_items && s->item_inverse_norms; i++)
        *n += s->item_inverse_norms[i] == 0.0f;
    if (s->batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE || !s->items.normalise || s->items.unit)
        return ADAPTAU_OK;
    return count_zero_items(s, n, error);
}

/* ---- the K-th highest score ---------------------------------------------------------------------------------------- */

void atau_offer_scores(uint64_t *keys, int32_t *kept, int32_t k, int64_t n, const float *scores)
{
    for (int64_t i = 0; i < n; i++)
        if (scores[i] > -INFINITY)
            atau_heap_offer(keys, kept, k, atau_rank_key(scores[i], 0));
}

float atau_kth_score(const uint64_t *keys, int32_t kept, int32_t k)
{
    return kept < k ? -INFINITY : atau_key_score(keys[0]);
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static adaptau_status read_arguments(struct atau_softmax *s, const adaptau_tables *given_tables,
                                     const adaptau_batch *batch, const adaptau_row_temperatures *temperatures,
                                     const adaptau_loss *loss, adaptau_loss_output *output, adaptau_error *error)
{
    const adaptau_tables tables = *given_tables;
    adaptau_status       status = atau_read_struct(&s->temperatures, sizeof s->temperatures, sizeof s->temperatures, temperatures,
                                                   false, "temperatures", error);
    s->batch = *batch;
    if (status == ADAPTAU_OK)
        status = atau_read_loss(loss, &s->loss_options, &s->loss, error);
    if (status == ADAPTAU_OK)
        status = atau_read_struct(&s->output, sizeof s->output, sizeof s->output, output, false, "output", error);
    if (status != ADAPTAU_OK)
        return status;
    bool unit = (tables.flags & ADAPTAU_UNIT_ROWS) != 0;
    s->bf16 = tables.flags & ADAPTAU_BFLOAT16 ? atau_context_bf16(s->context) : NULL;
    s->dim = tables.dim;
    s->n_items = tables.n_items;
    s->users.rows = tables.users;
    s->users.stride = tables.user_stride;
    s->users.normalise = (tables.flags & ADAPTAU_NORMALISE_USERS) != 0;
    s->users.unit = unit && s->users.normalise;
    s->items.rows = tables.items;
    s->items.stride = tables.item_stride;
    s->items.normalise = (tables.flags & ADAPTAU_NORMALISE_ITEMS) != 0;
    s->items.unit = unit && s->items.normalise;
    s->output.user_gradient_stride += s->output.user_gradient_stride ? 0 : s->dim;
    s->output.item_gradient_stride += s->output.item_gradient_stride ? 0 : s->dim;
    s->outside = (s->batch.flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM) != 0;
    status = check_output(s, error);
    if (status == ADAPTAU_OK)
        status = check_loss(s, error);
    return status == ADAPTAU_OK ? check_temperatures(s, error) : status;
}

static adaptau_status add_rows(struct atau_softmax *s, adaptau_error *error)
{
    s->output.loss = 0.0;
    s->output.n_terms = 0.0;
    for (int32_t r = 0; r < s->batch.n_rows; r++) {
        s->output.loss += s->row_loss[r];
        s->output.n_terms += s->row_count[r];
        if (!isfinite(s->row_loss[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "the loss of row %d is not finite", r);
    }
    int64_t row = atomic_load(&s->bad_row), item = atomic_load(&s->bad_item);
    if (row != INT64_MAX)
        return atau_fail(error, ADAPTAU_E_NUMERIC, "the user gradient of row %lld is not finite", (long long)row);
    if (item != INT64_MAX)
        return atau_fail(error, ADAPTAU_E_NUMERIC, "the gradient of item %lld is not finite", (long long)item);
    return ADAPTAU_OK;
}

static void lay_out_rows(struct atau_softmax *s, struct atau_arena *arena)
{
    size_t  rows = (size_t)s->batch.n_rows;
    double *own = atau_arena_take(arena, rows, sizeof(double));
    s->row_loss = s->output.row_loss ? s->output.row_loss : own;
    s->row_count = atau_arena_take(arena, rows, sizeof *s->row_count);
    s->pair_sums =
        s->loss->pair_sums ? atau_arena_take(arena, (size_t)s->batch.positive_ptr[rows], sizeof(double)) : NULL;
    s->row_threshold = s->loss_options.top_k > 0 ? atau_arena_take(arena, rows, sizeof(float)) : NULL;
}

static adaptau_status run(struct atau_softmax *s, adaptau_error *error)
{
    struct atau_arena *rows = &s->memory->rows;
    adaptau_status     status = check_rows(s, error);
    if (status != ADAPTAU_OK)
        return status;
    atau_arena_count(rows);
    lay_out_rows(s, rows);
    status = atau_arena_allocate(s->context, rows, "the rows of the batch", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_rows(s, rows);
    status = prepare_items(s, error);
    if (status != ADAPTAU_OK)
        return status;
    bound_logits(s);
    status = count_zero_rows(s, error);
    if (status != ADAPTAU_OK)
        return status;
    s->output.n_touched_items = s->n_items;
    status = s->batch.candidates == ADAPTAU_CANDIDATES_PER_ROW ? atau_softmax_per_row(s, error)
                                                               : atau_softmax_dense(s, error);
    return status == ADAPTAU_OK ? add_rows(s, error) : status;
}

void atau_workspace_free(adaptau_context *context, struct atau_workspace *workspace)
{
    atau_arena_free(context, &workspace->rows);
    atau_arena_free(context, &workspace->items);
    atau_arena_free(context, &workspace->candidates);
    atau_arena_free(context, &workspace->engine);
    atau_arena_free(context, &workspace->sorting);
}

/* A batch without rows; the catalogue is touched all the same. */
static void answer_nothing(struct atau_softmax *s)
{
    const bool catalogue = s->batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE;
    s->output.loss = 0.0;
    s->output.n_terms = 0.0;
    s->output.n_zero_rows = 0;
    s->output.n_touched_items = catalogue ? s->n_items : 0;
    for (int64_t i = 0; catalogue && s->output.item_gradients && i < s->n_items; i++)
        memset(s->output.item_gradients + i * s->output.item_gradient_stride, 0, (size_t)s->dim * sizeof(float));
}

/* Check, compute, and let the reduction end. */
static adaptau_status run_checked(struct atau_softmax *s, const adaptau_reduce *reduce, adaptau_error *error)
{
    adaptau_reduce             own;
    const adaptau_reduce_piece end = {.what = ADAPTAU_REDUCE_END};
    adaptau_status               status = reduce ? atau_read_reduce(s, reduce, &own, error) : ADAPTAU_OK;
    if (status != ADAPTAU_OK)
        return status;
    s->reduce = reduce ? &own : NULL;
    if (s->batch.n_rows > 0) {
        status = run(s, error);
    } else {
        answer_nothing(s);
        status = reduce ? atau_reduce_nothing(s, error) : ADAPTAU_OK;
    }
    if (status == ADAPTAU_OK && reduce)
        status = atau_reduce_piece(s, &end, error);
    s->reduce = NULL;
    return status;
}

/* What atau_scatter lists by itself, where it runs. */
static void list_touched(struct atau_softmax *s)
{
    const bool catalogue = s->batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE;
    if (!catalogue && !s->output.item_gradients)
        s->output.n_touched_items = 0;
    for (int64_t i = 0; catalogue && s->output.touched_items && i < s->n_items; i++)
        s->output.touched_items[i] = (int32_t)i;
}

adaptau_status atau_loss_gradients_in(adaptau_context *context, struct atau_workspace *workspace, const adaptau_tables *tables,
                                      const adaptau_batch *batch, const adaptau_row_temperatures *temperatures,
                                      const adaptau_loss *loss, const adaptau_reduce *reduce,
                                      adaptau_loss_output *output, adaptau_error *error)
{
    struct atau_softmax s = {.context = context, .memory = workspace, .bad_row = INT64_MAX, .bad_item = INT64_MAX};
    s.kernels = atau_kernels_of(context);
    adaptau_status status = read_arguments(&s, tables, batch, temperatures, loss, output, error);
    if (status == ADAPTAU_OK)
        status = run_checked(&s, reduce, error);
    if (status != ADAPTAU_OK)
        return status;
    list_touched(&s);
    output->n_zero_rows = s.output.n_zero_rows;
    output->loss = s.output.loss;
    output->n_terms = s.output.n_terms;
    output->n_touched_items = s.output.n_touched_items;
    return ADAPTAU_OK;
}

adaptau_status adaptau_loss_gradients_of_shard(adaptau_context *context, const adaptau_tables *tables,
                                               const adaptau_batch *batch, const adaptau_row_temperatures *temperatures,
                                               const adaptau_loss *loss, const adaptau_reduce *reduce,
                                               adaptau_loss_output *output, adaptau_error *error)
{
    struct atau_workspace workspace = {0};
    adaptau_tables        own_tables;
    adaptau_batch         own_batch;
    ATAU_REQUIRE(context, error);
    adaptau_status status = atau_check_tables(tables, &own_tables, error);
    if (status == ADAPTAU_OK)
        status = atau_check_batch(batch, own_tables.n_users, own_tables.n_items, &own_batch, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_loss_gradients_in(context, &workspace, &own_tables, &own_batch, temperatures, loss, reduce, output, error);
    atau_workspace_free(context, &workspace);
    return status;
}

adaptau_status adaptau_loss_gradients(adaptau_context *context, const adaptau_tables *tables, const adaptau_batch *batch,
                                      const adaptau_row_temperatures *temperatures, const adaptau_loss *loss,
                                      adaptau_loss_output *output, adaptau_error *error)
{
    return adaptau_loss_gradients_of_shard(context, tables, batch, temperatures, loss, NULL, output, error);
}

adaptau_status adaptau_softmax(adaptau_context *context, const adaptau_tables *tables, const adaptau_batch *batch,
                               const adaptau_row_temperatures *temperatures, adaptau_loss_output *output,
                               adaptau_error *error)
{
    return adaptau_loss_gradients(context, tables, batch, temperatures, NULL, output, error);
}
