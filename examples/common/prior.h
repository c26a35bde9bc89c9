/* SPDX-License-Identifier: MIT */
/* The popularity prior: what an item's score gains from how many users have it. Cosines know nothing of popularity, which the
 * softmax over the catalogue takes out, by k^alpha where items weigh by popularity, which a strength of alpha gives back; on some
 * data a little more of it ranks better. */
#ifndef EXAMPLES_COMMON_PRIOR_H
#define EXAMPLES_COMMON_PRIOR_H

#include "common/scores.h"

/* The item bias: strength tau0 log(1 + n_i), n_i the users of the dataset who have item i. Strength 0 removes it. */
adaptau_status prior_set(adaptau_model *model, const adaptau_dataset *dataset, double strength, double tau0,
                         adaptau_error *error);

/* Of a small grid, the strength with which the model ranks the evaluator's pairs best, by recall at a cutoff; 0 unless that
 * gains a thousandth on none. */
adaptau_status prior_choose(adaptau_evaluator *evaluator, adaptau_model *model, const adaptau_dataset *dataset, double tau0,
                            const struct cutoffs *cutoffs, int32_t cutoff, double *strength, adaptau_error *error);

#endif
