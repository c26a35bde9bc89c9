/* SPDX-License-Identifier: MIT */
/* The temperature at which, on average, half of a user's probability lies on the user's positives. */
#ifndef ATAU_EQ11_H
#define ATAU_EQ11_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>

#include <stdbool.h>

/* Which users to average over, and where to look. */
struct atau_eq11 {
    int64_t least_degree; /* users of at least that many pairs, and at least one                              */
    int64_t sample;       /* how many of them, drawn without repetition                                       */
    int64_t update;       /* names the draw                                                                   */
    double  tau_min, tau_max;
};

/* Solve Eq. 11, mean_u S_u(τ) = 1/2 with S_u(τ) = Σ_{i∈P_u} p_ui(τ), within [tau_min, tau_max]. Without a change of sign
 * between the bounds *bracketed is false and *tau untouched. Tables as for atau_moments_measure. */
adaptau_status atau_eq11_solve(adaptau_context *context, const adaptau_tables *tables, const adaptau_dataset *dataset,
                               const struct atau_eq11 *question, double *tau, bool *bracketed, adaptau_error *error);

#endif
