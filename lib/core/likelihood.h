/* SPDX-License-Identifier: MIT */
/* How likely held-out pairs are under the softmax of scores, at many temperatures in one pass. */
#ifndef ATAU_LIKELIHOOD_H
#define ATAU_LIKELIHOOD_H

#include "core/scan.h"

/* out[t] = Σ s_i/τ_t − log Σ_j exp(s_j/τ_t), over all users and each user's held-out items i. An item that a mask of the
 * request holds is neither an i nor a j; *n_interactions is the number of terms. Sums are in the order of the request,
 * whatever the number of threads. */
adaptau_status atau_log_likelihood(const struct atau_score_sides *sides, const struct atau_scan_request *request,
                                   const struct atau_item_lists *held_out, int32_t n_taus, const double *taus, double *out,
                                   int64_t *n_interactions, adaptau_error *error);

#endif
