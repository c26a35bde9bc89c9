/* SPDX-License-Identifier: MIT */
#include "model/first_rows.h"

#include <adaptau/kernels.h>

#include <math.h>
#include <string.h>

#include "common/error.h"
#include "common/random.h"
#include "common/size.h"
#include "core/dataset.h"
#include "core/spectral.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"

static void draw_row(struct atau_stream *stream, int32_t init, double bound, int32_t dim, float *row)
{
    for (int32_t k = 0; k < dim; k++)
        row[k] = init == ADAPTAU_INIT_XAVIER ? (float)(bound * (2.0 * atau_stream_uniform(stream) - 1.0))
                                             : (float)atau_stream_normal(stream);
}

static int domain_of(int side)
{
    return side == ADAPTAU_SIDE_USERS ? ATAU_RANDOM_USERS : ATAU_RANDOM_ITEMS;
}

/* Rows first … first + n of a table of `total`. */
static void draw_rows(const struct atau_kernels *kernels, uint64_t seed, int side, int32_t init, int64_t total, int64_t first,
                      int64_t n, int32_t dim, float *rows, int64_t stride)
{
    const double bound = sqrt(6.0 / ((double)total + dim));
    for (int64_t r = 0; r < n; r++) {
        struct atau_stream stream;
        atau_stream_start(&stream, seed, domain_of(side), (uint64_t)(first + r), 0);
        draw_row(&stream, init, bound, dim, rows + r * stride);
        if (init == ADAPTAU_INIT_SPHERE)
            atau_unit_row(kernels, dim, rows + r * stride, rows + r * stride);
    }
}

void atau_first_rows_random(struct atau_raw_tables *tables, int32_t init)
{
    for (int side = 0; side < 2; side++) {
        const struct atau_table *table = &tables->side[side];
        draw_rows(atau_kernels_of(tables->context), tables->seed, side, init, table->n_rows, 0, table->n_rows, tables->dim,
                  table->rows, table->stride);
    }
}

void atau_first_direction(const struct atau_raw_tables *tables, int side, int64_t r, float *row)
{
    struct atau_stream stream;
    atau_stream_start(&stream, tables->seed, domain_of(side), (uint64_t)r, 0);
    draw_row(&stream, ADAPTAU_INIT_SPHERE, 0.0, tables->dim, row);
    atau_unit_row(atau_kernels_of(tables->context), tables->dim, row, row);
}

bool atau_start_users(struct atau_raw_tables *tables, bool identity, int32_t n, const int32_t *ids)
{
    const struct atau_table *users = &tables->side[ADAPTAU_SIDE_USERS];
    const bool               stuck = users->sphere || (identity && !users->raw);
    bool                     changed = false;
    for (int32_t r = 0; r < n && stuck; r++) {
        const int32_t u = ids ? ids[r] : r;
        float        *row = users->rows + u * users->stride;
        if (!atau_is_row_of_zeros(tables->dim, row))
            continue;
        atau_first_direction(tables, ADAPTAU_SIDE_USERS, u, row);
        changed = true;
    }
    return changed;
}

bool atau_settle_users(struct atau_raw_tables *tables, const adaptau_dataset *dataset)
{
    const struct atau_table *users = &tables->side[ADAPTAU_SIDE_USERS];
    bool                     changed = false;
    for (int32_t u = 0; u < users->n_rows; u++) {
        float *row = users->rows + u * users->stride;
        if (dataset->user_ptr[u + 1] > dataset->user_ptr[u] || atau_is_row_of_zeros(tables->dim, row))
            continue;
        memset(row, 0, (size_t)tables->dim * sizeof *row);
        changed = true;
    }
    return changed;
}

adaptau_status adaptau_init_rows(adaptau_context *context, uint64_t seed, int32_t side, int32_t init, int64_t total,
                                 int64_t first, int64_t n, int32_t dim, float *rows, int64_t stride, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    if (n > 0)
        ATAU_REQUIRE(rows, error);
    if (side != ADAPTAU_SIDE_USERS && side != ADAPTAU_SIDE_ITEMS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "side = %d is unknown", side);
    if (init != ADAPTAU_INIT_SPHERE && init != ADAPTAU_INIT_XAVIER)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "init = %d does not go row by row", init);
    if (first < 0 || n < 0 || first > total || n > total - first)
        return atau_fail(error, ADAPTAU_E_SHAPE, "rows %lld ... of %lld, n = %lld", (long long)first, (long long)total,
                         (long long)n);
    if (dim < 1 || dim > ADAPTAU_MAX_DIM || (stride && stride < dim))
        return atau_fail(error, ADAPTAU_E_SHAPE, "dim = %d, stride = %lld", dim, (long long)stride);
    if (!atau_rows_fit(n, stride ? stride : dim))
        return atau_fail(error, ADAPTAU_E_SHAPE, "n = %lld rows of %lld floats exceed the address space", (long long)n,
                         (long long)(stride ? stride : dim));
    draw_rows(atau_kernels_of(context), seed, side, init, total, first, n, dim, rows, stride ? stride : dim);
    return ADAPTAU_OK;
}

adaptau_status atau_first_rows_spectral(struct atau_raw_tables *tables, const adaptau_dataset *dataset, adaptau_error *error)
{
    const struct atau_kernels *kernels = atau_kernels_of(tables->context);
    struct atau_table         *users = &tables->side[ADAPTAU_SIDE_USERS], *items = &tables->side[ADAPTAU_SIDE_ITEMS];
    adaptau_status status = atau_spectral(tables->context, dataset, tables->dim, tables->seed, users->rows, users->stride,
                                          items->rows, items->stride, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        const struct atau_table *table = &tables->side[side];
        for (int32_t r = 0; r < table->n_rows; r++) {
            float *row = table->rows + r * table->stride;
            /* A user or item without interactions, and one beyond the rank, has no direction of its own: it gets a random one. */
            if (!(kernels->dot(tables->dim, row, row) > 1e-20f))
                atau_first_direction(tables, side, r, row);
            atau_unit_row(kernels, tables->dim, row, row);
        }
    }
    return status;
}
