/* SPDX-License-Identifier: MIT */
/* evaluator.h */
#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context                 *context;
    const adaptau_dataset           *held_out;
    const adaptau_evaluator_options *options;
    adaptau_evaluator               *evaluator;
    const adaptau_tables            *tables;
    int32_t                          metric, cutoff, n_taus;
    const double                    *taus;
    double                          *means;
    void                            *out;

    STRUCT(adaptau_evaluator_options, options);
    TABLES_MEMBERS;
    const adaptau_dataset *masks[2];
    int32_t                cutoffs[3], groups[ITEMS];
    double                 mean, per_group[2], two_taus[2], two_means[2];
    float                  per_user[USERS], bias[ITEMS];
    adaptau_evaluator     *made;
} a;

#define OPTIONS a.options_struct.known
#define TABLES a.tables_struct.known

static void release(void)
{
    adaptau_evaluator_destroy(a.made);
    a.made = NULL;
}

static void prepare_evaluator_create(void)
{
    static const int32_t cutoffs[3] = {2, 5, 65536};
    memcpy(a.cutoffs, cutoffs, sizeof cutoffs);
    memset(a.groups, 0, sizeof a.groups);
    a.masks[0] = a.masks[1] = desk.data;
    OPTIONS = full_evaluator_options((adaptau_evaluator_options){.n_cutoffs = 3, .cutoffs = a.cutoffs, .n_masks = 2,
                                                                 .masks = a.masks, .n_groups = 2, .item_groups = a.groups});
    a.context = desk.context;
    a.held_out = desk.data;
    a.options = &OPTIONS;
    a.out = &a.made;
}

static adaptau_status call_evaluator_create(adaptau_error *error)
{
    return adaptau_evaluator_create(a.context, a.held_out, a.options, a.out, error);
}

static const struct misuse create[] = {
    IS_NULL(context),
    IS_NULL(held_out),
    IS_NULL(out),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT,
     "options->n_cutoffs = 0, but must be at least 1, the length of options->cutoffs; adaptau_evaluator_options_init writes the",
     {TO(OPTIONS.n_cutoffs, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->n_cutoffs = -1 is negative", {TO(OPTIONS.n_cutoffs, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoffs is NULL, but options->n_cutoffs = 3", {TO(OPTIONS.cutoffs, NULL)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoffs[0] = 0 is outside 1 ... 65536", {TO(a.cutoffs[0], 0)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoffs[2] = 65537 is outside 1 ... 65536", {TO(a.cutoffs[2], 65537)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoffs[2] = 4 comes after 5: not ascending", {TO(a.cutoffs[2], 4)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoffs[1] = 2 comes after 2: not ascending", {TO(a.cutoffs[1], 2)}},
    {ADAPTAU_E_ARGUMENT, "options->n_masks = -2 is negative", {TO(OPTIONS.n_masks, -2)}},
    {ADAPTAU_E_ARGUMENT, "options->masks is NULL, but options->n_masks = 2", {TO(OPTIONS.masks, NULL)}},
    {ADAPTAU_E_ARGUMENT, "options->masks[0] is NULL", {TO(a.masks[0], NULL)}},
    {ADAPTAU_E_ARGUMENT, "options->masks[1] is NULL", {TO(a.masks[1], NULL)}},
    {ADAPTAU_E_SHAPE, "options->masks[1] is of 7 users x 9 items, but held_out of 6 x 8", {FROM(a.masks[1], desk.larger)}},
    {ADAPTAU_E_ARGUMENT, "options->n_groups = -2 is negative", {TO(OPTIONS.n_groups, -2)}},
    {ADAPTAU_E_ARGUMENT, "options->item_groups is NULL, but options->n_groups = 2", {TO(OPTIONS.item_groups, NULL)}},
    {ADAPTAU_E_INDEX, "options->item_groups[7] = 2, but options->n_groups = 2", {TO(a.groups[7], 2)}},
    {ADAPTAU_E_INDEX, "options->item_groups[0] = 2, but options->n_groups = 2", {TO(a.groups[0], 2)}},
    {ADAPTAU_E_INDEX, "options->item_groups[3] = -1, but options->n_groups = 2", {TO(a.groups[3], -1)}},
};

static void prepare_evaluator_run(void)
{
    PREPARE_TABLES;
    memset(a.bias, 0, sizeof a.bias);
    TABLES.item_bias = a.bias;
    a.evaluator = desk.evaluator;
    a.tables = &TABLES;
}

static adaptau_status call_evaluator_run(adaptau_error *error)
{
    return adaptau_evaluator_run(a.evaluator, a.tables, error);
}

static const struct misuse run[] = {
    IS_NULL(evaluator),
    BAD_TABLES,
    {ADAPTAU_E_SHAPE, "tables->n_users = 5, but held_out has 6 users", {TO(TABLES.n_users, USERS - 1)}},
    {ADAPTAU_E_SHAPE, "tables->n_items = 9, but held_out has 8 items", {TO(TABLES.n_items, ITEMS + 1)}},
    {ADAPTAU_E_NUMERIC, "item_bias[3]", {TO(a.bias[3], NAN)}},
};

static void prepare_results(void)
{
    a.evaluator = desk.evaluator;
    a.metric = 0;
    a.cutoff = 20;
}

#define BAD_RESULTS                                                                                                                        \
    IS_NULL(evaluator), IS_NULL(out), {ADAPTAU_E_STATE, "the evaluator has not run", {FROM(a.evaluator, desk.unused_evaluator)}},          \
        {ADAPTAU_E_ARGUMENT, "cutoff = 1, but options->cutoffs of this evaluator were 20", {TO(a.cutoff, 1)}},                             \
        {ADAPTAU_E_ARGUMENT, "cutoff = -1, but options->cutoffs", {TO(a.cutoff, -1)}},                                                     \
        {ADAPTAU_E_ARGUMENT, "metric = -1 is outside", {TO(a.metric, -1)}},                                                                \
    {                                                                                                                                      \
        ADAPTAU_E_ARGUMENT, "metric = 6 is outside",                                                                                       \
        {                                                                                                                                  \
            TO(a.metric, ADAPTAU_N_METRICS)                                                                                                \
        }                                                                                                                                  \
    }

static void prepare_evaluator_mean(void)
{
    prepare_results();
    a.out = &a.mean;
}

static adaptau_status call_evaluator_mean(adaptau_error *error)
{
    return adaptau_evaluator_mean(a.evaluator, a.metric, a.cutoff, a.out, error);
}

static const struct misuse mean[] = {BAD_RESULTS};

static void prepare_evaluator_per_user(void)
{
    prepare_results();
    a.out = a.per_user;
}

static adaptau_status call_evaluator_per_user(adaptau_error *error)
{
    return adaptau_evaluator_per_user(a.evaluator, a.metric, a.cutoff, a.out, error);
}

static const struct misuse per_user[] = {BAD_RESULTS};

static void prepare_evaluator_per_group(void)
{
    prepare_results();
    a.out = a.per_group;
}

static adaptau_status call_evaluator_per_group(adaptau_error *error)
{
    return adaptau_evaluator_per_group(a.evaluator, a.metric, a.cutoff, a.out, error);
}

static const struct misuse per_group[] = {
    BAD_RESULTS,
    {ADAPTAU_E_ARGUMENT, "metric = 3", {TO(a.metric, ADAPTAU_METRIC_HIT_RATE)}},
    {ADAPTAU_E_STATE, "the evaluator has no groups", {FROM(a.evaluator, desk.plain_evaluator)}},
};

static void prepare_evaluator_log_likelihood(void)
{
    prepare_evaluator_run();
    a.two_taus[0] = 0.1;
    a.two_taus[1] = 0.5;
    a.n_taus = 2;
    a.taus = a.two_taus;
    a.means = a.two_means;
}

static adaptau_status call_evaluator_log_likelihood(adaptau_error *error)
{
    return adaptau_evaluator_log_likelihood(a.evaluator, a.tables, a.n_taus, a.taus, a.means, error);
}

static const struct misuse log_likelihood[] = {
    IS_NULL(evaluator),
    IS_NULL(taus),
    IS_NULL(means),
    BAD_TABLES,
    {ADAPTAU_E_SHAPE, "tables->n_users = 5, but held_out has 6 users", {TO(TABLES.n_users, USERS - 1)}},
    {ADAPTAU_E_SHAPE, "tables->n_items = 9, but held_out has 8 items", {TO(TABLES.n_items, ITEMS + 1)}},
    {ADAPTAU_E_ARGUMENT, "n_taus = -1 is outside 0 ... 64", {TO(a.n_taus, -1)}},
    {ADAPTAU_E_ARGUMENT, "n_taus = 65 is outside 0 ... 64", {TO(a.n_taus, 65)}},
    {ADAPTAU_E_ARGUMENT, "taus[1] = 0 is outside", {TO(a.two_taus[1], 0.0)}},
    {ADAPTAU_E_ARGUMENT, "taus[0] = -1 is outside", {TO(a.two_taus[0], -1.0)}},
    {ADAPTAU_E_NUMERIC, "taus[0] = nan is not finite", {TO(a.two_taus[0], NAN)}},
};

static const struct subject subjects[] = {
    SUBJECT(evaluator_log_likelihood, log_likelihood),
    SUBJECT(evaluator_create, create),     SUBJECT(evaluator_run, run),
    SUBJECT(evaluator_mean, mean),         SUBJECT(evaluator_per_user, per_user),
    SUBJECT(evaluator_per_group, per_group),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_evaluator_destroy(void)
{
    adaptau_evaluator_destroy(NULL);
}

static void call_evaluator_n_users(void)
{
    ck_assert_int_eq(adaptau_evaluator_n_users(NULL), 0);
}

static void call_evaluator_users(void)
{
    ck_assert_ptr_null(adaptau_evaluator_users(NULL));
}

static const struct harmless harmless[] = {
    HARMLESS(evaluator_destroy),
    HARMLESS(evaluator_n_users),
    HARMLESS(evaluator_users),
};

MISUSE_FILE(evaluator);
