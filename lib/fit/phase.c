/* SPDX-License-Identifier: MIT */
/* The best epoch's model is kept as a copy that has grown by nothing (adaptau_model_grow): tables, moments, item bias and all. */
#include "fit/phase.h"

#include <adaptau/fold_in.h>

#include <inttypes.h>
#include <stddef.h>

#include "common/error.h"

struct run {
    struct atau_phase     *phase;
    adaptau_training      *training;
    adaptau_evaluator     *evaluator; /* NULL without held-out interactions                                     */
    adaptau_training_state state;
    adaptau_fit_progress   progress;
};

/* ---- callbacks ---------------------------------------------------------------------------------------------------- */

static adaptau_status look(struct run *run, adaptau_error *error)
{
    run->state.struct_size = sizeof run->state;
    return adaptau_training_get_state(run->training, &run->state, error);
}

static adaptau_status tell(struct run *run, adaptau_fit_function callback, const char *name, adaptau_error *error)
{
    struct atau_phase *phase = run->phase;
    adaptau_status     status = callback ? look(run, error) : ADAPTAU_OK;
    if (status || !callback)
        return status;
    run->progress.phase = phase->number;
    run->progress.epoch = run->state.epoch;
    run->progress.n_epochs = phase->n_epochs;
    run->progress.step = run->state.step;
    run->progress.n_steps = run->state.n_steps;
    run->progress.loss = run->state.loss;
    run->progress.tau0 = run->state.tau0;
    run->progress.model = adaptau_training_model(run->training);
    const int32_t answer = callback(phase->options->user_data, &run->progress);
    phase->stopped = answer == ADAPTAU_FIT_STOP;
    if (answer == ADAPTAU_FIT_GO_ON || answer == ADAPTAU_FIT_STOP)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_CANCELLED, "%s answered %d in step %" PRId64 " of epoch %" PRId64, name, answer,
                     run->state.step, run->state.epoch);
}

/* ---- held-out interactions ---------------------------------------------------------------------------------------- */

static adaptau_status make_evaluator(struct run *run, adaptau_error *error)
{
    const struct atau_phase        *phase = run->phase;
    const adaptau_evaluator_options options = {
        .struct_size = sizeof options,
        .n_cutoffs = 1,
        .cutoffs = &phase->options->cutoff,
        .n_masks = 1,
        .masks = &phase->dataset,
    };
    return phase->held_out ? adaptau_evaluator_create(phase->context, phase->held_out, &options, &run->evaluator, error)
                           : ADAPTAU_OK;
}

static adaptau_status evaluate(struct run *run, adaptau_error *error)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_get_tables(adaptau_training_model(run->training), &tables, error);
    if (!status)
        status = adaptau_evaluator_run(run->evaluator, &tables, error);
    if (!status)
        status = adaptau_evaluator_mean(run->evaluator, ADAPTAU_METRIC_RECALL, run->phase->options->cutoff, &run->progress.recall, error);
    if (!status)
        status = adaptau_evaluator_mean(run->evaluator, ADAPTAU_METRIC_NDCG, run->phase->options->cutoff, &run->progress.ndcg, error);
    return status;
}

static bool is_better(const struct run *run)
{
    const struct atau_phase *phase = run->phase;
    if (phase->best_epoch == 0 || run->progress.recall != phase->recall)
        return phase->best_epoch == 0 || run->progress.recall > phase->recall;
    return run->progress.ndcg > phase->ndcg;
}

static adaptau_status keep_best(struct run *run, adaptau_error *error)
{
    struct atau_phase *phase = run->phase;
    adaptau_model     *copy = NULL;
    adaptau_status     status = ADAPTAU_OK;
    if (phase->keeps_best)
        status = adaptau_model_grow(adaptau_training_model(run->training), phase->dataset, NULL, &copy, error);
    if (!status)
        status = look(run, error);
    if (status) {
        adaptau_model_destroy(copy);
        return status;
    }
    adaptau_model_destroy(phase->model);
    phase->model = copy;
    phase->best_epoch = phase->n_epochs_done;
    phase->recall = run->progress.recall;
    phase->ndcg = run->progress.ndcg;
    phase->loss = run->state.loss;
    phase->tau0 = run->state.tau0;
    return ADAPTAU_OK;
}

/* Judge the epoch that has just ended. */
static adaptau_status judge(struct run *run, adaptau_error *error)
{
    const struct atau_phase *phase = run->phase;
    const bool due = phase->n_epochs_done % phase->options->eval_every == 0 || phase->n_epochs_done == phase->n_epochs;
    run->progress.evaluated = run->evaluator && due;
    if (!run->progress.evaluated)
        return ADAPTAU_OK;
    adaptau_status status = evaluate(run, error);
    if (status || !is_better(run))
        return status;
    run->progress.best = 1;
    return keep_best(run, error);
}

static bool is_hopeless(const struct run *run)
{
    const adaptau_fit_options *options = run->phase->options;
    const int64_t              since = run->phase->n_epochs_done - run->phase->best_epoch;
    return run->evaluator && options->patience > 0 && since / options->eval_every >= options->patience;
}

/* ---- epochs ------------------------------------------------------------------------------------------------------- */

static adaptau_status make_step(struct run *run, const adaptau_batch *batch, adaptau_error *error)
{
    adaptau_step   step = {.struct_size = sizeof step};
    adaptau_model *model = adaptau_training_model(run->training);
    adaptau_status status =
        adaptau_model_gradients(model, batch, adaptau_training_temperature(run->training), &step, error);
    if (!status)
        status = adaptau_model_apply(model, error);
    if (!status)
        status = adaptau_training_add_loss(run->training, step.loss, error);
    return status ? status : tell(run, run->phase->options->on_step, "on_step", error);
}

static adaptau_status make_steps(struct run *run, adaptau_error *error)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    while (!run->phase->stopped) {
        adaptau_status status = adaptau_training_next(run->training, &batch, error);
        if (!status && batch.n_rows > 0)
            status = make_step(run, &batch, error);
        if (status || batch.n_rows == 0)
            return status;
    }
    return ADAPTAU_OK;
}

static adaptau_status run_epoch(struct run *run, adaptau_error *error)
{
    struct atau_phase *phase = run->phase;
    run->progress = (adaptau_fit_progress){0};
    adaptau_status status = adaptau_training_begin_epoch(run->training, phase->n_epochs_done, error);
    if (!status)
        status = make_steps(run, error);
    if (!status)
        status = adaptau_training_end_epoch(run->training, error);
    if (!status)
        status = look(run, error);
    if (status || run->state.step < run->state.n_steps)
        return status;
    const bool was_stopped = phase->stopped; /* in the last step */
    phase->n_epochs_done++;
    status = judge(run, error);
    if (!status)
        status = tell(run, phase->options->on_epoch, "on_epoch", error);
    phase->stopped |= was_stopped;
    return status;
}

/* Hand over the training's own model, unless there is a better one of an earlier epoch. */
static adaptau_status take_model(struct run *run, adaptau_error *error)
{
    struct atau_phase *phase = run->phase;
    if (phase->model)
        return ADAPTAU_OK;
    adaptau_status status = look(run, error);
    if (status)
        return status;
    phase->model = adaptau_training_take_model(run->training);
    phase->loss = run->state.loss;
    phase->tau0 = run->state.tau0;
    return ADAPTAU_OK;
}

adaptau_status atau_phase_run(struct atau_phase *phase, adaptau_error *error)
{
    struct run     run = {.phase = phase};
    adaptau_status status = adaptau_training_create(phase->context, phase->dataset, phase->recipe, &run.training, error);
    if (!status)
        status = make_evaluator(&run, error);
    while (!status && !phase->stopped && phase->n_epochs_done < phase->n_epochs && !is_hopeless(&run))
        status = run_epoch(&run, error);
    if (!status)
        status = take_model(&run, error);
    adaptau_evaluator_destroy(run.evaluator);
    adaptau_training_destroy(run.training);
    return status;
}
