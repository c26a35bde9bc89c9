/* SPDX-License-Identifier: MIT */
/* What is behind adaptau_context, for the layers above: allocation and log. Threads are in pool.h. */
#ifndef ATAU_CONTEXT_H
#define ATAU_CONTEXT_H

#include <adaptau/context.h>

#include <stdatomic.h>
#include <stdint.h>

#include "common/busy.h"
#include "common/exact_math.h"
#include "common/format.h"

struct atau_pool;

struct adaptau_context {
    adaptau_context_options options; /* as given, defaults filled in                                          */
    struct atau_pool       *pool;    /* NULL with the host's executor or one thread                           */
    _Atomic uintptr_t       alone; /* a thread whose calls must not ask the host's executor, or 0              */
    _Atomic int32_t         alone_process; /* of that thread                                                  */
    _Atomic uint64_t        bytes_present;
    _Atomic uint64_t        bytes_peak;
    adaptau_progress_function progress; /* NULL: nobody listens                                               */
    void                     *progress_data;
};

/* 64-byte aligned memory from the context's allocator, or NULL; size 0 gives a block too. Call it on the caller's thread
 * only. */
void *atau_allocate(adaptau_context *context, size_t size);
/* count elements of `size` bytes each: NULL on overflow as well. */
void *atau_allocate_array(adaptau_context *context, uint64_t count, uint64_t size);
void *atau_allocate_zeroed(adaptau_context *context, uint64_t count, uint64_t size);
/* NULL is fine. `size` as allocated (count * size for the array forms). */
void atau_free(adaptau_context *context, void *block, size_t size);

void atau_log(const adaptau_context *context, int32_t level, const char *format, ...)
    ATAU_FORMAT(3, 4);

#endif
