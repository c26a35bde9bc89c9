/* SPDX-License-Identifier: MIT */
/* One run of the program: what it works on and what it found. */
#ifndef ADAPTAU_TRAIN_RUN_H
#define ADAPTAU_TRAIN_RUN_H

#include "adaptau-train/beside.h"
#include "adaptau-train/curves.h"
#include "adaptau-train/history.h"
#include "adaptau-train/progress.h"
#include "adaptau-train/settings.h"
#include "common/negatives.h"
#include "common/problem.h"
#include "common/trial.h"

struct run {
    const struct settings *settings;
    adaptau_context       *context;
    struct problem         problem;
    struct negatives       negatives;
    struct trial           trial;
    struct beside          beside;
    struct history         history;
    struct curves          curves; /* kept where there is to be a report */
    struct progress        progress;
    struct estimate        estimate;
    double                 read_seconds;
};

/* Make the context, read the data, split it where it comes without test, and complete the recipe. */
adaptau_status run_open(struct run *run, const struct settings *settings, adaptau_error *error);

/* Train and test by the protocol, with progress and history. The results are in run->trial. */
adaptau_status run_trial(struct run *run, adaptau_error *error);

/* Fine for a run of zeros, and after a failure anywhere. */
void run_close(struct run *run);

#endif
