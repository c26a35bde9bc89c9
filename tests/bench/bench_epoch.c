/* SPDX-License-Identifier: MIT */
/* bench_epoch [--json] [--seconds S] [--dim D] [--threads T]: an exact epoch against three bare BLIS products of its shapes.
 *
 * Gowalla's shape (29,858 users, 40,981 items, 810,128 pairs, drawn by a power law). Both sides are timed in slices of a few
 * steps, alternating, and the ratio is that of medians. The bare products are what one would write first: for each step scores
 * R x m x d, user gradient R x d x m and item gradient m x d x R by bli_sgemm_ex, one thread each on halves of the items; in
 * four settings (whole matrices or tiles of 256 x 1024 that stay in cache, packed or plain), of which the fastest counts.
 *
 * Where the time of a step goes comes from differences: the same batch without gradients, with those of users, with both, by
 * the model; one after the other on every batch. */
#include <blis.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "teach_blis.h"

#define USERS GOWALLA_USERS
#define ITEMS GOWALLA_ITEMS
#define PAIRS GOWALLA_PAIRS
#define ROWS 512 /* of a step                                                                                  */
#define STEPS 6  /* of a slice                                                                                 */
#define MOST_SLICES 64
#define MOST_THREADS 16

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
    double start = bench_now();
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
    return (bench_now() - start) / steps;
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
        double seconds = bench_median(times, 3), flop = (b->scores_only ? 2.0 : 6.0) * ROWS * ITEMS * b->dim;
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

struct setting {
    int      threads, dim;
    uint32_t flags; /* of the model                                                                            */
    bool     soft, weighted, held_out, recycle;
};

static void open_host(struct host *h, const struct setting *setting)
{
    const struct host_options options = {.threads = setting->threads,
                                         .dim = setting->dim,
                                         .n_users = USERS,
                                         .n_items = ITEMS,
                                         .n_pairs = PAIRS,
                                         .model_flags = setting->flags,
                                         .sampler = {.struct_size = sizeof options.sampler,
                                                     .flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM,
                                                     .rows_per_batch = ROWS},
                                         .soft = setting->soft,
                                         .weighted = setting->weighted,
                                         .held_out = setting->held_out,
                                         .recycle = setting->recycle};
    bench_open_host(h, &options);
}

static double time_evaluation(struct host *h)
{
    adaptau_error error = {0};
    double        start = bench_now();
    if (adaptau_model_get_tables(h->model, &(adaptau_tables){.struct_size = sizeof(adaptau_tables)}, &error))
        bench_fail("tables", &error);
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_model_get_tables(h->model, &tables, &error);
    if (adaptau_evaluator_run(h->evaluator, &tables, &error))
        bench_fail("evaluation", &error);
    return bench_now() - start;
}

/* ---- where the time goes ---------------------------------------------------------------------------------------------- */

/* Seconds of a step. */
struct parts {
    double turn;   /* of an epoch: temperature and order, spread over its steps                                */
    double sample; /* adaptau_sampler_next                                                                     */
    double scores; /* adaptau_softmax without gradients                                                        */
    double users;  /* more of it with gradients of users                                                       */
    double items;  /* more with gradients of items as well                                                     */
    double rest;   /* more of adaptau_model_gradients                                                          */
    double apply;  /* adaptau_model_apply                                                                      */
};

/* What adaptau_model_gradients hands to adaptau_softmax, with as many outputs as wanted. */
static double time_softmax(struct host *h, const adaptau_batch *batch, float *users, float *items)
{
    static float             tau[ROWS];
    adaptau_error            error = {0};
    adaptau_tables           tables = {.struct_size = sizeof tables};
    adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .candidates = tau};
    adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = users, .item_gradients = items};
    double                   start = bench_now();
    if (adaptau_model_get_tables(h->model, &tables, &error) ||
        adaptau_temperature_rows(h->temperature, batch->n_rows, batch->users, tau, NULL, &error) ||
        adaptau_softmax(h->context, &tables, batch, &temperatures, &output, &error))
        bench_fail("softmax", &error);
    return bench_now() - start;
}

/* The model's own arrays: other ones would lie elsewhere in the caches and not compare. They stay while batches do not grow. */
static void borrow_gradients(struct host *h, float **users, float **items)
{
    adaptau_error         error = {0};
    adaptau_batch         batch;
    adaptau_gradient_view view = {.struct_size = sizeof view};
    bench_next_batch(h, &batch);
    if (adaptau_model_gradients(h->model, &batch, h->temperature, NULL, &error) ||
        adaptau_model_get_gradient_view(h->model, &view, &error))
        bench_fail("gradients", &error);
    *users = (float *)(uintptr_t)view.users;
    *items = (float *)(uintptr_t)view.items;
}

static struct parts measure_parts(int threads, int dim, double budget)
{
    const double  steps_per_epoch = (double)USERS / ROWS;
    double        times[7][MOST_SLICES];
    float        *users, *items;
    adaptau_error error = {0};
    struct host   h;
    int           n = 0;
    open_host(&h, &(struct setting){.threads = threads, .dim = dim, .recycle = true});
    bench_time_steps(&h, 2);
    borrow_gradients(&h, &users, &items);
    for (double start = bench_now(); n < MOST_SLICES && (n < 9 || bench_now() - start < budget); n++) {
        adaptau_batch batch;
        double        before = bench_now();
        bench_turn_epoch(&h);
        times[0][n] = (bench_now() - before) / steps_per_epoch;
        before = bench_now();
        bench_next_batch(&h, &batch);
        times[1][n] = bench_now() - before;
        times[2][n] = time_softmax(&h, &batch, NULL, NULL);
        times[3][n] = time_softmax(&h, &batch, users, NULL);
        times[4][n] = time_softmax(&h, &batch, users, items);
        before = bench_now();
        if (adaptau_model_gradients(h.model, &batch, h.temperature, NULL, &error))
            bench_fail("gradients", &error);
        times[5][n] = bench_now() - before;
        before = bench_now();
        if (adaptau_model_apply(h.model, &error))
            bench_fail("apply", &error);
        times[6][n] = bench_now() - before;
    }
    bench_close_host(&h);
    double medians[7];
    for (int i = 0; i < 7; i++)
        medians[i] = bench_median(times[i], n);
    return (struct parts){.turn = medians[0],
                          .sample = medians[1],
                          .scores = medians[2],
                          .users = medians[3] - medians[2],
                          .items = medians[4] - medians[3],
                          .rest = medians[5] - medians[4],
                          .apply = medians[6]};
}

static void print_part(const char *name, double seconds, double total, double work, const char *unit)
{
    printf("%-44s %10.2f %7.1f %%", name, 1e3 * seconds, 100.0 * seconds / total);
    if (work > 0.0 && seconds > 0.0)
        printf(" %10.1f %s", 1e-9 * work / seconds, unit);
    printf("\n");
}

/* Adam on a row reads its gradient, and reads and writes its first moment and the row; a second moment and a count besides. */
static void print_parts(const struct parts *p, int dim)
{
    const double flop = 2.0 * ROWS * ITEMS * dim, bytes = (20.0 * dim + 16.0) * (ROWS + ITEMS);
    const double total = p->turn + p->sample + p->scores + p->users + p->items + p->rest + p->apply;
    printf("\n%-44s %10s %9s\n", "where the time of a step goes", "ms", "share");
    print_part("temperature and order, once per epoch", p->turn, total, 0.0, "");
    print_part("sampler", p->sample, total, 0.0, "");
    print_part("scores, exponentials and sums", p->scores, total, flop, "GFLOP/s");
    print_part("user gradients", p->users, total, flop, "GFLOP/s");
    print_part("item gradients, keeping scores for them", p->items, total, flop, "GFLOP/s");
    print_part("the model's part of gradients", p->rest, total, 0.0, "");
    print_part("Adam on both tables", p->apply, total, bytes, "GB/s");
    print_part("together", total, total, 3.0 * flop, "GFLOP/s");
}

/* ---- the measurement -------------------------------------------------------------------------------------------------- */

struct result {
    double       step, gradient, bare, one_thread, soft, weighted, bf16, evaluate, bare_scores, extra_mib;
    struct parts parts;
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

static struct result measure(int threads, int dim, double budget, bool verbose)
{
    struct host   one, many, soft, weighted, bf16;
    struct result r = {0};
    double        steps[MOST_SLICES], gradients[MOST_SLICES], bares[MOST_SLICES], ones[MOST_SLICES], softs[MOST_SLICES];
    double        bf16s[MOST_SLICES], weights[MOST_SLICES];
    struct bare   bare = {.dim = dim, .threads = threads};
    bare.users = bench_allocate((size_t)(ROWS * dim));
    bare.items = bench_allocate((size_t)ITEMS * (size_t)dim);
    bare.scores = bench_allocate((size_t)ROWS * ITEMS);
    bare.user_gradients = bench_allocate((size_t)(threads * ROWS * dim));
    bare.item_gradients = bench_allocate((size_t)ITEMS * (size_t)dim);
    for (int64_t i = 0; i < (int64_t)ITEMS * dim; i++)
        bare.items[i] = (float)bench_uniform();
    for (int64_t i = 0; i < (int64_t)ROWS * dim; i++)
        bare.users[i] = (float)bench_uniform();

    open_host(&many, &(struct setting){.threads = threads, .dim = dim, .held_out = true});
    open_host(&one, &(struct setting){.threads = 1, .dim = dim});
    open_host(&soft, &(struct setting){.threads = threads, .dim = dim, .soft = true});
    open_host(&weighted, &(struct setting){.threads = threads, .dim = dim, .weighted = true});
    open_host(&bf16, &(struct setting){.threads = threads, .dim = dim, .flags = ADAPTAU_MODEL_BFLOAT16});
    if (verbose)
        printf("%s; %s; %d threads, d = %d, %d users x %d items, steps of %d users\n", adaptau_build_info(),
               adaptau_context_backend(many.context), threads, dim, USERS, ITEMS, ROWS);
    choose_setting(&bare, verbose);
    bench_time_steps(&many, 2);
    r.extra_mib = extra_mib(&many, dim);
    bench_time_steps(&one, 2);
    bench_time_steps(&soft, 2);
    bench_time_steps(&bf16, 2);
    bench_time_steps(&weighted, 2);

    int    n = 0;
    double start = bench_now();
    do {
        bares[n] = time_bare(&bare, STEPS);
        struct step_times times = bench_time_steps(&many, STEPS);
        steps[n] = times.step;
        gradients[n] = times.gradients;
        ones[n] = bench_time_steps(&one, STEPS / 2).step;
        softs[n] = bench_time_steps(&soft, STEPS).step;
        weights[n] = bench_time_steps(&weighted, STEPS).step;
        bf16s[n] = bench_time_steps(&bf16, STEPS).step;
        n++;
    } while (n < MOST_SLICES && (n < 5 || bench_now() - start < budget));
    r.bare = bench_median(bares, n);
    r.step = bench_median(steps, n);
    r.gradient = bench_median(gradients, n);
    r.one_thread = bench_median(ones, n);
    r.soft = bench_median(softs, n);
    r.weighted = bench_median(weights, n);
    r.bf16 = adaptau_context_uses_bfloat16(bf16.context) ? bench_median(bf16s, n) : 0.0;

    bare.scores_only = true;
    choose_setting(&bare, verbose);
    time_evaluation(&many);
    for (n = 0; n < 5; n++) {
        bares[n] = time_bare(&bare, USERS / ROWS) * USERS / ROWS;
        steps[n] = time_evaluation(&many);
    }
    r.bare_scores = bench_median(bares, n);
    r.evaluate = bench_median(steps, n);
    bench_close_host(&bf16);
    bench_close_host(&weighted);
    bench_close_host(&soft);
    bench_close_host(&one);
    bench_close_host(&many);
    free(bare.users);
    free(bare.items);
    free(bare.scores);
    free(bare.user_gradients);
    free(bare.item_gradients);
    r.parts = measure_parts(threads, dim, budget / 2);
    return r;
}

static void print_table(const struct result *r, int dim)
{
    const double flop = 6.0 * ROWS * ITEMS * dim, epoch = (double)USERS / ROWS;
    printf("\n%-44s %10s %10s\n", "", "ms/step", "GFLOP/s");
    printf("%-44s %10.2f %10.1f\n", "three bare products, fastest setting", 1e3 * r->bare, 1e-9 * flop / r->bare);
    printf("%-44s %10.2f %10.1f\n", "a step of the library, everything in it", 1e3 * r->step, 1e-9 * flop / r->step);
    printf("%-44s %10.2f\n", "  of which gradients", 1e3 * r->gradient);
    printf("%-44s %10.2f\n", "  of which sampler, Adam and temperature", 1e3 * (r->step - r->gradient));
    printf("%-44s %10.2f %10.1f\n", "the same with 1 thread", 1e3 * r->one_thread, 1e-9 * flop / r->one_thread);
    printf("%-44s %10.2f %10.1f\n", "the same with soft targets", 1e3 * r->soft, 1e-9 * flop / r->soft);
    printf("%-44s %10.2f %10.1f\n", "the same with weights of interactions", 1e3 * r->weighted, 1e-9 * flop / r->weighted);
    if (r->bf16 > 0.0)
        printf("%-44s %10.2f %10.1f\n", "the same with products in bfloat16", 1e3 * r->bf16, 1e-9 * flop / r->bf16);
    printf("%-44s %10.2f s\n", "an epoch", epoch * r->step);
    printf("%-44s %10.3f s against %.3f s\n", "evaluation, all metrics at 20, and its product", r->evaluate, r->bare_scores);
    printf("\nexact epoch over the bare products    %.3f\n", r->step / r->bare);
    printf("the same with soft targets            %.3f\n", r->soft / r->bare);
    printf("weights of interactions over none     %.3f\n", r->weighted / r->step);
    if (r->bf16 > 0.0)
        printf("the same with products in bfloat16    %.3f\n", r->bf16 / r->bare);
    else
        printf("bfloat16 is not faster here: products that ask for it stay in float32\n");
    printf("evaluation over its bare product      %.3f\n", r->evaluate / r->bare_scores);
    printf("speed-up of the second thread         %.3f   (load average %.1f)\n", r->one_thread / r->step, bench_load_average());
    printf("memory beyond tables, gradients and optimiser   %.1f MiB\n", r->extra_mib);
}

static void print_json(const struct result *r, int threads, int dim)
{
    const struct parts *p = &r->parts;
    char                bf16[24] = "null";
    if (r->bf16 > 0.0)
        snprintf(bf16, sizeof bf16, "%.4f", r->bf16 / r->bare);
    printf("{\"exact_epoch_over_bare_gemm\": %.4f, \"exact_epoch_bf16_over_bare_gemm\": %s, "
           "\"evaluate_over_bare_gemm\": %.4f, \"speedup_2_threads\": %.4f, \"peak_extra_mib\": %.2f, "
           "\"soft_targets_over_bare_gemm\": %.4f, \"weighted_over_unweighted\": %.4f, \"step_ms\": %.3f, \"bare_step_ms\": %.3f, "
           "\"step_ms_1_thread\": %.3f, ",
           r->step / r->bare, bf16, r->evaluate / r->bare_scores, r->one_thread / r->step, r->extra_mib, r->soft / r->bare,
           r->weighted / r->step, 1e3 * r->step, 1e3 * r->bare, 1e3 * r->one_thread);
    printf("\"parts_ms\": {\"turn_of_epoch\": %.3f, \"sampler\": %.3f, \"scores\": %.3f, \"user_gradients\": %.3f, "
           "\"item_gradients\": %.3f, \"model\": %.3f, \"adam\": %.3f}, ",
           1e3 * p->turn, 1e3 * p->sample, 1e3 * p->scores, 1e3 * p->users, 1e3 * p->items, 1e3 * p->rest, 1e3 * p->apply);
    printf("\"load_average\": %.2f, \"threads\": %d, \"dim\": %d}\n", bench_load_average(), threads, dim);
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
    print_parts(&r.parts, dim);
    if (json)
        print_json(&r, threads, dim);
    return 0;
}
