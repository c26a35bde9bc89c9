/* SPDX-License-Identifier: MIT */
/* Every kernel table that this machine can run. */
#ifndef TEST_LEVELS_H
#define TEST_LEVELS_H

#include <adaptau/context.h>

#include <stdio.h>

#include "common/cpu.h"
#include "kernels/kernels.h"

#define MAX_LEVELS 5

struct level {
    char                name[64];
    int                 products_only; /* the other entries are another level's                               */
    struct atau_kernels kernels;
};

/* Fill `levels`, slowest first, and answer how many: plain C, AVX2, AVX-512, NEON, products by BLIS. AVX-512 and NEON have their
 * kernels on bfloat16 beside them where the CPU can. */
static inline int find_levels(struct level levels[MAX_LEVELS])
{
    const uint64_t bf16 = atau_cpu_features() & (ADAPTAU_CPU_AVX512_BF16 | ADAPTAU_CPU_NEON_BF16);
    const struct {
        int32_t  backend;
        uint64_t cpu;
    } wanted[MAX_LEVELS] = {{ADAPTAU_BACKEND_REFERENCE, 0},
                            {ADAPTAU_BACKEND_NATIVE, ADAPTAU_CPU_AVX2},
                            {ADAPTAU_BACKEND_NATIVE, ADAPTAU_CPU_AVX2 | ADAPTAU_CPU_AVX512},
                            {ADAPTAU_BACKEND_NATIVE, ADAPTAU_CPU_NEON},
                            {ADAPTAU_BACKEND_BLIS, 0}};
    int n = 0;
    for (int i = 0; i < MAX_LEVELS; i++) {
        char remark[160];
        levels[n].products_only = wanted[i].backend == ADAPTAU_BACKEND_BLIS;
        if ((wanted[i].cpu & ~atau_cpu_features()) == 0 &&
            atau_kernels_select(wanted[i].backend, wanted[i].cpu | bf16, &levels[n].kernels, levels[n].name, remark, NULL) ==
                ADAPTAU_OK)
            n++;
    }
    return n;
}

#endif
