/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_RECIPE_H
#define ATAU_FIT_RECIPE_H

#include <adaptau/recipe.h>

#include <stdbool.h>

/* Copy a caller's recipe, which need not be filled; NULL gives the defaults. */
adaptau_status atau_read_recipe(adaptau_recipe *out, const adaptau_recipe *recipe, adaptau_error *error);

/* All members of a filled recipe, alone and together. */
adaptau_status atau_check_recipe(const adaptau_recipe *recipe, adaptau_error *error);

/* The softmax, or a loss of its family: with log q, soft targets, popularity in the sum and closed forms for users. */
static inline bool atau_recipe_is_softmax(const adaptau_recipe *recipe)
{
    return recipe->loss == ADAPTAU_LOSS_SOFTMAX || recipe->loss == ADAPTAU_LOSS_SLATK || recipe->loss == ADAPTAU_LOSS_BSL;
}

#endif
