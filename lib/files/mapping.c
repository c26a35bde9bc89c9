/* SPDX-License-Identifier: MIT */
#include "files/mapping.h"

#include <errno.h>
#include <unistd.h>

#if defined(_POSIX_MAPPED_FILES) && _POSIX_MAPPED_FILES > 0
#include <sys/mman.h>
#define CAN_MAP 1
#endif

#include "common/error.h"

#ifdef CAN_MAP

#include "files/regular_file.h"

static adaptau_status map(struct atau_mapping *mapping, const char *path, int descriptor, uint64_t size, adaptau_error *error)
{
    void *bytes = size <= SIZE_MAX ? mmap(NULL, (size_t)size, PROT_READ, MAP_SHARED, descriptor, 0) : MAP_FAILED;
    if (bytes == MAP_FAILED && (size > SIZE_MAX || errno == ENOMEM))
        return atau_fail(error, ADAPTAU_E_MEMORY, "%s: no room in the address space for its %llu bytes", path,
                         (unsigned long long)size);
    if (bytes == MAP_FAILED && errno == ENODEV)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "%s is on a file system that maps no files", path);
    if (bytes == MAP_FAILED)
        return atau_fail_os(error, errno, "cannot map %s", path);
    *mapping = (struct atau_mapping){bytes, size};
    return ADAPTAU_OK;
}

adaptau_status atau_mapping_open(struct atau_mapping *mapping, const char *path, adaptau_error *error)
{
    int            descriptor;
    uint64_t       size = 0;
    adaptau_status status = atau_regular_file_open(path, &descriptor, &size, error);
    if (status != ADAPTAU_OK)
        return status;
    *mapping = (struct atau_mapping){"", 0};
    if (size > 0)
        status = map(mapping, path, descriptor, size, error);
    close(descriptor); /* the mapping stays                                                                   */
    return status;
}

void atau_mapping_close(struct atau_mapping *mapping)
{
    if (mapping->size > 0)
        munmap((void *)mapping->bytes, (size_t)mapping->size);
    *mapping = (struct atau_mapping){0};
}

#else

adaptau_status atau_mapping_open(struct atau_mapping *mapping, const char *path, adaptau_error *error)
{
    (void)mapping;
    return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "this system cannot map %s: load it", path);
}

void atau_mapping_close(struct atau_mapping *mapping)
{
    (void)mapping;
}

#endif
