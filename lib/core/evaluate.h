/* SPDX-License-Identifier: MIT */
/* What a model asks of an evaluator. */
#ifndef ATAU_EVALUATE_H
#define ATAU_EVALUATE_H

#include <adaptau/evaluator.h>

#include "core/score_sides.h"

/* adaptau_evaluator_run of tables whose sides may be halves. `tables` as atau_check_tables leaves them. */
adaptau_status atau_evaluate(adaptau_evaluator *evaluator, const struct atau_tables *tables, adaptau_error *error);

#endif
