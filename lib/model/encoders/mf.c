/* SPDX-License-Identifier: MIT */
/* Matrix factorisation: the raw tables are the final embeddings, and nothing is copied. */
#include "model/encoders/encoder.h"

static adaptau_status check(const adaptau_model_options *o, adaptau_error *error)
{
    adaptau_status status = atau_check_no_layers(o, "ADAPTAU_ENCODER_MF", error);
    return status == ADAPTAU_OK ? atau_check_no_gate(o, "ADAPTAU_ENCODER_MF", error) : status;
}

static adaptau_status create(struct atau_encoding *e, const adaptau_dataset *dataset, const adaptau_model_options *options,
                             adaptau_error *error)
{
    (void)e, (void)dataset, (void)options, (void)error;
    return ADAPTAU_OK;
}

static void destroy(struct atau_encoding *e)
{
    (void)e;
}

static void recall(const struct atau_encoding *e, adaptau_model_options *options)
{
    (void)e, (void)options;
}

static void describe(const struct atau_encoding *e, char text[ATAU_ENCODER_TEXT])
{
    (void)e;
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
