/* SPDX-License-Identifier: MIT */
/* Sparse times dense: the interactions carrying embeddings from one side to the other. */
#ifndef ATAU_PROPAGATE_H
#define ATAU_PROPAGATE_H

#include "common/context.h"

/* A 0/1 matrix in compressed rows, scaled on both sides: entry (r, c) is left[r] right[c]. */
struct atau_sparse {
    int64_t        n_rows;
    const int64_t *ptr;   /* [n_rows + 1]                                                                     */
    const int32_t *ids;   /* [ptr[n_rows]]                                                                    */
    const float   *left;  /* [n_rows], or NULL: 1                                                             */
    const float   *right; /* [columns], or NULL: 1                                                            */
};

/* out [n_rows x dim] = matrix · x [columns x dim]. Parallel over rows; each row is summed in the order of its ids. */
adaptau_status atau_propagate(adaptau_context *context, const struct atau_sparse *matrix, int64_t dim, const float *x,
                              int64_t x_stride, float *out, int64_t out_stride, adaptau_error *error);

#endif
