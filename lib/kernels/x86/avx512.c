/* SPDX-License-Identifier: MIT */
/* AVX-512 kernels (F, BW, DQ, VL). Compiled with its own flags; runs only where the context found the CPU able. */
#include "kernels/kernels.h"

#include <immintrin.h>

/* Without optimisation GCC's header makes macros of some intrinsics, and they convert masks to short. */
#if defined(__GNUC__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif

#define WIDTH 16 /* floats in a vector                                                                         */
#define ROWS 6   /* 6 x 4 accumulators, 4 lines of B and a broadcast fit the 32 registers                      */

static inline __mmask16 mask_of(int64_t n)
{
    return (__mmask16)(n >= WIDTH ? 0xFFFFu : (1u << n) - 1u);
}

/* ---- product --------------------------------------------------------------------------------------------------- */

/* The same pointer, of which the compiler knows nothing: it then adds a stride line by line instead of holding an address for
 * each vector of a block, for which there are no registers. */
static inline const float *opaque(const float *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

static inline float *opaque_line(float *pointer)
{
    __asm__("" : "+r"(pointer));
    return pointer;
}

static inline __m512 load(__mmask16 mask, const float *x)
{
    return mask == 0xFFFF ? _mm512_loadu_ps(x) : _mm512_maskz_loadu_ps(mask, x);
}

static inline void store(__mmask16 mask, float *x, __m512 value)
{
    if (mask == 0xFFFF)
        _mm512_storeu_ps(x, value);
    else
        _mm512_mask_storeu_ps(x, mask, value);
}

/* Tables and stored tiles come from the third-level cache or from memory, while the multiplications of a block take some 200 ns:
 * C is asked for at their start and needed at their end, and the next block's part of A is asked for where its rows lie in
 * memory one by one. Fetching past the end does no harm. */
static inline __attribute__((always_inline)) void fetch_ahead(int rows, int vectors, const float *a, int64_t a_row,
                                                              int64_t a_column, const float *c, int64_t c_stride)
{
    const float *line = c, *next = a + rows * a_row;
    for (int i = 0; i < rows; i++, line += c_stride) {
        line = opaque(line);
        for (int v = 0; v < vectors; v++)
            __builtin_prefetch(line + v * WIDTH, 1);
    }
    for (int i = 0; i < rows && a_column == 1; i++, next += a_row) {
        next = opaque(next);
        for (int v = 0; v < 4; v++)
            __builtin_prefetch(next + v * WIDTH);
    }
}

/* rows x (vectors of 16, the last one under `last`) of C. Always inlined with constant rows and vectors, so that the
 * accumulators are registers. Eight independent chains would hide the latency of an FMA; there are up to 24. */
static inline __attribute__((always_inline)) void block(int rows, int vectors, __mmask16 last, int64_t k, const float *a,
                                                        int64_t a_row, int64_t a_column, const float *b, int64_t b_stride,
                                                        int accumulate, float *c, int64_t c_stride)
{
    __m512 sum[ROWS][4];
    fetch_ahead(rows, vectors, a, a_row, a_column, c, c_stride);
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
        c = opaque_line(c);
        for (int v = 0; v < vectors; v++) {
            __mmask16 mask = v == vectors - 1 ? last : (__mmask16)0xFFFF;
            store(mask, c + v * WIDTH, accumulate ? _mm512_add_ps(load(mask, c + v * WIDTH), sum[i][v]) : sum[i][v]);
        }
    }
}

/* All rows of a column strip of up to 64. Every block adds in the same order: a value doesn't depend on m.
 * Rows left over are one block, not several, in the same loop: outside of one GCC leaves a block's accumulators in memory. */
static inline __attribute__((always_inline)) void strip(int vectors, __mmask16 last, int64_t m, int64_t k, const float *a,
                                                        int64_t a_row, int64_t a_column, const float *b, int64_t b_stride,
                                                        int accumulate, float *c, int64_t c_stride)
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

/* exp(x) = 2^n exp(r), r = x − n ln 2, n = round(x/ln 2), with ln 2 in two parts and the minimax polynomial of the Cephes
 * library's expf (Moshier) on |r| <= ln 2/2: 1.3 ulp at worst. scalef rounds into the subnormals, overflows to infinity, and
 * keeps NaN; the bounds on x and n come first because inf − inf is NaN. */
static inline __m512 exp_vector(__m512 x)
{
    const __m512 lowest = _mm512_set1_ps(-150.0f);
    __mmask16    zero = _mm512_cmp_ps_mask(x, _mm512_set1_ps(-104.0f), _CMP_LT_OQ);
    x = _mm512_max_ps(lowest, x); /* in this order a NaN in x stays                                            */
    __m512 n = _mm512_roundscale_ps(_mm512_mul_ps(x, _mm512_set1_ps(1.44269504f)),
                                    _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    n = _mm512_min_ps(_mm512_set1_ps(200.0f), n);
    __m512 r = _mm512_fnmadd_ps(n, _mm512_set1_ps(0.693359375f), x);
    r = _mm512_fnmadd_ps(n, _mm512_set1_ps(-2.12194440e-4f), r);
    __m512 p = _mm512_set1_ps(1.9875691500e-4f);
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.3981999507e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(8.3334519073e-3f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(4.1665795894e-2f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(1.6666665459e-1f));
    p = _mm512_fmadd_ps(p, r, _mm512_set1_ps(5.0000001201e-1f));
    p = _mm512_fmadd_ps(p, _mm512_mul_ps(r, r), _mm512_add_ps(r, _mm512_set1_ps(1.0f)));
    return _mm512_maskz_mov_ps((__mmask16)~zero, _mm512_scalef_ps(p, n));
}

static void exp_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum)
{
    for (int64_t r = 0; r < columns; r += 2 * WIDTH) {
        __mmask16 m0 = mask_of(columns - r), m1 = columns - r > WIDTH ? mask_of(columns - r - WIDTH) : 0;
        __m512    a0 = _mm512_maskz_loadu_ps(m0, scale + r), a1 = _mm512_maskz_loadu_ps(m1, scale + r + WIDTH);
        __m512    b0 = _mm512_maskz_loadu_ps(m0, shift + r), b1 = _mm512_maskz_loadu_ps(m1, shift + r + WIDTH);
        __m512    s0 = _mm512_setzero_ps(), s1 = _mm512_setzero_ps();
        float    *cell = t + r;
        for (int64_t j = 0; j < lines; j++, cell += stride) {
            __m512 q = log_q ? _mm512_set1_ps(log_q[j]) : _mm512_setzero_ps();
            __m512 x0 = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(m0, cell), a0, _mm512_add_ps(b0, q));
            __m512 x1 = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(m1, cell + WIDTH), a1, _mm512_add_ps(b1, q));
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

static void exp_sum(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
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
            __m512 x0 = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(m0, cell), a0, _mm512_add_ps(b0, q));
            __m512 x1 = _mm512_fmsub_ps(_mm512_maskz_loadu_ps(m1, cell + WIDTH), a1, _mm512_add_ps(b1, q));
            s0 = _mm512_add_ps(s0, exp_vector(x0));
            s1 = _mm512_add_ps(s1, exp_vector(x1));
        }
        _mm512_mask_storeu_ps(sum + r, m0, s0);
        _mm512_mask_storeu_ps(sum + r + WIDTH, m1, s1);
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
    if (adam->to_sphere && length2 > 0.0f)
        scale_row(n, 1.0f / __builtin_sqrtf(length2), row, row);
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
    if (adam->to_sphere && length2 > 0.0f)
        scale_row(n, 1.0f / __builtin_sqrtf(length2), row, row);
}

void atau_kernels_avx512(struct atau_kernels *table)
{
    table->product = product;
    table->product_bf16 = product;
    table->exp_tile = exp_tile;
    table->exp_sum = exp_sum;
    table->max_tile = max_tile;
    table->filter_tile = filter_tile;
    table->dot = dot;
    table->axpy = axpy;
    table->scale = scale_row;
    table->adam_row = adam_row;
    table->adam_row_shared = adam_row_shared;
}
