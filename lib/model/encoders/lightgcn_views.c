/* SPDX-License-Identifier: MIT */
/* Views of LightGCN. A view without noise is a polynomial in its graph and goes by Horner's rule like the final embeddings, and
 * so do the gradients of every view: noise depends on embeddings through their signs alone, which are constant almost
 * everywhere, so that the derivative is the polynomial itself. Forward, noise needs each layer as it is:
 *
 *     from the users:  E⁰ → layer 1 of the items → layer 2 of the users → ...        and the same from the items
 *
 * Both chains use the two buffers of the layers, and each layer's wanted rows are added up as they come. Where rows are wanted
 * alone, the last layer of a chain has only those. */
#include "model/encoders/lightgcn.h"

#include <math.h>
#include <string.h>

#include "common/error.h"
#include "common/pool.h"
#include "common/random.h"
#include "common/size.h"
#include "kernels/of_context.h"
#include "model/slots.h"

#define ROWS_PER_TASK 64

/* ---- memory -------------------------------------------------------------------------------------------------------- */

static void lay_out_views(const struct atau_encoding *e, struct atau_lightgcn *g)
{
    const size_t threads = (size_t)adaptau_context_n_threads(e->tables->context);
    g->noise = atau_arena_take(&g->views, threads, (uint64_t)e->tables->dim * sizeof(float));
    for (int side = 0; side < 2; side++) {
        g->slots[side] = atau_arena_take(&g->views, (uint64_t)g->n_rows[side], sizeof(int32_t));
        g->view_slot_scale[side] = atau_arena_take(&g->views, (uint64_t)g->n_rows[side], sizeof(float));
    }
}

static void lay_out_graphs(struct atau_lightgcn *g)
{
    for (int number = 0; number < 2; number++)
        for (int side = 0; side < 2; side++) {
            g->view[number].kept[side] =
                atau_arena_take(&g->view_graphs, ((uint64_t)g->n_edges + 31) / 32, sizeof(uint32_t));
            g->view[number].scale[side] = atau_arena_take(&g->view_graphs, (uint64_t)g->n_rows[side], sizeof(float));
        }
}

static adaptau_status make_room(const struct atau_encoding *e, struct atau_lightgcn *g, bool drops, adaptau_error *error)
{
    adaptau_status status = atau_lightgcn_make_room(e, g, error);
    if (status == ADAPTAU_OK && !g->views.block) {
        atau_arena_count(&g->views);
        lay_out_views(e, g);
        status = atau_arena_allocate(e->tables->context, &g->views, "the views", error);
        if (status != ADAPTAU_OK)
            return status;
        lay_out_views(e, g);
        for (int side = 0; side < 2; side++)
            memset(g->slots[side], 0xFF, (size_t)g->n_rows[side] * sizeof(int32_t));
    }
    if (status != ADAPTAU_OK || !drops || g->view_graphs.block)
        return status;
    atau_arena_count(&g->view_graphs);
    lay_out_graphs(g);
    status = atau_arena_allocate(e->tables->context, &g->view_graphs, "the graphs of the views", error);
    if (status == ADAPTAU_OK)
        lay_out_graphs(g);
    return status;
}

/* ---- the graph of a view ------------------------------------------------------------------------------------------- */

struct degrees {
    const int64_t  *ptr;
    const uint32_t *kept;
    int64_t         n;
    float          *scale;
};

static void scale_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct degrees *call = argument;
    (void)lane;
    for (int64_t r = first; r < end; r++) {
        int64_t degree = 0;
        for (int64_t e = call->ptr[r]; e < call->ptr[r + 1]; e++)
            degree += call->kept[e / 32] >> e % 32 & 1;
        call->scale[r] = degree > 0 ? (float)(1.0 / sqrt((double)degree)) : 0.0f;
    }
}

static adaptau_status draw_graph(const struct atau_encoding *e, struct atau_lightgcn *g, const struct atau_view *view,
                                 adaptau_error *error)
{
    struct atau_lightgcn_view *graph = &g->view[view->number];
    const uint64_t key = atau_lightgcn_draw_key(e->tables->seed, ATAU_RANDOM_VIEW_EDGES, view->step, (uint64_t)view->number);
    adaptau_status status = atau_lightgcn_draw_edges(e->tables->context, g, key, view->edge_dropout, graph->kept, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        struct degrees call = {g->ptr[side], graph->kept[side], g->n_rows[side], graph->scale[side]};
        status = atau_parallel_rows(e->tables->context, call.n, ROWS_PER_TASK, scale_rows, &call, error);
    }
    return status;
}

static struct atau_lightgcn_pass view_pass(const struct atau_encoding *e, struct atau_lightgcn *g, const struct atau_view *view)
{
    struct atau_lightgcn_pass pass = atau_lightgcn_pass(e, g);
    pass.n_layers = view->n_layers;
    memcpy(pass.coefficients, view->coefficients, sizeof pass.coefficients);
    for (int side = 0; side < 2 && view->edge_dropout > 0.0; side++) {
        pass.left[side] = pass.right[side] = g->view[view->number].scale[side];
        pass.kept[side] = g->view[view->number].kept[side];
    }
    return pass;
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

/* out_k = coefficient row_k, or out_k += coefficient row_k, over wanted rows of a table. */
struct collection {
    const struct atau_kernels *kernels;
    int64_t                    n, dim, stride;
    const int32_t             *ids; /* NULL: all */
    const float               *rows;
    float                      coefficient;
    bool                       adds;
    float                     *out;
};

static void collect_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct collection *c = argument;
    (void)lane;
    for (int64_t k = first; k < end; k++) {
        const float *row = c->rows + (c->ids ? c->ids[k] : k) * c->stride;
        if (c->adds)
            c->kernels->axpy(c->dim, c->coefficient, row, c->out + k * c->dim);
        else
            c->kernels->scale(c->dim, c->coefficient, row, c->out + k * c->dim);
    }
}

static adaptau_status collect(const struct atau_encoding *e, const struct atau_selection *wanted, int side, const float *rows,
                              int64_t stride, float coefficient, bool adds, float *out, adaptau_error *error)
{
    struct collection c = {.kernels = atau_kernels_of(e->tables->context),
                           .n = wanted->n[side],
                           .dim = e->tables->dim,
                           .stride = stride,
                           .ids = wanted->ids[side],
                           .rows = rows,
                           .coefficient = coefficient,
                           .adds = adds,
                           .out = out};
    return atau_parallel_rows(e->tables->context, c.n, ROWS_PER_TASK, collect_rows, &c, error);
}

/* ---- noise --------------------------------------------------------------------------------------------------------- */

struct perturbation {
    const struct atau_kernels *kernels;
    int64_t                    n, dim;
    const int32_t             *ids; /* NULL: all */
    uint64_t                   key;
    double                     noise;
    float                     *scratch; /* [threads x dim] */
    float                     *rows;
};

/* Add noise to a row: a vector of uniform numbers, brought to length ε, that goes the way of the row's signs. */
static void perturb_row(const struct perturbation *p, uint32_t id, float *scratch, float *row)
{
    for (int64_t k = 0; k < p->dim; k++)
        scratch[k] = (float)(atau_pair_random(p->key, id, (uint32_t)k) >> 8) * 0x1p-24f;
    const double squares = (double)p->kernels->dot(p->dim, scratch, scratch);
    const float  scale = squares > 0.0 ? (float)(p->noise / sqrt(squares)) : 0.0f;
    for (int64_t k = 0; k < p->dim; k++)
        row[k] += row[k] == 0.0f ? 0.0f : copysignf(scale * scratch[k], row[k]);
}

static void perturb_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct perturbation *p = argument;
    for (int64_t k = first; k < end; k++) {
        int64_t id = p->ids ? p->ids[k] : k;
        perturb_row(p, (uint32_t)id, p->scratch + lane * p->dim, p->rows + id * p->dim);
    }
}

static adaptau_status perturb(const struct atau_encoding *e, const struct atau_lightgcn *g, const struct atau_view *view,
                              int32_t layer, int side, int64_t n, const int32_t *ids, adaptau_error *error)
{
    const uint64_t      which = (uint64_t)view->number << 8 | (uint64_t)layer << 1 | (uint64_t)side;
    struct perturbation p = {.kernels = atau_kernels_of(e->tables->context),
                             .n = n,
                             .dim = e->tables->dim,
                             .ids = ids,
                             .key = atau_lightgcn_draw_key(e->tables->seed, ATAU_RANDOM_NOISE, view->step, which),
                             .noise = view->noise,
                             .scratch = g->noise,
                             .rows = g->work[side]};
    return atau_parallel_rows(e->tables->context, n, ROWS_PER_TASK, perturb_rows, &p, error);
}

/* The chain that begins at a side's raw rows; every layer's wanted rows are added to out. */
static adaptau_status walk_noisily(const struct atau_encoding *e, const struct atau_lightgcn_pass *pass,
                                   const struct atau_view *view, int begin, float *const out[2], adaptau_error *error)
{
    struct atau_lightgcn *g = pass->g;
    adaptau_status        status = ADAPTAU_OK;
    for (int32_t l = 1; l <= view->n_layers && status == ADAPTAU_OK; l++) {
        const int                     to = l % 2 ? !begin : begin, from = !to;
        const int32_t                *ids = l == view->n_layers ? pass->last.ids[to] : NULL;
        const int64_t                 n = ids ? pass->last.n[to] : g->n_rows[to];
        const struct atau_sparse      matrix = {g->n_rows[to],     g->ptr[to],        g->ids[to],
                                                pass->left[to],    pass->right[from], pass->kept[to],
                                                NULL};
        const struct atau_propagation p = {
            .dim = pass->dim,
            .x = l == 1 ? pass->start.rows[from] : g->work[from],
            .x_stride = l == 1 ? pass->start.stride[from] : pass->dim,
            .scale = 1.0f,
            .out = g->work[to],
            .out_stride = pass->dim,
            .n_rows = n,
            .rows = ids,
            .scratch = pass->kept[to] ? g->scratch : NULL,
            .scratch_stride = g->longest,
        };
        status = atau_propagate(e->tables->context, &matrix, &p, error);
        if (status == ADAPTAU_OK)
            status = perturb(e, g, view, l, to, n, ids, error);
        if (status == ADAPTAU_OK)
            status = collect(e, &pass->last, to, g->work[to], pass->dim, view->coefficients[l], true, out[to], error);
    }
    return status;
}

/* ---- the two directions --------------------------------------------------------------------------------------------- */

adaptau_status atau_lightgcn_forward_view(struct atau_encoding *e, const struct atau_view *view,
                                          const struct atau_selection *rows, float *const out[2], adaptau_error *error)
{
    struct atau_lightgcn *g = e->state;
    adaptau_status        status = make_room(e, g, view->edge_dropout > 0.0, error);
    if (status == ADAPTAU_OK && view->edge_dropout > 0.0)
        status = draw_graph(e, g, view, error);
    struct atau_lightgcn_pass pass = view_pass(e, g, view);
    pass.last = *rows;
    const struct atau_embeddings *from = view->noise > 0.0 ? &pass.start : &pass.out;
    const float                   coefficient = view->noise > 0.0 ? view->coefficients[0] : 1.0f;
    if (status == ADAPTAU_OK && view->noise == 0.0)
        status = atau_lightgcn_walk_both(&pass, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        status = collect(e, rows, side, from->rows[side], from->stride[side], coefficient, false, out[side], error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK && view->noise > 0.0; side++)
        status = walk_noisily(e, &pass, view, side, out, error);
    return status;
}

/* Rows of one side as the pass takes them: some by slot, or all. */
static void give(struct atau_lightgcn_pass *pass, struct atau_lightgcn *g, int side, const struct atau_row_gradients *given)
{
    pass->start.rows[side] = given->rows;
    pass->start.stride[side] = pass->dim;
    if (!given->ids)
        return;
    pass->given[side] = given;
    pass->slots[side] = g->slots[side];
    pass->slot_scale[side] = g->view_slot_scale[side];
    for (int64_t k = 0; k < given->n; k++)
        g->view_slot_scale[side][k] = pass->right[side][given->ids[k]];
    atau_slots_place(g->slots[side], given->n, given->ids);
}

static void take_back(struct atau_lightgcn *g, int side, const struct atau_row_gradients *given)
{
    if (given->ids)
        atau_slots_take_back(g->slots[side], given->n, given->ids);
}

adaptau_status atau_lightgcn_backward_view(struct atau_encoding *e, const struct atau_view *view,
                                           const struct atau_selection *rows, float *const gradients[2],
                                           struct atau_embeddings *out, adaptau_error *error)
{
    struct atau_lightgcn     *g = e->state;
    struct atau_row_gradients given[2];
    struct atau_lightgcn_pass pass = view_pass(e, g, view);
    for (int side = 0; side < 2; side++) {
        given[side] = (struct atau_row_gradients){rows->n[side], rows->ids[side], gradients[side], false};
        give(&pass, g, side, &given[side]);
    }
    adaptau_status status = atau_lightgcn_walk_both(&pass, error);
    for (int side = 0; side < 2; side++)
        take_back(g, side, &given[side]);
    *out = g->final;
    return status;
}
