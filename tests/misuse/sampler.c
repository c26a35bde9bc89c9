/* SPDX-License-Identifier: MIT */
/* sampler.h */
#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context               *context;
    const adaptau_dataset         *dataset;
    const adaptau_sampler_options *options;
    adaptau_sampler               *sampler;
    int64_t                        epoch;
    void                          *out;

    STRUCT(adaptau_sampler_options, options);
    STRUCT(adaptau_batch, out);
    adaptau_sampler *made;
} a;

#define OPTIONS a.options_struct.known

static void release(void)
{
    adaptau_sampler_destroy(a.made);
    a.made = NULL;
}

static void prepare_sampler_create(void)
{
    OPTIONS = full_sampler_options((adaptau_sampler_options){0});
    a.context = desk.context;
    a.dataset = desk.data;
    a.options = &OPTIONS;
    a.out = &a.made;
}

static adaptau_status call_sampler_create(adaptau_error *error)
{
    return adaptau_sampler_create(a.context, a.dataset, a.options, a.out, error);
}

static const struct misuse create[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(out),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT, "options->kind = 5 is unknown", {TO(OPTIONS.kind, 5)}},
    {ADAPTAU_E_ARGUMENT, "options->kind = -1 is unknown", {TO(OPTIONS.kind, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->rows = 3 is unknown", {TO(OPTIONS.rows, 3)}},
    {ADAPTAU_E_ARGUMENT, "options->rows = -1 is unknown", {TO(OPTIONS.rows, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->flags = 0x10 has unknown bits", {TO(OPTIONS.flags, 16)}},
    {ADAPTAU_E_ARGUMENT, "options->reserved = 1, not 0", {TO(OPTIONS.reserved, 1)}},
    {ADAPTAU_E_ARGUMENT, "options->rows_per_batch = 0, but must be at least 1; adaptau_sampler_options_init writes the defaults",
     {TO(OPTIONS.rows_per_batch, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->n_candidates = 0, but must be at least 1; adaptau_sampler_options_init writes the defaults",
     {TO(OPTIONS.kind, ADAPTAU_SAMPLER_SHARED_UNIFORM), TO(OPTIONS.n_candidates, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->n_candidates = 0, but must be at least 1; adaptau_sampler_options_init writes the defaults",
     {TO(OPTIONS.kind, ADAPTAU_SAMPLER_PER_ROW_UNIFORM), TO(OPTIONS.n_candidates, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->rows_per_batch = -4 is negative", {TO(OPTIONS.rows_per_batch, -4)}},
    {ADAPTAU_E_ARGUMENT, "options->n_candidates = -1 is outside 0 ... 2147483647", {TO(OPTIONS.n_candidates, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->n_candidates = 2147483648 is outside", {TO(OPTIONS.n_candidates, INT64_C(1) << 31)}},
    {ADAPTAU_E_ARGUMENT, "options->popularity_exponent = 4.5 is outside -4 ... 4", {TO(OPTIONS.popularity_exponent, 4.5)}},
    {ADAPTAU_E_ARGUMENT, "options->row_weight_exponent = -0.5 is outside 0 ... 2", {TO(OPTIONS.row_weight_exponent, -0.5)}},
    {ADAPTAU_E_NUMERIC, "options->popularity_exponent = nan is not finite", {TO(OPTIONS.popularity_exponent, NAN)}},
    {ADAPTAU_E_NUMERIC, "options->row_weight_exponent = inf is not finite", {TO(OPTIONS.row_weight_exponent, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "options->kind = 1, but the dataset has logged negatives, which need ADAPTAU_SAMPLER_CATALOGUE",
     {FROM(a.dataset, desk.with_negatives), TO(OPTIONS.kind, ADAPTAU_SAMPLER_SHARED_UNIFORM)}},
    {ADAPTAU_E_ARGUMENT, "options->kind = 4, but the dataset has logged negatives",
     {FROM(a.dataset, desk.with_negatives), TO(OPTIONS.kind, ADAPTAU_SAMPLER_PER_ROW_UNIFORM)}},
    {ADAPTAU_E_SHAPE,
     "10 rows of options->n_candidates = 268435456 exceed 2^31 - 1",
     {TO(OPTIONS.kind, ADAPTAU_SAMPLER_PER_ROW_UNIFORM), TO(OPTIONS.rows_per_batch, 10),
      TO(OPTIONS.n_candidates, INT64_C(1) << 28)}},
};

static void prepare_sampler_begin_epoch(void)
{
    a.sampler = desk.sampler;
    a.epoch = (INT64_C(1) << 48) - 1;
}

static adaptau_status call_sampler_begin_epoch(adaptau_error *error)
{
    return adaptau_sampler_begin_epoch(a.sampler, a.epoch, error);
}

static const struct misuse begin_epoch[] = {
    IS_NULL(sampler),
    {ADAPTAU_E_ARGUMENT, "epoch = -1 is outside 0 ... 2^48 - 1", {TO(a.epoch, -1)}},
    {ADAPTAU_E_ARGUMENT, "epoch = 281474976710656 is outside 0 ... 2^48 - 1", {TO(a.epoch, INT64_C(1) << 48)}},
};

static void prepare_sampler_next(void)
{
    ck_assert_int_eq(adaptau_sampler_begin_epoch(desk.sampler, 0, NULL), ADAPTAU_OK);
    a.out_struct.known = (adaptau_batch){.struct_size = sizeof a.out_struct.known, .n_rows = 77};
    a.sampler = desk.sampler;
    a.out = &a.out_struct.known;
}

static adaptau_status call_sampler_next(adaptau_error *error)
{
    return adaptau_sampler_next(a.sampler, a.out, error);
}

static const struct misuse next[] = {
    IS_NULL(sampler),
    IS_NULL(out),
    BAD_SIZES(out),
    {ADAPTAU_E_STATE, "no epoch has begun", {FROM(a.sampler, desk.unused_sampler)}},
};

static const struct subject subjects[] = {
    SUBJECT(sampler_create, create),
    SUBJECT(sampler_begin_epoch, begin_epoch),
    SUBJECT(sampler_next, next),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_sampler_destroy(void)
{
    adaptau_sampler_destroy(NULL);
}

static void call_sampler_n_batches(void)
{
    ck_assert_int_eq(adaptau_sampler_n_batches(NULL), 0);
}

static const struct harmless harmless[] = {HARMLESS(sampler_destroy), HARMLESS(sampler_n_batches)};

MISUSE_FILE(sampler);
