/* SPDX-License-Identifier: MIT */
/** @file fit.h
 *  Trainings by a recipe: the host's own loop around the library's schedule, or one call that runs it all. Everything here is
 *  built on what the other headers declare. */
#ifndef ADAPTAU_FIT_H
#define ADAPTAU_FIT_H

#include <adaptau/recipe.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- held-out interactions ---------------------------------------------------------------------------------------- */

/** All zero but struct_size: nothing is held out. Since 0.1. */
typedef struct adaptau_split_options {
    uint32_t       struct_size; /**< sizeof(adaptau_split_options)                                           */
    uint32_t       reserved;    /**< 0                                                                       */
    double         share;       /**< in [0, 1], of each user's interactions                                  */
    uint64_t       seed;        /**< of what is held out; with `times` of the choice among equal times       */
    const int64_t *times;       /**< [|D|] of each interaction, in the order of adaptau_dataset_view's user_items: the latest
                                     of each user are held out. NULL: drawn ones                             */
} adaptau_split_options;

/** Hold a share of each user's interactions out. Of a user's k items round(share · k) go to *held_out, but never the last one;
 *  the others go to *kept. Which ones are drawn depends on the seed, the user and the item alone: neither on other users nor on
 *  threads.
 *  @param[in]  dataset   not needed after the call
 *  @param[in]  options   NULL: nothing is held out
 *  @param[out] kept      new, with the users and items of `dataset`
 *  @param[out] held_out  new, likewise
 *  @return E_ARGUMENT, E_ABI, E_MEMORY; E_NUMERIC for a share that is not finite. Since 0.1. */
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

/** @param[in]  dataset  borrowed: must outlive the training
 *  @param[in]  recipe   copied, and the copy filled and tuned as by adaptau_tune with its defaults: with ADAPTAU_TAU0_HELD_OUT
 *                       that takes as long as a training. A host that wants to choose what is held out, to show progress or
 *                       to be able to cancel calls adaptau_tune before. NULL: adaptau_recipe_init's
 *  @return as adaptau_tune, adaptau_model_create, adaptau_temperature_create and adaptau_sampler_create. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_create(adaptau_context *context, const adaptau_dataset *dataset,
                                                   const adaptau_recipe *recipe, adaptau_training **out,
                                                   adaptau_error *error);

/** With the model and the temperature, unless they have been taken out. NULL is fine. Since 0.1. */
ADAPTAU_API void adaptau_training_destroy(adaptau_training *training);

/** Borrowed: until the training is destroyed, or its model replaced. NULL for NULL, and when it has been taken out. Since 0.1. */
ADAPTAU_API adaptau_model *adaptau_training_model(const adaptau_training *training);
/** Borrowed likewise. Since 0.1. */
ADAPTAU_API adaptau_temperature *adaptau_training_temperature(const adaptau_training *training);
/** Borrowed, as long as the training. NULL for NULL. Since 0.1. */
ADAPTAU_API adaptau_sampler *adaptau_training_sampler(const adaptau_training *training);

/** Take the model out: it is the host's to destroy. The training has none from now on, and every call that needs one is E_STATE.
 *  @return NULL when there is none, or when another call is using the training. Since 0.1. */
ADAPTAU_API adaptau_model *adaptau_training_take_model(adaptau_training *training);

/** Train another model, and take it over: one that has grown (adaptau_model_grow), one on the host's arrays, or one with a loss
 *  or options that no recipe has. What the training had is destroyed. To be followed by adaptau_training_begin_epoch.
 *  @param[in] model        of the dataset's numbers of users and items, not NULL
 *  @param[in] temperature  for the dataset; NULL: the present one stays
 *  @return E_ARGUMENT, E_SHAPE, E_STATE: both are the host's still. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_replace_model(adaptau_training *training, adaptau_model *model,
                                                          adaptau_temperature *temperature, adaptau_error *error);

/** Go on from what adaptau_model_save_checkpoint wrote between two epochs. The number of the next epoch is the host's to note
 *  there. With the recipe and the dataset that it was trained by, training goes on as if it had not been interrupted, bit for bit.
 *  @param[out] note  [ADAPTAU_NOTE_SIZE], or NULL
 *  @return as adaptau_model_load_checkpoint; nothing has changed after a failure. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_resume(adaptau_training *training, const char *path, char *note,
                                                   adaptau_error *error);

/** Begin an epoch: update the temperature by the model's tables, form soft targets, shuffle.
 *  @param[in] epoch  from 0; at the recipe's `epochs` and later learning rates are 0
 *  @return as adaptau_model_update_temperature, adaptau_model_update_targets and adaptau_sampler_begin_epoch. After a failure
 *          there is no batch to come; the same call again goes on where this one failed, with the same result. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_begin_epoch(adaptau_training *training, int64_t epoch, adaptau_error *error);

/** The next batch, after setting the learning rates of its step, base · (1 + cos(π k/K))/2 in step k of all K. The host then
 *  calls adaptau_model_gradients and adaptau_model_apply.
 *  @param[in,out] batch  struct_size set by the caller; n_rows = 0 when the epoch is over. Its arrays live until the next call
 *  @return as adaptau_sampler_next; E_STATE before the first adaptau_training_begin_epoch. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_next(adaptau_training *training, adaptau_batch *batch, adaptau_error *error);

/** Note what the batch cost (adaptau_step's loss, and terms of the host's own), for the mean in adaptau_training_state. Training
 *  needs no such call.
 *  @return E_ARGUMENT; E_STATE without a batch, or for the second time. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_add_loss(adaptau_training *training, double loss, adaptau_error *error);

/** End an epoch, or stop in the middle of one: set the popularity prior of the model's scores by the present τ₀. Models are to be
 *  evaluated, saved and served after this call.
 *  @return E_ARGUMENT, E_STATE before the first adaptau_training_begin_epoch, E_MEMORY. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_end_epoch(adaptau_training *training, adaptau_error *error);

/** Where a training stands. Since 0.1. */
typedef struct adaptau_training_state {
    uint32_t struct_size; /**< sizeof(adaptau_training_state), set by the caller                             */
    int32_t  reserved;    /**< 0                                                                             */
    int64_t  epoch;       /**< that was begun last, from 0; −1 before the first one                          */
    int64_t  n_epochs;    /**< of the recipe                                                                 */
    int64_t  step;        /**< batches of the epoch that have been handed out                                */
    int64_t  n_steps;     /**< batches of an epoch                                                           */
    double   loss;        /**< mean per weighted term of the batches of the epoch whose loss was noted, 0 without any */
    double   tau0;        /**< τ₀ of the epoch                                                               */
} adaptau_training_state;

/** @return E_ARGUMENT, E_ABI. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_get_state(const adaptau_training *training, adaptau_training_state *out,
                                                      adaptau_error *error);

/** The filled recipe. @param[in,out] out  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 0.1. */
ADAPTAU_API adaptau_status adaptau_training_get_recipe(const adaptau_training *training, adaptau_recipe *out,
                                                       adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
