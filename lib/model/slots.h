/* SPDX-License-Identifier: MIT */
/* Where the rows of a table stand in a list, for as long as the list is in use. Between two lists every row is at −1, nowhere:
 * what was placed is taken back before the slots are lent again. */
#ifndef ATAU_SLOTS_H
#define ATAU_SLOTS_H

#include <stdint.h>

/* ids[n], each once. */
static inline void atau_slots_place(int32_t *slots, int64_t n, const int32_t *ids)
{
    for (int64_t k = 0; k < n; k++)
        slots[ids[k]] = (int32_t)k;
}

static inline void atau_slots_take_back(int32_t *slots, int64_t n, const int32_t *ids)
{
    for (int64_t k = 0; k < n; k++)
        slots[ids[k]] = -1;
}

#endif
