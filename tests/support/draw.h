/* SPDX-License-Identifier: MIT */
/* Repeatable draws for test data, the same on every machine. */
#ifndef TEST_DRAW_H
#define TEST_DRAW_H

#include <stdint.h>

static uint32_t random_state;

/* Below n, by a linear congruential generator modulo 2^32. */
static inline int32_t draw(int32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int32_t)((uint64_t)(random_state >> 8) * (uint64_t)n >> 24);
}

#endif
