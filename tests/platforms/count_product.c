/* SPDX-License-Identifier: MIT */
/* count_product M N K WAY TIMES: that many products, for count_instructions.sh. WAY 0: A by rows; 1: by columns. */
#include <adaptau/context.h>

#include <stdlib.h>

#include "common/cpu.h"
#include "kernels/kernels.h"

int main(int argc, char **argv)
{
    static float        a[1 << 15], b[1 << 15], c[1 << 15];
    struct atau_kernels kernels;
    char                name[64], remark[160];
    if (argc != 6)
        return 2;
    const int64_t m = atoi(argv[1]), n = atoi(argv[2]), k = atoi(argv[3]);
    const int     by_columns = atoi(argv[4]), times = atoi(argv[5]);
    if (m * k > 1 << 15 || k * n > 1 << 15 || m * n > 1 << 15 ||
        atau_kernels_select(ADAPTAU_BACKEND_NATIVE, atau_cpu_features(), &kernels, name, remark, NULL) != ADAPTAU_OK)
        return 1;
    for (int i = 0; i < times; i++)
        kernels.product(m, n, k, a, by_columns ? 1 : k, by_columns ? m : 1, b, n, 0, c, n);
    return 0;
}
