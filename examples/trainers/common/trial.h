/* SPDX-License-Identifier: MIT */
/* One recipe under one protocol: which pairs choose the model, and which ones judge it. */
#ifndef EXAMPLES_COMMON_TRIAL_H
#define EXAMPLES_COMMON_TRIAL_H

#include <adaptau/tune.h>

#include "common/scores.h"
#include "common/snapshot.h"
#include "common/training.h"

#define PROTOCOL_VALID 0 /* choose the epoch on pairs held out of train, look at test once */
#define PROTOCOL_PAPER 1 /* choose the epoch on test, as published numbers do */

extern const char *const protocol_names[]; /* [..] in the order of these constants, ends in NULL */

struct trial_options {
    int32_t        protocol;
    bool           no_refit;
    double         valid_share; /* of a user's train pairs */
    int64_t        split_seed;
    int64_t        eval_every;
    int64_t        patience; /* evaluations without a better one before the search ends; 0: never */
    struct cutoffs cutoffs;
};

struct trial_options trial_options_default(void);

/* Who watches the trainings of a trial. The search for the temperature comes first and has a function of its own; each training
 * after it is a phase: "prior", "search" or "refit". Any function may be NULL. */
struct trial_observer {
    void *user_data;
    /* After every step of the search for the temperature; anything but 0 stops the trial. */
    adaptau_tune_function tune;
    void (*begin)(void *user_data, const char *phase, int64_t n_epochs);
    /* After every step; anything but 0 stops the trial. */
    step_function step;
    /* After every epoch; `scores` are on the pairs that choose, or NULL where the epoch was not evaluated. */
    adaptau_status (*epoch)(void *user_data, const char *phase, const struct training *training, const struct scores *scores,
                            adaptau_error *error);
    void (*end)(void *user_data);
};

/* What the search for the best epoch saw. */
struct search {
    int64_t       n_epochs; /* trained */
    int64_t       best_epoch;
    struct scores best;    /* on the pairs that chose it */
    int64_t       n_pairs; /* that chose it; 0: there were none, and the last epoch was taken */
};

/* The members down to `observer` are the caller's to set, the others zero. */
struct trial {
    const struct trial_options *options;
    struct recipe               recipe;        /* complete */
    bool                        chooses_prior; /* recipe.base.popularity_prior, on pairs held out of train */
    adaptau_context            *context;
    const adaptau_dataset      *train;
    const adaptau_dataset      *test;
    const int64_t              *train_times; /* as adaptau_tune_options has them: τ₀ is found on the latest pairs; or NULL */
    bool                        of_each_user; /* the latest of each user, else of all */
    struct trial_observer       observer;
    const char                 *checkpoint; /* written after every epoch (common/checkpoint.h), or NULL */
    bool                        resumes;    /* from `checkpoint`, which is there */

    /* Results. */
    int32_t             tau0_policy; /* that the recipe had before its temperature was found */
    adaptau_tune_result tuning;
    double              tune_seconds;
    bool                compares; /* matrix factorisation is tried beside the recipe's encoder: tuning tells how it did */
    struct search       search;
    struct snapshot snapshot; /* what `model` works on, or empty */
    adaptau_model  *model;
    struct scores   scores; /* on test */
    int32_t         n_test_users;
    double          loss, tau0;    /* of the model's last epoch */
    int64_t         stopped_epoch; /* where a signal or the observer ended training, counted from 1; 0: nothing did */
    double          train_seconds, eval_seconds;

    /* For the checkpoint. */
    uint64_t fingerprint;
    bool     keeps_best; /* the present phase keeps the best epoch's tables in the snapshot */
};

/* Give recipe members that are ADAPTAU_BY_DATA their values for the data, but for what trials find, check them, and note
 * whether the prior is to be chosen. */
adaptau_status trial_complete_recipe(struct trial *trial, const struct recipe *recipe, adaptau_error *error);

/* First, where the recipe has ADAPTAU_TAU0_HELD_OUT, the temperature is found (adaptau_tune) on pairs held out of train, and
 * recipe.base becomes what was found. The default of the protocols is then
 *
 * valid     Train on all of train for all epochs, and evaluate that model on test, once. At the right temperature cosines of MF do
 *           not overfit, so that there is no epoch to be chosen.
 * paper     as below.
 *
 * With another temperature, with no_refit, and where the prior is to be chosen:
 *
 * valid     Hold a share of every user's train pairs out. Train on the others; the best epoch is the one with the highest
 *           recall on the held-out pairs (then NDCG, then the earlier one). Train again on all of train, by the same
 *           schedule, for so many epochs, and evaluate that model on test, once. With no_refit the model that was chosen
 *           is evaluated.
 * paper     Train on all of train; the best epoch is the one with the highest recall on test.
 *
 * Fills the results. When a signal (common/stop.h) or the observer stops it, stopped_epoch and the model are set and the rest
 * is not. */
adaptau_status trial_run(struct trial *trial, adaptau_error *error);

/* Frees the results. Fine for a trial of zeros, and after a failure. */
void trial_close(struct trial *trial);

/* The position of cutoff 20, or 0: the cutoff that chooses. */
int32_t choosing_cutoff(const struct cutoffs *cutoffs);

#endif
