/* SPDX-License-Identifier: MIT */
/* Rows that are picked here and there come from memory one miss after the other; asked for a few rows ahead, several come at
 * once. */
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
