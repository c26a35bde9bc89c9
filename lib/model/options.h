/* SPDX-License-Identifier: MIT */
/* The defaults of a model's options, and what is wrong with some. */
#ifndef ATAU_MODEL_OPTIONS_H
#define ATAU_MODEL_OPTIONS_H

#include <adaptau/model.h>

adaptau_model_options atau_model_defaults(void);

/* Check a caller's options. */
adaptau_status atau_model_check_options(const adaptau_model_options *options, adaptau_error *error);

/* A learning rate, or another number that may be as large; `name` is the caller's argument. */
adaptau_status atau_model_check_rate(const char *name, double value, adaptau_error *error);

#endif
