/* SPDX-License-Identifier: MIT */
/* The file that a path of results means, as the library's saves take it: a symbolic link stays, and what it leads to is
 * written; what is there must be a regular file. */
#ifndef EXAMPLES_COMMON_TARGET_H
#define EXAMPLES_COMMON_TARGET_H

#include <adaptau/base.h>

/* *target: to be freed; a file there, or none yet. E_IO for folders, FIFOs, devices and links in a circle. */
adaptau_status target_find(const char *path, char **target, adaptau_error *error);

/* Whether a file can be made there, before hours are spent on what it should hold: a "model", or a "page". */
adaptau_status target_check(const char *path, const char *what, adaptau_error *error);

/* ".csv" of "folder/lists.csv"; "" where the name of the file has no ending. */
const char *path_ending(const char *path);

#endif
