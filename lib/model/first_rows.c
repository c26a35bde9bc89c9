/* SPDX-License-Identifier: MIT */
/* The first embeddings. Streams are keyed by the row, so a row's start depends on the seed and its id alone. */
#include "model/model.h"

#include <math.h>

#include "common/error.h"
#include "common/random.h"
#include "core/dataset.h"
#include "core/spectral.h"
#include "kernels/of_context.h"

static void draw_row(struct atau_stream *stream, int32_t init, double bound, int32_t dim, float *row)
{
    for (int32_t k = 0; k < dim; k++)
        row[k] = init == ADAPTAU_INIT_XAVIER ? (float)(bound * (2.0 * atau_stream_uniform(stream) - 1.0))
                                             : (float)atau_stream_normal(stream);
}

static void unit_row(const struct atau_kernels *kernels, int32_t dim, float *row)
{
    float squares = kernels->dot(dim, row, row);
    if (squares > 0.0f)
        kernels->scale(dim, 1.0f / sqrtf(squares), row, row);
}

static void to_length_one(const adaptau_model *model, float *row)
{
    unit_row(atau_kernels_of(model->context), model->dim, row);
}

/* Rows first … first + n of a table of `total`. */
static void draw_rows(const struct atau_kernels *kernels, uint64_t seed, int side, int32_t init, int64_t total, int64_t first,
                      int64_t n, int32_t dim, float *rows, int64_t stride)
{
    const int    domain = side == ADAPTAU_SIDE_USERS ? ATAU_RANDOM_USERS : ATAU_RANDOM_ITEMS;
    const double bound = sqrt(6.0 / ((double)total + dim));
    for (int64_t r = 0; r < n; r++) {
        struct atau_stream stream;
        atau_stream_start(&stream, seed, domain, (uint64_t)(first + r), 0);
        draw_row(&stream, init, bound, dim, rows + r * stride);
        if (init == ADAPTAU_INIT_SPHERE)
            unit_row(kernels, dim, rows + r * stride);
    }
}

void atau_model_init_random(adaptau_model *model, int32_t init)
{
    for (int side = 0; side < 2; side++) {
        const struct atau_table *table = &model->tables[side];
        draw_rows(atau_kernels_of(model->context), model->seed, side, init, table->n_rows, 0, table->n_rows, model->dim, table->rows,
                  table->stride);
    }
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
    draw_rows(atau_kernels_of(context), seed, side, init, total, first, n, dim, rows, stride ? stride : dim);
    return ADAPTAU_OK;
}

/* A user or item without interactions, and one beyond the rank, has no direction of its own: it gets a random one. */
static void fill_zero_rows(adaptau_model *model, int side)
{
    struct atau_table *table = &model->tables[side];
    int                domain = side == ADAPTAU_SIDE_USERS ? ATAU_RANDOM_USERS : ATAU_RANDOM_ITEMS;
    for (int32_t r = 0; r < table->n_rows; r++) {
        struct atau_stream stream;
        float             *row = table->rows + r * table->stride;
        if (atau_kernels_of(model->context)->dot(model->dim, row, row) > 1e-20f)
            continue;
        atau_stream_start(&stream, model->seed, domain, (uint64_t)r, 0);
        draw_row(&stream, ADAPTAU_INIT_SPHERE, 0.0, model->dim, row);
        to_length_one(model, row);
    }
}

adaptau_status atau_model_init_spectral(adaptau_model *model, const adaptau_dataset *dataset, adaptau_error *error)
{
    struct atau_table *users = &model->tables[ADAPTAU_SIDE_USERS], *items = &model->tables[ADAPTAU_SIDE_ITEMS];
    adaptau_status     status = atau_spectral(model->context, dataset, model->dim, model->seed, users->rows, users->stride,
                                              items->rows, items->stride, error);
    if (status != ADAPTAU_OK)
        return status;
    for (int side = 0; side < 2; side++) {
        struct atau_table *table = &model->tables[side];
        fill_zero_rows(model, side);
        for (int32_t r = 0; r < table->n_rows; r++)
            to_length_one(model, table->rows + r * table->stride);
    }
    return ADAPTAU_OK;
}

void atau_model_settle(adaptau_model *model)
{
    for (int side = 0; side < 2; side++) {
        struct atau_table *table = &model->tables[side];
        for (int32_t r = 0; r < table->n_rows && atau_model_on_sphere(model, table); r++)
            to_length_one(model, table->rows + r * table->stride);
    }
}
