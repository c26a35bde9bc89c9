/* SPDX-License-Identifier: MIT */
/* Two tables as they are scored: what scans of all kinds begin with. */
#ifndef ATAU_SCORE_SIDES_H
#define ATAU_SCORE_SIDES_H

#include <adaptau/kernels.h>

#include <stdbool.h>

#include "kernels/halves.h"

/* Tables of a host, or of a model that is in a file: a side in binary16 has NULL for its rows in `of`. Flags say of such rows what they
 * would say of the same ones in float32. */
struct atau_tables {
    adaptau_tables     of;
    struct atau_halves halves[2]; /* by side: ADAPTAU_SIDE_USERS, ADAPTAU_SIDE_ITEMS                          */
};

static inline struct atau_tables atau_tables_of_host(const adaptau_tables *tables)
{
    return (struct atau_tables){.of = *tables};
}

/* Both sides of the scores. Items in float32 are ready to be multiplied, for they are read once for each block of users; halves are
 * widened, and normalised, as they are read: what a block is multiplied by is some hundred times as much work. */
struct atau_score_sides {
    adaptau_context   *context;
    adaptau_tables     tables;          /* strides filled in; items are ê_i, where they are no halves            */
    struct atau_halves halves[2];
    bool               normalise_users; /* users are still raw: ê_u is made as a block is packed                */
    bool               normalise_items; /* halves alone                                                         */
    float             *unit_items;      /* the normalised copy of the items where the host's are not, else NULL */
};

/* `tables` as atau_check_tables left them. `check`: E_NUMERIC names the first non-finite row, users first; halves are finite. */
adaptau_status atau_score_sides_open(adaptau_context *context, const struct atau_tables *tables, bool check,
                                     struct atau_score_sides *out, adaptau_error *error);
void           atau_score_sides_close(struct atau_score_sides *sides);

/* ê_u: where it is, or in scratch[d]. */
const float *atau_score_user(const struct atau_score_sides *sides, int64_t user, float *scratch);

/* ê_i of items first … first + n − 1, *stride apart: where they are, or in scratch[n x d], which may be NULL where items are float32. */
const float *atau_score_items(const struct atau_score_sides *sides, int64_t first, int64_t n, float *scratch, int64_t *stride);

#endif
