/* SPDX-License-Identifier: MIT */
/* Counts the calls of malloc of programs that are linked with --wrap=malloc and so on: the parsers of examples/ have no
 * allocator of their own. */
#include "fuzz.h"

#include <malloc.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *block, size_t size);
void  __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *block, size_t size);
void  __wrap_free(void *block);

static void *count(void *block)
{
    fuzz_memory.present += block ? malloc_usable_size(block) : 0;
    if (fuzz_memory.present > fuzz_memory.peak)
        fuzz_memory.peak = fuzz_memory.present;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return count(__real_malloc(size));
}

void *__wrap_calloc(size_t n, size_t size)
{
    return count(__real_calloc(n, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    const size_t before = block ? malloc_usable_size(block) : 0;
    void        *grown = __real_realloc(block, size);
    if (!grown)
        return NULL;
    fuzz_memory.present -= before;
    return count(grown);
}

void __wrap_free(void *block)
{
    fuzz_memory.present -= block ? malloc_usable_size(block) : 0;
    __real_free(block);
}
