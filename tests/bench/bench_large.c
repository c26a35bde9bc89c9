/* SPDX-License-Identifier: MIT */
/* bench_large [--json] [--dim D] [--rounds N] [--folder F]: large catalogues on one machine.
 *
 * 100,000 users with 20 pairs each by a power law, 10⁵, 10⁶ and 10⁷ items; 1,024 candidates that a batch shares, drawn by
 * popularity, with log q. Tables are mapped from a file, as a host would do whose model outlives the process, and large blocks
 * of the library come from pages of 2 MiB by the host's allocator. Printed are the time per interaction of steps of 2,048 users
 * (40,960 interactions) and of 2,048 interactions, turning an epoch, memory, and the top 20 of 1,000 users, ranked in ranges of
 * a million items whose lists are merged. */
#define _DEFAULT_SOURCE /* madvise */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "host.h"
#include "../support/options.h"
#include "../support/ranking.h"

#define USERS 100000
#define PAIRS (20 * USERS)
#define CANDIDATES 1024
#define ROWS 2048
#define SIZES 3
#define KINDS 2
#define MOST_ROUNDS 64
#define RANKED 1000
#define TOP 20
#define RANGE 1000000
#define HUGE_PAGE ((size_t)2 << 20)

static const int32_t all_items[SIZES] = {100000, 1000000, 10000000};
static const int     rows_of_kind[KINDS] = {ADAPTAU_SAMPLER_ROWS_USERS, ADAPTAU_SAMPLER_ROWS_INTERACTIONS};
static const int     steps_of_kind[KINDS] = {6, 24};

struct result {
    double cost[KINDS]; /* seconds per interaction                                                             */
    double turn, ranking;
    double table_bytes, library_bytes;
};

/* ---- memory of the host's ---------------------------------------------------------------------------------------- */

static void *allocate(void *data, size_t size, size_t alignment)
{
    void *block = NULL;
    (void)data;
    if (size >= HUGE_PAGE && alignment < HUGE_PAGE)
        alignment = HUGE_PAGE;
    if (posix_memalign(&block, alignment < sizeof block ? sizeof block : alignment, size))
        return NULL;
    if (size >= HUGE_PAGE)
        madvise(block, size, MADV_HUGEPAGE);
    return block;
}

static void give_back(void *data, void *block, size_t size)
{
    (void)data, (void)size;
    free(block);
}

/* Floats in a file of that folder, which is gone when the program ends. */
static float *map_floats(const char *folder, size_t n)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/adaptau-tables-XXXXXX", folder);
    int handle = mkstemp(path);
    if (handle < 0 || ftruncate(handle, (off_t)(n * sizeof(float))) != 0) {
        perror(path);
        exit(1);
    }
    unlink(path);
    void *block = mmap(NULL, n * sizeof(float), PROT_READ | PROT_WRITE, MAP_SHARED, handle, 0);
    close(handle);
    if (block == MAP_FAILED) {
        perror(path);
        exit(1);
    }
    return block;
}

/* ---- one size ---------------------------------------------------------------------------------------------------- */

struct world {
    adaptau_context     *context;
    adaptau_dataset     *data;
    adaptau_model       *model;
    adaptau_temperature *temperature;
    adaptau_sampler     *samplers[KINDS];
    int64_t              epochs[KINDS];
    float               *tables;
    size_t               floats;
    int32_t              n_items;
    int                  dim;
};

#define OK(call)                    \
    do {                            \
        if (call)                   \
            bench_fail(#call, &error); \
    } while (0)

static void make_pairs(struct world *w)
{
    adaptau_error error = {0};
    int32_t      *users = malloc(PAIRS * sizeof *users), *items = malloc(PAIRS * sizeof *items);
    for (int64_t k = 0; k < PAIRS; k++) {
        double x = bench_uniform();
        users[k] = (int32_t)(k / (PAIRS / USERS));
        items[k] = (int32_t)((double)w->n_items * x * x * x);
    }
    OK(adaptau_dataset_create_from_interactions(w->context, USERS, w->n_items, PAIRS, users, items, NULL, &w->data, &error));
    free(users);
    free(items);
}

static void open_world(struct world *w, int32_t n_items, int dim, const char *folder)
{
    adaptau_error                 error = {0};
    const adaptau_context_options context = {.struct_size = sizeof context, .allocate = allocate, .free = give_back};
    *w = (struct world){.n_items = n_items, .dim = dim, .floats = ((size_t)n_items + USERS) * (size_t)dim};
    OK(adaptau_context_create(&context, &w->context, &error));
    make_pairs(w);
    w->tables = map_floats(folder, w->floats);
    OK(adaptau_init_rows(w->context, 1, ADAPTAU_SIDE_USERS, ADAPTAU_INIT_SPHERE, USERS, 0, USERS, dim, w->tables, 0, &error));
    OK(adaptau_init_rows(w->context, 1, ADAPTAU_SIDE_ITEMS, ADAPTAU_INIT_SPHERE, n_items, 0, n_items, dim,
                         w->tables + (size_t)USERS * (size_t)dim, 0, &error));
    const adaptau_model_options model =
        full_model_options((adaptau_model_options){.dim = dim, .flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT,
                                                   .init = ADAPTAU_INIT_HOST, .host_users = w->tables,
                                                   .host_items = w->tables + (size_t)USERS * (size_t)dim});
    OK(adaptau_model_create(w->context, w->data, &model, &w->model, &error));
    OK(adaptau_temperature_create(w->context, w->data, NULL, &w->temperature, &error));
    for (int k = 0; k < KINDS; k++) {
        const adaptau_sampler_options sampler =
            full_sampler_options((adaptau_sampler_options){.flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM | ADAPTAU_SAMPLER_LOG_Q,
                                                           .kind = ADAPTAU_SAMPLER_SHARED_POPULARITY, .rows = rows_of_kind[k],
                                                           .rows_per_batch = ROWS, .n_candidates = CANDIDATES});
        OK(adaptau_sampler_create(w->context, w->data, &sampler, &w->samplers[k], &error));
        OK(adaptau_sampler_begin_epoch(w->samplers[k], 0, &error));
    }
}

static void close_world(struct world *w)
{
    for (int k = 0; k < KINDS; k++)
        adaptau_sampler_destroy(w->samplers[k]);
    adaptau_temperature_destroy(w->temperature);
    adaptau_model_destroy(w->model);
    adaptau_dataset_destroy(w->data);
    adaptau_context_destroy(w->context);
    munmap(w->tables, w->floats * sizeof(float));
}

/* Seconds per interaction. */
static double time_steps(struct world *w, int kind, int steps)
{
    adaptau_error error = {0};
    double        seconds = 0;
    int64_t       pairs = 0;
    for (int s = 0; s < steps;) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        double        before = bench_now();
        OK(adaptau_sampler_next(w->samplers[kind], &batch, &error));
        if (batch.n_rows < ROWS) {
            OK(adaptau_sampler_begin_epoch(w->samplers[kind], ++w->epochs[kind], &error));
            continue;
        }
        OK(adaptau_model_gradients(w->model, &batch, w->temperature, NULL, &error));
        OK(adaptau_model_apply(w->model, &error));
        seconds += bench_now() - before;
        pairs += batch.positive_ptr[batch.n_rows];
        s++;
    }
    return seconds / (double)pairs;
}

static double time_turn(struct world *w)
{
    adaptau_error error = {0};
    double        before = bench_now();
    OK(adaptau_model_update_temperature(w->model, w->temperature, &error));
    return bench_now() - before;
}

/* The top of RANKED users, range by range. */
static double time_ranking(struct world *w)
{
    static int32_t items[RANKED * TOP], other[RANKED * TOP];
    static float   scores[RANKED * TOP], other_scores[RANKED * TOP];
    adaptau_error  error = {0};
    adaptau_tables tables = {.struct_size = sizeof tables};
    double         before = bench_now();
    OK(adaptau_model_get_tables(w->model, &tables, &error));
    const float *rows = tables.items;
    for (int32_t first = 0; first < w->n_items; first += RANGE) {
        tables.items = rows + (int64_t)first * w->dim;
        tables.n_items = w->n_items - first < RANGE ? w->n_items - first : RANGE;
        OK(top_of_tables(w->context, &tables, RANKED, NULL, TOP, NULL, first ? other : items, first ? other_scores : scores,
                        &error));
        for (int i = 0; i < RANKED * TOP && first; i++)
            other[i] += other[i] < 0 ? 0 : first;
        if (first)
            OK(adaptau_merge_top_k(w->context, RANKED, TOP, items, scores, other, other_scores, &error));
    }
    return bench_now() - before;
}

static struct result measure(int32_t n_items, int dim, int rounds, const char *folder)
{
    struct world  w;
    double        times[MOST_ROUNDS];
    uint64_t      peak = 0;
    struct result r = {0};
    open_world(&w, n_items, dim, folder);
    r.turn = time_turn(&w);
    for (int k = 0; k < KINDS; k++) {
        time_steps(&w, k, steps_of_kind[k]);
        for (int round = 0; round < rounds; round++)
            times[round] = time_steps(&w, k, steps_of_kind[k]);
        r.cost[k] = bench_median(times, rounds);
    }
    adaptau_context_memory(w.context, NULL, &peak);
    r.library_bytes = (double)peak;
    r.table_bytes = (double)(w.floats * sizeof(float));
    r.ranking = time_ranking(&w);
    close_world(&w);
    return r;
}

static void print_head(int dim)
{
    printf("%d users, %d pairs, d = %d, %d shared candidates by popularity with log q (load average %.1f)\n", USERS, PAIRS, dim,
           CANDIDATES, bench_load_average());
    printf("%10s | %26s | %26s | %9s | %18s | %s\n", "", "steps of 2048 users", "steps of 2048 pairs", "an epoch's",
           "MiB", "top 20, ms");
    printf("%10s |%13s%14s |%13s%14s |%10s |%9s%10s |%11s\n", "items", "us", "relative", "us", "relative", "turn, ms", "tables",
           "library", "a user");
}

static void print_line(const struct result *r, int i)
{
    printf("%10d |%13.3f%14.2f |%13.3f%14.2f |%10.0f |%9.0f%10.0f |%11.3f\n", all_items[i], 1e6 * r[i].cost[0],
           r[i].cost[0] / r[0].cost[0], 1e6 * r[i].cost[1], r[i].cost[1] / r[0].cost[1], 1e3 * r[i].turn,
           r[i].table_bytes / 1048576, r[i].library_bytes / 1048576, 1e3 * r[i].ranking / RANKED);
    fflush(stdout);
}

static void print_json(const struct result *r, int n, int dim)
{
    printf("{\"bench\": \"large\", \"dim\": %d, \"load_average\": %.2f, \"items\": [", dim, bench_load_average());
    for (int i = 0; i < n; i++)
        printf("%s{\"items\": %d, \"users_us\": %.4f, \"users_relative\": %.4f, \"pairs_us\": %.4f, \"pairs_relative\": %.4f, "
               "\"turn_ms\": %.1f, \"table_bytes\": %.0f, \"library_bytes\": %.0f, \"top_ms\": %.4f}",
               i ? ", " : "", all_items[i], 1e6 * r[i].cost[0], r[i].cost[0] / r[0].cost[0], 1e6 * r[i].cost[1],
               r[i].cost[1] / r[0].cost[1], 1e3 * r[i].turn, r[i].table_bytes, r[i].library_bytes, 1e3 * r[i].ranking / RANKED);
    printf("]}\n");
}

int main(int count, char **arguments)
{
    struct result results[SIZES];
    const char   *folder = "/tmp";
    bool          json = false;
    int           dim = 32, rounds = 5;
    for (int i = 1; i < count; i++) {
        if (!strcmp(arguments[i], "--json"))
            json = true;
        else if (!strcmp(arguments[i], "--dim") && i + 1 < count)
            dim = atoi(arguments[++i]);
        else if (!strcmp(arguments[i], "--rounds") && i + 1 < count)
            rounds = atoi(arguments[++i]);
        else if (!strcmp(arguments[i], "--folder") && i + 1 < count)
            folder = arguments[++i];
        else
            dim = 0;
    }
    if (dim < 1 || dim > 1024 || rounds < 1 || rounds > MOST_ROUNDS) {
        fprintf(stderr, "usage: bench_large [--json] [--dim D] [--rounds N] [--folder F]\nD in 1 ... 1024, N in 1 ... %d\n",
                MOST_ROUNDS);
        return 2;
    }
    if (!json)
        print_head(dim);
    for (int i = 0; i < SIZES; i++) {
        results[i] = measure(all_items[i], dim, rounds, folder);
        if (!json)
            print_line(results, i);
    }
    if (json)
        print_json(results, SIZES, dim);
    return 0;
}
