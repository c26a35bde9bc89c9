/* SPDX-License-Identifier: MIT */
/* The closed forms against tests/reference/closed_forms.txt, which closed_forms.py beside it computes in 60 digits. */
#include <adaptau/kernels.h>

#include <check.h>
#include <float.h>
#include <math.h>

#include "../support/suite.h"
#include "../support/reference.h"

static double relative_error(double value, double reference)
{
    return value == reference ? 0.0 : fabs(value - reference) / fabs(reference);
}

START_TEST(lambert_w_has_the_promised_accuracy)
{
    int     n;
    double *pairs = reference_read("closed_forms.txt", "lambert", &n);
    double  worst = 0.0;
    for (int i = 0; i < n; i += 2) {
        double error = relative_error(adaptau_lambert_w0(pairs[i]), pairs[i + 1]);
        worst = fmax(worst, error);
        ck_assert_msg(error < 4e-16, "W(%.17g) = %.17g, not %.17g", pairs[i], adaptau_lambert_w0(pairs[i]), pairs[i + 1]);
    }
    printf("lambert_w0: %d points, worst relative error %.2g\n", n / 2, worst);
    free(pairs);
}
END_TEST

START_TEST(lambert_w_inverts_its_definition_and_never_decreases)
{
    double previous = -1.0;
    for (int i = 0; i <= 200000; i++) {
        double x = -0.36787944117144233 + (i < 100000 ? i * 1e-5 : 1.0 + pow(1.001, i / 10.0 - 10000.0) - 1.0);
        double w = adaptau_lambert_w0(x);
        ck_assert_msg(w >= previous - 4e-16 * fabs(w), "W(%.17g) = %.17g after %.17g", x, w, previous);
        ck_assert_msg(fabs(w * exp(w) - x) <= 1e-15 * fmax(1.0, fabs(w)) * fmax(fabs(x), 1.0), "W(%.17g) = %.17g", x, w);
        previous = w;
    }
}
END_TEST

START_TEST(lambert_w_is_defined_for_every_input)
{
    ck_assert(adaptau_lambert_w0(-0.36787944117144233) <= -1.0 + 2e-8);
    ck_assert_double_eq(adaptau_lambert_w0(-0.36787944117144239), -1.0);
    ck_assert_double_eq(adaptau_lambert_w0(-0.5), -1.0);
    ck_assert_double_eq(adaptau_lambert_w0(-DBL_MAX), -1.0);
    ck_assert_double_eq(adaptau_lambert_w0(-INFINITY), -1.0);
    ck_assert(isinf(adaptau_lambert_w0(INFINITY)));
    ck_assert(isnan(adaptau_lambert_w0(NAN)));
    ck_assert(adaptau_lambert_w0(0.0) == 0.0 && !signbit(adaptau_lambert_w0(0.0)));
    ck_assert(adaptau_lambert_w0(-0.0) == 0.0 && signbit(adaptau_lambert_w0(-0.0)));
    ck_assert_double_eq(adaptau_lambert_w0(4.9406564584124654e-324), 4.9406564584124654e-324);
    ck_assert_double_eq_tol(adaptau_lambert_w0(DBL_MAX), 703.2270331047702, 1e-12);
    ck_assert_double_eq_tol(adaptau_lambert_w0(2.718281828459045), 1.0, 2e-16);
}
END_TEST

START_TEST(log_ratio_of_published_data_sets)
{
    ck_assert_double_eq_tol(adaptau_log_ratio(29858, 40981, 810128), 6.626977193840749, 1e-14);
    ck_assert_double_eq_tol(adaptau_log_ratio(22490, 40981, 746347), 6.425596769544532, 1e-14);
    ck_assert_double_eq_tol(adaptau_log_ratio(6022, 3043, 796244), 2.4429657278604062, 1e-14);
    ck_assert_double_eq_tol(adaptau_log_ratio(INT64_MAX, INT64_MAX, 1), 2 * 43.66827237527655 - 0.6931471805599453, 1e-12);
}
END_TEST

/* A single user, item or interaction is one, and data that are more than half full have a negative one. */
START_TEST(log_ratio_of_the_smallest_data_is_the_formula)
{
    for (int64_t n = 1; n <= 3; n++)
        for (int64_t m = 1; m <= 3; m++)
            for (int64_t interactions = 1; interactions <= 3; interactions++)
                ck_assert_double_eq_tol(adaptau_log_ratio(n, m, interactions), log((double)(n * m) / (double)(2 * interactions)), 1e-15);
}
END_TEST

START_TEST(log_ratio_of_nothing_is_nan)
{
    ck_assert(isnan(adaptau_log_ratio(0, 1, 1)));
    ck_assert(isnan(adaptau_log_ratio(1, 0, 1)));
    ck_assert(isnan(adaptau_log_ratio(1, 1, 0)));
    ck_assert(isnan(adaptau_log_ratio(-3, -2, 1)));
    ck_assert(isnan(adaptau_log_ratio(INT64_MIN, 1, INT64_MIN)));
}
END_TEST

START_TEST(tau0_eq14_is_the_quotient_or_nan)
{
    ck_assert_double_eq_tol(adaptau_tau0_eq14(0.75, 0.05, 7.0), 0.1, 1e-16);
    ck_assert(isnan(adaptau_tau0_eq14(0.05, 0.75, 7.0)));
    ck_assert(isnan(adaptau_tau0_eq14(0.5, 0.5, 7.0)));
    ck_assert(isnan(adaptau_tau0_eq14(0.75, 0.05, 0.0)));
    ck_assert(isnan(adaptau_tau0_eq14(0.75, 0.05, -1.0)));
    ck_assert(isnan(adaptau_tau0_eq14(NAN, 0.05, 7.0)));
    ck_assert(isnan(adaptau_tau0_eq14(INFINITY, 0.05, 7.0)));
    ck_assert(isnan(adaptau_tau0_eq14(0.75, 0.05, NAN)));
}
END_TEST

START_TEST(tau0_eq34_equals_its_formula_in_many_digits)
{
    int     n;
    double *rows = reference_read("closed_forms.txt", "eq34", &n);
    for (const double *row = rows; row < rows + n; row += 6) {
        int32_t clamped = -1;
        double  tau = adaptau_tau0_eq34(row[0], row[1], row[2], row[3], row[4], &clamped);
        double  delta = row[0] - row[1];
        ck_assert_int_eq(clamped, delta * delta + 2 * (row[2] - row[3]) * row[4] < 0);
        if (isnan(row[5]))
            ck_assert(isnan(tau));
        else
            ck_assert_msg(relative_error(tau, row[5]) < 1e-15, "%.17g, not %.17g", tau, row[5]);
    }
    free(rows);
}
END_TEST

START_TEST(tau0_eq34_is_eq14_when_variances_agree)
{
    for (int i = 1; i < 100; i++)
        ck_assert_double_eq(adaptau_tau0_eq34(0.01 * i, 0.003, 0.02, 0.02, 6.4, NULL),
                            adaptau_tau0_eq14(0.01 * i, 0.003, 6.4));
}
END_TEST

START_TEST(tau0_eq34_clamps_a_negative_radicand_and_says_so)
{
    int32_t clamped = 0;
    double  tau = adaptau_tau0_eq34(0.2, 0.1, 0.0, 0.5, 6.0, &clamped);
    ck_assert_int_eq(clamped, 1);
    ck_assert_double_eq_tol(tau, 0.1 / 12.0, 1e-16);
    ck_assert(isnan(adaptau_tau0_eq34(0.1, 0.2, 0.0, 0.5, 6.0, &clamped)));
    ck_assert_int_eq(clamped, 1);
    ck_assert(isnan(adaptau_tau0_eq34(0.2, NAN, 0.0, 0.5, 6.0, &clamped)));
    ck_assert_int_eq(clamped, 0);
    ck_assert(isnan(adaptau_tau0_eq34(0.2, 0.1, 0.0, 0.0, 0.0, NULL)));
}
END_TEST

static void check_tau_user(const char *key, double (*tau_user)(double, double, double, double))
{
    int     n;
    double *rows = reference_read("closed_forms.txt", key, &n);
    for (const double *row = rows; row < rows + n; row += 5) {
        double tau = tau_user(row[0], row[1], row[2], row[3]);
        double argument = (row[1] - row[2]) / (key[3] == '5' ? row[3] * row[0] : row[3]);
        /* W magnifies the rounding of its argument by 1/(1 + W). */
        double tolerance = 2e-15 + 4e-16 / (1.0 + fmax(adaptau_lambert_w0(argument), -1.0 + 1e-8));
        ck_assert_msg(relative_error(tau, row[4]) < tolerance, "%s: %.17g, not %.17g", key, tau, row[4]);
    }
    free(rows);
}

START_TEST(tau_user_equals_its_formula_in_many_digits)
{
    check_tau_user("eq16", adaptau_tau_user_eq16);
    check_tau_user("eq15", adaptau_tau_user_eq15);
}
END_TEST

START_TEST(tau_user_is_tau0_at_the_threshold_and_tau0_over_e_far_below)
{
    ck_assert_double_eq(adaptau_tau_user_eq16(0.1, 5.0, 5.0, 2.0), 0.1);
    ck_assert_double_eq(adaptau_tau_user_eq15(0.1, 5.0, 5.0, 2.0), 0.1);
    ck_assert_double_eq_tol(adaptau_tau_user_eq16(0.1, -50.0, 5.0, 2.0), 0.1 * exp(-1.0), 1e-17);
    ck_assert_double_eq_tol(adaptau_tau_user_eq15(0.1, 4.0, 5.0, 2.0), 0.1 * exp(-1.0), 1e-17);
    ck_assert(isinf(adaptau_tau_user_eq16(0.1, INFINITY, 5.0, 2.0)));
    ck_assert(isnan(adaptau_tau_user_eq16(0.1, NAN, 5.0, 2.0)));
    ck_assert(isnan(adaptau_tau_user_eq16(0.1, 5.0, 5.0, 0.0)));
}
END_TEST

/* Eq. 15 as a function of τ: L_u against the threshold, with β (log(τ₀/τ))² the SuperLoss regulariser. */
START_TEST(tau_user_eq15_is_a_stationary_point_of_eq15)
{
    for (double loss = 4.95; loss < 9.0; loss += 0.37) {
        double tau0 = 0.09, threshold = 5.0, beta = 1.0;
        double tau = adaptau_tau_user_eq15(tau0, loss, threshold, 2.0 * beta);
        /* d/dτ [ (L_u − m_u)/τ + β log²(τ/τ₀) ] = 0 */
        double slope = -(loss - threshold) / (tau * tau) + 2.0 * beta * log(tau / tau0) / tau;
        ck_assert_double_eq_tol(slope * tau, 0.0, 1e-11);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("closed forms");
    TCase *tests = tcase_create("closed forms");
    suite_add_tcase(suite, tests);
    tcase_add_test(tests, lambert_w_has_the_promised_accuracy);
    tcase_add_test(tests, lambert_w_inverts_its_definition_and_never_decreases);
    tcase_add_test(tests, lambert_w_is_defined_for_every_input);
    tcase_add_test(tests, log_ratio_of_published_data_sets);
    tcase_add_test(tests, log_ratio_of_the_smallest_data_is_the_formula);
    tcase_add_test(tests, log_ratio_of_nothing_is_nan);
    tcase_add_test(tests, tau0_eq14_is_the_quotient_or_nan);
    tcase_add_test(tests, tau0_eq34_equals_its_formula_in_many_digits);
    tcase_add_test(tests, tau0_eq34_is_eq14_when_variances_agree);
    tcase_add_test(tests, tau0_eq34_clamps_a_negative_radicand_and_says_so);
    tcase_add_test(tests, tau_user_equals_its_formula_in_many_digits);
    tcase_add_test(tests, tau_user_is_tau0_at_the_threshold_and_tau0_over_e_far_below);
    tcase_add_test(tests, tau_user_eq15_is_a_stationary_point_of_eq15);
    return run_suite(suite);
}
