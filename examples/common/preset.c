/* SPDX-License-Identifier: MIT */
/* Every default that depends on the data, as a rule in the numbers of users, items and pairs. */
#include "common/preset.h"

#include <math.h>

#include <adaptau/model.h>
#include <adaptau/sampler.h>

#define STEPS_PER_EPOCH 50        /* 128 users a step on MovieLens-1M, 512 on Gowalla */
#define ROWS_OF_INTERACTIONS 2048 /* where a row is one interaction */
#define EPOCHS_AT_SCALE 40.0      /* MovieLens-1M: n m = 18 million */
#define SCALE 18.3e6
#define EPOCHS_EXPONENT 0.12 /* 24 on Gowalla: n m = 1,224 million */
#define ROW_WEIGHT 0.5       /* a user's row weighs n_u^0.5 */
#define SOFT_TARGETS 2.0     /* times L = log(n m/(2 |D|)): the sparser the data, the more a user leans on others */
#define MOST_SOFT 0.5        /* times the mean of n_u: a third of the target of a usual user */
#define MARGIN 0.5
#define CCL_WEIGHT 10.0
#define BCE_WEIGHT 10.0
#define MSE_WEIGHT 10.0
#define LR_USERS 0.2
#define LR_ITEMS 0.02
#define LR_GRAPH 0.03 /* of LightGCN's raw tables: every row moves in every step */
#define LR_MIXTURE 0.01 /* of SimpleX's */
#define GATE 0.5
#define LAYERS 3
#define GRAPH_EPOCHS 12 /* on Gowalla as on MovieLens-1M; longer ones overfit */

static double clamp(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

/* About STEPS_PER_EPOCH steps, by a power of two. */
static int64_t choose_rows(int32_t candidates, int32_t n_users)
{
    if (candidates == ADAPTAU_SAMPLER_IN_BATCH || candidates == ADAPTAU_SAMPLER_PER_ROW_UNIFORM)
        return ROWS_OF_INTERACTIONS;
    return (int64_t)exp2(round(log2(clamp((double)n_users / STEPS_PER_EPOCH, 64, 1024))));
}

static int64_t choose_epochs(int32_t n_users, int32_t n_items)
{
    double pairs_possible = fmax(1, (double)n_users * n_items);
    return (int64_t)clamp(round(EPOCHS_AT_SCALE * pow(pairs_possible / SCALE, -EPOCHS_EXPONENT)), 8, 60);
}

/* Only the softmax over the catalogue has them, where a row is a user with all of the user's pairs. */
static double choose_soft_targets(int32_t candidates, int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    if (candidates != ADAPTAU_SAMPLER_CATALOGUE || n_pairs == 0)
        return 0;
    double sparsity = log((double)n_users * n_items / (2 * (double)n_pairs));
    return clamp(SOFT_TARGETS * sparsity, 0, MOST_SOFT * (double)n_pairs / n_users);
}

static double choose_negative_weight(int32_t loss)
{
    return loss == ADAPTAU_LOSS_CCL ? CCL_WEIGHT : loss == ADAPTAU_LOSS_BCE ? BCE_WEIGHT : loss == ADAPTAU_LOSS_MSE ? MSE_WEIGHT : 0;
}

void preset_fill(struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    const bool graph = recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN, mixture = recipe->encoder == ADAPTAU_ENCODER_SIMPLEX;
    if (recipe->rows == UNSET)
        recipe->rows = choose_rows(recipe->candidates, n_users);
    if (recipe->epochs == UNSET)
        recipe->epochs = graph ? GRAPH_EPOCHS : choose_epochs(n_users, n_items);
    if (recipe->row_weight == UNSET)
        recipe->row_weight = ROW_WEIGHT;
    if (recipe->margin == UNSET)
        recipe->margin = recipe->loss == ADAPTAU_LOSS_CCL ? MARGIN : 0;
    if (recipe->negative_weight == UNSET)
        recipe->negative_weight = choose_negative_weight(recipe->loss);
    if (recipe->soft_targets == UNSET && recipe->loss != ADAPTAU_LOSS_SOFTMAX)
        recipe->soft_targets = 0;
    if (recipe->soft_targets == UNSET)
        recipe->soft_targets = choose_soft_targets(recipe->candidates, n_users, n_items, n_pairs);
    if (recipe->popularity_prior == UNSET)
        recipe->popularity_prior = 0;
    if (recipe->layers == UNSET)
        recipe->layers = graph ? LAYERS : 0;
    if (recipe->normalise == UNSET)
        recipe->normalise = graph ? NORMALISE_NONE : NORMALISE_BOTH;
    if (recipe->lr_users == UNSET)
        recipe->lr_users = graph ? LR_GRAPH : mixture ? LR_MIXTURE : LR_USERS;
    if (recipe->lr_items == UNSET)
        recipe->lr_items = graph ? LR_GRAPH : mixture ? LR_MIXTURE : LR_ITEMS;
    if (recipe->gate == UNSET)
        recipe->gate = mixture ? GATE : 0;
}
