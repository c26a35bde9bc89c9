/* SPDX-License-Identifier: MIT */
/* adaptau-train-mpi: adaptau-train's training over the catalogue, on many processes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptau-train-mpi/cost.h"
#include "adaptau-train-mpi/job.h"
#include "adaptau-train-mpi/watch.h"
#include "common/fail.h"
#include "common/stop.h"

#define COMMAND_SIZE 1536

/* ---- what goes on where a job stopped ---------------------------------------------------------------------------- */

static void append_word(char *out, const char *word)
{
    size_t used = strlen(out);
    bool   plain = *word != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./,:@%") ==
                                        strlen(word);
    snprintf(out + used, COMMAND_SIZE - used, plain ? "%s%s" : "%s'%s'", used ? " " : "", word);
}

static const char *command_of(int argc, char **argv, const struct own_settings *settings)
{
    static char command[COMMAND_SIZE];
    const char *size = getenv("OMPI_COMM_WORLD_SIZE");
    if (!settings->train.checkpoint)
        return NULL;
    append_word(command, "mpirun");
    append_word(command, "-np");
    append_word(command, size ? size : "1");
    for (int i = 0; i < argc; i++)
        append_word(command, argv[i]);
    if (!settings->train.resume)
        append_word(command, "--resume");
    return command;
}

/* ---- what a grid would take -------------------------------------------------------------------------------------- */

static adaptau_status predict(const struct own_settings *settings, adaptau_error *error)
{
    const struct settings        *s = &settings->train;
    const adaptau_context_options options = {
        .struct_size = sizeof options, .n_threads = (int32_t)s->threads, .backend = s->backend};
    struct recipe    recipe = s->recipe;
    adaptau_context *context = NULL;
    struct extent    extent;
    double           seconds = 0;
    adaptau_status   status = read_extent(s->data, &extent, error);
    if (!status)
        status = adaptau_context_create(&options, &context, error);
    if (status)
        return status;
    status = recipe_fill(&recipe, extent.n_users, extent.n_items, extent.n_train, error);
    const struct cost_question question = {.n_users = extent.n_users,
                                           .n_items = extent.n_items,
                                           .n_pairs = extent.n_train,
                                           .rows = recipe.base.rows_per_batch,
                                           .dim = recipe.base.dim,
                                           .cutoff = s->trial.cutoffs.values[s->trial.cutoffs.count - 1],
                                           .n_p = settings->n_p ? settings->n_p : 1,
                                           .n_q = settings->n_q ? settings->n_q : 1,
                                           .row_moment = recipe.base.row_second_moment};
    if (!status)
        status = cost_measure(context, (int32_t)recipe.base.dim, &seconds, error);
    if (!status)
        cost_print(&question, seconds, settings->wire * 1e9);
    adaptau_context_destroy(context);
    return status;
}

static int dry_run(const struct own_settings *settings)
{
    const char   *rank = getenv("OMPI_COMM_WORLD_RANK");
    adaptau_error error = {0};
    if (rank && strcmp(rank, "0") != 0)
        return 0;
    if (predict(settings, &error)) {
        tell_failure(PROGRAM, &error);
        return 1;
    }
    return finish_stdout(PROGRAM) ? 0 : 1;
}

/* ---- a job ------------------------------------------------------------------------------------------------------- */

/* No process can go on without the others. */
static void give_up(int rank, const adaptau_error *error)
{
    fprintf(stderr, "%s: rank %d: %s\n", PROGRAM, rank, error->message);
    MPI_Abort(MPI_COMM_WORLD, 1);
}

static int run(const struct own_settings *settings)
{
    struct job    job = {0};
    adaptau_error error = {0};
    int           rank, code = 0;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    adaptau_status status = job_open(&job, settings, &error);
    if (!status)
        status = job_train(&job, &error);
    if (status)
        give_up(rank, &error);
    if (rank == 0) {
        if (settings->train.json)
            job_report_json(&job);
        else
            job_report_table(&job);
        code = finish_stdout(PROGRAM) ? 0 : 1;
    }
    job_close(&job);
    return code;
}

int main(int argc, char **argv)
{
    struct own_settings settings;
    int                 provided, code = read_own_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    if (settings.dry_run)
        return dry_run(&settings);
    watch_start(command_of(argc, argv, &settings), settings.patience);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided);
    code = run(&settings);
    MPI_Finalize();
    return code;
}
