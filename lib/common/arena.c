/* SPDX-License-Identifier: MIT */
#include "common/arena.h"

#include "common/error.h"
#include "common/size.h"

void *atau_arena_take(struct atau_arena *arena, size_t count, size_t size)
{
    size_t bytes;
    if (arena->used == SIZE_MAX || !atau_size_multiply(count, size, &bytes) ||
        arena->used > (size_t)PTRDIFF_MAX - bytes - 64) {
        arena->used = SIZE_MAX;
        return NULL;
    }
    void *block = arena->base ? arena->base + arena->used : NULL;
    arena->used += atau_round_up(bytes, 64);
    return block;
}

adaptau_status atau_arena_allocate(adaptau_context *context, struct atau_arena *arena, const char *what,
                                   adaptau_error *error)
{
    void *base = arena->used == SIZE_MAX ? NULL : atau_allocate(context, arena->used);
    if (!base)
        return atau_fail_memory(error, arena->used, what);
    arena->base = base;
    arena->size = arena->used;
    arena->used = 0;
    return ADAPTAU_OK;
}

void atau_arena_free(adaptau_context *context, struct atau_arena *arena)
{
    atau_free(context, arena->base, arena->size);
    arena->base = NULL;
}
