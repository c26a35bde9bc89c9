/* SPDX-License-Identifier: MIT */
/* What is wrong with the options of a model. */
#ifndef ATAU_MODEL_OPTIONS_H
#define ATAU_MODEL_OPTIONS_H

#include <adaptau/model.h>

/* Check a caller's options; fill in dim. */
adaptau_status atau_model_check_options(adaptau_model_options *options, adaptau_error *error);

/* A learning rate, or another number that may be as large; `name` is the caller's argument. */
adaptau_status atau_model_check_rate(const char *name, double value, adaptau_error *error);

#endif
