/* SPDX-License-Identifier: MIT */
/* The most popular first: what a model has to be better than. */
#ifndef EXAMPLES_COMMON_POPULAR_H
#define EXAMPLES_COMMON_POPULAR_H

#include "common/scores.h"

/* Rank all items by how many users of `train` have them, and score the lists. Where as many have two items, the lower id is first. */
adaptau_status score_popular(const adaptau_dataset *train, adaptau_evaluator *evaluator, const struct cutoffs *cutoffs,
                             struct scores *scores, adaptau_error *error);

#endif
