/* SPDX-License-Identifier: MIT */
/* While a tile of scores is in the nearest cache (core/scan.h) the few cells that beat a user's k-th score so far go to that
 * user's heap. */
#include "core/ranking.h"

#include <math.h>

#include "common/size.h"
#include "common/context.h"
#include "kernels/of_context.h"

#define HIT_LINES 24       /* items between two looks at the thresholds, which rise as hits are taken          */
#define MAX_HEAP (1 << 20) /* entries in a lane's heaps, 8 MiB: above that blocks get narrower                 */

/* ---- heaps ------------------------------------------------------------------------------------------------------ */

/* What a lane keeps for a block. */
struct heaps {
    float    *threshold; /* [width] the k-th score so far                                                     */
    uint32_t *hits;      /* [HIT_LINES x width]                                                               */
    int32_t  *n_kept;    /* [width]                                                                           */
    uint64_t *keys;      /* [width x k]                                                                       */
};

struct ranking {
    const struct atau_kernels *kernels;
    atau_rank_visitor          visit;
    void                      *argument;
    int32_t                    k; /* at most the number of items                                              */
    struct heaps              *lanes;
    int32_t                    n_lanes;
};

static void lay_out(void *argument, struct atau_arena *arena, int32_t lane, int64_t width)
{
    struct ranking *ranking = argument;
    struct heaps    counted, *heaps;
    if (lane == 0)
        ranking->lanes = atau_arena_take(arena, (uint64_t)ranking->n_lanes, sizeof *ranking->lanes);
    heaps = arena->base ? &ranking->lanes[lane] : &counted;
    heaps->threshold = atau_arena_take(arena, (uint64_t)width, sizeof *heaps->threshold);
    heaps->hits = atau_arena_take(arena, HIT_LINES, (size_t)width * sizeof *heaps->hits);
    heaps->n_kept = atau_arena_take(arena, (uint64_t)width, sizeof *heaps->n_kept);
    heaps->keys = atau_arena_take(arena, (uint64_t)ranking->k, (size_t)width * sizeof *heaps->keys);
}

static void begin_block(void *argument, const struct atau_scan_block *block)
{
    const struct ranking *ranking = argument;
    const struct heaps   *heaps = &ranking->lanes[block->lane];
    for (int64_t r = 0; r < block->n; r++) {
        heaps->threshold[r] = -INFINITY;
        heaps->n_kept[r] = 0;
    }
}

static void take(const struct ranking *ranking, const struct heaps *heaps, int64_t r, int64_t item, float score)
{
    uint64_t *heap = heaps->keys + r * ranking->k;
    atau_heap_offer(heap, &heaps->n_kept[r], ranking->k, atau_rank_key(score, (int32_t)item));
    if (heaps->n_kept[r] == ranking->k)
        heaps->threshold[r] = atau_key_score(heap[0]);
}

/* Items come in ascending order, so that one as good as the k-th can't displace it: strictly better ones are hits. */
static void filter_tile(void *argument, const struct atau_scan_block *block, int64_t item, int64_t lines,
                        const float *tile)
{
    const struct ranking *ranking = argument;
    const struct heaps   *heaps = &ranking->lanes[block->lane];
    for (int64_t line = 0; line < lines; line += HIT_LINES) {
        const float *scores = tile + line * block->width;
        int64_t      n_hits = ranking->kernels->filter_tile(atau_min_i64(HIT_LINES, lines - line), block->n, scores, block->width,
                                                            heaps->threshold, heaps->hits);
        for (int64_t h = 0; h < n_hits; h++) {
            const int64_t j = heaps->hits[h] >> 16, r = heaps->hits[h] & 0xFFFF;
            take(ranking, heaps, r, item + line + j, scores[j * block->width + r]);
        }
    }
}

static const float *give_thresholds(void *argument, const struct atau_scan_block *block)
{
    const struct ranking *ranking = argument;
    return ranking->lanes[block->lane].threshold;
}

static void take_cells(void *argument, const struct atau_scan_block *block, int64_t item, int64_t n_cells, const uint32_t *cells,
                       const float *scores)
{
    const struct ranking *ranking = argument;
    const struct heaps   *heaps = &ranking->lanes[block->lane];
    for (int64_t i = 0; i < n_cells; i++) {
        const int64_t j = cells[i] >> 16, r = cells[i] & 0xFFFF;
        if (scores[i] > heaps->threshold[r])
            take(ranking, heaps, r, item + j, scores[i]);
    }
}

static void end_block(void *argument, const struct atau_scan_block *block)
{
    const struct ranking *ranking = argument;
    const struct heaps   *heaps = &ranking->lanes[block->lane];
    for (int64_t r = 0; r < block->n; r++) {
        atau_heap_sort(heaps->keys + r * ranking->k, heaps->n_kept[r]);
        ranking->visit(ranking->argument, block->first + r, heaps->keys + r * ranking->k, heaps->n_kept[r]);
    }
}

adaptau_status atau_rank_each(const struct atau_score_sides *sides, const struct atau_scan_request *request, int32_t k,
                              atau_rank_visitor visit, void *argument, adaptau_error *error)
{
    struct ranking ranking = {
        .kernels = atau_kernels_of(sides->context),
        .visit = visit,
        .argument = argument,
        .k = k < sides->tables.n_items ? k : sides->tables.n_items,
        .n_lanes = sides->context->options.n_threads,
    };
    const struct atau_scan_visitor visitor = {&ranking, lay_out, begin_block, filter_tile, end_block, give_thresholds, take_cells,
                                              ranking.k};
    return atau_scan(sides, request, &visitor, MAX_HEAP / atau_max_i64(ranking.k, 1), "the tiles of a ranking", error);
}

/* ---- into arrays ------------------------------------------------------------------------------------------------ */

struct arrays {
    int32_t  k;
    int32_t *items;
    float   *scores;
};

static void write_ranked(void *argument, int64_t position, const uint64_t *ranked, int32_t n_ranked)
{
    const struct arrays *out = argument;
    for (int32_t i = 0; i < out->k; i++) {
        out->items[position * out->k + i] = i < n_ranked ? atau_key_id(ranked[i]) : -1;
        if (out->scores)
            out->scores[position * out->k + i] = i < n_ranked ? atau_key_score(ranked[i]) : -INFINITY;
    }
}

adaptau_status atau_rank_users(const struct atau_score_sides *sides, const struct atau_scan_request *request, int32_t k,
                               int32_t *items, float *scores, adaptau_error *error)
{
    struct arrays out = {.k = k, .items = items, .scores = scores};
    return atau_rank_each(sides, request, k, write_ranked, &out, error);
}
