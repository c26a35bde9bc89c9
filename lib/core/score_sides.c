/* SPDX-License-Identifier: MIT */
#include "core/score_sides.h"

#include "common/context.h"
#include "common/error.h"
#include "common/pool.h"
#include "kernels/check.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"

#define ITEMS_PER_TASK 256 /* rows normalised by one task                                                      */

struct normalising {
    const struct atau_score_sides *sides;
    const float               *items;
    int64_t                    stride;
};

static void normalise_items(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct normalising *job = argument;
    const adaptau_tables     *tables = &job->sides->tables;
    (void)lane;
    for (int64_t i = first; i < end; i++)
        atau_unit_row(atau_kernels_of(job->sides->context), tables->dim, job->items + i * job->stride,
                      job->sides->unit_items + i * tables->dim);
}

static adaptau_status copy_unit_items(struct atau_score_sides *sides, adaptau_error *error)
{
    adaptau_tables    *tables = &sides->tables;
    size_t             row = (size_t)tables->dim * sizeof(float);
    struct normalising job = {.sides = sides, .items = tables->items, .stride = tables->item_stride};
    sides->unit_items = atau_allocate_array(sides->context, (uint64_t)tables->n_items, row);
    if (!sides->unit_items)
        return atau_fail_memory(error, (size_t)tables->n_items * row, "the normalised items");
    tables->items = sides->unit_items;
    tables->item_stride = tables->dim;
    return atau_parallel_rows(sides->context, tables->n_items, ITEMS_PER_TASK, normalise_items, &job, error);
}

adaptau_status atau_score_sides_open(adaptau_context *context, const struct atau_tables *given, bool check,
                                     struct atau_score_sides *out, adaptau_error *error)
{
    const adaptau_tables   *tables = &given->of;
    const bool              unit = tables->flags & ADAPTAU_UNIT_ROWS, halves = given->halves[ADAPTAU_SIDE_ITEMS].rows;
    const bool              normalise_items = tables->flags & ADAPTAU_NORMALISE_ITEMS && !unit;
    adaptau_status          status = ADAPTAU_OK;
    struct atau_score_sides sides = {
        .context = context,
        .tables = *tables,
        .halves = {given->halves[ADAPTAU_SIDE_USERS], given->halves[ADAPTAU_SIDE_ITEMS]},
        .normalise_users = tables->flags & ADAPTAU_NORMALISE_USERS && !unit,
        .normalise_items = normalise_items && halves,
    };
    if (check && !given->halves[ADAPTAU_SIDE_USERS].rows)
        status = atau_check_rows_finite(context, "users", tables->n_users, tables->dim, tables->users, tables->user_stride,
                                        error);
    if (check && !status && !halves)
        status = atau_check_rows_finite(context, "items", tables->n_items, tables->dim, tables->items, tables->item_stride,
                                        error);
    if (check && !status && tables->item_bias)
        status = atau_check_rows_finite(context, "item_bias", tables->n_items, 1, tables->item_bias, 1, error);
    if (!status && normalise_items && !halves)
        status = copy_unit_items(&sides, error);
    if (status)
        atau_score_sides_close(&sides);
    else
        *out = sides;
    return status;
}

void atau_score_sides_close(struct atau_score_sides *sides)
{
    size_t floats = (size_t)sides->tables.n_items * (size_t)sides->tables.dim;
    atau_free(sides->context, sides->unit_items, floats * sizeof(float));
    sides->unit_items = NULL;
}

const float *atau_score_user(const struct atau_score_sides *sides, int64_t user, float *scratch)
{
    const struct atau_kernels *kernels = atau_kernels_of(sides->context);
    const struct atau_halves  *halves = &sides->halves[ADAPTAU_SIDE_USERS];
    const float               *row = halves->rows ? scratch : sides->tables.users + user * sides->tables.user_stride;
    if (halves->rows)
        atau_read_halves(kernels, halves, sides->tables.dim, user, 1, scratch);
    if (!sides->normalise_users)
        return row;
    atau_unit_row(kernels, sides->tables.dim, row, scratch);
    return scratch;
}

const float *atau_score_items(const struct atau_score_sides *sides, int64_t first, int64_t n, float *scratch, int64_t *stride)
{
    const struct atau_kernels *kernels = atau_kernels_of(sides->context);
    const struct atau_halves  *halves = &sides->halves[ADAPTAU_SIDE_ITEMS];
    const int64_t              dim = sides->tables.dim;
    *stride = halves->rows ? dim : sides->tables.item_stride;
    if (!halves->rows)
        return sides->tables.items + first * sides->tables.item_stride;
    atau_read_halves(kernels, halves, dim, first, n, scratch);
    for (int64_t r = 0; r < n && sides->normalise_items; r++)
        atau_unit_row(kernels, dim, scratch + r * dim, scratch + r * dim);
    return scratch;
}
