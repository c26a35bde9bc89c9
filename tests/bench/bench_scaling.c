/* SPDX-License-Identifier: MIT */
/* bench_scaling [--json] [--dim D] [--rounds N] [--most-items M]: more threads, and more items.
 *
 * Threads: an exact step on Gowalla's shape with 1 ... online CPUs (at most 16) threads.
 *
 * Items: 20,000 users with 20 pairs each, 10⁴ ... 10⁶ items, all threads. Exact steps of 512 users; steps with 1,024 shared
 * uniform candidates of 2,048 users (40,960 pairs), and of 2,048 pairs. Cost is time per positive. Turning an epoch (τ₀ and the
 * order) is not part of a step: it has its own column. All sizes are there at once, and every round times each of them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "../support/options.h"

#define MOST_THREADS 16
#define MOST_ROUNDS 64
#define SIZES 5
#define REFERENCE 1 /* of sizes: what the others are compared with                                             */
#define USERS 20000
#define PAIRS (20 * USERS)
#define ROWS_EXACT 512
#define ROWS_SHARED 2048
#define CANDIDATES 1024

/* ---- threads ----------------------------------------------------------------------------------------------------------- */

struct threads_result {
    int    n;
    double step[MOST_THREADS]; /* seconds                                                                      */
    double load;
};

static struct threads_result measure_threads(int dim, int rounds)
{
    struct host           hosts[MOST_THREADS];
    double                times[MOST_THREADS][MOST_ROUNDS];
    struct threads_result result = {.n = bench_online_cpus()};
    result.n = result.n > MOST_THREADS ? MOST_THREADS : result.n;
    for (int t = 0; t < result.n; t++) {
        const struct host_options options = {.threads = t + 1,
                                             .dim = dim,
                                             .n_users = GOWALLA_USERS,
                                             .n_items = GOWALLA_ITEMS,
                                             .n_pairs = GOWALLA_PAIRS,
                                             .sampler = {.struct_size = sizeof options.sampler,
                                                         .flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM,
                                                         .rows_per_batch = ROWS_EXACT}};
        bench_open_host(&hosts[t], &options);
        bench_time_steps(&hosts[t], 2);
    }
    for (int r = 0; r < rounds; r++)
        for (int t = 0; t < result.n; t++)
            times[t][r] = bench_time_steps(&hosts[t], 3).step;
    for (int t = 0; t < result.n; t++) {
        result.step[t] = bench_median(times[t], rounds);
        bench_close_host(&hosts[t]);
    }
    result.load = bench_load_average();
    return result;
}

/* ---- items --------------------------------------------------------------------------------------------------------------- */

static const int32_t all_items[SIZES] = {10000, 40000, 100000, 300000, 1000000};

enum { EXACT, SHARED_USERS, SHARED_PAIRS, KINDS };

static const struct kind {
    const char *name;
    int32_t     sampler, rows, rows_per_batch;
    int64_t     n_candidates;
    int         warm_up, steps; /* of a slice                                                                  */
} kinds[KINDS] = {
    {"exact", ADAPTAU_SAMPLER_CATALOGUE, ADAPTAU_SAMPLER_ROWS_USERS, ROWS_EXACT, 0, 0, 1},
    {"shared, users", ADAPTAU_SAMPLER_SHARED_UNIFORM, ADAPTAU_SAMPLER_ROWS_USERS, ROWS_SHARED, CANDIDATES, 2, 6},
    {"shared, pairs", ADAPTAU_SAMPLER_SHARED_UNIFORM, ADAPTAU_SAMPLER_ROWS_INTERACTIONS, ROWS_SHARED, CANDIDATES, 4, 24},
};

/* One model per size; each kind has a sampler of its own. */
struct size {
    struct host hosts[KINDS];
    double      cost[KINDS][MOST_ROUNDS];  /* seconds per positive                                             */
    double      parts[KINDS][MOST_ROUNDS]; /* of which gradients                                               */
    double      turn[MOST_ROUNDS];         /* seconds of turning an epoch                                      */
};

struct size_result {
    double cost[KINDS], gradients[KINDS], turn;
};

static adaptau_sampler_options sampler_options(const struct kind *kind)
{
    return full_sampler_options((adaptau_sampler_options){.flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM, .kind = kind->sampler,
                                                          .rows = kind->rows, .rows_per_batch = kind->rows_per_batch,
                                                          .n_candidates = kind->n_candidates});
}

static void open_size(struct size *size, int32_t n_items, int threads, int dim)
{
    adaptau_error             error = {0};
    const struct host_options options = {.threads = threads,
                                         .dim = dim,
                                         .n_users = USERS,
                                         .n_items = n_items,
                                         .n_pairs = PAIRS,
                                         .sampler = sampler_options(&kinds[EXACT])};
    bench_open_host(&size->hosts[EXACT], &options);
    for (int k = EXACT + 1; k < KINDS; k++) {
        const adaptau_sampler_options own = sampler_options(&kinds[k]);
        struct host                  *host = &size->hosts[k];
        *host = size->hosts[EXACT];
        host->rows = own.rows_per_batch;
        if (adaptau_sampler_create(host->context, host->data, &own, &host->sampler, &error) ||
            adaptau_sampler_begin_epoch(host->sampler, 0, &error))
            bench_fail("sampler", &error);
    }
    bench_time_steps(&size->hosts[EXACT], 1);
}

static void close_size(struct size *size)
{
    for (int k = EXACT + 1; k < KINDS; k++)
        adaptau_sampler_destroy(size->hosts[k].sampler);
    bench_close_host(&size->hosts[EXACT]);
}

static void time_size(struct size *size, int round)
{
    double before = bench_now();
    bench_turn_epoch(&size->hosts[EXACT]);
    size->turn[round] = bench_now() - before;
    for (int k = 0; k < KINDS; k++) {
        bench_time_steps(&size->hosts[k], kinds[k].warm_up);
        struct step_times times = bench_time_steps(&size->hosts[k], kinds[k].steps);
        size->cost[k][round] = (times.step - times.turns) / times.positives;
        size->parts[k][round] = times.gradients / times.positives;
    }
}

static void measure_items(int n_sizes, int threads, int dim, int rounds, struct size_result results[SIZES])
{
    static struct size sizes[SIZES];
    for (int i = 0; i < n_sizes; i++)
        open_size(&sizes[i], all_items[i], threads, dim);
    for (int r = 0; r < rounds; r++)
        for (int i = 0; i < n_sizes; i++)
            time_size(&sizes[i], r);
    for (int i = 0; i < n_sizes; i++) {
        results[i].turn = bench_median(sizes[i].turn, rounds);
        for (int k = 0; k < KINDS; k++) {
            results[i].cost[k] = bench_median(sizes[i].cost[k], rounds);
            results[i].gradients[k] = bench_median(sizes[i].parts[k], rounds);
        }
        close_size(&sizes[i]);
    }
}

/* Cost relative to the reference size: of the exact softmax to what linear growth would make of it. */
static double relative(const struct size_result results[SIZES], int i, int kind)
{
    double linear = kind == EXACT ? (double)all_items[i] / all_items[REFERENCE] : 1.0;
    return results[i].cost[kind] / results[REFERENCE].cost[kind] / linear;
}

/* ---- output -------------------------------------------------------------------------------------------------------------- */

static void print_threads(const struct threads_result *threads)
{
    printf("exact step, %d users x %d items, steps of %d users (load average %.1f)\n", GOWALLA_USERS, GOWALLA_ITEMS, ROWS_EXACT,
           threads->load);
    printf("%8s %12s %10s\n", "threads", "ms/step", "speed-up");
    for (int t = 0; t < threads->n; t++)
        printf("%8d %12.2f %10.2f\n", t + 1, 1e3 * threads->step[t], threads->step[0] / threads->step[t]);
}

static void print_items(int n_sizes, int threads, const struct size_result results[SIZES])
{
    printf("\n%d users, %d pairs, %d threads; microseconds per positive, and that over %d items' (exact: over linear growth)\n",
           USERS, PAIRS, threads, all_items[REFERENCE]);
    printf("%9s | %22s | %22s | %22s | %s\n", "", "exact", "shared, 2048 users", "shared, 2048 pairs", "turn of an epoch");
    printf("%9s |%11s%12s |%11s%12s |%11s%12s |%8s%16s\n", "items", "us", "over linear", "us", "relative", "us", "relative",
           "ms", "us per pair");
    for (int i = 0; i < n_sizes; i++) {
        printf("%9d |", all_items[i]);
        for (int k = 0; k < KINDS; k++)
            printf("%11.3f%12.2f |", 1e6 * results[i].cost[k], relative(results, i, k));
        printf("%8.1f%16.3f\n", 1e3 * results[i].turn, 1e6 * results[i].turn / PAIRS);
    }
    printf("\nof which gradients, us per positive\n");
    for (int i = 0; i < n_sizes; i++) {
        printf("%9d |", all_items[i]);
        for (int k = 0; k < KINDS; k++)
            printf("%11.3f%12s |", 1e6 * results[i].gradients[k], "");
        printf("\n");
    }
}

static void print_json(const struct threads_result *threads, int n_sizes, int n_threads, int dim,
                       const struct size_result results[SIZES])
{
    printf("{\"bench\": \"scaling\", \"dim\": %d, \"load_average\": %.2f, \"threads\": [", dim, threads->load);
    for (int t = 0; t < threads->n; t++)
        printf("%s{\"threads\": %d, \"step_ms\": %.3f, \"speedup\": %.4f}", t ? ", " : "", t + 1, 1e3 * threads->step[t],
               threads->step[0] / threads->step[t]);
    printf("], \"items_threads\": %d, \"items\": [", n_threads);
    for (int i = 0; i < n_sizes; i++)
        printf("%s{\"items\": %d, \"exact_us\": %.4f, \"exact_over_linear\": %.4f, \"shared_users_us\": %.4f, "
               "\"shared_users_relative\": %.4f, \"shared_pairs_us\": %.4f, \"shared_pairs_relative\": %.4f, "
               "\"turn_of_epoch_ms\": %.3f}",
               i ? ", " : "", all_items[i], 1e6 * results[i].cost[EXACT], relative(results, i, EXACT),
               1e6 * results[i].cost[SHARED_USERS], relative(results, i, SHARED_USERS), 1e6 * results[i].cost[SHARED_PAIRS],
               relative(results, i, SHARED_PAIRS), 1e3 * results[i].turn);
    printf("]}\n");
}

static int usage(void)
{
    fprintf(stderr, "usage: bench_scaling [--json] [--dim D] [--rounds N] [--most-items M]\n"
                    "D in 1 ... 1024, N in 1 ... %d, M at least %d\n",
            MOST_ROUNDS, all_items[REFERENCE]);
    return 2;
}

int main(int count, char **arguments)
{
    static struct size_result results[SIZES];
    bool                      json = false;
    int                       dim = 64, rounds = 11, most_items = all_items[SIZES - 1], n_sizes = 0;
    for (int i = 1; i < count; i++) {
        if (!strcmp(arguments[i], "--json"))
            json = true;
        else if (!strcmp(arguments[i], "--dim") && i + 1 < count)
            dim = atoi(arguments[++i]);
        else if (!strcmp(arguments[i], "--rounds") && i + 1 < count)
            rounds = atoi(arguments[++i]);
        else if (!strcmp(arguments[i], "--most-items") && i + 1 < count)
            most_items = atoi(arguments[++i]);
        else
            return usage();
    }
    if (dim < 1 || dim > 1024 || rounds < 1 || rounds > MOST_ROUNDS || most_items < all_items[REFERENCE])
        return usage();
    while (n_sizes < SIZES && all_items[n_sizes] <= most_items)
        n_sizes++;
    struct threads_result threads = measure_threads(dim, rounds);
    if (!json)
        print_threads(&threads);
    measure_items(n_sizes, threads.n, dim, rounds, results);
    if (json)
        print_json(&threads, n_sizes, threads.n, dim, results);
    else
        print_items(n_sizes, threads.n, results);
    return 0;
}
