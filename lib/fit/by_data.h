/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_BY_DATA_H
#define ATAU_FIT_BY_DATA_H

#include <adaptau/recipe.h>

#include <stdbool.h>

/* Give every member that is ADAPTAU_BY_DATA its value. Sizes are not negative; a choice that is unknown is let pass. */
void atau_recipe_by_data(adaptau_recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_interactions);

/* The part of it that asks for the loss alone. */
void atau_recipe_by_loss(adaptau_recipe *recipe);

/* The softmax, or a loss of its family: with log q, soft targets, popularity in the sum and closed forms for users. */
static inline bool atau_recipe_is_softmax(const adaptau_recipe *recipe)
{
    return recipe->loss == ADAPTAU_LOSS_SOFTMAX || recipe->loss == ADAPTAU_LOSS_SLATK || recipe->loss == ADAPTAU_LOSS_BSL;
}

#endif
