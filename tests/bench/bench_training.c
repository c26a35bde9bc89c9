/* SPDX-License-Identifier: MIT */
/* bench_training DIR [--json] [--threads T] [--tau X]: where the seconds of a whole adaptau-train DIR go.
 *
 * The program's way under protocol valid, by the same public calls with a clock around each: read, the temperature, the start,
 * all epochs, one evaluation, save. What is inside adaptau_model_gradients is told by differences, on every 16th batch: without
 * gradients, with those of users, with both; the rest is the model's own part. The bound is what multiplications alone would take
 * at the speed that this machine's product has on a tile in cache, on all threads. */
#include <adaptau/adaptau.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/problem.h"
#include "host.h"
#include "kernels/of_context.h"
#include "../support/options.h"

#define EVERY 16 /* batches from one whose gradients are taken apart to the next                                */
#define TILE 128

enum part { READ, TUNE, START, TURN, SAMPLER, SCORES, USERS, ITEMS, MODEL, ADAM, EVALUATION, SAVE, N_PARTS };

static const char *const names[N_PARTS] = {"read, and make datasets",
                                           "temperature: trials on held-out interactions",
                                           "start: first embeddings, sampler",
                                           "temperature, soft targets, order of each epoch",
                                           "sampler",
                                           "scores, exponentials and sums",
                                           "user gradients",
                                           "item gradients",
                                           "the model's part of gradients",
                                           "Adam on both tables",
                                           "evaluation on test, and masks",
                                           "save"};
static const char *const keys[N_PARTS] = {"read",  "tune", "start", "turn_of_epoch", "sampler",    "scores", "user_gradients",
                                          "item_gradients", "model", "adam", "evaluation", "save"};

struct bench {
    adaptau_context    *context;
    struct problem      problem;
    adaptau_recipe      recipe;
    adaptau_tune_result tuned;
    double              seconds[N_PARTS];
    double              gradients, sampled[3]; /* all of it; of sampled batches: none, users, both             */
    double              sampled_gradients;
    double              recall, ndcg;
};

static void check(adaptau_status status, const char *what, const adaptau_error *error)
{
    if (status)
        bench_fail(what, error);
}

/* ---- before and after ---------------------------------------------------------------------------------------------- */

static void open_problem(struct bench *b, const char *folder)
{
    const struct read_options reading = {0};
    adaptau_error             error = {0};
    const double              start = bench_now();
    check(problem_open(&b->problem, b->context, folder, &reading, 0.2, 0, &error), "read", &error);
    b->seconds[READ] = bench_now() - start;
}

static void tune(struct bench *b, double tau)
{
    const adaptau_tune_options options = full_tune_options((adaptau_tune_options){0});
    adaptau_error              error = {0};
    const double               start = bench_now();
    b->recipe.struct_size = sizeof b->recipe;
    b->tuned.struct_size = sizeof b->tuned;
    check(adaptau_recipe_init(&b->recipe, &error), "recipe", &error);
    if (tau > 0.0) {
        b->recipe.tau0_policy = ADAPTAU_TAU0_FIXED;
        b->recipe.tau = tau;
    }
    check(adaptau_tune(b->context, b->problem.train, &options, &b->recipe, &b->tuned, &error), "tune", &error);
    b->seconds[TUNE] = bench_now() - start;
}

static void evaluate(struct bench *b, const adaptau_model *model)
{
    static const int32_t            cutoffs[] = {10, 20, 50};
    const adaptau_dataset          *mask = b->problem.train;
    const adaptau_evaluator_options options =
        full_evaluator_options((adaptau_evaluator_options){.n_cutoffs = 3, .cutoffs = cutoffs, .n_masks = 1, .masks = &mask});
    adaptau_tables     tables = {.struct_size = sizeof tables};
    adaptau_evaluator *evaluator = NULL;
    adaptau_error      error = {0};
    const double       start = bench_now();
    check(adaptau_evaluator_create(b->context, b->problem.test, &options, &evaluator, &error), "evaluator", &error);
    check(adaptau_model_get_tables(model, &tables, &error), "tables", &error);
    check(adaptau_evaluator_run(evaluator, &tables, &error), "evaluation", &error);
    check(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, 20, &b->recall, &error), "recall", &error);
    check(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_NDCG, 20, &b->ndcg, &error), "NDCG", &error);
    adaptau_evaluator_destroy(evaluator);
    b->seconds[EVALUATION] = bench_now() - start;
}

static void save(struct bench *b, const adaptau_model *model)
{
    char         folder[] = "/tmp/bench-training-XXXXXX", path[64];
    adaptau_error error = {0};
    if (!mkdtemp(folder))
        bench_fail("a folder in /tmp", NULL);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    const double start = bench_now();
    check(adaptau_model_save(model, path, &error), "save", &error);
    b->seconds[SAVE] = bench_now() - start;
    unlink(path);
    rmdir(folder);
}

/* ---- the training --------------------------------------------------------------------------------------------------- */

/* Seconds of the kernel call alone on this batch. */
static double time_softmax(struct bench *b, adaptau_training *training, const adaptau_batch *batch, float *users, float *items)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_error  error = {0};
    float         *tau = malloc((size_t)batch->n_rows * sizeof *tau);
    if (!tau)
        bench_fail("memory", NULL);
    const adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .candidates = tau};
    adaptau_loss_output output = {.struct_size = sizeof output, .user_gradients = users, .item_gradients = items};
    check(adaptau_temperature_rows(adaptau_training_temperature(training), batch->n_rows, batch->users, tau, NULL, &error),
          "temperatures", &error);
    check(adaptau_model_get_tables(adaptau_training_model(training), &tables, &error), "tables", &error);
    const double start = bench_now();
    check(adaptau_softmax(b->context, &tables, batch, &temperatures, &output, &error), "softmax", &error);
    const double seconds = bench_now() - start;
    free(tau);
    return seconds;
}

/* After its gradients, into the model's own arrays: Adam then takes what the last of these calls has left, the same numbers but for
 * soft targets, so that the batch is computed once more at the end. */
static void take_apart(struct bench *b, adaptau_training *training, const adaptau_batch *batch, double seconds)
{
    adaptau_gradient_view view = {.struct_size = sizeof view};
    adaptau_error         error = {0};
    adaptau_model        *model = adaptau_training_model(training);
    check(adaptau_model_get_gradient_view(model, &view, &error), "gradients", &error);
    float *users = (float *)(uintptr_t)view.users, *items = (float *)(uintptr_t)view.items;
    b->sampled_gradients += seconds;
    b->sampled[0] += time_softmax(b, training, batch, NULL, NULL);
    b->sampled[1] += time_softmax(b, training, batch, users, NULL);
    b->sampled[2] += time_softmax(b, training, batch, users, items);
    check(adaptau_model_gradients(model, batch, adaptau_training_temperature(training), NULL, &error), "gradients", &error);
}

static void make_step(struct bench *b, adaptau_training *training, const adaptau_batch *batch, int64_t step)
{
    adaptau_model *model = adaptau_training_model(training);
    adaptau_error  error = {0};
    double         start = bench_now();
    check(adaptau_model_gradients(model, batch, adaptau_training_temperature(training), NULL, &error), "gradients", &error);
    const double seconds = bench_now() - start;
    b->gradients += seconds;
    if (step % EVERY == EVERY / 2)
        take_apart(b, training, batch, seconds);
    start = bench_now();
    check(adaptau_model_apply(model, &error), "apply", &error);
    b->seconds[ADAM] += bench_now() - start;
}

static void run_epoch(struct bench *b, adaptau_training *training, int64_t epoch)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    adaptau_error error = {0};
    double        start = bench_now();
    check(adaptau_training_begin_epoch(training, epoch, &error), "begin_epoch", &error);
    b->seconds[TURN] += bench_now() - start;
    for (int64_t step = 0;; step++) {
        start = bench_now();
        check(adaptau_training_next(training, &batch, &error), "next", &error);
        b->seconds[SAMPLER] += bench_now() - start;
        if (batch.n_rows == 0)
            break;
        make_step(b, training, &batch, step);
    }
    start = bench_now();
    check(adaptau_training_end_epoch(training, &error), "end_epoch", &error);
    b->seconds[TURN] += bench_now() - start;
}

/* Shares of the sampled batches, of the time of all. */
static void divide_gradients(struct bench *b)
{
    const double all = fmax(b->sampled_gradients, b->sampled[2]), whole = all > 0.0 ? b->gradients / all : 0.0;
    b->seconds[SCORES] = whole * b->sampled[0];
    b->seconds[USERS] = whole * fmax(0, b->sampled[1] - b->sampled[0]);
    b->seconds[ITEMS] = whole * fmax(0, b->sampled[2] - b->sampled[1]);
    b->seconds[MODEL] = fmax(0, b->gradients - b->seconds[SCORES] - b->seconds[USERS] - b->seconds[ITEMS]);
}

static void train(struct bench *b)
{
    adaptau_training *training = NULL;
    adaptau_error     error = {0};
    const double      start = bench_now();
    check(adaptau_training_create(b->context, b->problem.train, &b->recipe, &training, &error), "training", &error);
    b->seconds[START] = bench_now() - start;
    for (int64_t epoch = 0; epoch < b->recipe.epochs; epoch++)
        run_epoch(b, training, epoch);
    divide_gradients(b);
    evaluate(b, adaptau_training_model(training));
    save(b, adaptau_training_model(training));
    adaptau_training_destroy(training);
}

/* ---- the bound ------------------------------------------------------------------------------------------------------ */

/* Of one thread's product on a tile in cache: the best of several. */
static double tile_gflops(const adaptau_context *context, int dim)
{
    float *a = bench_allocate((size_t)(TILE * dim)), *x = bench_allocate((size_t)(TILE * dim)), *c = bench_allocate(TILE * TILE);
    double best = 1e9;
    for (int round = 0; round < 200; round++) {
        const double start = bench_now();
        for (int i = 0; i < 4; i++)
            atau_kernels_of(context)->product(TILE, TILE, dim, a, dim, 1, x, TILE, 0, c, TILE);
        best = fmin(best, (bench_now() - start) / 4);
    }
    free(a);
    free(x);
    free(c);
    return 2e-9 * TILE * TILE * dim / best;
}

/* Multiply-adds of all trials and of the training; and of the latter alone. */
static double count_gflop(const struct bench *b, bool with_trials)
{
    const double pass = 6e-9 * b->problem.data.n_users * (double)b->problem.data.n_items * (double)b->recipe.dim;
    const double trials = (double)b->tuned.n_trials * (double)b->tuned.trial_epochs / fmax(1, b->tuned.user_divisor);
    return pass * ((double)b->recipe.epochs + (with_trials ? trials : 0.0));
}

/* ---- what is printed ------------------------------------------------------------------------------------------------ */

static double sum_of(const struct bench *b)
{
    double total = 0.0;
    for (int part = 0; part < N_PARTS; part++)
        total += b->seconds[part];
    return total;
}

static void print_table(const struct bench *b, double bound)
{
    const double total = sum_of(b), product = count_gflop(b, false) / 3;
    printf("%d users, %d items, %lld interactions; %s, %d threads, load average %.1f\n", b->problem.data.n_users,
           b->problem.data.n_items, (long long)adaptau_dataset_n_interactions(b->problem.train), adaptau_context_backend(b->context),
           adaptau_context_n_threads(b->context), bench_load_average());
    printf("tau0 %.4f by %d trials of %lld epochs, of one user in %u; %lld epochs; recall@20 %.4f, NDCG@20 %.4f\n\n", b->recipe.tau,
           b->tuned.n_trials, (long long)b->tuned.trial_epochs, b->tuned.user_divisor, (long long)b->recipe.epochs, b->recall, b->ndcg);
    for (int part = 0; part < N_PARTS; part++) {
        printf("%-48s %9.2f s %7.1f %%", names[part], b->seconds[part], 100.0 * b->seconds[part] / total);
        if (part >= SCORES && part <= ITEMS && b->seconds[part] > 0.0)
            printf(" %9.1f GFLOP/s", product / b->seconds[part]);
        printf("\n");
    }
    printf("%-48s %9.2f s\n", "together", total);
    printf("%-48s %9.2f s %7.1f %%\n", "the multiplications alone, trials' with them", bound, 100.0 * bound / total);
}

static void print_json(const struct bench *b, double bound)
{
    printf("{\"bench\": \"training\", \"seconds\": {");
    for (int part = 0; part < N_PARTS; part++)
        printf("%s\"%s\": %.4f", part ? ", " : "", keys[part], b->seconds[part]);
    printf("}, \"total\": %.4f, \"bound\": %.4f, \"tau0\": %.6f, \"trials\": %d, \"trial_epochs\": %lld, \"user_divisor\": %u, "
           "\"epochs\": %lld, \"recall@20\": %.6f, \"ndcg@20\": %.6f, \"threads\": %d, \"load_average\": %.2f}\n",
           sum_of(b), bound, b->recipe.tau, b->tuned.n_trials, (long long)b->tuned.trial_epochs, b->tuned.user_divisor,
           (long long)b->recipe.epochs, b->recall, b->ndcg, adaptau_context_n_threads(b->context), bench_load_average());
}

int main(int count, char **arguments)
{
    const char             *folder = NULL;
    bool                    json = false;
    double                  tau = 0.0;
    adaptau_context_options options = {.struct_size = sizeof options};
    for (int i = 1; i < count; i++) {
        if (!strcmp(arguments[i], "--json"))
            json = true;
        else if (!strcmp(arguments[i], "--threads") && i + 1 < count)
            options.n_threads = atoi(arguments[++i]);
        else if (!strcmp(arguments[i], "--tau") && i + 1 < count)
            tau = atof(arguments[++i]);
        else if (arguments[i][0] != '-' && !folder)
            folder = arguments[i];
        else
            folder = "";
    }
    if (!folder || !*folder)
        return fprintf(stderr, "usage: bench_training DIR [--json] [--threads T] [--tau X]\n"), 2;
    struct bench  b = {0};
    adaptau_error error = {0};
    check(adaptau_context_create(&options, &b.context, &error), "context", &error);
    open_problem(&b, folder);
    tune(&b, tau);
    train(&b);
    const double bound =
        count_gflop(&b, true) / (tile_gflops(b.context, (int)b.recipe.dim) * adaptau_context_n_threads(b.context));
    print_table(&b, bound);
    if (json)
        print_json(&b, bound);
    problem_close(&b.problem);
    adaptau_context_destroy(b.context);
    return 0;
}
