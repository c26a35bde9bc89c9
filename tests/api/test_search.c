/* SPDX-License-Identifier: MIT */
/* Searches on functions whose best value is known. */
#include <adaptau/search.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/context.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/suite.h"

static adaptau_search *make_search(adaptau_context *context, adaptau_search_options options)
{
    adaptau_search *search = NULL;
    options = full_search_options(options);
    OK(adaptau_search_create(context, &options, &search, &error));
    return search;
}

static double next_of(const adaptau_search *search)
{
    double value = NAN;
    OK(adaptau_search_next(search, &value, &error));
    return value;
}

static adaptau_search_result result_of(const adaptau_search *search)
{
    adaptau_search_result result = {.struct_size = sizeof result};
    OK(adaptau_search_get_result(search, &result, &error));
    return result;
}

/* 1 − (log2(x/top))²: a parabola in log x. */
static double score_of(double value, double top)
{
    double distance = log2(value / top);
    return 1.0 - distance * distance;
}

static adaptau_search_result climb(adaptau_context *context, adaptau_search_options options, double top)
{
    adaptau_search *search = make_search(context, options);
    for (double value; (value = next_of(search)) > 0.0;)
        OK(adaptau_search_report(search, score_of(value, top), &error));
    adaptau_search_result result = result_of(search);
    adaptau_search_destroy(search);
    return result;
}

START_TEST(finds_the_top_above_and_below_the_first_trial)
{
    static const double tops[] = {0.1, 0.34, 0.11, 0.03, 0.2, 0.0707};
    adaptau_context    *context = make_context(ADAPTAU_BACKEND_REFERENCE, 1);
    for (size_t k = 0; k < sizeof tops / sizeof *tops; k++) {
        adaptau_search_result result = climb(context, (adaptau_search_options){.first = 0.1}, tops[k]);
        ck_assert_double_eq_tol(result.best, tops[k], 1e-9);
        ck_assert(fabs(log2(result.best_trial / tops[k])) <= 0.25 + 1e-9);
        ck_assert_double_eq_tol(result.best_score, score_of(result.best_trial, tops[k]), 1e-12);
    }
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(tries_each_value_once_and_one_beyond_the_best_on_either_side)
{
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_REFERENCE, 1);
    adaptau_search       *search = make_search(context, (adaptau_search_options){.first = 1, .factor = 2});
    static const double   expected[] = {1, 2, 4, 8};
    static const double   scores[] = {0.1, 0.5, 0.6, 0.4};
    for (int k = 0; k < 4; k++) {
        ck_assert_double_eq(next_of(search), expected[k]);
        ck_assert_double_eq(next_of(search), expected[k]);
        OK(adaptau_search_report(search, scores[k], &error));
    }
    ck_assert_double_eq(next_of(search), 0.0);
    ck_assert_int_eq(result_of(search).n_trials, 4);
    ck_assert_double_eq(result_of(search).best_trial, 4.0);
    /* The top of the parabola through (1, .5), (2, .6), (3, .4) is at 2 − 1/6. */
    ck_assert_double_eq_tol(result_of(search).best, pow(2.0, 2.0 - 1.0 / 6.0), 1e-12);
    ck_assert_int_eq(adaptau_search_report(search, 0.7, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(result_of(search).n_trials, 4);
    adaptau_search_destroy(search);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(goes_down_where_the_second_trial_is_worse)
{
    adaptau_context    *context = make_context(ADAPTAU_BACKEND_REFERENCE, 1);
    adaptau_search     *search = make_search(context, (adaptau_search_options){.first = 1, .factor = 2});
    static const double expected[] = {1, 2, 0.5, 0.25, 0.125};
    static const double scores[] = {0.5, 0.4, 0.6, 0.7, 0.7};
    for (int k = 0; k < 5; k++) {
        ck_assert_double_eq(next_of(search), expected[k]);
        OK(adaptau_search_report(search, scores[k], &error));
    }
    ck_assert_double_eq(next_of(search), 0.0);
    ck_assert_double_eq(result_of(search).best_trial, 0.25);
    adaptau_search_destroy(search);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(stays_within_its_bounds_and_its_trials)
{
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_REFERENCE, 1);
    adaptau_search_result result = climb(context, (adaptau_search_options){.first = 1, .factor = 2, .most = 5}, 100.0);
    ck_assert_double_eq(result.best, 4.0);
    ck_assert_int_eq(result.n_trials, 3 + 0);
    result = climb(context, (adaptau_search_options){.first = 1, .factor = 2, .least = 0.5}, 0.001);
    ck_assert_double_eq(result.best, 0.5);
    result = climb(context, (adaptau_search_options){.first = 1, .factor = 2, .max_trials = 2}, 100.0);
    ck_assert_double_eq(result.best, 2.0);
    ck_assert_int_eq(result.n_trials, 2);
    result = climb(context, (adaptau_search_options){.first = 7, .max_trials = 1}, 100.0);
    ck_assert_double_eq(result.best, 7.0);
    adaptau_context_destroy(context);
}
END_TEST

/* At an end of the range there is no neighbour to interpolate with: the best is the trial itself. _i: the upper end, the lower. */
START_TEST(a_best_trial_at_an_end_of_the_range_is_the_answer)
{
    adaptau_context             *context = make_context(ADAPTAU_BACKEND_REFERENCE, 1);
    const adaptau_search_options options = {.first = 0.1, .least = 0.04, .most = 0.25};
    for (double height = -30.0; height < 40.0; height += 13.0) { /* scores of any sign, memory of any content    */
        old_content = (unsigned char)(height < 0.0 ? 0xF4 : height < 20.0 ? 0x00 : 0x7F);
        adaptau_search *search = make_search(context, options);
        for (double value; (value = next_of(search)) > 0.0;)
            OK(adaptau_search_report(search, height + (_i ? -log2(value) : log2(value)), &error));
        const adaptau_search_result result = result_of(search);
        const double                end = _i ? 0.05 : 0.2;
        ck_assert_int_ge(result.n_trials, 3);
        ck_assert(_i ? result.best_trial <= end : result.best_trial >= end);
        ck_assert_double_eq(result.best, result.best_trial);
        adaptau_search_destroy(search);
    }
    old_content = 0x7F;
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(equal_scores_keep_the_first_trial)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_REFERENCE, 1);
    adaptau_search  *search = make_search(context, (adaptau_search_options){.first = 0.3});
    int              n = 0;
    for (; next_of(search) > 0.0; n++)
        OK(adaptau_search_report(search, 0.0, &error));
    ck_assert_int_eq(n, 3);
    ck_assert_double_eq(result_of(search).best, 0.3);
    adaptau_search_destroy(search);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(refuses_what_is_no_search)
{
    static const struct {
        adaptau_search_options options;
        adaptau_status         status;
        const char            *names;
    } bad[] = {
        {{.first = 0}, ADAPTAU_E_ARGUMENT, "first"},
        {{.first = -1}, ADAPTAU_E_ARGUMENT, "first"},
        {{.first = (double)NAN}, ADAPTAU_E_NUMERIC, "first"},
        {{.first = 1, .factor = 1}, ADAPTAU_E_ARGUMENT, "factor"},
        {{.first = 1, .factor = (double)INFINITY}, ADAPTAU_E_NUMERIC, "factor"},
        {{.first = 1, .least = -1}, ADAPTAU_E_ARGUMENT, "least"},
        {{.first = 1, .least = 3, .most = 2}, ADAPTAU_E_ARGUMENT, "most"},
        {{.first = 1, .max_trials = -1}, ADAPTAU_E_ARGUMENT, "max_trials"},
        {{.first = 1, .max_trials = 1025}, ADAPTAU_E_ARGUMENT, "max_trials"},
    };
    adaptau_context *context = make_context(ADAPTAU_BACKEND_REFERENCE, 1);
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        adaptau_search        *search = NULL;
        adaptau_search_options options = bad[k].options;
        options = full_search_options(options);
        ck_assert_int_eq(adaptau_search_create(context, &options, &search, &error), bad[k].status);
        ck_assert_ptr_nonnull(strstr(error.message, bad[k].names));
        ck_assert_ptr_null(search);
    }
    adaptau_search       *search = make_search(context, (adaptau_search_options){.first = 1});
    adaptau_search_result result = {.struct_size = sizeof result};
    ck_assert_int_eq(adaptau_search_get_result(search, &result, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_search_report(search, (double)NAN, &error), ADAPTAU_E_NUMERIC);
    ck_assert_double_eq(next_of(search), 1.0);
    adaptau_search_destroy(search);
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("search");
    TCase *tests = tcase_create("search");
    tcase_add_test(tests, finds_the_top_above_and_below_the_first_trial);
    tcase_add_test(tests, tries_each_value_once_and_one_beyond_the_best_on_either_side);
    tcase_add_test(tests, goes_down_where_the_second_trial_is_worse);
    tcase_add_test(tests, stays_within_its_bounds_and_its_trials);
    tcase_add_loop_test(tests, a_best_trial_at_an_end_of_the_range_is_the_answer, 0, 2);
    tcase_add_test(tests, equal_scores_keep_the_first_trial);
    tcase_add_test(tests, refuses_what_is_no_search);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
