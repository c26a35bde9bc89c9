/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/catalog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/fail.h"
#include "common/number.h"

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

adaptau_status catalog_open(const char *path, struct catalog *catalog, adaptau_error *error)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 1};
    adaptau_tables          tables = {.struct_size = sizeof tables};
    adaptau_error           of_names = {0};
    struct names_in_file    in_file = {.catalog = catalog, .error = &of_names};
    *catalog = (struct catalog){0};
    adaptau_status status = adaptau_context_create(&options, &catalog->context, error);
    if (!status)
        status = adaptau_model_load_with(catalog->context, path, take_names, &in_file, &catalog->model, error);
    if (in_file.status)
        status = fail(error, in_file.status, "%s: %s", shown_path(path), of_names.message);
    if (!status)
        status = adaptau_model_get_tables(catalog->model, &tables, error);
    catalog->n_users = tables.n_users;
    catalog->n_items = tables.n_items;
    if (!status)
        status = read_side(path, in_file.has_users, ".users.txt", tables.n_users, &catalog->users, error);
    if (!status)
        status = read_side(path, in_file.has_items, ".items.txt", tables.n_items, &catalog->items, error);
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

static adaptau_status refuse_user(const struct catalog *catalog, const char *word, adaptau_error *error)
{
    char    text[160] = "";
    int32_t alike[SUGGESTIONS];
    int     n_alike = names_similar(&catalog->users, word, SUGGESTIONS, alike);
    size_t  used = 0;
    for (int i = 0; i < n_alike && used < sizeof text; i++) {
        const char *before = i == 0 ? "; did you mean " : i + 1 == n_alike ? " or " : ", ";
        used += (size_t)snprintf(text + used, sizeof text - used, "%s\"%.32s\"", before, names_get(&catalog->users, alike[i]));
    }
    if (n_alike > 0)
        return fail(error, ADAPTAU_E_INDEX, "no user \"%.60s\"%s?", word, text);
    return fail(error, ADAPTAU_E_INDEX, "no user \"%.60s\" among %d; ids are 0 ... %d", word, catalog->n_users,
                catalog->n_users - 1);
}

adaptau_status catalog_find_user(const struct catalog *catalog, const char *word, int32_t *user, adaptau_error *error)
{
    int64_t id = names_find(&catalog->users, word, strlen(word));
    if (id < 0 && !parse_whole(word, 0, (int64_t)catalog->n_users - 1, &id))
        return refuse_user(catalog, word, error);
    *user = (int32_t)id;
    return ADAPTAU_OK;
}

const char *row_label(const struct names *names, int32_t id, char buffer[LABEL_SIZE])
{
    if (names->count > 0)
        return names_get(names, id);
    snprintf(buffer, LABEL_SIZE, "%d", id);
    return buffer;
}
