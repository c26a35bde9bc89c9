/* SPDX-License-Identifier: MIT */
/* The popularity prior: what an item's score gains from how many users have it. Cosines know nothing of popularity, which the
 * softmax over the catalogue takes out, the more the more popular items weigh in it; on some data a little more than that ranks
 * better. */
#ifndef EXAMPLES_COMMON_PRIOR_H
#define EXAMPLES_COMMON_PRIOR_H

#include "common/scores.h"

/* The item bias: strength tau0 log(1 + n_i), n_i the users of the dataset who have item i. Strength 0 removes it. */
adaptau_status prior_set(adaptau_model *model, const adaptau_dataset *dataset, double strength, double tau0,
                         adaptau_error *error);

/* Of a small grid from `least` upwards, the strength with which the model ranks the evaluator's pairs best, by recall at a cutoff;
 * `least` unless that gains a thousandth on it. */
adaptau_status prior_choose(adaptau_evaluator *evaluator, adaptau_model *model, const adaptau_dataset *dataset, double least,
                            double tau0, const struct cutoffs *cutoffs, int32_t cutoff, double *strength, adaptau_error *error);

#endif
