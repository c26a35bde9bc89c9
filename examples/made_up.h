/* SPDX-License-Identifier: MIT */
/* What the programs from 04 on share, so that each is about its subject: errors, made-up data, an epoch, a recall. Nothing that
 * 02-training-loop.c does not explain. */
#ifndef MADE_UP_H
#define MADE_UP_H

#include <stdio.h>
#include <stdlib.h>

#include <adaptau/adaptau.h>

#define USERS 800
#define ITEMS 400
#define TASTES 10 /* a user and an item have one each                                                            */
#define PER_TASTE (ITEMS / TASTES)
#define TRAIN 12 /* pairs of a user                                                                              */
#define TEST 4
#define DIM 32
#define CUTOFF 10

/* Every call can fail, and says why in one line. */
static inline void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "%s: %s\n", adaptau_status_name(status), error->message);
    exit(1);
}

/* For calls of the system. */
static inline void check_system(int good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(1);
}

/* The same numbers everywhere. */
static inline int32_t draw_below(uint64_t *state, int32_t n)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int32_t)((*state >> 33) % (uint64_t)n);
}

/* Embeddings of a recommender that has learned nothing so far. */
static inline void draw_rows(float *rows, int64_t n, int64_t stride)
{
    uint64_t state = (uint64_t)n;
    for (int64_t r = 0; r < n; r++)
        for (int d = 0; d < DIM; d++)
            rows[r * stride + d] = (float)draw_below(&state, 2001) / 1000 - 1;
}

/* The n-th item of somebody who begins at `first`: round the items of the taste, in steps of 7. */
static inline int32_t item_of(int32_t taste, int32_t first, int32_t n)
{
    return (first + 7 * n) % PER_TASTE * TASTES + taste;
}

/* 16 items of the 40 of a user's taste: 12 to train with and 4 to find again. */
static inline void make_up_data(adaptau_context *context, adaptau_dataset **train, adaptau_dataset **test)
{
    static int32_t train_users[USERS * TRAIN], train_items[USERS * TRAIN], test_users[USERS * TEST], test_items[USERS * TEST];
    adaptau_error  error;
    int32_t        n_train = 0, n_test = 0;
    uint64_t       state = 1;
    for (int32_t user = 0; user < USERS; user++) {
        int32_t first = draw_below(&state, PER_TASTE);
        for (int32_t n = 0; n < TRAIN + TEST; n++) {
            *(n < TRAIN ? &train_users[n_train] : &test_users[n_test]) = user;
            *(n < TRAIN ? &train_items[n_train++] : &test_items[n_test++]) = item_of(user % TASTES, first, n);
        }
    }
    check(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n_train, train_users, train_items, NULL, train, &error), &error);
    check(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n_test, test_users, test_items, NULL, test, &error), &error);
}

static inline void train_epoch(adaptau_model *model, adaptau_temperature *temperature, adaptau_sampler *sampler, int64_t epoch)
{
    adaptau_error error;
    adaptau_batch batch = {.struct_size = sizeof batch};
    check(adaptau_model_update_temperature(model, temperature, &error), &error);
    check(adaptau_sampler_begin_epoch(sampler, epoch, &error), &error);
    for (;;) {
        check(adaptau_sampler_next(sampler, &batch, &error), &error);
        if (batch.n_rows == 0)
            break;
        check(adaptau_model_gradients(model, &batch, temperature, NULL, &error), &error);
        check(adaptau_model_apply(model, &error), &error);
    }
}

/* Epochs with a temperature that sets itself, and batches of 50 users. */
static inline void train_epochs(adaptau_context *context, const adaptau_dataset *data, adaptau_model *model, int64_t n)
{
    adaptau_error           error;
    adaptau_temperature    *temperature = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_sampler_options options = {.struct_size = sizeof options};
    check(adaptau_sampler_options_init(&options, ADAPTAU_SAMPLER_CATALOGUE, &error), &error);
    options.rows_per_batch = 50;
    options.seed = 1;
    check(adaptau_temperature_create(context, data, NULL, &temperature, &error), &error);
    check(adaptau_sampler_create(context, data, &options, &sampler, &error), &error);
    for (int64_t epoch = 0; epoch < n; epoch++)
        train_epoch(model, temperature, sampler, epoch);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
}

/* Of the held-out items, the share among the 10 best. The tables are only read. */
static inline double recall(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test,
                            const adaptau_tables *tables)
{
    adaptau_error             error;
    adaptau_evaluator        *evaluator = NULL;
    const int32_t             cutoff = CUTOFF;
    double                    mean = 0;
    adaptau_evaluator_options options = {.struct_size = sizeof options};
    check(adaptau_evaluator_options_init(&options, &error), &error);
    options.cutoffs = &cutoff;
    options.n_masks = 1;
    options.masks = &train;
    check(adaptau_evaluator_create(context, test, &options, &evaluator, &error), &error);
    check(adaptau_evaluator_run(evaluator, tables, &error), &error);
    check(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, CUTOFF, &mean, &error), &error);
    adaptau_evaluator_destroy(evaluator);
    return mean;
}

static inline double model_recall(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test,
                                  const adaptau_model *model)
{
    adaptau_error  error;
    adaptau_tables tables = {.struct_size = sizeof tables};
    check(adaptau_model_get_tables(model, &tables, &error), &error);
    return recall(context, train, test, &tables);
}

#endif
