/* SPDX-License-Identifier: MIT */
/* AVX-512 kernels (F, BW, DQ, VL). Compiled with its own flags; runs only where the context found the CPU able. */
#include "kernels/kernels.h"
#include "kernels/sphere.h"
#include "kernels/x86/avx512.h"

/* ---- product --------------------------------------------------------------------------------------------------- */

/* rows x (vectors of 16, the last one under `last`) of C. Always inlined with constant rows and vectors, so that the
 * accumulators are registers. Eight independent chains would hide the latency of an FMA; there are up to 24. */
INLINE void block(int rows, int vectors, __mmask16 last, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                  const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    __m512 sum[ROWS][4];
    fetch_lines(rows, vectors, c, 4 * c_stride, 1);
    if (a_column == 1)
        fetch_lines(rows, 4, a + rows * a_row, 4 * a_row, 0);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = _mm512_setzero_ps();
    for (int64_t p = 0; p < k; p++) {
        __m512 line[4];
        for (int v = 0; v < vectors; v++)
            line[v] = load(v == vectors - 1 ? last : (__mmask16)0xFFFF, b + v * WIDTH);
        for (int i = 0; i < rows; i++) {
            __m512 value = _mm512_set1_ps(a[i * a_row]);
            for (int v = 0; v < vectors; v++)
                sum[i][v] = _mm512_fmadd_ps(value, line[v], sum[i][v]);
        }
        a += a_column;
        b += b_stride;
    }
    for (int i = 0; i < rows; i++, c += c_stride) {
        c = opaque(c);
        for (int v = 0; v < vectors; v++) {
            __mmask16 mask = v == vectors - 1 ? last : (__mmask16)0xFFFF;
            store(mask, c + v * WIDTH, accumulate ? _mm512_add_ps(load(mask, c + v * WIDTH), sum[i][v]) : sum[i][v]);
        }
    }
}

/* All rows of a column strip of up to 64. Every block adds in the same order: a value doesn't depend on m.
 * Rows left over are one block, not several, in the same loop: outside of one GCC leaves a block's accumulators in memory. */
INLINE void strip(int vectors, __mmask16 last, int64_t m, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                  const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (int64_t rows; m > 0; m -= rows, a += rows * a_row, c += rows * c_stride) {
        rows = m < ROWS ? m : ROWS;
        switch (rows) {
        case 1: block(1, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 2: block(2, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 3: block(3, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 4: block(4, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 5: block(5, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        default: block(ROWS, vectors, last, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        }
    }
}

static void product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                    int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (; n >= 4 * WIDTH; n -= 4 * WIDTH, b += 4 * WIDTH, c += 4 * WIDTH)
        strip(4, 0xFFFF, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
    if (n == 0)
        return;
    int       vectors = (int)((n + WIDTH - 1) / WIDTH);
    __mmask16 last = mask_of(n - (vectors - 1) * WIDTH);
    switch (vectors) {
    case 1: strip(1, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 2: strip(2, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 3: strip(3, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    default: strip(4, last, m, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    }
}

/* ---- exponential ----------------------------------------------------------------------------------------------- */

INLINE void exp_cells(int wide, int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale,
                      const float *shift, const float *log_q, float *sum)
{
    for (int64_t r = 0; r < columns; r += 2 * WIDTH) {
        __mmask16 m0 = mask_of(columns - r), m1 = columns - r > WIDTH ? mask_of(columns - r - WIDTH) : 0;
        __m512    a0 = _mm512_maskz_loadu_ps(m0, scale + r), a1 = _mm512_maskz_loadu_ps(m1, scale + r + WIDTH);
        __m512    b0 = _mm512_maskz_loadu_ps(m0, shift + r), b1 = _mm512_maskz_loadu_ps(m1, shift + r + WIDTH);
        __m512    s0 = _mm512_setzero_ps(), s1 = _mm512_setzero_ps();
        float    *cell = t + r;
        for (int64_t j = 0; j < lines; j++, cell += stride) {
            __m512 q = log_q ? _mm512_set1_ps(log_q[j]) : _mm512_setzero_ps();
            __m512 x0 = exponents(wide, _mm512_maskz_loadu_ps(m0, cell), a0, b0, q);
            __m512 x1 = exponents(wide, _mm512_maskz_loadu_ps(m1, cell + WIDTH), a1, b1, q);
            x0 = exp_vector(x0);
            x1 = exp_vector(x1);
            s0 = _mm512_add_ps(s0, x0);
            s1 = _mm512_add_ps(s1, x1);
            _mm512_mask_storeu_ps(cell, m0, x0);
            _mm512_mask_storeu_ps(cell + WIDTH, m1, x1);
        }
        _mm512_mask_storeu_ps(sum + r, m0, _mm512_add_ps(s0, _mm512_maskz_loadu_ps(m0, sum + r)));
        _mm512_mask_storeu_ps(sum + r + WIDTH, m1, _mm512_add_ps(s1, _mm512_maskz_loadu_ps(m1, sum + r + WIDTH)));
    }
}

static void exp_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum)
{
    if (__builtin_expect(any_wide(columns, shift) || (log_q && any_wide(lines, log_q)), 0))
        exp_cells(1, lines, columns, t, stride, scale, shift, log_q, sum);
    else
        exp_cells(0, lines, columns, t, stride, scale, shift, log_q, sum);
}

INLINE void sum_cells(int wide, int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                      const float *shift, const float *log_q, float *sum)
{
    for (int64_t r = 0; r < columns; r += 2 * WIDTH) {
        __mmask16    m0 = mask_of(columns - r), m1 = columns - r > WIDTH ? mask_of(columns - r - WIDTH) : 0;
        __m512       a0 = _mm512_maskz_loadu_ps(m0, scale + r), a1 = _mm512_maskz_loadu_ps(m1, scale + r + WIDTH);
        __m512       b0 = _mm512_maskz_loadu_ps(m0, shift + r), b1 = _mm512_maskz_loadu_ps(m1, shift + r + WIDTH);
        __m512       s0 = _mm512_maskz_loadu_ps(m0, sum + r), s1 = _mm512_maskz_loadu_ps(m1, sum + r + WIDTH);
        const float *cell = t + r;
        for (int64_t j = 0; j < lines; j++, cell += stride) {
            __m512 q = log_q ? _mm512_set1_ps(log_q[j]) : _mm512_setzero_ps();
            __m512 x0 = exponents(wide, _mm512_maskz_loadu_ps(m0, cell), a0, b0, q);
            __m512 x1 = exponents(wide, _mm512_maskz_loadu_ps(m1, cell + WIDTH), a1, b1, q);
            s0 = _mm512_add_ps(s0, exp_vector(x0));
            s1 = _mm512_add_ps(s1, exp_vector(x1));
        }
        _mm512_mask_storeu_ps(sum + r, m0, s0);
        _mm512_mask_storeu_ps(sum + r + WIDTH, m1, s1);
    }
}

static void exp_sum(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                    const float *shift, const float *log_q, float *sum)
{
    if (__builtin_expect(any_wide(columns, shift) || (log_q && any_wide(lines, log_q)), 0))
        sum_cells(1, lines, columns, t, stride, scale, shift, log_q, sum);
    else
        sum_cells(0, lines, columns, t, stride, scale, shift, log_q, sum);
}

/* σ(x) = 1/(1 + e^−x); *softplus = log(1 + e^x) = max(x, 0) + log(1 + e), e = e^−|x|, where log(1 + e) = 2 artanh(e/(2 + e)):
 * the argument is at most 1/3, and seven terms of the series are enough for a float. */
INLINE __m512 sigmoid_vector(__m512 x, __m512 *softplus)
{
    const __m512 one = _mm512_set1_ps(1.0f);
    __m512       e = exp_vector(_mm512_sub_ps(_mm512_setzero_ps(), _mm512_abs_ps(x)));
    __mmask16    above = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
    __m512       s = _mm512_div_ps(e, _mm512_add_ps(e, _mm512_set1_ps(2.0f))), z = _mm512_mul_ps(s, s);
    __m512       p = _mm512_set1_ps(1.0f / 13.0f);
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(1.0f / 11.0f));
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(1.0f / 9.0f));
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(1.0f / 7.0f));
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(1.0f / 5.0f));
    p = _mm512_fmadd_ps(p, z, _mm512_set1_ps(1.0f / 3.0f));
    p = _mm512_fmadd_ps(p, z, one);
    *softplus = _mm512_fmadd_ps(_mm512_add_ps(s, s), p, _mm512_maskz_mov_ps(above, x));
    return _mm512_div_ps(_mm512_mask_mov_ps(e, above, one), _mm512_add_ps(one, e));
}

static void softplus_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                          float *sum)
{
    for (int64_t r = 0; r < columns; r += WIDTH) {
        __mmask16 mask = mask_of(columns - r);
        __m512    factor = _mm512_maskz_loadu_ps(mask, scale + r), less = _mm512_maskz_loadu_ps(mask, shift + r);
        __m512    total = _mm512_maskz_loadu_ps(mask, sum + r), softplus;
        float    *cell = t + r;
        for (int64_t j = 0; j < lines; j++, cell += stride) {
            __m512 sigmoid = sigmoid_vector(_mm512_fmsub_ps(_mm512_maskz_loadu_ps(mask, cell), factor, less), &softplus);
            total = _mm512_add_ps(total, softplus);
            _mm512_mask_storeu_ps(cell, mask, sigmoid);
        }
        _mm512_mask_storeu_ps(sum + r, mask, total);
    }
}

/* ---- maximum and filter ---------------------------------------------------------------------------------------- */

static void max_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                     const float *log_q, float *maximum)
{
    for (int64_t r = 0; r < columns; r += WIDTH) {
        __mmask16 mask = mask_of(columns - r);
        __m512    factor = _mm512_maskz_loadu_ps(mask, scale + r);
        __m512    best = _mm512_maskz_loadu_ps(mask, maximum + r);
        for (int64_t j = 0; j < lines; j++) {
            __m512 q = log_q ? _mm512_set1_ps(log_q[j]) : _mm512_setzero_ps();
            __m512 logit = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(mask, t + j * stride + r), factor, q);
            best = _mm512_max_ps(logit, best); /* in this order a NaN logit is passed over                     */
        }
        _mm512_mask_storeu_ps(maximum + r, mask, best);
    }
}

static int64_t filter_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *threshold,
                           uint32_t *hits)
{
    int64_t n = 0;
    for (int64_t j = 0; j < lines; j++)
        for (int64_t r = 0; r < columns; r += WIDTH) {
            __mmask16 mask = mask_of(columns - r);
            unsigned  above = _mm512_mask_cmp_ps_mask(mask, _mm512_maskz_loadu_ps(mask, t + j * stride + r),
                                                      _mm512_maskz_loadu_ps(mask, threshold + r), _CMP_GT_OQ);
            for (; above; above &= above - 1)
                hits[n++] = (uint32_t)j << 16 | ((uint32_t)r + (uint32_t)__builtin_ctz(above));
        }
    return n;
}

/* ---- gather ---------------------------------------------------------------------------------------------------- */

#define FETCH_AHEAD 20 /* ids; from the second level cache on, twice as fast as without                       */

/* vectors of 16 columns, the last one under `last`. Always inlined with constant vectors: the sums are registers. */
static inline __attribute__((always_inline)) void gather_columns(int vectors, __mmask16 last, const struct atau_gather *from,
                                                                 int64_t first, int64_t n, int64_t n_ahead,
                                                                 const int32_t *ids, float left, float base_scale,
                                                                 const float *base, float *out)
{
    const float *x = from->x + first;
    __m512       sum[8];
    for (int v = 0; v < vectors; v++)
        sum[v] = _mm512_setzero_ps();
    for (int64_t e = 0; e < n; e++) {
        const float *row = x + ids[e] * from->stride;
        const float *next = x + ids[e + FETCH_AHEAD < n_ahead ? e + FETCH_AHEAD : e] * from->stride;
        __m512       weight = _mm512_set1_ps(from->weights ? from->weights[ids[e]] : 1.0f);
        for (int v = 0; v < vectors; v++)
            __builtin_prefetch(next + v * WIDTH);
        for (int v = 0; v < vectors; v++)
            sum[v] = _mm512_fmadd_ps(
                weight, _mm512_maskz_loadu_ps(v == vectors - 1 ? last : (__mmask16)0xFFFF, row + v * WIDTH), sum[v]);
    }
    for (int v = 0; v < vectors; v++) {
        __mmask16 mask = v == vectors - 1 ? last : (__mmask16)0xFFFF;
        __m512    value = _mm512_mul_ps(_mm512_set1_ps(left), sum[v]);
        if (base)
            value = _mm512_fmadd_ps(_mm512_set1_ps(base_scale), _mm512_maskz_loadu_ps(mask, base + first + v * WIDTH), value);
        _mm512_mask_storeu_ps(out + first + v * WIDTH, mask, value);
    }
}

static void gather(const struct atau_gather *from, int64_t n, int64_t n_ahead, const int32_t *ids, float left,
                   float base_scale, const float *base, float *out)
{
    int64_t first = 0;
    for (; from->dim - first >= 4 * WIDTH; first += 4 * WIDTH)
        gather_columns(4, 0xFFFF, from, first, n, n_ahead, ids, left, base_scale, base, out);
    __mmask16 last = mask_of((from->dim - first - 1) % WIDTH + 1);
    switch ((from->dim - first + WIDTH - 1) / WIDTH) {
    case 4: gather_columns(4, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    case 3: gather_columns(3, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    case 2: gather_columns(2, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    case 1: gather_columns(1, last, from, first, n, n_ahead, ids, left, base_scale, base, out); break;
    default: break;
    }
}

/* ---- rows ------------------------------------------------------------------------------------------------------ */

static float dot(int64_t n, const float *x, const float *y)
{
    __m512 s0 = _mm512_setzero_ps(), s1 = _mm512_setzero_ps();
    for (; n >= 2 * WIDTH; n -= 2 * WIDTH, x += 2 * WIDTH, y += 2 * WIDTH) {
        s0 = _mm512_fmadd_ps(_mm512_loadu_ps(x), _mm512_loadu_ps(y), s0);
        s1 = _mm512_fmadd_ps(_mm512_loadu_ps(x + WIDTH), _mm512_loadu_ps(y + WIDTH), s1);
    }
    for (; n > 0; n -= WIDTH, x += WIDTH, y += WIDTH) {
        __mmask16 mask = mask_of(n);
        s0 = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, x), _mm512_maskz_loadu_ps(mask, y), s0);
    }
    return _mm512_reduce_add_ps(_mm512_add_ps(s0, s1));
}

static void axpy(int64_t n, float alpha, const float *x, float *y)
{
    __m512 factor = _mm512_set1_ps(alpha);
    for (; n > 0; n -= WIDTH, x += WIDTH, y += WIDTH) {
        __mmask16 mask = mask_of(n);
        _mm512_mask_storeu_ps(y, mask,
                              _mm512_fmadd_ps(factor, _mm512_maskz_loadu_ps(mask, x), _mm512_maskz_loadu_ps(mask, y)));
    }
}

static void scale_row(int64_t n, float alpha, const float *x, float *y)
{
    __m512 factor = _mm512_set1_ps(alpha);
    for (; n > 0; n -= WIDTH, x += WIDTH, y += WIDTH) {
        __mmask16 mask = mask_of(n);
        _mm512_mask_storeu_ps(y, mask, _mm512_mul_ps(factor, _mm512_maskz_loadu_ps(mask, x)));
    }
}

static void adam_row(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                     float *row)
{
    const __m512 beta1 = _mm512_set1_ps(adam->beta1), rest1 = _mm512_set1_ps(1.0f - adam->beta1);
    const __m512 beta2 = _mm512_set1_ps(adam->beta2), rest2 = _mm512_set1_ps(1.0f - adam->beta2);
    const __m512 step = _mm512_set1_ps(adam->step), second_scale = _mm512_set1_ps(adam->second_scale);
    const __m512 epsilon = _mm512_set1_ps(adam->epsilon), decay = _mm512_set1_ps(adam->decay);
    __m512       squares = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += WIDTH) {
        __mmask16 mask = mask_of(n - i);
        __m512    e = _mm512_maskz_loadu_ps(mask, row + i);
        __m512    g = _mm512_fmadd_ps(decay, e, _mm512_maskz_loadu_ps(mask, gradient + i));
        __m512    m = _mm512_fmadd_ps(beta1, _mm512_maskz_loadu_ps(mask, first + i), _mm512_mul_ps(rest1, g));
        __m512    v = _mm512_fmadd_ps(beta2, _mm512_maskz_loadu_ps(mask, second + i),
                                      _mm512_mul_ps(_mm512_mul_ps(rest2, g), g));
        __m512    root = _mm512_fmadd_ps(_mm512_sqrt_ps(v), second_scale, epsilon);
        e = _mm512_mask_sub_ps(e, mask, e, _mm512_div_ps(_mm512_mul_ps(step, m), root));
        squares = _mm512_fmadd_ps(e, e, squares);
        _mm512_mask_storeu_ps(first + i, mask, m);
        _mm512_mask_storeu_ps(second + i, mask, v);
        _mm512_mask_storeu_ps(row + i, mask, e);
    }
    float length2 = _mm512_reduce_add_ps(squares);
    if (adam->to_sphere)
        atau_return_to_sphere(n, length2, scale_row, row);
}

static void adam_row_shared(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                            float *row)
{
    const __m512 beta1 = _mm512_set1_ps(adam->beta1), rest1 = _mm512_set1_ps(1.0f - adam->beta1);
    const __m512 decay = _mm512_set1_ps(adam->decay);
    __m512       squares = _mm512_setzero_ps();
    if (n == 0)
        return;
    for (int64_t i = 0; i < n; i += WIDTH) {
        __mmask16 mask = mask_of(n - i);
        __m512    g = _mm512_fmadd_ps(decay, _mm512_maskz_loadu_ps(mask, row + i), _mm512_maskz_loadu_ps(mask, gradient + i));
        squares = _mm512_fmadd_ps(g, g, squares);
        _mm512_mask_storeu_ps(first + i, mask,
                              _mm512_fmadd_ps(beta1, _mm512_maskz_loadu_ps(mask, first + i), _mm512_mul_ps(rest1, g)));
    }
    *second = adam->beta2 * *second + (1.0f - adam->beta2) * (_mm512_reduce_add_ps(squares) / (float)n);
    const __m512 factor = _mm512_set1_ps(adam->step / (__builtin_sqrtf(*second) * adam->second_scale + adam->epsilon));
    squares = _mm512_setzero_ps();
    for (int64_t i = 0; i < n; i += WIDTH) {
        __mmask16 mask = mask_of(n - i);
        __m512    e = _mm512_fnmadd_ps(factor, _mm512_maskz_loadu_ps(mask, first + i), _mm512_maskz_loadu_ps(mask, row + i));
        squares = _mm512_fmadd_ps(e, e, squares);
        _mm512_mask_storeu_ps(row + i, mask, e);
    }
    float length2 = _mm512_reduce_add_ps(squares);
    if (adam->to_sphere)
        atau_return_to_sphere(n, length2, scale_row, row);
}

static void widen(int64_t n, const uint16_t *x, float *y)
{
    int64_t i = 0;
    for (; i + WIDTH <= n; i += WIDTH)
        _mm512_storeu_ps(y + i, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(x + i))));
    if (i < n) {
        const __mmask16 mask = mask_of(n - i);
        _mm512_mask_storeu_ps(y + i, mask, _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, x + i)));
    }
}

const struct atau_kernels atau_kernels_avx512 = {
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
