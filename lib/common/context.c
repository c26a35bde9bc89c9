/* SPDX-License-Identifier: MIT */
#include "common/context.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/size.h"

/* A cache line, and the width of the widest vector. */
#define ALIGNMENT 64

void *atau_allocate(adaptau_context *context, size_t size)
{
    size_t bytes = atau_round_up(size ? size : 1, ALIGNMENT);
    if (bytes < size)
        return NULL;
    void *block = context->options.allocate(context->options.allocator_data, bytes, ALIGNMENT);
    if (!block)
        return NULL;
    uint64_t present = atomic_fetch_add(&context->bytes_present, bytes) + bytes;
    uint64_t peak = atomic_load(&context->bytes_peak);
    while (present > peak && !atomic_compare_exchange_weak(&context->bytes_peak, &peak, present)) {
    }
    return block;
}

void *atau_allocate_array(adaptau_context *context, uint64_t count, uint64_t size)
{
    size_t bytes;
    return atau_size_multiply(count, size, &bytes) ? atau_allocate(context, bytes) : NULL;
}

void *atau_allocate_zeroed(adaptau_context *context, uint64_t count, uint64_t size)
{
    void *block = atau_allocate_array(context, count, size);
    if (block)
        memset(block, 0, (size_t)(count * size)); /* which has been allocated                                  */
    return block;
}

void atau_free(adaptau_context *context, void *block, size_t size)
{
    if (!block)
        return;
    size_t bytes = atau_round_up(size ? size : 1, ALIGNMENT);
    atomic_fetch_sub(&context->bytes_present, bytes);
    context->options.free(context->options.allocator_data, block, bytes);
}

void atau_log(const adaptau_context *context, int32_t level, const char *format, ...)
{
    char    line[256];
    va_list arguments;
    if (!context->options.log)
        return;
    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    context->options.log(context->options.log_data, level, line);
}
