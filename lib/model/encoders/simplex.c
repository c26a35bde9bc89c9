/* SPDX-License-Identifier: MIT */
/* SimpleX's aggregation of behaviour (Mao et al., CIKM 2021) with mean pooling: a user is a mixture of an embedding of its own
 * and of what it has,
 *
 *     h_u = g e_u + (1 − g) V p_u,   p_u = (1/n_u) Σ_{i∈P_u} e_i,   items as they are
 *
 * with a matrix V of the encoder's own that is learned with the tables. Back from gradients G of the final embeddings:
 *
 *     ∂/∂e_u = g G_u,   ∂/∂V = (1 − g) Σ_u G_u p_uᵀ,   ∂/∂e_i = G_i + Σ_{u∈U_i} ((1 − g)/n_u) Vᵀ G_u
 *
 * The authors' program starts V at random; here it is the identity, so that a user begins as the mean of itself and its items.
 *  */
#include "model/encoders/encoder.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/arena.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "core/dataset.h"
#include "kernels/check.h"
#include "kernels/of_context.h"
#include "kernels/propagate.h"
#include "model/slots.h"

#define ROWS_PER_TASK 32
#define NANO 1000000000

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

struct simplex {
    double  gate;
    int64_t n_users, n_items;

    /* the interactions; no arrays in a model that was loaded */
    struct atau_arena graph;
    int64_t           n_edges, longest; /* row of an item */
    int64_t          *ptr[2];
    int32_t          *ids[2];

    /* all at once when first needed; of a model that was loaded, `final` alone */
    struct atau_arena buffers;
    float   *final; /* [n x d] users; those of a view are not in the buffers, */
    struct atau_halves final_halves; /* and may be in binary16 */
    float   *pooled; /* [n x d] p_u, of a step by slot */
    float   *transposed; /* [d x d] Vᵀ */
    float   *spread; /* [n x d] ((1 − g)/n_u) Vᵀ G_u by slot, and V p_u before that */
    float   *gradients; /* [d x d] of V */
    int32_t *scratch; /* [threads x longest] */
    int32_t *all; /* [max(m, d)] 0, 1, 2, ... */
};

static adaptau_status check(const adaptau_model_options *o, adaptau_error *error)
{
    if (!isfinite(o->gate))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->gate = %g is not finite", o->gate);
    if (o->gate < 0.0 || o->gate > 1.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->gate = %g is outside 0 ... 1", o->gate);
    return atau_check_no_layers(o, "ADAPTAU_ENCODER_SIMPLEX", error);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void lay_out_graph(struct simplex *s)
{
    for (int side = 0; side < 2; side++) {
        s->ptr[side] = atau_arena_take(&s->graph, (uint64_t)(side == USERS ? s->n_users : s->n_items) + 1, sizeof(int64_t));
        s->ids[side] = atau_arena_take(&s->graph, (uint64_t)s->n_edges, sizeof(int32_t));
    }
}

static adaptau_status copy_graph(struct atau_encoding *e, const adaptau_dataset *dataset, adaptau_error *error)
{
    struct simplex *s = e->state;
    s->n_edges = dataset->n_interactions;
    atau_arena_count(&s->graph);
    lay_out_graph(s);
    adaptau_status status = atau_arena_allocate(e->tables->context, &s->graph, "the graph", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_graph(s);
    memcpy(s->ptr[USERS], dataset->user_ptr, (size_t)(s->n_users + 1) * sizeof(int64_t));
    memcpy(s->ptr[ITEMS], dataset->item_ptr, (size_t)(s->n_items + 1) * sizeof(int64_t));
    if (s->n_edges > 0) {
        memcpy(s->ids[USERS], dataset->user_items, (size_t)s->n_edges * sizeof(int32_t));
        memcpy(s->ids[ITEMS], dataset->item_users, (size_t)s->n_edges * sizeof(int32_t));
    }
    for (int64_t i = 0; i < s->n_items; i++)
        s->longest = atau_max_i64(s->longest, s->ptr[ITEMS][i + 1] - s->ptr[ITEMS][i]);
    return ADAPTAU_OK;
}

static adaptau_status make_state(struct atau_encoding *e, float *host_matrix, adaptau_error *error)
{
    struct simplex *s = atau_allocate_zeroed(e->tables->context, 1, sizeof *s);
    if (!s)
        return atau_fail_memory(error, sizeof *s, "the encoder");
    s->n_users = e->tables->side[USERS].n_rows;
    s->n_items = e->tables->side[ITEMS].n_rows;
    e->state = s;
    return atau_tables_open_own(e->tables, e->tables->dim, host_matrix, error);
}

static adaptau_status start_matrix(struct atau_encoding *e, const adaptau_model_options *options, adaptau_error *error)
{
    const int64_t dim = e->tables->dim;
    float        *v = e->tables->own.rows;
    if (options->init == ADAPTAU_INIT_HOST && options->host_encoder)
        return atau_check_rows_finite(e->tables->context, "host_encoder", dim, e->tables->dim, v, dim, error);
    memset(v, 0, (size_t)(dim * dim) * sizeof(float));
    for (int64_t k = 0; k < dim; k++)
        v[k * dim + k] = 1.0f;
    return ADAPTAU_OK;
}

static adaptau_status create(struct atau_encoding *e, const adaptau_dataset *dataset, const adaptau_model_options *options,
                             adaptau_error *error)
{
    adaptau_status status = make_state(e, options->host_encoder, error);
    if (status == ADAPTAU_OK)
        status = start_matrix(e, options, error);
    if (status != ADAPTAU_OK)
        return status;
    struct simplex *s = e->state;
    s->gate = options->gate;
    return copy_graph(e, dataset, error);
}

static void destroy(struct atau_encoding *e)
{
    struct simplex *s = e->state;
    if (!s)
        return;
    atau_arena_free(e->tables->context, &s->graph);
    atau_arena_free(e->tables->context, &s->buffers);
    atau_free(e->tables->context, s, sizeof *s);
    e->state = NULL;
}

static void lay_out_buffers(const struct atau_encoding *e, struct simplex *s)
{
    struct atau_arena *arena = &s->buffers;
    const size_t       dim = (size_t)e->tables->dim, row = dim * sizeof(float), n = (size_t)s->n_users;
    const size_t       trains = e->loaded ? 0 : 1;
    s->final = atau_arena_take(arena, n, row);
    s->pooled = atau_arena_take(arena, trains * n, row);
    s->transposed = atau_arena_take(arena, trains * dim, row);
    s->spread = atau_arena_take(arena, trains * n, row);
    s->gradients = atau_arena_take(arena, trains * dim, row);
    s->scratch = atau_arena_take(arena, trains * (uint64_t)adaptau_context_n_threads(e->tables->context),
                                 (size_t)s->longest * sizeof(int32_t));
    s->all = atau_arena_take(arena, trains * (uint64_t)atau_max_i64(s->n_items, e->tables->dim), sizeof(int32_t));
}

static adaptau_status make_buffers(const struct atau_encoding *e, struct simplex *s, adaptau_error *error)
{
    if (s->final)
        return ADAPTAU_OK;
    atau_arena_count(&s->buffers);
    lay_out_buffers(e, s);
    adaptau_status status = atau_arena_allocate(e->tables->context, &s->buffers, "the final embeddings", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out_buffers(e, s);
    for (int64_t r = 0; !e->loaded && r < atau_max_i64(s->n_items, e->tables->dim); r++)
        s->all[r] = (int32_t)r;
    return ADAPTAU_OK;
}

/* ---- forward ----------------------------------------------------------------------------------------------------- */

struct pooling {
    const struct atau_encoding *e;
    struct simplex      *s;
    int64_t              n;
    const int32_t       *users; /* [n] or NULL: all */
};

static int64_t user_of(const struct pooling *call, int64_t k)
{
    return call->users ? call->users[k] : k;
}

static int64_t degree_of(const struct simplex *s, int64_t user)
{
    return s->ptr[USERS][user + 1] - s->ptr[USERS][user];
}

/* p_u of the k-th user. */
static void pool_row(const struct pooling *call, int64_t k)
{
    const struct simplex     *s = call->s;
    const struct atau_encoding *e = call->e;
    const struct atau_table  *items = &e->tables->side[ITEMS];
    const struct atau_gather  from = {.x = items->rows, .stride = items->stride, .dim = e->tables->dim};
    const int64_t             user = user_of(call, k), n = degree_of(s, user);
    const int32_t            *ids = s->ids[USERS] + s->ptr[USERS][user];
    atau_kernels_of(e->tables->context)->gather(&from, n, n, ids, n > 0 ? 1.0f / (float)n : 0.0f, 0.0f, NULL,
                                    s->pooled + k * e->tables->dim);
}

static void mix_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct pooling      *call = argument;
    struct simplex            *s = call->s;
    const struct atau_kernels *kernels = atau_kernels_of(call->e->tables->context);
    const struct atau_table   *users = &call->e->tables->side[USERS];
    const int64_t              dim = call->e->tables->dim;
    (void)lane;
    float *mapped = s->spread + first * dim; /* V p, where there is room until the way back                         */
    for (int64_t k = first; k < end; k++)
        pool_row(call, k);
    kernels->product(end - first, dim, dim, s->pooled + first * dim, dim, 1, s->transposed, dim, 0, mapped, dim);
    for (int64_t k = first; k < end; k++, mapped += dim) {
        float *out = s->final + user_of(call, k) * dim;
        kernels->scale(dim, (float)(1.0 - s->gate), mapped, out);
        kernels->axpy(dim, (float)s->gate, users->rows + user_of(call, k) * users->stride, out);
    }
}

static adaptau_status mix(const struct atau_encoding *e, struct simplex *s, int64_t n, const int32_t *users, adaptau_error *error)
{
    struct pooling call = {e, s, n, users};
    const int64_t  dim = e->tables->dim;
    adaptau_status status = make_buffers(e, s, error);
    if (status != ADAPTAU_OK)
        return status;
    for (int64_t k = 0; k < dim; k++)
        for (int64_t j = 0; j < dim; j++)
            s->transposed[j * dim + k] = e->tables->own.rows[k * dim + j];
    return atau_parallel_rows(e->tables->context, n, ROWS_PER_TASK, mix_rows, &call, error);
}

static struct atau_embeddings finals(const struct atau_encoding *e)
{
    const struct simplex    *s = e->state;
    const struct atau_table *items = &e->tables->side[ITEMS];
    return (struct atau_embeddings){{s->final, items->rows}, {e->tables->dim, items->stride}, {s->final_halves, items->halves}};
}

static adaptau_status forward(const struct atau_encoding *e, adaptau_error *error)
{
    struct simplex *s = e->state;
    return mix(e, s, s->n_users, NULL, error);
}

static adaptau_status forward_step(struct atau_encoding *e, int64_t n, const int32_t *users, adaptau_error *error)
{
    return mix(e, e->state, n, users, error);
}

/* ---- backward ---------------------------------------------------------------------------------------------------- */

struct return_call {
    const struct atau_encoding *e;
    struct simplex                  *s;
    const struct atau_row_gradients *users;
};

/* Some rows of ∂/∂V. */
static void return_to_matrix(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct return_call  *call = argument;
    const struct atau_kernels *kernels = atau_kernels_of(call->e->tables->context);
    const int64_t              dim = call->e->tables->dim;
    const int64_t              rows = end - first;
    float                     *out = call->s->gradients + first * dim;
    (void)lane;
    kernels->product(rows, dim, call->users->n, call->users->rows + first, 1, dim, call->s->pooled, dim, 0, out, dim);
    kernels->scale(rows * dim, (float)(1.0 - call->s->gate), out, out);
}

/* What some users give to each of their items; then the users' own gradients, in place. */
static void return_to_users(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct return_call  *call = argument;
    struct simplex            *s = call->s;
    const struct atau_kernels *kernels = atau_kernels_of(call->e->tables->context);
    const int64_t              dim = call->e->tables->dim;
    const int64_t              rows = end - first;
    float                     *own = call->users->rows + first * dim, *spread = s->spread + first * dim;
    (void)lane;
    kernels->product(rows, dim, dim, own, dim, 1, call->e->tables->own.rows, dim, 0, spread, dim);
    for (int64_t k = 0; k < rows; k++) {
        const int64_t n = degree_of(s, call->users->ids[first + k]);
        kernels->scale(dim, n > 0 ? (float)((1.0 - s->gate) / (double)n) : 0.0f, spread + k * dim, spread + k * dim);
    }
    kernels->scale(rows * dim, (float)s->gate, own, own);
}

static adaptau_status return_to_items(struct atau_encoding *e, struct simplex *s, const struct atau_row_gradients *users,
                                      float *items, int32_t *user_slots, adaptau_error *error)
{
    const struct atau_sparse matrix = {.n_rows = s->n_items, .ptr = s->ptr[ITEMS], .ids = s->ids[ITEMS]};
    const struct atau_propagation p = {
        .dim = e->tables->dim,
        .x = s->spread,
        .x_stride = e->tables->dim,
        .slots = user_slots,
        .base = items,
        .base_stride = e->tables->dim,
        .base_scale = 1.0f,
        .scale = 1.0f,
        .out = items,
        .out_stride = e->tables->dim,
        .scratch = s->scratch,
        .scratch_stride = s->longest,
    };
    atau_slots_place(user_slots, users->n, users->ids);
    adaptau_status status = atau_propagate(e->tables->context, &matrix, &p, error);
    atau_slots_take_back(user_slots, users->n, users->ids);
    return status;
}

static adaptau_status backward(struct atau_encoding *e, struct atau_row_gradients gradients[2], struct atau_row_gradients *own,
                               int32_t *user_slots, adaptau_error *error)
{
    struct simplex    *s = e->state;
    struct return_call call = {e, s, &gradients[USERS]};
    const int64_t      n = gradients[USERS].n;
    atau_clear_untouched(e, &gradients[ITEMS]);
    adaptau_status status =
        atau_parallel_rows(e->tables->context, e->tables->dim, ROWS_PER_TASK, return_to_matrix, &call, error);
    if (status == ADAPTAU_OK)
        status = atau_parallel_rows(e->tables->context, n, ROWS_PER_TASK, return_to_users, &call, error);
    if (status == ADAPTAU_OK)
        status = return_to_items(e, s, &gradients[USERS], gradients[ITEMS].rows, user_slots, error);
    gradients[ITEMS] = (struct atau_row_gradients){s->n_items, s->all, gradients[ITEMS].rows, true};
    *own = (struct atau_row_gradients){e->tables->dim, s->all, s->gradients, true};
    return status;
}

/* ---- new users ---------------------------------------------------------------------------------------------------- */

/* Starts are (1 − g) V e_i. The search is over h_u itself: whatever a user's own embedding e_u is, h_u = g e_u + (1 − g) V
 * p_u can take any value. */
static adaptau_status fold_starts(const struct atau_encoding *e, float *out, double *exponent, adaptau_error *error)
{
    const struct simplex        *s = e->state;
    const struct atau_kernels   *kernels = atau_kernels_of(e->tables->context);
    const struct atau_table     *v = &e->tables->own;
    const struct atau_embeddings raw = atau_tables_raw(e->tables);
    const int64_t                dim = e->tables->dim;
    const size_t                 bytes = (size_t)dim * sizeof(float);
    float                       *scratch = atau_allocate(e->tables->context, bytes);
    if (!scratch)
        return atau_fail_memory(error, bytes, "a row");
    for (int64_t i = 0; i < e->tables->side[ITEMS].n_rows; i++) {
        const float *item = atau_embedding(&raw, kernels, ITEMS, i, dim, scratch);
        for (int64_t k = 0; k < dim; k++)
            out[i * dim + k] = (float)(1.0 - s->gate) * kernels->dot(dim, v->rows + k * dim, item);
    }
    atau_free(e->tables->context, scratch, bytes);
    *exponent = 1.0;
    return ADAPTAU_OK;
}

/* ---- files: "gate=0.500000000", whatever the locale ----------------------------------------------------------------- */

static void recall(const struct atau_encoding *e, adaptau_model_options *options)
{
    const struct simplex *s = e->state;
    options->gate = s->gate;
}

static void describe(const struct atau_encoding *e, char text[ATAU_ENCODER_TEXT])
{
    const struct simplex *s = e->state;
    const int             nano = (int)lround(s->gate * NANO);
    snprintf(text, ATAU_ENCODER_TEXT, "gate=%d.%09d", nano / NANO, nano % NANO);
}

static bool read_gate(const char *text, double *gate)
{
    static const char form[] = "gate=0.000000000";
    double            nano = 0.0;
    if (strlen(text) != sizeof form - 1)
        return false;
    for (size_t k = 0; k < sizeof form - 1; k++) {
        const bool digit = form[k] == '0';
        if (digit ? text[k] < '0' || text[k] > '9' : text[k] != form[k])
            return false;
        nano = digit ? 10.0 * nano + (text[k] - '0') : nano;
    }
    *gate = nano / NANO;
    return *gate <= 1.0;
}

static adaptau_status restore(struct atau_encoding *e, const char *text, const struct atau_encoding_view *view,
                              adaptau_error *error)
{
    double gate;
    if (!read_gate(text, &gate))
        return atau_fail(error, ADAPTAU_E_FORMAT, "simplex with \"%s\" is unknown to this version", text);
    adaptau_status status = make_state(e, view ? view->own : NULL, error);
    if (status == ADAPTAU_OK && !view)
        status = make_buffers(e, e->state, error);
    if (status != ADAPTAU_OK)
        return status;
    struct simplex *s = e->state;
    s->gate = gate;
    if (view)
        s->final = view->final.rows[USERS], s->final_halves = view->final.halves[USERS];
    return ADAPTAU_OK;
}

const struct atau_encoder atau_encoder_simplex = {
    .number = ADAPTAU_ENCODER_SIMPLEX,
    .name = "simplex",
    .has_matrix = true,
    .check = check,
    .create = create,
    .destroy = destroy,
    .finals = finals,
    .forward = forward,
    .forward_step = forward_step,
    .backward = backward,
    .fold_starts = fold_starts,
    .recall = recall,
    .describe = describe,
    .restore = restore,
};
