/* SPDX-License-Identifier: MIT */
/* The model: initialisation, training, top-K, files. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"
#include "files/safetensors.h"

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
    OK(top_items(w->model, USERS, users, 10, w->data, items, NULL, &error));
    for (int32_t u = 0; u < USERS; u++)
        for (int k = 0; k < 10; k++)
            own += items[u * 10 + k] % GROUPS == u % GROUPS;
    return own / (USERS * 10.0);
}

/* ---- training ---------------------------------------------------------------------------------------------------------- */

/* _i: kind of sampler (5) x policy */
START_TEST(training_learns_the_groups)
{
    const int32_t policies[] = {ADAPTAU_TAU_USER_NONE, ADAPTAU_TAU_USER_BY_LOSS, ADAPTAU_TAU_USER_MINIMISER};
    struct world  w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0},
                                 (adaptau_sampler_options){.kind = _i % 5,
                                                           .n_candidates = 50,
                                                           .rows_per_batch = 64,
                                                           .flags = _i % 2 ? ADAPTAU_SAMPLER_LOG_Q : 0},
                                 (adaptau_temperature_options){.tau_user_policy = policies[_i / 5]});
    train(&w, 30);
    ck_assert_msg(own_group_share(&w) > 0.7, "%g", own_group_share(&w));
    close_world(&w);
}
END_TEST

START_TEST(loss_falls)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0},
                                (adaptau_sampler_options){0},
                                (adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.2});
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
        for (int32_t i = 0; i < ITEMS; i++) {
            const double off = fabs(row_length(t.items + (int64_t)i * DIM, DIM) - 1.0);
            if (!(off <= worst)) /* a NaN is the worst                                                       */
                worst = off;
        }
        ck_assert(free_length ? worst > 0.01 : worst < 1e-6);
        ck_assert_int_eq((t.flags & ADAPTAU_UNIT_ROWS) != 0, !free_length);
        close_world(&w);
    }
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
        largest = fabs((double)t.items[i]) <= largest ? largest : fabs((double)t.items[i]);
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
    OK(top_items(w.model, 3, users, 25, w.data, items, scores, &error));
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

/* The lists of a user, and the scores, by a model. */
struct shown {
    int32_t items[5];
    float   scores[5];
};

static struct shown show(const adaptau_model *model)
{
    const int32_t user = 3;
    struct shown  shown;
    OK(top_items(model, 1, &user, 5, NULL, shown.items, shown.scores, &error));
    return shown;
}

static void expect_shown(const adaptau_model *model, const struct shown *want)
{
    const struct shown got = show(model);
    ck_assert_mem_eq(got.items, want->items, sizeof want->items);
    for (int k = 0; k < 5; k++)
        ck_assert_float_eq_tol(got.scores[k], want->scores[k], 1e-5f);
}

/* The last values of a file of floats. */
static void read_tail(const char *name, float *out, size_t n)
{
    FILE *file = fopen(name, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, -(long)(n * sizeof *out), SEEK_END), 0);
    ck_assert_uint_eq(fread(out, sizeof *out, n, file), n);
    fclose(file);
}

/* Rows of any length in a host's arrays are directions wherever they go before the first step: files, exports, a model that grows
 * and steps, and soft targets. */
START_TEST(rows_of_the_host_are_directions_wherever_they_go)
{
    static float users[USERS * DIM], items[ITEMS * DIM], out[ITEMS * DIM];
    random_state = 5;
    for (int k = 0; k < USERS * DIM; k++)
        users[k] = (float)(int)draw(1000) / 100.0f - 5.0f;
    for (int k = 0; k < ITEMS * DIM; k++)
        items[k] = (float)(int)draw(1000) / 100.0f - 5.0f;
    struct world       w = open_world((adaptau_context_options){.n_threads = 2},
                                      (adaptau_model_options){.init = ADAPTAU_INIT_HOST, .host_users = users, .host_items = items},
                                      (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    const struct shown want = show(w.model);
    adaptau_model       *other = NULL;
    adaptau_temperature *temperature = NULL;
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_load(w.context, path, &other, &error));
    expect_shown(other, &want);
    adaptau_model_destroy(other);
    OK(adaptau_model_save_checkpoint(w.model, w.temperature, NULL, path, &error));
    OK(adaptau_model_load_checkpoint(w.context, w.data, path, &other, &temperature, NULL, &error));
    expect_shown(other, &want);
    adaptau_model_destroy(other);
    adaptau_temperature_destroy(temperature);
    OK(adaptau_model_grow(w.model, w.data, NULL, &other, &error));
    expect_shown(other, &want);
    adaptau_model_destroy(other);
    for (int index = 0; index < 2; index++) {
        OK((index ? adaptau_model_export_index : adaptau_model_export_npy)(w.model, ADAPTAU_SIDE_ITEMS, path, &error));
        read_tail(path, out, ITEMS * DIM);
        for (int i = 0; i < ITEMS; i++) {
            float square = 0.0f;
            for (int k = 0; k < DIM; k++)
                square += out[i * DIM + k] * out[i * DIM + k];
            ck_assert_float_eq_tol(square, 1.0f, 1e-5f);
        }
    }
    close_world(&w);
}
END_TEST

/* Gradients of a first step with soft targets, which are formed before it: of long rows and of the same rows at length 1. */
START_TEST(soft_targets_take_rows_of_the_host_as_directions)
{
    static float                 users[2][USERS * DIM], items[2][ITEMS * DIM], gradients[2][ITEMS * DIM];
    const adaptau_target_options options = full_target_options((adaptau_target_options){.strength = 3.0});
    random_state = 5;
    for (int k = 0; k < USERS * DIM; k++)
        users[0][k] = users[1][k] = (float)(int)draw(1000) / 100.0f - 5.0f;
    for (int k = 0; k < ITEMS * DIM; k++)
        items[0][k] = items[1][k] = (float)(int)draw(1000) / 100.0f - 5.0f;
    for (int way = 0; way < 2; way++) {
        struct world w = open_world((adaptau_context_options){.n_threads = 2},
                                    (adaptau_model_options){.init = ADAPTAU_INIT_HOST, .host_users = users[way], .host_items = items[way]},
                                    (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
        adaptau_gradient_view view = {.struct_size = sizeof view};
        if (way) {
            OK(adaptau_normalise_rows(w.context, USERS, DIM, users[1], DIM, users[1], DIM, NULL, &error));
            OK(adaptau_normalise_rows(w.context, ITEMS, DIM, items[1], DIM, items[1], DIM, NULL, &error));
            OK(adaptau_model_refresh(w.model, &error));
        }
        OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
        OK(adaptau_model_update_targets(w.model, w.data, w.temperature, &options, &error));
        adaptau_batch batch = first_batch(&w);
        OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
        OK(adaptau_model_get_gradient_view(w.model, &view, &error));
        ck_assert_int_eq(view.n_items, ITEMS);
        memcpy(gradients[way], view.items, sizeof gradients[way]);
        close_world(&w);
    }
    for (int k = 0; k < ITEMS * DIM; k++)
        ck_assert_float_eq_tol(gradients[0][k], gradients[1][k], 1e-3f);
}
END_TEST

/* Rows that a training has left are as near to length 1 as rows get: a model made from a copy of them scores them as they are, and its
 * first gradients change no bit of them. */
START_TEST(rows_of_a_training_go_on_bit_for_bit)
{
    static float   users[USERS * DIM], items[ITEMS * DIM], copies[2][(USERS > ITEMS ? USERS : ITEMS) * DIM];
    struct world   w = open_default();
    adaptau_tables tables = {.struct_size = sizeof tables}, again = tables;
    adaptau_model *model = NULL;
    adaptau_batch  batch;
    train(&w, 2);
    OK(adaptau_model_get_tables(w.model, &tables, &error));
    for (int u = 0; u < USERS; u++)
        memcpy(users + u * DIM, tables.users + u * tables.user_stride, DIM * sizeof(float));
    for (int i = 0; i < ITEMS; i++)
        memcpy(items + i * DIM, tables.items + i * tables.item_stride, DIM * sizeof(float));
    memcpy(copies[0], users, sizeof users);
    memcpy(copies[1], items, sizeof items);
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = DIM, .init = ADAPTAU_INIT_HOST,
                                                                               .host_users = users, .host_items = items});
    OK(adaptau_model_create(w.context, w.data, &options, &model, &error));
    OK(adaptau_model_get_tables(model, &again, &error));
    ck_assert_uint_eq(again.flags, tables.flags);
    batch = first_batch(&w);
    OK(adaptau_model_gradients(model, &batch, w.temperature, NULL, &error));
    ck_assert_mem_eq(users, copies[0], sizeof users);
    ck_assert_mem_eq(items, copies[1], sizeof items);
    adaptau_model_destroy(model);
    close_world(&w);
}
END_TEST

/* The host's arrays are the host's until a step is asked for, and after adaptau_model_refresh rows of any length are directions. */
START_TEST(rows_of_the_host_stay_until_a_step_and_score_by_direction)
{
    static float users[USERS * DIM], items[ITEMS * DIM], copies[2][(USERS > ITEMS ? USERS : ITEMS) * DIM];
    const int32_t user = 3;
    int32_t       best[2][5];
    float         scores[2][5];
    random_state = 5;
    for (int k = 0; k < USERS * DIM; k++)
        users[k] = (float)(int)draw(1000) / 100.0f - 5.0f;
    for (int k = 0; k < ITEMS * DIM; k++)
        items[k] = (float)(int)draw(1000) / 100.0f - 5.0f;
    memcpy(copies[0], users, sizeof users);
    memcpy(copies[1], items, sizeof items);
    struct world w = open_world((adaptau_context_options){.n_threads = 2},
                                (adaptau_model_options){.init = ADAPTAU_INIT_HOST, .host_users = users, .host_items = items},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    OK(top_items(w.model, 1, &user, 5, NULL, best[0], scores[0], &error));
    OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
    ck_assert_mem_eq(users, copies[0], sizeof users);
    ck_assert_mem_eq(items, copies[1], sizeof items);
    train(&w, 1);
    for (int round = 0; round < 2; round++) { /* the second time the host has made them longer                    */
        for (int k = 0; k < ITEMS * DIM; k++)
            items[k] *= round ? 1.0f + (float)(k / DIM % 7) : 1.0f;
        OK(adaptau_model_refresh(w.model, &error));
        OK(top_items(w.model, 1, &user, 5, NULL, best[round], scores[round], &error));
    }
    ck_assert_mem_eq(best[0], best[1], sizeof best[0]);
    for (int k = 0; k < 5; k++)
        ck_assert_float_eq_tol(scores[0][k], scores[1][k], 1e-5f);
    train(&w, 1); /* which brings them back                                                                        */
    for (int i = 0; i < ITEMS; i++) {
        float square = 0.0f;
        for (int k = 0; k < DIM; k++)
            square += items[i * DIM + k] * items[i * DIM + k];
        ck_assert_float_eq_tol(square, 1.0f, 1e-4f);
    }
    adaptau_batch batch = {.struct_size = sizeof batch}; /* a host that says nothing is told which call it has forgotten */
    for (int k = 0; k < DIM; k++)
        items[2 * DIM + k] = 1e30f;
    OK(adaptau_sampler_begin_epoch(w.sampler, 1, &error));
    OK(adaptau_sampler_next(w.sampler, &batch, &error));
    ck_assert_int_eq(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error), ADAPTAU_E_NUMERIC);
    ck_assert_ptr_nonnull(strstr(error.message, "row 2 of host_items has lost its length of 1: adaptau_model_refresh"));
    OK(adaptau_model_refresh(w.model, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    close_world(&w);
}
END_TEST

START_TEST(top_k_fills_up_and_rejects)
{
    struct world w = open_default();
    int32_t      user = 3, bad = USERS, *items = calloc(ITEMS + 50, sizeof(int32_t));
    OK(top_items(w.model, 1, &user, ITEMS + 50, NULL, items, NULL, &error));
    ck_assert_int_ge(items[ITEMS - 1], 0);
    ck_assert_int_eq(items[ITEMS], -1);
    ck_assert_int_eq(top_items(w.model, 1, &bad, 5, NULL, items, NULL, &error), ADAPTAU_E_INDEX);
    ck_assert_ptr_nonnull(strstr(error.message, "query->ids[0] = 120, but n_users = 120"));
    ck_assert_int_eq(top_items(w.model, 1, &user, 0, NULL, items, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(top_items(w.model, 1, &user, 5, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(top_items(w.model, 0, NULL, 5, NULL, NULL, NULL, &error), ADAPTAU_OK);
    ck_assert_int_eq(top_items(NULL, 1, &user, 5, NULL, items, NULL, &error), ADAPTAU_E_ARGUMENT);
    free(items);
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
    OK(top_items(w.model, 1, &user, 1, NULL, &item, NULL, &error));
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

/* A temperature of more users would go unnoticed: every one of the model's has a value in it. */
START_TEST(a_temperature_of_another_size_does_not_fit)
{
    const int32_t          sizes[4][2] = {{USERS - 1, ITEMS}, {USERS + 1, ITEMS}, {USERS, ITEMS - 1}, {USERS, ITEMS + 1}};
    const int32_t          user = 0, item = 0;
    struct world           w = open_default();
    adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 1.0});
    adaptau_batch          batch = first_batch(&w);
    for (int i = 0; i < 4; i++) {
        adaptau_dataset     *data = NULL;
        adaptau_temperature *other = NULL;
        char                 message[80];
        snprintf(message, sizeof message, "temperature is of %d users x %d items, but the model of %d x %d", sizes[i][0],
                 sizes[i][1], USERS, ITEMS);
        OK(adaptau_dataset_create_from_interactions(w.context, sizes[i][0], sizes[i][1], 1, &user, &item, NULL, &data, &error));
        OK(adaptau_temperature_create(w.context, data, NULL, &other, &error));
        ck_assert_int_eq(adaptau_model_update_targets(w.model, w.data, other, &targets, &error), ADAPTAU_E_SHAPE);
        ck_assert_str_eq(error.message, message);
        ck_assert_int_eq(adaptau_model_gradients(w.model, &batch, other, NULL, &error), ADAPTAU_E_SHAPE);
        ck_assert_str_eq(error.message, message);
        ck_assert_int_eq(adaptau_model_update_temperature(w.model, other, &error), ADAPTAU_E_SHAPE);
        adaptau_temperature_destroy(other);
        adaptau_dataset_destroy(data);
    }
    OK(adaptau_model_update_targets(w.model, w.data, w.temperature, &targets, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
    close_world(&w);
}
END_TEST

START_TEST(an_empty_dataset_makes_a_model_that_cannot_learn)
{
    struct world     w = open_default();
    adaptau_dataset *empty = NULL;
    adaptau_model   *model = NULL;
    OK(adaptau_dataset_create_from_interactions(w.context, 0, 0, 0, NULL, NULL, NULL, &empty, &error));
    OK(adaptau_model_create(w.context, empty, NULL, &model, &error));
    adaptau_batch batch = {.struct_size = sizeof batch};
    ck_assert_int_eq(adaptau_model_gradients(model, &batch, w.temperature, NULL, &error), ADAPTAU_E_STATE);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(empty);
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

/* A file that says its rows have length 1, but whose squares overflow or underflow in float32: the rows are put right all the
 * same, and are as they are from then on. */
START_TEST(rows_of_any_length_load_with_length_1)
{
    const float               lengths[] = {1e-38f, 3e-23f, 1e-3f, 2.0f, 1e19f, 3e38f};
    float                     rows[6][2];
    const struct atau_tensor  tensors[] = {{"user_embeddings", 6, 2, rows, 2, ATAU_F32},
                                           {"item_embeddings", 6, 2, rows, 2, ATAU_F32}};
    const struct atau_metadata metadata = {"adaptau.score", "cosine"};
    adaptau_model             *model = NULL;
    struct world               w = open_default();
    for (int r = 0; r < 6; r++) {
        rows[r][0] = 0.6f * lengths[r];
        rows[r][1] = -0.8f * lengths[r];
    }
    OK(atau_safetensors_write(atau_to_path(path), 2, tensors, 1, &metadata, &error));
    OK(adaptau_model_load(w.context, path, &model, &error));
    const adaptau_tables tables = tables_of(model);
    for (int r = 0; r < 6; r++) {
        ck_assert_float_eq_tol(tables.users[r * tables.user_stride], 0.6f, 1e-6f);
        ck_assert_float_eq_tol(tables.items[r * tables.item_stride + 1], -0.8f, 1e-6f);
    }
    adaptau_model_destroy(model);
    close_world(&w);
}
END_TEST

/* ---- threads -------------------------------------------------------------------------------------------------------- */

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
    TCase *tests = tcase_create("model");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, training_learns_the_groups, 0, 15);
    tcase_add_test(tests, loss_falls);
    tcase_add_test(tests, rows_stay_on_the_sphere_unless_free);
    tcase_add_test(tests, host_tables_are_trained_in_place);
    tcase_add_test(tests, xavier_stays_within_its_bound);
    tcase_add_test(tests, spectral_start_separates_the_groups);
    tcase_add_test(tests, top_k_is_the_brute_force_ranking);
    tcase_add_test(tests, top_k_fills_up_and_rejects);
    tcase_add_test(tests, rows_of_the_host_stay_until_a_step_and_score_by_direction);
    tcase_add_test(tests, rows_of_a_training_go_on_bit_for_bit);
    tcase_add_test(tests, rows_of_the_host_are_directions_wherever_they_go);
    tcase_add_test(tests, soft_targets_take_rows_of_the_host_as_directions);
    tcase_add_test(tests, item_bias_moves_the_ranking_and_is_saved);
    tcase_add_loop_test(tests, save_and_load_keep_every_bit, 0, 4);
    tcase_add_test(tests, a_missing_or_foreign_file_is_an_error);
    tcase_add_test(tests, rows_of_any_length_load_with_length_1);
    tcase_add_test(tests, two_threads_in_one_model_get_e_state);
    tcase_add_test(tests, a_temperature_of_another_size_does_not_fit);
    tcase_add_test(tests, an_empty_dataset_makes_a_model_that_cannot_learn);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
