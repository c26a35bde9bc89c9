/* SPDX-License-Identifier: MIT */
#include "common/recipe.h"

#include <adaptau/model.h>

/* The position of a word is the value of the constant that it names. */
const char *const tau0_names[] = {"eq14", "eq34", "exact", "fixed", "learned", NULL};
const char *const personal_names[] = {"none", "eq16", "eq15", "released", "learned", NULL};
const char *const candidate_names[] = {"catalogue", "shared", "popular", "in-batch", "per-row", NULL};
const char *const positive_names[] = {"outside", "inside", NULL};
const char *const init_names[] = {"sphere", "xavier", "spectral", NULL};
const char *const normalise_names[] = {"both", "users", "items", "none", NULL};
const char *const backbone_names[] = {"mf", "lightgcn", NULL};

struct recipe recipe_default(void)
{
    return (struct recipe){
        .dim = 64,
        .layers = UNSET,
        .init = ADAPTAU_INIT_SPECTRAL,
        .normalise = UNSET,
        .n_candidates = 1024,
        .row_weight = UNSET,
        .soft_targets = UNSET,
        .epochs = UNSET,
        .rows = UNSET,
        .lr_users = UNSET,
        .lr_items = UNSET,
        .popularity_prior = UNSET,
    };
}
