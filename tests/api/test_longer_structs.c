/* SPDX-License-Identifier: MIT */
/* A caller whose headers are newer than the library: its structs are longer, and their tails are zero. */
#include <adaptau/adaptau.h>
#include <stddef.h>

#include "../support/model_world.h"
#include "../support/suite.h"

#define TAIL 24

struct longer_batch {
    adaptau_batch batch;
    char          tail[TAIL];
};

struct longer_tables {
    adaptau_tables tables;
    char           tail[TAIL];
};

struct longer_temperatures {
    adaptau_row_temperatures temperatures;
    char                     tail[TAIL];
};

/* The model hands a batch on to the kernels: what it hands on must not claim the caller's size. */
START_TEST(steps_with_a_longer_batch)
{
    struct world        w = open_default();
    struct longer_batch longer = {.batch.struct_size = sizeof longer};
    adaptau_step        step = {.struct_size = sizeof step};
    OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
    OK(adaptau_sampler_begin_epoch(w.sampler, 0, &error));
    OK(adaptau_sampler_next(w.sampler, &longer.batch, &error));
    ck_assert_uint_eq(longer.batch.struct_size, sizeof longer);
    OK(adaptau_model_gradients(w.model, &longer.batch, w.temperature, &step, &error));
    ck_assert_int_eq(step.n_rows, longer.batch.n_rows);
    longer.tail[TAIL - 1] = 1;
    ck_assert_int_eq(adaptau_model_gradients(w.model, &longer.batch, w.temperature, &step, &error), ADAPTAU_E_ABI);
    close_world(&w);
}
END_TEST

/* The model keeps a loss, and what it keeps must not claim the caller's size either. */
START_TEST(steps_with_a_longer_loss)
{
    struct world w = open_default();
    struct {
        adaptau_loss loss;
        char         tail[TAIL];
    } longer = {.loss = {.struct_size = sizeof longer}};
    adaptau_batch batch = first_batch(&w);
    OK(adaptau_loss_init(&longer.loss, ADAPTAU_LOSS_BCE, &error));
    OK(adaptau_model_set_loss(w.model, &longer.loss, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    longer.tail[3] = 1;
    ck_assert_int_eq(adaptau_model_set_loss(w.model, &longer.loss, &error), ADAPTAU_E_ABI);
    close_world(&w);
}
END_TEST

START_TEST(softmax_of_longer_structs)
{
    struct world               w = open_default();
    adaptau_loss_output     output = {.struct_size = sizeof output}, again = output;
    struct longer_batch        batch = {.batch.struct_size = sizeof batch};
    struct longer_tables       tables = {.tables.struct_size = sizeof tables};
    struct longer_temperatures temperatures = {.temperatures = {.struct_size = sizeof temperatures, .tau = 0.1f}};
    OK(adaptau_sampler_begin_epoch(w.sampler, 0, &error));
    OK(adaptau_sampler_next(w.sampler, &batch.batch, &error));
    OK(adaptau_model_get_tables(w.model, &tables.tables, &error));
    OK(adaptau_softmax(w.context, &tables.tables, &batch.batch, &temperatures.temperatures, &output, &error));
    batch.batch.struct_size = sizeof batch.batch;
    tables.tables.struct_size = sizeof tables.tables;
    temperatures.temperatures.struct_size = sizeof temperatures.temperatures;
    OK(adaptau_softmax(w.context, &tables.tables, &batch.batch, &temperatures.temperatures, &again, &error));
    ck_assert_double_eq(output.loss, again.loss);
    close_world(&w);
}
END_TEST

START_TEST(evaluates_longer_tables)
{
    struct world         w = open_default();
    adaptau_evaluator   *evaluator = NULL;
    struct longer_tables tables = {.tables.struct_size = sizeof tables};
    OK(adaptau_evaluator_create(w.context, w.data, NULL, &evaluator, &error));
    OK(adaptau_model_get_tables(w.model, &tables.tables, &error));
    OK(adaptau_evaluator_run(evaluator, &tables.tables, &error));
    tables.tail[0] = 1;
    ck_assert_int_eq(adaptau_evaluator_run(evaluator, &tables.tables, &error), ADAPTAU_E_ABI);
    adaptau_evaluator_destroy(evaluator);
    close_world(&w);
}
END_TEST

START_TEST(folds_and_filters_by_longer_structs)
{
    struct world w = open_default();
    struct {
        adaptau_fold_in_options options;
        char                 tail[TAIL];
    } options = {.options = {.struct_size = sizeof options}};
    struct {
        adaptau_query query;
        char                tail[TAIL];
    } asked = {.query = {.struct_size = sizeof asked, .n = 1, .k = 1}};
    const int64_t ptr[2] = {0, 1};
    const int32_t item = 0;
    int32_t       best;
    float         row[DIM];
    adaptau_fold_in *fold = NULL;
    OK(adaptau_fold_in_options_init(&options.options, w.model, ADAPTAU_TAU_USER_NONE, &error));
    options.options.tau = 0.1;
    OK(adaptau_fold_in_create(w.model, NULL, &options.options, &fold, &error));
    OK(adaptau_fold_in_users(fold, 1, ptr, &item, NULL, row, NULL, &error));
    asked.query.embeddings = row;
    OK(adaptau_model_rank(w.model, &asked.query, &best, NULL, &error));
    adaptau_fold_in_destroy(fold);
    options.tail[0] = asked.tail[TAIL - 1] = 1;
    ck_assert_int_eq(adaptau_fold_in_create(w.model, NULL, &options.options, &fold, &error), ADAPTAU_E_ABI);
    ck_assert_int_eq(adaptau_model_rank(w.model, &asked.query, &best, NULL, &error), ADAPTAU_E_ABI);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("longer structs");
    TCase *tests = tcase_create("longer structs");
    tcase_add_test(tests, steps_with_a_longer_batch);
    tcase_add_test(tests, steps_with_a_longer_loss);
    tcase_add_test(tests, softmax_of_longer_structs);
    tcase_add_test(tests, evaluates_longer_tables);
    tcase_add_test(tests, folds_and_filters_by_longer_structs);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
