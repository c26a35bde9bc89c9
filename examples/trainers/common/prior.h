/* SPDX-License-Identifier: MIT */
/* The popularity prior of the library (adaptau_popularity_prior), and how strong it should be: where the catalogue weighs items by
 * k^alpha a strength of alpha gives back what the sum takes; on some data a little more of it ranks better. */
#ifndef EXAMPLES_COMMON_PRIOR_H
#define EXAMPLES_COMMON_PRIOR_H

#include "common/scores.h"

/* Make it the model's item bias. Strength 0 removes it. */
adaptau_status prior_set(adaptau_model *model, const adaptau_dataset *dataset, double strength, double tau0,
                         adaptau_error *error);

/* Of a small grid, the strength with which the model ranks the evaluator's pairs best, by recall at a cutoff; 0 unless that
 * gains a thousandth on none. */
adaptau_status prior_choose(adaptau_evaluator *evaluator, adaptau_model *model, const adaptau_dataset *dataset, double tau0,
                            const struct cutoffs *cutoffs, int32_t cutoff, double *strength, adaptau_error *error);

#endif
