/* SPDX-License-Identifier: MIT */
/* What the writer and the reader of safetensors files share. */
#ifndef ATAU_SAFETENSORS_FORMAT_H
#define ATAU_SAFETENSORS_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#if !defined(__BYTE_ORDER__) || __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "safetensors files are little-endian, and so must be the machine: swap bytes here for another one"
#endif

#define LENGTH_SIZE 8
#define METADATA_NAME "__metadata__"
#define CHECKSUM_NAME "checksum"
#define CHECKSUM_SIZE sizeof(uint64_t)

/* By ATAU_F32 ... */
#define ATAU_SAFETENSORS_TYPES 6
extern const struct atau_safetensors_type {
    const char *name;
    size_t      size;
} atau_safetensors_types[ATAU_SAFETENSORS_TYPES];

#endif
