/* SPDX-License-Identifier: MIT */
/* Contrastive terms of published baselines: what a host adds to the steps of the library's training. */
#ifndef EXAMPLES_COMMON_CONTRAST_H
#define EXAMPLES_COMMON_CONTRAST_H

#include <adaptau/experimental.h>

#include "common/recipe.h"

/* Give members of the contrast that are ADAPTAU_BY_DATA their values. What belongs to another kind of contrast is 0. */
void contrast_fill(struct recipe *recipe, int32_t n_users, int32_t n_items);

/* Before an epoch's steps: new prototypes, where there are any. */
adaptau_status contrast_begin_epoch(const struct recipe *recipe, adaptau_model *model, adaptau_error *error);

/* Between adaptau_model_gradients and adaptau_model_apply: add the term's gradients, and its value to *loss. */
adaptau_status contrast_add(const struct recipe *recipe, adaptau_model *model, const adaptau_batch *batch, double *loss,
                            adaptau_error *error);

#endif
