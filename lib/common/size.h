/* SPDX-License-Identifier: MIT */
/* Sizes that cannot overflow. */
#ifndef ATAU_SIZE_H
#define ATAU_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a b; false when that exceeds what one allocation may have (PTRDIFF_MAX). Counts come in 64 bits: where size_t has
 * 32, a count of 2^32 would be cut down to 0 on the way here. */
static inline bool atau_size_multiply(uint64_t a, uint64_t b, size_t *out)
{
    uint64_t product;
    if (__builtin_mul_overflow(a, b, &product) || product > (uint64_t)PTRDIFF_MAX)
        return false;
    *out = (size_t)product;
    return true;
}

/* Whether n rows of floats, `stride` apart, can be in memory at all; neither is negative. */
static inline bool atau_rows_fit(int64_t n, int64_t stride)
{
    uint64_t floats;
    size_t   bytes;
    return !__builtin_mul_overflow((uint64_t)n, (uint64_t)stride, &floats) && atau_size_multiply(floats, sizeof(float), &bytes);
}

static inline size_t atau_round_up(size_t value, size_t multiple)
{
    return (value + multiple - 1) / multiple * multiple;
}

static inline int64_t atau_min_i64(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static inline int64_t atau_max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

#endif
