/* SPDX-License-Identifier: MIT */
/* A saved model with the names of its rows. */
#ifndef ADAPTAU_RECOMMEND_CATALOG_H
#define ADAPTAU_RECOMMEND_CATALOG_H

#include <adaptau/adaptau.h>

#include "common/names.h"

struct catalog {
    adaptau_context *context;
    adaptau_model   *model;
    int32_t          n_users, n_items;
    struct names     users, items; /* empty when there is no such file */
};

/* On failure *catalog is empty. */
adaptau_status catalog_open(const char *path, struct catalog *catalog, adaptau_error *error);
void           catalog_close(struct catalog *catalog);

/* The user whom a word on the command line means. E_INDEX for an unknown one, with names that are like it. */
adaptau_status catalog_find_user(const struct catalog *catalog, const char *word, int32_t *user, adaptau_error *error);

/* A row's name, or its id written into `buffer`. */
#define LABEL_SIZE 16
const char *row_label(const struct names *names, int32_t id, char buffer[LABEL_SIZE]);

#endif
