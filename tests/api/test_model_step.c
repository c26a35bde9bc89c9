/* SPDX-License-Identifier: MIT */
/* One step of the model: gradients, soft targets and the optimiser, against their formulas in double precision. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/suite.h"

/* Rows of the same user are one row of the view, and the sum of theirs. */
START_TEST(rows_of_a_user_are_summed)
{
    struct world             w = open_default();
    int32_t                  users[4] = {5, 9, 5, 5}, positives[4] = {1, 2, 3, 4};
    int64_t                  ptr[5] = {0, 1, 2, 3, 4};
    float                    rows[4 * DIM];
    adaptau_batch            batch = {.struct_size = sizeof batch,
                                      .n_rows = 4,
                                      .users = users,
                                      .positive_ptr = ptr,
                                      .positives = positives};
    adaptau_tables           tables = tables_of(w.model);
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_loss_output   output = {.struct_size = sizeof output, .user_gradients = rows};
    adaptau_gradient_view    view = {.struct_size = sizeof view};
    OK(adaptau_temperature_get_state(w.temperature, &state, &error));
    adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = (float)state.tau0};
    OK(adaptau_softmax(w.context, &tables, &batch, &temperatures, &output, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    OK(adaptau_model_get_gradient_view(w.model, &view, &error));
    ck_assert_int_eq(view.n_users, 2);
    ck_assert_int_eq(view.user_ids[0], 5);
    ck_assert_int_eq(view.user_ids[1], 9);
    for (int k = 0; k < DIM; k++) {
        double sum = (double)rows[k] + (double)rows[2 * DIM + k] + (double)rows[3 * DIM + k];
        ck_assert(fabs((double)view.users[k] - sum) <= 1e-5 * fmax(1.0, fabs(sum)));
        ck_assert(view.users[DIM + k] == rows[DIM + k]);
    }
    close_world(&w);
}
END_TEST

/* Adam in double precision, from its formula, on a free-length model; and that the sphere only adds the new length. */
START_TEST(apply_is_adam)
{
    for (int sphere = 0; sphere < 2; sphere++) {
        struct world w = open_world((adaptau_context_options){.n_threads = 2},
                                    (adaptau_model_options){.flags = sphere ? 0 : ADAPTAU_MODEL_FREE_LENGTH,
                                                            .learning_rate_items = 0.05,
                                                            .beta1_items = 0.8,
                                                            .beta2 = 0.99,
                                                            .epsilon = 1e-6,
                                                            .weight_decay = sphere ? 0.0 : 0.3},
                                    (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
        static double first[ITEMS * DIM], second[ITEMS * DIM], want[ITEMS * DIM];
        memset(first, 0, sizeof first);
        memset(second, 0, sizeof second);
        adaptau_batch batch = first_batch(&w);
        for (int t = 1; t <= 3; t++) {
            adaptau_gradient_view view = {.struct_size = sizeof view};
            adaptau_tables        tables = tables_of(w.model);
            OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
            OK(adaptau_model_get_gradient_view(w.model, &view, &error));
            for (int e = 0; e < ITEMS * DIM; e++) {
                double g = (double)view.items[e] + (sphere ? 0.0 : 0.3) * (double)tables.items[e];
                first[e] = 0.8 * first[e] + 0.2 * g;
                second[e] = 0.99 * second[e] + 0.01 * g * g;
                want[e] = (double)tables.items[e] - 0.05 * (first[e] / (1.0 - pow(0.8, t))) /
                                                        (sqrt(second[e] / (1.0 - pow(0.99, t))) + 1e-6);
            }
            OK(adaptau_model_apply(w.model, &error));
            tables = tables_of(w.model);
            for (int i = 0; i < ITEMS; i++) {
                double squares = 0.0;
                for (int k = 0; k < DIM; k++)
                    squares += want[i * DIM + k] * want[i * DIM + k];
                for (int k = 0; k < DIM; k++) {
                    double expected = sphere ? want[i * DIM + k] / sqrt(squares) : want[i * DIM + k];
                    ck_assert_msg(fabs((double)tables.items[i * DIM + k] - expected) < 2e-5, "%g, not %g",
                                  (double)tables.items[i * DIM + k], expected);
                }
            }
        }
        close_world(&w);
    }
}
END_TEST

START_TEST(untouched_rows_do_not_move)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0},
                                (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_SHARED_UNIFORM, .n_candidates = 10},
                                (adaptau_temperature_options){0});
    static float  before[ITEMS * DIM];
    char          touched[ITEMS] = {0};
    adaptau_batch batch = first_batch(&w);
    memcpy(before, tables_of(w.model).items, sizeof before);
    for (int64_t c = 0; c < batch.n_candidates; c++)
        touched[batch.candidate_ids[c]] = 1;
    for (int64_t p = 0; p < batch.positive_ptr[batch.n_rows]; p++)
        touched[batch.positives[p]] = 1;
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    OK(adaptau_model_apply(w.model, &error));
    const float *after = tables_of(w.model).items;
    for (int i = 0; i < ITEMS; i++)
        ck_assert_int_eq(memcmp(before + i * DIM, after + i * DIM, DIM * sizeof(float)) != 0, touched[i]);
    close_world(&w);
}
END_TEST

START_TEST(order_of_calls_is_checked)
{
    struct world          w = open_default();
    adaptau_gradient_view view = {.struct_size = sizeof view};
    adaptau_batch         batch = first_batch(&w), empty = {.struct_size = sizeof empty};
    ck_assert_int_eq(adaptau_model_apply(w.model, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_model_get_gradient_view(w.model, &view, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_model_gradients(w.model, &empty, w.temperature, NULL, &error), ADAPTAU_E_STATE);
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    OK(adaptau_model_apply(w.model, &error));
    ck_assert_int_eq(adaptau_model_apply(w.model, &error), ADAPTAU_E_STATE);
    close_world(&w);
}
END_TEST

/* ---- a step and the host's executor ------------------------------------------------------------------------------- */

/* Both tables are several tasks of the optimiser; every user has one item. */
enum { MANY_USERS = 600, MANY_ITEMS = 700, TABLES = (MANY_USERS + MANY_ITEMS) * DIM };

/* A model with gradients of all users, and its tables as they are then. */
static adaptau_model *with_gradients(adaptau_context *context, const adaptau_dataset *data, float tables[TABLES])
{
    adaptau_model        *model = NULL;
    adaptau_temperature  *temperature = NULL;
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = DIM});
    adaptau_dataset_view  view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(data, &view, &error));
    adaptau_batch batch = {.struct_size = sizeof batch,
                           .n_rows = MANY_USERS,
                           .positive_ptr = view.user_ptr,
                           .positives = view.user_items};
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_temperature_create(context, data, NULL, &temperature, &error));
    OK(adaptau_model_gradients(model, &batch, temperature, NULL, &error));
    adaptau_temperature_destroy(temperature);
    memcpy(tables, tables_of(model).users, MANY_USERS * DIM * sizeof(float));
    memcpy(tables + MANY_USERS * DIM, tables_of(model).items, MANY_ITEMS * DIM * sizeof(float));
    return model;
}

static bool tables_are(const adaptau_model *model, const float tables[TABLES])
{
    return memcmp(tables, tables_of(model).users, MANY_USERS * DIM * sizeof(float)) == 0 &&
           memcmp(tables + MANY_USERS * DIM, tables_of(model).items, MANY_ITEMS * DIM * sizeof(float)) == 0;
}

/* An executor that runs no lane leaves everything as it was; one that runs a lane and fails then has run all there is to do,
 * because a lane takes work until none is left. Nothing in between. The reference is a step in one go. */
START_TEST(an_executor_that_fails_leaves_no_step_half_made)
{
    static float     before[TABLES], after[TABLES];
    int32_t          users[MANY_USERS], items[MANY_USERS];
    struct host      host;
    adaptau_context *context = open_host(&host, 3, true);
    adaptau_dataset *data = NULL;
    for (int32_t u = 0; u < MANY_USERS; u++) {
        users[u] = u;
        items[u] = (u * 7) % MANY_ITEMS;
    }
    OK(adaptau_dataset_create_from_interactions(context, MANY_USERS, MANY_ITEMS, MANY_USERS, users, items, NULL, &data, &error));
    adaptau_model *model = with_gradients(context, data, before);
    OK(adaptau_model_apply(model, &error));
    memcpy(after, tables_of(model).users, MANY_USERS * DIM * sizeof(float));
    memcpy(after + MANY_USERS * DIM, tables_of(model).items, MANY_ITEMS * DIM * sizeof(float));
    adaptau_model_destroy(model);
    for (int execution = 0; execution < 2; execution++)
        for (int32_t lanes = 0; lanes < 3; lanes++) {
            model = with_gradients(context, data, before);
            host.executions = 0;
            host.failing_execution = execution;
            host.failing_lanes = lanes;
            adaptau_status status = adaptau_model_apply(model, &error);
            ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_CALLBACK);
            ck_assert_int_eq(status == ADAPTAU_E_CALLBACK, host.executions > execution);
            ck_assert(tables_are(model, status == ADAPTAU_OK || lanes ? after : before));
            host.failing_execution = -1;
            bool left = status == ADAPTAU_E_CALLBACK && lanes == 0; /* then it can be made again                      */
            ck_assert_int_eq(adaptau_model_apply(model, &error), left ? ADAPTAU_OK : ADAPTAU_E_STATE);
            ck_assert(tables_are(model, after));
            adaptau_model_destroy(model);
        }
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* A step like one that was made takes its memory from there. _i: an encoder. */
START_TEST(a_step_like_an_earlier_one_allocates_nothing)
{
    struct host      host;
    adaptau_context *context = open_host(&host, 2, true);
    struct world     w = {.context = context, .data = make_data(context)};
    adaptau_model_options   model = full_model_options((adaptau_model_options){.encoder = _i, .dim = DIM});
    adaptau_sampler_options sampler = full_sampler_options((adaptau_sampler_options){.rows_per_batch = USERS});
    OK(adaptau_model_create(context, w.data, &model, &w.model, &error));
    OK(adaptau_sampler_create(context, w.data, &sampler, &w.sampler, &error));
    OK(adaptau_temperature_create(context, w.data, NULL, &w.temperature, &error));
    for (int step = 0; step < 4; step++) {
        const int64_t before = host.allocations;
        adaptau_batch batch = first_batch(&w);
        OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
        OK(adaptau_model_apply(w.model, &error));
        ck_assert_msg(step < 2 || host.allocations == before, "%d allocations in step %d", (int)(host.allocations - before), step);
    }
    close_world(&w);
}
END_TEST

/* ---- soft targets --------------------------------------------------------------------------------------------------- */

static double length_of(const float *row, int dim)
{
    double squares = 0.0;
    for (int k = 0; k < dim; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

/* What soft targets add to the gradients, against dense matrices in double precision: 6 users, 5 items. _i: interactions have
 * weights; scores are inner products of rows of any length, on one side or both. */
START_TEST(soft_targets_are_two_steps_of_a_walk)
{
    enum { N = 6, M = 5, D = 3 };
    const int32_t users[12] = {0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 4, 4}, items[12] = {0, 1, 0, 2, 3, 1, 2, 3, 0, 1, 2, 3};
    const float   weights[12] = {1.0f, 2.5f, 0.5f, 1.0f, 4.0f, 3.0f, 1.0f, 0.25f, 2.0f, 2.0f, 1.0f, 7.0f};
    const bool    weighs = _i % 2, raw_users = _i / 2 & 1, raw_items = _i / 4 & 1;
    const double  strength = 2.0, exponent = 0.5;
    adaptau_context           *context = NULL;
    adaptau_dataset           *data = NULL;
    adaptau_model             *model = NULL;
    adaptau_temperature       *temperature = NULL;
    adaptau_sampler           *sampler = NULL;
    adaptau_model_options      model_options = full_model_options((adaptau_model_options){
             .dim = D,
             .init = ADAPTAU_INIT_XAVIER,
             .flags = ADAPTAU_MODEL_FREE_LENGTH | (raw_users ? ADAPTAU_MODEL_RAW_USERS : 0) | (raw_items ? ADAPTAU_MODEL_RAW_ITEMS : 0)});
    adaptau_sampler_options    sampler_options =
        full_sampler_options((adaptau_sampler_options){.row_weight_exponent = exponent});
    adaptau_target_options     options = full_target_options((adaptau_target_options){.strength = strength,
                                                                                      .row_weight_exponent = exponent});
    adaptau_temperature_options fixed =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.25});
    OK(adaptau_context_create(NULL, &context, &error));
    OK(adaptau_dataset_create_from_interactions(context, N, M, 12, users, items, weighs ? weights : NULL, &data, &error));
    OK(adaptau_model_create(context, data, &model_options, &model, &error));
    OK(adaptau_temperature_create(context, data, &fixed, &temperature, &error));
    OK(adaptau_sampler_create(context, data, &sampler_options, &sampler, &error));

    double r[N][M] = {{0}}, nu[N] = {0}, ni[M] = {0}, counts[N] = {0}, walk[N][M] = {{0}};
    for (int p = 0; p < 12; p++) {
        r[users[p]][items[p]] = weighs ? (double)weights[p] : 1.0;
        counts[users[p]] += 1.0;
        nu[users[p]] += r[users[p]][items[p]];
        ni[items[p]] += r[users[p]][items[p]];
    }
    for (int u = 0; u < N; u++) /* P N, entry by entry                                                          */
        for (int i = 0; i < M; i++)
            for (int v = 0; v < N; v++)
                for (int j = 0; j < M; j++)
                    if (r[u][i] * r[v][i] * r[v][j] > 0.0)
                        walk[u][j] += r[u][i] * r[v][i] * r[v][j] / nu[u] / ni[i] / nu[v];

    double hard_users[N][D], hard_items[M][D];
    adaptau_tables t = tables_of(model);
    double         e_users[N][D], e_items[M][D], n_users[N], n_items[M]; /* as scores take them, and their lengths          */
    for (int u = 0; u < N; u++) {
        n_users[u] = raw_users ? 1.0 : length_of(t.users + u * D, D);
        for (int c = 0; c < D; c++)
            e_users[u][c] = (double)t.users[u * D + c] / n_users[u];
    }
    for (int j = 0; j < M; j++) {
        n_items[j] = raw_items ? 1.0 : length_of(t.items + j * D, D);
        for (int c = 0; c < D; c++)
            e_items[j][c] = (double)t.items[j * D + c] / n_items[j];
    }
    for (int soft = 0; soft < 2; soft++) {
        adaptau_batch         batch = {.struct_size = sizeof batch};
        adaptau_gradient_view view = {.struct_size = sizeof view};
        adaptau_step          step = {.struct_size = sizeof step};
        if (soft)
            OK(adaptau_model_update_targets(model, data, temperature, &options, &error));
        OK(adaptau_sampler_begin_epoch(sampler, 0, &error));
        OK(adaptau_sampler_next(sampler, &batch, &error));
        ck_assert_int_eq(batch.n_rows, 5); /* one user has no items: all the others are in the batch            */
        OK(adaptau_model_gradients(model, &batch, temperature, &step, &error));
        OK(adaptau_model_get_gradient_view(model, &view, &error));
        for (int64_t k = 0; k < view.n_users; k++)
            for (int d = 0; d < D; d++) {
                int    u = view.user_ids[k];
                double e = strength / (strength + counts[u]), change = 0.0, along = 0.0;
                for (int j = 0; j < M; j++) /* − W e/τ Σ_j (q − p)_uj v_j, on the tangent                       */
                    for (int c = 0; c < D; c++) {
                        double weight = -pow(nu[u], exponent) * e / 0.25;
                        double g = weight * (walk[u][j] - r[u][j] / nu[u]) * e_items[j][c];
                        along += g * e_users[u][c];
                        change += c == d ? g : 0.0;
                    }
                change = (change - (raw_users ? 0.0 : along * e_users[u][d])) / n_users[u];
                if (!soft)
                    hard_users[u][d] = (double)view.users[k * D + d];
                else
                    ck_assert(fabs((double)view.users[k * D + d] - hard_users[u][d] - change) < 1e-4 * fmax(1.0, fabs(change)));
            }
        for (int j = 0; j < M; j++)
            for (int d = 0; d < D; d++) {
                double change = 0.0, along = 0.0;
                for (int u = 0; u < N; u++)
                    for (int c = 0; c < D && nu[u] > 0.0; c++) {
                        double e = strength / (strength + counts[u]);
                        double weight = -pow(nu[u], exponent) * e / 0.25;
                        double g = weight * (walk[u][j] - r[u][j] / nu[u]) * e_users[u][c];
                        along += g * e_items[j][c];
                        change += c == d ? g : 0.0;
                    }
                change = (change - (raw_items ? 0.0 : along * e_items[j][d])) / n_items[j];
                if (!soft)
                    hard_items[j][d] = (double)view.items[j * D + d];
                else
                    ck_assert(fabs((double)view.items[j * D + d] - hard_items[j][d] - change) < 1e-4 * fmax(1.0, fabs(change)));
            }
    }
    options.strength = NAN;
    ck_assert_int_eq(adaptau_model_update_targets(model, data, temperature, &options, &error), ADAPTAU_E_NUMERIC);
    options.strength = -1.0;
    ck_assert_int_eq(adaptau_model_update_targets(model, data, temperature, &options, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_update_targets(model, data, temperature, NULL, &error), ADAPTAU_E_ARGUMENT);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(row_second_moment_is_adam_with_one_scale_for_a_row)
{
    struct world  w = open_world((adaptau_context_options){.n_threads = 1},
                                 (adaptau_model_options){.flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT | ADAPTAU_MODEL_FREE_LENGTH,
                                                         .learning_rate_items = 0.05,
                                                         .beta1_items = 0.8,
                                                         .beta2 = 0.99},
                                 (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    static double first[ITEMS * DIM], second[ITEMS];
    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    adaptau_batch batch = first_batch(&w);
    for (int t = 1; t <= 3; t++) {
        static float          before[ITEMS * DIM], gradients[ITEMS * DIM];
        adaptau_gradient_view view = {.struct_size = sizeof view};
        OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
        OK(adaptau_model_get_gradient_view(w.model, &view, &error));
        memcpy(before, tables_of(w.model).items, sizeof before);
        memcpy(gradients, view.items, sizeof gradients);
        OK(adaptau_model_apply(w.model, &error));
        const float *after = tables_of(w.model).items;
        for (int i = 0; i < ITEMS; i++) {
            double mean = 0.0;
            for (int k = 0; k < DIM; k++)
                mean += (double)gradients[i * DIM + k] * (double)gradients[i * DIM + k] / DIM;
            second[i] = 0.99 * second[i] + 0.01 * mean;
            for (int k = 0; k < DIM; k++) {
                double *m = &first[i * DIM + k];
                *m = 0.8 * *m + 0.2 * (double)gradients[i * DIM + k];
                double step = *m / (1.0 - pow(0.8, t)) / sqrt(second[i] / (1.0 - pow(0.99, t)));
                double want = (double)before[i * DIM + k] - 0.05 * step;
                ck_assert(fabs((double)after[i * DIM + k] - want) < 2e-5);
            }
        }
    }
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model: step");
    TCase *tests = tcase_create("model: step");
    tcase_set_timeout(tests, 300);
    tcase_add_test(tests, rows_of_a_user_are_summed);
    tcase_add_test(tests, apply_is_adam);
    tcase_add_test(tests, untouched_rows_do_not_move);
    tcase_add_test(tests, order_of_calls_is_checked);
    tcase_add_test(tests, an_executor_that_fails_leaves_no_step_half_made);
    tcase_add_loop_test(tests, a_step_like_an_earlier_one_allocates_nothing, 0, 3);
    tcase_add_loop_test(tests, soft_targets_are_two_steps_of_a_walk, 0, 8);
    tcase_add_test(tests, row_second_moment_is_adam_with_one_scale_for_a_row);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
