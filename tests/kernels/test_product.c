/* SPDX-License-Identifier: MIT */
/* C = A B and C += A B at every level, against sums in double, between guard pages. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/suite.h"
#include "fence.h"
#include "levels.h"
#include "numbers.h"

#define EPSILON 0x1p-23 /* relative distance of neighbouring floats                                            */

static struct level levels[MAX_LEVELS + 2];
static int          rounds[MAX_LEVELS + 2]; /* operands to bfloat16                                            */
static int          n_levels;
static struct fence fence_a, fence_b, fence_c;

/* One product: shape, storage, and where the operands lie. */
struct shape {
    int64_t m, n, k;
    int     by_columns; /* A(i, p) = a[i + p a_line] instead of a[i a_line + p]                                */
    int64_t pad;        /* floats between the lines                                                            */
    int     accumulate;
    int     at_end;
};

struct operands {
    struct shape shape;
    int64_t      a_lines, a_width, a_line, b_stride, c_stride;
    float       *a, *b, *c;
    double      *truth, *bound; /* [m x n]                                                                     */
};

static int64_t a_row(const struct operands *o)
{
    return o->shape.by_columns ? 1 : o->a_line;
}

static int64_t a_column(const struct operands *o)
{
    return o->shape.by_columns ? o->a_line : 1;
}

/* To bfloat16 and back: to nearest, ties to even; subnormal numbers are zero. */
static double round_operand(const struct level *level, float x)
{
    uint32_t bits;
    if (!rounds[level - levels])
        return (double)x;
    memcpy(&bits, &x, sizeof bits);
    bits = (bits + 0x7FFFu + (bits >> 16 & 1u)) & 0xFFFF0000u;
    memcpy(&x, &bits, sizeof x);
    return fabsf(x) < 0x1p-126f ? 0.0 : (double)x;
}

static void find_truth(const struct level *level, struct operands *o)
{
    for (int64_t i = 0; i < o->shape.m; i++)
        for (int64_t j = 0; j < o->shape.n; j++) {
            double start = o->shape.accumulate ? (double)o->c[i * o->c_stride + j] : 0.0;
            double sum = start, size = fabs(start);
            for (int64_t p = 0; p < o->shape.k; p++) {
                double term = round_operand(level, o->a[i * a_row(o) + p * a_column(o)]) *
                              round_operand(level, o->b[p * o->b_stride + j]);
                sum += term;
                size += fabs(term);
            }
            o->truth[i * o->shape.n + j] = sum;
            o->bound[i * o->shape.n + j] = (double)(o->shape.k + 1) * EPSILON * size;
        }
}

static struct operands make_operands(const struct level *level, struct shape shape)
{
    struct operands o = {.shape = shape};
    uint32_t        state = (uint32_t)(shape.m * 1009 + shape.n * 31 + shape.k);
    size_t          cells = (size_t)(shape.m * shape.n) + 1;
    o.a_lines = shape.by_columns ? shape.k : shape.m;
    o.a_width = shape.by_columns ? shape.m : shape.k;
    o.a_line = o.a_width + shape.pad;
    o.b_stride = shape.n + shape.pad;
    o.c_stride = shape.n + 2 * shape.pad;
    o.a = fence_place(&fence_a, fence_span_of(o.a_lines, o.a_width, o.a_line), shape.at_end, 0);
    o.b = fence_place(&fence_b, fence_span_of(shape.k, shape.n, o.b_stride), shape.at_end, 0);
    o.c = fence_place(&fence_c, fence_span_of(shape.m, shape.n, o.c_stride), shape.at_end, 0);
    fill_lines(&state, o.a_lines, o.a_width, o.a_line, o.a);
    fill_lines(&state, shape.k, shape.n, o.b_stride, o.b);
    if (shape.accumulate)
        fill_lines(&state, shape.m, shape.n, o.c_stride, o.c);
    o.truth = malloc(cells * sizeof *o.truth);
    o.bound = malloc(cells * sizeof *o.bound);
    find_truth(level, &o);
    return o;
}

static void free_operands(struct operands *o)
{
    free(o->truth);
    free(o->bound);
}

/* Rows [first, last) of the product into c. */
static void multiply_rows(const struct level *level, const struct operands *o, int64_t first, int64_t last, float *c)
{
    level->kernels.product(last - first, o->shape.n, o->shape.k, o->a + first * a_row(o), a_row(o), a_column(o), o->b,
                           o->b_stride, o->shape.accumulate, c + first * o->c_stride, o->c_stride);
}

static void check_product(const struct level *level, struct shape shape)
{
    struct operands o = make_operands(level, shape);
    multiply_rows(level, &o, 0, shape.m, o.c);
    for (int64_t i = 0; i < shape.m; i++)
        for (int64_t j = 0; j < shape.n; j++) {
            double value = (double)o.c[i * o.c_stride + j], truth = o.truth[i * shape.n + j];
            if (!(fabs(value - truth) <= o.bound[i * shape.n + j]))
                ck_abort_msg("%s: %d x %d x %d%s%s: C(%d, %d) = %.9g, not %.9g", level->name, (int)shape.m, (int)shape.n,
                             (int)shape.k, shape.by_columns ? " by columns" : "", shape.accumulate ? " +=" : "", (int)i,
                             (int)j, value, truth);
        }
    ck_assert_msg(fence_matrix_intact(&fence_c, o.c, shape.m, shape.n, o.c_stride),
                  "%s: %d x %d x %d wrote outside C", level->name, (int)shape.m, (int)shape.n, (int)shape.k);
    free_operands(&o);
}

/* In every storage and place. C holds NaNs before a product that does not accumulate. */
static void check_shape(const struct level *level, int64_t m, int64_t n, int64_t k)
{
    for (int variant = 0; variant < 16; variant++)
        check_product(level, (struct shape){.m = m,
                                            .n = n,
                                            .k = k,
                                            .by_columns = variant & 1,
                                            .accumulate = variant >> 1 & 1,
                                            .at_end = variant >> 2 & 1,
                                            .pad = variant >> 3 & 1 ? 3 : 0});
}

START_TEST(small_products_equal_sums_in_double)
{
    for (int64_t m = 0; m <= 13; m++)
        for (int64_t n = 0; n <= 35; n++)
            for (int64_t k = 0; k <= 5; k++)
                check_shape(&levels[_i], m, n, k);
}
END_TEST

START_TEST(products_of_engine_tiles_equal_sums_in_double)
{
    static const int64_t sizes[] = {1, 16, 64, 127, 128};
    for (int m = 0; m < 5; m++)
        for (int n = 0; n < 5; n++)
            for (int k = 0; k < 5; k++)
                check_shape(&levels[_i], sizes[m], sizes[n], sizes[k]);
}
END_TEST

START_TEST(products_of_odd_shapes_equal_sums_in_double)
{
    static const int64_t shapes[][3] = {{18, 194, 285}, {91, 14, 189},  {234, 114, 298}, {65, 259, 189}, {31, 1, 33},
                                        {66, 50, 272},  {129, 65, 257}, {1, 257, 300},   {257, 1, 3},    {61, 30, 700},
                                        {5, 1000, 7},   {17, 63, 1},    {128, 30, 39},   {128, 143, 94}, {128, 6, 513}};
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++)
        check_shape(&levels[_i], shapes[s][0], shapes[s][1], shapes[s][2]);
}
END_TEST

/* What a caller computes in one call or in several, on one thread or on several, is the same to the bit. */
static void check_cuts(const struct level *level, struct shape shape)
{
    struct operands o = make_operands(level, shape);
    size_t          bytes = fence_span_of(shape.m, shape.n, o.c_stride) * sizeof(float);
    float          *whole = malloc(bytes), *parts = malloc(bytes);
    memcpy(whole, o.c, bytes);
    multiply_rows(level, &o, 0, shape.m, whole);
    for (int64_t cut = 1; cut < shape.m; cut++) {
        memcpy(parts, o.c, bytes);
        multiply_rows(level, &o, 0, cut, parts);
        multiply_rows(level, &o, cut, shape.m, parts);
        ck_assert_msg(memcmp(whole, parts, bytes) == 0, "%s: %d columns, cut at row %d", level->name, (int)shape.n, (int)cut);
    }
    free(whole);
    free(parts);
    free_operands(&o);
}

START_TEST(rows_of_a_product_do_not_depend_on_how_they_are_split)
{
    static const int64_t columns[] = {5, 16, 29, 45, 64, 117};
    for (int variant = 0; variant < 4; variant++)
        for (int i = 0; i < 6; i++)
            check_cuts(&levels[_i], (struct shape){.m = 37,
                                                   .n = columns[i],
                                                   .k = 300,
                                                   .by_columns = variant & 1,
                                                   .accumulate = variant >> 1,
                                                   .pad = 3,
                                                   .at_end = 1});
}
END_TEST

START_TEST(nan_and_infinity_in_the_operands_reach_the_product)
{
    float a[7 * 3], b[3 * 19], c[7 * 19];
    for (int special = 0; special < 2; special++) {
        for (int i = 0; i < 7 * 3; i++)
            a[i] = 1.0f;
        for (int i = 0; i < 3 * 19; i++)
            b[i] = 1.0f;
        a[5 * 3 + 1] = special ? INFINITY : NAN;
        levels[_i].kernels.product(7, 19, 3, a, 3, 1, b, 19, 0, c, 19);
        for (int i = 0; i < 7; i++)
            for (int j = 0; j < 19; j++)
                if (i == 5)
                    ck_assert(special ? isinf(c[i * 19 + j]) : isnan(c[i * 19 + j]));
                else
                    ck_assert(c[i * 19 + j] == 3.0f);
    }
}
END_TEST

/* ---- bfloat16 ------------------------------------------------------------------------------------------------------ */

/* Levels of their own: plain C, and what the CPU has. Their product packs its operands between guard pages first. */
static const struct atau_bf16_kernels *rounded[MAX_LEVELS + 2];
static struct fence                    fence_words_a, fence_words_b;

static uint32_t *place_words(const struct fence *fence, int64_t lines, int64_t width)
{
    return (uint32_t *)(void *)fence_place(fence, (size_t)(lines * width), 1, 0);
}

static void product_of_words(const struct atau_bf16_kernels *kernels, int64_t m, int64_t n, int64_t k, const float *a,
                             int64_t a_row, int64_t a_column, const float *b, int64_t b_stride, int accumulate, float *c,
                             int64_t c_stride)
{
    const int64_t pairs = (k + 1) / 2;
    const bool    by_columns = a_row == 1 && a_column != 1;
    uint32_t     *words_a = place_words(&fence_words_a, m, pairs), *words_b = place_words(&fence_words_b, pairs, n);
    if (by_columns)
        kernels->pack_pairs(k, m, a, a_column, words_a, m);
    else
        kernels->pack_lines(m, k, a, a_row, words_a, pairs);
    kernels->pack_pairs(k, n, b, b_stride, words_b, n);
    kernels->product(m, n, pairs, words_a, by_columns ? 1 : pairs, by_columns ? m : 1, words_b, n, accumulate, c, c_stride);
    ck_assert(fence_intact(&fence_words_a, (const float *)(const void *)words_a, (size_t)(m * pairs)));
    ck_assert(fence_intact(&fence_words_b, (const float *)(const void *)words_b, (size_t)(pairs * n)));
}

static void product_in_plain_c(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                               const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    product_of_words(&atau_bf16_reference, m, n, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
}

static void product_of_the_cpu(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column,
                               const float *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    product_of_words(rounded[n_levels - 1], m, n, k, a, a_row, a_column, b, b_stride, accumulate, c, c_stride);
}

static void add_rounded(const struct atau_bf16_kernels *kernels, const char *name, atau_product_function product)
{
    struct level *level = &levels[n_levels];
    if (!kernels)
        return;
    snprintf(level->name, sizeof level->name, "%s", name);
    level->kernels = atau_kernels_reference;
    level->kernels.product = product;
    rounded[n_levels] = kernels;
    rounds[n_levels++] = 1;
}

static void find_rounded(void)
{
    struct atau_kernels best = atau_kernels_reference;
    char                name[64], remark[160];
    add_rounded(&atau_bf16_reference, "bfloat16 in plain C", product_in_plain_c);
    if (atau_kernels_select(ADAPTAU_BACKEND_AUTO, atau_cpu_features(), &best, name, remark, NULL) != ADAPTAU_OK)
        exit(1);
    add_rounded(best.bf16, "bfloat16 of the CPU", product_of_the_cpu);
}

static void fill_with_specials(uint32_t *state, size_t n, float *x)
{
    static const float specials[] = {0.0f,      -0.0f,   1e-40f,    -1e-40f,   INFINITY,
                                     -INFINITY, 3.4e38f, 0x1.01p0f, 0x1.03p0f, 0x1.00ffp0f};
    fill_numbers(state, (int64_t)n, x);
    for (size_t i = 0; i < n; i += 7)
        x[i] = specials[i / 7 % (sizeof specials / sizeof *specials)];
}

/* Packing and exponentials of a level are those of plain C, to the bit where there is nothing to sum. */
static void check_words(const struct atau_bf16_kernels *kernels, int64_t lines, int64_t columns)
{
    float    x[9 * 101], sums[2][101], scale[101], shift[101], log_q[9];
    uint32_t words[4][9 * 101], state = (uint32_t)(lines * 101 + columns);
    fill_with_specials(&state, 9 * 101, x);
    for (int side = 0; side < 2; side++) {
        const struct atau_bf16_kernels *k = side ? kernels : &atau_bf16_reference;
        memset(words[side], 0xA5, sizeof words[side]);
        memset(words[side + 2], 0xA5, sizeof words[side + 2]);
        k->pack_lines(lines, columns, x, 101, words[side], 53);
        k->pack_pairs(lines, columns, x, 101, words[side + 2], 101);
    }
    ck_assert(memcmp(words[0], words[1], sizeof words[0]) == 0 && memcmp(words[2], words[3], sizeof words[2]) == 0);
    fill_numbers(&state, 9 * 101, x);
    for (int r = 0; r < 101; r++) {
        scale[r] = 3.0f + 0.01f * (float)r;
        shift[r] = 3.0f;
    }
    for (int j = 0; j < 9; j++)
        log_q[j] = -0.1f * (float)j;
    for (int side = 0; side < 2; side++) {
        const struct atau_bf16_kernels *k = side ? kernels : &atau_bf16_reference;
        memset(sums[side], 0, sizeof sums[side]);
        memset(words[side], 0xA5, sizeof words[side]);
        memset(words[side + 2], 0xA5, sizeof words[side + 2]);
        k->exp_tile(lines, columns, x, 101, scale, shift, columns % 2 ? log_q : NULL, sums[side], words[side], 53,
                    words[side + 2], 101);
    }
    for (int64_t r = 0; r < columns; r++)
        ck_assert(fabsf(sums[0][r] - sums[1][r]) <= 4e-6f * sums[0][r]);
    for (int w = 0; w < 2 * 9 * 101; w++) {
        uint32_t truth = words[w / (9 * 101) * 2][w % (9 * 101)], value = words[w / (9 * 101) * 2 + 1][w % (9 * 101)];
        int64_t  low = (int64_t)(truth & 0xFFFF) - (int64_t)(value & 0xFFFF);
        int64_t  high = (int64_t)(truth >> 16) - (int64_t)(value >> 16);
        ck_assert_msg(llabs(low) <= 1 && llabs(high) <= 1, "word %d of %d x %d: %08x, not %08x", w, (int)lines, (int)columns,
                      (unsigned)value, (unsigned)truth); /* 1: exp may round to the other side                 */
    }
}

START_TEST(words_of_tiles_are_those_of_plain_c)
{
    static const int64_t columns[] = {1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 96, 100, 101};
    if (!rounded[_i])
        return;
    for (int64_t lines = 0; lines <= 9; lines++)
        for (int c = 0; c < 14; c++)
            check_words(rounded[_i], lines, columns[c]);
}
END_TEST

int main(void)
{
    n_levels = find_levels(levels);
    find_rounded();
    fence_a = fence_create(256 * 1024);
    fence_b = fence_create(256 * 1024);
    fence_c = fence_create(256 * 1024);
    fence_words_a = fence_create(256 * 1024);
    fence_words_b = fence_create(256 * 1024);
    Suite *suite = suite_create("product");
    TCase *tcase = tcase_create("product");
    tcase_set_timeout(tcase, 300);
    tcase_add_loop_test(tcase, small_products_equal_sums_in_double, 0, n_levels);
    tcase_add_loop_test(tcase, products_of_engine_tiles_equal_sums_in_double, 0, n_levels);
    tcase_add_loop_test(tcase, products_of_odd_shapes_equal_sums_in_double, 0, n_levels);
    tcase_add_loop_test(tcase, rows_of_a_product_do_not_depend_on_how_they_are_split, 0, n_levels);
    tcase_add_loop_test(tcase, nan_and_infinity_in_the_operands_reach_the_product, 0, n_levels);
    tcase_add_loop_test(tcase, words_of_tiles_are_those_of_plain_c, 0, n_levels);
    suite_add_tcase(suite, tcase);
    int failed = run_suite(suite);
    fence_destroy(&fence_a);
    fence_destroy(&fence_b);
    fence_destroy(&fence_c);
    fence_destroy(&fence_words_a);
    fence_destroy(&fence_words_b);
    return failed;
}
