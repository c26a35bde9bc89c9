/* SPDX-License-Identifier: MIT */
#include "common/cpu.h"

#include <adaptau/context.h>

/* The builtin checks what the operating system saves (XCR0) as well as what the CPU has. */
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
#endif
    return features;
}
