/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/job.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adaptau-train-mpi/cost.h"
#include "adaptau-train-mpi/save.h"
#include "adaptau-train-mpi/watch.h"
#include "common/clock.h"
#include "common/fail.h"
#include "common/hyperparameters.h"

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Threads for a process where several share a machine. */
static int32_t choose_threads(int64_t asked)
{
    const char *local = getenv("OMPI_COMM_WORLD_LOCAL_SIZE");
    const long  cpus = sysconf(_SC_NPROCESSORS_ONLN), n = local ? atol(local) : 1;
    return asked > 0 ? (int32_t)asked : cpus > n && n > 0 ? (int32_t)(cpus / n) : 1;
}

static adaptau_status open_context(struct job *job, adaptau_error *error)
{
    const struct settings        *s = &job->settings->train;
    const adaptau_context_options options = {
        .struct_size = sizeof options, .n_threads = choose_threads(s->threads), .backend = s->backend};
    return adaptau_context_create(&options, &job->context, error);
}

static adaptau_status open_grid(struct job *job, const struct extent *extent, adaptau_error *error)
{
    int                  size;
    struct cost_question question = {.n_users = extent->n_users,
                                     .n_items = extent->n_items,
                                     .n_pairs = extent->n_train,
                                     .rows = job->recipe.base.rows_per_batch,
                                     .dim = job->recipe.base.dim,
                                     .n_p = job->settings->n_p,
                                     .n_q = job->settings->n_q};
    MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (question.n_p == 0)
        cost_choose_grid(&question, size);
    if ((int64_t)question.n_p * question.n_q != size)
        return fail(error, ADAPTAU_E_ARGUMENT, "--grid %dx%d is of %d processes, but there are %d", question.n_p, question.n_q,
                    question.n_p * question.n_q, size);
    if (question.n_p > extent->n_users || question.n_q > extent->n_items)
        return fail(error, ADAPTAU_E_ARGUMENT, "a grid of %dx%d is too fine for %d users and %d items", question.n_p,
                    question.n_q, extent->n_users, extent->n_items);
    grid_open(&job->grid, question.n_p, question.n_q);
    return ADAPTAU_OK;
}

static adaptau_status open_temperature(struct job *job, adaptau_error *error)
{
    adaptau_temperature_options options = {.struct_size = sizeof options};
    adaptau_status              status = adaptau_recipe_temperature_options(&job->recipe.base, &options, error);
    return status ? status : adaptau_temperature_create(job->context, job->part.train, &options, &job->temperature, error);
}

static uint64_t mix(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001B3);
    return sum;
}

static uint64_t fingerprint(const struct job *job)
{
    const struct trial_options *o = &job->settings->train.trial;
    char                        text[2048];
    uint64_t                    sum = mix(UINT64_C(0xCBF29CE484222325), &job->part.hash, sizeof job->part.hash);
    recipe_options(&job->asked, NULL, text, sizeof text);
    sum = mix(sum, text, strlen(text));
    sum = mix(sum, &o->eval_every, sizeof o->eval_every);
    return mix(sum, o->cutoffs.values, (size_t)o->cutoffs.count * sizeof *o->cutoffs.values);
}

static adaptau_status open_parts(struct job *job, const struct extent *extent, adaptau_error *error)
{
    const struct settings *s = &job->settings->train;
    adaptau_status status = part_open(&job->part, job->context, &job->grid, s->data, extent, error);
    if (!status && job->part.n_rows == 0)
        status = fail(error, ADAPTAU_E_STATE, "%s: there are no pairs to train on", shown_path(s->data));
    if (!status)
        status = shard_open(&job->shard, job->context, &job->grid, &job->part, &job->recipe, error);
    if (!status)
        status = open_temperature(job, error);
    if (!status)
        status = steps_open(&job->steps, job->context, &job->grid, &job->shard, &job->recipe, job->temperature, error);
    if (!status)
        status = judge_open(&job->judge, job->context, &job->grid, &job->shard, &s->trial.cutoffs, error);
    return status;
}

/* A job that goes on takes the temperature that was found when it began. */
static adaptau_status find_temperature(struct job *job, const struct extent *extent, adaptau_error *error)
{
    const struct settings *s = &job->settings->train;
    struct standing        before = {0};
    bool                   found = false;
    adaptau_status         status = ADAPTAU_OK;
    if (job->asked.base.tau0_policy != ADAPTAU_TAU0_HELD_OUT)
        return ADAPTAU_OK;
    if (s->resume)
        status = checkpoint_read_standing(s->checkpoint, &job->grid, &before, &found, error);
    if (!status && !found)
        status = tune(&job->tuned, job->context, &job->grid, job->settings, &job->recipe, extent, error);
    if (found)
        job->tuned = before.tuned;
    if (!status)
        tune_apply(&job->tuned, &job->recipe);
    job->standing.tuned = job->tuned;
    return status;
}

static adaptau_status start_or_resume(struct job *job, adaptau_error *error)
{
    const struct settings *s = &job->settings->train;
    bool                   found = false;
    adaptau_status         status = ADAPTAU_OK;
    job->standing.fingerprint = fingerprint(job);
    if (s->resume)
        status = checkpoint_read(s->checkpoint, &job->grid, &job->shard, job->temperature, &job->standing, &found, error);
    if (!status && s->save && job->grid.world.rank == 0)
        status = save_check(s->save, job->context, &job->standing, error);
    if (!status && !found)
        status = shard_start(&job->shard, job->context, &job->recipe, error);
    return status ? status : adaptau_model_refresh(job->shard.model, error); /* its rows were written */
}

adaptau_status job_open(struct job *job, const struct own_settings *settings, adaptau_error *error)
{
    const double  started = clock_now();
    struct extent extent;
    *job = (struct job){.settings = settings, .recipe = settings->train.recipe};
    adaptau_status status = read_extent(settings->train.data, &extent, error);
    if (status)
        return status;
    watch_beat();
    status = recipe_fill(&job->recipe, extent.n_users, extent.n_items, extent.n_train, error);
    job->asked = job->recipe;
    if (!status)
        status = open_grid(job, &extent, error);
    if (!status)
        status = open_context(job, error);
    if (!status)
        status = find_temperature(job, &extent, error);
    if (!status)
        status = open_parts(job, &extent, error);
    if (!status)
        status = start_or_resume(job, error);
    job->read_seconds = clock_now() - started - job->tuned.seconds;
    return status;
}

void job_close(struct job *job)
{
    judge_close(&job->judge);
    steps_close(&job->steps);
    adaptau_temperature_destroy(job->temperature);
    shard_close(&job->shard);
    part_close(&job->part);
    adaptau_context_destroy(job->context);
    grid_close(&job->grid);
    *job = (struct job){0};
}

/* ---- epochs ------------------------------------------------------------------------------------------------------ */

static adaptau_status train_epoch(struct job *job, adaptau_error *error)
{
    struct standing *standing = &job->standing;
    const double     started = clock_now();
    standing->temperature.struct_size = sizeof standing->temperature;
    adaptau_status status = measure_temperature(job->context, &job->grid, &job->shard, job->temperature, error);
    if (!status)
        status = adaptau_temperature_get_state(job->temperature, &standing->temperature, error);
    const int64_t sent = job->grid.sent;
    if (!status)
        status = steps_epoch(&job->steps, standing->epoch, &standing->loss, error);
    job->step_bytes += job->grid.sent - sent;
    standing->tau0 = standing->temperature.tau0;
    standing->epoch++;
    standing->seconds += clock_now() - started;
    job->train_seconds = standing->seconds;
    return status;
}

static bool is_better(const struct scores *a, const struct scores *b, int32_t cutoff)
{
    if (a->value[ADAPTAU_METRIC_RECALL][cutoff] != b->value[ADAPTAU_METRIC_RECALL][cutoff])
        return a->value[ADAPTAU_METRIC_RECALL][cutoff] > b->value[ADAPTAU_METRIC_RECALL][cutoff];
    return a->value[ADAPTAU_METRIC_NDCG][cutoff] > b->value[ADAPTAU_METRIC_NDCG][cutoff];
}

static adaptau_status judge_epoch(struct job *job, adaptau_error *error)
{
    struct standing *standing = &job->standing;
    const double     started = clock_now();
    const int32_t    cutoff = choosing_cutoff(&job->settings->train.trial.cutoffs);
    adaptau_status   status = judge_score(&job->judge, job->recipe.base.popularity_prior, standing->tau0, &job->last, error);
    job->eval_seconds += clock_now() - started;
    if (status || (standing->best_epoch > 0 && !is_better(&job->last, &standing->best, cutoff)))
        return status;
    standing->best = job->last;
    standing->best_epoch = standing->epoch;
    standing->best_loss = standing->loss;
    standing->best_tau0 = standing->tau0;
    const char *path = job->settings->train.save;
    return path ? save_best(path, job->context, &job->grid, &job->shard, &job->recipe, job->temperature, standing, error) : ADAPTAU_OK;
}

static void show_epoch(const struct job *job, bool scored)
{
    const struct cutoffs *cutoffs = &job->settings->train.trial.cutoffs;
    const int32_t         c = choosing_cutoff(cutoffs);
    if (job->grid.world.rank != 0 || job->settings->train.quiet)
        return;
    fprintf(stderr, "epoch %lld/%lld  loss %.4f  tau0 %.4f", (long long)job->standing.epoch, (long long)job->recipe.base.epochs,
            job->standing.loss, job->standing.tau0);
    if (scored)
        fprintf(stderr, "  recall@%d %.4f  ndcg@%d %.4f", cutoffs->values[c], job->last.value[ADAPTAU_METRIC_RECALL][c],
                cutoffs->values[c], job->last.value[ADAPTAU_METRIC_NDCG][c]);
    fprintf(stderr, "  %.1f s\n", job->standing.seconds);
}

adaptau_status job_train(struct job *job, adaptau_error *error)
{
    const struct settings *s = &job->settings->train;
    struct standing       *standing = &job->standing;
    adaptau_status         status = ADAPTAU_OK;
    while (standing->epoch < job->recipe.base.epochs && !status) {
        watch_epoch(standing->epoch);
        status = train_epoch(job, error);
        const bool due = standing->epoch % s->trial.eval_every == 0 || standing->epoch == job->recipe.base.epochs;
        if (!status && due)
            status = judge_epoch(job, error);
        if (!status && s->checkpoint)
            status = checkpoint_write(s->checkpoint, &job->grid, &job->shard, job->temperature, standing, error);
        if (!status)
            show_epoch(job, due);
    }
    job->hash = status ? 0 : shard_hash(&job->shard, &job->grid);
    return status;
}
