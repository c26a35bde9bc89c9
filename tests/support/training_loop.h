/* SPDX-License-Identifier: MIT */
/* The loop of a host around its own steps, by a recipe. */
#ifndef TEST_TRAINING_LOOP_H
#define TEST_TRAINING_LOOP_H

#include <adaptau/fit.h>

#include "ok.h"

static inline adaptau_recipe recipe_of(const adaptau_training *training)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_training_get_recipe(training, &recipe, &error));
    return recipe;
}

static inline adaptau_training_state state_of(const adaptau_training *training)
{
    adaptau_training_state state = {.struct_size = sizeof state};
    OK(adaptau_training_get_state(training, &state, &error));
    return state;
}

/* The steps of an epoch that was begun, to its end. Its loss. */
static inline double finish_epoch(adaptau_training *training)
{
    adaptau_model *model = adaptau_training_model(training);
    adaptau_batch  batch = {.struct_size = sizeof batch};
    for (;;) {
        adaptau_step step = {.struct_size = sizeof step};
        OK(adaptau_training_next(training, &batch, &error));
        if (batch.n_rows == 0)
            break;
        OK(adaptau_model_gradients(model, &batch, adaptau_training_temperature(training), &step, &error));
        OK(adaptau_model_apply(model, &error));
        OK(adaptau_training_add_loss(training, step.loss, &error));
    }
    OK(adaptau_training_end_epoch(training, &error));
    ck_assert_int_eq(state_of(training).step, state_of(training).n_steps);
    return state_of(training).loss;
}

/* Its loss. */
static inline double train_epoch(adaptau_training *training, int64_t epoch)
{
    OK(adaptau_training_begin_epoch(training, epoch, &error));
    ck_assert_int_eq(state_of(training).epoch, epoch);
    return finish_epoch(training);
}

/* The first so many epochs. The loss of the last one. */
static inline double train_epochs(adaptau_training *training, int64_t n_epochs)
{
    double loss = 0.0;
    for (int64_t epoch = 0; epoch < n_epochs; epoch++)
        loss = train_epoch(training, epoch);
    return loss;
}

#endif
