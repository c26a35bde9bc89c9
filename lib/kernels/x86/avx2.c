/* SPDX-License-Identifier: MIT */
/* AVX2 and FMA kernels. Compiled with its own flags; runs only where the context found the CPU able. Tails go through masked
 * loads and stores, which touch nothing outside the mask; whole vectors don't, because a masked store costs some CPUs 20
 * cycles: functions that differ in nothing else take `masked` as a constant and are inlined twice. */
#include "kernels/kernels.h"
#include "kernels/sphere.h"

#include <immintrin.h>

#define WIDTH 8 /* floats in a vector                                                                          */
#define PER_LINE 16 /* floats in a line of the caches */
#define ROWS 6  /* 6 x 2 accumulators, 2 lines of B and a broadcast fit the 16 registers                       */

#define INLINE static inline __attribute__((always_inline))

/* Lanes below n. */
INLINE __m256i mask_of(int64_t n)
{
    int lanes = n < 0 ? 0 : n > WIDTH ? WIDTH : (int)n;
    return _mm256_cmpgt_epi32(_mm256_set1_epi32(lanes), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

INLINE __m256 load(const float *x, int masked, __m256i mask)
{
    return masked ? _mm256_maskload_ps(x, mask) : _mm256_loadu_ps(x);
}

INLINE void store(float *x, int masked, __m256i mask, __m256 value)
{
    if (masked)
        _mm256_maskstore_ps(x, mask, value);
    else
        _mm256_storeu_ps(x, value);
}

INLINE float add_lanes(__m256 x)
{
    __m128 half = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps(x, 1));
    half = _mm_add_ps(half, _mm_movehl_ps(half, half));
    return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

/* ---- product --------------------------------------------------------------------------------------------------- */

/* The same pointer, of which the compiler knows nothing: it then adds a stride line by line instead of holding an address for
 * each line of a block. */
INLINE float *opaque(float *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

/* Ask for `lines` lines of one cache line each: of the next block's C, and of its A as this block's own is walked through, so
 * that tiles that come from memory are there in time. Asking for what is past the end does no harm. */
INLINE void fetch_lines(int lines, const float *first, int64_t stride)
{
    for (int i = 0; i < lines; i++, first += stride)
        __builtin_prefetch(first);
}

/* rows x (vectors of 8, the last one under `last`) of C. Always inlined with constant rows, vectors and masked, so that the
 * accumulators are registers. Eight independent chains would hide the latency of an FMA; there are up to 12. */
INLINE void block(int rows, int vectors, int masked, __m256i last, int64_t k, const float *a, int64_t a_row,
                  int64_t a_column, const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    __m256 sum[ROWS][2];
    fetch_lines(rows, c + rows * c_stride, c_stride);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = _mm256_setzero_ps();
    for (int64_t left = k; left > 0;) {
        const int64_t here = left < PER_LINE ? left : PER_LINE;
        if (a_column == 1)
            fetch_lines(rows, a + rows * a_row, a_row);
        left -= here;
        for (int64_t p = 0; p < here; p++) {
            __m256 line[2];
            for (int v = 0; v < vectors; v++)
                line[v] = load(b + v * WIDTH, masked && v == vectors - 1, last);
            for (int i = 0; i < rows; i++) {
                __m256 value = _mm256_broadcast_ss(a + i * a_row);
                for (int v = 0; v < vectors; v++)
                    sum[i][v] = _mm256_fmadd_ps(value, line[v], sum[i][v]);
            }
            a += a_column;
            b += b_stride;
        }
    }
    for (int i = 0; i < rows; i++, c += c_stride) {
        c = opaque(c);
        for (int v = 0; v < vectors; v++) {
            const int here = masked && v == vectors - 1;
            store(c + v * WIDTH, here, last, accumulate ? _mm256_add_ps(load(c + v * WIDTH, here, last), sum[i][v]) : sum[i][v]);
        }
    }
}

/* All rows of a column strip of up to 16. Every block adds in the same order: a value doesn't depend on m.
 * Rows left over are one block, not several, in the same loop: outside of one GCC leaves a block's accumulators in memory. */
INLINE void strip(int vectors, int masked, __m256i last, int64_t m, int64_t k, const float *a, int64_t a_row,
                  int64_t a_column, const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (int64_t rows; m > 0; m -= rows, a += rows * a_row, c += rows * c_stride) {
        rows = m < ROWS ? m : ROWS;
        switch (rows) {
        case 1: block(1, vectors, masked, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 2: block(2, vectors, masked, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 3: block(3, vectors, masked, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 4: block(4, vectors, masked, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 5: block(5, vectors, masked, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        default: block(ROWS, vectors, masked, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        }
    }
}

static void product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                    int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (; n >= 2 * WIDTH; n -= 2 * WIDTH, b += 2 * WIDTH, c += 2 * WIDTH)
        strip(2, 0, _mm256_setzero_si256(), m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
    if (n > WIDTH)
        strip(2, 1, mask_of(n - WIDTH), m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
    else if (n > 0)
        strip(1, 1, mask_of(n), m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
}

/* ---- exponential ----------------------------------------------------------------------------------------------- */

/* −126 <= n <= 127 */
INLINE __m256 power_of_two(__m256i n)
{
    return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_add_epi32(n, _mm256_set1_epi32(127)), 23));
}

/* exp(x) = 2^n exp(r), r = x − n ln 2, n = round(x/ln 2), with ln 2 in two parts and the minimax polynomial of the Cephes
 * library's expf (Moshier) on |r| <= ln 2/2: 1.3 ulp at worst. Adding 1.5 · 2^23 rounds to a whole number, which then stands in
 * the low bits. */
INLINE __m256 exp_rest(__m256 x, __m256 n)
{
    __m256 r = _mm256_fnmadd_ps(n, _mm256_set1_ps(0.693359375f), x);
    r = _mm256_fnmadd_ps(n, _mm256_set1_ps(-2.12194440e-4f), r);
    __m256 p = _mm256_set1_ps(1.9875691500e-4f);
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.3981999507e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(8.3334519073e-3f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(4.1665795894e-2f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(1.6666665459e-1f));
    p = _mm256_fmadd_ps(p, r, _mm256_set1_ps(5.0000001201e-1f));
    return _mm256_fmadd_ps(p, _mm256_mul_ps(r, r), _mm256_add_ps(r, _mm256_set1_ps(1.0f)));
}

#define ROUNDER 12582912.0f

/* |x| <= COMMON: 2^n is added to the exponent. */
#define COMMON 87.0f
INLINE __m256 exp_common(__m256 x)
{
    __m256 shifted = _mm256_fmadd_ps(x, _mm256_set1_ps(1.44269504f), _mm256_set1_ps(ROUNDER));
    __m256 p = exp_rest(x, _mm256_sub_ps(shifted, _mm256_set1_ps(ROUNDER)));
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), _mm256_slli_epi32(_mm256_castps_si256(shifted), 23)));
}

/* Any x, and the same bits as exp_common where that is defined. 2^n comes in two factors, because alone it leaves the
 * exponent's range where the result is subnormal or infinite; only the second one rounds. The bounds on x and n keep both in range. */
INLINE __m256 exp_any(__m256 x)
{
    __m256 below = _mm256_cmp_ps(x, _mm256_set1_ps(-104.0f), _CMP_LT_OQ);
    x = _mm256_max_ps(_mm256_set1_ps(-150.0f), x); /* in this order a NaN in x stays                           */
    __m256 n = _mm256_fmadd_ps(x, _mm256_set1_ps(1.44269504f), _mm256_set1_ps(ROUNDER));
    n = _mm256_min_ps(_mm256_set1_ps(200.0f), _mm256_sub_ps(n, _mm256_set1_ps(ROUNDER)));
    __m256  p = exp_rest(x, n);
    __m256i whole = _mm256_cvtps_epi32(n), half = _mm256_srai_epi32(whole, 1);
    p = _mm256_mul_ps(_mm256_mul_ps(p, power_of_two(half)), power_of_two(_mm256_sub_epi32(whole, half)));
    return _mm256_andnot_ps(below, p);
}

/* Whether all of both vectors are within ±COMMON: as whole numbers, infinity and NaN are the largest. */
INLINE int are_common(__m256 x0, __m256 x1)
{
    const __m256i size = _mm256_set1_epi32(0x7FFFFFFF), most = _mm256_castps_si256(_mm256_set1_ps(COMMON));
    __m256i       larger = _mm256_max_epi32(_mm256_and_si256(_mm256_castps_si256(x0), size),
                                            _mm256_and_si256(_mm256_castps_si256(x1), size));
    return _mm256_testz_si256(_mm256_cmpgt_epi32(larger, most), _mm256_set1_epi32(-1));
}

/* Whether one of these is not within ±ATAU_WIDE. */
INLINE int any_wide(int64_t n, const float *x)
{
    int wide = 0;
    for (int64_t i = 0; i < n; i++)
        wide |= __builtin_fabsf(x[i]) >= ATAU_WIDE;
    return wide;
}

INLINE __m256 are_wide(__m256 x)
{
    return _mm256_cmp_ps(_mm256_andnot_ps(_mm256_set1_ps(-0.0f), x), _mm256_set1_ps(ATAU_WIDE), _CMP_GE_OQ);
}

/* The exponents of a vector. `wide` is a constant: some shift or log_q is. */
INLINE __m256 exponents(int wide, __m256 score, __m256 scale, __m256 shift, __m256 q)
{
    __m256 x = _mm256_fmsub_ps(score, scale, _mm256_add_ps(shift, q));
    if (!wide)
        return x;
    return _mm256_blendv_ps(x, _mm256_sub_ps(_mm256_fmsub_ps(score, scale, q), shift),
                            _mm256_or_ps(are_wide(shift), are_wide(q)));
}

/* Two vectors of columns, all lines: the exponentials of a column go to `cell` when `keep`, their sum to sum. */
INLINE void exp_strip(int keep, int masked, int wide, int64_t columns, int64_t lines, float *cell, int64_t stride,
                      const float *scale, const float *shift, const float *log_q, float *sum)
{
    __m256i m0 = mask_of(columns), m1 = mask_of(columns - WIDTH);
    __m256  a0 = load(scale, masked, m0), a1 = load(scale + WIDTH, masked, m1);
    __m256  b0 = load(shift, masked, m0), b1 = load(shift + WIDTH, masked, m1);
    __m256  s0 = load(sum, masked, m0), s1 = load(sum + WIDTH, masked, m1);
    for (int64_t j = 0; j < lines; j++, cell += stride) {
        __m256 q = log_q ? _mm256_broadcast_ss(log_q + j) : _mm256_setzero_ps();
        __m256 x0 = exponents(wide, load(cell, masked, m0), a0, b0, q);
        __m256 x1 = exponents(wide, load(cell + WIDTH, masked, m1), a1, b1, q);
        if (__builtin_expect(are_common(x0, x1), 1)) {
            x0 = exp_common(x0);
            x1 = exp_common(x1);
        } else {
            x0 = exp_any(x0);
            x1 = exp_any(x1);
        }
        s0 = _mm256_add_ps(s0, x0);
        s1 = _mm256_add_ps(s1, x1);
        if (keep) {
            store(cell, masked, m0, x0);
            store(cell + WIDTH, masked, m1, x1);
        }
    }
    store(sum, masked, m0, s0);
    store(sum + WIDTH, masked, m1, s1);
}

/* All columns. `keep` is a constant. Wide ones are rare: they go through one strip, which takes any number of columns. */
INLINE void exp_strips(int keep, int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale,
                       const float *shift, const float *log_q, float *sum)
{
    int64_t r = 0;
    if (__builtin_expect(any_wide(columns, shift) || (log_q && any_wide(lines, log_q)), 0)) {
        for (; r < columns; r += 2 * WIDTH)
            exp_strip(keep, 1, 1, columns - r, lines, t + r, stride, scale + r, shift + r, log_q, sum + r);
        return;
    }
    for (; r + 2 * WIDTH <= columns; r += 2 * WIDTH)
        exp_strip(keep, 0, 0, 2 * WIDTH, lines, t + r, stride, scale + r, shift + r, log_q, sum + r);
    if (r < columns)
        exp_strip(keep, 1, 0, columns - r, lines, t + r, stride, scale + r, shift + r, log_q, sum + r);
}

static void exp_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum)
{
    exp_strips(1, lines, columns, t, stride, scale, shift, log_q, sum);
}

static void exp_sum(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                    const float *shift, const float *log_q, float *sum)
{
    float *cells = (float *)(uintptr_t)t; /* read only: nothing is kept                                         */
    exp_strips(0, lines, columns, cells, stride, scale, shift, log_q, sum);
}

/* σ(x) = 1/(1 + e^−x); *softplus = log(1 + e^x) = max(x, 0) + log(1 + e), e = e^−|x|, where log(1 + e) = 2 artanh(e/(2 + e)):
 * the argument is at most 1/3, and seven terms of the series are enough for a float. */
INLINE __m256 sigmoid_vector(__m256 x, __m256 *softplus)
{
    const __m256 one = _mm256_set1_ps(1.0f);
    __m256       e = exp_any(_mm256_or_ps(x, _mm256_set1_ps(-0.0f)));
    __m256       above = _mm256_cmp_ps(x, _mm256_setzero_ps(), _CMP_GT_OQ);
    __m256       s = _mm256_div_ps(e, _mm256_add_ps(e, _mm256_set1_ps(2.0f))), z = _mm256_mul_ps(s, s);
    __m256       p = _mm256_set1_ps(1.0f / 13.0f);
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(1.0f / 11.0f));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(1.0f / 9.0f));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(1.0f / 7.0f));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(1.0f / 5.0f));
    p = _mm256_fmadd_ps(p, z, _mm256_set1_ps(1.0f / 3.0f));
    p = _mm256_fmadd_ps(p, z, one);
    *softplus = _mm256_fmadd_ps(_mm256_add_ps(s, s), p, _mm256_and_ps(above, x));
    return _mm256_div_ps(_mm256_blendv_ps(e, one, above), _mm256_add_ps(one, e));
}

/* A vector of columns, all lines. */
INLINE void softplus_strip(int masked, int64_t columns, int64_t lines, float *cell, int64_t stride, const float *scale,
                           const float *shift, float *sum)
{
    __m256i mask = mask_of(columns);
    __m256  factor = load(scale, masked, mask), less = load(shift, masked, mask), total = load(sum, masked, mask), softplus;
    for (int64_t j = 0; j < lines; j++, cell += stride) {
        __m256 sigmoid = sigmoid_vector(_mm256_fmsub_ps(load(cell, masked, mask), factor, less), &softplus);
        total = _mm256_add_ps(total, softplus);
        store(cell, masked, mask, sigmoid);
    }
    store(sum, masked, mask, total);
}

static void softplus_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                          float *sum)
{
    int64_t r = 0;
    for (; r + WIDTH <= columns; r += WIDTH)
        softplus_strip(0, WIDTH, lines, t + r, stride, scale + r, shift + r, sum + r);
    if (r < columns)
        softplus_strip(1, columns - r, lines, t + r, stride, scale + r, shift + r, sum + r);
}

/* ---- maximum and filter ---------------------------------------------------------------------------------------- */

INLINE void max_strip(int masked, int64_t columns, int64_t lines, const float *cell, int64_t stride, const float *scale,
                      const float *log_q, float *maximum)
{
    __m256i mask = mask_of(columns);
    __m256  factor = load(scale, masked, mask);
    __m256  best = load(maximum, masked, mask);
    for (int64_t j = 0; j < lines; j++, cell += stride) {
        __m256 q = log_q ? _mm256_broadcast_ss(log_q + j) : _mm256_setzero_ps();
        __m256 logit = _mm256_fmsub_ps(load(cell, masked, mask), factor, q);
        best = _mm256_max_ps(logit, best); /* in this order a NaN logit is passed over                          */
    }
    store(maximum, masked, mask, best);
}

static void max_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                     const float *log_q, float *maximum)
{
    int64_t r = 0;
    for (; r + WIDTH <= columns; r += WIDTH)
        max_strip(0, WIDTH, lines, t + r, stride, scale + r, log_q, maximum + r);
    if (r < columns)
        max_strip(1, columns - r, lines, t + r, stride, scale + r, log_q, maximum + r);
}

/* Append the lanes of t above the threshold; `position` is that of the first lane. */
INLINE int64_t filter_vector(__m256 t, __m256 threshold, uint32_t position, uint32_t *hits, int64_t n)
{
    unsigned above = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(t, threshold, _CMP_GT_OQ));
    for (; above; above &= above - 1)
        hits[n++] = position + (uint32_t)__builtin_ctz(above);
    return n;
}

static int64_t filter_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *threshold,
                           uint32_t *hits)
{
    int64_t n = 0, whole = columns - columns % WIDTH;
    __m256i tail = mask_of(columns - whole); /* both sides 0 outside it, and 0 > 0 is false                     */
    for (int64_t j = 0; j < lines; j++, t += stride) {
        uint32_t line = (uint32_t)j << 16;
        for (int64_t r = 0; r < whole; r += WIDTH)
            n = filter_vector(_mm256_loadu_ps(t + r), _mm256_loadu_ps(threshold + r), line | (uint32_t)r, hits, n);
        if (whole < columns)
            n = filter_vector(_mm256_maskload_ps(t + whole, tail), _mm256_maskload_ps(threshold + whole, tail),
                              line | (uint32_t)whole, hits, n);
    }
    return n;
}

/* ---- gather ---------------------------------------------------------------------------------------------------- */

#define FETCH_AHEAD 20 /* ids; from the second level cache on, twice as fast as without                       */

/* vectors of 8 columns, the last one under `last`. Always inlined with constant vectors and masked: the sums are registers. */
INLINE void gather_columns(int vectors, int masked, __m256i last, const struct atau_gather *from, int64_t first, int64_t n,
                           int64_t n_ahead, const int32_t *ids, float left, float base_scale, const float *base, float *out)
{
    const float *x = from->x + first;
    __m256       sum[8];
    for (int v = 0; v < vectors; v++)
        sum[v] = _mm256_setzero_ps();
    for (int64_t e = 0; e < n; e++) {
        const float *row = x + ids[e] * from->stride;
        const float *next = x + ids[e + FETCH_AHEAD < n_ahead ? e + FETCH_AHEAD : e] * from->stride;
        __m256       weight = _mm256_set1_ps(from->weights ? from->weights[ids[e]] : 1.0f);
        for (int v = 0; v < vectors; v += 2)
            __builtin_prefetch(next + v * WIDTH);
        for (int v = 0; v < vectors; v++)
            sum[v] = _mm256_fmadd_ps(weight, load(row + v * WIDTH, masked && v == vectors - 1, last), sum[v]);
    }
    for (int v = 0; v < vectors; v++) {
        __m256 value = _mm256_mul_ps(_mm256_set1_ps(left), sum[v]);
        if (base)
            value = _mm256_fmadd_ps(_mm256_set1_ps(base_scale),
                                    load(base + first + v * WIDTH, masked && v == vectors - 1, last), value);
        store(out + first + v * WIDTH, masked && v == vectors - 1, last, value);
    }
}

static void gather(const struct atau_gather *from, int64_t n, int64_t n_ahead, const int32_t *ids, float left,
                   float base_scale, const float *base, float *out)
{
    const __m256i all = _mm256_setzero_si256();
    int64_t       first = 0;
    for (; from->dim - first >= 8 * WIDTH; first += 8 * WIDTH)
        gather_columns(8, 0, all, from, first, n, n_ahead, ids, left, base_scale, base, out);
    for (; from->dim - first >= 2 * WIDTH; first += 2 * WIDTH)
        gather_columns(2, 0, all, from, first, n, n_ahead, ids, left, base_scale, base, out);
    if (from->dim - first > WIDTH)
        gather_columns(2, 1, mask_of(from->dim - first - WIDTH), from, first, n, n_ahead, ids, left, base_scale, base, out);
    else if (from->dim > first)
        gather_columns(1, 1, mask_of(from->dim - first), from, first, n, n_ahead, ids, left, base_scale, base, out);
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static float dot(int64_t n, const float *x, const float *y)
{
    __m256  s0 = _mm256_setzero_ps(), s1 = _mm256_setzero_ps(), s2 = _mm256_setzero_ps(), s3 = _mm256_setzero_ps();
    int64_t i = 0;
    for (; i + 4 * WIDTH <= n; i += 4 * WIDTH) {
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i), s0);
        s1 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + WIDTH), _mm256_loadu_ps(y + i + WIDTH), s1);
        s2 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 2 * WIDTH), _mm256_loadu_ps(y + i + 2 * WIDTH), s2);
        s3 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i + 3 * WIDTH), _mm256_loadu_ps(y + i + 3 * WIDTH), s3);
    }
    for (; i + WIDTH <= n; i += WIDTH)
        s0 = _mm256_fmadd_ps(_mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i), s0);
    if (i < n) {
        __m256i mask = mask_of(n - i);
        s1 = _mm256_fmadd_ps(_mm256_maskload_ps(x + i, mask), _mm256_maskload_ps(y + i, mask), s1);
    }
    return add_lanes(_mm256_add_ps(_mm256_add_ps(s0, s1), _mm256_add_ps(s2, s3)));
}

static void axpy(int64_t n, float alpha, const float *x, float *y)
{
    __m256  factor = _mm256_set1_ps(alpha);
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        _mm256_storeu_ps(y + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(x + i), _mm256_loadu_ps(y + i)));
    if (i < n) {
        __m256i mask = mask_of(n - i);
        _mm256_maskstore_ps(y + i, mask,
                            _mm256_fmadd_ps(factor, _mm256_maskload_ps(x + i, mask), _mm256_maskload_ps(y + i, mask)));
    }
}

static void scale_row(int64_t n, float alpha, const float *x, float *y)
{
    __m256  factor = _mm256_set1_ps(alpha);
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        _mm256_storeu_ps(y + i, _mm256_mul_ps(factor, _mm256_loadu_ps(x + i)));
    if (i < n) {
        __m256i mask = mask_of(n - i);
        _mm256_maskstore_ps(y + i, mask, _mm256_mul_ps(factor, _mm256_maskload_ps(x + i, mask)));
    }
}

/* One vector of adam_row; returns the new weights, 0 outside the mask (where 0/epsilon may be NaN). */
INLINE __m256 adam_vector(int masked, __m256i mask, const struct atau_adam *adam, const float *gradient, float *first,
                          float *second, float *row)
{
    __m256 e = load(row, masked, mask);
    __m256 g = _mm256_fmadd_ps(_mm256_set1_ps(adam->decay), e, load(gradient, masked, mask));
    __m256 m = _mm256_fmadd_ps(_mm256_set1_ps(adam->beta1), load(first, masked, mask),
                               _mm256_mul_ps(_mm256_set1_ps(1.0f - adam->beta1), g));
    __m256 v = _mm256_fmadd_ps(_mm256_set1_ps(adam->beta2), load(second, masked, mask),
                               _mm256_mul_ps(_mm256_mul_ps(_mm256_set1_ps(1.0f - adam->beta2), g), g));
    __m256 root = _mm256_fmadd_ps(_mm256_sqrt_ps(v), _mm256_set1_ps(adam->second_scale), _mm256_set1_ps(adam->epsilon));
    e = _mm256_sub_ps(e, _mm256_div_ps(_mm256_mul_ps(_mm256_set1_ps(adam->step), m), root));
    store(first, masked, mask, m);
    store(second, masked, mask, v);
    store(row, masked, mask, e);
    return masked ? _mm256_and_ps(e, _mm256_castsi256_ps(mask)) : e;
}

static void adam_row(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                     float *row)
{
    struct atau_adam fixed = *adam; /* stores to the rows cannot change it, so that its members stay in registers  */
    __m256           squares = _mm256_setzero_ps();
    int64_t          i = 0;
    for (; i + WIDTH <= n; i += WIDTH) {
        __m256 e = adam_vector(0, _mm256_setzero_si256(), &fixed, gradient + i, first + i, second + i, row + i);
        squares = _mm256_fmadd_ps(e, e, squares);
    }
    if (i < n) {
        __m256 e = adam_vector(1, mask_of(n - i), &fixed, gradient + i, first + i, second + i, row + i);
        squares = _mm256_fmadd_ps(e, e, squares);
    }
    float length2 = add_lanes(squares);
    if (adam->to_sphere)
        atau_return_to_sphere(n, length2, scale_row, row);
}

/* One vector of the first pass of adam_row_shared; returns its gradients, 0 outside the mask. */
INLINE __m256 first_moment_vector(int masked, __m256i mask, const struct atau_adam *adam, const float *gradient,
                                  float *first, const float *row)
{
    __m256 g = _mm256_fmadd_ps(_mm256_set1_ps(adam->decay), load(row, masked, mask), load(gradient, masked, mask));
    __m256 m = _mm256_fmadd_ps(_mm256_set1_ps(adam->beta1), load(first, masked, mask),
                               _mm256_mul_ps(_mm256_set1_ps(1.0f - adam->beta1), g));
    store(first, masked, mask, m);
    return g;
}

/* One vector of the second pass; returns the new weights, 0 outside the mask. */
INLINE __m256 step_vector(int masked, __m256i mask, __m256 factor, const float *first, float *row)
{
    __m256 e = _mm256_fnmadd_ps(factor, load(first, masked, mask), load(row, masked, mask));
    store(row, masked, mask, e);
    return e;
}

static void adam_row_shared(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                            float *row)
{
    struct atau_adam fixed = *adam; /* as in adam_row                                                            */
    __m256           squares = _mm256_setzero_ps();
    __m256i          tail = mask_of(n % WIDTH);
    int64_t          whole = n - n % WIDTH;
    if (n == 0)
        return;
    for (int64_t i = 0; i < whole; i += WIDTH) {
        __m256 g = first_moment_vector(0, tail, &fixed, gradient + i, first + i, row + i);
        squares = _mm256_fmadd_ps(g, g, squares);
    }
    if (whole < n) {
        __m256 g = first_moment_vector(1, tail, &fixed, gradient + whole, first + whole, row + whole);
        squares = _mm256_fmadd_ps(g, g, squares);
    }
    *second = fixed.beta2 * *second + (1.0f - fixed.beta2) * (add_lanes(squares) / (float)n);
    __m256 factor = _mm256_set1_ps(fixed.step / (__builtin_sqrtf(*second) * fixed.second_scale + fixed.epsilon));
    squares = _mm256_setzero_ps();
    for (int64_t i = 0; i < whole; i += WIDTH) {
        __m256 e = step_vector(0, tail, factor, first + i, row + i);
        squares = _mm256_fmadd_ps(e, e, squares);
    }
    if (whole < n) {
        __m256 e = step_vector(1, tail, factor, first + whole, row + whole);
        squares = _mm256_fmadd_ps(e, e, squares);
    }
    float length2 = add_lanes(squares);
    if (fixed.to_sphere)
        atau_return_to_sphere(n, length2, scale_row, row);
}

/* By integers, as atau_half_widen does it: the instructions of F16C are a CPU feature of their own. */
static __m256 widen_vector(__m256i halves)
{
    const __m256i magnitude = _mm256_and_si256(halves, _mm256_set1_epi32(0x7FFF));
    const __m256i sign = _mm256_slli_epi32(_mm256_xor_si256(halves, magnitude), 16);
    const __m256i is_large = _mm256_cmpgt_epi32(magnitude, _mm256_set1_epi32(0x7BFF)); /* infinity, NaN             */
    const __m256i is_small = _mm256_cmpgt_epi32(_mm256_set1_epi32(0x400), magnitude);
    const __m256i bias = _mm256_add_epi32(_mm256_set1_epi32(112 << 23), _mm256_and_si256(is_large, _mm256_set1_epi32(112 << 23)));
    const __m256i normal = _mm256_add_epi32(_mm256_slli_epi32(magnitude, 13), bias);
    const __m256  small = _mm256_mul_ps(_mm256_cvtepi32_ps(magnitude), _mm256_set1_ps(0x1p-24f));
    const __m256  value = _mm256_blendv_ps(_mm256_castsi256_ps(normal), small, _mm256_castsi256_ps(is_small));
    return _mm256_or_ps(value, _mm256_castsi256_ps(sign));
}

static void widen(int64_t n, const uint16_t *x, float *y)
{
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        _mm256_storeu_ps(y + i, widen_vector(_mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(x + i)))));
    for (; i < n; i++) {
        const __m256 one = widen_vector(_mm256_set1_epi32(x[i]));
        y[i] = _mm256_cvtss_f32(one);
    }
}

const struct atau_kernels atau_kernels_avx2 = {
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
