/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_BY_DATA_H
#define ATAU_FIT_BY_DATA_H

#include <adaptau/recipe.h>

#include <stdbool.h>

/* Give every member that is ADAPTAU_BY_DATA its value, but for those that are left to trials. Sizes are not negative; a choice
 * that is unknown is let pass. */
void atau_recipe_by_data(adaptau_recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_interactions);

/* The part of it that asks for the loss alone. */
void atau_recipe_by_loss(adaptau_recipe *recipe);

/* Whether trials find more than τ₀: personal temperatures and own items in the sum were compared for the softmax over the catalogue. */
static inline bool atau_recipe_has_trials(const adaptau_recipe *recipe)
{
    return recipe->tau0_policy == ADAPTAU_TAU0_HELD_OUT && recipe->loss == ADAPTAU_LOSS_SOFTMAX &&
           recipe->candidates == ADAPTAU_SAMPLER_CATALOGUE;
}

/* Give the members that are left to trials the values that they have without trials. */
void atau_recipe_without_trials(adaptau_recipe *recipe);

/* The softmax, or a loss of its family: with log q, soft targets, popularity in the sum and closed forms for users. */
static inline bool atau_recipe_is_softmax(const adaptau_recipe *recipe)
{
    return recipe->loss == ADAPTAU_LOSS_SOFTMAX || recipe->loss == ADAPTAU_LOSS_SLATK || recipe->loss == ADAPTAU_LOSS_BSL;
}

#endif
