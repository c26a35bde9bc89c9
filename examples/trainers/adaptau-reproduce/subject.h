/* SPDX-License-Identifier: MIT */
/* A data set under study. */
#ifndef ADAPTAU_REPRODUCE_SUBJECT_H
#define ADAPTAU_REPRODUCE_SUBJECT_H

#include "adaptau-reproduce/known.h"
#include "common/problem.h"

#define N_POPULARITY_GROUPS 10

struct subject {
    const char         *path;
    const struct known *known;     /* NULL: the user's own */
    char                name[40];  /* in file names: "gowalla", "your-data", "your-data-2" */
    char                title[80]; /* "Gowalla", "your data (FOLDER)" */
    struct problem      problem;
    uint64_t            checksum;    /* of all pairs */
    int32_t            *item_groups; /* [m] items by their number of training pairs: 0 the rarest tenth, 9 the most popular */
};

/* Read and recognise. `number` is the subject's place on the command line, from 1. Whatever happens, subject_close is due. */
adaptau_status subject_open(struct subject *subject, adaptau_context *context, const char *path, int32_t number,
                            adaptau_error *error);

void subject_close(struct subject *subject);

#endif
