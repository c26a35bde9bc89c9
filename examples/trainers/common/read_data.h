/* SPDX-License-Identifier: MIT */
/* Interactions from text files.
 *
 *  lists  "user item item ..." per line, ids counted from 0 (LightGCN). Names, where a directory has users.txt and items.txt: one
 *         per line, line number = id.
 *  pairs  a table with a line for each interaction: a user, an item and perhaps a weight and a time, in any columns, between any
 *         separator. Users and items are names, numbers too: ids are given in order of first appearance.
 *
 * Which of them a file is, is found out (layout.h), and so is what it may be packed by (bytes.h). Blank lines are skipped, CRLF is
 * a line end, the last line need not have one. Anything else that does not fit is an error "file:line:column: message"; no file,
 * however broken or long, takes more memory than in proportion to its text. */
#ifndef EXAMPLES_COMMON_READ_DATA_H
#define EXAMPLES_COMMON_READ_DATA_H

#include <stdbool.h>

#include "common/account.h"
#include "common/columns.h"
#include "common/layout.h"
#include "common/names.h"
#include "common/pairs.h"
#include "common/reading.h"
#include "common/text.h"

/* All zero is empty. */
struct data {
    struct pairs   train;
    struct pairs   test;
    bool           has_test; /* the test pairs came with the data */
    bool           lists;    /* they were lists: ids are rows, unless they were numbered anew */
    bool           titled[2]; /* names of users, of items came from a file of names */
    int32_t        n_users, n_items;
    struct names   users, items; /* empty when the ids have no names */
    struct account account;
};

/* Read a file ("-": standard input), or a directory with train.txt, perhaps test.txt, users.txt and items.txt; or with
 * ratings.dat, ratings.csv or u.data; or with a single file. options->test is read as test pairs. On failure *data is empty. */
adaptau_status read_data(const char *path, const struct read_options *options, struct data *data, adaptau_error *error);

void data_free(struct data *data);

/* Where the largest ids of lists stood. */
struct id_extent {
    int32_t largest_user, largest_item; /* -1 when there is none */
    int64_t user_line, user_column;
    int64_t item_line, item_column;
    int64_t n_lines; /* with a user */
};

/* Lists pair by pair, for those that keep only some. */
typedef adaptau_status (*pair_visitor)(void *user_data, int32_t user, int32_t item, adaptau_error *error);
adaptau_status read_lists_each(struct text *text, pair_visitor visit, void *user_data, struct id_extent *extent,
                               adaptau_error *error);

/* ---- the two readers, from where a text or bytes stand to their end -------------------------------------------------- */

adaptau_status read_lists(struct text *text, struct pairs *pairs, struct id_extent *extent, adaptau_error *error);

/* Where a table's interactions go. */
struct reading {
    struct names   *users, *items;
    struct pairs   *pairs;
    struct account *account;
};

adaptau_status read_table(struct bytes *bytes, const struct layout *layout, const struct read_options *options,
                          const struct reading *reading, adaptau_error *error);

#endif
