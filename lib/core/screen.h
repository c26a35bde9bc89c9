/* SPDX-License-Identifier: MIT */
/* Which scores may be above a threshold, found with a quarter of the multiplications: rows are rounded to 8 bits, their products
 * are integers, and only cells that the rounding could have hidden are scored in float32.
 *
 *     v̂ = s b,  b = round(v/s) in −127 … 127,  s = max_k |v_k|/127
 *     |q·v − q̂·v̂| ≤ ‖q − q̂‖ ‖v‖ + ‖q̂‖ ‖v − v̂‖                                      (triangle, then Cauchy and Schwarz)
 *
 * All four lengths are computed in double from the rounded rows. What float32 adds is bounded by ATAU_SCREEN_SLACK: the chain of d
 * multiply-adds is off by at most d 2⁻²⁴ ‖q‖‖v‖, the screen's own three roundings and the bias's by less. So a cell whose
 * screened score is not above threshold − bound is not above the threshold. */
#ifndef ATAU_SCREEN_H
#define ATAU_SCREEN_H

#include "common/arena.h"
#include "core/score_sides.h"
#include "kernels/kernels.h"

/* The items, rounded. */
struct atau_screen {
    const struct atau_score_sides  *sides;
    const struct atau_int8_kernels *kernels;
    int64_t   n_words; /* of a row                                                                            */
    uint32_t *words;   /* [n_items x n_words] b + 128                                                         */
    float    *scale;   /* [n_items] s                                                                         */
    float    *error;   /* [n_items] ‖v − v̂‖, rounded up                                                       */
    float    *length;  /* [n_items] the greater of ‖v‖ and ‖v̂‖, rounded up                                    */
};

/* A block of users, rounded. Each lane has one. */
struct atau_screened_block {
    uint32_t *words;     /* [n_words x width] b, transposed                                                   */
    int8_t   *line;      /* [4 n_words] one row's                                                             */
    int32_t  *start;     /* [width] −128 Σ b                                                                  */
    float    *rows;      /* [width x d] the users in float32                                                  */
    float    *scale;     /* [width] as of items, three times                                                  */
    float    *error;
    float    *length;
    float    *bound;     /* [width] by how much a score may be above what the screen says, of the present items */
    float    *threshold; /* [width] what a screened score must be above                                       */
    float    *items;     /* [ATAU_SCREEN_LINES x d] items of halves                                           */
    uint32_t *cells;     /* [ATAU_SCREEN_LINES x width] of one look                                           */
    float    *scores;    /* [the same] of these cells, in float32                                             */
};

/* Items between two looks at the thresholds, which rise as cells are taken. */
#define ATAU_SCREEN_LINES 24

/* Whether screening pays for n users of these tables whose n_kept best items are kept: rounding the items costs as much as scoring
 * some users, and some n_kept log(n_items/n_kept) cells of each user pass. */
bool atau_screen_pays(const struct atau_score_sides *sides, int64_t n, int64_t n_kept);

/* Round the items. `out` is to be closed after ADAPTAU_OK; its kernels are NULL where the items have lengths for which the bound
 * is not proved, and then nothing is to be screened. */
adaptau_status atau_screen_open(const struct atau_score_sides *sides, struct atau_screen *out, adaptau_error *error);
void           atau_screen_close(struct atau_screen *screen);

void atau_screen_lay_out(const struct atau_screen *screen, struct atau_arena *arena, struct atau_screened_block *block,
                         int64_t width);

/* Take user r of a block: its row as it is scored, normalised if need be. */
void atau_screen_take_user(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t width, int64_t r,
                           const float *row);

/* Before items item … item + lines − 1 are looked at: their bounds, and thresholds [n] lowered by them. */
void atau_screen_begin(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t n, int64_t item,
                       int64_t lines, const float *thresholds);

/* Cells of up to ATAU_SCREEN_LINES items from `item` on whose scores may be above their columns' thresholds: block->cells, a
 * column's in the order of items. Answers how many. */
int64_t atau_screen_look(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t width, int64_t n,
                         int64_t item, int64_t lines);

/* block->scores of the first n_cells of block->cells: what the float32 product and the bias give. */
void atau_screen_score(const struct atau_screen *screen, const struct atau_screened_block *block, int64_t item, int64_t n_cells);

/* The threshold of column r has risen. */
void atau_screen_raise(const struct atau_screened_block *block, int64_t r, float threshold);

#endif
