/* SPDX-License-Identifier: MIT */
/* Soft targets, which a step adds to its positives. targets.c says what they are. */
#ifndef ATAU_TARGETS_H
#define ATAU_TARGETS_H

#include <adaptau/model.h>

#include "model/encoders/encoder.h"
#include "model/tables.h"

/* 1/w of a sum of weights, and 0 of a sum of nothing. */
static inline float atau_inverse_weight(double weight)
{
    return weight > 0.0 ? 1.0f / (float)weight : 0.0f;
}

/* Arrays are NULL until the first time, and count while weight > 0. */
struct atau_targets {
    float *users;  /* [n x d] Σ_j (P N)_uj ê_j                                                                */
    float *items;  /* [m x d] Σ_u (W_u e_u/τ⁺_u) (P N)_uj ê_u                                                 */
    float *shares; /* [n] e_u                                                                                 */
    double weight; /* Σ_u W_u, of which a batch has a part; 0: there are no soft targets                      */
};

void atau_targets_free(struct atau_targets *targets, const struct atau_raw_tables *tables);

adaptau_target_options atau_targets_defaults(void);

/* Ranges of a caller's options. */
adaptau_status atau_targets_check_options(const adaptau_target_options *options, adaptau_error *error);

/* Form them anew. A failure may leave none. */
adaptau_status atau_targets_update(struct atau_targets *targets, const struct atau_encoding *encoding,
                                   const adaptau_dataset *dataset, const adaptau_temperature *temperature,
                                   const adaptau_target_options *options, adaptau_error *error);

/* Give a batch the soft targets of its rows, from arrays [n_rows] and [n_rows x d] that are filled for it, and its part of the
 * items'. */
void atau_targets_add(const struct atau_targets *targets, int64_t dim, float *shares, float *rows, adaptau_batch *batch);

/* N ê of every item, out [m x d]: what its users have, averaged over them. rows [m x d] ê. Soft targets of new users are made of
 * these (fold_in.c). */
adaptau_status atau_targets_of_items(adaptau_context *context, const adaptau_dataset *dataset, int64_t dim, const float *rows,
                                     float *out, adaptau_error *error);

#endif
