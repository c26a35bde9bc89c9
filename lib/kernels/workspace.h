/* SPDX-License-Identifier: MIT */
/* The memory of a softmax call, which its caller may keep for the next one: the scores of a large catalogue take 24 MiB, and
 * fresh pages for them cost several percent of a step. */
#ifndef ATAU_WORKSPACE_H
#define ATAU_WORKSPACE_H

#include <adaptau/kernels.h>
#include <adaptau/shards.h>

#include "common/arena.h"

/* Zeroed: holds nothing. Blocks grow with the batches that are met. */
struct atau_workspace {
    struct atau_arena rows;       /* of the batch                                                             */
    struct atau_arena items;      /* normalised copies                                                        */
    struct atau_arena candidates; /* shared ones, gathered                                                    */
    struct atau_arena engine;     /* tiles and sums                                                           */
    struct atau_arena sorting;    /* of item gradients from here and there                                    */
};

void atau_workspace_free(adaptau_context *context, struct atau_workspace *workspace);

/* adaptau_loss_gradients_of_shard in memory that stays, of tables and a batch as atau_check_tables and atau_check_batch leave
 * them. */
adaptau_status atau_loss_gradients_in(adaptau_context *context, struct atau_workspace *workspace, const adaptau_tables *tables,
                                      const adaptau_batch *batch, const adaptau_row_temperatures *temperatures,
                                      const adaptau_loss *loss, const adaptau_reduce *reduce,
                                      adaptau_loss_output *output, adaptau_error *error);

/* Read and check a caller's reduction by itself. */
adaptau_status atau_open_reduce(const adaptau_reduce *given, adaptau_reduce *out, adaptau_error *error);

#endif
