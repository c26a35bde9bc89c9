/* SPDX-License-Identifier: MIT */
/* 3: your threads.
 *
 * A program that has a thread pool does not want a second one beside it. Give the context an executor, and every parallel
 * call of the library runs on the program's threads: no thread is started by the library. Numbers don't depend on who
 * computes them, as the end of this example shows.
 *
 * To stay short, the executor starts threads for every call. A real one would hand the lanes to its pool. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <adaptau/kernels.h>

#define USERS 512
#define ITEMS 2000
#define DIM 64
#define THREADS 4

static void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "%s: %s\n", adaptau_status_name(status), error->message);
    exit(1);
}

/* ---- the executor -------------------------------------------------------------------------------------------------- */

/* What user_data points to: here, something to print. */
struct tally {
    atomic_int calls;
    atomic_int lanes;
};

struct errand {
    adaptau_lane_function lane;
    void                 *argument;
    int32_t               number;
    struct tally         *tally;
};

static void *run_errand(void *data)
{
    const struct errand *errand = data;
    errand->lane(errand->argument, errand->number);
    atomic_fetch_add(&errand->tally->lanes, 1);
    return NULL;
}

/* Run every lane once and return when all are done. The caller's thread takes lane 0, and those for which no thread could be
 * started: lanes never wait for one another, so their order is free. */
static int32_t run_lanes(void *user_data, int32_t n_lanes, adaptau_lane_function lane, void *argument)
{
    struct tally *tally = user_data;
    struct errand errands[THREADS];
    pthread_t     threads[THREADS];
    int           started[THREADS] = {0};
    if (n_lanes > THREADS)
        return -1; /* does not happen: n_lanes is at most the context's n_threads */
    atomic_fetch_add(&tally->calls, 1);
    for (int32_t i = 0; i < n_lanes; i++) {
        errands[i] = (struct errand){lane, argument, i, tally};
        started[i] = i > 0 && pthread_create(&threads[i], NULL, run_errand, &errands[i]) == 0;
    }
    for (int32_t i = 0; i < n_lanes; i++)
        if (!started[i])
            run_errand(&errands[i]);
    for (int32_t i = 0; i < n_lanes; i++)
        if (started[i])
            pthread_join(threads[i], NULL);
    return 0;
}

/* ---- the same work twice ------------------------------------------------------------------------------------------- */

static void fill(float *table, int n, uint64_t state)
{
    for (int i = 0; i < n; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        table[i] = (float)(state >> 40) / (float)(1 << 23) - 1;
    }
}

/* The loss and the item gradients [ITEMS x DIM] of 512 users, each of whom has one item. */
static double compute(adaptau_context *context, float *item_gradients)
{
    static float   users[USERS * DIM], items[ITEMS * DIM];
    static int64_t positive_ptr[USERS + 1];
    static int32_t positives[USERS];
    fill(users, USERS * DIM, 1);
    fill(items, ITEMS * DIM, 2);
    for (int u = 0; u < USERS; u++) {
        positives[u] = u * 3 % ITEMS;
        positive_ptr[u + 1] = u + 1;
    }
    adaptau_error  error;
    adaptau_tables tables = {
        .struct_size = sizeof tables,
        .flags = ADAPTAU_NORMALISE_BOTH,
        .n_users = USERS,
        .n_items = ITEMS,
        .dim = DIM,
        .users = users,
        .items = items,
    };
    adaptau_batch batch = {
        .struct_size = sizeof batch,
        .n_rows = USERS,
        .candidates = ADAPTAU_CANDIDATES_CATALOGUE,
        .positive_ptr = positive_ptr,
        .positives = positives,
    };
    adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = 0.1F};
    adaptau_loss_output   output = {.struct_size = sizeof output, .item_gradients = item_gradients};
    check(adaptau_softmax(context, &tables, &batch, &temperatures, &output, &error), &error);
    return output.loss;
}

int main(void)
{
    static float     on_ours[ITEMS * DIM], on_one[ITEMS * DIM];
    adaptau_error    error;
    adaptau_context *ours = NULL, *one = NULL;
    struct tally     tally = {0};

    /* [context] */
    adaptau_context_options options = {
        .struct_size = sizeof options,
        .n_threads = THREADS, /* how many lanes the executor should get at most */
        .executor = run_lanes,
        .executor_data = &tally,
    };
    check(adaptau_context_create(&options, &ours, &error), &error);
    /* [context] */
    double loss_on_ours = compute(ours, on_ours);

    options = (adaptau_context_options){.struct_size = sizeof options, .n_threads = 1};
    check(adaptau_context_create(&options, &one, &error), &error);
    double loss_on_one = compute(one, on_one);

    int same = loss_on_ours == loss_on_one && memcmp(on_ours, on_one, sizeof on_one) == 0;
    printf("our threads   loss %.10f   %d parallel calls, %d lanes\n", loss_on_ours, atomic_load(&tally.calls),
           atomic_load(&tally.lanes));
    printf("one thread    loss %.10f\n", loss_on_one);
    printf("the loss and all %d gradients are %s\n", ITEMS * DIM, same ? "equal, bit for bit" : "DIFFERENT");

    adaptau_context_destroy(one);
    adaptau_context_destroy(ours);
    return same ? 0 : 1;
}
