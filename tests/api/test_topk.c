/* SPDX-License-Identifier: MIT */
/* adaptau_top_k against a full sort, and what it rejects. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/suite.h"

/* ---- against a full sort ----------------------------------------------------------------------------------------- */

struct cell {
    float   score;
    int32_t column;
};

static int compare_cells(const void *left, const void *right)
{
    const struct cell *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->column < b->column ? -1 : 1;
}

struct problem {
    int32_t  rows, columns, stride, k;
    float   *scores;
    int64_t *exclude_ptr;
    int32_t *exclude;
};

static void expect_row(const struct problem *p, int32_t row, const int32_t *columns, const float *values)
{
    struct cell  *cells = malloc(((size_t)p->columns + 1) * sizeof *cells);
    char         *excluded = calloc((size_t)p->columns + 1, 1);
    const float  *scores = p->scores + (int64_t)row * p->stride;
    int32_t       n = 0;
    for (int64_t e = p->exclude_ptr[row]; e < p->exclude_ptr[row + 1]; e++)
        excluded[p->exclude[e]] = 1;
    for (int32_t c = 0; c < p->columns; c++)
        if (!excluded[c] && !isnan(scores[c]))
            cells[n++] = (struct cell){scores[c], c};
    qsort(cells, (size_t)n, sizeof *cells, compare_cells);
    for (int32_t i = 0; i < p->k; i++) {
        ck_assert_int_eq(columns[(int64_t)row * p->k + i], i < n ? cells[i].column : -1);
        ck_assert(values[(int64_t)row * p->k + i] == (i < n ? cells[i].score : -INFINITY));
    }
    free(excluded);
    free(cells);
}

/* Few distinct scores, so that most are tied; now and then a NaN, an infinity, a zero of either sign. */
static float draw_score(int32_t distinct)
{
    static const float odd[] = {NAN, INFINITY, -INFINITY, 0.0f, -0.0f};
    return draw(12) ? (float)(draw(distinct) - distinct / 2) * 0.25f : odd[draw(5)];
}

static struct problem make_problem(int32_t rows, int32_t columns, int32_t k, int32_t distinct, int32_t excluded_percent)
{
    struct problem p = {.rows = rows, .columns = columns, .stride = columns + 3, .k = k};
    size_t         cells = (size_t)rows * (size_t)p.stride + 1;
    p.scores = malloc(cells * sizeof *p.scores);
    p.exclude_ptr = calloc((size_t)rows + 1, sizeof *p.exclude_ptr);
    p.exclude = malloc(cells * sizeof *p.exclude);
    for (size_t c = 0; c < cells; c++)
        p.scores[c] = draw_score(distinct);
    for (int32_t r = 0; r < rows; r++) {
        p.exclude_ptr[r + 1] = p.exclude_ptr[r];
        for (int32_t c = 0; c < columns; c++)
            if (draw(100) < excluded_percent)
                p.exclude[p.exclude_ptr[r + 1]++] = c;
    }
    return p;
}

static void free_problem(struct problem *p)
{
    free(p->scores);
    free(p->exclude_ptr);
    free(p->exclude);
}

static void check_problem(struct problem *p)
{
    size_t   places = (size_t)p->rows * (size_t)p->k;
    int32_t *columns = malloc(places * sizeof *columns), *columns_alone = malloc(places * sizeof *columns);
    float   *values = malloc(places * sizeof *values);
    OK(adaptau_top_k(context, p->rows, p->columns, p->scores, p->stride, p->k, p->exclude_ptr, p->exclude, columns, values,
                     &error));
    for (int32_t r = 0; r < p->rows; r++)
        expect_row(p, r, columns, values);
    OK(adaptau_top_k(context, p->rows, p->columns, p->scores, p->stride, p->k, p->exclude_ptr, p->exclude, columns_alone,
                     NULL, &error));
    ck_assert_mem_eq(columns, columns_alone, places * sizeof *columns);
    free(columns);
    free(columns_alone);
    free(values);
}

START_TEST(chooses_what_a_full_sort_chooses)
{
    static const int32_t shapes[][4] = {/* columns, k, distinct scores, excluded percent */
                                        {1, 1, 3, 0},      {1, 4, 3, 50},      {5, 2, 2, 30},       {63, 7, 5, 10},
                                        {64, 64, 9, 10},   {65, 64, 1000, 0},  {130, 1, 4, 90},     {1000, 20, 50, 20},
                                        {1000, 20, 1, 20}, {777, 2000, 30, 5}, {4096, 100, 100000, 1}};
    random_state = 5;
    for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
        struct problem p = make_problem(21, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
        check_problem(&p);
        free_problem(&p);
    }
}
END_TEST

START_TEST(ties_go_to_the_lower_column_and_minus_zero_is_zero)
{
    static const float scores[] = {-0.0f, 0.0f, 1.0f, -0.0f, 1.0f, -1.0f};
    static const int32_t expected[] = {2, 4, 0, 1, 3};
    int32_t            columns[5];
    OK(adaptau_top_k(context, 1, 6, scores, 6, 5, NULL, NULL, columns, NULL, &error));
    ck_assert_mem_eq(columns, expected, sizeof expected);
}
END_TEST

START_TEST(never_chooses_nan)
{
    float   scores[200], values[3];
    int32_t columns[3];
    for (int c = 0; c < 200; c++)
        scores[c] = NAN;
    OK(adaptau_top_k(context, 1, 200, scores, 200, 3, NULL, NULL, columns, values, &error));
    for (int i = 0; i < 3; i++) {
        ck_assert_int_eq(columns[i], -1);
        ck_assert(values[i] == -INFINITY);
    }
    scores[150] = -INFINITY;
    OK(adaptau_top_k(context, 1, 200, scores, 200, 3, NULL, NULL, columns, values, &error));
    ck_assert_int_eq(columns[0], 150);
    ck_assert_int_eq(columns[1], -1);
}
END_TEST

START_TEST(accepts_no_rows_and_no_columns)
{
    int32_t column = 7;
    OK(adaptau_top_k(context, 0, 5, NULL, 5, 3, NULL, NULL, NULL, NULL, &error));
    ck_assert_int_eq(column, 7);
    OK(adaptau_top_k(context, 1, 0, NULL, 0, 1, NULL, NULL, &column, NULL, &error));
    ck_assert_int_eq(column, -1);
}
END_TEST

START_TEST(accepts_a_column_that_is_excluded_twice)
{
    static const float   scores[] = {1, 5, 4, 3};
    static const int64_t ptr[] = {0, 3};
    static const int32_t exclude[] = {1, 1, 3};
    int32_t              columns[3];
    OK(adaptau_top_k(context, 1, 4, scores, 4, 3, ptr, exclude, columns, NULL, &error));
    ck_assert_int_eq(columns[0], 2);
    ck_assert_int_eq(columns[1], 0);
    ck_assert_int_eq(columns[2], -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("topk");
    TCase *tests = tcase_create("topk");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_add_test(tests, chooses_what_a_full_sort_chooses);
    tcase_add_test(tests, ties_go_to_the_lower_column_and_minus_zero_is_zero);
    tcase_add_test(tests, never_chooses_nan);
    tcase_add_test(tests, accepts_no_rows_and_no_columns);
    tcase_add_test(tests, accepts_a_column_that_is_excluded_twice);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
