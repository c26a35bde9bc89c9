/* SPDX-License-Identifier: MIT */
#include "core/screen.h"

#include <math.h>
#include <string.h>

#include "common/context.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "kernels/of_context.h"

#define BYTES 4            /* of a word                                                                        */
#define LARGEST 127        /* of a rounded number                                                              */
#define LEAST_DIM 16       /* below, the product is not where the time goes                                    */
#define MOST_DIM 4096      /* 255 · 127 · d is far below 2³¹                                                    */
#define LEAST_USERS 64     /* whose scores cost some times what rounding the items does                        */
#define LEAST_ITEMS 1024   /* thresholds rise over the first some hundred                                      */
#define ITEMS_PER_KEPT 256 /* at 410 screening gains 4 % on Gowalla, at 2,050 more than a quarter             */
#define ITEMS_PER_TASK 256
/* Lengths whose squares, products and last bits are far from float32's ends. */
#define LEAST_LENGTH 1e-12
#define MOST_LENGTH 1e12
#define LEAST_SCALE 1e-30f /* a row of lesser numbers is rounded to 0, which the bound knows                  */
#define ROUNDED_UP (1.0 + 1e-6)

/* Relative to ‖q‖‖v‖ + |bias|: the chain of multiply-adds, and then some for roundings that do not grow with d. */
static double slack_of(int64_t dim)
{
    return (double)(dim + 16) * 0x1p-23;
}

/* ---- rounding ---------------------------------------------------------------------------------------------------- */

struct rounded {
    float scale, error, length;
};

/* max |x|. Without their sign floats are in the order of their bits, which compilers make vectors of; a NaN is above infinity. */
static float largest_of(int64_t dim, const float *row)
{
    uint32_t largest = 0;
    float    x;
    for (int64_t k = 0; k < dim; k++) {
        uint32_t bits;
        memcpy(&bits, row + k, sizeof bits);
        bits &= UINT32_C(0x7FFFFFFF);
        largest = bits > largest ? bits : largest;
    }
    memcpy(&x, &largest, sizeof x);
    return x;
}

/* The numbers of a row, and how far they are from it. A row that is not finite has a length that is not finite. */
static struct rounded round_row(int64_t dim, const float *row, int8_t *numbers)
{
    const float found = largest_of(dim, row) / LARGEST, scale = found > LEAST_SCALE && isfinite(found) ? found : 0;
    const float inverse = scale > 0 ? 1 / scale : 0;
    double      error = 0, length = 0, rounded_length = 0;
    for (int64_t k = 0; k < dim; k++)
        numbers[k] = scale > 0 ? (int8_t)(row[k] * inverse + (row[k] < 0 ? -0.5f : 0.5f)) : 0;
    for (int64_t k = 0; k < dim; k++) {
        const double x = (double)row[k], rounded = (double)scale * numbers[k];
        error += (x - rounded) * (x - rounded);
        length += x * x;
        rounded_length += rounded * rounded;
    }
    return (struct rounded){
        .scale = scale,
        .error = (float)(sqrt(error) * ROUNDED_UP),
        .length = (float)(sqrt(fmax(length, rounded_length)) * ROUNDED_UP),
    };
}

static int64_t words_of(int64_t dim)
{
    return (dim + BYTES - 1) / BYTES;
}

/* ---- items -------------------------------------------------------------------------------------------------------- */

/* Numbers + 128, four to a word, whatever the machine's byte order. */
static void pack_item(const struct atau_screen *screen, int64_t dim, const int8_t *numbers, uint32_t *words)
{
    for (int64_t p = 0; p < screen->n_words; p++) {
        words[p] = 0;
        for (int64_t b = 0; b < BYTES; b++) {
            const int64_t k = BYTES * p + b;
            words[p] |= (uint32_t)((k < dim ? numbers[k] : 0) + 128) << (8 * b);
        }
    }
}

static void round_items(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct atau_screen *screen = argument;
    const int64_t             dim = screen->sides->tables.dim;
    float                     scratch[MOST_DIM];
    int8_t                    numbers[MOST_DIM];
    int64_t                   stride;
    (void)lane;
    for (int64_t i = first; i < end; i++) {
        const struct rounded rounded = round_row(dim, atau_score_items(screen->sides, i, 1, scratch, &stride), numbers);
        pack_item(screen, dim, numbers, screen->words + i * screen->n_words);
        screen->scale[i] = rounded.scale;
        screen->error[i] = rounded.error;
        screen->length[i] = rounded.length;
    }
}

bool atau_screen_pays(const struct atau_score_sides *sides, int64_t n, int64_t n_kept)
{
    const adaptau_tables *tables = &sides->tables;
    return atau_kernels_of(sides->context)->int8 && n >= LEAST_USERS && tables->n_items >= LEAST_ITEMS &&
           tables->n_items >= ITEMS_PER_KEPT * n_kept && tables->dim >= LEAST_DIM && tables->dim <= MOST_DIM;
}

static adaptau_status allocate_items(struct atau_screen *screen, adaptau_error *error)
{
    const uint64_t n = (uint64_t)screen->sides->tables.n_items;
    const size_t   row = (size_t)screen->n_words * sizeof *screen->words;
    screen->words = atau_allocate_array(screen->sides->context, n, row);
    screen->scale = atau_allocate_array(screen->sides->context, n, 3 * sizeof *screen->scale);
    if (!screen->words || !screen->scale)
        return atau_fail_memory(error, n * (row + 3 * sizeof *screen->scale), "the rounded items");
    screen->error = screen->scale + n;
    screen->length = screen->error + n;
    return ADAPTAU_OK;
}

/* Zero rows are fine: their scores are 0 on both sides. */
static bool is_proved(const struct atau_screen *screen)
{
    float longest = 0;
    for (int32_t i = 0; i < screen->sides->tables.n_items; i++) {
        if (!isfinite(screen->length[i]))
            return false;
        longest = fmaxf(longest, screen->length[i]);
    }
    return (double)longest > LEAST_LENGTH && (double)longest < MOST_LENGTH;
}

adaptau_status atau_screen_open(const struct atau_score_sides *sides, struct atau_screen *out, adaptau_error *error)
{
    struct atau_screen screen = {
        .sides = sides, .kernels = atau_kernels_of(sides->context)->int8, .n_words = words_of(sides->tables.dim)};
    adaptau_status status = allocate_items(&screen, error);
    if (!status)
        status = atau_parallel_rows(sides->context, sides->tables.n_items, ITEMS_PER_TASK, round_items, &screen, error);
    if (status) {
        atau_screen_close(&screen);
        return status;
    }
    if (!is_proved(&screen))
        screen.kernels = NULL;
    *out = screen;
    return ADAPTAU_OK;
}

void atau_screen_close(struct atau_screen *screen)
{
    if (!screen->sides)
        return;
    adaptau_context *context = screen->sides->context;
    const size_t     n = (size_t)screen->sides->tables.n_items;
    atau_free(context, screen->words, n * (size_t)screen->n_words * sizeof *screen->words);
    atau_free(context, screen->scale, n * 3 * sizeof *screen->scale);
    *screen = (struct atau_screen){0};
}

/* ---- users -------------------------------------------------------------------------------------------------------- */

void atau_screen_lay_out(const struct atau_screen *screen, struct atau_arena *arena, struct atau_screened_block *block,
                         int64_t width)
{
    const size_t   columns = (size_t)width;
    const uint64_t words = (uint64_t)screen->n_words, dim = (uint64_t)screen->sides->tables.dim;
    block->words = atau_arena_take(arena, words, columns * sizeof *block->words);
    block->line = atau_arena_take(arena, words, BYTES);
    block->start = atau_arena_take(arena, columns, sizeof *block->start);
    block->rows = atau_arena_take(arena, dim, columns * sizeof *block->rows);
    block->scale = atau_arena_take(arena, columns, sizeof *block->scale);
    block->error = atau_arena_take(arena, columns, sizeof *block->error);
    block->length = atau_arena_take(arena, columns, sizeof *block->length);
    block->bound = atau_arena_take(arena, columns, sizeof *block->bound);
    block->threshold = atau_arena_take(arena, columns, sizeof *block->threshold);
    block->items = atau_arena_take(arena, screen->sides->halves[ADAPTAU_SIDE_ITEMS].rows ? ATAU_SCREEN_LINES : 0,
                                   dim * sizeof *block->items);
    block->cells = atau_arena_take(arena, ATAU_SCREEN_LINES, columns * sizeof *block->cells);
    block->scores = atau_arena_take(arena, ATAU_SCREEN_LINES, columns * sizeof *block->scores);
}

void atau_screen_take_user(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t width, int64_t r,
                           const float *row)
{
    const int64_t dim = screen->sides->tables.dim;
    int32_t       sum = 0;
    memcpy(block->rows + r * dim, row, (size_t)dim * sizeof *row);
    memset(block->line, 0, (size_t)(BYTES * screen->n_words));
    const struct rounded rounded = round_row(dim, row, block->line);
    for (int64_t p = 0; p < screen->n_words; p++) {
        uint32_t word = 0;
        for (int64_t b = 0; b < BYTES; b++) {
            word |= (uint32_t)(uint8_t)block->line[BYTES * p + b] << (8 * b);
            sum += block->line[BYTES * p + b];
        }
        block->words[p * width + r] = word;
    }
    const bool proved = rounded.length == 0 || ((double)rounded.length > LEAST_LENGTH && (double)rounded.length < MOST_LENGTH);
    block->start[r] = -128 * sum;
    block->scale[r] = rounded.scale;
    block->error[r] = rounded.error;
    block->length[r] = proved ? rounded.length : INFINITY; /* every cell passes                              */
}

/* ---- looking ------------------------------------------------------------------------------------------------------- */

/* The largest of some items. */
struct extremes {
    double error, length, bias;
};

static struct extremes find_extremes(const struct atau_screen *screen, int64_t item, int64_t lines)
{
    const float *bias = screen->sides->tables.item_bias;
    float        error = 0, length = 0, largest = 0;
    for (int64_t i = item; i < item + lines; i++) {
        error = screen->error[i] > error ? screen->error[i] : error;
        length = screen->length[i] > length ? screen->length[i] : length;
        if (bias)
            largest = fabsf(bias[i]) > largest ? fabsf(bias[i]) : largest;
    }
    return (struct extremes){(double)error, (double)length, (double)largest};
}

/* threshold − bound, rounded down. */
static float lower(float threshold, float bound)
{
    const double lowered = (double)threshold - (double)bound;
    return (float)(lowered - fabs(lowered) * 0x1p-23);
}

void atau_screen_begin(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t n, int64_t item,
                       int64_t lines, const float *thresholds)
{
    const struct extremes items = find_extremes(screen, item, lines);
    const double          slack = slack_of(screen->sides->tables.dim);
    for (int64_t r = 0; r < n; r++) {
        const double length = (double)block->length[r];
        const double bound = (double)block->error[r] * items.length + length * items.error + slack * (length * items.length + items.bias);
        block->bound[r] = length < (double)INFINITY ? (float)(bound * ROUNDED_UP) : INFINITY;
        block->threshold[r] = lower(thresholds[r], block->bound[r]);
    }
}

int64_t atau_screen_look(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t width, int64_t n,
                         int64_t item, int64_t lines)
{
    const float *bias = screen->sides->tables.item_bias;
    return screen->kernels->screen(lines, n, screen->n_words, screen->words + item * screen->n_words, screen->n_words, block->words, width,
                                   block->start, screen->scale + item, block->scale, bias ? bias + item : NULL, block->threshold,
                                   block->cells);
}

/* The items that cells ask for, in float32: of halves only these lines are there. */
static const float *read_items(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t item, int64_t n_cells,
                               int64_t *stride)
{
    const adaptau_tables *tables = &screen->sides->tables;
    uint32_t              there = 0;
    if (!screen->sides->halves[ADAPTAU_SIDE_ITEMS].rows)
        return atau_score_items(screen->sides, item, ATAU_SCREEN_LINES, NULL, stride);
    *stride = tables->dim;
    for (int64_t i = 0; i < n_cells; i++) {
        const uint32_t line = block->cells[i] >> 16;
        int64_t        unused;
        if (!(there & UINT32_C(1) << line))
            atau_score_items(screen->sides, item + line, 1, block->items + (int64_t)line * tables->dim, &unused);
        there |= UINT32_C(1) << line;
    }
    return block->items;
}

void atau_screen_score(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t item, int64_t n_cells)
{
    const adaptau_tables *tables = &screen->sides->tables;
    const float          *bias = tables->item_bias;
    int64_t               stride;
    const float          *items = read_items(screen, block, item, n_cells, &stride);
    screen->kernels->score_cells(n_cells, block->cells, tables->dim, items, stride, block->rows, tables->dim, block->scores);
    for (int64_t i = 0; bias && i < n_cells; i++)
        block->scores[i] += bias[item + (block->cells[i] >> 16)];
}

void atau_screen_raise(const struct atau_screened_block *block, int64_t r, float threshold)
{
    block->threshold[r] = lower(threshold, block->bound[r]);
}
