/* SPDX-License-Identifier: MIT */
/* adaptau_fit is the loop of adaptau_training, bit for bit, whatever chooses the epoch; its callbacks see every step and can end
 * it; a failure leaves nothing behind. */
#include <adaptau/adaptau.h>

#include <stdbool.h>
#include <string.h>

#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/suite.h"
#include "../support/training_loop.h"

#define EPOCHS 5

static struct {
    adaptau_context *context;
    adaptau_dataset *all, *data, *validation; /* all, and a part of it without the validation set                */
    adaptau_recipe   recipe;
} f;

static void open_data(adaptau_context *context)
{
    const adaptau_split_options options = {.struct_size = sizeof options, .share = 0.2, .seed = 9};
    f.context = context;
    if (!context)
        OK(adaptau_context_create(NULL, &f.context, &error));
    f.all = make_data(f.context);
    OK(adaptau_dataset_split(f.context, f.all, &options, &f.data, &f.validation, &error));
    f.recipe = (adaptau_recipe){.struct_size = sizeof f.recipe};
    OK(adaptau_recipe_init(&f.recipe, &error));
    f.recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    f.recipe.dim = DIM;
    f.recipe.epochs = EPOCHS;
    f.recipe.learning_rate_users = 1.0; /* so large that the last epoch is not the best */
    f.recipe.learning_rate_items = 0.5;
}

static void close_data(void)
{
    adaptau_dataset_destroy(f.all);
    adaptau_dataset_destroy(f.data);
    adaptau_dataset_destroy(f.validation);
    adaptau_context_destroy(f.context);
}

static adaptau_fit_options new_options(void)
{
    return full_fit_options((adaptau_fit_options){.cutoff = 10});
}

/* ---- by hand ------------------------------------------------------------------------------------------------------- */

struct judged {
    double recall, ndcg, loss, tau0;
};

static adaptau_evaluator *make_evaluator(const adaptau_dataset *held_out, const adaptau_dataset *const *mask)
{
    const int32_t                   cutoff = 10;
    adaptau_evaluator              *made = NULL;
    const adaptau_evaluator_options options =
        full_evaluator_options((adaptau_evaluator_options){.n_cutoffs = 1, .cutoffs = &cutoff, .n_masks = 1, .masks = mask});
    OK(adaptau_evaluator_create(f.context, held_out, &options, &made, &error));
    return made;
}

/* Train so many epochs on `data`, judge each where there is something to judge by, and return the model. */
static adaptau_model *train_by_hand(const adaptau_dataset *data, const adaptau_dataset *held_out, int64_t n, struct judged *judged)
{
    adaptau_training  *training = NULL;
    adaptau_recipe     recipe = f.recipe;
    adaptau_evaluator *evaluator = held_out ? make_evaluator(held_out, &data) : NULL;
    OK(adaptau_recipe_fill(&recipe, held_out == f.validation ? data : f.all, &error));
    OK(adaptau_training_create(f.context, data, &recipe, &training, &error));
    for (int64_t epoch = 0; epoch < n; epoch++) {
        const double loss = train_epoch(training, epoch);
        judged[epoch] = (struct judged){.loss = loss, .tau0 = state_of(training).tau0};
        if (!evaluator)
            continue;
        const adaptau_tables tables = tables_of(adaptau_training_model(training));
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
        OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, 10, &judged[epoch].recall, &error));
        OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_NDCG, 10, &judged[epoch].ndcg, &error));
    }
    adaptau_model *model = adaptau_training_take_model(training);
    adaptau_training_destroy(training);
    adaptau_evaluator_destroy(evaluator);
    return model;
}

static int best_of(const struct judged *judged, int n)
{
    int best = 0;
    for (int k = 1; k < n; k++)
        if (judged[k].recall > judged[best].recall ||
            (judged[k].recall == judged[best].recall && judged[k].ndcg > judged[best].ndcg))
            best = k;
    return best;
}

static void expect_same(const adaptau_model *a, const adaptau_model *b)
{
    const adaptau_tables x = tables_of(a), y = tables_of(b);
    ck_assert_mem_eq(x.users, y.users, sizeof(float) * USERS * DIM);
    ck_assert_mem_eq(x.items, y.items, sizeof(float) * ITEMS * DIM);
    ck_assert(x.item_bias && y.item_bias);
    ck_assert_mem_eq(x.item_bias, y.item_bias, sizeof(float) * ITEMS);
}

/* ---- tests --------------------------------------------------------------------------------------------------------- */

START_TEST(trains_all_epochs_without_held_out_interactions)
{
    struct judged      judged[EPOCHS];
    adaptau_model     *model = NULL;
    adaptau_fit_result result = {.struct_size = sizeof result};
    open_data(NULL);
    adaptau_model *expected = train_by_hand(f.all, NULL, EPOCHS, judged);
    OK(adaptau_fit(f.context, f.all, &f.recipe, NULL, &model, &result, &error));
    expect_same(model, expected);
    ck_assert_int_eq(result.n_epochs, EPOCHS);
    ck_assert_int_eq(result.n_searched, 0);
    ck_assert_int_eq(result.stopped, 0);
    ck_assert(result.loss == judged[EPOCHS - 1].loss && result.tau0 == judged[EPOCHS - 1].tau0);
    ck_assert(result.recall == 0 && result.ndcg == 0);
    adaptau_model_destroy(model);
    adaptau_model_destroy(expected);
    close_data();
}
END_TEST

START_TEST(returns_the_epoch_that_validation_likes_best)
{
    struct judged       judged[EPOCHS], again[EPOCHS];
    adaptau_model      *model = NULL;
    adaptau_fit_result  result = {.struct_size = sizeof result};
    adaptau_fit_options options = new_options();
    open_data(NULL);
    options.validation = f.validation;
    adaptau_model_destroy(train_by_hand(f.data, f.validation, EPOCHS, judged));
    const int best = best_of(judged, EPOCHS);
    ck_assert_int_lt(best, EPOCHS - 1); /* else this test shows nothing */
    adaptau_model *expected = train_by_hand(f.data, f.validation, best + 1, again);
    OK(adaptau_fit(f.context, f.data, &f.recipe, &options, &model, &result, &error));
    expect_same(model, expected);
    ck_assert_int_eq(result.n_epochs, best + 1);
    ck_assert_int_eq(result.n_searched, EPOCHS);
    ck_assert(result.recall == judged[best].recall && result.ndcg == judged[best].ndcg);
    ck_assert(result.loss == judged[best].loss && result.tau0 == judged[best].tau0);
    adaptau_model_destroy(model);
    adaptau_model_destroy(expected);
    close_data();
}
END_TEST

START_TEST(trains_again_on_all_for_the_best_number_of_epochs)
{
    struct judged               judged[EPOCHS], again[EPOCHS];
    adaptau_dataset            *kept = NULL, *held_out = NULL;
    adaptau_model              *model = NULL;
    adaptau_fit_result          result = {.struct_size = sizeof result};
    adaptau_fit_options         options = new_options();
    const adaptau_split_options split = {.struct_size = sizeof split, .share = 0.2, .seed = 4};
    open_data(NULL);
    options.held_out_share = 0.2;
    options.held_out_seed = 4;
    OK(adaptau_dataset_split(f.context, f.all, &split, &kept, &held_out, &error));
    adaptau_model_destroy(train_by_hand(kept, held_out, EPOCHS, judged));
    const int      best = best_of(judged, EPOCHS);
    adaptau_model *expected = train_by_hand(f.all, NULL, best + 1, again);
    OK(adaptau_fit(f.context, f.all, &f.recipe, &options, &model, &result, &error));
    expect_same(model, expected);
    ck_assert_int_eq(result.n_epochs, best + 1);
    ck_assert_int_eq(result.n_searched, EPOCHS);
    ck_assert(result.recall == judged[best].recall && result.loss == again[best].loss);
    adaptau_model_destroy(model);
    adaptau_model_destroy(expected);
    adaptau_dataset_destroy(kept);
    adaptau_dataset_destroy(held_out);
    close_data();
}
END_TEST

START_TEST(ends_in_the_middle_of_the_schedule)
{
    struct judged       judged[EPOCHS];
    adaptau_model      *model = NULL;
    adaptau_fit_options options = new_options();
    open_data(NULL);
    options.n_epochs = 2;
    adaptau_model *expected = train_by_hand(f.all, NULL, 2, judged);
    OK(adaptau_fit(f.context, f.all, &f.recipe, &options, &model, NULL, &error));
    expect_same(model, expected);
    adaptau_model_destroy(model);
    adaptau_model_destroy(expected);
    close_data();
}
END_TEST

/* ---- callbacks ----------------------------------------------------------------------------------------------------- */

static struct {
    int64_t steps, epochs, evaluated, best, final_epochs;
    int64_t answer_step, answer_epoch; /* the one, counted from 1, that is answered by `answer`                 */
    int32_t answer;
    double  recall;
} seen;

static int32_t see_step(void *user_data, const adaptau_fit_progress *progress)
{
    ck_assert_ptr_eq(user_data, &seen);
    ck_assert_int_eq(progress->step, ++seen.steps - (progress->epoch + seen.final_epochs) * progress->n_steps);
    ck_assert(progress->loss > 0 && progress->tau0 > 0 && progress->model);
    ck_assert_int_eq(progress->evaluated, 0);
    return seen.steps == seen.answer_step ? seen.answer : ADAPTAU_FIT_GO_ON;
}

static int32_t see_epoch(void *user_data, const adaptau_fit_progress *progress)
{
    ck_assert_ptr_eq(user_data, &seen);
    ck_assert_int_eq(progress->step, progress->n_steps);
    ck_assert_int_le(progress->n_epochs, EPOCHS);
    seen.epochs++;
    seen.evaluated += progress->evaluated;
    seen.best = progress->best ? progress->epoch : seen.best;
    if (progress->evaluated)
        ck_assert(progress->recall > 0 && progress->ndcg > 0);
    return seen.epochs == seen.answer_epoch ? seen.answer : ADAPTAU_FIT_GO_ON;
}

static adaptau_fit_options watched(void)
{
    adaptau_fit_options options = new_options();
    memset(&seen, 0, sizeof seen);
    options.on_step = see_step;
    options.on_epoch = see_epoch;
    options.user_data = &seen;
    return options;
}

START_TEST(callbacks_see_every_step_and_epoch)
{
    adaptau_model      *model = NULL;
    adaptau_fit_options options = watched();
    adaptau_fit_result  result = {.struct_size = sizeof result};
    open_data(NULL);
    options.validation = f.validation;
    options.eval_every = 2;
    OK(adaptau_fit(f.context, f.data, &f.recipe, &options, &model, &result, &error));
    ck_assert_int_eq(seen.epochs, EPOCHS);
    ck_assert_int_eq(seen.evaluated, 3); /* after 2, 4 and the last one */
    ck_assert_int_eq(seen.best + 1, result.n_epochs);
    ck_assert_int_ge(seen.steps, EPOCHS);
    adaptau_model_destroy(model);
    close_data();
}
END_TEST

/* Without learning no epoch is better than the first. */
START_TEST(loses_patience)
{
    adaptau_model      *model = NULL;
    adaptau_fit_options options = watched();
    adaptau_fit_result  result = {.struct_size = sizeof result};
    open_data(NULL);
    f.recipe.learning_rate_users = f.recipe.learning_rate_items = f.recipe.popularity_prior = 0;
    options.validation = f.validation;
    options.patience = 2;
    OK(adaptau_fit(f.context, f.data, &f.recipe, &options, &model, &result, &error));
    ck_assert_int_eq(seen.epochs, 3);
    ck_assert_int_eq(result.n_epochs, 1);
    ck_assert_int_eq(result.n_searched, 3);
    adaptau_model_destroy(model);
    close_data();
}
END_TEST

/* _i: in a step or after an epoch; by validation or without. */
START_TEST(stops_when_a_callback_says_so)
{
    const bool          in_step = _i % 2, validates = _i / 2;
    struct judged       judged[EPOCHS];
    adaptau_model      *model = NULL;
    adaptau_fit_options options = watched();
    adaptau_fit_result  result = {.struct_size = sizeof result};
    open_data(NULL);
    f.recipe.rows_per_batch = 32;
    options.validation = validates ? f.validation : NULL;
    seen.answer = ADAPTAU_FIT_STOP;
    *(in_step ? &seen.answer_step : &seen.answer_epoch) = 2;
    OK(adaptau_fit(f.context, f.data, &f.recipe, &options, &model, &result, &error));
    ck_assert_int_eq(result.stopped, 1);
    ck_assert_int_eq(seen.epochs, in_step ? 0 : 2);
    ck_assert_int_eq(seen.steps, in_step ? 2 : 2 * 4);
    ck_assert_int_le(result.n_epochs, in_step ? 0 : 2);
    ck_assert_ptr_nonnull(tables_of(model).item_bias);
    if (!in_step) {
        adaptau_model_destroy(train_by_hand(f.data, f.validation, 2, judged));
        const int      n = validates ? best_of(judged, 2) + 1 : 2;
        adaptau_model *expected = train_by_hand(f.data, f.validation, n, judged);
        ck_assert_int_eq(result.n_epochs, n);
        expect_same(model, expected);
        adaptau_model_destroy(expected);
    }
    adaptau_model_destroy(model);
    close_data();
}
END_TEST

/* _i: in a step or after an epoch; whole, validated, searched. */
START_TEST(cancels_when_a_callback_says_so)
{
    struct host         host;
    adaptau_model      *model = NULL;
    adaptau_fit_options options = watched();
    adaptau_fit_result  result = {.struct_size = sizeof result, .n_epochs = 77};
    open_data(open_host(&host, 1, false));
    const int64_t bytes = host.bytes;
    options.validation = _i / 2 == 1 ? f.validation : NULL;
    options.held_out_share = _i / 2 == 2 ? 0.2 : 0.0;
    seen.answer = -5;
    *(_i % 2 ? &seen.answer_step : &seen.answer_epoch) = 1;
    ck_assert_int_eq(adaptau_fit(f.context, f.data, &f.recipe, &options, &model, &result, &error), ADAPTAU_E_CANCELLED);
    ck_assert_ptr_nonnull(strstr(error.message, _i % 2 ? "on_step answered -5 in step 1 of epoch 0" : "on_epoch answered -5"));
    ck_assert_ptr_null(model);
    ck_assert_int_eq(result.n_epochs, 77);
    ck_assert_int_eq(host.bytes, bytes);
    close_data();
}
END_TEST

/* Every allocation fails once: E_MEMORY, and all of it given back. _i: whole, validated, searched. */
START_TEST(gives_its_memory_back_after_a_failure)
{
    struct host         host;
    adaptau_fit_options options = new_options();
    open_data(open_host(&host, 1, false));
    const int64_t bytes = host.bytes;
    int           n_failures = 0;
    f.recipe.epochs = 2;
    options.validation = _i == 1 ? f.validation : NULL;
    options.held_out_share = _i == 2 ? 0.2 : 0.0;
    for (int64_t nth = 0;; nth++, n_failures++) {
        adaptau_model *model = NULL;
        host.fails_once = true;
        host.allocations_left = nth;
        adaptau_status status = adaptau_fit(f.context, f.data, &f.recipe, &options, &model, NULL, &error);
        ck_assert_msg(host_has_failed(&host) == (status != ADAPTAU_OK), "allocation %d fails, and nobody is told", (int)nth);
        host.allocations_left = INT64_MAX;
        adaptau_model_destroy(model);
        ck_assert_int_eq(host.bytes, bytes);
        if (status == ADAPTAU_OK)
            break;
        ck_assert_msg(status == ADAPTAU_E_MEMORY, "allocation %d: %s", (int)nth, error.message);
        ck_assert_ptr_null(model);
    }
    ck_assert_int_gt(n_failures, 10);
    close_data();
}
END_TEST

/* Users with one interaction each: nothing can be held out, and all epochs are taken on trust. */
START_TEST(takes_all_epochs_where_nothing_can_be_held_out)
{
    const int32_t       users[3] = {0, 1, 2}, items[3] = {0, 1, 0};
    adaptau_model      *model = NULL;
    adaptau_dataset    *tiny = NULL;
    adaptau_fit_options options = new_options();
    adaptau_fit_result  result = {.struct_size = sizeof result};
    open_data(NULL);
    OK(adaptau_dataset_create_from_interactions(f.context, 3, 4, 3, users, items, NULL, &tiny, &error));
    options.held_out_share = 0.4;
    f.recipe.dim = 2;
    OK(adaptau_fit(f.context, tiny, &f.recipe, &options, &model, &result, &error));
    ck_assert_int_eq(result.n_epochs, EPOCHS);
    ck_assert_int_eq(result.n_searched, 0);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(tiny);
    close_data();
}
END_TEST

/* ---- the temperature ------------------------------------------------------------------------------------------------- */

static int32_t count_phases(void *user_data, const adaptau_fit_progress *progress)
{
    int64_t *steps = user_data;
    steps[progress->phase]++;
    ck_assert((progress->model == NULL) == (progress->phase == ADAPTAU_FIT_TEMPERATURE));
    return ADAPTAU_FIT_GO_ON;
}

/* With validation that is what is held out, else a part of the dataset; the model is trained at what adaptau_tune finds. */
START_TEST(finds_its_temperature_first)
{
    open_data(NULL);
    f.recipe.tau0_policy = ADAPTAU_TAU0_HELD_OUT;
    for (int with = 0; with < 2; with++) {
        int64_t              steps[3] = {0};
        adaptau_recipe       tuned = f.recipe;
        adaptau_tune_options tuning = full_tune_options((adaptau_tune_options){.cutoff = 10,
                                                                               .held_out = with ? f.validation : NULL});
        adaptau_fit_options  options = new_options();
        adaptau_fit_result   result = {.struct_size = sizeof result};
        adaptau_model       *model = NULL;
        options.validation = with ? f.validation : NULL;
        options.on_step = count_phases;
        options.user_data = steps;
        OK(adaptau_tune(f.context, f.data, &tuning, &tuned, NULL, &error));
        OK(adaptau_fit(f.context, f.data, &f.recipe, &options, &model, &result, &error));
        ck_assert_double_eq(result.tau0, tuned.tau);
        ck_assert_int_gt(steps[ADAPTAU_FIT_TEMPERATURE], 0);
        ck_assert_int_gt(steps[with ? ADAPTAU_FIT_SEARCH : ADAPTAU_FIT_FINAL], 0);
        adaptau_model_destroy(model);
    }
    close_data();
}
END_TEST

static int32_t end_in_tuning(void *user_data, const adaptau_fit_progress *progress)
{
    (void)user_data;
    return progress->phase == ADAPTAU_FIT_TEMPERATURE ? ADAPTAU_FIT_STOP : ADAPTAU_FIT_GO_ON;
}

START_TEST(a_stop_before_there_is_a_model_is_a_cancellation)
{
    adaptau_model      *model = NULL;
    adaptau_fit_options options = new_options();
    open_data(NULL);
    f.recipe.tau0_policy = ADAPTAU_TAU0_HELD_OUT;
    options.on_step = end_in_tuning;
    ck_assert_int_eq(adaptau_fit(f.context, f.data, &f.recipe, &options, &model, NULL, &error), ADAPTAU_E_CANCELLED);
    ck_assert_ptr_null(model);
    close_data();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fit");
    TCase *tests = tcase_create("fit");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, trains_all_epochs_without_held_out_interactions);
    tcase_add_test(tests, returns_the_epoch_that_validation_likes_best);
    tcase_add_test(tests, trains_again_on_all_for_the_best_number_of_epochs);
    tcase_add_test(tests, ends_in_the_middle_of_the_schedule);
    tcase_add_test(tests, callbacks_see_every_step_and_epoch);
    tcase_add_test(tests, loses_patience);
    tcase_add_loop_test(tests, stops_when_a_callback_says_so, 0, 4);
    tcase_add_loop_test(tests, cancels_when_a_callback_says_so, 0, 6);
    tcase_add_loop_test(tests, gives_its_memory_back_after_a_failure, 0, 3);
    tcase_add_test(tests, takes_all_epochs_where_nothing_can_be_held_out);
    tcase_add_test(tests, finds_its_temperature_first);
    tcase_add_test(tests, a_stop_before_there_is_a_model_is_a_cancellation);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
