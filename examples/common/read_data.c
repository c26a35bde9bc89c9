/* SPDX-License-Identifier: MIT */
#include "common/read_data.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/fail.h"

/* Ids are row numbers of tables that are allocated whole, so one stray digit could ask for terabytes. */
#define ID_ROOM 1000000
#define ID_ROOM_PER_PAIR 100

void data_free(struct data *data)
{
    pairs_free(&data->train);
    pairs_free(&data->test);
    names_free(&data->users);
    names_free(&data->items);
    *data = (struct data){0};
}

/* ---- one file ------------------------------------------------------------------------------------------------------ */

/* The ids of a lightgcn file must suit the names, if there are any, or else the number of pairs read so far. */
static adaptau_status check_ids(const struct text *text, const struct id_extent *extent, const struct data *data,
                                adaptau_error *error)
{
    int64_t n_pairs = data->train.count + data->test.count;
    const struct {
        const char *kind;
        int32_t     largest;
        int64_t     line, column;
        int32_t     n_names;
    } sides[2] = {
        {"user", extent->largest_user, extent->user_line, extent->user_column, data->users.count},
        {"item", extent->largest_item, extent->item_line, extent->item_column, data->items.count},
    };
    for (int i = 0; i < 2; i++) {
        if (sides[i].n_names > 0 && sides[i].largest >= sides[i].n_names)
            return text_fail(text, sides[i].line, sides[i].column, error, "%s %d, but %ss.txt has %d names, for 0 ... %d",
                             sides[i].kind, sides[i].largest, sides[i].kind, sides[i].n_names, sides[i].n_names - 1);
        if (sides[i].n_names == 0 && sides[i].largest > ID_ROOM + ID_ROOM_PER_PAIR * n_pairs)
            return text_fail(text, sides[i].line, sides[i].column, error,
                             "%s %d is out of proportion to %lld pairs: ids are row numbers of a table", sides[i].kind,
                             sides[i].largest, (long long)n_pairs);
    }
    return ADAPTAU_OK;
}

static void count_ids(struct data *data, const struct id_extent *extent)
{
    if (data->n_users <= extent->largest_user)
        data->n_users = extent->largest_user + 1;
    if (data->n_items <= extent->largest_item)
        data->n_items = extent->largest_item + 1;
}

static adaptau_status read_text(struct text *text, const struct read_options *options, struct data *data, struct pairs *pairs,
                                adaptau_error *error)
{
    bool paired = options->format == FORMAT_PAIRS || (options->format == FORMAT_AUTO && find_separator(text) != 0);
    if (paired) {
        adaptau_status status = read_pairs(text, options, &data->users, &data->items, pairs, error);
        data->n_users = data->users.count;
        data->n_items = data->items.count;
        return status;
    }
    struct id_extent extent = {.largest_user = -1, .largest_item = -1};
    adaptau_status   status = read_lightgcn(text, pairs, &extent, error);
    if (!status)
        status = check_ids(text, &extent, data, error);
    if (!status)
        count_ids(data, &extent);
    return status;
}

static adaptau_status read_file(const char *path, const struct read_options *options, struct data *data, struct pairs *pairs,
                                adaptau_error *error)
{
    struct text    text;
    adaptau_status status = text_open(&text, path, error);
    if (status)
        return status;
    status = read_text(&text, options, data, pairs, error);
    text_close(&text);
    return status;
}

/* ---- a directory --------------------------------------------------------------------------------------------------- */

static char *join(const char *directory, const char *name)
{
    size_t size = strlen(directory) + strlen(name) + 2;
    char  *path = malloc(size);
    if (path)
        snprintf(path, size, "%s/%s", directory, name);
    return path;
}

static bool exists(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0;
}

static bool is_file(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

/* names_read, where no file is fine. */
static adaptau_status read_optional_names(const char *directory, const char *name, struct names *names, int32_t *count,
                                          adaptau_error *error)
{
    char *path = join(directory, name);
    if (!path)
        return fail_memory(error, "a path");
    adaptau_status status = exists(path) ? names_read(names, path, error) : ADAPTAU_OK;
    free(path);
    *count = names->count;
    return status;
}

static adaptau_status read_split(const char *directory, const char *train, const struct read_options *options,
                                 struct data *data, adaptau_error *error)
{
    struct read_options stated = *options;
    adaptau_status      status = ADAPTAU_OK;
    if (stated.format == FORMAT_AUTO)
        stated.format = FORMAT_LIGHTGCN;
    char *test = join(directory, "test.txt");
    if (!test)
        return fail_memory(error, "a path");
    if (stated.format == FORMAT_LIGHTGCN) {
        status = read_optional_names(directory, "users.txt", &data->users, &data->n_users, error);
        if (!status)
            status = read_optional_names(directory, "items.txt", &data->items, &data->n_items, error);
    }
    if (!status)
        status = read_file(train, &stated, data, &data->train, error);
    data->has_test = exists(test);
    if (!status && data->has_test)
        status = read_file(test, &stated, data, &data->test, error);
    free(test);
    return status;
}

/* The path of the one file of a directory that can hold interactions. */
static adaptau_status find_single_file(const char *directory, char **path, adaptau_error *error)
{
    DIR *entries = opendir(directory);
    if (!entries)
        return fail_os(error, errno, "%s", shown_path(directory));
    char                *found = NULL;
    int                  n_files = 0;
    const struct dirent *entry;
    while ((entry = readdir(entries))) {
        char *candidate = entry->d_name[0] == '.' ? NULL : join(directory, entry->d_name);
        if (candidate && is_file(candidate) && n_files++ == 0)
            found = candidate;
        else
            free(candidate);
    }
    closedir(entries);
    if (n_files == 1 && found) {
        *path = found;
        return ADAPTAU_OK;
    }
    free(found);
    return fail(error, ADAPTAU_E_IO, "%s: no train.txt, ratings.dat, ratings.csv or u.data in it, and %d other files: name one",
                shown_path(directory), n_files);
}

static adaptau_status read_directory(const char *directory, const struct read_options *options, struct data *data,
                                     adaptau_error *error)
{
    static const char *const known[] = {"train.txt", "ratings.dat", "ratings.csv", "u.data"};
    char                    *path = NULL;
    size_t                   which = 0;
    adaptau_status           status = ADAPTAU_OK;
    for (; which < sizeof known / sizeof *known; which++) {
        path = join(directory, known[which]);
        if (!path)
            return fail_memory(error, "a path");
        if (exists(path))
            break;
        free(path);
        path = NULL;
    }
    if (!path)
        status = find_single_file(directory, &path, error);
    if (!status && which == 0)
        status = read_split(directory, path, options, data, error);
    else if (!status)
        status = read_file(path, options, data, &data->train, error);
    free(path);
    return status;
}

adaptau_status read_data(const char *path, const struct read_options *options, struct data *data, adaptau_error *error)
{
    static const struct read_options defaults = {0};
    struct data                      read = {0};
    struct stat                      about;
    adaptau_status                   status;
    if (!options)
        options = &defaults;
    if (stat(path, &about) != 0)
        return fail_os(error, errno, "%s", shown_path(path));
    if (S_ISDIR(about.st_mode))
        status = read_directory(path, options, &read, error);
    else
        status = read_file(path, options, &read, &read.train, error);
    if (status)
        data_free(&read);
    *data = read;
    return status;
}
