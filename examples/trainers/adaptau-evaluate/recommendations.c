/* SPDX-License-Identifier: MIT */
/* Recommendations from a text: JSON, a table, or a user's items on a line. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "adaptau-evaluate/read_json.h"
#include "common/columns.h"
#include "common/fail.h"
#include "common/fields.h"
#include "common/layout.h"
#include "common/number.h"

struct table {
    struct fields  fields;
    struct layout  layout;
    int            user, item, at; /* columns; `at` of the rank or score, -1: there is none */
    enum value     value;
    char           scratch[2][NAME_MAX_BYTES];
};

/* ---- columns of a table --------------------------------------------------------------------------------------------- */

static int find_word(const struct row *header, const char *const *words)
{
    for (int w = 0; words[w]; w++)
        for (int i = 0; i < header->n; i++)
            if (header->fields[i].length == strlen(words[w]) &&
                strncasecmp((const char *)header->fields[i].at, words[w], header->fields[i].length) == 0)
                return i;
    return -1;
}

/* A column that --list-columns tells, by name or by number from 1. */
static adaptau_status find_told(const struct table *table, const char *text, size_t length, int *at, adaptau_error *error)
{
    char    word[64] = "";
    int64_t number;
    if (length < sizeof word)
        memcpy(word, text, length);
    const char *const words[] = {word, NULL};
    *at = table->layout.header && word[0] ? find_word(&table->fields.row, words) : -1;
    if (*at < 0 && parse_whole(word, 1, table->layout.n_fields, &number))
        *at = (int)number - 1;
    return *at >= 0 ? ADAPTAU_OK
                    : fail(error, ADAPTAU_E_ARGUMENT, "%s: --list-columns: no column \"%.*s\" among %d",
                           shown_path(table->fields.bytes->name), (int)(length < 40 ? length : 40), text, table->layout.n_fields);
}

static adaptau_status take_told(struct table *table, const char *text, adaptau_error *error)
{
    static const char *const keys[] = {"user=", "item=", "rank=", "score="};
    int                      told[4] = {-1, -1, -1, -1};
    while (*text) {
        const size_t length = strcspn(text, ",");
        int          key = 0;
        while (key < 4 && strncmp(text, keys[key], strlen(keys[key])) != 0)
            key++;
        if (key == 4)
            return fail(error, ADAPTAU_E_ARGUMENT,
                        "--list-columns: \"%.*s\" is not user=, item=, rank= or score= with a column's name or number",
                        (int)(length < 60 ? length : 60), text);
        const size_t   before = strlen(keys[key]);
        adaptau_status status = find_told(table, text + before, length - before, &told[key], error);
        if (status)
            return status;
        text += length + (text[length] == ',');
    }
    if (told[0] < 0 || told[1] < 0)
        return fail(error, ADAPTAU_E_ARGUMENT, "--list-columns tells user and item at least");
    table->user = told[0];
    table->item = told[1];
    table->at = told[2] >= 0 ? told[2] : told[3];
    table->value = told[2] >= 0 ? VALUE_RANK : told[3] >= 0 ? VALUE_SCORE : VALUE_NONE;
    return ADAPTAU_OK;
}

/* "user Q0 item rank score tag", as trec_eval reads it. */
static bool is_trec(const struct layout *layout)
{
    const struct column_kind *kinds = layout->kinds;
    return !layout->header && layout->n_fields == 6 && kinds[3].whole && kinds[4].number && !kinds[5].number;
}

static adaptau_status find_columns(struct table *table, adaptau_error *error)
{
    static const struct read_options options = {.format = FORMAT_PAIRS};
    static const char *const         ranks[] = {"rank", "position", "pos", "rank:float", NULL};
    static const char *const         scores[] = {"score", "prediction", "pred", "similarity", "score:float", "rating", NULL};
    const struct row                *header = table->layout.header ? &table->fields.row : NULL;
    struct columns                   columns = {.at = {-1, -1, -1, -1}};
    if (is_trec(&table->layout)) {
        table->user = 0;
        table->item = 2;
        table->at = 3;
        table->value = VALUE_RANK;
        return ADAPTAU_OK;
    }
    adaptau_status status = columns_find(&options, &table->layout, header, table->fields.bytes->name, &columns, error);
    if (status)
        return status;
    table->user = columns.at[ROLE_USER];
    table->item = columns.at[ROLE_ITEM];
    table->at = header ? find_word(header, ranks) : -1;
    table->value = VALUE_RANK;
    if (table->at < 0) {
        table->at = header ? find_word(header, scores) : -1;
        table->value = VALUE_SCORE;
    }
    if (table->at < 0) {
        table->at = columns.at[ROLE_WEIGHT] >= 0 ? columns.at[ROLE_WEIGHT] : columns.at[ROLE_TIME];
        table->value = table->at < 0 ? VALUE_NONE : VALUE_EITHER;
    }
    return ADAPTAU_OK;
}

static void describe(const struct table *table, enum value value, char seen[SUBJECT_SEEN_SIZE])
{
    static const char *const names[] = {"", "rank", "score", ""};
    int                      n = snprintf(seen, SUBJECT_SEEN_SIZE, "recommendations: %s, %s, user = column %d, item = column %d",
                                          separator_name(table->layout.separator), table->layout.header ? "header" : "no header",
                                          table->user + 1, table->item + 1);
    if (value == VALUE_NONE)
        snprintf(seen + n, SUBJECT_SEEN_SIZE - (size_t)n, ", best first");
    else
        snprintf(seen + n, SUBJECT_SEEN_SIZE - (size_t)n, ", %s = column %d", names[value], table->at + 1);
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

static adaptau_status take_name(struct table *table, int column, int side, const char **name, size_t *length, adaptau_error *error)
{
    const struct field *field = &table->fields.row.fields[column];
    if (field->length == 0 || field->length > NAME_MAX_BYTES)
        return fields_fail(&table->fields, field->at, error,
                           field->length == 0 ? "the %s is missing" : "the name of the %s is too long", side ? "item" : "user");
    *name = field_text(field, table->scratch[side], length);
    return ADAPTAU_OK;
}

static adaptau_status take_row(struct table *table, struct entries *entries, adaptau_error *error)
{
    const struct row *row = &table->fields.row;
    const char       *user = "", *item = "";
    size_t            user_length = 0, item_length = 0;
    double            value = 0;
    if (row->n != table->layout.n_fields)
        return fields_fail(&table->fields, row->begin, error, "%d fields, but %d in the other lines", row->n,
                           table->layout.n_fields);
    adaptau_status status = take_name(table, table->user, 0, &user, &user_length, error);
    if (!status)
        status = take_name(table, table->item, 1, &item, &item_length, error);
    if (status)
        return status;
    const struct field *field = table->at >= 0 ? &row->fields[table->at] : NULL;
    if (field && !read_number((const char *)field->at, field->length, table->layout.decimal_comma, &value))
        return fields_fail(&table->fields, field->at, error, "\"%.*s\" is no rank and no score",
                           (int)(field->length < 32 ? field->length : 32), (const char *)field->at);
    const int32_t place = entries_find_user(entries, user, user_length);
    entries->n_lines++;
    entries->n_other_users += place < 0;
    return place < 0 ? ADAPTAU_OK : entries_append(entries, place, item, item_length, value, error);
}

static adaptau_status read_rows(struct table *table, struct bytes *bytes, const struct settings *settings, struct entries *entries,
                                adaptau_error *error)
{
    bool           more = true;
    adaptau_status status = ADAPTAU_OK;
    fields_begin(&table->fields, bytes, table->layout.separator);
    if (table->layout.header)
        status = fields_next(&table->fields, &more, error);
    if (!status && table->layout.shifted)
        fields_shift(&table->fields);
    if (!status)
        status = settings->list_columns ? take_told(table, settings->list_columns, error) : find_columns(table, error);
    while (!status && more && !(status = fields_next(&table->fields, &more, error)) && more)
        status = take_row(table, entries, error);
    return status;
}

/* ---- lists ----------------------------------------------------------------------------------------------------------- */

static adaptau_status take_pair(void *user_data, int32_t user, int32_t item, adaptau_error *error)
{
    struct entries *entries = user_data;
    char            name[16], number[16];
    const int       length = snprintf(name, sizeof name, "%d", user);
    const int32_t   place = entries_find_user(entries, name, (size_t)length);
    entries->n_lines++;
    entries->n_other_users += place < 0;
    return place < 0 ? ADAPTAU_OK
                     : entries_append(entries, place, number, (size_t)snprintf(number, sizeof number, "%d", item), 0, error);
}

static adaptau_status read_user_lists(struct bytes *bytes, struct subject *subject, struct entries *entries, adaptau_error *error)
{
    struct text      text;
    struct id_extent extent = {.largest_user = -1, .largest_item = -1};
    snprintf(subject->seen, sizeof subject->seen, "recommendations: lists, user item item ..., best first");
    text_begin(&text, bytes);
    return read_lists_each(&text, take_pair, entries, &extent, error);
}

/* ---- all of them ------------------------------------------------------------------------------------------------------ */

static adaptau_status find_layout(const struct bytes *bytes, int32_t format, struct layout *layout, adaptau_error *error)
{
    struct read_options options = {.format = format};
    adaptau_error       in_doubt = {0};
    if (format != FORMAT_AUTO)
        return layout_find(bytes, &options, false, layout, error);
    if (layout_find(bytes, &options, false, layout, &in_doubt) == ADAPTAU_OK)
        return ADAPTAU_OK;
    options.format = FORMAT_PAIRS; /* "7 3 1": recommendations are a rank or a score oftener than two items */
    return layout_find(bytes, &options, false, layout, error);
}

static adaptau_status read_table_or_lists(struct bytes *bytes, const struct settings *settings, struct subject *subject,
                                          struct entries *entries, struct table *table, adaptau_error *error)
{
    adaptau_status status = find_layout(bytes, settings->list_format, &table->layout, error);
    if (!status && !table->layout.lists && table->layout.n_fields < 2)
        status = fail(error, ADAPTAU_E_FORMAT, "%s: no recommendations in it: one column, and two are needed", shown_path(bytes->name));
    if (status)
        return status;
    return table->layout.lists ? read_user_lists(bytes, subject, entries, error) : read_rows(table, bytes, settings, entries, error);
}

static bool begins_json(const struct bytes *bytes)
{
    const unsigned char *at = bytes->at;
    while (at < bytes->end && strchr(" \t\r\n", *at) && *at)
        at++;
    return at < bytes->end && (*at == '{' || *at == '[');
}

static adaptau_status read_any(struct bytes *bytes, const struct settings *settings, struct subject *subject, struct entries *entries,
                               struct table *table, adaptau_error *error)
{
    struct text    text;
    adaptau_status status = bytes_sample(bytes, LAYOUT_SAMPLE, error);
    if (status)
        return status;
    if (!begins_json(bytes))
        return read_table_or_lists(bytes, settings, subject, entries, table, error);
    snprintf(subject->seen, sizeof subject->seen, "recommendations: JSON, best first");
    table->layout.lists = true;
    text_begin(&text, bytes);
    return read_json(&text, entries, error);
}

adaptau_status read_recommendations(struct subject *subject, struct truth *truth, const struct settings *settings,
                                    adaptau_error *error)
{
    struct bytes   bytes = {.file = -1};
    struct entries entries = {.truth = truth};
    struct table  *table = calloc(1, sizeof *table);
    const int32_t  k = settings->cutoffs.values[settings->cutoffs.count - 1];
    adaptau_status status = table ? bytes_open(&bytes, subject->path, error) : fail_memory(error, "a table");
    if (status) {
        free(table);
        return status;
    }
    status = read_any(&bytes, settings, subject, &entries, table, error);
    if (!status && entries.n_lines == 0)
        status = fail(error, ADAPTAU_E_FORMAT, "%s: no recommendations in it", shown_path(bytes.name));
    if (!status)
        status = entries_rank(&entries, subject, k, &table->value, error);
    if (!status && !table->layout.lists)
        describe(table, table->value, subject->seen);
    entries_free(&entries);
    bytes_close(&bytes);
    free(table);
    return status;
}
