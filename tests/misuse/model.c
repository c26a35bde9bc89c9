/* SPDX-License-Identifier: MIT */
/* model.h: models, what they answer, and their settings */
#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context             *context;
    const adaptau_dataset       *dataset;
    const adaptau_model_options *options;
    adaptau_model               *model;
    adaptau_temperature         *temperature;
    const adaptau_loss          *loss;
    const float                 *bias;
    double                       users, items;
    void                        *out;

    STRUCT(adaptau_model_options, options);
    STRUCT(adaptau_loss, loss);
    STRUCT(adaptau_tables, tables);
    STRUCT(adaptau_encoder_parameters, parameters);
    float          host_users[USERS * DIM], host_items[ITEMS * DIM], matrix[DIM * DIM], biases[ITEMS];
    adaptau_model *made;
} a;

#define OPTIONS a.options_struct.known
#define LOSS a.loss_struct.known

static void release(void)
{
    adaptau_model_destroy(a.made);
    a.made = NULL;
}

/* ---- creation --------------------------------------------------------------------------------------------------- */

static void prepare_model_create(void)
{
    for (int k = 0; k < USERS * DIM; k++)
        a.host_users[k] = 0.5f;
    for (int k = 0; k < ITEMS * DIM; k++)
        a.host_items[k] = 0.5f;
    for (int k = 0; k < DIM * DIM; k++)
        a.matrix[k] = 0.5f;
    OPTIONS = full_model_options((adaptau_model_options){.dim = DIM});
    a.context = desk.context;
    a.dataset = desk.data;
    a.options = &OPTIONS;
    a.out = &a.made;
}

static adaptau_status call_model_create(adaptau_error *error)
{
    return adaptau_model_create(a.context, a.dataset, a.options, a.out, error);
}

#define LIGHTGCN TO(OPTIONS.encoder, ADAPTAU_ENCODER_LIGHTGCN)
#define SIMPLEX TO(OPTIONS.encoder, ADAPTAU_ENCODER_SIMPLEX)
#define HOST                                                                                                            \
    TO(OPTIONS.init, ADAPTAU_INIT_HOST), TO(OPTIONS.host_users, a.host_users), TO(OPTIONS.host_items, a.host_items)

static const struct misuse create[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(out),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT, "options->dim = 0, but must be at least 1; adaptau_model_options_init writes the defaults",
     {TO(OPTIONS.dim, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->dim = -1", {TO(OPTIONS.dim, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->dim = 65537", {TO(OPTIONS.dim, 65537)}},
    {ADAPTAU_E_ARGUMENT, "options->encoder = 3", {TO(OPTIONS.encoder, 3)}},
    {ADAPTAU_E_ARGUMENT, "options->encoder = -1", {TO(OPTIONS.encoder, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->init = 4", {TO(OPTIONS.init, 4)}},
    {ADAPTAU_E_ARGUMENT, "options->init = -1", {TO(OPTIONS.init, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->flags = 0x80", {TO(OPTIONS.flags, 0x80)}},
    {ADAPTAU_E_ARGUMENT, "ADAPTAU_MODEL_UNIT_RAW_ROWS needs an encoder", {TO(OPTIONS.flags, ADAPTAU_MODEL_UNIT_RAW_ROWS)}},
    {ADAPTAU_E_ARGUMENT, "host_users", {TO(OPTIONS.init, ADAPTAU_INIT_HOST)}},
    {ADAPTAU_E_ARGUMENT, "host_items", {TO(OPTIONS.init, ADAPTAU_INIT_HOST), TO(OPTIONS.host_users, a.host_users)}},
    {ADAPTAU_E_SHAPE, "host_user_stride = 2, but dim = 4", {HOST, TO(OPTIONS.host_user_stride, 2)}},
    {ADAPTAU_E_SHAPE, "host_item_stride = -4, but dim = 4", {HOST, TO(OPTIONS.host_item_stride, -4)}},
    {ADAPTAU_E_SHAPE, "the user table: 6 rows of 9223372036854775807 floats exceed", {HOST, TO(OPTIONS.host_user_stride, INT64_MAX)}},
    {ADAPTAU_E_NUMERIC, "host_users[3] is not finite", {HOST, TO(a.host_users[3 * DIM + 2], NAN)}},
    {ADAPTAU_E_NUMERIC, "host_items[7] is not finite", {HOST, TO(a.host_items[7 * DIM], INFINITY)}},
    {ADAPTAU_E_NUMERIC, "options->learning_rate_users = nan", {TO(OPTIONS.learning_rate_users, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->learning_rate_items = -1", {TO(OPTIONS.learning_rate_items, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->beta1_users = 1", {TO(OPTIONS.beta1_users, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->beta1_users = -1 is outside [0, 1)", {TO(OPTIONS.beta1_users, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->beta1_items = -0.5 is outside [0, 1)", {TO(OPTIONS.beta1_items, -0.5)}},
    {ADAPTAU_E_ARGUMENT, "options->beta2 = -0.5 is outside [0, 1)", {TO(OPTIONS.beta2, -0.5)}},
    {ADAPTAU_E_NUMERIC, "options->beta1_items = -inf", {TO(OPTIONS.beta1_items, -INFINITY)}},
    {ADAPTAU_E_NUMERIC, "options->beta2 = inf", {TO(OPTIONS.beta2, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "options->beta2 = 1", {TO(OPTIONS.beta2, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->epsilon = 0, but must be at least 1e-30; adaptau_model_options_init writes the defaults",
     {TO(OPTIONS.epsilon, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->epsilon = -1", {TO(OPTIONS.epsilon, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->epsilon = 1e-31 is below 1e-30", {TO(OPTIONS.epsilon, 1e-31)}},
    {ADAPTAU_E_ARGUMENT, "options->weight_decay = -0.5", {TO(OPTIONS.weight_decay, -0.5)}},
    {ADAPTAU_E_ARGUMENT, "options->n_layers = 0, but must be at least 1; adaptau_model_options_init writes the defaults",
     {LIGHTGCN, TO(OPTIONS.n_layers, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->n_layers = -1", {LIGHTGCN, TO(OPTIONS.n_layers, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->n_layers = 5 is outside 1 ... 4", {LIGHTGCN, TO(OPTIONS.n_layers, 5)}},
    {ADAPTAU_E_ARGUMENT, "options->edge_dropout = 1 is outside", {LIGHTGCN, TO(OPTIONS.edge_dropout, 1.0)}},
    {ADAPTAU_E_NUMERIC, "options->edge_dropout = nan", {LIGHTGCN, TO(OPTIONS.edge_dropout, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->layer_dropout = -0.1", {LIGHTGCN, TO(OPTIONS.layer_dropout, -0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->gate = 0.4, but ADAPTAU_ENCODER_LIGHTGCN", {LIGHTGCN, TO(OPTIONS.gate, 0.4)}},
    {ADAPTAU_E_ARGUMENT, "options->n_layers = 2, but ADAPTAU_ENCODER_MF", {TO(OPTIONS.n_layers, 2)}},
    {ADAPTAU_E_ARGUMENT, "options->edge_dropout = 0.1, but ADAPTAU_ENCODER_MF", {TO(OPTIONS.edge_dropout, 0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->layer_dropout = 0.1, but ADAPTAU_ENCODER_MF", {TO(OPTIONS.layer_dropout, 0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->gate = 0.4, but ADAPTAU_ENCODER_MF", {TO(OPTIONS.gate, 0.4)}},
    {ADAPTAU_E_ARGUMENT, "host_encoder is given, but ADAPTAU_ENCODER_MF", {TO(OPTIONS.host_encoder, a.matrix)}},
    {ADAPTAU_E_ARGUMENT, "options->gate = 1.5 is outside 0 ... 1", {SIMPLEX, TO(OPTIONS.gate, 1.5)}},
    {ADAPTAU_E_ARGUMENT, "options->gate = -1 is outside 0 ... 1", {SIMPLEX, TO(OPTIONS.gate, -1.0)}},
    {ADAPTAU_E_NUMERIC, "options->gate = nan", {SIMPLEX, TO(OPTIONS.gate, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->n_layers = 2, but ADAPTAU_ENCODER_SIMPLEX", {SIMPLEX, TO(OPTIONS.n_layers, 2)}},
    {ADAPTAU_E_ARGUMENT,
     "options->edge_dropout = 0.2, but ADAPTAU_ENCODER_SIMPLEX",
     {SIMPLEX, TO(OPTIONS.edge_dropout, 0.2)}},
    {ADAPTAU_E_NUMERIC,
     "host_encoder[2] is not finite",
     {HOST, SIMPLEX, TO(OPTIONS.host_encoder, a.matrix), TO(a.matrix[2 * DIM], INFINITY)}},
};

/* ---- questions -------------------------------------------------------------------------------------------------- */

#define READER(name, structure)                                                                                         \
    static void prepare_##name(void)                                                                                    \
    {                                                                                                                   \
        memset(&a.structure##_struct, 0, sizeof a.structure##_struct);                                                  \
        a.structure##_struct.known.struct_size = sizeof a.structure##_struct.known;                                     \
        a.model = desk.graph;                                                                                           \
        a.out = &a.structure##_struct.known;                                                                            \
    }                                                                                                                   \
    static adaptau_status call_##name(adaptau_error *error)                                                             \
    {                                                                                                                   \
        return adaptau_##name(a.model, a.out, error);                                                                   \
    }

#define BAD_OUT(structure)                                                                                              \
    IS_NULL(model), IS_NULL(out),                                                                                       \
        {ADAPTAU_E_ABI, "out->struct_size = 0", {TO(a.structure##_struct.known.struct_size, 0)}},                       \
        {ADAPTAU_E_ABI, "out->struct_size = 8", {TO(a.structure##_struct.known.struct_size, 8)}},                       \
        {ADAPTAU_E_ABI, "out->struct_size = 4100", {TO(a.structure##_struct.known.struct_size, 4100)}}

READER(model_get_tables, tables)
READER(model_get_raw_tables, tables)
READER(model_get_encoder_parameters, parameters)

static const struct misuse tables[] = {BAD_OUT(tables)}, raw_tables[] = {BAD_OUT(tables)},
                           encoder_parameters[] = {BAD_OUT(parameters)};

/* ---- settings --------------------------------------------------------------------------------------------------- */

static void prepare_model_refresh(void)
{
    a.model = desk.graph;
}

static adaptau_status call_model_refresh(adaptau_error *error)
{
    return adaptau_model_refresh(a.model, error);
}

static const struct misuse refresh[] = {IS_NULL(model)};

#define prepare_model_prepare prepare_model_refresh

static void prepare_model_settle_users(void)
{
    a.model = desk.model;
    a.dataset = desk.data;
}

static adaptau_status call_model_settle_users(adaptau_error *error)
{
    return adaptau_model_settle_users(a.model, a.dataset, error);
}

static const struct misuse settle_users[] = {
    IS_NULL(model),
    IS_NULL(dataset),
    {ADAPTAU_E_SHAPE, "dataset has 5 users, but the model has 6", {FROM(a.dataset, desk.smaller)}},
};

static adaptau_status call_model_prepare(adaptau_error *error)
{
    return adaptau_model_prepare(a.model, error);
}

static void prepare_model_set_loss(void)
{
    LOSS = full_loss((adaptau_loss){0});
    a.model = desk.model;
    a.loss = &LOSS;
}

static adaptau_status call_model_set_loss(adaptau_error *error)
{
    return adaptau_model_set_loss(a.model, a.loss, error);
}

static const struct misuse set_loss[] = {
    IS_NULL(model),
    BAD_STRUCT(loss),
    {ADAPTAU_E_ARGUMENT, "loss->kind = 9 is unknown", {TO(LOSS.kind, 9)}},
    {ADAPTAU_E_ARGUMENT, "loss->kind = -1 is unknown", {TO(LOSS.kind, -1)}},
    {ADAPTAU_E_ARGUMENT, "loss->margin = 0.3, but BPR has none", {TO(LOSS.kind, ADAPTAU_LOSS_BPR), TO(LOSS.margin, 0.3)}},
    {ADAPTAU_E_ARGUMENT, "loss->top_k = 3, but the softmax has none", {TO(LOSS.top_k, 3)}},
    {ADAPTAU_E_ARGUMENT, "loss->weight_tau = 1, but the softmax has none", {TO(LOSS.weight_tau, 1.0)}},
    {ADAPTAU_E_NUMERIC, "loss->margin = inf", {TO(LOSS.kind, ADAPTAU_LOSS_CCL), TO(LOSS.margin, INFINITY)}},
    {ADAPTAU_E_ARGUMENT,
     "loss->negative_weight = -2 is negative",
     {TO(LOSS.kind, ADAPTAU_LOSS_MSE), TO(LOSS.negative_weight, -2.0)}},
};

static void prepare_model_set_item_bias(void)
{
    memset(a.biases, 0, sizeof a.biases);
    a.model = desk.graph;
    a.bias = a.biases;
}

static adaptau_status call_model_set_item_bias(adaptau_error *error)
{
    return adaptau_model_set_item_bias(a.model, a.bias, error);
}

static const struct misuse set_item_bias[] = {
    IS_NULL(model),
    {ADAPTAU_E_NUMERIC, "bias[6] = nan is not finite", {TO(a.biases[6], NAN), TO(a.biases[7], INFINITY)}},
    {ADAPTAU_E_NUMERIC, "bias[0] = -inf is not finite", {TO(a.biases[0], -INFINITY)}},
};

static void prepare_model_set_learning_rates(void)
{
    a.model = desk.model;
    a.users = 0.0;
    a.items = 1e6;
}

static adaptau_status call_model_set_learning_rates(adaptau_error *error)
{
    return adaptau_model_set_learning_rates(a.model, a.users, a.items, error);
}

static const struct misuse set_learning_rates[] = {
    IS_NULL(model),
    {ADAPTAU_E_NUMERIC, "users = nan", {TO(a.users, NAN)}},
    {ADAPTAU_E_NUMERIC, "items = inf", {TO(a.items, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "users = -0.1", {TO(a.users, -0.1)}},
    {ADAPTAU_E_ARGUMENT, "items = 2e+06", {TO(a.items, 2e6)}},
};

static void prepare_model_update_temperature(void)
{
    a.model = desk.graph;
    a.temperature = desk.temperature;
}

static adaptau_status call_model_update_temperature(adaptau_error *error)
{
    return adaptau_model_update_temperature(a.model, a.temperature, error);
}

static const struct misuse update_temperature[] = {
    IS_NULL(model),
    IS_NULL(temperature),
    {ADAPTAU_E_SHAPE, "6", {FROM(a.temperature, desk.of_smaller)}},
    {ADAPTAU_E_STATE, "no interactions to measure", {FROM(a.temperature, desk.of_no_pairs)}},
};

static const struct subject subjects[] = {
    SUBJECT(model_create, create),
    SUBJECT(model_get_tables, tables),
    SUBJECT(model_get_raw_tables, raw_tables),
    SUBJECT(model_get_encoder_parameters, encoder_parameters),
    SUBJECT(model_refresh, refresh), SUBJECT(model_prepare, refresh),
    SUBJECT(model_settle_users, settle_users),
    SUBJECT(model_set_loss, set_loss),
    SUBJECT(model_set_item_bias, set_item_bias),
    SUBJECT(model_set_learning_rates, set_learning_rates),
    SUBJECT(model_update_temperature, update_temperature),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_model_destroy(void)
{
    adaptau_model_destroy(NULL);
}

static void call_model_n_users(void)
{
    ck_assert_int_eq(adaptau_model_n_users(NULL), 0);
    ck_assert_int_eq(adaptau_model_n_users(desk.model), USERS);
}

static void call_model_n_items(void)
{
    ck_assert_int_eq(adaptau_model_n_items(NULL), 0);
    ck_assert_int_eq(adaptau_model_n_items(desk.model), ITEMS);
}

static void call_model_dim(void)
{
    ck_assert_int_eq(adaptau_model_dim(NULL), 0);
    ck_assert_int_eq(adaptau_model_dim(desk.loaded), DIM);
}

static const struct harmless harmless[] = {HARMLESS(model_destroy), HARMLESS(model_n_users), HARMLESS(model_n_items),
                                           HARMLESS(model_dim)};

MISUSE_FILE(model);
