/* SPDX-License-Identifier: MIT */
/* Checkpoints of a job. Every process writes what it has to PATH.eEPOCH.rRANK, each row of the model once; when all are on disk
 * the first process renames the manifest to PATH, and older files go. A job that dies in between leaves the manifest of the
 * epoch before and all its files. Files name their rows by the ids of the whole, so that any grid reads them. */
#ifndef ADAPTAU_TRAIN_MPI_CHECKPOINT_H
#define ADAPTAU_TRAIN_MPI_CHECKPOINT_H

#include "adaptau-train-mpi/shard.h"
#include "adaptau-train-mpi/tune.h"
#include "common/scores.h"

/* Where the job stands, beside the tables. */
struct standing {
    uint64_t                  fingerprint; /* of recipe, cutoffs and data                                     */
    int64_t                   epoch;       /* finished                                                        */
    int64_t                   best_epoch;
    double                    loss, tau0, best_loss, best_tau0, seconds;
    struct scores             best;
    adaptau_temperature_state temperature;
    struct tuned              tuned; /* of the recipe: what the search found that the job began with          */
};

adaptau_status checkpoint_write(const char *path, const struct grid *grid, const struct shard *shard,
                                const adaptau_temperature *temperature, const struct standing *standing, adaptau_error *error);

/* *found: false where there is no manifest yet. */
adaptau_status checkpoint_read(const char *path, const struct grid *grid, struct shard *shard,
                               adaptau_temperature *temperature, struct standing *standing, bool *found, adaptau_error *error);

/* The manifest alone: where the job stood. */
adaptau_status checkpoint_read_standing(const char *path, const struct grid *grid, struct standing *standing, bool *found,
                                        adaptau_error *error);

#endif
