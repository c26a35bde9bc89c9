/* SPDX-License-Identifier: MIT */
/* Quantiles of a number that each user has, without a copy to sort: linear between neighbours, in the arithmetic of
 * numpy.quantile, so that comparisons with an observed value come out alike. 0 <= quantile < 1. */
#ifndef ATAU_QUANTILE_H
#define ATAU_QUANTILE_H

#include <stdint.h>

#include "core/dataset.h"

/* Of the users' numbers of items; there is at least one user. */
double atau_quantile_of_degrees(const adaptau_dataset *dataset, double quantile);

/* Of the losses[n_users] that are not NaN, of which there are n > 0. */
double atau_quantile_of_losses(const float *losses, int32_t n_users, int64_t n, double quantile);

#endif
