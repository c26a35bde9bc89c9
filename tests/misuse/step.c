/* SPDX-License-Identifier: MIT */
/* model.h and contrast.h: a step of training */
#include <adaptau/experimental.h>

#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_model                  *model;
    const adaptau_batch            *batch;
    adaptau_temperature            *temperature;
    adaptau_step                   *step;
    const adaptau_dataset          *dataset;
    const void                     *options;
    double                         *loss;
    int32_t                         n;
    void                           *out;

    BATCH_MEMBERS;
    STRUCT(adaptau_step, step);
    STRUCT(adaptau_gradient_view, out);
    STRUCT(adaptau_target_options, options);
    STRUCT(adaptau_contrast_options, contrast);
    double term;
} a;

#define BATCH a.batch_struct.known
#define TARGETS a.options_struct.known
#define CONTRAST a.contrast_struct.known

static void release(void)
{
}

/* ---- gradients and Adam ----------------------------------------------------------------------------------------- */

static void prepare_model_gradients(void)
{
    PREPARE_BATCH;
    a.step_struct.known = (adaptau_step){.struct_size = sizeof a.step_struct.known};
    a.model = desk.graph;
    a.temperature = desk.learned;
    a.step = &a.step_struct.known;
}

static adaptau_status call_model_gradients(adaptau_error *error)
{
    return adaptau_model_gradients(a.model, a.batch, a.temperature, a.step, error);
}

static const struct misuse gradients[] = {
    IS_NULL(model),
    IS_NULL(temperature),
    BAD_BATCH,
    BAD_SIZES(step),
    {ADAPTAU_E_STATE, "batch->n_rows = 0", {TO(BATCH.n_rows, 0)}},
    {ADAPTAU_E_STATE, "the model was loaded, without its interactions", {FROM(a.model, desk.loaded)}},
    {ADAPTAU_E_SHAPE,
     "temperature is of 5 users x 7 items, but the model of 6 x 8",
     {FROM(a.temperature, desk.of_smaller)}},
    {ADAPTAU_E_ARGUMENT, "batch->log_q is given, but MSE", {FROM(a.model, desk.squares), FROM(a.temperature, desk.temperature),
                                                           TO(BATCH.log_q, a.numbers)}},
    {ADAPTAU_E_ARGUMENT, "the temperature is learned, but the model's loss is MSE", {FROM(a.model, desk.squares)}},
    {ADAPTAU_E_ARGUMENT,
     "losses of the softmax, but the model's loss is MSE",
     {FROM(a.model, desk.squares), FROM(a.temperature, desk.personal)}},
};

static void prepare_with_gradients(void)
{
    prepare_model_gradients();
    ck_assert_int_eq(call_model_gradients(NULL), ADAPTAU_OK);
}

static void prepare_model_get_gradient_view(void)
{
    prepare_with_gradients();
    memset(&a.out_struct, 0, sizeof a.out_struct);
    a.out_struct.known.struct_size = sizeof a.out_struct.known;
    a.out = &a.out_struct.known;
}

static adaptau_status call_model_get_gradient_view(adaptau_error *error)
{
    return adaptau_model_get_gradient_view(a.model, a.out, error);
}

static const struct misuse gradient_view[] = {
    IS_NULL(model),
    IS_NULL(out),
    BAD_SIZES(out),
    {ADAPTAU_E_STATE, "gradients", {FROM(a.model, desk.unused_model)}},
};

#define prepare_model_apply prepare_with_gradients

static adaptau_status call_model_apply(adaptau_error *error)
{
    return adaptau_model_apply(a.model, error);
}

static const struct misuse apply[] = {
    IS_NULL(model),
    {ADAPTAU_E_STATE, "gradients", {FROM(a.model, desk.unused_model)}},
};

/* ---- soft targets ----------------------------------------------------------------------------------------------- */

static void prepare_model_update_targets(void)
{
    TARGETS = full_target_options((adaptau_target_options){.strength = 1.0});
    a.model = desk.model;
    a.dataset = desk.data;
    a.temperature = desk.temperature;
    a.options = &TARGETS;
}

static adaptau_status call_model_update_targets(adaptau_error *error)
{
    return adaptau_model_update_targets(a.model, a.dataset, a.temperature, a.options, error);
}

static const struct misuse update_targets[] = {
    IS_NULL(model),
    IS_NULL(dataset),
    IS_NULL(temperature),
    IS_NULL(options),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT, "options->reserved = 2", {TO(TARGETS.reserved, 2)}},
    {ADAPTAU_E_ARGUMENT, "options->strength = -1", {TO(TARGETS.strength, -1.0)}},
    {ADAPTAU_E_NUMERIC, "options->strength = nan", {TO(TARGETS.strength, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->row_weight_exponent = 3 is outside 0 ... 2", {TO(TARGETS.row_weight_exponent, 3.0)}},
    {ADAPTAU_E_ARGUMENT, "options->row_weight_exponent = -0.5 is outside 0 ... 2", {TO(TARGETS.row_weight_exponent, -0.5)}},
    {ADAPTAU_E_NUMERIC, "options->row_weight_exponent = inf", {TO(TARGETS.row_weight_exponent, INFINITY)}},
    {ADAPTAU_E_SHAPE, "dataset is 5 x 7, but the model is 6 x 8", {FROM(a.dataset, desk.smaller)}},
    {ADAPTAU_E_SHAPE,
     "temperature is of 5 users x 7 items, but the model of 6 x 8",
     {FROM(a.temperature, desk.of_smaller)}},
};

/* ---- contrast --------------------------------------------------------------------------------------------------- */

static void prepare_model_contrast(void)
{
    prepare_with_gradients();
    CONTRAST = full_contrast_options((adaptau_contrast_options){0});
    a.options = &CONTRAST;
    a.loss = &a.term;
}

static adaptau_status call_model_contrast(adaptau_error *error)
{
    return adaptau_model_contrast(a.model, a.batch, a.options, a.loss, error);
}

#define SIMGCL TO(CONTRAST.kind, ADAPTAU_CONTRAST_SIMGCL), TO(CONTRAST.edge_dropout, 0.0)
#define NCL TO(CONTRAST.kind, ADAPTAU_CONTRAST_NCL), TO(CONTRAST.edge_dropout, 0.0), TO(CONTRAST.layer, 2)

static const struct misuse contrast[] = {
    IS_NULL(model),
    BAD_BATCH,
    {ADAPTAU_E_STATE, "batch->n_rows = 0", {TO(BATCH.n_rows, 0)}},
    {ADAPTAU_E_STATE, "adaptau_model_gradients comes first", {FROM(a.model, desk.loaded)}},
    {ADAPTAU_E_UNSUPPORTED, "the encoder \"mf\" has no layers", {FROM(a.model, desk.model)}},
    {ADAPTAU_E_ABI, "options->struct_size = 8", {TO(CONTRAST.struct_size, 8)}},
    {ADAPTAU_E_ABI,
     "options->struct_size = ",
     {TO(CONTRAST.struct_size, sizeof a.contrast_struct), TO(a.contrast_struct.tail[0], 1)}},
    {ADAPTAU_E_ARGUMENT, "options->kind = 3", {TO(CONTRAST.kind, 3)}},
    {ADAPTAU_E_ARGUMENT, "options->kind = -1", {TO(CONTRAST.kind, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->flags = 0x2", {TO(CONTRAST.flags, 2)}},
    {ADAPTAU_E_ARGUMENT, "options->reserved = 1", {TO(CONTRAST.reserved, 1)}},
    {ADAPTAU_E_ARGUMENT, "options->n_nodes = 0, but must be at least 1; adaptau_contrast_options_init writes the defaults",
     {TO(CONTRAST.n_nodes, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->tau = 0, but must be above 0; adaptau_contrast_options_init writes the defaults",
     {TO(CONTRAST.tau, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->layer = 0, but must be at least 2; adaptau_contrast_options_init writes the defaults",
     {NCL, TO(CONTRAST.layer, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->weight = -1 is outside", {TO(CONTRAST.weight, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->n_nodes = -1", {TO(CONTRAST.n_nodes, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->tau = -1", {TO(CONTRAST.tau, -1.0)}},
    {ADAPTAU_E_NUMERIC, "options->tau = nan", {TO(CONTRAST.tau, NAN)}},
    {ADAPTAU_E_NUMERIC, "options->weight = inf", {TO(CONTRAST.weight, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "options->item_weight = -1", {TO(CONTRAST.item_weight, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->edge_dropout = 1 is outside [0, 1)", {TO(CONTRAST.edge_dropout, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->noise = 0.1, but it belongs to ADAPTAU_CONTRAST_SIMGCL", {TO(CONTRAST.noise, 0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->noise = -0.1", {SIMGCL, TO(CONTRAST.noise, -0.1)}},
    {ADAPTAU_E_ARGUMENT,
     "options->edge_dropout = 0.1, but it belongs to ADAPTAU_CONTRAST_SGL",
     {SIMGCL, TO(CONTRAST.edge_dropout, 0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->layer = 2, but it belongs to ADAPTAU_CONTRAST_NCL", {SIMGCL, TO(CONTRAST.layer, 2)}},
    {ADAPTAU_E_ARGUMENT, "options->prototype_weight = 1, but", {TO(CONTRAST.prototype_weight, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->layer = 3 is not an even number up to 4", {NCL, TO(CONTRAST.layer, 3)}},
    {ADAPTAU_E_ARGUMENT, "options->layer = 6", {NCL, TO(CONTRAST.layer, 6)}},
    {ADAPTAU_E_ARGUMENT, "options->prototype_weight = -1", {NCL, TO(CONTRAST.prototype_weight, -1.0)}},
    {ADAPTAU_E_STATE, "no prototypes", {NCL, TO(CONTRAST.prototype_weight, 1.0)}},
};

static void prepare_model_update_prototypes(void)
{
    a.model = desk.graph;
    a.n = USERS;
}

static adaptau_status call_model_update_prototypes(adaptau_error *error)
{
    return adaptau_model_update_prototypes(a.model, a.n, error);
}

static const struct misuse update_prototypes[] = {
    IS_NULL(model),
    {ADAPTAU_E_ARGUMENT, "n_prototypes = 0 is outside 1 ... 6, the number of users", {TO(a.n, 0)}},
    {ADAPTAU_E_ARGUMENT, "n_prototypes = 7 is outside 1 ... 6, the number of users", {TO(a.n, 7)}},
    {ADAPTAU_E_UNSUPPORTED, "the encoder \"mf\" has no layers", {FROM(a.model, desk.model)}},
};

static const struct subject subjects[] = {
    SUBJECT(model_gradients, gradients), SUBJECT(model_get_gradient_view, gradient_view),
    SUBJECT(model_apply, apply),         SUBJECT(model_update_targets, update_targets),
    SUBJECT(model_contrast, contrast),   SUBJECT(model_update_prototypes, update_prototypes),
};

static const struct harmless harmless[] = {{NULL, NULL}};

MISUSE_FILE(step);
