/* SPDX-License-Identifier: MIT */
/* The little language of the stateful target. A program is a string of bytes: each call is a byte, and so is each choice that the call
 * makes; a program that is over answers 0 to every question, so that every string is a program, and a shorter one means what
 * its beginning means. Arrays of numbers come from one byte too: its stream. */
#ifndef STATEFUL_PROGRAM_H
#define STATEFUL_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct program {
    const uint8_t *bytes;
    size_t         size, at;
};

static inline bool program_goes_on(const struct program *p)
{
    return p->at < p->size;
}

/* One of 0 … n − 1. */
static inline int32_t choose(struct program *p, int32_t n)
{
    return p->at < p->size ? p->bytes[p->at++] % n : 0;
}

static inline bool choose_whether(struct program *p)
{
    return choose(p, 2) == 1;
}

/* One of the n numbers. */
static inline double choose_number(struct program *p, int32_t n, const double *numbers)
{
    return numbers[choose(p, n)];
}

/* ---- numbers that nobody chose one by one --------------------------------------------------------------------------- */

struct stream {
    uint64_t state;
};

static inline struct stream choose_stream(struct program *p)
{
    return (struct stream){(uint64_t)choose(p, 256)};
}

/* splitmix64 (Steele, Lea and Flood, OOPSLA 2014). */
static inline uint64_t draw_bits(struct stream *s)
{
    uint64_t z = s->state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
    return z ^ z >> 31;
}

static inline int32_t draw_below(struct stream *s, int32_t n)
{
    return (int32_t)(draw_bits(s) % (uint64_t)n);
}

/* In [−1, 1). */
static inline double draw_number(struct stream *s)
{
    return (double)(draw_bits(s) >> 11) * 0x1p-52 - 1.0;
}

#endif
