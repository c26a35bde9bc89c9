/* SPDX-License-Identifier: MIT */
/* Rows from all over a table are cache misses, one after the other. Where they are asked for a few rows ahead, several come
 * at once. */
#ifndef ATAU_PREFETCH_H
#define ATAU_PREFETCH_H

#include <stdint.h>

#define ATAU_ROWS_AHEAD 6
#define ATAU_CACHE_LINE 64

/* Ask for the n floats of a row. */
static inline void atau_prefetch_row(const float *row, int64_t n)
{
    for (int64_t i = 0; i < n; i += ATAU_CACHE_LINE / (int64_t)sizeof(float))
        __builtin_prefetch(row + i);
}

#endif
