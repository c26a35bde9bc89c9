/* SPDX-License-Identifier: MIT */
#include "host.h"
#include "../support/options.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* ---- numbers ----------------------------------------------------------------------------------------------------------- */

double bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_median(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, compare);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

double bench_load_average(void)
{
    double load = -1.0;
    FILE  *file = fopen("/proc/loadavg", "r");
    if (!file)
        return -1.0;
    if (fscanf(file, "%lf", &load) != 1)
        load = -1.0;
    fclose(file);
    return load;
}

int bench_online_cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n < 1 ? 1 : (int)n;
}

static uint32_t random_state = 1;

double bench_uniform(void)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (double)(random_state >> 8) / 16777216.0;
}

/* ---- memory and errors --------------------------------------------------------------------------------------------------- */

float *bench_allocate(size_t floats)
{
    float *block = aligned_alloc(4096, (floats * sizeof(float) + 4095) / 4096 * 4096);
    if (!block) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    memset(block, 0, floats * sizeof(float));
    return block;
}

void bench_fail(const char *what, const adaptau_error *error)
{
    fprintf(stderr, "bench: %s: %s\n", what, error->message);
    exit(1);
}

/* Large blocks cost page faults each time that the system gives them out anew: a call that is timed alone would pay for them,
 * where a model that keeps its memory does not. Sizes vary a little with the batch, so that they are rounded up. */
#define KEPT_MOST 16
#define KEPT_STEP ((size_t)4 << 20)

static struct kept {
    void  *block;
    size_t size;
} kept[KEPT_MOST];

static size_t round_size(size_t size, size_t alignment)
{
    size_t step = size >= KEPT_STEP / 4 ? KEPT_STEP : alignment > sizeof(void *) ? alignment : sizeof(void *);
    return (size + step - 1) / step * step;
}

static void *allocate_kept(void *user_data, size_t size, size_t alignment)
{
    const size_t rounded = round_size(size, alignment);
    (void)user_data;
    for (int i = 0; i < KEPT_MOST && rounded >= KEPT_STEP; i++)
        if (kept[i].block && kept[i].size == rounded) {
            void *block = kept[i].block;
            kept[i].block = NULL;
            return block;
        }
    return rounded >= KEPT_STEP ? aligned_alloc(4096, rounded) : aligned_alloc(alignment > 8 ? alignment : 8, rounded);
}

static void free_kept(void *user_data, void *block, size_t size)
{
    const size_t rounded = round_size(size, 1);
    (void)user_data;
    for (int i = 0; i < KEPT_MOST && rounded >= KEPT_STEP; i++)
        if (!kept[i].block) {
            kept[i] = (struct kept){block, rounded};
            return;
        }
    free(block);
}

static void drop_kept(void)
{
    for (int i = 0; i < KEPT_MOST; i++) {
        free(kept[i].block);
        kept[i].block = NULL;
    }
}

/* ---- a host ----------------------------------------------------------------------------------------------------------- */

static adaptau_dataset *draw_data(adaptau_context *context, const struct host_options *options, int64_t pairs)
{
    adaptau_error    error = {0};
    adaptau_dataset *data = NULL;
    int32_t         *users = malloc((size_t)pairs * sizeof *users), *items = malloc((size_t)pairs * sizeof *items);
    if (!users || !items) {
        fprintf(stderr, "bench: out of memory\n");
        exit(1);
    }
    for (int64_t p = 0; p < pairs; p++) {
        double x = bench_uniform();
        users[p] = (int32_t)(p % options->n_users);
        items[p] = (int32_t)((double)options->n_items * x * x * x) % options->n_items;
    }
    float *weights = options->weighted ? bench_allocate((size_t)pairs) : NULL;
    for (int64_t p = 0; weights && p < pairs; p++)
        weights[p] = 1.0f;
    if (adaptau_dataset_create_from_interactions(context, options->n_users, options->n_items, pairs, users, items, weights, &data,
                                                 &error))
        bench_fail("data", &error);
    free(weights);
    free(users);
    free(items);
    return data;
}

static void open_evaluator(struct host *h, const struct host_options *options)
{
    adaptau_error error = {0};
    h->held_out = draw_data(h->context, options, options->n_pairs / 4);
    adaptau_evaluator_options evaluator_options =
        full_evaluator_options((adaptau_evaluator_options){.n_masks = 1, .masks = (const adaptau_dataset *const *)&h->data});
    if (adaptau_evaluator_create(h->context, h->held_out, &evaluator_options, &h->evaluator, &error))
        bench_fail("evaluator", &error);
}

void bench_open_host(struct host *h, const struct host_options *options)
{
    adaptau_error           error = {0};
    adaptau_context_options context_options = {.struct_size = sizeof context_options, .n_threads = options->threads};
    adaptau_model_options   model_options =
        full_model_options((adaptau_model_options){.flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT | options->model_flags,
                                                   .dim = options->dim});
    if (options->recycle) {
        context_options.allocate = allocate_kept;
        context_options.free = free_kept;
    }
    *h = (struct host){.soft = options->soft, .rows = options->sampler.rows_per_batch};
    random_state = 1;
    if (adaptau_context_create(&context_options, &h->context, &error))
        bench_fail("context", &error);
    h->data = draw_data(h->context, options, options->n_pairs);
    if (options->held_out)
        open_evaluator(h, options);
    if (adaptau_model_create(h->context, h->data, &model_options, &h->model, &error) ||
        adaptau_sampler_create(h->context, h->data, &options->sampler, &h->sampler, &error) ||
        adaptau_temperature_create(h->context, h->data, NULL, &h->temperature, &error))
        bench_fail("objects", &error);
    bench_turn_epoch(h);
}

void bench_close_host(struct host *h)
{
    adaptau_evaluator_destroy(h->evaluator);
    adaptau_temperature_destroy(h->temperature);
    adaptau_sampler_destroy(h->sampler);
    adaptau_model_destroy(h->model);
    adaptau_dataset_destroy(h->held_out);
    adaptau_dataset_destroy(h->data);
    adaptau_context_destroy(h->context);
    drop_kept();
}

/* ---- steps ------------------------------------------------------------------------------------------------------------ */

/* Soft targets of the strength that the trainer's preset has on Gowalla's shape. */
void bench_turn_epoch(struct host *h)
{
    adaptau_error          error = {0};
    adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 13.3});
    if (adaptau_model_update_temperature(h->model, h->temperature, &error))
        bench_fail("temperature", &error);
    if (h->soft && adaptau_model_update_targets(h->model, h->data, h->temperature, &targets, &error))
        bench_fail("targets", &error);
    if (adaptau_sampler_begin_epoch(h->sampler, h->epoch++, &error))
        bench_fail("epoch", &error);
}

double bench_next_batch(struct host *h, adaptau_batch *batch)
{
    adaptau_error error = {0};
    double        turns = 0.0;
    for (;;) {
        *batch = (adaptau_batch){.struct_size = sizeof *batch};
        if (adaptau_sampler_next(h->sampler, batch, &error))
            bench_fail("sampler", &error);
        if (batch->n_rows == h->rows)
            return turns;
        if (batch->n_rows == 0) {
            double start = bench_now();
            bench_turn_epoch(h);
            turns += bench_now() - start;
        }
    }
}

struct step_times bench_time_steps(struct host *h, int steps)
{
    adaptau_error     error = {0};
    struct step_times times = {0};
    for (int s = 0; s < steps; s++) {
        adaptau_batch batch;
        double        start = bench_now();
        times.turns += bench_next_batch(h, &batch) / steps;
        double before = bench_now();
        if (adaptau_model_gradients(h->model, &batch, h->temperature, NULL, &error))
            bench_fail("gradients", &error);
        double after = bench_now();
        if (adaptau_model_apply(h->model, &error))
            bench_fail("apply", &error);
        times.step += (bench_now() - start) / steps;
        times.gradients += (after - before) / steps;
        times.positives += (double)batch.positive_ptr[batch.n_rows] / steps;
    }
    return times;
}
