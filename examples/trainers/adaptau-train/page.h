/* SPDX-License-Identifier: MIT */
/* --report: a training as a page for a browser. */
#ifndef ADAPTAU_TRAIN_PAGE_H
#define ADAPTAU_TRAIN_PAGE_H

#include "adaptau-train/run.h"

/* What was read, what was trained and how, its curves, what it finds among rare and popular items, and what some users had and get.
 * The file appears whole or not at all. */
adaptau_status page_write(const struct run *run, const char *path, adaptau_error *error);

#endif
