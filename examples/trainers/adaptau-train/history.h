/* SPDX-License-Identifier: MIT */
/* The --history file: one JSON object per line for every epoch. */
#ifndef ADAPTAU_TRAIN_HISTORY_H
#define ADAPTAU_TRAIN_HISTORY_H

#include <stdio.h>

#include "common/scores.h"
#include "common/training.h"

struct history {
    const char *path;
    FILE       *file; /* NULL: nothing is written */
};

/* `path` NULL: no history. `appends`: what the file has stays. */
adaptau_status history_open(struct history *history, const char *path, bool appends, adaptau_error *error);

/* scores may be NULL. The line is on its way to the disk when the call returns. */
adaptau_status history_write(struct history *history, const char *phase, const struct training *training,
                             const struct scores *scores, const struct cutoffs *cutoffs, adaptau_error *error);

void history_close(struct history *history);

#endif
