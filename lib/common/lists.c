/* SPDX-License-Identifier: MIT */
#include "common/lists.h"

#include "common/error.h"

adaptau_status atau_check_list_offsets(const struct atau_lists *l, adaptau_error *error)
{
    if (!l->ptr)
        return l->n == 0 ? ADAPTAU_OK : atau_fail(error, ADAPTAU_E_ARGUMENT, "%s is NULL", l->ptr_name);
    if (l->ptr[0] != 0)
        return atau_fail(error, ADAPTAU_E_SHAPE, "%s[0] = %lld, not 0", l->ptr_name, (long long)l->ptr[0]);
    for (int64_t r = 0; r < l->n; r++)
        if (l->ptr[r + 1] < l->ptr[r])
            return atau_fail(error, ADAPTAU_E_SHAPE, "%s[%lld] = %lld is below the %lld before it", l->ptr_name,
                             (long long)r + 1, (long long)l->ptr[r + 1], (long long)l->ptr[r]);
    if (l->ptr[l->n] > 0 && !l->ids)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s is NULL, but %s[%lld] = %lld", l->ids_name, l->ptr_name, (long long)l->n,
                         (long long)l->ptr[l->n]);
    return ADAPTAU_OK;
}

adaptau_status atau_check_list_ids(const struct atau_lists *l, adaptau_error *error)
{
    for (int64_t r = 0; r < l->n; r++) {
        int32_t previous = -1;
        for (int64_t p = l->ptr[r]; p < l->ptr[r + 1]; p++) {
            const int32_t id = l->ids[p];
            if (id < 0 || id >= l->limit)
                return atau_fail(error, ADAPTAU_E_INDEX, "%s[%lld] = %d, but %s = %d", l->ids_name, (long long)p, id,
                                 l->limit_name, l->limit);
            if (id < previous || (id == previous && !l->may_repeat))
                return atau_fail(error, ADAPTAU_E_INDEX, "%s[%lld] = %d is not above the %d before it, in row %lld", l->ids_name,
                                 (long long)p, id, previous, (long long)r);
            previous = id;
        }
    }
    return ADAPTAU_OK;
}

adaptau_status atau_check_lists(const struct atau_lists *lists, adaptau_error *error)
{
    adaptau_status status = atau_check_list_offsets(lists, error);
    return status == ADAPTAU_OK ? atau_check_list_ids(lists, error) : status;
}
