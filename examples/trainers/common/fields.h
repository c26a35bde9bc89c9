/* SPDX-License-Identifier: MIT */
/* The rows of a table and their fields. A field may stand in quotes (RFC 4180): then separators and line breaks in it are its
 * own, and two quotes are one. Some writers put a backslash before such a quote instead; that is read, too. Blanks around a
 * field are not its own. A quote in the middle of a field is a character like any other. */
#ifndef EXAMPLES_COMMON_FIELDS_H
#define EXAMPLES_COMMON_FIELDS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/bytes.h"
#include "common/printf.h"

#define SEPARATOR_NONE 0
#define SEPARATOR_BLANK ' '  /* one or more blanks and tabs, as columns are aligned by */
#define SEPARATOR_COLONS ':' /* "::" */

#define FIELDS_MAX 1024

struct field {
    const unsigned char *at;
    size_t               length;
    unsigned char        escape; /* 0, or what stands before a quote that is the field's own: '"' or a backslash */
};

struct row {
    int                  n;
    struct field         fields[FIELDS_MAX];
    const unsigned char *begin;
    const unsigned char *next;  /* where the row behind it begins */
    const unsigned char *fault; /* where it cannot be split */
    int64_t              line;  /* its first line, from 1 */
    int64_t              n_lines;
};

/* What a byte means outside of quotes. */
struct splitter {
    int           separator;
    unsigned char class[256];
};

enum split {
    SPLIT_DONE,
    SPLIT_MORE, /* the bytes end before the row does */
    SPLIT_END,  /* there is no further row */
    SPLIT_NUL,
    SPLIT_RETURN,
    SPLIT_OPEN_QUOTE,
    SPLIT_BEHIND_QUOTE,
    SPLIT_TOO_MANY,
};

void splitter_init(struct splitter *splitter, int separator);

/* The row at `at`, behind blank lines; `last`: nothing follows `end`. row->line is where `at` is when it is called and
 * where the row is when it returns; row->fault is set for what is no row. */
enum split split_row(const struct splitter *splitter, const unsigned char *at, const unsigned char *end, bool last,
                        struct row *row);

/* A table, row by row. */
struct fields {
    struct bytes   *bytes;
    struct splitter splitter;
    struct row   row;
    int64_t         next_line; /* of what the bytes stand on */
};

void fields_begin(struct fields *fields, struct bytes *bytes, int separator);

/* The next row is fields->row, until the next call. *more is false at the end. */
adaptau_status fields_next(struct fields *fields, bool *more, adaptau_error *error);

/* An empty field before the first one of the row. */
void fields_shift(struct fields *fields);

/* A field without quotes that escape others: its bytes, or a copy in `scratch`, which must hold as many. */
const char *field_text(const struct field *field, char *scratch, size_t *length);

/* "name:line:column: message", E_FORMAT, at a field of the row. */
adaptau_status fields_fail(const struct fields *fields, const unsigned char *at, adaptau_error *error, const char *format, ...)
    PRINTF_LIKE(4, 5);

#endif
