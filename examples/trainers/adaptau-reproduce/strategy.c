/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/strategy.h"

#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include "adaptau-reproduce/known.h"

/* Raw rows have no length to come back to: at the preset's rates their inner products run away within an epoch or two. These
 * are the best of a few on MovieLens-1M (recall@20, MF): no norm .2317 at the preset's, .2754 at .01; users only .2499, .2787 at
 * .01; items only .2676, .2728 at .05, .2353 at .01. LightGCN has rates for raw rows by itself. */
#define LR_RAW_ITEMS 0.01 /* of both sides when items are raw */
#define LR_RAW_USERS 0.05 /* of users when they alone are raw */

#define POPULAR_LAYERS 2

const char *const recipe_names[] = {"plain", "preset", NULL};

#define PLAIN .recipe = RECIPE_PLAIN, .normalise = ADAPTAU_NORMALISE_BOTH
#define PRESET .recipe = RECIPE_PRESET, .normalise = ADAPTAU_BY_DATA, .rank = ADAPTAU_BY_DATA
#define BY_DATA PRESET, .tau0 = ADAPTAU_BY_DATA
#define POPULAR .popular = true, .rank = 1
#define RAW(side) .recipe = RECIPE_PLAIN, .tau0 = ADAPTAU_TAU0_FIXED, .tau = 1, .normalise = side

static const struct strategy strategies[N_STRATEGIES] = {
    [STRATEGY_NO_NORM] = {RAW(0), .name = "no norm", .printed = PRINTED_NO_NORM,
                          .meaning = "inner products of raw embeddings, temperature 1"},
    [STRATEGY_NORM_USERS] = {RAW(ADAPTAU_NORMALISE_USERS), .name = "users only",
                             .meaning = "users at length 1, raw items, temperature 1 (Y-N)"},
    [STRATEGY_NORM_ITEMS] = {RAW(ADAPTAU_NORMALISE_ITEMS), .name = "items only",
                             .meaning = "items at length 1, raw users, temperature 1 (N-Y)"},
    [STRATEGY_GRID] = {PLAIN, .name = "searched tau", .printed = PRINTED_GRID, .tau0 = ADAPTAU_TAU0_FIXED, .tau = 0.1,
                       .meaning = "cosines at a fixed temperature, the best of a grid for the pairs that choose"},
    [STRATEGY_C_TAU] = {PLAIN, .name = "C-tau", .printed = PRINTED_C_TAU, .tau0 = ADAPTAU_TAU0_LEARNED,
                        .meaning = "cosines, one temperature trained with the embeddings"},
    [STRATEGY_CU_TAU] = {PLAIN, .name = "Cu-tau", .printed = PRINTED_CU_TAU, .tau_user = ADAPTAU_TAU_USER_LEARNED,
                         .meaning = "cosines, a temperature for each user trained with the embeddings"},
    [STRATEGY_ADAP_TAU0] = {PLAIN, .name = "Adap-tau0", .printed = PRINTED_ADAP_TAU0,
                            .meaning = "cosines, tau0 by Eq. 14 before every epoch"},
    [STRATEGY_ADAP_TAU] = {PLAIN, .name = "Adap-tau", .printed = PRINTED_ADAP_TAU, .tau_user = ADAPTAU_TAU_USER_BY_LOSS,
                           .meaning = "and a temperature for each user by Eq. 16, beta = 1"},
    [STRATEGY_RELEASED] = {PLAIN, .name = "Adap-tau, released", .printed = PRINTED_ADAP_TAU,
                           .tau_user = ADAPTAU_TAU_USER_RELEASED,
                           .meaning = "as the authors' program: Eq. 16 for the candidates alone, tau0 for the positives"},
    [STRATEGY_EQ34] = {PLAIN, .name = "tau0 by Eq. 34", .tau0 = ADAPTAU_TAU0_SECOND_ORDER, .meaning = "cosines, tau0 by Eq. 34"},
    [STRATEGY_EXACT] = {PLAIN, .name = "tau0 by Eq. 11", .tau0 = ADAPTAU_TAU0_EXACT,
                        .meaning = "cosines, tau0 by the root of Eq. 11"},
    [STRATEGY_SHARED] = {PLAIN, .name = "Adap-tau0, shared sample", .candidates = ADAPTAU_SAMPLER_SHARED_UNIFORM,
                         .meaning = "1024 uniform candidates for each batch"},
    [STRATEGY_PER_ROW] = {PLAIN, .name = "Adap-tau0, sample per pair", .candidates = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                          .meaning = "1024 uniform candidates for each pair, as in the paper"},
    [STRATEGY_RAW_TAU0] = {PLAIN, .name = "Adap-tau0, ranked raw", .printed = PRINTED_ADAP_TAU0, .rank = 1,
                           .meaning =
                               "trained on cosines, ranked by inner products, as the authors' program does with LightGCN"},
    [STRATEGY_POPULAR_TAU0] = {PLAIN, POPULAR, .name = "Adap-tau0, by popularity", .printed = PRINTED_ADAP_TAU0,
                               .meaning = "and the catalogue's items weigh by popularity, as the authors' in-batch candidates "
                                          "do; two layers, raw rows on the unit sphere"},
    [STRATEGY_POPULAR_TAU] = {PLAIN, POPULAR, .name = "Adap-tau, by popularity", .printed = PRINTED_ADAP_TAU,
                              .tau_user = ADAPTAU_TAU_USER_BY_LOSS, .meaning = "likewise, with Eq. 16"},
    [STRATEGY_PRESET_TAU0] = {BY_DATA, .name = "held-out tau0", .printed = PRINTED_ADAP_TAU0,
                              .meaning = "adaptau-train --personal none: tau0 by short trainings on held-out interactions"},
    [STRATEGY_PRESET_TAU] = {BY_DATA, .name = "held-out tau0, Eq. 16", .printed = PRINTED_ADAP_TAU,
                             .tau_user = ADAPTAU_TAU_USER_BY_LOSS, .meaning = "adaptau-train --personal eq16"},
    [STRATEGY_PRESET_GRID] = {PRESET, .name = "fixed tau", .tau0 = ADAPTAU_TAU0_FIXED, .tau = 0.1,
                              .meaning = "adaptau-train --temperature fixed at temperatures of a grid"},
    [STRATEGY_BPR] = {BY_DATA, .name = "BPR", .loss = ADAPTAU_LOSS_BPR, .meaning = "adaptau-train --loss bpr --personal none"},
    [STRATEGY_CCL] = {BY_DATA, .name = "CCL", .loss = ADAPTAU_LOSS_CCL,
                      .meaning = "adaptau-train --loss ccl; with --backbone simplex it is SimpleX"},
    [STRATEGY_SGL] = {BY_DATA, .name = "with SGL", .contrast = CONTRAST_SGL,
                      .meaning = "adaptau-train --contrast sgl --personal none: views without some edges"},
    [STRATEGY_SIMGCL] = {BY_DATA, .name = "with SimGCL", .contrast = CONTRAST_SIMGCL,
                         .meaning = "adaptau-train --contrast simgcl --personal none: views with noise"},
    [STRATEGY_NCL] = {BY_DATA, .name = "with NCL", .contrast = CONTRAST_NCL,
                      .meaning = "adaptau-train --contrast ncl --personal none: layers and prototypes"},
};

const struct strategy *strategy_get(int id)
{
    return &strategies[id];
}

static void set_raw_rates(struct recipe *recipe)
{
    if (recipe->base.normalise == 0 || recipe->base.normalise == (int32_t)ADAPTAU_NORMALISE_USERS)
        recipe->base.learning_rate_users = recipe->base.learning_rate_items = LR_RAW_ITEMS;
    else if (recipe->base.normalise == (int32_t)ADAPTAU_NORMALISE_ITEMS)
        recipe->base.learning_rate_users = LR_RAW_USERS;
}

struct recipe strategy_recipe(int id, int32_t encoder, int64_t seed)
{
    const struct strategy *strategy = &strategies[id];
    struct recipe          recipe = recipe_default();
    recipe.base.encoder = encoder;
    recipe.base.seed = (uint64_t)seed;
    recipe.base.loss = strategy->loss;
    recipe.contrast = strategy->contrast;
    recipe.base.tau0_policy = strategy->tau0;
    recipe.base.tau = strategy->tau;
    recipe.base.tau_user_policy = strategy->tau_user;
    recipe.base.normalise = strategy->normalise;
    recipe.base.rank_raw = strategy->rank;
    recipe.base.candidates = strategy->candidates;
    if (strategy->recipe == RECIPE_PLAIN) {
        recipe.base.soft_targets = 0;
        recipe.base.popularity_prior = 0;
        recipe.base.popularity_exponent = 0;
    }
    if (strategy->popular) {
        recipe.base.n_layers = POPULAR_LAYERS;
        recipe.base.unit_raw_rows = 1;
        recipe.base.row_second_moment = 0;
    }
    if (encoder == ADAPTAU_ENCODER_MF)
        set_raw_rates(&recipe);
    return recipe;
}
