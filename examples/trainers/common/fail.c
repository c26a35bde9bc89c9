/* SPDX-License-Identifier: MIT */
#include "common/fail.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

adaptau_status fail(adaptau_error *error, adaptau_status status, const char *format, ...)
{
    if (!error)
        return status;
    error->status = status;
    error->os_error = 0;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    return status;
}

adaptau_status fail_os(adaptau_error *error, int os_error, const char *format, ...)
{
    if (!error)
        return ADAPTAU_E_IO;
    error->status = ADAPTAU_E_IO;
    error->os_error = os_error;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(error->message, sizeof error->message, format, arguments);
    va_end(arguments);
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof error->message - used, ": %s", strerror(os_error));
    return ADAPTAU_E_IO;
}

adaptau_status fail_memory(adaptau_error *error, const char *what)
{
    return fail(error, ADAPTAU_E_MEMORY, "out of memory for %s", what);
}

const char *shown_path(const char *path)
{
    size_t length = strlen(path);
    return length > 120 ? path + length - 120 : path;
}

void tell_failure(const char *program, const adaptau_error *error)
{
    fprintf(stderr, "%s: %s\n", program, error->message);
}

bool finish_stdout(const char *program)
{
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout))
        return true;
    fprintf(stderr, "%s: cannot write to standard output: %s\n", program, errno ? strerror(errno) : "some of it was lost");
    return false;
}
