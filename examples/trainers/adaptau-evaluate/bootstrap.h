/* SPDX-License-Identifier: MIT */
/* How far a mean over users might be off: users are drawn again, with replacement, many times. */
#ifndef ADAPTAU_EVALUATE_BOOTSTRAP_H
#define ADAPTAU_EVALUATE_BOOTSTRAP_H

#include <stdint.h>

#include <adaptau/base.h>

struct interval {
    double low, high;
};

/* Of each column of `values` [n x width]: the quantiles (1 ∓ confidence)/2 of the means of `n_resamples` draws of n users, between
 * two of them by a straight line, as NumPy has them. The draws depend on n and seed alone: user number ⌊x n/2³²⌋, where x is the
 * upper half of SplitMix64's next number. */
struct bootstrap {
    int32_t n, width, n_resamples;
    int64_t seed;
    double  confidence;
};

/* `intervals` [width]; `p` [width] or NULL: how likely a mean as far from 0 is where the true one is 0, from both sides,
 *
 *      p = (1 + #{b: |mean_b − mean| >= |mean|}) / (1 + n_resamples)
 *
 * which is the test for values that are differences of two systems. E_MEMORY. */
adaptau_status bootstrap(const struct bootstrap *options, const double *values, struct interval *intervals, double *p,
                         adaptau_error *error);

#endif
