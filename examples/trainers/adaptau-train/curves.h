/* SPDX-License-Identifier: MIT */
/* What was seen while a model was trained, for the page at the end. */
#ifndef ADAPTAU_TRAIN_CURVES_H
#define ADAPTAU_TRAIN_CURVES_H

#include <adaptau/tune.h>

#include "common/scores.h"
#include "common/training.h"

/* Numbers of the epochs of a phase. */
struct curve {
    const char *phase;
    int64_t     n, capacity;
    double     *epoch, *loss, *tau0, *recall; /* [n]; recall is NaN where the epoch was not evaluated */
};

#define CURVES_MAX 4
#define TRIALS_MAX 64

/* All zero is empty. */
struct curves {
    int          n;
    struct curve curves[CURVES_MAX];
    int32_t      n_trials; /* of the search for the temperature */
    double       trial_tau[TRIALS_MAX], trial_recall[TRIALS_MAX];
};

/* An epoch; `recall` is NaN where there is none. A phase that went on after another one began is a new curve. */
adaptau_status curves_add(struct curves *curves, const char *phase, const struct training *training, double recall,
                          adaptau_error *error);

/* A step of the search, which counts when it ends a trial. */
void curves_add_trial(struct curves *curves, const adaptau_tune_progress *progress);

void curves_free(struct curves *curves);

#endif
