/* SPDX-License-Identifier: MIT */
/* Filling in the caller's error. */
#ifndef ATAU_ERROR_H
#define ATAU_ERROR_H

#include <adaptau/base.h>

#include "common/format.h"

/* Write status and a formatted line into *error (when there is one) and return status. The message names the argument, its
 * index and its value, and no function; it is cut at the end of a UTF-8 character. */
adaptau_status atau_fail(adaptau_error *error, adaptau_status status, const char *format, ...)
    ATAU_FORMAT(3, 4);

/* The same for a failed system call: ": " and the reason of os_error are appended. */
adaptau_status atau_fail_os(adaptau_error *error, int os_error, const char *format, ...)
    ATAU_FORMAT(3, 4);

/* "out of memory: BYTES bytes for WHAT". */
adaptau_status atau_fail_memory(adaptau_error *error, size_t bytes, const char *what);

/* E_ARGUMENT unless pointer is set. */
#define ATAU_REQUIRE(pointer, error)                                                                                   \
    do {                                                                                                               \
        if (!(pointer))                                                                                                \
            return atau_fail((error), ADAPTAU_E_ARGUMENT, #pointer " is NULL");                                        \
    } while (0)

#endif
