/* SPDX-License-Identifier: MIT */
/* Temperatures that follow their gradient: C-τ and Cu-τ of the paper. */
#include <adaptau/experimental.h>

#include "core/temperature_object.h"

#include <math.h>

#include "common/error.h"
#include "core/dataset.h"
#include "core/log_tau.h"
#include "core/temperature_doors.h"

static void learn_tau0(adaptau_temperature *t, int32_t n, const float *d_inverse_tau, const float *terms)
{
    const adaptau_temperature_options *o = &t->options;
    double                             sum = 0.0, count = 0.0;
    for (int32_t r = 0; r < n; r++) {
        double here = terms ? (double)terms[r] : 1.0;
        sum += here > 0.0 ? (double)d_inverse_tau[r] : 0.0;
        count += here;
    }
    if (count == 0.0)
        return;
    t->state.tau0 = atau_log_tau_step(&t->learned_tau0, sum / count, o->learning_rate, o->tau_min, o->tau_max);
    atau_temperature_set_all(t);
}

static void learn_users(adaptau_temperature *t, int32_t n, const int32_t *users, const float *d_inverse_tau, const float *terms)
{
    const adaptau_temperature_options *o = &t->options;
    for (int32_t r = 0; r < n; r++) {
        const int32_t user = users ? users[r] : r;
        const double  count = terms ? (double)terms[r] : 1.0;
        if (count > 0.0)
            t->taus[user] = (float)atau_log_tau_step(&t->learned[user], (double)d_inverse_tau[r] / count, o->learning_rate,
                                                     o->tau_min, o->tau_max);
    }
    /* Widened at the end: gcc 12.2 for arm64 crashes on a maximum of widened floats. */
    float least = INFINITY, greatest = 0.0f;
    for (int32_t u = 0; u < t->dataset->n_users; u++) {
        least = fminf(least, t->taus[u]);
        greatest = fmaxf(greatest, t->taus[u]);
    }
    t->state.tau_user_min = (double)least;
    t->state.tau_user_max = (double)greatest;
}

adaptau_status atau_temperature_check_slopes(int32_t n, const float *d_inverse_tau, const float *terms, adaptau_error *error)
{
    for (int32_t r = 0; r < n; r++) {
        if (!isfinite(d_inverse_tau[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "d_inverse_tau[%d] = %g is not finite", r, (double)d_inverse_tau[r]);
        if (terms && !isfinite(terms[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "terms[%d] = %g is not finite", r, (double)terms[r]);
        if (terms && terms[r] < 0.0f)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "terms[%d] = %g is negative", r, (double)terms[r]);
    }
    return ADAPTAU_OK;
}

void atau_temperature_follow(adaptau_temperature *t, int32_t n, const int32_t *users, const float *d_inverse_tau,
                             const float *terms)
{
    if (atau_temperature_learns_users(t))
        learn_users(t, n, users, d_inverse_tau, terms);
    else
        learn_tau0(t, n, d_inverse_tau, terms);
}

adaptau_status adaptau_temperature_learn(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                         const float *d_inverse_tau, const float *terms, adaptau_error *error)
{
    ATAU_REQUIRE(temperature, error);
    if (n > 0)
        ATAU_REQUIRE(d_inverse_tau, error);
    if (!atau_temperature_is_learned(temperature))
        return atau_fail(error, ADAPTAU_E_STATE, "the temperature is not learned: tau0_policy = %d, tau_user_policy = %d",
                         temperature->options.tau0_policy, temperature->options.tau_user_policy);
    adaptau_status status = atau_temperature_enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_temperature_check_users(temperature, n, users, error);
    if (status == ADAPTAU_OK)
        status = atau_temperature_check_slopes(n, d_inverse_tau, terms, error);
    if (status == ADAPTAU_OK)
        atau_temperature_follow(temperature, n, users, d_inverse_tau, terms);
    atau_busy_leave(&temperature->busy);
    return status;
}
