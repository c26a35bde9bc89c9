/* SPDX-License-Identifier: MIT */
/* Samplers in the wrong state, with bad input, without memory, and with a host whose threads fail. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/host.h"
#include "../support/sampler_fixture.h"
#include "../support/suite.h"

/* ---- states and bad input ------------------------------------------------------------------------------------------ */

START_TEST(next_needs_an_epoch)
{
    adaptau_dataset *data = make_data();
    adaptau_sampler *sampler = make_sampler(data, (adaptau_sampler_options){0});
    adaptau_batch    batch = {.struct_size = sizeof batch, .n_rows = 77};
    ck_assert_int_eq(adaptau_sampler_next(sampler, &batch, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "no epoch has begun");
    ck_assert_int_eq(batch.n_rows, 77);
    begin(sampler, 0);
    batch.struct_size = 8;
    ck_assert_int_eq(adaptau_sampler_next(sampler, &batch, &error), ADAPTAU_E_ABI);
    ck_assert_int_eq(adaptau_sampler_next(sampler, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_next(NULL, &batch, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(next(sampler).n_rows, USERS - 2);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(rejects_epochs_that_a_stream_can_not_name)
{
    adaptau_dataset *data = make_data();
    adaptau_sampler *sampler = make_sampler(data, (adaptau_sampler_options){0});
    ck_assert_int_eq(adaptau_sampler_begin_epoch(sampler, -1, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "epoch = -1 is outside 0 ... 2^48 - 1");
    ck_assert_int_eq(adaptau_sampler_begin_epoch(sampler, INT64_C(1) << 48, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_begin_epoch(NULL, 0, &error), ADAPTAU_E_ARGUMENT);
    OK(adaptau_sampler_begin_epoch(sampler, (INT64_C(1) << 48) - 1, &error));
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

static void reject(const adaptau_dataset *data, adaptau_sampler_options options, adaptau_status wanted, const char *message)
{
    adaptau_sampler *untouched = (adaptau_sampler *)&error, *out = untouched;
    options.struct_size = sizeof options;
    adaptau_status status = adaptau_sampler_create(context, data, &options, &out, &error);
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    ck_assert_str_eq(error.message, message);
    ck_assert_ptr_eq(out, untouched);
}

START_TEST(rejects_bad_options)
{
    adaptau_dataset *data = make_data();
    reject(data, (adaptau_sampler_options){.kind = 5}, ADAPTAU_E_ARGUMENT, "options->kind = 5 is unknown");
    reject(data, (adaptau_sampler_options){.kind = -1}, ADAPTAU_E_ARGUMENT, "options->kind = -1 is unknown");
    reject(data, (adaptau_sampler_options){.rows = 3}, ADAPTAU_E_ARGUMENT, "options->rows = 3 is unknown");
    reject(data, (adaptau_sampler_options){.flags = 16}, ADAPTAU_E_ARGUMENT, "options->flags = 0x10 has unknown bits");
    reject(data, (adaptau_sampler_options){.reserved = 1}, ADAPTAU_E_ARGUMENT, "options->reserved = 1, not 0");
    reject(data, (adaptau_sampler_options){.rows_per_batch = -4}, ADAPTAU_E_ARGUMENT,
           "options->rows_per_batch = -4 is negative");
    reject(data, (adaptau_sampler_options){.n_candidates = -1}, ADAPTAU_E_ARGUMENT,
           "options->n_candidates = -1 is outside 0 ... 2147483647");
    reject(data, (adaptau_sampler_options){.popularity_exponent = 4.5}, ADAPTAU_E_ARGUMENT,
           "options->popularity_exponent = 4.5 is outside -4 ... 4");
    reject(data, (adaptau_sampler_options){.row_weight_exponent = -0.5}, ADAPTAU_E_ARGUMENT,
           "options->row_weight_exponent = -0.5 is outside 0 ... 2");
    reject(data, (adaptau_sampler_options){.popularity_exponent = NAN}, ADAPTAU_E_NUMERIC,
           "options->popularity_exponent is not finite");
    reject(data, (adaptau_sampler_options){.row_weight_exponent = INFINITY}, ADAPTAU_E_NUMERIC,
           "options->row_weight_exponent is not finite");
    reject(data,
           (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                     .rows_per_batch = 10,
                                     .n_candidates = INT64_C(1) << 28},
           ADAPTAU_E_SHAPE, "10 rows of options->n_candidates = 268435456 exceed 2^31 - 1");
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(rejects_null_handles_and_unknown_struct_sizes)
{
    adaptau_dataset        *data = make_data();
    adaptau_sampler        *out = NULL;
    adaptau_sampler_options options = {.struct_size = 4};
    ck_assert_int_eq(adaptau_sampler_create(NULL, data, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_create(context, NULL, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_create(context, data, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_create(context, data, &options, &out, &error), ADAPTAU_E_ABI);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(adaptau_sampler_n_batches(NULL), 0);
    adaptau_sampler_destroy(NULL);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(an_empty_dataset_has_no_batches)
{
    static const int32_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {5, 5}};
    for (int k = 0; k < 4; k++)
        for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
            adaptau_dataset *data = NULL;
            OK(adaptau_dataset_create_from_pairs(context, sizes[k][0], sizes[k][1], 0, NULL, NULL, &data, &error));
            adaptau_sampler *sampler = make_sampler(data, kind_options(kind));
            ck_assert_int_eq(adaptau_sampler_n_batches(sampler), 0);
            begin(sampler, 0);
            ck_assert_int_eq(next(sampler).n_rows, 0);
            adaptau_sampler_destroy(sampler);
            adaptau_dataset_destroy(data);
        }
}
END_TEST

/* ---- the host's memory and threads --------------------------------------------------------------------------------- */

static adaptau_sampler *in_use;
static adaptau_status   inner_status[2];

/* While a batch is being filled, its sampler is asked for another one. */
static void ask_again(void)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    inner_status[0] = adaptau_sampler_next(in_use, &batch, NULL);
    inner_status[1] = adaptau_sampler_begin_epoch(in_use, 0, NULL);
}

START_TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    adaptau_dataset *data = make_data();
    struct host      host;
    adaptau_context *hosted = open_host(&host, 2, true);
    uint64_t         before, after;
    adaptau_context_memory(hosted, &before, NULL);
    for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
        adaptau_sampler_options options = kind_options(kind);
        adaptau_sampler        *sampler = NULL;
        options.struct_size = sizeof options;
        for (int64_t n = 0; !sampler; n++) {
            host.allocations_left = n;
            adaptau_status status = adaptau_sampler_create(hosted, data, &options, &sampler, &error);
            ck_assert(status == ADAPTAU_OK ? n >= 2 : status == ADAPTAU_E_MEMORY && !sampler);
            adaptau_context_memory(hosted, &after, NULL);
            ck_assert(sampler || after == before);
        }
        adaptau_sampler_destroy(sampler);
    }
    adaptau_context_memory(hosted, &after, NULL);
    ck_assert_uint_eq(after, before);
    adaptau_context_destroy(hosted);
    adaptau_dataset_destroy(data);
}
END_TEST

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
    ck_assert_int_eq(adaptau_sampler_next(sampler, &batch, &error), ADAPTAU_E_THREAD);
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
    tcase_add_test(tests, next_needs_an_epoch);
    tcase_add_test(tests, rejects_epochs_that_a_stream_can_not_name);
    tcase_add_test(tests, rejects_bad_options);
    tcase_add_test(tests, rejects_null_handles_and_unknown_struct_sizes);
    tcase_add_test(tests, an_empty_dataset_has_no_batches);
    tcase_add_test(tests, running_out_of_memory_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, epochs_and_batches_allocate_nothing);
    tcase_add_test(tests, a_sampler_in_use_is_refused);
    tcase_add_test(tests, a_batch_that_failed_can_be_asked_for_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
