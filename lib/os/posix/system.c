/* SPDX-License-Identifier: MIT */
#include "os/system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double atau_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int32_t atau_process(void)
{
    return (int32_t)getpid();
}

void *atau_allocate_aligned(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

void atau_free_aligned(void *block)
{
    free(block);
}

void atau_error_words(int number, char *words, size_t size)
{
    snprintf(words, size, "unknown error");
    if (strerror_r(number, words, size) != 0)
        snprintf(words, size, "error %d", number);
}
