/* SPDX-License-Identifier: MIT */
/* One temperature that follows its gradient: Adam on θ = log τ. */
#ifndef ATAU_LOG_TAU_H
#define ATAU_LOG_TAU_H

#include <stdint.h>

/* θ = log τ and what Adam remembers of it. */
struct atau_log_tau {
    double  value, first, second;
    int32_t steps;
};

/* Start at τ. */
void atau_log_tau_start(struct atau_log_tau *theta, double tau);

/* An Adam step with ∂loss/∂(1/τ) of the mean loss, into [tau_min, tau_max]; returns the new τ. */
double atau_log_tau_step(struct atau_log_tau *theta, double d_inverse_tau, double learning_rate, double tau_min, double tau_max);

#endif
