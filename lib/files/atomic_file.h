/* SPDX-License-Identifier: MIT */
/* A file that appears whole or not at all. What is written goes to a temporary file in the same folder; committing flushes it
 * to the device, renames it over the path and flushes the folder. Until the rename the old file is untouched, whatever fails; a
 * process killed before it leaves ".adaptau-*.tmp" behind.
 *
 *     struct atau_atomic_file file;
 *     status = atau_atomic_file_open(&file, path, error);
 *     if (status == ADAPTAU_OK)
 *         status = atau_atomic_file_write(&file, bytes, size, error);
 *     status = atau_atomic_file_close(&file, status, error);
 *
 * No memory is allocated. Every failure is E_IO with os_error. */
#ifndef ATAU_ATOMIC_FILE_H
#define ATAU_ATOMIC_FILE_H

#include <adaptau/base.h>

#include "os/files.h"

#define ATAU_FILE_BUFFER 16384

struct atau_atomic_file {
    const char             *path; /* for messages; must outlive the struct                                    */
    bool                    open;
    size_t                  used; /* of the buffer                                                            */
    struct atau_replacement replacement;
    char                    buffer[ATAU_FILE_BUFFER];
};

/* Make the temporary file (mode 0666 less the umask). The path may name a file, a symbolic link (which stays: what it leads
 * to is replaced, or made) or nothing, but no folder, FIFO or device. After a failure the struct needs no closing. */
adaptau_status atau_atomic_file_open(struct atau_atomic_file *file, const char *path, adaptau_error *error);

adaptau_status atau_atomic_file_write(struct atau_atomic_file *file, const void *bytes, size_t size, adaptau_error *error);

/* Rows of `row_size` bytes, `stride` bytes apart. */
adaptau_status atau_atomic_file_write_rows(struct atau_atomic_file *file, int64_t rows, size_t row_size, const void *data,
                                           size_t stride, adaptau_error *error);

/* Commit when `status`, the outcome so far, is ADAPTAU_OK; else remove the temporary file. Returns `status`, or why committing
 * failed. Harmless on a file that atau_atomic_file_open could not open. */
adaptau_status atau_atomic_file_close(struct atau_atomic_file *file, adaptau_status status, adaptau_error *error);

#endif
