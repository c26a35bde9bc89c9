/* SPDX-License-Identifier: MIT */
/* A row is split where it lies in the buffer: fields are pointers, and nothing is copied. When the buffer ends within a
 * row, more is read behind it and the row is split again from its beginning. Going on in the middle would save that
 * second look, which one row in some thousands needs, and cost a state for every place where one can be. */
#include "common/fields.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/fail.h"

/* A quote that is never closed takes all that follows into one field; so much is read before it is called that. */
#define ROW_MAX ((size_t)16 << 20)

/* Classes of bytes; 0 for those of a field. */
enum { CLASS_FIELD, CLASS_SEPARATOR, CLASS_END, CLASS_RETURN, CLASS_NUL };

void splitter_init(struct splitter *splitter, int separator)
{
    *splitter = (struct splitter){.separator = separator};
    splitter->class['\n'] = CLASS_END;
    splitter->class['\r'] = CLASS_RETURN;
    splitter->class['\0'] = CLASS_NUL;
    if (separator != SEPARATOR_NONE)
        splitter->class[separator] = CLASS_SEPARATOR;
    if (separator == SEPARATOR_BLANK)
        splitter->class['\t'] = CLASS_SEPARATOR;
}

/* The bytes that are split. */
struct window {
    const struct splitter *splitter;
    const unsigned char   *at, *end;
    bool                   last;
    struct row         *row;
};

static enum split fault(struct window *w, const unsigned char *at, enum split kind)
{
    w->row->fault = at;
    return kind;
}

static bool is_blank(const struct window *w, unsigned char c)
{
    return c == ' ' || (c == '\t' && w->splitter->separator != '\t');
}

static void skip_blanks(struct window *w)
{
    while (w->at < w->end && is_blank(w, *w->at))
        w->at++;
}

/* Whether a quote at `quote` ends its field. One behind a backslash does where a field could end, until one did not. */
static bool closes(const struct window *w, const unsigned char *quote, const struct field *field)
{
    if (quote == field->at || quote[-1] != '\\')
        return true;
    if (field->escape == '\\')
        return false;
    const unsigned char *behind = quote + 1;
    return behind == w->end || *behind == '"' || is_blank(w, *behind) || w->splitter->class[*behind] != CLASS_FIELD;
}

/* From behind the opening quote to behind the closing one. */
static enum split split_quoted(struct window *w, struct field *field)
{
    const unsigned char *opening = w->at - 1;
    field->at = w->at;
    for (;;) {
        const unsigned char *quote = w->at < w->end ? memchr(w->at, '"', (size_t)(w->end - w->at)) : NULL;
        if (!quote)
            return w->last ? fault(w, opening, SPLIT_OPEN_QUOTE) : SPLIT_MORE;
        if (quote + 1 == w->end && !w->last)
            return SPLIT_MORE;
        w->at = quote + 1;
        if (!closes(w, quote, field))
            field->escape = '\\';
        else if (w->at < w->end && *w->at == '"') {
            field->escape = field->escape ? field->escape : '"';
            w->at++;
        } else {
            field->length = (size_t)(quote - field->at);
            break;
        }
    }
    const unsigned char *nul = field->length ? memchr(field->at, '\0', field->length) : NULL;
    if (nul)
        return fault(w, nul, SPLIT_NUL);
    for (size_t i = 0; i < field->length; i++)
        w->row->n_lines += field->at[i] == '\n';
    return SPLIT_DONE;
}

/* "::" is two bytes; a single ':' belongs to its field. *taken tells. */
static enum split take_colons(struct window *w, bool *taken)
{
    if (w->at + 1 == w->end && !w->last)
        return SPLIT_MORE;
    *taken = w->at + 1 < w->end && w->at[1] == ':';
    return SPLIT_DONE;
}

static enum split split_plain(struct window *w, struct field *field)
{
    const unsigned char *class = w->splitter->class, *at = w->at, *end = w->end;
    field->at = at;
    for (;;) {
        while (at < end && class[*at] == CLASS_FIELD)
            at++;
        if (at == end || w->splitter->separator != SEPARATOR_COLONS || *at != ':')
            break;
        bool taken = false;
        w->at = at;
        if (take_colons(w, &taken))
            return SPLIT_MORE;
        if (taken)
            break;
        at++;
    }
    w->at = at;
    while (at > field->at && is_blank(w, at[-1]))
        at--;
    field->length = (size_t)(at - field->at);
    return SPLIT_DONE;
}

/* What stands behind a field: a separator, or the end of the row. */
static enum split end_field(struct window *w, bool *more)
{
    struct row *row = w->row;
    *more = false;
    if (w->splitter->separator == SEPARATOR_BLANK)
        skip_blanks(w);
    if (w->at == w->end) {
        row->next = w->end;
        return w->last ? SPLIT_DONE : SPLIT_MORE;
    }
    switch (w->splitter->class[*w->at]) {
    case CLASS_END: row->next = w->at + 1; return SPLIT_DONE;
    case CLASS_NUL: return fault(w, w->at, SPLIT_NUL);
    case CLASS_RETURN:
        if (w->at + 1 == w->end && !w->last)
            return SPLIT_MORE;
        if (w->at + 1 < w->end && w->at[1] != '\n')
            return fault(w, w->at, SPLIT_RETURN);
        row->next = w->at + (w->at + 1 < w->end ? 2 : 1);
        return SPLIT_DONE;
    default: break;
    }
    *more = true;
    if (w->splitter->separator == SEPARATOR_BLANK)
        return SPLIT_DONE; /* the blanks are skipped: the next field is here */
    w->at += w->splitter->separator == SEPARATOR_COLONS ? 2 : 1;
    return SPLIT_DONE;
}

static enum split split_field(struct window *w, struct field *field, bool *more)
{
    *field = (struct field){0};
    skip_blanks(w);
    bool       quoted = w->at < w->end && *w->at == '"';
    enum split result;
    if (quoted) {
        w->at++;
        result = split_quoted(w, field);
    } else
        result = split_plain(w, field);
    if (result)
        return result;
    if (!quoted)
        return end_field(w, more);
    const unsigned char *behind = w->at;
    skip_blanks(w);
    bool ends = w->at == w->end || w->splitter->class[*w->at] != CLASS_FIELD ||
                (behind < w->at && w->splitter->separator == SEPARATOR_BLANK);
    if (ends && w->at < w->end && w->splitter->separator == SEPARATOR_COLONS && *w->at == ':' && take_colons(w, &ends))
        return SPLIT_MORE;
    return ends ? end_field(w, more) : fault(w, w->at, SPLIT_BEHIND_QUOTE);
}

/* Over lines with nothing but blanks. A tab between tabs makes two empty fields, so it is none. */
static enum split skip_blank_lines(struct window *w)
{
    struct row *row = w->row;
    for (;;) {
        const unsigned char *begin = w->at;
        skip_blanks(w);
        bool returns = w->at < w->end && *w->at == '\r';
        if (w->at == w->end || (returns && w->at + 1 == w->end)) {
            row->next = w->end;
            w->at = w->last ? w->at : begin;
            return w->last ? SPLIT_END : SPLIT_MORE;
        }
        if (*w->at != '\n' && !(returns && w->at[1] == '\n')) {
            w->at = begin;
            return SPLIT_DONE;
        }
        w->at += returns ? 2 : 1;
        row->line++;
    }
}

enum split split_row(const struct splitter *splitter, const unsigned char *at, const unsigned char *end, bool last,
                        struct row *row)
{
    struct window w = {splitter, at, end, last, row};
    bool          more = true;
    row->n = 0;
    row->n_lines = 1;
    enum split result = skip_blank_lines(&w);
    row->begin = w.at;
    while (!result && more) {
        if (row->n == FIELDS_MAX)
            return fault(&w, w.at, SPLIT_TOO_MANY);
        result = split_field(&w, &row->fields[row->n], &more);
        row->n += result == SPLIT_DONE;
    }
    return result;
}

/* ---- a table ------------------------------------------------------------------------------------------------------- */

void fields_begin(struct fields *fields, struct bytes *bytes, int separator)
{
    fields->bytes = bytes;
    fields->next_line = bytes->line;
    splitter_init(&fields->splitter, separator);
}

static adaptau_status refuse(const struct fields *fields, enum split result, adaptau_error *error)
{
    const unsigned char *at = fields->row.fault;
    switch (result) {
    case SPLIT_NUL: return fields_fail(fields, at, error, "a NUL byte: this is no text file");
    case SPLIT_RETURN: return fields_fail(fields, at, error, "a carriage return in the middle of a line");
    case SPLIT_OPEN_QUOTE: return fields_fail(fields, at, error, "a quote that is not closed");
    case SPLIT_BEHIND_QUOTE: return fields_fail(fields, at, error, "text behind a closing quote");
    default: return fields_fail(fields, at, error, "more than %d fields in a line", FIELDS_MAX);
    }
}

adaptau_status fields_next(struct fields *fields, bool *more, adaptau_error *error)
{
    struct bytes  *bytes = fields->bytes;
    struct row *row = &fields->row;
    for (;;) {
        row->line = fields->next_line;
        enum split result = split_row(&fields->splitter, bytes->at, bytes->end, bytes->ended, row);
        *more = result == SPLIT_DONE;
        if (result == SPLIT_DONE) {
            bytes->at += row->next - bytes->at;
            fields->next_line = row->line + row->n_lines;
            return ADAPTAU_OK;
        }
        if (result == SPLIT_END)
            return ADAPTAU_OK;
        if (result != SPLIT_MORE)
            return refuse(fields, result, error);
        if ((size_t)(bytes->end - bytes->at) > ROW_MAX)
            return fields_fail(fields, row->begin, error, "a line of more than %d MiB, or a quote that is not closed",
                               (int)(ROW_MAX >> 20));
        bytes->at += row->begin - bytes->at; /* blank lines need not stay */
        fields->next_line = row->line;
        adaptau_status status = bytes_more(bytes, error);
        if (status)
            return status;
    }
}

void fields_shift(struct fields *fields)
{
    struct row *row = &fields->row;
    if (row->n == FIELDS_MAX)
        return;
    memmove(&row->fields[1], &row->fields[0], (size_t)row->n * sizeof row->fields[0]);
    row->fields[0] = (struct field){.at = row->begin};
    row->n++;
}

/* ---- one field ----------------------------------------------------------------------------------------------------- */

const char *field_text(const struct field *field, char *scratch, size_t *length)
{
    *length = field->length;
    if (!field->escape)
        return (const char *)field->at;
    size_t n = 0;
    for (size_t i = 0; i < field->length; i++) {
        if ((field->at[i] == field->escape || field->at[i] == '"') && i + 1 < field->length && field->at[i + 1] == '"')
            i++;
        scratch[n++] = (char)field->at[i];
    }
    *length = n;
    return scratch;
}

adaptau_status fields_fail(const struct fields *fields, const unsigned char *at, adaptau_error *error, const char *format, ...)
{
    char                 message[160];
    va_list              arguments;
    int64_t              line = fields->row.line;
    const unsigned char *begin = fields->row.begin;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    for (const unsigned char *p = begin; p < at; p++) {
        if (*p == '\n') {
            line++;
            begin = p + 1;
        }
    }
    return fail(error, ADAPTAU_E_FORMAT, "%s:%lld:%lld: %s", shown_path(fields->bytes->name), (long long)line,
                (long long)(at - begin) + 1, message);
}
