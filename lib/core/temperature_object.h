/* SPDX-License-Identifier: MIT */
/* The object itself, for the files temperature*.c alone; what others ask of it is in temperature_doors.h. */
#ifndef ATAU_TEMPERATURE_OBJECT_H
#define ATAU_TEMPERATURE_OBJECT_H

#include <adaptau/temperature.h>

#include <stdbool.h>
#include <stdint.h>

#include "common/arena.h"
#include "common/context.h"
#include "core/log_tau.h"

/* What a float32 temperature can be so that 1/τ and τ₀/e are ordinary numbers too. */
#define LEAST_TAU 1e-30
#define GREATEST_TAU 1e30

struct adaptau_temperature {
    adaptau_context            *context;
    const adaptau_dataset      *dataset;
    atau_busy                   busy;
    struct atau_arena           arena;        /* holds the arrays                                             */
    adaptau_temperature_options options;      /* defaults filled in                                           */
    int64_t                     least_degree; /* of a counted user                                            */
    adaptau_temperature_state   state;
    float                      *unit_losses; /* [n] L_u, NaN while not observed                               */
    double                     *n_losses;    /* [n] weight of those that it is the mean of; 0 after an update */
    float                      *taus;        /* [n] τ_u                                                       */
    struct atau_log_tau         learned_tau0; /* C-τ                                                          */
    struct atau_log_tau        *learned;      /* [n] Cu-τ only                                                */
};

/* Ranges and combinations; fills in defaults. */
adaptau_temperature_options atau_temperature_defaults(int32_t tau0_policy, int32_t tau_user_policy);
adaptau_status atau_temperature_check_options(const adaptau_temperature_options *options, adaptau_error *error);

/* Whether each user's temperature is learned: Cu-τ. */
bool atau_temperature_learns_users(const adaptau_temperature *temperature);

/* What a batch must be so that a learned temperature can follow it; and a step by one that is, which cannot fail. */
adaptau_status atau_temperature_check_slopes(int32_t n, const float *d_inverse_tau, const float *terms, adaptau_error *error);
void           atau_temperature_follow(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                       const float *d_inverse_tau, const float *terms);

/* E_STATE while another thread has the temperature; atau_busy_leave gives it back. */
adaptau_status atau_temperature_enter(adaptau_temperature *temperature, adaptau_error *error);

/* users[n], or NULL for the first n: E_INDEX for a user that does not exist. */
adaptau_status atau_temperature_check_users(const adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                            adaptau_error *error);

/* τ₀ of a difference of means by Eq. 14. L <= 0 means that the positives outweigh the rest at any temperature: the formula's
 * limit is infinity. */
double atau_temperature_tau0(const adaptau_temperature *temperature, double delta_mu);

/* Into the bounds, with the flag. */
double atau_temperature_bound(const adaptau_temperature *temperature, double tau0, uint32_t *flags);

/* All users have the state's τ₀. */
void atau_temperature_set_all(adaptau_temperature *temperature);

/* An epoch's losses begin: the next one of a user takes the place of the mean so far. */
void atau_temperature_begin_losses(adaptau_temperature *temperature);

#endif
