/* SPDX-License-Identifier: MIT */
/* LightGCN (He et al., SIGIR 2020). With A = D^{-1/2} [0 R; Rᵀ 0] D^{-1/2} over users and items together,
 *
 *     E = (1/(L + 1)) Σ_{l = 0..L} Aˡ E⁰
 *
 * by Horner's rule: H_0 = E⁰, H_k = E⁰ + A H_{k−1}, E = H_L/(L + 1), so that no layer has to be kept to be summed up. A leads
 * from one side to the other: H_L of the users needs H_{L−1} of the items alone, that H_{L−2} of the users, and so on. The two
 * chains, one to each side, have nothing in common but E⁰, and each is walked by itself, in a buffer for each side.
 *
 * A is symmetric, so the gradient of E⁰ is the same sum over Aˡ G. Gradients G of users are there for the batch's users only,
 * and final users are needed for them only: the chain to the users ends in those rows, and the chain to the items begins with
 * those columns, when training.
 *
 * Edge dropout at rate p keeps each edge of a step with probability 1 − p and multiplies it by 1/(1 − p): a symmetric matrix
 * again. Layer dropout at rate q takes A's rows away, all layers alike: a row with probability q, the others times 1/(1 − q).
 * With Q that diagonal matrix, QA in the place of A goes forward and its transpose AQ back. */
#include "model/encoders/lightgcn.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/random.h"
#include "common/size.h"
#include "core/dataset.h"
#include "kernels/of_context.h"
#include "kernels/propagate.h"
#include "model/slots.h"

#define WORDS_PER_TASK 256 /* of 32 edges */

static adaptau_status check_share(const char *name, double value, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", name, value);
    if (value < 0.0 || value >= 1.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside [0, 1)", name, value);
    return ADAPTAU_OK;
}

static adaptau_status check(const adaptau_model_options *o, adaptau_error *error)
{
    if (o->n_layers == 0)
        return atau_fail_zero(error, "options->n_layers", "at least 1", "adaptau_model_options_init");
    if (o->n_layers < 0 || o->n_layers > ADAPTAU_MAX_LAYERS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_layers = %d is outside 1 ... %d", o->n_layers,
                         ADAPTAU_MAX_LAYERS);
    adaptau_status status = check_share("edge_dropout", o->edge_dropout, error);
    if (status == ADAPTAU_OK)
        status = check_share("layer_dropout", o->layer_dropout, error);
    return status == ADAPTAU_OK ? atau_check_no_gate(o, "ADAPTAU_ENCODER_LIGHTGCN", error) : status;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void lay_out(struct atau_lightgcn *g)
{
    const size_t edges = (size_t)g->n_edges;
    for (int side = 0; side < 2; side++) {
        const size_t rows = (size_t)g->n_rows[side];
        g->ptr[side] = atau_arena_take(&g->graph, rows + 1, sizeof(int64_t));
        g->ids[side] = atau_arena_take(&g->graph, edges, sizeof(int32_t));
        g->scale[side] = atau_arena_take(&g->graph, rows, sizeof(float));
        g->kept[side] = g->edge_dropout > 0.0 ? atau_arena_take(&g->graph, (edges + 31) / 32, sizeof(uint32_t)) : NULL;
        g->taking[side] = g->layer_dropout > 0.0 ? atau_arena_take(&g->graph, rows, sizeof(float)) : NULL;
    }
}

static void copy_side(struct atau_lightgcn *g, int side, const int64_t *ptr, const int32_t *ids)
{
    const int64_t n = g->n_rows[side];
    memcpy(g->ptr[side], ptr, (size_t)(n + 1) * sizeof *ptr);
    if (g->n_edges > 0)
        memcpy(g->ids[side], ids, (size_t)g->n_edges * sizeof *ids);
    for (int64_t r = 0; r < n; r++) {
        int64_t degree = ptr[r + 1] - ptr[r];
        g->scale[side][r] = degree > 0 ? (float)(1.0 / sqrt((double)degree)) : 0.0f;
        g->longest = atau_max_i64(g->longest, degree);
    }
}

static adaptau_status copy_graph(struct atau_encoding *e, const adaptau_dataset *dataset, adaptau_error *error)
{
    struct atau_lightgcn *g = e->state;
    g->n_edges = dataset->n_interactions;
    lay_out(g);
    adaptau_status status = atau_arena_allocate(e->tables->context, &g->graph, "the graph", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(g);
    copy_side(g, USERS, dataset->user_ptr, dataset->user_items);
    copy_side(g, ITEMS, dataset->item_ptr, dataset->item_users);
    return ADAPTAU_OK;
}

static adaptau_status make_state(struct atau_encoding *e, int32_t n_layers, adaptau_error *error)
{
    struct atau_lightgcn *g = atau_allocate_zeroed(e->tables->context, 1, sizeof *g);
    if (!g)
        return atau_fail_memory(error, sizeof *g, "the encoder");
    g->n_layers = n_layers;
    g->n_rows[USERS] = e->tables->side[USERS].n_rows;
    g->n_rows[ITEMS] = e->tables->side[ITEMS].n_rows;
    e->state = g;
    return ADAPTAU_OK;
}

static adaptau_status create(struct atau_encoding *e, const adaptau_dataset *dataset, const adaptau_model_options *options,
                             adaptau_error *error)
{
    adaptau_status status = make_state(e, options->n_layers, error);
    if (status != ADAPTAU_OK)
        return status;
    struct atau_lightgcn *g = e->state;
    g->edge_dropout = options->edge_dropout;
    g->layer_dropout = options->layer_dropout;
    return copy_graph(e, dataset, error);
}

static void destroy(struct atau_encoding *e)
{
    struct atau_lightgcn *g = e->state;
    if (!g)
        return;
    adaptau_context *context = e->tables->context;
    const size_t     row = (size_t)e->tables->dim * sizeof(float), n = (size_t)g->n_rows[USERS], m = (size_t)g->n_rows[ITEMS];
    for (int side = 0; side < 2; side++) {
        if (!g->final_is_viewed)
            atau_free(context, g->final.rows[side], (size_t)g->n_rows[side] * row);
        atau_free(context, g->work[side], (size_t)g->n_rows[side] * row);
    }
    atau_free(context, g->scratch, (size_t)adaptau_context_n_threads(context) * (size_t)g->longest * sizeof(int32_t));
    atau_free(context, g->gradients, n * row);
    atau_free(context, g->slot_scale, n * sizeof(float));
    atau_free(context, g->all, (n > m ? n : m) * sizeof(int32_t));
    atau_arena_free(context, &g->views);
    atau_arena_free(context, &g->view_graphs);
    atau_arena_free(context, &g->graph);
    atau_free(context, g, sizeof *g);
    e->state = NULL;
}

/* ---- memory: each part when it is first needed ------------------------------------------------------------------- */

static adaptau_status make_final(const struct atau_encoding *e, struct atau_lightgcn *g, adaptau_error *error)
{
    const size_t row = (size_t)e->tables->dim * sizeof(float);
    for (int side = 0; side < 2; side++) {
        if (g->final.rows[side]) /* where readers may be at this moment: nothing of it is written */
            continue;
        g->final.rows[side] = atau_allocate_array(e->tables->context, (uint64_t)g->n_rows[side], row);
        if (!g->final.rows[side])
            return atau_fail_memory(error, (size_t)g->n_rows[side] * row, "the final embeddings");
        g->final.stride[side] = e->tables->dim;
    }
    return ADAPTAU_OK;
}

static adaptau_status make_work(const struct atau_encoding *e, struct atau_lightgcn *g, adaptau_error *error)
{
    const size_t row = (size_t)e->tables->dim * sizeof(float);
    for (int side = 0; side < 2; side++) {
        if (!g->work[side])
            g->work[side] = atau_allocate_array(e->tables->context, (uint64_t)g->n_rows[side], row);
        if (!g->work[side])
            return atau_fail_memory(error, (size_t)g->n_rows[side] * row, "the layers");
    }
    const size_t threads = (size_t)adaptau_context_n_threads(e->tables->context), longest = (size_t)g->longest;
    if (!g->scratch)
        g->scratch = atau_allocate_array(e->tables->context, threads, longest * sizeof(int32_t));
    return g->scratch ? ADAPTAU_OK : atau_fail_memory(error, threads * longest * sizeof(int32_t), "the layers");
}

static adaptau_status make_gradients(const struct atau_encoding *e, struct atau_lightgcn *g, adaptau_error *error)
{
    const size_t row = (size_t)e->tables->dim * sizeof(float), n = (size_t)g->n_rows[USERS], m = (size_t)g->n_rows[ITEMS];
    if (!g->gradients)
        g->gradients = atau_allocate_array(e->tables->context, n, row);
    if (!g->slot_scale)
        g->slot_scale = atau_allocate_array(e->tables->context, n, sizeof(float));
    if (!g->all) {
        g->all = atau_allocate_array(e->tables->context, n > m ? n : m, sizeof(int32_t));
        for (size_t r = 0; g->all && r < (n > m ? n : m); r++)
            g->all[r] = (int32_t)r;
    }
    return g->gradients && g->slot_scale && g->all ? ADAPTAU_OK
                                                   : atau_fail_memory(error, n * row, "the gradients of the raw users");
}

/* ---- what is random in a step ------------------------------------------------------------------------------------ */

uint64_t atau_lightgcn_draw_key(uint64_t seed, int domain, uint64_t step, uint64_t which)
{
    struct atau_stream stream;
    atau_stream_start(&stream, seed, domain, step, which);
    uint64_t high = atau_stream_next(&stream);
    return high << 32 | atau_stream_next(&stream);
}

/* A share of 1 − p of all numbers is kept. */
static bool is_kept(uint32_t number, double p)
{
    return (double)number >= p * 0x1p32;
}

struct edges {
    const struct atau_lightgcn *g;
    int                    side;
    uint64_t               key;
    double                 dropout;
    uint32_t              *kept;
};

static int64_t row_of_edge(const int64_t *ptr, int64_t n, int64_t edge)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (ptr[middle + 1] <= edge)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void draw_edges(void *argument, int32_t lane, int64_t task)
{
    const struct edges    *call = argument;
    const struct atau_lightgcn *g = call->g;
    const int              side = call->side;
    const int64_t         *ptr = g->ptr[side];
    const int64_t          first = task * WORDS_PER_TASK * 32, end = atau_min_i64(first + WORDS_PER_TASK * 32, g->n_edges);
    int64_t                row = row_of_edge(ptr, g->n_rows[side], first);
    (void)lane;
    for (int64_t e = first; e < end; e++) {
        while (ptr[row + 1] <= e)
            row++;
        uint32_t own = (uint32_t)row, other = (uint32_t)g->ids[side][e];
        uint32_t number = side == USERS ? atau_pair_random(call->key, own, other) : atau_pair_random(call->key, other, own);
        uint32_t bit = (uint32_t)is_kept(number, call->dropout) << (e % 32);
        call->kept[e / 32] = e % 32 ? call->kept[e / 32] | bit : bit;
    }
}

adaptau_status atau_lightgcn_draw_edges(adaptau_context *context, const struct atau_lightgcn *g, uint64_t key, double dropout,
                                        uint32_t *const kept[2], adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        struct edges edges = {g, side, key, dropout, kept[side]};
        status = atau_parallel(context, (g->n_edges + WORDS_PER_TASK * 32 - 1) / (WORDS_PER_TASK * 32), draw_edges, &edges,
                               error);
    }
    return status;
}

static adaptau_status draw_step(const struct atau_encoding *e, struct atau_lightgcn *g, adaptau_error *error)
{
    const uint64_t step = g->step & UINT64_C(0xFFFFFFFFFFFF);
    const uint64_t layer_key = atau_lightgcn_draw_key(e->tables->seed, ATAU_RANDOM_LAYERS, step, 0);
    const float    share = (float)(1.0 / (1.0 - g->layer_dropout));
    for (int side = 0; side < 2 && g->taking[side]; side++)
        for (int64_t r = 0; r < g->n_rows[side]; r++) {
            uint32_t number = atau_pair_random(layer_key, (uint32_t)side, (uint32_t)r);
            g->taking[side][r] = is_kept(number, g->layer_dropout) ? share * g->scale[side][r] : 0.0f;
        }
    if (!g->kept[USERS])
        return ADAPTAU_OK;
    return atau_lightgcn_draw_edges(e->tables->context, g, atau_lightgcn_draw_key(e->tables->seed, ATAU_RANDOM_EDGES, step, 0),
                                    g->edge_dropout, g->kept, error);
}

/* ---- propagation ------------------------------------------------------------------------------------------------- */

static void add_given(const struct atau_lightgcn_pass *pass, int side, float scale, float *out)
{
    const struct atau_row_gradients *given = pass->given[side];
    for (int64_t k = 0; k < given->n && scale != 0.0f; k++)
        atau_kernels_of(pass->context)->axpy(pass->dim, scale, given->rows + k * pass->dim, out + given->ids[k] * pass->dim);
}

/* The chain that ends on `side`: H_k = c_{L−k}/c_L E⁰ + A H_{k−1} and, at the end, times c_L. */
static adaptau_status walk(const struct atau_lightgcn_pass *pass, int side, adaptau_error *error)
{
    const struct atau_lightgcn *g = pass->g;
    const float           *c = pass->coefficients;
    const int32_t          n = pass->n_layers;
    adaptau_status         status = ADAPTAU_OK;
    for (int32_t k = 1; k <= n && status == ADAPTAU_OK; k++) {
        const int          to = (n - k) % 2 ? !side : side, from = !to;
        const bool         first = k == 1, last = k == n, by_slot = first && pass->given[from];
        const float        scale = last ? c[n] : 1.0f, base_scale = last ? c[0] : c[n - k] / c[n];
        struct atau_sparse matrix = {
            g->n_rows[to], g->ptr[to], g->ids[to], pass->left[to], by_slot ? pass->slot_scale[from] : pass->right[from],
            pass->kept[to], NULL};
        struct atau_propagation p = {
            .dim = pass->dim,
            .x = first ? pass->start.rows[from] : g->work[from],
            .x_stride = first ? pass->start.stride[from] : pass->dim,
            .slots = by_slot ? pass->slots[from] : NULL,
            .base = pass->given[to] || base_scale == 0.0f ? NULL : pass->start.rows[to],
            .base_stride = pass->start.stride[to],
            .base_scale = base_scale,
            .scale = scale * pass->edge_scale,
            .out = last ? pass->out.rows[to] : g->work[to],
            .out_stride = last ? pass->out.stride[to] : pass->dim,
            .n_rows = pass->last.n[to],
            .rows = last ? pass->last.ids[to] : NULL,
            .scratch = by_slot || pass->kept[to] ? g->scratch : NULL,
            .scratch_stride = g->longest,
        };
        status = atau_propagate(pass->context, &matrix, &p, error);
        if (status == ADAPTAU_OK && pass->given[to])
            add_given(pass, to, base_scale, p.out);
    }
    return status;
}

struct atau_lightgcn_pass atau_lightgcn_pass(const struct atau_encoding *e, struct atau_lightgcn *g)
{
    struct atau_lightgcn_pass pass = {
        .context = e->tables->context,
        .g = g,
        .dim = e->tables->dim,
        .n_layers = g->n_layers,
        .start = atau_tables_raw(e->tables),
        .out = g->final,
        .left = {g->scale[USERS], g->scale[ITEMS]},
        .right = {g->scale[USERS], g->scale[ITEMS]},
        .edge_scale = 1.0f,
    };
    for (int32_t l = 0; l <= g->n_layers; l++)
        pass.coefficients[l] = 1.0f / (float)(g->n_layers + 1);
    return pass;
}

adaptau_status atau_lightgcn_walk_both(const struct atau_lightgcn_pass *pass, adaptau_error *error)
{
    adaptau_status status = walk(pass, USERS, error);
    return status == ADAPTAU_OK ? walk(pass, ITEMS, error) : status;
}

adaptau_status atau_lightgcn_make_room(const struct atau_encoding *e, struct atau_lightgcn *g, adaptau_error *error)
{
    adaptau_status status = make_final(e, g, error);
    return status == ADAPTAU_OK ? make_work(e, g, error) : status;
}

static struct atau_embeddings finals(const struct atau_encoding *e)
{
    const struct atau_lightgcn *g = e->state;
    return g->final;
}

static adaptau_status forward(const struct atau_encoding *e, adaptau_error *error)
{
    struct atau_lightgcn *g = e->state;
    adaptau_status        status = atau_lightgcn_make_room(e, g, error);
    if (status != ADAPTAU_OK)
        return status;
    struct atau_lightgcn_pass pass = atau_lightgcn_pass(e, g);
    return atau_lightgcn_walk_both(&pass, error);
}

static adaptau_status forward_step(struct atau_encoding *e, int64_t n, const int32_t *users, adaptau_error *error)
{
    struct atau_lightgcn *g = e->state;
    adaptau_status        status = atau_lightgcn_make_room(e, g, error);
    if (status == ADAPTAU_OK)
        status = make_gradients(e, g, error);
    if (status == ADAPTAU_OK)
        status = draw_step(e, g, error);
    if (status != ADAPTAU_OK)
        return status;
    struct atau_lightgcn_pass pass = atau_lightgcn_pass(e, g);
    pass.last.ids[USERS] = users;
    pass.last.n[USERS] = n;
    for (int side = 0; side < 2; side++) {
        pass.kept[side] = g->kept[side];
        pass.left[side] = g->taking[side] ? g->taking[side] : g->scale[side];
    }
    pass.edge_scale = (float)(1.0 / (1.0 - g->edge_dropout));
    return atau_lightgcn_walk_both(&pass, error);
}

static adaptau_status backward(struct atau_encoding *e, struct atau_row_gradients gradients[2], struct atau_row_gradients *own,
                               int32_t *user_slots, adaptau_error *error)
{
    struct atau_lightgcn                *g = e->state;
    const struct atau_row_gradients given = gradients[USERS];
    struct atau_lightgcn_pass            pass = atau_lightgcn_pass(e, g);
    (void)own;
    atau_clear_untouched(e, &gradients[ITEMS]);
    pass.start = pass.out =
        (struct atau_embeddings){.rows = {given.rows, gradients[ITEMS].rows}, .stride = {e->tables->dim, e->tables->dim}};
    pass.out.rows[USERS] = g->gradients;
    pass.given[USERS] = &given;
    pass.slots[USERS] = user_slots;
    pass.slot_scale[USERS] = g->slot_scale;
    for (int side = 0; side < 2; side++) {
        pass.kept[side] = g->kept[side];
        pass.right[side] = g->taking[side] ? g->taking[side] : g->scale[side];
    }
    pass.edge_scale = (float)(1.0 / (1.0 - g->edge_dropout));
    for (int64_t k = 0; k < given.n; k++)
        g->slot_scale[k] = pass.right[USERS][given.ids[k]];
    atau_slots_place(user_slots, given.n, given.ids);
    adaptau_status status = atau_lightgcn_walk_both(&pass, error);
    atau_slots_take_back(user_slots, given.n, given.ids);
    gradients[USERS] = (struct atau_row_gradients){g->n_rows[USERS], g->all, g->gradients, true};
    gradients[ITEMS] = (struct atau_row_gradients){g->n_rows[ITEMS], g->all, gradients[ITEMS].rows, true};
    return status;
}

static int32_t count_layers(const struct atau_encoding *e)
{
    const struct atau_lightgcn *g = e->state;
    return g->n_layers;
}

/* ---- new users --------------------------------------------------------------------------------------------------- */

/* (d_i + 1)^{-1/2}/(L + 1) Σ_{l<L} (Aˡ E⁰)_i: the items' half of a model with one layer less. */
static adaptau_status run_fold_starts(const struct atau_encoding *e, struct atau_lightgcn *g, float *out, adaptau_error *error)
{
    adaptau_status status = atau_lightgcn_make_room(e, g, error);
    if (status != ADAPTAU_OK)
        return status;
    struct atau_lightgcn_pass pass = atau_lightgcn_pass(e, g);
    pass.n_layers = g->n_layers - 1;
    pass.out = (struct atau_embeddings){.rows = {NULL, out}, .stride = {0, e->tables->dim}};
    const struct atau_table *items = &e->tables->side[ITEMS];
    if (pass.n_layers > 0)
        status = walk(&pass, ITEMS, error);
    for (int64_t i = 0; i < g->n_rows[ITEMS] && status == ADAPTAU_OK; i++) {
        float       *row = out + i * e->tables->dim;
        const double degree = (double)(g->ptr[ITEMS][i + 1] - g->ptr[ITEMS][i]);
        const float *from = pass.n_layers > 0 ? row : items->rows + i * items->stride;
        const double coefficient = pass.n_layers > 0 ? 1.0 : (double)pass.coefficients[0]; /* the walk has taken it */
        atau_kernels_of(e->tables->context)->scale(e->tables->dim, (float)(coefficient / sqrt(degree + 1.0)), from, row);
    }
    return status;
}

static adaptau_status fold_starts(const struct atau_encoding *e, float *out, double *exponent, adaptau_error *error)
{
    struct atau_lightgcn *g = e->state;
    if (e->loaded)
        return atau_fail(error, ADAPTAU_E_STATE, "the model was loaded, without its graph: make it by adaptau_model_load_checkpoint");
    adaptau_status status = atau_encoding_enter(e, error); /* walking takes the buffers of `forward` */
    if (status != ADAPTAU_OK)
        return status;
    status = run_fold_starts(e, g, out, error);
    atau_encoding_leave(e);
    *exponent = 0.5;
    return status;
}

/* ---- files ------------------------------------------------------------------------------------------------------- */

static void recall(const struct atau_encoding *e, adaptau_model_options *options)
{
    const struct atau_lightgcn *g = e->state;
    options->n_layers = g->n_layers;
    options->edge_dropout = g->edge_dropout;
    options->layer_dropout = g->layer_dropout;
}

static uint64_t *steps(const struct atau_encoding *e)
{
    struct atau_lightgcn *g = e->state;
    return &g->step;
}

static void describe(const struct atau_encoding *e, char text[ATAU_ENCODER_TEXT])
{
    const struct atau_lightgcn *g = e->state;
    snprintf(text, ATAU_ENCODER_TEXT, "layers=%d", g->n_layers);
}

static adaptau_status restore(struct atau_encoding *e, const char *text, const struct atau_encoding_view *view,
                              adaptau_error *error)
{
    static const char key[] = "layers=";
    const int32_t     digit = strncmp(text, key, sizeof key - 1) == 0 ? text[sizeof key - 1] - '0' : 0;
    if (digit < 1 || digit > ADAPTAU_MAX_LAYERS || text[sizeof key])
        return atau_fail(error, ADAPTAU_E_FORMAT, "lightgcn with \"%s\" is unknown to this version", text);
    adaptau_status status = make_state(e, digit, error);
    if (status != ADAPTAU_OK || !view)
        return status == ADAPTAU_OK ? make_final(e, e->state, error) : status;
    struct atau_lightgcn *g = e->state;
    g->final = view->final;
    g->final_is_viewed = true;
    return ADAPTAU_OK;
}

static const struct atau_encoder_views views = {
    .count_layers = count_layers,
    .forward = atau_lightgcn_forward_view,
    .backward = atau_lightgcn_backward_view,
};

const struct atau_encoder atau_encoder_lightgcn = {
    .number = ADAPTAU_ENCODER_LIGHTGCN,
    .name = "lightgcn",
    .check = check,
    .create = create,
    .destroy = destroy,
    .finals = finals,
    .forward = forward,
    .forward_step = forward_step,
    .backward = backward,
    .views = &views,
    .fold_starts = fold_starts,
    .folds_exactly = true,
    .recall = recall,
    .steps = steps,
    .describe = describe,
    .restore = restore,
};
