/* SPDX-License-Identifier: MIT */
/* k-means against Lloyd's method as one writes it down, in double precision and from the same rows. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../support/one_context.h"
#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/suite.h"
#include "core/kmeans.h"

#define ROWS 1500
#define DIM 7
#define STRIDE 9
#define MOST 700

static float   rows[ROWS * STRIDE], centroids[MOST * DIM];
static int32_t nearest[ROWS];
static double  means[MOST][DIM];
static int32_t own[ROWS];

/* 40 heaps and what lies between. */
static void make_rows(void)
{
    random_state = 11;
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < DIM; k++)
            rows[r * STRIDE + k] = (float)(draw(2000) - 1000) / (r % 3 ? 8000.0f : 1000.0f) + (float)sin((r % 40) * (k + 1.3));
}

static void run(adaptau_context *in, int32_t k)
{
    struct atau_stream stream;
    struct atau_kmeans problem = {ROWS, DIM, rows, STRIDE, k, &stream};
    atau_stream_start(&stream, 5, ATAU_RANDOM_PROTOTYPES, 0, 0);
    OK(atau_kmeans_run(in, &problem, centroids, nearest, &error));
}

static double distance(const float *row, const double *mean)
{
    double sum = 0.0;
    for (int k = 0; k < DIM; k++)
        sum += ((double)row[k] - mean[k]) * ((double)row[k] - mean[k]);
    return sum;
}

/* One round; whether a row has another centroid than before. */
static bool assign(int32_t k)
{
    bool changed = false;
    for (int r = 0; r < ROWS; r++) {
        int32_t best = 0;
        for (int32_t c = 1; c < k; c++)
            if (distance(rows + r * STRIDE, means[c]) < distance(rows + r * STRIDE, means[best]))
                best = c;
        changed = changed || own[r] != best;
        own[r] = best;
    }
    return changed;
}

static void average(int32_t k)
{
    static int n[MOST];
    memset(n, 0, sizeof n);
    for (int r = 0; r < ROWS; r++)
        n[own[r]]++;
    for (int32_t c = 0; c < k; c++)
        ck_assert_int_gt(n[c], 0); /* this reference moves no empty ones                                               */
    memset(means, 0, sizeof means);
    for (int r = 0; r < ROWS; r++)
        for (int x = 0; x < DIM; x++)
            means[own[r]][x] += (double)rows[r * STRIDE + x] / n[own[r]];
}

static void run_reference(int32_t k)
{
    struct atau_stream stream;
    atau_stream_start(&stream, 5, ATAU_RANDOM_PROTOTYPES, 0, 0);
    for (int r = 0, taken = 0; taken < k; r++)
        if ((int32_t)atau_stream_below(&stream, (uint32_t)(ROWS - r)) < k - taken) {
            for (int x = 0; x < DIM; x++)
                means[taken][x] = (double)rows[r * STRIDE + x];
            taken++;
        }
    memset(own, 0xFF, sizeof own);
    bool changed = assign(k);
    for (int round = 0; round < ATAU_KMEANS_ROUNDS && changed; round++) {
        average(k);
        changed = assign(k);
    }
}

START_TEST(agrees_with_a_plain_reference)
{
    const int32_t k[] = {1, 2, 40, 300};
    make_rows();
    run_reference(k[_i]);
    run(context, k[_i]);
    ck_assert_mem_eq(nearest, own, sizeof own);
    for (int i = 0; i < k[_i] * DIM; i++)
        ck_assert(fabs((double)centroids[i] - means[i / DIM][i % DIM]) < 1e-5);
}
END_TEST

START_TEST(is_bitwise_equal_for_any_number_of_threads)
{
    static float   first[MOST * DIM];
    static int32_t first_nearest[ROWS];
    make_rows();
    for (int32_t threads = 1; threads <= 4; threads++) {
        adaptau_context_options options = {.struct_size = sizeof options, .n_threads = threads};
        adaptau_context        *other = NULL;
        OK(adaptau_context_create(&options, &other, &error));
        run(other, MOST);
        if (threads == 1) {
            memcpy(first, centroids, sizeof first);
            memcpy(first_nearest, nearest, sizeof first_nearest);
        }
        ck_assert_mem_eq(first, centroids, sizeof first);
        ck_assert_mem_eq(first_nearest, nearest, sizeof first_nearest);
        adaptau_context_destroy(other);
    }
}
END_TEST

/* Equal rows: all go to the lowest of the equal centroids, the others move to rows that are far from theirs, and find some. */
START_TEST(a_centroid_that_loses_its_rows_moves_to_a_far_one)
{
    make_rows();
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < DIM; k++)
            rows[r * STRIDE + k] = r < ROWS - 8 ? 1.0f : (float)(r - ROWS + k + 20);
    run(context, 9);
    int32_t seen[9] = {0};
    for (int r = 0; r < ROWS; r++)
        seen[nearest[r]]++;
    for (int c = 0; c < 9; c++)
        ck_assert_int_gt(seen[c], 0);
}
END_TEST

/* Nothing changes from the beginning, and yet all centroids are means or rows. For numbers of rows around a line of memory. */
START_TEST(centroids_of_equal_rows_are_the_row)
{
    for (int n = 12; n <= 20; n++) {
        struct atau_stream stream;
        struct atau_kmeans problem = {n, DIM, rows, STRIDE, 5, &stream};
        for (int r = 0; r < ROWS; r++)
            for (int x = 0; x < DIM; x++)
                rows[r * STRIDE + x] = r < n ? 0.5f * (float)x : 1e9f;
        atau_stream_start(&stream, 5, ATAU_RANDOM_PROTOTYPES, 0, 0);
        OK(atau_kmeans_run(context, &problem, centroids, nearest, &error));
        for (int k = 0; k < 5 * DIM; k++)
            ck_assert(fabsf(centroids[k] - rows[k % DIM]) < 1e-6f);
        for (int r = 0; r < n; r++)
            ck_assert_int_eq(nearest[r], 0);
    }
}
END_TEST

/* Rows in a line, ever further apart, of which a round takes a few from one heap to the other: Lloyd's method needs more rounds
 * than there are, and what it has after the last one is the answer. */
START_TEST(rounds_end_where_they_are_said_to)
{
    int rounds = 0;
    memset(rows, 0, sizeof rows);
    for (int r = 0; r < ROWS; r++)
        for (int x = 0; x < DIM; x++)
            rows[r * STRIDE + x] = x == 0 ? (float)exp(0.006 * r) : 0.0f;
    run_reference(12);
    run(context, 12);
    ck_assert_mem_eq(nearest, own, sizeof own);
    for (int i = 0; i < 12 * DIM; i++)
        ck_assert(fabs((double)centroids[i] - means[i / DIM][i % DIM]) < 1e-5 * fmax(1.0, fabs(means[i / DIM][i % DIM])));
    for (bool changed = true; changed; rounds++) { /* and it has not come to its end                           */
        average(12);
        changed = assign(12);
    }
    ck_assert_int_gt(rounds, 1);
}
END_TEST

START_TEST(as_many_centroids_as_rows_are_the_rows)
{
    struct atau_stream stream;
    struct atau_kmeans problem = {60, DIM, rows, STRIDE, 60, &stream};
    make_rows();
    atau_stream_start(&stream, 5, ATAU_RANDOM_PROTOTYPES, 1, 0);
    OK(atau_kmeans_run(context, &problem, centroids, nearest, &error));
    for (int r = 0; r < 60; r++) {
        ck_assert_int_eq(nearest[r], r);
        ck_assert_mem_eq(centroids + r * DIM, rows + r * STRIDE, DIM * sizeof(float));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kmeans");
    TCase *tests = tcase_create("kmeans");
    tcase_add_unchecked_fixture(tests, open_context, close_context);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, agrees_with_a_plain_reference, 0, 4);
    tcase_add_test(tests, is_bitwise_equal_for_any_number_of_threads);
    tcase_add_test(tests, a_centroid_that_loses_its_rows_moves_to_a_far_one);
    tcase_add_test(tests, centroids_of_equal_rows_are_the_row);
    tcase_add_test(tests, rounds_end_where_they_are_said_to);
    tcase_add_test(tests, as_many_centroids_as_rows_are_the_rows);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
