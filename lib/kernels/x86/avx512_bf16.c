/* SPDX-License-Identifier: MIT */
/* bfloat16 operands with float32 sums (AVX-512 BF16): twice the multiplications of AVX-512 in an instruction.
 *
 * VDPBF16PS adds two products to each lane: a word of A, two neighbours along k, meets a word of B, two neighbours along k. It
 * takes subnormal numbers as zero by itself. */
#include "kernels/kernels.h"

#include <stdbool.h>

#include "kernels/x86/avx512.h"

/* ---- packing ------------------------------------------------------------------------------------------------------- */

/* Words with x in the low half and y in the high one. */
INLINE __m512i pair(__m512 x, __m512 y)
{
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(y));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

static void pack_lines(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride)
{
    for (int64_t i = 0; i < lines; i++, x += stride, words += words_stride)
        for (int64_t p = 0; p < columns; p += 2 * WIDTH) {
            __m512 low = _mm512_maskz_loadu_ps(mask_of(columns - p), x + p);
            __m512 high = _mm512_maskz_loadu_ps(mask_of(columns - p - WIDTH), x + p + WIDTH);
            _mm512_mask_storeu_epi32(words + p / 2, mask_of((columns - p + 1) / 2), (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
}

static void pack_pairs(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride)
{
    for (int64_t p = 0; p < lines; p += 2, x += 2 * stride, words += words_stride)
        for (int64_t j = 0; j < columns; j += WIDTH) {
            __mmask16 mask = mask_of(columns - j);
            __m512    low = _mm512_maskz_loadu_ps(mask, x + j);
            __m512    high = p + 1 < lines ? _mm512_maskz_loadu_ps(mask, x + stride + j) : _mm512_setzero_ps();
            _mm512_mask_storeu_epi32(words + j, mask, pair(low, high));
        }
}

/* ---- product ------------------------------------------------------------------------------------------------------- */

/* As in avx512.c, with words for floats and pairs for k. */
INLINE void block(int rows, int vectors, __mmask16 last, int64_t pairs, const uint32_t *a, int64_t a_row, int64_t a_column,
                  const uint32_t *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    __m512 sum[ROWS][4];
    fetch_lines(rows, vectors, c, 4 * c_stride, 1);
    if (a_column == 1)
        fetch_lines(rows, 4, a + rows * a_row, 4 * a_row, 0);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = _mm512_setzero_ps();
    for (int64_t p = 0; p < pairs; p++) {
        __m512 line[4]; /* clang 16 crashes on an array of __m512bh                                             */
        for (int v = 0; v < vectors; v++)
            line[v] = load(v == vectors - 1 ? last : (__mmask16)0xFFFF, (const float *)(const void *)(b + v * WIDTH));
        for (int i = 0; i < rows; i++) {
            __m512bh value = (__m512bh)_mm512_set1_epi32((int)a[i * a_row]);
            for (int v = 0; v < vectors; v++)
                sum[i][v] = _mm512_dpbf16_ps(sum[i][v], value, (__m512bh)line[v]);
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

INLINE void strip(int vectors, __mmask16 last, int64_t m, int64_t pairs, const uint32_t *a, int64_t a_row, int64_t a_column,
                  const uint32_t *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (int64_t rows; m > 0; m -= rows, a += rows * a_row, c += rows * c_stride) {
        rows = m < ROWS ? m : ROWS;
        switch (rows) {
        case 1: block(1, vectors, last, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 2: block(2, vectors, last, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 3: block(3, vectors, last, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 4: block(4, vectors, last, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        case 5: block(5, vectors, last, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        default: block(ROWS, vectors, last, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
        }
    }
}

static void product(int64_t m, int64_t n, int64_t pairs, const uint32_t *a, int64_t a_row, int64_t a_column,
                    const uint32_t *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (; n >= 4 * WIDTH; n -= 4 * WIDTH, b += 4 * WIDTH, c += 4 * WIDTH)
        strip(4, 0xFFFF, m, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
    if (n == 0)
        return;
    int       vectors = (int)((n + WIDTH - 1) / WIDTH);
    __mmask16 last = mask_of(n - (vectors - 1) * WIDTH);
    switch (vectors) {
    case 1: strip(1, last, m, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 2: strip(2, last, m, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    case 3: strip(3, last, m, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    default: strip(4, last, m, pairs, a, a_row, a_column, b, b_stride, accumulate, c, c_stride); break;
    }
}

/* ---- exponential ----------------------------------------------------------------------------------------------------- */

/* 32 columns of the tile, of which the first n are there, and what belongs to them. `whole` and `wide` are constants:
 * n >= 32; some shift or log_q is not within ±ATAU_WIDE. */
struct columns {
    int       whole, wide;
    int64_t   n;
    __mmask16 mask[2];
    __m512    scale[2], shift[2], sum[2];
};

INLINE struct columns open_columns(int whole, int wide, int64_t n, const float *scale, const float *shift)
{
    struct columns c = {.whole = whole, .wide = wide, .n = n};
    for (int h = 0; h < 2; h++) {
        c.mask[h] = mask_of(n - h * WIDTH);
        c.scale[h] = _mm512_maskz_loadu_ps(c.mask[h], scale + h * WIDTH);
        c.shift[h] = _mm512_maskz_loadu_ps(c.mask[h], shift + h * WIDTH);
        c.sum[h] = _mm512_setzero_ps();
    }
    return c;
}

/* Exponentials of a line, rounded; columns that are not there give 0. */
INLINE __m512i exp_line(struct columns *c, const float *t, const float *log_q)
{
    __m512 x[2], q = log_q ? _mm512_set1_ps(*log_q) : _mm512_setzero_ps();
    for (int h = 0; h < 2; h++) {
        __m512 score = c->whole ? _mm512_loadu_ps(t + h * WIDTH) : _mm512_maskz_loadu_ps(c->mask[h], t + h * WIDTH);
        x[h] = exp_vector(exponents(c->wide, score, c->scale[h], c->shift[h], q));
        if (!c->whole)
            x[h] = _mm512_maskz_mov_ps(c->mask[h], x[h]);
        c->sum[h] = _mm512_add_ps(c->sum[h], x[h]);
    }
    return (__m512i)_mm512_cvtne2ps_pbh(x[1], x[0]);
}

INLINE void store_words(const struct columns *c, uint32_t *words, __mmask16 mask, __m512i value)
{
    if (c->whole)
        _mm512_storeu_si512(words, value);
    else
        _mm512_mask_storeu_epi32(words, mask, value);
}

/* Neighbours in two lines: halves of x and y in turn. */
INLINE void store_pairs(const struct columns *c, uint32_t *words, __m512i x, __m512i y)
{
    const __m512i first = _mm512_set_epi16(47, 15, 46, 14, 45, 13, 44, 12, 43, 11, 42, 10, 41, 9, 40, 8, /* high half */
                                           39, 7, 38, 6, 37, 5, 36, 4, 35, 3, 34, 2, 33, 1, 32, 0);
    const __m512i second = _mm512_add_epi16(first, _mm512_set1_epi16(WIDTH));
    store_words(c, words, c->mask[0], _mm512_permutex2var_epi16(x, first, y));
    store_words(c, words + WIDTH, c->mask[1], _mm512_permutex2var_epi16(x, second, y));
}

INLINE void exp_columns(int whole, int wide, int64_t n, int64_t lines, const float *t, int64_t stride, const float *scale,
                        const float *shift, const float *log_q, float *sum, uint32_t *in_lines, int64_t in_lines_stride,
                        uint32_t *in_pairs, int64_t in_pairs_stride)
{
    struct columns  c = open_columns(whole, wide, n, scale, shift);
    const __mmask16 words = mask_of((n + 1) / 2);
    for (int64_t j = 0; j < lines; j += 2, t += 2 * stride) {
        const bool both = j + 1 < lines;
        __m512i    x = exp_line(&c, t, log_q ? log_q + j : NULL);
        __m512i    y = both ? exp_line(&c, t + stride, log_q ? log_q + j + 1 : NULL) : _mm512_setzero_si512();
        if (in_lines) {
            store_words(&c, in_lines + j * in_lines_stride, words, x);
            if (both)
                store_words(&c, in_lines + (j + 1) * in_lines_stride, words, y);
        }
        if (in_pairs)
            store_pairs(&c, in_pairs + j / 2 * in_pairs_stride, x, y);
    }
    for (int h = 0; h < 2; h++) {
        __m512 before = _mm512_maskz_loadu_ps(c.mask[h], sum + h * WIDTH);
        _mm512_mask_storeu_ps(sum + h * WIDTH, c.mask[h], _mm512_add_ps(before, c.sum[h]));
    }
}

static void exp_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum, uint32_t *in_lines, int64_t in_lines_stride, uint32_t *in_pairs,
                     int64_t in_pairs_stride)
{
    const int wide = any_wide(columns, shift) || (log_q && any_wide(lines, log_q));
    for (int64_t r = 0; r < columns; r += 2 * WIDTH) {
        const int64_t n = columns - r;
        uint32_t     *lines_here = in_lines ? in_lines + r / 2 : NULL, *pairs_here = in_pairs ? in_pairs + r : NULL;
        if (wide)
            exp_columns(0, 1, n, lines, t + r, stride, scale + r, shift + r, log_q, sum + r, lines_here, in_lines_stride,
                        pairs_here, in_pairs_stride);
        else if (n >= 2 * WIDTH)
            exp_columns(1, 0, n, lines, t + r, stride, scale + r, shift + r, log_q, sum + r, lines_here, in_lines_stride,
                        pairs_here, in_pairs_stride);
        else
            exp_columns(0, 0, n, lines, t + r, stride, scale + r, shift + r, log_q, sum + r, lines_here, in_lines_stride,
                        pairs_here, in_pairs_stride);
    }
}

const struct atau_bf16_kernels atau_bf16_avx512 = {
    .pack_lines = pack_lines,
    .pack_pairs = pack_pairs,
    .product = product,
    .exp_tile = exp_tile,
};
