/* SPDX-License-Identifier: MIT */
#include "common/read_data.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/compact.h"
#include "common/fail.h"
#include "common/preamble.h"

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

/* A file on its way into the data. */
struct source {
    const char                *path;
    const struct read_options *options;
    struct data               *data;
    struct pairs              *pairs;
    bool                       settled; /* lists, unless it cannot be: see layout_find */
    bool                       lists;   /* what it was */
    struct preamble            preamble;
    struct id_extent           extent;  /* of lists */
};

static adaptau_status read_lists_of(struct source *source, struct bytes *bytes, adaptau_error *error)
{
    struct text     text;
    struct account *account = &source->data->account;
    text_begin(&text, bytes);
    source->extent = (struct id_extent){.largest_user = -1, .largest_item = -1};
    int64_t        before = source->pairs->count;
    if (source->options->weights)
        return fail(error, ADAPTAU_E_ARGUMENT, "%s: --weights, but lines of a user and its items have none",
                    shown_path(bytes->name));
    adaptau_status status = read_lists(&text, source->pairs, &source->extent, error);
    account->lines += source->extent.n_lines;
    account->interactions += source->pairs->count - before;
    account->comments += source->preamble.n_comments;
    if (!account->seen[0])
        snprintf(account->seen, sizeof account->seen, "lists: %s%s%s%suser item item ... between blanks",
                 bytes->packing ? bytes->packing : "", bytes->packing ? ", " : "", bytes->encoding ? bytes->encoding : "",
                 bytes->encoding ? ", " : "");
    return status;
}

static adaptau_status read_table_of(struct source *source, struct bytes *bytes, const struct layout *layout,
                                    adaptau_error *error)
{
    struct data         *data = source->data;
    const struct reading reading = {&data->users, &data->items, source->pairs, &data->account};
    struct read_options  options = *source->options;
    if (source->pairs == &data->test) /* what is tested on needs no weights                                      */
        options.weights = NULL;
    const bool     weighed = data->account.weighed;
    const int64_t  before = data->account.lines;
    data->account.comments += source->preamble.n_comments;
    adaptau_status status = read_table(bytes, layout, &options, &reading, error);
    const int64_t n_lines = data->account.lines - before;
    if (!status && source->preamble.matrix && n_lines != source->preamble.n_entries)
        status = fail(error, ADAPTAU_E_FORMAT, "%s: %lld entries, but its head says %lld: it is not whole", shown_path(bytes->name),
                      (long long)n_lines, (long long)source->preamble.n_entries);
    data->account.weighed = source->options->weights ? data->account.weighed || weighed : data->account.weighed;
    return status;
}

static adaptau_status read_source(struct source *source, adaptau_error *error)
{
    struct bytes   bytes;
    struct layout  layout = {0};
    adaptau_status status = bytes_open(&bytes, source->path, error);
    if (status)
        return status;
    status = bytes_sample(&bytes, LAYOUT_SAMPLE, error);
    if (!status)
        status = preamble_take(&bytes, &source->preamble, error);
    struct read_options options = *source->options;
    if (source->preamble.matrix) {
        options.format = FORMAT_PAIRS;
        options.separator = SEPARATOR_BLANKS;
        options.header = HEADER_NO;
    }
    if (!status)
        status = layout_find(&bytes, &options, source->settled, &layout, error);
    layout.matrix = source->preamble.matrix;
    source->lists = layout.lists;
    if (!status)
        status = layout.lists ? read_lists_of(source, &bytes, error) : read_table_of(source, &bytes, &layout, error);
    bytes_close(&bytes);
    return status;
}

/* ---- ids of lists -------------------------------------------------------------------------------------------------- */

/* Ids of the larger of two files' extents. */
static int32_t largest(const struct source sources[2], bool items)
{
    int32_t most = -1;
    for (int i = 0; i < 2; i++) {
        int32_t id = items ? sources[i].extent.largest_item : sources[i].extent.largest_user;
        most = id > most ? id : most;
    }
    return most;
}

/* The ids of a file must suit the names, if there are any, or else the number of pairs. */
static adaptau_status check_ids(const struct source *source, adaptau_error *error)
{
    const struct data      *data = source->data;
    const struct id_extent *extent = &source->extent;
    const int64_t           n_pairs = data->train.count + data->test.count;
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
            return fail(error, ADAPTAU_E_FORMAT, "%s:%lld:%lld: %s %d, but %ss.txt has %d names, for 0 ... %d",
                        shown_path(source->path), (long long)sides[i].line, (long long)sides[i].column, sides[i].kind,
                        sides[i].largest, sides[i].kind, sides[i].n_names, sides[i].n_names - 1);
        if (sides[i].n_names == 0 && sides[i].largest > ID_ROOM + ID_ROOM_PER_PAIR * n_pairs)
            return fail(error, ADAPTAU_E_FORMAT,
                        "%s:%lld:%lld: %s %d is out of proportion to %lld pairs: ids are row numbers of a table unless "
                        "--compact-ids",
                        shown_path(source->path), (long long)sides[i].line, (long long)sides[i].column, sides[i].kind,
                        sides[i].largest, (long long)n_pairs);
    }
    return ADAPTAU_OK;
}

/* Names, rows and counts of what was read as lists: `sources` are train and test, the latter perhaps of zeros. */
static adaptau_status settle_ids(struct source sources[2], struct data *data, adaptau_error *error)
{
    const struct read_options *options = sources[0].options;
    adaptau_status             status = ADAPTAU_OK;
    int32_t                    largest_user = largest(sources, false), largest_item = largest(sources, true);
    if (data->users.count == 0 && options->compact != COMPACT_NO)
        status = compact_ids(data, false, largest_user, options->compact == COMPACT_YES, error);
    if (!status && data->items.count == 0 && options->compact != COMPACT_NO)
        status = compact_ids(data, true, largest_item, options->compact == COMPACT_YES, error);
    for (int i = 0; i < 2 && !status; i++) {
        if (data->account.compacted_users > 0)
            sources[i].extent.largest_user = -1;
        if (data->account.compacted_items > 0)
            sources[i].extent.largest_item = -1;
        if (sources[i].data)
            status = check_ids(&sources[i], error);
    }
    if (data->account.compacted_users == 0)
        data->n_users = largest_user >= data->users.count ? largest_user + 1 : data->users.count;
    if (data->account.compacted_items == 0)
        data->n_items = largest_item >= data->items.count ? largest_item + 1 : data->items.count;
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
static adaptau_status read_optional_names(const char *directory, const char *name, struct names *names, adaptau_error *error)
{
    char *path = join(directory, name);
    if (!path)
        return fail_memory(error, "a path");
    adaptau_status status = exists(path) ? names_read(names, path, error) : ADAPTAU_OK;
    free(path);
    return status;
}

static bool has_file(const char *directory, const char *name)
{
    char *path = join(directory, name);
    bool  found = path && exists(path);
    free(path);
    return found;
}

/* What a path holds, and beside it the test pairs: both are laid out alike. `directory` NULL: there are no names. */
static adaptau_status read_both(const char *directory, const char *train, const char *test, const struct read_options *options,
                                struct data *data, adaptau_error *error)
{
    struct read_options again = *options;
    struct source       sources[2] = {{.extent = {.largest_user = -1, .largest_item = -1}},
                                      {.extent = {.largest_user = -1, .largest_item = -1}}};
    sources[0].path = train;
    sources[0].options = options;
    sources[0].data = data;
    sources[0].pairs = &data->train;
    sources[0].settled = directory && (has_file(directory, "users.txt") || has_file(directory, "items.txt"));
    adaptau_status status = read_source(&sources[0], error);
    if (!status && test) {
        again.format = sources[0].lists ? FORMAT_LIGHTGCN : FORMAT_PAIRS;
        sources[1] = (struct source){.path = test, .options = &again, .data = data, .pairs = &data->test};
        sources[1].extent = (struct id_extent){.largest_user = -1, .largest_item = -1};
        data->has_test = data->account.tested = true;
        status = read_source(&sources[1], error);
    }
    if (!status && !sources[0].lists) {
        data->n_users = data->users.count;
        data->n_items = data->items.count;
        return ADAPTAU_OK;
    }
    if (!status && directory)
        status = read_optional_names(directory, "users.txt", &data->users, error);
    if (!status && directory)
        status = read_optional_names(directory, "items.txt", &data->items, error);
    data->lists = true;
    data->titled[0] = data->users.count > 0;
    data->titled[1] = data->items.count > 0;
    return status ? status : settle_ids(sources, data, error);
}

static adaptau_status read_split(const char *directory, const char *train, const struct read_options *options,
                                 struct data *data, adaptau_error *error)
{
    char *test = join(directory, "test.txt");
    if (!test)
        return fail_memory(error, "a path");
    const char    *beside = options->test ? options->test : exists(test) ? test : NULL;
    adaptau_status status = read_both(directory, train, beside, options, data, error);
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
        status = read_both(NULL, path, options->test, options, data, error);
    free(path);
    return status;
}

adaptau_status read_data(const char *path, const struct read_options *options, struct data *data, adaptau_error *error)
{
    static const struct read_options defaults = {0};
    struct data                      read = {0};
    struct stat                      about;
    adaptau_status                   status;
    *data = read;
    if (!options)
        options = &defaults;
    read.account.rated = options->rated;
    read.account.min_rating = options->min_rating;
    read.account.used = options->weights != NULL;
    if (strcmp(path, STDIN_PATH) == 0 && options->test && strcmp(options->test, STDIN_PATH) == 0)
        return fail(error, ADAPTAU_E_ARGUMENT, "standard input cannot be both train and test");
    bool named = strcmp(path, STDIN_PATH) != 0;
    if (named && stat(path, &about) != 0)
        return fail_os(error, errno, "%s", shown_path(path));
    if (named && S_ISDIR(about.st_mode))
        status = read_directory(path, options, &read, error);
    else
        status = read_both(NULL, path, options->test, options, &read, error);
    read.account.kept = read.train.count + read.test.count;
    if (status)
        data_free(&read);
    *data = read;
    return status;
}
