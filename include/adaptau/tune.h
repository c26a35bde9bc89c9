/* SPDX-License-Identifier: MIT */
/** @file tune.h
 *  The sizes of the data do not tell everything that a recipe needs. Short trainings on a part of the data find the rest: the
 *  temperature τ₀, whether personal temperatures help, and whether a user's own items belong in the sum. */
#ifndef ADAPTAU_TUNE_H
#define ADAPTAU_TUNE_H

#include <adaptau/fit.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How far a tuning is, for a host that shows it or ends it. Lives during the callback; a later library may have more members at its
 *  end. Since 1.0. */
typedef struct adaptau_tune_progress {
    int32_t  trial;       /**< the trial that is running, from 1                                             */
    int32_t  tau_user_policy; /**< of this trial                                                             */
    int64_t  epoch;       /**< of this trial, from 0                                                         */
    int64_t  n_epochs;    /**< of a trial                                                                    */
    int64_t  step;        /**< finished steps of the epoch                                                   */
    int64_t  n_steps;     /**< steps of an epoch                                                             */
    double   tau;         /**< τ₀ of the trial                                                               */
    double   recall;      /**< of the held-out interactions, at the cutoff; NaN until the trial is over      */
    int32_t  positives_outside_sum; /**< of this trial                                                       */
    int32_t  reserved;    /**< 0                                                                             */
} adaptau_tune_progress;

/** Called after each step and at the end of each trial, on the thread that tunes.
 *  @return 0 to go on; anything else ends the tuning with E_CANCELLED */
typedef int32_t (*adaptau_tune_function)(void *user_data, const adaptau_tune_progress *progress);

/** Where the recipe has another encoder, also train matrix factorisation on the same part of the data: by its defaults, with a
 *  temperature of its own, for all its epochs. adaptau_tune_result tells its recall of the held-out interactions, so that a host can
 *  compare it with the recall of the recipe's encoder. Nothing else changes. */
#define ADAPTAU_TUNE_COMPARE (UINT32_C(1) << 0)

/** The defaults hold out a tenth of each user's interactions, drawn at random. Since 1.0. */
typedef struct adaptau_tune_options {
    uint32_t               struct_size;  /**< sizeof(adaptau_tune_options)                                   */
    int32_t                cutoff;       /**< K of the lists that matter, in [1, ADAPTAU_MAX_CUTOFF]; 20     */
    double                 share;        /**< in (0, 1): so much of each user's interactions is held out, unless `held_out` is given; 0.1 */
    uint64_t               seed;         /**< decides what is held out; 0                                    */
    const int64_t         *times;        /**< [|D|] as in adaptau_split_options: the latest are held out, of each user, or of all
                                              with ADAPTAU_SPLIT_ACROSS_USERS. NULL: random ones of each user */
    const adaptau_dataset *held_out;     /**< interactions that the host has held out itself; trials train on the whole dataset then, and
                                              seed, times and split_flags must be 0 and NULL. NULL: the library holds `share` out */
    int64_t                trial_epochs; /**< of each trial. ADAPTAU_BY_DATA: 4, or 3 of a part of the users, or up to the recipe's
                                              where these make less than 40 steps; 5 of LightGCN and SimpleX */
    adaptau_tune_function  progress;     /**< or NULL                                                        */
    void                  *user_data;    /**< for `progress`                                                 */
    uint32_t               split_flags;  /**< ADAPTAU_SPLIT_*: hold out what is most like what the model will be asked for; 0 */
    int32_t                user_divisor; /**< in [1, 1024]: trials have one user in so many, drawn by `seed`. ADAPTAU_BY_DATA: 2 or 4 for
                                              ADAPTAU_ENCODER_MF, where that leaves at least 12,000 interactions held out and 4 of each
                                              item to train on; else 1                                       */
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
    int32_t  n_trials;    /**< trials that were trained; 0 where the recipe needed none, or nothing could be held out */
    int64_t  n_held_out;  /**< interactions that were held out                                               */
    int64_t  trial_epochs; /**< of each trial                                                                */
    double   first_tau;   /**< 0.7/L, the τ₀ where the search began                                          */
    double   tau;         /**< the τ₀ that was found                                                         */
    double   recall;      /**< of the best trial                                                             */
    int32_t  tau_user_policy; /**< of the recipe after the call                                              */
    uint32_t user_divisor; /**< trials had one user in so many; 0 without trials                             */
    double   score;       /**< of the best trial: mean of the logarithms of recall and NDCG at K/2, K and 5K/2 */
    double   factorised_recall; /**< of matrix factorisation, with ADAPTAU_TUNE_COMPARE; else 0              */
    double   factorised_score; /**< score of matrix factorisation, with ADAPTAU_TUNE_COMPARE; else 0         */
    int32_t  positives_outside_sum; /**< of the recipe after the call                                        */
    int32_t  reserved;    /**< 0                                                                             */
} adaptau_tune_result;

/** Fill a recipe, and find its temperature where its tau0_policy is ADAPTAU_TAU0_HELD_OUT.
 *
 *  Each trial trains on the interactions that are not held out, at one fixed τ₀ and with everything else as the recipe says, in a
 *  schedule of `trial_epochs`. Its score is the mean of the logarithms of recall and NDCG at K/2, K and 5K/2. The search (search.h)
 *  begins at 0.7/L, climbs by factors of √2 and ends at the top of a parabola. Where trials had a half or a quarter of the users, that
 *  τ₀ is divided by 1.08 for each halving. Where the loss is the
 *  softmax over the catalogue, two more trials follow at the best of these τ₀, each for a member that the recipe leaves to the data: one
 *  has the user's own items in the sum, which stays if its score is higher by .005; one has the personal temperatures of Eq. 16, which
 *  stay if its score is higher. The recipe then has ADAPTAU_TAU0_FIXED with the τ₀ that was found.
 *
 *  Why trials: Eq. 14 and the other closed forms compute τ₀ from the scores of a trained model. In 64 dimensions the scores of users
 *  with few interactions come apart at any temperature, so that the result is near 0.5/L whatever the data are. Held-out interactions
 *  do tell which temperature is better.
 *
 *  Takes about as long as one training by the recipe, and less on large data. `seed` and the recipe's seed decide all that is drawn: the
 *  same call finds the same τ₀ on any number of threads. Trials train with the dataset's logged negatives; what is held out judges them
 *  without.
 *  @param[in,out] recipe   filled as by adaptau_recipe_fill, and nothing else where its tau0_policy is another one
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
