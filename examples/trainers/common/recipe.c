/* SPDX-License-Identifier: MIT */
#include "common/recipe.h"

#include "common/contrast.h"

/* The position of a word is the value of the constant that it names. */
const char *const tau0_names[] = {"eq14", "eq34", "exact", "fixed", "learned", "held-out", NULL};
const char *const personal_names[] = {"none", "eq16", "eq15", "released", "learned", NULL};
const char *const candidate_names[] = {"catalogue", "shared", "popular", "in-batch", "per-row", NULL};
const char *const positive_names[] = {"inside", "outside", NULL};
const char *const init_names[] = {"sphere", "xavier", "spectral", NULL};
const char *const normalise_names[] = {"none", "users", "items", "both", NULL};
const char *const raw_row_names[] = {"free", "unit", NULL};
const char *const rank_names[] = {"trained", "raw", NULL};
const char *const loss_names[] = {"softmax", "bpr", "bce", "mse", "ccl", "slatk", "bsl", "psl", NULL};
const char *const activation_names[] = {"relu", "tanh", "atan", NULL};
const char *const backbone_names[] = {"mf", "lightgcn", "simplex", NULL};
const char *const contrast_names[] = {"none", "sgl", "simgcl", "ncl", NULL};

struct recipe recipe_default(void)
{
    struct recipe recipe = {
        .contrast_weight = ADAPTAU_BY_DATA,
        .contrast_temperature = ADAPTAU_BY_DATA,
        .contrast_edge_dropout = ADAPTAU_BY_DATA,
        .noise = ADAPTAU_BY_DATA,
        .prototype_weight = ADAPTAU_BY_DATA,
        .prototypes = ADAPTAU_BY_DATA,
    };
    recipe.base.struct_size = sizeof recipe.base;
    adaptau_recipe_init(&recipe.base, NULL);
    return recipe;
}

bool recipe_is_softmax(const struct recipe *recipe)
{
    const int32_t loss = recipe->base.loss;
    return loss == ADAPTAU_LOSS_SOFTMAX || loss == ADAPTAU_LOSS_SLATK || loss == ADAPTAU_LOSS_BSL;
}

adaptau_status recipe_fill(struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs, adaptau_error *error)
{
    adaptau_status status = adaptau_recipe_fill_for(&recipe->base, n_users, n_items, n_pairs, error);
    if (!status)
        contrast_fill(recipe, n_users, n_items);
    return status;
}

adaptau_model_options recipe_model_options(const struct recipe *recipe)
{
    adaptau_model_options options = {.struct_size = sizeof options};
    adaptau_recipe_model_options(&recipe->base, &options, NULL);
    return options;
}

bool recipe_searches_prior(const struct recipe *given, const struct recipe *complete)
{
    return given->base.popularity_prior == ADAPTAU_BY_DATA && given->base.encoder == ADAPTAU_ENCODER_MF &&
           complete->base.popularity_prior == 0;
}
