/* SPDX-License-Identifier: MIT */
#include "files/regular_file.h"

#include "common/error.h"

adaptau_status atau_regular_file_open(const char *path, atau_file *file, uint64_t *size, adaptau_error *error)
{
    bool      regular;
    const int reason = atau_file_open(path, file, size, &regular);
    if (reason)
        return atau_fail_os(error, reason, "cannot read %s", path);
    return regular ? ADAPTAU_OK : atau_fail(error, ADAPTAU_E_FORMAT, "%s is not a regular file", path);
}
