/* SPDX-License-Identifier: MIT */
/* Files for reading, in memory without a copy, and on their way to a path. Functions return 0 or a number of errno, on Windows
 * too. Paths are bytes as the system has them; on Windows they are UTF-8. No memory is allocated. */
#ifndef ATAU_OS_FILES_H
#define ATAU_OS_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- reading ----------------------------------------------------------------------------------------------------------- */

/* A descriptor; on Windows a HANDLE. */
typedef intptr_t atau_file;

#define ATAU_NO_FILE ((atau_file)-1)

/* Open a regular file. EISDIR for a folder. What else is no regular file leaves *regular false: nothing is open then, as after
 * any failure, where *file is ATAU_NO_FILE. */
int  atau_file_open(const char *path, atau_file *file, uint64_t *size, bool *regular);
void atau_file_close(atau_file file);

/* At most `size` bytes from an offset on; *count is 0 at the file's end. */
int atau_file_read(atau_file file, uint64_t offset, void *out, size_t size, size_t *count);

/* Map the `size` bytes, more than 0, of an open file for reading: *bytes stays valid when the file is closed. ENOMEM: no room in
 * the address space; ENODEV: this system, or this file system, maps no files. */
int  atau_file_map(atau_file file, uint64_t size, const void **bytes);
void atau_file_unmap(const void *bytes, uint64_t size);

/* ---- replacing --------------------------------------------------------------------------------------------------------- */

#ifdef _WIN32
#define ATAU_LINK_SIZE 1024 /* UTF-16 units                                                                   */
#else
#define ATAU_LINK_SIZE 4096
#endif

/* A temporary file in the folder of a path that it will take the place of. */
struct atau_replacement {
#ifdef _WIN32
    atau_file file;
    uint16_t  target[ATAU_LINK_SIZE];    /* the path, or what a link there leads to                           */
    uint16_t  temporary[ATAU_LINK_SIZE]; /* empty when there is nothing to remove                             */
#else
    const char *base;   /* the file's name in its folder: the end of the path, or of a link's target          */
    int         folder; /* descriptors; −1 when closed                                                        */
    int         descriptor;
    char        temporary[64]; /* the temporary file's name within the folder; empty when it is not there     */
    char        target[ATAU_LINK_SIZE]; /* where base is when the path is a link                              */
#endif
};

/* The path may name a file, a link (which stays: what it leads to is replaced) or nothing; EISDIR for a folder, EINVAL for what
 * else is no regular file. After a failure there is nothing to abandon. The path must outlive the struct. */
int atau_replacement_open(struct atau_replacement *replacement, const char *path);

int atau_replacement_write(struct atau_replacement *replacement, const void *bytes, size_t size);

/* The steps of a commit. */
enum atau_step { ATAU_STEP_WRITE, ATAU_STEP_REPLACE, ATAU_STEP_FLUSH_FOLDER };

/* Flush the temporary file to the device, put it in the path's place in one step, and flush the folder. *step is the one that
 * failed; until the third one the old file is as it was. */
int atau_replacement_commit(struct atau_replacement *replacement, enum atau_step *step);

/* Close what is open, and remove the temporary file unless it has been committed. */
void atau_replacement_close(struct atau_replacement *replacement);

#endif
