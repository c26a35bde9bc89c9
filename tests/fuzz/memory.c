/* SPDX-License-Identifier: MIT */
#include "fuzz.h"

#include <stdlib.h>

struct fuzz_memory fuzz_memory;

static void *allocate(void *unused, size_t size, size_t alignment)
{
    (void)unused;
    fuzz_memory.present += size;
    if (fuzz_memory.present > fuzz_memory.peak)
        fuzz_memory.peak = fuzz_memory.present;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void give_back(void *unused, void *block, size_t size)
{
    (void)unused;
    fuzz_memory.present -= size;
    free(block);
}

adaptau_context *fuzz_context(void)
{
    static adaptau_context       *context;
    const adaptau_context_options options = {
        .struct_size = sizeof options, .n_threads = 1, .allocate = allocate, .free = give_back};
    if (!context)
        must(adaptau_context_create(&options, &context, NULL) == ADAPTAU_OK, "a context can be made");
    return context;
}

size_t fuzz_memory_mark(void)
{
    fuzz_memory.peak = fuzz_memory.present;
    return fuzz_memory.present;
}

size_t fuzz_memory_above(size_t mark)
{
    return fuzz_memory.peak - mark;
}
