/* SPDX-License-Identifier: MIT */
/* Evaluators: runs that fail and keep the results, bad options, and what the host may refuse. */
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
        before[metric] = mean_of(evaluator, metric, 0);
    adaptau_status status = adaptau_evaluator_run(evaluator, tables, &error);
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    if (message)
        ck_assert_str_eq(error.message, message);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        double after = mean_of(evaluator, metric, 0);
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

START_TEST(rejects_tables_that_do_not_fit)
{
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    tables.n_users--;
    expect_failure(evaluator, &tables, ADAPTAU_E_SHAPE, "tables->n_users = 330, but held_out has 331 users");
    tables = world_tables();
    tables.n_items++;
    expect_failure(evaluator, &tables, ADAPTAU_E_SHAPE, "tables->n_items = 1014, but held_out has 1013 items");
    tables = world_tables();
    tables.item_stride = DIM - 1;
    expect_failure(evaluator, &tables, ADAPTAU_E_SHAPE, NULL);
    tables = world_tables();
    tables.dim = 0;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables.dim = ADAPTAU_MAX_DIM + 1;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables = world_tables();
    tables.flags = 16;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables = world_tables();
    tables.users = NULL;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables = world_tables();
    tables.struct_size = 8;
    expect_failure(evaluator, &tables, ADAPTAU_E_ABI, NULL);
    expect_failure(evaluator, NULL, ADAPTAU_E_ARGUMENT, "tables is NULL");
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
        ck_assert(mean_of(evaluator, metric, 0) >= 0.0 && mean_of(evaluator, metric, 0) <= 1.0);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

/* ---- bad options --------------------------------------------------------------------------------------------------- */

static void reject(adaptau_evaluator_options options, adaptau_status wanted, const char *message)
{
    adaptau_evaluator *untouched = (adaptau_evaluator *)&error, *out = untouched;
    options.struct_size = sizeof options;
    adaptau_status status = adaptau_evaluator_create(world.context, world.held_out, &options, &out, &error);
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    ck_assert_str_eq(error.message, message);
    ck_assert_ptr_eq(out, untouched);
}

START_TEST(rejects_bad_cutoffs)
{
    static const int32_t zero[] = {0, 5}, above[] = {5, 65537}, falling[] = {5, 10, 7}, repeated[] = {5, 5};
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    reject((adaptau_evaluator_options){.n_cutoffs = 2, .cutoffs = zero}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[0] = 0 is outside 1 ... 65536");
    reject((adaptau_evaluator_options){.n_cutoffs = 2, .cutoffs = above}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[1] = 65537 is outside 1 ... 65536");
    reject((adaptau_evaluator_options){.n_cutoffs = 3, .cutoffs = falling}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[2] = 7 comes after 10: not ascending");
    reject((adaptau_evaluator_options){.n_cutoffs = 2, .cutoffs = repeated}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[1] = 5 comes after 5: not ascending");
    reject((adaptau_evaluator_options){.n_cutoffs = 2}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs is NULL, but options->n_cutoffs = 2");
    reject((adaptau_evaluator_options){.n_cutoffs = -1}, ADAPTAU_E_ARGUMENT, "options->n_cutoffs = -1 is negative");
    close_world();
}
END_TEST

START_TEST(rejects_bad_masks_and_groups)
{
    int32_t                groups[ITEMS] = {0};
    adaptau_dataset       *other = NULL;
    const adaptau_dataset *masks[2];
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    OK(adaptau_dataset_create_from_pairs(world.context, USERS, ITEMS + 1, 0, NULL, NULL, &other, &error));
    masks[0] = world.train;
    masks[1] = other;
    reject((adaptau_evaluator_options){.n_masks = 2, .masks = masks}, ADAPTAU_E_SHAPE,
           "options->masks[1] is of 331 users x 1014 items, but held_out of 331 x 1013");
    masks[1] = NULL;
    reject((adaptau_evaluator_options){.n_masks = 2, .masks = masks}, ADAPTAU_E_ARGUMENT, "options->masks[1] is NULL");
    reject((adaptau_evaluator_options){.n_masks = 2}, ADAPTAU_E_ARGUMENT,
           "options->masks is NULL, but options->n_masks = 2");
    reject((adaptau_evaluator_options){.n_masks = -2}, ADAPTAU_E_ARGUMENT, "options->n_masks = -2 is negative");
    reject((adaptau_evaluator_options){.n_groups = -2}, ADAPTAU_E_ARGUMENT, "options->n_groups = -2 is negative");
    reject((adaptau_evaluator_options){.n_groups = 2}, ADAPTAU_E_ARGUMENT,
           "options->item_groups is NULL, but options->n_groups = 2");
    groups[7] = 2;
    reject((adaptau_evaluator_options){.n_groups = 2, .item_groups = groups}, ADAPTAU_E_INDEX,
           "options->item_groups[7] = 2, but options->n_groups = 2");
    groups[7] = -1;
    reject((adaptau_evaluator_options){.n_groups = 2, .item_groups = groups}, ADAPTAU_E_INDEX,
           "options->item_groups[7] = -1, but options->n_groups = 2");
    adaptau_dataset_destroy(other);
    close_world();
}
END_TEST

START_TEST(rejects_null_handles_and_unknown_struct_sizes)
{
    adaptau_evaluator        *out = NULL;
    adaptau_evaluator_options options = {.struct_size = 4};
    adaptau_tables            tables = {.struct_size = sizeof tables};
    double                    value;
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    ck_assert_int_eq(adaptau_evaluator_create(NULL, world.held_out, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_create(world.context, NULL, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_create(world.context, world.held_out, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_create(world.context, world.held_out, &options, &out, &error), ADAPTAU_E_ABI);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(adaptau_evaluator_run(NULL, &tables, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_mean(NULL, 0, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(NULL, 0, 0, (float *)&value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_group(NULL, 0, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_n_users(NULL), 0);
    ck_assert_ptr_null(adaptau_evaluator_users(NULL));
    adaptau_evaluator_destroy(NULL);
    close_world();
}
END_TEST

START_TEST(results_need_a_run_and_known_names)
{
    static int32_t groups[ITEMS];
    double         value = 77.0;
    float          values[USERS];
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_evaluator *grouped =
        make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){.n_groups = 1, .item_groups = groups});
    adaptau_tables tables = world_tables();
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, 0, 0, &value, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "the evaluator has not run");
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 0, 0, values, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_evaluator_per_group(grouped, 0, 0, &value, &error), ADAPTAU_E_STATE);
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    OK(adaptau_evaluator_run(grouped, &tables, &error));
    ck_assert_int_eq(adaptau_evaluator_per_group(evaluator, 0, 0, &value, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "the evaluator has no groups");
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, ADAPTAU_N_METRICS, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "metric = 6 is outside 0 ... 5");
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, -1, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, 0, 1, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "cutoff = 1 is outside 0 ... 0");
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, 0, 0, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 6, 0, values, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 0, -1, values, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 0, 0, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_group(grouped, ADAPTAU_METRIC_HIT_RATE, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_group(grouped, 0, 0, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert(value == 77.0);
    adaptau_evaluator_destroy(grouped);
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
        OK(adaptau_dataset_create_from_pairs(context, sizes[k][0], sizes[k][1], 0, NULL, NULL, &held_out, &error));
        adaptau_evaluator *evaluator = make_evaluator(
            context, held_out, (adaptau_evaluator_options){.n_groups = 2, .item_groups = sizes[k][1] ? groups : NULL});
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
        ck_assert_int_eq(adaptau_evaluator_n_users(evaluator), 0);
        for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
            ck_assert(mean_of(evaluator, metric, 0) == 0.0);
            OK(adaptau_evaluator_per_user(evaluator, metric, 0, NULL, &error));
        }
        OK(adaptau_evaluator_per_group(evaluator, 0, 0, share, &error));
        ck_assert(share[0] == 0.0 && share[1] == 0.0);
        adaptau_evaluator_destroy(evaluator);
        adaptau_dataset_destroy(held_out);
    }
    adaptau_context_destroy(context);
}
END_TEST

/* ---- the host's memory and threads --------------------------------------------------------------------------------- */

static adaptau_evaluator *in_use;
static adaptau_status     inner_status;

static void run_again(void)
{
    adaptau_tables tables = world_tables();
    inner_status = adaptau_evaluator_run(in_use, &tables, NULL);
}

START_TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    adaptau_evaluator_options options = {.struct_size = sizeof options};
    adaptau_evaluator        *evaluator = NULL;
    adaptau_status            status = ADAPTAU_E_MEMORY;
    uint64_t                  before, created, after;
    struct host               host;
    open_world(open_host(&host, 2, true));
    adaptau_tables tables = world_tables();
    tables.flags = ADAPTAU_NORMALISE_BOTH;
    adaptau_context_memory(world.context, &before, NULL);
    for (int64_t n = 0; !evaluator; n++) {
        host.allocations_left = n;
        status = adaptau_evaluator_create(world.context, world.held_out, &options, &evaluator, &error);
        ck_assert(status == ADAPTAU_OK ? n >= 2 : status == ADAPTAU_E_MEMORY && !evaluator);
        adaptau_context_memory(world.context, &after, NULL);
        ck_assert(evaluator || after == before);
    }
    adaptau_context_memory(world.context, &created, NULL);
    host.allocations_left = INT64_MAX;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    for (int64_t n = 0; n < 2; n++) { /* the unit items, then the tiles                                          */
        host.allocations_left = n;
        expect_failure(evaluator, &tables, ADAPTAU_E_MEMORY, NULL);
        adaptau_context_memory(world.context, &after, NULL);
        ck_assert_uint_eq(after, created);
    }
    host.allocations_left = 2;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    adaptau_context_memory(world.context, &after, NULL);
    ck_assert_uint_eq(after, created);
    adaptau_evaluator_destroy(evaluator);
    adaptau_context_memory(world.context, &after, NULL);
    ck_assert_uint_eq(after, before);
    close_world();
}
END_TEST

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
        expect_failure(evaluator, &tables, ADAPTAU_E_THREAD, "the host's executor returned 3");
        ck_assert_int_eq(host.executions, n + 1);
    }
    double before = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0);
    host.failing_execution = -1;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert(mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0) != before);
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
    tcase_add_test(tests, rejects_tables_that_do_not_fit);
    tcase_add_test(tests, scores_that_overflow_stay_defined);
    tcase_add_test(tests, rejects_bad_cutoffs);
    tcase_add_test(tests, rejects_bad_masks_and_groups);
    tcase_add_test(tests, rejects_null_handles_and_unknown_struct_sizes);
    tcase_add_test(tests, results_need_a_run_and_known_names);
    tcase_add_test(tests, evaluating_nobody_gives_zero);
    tcase_add_test(tests, running_out_of_memory_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, an_evaluator_in_use_is_refused);
    tcase_add_test(tests, a_host_executor_that_fails_keeps_the_results);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
