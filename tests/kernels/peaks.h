/* SPDX-License-Identifier: MIT */
/* What one core of this machine can do at each instruction set: floating-point operations, and bytes read and copied. */
#ifndef BENCH_PEAKS_H
#define BENCH_PEAKS_H

#include <stdint.h>

#define PEAK_SSE2 0 /* multiply and add, as plain C for x86-64 may use                                        */
#define PEAK_AVX2 1 /* FMA                                                                                    */
#define PEAK_AVX512 2
#define PEAK_SETS 3

struct peak {
    const char *name;
    double      gflops; /* float32; 0 where the CPU or this build has no such instructions                    */
    double      load;   /* GB/s, from 16 KiB                                                                  */
    double      copy;   /* GB/s, bytes read and written, 16 KiB to 16 KiB                                     */
};

struct peaks {
    struct peak sets[PEAK_SETS];
    double      bf16;                 /* GFLOP/s of dot products of bfloat16 pairs, or 0                       */
    double      memory_load;          /* GB/s of one core, from 256 MiB                                        */
    double      memory_copy;          /* GB/s of one core, bytes read and written; 0 for both where not measured */
    int         widest;               /* the set with the highest gflops                                       */
};

struct peaks measure_peaks(void);

#endif
