/* SPDX-License-Identifier: MIT */
/* Lists of ids as hosts hand them over (CSR): list r is ids[ptr[r]] … ids[ptr[r + 1] − 1], ascending, in [0, limit). */
#ifndef ATAU_LISTS_H
#define ATAU_LISTS_H

#include <adaptau/base.h>

#include <stdbool.h>
#include <stdint.h>

struct atau_lists {
    int64_t        n;    /* lists                                                                             */
    const int64_t *ptr;  /* [n + 1]                                                                           */
    const int32_t *ids;  /* [ptr[n]]; NULL is fine where that is 0                                            */
    int32_t        limit;
    bool           may_repeat; /* an id may come several times in a list                                      */
    const char    *ptr_name, *ids_name, *limit_name; /* for messages, as the caller knows them                */
};

/* E_SHAPE unless ptr starts at 0 and never falls; E_ARGUMENT for an array that is NULL and should not be. */
adaptau_status atau_check_list_offsets(const struct atau_lists *lists, adaptau_error *error);

/* E_INDEX for an id that is out of range or not above the one before it in its list. The offsets have been checked. A list
 * without repeats that claims more than `limit` ids fails within its first limit + 1: an absurd offset reads no further. */
adaptau_status atau_check_list_ids(const struct atau_lists *lists, adaptau_error *error);

/* Both. */
adaptau_status atau_check_lists(const struct atau_lists *lists, adaptau_error *error);

#endif
