/* SPDX-License-Identifier: MIT */
/* All items ranked for many users: what evaluation and top-K have in common. */
#ifndef ATAU_RANKING_H
#define ATAU_RANKING_H

#include "core/scan.h"
#include "kernels/topk.h"

/* One user's items as keys of topk.h, best first, ties by id; n_ranked <= k. Called on a lane, once for each position in
 * request.users. Items whose score is NaN or minus infinity (an overflow of raw rows) are not ranked. */
typedef void (*atau_rank_visitor)(void *argument, int64_t position, const uint64_t *ranked, int32_t n_ranked);

/* The k >= 1 best; the number of items bounds k. Masked items are not ranked. */
adaptau_status atau_rank_each(const struct atau_score_sides *sides, const struct atau_scan_request *request, int32_t k,
                              atau_rank_visitor visit, void *argument, adaptau_error *error);

/* The same into arrays: items [n x k], −1 where a user has fewer; scores [n x k] likewise −inf, or NULL. */
adaptau_status atau_rank_users(const struct atau_score_sides *sides, const struct atau_scan_request *request, int32_t k,
                               int32_t *items, float *scores, adaptau_error *error);

#endif
