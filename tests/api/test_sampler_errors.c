/* SPDX-License-Identifier: MIT */
/* Samplers of empty data sets, in use, and with a host whose threads fail. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <string.h>

#include "../support/host.h"
#include "../support/sampler_fixture.h"
#include "../support/suite.h"

START_TEST(an_empty_dataset_has_no_batches)
{
    static const int32_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {5, 5}};
    for (int k = 0; k < 4; k++)
        for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
            adaptau_dataset *data = NULL;
            OK(adaptau_dataset_create_from_interactions(context, sizes[k][0], sizes[k][1], 0, NULL, NULL, NULL, &data, &error));
            adaptau_sampler *sampler = make_sampler(data, kind_options(kind));
            ck_assert_int_eq(adaptau_sampler_n_batches(sampler), 0);
            begin(sampler, 0);
            ck_assert_int_eq(next(sampler).n_rows, 0);
            adaptau_sampler_destroy(sampler);
            adaptau_dataset_destroy(data);
        }
}
END_TEST

static adaptau_sampler *in_use;
static adaptau_status   inner_status[2];

/* While a batch is being filled, its sampler is asked for another one. */
static void ask_again(void)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    inner_status[0] = adaptau_sampler_next(in_use, &batch, NULL);
    inner_status[1] = adaptau_sampler_begin_epoch(in_use, 0, NULL);
}

START_TEST(epochs_and_batches_allocate_nothing)
{
    adaptau_dataset *data = make_data();
    struct host      host;
    adaptau_context *hosted = open_host(&host, 2, true);
    for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
        adaptau_sampler *sampler = make_sampler_in(hosted, data, kind_options(kind));
        host.allocations = 0;
        hash_epoch(sampler, 0);
        ck_assert_int_eq(host.allocations, 0);
        adaptau_sampler_destroy(sampler);
    }
    adaptau_context_destroy(hosted);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(a_sampler_in_use_is_refused)
{
    adaptau_dataset *data = make_data();
    struct host      host;
    adaptau_context *hosted = open_host(&host, 2, true);
    adaptau_sampler *sampler = make_sampler_in(hosted, data, kind_options(ADAPTAU_SAMPLER_PER_ROW_UNIFORM));
    begin(sampler, 0);
    in_use = sampler;
    host.inside = ask_again;
    next(sampler);
    ck_assert_int_eq(inner_status[0], ADAPTAU_E_STATE);
    ck_assert_int_eq(inner_status[1], ADAPTAU_E_STATE);
    host.inside = NULL;
    ck_assert_int_gt(next(sampler).n_rows, 0);
    adaptau_sampler_destroy(sampler);
    adaptau_context_destroy(hosted);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(a_batch_that_failed_can_be_asked_for_again)
{
    adaptau_dataset *data = make_data();
    struct host      host;
    adaptau_context *hosted = open_host(&host, 2, true);
    adaptau_sampler *sampler = make_sampler_in(hosted, data, kind_options(ADAPTAU_SAMPLER_PER_ROW_UNIFORM));
    adaptau_batch    batch = {.struct_size = sizeof batch, .n_rows = 77};
    int32_t          expected[12];
    begin(sampler, 0);
    memcpy(expected, next(sampler).candidate_ids, sizeof expected);
    begin(sampler, 0);
    host.executions = host.failing_execution = 0;
    ck_assert_int_eq(adaptau_sampler_next(sampler, &batch, &error), ADAPTAU_E_CALLBACK);
    ck_assert_int_eq(batch.n_rows, 77);
    ck_assert_mem_eq(next(sampler).candidate_ids, expected, sizeof expected);
    adaptau_sampler_destroy(sampler);
    adaptau_context_destroy(hosted);
    adaptau_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler: errors");
    TCase *tests = tcase_create("sampler: errors");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, an_empty_dataset_has_no_batches);
    tcase_add_test(tests, epochs_and_batches_allocate_nothing);
    tcase_add_test(tests, a_sampler_in_use_is_refused);
    tcase_add_test(tests, a_batch_that_failed_can_be_asked_for_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
