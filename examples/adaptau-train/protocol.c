/* SPDX-License-Identifier: MIT */
#include "adaptau-train/protocol.h"

#include "adaptau-train/progress.h"
#include "adaptau-train/stop.h"
#include "common/clock.h"
#include "common/split.h"

/* One training run inside the program's. */
struct phase {
    struct run            *run;
    const char            *name;
    const adaptau_dataset *dataset;   /* what is trained on */
    adaptau_evaluator     *evaluator; /* what chooses the epoch; NULL: nothing is evaluated */
    int64_t                n_epochs;
    bool                   keep_best; /* in run->snapshot */
    struct training        training;
    struct progress        progress;
};

static adaptau_status evaluate(struct run *run, adaptau_evaluator *evaluator, const adaptau_model *model, struct scores *scores,
                               adaptau_error *error)
{
    double         started = clock_now();
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_tables(model, &tables, error);
    if (!status)
        status = score_tables(evaluator, &tables, &run->settings->cutoffs, scores, error);
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
    return phase->keep_best ? snapshot_take(&run->snapshot, phase->training.model, error) : ADAPTAU_OK;
}

static bool is_due(const struct phase *phase)
{
    int64_t epoch = phase->training.epoch;
    return phase->evaluator && (epoch % phase->run->settings->eval_every == 0 || epoch == phase->n_epochs);
}

static bool is_hopeless(const struct phase *phase)
{
    const struct settings *settings = phase->run->settings;
    int64_t                since = phase->training.epoch - phase->run->search.best_epoch;
    return phase->evaluator && settings->patience > 0 && since >= settings->patience * settings->eval_every;
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

/* Train, and hand the last model to the run unless the snapshot is what counts. */
static adaptau_status run_phase(struct phase *phase, adaptau_error *error)
{
    struct run    *run = phase->run;
    adaptau_status status = training_create(run->context, phase->dataset, &run->recipe, &phase->training, error);
    if (status)
        return status;
    progress_begin(&phase->progress, run->settings->quiet, phase->name, phase->n_epochs);
    phase->training.on_step = progress_step;
    phase->training.on_step_data = &phase->progress;
    status = train_epochs(phase, error);
    progress_end(&phase->progress);
    run->train_seconds += phase->training.seconds;
    if (!status && (run->stopped_epoch || !phase->evaluator)) {
        run->model = phase->training.model;
        phase->training.model = NULL;
        run->loss = phase->training.loss;
        run->tau0 = phase->training.tau0;
    }
    if (phase->evaluator)
        run->search.n_epochs = phase->training.epoch;
    training_destroy(&phase->training);
    return status;
}

/* ---- protocols ---------------------------------------------------------------------------------------------------- */

/* Find the best epoch of a training on `dataset` by the pairs held out. */
static adaptau_status search_epoch(struct run *run, const adaptau_dataset *dataset, const adaptau_dataset *held_out,
                                   bool keep_best, adaptau_error *error)
{
    struct phase phase = {
        .run = run,
        .name = "search",
        .dataset = dataset,
        .n_epochs = run->recipe.epochs,
        .keep_best = keep_best,
    };
    run->search.n_pairs = adaptau_dataset_n_pairs(held_out);
    adaptau_status status = make_evaluator(run->context, held_out, dataset, &run->settings->cutoffs, &phase.evaluator, error);
    if (!status)
        status = run_phase(&phase, error);
    adaptau_evaluator_destroy(phase.evaluator);
    return status;
}

/* The same schedule as in the search, ended after the epoch that was found: the model that was validated, with more data. */
static adaptau_status refit(struct run *run, adaptau_error *error)
{
    struct phase phase = {.run = run, .name = "refit", .dataset = run->train, .n_epochs = run->search.best_epoch};
    return run_phase(&phase, error);
}

static adaptau_status restore_best(struct run *run, adaptau_error *error)
{
    return snapshot_model(&run->snapshot, run->context, run->train, &run->recipe, &run->model, error);
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

/* Search on a part of train. With so few pairs that none could be held out, all epochs are taken on trust. */
static adaptau_status search_on_validation(struct run *run, adaptau_error *error)
{
    const struct settings *settings = run->settings;
    struct pairs           kept = {0}, held_out = {0};
    adaptau_dataset       *part = NULL, *validation = NULL;
    int32_t                n = run->data.n_users, m = run->data.n_items;
    /* Another seed than the split of test from train had, which would rank the same pairs first. */
    uint64_t       seed = (uint64_t)settings->split_seed ^ UINT64_C(1) << 63;
    adaptau_status status = split_dataset(run->train, settings->valid_share, seed, &kept, &held_out, error);
    if (!status)
        status = pairs_to_dataset(&kept, run->context, n, m, &part, error);
    if (!status)
        status = pairs_to_dataset(&held_out, run->context, n, m, &validation, error);
    pairs_free(&kept);
    pairs_free(&held_out);
    if (!status && adaptau_dataset_n_pairs(validation) > 0)
        status = search_epoch(run, part, validation, settings->no_refit, error);
    else
        run->search.best_epoch = run->recipe.epochs;
    adaptau_dataset_destroy(validation);
    adaptau_dataset_destroy(part);
    return status;
}

static adaptau_status run_valid(struct run *run, adaptau_error *error)
{
    adaptau_status status = search_on_validation(run, error);
    if (status || run->stopped_epoch)
        return status;
    if (run->settings->no_refit && run->search.n_pairs > 0)
        status = restore_best(run, error);
    else
        status = refit(run, error);
    if (status || run->stopped_epoch)
        return status;
    return judge_on_test(run, error);
}

static adaptau_status run_paper(struct run *run, adaptau_error *error)
{
    adaptau_status status = search_epoch(run, run->train, run->test, true, error);
    if (status || run->stopped_epoch)
        return status;
    status = restore_best(run, error);
    return status ? status : judge_on_test(run, error);
}

adaptau_status run_protocol(struct run *run, adaptau_error *error)
{
    return run->settings->protocol == PROTOCOL_PAPER ? run_paper(run, error) : run_valid(run, error);
}
