/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_RECIPE_H
#define ATAU_FIT_RECIPE_H

#include <adaptau/recipe.h>

#define ATAU_LAST_EPOCH ((INT64_C(1) << 48) - 1) /* what a sampler's streams have names for */

/* Copy a caller's recipe, which need not be filled; NULL gives the defaults. */
adaptau_status atau_read_recipe(adaptau_recipe *out, const adaptau_recipe *recipe, adaptau_error *error);

/* All members of a filled recipe, alone and together. */
adaptau_status atau_check_recipe(const adaptau_recipe *recipe, adaptau_error *error);

/* adaptau_recipe_learning_rates of a recipe and numbers that are known to be fine. */
void atau_recipe_learning_rates(const adaptau_recipe *recipe, int64_t epoch, int64_t step, int64_t n_steps, double *users,
                                double *items);

#endif
