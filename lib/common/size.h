/* SPDX-License-Identifier: MIT */
/* Sizes that cannot overflow. */
#ifndef ATAU_SIZE_H
#define ATAU_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* *out = a b; false when that exceeds what one allocation may have (PTRDIFF_MAX). */
static inline bool atau_size_multiply(size_t a, size_t b, size_t *out)
{
    size_t product;
    if (__builtin_mul_overflow(a, b, &product) || product > (size_t)PTRDIFF_MAX)
        return false;
    *out = product;
    return true;
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
