/* SPDX-License-Identifier: MIT */
/** @file adaptau.h
 *  The whole of libadaptau, in reading order.
 *
 *  Tier 0  base.h         status, error, version
 *          context.h      threads, memory, log
 *  Tier 1  kernels.h      stateless arithmetic on the host's arrays
 *  Tier 2  dataset.h sampler.h temperature.h evaluator.h    one object each, usable alone
 *  Tier 3  model.h        tables, encoder and optimiser
 *          contrast.h     contrastive terms of graph encoders
 *          fold_in.h         users and items who come later
 *          partial.h      tiers 1 to 3 over ranges of users and items
 *  Tier 4  recipe.h       everything that decides how a model is trained, by the data
 *          fit.h          a training by a recipe, around the host's own steps or in one call
 *
 *  A training loop is the host's own, and short:
 *
 *      for (int64_t epoch = 0; epoch < recipe.epochs; epoch++) {
 *          adaptau_training_begin_epoch(training, epoch, &error);
 *          while (adaptau_training_next(training, &batch, &error) == ADAPTAU_OK && batch.n_rows > 0) {
 *              adaptau_model_gradients(model, &batch, temperature, &step, &error);
 *              adaptau_model_apply(model, &error);
 *          }
 *          adaptau_training_end_epoch(training, &error);
 *      }
 *
 *  Conventions that hold everywhere: fallible calls return adaptau_status and take the caller's adaptau_error last (NULL is
 *  fine); a failed call changes nothing that the caller can see, unless its comment says what; option structs begin with
 *  struct_size = sizeof, and a zero member means its default; NULL with length 0 is an empty array. */
#ifndef ADAPTAU_ADAPTAU_H
#define ADAPTAU_ADAPTAU_H

#include <adaptau/base.h>
#include <adaptau/context.h>
#include <adaptau/kernels.h>
#include <adaptau/dataset.h>
#include <adaptau/sampler.h>
#include <adaptau/temperature.h>
#include <adaptau/evaluator.h>
#include <adaptau/model.h>
#include <adaptau/contrast.h>
#include <adaptau/fold_in.h>
#include <adaptau/search.h>
#include <adaptau/partial.h>
#include <adaptau/recipe.h>
#include <adaptau/tune.h>
#include <adaptau/fit.h>

#endif
