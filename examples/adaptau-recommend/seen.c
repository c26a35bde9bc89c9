/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/seen.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

/* The model's id for each id of the data, -1 for none. */
static int32_t *translate(const struct names *from, int32_t n, const struct names *to, int32_t n_known)
{
    int32_t *ids = malloc(((size_t)n + 1) * sizeof *ids);
    for (int32_t id = 0; ids && id < n; id++) {
        const char *name = from->count > 0 && to->count > 0 ? names_get(from, id) : NULL;
        if (name)
            ids[id] = names_find(to, name, strlen(name));
        else
            ids[id] = id < n_known ? id : -1;
    }
    return ids;
}

static adaptau_status translate_pairs(const struct catalog *catalog, const struct data *data, struct pairs *known,
                                      adaptau_error *error)
{
    int32_t       *users = translate(&data->users, data->n_users, &catalog->users, catalog->n_users);
    int32_t       *items = translate(&data->items, data->n_items, &catalog->items, catalog->n_items);
    adaptau_status status = users && items ? ADAPTAU_OK : fail_memory(error, "the pairs that were seen");
    for (int64_t i = 0; i < data->train.count && !status; i++) {
        int32_t user = users[data->train.users[i]], item = items[data->train.items[i]];
        if (user >= 0 && item >= 0)
            status = pairs_append(known, user, item, error);
    }
    free(items);
    free(users);
    return status;
}

adaptau_status read_seen(const struct catalog *catalog, const char *path, const struct read_options *reading,
                         adaptau_dataset **out, adaptau_error *error)
{
    struct data    data;
    struct pairs   known = {0};
    adaptau_status status = read_data(path, reading, &data, error);
    if (!status)
        status = translate_pairs(catalog, &data, &known, error);
    if (!status)
        status = pairs_to_dataset(&known, catalog->context, catalog->n_users, catalog->n_items, out, error);
    pairs_free(&known);
    data_free(&data);
    return status;
}
