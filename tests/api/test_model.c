/* SPDX-License-Identifier: MIT */
/* The model: initialisation, gradients, optimiser, top-K, files, and what it does with bad input. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- a small world: 4 groups of users who like 4 groups of items ------------------------------------------------------ */

#define USERS 120
#define ITEMS 200
#define DIM 16
#define GROUPS 4

struct world {
    adaptau_context     *context;
    adaptau_dataset     *data;
    adaptau_model       *model;
    adaptau_sampler     *sampler;
    adaptau_temperature *temperature;
};

static adaptau_error error;

#define OK(call) ck_assert_msg((call) == ADAPTAU_OK, "%s", error.message)

static uint32_t random_state;

static uint32_t draw(uint32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (uint32_t)((uint64_t)(random_state >> 8) * n >> 24);
}

static adaptau_dataset *make_data(adaptau_context *context)
{
    enum { PAIRS = 2400 };
    int32_t          users[PAIRS], items[PAIRS];
    adaptau_dataset *data = NULL;
    random_state = 7;
    for (int p = 0; p < PAIRS; p++) {
        users[p] = (int32_t)draw(USERS);
        items[p] = (int32_t)(draw(10) ? draw(ITEMS / GROUPS) * GROUPS + (uint32_t)users[p] % GROUPS : draw(ITEMS));
    }
    OK(adaptau_dataset_create_from_pairs(context, USERS, ITEMS, PAIRS, users, items, &data, &error));
    return data;
}

static struct world open_world(adaptau_context_options context, adaptau_model_options model, adaptau_sampler_options sampler,
                               adaptau_temperature_options temperature)
{
    struct world w = {0};
    context.struct_size = sizeof context;
    model.struct_size = sizeof model;
    sampler.struct_size = sizeof sampler;
    temperature.struct_size = sizeof temperature;
    model.dim = model.dim ? model.dim : DIM;
    sampler.rows_per_batch = sampler.rows_per_batch ? sampler.rows_per_batch : 32;
    OK(adaptau_context_create(&context, &w.context, &error));
    w.data = make_data(w.context);
    OK(adaptau_model_create(w.context, w.data, &model, &w.model, &error));
    OK(adaptau_sampler_create(w.context, w.data, &sampler, &w.sampler, &error));
    OK(adaptau_temperature_create(w.context, w.data, &temperature, &w.temperature, &error));
    return w;
}

static struct world open_default(void)
{
    return open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0}, (adaptau_sampler_options){0},
                      (adaptau_temperature_options){0});
}

static void close_world(struct world *w)
{
    adaptau_temperature_destroy(w->temperature);
    adaptau_sampler_destroy(w->sampler);
    adaptau_model_destroy(w->model);
    adaptau_dataset_destroy(w->data);
    adaptau_context_destroy(w->context);
}

static adaptau_tables tables_of(const adaptau_model *model)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    OK(adaptau_model_tables(model, &tables, &error));
    return tables;
}

static double train(struct world *w, int64_t epochs)
{
    double loss = 0.0;
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        adaptau_step  step = {.struct_size = sizeof step};
        int64_t       terms = 0;
        loss = 0.0;
        OK(adaptau_model_update_temperature(w->model, w->temperature, &error));
        OK(adaptau_sampler_begin_epoch(w->sampler, epoch, &error));
        while (adaptau_sampler_next(w->sampler, &batch, &error) == ADAPTAU_OK && batch.n_rows > 0) {
            OK(adaptau_model_gradients(w->model, &batch, w->temperature, &step, &error));
            OK(adaptau_model_apply(w->model, &error));
            loss += step.loss;
            terms += step.n_terms;
        }
        loss /= (double)(terms ? terms : 1);
    }
    return loss;
}

static adaptau_batch first_batch(struct world *w)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    OK(adaptau_sampler_begin_epoch(w->sampler, 0, &error));
    OK(adaptau_sampler_next(w->sampler, &batch, &error));
    return batch;
}

static double row_length(const float *row, int32_t dim)
{
    double squares = 0.0;
    for (int32_t k = 0; k < dim; k++)
        squares += (double)row[k] * (double)row[k];
    return sqrt(squares);
}

/* Share of each user's 10 best unseen items that belong to its own group; 1/4 by chance. */
static double own_group_share(struct world *w)
{
    int32_t users[USERS], items[USERS * 10];
    int     own = 0;
    for (int32_t u = 0; u < USERS; u++)
        users[u] = u;
    OK(adaptau_model_top_k(w->model, USERS, users, 10, w->data, items, NULL, &error));
    for (int32_t u = 0; u < USERS; u++)
        for (int k = 0; k < 10; k++)
            own += items[u * 10 + k] % GROUPS == u % GROUPS;
    return own / (USERS * 10.0);
}

/* ---- a folder for files ------------------------------------------------------------------------------------------------- */

static char folder[] = "/tmp/adaptau-test-XXXXXX";
static char path[64];

static void make_folder(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

/* ---- training ---------------------------------------------------------------------------------------------------------- */

/* _i: kind of sampler (5) x policy */
START_TEST(training_learns_the_groups)
{
    const int32_t policies[] = {ADAPTAU_TAU_USER_NONE, ADAPTAU_TAU_USER_EQ16, ADAPTAU_TAU_USER_EQ15};
    struct world  w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0},
                                 (adaptau_sampler_options){.kind = _i % 5,
                                                           .n_candidates = 50,
                                                           .rows_per_batch = 64,
                                                           .flags = _i % 2 ? ADAPTAU_SAMPLER_LOG_Q : 0},
                                 (adaptau_temperature_options){.tau_user = policies[_i / 5]});
    train(&w, 30);
    ck_assert_msg(own_group_share(&w) > 0.7, "%g", own_group_share(&w));
    close_world(&w);
}
END_TEST

START_TEST(loss_falls)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0},
                                (adaptau_sampler_options){0},
                                (adaptau_temperature_options){.tau0 = ADAPTAU_TAU0_FIXED, .tau = 0.2});
    double before = train(&w, 1), after = train(&w, 6);
    ck_assert_msg(after < before - 0.3, "%g, then %g", before, after);
    close_world(&w);
}
END_TEST

START_TEST(rows_stay_on_the_sphere_unless_free)
{
    for (int free_length = 0; free_length < 2; free_length++) {
        struct world w = open_world((adaptau_context_options){.n_threads = 1},
                                    (adaptau_model_options){.flags = free_length ? ADAPTAU_MODEL_FREE_LENGTH : 0},
                                    (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
        train(&w, 2);
        adaptau_tables t = tables_of(w.model);
        double         worst = 0.0;
        for (int32_t i = 0; i < ITEMS; i++)
            worst = fmax(worst, fabs(row_length(t.items + (int64_t)i * DIM, DIM) - 1.0));
        ck_assert(free_length ? worst > 0.01 : worst < 1e-6);
        ck_assert_int_eq((t.flags & ADAPTAU_UNIT_ROWS) != 0, !free_length);
        close_world(&w);
    }
}
END_TEST

START_TEST(three_epochs_are_bitwise_equal_for_any_number_of_threads)
{
    const int32_t counts[] = {1, 2, 3, 4, 7};
    static float  items[ITEMS * DIM], users[USERS * DIM];
    for (int c = 0; c < 5; c++) {
        struct world w = open_world(
            (adaptau_context_options){.n_threads = counts[c]},
            (adaptau_model_options){.seed = 3, .init = _i == 4 ? ADAPTAU_INIT_SPECTRAL : ADAPTAU_INIT_SPHERE},
            (adaptau_sampler_options){.kind = _i, .seed = 5, .n_candidates = 33},
            (adaptau_temperature_options){.tau_user = ADAPTAU_TAU_USER_EQ16, .tau0 = _i % 3});
        train(&w, 3);
        adaptau_tables t = tables_of(w.model);
        if (c == 0) {
            memcpy(items, t.items, sizeof items);
            memcpy(users, t.users, sizeof users);
        }
        ck_assert_mem_eq(items, t.items, sizeof items);
        ck_assert_mem_eq(users, t.users, sizeof users);
        close_world(&w);
    }
}
END_TEST

/* ---- gradients and optimiser -------------------------------------------------------------------------------------------- */

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
    adaptau_softmax_output   output = {.struct_size = sizeof output, .user_gradients = rows};
    adaptau_gradient_view    view = {.struct_size = sizeof view};
    OK(adaptau_temperature_get_state(w.temperature, &state, &error));
    adaptau_row_temperatures temperatures = {.struct_size = sizeof temperatures, .tau = (float)state.tau0};
    OK(adaptau_softmax(w.context, &tables, &batch, &temperatures, &output, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    OK(adaptau_model_gradient_view(w.model, &view, &error));
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
            OK(adaptau_model_gradient_view(w.model, &view, &error));
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
    ck_assert_int_eq(adaptau_model_gradient_view(w.model, &view, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_model_gradients(w.model, &empty, w.temperature, NULL, &error), ADAPTAU_E_STATE);
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    OK(adaptau_model_apply(w.model, &error));
    ck_assert_int_eq(adaptau_model_apply(w.model, &error), ADAPTAU_E_STATE);
    close_world(&w);
}
END_TEST

/* What soft targets add to the gradients, against dense matrices in double precision: 6 users, 5 items. */
START_TEST(soft_targets_are_two_steps_of_a_walk)
{
    enum { N = 6, M = 5, D = 3 };
    const int32_t users[12] = {0, 0, 1, 1, 1, 2, 3, 3, 4, 4, 4, 4}, items[12] = {0, 1, 0, 2, 3, 1, 2, 3, 0, 1, 2, 3};
    const double  strength = 2.0, exponent = 0.5;
    adaptau_context           *context = NULL;
    adaptau_dataset           *data = NULL;
    adaptau_model             *model = NULL;
    adaptau_temperature       *temperature = NULL;
    adaptau_sampler           *sampler = NULL;
    adaptau_model_options      model_options = {.struct_size = sizeof model_options, .dim = D};
    adaptau_sampler_options    sampler_options = {.struct_size = sizeof sampler_options, .row_weight_exponent = exponent};
    adaptau_target_options     options = {
            .struct_size = sizeof options, .strength = strength, .row_weight_exponent = exponent};
    adaptau_temperature_options fixed = {.struct_size = sizeof fixed, .tau0 = ADAPTAU_TAU0_FIXED, .tau = 0.25};
    OK(adaptau_context_create(NULL, &context, &error));
    OK(adaptau_dataset_create_from_pairs(context, N, M, 12, users, items, &data, &error));
    OK(adaptau_model_create(context, data, &model_options, &model, &error));
    OK(adaptau_temperature_create(context, data, &fixed, &temperature, &error));
    OK(adaptau_sampler_create(context, data, &sampler_options, &sampler, &error));

    double r[N][M] = {{0}}, nu[N] = {0}, ni[M] = {0}, walk[N][M] = {{0}};
    for (int p = 0; p < 12; p++) {
        r[users[p]][items[p]] = 1.0;
        nu[users[p]] += 1.0;
        ni[items[p]] += 1.0;
    }
    for (int u = 0; u < N; u++) /* P N, entry by entry                                                          */
        for (int i = 0; i < M; i++)
            for (int v = 0; v < N; v++)
                for (int j = 0; j < M; j++)
                    if (r[u][i] * r[v][i] * r[v][j] > 0.0)
                        walk[u][j] += 1.0 / nu[u] / ni[i] / nu[v];

    double hard_users[N][D], hard_items[M][D];
    adaptau_tables t = tables_of(model);
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
        OK(adaptau_model_gradient_view(model, &view, &error));
        for (int64_t k = 0; k < view.n_users; k++)
            for (int d = 0; d < D; d++) {
                int    u = view.user_ids[k];
                double e = strength / (strength + nu[u]), change = 0.0, along = 0.0;
                for (int j = 0; j < M; j++) /* − W e/τ Σ_j (q − p)_uj v_j, on the tangent                       */
                    for (int c = 0; c < D; c++) {
                        double weight = -pow(nu[u], exponent) * e / 0.25;
                        double g = weight * (walk[u][j] - r[u][j] / nu[u]) * (double)t.items[j * D + c];
                        along += g * (double)t.users[u * D + c];
                        change += c == d ? g : 0.0;
                    }
                change -= along * (double)t.users[u * D + d];
                if (!soft)
                    hard_users[u][d] = (double)view.users[k * D + d];
                else
                    ck_assert(fabs((double)view.users[k * D + d] - hard_users[u][d] - change) < 1e-4);
            }
        for (int j = 0; j < M; j++)
            for (int d = 0; d < D; d++) {
                double change = 0.0, along = 0.0;
                for (int u = 0; u < N; u++)
                    for (int c = 0; c < D && nu[u] > 0.0; c++) {
                        double e = strength / (strength + nu[u]);
                        double weight = -pow(nu[u], exponent) * e / 0.25;
                        double g = weight * (walk[u][j] - r[u][j] / nu[u]) * (double)t.users[u * D + c];
                        along += g * (double)t.items[j * D + c];
                        change += c == d ? g : 0.0;
                    }
                change -= along * (double)t.items[j * D + d];
                if (!soft)
                    hard_items[j][d] = (double)view.items[j * D + d];
                else
                    ck_assert(fabs((double)view.items[j * D + d] - hard_items[j][d] - change) < 1e-4);
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
        OK(adaptau_model_gradient_view(w.model, &view, &error));
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

START_TEST(item_bias_moves_the_ranking_and_is_saved)
{
    struct world   w = open_default();
    float          bias[ITEMS] = {0};
    int32_t        user = 3, item = -1;
    adaptau_model *again = NULL;
    bias[42] = 5.0f;
    OK(adaptau_model_set_item_bias(w.model, bias, &error));
    ck_assert(tables_of(w.model).item_bias[42] == 5.0f);
    OK(adaptau_model_top_k(w.model, 1, &user, 1, NULL, &item, NULL, &error));
    ck_assert_int_eq(item, 42);
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_load(w.context, path, &again, &error));
    ck_assert_mem_eq(tables_of(again).item_bias, bias, sizeof bias);
    bias[7] = NAN;
    ck_assert_int_eq(adaptau_model_set_item_bias(w.model, bias, &error), ADAPTAU_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.message, "bias[7]"));
    OK(adaptau_model_set_item_bias(w.model, NULL, &error));
    ck_assert_ptr_null(tables_of(w.model).item_bias);
    adaptau_model_destroy(again);
    close_world(&w);
}
END_TEST

/* ---- tables -------------------------------------------------------------------------------------------------------------- */

START_TEST(host_tables_are_trained_in_place)
{
    enum { STRIDE = DIM + 3 };
    static float users[USERS * STRIDE], items[ITEMS * STRIDE];
    for (int i = 0; i < USERS * STRIDE; i++)
        users[i] = (float)sin(i * 0.7);
    for (int i = 0; i < ITEMS * STRIDE; i++)
        items[i] = (float)cos(i * 0.3);
    const float  gap = items[DIM + 1];
    struct world w = open_world((adaptau_context_options){.n_threads = 2},
                                (adaptau_model_options){.init = ADAPTAU_INIT_HOST,
                                                        .host_users = users,
                                                        .host_items = items,
                                                        .host_user_stride = STRIDE,
                                                        .host_item_stride = STRIDE},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    const float  before = items[5 * STRIDE];
    ck_assert_ptr_eq(tables_of(w.model).items, items);
    train(&w, 1);
    ck_assert(items[5 * STRIDE] != before);
    ck_assert(items[DIM + 1] == gap); /* what lies between the rows is the host's                                */
    close_world(&w);
    ck_assert(isfinite(items[0]));
}
END_TEST

START_TEST(xavier_stays_within_its_bound)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 1},
                                (adaptau_model_options){.init = ADAPTAU_INIT_XAVIER,
                                                        .flags = ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    adaptau_tables t = tables_of(w.model);
    double         bound = sqrt(6.0 / (ITEMS + DIM)), largest = 0.0;
    for (int i = 0; i < ITEMS * DIM; i++)
        largest = fmax(largest, fabs((double)t.items[i]));
    ck_assert(largest <= bound && largest > 0.98 * bound);
    ck_assert_uint_eq(t.flags & ADAPTAU_NORMALISE_BOTH, 0);
    close_world(&w);
}
END_TEST

/* The spectral start spans what a dense power iteration in double precision finds: the top singular value of the normalised
 * interactions is 1 with vector sqrt(degree), so every row's first coordinate has one sign and the groups come next. */
START_TEST(spectral_start_separates_the_groups)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2},
                                (adaptau_model_options){.init = ADAPTAU_INIT_SPECTRAL, .dim = 4},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    adaptau_tables t = tables_of(w.model);
    int            same_sign = 0;
    for (int u = 0; u < USERS; u++)
        same_sign += (t.users[u * 4] > 0.0f) == (t.users[0] > 0.0f);
    ck_assert_int_eq(same_sign, USERS);
    ck_assert_msg(own_group_share(&w) > 0.9, "%g", own_group_share(&w));
    close_world(&w);
}
END_TEST

/* ---- top-K ------------------------------------------------------------------------------------------------------- */

START_TEST(top_k_is_the_brute_force_ranking)
{
    struct world         w = open_default();
    int32_t              users[3] = {0, 77, 119}, items[3 * 25];
    float                scores[3 * 25];
    adaptau_dataset_view data = {.struct_size = sizeof data};
    train(&w, 2);
    OK(adaptau_dataset_get_view(w.data, &data, &error));
    OK(adaptau_model_top_k(w.model, 3, users, 25, w.data, items, scores, &error));
    adaptau_tables t = tables_of(w.model);
    for (int r = 0; r < 3; r++) {
        double score[ITEMS];
        for (int i = 0; i < ITEMS; i++) {
            score[i] = 0.0;
            for (int k = 0; k < DIM; k++)
                score[i] += (double)t.users[users[r] * DIM + k] * (double)t.items[i * DIM + k];
        }
        for (int64_t p = data.user_ptr[users[r]]; p < data.user_ptr[users[r] + 1]; p++)
            score[data.user_items[p]] = -INFINITY;
        for (int k = 0; k < 25; k++) {
            int better = 0;
            for (int i = 0; i < ITEMS; i++)
                better += score[i] > score[items[r * 25 + k]] + 1e-6;
            ck_assert_int_le(better, k);
            ck_assert(fabs((double)scores[r * 25 + k] - score[items[r * 25 + k]]) < 1e-5);
            ck_assert(k == 0 || scores[r * 25 + k] <= scores[r * 25 + k - 1]);
        }
    }
    close_world(&w);
}
END_TEST

START_TEST(top_k_fills_up_and_rejects)
{
    struct world w = open_default();
    int32_t      user = 3, bad = USERS, *items = calloc(ITEMS + 50, sizeof(int32_t));
    OK(adaptau_model_top_k(w.model, 1, &user, ITEMS + 50, NULL, items, NULL, &error));
    ck_assert_int_ge(items[ITEMS - 1], 0);
    ck_assert_int_eq(items[ITEMS], -1);
    ck_assert_int_eq(adaptau_model_top_k(w.model, 1, &bad, 5, NULL, items, NULL, &error), ADAPTAU_E_INDEX);
    ck_assert_ptr_nonnull(strstr(error.message, "users[0] = 120, but n_users = 120"));
    ck_assert_int_eq(adaptau_model_top_k(w.model, 1, &user, 0, NULL, items, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_top_k(w.model, 1, NULL, 5, NULL, items, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_top_k(w.model, 0, NULL, 5, NULL, NULL, NULL, &error), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_model_top_k(NULL, 1, &user, 5, NULL, items, NULL, &error), ADAPTAU_E_ARGUMENT);
    free(items);
    close_world(&w);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------------------------- */

START_TEST(save_and_load_keep_every_bit)
{
    const uint32_t flags[] = {0, ADAPTAU_MODEL_FREE_LENGTH, ADAPTAU_MODEL_RAW_ITEMS,
                              ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS | ADAPTAU_MODEL_FREE_LENGTH};
    struct world   w = open_world((adaptau_context_options){.n_threads = 1}, (adaptau_model_options){.flags = flags[_i]},
                                  (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    adaptau_model *again = NULL;
    train(&w, 1);
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_load(w.context, path, &again, &error));
    adaptau_tables a = tables_of(w.model), b = tables_of(again);
    ck_assert_uint_eq(a.flags, b.flags);
    ck_assert_mem_eq(a.users, b.users, USERS * DIM * sizeof(float));
    ck_assert_mem_eq(a.items, b.items, ITEMS * DIM * sizeof(float));
    adaptau_model_destroy(again);
    close_world(&w);
}
END_TEST

START_TEST(a_missing_or_foreign_file_is_an_error)
{
    struct world   w = open_default();
    adaptau_model *model = NULL;
    ck_assert_int_eq(adaptau_model_load(w.context, "/nonexistent/model", &model, &error), ADAPTAU_E_IO);
    FILE *file = fopen(path, "w");
    fputs("this is no model", file);
    fclose(file);
    ck_assert_int_eq(adaptau_model_load(w.context, path, &model, &error), ADAPTAU_E_FORMAT);
    ck_assert_int_eq(adaptau_model_load(w.context, NULL, &model, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(adaptau_model_save(w.model, "/nonexistent/model", &error), ADAPTAU_E_IO);
    ck_assert_int_ne(error.os_error, 0);
    close_world(&w);
}
END_TEST

/* ---- bad input --------------------------------------------------------------------------------------------------- */

START_TEST(rejects_bad_options)
{
    static float host[USERS * DIM];
    const struct {
        adaptau_model_options options;
        adaptau_status        status;
        const char           *message;
    } bad[] = {
        {{.dim = -1}, ADAPTAU_E_ARGUMENT, "dim = -1"},
        {{.dim = 65537}, ADAPTAU_E_ARGUMENT, "dim = 65537"},
        {{.encoder = 3}, ADAPTAU_E_ARGUMENT, "encoder = 3"},
        {{.init = 9}, ADAPTAU_E_ARGUMENT, "init = 9"},
        {{.flags = 64}, ADAPTAU_E_ARGUMENT, "flags"},
        {{.reserved = 1}, ADAPTAU_E_ARGUMENT, "reserved"},
        {{.init = ADAPTAU_INIT_HOST}, ADAPTAU_E_ARGUMENT, "host_users"},
        {{.host_users = host, .host_user_stride = 2}, ADAPTAU_E_SHAPE, "host_user_stride = 2"},
        {{.learning_rate_users = NAN}, ADAPTAU_E_NUMERIC, "learning_rate_users"},
        {{.learning_rate_items = -1.0}, ADAPTAU_E_ARGUMENT, "learning_rate_items = -1"},
        {{.beta1_users = 1.0}, ADAPTAU_E_ARGUMENT, "beta1_users = 1"},
        {{.beta2 = INFINITY}, ADAPTAU_E_NUMERIC, "beta2"},
        {{.weight_decay = -0.5}, ADAPTAU_E_ARGUMENT, "weight_decay"},
    };
    struct world w = open_default();
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        adaptau_model_options options = bad[i].options;
        adaptau_model        *model = NULL;
        options.struct_size = sizeof options;
        ck_assert_int_eq(adaptau_model_create(w.context, w.data, &options, &model, &error), bad[i].status);
        ck_assert_msg(strstr(error.message, bad[i].message) != NULL, "%s", error.message);
        ck_assert_ptr_null(model);
    }
    ck_assert_int_eq(adaptau_model_create(NULL, w.data, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_create(w.context, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_model_set_learning_rates(w.model, NAN, 0.1, &error), ADAPTAU_E_NUMERIC);
    ck_assert_int_eq(adaptau_model_set_learning_rates(w.model, 0.1, -0.1, &error), ADAPTAU_E_ARGUMENT);
    adaptau_model_destroy(NULL);
    close_world(&w);
}
END_TEST

START_TEST(non_finite_host_rows_are_named)
{
    static float  users[USERS * DIM], items[ITEMS * DIM];
    struct world  w = open_default();
    adaptau_model *model = NULL;
    memcpy(users, tables_of(w.model).users, sizeof users);
    memcpy(items, tables_of(w.model).items, sizeof items);
    items[17 * DIM + 4] = NAN;
    adaptau_model_options options = {.struct_size = sizeof options,
                                     .dim = DIM,
                                     .init = ADAPTAU_INIT_HOST,
                                     .host_users = users,
                                     .host_items = items};
    ck_assert_int_eq(adaptau_model_create(w.context, w.data, &options, &model, &error), ADAPTAU_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.message, "host_items[17]"));
    close_world(&w);
}
END_TEST

START_TEST(an_empty_dataset_makes_a_model_that_cannot_learn)
{
    struct world     w = open_default();
    adaptau_dataset *empty = NULL;
    adaptau_model   *model = NULL;
    OK(adaptau_dataset_create_from_pairs(w.context, 0, 0, 0, NULL, NULL, &empty, &error));
    OK(adaptau_model_create(w.context, empty, NULL, &model, &error));
    adaptau_batch batch = {.struct_size = sizeof batch};
    ck_assert_int_eq(adaptau_model_gradients(model, &batch, w.temperature, NULL, &error), ADAPTAU_E_STATE);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(empty);
    close_world(&w);
}
END_TEST

struct heap {
    int64_t allocations, fail_at, bytes;
};

static void *count_and_allocate(void *user_data, size_t size, size_t alignment)
{
    struct heap *heap = user_data;
    if (++heap->allocations == heap->fail_at)
        return NULL;
    heap->bytes += (int64_t)size;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void count_and_free(void *user_data, void *block, size_t size)
{
    ((struct heap *)user_data)->bytes -= (int64_t)size;
    free(block);
}

/* create, one step, save, load: the Nth allocation fails, for every N. */
static adaptau_status live_once(adaptau_context *context)
{
    adaptau_dataset        *data = NULL;
    adaptau_model          *model = NULL, *again = NULL;
    adaptau_temperature    *temperature = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_batch           batch = {.struct_size = sizeof batch};
    adaptau_model_options   options = {.struct_size = sizeof options, .dim = DIM, .init = ADAPTAU_INIT_SPECTRAL};
    const int32_t           users[3] = {0, 1, 2}, items[3] = {4, 5, 6};
    adaptau_sampler_options sampling = {
        .struct_size = sizeof sampling, .kind = ADAPTAU_SAMPLER_SHARED_UNIFORM, .n_candidates = 9};
    adaptau_status status = adaptau_dataset_create_from_pairs(context, 3, 8, 3, users, items, &data, NULL);
    if (!status)
        status = adaptau_model_create(context, data, &options, &model, NULL);
    if (!status)
        status = adaptau_temperature_create(context, data, NULL, &temperature, NULL);
    if (!status)
        status = adaptau_sampler_create(context, data, &sampling, &sampler, NULL);
    if (!status)
        status = adaptau_model_update_temperature(model, temperature, NULL);
    if (!status)
        status = adaptau_sampler_begin_epoch(sampler, 0, NULL);
    if (!status)
        status = adaptau_sampler_next(sampler, &batch, NULL);
    if (!status)
        status = adaptau_model_gradients(model, &batch, temperature, NULL, NULL);
    if (!status)
        status = adaptau_model_apply(model, NULL);
    if (!status)
        status = adaptau_model_save(model, path, NULL);
    if (!status)
        status = adaptau_model_load(context, path, &again, NULL);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(again);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    return status;
}

START_TEST(every_failed_allocation_is_an_error_and_leaks_nothing)
{
    struct heap             heap = {0};
    adaptau_context_options options = {.struct_size = sizeof options,
                                       .n_threads = 2,
                                       .allocate = count_and_allocate,
                                       .free = count_and_free,
                                       .allocator_data = &heap};
    adaptau_context        *context = NULL;
    int                     n = 1, failures = 0;
    OK(adaptau_context_create(&options, &context, &error));
    int64_t idle = heap.bytes;
    for (adaptau_status status = ADAPTAU_E_MEMORY; status != ADAPTAU_OK; n++) {
        heap.allocations = 0;
        heap.fail_at = n;
        status = live_once(context);
        ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_MEMORY);
        ck_assert_int_eq(heap.bytes, idle);
        failures += status != ADAPTAU_OK;
        ck_assert_int_lt(n, 500);
    }
    ck_assert_int_gt(failures, 15);
    adaptau_context_destroy(context);
    ck_assert_int_eq(heap.bytes, 0);
}
END_TEST

/* Two threads in one model: one of them may be refused, and nothing breaks. */
static void *step_often(void *argument)
{
    struct world *w = argument;
    int32_t       users[2] = {1, 2}, positives[2] = {3, 4};
    int64_t       ptr[3] = {0, 1, 2};
    adaptau_batch batch = {
        .struct_size = sizeof batch, .n_rows = 2, .users = users, .positive_ptr = ptr, .positives = positives};
    int           strange = 0;
    adaptau_error own;
    for (int i = 0; i < 200; i++) {
        adaptau_status status = adaptau_model_gradients(w->model, &batch, w->temperature, NULL, &own);
        strange += status != ADAPTAU_OK && status != ADAPTAU_E_STATE;
        status = adaptau_model_apply(w->model, &own);
        strange += status != ADAPTAU_OK && status != ADAPTAU_E_STATE;
    }
    return strange ? NULL : argument;
}

START_TEST(two_threads_in_one_model_get_e_state)
{
    struct world w = open_default();
    pthread_t    thread;
    void        *outcome = NULL;
    ck_assert_int_eq(pthread_create(&thread, NULL, step_often, &w), 0);
    ck_assert_ptr_nonnull(step_often(&w));
    pthread_join(thread, &outcome);
    ck_assert_ptr_nonnull(outcome);
    train(&w, 1);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model");
    TCase *all = tcase_create("model");
    tcase_add_unchecked_fixture(all, make_folder, remove_folder);
    tcase_set_timeout(all, 300);
    tcase_add_loop_test(all, training_learns_the_groups, 0, 15);
    tcase_add_test(all, loss_falls);
    tcase_add_test(all, rows_stay_on_the_sphere_unless_free);
    tcase_add_loop_test(all, three_epochs_are_bitwise_equal_for_any_number_of_threads, 0, 5);
    tcase_add_test(all, rows_of_a_user_are_summed);
    tcase_add_test(all, apply_is_adam);
    tcase_add_test(all, soft_targets_are_two_steps_of_a_walk);
    tcase_add_test(all, row_second_moment_is_adam_with_one_scale_for_a_row);
    tcase_add_test(all, item_bias_moves_the_ranking_and_is_saved);
    tcase_add_test(all, untouched_rows_do_not_move);
    tcase_add_test(all, order_of_calls_is_checked);
    tcase_add_test(all, host_tables_are_trained_in_place);
    tcase_add_test(all, xavier_stays_within_its_bound);
    tcase_add_test(all, spectral_start_separates_the_groups);
    tcase_add_test(all, top_k_is_the_brute_force_ranking);
    tcase_add_test(all, top_k_fills_up_and_rejects);
    tcase_add_loop_test(all, save_and_load_keep_every_bit, 0, 4);
    tcase_add_test(all, a_missing_or_foreign_file_is_an_error);
    tcase_add_test(all, rejects_bad_options);
    tcase_add_test(all, non_finite_host_rows_are_named);
    tcase_add_test(all, an_empty_dataset_makes_a_model_that_cannot_learn);
    tcase_add_test(all, every_failed_allocation_is_an_error_and_leaks_nothing);
    tcase_add_test(all, two_threads_in_one_model_get_e_state);
    suite_add_tcase(suite, all);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}
