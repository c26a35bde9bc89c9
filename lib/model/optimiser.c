/* SPDX-License-Identifier: MIT */
#include "model/optimiser.h"

#include <stdatomic.h>

#include "common/error.h"
#include "common/pool.h"
#include "kernels/adam.h"
#include "kernels/of_context.h"

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS
#define OWN 2 /* the encoder's parameters */

struct atau_table *atau_optimised_table(struct atau_raw_tables *tables, int k)
{
    return k == OWN ? &tables->own : &tables->side[k];
}

const struct atau_table *atau_optimised_const_table(const struct atau_raw_tables *tables, int k)
{
    return k == OWN ? &tables->own : &tables->side[k];
}

/* ---- options ------------------------------------------------------------------------------------------------------- */

void atau_optimiser_set(struct atau_optimiser *optimiser, const adaptau_model_options *o)
{
    optimiser->of[USERS].learning_rate = o->learning_rate_users;
    optimiser->of[ITEMS].learning_rate = o->learning_rate_items;
    optimiser->of[USERS].beta1 = o->beta1_users;
    optimiser->of[ITEMS].beta1 = o->beta1_items;
    optimiser->beta2 = o->beta2;
    optimiser->epsilon = o->epsilon;
    optimiser->weight_decay = o->weight_decay;
}

void atau_optimiser_recall(const struct atau_optimiser *optimiser, adaptau_model_options *o)
{
    o->learning_rate_users = optimiser->of[USERS].learning_rate;
    o->learning_rate_items = optimiser->of[ITEMS].learning_rate;
    o->beta1_users = optimiser->of[USERS].beta1;
    o->beta1_items = optimiser->of[ITEMS].beta1;
    o->beta2 = optimiser->beta2;
    o->epsilon = optimiser->epsilon;
    o->weight_decay = optimiser->weight_decay;
}

/* ---- memory -------------------------------------------------------------------------------------------------------- */

void atau_optimiser_free(struct atau_optimiser *optimiser, const struct atau_raw_tables *tables)
{
    for (int k = 0; k < ATAU_OPTIMISED; k++) {
        const size_t                  rows = (size_t)atau_optimised_const_table(tables, k)->n_rows;
        struct atau_moments_of_table *moments = &optimiser->of[k];
        atau_free(tables->context, moments->first, rows * (size_t)tables->dim * sizeof(float));
        atau_free(tables->context, moments->second, rows * (size_t)atau_second_columns(optimiser, tables) * sizeof(float));
        atau_free(tables->context, moments->steps, rows * sizeof(int32_t));
        moments->first = moments->second = NULL;
        moments->steps = NULL;
    }
}

adaptau_status atau_optimiser_make_moments(struct atau_optimiser *optimiser, const struct atau_raw_tables *tables, int k,
                                           adaptau_error *error)
{
    const size_t                  rows = (size_t)atau_optimised_const_table(tables, k)->n_rows;
    const size_t                  row_bytes = (size_t)tables->dim * sizeof(float);
    const size_t                  second_bytes = (size_t)atau_second_columns(optimiser, tables) * sizeof(float);
    struct atau_moments_of_table *moments = &optimiser->of[k];
    if (!moments->first)
        moments->first = atau_allocate_zeroed(tables->context, rows, row_bytes);
    if (!moments->second)
        moments->second = atau_allocate_zeroed(tables->context, rows, second_bytes);
    if (!moments->steps)
        moments->steps = atau_allocate_zeroed(tables->context, rows, sizeof(int32_t));
    return atau_optimiser_has_moments(optimiser, k) ? ADAPTAU_OK
                                                    : atau_fail_memory(error, rows * row_bytes, "the optimiser's moments");
}

bool atau_optimiser_has_moments(const struct atau_optimiser *optimiser, int k)
{
    const struct atau_moments_of_table *moments = &optimiser->of[k];
    return moments->first && moments->second && moments->steps;
}

/* ---- a step -------------------------------------------------------------------------------------------------------- */

static struct atau_adam_rows rows_of(const struct atau_optimiser *optimiser, const struct atau_raw_tables *tables, int k,
                                     const struct atau_row_gradients *gradients)
{
    const struct atau_table            *table = atau_optimised_const_table(tables, k);
    const struct atau_moments_of_table *moments = &optimiser->of[k], *rates = &optimiser->of[k == OWN ? ITEMS : k];
    return (struct atau_adam_rows){.kernels = atau_kernels_of(tables->context),
                                   .dim = tables->dim,
                                   .n = gradients->n,
                                   .ids = gradients->ids,
                                   .gradients = gradients->rows,
                                   .gradient_stride = tables->dim,
                                   .by_id = gradients->by_id,
                                   .shared = optimiser->row_second_moment,
                                   .to_sphere = table->sphere,
                                   .learning_rate = rates->learning_rate,
                                   .beta1 = rates->beta1,
                                   .beta2 = optimiser->beta2,
                                   .epsilon = optimiser->epsilon,
                                   .decay = table->sphere ? 0.0 : optimiser->weight_decay,
                                   .rows = table->rows,
                                   .stride = table->stride,
                                   .first = moments->first,
                                   .second = moments->second,
                                   .steps = moments->steps};
}

/* All tables in one parallel call: an executor that refuses it has stepped none. */
struct adam_step {
    struct atau_adam_rows calls[ATAU_OPTIMISED];
    int64_t               n_tasks[ATAU_OPTIMISED];
    _Atomic int64_t       n_done;
};

static void step_table(void *argument, int32_t lane, int64_t task)
{
    struct adam_step *step = argument;
    int               table = 0;
    (void)lane;
    while (task >= step->n_tasks[table])
        task -= step->n_tasks[table++];
    atau_adam_step(&step->calls[table], task);
    atomic_fetch_add_explicit(&step->n_done, 1, memory_order_relaxed);
}

adaptau_status atau_optimiser_step(struct atau_optimiser *optimiser, struct atau_raw_tables *tables,
                                   struct atau_gradients *gradients, adaptau_error *error)
{
    struct adam_step step = {.n_done = 0};
    int64_t          n_tasks = 0;
    adaptau_status   status = ADAPTAU_OK;
    for (int k = 0; k < ATAU_OPTIMISED && status == ADAPTAU_OK; k++)
        if (k != OWN || tables->own.n_rows > 0)
            status = atau_optimiser_make_moments(optimiser, tables, k, error);
    if (status != ADAPTAU_OK)
        return status;
    for (int k = 0; k < ATAU_OPTIMISED; k++) {
        step.calls[k] = rows_of(optimiser, tables, k, k == OWN ? &gradients->own : &gradients->of[k]);
        step.n_tasks[k] = atau_adam_tasks(&step.calls[k]);
        n_tasks += step.n_tasks[k];
    }
    status = atau_parallel(tables->context, n_tasks, step_table, &step, error);
    gradients->present = status != ADAPTAU_OK && atomic_load(&step.n_done) == 0;
    return status;
}
