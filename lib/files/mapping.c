/* SPDX-License-Identifier: MIT */
#include "files/mapping.h"

#include <errno.h>

#include "common/error.h"
#include "files/regular_file.h"

static adaptau_status map(struct atau_mapping *mapping, const char *path, atau_file file, uint64_t size, adaptau_error *error)
{
    const void *bytes;
    const int   reason = atau_file_map(file, size, &bytes);
    if (reason == ENOMEM)
        return atau_fail(error, ADAPTAU_E_MEMORY, "%s: no room in the address space for its %llu bytes", path,
                         (unsigned long long)size);
    if (reason == ENODEV)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "%s is where files cannot be mapped: load it", path);
    if (reason)
        return atau_fail_os(error, reason, "cannot map %s", path);
    *mapping = (struct atau_mapping){bytes, size};
    return ADAPTAU_OK;
}

adaptau_status atau_mapping_open(struct atau_mapping *mapping, const char *path, adaptau_error *error)
{
    atau_file      file;
    uint64_t       size = 0;
    adaptau_status status = atau_regular_file_open(path, &file, &size, error);
    if (status != ADAPTAU_OK)
        return status;
    *mapping = (struct atau_mapping){"", 0};
    if (size > 0)
        status = map(mapping, path, file, size, error);
    atau_file_close(file); /* the mapping stays                                                               */
    return status;
}

void atau_mapping_close(struct atau_mapping *mapping)
{
    if (mapping->size > 0)
        atau_file_unmap(mapping->bytes, mapping->size);
    *mapping = (struct atau_mapping){0};
}
