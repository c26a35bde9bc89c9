/* SPDX-License-Identifier: MIT */
#include "model/model.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "common/size.h"
#include "core/dataset.h"
#include "kernels/check.h"

#define KNOWN_FLAGS                                                                                                    \
    (ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS | ADAPTAU_MODEL_FREE_LENGTH | \
     ADAPTAU_MODEL_ROW_SECOND_MOMENT | ADAPTAU_MODEL_BFLOAT16 | ADAPTAU_MODEL_UNIT_RAW_ROWS | ADAPTAU_MODEL_RANK_RAW)
#define DEFAULT_DIM 64
#define RATE_MOST 1e6

/* ---- options ------------------------------------------------------------------------------------------------------- */

static double or_default(double value, double fallback)
{
    return value == 0.0 ? fallback : value;
}

static adaptau_status check_rate(const char *name, double value, double most, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "%s = %g is not finite", name, value);
    if (value < 0.0 || value > most)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s = %g is outside 0 ... %g", name, value, most);
    return ADAPTAU_OK;
}

static adaptau_status check_decay(const char *name, double value, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "%s = %g is not finite", name, value);
    if (value >= 1.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s = %g is not below 1", name, value);
    return ADAPTAU_OK;
}

static adaptau_status check_optimiser(const adaptau_model_options *o, adaptau_error *error)
{
    adaptau_status status = check_rate("options->learning_rate_users", o->learning_rate_users, RATE_MOST, error);
    if (status == ADAPTAU_OK)
        status = check_rate("options->learning_rate_items", o->learning_rate_items, RATE_MOST, error);
    if (status == ADAPTAU_OK)
        status = check_decay("options->beta1_users", o->beta1_users, error);
    if (status == ADAPTAU_OK)
        status = check_decay("options->beta1_items", o->beta1_items, error);
    if (status == ADAPTAU_OK)
        status = check_decay("options->beta2", o->beta2, error);
    if (status == ADAPTAU_OK && o->beta2 < 0.0)
        status = atau_fail(error, ADAPTAU_E_ARGUMENT, "options->beta2 = %g is negative", o->beta2);
    if (status == ADAPTAU_OK)
        status = check_rate("options->epsilon", o->epsilon, 1.0, error);
    if (status == ADAPTAU_OK)
        status = check_rate("options->weight_decay", o->weight_decay, RATE_MOST, error);
    return status;
}

static adaptau_status check_stride(const char *name, int64_t stride, const float *rows, int32_t dim, adaptau_error *error)
{
    if (rows && stride && stride < dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "options->%s = %lld, but dim = %d", name, (long long)stride, dim);
    return ADAPTAU_OK;
}

adaptau_status atau_model_check_options(adaptau_model_options *o, adaptau_error *error)
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
    if (o->reserved || o->reserved_layers)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %d, not 0", o->reserved ? "reserved" : "reserved_layers",
                         o->reserved ? o->reserved : o->reserved_layers);
    if (o->dim == 0)
        o->dim = DEFAULT_DIM;
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

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static adaptau_status open_table(adaptau_model *model, struct atau_table *table, const char *what, int32_t n_rows, float *host,
                                 int64_t stride, bool raw, adaptau_error *error)
{
    size_t             row_bytes = (size_t)model->dim * sizeof(float), bytes;
    table->n_rows = n_rows;
    table->raw = raw;
    table->stride = host && stride ? stride : model->dim;
    table->rows = host;
    if (host)
        return ADAPTAU_OK;
    if (!atau_size_multiply((uint64_t)n_rows, row_bytes, &bytes))
        return atau_fail(error, ADAPTAU_E_SHAPE, "%d rows of dim = %d exceed the address space", n_rows, model->dim);
    table->rows = atau_allocate_zeroed(model->context, (uint64_t)n_rows, row_bytes);
    if (!table->rows)
        return atau_fail_memory(error, bytes, what);
    table->owned = true;
    return ADAPTAU_OK;
}

adaptau_status atau_model_open_encoder_table(adaptau_model *model, int32_t n_rows, float *host, adaptau_error *error)
{
    return open_table(model, &model->encoder_table, "the encoder's parameters", n_rows, host, 0, true, error);
}

adaptau_status atau_model_allocate(adaptau_context *context, const struct atau_encoder *encoder, int32_t n_users,
                                   int32_t n_items, const adaptau_model_options *o, adaptau_model **out, adaptau_error *error)
{
    adaptau_model *model = atau_allocate_zeroed(context, 1, sizeof *model);
    if (!model)
        return atau_fail_memory(error, sizeof *model, "the model");
    model->context = context;
    atau_busy_leave(&model->busy);
    atau_busy_leave(&model->finals.busy);
    model->encoder = encoder;
    model->dim = o->dim;
    model->free_length = !encoder->identity || (o->flags & ADAPTAU_MODEL_FREE_LENGTH) != 0;
    model->unit_raw_rows = (o->flags & ADAPTAU_MODEL_UNIT_RAW_ROWS) != 0;
    model->rank_raw = (o->flags & ADAPTAU_MODEL_RANK_RAW) != 0;
    model->row_second_moment = (o->flags & ADAPTAU_MODEL_ROW_SECOND_MOMENT) != 0;
    model->bfloat16 = (o->flags & ADAPTAU_MODEL_BFLOAT16) != 0;
    atau_model_set_optimiser(model, &(adaptau_model_options){0});
    adaptau_status status = open_table(model, &model->tables[ADAPTAU_SIDE_USERS], "the user table", n_users, o->host_users,
                                       o->host_user_stride, (o->flags & ADAPTAU_MODEL_RAW_USERS) != 0, error);
    if (status == ADAPTAU_OK)
        status = open_table(model, &model->tables[ADAPTAU_SIDE_ITEMS], "the item table", n_items, o->host_items,
                            o->host_item_stride, (o->flags & ADAPTAU_MODEL_RAW_ITEMS) != 0, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    *out = model;
    return ADAPTAU_OK;
}

void atau_model_set_optimiser(adaptau_model *model, const adaptau_model_options *o)
{
    model->tables[ADAPTAU_SIDE_USERS].learning_rate = or_default(o->learning_rate_users, 0.2);
    model->tables[ADAPTAU_SIDE_ITEMS].learning_rate = or_default(o->learning_rate_items, 0.02);
    model->tables[ADAPTAU_SIDE_USERS].beta1 = fmax(0.0, or_default(o->beta1_users, 0.5));
    model->tables[ADAPTAU_SIDE_ITEMS].beta1 = fmax(0.0, or_default(o->beta1_items, 0.9));
    model->beta2 = or_default(o->beta2, 0.999);
    model->epsilon = or_default(o->epsilon, 1e-12);
    model->weight_decay = o->weight_decay;
    model->seed = o->seed;
}

/* Where 0 stands for a default and a negative number for 0. */
static double zero_or(double value)
{
    return value == 0.0 ? -1.0 : value;
}

adaptau_model_options atau_model_recall_options(const adaptau_model *model)
{
    const struct atau_table *users = &model->tables[ADAPTAU_SIDE_USERS], *items = &model->tables[ADAPTAU_SIDE_ITEMS];
    adaptau_model_options    o = {
           .struct_size = sizeof o,
           .flags = (users->raw ? ADAPTAU_MODEL_RAW_USERS : 0) | (items->raw ? ADAPTAU_MODEL_RAW_ITEMS : 0) |
                    (model->free_length ? ADAPTAU_MODEL_FREE_LENGTH : 0) |
                    (model->row_second_moment ? ADAPTAU_MODEL_ROW_SECOND_MOMENT : 0) |
                    (model->bfloat16 ? ADAPTAU_MODEL_BFLOAT16 : 0) |
                    (model->unit_raw_rows ? ADAPTAU_MODEL_UNIT_RAW_ROWS : 0) |
                    (model->rank_raw ? ADAPTAU_MODEL_RANK_RAW : 0),
           .encoder = model->encoder->number,
           .dim = model->dim,
           .seed = model->seed,
           .learning_rate_users = users->learning_rate,
           .learning_rate_items = items->learning_rate,
           .beta1_users = zero_or(users->beta1),
           .beta1_items = zero_or(items->beta1),
           .beta2 = model->beta2,
           .epsilon = model->epsilon,
           .weight_decay = model->weight_decay,
    };
    model->encoder->recall(model, &o);
    return o;
}

static adaptau_status check_host_tables(adaptau_model *model, adaptau_error *error)
{
    const char    *names[2] = {"host_users", "host_items"};
    adaptau_status status = ADAPTAU_OK;
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        struct atau_table *table = &model->tables[side];
        status = atau_check_rows_finite(model->context, names[side], table->n_rows, model->dim, table->rows, table->stride,
                                        error);
    }
    return status;
}

static adaptau_status initialise(adaptau_model *model, const adaptau_dataset *dataset, int32_t init, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (init == ADAPTAU_INIT_HOST)
        status = check_host_tables(model, error);
    else if (init == ADAPTAU_INIT_SPECTRAL)
        status = atau_model_init_spectral(model, dataset, error);
    else
        atau_model_init_random(model, init);
    if (status == ADAPTAU_OK)
        atau_model_settle(model);
    return status;
}

adaptau_status atau_model_open(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_model_options *options,
                               adaptau_model **out, adaptau_error *error)
{
    adaptau_model *model = NULL;
    adaptau_status status = atau_model_allocate(context, atau_encoder_by_number(options->encoder), dataset->n_users,
                                                dataset->n_items, options, &model, error);
    if (status != ADAPTAU_OK)
        return status;
    atau_model_set_optimiser(model, options);
    status = model->encoder->create(model, dataset, options, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    *out = model;
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_create(adaptau_context *context, const adaptau_dataset *dataset,
                                    const adaptau_model_options *given, adaptau_model **out, adaptau_error *error)
{
    adaptau_model_options options;
    adaptau_model        *model = NULL;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_struct(&options, sizeof options, sizeof options, given, true, "options", error);
    if (status == ADAPTAU_OK)
        status = atau_model_check_options(&options, error);
    if (status == ADAPTAU_OK)
        status = atau_model_open(context, dataset, &options, &model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = initialise(model, dataset, options.init, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    *out = model;
    return ADAPTAU_OK;
}

static void close_table(adaptau_model *model, struct atau_table *table)
{
    size_t bytes = (size_t)table->n_rows * (size_t)model->dim * sizeof(float);
    if (table->owned)
        atau_free(model->context, table->rows, bytes);
    atau_free(model->context, table->first, bytes);
    atau_free(model->context, table->second,
              model->row_second_moment ? (size_t)table->n_rows * sizeof(float) : bytes);
    atau_free(model->context, table->steps, (size_t)table->n_rows * sizeof(int32_t));
}

void adaptau_model_destroy(adaptau_model *model)
{
    if (!model)
        return;
    atau_free(model->context, model->item_bias, (size_t)model->tables[ADAPTAU_SIDE_ITEMS].n_rows * sizeof(float));
    model->encoder->destroy(model);
    atau_model_free_targets(model);
    atau_model_free_contrast(model);
    atau_model_free_gradients(model);
    close_table(model, &model->tables[ADAPTAU_SIDE_USERS]);
    close_table(model, &model->tables[ADAPTAU_SIDE_ITEMS]);
    close_table(model, &model->encoder_table);
    atau_free(model->context, model, sizeof *model);
}

/* ---- what one can ask ------------------------------------------------------------------------------------------------ */

bool atau_model_on_sphere(const adaptau_model *model, const struct atau_table *table)
{
    return model->encoder->identity ? !table->raw && !model->free_length
                                    : model->unit_raw_rows && table != &model->encoder_table;
}

uint32_t atau_model_score_flags(const adaptau_model *model)
{
    uint32_t flags = model->free_length ? 0 : ADAPTAU_UNIT_ROWS;
    flags |= model->tables[ADAPTAU_SIDE_USERS].raw ? 0 : ADAPTAU_NORMALISE_USERS;
    flags |= model->tables[ADAPTAU_SIDE_ITEMS].raw ? 0 : ADAPTAU_NORMALISE_ITEMS;
    return flags;
}

adaptau_status atau_model_enter_shared(const adaptau_model *model, adaptau_error *error)
{
    return atau_enter_shared(&model->busy, "model", error);
}

void atau_model_leave_shared(const adaptau_model *model)
{
    atau_busy_leave_shared(&model->busy);
}

struct atau_embeddings atau_model_raw(const adaptau_model *model)
{
    const struct atau_table *users = &model->tables[ADAPTAU_SIDE_USERS], *items = &model->tables[ADAPTAU_SIDE_ITEMS];
    return (struct atau_embeddings){{users->rows, items->rows}, {users->stride, items->stride}};
}

adaptau_tables atau_model_view(const adaptau_model *model, const struct atau_embeddings *embeddings)
{
    return (adaptau_tables){
        .struct_size = sizeof(adaptau_tables),
        .flags = atau_model_score_flags(model),
        .n_users = model->tables[ADAPTAU_SIDE_USERS].n_rows,
        .n_items = model->tables[ADAPTAU_SIDE_ITEMS].n_rows,
        .dim = model->dim,
        .users = embeddings->rows[ADAPTAU_SIDE_USERS],
        .user_stride = embeddings->stride[ADAPTAU_SIDE_USERS],
        .items = embeddings->rows[ADAPTAU_SIDE_ITEMS],
        .item_stride = embeddings->stride[ADAPTAU_SIDE_ITEMS],
        .item_bias = model->item_bias,
    };
}

adaptau_status atau_model_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error)
{
    struct atau_embeddings final;
    adaptau_status         status = atau_encoder_forward(model, &final, error);
    if (status == ADAPTAU_OK)
        *out = atau_model_view(model, &final);
    return status;
}

adaptau_status atau_model_ranking_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error)
{
    adaptau_status status = atau_model_tables(model, out, error);
    if (status == ADAPTAU_OK && model->rank_raw)
        out->flags &= ~(ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS);
    return status;
}

adaptau_status adaptau_model_get_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error)
{
    adaptau_tables tables;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_model_ranking_tables(model, &tables, error);
    atau_model_leave_shared(model);
    if (status == ADAPTAU_OK)
        atau_write_struct(out, &tables, sizeof tables);
    return status;
}

adaptau_status adaptau_model_get_raw_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    struct atau_embeddings raw = atau_model_raw(model);
    adaptau_tables         tables = atau_model_view(model, &raw);
    atau_model_leave_shared(model);
    tables.flags = 0;
    tables.item_bias = NULL;
    atau_write_struct(out, &tables, sizeof tables);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_get_encoder_parameters(const adaptau_model *model, adaptau_encoder_parameters *out,
                                                    adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_encoder_parameters parameters = {.struct_size = sizeof parameters,
                                             .n_rows = model->encoder_table.n_rows,
                                             .dim = model->dim,
                                             .rows = model->encoder_table.rows};
    atau_model_leave_shared(model);
    atau_write_struct(out, &parameters, sizeof parameters);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_refresh(adaptau_model *model, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    atau_encoder_forget(model);
    atau_busy_leave(&model->busy);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_prepare(adaptau_model *model, adaptau_error *error)
{
    struct atau_embeddings final;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_encoder_forward(model, &final, error);
    atau_busy_leave(&model->busy);
    return status;
}

adaptau_status adaptau_model_set_learning_rates(adaptau_model *model, double users, double items, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = check_rate("users", users, RATE_MOST, error);
    if (status == ADAPTAU_OK)
        status = check_rate("items", items, RATE_MOST, error);
    if (status == ADAPTAU_OK)
        status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    model->tables[ADAPTAU_SIDE_USERS].learning_rate = users;
    model->tables[ADAPTAU_SIDE_ITEMS].learning_rate = items;
    atau_busy_leave(&model->busy);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_set_loss(adaptau_model *model, const adaptau_loss *loss, adaptau_error *error)
{
    const struct atau_loss *known;
    adaptau_loss            complete;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_read_loss(loss, &complete, &known, error);
    if (status == ADAPTAU_OK)
        status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    atau_read_struct(&model->loss, sizeof model->loss, sizeof model->loss, loss, true, "loss", error);
    model->loss_map = known == &atau_loss_softmax ? NULL : known;
    atau_busy_leave(&model->busy);
    return ADAPTAU_OK;
}

static adaptau_status set_item_bias(adaptau_model *model, size_t n, const float *bias, adaptau_error *error)
{
    if (!bias) {
        atau_free(model->context, model->item_bias, n * sizeof(float));
        model->item_bias = NULL;
        return ADAPTAU_OK;
    }
    if (!model->item_bias)
        model->item_bias = atau_allocate_array(model->context, n, sizeof(float));
    if (!model->item_bias)
        return atau_fail_memory(error, n * sizeof(float), "the item bias");
    memcpy(model->item_bias, bias, n * sizeof(float));
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_set_item_bias(adaptau_model *model, const float *bias, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    size_t n = (size_t)model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    for (size_t i = 0; bias && i < n; i++)
        if (!isfinite(bias[i]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "bias[%zu] = %g is not finite", i, (double)bias[i]);
    adaptau_status status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    status = set_item_bias(model, n, bias, error);
    atau_busy_leave(&model->busy);
    return status;
}

adaptau_status adaptau_model_update_temperature(adaptau_model *model, adaptau_temperature *temperature, adaptau_error *error)
{
    adaptau_tables tables;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_model_tables(model, &tables, error);
    if (status == ADAPTAU_OK)
        status = adaptau_temperature_update(temperature, &tables, error);
    atau_model_leave_shared(model);
    return status;
}
