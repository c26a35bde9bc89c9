/* SPDX-License-Identifier: MIT */
/* What passes a screen of 8-bit integers, at every level, against sums in 64 bits and comparisons in double; and scores of single
 * cells, which must be the product's to the last bit. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/draw.h"
#include "../support/suite.h"
#include "common/cpu.h"
#include "fence.h"
#include "levels.h"

#define MOST_LINES 30
#define MOST_COLUMNS 140
#define MOST_WORDS 24
#define CELLS (MOST_LINES * MOST_COLUMNS)

static const struct {
    const char                     *name;
    const struct atau_int8_kernels *kernels;
    const struct atau_kernels      *table; /* whose product the scores are of                                 */
    uint64_t                        cpu;
} kinds[] = {
    {"plain C", &atau_int8_reference, &atau_kernels_reference, 0},
#ifdef ADAPTAU_HAVE_AVX512
    {"AVX-512 VNNI", &atau_int8_avx512, &atau_kernels_avx512, ADAPTAU_CPU_AVX512 | ADAPTAU_CPU_AVX512_VNNI},
#endif
};

static bool runs_here(int kind)
{
    return (kinds[kind].cpu & ~atau_cpu_features()) == 0;
}

/* ---- the screen ------------------------------------------------------------------------------------------------------ */

static int8_t   a[MOST_LINES][4 * MOST_WORDS], b[4 * MOST_WORDS][MOST_COLUMNS];
static float    line_scale[MOST_LINES], column_scale[MOST_COLUMNS], bias[MOST_LINES], threshold[MOST_COLUMNS];
static int32_t  start[MOST_COLUMNS];
static uint8_t  listed[MOST_LINES][MOST_COLUMNS];
static struct fence fence_a, fence_b, fence_cells;

static void make_numbers(int64_t m, int64_t n, int64_t words, int32_t largest)
{
    for (int64_t k = 0; k < 4 * words; k++) {
        for (int64_t j = 0; j < m; j++)
            a[j][k] = (int8_t)(draw(2 * largest + 1) - largest);
        for (int64_t r = 0; r < n; r++)
            b[k][r] = (int8_t)(draw(2 * largest + 1) - largest);
    }
    for (int64_t j = 0; j < m; j++) {
        line_scale[j] = 0.001f * (float)(1 + draw(50));
        bias[j] = 0.25f * (float)(draw(9) - 4);
    }
    for (int64_t r = 0; r < n; r++) {
        start[r] = 0;
        for (int64_t k = 0; k < 4 * words; k++)
            start[r] -= 128 * b[k][r];
        column_scale[r] = 0.002f * (float)(1 + draw(50));
        threshold[r] = draw(8) ? (float)draw(100) * 0.02f - 0.5f : draw(2) ? -INFINITY : INFINITY;
    }
}

static uint32_t word_of(const int8_t *number, int64_t stride, int without_sign)
{
    uint32_t word = 0;
    for (int byte = 0; byte < 4; byte++)
        word |= (uint32_t)(uint8_t)(number[byte * stride] + (without_sign ? 128 : 0)) << (8 * byte);
    return word;
}

static bool passes(int64_t j, int64_t r, int64_t words, bool biased)
{
    int64_t sum = 0;
    for (int64_t k = 0; k < 4 * words; k++)
        sum += (int64_t)a[j][k] * b[k][r];
    const float scaled = (float)sum * line_scale[j];
    return (float)((double)scaled * (double)column_scale[r] + (double)(biased ? bias[j] : 0)) > threshold[r];
}

/* Every cell that passes is listed once, a column's in the order of lines, and nothing else is. */
static void compare(int kind, int64_t m, int64_t n, int64_t words, bool biased, int at_end)
{
    const int64_t a_row = words + 1, b_stride = n + 3;
    uint32_t *lines = (uint32_t *)(void *)fence_place(&fence_a, (size_t)(m * a_row), at_end, 0);
    uint32_t *columns = (uint32_t *)(void *)fence_place(&fence_b, (size_t)(words * b_stride), at_end, 0);
    uint32_t *cells = (uint32_t *)(void *)fence_place(&fence_cells, (size_t)(m * n), at_end, 0);
    int64_t   expected = 0, last[MOST_COLUMNS];
    for (int64_t p = 0; p < words; p++) {
        for (int64_t j = 0; j < m; j++)
            lines[j * a_row + p] = word_of(&a[j][4 * p], 1, 1);
        for (int64_t r = 0; r < n; r++)
            columns[p * b_stride + r] = word_of(&b[4 * p][r], MOST_COLUMNS, 0);
    }
    const int64_t n_cells = kinds[kind].kernels->screen(m, n, words, lines, a_row, columns, b_stride, start, line_scale, column_scale,
                                                        biased ? bias : NULL, threshold, cells);
    ck_assert(fence_intact(&fence_cells, (float *)(void *)cells, (size_t)(m * n)));
    memset(listed, 0, sizeof listed);
    for (int64_t r = 0; r < n; r++)
        last[r] = -1;
    for (int64_t i = 0; i < n_cells; i++) {
        const int64_t j = cells[i] >> 16, r = cells[i] & 0xFFFF;
        ck_assert(j < m && r < n);
        ck_assert_int_gt(j, last[r]);
        last[r] = j;
        listed[j][r] = 1;
    }
    for (int64_t j = 0; j < m; j++)
        for (int64_t r = 0; r < n; r++) {
            ck_assert_msg(listed[j][r] == passes(j, r, words, biased), "%s, %d x %d x %d words: cell %d, %d", kinds[kind].name,
                          (int)m, (int)n, (int)words, (int)j, (int)r);
            expected += listed[j][r];
        }
    ck_assert_int_eq(n_cells, expected);
}

START_TEST(a_screen_lists_what_is_above_thresholds)
{
    static const int64_t widths[] = {1, 2, 15, 16, 17, 31, 32, 33, 48, 63, 64, 65, 100, 127, 128, 129, 140};
    random_state = 3;
    for (int kind = 0; kind < (int)(sizeof kinds / sizeof *kinds); kind++)
        for (int w = 0; runs_here(kind) && w < (int)(sizeof widths / sizeof *widths); w++)
            for (int64_t m = 1; m <= MOST_LINES; m += m < 14 ? 1 : 5) {
                const int64_t words = 1 + draw(MOST_WORDS);
                make_numbers(m, widths[w], words, draw(2) ? 127 : 10);
                compare(kind, m, widths[w], words, w % 2, (int)m % 2);
            }
}
END_TEST

/* The largest sums there are: 4,096 numbers of 127 against 127, and against −127. */
START_TEST(the_largest_sums_do_not_overflow)
{
    static uint32_t line[1024], column[1024];
    const float     one = 1.0f, least[2] = {nextafterf(16129.0f * 4096, 0), nextafterf(-16129.0f * 4096, -INFINITY)};
    for (int kind = 0; kind < (int)(sizeof kinds / sizeof *kinds); kind++)
        for (int sign = 0; runs_here(kind) && sign < 2; sign++) {
            const int32_t from = sign ? 128 * 127 * 4096 : -128 * 127 * 4096;
            uint32_t      cell = 1;
            for (int p = 0; p < 1024; p++) {
                line[p] = UINT32_C(0xFFFFFFFF);
                column[p] = sign ? UINT32_C(0x81818181) : UINT32_C(0x7F7F7F7F);
            }
            ck_assert_int_eq(kinds[kind].kernels->screen(1, 1, 1024, line, 1024, column, 1, &from, &one, &one, NULL, &least[sign], &cell),
                             1);
            ck_assert_uint_eq(cell, 0);
        }
}
END_TEST

/* ---- scores of cells --------------------------------------------------------------------------------------------------- */

START_TEST(scores_of_cells_have_the_bits_of_the_product)
{
    enum { LINES = 40, COLUMNS = 70, DIM = 67 };
    static float    x[LINES * DIM], y[COLUMNS * DIM], across[DIM * COLUMNS], product[LINES * COLUMNS], scores[CELLS];
    static uint32_t cells[CELLS];
    random_state = 9;
    for (int i = 0; i < LINES * DIM; i++)
        x[i] = (float)(draw(20001) - 10000) * 1e-4f;
    for (int i = 0; i < COLUMNS * DIM; i++)
        y[i] = across[i % DIM * COLUMNS + i / DIM] = (float)(draw(20001) - 10000) * 1e-3f;
    for (int kind = 0; kind < (int)(sizeof kinds / sizeof *kinds); kind++)
        for (int dim = 1; runs_here(kind) && dim <= DIM; dim += 11)
            for (int n = 0; n < 40; n++) {
                kinds[kind].table->product(LINES, COLUMNS, dim, x, DIM, 1, across, COLUMNS, 0, product, COLUMNS);
                for (int i = 0; i < n; i++)
                    cells[i] = (uint32_t)draw(LINES) << 16 | (uint32_t)draw(COLUMNS);
                scores[n] = 77.0f;
                kinds[kind].kernels->score_cells(n, cells, dim, x, DIM, y, DIM, scores);
                for (int i = 0; i < n; i++)
                    ck_assert(fence_bits(&scores[i]) == fence_bits(&product[(cells[i] >> 16) * COLUMNS + (cells[i] & 0xFFFF)]));
                ck_assert(scores[n] == 77.0f);
            }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("int8");
    TCase *tests = tcase_create("int8");
    fence_a = fence_create(MOST_LINES * (MOST_WORDS + 1));
    fence_b = fence_create(MOST_WORDS * (MOST_COLUMNS + 3));
    fence_cells = fence_create(CELLS);
    tcase_add_test(tests, a_screen_lists_what_is_above_thresholds);
    tcase_add_test(tests, the_largest_sums_do_not_overflow);
    tcase_add_test(tests, scores_of_cells_have_the_bits_of_the_product);
    suite_add_tcase(suite, tests);
    int failed = run_suite(suite);
    fence_destroy(&fence_a);
    fence_destroy(&fence_b);
    fence_destroy(&fence_cells);
    return failed;
}
