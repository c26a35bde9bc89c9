/* SPDX-License-Identifier: MIT */
/* What the tests of trainings share: a recipe for the world of model_world.h, and the loop of training_loop.h. */
#ifndef TEST_TRAINING_FIXTURE_H
#define TEST_TRAINING_FIXTURE_H

#include "model_world.h"
#include "training_loop.h"

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

#endif
