/* SPDX-License-Identifier: MIT */
/* Products of 8-bit integers with 32-bit sums (AVX-512 VNNI): four times the multiplications of AVX-512 in an instruction.
 *
 * VPDPBUSD adds four products to each lane: four bytes of A without a sign, neighbours along k, meet four bytes of B with one. */
#include "kernels/kernels.h"

#include "kernels/x86/avx512.h"

/* ---- what passes the screen ------------------------------------------------------------------------------------------ */

/* Loops over a block's sums are unrolled whole: otherwise these stay in memory, and go there at each step along k. */
#ifdef __clang__
#define UNROLLED _Pragma("clang loop unroll(full)")
#else
#define UNROLLED _Pragma("GCC unroll 8")
#endif

/* sum += four products in each lane. GCC 12 copies the sum twice around its own intrinsic. */
INLINE __m512i add_products(__m512i sum, __m512i without_sign, __m512i with_sign)
{
    __asm__("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(without_sign), "v"(with_sign));
    return sum;
}

/* What belongs to 64 columns, the last vector of which is under `last`. */
struct columns {
    const uint32_t *b;
    int64_t         b_stride;
    const int32_t  *start;
    const float    *scale, *threshold;
    __mmask16       last;
    uint32_t        first; /* their number                                                                     */
};

/* The same for lines. */
struct lines {
    const uint32_t *a;
    int64_t         a_row;
    const float    *scale, *bias;
    uint32_t        first;
};

INLINE __mmask16 lanes(const struct columns *columns, int v, int vectors)
{
    return v == vectors - 1 ? columns->last : (__mmask16)0xFFFF;
}

INLINE int64_t list_cells(unsigned passed, uint32_t line, uint32_t column, uint32_t *cells)
{
    int64_t n = 0;
    for (; passed; passed &= passed - 1)
        cells[n++] = line << 16 | (column + (uint32_t)__builtin_ctz(passed));
    return n;
}

/* As in avx512.c, with words of four neighbours for floats, and no product written: what passes is rare. */
INLINE int64_t block(int rows, int vectors, int64_t words, const struct lines *lines, const struct columns *columns, uint32_t *cells)
{
    const uint32_t *a = lines->a, *b = columns->b;
    __m512i         sum[ROWS][4];
    __mmask16       passed[ROWS][4];
    __mmask16       any = 0;
    int64_t         n = 0;
    fetch_lines(rows, 1, a + rows * lines->a_row, 4 * lines->a_row, 0);
    UNROLLED
    for (int v = 0; v < vectors; v++) {
        const __m512i start = _mm512_maskz_loadu_epi32(lanes(columns, v, vectors), columns->start + v * WIDTH);
        UNROLLED
        for (int i = 0; i < rows; i++)
            sum[i][v] = start;
    }
    for (int64_t p = 0; p < words; p++, a++, b += columns->b_stride) {
        __m512i line[4];
        UNROLLED
        for (int v = 0; v < vectors; v++)
            line[v] = _mm512_maskz_loadu_epi32(lanes(columns, v, vectors), b + v * WIDTH);
        UNROLLED
        for (int i = 0; i < rows; i++) {
            __m512i four = _mm512_set1_epi32((int)a[i * lines->a_row]);
            UNROLLED
            for (int v = 0; v < vectors; v++)
                sum[i][v] = add_products(sum[i][v], four, line[v]);
        }
    }
    UNROLLED
    for (int v = 0; v < vectors; v++) {
        const __mmask16 mask = lanes(columns, v, vectors);
        const __m512    scale = load(mask, columns->scale + v * WIDTH), threshold = load(mask, columns->threshold + v * WIDTH);
        UNROLLED
        for (int i = 0; i < rows; i++) {
            const __m512 x = _mm512_mul_ps(_mm512_cvtepi32_ps(sum[i][v]), _mm512_set1_ps(lines->scale[i]));
            const __m512 y = _mm512_fmadd_ps(x, scale, _mm512_set1_ps(lines->bias ? lines->bias[i] : 0.0f));
            passed[i][v] = _mm512_mask_cmp_ps_mask(mask, y, threshold, _CMP_GT_OQ);
            any |= passed[i][v];
        }
    }
    if (!any)
        return 0;
    UNROLLED
    for (int i = 0; i < rows; i++)
        UNROLLED
        for (int v = 0; v < vectors; v++)
            n += list_cells(passed[i][v], lines->first + (uint32_t)i, columns->first + (uint32_t)(v * WIDTH), cells + n);
    return n;
}

/* Lines left over come one by one: looks are multiples of ROWS, and each width of a block is much code. */
INLINE int64_t strip(int vectors, int64_t m, int64_t words, struct lines lines, const struct columns *columns, uint32_t *cells)
{
    int64_t n = 0;
    for (int64_t rows; m > 0; m -= rows) {
        rows = m < ROWS ? 1 : ROWS;
        n += rows == ROWS ? block(ROWS, vectors, words, &lines, columns, cells + n) : block(1, vectors, words, &lines, columns, cells + n);
        lines.a += rows * lines.a_row;
        lines.scale += rows;
        if (lines.bias)
            lines.bias += rows;
        lines.first += (uint32_t)rows;
    }
    return n;
}

static int64_t screen(int64_t m, int64_t n, int64_t words, const uint32_t *a, int64_t a_row, const uint32_t *b, int64_t b_stride,
                      const int32_t *start, const float *line_scale, const float *column_scale, const float *bias,
                      const float *threshold, uint32_t *cells)
{
    const struct lines lines = {a, a_row, line_scale, bias, 0};
    int64_t            n_cells = 0;
    for (int64_t r = 0; r < n; r += 4 * WIDTH) {
        const int64_t        left = n - r < 4 * WIDTH ? n - r : 4 * WIDTH, vectors = (left + WIDTH - 1) / WIDTH;
        const struct columns columns = {
            b + r, b_stride, start + r, column_scale + r, threshold + r, mask_of(left - (vectors - 1) * WIDTH), (uint32_t)r};
        switch (vectors) {
        case 1: n_cells += strip(1, m, words, lines, &columns, cells + n_cells); break;
        case 2: n_cells += strip(2, m, words, lines, &columns, cells + n_cells); break;
        case 3: n_cells += strip(3, m, words, lines, &columns, cells + n_cells); break;
        default: n_cells += strip(4, m, words, lines, &columns, cells + n_cells); break;
        }
    }
    return n_cells;
}

/* ---- exact scores ----------------------------------------------------------------------------------------------------- */

#define CHAINS 8 /* a score is one chain of multiply-adds, in the order of avx512.c; so many hide each other's latency */

struct chain {
    const float *x, *y;
};

static struct chain chain_of(uint32_t cell, const float *x, int64_t x_stride, const float *y, int64_t y_stride)
{
    return (struct chain){x + (int64_t)(cell >> 16) * x_stride, y + (int64_t)(cell & 0xFFFF) * y_stride};
}

INLINE void add_chains(const struct chain chain[CHAINS], int64_t dim, float sum[CHAINS])
{
    float own[CHAINS] = {0};
    for (int64_t p = 0; p < dim; p++)
        for (int i = 0; i < CHAINS; i++)
            own[i] = __builtin_fmaf(chain[i].x[p], chain[i].y[p], own[i]);
    for (int i = 0; i < CHAINS; i++)
        sum[i] = own[i];
}

/* The last cells are scored with others beside them, of which nothing is kept: as long as one chain takes, so do eight. Rows of
 * x come from far, each once. */
static void score_cells(int64_t n, const uint32_t *cells, int64_t dim, const float *x, int64_t x_stride, const float *y,
                        int64_t y_stride, float *scores)
{
    struct chain chains[CHAINS];
    float        sum[CHAINS];
    for (int64_t first = -CHAINS; first < n; first += CHAINS) {
        for (int64_t i = first + CHAINS; i < n && i < first + 2 * CHAINS; i++)
            fetch_lines(1, 4, chain_of(cells[i], x, x_stride, y, y_stride).x, 0, 0);
        if (first < 0)
            continue;
        for (int64_t i = first; i < first + CHAINS; i++)
            chains[i - first] = chain_of(cells[i < n ? i : n - 1], x, x_stride, y, y_stride);
        add_chains(chains, dim, sum);
        for (int64_t i = first; i < n && i < first + CHAINS; i++)
            scores[i] = sum[i - first];
    }
}

const struct atau_int8_kernels atau_int8_avx512 = {screen, score_cells};
