/* SPDX-License-Identifier: MIT */
/* The model of the best epoch as one file, as adaptau-train saves it: tables, the popularity prior, and how new users are folded in.
 * The first process writes it, and has room for all tables while it does. A file says which job it is of, so that a job that goes on
 * finds out whether its best epoch is there. */
#ifndef ADAPTAU_TRAIN_MPI_SAVE_H
#define ADAPTAU_TRAIN_MPI_SAVE_H

#include "adaptau-train-mpi/checkpoint.h"

/* Before a job begins or goes on: whether a file can be made at `path`, and whether it is of the best epoch so far, where there is
 * one. By the first process. */
adaptau_status save_check(const char *path, adaptau_context *context, const struct standing *standing, adaptau_error *error);

/* The tables as they are, by the temperature of the epoch that has ended. Collective. */
adaptau_status save_best(const char *path, adaptau_context *context, const struct grid *grid, const struct shard *shard,
                         const struct recipe *recipe, const adaptau_temperature *temperature, const struct standing *standing,
                         adaptau_error *error);

#endif
