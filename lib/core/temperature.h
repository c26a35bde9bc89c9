/* SPDX-License-Identifier: MIT */
/* What the model asks a temperature, beyond the public interface. Constant during the object's life: no lock is needed. */
#ifndef ATAU_TEMPERATURE_H
#define ATAU_TEMPERATURE_H

#include <adaptau/temperature.h>

#include <stdbool.h>

/* Whether users have temperatures of their own, so that their unit-temperature losses are worth computing. */
bool atau_temperature_is_personal(const adaptau_temperature *temperature);

/* Whether it follows ∂loss/∂(1/τ) of each batch. */
bool atau_temperature_is_learned(const adaptau_temperature *temperature);

/* Whether positives have another temperature than candidates, so that adaptau_row_temperatures needs both arrays. */
bool atau_temperature_is_split(const adaptau_temperature *temperature);

/* E_SHAPE unless the temperature's dataset is of that size. */
adaptau_status atau_temperature_check_fit(const adaptau_temperature *temperature, int32_t n_users, int32_t n_items,
                                          adaptau_error *error);

#endif
