/* SPDX-License-Identifier: MIT */
/* NEON kernels for arm64. Each does what the one of x86/avx2.c does, operation by operation and in the same order, with two
 * vectors of 4 for one of 8: the results of both files are equal to the bit (docs/numerics.md), so that a training that runs
 * here and there can be compared. NEON has no masked loads: a tail goes lane by lane, and functions that differ in nothing else
 * take `whole` as a constant and are inlined twice. */
#include "kernels/kernels.h"

#include <arm_neon.h>

#include "kernels/arm/neon.h"
#include "kernels/sphere.h"

#define WIDTH 8 /* floats in a pair of vectors                                                                 */

/* ---- product ----------------------------------------------------------------------------------------------------- */

/* Up to 6 x 4 accumulators, a line of B and the values of A fit the 32 registers. They have names: GCC 12 leaves an array of
 * vectors in memory, one store for each sum and step. Executed instructions for each FMA: tests/platforms/count_instructions.sh. */
#define ROWS 6

/* Up to 16 neighbours along n. */
struct line {
    float32x4_t v0, v1, v2, v3;
};

struct block {
    struct line r0, r1, r2, r3, r4, r5;
};

INLINE struct line no_line(void)
{
    const float32x4_t zero = vdupq_n_f32(0.0f);
    return (struct line){zero, zero, zero, zero};
}

INLINE struct block no_sums(void)
{
    const struct line zero = no_line();
    return (struct block){zero, zero, zero, zero, zero, zero};
}

/* `vectors`, of which the last one has `last` lanes. */
INLINE struct line load_line(int vectors, int64_t last, const float *x)
{
    struct line line = no_line();
    line.v0 = load_lanes(x, vectors > 1 ? LANES : last);
    if (vectors > 1)
        line.v1 = load_lanes(x + LANES, vectors > 2 ? LANES : last);
    if (vectors > 2)
        line.v2 = load_lanes(x + 2 * LANES, vectors > 3 ? LANES : last);
    if (vectors > 3)
        line.v3 = load_lanes(x + 3 * LANES, last);
    return line;
}

INLINE void store_line(int vectors, int64_t last, float *x, struct line line)
{
    store_lanes(x, vectors > 1 ? LANES : last, line.v0);
    if (vectors > 1)
        store_lanes(x + LANES, vectors > 2 ? LANES : last, line.v1);
    if (vectors > 2)
        store_lanes(x + 2 * LANES, vectors > 3 ? LANES : last, line.v2);
    if (vectors > 3)
        store_lanes(x + 3 * LANES, last, line.v3);
}

/* sum += value x line */
INLINE void add_line(int vectors, struct line *sum, struct line line, float value)
{
    sum->v0 = vfmaq_n_f32(sum->v0, line.v0, value);
    if (vectors > 1)
        sum->v1 = vfmaq_n_f32(sum->v1, line.v1, value);
    if (vectors > 2)
        sum->v2 = vfmaq_n_f32(sum->v2, line.v2, value);
    if (vectors > 3)
        sum->v3 = vfmaq_n_f32(sum->v3, line.v3, value);
}

INLINE void finish_line(int vectors, int64_t last, int accumulate, float *c, struct line sum)
{
    if (accumulate) {
        const struct line before = load_line(vectors, last, c);
        sum.v0 = vaddq_f32(before.v0, sum.v0);
        sum.v1 = vaddq_f32(before.v1, sum.v1);
        sum.v2 = vaddq_f32(before.v2, sum.v2);
        sum.v3 = vaddq_f32(before.v3, sum.v3);
    }
    store_line(vectors, last, c, sum);
}

INLINE void finish(int rows, int vectors, int64_t last, int accumulate, float *c, int64_t c_stride, const struct block *sum)
{
    finish_line(vectors, last, accumulate, c, sum->r0);
    if (rows > 1)
        finish_line(vectors, last, accumulate, c + c_stride, sum->r1);
    if (rows > 2)
        finish_line(vectors, last, accumulate, c + 2 * c_stride, sum->r2);
    if (rows > 3)
        finish_line(vectors, last, accumulate, c + 3 * c_stride, sum->r3);
    if (rows > 4)
        finish_line(vectors, last, accumulate, c + 4 * c_stride, sum->r4);
    if (rows > 5)
        finish_line(vectors, last, accumulate, c + 5 * c_stride, sum->r5);
}

/* k steps of rows x (vectors of 4, of which the last one has `last` lanes). Always inlined with constant rows and vectors. */
INLINE void add_steps(int rows, int vectors, int64_t last, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                      const float *b, int64_t b_stride, struct block *sum)
{
    for (; k > 0; k--, a += a_column, b += b_stride) {
        const struct line line = load_line(vectors, last, b);
        add_line(vectors, &sum->r0, line, a[0]);
        if (rows > 1)
            add_line(vectors, &sum->r1, line, a[a_row]);
        if (rows > 2)
            add_line(vectors, &sum->r2, line, a[2 * a_row]);
        if (rows > 3)
            add_line(vectors, &sum->r3, line, a[3 * a_row]);
        if (rows > 4)
            add_line(vectors, &sum->r4, line, a[4 * a_row]);
        if (rows > 5)
            add_line(vectors, &sum->r5, line, a[5 * a_row]);
    }
}

/* All blocks add in the same order: a value depends neither on m nor on how A is stored. */
INLINE void block_anywhere(int rows, int vectors, int64_t last, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                           const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    struct block sum = no_sums();
    add_steps(rows, vectors, last, k, a, a_row, a_column, b, b_stride, &sum);
    finish(rows, vectors, last, accumulate, c, c_stride, &sum);
}

INLINE void add_four(struct block *sum, const float *b, float a0, float a1, float a2, float a3)
{
    const struct line line = load_line(4, LANES, b);
    add_line(4, &sum->r0, line, a0);
    add_line(4, &sum->r1, line, a1);
    add_line(4, &sum->r2, line, a2);
    add_line(4, &sum->r3, line, a3);
}

/* 4 x 16 of C where a_column = 1: a vector holds 4 steps of a row. Six rows of A as vectors would not fit the registers. */
static void block_along_k(int64_t k, const float *a, int64_t a_row, const float *b, int64_t b_stride, int accumulate, float *c,
                          int64_t c_stride)
{
    struct block sum = no_sums();
    for (; k >= LANES; k -= LANES, a += LANES, b += LANES * b_stride) {
        const float32x4_t a0 = vld1q_f32(a), a1 = vld1q_f32(a + a_row);
        const float32x4_t a2 = vld1q_f32(a + 2 * a_row), a3 = vld1q_f32(a + 3 * a_row);
        add_four(&sum, b, vgetq_lane_f32(a0, 0), vgetq_lane_f32(a1, 0), vgetq_lane_f32(a2, 0), vgetq_lane_f32(a3, 0));
        add_four(&sum, b + b_stride, vgetq_lane_f32(a0, 1), vgetq_lane_f32(a1, 1), vgetq_lane_f32(a2, 1), vgetq_lane_f32(a3, 1));
        add_four(&sum, b + 2 * b_stride, vgetq_lane_f32(a0, 2), vgetq_lane_f32(a1, 2), vgetq_lane_f32(a2, 2),
                 vgetq_lane_f32(a3, 2));
        add_four(&sum, b + 3 * b_stride, vgetq_lane_f32(a0, 3), vgetq_lane_f32(a1, 3), vgetq_lane_f32(a2, 3),
                 vgetq_lane_f32(a3, 3));
    }
    add_steps(4, 4, LANES, k, a, a_row, 1, b, b_stride, &sum);
    finish(4, 4, LANES, accumulate, c, c_stride, &sum);
}

/* 6 x 16 of C where a_row = 1: the rows of a step are a vector and a half. */
static void block_along_m(int64_t k, const float *a, int64_t a_column, const float *b, int64_t b_stride, int accumulate,
                          float *c, int64_t c_stride)
{
    struct block sum = no_sums();
    for (; k > 0; k--, a += a_column, b += b_stride) {
        const float32x4_t first = vld1q_f32(a);
        const float32x2_t rest = vld1_f32(a + LANES);
        const struct line line = load_line(4, LANES, b);
        add_line(4, &sum.r0, line, vgetq_lane_f32(first, 0));
        add_line(4, &sum.r1, line, vgetq_lane_f32(first, 1));
        add_line(4, &sum.r2, line, vgetq_lane_f32(first, 2));
        add_line(4, &sum.r3, line, vgetq_lane_f32(first, 3));
        add_line(4, &sum.r4, line, vget_lane_f32(rest, 0));
        add_line(4, &sum.r5, line, vget_lane_f32(rest, 1));
    }
    finish(6, 4, LANES, accumulate, c, c_stride, &sum);
}

/* All rows of a strip of columns. */
INLINE void strip(int vectors, int64_t last, int64_t m, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                  const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (; m >= ROWS; m -= ROWS, a += ROWS * a_row, c += ROWS * c_stride)
        block_anywhere(ROWS, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
    switch (m) {
    case 1: block_anywhere(1, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 2: block_anywhere(2, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 3: block_anywhere(3, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 4: block_anywhere(4, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 5: block_anywhere(5, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    default: break;
    }
}

/* A strip of 16 columns: blocks of the kind that A's storage allows, and the rows that are left over. */
static void whole_strip(int64_t m, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b, int64_t b_stride,
                        int accumulate, float *c, int64_t c_stride)
{
    if (a_column == 1)
        for (; m >= 4; m -= 4, a += 4 * a_row, c += 4 * c_stride)
            block_along_k(k, a, a_row, b, b_stride, accumulate, c, c_stride);
    else if (a_row == 1)
        for (; m >= 6; m -= 6, a += 6, c += 6 * c_stride)
            block_along_m(k, a, a_column, b, b_stride, accumulate, c, c_stride);
    strip(4, LANES, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
}

/* Blocks fetch nothing ahead: there was no machine to measure it on. */
static void product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                    int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (; n >= 4 * LANES; n -= 4 * LANES, b += 4 * LANES, c += 4 * LANES)
        whole_strip(m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
    const int64_t last = (n - 1) % LANES + 1;
    switch ((n + LANES - 1) / LANES) {
    case 1: strip(1, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 2: strip(2, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 3: strip(3, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 4: strip(4, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    default: break;
    }
}

/* ---- exponential --------------------------------------------------------------------------------------------------- */

/* A pair of vectors of columns, all lines: the exponentials of a column go to `cell` when `keep`, their sum to sum. */
INLINE void exp_strip(int keep, int whole, int wide, int64_t columns, int64_t lines, float *cell, int64_t stride,
                      const float *scale, const float *shift, const float *log_q, float *sum)
{
    const struct pair factor = load(scale, whole, columns), less = load(shift, whole, columns);
    struct pair       total = load(sum, whole, columns);
    for (int64_t j = 0; j < lines; j++, cell += stride) {
        const float32x4_t q = vdupq_n_f32(log_q ? log_q[j] : 0.0f);
        struct pair       x = load(cell, whole, columns);
        x.low = exponents(wide, x.low, factor.low, less.low, q);
        x.high = exponents(wide, x.high, factor.high, less.high, q);
        x = exp_pair(x);
        total.low = vaddq_f32(total.low, x.low);
        total.high = vaddq_f32(total.high, x.high);
        if (keep)
            store(cell, whole, columns, x);
    }
    store(sum, whole, columns, total);
}

/* All columns. `keep` is a constant. Wide ones are rare: one kind of strip takes them all. */
INLINE void exp_strips(int keep, int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale,
                       const float *shift, const float *log_q, float *sum)
{
    int64_t r = 0;
    if (__builtin_expect(any_wide(columns, shift) || (log_q && any_wide(lines, log_q)), 0)) {
        for (; r < columns; r += WIDTH) {
            const int64_t here = columns - r < WIDTH ? columns - r : WIDTH;
            exp_strip(keep, 0, 1, here, lines, t + r, stride, scale + r, shift + r, log_q, sum + r);
        }
        return;
    }
    for (; r + WIDTH <= columns; r += WIDTH)
        exp_strip(keep, 1, 0, WIDTH, lines, t + r, stride, scale + r, shift + r, log_q, sum + r);
    if (r < columns)
        exp_strip(keep, 0, 0, columns - r, lines, t + r, stride, scale + r, shift + r, log_q, sum + r);
}

static void exp_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum)
{
    exp_strips(1, lines, columns, t, stride, scale, shift, log_q, sum);
}

static void exp_sum(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale, const float *shift,
                    const float *log_q, float *sum)
{
    float *cells = (float *)(uintptr_t)t; /* read only: nothing is kept                                         */
    exp_strips(0, lines, columns, cells, stride, scale, shift, log_q, sum);
}

/* σ(x) and softplus(x): the formulas stand in x86/avx2.c. */
INLINE float32x4_t sigmoid_vector(float32x4_t x, float32x4_t *softplus)
{
    const float32x4_t one = vdupq_n_f32(1.0f);
    const float32x4_t e = exp_any(vnegq_f32(vabsq_f32(x)));
    const uint32x4_t  above = vcgtq_f32(x, vdupq_n_f32(0.0f));
    const float32x4_t s = vdivq_f32(e, vaddq_f32(e, vdupq_n_f32(2.0f))), z = vmulq_f32(s, s);
    float32x4_t       p = vdupq_n_f32(1.0f / 13.0f);
    p = vfmaq_f32(vdupq_n_f32(1.0f / 11.0f), p, z);
    p = vfmaq_f32(vdupq_n_f32(1.0f / 9.0f), p, z);
    p = vfmaq_f32(vdupq_n_f32(1.0f / 7.0f), p, z);
    p = vfmaq_f32(vdupq_n_f32(1.0f / 5.0f), p, z);
    p = vfmaq_f32(vdupq_n_f32(1.0f / 3.0f), p, z);
    p = vfmaq_f32(one, p, z);
    *softplus = vfmaq_f32(keep_where(above, x), vaddq_f32(s, s), p);
    return vdivq_f32(vbslq_f32(above, one, e), vaddq_f32(one, e));
}

INLINE void softplus_strip(int whole, int64_t columns, int64_t lines, float *cell, int64_t stride, const float *scale,
                           const float *shift, float *sum)
{
    const struct pair factor = load(scale, whole, columns), less = load(shift, whole, columns);
    struct pair       total = load(sum, whole, columns), softplus;
    for (int64_t j = 0; j < lines; j++, cell += stride) {
        struct pair x = load(cell, whole, columns);
        x.low = sigmoid_vector(vfmaq_f32(vnegq_f32(less.low), x.low, factor.low), &softplus.low);
        x.high = sigmoid_vector(vfmaq_f32(vnegq_f32(less.high), x.high, factor.high), &softplus.high);
        total.low = vaddq_f32(total.low, softplus.low);
        total.high = vaddq_f32(total.high, softplus.high);
        store(cell, whole, columns, x);
    }
    store(sum, whole, columns, total);
}

static void softplus_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                          float *sum)
{
    int64_t r = 0;
    for (; r + WIDTH <= columns; r += WIDTH)
        softplus_strip(1, WIDTH, lines, t + r, stride, scale + r, shift + r, sum + r);
    if (r < columns)
        softplus_strip(0, columns - r, lines, t + r, stride, scale + r, shift + r, sum + r);
}

/* ---- maximum and filter ---------------------------------------------------------------------------------------- */

/* A NaN in x is passed over. */
INLINE float32x4_t larger(float32x4_t x, float32x4_t best)
{
    return vbslq_f32(vcgtq_f32(x, best), x, best);
}

INLINE void max_strip(int whole, int64_t columns, int64_t lines, const float *cell, int64_t stride, const float *scale,
                      const float *log_q, float *maximum)
{
    const struct pair factor = load(scale, whole, columns);
    struct pair       best = load(maximum, whole, columns);
    for (int64_t j = 0; j < lines; j++, cell += stride) {
        const float32x4_t minus_q = vdupq_n_f32(log_q ? -log_q[j] : -0.0f);
        const struct pair t = load(cell, whole, columns);
        best.low = larger(vfmaq_f32(minus_q, t.low, factor.low), best.low);
        best.high = larger(vfmaq_f32(minus_q, t.high, factor.high), best.high);
    }
    store(maximum, whole, columns, best);
}

static void max_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale, const float *log_q,
                     float *maximum)
{
    int64_t r = 0;
    for (; r + WIDTH <= columns; r += WIDTH)
        max_strip(1, WIDTH, lines, t + r, stride, scale + r, log_q, maximum + r);
    if (r < columns)
        max_strip(0, columns - r, lines, t + r, stride, scale + r, log_q, maximum + r);
}

/* Append the lanes of t above the threshold; `position` is that of the first lane. Few are: most pairs end with one test. */
INLINE int64_t filter_pair(struct pair t, struct pair threshold, uint32_t position, uint32_t *hits, int64_t n)
{
    const uint16x8_t above =
        vcombine_u16(vmovn_u32(vcgtq_f32(t.low, threshold.low)), vmovn_u32(vcgtq_f32(t.high, threshold.high)));
    uint64_t bytes = vget_lane_u64(vreinterpret_u64_u8(vmovn_u16(above)), 0);
    for (; bytes; n++) {
        const unsigned lane = (unsigned)__builtin_ctzll(bytes) / 8u;
        hits[n] = position + lane;
        bytes &= ~(UINT64_C(0xFF) << 8u * lane);
    }
    return n;
}

static int64_t filter_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *threshold,
                           uint32_t *hits)
{
    int64_t n = 0, whole = columns - columns % WIDTH;
    for (int64_t j = 0; j < lines; j++, t += stride) {
        const uint32_t line = (uint32_t)j << 16;
        for (int64_t r = 0; r < whole; r += WIDTH)
            n = filter_pair(load(t + r, 1, WIDTH), load(threshold + r, 1, WIDTH), line | (uint32_t)r, hits, n);
        if (whole < columns) /* both sides are 0 past the end, and 0 > 0 is false                              */
            n = filter_pair(load(t + whole, 0, columns - whole), load(threshold + whole, 0, columns - whole),
                            line | (uint32_t)whole, hits, n);
    }
    return n;
}

/* ---- gather ---------------------------------------------------------------------------------------------------- */

#define FETCH_AHEAD 20 /* ids, as on x86                                                                       */
#define PER_LINE 4     /* vectors in a line of the caches                                                      */

/* vectors of 4 columns, of which the last one has `last` lanes. Always inlined with constant vectors: the sums are registers. */
INLINE void gather_columns(int vectors, int64_t last, const struct atau_gather *from, int64_t first, int64_t n, int64_t n_ahead,
                           const int32_t *ids, float left, float base_scale, const float *base, float *out)
{
    const float *x = from->x + first;
    float32x4_t  sum[16];
    for (int v = 0; v < vectors; v++)
        sum[v] = vdupq_n_f32(0.0f);
    for (int64_t e = 0; e < n; e++) {
        const float *row = x + ids[e] * from->stride;
        const float *next = x + ids[e + FETCH_AHEAD < n_ahead ? e + FETCH_AHEAD : e] * from->stride;
        const float  weight = from->weights ? from->weights[ids[e]] : 1.0f;
        for (int v = 0; v < vectors; v += PER_LINE)
            __builtin_prefetch(next + v * LANES);
        for (int v = 0; v < vectors; v++)
            sum[v] = vfmaq_n_f32(sum[v], load_lanes(row + v * LANES, v == vectors - 1 ? last : LANES), weight);
    }
    for (int v = 0; v < vectors; v++) {
        const int64_t lanes = v == vectors - 1 ? last : LANES, at = first + v * LANES;
        float32x4_t   value = vmulq_n_f32(sum[v], left);
        if (base)
            value = vfmaq_n_f32(value, load_lanes(base + at, lanes), base_scale);
        store_lanes(out + at, lanes, value);
    }
}

static void gather(const struct atau_gather *from, int64_t n, int64_t n_ahead, const int32_t *ids, float left, float base_scale,
                   const float *base, float *out)
{
    int64_t first = 0;
    for (; from->dim - first >= 16 * LANES; first += 16 * LANES)
        gather_columns(16, LANES, from, first, n, n_ahead, ids, left, base_scale, base, out);
    for (; from->dim - first >= 4 * LANES; first += 4 * LANES)
        gather_columns(4, LANES, from, first, n, n_ahead, ids, left, base_scale, base, out);
    const int64_t last = (from->dim - first - 1) % LANES + 1;
    switch ((from->dim - first + LANES - 1) / LANES) {
    case 1: gather_columns(1, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    case 2: gather_columns(2, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    case 3: gather_columns(3, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    case 4: gather_columns(4, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    default: break;
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

INLINE struct pair add_products(struct pair sum, struct pair x, struct pair y)
{
    return (struct pair){vfmaq_f32(sum.low, x.low, y.low), vfmaq_f32(sum.high, x.high, y.high)};
}

static float dot(int64_t n, const float *x, const float *y)
{
    const struct pair zero = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
    struct pair       s0 = zero, s1 = zero, s2 = zero, s3 = zero;
    int64_t           i = 0;
    for (; i + 4 * WIDTH <= n; i += 4 * WIDTH) {
        s0 = add_products(s0, load(x + i, 1, WIDTH), load(y + i, 1, WIDTH));
        s1 = add_products(s1, load(x + i + WIDTH, 1, WIDTH), load(y + i + WIDTH, 1, WIDTH));
        s2 = add_products(s2, load(x + i + 2 * WIDTH, 1, WIDTH), load(y + i + 2 * WIDTH, 1, WIDTH));
        s3 = add_products(s3, load(x + i + 3 * WIDTH, 1, WIDTH), load(y + i + 3 * WIDTH, 1, WIDTH));
    }
    for (; i + WIDTH <= n; i += WIDTH)
        s0 = add_products(s0, load(x + i, 1, WIDTH), load(y + i, 1, WIDTH));
    if (i < n)
        s1 = add_products(s1, load(x + i, 0, n - i), load(y + i, 0, n - i));
    return sum_of_lanes(add_pairs(add_pairs(s0, s1), add_pairs(s2, s3)));
}

static void axpy(int64_t n, float alpha, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vst1q_f32(y + i, vfmaq_n_f32(vld1q_f32(y + i), vld1q_f32(x + i), alpha));
    if (i < n)
        store_lanes(y + i, n - i, vfmaq_n_f32(load_lanes(y + i, n - i), load_lanes(x + i, n - i), alpha));
}

static void scale_row(int64_t n, float alpha, const float *x, float *y)
{
    int64_t i = 0;
    for (; i + LANES <= n; i += LANES)
        vst1q_f32(y + i, vmulq_n_f32(vld1q_f32(x + i), alpha));
    if (i < n)
        store_lanes(y + i, n - i, vmulq_n_f32(load_lanes(x + i, n - i), alpha));
}

/* One vector of adam_row; returns the new weights, 0 past the end (where 0/epsilon may be NaN). */
INLINE float32x4_t adam_vector(int64_t lanes, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                               float *row)
{
    float32x4_t       e = load_lanes(row, lanes);
    const float32x4_t g = vfmaq_n_f32(load_lanes(gradient, lanes), e, adam->decay);
    const float32x4_t m = vfmaq_n_f32(vmulq_n_f32(g, 1.0f - adam->beta1), load_lanes(first, lanes), adam->beta1);
    const float32x4_t v =
        vfmaq_n_f32(vmulq_f32(vmulq_n_f32(g, 1.0f - adam->beta2), g), load_lanes(second, lanes), adam->beta2);
    const float32x4_t root = vfmaq_n_f32(vdupq_n_f32(adam->epsilon), vsqrtq_f32(v), adam->second_scale);
    e = vsubq_f32(e, vdivq_f32(vmulq_n_f32(m, adam->step), root));
    store_lanes(first, lanes, m);
    store_lanes(second, lanes, v);
    store_lanes(row, lanes, e);
    return lanes < LANES ? first_lanes(e, lanes) : e;
}

/* adam_vector on a pair. */
INLINE struct pair adam_pair(int whole, int64_t n, const struct atau_adam *adam, const float *gradient, float *first,
                             float *second, float *row)
{
    struct pair e = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
    if (whole) {
        e.low = adam_vector(LANES, adam, gradient, first, second, row);
        e.high = adam_vector(LANES, adam, gradient + LANES, first + LANES, second + LANES, row + LANES);
    } else {
        e.low = adam_vector(n < LANES ? n : LANES, adam, gradient, first, second, row);
        if (n > LANES)
            e.high = adam_vector(n - LANES, adam, gradient + LANES, first + LANES, second + LANES, row + LANES);
    }
    return e;
}

static void adam_row(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second, float *row)
{
    const struct atau_adam fixed = *adam; /* stores to the rows cannot change it, so that its members stay in registers  */
    struct pair            squares = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
    int64_t                i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        const struct pair e = adam_pair(1, WIDTH, &fixed, gradient + i, first + i, second + i, row + i);
        squares = add_products(squares, e, e);
    }
    if (i < n) {
        const struct pair e = adam_pair(0, n - i, &fixed, gradient + i, first + i, second + i, row + i);
        squares = add_products(squares, e, e);
    }
    const float length2 = sum_of_lanes(squares);
    if (fixed.to_sphere)
        atau_return_to_sphere(n, length2, scale_row, row);
}

/* One pair of the first pass of adam_row_shared; returns its gradients, 0 past the end. */
INLINE struct pair first_moment_pair(int whole, int64_t n, const struct atau_adam *adam, const float *gradient, float *first,
                                     const float *row)
{
    const struct pair e = load(row, whole, n), before = load(first, whole, n);
    struct pair       g = load(gradient, whole, n), m;
    g.low = vfmaq_n_f32(g.low, e.low, adam->decay);
    g.high = vfmaq_n_f32(g.high, e.high, adam->decay);
    m.low = vfmaq_n_f32(vmulq_n_f32(g.low, 1.0f - adam->beta1), before.low, adam->beta1);
    m.high = vfmaq_n_f32(vmulq_n_f32(g.high, 1.0f - adam->beta1), before.high, adam->beta1);
    store(first, whole, n, m);
    return g;
}

/* One pair of the second pass; returns the new weights, 0 past the end. */
INLINE struct pair step_pair(int whole, int64_t n, float factor, const float *first, float *row)
{
    const struct pair m = load(first, whole, n);
    struct pair       e = load(row, whole, n);
    e.low = vfmsq_n_f32(e.low, m.low, factor);
    e.high = vfmsq_n_f32(e.high, m.high, factor);
    store(row, whole, n, e);
    return e;
}

static void adam_row_shared(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                            float *row)
{
    const struct atau_adam fixed = *adam; /* as in adam_row                                                        */
    const struct pair      zero = {vdupq_n_f32(0.0f), vdupq_n_f32(0.0f)};
    const int64_t          whole = n - n % WIDTH;
    struct pair            squares = zero;
    if (n == 0)
        return;
    for (int64_t i = 0; i < whole; i += WIDTH) {
        const struct pair g = first_moment_pair(1, WIDTH, &fixed, gradient + i, first + i, row + i);
        squares = add_products(squares, g, g);
    }
    if (whole < n) {
        const struct pair g = first_moment_pair(0, n - whole, &fixed, gradient + whole, first + whole, row + whole);
        squares = add_products(squares, g, g);
    }
    *second = fixed.beta2 * *second + (1.0f - fixed.beta2) * (sum_of_lanes(squares) / (float)n);
    const float factor = fixed.step / (__builtin_sqrtf(*second) * fixed.second_scale + fixed.epsilon);
    squares = zero;
    for (int64_t i = 0; i < whole; i += WIDTH) {
        const struct pair e = step_pair(1, WIDTH, factor, first + i, row + i);
        squares = add_products(squares, e, e);
    }
    if (whole < n) {
        const struct pair e = step_pair(0, n - whole, factor, first + whole, row + whole);
        squares = add_products(squares, e, e);
    }
    const float length2 = sum_of_lanes(squares);
    if (fixed.to_sphere)
        atau_return_to_sphere(n, length2, scale_row, row);
}

static void widen(int64_t n, const uint16_t *x, float *y)
{
    int64_t i = 0;
    for (; i + 4 <= n; i += 4)
        vst1q_f32(y + i, vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(x + i))));
    for (; i < n; i++)
        y[i] = vgetq_lane_f32(vcvt_f32_f16(vreinterpret_f16_u16(vdup_n_u16(x[i]))), 0);
}

const struct atau_kernels atau_kernels_neon = {
    .product = product,
    .exp_tile = exp_tile,
    .exp_sum = exp_sum,
    .softplus_tile = softplus_tile,
    .max_tile = max_tile,
    .filter_tile = filter_tile,
    .dot = dot,
    .axpy = axpy,
    .scale = scale_row,
    .widen = widen,
    .gather = gather,
    .adam_row = adam_row,
    .adam_row_shared = adam_row_shared,
};
