/* SPDX-License-Identifier: MIT */
/* Sparse products against what the memory gives. Bytes that must move over time, on all threads of the context:
 *
 *     copy       memcpy of a table onto another: each row read and written
 *     gather     rows of d floats at uniformly random places of a table, read and summed into one; nothing written
 *     propagate  R x and Rᵀ x of a graph of Gowalla's size whose items are as unevenly popular as words are (Zipf): a row read
 *                and 4 bytes of id for each entry, a row written for each row, in both directions
 *     LightGCN   adaptau_model_gradients of 3 layers, there and back, for a batch of one row and one candidate, so that nothing
 *                else costs time: five such products in each direction, each onto a base, which is read
 *
 *     bench_propagate [--threads N] [--dim D] [--json]
 *
 * Rounds take turns, and each figure is the median of them. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <adaptau/adaptau.h>

#include "common/context.h"
#include "common/pool.h"
#include "core/dataset.h"
#include "kernels/of_context.h"
#include "kernels/propagate.h"
#include "../support/options.h"

#define USERS 29858
#define ITEMS 40981
#define PAIRS 810128
#define ROUNDS 21
#define TASKS 256
#define N_KINDS 5
#define PASSES 5 /* of a LightGCN step in each direction: the other two end or begin in the rows of the batch     */

static const char *const kinds[N_KINDS] = {"copy", "gather", "propagate to users", "propagate to items", "LightGCN, 3 layers"};

struct bench {
    adaptau_context *context;
    adaptau_dataset *graph;
    int64_t          dim;
    float           *users, *items, *copies; /* [n x d], [m x d], [m x d]                                      */
    int32_t         *random;                 /* [PAIRS] rows of items                                          */
    float           *sums;                   /* [TASKS x d]                                                    */
    adaptau_model       *model;
    adaptau_temperature *temperature;
};

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(*state >> 32);
}

static void *allocate(size_t size)
{
    void *block = aligned_alloc(64, (size + 63) / 64 * 64);
    if (!block) {
        fprintf(stderr, "bench_propagate: out of memory\n");
        exit(1);
    }
    return block;
}

static void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "bench_propagate: %s\n", error->message);
    exit(1);
}

/* ---- what is timed ------------------------------------------------------------------------------------------------- */

static void copy_part(void *argument, int32_t lane, int64_t task)
{
    struct bench *b = argument;
    int64_t       first = ITEMS * task / TASKS, end = ITEMS * (task + 1) / TASKS;
    (void)lane;
    memcpy(b->copies + first * b->dim, b->items + first * b->dim, (size_t)((end - first) * b->dim) * sizeof(float));
}

static void gather_part(void *argument, int32_t lane, int64_t task)
{
    struct bench            *b = argument;
    const struct atau_gather from = {.x = b->items, .stride = b->dim, .dim = b->dim};
    int64_t                  first = (int64_t)PAIRS * task / TASKS, n = (int64_t)PAIRS * (task + 1) / TASKS - first;
    (void)lane;
    atau_kernels_of(b->context)->gather(&from, n, n, b->random + first, 1.0f, 0.0f, NULL, b->sums + task * b->dim);
}

static void propagate(struct bench *b, int to_items)
{
    const adaptau_dataset *g = b->graph;
    adaptau_error          error = {0};
    struct atau_sparse     matrix = to_items ? (struct atau_sparse){ITEMS, g->item_ptr, g->item_users, NULL, NULL, NULL, NULL}
                                             : (struct atau_sparse){USERS, g->user_ptr, g->user_items, NULL, NULL, NULL, NULL};
    struct atau_propagation p = {.dim = b->dim,
                                 .x = to_items ? b->users : b->items,
                                 .x_stride = b->dim,
                                 .scale = 1.0f,
                                 .out = to_items ? b->copies : b->users,
                                 .out_stride = b->dim};
    check(atau_propagate(b->context, &matrix, &p, &error), &error);
}

/* There and back. */
static void step(struct bench *b)
{
    const int32_t user = 1, item = 2, candidate = 3;
    const int64_t ptr[2] = {0, 1};
    adaptau_error error = {0};
    adaptau_batch batch = {.struct_size = sizeof batch,
                           .candidates = ADAPTAU_CANDIDATES_SHARED,
                           .n_rows = 1,
                           .users = &user,
                           .positive_ptr = ptr,
                           .positives = &item,
                           .n_candidates = 1,
                           .candidate_ids = &candidate};
    check(adaptau_model_gradients(b->model, &batch, b->temperature, NULL, &error), &error);
}

static void run_once(struct bench *b, int kind)
{
    adaptau_error error = {0};
    if (kind == 4)
        step(b);
    else if (kind == 0)
        check(atau_parallel(b->context, TASKS, copy_part, b, &error), &error);
    else if (kind == 1)
        check(atau_parallel(b->context, TASKS, gather_part, b, &error), &error);
    else
        propagate(b, kind == 3);
}

static double bytes_of(const struct bench *b, int kind)
{
    const double row = (double)b->dim * sizeof(float), pairs = (double)b->graph->n_interactions;
    switch (kind) {
    case 0: return 2 * row * ITEMS;
    case 1: return row * PAIRS;
    case 2: return (row + 4) * pairs + row * USERS;
    case 3: return (row + 4) * pairs + row * ITEMS;
    default: return PASSES * (2 * (row + 4) * pairs + 2 * row * (USERS + ITEMS));
    }
}

/* ---- the problem ----------------------------------------------------------------------------------------------------- */

static void make_graph(struct bench *b)
{
    int32_t      *users = allocate(PAIRS * sizeof(int32_t)), *items = allocate(PAIRS * sizeof(int32_t));
    uint64_t      state = 1;
    adaptau_error error = {0};
    for (int64_t p = 0; p < PAIRS; p++) {
        /* log-uniform ranks are Zipf's law; a shift keeps the most popular item at about 2,000 users */
        double rank = 100.0 * (exp(log(ITEMS / 100.0 + 1) * draw(&state) * 0x1p-32) - 1);
        users[p] = (int32_t)(draw(&state) % USERS);
        items[p] = (int32_t)((uint64_t)rank * 17389 % ITEMS);
        b->random[p] = (int32_t)(draw(&state) % ITEMS);
    }
    check(adaptau_dataset_create_from_interactions(b->context, USERS, ITEMS, PAIRS, users, items, NULL, &b->graph, &error), &error);
    free(items);
    free(users);
}

static void make_problem(struct bench *b, int32_t threads)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = threads};
    adaptau_error           error = {0};
    size_t                  row = (size_t)b->dim * sizeof(float);
    check(adaptau_context_create(&options, &b->context, &error), &error);
    b->users = allocate(USERS * row);
    b->items = allocate(ITEMS * row);
    b->copies = allocate(ITEMS * row);
    b->random = allocate(PAIRS * sizeof(int32_t));
    b->sums = allocate(TASKS * row);
    memset(b->users, 0, USERS * row);
    memset(b->items, 0, ITEMS * row);
    memset(b->copies, 0, ITEMS * row);
    make_graph(b);
    adaptau_model_options model = full_model_options((adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN,
                                                                             .dim = (int32_t)b->dim, .n_layers = 3});
    check(adaptau_model_create(b->context, b->graph, &model, &b->model, &error), &error);
    check(adaptau_temperature_create(b->context, b->graph, NULL, &b->temperature, &error), &error);
}

static void free_problem(struct bench *b)
{
    adaptau_temperature_destroy(b->temperature);
    adaptau_model_destroy(b->model);
    adaptau_dataset_destroy(b->graph);
    adaptau_context_destroy(b->context);
    free(b->sums);
    free(b->random);
    free(b->copies);
    free(b->items);
    free(b->users);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct bench *b, double rates[N_KINDS])
{
    static double times[N_KINDS][ROUNDS];
    for (int round = -1; round < ROUNDS; round++) /* the first one warms up                                      */
        for (int kind = 0; kind < N_KINDS; kind++) {
            double start = seconds();
            run_once(b, kind);
            if (round >= 0)
                times[kind][round] = seconds() - start;
        }
    for (int kind = 0; kind < N_KINDS; kind++) {
        qsort(times[kind], ROUNDS, sizeof(double), ascending);
        rates[kind] = bytes_of(b, kind) / times[kind][ROUNDS / 2] / 1e9;
    }
}

int main(int argc, char **argv)
{
    struct bench b = {.dim = 64};
    double       rates[N_KINDS];
    int          json = 0;
    long         threads = 0;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = 1;
        else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc)
            threads = strtol(argv[++i], NULL, 10);
        else if (strcmp(argv[i], "--dim") == 0 && i + 1 < argc)
            b.dim = strtol(argv[++i], NULL, 10);
    }
    if (threads < 0 || threads > 1024 || b.dim < 1 || b.dim > ADAPTAU_MAX_DIM) {
        fprintf(stderr, "bench_propagate: [--threads N] [--dim D] [--json]\n");
        return 2;
    }
    make_problem(&b, (int32_t)threads);
    measure(&b, rates);
    if (json)
        printf("{\"threads\": %d, \"dim\": %lld", adaptau_context_n_threads(b.context), (long long)b.dim);
    else
        printf("%d users, %d items, %lld pairs, d = %lld, %d threads, %s\n", USERS, ITEMS, (long long)b.graph->n_interactions,
               (long long)b.dim, adaptau_context_n_threads(b.context), adaptau_context_backend(b.context));
    for (int kind = 0; kind < N_KINDS; kind++)
        if (json)
            printf(", \"%s GB/s\": %.2f", kinds[kind], rates[kind]);
        else
            printf("%-20s %7.2f GB/s  %5.0f %% of gather  %5.0f %% of copy\n", kinds[kind], rates[kind],
                   100 * rates[kind] / rates[1], 100 * rates[kind] / rates[0]);
    if (json)
        printf("}\n");
    free_problem(&b);
    return 0;
}
