/* SPDX-License-Identifier: MIT */
/* A recipe under a protocol: which epochs are trained, and what judges them. Each training is a phase (phase.c). */
#include <adaptau/tune.h>

#include <math.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/abi.h"
#include "common/error.h"
#include "fit/phase.h"
#include "fit/recipe.h"
#include "fit/sample.h"

#define INIT "adaptau_fit_options_init"

struct fit {
    adaptau_context       *context;
    const adaptau_dataset *dataset;
    adaptau_recipe         recipe;  /* filled */
    adaptau_fit_options    options;
    adaptau_fit_result     result;
    adaptau_model         *model;
    bool                   refused; /* on_step, while the temperature was found                                   */
};

/* ---- options ------------------------------------------------------------------------------------------------------ */

static const adaptau_fit_options defaults = {
    .struct_size = sizeof(adaptau_fit_options),
    .cutoff = 20,
    .eval_every = 1,
};

adaptau_status adaptau_fit_options_init(adaptau_fit_options *options, adaptau_error *error)
{
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

static adaptau_status check_counts(const adaptau_fit_options *o, adaptau_error *error)
{
    const struct {
        int64_t     value;
        const char *name;
    } counts[] = {{o->n_epochs, "n_epochs"}, {o->eval_every, "eval_every"}, {o->patience, "patience"}};
    if (o->eval_every == 0)
        return atau_fail_zero(error, "options->eval_every", "at least 1", INIT);
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        if (counts[i].value < 0)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %lld is negative", counts[i].name,
                             (long long)counts[i].value);
    return ADAPTAU_OK;
}

static adaptau_status check_options(const struct fit *fit, adaptau_error *error)
{
    const adaptau_fit_options *o = &fit->options;
    const int32_t              n = adaptau_dataset_n_users(fit->dataset), m = adaptau_dataset_n_items(fit->dataset);
    if (o->cutoff == 0)
        return atau_fail_zero(error, "options->cutoff", "at least 1", INIT);
    if (o->cutoff < 0 || o->cutoff > ADAPTAU_MAX_CUTOFF)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->cutoff = %d is outside 1 ... %d", o->cutoff, ADAPTAU_MAX_CUTOFF);
    if (!isfinite(o->held_out_share))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->held_out_share = %g is not finite", o->held_out_share);
    if (o->held_out_share < 0 || o->held_out_share >= 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->held_out_share = %g is outside [0, 1)", o->held_out_share);
    if (o->validation && o->held_out_share > 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->held_out_share = %g, but options->validation is given",
                         o->held_out_share);
    if (o->validation && (adaptau_dataset_n_users(o->validation) != n || adaptau_dataset_n_items(o->validation) != m))
        return atau_fail(error, ADAPTAU_E_SHAPE, "options->validation has %d users and %d items, but dataset has %d and %d",
                         adaptau_dataset_n_users(o->validation), adaptau_dataset_n_items(o->validation), n, m);
    if (o->validation && adaptau_dataset_n_interactions(o->validation) > 0 && !atau_has_others(o->validation, fit->dataset))
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "options->validation has no interaction that dataset has not, so that it judges nothing");
    return check_counts(o, error);
}

/* `filled` is the recipe as the data fill it. */
static adaptau_status read_options(struct fit *fit, const adaptau_fit_options *options, const adaptau_recipe *filled,
                                   adaptau_error *error)
{
    adaptau_fit_options *own = &fit->options;
    adaptau_status       status = atau_read_struct(own, sizeof *own, sizeof *own, options, true, "options", error);
    if (!status) {
        atau_complete_struct(own, &defaults, sizeof *own, options);
        status = check_options(fit, error);
    }
    if (status)
        return status;
    if (own->n_epochs == 0 || own->n_epochs > filled->epochs)
        own->n_epochs = filled->epochs;
    return ADAPTAU_OK;
}

/* ---- the temperature ---------------------------------------------------------------------------------------------- */

static int32_t tell_step(void *user_data, const adaptau_tune_progress *tuning)
{
    struct fit                *fit = user_data;
    const adaptau_fit_progress progress = {
        .phase = ADAPTAU_FIT_TEMPERATURE,
        .epoch = tuning->epoch,
        .n_epochs = tuning->n_epochs,
        .step = tuning->step,
        .n_steps = tuning->n_steps,
        .tau0 = tuning->tau,
    };
    if (!fit->options.on_step || !isnan(tuning->recall)) /* the end of a trial is not a step */
        return 0;
    fit->refused = fit->options.on_step(fit->options.user_data, &progress) != ADAPTAU_FIT_GO_ON;
    return fit->refused;
}

static adaptau_status find_temperature(struct fit *fit, adaptau_error *error)
{
    const double         share = fit->options.held_out_share;
    adaptau_tune_options options = {.struct_size = sizeof options};
    adaptau_status       status = adaptau_tune_options_init(&options, error);
    options.cutoff = fit->options.cutoff;
    options.share = share > 0 ? share : options.share;
    options.seed = fit->options.validation ? 0 : fit->options.held_out_seed;
    options.held_out = fit->options.validation;
    options.progress = tell_step;
    options.user_data = fit;
    if (!status)
        status = adaptau_tune(fit->context, fit->dataset, &options, &fit->recipe, NULL, error);
    if (status == ADAPTAU_E_CANCELLED && fit->refused)
        return atau_fail(error, status, "options->on_step asked for the end while the temperature was being found: there is no model yet");
    return status;
}

/* ---- phases ------------------------------------------------------------------------------------------------------- */

/* Run a phase. Its model becomes the model of the fit, and its numbers the result, unless it was a search that keeps
 * nothing. */
static adaptau_status run_phase(struct fit *fit, struct atau_phase *phase, adaptau_error *error)
{
    phase->context = fit->context;
    phase->recipe = &fit->recipe;
    phase->options = &fit->options;
    adaptau_status status = atau_phase_run(phase, error);
    if (status || (phase->number == ADAPTAU_FIT_SEARCH && !phase->keeps_best && !phase->stopped)) {
        adaptau_model_destroy(phase->model);
        phase->model = NULL;
        return status;
    }
    fit->model = phase->model;
    fit->result.stopped = phase->stopped;
    fit->result.n_epochs = phase->keeps_best && phase->best_epoch ? phase->best_epoch : phase->n_epochs_done;
    fit->result.loss = phase->loss;
    fit->result.tau0 = phase->tau0;
    return ADAPTAU_OK;
}

static adaptau_status search(struct fit *fit, const adaptau_dataset *dataset, const adaptau_dataset *held_out, bool keeps_best,
                             int64_t *best_epoch, adaptau_error *error)
{
    struct atau_phase phase = {
        .dataset = dataset,
        .held_out = held_out,
        .number = ADAPTAU_FIT_SEARCH,
        .n_epochs = fit->options.n_epochs,
        .keeps_best = keeps_best,
    };
    adaptau_status status = run_phase(fit, &phase, error);
    fit->result.n_searched = phase.n_epochs_done;
    fit->result.recall = phase.recall;
    fit->result.ndcg = phase.ndcg;
    *best_epoch = phase.best_epoch;
    return status;
}

static adaptau_status train_on_all(struct fit *fit, int64_t n_epochs, adaptau_error *error)
{
    struct atau_phase phase = {.dataset = fit->dataset, .number = ADAPTAU_FIT_FINAL, .n_epochs = n_epochs};
    return run_phase(fit, &phase, error);
}

/* The same schedule twice: to find the epoch on a part, and up to that epoch on all. Where users have so little that nothing can
 * be held out, all epochs are taken on trust. */
static adaptau_status search_and_train(struct fit *fit, adaptau_error *error)
{
    const adaptau_split_options options = {
        .struct_size = sizeof options, .share = fit->options.held_out_share, .seed = fit->options.held_out_seed};
    adaptau_dataset *kept = NULL, *held_out = NULL;
    int64_t          best_epoch = fit->options.n_epochs;
    adaptau_status   status = adaptau_dataset_split(fit->context, fit->dataset, &options, &kept, &held_out, error);
    if (!status && adaptau_dataset_n_interactions(held_out) > 0)
        status = search(fit, kept, held_out, false, &best_epoch, error);
    adaptau_dataset_destroy(held_out);
    adaptau_dataset_destroy(kept);
    return status || fit->result.stopped ? status : train_on_all(fit, best_epoch, error);
}

static adaptau_status run(struct fit *fit, adaptau_error *error)
{
    int64_t best_epoch;
    if (fit->options.validation)
        return search(fit, fit->dataset, fit->options.validation, true, &best_epoch, error);
    if (fit->options.held_out_share > 0)
        return search_and_train(fit, error);
    return train_on_all(fit, fit->options.n_epochs, error);
}

/* What the caller wants to be told beyond numbers: structs of its own that the result points to. */
static adaptau_status open_result(struct fit *fit, adaptau_fit_result *result, adaptau_error *error)
{
    adaptau_status status = result ? atau_check_output(result, sizeof *result, "result", error) : ADAPTAU_OK;
    if (status || !result)
        return status;
    fit->result.recipe = result->recipe;
    fit->result.fold_in = result->fold_in;
    if (result->recipe)
        status = atau_check_output(result->recipe, sizeof *result->recipe, "result->recipe", error);
    if (!status && result->fold_in)
        status = atau_check_output(result->fold_in, sizeof *result->fold_in, "result->fold_in", error);
    return status;
}

static void write_result(const struct fit *fit, adaptau_fit_result *result)
{
    if (!result)
        return;
    if (result->recipe)
        atau_write_struct(result->recipe, &fit->recipe, sizeof fit->recipe);
    atau_write_struct(result, &fit->result, sizeof fit->result);
}

adaptau_status adaptau_fit(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                           const adaptau_fit_options *options, adaptau_model **model, adaptau_fit_result *result,
                           adaptau_error *error)
{
    struct fit     fit = {.context = context, .dataset = dataset};
    adaptau_recipe filled;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_read_recipe(&fit.recipe, recipe, error);
    if (!status)
        filled = fit.recipe;
    if (!status)
        status = adaptau_recipe_fill(&filled, dataset, error);
    if (!status)
        status = read_options(&fit, options, &filled, error);
    if (!status)
        status = open_result(&fit, result, error);
    if (!status)
        status = find_temperature(&fit, error);
    if (!status)
        status = run(&fit, error);
    if (!status && fit.result.fold_in)
        status = adaptau_model_get_fold_in(fit.model, fit.result.fold_in, error);
    if (status) {
        adaptau_model_destroy(fit.model);
        return status;
    }
    *model = fit.model;
    write_result(&fit, result);
    return ADAPTAU_OK;
}
