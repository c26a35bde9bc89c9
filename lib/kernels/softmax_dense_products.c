/* SPDX-License-Identifier: MIT */
/* The tile engine's products, in float32 on the arrays as they are, or in bfloat16 on panels. */
#include "common/pool.h"
#include "kernels/softmax_dense.h"

#define TILES_PER_TASK 8
#define PAIRS_OF_TILE (ATAU_TILE_LINES / 2)

static const float *candidates_of(const struct atau_dense *d, int64_t tile)
{
    return d->candidates + tile * ATAU_TILE_LINES * d->candidate_stride;
}

static const float *log_q_of(const struct atau_dense *d, int64_t tile)
{
    return d->s->batch.log_q ? d->s->batch.log_q + tile * ATAU_TILE_LINES : NULL;
}

static int64_t pairs_of(int64_t n)
{
    return (n + 1) / 2;
}

/* ---- panels -------------------------------------------------------------------------------------------------------- */

static uint32_t *item_pairs_of(const struct atau_panels *panels, int64_t tile, int64_t dim)
{
    return panels->item_pairs + tile * PAIRS_OF_TILE * dim;
}

static uint32_t *tile_lines_of(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile)
{
    const int64_t words = ATAU_TILE_LINES * d->panels.tile_words;
    return b->words.tile_lines ? b->words.tile_lines + tile * words : d->panels.lane_tile_lines + lane * words;
}

static uint32_t *tile_pairs_of(const struct atau_dense *d, int32_t lane)
{
    return d->panels.tile_pairs + lane * PAIRS_OF_TILE * d->block_rows;
}

/* A lane's, for tiles that are relative to shifts of their own. */
static uint32_t *factored_of(const struct atau_dense *d, const struct atau_block *b, int32_t lane)
{
    return d->s->bounded ? b->words.factored : d->panels.lane_factored + lane * pairs_of(d->block_rows) * d->s->dim;
}

static void pack_tiles(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct atau_dense  *d = argument;
    const struct atau_panels *panels = &d->panels;
    const int64_t             dim = d->s->dim;
    (void)lane;
    for (int64_t tile = first; tile < end; tile++) {
        const int64_t lines = atau_tile_lines(d, tile);
        panels->kernels->pack_lines(lines, dim, candidates_of(d, tile), d->candidate_stride,
                                    panels->item_lines + tile * ATAU_TILE_LINES * panels->item_words, panels->item_words);
        if (d->want_users)
            panels->kernels->pack_pairs(lines, dim, candidates_of(d, tile), d->candidate_stride,
                                        item_pairs_of(panels, tile, dim), dim);
    }
}

adaptau_status atau_dense_pack_items(struct atau_dense *d, adaptau_error *error)
{
    if (!d->panels.kernels)
        return ADAPTAU_OK;
    return atau_parallel_rows(d->s->context, d->n_tiles, TILES_PER_TASK, pack_tiles, d, error);
}

void atau_dense_pack_queries(const struct atau_dense *d, struct atau_block *b)
{
    if (d->panels.kernels)
        d->panels.kernels->pack_pairs(d->s->dim, b->n_rows, b->queries_t, b->n_rows, b->words.queries, b->n_rows);
}

static void pack_factored(void *argument, int32_t lane, int64_t task)
{
    const struct atau_dense *d = argument;
    const struct atau_block *b = &d->blocks[task];
    (void)lane;
    d->panels.kernels->pack_pairs(b->n_rows, d->s->dim, b->factored, d->s->dim, b->words.factored, d->s->dim);
}

adaptau_status atau_dense_pack_factored(struct atau_dense *d, adaptau_error *error)
{
    if (!d->panels.kernels || !d->s->bounded)
        return ADAPTAU_OK;
    return atau_parallel(d->s->context, d->n_blocks, pack_factored, d, error);
}

/* ---- the products ---------------------------------------------------------------------------------------------------- */

void atau_dense_score(const struct atau_dense *d, const struct atau_block *b, int64_t tile, float *t)
{
    const struct atau_panels *panels = &d->panels;
    const int64_t             lines = atau_tile_lines(d, tile), dim = d->s->dim;
    if (panels->kernels)
        panels->kernels->product(lines, b->n_rows, pairs_of(dim),
                                 panels->item_lines + tile * ATAU_TILE_LINES * panels->item_words, panels->item_words, 1,
                                 b->words.queries, b->n_rows, 0, t, d->tile_stride);
    else
        d->s->kernels->product(lines, b->n_rows, dim, candidates_of(d, tile), d->candidate_stride, 1, b->queries_t, b->n_rows,
                               0, t, d->tile_stride);
}

void atau_dense_exponentiate(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, float *t,
                             const float *shift, float *sums, bool for_users, bool for_items)
{
    const int64_t lines = atau_tile_lines(d, tile);
    if (d->panels.kernels)
        d->panels.kernels->exp_tile(lines, b->n_rows, t, d->tile_stride, b->inverse_tau, shift, log_q_of(d, tile), sums,
                                    for_items ? tile_lines_of(d, b, lane, tile) : NULL, d->panels.tile_words,
                                    for_users ? tile_pairs_of(d, lane) : NULL, b->n_rows);
    else
        d->s->kernels->exp_tile(lines, b->n_rows, t, d->tile_stride, b->inverse_tau, shift, log_q_of(d, tile), sums);
}

void atau_dense_keep(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, const float *t,
                     bool for_users, bool for_items)
{
    const int64_t lines = atau_tile_lines(d, tile);
    if (d->panels.kernels && for_items)
        d->panels.kernels->pack_lines(lines, b->n_rows, t, d->tile_stride, tile_lines_of(d, b, lane, tile),
                                      d->panels.tile_words);
    if (d->panels.kernels && for_users)
        d->panels.kernels->pack_pairs(lines, b->n_rows, t, d->tile_stride, tile_pairs_of(d, lane), b->n_rows);
}

void atau_dense_add_users(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, const float *t,
                          float *users)
{
    const int64_t lines = atau_tile_lines(d, tile), dim = d->s->dim;
    if (d->panels.kernels)
        d->panels.kernels->product(b->n_rows, dim, pairs_of(lines), tile_pairs_of(d, lane), 1, b->n_rows,
                                   item_pairs_of(&d->panels, tile, dim), dim, 1, users, dim);
    else
        d->s->kernels->product(b->n_rows, dim, lines, t, 1, d->tile_stride, candidates_of(d, tile), d->candidate_stride, 1,
                               users, dim);
}

void atau_dense_add_items(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, const float *t,
                          const float *factored)
{
    const int64_t lines = atau_tile_lines(d, tile), dim = d->s->dim;
    const int     accumulate = b->first_row > 0;
    float        *gradients = d->gradients + tile * ATAU_TILE_LINES * d->gradient_stride;
    if (d->panels.kernels) {
        uint32_t *words = factored_of(d, b, lane);
        if (!d->s->bounded)
            d->panels.kernels->pack_pairs(b->n_rows, dim, factored, dim, words, dim);
        d->panels.kernels->product(lines, dim, pairs_of(b->n_rows), tile_lines_of(d, b, lane, tile), d->panels.tile_words, 1,
                                   words, dim, accumulate, gradients, d->gradient_stride);
    } else
        d->s->kernels->product(lines, dim, b->n_rows, t, d->tile_stride, 1, factored, dim, accumulate, gradients,
                               d->gradient_stride);
}
