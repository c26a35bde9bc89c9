/* SPDX-License-Identifier: MIT */
/* Which cell of how many, and how long the others will take: one line that is redrawn on a terminal, a line per cell
 * elsewhere. */
#ifndef ADAPTAU_REPRODUCE_PROGRESS_H
#define ADAPTAU_REPRODUCE_PROGRESS_H

#include "adaptau-reproduce/study.h"

struct progress {
    bool         terminal;
    int32_t      number, n_cells; /* of the cells to be trained */
    double       work_left;       /* in the unit of cell costs, the present cell's included */
    double       work_done, seconds_done;
    double       started; /* the present cell */
    double       drawn;
    const char  *folder;
    struct cell *cell;
};

void progress_begin(struct progress *progress, const struct study *study);

void progress_cell(struct progress *progress, struct cell *cell);

/* A step_function. */
int progress_step(void *progress, const struct training *training);

void progress_cell_end(struct progress *progress, const struct cell *cell);

#endif
