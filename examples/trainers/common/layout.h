/* SPDX-License-Identifier: MIT */
/* How a text is laid out, decided on its first lines, some thousands, and to be proved on all of them by who reads it. */
#ifndef EXAMPLES_COMMON_LAYOUT_H
#define EXAMPLES_COMMON_LAYOUT_H

#include "common/fields.h"
#include "common/reading.h"

/* Enough for thousands of lines. */
#define LAYOUT_SAMPLE ((size_t)256 << 10)

#define LAYOUT_COLUMNS 64 /* are looked at for what they hold */

/* What the lines behind the first one hold in a column. */
struct column_kind {
    bool number; /* numbers, and nothing else but empty fields */
    bool whole;  /* whole numbers */
    bool epoch;  /* seconds, milliseconds, microseconds or nanoseconds since 1970, of a year from 1973 on */
    bool recent; /* the same as seconds from 1990 to 2037: not likely an id */
    bool recent_ms; /* the same as milliseconds */
    bool date;   /* dates such as 2016-01-31 */
    bool mostly; /* numbers, in at least half of the fields that are not empty */
    int64_t odd_line; /* the first line with neither a number nor an empty field; 0: none has */
};

struct layout {
    bool               lists; /* "user item item ..." per line; else a table */
    int                separator;
    int                n_fields;
    bool               header;
    bool               shifted; /* the header has no name for the first column, as R writes tables with row names */
    bool               decimal_comma;
    bool               matrix; /* a Matrix Market file's entries: see preamble.h */
    int64_t            n_lines; /* that the decision rests on */
    struct column_kind kinds[LAYOUT_COLUMNS];
};

/* Decide on what bytes_sample read. `settled` says that the text is lists unless it cannot be: names of rows stand beside it, or
 * it belongs to other lists. E_FORMAT where two layouts fit, or none; its message names the options that decide. */
adaptau_status layout_find(const struct bytes *bytes, const struct read_options *options, bool settled, struct layout *layout,
                           adaptau_error *error);

/* "tab", "comma", ... */
const char *separator_name(int separator);

#endif
