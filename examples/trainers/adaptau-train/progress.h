/* SPDX-License-Identifier: MIT */
/* What the user sees while a model trains: one line that is redrawn on a terminal, a line per epoch elsewhere; and how long it
 * will take, once some steps tell. */
#ifndef ADAPTAU_TRAIN_PROGRESS_H
#define ADAPTAU_TRAIN_PROGRESS_H

#include "common/meter.h"
#include "common/scores.h"
#include "common/training.h"

struct progress {
    bool         quiet;
    struct meter meter;
    const char  *phase; /* "search", "refit" */
    int64_t      n_epochs;
    bool         scored;
    double       recall, ndcg; /* of the last evaluation */
    int32_t      cutoff;
};

void progress_begin(struct progress *progress, bool quiet, const char *phase, int64_t n_epochs);

/* An adaptau_tune_function's progress: a line for each trial, or the terminal's. Not 0 when a signal was caught. */
int progress_tune(struct progress *progress, const adaptau_tune_progress *tune);

/* A step_function: draws now and then, and ends the epoch when a signal was caught. */
int progress_step(void *progress, const struct training *training);

/* After an epoch; scores may be NULL, `which` is the cutoff to show. */
void progress_epoch(struct progress *progress, const struct training *training, const struct scores *scores,
                    const struct cutoffs *cutoffs, int32_t which);

/* Wipe the terminal's line. */
void progress_end(struct progress *progress);

/* How long the whole takes, told once by its first steps. All zero before the first one. */
struct estimate {
    bool    told;
    int64_t n_steps; /* seen */
    double  started;
};

/* After a step, of about `n_steps` in all; `context` tells the memory. What takes a few seconds is not told. */
void estimate_step(struct estimate *estimate, struct progress *progress, const adaptau_context *context, double n_steps);

#endif
