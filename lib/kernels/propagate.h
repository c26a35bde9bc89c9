/* SPDX-License-Identifier: MIT */
/* Sparse times dense: the interactions carrying embeddings from one side to the other. */
#ifndef ATAU_PROPAGATE_H
#define ATAU_PROPAGATE_H

#include "common/context.h"

/* A sparse matrix in compressed rows, scaled on both sides: entry e at (r, c) is left[r] right[c] values[e]. */
struct atau_sparse {
    int64_t         n_rows;
    const int64_t  *ptr; /* [n_rows + 1] */
    const int32_t  *ids; /* [ptr[n_rows]] */
    const float    *left; /* [n_rows], or NULL: 1 */
    const float    *right; /* [columns], or NULL: 1; where columns have slots, [slots] */
    const uint32_t *kept; /* bit e % 32 of word e / 32: entry e counts; or NULL: all do */
    const float    *values; /* [ptr[n_rows]], or NULL: all 1; with neither kept nor slots */
};

/* out = base_scale base + scale (matrix · x), all of it or some rows. */
struct atau_propagation {
    int64_t        dim;
    const float   *x; /* [columns x dim], or [slots x dim] */
    int64_t        x_stride;
    const int32_t *slots; /* [columns] the row of x that is column c, negative: 0; or NULL: row c */
    const float   *base; /* [n_rows x dim] or NULL: 0; may be out */
    int64_t        base_stride;
    float          base_scale;
    float          scale;
    float         *out; /* [n_rows x dim] */
    int64_t        out_stride;
    int64_t        n_rows; /* how many of `rows` */
    const int32_t *rows; /* the rows that are wanted, each once; or NULL: all */
    int32_t       *scratch; /* with kept or slots: [threads x scratch_stride], a row's ids for each */
    int64_t        scratch_stride;
};

/* Parallel over rows, in parts of as many entries; each row is summed in the order of its ids. */
adaptau_status atau_propagate(adaptau_context *context, const struct atau_sparse *matrix,
                              const struct atau_propagation *propagation, adaptau_error *error);

#endif
