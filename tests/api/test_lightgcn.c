/* SPDX-License-Identifier: MIT */
/* LightGCN: final embeddings against dense matrices in double precision, gradients of the raw tables against central differences
 * of the whole loss, and what a model with a graph promises beyond that. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/small_world.h"
#include "../support/suite.h"
#include "common/random.h"

#define BOTH_RAW (ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS)

static adaptau_model_options lightgcn(int32_t n_layers)
{
    return (adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN, .n_layers = n_layers, .seed = 3};
}

static struct world open_lightgcn(adaptau_model_options options)
{
    return open_world((adaptau_context_options){.n_threads = 2}, options, (adaptau_sampler_options){0},
                      (adaptau_temperature_options){0});
}

/* ---- the same in double precision, by dense matrices -------------------------------------------------------------- */

#define TAU 0.3

static const adaptau_temperature_options fixed = {.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = TAU};

static uint64_t key_of(uint64_t seed, int domain, uint64_t step)
{
    struct atau_stream stream;
    atau_stream_start(&stream, seed, domain, step, 0);
    uint64_t high = atau_stream_next(&stream);
    return high << 32 | atau_stream_next(&stream);
}

/* D^{-1/2} [0 R; Rᵀ 0] D^{-1/2} with what a step drops; step < 0: nothing. Returns how many edges are left. */
static int make_graph(const adaptau_model_options *o, int64_t step, double a[NODES][NODES])
{
    double   degree[NODES] = {0};
    uint64_t edges = key_of(o->seed, ATAU_RANDOM_EDGES, (uint64_t)step), rows = key_of(o->seed, ATAU_RANDOM_LAYERS, (uint64_t)step);
    int      left = 0;
    memset(a, 0, sizeof(double[NODES][NODES]));
    for (int p = 0; p < PAIRS; p++) {
        degree[pair_users[p]] += 1.0;
        degree[N + pair_items[p]] += 1.0;
    }
    for (int p = 0; p < PAIRS; p++) {
        int    u = pair_users[p], i = N + pair_items[p];
        double value = 1.0 / sqrt(degree[u] * degree[i]);
        if (step >= 0 && (double)atau_pair_random(edges, (uint32_t)u, (uint32_t)(i - N)) < o->edge_dropout * 0x1p32)
            continue;
        a[u][i] = a[i][u] = step < 0 ? value : value / (1.0 - o->edge_dropout);
        left++;
    }
    for (int r = 0; r < NODES && step >= 0; r++) {
        bool takes = (double)atau_pair_random(rows, r < N ? 0 : 1, (uint32_t)(r < N ? r : r - N)) >= o->layer_dropout * 0x1p32;
        for (int c = 0; c < NODES; c++)
            a[r][c] *= takes ? 1.0 / (1.0 - o->layer_dropout) : 0.0;
    }
    return left;
}

/* (1/(L + 1)) Σ_l Aˡ E⁰, power by power. */
static void propagate(double a[NODES][NODES], int layers, double raw[NODES][D], double final[NODES][D])
{
    double power[NODES][D], next[NODES][D];
    memcpy(power, raw, sizeof power);
    memcpy(final, raw, sizeof power);
    for (int l = 0; l < layers; l++) {
        memset(next, 0, sizeof next);
        for (int r = 0; r < NODES; r++)
            for (int c = 0; c < NODES; c++)
                for (int k = 0; k < D; k++)
                    next[r][k] += a[r][c] * power[c][k];
        memcpy(power, next, sizeof power);
        for (int i = 0; i < NODES * D; i++)
            final[i / D][i % D] += power[i / D][i % D];
    }
    for (int i = 0; i < NODES * D; i++)
        final[i / D][i % D] /= layers + 1;
}

static double score(double final[NODES][D], bool raw, int user, int item)
{
    double dot = 0.0, uu = 0.0, ii = 0.0;
    for (int k = 0; k < D; k++) {
        dot += final[user][k] * final[N + item][k];
        uu += final[user][k] * final[user][k];
        ii += final[N + item][k] * final[N + item][k];
    }
    return raw ? dot : dot / sqrt(uu * ii);
}

/* Σ over the batch's positives of −f/τ + log Σ_candidates exp(f/τ). */
static double loss_of(double final[NODES][D], bool raw, const adaptau_batch *batch)
{
    double loss = 0.0;
    for (int32_t r = 0; r < batch->n_rows; r++)
        for (int64_t p = batch->positive_ptr[r]; p < batch->positive_ptr[r + 1]; p++) {
            const bool shared = batch->candidates == ADAPTAU_CANDIDATES_SHARED;
            double     f = score(final, raw, batch->users[r], batch->positives[p]), sum = shared ? exp(f / TAU) : 0.0;
            for (int c = 0; c < (shared ? (int)batch->n_candidates : M); c++)
                sum += exp(score(final, raw, batch->users[r], shared ? batch->candidate_ids[c] : c) / TAU);
            loss += -f / TAU + log(sum);
        }
    return loss;
}

START_TEST(finals_are_the_mean_of_the_layers)
{
    struct small s;
    double       a[NODES][NODES], raw[NODES][D], final[NODES][D];
    adaptau_model_options options = lightgcn(_i);
    open_small(&s, full_model_options(options), fixed);
    for (int round = 0; round < 2; round++) {
        read_raw(&s, raw);
        make_graph(&options, -1, a);
        propagate(a, _i, raw, final);
        adaptau_tables t = tables_of(s.model);
        ck_assert_uint_eq(t.flags, ADAPTAU_NORMALISE_BOTH);
        for (int i = 0; i < NODES * D; i++) {
            float value = i < N * D ? t.users[i] : t.items[i - N * D];
            ck_assert(fabs((double)value - final[i / D][i % D]) < 1e-6);
        }
        s.users[7] += 0.5f; /* the host changes its table, and says so                                           */
        ck_assert(tables_of(s.model).users[7] == t.users[7]);
        OK(adaptau_model_refresh(s.model, &error));
    }
    ck_assert_ptr_eq(raw_tables_of(s.model).users, s.users);
    close_small(&s);
}
END_TEST

/* _i: layers 1 to 4; raw scores; nothing, edges, rows, or both dropped; catalogue or shared candidates. */
START_TEST(gradients_are_central_differences_of_the_whole_loss)
{
    enum { ROWS = 4 };
    static const int32_t users[ROWS] = {3, 0, 7, 3}, positives[6] = {0, 5, 1, 2, 5, 4}, candidates[3] = {6, 1, 3};
    static const int64_t ptr[ROWS + 1] = {0, 2, 4, 5, 6};
    const int            layers = _i % 4 + 1, drops = _i / 8 % 4;
    const bool           raw_scores = _i / 4 % 2, shared = _i / 32;
    struct small         s;
    adaptau_model_options options = lightgcn(layers);
    adaptau_batch         batch = {.struct_size = sizeof batch,
                                   .n_rows = ROWS,
                                   .users = users,
                                   .positive_ptr = ptr,
                                   .positives = positives,
                                   .candidates = shared ? ADAPTAU_CANDIDATES_SHARED : ADAPTAU_CANDIDATES_CATALOGUE,
                                   .n_candidates = shared ? 3 : 0,
                                   .candidate_ids = shared ? candidates : NULL};
    adaptau_gradient_view view = {.struct_size = sizeof view};
    double                a[NODES][NODES], raw[NODES][D], final[NODES][D];
    options.flags = raw_scores ? BOTH_RAW : 0;
    options.edge_dropout = drops & 1 ? 0.3 : 0.0;
    options.layer_dropout = drops & 2 ? 0.4 : 0.0;
    open_small(&s, full_model_options(options), fixed);
    for (int64_t step = 0; step < 3; step++) { /* other edges in every step                                      */
        adaptau_step result = {.struct_size = sizeof result};
        read_raw(&s, raw);
        make_graph(&options, step, a);
        OK(adaptau_model_gradients(s.model, &batch, s.temperature, &result, &error));
        OK(adaptau_model_get_gradient_view(s.model, &view, &error));
        propagate(a, layers, raw, final);
        double loss = loss_of(final, raw_scores, &batch);
        ck_assert_msg(fabs(result.loss - loss) < 2e-5 * loss, "loss %.9g, not %.9g", result.loss, loss);
        ck_assert_int_eq(view.n_users, N);
        ck_assert_int_eq(view.n_items, M);
        for (int i = 0; i < NODES * D; i++) {
            double *cell = &raw[i / D][i % D], at = *cell, sides[2];
            for (int side = 0; side < 2; side++) {
                *cell = at + (side ? 1e-5 : -1e-5);
                propagate(a, layers, raw, final);
                sides[side] = loss_of(final, raw_scores, &batch);
            }
            *cell = at;
            double want = (sides[1] - sides[0]) / 2e-5;
            float  value = i < N * D ? view.users[i] : view.items[i - N * D];
            if (fabs((double)value - want) > 2e-4 * fmax(1.0, fabs(want)))
                ck_abort_msg("step %d, entry %d: %.9g, not %.9g", (int)step, i, (double)value, want);
        }
        for (int r = 0; r < N; r++)
            ck_assert_int_eq(view.user_ids[r], r);
    }
    close_small(&s);
}
END_TEST

START_TEST(every_step_drops_other_edges)
{
    double                a[NODES][NODES];
    adaptau_model_options options = lightgcn(2);
    int                   left = 0, kinds = 0, last = -1;
    options.edge_dropout = 0.3;
    for (int64_t step = 0; step < 200; step++) {
        int now = make_graph(&options, step, a);
        kinds += now != last;
        last = now;
        left += now;
    }
    ck_assert(fabs(left / (200.0 * PAIRS) - 0.7) < 0.03);
    ck_assert_int_gt(kinds, 100);
}
END_TEST

/* ---- training ------------------------------------------------------------------------------------------------------ */

START_TEST(training_learns_the_groups)
{
    adaptau_model_options options = lightgcn(0);
    int32_t               users[USERS], items[USERS * 10];
    int                   own = 0;
    options.flags = _i ? BOTH_RAW : 0;
    options.learning_rate_users = options.learning_rate_items = 0.05;
    struct world w = open_lightgcn(options);
    train(&w, 20);
    for (int32_t u = 0; u < USERS; u++)
        users[u] = u;
    OK(top_items(w.model, USERS, users, 10, w.data, items, NULL, &error));
    for (int32_t k = 0; k < USERS * 10; k++)
        own += items[k] % GROUPS == k / 10 % GROUPS;
    ck_assert_msg(own > USERS * 7, "%d", own);
    close_world(&w);
}
END_TEST

START_TEST(soft_targets_aim_with_final_embeddings)
{
    struct world           w = open_lightgcn(lightgcn(2));
    adaptau_target_options options = full_target_options((adaptau_target_options){.strength = 3.0});
    OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
    OK(adaptau_model_update_targets(w.model, w.data, w.temperature, &options, &error));
    double before = train(&w, 1), after = train(&w, 5);
    ck_assert_msg(after < before, "%g, then %g", before, after);
    close_world(&w);
}
END_TEST

START_TEST(a_model_can_score_between_gradients_and_step)
{
    struct world  w = open_lightgcn(lightgcn(3));
    static float  before[USERS * DIM];
    adaptau_batch batch = first_batch(&w);
    memcpy(before, tables_of(w.model).users, sizeof before);
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    ck_assert_mem_eq(tables_of(w.model).users, before, sizeof before);
    OK(adaptau_model_apply(w.model, &error));
    ck_assert_mem_ne(tables_of(w.model).users, before, sizeof before);
    close_world(&w);
}
END_TEST

/* ---- files ---------------------------------------------------------------------------------------------------------- */

START_TEST(save_and_load_keep_finals_and_raw_tables)
{
    struct world   w = open_lightgcn(lightgcn(2));
    adaptau_model *again = NULL, *more = NULL;
    static float   users[USERS * DIM], items[ITEMS * DIM];
    train(&w, 1);
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_load(w.context, path, &again, &error));
    adaptau_tables a = tables_of(w.model), b = tables_of(again);
    ck_assert_uint_eq(a.flags, b.flags);
    ck_assert_mem_eq(a.users, b.users, USERS * DIM * sizeof(float));
    ck_assert_mem_eq(a.items, b.items, ITEMS * DIM * sizeof(float));
    adaptau_tables raw = raw_tables_of(again);
    ck_assert_mem_eq(raw_tables_of(w.model).users, raw.users, USERS * DIM * sizeof(float));
    ck_assert_mem_eq(raw_tables_of(w.model).items, raw.items, ITEMS * DIM * sizeof(float));

    /* it has no graph to go on with */
    OK(adaptau_model_refresh(again, &error)); /* nothing to make them from: they stay                               */
    ck_assert_mem_eq(tables_of(again).users, a.users, USERS * DIM * sizeof(float));
    adaptau_batch batch = first_batch(&w);
    ck_assert_int_eq(adaptau_model_gradients(again, &batch, w.temperature, NULL, &error), ADAPTAU_E_STATE);
    ck_assert_ptr_nonnull(strstr(error.message, "without its interactions"));

    /* but a new model has, from its raw tables */
    adaptau_model_options options = lightgcn(2);
    memcpy(users, raw.users, sizeof users);
    memcpy(items, raw.items, sizeof items);
    options = full_model_options(options);
    options.dim = DIM;
    options.init = ADAPTAU_INIT_HOST;
    options.host_users = users;
    options.host_items = items;
    OK(adaptau_model_create(w.context, w.data, &options, &more, &error));
    ck_assert_mem_eq(tables_of(more).users, b.users, USERS * DIM * sizeof(float));
    OK(adaptau_model_gradients(more, &batch, w.temperature, NULL, &error));

    /* what was loaded can be saved again, and the file is the same but for nothing */
    OK(adaptau_model_save(again, path, &error));
    adaptau_model_destroy(again);
    OK(adaptau_model_load(w.context, path, &again, &error));
    ck_assert_mem_eq(tables_of(again).items, a.items, ITEMS * DIM * sizeof(float));
    adaptau_model_destroy(more);
    adaptau_model_destroy(again);
    close_world(&w);
}
END_TEST

/* ---- at the edges ---------------------------------------------------------------------------------------------------- */

START_TEST(a_batch_of_strangers_is_an_error_before_anything_is_read)
{
    struct world  w = open_lightgcn(lightgcn(2));
    const int32_t user = USERS, item = 0;
    const int64_t ptr[2] = {0, 1};
    adaptau_batch batch = {.struct_size = sizeof batch, .n_rows = 1, .users = &user, .positive_ptr = ptr, .positives = &item};
    ck_assert_int_eq(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error), ADAPTAU_E_INDEX);
    train(&w, 1);
    close_world(&w);
}
END_TEST

START_TEST(an_empty_graph_leaves_the_tables_as_they_are)
{
    struct world          w = open_default();
    adaptau_dataset      *empty = NULL;
    adaptau_model        *model = NULL;
    adaptau_model_options options = lightgcn(1);
    options = full_model_options(options);
    options.edge_dropout = 0.5;
    OK(adaptau_dataset_create_from_interactions(w.context, 4, 3, 0, NULL, NULL, NULL, &empty, &error));
    OK(adaptau_model_create(w.context, empty, &options, &model, &error));
    ck_assert(tables_of(model).users[5] == raw_tables_of(model).users[5] / 2);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(empty);
    OK(adaptau_dataset_create_from_interactions(w.context, 0, 0, 0, NULL, NULL, NULL, &empty, &error));
    OK(adaptau_model_create(w.context, empty, &options, &model, &error));
    ck_assert_int_eq(tables_of(model).n_users, 0);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(empty);
    close_world(&w);
}
END_TEST

/* A host's executor fails in the middle of a propagation: an error, and the next call starts again. */
START_TEST(a_propagation_that_fails_is_done_again)
{
    struct host           host;
    adaptau_context      *context = open_host(&host, 2, true);
    adaptau_dataset      *data = NULL;
    adaptau_model        *model = NULL;
    adaptau_model_options options = lightgcn(3);
    adaptau_tables        tables = {.struct_size = sizeof tables};
    static float          items[ITEMS * DIM];
    static int32_t        pair_of_users[USERS * 100], pair_of_items[USERS * 100];
    for (int p = 0; p < USERS * 100; p++) { /* enough for more than one task                                      */
        pair_of_users[p] = p / 100;
        pair_of_items[p] = (p / 100 + p % 100) % ITEMS;
    }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, USERS * 100, pair_of_users, pair_of_items, NULL, &data, &error));
    options = full_model_options(options);
    options.dim = DIM;
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_model_get_tables(model, &tables, &error));
    memcpy(items, tables.items, sizeof items);
    adaptau_model_destroy(model);
    OK(adaptau_model_create(context, data, &options, &model, &error));
    host.failing_execution = host.executions + 2;
    host.failing_lanes = 1;
    ck_assert_int_eq(adaptau_model_prepare(model, &error), ADAPTAU_E_CALLBACK);
    OK(adaptau_model_get_tables(model, &tables, &error));
    ck_assert_mem_eq(tables.items, items, sizeof items);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lightgcn");
    TCase *tests = tcase_create("lightgcn");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, finals_are_the_mean_of_the_layers, 1, 5);
    tcase_add_loop_test(tests, gradients_are_central_differences_of_the_whole_loss, 0, 64);
    tcase_add_test(tests, every_step_drops_other_edges);
    tcase_add_loop_test(tests, training_learns_the_groups, 0, 2);
    tcase_add_test(tests, soft_targets_aim_with_final_embeddings);
    tcase_add_test(tests, a_model_can_score_between_gradients_and_step);
    tcase_add_test(tests, save_and_load_keep_finals_and_raw_tables);
    tcase_add_test(tests, a_batch_of_strangers_is_an_error_before_anything_is_read);
    tcase_add_test(tests, an_empty_graph_leaves_the_tables_as_they_are);
    tcase_add_test(tests, a_propagation_that_fails_is_done_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
