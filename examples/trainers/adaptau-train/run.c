/* SPDX-License-Identifier: MIT */
#include "adaptau-train/run.h"

#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"

static adaptau_status open_context(const struct settings *settings, adaptau_context **context, adaptau_error *error)
{
    adaptau_context_options options = {
        .struct_size = sizeof options,
        .n_threads = (int32_t)settings->threads,
        .backend = settings->backend,
    };
    return adaptau_context_create(&options, context, error);
}

/* Before the training, which may take long: what is read by mistake can be stopped. */
static void say_what_was_read(const struct run *run)
{
    char line[ACCOUNT_LINE_SIZE], negatives[NEGATIVES_LINE_SIZE];
    if (run->settings->quiet)
        return;
    account_line(&run->problem.data.account, line);
    fprintf(stderr, "%s\n%s\n", run->problem.data.account.seen, line);
    if (!run->negatives.path)
        return;
    negatives_line(&run->negatives, negatives);
    fprintf(stderr, "negatives: %s\n%s\n", run->negatives.account.seen, negatives);
}

static adaptau_status read_negatives(struct run *run, const struct settings *s, adaptau_error *error)
{
    if (!s->negatives)
        return ADAPTAU_OK;
    return negatives_read(&run->negatives, run->context, &run->problem, s->negatives, s->negatives_weights, &s->reading, error);
}

/* What is held out for τ₀ should be drawn like the test: the latest pairs, unless the test was drawn at random from the same data. */
static const int64_t *times_for_tuning(const struct run *run)
{
    const bool at_random = !run->problem.data.has_test && run->settings->reading.split == SPLIT_RANDOM;
    return at_random ? NULL : run->problem.train_times;
}

adaptau_status run_open(struct run *run, const struct settings *settings, adaptau_error *error)
{
    double started = clock_now();
    *run = (struct run){.settings = settings};
    adaptau_status status = open_context(settings, &run->context, error);
    if (!status)
        status = problem_open(&run->problem, run->context, settings->data, &settings->reading, settings->test_share,
                              (uint64_t)settings->trial.split_seed, error);
    if (!status)
        status = read_negatives(run, settings, error);
    if (status)
        return status;
    beside_explain(&run->beside, &run->problem, settings);
    say_what_was_read(run);
    if (*run->beside.why_untested && !settings->quiet)
        fprintf(stderr, "%s\n", run->beside.why_untested);
    run->trial = (struct trial){
        .options = &settings->trial,
        .context = run->context,
        .train = run->problem.train,
        .test = run->problem.test,
        .train_times = times_for_tuning(run),
        .of_each_user = settings->reading.split == SPLIT_LAST_ONE || settings->reading.split == SPLIT_LAST_N,
        .checkpoint = settings->checkpoint,
        .resumes = settings->resume && access(settings->checkpoint, F_OK) == 0,
    };
    run->read_seconds = clock_now() - started;
    if (settings->recipe.base.bfloat16 && !settings->quiet && !adaptau_context_uses_bfloat16(run->context))
        fprintf(stderr, "--bf16: this CPU is not faster by it, products stay in float32\n");
    status = trial_complete_recipe(&run->trial, &settings->recipe, error);
    run->trial.compares = settings->recipe.base.encoder == ADAPTAU_ENCODER_LIGHTGCN &&
                          settings->recipe.base.tau0_policy == ADAPTAU_BY_DATA && settings->recipe.contrast == CONTRAST_NONE &&
                          settings->trial.protocol == PROTOCOL_VALID; /* which has a held-out recall of its own */
    return status ? status : history_open(&run->history, settings->history, run->trial.resumes, error);
}

void run_close(struct run *run)
{
    history_close(&run->history);
    curves_free(&run->curves);
    trial_close(&run->trial);
    problem_close(&run->problem);
    adaptau_context_destroy(run->context);
    *run = (struct run){0};
}

/* ---- what is seen of the trainings -------------------------------------------------------------------------------- */

static void begin_phase(void *user_data, const char *phase, int64_t n_epochs)
{
    struct run *run = user_data;
    progress_begin(&run->progress, run->settings->quiet, phase, n_epochs);
}

/* A search takes about as long as the training that follows; where the epoch is chosen, a second training follows the first. */
static double about_steps(const struct run *run, int64_t n_steps)
{
    const bool twice = run->trial.tau0_policy == ADAPTAU_TAU0_HELD_OUT ||
                       (run->settings->trial.protocol == PROTOCOL_VALID && !run->settings->trial.no_refit);
    return (twice ? 2.0 : 1.0) * (double)run->trial.recipe.base.epochs * (double)n_steps;
}

static int32_t watch_tuning(void *user_data, const adaptau_tune_progress *progress)
{
    struct run *run = user_data;
    curves_add_trial(&run->curves, progress);
    estimate_step(&run->estimate, &run->progress, run->context, about_steps(run, progress->n_steps));
    return progress_tune(&run->progress, progress);
}

static int end_step(void *user_data, const struct training *training)
{
    struct run *run = user_data;
    estimate_step(&run->estimate, &run->progress, run->context, about_steps(run, training->n_steps));
    return progress_step(&run->progress, training);
}

static adaptau_status end_epoch(void *user_data, const char *phase, const struct training *training,
                                const struct scores *scores, adaptau_error *error)
{
    struct run           *run = user_data;
    const struct cutoffs *cutoffs = &run->settings->trial.cutoffs;
    adaptau_status        status = history_write(&run->history, phase, training, scores, cutoffs, error);
    if (!status && run->settings->report)
        status = curves_add(&run->curves, phase, training,
                            scores ? scores->value[ADAPTAU_METRIC_RECALL][choosing_cutoff(cutoffs)] : NAN, error);
    if (!status)
        progress_epoch(&run->progress, training, scores, cutoffs, choosing_cutoff(cutoffs));
    return status;
}

static void end_phase(void *user_data)
{
    struct run *run = user_data;
    progress_end(&run->progress);
}

adaptau_status run_trial(struct run *run, adaptau_error *error)
{
    run->trial.observer = (struct trial_observer){run, watch_tuning, begin_phase, end_step, end_epoch, end_phase};
    progress_begin(&run->progress, run->settings->quiet, "temperature", 0);
    adaptau_status status = trial_run(&run->trial, error);
    if (!status && !run->trial.stopped_epoch)
        beside_measure(&run->beside, &run->trial, &run->problem.data.account);
    return status;
}
