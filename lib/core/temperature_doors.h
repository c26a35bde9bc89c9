/* SPDX-License-Identifier: MIT */
/* What the model asks a temperature, beyond the public interface. What has no lock in its comment never changes during the
 * object's life. */
#ifndef ATAU_TEMPERATURE_DOORS_H
#define ATAU_TEMPERATURE_DOORS_H

#include <adaptau/temperature.h>

#include <stdbool.h>

#include "core/log_tau.h"

/* Whether users have temperatures of their own, so that their unit-temperature losses are worth computing. */
bool atau_temperature_is_personal(const adaptau_temperature *temperature);

/* Whether it follows ∂loss/∂(1/τ) of each batch. */
bool atau_temperature_is_learned(const adaptau_temperature *temperature);

/* Whether positives have another temperature than candidates, so that adaptau_row_temperatures needs both arrays. */
bool atau_temperature_is_split(const adaptau_temperature *temperature);

/* E_SHAPE unless the temperature's dataset is of that size. */
adaptau_status atau_temperature_check_fit(const adaptau_temperature *temperature, int32_t n_users, int32_t n_items,
                                          adaptau_error *error);

/* The state that a temperature goes on from, in place. Read it between atau_temperature_enter_shared and _leave_shared;
 * write it only in a new temperature that no one else has yet. */
struct atau_temperature_memory {
    const adaptau_temperature_options *options; /* defaults filled in                                           */
    int32_t                            n;
    adaptau_temperature_state         *state;
    float                             *unit_losses; /* [n] NaN while not observed                               */
    float                             *taus;        /* [n]                                                      */
    struct atau_log_tau               *learned_tau0;
    struct atau_log_tau               *learned; /* [n], or NULL                                                 */
};

struct atau_temperature_memory atau_temperature_memory(const adaptau_temperature *temperature);

/* What a step has measured, for each row of its batch. */
struct atau_temperature_report {
    int32_t        n;
    const int32_t *users;         /* [n], or NULL: the first n                                                */
    const float   *unit_losses;   /* [n] losses at temperature 1, or NULL: they were not asked for            */
    const float   *d_inverse_tau; /* [n] ∂loss/∂(1/τ), or NULL: they were not asked for                       */
    const float   *positives;     /* [n] their weights together, or NULL: 1; a row without positives has no loss */
    const float   *terms;         /* [n] a row's weight times its positives                                   */
    bool           of_range; /* the dataset does not know all interactions of its users: one without any in it counts, too */
};

/* A step asks before it computes (adaptau_temperature_rows) and tells afterwards. Either takes the lock once. A failure
 * changes nothing. */
adaptau_status atau_temperature_tell(adaptau_temperature *temperature, const struct atau_temperature_report *report,
                                     adaptau_error *error);

/* For calls that read: E_STATE while another thread changes the temperature. */
adaptau_status atau_temperature_enter_shared(const adaptau_temperature *temperature, adaptau_error *error);
void           atau_temperature_leave_shared(const adaptau_temperature *temperature);

#endif
