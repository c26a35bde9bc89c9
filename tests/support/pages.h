/* SPDX-License-Identifier: MIT */
/* Pages of memory whose access can be taken away. */
#ifndef TEST_PAGES_H
#define TEST_PAGES_H

#include <stddef.h>

#ifdef _WIN32

#include <windows.h>

static inline size_t page_size(void)
{
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    return system.dwPageSize;
}

static inline void *take_pages(size_t bytes)
{
    return VirtualAlloc(NULL, bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
}

/* 0, or the system refuses. */
static inline int forbid_pages(void *first, size_t bytes)
{
    DWORD before;
    return VirtualProtect(first, bytes, PAGE_NOACCESS, &before) ? 0 : -1;
}

static inline void give_pages_back(void *pages, size_t bytes)
{
    (void)bytes;
    VirtualFree(pages, 0, MEM_RELEASE);
}

#else

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static inline size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* Zeros that can be written to, or NULL. */
static inline void *take_pages(size_t bytes)
{
    const int zeros = open("/dev/zero", O_RDWR); /* POSIX has no anonymous maps                               */
    void     *pages = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE, zeros, 0);
    close(zeros);
    return pages == MAP_FAILED ? NULL : pages;
}

static inline int forbid_pages(void *first, size_t bytes)
{
    return mprotect(first, bytes, PROT_NONE);
}

static inline void give_pages_back(void *pages, size_t bytes)
{
    munmap(pages, bytes);
}

#endif

#endif
