/* SPDX-License-Identifier: MIT */
#include "core/log_tau.h"

#include <math.h>

#define BETA1 0.9
#define BETA2 0.999
#define EPSILON 1e-8

void atau_log_tau_start(struct atau_log_tau *theta, double tau)
{
    *theta = (struct atau_log_tau){.value = log(tau)};
}

double atau_log_tau_step(struct atau_log_tau *theta, double d_inverse_tau, double learning_rate, double tau_min, double tau_max)
{
    const double gradient = -d_inverse_tau * exp(-theta->value); /* ∂(1/τ)/∂θ = −1/τ                           */
    if (theta->steps < INT32_MAX)
        theta->steps++;
    theta->first = BETA1 * theta->first + (1.0 - BETA1) * gradient;
    theta->second = BETA2 * theta->second + (1.0 - BETA2) * gradient * gradient;
    const double mean = theta->first / (1.0 - pow(BETA1, theta->steps));
    const double size = sqrt(theta->second / (1.0 - pow(BETA2, theta->steps)));
    theta->value = fmin(log(tau_max), fmax(log(tau_min), theta->value - learning_rate * mean / (size + EPSILON)));
    return exp(theta->value);
}
