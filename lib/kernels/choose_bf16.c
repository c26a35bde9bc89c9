/* SPDX-License-Identifier: MIT */
/* Whether bfloat16 pays on this CPU. That it has the instructions says little: on Zen 4 and 5 vdpbf16ps does twice the work of a
 * float32 multiply-add in the same time (399 against 217 GFLOP/s a core), on Emerald Rapids half of it (85 against 178). So both
 * products are timed, once for each context, when one is first asked for. The best of alternating runs of microseconds counts,
 * which neighbours on a busy machine hardly change, and the known CPUs are far on either side of the border: every context of a
 * machine chooses alike. The road not taken: a table of CPU families, which is wrong for the next one and under emulators. */
#include "kernels/of_context.h"

#include <stdbool.h>

#include "os/system.h"

#define LINES 32
#define COLUMNS 64
#define DIM 64
#define REPEATS 16 /* products in one timing: 4 MFLOP */
#define ROUNDS 16
/* Packing costs a little, and memory's traffic is halved. A step is as fast as in float32 at about 1.0; the way between the slow
 * CPUs and the fast ones is long, so that the border lies where bfloat16 surely gains. */
#define LEAST_SPEED 1.2

struct operands {
    float    a[LINES * DIM], b[DIM * COLUMNS], c[LINES * COLUMNS];
    uint32_t a_words[LINES * DIM / 2], b_words[DIM / 2 * COLUMNS];
};

static double time_float32(const struct atau_kernels *kernels, struct operands *x)
{
    const double start = atau_clock();
    for (int i = 0; i < REPEATS; i++)
        kernels->product(LINES, COLUMNS, DIM, x->a, DIM, 1, x->b, COLUMNS, 0, x->c, COLUMNS);
    return atau_clock() - start;
}

static double time_bf16(const struct atau_bf16_kernels *kernels, struct operands *x)
{
    const double start = atau_clock();
    for (int i = 0; i < REPEATS; i++)
        kernels->product(LINES, COLUMNS, DIM / 2, x->a_words, DIM / 2, 1, x->b_words, COLUMNS, 0, x->c, COLUMNS);
    return atau_clock() - start;
}

double atau_bf16_speed(const struct atau_kernels *kernels)
{
    struct operands x;
    double          float32 = 1e9, bf16 = 1e9;
    for (int i = 0; i < LINES * DIM; i++)
        x.a[i] = 0.01f * (float)(i % 97);
    for (int i = 0; i < DIM * COLUMNS; i++)
        x.b[i] = 0.01f * (float)(i % 89);
    kernels->bf16->pack_lines(LINES, DIM, x.a, DIM, x.a_words, DIM / 2);
    kernels->bf16->pack_pairs(DIM, COLUMNS, x.b, COLUMNS, x.b_words, COLUMNS);
    for (int round = 0; round < ROUNDS; round++) {
        const double one = time_float32(kernels, &x), other = time_bf16(kernels->bf16, &x);
        float32 = one < float32 ? one : float32;
        bf16 = other < bf16 ? other : bf16;
    }
    return bf16 > 0 ? float32 / bf16 : 1;
}

/* Of two threads that measure at once the first one's answer counts. */
static int32_t choose(struct atau_context_with_kernels *whole)
{
    const bool possible = whole->context.options.bfloat16 == ADAPTAU_BFLOAT16_IF_POSSIBLE;
    int32_t    unknown = 0, choice = possible || atau_bf16_speed(&whole->kernels) >= LEAST_SPEED ? 1 : -1;
    if (!atomic_compare_exchange_strong(&whole->bf16, &unknown, choice))
        return unknown;
    if (choice < 0)
        atau_log(&whole->context, ADAPTAU_LOG_INFO, "products in bfloat16 are slower than in float32 on this CPU: float32 it is");
    return choice;
}

const struct atau_bf16_kernels *atau_context_bf16(adaptau_context *context)
{
    struct atau_context_with_kernels *whole = (struct atau_context_with_kernels *)context;
    if (!whole->kernels.bf16)
        return NULL;
    const int32_t known = atomic_load(&whole->bf16);
    return (known ? known : choose(whole)) > 0 ? whole->kernels.bf16 : NULL;
}
