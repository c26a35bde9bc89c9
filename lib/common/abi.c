/* SPDX-License-Identifier: MIT */
#include "common/abi.h"

#include <string.h>

#include "common/error.h"

/* A host that passes garbage as struct_size must not make us read far past its struct. */
#define LARGEST_STRUCT 4096

adaptau_status atau_read_struct(void *out, size_t known, size_t least, const void *source, bool optional, const char *name,
                                adaptau_error *error)
{
    uint32_t size = (uint32_t)known; /* ours may be handed on, and must not claim bytes beyond its end          */
    memset(out, 0, known);
    memcpy(out, &size, sizeof size);
    if (!source)
        return optional ? ADAPTAU_OK : atau_fail(error, ADAPTAU_E_ARGUMENT, "%s is NULL", name);
    memcpy(&size, source, sizeof size);
    if (size < least || size > LARGEST_STRUCT)
        return atau_fail(error, ADAPTAU_E_ABI, "%s->struct_size = %u, but this library knows %zu to %zu", name, size, least,
                         known);
    if (size > known) {
        const unsigned char *bytes = source;
        for (size_t i = known; i < size; i++)
            if (bytes[i])
                return atau_fail(error, ADAPTAU_E_ABI,
                                 "%s->struct_size = %u and byte %zu is set, but this library knows %zu bytes", name, size,
                                 i, known);
    }
    memcpy((unsigned char *)out + sizeof size, (const unsigned char *)source + sizeof size,
           (size < known ? size : known) - sizeof size);
    return ADAPTAU_OK;
}

void atau_complete_struct(void *out, const void *defaults, size_t known, const void *source)
{
    uint32_t size = sizeof size; /* struct_size, which `out` has                                               */
    if (source) {
        memcpy(&size, source, sizeof size);
        size = size / sizeof(double) * (uint32_t)sizeof(double);
    }
    if (size < known)
        memcpy((unsigned char *)out + size, (const unsigned char *)defaults + size, known - size);
}

adaptau_status atau_fail_zero(adaptau_error *error, const char *member, const char *wanted, const char *init)
{
    return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s = 0, but must be %s; %s writes the defaults", member, wanted, init);
}

adaptau_status atau_check_output(const void *output, size_t least, const char *name, adaptau_error *error)
{
    uint32_t size;
    if (!output)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s is NULL", name);
    memcpy(&size, output, sizeof size);
    if (size < least || size > LARGEST_STRUCT)
        return atau_fail(error, ADAPTAU_E_ABI, "%s->struct_size = %u, but this library needs at least %zu", name, size,
                         least);
    return ADAPTAU_OK;
}

void atau_write_struct(void *output, const void *source, size_t known)
{
    uint32_t size;
    memcpy(&size, output, sizeof size);
    size_t copied = size < known ? size : known;
    memcpy((unsigned char *)output + sizeof size, (const unsigned char *)source + sizeof size, copied - sizeof size);
}

adaptau_status atau_init_struct(void *out, const void *defaults, size_t known, size_t least, const char *name,
                                adaptau_error *error)
{
    uint32_t       size;
    adaptau_status status = atau_check_output(out, least, name, error);
    if (status != ADAPTAU_OK)
        return status;
    memcpy(&size, out, sizeof size);
    atau_write_struct(out, defaults, known);
    if (size > known)
        memset((unsigned char *)out + known, 0, size - known);
    return ADAPTAU_OK;
}
