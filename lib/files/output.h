/* SPDX-License-Identifier: MIT */
/* Where the bytes of a file go: to a path, where it appears whole or not at all (atomic_file.h), or to a function of the host's,
 * in as few pieces as one buffer makes of them.
 *
 *     struct atau_output output;
 *     status = atau_output_open(&output, atau_to_path(path), error);
 *     if (status == ADAPTAU_OK)
 *         status = atau_output_write(&output, bytes, size, error);
 *     status = atau_output_close(&output, status, error);
 *
 * No memory is allocated. Failures are E_IO with os_error, or E_CALLBACK of the host's function, which is not called again. */
#ifndef ATAU_OUTPUT_H
#define ATAU_OUTPUT_H

#include <adaptau/files.h>

#include "files/atomic_file.h"

struct atau_destination {
    const char            *path; /* NULL: the function                                                        */
    adaptau_write_function write;
    void                  *user_data;
};

static inline struct atau_destination atau_to_path(const char *name)
{
    return (struct atau_destination){.path = name};
}

struct atau_output {
    struct atau_destination to;
    uint64_t                taken; /* bytes that the function has taken                                       */
    size_t                  used;  /* of the buffer, which is for the function alone                          */
    union {
        struct atau_atomic_file file;
        char                    buffer[ATAU_FILE_BUFFER];
    } of;
};

/* After a failure the struct needs no closing, but may be closed. */
adaptau_status atau_output_open(struct atau_output *output, struct atau_destination to, adaptau_error *error);

adaptau_status atau_output_write(struct atau_output *output, const void *bytes, size_t size, adaptau_error *error);

/* Commit when `status`, the outcome so far, is ADAPTAU_OK; else drop what there is. Returns `status`, or why committing failed. */
adaptau_status atau_output_close(struct atau_output *output, adaptau_status status, adaptau_error *error);

#endif
