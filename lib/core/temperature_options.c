/* SPDX-License-Identifier: MIT */
#include <adaptau/experimental.h>

#include "core/temperature_object.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "common/abi.h"
#include "common/error.h"

#define INIT "adaptau_temperature_options_init"

adaptau_temperature_options atau_temperature_defaults(int32_t tau0_policy, int32_t tau_user_policy)
{
    return (adaptau_temperature_options){
        .struct_size = sizeof(adaptau_temperature_options),
        .tau0_policy = tau0_policy,
        .tau_user_policy = tau_user_policy,
        .warmup_updates = 1,
        .warmup_delta_mu = 0.7,
        .tau_min = 0.03,
        .tau_max = 10.0,
        .divisor = tau_user_policy == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0,
        .exact_sample = 1024,
        .learning_rate = tau_user_policy == ADAPTAU_TAU_USER_LEARNED ? 0.01 : 0.0002,
    };
}

static bool is_tau0_policy(int32_t policy)
{
    return policy >= ADAPTAU_TAU0_FIRST_ORDER && policy <= ADAPTAU_TAU0_LEARNED;
}

static bool is_tau_user_policy(int32_t policy)
{
    return policy >= ADAPTAU_TAU_USER_NONE && policy <= ADAPTAU_TAU_USER_LEARNED;
}

adaptau_status adaptau_temperature_options_init(adaptau_temperature_options *options, int32_t tau0_policy,
                                                int32_t tau_user_policy, adaptau_error *error)
{
    if (!is_tau0_policy(tau0_policy))
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "tau0_policy = %d is unknown to temperatures, which do not search: adaptau_tune does, for recipes", tau0_policy);
    if (!is_tau_user_policy(tau_user_policy))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "tau_user_policy = %d is unknown", tau_user_policy);
    const adaptau_temperature_options defaults = atau_temperature_defaults(tau0_policy, tau_user_policy);
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

/* ---- what is wrong with some --------------------------------------------------------------------------------------- */

/* 0 is a value where `may_be_zero`; anything else must be in [low, high]. */
static adaptau_status check_number(double value, bool may_be_zero, double low, double high, const char *name, adaptau_error *error)
{
    char member[40], wanted[40];
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", name, value);
    if (value == 0.0 && !may_be_zero) {
        snprintf(member, sizeof member, "options->%s", name);
        snprintf(wanted, sizeof wanted, "in %g ... %g", low, high);
        return atau_fail_zero(error, member, wanted, INIT);
    }
    if (value != 0.0 && (value < low || value > high))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside %g ... %g", name, value, low, high);
    return ADAPTAU_OK;
}

static adaptau_status check_numbers(const adaptau_temperature_options *o, adaptau_error *error)
{
    const double below_one = 1.0 - DBL_EPSILON;
    const struct {
        double      value;
        bool        may_be_zero;
        double      low, high;
        const char *name;
    } numbers[] = {
        {o->tau, true, LEAST_TAU, GREATEST_TAU, "tau"},
        {o->warmup_delta_mu, false, LEAST_TAU, GREATEST_TAU, "warmup_delta_mu"},
        {o->tau_min, false, LEAST_TAU, GREATEST_TAU, "tau_min"},
        {o->tau_max, false, LEAST_TAU, GREATEST_TAU, "tau_max"},
        {o->divisor, false, LEAST_TAU, GREATEST_TAU, "divisor"},
        {o->threshold_quantile, true, DBL_MIN, below_one, "threshold_quantile"},
        {o->degree_quantile, true, DBL_MIN, below_one, "degree_quantile"},
        {o->learning_rate, true, LEAST_TAU, 10.0, "learning_rate"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        adaptau_status status = check_number(numbers[i].value, numbers[i].may_be_zero, numbers[i].low, numbers[i].high,
                                             numbers[i].name, error);
        if (status != ADAPTAU_OK)
            return status;
    }
    return ADAPTAU_OK;
}

adaptau_status atau_temperature_check_options(const adaptau_temperature_options *o, adaptau_error *error)
{
    if (!is_tau0_policy(o->tau0_policy))
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "options->tau0_policy = %d is unknown to temperatures, which do not search: adaptau_tune does, for recipes",
                         o->tau0_policy);
    if (!is_tau_user_policy(o->tau_user_policy))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau_user_policy = %d is unknown", o->tau_user_policy);
    if (o->warmup_updates < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->warmup_updates = %d is negative", o->warmup_updates);
    if (o->exact_sample == 0)
        return atau_fail_zero(error, "options->exact_sample", "at least 1", INIT);
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
    return ADAPTAU_OK;
}
