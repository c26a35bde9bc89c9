/* SPDX-License-Identifier: MIT */
/* BLIS runs slow generic kernels on a CPU that it does not know. A comparison takes it at its fastest, so tell it what to use,
 * by the only way it has: its environment variable, before it starts. */
#ifndef BENCH_TEACH_BLIS_H
#define BENCH_TEACH_BLIS_H

#if defined(ADAPTAU_HAVE_BLIS) && defined(__x86_64__)

#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Starts this program again, with the same arguments, where BLIS has to be told. */
static inline void teach_blis(char **arguments)
{
    if (getenv("BLIS_ARCH_TYPE") || strcmp(bli_arch_string(bli_arch_query_id()), "generic") != 0)
        return;
    int kind = __builtin_cpu_supports("avx512f") ? BLIS_ARCH_SKX : __builtin_cpu_supports("avx2") ? BLIS_ARCH_ZEN3 : -1;
    if (kind < 0)
        return;
    char text[16];
    snprintf(text, sizeof text, "%d", kind);
    setenv("BLIS_ARCH_TYPE", text, 1);
    execv("/proc/self/exe", arguments);
}

#else

static inline void teach_blis(char **arguments)
{
    (void)arguments;
}

#endif

#endif
