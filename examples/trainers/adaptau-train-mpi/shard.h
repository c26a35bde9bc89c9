/* SPDX-License-Identifier: MIT */
/* What this process holds of the model: tables of its users and items, and what Adam remembers of the rows that it steps.
 * Users' rows are stepped alike by all processes that have them; items' rows by one process each, a part of every piece in
 * which gradients are reduced. */
#ifndef ADAPTAU_TRAIN_MPI_SHARD_H
#define ADAPTAU_TRAIN_MPI_SHARD_H

#include <adaptau/adaptau.h>

#include "adaptau-train-mpi/part.h"
#include "common/recipe.h"
#include "common/training.h"

#define ITEM_PIECES 8

/* Rows of a table that this process steps, one after the other. */
struct stepped {
    int64_t  n;
    float   *first;  /* [n x d]                                                                                */
    float   *second; /* [n] or [n x d]                                                                         */
    int32_t *steps;  /* [n]                                                                                    */
};

struct item_piece {
    int64_t first, n;     /* of this process's items                                                          */
    int64_t mine, n_mine; /* of those the ones that it steps                                                  */
    int64_t at;           /* where they are in item_steps                                                     */
};

struct shard {
    const struct part *part;
    int32_t            dim;
    bool               row_moment;
    float             *users, *items; /* [own x d]                                                            */
    struct stepped     user_steps, item_steps;
    struct item_piece  pieces[ITEM_PIECES];
    int                n_pieces;
    int32_t            n_cuts; /* what the library is told to make                                            */
    adaptau_model     *model; /* on those tables                                                              */
};

/* Tables of zeros, and a model on them. */
adaptau_status shard_open(struct shard *shard, adaptau_context *context, const struct grid *grid, const struct part *part,
                          const struct recipe *recipe, adaptau_error *error);
void           shard_close(struct shard *shard);

/* The rows with which a model of the whole would start. */
adaptau_status shard_start(struct shard *shard, adaptau_context *context, const struct recipe *recipe, adaptau_error *error);

int64_t second_size(const struct shard *shard); /* floats of a row's second moment                            */

/* A number for all rows of the whole, whoever has them. */
uint64_t shard_hash(const struct shard *shard, const struct grid *grid);

#endif
