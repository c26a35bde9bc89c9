/* SPDX-License-Identifier: MIT */
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "os/system.h"

/* vsnprintf cuts bytes, not characters: drop an incomplete UTF-8 sequence at the end. */
static void trim_utf8(char *text)
{
    size_t length = strlen(text);
    size_t start = length;
    while (start > 0 && ((unsigned char)text[start - 1] & 0xC0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t        want = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    if (length - (start - 1) < want)
        text[start - 1] = '\0';
}

static void format_message(adaptau_error *error, const char *format, va_list arguments)
{
    vsnprintf(error->message, sizeof error->message, format, arguments);
    trim_utf8(error->message);
}

adaptau_status atau_fail(adaptau_error *error, adaptau_status status, const char *format, ...)
{
    if (!error)
        return status;
    error->status = status;
    error->os_error = 0;
    va_list arguments;
    va_start(arguments, format);
    format_message(error, format, arguments);
    va_end(arguments);
    return status;
}

adaptau_status atau_fail_os(adaptau_error *error, int os_error, const char *format, ...)
{
    if (!error)
        return ADAPTAU_E_IO;
    error->status = ADAPTAU_E_IO;
    error->os_error = os_error;
    va_list arguments;
    va_start(arguments, format);
    format_message(error, format, arguments);
    va_end(arguments);

    char   reason[96];
    size_t used = strlen(error->message);
    atau_error_words(os_error, reason, sizeof reason);
    snprintf(error->message + used, sizeof error->message - used, ": %s", reason);
    trim_utf8(error->message);
    return ADAPTAU_E_IO;
}

adaptau_status atau_fail_memory(adaptau_error *error, size_t bytes, const char *what)
{
    return atau_fail(error, ADAPTAU_E_MEMORY, "out of memory: %zu bytes for %s", bytes, what);
}

const char *adaptau_status_name(adaptau_status status)
{
    switch (status) {
    case ADAPTAU_OK: return "OK";
    case ADAPTAU_E_ARGUMENT: return "E_ARGUMENT";
    case ADAPTAU_E_ABI: return "E_ABI";
    case ADAPTAU_E_SHAPE: return "E_SHAPE";
    case ADAPTAU_E_INDEX: return "E_INDEX";
    case ADAPTAU_E_NUMERIC: return "E_NUMERIC";
    case ADAPTAU_E_MEMORY: return "E_MEMORY";
    case ADAPTAU_E_STATE: return "E_STATE";
    case ADAPTAU_E_IO: return "E_IO";
    case ADAPTAU_E_FORMAT: return "E_FORMAT";
    case ADAPTAU_E_THREAD: return "E_THREAD";
    case ADAPTAU_E_CALLBACK: return "E_CALLBACK";
    case ADAPTAU_E_UNSUPPORTED: return "E_UNSUPPORTED";
    case ADAPTAU_E_CANCELLED: return "E_CANCELLED";
    default: return "E_UNKNOWN";
    }
}
