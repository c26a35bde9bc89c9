/* SPDX-License-Identifier: MIT */
/* Temperatures that are misused, that run out of memory, and whose host's threads fail. */
#include <adaptau/temperature.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../support/host.h"
#include "../support/suite.h"
#include "../support/temperature_fixture.h"

/* ---- misuse ------------------------------------------------------------------------------------------------------------ */

#define CHECK_ERROR(call, expected_status, expected_text)                                                              \
    do {                                                                                                               \
        error = (adaptau_error){0};                                                                                    \
        ck_assert_int_eq((call), (expected_status));                                                                   \
        ck_assert_int_eq(error.status, (expected_status));                                                             \
        ck_assert_msg(strstr(error.message, (expected_text)) != NULL, "%s", error.message);                            \
    } while (0)

START_TEST(rejects_options_out_of_range)
{
    const struct {
        adaptau_temperature_options options;
        adaptau_status              status;
        const char                 *text;
    } rows[] = {
        {OPTIONS(.tau0_policy = 5), ADAPTAU_E_ARGUMENT, "options->tau0_policy = 5"},
        {OPTIONS(.tau0_policy = -1), ADAPTAU_E_ARGUMENT, "options->tau0_policy = -1"},
        {OPTIONS(.tau_user_policy = 5), ADAPTAU_E_ARGUMENT, "options->tau_user_policy = 5"},
        {OPTIONS(.tau_user_policy = -1), ADAPTAU_E_ARGUMENT, "options->tau_user_policy = -1"},
        {OPTIONS(.tau0_policy = ADAPTAU_TAU0_FIXED), ADAPTAU_E_ARGUMENT, "options->tau = 0"},
        {OPTIONS(.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = -0.1), ADAPTAU_E_ARGUMENT, "options->tau = -0.1"},
        {OPTIONS(.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 1e-60), ADAPTAU_E_ARGUMENT, "options->tau = 1e-60"},
        {OPTIONS(.tau = NAN), ADAPTAU_E_NUMERIC, "options->tau"},
        {OPTIONS(.tau = 0.1), ADAPTAU_E_ARGUMENT, "options->tau = 0.1, but options->tau0_policy = 0"},
        {OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT, .tau = 0.1), ADAPTAU_E_ARGUMENT, "options->tau = 0.1"},
        {OPTIONS(.warmup_delta_mu = -0.5), ADAPTAU_E_ARGUMENT, "options->warmup_delta_mu = -0.5"},
        {OPTIONS(.warmup_delta_mu = INFINITY), ADAPTAU_E_NUMERIC, "options->warmup_delta_mu"},
        {OPTIONS(.tau_min = -1), ADAPTAU_E_ARGUMENT, "options->tau_min = -1"},
        {OPTIONS(.tau_max = -1), ADAPTAU_E_ARGUMENT, "options->tau_max = -1"},
        {OPTIONS(.tau_max = 0.01), ADAPTAU_E_ARGUMENT, "options->tau_min = 0.03"},
        {OPTIONS(.tau_min = 11), ADAPTAU_E_ARGUMENT, "options->tau_max = 10"},
        {OPTIONS(.divisor = -2), ADAPTAU_E_ARGUMENT, "options->divisor = -2"},
        {OPTIONS(.divisor = NAN), ADAPTAU_E_NUMERIC, "options->divisor"},
        {OPTIONS(.threshold_quantile = 1), ADAPTAU_E_ARGUMENT, "options->threshold_quantile = 1"},
        {OPTIONS(.threshold_quantile = -0.1), ADAPTAU_E_ARGUMENT, "options->threshold_quantile = -0.1"},
        {OPTIONS(.degree_quantile = 1.5), ADAPTAU_E_ARGUMENT, "options->degree_quantile = 1.5"},
        {OPTIONS(.degree_quantile = -INFINITY), ADAPTAU_E_NUMERIC, "options->degree_quantile"},
        {OPTIONS(.exact_sample = -1), ADAPTAU_E_ARGUMENT, "options->exact_sample = -1"},
        {OPTIONS(.reserved = 1), ADAPTAU_E_ARGUMENT, "options->reserved = 1"},
        {{.struct_size = 0}, ADAPTAU_E_ABI, "options->struct_size = 0"},
        {{.struct_size = 8}, ADAPTAU_E_ABI, "options->struct_size = 8"},
    };
    adaptau_temperature *const untouched = (adaptau_temperature *)&context;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        adaptau_temperature *temperature = untouched;
        CHECK_ERROR(adaptau_temperature_create(context, dataset, &rows[i].options, &temperature, &error), rows[i].status,
                    rows[i].text);
        ck_assert_ptr_eq(temperature, untouched);
    }
}
END_TEST

START_TEST(accepts_options_that_are_longer_with_zeros)
{
    struct {
        adaptau_temperature_options known;
        uint64_t                    later;
    } options = {.known = OPTIONS(.tau0_policy = ADAPTAU_TAU0_EQ34)};
    adaptau_temperature *temperature = NULL;
    options.known.struct_size = sizeof options;
    ck_assert_int_eq(adaptau_temperature_create(context, dataset, &options.known, &temperature, NULL), ADAPTAU_OK);
    adaptau_temperature_destroy(temperature);
    options.later = 1;
    CHECK_ERROR(adaptau_temperature_create(context, dataset, &options.known, &temperature, &error), ADAPTAU_E_ABI,
                "struct_size");
}
END_TEST

START_TEST(rejects_null)
{
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = 0));
    const adaptau_tables      tables = make_tables(0);
    adaptau_temperature_state state = {.struct_size = sizeof state};
    float                     one = 1.0f;
    CHECK_ERROR(adaptau_temperature_create(NULL, dataset, NULL, &temperature, &error), ADAPTAU_E_ARGUMENT, "context");
    CHECK_ERROR(adaptau_temperature_create(context, NULL, NULL, &temperature, &error), ADAPTAU_E_ARGUMENT, "dataset");
    CHECK_ERROR(adaptau_temperature_create(context, dataset, NULL, NULL, &error), ADAPTAU_E_ARGUMENT, "out");
    CHECK_ERROR(adaptau_temperature_update(NULL, &tables, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_update(temperature, NULL, &error), ADAPTAU_E_ARGUMENT, "tables");
    CHECK_ERROR(adaptau_temperature_observe(NULL, 1, NULL, &one, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_observe(temperature, 1, NULL, NULL, &error), ADAPTAU_E_ARGUMENT, "unit_losses");
    CHECK_ERROR(adaptau_temperature_observe(temperature, -1, NULL, &one, &error), ADAPTAU_E_ARGUMENT, "n = -1");
    CHECK_ERROR(adaptau_temperature_rows(NULL, 1, NULL, &one, NULL, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_rows(temperature, 1, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT, "candidates");
    CHECK_ERROR(adaptau_temperature_rows(temperature, -1, NULL, &one, NULL, &error), ADAPTAU_E_ARGUMENT, "n = -1");
    CHECK_ERROR(adaptau_temperature_get_state(NULL, &state, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_get_state(temperature, NULL, &error), ADAPTAU_E_ARGUMENT, "out");
    state.struct_size = 16;
    CHECK_ERROR(adaptau_temperature_get_state(temperature, &state, &error), ADAPTAU_E_ABI, "struct_size = 16");
    ck_assert_ptr_null(adaptau_temperature_user_taus(NULL));
    adaptau_temperature_destroy(NULL);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(rejects_users_and_losses_out_of_range_and_touches_nothing)
{
    adaptau_temperature *temperature = create(OPTIONS(.tau_user_policy = ADAPTAU_TAU_USER_EQ16));
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    const int32_t        negative[] = {0, -1}, beyond[] = {0, n_users}, fine[] = {0, 1};
    const float          losses[] = {5.0f, 6.0f}, bad[] = {5.0f, INFINITY};
    float                candidates[2] = {-1.0f, -1.0f}, positives[2] = {-1.0f, -1.0f};
    char                 text[64];
    CHECK_ERROR(adaptau_temperature_observe(temperature, 2, negative, losses, &error), ADAPTAU_E_INDEX, "users[1] = -1");
    snprintf(text, sizeof text, "users[1] = %d, but n_users = %d", n_users, n_users);
    CHECK_ERROR(adaptau_temperature_observe(temperature, 2, beyond, losses, &error), ADAPTAU_E_INDEX, text);
    CHECK_ERROR(adaptau_temperature_observe(temperature, 2, fine, bad, &error), ADAPTAU_E_NUMERIC, "unit_losses[1] = inf");
    CHECK_ERROR(adaptau_temperature_observe(temperature, n_users + 1, NULL, losses, &error), ADAPTAU_E_INDEX, "n = ");
    CHECK_ERROR(adaptau_temperature_rows(temperature, 2, beyond, candidates, positives, &error), ADAPTAU_E_INDEX, text);
    CHECK_ERROR(adaptau_temperature_rows(temperature, n_users + 1, NULL, candidates, NULL, &error), ADAPTAU_E_INDEX, "n = ");
    ck_assert(candidates[0] == -1.0f && positives[0] == -1.0f);
    ck_assert_int_eq(update(temperature, &tables).n_users_observed, 0);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(rejects_tables_that_do_not_fit_and_keeps_its_state)
{
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = 0));
    adaptau_tables            tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature_state before = update(temperature, &tables), after;
    tables.n_users--;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_SHAPE, "59");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    tables.n_items++;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_SHAPE, "84");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    tables.user_stride = dim - 1;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_SHAPE, "stride");
    tables = make_tables(1u << 5);
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_ARGUMENT, "flags");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    tables.struct_size = 4;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_ABI, "struct_size");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    items[70 * dim + 2] = NAN;
    items[80 * dim] = NAN;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_NUMERIC, "items[70]");
    users[50 * dim + dim - 1] = -INFINITY;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_NUMERIC, "users[50]");
    after = state_of(temperature);
    ck_assert_mem_eq(&before, &after, sizeof before);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(empty_data_sets_have_a_temperature_but_no_updates)
{
    const int32_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {5, 5}};
    for (int i = 0; i < 4; i++) {
        adaptau_dataset_destroy(dataset);
        n_users = sizes[i][0];
        n_items = sizes[i][1];
        ck_assert_int_eq(adaptau_dataset_create_from_pairs(context, n_users, n_items, 0, NULL, NULL, &dataset, NULL),
                         ADAPTAU_OK);
        adaptau_temperature *temperature = create(OPTIONS(.degree_quantile = 0.2, .tau_user_policy = ADAPTAU_TAU_USER_EQ16));
        const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
        CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_STATE, "no pairs");
        ck_assert_double_eq(state_of(temperature).tau0, 10.0);
        ck_assert_double_eq(state_of(temperature).log_ratio, 0.0);
        adaptau_temperature_destroy(temperature);
    }
}
END_TEST

/* ---- failures of the host ------------------------------------------------------------------------------------------------ */

START_TEST(survives_any_failed_allocation)
{
    struct host          host;
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_context     *own = open_host(&host, 1, false), *shared = context;
    context = own;
    const int64_t at_first = host.bytes;
    for (int succeeding = 0;; succeeding++) {
        adaptau_temperature *temperature = NULL;
        host.allocations_left = succeeding;
        adaptau_status status = adaptau_temperature_create(own, dataset, NULL, &temperature, NULL);
        ck_assert(status == ADAPTAU_OK || (status == ADAPTAU_E_MEMORY && !temperature));
        ck_assert(status == ADAPTAU_OK || host.bytes == at_first);
        adaptau_temperature_destroy(temperature);
        if (status == ADAPTAU_OK)
            break;
    }
    host.allocations_left = INT64_MAX;
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state before = update(temperature, &tables);
    const int64_t             with_temperature = host.bytes;
    int                       n_failures = 0;
    for (int succeeding = 0;; succeeding++) {
        host.allocations_left = succeeding;
        adaptau_status            status = adaptau_temperature_update(temperature, &tables, NULL);
        adaptau_temperature_state after = state_of(temperature);
        ck_assert_int_eq(host.bytes, with_temperature);
        if (status == ADAPTAU_OK)
            break;
        n_failures++;
        ck_assert_int_eq(status, ADAPTAU_E_MEMORY);
        ck_assert_mem_eq(&before, &after, sizeof before);
    }
    ck_assert_int_ge(n_failures, 3);
    adaptau_temperature_destroy(temperature);
    ck_assert_int_eq(host.bytes, at_first);
    context = shared;
    adaptau_context_destroy(own);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

static adaptau_temperature *in_use;

static void use_again(void)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    float                     one = 1.0f;
    CHECK_ERROR(adaptau_temperature_rows(in_use, 1, NULL, &one, NULL, &error), ADAPTAU_E_STATE, "in use");
    CHECK_ERROR(adaptau_temperature_observe(in_use, 1, NULL, &one, &error), ADAPTAU_E_STATE, "in use");
    CHECK_ERROR(adaptau_temperature_get_state(in_use, &state, &error), ADAPTAU_E_STATE, "in use");
    CHECK_ERROR(adaptau_temperature_update(in_use, &tables, &error), ADAPTAU_E_STATE, "in use");
}

START_TEST(survives_an_executor_that_fails_and_refuses_a_second_thread)
{
    struct host          host;
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_context     *own = open_host(&host, 3, true), *shared = context;
    context = own;
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state before = update(temperature, &tables);
    int                       n_failures = 0;
    for (int succeeding = 0;; succeeding++) {
        host.executions = 0;
        host.failing_execution = succeeding;
        adaptau_status            status = adaptau_temperature_update(temperature, &tables, NULL);
        adaptau_temperature_state after = state_of(temperature);
        if (status == ADAPTAU_OK)
            break;
        n_failures++;
        ck_assert_int_eq(status, ADAPTAU_E_THREAD);
        ck_assert_mem_eq(&before, &after, sizeof before);
    }
    ck_assert_int_ge(n_failures, 3);
    in_use = temperature;
    host.inside = use_again;
    host.failing_execution = -1;
    host.executions = 0;
    ck_assert_int_eq(adaptau_temperature_update(temperature, &tables, NULL), ADAPTAU_OK);
    ck_assert_int_gt(host.executions, 0);
    adaptau_temperature_destroy(temperature);
    adaptau_context_destroy(own);
    context = shared;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("temperature: errors");
    TCase *tests = tcase_create("temperature: errors");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, rejects_options_out_of_range);
    tcase_add_test(tests, accepts_options_that_are_longer_with_zeros);
    tcase_add_test(tests, rejects_null);
    tcase_add_test(tests, rejects_users_and_losses_out_of_range_and_touches_nothing);
    tcase_add_test(tests, rejects_tables_that_do_not_fit_and_keeps_its_state);
    tcase_add_test(tests, empty_data_sets_have_a_temperature_but_no_updates);
    tcase_add_test(tests, survives_any_failed_allocation);
    tcase_add_test(tests, survives_an_executor_that_fails_and_refuses_a_second_thread);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
