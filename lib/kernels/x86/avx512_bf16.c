/* SPDX-License-Identifier: MIT */
/* The product on bfloat16 operands with float32 sums (AVX-512 BF16): twice the multiplications of AVX-512 in an instruction.
 *
 * VDPBF16PS adds two products to each lane: a word of A, two neighbours along k, meets a word of B, two neighbours along k. Both
 * operands are rounded (to nearest, even) and paired up as they are packed, a chunk of k at a time; the packed parts stay in
 * the first-level caches. Subnormal numbers count as zero, which the instruction does by itself. */
#include "kernels/kernels.h"

#include <immintrin.h>

#if defined(__GNUC__) && !defined(__OPTIMIZE__)
#pragma GCC diagnostic ignored "-Wsign-conversion"
#endif

#define WIDTH 16
#define ROWS 6
#define DEPTH 128        /* of a chunk of k                                                                    */
#define PAIRS (DEPTH / 2)
#define LINES 132        /* rows of A packed at once: a tile's 128 as a multiple of ROWS                       */
#define LINES_PADDED 144 /* and of WIDTH                                                                       */
#define STRIP (4 * WIDTH)

/* A packed chunk of A: word (i, p) at words[i * row + p * column]. */
struct packed {
    int64_t  row, column;
    uint32_t words[LINES_PADDED * PAIRS];
};

static inline __mmask16 mask_of(int64_t n)
{
    return (__mmask16)(n >= WIDTH ? 0xFFFFu : n <= 0 ? 0u : (1u << n) - 1u);
}

/* Words with x in the low half and y in the high one. */
static inline __m512i pair(__m512 x, __m512 y)
{
    __m512i low = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(x));
    __m512i high = _mm512_cvtepu16_epi32((__m256i)_mm512_cvtneps_pbh(y));
    return _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
}

/* Rows along k in memory. */
static void pack_rows(int64_t m, int64_t k, const float *a, int64_t a_row, struct packed *out)
{
    out->row = PAIRS;
    out->column = 1;
    for (int64_t i = 0; i < m; i++, a += a_row)
        for (int64_t p = 0; p < k; p += 2 * WIDTH) {
            __m512 x = _mm512_maskz_loadu_ps(mask_of(k - p), a + p);
            __m512 y = _mm512_maskz_loadu_ps(mask_of(k - p - WIDTH), a + p + WIDTH);
            _mm512_storeu_si512(out->words + i * PAIRS + p / 2, (__m512i)_mm512_cvtne2ps_pbh(y, x));
        }
}

/* Lines of n floats, two of them a line of words. */
static void pack_lines(int64_t n, int64_t k, const float *b, int64_t b_stride, uint32_t *words, int64_t words_stride)
{
    for (int64_t p = 0; p < k; p += 2, b += 2 * b_stride, words += words_stride)
        for (int64_t j = 0; j < n; j += WIDTH) {
            __mmask16 mask = mask_of(n - j);
            __m512    x = _mm512_maskz_loadu_ps(mask, b + j);
            __m512    y = p + 1 < k ? _mm512_maskz_loadu_ps(mask, b + b_stride + j) : _mm512_setzero_ps();
            _mm512_storeu_si512(words + j, pair(x, y));
        }
}

static void pack_any(int64_t m, int64_t k, const float *a, int64_t a_row, int64_t a_column, struct packed *out)
{
    float row[DEPTH];
    for (int64_t i = 0; i < m; i++) {
        for (int64_t p = 0; p < k; p++)
            row[p] = a[i * a_row + p * a_column];
        pack_lines(1, k, row, 1, out->words + i * PAIRS, 1);
    }
    out->row = PAIRS;
    out->column = 1;
}

static void pack_a(int64_t m, int64_t k, const float *a, int64_t a_row, int64_t a_column, struct packed *out)
{
    if (a_column == 1)
        pack_rows(m, k, a, a_row, out);
    else if (a_row == 1) {
        out->row = 1;
        out->column = LINES_PADDED;
        pack_lines(m, k, a, a_column, out->words, LINES_PADDED);
    } else
        pack_any(m, k, a, a_row, a_column, out);
}

/* As in avx512.c, with words for floats and pairs for k. */
static inline __attribute__((always_inline)) void block(int rows, int vectors, __mmask16 last, int64_t pairs,
                                                        const uint32_t *a, int64_t a_row, int64_t a_column, const uint32_t *b,
                                                        int accumulate, float *c, int64_t c_stride)
{
    __m512 sum[ROWS][4];
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            __builtin_prefetch(c + (rows + i) * c_stride + v * WIDTH, 1);
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            sum[i][v] = accumulate ? _mm512_maskz_loadu_ps(v == vectors - 1 ? last : (__mmask16)0xFFFF,
                                                           c + i * c_stride + v * WIDTH)
                                   : _mm512_setzero_ps();
    for (int64_t p = 0; p < pairs; p++, a += a_column, b += STRIP) {
        __m512bh line[4];
        for (int v = 0; v < vectors; v++)
            line[v] = (__m512bh)_mm512_loadu_si512(b + v * WIDTH);
        for (int i = 0; i < rows; i++) {
            __m512bh value = (__m512bh)_mm512_set1_epi32((int)a[i * a_row]);
            for (int v = 0; v < vectors; v++)
                sum[i][v] = _mm512_dpbf16_ps(sum[i][v], value, line[v]);
        }
    }
    for (int i = 0; i < rows; i++)
        for (int v = 0; v < vectors; v++)
            _mm512_mask_storeu_ps(c + i * c_stride + v * WIDTH, v == vectors - 1 ? last : (__mmask16)0xFFFF, sum[i][v]);
}

static inline __attribute__((always_inline)) void strip(int vectors, __mmask16 last, int64_t m, int64_t pairs,
                                                        const struct packed *a, const uint32_t *b, int accumulate, float *c,
                                                        int64_t c_stride)
{
    const uint32_t *words = a->words;
    const int64_t   row = a->row, column = a->column;
    for (int64_t rows; m > 0; m -= rows, words += rows * row, c += rows * c_stride) {
        rows = m < ROWS ? m : ROWS;
        switch (rows) {
        case 1: block(1, vectors, last, pairs, words, row, column, b, accumulate, c, c_stride); break;
        case 2: block(2, vectors, last, pairs, words, row, column, b, accumulate, c, c_stride); break;
        case 3: block(3, vectors, last, pairs, words, row, column, b, accumulate, c, c_stride); break;
        case 4: block(4, vectors, last, pairs, words, row, column, b, accumulate, c, c_stride); break;
        case 5: block(5, vectors, last, pairs, words, row, column, b, accumulate, c, c_stride); break;
        default: block(ROWS, vectors, last, pairs, words, row, column, b, accumulate, c, c_stride); break;
        }
    }
}

static void multiply_strip(int64_t m, int64_t n, int64_t pairs, const struct packed *a, const uint32_t *b, int accumulate,
                           float *c, int64_t c_stride)
{
    int       vectors = (int)((n + WIDTH - 1) / WIDTH);
    __mmask16 last = mask_of(n - (vectors - 1) * WIDTH);
    switch (vectors) {
    case 1: strip(1, last, m, pairs, a, b, accumulate, c, c_stride); break;
    case 2: strip(2, last, m, pairs, a, b, accumulate, c, c_stride); break;
    case 3: strip(3, last, m, pairs, a, b, accumulate, c, c_stride); break;
    default: strip(4, last, m, pairs, a, b, accumulate, c, c_stride); break;
    }
}

/* One chunk of k. */
static void multiply_chunk(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                           int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    struct packed packed;
    uint32_t      panel[PAIRS * STRIP];
    for (int64_t i = 0; i < m; i += LINES) {
        int64_t lines = m - i < LINES ? m - i : LINES;
        pack_a(lines, k, a + i * a_row, a_row, a_column, &packed);
        for (int64_t j = 0; j < n; j += STRIP) {
            int64_t columns = n - j < STRIP ? n - j : STRIP;
            pack_lines(columns, k, b + j, b_stride, panel, STRIP);
            multiply_strip(lines, columns, (k + 1) / 2, &packed, panel, accumulate, c + i * c_stride + j, c_stride);
        }
    }
}

static void product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                    int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (int64_t p = 0; p < k || p == 0; p += DEPTH) {
        int64_t depth = k - p < DEPTH ? k - p : DEPTH;
        multiply_chunk(m, n, depth, a + p * a_column, a_row, a_column, b + p * b_stride, b_stride, accumulate || p > 0, c,
                       c_stride);
    }
}

void atau_kernels_avx512_bf16(struct atau_kernels *table)
{
    table->product_bf16 = product;
}
