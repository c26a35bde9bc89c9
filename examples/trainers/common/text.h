/* SPDX-License-Identifier: MIT */
/* Characters of a file one by one, with their line and column. Neither a file nor a line has to fit in memory. A line ends with
 * LF or CRLF; the last one need not. What a file may be packed or encoded by is the business of bytes.h. */
#ifndef EXAMPLES_COMMON_TEXT_H
#define EXAMPLES_COMMON_TEXT_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/printf.h"

#define TEXT_END (-1)

struct text {
    const char          *name;    /* as it stands in messages */
    int                  current; /* the character here: 0 ... 255, '\n' for CRLF too, TEXT_END at the end */
    int64_t              line;    /* its position, from 1 */
    int64_t              column;  /* in bytes, from 1 */
    const unsigned char *next;    /* what follows it in the buffer */
    const unsigned char *end;
    struct bytes        *bytes;   /* NULL when the text is the caller's memory */
    struct bytes         own;     /* of text_open */
    adaptau_error        failure; /* of a read; the text ends there */
};

/* Open a file and stand on its first character. `path` must outlive the text, which must not be copied. On failure
 * *text is empty. */
adaptau_status text_open(struct text *text, const char *path, adaptau_error *error);

/* The same for plain bytes in memory, which must outlive the text. */
void text_open_bytes(struct text *text, const char *name, const void *bytes, size_t size);

/* The same from where opened bytes stand, which go on being the caller's. */
void text_begin(struct text *text, struct bytes *bytes);

/* Closes what text_open opened. A text of zeros is fine. */
void text_close(struct text *text);

/* Read on; false at the end of the text. */
bool text_fill(struct text *text);

static inline bool text_has_next(struct text *text)
{
    return text->next < text->end || text_fill(text);
}

/* Go to the next character. */
static inline void text_step(struct text *text)
{
    if (text->current == '\n') {
        text->line++;
        text->column = 0;
    }
    if (text->current != TEXT_END)
        text->column++;
    text->current = text_has_next(text) ? *text->next++ : TEXT_END;
    if (text->current != '\r')
        return;
    /* CRLF is one '\n', and so is a CR at the very end. Any other CR stays, for text_check to refuse. */
    if (!text_has_next(text)) {
        text->current = '\n';
    } else if (*text->next == '\n') {
        text->current = '\n';
        text->next++;
    }
}

/* E_IO when a read failed, else OK: to be asked when the text has ended. */
adaptau_status text_status(const struct text *text, adaptau_error *error);

/* "name:line:column: message", E_FORMAT. */
adaptau_status text_fail(const struct text *text, int64_t line, int64_t column, adaptau_error *error, const char *format, ...)
    PRINTF_LIKE(5, 6);

/* The same at the present character, for those that no text file holds here: NUL or a lone CR; OK for any other. */
adaptau_status text_check(const struct text *text, adaptau_error *error);

#endif
