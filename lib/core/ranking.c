/* SPDX-License-Identifier: MIT */
/* A task is a block of users. Their rows are packed transposed; the item table streams past in tiles of LINES items, and while
 * a tile is in the nearest cache its masked cells become −inf and the few cells that beat a user's k-th score so far go to
 * that user's heap. Scores are never stored: a block's memory is a tile and its heaps. */
#include "core/ranking.h"

#include <math.h>

#include "common/arena.h"
#include "common/context.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "kernels/check.h"
#include "kernels/kernels.h"
#include "kernels/rows.h"

/* Items of a tile: 60 KiB of scores with a full block. A multiple of the row counts that products are made of (6 and 4):
 * what is left over is slower. */
#define LINES 120
#define HIT_LINES 24       /* items between two looks at the thresholds, which rise as hits are taken          */
#define MAX_BLOCK 128      /* users of a task                                                                  */
#define MIN_BLOCK 16       /* one vector                                                                       */
#define MAX_HEAP (1 << 20) /* entries in a lane's heaps, 8 MiB: above that blocks get narrower                 */
#define ITEMS_PER_TASK 256 /* rows normalised by one task                                                      */
#define TASKS_WANTED 32    /* fewer users make narrower blocks rather than idle lanes                          */

/* ---- tables ----------------------------------------------------------------------------------------------------- */

struct normalising {
    const struct atau_ranking *ranking;
    const float               *items;
    int64_t                    stride;
};

static void normalise_items(void *argument, int32_t lane, int64_t task)
{
    const struct normalising *job = argument;
    const adaptau_tables     *tables = &job->ranking->tables;
    int64_t                   end = atau_min_i64(tables->n_items, (task + 1) * ITEMS_PER_TASK);
    (void)lane;
    for (int64_t i = task * ITEMS_PER_TASK; i < end; i++)
        atau_unit_row(job->ranking->context->kernels, tables->dim, job->items + i * job->stride,
                      job->ranking->unit_items + i * tables->dim);
}

static adaptau_status copy_unit_items(struct atau_ranking *ranking, adaptau_error *error)
{
    adaptau_tables    *tables = &ranking->tables;
    size_t             row = (size_t)tables->dim * sizeof(float);
    struct normalising job = {.ranking = ranking, .items = tables->items, .stride = tables->item_stride};
    ranking->unit_items = atau_allocate_array(ranking->context, (uint64_t)tables->n_items, row);
    if (!ranking->unit_items)
        return atau_fail_memory(error, (size_t)tables->n_items * row, "the normalised items");
    tables->items = ranking->unit_items;
    tables->item_stride = tables->dim;
    int64_t tasks = ((int64_t)tables->n_items + ITEMS_PER_TASK - 1) / ITEMS_PER_TASK;
    return atau_parallel(ranking->context, tasks, normalise_items, &job, error);
}

adaptau_status atau_ranking_open(adaptau_context *context, const adaptau_tables *tables, bool check,
                                 struct atau_ranking *out, adaptau_error *error)
{
    adaptau_status      status = ADAPTAU_OK;
    bool                unit = tables->flags & ADAPTAU_UNIT_ROWS;
    struct atau_ranking ranking = {
        .context = context,
        .tables = *tables,
        .normalise_users = tables->flags & ADAPTAU_NORMALISE_USERS && !unit,
    };
    if (check)
        status = atau_check_rows_finite(context, "users", tables->n_users, tables->dim, tables->users, tables->user_stride,
                                        error);
    if (check && !status)
        status = atau_check_rows_finite(context, "items", tables->n_items, tables->dim, tables->items, tables->item_stride,
                                        error);
    if (check && !status && tables->item_bias)
        status = atau_check_rows_finite(context, "item_bias", tables->n_items, 1, tables->item_bias, 1, error);
    if (!status && tables->flags & ADAPTAU_NORMALISE_ITEMS && !unit)
        status = copy_unit_items(&ranking, error);
    if (status)
        atau_ranking_close(&ranking);
    else
        *out = ranking;
    return status;
}

void atau_ranking_close(struct atau_ranking *ranking)
{
    size_t floats = (size_t)ranking->tables.n_items * (size_t)ranking->tables.dim;
    atau_free(ranking->context, ranking->unit_items, floats * sizeof(float));
    ranking->unit_items = NULL;
}

/* ---- one block of users ----------------------------------------------------------------------------------------- */

/* What a lane needs. Column r of a block is user first + r. */
struct scratch {
    float              *packed;    /* [d x block] ê_u, transposed                                             */
    float              *row;       /* [d] a normalised user                                                   */
    float              *tile;      /* [LINES x block] scores                                                  */
    float              *threshold; /* [block] the k-th score so far                                           */
    float              *ones;      /* [block] 1, what an item's bias is multiplied by                         */
    uint32_t           *hits;      /* [HIT_LINES x block]                                                     */
    const int32_t     **masked;    /* [n_masks x block] next masked item                                      */
    const int32_t     **masked_end;
    int32_t            *n_kept; /* [block]                                                                    */
    uint64_t           *heaps;  /* [block x k]                                                                */
};

struct job {
    const struct atau_ranking      *ranking;
    const struct atau_rank_request *request;
    atau_rank_visitor               visit;
    void                           *argument;
    int32_t                         k;     /* at most the number of items                                     */
    int64_t                         block; /* users of a task                                                 */
    struct scratch                 *lanes;
};

static int64_t user_of(const struct job *job, int64_t position)
{
    return job->request->users ? job->request->users[position] : position;
}

static void pack_users(const struct job *job, const struct scratch *s, int64_t first, int64_t n)
{
    const adaptau_tables *tables = &job->ranking->tables;
    for (int64_t r = 0; r < n; r++) {
        const float *row = tables->users + user_of(job, first + r) * tables->user_stride;
        if (job->ranking->normalise_users) {
            atau_unit_row(job->ranking->context->kernels, tables->dim, row, s->row);
            row = s->row;
        }
        for (int32_t p = 0; p < tables->dim; p++)
            s->packed[p * job->block + r] = row[p];
    }
}

static void start_block(const struct job *job, const struct scratch *s, int64_t first, int64_t n)
{
    for (int64_t r = 0; r < n; r++) {
        s->threshold[r] = -INFINITY;
        s->ones[r] = 1.0f;
        s->n_kept[r] = 0;
        for (int32_t q = 0; q < job->request->n_masks; q++) {
            const struct atau_item_lists *mask = &job->request->masks[q];
            const int64_t                *ptr = mask->ptr + user_of(job, first + r);
            bool                          empty = ptr[0] == ptr[1];
            s->masked[q * job->block + r] = empty ? NULL : mask->ids + ptr[0];
            s->masked_end[q * job->block + r] = empty ? NULL : mask->ids + ptr[1];
        }
    }
}

static void add_bias(const struct job *job, const struct scratch *s, int64_t n, int64_t item, int64_t lines)
{
    const float *bias = job->ranking->tables.item_bias;
    for (int64_t line = 0; bias && line < lines; line++)
        job->ranking->context->kernels->axpy(n, bias[item + line], s->ones, s->tile + line * job->block);
}

/* Lists are ascending and tiles come in order: each list is walked once. */
static void mask_tile(const struct job *job, const struct scratch *s, int64_t n, int64_t item, int64_t lines)
{
    for (int32_t q = 0; q < job->request->n_masks; q++)
        for (int64_t r = 0; r < n; r++) {
            const int32_t *next = s->masked[q * job->block + r], *end = s->masked_end[q * job->block + r];
            for (; next != end && *next < item + lines; next++)
                s->tile[(*next - item) * job->block + r] = -INFINITY;
            s->masked[q * job->block + r] = next;
        }
}

static void take_hits(const struct job *job, const struct scratch *s, int64_t item, const float *scores, int64_t n_hits)
{
    for (int64_t h = 0; h < n_hits; h++) {
        int64_t   line = s->hits[h] >> 16, r = s->hits[h] & 0xFFFF;
        uint64_t *heap = s->heaps + r * job->k;
        uint64_t  key = atau_rank_key(scores[line * job->block + r], (int32_t)(item + line));
        atau_heap_offer(heap, &s->n_kept[r], job->k, key);
        if (s->n_kept[r] == job->k)
            s->threshold[r] = atau_key_score(heap[0]);
    }
}

/* Items come in ascending order, so that one as good as the k-th can't displace it: strictly better ones are hits. */
static void filter_tile(const struct job *job, const struct scratch *s, int64_t n, int64_t item, int64_t lines)
{
    const struct atau_kernels *kernels = job->ranking->context->kernels;
    for (int64_t line = 0; line < lines; line += HIT_LINES) {
        const float *scores = s->tile + line * job->block;
        int64_t      n_hits = kernels->filter_tile(atau_min_i64(HIT_LINES, lines - line), n, scores, job->block, s->threshold,
                                                   s->hits);
        take_hits(job, s, item + line, scores, n_hits);
    }
}

static void rank_block(void *argument, int32_t lane, int64_t task)
{
    const struct job          *job = argument;
    const struct scratch      *s = &job->lanes[lane];
    const adaptau_tables      *tables = &job->ranking->tables;
    const struct atau_kernels *kernels = job->ranking->context->kernels;
    int64_t                    first = task * job->block;
    int64_t                    n = atau_min_i64(job->block, job->request->n - first);
    pack_users(job, s, first, n);
    start_block(job, s, first, n);
    for (int64_t item = 0; item < tables->n_items; item += LINES) {
        int64_t lines = atau_min_i64(LINES, tables->n_items - item);
        kernels->product(lines, n, tables->dim, tables->items + item * tables->item_stride, tables->item_stride, 1,
                         s->packed, job->block, 0, s->tile, job->block);
        add_bias(job, s, n, item, lines);
        mask_tile(job, s, n, item, lines);
        filter_tile(job, s, n, item, lines);
    }
    for (int64_t r = 0; r < n; r++) {
        atau_heap_sort(s->heaps + r * job->k, s->n_kept[r]);
        job->visit(job->argument, first + r, s->heaps + r * job->k, s->n_kept[r]);
    }
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

/* A function of the sizes alone, so that results don't depend on the number of threads. */
static int64_t choose_block(int64_t n, int32_t k)
{
    int64_t block = (n + TASKS_WANTED - 1) / TASKS_WANTED;
    block = atau_min_i64(block, MAX_HEAP / atau_max_i64(k, 1));
    block = (block + MIN_BLOCK - 1) / MIN_BLOCK * MIN_BLOCK;
    return atau_max_i64(MIN_BLOCK, atau_min_i64(block, MAX_BLOCK));
}

static void lay_out_lane(const struct job *job, struct atau_arena *arena, struct scratch *s)
{
    size_t block = (size_t)job->block, masks = (size_t)job->request->n_masks, dim = (size_t)job->ranking->tables.dim;
    s->packed = atau_arena_take(arena, dim, block * sizeof *s->packed);
    s->row = atau_arena_take(arena, dim, sizeof *s->row);
    s->tile = atau_arena_take(arena, LINES, block * sizeof *s->tile);
    s->threshold = atau_arena_take(arena, block, sizeof *s->threshold);
    s->ones = atau_arena_take(arena, block, sizeof *s->ones);
    s->hits = atau_arena_take(arena, HIT_LINES, block * sizeof *s->hits);
    s->masked = atau_arena_take(arena, masks, block * sizeof *s->masked);
    s->masked_end = atau_arena_take(arena, masks, block * sizeof *s->masked_end);
    s->n_kept = atau_arena_take(arena, block, sizeof *s->n_kept);
    s->heaps = atau_arena_take(arena, (uint64_t)job->k, block * sizeof *s->heaps);
}

static void lay_out(struct job *job, struct atau_arena *arena)
{
    int32_t        n_lanes = job->ranking->context->options.n_threads;
    struct scratch counted;
    job->lanes = atau_arena_take(arena, (uint64_t)n_lanes, sizeof *job->lanes);
    for (int32_t lane = 0; lane < n_lanes; lane++)
        lay_out_lane(job, arena, arena->base ? &job->lanes[lane] : &counted);
}

adaptau_status atau_rank_each(const struct atau_ranking *ranking, const struct atau_rank_request *request,
                              atau_rank_visitor visit, void *argument, adaptau_error *error)
{
    struct atau_arena arena = {0};
    struct job        job = {.ranking = ranking, .request = request, .visit = visit, .argument = argument};
    job.k = request->k < ranking->tables.n_items ? request->k : ranking->tables.n_items;
    job.block = choose_block(request->n, job.k);
    lay_out(&job, &arena);
    adaptau_status status = atau_arena_allocate(ranking->context, &arena, "the tiles of a ranking", error);
    if (status)
        return status;
    lay_out(&job, &arena);
    status = atau_parallel(ranking->context, (request->n + job.block - 1) / job.block, rank_block, &job, error);
    atau_arena_free(ranking->context, &arena);
    return status;
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

adaptau_status atau_rank_users(const struct atau_ranking *ranking, const struct atau_rank_request *request, int32_t *items,
                               float *scores, adaptau_error *error)
{
    struct arrays out = {.k = request->k, .items = items, .scores = scores};
    return atau_rank_each(ranking, request, write_ranked, &out, error);
}
