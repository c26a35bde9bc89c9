/* SPDX-License-Identifier: MIT */
/* Gradients of a batch, and the optimiser. */
#include "model/model.h"

#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "core/temperature.h"
#include "kernels/adam.h"
#include "kernels/check.h"
#include "kernels/of_context.h"

#define ROW_ARRAYS 6 /* in row_tau */

/* ---- memory: nothing that a model which only serves would need --------------------------------------------------- */

static void free_rows(adaptau_model *model)
{
    size_t rows = (size_t)model->row_capacity;
    atau_free(model->context, model->user_gradients, rows * (size_t)model->dim * sizeof(float));
    atau_free(model->context, model->row_tau, ROW_ARRAYS * rows * sizeof(float));
    atau_free(model->context, model->row_targets, rows * (size_t)model->dim * sizeof(float));
    atau_free(model->context, model->user_ids, rows * sizeof(int32_t));
    model->user_gradients = model->row_tau = model->row_targets = NULL;
    model->user_ids = NULL;
    model->row_capacity = 0;
}

void atau_model_free_gradients(adaptau_model *model)
{
    size_t n = (size_t)model->tables[ADAPTAU_SIDE_USERS].n_rows, m = (size_t)model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    free_rows(model);
    atau_workspace_free(model->context, &model->workspace);
    atau_free(model->context, model->user_slots, n * sizeof(int32_t));
    atau_free(model->context, model->item_gradients, m * (size_t)model->dim * sizeof(float));
    atau_free(model->context, model->item_ids, m * sizeof(int32_t));
    model->user_slots = model->item_ids = NULL;
    model->item_gradients = NULL;
}

static adaptau_status make_room_for_rows(adaptau_model *model, int32_t n_rows, adaptau_error *error)
{
    if (n_rows <= model->row_capacity)
        return ADAPTAU_OK;
    size_t rows = (size_t)n_rows, row_bytes = (size_t)model->dim * sizeof(float);
    free_rows(model);
    model->row_capacity = n_rows;
    model->user_gradients = atau_allocate_array(model->context, rows, row_bytes);
    model->row_tau = atau_allocate_array(model->context, ROW_ARRAYS * rows, sizeof(float));
    model->user_ids = atau_allocate_array(model->context, rows, sizeof(int32_t));
    if (!model->user_gradients || !model->row_tau || !model->user_ids) {
        free_rows(model);
        return atau_fail_memory(error, rows * row_bytes, "the user gradients");
    }
    return ADAPTAU_OK;
}

static adaptau_status make_room(adaptau_model *model, int32_t n_rows, adaptau_error *error)
{
    size_t n = (size_t)model->tables[ADAPTAU_SIDE_USERS].n_rows, m = (size_t)model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    if (!model->user_slots) {
        model->user_slots = atau_allocate_array(model->context, n, sizeof(int32_t));
        if (model->user_slots)
            memset(model->user_slots, 0xFF, n * sizeof(int32_t));
    }
    if (!model->item_gradients)
        model->item_gradients = atau_allocate_array(model->context, m, (uint64_t)model->dim * sizeof(float));
    if (!model->item_ids)
        model->item_ids = atau_allocate_array(model->context, m, sizeof(int32_t));
    if (!model->user_slots || !model->item_gradients || !model->item_ids)
        return atau_fail_memory(error, m * (size_t)model->dim * sizeof(float), "the item gradients");
    adaptau_status status = make_room_for_rows(model, n_rows, error);
    if (status != ADAPTAU_OK || model->target_weight == 0.0 || model->row_targets)
        return status;
    size_t rows = (size_t)model->row_capacity, row_bytes = (size_t)model->dim * sizeof(float);
    model->row_targets = atau_allocate_array(model->context, rows, row_bytes);
    return model->row_targets ? ADAPTAU_OK : atau_fail_memory(error, rows * row_bytes, "the rows' soft targets");
}

/* ---- gradients --------------------------------------------------------------------------------------------------- */

/* The engine answers row by row. Rows of the same user (batches of interactions) become one, at the place of the first. */
static void merge_rows_of_users(adaptau_model *model, const adaptau_batch *batch)
{
    const struct atau_kernels *kernels = atau_kernels_of(model->context);
    const int64_t              dim = model->dim;
    int64_t                    n = 0;
    for (int64_t r = 0; r < batch->n_rows; r++) {
        int32_t user = batch->users ? batch->users[r] : (int32_t)r;
        float  *row = model->user_gradients + r * dim;
        if (model->user_slots[user] >= 0) {
            kernels->axpy(dim, 1.0f, row, model->user_gradients + model->user_slots[user] * dim);
            continue;
        }
        if (n != r)
            memcpy(model->user_gradients + n * dim, row, (size_t)dim * sizeof(float));
        model->user_slots[user] = (int32_t)n;
        model->user_ids[n++] = user;
    }
    for (int64_t k = 0; k < n; k++)
        model->user_slots[model->user_ids[k]] = -1;
    model->gradients[ADAPTAU_SIDE_USERS] = (struct atau_row_gradients){n, model->user_ids, model->user_gradients, false};
}

static void list_items(adaptau_model *model, const adaptau_loss_output *output, bool catalogue)
{
    const int64_t n = output->n_touched_items;
    for (int64_t i = 0; catalogue && i < n; i++)
        model->item_ids[i] = (int32_t)i;
    model->gradients[ADAPTAU_SIDE_ITEMS] = (struct atau_row_gradients){n, model->item_ids, model->item_gradients, true};
}

/* The users of a batch, each once, into user_ids. */
static int64_t list_users(adaptau_model *model, const adaptau_batch *batch)
{
    int64_t n = 0;
    for (int64_t r = 0; r < batch->n_rows; r++) {
        int32_t user = batch->users ? batch->users[r] : (int32_t)r;
        if (model->user_slots[user] >= 0)
            continue;
        model->user_slots[user] = (int32_t)n;
        model->user_ids[n++] = user;
    }
    for (int64_t k = 0; k < n; k++)
        model->user_slots[model->user_ids[k]] = -1;
    return n;
}

/* Soft targets of the batch's rows, and the part of the items' that falls to the batch: its share of all weight. */
static void aim_softly(adaptau_model *model, adaptau_batch *batch)
{
    const int64_t dim = model->dim;
    float        *shares = model->row_tau + 3 * model->row_capacity;
    double        weight = 0.0;
    for (int64_t r = 0; r < batch->n_rows; r++) {
        int64_t user = batch->users ? batch->users[r] : r, n = batch->positive_ptr[r + 1] - batch->positive_ptr[r];
        shares[r] = model->target_shares[user];
        weight += (batch->row_weights ? (double)batch->row_weights[r] : 1.0) * (double)n;
        memcpy(model->row_targets + r * dim, model->user_targets + user * dim, (size_t)dim * sizeof(float));
    }
    batch->target_shares = shares;
    batch->user_targets = model->row_targets;
    batch->item_targets = model->item_targets;
    batch->item_target_scale = (float)(weight / model->target_weight);
}

/* The host's exchange, and how many positives the batch's rows have over the ranges together. A range alone does not know it,
 * and a temperature must not depend on where the items were cut. */
struct overheard {
    const adaptau_reduce *host;
    float                  *positives; /* [R] */
};

static int32_t overhear(void *user_data, const adaptau_reduce_piece *piece)
{
    const struct overheard *overheard = user_data;
    const int32_t           answer = overheard->host->function(overheard->host->user_data, piece);
    for (int64_t r = 0; answer == 0 && piece->what == ADAPTAU_REDUCE_SUMS && r < piece->n; r++)
        overheard->positives[piece->first + r] = (float)piece->sums[r].n_positives;
    return answer;
}

static float *row_positives(const adaptau_model *model)
{
    return model->row_tau + 5 * model->row_capacity;
}

static void count_positives(const adaptau_batch *batch, float *positives)
{
    for (int64_t r = 0; r < batch->n_rows; r++)
        positives[r] = (float)(batch->positive_ptr[r + 1] - batch->positive_ptr[r]);
}

static adaptau_status compute_gradients(adaptau_model *model, const adaptau_batch *batch,
                                        adaptau_temperature *temperature, adaptau_loss_output *output,
                                        adaptau_error *error)
{
    struct atau_embeddings final;
    float         *tau = model->row_tau, *tau_positive = tau + model->row_capacity, *unit = tau + 2 * model->row_capacity;
    float         *slope = tau + 4 * model->row_capacity;
    const bool     ranges = model->exchange.function != NULL;
    bool           personal = atau_temperature_is_personal(temperature);
    bool           split = atau_temperature_is_split(temperature);
    adaptau_status status = atau_encoder_forward_step(model, list_users(model, batch), model->user_ids, &final, error);
    if (status == ADAPTAU_OK)
        status = adaptau_temperature_rows(temperature, batch->n_rows, batch->users, tau, tau_positive, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_tables tables = atau_model_view(model, &final);
    tables.flags |= model->bfloat16 ? ADAPTAU_BFLOAT16 : 0;
    adaptau_row_temperatures rows = {
        .struct_size = sizeof rows, .candidates = tau, .positives = split ? tau_positive : NULL};
    output->user_gradients = model->user_gradients;
    output->item_gradients = model->item_gradients;
    output->touched_items = batch->candidates == ADAPTAU_CANDIDATES_CATALOGUE ? NULL : model->item_ids;
    output->row_unit_loss = personal ? unit : NULL;
    output->row_d_inverse_tau = atau_temperature_is_learned(temperature) ? slope : NULL;
    struct overheard overheard = {.host = &model->exchange, .positives = row_positives(model)};
    adaptau_reduce between = model->exchange;
    between.function = overhear;
    between.user_data = &overheard;
    count_positives(batch, overheard.positives);
    return atau_loss_gradients_in(model->context, &model->workspace, &tables, batch, &rows,
                                  model->loss_map ? &model->loss : NULL,
                                  ranges ? &between : NULL, output, error);
}

/* Last of all, so that a call that fails has not moved the temperature. */
static adaptau_status teach_temperature(adaptau_model *model, const adaptau_batch *batch, adaptau_temperature *temperature,
                                        const adaptau_loss_output *output, adaptau_error *error)
{
    const float   *positives = row_positives(model);
    float         *terms = model->row_tau; /* the rows' τ have served */
    adaptau_status status = ADAPTAU_OK;
    if (output->row_unit_loss)
        status = atau_temperature_observe_rows(temperature, batch->n_rows, batch->users, output->row_unit_loss, positives,
                                               model->exchange.function != NULL, error);
    if (status != ADAPTAU_OK || !output->row_d_inverse_tau)
        return status;
    for (int64_t r = 0; r < batch->n_rows; r++)
        terms[r] = (batch->row_weights ? batch->row_weights[r] : 1.0f) * positives[r];
    return adaptau_temperature_learn(temperature, batch->n_rows, batch->users, output->row_d_inverse_tau, terms, error);
}

/* What only the softmax and its family can give a temperature, or take from soft targets, and what a range cannot know. The rest
 * is for the engine to say. */
static adaptau_status check_loss(const adaptau_model *model, const adaptau_batch *batch, const adaptau_temperature *temperature,
                                 adaptau_error *error)
{
    const struct atau_loss *loss = model->loss_map;
    if (model->exchange.function && model->target_weight > 0.0 && !batch->target_shares)
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
    if (model->target_weight > 0.0 && !batch->target_shares)
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "the model has soft targets, which belong to the softmax, but its loss is %s", loss->name);
    return ADAPTAU_OK;
}

static adaptau_status run_gradients(adaptau_model *model, const adaptau_batch *given, adaptau_temperature *temperature,
                                    adaptau_step *step, adaptau_error *error)
{
    const int32_t          n = model->tables[ADAPTAU_SIDE_USERS].n_rows, m = model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    adaptau_loss_output output = {.struct_size = sizeof output};
    adaptau_batch          batch;
    model->has_gradients = false;
    adaptau_status status = atau_check_batch(given, n, m, &batch, error);
    if (status == ADAPTAU_OK && batch.n_rows == 0 && !model->exchange.function)
        return atau_fail(error, ADAPTAU_E_STATE, "batch->n_rows = 0: there is nothing to learn from");
    if (status == ADAPTAU_OK)
        status = atau_temperature_check_fit(temperature, n, m, error);
    if (status == ADAPTAU_OK)
        status = check_loss(model, &batch, temperature, error);
    if (status == ADAPTAU_OK)
        status = atau_encoder_check_trains(model, error);
    if (status == ADAPTAU_OK)
        status = make_room(model, batch.n_rows, error);
    if (status == ADAPTAU_OK && model->target_weight > 0.0 && !batch.target_shares)
        aim_softly(model, &batch);
    if (status == ADAPTAU_OK)
        status = compute_gradients(model, &batch, temperature, &output, error);
    if (status != ADAPTAU_OK)
        return status;
    merge_rows_of_users(model, &batch);
    list_items(model, &output, batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE);
    status = atau_encoder_backward(model, model->gradients, error);
    if (status == ADAPTAU_OK)
        status = teach_temperature(model, &batch, temperature, &output, error);
    if (status != ADAPTAU_OK)
        return status;
    model->has_gradients = true;
    if (model->encoder->steps)
        ++*model->encoder->steps(model);
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
        status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    status = run_gradients(model, batch, temperature, step, error);
    atau_busy_leave(&model->busy);
    return status;
}

adaptau_status adaptau_model_set_reduce(adaptau_model *model, const adaptau_reduce *exchange, adaptau_error *error)
{
    adaptau_reduce own;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_read_struct(&own, sizeof own, sizeof own, exchange, true, "reduce", error);
    if (status != ADAPTAU_OK)
        return status;
    if (exchange && !own.function)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce->function is NULL");
    if (exchange && model->encoder != &atau_encoder_mf)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "reduce is given, but the encoder reads items of all ranges");
    status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    model->exchange = own;
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
    const struct atau_row_gradients *users = &model->gradients[ADAPTAU_SIDE_USERS];
    const struct atau_row_gradients *items = &model->gradients[ADAPTAU_SIDE_ITEMS];
    adaptau_gradient_view            view = {
                   .struct_size = sizeof view,
                   .dim = model->dim,
                   .n_users = users->n,
                   .user_ids = users->ids,
                   .users = users->rows,
                   .n_items = items->n,
                   .item_ids = items->ids,
                   .items = items->rows,
                   .n_encoder_rows = model->encoder_table.n_rows,
                   .encoder = model->encoder_gradients.rows,
    };
    if (model->has_gradients)
        atau_write_struct(out, &view, sizeof view);
    else
        status = atau_fail(error, ADAPTAU_E_STATE, "the model has no gradients: adaptau_model_gradients comes first");
    atau_model_leave_shared(model);
    return status;
}

/* ---- Adam -------------------------------------------------------------------------------------------------------- */

static struct atau_adam_rows rows_of(const adaptau_model *model, const struct atau_table *table,
                                     const struct atau_row_gradients *gradients)
{
    const bool sphere = atau_model_on_sphere(model, table);
    return (struct atau_adam_rows){.kernels = atau_kernels_of(model->context),
                                   .dim = model->dim,
                                   .n = gradients->n,
                                   .ids = gradients->ids,
                                   .gradients = gradients->rows,
                                   .gradient_stride = model->dim,
                                   .by_id = gradients->by_id,
                                   .shared = model->row_second_moment,
                                   .to_sphere = sphere,
                                   .learning_rate = table->learning_rate,
                                   .beta1 = table->beta1,
                                   .beta2 = model->beta2,
                                   .epsilon = model->epsilon,
                                   .decay = sphere ? 0.0 : model->weight_decay,
                                   .rows = table->rows,
                                   .stride = table->stride,
                                   .first = table->first,
                                   .second = table->second,
                                   .steps = table->steps};
}

/* All tables in one parallel call: an executor that refuses it has stepped none. */
#define N_TABLES 3

struct adam_step {
    struct atau_adam_rows calls[N_TABLES];
    int64_t               n_tasks[N_TABLES];
    _Atomic int64_t       n_done;
};

static void step_table(void *argument, int32_t lane, int64_t task)
{
    struct adam_step *step = argument;
    int               table = 0;
    (void)lane;
    while (task >= step->n_tasks[table])
        task -= step->n_tasks[table++];
    atau_adam_step(&step->calls[table], task);
    atomic_fetch_add_explicit(&step->n_done, 1, memory_order_relaxed);
}

adaptau_status atau_model_make_moments(adaptau_model *model, struct atau_table *table, adaptau_error *error)
{
    size_t rows = (size_t)table->n_rows, row_bytes = (size_t)model->dim * sizeof(float);
    if (!table->first)
        table->first = atau_allocate_zeroed(model->context, rows, row_bytes);
    if (!table->second)
        table->second =
            atau_allocate_zeroed(model->context, rows, model->row_second_moment ? sizeof(float) : row_bytes);
    if (!table->steps)
        table->steps = atau_allocate_zeroed(model->context, rows, sizeof(int32_t));
    return table->first && table->second && table->steps
               ? ADAPTAU_OK
               : atau_fail_memory(error, rows * row_bytes, "the optimiser's moments");
}

static adaptau_status run_apply(adaptau_model *model, adaptau_error *error)
{
    struct atau_table *users = &model->tables[ADAPTAU_SIDE_USERS], *items = &model->tables[ADAPTAU_SIDE_ITEMS];
    struct atau_table *own = &model->encoder_table;
    int64_t            n_tasks = 0;
    if (!model->has_gradients)
        return atau_fail(error, ADAPTAU_E_STATE, "the model has no gradients: adaptau_model_gradients comes first");
    adaptau_status status = atau_model_make_moments(model, users, error);
    if (status == ADAPTAU_OK)
        status = atau_model_make_moments(model, items, error);
    if (status == ADAPTAU_OK && own->n_rows > 0)
        status = atau_model_make_moments(model, own, error);
    if (status != ADAPTAU_OK)
        return status;
    own->learning_rate = items->learning_rate;
    own->beta1 = items->beta1;
    struct adam_step step = {.calls = {
                                 rows_of(model, users, &model->gradients[ADAPTAU_SIDE_USERS]),
                                 rows_of(model, items, &model->gradients[ADAPTAU_SIDE_ITEMS]),
                                 rows_of(model, own, &model->encoder_gradients),
                             }};
    for (int table = 0; table < N_TABLES; table++) {
        step.n_tasks[table] = atau_adam_tasks(&step.calls[table]);
        n_tasks += step.n_tasks[table];
    }
    atau_encoder_forget(model);
    status = atau_parallel(model->context, n_tasks, step_table, &step, error);
    model->has_gradients = status != ADAPTAU_OK && atomic_load(&step.n_done) == 0;
    return status;
}

adaptau_status adaptau_model_apply(adaptau_model *model, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    status = run_apply(model, error);
    atau_busy_leave(&model->busy);
    return status;
}
