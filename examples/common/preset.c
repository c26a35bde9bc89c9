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
#define POPULARITY 14        /* L over it: 0.47 on Gowalla, 0.17 on MovieLens-1M */
#define LENGTHS_SPARSITY 4   /* LightGCN on data with an L above it is ranked by lengths: Gowalla, Debian's packages */
#define LENGTHS_POPULARITY 9 /* 0.74, 0.27 */
#define LENGTHS_LAYERS 2
#define LENGTHS_EPOCHS 16
#define LENGTHS_ROW_WEIGHT 0.7
#define CONTRAST_WEIGHT 0.02 /* of SGL and SimGCL; 0.1 costs accuracy beside the softmax over the catalogue */
#define CONTRAST_TEMPERATURE 0.2
#define VIEW_EDGE_DROPOUT 0.1
#define NOISE 0.1
#define NCL_WEIGHT 0.005 /* the authors' 1e-6 for each of some thousand pairs in a batch */
#define NCL_TEMPERATURE 0.1
#define PROTOTYPE_WEIGHT 0.0005 /* likewise 1e-7 */
#define PROTOTYPES 100
#define GRAPH_EPOCHS 16 /* on Gowalla as on MovieLens-1M; longer ones overfit */

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

/* L of the paper: how sparse the data are. */
static double sparsity_of(int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    return log((double)n_users * n_items / (2 * (double)n_pairs));
}

static double popularity_by(double divisor, int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    return n_pairs == 0 ? 0 : clamp(sparsity_of(n_users, n_items, n_pairs) / divisor, 0, 1);
}

double preset_popularity_of_lengths(int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    return popularity_by(LENGTHS_POPULARITY, n_users, n_items, n_pairs);
}

/* What the sum takes from popular items the prior gives back where items are ranked; so only where no other prior is given. */
static double choose_popularity(const struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    const bool wanted = recipe->encoder == ADAPTAU_ENCODER_MF && recipe->candidates == ADAPTAU_SAMPLER_CATALOGUE &&
                        recipe_is_softmax(recipe) && recipe->popularity_prior == UNSET &&
                        (recipe->normalise == UNSET || recipe->normalise == NORMALISE_BOTH);
    return wanted ? popularity_by(POPULARITY, n_users, n_items, n_pairs) : 0;
}

static double choose_graph_rate(int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    return n_pairs == 0 ? LR_GRAPH : LR_GRAPH / clamp(sparsity_of(n_users, n_items, n_pairs), 1, 12);
}

/* Only the softmax over the catalogue has them, where a row is a user with all of the user's pairs. */
static double choose_soft_targets(int32_t candidates, int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    if (candidates != ADAPTAU_SAMPLER_CATALOGUE || n_pairs == 0)
        return 0;
    return clamp(SOFT_TARGETS * sparsity_of(n_users, n_items, n_pairs), 0, MOST_SOFT * (double)n_pairs / n_users);
}

/* The softmax and BPR have none. */
static double choose_negative_weight(int32_t loss, int32_t n_items)
{
    switch (loss) {
    case ADAPTAU_LOSS_CCL:
    case ADAPTAU_LOSS_BCE: return fmax(1, WEIGHT * pow(n_items, WEIGHT_EXPONENT));
    case ADAPTAU_LOSS_MSE: return fmax(1, MSE_WEIGHT * pow(n_items, WEIGHT_EXPONENT));
    case ADAPTAU_LOSS_BSL: return 1;
    default: return 0;
    }
}

/* What belongs to another kind of contrast is 0. */
static void fill_contrast(struct recipe *recipe, int32_t n_users, int32_t n_items)
{
    const int32_t kind = recipe->contrast;
    if (recipe->contrast_weight == UNSET)
        recipe->contrast_weight = kind == CONTRAST_NONE ? 0 : kind == CONTRAST_NCL ? NCL_WEIGHT : CONTRAST_WEIGHT;
    if (recipe->contrast_temperature == UNSET)
        recipe->contrast_temperature = kind == CONTRAST_NONE  ? 0
                                       : kind == CONTRAST_NCL ? NCL_TEMPERATURE
                                                              : CONTRAST_TEMPERATURE;
    if (recipe->contrast_edge_dropout == UNSET)
        recipe->contrast_edge_dropout = kind == CONTRAST_SGL ? VIEW_EDGE_DROPOUT : 0;
    if (recipe->noise == UNSET)
        recipe->noise = kind == CONTRAST_SIMGCL ? NOISE : 0;
    if (recipe->prototype_weight == UNSET)
        recipe->prototype_weight = kind == CONTRAST_NCL ? PROTOTYPE_WEIGHT : 0;
    if (recipe->prototypes == UNSET)
        recipe->prototypes = kind == CONTRAST_NCL ? PROTOTYPES : 0;
    recipe->prototypes = (int64_t)fmin((double)recipe->prototypes, fmin(n_users, n_items));
}

/* What LightGCN has on sparse data: angles are trained against a catalogue that weighs by popularity, and the lengths that
 * neighbourhoods give rank beside them. */
static void fill_lengths(struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    const bool wanted = recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN && recipe->candidates == ADAPTAU_SAMPLER_CATALOGUE &&
                        recipe_is_softmax(recipe) && recipe->normalise == UNSET && recipe->raw_rows == UNSET &&
                        recipe->rank == UNSET && n_pairs > 0 && sparsity_of(n_users, n_items, n_pairs) > LENGTHS_SPARSITY;
    if (!wanted)
        return;
    recipe->normalise = NORMALISE_BOTH;
    recipe->raw_rows = RAW_ROWS_UNIT;
    recipe->rank = RANK_RAW;
    recipe->entrywise = true;
    if (recipe->popularity_exponent == UNSET)
        recipe->popularity_exponent = preset_popularity_of_lengths(n_users, n_items, n_pairs);
    if (recipe->soft_targets == UNSET)
        recipe->soft_targets = 0;
    if (recipe->row_weight == UNSET)
        recipe->row_weight = LENGTHS_ROW_WEIGHT;
    if (recipe->layers == UNSET)
        recipe->layers = LENGTHS_LAYERS;
    if (recipe->epochs == UNSET)
        recipe->epochs = LENGTHS_EPOCHS;
}

void preset_fill(struct recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_pairs)
{
    const bool graph = recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN, mixture = recipe->encoder == ADAPTAU_ENCODER_SIMPLEX;
    fill_lengths(recipe, n_users, n_items, n_pairs);
    if (recipe->rows == UNSET)
        recipe->rows = choose_rows(recipe->candidates, n_users);
    if (recipe->epochs == UNSET)
        recipe->epochs = graph ? GRAPH_EPOCHS : mixture ? MIXTURE_EPOCHS : choose_epochs(n_users, n_items);
    if (recipe->row_weight == UNSET)
        recipe->row_weight = ROW_WEIGHT;
    if (recipe->margin == UNSET)
        recipe->margin = recipe->loss == ADAPTAU_LOSS_CCL ? MARGIN : 0;
    if (recipe->negative_weight == UNSET)
        recipe->negative_weight = choose_negative_weight(recipe->loss, n_items);
    if (recipe->top_k == UNSET)
        recipe->top_k = recipe->loss == ADAPTAU_LOSS_SLATK ? TOP_K : 0;
    if (recipe->weight_tau == UNSET)
        recipe->weight_tau = recipe->loss == ADAPTAU_LOSS_SLATK ? WEIGHT_TAU : 0;
    if (recipe->positive_scale == UNSET)
        recipe->positive_scale = recipe->loss == ADAPTAU_LOSS_BSL ? POSITIVE_SCALE : 0;
    if (recipe->soft_targets == UNSET && !recipe_is_softmax(recipe))
        recipe->soft_targets = 0;
    if (recipe->soft_targets == UNSET)
        recipe->soft_targets = choose_soft_targets(recipe->candidates, n_users, n_items, n_pairs);
    if (recipe->popularity_exponent == UNSET)
        recipe->popularity_exponent = choose_popularity(recipe, n_users, n_items, n_pairs);
    if (recipe->popularity_prior == UNSET)
        recipe->popularity_prior = recipe_least_prior(recipe);
    if (recipe->layers == UNSET)
        recipe->layers = graph ? LAYERS : 0;
    fill_contrast(recipe, n_users, n_items);
    if (recipe->normalise == UNSET)
        recipe->normalise = graph ? NORMALISE_NONE : NORMALISE_BOTH;
    if (recipe->raw_rows == UNSET)
        recipe->raw_rows = RAW_ROWS_FREE;
    if (recipe->rank == UNSET)
        recipe->rank = RANK_TRAINED;
    if (recipe->lr_users == UNSET)
        recipe->lr_users = graph ? choose_graph_rate(n_users, n_items, n_pairs) : mixture ? LR_MIXTURE : LR_USERS;
    if (recipe->lr_items == UNSET)
        recipe->lr_items = graph ? choose_graph_rate(n_users, n_items, n_pairs) : mixture ? LR_MIXTURE : LR_ITEMS;
    if (recipe->gate == UNSET)
        recipe->gate = mixture ? GATE : 0;
}
