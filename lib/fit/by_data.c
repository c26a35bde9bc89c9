/* SPDX-License-Identifier: MIT */
/* Every default that depends on the data, as a rule in the numbers of users, items and interactions; docs/accuracy.md has
 * the evidence. A member that a host has set is never changed. Some rules ask whether a member was set: they run before that
 * member is filled in. */
#include <adaptau/experimental.h>

#include "fit/by_data.h"

#include <math.h>
#include <stdbool.h>

#define STEPS_PER_EPOCH 50        /* 128 users a step on MovieLens-1M, 512 on Gowalla */
#define ROWS_OF_INTERACTIONS 2048 /* where a row is one interaction */
#define EPOCHS_AT_SCALE 15.0      /* MovieLens-1M: n m = 18 million */
#define SCALE 18.3e6
#define EPOCHS_EXPONENT 0.08 /* 11 on Gowalla: n m = 1,224 million */
#define ROW_WEIGHT 0.5       /* a user's row weighs n_u^0.5 */
#define SOFT_TARGETS 2.0     /* times L = log(n m/(2 |D|)): the sparser the data, the more a user leans on others */
#define SOFT_SPARSITY 4.0    /* of MF: at the right temperature they help above it (L 5.1 ... 6.6), and cost below (2.0 ... 3.3) */
#define MOST_SOFT 0.5        /* times the mean of n_u: a third of the target of a usual user */
#define MARGIN 0.6          /* of CCL */
#define TOP_K 20            /* of SL@K */
#define WEIGHT_TAU 1.0
#define POSITIVE_SCALE 16.0 /* of BSL: near the softmax; 4 and less cost accuracy on data with many items a user */
#define WEIGHT 0.073        /* lambda/m^0.7: 20 on MovieLens-1M, 124 on Gowalla */
#define MSE_WEIGHT 0.05     /* of MSE, whose candidates all push */
#define WEIGHT_EXPONENT 0.7
#define LR_USERS 0.2
#define LR_ITEMS 0.02
#define LR_GRAPH 0.073 /* over L, of LightGCN's raw tables: every row moves in every step */
#define LR_MIXTURE 0.005 /* of SimpleX's */
#define GATE 0.2
#define MIXTURE_EPOCHS 16
#define LAYERS 3
#define DRAWN_POPULARITY 0.75 /* of candidates drawn by popularity */
#define POPULARITY 14        /* L over it: 0.47 on Gowalla, 0.17 on MovieLens-1M */
#define LENGTHS_SPARSITY 4   /* LightGCN on data with an L above it is ranked by lengths: Gowalla, Debian's packages */
#define LENGTHS_POPULARITY 9 /* 0.74, 0.27 */
#define LENGTHS_LAYERS 2
#define LENGTHS_EPOCHS 16
#define LENGTHS_ROW_WEIGHT 0.7
#define DIVISOR 2             /* beta = 1 */
#define RELEASED_DIVISOR 1
#define LR_TAU 0.0002
#define LR_USER_TAU 0.01 /* which takes one step an epoch */
#define GRAPH_EPOCHS 16 /* on Gowalla as on MovieLens-1M; longer ones overfit */

/* What the rules know of the data. */
struct extent {
    int32_t n_users, n_items;
    int64_t n_interactions;
    double  sparsity; /* L of the paper; infinite where there is nothing */
};

static double clamp(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

/* ---- rules -------------------------------------------------------------------------------------------------------- */

/* About STEPS_PER_EPOCH steps, by a power of two. */
static int64_t choose_rows(const adaptau_recipe *recipe, const struct extent *data)
{
    if (recipe->candidates == ADAPTAU_SAMPLER_IN_BATCH || recipe->candidates == ADAPTAU_SAMPLER_PER_ROW_UNIFORM)
        return ROWS_OF_INTERACTIONS;
    return (int64_t)exp2(round(log2(clamp((double)data->n_users / STEPS_PER_EPOCH, 64, 1024))));
}

static int64_t choose_epochs(const adaptau_recipe *recipe, const struct extent *data)
{
    double pairs_possible = fmax(1, (double)data->n_users * data->n_items);
    if (recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN)
        return GRAPH_EPOCHS;
    if (recipe->encoder == ADAPTAU_ENCODER_SIMPLEX)
        return MIXTURE_EPOCHS;
    return (int64_t)clamp(round(EPOCHS_AT_SCALE * pow(pairs_possible / SCALE, -EPOCHS_EXPONENT)), 4, 30);
}

static double popularity_by(double divisor, const struct extent *data)
{
    return data->n_interactions == 0 ? 0 : clamp(data->sparsity / divisor, 0, 1);
}

/* Popularity in the sum makes training score popular items lower, and the prior gives that back where items are ranked. So
 * there is some only where the host has set no prior of its own. */
static double choose_popularity(const adaptau_recipe *recipe, const struct extent *data)
{
    const bool wanted = recipe->encoder == ADAPTAU_ENCODER_MF && recipe->candidates == ADAPTAU_SAMPLER_CATALOGUE &&
                        atau_recipe_is_softmax(recipe) && recipe->popularity_prior == ADAPTAU_BY_DATA &&
                        (recipe->normalise == ADAPTAU_BY_DATA || recipe->normalise == (int32_t)ADAPTAU_NORMALISE_BOTH);
    if (recipe->candidates == ADAPTAU_SAMPLER_SHARED_POPULARITY)
        return DRAWN_POPULARITY;
    return wanted ? popularity_by(POPULARITY, data) : 0;
}

/* The prior that gives it back: 0 where popular items weigh like all others in the sum. */
static double choose_prior(const adaptau_recipe *recipe)
{
    const bool weighs = recipe->encoder == ADAPTAU_ENCODER_MF && recipe->candidates == ADAPTAU_SAMPLER_CATALOGUE;
    return weighs ? recipe->popularity_exponent : 0;
}

static double choose_rate(const adaptau_recipe *recipe, const struct extent *data, double factorised)
{
    if (recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN)
        return data->n_interactions == 0 ? LR_GRAPH : LR_GRAPH / clamp(data->sparsity, 1, 12);
    return recipe->encoder == ADAPTAU_ENCODER_SIMPLEX ? LR_MIXTURE : factorised;
}

/* Only the softmax and its family have soft targets, over the catalogue, where a row is a user with all of the user's
 * interactions. */
static double choose_soft_targets(const adaptau_recipe *recipe, const struct extent *data)
{
    if (!atau_recipe_is_softmax(recipe) || recipe->candidates != ADAPTAU_SAMPLER_CATALOGUE || data->n_interactions == 0 ||
        (recipe->encoder == ADAPTAU_ENCODER_MF && data->sparsity <= SOFT_SPARSITY))
        return 0;
    return clamp(SOFT_TARGETS * data->sparsity, 0, MOST_SOFT * (double)data->n_interactions / data->n_users);
}

/* The softmax, SL@K, BPR and PSL have no such weight. */
static double choose_negative_weight(const adaptau_recipe *recipe, const struct extent *data)
{
    switch (recipe->loss) {
    case ADAPTAU_LOSS_CCL:
    case ADAPTAU_LOSS_BCE: return fmax(1, WEIGHT * pow(data->n_items, WEIGHT_EXPONENT));
    case ADAPTAU_LOSS_MSE: return fmax(1, MSE_WEIGHT * pow(data->n_items, WEIGHT_EXPONENT));
    case ADAPTAU_LOSS_BSL: return 1;
    default: return 0;
    }
}

/* ---- filling ------------------------------------------------------------------------------------------------------ */

static void fill_choice(int32_t *member, int32_t value)
{
    *member = *member == ADAPTAU_BY_DATA ? value : *member;
}

static void fill_count(int64_t *member, int64_t value)
{
    *member = *member == ADAPTAU_BY_DATA ? value : *member;
}

static void fill_number(double *member, double value)
{
    *member = *member == ADAPTAU_BY_DATA ? value : *member;
}

/* LightGCN on sparse data: training sees angles alone, against a catalogue that weighs items by popularity. The length of a
 * final embedding says how well its neighbourhood agrees, and ranking takes it in. */
static void fill_lengths(adaptau_recipe *recipe, const struct extent *data)
{
    const bool wanted = recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN && recipe->candidates == ADAPTAU_SAMPLER_CATALOGUE &&
                        atau_recipe_is_softmax(recipe) && recipe->normalise == ADAPTAU_BY_DATA &&
                        recipe->unit_raw_rows == ADAPTAU_BY_DATA && recipe->rank_raw == ADAPTAU_BY_DATA &&
                        data->n_interactions > 0 && data->sparsity > LENGTHS_SPARSITY;
    if (!wanted)
        return;
    recipe->normalise = (int32_t)ADAPTAU_NORMALISE_BOTH;
    recipe->unit_raw_rows = 1;
    recipe->rank_raw = 1;
    fill_choice(&recipe->row_second_moment, 0);
    fill_number(&recipe->popularity_exponent, popularity_by(LENGTHS_POPULARITY, data));
    fill_number(&recipe->soft_targets, 0);
    fill_number(&recipe->row_weight_exponent, LENGTHS_ROW_WEIGHT);
    fill_count(&recipe->n_layers, LENGTHS_LAYERS);
    fill_count(&recipe->epochs, LENGTHS_EPOCHS);
}

/* A temperature is searched for where the loss has one, where users' own temperatures do not depend on how it changes, and
 * where scores are cosines: raw rows learn their lengths, which act as a temperature. */
static bool finds_temperature(const adaptau_recipe *recipe)
{
    const int32_t policy = recipe->tau_user_policy;
    return recipe->normalise == (int32_t)ADAPTAU_NORMALISE_BOTH && recipe->loss != ADAPTAU_LOSS_CCL && recipe->loss != ADAPTAU_LOSS_MSE &&
           policy != ADAPTAU_TAU_USER_LEARNED && policy != ADAPTAU_TAU_USER_RELEASED;
}

void atau_recipe_without_trials(adaptau_recipe *recipe)
{
    fill_choice(&recipe->tau_user_policy, ADAPTAU_TAU_USER_NONE);
    fill_choice(&recipe->positives_outside_sum, 1);
}

static void fill_temperature(adaptau_recipe *recipe)
{
    const int32_t policy = recipe->tau_user_policy;
    fill_choice(&recipe->tau0_policy, finds_temperature(recipe) ? ADAPTAU_TAU0_HELD_OUT : ADAPTAU_TAU0_FIRST_ORDER);
    if (!atau_recipe_has_trials(recipe))
        atau_recipe_without_trials(recipe);
    fill_number(&recipe->tau_divisor, policy == ADAPTAU_TAU_USER_RELEASED ? RELEASED_DIVISOR : DIVISOR);
    fill_number(&recipe->tau_learning_rate, policy == ADAPTAU_TAU_USER_LEARNED ? LR_USER_TAU : LR_TAU);
}

void atau_recipe_by_loss(adaptau_recipe *recipe)
{
    const bool slatk = recipe->loss == ADAPTAU_LOSS_SLATK;
    fill_count(&recipe->top_k, slatk ? TOP_K : 0);
    fill_number(&recipe->weight_tau, slatk ? WEIGHT_TAU : 0);
    fill_number(&recipe->positive_scale, recipe->loss == ADAPTAU_LOSS_BSL ? POSITIVE_SCALE : 0);
}

void atau_recipe_by_data(adaptau_recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_interactions)
{
    const struct extent data = {n_users, n_items, n_interactions, log((double)n_users * n_items / (2 * (double)n_interactions))};
    const bool          graph = recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN;
    fill_lengths(recipe, &data);
    fill_choice(&recipe->normalise, graph ? 0 : (int32_t)ADAPTAU_NORMALISE_BOTH);
    fill_temperature(recipe);
    fill_count(&recipe->rows_per_batch, choose_rows(recipe, &data));
    fill_count(&recipe->epochs, choose_epochs(recipe, &data));
    fill_number(&recipe->row_weight_exponent, ROW_WEIGHT);
    fill_number(&recipe->margin, recipe->loss == ADAPTAU_LOSS_CCL ? MARGIN : 0);
    fill_number(&recipe->negative_weight, choose_negative_weight(recipe, &data));
    atau_recipe_by_loss(recipe);
    fill_number(&recipe->soft_targets, choose_soft_targets(recipe, &data));
    fill_number(&recipe->popularity_exponent, choose_popularity(recipe, &data));
    fill_number(&recipe->popularity_prior, choose_prior(recipe));
    fill_count(&recipe->n_layers, graph ? LAYERS : 0);
    fill_choice(&recipe->unit_raw_rows, 0);
    fill_choice(&recipe->rank_raw, 0);
    fill_choice(&recipe->row_second_moment, 1);
    fill_number(&recipe->learning_rate_users, choose_rate(recipe, &data, LR_USERS));
    fill_number(&recipe->learning_rate_items, choose_rate(recipe, &data, LR_ITEMS));
    fill_number(&recipe->gate, recipe->encoder == ADAPTAU_ENCODER_SIMPLEX ? GATE : 0);
}
