/* SPDX-License-Identifier: MIT */
/* Loops of independent instructions, in assembly because compilers spill so many accumulators, and would merge or drop work
 * whose result nobody reads. Twelve accumulators cover a latency of 4 at three instructions a cycle. */
#include "peaks.h"

#include <adaptau/context.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/cpu.h"

#define RUNS 100
#define L1_BYTES (16 << 10)      /* two of them fit every first-level cache of 32 KiB or more                  */
#define MEMORY_BYTES (256 << 20) /* far beyond what one core gets of the last-level cache                      */
#define APART 2112               /* from a block to its copy, beyond its size: not a multiple of 4 KiB, where a load waits for
                                    the store before it                                                        */

#if defined(__x86_64__)

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

#define CLOBBERS                                                                                                             \
    "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13",      \
        "xmm14", "xmm15", "cc", "memory"

/* ---- operations ------------------------------------------------------------------------------------------------------ */

/* Accumulators start at 0, factors are 2⁻¹⁰: nothing overflows or becomes subnormal. */
static const float factor = 0x1p-10f;

typedef void (*flop_function)(int64_t n);

#define MULTIPLY_ADD(temporary, accumulator)                                                                                 \
    "movaps %%xmm12, %%xmm" #temporary "\n mulps %%xmm13, %%xmm" #temporary "\n"                                             \
    "addps %%xmm" #temporary ", %%xmm" #accumulator "\n"

static void add_sse2(int64_t n)
{
    __asm__ volatile("movss %1, %%xmm12\n shufps $0, %%xmm12, %%xmm12\n movaps %%xmm12, %%xmm13\n"
                     "xorps %%xmm0, %%xmm0\n xorps %%xmm1, %%xmm1\n xorps %%xmm2, %%xmm2\n xorps %%xmm3, %%xmm3\n"
                     "xorps %%xmm4, %%xmm4\n xorps %%xmm5, %%xmm5\n xorps %%xmm6, %%xmm6\n xorps %%xmm7, %%xmm7\n"
                     "xorps %%xmm8, %%xmm8\n xorps %%xmm9, %%xmm9\n xorps %%xmm10, %%xmm10\n xorps %%xmm11, %%xmm11\n"
                     "1:\n" MULTIPLY_ADD(14, 0) MULTIPLY_ADD(15, 1) MULTIPLY_ADD(14, 2) MULTIPLY_ADD(15, 3)
                         MULTIPLY_ADD(14, 4) MULTIPLY_ADD(15, 5) MULTIPLY_ADD(14, 6) MULTIPLY_ADD(15, 7) MULTIPLY_ADD(14, 8)
                             MULTIPLY_ADD(15, 9) MULTIPLY_ADD(14, 10) MULTIPLY_ADD(15, 11) "dec %0\n jnz 1b"
                     : "+r"(n)
                     : "m"(factor)
                     : CLOBBERS);
}

#define FUSED(instruction, set, accumulator) instruction " %%" set "13, %%" set "12, %%" set #accumulator "\n"
#define CLEAR(accumulator) "vxorps %%xmm" #accumulator ", %%xmm" #accumulator ", %%xmm" #accumulator "\n"
#define FUSED_LOOP(instruction, set)                                                                                         \
    __asm__ volatile("vbroadcastss %1, %%" set "12\n vbroadcastss %1, %%" set "13\n" CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3)     \
                         CLEAR(4) CLEAR(5) CLEAR(6) CLEAR(7) CLEAR(8) CLEAR(9) CLEAR(10) CLEAR(11) "1:\n"                    \
                             FUSED(instruction, set, 0) FUSED(instruction, set, 1) FUSED(instruction, set, 2)                \
                                 FUSED(instruction, set, 3) FUSED(instruction, set, 4) FUSED(instruction, set, 5)            \
                                     FUSED(instruction, set, 6) FUSED(instruction, set, 7) FUSED(instruction, set, 8)        \
                                         FUSED(instruction, set, 9) FUSED(instruction, set, 10) FUSED(instruction, set, 11)  \
                     "dec %0\n jnz 1b\n vzeroupper"                                                                          \
                     : "+r"(n)                                                                                               \
                     : "m"(factor)                                                                                           \
                     : CLOBBERS)

static void add_avx2(int64_t n)
{
    FUSED_LOOP("vfmadd231ps", "ymm");
}

static void add_avx512(int64_t n)
{
    FUSED_LOOP("vfmadd231ps", "zmm");
}

#define BF16(accumulator) "vdpbf16ps %%zmm13, %%zmm12, %%zmm" #accumulator "\n"
#define CLEAR_UPPER(accumulator) "vmovaps %%zmm0, %%zmm" #accumulator "\n"

/* Twice as many accumulators, since the latency is longer. The upper registers cannot be named as clobbered where the compiler
 * knows no AVX-512; it has nothing to keep in them here, and no caller expects anything there. */
static void add_avx512_bf16(int64_t n)
{
    n /= 2;
    __asm__ volatile("vbroadcastss %1, %%zmm12\n vbroadcastss %1, %%zmm13\n" CLEAR(0) CLEAR(1) CLEAR(2) CLEAR(3) CLEAR(4)
                         CLEAR(5) CLEAR(6) CLEAR(7) CLEAR(8) CLEAR(9) CLEAR(10) CLEAR(11) CLEAR_UPPER(16) CLEAR_UPPER(17)
                             CLEAR_UPPER(18) CLEAR_UPPER(19) CLEAR_UPPER(20) CLEAR_UPPER(21) CLEAR_UPPER(22) CLEAR_UPPER(23)
                                 CLEAR_UPPER(24) CLEAR_UPPER(25) CLEAR_UPPER(26) CLEAR_UPPER(27)
                     "1:\n" BF16(0) BF16(1) BF16(2) BF16(3) BF16(4) BF16(5) BF16(6) BF16(7) BF16(8) BF16(9) BF16(10) BF16(11)
                         BF16(16) BF16(17) BF16(18) BF16(19) BF16(20) BF16(21) BF16(22) BF16(23) BF16(24) BF16(25) BF16(26)
                             BF16(27) "dec %0\n jnz 1b\n vzeroupper"
                     : "+r"(n)
                     : "m"(factor)
                     : CLOBBERS);
}

/* n is long against the clock and short against a time slice; other load only ever slows a run down: the best counts. */
static double measure_gflops(flop_function add, int flop_per_instruction)
{
    double best = 1e30;
    for (int run = 0; run < RUNS; run++) {
        double start = seconds();
        add(1 << 20);
        double taken = seconds() - start;
        best = taken < best ? taken : best;
    }
    return 12e-9 * (1 << 20) * flop_per_instruction / best;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------------- */

/* Eight vectors a round; `bytes` is a positive multiple of eight of the widest, and both blocks are aligned. */
typedef void (*byte_function)(const char *from, char *to, int64_t bytes);

#define LOAD(move, set, width, k) move " " #k "*" #width "(%0), %%" set #k "\n"
#define STORE(move, set, width, k) move " %%" set #k ", " #k "*" #width "(%1)\n"
#define EIGHT(step, move, set, width)                                                                                        \
    step(move, set, width, 0) step(move, set, width, 1) step(move, set, width, 2) step(move, set, width, 3)                  \
        step(move, set, width, 4) step(move, set, width, 5) step(move, set, width, 6) step(move, set, width, 7)
#define BYTE_LOOP(stores, width, end)                                                                                        \
    __asm__ volatile("1:\n" stores "add $8*" #width ", %0\n add $8*" #width ", %1\n sub $8*" #width ", %2\n jnz 1b\n" end    \
                     : "+r"(from), "+r"(to), "+r"(bytes)                                                                     \
                     :                                                                                                       \
                     : CLOBBERS)

static void load_sse2(const char *from, char *to, int64_t bytes)
{
    BYTE_LOOP(EIGHT(LOAD, "movaps", "xmm", 16), 16, "");
}

static void copy_sse2(const char *from, char *to, int64_t bytes)
{
    BYTE_LOOP(EIGHT(LOAD, "movaps", "xmm", 16) EIGHT(STORE, "movaps", "xmm", 16), 16, "");
}

static void load_avx2(const char *from, char *to, int64_t bytes)
{
    BYTE_LOOP(EIGHT(LOAD, "vmovaps", "ymm", 32), 32, "vzeroupper");
}

static void copy_avx2(const char *from, char *to, int64_t bytes)
{
    BYTE_LOOP(EIGHT(LOAD, "vmovaps", "ymm", 32) EIGHT(STORE, "vmovaps", "ymm", 32), 32, "vzeroupper");
}

static void load_avx512(const char *from, char *to, int64_t bytes)
{
    BYTE_LOOP(EIGHT(LOAD, "vmovaps", "zmm", 64), 64, "vzeroupper");
}

static void copy_avx512(const char *from, char *to, int64_t bytes)
{
    BYTE_LOOP(EIGHT(LOAD, "vmovaps", "zmm", 64) EIGHT(STORE, "vmovaps", "zmm", 64), 64, "vzeroupper");
}

/* GB/s of `calls` passes over the block, the best of a few runs. */
static double measure_bytes(byte_function pass, char *block, int64_t bytes, int64_t calls, int runs)
{
    double best = 1e30;
    for (int run = 0; run < runs; run++) {
        double start = seconds();
        for (int64_t i = 0; i < calls; i++)
            pass(block, block + bytes + APART, bytes);
        double taken = seconds() - start;
        best = taken < best ? taken : best;
    }
    return 1e-9 * (double)(calls * bytes) / best;
}

/* ---- all of it --------------------------------------------------------------------------------------------------------- */

struct peaks measure_peaks(void)
{
    static const struct {
        const char   *name;
        uint64_t      cpu;
        int           lanes;
        flop_function add;
        byte_function load, copy;
    } sets[PEAK_SETS] = {
        {"sse2", 0, 4, add_sse2, load_sse2, copy_sse2},
        {"avx2", ADAPTAU_CPU_AVX2, 8, add_avx2, load_avx2, copy_avx2},
        {"avx512", ADAPTAU_CPU_AVX512, 16, add_avx512, load_avx512, copy_avx512},
    };
    struct peaks peaks = {.widest = PEAK_SSE2};
    char        *block = aligned_alloc(4096, 2 * (size_t)MEMORY_BYTES + 4096);
    for (int i = 0; i < PEAK_SETS; i++) {
        struct peak *peak = &peaks.sets[i];
        peak->name = sets[i].name;
        if (!block || (sets[i].cpu & ~atau_cpu_features()) != 0)
            continue;
        memset(block, 0, 3 * L1_BYTES);
        peak->gflops = measure_gflops(sets[i].add, 2 * sets[i].lanes);
        peak->load = measure_bytes(sets[i].load, block, L1_BYTES, 1 << 13, RUNS);
        peak->copy = 2.0 * measure_bytes(sets[i].copy, block, L1_BYTES, 1 << 13, RUNS);
        peaks.widest = peak->gflops > peaks.sets[peaks.widest].gflops ? i : peaks.widest;
    }
    if (block && atau_cpu_features() & ADAPTAU_CPU_AVX512_BF16)
        peaks.bf16 = measure_gflops(add_avx512_bf16, 64);
    if (block) {
        memset(block, 0, 2 * (size_t)MEMORY_BYTES + 4096);
        peaks.memory_load = measure_bytes(sets[peaks.widest].load, block, MEMORY_BYTES, 1, 5);
        peaks.memory_copy = 2.0 * measure_bytes(sets[peaks.widest].copy, block, MEMORY_BYTES, 1, 5);
    }
    free(block);
    return peaks;
}

#else

struct peaks measure_peaks(void)
{
    return (struct peaks){.sets = {{.name = "sse2"}, {.name = "avx2"}, {.name = "avx512"}}};
}

#endif
