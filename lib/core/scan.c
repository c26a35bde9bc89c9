/* SPDX-License-Identifier: MIT */
/* A task is a block of users. Their rows are packed transposed; the item table streams past in tiles, and while a tile is in the
 * nearest cache its masked cells become −inf and the visitor does its work on it. Scores are never stored: a block's memory is a
 * tile and what the visitor keeps. For a visitor with thresholds a tile is screened first (core/screen.h); where too many cells
 * pass, a few tiles are scored in full before the next attempt. */
#include "core/scan.h"

#include <math.h>

#include "common/context.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/progress.h"
#include "common/size.h"
#include "core/screen.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"

#define MAX_BLOCK 128      /* users of a task                                                                  */
#define MIN_BLOCK 16       /* one vector                                                                       */
#define TASKS_WANTED 32    /* fewer users make narrower blocks rather than idle lanes                          */
#define MOST_PASSED 24     /* one of so many cells scored by itself costs as much as all of them by a product  */
#define LONGEST_PAUSE 64   /* tiles scored in full after screening a tile was in vain                          */

/* ---- one block of users ----------------------------------------------------------------------------------------- */

/* What a lane needs. Column r of a block is user first + r. */
struct scratch {
    float          *packed; /* [d x width] ê_u, transposed                                                    */
    float          *row;    /* [d] a user who had to be normalised, or widened                                */
    float          *items;  /* [LINES x d] items of halves                                                    */
    float          *tile;   /* [LINES x width] scores                                                         */
    float          *ones;   /* [width] 1, what an item's bias is multiplied by                                */
    float          *bias;   /* [width] of the positions themselves; with request->bias                        */
    const int32_t **masked; /* [n_masks x width] next masked item                                             */
    const int32_t **masked_end;
    struct atau_screened_block screened;
};

struct job {
    const struct atau_score_sides  *sides;
    const struct atau_scan_request *request;
    const struct atau_scan_visitor *visitor;
    const struct atau_screen       *screen; /* or NULL                                                        */
    int64_t                         width; /* users of a task                                                 */
    int64_t                         first_task; /* of the running chunk                                       */
    struct scratch                 *lanes;
};

int32_t atau_scan_user(const struct atau_scan_request *request, int64_t position)
{
    return request->users ? request->users[position] : (int32_t)position;
}

static void pack_users(const struct job *job, const struct scratch *s, int64_t first, int64_t n)
{
    const adaptau_tables *tables = &job->sides->tables;
    for (int64_t r = 0; r < n; r++) {
        const float *row = atau_score_user(job->sides, atau_scan_user(job->request, first + r), s->row);
        if (job->screen)
            atau_screen_take_user(job->screen, &s->screened, job->width, r, row);
        for (int32_t p = 0; p < tables->dim; p++)
            s->packed[p * job->width + r] = row[p];
        s->ones[r] = 1.0f;
        if (job->request->bias)
            s->bias[r] = job->request->bias[job->request->bias_ids ? job->request->bias_ids[first + r] : first + r];
    }
}

static void start_masks(const struct job *job, const struct scratch *s, int64_t first, int64_t n)
{
    for (int64_t r = 0; r < n; r++)
        for (int32_t q = 0; q < job->request->n_masks; q++) {
            const struct atau_item_lists *mask = &job->request->masks[q];
            const int64_t                *ptr = mask->ptr + (mask->of ? mask->of[first + r] : atau_scan_user(job->request, first + r));
            bool                          empty = ptr[0] == ptr[1];
            s->masked[q * job->width + r] = empty ? NULL : mask->ids + ptr[0];
            s->masked_end[q * job->width + r] = empty ? NULL : mask->ids + ptr[1];
        }
}

static void add_bias(const struct job *job, const struct scratch *s, int64_t n, int64_t item, int64_t lines)
{
    const float *bias = job->sides->tables.item_bias;
    for (int64_t line = 0; bias && line < lines; line++)
        atau_kernels_of(job->sides->context)->axpy(n, bias[item + line], s->ones, s->tile + line * job->width);
    for (int64_t line = 0; job->request->bias && line < lines; line++)
        atau_kernels_of(job->sides->context)->axpy(n, 1.0f, s->bias, s->tile + line * job->width);
}

/* Lists are ascending and items come in order: each list is walked once. Whoever looks at an item goes on from where the list
 * was left. */
static const int32_t *walk(const struct job *job, const struct scratch *s, int32_t q, int64_t r, int64_t item)
{
    const int32_t *next = s->masked[q * job->width + r], *end = s->masked_end[q * job->width + r];
    while (next != end && *next < item)
        next++;
    s->masked[q * job->width + r] = next;
    return next;
}

static void mask_tile(const struct job *job, const struct scratch *s, int64_t n, int64_t item, int64_t lines)
{
    for (int32_t q = 0; q < job->request->n_masks; q++)
        for (int64_t r = 0; r < n; r++) {
            const int32_t *next = walk(job, s, q, r, item), *end = s->masked_end[q * job->width + r];
            for (; next != end && *next < item + lines; next++)
                s->tile[(*next - item) * job->width + r] = -INFINITY;
            s->masked[q * job->width + r] = next;
        }
}

static bool is_masked(const struct job *job, const struct scratch *s, int64_t r, int64_t item)
{
    for (int32_t q = 0; q < job->request->n_masks; q++) {
        const int32_t *next = walk(job, s, q, r, item);
        if (next != s->masked_end[q * job->width + r] && *next == item)
            return true;
    }
    return false;
}

/* ---- a tile in full ------------------------------------------------------------------------------------------------- */

static void scan_in_full(const struct job *job, const struct scratch *s, const struct atau_scan_block *block, int64_t item,
                         int64_t lines)
{
    int64_t      stride;
    const float *items = atau_score_items(job->sides, item, lines, s->items, &stride);
    atau_kernels_of(job->sides->context)->product(lines, block->n, job->sides->tables.dim, items, stride, 1, s->packed, job->width, 0,
                                                  s->tile, job->width);
    add_bias(job, s, block->n, item, lines);
    mask_tile(job, s, block->n, item, lines);
    job->visitor->tile(job->visitor->argument, block, item, lines, s->tile);
}

/* ---- a tile through the screen -------------------------------------------------------------------------------------- */

static int64_t drop_masked(const struct job *job, const struct scratch *s, int64_t item, int64_t n_cells)
{
    uint32_t *cells = s->screened.cells;
    int64_t   n_kept = 0;
    for (int64_t i = 0; i < n_cells; i++) {
        cells[n_kept] = cells[i];
        n_kept += !is_masked(job, s, cells[i] & 0xFFFF, item + (cells[i] >> 16));
    }
    return n_kept;
}

/* Whether screening a few items told enough of them apart; if not they have been scored in full. */
static bool look(const struct job *job, const struct scratch *s, const struct atau_scan_block *block, int64_t item, int64_t lines,
                 const float *thresholds)
{
    const struct atau_scan_visitor   *visitor = job->visitor;
    const struct atau_screened_block *screened = &s->screened;
    int64_t n_cells = atau_screen_look(job->screen, screened, job->width, block->n, item, lines);
    if (n_cells > lines * block->n / MOST_PASSED) {
        scan_in_full(job, s, block, item, lines);
        return false;
    }
    n_cells = drop_masked(job, s, item, n_cells);
    atau_screen_score(job->screen, screened, item, n_cells);
    visitor->cells(visitor->argument, block, item, n_cells, screened->cells, screened->scores);
    for (int64_t i = 0; i < n_cells; i++) {
        const int64_t r = screened->cells[i] & 0xFFFF;
        atau_screen_raise(screened, r, thresholds[r]);
    }
    return true;
}

/* Whether it was worth it. */
static bool scan_screened(const struct job *job, const struct scratch *s, const struct atau_scan_block *block, int64_t item,
                          int64_t lines)
{
    const float *thresholds = job->visitor->thresholds(job->visitor->argument, block);
    int64_t      n_vain = 0;
    atau_screen_begin(job->screen, &s->screened, block->n, item, lines, thresholds);
    for (int64_t first = 0; first < lines; first += ATAU_SCREEN_LINES) {
        const int64_t some = atau_min_i64(ATAU_SCREEN_LINES, lines - first);
        n_vain += look(job, s, block, item + first, some, thresholds) ? 0 : some;
    }
    return 2 * n_vain <= lines;
}

static void scan_tiles(const struct job *job, const struct scratch *s, const struct atau_scan_block *block)
{
    const int32_t n_items = job->sides->tables.n_items;
    int64_t       pause = 0, next_pause = 1;
    for (int64_t item = 0; item < n_items; item += ATAU_SCAN_LINES) {
        const int64_t lines = atau_min_i64(ATAU_SCAN_LINES, n_items - item);
        if (!job->screen || pause > 0) {
            scan_in_full(job, s, block, item, lines);
            pause -= pause > 0;
        }
        else if (scan_screened(job, s, block, item, lines))
            next_pause = 1;
        else {
            pause = next_pause;
            next_pause = atau_min_i64(2 * next_pause, LONGEST_PAUSE);
        }
    }
}

static void scan_block(void *argument, int32_t lane, int64_t task)
{
    const struct job               *job = argument;
    const struct scratch           *s = &job->lanes[lane];
    const struct atau_scan_visitor *visitor = job->visitor;
    struct atau_scan_block          block = {.lane = lane, .first = (job->first_task + task) * job->width, .width = job->width};
    block.n = atau_min_i64(job->width, job->request->n - block.first);
    pack_users(job, s, block.first, block.n);
    start_masks(job, s, block.first, block.n);
    visitor->begin(visitor->argument, &block);
    scan_tiles(job, s, &block);
    visitor->end(visitor->argument, &block);
}

/* ---- all of them ------------------------------------------------------------------------------------------------ */

/* A function of the sizes alone, so that results don't depend on the number of threads. */
static int64_t choose_width(int64_t n, int64_t most)
{
    int64_t width = atau_min_i64((n + TASKS_WANTED - 1) / TASKS_WANTED, most);
    width = (width + MIN_BLOCK - 1) / MIN_BLOCK * MIN_BLOCK;
    return atau_max_i64(MIN_BLOCK, atau_min_i64(width, MAX_BLOCK));
}

static void lay_out_lane(const struct job *job, struct atau_arena *arena, struct scratch *s)
{
    size_t width = (size_t)job->width, masks = (size_t)job->request->n_masks, dim = (size_t)job->sides->tables.dim;
    s->packed = atau_arena_take(arena, dim, width * sizeof *s->packed);
    s->row = atau_arena_take(arena, dim, sizeof *s->row);
    s->items = atau_arena_take(arena, job->sides->halves[ADAPTAU_SIDE_ITEMS].rows ? ATAU_SCAN_LINES : 0, dim * sizeof *s->items);
    s->tile = atau_arena_take(arena, ATAU_SCAN_LINES, width * sizeof *s->tile);
    s->ones = atau_arena_take(arena, width, sizeof *s->ones);
    s->bias = atau_arena_take(arena, job->request->bias ? width : 0, sizeof *s->bias);
    s->masked = atau_arena_take(arena, masks, width * sizeof *s->masked);
    s->masked_end = atau_arena_take(arena, masks, width * sizeof *s->masked_end);
    if (job->screen)
        atau_screen_lay_out(job->screen, arena, &s->screened, job->width);
}

static void lay_out(struct job *job, struct atau_arena *arena)
{
    int32_t        n_lanes = job->sides->context->options.n_threads;
    struct scratch counted;
    job->lanes = atau_arena_take(arena, (uint64_t)n_lanes, sizeof *job->lanes);
    for (int32_t lane = 0; lane < n_lanes; lane++) {
        lay_out_lane(job, arena, arena->base ? &job->lanes[lane] : &counted);
        job->visitor->lay_out(job->visitor->argument, arena, lane, job->width);
    }
}

/* Blocks in chunks, where somebody wants to know how many there have been. */
static adaptau_status scan_all(struct job *job, adaptau_error *error)
{
    adaptau_context *context = job->sides->context;
    const int64_t    n = job->request->n, n_blocks = (n + job->width - 1) / job->width, chunk = atau_progress_chunk(context, n_blocks);
    adaptau_status   status = ADAPTAU_OK;
    for (; job->first_task < n_blocks && status == ADAPTAU_OK; job->first_task += chunk) {
        const int64_t end = atau_min_i64(job->first_task + chunk, n_blocks);
        status = atau_parallel(context, end - job->first_task, scan_block, job, error);
        if (status == ADAPTAU_OK)
            status = atau_progress(context, ADAPTAU_PROGRESS_RANKING, atau_min_i64(end * job->width, n), n, error);
    }
    return status;
}

static adaptau_status scan(struct job *job, const char *what, adaptau_error *error)
{
    struct atau_arena arena = {0};
    lay_out(job, &arena);
    adaptau_status status = atau_arena_allocate(job->sides->context, &arena, what, error);
    if (status)
        return status;
    lay_out(job, &arena);
    status = scan_all(job, error);
    atau_arena_free(job->sides->context, &arena);
    return status;
}

adaptau_status atau_scan(const struct atau_score_sides *sides, const struct atau_scan_request *request,
                         const struct atau_scan_visitor *visitor, int64_t most_users, const char *what, adaptau_error *error)
{
    struct atau_screen screen = {0};
    struct job         job = {.sides = sides, .request = request, .visitor = visitor, .width = choose_width(request->n, most_users)};
    adaptau_status     status = ADAPTAU_OK;
    if (visitor->thresholds && !request->bias && atau_screen_pays(sides, request->n, visitor->n_kept)) {
        status = atau_screen_open(sides, &screen, error);
        job.screen = screen.kernels ? &screen : NULL;
    }
    if (!status)
        status = scan(&job, what, error);
    atau_screen_close(&screen);
    return status;
}
