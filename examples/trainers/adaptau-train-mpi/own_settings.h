/* SPDX-License-Identifier: MIT */
/* adaptau-train's options, those of a job on many processes, and which of the former do not go there. */
#ifndef ADAPTAU_TRAIN_MPI_OWN_SETTINGS_H
#define ADAPTAU_TRAIN_MPI_OWN_SETTINGS_H

#include "adaptau-train/settings.h"

#define PROGRAM "adaptau-train-mpi"

struct own_settings {
    struct settings train;
    const char     *grid; /* "PxQ" or NULL                                                                     */
    int             n_p, n_q; /* 0: to be chosen                                                               */
    bool            dry_run;
    double          wire;     /* GB/s, for predictions                                                         */
    double          patience; /* seconds                                                                       */
};

/* Returns OPTIONS_GO_ON or an exit code. */
int read_own_settings(int argc, char **argv, struct own_settings *settings);

#endif
