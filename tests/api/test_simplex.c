/* SPDX-License-Identifier: MIT */
/* SimpleX: final embeddings against their formula in double precision, gradients of the raw tables and of the encoder's matrix
 * against central differences of the whole loss, and what such a model promises beyond that. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/small_world.h"
#include "../support/suite.h"

#define BOTH_RAW (ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS)

static adaptau_model_options simplex(double gate)
{
    adaptau_model_options options = full_model_options(
        (adaptau_model_options){.encoder = ADAPTAU_ENCODER_SIMPLEX, .dim = DIM, .seed = 3});
    options.gate = gate;
    return options;
}

static struct world open_simplex(adaptau_model_options options)
{
    return open_world((adaptau_context_options){.n_threads = 2}, options, (adaptau_sampler_options){0},
                      (adaptau_temperature_options){0});
}

static adaptau_encoder_parameters parameters_of(const adaptau_model *model)
{
    adaptau_encoder_parameters parameters = {.struct_size = sizeof parameters};
    OK(adaptau_model_get_encoder_parameters(model, &parameters, &error));
    return parameters;
}

/* ---- the same in double precision ---------------------------------------------------------------------------------- */

#define CELLS (N * D + M * D + D * D)
#define TAU 0.3

static const adaptau_temperature_options fixed = {.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = TAU};

/* All that is trained, one behind the other. */
struct truth {
    double users[N][D], items[M][D], v[D][D];
};

static struct truth read_truth(const struct small *s)
{
    struct truth t;
    for (int i = 0; i < N * D; i++)
        t.users[i / D][i % D] = (double)s->users[i];
    for (int i = 0; i < M * D; i++)
        t.items[i / D][i % D] = (double)s->items[i];
    for (int i = 0; i < D * D; i++)
        t.v[i / D][i % D] = (double)s->v[i];
    return t;
}

/* g e_u + (1 − g) V mean e_i */
static void mix(const struct truth *t, double gate, int user, double h[D])
{
    double mean[D] = {0}, n = 0.0;
    for (int p = 0; p < PAIRS; p++)
        n += pair_users[p] == user;
    for (int p = 0; p < PAIRS; p++)
        for (int k = 0; k < D && pair_users[p] == user; k++)
            mean[k] += t->items[pair_items[p]][k] / n;
    for (int k = 0; k < D; k++) {
        h[k] = gate * t->users[user][k];
        for (int j = 0; j < D; j++)
            h[k] += (1.0 - gate) * t->v[k][j] * mean[j];
    }
}

static double score(const struct truth *t, double gate, bool raw, int user, int item)
{
    double h[D], dot = 0.0, uu = 0.0, ii = 0.0;
    mix(t, gate, user, h);
    for (int k = 0; k < D; k++) {
        dot += h[k] * t->items[item][k];
        uu += h[k] * h[k];
        ii += t->items[item][k] * t->items[item][k];
    }
    return raw ? dot : dot / sqrt(uu * ii);
}

/* Softmax with candidates as they come, or MSE. */
static double loss_of(const struct truth *t, double gate, bool raw, bool mse, const adaptau_batch *batch)
{
    const bool shared = batch->candidates == ADAPTAU_CANDIDATES_SHARED;
    const int  n = shared ? (int)batch->n_candidates : M;
    double     loss = 0.0;
    for (int32_t r = 0; r < batch->n_rows; r++)
        for (int64_t p = batch->positive_ptr[r]; p < batch->positive_ptr[r + 1]; p++) {
            double f = score(t, gate, raw, batch->users[r], batch->positives[p]), sum = 0.0;
            for (int c = 0; c < n; c++) {
                double g = score(t, gate, raw, batch->users[r], shared ? batch->candidate_ids[c] : c);
                sum += mse ? g * g / n : exp(g / TAU);
            }
            loss += mse ? (1.0 - f) * (1.0 - f) + sum : -f / TAU + log(sum + (shared ? exp(f / TAU) : 0.0));
        }
    return loss;
}

START_TEST(finals_are_mixtures_of_users_and_what_they_have)
{
    static const double gates[] = {0.0, 0.5, 0.3, 1.0};
    struct small        s;
    open_small(&s, simplex(gates[_i]), fixed);
    for (int round = 0; round < 2; round++) {
        struct truth   t = read_truth(&s);
        adaptau_tables tables = tables_of(s.model);
        ck_assert_uint_eq(tables.flags, ADAPTAU_NORMALISE_BOTH);
        ck_assert_ptr_eq(tables.items, s.items);
        for (int u = 0; u < N; u++) {
            double h[D];
            mix(&t, gates[_i], u, h);
            for (int k = 0; k < D; k++)
                ck_assert(fabs((double)tables.users[u * D + k] - h[k]) < 1e-6);
        }
        s.users[7] += 0.5f; /* the host changes its tables and its matrix, and says so                          */
        s.items[3] -= 0.5f;
        s.v[2] += 0.25f;
        OK(adaptau_model_refresh(s.model, &error));
    }
    ck_assert_ptr_eq(parameters_of(s.model).rows, s.v);
    ck_assert_int_eq(parameters_of(s.model).n_rows, D);
    close_small(&s);
}
END_TEST

/* _i: three gates; raw scores; catalogue or shared candidates; softmax or MSE. */
START_TEST(gradients_are_central_differences_of_the_whole_loss)
{
    enum { ROWS = 5 };
    static const double  gates[3] = {0.0, 0.4, 1.0};
    static const int32_t users[ROWS] = {3, 0, 7, 3, 8}, positives[7] = {0, 5, 1, 2, 5, 4, 6}, candidates[3] = {6, 1, 3};
    static const int64_t ptr[ROWS + 1] = {0, 2, 4, 5, 6, 7};
    const bool           raw = _i / 3 % 2, shared = _i / 6 % 2, mse = _i / 12;
    const double         gate = gates[_i % 3];
    const int32_t        n_rows = gate > 0.0 || raw ? ROWS : ROWS - 1; /* a user of nothing has no direction      */
    struct small         s;
    adaptau_model_options options = simplex(gates[_i % 3]);
    adaptau_loss          loss = full_loss((adaptau_loss){.kind = mse ? ADAPTAU_LOSS_MSE : ADAPTAU_LOSS_SOFTMAX});
    adaptau_batch         batch = {.struct_size = sizeof batch,
                                   .n_rows = n_rows,
                                   .users = users,
                                   .positive_ptr = ptr,
                                   .positives = positives,
                                   .candidates = shared ? ADAPTAU_CANDIDATES_SHARED : ADAPTAU_CANDIDATES_CATALOGUE,
                                   .n_candidates = shared ? 3 : 0,
                                   .candidate_ids = shared ? candidates : NULL};
    adaptau_gradient_view view = {.struct_size = sizeof view};
    adaptau_step          step = {.struct_size = sizeof step};
    float                 got[CELLS] = {0};
    options.flags = raw ? BOTH_RAW : 0;
    open_small(&s, options, fixed);
    OK(adaptau_model_set_loss(s.model, &loss, &error));
    OK(adaptau_model_gradients(s.model, &batch, s.temperature, &step, &error));
    OK(adaptau_model_get_gradient_view(s.model, &view, &error));
    ck_assert_int_eq(view.n_items, M);
    ck_assert_int_eq(view.n_encoder_rows, D);
    for (int64_t k = 0; k < view.n_users; k++)
        memcpy(got + view.user_ids[k] * D, view.users + k * D, D * sizeof(float));
    memcpy(got + N * D, view.items, M * D * sizeof(float));
    memcpy(got + N * D + M * D, view.encoder, D * D * sizeof(float));
    struct truth t = read_truth(&s);
    double      *cells = &t.users[0][0], whole = loss_of(&t, gate, raw, mse, &batch);
    ck_assert_msg(fabs(step.loss - whole) < 2e-5 * whole, "loss %.9g, not %.9g", step.loss, whole);
    for (int i = 0; i < CELLS; i++) {
        double at = cells[i], sides[2];
        for (int side = 0; side < 2; side++) {
            cells[i] = at + (side ? 1e-5 : -1e-5);
            sides[side] = loss_of(&t, gate, raw, mse, &batch);
        }
        cells[i] = at;
        double want = (sides[1] - sides[0]) / 2e-5;
        ck_assert_msg(fabs((double)got[i] - want) <= 2e-4 * fmax(1.0, fabs(want)), "entry %d: %.9g, not %.9g", i,
                      (double)got[i], want);
    }
    close_small(&s);
}
END_TEST

/* ---- training ------------------------------------------------------------------------------------------------------ */

START_TEST(matrix_starts_as_the_identity_and_takes_adam_steps)
{
    adaptau_model_options options = simplex(0.5);
    options.learning_rate_items = 0.05;
    options.beta1_items = 0.8;
    options.beta2 = 0.99;
    options.epsilon = 1e-6;
    struct world  w = open_simplex(options);
    adaptau_batch batch = first_batch(&w);
    double        first[DIM * DIM] = {0}, second[DIM * DIM] = {0}, want[DIM * DIM];
    for (int i = 0; i < DIM * DIM; i++)
        ck_assert(parameters_of(w.model).rows[i] == (i % (DIM + 1) ? 0.0f : 1.0f));
    for (int t = 1; t <= 3; t++) {
        adaptau_gradient_view view = {.struct_size = sizeof view};
        OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
        OK(adaptau_model_get_gradient_view(w.model, &view, &error));
        for (int i = 0; i < DIM * DIM; i++) {
            double g = (double)view.encoder[i];
            first[i] = 0.8 * first[i] + 0.2 * g;
            second[i] = 0.99 * second[i] + 0.01 * g * g;
            want[i] = (double)parameters_of(w.model).rows[i] -
                      0.05 * (first[i] / (1.0 - pow(0.8, t))) / (sqrt(second[i] / (1.0 - pow(0.99, t))) + 1e-6);
        }
        OK(adaptau_model_apply(w.model, &error));
        for (int i = 0; i < DIM * DIM; i++)
            ck_assert(fabs((double)parameters_of(w.model).rows[i] - want[i]) < 2e-5);
    }
    close_world(&w);
}
END_TEST

START_TEST(training_learns_the_groups)
{
    adaptau_model_options options = simplex(0.5);
    adaptau_loss          ccl = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_CCL, .negative_weight = 10.0});
    int32_t               users[USERS], items[USERS * 10];
    int                   own = 0;
    options.learning_rate_users = options.learning_rate_items = 0.02;
    struct world w = open_simplex(options);
    OK(adaptau_model_set_loss(w.model, &ccl, &error));
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

START_TEST(a_model_can_score_between_gradients_and_step)
{
    struct world  w = open_simplex(simplex(0.5));
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

START_TEST(save_and_load_keep_finals_raw_tables_and_the_matrix)
{
    struct world   w = open_simplex(simplex(0.3));
    adaptau_model *again = NULL, *more = NULL;
    static float   users[USERS * DIM], items[ITEMS * DIM], v[DIM * DIM];
    train(&w, 1);
    for (int round = 0; round < 2; round++) { /* what was loaded can be saved again                              */
        OK(adaptau_model_save(round ? again : w.model, path, &error));
        adaptau_model_destroy(again);
        OK(adaptau_model_load(w.context, path, &again, &error));
        adaptau_tables a = tables_of(w.model), b = tables_of(again);
        ck_assert_uint_eq(a.flags, b.flags);
        ck_assert_mem_eq(a.users, b.users, sizeof users);
        ck_assert_mem_eq(a.items, b.items, sizeof items);
        ck_assert_mem_eq(raw_tables_of(w.model).users, raw_tables_of(again).users, sizeof users);
        ck_assert_mem_eq(parameters_of(w.model).rows, parameters_of(again).rows, sizeof v);
    }
    OK(adaptau_model_refresh(again, &error)); /* nothing to make them from: they stay                            */
    ck_assert_mem_eq(tables_of(again).users, tables_of(w.model).users, sizeof users);
    adaptau_batch batch = first_batch(&w);
    ck_assert_int_eq(adaptau_model_gradients(again, &batch, w.temperature, NULL, &error), ADAPTAU_E_STATE);
    ck_assert_ptr_nonnull(strstr(error.message, "without its interactions"));

    adaptau_model_options options = simplex(0.3);
    memcpy(users, raw_tables_of(again).users, sizeof users);
    memcpy(items, raw_tables_of(again).items, sizeof items);
    memcpy(v, parameters_of(again).rows, sizeof v);
    options.dim = DIM;
    options.init = ADAPTAU_INIT_HOST;
    options.host_users = users;
    options.host_items = items;
    options.host_encoder = v;
    OK(adaptau_model_create(w.context, w.data, &options, &more, &error));
    ck_assert_mem_eq(tables_of(more).users, tables_of(w.model).users, sizeof users);
    OK(adaptau_model_gradients(more, &batch, w.temperature, NULL, &error));
    adaptau_model_destroy(more);
    adaptau_model_destroy(again);
    close_world(&w);
}
END_TEST

/* ---- at the edges ---------------------------------------------------------------------------------------------------- */

START_TEST(an_empty_dataset_leaves_the_gate)
{
    struct world          w = open_default();
    adaptau_dataset      *empty = NULL;
    adaptau_model        *model = NULL;
    adaptau_model_options options = simplex(0.25);
    OK(adaptau_dataset_create_from_interactions(w.context, 4, 3, 0, NULL, NULL, NULL, &empty, &error));
    OK(adaptau_model_create(w.context, empty, &options, &model, &error));
    ck_assert(tables_of(model).users[5] == raw_tables_of(model).users[5] / 4);
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

int main(void)
{
    Suite *suite = suite_create("simplex");
    TCase *tests = tcase_create("simplex");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, finals_are_mixtures_of_users_and_what_they_have, 0, 4);
    tcase_add_loop_test(tests, gradients_are_central_differences_of_the_whole_loss, 0, 24);
    tcase_add_test(tests, matrix_starts_as_the_identity_and_takes_adam_steps);
    tcase_add_test(tests, training_learns_the_groups);
    tcase_add_test(tests, a_model_can_score_between_gradients_and_step);
    tcase_add_test(tests, save_and_load_keep_finals_raw_tables_and_the_matrix);
    tcase_add_test(tests, an_empty_dataset_leaves_the_gate);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
