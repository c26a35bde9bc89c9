/* SPDX-License-Identifier: MIT */
/* 8: your allocator, with a budget.
 *
 * All memory of the library comes from the context's allocator, on the thread that makes the call. Here it counts bytes and
 * refuses what is beyond a limit: the call then answers E_MEMORY with a line that says how much it wanted and for what, and
 * nothing has changed. So a program may make room and call again, and the training goes on as if nothing had happened. */
#include <string.h>

#include "made_up.h"

#define EPOCHS 4

struct budget {
    size_t        limit, used, peak; /* bytes                                                                   */
    int64_t       n_refused;
    adaptau_error first_refusal;
};

static void *allocate(void *user_data, size_t size, size_t alignment)
{
    struct budget *budget = user_data;
    if (size > budget->limit - budget->used)
        return NULL;
    void *block = aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
    if (!block)
        return NULL;
    budget->used += size;
    if (budget->used > budget->peak)
        budget->peak = budget->used;
    return block;
}

/* The size comes back with the block: an allocator needs no headers of its own. */
static void release(void *user_data, void *block, size_t size)
{
    struct budget *budget = user_data;
    budget->used -= size;
    free(block);
}

/* What the program does about a refusal: it gives way by 64 KiB, and says that the call may be repeated. */
static int make_room(struct budget *budget, adaptau_status status, const adaptau_error *error)
{
    if (status != ADAPTAU_E_MEMORY)
        return 0;
    if (budget->n_refused++ == 0)
        budget->first_refusal = *error;
    budget->limit += 64 << 10;
    return 1;
}

static void train(adaptau_model *model, adaptau_temperature *temperature, adaptau_sampler *sampler, struct budget *budget)
{
    adaptau_error  error;
    adaptau_status status;
    adaptau_batch  batch = {.struct_size = sizeof batch};
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        do
            status = adaptau_model_update_temperature(model, temperature, &error);
        while (make_room(budget, status, &error));
        check(status, &error);
        check(adaptau_sampler_begin_epoch(sampler, epoch, &error), &error);
        for (;;) {
            check(adaptau_sampler_next(sampler, &batch, &error), &error);
            if (batch.n_rows == 0)
                break;
            do
                status = adaptau_model_gradients(model, &batch, temperature, NULL, &error);
            while (make_room(budget, status, &error));
            check(status, &error);
            do
                status = adaptau_model_apply(model, &error);
            while (make_room(budget, status, &error));
            check(status, &error);
        }
    }
}

/* Train tables [(USERS + ITEMS) x DIM] of the program's. `tight`: no more than what the objects take at the start. */
static void run(struct budget *budget, int tight, float *rows)
{
    adaptau_error           error;
    adaptau_context        *context = NULL;
    adaptau_dataset        *data = NULL, *test = NULL;
    adaptau_model          *model = NULL;
    adaptau_temperature    *temperature = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_context_options options = {
        .struct_size = sizeof options, .allocate = allocate, .free = release, .allocator_data = budget};
    adaptau_model_options   tables = {.struct_size = sizeof tables};
    adaptau_sampler_options batches = {.struct_size = sizeof batches};
    check(adaptau_model_options_init(&tables, &error), &error);
    tables.dim = DIM;
    tables.host_users = rows;
    tables.host_items = rows + USERS * DIM;
    check(adaptau_sampler_options_init(&batches, ADAPTAU_SAMPLER_CATALOGUE, &error), &error);
    batches.rows_per_batch = 50;
    check(adaptau_context_create(&options, &context, &error), &error);
    make_up_data(context, &data, &test);
    check(adaptau_model_create(context, data, &tables, &model, &error), &error);
    check(adaptau_temperature_create(context, data, NULL, &temperature, &error), &error);
    check(adaptau_sampler_create(context, data, &batches, &sampler, &error), &error);
    if (tight)
        budget->limit = budget->used;
    train(model, temperature, sampler, budget);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(test);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}

int main(void)
{
    static float  freely[(USERS + ITEMS) * DIM], within[(USERS + ITEMS) * DIM], tightly[(USERS + ITEMS) * DIM];
    struct budget unlimited = {.limit = SIZE_MAX}, exact = {0}, tight = {.limit = SIZE_MAX};

    run(&unlimited, 0, freely);
    printf("no limit           %zu KiB at most\n", unlimited.peak >> 10);

    exact.limit = unlimited.peak; /* memory is as predictable as numbers: the same calls take the same bytes      */
    run(&exact, 0, within);
    printf("exactly that much  %d refusals\n", (int)exact.n_refused);

    run(&tight, 1, tightly);
    printf("too little         E_MEMORY: %s\n", tight.first_refusal.message);
    printf("                   %d refusals, then it was %zu KiB\n", (int)tight.n_refused, tight.limit >> 10);

    int same = memcmp(freely, within, sizeof freely) == 0 && memcmp(freely, tightly, sizeof freely) == 0;
    int all_back = unlimited.used == 0 && exact.used == 0 && tight.used == 0;
    printf("the tables are %s, and %s\n", same ? "equal, bit for bit" : "DIFFERENT",
           all_back ? "every byte has come back" : "BYTES ARE MISSING");
    return same && all_back && exact.n_refused == 0 && tight.n_refused > 0 ? 0 : 1;
}
