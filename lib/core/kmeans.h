/* SPDX-License-Identifier: MIT */
/* k-means of rows by Lloyd's method. */
#ifndef ATAU_KMEANS_H
#define ATAU_KMEANS_H

#include "common/random.h"
#include "common/context.h"

#define ATAU_KMEANS_ROUNDS 20

struct atau_kmeans {
    int64_t             n, dim;
    const float        *rows; /* [n x dim], finite */
    int64_t             stride;
    int32_t             k; /* in 1 ... n */
    struct atau_stream *stream; /* draws the k distinct rows that the centroids start at */
};

/* centroids [k x dim], and nearest [n] the centroid of each row, ties to the lower one. Each centroid is the mean of its rows,
 * unless the rounds end before that settles; one that loses all its rows moves to the row that is furthest from its own. */
adaptau_status atau_kmeans_run(adaptau_context *context, const struct atau_kmeans *problem, float *centroids, int32_t *nearest,
                               adaptau_error *error);

#endif
