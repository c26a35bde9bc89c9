/* SPDX-License-Identifier: MIT */
/* A training by a recipe is the loop that a host would write with the single objects, bit for bit; and it can be left, resumed,
 * repeated after a failure, and given another model. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/suite.h"
#include "../support/training_fixture.h"

#define EPOCHS 4
#define PI 3.14159265358979323846

/* ---- recipes ------------------------------------------------------------------------------------------------------- */

/* What differs in each way to train. */
static adaptau_recipe way(int number)
{
    adaptau_recipe recipe = make_recipe(EPOCHS);
    switch (number) {
    case 0: break;
    case 1:
        recipe.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS;
        recipe.popularity_prior = 0;
        recipe.soft_targets = 0;
        break;
    case 2: recipe.encoder = ADAPTAU_ENCODER_LIGHTGCN; recipe.edge_dropout = 0.1; break;
    case 3:
        recipe.encoder = ADAPTAU_ENCODER_SIMPLEX;
        recipe.loss = ADAPTAU_LOSS_CCL;
        recipe.popularity_prior = 0.2;
        break;
    case 4: recipe.candidates = ADAPTAU_SAMPLER_SHARED_POPULARITY; recipe.n_candidates = 30; break;
    case 5: recipe.candidates = ADAPTAU_SAMPLER_IN_BATCH; recipe.tau0_policy = ADAPTAU_TAU0_LEARNED; break;
    case 6: recipe.epochs = 7; break;
    case 7: recipe.epochs = 8; break; /* the shortest run whose rates are held; half of it is run                */
    default: recipe.epochs = 8; recipe.encoder = ADAPTAU_ENCODER_LIGHTGCN; break;
    }
    return recipe;
}

#define N_WAYS 6
#define N_SCHEDULES 3 /* further ways that differ in nothing else                                                */

/* ---- both loops ---------------------------------------------------------------------------------------------------- */

struct result {
    float  users[USERS * DIM], items[ITEMS * DIM], bias[ITEMS];
    double loss[EPOCHS], tau0;
};

static struct result expected, found;

/* Losses of another test. */
static void clear_results(void)
{
    memset(&expected, 0, sizeof expected);
    memset(&found, 0, sizeof found);
}

static void keep(struct result *result, const adaptau_model *model)
{
    const adaptau_tables tables = tables_of(model);
    memcpy(result->users, tables.users, sizeof result->users);
    memcpy(result->items, tables.items, sizeof result->items);
    memset(result->bias, 0, sizeof result->bias);
    if (tables.item_bias)
        memcpy(result->bias, tables.item_bias, sizeof result->bias);
}

/* Written with single objects alone. */
static void train_by_hand(adaptau_context *context, const adaptau_dataset *data, const adaptau_recipe *r, struct result *result)
{
    adaptau_model              *model = NULL;
    adaptau_temperature        *temperature = NULL;
    adaptau_sampler            *sampler = NULL;
    adaptau_model_options       model_options = {.struct_size = sizeof model_options};
    adaptau_loss                loss = {.struct_size = sizeof loss};
    adaptau_temperature_options temperature_options = {.struct_size = sizeof temperature_options};
    adaptau_sampler_options     sampler_options = {.struct_size = sizeof sampler_options};
    adaptau_temperature_state   state = {.struct_size = sizeof state};
    const adaptau_target_options targets =
        full_target_options((adaptau_target_options){.strength = r->soft_targets,
                                                     .row_weight_exponent = r->row_weight_exponent});
    OK(adaptau_recipe_model_options(r, &model_options, &error));
    OK(adaptau_recipe_loss(r, &loss, &error));
    OK(adaptau_recipe_temperature_options(r, &temperature_options, &error));
    OK(adaptau_recipe_sampler_options(r, &sampler_options, &error));
    OK(adaptau_model_create(context, data, &model_options, &model, &error));
    OK(adaptau_model_set_loss(model, &loss, &error));
    OK(adaptau_temperature_create(context, data, &temperature_options, &temperature, &error));
    OK(adaptau_sampler_create(context, data, &sampler_options, &sampler, &error));
    const int64_t n_steps = adaptau_sampler_n_batches(sampler);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        double        sum = 0, weight = 0;
        OK(adaptau_model_update_temperature(model, temperature, &error));
        OK(adaptau_temperature_get_state(temperature, &state, &error));
        OK(adaptau_sampler_begin_epoch(sampler, epoch, &error));
        OK(adaptau_model_update_targets(model, data, temperature, &targets, &error));
        for (int64_t k = 0;; k++) {
            adaptau_step step = {.struct_size = sizeof step};
            OK(adaptau_sampler_next(sampler, &batch, &error));
            if (batch.n_rows == 0)
                break;
            const double share = (double)(epoch * n_steps + k) / (double)(r->epochs * n_steps);
            const double hold = r->encoder == ADAPTAU_ENCODER_MF && r->epochs >= 8 ? 0.3 : 0;
            const double factor = 0.5 * (1 + cos(PI * fmax(0, (share - hold) / (1 - hold))));
            OK(adaptau_model_set_learning_rates(model, r->learning_rate_users * factor, r->learning_rate_items * factor, &error));
            OK(adaptau_model_gradients(model, &batch, temperature, &step, &error));
            OK(adaptau_model_apply(model, &error));
            sum += step.loss;
            for (int32_t row = 0; row < batch.n_rows; row++)
                weight += (double)(batch.positive_ptr[row + 1] - batch.positive_ptr[row]) *
                          (batch.row_weights ? (double)batch.row_weights[row] : 1.0);
        }
        result->loss[epoch] = sum / weight;
    }
    keep(result, model);
    result->tau0 = state.tau0;
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(data, &view, &error));
    for (int i = 0; i < ITEMS && r->popularity_prior > 0; i++)
        result->bias[i] =
            (float)(r->popularity_prior * state.tau0 * log1p((double)(view.item_ptr[i + 1] - view.item_ptr[i])));
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
}

static void finish(adaptau_training *training, struct result *result)
{
    keep(result, adaptau_training_model(training));
    result->tau0 = state_of(training).tau0;
}

static void expect_equal(void)
{
    ck_assert_mem_eq(expected.users, found.users, sizeof expected.users);
    ck_assert_mem_eq(expected.items, found.items, sizeof expected.items);
    ck_assert_mem_eq(expected.bias, found.bias, sizeof expected.bias);
    ck_assert_mem_eq(expected.loss, found.loss, sizeof expected.loss);
    ck_assert(expected.tau0 == found.tau0);
}

static struct {
    adaptau_context  *context;
    adaptau_dataset  *data;
    adaptau_training *training;
} f;

static void open_training(adaptau_context *context, const adaptau_recipe *recipe)
{
    f.context = context;
    if (!context)
        OK(adaptau_context_create(NULL, &f.context, &error));
    f.data = make_data(f.context);
    OK(adaptau_training_create(f.context, f.data, recipe, &f.training, &error));
}

static void close_training(void)
{
    adaptau_training_destroy(f.training);
    adaptau_dataset_destroy(f.data);
    adaptau_context_destroy(f.context);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

START_TEST(is_the_loop_that_a_host_would_write)
{
    adaptau_recipe recipe = way(_i);
    open_training(NULL, &recipe);
    OK(adaptau_recipe_fill(&recipe, f.data, &error));
    train_by_hand(f.context, f.data, &recipe, &expected);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++)
        found.loss[epoch] = train_epoch(f.training, epoch);
    finish(f.training, &found);
    expect_equal();
    close_training();
}
END_TEST

START_TEST(fills_its_copy_of_the_recipe)
{
    adaptau_recipe filled = {.struct_size = sizeof filled}, kept = filled;
    OK(adaptau_recipe_init(&filled, &error));
    open_training(NULL, NULL);
    OK(adaptau_tune(f.context, f.data, NULL, &filled, NULL, &error));
    OK(adaptau_training_get_recipe(f.training, &kept, &error));
    ck_assert_mem_eq(&filled, &kept, sizeof kept);
    close_training();
}
END_TEST

START_TEST(goes_on_from_a_checkpoint)
{
    char           note[ADAPTAU_NOTE_SIZE];
    adaptau_recipe recipe = way(_i);
    open_training(NULL, &recipe);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        expected.loss[epoch] = train_epoch(f.training, epoch);
        if (epoch == 1)
            OK(adaptau_model_save_checkpoint(adaptau_training_model(f.training), adaptau_training_temperature(f.training), "2",
                                             path, &error));
    }
    finish(f.training, &expected);
    adaptau_training_destroy(f.training);
    f.training = NULL;
    OK(adaptau_training_create(f.context, f.data, &recipe, &f.training, &error));
    OK(adaptau_training_resume(f.training, path, note, &error));
    ck_assert_str_eq(note, "2");
    memcpy(found.loss, expected.loss, 2 * sizeof *found.loss);
    for (int64_t epoch = 2; epoch < EPOCHS; epoch++)
        found.loss[epoch] = train_epoch(f.training, epoch);
    finish(f.training, &found);
    expect_equal();
    close_training();
}
END_TEST

/* In the beginning of an epoch anything may fail, and the same call again makes nothing twice: not the temperature's update. */
static void begin_with_faults(struct host *host, bool memory, int64_t epoch)
{
    for (int64_t nth = 0;; nth++) {
        host->fails_once = memory;
        host->allocations_left = memory ? nth : INT64_MAX;
        host->failing_execution = memory ? -1 : host->executions + nth;
        adaptau_status status = adaptau_training_begin_epoch(f.training, epoch, &error);
        ck_assert_int_eq(host_has_failed(host), status != ADAPTAU_OK);
        *host = (struct host){.allocations = host->allocations,
                              .allocations_left = INT64_MAX,
                              .bytes = host->bytes,
                              .executions = host->executions,
                              .failing_execution = -1};
        if (status == ADAPTAU_OK)
            break;
        ck_assert_int_eq(status, memory ? ADAPTAU_E_MEMORY : ADAPTAU_E_CALLBACK);
        adaptau_batch batch = {.struct_size = sizeof batch};
        ck_assert_int_eq(adaptau_training_next(f.training, &batch, &error), ADAPTAU_E_STATE);
        ck_assert_int_lt(nth, 1000);
    }
    ck_assert_int_eq(state_of(f.training).epoch, epoch);
}

/* _i: a way, with failing memory or with failing threads. */
START_TEST(begins_an_epoch_after_failures)
{
    struct host    host;
    adaptau_recipe recipe = way(_i / 2);
    open_training(open_host(&host, 2, true), &recipe);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++)
        expected.loss[epoch] = train_epoch(f.training, epoch);
    finish(f.training, &expected);
    adaptau_training_destroy(f.training);
    f.training = NULL;
    OK(adaptau_training_create(f.context, f.data, &recipe, &f.training, &error));
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        begin_with_faults(&host, _i % 2 == 0, epoch);
        found.loss[epoch] = finish_epoch(f.training);
    }
    finish(f.training, &found);
    expect_equal();
    close_training();
}
END_TEST

/* Every allocation of creation fails once. */
START_TEST(creation_gives_its_memory_back)
{
    struct host    host;
    adaptau_recipe recipe = way(_i);
    open_training(open_host(&host, 1, false), &recipe);
    const int64_t bytes = host.bytes;
    for (int64_t nth = 0;; nth++) {
        adaptau_training *training = NULL;
        host.fails_once = true;
        host.allocations_left = nth;
        adaptau_status status = adaptau_training_create(f.context, f.data, &recipe, &training, &error);
        ck_assert_int_eq(host_has_failed(&host), status != ADAPTAU_OK);
        host.allocations_left = INT64_MAX;
        adaptau_training_destroy(training);
        ck_assert_int_eq(host.bytes, bytes);
        if (status == ADAPTAU_OK)
            break;
        ck_assert_int_eq(status, ADAPTAU_E_MEMORY);
        ck_assert_ptr_null(training);
    }
    close_training();
}
END_TEST

/* Called from inside of adaptau_training_begin_epoch, on a lane. */
static int n_refused;

static void call_meanwhile(void)
{
    adaptau_training_state state = {.struct_size = sizeof state};
    adaptau_batch          batch = {.struct_size = sizeof batch};
    if (!f.training)
        return;
    ck_assert_int_eq(adaptau_training_get_state(f.training, &state, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "training is in use by another thread");
    ck_assert_int_eq(adaptau_training_begin_epoch(f.training, 0, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_training_next(f.training, &batch, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_training_add_loss(f.training, 1.0, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_training_end_epoch(f.training, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_training_resume(f.training, "none", NULL, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_training_replace_model(f.training, adaptau_training_model(f.training), NULL, &error),
                     ADAPTAU_E_STATE);
    ck_assert_ptr_null(adaptau_training_take_model(f.training));
    n_refused++;
}

START_TEST(refuses_a_second_call_meanwhile)
{
    struct host          host;
    const adaptau_recipe recipe = make_recipe(EPOCHS);
    open_training(open_host(&host, 2, true), &recipe);
    n_refused = 0;
    host.inside = call_meanwhile;
    OK(adaptau_training_begin_epoch(f.training, 0, &error));
    host.inside = NULL;
    ck_assert_int_gt(n_refused, 0);
    ck_assert_int_eq(state_of(f.training).epoch, 0);
    close_training();
}
END_TEST

START_TEST(has_no_epoch_beyond_its_last)
{
    const adaptau_recipe recipe = make_recipe(EPOCHS);
    open_training(NULL, &recipe);
    OK(adaptau_training_begin_epoch(f.training, EPOCHS - 1, &error));
    ck_assert_int_eq(adaptau_training_begin_epoch(f.training, EPOCHS, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_training_begin_epoch(f.training, INT64_MAX, &error), ADAPTAU_E_ARGUMENT);
    OK(adaptau_training_end_epoch(f.training, &error));
    close_training();
}
END_TEST

/* Left in the middle: the state says where, and the model can be served. */
START_TEST(ends_in_the_middle_of_an_epoch)
{
    const adaptau_recipe recipe = make_recipe(EPOCHS);
    adaptau_batch        batch = {.struct_size = sizeof batch};
    open_training(NULL, &recipe);
    ck_assert_int_eq(state_of(f.training).epoch, -1);
    OK(adaptau_training_begin_epoch(f.training, 0, &error));
    OK(adaptau_training_next(f.training, &batch, &error));
    OK(adaptau_training_add_loss(f.training, 7.0, &error));
    ck_assert_int_eq(adaptau_training_add_loss(f.training, 7.0, &error), ADAPTAU_E_STATE);
    OK(adaptau_training_end_epoch(f.training, &error));
    ck_assert_int_eq(state_of(f.training).step, 1);
    ck_assert(state_of(f.training).loss > 0);
    ck_assert_ptr_nonnull(tables_of(adaptau_training_model(f.training)).item_bias);
    close_training();
}
END_TEST

START_TEST(gives_its_model_away)
{
    const adaptau_recipe recipe = make_recipe(EPOCHS);
    adaptau_batch        batch = {.struct_size = sizeof batch};
    open_training(NULL, &recipe);
    found.loss[0] = train_epoch(f.training, 0);
    adaptau_model *model = adaptau_training_take_model(f.training);
    ck_assert_ptr_nonnull(model);
    ck_assert_ptr_null(adaptau_training_model(f.training));
    ck_assert_ptr_null(adaptau_training_take_model(f.training));
    ck_assert_int_eq(adaptau_training_begin_epoch(f.training, 1, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "the model has been taken out of the training");
    ck_assert_int_eq(adaptau_training_next(f.training, &batch, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_training_end_epoch(f.training, &error), ADAPTAU_E_STATE);
    OK(adaptau_training_replace_model(f.training, model, NULL, &error));
    found.loss[1] = train_epoch(f.training, 1);
    close_training();
}
END_TEST

/* A model that was trained, with moments and all, goes on in another training: as when nothing had happened. */
START_TEST(trains_a_model_that_it_was_given)
{
    const adaptau_recipe recipe = way(1);
    adaptau_model       *copy = NULL;
    adaptau_temperature *warm = NULL;
    open_training(NULL, &recipe);
    expected.loss[0] = train_epoch(f.training, 0);
    OK(adaptau_model_grow(adaptau_training_model(f.training), f.data, NULL, &copy, &error));
    OK(adaptau_temperature_grow(adaptau_training_temperature(f.training), f.data, &warm, &error));
    expected.loss[1] = train_epoch(f.training, 1);
    finish(f.training, &expected);
    adaptau_training *other = NULL;
    OK(adaptau_training_create(f.context, f.data, &recipe, &other, &error));
    OK(adaptau_training_replace_model(other, copy, warm, &error));
    found.loss[0] = expected.loss[0];
    found.loss[1] = train_epoch(other, 1);
    memcpy(found.loss + 2, expected.loss + 2, 2 * sizeof *found.loss);
    finish(other, &found);
    expect_equal();
    adaptau_training_destroy(other);
    close_training();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("training");
    TCase *tests = tcase_create("training");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_checked_fixture(tests, clear_results, NULL);
    tcase_add_loop_test(tests, is_the_loop_that_a_host_would_write, 0, N_WAYS + N_SCHEDULES);
    tcase_add_test(tests, fills_its_copy_of_the_recipe);
    tcase_add_loop_test(tests, goes_on_from_a_checkpoint, 0, N_WAYS);
    tcase_add_loop_test(tests, begins_an_epoch_after_failures, 0, 2 * N_WAYS);
    tcase_add_loop_test(tests, creation_gives_its_memory_back, 0, N_WAYS);
    tcase_add_test(tests, refuses_a_second_call_meanwhile);
    tcase_add_test(tests, has_no_epoch_beyond_its_last);
    tcase_add_test(tests, ends_in_the_middle_of_an_epoch);
    tcase_add_test(tests, gives_its_model_away);
    tcase_add_test(tests, trains_a_model_that_it_was_given);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
