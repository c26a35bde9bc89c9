/* SPDX-License-Identifier: MIT */
/* Checks of what hosts hand in, shared by everything that takes tables or a batch. */
#ifndef ATAU_CHECK_H
#define ATAU_CHECK_H

#include <adaptau/kernels.h>

/* Read and check tables; strides of 0 become dim. */
adaptau_status atau_check_tables(const adaptau_tables *given, adaptau_tables *out, adaptau_error *error);

/* What the weight of an interaction can be, so that its inverse and sums of many are ordinary numbers too. */
#define ATAU_LEAST_WEIGHT 1e-30f
#define ATAU_GREATEST_WEIGHT 1e30f

/* Names the first of weights[n] that is none; NULL is fine. */
adaptau_status atau_check_weights(const char *name, int64_t n, const float *weights, adaptau_error *error);

/* Read and check a batch against tables of n_users x n_items: ids, offsets, constants, weights and log_q. O(its arrays). */
adaptau_status atau_check_batch(const adaptau_batch *given, int32_t n_users, int32_t n_items, adaptau_batch *out,
                                adaptau_error *error);

/* E_NUMERIC unless every entry of rows ids[0 ... n) is finite (NULL: of rows 0 ... n); "side[row] is not finite". Parallel. */
adaptau_status atau_check_listed_rows_finite(adaptau_context *context, const char *side, int64_t n, const int32_t *ids, int32_t dim,
                                             const float *rows, int64_t stride, adaptau_error *error);
adaptau_status atau_check_rows_finite(adaptau_context *context, const char *side, int64_t n, int32_t dim,
                                      const float *rows, int64_t stride, adaptau_error *error);

#endif
