/* SPDX-License-Identifier: MIT */
#include "model/tables.h"

#include <math.h>
#include <string.h>

#include "common/error.h"
#include "common/size.h"
#include "kernels/check.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

/* ---- life ---------------------------------------------------------------------------------------------------------- */

static adaptau_status open_table(const struct atau_raw_tables *tables, struct atau_table *table, const char *what,
                                 int32_t n_rows, float *host, int64_t stride, adaptau_error *error)
{
    const size_t row_bytes = (size_t)tables->dim * sizeof(float);
    table->n_rows = n_rows;
    table->stride = host && stride ? stride : tables->dim;
    table->rows = host;
    if (!atau_rows_fit(n_rows, table->stride))
        return atau_fail(error, ADAPTAU_E_SHAPE, "%s: %d rows of %lld floats exceed the address space", what, n_rows,
                         (long long)table->stride);
    if (host)
        return ADAPTAU_OK;
    table->rows = atau_allocate_zeroed(tables->context, (uint64_t)n_rows, row_bytes);
    if (!table->rows)
        return atau_fail_memory(error, (size_t)n_rows * row_bytes, what);
    table->owned = true;
    return ADAPTAU_OK;
}

/* Whether rows of a side are kept at length 1, and final embeddings are these rows. */
static bool is_scored_on_sphere(const struct atau_raw_tables *tables, int side)
{
    return tables->side[side].sphere && !tables->free_length;
}

static void view_table(struct atau_raw_tables *tables, int side, int32_t n_rows, const struct atau_embeddings *view)
{
    struct atau_table *table = &tables->side[side];
    table->n_rows = n_rows;
    table->rows = view->rows[side];
    table->stride = view->stride[side];
    table->halves = view->halves[side];
    table->halves.unit = is_scored_on_sphere(tables, side);
}

adaptau_status atau_tables_open(struct atau_raw_tables *tables, adaptau_context *context, int32_t n_users, int32_t n_items,
                                bool identity, const adaptau_model_options *o, const struct atau_embeddings *view,
                                adaptau_error *error)
{
    *tables = (struct atau_raw_tables){.context = context,
                                       .dim = o->dim,
                                       .free_length = !identity || (o->flags & ADAPTAU_MODEL_FREE_LENGTH) != 0,
                                       .unit_raw_rows = (o->flags & ADAPTAU_MODEL_UNIT_RAW_ROWS) != 0,
                                       .rank_raw = (o->flags & ADAPTAU_MODEL_RANK_RAW) != 0,
                                       .bfloat16 = (o->flags & ADAPTAU_MODEL_BFLOAT16) != 0};
    tables->side[USERS].raw = (o->flags & ADAPTAU_MODEL_RAW_USERS) != 0;
    tables->side[ITEMS].raw = (o->flags & ADAPTAU_MODEL_RAW_ITEMS) != 0;
    for (int side = 0; side < 2; side++)
        tables->side[side].sphere = identity ? !tables->side[side].raw && !tables->free_length : tables->unit_raw_rows;
    if (view) {
        view_table(tables, USERS, n_users, view);
        view_table(tables, ITEMS, n_items, view);
        tables->read_only = true;
        return ADAPTAU_OK;
    }
    adaptau_status status =
        open_table(tables, &tables->side[USERS], "the user table", n_users, o->host_users, o->host_user_stride, error);
    if (status == ADAPTAU_OK)
        status = open_table(tables, &tables->side[ITEMS], "the item table", n_items, o->host_items, o->host_item_stride, error);
    return status;
}

adaptau_status atau_tables_open_own(struct atau_raw_tables *tables, int32_t n_rows, float *host, adaptau_error *error)
{
    tables->own.raw = true;
    return open_table(tables, &tables->own, "the encoder's parameters", n_rows, host, 0, error);
}

static void close_table(const struct atau_raw_tables *tables, struct atau_table *table)
{
    if (table->owned)
        atau_free(tables->context, table->rows, (size_t)table->n_rows * (size_t)tables->dim * sizeof(float));
    *table = (struct atau_table){0};
}

static void free_bias(struct atau_raw_tables *tables)
{
    if (!tables->read_only)
        atau_free(tables->context, tables->item_bias, (size_t)tables->side[ITEMS].n_rows * sizeof(float));
    tables->item_bias = NULL;
}

void atau_tables_close(struct atau_raw_tables *tables)
{
    free_bias(tables);
    close_table(tables, &tables->side[USERS]);
    close_table(tables, &tables->side[ITEMS]);
    close_table(tables, &tables->own);
}

adaptau_status atau_tables_make_bias(struct atau_raw_tables *tables, adaptau_error *error)
{
    const size_t n = (size_t)tables->side[ITEMS].n_rows;
    if (!tables->item_bias)
        tables->item_bias = atau_allocate_array(tables->context, n, sizeof(float));
    return tables->item_bias ? ADAPTAU_OK : atau_fail_memory(error, n * sizeof(float), "the item bias");
}

void atau_tables_borrow_bias(struct atau_raw_tables *tables, const float *bias)
{
    tables->item_bias = (float *)bias;
}

adaptau_status atau_tables_set_bias(struct atau_raw_tables *tables, const float *bias, adaptau_error *error)
{
    if (!bias) {
        free_bias(tables);
        return ADAPTAU_OK;
    }
    adaptau_status status = atau_tables_make_bias(tables, error);
    if (status == ADAPTAU_OK)
        memcpy(tables->item_bias, bias, (size_t)tables->side[ITEMS].n_rows * sizeof(float));
    return status;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

#define UNIT_SLACK 1e-4f /* of a squared length: more than rounding                                           */

bool atau_is_row_of_zeros(int32_t dim, const float *row)
{
    for (int32_t k = 0; k < dim; k++)
        if (row[k] != 0)
            return false;
    return true;
}

/* The first row of a side that belongs on the sphere and is not, from `first` on; n_rows where there is none. What is off by rounding
 * stays as it is, and a row of zeros does, so that a training which goes on from its rows has the bits of one that was not interrupted. */
static int32_t find_off_sphere(const struct atau_raw_tables *tables, int side, int32_t first)
{
    const struct atau_kernels *kernels = atau_kernels_of(tables->context);
    const struct atau_table   *table = &tables->side[side];
    if (!is_scored_on_sphere(tables, side) || table->halves.rows) /* halves come back as they are read           */
        return table->n_rows;
    for (; first < table->n_rows; first++) {
        const float *row = table->rows + first * table->stride;
        if (!(fabsf(kernels->dot(tables->dim, row, row) - 1.0f) <= UNIT_SLACK) && !atau_is_row_of_zeros(tables->dim, row))
            break;
    }
    return first;
}

void atau_tables_written_by_host(struct atau_raw_tables *tables)
{
    tables->any_length = false;
    for (int side = 0; side < 2 && !tables->any_length; side++)
        tables->any_length = !tables->side[side].owned && find_off_sphere(tables, side, 0) < tables->side[side].n_rows;
}

adaptau_status atau_tables_explain(const struct atau_raw_tables *tables, adaptau_status status, adaptau_error *error)
{
    static const char *const names[2] = {"host_users", "host_items"};
    for (int side = 0; side < 2 && status == ADAPTAU_E_NUMERIC && !tables->any_length; side++) {
        const int32_t row = tables->side[side].owned ? tables->side[side].n_rows : find_off_sphere(tables, side, 0);
        if (row < tables->side[side].n_rows)
            return atau_fail(error, status,
                             "row %d of %s has lost its length of 1: adaptau_model_refresh tells the model that the host has written rows",
                             row, names[side]);
    }
    return status;
}

void atau_tables_bring_back(struct atau_raw_tables *tables)
{
    tables->any_length = false;
    for (int side = 0; side < 2; side++) {
        const struct atau_table *table = &tables->side[side];
        for (int32_t r = 0; (r = find_off_sphere(tables, side, r)) < table->n_rows; r++) {
            float *row = table->rows + r * table->stride;
            atau_unit_row(atau_kernels_of(tables->context), tables->dim, row, row);
        }
    }
}

void atau_tables_to_sphere(struct atau_raw_tables *tables)
{
    for (int side = 0; side < 2; side++) {
        const struct atau_table *table = &tables->side[side];
        for (int32_t r = 0; r < table->n_rows && table->sphere; r++) {
            float *row = table->rows + r * table->stride;
            atau_unit_row(atau_kernels_of(tables->context), tables->dim, row, row);
        }
    }
}

adaptau_status atau_tables_check_finite(const struct atau_raw_tables *tables, const char *const names[2], adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        const struct atau_table *table = &tables->side[side];
        status = atau_check_rows_finite(tables->context, names[side], table->n_rows, tables->dim, table->rows, table->stride,
                                        error);
    }
    return status;
}

struct atau_embeddings atau_tables_raw(const struct atau_raw_tables *tables)
{
    const struct atau_table *users = &tables->side[USERS], *items = &tables->side[ITEMS];
    return (struct atau_embeddings){{users->rows, items->rows}, {users->stride, items->stride}, {users->halves, items->halves}};
}

const float *atau_embedding(const struct atau_embeddings *embeddings, const struct atau_kernels *kernels, int side, int64_t r, int64_t dim,
                            float *scratch)
{
    if (!embeddings->halves[side].rows)
        return embeddings->rows[side] + r * embeddings->stride[side];
    atau_read_halves(kernels, &embeddings->halves[side], dim, r, 1, scratch);
    return scratch;
}

void atau_tables_round_back(struct atau_raw_tables *tables, int side)
{
    const struct atau_table *table = &tables->side[side];
    for (int32_t r = 0; r < table->n_rows && is_scored_on_sphere(tables, side); r++) {
        float *row = table->rows + r * table->stride;
        atau_unit_row(atau_kernels_of(tables->context), tables->dim, row, row);
    }
}

/* ---- scores -------------------------------------------------------------------------------------------------------- */

bool atau_tables_normalise(const struct atau_raw_tables *tables, int side)
{
    return !tables->side[side].raw && (tables->free_length || tables->any_length);
}

/* ADAPTAU_NORMALISE_* and ADAPTAU_UNIT_ROWS. */
static uint32_t score_flags(const struct atau_raw_tables *tables)
{
    uint32_t flags = tables->free_length || tables->any_length ? 0 : ADAPTAU_UNIT_ROWS;
    flags |= tables->side[USERS].raw ? 0 : ADAPTAU_NORMALISE_USERS;
    flags |= tables->side[ITEMS].raw ? 0 : ADAPTAU_NORMALISE_ITEMS;
    return flags;
}

struct atau_tables atau_tables_view(const struct atau_raw_tables *tables, const struct atau_embeddings *embeddings)
{
    return (struct atau_tables){
        .of = {.struct_size = sizeof(adaptau_tables),
               .flags = score_flags(tables),
               .n_users = tables->side[USERS].n_rows,
               .n_items = tables->side[ITEMS].n_rows,
               .dim = tables->dim,
               .users = embeddings->rows[USERS],
               .user_stride = embeddings->stride[USERS],
               .items = embeddings->rows[ITEMS],
               .item_stride = embeddings->stride[ITEMS],
               .item_bias = tables->item_bias},
        .halves = {embeddings->halves[USERS], embeddings->halves[ITEMS]},
    };
}

struct atau_tables atau_tables_ranking_view(const struct atau_raw_tables *tables, const struct atau_embeddings *embeddings)
{
    struct atau_tables view = atau_tables_view(tables, embeddings);
    if (tables->rank_raw)
        view.of.flags &= ~(ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS);
    return view;
}
