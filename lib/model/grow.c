/* SPDX-License-Identifier: MIT */
/* A model with other users and items: more of them, or fewer, or in another order. What was learned moves over bit for bit, with
 * moments and step counts; new items start at their users and new users at their items, in the raw tables, so that every encoder has a
 * sensible first epoch. The new model has memory of its own, into which only rows that are kept are ever copied. */
#include <adaptau/fold_in.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/row_map.h"
#include "kernels/of_context.h"
#include "kernels/rows.h"
#include "model/first_rows.h"
#include "model/model.h"

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

/* ---- what was learned ---------------------------------------------------------------------------------------------- */

/* The encoder's own parameters belong to no user and no item: all of them are kept. */
static int32_t row_from(const struct atau_row_map *map, int k, int64_t r)
{
    return k == USERS || k == ITEMS ? atau_row_from(map, k, r) : (int32_t)r;
}

static void copy_row(void *to, int64_t r, const void *from, int64_t old, size_t bytes)
{
    memcpy((char *)to + (size_t)r * bytes, (const char *)from + (size_t)old * bytes, bytes);
}

/* Of halves in float32. */
static void copy_table_row(const adaptau_model *from, int k, int32_t row, float *to)
{
    const struct atau_table *table = atau_optimised_const_table(&from->tables, k);
    const int64_t            dim = from->tables.dim;
    if (table->halves.rows)
        atau_read_halves(atau_kernels_of(from->context), &table->halves, dim, row, 1, to);
    else
        memcpy(to, table->rows + row * table->stride, (size_t)dim * sizeof(float));
}

static adaptau_status copy_table(const adaptau_model *from, const struct atau_row_map *map, adaptau_model *to, int k,
                                 adaptau_error *error)
{
    const struct atau_table            *table = atau_optimised_const_table(&to->tables, k);
    const struct atau_moments_of_table *moments = &from->optimiser.of[k];
    struct atau_moments_of_table       *kept = &to->optimiser.of[k];
    const size_t                        row = (size_t)from->tables.dim * sizeof(float);
    const size_t   second = (size_t)atau_second_columns(&from->optimiser, &from->tables) * sizeof(float);
    const bool     stepped = atau_optimiser_has_moments(&from->optimiser, k);
    adaptau_status status = stepped ? atau_optimiser_make_moments(&to->optimiser, &to->tables, k, error) : ADAPTAU_OK;
    if (status != ADAPTAU_OK)
        return status;
    kept->learning_rate = moments->learning_rate;
    for (int64_t r = 0; r < table->n_rows; r++) {
        const int32_t o = row_from(map, k, r);
        if (o == ATAU_NEW_ROW)
            continue;
        copy_table_row(from, k, o, table->rows + r * table->stride);
        if (!stepped)
            continue;
        copy_row(kept->first, r, moments->first, o, row);
        copy_row(kept->second, r, moments->second, o, second);
        kept->steps[r] = moments->steps[o];
    }
    return ADAPTAU_OK;
}

/* A number for each item; new items have 0. */
static void copy_item_numbers(const struct atau_row_map *map, const float *from, float *to)
{
    for (int32_t i = 0; i < map->n[ITEMS]; i++) {
        const int32_t o = atau_row_from(map, ITEMS, i);
        to[i] = o == ATAU_NEW_ROW ? 0.0f : from[o];
    }
}

static adaptau_status copy_bias(const adaptau_model *from, const struct atau_row_map *map, adaptau_model *to, adaptau_error *error)
{
    if (!from->tables.item_bias)
        return ADAPTAU_OK;
    adaptau_status status = atau_tables_make_bias(&to->tables, error);
    if (status == ADAPTAU_OK)
        copy_item_numbers(map, from->tables.item_bias, to->tables.item_bias);
    return status;
}

static adaptau_status copy_model(const adaptau_model *from, const struct atau_row_map *map, adaptau_model *to, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int k = 0; k < ATAU_OPTIMISED && status == ADAPTAU_OK; k++)
        status = copy_table(from, map, to, k, error);
    if (status == ADAPTAU_OK)
        status = copy_bias(from, map, to, error);
    to->objective.loss = from->objective.loss;
    to->objective.map = from->objective.map;
    to->contrast.step = from->contrast.step;
    to->prototypes.update = from->prototypes.update;
    atau_encoding_set_steps(&to->encoding, atau_encoding_steps(&from->encoding));
    return status;
}

/* ---- new rows ------------------------------------------------------------------------------------------------------ */

/* Mean length of the rows that are kept; 1 on the unit sphere, and where there are none. */
static double mean_length(const adaptau_model *model, const struct atau_row_map *map, int side)
{
    const struct atau_table *table = &model->tables.side[side];
    double                   sum = 0.0;
    int64_t                  n = 0;
    for (int64_t r = 0; r < table->n_rows && !table->sphere; r++) {
        const float *row = table->rows + r * table->stride;
        if (atau_row_from(map, side, r) == ATAU_NEW_ROW)
            continue;
        sum += sqrt((double)atau_kernels_of(model->context)->dot(model->tables.dim, row, row));
        n++;
    }
    return sum > 0.0 ? sum / (double)n : 1.0;
}

/* The directions of a new row's neighbours added up. A neighbour that is new, too, and has not started yet, is a row of zeros. */
static void start_rows(adaptau_model *model, const struct atau_row_map *map, int side, const int64_t *ptr, const int32_t *others)
{
    const struct atau_kernels *kernels = atau_kernels_of(model->context);
    struct atau_table         *table = &model->tables.side[side];
    const struct atau_table   *other = &model->tables.side[!side];
    const int64_t              dim = model->tables.dim;
    const double               length = mean_length(model, map, side);
    for (int64_t r = 0; r < table->n_rows; r++) {
        float *row = table->rows + r * table->stride;
        if (atau_row_from(map, side, r) != ATAU_NEW_ROW)
            continue;
        memset(row, 0, (size_t)dim * sizeof(float));
        for (int64_t p = ptr[r]; p < ptr[r + 1]; p++) {
            const float *from = other->rows + others[p] * other->stride;
            const float  squares = kernels->dot(dim, from, from);
            if (squares > 0.0f)
                kernels->axpy(dim, 1.0f / sqrtf(squares), from, row);
        }
        if (!(atau_unit_row(kernels, dim, row, row) > 0.0f))
            atau_first_direction(&model->tables, side, r, row);
        kernels->scale(dim, (float)length, row, row);
    }
}

/* New users one behind the other, as they are folded in. */
struct newcomers {
    int32_t  n;
    int32_t *users; /* [n] their numbers                                                                      */
    int64_t *ptr;   /* [n + 1]                                                                                */
    int32_t *items; /* [ptr[n]]                                                                               */
    float   *weights; /* [ptr[n]], or NULL                                                                    */
    float   *rows;  /* [n x d]                                                                                */
};

static void lay_out_newcomers(struct newcomers *c, struct atau_arena *arena, int64_t n_items, bool weighted, int32_t dim)
{
    c->users = atau_arena_take(arena, (uint64_t)c->n, sizeof *c->users);
    c->ptr = atau_arena_take(arena, (uint64_t)c->n + 1, sizeof *c->ptr);
    c->items = atau_arena_take(arena, (uint64_t)n_items, sizeof *c->items);
    c->weights = weighted ? atau_arena_take(arena, (uint64_t)n_items, sizeof *c->weights) : NULL;
    c->rows = atau_arena_take(arena, (uint64_t)c->n, (size_t)dim * sizeof *c->rows);
}

static int64_t count_newcomers(const struct atau_row_map *map, const adaptau_dataset *data, struct newcomers *c)
{
    int64_t n_items = 0;
    for (int32_t u = 0; u < map->n[USERS]; u++)
        if (atau_row_from(map, USERS, u) == ATAU_NEW_ROW) {
            c->n++;
            n_items += atau_user_degree(data, u);
        }
    return n_items;
}

static void list_newcomers(const struct atau_row_map *map, const adaptau_dataset *data, const struct newcomers *c)
{
    int32_t k = 0;
    c->ptr[0] = 0;
    for (int32_t u = 0; u < map->n[USERS]; u++) {
        const size_t n = (size_t)atau_user_degree(data, u);
        if (atau_row_from(map, USERS, u) != ATAU_NEW_ROW)
            continue;
        if (n > 0)
            memcpy(c->items + c->ptr[k], data->user_items + data->user_ptr[u], n * sizeof *c->items);
        if (n > 0 && c->weights)
            memcpy(c->weights + c->ptr[k], data->user_weights + data->user_ptr[u], n * sizeof *c->weights);
        c->users[k] = u;
        c->ptr[k + 1] = c->ptr[k] + (int64_t)n;
        k++;
    }
}

/* Into the model's table. Folding has given users without items a row of zeros. */
static void place_newcomers(adaptau_model *model, const struct newcomers *c)
{
    const struct atau_table *users = &model->tables.side[USERS];
    for (int32_t k = 0; k < c->n; k++) {
        float *row = users->rows + c->users[k] * users->stride;
        if (c->ptr[k + 1] == c->ptr[k])
            atau_first_direction(&model->tables, USERS, c->users[k], row);
        else
            memcpy(row, c->rows + (int64_t)k * model->tables.dim, (size_t)model->tables.dim * sizeof *row);
    }
}

/* New users of a factorisation are folded in, where the host says how they are trained. */
static adaptau_status fold_new_users(adaptau_model *model, const struct atau_row_map *map, const adaptau_dataset *data,
                                     const adaptau_fold_in_options *options, adaptau_error *error)
{
    struct newcomers  c = {0};
    struct atau_arena arena = {0};
    adaptau_fold_in  *fold = NULL;
    const int64_t     n_items = count_newcomers(map, data, &c);
    if (c.n == 0)
        return ADAPTAU_OK;
    lay_out_newcomers(&c, &arena, n_items, data->user_weights, model->tables.dim);
    adaptau_status status = atau_arena_allocate(model->context, &arena, "the new users", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_newcomers(&c, &arena, n_items, data->user_weights, model->tables.dim);
    list_newcomers(map, data, &c);
    status = adaptau_fold_in_create(model, data, options, &fold, error);
    if (status == ADAPTAU_OK)
        status = adaptau_fold_in_users(fold, c.n, c.ptr, c.items, c.weights, c.rows, NULL, error);
    if (status == ADAPTAU_OK)
        place_newcomers(model, &c);
    adaptau_fold_in_destroy(fold);
    atau_arena_free(model->context, &arena);
    return status;
}

static adaptau_status start_new_rows(adaptau_model *model, const struct atau_row_map *map, const adaptau_dataset *data,
                                     const adaptau_fold_in_options *options, adaptau_error *error)
{
    start_rows(model, map, ITEMS, data->item_ptr, data->item_users);
    start_rows(model, map, USERS, data->user_ptr, data->user_items);
    return options ? fold_new_users(model, map, data, options, error) : ADAPTAU_OK;
}

/* ---- the calls ----------------------------------------------------------------------------------------------------- */

/* How new users are folded in, with the popularity of the new catalogue, or, where there are no interactions, of what is left. */
static adaptau_status copy_folding(const adaptau_model *from, const struct atau_row_map *map, adaptau_model *to,
                                   const adaptau_dataset *dataset, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (!from->folding.present)
        return ADAPTAU_OK;
    if (dataset)
        return atau_folding_set(&to->folding, &to->tables, dataset, &from->folding.options, error);
    to->folding = (struct atau_folding){.present = true, .options = from->folding.options};
    if (!from->folding.log_q)
        return ADAPTAU_OK;
    status = atau_folding_make_log_q(&to->folding, &to->tables, error);
    if (status == ADAPTAU_OK)
        copy_item_numbers(map, from->folding.log_q, to->folding.log_q);
    return status;
}

/* A model without interactions, whose final embeddings are copied: what loading one from a file makes. */
static adaptau_status open_loaded(const adaptau_model *from, const struct atau_row_map *map, const adaptau_model_options *options,
                                  adaptau_model **out, adaptau_error *error)
{
    const int64_t          dim = from->tables.dim;
    struct atau_embeddings old, final;
    char                   text[ATAU_ENCODER_TEXT] = "";
    adaptau_status         status = atau_encoding_forward(&from->encoding, &old, error);
    if (status == ADAPTAU_OK)
        status = atau_model_allocate(from->context, from->encoding.encoder, map->n[USERS], map->n[ITEMS], options, NULL, out, error);
    if (status != ADAPTAU_OK)
        return status;
    atau_optimiser_set(&(*out)->optimiser, options);
    (*out)->tables.seed = options->seed;
    from->encoding.encoder->describe(&from->encoding, text);
    status = atau_encoding_restore(&(*out)->encoding, text, NULL, &final, error);
    if (status != ADAPTAU_OK || from->encoding.encoder->identity)
        return status;
    for (int side = 0; side < 2; side++)
        for (int64_t r = 0; r < map->n[side]; r++) {
            float       *row = final.rows[side] + r * final.stride[side];
            const float *was = atau_embedding(&old, atau_kernels_of(from->context), side, atau_row_from(map, side, r), dim, row);
            if (was != row)
                memcpy(row, was, (size_t)dim * sizeof(float));
        }
    return ADAPTAU_OK;
}

static adaptau_status make(const adaptau_model *from, const struct atau_row_map *map, const adaptau_dataset *dataset,
                           const adaptau_fold_in_options *fold, adaptau_model **out, adaptau_error *error)
{
    adaptau_model              *model = NULL;
    const adaptau_model_options options = atau_model_recall_options(from);
    adaptau_status              status = dataset ? atau_model_open(from->context, dataset, &options, &model, error)
                                                 : open_loaded(from, map, &options, &model, error);
    if (status == ADAPTAU_OK)
        status = copy_model(from, map, model, error);
    if (status == ADAPTAU_OK)
        status = copy_folding(from, map, model, dataset, error);
    if (status == ADAPTAU_OK)
        atau_tables_bring_back(&model->tables); /* rows that the host of the old model has written                */
    if (status == ADAPTAU_OK && dataset)
        status = start_new_rows(model, map, dataset, fold, error);
    if (status == ADAPTAU_OK)
        *out = model;
    else
        adaptau_model_destroy(model);
    return status;
}

/* By a map that has been checked. */
static adaptau_status enter_and_make(const adaptau_model *model, const struct atau_row_map *map, const adaptau_dataset *dataset,
                                     const adaptau_fold_in_options *fold, adaptau_model **out, adaptau_error *error)
{
    adaptau_fold_in_options options;
    if (fold && !dataset)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "fold is given, but dataset is NULL: there are no new users");
    if (fold && !model->encoding.encoder->identity)
        return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "fold is given, but raw rows of %s are no embeddings",
                         model->encoding.encoder->name);
    /* The struct is checked even where no new user is to be folded in. */
    adaptau_status status = fold ? atau_read_struct(&options, sizeof options, sizeof options, fold, false, "fold", error) : ADAPTAU_OK;
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = make(model, map, dataset, fold, out, error);
    atau_model_leave_shared(model);
    return status;
}

adaptau_status adaptau_model_grow(const adaptau_model *model, const adaptau_dataset *dataset, const adaptau_fold_in_options *fold,
                                  adaptau_model **out, adaptau_error *error)
{
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    const int32_t             n = model->tables.side[USERS].n_rows, m = model->tables.side[ITEMS].n_rows;
    const struct atau_row_map map = {{dataset->n_users, dataset->n_items}, {n, m}, {NULL, NULL}};
    if (dataset->n_users < n || dataset->n_items < m)
        return atau_fail(error, ADAPTAU_E_SHAPE, "dataset is %d x %d, but the model is %d x %d already", dataset->n_users,
                         dataset->n_items, n, m);
    return enter_and_make(model, &map, dataset, fold, out, error);
}

adaptau_status adaptau_model_remap(const adaptau_model *model, const adaptau_dataset *dataset, const adaptau_row_map *given,
                                   const adaptau_fold_in_options *fold, adaptau_model **out, adaptau_error *error)
{
    struct atau_row_map map;
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(out, error);
    const int32_t  n = model->tables.side[USERS].n_rows, m = model->tables.side[ITEMS].n_rows;
    adaptau_status status = atau_read_row_map(model->context, given, dataset, n, m, &map, error);
    return status == ADAPTAU_OK ? enter_and_make(model, &map, dataset, fold, out, error) : status;
}
