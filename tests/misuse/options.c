/* SPDX-License-Identifier: MIT */
/* The calls that write the defaults of structs. */
#include <adaptau/experimental.h>

#include "misuse.h"

static struct {
    const adaptau_model *model;
    int32_t              kind, tau0_policy, tau_user_policy;
    double               first;

    void *options, *loss, *reduce; /* the struct, by what the header calls it */

    STRUCT(adaptau_sampler_options, sampler);
    STRUCT(adaptau_temperature_options, temperature);
    STRUCT(adaptau_evaluator_options, evaluator);
    STRUCT(adaptau_search_options, search);
    STRUCT(adaptau_model_options, model_options);
    STRUCT(adaptau_target_options, targets);
    STRUCT(adaptau_contrast_options, contrast);
    STRUCT(adaptau_fold_in_options, fold);
    STRUCT(adaptau_adam_options, adam);
    STRUCT(adaptau_fit_options, fit);
    STRUCT(adaptau_tune_options, tune);
    STRUCT(adaptau_loss, loss);
    STRUCT(adaptau_reduce, reduce);
} a;

static void release(void)
{
}

/* `name` of the function without _init, the struct in `a`, what the header calls it, and the arguments between it and the error. */
#define INIT(name, object, argument, ...)                                                                               \
    static void prepare_##name##_init(void)                                                                             \
    {                                                                                                                   \
        a.object##_struct.known.struct_size = sizeof a.object##_struct.known;                                           \
        a.argument = &a.object##_struct.known;                                                                          \
        a.kind = a.tau0_policy = a.tau_user_policy = 0;                                                                 \
        a.first = 0.1;                                                                                                  \
        a.model = desk.model;                                                                                           \
    }                                                                                                                   \
    static adaptau_status call_##name##_init(adaptau_error *error)                                                      \
    {                                                                                                                   \
        return adaptau_##name##_init(a.argument, __VA_ARGS__);                                                          \
    }

#define BAD(object, argument)                                                                                           \
    IS_NULL(argument), {ADAPTAU_E_ABI, #argument "->struct_size = 0", {TO(a.object##_struct.known.struct_size, 0)}},    \
        {ADAPTAU_E_ABI, #argument "->struct_size = 8", {TO(a.object##_struct.known.struct_size, 8)}},                   \
        {ADAPTAU_E_ABI, #argument "->struct_size = 4100", {TO(a.object##_struct.known.struct_size, 4100)}}

INIT(sampler_options, sampler, options, a.kind, error)
INIT(temperature_options, temperature, options, a.tau0_policy, a.tau_user_policy, error)
INIT(evaluator_options, evaluator, options, error)
INIT(search_options, search, options, a.first, error)
INIT(model_options, model_options, options, error)
INIT(target_options, targets, options, error)
INIT(contrast_options, contrast, options, a.kind, error)
INIT(fold_in_options, fold, options, a.model, a.tau_user_policy, error)
INIT(adam_options, adam, options, error)
INIT(fit_options, fit, options, error)
INIT(tune_options, tune, options, error)
INIT(loss, loss, loss, a.kind, error)
INIT(reduce, reduce, reduce, error)

static const struct misuse sampler[] = {BAD(sampler, options),
                                        {ADAPTAU_E_ARGUMENT, "kind = 5 is unknown", {TO(a.kind, 5)}},
                                        {ADAPTAU_E_ARGUMENT, "kind = -1 is unknown", {TO(a.kind, -1)}}};
static const struct misuse temperature[] = {
    BAD(temperature, options),
    {ADAPTAU_E_ARGUMENT, "tau0_policy = 5 is unknown", {TO(a.tau0_policy, ADAPTAU_TAU0_HELD_OUT)}},
    {ADAPTAU_E_ARGUMENT, "tau0_policy = -1 is unknown", {TO(a.tau0_policy, -1)}},
    {ADAPTAU_E_ARGUMENT, "tau_user_policy = 5 is unknown", {TO(a.tau_user_policy, 5)}},
    {ADAPTAU_E_ARGUMENT, "tau_user_policy = -1 is unknown", {TO(a.tau_user_policy, -1)}}};
static const struct misuse evaluator[] = {BAD(evaluator, options)};
static const struct misuse search[] = {BAD(search, options),
                                       {ADAPTAU_E_NUMERIC, "first = nan is not finite", {TO(a.first, NAN)}},
                                       {ADAPTAU_E_ARGUMENT, "first = 0 is outside 1e-30 ... 1e30", {TO(a.first, 0.0)}},
                                       {ADAPTAU_E_ARGUMENT, "first = -1 is outside", {TO(a.first, -1.0)}},
                                       {ADAPTAU_E_ARGUMENT, "first = 1e+31 is outside", {TO(a.first, 1e31)}}};
static const struct misuse model_options[] = {BAD(model_options, options)};
static const struct misuse targets[] = {BAD(targets, options)};
static const struct misuse contrast[] = {BAD(contrast, options),
                                         {ADAPTAU_E_ARGUMENT, "kind = 3 is unknown", {TO(a.kind, 3)}},
                                         {ADAPTAU_E_ARGUMENT, "kind = -1 is unknown", {TO(a.kind, -1)}}};
static const struct misuse fold[] = {
    BAD(fold, options),
    IS_NULL(model),
    {ADAPTAU_E_ARGUMENT, "tau_user_policy = 4 is not", {TO(a.tau_user_policy, ADAPTAU_TAU_USER_LEARNED)}},
    {ADAPTAU_E_ARGUMENT, "tau_user_policy = -1 is not", {TO(a.tau_user_policy, -1)}}};
static const struct misuse adam[] = {BAD(adam, options)};
static const struct misuse fit[] = {BAD(fit, options)};
static const struct misuse tune[] = {BAD(tune, options)};
static const struct misuse loss[] = {BAD(loss, loss),
                                     {ADAPTAU_E_ARGUMENT, "kind = 9 is unknown", {TO(a.kind, 9)}},
                                     {ADAPTAU_E_ARGUMENT, "kind = -1 is unknown", {TO(a.kind, -1)}}};
static const struct misuse reduce[] = {BAD(reduce, reduce)};

static const struct subject subjects[] = {
    SUBJECT(sampler_options_init, sampler),     SUBJECT(temperature_options_init, temperature),
    SUBJECT(evaluator_options_init, evaluator), SUBJECT(search_options_init, search),
    SUBJECT(model_options_init, model_options), SUBJECT(target_options_init, targets),
    SUBJECT(contrast_options_init, contrast),   SUBJECT(fold_in_options_init, fold),
    SUBJECT(adam_options_init, adam),           SUBJECT(fit_options_init, fit),
    SUBJECT(tune_options_init, tune),           SUBJECT(loss_init, loss),
    SUBJECT(reduce_init, reduce),
};

static const struct harmless harmless[] = {{NULL, NULL}};

const struct misuse_file options_misuse = {&a, sizeof a, release, subjects, sizeof subjects / sizeof *subjects, harmless, 0};
