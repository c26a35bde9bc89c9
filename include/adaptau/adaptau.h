/* SPDX-License-Identifier: MIT */
/** @file adaptau.h
 *  The whole of libadaptau, in reading order.
 *
 *  Tier 0  base.h         status, error, version
 *          context.h      threads, memory, log
 *  Tier 1  kernels.h      stateless arithmetic on the host's arrays
 *          adam.h         Adam on rows of any table
 *  Tier 2  dataset.h sampler.h temperature.h evaluator.h search.h    one object each, usable alone
 *          ranking.h      the best items for users, the most similar items for items
 *  Tier 3  model.h        tables, encoder, optimiser and files
 *          fold_in.h      users who come later
 *          shards.h       tiers 1 to 3 over shards of users and items
 *  Tier 4  recipe.h       everything that decides how a model is trained, and the values that suit the data
 *          tune.h         the temperature, found by short trainings
 *          fit.h          a training by a recipe, around the host's own steps or in one call
 *
 *  experimental.h has baselines of papers. It is not included here, and is no part of the promise of docs/abi.md.
 *
 *  Comments show pieces of example programs, by names such as 02-training-loop.c. These programs are installed in
 *  share/doc/libadaptau/examples (Debian: in /usr/share/doc/libadaptau-doc/examples, by the package libadaptau-doc), and lie in the
 *  folder examples of the source.
 *
 *  The loop of a training belongs to the host, and is short (each of these calls can fail; 02-training-loop.c has it with its checks):
 *
 *      for (int64_t epoch = 0; epoch < recipe.epochs; epoch++) {
 *          adaptau_batch batch = {.struct_size = sizeof batch};
 *          adaptau_training_begin_epoch(training, epoch, &error);
 *          while (adaptau_training_next(training, &batch, &error) == ADAPTAU_OK && batch.n_rows > 0) {
 *              adaptau_model_gradients(adaptau_training_model(training), &batch, adaptau_training_temperature(training), NULL, &error);
 *              adaptau_model_apply(adaptau_training_model(training), &error);
 *          }
 *          adaptau_training_end_epoch(training, &error);
 *      }
 *
 *  Conventions that hold everywhere: a call that can fail returns adaptau_status and takes the caller's adaptau_error last (NULL is
 *  fine). A failed call changes nothing that the caller can see, unless its comment says what it changes. NULL with length 0 is an empty
 *  array. A NaN or an infinity is E_NUMERIC; a finite number outside its range is E_ARGUMENT.
 *
 *  Structs begin with struct_size, which the caller sets. One that has defaults other than 0 has an _init call, which writes them
 *  into all members; the host then changes what it wants:
 *
 *      adaptau_model_options options = {.struct_size = sizeof options};
 *      adaptau_model_options_init(&options, &error);
 *      options.dim = 32;
 *      options.beta1_users = 0;
 *
 *  From there on 0 means 0: no momentum, no weight, none. Where 0 is not allowed, the call that takes the
 *  struct answers E_ARGUMENT and names the member, so that a struct of zeros isn't mistaken for the defaults. A member's comment
 *  gives its meaning and, behind a semicolon, its default. NULL instead of a struct means all defaults where the call's comment
 *  says so. Members that a struct of an older header doesn't have take their defaults. Of structs without an _init
 *  call set struct_size and the required members, and leave the rest 0. */
#ifndef ADAPTAU_ADAPTAU_H
#define ADAPTAU_ADAPTAU_H

#include <adaptau/base.h>
#include <adaptau/context.h>
#include <adaptau/kernels.h>
#include <adaptau/adam.h>
#include <adaptau/dataset.h>
#include <adaptau/sampler.h>
#include <adaptau/temperature.h>
#include <adaptau/evaluator.h>
#include <adaptau/search.h>
#include <adaptau/ranking.h>
#include <adaptau/model.h>
#include <adaptau/files.h>
#include <adaptau/fold_in.h>
#include <adaptau/shards.h>
#include <adaptau/recipe.h>
#include <adaptau/tune.h>
#include <adaptau/fit.h>

#endif
