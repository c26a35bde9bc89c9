/* SPDX-License-Identifier: MIT */
/* How fast every kernel is at every level, on one thread and with operands in cache, as in the engine; and what share that is
 * of what this core can do, measured in the same run (peaks.h).
 *
 *     bench_kernels          a table: one line per kernel and shape, one column per level
 *     bench_kernels --json   the same as one line of JSON
 *
 * Numbers are the best of many short runs: the machine's other load only ever slows a run down. Shares are of the level's own
 * instruction set (of the widest one for BLIS): of its multiply-adds for products and exponentials, of its bfloat16 dot
 * products where operands are bfloat16, of its reads from the first-level cache for kernels that only read, of its copies
 * within that cache for the others. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../bench/teach_blis.h"
#include "levels.h"
#include "numbers.h"
#include "peaks.h"

#define RUN_SECONDS 2e-3 /* long against the clock, short against a time slice                                 */
#define RUNS 50

/* Sizes of the largest shape: 1024 x 1024 operands. */
#define CELLS (1 << 20)

struct data {
    float    *a, *b, *c, *d; /* [CELLS] in (−1, 1)                                                             */
    uint32_t *hits;          /* [CELLS]                                                                        */
    int32_t   ids[64];       /* of rows, in no order                                                           */
};

struct bench;
typedef void (*bench_function)(const struct atau_kernels *kernels, const struct bench *bench, struct data *data);

/* What bounds a kernel: its share is of that. */
enum bound { BOUND_PRODUCT, BOUND_BF16, BOUND_EXPONENTIAL, BOUND_EXPONENTIAL_BF16, BOUND_LOAD, BOUND_COPY };

struct bench {
    const char    *entry, *shape, *unit;
    bench_function run;
    int64_t        m, n, k; /* lines, columns, depth; n for a row                                              */
    double         work;    /* of one call, in 1e9 units                                                       */
    enum bound     bound;
};

/* Additions and multiplications of an exponential and its part of the row sum: scale and shift 2, range reduction 5, polynomial
 * 14, sum 1. */
#define FLOP_PER_EXPONENTIAL 22.0

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* ---- what is timed ------------------------------------------------------------------------------------------------- */

static void run_product(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->product(bench->m, bench->n, bench->k, data->a, bench->k, 1, data->b, bench->n, 0, data->c, bench->n);
}

static void run_product_by_columns(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->product(bench->m, bench->n, bench->k, data->a, 1, bench->m, data->b, bench->n, 0, data->c, bench->n);
}

static void run_product_accumulating(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->product(bench->m, bench->n, bench->k, data->a, bench->k, 1, data->b, bench->n, 1, data->c, bench->n);
}

/* a and b hold words then (reset_data). */
static const uint32_t *words_of(const float *x)
{
    return (const uint32_t *)(const void *)x;
}

static void run_product_bf16(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    const int64_t pairs = bench->k / 2;
    kernels->bf16->product(bench->m, bench->n, pairs, words_of(data->a), pairs, 1, words_of(data->b), bench->n, 0, data->c,
                           bench->n);
}

static void run_product_bf16_by_columns(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->bf16->product(bench->m, bench->n, bench->k / 2, words_of(data->a), 1, bench->m, words_of(data->b), bench->n, 1,
                           data->c, bench->n);
}

/* exp(8 t − 9) of its own results stays within (e⁻¹⁷, 1): no subnormals, however often. */
static void run_exp_tile(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->exp_tile(bench->m, bench->n, data->a, bench->n, data->b, data->b + bench->n, NULL, data->c);
}

static void run_exp_tile_bf16(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    uint32_t *words = (uint32_t *)(void *)data->d;
    kernels->bf16->exp_tile(bench->m, bench->n, data->a, bench->n, data->b, data->b + bench->n, NULL, data->c, words,
                            bench->n / 2, words + CELLS / 2, bench->n);
}

static void run_exp_sum(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->exp_sum(bench->m, bench->n, data->a, bench->n, data->b, data->b + bench->n, NULL, data->c);
}

/* The sigmoids of its own results stay within (0, 1). */
static void run_softplus_tile(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->softplus_tile(bench->m, bench->n, data->a, bench->n, data->b, data->b + bench->n, data->c);
}

static void run_max_tile(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->max_tile(bench->m, bench->n, data->a, bench->n, data->b, NULL, data->c);
}

static void run_filter_tile(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->filter_tile(bench->m, bench->n, data->a, bench->n, data->b + 2 * bench->n, data->hits);
}

static void run_dot(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    data->d[0] = kernels->dot(bench->n, data->a, data->c);
}

static void run_axpy(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->axpy(bench->n, 1e-9f, data->a, data->c);
}

static void run_scale(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->scale(bench->n, 0.5f, data->a, data->c);
}

static const struct atau_adam adam = {
    .step = 1e-3f, .second_scale = 1.0f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f, .to_sphere = 1};

static void run_adam_row(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->adam_row(bench->n, &adam, data->a, data->c, data->d, data->d + bench->n);
}

static void run_gather(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    const struct atau_gather from = {.x = data->a, .stride = bench->n, .dim = bench->n};
    kernels->gather(&from, bench->m, bench->m, data->ids, 1.0f, 0.0f, NULL, data->c);
}

static void run_adam_row_shared(const struct atau_kernels *kernels, const struct bench *bench, struct data *data)
{
    kernels->adam_row_shared(bench->n, &adam, data->a, data->c, data->d, data->d + bench->n);
}

#define GFLOP(m, n, k, bound) (m), (n), (k), 2e-9 * (m) * (n) * (k), bound
#define GEXP(m, n) (m), (n), 0, 1e-9 * (m) * (n), BOUND_EXPONENTIAL
#define GBYTE(m, n, bytes, bound) (m), (n), 0, (bytes) * 1e-9 * (m) * (n), bound

static const struct bench benches[] = {
    {"product, scores", "128 x 128 x 64", "GFLOP/s", run_product, GFLOP(128, 128, 64, BOUND_PRODUCT)},
    {"product, user gradient", "128 x 64 x 128", "GFLOP/s", run_product_by_columns, GFLOP(128, 64, 128, BOUND_PRODUCT)},
    {"product, item gradient", "128 x 64 x 128", "GFLOP/s", run_product_accumulating, GFLOP(128, 64, 128, BOUND_PRODUCT)},
    {"product, large d", "128 x 128 x 1024", "GFLOP/s", run_product, GFLOP(128, 128, 1024, BOUND_PRODUCT)},
    {"product, odd", "125 x 117 x 50", "GFLOP/s", run_product, GFLOP(125, 117, 50, BOUND_PRODUCT)},
    {"product, one row", "1 x 128 x 64", "GFLOP/s", run_product, GFLOP(1, 128, 64, BOUND_PRODUCT)},
    {"product_bf16, scores", "128 x 128 x 64", "GFLOP/s", run_product_bf16, GFLOP(128, 128, 64, BOUND_BF16)},
    {"product_bf16, users", "128 x 64 x 128", "GFLOP/s", run_product_bf16_by_columns, GFLOP(128, 64, 128, BOUND_BF16)},
    {"product_bf16, large d", "128 x 128 x 1024", "GFLOP/s", run_product_bf16, GFLOP(128, 128, 1024, BOUND_BF16)},
    {"exp_tile", "128 x 128", "Gexp/s", run_exp_tile, GEXP(128, 128)},
    {"exp_tile, odd", "128 x 117", "Gexp/s", run_exp_tile, GEXP(128, 117)},
    {"exp_tile_bf16", "128 x 128", "Gexp/s", run_exp_tile_bf16, 128, 128, 0, 1e-9 * 128 * 128, BOUND_EXPONENTIAL_BF16},
    {"exp_sum", "128 x 128", "Gexp/s", run_exp_sum, GEXP(128, 128)},
    {"softplus_tile", "128 x 128", "Gexp/s", run_softplus_tile, GEXP(128, 128)},
    {"max_tile", "128 x 128", "GB/s", run_max_tile, GBYTE(128, 128, 4, BOUND_LOAD)},
    {"filter_tile", "128 x 128", "GB/s", run_filter_tile, GBYTE(128, 128, 4, BOUND_LOAD)},
    {"dot", "64", "GB/s", run_dot, GBYTE(1, 64, 8, BOUND_LOAD)},
    {"dot", "1024", "GB/s", run_dot, GBYTE(1, 1024, 8, BOUND_LOAD)},
    {"axpy", "64", "GB/s", run_axpy, GBYTE(1, 64, 12, BOUND_COPY)},
    {"axpy", "1024", "GB/s", run_axpy, GBYTE(1, 1024, 12, BOUND_COPY)},
    {"scale", "64", "GB/s", run_scale, GBYTE(1, 64, 8, BOUND_COPY)},
    {"gather", "64 x 64", "GB/s", run_gather, GBYTE(64, 64, 4, BOUND_LOAD)},
    {"adam_row", "64", "GB/s", run_adam_row, GBYTE(1, 64, 28, BOUND_COPY)},
    {"adam_row_shared", "64", "GB/s", run_adam_row_shared, GBYTE(1, 64, 20, BOUND_COPY)},
};
#define N_BENCHES ((int)(sizeof benches / sizeof *benches))

/* ---- timing -------------------------------------------------------------------------------------------------------- */

static int needs_bf16(const struct bench *bench)
{
    return bench->bound == BOUND_BF16 || bench->bound == BOUND_EXPONENTIAL_BF16;
}

static int is_product(const struct bench *bench)
{
    return bench->bound == BOUND_PRODUCT || bench->bound == BOUND_BF16;
}

/* In place: words are written behind what is read. */
static void pack(const struct atau_bf16_kernels *kernels, float *x)
{
    kernels->pack_lines(1, CELLS, x, CELLS, (uint32_t *)(void *)x, CELLS / 2);
}

static void reset_data(const struct level *level, struct data *data, const struct bench *bench)
{
    uint32_t state = 1;
    fill_numbers(&state, CELLS, data->a);
    fill_numbers(&state, CELLS, data->b);
    fill_numbers(&state, CELLS, data->c);
    memset(data->d, 0, CELLS * sizeof *data->d);
    for (int i = 0; i < 64; i++)
        data->ids[i] = i * 37 % 64;
    if (bench->bound == BOUND_BF16) {
        pack(level->kernels.bf16, data->a);
        pack(level->kernels.bf16, data->b);
    }
    for (int64_t r = 0; r < bench->n && !is_product(bench); r++) {
        data->b[r] = 8.0f;
        data->b[bench->n + r] = 9.0f;
        data->b[2 * bench->n + r] = 0.99f; /* one score in 200 is above                                         */
        data->d[bench->n + r] = 0.1f;
    }
}

static double time_calls(const struct level *level, const struct bench *bench, struct data *data, int64_t calls)
{
    double start = seconds();
    for (int64_t i = 0; i < calls; i++)
        bench->run(&level->kernels, bench, data);
    return seconds() - start;
}

/* Work per second, the best of RUNS. */
static double measure(const struct level *level, const struct bench *bench, struct data *data)
{
    double  best = 1e30;
    int64_t calls = 1;
    reset_data(level, data, bench);
    while (time_calls(level, bench, data, calls) < RUN_SECONDS)
        calls *= 2;
    for (int run = 0; run < RUNS; run++) {
        double taken = time_calls(level, bench, data, calls);
        best = taken < best ? taken : best;
    }
    return (double)calls * bench->work / best;
}

static int applies(const struct level *level, const struct bench *bench)
{
    if (needs_bf16(bench))
        return level->kernels.bf16 != NULL;
    return bench->bound == BOUND_PRODUCT || !level->products_only;
}

/* ---- shares of the peak -------------------------------------------------------------------------------------------- */

static int set_of(const struct level *level, const struct peaks *peaks)
{
    if (level->products_only)
        return peaks->widest;
    return strstr(level->name, "avx512") ? PEAK_AVX512 : strstr(level->name, "avx2") ? PEAK_AVX2 : PEAK_SSE2;
}

/* 0 where the peak is not known. */
static double share_of(const struct level *level, const struct bench *bench, const struct peaks *peaks, double result)
{
    const struct peak *set = &peaks->sets[set_of(level, peaks)];
    double             most = 0.0;
    switch (bench->bound) {
    case BOUND_PRODUCT: most = set->gflops; break;
    case BOUND_BF16: most = peaks->bf16; break;
    case BOUND_EXPONENTIAL:
    case BOUND_EXPONENTIAL_BF16: most = set->gflops / FLOP_PER_EXPONENTIAL; break;
    case BOUND_LOAD: most = set->load; break;
    case BOUND_COPY: most = set->copy; break;
    }
    return most > 0.0 ? result / most : 0.0;
}

/* ---- output -------------------------------------------------------------------------------------------------------- */

static void print_peaks(const struct peaks *peaks)
{
    printf("one core of this machine%14s%18s%18s\n", "GFLOP/s", "L1 load, GB/s", "L1 copy, GB/s");
    for (int i = 0; i < PEAK_SETS; i++)
        if (peaks->sets[i].gflops > 0.0)
            printf("  %-22s%14.1f%18.1f%18.1f\n", peaks->sets[i].name, peaks->sets[i].gflops, peaks->sets[i].load,
                   peaks->sets[i].copy);
    if (peaks->bf16 > 0.0)
        printf("  %-22s%14.1f\n", "avx512, bfloat16", peaks->bf16);
    if (peaks->memory_load > 0.0)
        printf("  %-22s%14s%18.1f%18.1f\n", "memory", "", peaks->memory_load, peaks->memory_copy);
    printf("\n");
}

static void print_table(const struct level *levels, int n_levels, double results[N_BENCHES][MAX_LEVELS],
                        const struct peaks *peaks)
{
    print_peaks(peaks);
    printf("%-24s%-18s%-9s", "kernel", "shape", "unit");
    for (int l = 0; l < n_levels; l++)
        printf("%20s", levels[l].name);
    printf("\n");
    for (int i = 0; i < N_BENCHES; i++) {
        printf("%-24s%-18s%-9s", benches[i].entry, benches[i].shape, benches[i].unit);
        for (int l = 0; l < n_levels; l++) {
            double share = share_of(&levels[l], &benches[i], peaks, results[i][l]);
            if (!applies(&levels[l], &benches[i]))
                printf("%20s", "");
            else if (share > 0.0)
                printf("%14.2f %4.0f%%", results[i][l], 100.0 * share);
            else
                printf("%14.2f      ", results[i][l]);
        }
        printf("\n");
    }
}

static void print_json_peaks(const struct peaks *peaks)
{
    printf("\"peaks\": {");
    for (int i = 0; i < PEAK_SETS; i++)
        if (peaks->sets[i].gflops > 0.0)
            printf("\"%s\": {\"gflops\": %.2f, \"l1_load_gbs\": %.2f, \"l1_copy_gbs\": %.2f}, ", peaks->sets[i].name,
                   peaks->sets[i].gflops, peaks->sets[i].load, peaks->sets[i].copy);
    if (peaks->bf16 > 0.0)
        printf("\"avx512_bf16\": {\"gflops\": %.2f}, ", peaks->bf16);
    printf("\"memory\": {\"load_gbs\": %.2f, \"copy_gbs\": %.2f}}", peaks->memory_load, peaks->memory_copy);
}

static void print_json(const struct level *levels, int n_levels, double results[N_BENCHES][MAX_LEVELS],
                       const struct peaks *peaks)
{
    const char *comma = "";
    printf("{\"bench\": \"kernels\", ");
    print_json_peaks(peaks);
    printf(", \"results\": [");
    for (int i = 0; i < N_BENCHES; i++)
        for (int l = 0; l < n_levels; l++)
            if (applies(&levels[l], &benches[i])) {
                double share = share_of(&levels[l], &benches[i], peaks, results[i][l]);
                char   text[24] = "null";
                if (share > 0.0)
                    snprintf(text, sizeof text, "%.4f", share);
                printf("%s{\"kernel\": \"%s\", \"shape\": \"%s\", \"level\": \"%s\", \"unit\": \"%s\", \"value\": %.2f, "
                       "\"share\": %s}",
                       comma, benches[i].entry, benches[i].shape, levels[l].name, benches[i].unit, results[i][l], text);
                comma = ", ";
            }
    printf("]}\n");
}

int main(int argc, char **argv)
{
    static struct level levels[MAX_LEVELS];
    static double       results[N_BENCHES][MAX_LEVELS];
    int                 json = argc == 2 && strcmp(argv[1], "--json") == 0;
    if (argc > 1 && !json) {
        fprintf(stderr, "usage: bench_kernels [--json]\n");
        return 2;
    }
    teach_blis(argv);
    int          n_levels = find_levels(levels);
    struct peaks peaks = measure_peaks();
    struct data  data = {.hits = malloc(CELLS * sizeof *data.hits)};
    float      **arrays[] = {&data.a, &data.b, &data.c, &data.d};
    for (int i = 0; i < 4; i++)
        if (!(*arrays[i] = aligned_alloc(64, CELLS * sizeof(float))) || !data.hits)
            return 1;
    for (int i = 0; i < N_BENCHES; i++)
        for (int l = 0; l < n_levels; l++)
            if (applies(&levels[l], &benches[i]))
                results[i][l] = measure(&levels[l], &benches[i], &data);
    if (json)
        print_json(levels, n_levels, results, &peaks);
    else
        print_table(levels, n_levels, results, &peaks);
    for (int i = 0; i < 4; i++)
        free(*arrays[i]);
    free(data.hits);
    return 0;
}
