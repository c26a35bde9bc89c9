/* SPDX-License-Identifier: MIT */
/* Valid options of every kind, chosen by the program: defaults with some numbers changed. */
#ifndef STATEFUL_OPTIONS_H
#define STATEFUL_OPTIONS_H

#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include "program.h"

adaptau_loss                choose_loss(struct program *p, int32_t kind);
adaptau_sampler_options     choose_sampler_options(struct program *p);
adaptau_model_options       choose_model_options(struct program *p);
adaptau_temperature_options choose_temperature_options(struct program *p);
adaptau_target_options      choose_target_options(struct program *p);
adaptau_contrast_options    choose_contrast_options(struct program *p);
adaptau_evaluator_options   choose_evaluator_options(struct program *p);
adaptau_fold_in_options     choose_fold_in_options(struct program *p, const adaptau_model *model, double tau, double threshold);

/* What adaptau_loss_gradients takes. */
bool loss_is_of_family(int32_t kind); /* the softmax's: log q, targets, a second temperature                        */
bool loss_has_tau(int32_t kind);

#endif
