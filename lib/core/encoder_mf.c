/* SPDX-License-Identifier: MIT */
/* Matrix factorisation: the raw tables are the final embeddings, and nothing is copied. */
#include "core/encoder.h"

#include "core/model.h"

static adaptau_status check(const adaptau_model_options *o, adaptau_error *error)
{
    adaptau_status status = atau_check_no_layers(o, "ADAPTAU_ENCODER_MF", error);
    return status == ADAPTAU_OK ? atau_check_no_gate(o, "ADAPTAU_ENCODER_MF", error) : status;
}

static adaptau_status create(adaptau_model *model, const adaptau_dataset *dataset, const adaptau_model_options *options,
                             adaptau_error *error)
{
    (void)model, (void)dataset, (void)options, (void)error;
    return ADAPTAU_OK;
}

static void destroy(adaptau_model *model)
{
    (void)model;
}

static adaptau_status forward(const adaptau_model *model, struct atau_embeddings *out, adaptau_error *error)
{
    (void)error;
    *out = atau_model_raw(model);
    return ADAPTAU_OK;
}

static adaptau_status forward_step(adaptau_model *model, int64_t n, const int32_t *users, struct atau_embeddings *out,
                                   adaptau_error *error)
{
    (void)n, (void)users;
    return forward(model, out, error);
}

static void forget(adaptau_model *model)
{
    (void)model;
}

static adaptau_status backward(adaptau_model *model, struct atau_row_gradients gradients[2], adaptau_error *error)
{
    (void)model, (void)gradients, (void)error;
    return ADAPTAU_OK;
}

static void recall(const adaptau_model *model, adaptau_model_options *options)
{
    (void)model, (void)options;
}

static void describe(const adaptau_model *model, char text[ATAU_ENCODER_TEXT])
{
    (void)model;
    text[0] = '\0';
}

static adaptau_status restore(adaptau_model *model, const char *text, struct atau_embeddings *out, adaptau_error *error)
{
    (void)text;
    return forward(model, out, error);
}

const struct atau_encoder atau_encoder_mf = {
    .number = ADAPTAU_ENCODER_MF,
    .name = "mf",
    .identity = true,
    .check = check,
    .create = create,
    .destroy = destroy,
    .forward = forward,
    .forward_step = forward_step,
    .forget = forget,
    .backward = backward,
    .recall = recall,
    .describe = describe,
    .restore = restore,
};
