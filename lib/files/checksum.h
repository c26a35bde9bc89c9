/* SPDX-License-Identifier: MIT */
/* A 64-bit sum of bytes, eight at a time, by which damaged files are known; no defence against people. However the bytes are
 * cut into pieces, the sum is the same. */
#ifndef ATAU_CHECKSUM_H
#define ATAU_CHECKSUM_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed: of nothing. */
struct atau_checksum {
    uint64_t sum;
    uint64_t n;       /* bytes so far                                                                         */
    uint64_t pending; /* the last n % 8 of them                                                               */
};

void atau_checksum_add(struct atau_checksum *sum, const void *bytes, size_t size);

uint64_t atau_checksum_value(const struct atau_checksum *sum);

#endif
