/* SPDX-License-Identifier: MIT */
/* Contrastive terms: loss and gradients against central differences of the whole term, written down once more in double
 * precision with dense matrices, and what the calls promise beyond that. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/small_world.h"
#include "../support/suite.h"
#include "common/random.h"
#include "core/kmeans.h"

#define ROWS 5
#define PROTOTYPES 3
#define SEED 3

static const int32_t row_users[ROWS] = {3, 0, 7, 3, 8}, row_positives[7] = {0, 5, 1, 2, 5, 4, 6};
static const int64_t row_ptr[ROWS + 1] = {0, 2, 4, 5, 6, 7};
static const float   row_weights[ROWS] = {1.0f, 0.5f, 2.0f, 0.25f, 0.75f};

static void open_graph(struct small *s, adaptau_model_options options)
{
    options = full_model_options(options);
    options.encoder = ADAPTAU_ENCODER_LIGHTGCN;
    options.seed = SEED;
    open_small(s, options, (adaptau_temperature_options){0});
    OK(adaptau_model_update_temperature(s->model, s->temperature, &error));
}

static adaptau_batch small_batch(void)
{
    return (adaptau_batch){.struct_size = sizeof(adaptau_batch),
                           .n_rows = ROWS,
                           .users = row_users,
                           .positive_ptr = row_ptr,
                           .positives = row_positives,
                           .row_weights = row_weights};
}

/* ---- the same in double precision ---------------------------------------------------------------------------------- */

static uint64_t key_of(int domain, uint64_t step, uint64_t which)
{
    struct atau_stream stream;
    atau_stream_start(&stream, SEED, domain, step, which);
    uint64_t high = atau_stream_next(&stream);
    return high << 32 | atau_stream_next(&stream);
}

/* D^{-1/2} [0 R; Rᵀ 0] D^{-1/2} of the edges that are left. */
static void make_graph(double dropout, uint64_t step, int view, double a[NODES][NODES])
{
    double   degree[NODES] = {0};
    uint64_t key = key_of(ATAU_RANDOM_VIEW_EDGES, step, (uint64_t)view);
    memset(a, 0, sizeof(double[NODES][NODES]));
    for (int p = 0; p < PAIRS; p++) {
        uint32_t u = (uint32_t)pair_users[p], i = (uint32_t)pair_items[p];
        if ((double)atau_pair_random(key, u, i) < dropout * 0x1p32)
            continue;
        a[u][N + i] = a[N + i][u] = 1.0;
        degree[u] += 1.0;
        degree[N + i] += 1.0;
    }
    for (int r = 0; r < NODES; r++)
        for (int c = 0; c < NODES; c++)
            a[r][c] = a[r][c] > 0.0 ? 1.0 / sqrt(degree[r] * degree[c]) : 0.0;
}

static void add_noise(double noise, uint64_t step, int view, int layer, double rows[NODES][D])
{
    for (int r = 0; r < NODES; r++) {
        int      side = r >= N;
        uint64_t key = key_of(ATAU_RANDOM_NOISE, step, (uint64_t)(view * 256 + layer * 2 + side));
        double   delta[D], squares = 0.0;
        for (int k = 0; k < D; k++) {
            delta[k] = (atau_pair_random(key, (uint32_t)(side ? r - N : r), (uint32_t)k) >> 8) * 0x1p-24;
            squares += delta[k] * delta[k];
        }
        for (int k = 0; k < D; k++)
            rows[r][k] += noise * (double)((rows[r][k] > 0.0) - (rows[r][k] < 0.0)) * delta[k] / sqrt(squares);
    }
}

/* Σ_l coefficient[l] E_l */
static void make_view(const adaptau_contrast_options *o, int layers, uint64_t step, int view, double raw[NODES][D],
                      double out[NODES][D])
{
    const bool ncl = o->kind == ADAPTAU_CONTRAST_NCL, sgl = o->kind == ADAPTAU_CONTRAST_SGL;
    double     a[NODES][NODES], layer[NODES][D], next[NODES][D];
    make_graph(sgl ? o->edge_dropout : 0.0, step, view, a);
    memcpy(layer, raw, sizeof layer);
    for (int l = 0; l <= (ncl ? o->layer : layers); l++) {
        double coefficient = ncl ? l == o->layer : sgl ? 1.0 / (layers + 1) : l ? 1.0 / layers : 0.0;
        if (l > 0) {
            memset(next, 0, sizeof next);
            for (int r = 0; r < NODES; r++)
                for (int c = 0; c < NODES; c++)
                    for (int k = 0; k < D; k++)
                        next[r][k] += a[r][c] * layer[c][k];
            memcpy(layer, next, sizeof layer);
            if (o->kind == ADAPTAU_CONTRAST_SIMGCL)
                add_noise(o->noise, step, view, l, layer);
        }
        for (int i = 0; i < NODES * D; i++)
            out[i / D][i % D] = (l ? out[i / D][i % D] : 0.0) + coefficient * layer[i / D][i % D];
    }
}

static double cosine(const double *x, const double *y)
{
    double dot = 0.0, xx = 0.0, yy = 0.0;
    for (int k = 0; k < D; k++) {
        dot += x[k] * y[k];
        xx += x[k] * x[k];
        yy += y[k] * y[k];
    }
    return xx > 0.0 && yy > 0.0 ? dot / sqrt(xx * yy) : 0.0;
}

/* Mean over nodes of InfoNCE against `second`, whose row own[x] is node x's; those in `among` count, or all if NULL. */
static double contrast(double tau, int n, const int *nodes, double first[][D], double second[][D], int n_second,
                       const bool *among, const int *own)
{
    double loss = 0.0;
    for (int x = 0; x < n; x++) {
        double sum = 0.0;
        for (int y = 0; y < n_second; y++)
            sum += !among || among[y] ? exp(cosine(first[nodes[x]], second[y]) / tau) : 0.0;
        loss += log(sum) - cosine(first[nodes[x]], second[own[nodes[x]]]) / tau;
    }
    return loss / n;
}

struct truth {
    adaptau_contrast_options options;
    int                      layers;
    uint64_t                 step;
    double                   centroids[2][PROTOTYPES][D];
    int                      clusters[2][N];
};

/* Distinct nodes of the batch, or the drawn ones of them. */
static int list_nodes(const struct truth *t, int side, int *nodes)
{
    bool               has[N] = {false};
    int                n = 0, taken = 0;
    struct atau_stream stream;
    for (int r = 0; r < (side ? 7 : ROWS); r++)
        has[side ? row_positives[r] : row_users[r]] = true;
    for (int x = 0; x < N; x++)
        n += has[x];
    int wanted = t->options.n_nodes && t->options.n_nodes < n ? t->options.n_nodes : n;
    atau_stream_start(&stream, SEED, ATAU_RANDOM_NODES, t->step, (uint64_t)side);
    for (int x = 0; taken < wanted; x++)
        if (has[x]) {
            if (n == wanted - taken || (int)atau_stream_below(&stream, (uint32_t)n) < wanted - taken)
                nodes[taken++] = x;
            n--;
        }
    return wanted;
}

static double term(const struct truth *t, double raw[NODES][D])
{
    static const int                self[N] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    const adaptau_contrast_options *o = &t->options;
    double                          first[NODES][D], second[NODES][D], weight = 0.0, sum = 0.0;
    make_view(o, t->layers, t->step, 0, raw, first);
    make_view(o, t->layers, t->step, 1, raw, second);
    if (o->kind == ADAPTAU_CONTRAST_NCL)
        memcpy(second, raw, sizeof second);
    for (int r = 0; r < ROWS; r++)
        weight += (double)row_weights[r] * (double)(row_ptr[r + 1] - row_ptr[r]);
    for (int side = 0; side < 2; side++) {
        const int  at = side ? N : 0;
        int        nodes[N], n = list_nodes(t, side, nodes);
        bool       among[N] = {false};
        for (int x = 0; x < n; x++)
            among[nodes[x]] = true;
        const bool *some = o->flags & ADAPTAU_CONTRAST_ALL_NODES ? NULL : among;
        double      alpha = side ? o->item_weight : 1.0;
        if (o->weight > 0.0)
            sum += alpha * o->weight *
                   contrast(o->tau, n, nodes, first + at, second + at, side ? M : N, some, self);
        if (o->prototype_weight > 0.0)
            sum += o->prototype_weight *
                   contrast(o->tau, n, nodes, raw + at, (double(*)[D])t->centroids[side], PROTOTYPES, NULL,
                            t->clusters[side]);
    }
    return weight * sum;
}

static void read_prototypes(const struct small *s, struct truth *t)
{
    for (int side = 0; side < 2; side++) {
        float              centroids[PROTOTYPES * D];
        int32_t            nearest[N];
        struct atau_stream stream;
        struct atau_kmeans problem = {side ? M : N, D, side ? s->items : s->users, D, PROTOTYPES, &stream};
        atau_stream_start(&stream, SEED, ATAU_RANDOM_PROTOTYPES, 0, (uint64_t)side);
        OK(atau_kmeans_run(s->context, &problem, centroids, nearest, &error));
        for (int i = 0; i < PROTOTYPES * D; i++)
            t->centroids[side][i / D][i % D] = (double)centroids[i];
        for (int r = 0; r < problem.n; r++)
            t->clusters[side][r] = nearest[r];
    }
}

static void read_gradients(const struct small *s, double out[NODES][D])
{
    adaptau_gradient_view view = {.struct_size = sizeof view};
    OK(adaptau_model_get_gradient_view(s->model, &view, &error));
    ck_assert_int_eq(view.n_users, N);
    ck_assert_int_eq(view.n_items, M);
    for (int i = 0; i < NODES * D; i++)
        out[i / D][i % D] = (double)(i < N * D ? view.users[i] : view.items[i - N * D]);
}

static void expect_gradients(const struct truth *t, double raw[NODES][D], double before[NODES][D], double after[NODES][D])
{
    for (int i = 0; i < NODES * D; i++) {
        double *cell = &raw[i / D][i % D], at = *cell, sides[2];
        for (int side = 0; side < 2; side++) {
            *cell = at + (side ? 1e-5 : -1e-5);
            sides[side] = term(t, raw);
        }
        *cell = at;
        double want = (sides[1] - sides[0]) / 2e-5, got = after[i / D][i % D] - before[i / D][i % D];
        if (fabs(got - want) > 1e-4 * fmax(1.0, fabs(want)))
            ck_abort_msg("step %d, entry %d: %.9g, not %.9g", (int)t->step, i, got, want);
    }
}

static void check_term(struct truth t, adaptau_model_options options)
{
    struct small  s;
    adaptau_batch batch = small_batch();
    double        raw[NODES][D], before[NODES][D], after[NODES][D], loss;
    options.n_layers = t.layers;
    open_graph(&s, options);
    if (t.options.prototype_weight > 0.0) {
        OK(adaptau_model_update_prototypes(s.model, PROTOTYPES, &error));
        read_prototypes(&s, &t);
    }
    read_raw(&s, raw);
    for (t.step = 0; t.step < 3; t.step++) { /* other draws in every step                                          */
        OK(adaptau_model_gradients(s.model, &batch, s.temperature, NULL, &error));
        read_gradients(&s, before);
        OK(adaptau_model_contrast(s.model, &batch, &t.options, &loss, &error));
        read_gradients(&s, after);
        double want = term(&t, raw);
        ck_assert_msg(fabs(loss - want) < 2e-6 * fmax(1.0, want), "loss %.9g, not %.9g", loss, want);
        expect_gradients(&t, raw, before, after);
    }
    close_small(&s);
}

/* _i: layers 1 to 4; the kinds, NCL with prototypes and without; the batch's nodes or all. */
START_TEST(gradients_are_central_differences_of_the_whole_term)
{
    static const adaptau_contrast_options kinds[] = {
        {.kind = ADAPTAU_CONTRAST_SGL, .edge_dropout = 0.3, .tau = 0.2, .weight = 0.4, .item_weight = 1.0},
        {.kind = ADAPTAU_CONTRAST_SIMGCL, .noise = 0.2, .tau = 0.3, .weight = 0.7, .item_weight = 0.5},
        {.kind = ADAPTAU_CONTRAST_NCL, .layer = 2, .tau = 0.15, .weight = 0.3, .item_weight = 2.0},
        {.kind = ADAPTAU_CONTRAST_NCL,
         .layer = 4,
         .tau = 0.3,
         .weight = 0.2,
         .item_weight = 0.5,
         .prototype_weight = 0.6},
        {.kind = ADAPTAU_CONTRAST_NCL,
         .layer = 2,
         .tau = 0.3,
         .weight = 0.0,
         .item_weight = 1.5,
         .prototype_weight = 0.6},
    };
    struct truth t = {.options = full_contrast_options(kinds[_i / 4 % 5]), .layers = _i % 4 + 1};
    t.options.weight = kinds[_i / 4 % 5].weight; /* 0 is none                                                    */
    t.options.flags = _i / 20 ? ADAPTAU_CONTRAST_ALL_NODES : 0;
    check_term(t, (adaptau_model_options){.edge_dropout = _i % 2 ? 0.2 : 0.0, .layer_dropout = _i % 3 ? 0.0 : 0.1});
}
END_TEST

/* _i: kind; the batch's nodes or all; how many. */
START_TEST(some_nodes_of_a_batch_are_drawn)
{
    struct truth t = {.options = full_contrast_options((adaptau_contrast_options){.kind = _i % 3, .tau = 0.2, .weight = 0.4}),
                      .layers = 2};
    t.options.edge_dropout = t.options.kind == ADAPTAU_CONTRAST_SGL ? 0.2 : 0.0;
    t.options.noise = t.options.kind == ADAPTAU_CONTRAST_SIMGCL ? 0.1 : 0.0;
    t.options.layer = t.options.kind == ADAPTAU_CONTRAST_NCL ? 2 : 0;
    t.options.flags = _i / 3 % 2 ? ADAPTAU_CONTRAST_ALL_NODES : 0;
    t.options.n_nodes = _i / 6 + 1;
    check_term(t, (adaptau_model_options){0});
}
END_TEST

/* ---- beside the rest ------------------------------------------------------------------------------------------------- */

START_TEST(gradients_alone_are_as_without_contrast)
{
    struct small          s[2];
    double                gradients[2][NODES][D];
    adaptau_batch         batch = small_batch();
    adaptau_model_options options = {.n_layers = 3, .edge_dropout = 0.3, .layer_dropout = 0.2};
    for (int with = 0; with < 2; with++) {
        adaptau_contrast_options contrast = full_contrast_options((adaptau_contrast_options){.kind = _i});
        open_graph(&s[with], options);
        OK(adaptau_model_gradients(s[with].model, &batch, s[with].temperature, NULL, &error));
        if (with)
            OK(adaptau_model_contrast(s[with].model, &batch, &contrast, NULL, &error));
        OK(adaptau_model_gradients(s[with].model, &batch, s[with].temperature, NULL, &error));
        read_gradients(&s[with], gradients[with]);
    }
    ck_assert_mem_eq(gradients[0], gradients[1], sizeof gradients[0]);
    close_small(&s[0]);
    close_small(&s[1]);
}
END_TEST

START_TEST(tables_that_were_asked_for_are_made_again)
{
    struct small             s;
    adaptau_batch            batch = small_batch();
    adaptau_contrast_options contrast = full_contrast_options((adaptau_contrast_options){.kind = _i});
    float                    before[N * D];
    open_graph(&s, (adaptau_model_options){0});
    OK(adaptau_model_gradients(s.model, &batch, s.temperature, NULL, &error));
    memcpy(before, tables_of(s.model).users, sizeof before);
    OK(adaptau_model_contrast(s.model, &batch, &contrast, NULL, &error));
    ck_assert_mem_eq(tables_of(s.model).users, before, sizeof before);
    close_small(&s);
}
END_TEST

START_TEST(options_of_null_are_the_defaults)
{
    const adaptau_contrast_options zero = full_contrast_options((adaptau_contrast_options){0});
    const adaptau_contrast_options said =
        full_contrast_options((adaptau_contrast_options){.n_nodes = 2048, .tau = 0.2, .weight = 0.1, .item_weight = 1.0,
                                                         .edge_dropout = 0.1});
    const adaptau_contrast_options *options[3] = {NULL, &zero, &said};
    adaptau_batch                   batch = small_batch();
    double                          loss[3];
    for (int i = 0; i < 3; i++) {
        struct small s;
        open_graph(&s, (adaptau_model_options){0});
        OK(adaptau_model_gradients(s.model, &batch, s.temperature, NULL, &error));
        OK(adaptau_model_contrast(s.model, &batch, options[i], &loss[i], &error));
        close_small(&s);
    }
    ck_assert_double_eq(loss[0], loss[1]);
    ck_assert_double_eq(loss[0], loss[2]);
}
END_TEST

/* ---- at the edges ---------------------------------------------------------------------------------------------------- */

START_TEST(prototypes_are_of_finite_rows)
{
    struct small s;
    open_graph(&s, (adaptau_model_options){0});
    s.items[3] = NAN;
    ck_assert_int_eq(adaptau_model_update_prototypes(s.model, 2, &error), ADAPTAU_E_NUMERIC);
    ck_assert_str_eq(error.message, "raw items[0] is not finite");
    s.items[3] = 0.0f;
    OK(adaptau_model_update_prototypes(s.model, 2, &error));
    close_small(&s);
}
END_TEST

/* A user without items is a node of the batch too, and there may be no item at all. */
START_TEST(a_batch_without_positives_adds_nothing)
{
    struct small             s;
    const int32_t            users[2] = {8, 2};
    const int64_t            ptr[3] = {0, 0, 0};
    adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = 2, .users = users, .positive_ptr = ptr};
    adaptau_contrast_options contrast = full_contrast_options((adaptau_contrast_options){.kind = _i});
    double                   loss = 1.0;
    open_graph(&s, (adaptau_model_options){0});
    OK(adaptau_model_gradients(s.model, &batch, s.temperature, NULL, &error));
    OK(adaptau_model_contrast(s.model, &batch, &contrast, &loss, &error)); /* W = 0                               */
    ck_assert_double_eq(loss, 0.0);
    close_small(&s);
}
END_TEST

/* The host's executor fails at its first, second, ... call within the term: an error, no gradients; the next step is whole. */
START_TEST(a_failed_executor_costs_the_gradients_of_a_step)
{
    struct host              host;
    adaptau_context         *context = open_host(&host, 2, true);
    struct world             w = {.context = context, .data = make_data(context)};
    adaptau_model_options    options = full_model_options((adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN,
                                                                                  .dim = DIM});
    adaptau_contrast_options contrast =
        full_contrast_options((adaptau_contrast_options){.kind = _i,
                                                         .prototype_weight = _i == ADAPTAU_CONTRAST_NCL ? 0.5 : 0.0});
    adaptau_status           status = ADAPTAU_E_CALLBACK;
    int                      failures = 0;
    OK(adaptau_model_create(context, w.data, &options, &w.model, &error));
    OK(adaptau_sampler_create(context, w.data, NULL, &w.sampler, &error));
    OK(adaptau_temperature_create(context, w.data, NULL, &w.temperature, &error));
    OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
    OK(adaptau_model_update_prototypes(w.model, 3, &error));
    adaptau_batch batch = first_batch(&w);
    for (int n = 0; status != ADAPTAU_OK; n++) {
        OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
        host.failing_execution = host.executions + n;
        host.failing_lanes = 1;
        status = adaptau_model_contrast(w.model, &batch, &contrast, NULL, &error);
        ck_assert_int_eq(host_has_failed(&host), status != ADAPTAU_OK);
        host.failing_execution = -1;
        ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_CALLBACK);
        ck_assert_int_eq(adaptau_model_apply(w.model, &error), status == ADAPTAU_OK ? ADAPTAU_OK : ADAPTAU_E_STATE);
        failures += status != ADAPTAU_OK;
        ck_assert_int_lt(n, 200);
    }
    ck_assert_int_gt(failures, 4);
    close_world(&w);
}
END_TEST

static struct world          busy;
static const adaptau_batch  *busy_batch;
static int                   n_inside;

/* What an executor that uses the model meets while it serves it. */
static void enter_busy_model(void)
{
    n_inside++;
    ck_assert_int_eq(adaptau_model_contrast(busy.model, busy_batch, NULL, NULL, NULL), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_model_update_prototypes(busy.model, 3, NULL), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_model_apply(busy.model, NULL), ADAPTAU_E_STATE);
}

START_TEST(nothing_enters_a_model_that_is_being_changed)
{
    struct host           host;
    adaptau_model_options options = full_model_options((adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN,
                                                                               .dim = DIM});
    adaptau_context      *context = open_host(&host, 2, true);
    busy = (struct world){.context = context, .data = make_data(context)};
    OK(adaptau_model_create(context, busy.data, &options, &busy.model, &error));
    OK(adaptau_sampler_create(context, busy.data, NULL, &busy.sampler, &error));
    OK(adaptau_temperature_create(context, busy.data, NULL, &busy.temperature, &error));
    OK(adaptau_model_update_temperature(busy.model, busy.temperature, &error));
    adaptau_batch batch = first_batch(&busy);
    busy_batch = &batch;
    OK(adaptau_model_gradients(busy.model, &batch, busy.temperature, NULL, &error));
    n_inside = 0;
    host.inside = enter_busy_model;
    OK(adaptau_model_contrast(busy.model, &batch, NULL, NULL, &error));
    OK(adaptau_model_update_prototypes(busy.model, 3, &error));
    host.inside = NULL;
    ck_assert_int_gt(n_inside, 1);
    OK(adaptau_model_apply(busy.model, &error));
    close_world(&busy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("contrast");
    TCase *tests = tcase_create("contrast");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, gradients_are_central_differences_of_the_whole_term, 0, 40);
    tcase_add_loop_test(tests, some_nodes_of_a_batch_are_drawn, 0, 18);
    tcase_add_loop_test(tests, gradients_alone_are_as_without_contrast, 0, 3);
    tcase_add_loop_test(tests, tables_that_were_asked_for_are_made_again, 0, 3);
    tcase_add_test(tests, options_of_null_are_the_defaults);
    tcase_add_test(tests, prototypes_are_of_finite_rows);
    tcase_add_loop_test(tests, a_batch_without_positives_adds_nothing, 0, 3);
    tcase_add_loop_test(tests, a_failed_executor_costs_the_gradients_of_a_step, 0, 3);
    tcase_add_test(tests, nothing_enters_a_model_that_is_being_changed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
