/* SPDX-License-Identifier: MIT */
/* count_product M N K WAY TIMES: that many products, for count_instructions.sh. WAY 0: A by rows; 1: by columns; 2, 3: the same
 * in bfloat16, whose packing does not count. */
#include <adaptau/context.h>

#include <stdlib.h>

#include "common/cpu.h"
#include "kernels/kernels.h"

int main(int argc, char **argv)
{
    static float        a[1 << 15], b[1 << 15], c[1 << 15];
    static uint32_t     words_a[1 << 14], words_b[1 << 14];
    struct atau_kernels kernels;
    char                name[64], remark[160];
    if (argc != 6)
        return 2;
    const int64_t m = atoi(argv[1]), n = atoi(argv[2]), k = atoi(argv[3]);
    const int     way = atoi(argv[4]), times = atoi(argv[5]);
    if (m * k > 1 << 15 || k * n > 1 << 15 || m * n > 1 << 15 ||
        atau_kernels_select(ADAPTAU_BACKEND_NATIVE, atau_cpu_features(), &kernels, name, remark, NULL) != ADAPTAU_OK)
        return 1;
    for (int i = 0; i < times && way < 2; i++)
        kernels.product(m, n, k, a, way ? 1 : k, way ? m : 1, b, n, 0, c, n);
    for (int i = 0; i < times && way >= 2; i++)
        kernels.bf16->product(m, n, k / 2, words_a, way > 2 ? 1 : k / 2, way > 2 ? m : 1, words_b, n, 0, c, n);
    return 0;
}
