/* SPDX-License-Identifier: MIT */
/* Regular files, open for reading. */
#ifndef ATAU_REGULAR_FILE_H
#define ATAU_REGULAR_FILE_H

#include <adaptau/base.h>

#include "os/files.h"

/* Open a file and tell its size. *file is ATAU_NO_FILE after a failure.
 * @return E_IO when the system refuses, and for a folder; E_FORMAT for what else is no regular file. */
adaptau_status atau_regular_file_open(const char *path, atau_file *file, uint64_t *size, adaptau_error *error);

#endif
