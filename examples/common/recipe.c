/* SPDX-License-Identifier: MIT */
#include "common/recipe.h"

#include <adaptau/model.h>

struct recipe recipe_default(void)
{
    return (struct recipe){
        .dim = 64,
        .layers = UNSET,
        .gate = UNSET,
        .init = ADAPTAU_INIT_SPECTRAL,
        .normalise = UNSET,
        .margin = UNSET,
        .negative_weight = UNSET,
        .contrast_weight = UNSET,
        .contrast_temperature = UNSET,
        .contrast_edge_dropout = UNSET,
        .noise = UNSET,
        .prototype_weight = UNSET,
        .prototypes = UNSET,
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
