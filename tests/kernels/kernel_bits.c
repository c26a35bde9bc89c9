/* SPDX-License-Identifier: MIT */
/* kernel_bits: a checksum of what each kernel of the AVX2 or the NEON table makes of the same numbers, at many lengths and
 * offsets: both must print the same lines (docs/numerics.md). tests/platforms/run_platforms.sh compares them. */
#include <adaptau/context.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/cpu.h"
#include "kernels/kernels.h"
#include "numbers.h"

#define ROOM 8192
#define LONGEST 67

static struct atau_kernels kernels;
static uint64_t            digest;
static float               a[ROOM], b[ROOM], c[ROOM], d[ROOM];
static uint32_t            state;

static void start(void)
{
    digest = UINT64_C(14695981039346656037); /* FNV-1a                                                         */
    state = 7;
}

static void add(const void *data, size_t n)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < n; i++)
        digest = (digest ^ bytes[i]) * UINT64_C(1099511628211);
}

static void print(const char *name)
{
    printf("%-16s %016" PRIx64 "\n", name, digest);
}

/* A margin on each side shows writes outside. */
static void fill(int64_t n)
{
    fill_numbers(&state, n + 16, a);
    fill_numbers(&state, n + 16, b);
    fill_numbers(&state, n + 16, c);
    fill_numbers(&state, n + 16, d);
}

static void products(void)
{
    static const int64_t larger[][3] = {{37, 45, 30}, {128, 64, 16}, {16, 128, 20}};
    start();
    for (int64_t m = 0; m <= 13; m++)
        for (int64_t n = 0; n <= 35; n++)
            for (int64_t k = 0; k <= 9; k += 1 + (k > 4))
                for (int way = 0; way < 6; way++) {
                    const int64_t row = way / 2 == 0 ? k + 1 : way / 2 == 1 ? 1 : 2, column = way / 2 == 0 ? 1 : way / 2 == 1 ? m + 1 : 30;
                    fill(600);
                    kernels.product(m, n, k, a + 1, row, column, b + 2, n + 3, way & 1, c + 3, n + 1);
                    add(c, 600 * sizeof *c);
                }
    for (int s = 0; s < 3; s++)
        for (int way = 0; way < 2; way++) {
            const int64_t m = larger[s][0], n = larger[s][1], k = larger[s][2];
            fill(ROOM - 16);
            kernels.product(m, n, k, a, way ? 1 : k, way ? m : 1, b, n, 0, c, n <= 45 ? n : 64);
            add(c, sizeof c);
        }
    print("product");
}

/* Rows of c by `which`, at every length and four offsets. */
static void rows(const char *name, int which)
{
    const struct atau_adam adam = {
        .step = 0.01f, .second_scale = 3.0f, .beta1 = 0.9f, .beta2 = 0.99f, .epsilon = 1e-8f, .decay = 0.01f, .to_sphere = which & 1};
    start();
    for (int64_t n = 0; n <= LONGEST; n++)
        for (int64_t at = 0; at < 4; at++) {
            float number_out = 0.0f;
            fill(LONGEST + 4);
            for (int64_t i = 0; i < ROOM; i++)
                d[i] = d[i] * d[i];
            switch (which) {
            case 0: number_out = kernels.dot(n, a + at, b + 1); break;
            case 1: kernels.axpy(n, 0.7f, a + at, c + 2); break;
            case 2: kernels.scale(n, 0.7f, a + at, c + 2); break;
            case 4:
            case 5: kernels.adam_row(n, &adam, a + at, b + 1, d + 2, c + 3); break;
            default: kernels.adam_row_shared(n, &adam, a + at, b + 1, d + 2, c + 3); break;
            }
            add(&number_out, sizeof number_out);
            add(b, 100 * sizeof *b);
            add(c, 100 * sizeof *c);
            add(d, 100 * sizeof *d);
        }
    print(name);
}

static void gathers(void)
{
    static const int32_t ids[30] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6, 2, 6, 4, 3, 3, 8, 3, 2, 7};
    start();
    for (int64_t n = 1; n <= 150; n++)
        for (int way = 0; way < 4; way++) {
            fill(2000);
            const struct atau_gather from = {.x = a, .stride = n + 3, .dim = n, .weights = way & 1 ? b : NULL};
            kernels.gather(&from, 3 + n % 20, 30, ids, 0.6f, 0.3f, way & 2 ? d : NULL, c + 1);
            add(c, 200 * sizeof *c);
        }
    print("gather");
}

/* Tiles whose exponents are common, large, or special, and whose shifts or log q are wide. */
static void tiles(const char *name, int which)
{
    static const float specials[] = {-1.0f / 0.0f, 1.0f / 0.0f, 1e30f, -1e30f, -9.0f, 9.5f, 0.0f, -10.3f};
    static uint32_t    hits[ROOM];
    start();
    for (int64_t columns = 0; columns <= 35; columns++)
        for (int64_t lines = 0; lines <= 5; lines++)
            for (int way = 0; way < 16; way++) {
                float scale[36], shift[36], sum[36], *t = c + 1;
                fill(300);
                for (int r = 0; r < 36; r++) {
                    scale[r] = 5.0f + (way & 2 ? 6.0f : 0.0f) + a[r];
                    shift[r] = way & 4 && r % 3 == 0 ? ATAU_WIDE + 3.0f * b[r] : b[r]; /* on both sides of the bound      */
                    sum[r] = 1.0f + d[r];
                }
                for (int i = 0; i < 300 && way & 2; i += 5)
                    c[i] = specials[i / 5 % 8];
                for (int j = 0; j < 5 && way & 8; j += 2)
                    a[100 + j] = 3.0f * a[100 + j] - ATAU_WIDE;
                const float *q = way & 1 ? a + 100 : NULL;
                int64_t      n_hits = 0;
                switch (which) {
                case 0: kernels.exp_tile(lines, columns, t, columns + 2, scale, shift, q, sum); break;
                case 1: kernels.exp_sum(lines, columns, t, columns + 2, scale, shift, q, sum); break;
                case 2: kernels.softplus_tile(lines, columns, t, columns + 2, scale, shift, sum); break;
                case 3: kernels.max_tile(lines, columns, t, columns + 2, scale, q, sum); break;
                default: n_hits = kernels.filter_tile(lines, columns, t, columns + 2, shift, hits); break;
                }
                add(hits, (size_t)n_hits * sizeof *hits);
                add(c, 300 * sizeof *c);
                add(sum, sizeof sum);
            }
    print(name);
}

int main(void)
{
    char           name[64], remark[160];
    const uint64_t cpu = atau_cpu_features() & (ADAPTAU_CPU_AVX2 | ADAPTAU_CPU_NEON);
    if (atau_kernels_select(ADAPTAU_BACKEND_NATIVE, cpu, &kernels, name, remark, NULL) != ADAPTAU_OK) {
        fprintf(stderr, "neither AVX2 nor NEON\n");
        return 77;
    }
    fprintf(stderr, "%s\n", name);
    products();
    rows("dot", 0);
    rows("axpy", 1);
    rows("scale", 2);
    rows("adam_row", 4);
    rows("adam_row, unit", 5);
    rows("adam_shared", 6);
    rows("adam_shared, unit", 7);
    gathers();
    tiles("exp_tile", 0);
    tiles("exp_sum", 1);
    tiles("softplus_tile", 2);
    tiles("max_tile", 3);
    tiles("filter_tile", 4);
    return 0;
}
