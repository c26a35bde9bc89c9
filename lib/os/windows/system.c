/* SPDX-License-Identifier: MIT */
#include "os/system.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

double atau_clock(void)
{
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceFrequency(&per_second);
    QueryPerformanceCounter(&ticks);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}

int32_t atau_process(void)
{
    return (int32_t)GetCurrentProcessId();
}

void *atau_allocate_aligned(size_t alignment, size_t size)
{
    return _aligned_malloc(size, alignment);
}

void atau_free_aligned(void *block)
{
    _aligned_free(block);
}

void atau_error_words(int number, char *words, size_t size)
{
    if (strerror_s(words, size, number) != 0)
        snprintf(words, size, "error %d", number);
}

/* The mask of a process is of one group of up to 64 CPUs, and 0 where its threads are in several: then all CPUs count. */
int64_t atau_cpu_count(void)
{
    DWORD_PTR mask = 0, of_system = 0;
    if (!GetProcessAffinityMask(GetCurrentProcess(), &mask, &of_system) || mask == 0) {
        const DWORD all = GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
        return all > 0 ? (int64_t)all : 1;
    }
    return __builtin_popcountll(mask);
}
