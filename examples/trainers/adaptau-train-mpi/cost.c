/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/cost.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/clock.h"
#include "common/fail.h"

#define ENGINE_BYTES 33554432.0 /* what kernels.h says of tiles and sums                                       */
#define TRIAL_ROWS 128
#define TRIAL_ITEMS 16384
#define TRIAL_SECONDS 0.3

struct cost cost_of(const struct cost_question *q)
{
    const double n = ceil((double)q->n_users / q->n_p), m = ceil((double)q->n_items / q->n_q), d = (double)q->dim;
    const double rows = fmin((double)q->rows, (double)q->n_users) / q->n_p;
    const double others_q = (double)(q->n_q - 1) / q->n_q, others_p = (double)(q->n_p - 1) / q->n_p;
    const double second = q->row_moment ? 4 : 4 * d, pairs = (double)q->n_pairs / q->n_p / q->n_q;
    struct cost  c = {
         .tables = 4 * d * (n + m),
         .moments = (4 * d + second + 4) * (n + m / q->n_p),
         .gradients = 4 * d * (m + rows),
         .messages = (q->n_p > 1 ? 4 * d * m : 0) + (q->n_q > 1 ? (4 * d + 80) * rows : 0),
         .data = 8 * pairs + 12 * (n + m) + 4 * n,
         .order = 4 * (double)q->n_users,
         .lists = 2 * 8 * (double)q->cutoff * n,
         .engine = ENGINE_BYTES,
         .flops = 6 * rows * m * d,
         .sums_sent = 2 * 80 * rows * others_q,
         .users_sent = 2 * 4 * d * rows * others_q,
         .items_sent = 2 * 4 * d * m * others_p,
         .steps = ceil((double)q->n_users / (double)q->rows),
    };
    c.memory = c.tables + c.moments + c.gradients + c.messages + c.data + c.order + c.lists + c.engine;
    c.sent = c.sums_sent + c.users_sent + c.items_sent;
    return c;
}

void cost_choose_grid(struct cost_question *question, int size)
{
    double least = INFINITY;
    int    best = size;
    for (int p = 1; p <= size; p++) {
        if (size % p)
            continue;
        question->n_p = p;
        question->n_q = size / p;
        if (cost_of(question).sent < least) {
            least = cost_of(question).sent;
            best = p;
        }
    }
    question->n_p = best;
    question->n_q = size / best;
}

static adaptau_status time_steps(adaptau_context *context, const adaptau_tables *tables, float *gradients, double *seconds,
                                 adaptau_error *error)
{
    static int64_t                 ptr[TRIAL_ROWS + 1];
    static int32_t                 positives[TRIAL_ROWS];
    const adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 0.1f};
    adaptau_loss_output         output = {.struct_size = sizeof output,
                                             .user_gradients = gradients,
                                             .item_gradients = gradients + (int64_t)TRIAL_ROWS * tables->dim};
    for (int r = 0; r < TRIAL_ROWS; r++) {
        positives[r] = r;
        ptr[r + 1] = r + 1;
    }
    const adaptau_batch batch = {
        .struct_size = sizeof batch, .n_rows = TRIAL_ROWS, .positive_ptr = ptr, .positives = positives};
    const double started = clock_now();
    *seconds = INFINITY;
    while (clock_now() - started < TRIAL_SECONDS) {
        const double   before = clock_now();
        adaptau_status status = adaptau_softmax(context, tables, &batch, &tau, &output, error);
        if (status)
            return status;
        *seconds = fmin(*seconds, (clock_now() - before) / (3.0 * TRIAL_ROWS * TRIAL_ITEMS * tables->dim));
    }
    return ADAPTAU_OK;
}

adaptau_status cost_measure(adaptau_context *context, int32_t dim, double *seconds, adaptau_error *error)
{
    const int64_t n = (int64_t)(TRIAL_ROWS + TRIAL_ITEMS) * dim;
    float        *rows = malloc(2 * (size_t)n * sizeof *rows);
    if (!rows)
        return fail_memory(error, "a trial of the engine");
    const adaptau_tables tables = {.struct_size = sizeof tables,
                                   .flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS,
                                   .n_users = TRIAL_ROWS,
                                   .n_items = TRIAL_ITEMS,
                                   .dim = dim,
                                   .users = rows,
                                   .items = rows + (int64_t)TRIAL_ROWS * dim};
    adaptau_status status = adaptau_init_rows(context, 1, ADAPTAU_SIDE_USERS, ADAPTAU_INIT_SPHERE, TRIAL_ROWS + TRIAL_ITEMS, 0,
                                              TRIAL_ROWS + TRIAL_ITEMS, dim, rows, 0, error);
    if (!status)
        status = time_steps(context, &tables, rows + n, seconds, error);
    free(rows);
    return status;
}

static void print_bytes(const char *what, double bytes)
{
    if (bytes >= 1e9)
        printf("  %-34s %10.2f GB\n", what, bytes / 1e9);
    else
        printf("  %-34s %10.2f MB\n", what, bytes / 1e6);
}

void cost_print(const struct cost_question *q, double seconds, double wire)
{
    const struct cost c = cost_of(q);
    const double      computing = c.flops / 2 * seconds, sending = c.sent / wire;
    printf("grid       %d x %d: %d ranges of users, %d of items\n", q->n_p, q->n_q, q->n_p, q->n_q);
    printf("memory of a process\n");
    print_bytes("tables", c.tables);
    print_bytes("moments", c.moments);
    print_bytes("gradients", c.gradients);
    print_bytes("messages", c.messages);
    print_bytes("pairs", c.data);
    print_bytes("order of an epoch", c.order);
    print_bytes("ranked lists", c.lists);
    print_bytes("tiles", c.engine);
    print_bytes("all", c.memory);
    printf("a step of %lld rows, sent by a process\n", (long long)q->rows);
    print_bytes("sums of rows", c.sums_sent);
    print_bytes("gradients of users", c.users_sent);
    print_bytes("gradients and rows of items", c.items_sent);
    print_bytes("all", c.sent);
    printf("predicted  %.4g GFLOP a step in %.4g s, messages %.4g s at %.3g GB/s, of which some overlap;\n", c.flops / 1e9,
           computing, sending, wire / 1e9);
    printf("           an epoch of %.0f steps: %.4g to %.4g s\n", c.steps, c.steps * fmax(computing, sending),
           c.steps * (computing + sending));
}
