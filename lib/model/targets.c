/* SPDX-License-Identifier: MIT */
/* Soft targets. With P = D_u^{-1} R (a user's uniform distribution over its items) and N = D_i^{-1} Rᵀ P, users aim with the
 * share e_u at P N. The loss is linear in the target, so all that training needs of it are two tables, formed once per epoch:
 *
 *     user_targets = P D_i^{-1} Rᵀ P V̂                     what row u is drawn to
 *     item_targets = Rᵀ P D_i^{-1} Rᵀ D_u^{-1} (c Û)        c_u = W_u e_u/τ⁺_u, W_u = n_u^a
 *
 * each by three sparse products. Between two calls they lag behind the embeddings, by an epoch at most. */
#include "model/model.h"

#include <math.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/temperature.h"
#include "kernels/of_context.h"
#include "kernels/propagate.h"

struct targets {
    adaptau_model         *model;
    const adaptau_dataset *data;
    struct atau_embeddings final;
    float                 *inverse_users; /* [n] 1/n_u, 0 without items                                       */
    float                 *inverse_items; /* [m] 1/n_i                                                        */
    float                 *user_scale; /* [n] c_u/(n_u ‖e_u‖)                                              */
    float                 *item_scale; /* [m] 1/‖e_i‖                                                      */
    float                 *tau; /* [2 x n] τ and τ⁺                                                 */
    float                 *between; /* [n x d]                                                          */
};

static void lay_out(struct targets *t, struct atau_arena *arena)
{
    const size_t n = (size_t)t->data->n_users, m = (size_t)t->data->n_items;
    t->inverse_users = atau_arena_take(arena, n, sizeof(float));
    t->inverse_items = atau_arena_take(arena, m, sizeof(float));
    t->user_scale = atau_arena_take(arena, n, sizeof(float));
    t->item_scale = atau_arena_take(arena, m, sizeof(float));
    t->tau = atau_arena_take(arena, n, 2 * sizeof(float));
    t->between = atau_arena_take(arena, n, (uint64_t)t->model->dim * sizeof(float));
}

void atau_model_free_targets(adaptau_model *model)
{
    const size_t n = (size_t)model->tables[ADAPTAU_SIDE_USERS].n_rows, m = (size_t)model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    const size_t row = (size_t)model->dim * sizeof(float);
    atau_free(model->context, model->user_targets, n * row);
    atau_free(model->context, model->item_targets, m * row);
    atau_free(model->context, model->target_shares, n * sizeof(float));
    model->user_targets = model->item_targets = model->target_shares = NULL;
    model->target_weight = 0.0;
}

static adaptau_status make_room(adaptau_model *model, adaptau_error *error)
{
    const size_t n = (size_t)model->tables[ADAPTAU_SIDE_USERS].n_rows, m = (size_t)model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    const size_t row = (size_t)model->dim * sizeof(float);
    if (model->user_targets)
        return ADAPTAU_OK;
    model->user_targets = atau_allocate_array(model->context, n, row);
    model->item_targets = atau_allocate_array(model->context, m, row);
    model->target_shares = atau_allocate_array(model->context, n, sizeof(float));
    if (model->user_targets && model->item_targets && model->target_shares)
        return ADAPTAU_OK;
    atau_model_free_targets(model);
    return atau_fail_memory(error, (n + m) * row, "the soft targets");
}

/* 1/‖e‖ of a table that is normalised on the fly, 1 otherwise. */
static float inverse_length(const struct targets *t, int side, int64_t r)
{
    const adaptau_model *model = t->model;
    const float         *row = t->final.rows[side] + r * t->final.stride[side];
    if (model->tables[side].raw || !model->free_length)
        return 1.0f;
    float squares = atau_kernels_of(model->context)->dot(model->dim, row, row);
    return squares > 0.0f ? 1.0f / sqrtf(squares) : 0.0f;
}

static double set_scales(struct targets *t, const adaptau_target_options *options)
{
    adaptau_model *model = t->model;
    const float   *tau_positive = t->tau + t->data->n_users;
    const double   exponent = options->row_weight_exponent == 0.0 ? 1.0 : options->row_weight_exponent;
    double         total = 0.0;
    for (int64_t u = 0; u < t->data->n_users; u++) {
        double n = (double)(t->data->user_ptr[u + 1] - t->data->user_ptr[u]);
        double weight = n > 0.0 ? pow(n, exponent) : 0.0;
        double share = options->strength / (options->strength + n);
        model->target_shares[u] = n > 0.0 ? (float)share : 0.0f;
        t->inverse_users[u] = n > 0.0 ? (float)(1.0 / n) : 0.0f;
        t->user_scale[u] =
            n > 0.0 ? (float)(weight * share / ((double)tau_positive[u] * n)) * inverse_length(t, ADAPTAU_SIDE_USERS, u) : 0.0f;
        total += weight;
    }
    for (int64_t i = 0; i < t->data->n_items; i++) {
        int64_t n = t->data->item_ptr[i + 1] - t->data->item_ptr[i];
        t->inverse_items[i] = n > 0 ? 1.0f / (float)n : 0.0f;
        t->item_scale[i] = inverse_length(t, ADAPTAU_SIDE_ITEMS, i);
    }
    return total;
}

static adaptau_status propagate(struct targets *t, adaptau_error *error)
{
    adaptau_model         *model = t->model;
    const adaptau_dataset *data = t->data;
    const float           *users = t->final.rows[ADAPTAU_SIDE_USERS], *items = t->final.rows[ADAPTAU_SIDE_ITEMS];
    const int64_t          dim = model->dim;
    float                 *on_users = model->user_targets, *on_items = model->item_targets;
    const struct {
        struct atau_sparse matrix;
        const float       *from;
        int64_t            stride;
        float             *to;
    } products[6] = {
        {{data->n_users, data->user_ptr, data->user_items, t->inverse_users, t->item_scale, NULL},
         items,
         t->final.stride[ADAPTAU_SIDE_ITEMS],
         t->between},
        {{data->n_items, data->item_ptr, data->item_users, t->inverse_items, NULL, NULL}, t->between, dim, on_items},
        {{data->n_users, data->user_ptr, data->user_items, t->inverse_users, NULL, NULL}, on_items, dim, on_users},
        {{data->n_items, data->item_ptr, data->item_users, t->inverse_items, t->user_scale, NULL},
         users,
         t->final.stride[ADAPTAU_SIDE_USERS],
         on_items},
        {{data->n_users, data->user_ptr, data->user_items, t->inverse_users, NULL, NULL}, on_items, dim, t->between},
        {{data->n_items, data->item_ptr, data->item_users, NULL, NULL, NULL}, t->between, dim, on_items},
    };
    adaptau_status status = ADAPTAU_OK;
    for (int p = 0; p < 6 && status == ADAPTAU_OK; p++) {
        const struct atau_propagation product = {.dim = dim,
                                                 .x = products[p].from,
                                                 .x_stride = products[p].stride,
                                                 .scale = 1.0f,
                                                 .out = products[p].to,
                                                 .out_stride = dim};
        status = atau_propagate(model->context, &products[p].matrix, &product, error);
    }
    return status;
}

static adaptau_status check_options(const adaptau_target_options *o, adaptau_error *error)
{
    if (o->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->reserved = %d, not 0", o->reserved);
    if (!isfinite(o->strength) || !isfinite(o->row_weight_exponent))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite",
                         isfinite(o->strength) ? "row_weight_exponent" : "strength",
                         isfinite(o->strength) ? o->row_weight_exponent : o->strength);
    if (o->strength < 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->strength = %g is negative", o->strength);
    if (o->row_weight_exponent < 0.0 || o->row_weight_exponent > 2.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->row_weight_exponent = %g is outside 0 ... 2",
                         o->row_weight_exponent);
    return ADAPTAU_OK;
}

static adaptau_status run_update(adaptau_model *model, const adaptau_dataset *dataset,
                                 const adaptau_temperature *temperature, const adaptau_target_options *options,
                                 adaptau_error *error)
{
    struct targets    t = {.model = model, .data = dataset};
    struct atau_arena arena = {0};
    adaptau_status status = make_room(model, error);
    if (status == ADAPTAU_OK)
        status = atau_encoder_forward(model, &t.final, error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&t, &arena);
    status = atau_arena_allocate(model->context, &arena, "forming soft targets", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&t, &arena);
    status = adaptau_temperature_rows(temperature, dataset->n_users, NULL, t.tau, t.tau + dataset->n_users, error);
    if (status == ADAPTAU_OK) {
        model->target_weight = 0.0; /* the present targets are overwritten from here on                        */
        double weight = set_scales(&t, options);
        status = propagate(&t, error);
        model->target_weight = status == ADAPTAU_OK ? weight : 0.0;
    }
    atau_arena_free(model->context, &arena);
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
    if (status == ADAPTAU_OK)
        status = check_options(&options, error);
    if (status != ADAPTAU_OK)
        return status;
    const int32_t n = model->tables[ADAPTAU_SIDE_USERS].n_rows, m = model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    if (dataset->n_users != n || dataset->n_items != m)
        return atau_fail(error, ADAPTAU_E_SHAPE, "dataset is %d x %d, but the model is %d x %d", dataset->n_users,
                         dataset->n_items, n, m);
    status = atau_temperature_check_fit(temperature, n, m, error);
    if (status == ADAPTAU_OK)
        status = atau_enter(&model->busy, "model", error);
    if (status != ADAPTAU_OK)
        return status;
    if (options.strength == 0.0)
        model->target_weight = 0.0;
    else
        status = run_update(model, dataset, temperature, &options, error);
    atau_busy_leave(&model->busy);
    return status;
}
