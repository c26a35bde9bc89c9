/* SPDX-License-Identifier: MIT */
/* Each row with candidates of its own (the paper's sampling). There is no product to share between rows: a task takes a few
 * rows, gathers their candidates one after the other, and leaves ∂loss/∂f of each candidate behind for the scatter. */
#include "kernels/softmax.h"

#include <math.h>
#include <string.h>

#include "common/error.h"
#include "common/pool.h"
#include "common/prefetch.h"
#include "common/size.h"

#define ROWS_PER_TASK 8
#define PIECE 128

struct per_row {
    struct atau_softmax *s;
    int64_t              n_candidates;
    float               *queries;      /* [R x d] ê_u                                                         */
    float               *factors;      /* [R x C] scores, then ∂loss/∂f                                       */
    float               *scores;       /* [positives] f                                                       */
    float               *coefficients; /* [positives] ∂loss/∂f                                                */
    float               *norms;        /* [positives] 1/‖e_i‖                                                 */
    int32_t             *row_of_positive;
    double              *slopes; /* [positives] of pairs                                                      */
    uint64_t            *keys;   /* [lanes x K] of a loss that asks for the K-th highest score                 */
    float               *lanes; /* [lanes x 4 C]: scale, shift, v, 1/‖e_c‖                                     */
};

static void lay_out(struct per_row *p, struct atau_arena *arena)
{
    const size_t rows = (size_t)p->s->batch.n_rows, positives = (size_t)p->s->batch.positive_ptr[rows];
    p->queries = atau_arena_take(arena, rows, (uint64_t)p->s->dim * sizeof(float));
    p->factors = atau_arena_take(arena, (uint64_t)(p->n_candidates * p->s->batch.n_rows), sizeof(float));
    p->scores = atau_arena_take(arena, positives, sizeof(float));
    p->coefficients = atau_arena_take(arena, positives, sizeof(float));
    p->norms = atau_arena_take(arena, positives, sizeof(float));
    p->row_of_positive = atau_arena_take(arena, positives, sizeof(int32_t));
    p->slopes = atau_arena_take(arena, p->s->loss->pairs ? positives : 0, sizeof(double));
    p->keys = atau_arena_take(arena, (size_t)adaptau_context_n_threads(p->s->context),
                              (size_t)p->s->loss_options.top_k * sizeof(uint64_t));
    p->lanes = atau_arena_take(arena, (uint64_t)p->n_candidates,
                               4 * (size_t)adaptau_context_n_threads(p->s->context) * sizeof(float));
}

static bool is_positive(const adaptau_batch *batch, int64_t row, int32_t item)
{
    int64_t low = batch->positive_ptr[row], end = batch->positive_ptr[row + 1], high = end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (batch->positives[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && batch->positives[low] == item;
}

static float logit_of(float score, float inverse_tau, float log_q)
{
    return score * inverse_tau - log_q;
}

/* As kernels.h has it of a shift or log q beyond ATAU_WIDE: the logit is rounded first. */
static void exponentiate_wide(const struct per_row *p, int64_t n, float inverse_tau, const float *f, const float *log_q,
                              float shift, float *work, float *exponentials)
{
    float *exponents = work, *ones = work + n;
    for (int64_t c = 0; c < n; c++) {
        exponents[c] = logit_of(f[c], inverse_tau, log_q ? log_q[c] : 0.0f) - shift;
        ones[c] = 1.0f;
    }
    static const float zero[PIECE] = {0.0f};
    for (int64_t c = 0; c < n; c += PIECE)
        p->s->kernels->exp_sum(1, atau_min_i64(PIECE, n - c), exponents + c, n, ones + c, zero, NULL, exponentials + c);
}

/* exponentials[c] = exp(f_c inverse_tau − log q_c − shift); returns their sum and the shift, which is their maximum. A sum of
 * candidates of which not one has a finite logit is NaN. */
static double exponentiate(const struct per_row *p, int64_t row, float inverse_tau, const float *f, int64_t n_masked,
                           float *work, float *exponentials, double *shift)
{
    const int64_t n = p->n_candidates;
    const float  *log_q = p->s->batch.log_q ? p->s->batch.log_q + row * n : NULL;
    float        *scale = work, *shifts = work + n, largest = -INFINITY, widest = 0.0f;
    double        sum = 0.0;
    for (int64_t c = 0; c < n; c++) {
        float logit = logit_of(f[c], inverse_tau, log_q ? log_q[c] : 0.0f);
        largest = logit > largest ? logit : largest;
        widest = log_q ? fmaxf(widest, fabsf(log_q[c])) : widest;
    }
    *shift = largest == -INFINITY ? 0.0 : (double)largest;
    /* The row as one line of a tile, each candidate a column: the column sums are the exponentials. */
    memset(exponentials, 0, (size_t)n * sizeof(float));
    if (fmaxf(widest, fabsf((float)*shift)) >= ATAU_WIDE) {
        exponentiate_wide(p, n, inverse_tau, f, log_q, (float)*shift, work, exponentials);
    } else {
        for (int64_t c = 0; c < n; c++) {
            scale[c] = inverse_tau;
            shifts[c] = (float)*shift + (log_q ? log_q[c] : 0.0f);
        }
        p->s->kernels->exp_sum(1, n, f, n, scale, shifts, NULL, exponentials);
    }
    for (int64_t c = 0; c < n; c++)
        sum += (double)exponentials[c];
    return largest == -INFINITY && n > n_masked ? (double)NAN : sum;
}

/* Without candidates the caller's array may be NULL. */
static const int32_t *candidates_of(const struct per_row *p, int64_t row)
{
    return p->n_candidates > 0 ? p->s->batch.candidate_ids + row * p->n_candidates : NULL;
}

/* Returns how many candidates are masked. */
static int64_t score_row(struct per_row *p, int64_t row, float *f, float *inverse_norms)
{
    const struct atau_softmax *s = p->s;
    const int32_t             *ids = candidates_of(p, row);
    const float               *query = p->queries + row * s->dim;
    int64_t                    n_masked = 0;
    for (int64_t c = 0; c < p->n_candidates; c++) {
        if (c + ATAU_ROWS_AHEAD < p->n_candidates)
            atau_prefetch_row(atau_item(s, ids[c + ATAU_ROWS_AHEAD]), s->dim);
        f[c] = atau_score_item(s, query, ids[c], &inverse_norms[c]);
        if (s->outside && is_positive(&s->batch, row, ids[c])) {
            f[c] = -INFINITY;
            n_masked++;
        }
    }
    for (int64_t i = s->batch.positive_ptr[row]; i < s->batch.positive_ptr[row + 1]; i++) {
        p->scores[i] = atau_score_item(s, query, s->batch.positives[i], &p->norms[i]);
        p->row_of_positive[i] = (int32_t)row;
    }
    return n_masked;
}

/* By the loss's map or its pairs: v of the row's candidates, and their sums. */
static void map_row(const struct per_row *p, int64_t row, const float *f, int64_t n_masked, float *work, float *v,
                    adaptau_row_sums *sums)
{
    const struct atau_softmax *s = p->s;
    const int64_t              n = p->n_candidates, first = s->batch.positive_ptr[row];
    const int64_t              n_positives = atau_row_positives(s, row);
    const float                inverse_tau = 1.0f / atau_row_tau(s, row);
    float                     *scale = work, *parts = work + n;
    sums->n_candidates = (double)(n - n_masked);
    memcpy(v, f, (size_t)n * sizeof(float));
    if (s->loss->pairs) {
        memset(p->slopes + first, 0, (size_t)n_positives * sizeof(double));
        for (int64_t i = first; i < first + n_positives && s->pair_sums; i++)
            s->pair_sums[i] = atau_own_pair(s);
        if (s->pair_sums)
            s->loss->pair_sums(s, row, n, f, p->scores + first, s->pair_sums + first);
        sums->sum = s->loss->pairs(s, row, n, v, p->scores + first, p->slopes + first);
        return;
    }
    for (int64_t c = 0; c < n; c++) {
        scale[c] = inverse_tau;
        parts[c] = 0.0f;
    }
    s->loss->map(s, 1, n, v, n, scale, parts);
    for (int64_t c = 0; c < n; c++)
        sums->sum += (double)parts[c];
}

/* Σ v_c f_c, where masked candidates have v = 0. */
static double sum_of_scores(int64_t n, const float *v, const float *f)
{
    double sum = 0.0;
    for (int64_t c = 0; c < n; c++)
        if (v[c] != 0.0f)
            sum += (double)v[c] * (double)f[c];
    return sum;
}

static void add_user_gradient(struct per_row *p, int64_t row, const float *inverse_norms, float inverse_norm,
                              float target_factor, float *out)
{
    struct atau_softmax *s = p->s;
    const int32_t       *ids = candidates_of(p, row);
    const float         *factors = p->factors + row * p->n_candidates;
    memset(out, 0, (size_t)s->dim * sizeof(float));
    for (int64_t c = 0; c < p->n_candidates; c++)
        atau_add_item(s, factors[c], inverse_norms[c], ids[c], out);
    for (int64_t i = s->batch.positive_ptr[row]; i < s->batch.positive_ptr[row + 1]; i++)
        atau_add_item(s, p->coefficients[i], p->norms[i], s->batch.positives[i], out);
    if (atau_row_target(s, row))
        s->kernels->axpy(s->dim, target_factor, atau_row_target(s, row), out);
    atau_side_backward(s, &s->users, p->queries + row * s->dim, inverse_norm, out, row, &s->bad_row);
}

/* The K-th highest score among the row's candidates and positives. */
static float find_threshold(const struct per_row *p, int32_t lane, int64_t row, const float *f)
{
    const int32_t k = p->s->loss_options.top_k;
    uint64_t     *keys = p->keys + (int64_t)lane * k;
    int32_t       kept = 0;
    atau_offer_scores(keys, &kept, k, p->n_candidates, f);
    atau_offer_scores(keys, &kept, k, atau_row_positives(p->s, row), p->scores + p->s->batch.positive_ptr[row]);
    return atau_kth_score(keys, kept, k);
}

static void run_row(struct per_row *p, int32_t lane, int64_t row, float *work)
{
    struct atau_softmax  *s = p->s;
    const int64_t         n = p->n_candidates, first = s->batch.positive_ptr[row];
    float                *f = p->factors + row * n, *v = work + 2 * n, *inverse_norms = work + 3 * n;
    adaptau_row_sums      sums = {0};
    struct atau_row_terms terms;

    float inverse_norm = atau_side_row(s, &s->users, atau_row_user(s, row), p->queries + row * s->dim);
    const int64_t n_masked = score_row(p, row, f, inverse_norms);
    if (s->output.row_unit_loss)
        sums.unit_sum = exponentiate(p, row, 1.0f, f, n_masked, work, v, &sums.unit_shift);
    if (atau_loss_is_softmax(s->loss))
        sums.sum = exponentiate(p, row, 1.0f / atau_row_tau(s, row), f, n_masked, work, v, &sums.shift);
    else
        map_row(p, row, f, n_masked, work, v, &sums);
    if (s->row_threshold)
        s->row_threshold[row] = find_threshold(p, lane, row, f);
    sums.slope = sum_of_scores(n, v, f);
    if (atau_row_target(s, row))
        sums.target_score = (double)s->kernels->dot(s->dim, p->queries + row * s->dim, atau_row_target(s, row));
    atau_sum_positives(s, row, p->scores + first, &sums);
    s->row_count[row] = s->loss->terms(s, row, &sums, s->loss->pairs ? p->slopes + first : NULL, p->scores + first,
                                       p->coefficients + first, &terms);
    if (s->output.row_terms)
        s->output.row_terms[row] = (float)sums.n_positives;
    s->kernels->scale(n, terms.candidate_factor, v, f);
    if (s->output.user_gradients)
        add_user_gradient(p, row, inverse_norms, inverse_norm, terms.target_factor,
                          s->output.user_gradients + row * s->output.user_gradient_stride);
}

static void run_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct per_row *p = argument;
    for (int64_t row = first; row < end; row++)
        run_row(p, lane, row, p->lanes + lane * 4 * p->n_candidates);
}

static adaptau_status scatter(struct per_row *p, adaptau_error *error)
{
    const adaptau_batch *batch = &p->s->batch;
    struct atau_scatter  candidates = {.n = p->n_candidates * batch->n_rows,
                                       .items = batch->candidate_ids,
                                       .coefficients = p->factors,
                                       .vectors = p->queries,
                                       .entries_per_vector = p->n_candidates};
    struct atau_scatter  positives = {.n = batch->positive_ptr[batch->n_rows],
                                      .items = batch->positives,
                                      .coefficients = p->coefficients,
                                      .vectors = p->queries,
                                      .vector_ids = p->row_of_positive};
    return atau_scatter_items(p->s, &candidates, &positives, error);
}

adaptau_status atau_softmax_per_row(struct atau_softmax *s, adaptau_error *error)
{
    struct per_row     p = {.s = s, .n_candidates = s->batch.n_candidates};
    struct atau_arena *arena = &s->memory->engine;
    atau_arena_count(arena);
    lay_out(&p, arena);
    adaptau_status status = atau_arena_allocate(s->context, arena, "the rows' candidates", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&p, arena);
    if (s->output.item_gradients)
        status = atau_scatter_reserve(s, p.n_candidates * s->batch.n_rows + s->batch.positive_ptr[s->batch.n_rows], error);
    if (status == ADAPTAU_OK)
        status = atau_parallel_rows(s->context, s->batch.n_rows, ROWS_PER_TASK, run_rows, &p, error);
    if (status == ADAPTAU_OK && s->output.item_gradients)
        status = scatter(&p, error);
    return status;
}
