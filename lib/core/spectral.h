/* SPDX-License-Identifier: MIT */
/* Leading singular vectors of the normalised interactions. */
#ifndef ATAU_SPECTRAL_H
#define ATAU_SPECTRAL_H

#include <adaptau/dataset.h>

/* U sqrt(S) into users [n x d] and V sqrt(S) into items [m x d], where U S Vᵀ is the truncated SVD of D_u^{-1/2} R D_i^{-1/2},
 * R the matrix of the dataset's weights (0/1 without), D its row and column sums, by randomised subspace iteration (Halko,
 * Martinsson, Tropp 2011, algorithm 4.4). Columns beyond the rank are 0. Deterministic in the seed, for any number of
 * threads. */
adaptau_status atau_spectral(adaptau_context *context, const adaptau_dataset *dataset, int32_t dim, uint64_t seed,
                             float *users, int64_t user_stride, float *items, int64_t item_stride, adaptau_error *error);

#endif
