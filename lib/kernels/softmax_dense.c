/* SPDX-License-Identifier: MIT */
/* The tile engine: rows that share their candidates, which are a table of C vectors.
 *
 * A batch goes through in blocks of rows, several at once where they are small, and these in two passes over tiles of
 * candidates. A tile holds scores transposed: line j is a candidate, column r a row of the block. Then all three products have
 * the same shape, "coefficients broadcast, rows of d as vectors", none needs a packed or transposed copy of the item table, and
 * what belongs to a row (τ, shift, sum) is a vector that needs no horizontal sum.
 *
 *   pass 1   T = V Qᵀ; positives read, or masked by −inf; logged negatives raised by τ log(1 + b);
 *            T = exp(T/τ − shift);  z += column sums;  U += Tᵀ V
 *            (another loss than the softmax puts its own map in the place of the exponential)
 *   rows     sums of the row, to which other ranges of items add theirs (reduce.c);  losses and coefficients;
 *            gradient of each user from U and its positives;  Q ← Q · factor
 *   pass 2   G += T Q;  positives added
 *
 * Where T of a whole block is small enough it is kept between the passes; else pass 2 computes it again. Tasks are chunks of
 * consecutive tiles. Partial sums belong to chunks and are added in the order of chunks, and the cut into blocks, chunks and
 * tiles (softmax_dense_plan.c) depends on sizes alone: results do not depend on threads. With bfloat16 only the operands of the
 * products change (softmax_dense_products.c): T is then stored rounded, two rows to a word.
 *
 * The road not taken: scores as they come, a row of the batch per line, with items packed into transposed panels once per step.
 * It costs a copy of the table, and its item gradient runs against the grain of the tile. */
#include "kernels/softmax_dense.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#include "common/pool.h"
#include "kernels/topk.h"

#define ROWS_PER_TASK 8

/* ---- pass 1 ------------------------------------------------------------------------------------------------------ */

static float *tile_of(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile)
{
    const int64_t cells = ATAU_TILE_LINES * d->tile_stride;
    return b->tiles ? b->tiles + tile * cells : d->lane_tiles + lane * cells;
}

static const float *tile_log_q(const struct atau_dense *d, int64_t tile)
{
    return d->s->batch.log_q ? d->s->batch.log_q + tile * ATAU_TILE_LINES : NULL;
}

/* Logged negatives as they count in the sum at the rows' temperatures, or `unit`: at temperature 1. */
static void raise_negatives(const struct atau_dense *d, const struct atau_block *b, int64_t tile, float *t, bool unit)
{
    const int64_t first = tile * ATAU_TILE_LINES;
    for (int64_t k = b->negative_ptr[tile]; k < b->negative_ptr[tile + 1]; k++) {
        const struct atau_negative *negative = &b->negatives[k];
        const float                 tau = unit ? 1.0f : atau_row_tau(d->s, b->first_row + negative->row);
        t[(negative->line - first) * d->tile_stride + negative->row] = negative->score + tau * negative->copies;
    }
}

/* T = V Qᵀ; positives outside the sum become −inf. `read` the scores of positives on the way. */
static void score_tile(struct atau_dense *d, struct atau_block *b, int64_t tile, float *t, bool read)
{
    const int64_t first = tile * ATAU_TILE_LINES;
    atau_dense_score(d, b, tile, t);
    for (int64_t k = b->tile_ptr[tile]; k < b->tile_ptr[tile + 1]; k++) {
        struct atau_meeting meeting = b->meetings[k];
        float         *cell = t + (meeting.line - first) * d->tile_stride + meeting.row;
        if (read && !d->scored)
            b->scores[meeting.positive] = *cell;
        if (d->s->outside)
            *cell = -INFINITY;
    }
    for (int64_t k = b->negative_ptr[tile]; k < b->negative_ptr[tile + 1]; k++)
        b->negatives[k].score = t[(b->negatives[k].line - first) * d->tile_stride + b->negatives[k].row];
}

/* Raise the running maxima to those of a tile; each sum (and row of users, when given) that was relative to a lower one is
 * scaled down. */
static void raise_maxima(struct atau_dense *d, struct atau_block *b, int64_t lines, const float *t, const float *scale,
                         const float *log_q, float *maxima, double *sums, float *users, float *before)
{
    const int64_t dim = d->s->dim;
    memcpy(before, maxima, (size_t)b->n_rows * sizeof(float));
    d->s->kernels->max_tile(lines, b->n_rows, t, d->tile_stride, scale, log_q, maxima);
    for (int64_t r = 0; r < b->n_rows; r++) {
        if (!(maxima[r] > before[r]) || sums[r] == 0.0)
            continue;
        double factor = exp((double)before[r] - (double)maxima[r]);
        sums[r] *= factor;
        if (users)
            d->s->kernels->scale(dim, (float)factor, users + r * dim, users + r * dim);
    }
}

/* A shift that exp can take: rows that have met no candidate yet have −inf. */
static void finite_shift(int64_t n, const float *maxima, float *shift)
{
    for (int64_t r = 0; r < n; r++)
        shift[r] = maxima[r] == -INFINITY ? 0.0f : maxima[r];
}

static void add_sums(int64_t n, const float *tile_sums, double *sums)
{
    for (int64_t r = 0; r < n; r++)
        sums[r] += (double)tile_sums[r];
}

/* The sum at temperature 1, from scores. */
static void add_unit_sums(struct atau_dense *d, struct atau_block *b, int32_t lane, int64_t chunk, int64_t tile, const float *t)
{
    const int64_t rows = d->block_rows, lines = atau_tile_lines(d, tile);
    const float  *log_q = tile_log_q(d, tile), *shift = b->unit_shift;
    float        *sums = d->lane_sums + lane * 2 * rows, *own_shift = sums + rows;
    double       *total = b->partial_unit_sums + chunk * rows;
    if (!d->s->bounded) {
        float *maxima = b->partial_unit_max + chunk * rows;
        raise_maxima(d, b, lines, t, d->one, log_q, maxima, total, NULL, own_shift);
        finite_shift(b->n_rows, maxima, own_shift);
        shift = own_shift;
    }
    memset(sums, 0, (size_t)b->n_rows * sizeof(float));
    d->s->kernels->exp_sum(lines, b->n_rows, t, d->tile_stride, d->one, shift, log_q, sums);
    add_sums(b->n_rows, sums, total);
}

/* Scores to exponentials, and their sums. */
static void exponentiate_tile(struct atau_dense *d, struct atau_block *b, int32_t lane, int64_t chunk, int64_t tile, float *t)
{
    const int64_t rows = d->block_rows, lines = atau_tile_lines(d, tile), dim = d->s->dim;
    const float  *log_q = tile_log_q(d, tile), *shift = b->shift;
    float        *sums = d->lane_sums + lane * 2 * rows, *own_shift = sums + rows;
    double       *total = b->partial_sums + chunk * rows;
    if (!d->s->bounded) {
        float *maxima = b->partial_max + chunk * rows;
        float *users = d->want_users ? b->partial_users + chunk * rows * dim : NULL;
        raise_maxima(d, b, lines, t, b->inverse_tau, log_q, maxima, total, users, own_shift);
        if (d->store)
            own_shift = b->tile_shifts + tile * rows;
        finite_shift(b->n_rows, maxima, own_shift);
        shift = own_shift;
    }
    memset(sums, 0, (size_t)b->n_rows * sizeof(float));
    atau_dense_exponentiate(d, b, lane, tile, t, shift, sums, d->want_users, d->store);
    add_sums(b->n_rows, sums, total);
}

/* Scores above which a row's K-th highest is known to lie: what chunks so far have found out, as the upper half of a rank key. */
static float read_bound(const struct atau_block *b, int64_t r)
{
    return atau_key_score((uint64_t)atomic_load_explicit(&b->bounds[r], memory_order_relaxed) << 32);
}

static void raise_bound(struct atau_block *b, int64_t r, uint64_t key)
{
    uint32_t bound = atomic_load_explicit(&b->bounds[r], memory_order_relaxed), own = (uint32_t)(key >> 32);
    while (bound < own && !atomic_compare_exchange_weak_explicit(&b->bounds[r], &bound, own, memory_order_relaxed,
                                                                 memory_order_relaxed)) {
    }
}

/* The K highest scores of each row that a chunk has met. The K-th of any chunk bounds that of all from below, so chunks tell each
 * other: what they pass over depends on who comes first, the K highest of all of them do not. */
static void keep_highest(struct atau_dense *d, struct atau_block *b, int32_t lane, int64_t chunk, int64_t tile, const float *t)
{
    const int64_t rows = d->block_rows, k = d->top_k;
    uint64_t     *keys = b->partial_keys + chunk * rows * k;
    int32_t      *kept = b->partial_kept + chunk * rows;
    float        *bounds = d->lane_sums + lane * 2 * rows;
    uint32_t     *hits = d->lane_hits + lane * ATAU_TILE_LINES * rows;
    for (int64_t r = 0; r < b->n_rows; r++)
        bounds[r] = read_bound(b, r);
    int64_t n = d->s->kernels->filter_tile(atau_tile_lines(d, tile), b->n_rows, t, d->tile_stride, bounds, hits);
    for (int64_t h = 0; h < n; h++) {
        const int64_t j = hits[h] >> 16, r = hits[h] & 0xFFFF;
        atau_heap_offer(keys + r * k, &kept[r], d->top_k, atau_rank_key(t[j * d->tile_stride + r], 0));
    }
    for (int64_t r = 0; r < b->n_rows; r++)
        if (kept[r] == k)
            raise_bound(b, r, keys[r * k]);
}

static void read_column(const struct atau_dense *d, int64_t lines, const float *t, int64_t r, float f[ATAU_TILE_LINES])
{
    for (int64_t j = 0; j < lines; j++)
        f[j] = t[j * d->tile_stride + r];
}

/* A loss of pairs takes one row after the other: a column of the tile against the row's positives. */
static void map_pairs(const struct atau_dense *d, const struct atau_block *b, int64_t lines, float *t, double *total,
                      double *slopes)
{
    const struct atau_softmax *s = d->s;
    for (int64_t r = 0; r < b->n_rows; r++) {
        float         f[ATAU_TILE_LINES];
        const int64_t first = s->batch.positive_ptr[b->first_row + r] - b->first_positive;
        read_column(d, lines, t, r, f);
        double loss = s->loss->pairs(s, b->first_row + r, lines, f, b->scores + first, slopes ? slopes + first : NULL);
        if (total)
            total[r] += loss;
        for (int64_t j = 0; j < lines; j++)
            t[j * d->tile_stride + r] = f[j];
    }
}

/* Scores to v by another loss than the softmax. Sums go to the chunk's; a chunk of −1 has none. */
static void map_tile(struct atau_dense *d, struct atau_block *b, int32_t lane, int64_t chunk, int64_t tile, float *t)
{
    const int64_t rows = d->block_rows, lines = atau_tile_lines(d, tile);
    float        *sums = d->lane_sums + lane * 2 * rows;
    double       *total = chunk < 0 ? NULL : b->partial_sums + chunk * rows;
    if (d->s->loss->pairs) {
        map_pairs(d, b, lines, t, total, total ? b->partial_slopes + chunk * d->most_positives : NULL);
        return;
    }
    memset(sums, 0, (size_t)b->n_rows * sizeof(float));
    d->s->loss->map(d->s, lines, b->n_rows, t, d->tile_stride, b->inverse_tau, sums);
    if (total)
        add_sums(b->n_rows, sums, total);
}

static void clear_partials(struct atau_dense *d, struct atau_block *b, int64_t chunk)
{
    const int64_t rows = d->block_rows;
    memset(b->partial_sums + chunk * rows, 0, (size_t)rows * sizeof(double));
    if (d->want_unit)
        memset(b->partial_unit_sums + chunk * rows, 0, (size_t)rows * sizeof(double));
    for (int64_t r = 0; r < rows && !d->s->bounded; r++) {
        b->partial_max[chunk * rows + r] = -INFINITY;
        if (d->want_unit)
            b->partial_unit_max[chunk * rows + r] = -INFINITY;
    }
    if (d->want_users)
        memset(b->partial_users + chunk * rows * d->s->dim, 0, (size_t)(rows * d->s->dim) * sizeof(float));
    if (d->s->loss->pairs)
        memset(b->partial_slopes + chunk * d->most_positives, 0, (size_t)d->most_positives * sizeof(double));
    if (d->top_k > 0)
        memset(b->partial_kept + chunk * rows, 0, (size_t)rows * sizeof(int32_t));
}

/* A chunk for a block. Blocks of a chunk come one after the other, while its candidates are in the caches. */
static void sum_chunk(void *argument, int32_t lane, int64_t task)
{
    struct atau_dense *d = argument;
    struct atau_block *b = &d->blocks[task % d->n_blocks];
    const int64_t      chunk = task / d->n_blocks, dim = d->s->dim;
    clear_partials(d, b, chunk);
    for (int64_t tile = atau_first_tile(d, chunk); tile < atau_first_tile(d, chunk + 1); tile++) {
        float *t = tile_of(d, b, lane, tile);
        score_tile(d, b, tile, t, true);
        if (d->top_k > 0)
            keep_highest(d, b, lane, chunk, tile, t);
        if (d->want_unit) {
            raise_negatives(d, b, tile, t, true);
            add_unit_sums(d, b, lane, chunk, tile, t);
        }
        if (atau_loss_is_softmax(d->s->loss)) {
            raise_negatives(d, b, tile, t, false);
            exponentiate_tile(d, b, lane, chunk, tile, t);
        } else {
            map_tile(d, b, lane, chunk, tile, t);
            atau_dense_keep(d, b, lane, tile, t, d->want_users, d->store);
        }
        if (d->want_users)
            atau_dense_add_users(d, b, lane, tile, t, b->partial_users + chunk * d->block_rows * dim);
    }
}

/* Before pass 1, for a loss that asks for it: what each positive has in a chunk, in the place of its slopes. */
static void sum_pairs_of_chunk(void *argument, int32_t lane, int64_t task)
{
    struct atau_dense   *d = argument;
    struct atau_softmax *s = d->s;
    struct atau_block   *b = &d->blocks[task % d->n_blocks];
    const int64_t        chunk = task / d->n_blocks;
    double              *sums = b->partial_slopes + chunk * d->most_positives;
    memset(sums, 0, (size_t)d->most_positives * sizeof(double));
    for (int64_t tile = atau_first_tile(d, chunk); tile < atau_first_tile(d, chunk + 1); tile++) {
        float *t = tile_of(d, b, lane, tile), f[ATAU_TILE_LINES];
        score_tile(d, b, tile, t, false);
        for (int64_t r = 0; r < b->n_rows; r++) {
            const int64_t first = s->batch.positive_ptr[b->first_row + r] - b->first_positive;
            read_column(d, atau_tile_lines(d, tile), t, r, f);
            s->loss->pair_sums(s, b->first_row + r, atau_tile_lines(d, tile), f, b->scores + first, sums + first);
        }
    }
}

/* Σ over chunks, in their order. */
static void merge_pair_sums(void *argument, int32_t lane, int64_t task)
{
    struct atau_dense *d = argument;
    struct atau_block *b = &d->blocks[task];
    const int64_t      n = d->s->batch.positive_ptr[b->first_row + b->n_rows] - b->first_positive;
    (void)lane;
    for (int64_t k = 0; k < n; k++) {
        double sum = atau_own_pair(d->s);
        for (int64_t c = 0; c < d->n_chunks; c++)
            sum += b->partial_slopes[c * d->most_positives + k];
        d->s->pair_sums[b->first_positive + k] = sum;
    }
}

static adaptau_status sum_pairs(struct atau_dense *d, adaptau_error *error)
{
    if (!d->s->loss->pair_sums)
        return ADAPTAU_OK;
    adaptau_status status = atau_parallel(d->s->context, d->n_chunks * d->n_blocks, sum_pairs_of_chunk, d, error);
    return status == ADAPTAU_OK ? atau_parallel(d->s->context, d->n_blocks, merge_pair_sums, d, error) : status;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Largest of the chunks' maxima for a row; a finite number in any case. */
static float largest_max(const struct atau_dense *d, const float *maxima, int64_t r)
{
    float largest = -INFINITY;
    for (int64_t c = 0; c < d->n_chunks; c++)
        if (maxima[c * d->block_rows + r] > largest)
            largest = maxima[c * d->block_rows + r];
    return largest == -INFINITY ? 0.0f : largest;
}

/* Whether a row that has candidates has not one finite logit, all of them being below −FLT_MAX. Its sum would pass for empty. */
static bool is_overflow(const struct atau_dense *d, const struct atau_block *b, int64_t r)
{
    if (d->s->bounded || b->counted[r] == 0.0)
        return false;
    for (int64_t c = 0; c < d->n_chunks; c++)
        if (b->partial_max[c * d->block_rows + r] != -INFINITY)
            return false;
    return true;
}

/* How much a chunk's partial counts, relative to the row's shift. */
static double chunk_scale(const struct atau_dense *d, const float *maxima, int64_t chunk, int64_t r, float shift)
{
    return d->s->bounded ? 1.0 : exp((double)maxima[chunk * d->block_rows + r] - (double)shift);
}

/* Σ over chunks, in their order. user [d]: Σ exp(logit − shift) ê_c. */
static void merge_chunks(struct atau_dense *d, struct atau_block *b, int64_t r, adaptau_row_sums *sums, float *user)
{
    const int64_t dim = d->s->dim, rows = d->block_rows;
    float         shift = d->s->bounded ? b->shift[r] : largest_max(d, b->partial_max, r);
    float         unit_shift = b->unit_shift[r];
    if (d->want_unit && !d->s->bounded)
        unit_shift = largest_max(d, b->partial_unit_max, r);
    memset(sums, 0, sizeof *sums);
    if (is_overflow(d, b, r))
        sums->sum = NAN;
    sums->shift = atau_loss_is_softmax(d->s->loss) ? shift : 0.0;
    sums->unit_shift = d->want_unit ? unit_shift : 0.0;
    b->final_shift[r] = shift;
    if (user)
        memset(user, 0, (size_t)dim * sizeof(float));
    for (int64_t c = 0; c < d->n_chunks; c++) {
        double scale = chunk_scale(d, b->partial_max, c, r, shift);
        /* Only a softmax's sum of 0 means that there is nothing: parts of another loss may cancel and have gradients. */
        if (b->partial_sums[c * rows + r] != 0.0 || !atau_loss_is_softmax(d->s->loss)) {
            sums->sum += scale * b->partial_sums[c * rows + r];
            if (user)
                d->s->kernels->axpy(dim, (float)scale, b->partial_users + (c * rows + r) * dim, user);
        }
        if (d->want_unit && b->partial_unit_sums[c * rows + r] != 0.0)
            sums->unit_sum +=
                chunk_scale(d, b->partial_unit_max, c, r, unit_shift) * b->partial_unit_sums[c * rows + r];
    }
}

/* Σ over chunks of the slopes of a row's positives, which stay in the first chunk's place. */
static const double *merge_slopes(const struct atau_dense *d, struct atau_block *b, int64_t r)
{
    const int64_t first = d->s->batch.positive_ptr[b->first_row + r] - b->first_positive;
    const int64_t n = atau_row_positives(d->s, b->first_row + r);
    for (int64_t c = 1; c < d->n_chunks; c++)
        for (int64_t k = first; k < first + n; k++)
            b->partial_slopes[k] += b->partial_slopes[c * d->most_positives + k];
    return b->partial_slopes + first;
}

/* ∂loss/∂e_u = Σ_c ∂loss/∂f_c ê_c + Σ_i coefficient_i ê_i, then back through the user's normalisation. `gradient` holds the
 * first sum up to the factor. */
static void finish_user(struct atau_dense *d, struct atau_block *b, int64_t r, const struct atau_row_terms *terms,
                        float *gradient)
{
    struct atau_softmax *s = d->s;
    const int64_t        dim = s->dim, row = b->first_row + r;
    s->kernels->scale(dim, terms->candidate_factor, gradient, gradient);
    if (atau_row_target(s, row))
        s->kernels->axpy(dim, terms->target_factor, atau_row_target(s, row), gradient);
    for (int64_t p = s->batch.positive_ptr[row]; p < s->batch.positive_ptr[row + 1]; p++) {
        int64_t k = p - b->first_positive, item = s->batch.positives[p];
        if (d->shared)
            atau_add_item(s, b->coefficients[k], b->norms_of_positives[k], item, gradient);
        else
            s->kernels->axpy(dim, b->coefficients[k], d->candidates + item * d->candidate_stride, gradient);
    }
    atau_side_backward(s, &s->users, b->queries + r * dim, b->inverse_norms[r], gradient, row, &s->bad_row);
}

static float *user_gradient(const struct atau_softmax *s, int64_t row)
{
    return s->output.user_gradients ? s->output.user_gradients + row * s->output.user_gradient_stride : NULL;
}

/* The K-th highest score of a row. Positives of the catalogue that are inside the sum have been met already. */
static float find_threshold(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t r)
{
    const struct atau_softmax *s = d->s;
    const int64_t              first = s->batch.positive_ptr[b->first_row + r] - b->first_positive;
    uint64_t                  *keys = d->lane_keys + (int64_t)lane * d->top_k;
    int32_t                    kept = 0;
    for (int64_t c = 0; c < d->n_chunks; c++) {
        const uint64_t *found = b->partial_keys + (c * d->block_rows + r) * d->top_k;
        for (int32_t i = 0; i < b->partial_kept[c * d->block_rows + r]; i++)
            atau_heap_offer(keys, &kept, d->top_k, found[i]);
    }
    if (d->shared || s->outside)
        atau_offer_scores(keys, &kept, d->top_k, atau_row_positives(s, b->first_row + r), b->scores + first);
    return atau_kth_score(keys, kept, d->top_k);
}

/* What the row's candidates and positives amount to; Σ_c v_c ê_c goes to where the user's gradient will be. */
static void sum_row(struct atau_dense *d, struct atau_block *b, int64_t r)
{
    struct atau_softmax *s = d->s;
    const int64_t        dim = s->dim, row = b->first_row + r, first = s->batch.positive_ptr[row] - b->first_positive;
    adaptau_row_sums    *sums = &b->sums[r];
    float               *gradient = user_gradient(s, row);
    float               *merged = gradient ? gradient : d->want_users ? b->factored + r * dim : NULL;
    merge_chunks(d, b, r, sums, merged);
    sums->n_candidates = atau_loss_is_softmax(s->loss) ? 0.0 : b->counted[r];
    if (merged)
        sums->slope = (double)s->kernels->dot(dim, b->queries + r * dim, merged);
    if (atau_row_target(s, row))
        sums->target_score = (double)s->kernels->dot(dim, b->queries + r * dim, atau_row_target(s, row));
    atau_sum_positives(s, row, b->scores + first, sums);
}

/* v of this range is relative to its own shift, the sums that the factor comes from to the catalogue's. */
static void change_shift(const struct atau_dense *d, const struct atau_block *b, int64_t r, struct atau_row_terms *terms)
{
    if (d->s->reduce && atau_loss_is_softmax(d->s->loss))
        terms->candidate_factor *= (float)exp(fmin(0.0, (double)b->final_shift[r] - b->sums[r].shift));
}

static void finish_row(struct atau_dense *d, struct atau_block *b, int32_t lane, int64_t r)
{
    struct atau_softmax  *s = d->s;
    const int64_t         dim = s->dim, row = b->first_row + r, first = s->batch.positive_ptr[row] - b->first_positive;
    const double         *slopes = s->loss->pairs ? merge_slopes(d, b, r) : NULL;
    struct atau_row_terms terms;
    float                *gradient = user_gradient(s, row);
    if (s->row_threshold)
        s->row_threshold[row] = find_threshold(d, b, lane, r);
    s->row_count[row] = s->loss->terms(s, row, &b->sums[r], slopes, b->scores + first, b->coefficients + first, &terms);
    if (s->output.row_terms)
        s->output.row_terms[row] = (float)b->sums[r].n_positives;
    change_shift(d, b, r, &terms);
    if (gradient)
        finish_user(d, b, r, &terms, gradient);
    if (d->shared)
        memcpy(d->all_coefficients + s->batch.positive_ptr[row], b->coefficients + first,
               (size_t)atau_row_positives(s, row) * sizeof(float));
    s->kernels->scale(dim, terms.candidate_factor, b->queries + r * dim, b->factored + r * dim);
}

/* A task of rows of one block. */
static struct atau_block *rows_of_task(struct atau_dense *d, int64_t task, int64_t *first, int64_t *end)
{
    struct atau_block *b = &d->blocks[task % d->n_blocks];
    *first = task / d->n_blocks * ROWS_PER_TASK;
    *end = atau_min_i64(*first + ROWS_PER_TASK, b->n_rows);
    return b;
}

static void sum_rows(void *argument, int32_t lane, int64_t task)
{
    struct atau_dense *d = argument;
    int64_t            first, end;
    struct atau_block *b = rows_of_task(d, task, &first, &end);
    (void)lane;
    for (int64_t r = first; r < end; r++)
        sum_row(d, b, r);
}

static void finish_rows(void *argument, int32_t lane, int64_t task)
{
    struct atau_dense *d = argument;
    int64_t            first, end;
    struct atau_block *b = rows_of_task(d, task, &first, &end);
    for (int64_t r = first; r < end; r++) {
        if (!d->s->reduce) /* there is nothing to wait for                                                  */
            sum_row(d, b, r);
        finish_row(d, b, lane, r);
    }
}

/* Rows of the blocks at work, which stand one after the other. */
static adaptau_reduce_piece piece_of_rows(const struct atau_dense *d, int32_t what)
{
    const struct atau_block *last = &d->blocks[d->n_blocks - 1];
    return (adaptau_reduce_piece){.what = what,
                                    .first = d->blocks[0].first_row,
                                    .n = last->first_row + last->n_rows - d->blocks[0].first_row};
}

static adaptau_status reduce_sums(struct atau_dense *d, adaptau_error *error)
{
    adaptau_reduce_piece piece = piece_of_rows(d, ADAPTAU_REDUCE_SUMS);
    piece.sums = d->blocks[0].sums;
    return atau_reduce_piece(d->s, &piece, error);
}

static adaptau_status reduce_users(struct atau_dense *d, adaptau_error *error)
{
    adaptau_reduce_piece piece = piece_of_rows(d, ADAPTAU_REDUCE_USERS);
    piece.gradients = user_gradient(d->s, piece.first);
    piece.stride = d->s->output.user_gradient_stride;
    return piece.gradients ? atau_reduce_piece(d->s, &piece, error) : ADAPTAU_OK;
}

/* ---- pass 2 ------------------------------------------------------------------------------------------------------ */

/* ê_u times the row's factor (and, for a tile that is relative to its own shift, times what turns it to the row's). */
static const float *factored_queries(struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile)
{
    const int64_t dim = d->s->dim;
    if (d->s->bounded || !d->store)
        return b->factored;
    float *out = d->lane_queries + lane * d->block_rows * dim;
    for (int64_t r = 0; r < b->n_rows; r++) {
        /* A tile whose candidates are all masked has no shift, and nothing that a factor could magnify. */
        float relative = expf(fminf(0.0f, b->tile_shifts[tile * d->block_rows + r] - b->final_shift[r]));
        d->s->kernels->scale(dim, relative, b->factored + r * dim, out + r * dim);
    }
    return out;
}

static void add_positives(struct atau_dense *d, struct atau_block *b, int64_t tile)
{
    for (int64_t k = b->tile_ptr[tile]; k < b->tile_ptr[tile + 1] && !d->shared; k++) {
        struct atau_meeting meeting = b->meetings[k];
        d->s->kernels->axpy(d->s->dim, b->coefficients[meeting.positive], b->queries + meeting.row * d->s->dim,
                            d->gradients + meeting.line * d->gradient_stride);
    }
}

static void finish_items(struct atau_dense *d, int64_t tile)
{
    for (int64_t j = tile * ATAU_TILE_LINES; j < tile * ATAU_TILE_LINES + atau_tile_lines(d, tile); j++) {
        atau_add_item_target(d->s, j, d->gradients + j * d->gradient_stride);
        atau_side_backward(d->s, &d->s->items, d->candidates + j * d->candidate_stride,
                           d->candidate_inverse_norms ? d->candidate_inverse_norms[j] : 1.0f,
                           d->gradients + j * d->gradient_stride, j, &d->s->bad_item);
    }
}

/* What pass 1 did not keep. */
static void compute_again(struct atau_dense *d, struct atau_block *b, int32_t lane, int64_t tile, float *t)
{
    float *sums = d->lane_sums + lane * 2 * d->block_rows;
    score_tile(d, b, tile, t, false);
    if (atau_loss_is_softmax(d->s->loss)) {
        raise_negatives(d, b, tile, t, false);
        memset(sums, 0, (size_t)b->n_rows * sizeof(float));
        atau_dense_exponentiate(d, b, lane, tile, t, b->final_shift, sums, false, true);
    } else {
        map_tile(d, b, lane, -1, tile, t);
        atau_dense_keep(d, b, lane, tile, t, false, true);
    }
}

static void spread_tile(struct atau_dense *d, struct atau_block *b, int32_t lane, int64_t tile)
{
    float *t = tile_of(d, b, lane, tile);
    if (!d->store)
        compute_again(d, b, lane, tile, t);
    atau_dense_add_items(d, b, lane, tile, t, factored_queries(d, b, lane, tile));
    add_positives(d, b, tile);
}

/* A task of pass 2. Tiles do not touch each other's gradients: any cut gives the same bits. */
static void spread_tiles(void *argument, int32_t lane, int64_t task)
{
    struct atau_dense *d = argument;
    const int64_t      n = d->end_tile - d->first_tile;
    for (int64_t k = n * task / d->n_spreads; k < n * (task + 1) / d->n_spreads; k++) {
        const int64_t tile = d->first_tile + k;
        for (int32_t block = 0; block < d->n_blocks; block++)
            spread_tile(d, &d->blocks[block], lane, tile);
        if (d->last_blocks && !d->shared)
            finish_items(d, tile);
    }
}

static adaptau_status spread(struct atau_dense *d, int64_t first_tile, int64_t end_tile, int64_t n_tasks, adaptau_error *error)
{
    d->first_tile = first_tile;
    d->end_tile = end_tile;
    d->n_spreads = atau_max_i64(1, atau_min_i64(n_tasks, end_tile - first_tile));
    return atau_parallel(d->s->context, d->n_spreads, spread_tiles, d, error);
}

/* ---- all of it --------------------------------------------------------------------------------------------------- */

/* Candidates' gradients stand by position, with repeats: sum them, and the positives', by item. */
static adaptau_status scatter_shared(struct atau_dense *d, adaptau_error *error)
{
    struct atau_softmax *s = d->s;
    struct atau_scatter  candidates = {.n = d->n_candidates,
                                       .items = s->batch.candidate_ids,
                                       .vectors = d->gradients,
                                       .entries_per_vector = 1};
    struct atau_scatter  positives = {.n = s->batch.positive_ptr[s->batch.n_rows],
                                      .items = s->batch.positives,
                                      .coefficients = d->all_coefficients,
                                      .vectors = d->all_queries,
                                      .vector_ids = d->row_of_positive};
    return atau_scatter_items(s, &candidates, &positives, error);
}

/* The last blocks complete the items' gradients: piece by piece where somebody waits for them. Pieces depend on the number of
 * items alone, not on rows, which differ between ranges of users. */
static adaptau_status finish_in_pieces(struct atau_dense *d, adaptau_error *error)
{
    const int64_t  n_pieces = d->s->reduce->item_pieces, threads = adaptau_context_n_threads(d->s->context);
    adaptau_status status = ADAPTAU_OK;
    for (int64_t k = 0; k < n_pieces && status == ADAPTAU_OK; k++) {
        const int64_t first = d->n_tiles * k / n_pieces, end = d->n_tiles * (k + 1) / n_pieces;
        if (first == end)
            continue;
        status = spread(d, first, end, 4 * threads, error);
        if (status == ADAPTAU_OK)
            status = atau_reduce_items(d->s, first, end, error);
    }
    return status;
}

static adaptau_status run_blocks(struct atau_dense *d, adaptau_error *error)
{
    adaptau_context *context = d->s->context;
    const int64_t    row_tasks = (d->block_rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK * d->n_blocks;
    const bool       apart = d->s->reduce != NULL;
    adaptau_status   status = sum_pairs(d, error);
    if (status == ADAPTAU_OK)
        status = atau_parallel(context, d->n_chunks * d->n_blocks, sum_chunk, d, error);
    if (status == ADAPTAU_OK && apart)
        status = atau_parallel(context, row_tasks, sum_rows, d, error);
    if (status == ADAPTAU_OK && apart)
        status = reduce_sums(d, error);
    if (status == ADAPTAU_OK)
        status = atau_parallel(context, row_tasks, finish_rows, d, error);
    if (status == ADAPTAU_OK && apart)
        status = reduce_users(d, error);
    if (status != ADAPTAU_OK || !d->gradients)
        return status;
    status = atau_dense_pack_factored(d, error);
    if (status != ADAPTAU_OK)
        return status;
    return apart && d->last_blocks && !d->shared ? finish_in_pieces(d, error) : spread(d, 0, d->n_tiles, d->n_chunks, error);
}

adaptau_status atau_softmax_dense(struct atau_softmax *s, adaptau_error *error)
{
    struct atau_dense dense;
    adaptau_status    status = atau_dense_open(s, &dense, error);
    if (status == ADAPTAU_OK)
        status = atau_dense_pack_items(&dense, error);
    for (int64_t row = 0; row < s->batch.n_rows && status == ADAPTAU_OK; row += (int64_t)dense.most_blocks * dense.block_rows) {
        status = atau_dense_begin_blocks(&dense, row, error);
        if (status == ADAPTAU_OK)
            status = run_blocks(&dense, error);
    }
    if (status == ADAPTAU_OK && dense.shared && dense.gradients)
        status = scatter_shared(&dense, error);
    return status;
}
