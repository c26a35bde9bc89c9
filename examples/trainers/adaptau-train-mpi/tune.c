/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/tune.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#include "adaptau-train-mpi/watch.h"
#include "common/clock.h"
#include "common/fail.h"

#define LOOK_NANOSECONDS 20000000 /* between two looks whether the search is over                              */

struct searching {
    bool   shown;
    double started;
};

static int32_t watch_trial(void *user_data, const adaptau_tune_progress *progress)
{
    const struct searching *searching = user_data;
    watch_beat();
    if (searching->shown && !isnan(progress->recall))
        fprintf(stderr, "temperature trial %d  tau0 %.4f  personal %s  positives %s  held-out recall %.4f  %.1f s\n", progress->trial,
                progress->tau, personal_names[progress->tau_user_policy], positive_names[progress->positives_outside_sum],
                progress->recall, clock_now() - searching->started);
    return 0;
}

static adaptau_status search(struct tuned *tuned, adaptau_context *context, const struct own_settings *settings,
                             const struct recipe *recipe, const adaptau_dataset *train, adaptau_error *error)
{
    const struct settings     *s = &settings->train;
    struct searching           searching = {.shown = !s->quiet, .started = clock_now()};
    struct recipe              tried = *recipe;
    adaptau_tune_result        result = {.struct_size = sizeof result};
    adaptau_tune_options       options = {.struct_size = sizeof options};
    adaptau_status             status = adaptau_tune_options_init(&options, error);
    options.cutoff = s->trial.cutoffs.values[choosing_cutoff(&s->trial.cutoffs)];
    options.share = s->trial.valid_share > 0 ? s->trial.valid_share : options.share;
    options.seed = (uint64_t)s->trial.split_seed;
    options.progress = watch_trial;
    options.user_data = &searching;
    if (!status)
        status = adaptau_tune(context, train, &options, &tried.base, &result, error);
    *tuned = (struct tuned){
        .n_trials = result.n_trials,
        .trial_epochs = result.trial_epochs,
        .n_held_out = result.n_held_out,
        .user_divisor = result.user_divisor,
        .tau = result.n_trials > 0 ? result.tau : 0,
        .first_tau = result.first_tau,
        .recall = result.recall,
        .seconds = clock_now() - searching.started,
        .tau_user_policy = tried.base.tau_user_policy,
        .positives_outside_sum = tried.base.positives_outside_sum,
    };
    return status;
}

static adaptau_status search_alone(struct tuned *tuned, adaptau_context *context, const struct own_settings *settings,
                                   const struct recipe *recipe, const struct extent *extent, adaptau_error *error)
{
    adaptau_dataset *train = NULL;
    adaptau_status   status = read_whole_train(context, settings->train.data, extent, &train, error);
    if (!status)
        status = search(tuned, context, settings, recipe, train, error);
    adaptau_dataset_destroy(train);
    return status;
}

/* A broadcast that lets the guardian see that this process lives. */
static void receive(void *message, int size, const struct grid *grid)
{
    const struct timespec pause = {.tv_nsec = LOOK_NANOSECONDS};
    MPI_Request           request;
    int                   over = 0;
    MPI_Ibcast(message, size, MPI_BYTE, 0, grid->world.comm, &request);
    for (MPI_Test(&request, &over, MPI_STATUS_IGNORE); !over; MPI_Test(&request, &over, MPI_STATUS_IGNORE)) {
        watch_beat();
        nanosleep(&pause, NULL);
    }
}

adaptau_status tune(struct tuned *tuned, adaptau_context *context, const struct grid *grid, const struct own_settings *settings,
                    const struct recipe *recipe, const struct extent *extent, adaptau_error *error)
{
    struct {
        struct tuned tuned;
        int64_t      status;
    } message = {0};
    adaptau_status status = ADAPTAU_OK;
    if (grid->world.rank == 0)
        status = search_alone(&message.tuned, context, settings, recipe, extent, error);
    message.status = status;
    receive(&message, (int)sizeof message, grid);
    *tuned = message.tuned;
    if (message.status && !status)
        return fail(error, (adaptau_status)message.status, "the first process could not find the temperature");
    return status;
}

void tune_apply(const struct tuned *tuned, struct recipe *recipe)
{
    recipe->base.tau0_policy = tuned->tau > 0 ? ADAPTAU_TAU0_FIXED : ADAPTAU_TAU0_FIRST_ORDER;
    recipe->base.tau_user_policy = (int32_t)tuned->tau_user_policy;
    recipe->base.positives_outside_sum = (int32_t)tuned->positives_outside_sum;
    if (tuned->tau > 0)
        recipe->base.tau = tuned->tau;
}
