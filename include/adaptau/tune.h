/* SPDX-License-Identifier: MIT */
/** @file tune.h
 *  What a recipe cannot know from the sizes of the data, found by short trainings on a part of it: the temperature τ₀, and whether
 *  personal temperatures help. */
#ifndef ADAPTAU_TUNE_H
#define ADAPTAU_TUNE_H

#include <adaptau/fit.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Where a tuning stands, for a host that shows it or ends it. Lives during the callback; a later library has more members at its
 *  end. Since 1.0. */
typedef struct adaptau_tune_progress {
    int32_t  trial;       /**< from 1                                                                        */
    int32_t  tau_user_policy; /**< of the trial                                                              */
    int64_t  epoch;       /**< of the trial, from 0                                                          */
    int64_t  n_epochs;    /**< of a trial                                                                    */
    int64_t  step;        /**< finished steps of the epoch                                                   */
    int64_t  n_steps;     /**< steps of an epoch                                                             */
    double   tau;         /**< τ₀ of the trial                                                               */
    double   recall;      /**< of the held-out interactions, at the cutoff; NaN until the trial is over      */
} adaptau_tune_progress;

/** Called after each step and at the end of each trial, on the thread that tunes.
 *  @return 0 to go on; anything else ends the tuning with E_CANCELLED */
typedef int32_t (*adaptau_tune_function)(void *user_data, const adaptau_tune_progress *progress);

/** Train matrix factorisation, too, where the recipe has another encoder: by its defaults, with a temperature of its own, for all its
 *  epochs. adaptau_tune_result tells what it recalls of the held-out interactions, to be compared with what the host's training on
 *  the same part of the data recalls of them. Nothing else changes. */
#define ADAPTAU_TUNE_COMPARE (UINT32_C(1) << 0)

/** The defaults hold out a tenth of each user's interactions, drawn at random. Since 1.0. */
typedef struct adaptau_tune_options {
    uint32_t               struct_size;  /**< sizeof(adaptau_tune_options)                                   */
    int32_t                cutoff;       /**< K of the lists that matter, in [1, ADAPTAU_MAX_CUTOFF]; 20     */
    double                 share;        /**< of each user's interactions that is held out, in (0, 1), unless `held_out` is given; 0.1 */
    uint64_t               seed;         /**< of what is held out; 0                                         */
    const int64_t         *times;        /**< [|D|] as in adaptau_split_options: the latest are held out, of each user, or of all
                                              with ADAPTAU_SPLIT_ACROSS_USERS. NULL: random ones of each user */
    const adaptau_dataset *held_out;     /**< the host's own choice, to be recalled by a training on the dataset as it is; then
                                              seed and times must be 0 and NULL. NULL: see above             */
    int64_t                trial_epochs; /**< of each trial. ADAPTAU_BY_DATA: 4, or 3 of a part of the users, or up to the recipe's
                                              where these make less than 40 steps; 5 of LightGCN and SimpleX */
    adaptau_tune_function  progress;     /**< or NULL                                                        */
    void                  *user_data;    /**< for `progress`                                                 */
    uint32_t               split_flags;  /**< ADAPTAU_SPLIT_*; what is held out should be drawn like what the model will be asked
                                              for                                                            */
    int32_t                user_divisor; /**< trials have one user in so many, drawn by `seed`, in [1, 1024]. ADAPTAU_BY_DATA: 1, or for
                                              ADAPTAU_ENCODER_MF 2 or 4 where at least 12,000 interactions stay held out and 4 kept
                                              for each item                                                  */
    uint32_t               flags;        /**< ADAPTAU_TUNE_*; 0                                              */
    uint32_t               reserved;     /**< 0                                                              */
} adaptau_tune_options;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_tune_options_init(adaptau_tune_options *options, adaptau_error *error);

/** What a tuning found. Since 1.0. */
typedef struct adaptau_tune_result {
    uint32_t struct_size; /**< sizeof(adaptau_tune_result), set by the caller                                */
    int32_t  n_trials;    /**< trainings; 0: the recipe asked for none, or nothing could be held out         */
    int64_t  n_held_out;  /**< interactions                                                                  */
    int64_t  trial_epochs; /**< of each trial                                                                */
    double   first_tau;   /**< 0.7/L, where the search began                                                 */
    double   tau;         /**< found                                                                         */
    double   recall;      /**< of the best trial                                                             */
    int32_t  tau_user_policy; /**< that goes with it                                                         */
    uint32_t user_divisor; /**< trials had one user in so many; 0 without trials                             */
    double   score;       /**< of the best trial: mean of the logarithms of recall and NDCG at K/2, K and 5K/2 */
    double   factorised_recall; /**< of matrix factorisation, with ADAPTAU_TUNE_COMPARE; else 0              */
    double   factorised_score; /**< of the same model                                                        */
} adaptau_tune_result;

/** Fill a recipe, and find its temperature where its tau0_policy is ADAPTAU_TAU0_HELD_OUT.
 *
 *  Each trial trains on the interactions that are not held out, at one fixed τ₀ and with everything else as the recipe says, in a
 *  schedule of `trial_epochs`. Its score is the mean of the logarithms of recall and NDCG at K/2, K and 5K/2. The search (search.h)
 *  begins at 0.7/L, climbs by factors of √2 and ends at the top of a parabola; where trials had a half or a quarter of the users, τ₀
 *  is lower than that by 1.08 for each halving. Where the recipe leaves personal temperatures to the
 *  data and its loss is the softmax over the catalogue, one more trial at the best of these τ₀ has those of Eq. 16, and they stay
 *  if its score is higher. The recipe then has ADAPTAU_TAU0_FIXED with the τ that was found.
 *
 *  Eq. 14 and its kin measure how far apart trained scores are; 64 dimensions part those of sparse users at any temperature, so
 *  the measure stays near 0.5/L whatever the data are. What a model recalls of what it has not seen tells the temperatures apart.
 *
 *  Takes about as long as one training by the recipe, and less on large data. Draws nothing but what `seed` and the recipe's seed say: the same call finds
 *  the same τ on any number of threads.
 *  @param[in,out] recipe   as for adaptau_recipe_fill; with another policy it is only filled
 *  @param[in]     options  NULL for the defaults
 *  @param[in,out] result   struct_size set by the caller; may be NULL
 *  @return as adaptau_recipe_fill, adaptau_dataset_split, and the calls of a training; E_ARGUMENT, E_ABI, E_MEMORY, E_NUMERIC;
 *          E_SHAPE for `held_out` of another size; E_CANCELLED when `progress` asked for the end. The recipe
 *          is unchanged after a failure. Where no interaction could be held out, because no user has two, the recipe gets
 *          ADAPTAU_TAU0_FIRST_ORDER. Thread-safety: as of a training; the dataset is only read. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_tune(adaptau_context *context, const adaptau_dataset *dataset,
                                        const adaptau_tune_options *options, adaptau_recipe *recipe,
                                        adaptau_tune_result *result, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
