/* SPDX-License-Identifier: MIT */
/* What is behind adaptau_context, for the layers above: allocation, log, busy flags. Threads are in pool.h. */
#ifndef ATAU_CONTEXT_H
#define ATAU_CONTEXT_H

#include <adaptau/context.h>

#include <stdatomic.h>
#include <stdint.h>

#include "common/exact_math.h"

struct atau_pool;
struct atau_kernels;

struct adaptau_context {
    adaptau_context_options    options; /* as given, defaults filled in                                       */
    struct atau_pool          *pool;    /* NULL with the host's executor or one thread                        */
    const struct atau_kernels *kernels; /* chosen once, at creation                                           */
    char                       backend[64];
    _Atomic int32_t            bf16; /* whether products may be on bfloat16: 0 until it is known, else 1 or −1 */
    _Atomic uintptr_t          alone; /* a thread whose calls must not ask the host's executor, or 0           */
    _Atomic int32_t            alone_process; /* of that thread                                               */
    _Atomic uint64_t           bytes_present;
    _Atomic uint64_t           bytes_peak;
};

/* 64-byte aligned memory from the context's allocator, or NULL; size 0 gives a block too. Only on the caller's thread. */
void *atau_allocate(adaptau_context *context, size_t size);
/* count elements of `size` bytes each: NULL on overflow as well. */
void *atau_allocate_array(adaptau_context *context, uint64_t count, uint64_t size);
void *atau_allocate_zeroed(adaptau_context *context, uint64_t count, uint64_t size);
/* NULL is fine. `size` as allocated (count * size for the array forms). */
void atau_free(adaptau_context *context, void *block, size_t size);

void atau_log(const adaptau_context *context, int32_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* One object: one call that changes it, or any number of calls that read it. 0 while nobody is inside, −1 for a change, else
 * the number of readers. Nothing waits: enter answers false where the others forbid it. */
typedef _Atomic int32_t atau_busy;
static inline int atau_busy_enter(atau_busy *busy)
{
    int32_t nobody = 0;
    return atomic_compare_exchange_strong_explicit(busy, &nobody, -1, memory_order_acquire, memory_order_relaxed);
}
static inline void atau_busy_leave(atau_busy *busy)
{
    atomic_store_explicit(busy, 0, memory_order_release);
}
/* The count is not part of what a caller with a const object sees. */
static inline int atau_busy_enter_shared(const atau_busy *busy)
{
    atau_busy *count = (atau_busy *)busy;
    int32_t    readers = atomic_load_explicit(count, memory_order_relaxed);
    while (readers >= 0 && readers < INT32_MAX)
        if (atomic_compare_exchange_weak_explicit(count, &readers, readers + 1, memory_order_acquire, memory_order_relaxed))
            return 1;
    return 0;
}
static inline void atau_busy_leave_shared(const atau_busy *busy)
{
    atomic_fetch_sub_explicit((atau_busy *)busy, 1, memory_order_release);
}

#endif
