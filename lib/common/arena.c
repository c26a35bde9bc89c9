/* SPDX-License-Identifier: MIT */
#include "common/arena.h"

#include "common/error.h"
#include "common/size.h"

void atau_arena_count(struct atau_arena *arena)
{
    arena->base = NULL;
    arena->used = 0;
}

void *atau_arena_take(struct atau_arena *arena, uint64_t count, uint64_t size)
{
    size_t bytes;
    if (arena->used == SIZE_MAX || !atau_size_multiply(count, size, &bytes) || bytes > (size_t)PTRDIFF_MAX - 64 ||
        arena->used > (size_t)PTRDIFF_MAX - 64 - bytes) {
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
    if (arena->used == SIZE_MAX || arena->used > arena->size || !arena->block) {
        size_t wanted = arena->used;
        atau_arena_free(context, arena);
        arena->block = wanted == SIZE_MAX ? NULL : atau_allocate(context, wanted);
        if (!arena->block)
            return atau_fail_memory(error, wanted, what);
        arena->size = wanted;
    }
    arena->base = arena->block;
    arena->used = 0;
    return ADAPTAU_OK;
}

void atau_arena_free(adaptau_context *context, struct atau_arena *arena)
{
    atau_free(context, arena->block, arena->size);
    *arena = (struct atau_arena){0};
}
