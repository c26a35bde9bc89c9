/* SPDX-License-Identifier: MIT */
/* adaptau_normalise_rows and its backward pass, against the formulas in double. */
#include <adaptau/kernels.h>

#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/suite.h"

#define EPSILON 0x1p-23 /* relative distance of neighbouring floats                                            */

static adaptau_context *context;

static float next_number(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (float)(int32_t)(*state >> 32) * 0x1p-31f;
}

static float *make_numbers(int64_t n, uint64_t seed)
{
    float *x = malloc((size_t)n * sizeof *x);
    for (int64_t i = 0; i < n; i++)
        x[i] = next_number(&seed);
    return x;
}

static double norm_in_double(int64_t dim, const float *row)
{
    double squares = 0.0;
    for (int64_t k = 0; k < dim; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

static void assert_close(const char *what, int64_t r, int64_t k, float value, double truth, double bound)
{
    if (!(fabs((double)value - truth) <= bound))
        ck_abort_msg("%s[%d][%d] = %.9g, not %.9g", what, (int)r, (int)k, (double)value, truth);
}

/* ---- forward ------------------------------------------------------------------------------------------------------- */

static void check_forward(int64_t n, int32_t dim, int64_t in_stride, int64_t out_stride)
{
    float *in = make_numbers(n * in_stride, (uint64_t)dim), *out = make_numbers(n * out_stride, 7);
    float *before = make_numbers(n * out_stride, 7), *norms = malloc((size_t)n * sizeof *norms);
    memset(in + in_stride, 0, (size_t)dim * sizeof *in);
    ck_assert_int_eq(adaptau_normalise_rows(context, n, dim, in, in_stride, out, out_stride, norms, NULL), ADAPTAU_OK);
    for (int64_t r = 0; r < n; r++) {
        double norm = norm_in_double(dim, in + r * in_stride);
        assert_close("norms", r, 0, norms[r], norm, (double)(dim + 2) * EPSILON * norm);
        for (int64_t k = 0; k < dim; k++)
            assert_close("out", r, k, out[r * out_stride + k], norm > 0 ? (double)in[r * in_stride + k] / norm : 0.0,
                         (double)(dim + 4) * EPSILON);
        size_t gap = (size_t)(out_stride - dim) * sizeof *out;
        ck_assert(memcmp(out + r * out_stride + dim, before + r * out_stride + dim, gap) == 0);
    }
    free(in);
    free(out);
    free(before);
    free(norms);
}

START_TEST(normalised_rows_equal_the_formula_in_double)
{
    check_forward(3, 1, 1, 1);
    check_forward(1000, 64, 64, 64);
    check_forward(1000, 64, 67, 71);
    check_forward(300, 7, 8, 7);
    check_forward(2, 65536, 65536, 65537);
}
END_TEST

START_TEST(normalises_in_place_and_without_norms)
{
    float *x = make_numbers(600 * 20, 3), *out = malloc(sizeof(float) * 600 * 20);
    ck_assert_int_eq(adaptau_normalise_rows(context, 600, 19, x, 20, out, 20, NULL, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_normalise_rows(context, 600, 19, x, 20, x, 20, NULL, NULL), ADAPTAU_OK);
    for (int r = 0; r < 600; r++)
        ck_assert_msg(memcmp(x + r * 20, out + r * 20, 19 * sizeof *x) == 0, "row %d", r);
    free(x);
    free(out);
}
END_TEST

START_TEST(stride_0_means_rows_side_by_side)
{
    float *x = make_numbers(50 * 7, 5), *out[2] = {malloc(sizeof(float) * 50 * 7), malloc(sizeof(float) * 50 * 7)}, norms[50];
    for (int way = 0; way < 2; way++) {
        ck_assert_int_eq(adaptau_normalise_rows(context, 50, 7, x, way * 7, out[way], way * 7, norms, NULL), ADAPTAU_OK);
        float *gradients = make_numbers(50 * 7, 6);
        ck_assert_int_eq(adaptau_normalise_rows_backward(context, 50, 7, out[way], way * 7, norms, gradients, way * 7, NULL), ADAPTAU_OK);
        memcpy(out[way], gradients, sizeof(float) * 50 * 7);
        free(gradients);
    }
    ck_assert_mem_eq(out[0], out[1], sizeof(float) * 50 * 7);
    free(x);
    free(out[0]);
    free(out[1]);
}
END_TEST

/* Squares of these overflow or vanish in float. */
START_TEST(rows_of_any_finite_length_become_unit_rows)
{
    static const float lengths[] = {FLT_MAX, 1e30f, 2e19f, 1e18f, 1.0f, 1e-12f, 1e-19f, 1e-20f, 1e-30f, 1e-37f, 1e-40f};
    for (size_t s = 0; s < sizeof lengths / sizeof *lengths; s++)
        for (int32_t dim = 1; dim <= 70; dim += 23) {
            float *x = make_numbers(dim, 11), *out = malloc((size_t)dim * sizeof *out), norm;
            for (int32_t k = 0; k < dim; k++)
                x[k] *= lengths[s];
            ck_assert_int_eq(adaptau_normalise_rows(context, 1, dim, x, dim, out, dim, &norm, NULL), ADAPTAU_OK);
            double truth = norm_in_double(dim, x);
            if (truth > (double)FLT_MAX)
                ck_assert(norm == FLT_MAX);
            else
                assert_close("norm", 0, 0, norm, truth, (double)(dim + 2) * EPSILON * truth + (double)FLT_TRUE_MIN);
            for (int32_t k = 0; k < dim; k++)
                assert_close("out", 0, k, out[k], (double)x[k] / truth, (double)(dim + 4) * EPSILON);
            free(x);
            free(out);
        }
}
END_TEST

START_TEST(smallest_and_greatest_floats_become_unit_rows)
{
    float rows[3][2] = {{FLT_TRUE_MIN, 0.0f}, {-FLT_TRUE_MIN, FLT_TRUE_MIN}, {FLT_MAX, -FLT_MAX}}, out[3][2], norms[3];
    ck_assert_int_eq(adaptau_normalise_rows(context, 3, 2, rows[0], 2, out[0], 2, norms, NULL), ADAPTAU_OK);
    ck_assert(out[0][0] == 1.0f && out[0][1] == 0.0f && norms[0] == FLT_TRUE_MIN);
    for (int r = 1; r < 3; r++)
        for (int k = 0; k < 2; k++)
            assert_close("out", r, k, out[r][k], (rows[r][k] < 0 ? -1 : 1) * sqrt(0.5), EPSILON);
    ck_assert(norms[2] == FLT_MAX);
}
END_TEST

START_TEST(no_rows_are_fine_without_arrays)
{
    ck_assert_int_eq(adaptau_normalise_rows(context, 0, 4, NULL, 4, NULL, 4, NULL, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_normalise_rows_backward(context, 0, 4, NULL, 4, NULL, NULL, 4, NULL), ADAPTAU_OK);
}
END_TEST

/* ---- backward ------------------------------------------------------------------------------------------------------ */

static void check_backward(int64_t n, int32_t dim, int64_t unit_stride, int64_t gradient_stride, int with_norms)
{
    float *unit = make_numbers(n * unit_stride, 5), *gradients = make_numbers(n * gradient_stride, 6);
    float *before = make_numbers(n * gradient_stride, 6), *norms = malloc((size_t)n * sizeof *norms);
    ck_assert_int_eq(adaptau_normalise_rows(context, n, dim, unit, unit_stride, unit, unit_stride, norms, NULL), ADAPTAU_OK);
    for (int64_t r = 0; r < n; r += 3)
        norms[r] = r % 2 ? 0.0f : 1.0f;
    ck_assert_int_eq(adaptau_normalise_rows_backward(context, n, dim, unit, unit_stride, with_norms ? norms : NULL, gradients,
                                                     gradient_stride, NULL),
                     ADAPTAU_OK);
    for (int64_t r = 0; r < n; r++) {
        const float *e = unit + r * unit_stride, *g = before + r * gradient_stride;
        double       along = 0.0, norm = with_norms ? (double)norms[r] : 1.0, size = norm_in_double(dim, g);
        for (int64_t k = 0; k < dim; k++)
            along += (double)e[k] * (double)g[k];
        for (int64_t k = 0; k < gradient_stride; k++) {
            double truth = k >= dim ? (double)g[k] : norm == 0.0 ? 0.0 : ((double)g[k] - along * (double)e[k]) / norm;
            double bound = norm == 0.0 || k >= dim ? 0.0 : (double)(dim + 4) * EPSILON * size / norm;
            assert_close("gradients", r, k, gradients[r * gradient_stride + k], truth, bound);
        }
    }
    free(unit);
    free(gradients);
    free(before);
    free(norms);
}

START_TEST(backward_equals_the_formula_in_double)
{
    for (int with_norms = 0; with_norms < 2; with_norms++) {
        check_backward(3, 1, 1, 1, with_norms);
        check_backward(1000, 64, 64, 64, with_norms);
        check_backward(1000, 64, 67, 71, with_norms);
        check_backward(300, 7, 8, 7, with_norms);
    }
}
END_TEST

/* A smooth function of the unit row, Σ w_k ê_k + (Σ w_k ê_k)², of the raw row, in double. */
static double function_of_row(int dim, const double *row, const float *weights)
{
    double squares = 0.0, sum = 0.0;
    for (int k = 0; k < dim; k++) {
        squares += row[k] * row[k];
        sum += (double)weights[k] * row[k];
    }
    sum /= sqrt(squares);
    return sum + sum * sum;
}

START_TEST(backward_equals_central_differences)
{
    enum { DIM = 13 };
    float *row = make_numbers(DIM, 21), *weights = make_numbers(DIM, 22), unit[DIM], gradient[DIM], norm;
    double raw[DIM], sum = 0.0;
    ck_assert_int_eq(adaptau_normalise_rows(context, 1, DIM, row, DIM, unit, DIM, &norm, NULL), ADAPTAU_OK);
    for (int k = 0; k < DIM; k++) {
        raw[k] = (double)row[k];
        sum += (double)weights[k] * (double)unit[k];
    }
    for (int k = 0; k < DIM; k++)
        gradient[k] = (float)((1.0 + 2.0 * sum) * (double)weights[k]);
    ck_assert_int_eq(adaptau_normalise_rows_backward(context, 1, DIM, unit, DIM, &norm, gradient, DIM, NULL), ADAPTAU_OK);
    for (int k = 0; k < DIM; k++) {
        const double h = 1e-5, at = raw[k];
        raw[k] = at + h;
        double above = function_of_row(DIM, raw, weights);
        raw[k] = at - h;
        double below = function_of_row(DIM, raw, weights);
        raw[k] = at;
        assert_close("gradient", 0, k, gradient[k], (above - below) / (2 * h), 2e-6);
    }
    free(row);
    free(weights);
}
END_TEST

/* Products and inverses of these leave float32's range although the results do not. */
START_TEST(backward_survives_extreme_norms_and_gradients)
{
    static const struct {
        float norm, gradient;
    } cases[] = {{FLT_MAX, 1e30f},       {1e38f, 1e38f},  {1e35f, 3e38f}, {1e-40f, 1e-39f},
                 {FLT_TRUE_MIN, 1e-44f}, {1e-35f, 1e-9f}, {2.0f, 2e38f}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        float unit[4] = {0.5f, 0.5f, 0.5f, 0.5f}, norm = cases[i].norm, g = cases[i].gradient;
        float gradient[4] = {g, g, g, -g}, again[4] = {g, g, g, g};
        ck_assert_int_eq(adaptau_normalise_rows_backward(context, 1, 4, unit, 4, &norm, gradient, 4, NULL), ADAPTAU_OK);
        ck_assert_int_eq(adaptau_normalise_rows_backward(context, 1, 4, unit, 4, &norm, again, 4, NULL), ADAPTAU_OK);
        for (int k = 0; k < 4; k++) {
            double truth = (k < 3 ? 0.5 : -1.5) * (double)g / (double)norm;
            assert_close("gradient", (int64_t)i, k, gradient[k], truth, 4 * EPSILON * fabs(truth) + (double)FLT_TRUE_MIN);
            ck_assert(again[k] == 0.0f);
        }
    }
}
END_TEST

/* ---- threads ------------------------------------------------------------------------------------------------------- */

START_TEST(results_are_the_same_for_any_number_of_threads)
{
    enum { N = 3001, DIM = 33 };
    static float first[N * DIM], first_gradients[N * DIM];
    for (int32_t threads = 1; threads <= 7; threads += threads == 4 ? 3 : 1) {
        adaptau_context_options options = {.struct_size = sizeof options, .n_threads = threads};
        adaptau_context        *own;
        float                  *x = make_numbers(N * DIM, 31), *g = make_numbers(N * DIM, 32);
        float                  *norms = malloc(N * sizeof *norms);
        ck_assert_int_eq(adaptau_context_create(&options, &own, NULL), ADAPTAU_OK);
        ck_assert_int_eq(adaptau_normalise_rows(own, N, DIM, x, DIM, x, DIM, norms, NULL), ADAPTAU_OK);
        ck_assert_int_eq(adaptau_normalise_rows_backward(own, N, DIM, x, DIM, norms, g, DIM, NULL), ADAPTAU_OK);
        if (threads == 1) {
            memcpy(first, x, sizeof first);
            memcpy(first_gradients, g, sizeof first_gradients);
        }
        ck_assert(memcmp(first, x, sizeof first) == 0 && memcmp(first_gradients, g, sizeof first_gradients) == 0);
        adaptau_context_destroy(own);
        free(x);
        free(g);
        free(norms);
    }
}
END_TEST

/* ---- bad input ----------------------------------------------------------------------------------------------------- */

/* A sum of squares that overflows is no reason to refuse. */
START_TEST(finds_the_bad_row_behind_one_that_overflows)
{
    float         rows[3][2] = {{FLT_MAX, FLT_MAX}, {1.0f, 1.0f}, {0.0f, NAN}}, out[3][2] = {{0}};
    adaptau_error error;
    ck_assert_int_eq(adaptau_normalise_rows(context, 2, 2, rows[0], 2, out[0], 2, NULL, &error), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_normalise_rows(context, 3, 2, rows[0], 2, out[0], 2, NULL, &error), ADAPTAU_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.message, "in[2]"));
}
END_TEST

static Suite *rows_suite(void)
{
    Suite *suite = suite_create("rows");
    TCase *tests = tcase_create("rows");
    tcase_add_test(tests, normalised_rows_equal_the_formula_in_double);
    tcase_add_test(tests, normalises_in_place_and_without_norms);
    tcase_add_test(tests, stride_0_means_rows_side_by_side);
    tcase_add_test(tests, rows_of_any_finite_length_become_unit_rows);
    tcase_add_test(tests, smallest_and_greatest_floats_become_unit_rows);
    tcase_add_test(tests, no_rows_are_fine_without_arrays);
    tcase_add_test(tests, backward_equals_the_formula_in_double);
    tcase_add_test(tests, backward_equals_central_differences);
    tcase_add_test(tests, backward_survives_extreme_norms_and_gradients);
    tcase_add_test(tests, results_are_the_same_for_any_number_of_threads);
    tcase_add_test(tests, finds_the_bad_row_behind_one_that_overflows);
    suite_add_tcase(suite, tests);
    return suite;
}

/* With the fastest kernels, and with plain C. */
int main(void)
{
    int failed = 0;
    for (int32_t backend = ADAPTAU_BACKEND_AUTO; backend <= ADAPTAU_BACKEND_REFERENCE; backend++) {
        adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 2, .backend = backend};
        if (adaptau_context_create(&options, &context, NULL) != ADAPTAU_OK)
            return 1;
        failed |= run_suite(rows_suite());
        adaptau_context_destroy(context);
    }
    return failed;
}
