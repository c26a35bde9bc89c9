/* SPDX-License-Identifier: MIT */
/* Matrix factorisation: the raw tables are the final embeddings, and nothing is copied. */
#include "model/encoders/encoder.h"

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

static void recall(const adaptau_model *model, adaptau_model_options *options)
{
    (void)model, (void)options;
}

static void describe(const adaptau_model *model, char text[ATAU_ENCODER_TEXT])
{
    (void)model;
    text[0] = '\0';
}

const struct atau_encoder atau_encoder_mf = {
    .number = ADAPTAU_ENCODER_MF,
    .name = "mf",
    .identity = true,
    .check = check,
    .create = create,
    .destroy = destroy,
    .recall = recall,
    .describe = describe,
};
