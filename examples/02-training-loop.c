/* SPDX-License-Identifier: MIT */
/* 2: the library's model, your loop.
 *
 * A recipe says how a model is trained, by the data where you have not said it. A training has what the recipe asks for: the
 * model with its optimiser, the temperature that sets itself, the sampler that cuts epochs into batches, and the schedule. The
 * loop that steps through the batches stays here, where it can be stopped, logged or changed; the evaluator ranks.
 *
 * The data are made up: users and items have one of 10 tastes, and a user has 16 of the 40 items of their taste. 12 are for
 * training and 4 for the test. Guessing within the taste would find 10/28 = 0.357 of them among the 10 best. */
#include <stdio.h>
#include <stdlib.h>

#include <adaptau/adaptau.h>

#define USERS 1000
#define ITEMS 400
#define TASTES 10
#define PER_TASTE (ITEMS / TASTES)
#define TRAIN 12
#define TEST 4

static void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "%s: %s\n", adaptau_status_name(status), error->message);
    exit(1);
}

static int32_t draw_below(int32_t n)
{
    static uint64_t state = 1;
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int32_t)((state >> 33) % (uint64_t)n);
}

/* Shuffle the taste's items as far as needed: the first 12 are for training, the next 4 for the test. */
static void make_pairs(int32_t *train_users, int32_t *train_items, int32_t *test_users, int32_t *test_items)
{
    for (int32_t user = 0; user < USERS; user++) {
        int32_t items[PER_TASTE];
        for (int32_t i = 0; i < PER_TASTE; i++)
            items[i] = user % TASTES * PER_TASTE + i;
        for (int32_t i = 0; i < TRAIN + TEST; i++) {
            int32_t other = i + draw_below(PER_TASTE - i), drawn = items[other];
            items[other] = items[i];
            items[i] = drawn;
            *(i < TRAIN ? train_users++ : test_users++) = user;
            *(i < TRAIN ? train_items++ : test_items++) = drawn;
        }
    }
}

int main(void)
{
    static int32_t train_users[USERS * TRAIN], train_items[USERS * TRAIN], test_users[USERS * TEST], test_items[USERS * TEST];
    make_pairs(train_users, train_items, test_users, test_items);

    adaptau_error        error;
    adaptau_context     *context = NULL;
    adaptau_dataset     *train = NULL, *test = NULL;
    adaptau_training    *training = NULL;
    adaptau_evaluator   *evaluator = NULL;

    check(adaptau_context_create(NULL, &context, &error), &error);
    check(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, USERS * TRAIN, train_users, train_items, NULL, &train, &error),
          &error);
    check(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, USERS * TEST, test_users, test_items, NULL, &test, &error),
          &error);

    /* [recipe] */
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    check(adaptau_recipe_init(&recipe, &error), &error);
    recipe.dim = 32; /* what you know better; the data decide the rest */
    recipe.epochs = 10;
    recipe.seed = 1;
    check(adaptau_recipe_fill(&recipe, train, &error), &error);
    check(adaptau_training_create(context, train, &recipe, &training, &error), &error);
    /* [recipe] */
    adaptau_model       *model = adaptau_training_model(training);
    adaptau_temperature *temperature = adaptau_training_temperature(training);

    /* [evaluator] */
    const int32_t                cutoff = 10;
    const adaptau_dataset *const known = train; /* not to be recommended again */
    adaptau_evaluator_options    evaluator_options = {.struct_size = sizeof evaluator_options};
    check(adaptau_evaluator_options_init(&evaluator_options, &error), &error);
    evaluator_options.n_cutoffs = 1;
    evaluator_options.cutoffs = &cutoff;
    evaluator_options.n_masks = 1;
    evaluator_options.masks = &known;
    check(adaptau_evaluator_create(context, test, &evaluator_options, &evaluator, &error), &error);
    /* [evaluator] */

    printf("epoch  loss per pair    tau0  recall@10\n");
    for (int64_t epoch = 0; epoch < recipe.epochs; epoch++) {
        adaptau_batch          batch = {.struct_size = sizeof batch};
        adaptau_tables         tables = {.struct_size = sizeof tables};
        adaptau_training_state state = {.struct_size = sizeof state};
        double                 recall = 0;

        /* [loop] */
        check(adaptau_training_begin_epoch(training, epoch, &error), &error);
        for (;;) {
            adaptau_step step = {.struct_size = sizeof step};
            check(adaptau_training_next(training, &batch, &error), &error);
            if (batch.n_rows == 0)
                break;
            check(adaptau_model_gradients(model, &batch, temperature, &step, &error), &error);
            check(adaptau_model_apply(model, &error), &error);
            check(adaptau_training_add_loss(training, step.loss, &error), &error);
        }
        check(adaptau_training_end_epoch(training, &error), &error);
        /* [loop] */
        /* [results] */
        check(adaptau_model_get_tables(model, &tables, &error), &error);
        check(adaptau_evaluator_run(evaluator, &tables, &error), &error);
        check(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, 10, &recall, &error), &error);
        check(adaptau_training_get_state(training, &state, &error), &error);
        /* [results] */
        printf("%5d  %13.4f  %.4f  %9.4f\n", (int)epoch + 1, state.loss, state.tau0, recall);
    }

    /* Objects before the context that they were made from. */
    adaptau_evaluator_destroy(evaluator);
    adaptau_training_destroy(training); /* with its model and temperature */
    adaptau_dataset_destroy(test);
    adaptau_dataset_destroy(train);
    adaptau_context_destroy(context);
    return 0;
}
