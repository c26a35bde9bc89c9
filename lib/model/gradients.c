/* SPDX-License-Identifier: MIT */
#include "model/gradients.h"

#include <string.h>

#include "common/error.h"
#include "kernels/of_context.h"
#include "model/slots.h"

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static size_t row_bytes(const struct atau_raw_tables *tables)
{
    return (size_t)tables->dim * sizeof(float);
}

static void lay_out(struct atau_batch_rows *rows, uint64_t n, size_t bytes)
{
    struct atau_arena *arena = &rows->arena;
    rows->tau = atau_arena_take(arena, n, sizeof(float));
    rows->tau_positive = atau_arena_take(arena, n, sizeof(float));
    rows->unit_losses = atau_arena_take(arena, n, sizeof(float));
    rows->d_inverse_tau = atau_arena_take(arena, n, sizeof(float));
    rows->positives = atau_arena_take(arena, n, sizeof(float));
    rows->terms = atau_arena_take(arena, n, sizeof(float));
    rows->target_shares = atau_arena_take(arena, n, sizeof(float));
    rows->users = atau_arena_take(arena, n, sizeof(int32_t));
    rows->gradients = atau_arena_take(arena, n, bytes);
}

static void free_rows(struct atau_batch_rows *rows, const struct atau_raw_tables *tables)
{
    atau_free(tables->context, rows->targets, (size_t)rows->capacity * row_bytes(tables));
    atau_arena_free(tables->context, &rows->arena);
    *rows = (struct atau_batch_rows){0};
}

static adaptau_status make_room_for_rows(struct atau_batch_rows *rows, const struct atau_raw_tables *tables, int32_t n_rows,
                                         adaptau_error *error)
{
    if (n_rows <= rows->capacity)
        return ADAPTAU_OK;
    free_rows(rows, tables);
    lay_out(rows, (uint64_t)n_rows, row_bytes(tables));
    adaptau_status status = atau_arena_allocate(tables->context, &rows->arena, "the user gradients", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(rows, (uint64_t)n_rows, row_bytes(tables));
    rows->capacity = n_rows;
    return ADAPTAU_OK;
}

static adaptau_status make_room_for_targets(struct atau_batch_rows *rows, const struct atau_raw_tables *tables,
                                            adaptau_error *error)
{
    const size_t n = (size_t)rows->capacity;
    if (!rows->targets)
        rows->targets = atau_allocate_array(tables->context, n, row_bytes(tables));
    return rows->targets ? ADAPTAU_OK : atau_fail_memory(error, n * row_bytes(tables), "the rows' soft targets");
}

adaptau_status atau_gradients_make_room(struct atau_gradients *g, const struct atau_raw_tables *tables, int32_t n_rows,
                                        bool with_targets, adaptau_error *error)
{
    const size_t n = (size_t)tables->side[USERS].n_rows, m = (size_t)tables->side[ITEMS].n_rows;
    if (!g->user_slots) {
        g->user_slots = atau_allocate_array(tables->context, n, sizeof(int32_t));
        if (g->user_slots)
            memset(g->user_slots, 0xFF, n * sizeof(int32_t));
    }
    if (!g->items)
        g->items = atau_allocate_array(tables->context, m, row_bytes(tables));
    if (!g->item_ids)
        g->item_ids = atau_allocate_array(tables->context, m, sizeof(int32_t));
    if (!g->user_slots || !g->items || !g->item_ids)
        return atau_fail_memory(error, m * row_bytes(tables), "the item gradients");
    adaptau_status status = make_room_for_rows(&g->rows, tables, n_rows, error);
    return status == ADAPTAU_OK && with_targets ? make_room_for_targets(&g->rows, tables, error) : status;
}

void atau_gradients_free(struct atau_gradients *g, const struct atau_raw_tables *tables)
{
    adaptau_context *context = tables->context;
    const size_t     n = (size_t)tables->side[USERS].n_rows, m = (size_t)tables->side[ITEMS].n_rows;
    free_rows(&g->rows, tables);
    atau_workspace_free(context, &g->workspace);
    atau_free(context, g->user_slots, n * sizeof(int32_t));
    atau_free(context, g->items, m * row_bytes(tables));
    atau_free(context, g->item_ids, m * sizeof(int32_t));
    *g = (struct atau_gradients){0};
}

/* ---- lists --------------------------------------------------------------------------------------------------------- */

static int32_t user_of_row(const adaptau_batch *batch, int64_t row)
{
    return batch->users ? batch->users[row] : (int32_t)row;
}

int64_t atau_gradients_list_users(struct atau_gradients *g, const adaptau_batch *batch)
{
    int64_t n = 0;
    for (int64_t r = 0; r < batch->n_rows; r++) {
        const int32_t user = user_of_row(batch, r);
        if (g->user_slots[user] >= 0)
            continue;
        g->user_slots[user] = (int32_t)n;
        g->rows.users[n++] = user;
    }
    atau_slots_take_back(g->user_slots, n, g->rows.users);
    return n;
}

/* The engine answers row by row. Rows of the same user (batches of interactions) become one, at the place of the first. */
static void merge_rows_of_users(struct atau_gradients *g, const struct atau_raw_tables *tables, const adaptau_batch *batch)
{
    const struct atau_kernels *kernels = atau_kernels_of(tables->context);
    const int64_t              dim = tables->dim;
    float                     *rows = g->rows.gradients;
    int64_t                    n = 0;
    for (int64_t r = 0; r < batch->n_rows; r++) {
        const int32_t user = user_of_row(batch, r);
        if (g->user_slots[user] >= 0) {
            kernels->axpy(dim, 1.0f, rows + r * dim, rows + g->user_slots[user] * dim);
            continue;
        }
        if (n != r)
            memcpy(rows + n * dim, rows + r * dim, (size_t)dim * sizeof(float));
        g->user_slots[user] = (int32_t)n;
        g->rows.users[n++] = user;
    }
    atau_slots_take_back(g->user_slots, n, g->rows.users);
    g->of[USERS] = (struct atau_row_gradients){n, g->rows.users, rows, false};
}

void atau_gradients_gather(struct atau_gradients *g, const struct atau_raw_tables *tables, const adaptau_batch *batch,
                           int64_t n_touched_items)
{
    merge_rows_of_users(g, tables, batch);
    for (int64_t i = 0; batch->candidates == ADAPTAU_CANDIDATES_CATALOGUE && i < n_touched_items; i++)
        g->item_ids[i] = (int32_t)i;
    g->of[ITEMS] = (struct atau_row_gradients){n_touched_items, g->item_ids, g->items, true};
}

adaptau_status atau_gradients_check(const struct atau_gradients *g, adaptau_error *error)
{
    return g->present ? ADAPTAU_OK
                      : atau_fail(error, ADAPTAU_E_STATE, "the model has no gradients: adaptau_model_gradients comes first");
}
