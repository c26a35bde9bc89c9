/* SPDX-License-Identifier: MIT */
/* One training run: the library's training with contrast, watched step by step and timed. */
#ifndef EXAMPLES_COMMON_TRAINING_H
#define EXAMPLES_COMMON_TRAINING_H

#include <adaptau/adaptau.h>

#include "common/recipe.h"

struct training;

/* Called after every step; anything but 0 ends the epoch there. */
typedef int (*step_function)(void *user_data, const struct training *training);

struct training {
    const struct recipe *recipe;
    adaptau_training    *schedule;
    adaptau_model       *model; /* of the schedule */
    adaptau_temperature *temperature; /* likewise */
    const adaptau_dataset *dataset;
    step_function        on_step; /* or NULL */
    void                *on_step_data;
    int64_t              n_epochs; /* the learning rate falls to 0 over these */
    int64_t              n_steps;  /* in an epoch */
    int64_t              epoch;    /* finished epochs */
    int64_t              step;     /* finished steps of the present epoch */
    bool                 stopped;  /* on_step asked for it */
    double               loss;     /* of the last epoch, mean per term */
    double               tau0;
    double               seconds; /* spent in training_epoch */
};

/* `recipe` must be complete (recipe_fill), and outlive the training like `dataset`. On failure *training is empty. */
adaptau_status training_create(adaptau_context *context, const adaptau_dataset *dataset, const struct recipe *recipe,
                               struct training *training, adaptau_error *error);

void training_destroy(struct training *training);

/* The model is the caller's from now on, and the training only to be destroyed. */
adaptau_model *training_take_model(struct training *training);

/* Put the model and the temperature of a checkpoint in the place of those that were created. `note` is what it says besides. */
adaptau_status training_resume(struct training *training, const char *path, char note[ADAPTAU_NOTE_SIZE], adaptau_error *error);

/* One epoch: set the temperature and what users aim at, step through all batches, and set the popularity prior of scores. */
adaptau_status training_epoch(struct training *training, adaptau_error *error);

#endif
