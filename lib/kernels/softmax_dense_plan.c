/* SPDX-License-Identifier: MIT */
/* The tile engine's grid, memory and blocks of rows. The grid depends on sizes alone. */
#include "kernels/softmax_dense.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_MOST 128            /* of a block                                                                */
#define ROWS_LEAST 16
#define STRIDE_PAD 16            /* keeps the lines of a tile from falling into the same cache sets           */
#define CHUNKS_MOST 64
#define STORE_BYTES (24u << 20)  /* of scores kept between the passes; half of that in bfloat16               */
#define PARTIAL_BYTES (4u << 20) /* of partial user gradients                                                 */

/* ---- the grid --------------------------------------------------------------------------------------------------- */

static int64_t tile_stride(int64_t rows)
{
    return (int64_t)atau_round_up((size_t)rows, 16) + STRIDE_PAD;
}

/* Words of a line of a stored tile. */
static int64_t tile_words(int64_t rows)
{
    return (int64_t)atau_round_up((size_t)(rows + 1) / 2, 16);
}

static bool fits_store(const struct atau_dense *d, int64_t rows)
{
    int64_t lines = d->n_tiles * ATAU_TILE_LINES;
    return d->panels.kernels ? lines * tile_words(rows) * 4 <= STORE_BYTES / 2 : lines * tile_stride(rows) * 4 <= STORE_BYTES;
}

static void choose_grid(struct atau_dense *d)
{
    const int64_t dim = d->s->dim;
    d->n_tiles = (d->n_candidates + ATAU_TILE_LINES - 1) / ATAU_TILE_LINES;
    d->want_users = d->s->output.user_gradients || d->s->output.row_d_inverse_tau;
    d->want_unit = d->s->output.row_unit_loss != NULL;

    int64_t rows = atau_min_i64(ROWS_MOST, d->s->batch.n_rows);
    while (rows > ROWS_LEAST && rows * dim * 4 * 8 > PARTIAL_BYTES)
        rows /= 2;
    d->store = false;
    for (int64_t fewer = rows; d->gradients && !d->store && fewer >= atau_min_i64(rows, ROWS_MOST / 2); fewer -= 16) {
        d->store = fits_store(d, fewer);
        rows = d->store ? fewer : rows;
    }
    d->block_rows = (int32_t)rows;
    d->tile_stride = (int32_t)tile_stride(rows);
    d->panels.item_words = (dim + 1) / 2;
    d->panels.tile_words = tile_words(rows);

    int64_t chunks = atau_max_i64(1, PARTIAL_BYTES / (rows * dim * 4));
    chunks = atau_min_i64(atau_min_i64(chunks, CHUNKS_MOST), d->n_tiles);
    d->n_chunks = atau_max_i64(1, chunks);
}

static int64_t most_positives(const struct atau_dense *d)
{
    const adaptau_batch *batch = &d->s->batch;
    int64_t              most = 0;
    for (int64_t r = 0; r < batch->n_rows; r += d->block_rows) {
        int64_t end = atau_min_i64(r + d->block_rows, batch->n_rows);
        most = atau_max_i64(most, batch->positive_ptr[end] - batch->positive_ptr[r]);
    }
    return most;
}

static void lay_out_panels(struct atau_dense *d, struct atau_arena *arena)
{
    struct atau_panels *panels = &d->panels;
    const size_t        dim = (size_t)d->s->dim, rows = (size_t)d->block_rows, half_tile = ATAU_TILE_LINES / 2;
    const size_t        lanes = (size_t)adaptau_context_threads(d->s->context), tiles = (size_t)d->n_tiles;
    const size_t        users = d->want_users ? 1 : 0, items = d->gradients ? 1 : 0, word = sizeof(uint32_t);
    if (!panels->kernels)
        return;
    panels->item_lines = atau_arena_take(arena, tiles * ATAU_TILE_LINES, (size_t)panels->item_words * word);
    panels->item_pairs = atau_arena_take(arena, users * tiles * half_tile, dim * word);
    panels->queries = atau_arena_take(arena, (dim + 1) / 2, rows * word);
    panels->factored = atau_arena_take(arena, items * (d->s->bounded ? 1 : lanes) * ((rows + 1) / 2), dim * word);
    panels->tile_lines = atau_arena_take(arena, items * (d->store ? tiles : lanes) * ATAU_TILE_LINES,
                                         (size_t)panels->tile_words * word);
    panels->tile_pairs = atau_arena_take(arena, users * lanes * half_tile, rows * word);
}

/* Called twice: to count and to assign (arena.h). */
static void lay_out(struct atau_dense *d, int64_t positives, int64_t meetings)
{
    struct atau_arena *arena = &d->s->memory->engine;
    const size_t       dim = (size_t)d->s->dim, rows = (size_t)d->block_rows, chunks = (size_t)d->n_chunks;
    const size_t       lanes = (size_t)adaptau_context_threads(d->s->context);
    const size_t       unbounded = d->s->bounded ? 0 : 1, shared = d->shared ? 1 : 0, unit = d->want_unit ? 1 : 0;
    const size_t       all = shared * (size_t)d->s->batch.positive_ptr[d->s->batch.n_rows];
    const size_t       candidates = shared * (size_t)d->n_candidates, users = d->want_users ? 1 : 0;

    d->queries = atau_arena_take(arena, rows * dim, sizeof(float));
    d->queries_t = atau_arena_take(arena, rows * dim, sizeof(float));
    d->factored = atau_arena_take(arena, rows * dim, sizeof(float));
    d->inverse_norms = atau_arena_take(arena, rows, sizeof(float));
    d->inverse_tau = atau_arena_take(arena, rows, sizeof(float));
    d->one = atau_arena_take(arena, rows, sizeof(float));
    d->shift = atau_arena_take(arena, rows, sizeof(float));
    d->unit_shift = atau_arena_take(arena, rows, sizeof(float));
    d->final_shift = atau_arena_take(arena, rows, sizeof(float));
    d->tiles = atau_arena_take(arena, (d->store && !d->panels.kernels ? (size_t)d->n_tiles : lanes) * ATAU_TILE_LINES,
                               (size_t)d->tile_stride * sizeof(float));
    lay_out_panels(d, arena);
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
    d->meetings = atau_arena_take(arena, (size_t)meetings, sizeof(struct atau_meeting));
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

/* ---- shared candidates ----------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static void lay_out_gathered(struct atau_dense *d)
{
    struct atau_arena *arena = &d->s->memory->candidates;
    const size_t       n = (size_t)d->n_candidates;
    d->gathered = atau_arena_take(arena, n * (size_t)d->s->dim, sizeof(float));
    d->gathered_norms = atau_arena_take(arena, n, sizeof(float));
    d->by_id = atau_arena_take(arena, n, sizeof(int64_t));
}

static adaptau_status gather_candidates(struct atau_dense *d, adaptau_error *error)
{
    struct atau_softmax *s = d->s;
    atau_arena_count(&s->memory->candidates);
    lay_out_gathered(d);
    adaptau_status status = atau_arena_allocate(s->context, &s->memory->candidates, "the candidates", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_gathered(d);
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

/* ---- the block: rows and meetings --------------------------------------------------------------------------------- */

static void prepare_rows(struct atau_dense *d)
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
        if (d->shared)
            memcpy(d->all_queries + (d->first_row + r) * dim, query, (size_t)dim * sizeof(float));
    }
}

/* Scores of positives that need not be candidates. */
static void score_positives(struct atau_dense *d)
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
static int64_t find_id(const struct atau_dense *d, int64_t id)
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
static void visit_meetings(struct atau_dense *d,
                           void (*visit)(struct atau_dense *d, int64_t line, int32_t row, int64_t positive))
{
    const adaptau_batch *batch = &d->s->batch;
    if (d->shared && !d->s->outside)
        return; /* they meet, but nothing follows from it                                                       */
    for (int32_t r = 0; r < d->n_rows; r++)
        for (int64_t p = batch->positive_ptr[d->first_row + r]; p < batch->positive_ptr[d->first_row + r + 1]; p++) {
            int64_t item = batch->positives[p];
            if (!d->shared) {
                visit(d, item, r, p - d->first_positive);
                continue;
            }
            for (int64_t k = find_id(d, item); k < d->n_candidates && d->by_id[k] >> 32 == item; k++)
                visit(d, d->by_id[k] & INT32_MAX, r, p - d->first_positive);
        }
}

static void count_meeting(struct atau_dense *d, int64_t line, int32_t row, int64_t positive)
{
    (void)row;
    (void)positive;
    d->tile_ptr[line / ATAU_TILE_LINES + 1]++;
}

static void place_meeting(struct atau_dense *d, int64_t line, int32_t row, int64_t positive)
{
    d->meetings[d->tile_next[line / ATAU_TILE_LINES]++] = (struct atau_meeting){(int32_t)line, row, positive};
}

/* Counting sort of the meetings by tile. */
static void sort_meetings(struct atau_dense *d)
{
    memset(d->tile_ptr, 0, (size_t)(d->n_tiles + 1) * sizeof *d->tile_ptr);
    visit_meetings(d, count_meeting);
    for (int64_t t = 0; t < d->n_tiles; t++) {
        d->tile_ptr[t + 1] += d->tile_ptr[t];
        d->tile_next[t] = d->tile_ptr[t];
    }
    visit_meetings(d, place_meeting);
}

void atau_dense_begin_block(struct atau_dense *d, int64_t first_row)
{
    const adaptau_batch *batch = &d->s->batch;
    d->first_row = first_row;
    d->n_rows = (int32_t)atau_min_i64(d->block_rows, batch->n_rows - first_row);
    d->first_positive = batch->positive_ptr[first_row];
    d->n_positives = batch->positive_ptr[first_row + d->n_rows] - d->first_positive;
    d->last_block = first_row + d->n_rows == batch->n_rows;
    prepare_rows(d);
    atau_dense_pack_queries(d);
    if (d->shared)
        score_positives(d);
    sort_meetings(d);
}

/* ---- opening -------------------------------------------------------------------------------------------------------- */

/* How many meetings a block can have: for shared candidates a positive meets each repeat of its item. */
static int64_t most_meetings(struct atau_dense *d, int64_t positives)
{
    int64_t most = 0;
    if (!d->shared)
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

static adaptau_status prepare(struct atau_dense *d, adaptau_error *error)
{
    adaptau_status status = d->shared ? gather_candidates(d, error) : ADAPTAU_OK;
    if (status != ADAPTAU_OK)
        return status;
    choose_grid(d);
    int64_t positives = most_positives(d), meetings = most_meetings(d, positives);
    atau_arena_count(&d->s->memory->engine);
    lay_out(d, positives, meetings);
    status = atau_arena_allocate(d->s->context, &d->s->memory->engine, "the softmax's tiles", error);
    if (status == ADAPTAU_OK)
        lay_out(d, positives, meetings);
    return status;
}

adaptau_status atau_dense_open(struct atau_softmax *s, struct atau_dense *d, adaptau_error *error)
{
    bool shared = s->batch.candidates == ADAPTAU_CANDIDATES_SHARED;
    *d = (struct atau_dense){.s = s,
                             .candidates = s->unit_items,
                             .candidate_stride = s->unit_item_stride,
                             .candidate_inverse_norms = s->item_inverse_norms,
                             .n_candidates = shared ? s->batch.n_candidates : s->n_items,
                             .gradients = s->output.item_gradients,
                             .gradient_stride = s->output.item_gradient_stride,
                             .panels.kernels = s->bf16,
                             .shared = shared};
    return prepare(d, error);
}
