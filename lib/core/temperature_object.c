/* SPDX-License-Identifier: MIT */
#include "core/temperature_object.h"

#include <adaptau/experimental.h>

#include <math.h>

#include "common/error.h"
#include "core/dataset.h"
#include "core/temperature_doors.h"

/* ---- what it is ---------------------------------------------------------------------------------------------------- */

bool atau_temperature_is_personal(const adaptau_temperature *temperature)
{
    return temperature->options.tau_user_policy != ADAPTAU_TAU_USER_NONE &&
           temperature->options.tau_user_policy != ADAPTAU_TAU_USER_LEARNED;
}

bool atau_temperature_learns_users(const adaptau_temperature *temperature)
{
    return temperature->options.tau_user_policy == ADAPTAU_TAU_USER_LEARNED;
}

bool atau_temperature_is_learned(const adaptau_temperature *temperature)
{
    return temperature->options.tau0_policy == ADAPTAU_TAU0_LEARNED || atau_temperature_learns_users(temperature);
}

bool atau_temperature_is_split(const adaptau_temperature *temperature)
{
    return temperature->options.tau_user_policy == ADAPTAU_TAU_USER_RELEASED;
}

adaptau_status atau_temperature_check_fit(const adaptau_temperature *temperature, int32_t n_users, int32_t n_items,
                                          adaptau_error *error)
{
    const adaptau_dataset *d = temperature->dataset;
    if (d->n_users == n_users && d->n_items == n_items)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_SHAPE, "temperature is of %d users x %d items, but the model of %d x %d", d->n_users,
                     d->n_items, n_users, n_items);
}

adaptau_status atau_temperature_enter(adaptau_temperature *temperature, adaptau_error *error)
{
    return atau_enter(&temperature->busy, "temperature", error);
}

adaptau_status atau_temperature_enter_shared(const adaptau_temperature *temperature, adaptau_error *error)
{
    return atau_enter_shared(&temperature->busy, "temperature", error);
}

void atau_temperature_leave_shared(const adaptau_temperature *temperature)
{
    atau_busy_leave_shared(&temperature->busy);
}

struct atau_temperature_memory atau_temperature_memory(const adaptau_temperature *temperature)
{
    adaptau_temperature *t = (adaptau_temperature *)temperature;
    return (struct atau_temperature_memory){.options = &t->options,
                                            .n = t->dataset->n_users,
                                            .state = &t->state,
                                            .unit_losses = t->unit_losses,
                                            .taus = t->taus,
                                            .learned_tau0 = &t->learned_tau0,
                                            .learned = atau_temperature_learns_users(t) ? t->learned : NULL};
}

/* ---- what its files do with it ------------------------------------------------------------------------------------- */

adaptau_status atau_temperature_check_users(const adaptau_temperature *t, int32_t n, const int32_t *users, adaptau_error *error)
{
    const int32_t n_users = t->dataset->n_users;
    if (n < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n = %d is negative", n);
    if (!users && n > n_users)
        return atau_fail(error, ADAPTAU_E_INDEX, "n = %d without users, but n_users = %d", n, n_users);
    for (int32_t r = 0; users && r < n; r++)
        if (users[r] < 0 || users[r] >= n_users)
            return atau_fail(error, ADAPTAU_E_INDEX, "users[%d] = %d, but n_users = %d", r, users[r], n_users);
    return ADAPTAU_OK;
}

double atau_temperature_bound(const adaptau_temperature *t, double tau0, uint32_t *flags)
{
    double bounded = fmin(t->options.tau_max, fmax(t->options.tau_min, tau0));
    if (bounded != tau0)
        *flags |= ADAPTAU_TEMPERATURE_BOUNDED;
    return bounded;
}

double atau_temperature_tau0(const adaptau_temperature *t, double delta_mu)
{
    return t->state.log_ratio > 0.0 ? delta_mu / t->state.log_ratio : INFINITY;
}

void atau_temperature_set_all(adaptau_temperature *t)
{
    for (int32_t u = 0; u < t->dataset->n_users; u++)
        t->taus[u] = (float)t->state.tau0;
    t->state.tau_user_min = t->state.tau_user_max = t->state.tau0;
}
