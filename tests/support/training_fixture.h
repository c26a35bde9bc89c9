/* SPDX-License-Identifier: MIT */
/* What the tests of trainings share: a recipe for the world of model_world.h, and a loop around the host's steps. */
#ifndef TEST_TRAINING_FIXTURE_H
#define TEST_TRAINING_FIXTURE_H

#include <adaptau/fit.h>

#include "model_world.h"

/* By data, but for τ₀, which needs no trials. */
static inline adaptau_recipe make_recipe(int64_t n_epochs)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    recipe.dim = DIM;
    recipe.epochs = n_epochs;
    recipe.seed = 5;
    return recipe;
}

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

/* Its loss. */
static inline double train_epoch(adaptau_training *training, int64_t epoch)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    OK(adaptau_training_begin_epoch(training, epoch, &error));
    ck_assert_int_eq(state_of(training).epoch, epoch);
    for (;;) {
        adaptau_model *model = adaptau_training_model(training);
        adaptau_step   step = {.struct_size = sizeof step};
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

#endif
