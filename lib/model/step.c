/* SPDX-License-Identifier: MIT */
/* A step: gradients of a batch, and the optimiser. */
#include "model/first_rows.h"
#include "model/model.h"

#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "core/temperature_doors.h"
#include "kernels/check.h"
#include "kernels/workspace.h"

static adaptau_status compute_gradients(adaptau_model *model, const adaptau_batch *batch,
                                        adaptau_temperature *temperature, adaptau_loss_output *output,
                                        adaptau_error *error)
{
    struct atau_gradients  *gradients = &model->gradients;
    struct atau_batch_rows *rows = &gradients->rows;
    struct atau_embeddings  final;
    const int64_t           n_users = atau_gradients_list_users(gradients, batch);
    adaptau_status status = atau_encoding_forward_step(&model->encoding, n_users, rows->users, &final, error);
    if (status == ADAPTAU_OK)
        status = adaptau_temperature_rows(temperature, batch->n_rows, batch->users, rows->tau, rows->tau_positive, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_tables tables = atau_tables_view(&model->tables, &final).of;
    tables.flags |= model->tables.bfloat16 ? ADAPTAU_BFLOAT16 : 0;
    const adaptau_row_temperatures temperatures = {
        .struct_size = sizeof temperatures,
        .candidates = rows->tau,
        .positives = atau_temperature_is_split(temperature) ? rows->tau_positive : NULL};
    output->user_gradients = rows->gradients;
    output->item_gradients = gradients->items;
    output->touched_items = batch->candidates == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : gradients->item_ids;
    output->row_unit_loss = atau_temperature_is_personal(temperature) ? rows->unit_losses : NULL;
    output->row_d_inverse_tau = atau_temperature_is_learned(temperature) ? rows->d_inverse_tau : NULL;
    output->row_terms = rows->positives; /* of all ranges of items: a temperature must not depend on where they were cut */
    return atau_loss_gradients_in(model->context, &gradients->workspace, &tables, batch, &temperatures,
                                  model->objective.map ? &model->objective.loss : NULL,
                                  model->objective.reduce.function ? &model->objective.reduce : NULL, output, error);
}

/* Last of all, so that a call that fails has not moved the temperature. */
static adaptau_status tell_temperature(adaptau_model *model, const adaptau_batch *batch, adaptau_temperature *temperature,
                                       const adaptau_loss_output *output, adaptau_error *error)
{
    const struct atau_batch_rows *rows = &model->gradients.rows;
    if (!output->row_unit_loss && !output->row_d_inverse_tau)
        return ADAPTAU_OK;
    for (int64_t r = 0; r < batch->n_rows; r++)
        rows->terms[r] = (batch->row_weights ? batch->row_weights[r] : 1.0f) * rows->positives[r];
    const struct atau_temperature_report report = {.n = batch->n_rows,
                                                   .users = batch->users,
                                                   .unit_losses = output->row_unit_loss,
                                                   .d_inverse_tau = output->row_d_inverse_tau,
                                                   .positives = rows->positives,
                                                   .terms = rows->terms,
                                                   .of_range = model->objective.reduce.function != NULL};
    return atau_temperature_tell(temperature, &report, error);
}

/* Refuse what only the softmax and its family can give a temperature or take from soft targets, and what one range of items
 * cannot know. The engine checks the rest. */
static adaptau_status check_loss(const adaptau_model *model, const adaptau_batch *batch, const adaptau_temperature *temperature,
                                 adaptau_error *error)
{
    const struct atau_loss *loss = model->objective.map;
    if (model->objective.reduce.function && model->targets.weight > 0.0 && !batch->target_shares)
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "the model's own soft targets walk the pairs of its range alone: give those of the batch");
    if (!loss || atau_loss_is_softmax(loss))
        return ADAPTAU_OK;
    if (atau_temperature_is_personal(temperature))
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "the temperature compares users by losses of the softmax, but the model's loss is %s", loss->name);
    if (atau_temperature_is_learned(temperature) && !loss->has_tau)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "the temperature is learned, but the model's loss is %s, which has none",
                         loss->name);
    if (model->targets.weight > 0.0 && !batch->target_shares)
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "the model has soft targets, which belong to the softmax, but its loss is %s", loss->name);
    return ADAPTAU_OK;
}

static adaptau_status run_gradients(adaptau_model *model, const adaptau_batch *given, adaptau_temperature *temperature,
                                    adaptau_step *step, adaptau_error *error)
{
    const int32_t          n = model->tables.side[ADAPTAU_SIDE_USERS].n_rows, m = model->tables.side[ADAPTAU_SIDE_ITEMS].n_rows;
    adaptau_loss_output output = {.struct_size = sizeof output};
    adaptau_batch          batch;
    model->gradients.present = false;
    adaptau_status status = atau_check_batch(given, n, m, &batch, error);
    if (status == ADAPTAU_OK && batch.n_rows == 0 && !model->objective.reduce.function)
        return atau_fail(error, ADAPTAU_E_STATE, "batch->n_rows = 0: there is nothing to learn from");
    if (status == ADAPTAU_OK)
        status = atau_temperature_check_fit(temperature, n, m, error);
    if (status == ADAPTAU_OK)
        status = check_loss(model, &batch, temperature, error);
    if (status == ADAPTAU_OK)
        status = atau_encoding_check_trains(&model->encoding, error);
    if (status == ADAPTAU_OK)
        status = atau_gradients_make_room(&model->gradients, &model->tables, batch.n_rows, model->targets.weight > 0.0, error);
    if (status == ADAPTAU_OK && model->targets.weight > 0.0 && !batch.target_shares)
        atau_targets_add(&model->targets, model->tables.dim, model->gradients.rows.target_shares, model->gradients.rows.targets,
                         &batch);
    if (status == ADAPTAU_OK && model->tables.any_length)
        atau_tables_bring_back(&model->tables);
    if (status == ADAPTAU_OK && atau_start_users(&model->tables, model->encoding.encoder->identity, batch.n_rows, batch.users))
        atau_encoding_forget(&model->encoding);
    if (status == ADAPTAU_OK)
        status = atau_tables_explain(&model->tables, compute_gradients(model, &batch, temperature, &output, error), error);
    if (status != ADAPTAU_OK)
        return status;
    atau_gradients_gather(&model->gradients, &model->tables, &batch, output.n_touched_items);
    status = atau_encoding_backward(&model->encoding, &model->gradients, error);
    if (status == ADAPTAU_OK)
        status = tell_temperature(model, &batch, temperature, &output, error);
    if (status != ADAPTAU_OK)
        return status;
    model->gradients.present = true;
    atau_encoding_set_steps(&model->encoding, atau_encoding_steps(&model->encoding) + 1);
    if (step) {
        adaptau_step result = {
            .struct_size = sizeof result, .n_rows = batch.n_rows, .n_terms = output.n_terms, .loss = output.loss};
        atau_write_struct(step, &result, sizeof result);
    }
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_gradients(adaptau_model *model, const adaptau_batch *batch, adaptau_temperature *temperature,
                                       adaptau_step *step, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(temperature, error);
    adaptau_status status = step ? atau_check_output(step, sizeof *step, "step", error) : ADAPTAU_OK;
    if (status == ADAPTAU_OK)
        status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = run_gradients(model, batch, temperature, step, error);
    atau_busy_leave(&model->busy);
    return status;
}

adaptau_status adaptau_model_set_reduce(adaptau_model *model, const adaptau_reduce *reduce, adaptau_error *error)
{
    adaptau_reduce own = {.struct_size = sizeof own};
    ATAU_REQUIRE(model, error);
    adaptau_status status = reduce ? atau_open_reduce(reduce, &own, error) : ADAPTAU_OK;
    if (status != ADAPTAU_OK)
        return status;
    if (reduce && !model->encoding.encoder->identity)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "reduce is given, but the encoder reads items of all ranges");
    status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    model->objective.reduce = own;
    atau_busy_leave(&model->busy);
    return ADAPTAU_OK;
}

adaptau_status adaptau_model_get_gradient_view(const adaptau_model *model, adaptau_gradient_view *out, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    const struct atau_row_gradients *users = &model->gradients.of[ADAPTAU_SIDE_USERS];
    const struct atau_row_gradients *items = &model->gradients.of[ADAPTAU_SIDE_ITEMS];
    adaptau_gradient_view            view = {
                   .struct_size = sizeof view,
                   .dim = model->tables.dim,
                   .n_users = users->n,
                   .user_ids = users->ids,
                   .users = users->rows,
                   .n_items = items->n,
                   .item_ids = items->ids,
                   .items = items->rows,
                   .n_encoder_rows = model->tables.own.n_rows,
                   .encoder = model->gradients.own.rows,
    };
    status = atau_gradients_check(&model->gradients, error);
    if (status == ADAPTAU_OK)
        atau_write_struct(out, &view, sizeof view);
    atau_model_leave_shared(model);
    return status;
}

adaptau_status adaptau_model_apply(adaptau_model *model, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_model_enter_to_train(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_gradients_check(&model->gradients, error);
    if (status == ADAPTAU_OK) {
        atau_encoding_forget(&model->encoding);
        status = atau_optimiser_step(&model->optimiser, &model->tables, &model->gradients, error);
    }
    atau_busy_leave(&model->busy);
    return status;
}
