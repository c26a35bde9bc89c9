/* SPDX-License-Identifier: MIT */
/* Short trainings on a part of the data, judged by the other part. All trials begin at the same first embeddings, which are made
 * once: the spectral start costs as much as an epoch. The road not taken: to move τ during one training. What a model recalls at
 * a τ is known only when the learning rates have fallen, and what held-out gradients say of τ before that is about the next step. */
#include <adaptau/evaluator.h>
#include <adaptau/search.h>
#include <adaptau/tune.h>

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/context.h"
#include "common/error.h"
#include "fit/by_data.h"
#include "fit/recipe.h"
#include "fit/sample.h"
#include "fit/training.h"

#define INIT "adaptau_tune_options_init"
#define WARMUP_DELTA_MU 0.7 /* over L: where the paper's temperature begins, and nearer to the best than what Eq. 14 measures      */
#define MOST_FIRST_TAU 1.0  /* where L is near 0                                                               */
#define N_CUTOFFS 3
#define OWN_DRAWS (UINT64_C(1) << 63) /* trials draw their splits by another seed than a host's test split */
#define LEAST_METRIC 1e-9 /* so that a metric of 0 has a logarithm, too */
#define LEAST_EPOCHS 4 /* of matrix factorisation: 3 cost 1 % of recall on Debian's packages                   */
#define EPOCHS_OF_MANY 3 /* where a part of the users is enough; 2 find a τ that is a quarter higher on MovieLens-1M */
#define LEAST_STEPS 40 /* in all of a trial's epochs                                                       */
#define GRAPH_EPOCHS 5 /* encoders learn slower                                                            */
/* How many users a trial needs. Halving them makes trials twice as fast, and costs what the docs say. */
#define ENOUGH_HELD_OUT 12000.0 /* interactions: MovieLens-100k has 6,400, and neighbouring trials are close there */
#define ENOUGH_PER_ITEM 4.0     /* interactions an item: below, what is learned of items is another thing   */
#define MOST_DIVISOR 4
#define MOST_GIVEN_DIVISOR 1024
#define LESS_DATA 1.08          /* half the users want a τ that is higher by this                           */
#define LEAST_GAIN 0.005        /* of the score, by own items in the sum: trials of small data differ by chance */

struct tuning {
    adaptau_context       *context;
    adaptau_tune_options   options;  /* with every default in place                                              */
    adaptau_recipe         recipe;   /* of the next trial                                                        */
    const adaptau_dataset *part;     /* what trials train on                                                     */
    const adaptau_dataset *held_out; /* what judges them                                                         */
    adaptau_dataset       *own_part, *own_held_out;   /* split off the data                                      */
    adaptau_dataset       *few_part, *few_held_out;   /* of a part of the users                                  */
    uint32_t               divisor;  /* one user of so many                                                      */
    adaptau_evaluator     *evaluator;
    int32_t                n_cutoffs, cutoffs[N_CUTOFFS]; /* of the evaluator                                        */
    size_t                 n_users, n_items; /* floats of the tables; 0: trials make embeddings of their own     */
    float                 *first_users, *first_items; /* where trials begin                                      */
    float                 *users, *items;             /* what the present trial trains                           */
    adaptau_search        *search;
    double                 recall; /* of the last trial                                                          */
    bool                   tries_personal, tries_inside; /* the recipe leaves that to trials                        */
    adaptau_tune_progress  progress;
    adaptau_tune_result    result;
};

/* ---- options ---------------------------------------------------------------------------------------------------- */

static const adaptau_tune_options defaults = {
    .struct_size = sizeof(adaptau_tune_options),
    .cutoff = 20,
    .share = 0.1,
    .trial_epochs = ADAPTAU_BY_DATA,
    .user_divisor = ADAPTAU_BY_DATA,
};

adaptau_status adaptau_tune_options_init(adaptau_tune_options *options, adaptau_error *error)
{
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

static adaptau_status check_split(const adaptau_tune_options *options, const adaptau_dataset *dataset, adaptau_error *error)
{
    const adaptau_dataset *held_out = options->held_out;
    if (!isfinite(options->share))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->share = %g is not finite", options->share);
    if (options->share < 0 || options->share >= 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->share = %g is outside [0, 1)", options->share);
    if (!held_out && options->share == 0)
        return atau_fail_zero(error, "options->share", "above 0", INIT);
    if (!held_out)
        return ADAPTAU_OK;
    if (options->seed != 0 || options->times || options->split_flags)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s is given, but options->held_out says what is held out",
                         options->times ? "times" : options->seed ? "seed" : "split_flags");
    if (adaptau_dataset_n_users(held_out) != adaptau_dataset_n_users(dataset) ||
        adaptau_dataset_n_items(held_out) != adaptau_dataset_n_items(dataset))
        return atau_fail(error, ADAPTAU_E_SHAPE, "options->held_out is of %" PRId32 " users x %" PRId32 " items, but dataset of %" PRId32
                         " x %" PRId32, adaptau_dataset_n_users(held_out), adaptau_dataset_n_items(held_out),
                         adaptau_dataset_n_users(dataset), adaptau_dataset_n_items(dataset));
    if (adaptau_dataset_n_interactions(held_out) > 0 && !atau_has_others(held_out, dataset))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->held_out has no interaction that dataset has not, so that it judges nothing");
    return ADAPTAU_OK;
}

static adaptau_status read_options(adaptau_tune_options *own, const adaptau_tune_options *options, const adaptau_dataset *dataset,
                                   adaptau_error *error)
{
    adaptau_status status = atau_read_struct(own, sizeof *own, sizeof *own, options, true, "options", error);
    if (!status) {
        atau_complete_struct(own, &defaults, sizeof *own, options);
        status = check_split(own, dataset, error);
    }
    if (status)
        return status;
    if (own->flags & ~ADAPTAU_TUNE_COMPARE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->flags = 0x%x has unknown bits", own->flags);
    if (own->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->reserved = %u, not 0", own->reserved);
    if (own->user_divisor == 0)
        return atau_fail_zero(error, "options->user_divisor", "at least 1, or ADAPTAU_BY_DATA", INIT);
    if (own->user_divisor != ADAPTAU_BY_DATA && (own->user_divisor < 0 || own->user_divisor > MOST_GIVEN_DIVISOR))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->user_divisor = %" PRId32 " is outside 1 ... %d", own->user_divisor,
                         MOST_GIVEN_DIVISOR);
    if (own->cutoff == 0)
        return atau_fail_zero(error, "options->cutoff", "at least 1", INIT);
    if (own->cutoff < 0 || own->cutoff > ADAPTAU_MAX_CUTOFF)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->cutoff = %" PRId32 " is outside 1 ... %d", own->cutoff, ADAPTAU_MAX_CUTOFF);
    if (own->trial_epochs == 0)
        return atau_fail_zero(error, "options->trial_epochs", "at least 1, or ADAPTAU_BY_DATA", INIT);
    if (own->trial_epochs != ADAPTAU_BY_DATA && (own->trial_epochs < 0 || own->trial_epochs > INT32_MAX))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->trial_epochs = %" PRId64 " is outside 1 ... 2^31 - 1", own->trial_epochs);
    return ADAPTAU_OK;
}

/* ---- the parts of the data -------------------------------------------------------------------------------------- */

static adaptau_status split(struct tuning *t, const adaptau_dataset *dataset, adaptau_error *error)
{
    const adaptau_split_options options = {
        .struct_size = sizeof options,
        .flags = t->options.split_flags,
        .share = t->options.share,
        .seed = t->options.seed ^ OWN_DRAWS,
        .times = t->options.times,
    };
    t->part = dataset;
    t->held_out = t->options.held_out;
    if (t->held_out)
        return ADAPTAU_OK;
    adaptau_status status = adaptau_dataset_split(t->context, dataset, &options, &t->own_part, &t->own_held_out, error);
    t->part = t->own_part;
    t->held_out = t->own_held_out;
    return status;
}

/* Where the data are large, a half of the users or a quarter tell the temperatures apart as well. An encoder that learns by neighbours
 * would meet another graph, and does the better beside matrix factorisation the fewer users there are. */
static uint32_t choose_divisor(const struct tuning *t)
{
    const double held_out = (double)adaptau_dataset_n_interactions(t->held_out);
    const double per_item = (double)adaptau_dataset_n_interactions(t->part) / fmax(1, adaptau_dataset_n_items(t->part));
    uint32_t     divisor = 1;
    if (t->options.user_divisor != ADAPTAU_BY_DATA)
        return (uint32_t)t->options.user_divisor;
    while (t->recipe.encoder == ADAPTAU_ENCODER_MF && divisor < MOST_DIVISOR && held_out >= 2 * divisor * ENOUGH_HELD_OUT &&
           per_item >= 2 * divisor * ENOUGH_PER_ITEM)
        divisor *= 2;
    return divisor;
}

/* The same users of both parts. A batch is as many of the users that are left as it was of all, unless its rows are each other's
 * candidates. */
static adaptau_status leave_users_out(struct tuning *t, adaptau_error *error)
{
    const uint64_t seed = t->options.seed ^ OWN_DRAWS;
    t->divisor = choose_divisor(t);
    if (t->divisor == 1)
        return ADAPTAU_OK;
    adaptau_status status = atau_sample_users(t->context, t->part, seed, t->divisor, &t->few_part, error);
    if (!status)
        status = atau_sample_users(t->context, t->held_out, seed, t->divisor, &t->few_held_out, error);
    if (status)
        return status;
    if (adaptau_dataset_n_interactions(t->few_part) == 0 || adaptau_dataset_n_interactions(t->few_held_out) == 0) {
        t->divisor = 1; /* so few users that none was drawn with interactions in both parts */
        return ADAPTAU_OK;
    }
    t->part = t->few_part;
    t->held_out = t->few_held_out;
    if (t->recipe.candidates != ADAPTAU_SAMPLER_IN_BATCH)
        t->recipe.rows_per_batch = (t->recipe.rows_per_batch + t->divisor - 1) / t->divisor;
    return ADAPTAU_OK;
}

/* K and, where it is neither 1 nor near the largest, half of it and two and a half times it. */
static adaptau_status make_evaluator(struct tuning *t, adaptau_error *error)
{
    const int32_t K = t->options.cutoff;
    const int32_t cutoffs[N_CUTOFFS] = {K / 2, K, K + K / 2 + K};
    const bool    has_lower = K > 1, has_higher = K <= ADAPTAU_MAX_CUTOFF / 3 && K > 1;
    const adaptau_evaluator_options options = {
        .struct_size = sizeof options,
        .n_cutoffs = 1 + has_lower + has_higher,
        .cutoffs = cutoffs + !has_lower,
        .n_masks = 1,
        .masks = &t->part,
    };
    t->n_cutoffs = options.n_cutoffs;
    memcpy(t->cutoffs, options.cutoffs, (size_t)options.n_cutoffs * sizeof *t->cutoffs);
    return adaptau_evaluator_create(t->context, t->held_out, &options, &t->evaluator, error);
}

/* ---- where trials begin ----------------------------------------------------------------------------------------- */

static void copy_rows(float *out, const float *rows, int32_t n, int32_t dim, int64_t stride)
{
    for (int32_t r = 0; r < n; r++)
        memcpy(out + (size_t)r * (size_t)dim, rows + r * stride, (size_t)dim * sizeof *out);
}

static adaptau_status allocate_rows(struct tuning *t, const adaptau_tables *raw, adaptau_error *error)
{
    t->n_users = (size_t)raw->n_users * (size_t)raw->dim;
    t->n_items = (size_t)raw->n_items * (size_t)raw->dim;
    t->first_users = atau_allocate_array(t->context, t->n_users, sizeof(float));
    t->first_items = atau_allocate_array(t->context, t->n_items, sizeof(float));
    t->users = atau_allocate_array(t->context, t->n_users, sizeof(float));
    t->items = atau_allocate_array(t->context, t->n_items, sizeof(float));
    if (t->first_users && t->first_items && t->users && t->items)
        return ADAPTAU_OK;
    return atau_fail_memory(error, 2 * (t->n_users + t->n_items) * sizeof(float), "the embeddings of trials");
}

/* SimpleX learns more than its tables, and makes all of it anew. */
static adaptau_status make_first_rows(struct tuning *t, adaptau_error *error)
{
    adaptau_tables        raw = {.struct_size = sizeof raw};
    adaptau_model_options options = {.struct_size = sizeof options};
    adaptau_model        *model = NULL;
    if (t->recipe.encoder == ADAPTAU_ENCODER_SIMPLEX)
        return ADAPTAU_OK;
    adaptau_status status = adaptau_recipe_model_options(&t->recipe, &options, error);
    if (!status)
        status = adaptau_model_create(t->context, t->part, &options, &model, error);
    if (!status)
        status = adaptau_model_get_raw_tables(model, &raw, error);
    if (!status)
        status = allocate_rows(t, &raw, error);
    if (!status) {
        copy_rows(t->first_users, raw.users, raw.n_users, raw.dim, raw.user_stride);
        copy_rows(t->first_items, raw.items, raw.n_items, raw.dim, raw.item_stride);
    }
    adaptau_model_destroy(model);
    return status;
}

/* ---- one trial -------------------------------------------------------------------------------------------------- */

static adaptau_status tell(struct tuning *t, adaptau_error *error)
{
    if (t->options.progress && t->options.progress(t->options.user_data, &t->progress))
        return atau_fail(error, ADAPTAU_E_CANCELLED, "options->progress asked for the end in trial %" PRId32, t->progress.trial);
    return ADAPTAU_OK;
}

static adaptau_status run_steps(struct tuning *t, adaptau_training *training, adaptau_error *error)
{
    adaptau_batch        batch = {.struct_size = sizeof batch};
    adaptau_model       *model = adaptau_training_model(training);
    adaptau_temperature *temperature = adaptau_training_temperature(training);
    for (;;) {
        adaptau_status status = adaptau_training_next(training, &batch, error);
        if (status || batch.n_rows == 0)
            return status;
        status = adaptau_model_gradients(model, &batch, temperature, NULL, error);
        if (!status)
            status = adaptau_model_apply(model, error);
        t->progress.step++;
        if (!status)
            status = tell(t, error);
        if (status)
            return status;
    }
}

static adaptau_status run_epochs(struct tuning *t, adaptau_training *training, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int64_t epoch = 0; epoch < t->recipe.epochs && !status; epoch++) {
        t->progress.epoch = epoch;
        t->progress.step = 0;
        status = adaptau_training_begin_epoch(training, epoch, error);
        if (!status)
            status = run_steps(t, training, error);
        if (!status)
            status = adaptau_training_end_epoch(training, error);
    }
    return status;
}

/* The mean of the logarithms of recall and NDCG at all cutoffs: relative gains count alike, and the mean is less noisy than any
 * one of them. */
static adaptau_status score_tables(struct tuning *t, double *score, adaptau_error *error)
{
    static const int32_t metrics[] = {ADAPTAU_METRIC_RECALL, ADAPTAU_METRIC_NDCG};
    adaptau_status       status = ADAPTAU_OK;
    *score = 0;
    for (int32_t m = 0; m < 2; m++)
        for (int32_t c = 0; c < t->n_cutoffs && !status; c++) {
            double mean = 0;
            status = adaptau_evaluator_mean(t->evaluator, metrics[m], t->cutoffs[c], &mean, error);
            *score += log(mean + LEAST_METRIC) / (2 * t->n_cutoffs);
        }
    return status ? status : adaptau_evaluator_mean(t->evaluator, ADAPTAU_METRIC_RECALL, t->options.cutoff, &t->recall, error);
}

static adaptau_status judge(struct tuning *t, const adaptau_training *training, double *score, adaptau_error *error)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_get_tables(adaptau_training_model(training), &tables, error);
    if (!status)
        status = adaptau_evaluator_run(t->evaluator, &tables, error);
    return status ? status : score_tables(t, score, error);
}

static adaptau_status create_training(struct tuning *t, adaptau_training **training, adaptau_error *error)
{
    if (!t->users)
        return atau_training_create_on(t->context, t->part, &t->recipe, NULL, NULL, training, error);
    memcpy(t->users, t->first_users, t->n_users * sizeof(float));
    memcpy(t->items, t->first_items, t->n_items * sizeof(float));
    return atau_training_create_on(t->context, t->part, &t->recipe, t->users, t->items, training, error);
}

/* The last trial's choices are the best so far. */
static void keep(struct tuning *t, double score)
{
    t->result.recall = t->recall;
    t->result.score = score;
}

/* Train by t->recipe at a τ, and see what it recalls. */
static adaptau_status run_trial(struct tuning *t, double tau, double *score, adaptau_error *error)
{
    adaptau_training *training = NULL;
    t->recipe.tau = tau;
    adaptau_status status = create_training(t, &training, error);
    t->progress = (adaptau_tune_progress){
        .trial = t->result.n_trials + 1,
        .n_epochs = t->recipe.epochs,
        .n_steps = adaptau_sampler_n_batches(adaptau_training_sampler(training)),
        .tau = tau,
        .tau_user_policy = t->recipe.tau_user_policy,
        .positives_outside_sum = t->recipe.positives_outside_sum,
        .recall = (double)NAN,
    };
    if (!status)
        status = run_epochs(t, training, error);
    if (!status)
        status = judge(t, training, score, error);
    adaptau_training_destroy(training);
    if (status)
        return status;
    t->result.n_trials++;
    t->progress.recall = t->recall;
    return tell(t, error);
}

/* ---- what is looked for ----------------------------------------------------------------------------------------- */

static double choose_first_tau(const struct tuning *t)
{
    const double log_ratio = adaptau_log_ratio(adaptau_dataset_n_users(t->part), adaptau_dataset_n_items(t->part),
                                               adaptau_dataset_n_interactions(t->part));
    const double first = log_ratio * MOST_FIRST_TAU > WARMUP_DELTA_MU ? WARMUP_DELTA_MU / log_ratio : MOST_FIRST_TAU;
    return fmin(t->recipe.tau_max, fmax(t->recipe.tau_min, first));
}

static adaptau_status search_tau(struct tuning *t, adaptau_search_result *found, adaptau_error *error)
{
    t->result.first_tau = choose_first_tau(t);
    adaptau_search_options options = {.struct_size = sizeof options};
    double                 tau = 0, score = 0;
    adaptau_status         status = adaptau_search_options_init(&options, t->result.first_tau, error);
    options.least = t->recipe.tau_min;
    options.most = t->recipe.tau_max;
    if (!status)
        status = adaptau_search_create(t->context, &options, &t->search, error);
    while (!status) {
        status = adaptau_search_next(t->search, &tau, error);
        if (status || tau == 0)
            break;
        status = run_trial(t, tau, &score, error);
        if (!status && (t->result.n_trials == 1 || score > t->result.score))
            keep(t, score);
        if (!status)
            status = adaptau_search_report(t->search, score, error);
    }
    return status ? status : adaptau_search_get_result(t->search, found, error);
}

/* One more trial, at the best τ₀ of the search, with another value of one member, which stays where the score rises by `least`. */
static adaptau_status try_value(struct tuning *t, double tau, int32_t *member, int32_t value, double least, adaptau_error *error)
{
    const int32_t before = *member;
    double        score = 0;
    *member = value;
    adaptau_status status = run_trial(t, tau, &score, error);
    if (!status && score > t->result.score + least)
        keep(t, score);
    else
        *member = before;
    return status;
}

/* So few users make so few steps that four epochs teach nothing. */
static int64_t choose_trial_epochs(const struct tuning *t)
{
    const bool    by_user = t->recipe.candidates != ADAPTAU_SAMPLER_IN_BATCH && t->recipe.candidates != ADAPTAU_SAMPLER_PER_ROW_UNIFORM;
    const int64_t n_rows = by_user ? adaptau_dataset_n_users(t->part) : adaptau_dataset_n_interactions(t->part);
    const int64_t n_steps = (n_rows + t->recipe.rows_per_batch - 1) / t->recipe.rows_per_batch;
    const int64_t factorised = t->divisor > 1 ? EPOCHS_OF_MANY : LEAST_EPOCHS;
    const int64_t least = t->recipe.encoder == ADAPTAU_ENCODER_MF ? factorised : GRAPH_EPOCHS;
    const int64_t epochs = (LEAST_STEPS + n_steps - 1) / n_steps;
    const int64_t most = t->recipe.epochs > least ? t->recipe.epochs : least;
    if (t->options.trial_epochs != ADAPTAU_BY_DATA)
        return t->options.trial_epochs;
    return epochs < least ? least : epochs < most ? epochs : most;
}

/* The τ₀ that was found holds for the users of the trials: make it the τ₀ of all users. */
static double for_all_users(const struct tuning *t, double tau)
{
    return fmin(t->recipe.tau_max, fmax(t->recipe.tau_min, tau * pow(LESS_DATA, -log2(t->divisor))));
}

static adaptau_status run_trials(struct tuning *t, adaptau_error *error)
{
    adaptau_search_result found = {.struct_size = sizeof found};
    t->recipe.epochs = choose_trial_epochs(t);
    t->result.trial_epochs = t->recipe.epochs;
    adaptau_status status = make_evaluator(t, error);
    if (!status)
        status = make_first_rows(t, error);
    t->recipe.tau0_policy = ADAPTAU_TAU0_FIXED;
    if (!status)
        status = search_tau(t, &found, error);
    if (!status && t->tries_inside)
        status = try_value(t, found.best_trial, &t->recipe.positives_outside_sum, 0, LEAST_GAIN, error);
    if (!status && t->tries_personal)
        status = try_value(t, found.best_trial, &t->recipe.tau_user_policy, ADAPTAU_TAU_USER_BY_LOSS, 0, error);
    t->result.tau = for_all_users(t, found.best);
    return status;
}

static void close_tuning(struct tuning *t)
{
    adaptau_search_destroy(t->search);
    adaptau_evaluator_destroy(t->evaluator);
    adaptau_dataset_destroy(t->few_part);
    adaptau_dataset_destroy(t->few_held_out);
    adaptau_dataset_destroy(t->own_part);
    adaptau_dataset_destroy(t->own_held_out);
    atau_free(t->context, t->first_users, t->n_users * sizeof(float));
    atau_free(t->context, t->first_items, t->n_items * sizeof(float));
    atau_free(t->context, t->users, t->n_users * sizeof(float));
    atau_free(t->context, t->items, t->n_items * sizeof(float));
}

/* All epochs of a recipe whose temperature is known. */
static adaptau_status train_fully(struct tuning *t, const adaptau_recipe *recipe, adaptau_error *error)
{
    struct tuning full = {.context = t->context, .options = t->options, .part = t->part, .held_out = t->held_out, .recipe = *recipe};
    double        score = 0;
    adaptau_status status = make_evaluator(&full, error);
    if (!status)
        status = make_first_rows(&full, error);
    if (!status)
        status = run_trial(&full, recipe->tau, &score, error);
    t->result.factorised_recall = full.recall;
    t->result.factorised_score = score;
    close_tuning(&full);
    return status;
}

/* Matrix factorisation by its defaults on the same interactions: its temperature, then a whole training. Four epochs of it and five of
 * LightGCN are not alike: on MovieLens-1M LightGCN is ahead by 2 % then, and behind by 1 % at the end. */
static adaptau_status try_factorisation(struct tuning *t, adaptau_error *error)
{
    adaptau_tune_options options = {.struct_size = sizeof options};
    adaptau_recipe       recipe = {.struct_size = sizeof recipe};
    adaptau_status       status = adaptau_tune_options_init(&options, error);
    options.cutoff = t->options.cutoff;
    options.held_out = t->held_out;
    options.progress = t->options.progress;
    options.user_data = t->options.user_data;
    if (!status)
        status = adaptau_recipe_init(&recipe, error);
    recipe.dim = t->recipe.dim;
    recipe.seed = t->recipe.seed;
    if (!status)
        status = adaptau_tune(t->context, t->part, &options, &recipe, NULL, error);
    return status ? status : train_fully(t, &recipe, error);
}

static bool compares(const struct tuning *t, const adaptau_recipe *filled)
{
    return t->options.flags & ADAPTAU_TUNE_COMPARE && filled->encoder != ADAPTAU_ENCODER_MF;
}

static adaptau_status prepare(struct tuning *t, const adaptau_dataset *dataset, const adaptau_recipe *filled, adaptau_error *error)
{
    adaptau_status status = split(t, dataset, error);
    if (status)
        return status;
    t->recipe = *filled;
    t->tries_personal = filled->tau_user_policy == ADAPTAU_BY_DATA;
    t->tries_inside = filled->positives_outside_sum == ADAPTAU_BY_DATA;
    atau_recipe_without_trials(&t->recipe);
    t->result.n_held_out = adaptau_dataset_n_interactions(t->held_out);
    if (t->result.n_held_out == 0 || adaptau_dataset_n_interactions(t->part) == 0)
        return ADAPTAU_OK;
    status = leave_users_out(t, error);
    t->result.user_divisor = t->divisor;
    return status;
}

/* `filled` has ADAPTAU_TAU0_HELD_OUT, or is to be compared. */
static adaptau_status tune(struct tuning *t, const adaptau_dataset *dataset, adaptau_recipe *filled, adaptau_error *error)
{
    const bool     finds = filled->tau0_policy == ADAPTAU_TAU0_HELD_OUT;
    adaptau_status status = prepare(t, dataset, filled, error);
    if (status)
        return status;
    if (t->result.user_divisor == 0) {
        filled->tau0_policy = finds ? ADAPTAU_TAU0_FIRST_ORDER : filled->tau0_policy;
        return ADAPTAU_OK;
    }
    if (finds)
        status = run_trials(t, error);
    if (!status && compares(t, filled))
        status = try_factorisation(t, error);
    if (status || !finds)
        return status;
    filled->tau0_policy = ADAPTAU_TAU0_FIXED;
    filled->tau = t->result.tau;
    filled->tau_user_policy = t->recipe.tau_user_policy;
    filled->positives_outside_sum = t->recipe.positives_outside_sum;
    return status;
}

adaptau_status adaptau_tune(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_tune_options *options,
                            adaptau_recipe *recipe, adaptau_tune_result *result, adaptau_error *error)
{
    struct tuning  t = {.context = context};
    adaptau_recipe own;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(recipe, error);
    adaptau_status status = read_options(&t.options, options, dataset, error);
    if (!status && result)
        status = atau_check_output(result, sizeof *result, "result", error);
    if (!status)
        status = atau_read_recipe(&own, recipe, error);
    if (status)
        return status;
    status = adaptau_recipe_fill(&own, dataset, error);
    if (!status && (own.tau0_policy == ADAPTAU_TAU0_HELD_OUT || compares(&t, &own)))
        status = tune(&t, dataset, &own, error);
    close_tuning(&t);
    if (status)
        return status;
    atau_recipe_without_trials(&own); /* where there was nothing to try them on */
    t.result.tau_user_policy = own.tau_user_policy;
    t.result.positives_outside_sum = own.positives_outside_sum;
    atau_write_struct(recipe, &own, sizeof own);
    if (result)
        atau_write_struct(result, &t.result, sizeof t.result);
    return ADAPTAU_OK;
}
