/* SPDX-License-Identifier: MIT */
/* Many work arrays in one allocation. Lay the arrays out twice with the same code: first on an arena that only counts, then on
 * the allocated one. A zeroed arena counts; one whose memory stays from call to call counts again after atau_arena_count. */
#ifndef ATAU_ARENA_H
#define ATAU_ARENA_H

#include "common/context.h"

struct atau_arena {
    unsigned char *base; /* NULL while counting                                                               */
    size_t         used; /* SIZE_MAX once a size has overflowed                                               */
    unsigned char *block;
    size_t         size; /* of the block                                                                      */
};

/* Start counting; the block stays. */
void atau_arena_count(struct atau_arena *arena);

/* The next `count` elements of `size` bytes, 64-byte aligned; NULL while counting. */
void *atau_arena_take(struct atau_arena *arena, uint64_t count, uint64_t size);

/* Allocate a block for what has been counted, or keep the present one where it is large enough, and start again from the
 * front. */
adaptau_status atau_arena_allocate(adaptau_context *context, struct atau_arena *arena, const char *what,
                                   adaptau_error *error);
void           atau_arena_free(adaptau_context *context, struct atau_arena *arena);

#endif
