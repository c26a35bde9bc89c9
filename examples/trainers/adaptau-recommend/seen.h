/* SPDX-License-Identifier: MIT */
#ifndef ADAPTAU_RECOMMEND_SEEN_H
#define ADAPTAU_RECOMMEND_SEEN_H

#include "adaptau-recommend/catalog.h"
#include "common/read_data.h"

/* All zero is nothing. */
struct seen {
    adaptau_dataset *pairs;  /* in the model's rows */
    int64_t         *counts; /* [n_items] interactions of each item, with users that the model does not have, too */
    int64_t          n, n_unknown; /* interactions; those whose user or item the model does not have */
};

/* A file, or the train pairs of a directory: by name where the model has names, else by row. E_STATE where names and rows cannot
 * be told from each other: the data have names and the model has none. On failure *seen is empty. */
adaptau_status seen_read(struct seen *seen, const struct catalog *catalog, const char *path, const struct read_options *reading,
                         adaptau_error *error);

void seen_free(struct seen *seen);

#endif
