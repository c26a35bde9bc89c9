/* SPDX-License-Identifier: MIT */
/* Numbers for kernel tests: repeatable, of both signs, none special. */
#ifndef TEST_NUMBERS_H
#define TEST_NUMBERS_H

#include <stdint.h>

/* In (−1, 1), by the 32-bit finaliser of MurmurHash3 over a counter. */
static inline float number(uint32_t *state)
{
    uint32_t h = *state += 0x9e3779b9u;
    h = (h ^ h >> 16) * 0x85ebca6bu;
    h = (h ^ h >> 13) * 0xc2b2ae35u;
    h ^= h >> 16;
    return ((float)(h >> 8) + 0.5f) * 0x1p-23f - 1.0f;
}

static inline void fill_numbers(uint32_t *state, int64_t n, float *x)
{
    for (int64_t i = 0; i < n; i++)
        x[i] = number(state);
}

/* A matrix whose gaps between the lines stay as they are. */
static inline void fill_lines(uint32_t *state, int64_t lines, int64_t columns, int64_t stride, float *x)
{
    for (int64_t j = 0; j < lines; j++)
        fill_numbers(state, columns, x + j * stride);
}

#endif
