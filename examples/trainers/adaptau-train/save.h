/* SPDX-License-Identifier: MIT */
#ifndef ADAPTAU_TRAIN_SAVE_H
#define ADAPTAU_TRAIN_SAVE_H

#include "adaptau-train/run.h"

/* The model as `path`, with the names of its rows in the same file, so that neither is ever without the other. */
adaptau_status save_run(const struct run *run, const char *path, adaptau_error *error);

#endif
