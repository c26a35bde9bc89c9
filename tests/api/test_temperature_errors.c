/* SPDX-License-Identifier: MIT */
/* Temperatures of empty data sets, and with a host whose threads fail. */
#include <adaptau/temperature.h>

#include <check.h>
#include <string.h>

#include "../support/host.h"
#include "../support/suite.h"
#include "../support/temperature_fixture.h"

#define CHECK_ERROR(call, expected_status, expected_text)                                                              \
    do {                                                                                                               \
        error = (adaptau_error){0};                                                                                    \
        ck_assert_int_eq((call), (expected_status));                                                                   \
        ck_assert_int_eq(error.status, (expected_status));                                                             \
        ck_assert_msg(strstr(error.message, (expected_text)) != NULL, "%s", error.message);                            \
    } while (0)

START_TEST(empty_data_sets_have_a_temperature_but_no_updates)
{
    const int32_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {5, 5}};
    for (int i = 0; i < 4; i++) {
        adaptau_dataset_destroy(dataset);
        n_users = sizes[i][0];
        n_items = sizes[i][1];
        ck_assert_int_eq(adaptau_dataset_create_from_interactions(context, n_users, n_items, 0, NULL, NULL, NULL, &dataset, NULL),
                         ADAPTAU_OK);
        adaptau_temperature *temperature = create(OPTIONS(.degree_quantile = 0.2, .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS));
        const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
        CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_STATE, "no interactions to measure");
        ck_assert_double_eq(state_of(temperature).tau0, 10.0);
        ck_assert_double_eq(state_of(temperature).log_ratio, 0.0);
        adaptau_temperature_destroy(temperature);
    }
}
END_TEST

static adaptau_temperature *in_use;

static void use_again(void)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    float                     one = 1.0f;
    CHECK_ERROR(adaptau_temperature_rows(in_use, 1, NULL, &one, NULL, &error), ADAPTAU_E_STATE, "in use");
    CHECK_ERROR(adaptau_temperature_add_losses(in_use, 1, NULL, &one, NULL, &error), ADAPTAU_E_STATE, "in use");
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
        ck_assert_int_eq(host_has_failed(&host), status != ADAPTAU_OK);
        adaptau_temperature_state after = state_of(temperature);
        if (status == ADAPTAU_OK)
            break;
        n_failures++;
        ck_assert_int_eq(status, ADAPTAU_E_CALLBACK);
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
    tcase_add_test(tests, empty_data_sets_have_a_temperature_but_no_updates);
    tcase_add_test(tests, survives_an_executor_that_fails_and_refuses_a_second_thread);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
