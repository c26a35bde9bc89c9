/* SPDX-License-Identifier: MIT */
/* Models and temperatures that grow: nothing is forgotten, and new rows start where they should. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../support/options.h"
#include "../support/suite.h"
#include "../support/trained_world.h"

#define MORE_USERS 10
#define MORE_ITEMS 6

static adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(data, &view, &error));
    return view;
}

/* The pairs of the world and new ones: new users but the last have two old items and a new one; new item k has some old users,
 * but for the last, which has nobody. */
static adaptau_dataset *larger_data(const struct world *w)
{
    static int32_t   users[4000], items[4000];
    adaptau_dataset *data = NULL;
    int              n = copy_interactions(w->data, users, items);
    for (int32_t k = 0; k < MORE_USERS - 1; k++) {
        users[n] = USERS + k, items[n++] = k;
        users[n] = USERS + k, items[n++] = 40 + 3 * k;
        users[n] = USERS + k, items[n++] = ITEMS + k % (MORE_ITEMS - 1);
    }
    for (int32_t k = 0; k < MORE_ITEMS - 1; k++)
        for (int32_t u = k; u < USERS; u += 20 + k)
            users[n] = u, items[n++] = ITEMS + k;
    OK(adaptau_dataset_create_from_interactions(w->context, USERS + MORE_USERS, ITEMS + MORE_ITEMS, n, users, items, NULL, &data, &error));
    return data;
}

/* Moments, counts, dropout and temperatures are all in what comes next. */
START_TEST(goes_on_bit_for_bit_when_nothing_is_new)
{
    struct world w = open_trained(_i), g = w;
    OK(adaptau_model_grow(w.model, w.data, NULL, &g.model, &error));
    OK(adaptau_temperature_grow(w.temperature, w.data, &g.temperature, &error));
    expect_same_rows(w.model, g.model);
    train(&w, 2);
    train(&g, 2);
    expect_same_rows(w.model, g.model);
    ck_assert_int_eq(memcmp(adaptau_temperature_user_taus(w.temperature), adaptau_temperature_user_taus(g.temperature),
                            sizeof(float) * USERS), 0);
    adaptau_model_destroy(g.model);
    adaptau_temperature_destroy(g.temperature);
    close_world(&w);
}
END_TEST

static double mean_length(const float *rows, int n)
{
    double sum = 0.0;
    for (int r = 0; r < n; r++) {
        double squares = 0.0;
        for (int k = 0; k < DIM; k++)
            squares += pow((double)rows[r * DIM + k], 2.0);
        sum += sqrt(squares) / n;
    }
    return sum;
}

/* The row against the sum of the directions of some rows, at a length. */
static void check_direction(const float *row, int64_t n, const int32_t *ids, int32_t n_rows, const float *rows, double length)
{
    double want[DIM] = {0.0}, squares = 0.0;
    for (int64_t p = 0; p < n; p++) {
        const double scale = ids[p] < n_rows ? 1.0 / mean_length(rows + ids[p] * DIM, 1) : 0.0;
        for (int k = 0; k < DIM && scale > 0.0; k++)
            want[k] += scale * (double)rows[ids[p] * DIM + k];
    }
    for (int k = 0; k < DIM; k++)
        squares += want[k] * want[k];
    for (int k = 0; k < DIM; k++)
        ck_assert_double_eq_tol((double)row[k], length * want[k] / sqrt(squares), 1e-5);
}

START_TEST(new_rows_start_at_their_neighbours)
{
    struct world               w = open_trained(_i);
    adaptau_dataset           *data = larger_data(&w);
    const adaptau_dataset_view v = view_of(data);
    adaptau_model             *grown = NULL;
    OK(adaptau_model_grow(w.model, data, NULL, &grown, &error));
    expect_same_rows(w.model, grown);
    const adaptau_tables old = raw_tables_of(w.model), t = raw_tables_of(grown);
    const bool           sphere = _i == 0;
    const double         user_length = sphere ? 1.0 : mean_length(old.users, USERS);
    const double         item_length = sphere ? 1.0 : mean_length(old.items, ITEMS);
    ck_assert(t.n_users == USERS + MORE_USERS && t.n_items == ITEMS + MORE_ITEMS);
    for (int i = ITEMS; i < ITEMS + MORE_ITEMS - 1; i++)
        check_direction(t.items + i * DIM, v.item_ptr[i + 1] - v.item_ptr[i], v.item_users + v.item_ptr[i], USERS, t.users,
                        item_length);
    for (int u = USERS; u < USERS + MORE_USERS - 1; u++)
        check_direction(t.users + u * DIM, v.user_ptr[u + 1] - v.user_ptr[u], v.user_items + v.user_ptr[u], t.n_items, t.items,
                        user_length);
    ck_assert_double_eq_tol(mean_length(t.users + (USERS + MORE_USERS - 1) * DIM, 1), user_length, 1e-5);
    ck_assert_double_eq_tol(mean_length(t.items + (ITEMS + MORE_ITEMS - 1) * DIM, 1), item_length, 1e-5);
    adaptau_model_destroy(grown);
    adaptau_dataset_destroy(data);
    close_world(&w);
}
END_TEST

START_TEST(new_users_are_folded_in)
{
    struct world               w = open_trained(0);
    adaptau_dataset           *data = larger_data(&w);
    const adaptau_dataset_view v = view_of(data);
    const adaptau_fold_in_options options =
        full_fold_in_options(w.model, (adaptau_fold_in_options){.tau = 0.15, .target_strength = 2.0});
    adaptau_model             *grown = NULL;
    adaptau_fold_in              *fold = NULL;
    float                      rows[MORE_USERS * DIM];
    int64_t                    ptr[MORE_USERS + 1];
    for (int k = 0; k <= MORE_USERS; k++)
        ptr[k] = v.user_ptr[USERS + k] - v.user_ptr[USERS];
    OK(adaptau_model_grow(w.model, data, &options, &grown, &error));
    OK(adaptau_fold_in_create(grown, data, &options, &fold, &error));
    OK(adaptau_fold_in_users(fold, MORE_USERS, ptr, v.user_items + v.user_ptr[USERS], NULL, rows, NULL, &error));
    const adaptau_tables t = raw_tables_of(grown);
    ck_assert_int_eq(memcmp(t.users + USERS * DIM, rows, sizeof(float) * (MORE_USERS - 1) * DIM), 0);
    ck_assert_double_eq_tol(mean_length(t.users + (USERS + MORE_USERS - 1) * DIM, 1), 1.0, 1e-5); /* has no items      */
    adaptau_fold_in_destroy(fold);
    adaptau_model_destroy(grown);
    adaptau_dataset_destroy(data);
    close_world(&w);
}
END_TEST

START_TEST(trains_on_with_the_larger_data)
{
    struct world            w = open_trained(_i), g = w;
    adaptau_sampler_options sampler = full_sampler_options((adaptau_sampler_options){.rows_per_batch = 32});
    float                   bias[ITEMS] = {0.5f};
    g.data = larger_data(&w);
    g.sampler = NULL;
    OK(adaptau_model_set_item_bias(w.model, bias, &error));
    OK(adaptau_model_grow(w.model, g.data, NULL, &g.model, &error));
    OK(adaptau_temperature_grow(w.temperature, g.data, &g.temperature, &error));
    OK(adaptau_sampler_create(w.context, g.data, &sampler, &g.sampler, &error));
    const float *taus = adaptau_temperature_user_taus(g.temperature);
    ck_assert_int_eq(memcmp(taus, adaptau_temperature_user_taus(w.temperature), sizeof(float) * USERS), 0);
    adaptau_temperature_state state = {.struct_size = sizeof state};
    OK(adaptau_temperature_get_state(g.temperature, &state, &error));
    ck_assert_int_eq(state.n_updates, 2);
    ck_assert_int_eq(state.n_users_counted, USERS + MORE_USERS);
    for (int u = USERS; u < USERS + MORE_USERS; u++)
        ck_assert_float_eq(taus[u], (float)state.tau0);
    train(&g, 1);
    const adaptau_tables t = tables_of(g.model);
    ck_assert(t.item_bias[0] == 0.5f && t.item_bias[ITEMS + MORE_ITEMS - 1] == 0.0f);
    adaptau_sampler_destroy(g.sampler);
    adaptau_temperature_destroy(g.temperature);
    adaptau_model_destroy(g.model);
    adaptau_dataset_destroy(g.data);
    close_world(&w);
}
END_TEST

/* From nobody: all users are new, the first one like the others. _i: a policy of users. */
START_TEST(a_temperature_of_no_users_grows)
{
    const int32_t                     policies[] = {ADAPTAU_TAU_USER_NONE, ADAPTAU_TAU_USER_BY_LOSS, ADAPTAU_TAU_USER_LEARNED};
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau_user_policy = policies[_i]});
    adaptau_temperature_state state = {.struct_size = sizeof state};
    struct world         w = open_trained(0);
    adaptau_dataset     *nobody = NULL;
    adaptau_temperature *temperature = NULL, *grown = NULL;
    float                taus[USERS], positives[USERS];
    OK(adaptau_dataset_create_from_interactions(w.context, 0, ITEMS, 0, NULL, NULL, NULL, &nobody, &error));
    OK(adaptau_temperature_create(w.context, nobody, &options, &temperature, &error));
    OK(adaptau_temperature_get_state(temperature, &state, &error));
    state.tau0 = 0.35; /* another one than a new temperature has                                               */
    if (policies[_i] != ADAPTAU_TAU_USER_LEARNED)
        OK(adaptau_temperature_set_state(temperature, &state, NULL, &error));
    OK(adaptau_temperature_get_state(temperature, &state, &error));
    OK(adaptau_temperature_grow(temperature, w.data, &grown, &error));
    OK(adaptau_temperature_rows(grown, USERS, NULL, taus, positives, &error));
    for (int32_t u = 0; u < USERS; u++) {
        ck_assert_msg(taus[u] == (float)state.tau0 && positives[u] == (float)state.tau0, "user %d has %g", (int)u, (double)taus[u]);
        ck_assert(adaptau_temperature_user_taus(grown)[u] == (float)state.tau0);
    }
    adaptau_temperature_destroy(grown);
    adaptau_temperature_destroy(temperature);
    adaptau_dataset_destroy(nobody);
    close_world(&w);
}
END_TEST

START_TEST(grows_what_was_made_without_options)
{
    struct world         w = open_trained(0);
    adaptau_temperature *temperature = NULL, *grown = NULL;
    adaptau_model       *model = NULL, *grown_model = NULL;
    OK(adaptau_temperature_create(w.context, w.data, NULL, &temperature, &error));
    OK(adaptau_model_create(w.context, w.data, NULL, &model, &error));
    OK(adaptau_temperature_grow(temperature, w.data, &grown, &error));
    OK(adaptau_model_grow(model, w.data, NULL, &grown_model, &error));
    ck_assert_int_eq(memcmp(adaptau_temperature_user_taus(temperature), adaptau_temperature_user_taus(grown), sizeof(float) * USERS), 0);
    adaptau_model_destroy(grown_model);
    adaptau_model_destroy(model);
    adaptau_temperature_destroy(grown);
    adaptau_temperature_destroy(temperature);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("grow");
    TCase *tests = tcase_create("grow");
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, goes_on_bit_for_bit_when_nothing_is_new, 0, MODELS);
    tcase_add_loop_test(tests, new_rows_start_at_their_neighbours, 0, MODELS);
    tcase_add_test(tests, new_users_are_folded_in);
    tcase_add_loop_test(tests, trains_on_with_the_larger_data, 0, MODELS);
    tcase_add_loop_test(tests, a_temperature_of_no_users_grows, 0, 3);
    tcase_add_test(tests, grows_what_was_made_without_options);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
