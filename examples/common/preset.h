/* SPDX-License-Identifier: MIT */
#ifndef EXAMPLES_COMMON_PRESET_H
#define EXAMPLES_COMMON_PRESET_H

#include "common/recipe.h"

/* Give every member that is UNSET its value for n_users, n_items and n_pairs of training data. */
void preset_fill(struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs);

/* How the catalogue should weigh by popularity where cosines are trained and lengths rank: L/9, at most 1. */
double preset_popularity_of_lengths(int32_t n_users, int32_t n_items, int64_t n_pairs);

#endif
