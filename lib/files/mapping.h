/* SPDX-License-Identifier: MIT */
/* The bytes of a file in memory, without a copy: pages of the system's cache, which all processes that map the file share. */
#ifndef ATAU_MAPPING_H
#define ATAU_MAPPING_H

#include <adaptau/base.h>

/* Zeroed: nothing is mapped. */
struct atau_mapping {
    const void *bytes;
    uint64_t    size; /* 0: nothing to unmap                                                                  */
};

/* Map a regular file for reading. Of an empty one `bytes` is the address of a byte that is not the file's.
 * @return as atau_regular_file_open; E_MEMORY when there is no room for it in the address space; E_UNSUPPORTED where the system
 *         cannot map files. There is nothing to close then. */
adaptau_status atau_mapping_open(struct atau_mapping *mapping, const char *path, adaptau_error *error);

void atau_mapping_close(struct atau_mapping *mapping);

#endif
