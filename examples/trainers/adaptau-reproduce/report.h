/* SPDX-License-Identifier: MIT */
/* OUT/report.html: one file with everything in it. */
#ifndef ADAPTAU_REPRODUCE_REPORT_H
#define ADAPTAU_REPRODUCE_REPORT_H

#include "adaptau-reproduce/study.h"

/* What this command and earlier ones into the same folder have shown, between how it was done and the list of all cells of the folder with
 * the commands that train them again. */
adaptau_status report_write(struct study *study, const char *command, adaptau_error *error);

#endif
