/* SPDX-License-Identifier: MIT */
#include "common/trial.h"

#include "common/checkpoint.h"
#include "common/clock.h"
#include "common/note.h"
#include "common/prior.h"
#include "common/stop.h"

const char *const protocol_names[] = {"valid", "paper", NULL};

struct trial_options trial_options_default(void)
{
    return (struct trial_options){.valid_share = 0.1, .eval_every = 1, .cutoffs = {.count = 3, .values = {10, 20, 50}}};
}

int32_t choosing_cutoff(const struct cutoffs *cutoffs)
{
    for (int32_t c = 0; c < cutoffs->count; c++)
        if (cutoffs->values[c] == 20)
            return c;
    return 0;
}

adaptau_status trial_complete_recipe(struct trial *trial, const struct recipe *recipe, adaptau_error *error)
{
    trial->recipe = *recipe;
    adaptau_status status = recipe_fill(&trial->recipe, adaptau_dataset_n_users(trial->train),
                                        adaptau_dataset_n_items(trial->train), adaptau_dataset_n_interactions(trial->train), error);
    trial->chooses_prior = recipe_searches_prior(recipe, &trial->recipe);
    trial->tau0_policy = trial->recipe.base.tau0_policy;
    return status;
}

void trial_close(struct trial *trial)
{
    adaptau_model_destroy(trial->model);
    snapshot_free(&trial->snapshot);
    trial->model = NULL;
}

static const char *const phase_names[N_PHASES] = {"prior", "search", "refit"};

/* ---- the temperature ------------------------------------------------------------------------------------------------ */

/* Another seed than the split of test from train had, which would rank the same pairs first. */
static uint64_t validation_seed(const struct trial_options *options)
{
    return (uint64_t)options->split_seed ^ UINT64_C(1) << 63;
}

static int32_t heed_signal_in_tuning(void *user_data, const adaptau_tune_progress *progress)
{
    const struct trial_observer *observer = user_data;
    return stop_signal() != 0 || (observer->tune && observer->tune(observer->user_data, progress));
}

/* What a training that goes on from a checkpoint found when it began. */
static adaptau_status recall_temperature(struct trial *trial, adaptau_error *error)
{
    adaptau_status status = checkpoint_read_tuning(trial, &trial->tuning, error);
    if (status)
        return status;
    trial->recipe.base.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    if (trial->tuning.n_trials > 0) {
        trial->recipe.base.tau0_policy = ADAPTAU_TAU0_FIXED;
        trial->recipe.base.tau = trial->tuning.tau;
    }
    trial->recipe.base.tau_user_policy = trial->tuning.tau_user_policy;
    trial->recipe.base.positives_outside_sum = trial->tuning.positives_outside_sum;
    return ADAPTAU_OK;
}

static adaptau_status find_temperature(struct trial *trial, adaptau_error *error)
{
    const double         share = trial->options->valid_share;
    adaptau_tune_options options = {.struct_size = sizeof options};
    adaptau_status       status = adaptau_tune_options_init(&options, error);
    options.cutoff = trial->options->cutoffs.values[choosing_cutoff(&trial->options->cutoffs)];
    options.share = share > 0 ? share : options.share;
    options.seed = (uint64_t)trial->options->split_seed;
    options.times = trial->train_times;
    options.split_flags = trial->train_times && !trial->of_each_user ? ADAPTAU_SPLIT_ACROSS_USERS : 0;
    options.progress = heed_signal_in_tuning;
    options.user_data = &trial->observer;
    options.flags = trial->compares ? ADAPTAU_TUNE_COMPARE : 0;
    struct recipe recipe = trial->recipe;
    double        started = clock_now();
    trial->tuning.struct_size = sizeof trial->tuning;
    if (!status)
        status = adaptau_tune(trial->context, trial->train, &options, &recipe.base, &trial->tuning, error);
    trial->tune_seconds = clock_now() - started;
    if (trial->tau0_policy != ADAPTAU_TAU0_HELD_OUT)
        trial->tuning.n_trials = 0; /* none was for a temperature */
    if (!status)
        trial->recipe = recipe;
    else if (stop_signal()) {
        trial->stopped_epoch = 1;
        return ADAPTAU_OK;
    }
    return status;
}

/* One training inside the trial. */
struct phase {
    struct trial          *trial;
    int32_t                number; /* PHASE_* */
    struct recipe          recipe;
    const adaptau_dataset *dataset;   /* what is trained on */
    adaptau_evaluator     *evaluator; /* of held-out pairs, or NULL */
    int64_t                n_epochs;
    bool                   picks_epoch; /* by the evaluator */
    bool                   keeps_best;  /* epoch, in trial->snapshot */
    bool                   picks_prior; /* by the evaluator, with the last epoch's model */
    struct training        training;
};

static adaptau_status evaluate(struct trial *trial, adaptau_evaluator *evaluator, const adaptau_model *model,
                               struct scores *scores, adaptau_error *error)
{
    double         started = clock_now();
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_get_tables(model, &tables, error);
    if (!status)
        status = score_tables(evaluator, &tables, &trial->options->cutoffs, scores, error);
    trial->eval_seconds += clock_now() - started;
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
    struct trial  *trial = phase->trial;
    struct search *search = &trial->search;
    adaptau_status status = evaluate(trial, phase->evaluator, phase->training.model, scores, error);
    if (status)
        return status;
    bool first = search->best_epoch == 0;
    if (!first && !is_better(scores, &search->best, choosing_cutoff(&trial->options->cutoffs)))
        return ADAPTAU_OK;
    search->best = *scores;
    search->best_epoch = phase->training.epoch;
    trial->loss = phase->training.loss;
    trial->tau0 = phase->training.tau0;
    if (!phase->keeps_best)
        return ADAPTAU_OK;
    status = snapshot_take(&trial->snapshot, phase->training.model, error);
    return status || !trial->checkpoint ? status : checkpoint_save_best(trial, phase->training.model, error);
}

static bool is_due(const struct phase *phase)
{
    int64_t epoch = phase->training.epoch;
    return phase->picks_epoch && (epoch % phase->trial->options->eval_every == 0 || epoch == phase->n_epochs);
}

static bool is_hopeless(const struct phase *phase)
{
    const struct trial_options *options = phase->trial->options;
    int64_t                     since = phase->training.epoch - phase->trial->search.best_epoch;
    return phase->picks_epoch && options->patience > 0 && since >= options->patience * options->eval_every;
}

static adaptau_status train_epochs(struct phase *phase, adaptau_error *error)
{
    struct trial                *trial = phase->trial;
    const struct trial_observer *observer = &trial->observer;
    struct training             *training = &phase->training;
    while (training->epoch < phase->n_epochs && !is_hopeless(phase)) {
        struct scores  scores;
        adaptau_status status = training_epoch(training, error);
        if (status)
            return status;
        if (training->stopped) {
            trial->stopped_epoch = training->epoch + 1;
            return ADAPTAU_OK;
        }
        bool due = is_due(phase);
        if (due)
            status = judge_epoch(phase, &scores, error);
        if (!status && trial->checkpoint)
            status = checkpoint_save(trial, phase->number, training, error);
        if (!status && observer->epoch)
            status = observer->epoch(observer->user_data, phase_names[phase->number], training, due ? &scores : NULL, error);
        if (status)
            return status;
        if (stop_signal()) {
            trial->stopped_epoch = training->epoch;
            return ADAPTAU_OK;
        }
    }
    return ADAPTAU_OK;
}

static adaptau_status pick_prior(struct phase *phase, adaptau_error *error)
{
    struct trial          *trial = phase->trial;
    const struct cutoffs  *cutoffs = &trial->options->cutoffs;
    const struct training *training = &phase->training;
    double                 started = clock_now();
    adaptau_status         status = prior_choose(phase->evaluator, training->model, phase->dataset, training->tau0, cutoffs,
                                                 choosing_cutoff(cutoffs), &trial->recipe.base.popularity_prior, error);
    trial->eval_seconds += clock_now() - started;
    return status;
}

static int heed_signal(void *user_data, const struct training *training)
{
    (void)user_data;
    (void)training;
    return stop_signal() != 0;
}

/* Go on where the checkpoint is. *is_over: that is in a later phase. */
static adaptau_status resume_phase(struct phase *phase, bool *is_over, adaptau_error *error)
{
    struct trial *trial = phase->trial;
    *is_over = false;
    trial->keeps_best = phase->keeps_best;
    if (!trial->resumes)
        return ADAPTAU_OK;
    adaptau_status status = checkpoint_resume(trial, phase->number, &phase->training, is_over, error);
    trial->resumes = !status && *is_over;
    return status;
}

/* Train, and hand the last model to the trial where no epoch is picked. */
static adaptau_status run_phase(struct phase *phase, adaptau_error *error)
{
    struct trial                *trial = phase->trial;
    const struct trial_observer *observer = &trial->observer;
    bool                         is_over = false;
    adaptau_status status = training_create(trial->context, phase->dataset, &phase->recipe, &phase->training, error);
    if (!status)
        status = resume_phase(phase, &is_over, error);
    if (status || is_over) {
        training_destroy(&phase->training);
        return status;
    }
    if (observer->begin)
        observer->begin(observer->user_data, phase_names[phase->number], phase->n_epochs);
    phase->training.on_step = observer->step ? observer->step : heed_signal;
    phase->training.on_step_data = observer->user_data;
    status = train_epochs(phase, error);
    if (observer->end)
        observer->end(observer->user_data);
    trial->train_seconds += phase->training.seconds;
    if (!status && !trial->stopped_epoch && phase->picks_prior)
        status = pick_prior(phase, error);
    if (!status && (trial->stopped_epoch || !phase->evaluator)) {
        trial->model = training_take_model(&phase->training);
        trial->loss = phase->training.loss;
        trial->tau0 = phase->training.tau0;
    }
    if (phase->picks_epoch)
        trial->search.n_epochs = phase->training.epoch;
    training_destroy(&phase->training);
    return status;
}

/* ---- protocols ---------------------------------------------------------------------------------------------------- */

static adaptau_status run_evaluated(struct phase *phase, const adaptau_dataset *held_out, adaptau_error *error)
{
    struct trial  *trial = phase->trial;
    adaptau_status status =
        make_evaluator(trial->context, held_out, phase->dataset, &trial->options->cutoffs, &phase->evaluator, error);
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

static adaptau_status open_validation(struct trial *trial, struct validation *validation, adaptau_error *error)
{
    const adaptau_split_options options = {
        .struct_size = sizeof options,
        .share = trial->options->valid_share,
        .seed = validation_seed(trial->options),
    };
    *validation = (struct validation){0};
    return adaptau_dataset_split(trial->context, trial->train, &options, &validation->part, &validation->held_out, error);
}

static void close_validation(struct validation *validation)
{
    adaptau_dataset_destroy(validation->held_out);
    adaptau_dataset_destroy(validation->part);
}

/* The model of the best epoch, with the graph that it was trained on. */
static adaptau_status restore_best(struct trial *trial, const adaptau_dataset *dataset, adaptau_error *error)
{
    adaptau_status status = snapshot_model(&trial->snapshot, trial->context, dataset, &trial->recipe, &trial->model, error);
    return status ? status : prior_set(trial->model, trial->train, trial->recipe.base.popularity_prior, trial->tau0, error);
}

/* The best epoch and prior for pairs held out of train. With so few pairs that none could be held out, all epochs are taken on
 * trust. */
static adaptau_status search_on_validation(struct trial *trial, adaptau_error *error)
{
    struct validation validation;
    adaptau_status    status = open_validation(trial, &validation, error);
    trial->search.n_pairs = status ? 0 : adaptau_dataset_n_interactions(validation.held_out);
    if (!status && trial->search.n_pairs > 0) {
        struct phase phase = {
            .trial = trial,
            .number = PHASE_SEARCH,
            .recipe = trial->recipe,
            .dataset = validation.part,
            .n_epochs = trial->recipe.base.epochs,
            .picks_epoch = true,
            .keeps_best = trial->options->no_refit,
            .picks_prior = trial->chooses_prior,
        };
        status = run_evaluated(&phase, validation.held_out, error);
        if (!status && !trial->stopped_epoch && trial->options->no_refit)
            status = restore_best(trial, validation.part, error);
    } else
        trial->search.best_epoch = trial->recipe.base.epochs;
    close_validation(&validation);
    return status;
}

/* The same schedule as in the search, ended after the epoch that was found: the model that was validated, with more data. */
static adaptau_status refit(struct trial *trial, adaptau_error *error)
{
    struct phase phase = {
        .trial = trial,
        .number = PHASE_REFIT,
        .recipe = trial->recipe,
        .dataset = trial->train,
        .n_epochs = trial->search.best_epoch,
    };
    return run_phase(&phase, error);
}

static adaptau_status judge_on_test(struct trial *trial, adaptau_error *error)
{
    adaptau_evaluator    *evaluator = NULL;
    const struct cutoffs *cutoffs = &trial->options->cutoffs;
    adaptau_status        status = make_evaluator(trial->context, trial->test, trial->train, cutoffs, &evaluator, error);
    if (!status)
        status = evaluate(trial, evaluator, trial->model, &trial->scores, error);
    trial->n_test_users = adaptau_evaluator_n_users(evaluator);
    adaptau_evaluator_destroy(evaluator);
    return status;
}

/* Cosines at a temperature that was found on held-out pairs do not overfit, so that there is no epoch to choose; inner products do. */
static bool trusts_schedule(const struct trial *trial)
{
    return trial->tuning.n_trials > 0 && trial->recipe.base.encoder == ADAPTAU_ENCODER_MF &&
           trial->recipe.base.normalise == (int32_t)ADAPTAU_NORMALISE_BOTH && !trial->options->no_refit && !trial->chooses_prior;
}

static adaptau_status run_valid(struct trial *trial, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (trusts_schedule(trial))
        trial->search.best_epoch = trial->recipe.base.epochs;
    else
        status = search_on_validation(trial, error);
    if (status || trial->stopped_epoch)
        return status;
    if (!trial->model)
        status = refit(trial, error);
    if (status || trial->stopped_epoch)
        return status;
    return judge_on_test(trial, error);
}

/* A training on a part of train finds the prior, so that test has no say in it. It takes all epochs: models on the way want
 * more of a prior, or less, than finished ones. */
static adaptau_status search_prior(struct trial *trial, adaptau_error *error)
{
    struct validation validation;
    struct phase      phase = {.trial = trial, .number = PHASE_PRIOR, .recipe = trial->recipe, .picks_prior = true};
    adaptau_status    status = open_validation(trial, &validation, error);
    phase.n_epochs = trial->recipe.base.epochs;
    phase.dataset = validation.part;
    if (!status && adaptau_dataset_n_interactions(validation.held_out) > 0)
        status = run_evaluated(&phase, validation.held_out, error);
    close_validation(&validation);
    return status;
}

/* The best epoch for test. */
static adaptau_status search_on_test(struct trial *trial, adaptau_error *error)
{
    struct phase phase = {
        .trial = trial,
        .number = PHASE_SEARCH,
        .recipe = trial->recipe,
        .dataset = trial->train,
        .n_epochs = trial->recipe.base.epochs,
        .picks_epoch = true,
        .keeps_best = true,
    };
    trial->search.n_pairs = adaptau_dataset_n_interactions(trial->test);
    return run_evaluated(&phase, trial->test, error);
}

static adaptau_status run_paper(struct trial *trial, adaptau_error *error)
{
    adaptau_status status = trial->chooses_prior ? search_prior(trial, error) : ADAPTAU_OK;
    if (!status && !trial->stopped_epoch)
        status = search_on_test(trial, error);
    if (status || trial->stopped_epoch)
        return status;
    status = restore_best(trial, trial->train, error);
    return status ? status : judge_on_test(trial, error);
}

adaptau_status trial_run(struct trial *trial, adaptau_error *error)
{
    if (trial->checkpoint)
        trial->fingerprint = checkpoint_fingerprint(trial);
    adaptau_status status = ADAPTAU_OK;
    const bool     finds = trial->recipe.base.tau0_policy == ADAPTAU_TAU0_HELD_OUT;
    if (finds || trial->compares)
        status = trial->resumes ? recall_temperature(trial, error) : find_temperature(trial, error);
    if (status || trial->stopped_epoch)
        return status;
    return trial->options->protocol == PROTOCOL_PAPER ? run_paper(trial, error) : run_valid(trial, error);
}
