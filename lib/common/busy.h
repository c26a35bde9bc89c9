/* SPDX-License-Identifier: MIT */
/* One object: one call that changes it, or any number of calls that read it. Nothing waits: a call that meets one which forbids
 * it fails. */
#ifndef ATAU_BUSY_H
#define ATAU_BUSY_H

#include <adaptau/base.h>

#include <stdatomic.h>
#include <stdint.h>

/* 0 while nobody is inside, −1 for a change, else the number of readers. */
typedef _Atomic int32_t atau_busy;

/* E_STATE "OBJECT is in use by another thread" unless nobody is inside; `object` is the name of the caller's argument. */
adaptau_status atau_enter(atau_busy *busy, const char *object, adaptau_error *error);

/* For calls that read: E_STATE while another thread changes the object. Others may be reading. */
adaptau_status atau_enter_shared(const atau_busy *busy, const char *object, adaptau_error *error);

/* Whether this thread is now the only one inside. */
static inline int atau_busy_enter(atau_busy *busy)
{
    int32_t nobody = 0;
    return atomic_compare_exchange_strong_explicit(busy, &nobody, -1, memory_order_acquire, memory_order_relaxed);
}

static inline void atau_busy_leave(atau_busy *busy)
{
    atomic_store_explicit(busy, 0, memory_order_release);
}

static inline void atau_busy_leave_shared(const atau_busy *busy)
{
    atomic_fetch_sub_explicit((atau_busy *)busy, 1, memory_order_release);
}

#endif
