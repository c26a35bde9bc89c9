/* SPDX-License-Identifier: MIT */
/* All metrics at all cutoffs of an evaluator's last run. */
#ifndef EXAMPLES_COMMON_SCORES_H
#define EXAMPLES_COMMON_SCORES_H

#include <adaptau/evaluator.h>
#include <adaptau/model.h>

#include "common/options.h"

struct scores {
    double value[ADAPTAU_N_METRICS][CUTOFFS_MAX];
};

/* "recall", "ndcg", "precision", "hit_rate", "mrr", "map". */
extern const char *const metric_names[ADAPTAU_N_METRICS];

/* Rank held-out pairs, those of the masks left out. */
adaptau_status make_evaluator(adaptau_context *context, const adaptau_dataset *held_out, const adaptau_dataset *mask,
                              const struct cutoffs *cutoffs, adaptau_evaluator **out, adaptau_error *error);

/* Run the evaluator on tables and read everything. */
adaptau_status score_tables(adaptau_evaluator *evaluator, const adaptau_tables *tables, const struct cutoffs *cutoffs,
                            struct scores *scores, adaptau_error *error);

adaptau_status score_model(adaptau_evaluator *evaluator, const adaptau_model *model, const struct cutoffs *cutoffs,
                           struct scores *scores, adaptau_error *error);

#endif
