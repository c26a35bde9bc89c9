/* SPDX-License-Identifier: MIT */
/* The table of the demo: the same model with different temperatures, and the most popular items as a baseline. */
#ifndef ADAPTAU_DEMO_CONTEST_H
#define ADAPTAU_DEMO_CONTEST_H

#include <adaptau/adaptau.h>

#include "common/recipe.h"

/* Train and print line by line; *model is the last one trained, Adap-tau. */
adaptau_status run_contest(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test, int64_t epochs,
                           adaptau_model **model, adaptau_error *error);

#endif
