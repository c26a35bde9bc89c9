/* SPDX-License-Identifier: MIT */
/* The tile engine's grid, memory and blocks of rows. The grid depends on sizes alone. */
#include "kernels/softmax_dense.h"

#include <math.h>
#include <string.h>

#include "common/pool.h"
#include "common/prefetch.h"
#include "common/sort.h"
#include "kernels/topk.h"

#define ROWS_MOST 128            /* of a block                                                                */
#define ROWS_LEAST 16
#define STRIDE_PAD 16            /* keeps the lines of a tile from falling into the same cache sets           */
#define CHUNKS_MOST 32
#define STORE_BYTES (24u << 20)  /* of scores kept between the passes; half of that in bfloat16               */
#define SEVERAL_BYTES (4u << 20) /* the same where several blocks are at work                                 */
#define PARTIAL_BYTES (4u << 20) /* of partial user gradients                                                 */
#define CHUNKS_WANTED 16         /* so that threads have work in pass 2, too                                  */

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

/* Bytes of T of a block, in the largest range of items. */
static int64_t store_bytes(const struct atau_dense *d, int64_t rows)
{
    return d->most_tiles * ATAU_TILE_LINES * 4 * (d->panels.kernels ? tile_words(rows) : tile_stride(rows));
}

static void choose_block_rows(struct atau_dense *d)
{
    const int64_t most_bytes = STORE_BYTES / (d->panels.kernels ? 2 : 1);
    int64_t       rows = atau_min_i64(ROWS_MOST, d->s->batch.n_rows);
    while (rows > ROWS_LEAST && rows * d->s->dim * 4 * 8 > PARTIAL_BYTES)
        rows /= 2;
    d->store = false;
    for (int64_t fewer = rows; d->gradients && !d->store && fewer >= atau_min_i64(rows, ROWS_MOST / 2); fewer -= 16) {
        d->store = d->most_tiles > 0 && store_bytes(d, fewer) <= most_bytes; /* without candidates there is nothing to keep */
        rows = d->store ? fewer : rows;
    }
    d->block_rows = (int32_t)rows;
    d->tile_stride = (int32_t)tile_stride(rows);
    d->top_k = d->s->loss_options.top_k;
    d->panels.item_words = (d->s->dim + 1) / 2;
    d->panels.tile_words = tile_words(rows);
}

/* Several blocks at once share what is read of candidates and written of their gradients, and are more work between two points
 * where threads wait for each other; as long as their tiles stay in the caches, or are not kept at all. */
static void choose_blocks(struct atau_dense *d)
{
    const int64_t rows = d->block_rows, all = (d->s->batch.n_rows + rows - 1) / rows, block_bytes = rows * d->s->dim * 4;
    int64_t       blocks = d->store ? SEVERAL_BYTES / store_bytes(d, d->block_rows) : ATAU_BLOCKS_MOST / 4;
    blocks = atau_max_i64(1, atau_min_i64(atau_min_i64(blocks, ATAU_BLOCKS_MOST), all));
    while (blocks > 1 && PARTIAL_BYTES / (blocks * block_bytes) < atau_min_i64(CHUNKS_WANTED, d->most_tiles))
        blocks--;
    const int64_t rounds = (all + blocks - 1) / blocks;
    d->most_blocks = (int32_t)((all + rounds - 1) / rounds);

    int64_t chunks = atau_max_i64(1, PARTIAL_BYTES / (d->most_blocks * block_bytes));
    d->n_chunks = atau_max_i64(1, atau_min_i64(atau_min_i64(chunks, CHUNKS_MOST), d->n_tiles));
}

static void choose_grid(struct atau_dense *d)
{
    const int64_t most = d->s->reduce ? atau_max_i64(d->s->reduce->most_items, d->n_candidates) : d->n_candidates;
    d->n_tiles = (d->n_candidates + ATAU_TILE_LINES - 1) / ATAU_TILE_LINES;
    d->most_tiles = (most + ATAU_TILE_LINES - 1) / ATAU_TILE_LINES;
    d->want_users = d->s->output.user_gradients || d->s->output.row_d_inverse_tau;
    d->want_unit = d->s->output.row_unit_loss != NULL;
    choose_block_rows(d);
    choose_blocks(d);
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

static int64_t most_negatives(const struct atau_dense *d)
{
    const adaptau_batch *batch = &d->s->batch;
    int64_t              most = 0;
    for (int64_t r = 0; batch->negative_ptr && r < batch->n_rows; r += d->block_rows) {
        int64_t end = atau_min_i64(r + d->block_rows, batch->n_rows);
        most = atau_max_i64(most, batch->negative_ptr[end] - batch->negative_ptr[r]);
    }
    return most;
}

static void lay_out_panels(struct atau_dense *d, struct atau_arena *arena)
{
    struct atau_panels *panels = &d->panels;
    const size_t        dim = (size_t)d->s->dim, rows = (size_t)d->block_rows, half_tile = ATAU_TILE_LINES / 2;
    const size_t        lanes = (size_t)adaptau_context_n_threads(d->s->context), tiles = (size_t)d->n_tiles;
    const size_t        users = d->want_users ? 1 : 0, items = d->gradients ? 1 : 0, word = sizeof(uint32_t);
    if (!panels->kernels)
        return;
    panels->item_lines = atau_arena_take(arena, tiles * ATAU_TILE_LINES, (uint64_t)panels->item_words * word);
    panels->item_pairs = atau_arena_take(arena, users * tiles * half_tile, dim * word);
    panels->tile_pairs = atau_arena_take(arena, users * lanes * half_tile, rows * word);
    panels->lane_tile_lines = atau_arena_take(arena, (d->store ? 0 : items * lanes) * ATAU_TILE_LINES,
                                              (size_t)panels->tile_words * word);
    panels->lane_factored = atau_arena_take(arena, (d->s->bounded ? 0 : items * lanes) * ((rows + 1) / 2), dim * word);
    for (int32_t k = 0; k < d->most_blocks; k++) {
        struct atau_block *b = &d->blocks[k];
        b->words.queries = atau_arena_take(arena, (dim + 1) / 2, rows * word);
        b->words.factored = atau_arena_take(arena, items * ((rows + 1) / 2), dim * word);
        if (d->store)
            b->words.tile_lines = atau_arena_take(arena, tiles * ATAU_TILE_LINES, (uint64_t)panels->tile_words * word);
    }
}

static void lay_out_block(struct atau_dense *d, struct atau_block *b, struct atau_arena *arena, int64_t positives,
                          int64_t meetings, int64_t negatives)
{
    const size_t dim = (size_t)d->s->dim, rows = (size_t)d->block_rows, chunks = (size_t)d->n_chunks;
    const size_t tiles = (size_t)d->n_tiles, unbounded = d->s->bounded ? 0 : 1, shared = d->shared ? 1 : 0;
    const size_t top = (size_t)d->top_k, unit = d->want_unit ? 1 : 0, users = d->want_users ? 1 : 0, pairs = d->s->loss->pairs ? 1 : 0;

    b->queries = atau_arena_take(arena, rows * dim, sizeof(float));
    b->queries_t = atau_arena_take(arena, rows * dim, sizeof(float));
    b->factored = atau_arena_take(arena, rows * dim, sizeof(float));
    b->inverse_norms = atau_arena_take(arena, rows, sizeof(float));
    b->inverse_tau = atau_arena_take(arena, rows, sizeof(float));
    b->shift = atau_arena_take(arena, rows, sizeof(float));
    b->unit_shift = atau_arena_take(arena, rows, sizeof(float));
    b->final_shift = atau_arena_take(arena, rows, sizeof(float));
    if (d->store && !d->panels.kernels)
        b->tiles = atau_arena_take(arena, tiles * ATAU_TILE_LINES, (uint64_t)d->tile_stride * sizeof(float));
    b->tile_shifts = atau_arena_take(arena, unbounded * (d->store ? tiles : 0) * rows, sizeof(float));
    b->partial_users = atau_arena_take(arena, users * chunks * rows, dim * sizeof(float));
    b->partial_sums = atau_arena_take(arena, chunks * rows, sizeof(double));
    b->partial_unit_sums = atau_arena_take(arena, unit * chunks * rows, sizeof(double));
    b->partial_max = atau_arena_take(arena, unbounded * chunks * rows, sizeof(float));
    b->partial_unit_max = atau_arena_take(arena, unbounded * unit * chunks * rows, sizeof(float));
    b->partial_slopes = atau_arena_take(arena, (uint64_t)positives, pairs * chunks * sizeof(double));
    b->partial_keys = atau_arena_take(arena, chunks * rows, top * sizeof(uint64_t));
    b->partial_kept = atau_arena_take(arena, top ? chunks * rows : 0, sizeof(int32_t));
    b->bounds = atau_arena_take(arena, top ? rows : 0, sizeof(uint32_t));
    b->counted = atau_arena_take(arena, rows, sizeof(double));
    b->scores = atau_arena_take(arena, (uint64_t)positives, sizeof(float));
    b->coefficients = atau_arena_take(arena, (uint64_t)positives, sizeof(float));
    b->norms_of_positives = atau_arena_take(arena, shared * (uint64_t)positives, sizeof(float));
    b->meetings = atau_arena_take(arena, (uint64_t)meetings, sizeof(struct atau_meeting));
    b->tile_ptr = atau_arena_take(arena, tiles + 1, sizeof(int64_t));
    b->tile_next = atau_arena_take(arena, tiles, sizeof(int64_t));
    b->negatives = atau_arena_take(arena, (uint64_t)negatives, sizeof(struct atau_negative));
    b->negative_ptr = atau_arena_take(arena, tiles + 1, sizeof(int64_t));
}

/* Called twice: to count and to assign (arena.h). positives, meetings, negatives: the most of a block. */
static void lay_out(struct atau_dense *d, int64_t positives, int64_t meetings, int64_t negatives)
{
    struct atau_arena *arena = &d->s->memory->engine;
    const size_t       dim = (size_t)d->s->dim, rows = (size_t)d->block_rows;
    const size_t       lanes = (size_t)adaptau_context_n_threads(d->s->context);
    const size_t       unbounded = d->s->bounded ? 0 : 1, shared = d->shared ? 1 : 0;
    const size_t       all = shared * (size_t)d->s->batch.positive_ptr[d->s->batch.n_rows];

    adaptau_row_sums *sums = atau_arena_take(arena, (uint64_t)d->most_blocks * rows, sizeof *sums);
    for (int32_t k = 0; k < d->most_blocks; k++) {
        lay_out_block(d, &d->blocks[k], arena, positives, meetings, negatives);
        d->blocks[k].sums = sums ? sums + k * d->block_rows : NULL;
    }
    d->one = atau_arena_take(arena, rows, sizeof(float));
    d->lane_tiles = atau_arena_take(arena, (d->store && !d->panels.kernels ? 0 : lanes) * ATAU_TILE_LINES,
                                    (size_t)d->tile_stride * sizeof(float));
    d->lane_sums = atau_arena_take(arena, lanes * 2 * rows, sizeof(float));
    d->lane_keys = atau_arena_take(arena, lanes, (size_t)d->top_k * sizeof(uint64_t));
    d->lane_hits = atau_arena_take(arena, d->top_k ? lanes * ATAU_TILE_LINES : 0, rows * sizeof(uint32_t));
    d->lane_queries = atau_arena_take(arena, unbounded * lanes * rows, dim * sizeof(float));
    lay_out_panels(d, arena);
    d->all_queries = atau_arena_take(arena, shared * (uint64_t)d->s->batch.n_rows, dim * sizeof(float));
    d->all_coefficients = atau_arena_take(arena, all, sizeof(float));
    d->row_of_positive = atau_arena_take(arena, all, sizeof(int32_t));
    if (d->gradients && d->shared) {
        float *own = atau_arena_take(arena, (uint64_t)d->n_candidates, dim * sizeof(float));
        d->gradients = own ? own : d->gradients; /* stays "wanted" while counting                              */
        d->gradient_stride = (int64_t)dim;
    }
}

/* ---- shared candidates ------------------------------------------------------------------------------------------- */

static void lay_out_gathered(struct atau_dense *d)
{
    struct atau_arena *arena = &d->s->memory->candidates;
    const size_t       n = (size_t)d->n_candidates;
    d->gathered = atau_arena_take(arena, n, (uint64_t)d->s->dim * sizeof(float));
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
        if (c + ATAU_ROWS_AHEAD < d->n_candidates)
            atau_prefetch_row(atau_item(s, s->batch.candidate_ids[c + ATAU_ROWS_AHEAD]), s->dim);
        d->gathered_norms[c] = atau_side_row(s, &s->items, atau_item(s, id), d->gathered + c * s->dim);
        d->by_id[c] = id << 32 | c;
    }
    atau_sort(d->by_id, d->n_candidates);
    d->candidates = d->gathered;
    d->candidate_stride = s->dim;
    return ADAPTAU_OK;
}

/* ---- a block: rows and meetings --------------------------------------------------------------------------------- */

static void prepare_rows(struct atau_dense *d, struct atau_block *b)
{
    struct atau_softmax *s = d->s;
    const int64_t        dim = s->dim, n = b->n_rows;
    for (int64_t r = 0; r < n; r++) {
        float *query = b->queries + r * dim;
        float  inverse_tau = 1.0f / atau_row_tau(s, b->first_row + r);
        if (r + ATAU_ROWS_AHEAD < n)
            atau_prefetch_row(atau_row_user(s, b->first_row + r + ATAU_ROWS_AHEAD), dim);
        b->inverse_norms[r] = atau_side_row(s, &s->users, atau_row_user(s, b->first_row + r), query);
        b->inverse_tau[r] = inverse_tau;
        b->shift[r] = inverse_tau + s->logit_offset;
        b->unit_shift[r] = 1.0f + s->logit_offset;
        for (int64_t k = 0; k < dim; k++)
            b->queries_t[k * n + r] = query[k];
        if (d->shared)
            memcpy(d->all_queries + (b->first_row + r) * dim, query, (size_t)dim * sizeof(float));
    }
}

static float score_positive(const struct atau_dense *d, const struct atau_block *b, int64_t r, int64_t p)
{
    const struct atau_softmax *s = d->s;
    const float               *query = b->queries + r * s->dim;
    const int64_t              item = s->batch.positives[p];
    return d->shared ? atau_score_item(s, query, item, &b->norms_of_positives[p - b->first_positive])
                     : s->kernels->dot(s->dim, query, d->candidates + item * d->candidate_stride);
}

/* Scores of positives that need not be candidates, or are wanted before candidates are met. */
static void score_positives(struct atau_dense *d, struct atau_block *b)
{
    struct atau_softmax *s = d->s;
    const int64_t        end = s->batch.positive_ptr[b->first_row + b->n_rows];
    for (int64_t r = 0; r < b->n_rows; r++)
        for (int64_t p = s->batch.positive_ptr[b->first_row + r]; p < s->batch.positive_ptr[b->first_row + r + 1]; p++) {
            const int64_t k = p - b->first_positive;
            if (p + ATAU_ROWS_AHEAD < end)
                atau_prefetch_row(atau_item(s, s->batch.positives[p + ATAU_ROWS_AHEAD]), s->dim);
            b->scores[k] = score_positive(d, b, r, p);
            if (d->shared)
                d->row_of_positive[p] = (int32_t)(b->first_row + r);
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
static void visit_meetings(const struct atau_dense *d, struct atau_block *b,
                           void (*visit)(struct atau_block *b, int64_t line, int32_t row, int64_t positive))
{
    const adaptau_batch *batch = &d->s->batch;
    if (d->shared && !d->s->outside)
        return; /* they meet, but nothing follows from it                                                       */
    for (int32_t r = 0; r < b->n_rows; r++)
        for (int64_t p = batch->positive_ptr[b->first_row + r]; p < batch->positive_ptr[b->first_row + r + 1]; p++) {
            int64_t item = batch->positives[p];
            if (!d->shared) {
                visit(b, item, r, p - b->first_positive);
                continue;
            }
            for (int64_t k = find_id(d, item); k < d->n_candidates && d->by_id[k] >> 32 == item; k++)
                visit(b, d->by_id[k] & INT32_MAX, r, p - b->first_positive);
        }
}

static void count_meeting(struct atau_block *b, int64_t line, int32_t row, int64_t positive)
{
    (void)row;
    (void)positive;
    b->tile_ptr[line / ATAU_TILE_LINES + 1]++;
}

static void place_meeting(struct atau_block *b, int64_t line, int32_t row, int64_t positive)
{
    b->meetings[b->tile_next[line / ATAU_TILE_LINES]++] = (struct atau_meeting){(int32_t)line, row, positive};
}

/* Counting sort of the meetings by tile. */
static void sort_meetings(struct atau_dense *d, struct atau_block *b)
{
    memset(b->tile_ptr, 0, (size_t)(d->n_tiles + 1) * sizeof *b->tile_ptr);
    visit_meetings(d, b, count_meeting);
    for (int64_t t = 0; t < d->n_tiles; t++) {
        b->tile_ptr[t + 1] += b->tile_ptr[t];
        b->tile_next[t] = b->tile_ptr[t];
    }
    visit_meetings(d, b, place_meeting);
}

/* Counting sort of the logged negatives by tile. */
static void sort_negatives(const struct atau_dense *d, struct atau_block *b)
{
    const adaptau_batch *batch = &d->s->batch;
    const int64_t        end_row = b->first_row + b->n_rows;
    memset(b->negative_ptr, 0, (size_t)(d->n_tiles + 1) * sizeof *b->negative_ptr);
    if (!batch->negative_ptr)
        return;
    for (int64_t k = batch->negative_ptr[b->first_row]; k < batch->negative_ptr[end_row]; k++)
        b->negative_ptr[batch->negatives[k] / ATAU_TILE_LINES + 1]++;
    for (int64_t t = 0; t < d->n_tiles; t++) {
        b->negative_ptr[t + 1] += b->negative_ptr[t];
        b->tile_next[t] = b->negative_ptr[t];
    }
    for (int64_t row = b->first_row; row < end_row; row++)
        for (int64_t k = batch->negative_ptr[row]; k < batch->negative_ptr[row + 1]; k++)
            b->negatives[b->tile_next[batch->negatives[k] / ATAU_TILE_LINES]++] = (struct atau_negative){
                .line = batch->negatives[k],
                .row = (int32_t)(row - b->first_row),
                .copies = log1pf(batch->negative_weights ? batch->negative_weights[k] : 1.0f)};
}

/* How many candidates each row has. */
static void count_candidates(const struct atau_dense *d, struct atau_block *b)
{
    for (int64_t r = 0; r < b->n_rows; r++)
        b->counted[r] = (double)d->n_candidates;
    for (int64_t k = 0; k < b->tile_ptr[d->n_tiles] && d->s->outside; k++)
        b->counted[b->meetings[k].row] -= 1.0;
}

static void begin_block(void *argument, int32_t lane, int64_t task)
{
    struct atau_dense *d = argument;
    struct atau_block *b = &d->blocks[task];
    (void)lane;
    prepare_rows(d, b);
    for (int64_t r = 0; r < b->n_rows && d->top_k > 0; r++)
        atomic_init(&b->bounds[r], (uint32_t)(atau_rank_key(-INFINITY, 0) >> 32));
    atau_dense_pack_queries(d, b);
    if (d->scored)
        score_positives(d, b);
    sort_meetings(d, b);
    sort_negatives(d, b);
    count_candidates(d, b);
}

adaptau_status atau_dense_begin_blocks(struct atau_dense *d, int64_t first_row, adaptau_error *error)
{
    const adaptau_batch *batch = &d->s->batch;
    for (d->n_blocks = 0; d->n_blocks < d->most_blocks && first_row < batch->n_rows; d->n_blocks++) {
        struct atau_block *b = &d->blocks[d->n_blocks];
        b->first_row = first_row;
        b->n_rows = (int32_t)atau_min_i64(d->block_rows, batch->n_rows - first_row);
        b->first_positive = batch->positive_ptr[first_row];
        first_row += b->n_rows;
    }
    d->last_blocks = first_row == batch->n_rows;
    return atau_parallel(d->s->context, d->n_blocks, begin_block, d, error);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

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
    const int64_t positives = most_positives(d), meetings = most_meetings(d, positives), negatives = most_negatives(d);
    d->most_positives = positives;
    atau_arena_count(&d->s->memory->engine);
    lay_out(d, positives, meetings, negatives);
    status = atau_arena_allocate(d->s->context, &d->s->memory->engine, "the softmax's tiles", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(d, positives, meetings, negatives);
    for (int64_t r = 0; r < d->block_rows; r++)
        d->one[r] = 1.0f;
    return d->shared && d->gradients
               ? atau_scatter_reserve(d->s, d->n_candidates + d->s->batch.positive_ptr[d->s->batch.n_rows], error)
               : ADAPTAU_OK;
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
                             .shared = shared,
                             .scored = shared || s->loss->pairs};
    return prepare(d, error);
}
