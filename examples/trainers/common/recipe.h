/* SPDX-License-Identifier: MIT */
/* Everything that decides how a model is trained: the library's recipe and contrast of published baselines. */
#ifndef EXAMPLES_COMMON_RECIPE_H
#define EXAMPLES_COMMON_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <adaptau/recipe.h>
#include <adaptau/experimental.h>

/* ADAPTAU_CONTRAST_* + 1 */
#define CONTRAST_NONE 0
#define CONTRAST_SGL 1
#define CONTRAST_SIMGCL 2
#define CONTRAST_NCL 3

/* A new member, here or of the library's, needs a row in the table of hyperparameters.c: its option, what the JSON record says of it,
 * and by what recipes are told apart. */
struct recipe {
    adaptau_recipe base; /* the library's */
    /* contrast, beside its loss; common/contrast.h adds it to a training */
    int32_t contrast; /* CONTRAST_* */
    double  contrast_weight, contrast_temperature;
    double  contrast_edge_dropout; /* of SGL */
    double  noise;                 /* of SimGCL */
    double  prototype_weight;      /* of NCL */
    int64_t prototypes;
    bool    all_nodes; /* are contrasted with, instead of the batch's */
};

/* Is the prior to be searched, by a training of its own: LightGCN's inner products have learned how popular an item is, and a sum
 * by popularity says by itself what it takes. `complete` is `given` after recipe_fill. */
bool recipe_searches_prior(const struct recipe *given, const struct recipe *complete);

/* The softmax, or a loss of its family: with soft targets, log q and popularity in the sum. */
bool recipe_is_softmax(const struct recipe *recipe);

/* The words for the recipe's choices, in the order of their constants. */
extern const char *const loss_names[];
extern const char *const activation_names[];
extern const char *const backbone_names[];
extern const char *const contrast_names[];
extern const char *const tau0_names[];
extern const char *const personal_names[];
extern const char *const candidate_names[];
extern const char *const positive_names[];
extern const char *const init_names[];
extern const char *const normalise_names[];
extern const char *const raw_row_names[];
extern const char *const rank_names[];

/* A recipe whose members that depend on the data are ADAPTAU_BY_DATA. */
struct recipe recipe_default(void);

/* Give those members their values, and check all. Nothing has changed after a failure. */
adaptau_status recipe_fill(struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs, adaptau_error *error);

/* What a recipe that was filled says about the model. */
adaptau_model_options recipe_model_options(const struct recipe *recipe);

#endif
