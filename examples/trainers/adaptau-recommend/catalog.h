/* SPDX-License-Identifier: MIT */
/* A saved model with the names of its rows. */
#ifndef ADAPTAU_RECOMMEND_CATALOG_H
#define ADAPTAU_RECOMMEND_CATALOG_H

#include <adaptau/adaptau.h>

#include "common/names.h"

struct catalog {
    adaptau_context *context;
    adaptau_model   *model;
    adaptau_tables   tables;
    int32_t          n_users, n_items;
    struct names     users, items; /* empty where rows are known by their numbers, and where nothing is known of names */
    bool             knows_names;  /* the file says what the rows are called, or that their numbers do */
};

/* `n_threads` rank; 0: all CPUs. On failure *catalog is empty. */
adaptau_status catalog_open(const char *path, int32_t n_threads, struct catalog *catalog, adaptau_error *error);
void           catalog_close(struct catalog *catalog);

/* The row that a word means: of the users, or of the items. Where there are names it is a name, unless `as_row`. E_INDEX for an
 * unknown one, with names that are like it. */
adaptau_status catalog_find(const struct catalog *catalog, bool item, bool as_row, const char *word, int32_t *row,
                            adaptau_error *error);

/* Rows of the words of a file, one per line; blank lines are skipped. In *n_unknown, unless it is NULL, words that the model does
 * not have are counted instead of being errors. `rows` is to be freed. */
adaptau_status catalog_read_rows(const struct catalog *catalog, bool items, bool as_row, const char *path, int32_t **rows,
                                 int32_t *n, int64_t *n_unknown, adaptau_error *error);

/* A row's name, or its number written into `buffer`. */
#define LABEL_SIZE 16
const char *row_label(const struct names *names, int32_t id, char buffer[LABEL_SIZE]);

/* The words of a file as names, in its order, repetitions too; blank lines are skipped. */
adaptau_status read_words(const char *path, struct names *words, adaptau_error *error);

#endif
