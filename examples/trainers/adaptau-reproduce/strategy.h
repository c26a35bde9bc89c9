/* SPDX-License-Identifier: MIT */
/* The contestants: what each changes in the recipe. A new loss or a contrastive baseline is a constant here, a row of the table
 * in strategy.c, and a place in the views that show it. */
#ifndef ADAPTAU_REPRODUCE_STRATEGY_H
#define ADAPTAU_REPRODUCE_STRATEGY_H

#include "common/recipe.h"

/* The softmax as the paper has it: no soft targets, no popularity prior. */
#define STRATEGY_NO_NORM 0
#define STRATEGY_NORM_USERS 1
#define STRATEGY_NORM_ITEMS 2
#define STRATEGY_GRID 3
#define STRATEGY_C_TAU 4
#define STRATEGY_CU_TAU 5
#define STRATEGY_ADAP_TAU0 6
#define STRATEGY_ADAP_TAU 7
#define STRATEGY_RELEASED 8
#define STRATEGY_EQ34 9
#define STRATEGY_EXACT 10
#define STRATEGY_SHARED 11
#define STRATEGY_PER_ROW 12
#define STRATEGY_RAW_TAU0 13
#define STRATEGY_POPULAR_TAU0 14
#define STRATEGY_POPULAR_TAU 15
/* What adaptau-train does by itself: τ₀ by held-out interactions. */
#define STRATEGY_PRESET_TAU0 16
#define STRATEGY_PRESET_TAU 17
/* Other losses, with the trainer's defaults for them. */
#define STRATEGY_BPR 18
#define STRATEGY_CCL 19
/* The trainer's softmax with a contrastive term. */
#define STRATEGY_SGL 20
#define STRATEGY_SIMGCL 21
#define STRATEGY_NCL 22
/* The trainer's softmax at a fixed temperature. */
#define STRATEGY_PRESET_GRID 23
#define N_STRATEGIES 24

#define RECIPE_PLAIN 0
#define RECIPE_PRESET 1

extern const char *const recipe_names[]; /* "plain", "preset" */

struct strategy {
    const char *name;    /* in tables */
    const char *meaning; /* in the report */
    int32_t     recipe;  /* RECIPE_* */
    int         printed; /* the paper's row, PRINTED_* */
    int32_t     loss;    /* ADAPTAU_LOSS_* */
    int32_t     contrast; /* CONTRAST_* */
    int32_t     tau0, tau_user; /* of adaptau_recipe, tau0 ADAPTAU_BY_DATA for presets */
    int32_t     normalise; /* likewise */
    double      tau;       /* of ADAPTAU_TAU0_FIXED */
    int32_t     candidates;
    int32_t     rank;      /* rank_raw of adaptau_recipe, likewise */
    bool        popular;   /* the catalogue weighs by popularity, as the recipe has it for LightGCN on sparse data */
};

const struct strategy *strategy_get(int id);

/* The recipe of a strategy with an encoder; members that depend on the data stay ADAPTAU_BY_DATA. */
struct recipe strategy_recipe(int id, int32_t encoder, int64_t seed);

#endif
