/* SPDX-License-Identifier: MIT */
/* Which column of a table holds what: by --columns, by the names in its header, or by position. */
#ifndef EXAMPLES_COMMON_COLUMNS_H
#define EXAMPLES_COMMON_COLUMNS_H

#include "common/layout.h"

enum role { ROLE_USER, ROLE_ITEM, ROLE_WEIGHT, ROLE_TIME, N_ROLES };

#define COLUMN_NAME_SIZE 40

struct columns {
    int  at[N_ROLES];                       /* from 0; -1: there is none */
    char names[N_ROLES][COLUMN_NAME_SIZE];  /* from the header, cut; "" without one */
    bool dated_by_numbers;                  /* the name of the column of times says nothing, its numbers do */
};

/* `header` is the first row where layout->header, else NULL. E_FORMAT, E_ARGUMENT (--columns): the message lists the names that
 * there are. `name` is the file's, for messages. */
adaptau_status columns_find(const struct read_options *options, const struct layout *layout, const struct row *header,
                            const char *name, struct columns *columns, adaptau_error *error);

/* Whether a row has a name of users and a name of items in it. */
bool columns_are_named(const struct row *row);

/* The column that names items, "id" too; -1: there is none, or several. */
int columns_find_item(const struct row *header);

/* "user", "item", "weight", "time". */
extern const char *const role_names[N_ROLES];

#endif
