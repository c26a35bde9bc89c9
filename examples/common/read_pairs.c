/* SPDX-License-Identifier: MIT */
#include "common/read_data.h"

#include <string.h>
#include <strings.h>

#include "common/fail.h"
#include "common/number.h"

#define FIELDS 3 /* user, item, rating; what follows is skipped */

/* One field of a line. */
struct field {
    char    bytes[NAME_MAX_BYTES + 1]; /* ends in NUL */
    size_t  length;
    int64_t column;
};

struct record {
    struct field fields[FIELDS];
    int          n_fields; /* counts further ones too */
    int64_t      line;
};

int find_separator(const struct text *text)
{
    int  found = 0, before = 0;
    bool blank = true;
    for (const unsigned char *at = text->next;; at++) {
        int c = at == text->next ? text->current : at[-1];
        if ((c == '\n' || c == '\r') && !blank)
            return found;
        if (c == ':' && before == ':')
            return ':';
        if (c == '\t' || (c == ',' && found == 0))
            found = c;
        blank = blank && (c == '\n' || c == '\r' || c == ' ');
        before = c;
        if (at == text->end)
            return found;
    }
}

static bool ends_line(int c)
{
    return c == '\n' || c == TEXT_END;
}

/* Step over the separator if the text stands on one. A single ':' is a character like any other. */
static bool take_separator(struct text *text, int separator)
{
    if (text->current != separator)
        return false;
    if (separator == ':' && !(text_has_next(text) && *text->next == ':'))
        return false;
    text_step(text);
    if (separator == ':')
        text_step(text);
    return true;
}

static adaptau_status put_byte(struct text *text, struct field *field, adaptau_error *error)
{
    adaptau_status status = text_check(text, error);
    if (status)
        return status;
    if (field->length == NAME_MAX_BYTES)
        return text_fail(text, text->line, text->column, error, "a field of more than %d bytes", NAME_MAX_BYTES);
    field->bytes[field->length++] = (char)text->current;
    text_step(text);
    return ADAPTAU_OK;
}

/* RFC 4180: "" inside quotes is a quote. A line break inside quotes is refused, names being one per line elsewhere. */
static adaptau_status read_quoted(struct text *text, struct field *field, adaptau_error *error)
{
    text_step(text);
    for (;;) {
        if (ends_line(text->current))
            return text_fail(text, text->line, field->column, error, "a quote that is not closed on its line");
        if (text->current == '"') {
            text_step(text);
            if (text->current != '"')
                return ADAPTAU_OK;
        }
        adaptau_status status = put_byte(text, field, error);
        if (status)
            return status;
    }
}

static void skip_spaces(struct text *text)
{
    while (text->current == ' ')
        text_step(text);
}

/* The field where the text stands, and the separator behind it; *more tells whether another field follows. */
static adaptau_status read_field(struct text *text, int separator, struct field *field, bool *more, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    skip_spaces(text);
    field->length = 0;
    field->column = text->column;
    bool quoted = separator == ',' && text->current == '"';
    if (quoted) {
        status = read_quoted(text, field, error);
        skip_spaces(text);
    }
    *more = false;
    while (!status && !ends_line(text->current) && !(*more = take_separator(text, separator))) {
        if (quoted)
            return text_fail(text, text->line, text->column, error, "text behind a closing quote");
        status = put_byte(text, field, error);
    }
    while (!quoted && field->length > 0 && field->bytes[field->length - 1] == ' ')
        field->length--;
    field->bytes[field->length] = '\0';
    return status;
}

/* What follows the rating does not matter, but for NUL bytes. */
static adaptau_status skip_line(struct text *text, adaptau_error *error)
{
    for (; !ends_line(text->current); text_step(text))
        if (text->current == '\0')
            return text_check(text, error);
    return ADAPTAU_OK;
}

static adaptau_status read_record(struct text *text, int separator, struct record *record, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    bool           more = true;
    record->line = text->line;
    record->n_fields = 0;
    while (more && !status && record->n_fields < FIELDS)
        status = read_field(text, separator, &record->fields[record->n_fields++], &more, error);
    if (!status && more)
        status = skip_line(text, error);
    if (!status)
        text_step(text);
    return status;
}

/* ---- headers ------------------------------------------------------------------------------------------------------ */

/* "user", "userId", "user_id", "uid", "u"; "item", "movieId", "book_id", ... */
static bool names_column(const struct field *field)
{
    static const char *const words[] = {"user", "item", "movie", "book", "song", "track", "artist", "business", "product"};
    const char              *text = field->bytes + (field->bytes[0] == '#');
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        size_t length = strlen(words[i]);
        if (strncasecmp(text, words[i], length) != 0)
            continue;
        const char *rest = text + length;
        rest += *rest == '_' || *rest == ' ' || *rest == '-' || *rest == ':';
        if (*rest == '\0' || strcasecmp(rest, "id") == 0 || strcasecmp(rest, "s") == 0 || strncasecmp(rest, "id:", 3) == 0)
            return true;
    }
    return strcasecmp(text, "uid") == 0 || strcasecmp(text, "iid") == 0;
}

/* A first line is a header when its first two fields are words that name such columns. Anything cleverer would one day drop a
 * pair without a word; --header says it outright. */
static bool has_header(const struct record *first)
{
    return first->n_fields >= 2 && names_column(&first->fields[0]) && names_column(&first->fields[1]);
}

/* ---- records to pairs --------------------------------------------------------------------------------------------- */

static adaptau_status check_record(const struct text *text, const struct record *record, const struct read_options *options,
                                   adaptau_error *error)
{
    static const char *const kinds[FIELDS] = {"user", "item", "rating"};
    int                      needed = options->rated ? 3 : 2;
    if (record->n_fields < needed)
        return text_fail(text, record->line, record->fields[record->n_fields - 1].column, error,
                         "%d field%s where %d are needed: user, item%s", record->n_fields, record->n_fields == 1 ? "" : "s",
                         needed, options->rated ? ", rating" : "");
    for (int i = 0; i < needed; i++)
        if (record->fields[i].length == 0)
            return text_fail(text, record->line, record->fields[i].column, error, "the %s is missing", kinds[i]);
    double rating;
    if (options->rated && !parse_decimal(record->fields[2].bytes, &rating))
        return text_fail(text, record->line, record->fields[2].column, error, "\"%.32s\" is no rating",
                         record->fields[2].bytes);
    return ADAPTAU_OK;
}

static adaptau_status keep_record(const struct record *record, const struct read_options *options, struct names *users,
                                  struct names *items, struct pairs *pairs, adaptau_error *error)
{
    double rating = 0;
    if (options->rated && parse_decimal(record->fields[2].bytes, &rating) && rating < options->min_rating)
        return ADAPTAU_OK;
    int32_t             user = 0, item = 0;
    const struct field *names = record->fields;
    adaptau_status      status = names_intern(users, names[0].bytes, names[0].length, &user, error);
    if (!status)
        status = names_intern(items, names[1].bytes, names[1].length, &item, error);
    if (!status)
        status = pairs_append(pairs, user, item, error);
    return status;
}

adaptau_status read_pairs(struct text *text, const struct read_options *options, struct names *users, struct names *items,
                          struct pairs *pairs, adaptau_error *error)
{
    struct record  record;
    adaptau_status status = ADAPTAU_OK;
    int            separator = find_separator(text);
    bool           first = true;
    if (separator == 0)
        separator = '\t';
    while (!status && text->current != TEXT_END) {
        if (text->current == '\n') {
            text_step(text);
            continue;
        }
        status = read_record(text, separator, &record, error);
        bool header =
            first && !status && (options->header == HEADER_YES || (options->header == HEADER_AUTO && has_header(&record)));
        first = false;
        if (status || header)
            continue;
        status = check_record(text, &record, options, error);
        if (!status)
            status = keep_record(&record, options, users, items, pairs, error);
    }
    return status ? status : text_status(text, error);
}
