/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/measure.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adaptau-train-mpi/watch.h"
#include "common/fail.h"

#define USERS_AT_ONCE 4096

/* ---- temperature ------------------------------------------------------------------------------------------------- */

/* One process's share: moments of users and of items, sums over pairs and losses. */
static adaptau_status measure_share(adaptau_context *context, const struct grid *grid, const struct shard *shard,
                                    const adaptau_temperature *temperature, const adaptau_tables *tables, double *out,
                                    adaptau_error *error)
{
    const struct part *part = shard->part;
    const int64_t      size = adaptau_table_moments_size(shard->dim), d = shard->dim;
    const int64_t      u = part_start(part->own_users, grid->n_q, grid->q);
    const int64_t      v = part_start(part->own_users, grid->n_q, grid->q + 1);
    const int64_t      i = part_start(part->own_items, grid->n_p, grid->p);
    const int64_t      j = part_start(part->own_items, grid->n_p, grid->p + 1);
    const bool         unit = (tables->flags & ADAPTAU_UNIT_ROWS) != 0;
    adaptau_status     status = adaptau_table_moments(context, v - u, shard->dim, shard->users + u * d, 0,
                                                      !unit && tables->flags & ADAPTAU_NORMALISE_USERS ? 1 : 0, out, error);
    if (!status)
        status = adaptau_table_moments(context, j - i, shard->dim, shard->items + i * d, 0,
                                       !unit && tables->flags & ADAPTAU_NORMALISE_ITEMS ? 1 : 0, out + size, error);
    if (!status)
        status = adaptau_interaction_moments(context, tables, part->train, out + 2 * size, error);
    if (!status)
        status = adaptau_temperature_loss_sums(temperature, out + 2 * size + 4, error);
    for (int k = 4; k < 6 && grid->q > 0; k++) /* losses are those of users: once                              */
        out[2 * size + k] = 0;
    return status;
}

adaptau_status measure_temperature(adaptau_context *context, struct grid *grid, const struct shard *shard,
                                   adaptau_temperature *temperature, adaptau_error *error)
{
    const int64_t  size = adaptau_table_moments_size(shard->dim), n = 2 * size + 6;
    double        *all = calloc((size_t)n * (size_t)(grid->world.size + 1), sizeof *all), *own = all;
    adaptau_tables tables = {.struct_size = sizeof tables};
    if (!all)
        return fail_memory(error, "the moments of all processes");
    adaptau_status status = adaptau_model_get_tables(shard->model, &tables, error);
    if (!status)
        status = measure_share(context, grid, shard, temperature, &tables, own, error);
    if (!status) {
        double *total = all + n;
        MPI_Allgather(own, (int)n, MPI_DOUBLE, total, (int)n, MPI_DOUBLE, grid->world.comm);
        for (int k = 1; k < grid->world.size; k++) {
            adaptau_table_moments_merge(shard->dim, total, total + k * n);
            adaptau_table_moments_merge(shard->dim, total + size, total + k * n + size);
            for (int64_t i = 2 * size; i < n; i++)
                total[i] += total[k * n + i];
        }
        const double               *sums = total + 2 * size;
        const adaptau_score_moments moments = {.struct_size = sizeof moments,
                                               .dim = shard->dim,
                                               .users = total,
                                               .items = total + size,
                                               .interactions = {sums[0], sums[1], sums[2], sums[3]},
                                               .losses = {sums[4], sums[5]}};
        status = adaptau_temperature_update_from(temperature, &moments, error);
    }
    free(all);
    return status;
}

/* ---- ranking ----------------------------------------------------------------------------------------------------- */

static adaptau_status make_lists(struct judge *judge, adaptau_error *error)
{
    const size_t n = (size_t)judge->shard->part->own_users * (size_t)judge->k + 1;
    judge->items = malloc(n * sizeof *judge->items);
    judge->scores = malloc(n * sizeof *judge->scores);
    judge->lists = malloc(n * (sizeof *judge->items + sizeof *judge->scores));
    judge->bias = malloc((size_t)judge->shard->part->own_items * sizeof *judge->bias + 1);
    return judge->items && judge->scores && judge->lists && judge->bias ? ADAPTAU_OK : fail_memory(error, "ranked lists");
}

adaptau_status judge_open(struct judge *judge, adaptau_context *context, struct grid *grid, const struct shard *shard,
                          const struct cutoffs *cutoffs, adaptau_error *error)
{
    adaptau_evaluator_options options = {.struct_size = sizeof options};
    *judge = (struct judge){.context = context,
                            .grid = grid,
                            .shard = shard,
                            .cutoffs = cutoffs,
                            .k = cutoffs->values[cutoffs->count - 1]};
    reduction_open(&judge->merging, grid, &grid->items, (int64_t)judge->k * (int64_t)(sizeof(int32_t) + sizeof(float)));
    adaptau_status status = adaptau_evaluator_options_init(&options, error);
    options.n_cutoffs = cutoffs->count;
    options.cutoffs = cutoffs->values;
    if (!status)
        status = adaptau_evaluator_create(context, shard->part->test, &options, &judge->evaluator, error);
    judge->n_users = adaptau_evaluator_n_users(judge->evaluator);
    MPI_Allreduce(MPI_IN_PLACE, &judge->n_users, 1, MPI_INT64_T, MPI_SUM, grid->world.comm);
    return status ? status : make_lists(judge, error);
}

void judge_close(struct judge *judge)
{
    adaptau_evaluator_destroy(judge->evaluator);
    reduction_close(&judge->merging);
    free(judge->items);
    free(judge->scores);
    free(judge->lists);
    free(judge->bias);
    *judge = (struct judge){0};
}

static void set_prior(struct judge *judge, double prior, double tau0, adaptau_tables *tables)
{
    const struct part *part = judge->shard->part;
    for (int32_t i = 0; i < part->own_items && prior > 0; i++)
        judge->bias[i] = (float)(prior * tau0 * log1p((double)part->item_degrees[i]));
    tables->item_bias = prior > 0 ? judge->bias : NULL;
}

/* This process's items for all of its users, as ids of the whole. */
static adaptau_status rank_own(struct judge *judge, const adaptau_tables *tables, adaptau_error *error)
{
    const struct part *part = judge->shard->part;
    int32_t            users[USERS_AT_ONCE];
    adaptau_status     status = ADAPTAU_OK;
    for (int32_t first = 0; first < part->own_users && !status; first += USERS_AT_ONCE) {
        int32_t n = 0;
        for (; n < USERS_AT_ONCE && first + n < part->own_users; n++)
            users[n] = first + n;
        watch_beat();
        const adaptau_query query = {.struct_size = sizeof query, .n = n, .ids = users, .k = judge->k, .seen = part->train};
        status = adaptau_rank(judge->context, tables, &query, judge->items + (int64_t)first * judge->k,
                              judge->scores + (int64_t)first * judge->k, error);
    }
    for (int64_t c = 0; c < (int64_t)part->own_users * judge->k; c++)
        judge->items[c] += judge->items[c] < 0 ? 0 : part->first_item;
    return status;
}

static int32_t merge_k; /* of the lists that add_lists merges: MPI's processes are single-threaded here        */
static adaptau_context *merge_context;

static void add_lists(void *into, const void *from, int64_t n_rows, int64_t row_size)
{
    for (int64_t r = 0; r < n_rows; r++) {
        char       *mine = (char *)into + r * row_size;
        const char *theirs = (const char *)from + r * row_size;
        if (adaptau_merge_top_k(merge_context, 1, merge_k, (int32_t *)(void *)mine,
                                (float *)(void *)(mine + merge_k * (int64_t)sizeof(int32_t)),
                                (const int32_t *)(const void *)theirs,
                                (const float *)(const void *)(theirs + merge_k * (int64_t)sizeof(int32_t)), NULL))
            MPI_Abort(MPI_COMM_WORLD, 1);
    }
}

/* The lists of this process's part of its team's users, over all items, as the evaluator wants them. */
static void merge_lists(struct judge *judge)
{
    const int64_t k = judge->k, n = judge->shard->part->own_users, size = judge->merging.row_size;
    const size_t  half = (size_t)k * sizeof(int32_t);
    for (int64_t u = 0; u < n; u++) {
        memcpy(judge->lists + u * size, judge->items + u * k, half);
        memcpy(judge->lists + u * size + half, judge->scores + u * k, half);
    }
    merge_k = judge->k;
    merge_context = judge->context;
    reduction_scatter_begin(&judge->merging, n, judge->lists);
    reduction_scatter_end(&judge->merging, add_lists);
    const int64_t  first = reduction_first(&judge->merging);
    const int32_t *users = adaptau_evaluator_users(judge->evaluator);
    for (int32_t u = 0; u < adaptau_evaluator_n_users(judge->evaluator); u++)
        memcpy(judge->items + u * k, judge->lists + (first + users[u]) * size, half);
}

static adaptau_status collect(struct judge *judge, struct scores *scores, adaptau_error *error)
{
    const double   n = adaptau_evaluator_n_users(judge->evaluator);
    adaptau_status status = ADAPTAU_OK;
    memset(scores, 0, sizeof *scores);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < judge->cutoffs->count && !status; c++) {
            status = adaptau_evaluator_mean(judge->evaluator, metric, judge->cutoffs->values[c], &scores->value[metric][c], error);
            scores->value[metric][c] *= n;
        }
    if (status)
        return status;
    grid_sum(judge->grid, &judge->grid->world, ADAPTAU_N_METRICS * CUTOFFS_MAX, &scores->value[0][0]);
    for (int i = 0; i < ADAPTAU_N_METRICS * CUTOFFS_MAX; i++)
        (&scores->value[0][0])[i] /= judge->n_users > 0 ? (double)judge->n_users : 1.0;
    return ADAPTAU_OK;
}

adaptau_status judge_score(struct judge *judge, double prior, double tau0, struct scores *scores, adaptau_error *error)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_get_tables(judge->shard->model, &tables, error);
    if (status)
        return status;
    set_prior(judge, prior, tau0, &tables);
    status = rank_own(judge, &tables, error);
    if (status)
        return status;
    merge_lists(judge);
    status = adaptau_evaluator_run_lists(judge->evaluator, judge->k, judge->items, error);
    return status ? status : collect(judge, scores, error);
}
