/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/titles.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/columns.h"
#include "common/fail.h"
#include "common/fields.h"
#include "common/layout.h"
#include "common/number.h"

struct table {
    struct fields fields;
    struct layout layout;
    int           item, title; /* columns */
    char          scratch[2][NAME_MAX_BYTES];
};

static bool has_word(const struct field *field, const char *word)
{
    size_t n = strlen(word);
    for (size_t i = 0; i + n <= field->length; i++)
        if (strncasecmp((const char *)field->at + i, word, n) == 0)
            return true;
    return false;
}

/* The header names them, or they are the first two. */
static void find_columns(struct table *table)
{
    static const char *const words[] = {"title", "name", "label", "description"};
    const struct row        *header = &table->fields.row;
    int                      item = columns_find_item(header);
    table->item = item >= 0 ? item : 0;
    table->title = -1;
    for (size_t w = 0; w < sizeof words / sizeof *words && table->title < 0; w++)
        for (int i = 0; i < header->n && table->title < 0; i++)
            if (i != table->item && has_word(&header->fields[i], words[w]))
                table->title = i;
    if (table->title < 0)
        table->title = table->item == 1 ? 0 : 1;
}

static adaptau_status take_row(struct table *table, const struct catalog *catalog, struct titles *titles, adaptau_error *error)
{
    const struct row *row = &table->fields.row;
    int64_t           item;
    size_t            length, size;
    if (row->n <= table->item || row->n <= table->title)
        return fields_fail(&table->fields, row->begin, error, "%d fields, but %d in the other lines", row->n,
                           table->layout.n_fields);
    const struct field *of_item = &row->fields[table->item], *of_title = &row->fields[table->title];
    if (of_item->length > NAME_MAX_BYTES || of_title->length > NAME_MAX_BYTES || of_item->length == 0)
        return ADAPTAU_OK;
    const char *name = field_text(of_item, table->scratch[0], &length), *title = field_text(of_title, table->scratch[1], &size);
    char        number[LABEL_SIZE] = "";
    item = names_find(&catalog->items, name, length);
    if (catalog->items.count == 0 && length < sizeof number) {
        memcpy(number, name, length);
        item = parse_whole(number, 0, (int64_t)catalog->n_items - 1, &item) ? item : -1;
    }
    if (item < 0 || titles->of[item] >= 0)
        return ADAPTAU_OK;
    titles->of[item] = titles->names.count;
    titles->n_found++;
    return names_append(&titles->names, title, size, error);
}

static adaptau_status read_table_of_titles(struct table *table, struct bytes *bytes, const struct catalog *catalog,
                                           struct titles *titles, adaptau_error *error)
{
    static const struct read_options options = {.format = FORMAT_PAIRS};
    bool                             more = true;
    adaptau_status                   status = layout_find(bytes, &options, false, &table->layout, error);
    if (status)
        return status;
    fields_begin(&table->fields, bytes, table->layout.separator);
    table->item = 0;
    table->title = 1;
    if (table->layout.header) {
        status = fields_next(&table->fields, &more, error);
        if (!status && more)
            find_columns(table);
    }
    while (!status && !(status = fields_next(&table->fields, &more, error)) && more)
        status = take_row(table, catalog, titles, error);
    return status;
}

adaptau_status titles_read(struct titles *titles, const struct catalog *catalog, const char *path, adaptau_error *error)
{
    struct bytes bytes;
    *titles = (struct titles){.of = malloc(((size_t)catalog->n_items + 1) * sizeof *titles->of)};
    struct table  *table = malloc(sizeof *table);
    adaptau_status status = titles->of && table ? ADAPTAU_OK : fail_memory(error, "the titles");
    for (int32_t i = 0; i < catalog->n_items && titles->of; i++)
        titles->of[i] = -1;
    if (!status)
        status = bytes_open(&bytes, path, error);
    if (!status) {
        status = bytes_sample(&bytes, LAYOUT_SAMPLE, error);
        if (!status)
            status = read_table_of_titles(table, &bytes, catalog, titles, error);
        bytes_close(&bytes);
    }
    free(table);
    if (status)
        titles_free(titles);
    return status;
}

const char *titles_get(const struct titles *titles, int32_t item)
{
    return titles->of && titles->of[item] >= 0 ? names_get(&titles->names, titles->of[item]) : NULL;
}

void titles_free(struct titles *titles)
{
    names_free(&titles->names);
    free(titles->of);
    *titles = (struct titles){0};
}
