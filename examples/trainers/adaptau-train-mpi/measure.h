/* SPDX-License-Identifier: MIT */
/* What all processes find out together once per epoch: the temperature, and how held-out pairs rank. */
#ifndef ADAPTAU_TRAIN_MPI_MEASURE_H
#define ADAPTAU_TRAIN_MPI_MEASURE_H

#include "adaptau-train-mpi/shard.h"
#include "common/scores.h"

/* Set the temperature by the moments of all tables and pairs; each process measures a part of its rows. */
adaptau_status measure_temperature(adaptau_context *context, struct grid *grid, const struct shard *shard,
                                   adaptau_temperature *temperature, adaptau_error *error);

struct judge {
    adaptau_context      *context;
    struct grid          *grid;
    const struct shard   *shard;
    const struct cutoffs *cutoffs;
    adaptau_evaluator    *evaluator; /* of the users that this process scores                                 */
    int64_t               n_users;   /* with held-out pairs, of all processes                                 */
    int32_t               k;
    int32_t              *items; /* [own_users x k]                                                           */
    float                *scores, *bias;
    char                 *lists; /* [own_users] of k ids and k scores                                         */
    struct reduction      merging;
};

adaptau_status judge_open(struct judge *judge, adaptau_context *context, struct grid *grid, const struct shard *shard,
                          const struct cutoffs *cutoffs, adaptau_error *error);
void           judge_close(struct judge *judge);

/* prior: an item that n users have is scored prior · tau0 · log(1 + n) higher. */
adaptau_status judge_score(struct judge *judge, double prior, double tau0, struct scores *scores, adaptau_error *error);

#endif
