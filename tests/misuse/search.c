/* SPDX-License-Identifier: MIT */
/* search.h */
#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context              *context;
    const adaptau_search_options *options;
    adaptau_search               *search;
    double                        score;
    double                       *value;
    void                         *out;

    STRUCT(adaptau_search_options, options);
    STRUCT(adaptau_search_result, out);
    double          number;
    adaptau_search *made, *fresh, *finished;
} a;

#define OPTIONS a.options_struct.known

static void release(void)
{
    adaptau_search_destroy(a.made);
    adaptau_search_destroy(a.fresh);
    adaptau_search_destroy(a.finished);
    a.made = a.fresh = a.finished = NULL;
}

static void prepare_search_create(void)
{
    OPTIONS = full_search_options((adaptau_search_options){.first = 0.1});
    a.context = desk.context;
    a.options = &OPTIONS;
    a.out = &a.made;
}

static adaptau_status call_search_create(adaptau_error *error)
{
    return adaptau_search_create(a.context, a.options, a.out, error);
}

static const struct misuse create[] = {
    IS_NULL(context),
    IS_NULL(options),
    IS_NULL(out),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT, "options->max_trials = -1 is outside 1 ... 1024", {TO(OPTIONS.max_trials, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->max_trials = 0, but must be at least 1; adaptau_search_options_init writes the defaults",
     {TO(OPTIONS.max_trials, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->factor = 0, but must be at least 1.0001; adaptau_search_options_init writes the defaults",
     {TO(OPTIONS.factor, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->most = 0, but must be above 0; adaptau_search_options_init writes the defaults",
     {TO(OPTIONS.most, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->first = 0 is outside", {TO(OPTIONS.first, 0.0)}},
    {ADAPTAU_E_ARGUMENT, "options->factor = 1 is outside", {TO(OPTIONS.factor, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->least is negative", {TO(OPTIONS.least, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->most is negative", {TO(OPTIONS.most, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->most = 1 is below options->least = 2", {TO(OPTIONS.least, 2.0), TO(OPTIONS.most, 1.0)}},
    {ADAPTAU_E_NUMERIC, "options->first = nan is not finite", {TO(OPTIONS.first, NAN)}},
    {ADAPTAU_E_NUMERIC, "options->factor = inf is not finite", {TO(OPTIONS.factor, INFINITY)}},
    {ADAPTAU_E_NUMERIC, "options->least = nan is not finite", {TO(OPTIONS.least, NAN)}},
    {ADAPTAU_E_NUMERIC, "options->most = inf is not finite", {TO(OPTIONS.most, INFINITY)}},
};

/* One search with a score for its only trial, one without. */
static void prepare_searches(void)
{
    adaptau_search_options options = full_search_options((adaptau_search_options){.first = 0.1, .max_trials = 1});
    ck_assert_int_eq(adaptau_search_create(desk.context, &options, &a.fresh, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_search_create(desk.context, &options, &a.finished, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_search_report(a.finished, 1.0, NULL), ADAPTAU_OK);
}

static void prepare_search_next(void)
{
    prepare_searches();
    a.search = a.fresh;
    a.value = &a.number;
}

static adaptau_status call_search_next(adaptau_error *error)
{
    return adaptau_search_next(a.search, a.value, error);
}

static const struct misuse next[] = {IS_NULL(search), IS_NULL(value)};

static void prepare_search_report(void)
{
    prepare_searches();
    a.search = a.fresh;
    a.score = 0.5;
}

static adaptau_status call_search_report(adaptau_error *error)
{
    return adaptau_search_report(a.search, a.score, error);
}

static const struct misuse report[] = {
    IS_NULL(search),
    {ADAPTAU_E_NUMERIC, "score = nan is not finite", {TO(a.score, NAN)}},
    {ADAPTAU_E_STATE, "the search is over after 1 trials", {FROM(a.search, a.finished)}},
};

static void prepare_search_get_result(void)
{
    prepare_searches();
    a.out_struct.known.struct_size = sizeof a.out_struct.known;
    a.search = a.finished;
    a.out = &a.out_struct.known;
}

static adaptau_status call_search_get_result(adaptau_error *error)
{
    return adaptau_search_get_result(a.search, a.out, error);
}

static const struct misuse get_result[] = {
    IS_NULL(search),
    IS_NULL(out),
    BAD_SIZES(out),
    {ADAPTAU_E_STATE, "no trial has a score yet", {FROM(a.search, a.fresh)}},
};

static const struct subject subjects[] = {
    SUBJECT(search_create, create),
    SUBJECT(search_next, next),
    SUBJECT(search_report, report),
    SUBJECT(search_get_result, get_result),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_search_destroy(void)
{
    adaptau_search_destroy(NULL);
}

static const struct harmless harmless[] = {HARMLESS(search_destroy)};

MISUSE_FILE(search);
