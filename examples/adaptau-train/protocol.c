/* SPDX-License-Identifier: MIT */
#include "adaptau-train/protocol.h"

#include "adaptau-train/progress.h"
#include "adaptau-train/stop.h"
#include "common/clock.h"
#include "common/prior.h"
#include "common/split.h"

/* One training run inside the program's. */
struct phase {
    struct run            *run;
    const char            *name;
    struct recipe          recipe;
    const adaptau_dataset *dataset;   /* what is trained on */
    adaptau_evaluator     *evaluator; /* of held-out pairs, or NULL */
    int64_t                n_epochs;
    bool                   picks_epoch; /* by the evaluator */
    bool                   keeps_best;  /* epoch, in run->snapshot */
    bool                   picks_prior; /* by the evaluator, with the last epoch's model */
    struct training        training;
    struct progress        progress;
};

static adaptau_status evaluate(struct run *run, adaptau_evaluator *evaluator, const adaptau_model *model, struct scores *scores,
                               adaptau_error *error)
{
    double         started = clock_now();
    adaptau_status status = score_model(evaluator, model, &run->settings->cutoffs, scores, error);
    run->eval_seconds += clock_now() - started;
    return status;
}

static bool is_better(const struct scores *a, const struct scores *b, int32_t cutoff)
{
    if (a->value[ADAPTAU_METRIC_RECALL][cutoff] != b->value[ADAPTAU_METRIC_RECALL][cutoff])
        return a->value[ADAPTAU_METRIC_RECALL][cutoff] > b->value[ADAPTAU_METRIC_RECALL][cutoff];
    return a->value[ADAPTAU_METRIC_NDCG][cutoff] > b->value[ADAPTAU_METRIC_NDCG][cutoff];
}

/* ---- one phase ---------------------------------------------------------------------------------------------------- */

/* Evaluate the epoch that has just ended, and remember it if it is the best. */
static adaptau_status judge_epoch(struct phase *phase, struct scores *scores, adaptau_error *error)
{
    struct run    *run = phase->run;
    struct search *search = &run->search;
    adaptau_status status = evaluate(run, phase->evaluator, phase->training.model, scores, error);
    if (status)
        return status;
    bool first = search->best_epoch == 0;
    if (!first && !is_better(scores, &search->best, choosing_cutoff(&run->settings->cutoffs)))
        return ADAPTAU_OK;
    search->best = *scores;
    search->best_epoch = phase->training.epoch;
    run->loss = phase->training.loss;
    run->tau0 = phase->training.tau0;
    return phase->keeps_best ? snapshot_take(&run->snapshot, phase->training.model, error) : ADAPTAU_OK;
}

static bool is_due(const struct phase *phase)
{
    int64_t epoch = phase->training.epoch;
    return phase->picks_epoch && (epoch % phase->run->settings->eval_every == 0 || epoch == phase->n_epochs);
}

static bool is_hopeless(const struct phase *phase)
{
    const struct settings *settings = phase->run->settings;
    int64_t                since = phase->training.epoch - phase->run->search.best_epoch;
    return phase->picks_epoch && settings->patience > 0 && since >= settings->patience * settings->eval_every;
}

static adaptau_status train_epochs(struct phase *phase, adaptau_error *error)
{
    struct run           *run = phase->run;
    const struct cutoffs *cutoffs = &run->settings->cutoffs;
    struct training      *training = &phase->training;
    while (training->epoch < phase->n_epochs && !is_hopeless(phase)) {
        struct scores  scores;
        adaptau_status status = training_epoch(training, error);
        if (status)
            return status;
        if (training->stopped) {
            run->stopped_epoch = training->epoch + 1;
            return ADAPTAU_OK;
        }
        bool due = is_due(phase);
        if (due)
            status = judge_epoch(phase, &scores, error);
        if (!status)
            status = history_write(&run->history, phase->name, training, due ? &scores : NULL, cutoffs, error);
        if (status)
            return status;
        progress_epoch(&phase->progress, training, due ? &scores : NULL, cutoffs, choosing_cutoff(cutoffs));
        if (stop_signal()) {
            run->stopped_epoch = training->epoch;
            return ADAPTAU_OK;
        }
    }
    return ADAPTAU_OK;
}

static adaptau_status pick_prior(struct phase *phase, adaptau_error *error)
{
    struct run            *run = phase->run;
    const struct cutoffs  *cutoffs = &run->settings->cutoffs;
    const struct training *training = &phase->training;
    double                 started = clock_now();
    adaptau_status         status = prior_choose(phase->evaluator, training->model, phase->dataset, training->tau0, cutoffs,
                                                 choosing_cutoff(cutoffs), &run->recipe.popularity_prior, error);
    run->eval_seconds += clock_now() - started;
    return status;
}

/* Train, and hand the last model to the run where no epoch is picked. */
static adaptau_status run_phase(struct phase *phase, adaptau_error *error)
{
    struct run    *run = phase->run;
    adaptau_status status = training_create(run->context, phase->dataset, &phase->recipe, &phase->training, error);
    if (status)
        return status;
    progress_begin(&phase->progress, run->settings->quiet, phase->name, phase->n_epochs);
    phase->training.on_step = progress_step;
    phase->training.on_step_data = &phase->progress;
    status = train_epochs(phase, error);
    progress_end(&phase->progress);
    run->train_seconds += phase->training.seconds;
    if (!status && !run->stopped_epoch && phase->picks_prior)
        status = pick_prior(phase, error);
    if (!status && (run->stopped_epoch || !phase->evaluator)) {
        run->model = phase->training.model;
        phase->training.model = NULL;
        run->loss = phase->training.loss;
        run->tau0 = phase->training.tau0;
    }
    if (phase->picks_epoch)
        run->search.n_epochs = phase->training.epoch;
    training_destroy(&phase->training);
    return status;
}

/* ---- protocols ---------------------------------------------------------------------------------------------------- */

static adaptau_status run_evaluated(struct phase *phase, const adaptau_dataset *held_out, adaptau_error *error)
{
    struct run    *run = phase->run;
    adaptau_status status =
        make_evaluator(run->context, held_out, phase->dataset, &run->settings->cutoffs, &phase->evaluator, error);
    if (!status)
        status = run_phase(phase, error);
    adaptau_evaluator_destroy(phase->evaluator);
    return status;
}

/* A part of train and what is held out of it. */
struct validation {
    adaptau_dataset *part;
    adaptau_dataset *held_out;
};

static adaptau_status open_validation(struct run *run, struct validation *validation, adaptau_error *error)
{
    const struct settings *settings = run->settings;
    struct pairs           kept = {0}, held_out = {0};
    int32_t                n = run->data.n_users, m = run->data.n_items;
    *validation = (struct validation){0};
    /* Another seed than the split of test from train had, which would rank the same pairs first. */
    uint64_t       seed = (uint64_t)settings->split_seed ^ UINT64_C(1) << 63;
    adaptau_status status = split_dataset(run->train, settings->valid_share, seed, &kept, &held_out, error);
    if (!status)
        status = pairs_to_dataset(&kept, run->context, n, m, &validation->part, error);
    if (!status)
        status = pairs_to_dataset(&held_out, run->context, n, m, &validation->held_out, error);
    pairs_free(&kept);
    pairs_free(&held_out);
    return status;
}

static void close_validation(struct validation *validation)
{
    adaptau_dataset_destroy(validation->held_out);
    adaptau_dataset_destroy(validation->part);
}

/* The model of the best epoch, with the graph that it was trained on. */
static adaptau_status restore_best(struct run *run, const adaptau_dataset *dataset, adaptau_error *error)
{
    adaptau_status status = snapshot_model(&run->snapshot, run->context, dataset, &run->recipe, &run->model, error);
    return status ? status : prior_set(run->model, run->train, run->recipe.popularity_prior, run->tau0, error);
}

/* The best epoch and prior for pairs held out of train. With so few pairs that none could be held out, all epochs are taken on
 * trust. */
static adaptau_status search_on_validation(struct run *run, adaptau_error *error)
{
    struct validation validation;
    adaptau_status    status = open_validation(run, &validation, error);
    run->search.n_pairs = status ? 0 : adaptau_dataset_n_pairs(validation.held_out);
    if (!status && run->search.n_pairs > 0) {
        struct phase phase = {
            .run = run,
            .name = "search",
            .recipe = run->recipe,
            .dataset = validation.part,
            .n_epochs = run->recipe.epochs,
            .picks_epoch = true,
            .keeps_best = run->settings->no_refit,
            .picks_prior = run->chooses_prior,
        };
        status = run_evaluated(&phase, validation.held_out, error);
        if (!status && !run->stopped_epoch && run->settings->no_refit)
            status = restore_best(run, validation.part, error);
    } else
        run->search.best_epoch = run->recipe.epochs;
    close_validation(&validation);
    return status;
}

/* The same schedule as in the search, ended after the epoch that was found: the model that was validated, with more data. */
static adaptau_status refit(struct run *run, adaptau_error *error)
{
    struct phase phase = {
        .run = run,
        .name = "refit",
        .recipe = run->recipe,
        .dataset = run->train,
        .n_epochs = run->search.best_epoch,
    };
    return run_phase(&phase, error);
}

static adaptau_status judge_on_test(struct run *run, adaptau_error *error)
{
    adaptau_evaluator *evaluator = NULL;
    adaptau_status     status = make_evaluator(run->context, run->test, run->train, &run->settings->cutoffs, &evaluator, error);
    if (!status)
        status = evaluate(run, evaluator, run->model, &run->scores, error);
    run->n_test_users = adaptau_evaluator_n_users(evaluator);
    adaptau_evaluator_destroy(evaluator);
    return status;
}

static adaptau_status run_valid(struct run *run, adaptau_error *error)
{
    adaptau_status status = search_on_validation(run, error);
    if (status || run->stopped_epoch)
        return status;
    if (!run->model)
        status = refit(run, error);
    if (status || run->stopped_epoch)
        return status;
    return judge_on_test(run, error);
}

/* A training on a part of train finds the prior, so that test has no say in it. It takes all epochs: models on the way want
 * more of a prior, or less, than finished ones. */
static adaptau_status search_prior(struct run *run, adaptau_error *error)
{
    struct validation validation;
    struct phase      phase = {.run = run, .name = "prior", .recipe = run->recipe, .picks_prior = true};
    adaptau_status    status = open_validation(run, &validation, error);
    phase.n_epochs = run->recipe.epochs;
    phase.dataset = validation.part;
    if (!status && adaptau_dataset_n_pairs(validation.held_out) > 0)
        status = run_evaluated(&phase, validation.held_out, error);
    close_validation(&validation);
    return status;
}

/* The best epoch for test. */
static adaptau_status search_on_test(struct run *run, adaptau_error *error)
{
    struct phase phase = {
        .run = run,
        .name = "search",
        .recipe = run->recipe,
        .dataset = run->train,
        .n_epochs = run->recipe.epochs,
        .picks_epoch = true,
        .keeps_best = true,
    };
    run->search.n_pairs = adaptau_dataset_n_pairs(run->test);
    return run_evaluated(&phase, run->test, error);
}

static adaptau_status run_paper(struct run *run, adaptau_error *error)
{
    adaptau_status status = run->chooses_prior ? search_prior(run, error) : ADAPTAU_OK;
    if (!status && !run->stopped_epoch)
        status = search_on_test(run, error);
    if (status || run->stopped_epoch)
        return status;
    status = restore_best(run, run->train, error);
    return status ? status : judge_on_test(run, error);
}

adaptau_status run_protocol(struct run *run, adaptau_error *error)
{
    return run->settings->protocol == PROTOCOL_PAPER ? run_paper(run, error) : run_valid(run, error);
}
