/* SPDX-License-Identifier: MIT */
/* A model with more users and items. What was learned moves over bit for bit, with moments and step counts; new items start at
 * their users and new users at their items, in the raw tables, so that every encoder has a sensible first epoch. */
#include <adaptau/fold_in.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "core/dataset.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"
#include "model/first_rows.h"
#include "model/model.h"

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

/* ---- what was learned ---------------------------------------------------------------------------------------------- */

static adaptau_status copy_table(const adaptau_model *from, adaptau_model *to, int k, adaptau_error *error)
{
    const struct atau_table            *old = atau_optimised_const_table(&from->tables, k);
    const struct atau_table            *grown = atau_optimised_const_table(&to->tables, k);
    const struct atau_moments_of_table *moments = &from->optimiser.of[k];
    const size_t                        n = (size_t)old->n_rows, row = (size_t)from->tables.dim * sizeof(float);
    for (int64_t r = 0; r < old->n_rows; r++)
        memcpy(grown->rows + r * grown->stride, old->rows + r * old->stride, row);
    to->optimiser.of[k].learning_rate = moments->learning_rate;
    if (!atau_optimiser_has_moments(&from->optimiser, k))
        return ADAPTAU_OK;
    adaptau_status status = atau_optimiser_make_moments(&to->optimiser, &to->tables, k, error);
    if (status != ADAPTAU_OK)
        return status;
    const size_t second = (size_t)atau_second_columns(&from->optimiser, &from->tables) * sizeof(float);
    memcpy(to->optimiser.of[k].first, moments->first, n * row);
    memcpy(to->optimiser.of[k].second, moments->second, n * second);
    memcpy(to->optimiser.of[k].steps, moments->steps, n * sizeof(int32_t));
    return ADAPTAU_OK;
}

/* New items have none. */
static adaptau_status copy_bias(const adaptau_model *from, adaptau_model *to, adaptau_error *error)
{
    const size_t n = (size_t)from->tables.side[ITEMS].n_rows, m = (size_t)to->tables.side[ITEMS].n_rows;
    if (!from->tables.item_bias)
        return ADAPTAU_OK;
    adaptau_status status = atau_tables_make_bias(&to->tables, error);
    if (status != ADAPTAU_OK)
        return status;
    memcpy(to->tables.item_bias, from->tables.item_bias, n * sizeof(float));
    memset(to->tables.item_bias + n, 0, (m - n) * sizeof(float));
    return ADAPTAU_OK;
}

static adaptau_status copy_model(const adaptau_model *from, adaptau_model *to, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int k = 0; k < ATAU_OPTIMISED && status == ADAPTAU_OK; k++)
        status = copy_table(from, to, k, error);
    if (status == ADAPTAU_OK)
        status = copy_bias(from, to, error);
    to->objective.loss = from->objective.loss;
    to->objective.map = from->objective.map;
    to->contrast.step = from->contrast.step;
    to->prototypes.update = from->prototypes.update;
    atau_encoding_set_steps(&to->encoding, atau_encoding_steps(&from->encoding));
    return status;
}

/* ---- new rows ------------------------------------------------------------------------------------------------------ */

/* Mean length of the rows that were there; 1 on the unit sphere, and where there were none. */
static double mean_length(const adaptau_model *model, int side)
{
    const struct atau_table *table = &model->tables.side[side];
    double                   sum = 0.0;
    if (table->sphere || table->n_rows == 0)
        return 1.0;
    for (int64_t r = 0; r < table->n_rows; r++) {
        const float *row = table->rows + r * table->stride;
        sum += sqrt((double)atau_kernels_of(model->context)->dot(model->tables.dim, row, row));
    }
    return sum > 0.0 ? sum / table->n_rows : 1.0;
}

/* The directions of a new row's neighbours, of those that have a row already (below `n_others`), added up. */
static void start_rows(adaptau_model *model, int side, int64_t first, const int64_t *ptr, const int32_t *others,
                       int64_t n_others, double length)
{
    const struct atau_kernels *kernels = atau_kernels_of(model->context);
    struct atau_table         *table = &model->tables.side[side];
    const struct atau_table   *other = &model->tables.side[!side];
    const int64_t              dim = model->tables.dim;
    for (int64_t r = first; r < table->n_rows; r++) {
        float *row = table->rows + r * table->stride;
        memset(row, 0, (size_t)dim * sizeof(float));
        for (int64_t p = ptr[r]; p < ptr[r + 1]; p++) {
            const float *from = other->rows + others[p] * other->stride;
            const float  squares = others[p] < n_others ? kernels->dot(dim, from, from) : 0.0f;
            if (squares > 0.0f)
                kernels->axpy(dim, 1.0f / sqrtf(squares), from, row);
        }
        if (!(atau_unit_row(kernels, dim, row, row) > 0.0f))
            atau_first_direction(&model->tables, side, r, row);
        kernels->scale(dim, (float)length, row, row);
    }
}

/* New users of a factorisation are folded in, where the host says how they are trained. */
static adaptau_status fold_new_users(adaptau_model *model, int64_t first, const adaptau_dataset *data,
                                     const adaptau_fold_in_options *options, adaptau_error *error)
{
    struct atau_table *users = &model->tables.side[USERS];
    const int32_t      n = users->n_rows - (int32_t)first;
    const size_t       bytes = ((size_t)n + 1) * sizeof(int64_t);
    adaptau_fold_in      *fold = NULL;
    int64_t           *ptr = atau_allocate_array(model->context, (uint64_t)n + 1, sizeof(int64_t));
    if (!ptr)
        return atau_fail_memory(error, bytes, "the new users");
    for (int64_t r = 0; r <= n; r++)
        ptr[r] = data->user_ptr[first + r] - data->user_ptr[first];
    adaptau_status status = adaptau_fold_in_create(model, data, options, &fold, error);
    if (status == ADAPTAU_OK)
        status = adaptau_fold_in_users(fold, n, ptr, data->n_interactions > 0 ? data->user_items + data->user_ptr[first] : NULL,
                                       data->user_weights ? data->user_weights + data->user_ptr[first] : NULL,
                                       users->rows + first * users->stride, NULL, error);
    for (int64_t r = first; r < users->n_rows && status == ADAPTAU_OK; r++) /* folding has given them a row of zeros */
        if (data->user_ptr[r + 1] == data->user_ptr[r])
            atau_first_direction(&model->tables, USERS, r, users->rows + r * users->stride);
    adaptau_fold_in_destroy(fold);
    atau_free(model->context, ptr, bytes);
    return status;
}

static adaptau_status start_new_rows(const adaptau_model *from, adaptau_model *to, const adaptau_dataset *data,
                                     const adaptau_fold_in_options *options, adaptau_error *error)
{
    const int32_t n = from->tables.side[USERS].n_rows, m = from->tables.side[ITEMS].n_rows;
    start_rows(to, ITEMS, m, data->item_ptr, data->item_users, n, mean_length(from, ITEMS));
    start_rows(to, USERS, n, data->user_ptr, data->user_items, data->n_items, mean_length(from, USERS));
    return options && to->tables.side[USERS].n_rows > n ? fold_new_users(to, n, data, options, error) : ADAPTAU_OK;
}

/* ---- the call ------------------------------------------------------------------------------------------------------ */

/* With the popularity of the larger catalogue. */
static adaptau_status copy_folding(const adaptau_model *from, adaptau_model *to, const adaptau_dataset *dataset, adaptau_error *error)
{
    return from->folding.present ? atau_folding_set(&to->folding, &to->tables, dataset, &from->folding.options, error) : ADAPTAU_OK;
}

static adaptau_status grow(const adaptau_model *model, const adaptau_dataset *dataset, const adaptau_fold_in_options *fold,
                           adaptau_model **out, adaptau_error *error)
{
    adaptau_model              *grown = NULL;
    const adaptau_model_options options = atau_model_recall_options(model);
    adaptau_status              status = atau_model_open(model->context, dataset, &options, &grown, error);
    if (status == ADAPTAU_OK)
        status = copy_model(model, grown, error);
    if (status == ADAPTAU_OK)
        status = copy_folding(model, grown, dataset, error);
    if (status == ADAPTAU_OK) {
        atau_tables_bring_back(&grown->tables); /* rows that the host of the old model has written                */
        status = start_new_rows(model, grown, dataset, fold, error);
    }
    if (status == ADAPTAU_OK)
        *out = grown;
    else
        adaptau_model_destroy(grown);
    return status;
}

adaptau_status adaptau_model_grow(const adaptau_model *model, const adaptau_dataset *dataset, const adaptau_fold_in_options *fold,
                                  adaptau_model **out, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    const int32_t n = model->tables.side[USERS].n_rows, m = model->tables.side[ITEMS].n_rows;
    if (dataset->n_users < n || dataset->n_items < m)
        return atau_fail(error, ADAPTAU_E_SHAPE, "dataset is %d x %d, but the model is %d x %d already", dataset->n_users,
                         dataset->n_items, n, m);
    if (fold && !model->encoding.encoder->identity)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "fold is given, but raw rows of %s are no embeddings",
                         model->encoding.encoder->name);
    /* The struct is checked even where no new user is to be folded in. */
    adaptau_fold_in_options options;
    adaptau_status          status =
        fold ? atau_read_struct(&options, sizeof options, sizeof options, fold, false, "fold", error) : ADAPTAU_OK;
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = grow(model, dataset, fold, out, error);
    atau_model_leave_shared(model);
    return status;
}
