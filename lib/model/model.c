/* SPDX-License-Identifier: MIT */
/* The life of a model, and its doors: what enters the model, asks its rooms and leaves. Calls that need several rooms at once have
 * files of their own. */
#include "model/model.h"

#include <math.h>
#include <stddef.h>

#include "common/abi.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/temperature_doors.h"
#include "kernels/check.h"
#include "model/encoders/registry.h"
#include "model/first_rows.h"
#include "model/options.h"

/* ---- life ---------------------------------------------------------------------------------------------------------- */

adaptau_status atau_model_allocate(adaptau_context *context, const struct atau_encoder *encoder, int32_t n_users,
                                   int32_t n_items, const adaptau_model_options *o, const struct atau_embeddings *view,
                                   adaptau_model **out, adaptau_error *error)
{
    const adaptau_model_options defaults = atau_model_defaults();
    adaptau_model              *model = atau_allocate_zeroed(context, 1, sizeof *model);
    if (!model)
        return atau_fail_memory(error, sizeof *model, "the model");
    model->context = context;
    atau_encoding_open(&model->encoding, encoder, &model->tables, &model->busy);
    model->optimiser.row_second_moment = (o->flags & ADAPTAU_MODEL_ROW_SECOND_MOMENT) != 0;
    atau_optimiser_set(&model->optimiser, &defaults);
    adaptau_status status = atau_tables_open(&model->tables, context, n_users, n_items, encoder->identity, o, view, error);
    if (status != ADAPTAU_OK) {
        adaptau_model_destroy(model);
        return status;
    }
    *out = model;
    return ADAPTAU_OK;
}

adaptau_model_options atau_model_recall_options(const adaptau_model *model)
{
    const struct atau_raw_tables *t = &model->tables;
    adaptau_model_options         o = {
                .struct_size = sizeof o,
                .flags = (t->side[ADAPTAU_SIDE_USERS].raw ? ADAPTAU_MODEL_RAW_USERS : 0) |
                         (t->side[ADAPTAU_SIDE_ITEMS].raw ? ADAPTAU_MODEL_RAW_ITEMS : 0) |
                         (t->free_length ? ADAPTAU_MODEL_FREE_LENGTH : 0) |
                         (model->optimiser.row_second_moment ? ADAPTAU_MODEL_ROW_SECOND_MOMENT : 0) |
                         (t->bfloat16 ? ADAPTAU_MODEL_BFLOAT16 : 0) |
                         (t->unit_raw_rows ? ADAPTAU_MODEL_UNIT_RAW_ROWS : 0) |
                         (t->rank_raw ? ADAPTAU_MODEL_RANK_RAW : 0),
                .encoder = model->encoding.encoder->number,
                .dim = t->dim,
                .seed = t->seed,
    };
    atau_optimiser_recall(&model->optimiser, &o);
    model->encoding.encoder->recall(&model->encoding, &o);
    return o;
}

static adaptau_status initialise(adaptau_model *model, const adaptau_dataset *dataset, int32_t init, adaptau_error *error)
{
    static const char *const names[2] = {"host_users", "host_items"};
    adaptau_status           status = ADAPTAU_OK;
    if (init == ADAPTAU_INIT_HOST)
        status = atau_tables_check_finite(&model->tables, names, error);
    else if (init == ADAPTAU_INIT_SPECTRAL)
        status = atau_first_rows_spectral(&model->tables, dataset, error);
    else
        atau_first_rows_random(&model->tables, init);
    if (init == ADAPTAU_INIT_HOST && model->encoding.encoder->identity)
        atau_tables_written_by_host(&model->tables); /* which stay as they are until the host asks for a step     */
    else if (status == ADAPTAU_OK)
        atau_tables_to_sphere(&model->tables);
    return status;
}

adaptau_status atau_model_open(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_model_options *options,
                               adaptau_model **out, adaptau_error *error)
{
    adaptau_model *model = NULL;
    adaptau_status status = atau_model_allocate(context, atau_encoder_by_number(options->encoder), dataset->n_users,
                                                dataset->n_items, options, NULL, &model, error);
    if (status != ADAPTAU_OK)
        return status;
    atau_optimiser_set(&model->optimiser, options);
    model->tables.seed = options->seed;
    status = model->encoding.encoder->create(&model->encoding, dataset, options, error);
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
    if (status == ADAPTAU_OK) {
        const adaptau_model_options defaults = atau_model_defaults();
        atau_complete_struct(&options, &defaults, sizeof options, given);
    }
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

int32_t adaptau_model_n_users(const adaptau_model *model)
{
    return model ? model->tables.side[ADAPTAU_SIDE_USERS].n_rows : 0;
}

int32_t adaptau_model_n_items(const adaptau_model *model)
{
    return model ? model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows : 0;
}

int32_t adaptau_model_dim(const adaptau_model *model)
{
    return model ? model->tables.dim : 0;
}

void adaptau_model_destroy(adaptau_model *model)
{
    if (!model)
        return;
    model->encoding.encoder->destroy(&model->encoding);
    atau_folding_free(&model->folding, &model->tables);
    atau_targets_free(&model->targets, &model->tables);
    atau_contrast_free(&model->contrast, model->context);
    atau_prototypes_free(&model->prototypes, model->context);
    atau_gradients_free(&model->gradients, &model->tables);
    atau_optimiser_free(&model->optimiser, &model->tables);
    atau_tables_close(&model->tables);
    atau_mapping_close(&model->mapping);
    atau_free(model->context, model, sizeof *model);
}

/* ---- doors --------------------------------------------------------------------------------------------------------- */

adaptau_status atau_model_enter_to_train(adaptau_model *model, adaptau_error *error)
{
    if (model->tables.read_only)
        return atau_fail(error, ADAPTAU_E_STATE,
                         "model is read-only, in a mapped file or a buffer: adaptau_model_load makes one that can be trained");
    return atau_enter(&model->busy, "model", error);
}

adaptau_status atau_model_enter_shared(const adaptau_model *model, adaptau_error *error)
{
    return atau_enter_shared(&model->busy, "model", error);
}

void atau_model_leave_shared(const adaptau_model *model)
{
    atau_busy_leave_shared(&model->busy);
}

adaptau_status atau_model_tables(const adaptau_model *model, struct atau_tables *out, adaptau_error *error)
{
    struct atau_embeddings final;
    adaptau_status         status = atau_encoding_forward(&model->encoding, &final, error);
    if (status == ADAPTAU_OK)
        *out = atau_tables_view(&model->tables, &final);
    return status;
}

adaptau_status atau_model_ranking_tables(const adaptau_model *model, struct atau_tables *out, adaptau_error *error)
{
    struct atau_embeddings final;
    adaptau_status         status = atau_encoding_forward(&model->encoding, &final, error);
    if (status == ADAPTAU_OK)
        *out = atau_tables_ranking_view(&model->tables, &final);
    return status;
}

adaptau_status atau_model_refuse_halves(const struct atau_halves halves[2], adaptau_error *error)
{
    return halves[ADAPTAU_SIDE_USERS].rows || halves[ADAPTAU_SIDE_ITEMS].rows
               ? atau_fail(error, ADAPTAU_E_UNSUPPORTED,
                           "the embeddings are F16 in a file, and there are none in float32: adaptau_model_load "
                           "makes them")
               : ADAPTAU_OK;
}

adaptau_status atau_model_check_dataset(const adaptau_model *model, const char *name, const adaptau_dataset *dataset,
                                        adaptau_error *error)
{
    const int32_t n = model->tables.side[ADAPTAU_SIDE_USERS].n_rows, m = model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows;
    if (dataset->n_users == n && dataset->n_items == m)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_SHAPE, "%s is %d x %d, but the model is %d x %d", name, dataset->n_users,
                     dataset->n_items, n, m);
}

adaptau_status adaptau_model_get_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error)
{
    struct atau_tables tables;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_model_ranking_tables(model, &tables, error);
    if (status == ADAPTAU_OK)
        status = atau_model_refuse_halves(tables.halves, error);
    atau_model_leave_shared(model);
    if (status == ADAPTAU_OK)
        atau_write_struct(out, &tables.of, sizeof tables.of);
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
    struct atau_embeddings raw = atau_tables_raw(&model->tables);
    adaptau_tables         tables = atau_tables_view(&model->tables, &raw).of;
    status = atau_model_refuse_halves(raw.halves, error);
    atau_model_leave_shared(model);
    if (status != ADAPTAU_OK)
        return status;
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
                                             .n_rows = model->tables.own.n_rows,
                                             .dim = model->tables.dim,
                                             .rows = model->tables.own.rows};
    atau_model_leave_shared(model);
    atau_write_struct(out, &parameters, sizeof parameters);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_refresh(adaptau_model *model, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    atau_tables_written_by_host(&model->tables);
    atau_encoding_forget(&model->encoding);
    atau_busy_leave(&model->busy);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_settle_users(adaptau_model *model, const adaptau_dataset *dataset, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(dataset, error);
    const int32_t n = model->tables.side[ADAPTAU_SIDE_USERS].n_rows;
    if (dataset->n_users != n)
        return atau_fail(error, ADAPTAU_E_SHAPE, "dataset has %d users, but the model has %d", dataset->n_users, n);
    adaptau_status status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    if (atau_settle_users(&model->tables, dataset))
        atau_encoding_forget(&model->encoding);
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
    status = atau_encoding_forward(&model->encoding, &final, error);
    atau_busy_leave(&model->busy);
    return status;
}

adaptau_status adaptau_model_set_learning_rates(adaptau_model *model, double users, double items, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_model_check_rate("users", users, error);
    if (status == ADAPTAU_OK)
        status = atau_model_check_rate("items", items, error);
    if (status == ADAPTAU_OK)
        status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    model->optimiser.of[ADAPTAU_SIDE_USERS].learning_rate = users;
    model->optimiser.of[ADAPTAU_SIDE_ITEMS].learning_rate = items;
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
    model->objective.loss = complete;
    model->objective.map = known == &atau_loss_softmax ? NULL : known;
    atau_busy_leave(&model->busy);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_set_item_bias(adaptau_model *model, const float *bias, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    size_t n = (size_t)model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows;
    for (size_t i = 0; bias && i < n; i++)
        if (!isfinite(bias[i]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "bias[%zu] = %g is not finite", i, (double)bias[i]);
    adaptau_status status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_tables_set_bias(&model->tables, bias, error);
    atau_busy_leave(&model->busy);
    return status;
}

/* Options that the model takes with it. */
static adaptau_status check_folding(const adaptau_model *model, const adaptau_dataset *dataset, const adaptau_fold_in_options *o,
                                    adaptau_error *error)
{
    adaptau_status status = atau_folding_check(o, error);
    if (status == ADAPTAU_OK && o->popularity_exponent != 0.0 && !dataset)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->popularity_exponent = %g, but dataset is NULL",
                         o->popularity_exponent);
    return status == ADAPTAU_OK && dataset ? atau_model_check_dataset(model, "dataset", dataset, error) : status;
}

adaptau_status adaptau_model_set_fold_in(adaptau_model *model, const adaptau_dataset *dataset,
                                         const adaptau_fold_in_options *given, adaptau_error *error)
{
    adaptau_fold_in_options options;
    ATAU_REQUIRE(model, error);
    adaptau_status status = given ? atau_fold_in_read_options(model, given, &options, error) : ADAPTAU_OK;
    if (status == ADAPTAU_OK && given)
        status = check_folding(model, dataset, &options, error);
    if (status == ADAPTAU_OK)
        status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    if (given)
        status = atau_folding_set(&model->folding, &model->tables, dataset, &options, error);
    else
        atau_folding_free(&model->folding, &model->tables);
    atau_busy_leave(&model->busy);
    return status;
}

adaptau_status adaptau_model_get_fold_in(const adaptau_model *model, adaptau_fold_in_options *out, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    if (model->folding.present)
        atau_write_struct(out, &model->folding.options, sizeof model->folding.options);
    else
        status =
            atau_fail(error, ADAPTAU_E_STATE,
                      "the model does not say how new users are folded in: adaptau_training_end_epoch and adaptau_model_set_fold_in do");
    atau_model_leave_shared(model);
    return status;
}

adaptau_status adaptau_model_update_temperature(adaptau_model *model, adaptau_temperature *temperature, adaptau_error *error)
{
    struct atau_tables tables;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_model_tables(model, &tables, error);
    if (status == ADAPTAU_OK)
        status = atau_model_refuse_halves(tables.halves, error);
    if (status == ADAPTAU_OK)
        status = adaptau_temperature_update(temperature, &tables.of, error);
    atau_model_leave_shared(model);
    return status;
}

adaptau_status adaptau_model_update_targets(adaptau_model *model, const adaptau_dataset *dataset,
                                            const adaptau_temperature *temperature, const adaptau_target_options *given,
                                            adaptau_error *error)
{
    adaptau_target_options options;
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(temperature, error);
    adaptau_status status = atau_read_struct(&options, sizeof options, sizeof options, given, false, "options", error);
    if (status == ADAPTAU_OK) {
        const adaptau_target_options defaults = atau_targets_defaults();
        atau_complete_struct(&options, &defaults, sizeof options, given);
    }
    if (status == ADAPTAU_OK)
        status = atau_targets_check_options(&options, error);
    if (status == ADAPTAU_OK)
        status = atau_model_check_dataset(model, "dataset", dataset, error);
    if (status == ADAPTAU_OK)
        status = atau_temperature_check_fit(temperature, dataset->n_users, dataset->n_items, error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    if (options.strength == 0.0)
        model->targets.weight = 0.0;
    else
        status = atau_targets_update(&model->targets, &model->encoding, dataset, temperature, &options, error);
    atau_busy_leave(&model->busy);
    return status;
}

/* ---- contrast ------------------------------------------------------------------------------------------------------ */

static adaptau_status add_contrast(adaptau_model *model, const adaptau_batch *given, const adaptau_contrast_options *options,
                                   double *loss, adaptau_error *error)
{
    const int32_t n = model->tables.side[ADAPTAU_SIDE_USERS].n_rows, m = model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows;
    adaptau_batch  batch;
    adaptau_status status = atau_gradients_check(&model->gradients, error);
    if (status == ADAPTAU_OK)
        status = atau_check_batch(given, n, m, &batch, error);
    if (status == ADAPTAU_OK && batch.n_rows == 0)
        status = atau_fail(error, ADAPTAU_E_STATE, "batch->n_rows = 0: there is nothing to learn from");
    if (status != ADAPTAU_OK)
        return status;
    status = atau_contrast_add(&model->contrast, &model->prototypes, &model->encoding, &model->gradients, &batch, options, loss,
                               error);
    if (status == ADAPTAU_E_CALLBACK)
        model->gradients.present = false;
    return status;
}

adaptau_status adaptau_model_contrast(adaptau_model *model, const adaptau_batch *batch,
                                      const adaptau_contrast_options *given, double *loss, adaptau_error *error)
{
    adaptau_contrast_options options;
    double                   sum = 0.0;
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(batch, error);
    adaptau_status status = atau_read_struct(&options, sizeof options, sizeof options, given, true, "options", error);
    if (status == ADAPTAU_OK) {
        const adaptau_contrast_options defaults = atau_contrast_defaults(options.kind);
        atau_complete_struct(&options, &defaults, sizeof options, given);
    }
    if (status == ADAPTAU_OK)
        status = atau_contrast_check_options(&options, error);
    if (status == ADAPTAU_OK)
        status = atau_contrast_check_encoder(model->encoding.encoder, error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = add_contrast(model, batch, &options, &sum, error);
    atau_busy_leave(&model->busy);
    if (status == ADAPTAU_OK && loss)
        *loss = sum;
    return status;
}

adaptau_status adaptau_model_update_prototypes(adaptau_model *model, int32_t n, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_contrast_check_encoder(model->encoding.encoder, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        if (n < 1 || n > model->tables.side[side].n_rows)
            status = atau_fail(error, ADAPTAU_E_ARGUMENT, "n_prototypes = %d is outside 1 ... %d, the number of %s", n,
                               model->tables.side[side].n_rows, side == ADAPTAU_SIDE_USERS ? "users" : "items");
    if (status == ADAPTAU_OK)
        status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_prototypes_update(&model->prototypes, &model->tables, n, error);
    atau_busy_leave(&model->busy);
    return status;
}
