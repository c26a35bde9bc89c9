/* SPDX-License-Identifier: MIT */
/* 2: the library's model, your loop.
 *
 * The model owns the tables and the optimiser, the temperature sets itself, the sampler cuts epochs into batches, and the
 * evaluator ranks. The loop that calls them stays here, where it can be stopped, logged or changed.
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
#define EPOCHS 10

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
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    adaptau_sampler     *sampler = NULL;
    adaptau_evaluator   *evaluator = NULL;

    check(adaptau_context_create(NULL, &context, &error), &error);
    check(adaptau_dataset_create_from_pairs(context, USERS, ITEMS, USERS * TRAIN, train_users, train_items, &train, &error),
          &error);
    check(adaptau_dataset_create_from_pairs(context, USERS, ITEMS, USERS * TEST, test_users, test_items, &test, &error),
          &error);

    /* A zero member of an options struct means its default, and so does no struct at all. */
    /* [model] */
    adaptau_model_options   model_options = {.struct_size = sizeof model_options, .dim = 32, .seed = 1};
    adaptau_sampler_options sampler_options = {.struct_size = sizeof sampler_options, .rows_per_batch = 50, .seed = 1};
    check(adaptau_model_create(context, train, &model_options, &model, &error), &error);
    check(adaptau_temperature_create(context, train, NULL, &temperature, &error), &error);
    check(adaptau_sampler_create(context, train, &sampler_options, &sampler, &error), &error);
    /* [model] */

    /* [evaluator] */
    const int32_t                cutoff = 10;
    const adaptau_dataset *const known = train; /* not to be recommended again */
    adaptau_evaluator_options    evaluator_options = {
           .struct_size = sizeof evaluator_options,
           .n_cutoffs = 1,
           .cutoffs = &cutoff,
           .n_masks = 1,
           .masks = &known,
    };
    check(adaptau_evaluator_create(context, test, &evaluator_options, &evaluator, &error), &error);
    /* [evaluator] */

    printf("epoch  loss per pair    tau0  recall@10\n");
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        double                    loss = 0, recall = 0;
        int64_t                   n_terms = 0;
        adaptau_batch             batch = {.struct_size = sizeof batch};
        adaptau_tables            tables = {.struct_size = sizeof tables};
        adaptau_temperature_state state = {.struct_size = sizeof state};

        /* [loop] */
        check(adaptau_model_update_temperature(model, temperature, &error), &error);
        check(adaptau_sampler_begin_epoch(sampler, epoch, &error), &error);
        for (;;) {
            adaptau_step step = {.struct_size = sizeof step};
            check(adaptau_sampler_next(sampler, &batch, &error), &error);
            if (batch.n_rows == 0)
                break;
            check(adaptau_model_gradients(model, &batch, temperature, &step, &error), &error);
            check(adaptau_model_apply(model, &error), &error);
            loss += step.loss;
            n_terms += step.n_terms;
        }
        /* [loop] */
        /* [results] */
        check(adaptau_model_get_tables(model, &tables, &error), &error);
        check(adaptau_evaluator_run(evaluator, &tables, &error), &error);
        check(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, 0, &recall, &error), &error);
        check(adaptau_temperature_get_state(temperature, &state, &error), &error);
        /* [results] */
        printf("%5d  %13.4f  %.4f  %9.4f\n", (int)epoch + 1, loss / (double)n_terms, state.tau0, recall);
    }

    /* Objects before the context that they were made from. */
    adaptau_evaluator_destroy(evaluator);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(test);
    adaptau_dataset_destroy(train);
    adaptau_context_destroy(context);
    return 0;
}
