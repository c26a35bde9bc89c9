/* SPDX-License-Identifier: MIT */
/* Everything that decides how a model is trained. */
#ifndef EXAMPLES_COMMON_RECIPE_H
#define EXAMPLES_COMMON_RECIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNSET (-1) /* to be set by preset_fill, from the size of the data */

#define NORMALISE_BOTH 0
#define NORMALISE_USERS 1
#define NORMALISE_ITEMS 2
#define NORMALISE_NONE 3

#define RAW_ROWS_FREE 0
#define RAW_ROWS_UNIT 1

#define RANK_TRAINED 0 /* by the scores that training makes */
#define RANK_RAW 1     /* by inner products of embeddings as they are */

/* ADAPTAU_CONTRAST_* + 1 */
#define CONTRAST_NONE 0
#define CONTRAST_SGL 1
#define CONTRAST_SIMGCL 2
#define CONTRAST_NCL 3

/* A new member needs a row in the table of recipe.c, by which recipes are told apart and written as options. */
struct recipe {
    /* model */
    int32_t encoder; /* ADAPTAU_ENCODER_* */
    int64_t layers;  /* of LightGCN */
    double  edge_dropout, layer_dropout;
    double  gate; /* of SimpleX */
    int64_t dim;
    int32_t init;      /* ADAPTAU_INIT_SPHERE, ... */
    int32_t normalise; /* NORMALISE_* */
    bool    free_length;
    int32_t raw_rows; /* RAW_ROWS_*, of an encoder */
    int32_t rank;     /* RANK_* */
    double  weight_decay;
    bool    bfloat16;  /* rounded products where the CPU can */
    bool    entrywise; /* Adam keeps a second moment for each entry instead of each row */
    int64_t seed;
    /* loss */
    int32_t loss;            /* ADAPTAU_LOSS_* */
    double  margin;          /* of CCL */
    double  negative_weight; /* of BCE, MSE, CCL and BSL */
    int64_t top_k;           /* of SL@K */
    double  weight_tau;      /* of SL@K */
    double  positive_scale;  /* of BSL */
    int32_t activation;      /* ADAPTAU_ACTIVATION_*, of PSL */
    /* contrast, beside the loss of pairs */
    int32_t contrast; /* CONTRAST_* */
    double  contrast_weight, contrast_temperature;
    double  contrast_edge_dropout; /* of SGL */
    double  noise;                 /* of SimGCL */
    double  prototype_weight;      /* of NCL */
    int64_t prototypes;
    bool    all_nodes; /* are contrasted with, instead of the batch's */
    /* temperature */
    int32_t tau0;     /* ADAPTAU_TAU0_EQ14, ... */
    int32_t tau_user; /* ADAPTAU_TAU_USER_NONE, ... */
    double  tau;      /* of ADAPTAU_TAU0_FIXED */
    double  lr_tau;   /* of learned temperatures; 0: the library's */
    double  tau_min, tau_max;
    double  divisor;
    double  threshold_quantile;
    double  degree_quantile;
    int64_t warmup_epochs; /* 0: the library's one; -1: for ever */
    /* sampling */
    int32_t candidates; /* ADAPTAU_SAMPLER_CATALOGUE, ... */
    int64_t n_candidates;
    double  popularity_exponent; /* of draws; or how the catalogue's items weigh in the sum */
    bool    no_log_q;
    bool    reject_positives;
    int32_t positives; /* 0: outside the sum, 1: inside */
    double  row_weight;
    double  soft_targets; /* c: a user with n items aims with the share c/(c + n) at what its neighbours have */
    /* optimisation */
    int64_t epochs;
    int64_t rows; /* per batch */
    double  lr_users, lr_items;
    /* scoring */
    double popularity_prior; /* prior_set's strength. UNSET: a program with validation pairs may choose it, else the least */
};

/* The prior that gives back what the sum takes from popular items: 0 where they weigh like others. */
double recipe_least_prior(const struct recipe *recipe);

/* Is the prior to be searched, by a training of its own: LightGCN's inner products have learned how popular an item is, and a sum
 * by popularity says by itself what it takes. `complete` is `given` after preset_fill. */
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

/* What differs from `base` as options of adaptau-train, "--backbone lightgcn --seed 1"; base NULL: everything that is set.
 * Returns the length of the whole, as snprintf does. */
int recipe_options(const struct recipe *recipe, const struct recipe *base, char *out, size_t size);

/* A recipe whose data-dependent members are UNSET and whose other members are the library's defaults. */
struct recipe recipe_default(void);

#endif
