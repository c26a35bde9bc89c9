/* SPDX-License-Identifier: MIT */
/* tune.h */
#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context            *context;
    const adaptau_dataset      *dataset;
    const adaptau_tune_options *options;
    adaptau_recipe             *recipe;
    void                       *result;

    STRUCT(adaptau_tune_options, options);
    STRUCT(adaptau_tune_result, result);
    STRUCT(adaptau_recipe, recipe);
    int64_t times[PAIRS];
} a;

#define OPTIONS a.options_struct.known
#define RECIPE a.recipe_struct.known

static void release(void)
{
}

static int32_t end_at_once(void *user_data, const adaptau_tune_progress *progress)
{
    (void)user_data;
    (void)progress;
    return 1;
}

static void prepare_tune(void)
{
    RECIPE.struct_size = sizeof RECIPE;
    ck_assert_int_eq(adaptau_recipe_init(&RECIPE, NULL), ADAPTAU_OK);
    RECIPE.dim = DIM;
    RECIPE.init = ADAPTAU_INIT_SPHERE;
    OPTIONS = full_tune_options((adaptau_tune_options){.share = 0.5, .trial_epochs = 1});
    a.result_struct.known = (adaptau_tune_result){.struct_size = sizeof a.result_struct.known};
    memset(a.times, 0, sizeof a.times);
    a.context = desk.context;
    a.dataset = desk.data;
    a.options = &OPTIONS;
    a.recipe = &RECIPE;
    a.result = &a.result_struct.known;
}

static adaptau_status call_tune(adaptau_error *error)
{
    return adaptau_tune(a.context, a.dataset, a.options, a.recipe, a.result, error);
}

static const struct misuse tune[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(recipe),
    BAD_STRUCT(options),
    BAD_STRUCT(recipe),
    BAD_SIZES(result),
    {ADAPTAU_E_NUMERIC, "options->share = nan is not finite", {TO(OPTIONS.share, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->share = 1 is outside [0, 1)", {TO(OPTIONS.share, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->share = -0.1 is outside [0, 1)", {TO(OPTIONS.share, -0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->share = 0, but must be above 0; adaptau_tune_options_init writes the defaults", {TO(OPTIONS.share, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->cutoff = 0, but must be at least 1; adaptau_tune_options_init writes the defaults",
     {TO(OPTIONS.cutoff, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->trial_epochs = 0, but must be at least 1, or ADAPTAU_BY_DATA; adaptau_tune_options_init writes the defaults",
     {TO(OPTIONS.trial_epochs, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->user_divisor = 0, but must be at least 1, or ADAPTAU_BY_DATA; adaptau_tune_options_init writes the defaults",
     {TO(OPTIONS.user_divisor, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoff = -1 is outside 1 ... 65536", {TO(OPTIONS.cutoff, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoff = 65537 is outside 1 ... 65536", {TO(OPTIONS.cutoff, 65537)}},
    {ADAPTAU_E_ARGUMENT, "options->trial_epochs = -2 is outside", {TO(OPTIONS.trial_epochs, -2)}},
    {ADAPTAU_E_ARGUMENT, "options->seed is given, but options->held_out", {FROM(OPTIONS.held_out, desk.data), TO(OPTIONS.seed, 7)}},
    {ADAPTAU_E_ARGUMENT, "options->times is given, but options->held_out", {FROM(OPTIONS.held_out, desk.data), TO(OPTIONS.times, a.times)}},
    {ADAPTAU_E_ARGUMENT,
     "options->split_flags is given, but options->held_out",
     {FROM(OPTIONS.held_out, desk.data), TO(OPTIONS.split_flags, ADAPTAU_SPLIT_ACROSS_USERS)}},
    {ADAPTAU_E_ARGUMENT, "options->flags = 0x4 has unknown bits", {TO(OPTIONS.split_flags, 4)}},
    {ADAPTAU_E_ARGUMENT, "options->user_divisor = 1025 is outside 1 ... 1024", {TO(OPTIONS.user_divisor, 1025)}},
    {ADAPTAU_E_ARGUMENT, "options->user_divisor = -2 is outside 1 ... 1024", {TO(OPTIONS.user_divisor, -2)}},
    {ADAPTAU_E_ARGUMENT, "options->flags = 0x2 has unknown bits", {TO(OPTIONS.flags, 2)}},
    {ADAPTAU_E_ARGUMENT, "options->reserved = 1, not 0", {TO(OPTIONS.reserved, 1)}},
    {ADAPTAU_E_SHAPE, "options->held_out is of 7 users x 9 items, but dataset of 6 x 8", {FROM(OPTIONS.held_out, desk.larger)}},
    {ADAPTAU_E_ARGUMENT, "options->held_out has no interaction that dataset has not", {FROM(OPTIONS.held_out, desk.data)}},
    {ADAPTAU_E_ARGUMENT, "recipe->dim = 0", {TO(RECIPE.dim, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "recipe->tau0_policy = 5, but ADAPTAU_LOSS_CCL and _MSE have no temperature to find",
     {TO(RECIPE.loss, ADAPTAU_LOSS_MSE), TO(RECIPE.tau0_policy, ADAPTAU_TAU0_HELD_OUT)}},
    {ADAPTAU_E_CANCELLED, "options->progress asked for the end in trial 1", {TO(OPTIONS.progress, end_at_once)}},
};

static const struct subject subjects[] = {SUBJECT(tune, tune)};

static const struct harmless harmless[] = {{NULL, NULL}};

const struct misuse_file tune_misuse = {&a, sizeof a, release, subjects, 1, harmless, 0};
