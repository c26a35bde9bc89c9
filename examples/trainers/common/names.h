/* SPDX-License-Identifier: MIT */
/* Names of users or items: id -> name, and name -> id where they are kept distinct. */
#ifndef EXAMPLES_COMMON_NAMES_H
#define EXAMPLES_COMMON_NAMES_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <adaptau/base.h>

#define NAME_MAX_BYTES 4096

/* A name's key decides nearly always whether it is the one looked for, so that one place of memory is touched: it is a short name
 * itself, with its length, or two hashes of a longer one. */
struct name_slot {
    uint64_t key[2];
    int32_t  id; /* -1: free */
};
/* What a model's file has them under (adaptau_attachment). */
#define USER_NAMES "user_names"
#define ITEM_NAMES "item_names"

/* All zero is an empty list. */
struct names {
    int32_t  count;
    char    *bytes; /* the names one after the other, each ending in NUL */
    size_t   n_bytes, bytes_capacity;
    size_t  *starts; /* [count] where each begins */
    size_t   starts_capacity;
    struct name_slot *slots; /* [n_slots] open addressing; the first of equal names is the one found */
    size_t            n_slots;
};

void names_free(struct names *names);

/* Name of `id`, which must be in [0, count). */
const char *names_get(const struct names *names, int32_t id);

/* Id of a name, or -1. */
int32_t names_find(const struct names *names, const char *name, size_t length);

/* A name is going to be looked up: begin to load what that touches, which of many names is in no cache. */
void names_expect(const struct names *names, const char *name, size_t length);

/* Append a name, known or not. E_MEMORY; E_SHAPE beyond 2^31 - 1 names. */
adaptau_status names_append(struct names *names, const char *name, size_t length, adaptau_error *error);

/* Id of a name, appended when it is new. */
adaptau_status names_intern(struct names *names, const char *name, size_t length, int32_t *id, adaptau_error *error);

/* One name per line, line number = id. Blank lines at the end don't count, elsewhere they are an error. */
adaptau_status names_read(struct names *names, const char *path, adaptau_error *error);

/* Names as they are attached to a model's file: each with a NUL behind it, in the order of ids. */
adaptau_status names_from_bytes(struct names *names, const char *bytes, int64_t size, adaptau_error *error);

/* "Did you mean": up to `limit` ids of names that are like `name`, best first. Returns how many. */
int names_similar(const struct names *names, const char *name, int limit, int32_t *ids);

/* Characters of a name on a terminal, taking every code point as one column. */
int name_width(const char *name);

/* Print a name padded to `width` columns, control characters as '?', and cut with "..." when it is longer and width > 3; no
 * padding and no cut for width 0. */
void name_print(FILE *out, const char *name, int width);

#endif
