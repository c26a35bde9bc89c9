/* SPDX-License-Identifier: MIT */
/* One run of the program: what it works on and what it found. */
#ifndef ADAPTAU_TRAIN_RUN_H
#define ADAPTAU_TRAIN_RUN_H

#include "adaptau-train/history.h"
#include "adaptau-train/settings.h"
#include "adaptau-train/snapshot.h"
#include "common/scores.h"

/* What the search for the best epoch saw. */
struct search {
    int64_t       n_epochs; /* trained */
    int64_t       best_epoch;
    struct scores best;    /* on the pairs that chose it */
    int64_t       n_pairs; /* that chose it; 0: there were none, and the last epoch was taken */
};

struct run {
    const struct settings *settings;
    struct recipe          recipe; /* complete */
    bool                   chooses_prior; /* recipe.popularity_prior, on pairs held out of train */
    adaptau_context       *context;
    struct data            data; /* its pairs are gone once the datasets exist */
    adaptau_dataset       *train;
    adaptau_dataset       *test;
    struct history         history;

    /* Results. */
    struct search   search;
    struct snapshot snapshot; /* what `model` works on, or empty */
    adaptau_model  *model;
    struct scores   scores; /* on test */
    int32_t         n_test_users;
    double          loss, tau0;    /* of the model's last epoch */
    int64_t         stopped_epoch; /* where a signal ended training, counted from 1; 0: it did not */
    double          read_seconds, train_seconds, eval_seconds;
};

/* Make the context, read the data, split it where it comes without test, and complete the recipe. */
adaptau_status run_open(struct run *run, const struct settings *settings, adaptau_error *error);

/* Fine for a run of zeros, and after a failure anywhere. */
void run_close(struct run *run);

/* The position of cutoff 20, or 0: the cutoff that chooses. */
int32_t choosing_cutoff(const struct cutoffs *cutoffs);

#endif
