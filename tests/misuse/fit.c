/* SPDX-License-Identifier: MIT */
/* recipe.h and fit.h */
#include <adaptau/experimental.h>

#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context             *context;
    const adaptau_dataset       *dataset;
    void                        *recipe, *batch, *out, *note;
    const adaptau_split_options *options;
    void                        *kept, *held_out;
    adaptau_training            *training;
    adaptau_model               *model;
    adaptau_temperature         *temperature;
    const char                  *path;
    float                       *bias;
    int32_t                      n_users, n_items;
    int64_t                      n_interactions, epoch;
    double                       strength, tau0, loss;
    int64_t                      step, n_steps;
    double                      *users, *items;

    STRUCT(adaptau_recipe, recipe);
    STRUCT(adaptau_model_options, model);
    STRUCT(adaptau_loss, loss);
    STRUCT(adaptau_temperature_options, temperature);
    STRUCT(adaptau_sampler_options, sampler);
    STRUCT(adaptau_fold_in_options, fold_in);
    const adaptau_model       *of_model;
    const adaptau_temperature *of_temperature;
    STRUCT(adaptau_split_options, options);
    STRUCT(adaptau_batch, batch);
    STRUCT(adaptau_training_state, state);
    STRUCT(adaptau_fit_options, fit);
    STRUCT(adaptau_fit_result, result);
    adaptau_recipe trained;
    const adaptau_fit_options *fit_options;
    adaptau_model            **model_out;
    void                      *result;
    double            rates[2];
    float             numbers[ITEMS];
    char              text[ADAPTAU_NOTE_SIZE];
    adaptau_dataset  *made_kept, *made_held_out;
    adaptau_training *made, *unused; /* the second has begun no epoch                                           */
    adaptau_model    *spare, *of_smaller;
} a;

#define RECIPE a.recipe_struct.known

static void release(void)
{
    adaptau_training_destroy(a.made);
    adaptau_training_destroy(a.unused);
    adaptau_model_destroy(a.spare);
    adaptau_model_destroy(a.of_smaller);
    adaptau_dataset_destroy(a.made_kept);
    adaptau_dataset_destroy(a.made_held_out);
    a.made = a.unused = NULL;
    a.spare = a.of_smaller = NULL;
    a.made_kept = a.made_held_out = NULL;
}

static void make_recipe(void)
{
    RECIPE.struct_size = sizeof RECIPE;
    ck_assert_int_eq(adaptau_recipe_init(&RECIPE, NULL), ADAPTAU_OK);
    RECIPE.dim = DIM;
    RECIPE.init = ADAPTAU_INIT_SPHERE;
    RECIPE.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    a.recipe = &RECIPE;
    a.dataset = desk.data;
    a.context = desk.context;
}

static void make_filled_recipe(void)
{
    make_recipe();
    ck_assert_int_eq(adaptau_recipe_fill(&RECIPE, desk.data, NULL), ADAPTAU_OK);
}

/* ---- recipes ----------------------------------------------------------------------------------------------------- */

static void prepare_recipe_init(void)
{
    RECIPE.struct_size = sizeof RECIPE;
    a.recipe = &RECIPE;
}

static adaptau_status call_recipe_init(adaptau_error *error)
{
    return adaptau_recipe_init(a.recipe, error);
}

static const struct misuse init[] = {IS_NULL(recipe), BAD_SIZES(recipe)};

static void prepare_recipe_fill(void)
{
    make_recipe();
}

static adaptau_status call_recipe_fill(adaptau_error *error)
{
    return adaptau_recipe_fill(a.recipe, a.dataset, error);
}

#define WRONG(member, value, message) {ADAPTAU_E_ARGUMENT, "recipe->" #member message, {TO(RECIPE.member, value)}}
#define SET(member, value) TO(RECIPE.member, value)

/* What every function answers that takes a recipe. */
#define BAD_RECIPE                                                                                                      \
    BAD_STRUCT(recipe), WRONG(encoder, 3, " = 3, but one of ADAPTAU_ENCODER_* is wanted"),                              \
        WRONG(encoder, -1, " = -1 (ADAPTAU_BY_DATA), but "), WRONG(init, ADAPTAU_INIT_HOST, " = 3"),     \
        WRONG(normalise, 4, " = 4"), WRONG(free_length, 2, " = 2, but 0 or 1"), WRONG(unit_raw_rows, 2, " = 2"),        \
        WRONG(rank_raw, -2, " = -2"), WRONG(row_second_moment, 3, " = 3"), WRONG(bfloat16, 2, " = 2"),                  \
        WRONG(loss, 8, " = 8"), WRONG(tau0_policy, 6, " = 6"), WRONG(tau_user_policy, -2, " = -2"),                     \
        WRONG(candidates, 5, " = 5"), WRONG(log_q, 2, " = 2"), WRONG(reject_positives, 2, " = 2"),                      \
        WRONG(positives_outside_sum, 7, " = 7"), WRONG(dim, 0, " = 0, but 1 ... 65536 is wanted"),                           \
        WRONG(dim, 65537, " = 65537"), WRONG(n_layers, 5, " = 5, but 0 ... 4"),                                         \
        WRONG(rows_per_batch, 0, " = 0, but 1 ..."), WRONG(n_candidates, INT64_C(1) << 31, " = 2147483648"),            \
        WRONG(epochs, 0, " = 0"), WRONG(epochs, INT64_MIN, " = "), WRONG(warmup_epochs, 0, " = 0"),                     \
        WRONG(edge_dropout, 1, " = 1, but [0, 1) is wanted"), WRONG(layer_dropout, -0.5, " = -0.5"),                    \
        WRONG(gate, 1.5, " = 1.5"), WRONG(weight_decay, 1e7, " = 10000000"), WRONG(margin, -2, " = -2"),                \
        WRONG(negative_weight, -2, " = -2"), WRONG(tau, -0.5, " = -0.5"), WRONG(tau_min, 0, " = 0"),                    \
        WRONG(tau_max, 0, " = 0"), WRONG(tau_divisor, 0, " = 0"), WRONG(tau_learning_rate, 11, " = 11"),                \
        WRONG(threshold_quantile, 1, " = 1"), WRONG(degree_quantile, 1, " = 1"),                                        \
        WRONG(popularity_exponent, 4.5, " = 4.5"), WRONG(row_weight_exponent, 0, " = 0, but (0, 2] is wanted"),         \
        WRONG(row_weight_exponent, 2.5, " = 2.5"), WRONG(soft_targets, -3, " = -3"),                                    \
        WRONG(learning_rate_users, -0.5, " = -0.5"), WRONG(learning_rate_items, 2e6, " = 2000000"),                     \
        WRONG(popularity_prior, -0.5, " = -0.5"), WRONG(top_k, -2, " = -2, but 0 ... 1024 is wanted"),                  \
        WRONG(top_k, 1025, " = 1025"), WRONG(weight_tau, -0.5, " = -0.5"), WRONG(positive_scale, 2e30, " = 2e+30"),     \
        WRONG(activation, 3, " = 3, but one of ADAPTAU_ACTIVATION_* is wanted"), WRONG(activation, -2, " = -2"),        \
        WRONG(reserved, 1, " = 1, but 0 is wanted"),                                                                    \
        {ADAPTAU_E_NUMERIC, "recipe->weight_tau = nan is not finite", {SET(weight_tau, NAN)}},                          \
        {ADAPTAU_E_NUMERIC, "recipe->positive_scale = inf is not finite", {SET(positive_scale, INFINITY)}},             \
        {ADAPTAU_E_ARGUMENT, "recipe->top_k = 5, but only ADAPTAU_LOSS_SLATK", {SET(top_k, 5)}},                        \
        {ADAPTAU_E_ARGUMENT, "recipe->weight_tau = 2, but only ADAPTAU_LOSS_SLATK", {SET(weight_tau, 2)}},              \
        {ADAPTAU_E_ARGUMENT, "recipe->positive_scale = 2, but only ADAPTAU_LOSS_BSL", {SET(positive_scale, 2)}},        \
        {ADAPTAU_E_ARGUMENT, "recipe->activation = 1, but only ADAPTAU_LOSS_PSL", {SET(activation, 1)}},                \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->top_k = 0, but ADAPTAU_LOSS_SLATK needs",                                                             \
         {SET(loss, ADAPTAU_LOSS_SLATK), SET(top_k, 0), SET(weight_tau, 1)}},                                           \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->weight_tau = 0, but ADAPTAU_LOSS_SLATK needs",                                                        \
         {SET(loss, ADAPTAU_LOSS_SLATK), SET(top_k, 5), SET(weight_tau, 0)}},                                           \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->positive_scale = 0, but ADAPTAU_LOSS_BSL needs",                                                      \
         {SET(loss, ADAPTAU_LOSS_BSL), SET(negative_weight, 1), SET(positive_scale, 0)}},                               \
        {ADAPTAU_E_NUMERIC, "recipe->tau_min = nan is not finite", {SET(tau_min, NAN)}},                                \
        {ADAPTAU_E_NUMERIC, "recipe->soft_targets = inf is not finite", {SET(soft_targets, INFINITY)}},                 \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->n_layers = 0, but ADAPTAU_ENCODER_LIGHTGCN has at least 1",                                           \
         {SET(encoder, ADAPTAU_ENCODER_LIGHTGCN), SET(n_layers, 0)}},                                                   \
        {ADAPTAU_E_ARGUMENT, "recipe->n_layers = 2, but only", {SET(n_layers, 2)}},                                     \
        {ADAPTAU_E_ARGUMENT, "recipe->edge_dropout = 0.1, but only", {SET(edge_dropout, 0.1)}},                         \
        {ADAPTAU_E_ARGUMENT, "recipe->layer_dropout = 0.1, but only", {SET(layer_dropout, 0.1)}},                       \
        {ADAPTAU_E_ARGUMENT, "recipe->gate = 0.1, but only ADAPTAU_ENCODER_SIMPLEX", {SET(gate, 0.1)}},                 \
        {ADAPTAU_E_ARGUMENT, "recipe->unit_raw_rows = 1, but raw rows", {SET(unit_raw_rows, 1)}},                       \
        {ADAPTAU_E_ARGUMENT, "recipe->margin = 0.2, but only ADAPTAU_LOSS_CCL", {SET(margin, 0.2)}},                    \
        {ADAPTAU_E_ARGUMENT, "recipe->negative_weight = 2, but only", {SET(negative_weight, 2)}},                       \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->negative_weight = 0, but ADAPTAU_LOSS_CCL, _BCE, _MSE and _BSL need one",                             \
         {SET(loss, ADAPTAU_LOSS_MSE), SET(negative_weight, 0), SET(soft_targets, 0), SET(popularity_exponent, 0)}},    \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->soft_targets = 2, but only ADAPTAU_LOSS_SOFTMAX",                                                     \
         {SET(loss, ADAPTAU_LOSS_BPR), SET(soft_targets, 2), SET(popularity_exponent, 0)}},                             \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->tau_user_policy = 1, but only ADAPTAU_LOSS_SOFTMAX",                                                  \
         {SET(loss, ADAPTAU_LOSS_BPR), SET(tau_user_policy, ADAPTAU_TAU_USER_BY_LOSS), SET(soft_targets, 0),               \
          SET(popularity_exponent, 0)}},                                                                                \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->tau0_policy = 4, but ADAPTAU_LOSS_CCL and _MSE",                                                      \
         {SET(loss, ADAPTAU_LOSS_CCL), SET(negative_weight, 2), SET(tau0_policy, ADAPTAU_TAU0_LEARNED),                 \
          SET(soft_targets, 0), SET(popularity_exponent, 0)}},                                                          \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->tau_user_policy = 4, but ADAPTAU_LOSS_CCL and _MSE",                                                  \
         {SET(loss, ADAPTAU_LOSS_MSE), SET(negative_weight, 2), SET(tau_user_policy, ADAPTAU_TAU_USER_LEARNED),         \
          SET(soft_targets, 0), SET(popularity_exponent, 0)}},                                                          \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->popularity_exponent = 0.5, but the catalogue",                                                        \
         {SET(loss, ADAPTAU_LOSS_BPR), SET(popularity_exponent, 0.5), SET(soft_targets, 0)}},                           \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->popularity_exponent = 0, but that is ADAPTAU_SAMPLER_SHARED_UNIFORM",                                 \
         {SET(candidates, ADAPTAU_SAMPLER_SHARED_POPULARITY), SET(popularity_exponent, 0)}},                            \
        {ADAPTAU_E_ARGUMENT, "recipe->tau = 0, but ADAPTAU_TAU0_FIXED needs", {SET(tau0_policy, ADAPTAU_TAU0_FIXED)}},  \
        {ADAPTAU_E_ARGUMENT, "recipe->tau = 0.1, but only ADAPTAU_TAU0_FIXED", {SET(tau, 0.1)}},                        \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "recipe->tau_user_policy = 1, but with ADAPTAU_TAU0_LEARNED",                                                  \
         {SET(tau0_policy, ADAPTAU_TAU0_LEARNED), SET(tau_user_policy, ADAPTAU_TAU_USER_BY_LOSS)}},                        \
        {ADAPTAU_E_ARGUMENT, "recipe->tau_min = 20, but tau_max is below it", {SET(tau_min, 20)}}

static const struct misuse fill[] = {IS_NULL(recipe), IS_NULL(dataset), BAD_RECIPE};

static void prepare_recipe_fill_for(void)
{
    make_recipe();
    a.n_users = USERS;
    a.n_items = ITEMS;
    a.n_interactions = PAIRS;
}

static adaptau_status call_recipe_fill_for(adaptau_error *error)
{
    return adaptau_recipe_fill_for(a.recipe, a.n_users, a.n_items, a.n_interactions, error);
}

static const struct misuse fill_for[] = {
    IS_NULL(recipe),
    BAD_RECIPE,
    {ADAPTAU_E_ARGUMENT, "n_users = -1 is negative", {TO(a.n_users, -1)}},
    {ADAPTAU_E_ARGUMENT, "n_items = -1 is negative", {TO(a.n_items, -1)}},
    {ADAPTAU_E_ARGUMENT, "n_interactions = -1 is negative", {TO(a.n_interactions, -1)}},
};

/* ---- what a recipe says about single objects ----------------------------------------------------------------------- */

/* Nothing is left to the data. */
#define BAD_FILLED_RECIPE                                                                                               \
    IS_NULL(recipe), BAD_RECIPE, WRONG(epochs, ADAPTAU_BY_DATA, " = -1 (ADAPTAU_BY_DATA), but "),        \
        WRONG(normalise, ADAPTAU_BY_DATA, " = -1 (ADAPTAU_BY_DATA), but "),                              \
        WRONG(soft_targets, ADAPTAU_BY_DATA, " = -1 (ADAPTAU_BY_DATA), but ")

#define BAD_OUT(object)                                                                                                 \
    IS_NULL(out), {ADAPTAU_E_ABI, "out->struct_size = 0", {TO(a.object##_struct.known.struct_size, 0)}},                \
        {ADAPTAU_E_ABI, "out->struct_size = 4100", {TO(a.object##_struct.known.struct_size, 4100)}}

#define PART(name, object, ...)                                                                                            \
    static void prepare_recipe_##name(void)                                                                             \
    {                                                                                                                   \
        make_filled_recipe();                                                                                           \
        a.object##_struct.known.struct_size = sizeof a.object##_struct.known;                                           \
        a.out = &a.object##_struct.known;                                                                               \
    }                                                                                                                   \
    static adaptau_status call_recipe_##name(adaptau_error *error)                                                      \
    {                                                                                                                   \
        return adaptau_recipe_##name(a.recipe, a.out, error);                                                           \
    }                                                                                                                   \
    static const struct misuse name[] = {BAD_FILLED_RECIPE, BAD_OUT(object), __VA_ARGS__}

/* Trials have yet to find a member. */
#define NOT_FOUND(member)                                                                                               \
    {ADAPTAU_E_STATE, "recipe->" #member " = ADAPTAU_BY_DATA: adaptau_tune has to find it first",                       \
     {SET(tau0_policy, ADAPTAU_TAU0_HELD_OUT), SET(tau, 0), SET(member, ADAPTAU_BY_DATA)}}

PART(model_options, model, WRONG(dim, 0, " = 0"));
PART(loss, loss, WRONG(dim, 0, " = 0"));
PART(temperature_options, temperature,
     {ADAPTAU_E_STATE, "adaptau_tune has to find tau first", {SET(tau0_policy, ADAPTAU_TAU0_HELD_OUT), SET(tau, 0)}});
PART(sampler_options, sampler, NOT_FOUND(positives_outside_sum));

static void prepare_recipe_fold_in_options(void)
{
    make_filled_recipe();
    a.of_model = desk.model;
    a.of_temperature = desk.personal;
    a.fold_in_struct.known.struct_size = sizeof a.fold_in_struct.known;
    a.out = &a.fold_in_struct.known;
}

static adaptau_status call_recipe_fold_in_options(adaptau_error *error)
{
    return adaptau_recipe_fold_in_options(a.recipe, a.of_model, a.of_temperature, a.out, error);
}

static const struct misuse fold_in_options[] = {
    BAD_FILLED_RECIPE,
    BAD_OUT(fold_in),
    NOT_FOUND(positives_outside_sum),
    NOT_FOUND(tau_user_policy),
    {ADAPTAU_E_ARGUMENT, "model is NULL", {TO(a.of_model, NULL)}},
    {ADAPTAU_E_ARGUMENT, "temperature is NULL", {TO(a.of_temperature, NULL)}},
};

static void prepare_recipe_learning_rates(void)
{
    make_filled_recipe();
    a.epoch = 1;
    a.step = 2;
    a.n_steps = 3;
    a.users = &a.rates[0];
    a.items = &a.rates[1];
}

static adaptau_status call_recipe_learning_rates(adaptau_error *error)
{
    return adaptau_recipe_learning_rates(a.recipe, a.epoch, a.step, a.n_steps, a.users, a.items, error);
}

static const struct misuse learning_rates[] = {
    BAD_FILLED_RECIPE,
    IS_NULL(users),
    IS_NULL(items),
    {ADAPTAU_E_ARGUMENT, "epoch = -1 is outside 0 ... 2^48 - 1", {TO(a.epoch, -1)}},
    {ADAPTAU_E_ARGUMENT, "epoch = 281474976710656 is outside", {TO(a.epoch, INT64_C(1) << 48)}},
    {ADAPTAU_E_ARGUMENT, "n_steps = 0, but an epoch has at least 1 step", {TO(a.n_steps, 0)}},
    {ADAPTAU_E_ARGUMENT, "n_steps = -9223372036854775808, but", {TO(a.n_steps, INT64_MIN)}},
    {ADAPTAU_E_ARGUMENT, "step = -1 is outside 0 ... n_steps - 1 = 2", {TO(a.step, -1)}},
    {ADAPTAU_E_ARGUMENT, "step = 3 is outside 0 ... n_steps - 1 = 2", {TO(a.step, 3)}},
};

static void prepare_popularity_prior(void)
{
    a.dataset = desk.data;
    a.strength = 0.3;
    a.tau0 = 0.1;
    a.bias = a.numbers;
}

static adaptau_status call_popularity_prior(adaptau_error *error)
{
    return adaptau_popularity_prior(a.dataset, a.strength, a.tau0, a.bias, error);
}

static const struct misuse prior[] = {
    IS_NULL(dataset),
    IS_NULL(bias),
    {ADAPTAU_E_NUMERIC, "by strength = 1e+40 and tau0 = 0.1, is beyond float32", {TO(a.strength, 1e40)}},
    {ADAPTAU_E_NUMERIC, "by strength = 1e+300 and tau0 = 1e+300, is beyond float32", {TO(a.strength, 1e300), TO(a.tau0, 1e300)}},
    {ADAPTAU_E_NUMERIC, "strength = nan is not finite", {TO(a.strength, NAN)}},
    {ADAPTAU_E_NUMERIC, "tau0 = inf is not finite", {TO(a.tau0, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "tau0 = 0, but a temperature is above 0", {TO(a.tau0, 0.0)}},
    {ADAPTAU_E_ARGUMENT, "tau0 = -0.1, but a temperature is above 0", {TO(a.tau0, -0.1)}},
};

/* ---- splits -------------------------------------------------------------------------------------------------------- */

static void prepare_dataset_split(void)
{
    a.options_struct.known = (adaptau_split_options){.struct_size = sizeof a.options_struct.known, .share = 0.5};
    a.context = desk.context;
    a.dataset = desk.data;
    a.options = &a.options_struct.known;
    a.kept = &a.made_kept;
    a.held_out = &a.made_held_out;
}

static adaptau_status call_dataset_split(adaptau_error *error)
{
    return adaptau_dataset_split(a.context, a.dataset, a.options, a.kept, a.held_out, error);
}

static const struct misuse split[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(kept),
    IS_NULL(held_out),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT, "options->flags = 0x2 has unknown bits", {TO(a.options_struct.known.flags, 2)}},
    {ADAPTAU_E_ARGUMENT,
     "options->times is NULL, but ADAPTAU_SPLIT_ACROSS_USERS",
     {TO(a.options_struct.known.flags, ADAPTAU_SPLIT_ACROSS_USERS), TO(a.options_struct.known.times, NULL)}},
    {ADAPTAU_E_ARGUMENT, "options->share = 1.5 is outside 0 ... 1", {TO(a.options_struct.known.share, 1.5)}},
    {ADAPTAU_E_ARGUMENT, "options->share = -0.5 is outside 0 ... 1", {TO(a.options_struct.known.share, -0.5)}},
    {ADAPTAU_E_NUMERIC, "options->share = nan is not finite", {TO(a.options_struct.known.share, NAN)}},
};

/* ---- trainings ----------------------------------------------------------------------------------------------------- */

static void prepare_training_create(void)
{
    make_recipe();
    a.out = &a.made;
}

static adaptau_status call_training_create(adaptau_error *error)
{
    return adaptau_training_create(a.context, a.dataset, a.recipe, a.out, error);
}

static const struct misuse create[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(out),
    BAD_RECIPE,
};

static void make_models(void)
{
    const adaptau_model_options options = full_model_options((adaptau_model_options){.dim = DIM});
    ck_assert_int_eq(adaptau_model_create(desk.context, desk.data, &options, &a.spare, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_model_create(desk.context, desk.smaller, &options, &a.of_smaller, NULL), ADAPTAU_OK);
    a.model = a.spare;
}

static void prepare_training_create_from(void)
{
    make_recipe();
    make_models();
    a.out = &a.made;
}

static adaptau_status call_training_create_from(adaptau_error *error)
{
    adaptau_status status = adaptau_training_create_from(a.context, a.dataset, a.recipe, a.model, a.temperature, a.out, error);
    if (!status)
        a.spare = NULL;
    return status;
}

static const struct misuse create_from[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(model),
    IS_NULL(out),
    BAD_RECIPE,
    {ADAPTAU_E_SHAPE, "recipe->dim = 9, but the model has dim = 4", {SET(dim, 9)}},
    {ADAPTAU_E_SHAPE, "model has 5 users and 7 items, but the dataset has 6 and 8", {FROM(a.model, a.of_smaller)}},
};

/* One in the middle of an epoch, with a batch; one that has begun none. */
static void make_trainings(void)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    make_recipe();
    ck_assert_int_eq(adaptau_training_create(desk.context, desk.data, &RECIPE, &a.made, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_training_create(desk.context, desk.data, &RECIPE, &a.unused, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_training_begin_epoch(a.made, 0, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_training_next(a.made, &batch, NULL), ADAPTAU_OK);
    a.training = a.made;
}

/* The model of a.unused is gone. */
static void prepare_training_replace_model(void)
{
    make_trainings();
    make_models();
}

static adaptau_status call_training_replace_model(adaptau_error *error)
{
    adaptau_status status = adaptau_training_replace_model(a.training, a.model, a.temperature, error);
    if (!status)
        a.spare = NULL;
    return status;
}

static const struct misuse replace_model[] = {
    IS_NULL(training),
    IS_NULL(model),
    {ADAPTAU_E_SHAPE, "model has 5 users and 7 items, but the dataset has 6 and 8", {FROM(a.model, a.of_smaller)}},
};

static void prepare_training_resume(void)
{
    make_trainings();
    a.path = desk.checkpoint_path;
    a.note = a.text;
}

static adaptau_status call_training_resume(adaptau_error *error)
{
    return adaptau_training_resume(a.training, a.path, a.note, error);
}

static const struct misuse resume[] = {
    IS_NULL(training),
    IS_NULL(path),
    {ADAPTAU_E_IO, "no-such-file", {TO(a.path, "no-such-file")}},
    {ADAPTAU_E_FORMAT, "", {FROM(a.path, desk.path_of_model)}},
};

static void prepare_training_begin_epoch(void)
{
    make_trainings();
}

static adaptau_status call_training_begin_epoch(adaptau_error *error)
{
    return adaptau_training_begin_epoch(a.training, a.epoch, error);
}

static const struct misuse begin_epoch[] = {
    IS_NULL(training),
    {ADAPTAU_E_ARGUMENT, "epoch = -1 is outside 0 ... 29: the recipe", {TO(a.epoch, -1)}},
    {ADAPTAU_E_ARGUMENT, "epoch = 281474976710656 is outside", {TO(a.epoch, INT64_C(1) << 48)}},
};

static void prepare_training_next(void)
{
    make_trainings();
    a.batch_struct.known.struct_size = sizeof a.batch_struct.known;
    a.batch = &a.batch_struct.known;
}

static adaptau_status call_training_next(adaptau_error *error)
{
    return adaptau_training_next(a.training, a.batch, error);
}

static const struct misuse next[] = {
    IS_NULL(training),
    IS_NULL(batch),
    BAD_SIZES(batch),
    {ADAPTAU_E_STATE, "no epoch has begun", {FROM(a.training, a.unused)}},
};

static void prepare_training_add_loss(void)
{
    make_trainings();
    a.loss = 2.0;
}

static adaptau_status call_training_add_loss(adaptau_error *error)
{
    return adaptau_training_add_loss(a.training, a.loss, error);
}

static const struct misuse add_loss[] = {
    IS_NULL(training),
    {ADAPTAU_E_STATE, "there is no batch whose loss is to be noted", {FROM(a.training, a.unused)}},
};

static void prepare_training_end_epoch(void)
{
    make_trainings();
}

static adaptau_status call_training_end_epoch(adaptau_error *error)
{
    return adaptau_training_end_epoch(a.training, error);
}

static const struct misuse end_epoch[] = {
    IS_NULL(training),
    {ADAPTAU_E_STATE, "no epoch has begun", {FROM(a.training, a.unused)}},
};

static void prepare_training_get_state(void)
{
    make_trainings();
    a.state_struct.known.struct_size = sizeof a.state_struct.known;
    a.out = &a.state_struct.known;
}

static adaptau_status call_training_get_state(adaptau_error *error)
{
    return adaptau_training_get_state(a.training, a.out, error);
}

static const struct misuse get_state[] = {IS_NULL(training), BAD_OUT(state)};

static void prepare_training_get_recipe(void)
{
    make_trainings();
    a.out = &RECIPE;
}

static adaptau_status call_training_get_recipe(adaptau_error *error)
{
    return adaptau_training_get_recipe(a.training, a.out, error);
}

static const struct misuse get_recipe[] = {IS_NULL(training), BAD_OUT(recipe)};

/* ---- one call ------------------------------------------------------------------------------------------------------ */

static int32_t answer;

static int32_t give_answer(void *user_data, const adaptau_fit_progress *progress)
{
    (void)user_data;
    (void)progress;
    return answer;
}

#define FIT a.fit_struct.known

static void prepare_fit(void)
{
    make_recipe();
    RECIPE.epochs = 1;
    FIT = full_fit_options((adaptau_fit_options){.on_step = give_answer});
    a.fit_options = &FIT;
    a.result_struct.known.struct_size = sizeof a.result_struct.known;
    a.model_out = &a.spare;
    a.result = &a.result_struct.known;
    answer = 0;
}

static adaptau_status call_fit(adaptau_error *error)
{
    return adaptau_fit(a.context, a.dataset, a.recipe, a.fit_options, a.model_out, a.result, error);
}

#define NEGATIVE(member)                                                                                                                   \
    {                                                                                                                                      \
        ADAPTAU_E_ARGUMENT, "options->" #member " = -1 is negative",                                                                       \
        {                                                                                                                                  \
            TO(FIT.member, -1)                                                                                                             \
        }                                                                                                                                  \
    }

static const struct misuse fit[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    {ADAPTAU_E_ARGUMENT, "model is NULL", {TO(a.model_out, NULL)}},
    BAD_RECIPE,
    BAD_SIZES(result),
    {ADAPTAU_E_ABI, "result->recipe->struct_size = 0",
     {TO(a.result_struct.known.recipe, &a.trained), TO(a.trained.struct_size, 0)}},
    {ADAPTAU_E_ABI, "result->fold_in->struct_size = 4100",
     {TO(a.result_struct.known.fold_in, &a.fold_in_struct.known), TO(a.fold_in_struct.known.struct_size, 4100)}},
    {ADAPTAU_E_ABI, "options->struct_size = 0", {TO(FIT.struct_size, 0)}},
    {ADAPTAU_E_ABI, "options->struct_size = 4100", {TO(FIT.struct_size, 4100)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoff = 0, but must be at least 1; adaptau_fit_options_init writes the defaults",
     {TO(FIT.cutoff, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->eval_every = 0, but must be at least 1; adaptau_fit_options_init writes the defaults",
     {TO(FIT.eval_every, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoff = -1 is outside 1 ... 65536", {TO(FIT.cutoff, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->cutoff = 65537 is outside", {TO(FIT.cutoff, 65537)}},
    {ADAPTAU_E_NUMERIC, "options->held_out_share = nan is not finite", {TO(FIT.held_out_share, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->held_out_share = 1 is outside [0, 1)", {TO(FIT.held_out_share, 1)}},
    {ADAPTAU_E_ARGUMENT, "options->held_out_share = -0.5 is outside", {TO(FIT.held_out_share, -0.5)}},
    {ADAPTAU_E_ARGUMENT,
     "options->held_out_share = 0.5, but options->validation is given",
     {TO(FIT.held_out_share, 0.5), FROM(FIT.validation, desk.data)}},
    {ADAPTAU_E_SHAPE,
     "options->validation has 5 users and 7 items, but dataset has 6 and 8",
     {FROM(FIT.validation, desk.smaller)}},
    {ADAPTAU_E_ARGUMENT, "options->validation has no interaction that dataset has not", {FROM(FIT.validation, desk.data)}},
    NEGATIVE(n_epochs),
    NEGATIVE(eval_every),
    NEGATIVE(patience),
    {ADAPTAU_E_CANCELLED, "on_step answered 7 in step 1 of epoch 0", {TO(answer, 7)}},
};

static void call_training_destroy(void)
{
    adaptau_training_destroy(NULL);
}

static void call_training_model(void)
{
    ck_assert_ptr_null(adaptau_training_model(NULL));
}

static void call_training_temperature(void)
{
    ck_assert_ptr_null(adaptau_training_temperature(NULL));
}

static void call_training_sampler(void)
{
    ck_assert_ptr_null(adaptau_training_sampler(NULL));
}

static void call_training_take_model(void)
{
    ck_assert_ptr_null(adaptau_training_take_model(NULL));
}

static const struct subject subjects[] = {
    SUBJECT(recipe_init, init),
    SUBJECT(recipe_fill, fill),
    SUBJECT(recipe_fill_for, fill_for),
    SUBJECT(recipe_model_options, model_options),
    SUBJECT(recipe_loss, loss),
    SUBJECT(recipe_temperature_options, temperature_options),
    SUBJECT(recipe_sampler_options, sampler_options),
    SUBJECT(recipe_fold_in_options, fold_in_options),
    SUBJECT(recipe_learning_rates, learning_rates),
    SUBJECT(popularity_prior, prior),
    SUBJECT(dataset_split, split),
    SUBJECT(training_create, create),
    SUBJECT(training_create_from, create_from),
    SUBJECT(training_replace_model, replace_model),
    SUBJECT(training_resume, resume),
    SUBJECT(training_begin_epoch, begin_epoch),
    SUBJECT(training_next, next),
    SUBJECT(training_add_loss, add_loss),
    SUBJECT(training_end_epoch, end_epoch),
    SUBJECT(training_get_state, get_state),
    SUBJECT(training_get_recipe, get_recipe),
    SUBJECT(fit, fit),
};

static const struct harmless harmless[] = {
    HARMLESS(training_destroy), HARMLESS(training_model),      HARMLESS(training_temperature),
    HARMLESS(training_sampler), HARMLESS(training_take_model),
};

MISUSE_FILE(fit);
