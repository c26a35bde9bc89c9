/* SPDX-License-Identifier: MIT */
/* Contrast between views, and with prototypes. For each side the wanted rows of the two views are laid out one behind the other, and
 * InfoNCE is the softmax over a catalogue, the second view's rows, in which row r of the first has one positive. What comes
 * back are gradients of the same rows; the encoder takes them to the raw tables. Views that differ in their noise alone have
 * the same derivative, so that their gradients are added up first and go back once.
 *
 * Nothing is added to the model's gradients before everything that can fail for want of memory or by a number has been done. */
#include "model/contrast.h"

#include <math.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/random.h"
#include "common/size.h"
#include "kernels/batch.h"
#include "kernels/of_context.h"

#define KINDS 3
#define INIT "adaptau_contrast_options_init"
#define DEFAULT_NODES 2048 /* as many as a batch of 2048 pairs can have, which is the authors' size */
#define ROWS_PER_TASK 256

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

/* One side of a term. Row k of `first` is node ids[k] in the first view, and row places[k] of `second` is the same node. */
struct contrast_side {
    int64_t  n; /* nodes */
    int64_t  n_second; /* n, or all rows of the side */
    int32_t *ids; /* [n] ascending */
    int32_t *places; /* [n] k, or ids[k] where `second` has all rows */
    int32_t *clusters; /* [n] their prototypes; with prototypes */
    int64_t *ptr; /* [n + 1] 0, 1, 2, ...: each row has one positive */
    float   *weights; /* [n] of a row's InfoNCE */
    float   *first, *second; /* [n x d], [n_second x d] */
    float   *first_gradients, *second_gradients;
    float   *raw, *raw_gradients; /* [n x d] E⁰; with prototypes */
};

/* One call. */
struct term {
    struct atau_contrast         *state;
    const struct atau_prototypes *prototypes;
    const struct atau_raw_tables *tables;
    struct atau_encoding         *encoding;
    struct atau_gradients        *gradients;
    adaptau_contrast_options      options;
    adaptau_batch                 batch;
    struct contrast_side          side[2];
    struct atau_view         views[2]; /* NCL has the first alone: its second are raw rows */
    struct atau_selection    first, second;
    double                   loss;
};

void atau_contrast_free(struct atau_contrast *contrast, adaptau_context *context)
{
    atau_arena_free(context, &contrast->marks);
    atau_arena_free(context, &contrast->rows);
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

static adaptau_status check_number(const char *name, double value, double least, double below, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", name, value);
    if (value < least || value >= below)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside [%g, %g)", name, value, least, below);
    return ADAPTAU_OK;
}

static adaptau_status check_kind(const adaptau_contrast_options *o, adaptau_error *error)
{
    static const char *const names[KINDS] = {"ADAPTAU_CONTRAST_SGL", "ADAPTAU_CONTRAST_SIMGCL", "ADAPTAU_CONTRAST_NCL"};
    const struct {
        const char *name;
        double      value;
        int32_t     kind;
    } owned[] = {{"edge_dropout", o->edge_dropout, ADAPTAU_CONTRAST_SGL},
                 {"noise", o->noise, ADAPTAU_CONTRAST_SIMGCL},
                 {"layer", (double)o->layer, ADAPTAU_CONTRAST_NCL},
                 {"prototype_weight", o->prototype_weight, ADAPTAU_CONTRAST_NCL}};
    if (o->kind < 0 || o->kind >= KINDS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->kind = %d is unknown", o->kind);
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++)
        if (owned[i].value != 0.0 && owned[i].kind != o->kind)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g, but it belongs to %s", owned[i].name, owned[i].value,
                             names[owned[i].kind]);
    return ADAPTAU_OK;
}

adaptau_contrast_options atau_contrast_defaults(int32_t kind)
{
    return (adaptau_contrast_options){
        .struct_size = sizeof(adaptau_contrast_options),
        .kind = kind,
        .n_nodes = DEFAULT_NODES,
        .tau = kind == ADAPTAU_CONTRAST_NCL ? 0.1 : 0.2,
        .weight = 0.1,
        .item_weight = 1.0,
        .edge_dropout = kind == ADAPTAU_CONTRAST_SGL ? 0.1 : 0.0,
        .noise = kind == ADAPTAU_CONTRAST_SIMGCL ? 0.1 : 0.0,
        .layer = kind == ADAPTAU_CONTRAST_NCL ? 2 : 0,
    };
}

adaptau_status adaptau_contrast_options_init(adaptau_contrast_options *options, int32_t kind, adaptau_error *error)
{
    if (kind < 0 || kind >= KINDS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "kind = %d is unknown", kind);
    const adaptau_contrast_options defaults = atau_contrast_defaults(kind);
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

adaptau_status atau_contrast_check_options(const adaptau_contrast_options *o, adaptau_error *error)
{
    if (o->flags & ~ADAPTAU_CONTRAST_ALL_NODES)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->flags = 0x%x has unknown bits", o->flags);
    if (o->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->reserved = %d, not 0", o->reserved);
    if (o->n_nodes == 0)
        return atau_fail_zero(error, "options->n_nodes", "at least 1", INIT);
    if (o->n_nodes < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_nodes = %d is negative", o->n_nodes);
    if (o->layer < 0 || o->layer > ADAPTAU_MAX_LAYERS || o->layer % 2)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->layer = %d is not an even number up to %d", o->layer,
                         ADAPTAU_MAX_LAYERS);
    adaptau_status status = check_kind(o, error);
    if (status == ADAPTAU_OK && o->kind == ADAPTAU_CONTRAST_NCL && o->layer == 0)
        status = atau_fail_zero(error, "options->layer", "at least 2", INIT);
    if (status == ADAPTAU_OK && o->tau == 0.0)
        status = atau_fail_zero(error, "options->tau", "above 0", INIT);
    if (status == ADAPTAU_OK)
        status = check_number("tau", o->tau, 0.0, 1e6, error);
    if (status == ADAPTAU_OK)
        status = check_number("weight", o->weight, 0.0, 1e6, error);
    if (status == ADAPTAU_OK)
        status = check_number("item_weight", o->item_weight, 0.0, 1e6, error);
    if (status == ADAPTAU_OK)
        status = check_number("edge_dropout", o->edge_dropout, 0.0, 1.0, error);
    if (status == ADAPTAU_OK)
        status = check_number("noise", o->noise, 0.0, 1e6, error);
    if (status == ADAPTAU_OK)
        status = check_number("prototype_weight", o->prototype_weight, 0.0, 1e6, error);
    return status;
}

adaptau_status atau_contrast_check_encoder(const struct atau_encoder *encoder, adaptau_error *error)
{
    if (encoder->views)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_UNSUPPORTED, "the encoder \"%s\" has no layers to make views of", encoder->name);
}

/* ---- views ------------------------------------------------------------------------------------------------------- */

static void set_views(struct term *t)
{
    const adaptau_contrast_options *o = &t->options;
    const int32_t                   layers = t->encoding->encoder->views->count_layers(t->encoding);
    for (int v = 0; v < 2; v++) {
        struct atau_view *view = &t->views[v];
        *view = (struct atau_view){.step = t->state->step & UINT64_C(0xFFFFFFFFFFFF),
                                   .number = v,
                                   .n_layers = o->kind == ADAPTAU_CONTRAST_NCL ? o->layer : layers,
                                   .edge_dropout = o->edge_dropout,
                                   .noise = o->noise};
        for (int32_t l = 0; l <= view->n_layers; l++)
            if (o->kind == ADAPTAU_CONTRAST_SGL)
                view->coefficients[l] = 1.0f / (float)(layers + 1);
            else if (o->kind == ADAPTAU_CONTRAST_SIMGCL)
                view->coefficients[l] = l > 0 ? 1.0f / (float)layers : 0.0f;
            else
                view->coefficients[l] = l == view->n_layers ? 1.0f : 0.0f;
    }
}

/* ---- nodes ------------------------------------------------------------------------------------------------------- */

static int64_t n_positives(const adaptau_batch *batch)
{
    return batch->positive_ptr[batch->n_rows];
}

/* One byte for each node of a side: 1 where the batch has it. Answers how many it has. */
static int64_t mark_nodes(const struct term *t, int side, unsigned char *marks)
{
    const adaptau_batch *batch = &t->batch;
    const int64_t        n = side == USERS ? batch->n_rows : n_positives(batch);
    const int32_t       *ids = side == USERS ? batch->users : batch->positives;
    int64_t              distinct = 0;
    memset(marks, 0, (size_t)t->tables->side[side].n_rows);
    for (int64_t k = 0; k < n; k++) {
        unsigned char *mark = &marks[ids ? ids[k] : k];
        distinct += !*mark;
        *mark = 1;
    }
    return distinct;
}

/* All marked nodes, or as many as are wanted, every set of that size equally likely. */
static void list_nodes(struct term *t, int side, const unsigned char *marks, int64_t distinct)
{
    struct contrast_side *s = &t->side[side];
    struct atau_stream    stream;
    atau_stream_start(&stream, t->tables->seed, ATAU_RANDOM_NODES, t->views[0].step, (uint64_t)side);
    for (int64_t id = 0, taken = 0; taken < s->n; id++) {
        if (!marks[id])
            continue;
        if (distinct == s->n - taken || atau_stream_below(&stream, (uint32_t)distinct) < (uint32_t)(s->n - taken))
            s->ids[taken++] = (int32_t)id;
        distinct--;
    }
}

static bool takes_all(const struct term *t)
{
    return (t->options.flags & ADAPTAU_CONTRAST_ALL_NODES) != 0;
}

static void lay_out_side(const struct term *t, struct contrast_side *s, struct atau_arena *arena)
{
    const size_t n = (size_t)s->n, row = (size_t)t->tables->dim * sizeof(float);
    const bool   ncl = t->options.kind == ADAPTAU_CONTRAST_NCL, prototypes = t->options.prototype_weight > 0.0;
    s->ids = atau_arena_take(arena, n, sizeof(int32_t));
    s->places = atau_arena_take(arena, n, sizeof(int32_t));
    s->ptr = atau_arena_take(arena, n + 1, sizeof(int64_t));
    s->weights = atau_arena_take(arena, n, sizeof(float));
    s->first = atau_arena_take(arena, n, row);
    s->second = ncl && takes_all(t) ? NULL : atau_arena_take(arena, (uint64_t)s->n_second, row);
    s->first_gradients = atau_arena_take(arena, n, row);
    s->second_gradients = atau_arena_take(arena, (uint64_t)s->n_second, row);
    s->clusters = prototypes ? atau_arena_take(arena, n, sizeof(int32_t)) : NULL;
    s->raw = !prototypes ? NULL : s->second ? s->second : atau_arena_take(arena, n, row);
    s->raw_gradients = prototypes ? atau_arena_take(arena, n, row) : NULL;
}

static void lay_out(struct term *t)
{
    for (int side = 0; side < 2; side++)
        lay_out_side(t, &t->side[side], &t->state->rows);
}

static void fill_side(struct term *t, int side)
{
    struct contrast_side *s = &t->side[side];
    const bool            all = takes_all(t);
    for (int64_t k = 0; k <= s->n; k++)
        s->ptr[k] = k;
    for (int64_t k = 0; k < s->n; k++) {
        s->places[k] = all ? s->ids[k] : (int32_t)k;
        if (s->clusters)
            s->clusters[k] = t->prototypes->clusters[side][s->ids[k]];
    }
    t->first.n[side] = s->n;
    t->first.ids[side] = s->ids;
    t->second.n[side] = s->n_second;
    t->second.ids[side] = all ? NULL : s->ids;
}

/* Which nodes are contrasted, and room for their rows. */
static adaptau_status choose_nodes(struct term *t, adaptau_error *error)
{
    struct atau_contrast *c = t->state;
    unsigned char        *marks[2];
    int64_t               distinct[2];
    atau_arena_count(&c->marks);
    for (int side = 0; side < 2; side++)
        atau_arena_take(&c->marks, (uint64_t)t->tables->side[side].n_rows, 1);
    adaptau_status status = atau_arena_allocate(t->tables->context, &c->marks, "the nodes of the batch", error);
    if (status != ADAPTAU_OK)
        return status;
    for (int side = 0; side < 2; side++) {
        const int64_t rows = t->tables->side[side].n_rows;
        marks[side] = atau_arena_take(&c->marks, (uint64_t)rows, 1);
        distinct[side] = mark_nodes(t, side, marks[side]);
        t->side[side].n = atau_min_i64(t->options.n_nodes, distinct[side]);
        t->side[side].n_second = takes_all(t) ? rows : t->side[side].n;
    }
    atau_arena_count(&c->rows);
    lay_out(t);
    status = atau_arena_allocate(t->tables->context, &c->rows, "the rows that are contrasted", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(t);
    for (int side = 0; side < 2; side++) {
        list_nodes(t, side, marks[side], distinct[side]);
        fill_side(t, side);
    }
    return ADAPTAU_OK;
}

/* ---- rows of tables ---------------------------------------------------------------------------------------------- */

/* Rows from here to there: copied or added. */
struct transfer {
    const struct atau_kernels *kernels;
    int64_t                    n, dim;
    const float               *from;
    int64_t                    from_stride;
    const int32_t             *from_ids; /* NULL: 0, 1, 2, ... */
    float                     *to;
    const int32_t             *to_ids; /* NULL: the same; each once */
    bool                       adds;
};

static void transfer_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct transfer *call = argument;
    (void)lane;
    for (int64_t k = first; k < end; k++) {
        const float *from = call->from + (call->from_ids ? call->from_ids[k] : k) * call->from_stride;
        float       *to = call->to + (call->to_ids ? call->to_ids[k] : k) * call->dim;
        if (call->adds)
            call->kernels->axpy(call->dim, 1.0f, from, to);
        else
            memcpy(to, from, (size_t)call->dim * sizeof(float));
    }
}

static adaptau_status copy_raw_rows(const struct term *t, int side, const struct contrast_side *s, float *out,
                                    adaptau_error *error)
{
    const struct atau_embeddings raw = atau_tables_raw(t->tables);
    struct transfer              call = {.n = s->n,
                                         .dim = t->tables->dim,
                                         .from = raw.rows[side],
                                         .from_stride = raw.stride[side],
                                         .from_ids = s->ids,
                                         .to = out};
    return atau_parallel_rows(t->tables->context, call.n, ROWS_PER_TASK, transfer_rows, &call, error);
}

/* to[ids[k]] += from[k] */
static adaptau_status add_rows(const struct term *t, int64_t n, const float *from, int64_t stride, const int32_t *ids,
                               float *to, adaptau_error *error)
{
    struct transfer call = {.kernels = atau_kernels_of(t->tables->context),
                            .n = n,
                            .dim = t->tables->dim,
                            .from = from,
                            .from_stride = stride,
                            .to = to,
                            .to_ids = ids,
                            .adds = true};
    return atau_parallel_rows(t->tables->context, n, ROWS_PER_TASK, transfer_rows, &call, error);
}

/* ---- InfoNCE ----------------------------------------------------------------------------------------------------- */

static double weight_of_batch(const adaptau_batch *batch)
{
    double weight = 0.0;
    for (int64_t r = 0; r < batch->n_rows; r++)
        weight += atau_batch_row_weight(batch, r);
    return weight;
}

/* Add the InfoNCE of a side's rows against `second`: its mean, times the weight of the term and that of the batch. */
static adaptau_status contrast(struct term *t, int side, double weight, const float *first, const adaptau_tables *second,
                               const int32_t *places, float *first_gradients, float *second_gradients, adaptau_error *error)
{
    struct contrast_side *s = &t->side[side];
    const double          share = weight * weight_of_batch(&t->batch);
    adaptau_tables        tables = *second;
    if (s->n == 0)
        return ADAPTAU_OK;
    for (int64_t k = 0; k < s->n; k++)
        s->weights[k] = (float)(share / (double)s->n);
    tables.flags = ADAPTAU_NORMALISE_BOTH | (t->tables->bfloat16 ? ADAPTAU_BFLOAT16 : 0);
    tables.users = first;
    tables.user_stride = t->tables->dim;
    tables.n_users = (int32_t)s->n;
    const adaptau_batch            batch = {.struct_size = sizeof batch,
                                            .n_rows = (int32_t)s->n,
                                            .candidates = ADAPTAU_CANDIDATES_CATALOGUE,
                                            .positive_ptr = s->ptr,
                                            .positives = places,
                                            .row_weights = s->weights};
    const adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = (float)t->options.tau};
    adaptau_loss_output         output = {
                .struct_size = sizeof output, .user_gradients = first_gradients, .item_gradients = second_gradients};
    adaptau_status status =
        atau_loss_gradients_in(t->tables->context, &t->gradients->workspace, &tables, &batch, &tau, NULL, NULL, &output, error);
    t->loss += output.loss;
    return status;
}

static adaptau_tables table(const struct term *t, int64_t n, const float *rows, int64_t stride)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .dim = t->tables->dim,
                            .n_items = (int32_t)n,
                            .items = rows,
                            .item_stride = stride};
}

static adaptau_status make_views(struct term *t, adaptau_error *error)
{
    struct contrast_side *users = &t->side[USERS], *items = &t->side[ITEMS];
    float *const          first[2] = {users->first, items->first}, *const second[2] = {users->second, items->second};
    adaptau_status        status = ADAPTAU_OK;
    if (t->options.weight > 0.0)
        status = atau_encoding_forward_view(t->encoding, &t->views[0], &t->first, first, error);
    if (status == ADAPTAU_OK && t->options.weight > 0.0 && t->options.kind != ADAPTAU_CONTRAST_NCL)
        status = atau_encoding_forward_view(t->encoding, &t->views[1], &t->second, second, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK && t->options.kind == ADAPTAU_CONTRAST_NCL; side++) {
        struct contrast_side *s = &t->side[side];
        if (s->second || s->raw)
            status = copy_raw_rows(t, side, s, s->second ? s->second : s->raw, error);
    }
    return status;
}

static adaptau_status contrast_views(struct term *t, int side, adaptau_error *error)
{
    struct contrast_side        *s = &t->side[side];
    const struct atau_embeddings raw = atau_tables_raw(t->tables);
    const adaptau_tables         second = s->second ? table(t, s->n_second, s->second, t->tables->dim)
                                                    : table(t, s->n_second, raw.rows[side], raw.stride[side]);
    const double weight = t->options.weight * (side == ITEMS ? t->options.item_weight : 1.0);
    return contrast(t, side, weight, s->first, &second, s->places, s->first_gradients, s->second_gradients, error);
}

static adaptau_status contrast_prototypes(struct term *t, int side, adaptau_error *error)
{
    struct contrast_side *s = &t->side[side];
    const adaptau_tables  second = table(t, t->prototypes->n, t->prototypes->centroids[side], t->tables->dim);
    return contrast(t, side, t->options.prototype_weight, s->raw, &second, s->clusters, s->raw_gradients, NULL, error);
}

/* ---- back to the raw tables -------------------------------------------------------------------------------------- */

static adaptau_status take_back(struct term *t, const struct atau_view *view, const struct atau_selection *rows,
                                float *const gradients[2], adaptau_error *error)
{
    struct atau_embeddings raw;
    adaptau_status         status = atau_encoding_backward_view(t->encoding, view, rows, gradients, &raw, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        status = add_rows(t, t->tables->side[side].n_rows, raw.rows[side], raw.stride[side], NULL,
                          t->gradients->of[side].rows, error);
    return status;
}

/* Add the first view's gradients to the second's, where both views are the same function but for noise. */
static adaptau_status merge_views(const struct term *t, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        const struct contrast_side *s = &t->side[side];
        status = add_rows(t, s->n, s->first_gradients, t->tables->dim, s->places, s->second_gradients, error);
    }
    return status;
}

static adaptau_status add_views(struct term *t, adaptau_error *error)
{
    const struct contrast_side *users = &t->side[USERS], *items = &t->side[ITEMS];
    float *const                first[2] = {users->first_gradients, items->first_gradients};
    float *const                second[2] = {users->second_gradients, items->second_gradients};
    const bool                  merges = t->options.kind == ADAPTAU_CONTRAST_SIMGCL;
    adaptau_status status = merges ? merge_views(t, error) : take_back(t, &t->views[0], &t->first, first, error);
    if (status == ADAPTAU_OK && t->options.kind != ADAPTAU_CONTRAST_NCL)
        return take_back(t, &t->views[1], &t->second, second, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++)
        status = add_rows(t, t->second.n[side], second[side], t->tables->dim, t->second.ids[side],
                          t->gradients->of[side].rows, error);
    return status;
}

static adaptau_status add_prototypes(const struct term *t, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        const struct contrast_side *s = &t->side[side];
        status = add_rows(t, s->n, s->raw_gradients, t->tables->dim, s->ids, t->gradients->of[side].rows, error);
    }
    return status;
}

/* ---- the call ---------------------------------------------------------------------------------------------------- */

static adaptau_status run_term(struct term *t, adaptau_error *error)
{
    const bool     views = t->options.weight > 0.0, prototypes = t->options.prototype_weight > 0.0;
    adaptau_status status = choose_nodes(t, error);
    if (status == ADAPTAU_OK)
        status = make_views(t, error);
    for (int side = 0; side < 2 && status == ADAPTAU_OK; side++) {
        if (views)
            status = contrast_views(t, side, error);
        if (prototypes && status == ADAPTAU_OK)
            status = contrast_prototypes(t, side, error);
    }
    if (views && status == ADAPTAU_OK)
        status = add_views(t, error);
    if (prototypes && status == ADAPTAU_OK)
        status = add_prototypes(t, error);
    return status;
}

adaptau_status atau_contrast_add(struct atau_contrast *contrast, const struct atau_prototypes *prototypes,
                                 struct atau_encoding *encoding, struct atau_gradients *gradients, const adaptau_batch *batch,
                                 const adaptau_contrast_options *options, double *loss, adaptau_error *error)
{
    struct term t = {.state = contrast,
                     .prototypes = prototypes,
                     .tables = encoding->tables,
                     .encoding = encoding,
                     .gradients = gradients,
                     .options = *options,
                     .batch = *batch};
    if (options->prototype_weight > 0.0 && prototypes->n == 0)
        return atau_fail(error, ADAPTAU_E_STATE, "the model has no prototypes: adaptau_model_update_prototypes comes first");
    set_views(&t);
    adaptau_status status = run_term(&t, error);
    if (status == ADAPTAU_OK) {
        contrast->step++;
        *loss = t.loss;
    }
    return status;
}
