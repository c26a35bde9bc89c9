/* SPDX-License-Identifier: MIT */
#include "model/options.h"

#include <math.h>

#include "common/abi.h"
#include "common/error.h"
#include "model/encoders/registry.h"

#define KNOWN_FLAGS                                                                                                    \
    (ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS | ADAPTAU_MODEL_FREE_LENGTH | \
     ADAPTAU_MODEL_ROW_SECOND_MOMENT | ADAPTAU_MODEL_BFLOAT16 | ADAPTAU_MODEL_UNIT_RAW_ROWS | ADAPTAU_MODEL_RANK_RAW)
#define RATE_MOST 1e6
#define LEAST_EPSILON 1e-30
#define INIT "adaptau_model_options_init"

adaptau_model_options atau_model_defaults(void)
{
    return (adaptau_model_options){
        .struct_size = sizeof(adaptau_model_options),
        .encoder = ADAPTAU_ENCODER_MF,
        .dim = 64,
        .init = ADAPTAU_INIT_SPHERE,
        .n_layers = ATAU_DEFAULT_LAYERS,
        .learning_rate_users = 0.2,
        .learning_rate_items = 0.02,
        .beta1_users = 0.5,
        .beta1_items = 0.9,
        .beta2 = 0.999,
        .epsilon = 1e-12,
        .gate = ATAU_DEFAULT_GATE,
    };
}

adaptau_status adaptau_model_options_init(adaptau_model_options *options, adaptau_error *error)
{
    const adaptau_model_options defaults = atau_model_defaults();
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

static adaptau_status check_number(const char *name, double value, double most, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "%s = %g is not finite", name, value);
    if (value < 0.0 || value > most)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s = %g is outside 0 ... %g", name, value, most);
    return ADAPTAU_OK;
}

adaptau_status atau_model_check_rate(const char *name, double value, adaptau_error *error)
{
    return check_number(name, value, RATE_MOST, error);
}

static adaptau_status check_decay(const char *name, double value, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "%s = %g is not finite", name, value);
    if (value < 0.0 || value >= 1.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s = %g is outside [0, 1)", name, value);
    return ADAPTAU_OK;
}

static adaptau_status check_optimiser(const adaptau_model_options *o, adaptau_error *error)
{
    adaptau_status status = atau_model_check_rate("options->learning_rate_users", o->learning_rate_users, error);
    if (status == ADAPTAU_OK)
        status = atau_model_check_rate("options->learning_rate_items", o->learning_rate_items, error);
    if (status == ADAPTAU_OK)
        status = check_decay("options->beta1_users", o->beta1_users, error);
    if (status == ADAPTAU_OK)
        status = check_decay("options->beta1_items", o->beta1_items, error);
    if (status == ADAPTAU_OK)
        status = check_decay("options->beta2", o->beta2, error);
    if (status == ADAPTAU_OK && o->epsilon == 0.0)
        status = atau_fail_zero(error, "options->epsilon", "at least 1e-30", INIT);
    if (status == ADAPTAU_OK)
        status = check_number("options->epsilon", o->epsilon, 1.0, error);
    if (status == ADAPTAU_OK && o->epsilon < LEAST_EPSILON)
        status = atau_fail(error, ADAPTAU_E_ARGUMENT, "options->epsilon = %g is below %g", o->epsilon, LEAST_EPSILON);
    if (status == ADAPTAU_OK)
        status = atau_model_check_rate("options->weight_decay", o->weight_decay, error);
    return status;
}

static adaptau_status check_stride(const char *name, int64_t stride, const float *rows, int32_t dim, adaptau_error *error)
{
    if (rows && stride && stride < dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "options->%s = %lld, but dim = %d", name, (long long)stride, dim);
    return ADAPTAU_OK;
}

adaptau_status atau_model_check_options(const adaptau_model_options *o, adaptau_error *error)
{
    if (o->flags & ~KNOWN_FLAGS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->flags = 0x%x has unknown bits", o->flags);
    if (!atau_encoder_by_number(o->encoder))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->encoder = %d is unknown", o->encoder);
    if (o->flags & ADAPTAU_MODEL_UNIT_RAW_ROWS && atau_encoder_by_number(o->encoder)->identity)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "ADAPTAU_MODEL_UNIT_RAW_ROWS needs an encoder, but options->encoder = %d",
                         o->encoder);
    if (o->init < ADAPTAU_INIT_SPHERE || o->init > ADAPTAU_INIT_HOST)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->init = %d is unknown", o->init);
    if (o->dim == 0)
        return atau_fail_zero(error, "options->dim", "at least 1", INIT);
    if (o->dim < 0 || o->dim > ADAPTAU_MAX_DIM)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->dim = %d is outside 1 ... %d", o->dim, ADAPTAU_MAX_DIM);
    if (o->init == ADAPTAU_INIT_HOST && (!o->host_users || !o->host_items))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "ADAPTAU_INIT_HOST needs options->host_%s",
                         o->host_users ? "items" : "users");
    adaptau_status status = check_stride("host_user_stride", o->host_user_stride, o->host_users, o->dim, error);
    if (status == ADAPTAU_OK)
        status = check_stride("host_item_stride", o->host_item_stride, o->host_items, o->dim, error);
    if (status == ADAPTAU_OK)
        status = check_optimiser(o, error);
    return status == ADAPTAU_OK ? atau_encoder_by_number(o->encoder)->check(o, error) : status;
}
