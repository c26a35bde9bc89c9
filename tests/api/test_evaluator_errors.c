/* SPDX-License-Identifier: MIT */
/* Evaluators: runs that fail and keep the results, nobody to evaluate, and what the host may refuse. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/evaluator_world.h"
#include "../support/host.h"
#include "../support/suite.h"

/* ---- failed runs --------------------------------------------------------------------------------------------------- */

static void expect_failure(adaptau_evaluator *evaluator, const adaptau_tables *tables, adaptau_status wanted,
                           const char *message)
{
    double before[ADAPTAU_N_METRICS];
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        before[metric] = mean_of(evaluator, metric, 20);
    adaptau_status status = adaptau_evaluator_run(evaluator, tables, &error);
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    if (message)
        ck_assert_str_eq(error.message, message);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        double after = mean_of(evaluator, metric, 20);
        ck_assert_mem_eq(&after, &before[metric], sizeof after);
    }
}

START_TEST(names_the_first_row_that_is_not_finite_and_keeps_the_results)
{
    static const uint32_t flags[] = {0, ADAPTAU_NORMALISE_BOTH, ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS};
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    world.users[2 * STRIDE + DIM] = NAN; /* between the rows: not part of the table                              */
    for (int k = 0; k < 3; k++) {
        tables.flags = flags[k];
        world.items[900 * STRIDE + 3] = INFINITY;
        world.items[901 * STRIDE] = NAN;
        expect_failure(evaluator, &tables, ADAPTAU_E_NUMERIC, "items[900] is not finite");
        world.users[12 * STRIDE + DIM - 1] = NAN;
        expect_failure(evaluator, &tables, ADAPTAU_E_NUMERIC, "users[12] is not finite");
        world.users[12 * STRIDE + DIM - 1] = 1.0f;
        world.items[900 * STRIDE + 3] = world.items[901 * STRIDE] = 1.0f;
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
    }
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

/* Scores beyond float32 are infinite or, infinity less infinity, NaN: ranked first or not at all, and nothing breaks. */
START_TEST(scores_that_overflow_stay_defined)
{
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    for (int k = 0; k < ITEMS * STRIDE; k++)
        world.items[k] *= 3e37f;
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] *= 3e37f;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        ck_assert(mean_of(evaluator, metric, 20) >= 0.0 && mean_of(evaluator, metric, 20) <= 1.0);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

START_TEST(evaluating_nobody_gives_zero)
{
    static const int32_t sizes[][2] = {{0, 0}, {0, 5}, {3, 0}, {3, 5}};
    static const float   numbers[15];
    static const int32_t groups[5];
    adaptau_context     *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    for (int k = 0; k < 4; k++) {
        adaptau_dataset *held_out = NULL;
        adaptau_tables   tables = {.struct_size = sizeof tables,
                                   .n_users = sizes[k][0],
                                   .n_items = sizes[k][1],
                                   .dim = 3,
                                   .users = sizes[k][0] ? numbers : NULL,
                                   .items = sizes[k][1] ? numbers : NULL};
        double           share[2];
        OK(adaptau_dataset_create_from_interactions(context, sizes[k][0], sizes[k][1], 0, NULL, NULL, NULL, &held_out, &error));
        adaptau_evaluator *evaluator = make_evaluator(
            context, held_out, (adaptau_evaluator_options){.n_groups = 2, .item_groups = sizes[k][1] ? groups : NULL});
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
        ck_assert_int_eq(adaptau_evaluator_n_users(evaluator), 0);
        for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
            ck_assert(mean_of(evaluator, metric, 20) == 0.0);
            OK(adaptau_evaluator_per_user(evaluator, metric, 20, NULL, &error));
        }
        OK(adaptau_evaluator_per_group(evaluator, 0, 20, share, &error));
        ck_assert(share[0] == 0.0 && share[1] == 0.0);
        adaptau_evaluator_destroy(evaluator);
        adaptau_dataset_destroy(held_out);
    }
    adaptau_context_destroy(context);
}
END_TEST

/* ---- the host's threads ---------------------------------------------------------------------------------------------- */

static adaptau_evaluator *in_use;
static adaptau_status     inner_status;

static void run_again(void)
{
    adaptau_tables tables = world_tables();
    inner_status = adaptau_evaluator_run(in_use, &tables, NULL);
}

START_TEST(an_evaluator_in_use_is_refused)
{
    struct host host;
    open_world(open_host(&host, 2, true));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    in_use = evaluator;
    host.inside = run_again;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert_int_eq(inner_status, ADAPTAU_E_STATE);
    host.inside = NULL;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

START_TEST(a_host_executor_that_fails_keeps_the_results)
{
    struct host host;
    open_world(open_host(&host, 2, true));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    tables.flags = ADAPTAU_NORMALISE_BOTH;
    host.failing_lanes = 1; /* all the work is done, and yet the run has failed                               */
    host.executions = 0;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    int64_t n_executions = host.executions;
    ck_assert_int_ge(n_executions, 2); /* normalising and ranking at least                                      */
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] = -world.users[k];
    for (int64_t n = 0; n < n_executions; n++) {
        host.executions = 0;
        host.failing_execution = n;
        expect_failure(evaluator, &tables, ADAPTAU_E_CALLBACK, "the host's executor returned 3");
        ck_assert_int_eq(host.executions, n + 1);
    }
    double before = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20);
    host.failing_execution = -1;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert(mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20) != before);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evaluator: errors");
    TCase *tests = tcase_create("evaluator: errors");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, names_the_first_row_that_is_not_finite_and_keeps_the_results);
    tcase_add_test(tests, scores_that_overflow_stay_defined);
    tcase_add_test(tests, evaluating_nobody_gives_zero);
    tcase_add_test(tests, an_evaluator_in_use_is_refused);
    tcase_add_test(tests, a_host_executor_that_fails_keeps_the_results);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
