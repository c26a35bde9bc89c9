/* SPDX-License-Identifier: MIT */
/* Within a step the processes meet three times. Sums of rows are waited for, since everything follows from them; users'
 * gradients travel during pass 2, items' piece by piece while later pieces are computed; then every process steps its part of
 * the items and the rows go to the others. */
#include "adaptau-train-mpi/steps.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adaptau-train-mpi/watch.h"
#include "common/clock.h"
#include "common/fail.h"

#define BETA1_USERS 0.5 /* the model's defaults                                                                */
#define BETA1_ITEMS 0.9

/* ---- reductions of a step ---------------------------------------------------------------------------------------- */

static void add_sums(void *into, const void *from, int64_t n_rows, int64_t row_size)
{
    (void)row_size;
    adaptau_merge_row_sums(n_rows, into, from);
}

static void poke(struct steps *steps)
{
    for (int k = 0; k < steps->n_rows; k++)
        reduction_poke(&steps->rows[k]);
    for (int k = 0; k < steps->n_items; k++)
        reduction_poke(&steps->items[k]);
}

static void reduce_sums(struct steps *steps, const adaptau_reduce_piece *piece)
{
    reduction_scatter_begin(&steps->sums, piece->n, piece->sums);
    reduction_scatter_end(&steps->sums, add_sums);
    reduction_gather_begin(&steps->sums);
    reduction_gather_end(&steps->sums);
}

static void finish_reductions(struct steps *steps)
{
    for (int k = 0; k < steps->n_rows; k++) {
        reduction_scatter_end(&steps->rows[k], add_floats);
        reduction_gather_begin(&steps->rows[k]);
    }
    for (int k = 0; k < steps->n_items; k++)
        reduction_scatter_end(&steps->items[k], add_floats);
    for (int k = 0; k < steps->n_rows; k++)
        reduction_gather_end(&steps->rows[k]);
}

static int32_t exchange(void *user_data, const adaptau_reduce_piece *piece)
{
    struct steps *steps = user_data;
    const double  started = clock_now();
    watch_waiting(true);
    poke(steps);
    switch (piece->what) {
    case ADAPTAU_REDUCE_SUMS: reduce_sums(steps, piece); break;
    case ADAPTAU_REDUCE_USERS:
        if (steps->n_rows == ROW_PIECES_MOST)
            return 1;
        reduction_scatter_begin(&steps->rows[steps->n_rows++], piece->n, piece->gradients);
        break;
    case ADAPTAU_REDUCE_ITEMS:
        reduction_scatter_begin(&steps->items[steps->n_items++], piece->n, piece->gradients);
        break;
    default: finish_reductions(steps);
    }
    watch_waiting(false);
    steps->waited += clock_now() - started;
    return 0;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static adaptau_status allocate(struct steps *steps, adaptau_error *error)
{
    const struct part *part = steps->shard->part;
    const int64_t      rows = part->own_rows < steps->recipe->base.rows_per_batch ? part->own_rows : steps->recipe->base.rows_per_batch;
    steps->batch_ptr = calloc((size_t)steps->n_batches + 1, sizeof *steps->batch_ptr);
    steps->users = calloc((size_t)part->own_rows + 1, sizeof *steps->users);
    steps->positive_ptr = calloc((size_t)rows + 1, sizeof *steps->positive_ptr);
    steps->row_weights = calloc((size_t)rows + 1, sizeof *steps->row_weights);
    return steps->batch_ptr && steps->users && steps->positive_ptr && steps->row_weights ? ADAPTAU_OK
                                                                                          : fail_memory(error, "the batches");
}

adaptau_status steps_open(struct steps *steps, adaptau_context *context, struct grid *grid, struct shard *shard,
                          const struct recipe *recipe, adaptau_temperature *temperature, adaptau_error *error)
{
    const int64_t row_bytes = (int64_t)shard->dim * (int64_t)sizeof(float);
    *steps = (struct steps){.context = context,
                            .grid = grid,
                            .shard = shard,
                            .recipe = recipe,
                            .temperature = temperature,
                            .n_batches = (shard->part->n_rows + recipe->base.rows_per_batch - 1) / recipe->base.rows_per_batch};
    adaptau_reduce e = {.struct_size = sizeof e};
    reduction_open(&steps->sums, grid, &grid->items, sizeof(adaptau_row_sums));
    for (int k = 0; k < ROW_PIECES_MOST; k++)
        reduction_open(&steps->rows[k], grid, &grid->items, row_bytes);
    for (int k = 0; k < shard->n_pieces; k++)
        reduction_open(&steps->items[k], grid, &grid->users, row_bytes);
    adaptau_status status = allocate(steps, error);
    if (!status)
        status = adaptau_reduce_init(&e, error);
    e.item_pieces = shard->n_cuts;
    e.most_items = shard->part->most_items;
    e.function = exchange;
    e.user_data = steps;
    return status ? status : adaptau_model_set_reduce(shard->model, &e, error);
}

void steps_close(struct steps *steps)
{
    reduction_close(&steps->sums);
    for (int k = 0; k < ROW_PIECES_MOST; k++)
        reduction_close(&steps->rows[k]);
    for (int k = 0; k < ITEM_PIECES; k++)
        reduction_close(&steps->items[k]);
    free(steps->batch_ptr);
    free(steps->users);
    free(steps->positive_ptr);
    free(steps->positives);
    free(steps->row_weights);
    *steps = (struct steps){0};
}

/* ---- batches ----------------------------------------------------------------------------------------------------- */

/* This process's rows of the epoch's batches, in the order that every process finds. */
static adaptau_status order_rows(struct steps *steps, int64_t epoch, adaptau_error *error)
{
    const struct part *part = steps->shard->part;
    uint32_t          *order = malloc((size_t)part->n_rows * sizeof *order + 1);
    int64_t            n = 0;
    if (!order)
        return fail_memory(error, "the order of an epoch");
    adaptau_status status = adaptau_epoch_order((uint64_t)steps->recipe->base.seed, epoch, part->n_rows, order, error);
    for (int64_t k = 0; k < part->n_rows && !status; k++) {
        const int64_t row = (int64_t)order[k] - part->first_row;
        if (k % steps->recipe->base.rows_per_batch == 0)
            steps->batch_ptr[k / steps->recipe->base.rows_per_batch] = n;
        if (row >= 0 && row < part->own_rows)
            steps->users[n++] = part->rows[row];
    }
    steps->batch_ptr[steps->n_batches] = n;
    free(order);
    return status;
}

static adaptau_status fill_batch(struct steps *steps, int64_t step, adaptau_error *error)
{
    const struct part *part = steps->shard->part;
    const int32_t     *users = steps->users + steps->batch_ptr[step];
    const int64_t      n = steps->batch_ptr[step + 1] - steps->batch_ptr[step];
    const double       exponent = steps->recipe->base.row_weight_exponent;
    int64_t            filled = 0;
    for (int64_t r = 0; r < n; r++) {
        steps->positive_ptr[r] = filled;
        filled += part->pairs.user_ptr[users[r] + 1] - part->pairs.user_ptr[users[r]];
        steps->row_weights[r] = (float)pow((double)part->degrees[users[r]], exponent - 1.0);
        steps->weight += (exponent == 1.0 ? 1.0 : (double)steps->row_weights[r]) * part->degrees[users[r]];
    }
    steps->positive_ptr[n] = filled;
    int32_t *grown = realloc(steps->positives, (size_t)filled * sizeof *grown + 1);
    if (!grown)
        return fail_memory(error, "a batch");
    steps->positives = grown;
    for (int64_t r = 0; r < n; r++)
        memcpy(grown + steps->positive_ptr[r], part->pairs.user_items + part->pairs.user_ptr[users[r]],
               (size_t)(steps->positive_ptr[r + 1] - steps->positive_ptr[r]) * sizeof *grown);
    steps->batch = (adaptau_batch){.struct_size = sizeof steps->batch,
                                   .flags = steps->recipe->base.positives_outside_sum ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                                   .n_rows = (int32_t)n,
                                   .users = users,
                                   .positive_ptr = steps->positive_ptr,
                                   .positives = steps->positives,
                                   .row_weights = exponent == 1.0 ? NULL : steps->row_weights};
    return ADAPTAU_OK;
}

/* ---- Adam -------------------------------------------------------------------------------------------------------- */

static adaptau_adam_options adam_options(const struct steps *steps, double rate, double beta1, uint32_t raw)
{
    const adaptau_model_options model = recipe_model_options(steps->recipe);
    const bool sphere = !(model.flags & raw) && !(model.flags & ADAPTAU_MODEL_FREE_LENGTH);
    adaptau_adam_options options = {.struct_size = sizeof options};
    adaptau_adam_options_init(&options, NULL);
    options.flags = (sphere ? ADAPTAU_ADAM_TO_SPHERE : 0) | (steps->shard->row_moment ? ADAPTAU_ADAM_ROW_SECOND_MOMENT : 0);
    options.learning_rate = rate;
    options.beta1 = beta1;
    options.weight_decay = steps->recipe->base.weight_decay;
    return options;
}

static adaptau_adam_rows rows_of(const struct shard *shard, float *table, const struct stepped *s, int64_t at, int64_t n)
{
    return (adaptau_adam_rows){.struct_size = sizeof(adaptau_adam_rows),
                               .dim = shard->dim,
                               .n = n,
                               .rows = table,
                               .first = s->first + at * shard->dim,
                               .second = s->second + at * second_size(shard),
                               .steps = s->steps + at};
}

/* Step this process's part of each piece of the items, and begin to hand it round. */
static adaptau_status step_items(struct steps *steps, const float *gradients, double rate, adaptau_error *error)
{
    struct shard              *shard = steps->shard;
    const adaptau_adam_options options = adam_options(steps, rate, BETA1_ITEMS, ADAPTAU_MODEL_RAW_ITEMS);
    adaptau_status             status = ADAPTAU_OK;
    for (int k = 0; k < shard->n_pieces && !status; k++) {
        const struct item_piece *piece = &shard->pieces[k];
        const adaptau_adam_rows  rows =
            rows_of(shard, shard->items + piece->mine * shard->dim, &shard->item_steps, piece->at, piece->n_mine);
        status = adaptau_adam(steps->context, &options, piece->n_mine, NULL, gradients + piece->mine * shard->dim, 0, &rows,
                              error);
        if (status)
            break;
        steps->items[k].data = (char *)(shard->items + piece->first * shard->dim);
        reduction_gather_begin(&steps->items[k]);
    }
    return status;
}

static adaptau_status apply(struct steps *steps, double user_rate, double item_rate, adaptau_error *error)
{
    struct shard              *shard = steps->shard;
    const adaptau_adam_options options = adam_options(steps, user_rate, BETA1_USERS, ADAPTAU_MODEL_RAW_USERS);
    const adaptau_adam_rows users = rows_of(shard, shard->users, &shard->user_steps, 0, shard->user_steps.n);
    adaptau_gradient_view   view = {.struct_size = sizeof view};
    adaptau_status          status = adaptau_model_get_gradient_view(shard->model, &view, error);
    if (!status)
        status = step_items(steps, view.items, item_rate, error);
    if (!status)
        status = adaptau_adam(steps->context, &options, view.n_users, view.user_ids, view.users, 0, &users, error);
    const double started = clock_now();
    for (int k = 0; k < shard->n_pieces && !status; k++)
        reduction_gather_end(&steps->items[k]);
    steps->waited += clock_now() - started;
    return status;
}

static adaptau_status run_step(struct steps *steps, int64_t epoch, int64_t number, adaptau_error *error)
{
    adaptau_step step = {.struct_size = sizeof step};
    double       user_rate = 0, item_rate = 0;
    steps->n_rows = steps->n_items = 0;
    adaptau_status status = adaptau_model_gradients(steps->shard->model, &steps->batch, steps->temperature, &step, error);
    if (!status)
        status = adaptau_recipe_learning_rates(&steps->recipe->base, epoch, number, steps->n_batches, &user_rate, &item_rate, error);
    if (!status)
        status = apply(steps, user_rate, item_rate, error);
    steps->loss += step.loss;
    return status;
}

adaptau_status steps_epoch(struct steps *steps, int64_t epoch, double *loss, adaptau_error *error)
{
    steps->loss = steps->weight = 0;
    adaptau_status status = order_rows(steps, epoch, error);
    for (int64_t step = 0; step < steps->n_batches && !status; step++) {
        watch_beat();
        status = fill_batch(steps, step, error);
        if (!status)
            status = run_step(steps, epoch, step, error);
    }
    if (status)
        return status;
    double sums[2] = {steps->loss, steps->weight};
    grid_sum(steps->grid, &steps->grid->users, 2, sums);
    *loss = sums[1] > 0 ? sums[0] / sums[1] : 0;
    return ADAPTAU_OK;
}
