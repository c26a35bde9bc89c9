/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_BY_DATA_H
#define ATAU_FIT_BY_DATA_H

#include <adaptau/recipe.h>

/* Give every member that is ADAPTAU_BY_DATA its value. Sizes are not negative; a choice that is unknown is let pass. */
void atau_recipe_by_data(adaptau_recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_interactions);

/* The part of it that asks for the loss alone. */
void atau_recipe_by_loss(adaptau_recipe *recipe);

#endif
