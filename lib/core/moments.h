/* SPDX-License-Identifier: MIT */
/* Mean and variance of the scores, over all pairs of a user and an item and over the pairs of a dataset. */
#ifndef ATAU_MOMENTS_H
#define ATAU_MOMENTS_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>
#include <adaptau/shards.h>

struct atau_moments {
    double mean_all;          /* μ                                                                            */
    double variance_all;      /* σ²                                                                           */
    double mean_positive;     /* μ₊                                                                           */
    double variance_positive; /* σ₊²                                                                          */
};

/* Over users of at least `least_degree` pairs, of which there must be one with a pair, and all items. The tables are checked
 * (atau_check_tables, atau_check_rows_finite) and of the dataset's size. */
adaptau_status atau_moments_measure(adaptau_context *context, const adaptau_tables *tables, const adaptau_dataset *dataset,
                                    int64_t least_degree, struct atau_moments *out, adaptau_error *error);

/* The same by sums that add up; there are pairs, users and items. */
void atau_moments_from(const adaptau_score_moments *from, struct atau_moments *out);

/* Read tables, of the dataset's size and finite. */
adaptau_status atau_check_fit(adaptau_context *context, const adaptau_tables *given, const adaptau_dataset *dataset,
                              adaptau_tables *out, adaptau_error *error);

#endif
