/* SPDX-License-Identifier: MIT */
/* What a result is to be judged beside: the most popular first, and users of whom nothing was known; and why there may be none. */
#ifndef ADAPTAU_TRAIN_BESIDE_H
#define ADAPTAU_TRAIN_BESIDE_H

#include "adaptau-train/settings.h"
#include "common/problem.h"
#include "common/trial.h"

#define WHY_SIZE 240

/* All zero is none. */
struct beside {
    char          why_untested[WHY_SIZE]; /* a sentence without a full stop, where there are no test pairs; else "" */
    bool          measured;
    struct scores popular;                /* of the same test, by the most popular first */
    int32_t       n_warm;                 /* test users with interactions in train; counted where some have none, else 0 */
    struct scores warm;                   /* the model's, of these users */
};

/* Before the training. */
void beside_explain(struct beside *beside, const struct problem *problem, const struct settings *settings);

/* After it, by the trial's model. Nothing is measured without test users, or without the memory for it, which must not cost a model. */
void beside_measure(struct beside *beside, const struct trial *trial, const struct account *account);

#endif
