/* SPDX-License-Identifier: MIT */
#include "common/text.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fail.h"

#define CHUNK_SIZE (64 * 1024)

bool text_fill(struct text *text)
{
    if (text->file < 0 || text->os_error)
        return false;
    ssize_t count;
    do
        count = read(text->file, text->chunk, CHUNK_SIZE);
    while (count < 0 && errno == EINTR);
    if (count < 0)
        text->os_error = errno;
    if (count <= 0)
        return false;
    text->next = text->chunk;
    text->end = text->chunk + count;
    return true;
}

/* Stand on the first character. The mark is only looked for within the first chunk: a pipe that hands it out byte by byte is
 * not worth more code. */
static void start(struct text *text)
{
    static const unsigned char mark[3] = {0xEF, 0xBB, 0xBF};
    text->line = 1;
    text->column = 0;
    text->current = ' ';
    if (text_has_next(text) && text->end - text->next >= 3 && memcmp(text->next, mark, 3) == 0)
        text->next += 3;
    text_step(text);
}

adaptau_status text_open(struct text *text, const char *path, adaptau_error *error)
{
    struct text opened = {.name = path, .file = open(path, O_RDONLY | O_CLOEXEC)};
    if (opened.file < 0)
        return fail_os(error, errno, "%s", shown_path(path));
    opened.chunk = malloc(CHUNK_SIZE);
    if (!opened.chunk) {
        close(opened.file);
        return fail_memory(error, shown_path(path));
    }
    start(&opened);
    adaptau_status status = text_status(&opened, error);
    if (status)
        text_close(&opened);
    else
        *text = opened;
    return status;
}

void text_open_bytes(struct text *text, const char *name, const void *bytes, size_t size)
{
    *text = (struct text){.name = name, .file = -1, .next = bytes};
    text->end = size ? text->next + size : text->next;
    start(text);
}

void text_close(struct text *text)
{
    if (!text->chunk)
        return;
    close(text->file);
    free(text->chunk);
    text->chunk = NULL;
}

adaptau_status text_status(const struct text *text, adaptau_error *error)
{
    return text->os_error ? fail_os(error, text->os_error, "%s", shown_path(text->name)) : ADAPTAU_OK;
}

adaptau_status text_fail(const struct text *text, int64_t line, int64_t column, adaptau_error *error, const char *format, ...)
{
    char    message[160];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return fail(error, ADAPTAU_E_FORMAT, "%s:%lld:%lld: %s", shown_path(text->name), (long long)line, (long long)column,
                message);
}

adaptau_status text_check(const struct text *text, adaptau_error *error)
{
    if (text->current == '\0')
        return text_fail(text, text->line, text->column, error, "a NUL byte: this is no text file");
    if (text->current == '\r')
        return text_fail(text, text->line, text->column, error, "a carriage return in the middle of a line");
    return ADAPTAU_OK;
}
