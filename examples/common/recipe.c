/* SPDX-License-Identifier: MIT */
#include "common/recipe.h"

struct recipe recipe_default(void)
{
    return (struct recipe){
        .dim = 64,
        .n_candidates = 1024,
        .row_weight = UNSET,
        .epochs = UNSET,
        .rows = UNSET,
        .lr_users = UNSET,
        .lr_items = UNSET,
    };
}
