/* SPDX-License-Identifier: MIT */
/* The tile engine: rows that share their candidates, which are a table of C vectors.
 *
 * A batch goes through in blocks of rows, and each block in two passes over tiles of candidates. A tile holds scores
 * transposed: line j is a candidate, column r a row of the block. Then all three products have the same shape, "coefficients
 * broadcast, rows of d as vectors", none needs a packed or transposed copy of the item table, and what belongs to a row (τ,
 * shift, sum) is a vector that needs no horizontal sum.
 *
 *   pass 1   T = V Qᵀ; positives read, or masked by −inf;  T = exp(T/τ − shift);  z += column sums;  U += Tᵀ V
 *   rows     losses and coefficients;  gradient of each user from U and its positives;  Q ← Q · factor
 *   pass 2   G += T Q;  positives added
 *
 * Where T of a whole block fits STORE_BYTES it is kept between the passes; else pass 2 computes it again. Tasks are chunks of
 * consecutive tiles. Partial sums belong to chunks and are added in the order of chunks, and the cut into blocks, chunks and
 * tiles depends on sizes alone: results do not depend on threads.
 *
 * The road not taken: scores as they come, a row of the batch per line, with items packed into transposed panels once per step.
 * It costs a copy of the table, and its item gradient runs against the grain of the tile. */
#include "kernels/softmax.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"

#define TILE_LINES 128             /* a tile of 128 x 128 floats and its 128 item rows stay in a second-level cache */
#define ROWS_MOST 128              /* of a block                                                              */
#define ROWS_LEAST 16
#define STRIDE_PAD 16              /* keeps the lines of a tile from falling into the same cache sets         */
#define CHUNKS_MOST 64
#define STORE_BYTES (24u << 20)    /* of scores kept between the passes                                       */
#define PARTIAL_BYTES (4u << 20)   /* of partial user gradients                                               */
#define ROWS_PER_TASK 8

/* A positive of the block that meets a candidate. */
struct meeting {
    int32_t line;     /* position among the candidates                                                       */
    int32_t row;      /* in the block                                                                        */
    int64_t positive; /* in the block's arrays of positives                                                  */
};

struct dense {
    struct atau_softmax *s;
    const float         *candidates; /* [C x d] ê                                                             */
    int64_t              candidate_stride;
    const float         *candidate_inverse_norms; /* [C], or NULL: all 1                                      */
    int64_t              n_candidates;
    float               *gradients; /* [C x d] of the candidates, or NULL                                     */
    int64_t              gradient_stride;

    /* the grid */
    int64_t n_tiles, n_chunks;
    int32_t block_rows, tile_stride;
    bool    store, want_users, want_unit, last_block;

    /* the block */
    int64_t first_row;
    int32_t n_rows;
    int64_t first_positive, n_positives;

    /* work arrays */
    float          *queries;       /* [B x d] ê_u                                                             */
    float          *queries_t;     /* [d x B]                                                                 */
    float          *factored;      /* [B x d] ê_u times the row's factor                                      */
    float          *inverse_norms; /* [B]                                                                     */
    float          *inverse_tau, *one, *shift, *unit_shift; /* [B]                                            */
    float          *tiles;         /* [n_tiles x L x stride] stored, [lanes x L x stride] otherwise           */
    float          *tile_shifts;   /* [n_tiles x B] what each stored tile is relative to; unbounded only      */
    float          *partial_users; /* [n_chunks x B x d]                                                      */
    double         *partial_sums, *partial_unit_sums; /* [n_chunks x B]                                       */
    float          *partial_max, *partial_unit_max;   /* [n_chunks x B] unbounded only                        */
    float          *final_shift;   /* [B]                                                                     */
    float          *lane_sums;     /* [lanes x 2 B]                                                           */
    float          *lane_queries;  /* [lanes x B x d] queries relative to a tile's shift; unbounded only      */
    float          *scores;        /* [most positives of a block] f                                           */
    float          *coefficients;  /* [the same]                                                              */
    float          *norms_of_positives; /* [the same] 1/‖e_i‖; shared candidates only                         */
    struct meeting *meetings;      /* [most meetings of a block], by tile                                     */
    int64_t        *tile_ptr;      /* [n_tiles + 1]                                                           */
    int64_t        *tile_next;     /* [n_tiles]                                                               */

    /* shared candidates */
    float       *gathered;         /* [C x d]                                                                 */
    float       *gathered_norms;   /* [C]                                                                     */
    int64_t     *by_id;            /* [C] id << 32 | position, ascending                                      */
    float       *all_queries;      /* [R x d] ê_u, for the positives' scatter                                 */
    float       *all_coefficients; /* [positives]                                                             */
    int32_t     *row_of_positive;  /* [positives]                                                             */
};

static bool is_shared(const struct dense *d)
{
    return d->s->batch.candidates == ADAPTAU_CANDIDATES_SHARED;
}

/* ---- the grid --------------------------------------------------------------------------------------------------- */

static int64_t tile_stride(int64_t rows)
{
    return (int64_t)atau_round_up((size_t)rows, 16) + STRIDE_PAD;
}

static void choose_grid(struct dense *d)
{
    const int64_t dim = d->s->dim;
    d->n_tiles = (d->n_candidates + TILE_LINES - 1) / TILE_LINES;
    d->want_users = d->s->output.user_gradients || d->s->output.row_d_inverse_tau;
    d->want_unit = d->s->output.row_unit_loss != NULL;

    int64_t rows = atau_min_i64(ROWS_MOST, d->s->batch.n_rows);
    while (rows > ROWS_LEAST && rows * dim * 4 * 8 > PARTIAL_BYTES)
        rows /= 2;
    d->store = false;
    for (int64_t fewer = rows; d->gradients && !d->store && fewer >= atau_min_i64(rows, ROWS_MOST / 2); fewer -= 16) {
        int64_t bytes = d->n_tiles * TILE_LINES * tile_stride(fewer) * 4;
        if (bytes <= STORE_BYTES) {
            d->store = true;
            rows = fewer;
        }
    }
    d->block_rows = (int32_t)rows;
    d->tile_stride = (int32_t)tile_stride(rows);

    int64_t chunks = atau_max_i64(1, PARTIAL_BYTES / (rows * dim * 4));
    chunks = atau_min_i64(atau_min_i64(chunks, CHUNKS_MOST), d->n_tiles);
    d->n_chunks = atau_max_i64(1, chunks);
}

static int64_t first_tile(const struct dense *d, int64_t chunk)
{
    return d->n_tiles * chunk / d->n_chunks;
}

static int64_t tile_lines(const struct dense *d, int64_t tile)
{
    return atau_min_i64(TILE_LINES, d->n_candidates - tile * TILE_LINES);
}

static int64_t most_positives(const struct dense *d)
{
    const adaptau_batch *batch = &d->s->batch;
    int64_t              most = 0;
    for (int64_t r = 0; r < batch->n_rows; r += d->block_rows) {
        int64_t end = atau_min_i64(r + d->block_rows, batch->n_rows);
        most = atau_max_i64(most, batch->positive_ptr[end] - batch->positive_ptr[r]);
    }
    return most;
}

/* Called twice: to count and to assign (arena.h). */
static void lay_out(struct dense *d, struct atau_arena *arena, int64_t positives, int64_t meetings)
{
    const size_t dim = (size_t)d->s->dim, rows = (size_t)d->block_rows, chunks = (size_t)d->n_chunks;
    const size_t lanes = (size_t)adaptau_context_threads(d->s->context);
    const size_t unbounded = d->s->bounded ? 0 : 1, shared = is_shared(d) ? 1 : 0, unit = d->want_unit ? 1 : 0;
    const size_t all = shared * (size_t)d->s->batch.positive_ptr[d->s->batch.n_rows];
    const size_t candidates = shared * (size_t)d->n_candidates, users = d->want_users ? 1 : 0;

    d->queries = atau_arena_take(arena, rows * dim, sizeof(float));
    d->queries_t = atau_arena_take(arena, rows * dim, sizeof(float));
    d->factored = atau_arena_take(arena, rows * dim, sizeof(float));
    d->inverse_norms = atau_arena_take(arena, rows, sizeof(float));
    d->inverse_tau = atau_arena_take(arena, rows, sizeof(float));
    d->one = atau_arena_take(arena, rows, sizeof(float));
    d->shift = atau_arena_take(arena, rows, sizeof(float));
    d->unit_shift = atau_arena_take(arena, rows, sizeof(float));
    d->final_shift = atau_arena_take(arena, rows, sizeof(float));
    d->tiles = atau_arena_take(arena, (d->store ? (size_t)d->n_tiles : lanes) * TILE_LINES,
                               (size_t)d->tile_stride * sizeof(float));
    d->tile_shifts = atau_arena_take(arena, unbounded * (d->store ? (size_t)d->n_tiles : 0) * rows, sizeof(float));
    d->partial_users = atau_arena_take(arena, users * chunks * rows, dim * sizeof(float));
    d->partial_sums = atau_arena_take(arena, chunks * rows, sizeof(double));
    d->partial_unit_sums = atau_arena_take(arena, unit * chunks * rows, sizeof(double));
    d->partial_max = atau_arena_take(arena, unbounded * chunks * rows, sizeof(float));
    d->partial_unit_max = atau_arena_take(arena, unbounded * unit * chunks * rows, sizeof(float));
    d->lane_sums = atau_arena_take(arena, lanes * 2 * rows, sizeof(float));
    d->lane_queries = atau_arena_take(arena, unbounded * lanes * rows, dim * sizeof(float));
    d->scores = atau_arena_take(arena, (size_t)positives, sizeof(float));
    d->coefficients = atau_arena_take(arena, (size_t)positives, sizeof(float));
    d->norms_of_positives = atau_arena_take(arena, shared * (size_t)positives, sizeof(float));
    d->meetings = atau_arena_take(arena, (size_t)meetings, sizeof(struct meeting));
    d->tile_ptr = atau_arena_take(arena, (size_t)d->n_tiles + 1, sizeof(int64_t));
    d->tile_next = atau_arena_take(arena, (size_t)d->n_tiles, sizeof(int64_t));
    d->all_queries = atau_arena_take(arena, shared * (size_t)d->s->batch.n_rows, dim * sizeof(float));
    d->all_coefficients = atau_arena_take(arena, all, sizeof(float));
    d->row_of_positive = atau_arena_take(arena, all, sizeof(int32_t));
    if (d->gradients && shared) {
        float *own = atau_arena_take(arena, candidates, dim * sizeof(float));
        d->gradients = own ? own : d->gradients; /* stays "wanted" while counting                              */
        d->gradient_stride = (int64_t)dim;
    }
}

/* ---- the block: rows and meetings --------------------------------------------------------------------------------- */

static void prepare_rows(struct dense *d)
{
    struct atau_softmax *s = d->s;
    const int64_t        dim = s->dim, n = d->n_rows;
    for (int64_t r = 0; r < n; r++) {
        float *query = d->queries + r * dim;
        float  inverse_tau = 1.0f / atau_row_tau(s, d->first_row + r);
        d->inverse_norms[r] = atau_side_row(s, &s->users, atau_row_user(s, d->first_row + r), query);
        d->inverse_tau[r] = inverse_tau;
        d->one[r] = 1.0f;
        d->shift[r] = inverse_tau + s->logit_offset;
        d->unit_shift[r] = 1.0f + s->logit_offset;
        for (int64_t k = 0; k < dim; k++)
            d->queries_t[k * n + r] = query[k];
        if (is_shared(d))
            memcpy(d->all_queries + (d->first_row + r) * dim, query, (size_t)dim * sizeof(float));
    }
}

/* Scores of positives that need not be candidates. */
static void score_positives(struct dense *d)
{
    struct atau_softmax *s = d->s;
    for (int64_t r = 0; r < d->n_rows; r++)
        for (int64_t p = s->batch.positive_ptr[d->first_row + r]; p < s->batch.positive_ptr[d->first_row + r + 1]; p++) {
            const float *item = atau_item(s, s->batch.positives[p]);
            float        norm = 1.0f;
            if (s->items.normalise && !s->items.unit) {
                float squares = s->kernels->dot(s->dim, item, item);
                norm = squares > 0.0f ? 1.0f / sqrtf(squares) : 0.0f;
            }
            d->norms_of_positives[p - d->first_positive] = norm;
            d->scores[p - d->first_positive] = norm * s->kernels->dot(s->dim, d->queries + r * s->dim, item);
            d->row_of_positive[p] = (int32_t)(d->first_row + r);
        }
}

/* First position in by_id whose id is at least `id`. */
static int64_t find_id(const struct dense *d, int64_t id)
{
    int64_t low = 0, high = d->n_candidates;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (d->by_id[middle] < id << 32)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Call visit for every pair of a positive of the block and a candidate that is the same item, rows in order. */
static void visit_meetings(struct dense *d, void (*visit)(struct dense *d, int64_t line, int32_t row, int64_t positive))
{
    const adaptau_batch *batch = &d->s->batch;
    if (is_shared(d) && !d->s->outside)
        return; /* they meet, but nothing follows from it                                                       */
    for (int32_t r = 0; r < d->n_rows; r++)
        for (int64_t p = batch->positive_ptr[d->first_row + r]; p < batch->positive_ptr[d->first_row + r + 1]; p++) {
            int64_t item = batch->positives[p];
            if (!is_shared(d)) {
                visit(d, item, r, p - d->first_positive);
                continue;
            }
            for (int64_t k = find_id(d, item); k < d->n_candidates && d->by_id[k] >> 32 == item; k++)
                visit(d, d->by_id[k] & INT32_MAX, r, p - d->first_positive);
        }
}

static void count_meeting(struct dense *d, int64_t line, int32_t row, int64_t positive)
{
    (void)row;
    (void)positive;
    d->tile_ptr[line / TILE_LINES + 1]++;
}

static void place_meeting(struct dense *d, int64_t line, int32_t row, int64_t positive)
{
    d->meetings[d->tile_next[line / TILE_LINES]++] = (struct meeting){(int32_t)line, row, positive};
}

/* Counting sort of the meetings by tile. */
static void sort_meetings(struct dense *d)
{
    memset(d->tile_ptr, 0, (size_t)(d->n_tiles + 1) * sizeof *d->tile_ptr);
    visit_meetings(d, count_meeting);
    for (int64_t t = 0; t < d->n_tiles; t++) {
        d->tile_ptr[t + 1] += d->tile_ptr[t];
        d->tile_next[t] = d->tile_ptr[t];
    }
    visit_meetings(d, place_meeting);
}

static void begin_block(struct dense *d, int64_t first_row)
{
    const adaptau_batch *batch = &d->s->batch;
    d->first_row = first_row;
    d->n_rows = (int32_t)atau_min_i64(d->block_rows, batch->n_rows - first_row);
    d->first_positive = batch->positive_ptr[first_row];
    d->n_positives = batch->positive_ptr[first_row + d->n_rows] - d->first_positive;
    d->last_block = first_row + d->n_rows == batch->n_rows;
    prepare_rows(d);
    if (is_shared(d))
        score_positives(d);
    sort_meetings(d);
}

/* ---- pass 1 --------------------------------------------------------------------------------------------------------- */

static float *tile_of(const struct dense *d, int32_t lane, int64_t tile)
{
    return d->tiles + (d->store ? tile : lane) * TILE_LINES * d->tile_stride;
}

static const float *tile_log_q(const struct dense *d, int64_t tile)
{
    return d->s->batch.log_q ? d->s->batch.log_q + tile * TILE_LINES : NULL;
}

/* T = V Qᵀ; positives outside the sum become −inf. `read` the scores of positives on the way. */
static void score_tile(struct dense *d, int64_t tile, float *t, bool read)
{
    const int64_t first = tile * TILE_LINES, dim = d->s->dim;
    d->s->kernels->product(tile_lines(d, tile), d->n_rows, dim, d->candidates + first * d->candidate_stride,
                           d->candidate_stride, 1, d->queries_t, d->n_rows, 0, t, d->tile_stride);
    for (int64_t k = d->tile_ptr[tile]; k < d->tile_ptr[tile + 1]; k++) {
        struct meeting meeting = d->meetings[k];
        float         *cell = t + (meeting.line - first) * d->tile_stride + meeting.row;
        if (read && !is_shared(d))
            d->scores[meeting.positive] = *cell;
        if (d->s->outside)
            *cell = -INFINITY;
    }
}

/* Raise the running maxima to those of a tile; each sum (and row of users, when given) that was relative to a lower one is
 * scaled down. */
static void raise_maxima(struct dense *d, int64_t lines, const float *t, const float *scale, const float *log_q,
                         float *maxima, double *sums, float *users, float *before)
{
    const int64_t dim = d->s->dim;
    memcpy(before, maxima, (size_t)d->n_rows * sizeof(float));
    d->s->kernels->max_tile(lines, d->n_rows, t, d->tile_stride, scale, log_q, maxima);
    for (int64_t r = 0; r < d->n_rows; r++) {
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
static void add_unit_sums(struct dense *d, int32_t lane, int64_t chunk, int64_t tile, const float *t)
{
    const int64_t rows = d->block_rows, lines = tile_lines(d, tile);
    const float  *log_q = tile_log_q(d, tile), *shift = d->unit_shift;
    float        *sums = d->lane_sums + lane * 2 * rows, *own_shift = sums + rows;
    double       *total = d->partial_unit_sums + chunk * rows;
    if (!d->s->bounded) {
        float *maxima = d->partial_unit_max + chunk * rows;
        raise_maxima(d, lines, t, d->one, log_q, maxima, total, NULL, own_shift);
        finite_shift(d->n_rows, maxima, own_shift);
        shift = own_shift;
    }
    memset(sums, 0, (size_t)d->n_rows * sizeof(float));
    d->s->kernels->exp_sum(lines, d->n_rows, t, d->tile_stride, d->one, shift, log_q, sums);
    add_sums(d->n_rows, sums, total);
}

/* Scores to exponentials, and their sums. */
static void exponentiate_tile(struct dense *d, int32_t lane, int64_t chunk, int64_t tile, float *t)
{
    const int64_t rows = d->block_rows, lines = tile_lines(d, tile), dim = d->s->dim;
    const float  *log_q = tile_log_q(d, tile), *shift = d->shift;
    float        *sums = d->lane_sums + lane * 2 * rows, *own_shift = sums + rows;
    double       *total = d->partial_sums + chunk * rows;
    if (!d->s->bounded) {
        float *maxima = d->partial_max + chunk * rows;
        float *users = d->want_users ? d->partial_users + chunk * rows * dim : NULL;
        raise_maxima(d, lines, t, d->inverse_tau, log_q, maxima, total, users, own_shift);
        if (d->store)
            own_shift = d->tile_shifts + tile * rows;
        finite_shift(d->n_rows, maxima, own_shift);
        shift = own_shift;
    }
    memset(sums, 0, (size_t)d->n_rows * sizeof(float));
    d->s->kernels->exp_tile(lines, d->n_rows, t, d->tile_stride, d->inverse_tau, shift, log_q, sums);
    add_sums(d->n_rows, sums, total);
}

static void clear_partials(struct dense *d, int64_t chunk)
{
    const int64_t rows = d->block_rows;
    memset(d->partial_sums + chunk * rows, 0, (size_t)rows * sizeof(double));
    if (d->want_unit)
        memset(d->partial_unit_sums + chunk * rows, 0, (size_t)rows * sizeof(double));
    for (int64_t r = 0; r < rows && !d->s->bounded; r++) {
        d->partial_max[chunk * rows + r] = -INFINITY;
        if (d->want_unit)
            d->partial_unit_max[chunk * rows + r] = -INFINITY;
    }
    if (d->want_users)
        memset(d->partial_users + chunk * rows * d->s->dim, 0, (size_t)(rows * d->s->dim) * sizeof(float));
}

static void sum_chunk(void *argument, int32_t lane, int64_t chunk)
{
    struct dense *d = argument;
    const int64_t dim = d->s->dim;
    clear_partials(d, chunk);
    for (int64_t tile = first_tile(d, chunk); tile < first_tile(d, chunk + 1); tile++) {
        float *t = tile_of(d, lane, tile);
        score_tile(d, tile, t, true);
        if (d->want_unit)
            add_unit_sums(d, lane, chunk, tile, t);
        exponentiate_tile(d, lane, chunk, tile, t);
        if (d->want_users)
            d->s->kernels->product(d->n_rows, dim, tile_lines(d, tile), t, 1, d->tile_stride,
                                   d->candidates + tile * TILE_LINES * d->candidate_stride, d->candidate_stride, 1,
                                   d->partial_users + chunk * d->block_rows * dim, dim);
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

/* Largest of the chunks' maxima for a row; a finite number in any case. */
static float largest_max(const struct dense *d, const float *maxima, int64_t r)
{
    float largest = -INFINITY;
    for (int64_t c = 0; c < d->n_chunks; c++)
        if (maxima[c * d->block_rows + r] > largest)
            largest = maxima[c * d->block_rows + r];
    return largest == -INFINITY ? 0.0f : largest;
}

/* How much a chunk's partial counts, relative to the row's shift. */
static double chunk_scale(const struct dense *d, const float *maxima, int64_t chunk, int64_t r, float shift)
{
    return d->s->bounded ? 1.0 : exp((double)maxima[chunk * d->block_rows + r] - (double)shift);
}

/* Σ over chunks, in their order. user [d]: Σ exp(logit − shift) ê_c. */
static void merge_chunks(struct dense *d, int64_t r, struct atau_row_sums *sums, float *user)
{
    const int64_t dim = d->s->dim, rows = d->block_rows;
    float         shift = d->s->bounded ? d->shift[r] : largest_max(d, d->partial_max, r);
    float         unit_shift = d->unit_shift[r];
    if (d->want_unit && !d->s->bounded)
        unit_shift = largest_max(d, d->partial_unit_max, r);
    memset(sums, 0, sizeof *sums);
    sums->shift = shift;
    sums->unit_shift = unit_shift;
    d->final_shift[r] = shift;
    if (user)
        memset(user, 0, (size_t)dim * sizeof(float));
    for (int64_t c = 0; c < d->n_chunks; c++) {
        double scale = chunk_scale(d, d->partial_max, c, r, shift);
        if (d->partial_sums[c * rows + r] != 0.0) {
            sums->sum += scale * d->partial_sums[c * rows + r];
            if (user)
                d->s->kernels->axpy(dim, (float)scale, d->partial_users + (c * rows + r) * dim, user);
        }
        if (d->want_unit && d->partial_unit_sums[c * rows + r] != 0.0)
            sums->unit_sum +=
                chunk_scale(d, d->partial_unit_max, c, r, unit_shift) * d->partial_unit_sums[c * rows + r];
    }
}

/* ∂loss/∂e_u = Σ_c ∂loss/∂f_c ê_c + Σ_i coefficient_i ê_i, then back through the user's normalisation. `gradient` holds the
 * first sum up to the factor. */
static void finish_user(struct dense *d, int64_t r, const struct atau_row_terms *terms, float *gradient)
{
    struct atau_softmax *s = d->s;
    const int64_t        dim = s->dim, row = d->first_row + r;
    s->kernels->scale(dim, terms->candidate_factor, gradient, gradient);
    if (atau_row_target(s, row))
        s->kernels->axpy(dim, terms->target_factor, atau_row_target(s, row), gradient);
    for (int64_t p = s->batch.positive_ptr[row]; p < s->batch.positive_ptr[row + 1]; p++) {
        int64_t k = p - d->first_positive, item = s->batch.positives[p];
        if (is_shared(d))
            s->kernels->axpy(dim, d->coefficients[k] * d->norms_of_positives[k], atau_item(s, item), gradient);
        else
            s->kernels->axpy(dim, d->coefficients[k], d->candidates + item * d->candidate_stride, gradient);
    }
    atau_side_backward(s, &s->users, d->queries + r * dim, d->inverse_norms[r], gradient, row, &s->bad_row);
}

static void finish_rows(void *argument, int32_t lane, int64_t task)
{
    struct dense        *d = argument;
    struct atau_softmax *s = d->s;
    const int64_t        dim = s->dim, end = atau_min_i64((task + 1) * ROWS_PER_TASK, d->n_rows);
    (void)lane;
    for (int64_t r = task * ROWS_PER_TASK; r < end; r++) {
        const int64_t         row = d->first_row + r, first = s->batch.positive_ptr[row] - d->first_positive;
        struct atau_row_sums  sums;
        struct atau_row_terms terms;
        float *factored = d->factored + r * dim;
        float *gradient = s->output.user_gradients ? s->output.user_gradients + row * s->output.user_gradient_stride
                                                   : NULL;
        float *merged = gradient ? gradient : d->want_users ? factored : NULL;
        merge_chunks(d, r, &sums, merged);
        if (merged)
            sums.user_dot_sum = (double)s->kernels->dot(dim, d->queries + r * dim, merged);
        if (atau_row_target(s, row))
            sums.target_score = (double)s->kernels->dot(dim, d->queries + r * dim, atau_row_target(s, row));
        s->row_count[row] = atau_softmax_terms(s, row, &sums, d->scores + first, d->coefficients + first, &terms);
        if (gradient)
            finish_user(d, r, &terms, gradient);
        if (is_shared(d))
            memcpy(d->all_coefficients + s->batch.positive_ptr[row], d->coefficients + first,
                   (size_t)atau_row_positives(s, row) * sizeof(float));
        s->kernels->scale(dim, terms.candidate_factor, d->queries + r * dim, factored);
    }
}

/* ---- pass 2 ---------------------------------------------------------------------------------------------------------- */

/* ê_u times the row's factor (and, for a tile that is relative to its own shift, times what turns it to the row's). */
static const float *factored_queries(struct dense *d, int32_t lane, int64_t tile)
{
    const int64_t dim = d->s->dim;
    if (d->s->bounded || !d->store)
        return d->factored;
    float *out = d->lane_queries + lane * d->block_rows * dim;
    for (int64_t r = 0; r < d->n_rows; r++) {
        float relative = expf(d->tile_shifts[tile * d->block_rows + r] - d->final_shift[r]);
        d->s->kernels->scale(dim, relative, d->factored + r * dim, out + r * dim);
    }
    return out;
}

static void add_positives(struct dense *d, int64_t tile)
{
    for (int64_t k = d->tile_ptr[tile]; k < d->tile_ptr[tile + 1] && !is_shared(d); k++) {
        struct meeting meeting = d->meetings[k];
        d->s->kernels->axpy(d->s->dim, d->coefficients[meeting.positive], d->queries + meeting.row * d->s->dim,
                            d->gradients + meeting.line * d->gradient_stride);
    }
}

static void finish_items(struct dense *d, int64_t tile)
{
    for (int64_t j = tile * TILE_LINES; j < tile * TILE_LINES + tile_lines(d, tile); j++) {
        atau_add_item_target(d->s, j, d->gradients + j * d->gradient_stride);
        atau_side_backward(d->s, &d->s->items, d->candidates + j * d->candidate_stride,
                           d->candidate_inverse_norms ? d->candidate_inverse_norms[j] : 1.0f,
                           d->gradients + j * d->gradient_stride, j, &d->s->bad_item);
    }
}

static void spread_chunk(void *argument, int32_t lane, int64_t chunk)
{
    struct dense *d = argument;
    const int64_t dim = d->s->dim;
    for (int64_t tile = first_tile(d, chunk); tile < first_tile(d, chunk + 1); tile++) {
        float *t = tile_of(d, lane, tile);
        if (!d->store) {
            float *sums = d->lane_sums + lane * 2 * d->block_rows;
            score_tile(d, tile, t, false);
            memset(sums, 0, (size_t)d->n_rows * sizeof(float));
            d->s->kernels->exp_tile(tile_lines(d, tile), d->n_rows, t, d->tile_stride, d->inverse_tau, d->final_shift,
                                    tile_log_q(d, tile), sums);
        }
        d->s->kernels->product(tile_lines(d, tile), dim, d->n_rows, t, d->tile_stride, 1,
                               factored_queries(d, lane, tile), dim, d->first_row > 0,
                               d->gradients + tile * TILE_LINES * d->gradient_stride, d->gradient_stride);
        add_positives(d, tile);
        if (d->last_block && !is_shared(d))
            finish_items(d, tile);
    }
}

/* ---- shared candidates ----------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void lay_out_gathered(struct dense *d, struct atau_arena *arena)
{
    const size_t n = (size_t)d->n_candidates;
    d->gathered = atau_arena_take(arena, n * (size_t)d->s->dim, sizeof(float));
    d->gathered_norms = atau_arena_take(arena, n, sizeof(float));
    d->by_id = atau_arena_take(arena, n, sizeof(int64_t));
}

static adaptau_status gather_candidates(struct dense *d, struct atau_arena *arena, adaptau_error *error)
{
    struct atau_softmax *s = d->s;
    lay_out_gathered(d, arena);
    adaptau_status status = atau_arena_allocate(s->context, arena, "the candidates", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_gathered(d, arena);
    for (int64_t c = 0; c < d->n_candidates; c++) {
        int64_t id = s->batch.candidate_ids[c];
        d->gathered_norms[c] = atau_side_row(s, &s->items, atau_item(s, id), d->gathered + c * s->dim);
        d->by_id[c] = id << 32 | c;
    }
    qsort(d->by_id, (size_t)d->n_candidates, sizeof *d->by_id, compare_ids);
    d->candidates = d->gathered;
    d->candidate_stride = s->dim;
    return ADAPTAU_OK;
}

/* Candidates' gradients stand by position, with repeats: sum them, and the positives', by item. */
static adaptau_status scatter_shared(struct dense *d, adaptau_error *error)
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

/* How many meetings a block can have: for shared candidates a positive meets each repeat of its item. */
static int64_t most_meetings(struct dense *d, int64_t positives)
{
    int64_t most = 0;
    if (!is_shared(d))
        return positives;
    if (!d->s->outside)
        return 0;
    const adaptau_batch *batch = &d->s->batch;
    for (int64_t first = 0; first < batch->n_rows; first += d->block_rows) {
        int64_t end = atau_min_i64(first + d->block_rows, batch->n_rows), n = 0;
        for (int64_t p = batch->positive_ptr[first]; p < batch->positive_ptr[end]; p++)
            n += find_id(d, (int64_t)batch->positives[p] + 1) - find_id(d, batch->positives[p]);
        most = atau_max_i64(most, n);
    }
    return most;
}

/* ---- all of it ----------------------------------------------------------------------------------------------------- */

static adaptau_status run_block(struct dense *d, adaptau_error *error)
{
    adaptau_context *context = d->s->context;
    adaptau_status   status = atau_parallel(context, d->n_chunks, sum_chunk, d, error);
    if (status == ADAPTAU_OK)
        status = atau_parallel(context, (d->n_rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK, finish_rows, d, error);
    if (status == ADAPTAU_OK && d->gradients)
        status = atau_parallel(context, d->n_chunks, spread_chunk, d, error);
    return status;
}

adaptau_status atau_softmax_dense(struct atau_softmax *s, adaptau_error *error)
{
    struct dense      dense = {.s = s,
                               .candidates = s->unit_items,
                               .candidate_stride = s->unit_item_stride,
                               .candidate_inverse_norms = s->item_inverse_norms,
                               .n_candidates = s->n_items,
                               .gradients = s->output.item_gradients,
                               .gradient_stride = s->output.item_gradient_stride};
    struct dense     *d = &dense;
    struct atau_arena gathered = {0}, work = {0};
    adaptau_status    status = ADAPTAU_OK;
    if (is_shared(d)) {
        d->n_candidates = s->batch.n_candidates;
        status = gather_candidates(d, &gathered, error);
        if (status != ADAPTAU_OK)
            return status;
    }
    choose_grid(d);
    int64_t positives = most_positives(d), meetings = most_meetings(d, positives);
    lay_out(d, &work, positives, meetings);
    status = atau_arena_allocate(s->context, &work, "the softmax's tiles", error);
    if (status != ADAPTAU_OK)
        goto done;
    lay_out(d, &work, positives, meetings);

    for (int64_t row = 0; row < s->batch.n_rows && status == ADAPTAU_OK; row += d->block_rows) {
        begin_block(d, row);
        status = run_block(d, error);
    }
    if (status == ADAPTAU_OK && is_shared(d) && d->gradients)
        status = scatter_shared(d, error);
done:
    atau_arena_free(s->context, &work);
    atau_arena_free(s->context, &gathered);
    return status;
}
