/* SPDX-License-Identifier: MIT */
/* Packed bytes become plain ones: gzip by zlib, zstd by libzstd, xz by liblzma, where the program was built with them. */
#ifndef EXAMPLES_COMMON_UNPACK_H
#define EXAMPLES_COMMON_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include <adaptau/base.h>

struct unpacker;

/* Packed bytes, as many as there are up to `size`: 0 at the end. */
typedef adaptau_status (*packed_reader)(void *user_data, unsigned char *into, size_t size, size_t *n, adaptau_error *error);

/* How packed bytes begin: "gzip", "zstd" or "xz", or NULL for others. */
const char *unpack_kind(const unsigned char *begin, size_t n);

/* Whether this program can unpack that kind. */
bool unpack_is_built_in(const char *kind);

/* `name` is for messages; `begin` [n] are bytes that were read already. All must outlive the unpacker, but for `begin`. */
adaptau_status unpack_open(struct unpacker **out, const char *kind, const char *name, const unsigned char *begin, size_t n,
                           packed_reader read, void *user_data, adaptau_error *error);

/* Fill `into` unless the end comes first. E_FORMAT for bytes that are damaged or cut off. */
adaptau_status unpack_read(struct unpacker *unpacker, unsigned char *into, size_t size, size_t *n, adaptau_error *error);

/* NULL is fine. */
void unpack_close(struct unpacker *unpacker);

#endif
