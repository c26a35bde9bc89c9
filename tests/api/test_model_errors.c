/* SPDX-License-Identifier: MIT */
/* The model with bad input, and without memory. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/suite.h"

START_TEST(rejects_bad_options)
{
    static float host[USERS * DIM];
    const struct {
        adaptau_model_options options;
        adaptau_status        status;
        const char           *message;
    } bad[] = {
        {{.dim = -1}, ADAPTAU_E_ARGUMENT, "dim = -1"},
        {{.dim = 65537}, ADAPTAU_E_ARGUMENT, "dim = 65537"},
        {{.encoder = 3}, ADAPTAU_E_ARGUMENT, "encoder = 3"},
        {{.init = 9}, ADAPTAU_E_ARGUMENT, "init = 9"},
        {{.flags = 64}, ADAPTAU_E_ARGUMENT, "flags"},
        {{.reserved = 1}, ADAPTAU_E_ARGUMENT, "reserved"},
        {{.init = ADAPTAU_INIT_HOST}, ADAPTAU_E_ARGUMENT, "host_users"},
        {{.host_users = host, .host_user_stride = 2}, ADAPTAU_E_SHAPE, "host_user_stride = 2"},
        {{.learning_rate_users = NAN}, ADAPTAU_E_NUMERIC, "learning_rate_users"},
        {{.learning_rate_items = -1.0}, ADAPTAU_E_ARGUMENT, "learning_rate_items = -1"},
        {{.beta1_users = 1.0}, ADAPTAU_E_ARGUMENT, "beta1_users = 1"},
        {{.beta2 = INFINITY}, ADAPTAU_E_NUMERIC, "beta2"},
        {{.weight_decay = -0.5}, ADAPTAU_E_ARGUMENT, "weight_decay"},
    };
    struct world w = open_default();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adaptau_model_options options = bad[i].options;
        adaptau_model        *model = NULL;
        options.struct_size = sizeof options;
        ck_assert_int_eq(adaptau_model_create(w.context, w.data, &options, &model, &error), bad[i].status);
        ck_assert_msg(strstr(error.message, bad[i].message) != NULL, "%s", error.message);
        ck_assert_ptr_null(model);
    }
    ck_assert_int_eq(adaptau_model_create(NULL, w.data, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_create(w.context, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_set_learning_rates(w.model, NAN, 0.1, &error), ADAPTAU_E_NUMERIC);
    ck_assert_int_eq(adaptau_model_set_learning_rates(w.model, 0.1, -0.1, &error), ADAPTAU_E_ARGUMENT);
    adaptau_model_destroy(NULL);
    close_world(&w);
}
END_TEST

START_TEST(non_finite_host_rows_are_named)
{
    static float  users[USERS * DIM], items[ITEMS * DIM];
    struct world  w = open_default();
    adaptau_model *model = NULL;
    memcpy(users, tables_of(w.model).users, sizeof users);
    memcpy(items, tables_of(w.model).items, sizeof items);
    items[17 * DIM + 4] = NAN;
    adaptau_model_options options = {.struct_size = sizeof options,
                                     .dim = DIM,
                                     .init = ADAPTAU_INIT_HOST,
                                     .host_users = users,
                                     .host_items = items};
    ck_assert_int_eq(adaptau_model_create(w.context, w.data, &options, &model, &error), ADAPTAU_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.message, "host_items[17]"));
    close_world(&w);
}
END_TEST

/* A temperature of more users would go unnoticed: every one of the model's has a value in it. */
START_TEST(a_temperature_of_another_size_does_not_fit)
{
    const int32_t          sizes[4][2] = {{USERS - 1, ITEMS}, {USERS + 1, ITEMS}, {USERS, ITEMS - 1}, {USERS, ITEMS + 1}};
    const int32_t          user = 0, item = 0;
    struct world           w = open_default();
    adaptau_target_options targets = {.struct_size = sizeof targets, .strength = 1.0};
    adaptau_batch          batch = first_batch(&w);
    for (int i = 0; i < 4; i++) {
        adaptau_dataset     *data = NULL;
        adaptau_temperature *other = NULL;
        char                 message[80];
        snprintf(message, sizeof message, "temperature is of %d users x %d items, but the model of %d x %d", sizes[i][0],
                 sizes[i][1], USERS, ITEMS);
        OK(adaptau_dataset_create_from_pairs(w.context, sizes[i][0], sizes[i][1], 1, &user, &item, &data, &error));
        OK(adaptau_temperature_create(w.context, data, NULL, &other, &error));
        ck_assert_int_eq(adaptau_model_update_targets(w.model, w.data, other, &targets, &error), ADAPTAU_E_SHAPE);
        ck_assert_str_eq(error.message, message);
        ck_assert_int_eq(adaptau_model_gradients(w.model, &batch, other, NULL, &error), ADAPTAU_E_SHAPE);
        ck_assert_str_eq(error.message, message);
        ck_assert_int_eq(adaptau_model_update_temperature(w.model, other, &error), ADAPTAU_E_SHAPE);
        adaptau_temperature_destroy(other);
        adaptau_dataset_destroy(data);
    }
    OK(adaptau_model_update_targets(w.model, w.data, w.temperature, &targets, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    close_world(&w);
}
END_TEST

START_TEST(an_empty_dataset_makes_a_model_that_cannot_learn)
{
    struct world     w = open_default();
    adaptau_dataset *empty = NULL;
    adaptau_model   *model = NULL;
    OK(adaptau_dataset_create_from_pairs(w.context, 0, 0, 0, NULL, NULL, &empty, &error));
    OK(adaptau_model_create(w.context, empty, NULL, &model, &error));
    adaptau_batch batch = {.struct_size = sizeof batch};
    ck_assert_int_eq(adaptau_model_gradients(model, &batch, w.temperature, NULL, &error), ADAPTAU_E_STATE);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(empty);
    close_world(&w);
}
END_TEST

/* create, one step, save, load: the Nth allocation fails, for every N. */
static adaptau_status live_once(adaptau_context *context)
{
    adaptau_dataset        *data = NULL;
    adaptau_model          *model = NULL, *again = NULL;
    adaptau_temperature    *temperature = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_batch           batch = {.struct_size = sizeof batch};
    adaptau_model_options   options = {.struct_size = sizeof options, .dim = DIM, .init = ADAPTAU_INIT_SPECTRAL};
    const int32_t           users[3] = {0, 1, 2}, items[3] = {4, 5, 6};
    adaptau_sampler_options sampling = {
        .struct_size = sizeof sampling, .kind = ADAPTAU_SAMPLER_SHARED_UNIFORM, .n_candidates = 9};
    adaptau_status status = adaptau_dataset_create_from_pairs(context, 3, 8, 3, users, items, &data, NULL);
    if (!status)
        status = adaptau_model_create(context, data, &options, &model, NULL);
    if (!status)
        status = adaptau_temperature_create(context, data, NULL, &temperature, NULL);
    if (!status)
        status = adaptau_sampler_create(context, data, &sampling, &sampler, NULL);
    if (!status)
        status = adaptau_model_update_temperature(model, temperature, NULL);
    if (!status)
        status = adaptau_sampler_begin_epoch(sampler, 0, NULL);
    if (!status)
        status = adaptau_sampler_next(sampler, &batch, NULL);
    if (!status)
        status = adaptau_model_gradients(model, &batch, temperature, NULL, NULL);
    if (!status)
        status = adaptau_model_apply(model, NULL);
    if (!status)
        status = adaptau_model_save(model, path, NULL);
    if (!status)
        status = adaptau_model_load(context, path, &again, NULL);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(again);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    return status;
}

START_TEST(every_failed_allocation_is_an_error_and_leaks_nothing)
{
    struct host      host;
    adaptau_context *context = open_host(&host, 2, false);
    int64_t          idle = host.bytes;
    int              n = 0, failures = 0;
    host.fails_once = true;
    for (adaptau_status status = ADAPTAU_E_MEMORY; status != ADAPTAU_OK; n++) {
        host.allocations_left = n;
        status = live_once(context);
        ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_MEMORY);
        ck_assert_int_eq(host.bytes, idle);
        failures += status != ADAPTAU_OK;
        ck_assert_int_lt(n, 500);
    }
    ck_assert_int_gt(failures, 15);
    adaptau_context_destroy(context);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

/* ---- an executor that fails ------------------------------------------------------------------------------------------ */

static struct world hosted;

static adaptau_status create_on_host_tables(void)
{
    static float          users[USERS * DIM], items[ITEMS * DIM];
    adaptau_model        *model = NULL;
    adaptau_model_options options = {.struct_size = sizeof options,
                                     .dim = DIM,
                                     .init = ADAPTAU_INIT_SPECTRAL,
                                     .host_users = users,
                                     .host_items = items};
    adaptau_status        status = adaptau_model_create(hosted.context, hosted.data, &options, &model, &error);
    ck_assert_int_eq(status == ADAPTAU_OK, model != NULL);
    adaptau_model_destroy(model);
    return status;
}

static adaptau_status learn(void)
{
    adaptau_batch batch = first_batch(&hosted);
    return adaptau_model_gradients(hosted.model, &batch, hosted.temperature, NULL, &error);
}

static adaptau_status aim_softly(void)
{
    adaptau_target_options options = {.struct_size = sizeof options, .strength = 1.0};
    return adaptau_model_update_targets(hosted.model, hosted.data, hosted.temperature, &options, &error);
}

static adaptau_status measure(void)
{
    return adaptau_model_update_temperature(hosted.model, hosted.temperature, &error);
}

static adaptau_status recommend(void)
{
    int32_t users[USERS], items[USERS];
    for (int32_t u = 0; u < USERS; u++)
        users[u] = u;
    return adaptau_model_top_k(hosted.model, USERS, users, 1, NULL, items, NULL, &error);
}

static adaptau_status select_columns(void)
{
    int32_t columns[USERS];
    return adaptau_top_k(hosted.context, USERS, DIM, tables_of(hosted.model).users, DIM, 1, NULL, NULL, columns, NULL, &error);
}

/* More rows than one task has: strides of 1 make them of what is there. */
static adaptau_status normalise(void)
{
    static float unit[USERS * DIM];
    return adaptau_normalise_rows(hosted.context, USERS * DIM, 1, tables_of(hosted.model).users, 1, unit, 1, NULL, &error);
}

static adaptau_status project(void)
{
    static float unit[USERS * DIM], gradients[USERS * DIM];
    return adaptau_normalise_rows_backward(hosted.context, USERS * DIM, 1, unit, 1, NULL, gradients, 1, &error);
}

/* E_THREAD is the answer to every execution that fails, and the next call succeeds. */
START_TEST(every_failed_execution_is_e_thread)
{
    adaptau_status (*const calls[])(void) = {create_on_host_tables, learn,          aim_softly, measure,
                                             recommend,             select_columns, normalise,  project};
    struct host host = new_host();
    hosted = open_world(host_options(&host, 3, true), (adaptau_model_options){.flags = ADAPTAU_MODEL_FREE_LENGTH},
                        (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        adaptau_status status = ADAPTAU_E_THREAD;
        int            n = 0;
        for (; status != ADAPTAU_OK; n++) {
            int64_t bytes = 0;
            OK(calls[c]()); /* so that what stays from call to call is there                                    */
            bytes = host.bytes;
            host.executions = 0;
            host.failing_execution = n;
            status = calls[c]();
            host.failing_execution = -1;
            ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_THREAD);
            ck_assert_int_eq(host.bytes, bytes);
        }
        ck_assert_msg(n > 1, "call %zu asks no executor", c);
    }
    close_world(&hosted);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model: errors");
    TCase *tests = tcase_create("model: errors");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, rejects_bad_options);
    tcase_add_test(tests, non_finite_host_rows_are_named);
    tcase_add_test(tests, a_temperature_of_another_size_does_not_fit);
    tcase_add_test(tests, an_empty_dataset_makes_a_model_that_cannot_learn);
    tcase_add_test(tests, every_failed_execution_is_e_thread);
    tcase_add_test(tests, every_failed_allocation_is_an_error_and_leaks_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
