/* SPDX-License-Identifier: MIT */
#include "core/row_map.h"

#include <string.h>

#include "common/abi.h"
#include "common/context.h"
#include "common/error.h"
#include "core/dataset.h"

#define NOWHERE (-1)

static const char *const names[2] = {"users", "items"};

bool atau_row_map_removes(const struct atau_row_map *map, int side)
{
    int32_t n_kept = 0;
    for (int32_t r = 0; r < map->n[side]; r++)
        n_kept += atau_row_from(map, side, r) != ATAU_NEW_ROW;
    return n_kept < map->old[side];
}

/* Every old row has at most one place. `places` [old] remembers it, so that the message can name both. */
static adaptau_status check_rows(const struct atau_row_map *map, int side, bool may_be_new, int32_t *places, adaptau_error *error)
{
    for (int32_t r = 0; r < map->old[side]; r++)
        places[r] = NOWHERE;
    for (int32_t r = 0; r < map->n[side]; r++) {
        const int32_t from = map->from[side][r];
        if (from == ATAU_NEW_ROW && !may_be_new)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "map->%s[%d] = -1 is new, but dataset is NULL: nothing tells where it starts",
                             names[side], r);
        if (from == ATAU_NEW_ROW)
            continue;
        if (from < 0 || from >= map->old[side])
            return atau_fail(error, ADAPTAU_E_INDEX, "map->%s[%d] = %d, but there were %d %s", names[side], r, from, map->old[side],
                             names[side]);
        if (places[from] != NOWHERE)
            return atau_fail(error, ADAPTAU_E_INDEX, "map->%s[%d] = %d, which map->%s[%d] is, too", names[side], r, from, names[side],
                             places[from]);
        places[from] = r;
    }
    return ADAPTAU_OK;
}

static adaptau_status check_side(adaptau_context *context, const struct atau_row_map *map, int side, bool may_be_new,
                                 adaptau_error *error)
{
    const int32_t n = map->n[side], old = map->old[side];
    if (!map->from[side] && n < old)
        return atau_fail(error, ADAPTAU_E_SHAPE, "map->%s is NULL, which removes none, but map->n_%s = %d and there were %d",
                         names[side], names[side], n, old);
    if (!map->from[side] && n > old && !may_be_new)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "map->n_%s = %d, but there were %d, and dataset is NULL: nothing tells where new %s "
                         "start", names[side], n, old, names[side]);
    if (!map->from[side])
        return ADAPTAU_OK;
    const size_t bytes = (size_t)old * sizeof(int32_t);
    int32_t     *places = atau_allocate_array(context, (uint64_t)old, sizeof(int32_t));
    if (!places)
        return atau_fail_memory(error, bytes, "the places of old rows");
    adaptau_status status = check_rows(map, side, may_be_new, places, error);
    atau_free(context, places, bytes);
    return status;
}

static adaptau_status check_numbers(const adaptau_row_map *map, const adaptau_dataset *dataset, adaptau_error *error)
{
    if (map->n_users < 0 || map->n_items < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "map->n_%s = %d is negative", map->n_users < 0 ? "users" : "items",
                         map->n_users < 0 ? map->n_users : map->n_items);
    if (map->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "map->reserved = %d, not 0", map->reserved);
    if (dataset && (dataset->n_users != map->n_users || dataset->n_items != map->n_items))
        return atau_fail(error, ADAPTAU_E_SHAPE, "map is of %d users x %d items, but dataset of %d x %d", map->n_users, map->n_items,
                         dataset->n_users, dataset->n_items);
    return ADAPTAU_OK;
}

adaptau_status atau_read_row_map(adaptau_context *context, const adaptau_row_map *given, const adaptau_dataset *dataset,
                                 int32_t n_users, int32_t n_items, struct atau_row_map *out, adaptau_error *error)
{
    adaptau_row_map map;
    adaptau_status  status = atau_read_struct(&map, sizeof map, sizeof map, given, false, "map", error);
    if (status == ADAPTAU_OK)
        status = check_numbers(&map, dataset, error);
    if (status != ADAPTAU_OK)
        return status;
    *out = (struct atau_row_map){{map.n_users, map.n_items}, {n_users, n_items}, {map.users, map.items}};
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        status = check_side(context, out, side, dataset != NULL, error);
    return status;
}
