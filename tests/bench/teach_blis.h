/* SPDX-License-Identifier: MIT */
/* BLIS runs slow generic kernels on a CPU that it does not know, and those of an older one ("haswell", "zen3") on some that it
 * knows but in part. A comparison takes it at its fastest, so tell it what to use, by the only way it has: its environment
 * variable, before it starts. A setting that asks for lesser kernels is replaced. */
#ifndef BENCH_TEACH_BLIS_H
#define BENCH_TEACH_BLIS_H

#if defined(ADAPTAU_HAVE_BLIS) && defined(__x86_64__)

#include <blis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Whether the kernels of that name use all that the CPU has. */
static inline int blis_is_right(const char *name)
{
    if (__builtin_cpu_supports("avx512f"))
        return !strcmp(name, "skx") || !strcmp(name, "zen4") || !strcmp(name, "zen5");
    return strcmp(name, "generic") != 0 || !__builtin_cpu_supports("avx2");
}

/* Starts this program again, with the same arguments, where BLIS has to be told. */
static inline void teach_blis(char **arguments)
{
    bli_init(); /* with BLIS_ARCH_TYPE set, it cannot say before */
    if (getenv("TAUGHT_BLIS") || blis_is_right(bli_arch_string(bli_arch_query_id())))
        return;
    const int kind = __builtin_cpu_supports("avx512f") ? BLIS_ARCH_SKX : BLIS_ARCH_ZEN3;
    char text[16];
    snprintf(text, sizeof text, "%d", kind);
    setenv("BLIS_ARCH_TYPE", text, 1);
    setenv("TAUGHT_BLIS", "1", 1); /* once: should it not obey, the program says what runs */
    execv("/proc/self/exe", arguments);
}

#else

static inline void teach_blis(char **arguments)
{
    (void)arguments;
}

#endif

#endif
