/* SPDX-License-Identifier: MIT */
/* Arrays between unreadable pages: a kernel that touches what is outside of them dies, or leaves a trace. */
#ifndef TEST_FENCE_H
#define TEST_FENCE_H

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/pages.h"

#define FENCE_MARGIN 64           /* floats on each side that are checked                                      */
#define FENCE_MARK UINT32_C(0x7fc0beef) /* a NaN: shows in any result that it gets into                        */

struct fence {
    unsigned char *map;
    size_t         bytes; /* of the map, both guards included                                                 */
    size_t         page;
    size_t         room; /* floats between the guards                                                         */
};

static inline struct fence fence_create(size_t floats)
{
    struct fence f = {.page = page_size()};
    size_t       inner = (floats * sizeof(float) + f.page - 1) / f.page * f.page;
    f.bytes = inner + 2 * f.page;
    f.room = inner / sizeof(float);
    f.map = take_pages(f.bytes);
    if (!f.map || forbid_pages(f.map, f.page) != 0 || forbid_pages(f.map + f.page + inner, f.page) != 0) {
        perror("fence");
        exit(1);
    }
    return f;
}

static inline void fence_destroy(struct fence *f)
{
    give_pages_back(f->map, f->bytes);
}

static inline uint32_t fence_bits(const float *x)
{
    uint32_t bits;
    memcpy(&bits, x, sizeof bits);
    return bits;
}

/* Where [before, after) lies around n floats at x, inside the guards. */
static inline void fence_span(const struct fence *f, const float *x, size_t n, size_t *before, size_t *after)
{
    size_t first = (size_t)((const unsigned char *)x - (f->map + f->page)) / sizeof(float);
    *before = first < FENCE_MARGIN ? first : FENCE_MARGIN;
    *after = f->room - first - n < FENCE_MARGIN ? f->room - first - n : FENCE_MARGIN;
}

/* Room for n floats, `offset` floats behind the first guard or before the last one; it and its surroundings hold the mark. */
static inline float *fence_place(const struct fence *f, size_t n, int at_end, size_t offset)
{
    float *first = (float *)(void *)(f->map + f->page);
    float *x = at_end ? first + f->room - n - offset : first + offset;
    size_t before, after;
    if (n + offset > f->room)
        exit(1);
    fence_span(f, x, n, &before, &after);
    for (float *cell = x - before; cell < x + n + after; cell++) {
        uint32_t mark = FENCE_MARK;
        memcpy(cell, &mark, sizeof mark);
    }
    return x;
}

/* 1 while the surroundings hold the mark. */
static inline int fence_intact(const struct fence *f, const float *x, size_t n)
{
    size_t before, after;
    fence_span(f, x, n, &before, &after);
    for (const float *cell = x - before; cell < x; cell++)
        if (fence_bits(cell) != FENCE_MARK)
            return 0;
    for (const float *cell = x + n; cell < x + n + after; cell++)
        if (fence_bits(cell) != FENCE_MARK)
            return 0;
    return 1;
}

/* The floats from the first to the last of a matrix. */
static inline size_t fence_span_of(int64_t lines, int64_t columns, int64_t stride)
{
    return lines > 0 && columns > 0 ? (size_t)((lines - 1) * stride + columns) : 0;
}

/* 1 while the gaps between the lines of a matrix and its surroundings hold the mark. */
static inline int fence_matrix_intact(const struct fence *f, const float *x, int64_t lines, int64_t columns,
                                      int64_t stride)
{
    for (int64_t j = 0; j + 1 < lines && columns > 0; j++)
        for (int64_t r = columns; r < stride; r++)
            if (fence_bits(x + j * stride + r) != FENCE_MARK)
                return 0;
    return fence_intact(f, x, fence_span_of(lines, columns, stride));
}

#endif
