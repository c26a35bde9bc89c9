/* SPDX-License-Identifier: MIT */
#ifndef ADAPTAU_TRAIN_SAVE_H
#define ADAPTAU_TRAIN_SAVE_H

#include "adaptau-train/run.h"

/* Whether a file can be made there, before hours are spent on what it should hold: a "model", or a "page". */
adaptau_status check_save_path(const char *path, const char *what, adaptau_error *error);

/* The model as `path`, with the names of its rows in the same file, so that neither is ever without the other. */
adaptau_status save_run(const struct run *run, const char *path, adaptau_error *error);

#endif
