/* SPDX-License-Identifier: MIT */
/* The question that ranking.h asks, read, checked and answered, of whatever tables. */
#ifndef ATAU_QUERY_H
#define ATAU_QUERY_H

#include <adaptau/ranking.h>

#include <stdbool.h>

#include "core/score_sides.h"

/* Of tables of these sizes: E_ARGUMENT, E_ABI, E_INDEX, E_SHAPE. Also checks that the arrays for the answers are there. */
adaptau_status atau_read_query(const adaptau_query *given, int32_t n_users, int32_t n_items, int32_t dim, const int32_t *found,
                               adaptau_query *out, adaptau_error *error);

/* The lists of a query that has been read. `tables` as atau_check_tables leaves them; `check`: their rows, in float32, may not
 * be finite. */
adaptau_status atau_answer(adaptau_context *context, const struct atau_tables *tables, const adaptau_query *query, bool check,
                           int32_t *found, float *scores, adaptau_error *error);

#endif
