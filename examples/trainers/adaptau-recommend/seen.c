/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/seen.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

/* The model's row for each of the data, -1 for none. Data without names have numbers, which are names to a model that has names. */
static int32_t *translate(const struct names *from, int32_t n, const struct names *to, int32_t n_known)
{
    int32_t *ids = malloc(((size_t)n + 1) * sizeof *ids);
    char     number[LABEL_SIZE];
    for (int32_t id = 0; ids && id < n; id++) {
        const char *name = row_label(from, id, number);
        if (to->count > 0)
            ids[id] = names_find(to, name, strlen(name));
        else
            ids[id] = id < n_known ? id : -1;
    }
    return ids;
}

static adaptau_status check_names(const struct catalog *catalog, const struct data *data, const char *path,
                                  adaptau_error *error)
{
    if ((data->users.count > 0 && catalog->users.count == 0) || (data->items.count > 0 && catalog->items.count == 0))
        return fail(error, ADAPTAU_E_STATE,
                    "%s has names of users or items, but the model has no such names: they cannot be matched",
                    shown_path(path));
    return ADAPTAU_OK;
}

static adaptau_status translate_pairs(const struct catalog *catalog, const struct data *data, struct seen *seen,
                                      struct pairs *known, adaptau_error *error)
{
    int32_t       *users = translate(&data->users, data->n_users, &catalog->users, catalog->n_users);
    int32_t       *items = translate(&data->items, data->n_items, &catalog->items, catalog->n_items);
    adaptau_status status = users && items && seen->counts ? ADAPTAU_OK : fail_memory(error, "the pairs that were seen");
    for (int64_t i = 0; i < data->train.count && !status; i++) {
        int32_t user = users[data->train.users[i]], item = items[data->train.items[i]];
        if (item >= 0)
            seen->counts[item]++;
        if (user >= 0 && item >= 0)
            status = pairs_append(known, user, item, error);
    }
    free(items);
    free(users);
    return status;
}

adaptau_status seen_read(struct seen *seen, const struct catalog *catalog, const char *path, const struct read_options *reading,
                         adaptau_error *error)
{
    struct data    data = {0};
    struct pairs   known = {0};
    *seen = (struct seen){.counts = calloc((size_t)catalog->n_items + 1, sizeof *seen->counts)};
    adaptau_status status = read_data(path, reading, &data, error);
    if (!status)
        status = check_names(catalog, &data, path, error);
    if (!status)
        status = translate_pairs(catalog, &data, seen, &known, error);
    if (!status)
        status = pairs_to_dataset(&known, catalog->context, catalog->n_users, catalog->n_items, &seen->pairs, error);
    seen->n = data.train.count;
    seen->n_unknown = data.train.count - known.count;
    pairs_free(&known);
    data_free(&data);
    if (status)
        seen_free(seen);
    return status;
}

void seen_free(struct seen *seen)
{
    adaptau_dataset_destroy(seen->pairs);
    free(seen->counts);
    *seen = (struct seen){0};
}
