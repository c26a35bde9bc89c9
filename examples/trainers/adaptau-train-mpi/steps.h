/* SPDX-License-Identifier: MIT */
/* An epoch's steps: gradients of a batch with what the other processes have of it, and Adam on this process's rows. */
#ifndef ADAPTAU_TRAIN_MPI_STEPS_H
#define ADAPTAU_TRAIN_MPI_STEPS_H

#include "adaptau-train-mpi/shard.h"

#define ROW_PIECES_MOST 64

struct steps {
    adaptau_context     *context;
    struct grid         *grid;
    struct shard        *shard;
    const struct recipe *recipe;
    adaptau_temperature *temperature;
    int64_t              n_batches;

    /* the epoch */
    int64_t *batch_ptr; /* [n_batches + 1] this process's rows of each batch, in order                         */
    int32_t *users;     /* [own rows]                                                                          */
    double   loss, weight;

    /* a batch */
    adaptau_batch    batch;
    int64_t         *positive_ptr;
    int32_t         *positives;
    float           *row_weights;
    struct reduction sums, rows[ROW_PIECES_MOST], items[ITEM_PIECES];
    int              n_rows, n_items; /* pieces that are on their way                                          */
    double           waited;          /* seconds for others, of all steps                                      */
};

adaptau_status steps_open(struct steps *steps, adaptau_context *context, struct grid *grid, struct shard *shard,
                          const struct recipe *recipe, adaptau_temperature *temperature, adaptau_error *error);
void           steps_close(struct steps *steps);

/* All steps of an epoch. *loss: the mean over the terms of all processes. */
adaptau_status steps_epoch(struct steps *steps, int64_t epoch, double *loss, adaptau_error *error);

#endif
