/* SPDX-License-Identifier: MIT */
/* Which rows of an older numbering the rows of a newer one are: what models and temperatures grow and are compacted by. */
#ifndef ATAU_ROW_MAP_H
#define ATAU_ROW_MAP_H

#include <adaptau/dataset.h>

#include <stdbool.h>

#define ATAU_NEW_ROW (-1)

/* By side: ADAPTAU_SIDE_USERS, ADAPTAU_SIDE_ITEMS. */
struct atau_row_map {
    int32_t        n[2];   /* rows now                                                                        */
    int32_t        old[2]; /* rows before                                                                     */
    const int32_t *from[2]; /* [n] the old row, or ATAU_NEW_ROW; NULL: the old rows in front, new ones behind  */
};

static inline int32_t atau_row_from(const struct atau_row_map *map, int side, int64_t r)
{
    if (map->from[side])
        return map->from[side][r];
    return r < map->old[side] ? (int32_t)r : ATAU_NEW_ROW;
}

/* Whether an old row is in no place. */
bool atau_row_map_removes(const struct atau_row_map *map, int side);

/* A caller's map of something that has n_users and n_items, for a dataset that may be NULL: then no row may be new. The arrays stay
 * the caller's. @return E_ARGUMENT, E_ABI, E_SHAPE, E_INDEX, E_MEMORY. */
adaptau_status atau_read_row_map(adaptau_context *context, const adaptau_row_map *given, const adaptau_dataset *dataset,
                                 int32_t n_users, int32_t n_items, struct atau_row_map *out, adaptau_error *error);

#endif
