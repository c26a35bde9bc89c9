/* SPDX-License-Identifier: MIT */
/* Soft targets. With R the weights of interactions and D its sums by user and by item, P = D_u^{-1} R (a user's distribution over
 * its items, uniform without weights) and N = D_i^{-1} Rᵀ P, users aim with the share e_u = c/(c + n_u) at P N. The loss is linear
 * in the target, so all that training needs of it are two tables, formed once per epoch:
 *
 *     user_targets = P D_i^{-1} Rᵀ P V̂                     what row u is drawn to
 *     item_targets = Rᵀ P D_i^{-1} Rᵀ D_u^{-1} (c Û)        c_u = W_u^a e_u/τ⁺_u, W_u = D_u
 *
 * each by three sparse products. Between two calls they lag behind the embeddings, by an epoch at most. */
#include "model/targets.h"

#include <math.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/error.h"
#include "common/progress.h"
#include "core/dataset.h"
#include "core/temperature_doors.h"
#include "kernels/batch.h"
#include "kernels/of_context.h"
#include "kernels/propagate.h"

/* What one call forms, and with what. */
struct forming {
    struct atau_targets          *targets;
    const struct atau_raw_tables *tables;
    const adaptau_dataset        *data;
    struct atau_embeddings final;
    float                 *inverse_users; /* [n] 1/W_u, 0 without items                                       */
    float                 *inverse_items; /* [m] 1/W_i                                                        */
    float                 *user_scale; /* [n] c_u/(W_u ‖e_u‖)                                              */
    float                 *item_scale; /* [m] 1/‖e_i‖                                                      */
    float                 *tau; /* [2 x n] τ and τ⁺                                                 */
    float                 *between; /* [n x d]                                                          */
};

static void lay_out(struct forming *t, struct atau_arena *arena)
{
    const size_t n = (size_t)t->data->n_users, m = (size_t)t->data->n_items;
    t->inverse_users = atau_arena_take(arena, n, sizeof(float));
    t->inverse_items = atau_arena_take(arena, m, sizeof(float));
    t->user_scale = atau_arena_take(arena, n, sizeof(float));
    t->item_scale = atau_arena_take(arena, m, sizeof(float));
    t->tau = atau_arena_take(arena, n, 2 * sizeof(float));
    t->between = atau_arena_take(arena, n, (uint64_t)t->tables->dim * sizeof(float));
}

void atau_targets_free(struct atau_targets *targets, const struct atau_raw_tables *tables)
{
    const size_t n = (size_t)tables->side[ADAPTAU_SIDE_USERS].n_rows, m = (size_t)tables->side[ADAPTAU_SIDE_ITEMS].n_rows;
    const size_t row = (size_t)tables->dim * sizeof(float);
    atau_free(tables->context, targets->users, n * row);
    atau_free(tables->context, targets->items, m * row);
    atau_free(tables->context, targets->shares, n * sizeof(float));
    *targets = (struct atau_targets){0};
}

static adaptau_status make_room(struct atau_targets *targets, const struct atau_raw_tables *tables, adaptau_error *error)
{
    const size_t n = (size_t)tables->side[ADAPTAU_SIDE_USERS].n_rows, m = (size_t)tables->side[ADAPTAU_SIDE_ITEMS].n_rows;
    const size_t row = (size_t)tables->dim * sizeof(float);
    if (targets->users)
        return ADAPTAU_OK;
    targets->users = atau_allocate_array(tables->context, n, row);
    targets->items = atau_allocate_array(tables->context, m, row);
    targets->shares = atau_allocate_array(tables->context, n, sizeof(float));
    if (targets->users && targets->items && targets->shares)
        return ADAPTAU_OK;
    atau_targets_free(targets, tables);
    return atau_fail_memory(error, (n + m) * row, "the soft targets");
}

adaptau_target_options atau_targets_defaults(void)
{
    return (adaptau_target_options){.struct_size = sizeof(adaptau_target_options), .row_weight_exponent = 1.0};
}

adaptau_status adaptau_target_options_init(adaptau_target_options *options, adaptau_error *error)
{
    const adaptau_target_options defaults = atau_targets_defaults();
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

adaptau_status atau_targets_check_options(const adaptau_target_options *o, adaptau_error *error)
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

/* 1/‖e‖ of a table that is normalised on the fly, 1 otherwise. */
static float inverse_length(const struct forming *t, int side, int64_t r)
{
    const struct atau_raw_tables *tables = t->tables;
    const float                  *row = t->final.rows[side] + r * t->final.stride[side];
    if (!atau_tables_normalise(tables, side))
        return 1.0f;
    float squares = atau_kernels_of(tables->context)->dot(tables->dim, row, row);
    return squares > 0.0f ? 1.0f / sqrtf(squares) : 0.0f;
}

static double set_scales(struct forming *t, const adaptau_target_options *options)
{
    const float   *tau_positive = t->tau + t->data->n_users;
    const double   exponent = options->row_weight_exponent;
    double         total = 0.0;
    for (int32_t u = 0; u < t->data->n_users; u++) {
        double n = (double)atau_user_degree(t->data, u), all = atau_user_weight(t->data, u);
        double weight = n > 0.0 ? pow(all, exponent) : 0.0;
        double share = options->strength / (options->strength + n);
        t->targets->shares[u] = n > 0.0 ? (float)share : 0.0f;
        t->inverse_users[u] = n > 0.0 ? (float)(1.0 / all) : 0.0f;
        t->user_scale[u] =
            n > 0.0 ? (float)(weight * share / ((double)tau_positive[u] * all)) * inverse_length(t, ADAPTAU_SIDE_USERS, u) : 0.0f;
        total += weight;
    }
    for (int32_t i = 0; i < t->data->n_items; i++) {
        const double all = atau_item_weight(t->data, i);
        t->inverse_items[i] = atau_inverse_weight(all);
        t->item_scale[i] = inverse_length(t, ADAPTAU_SIDE_ITEMS, i);
    }
    return total;
}

static adaptau_status propagate(struct forming *t, adaptau_error *error)
{
    const adaptau_dataset *data = t->data;
    const float           *users = t->final.rows[ADAPTAU_SIDE_USERS], *items = t->final.rows[ADAPTAU_SIDE_ITEMS];
    const int64_t          dim = t->tables->dim;
    float                 *on_users = t->targets->users, *on_items = t->targets->items;
    const struct {
        struct atau_sparse matrix;
        const float       *from;
        int64_t            stride;
        float             *to;
    } products[6] = {
        {{data->n_users, data->user_ptr, data->user_items, t->inverse_users, t->item_scale, NULL, data->user_weights},
         items,
         t->final.stride[ADAPTAU_SIDE_ITEMS],
         t->between},
        {{data->n_items, data->item_ptr, data->item_users, t->inverse_items, NULL, NULL, data->item_weights}, t->between, dim, on_items},
        {{data->n_users, data->user_ptr, data->user_items, t->inverse_users, NULL, NULL, data->user_weights}, on_items, dim, on_users},
        {{data->n_items, data->item_ptr, data->item_users, t->inverse_items, t->user_scale, NULL, data->item_weights},
         users,
         t->final.stride[ADAPTAU_SIDE_USERS],
         on_items},
        {{data->n_users, data->user_ptr, data->user_items, t->inverse_users, NULL, NULL, data->user_weights}, on_items, dim, t->between},
        {{data->n_items, data->item_ptr, data->item_users, NULL, NULL, NULL, data->item_weights}, t->between, dim, on_items},
    };
    adaptau_status status = ADAPTAU_OK;
    for (int p = 0; p < 6 && status == ADAPTAU_OK; p++) {
        const struct atau_propagation product = {.dim = dim,
                                                 .x = products[p].from,
                                                 .x_stride = products[p].stride,
                                                 .scale = 1.0f,
                                                 .out = products[p].to,
                                                 .out_stride = dim};
        status = atau_propagate(t->tables->context, &products[p].matrix, &product, error);
        if (status == ADAPTAU_OK)
            status = atau_progress(t->tables->context, ADAPTAU_PROGRESS_TARGETS, p + 1, 6, error);
    }
    return status;
}

adaptau_status atau_targets_update(struct atau_targets *targets, const struct atau_encoding *encoding,
                                   const adaptau_dataset *dataset, const adaptau_temperature *temperature,
                                   const adaptau_target_options *options, adaptau_error *error)
{
    struct forming    t = {.targets = targets, .tables = encoding->tables, .data = dataset};
    struct atau_arena arena = {0};
    adaptau_status status = make_room(targets, t.tables, error);
    if (status == ADAPTAU_OK)
        status = atau_encoding_forward(encoding, &t.final, error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&t, &arena);
    status = atau_arena_allocate(t.tables->context, &arena, "forming soft targets", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&t, &arena);
    status = adaptau_temperature_rows(temperature, dataset->n_users, NULL, t.tau, t.tau + dataset->n_users, error);
    if (status == ADAPTAU_OK) {
        targets->weight = 0.0; /* the present targets are overwritten from here on                             */
        double weight = set_scales(&t, options);
        status = propagate(&t, error);
        targets->weight = status == ADAPTAU_OK ? weight : 0.0;
    }
    atau_arena_free(t.tables->context, &arena);
    return status;
}

/* ---- in a step ------------------------------------------------------------------------------------------------------- */

void atau_targets_add(const struct atau_targets *targets, int64_t dim, float *shares, float *rows, adaptau_batch *batch)
{
    double weight = 0.0;
    for (int64_t r = 0; r < batch->n_rows; r++) {
        int64_t user = batch->users ? batch->users[r] : r;
        shares[r] = targets->shares[user];
        weight += atau_batch_row_weight(batch, r);
        memcpy(rows + r * dim, targets->users + user * dim, (size_t)dim * sizeof(float));
    }
    batch->target_shares = shares;
    batch->user_targets = rows;
    batch->item_targets = targets->items;
    batch->item_target_scale = (float)(weight / targets->weight);
}

/* ---- for new users --------------------------------------------------------------------------------------------------- */

struct walk {
    float *inverse_users, *inverse_items; /* [n], [m]                                                        */
    float *between;                       /* [n x d]                                                         */
};

static void lay_out_walk(struct walk *w, const adaptau_dataset *d, int64_t dim, struct atau_arena *arena)
{
    w->inverse_users = atau_arena_take(arena, (uint64_t)d->n_users, sizeof(float));
    w->inverse_items = atau_arena_take(arena, (uint64_t)d->n_items, sizeof(float));
    w->between = atau_arena_take(arena, (uint64_t)d->n_users, (uint64_t)dim * sizeof(float));
}

adaptau_status atau_targets_of_items(adaptau_context *context, const adaptau_dataset *d, int64_t dim, const float *rows,
                                     float *out, adaptau_error *error)
{
    struct walk       w = {0};
    struct atau_arena arena = {0};
    lay_out_walk(&w, d, dim, &arena);
    adaptau_status status = atau_arena_allocate(context, &arena, "forming soft targets", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_walk(&w, d, dim, &arena);
    for (int32_t u = 0; u < d->n_users; u++)
        w.inverse_users[u] = atau_inverse_weight(atau_user_weight(d, u));
    for (int32_t i = 0; i < d->n_items; i++)
        w.inverse_items[i] = atau_inverse_weight(atau_item_weight(d, i));
    const struct atau_sparse to_users = {d->n_users, d->user_ptr, d->user_items, w.inverse_users, NULL, NULL, d->user_weights};
    const struct atau_sparse to_items = {d->n_items, d->item_ptr, d->item_users, w.inverse_items, NULL, NULL, d->item_weights};
    const struct atau_propagation first = {
        .dim = dim, .x = rows, .x_stride = dim, .scale = 1.0f, .out = w.between, .out_stride = dim};
    const struct atau_propagation second = {
        .dim = dim, .x = w.between, .x_stride = dim, .scale = 1.0f, .out = out, .out_stride = dim};
    status = atau_propagate(context, &to_users, &first, error);
    if (status == ADAPTAU_OK)
        status = atau_progress(context, ADAPTAU_PROGRESS_TARGETS, 1, 2, error);
    if (status == ADAPTAU_OK)
        status = atau_propagate(context, &to_items, &second, error);
    if (status == ADAPTAU_OK)
        status = atau_progress(context, ADAPTAU_PROGRESS_TARGETS, 2, 2, error);
    atau_arena_free(context, &arena);
    return status;
}
