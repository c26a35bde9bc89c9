/* SPDX-License-Identifier: MIT */
/* The programs report their own failures the way the library does: a status, and one line in the caller's adaptau_error. */
#ifndef EXAMPLES_COMMON_FAIL_H
#define EXAMPLES_COMMON_FAIL_H

#include <stdbool.h>

#include <adaptau/base.h>

#include "common/printf.h"

/* Fill *error (NULL is fine) and return `status`. */
adaptau_status fail(adaptau_error *error, adaptau_status status, const char *format, ...) PRINTF_LIKE(3, 4);

/* E_IO with the text of `os_error` (an errno) behind the message. */
adaptau_status fail_os(adaptau_error *error, int os_error, const char *format, ...) PRINTF_LIKE(3, 4);

adaptau_status fail_memory(adaptau_error *error, const char *what);

/* A path as messages show it: of a long one the last 120 bytes, so that the reason behind it still fits. */
const char *shown_path(const char *path);

/* "PROGRAM: message" on stderr. */
void tell_failure(const char *program, const adaptau_error *error);

/* Flush stdout; false, with a line on stderr, when anything written to it was lost. */
bool finish_stdout(const char *program);

#endif
