/* SPDX-License-Identifier: MIT */
#include "common/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/fail.h"

bool text_fill(struct text *text)
{
    struct bytes *bytes = text->bytes;
    if (!bytes || text->failure.status)
        return false;
    bytes->at = bytes->end;
    if (bytes_more(bytes, &text->failure))
        return false;
    text->next = bytes->at;
    text->end = bytes->end;
    return text->next < text->end;
}

static void start(struct text *text)
{
    text->line = text->bytes ? text->bytes->line : 1;
    text->column = 0;
    text->current = ' ';
    text_step(text);
}

void text_begin(struct text *text, struct bytes *bytes)
{
    *text = (struct text){.name = bytes->name, .bytes = bytes, .next = bytes->at, .end = bytes->end};
    start(text);
}

adaptau_status text_open(struct text *text, const char *path, adaptau_error *error)
{
    *text = (struct text){0};
    adaptau_status status = bytes_open(&text->own, path, error);
    if (status)
        return status;
    text->bytes = &text->own;
    text->name = text->own.name;
    text->next = text->own.at;
    text->end = text->own.end;
    start(text);
    return ADAPTAU_OK;
}

void text_open_bytes(struct text *text, const char *name, const void *bytes, size_t size)
{
    *text = (struct text){.name = name, .next = bytes};
    text->end = size ? text->next + size : text->next;
    if (size >= 3 && memcmp(bytes, "\xEF\xBB\xBF", 3) == 0)
        text->next += 3;
    start(text);
}

void text_close(struct text *text)
{
    if (text->bytes == &text->own)
        bytes_close(&text->own);
    text->bytes = NULL;
}

adaptau_status text_status(const struct text *text, adaptau_error *error)
{
    if (text->failure.status && error)
        *error = text->failure;
    return text->failure.status;
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
