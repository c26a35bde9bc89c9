/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fail.h"
#include "common/number.h"
#include "common/text.h"

#define SUGGESTIONS 3

/* What the model's file has of names. */
struct names_in_file {
    struct catalog *catalog;
    bool            has_users, has_items;
    adaptau_status  status;
    adaptau_error  *error;
};

static int32_t take_names(void *user_data, const adaptau_attachment *attachment)
{
    struct names_in_file *in_file = user_data;
    struct names         *names = NULL;
    if (strcmp(attachment->name, USER_NAMES) == 0) {
        names = &in_file->catalog->users;
        in_file->has_users = true;
    } else if (strcmp(attachment->name, ITEM_NAMES) == 0) {
        names = &in_file->catalog->items;
        in_file->has_items = true;
    }
    if (names)
        in_file->status = names_from_bytes(names, attachment->bytes, attachment->size, in_file->error);
    return in_file->status;
}

static adaptau_status check_names(const struct names *names, int32_t n, const char *path, const char *ending,
                                  adaptau_error *error)
{
    if (names->count == 0 || names->count == n)
        return ADAPTAU_OK;
    return fail(error, ADAPTAU_E_SHAPE, "%s%s has %d names, but the model has %d rows", shown_path(path), ending, names->count,
                n);
}

/* Models of before names were in their files had them beside: MODEL.users.txt and MODEL.items.txt. None is fine, too. */
static adaptau_status read_beside(const char *path, const char *ending, struct names *names, adaptau_error *error)
{
    size_t size = strlen(path) + strlen(ending) + 1;
    char  *names_path = malloc(size);
    if (!names_path)
        return fail_memory(error, "a path");
    snprintf(names_path, size, "%s%s", path, ending);
    adaptau_status status = access(names_path, F_OK) == 0 ? names_read(names, names_path, error) : ADAPTAU_OK;
    free(names_path);
    return status;
}

static adaptau_status read_side(const char *path, bool in_file, const char *ending, int32_t n, struct names *names,
                                adaptau_error *error)
{
    adaptau_status status = in_file ? ADAPTAU_OK : read_beside(path, ending, names, error);
    return status ? status : check_names(names, n, path, in_file ? "" : ending, error);
}

adaptau_status catalog_open(const char *path, int32_t n_threads, struct catalog *catalog, adaptau_error *error)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = n_threads};
    adaptau_error           of_names = {0};
    struct names_in_file    in_file = {.catalog = catalog, .error = &of_names};
    *catalog = (struct catalog){.tables = {.struct_size = sizeof catalog->tables}};
    adaptau_status status = adaptau_context_create(&options, &catalog->context, error);
    if (!status)
        status = adaptau_model_load_with(catalog->context, path, take_names, &in_file, &catalog->model, error);
    if (in_file.status)
        status = fail(error, in_file.status, "%s: %s", shown_path(path), of_names.message);
    if (!status)
        status = adaptau_model_get_tables(catalog->model, &catalog->tables, error);
    catalog->n_users = catalog->tables.n_users;
    catalog->n_items = catalog->tables.n_items;
    if (!status)
        status = read_side(path, in_file.has_users, ".users.txt", catalog->n_users, &catalog->users, error);
    if (!status)
        status = read_side(path, in_file.has_items, ".items.txt", catalog->n_items, &catalog->items, error);
    catalog->knows_names = in_file.has_users || in_file.has_items || catalog->users.count > 0 || catalog->items.count > 0;
    if (status)
        catalog_close(catalog);
    return status;
}

void catalog_close(struct catalog *catalog)
{
    names_free(&catalog->items);
    names_free(&catalog->users);
    adaptau_model_destroy(catalog->model);
    adaptau_context_destroy(catalog->context);
    *catalog = (struct catalog){0};
}

/* ---- words --------------------------------------------------------------------------------------------------------- */

static adaptau_status refuse_name(const struct names *names, const char *kind, const char *word, adaptau_error *error)
{
    char    text[160] = "";
    int32_t alike[SUGGESTIONS];
    int     n_alike = names_similar(names, word, SUGGESTIONS, alike);
    size_t  used = 0;
    for (int i = 0; i < n_alike && used < sizeof text; i++) {
        const char *before = i == 0 ? "; did you mean " : i + 1 == n_alike ? " or " : ", ";
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%.32s\"", before, names_get(names, alike[i]));
    }
    if (n_alike > 0)
        return fail(error, ADAPTAU_E_INDEX, "unknown %s \"%.60s\"%s?", kind, word, text);
    return fail(error, ADAPTAU_E_INDEX, "unknown %s \"%.60s\": none of the model's %d names", kind, word, names->count);
}

static adaptau_status find_row(const char *kind, const char *word, int32_t n, bool named, int32_t *row, adaptau_error *error)
{
    int64_t id;
    if (!parse_whole(word, 0, (int64_t)n - 1, &id))
        return fail(error, ADAPTAU_E_INDEX, "unknown %s \"%.60s\": %s, 0 ... %d", kind, word,
                    named ? "--row wants rows" : "the model has no names, only rows", n - 1);
    *row = (int32_t)id;
    return ADAPTAU_OK;
}

adaptau_status catalog_find(const struct catalog *catalog, bool item, bool as_row, const char *word, int32_t *row,
                            adaptau_error *error)
{
    const struct names *names = item ? &catalog->items : &catalog->users;
    const char         *kind = item ? "item" : "user";
    if (as_row || names->count == 0)
        return find_row(kind, word, item ? catalog->n_items : catalog->n_users, as_row, row, error);
    *row = names_find(names, word, strlen(word));
    return *row >= 0 ? ADAPTAU_OK : refuse_name(names, kind, word, error);
}

/* The line that the text stands in, without blanks around it. */
static adaptau_status read_word(struct text *text, char word[NAME_MAX_BYTES + 1], size_t *length, adaptau_error *error)
{
    *length = 0;
    for (; text->current != '\n' && text->current != TEXT_END; text_step(text)) {
        adaptau_status status = text_check(text, error);
        if (status)
            return status;
        if (*length == NAME_MAX_BYTES)
            return text_fail(text, text->line, text->column, error, "a name of more than %d bytes", NAME_MAX_BYTES);
        if (*length > 0 || text->current != ' ')
            word[(*length)++] = (char)text->current;
    }
    while (*length > 0 && word[*length - 1] == ' ')
        --*length;
    word[*length] = '\0';
    text_step(text);
    return ADAPTAU_OK;
}

adaptau_status read_words(const char *path, struct names *words, adaptau_error *error)
{
    char           word[NAME_MAX_BYTES + 1];
    struct text    text;
    size_t         length;
    adaptau_status status = text_open(&text, path, error);
    if (status)
        return status;
    while (!status && text.current != TEXT_END) {
        status = read_word(&text, word, &length, error);
        if (!status && length > 0)
            status = names_append(words, word, length, error);
    }
    if (!status)
        status = text_status(&text, error);
    text_close(&text);
    return status;
}

adaptau_status catalog_read_rows(const struct catalog *catalog, bool items, bool as_row, const char *path, int32_t **rows,
                                 int32_t *n, int64_t *n_unknown, adaptau_error *error)
{
    struct names   words = {0};
    adaptau_status status = read_words(path, &words, error);
    *n = 0;
    *rows = malloc(((size_t)words.count + 1) * sizeof **rows);
    if (!status && !*rows)
        status = fail_memory(error, "the rows");
    for (int32_t i = 0; i < words.count && !status; i++) {
        status = catalog_find(catalog, items, as_row, names_get(&words, i), &(*rows)[*n], error);
        if (!status)
            ++*n;
        else if (n_unknown && status == ADAPTAU_E_INDEX) {
            ++*n_unknown;
            status = ADAPTAU_OK;
        }
    }
    names_free(&words);
    if (status) {
        free(*rows);
        *rows = NULL;
    }
    return status;
}

const char *row_label(const struct names *names, int32_t id, char buffer[LABEL_SIZE])
{
    if (names->count > 0)
        return names_get(names, id);
    snprintf(buffer, LABEL_SIZE, "%d", id);
    return buffer;
}
