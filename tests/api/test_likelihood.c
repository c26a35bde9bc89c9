/* SPDX-License-Identifier: MIT */
/* Likelihoods of held-out pairs against their definition, cell by cell in double. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>

#include "../support/evaluator_world.h"
#include "../support/suite.h"

static const double taus[] = {2.0, 0.05, 0.2, 1.0, 0.0125};
enum { TAUS = sizeof taus / sizeof *taus };

static double length_of(const float *row)
{
    double squares = 0.0;
    for (int k = 0; k < DIM; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

static double score_of(const adaptau_tables *tables, int32_t user, int32_t item)
{
    const float *x = world.users + user * STRIDE, *y = world.items + item * STRIDE;
    double       sum = 0.0;
    for (int k = 0; k < DIM; k++)
        sum += (double)x[k] * (double)y[k];
    if (tables->flags & ADAPTAU_NORMALISE_BOTH)
        sum /= length_of(x) * length_of(y);
    return sum + (tables->item_bias ? (double)tables->item_bias[item] : 0.0);
}

/* The formula of the header, with every cell of the matrix in turn. */
static double define(const adaptau_tables *tables, double tau)
{
    static double scores[ITEMS];
    double        total = 0.0;
    int64_t       n_pairs = 0;
    for (int32_t u = 0; u < USERS; u++) {
        double most = -INFINITY, sum = 0.0;
        for (int32_t i = 0; i < ITEMS; i++) {
            scores[i] = score_of(tables, u, i);
            if (!world.masked[u][i])
                most = fmax(most, scores[i]);
        }
        for (int32_t i = 0; i < ITEMS; i++)
            sum += world.masked[u][i] ? 0.0 : exp((scores[i] - most) / tau);
        for (int32_t i = 0; i < ITEMS; i++)
            if (world.wanted[u][i] && !world.masked[u][i]) {
                total += (scores[i] - most) / tau - log(sum);
                n_pairs++;
            }
    }
    return total / (double)n_pairs;
}

static adaptau_evaluator *masked_evaluator(void)
{
    const adaptau_dataset *masks[] = {world.train};
    return make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){.n_masks = 1, .masks = masks});
}

static void expect_definition(adaptau_evaluator *evaluator, const adaptau_tables *tables, const double *at, int32_t n)
{
    double means[ADAPTAU_MAX_TAUS];
    OK(adaptau_evaluator_log_likelihood(evaluator, tables, n, at, means, &error));
    for (int32_t t = 0; t < n; t++) {
        double expected = define(tables, at[t]);
        ck_assert_double_eq_tol(means[t], expected, 1e-6 * fabs(expected) + 1e-7 / at[t]);
    }
}

START_TEST(likelihoods_are_what_the_formula_says)
{
    static const int32_t backends[] = {ADAPTAU_BACKEND_REFERENCE, ADAPTAU_BACKEND_AUTO};
    for (int k = 0; k < 2; k++) {
        open_world(make_context(backends[k], 1 + k));
        adaptau_evaluator *evaluator = masked_evaluator();
        adaptau_tables     tables = world_tables();
        tables.flags = ADAPTAU_NORMALISE_BOTH;
        expect_definition(evaluator, &tables, taus, TAUS);
        adaptau_evaluator_destroy(evaluator);
        close_world();
    }
}
END_TEST

START_TEST(an_items_bias_and_raw_rows_count)
{
    static float bias[ITEMS];
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    for (int i = 0; i < ITEMS; i++)
        bias[i] = (float)draw(100) * 0.01f;
    adaptau_evaluator *evaluator = masked_evaluator();
    adaptau_tables     tables = world_tables();
    tables.item_bias = bias;
    expect_definition(evaluator, &tables, taus, TAUS);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

/* The scores of raw rows are whole numbers here, so that they are the same numbers in float32. */
START_TEST(temperatures_near_zero_leave_the_best_items)
{
    static const double small[] = {1e-4, 1e-7, 1e-12, 1e-25};
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] = (float)draw(4);
    for (int k = 0; k < ITEMS * STRIDE; k++)
        world.items[k] = (float)draw(4);
    adaptau_evaluator *evaluator = masked_evaluator();
    adaptau_tables     tables = world_tables();
    expect_definition(evaluator, &tables, small, 4);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

START_TEST(likelihoods_do_not_depend_on_threads)
{
    double expected[TAUS], found[TAUS];
    for (int32_t threads = 1; threads <= 7; threads++) {
        open_world(make_context(ADAPTAU_BACKEND_AUTO, threads));
        for (int k = 0; k < USERS * STRIDE; k++)
            world.users[k] *= 0.37f + (float)draw(1000) * 1e-3f;
        adaptau_evaluator *evaluator = masked_evaluator();
        adaptau_tables     tables = world_tables();
        tables.flags = ADAPTAU_NORMALISE_BOTH;
        OK(adaptau_evaluator_log_likelihood(evaluator, &tables, TAUS, taus, threads == 1 ? expected : found, &error));
        if (threads > 1)
            ck_assert_mem_eq(found, expected, sizeof found);
        adaptau_evaluator_destroy(evaluator);
        close_world();
    }
}
END_TEST

START_TEST(metrics_of_the_last_run_stay)
{
    double means[TAUS];
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = masked_evaluator();
    adaptau_tables     tables = world_tables();
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    double before = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20);
    OK(adaptau_evaluator_log_likelihood(evaluator, &tables, TAUS, taus, means, &error));
    ck_assert_double_eq(mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20), before);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

START_TEST(nobody_held_out_is_zero)
{
    double means[TAUS] = {9, 9, 9, 9, 9};
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_dataset *nothing = NULL;
    OK(adaptau_dataset_create_from_interactions(world.context, USERS, ITEMS, 0, NULL, NULL, NULL, &nothing, &error));
    adaptau_evaluator *evaluator = make_evaluator(world.context, nothing, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    OK(adaptau_evaluator_log_likelihood(evaluator, &tables, TAUS, taus, means, &error));
    for (int t = 0; t < TAUS; t++)
        ck_assert_double_eq(means[t], 0.0);
    OK(adaptau_evaluator_log_likelihood(evaluator, &tables, 0, NULL, NULL, &error));
    adaptau_evaluator_destroy(evaluator);
    adaptau_dataset_destroy(nothing);
    close_world();
}
END_TEST

START_TEST(refuses_temperatures_that_are_none)
{
    static const struct {
        double         tau;
        adaptau_status status;
    } bad[] = {
        {0.0, ADAPTAU_E_ARGUMENT},
        {-1.0, ADAPTAU_E_ARGUMENT},
        {1e-40, ADAPTAU_E_ARGUMENT},
        {1e40, ADAPTAU_E_ARGUMENT},
        {(double)NAN, ADAPTAU_E_NUMERIC},
        {(double)INFINITY, ADAPTAU_E_NUMERIC},
    };
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = masked_evaluator();
    adaptau_tables     tables = world_tables();
    double             means[2] = {7.0, 7.0};
    for (size_t k = 0; k < sizeof bad / sizeof *bad; k++) {
        const double pair[] = {0.1, bad[k].tau};
        ck_assert_int_eq(adaptau_evaluator_log_likelihood(evaluator, &tables, 2, pair, means, &error), bad[k].status);
        ck_assert_ptr_nonnull(strstr(error.message, "taus[1]"));
        ck_assert_double_eq(means[0], 7.0);
    }
    ck_assert_int_eq(adaptau_evaluator_log_likelihood(evaluator, &tables, ADAPTAU_MAX_TAUS + 1, taus, means, &error),
                     ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_log_likelihood(evaluator, &tables, -1, taus, means, &error), ADAPTAU_E_ARGUMENT);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("likelihood");
    TCase *tests = tcase_create("likelihood");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, likelihoods_are_what_the_formula_says);
    tcase_add_test(tests, an_items_bias_and_raw_rows_count);
    tcase_add_test(tests, temperatures_near_zero_leave_the_best_items);
    tcase_add_test(tests, likelihoods_do_not_depend_on_threads);
    tcase_add_test(tests, metrics_of_the_last_run_stay);
    tcase_add_test(tests, nobody_held_out_is_zero);
    tcase_add_test(tests, refuses_temperatures_that_are_none);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
