/* SPDX-License-Identifier: MIT */
/* Ids with gaps between them become rows without: the ids that somebody has, in their order, with their numbers as names. */
#ifndef EXAMPLES_COMMON_COMPACT_H
#define EXAMPLES_COMMON_COMPACT_H

#include <stdbool.h>

#include "common/read_data.h"

/* Of the items, or of the users, whose largest id is `largest`. Unless it is `wanted` anyway, only where most of the rows would
 * belong to nobody; account.compacted_* tell. */
adaptau_status compact_ids(struct data *data, bool items, int32_t largest, bool wanted, adaptau_error *error);

/* Leave out users and items with fewer than `least` different interactions in train until there are none, and their test pairs.
 * The others get new rows in the same order, and keep their names. */
adaptau_status keep_core(struct data *data, int64_t least, adaptau_error *error);

#endif
