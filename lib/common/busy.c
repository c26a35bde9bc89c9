/* SPDX-License-Identifier: MIT */
#include "common/busy.h"

#include "common/error.h"

static adaptau_status refuse(const char *object, adaptau_error *error)
{
    return atau_fail(error, ADAPTAU_E_STATE, "%s is in use by another thread", object);
}

adaptau_status atau_enter(atau_busy *busy, const char *object, adaptau_error *error)
{
    return atau_busy_enter(busy) ? ADAPTAU_OK : refuse(object, error);
}

/* The count is not part of what a caller with a const object sees. */
adaptau_status atau_enter_shared(const atau_busy *busy, const char *object, adaptau_error *error)
{
    atau_busy *count = (atau_busy *)busy;
    int32_t    readers = atomic_load_explicit(count, memory_order_relaxed);
    while (readers >= 0 && readers < INT32_MAX)
        if (atomic_compare_exchange_weak_explicit(count, &readers, readers + 1, memory_order_acquire, memory_order_relaxed))
            return ADAPTAU_OK;
    return refuse(object, error);
}
