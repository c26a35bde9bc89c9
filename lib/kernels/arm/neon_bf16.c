/* SPDX-License-Identifier: MIT */
/* bfloat16 operands with float32 sums (FEAT_BF16 of arm64): four times the multiplications of NEON in an instruction.
 *
 * BFMMLA multiplies 2 rows of A by 2 columns of B over 4 steps of k, two words of each, and adds them to 4 sums, two steps after
 * two. It takes subnormal numbers as zero. The road not taken: BFDOT, which fits the words as they lie, a word of A against 4
 * words of a line of B; it does half as much in an instruction and gives the same bits. */
#include "kernels/kernels.h"

#include <arm_neon.h>
#include <stdbool.h>

#include "kernels/arm/neon.h"

#define WIDTH 8 /* floats in a pair of vectors, rows and columns of a block                                     */

/* ---- packing ------------------------------------------------------------------------------------------------------- */

INLINE float32x4_t without_subnormal(float32x4_t x)
{
    const uint32x4_t small = vcaltq_f32(x, vdupq_n_f32(0x1p-126f)), size = vdupq_n_u32(0x7FFFFFFFu);
    return vreinterpretq_f32_u32(vbicq_u32(vreinterpretq_u32_f32(x), vandq_u32(small, size)));
}

/* 8 numbers, rounded, in their order. */
INLINE uint16x8_t round_pair(struct pair x)
{
    const bfloat16x8_t low = vcvtq_low_bf16_f32(without_subnormal(x.low));
    return vreinterpretq_u16_bf16(vcvtq_high_bf16_f32(low, without_subnormal(x.high)));
}

/* The first n words at `words` (1 ... 3), or 4. */
INLINE void store_words(uint32_t *words, int64_t n, uint32x4_t value)
{
    if (n >= LANES)
        vst1q_u32(words, value);
    else if (n == 1)
        vst1q_lane_u32(words, value, 0);
    else {
        vst1_u32(words, vget_low_u32(value));
        if (n == 3)
            vst1q_lane_u32(words + 2, value, 2);
    }
}

/* The first n words (1 ... 8) whose low halves are those of x and whose high halves are those of y. */
INLINE void store_pairs(uint32_t *words, int64_t n, uint16x8_t x, uint16x8_t y)
{
    store_words(words, n, vreinterpretq_u32_u16(vzip1q_u16(x, y)));
    if (n > LANES)
        store_words(words + LANES, n - LANES, vreinterpretq_u32_u16(vzip2q_u16(x, y)));
}

INLINE int64_t at_most(int64_t n, int64_t most)
{
    return n < most ? n : most;
}

static void pack_lines(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride)
{
    for (int64_t i = 0; i < lines; i++, x += stride, words += words_stride)
        for (int64_t p = 0; p < columns; p += WIDTH) {
            const int64_t    n = at_most(columns - p, WIDTH);
            const uint16x8_t halves = round_pair(load(x + p, n == WIDTH, n));
            store_words(words + p / 2, (n + 1) / 2, vreinterpretq_u32_u16(halves));
        }
}

static void pack_pairs(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride)
{
    for (int64_t p = 0; p < lines; p += 2, x += 2 * stride, words += words_stride)
        for (int64_t j = 0; j < columns; j += WIDTH) {
            const int64_t    n = at_most(columns - j, WIDTH);
            const uint16x8_t first = round_pair(load(x + j, n == WIDTH, n));
            uint16x8_t       second = vdupq_n_u16(0);
            if (p + 1 < lines)
                second = round_pair(load(x + stride + j, n == WIDTH, n));
            store_pairs(words + j, n, first, second);
        }
}

/* ---- product ------------------------------------------------------------------------------------------------------- */

/* 8 words, one for each row or column. */
struct words {
    uint32x4_t low, high;
};

/* Two words, one after the other, for each of 8 rows or columns: what BFMMLA takes, two of them in a vector. */
struct steps {
    bfloat16x8_t v0, v1, v2, v3;
};

/* Sums of two rows and 8 columns: in a vector 2 columns of the first row, then the same of the second one. They have names, for
 * the reason that arm/neon.c gives. */
struct rows {
    float32x4_t v0, v1, v2, v3;
};

struct block {
    struct rows r0, r1, r2, r3;
};

INLINE struct block no_sums(void)
{
    const float32x4_t zero = vdupq_n_f32(0.0f);
    const struct rows none = {zero, zero, zero, zero};
    return (struct block){none, none, none, none};
}

/* The first `lanes` words at x (1 ... 4), 0 behind them. */
INLINE uint32x4_t load_words(const uint32_t *x, int64_t lanes)
{
    if (lanes >= LANES)
        return vld1q_u32(x);
    if (lanes == 1)
        return vld1q_lane_u32(x, vdupq_n_u32(0), 0);
    const uint32x4_t two = vcombine_u32(vld1_u32(x), vdup_n_u32(0));
    return lanes == 2 ? two : vld1q_lane_u32(x + 2, two, 2);
}

/* The first n words (1 ... 8) of a line. */
INLINE struct words load_line(const uint32_t *x, int64_t n)
{
    return (struct words){load_words(x, at_most(n, LANES)), n > LANES ? load_words(x + LANES, n - LANES) : vdupq_n_u32(0)};
}

INLINE bfloat16x8_t as_halves(uint32x4_t x)
{
    return vreinterpretq_bf16_u32(x);
}

/* Of two lines. */
INLINE struct steps steps_of(struct words x, struct words y)
{
    return (struct steps){as_halves(vzip1q_u32(x.low, y.low)), as_halves(vzip2q_u32(x.low, y.low)),
                          as_halves(vzip1q_u32(x.high, y.high)), as_halves(vzip2q_u32(x.high, y.high))};
}

/* Lines at x and behind it; of the last one, which is alone, the second word is 0. */
INLINE struct steps load_lines(int both, int64_t n, const uint32_t *x, int64_t stride)
{
    const struct words none = {vdupq_n_u32(0), vdupq_n_u32(0)};
    return steps_of(load_line(x, n), both ? load_line(x + stride, n) : none);
}

/* Two words of two rows, or of the last step, which is alone, one of each. */
INLINE bfloat16x8_t two_rows(int both, const uint32_t *x, const uint32_t *y, int64_t column)
{
    uint32x4_t four = vld1q_lane_u32(y, vld1q_lane_u32(x, vdupq_n_u32(0), 0), 2);
    if (both)
        four = vld1q_lane_u32(y + column, vld1q_lane_u32(x + column, four, 1), 3);
    return as_halves(four);
}

/* How A is read: 8 rows that are neighbours in memory, or any way, a word at a time. */
enum way { ALONG_M, ANYHOW };

/* `pairs_of_rows` of A. Rows that are not there are the last one again, and their sums are not stored. */
INLINE struct steps load_rows(enum way way, int pairs_of_rows, int both, int64_t rows, const uint32_t *a, int64_t row, int64_t column)
{
    const bfloat16x8_t none = as_halves(vdupq_n_u32(0));
    struct steps       steps = {none, none, none, none};
    const int64_t      last = rows - 1;
    if (way == ALONG_M)
        return load_lines(both, WIDTH, a, column);
    steps.v0 = two_rows(both, a, a + at_most(1, last) * row, column);
    if (pairs_of_rows > 1)
        steps.v1 = two_rows(both, a + at_most(2, last) * row, a + at_most(3, last) * row, column);
    if (pairs_of_rows > 2)
        steps.v2 = two_rows(both, a + at_most(4, last) * row, a + at_most(5, last) * row, column);
    if (pairs_of_rows > 3)
        steps.v3 = two_rows(both, a + at_most(6, last) * row, a + at_most(7, last) * row, column);
    return steps;
}

INLINE void add_rows(struct rows *sum, bfloat16x8_t a, struct steps b)
{
    sum->v0 = vbfmmlaq_f32(sum->v0, a, b.v0);
    sum->v1 = vbfmmlaq_f32(sum->v1, a, b.v1);
    sum->v2 = vbfmmlaq_f32(sum->v2, a, b.v2);
    sum->v3 = vbfmmlaq_f32(sum->v3, a, b.v3);
}

INLINE void add_steps(int pairs_of_rows, struct block *sum, struct steps a, struct steps b)
{
    add_rows(&sum->r0, a.v0, b);
    if (pairs_of_rows > 1)
        add_rows(&sum->r1, a.v1, b);
    if (pairs_of_rows > 2)
        add_rows(&sum->r2, a.v2, b);
    if (pairs_of_rows > 3)
        add_rows(&sum->r3, a.v3, b);
}

INLINE float32x4_t halves_of(int high, float32x4_t x, float32x4_t y)
{
    const float64x2_t left = vreinterpretq_f64_f32(x), right = vreinterpretq_f64_f32(y);
    return vreinterpretq_f32_f64(high ? vzip2q_f64(left, right) : vzip1q_f64(left, right));
}

/* A row of C: the first or the second of two. */
INLINE void finish_row(int second, int64_t n, int accumulate, float *c, struct rows sum)
{
    struct pair line = {halves_of(second, sum.v0, sum.v1), halves_of(second, sum.v2, sum.v3)};
    if (accumulate)
        line = add_pairs(load(c, n == WIDTH, n), line);
    store(c, n == WIDTH, n, line);
}

/* The first `rows` of two. */
INLINE void finish_rows(int64_t rows, int64_t n, int accumulate, float *c, int64_t c_stride, struct rows sum)
{
    if (rows > 0)
        finish_row(0, n, accumulate, c, sum);
    if (rows > 1)
        finish_row(1, n, accumulate, c + c_stride, sum);
}

/* All steps of `rows` x n, both at most 8, and 8 but ANYHOW. `way` and pairs_of_rows are constants. */
INLINE void add_all(enum way way, int pairs_of_rows, int64_t rows, int64_t n, int64_t pairs, const uint32_t *a, int64_t a_row,
                    int64_t a_column, const uint32_t *b, int64_t b_stride, struct block *sum)
{
    for (; pairs >= 2; pairs -= 2, a += 2 * a_column, b += 2 * b_stride)
        add_steps(pairs_of_rows, sum, load_rows(way, pairs_of_rows, 1, rows, a, a_row, a_column), load_lines(1, n, b, b_stride));
    if (pairs > 0)
        add_steps(pairs_of_rows, sum, load_rows(way, pairs_of_rows, 0, rows, a, a_row, a_column), load_lines(0, n, b, b_stride));
}

INLINE void finish(int pairs_of_rows, int64_t rows, int64_t n, int accumulate, float *c, int64_t c_stride, const struct block *sum)
{
    finish_rows(rows, n, accumulate, c, c_stride, sum->r0);
    if (pairs_of_rows > 1)
        finish_rows(rows - 2, n, accumulate, c + 2 * c_stride, c_stride, sum->r1);
    if (pairs_of_rows > 2)
        finish_rows(rows - 4, n, accumulate, c + 4 * c_stride, c_stride, sum->r2);
    if (pairs_of_rows > 3)
        finish_rows(rows - 6, n, accumulate, c + 6 * c_stride, c_stride, sum->r3);
}

/* Four words of two rows: two steps, and the two behind them. */
struct four {
    bfloat16x8_t now, next;
};

INLINE struct four four_words(const uint32_t *x, const uint32_t *y)
{
    const uint64x2_t first = vreinterpretq_u64_u32(vld1q_u32(x)), second = vreinterpretq_u64_u32(vld1q_u32(y));
    return (struct four){vreinterpretq_bf16_u64(vzip1q_u64(first, second)), vreinterpretq_bf16_u64(vzip2q_u64(first, second))};
}

/* Rows are read 4 words at a time: half as many loads. */
static void block_along_k(int64_t pairs, const uint32_t *a, int64_t a_row, const uint32_t *b, int64_t b_stride, int accumulate,
                          float *c, int64_t c_stride)
{
    struct block sum = no_sums();
    for (; pairs >= 4; pairs -= 4, a += 4, b += 4 * b_stride) {
        const struct four r0 = four_words(a, a + a_row), r1 = four_words(a + 2 * a_row, a + 3 * a_row);
        const struct four r2 = four_words(a + 4 * a_row, a + 5 * a_row), r3 = four_words(a + 6 * a_row, a + 7 * a_row);
        add_steps(4, &sum, (struct steps){r0.now, r1.now, r2.now, r3.now}, load_lines(1, WIDTH, b, b_stride));
        __asm__ volatile("" ::: "memory"); /* or gcc 12 loads the next lines first, and has no registers left for sums */
        add_steps(4, &sum, (struct steps){r0.next, r1.next, r2.next, r3.next}, load_lines(1, WIDTH, b + 2 * b_stride, b_stride));
    }
    add_all(ANYHOW, 4, WIDTH, WIDTH, pairs, a, a_row, 1, b, b_stride, &sum);
    finish(4, WIDTH, WIDTH, accumulate, c, c_stride, &sum);
}

static void block_along_m(int64_t pairs, const uint32_t *a, int64_t a_column, const uint32_t *b, int64_t b_stride, int accumulate,
                          float *c, int64_t c_stride)
{
    struct block sum = no_sums();
    add_all(ALONG_M, 4, WIDTH, WIDTH, pairs, a, 1, a_column, b, b_stride, &sum);
    finish(4, WIDTH, WIDTH, accumulate, c, c_stride, &sum);
}

/* What is left over at the edges, and every other way to store A. */
static void block_anyhow(int64_t rows, int64_t n, int64_t pairs, const uint32_t *a, int64_t a_row, int64_t a_column,
                         const uint32_t *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    struct block sum = no_sums();
    if (rows > 4) {
        add_all(ANYHOW, 4, rows, n, pairs, a, a_row, a_column, b, b_stride, &sum);
        finish(4, rows, n, accumulate, c, c_stride, &sum);
    } else {
        add_all(ANYHOW, 2, rows, n, pairs, a, a_row, a_column, b, b_stride, &sum);
        finish(2, rows, n, accumulate, c, c_stride, &sum);
    }
}

/* Blocks fetch nothing ahead: there was no machine to measure it on. */
static void product(int64_t m, int64_t n, int64_t pairs, const uint32_t *a, int64_t a_row, int64_t a_column, const uint32_t *b,
                    int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (int64_t j = 0; j < n; j += WIDTH)
        for (int64_t i = 0; i < m; i += WIDTH) {
            const int64_t   rows = at_most(m - i, WIDTH), columns = at_most(n - j, WIDTH);
            const uint32_t *here = a + i * a_row, *line = b + j;
            float          *to = c + i * c_stride + j;
            if (rows == WIDTH && columns == WIDTH && a_column == 1)
                block_along_k(pairs, here, a_row, line, b_stride, accumulate, to, c_stride);
            else if (rows == WIDTH && columns == WIDTH && a_row == 1)
                block_along_m(pairs, here, a_column, line, b_stride, accumulate, to, c_stride);
            else
                block_anyhow(rows, columns, pairs, here, a_row, a_column, line, b_stride, accumulate, to, c_stride);
        }
}

/* ---- exponential ----------------------------------------------------------------------------------------------------- */

/* 8 columns of the tile, of which the first n are there, and what belongs to them. `whole` and `wide` are constants: n = 8; some
 * shift or log_q is not within ±ATAU_WIDE. */
struct columns {
    int         whole, wide;
    int64_t     n;
    struct pair scale, shift, sum;
};

/* Exponentials of a line, rounded; columns that are not there give 0. Their sums have the bits of exp_sum of arm/neon.c. */
INLINE uint16x8_t exp_line(struct columns *c, const float *t, const float *log_q)
{
    const float32x4_t q = vdupq_n_f32(log_q ? *log_q : 0.0f);
    struct pair       x = load(t, c->whole, c->n);
    x.low = exponents(c->wide, x.low, c->scale.low, c->shift.low, q);
    x.high = exponents(c->wide, x.high, c->scale.high, c->shift.high, q);
    x = exp_pair(x);
    if (!c->whole) {
        x.low = first_lanes(x.low, at_most(c->n, LANES));
        x.high = first_lanes(x.high, c->n > LANES ? c->n - LANES : 0);
    }
    c->sum = add_pairs(c->sum, x);
    return round_pair(x);
}

INLINE void exp_columns(int whole, int wide, int64_t n, int64_t lines, const float *t, int64_t stride, const float *scale,
                        const float *shift, const float *log_q, float *sum, uint32_t *in_lines, int64_t in_lines_stride,
                        uint32_t *in_pairs, int64_t in_pairs_stride)
{
    struct columns c = {.whole = whole, .wide = wide, .n = n, .scale = load(scale, whole, n), .shift = load(shift, whole, n)};
    c.sum = load(sum, whole, n);
    for (int64_t j = 0; j < lines; j += 2, t += 2 * stride) {
        const bool       both = j + 1 < lines;
        const uint16x8_t x = exp_line(&c, t, log_q ? log_q + j : NULL);
        uint16x8_t       y = vdupq_n_u16(0);
        if (both)
            y = exp_line(&c, t + stride, log_q ? log_q + j + 1 : NULL);
        if (in_lines) {
            store_words(in_lines + j * in_lines_stride, (n + 1) / 2, vreinterpretq_u32_u16(x));
            if (both)
                store_words(in_lines + (j + 1) * in_lines_stride, (n + 1) / 2, vreinterpretq_u32_u16(y));
        }
        if (in_pairs)
            store_pairs(in_pairs + j / 2 * in_pairs_stride, n, x, y);
    }
    store(sum, whole, n, c.sum);
}

static void exp_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum, uint32_t *in_lines, int64_t in_lines_stride, uint32_t *in_pairs,
                     int64_t in_pairs_stride)
{
    const int wide = any_wide(columns, shift) || (log_q && any_wide(lines, log_q));
    for (int64_t r = 0; r < columns; r += WIDTH) {
        const int64_t n = at_most(columns - r, WIDTH);
        uint32_t     *lines_here = in_lines ? in_lines + r / 2 : NULL, *pairs_here = in_pairs ? in_pairs + r : NULL;
        if (wide)
            exp_columns(0, 1, n, lines, t + r, stride, scale + r, shift + r, log_q, sum + r, lines_here, in_lines_stride,
                        pairs_here, in_pairs_stride);
        else if (n == WIDTH)
            exp_columns(1, 0, WIDTH, lines, t + r, stride, scale + r, shift + r, log_q, sum + r, lines_here, in_lines_stride,
                        pairs_here, in_pairs_stride);
        else
            exp_columns(0, 0, n, lines, t + r, stride, scale + r, shift + r, log_q, sum + r, lines_here, in_lines_stride,
                        pairs_here, in_pairs_stride);
    }
}

const struct atau_bf16_kernels atau_bf16_neon = {
    .pack_lines = pack_lines,
    .pack_pairs = pack_pairs,
    .product = product,
    .exp_tile = exp_tile,
};
