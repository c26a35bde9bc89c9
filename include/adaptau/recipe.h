/* SPDX-License-Identifier: MIT */
/** @file recipe.h
 *  One plain struct with everything that decides how a model is trained, and calls that find the values which suit the data.
 *
 *  @snippet 02-training-loop.c recipe
 *
 *  A training by a recipe is in fit.h. A host with a loop of its own asks for the options of single objects
 *  (adaptau_recipe_model_options and its siblings). */
#ifndef ADAPTAU_RECIPE_H
#define ADAPTAU_RECIPE_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>
#include <adaptau/fold_in.h>
#include <adaptau/model.h>
#include <adaptau/sampler.h>
#include <adaptau/temperature.h>

#ifdef __cplusplus
extern "C" {
#endif

/** In a recipe: adaptau_recipe_fill chooses the member, from the data and the other members. In adaptau_tune_options: adaptau_tune
 *  chooses it. */
#define ADAPTAU_BY_DATA (-1)

/** A tau0_policy that recipes alone have: before training, adaptau_tune finds τ₀ on held-out interactions and replaces this policy by
 *  ADAPTAU_TAU0_FIXED. An adaptau_temperature refuses it. */
#define ADAPTAU_TAU0_HELD_OUT 5

/** How a model is trained. Choices and switches (0 or 1) are int32_t, counts int64_t, other numbers double. 0 means 0. A comment that
 *  says "by data" is of a member which adaptau_recipe_init sets to ADAPTAU_BY_DATA; the rule of adaptau_recipe_fill follows. There are n
 *  users, m items and |D| interactions, and L = log(n m/(2 |D|)) says how sparse the data are. Since 1.0. */
typedef struct adaptau_recipe {
    uint32_t struct_size;       /**< sizeof(adaptau_recipe)                                                  */
    int32_t  encoder;           /**< ADAPTAU_ENCODER_*; MF                                                   */
    int32_t  init;              /**< ADAPTAU_INIT_* but _HOST; SPECTRAL                                      */
    int32_t  normalise;         /**< sides that scores bring to length 1: ADAPTAU_NORMALISE_*, or 0: none. By data: both; of
                                     LightGCN both where L > 4, else none                                    */
    int32_t  free_length;       /**< 1: ADAPTAU_MODEL_FREE_LENGTH; 0                                         */
    int32_t  unit_raw_rows;     /**< 1: ADAPTAU_MODEL_UNIT_RAW_ROWS. By data: 1 for LightGCN where L > 4, else 0 */
    int32_t  rank_raw;          /**< 1: ADAPTAU_MODEL_RANK_RAW. By data: 1 for LightGCN where L > 4, else 0  */
    int32_t  row_second_moment; /**< 1: ADAPTAU_MODEL_ROW_SECOND_MOMENT. By data: 0 for LightGCN where L > 4, else 1 */
    int32_t  bfloat16;          /**< 1: ADAPTAU_MODEL_BFLOAT16; 0                                            */
    int32_t  loss;              /**< ADAPTAU_LOSS_*; SOFTMAX                                                 */
    int32_t  tau0_policy;       /**< ADAPTAU_TAU0_*. By data: HELD_OUT; FIRST_ORDER where there is no temperature to find: for raw
                                     rows, which learn their lengths, for CCL and MSE, and with users' temperatures LEARNED or
                                     RELEASED                                                                */
    int32_t  tau_user_policy;   /**< ADAPTAU_TAU_USER_*. By data: NONE; for the softmax over the catalogue with HELD_OUT, adaptau_tune
                                     tries BY_LOSS, and keeps it where it recalls more                       */
    int32_t  candidates;        /**< ADAPTAU_SAMPLER_CATALOGUE, ...; CATALOGUE                               */
    int32_t  log_q;             /**< 1: sums over drawn candidates of the softmax, SL\@K and BSL are corrected for how they were
                                     drawn, where the sampler can (ADAPTAU_SAMPLER_LOG_Q); 1                 */
    int32_t  reject_positives;  /**< 1: ADAPTAU_SAMPLER_REJECT_POSITIVES; 0                                  */
    int32_t  positives_outside_sum; /**< 1: a user's own items are no candidates of the user (ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM);
                                     0: they are. By data: 1; for the softmax over the catalogue with HELD_OUT,
                                     adaptau_tune tries 0, and keeps it where it recalls more                */
    int64_t  dim;               /**< d; 64                                                                   */
    int64_t  n_layers;          /**< of LightGCN. By data: 3, where L > 4 2; 0 for other encoders            */
    int64_t  rows_per_batch;    /**< by data: a power of two, for about 50 steps in an epoch, 64 ... 1024 users; 2048 where a row is
                                     an interaction                                                          */
    int64_t  n_candidates;      /**< of a batch, or of a row with _PER_ROW_UNIFORM; 1024. The catalogue needs none */
    int64_t  epochs;            /**< over which learning rates fall to 0. By data: the fewer the larger n m; 16 for encoders */
    int64_t  warmup_epochs;     /**< the first so many epochs have τ₀ = 0.7/L, and only later ones measure it; at least 1. With `epochs`
                                     or more it is never measured; 1                                         */
    uint64_t seed;              /**< of first embeddings and of all draws; 0                                 */
    double   edge_dropout;      /**< of LightGCN, in [0, 1); 0                                               */
    double   layer_dropout;     /**< of LightGCN, in [0, 1); 0                                               */
    double   gate;              /**< of SimpleX, in [0, 1]. By data: 0.2; 0 for other encoders               */
    double   weight_decay;      /**< L2 of rows of free length; 0                                            */
    double   margin;            /**< of CCL. By data: 0.6; 0 for other losses                                */
    double   negative_weight;   /**< of CCL, BCE, MSE and BSL, > 0. By data: larger with m, of BSL 1; 0 for other losses */
    double   tau;               /**< ADAPTAU_TAU0_FIXED: τ₀, above 0. ADAPTAU_TAU0_LEARNED: the first τ₀, or 0 for 0.7/L. Other policies:
                                     0. The default is 0                                                     */
    double   tau_min;           /**< lower bound of a τ₀ that is measured or learned; 0.03                   */
    double   tau_max;           /**< upper bound; 10                                                         */
    double   tau_divisor;       /**< 2β of Eq. 15 and 16, > 0. By data: 2; 1 with ADAPTAU_TAU_USER_RELEASED  */
    double   tau_learning_rate; /**< of learned temperatures, > 0. By data: 0.01 for users' ones, else 0.0002 */
    double   threshold_quantile; /**< in [0, 1). Above 0: users' losses are compared with this quantile of theirs. 0: with their mean; 0 */
    double   degree_quantile;   /**< in [0, 1). Above 0: only users of a degree above this quantile are measured. 0: all users; 0 */
    double   popularity_exponent; /**< α in [0, 4]: an item that k users have is drawn, or weighs in the catalogue's sum, by k^α. By
                                     data: 0.75 for draws by popularity; L/14 for the softmax, SL\@K and BSL of MF's cosines over
                                     the catalogue, L/9 of LightGCN's where L > 4; else 0                    */
    double   row_weight_exponent; /**< a in (0, 2]: a user whose interactions weigh k together counts k^a in the loss. By data: 0.5; 0.7 for
                                     LightGCN where L > 4                                                    */
    double   soft_targets;      /**< c >= 0 of adaptau_model_update_targets. By data: 2 L, at most |D|/(2 n), for the softmax, SL\@K
                                     and BSL over the catalogue, of MF where L > 4; else 0                   */
    double   learning_rate_users; /**< at the first step; it falls to 0 (adaptau_recipe_learning_rates). By data: 0.2; 0.073/L for
                                       LightGCN; 0.005 for SimpleX */
    double   learning_rate_items; /**< likewise. By data: 0.02; 0.073/L for LightGCN; 0.005 for SimpleX          */
    double   popularity_prior;  /**< an item that k users have is scored popularity_prior τ₀ log(1 + k) higher when items are ranked.
                                     By data: popularity_exponent for MF over the catalogue, which gives back what the sum takes
                                     from popular items; else 0                                              */
    int64_t  top_k;             /**< of SL\@K, 1 ... ADAPTAU_LOSS_MOST_K. By data: 20; 0 for other losses     */
    double   weight_tau;        /**< of SL\@K, > 0. By data: 1; 0 for other losses                            */
    double   positive_scale;    /**< of BSL, > 0. By data: 16, near the softmax; 0 for other losses          */
    int32_t  activation;        /**< of PSL: ADAPTAU_ACTIVATION_*; RELU. 0 for other losses                  */
    int32_t  reserved;          /**< 0                                                                       */
} adaptau_recipe;

/** Write the defaults, and ADAPTAU_BY_DATA where the data decide. Members that the struct of an older host does not have take these
 *  values in every call. Thread-safety: any thread may make this call, like all calls of this header.
 *  @param[in,out] recipe  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_init(adaptau_recipe *recipe, adaptau_error *error);

/** Replace every ADAPTAU_BY_DATA by its value for the dataset, and check all members, alone and together. What adaptau_tune has yet to
 *  find stays open: ADAPTAU_TAU0_HELD_OUT, and ADAPTAU_BY_DATA as tau_user_policy and positives_outside_sum where it is the data that
 *  decide. A recipe without ADAPTAU_BY_DATA is only checked.
 *  @param[in,out] recipe  the host may read and change it after the call
 *  @return E_ARGUMENT names the member and its value, E_NUMERIC one that is not finite; E_ABI. The recipe is unchanged then.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_fill(adaptau_recipe *recipe, const adaptau_dataset *dataset, adaptau_error *error);

/** adaptau_recipe_fill for a host whose data are in several datasets.
 *  @param[in] n_interactions  distinct ones
 *  @return as adaptau_recipe_fill; E_ARGUMENT for a negative number. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_fill_for(adaptau_recipe *recipe, int32_t n_users, int32_t n_items,
                                                   int64_t n_interactions, adaptau_error *error);

/** The model's options of a filled recipe.
 *  @param[in,out] out  struct_size set by the caller
 *  @return as adaptau_recipe_fill; E_ARGUMENT for a member that is ADAPTAU_BY_DATA; E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_model_options(const adaptau_recipe *recipe, adaptau_model_options *out,
                                                        adaptau_error *error);

/** The loss of a filled recipe, for adaptau_model_set_loss. @return as adaptau_recipe_model_options. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_loss(const adaptau_recipe *recipe, adaptau_loss *out, adaptau_error *error);

/** The options of a filled recipe for adaptau_temperature_create. @return as adaptau_recipe_model_options; E_STATE with
 *  ADAPTAU_TAU0_HELD_OUT, because adaptau_tune has to find τ₀ first. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_temperature_options(const adaptau_recipe *recipe, adaptau_temperature_options *out,
                                                              adaptau_error *error);

/** The options of a filled recipe for adaptau_sampler_create. @return as adaptau_recipe_model_options; E_STATE where adaptau_tune has
 *  to find positives_outside_sum first. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_sampler_options(const adaptau_recipe *recipe, adaptau_sampler_options *out,
                                                          adaptau_error *error);

/** The options of a filled recipe for adaptau_model_set_fold_in and adaptau_fold_in_create. τ₀ and the threshold are those of the
 *  temperature as it is now. Where users' temperatures are learned, new users get τ₀. Fold-in has personal temperatures, soft targets
 *  and popularity for the softmax alone, and popularity for ADAPTAU_SAMPLER_CATALOGUE alone: they are left out elsewhere.
 *  @return as adaptau_recipe_model_options; E_STATE where adaptau_tune has to find tau_user_policy or positives_outside_sum
 *          first. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_fold_in_options(const adaptau_recipe *recipe, const adaptau_model *model,
                                                          const adaptau_temperature *temperature, adaptau_fold_in_options *out,
                                                          adaptau_error *error);

/** The learning rates of a filled recipe in one step, for a host with a loop or an optimiser of its own; adaptau_training_next sets
 *  them itself. In step k = epoch · n_steps + step of all K = epochs · n_steps they are base · (1 + cos(π x))/2 with
 *  x = max(0, k/K − h)/(1 − h), and 0 from step K on. h is 0.3 for matrix factorisation over 8 epochs or more, and 0 otherwise.
 *  @param[in]  epoch    from 0, at most 2^48 − 1
 *  @param[in]  step     of the epoch, in [0, n_steps)
 *  @param[in]  n_steps  batches of an epoch, at least 1 (adaptau_sampler_n_batches)
 *  @param[out] users    the rate of users' rows, as adaptau_model_set_learning_rates takes it
 *  @param[out] items    the rate of items' rows
 *  @return as adaptau_recipe_model_options; E_ARGUMENT names the number that is outside. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_recipe_learning_rates(const adaptau_recipe *recipe, int64_t epoch, int64_t step, int64_t n_steps,
                                                         double *users, double *items, adaptau_error *error);

/** The popularity prior of a recipe, for adaptau_model_set_item_bias: strength · tau0 · log(1 + k_i), k_i the users of the dataset
 *  who have item i. Cosines that were trained with the popularity of the catalogue say nothing of popularity; the prior adds it again.
 *  @param[in]  tau0  > 0
 *  @param[out] bias  [m]
 *  @return E_ARGUMENT (also for a tau0 of 0 or below); E_NUMERIC for a strength or tau0 that is not finite, and for a prior that no
 *          float32 is: nothing is written then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_popularity_prior(const adaptau_dataset *dataset, double strength, double tau0, float *bias,
                                                    adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
