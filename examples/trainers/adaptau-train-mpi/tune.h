/* SPDX-License-Identifier: MIT */
/* The temperature of a job, found before it trains. The first process reads all train pairs and searches as adaptau-train does;
 * the others wait for what it has found. */
#ifndef ADAPTAU_TRAIN_MPI_TUNE_H
#define ADAPTAU_TRAIN_MPI_TUNE_H

#include <adaptau/adaptau.h>

#include "adaptau-train-mpi/grid.h"
#include "adaptau-train-mpi/own_settings.h"
#include "adaptau-train-mpi/part.h"

/* What a search found. All processes have the same. */
struct tuned {
    int64_t n_trials; /* 0: there was no search, or nothing to hold out                                       */
    int64_t trial_epochs, n_held_out, user_divisor;
    double  tau, first_tau, recall; /* tau: 0 without trials                                                  */
    double  seconds;
    int64_t tau_user_policy, positives_outside_sum;
};

/* Collective. @param[in] recipe  complete, with ADAPTAU_TAU0_HELD_OUT */
adaptau_status tune(struct tuned *tuned, adaptau_context *context, const struct grid *grid, const struct own_settings *settings,
                    const struct recipe *recipe, const struct extent *extent, adaptau_error *error);

/* Train by what was found: at its τ, or by Eq. 14 where nothing could be held out. */
void tune_apply(const struct tuned *tuned, struct recipe *recipe);

#endif
