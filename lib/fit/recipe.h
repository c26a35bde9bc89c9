/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_RECIPE_H
#define ATAU_FIT_RECIPE_H

#include <adaptau/recipe.h>

/* Copy a caller's recipe, which need not be filled; NULL gives the defaults. */
adaptau_status atau_read_recipe(adaptau_recipe *out, const adaptau_recipe *recipe, adaptau_error *error);

/* All members of a filled recipe, alone and together. */
adaptau_status atau_check_recipe(const adaptau_recipe *recipe, adaptau_error *error);

#endif
