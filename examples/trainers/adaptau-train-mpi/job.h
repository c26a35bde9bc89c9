/* SPDX-License-Identifier: MIT */
/* One job: what this process works on, and what all have found. */
#ifndef ADAPTAU_TRAIN_MPI_JOB_H
#define ADAPTAU_TRAIN_MPI_JOB_H

#include "adaptau-train-mpi/checkpoint.h"
#include "adaptau-train-mpi/measure.h"
#include "adaptau-train-mpi/own_settings.h"
#include "adaptau-train-mpi/steps.h"
#include "adaptau-train-mpi/tune.h"

struct job {
    const struct own_settings *settings;
    struct recipe              asked;  /* complete, but for a temperature that a search finds                 */
    struct recipe              recipe; /* what is trained by                                                  */
    struct tuned               tuned;
    struct grid                grid;
    adaptau_context           *context;
    struct part                part;
    struct shard               shard;
    adaptau_temperature       *temperature;
    struct steps               steps;
    struct judge               judge;
    struct standing            standing;
    struct scores              last;       /* of the last epoch that was evaluated                            */
    double                     read_seconds, train_seconds, eval_seconds;
    int64_t                    step_bytes; /* sent in steps by this process                                   */
    uint64_t                   hash;       /* of the tables                                                   */
};

/* Collective, like all that follows. */
adaptau_status job_open(struct job *job, const struct own_settings *settings, adaptau_error *error);
adaptau_status job_train(struct job *job, adaptau_error *error);
void           job_close(struct job *job);

/* By the first process. */
void job_report_json(const struct job *job);
void job_report_table(const struct job *job);

#endif
