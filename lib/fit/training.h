/* SPDX-License-Identifier: MIT */
#ifndef ATAU_FIT_TRAINING_H
#define ATAU_FIT_TRAINING_H

#include <adaptau/fit.h>

/* adaptau_training_create with a model that is trained in place on the caller's arrays, [n x d] and [m x d], from what they
 * hold; both NULL: a model of its own, begun as the recipe says. */
adaptau_status atau_training_create_on(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                                       float *users, float *items, adaptau_training **out, adaptau_error *error);

#endif
