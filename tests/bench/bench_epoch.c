/* SPDX-License-Identifier: MIT */
/* bench_epoch [--json] [--seconds S] [--dim D]: an exact epoch against the three bare BLIS products of the same shapes.
 *
 * Gowalla's shape (29,858 users, 40,981 items, 810,128 pairs, drawn by a power law). Both sides are timed in slices of a few
 * steps, alternating, and the ratio is that of medians. The bare products are what one would write first: for each step scores
 * R x m x d, user gradient R x d x m and item gradient m x d x R by bli_sgemm_ex, one thread each on halves of the items; in
 * four settings (whole matrices or tiles of 256 x 1024 that stay in cache, packed or plain), of which the fastest counts. */
#include <adaptau/adaptau.h>

#include <blis.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "teach_blis.h"

#define USERS 29858
#define ITEMS 40981
#define PAIRS 810128
#define ROWS 512 /* of a step                                                                                  */
#define STEPS 6  /* of a slice                                                                                 */
#define MOST_SLICES 64
#define MOST_THREADS 16

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void fail(const char *what, const adaptau_error *error)
{
    fprintf(stderr, "bench_epoch: %s: %s\n", what, error->message);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

static void *allocate(size_t floats)
{
    void *block = aligned_alloc(4096, (floats * sizeof(float) + 4095) / 4096 * 4096);
    if (!block) {
        fprintf(stderr, "bench_epoch: out of memory\n");
        exit(1);
    }
    memset(block, 0, floats * sizeof(float));
    return block;
}

/* ---- the bare products ---------------------------------------------------------------------------------------------- */

struct bare {
    int    dim, threads;
    bool   tiles, packed, scores_only;
    float *users, *items;   /* [ROWS x d], [m x d]                                                            */
    float *scores;          /* [ROWS x m], or [threads x 256 x 1024]                                          */
    float *user_gradients;  /* [threads x ROWS x d]                                                           */
    float *item_gradients;  /* [m x d]                                                                        */
};

struct part {
    struct bare *bare;
    int          thread;
};

static void multiply(const struct bare *b, trans_t ta, trans_t tb, int64_t m, int64_t n, int64_t k, float *x, int64_t ldx,
                     float *y, int64_t ldy, float beta, float *z, int64_t ldz)
{
    rntm_t rt = BLIS_RNTM_INITIALIZER;
    float  one = 1.0f;
    bli_rntm_set_num_threads(1, &rt);
    if (b->packed)
        bli_rntm_set_pack_b(TRUE, &rt);
    bli_sgemm_ex(ta, tb, m, n, k, &one, x, ldx, 1, y, ldy, 1, &beta, z, ldz, 1, NULL, &rt);
}

static void *run_part(void *argument)
{
    const struct part *part = argument;
    const struct bare *b = part->bare;
    const int64_t      d = b->dim, first = (int64_t)ITEMS * part->thread / b->threads;
    const int64_t      end = (int64_t)ITEMS * (part->thread + 1) / b->threads;
    const int64_t      width = b->tiles ? 1024 : end - first, height = b->tiles ? 256 : ROWS;
    float             *gradients = b->user_gradients + part->thread * ROWS * d;
    for (int64_t r = 0; r < ROWS; r += height)
        for (int64_t j = first; j < end; j += width) {
            const int64_t w = j + width < end ? width : end - j, ld = b->tiles ? 1024 : ITEMS;
            float *scores = b->tiles ? b->scores + (int64_t)part->thread * 256 * 1024 : b->scores + r * ITEMS + j;
            multiply(b, BLIS_NO_TRANSPOSE, BLIS_TRANSPOSE, height, w, d, b->users + r * d, d, b->items + j * d, d, 0.0f,
                     scores, ld);
            if (b->scores_only)
                continue;
            multiply(b, BLIS_NO_TRANSPOSE, BLIS_NO_TRANSPOSE, height, d, w, scores, ld, b->items + j * d, d,
                     j > first ? 1.0f : 0.0f, gradients + r * d, d);
            multiply(b, BLIS_TRANSPOSE, BLIS_NO_TRANSPOSE, w, d, height, scores, ld, b->users + r * d, d,
                     r > 0 ? 1.0f : 0.0f, b->item_gradients + j * d, d);
        }
    return NULL;
}

static double time_bare(struct bare *b, int steps)
{
    double start = now();
    for (int s = 0; s < steps; s++) {
        pthread_t   threads[MOST_THREADS];
        struct part parts[MOST_THREADS];
        for (int t = 0; t < b->threads; t++) {
            parts[t] = (struct part){b, t};
            if (t > 0)
                pthread_create(&threads[t], NULL, run_part, &parts[t]);
        }
        run_part(&parts[0]);
        for (int t = 1; t < b->threads; t++)
            pthread_join(threads[t], NULL);
    }
    return (now() - start) / steps;
}

/* Pick the fastest of the four settings. */
static void choose_setting(struct bare *b, bool verbose)
{
    double best = 1e9;
    bool   best_tiles = false, best_packed = false;
    for (int setting = 0; setting < 4; setting++) {
        double times[3];
        b->tiles = setting & 1;
        b->packed = setting & 2;
        time_bare(b, 1);
        for (int i = 0; i < 3; i++)
            times[i] = time_bare(b, 2);
        double seconds = median(times, 3), flop = (b->scores_only ? 2.0 : 6.0) * ROWS * ITEMS * b->dim;
        if (verbose)
            printf("  bare %s, %-6s, %-6s  %7.2f ms  %6.1f GFLOP/s\n", b->scores_only ? "scores        " : "three products",
                   b->tiles ? "tiles" : "whole", b->packed ? "packed" : "plain", 1e3 * seconds, 1e-9 * flop / seconds);
        if (seconds < best) {
            best = seconds;
            best_tiles = b->tiles;
            best_packed = b->packed;
        }
    }
    b->tiles = best_tiles;
    b->packed = best_packed;
}

/* ---- the library's epoch ---------------------------------------------------------------------------------------------- */

struct host {
    adaptau_context     *context;
    adaptau_dataset     *data, *held_out;
    adaptau_model       *model;
    adaptau_sampler     *sampler;
    adaptau_temperature *temperature;
    adaptau_evaluator   *evaluator;
    int64_t              epoch;
    bool                 soft; /* with soft targets                                                            */
};

static uint32_t random_state = 1;

static double uniform(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / 16777216.0;
}

static adaptau_dataset *draw_data(adaptau_context *context, int64_t pairs, adaptau_error *error)
{
    adaptau_dataset *data = NULL;
    int32_t         *users = allocate((size_t)pairs), *items = allocate((size_t)pairs);
    for (int64_t p = 0; p < pairs; p++) {
        double x = uniform();
        users[p] = (int32_t)(p % USERS);
        items[p] = (int32_t)((double)ITEMS * x * x * x) % ITEMS;
    }
    if (adaptau_dataset_create_from_pairs(context, USERS, ITEMS, pairs, users, items, &data, error))
        fail("data", error);
    free(users);
    free(items);
    return data;
}

/* τ₀ and, where wanted, soft targets of the strength that the trainer's preset has on this shape: once per epoch. */
static void turn_epoch(struct host *h)
{
    adaptau_error          error = {0};
    adaptau_target_options targets = {.struct_size = sizeof targets, .strength = 13.3};
    if (adaptau_model_update_temperature(h->model, h->temperature, &error))
        fail("temperature", &error);
    if (h->soft && adaptau_model_update_targets(h->model, h->data, h->temperature, &targets, &error))
        fail("targets", &error);
    if (adaptau_sampler_begin_epoch(h->sampler, h->epoch++, &error))
        fail("epoch", &error);
}

static void open_host(struct host *h, int threads, int dim, bool soft, uint32_t flags)
{
    adaptau_error           error = {0};
    adaptau_context_options context_options = {.struct_size = sizeof context_options, .n_threads = threads};
    adaptau_model_options   model_options = {.struct_size = sizeof model_options,
                                             .flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT | flags,
                                             .dim = dim};
    adaptau_sampler_options sampler_options = {.struct_size = sizeof sampler_options,
                                               .flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM,
                                               .rows_per_batch = ROWS};
    *h = (struct host){.soft = soft};
    random_state = 1;
    if (adaptau_context_create(&context_options, &h->context, &error))
        fail("context", &error);
    h->data = draw_data(h->context, PAIRS, &error);
    h->held_out = draw_data(h->context, PAIRS / 4, &error);
    adaptau_evaluator_options evaluator_options = {
        .struct_size = sizeof evaluator_options, .n_masks = 1, .masks = (const adaptau_dataset *const *)&h->data};
    if (adaptau_model_create(h->context, h->data, &model_options, &h->model, &error) ||
        adaptau_sampler_create(h->context, h->data, &sampler_options, &h->sampler, &error) ||
        adaptau_temperature_create(h->context, h->data, NULL, &h->temperature, &error) ||
        adaptau_evaluator_create(h->context, h->held_out, &evaluator_options, &h->evaluator, &error))
        fail("objects", &error);
    turn_epoch(h);
}

static void close_host(struct host *h)
{
    adaptau_evaluator_destroy(h->evaluator);
    adaptau_temperature_destroy(h->temperature);
    adaptau_sampler_destroy(h->sampler);
    adaptau_model_destroy(h->model);
    adaptau_dataset_destroy(h->held_out);
    adaptau_dataset_destroy(h->data);
    adaptau_context_destroy(h->context);
}

/* Seconds per full step of ROWS users: sampler, gather, products, exponential, gradients, Adam on both tables; and what the
 * turn of an epoch costs, whose steps of fewer rows are not counted. */
static double time_steps(struct host *h, int steps, double *gradient_seconds)
{
    adaptau_error error = {0};
    double        seconds = 0.0;
    *gradient_seconds = 0.0;
    for (int s = 0; s < steps;) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        double        start = now();
        if (adaptau_sampler_next(h->sampler, &batch, &error))
            fail("sampler", &error);
        if (batch.n_rows == 0) {
            turn_epoch(h);
            seconds += now() - start;
            continue;
        }
        double before = now();
        if (adaptau_model_gradients(h->model, &batch, h->temperature, NULL, &error))
            fail("gradients", &error);
        double after = now();
        if (adaptau_model_apply(h->model, &error))
            fail("apply", &error);
        if (batch.n_rows == ROWS) {
            seconds += now() - start;
            *gradient_seconds += after - before;
            s++;
        }
    }
    *gradient_seconds /= steps;
    return seconds / steps;
}

static double time_evaluation(struct host *h)
{
    adaptau_error error = {0};
    double        start = now();
    if (adaptau_model_tables(h->model, &(adaptau_tables){.struct_size = sizeof(adaptau_tables)}, &error))
        fail("tables", &error);
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_model_tables(h->model, &tables, &error);
    if (adaptau_evaluator_run(h->evaluator, &tables, &error))
        fail("evaluation", &error);
    return now() - start;
}

/* ---- the measurement -------------------------------------------------------------------------------------------------- */

struct result {
    double step, gradient, bare, one_thread, soft, bf16, evaluate, bare_scores, extra_mib;
};

static double extra_mib(const struct host *h, int dim)
{
    uint64_t peak = 0;
    adaptau_context_memory(h->context, NULL, &peak);
    /* Adam: a first moment for each entry, a second one and a count for each row. */
    const double tables = (2.0 * 4.0 * dim + 8.0) * (USERS + ITEMS), gradients = 4.0 * dim * (ITEMS + ROWS);
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_dataset_get_view(h->data, &view, NULL);
    const double data = 2.0 * (8.0 * (USERS + ITEMS) + 4.0 * 1.25 * PAIRS); /* transposes and copies of both sets */
    return ((double)peak - tables - gradients - data) / 1048576.0;
}

static bool has_bf16(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512bf16") && adaptau_features() & ADAPTAU_FEATURE_AVX512;
#else
    return false;
#endif
}

static struct result measure(int threads, int dim, double budget, bool verbose)
{
    struct host   one, many, soft, bf16;
    struct result r = {0};
    double        steps[MOST_SLICES], gradients[MOST_SLICES], bares[MOST_SLICES], ones[MOST_SLICES], softs[MOST_SLICES], bf16s[MOST_SLICES], ignored;
    struct bare   bare = {.dim = dim, .threads = threads};
    bare.users = allocate((size_t)(ROWS * dim));
    bare.items = allocate((size_t)ITEMS * (size_t)dim);
    bare.scores = allocate((size_t)ROWS * ITEMS);
    bare.user_gradients = allocate((size_t)(threads * ROWS * dim));
    bare.item_gradients = allocate((size_t)ITEMS * (size_t)dim);
    for (int64_t i = 0; i < (int64_t)ITEMS * dim; i++)
        bare.items[i] = (float)uniform();
    for (int64_t i = 0; i < (int64_t)ROWS * dim; i++)
        bare.users[i] = (float)uniform();

    open_host(&many, threads, dim, false, 0);
    open_host(&one, 1, dim, false, 0);
    open_host(&soft, threads, dim, true, 0);
    open_host(&bf16, threads, dim, false, ADAPTAU_MODEL_BFLOAT16);
    if (verbose)
        printf("%s; %s; %d threads, d = %d, %d users x %d items, steps of %d users\n", adaptau_build_info(),
               adaptau_context_backend(many.context), threads, dim, USERS, ITEMS, ROWS);
    choose_setting(&bare, verbose);
    time_steps(&many, 2, &ignored);
    r.extra_mib = extra_mib(&many, dim);
    time_steps(&one, 2, &ignored);
    time_steps(&soft, 2, &ignored);
    time_steps(&bf16, 2, &ignored);

    int    n = 0;
    double start = now();
    do {
        bares[n] = time_bare(&bare, STEPS);
        steps[n] = time_steps(&many, STEPS, &gradients[n]);
        ones[n] = time_steps(&one, STEPS / 2, &ignored);
        softs[n] = time_steps(&soft, STEPS, &ignored);
        bf16s[n] = time_steps(&bf16, STEPS, &ignored);
        n++;
    } while (n < MOST_SLICES && (n < 5 || now() - start < budget));
    r.bare = median(bares, n);
    r.step = median(steps, n);
    r.gradient = median(gradients, n);
    r.one_thread = median(ones, n);
    r.soft = median(softs, n);
    r.bf16 = has_bf16() ? median(bf16s, n) : 0.0;

    bare.scores_only = true;
    choose_setting(&bare, verbose);
    time_evaluation(&many);
    for (n = 0; n < 5; n++) {
        bares[n] = time_bare(&bare, USERS / ROWS) * USERS / (double)(USERS / ROWS * ROWS) * (USERS / ROWS);
        steps[n] = time_evaluation(&many);
    }
    r.bare_scores = median(bares, n);
    r.evaluate = median(steps, n);
    close_host(&bf16);
    close_host(&soft);
    close_host(&one);
    close_host(&many);
    free(bare.users);
    free(bare.items);
    free(bare.scores);
    free(bare.user_gradients);
    free(bare.item_gradients);
    return r;
}

static void print_table(const struct result *r, int dim)
{
    const double flop = 6.0 * ROWS * ITEMS * dim, epoch = (double)USERS / ROWS;
    double       load[3] = {0};
    FILE        *file = fopen("/proc/loadavg", "r");
    if (file) {
        if (fscanf(file, "%lf", load) != 1)
            load[0] = -1.0;
        fclose(file);
    }
    printf("\n%-44s %10s %10s\n", "", "ms/step", "GFLOP/s");
    printf("%-44s %10.2f %10.1f\n", "three bare products, fastest setting", 1e3 * r->bare, 1e-9 * flop / r->bare);
    printf("%-44s %10.2f %10.1f\n", "a step of the library, everything in it", 1e3 * r->step, 1e-9 * flop / r->step);
    printf("%-44s %10.2f\n", "  of which gradients", 1e3 * r->gradient);
    printf("%-44s %10.2f\n", "  of which sampler, Adam and temperature", 1e3 * (r->step - r->gradient));
    printf("%-44s %10.2f %10.1f\n", "the same with 1 thread", 1e3 * r->one_thread, 1e-9 * flop / r->one_thread);
    printf("%-44s %10.2f %10.1f\n", "the same with soft targets", 1e3 * r->soft, 1e-9 * flop / r->soft);
    if (r->bf16 > 0.0)
        printf("%-44s %10.2f %10.1f\n", "the same with products in bfloat16", 1e3 * r->bf16, 1e-9 * flop / r->bf16);
    printf("%-44s %10.2f s\n", "an epoch", epoch * r->step);
    printf("%-44s %10.3f s against %.3f s\n", "evaluation, all metrics at 20, and its product", r->evaluate, r->bare_scores);
    printf("\nexact epoch over the bare products    %.3f\n", r->step / r->bare);
    printf("the same with soft targets            %.3f\n", r->soft / r->bare);
    if (r->bf16 > 0.0)
        printf("the same with products in bfloat16    %.3f\n", r->bf16 / r->bare);
    printf("evaluation over its bare product      %.3f\n", r->evaluate / r->bare_scores);
    printf("speed-up of the second thread         %.3f   (load average %.1f)\n", r->one_thread / r->step, load[0]);
    printf("memory beyond tables, gradients and optimiser   %.1f MiB\n", r->extra_mib);
}

int main(int count, char **arguments)
{
    bool   json = false;
    double seconds = 10.0;
    int    dim = 64, threads = 2;
    for (int i = 1; i < count; i++) {
        if (!strcmp(arguments[i], "--json"))
            json = true;
        else if (!strcmp(arguments[i], "--seconds") && i + 1 < count)
            seconds = atof(arguments[++i]);
        else if (!strcmp(arguments[i], "--dim") && i + 1 < count)
            dim = atoi(arguments[++i]);
        else if (!strcmp(arguments[i], "--threads") && i + 1 < count)
            threads = atoi(arguments[++i]);
        else
            return fprintf(stderr, "usage: bench_epoch [--json] [--seconds S] [--dim D] [--threads T]\n"), 2;
    }
    if (dim < 1 || dim > 4096 || threads < 1 || threads > MOST_THREADS)
        return fprintf(stderr, "bench_epoch: --dim is in 1 ... 4096 and --threads in 1 ... %d\n", MOST_THREADS), 2;
    teach_blis(arguments);
    struct result r = measure(threads, dim, seconds, true);
    printf("BLIS runs its %s kernels\n", bli_arch_string(bli_arch_query_id()));
    print_table(&r, dim);
    char bf16[24] = "null";
    if (r.bf16 > 0.0)
        snprintf(bf16, sizeof bf16, "%.4f", r.bf16 / r.bare);
    if (json)
        printf("{\"exact_epoch_over_bare_gemm\": %.4f, \"exact_epoch_bf16_over_bare_gemm\": %s, "
               "\"evaluate_over_bare_gemm\": %.4f, \"speedup_2_threads\": %.4f, \"peak_extra_mib\": %.2f, "
               "\"soft_targets_over_bare_gemm\": %.4f, \"step_ms\": %.3f, \"bare_step_ms\": %.3f, \"step_ms_1_thread\": %.3f, \"threads\": %d, \"dim\": %d}\n",
               r.step / r.bare, bf16, r.evaluate / r.bare_scores, r.one_thread / r.step, r.extra_mib, r.soft / r.bare, 1e3 * r.step,
               1e3 * r.bare, 1e3 * r.one_thread, threads, dim);
    return 0;
}
