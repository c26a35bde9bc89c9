/* SPDX-License-Identifier: MIT */
/* Two tables as they are scored: what scans of all kinds begin with. */
#ifndef ATAU_SCORE_SIDES_H
#define ATAU_SCORE_SIDES_H

#include <adaptau/kernels.h>

#include <stdbool.h>

/* Both sides of the scores, ready to be multiplied. */
struct atau_score_sides {
    adaptau_context *context;
    adaptau_tables   tables;          /* strides filled in; items are ê_i                                     */
    bool             normalise_users; /* users are still raw: ê_u is made as a block is packed                */
    float           *unit_items;      /* the normalised copy of the items where the host's are not, else NULL */
};

/* `tables` as atau_check_tables left them. `check`: E_NUMERIC names the first non-finite row, users first. */
adaptau_status atau_score_sides_open(adaptau_context *context, const adaptau_tables *tables, bool check,
                                     struct atau_score_sides *out, adaptau_error *error);
void           atau_score_sides_close(struct atau_score_sides *sides);

#endif
