/* SPDX-License-Identifier: MIT */
#include "common/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include <adaptau/fold_in.h>

#include "common/fail.h"

static adaptau_status copy_table(float **copy, const float *table, int64_t stride, int32_t n_rows, int32_t dim,
                                 adaptau_error *error)
{
    size_t row_size = (size_t)dim * sizeof(float);
    if (!*copy)
        *copy = malloc((size_t)n_rows * row_size + 1);
    if (!*copy)
        return fail_memory(error, "a copy of the tables");
    for (int32_t row = 0; row < n_rows; row++)
        memcpy(*copy + (size_t)row * (size_t)dim, table + row * (stride ? stride : dim), row_size);
    return ADAPTAU_OK;
}

adaptau_status snapshot_take(struct snapshot *snapshot, const adaptau_model *model, adaptau_error *error)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_status status = adaptau_model_get_raw_tables(model, &tables, error);
    if (!status)
        status = copy_table(&snapshot->users, tables.users, tables.user_stride, tables.n_users, tables.dim, error);
    if (!status)
        status = copy_table(&snapshot->items, tables.items, tables.item_stride, tables.n_items, tables.dim, error);
    adaptau_encoder_parameters own = {.struct_size = sizeof own};
    if (!status)
        status = adaptau_model_get_encoder_parameters(model, &own, error);
    if (!status && own.n_rows > 0)
        status = copy_table(&snapshot->encoder, own.rows, own.dim, own.n_rows, own.dim, error);
    snapshot->fold_in = (adaptau_fold_in_options){.struct_size = sizeof snapshot->fold_in};
    if (!status && adaptau_model_get_fold_in(model, &snapshot->fold_in, NULL))
        snapshot->fold_in.struct_size = 0;
    return status;
}

adaptau_status snapshot_model(const struct snapshot *snapshot, adaptau_context *context, const adaptau_dataset *dataset,
                              const struct recipe *recipe, adaptau_model **out, adaptau_error *error)
{
    adaptau_model_options options = recipe_model_options(recipe);
    adaptau_loss          loss = {.struct_size = sizeof loss};
    adaptau_model        *model = NULL;
    options.init = ADAPTAU_INIT_HOST;
    options.host_users = snapshot->users;
    options.host_items = snapshot->items;
    options.host_encoder = snapshot->encoder;
    adaptau_status status = adaptau_recipe_loss(&recipe->base, &loss, error);
    if (!status)
        status = adaptau_model_create(context, dataset, &options, &model, error);
    if (!status)
        status = adaptau_model_set_loss(model, &loss, error);
    if (!status && snapshot->fold_in.struct_size)
        status = adaptau_model_set_fold_in(model, dataset, &snapshot->fold_in, error);
    if (status)
        adaptau_model_destroy(model);
    else
        *out = model;
    return status;
}

void snapshot_free(struct snapshot *snapshot)
{
    free(snapshot->users);
    free(snapshot->items);
    free(snapshot->encoder);
    *snapshot = (struct snapshot){0};
}
