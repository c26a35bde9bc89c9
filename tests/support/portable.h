/* SPDX-License-Identifier: MIT */
/* What tests need of a system beside the library, where Windows has no POSIX. */
#ifndef TEST_PORTABLE_H
#define TEST_PORTABLE_H

#include <stddef.h>
#include <stdlib.h>

#ifdef _WIN32

#include <direct.h>
#include <io.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>

static inline void *test_allocate(size_t alignment, size_t size)
{
    return _aligned_malloc(size, alignment);
}

static inline void test_free(void *block)
{
    _aligned_free(block);
}

/* A new folder, whose name replaces the last six letters; 0 or -1. */
static inline int test_make_folder(char *name)
{
    return _mktemp_s(name, strlen(name) + 1) == 0 && _mkdir(name) == 0 ? 0 : -1;
}

static inline const char *test_folder(void)
{
    const char *folder = getenv("TEMP");
    return folder ? folder : ".";
}

#else

static inline void *test_allocate(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

static inline void test_free(void *block)
{
    free(block);
}

static inline int test_make_folder(char *name)
{
    return mkdtemp(name) ? 0 : -1;
}

static inline const char *test_folder(void)
{
    const char *folder = getenv("TMPDIR");
    return folder ? folder : "/tmp";
}

#endif

#endif
