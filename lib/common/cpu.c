/* SPDX-License-Identifier: MIT */
#include "common/cpu.h"

#include <adaptau/context.h>

#if defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#ifndef HWCAP2_BF16
#define HWCAP2_BF16 (1ul << 14) /* older headers lack it: glibc 2.31                                            */
#endif
#endif

/* On x86 the builtin checks what the operating system saves (XCR0) as well as what the CPU has. On arm64 Linux tells what it
 * supports in the auxiliary vector; elsewhere NEON is part of the platform. */
uint64_t atau_cpu_features(void)
{
    uint64_t features = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
        features |= ADAPTAU_CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        features |= ADAPTAU_CPU_AVX512;
    if (__builtin_cpu_supports("avx512bf16"))
        features |= ADAPTAU_CPU_AVX512_BF16;
    if (__builtin_cpu_supports("avx512vnni"))
        features |= ADAPTAU_CPU_AVX512_VNNI;
#elif defined(__aarch64__) && defined(__linux__)
    if (getauxval(AT_HWCAP) & HWCAP_ASIMD)
        features |= ADAPTAU_CPU_NEON;
    if (getauxval(AT_HWCAP2) & HWCAP2_BF16)
        features |= ADAPTAU_CPU_NEON_BF16;
#elif defined(__aarch64__)
    features |= ADAPTAU_CPU_NEON;
#endif
    return features;
}
