/* SPDX-License-Identifier: MIT */
/* A host's memory that the library writes to instead of a file, and files that are compared with it. */
#ifndef TEST_STORE_H
#define TEST_STORE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define STORE_ROOM (1 << 20)

struct store {
    char    bytes[STORE_ROOM];
    int64_t size;
    int     calls, failing_call; /* from 1; 0: none                                                            */
};

/* An adaptau_write_function. */
static inline int32_t put(void *user_data, const void *bytes, int64_t size)
{
    struct store *s = user_data;
    ck_assert_int_gt(size, 0);
    ck_assert_int_le(size, STORE_ROOM - s->size);
    if (++s->calls == s->failing_call)
        return 9;
    memcpy(s->bytes + s->size, bytes, (size_t)size);
    s->size += size;
    return 0;
}

static inline void clear_store(struct store *s)
{
    s->size = s->calls = s->failing_call = 0;
}

static inline void read_store(struct store *s, const char *where)
{
    FILE *file = fopen(where, "rb");
    ck_assert_ptr_nonnull(file);
    clear_store(s);
    s->size = (int64_t)fread(s->bytes, 1, sizeof s->bytes, file);
    fclose(file);
    ck_assert_int_gt(s->size, 0);
}

static inline void expect_same_bytes(const struct store *a, const struct store *b)
{
    ck_assert_int_eq(a->size, b->size);
    ck_assert_mem_eq(a->bytes, b->bytes, (size_t)a->size);
}

static inline void expect_bytes_of_file(const struct store *s, const char *where)
{
    static struct store file;
    read_store(&file, where);
    expect_same_bytes(s, &file);
}

#endif
