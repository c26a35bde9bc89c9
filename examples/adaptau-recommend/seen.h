/* SPDX-License-Identifier: MIT */
#ifndef ADAPTAU_RECOMMEND_SEEN_H
#define ADAPTAU_RECOMMEND_SEEN_H

#include "adaptau-recommend/catalog.h"
#include "common/read_data.h"

/* The pairs of a file, or of train.txt in a directory, in the model's ids: by name where both have names, else by number. Pairs
 * of users or items that the model doesn't know cannot be recommended, and are left out. */
adaptau_status read_seen(const struct catalog *catalog, const char *path, const struct read_options *reading,
                         adaptau_dataset **out, adaptau_error *error);

#endif
