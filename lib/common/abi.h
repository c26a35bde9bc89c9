/* SPDX-License-Identifier: MIT */
/* Structs that later versions make longer: how one is read that an older or a newer caller has filled in. */
#ifndef ATAU_ABI_H
#define ATAU_ABI_H

#include <adaptau/base.h>

#include <stdbool.h>

/* Copy a caller's struct, whose first member is uint32_t struct_size, into our own of `known` bytes. A shorter one (of at least
 * `least` bytes: the struct's size when it first appeared) is extended with zeros; a longer one is accepted while the bytes
 * that we don't know are zero. Ours gets its own size. `name` is the parameter's. A NULL source gives all zeros when
 * `optional`. */
adaptau_status atau_read_struct(void *out, size_t known, size_t least, const void *source, bool optional, const char *name,
                                adaptau_error *error);

/* Members that a caller's shorter struct does not have take their defaults: to be called with what atau_read_struct has made of
 * `source`, all of it where that is NULL. A part of a member is none. Kinds that the defaults depend on are in `out` before. */
void atau_complete_struct(void *out, const void *defaults, size_t known, const void *source);

/* Write the defaults into a struct that a caller hands over: all members that it has, and zeros behind those that we know. Checked
 * as by atau_check_output. */
adaptau_status atau_init_struct(void *out, const void *defaults, size_t known, size_t least, const char *name,
                                adaptau_error *error);

/* Refuse a 0 where it is no value: in a struct of zeros for example, whose defaults nobody has written. `member` is "options->dim",
 * `wanted` what must be, and `init` the call that writes the defaults. */
adaptau_status atau_fail_zero(adaptau_error *error, const char *member, const char *wanted, const char *init);

/* Check a struct that a caller hands over for results, without copying: struct_size must be at least `least`. */
adaptau_status atau_check_output(const void *output, size_t least, const char *name, adaptau_error *error);

/* Copy our struct of `known` bytes into the caller's, as much of it as the caller knows, leaving its struct_size. */
void atau_write_struct(void *output, const void *source, size_t known);

#endif
