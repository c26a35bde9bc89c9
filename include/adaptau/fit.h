/* SPDX-License-Identifier: MIT */
/** @file fit.h
 *  Trainings by a recipe: the host's own loop around the library's schedule, or one call that runs it all. Everything here is
 *  built on what the other headers declare. */
#ifndef ADAPTAU_FIT_H
#define ADAPTAU_FIT_H

#include <adaptau/evaluator.h>
#include <adaptau/recipe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- held-out interactions ---------------------------------------------------------------------------------------- */

/** With times: the latest share of all interactions is held out, as if a model were trained on one day and asked from then on.
 *  Interactions at exactly that time are held out, too. Without this flag the latest share of each user's interactions is held
 *  out. */
#define ADAPTAU_SPLIT_ACROSS_USERS (UINT32_C(1) << 0)

/** A struct of zeros with its struct_size is valid, and holds nothing out. Since 1.0. */
typedef struct adaptau_split_options {
    uint32_t       struct_size; /**< sizeof(adaptau_split_options)                                           */
    uint32_t       flags;       /**< ADAPTAU_SPLIT_*                                                         */
    double         share;       /**< in [0, 1], of each user's interactions                                  */
    uint64_t       seed;        /**< decides what is drawn; with `times` it decides among equal times        */
    const int64_t *times;       /**< [|D|] of each interaction, in the order of adaptau_dataset_view's user_items: the latest
                                     of each user are held out. NULL: drawn ones                             */
} adaptau_split_options;

/** Hold a share of each user's interactions out. Of a user's k items round(share · k) go to *held_out, but never all of them;
 *  the others go to *kept. Which ones are drawn depends on the seed, the user and the item alone: neither on other users nor on
 *  threads. Weights stay with their interactions, and change no draw. Logged negatives go to *kept, all of them.
 *  @param[in]  dataset   not needed after the call
 *  @param[in]  options   NULL: nothing is held out
 *  @param[out] kept      new, with the users and items of `dataset`
 *  @param[out] held_out  new, likewise
 *  @return E_ARGUMENT, E_ABI, E_MEMORY; E_NUMERIC for a share that is not finite. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_split(adaptau_context *context, const adaptau_dataset *dataset,
                                                 const adaptau_split_options *options, adaptau_dataset **kept,
                                                 adaptau_dataset **held_out, adaptau_error *error);

/* ---- a loop of the host's ----------------------------------------------------------------------------------------- */

/** A model, its temperature and its sampler, made by a recipe, and the schedule over them. The host makes the steps, so that it
 *  can add terms of its own, use its own optimiser, show progress or end:
 *  @snippet 02-training-loop.c loop
 *  Thread-safety: adaptau_training_get_state and the accessors may run side by side; every other call runs alone, and one that
 *  meets another which forbids it answers E_STATE at once and changes nothing. */
typedef struct adaptau_training adaptau_training;

/** Begin a training with a new model.
 *  @param[in]  dataset  borrowed: must outlive the training
 *  @param[in]  recipe   copied, and the copy filled and tuned as by adaptau_tune with its defaults: with ADAPTAU_TAU0_HELD_OUT
 *                       that takes as long as a training. A host that wants to choose what is held out, to show progress or
 *                       to be able to cancel calls adaptau_tune first. NULL: the recipe of adaptau_recipe_init
 *  @return as adaptau_tune, adaptau_model_create, adaptau_temperature_create and adaptau_sampler_create. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_create(adaptau_context *context, const adaptau_dataset *dataset,
                                                   const adaptau_recipe *recipe, adaptau_training **out,
                                                   adaptau_error *error);

/** Go on training a model that exists: one that has grown, was loaded, or lies on the host's arrays. The schedule begins anew: learning
 *  rates start at the recipe's and fall to 0 over its epochs. A host that has grown a model goes on like this:
 *  @snippet 11-new-users.c go-on
 *
 *  The model keeps its loss, its options and the state of its optimiser. The recipe decides the schedule, the batches, soft targets,
 *  the popularity prior, and how new users are folded in. The recipe by which the model was trained is the right one, with fewer
 *  epochs: adaptau_training_get_recipe and adaptau_fit_result give it.
 *
 *  Where the recipe says ADAPTAU_TAU0_HELD_OUT, as by default, τ₀ is the one that the model was trained with, if the model says so
 *  (adaptau_model_get_fold_in; models of adaptau_fit and of adaptau_training_end_epoch do, also after they were saved). If it does not,
 *  and `temperature` is NULL, adaptau_tune finds τ₀. With another policy and without a temperature, τ₀ begins where that policy does,
 *  0.7/L for those that measure: a training that is to go on where the last one ended brings its temperature along.
 *
 *  A model that was loaded with ADAPTAU_ENCODER_LIGHTGCN or _SIMPLEX has no interactions and cannot be trained, and neither can one of
 *  adaptau_model_map or _view: give what adaptau_model_grow makes of it and the dataset.
 *  @param[in]  dataset      borrowed: must outlive the training
 *  @param[in]  recipe       copied and filled; NULL: the recipe of adaptau_recipe_init
 *  @param[in]  model        of the dataset's numbers of users and items. After success it belongs to the training, which destroys it
 *                           unless adaptau_training_take_model takes it out. After a failure it is still the host's
 *  @param[in]  temperature  made for this dataset (adaptau_temperature_grow, adaptau_model_load_checkpoint), or NULL: a new one, by the
 *                           recipe. After success it belongs to the training, after a failure it is still the host's. One of another
 *                           size is E_SHAPE in adaptau_training_begin_epoch
 *  @return as adaptau_training_create; E_SHAPE for a model of another size. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_create_from(adaptau_context *context, const adaptau_dataset *dataset,
                                                        const adaptau_recipe *recipe, adaptau_model *model,
                                                        adaptau_temperature *temperature, adaptau_training **out,
                                                        adaptau_error *error);

/** Frees the training, its temperature, and its model unless adaptau_training_take_model has taken that out. NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_training_destroy(adaptau_training *training);

/** The model, borrowed until the training is destroyed or its model is replaced; the host does not destroy it. NULL for NULL,
 *  and after adaptau_training_take_model. Since 1.0. */
ADAPTAU_API adaptau_model *adaptau_training_model(const adaptau_training *training);
/** The temperature, borrowed until the training is destroyed or its temperature is replaced; the host does not destroy it. It
 *  stays when the model is taken out. NULL for NULL. Since 1.0. */
ADAPTAU_API adaptau_temperature *adaptau_training_temperature(const adaptau_training *training);
/** The sampler, borrowed as long as the training; the host does not destroy it. NULL for NULL. Since 1.0. */
ADAPTAU_API adaptau_sampler *adaptau_training_sampler(const adaptau_training *training);

/** Take the model out. From now on the host owns it and destroys it. The training has no model, and every call that needs one is
 *  E_STATE.
 *  @return NULL when there is none, or when another call is using the training. Since 1.0. */
ADAPTAU_API adaptau_model *adaptau_training_take_model(adaptau_training *training);

/** Train another model from here on, in the training's schedule: one on the host's arrays, for example, or one with a loss or options
 *  that no recipe has. The training owns the model and the temperature after success, and destroys those that it had.
 *  adaptau_training_begin_epoch comes next. A training that begins with a model is adaptau_training_create_from.
 *  @param[in] model        of the dataset's numbers of users and items, not NULL
 *  @param[in] temperature  for the dataset; NULL: the present one stays
 *  @return E_ARGUMENT, E_SHAPE, E_STATE: model and temperature are still the host's. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_replace_model(adaptau_training *training, adaptau_model *model,
                                                          adaptau_temperature *temperature, adaptau_error *error);

/** Go on from what adaptau_model_save_checkpoint wrote between two epochs. The host writes the number of the next epoch into the note.
 *  With the same recipe and the same dataset the training goes on as if it had not been interrupted, bit for bit.
 *  @param[out] note  [ADAPTAU_NOTE_SIZE], or NULL
 *  @return as adaptau_model_load_checkpoint; nothing has changed after a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_resume(adaptau_training *training, const char *path, char *note,
                                                   adaptau_error *error);

/** Begin an epoch: update the temperature by the model's tables, form soft targets, shuffle.
 *  @param[in] epoch  from 0, below the recipe's `epochs`, over which learning rates fall to 0. To go on after the last epoch begin
 *                    another training with the model (adaptau_training_take_model, adaptau_training_create_from)
 *  @return E_ARGUMENT for another epoch; as adaptau_model_update_temperature, adaptau_model_update_targets and
 *          adaptau_sampler_begin_epoch. After a failure there is no batch to come; the same call again goes on where this one
 *          failed, with the same result. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_begin_epoch(adaptau_training *training, int64_t epoch, adaptau_error *error);

/** The next batch, after setting the learning rates of its step (adaptau_recipe_learning_rates). The host then calls
 *  adaptau_model_gradients and adaptau_model_apply.
 *  @param[in,out] batch  struct_size set by the caller; n_rows = 0 when the epoch is over. Its arrays live until the next call
 *  @return as adaptau_sampler_next; E_STATE before the first adaptau_training_begin_epoch. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_next(adaptau_training *training, adaptau_batch *batch, adaptau_error *error);

/** Note what the batch cost (adaptau_step's loss, and terms of the host's own), for the mean in adaptau_training_state. Training
 *  needs no such call.
 *  @return E_ARGUMENT; E_STATE without a batch, or for the second time. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_add_loss(adaptau_training *training, double loss, adaptau_error *error);

/** End an epoch, or stop in the middle of one: set the popularity prior of the model's scores by the present τ₀, and say with the model
 *  how new users are folded in (adaptau_model_set_fold_in). Models are to be evaluated, saved and served after this call.
 *  @return E_ARGUMENT, E_STATE before the first adaptau_training_begin_epoch, E_MEMORY. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_end_epoch(adaptau_training *training, adaptau_error *error);

/** Where a training stands. Since 1.0. */
typedef struct adaptau_training_state {
    uint32_t struct_size; /**< sizeof(adaptau_training_state), set by the caller                             */
    int32_t  reserved;    /**< 0                                                                             */
    int64_t  epoch;       /**< the epoch that was begun last, from 0; −1 before the first one                */
    int64_t  n_epochs;    /**< of the recipe                                                                 */
    int64_t  step;        /**< batches of the epoch that have been handed out                                */
    int64_t  n_steps;     /**< batches of an epoch                                                           */
    double   loss;        /**< mean loss of a weighted term, over those batches of the epoch whose loss was noted; 0 without any */
    double   tau0;        /**< τ₀ of the epoch                                                               */
} adaptau_training_state;

/** @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_get_state(const adaptau_training *training, adaptau_training_state *out,
                                                      adaptau_error *error);

/** The filled recipe. @param[in,out] out  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_training_get_recipe(const adaptau_training *training, adaptau_recipe *out,
                                                       adaptau_error *error);

/* ---- one call ----------------------------------------------------------------------------------------------------- */

#define ADAPTAU_FIT_GO_ON 0 /**< what a callback answers: go on                                                 */
/** Training stops at once, even in the middle of an epoch: adaptau_fit succeeds, with the best model so far where `validation` has
 *  judged one, else with the model as it stands. */
#define ADAPTAU_FIT_STOP 1

#define ADAPTAU_FIT_SEARCH 0 /**< phase: epochs are judged by held-out interactions                             */
#define ADAPTAU_FIT_FINAL 1  /**< phase: the training whose model is returned, nothing being held out           */
/** phase: trainings that find the temperature (adaptau_tune), before the others. Only on_step is called, without a model; tau0 is
 *  that of the trial, loss is 0, and ADAPTAU_FIT_STOP is E_CANCELLED, for there is no model yet. */
#define ADAPTAU_FIT_TEMPERATURE 2

/** What adaptau_fit tells its callbacks. Lives during the callback; a later library has more members at its end. Since 1.0. */
typedef struct adaptau_fit_progress {
    int32_t              phase;     /**< ADAPTAU_FIT_*                                                       */
    int32_t              evaluated; /**< 1 where recall and ndcg are those of this epoch                     */
    int32_t              best;      /**< 1 where it is the best epoch so far                                 */
    int32_t              reserved;  /**< 0                                                                   */
    int64_t              epoch;     /**< the epoch that is running or has just ended, from 0                 */
    int64_t              n_epochs;  /**< of the phase, at most                                               */
    int64_t              step;      /**< steps made in this epoch                                            */
    int64_t              n_steps;   /**< of an epoch                                                         */
    double               loss;      /**< mean per weighted term, of this epoch so far                        */
    double               tau0;      /**< τ₀ of this epoch                                                    */
    double               recall;    /**< at the cutoff, on the held-out interactions; 0 unless evaluated     */
    double               ndcg;      /**< likewise                                                            */
    const adaptau_model *model;     /**< the model as it is now, for calls that only read; NULL with ADAPTAU_FIT_TEMPERATURE */
} adaptau_fit_progress;

/** @return ADAPTAU_FIT_GO_ON, ADAPTAU_FIT_STOP, or anything else: adaptau_fit ends with E_CANCELLED and gives no model. Called on
 *  the thread that called adaptau_fit, never from a lane. */
typedef int32_t (*adaptau_fit_function)(void *user_data, const adaptau_fit_progress *progress);

/** The defaults run all epochs of the recipe on the whole dataset, silently. Since 1.0. */
typedef struct adaptau_fit_options {
    uint32_t               struct_size;    /**< sizeof(adaptau_fit_options)                                  */
    int32_t                cutoff;         /**< of recall and NDCG, in [1, ADAPTAU_MAX_CUTOFF]; 20           */
    const adaptau_dataset *validation;     /**< interactions that are not in the dataset: the model of the epoch that ranks them
                                                best is returned; or NULL                                    */
    double                 held_out_share; /**< in [0, 1): hold so much of each user's interactions out of the dataset, find the
                                                best epoch, and train again on all of it for so many epochs. Without `validation`
                                                only. 0, that is no search. At the τ₀ that trials find, cosines of matrix
                                                factorisation are best in their last epoch: it is for other recipes */
    uint64_t               held_out_seed;  /**< of that split; 0                                             */
    int64_t                n_epochs;       /**< end after so many epochs, in the middle of the recipe's schedule, where learning rates
                                                have not fallen yet: a shorter training is the recipe's `epochs`. 0, that is after
                                                the last epoch of the recipe                                 */
    int64_t                eval_every;     /**< epochs between evaluations, at least 1; the last is always evaluated; 1 */
    int64_t                patience;       /**< the search ends after so many evaluations without a better epoch, and saves time where
                                                epochs overfit; it costs recall where the last epochs are the best. 0, that is
                                                never early */
    adaptau_fit_function   on_step;        /**< after each step; or NULL                                     */
    adaptau_fit_function   on_epoch;       /**< after each epoch, once it has been evaluated; or NULL        */
    void                  *user_data;      /**< of both                                                      */
} adaptau_fit_options;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_fit_options_init(adaptau_fit_options *options, adaptau_error *error);

/** What adaptau_fit found. The host sets struct_size, and `recipe` and `fold_in` where it wants them; the rest is 0. Since 1.0. */
typedef struct adaptau_fit_result {
    uint32_t struct_size; /**< sizeof(adaptau_fit_result), set by the caller                                 */
    int32_t  stopped;     /**< 1 where a callback stopped the training                                       */
    int64_t  n_epochs;    /**< whole epochs that the model has been trained for                              */
    int64_t  n_searched;  /**< whole epochs of the search; 0 without held-out interactions                   */
    double   loss;        /**< of the model's last epoch, mean per weighted term                             */
    double   tau0;        /**< τ₀ of that epoch: of fold-in, and of the popularity prior                     */
    double   recall;      /**< at the cutoff, of the best epoch of the search on held-out interactions; 0 without */
    double   ndcg;        /**< likewise                                                                      */
    adaptau_recipe          *recipe;  /**< a struct of the host's, its struct_size set, that gets the recipe which was trained: filled,
                                           with the τ₀ and the policy of users' temperatures that were found; or NULL */
    adaptau_fold_in_options *fold_in; /**< a struct of the host's, its struct_size set, that gets what adaptau_model_get_fold_in answers
                                           for the model: how new users are folded in; or NULL               */
} adaptau_fit_result;

/** Train a model by a recipe: the loop of adaptau_training from the first epoch to the last. With held-out interactions each epoch
 *  is judged by recall, of equal ones by NDCG, of equal ones the earlier wins; a user's items in the dataset are not ranked. Where the
 *  recipe has
 *  ADAPTAU_TAU0_HELD_OUT, as by default, adaptau_tune comes first: with `validation` as what is held out, else with
 *  `held_out_share` (a tenth where that is 0) and `held_out_seed`. A host that needs more than callbacks uses adaptau_training.
 *  @param[in]  dataset  the interactions to train on; not needed after the call
 *  @param[in]  recipe   copied and filled by the dataset; NULL: the recipe of adaptau_recipe_init
 *  @param[in]  options  NULL for the defaults
 *  @param[out] model    new, in own memory, with the popularity prior of the recipe
 *  @param[out] result   may be NULL
 *  @return as adaptau_training_create, _begin_epoch, _next, adaptau_model_gradients, adaptau_model_apply and
 *          adaptau_evaluator_run; E_ARGUMENT, E_ABI, E_SHAPE for a validation set of another size; E_CANCELLED. Nothing is written
 *          then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_fit(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                                       const adaptau_fit_options *options, adaptau_model **model, adaptau_fit_result *result,
                                       adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
