/* SPDX-License-Identifier: MIT */
/* What POSIX and Windows have each in its own way, for the programs: system_posix.c and system_windows.c. Functions that return an
 * int give 0 or a number of errno, if nothing else is said. */
#ifndef EXAMPLES_COMMON_SYSTEM_H
#define EXAMPLES_COMMON_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Seconds from some fixed moment, by a clock that never goes back. */
double system_clock(void);

/* A descriptor that reads bytes as they are, or -1 with errno. */
int system_open_bytes(const char *path);

/* The descriptor of standard input, which reads bytes as they are. */
int system_open_stdin(void);

/* At most `size` bytes: how many, 0 at the end, -1 with errno. */
ptrdiff_t system_read(int descriptor, void *into, size_t size);

/* A text that is written to while others may read it, a FIFO too if somebody does; NULL with errno, ENXIO where nobody does. */
FILE *system_open_log(const char *path, bool appends);

/* A new file whose name begins with `path`: its own name replaces the last six letters, "XXXXXX". NULL with errno. */
FILE *system_open_draft(char *path);

/* Flush to the device, and give the file the mode of other results: drafts are their owner's alone. */
int system_settle(FILE *file);

/* Put a closed file in another one's place, in one step. */
int system_replace(const char *from, const char *to);

/* What a symbolic link says, without a NUL at its end: its length, or -1 where there is no link. */
ptrdiff_t system_read_link(const char *path, char *text, size_t size);

/* Where the folder's part of a path ends, the separator included: 0 for a name alone. */
size_t system_folder_length(const char *path);

/* Whether files can be made in a folder. */
int system_can_write_in(const char *folder);

/* SIGINT and SIGTERM come to `handler` from now on, each time. */
void system_catch_signals(void (*handler)(int signal_number));

/* A file that grows beyond the limit of the process is a write that fails. */
void system_ignore_file_limit(void);

#endif
