/* SPDX-License-Identifier: MIT */
/* What the command line asks for. */
#ifndef ADAPTAU_EVALUATE_SETTINGS_H
#define ADAPTAU_EVALUATE_SETTINGS_H

#include "common/reading.h"

#define KIND_AUTO 0
#define KIND_MODEL 1
#define KIND_LISTS 2

#define MISSING_ZERO 0 /* a user without a list has found nothing */
#define MISSING_SKIP 1 /* and is not counted */

#define GROUPS_MAX 100

struct settings {
    const char         *subject, *against; /* paths; the second may be NULL */
    const char         *train;             /* path, or NULL */
    struct read_options reading;           /* of train and test; its `test` is --test */
    double              test_share;
    int64_t             split_seed;
    int32_t             kind, missing;
    int32_t             list_format;       /* FORMAT_* of recommendations that are a text */
    const char         *list_columns;      /* or NULL */
    struct cutoffs      cutoffs;
    int64_t             n_groups, n_resamples, seed, threads;
    double              confidence;
    bool                json, quiet;
    const char         *per_user; /* path, or NULL */
};

/* Returns OPTIONS_GO_ON or an exit code, see read_options. */
int read_settings(int argc, char **argv, struct settings *settings);

#endif
