/* SPDX-License-Identifier: MIT */
/* What the rows of a checked batch amount to. */
#ifndef ATAU_BATCH_H
#define ATAU_BATCH_H

#include <adaptau/kernels.h>

/* Σ_i a_ri: a row's positives by their weights, without weights how many they are. Of ranges of items, those of this one. */
static inline double atau_batch_row_positives(const adaptau_batch *batch, int64_t row)
{
    const int64_t first = batch->positive_ptr[row], end = batch->positive_ptr[row + 1];
    double        weight = 0.0;
    if (!batch->positive_weights)
        return (double)(end - first);
    for (int64_t p = first; p < end; p++)
        weight += (double)batch->positive_weights[p];
    return weight;
}

/* w_r Σ_i a_ri: the weight of a row's terms together. */
static inline double atau_batch_row_weight(const adaptau_batch *batch, int64_t row)
{
    return (batch->row_weights ? (double)batch->row_weights[row] : 1.0) * atau_batch_row_positives(batch, row);
}

#endif
