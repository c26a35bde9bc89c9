/* SPDX-License-Identifier: MIT */
/* What items are called: a table with a column of items and one of titles. */
#ifndef ADAPTAU_RECOMMEND_TITLES_H
#define ADAPTAU_RECOMMEND_TITLES_H

#include "adaptau-recommend/catalog.h"

/* All zero is none. */
struct titles {
    struct names names; /* the titles */
    int32_t     *of;    /* [n_items] a title's number, -1: none */
    int64_t      n_found;
};

/* Of the model's items; others are skipped. By the names in the header, or the first two columns. On failure *titles is empty. */
adaptau_status titles_read(struct titles *titles, const struct catalog *catalog, const char *path, adaptau_error *error);

/* NULL: none. */
const char *titles_get(const struct titles *titles, int32_t item);

void titles_free(struct titles *titles);

#endif
