/* SPDX-License-Identifier: MIT */
#include <adaptau/experimental.h>

#include "core/temperature_object.h"

#include <float.h>
#include <math.h>
#include <stddef.h>

#include "common/error.h"

/* A number of the options: 0 stands for `standard`, anything else must be in [low, high]. */
static adaptau_status check_number(double *value, double standard, double low, double high, const char *name,
                                   adaptau_error *error)
{
    if (!isfinite(*value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", name, *value);
    if (*value == 0.0)
        *value = standard;
    else if (*value < low || *value > high)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside %g ... %g", name, *value, low, high);
    return ADAPTAU_OK;
}

static adaptau_status check_numbers(adaptau_temperature_options *o, adaptau_error *error)
{
    const double below_one = 1.0 - DBL_EPSILON;
    const struct {
        double     *value;
        double      standard, low, high;
        const char *name;
    } numbers[] = {
        {&o->tau, 0.0, LEAST_TAU, GREATEST_TAU, "tau"},
        {&o->warmup_delta_mu, 0.7, LEAST_TAU, GREATEST_TAU, "warmup_delta_mu"},
        {&o->tau_min, 0.03, LEAST_TAU, GREATEST_TAU, "tau_min"},
        {&o->tau_max, 10.0, LEAST_TAU, GREATEST_TAU, "tau_max"},
        {&o->divisor, o->tau_user_policy == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0, LEAST_TAU, GREATEST_TAU, "divisor"},
        {&o->threshold_quantile, 0.0, DBL_MIN, below_one, "threshold_quantile"},
        {&o->degree_quantile, 0.0, DBL_MIN, below_one, "degree_quantile"},
        {&o->learning_rate, o->tau_user_policy == ADAPTAU_TAU_USER_LEARNED ? 0.01 : 0.0002, LEAST_TAU, 10.0, "learning_rate"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        adaptau_status status = check_number(numbers[i].value, numbers[i].standard, numbers[i].low, numbers[i].high,
                                             numbers[i].name, error);
        if (status != ADAPTAU_OK)
            return status;
    }
    return ADAPTAU_OK;
}

adaptau_status atau_temperature_check_options(adaptau_temperature_options *o, adaptau_error *error)
{
    if (o->tau0_policy < ADAPTAU_TAU0_FIRST_ORDER || o->tau0_policy > ADAPTAU_TAU0_LEARNED)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau0_policy = %d is unknown", o->tau0_policy);
    if (o->tau_user_policy < ADAPTAU_TAU_USER_NONE || o->tau_user_policy > ADAPTAU_TAU_USER_LEARNED)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau_user_policy = %d is unknown", o->tau_user_policy);
    if (o->exact_sample < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->exact_sample = %d is negative", o->exact_sample);
    if (o->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->reserved = %d, not 0", o->reserved);
    adaptau_status status = check_numbers(o, error);
    if (status != ADAPTAU_OK)
        return status;
    if (o->tau0_policy == ADAPTAU_TAU0_FIXED && o->tau == 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau = 0, but options->tau0_policy is ADAPTAU_TAU0_FIXED");
    if (o->tau0_policy == ADAPTAU_TAU0_LEARNED && o->tau_user_policy != ADAPTAU_TAU_USER_NONE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau_user_policy = %d, but tau0_policy is ADAPTAU_TAU0_LEARNED",
                         o->tau_user_policy);
    if (o->tau != 0.0 && o->tau0_policy != ADAPTAU_TAU0_FIXED && o->tau0_policy != ADAPTAU_TAU0_LEARNED)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau = %g, but options->tau0_policy = %d has none", o->tau,
                         o->tau0_policy);
    if (o->tau_min > o->tau_max)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau_min = %g is above options->tau_max = %g", o->tau_min,
                         o->tau_max);
    if (!o->exact_sample)
        o->exact_sample = 1024;
    if (!o->warmup_updates)
        o->warmup_updates = 1;
    return ADAPTAU_OK;
}
