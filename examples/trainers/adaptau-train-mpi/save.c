/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/save.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adaptau-train-mpi/watch.h"
#include "common/fail.h"
#include "common/names.h"
#include "common/target.h"

#define JOB_NAME "mpi_job" /* of the attachment: fingerprint and epoch                                        */
#define JOB_SIZE 64
#define MESSAGE_BYTES (INT64_C(1) << 28)
#define TAG 1

/* ---- all rows in one process ------------------------------------------------------------------------------------- */

enum { USERS = ADAPTAU_SIDE_USERS, ITEMS = ADAPTAU_SIDE_ITEMS, DEGREES, N_KINDS };

/* Arrays of the whole, of the first process alone. */
struct whole {
    float   *users, *items; /* [n x d], [m x d]                                                               */
    int32_t *degrees;       /* [m] users who have the item                                                    */
};

/* Rows of one kind that this process hands over: each row of the whole is in one run of one process. */
struct run {
    int64_t     kind, first, n;
    const void *rows;
};

static int64_t size_of_row(int64_t kind, const struct shard *shard)
{
    return (int64_t)sizeof(float) * (kind == DEGREES ? 1 : shard->dim);
}

static char *place_of(const struct whole *whole, const struct run *run, const struct shard *shard)
{
    char *starts[N_KINDS] = {(char *)whole->users, (char *)whole->items, (char *)whole->degrees};
    return starts[run->kind] + run->first * size_of_row(run->kind, shard);
}

static int list_runs(const struct grid *grid, const struct shard *shard, struct run runs[2 + ITEM_PIECES])
{
    const struct part *part = shard->part;
    const int64_t      u = part_start(part->own_users, grid->n_q, grid->q);
    int                n = 0;
    runs[n++] = (struct run){USERS, part->first_user + u, part_start(part->own_users, grid->n_q, grid->q + 1) - u,
                             shard->users + u * shard->dim};
    for (int k = 0; k < shard->n_pieces; k++) {
        const struct item_piece *piece = &shard->pieces[k];
        runs[n++] = (struct run){ITEMS, part->first_item + piece->mine, piece->n_mine, shard->items + piece->mine * shard->dim};
    }
    if (grid->p == 0)
        runs[n++] = (struct run){DEGREES, part->first_item, part->own_items, part->item_degrees};
    return n;
}

static void send_runs(const struct grid *grid, const struct shard *shard, const struct run *runs, int n)
{
    MPI_Send(&n, 1, MPI_INT, 0, TAG, grid->world.comm);
    for (int k = 0; k < n; k++) {
        const int64_t header[3] = {runs[k].kind, runs[k].first, runs[k].n}, bytes = runs[k].n * size_of_row(runs[k].kind, shard);
        MPI_Send(header, 3, MPI_INT64_T, 0, TAG, grid->world.comm);
        for (int64_t at = 0; at < bytes; at += MESSAGE_BYTES) {
            const int64_t size = bytes - at < MESSAGE_BYTES ? bytes - at : MESSAGE_BYTES;
            MPI_Send((const char *)runs[k].rows + at, (int)size, MPI_BYTE, 0, TAG, grid->world.comm);
            watch_beat();
        }
    }
}

static void receive_runs(const struct grid *grid, const struct shard *shard, int rank, const struct whole *whole)
{
    int n = 0;
    MPI_Recv(&n, 1, MPI_INT, rank, TAG, grid->world.comm, MPI_STATUS_IGNORE);
    for (int k = 0; k < n; k++) {
        int64_t header[3];
        MPI_Recv(header, 3, MPI_INT64_T, rank, TAG, grid->world.comm, MPI_STATUS_IGNORE);
        const struct run run = {header[0], header[1], header[2], NULL};
        const int64_t    bytes = run.n * size_of_row(run.kind, shard);
        for (int64_t at = 0; at < bytes; at += MESSAGE_BYTES) {
            const int64_t size = bytes - at < MESSAGE_BYTES ? bytes - at : MESSAGE_BYTES;
            MPI_Recv(place_of(whole, &run, shard) + at, (int)size, MPI_BYTE, rank, TAG, grid->world.comm, MPI_STATUS_IGNORE);
            watch_beat();
        }
    }
}

static adaptau_status open_whole(struct whole *whole, const struct shard *shard, adaptau_error *error)
{
    const size_t row = (size_t)size_of_row(USERS, shard);
    *whole = (struct whole){.users = malloc((size_t)shard->part->n_users * row + 1),
                            .items = malloc((size_t)shard->part->n_items * row + 1),
                            .degrees = malloc((size_t)shard->part->n_items * sizeof(int32_t) + 1)};
    return whole->users && whole->items && whole->degrees ? ADAPTAU_OK : fail_memory(error, "the tables of all processes, for --save");
}

static void close_whole(struct whole *whole)
{
    free(whole->users);
    free(whole->items);
    free(whole->degrees);
}

static void gather(const struct grid *grid, const struct shard *shard, const struct whole *whole)
{
    struct run runs[2 + ITEM_PIECES];
    const int  n = list_runs(grid, shard, runs);
    if (grid->world.rank > 0) {
        send_runs(grid, shard, runs, n);
        return;
    }
    for (int k = 0; k < n; k++)
        memcpy(place_of(whole, &runs[k], shard), runs[k].rows, (size_t)(runs[k].n * size_of_row(runs[k].kind, shard)));
    for (int rank = 1; rank < grid->world.size; rank++)
        receive_runs(grid, shard, rank, whole);
}

/* ---- one file ---------------------------------------------------------------------------------------------------- */

/* As a process says that has measured users: the first one may have none, and all others are told the same threshold. */
static adaptau_status choose_fold_in(const struct grid *grid, const struct shard *shard, const struct recipe *recipe,
                                     const adaptau_temperature *temperature, adaptau_fold_in_options *out, adaptau_error *error)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_status            status = adaptau_recipe_fold_in_options(&recipe->base, shard->model, temperature, out, error);
    if (!status)
        status = adaptau_temperature_get_state(temperature, &state, error);
    int who = state.n_users_observed > 0 ? grid->world.rank : grid->world.size - 1;
    MPI_Allreduce(MPI_IN_PLACE, &who, 1, MPI_INT, MPI_MIN, grid->world.comm);
    MPI_Bcast(out, sizeof *out, MPI_BYTE, who, grid->world.comm);
    return status;
}

static adaptau_status set_prior(adaptau_model *model, const struct whole *whole, int32_t n_items, double prior, double tau0,
                                adaptau_error *error)
{
    if (prior <= 0)
        return ADAPTAU_OK;
    float *bias = malloc((size_t)n_items * sizeof *bias + 1);
    if (!bias)
        return fail_memory(error, "the popularity prior");
    for (int32_t i = 0; i < n_items; i++)
        bias[i] = (float)(prior * tau0 * log1p((double)whole->degrees[i]));
    adaptau_status status = adaptau_model_set_item_bias(model, bias, error);
    free(bias);
    return status;
}

/* A model on the tables of the whole. It needs no pairs: MF has no graph, and soft targets and popularity are refused. */
static adaptau_status make_model(adaptau_context *context, const struct whole *whole, const struct part *part,
                                 const struct recipe *recipe, const adaptau_fold_in_options *fold_in, double tau0,
                                 adaptau_model **out, adaptau_error *error)
{
    adaptau_model_options options = recipe_model_options(recipe);
    adaptau_loss          loss = {.struct_size = sizeof loss};
    adaptau_dataset      *no_pairs = NULL;
    options.init = ADAPTAU_INIT_HOST;
    options.host_users = whole->users;
    options.host_items = whole->items;
    adaptau_status status = adaptau_recipe_loss(&recipe->base, &loss, error);
    if (!status)
        status = adaptau_dataset_create_from_interactions(context, part->n_users, part->n_items, 0, NULL, NULL, NULL, &no_pairs, error);
    if (!status)
        status = adaptau_model_create(context, no_pairs, &options, out, error);
    if (!status)
        status = adaptau_model_set_loss(*out, &loss, error);
    if (!status)
        status = adaptau_model_set_fold_in(*out, no_pairs, fold_in, error);
    if (!status)
        status = set_prior(*out, whole, part->n_items, recipe->base.popularity_prior, tau0, error);
    adaptau_dataset_destroy(no_pairs);
    return status;
}

static int write_job(char text[JOB_SIZE], uint64_t fingerprint, int64_t epoch)
{
    return snprintf(text, JOB_SIZE, "%016" PRIx64 " %" PRId64, fingerprint, epoch);
}

/* Rows are known by their ids, which empty lists of names say. */
static adaptau_status write_file(const char *path, const adaptau_model *model, const struct standing *standing, adaptau_error *error)
{
    char                     job[JOB_SIZE];
    const int                size = write_job(job, standing->fingerprint, standing->epoch);
    const adaptau_attachment attachments[] = {{.name = USER_NAMES}, {.name = ITEM_NAMES}, {JOB_NAME, job, size}};
    return adaptau_model_save_with(model, path, 3, attachments, error);
}

adaptau_status save_best(const char *path, adaptau_context *context, const struct grid *grid, const struct shard *shard,
                         const struct recipe *recipe, const adaptau_temperature *temperature, const struct standing *standing,
                         adaptau_error *error)
{
    adaptau_fold_in_options fold_in = {.struct_size = sizeof fold_in};
    struct whole            whole = {0};
    adaptau_model          *model = NULL;
    adaptau_status          status = choose_fold_in(grid, shard, recipe, temperature, &fold_in, error);
    const bool              writes = grid->world.rank == 0;
    fold_in.tau = standing->tau0;
    if (!status && writes)
        status = open_whole(&whole, shard, error);
    if (!status) {
        watch_waiting(true); /* for the others, and then for the disk                                          */
        gather(grid, shard, &whole);
        if (writes)
            status = make_model(context, &whole, shard->part, recipe, &fold_in, standing->tau0, &model, error);
        if (writes && !status)
            status = write_file(path, model, standing, error);
        watch_waiting(false);
    }
    adaptau_model_destroy(model);
    close_whole(&whole);
    return status;
}

/* ---- before a job ------------------------------------------------------------------------------------------------ */

struct job_text {
    char text[JOB_SIZE];
};

static int32_t take_job(void *user_data, const adaptau_attachment *attachment)
{
    struct job_text *found = user_data;
    if (strcmp(attachment->name, JOB_NAME) == 0 && attachment->size < JOB_SIZE)
        memcpy(found->text, attachment->bytes, (size_t)attachment->size);
    return 0;
}

/* The file may be of a later epoch than the checkpoint: it is written first, and the job comes to that epoch again. */
static adaptau_status check_best(const char *path, adaptau_context *context, const struct standing *standing, adaptau_error *error)
{
    struct job_text found = {0};
    adaptau_model  *model = NULL;
    uint64_t        fingerprint = 0;
    int64_t         epoch = 0;
    if (access(path, F_OK) == 0) {
        adaptau_status status = adaptau_model_load_with(context, path, take_job, &found, &model, error);
        adaptau_model_destroy(model);
        if (status)
            return status;
    }
    if (sscanf(found.text, "%" SCNx64 " %" SCNd64, &fingerprint, &epoch) == 2 && fingerprint == standing->fingerprint &&
        epoch >= standing->best_epoch)
        return ADAPTAU_OK;
    return fail(error, ADAPTAU_E_STATE,
                "--save %s: the best epoch so far, %" PRId64 ", is not there; a job saves it when it is trained with --save "
                "from its beginning",
                shown_path(path), standing->best_epoch);
}

adaptau_status save_check(const char *path, adaptau_context *context, const struct standing *standing, adaptau_error *error)
{
    adaptau_status status = target_check(path, "model", error);
    return status || standing->best_epoch == 0 ? status : check_best(path, context, standing, error);
}
