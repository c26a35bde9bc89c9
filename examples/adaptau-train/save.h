/* SPDX-License-Identifier: MIT */
#ifndef ADAPTAU_TRAIN_SAVE_H
#define ADAPTAU_TRAIN_SAVE_H

#include "adaptau-train/run.h"

/* Whether a file can be made there, before hours are spent on what it should hold. */
adaptau_status check_save_path(const char *path, adaptau_error *error);

/* The model as `path`, and the names of its rows as `path`.users.txt and `path`.items.txt; each is written atomically, the
 * model last. Data without names get their ids as names, so that names of an earlier model cannot stay behind. */
adaptau_status save_run(const struct run *run, const char *path, adaptau_error *error);

#endif
