/* SPDX-License-Identifier: MIT */
/* τ₀ and the moments behind it against tests/reference/temperature.txt, its policies and bounds, and the counts of published
 * data sets where $ADAPTAU_DATA_DIR has them. */
#include <adaptau/temperature.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/suite.h"
#include "../support/temperature_fixture.h"

/* ---- τ₀ ------------------------------------------------------------------------------------------------------------- */

enum { COUNTED, LOG_RATIO, MEAN, VARIANCE, MEAN_POSITIVE, VARIANCE_POSITIVE, TAU_EQ14, TAU_EQ34, TAU_EQ11, N_MOMENTS };

static double *read_moments(uint32_t flags, double quantile)
{
    char    key[32];
    int     n;
    snprintf(key, sizeof key, "moments_%u_%d", flags, (int)(10 * quantile));
    double *moments = reference_read(TEMPERATURE_FILE, key, &n);
    ck_assert_int_eq(n, N_MOMENTS);
    return moments;
}

static void check_moments(const adaptau_temperature_state *state, const double *expected)
{
    ck_assert_int_eq(state->n_users_counted, (int64_t)expected[COUNTED]);
    check_close("L", state->log_ratio, expected[LOG_RATIO], 1e-14);
    check_close("mu", state->mean_all, expected[MEAN], 1e-6);
    check_close("sigma^2", state->variance_all, expected[VARIANCE], 1e-6);
    check_close("mu+", state->mean_positive, expected[MEAN_POSITIVE], 1e-6);
    check_close("sigma+^2", state->variance_positive, expected[VARIANCE_POSITIVE], 1e-6);
}

static void check_policies(uint32_t flags, double quantile)
{
    const struct {
        int32_t policy;
        int     index;
        double  tolerance;
    } policies[] = {{ADAPTAU_TAU0_FIRST_ORDER, TAU_EQ14, 1e-6},
                    {ADAPTAU_TAU0_SECOND_ORDER, TAU_EQ34, 1e-5},
                    {ADAPTAU_TAU0_EXACT, TAU_EQ11, 1e-5}};
    const adaptau_tables tables = make_tables(flags);
    double              *expected = read_moments(flags, quantile);
    double               delta = expected[MEAN_POSITIVE] - expected[MEAN];
    double               radicand =
        delta * delta + 2 * (expected[VARIANCE_POSITIVE] - expected[VARIANCE]) * expected[LOG_RATIO];
    for (int i = 0; i < 3; i++) {
        adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = policies[i].policy, .degree_quantile = quantile));
        adaptau_temperature_state state = update(temperature, &tables);
        uint32_t                  flag =
            policies[i].policy == ADAPTAU_TAU0_SECOND_ORDER && radicand < 0 ? ADAPTAU_TEMPERATURE_RADICAND : 0;
        check_moments(&state, expected);
        check_close("tau0", state.tau0, expected[policies[i].index], policies[i].tolerance);
        ck_assert_uint_eq(state.flags, flag);
        ck_assert_int_eq(state.n_updates, 2);
        ck_assert_double_eq(state.tau_user_min, state.tau0);
        ck_assert_double_eq(state.tau_user_max, state.tau0);
        for (int32_t u = 0; u < n_users; u++)
            ck_assert_float_eq(adaptau_temperature_user_taus(temperature)[u], (float)state.tau0);
        adaptau_temperature_destroy(temperature);
    }
    free(expected);
}

START_TEST(moments_and_tau0_equal_their_definitions)
{
    for (uint32_t flags = 0; flags < 4; flags++) {
        check_policies(flags, 0.0);
        check_policies(flags, 0.4);
    }
}
END_TEST

START_TEST(unit_rows_are_taken_as_they_are)
{
    const uint32_t       flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS;
    const adaptau_tables tables = make_tables(flags);
    double              *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    adaptau_temperature *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT));
    ck_assert_int_eq(adaptau_normalise_rows(context, n_users, dim, users, dim, users, dim, NULL, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_normalise_rows(context, n_items, dim, items, dim, items, dim, NULL, NULL), ADAPTAU_OK);
    adaptau_temperature_state state = update(temperature, &tables);
    check_moments(&state, expected);
    check_close("tau0", state.tau0, expected[TAU_EQ11], 1e-5);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(strides_change_nothing)
{
    adaptau_tables       tables = make_tables(ADAPTAU_NORMALISE_USERS);
    adaptau_temperature *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state packed = update(temperature, &tables);
    adaptau_temperature_destroy(temperature);
    float *wide = malloc((size_t)(n_users + n_items) * 20 * sizeof *wide);
    for (int32_t r = 0; r < n_users + n_items; r++)
        for (int32_t k = 0; k < 20; k++)
            wide[r * 20 + k] = k >= dim       ? NAN
                               : r < n_users ? users[r * dim + k]
                                             : items[(r - n_users) * dim + k];
    tables.users = wide;
    tables.items = wide + n_users * 20;
    tables.user_stride = tables.item_stride = 20;
    temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state strided = update(temperature, &tables);
    ck_assert_mem_eq(&packed, &strided, sizeof packed);
    adaptau_temperature_destroy(temperature);
    free(wide);
}
END_TEST

/* Squares of such scores are beyond float32; moments are double. */
START_TEST(raw_tables_of_any_size_have_moments)
{
    const adaptau_tables tables = make_tables(0);
    double              *expected = read_moments(0, 0.0);
    for (int32_t k = 0; k < n_users * dim; k++)
        users[k] *= 1e30f;
    for (int32_t k = 0; k < n_items * dim; k++)
        items[k] *= 1e-12f;
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_SECOND_ORDER));
    adaptau_temperature_state state = update(temperature, &tables);
    check_close("mu", state.mean_all, expected[MEAN] * 1e18, 1e-6);
    check_close("sigma^2", state.variance_all, expected[VARIANCE] * 1e36, 1e-6);
    check_close("mu+", state.mean_positive, expected[MEAN_POSITIVE] * 1e18, 1e-6);
    check_close("sigma+^2", state.variance_positive, expected[VARIANCE_POSITIVE] * 1e36, 1e-6);
    ck_assert_double_eq(state.tau0, 10.0);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_BOUNDED);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

/* ---- generated data --------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static double draw(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 11) * 0x1p-53;
}

/* Replace the reference's data. A user's items are pulled towards the user; `common` is a direction that all rows share. */
static void generate(int32_t n, int32_t m, int32_t d, int32_t degree, double common)
{
    adaptau_dataset_destroy(dataset);
    n_users = n;
    n_items = m;
    dim = d;
    users = realloc(users, (size_t)(n * d) * sizeof *users);
    items = realloc(items, (size_t)(m * d) * sizeof *items);
    for (int32_t k = 0; k < n * d; k++)
        users[k] = (float)(draw() - 0.5 + (k % d == 0 ? common : 0.0));
    for (int32_t k = 0; k < m * d; k++)
        items[k] = (float)(draw() - 0.5 + (k % d == 0 ? common : 0.0));
    int32_t *ids = malloc((size_t)(2 * n * degree) * sizeof *ids);
    for (int32_t p = 0; p < n * degree; p++) {
        ids[p] = p / degree;
        ids[n * degree + p] = (int32_t)(draw() * m);
        for (int32_t k = 0; k < d; k++)
            items[ids[n * degree + p] * d + k] += 2.0f * users[ids[p] * d + k];
    }
    ck_assert_int_eq(adaptau_dataset_create_from_interactions(context, n, m, n * degree, ids, ids + n * degree, NULL, &dataset, NULL),
                     ADAPTAU_OK);
    free(ids);
}

/* Cosines in double precision. */
static double cosine(int32_t user, int32_t item)
{
    double xy = 0, xx = 0, yy = 0;
    for (int32_t k = 0; k < dim; k++) {
        double x = (double)users[user * dim + k], y = (double)items[item * dim + k];
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    return xy / sqrt(xx * yy);
}

static void check_generated(double tolerance)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_SECOND_ORDER));
    adaptau_temperature_state state = update(temperature, &tables);
    double                    sum = 0, squares = 0, n = (double)n_users * n_items;
    for (int32_t u = 0; u < n_users; u++)
        for (int32_t i = 0; i < n_items; i++)
            sum += cosine(u, i);
    for (int32_t u = 0; u < n_users; u++)
        for (int32_t i = 0; i < n_items; i++)
            squares += pow(cosine(u, i) - sum / n, 2);
    ck_assert_double_eq_tol(state.mean_all, sum / n, 1e-8);
    check_close("sigma^2", state.variance_all, squares / n, tolerance);
    adaptau_temperature_destroy(temperature);
}

START_TEST(covariances_of_several_panels_add_up)
{
    generate(290, 310, 401, 3, 0.1);
    check_generated(1e-5);
    generate(700, 5, 1, 2, 0.1);
    check_generated(1e-5);
}
END_TEST

/* All cosines are close to 1: σ² is a millionth of μ², and tr(M_u M_i) − μ² in single precision would be noise. */
START_TEST(variance_keeps_its_digits_where_rows_share_a_direction)
{
    generate(300, 200, 16, 1, 200.0);
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature *temperature = create(OPTIONS(.warmup_updates = 1));
    ck_assert_double_lt(update(temperature, &tables).variance_all, 1e-6);
    adaptau_temperature_destroy(temperature);
    check_generated(0.02);
}
END_TEST

START_TEST(results_are_the_same_for_any_number_of_threads)
{
    const int32_t             threads[] = {1, 2, 3, 4, 7};
    adaptau_temperature_state first = {0};
    float                    *first_taus = NULL;
    generate(400, 1200, 24, 3, 0.05);
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    for (int i = 0; i < 5; i++) {
        adaptau_context_options options = {.struct_size = sizeof options, .n_threads = threads[i]};
        adaptau_context        *own = NULL, *shared = context;
        ck_assert_int_eq(adaptau_context_create(&options, &own, NULL), ADAPTAU_OK);
        context = own;
        adaptau_temperature *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT,
                                                          .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS, .exact_sample = 200,
                                                          .tau_min = 0.01));
        for (int32_t u = 0; u < n_users; u++) {
            float loss = 5.0f + (float)(u % 37) * 0.1f;
            ck_assert_int_eq(adaptau_temperature_add_losses(temperature, 1, &u, &loss, NULL, NULL), ADAPTAU_OK);
        }
        adaptau_temperature_state state = update(temperature, &tables);
        ck_assert_uint_eq(state.flags, 0);
        const float *taus = adaptau_temperature_user_taus(temperature);
        if (!first_taus) {
            first = state;
            first_taus = malloc((size_t)n_users * sizeof *first_taus);
            memcpy(first_taus, taus, (size_t)n_users * sizeof *first_taus);
        }
        ck_assert_mem_eq(&state, &first, sizeof state);
        ck_assert_mem_eq(taus, first_taus, (size_t)n_users * sizeof *taus);
        adaptau_temperature_destroy(temperature);
        adaptau_context_destroy(own);
        context = shared;
    }
    free(first_taus);
}
END_TEST

/* ---- policies, bounds and flags ---------------------------------------------------------------------------------------- */

START_TEST(warms_up_by_a_constant_and_measures_meanwhile)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double              *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    const int32_t        policies[] = {ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU0_SECOND_ORDER, ADAPTAU_TAU0_EXACT};
    for (int i = 0; i < 3; i++) {
        adaptau_temperature *temperature =
            create(OPTIONS(.tau0_policy = policies[i], .warmup_updates = 3, .warmup_delta_mu = 0.5));
        adaptau_temperature_state state = state_of(temperature);
        check_close("tau0 at first", state.tau0, 0.5 / expected[LOG_RATIO], 1e-14);
        ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_WARMING_UP);
        ck_assert_int_eq(state.n_updates, 0);
        for (int k = 1; k <= 4; k++) {
            ck_assert_int_eq(adaptau_temperature_update(temperature, &tables, NULL), ADAPTAU_OK);
            state = state_of(temperature);
            check_moments(&state, expected);
            ck_assert_int_eq(state.n_updates, k);
            ck_assert_int_eq((state.flags & ADAPTAU_TEMPERATURE_WARMING_UP) != 0, k <= 3);
            if (k <= 3)
                check_close("tau0", state.tau0, 0.5 / expected[LOG_RATIO], 1e-14);
            else
                check_close("tau0", state.tau0, expected[TAU_EQ14 + i], 1e-5);
        }
        adaptau_temperature_destroy(temperature);
    }
    adaptau_temperature *temperature = create(OPTIONS(.warmup_updates = ADAPTAU_WARMUP_FOR_EVER));
    for (int k = 0; k < 5; k++)
        ck_assert_int_eq(adaptau_temperature_update(temperature, &tables, NULL), ADAPTAU_OK);
    check_close("tau0", state_of(temperature).tau0, 0.7 / expected[LOG_RATIO], 1e-14);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(keeps_tau0_where_positives_score_below_the_mean)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    for (int32_t policy = ADAPTAU_TAU0_FIRST_ORDER; policy <= ADAPTAU_TAU0_EXACT; policy++) {
        adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = policy));
        adaptau_temperature_state before = update(temperature, &tables);
        for (int32_t k = 0; k < n_users * dim; k++)
            users[k] = -users[k];
        adaptau_temperature_state after = update(temperature, &tables);
        ck_assert_double_lt(after.mean_positive, after.mean_all);
        ck_assert_double_eq(after.tau0, before.tau0);
        ck_assert_uint_eq(after.flags, ADAPTAU_TEMPERATURE_KEPT);
        for (int32_t k = 0; k < n_users * dim; k++)
            users[k] = -users[k];
        adaptau_temperature_destroy(temperature);
    }
}
END_TEST

START_TEST(tables_of_zeros_keep_tau0)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    memset(users, 0, (size_t)(n_users * dim) * sizeof *users);
    memset(items, 0, (size_t)(n_items * dim) * sizeof *items);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_SECOND_ORDER));
    adaptau_temperature_state state = update(temperature, &tables);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_KEPT);
    ck_assert_double_eq(state.mean_all, 0.0);
    ck_assert_double_eq(state.variance_all, 0.0);
    ck_assert_double_eq(state.mean_positive, 0.0);
    ck_assert_double_eq(state.variance_positive, 0.0);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(bounds_take_effect_and_are_flagged)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature      *temperature = create(OPTIONS(.tau_min = 2.0, .tau_max = 3.0));
    adaptau_temperature_state state = state_of(temperature);
    ck_assert_double_eq(state.tau0, 2.0);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_WARMING_UP | ADAPTAU_TEMPERATURE_BOUNDED);
    state = update(temperature, &tables);
    ck_assert_double_eq(state.tau0, 2.0);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_BOUNDED);
    adaptau_temperature_destroy(temperature);
    temperature = create(OPTIONS(.tau_min = 0.01, .tau_max = 0.05));
    ck_assert_double_eq(update(temperature, &tables).tau0, 0.05);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(exact_policy_says_when_its_equation_has_no_root)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double                   *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT, .tau_min = 0.15));
    adaptau_temperature_state state = update(temperature, &tables); /* the root is at 0.128                   */
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_NOT_BRACKETED);
    check_close("tau0", state.tau0, expected[TAU_EQ14], 1e-6);
    adaptau_temperature_destroy(temperature);
    temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT, .tau_min = 1.0));
    state = update(temperature, &tables);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_NOT_BRACKETED | ADAPTAU_TEMPERATURE_BOUNDED);
    ck_assert_double_eq(state.tau0, 1.0);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(exact_policy_draws_another_sample_at_each_update)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double              *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    double               taus[4];
    for (int repeat = 0; repeat < 2; repeat++) {
        adaptau_temperature *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_EXACT, .exact_sample = 15));
        for (int k = 0; k < 4; k++) {
            double tau0 = update(temperature, &tables).tau0;
            ck_assert(repeat == 0 || tau0 == taus[k]);
            taus[k] = tau0;
            check_close("tau0 of a sample", tau0, expected[TAU_EQ11], 0.5);
            ck_assert(k == 0 || tau0 != taus[k - 1]);
        }
        adaptau_temperature_destroy(temperature);
    }
    free(expected);
}
END_TEST

START_TEST(fixed_policy_never_changes)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double                   *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.0123));
    adaptau_temperature_state state = state_of(temperature);
    ck_assert_double_eq(state.tau0, 0.0123);
    ck_assert_uint_eq(state.flags, 0);
    state = update(temperature, &tables);
    ck_assert_double_eq(state.tau0, 0.0123);
    ck_assert_uint_eq(state.flags, 0);
    check_moments(&state, expected);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(equal_degrees_count_everyone)
{
    const int32_t ids[] = {0, 1, 2}, liked[] = {4, 2, 0};
    adaptau_dataset_destroy(dataset);
    ck_assert_int_eq(adaptau_dataset_create_from_interactions(context, 3, 10, 3, ids, liked, NULL, &dataset, NULL), ADAPTAU_OK);
    adaptau_temperature *temperature = create(OPTIONS(.degree_quantile = 0.5));
    ck_assert_int_eq(state_of(temperature).n_users_counted, 3);
    ck_assert_double_eq_tol(state_of(temperature).log_ratio, log(5.0), 1e-15);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(users_who_own_most_items_get_the_greatest_temperature)
{
    const int32_t ids[] = {0, 0, 0, 1, 1, 1}, liked[] = {0, 1, 2, 0, 1, 2};
    adaptau_dataset_destroy(dataset);
    n_users = 2;
    n_items = 4;
    ck_assert_int_eq(adaptau_dataset_create_from_interactions(context, 2, 4, 6, ids, liked, NULL, &dataset, NULL), ADAPTAU_OK);
    for (int32_t policy = ADAPTAU_TAU0_FIRST_ORDER; policy <= ADAPTAU_TAU0_EXACT; policy++) {
        adaptau_temperature *temperature = create(OPTIONS(.tau0_policy = policy));
        ck_assert_double_eq(state_of(temperature).tau0, 10.0);
        for (int32_t k = 0; k < 4 * dim; k++)
            items[k] = k < 3 * dim ? 1.0f : -1.0f;
        for (int32_t k = 0; k < 2 * dim; k++)
            users[k] = 1.0f;
        const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
        ck_assert_double_eq(update(temperature, &tables).tau0, 10.0);
        ck_assert(state_of(temperature).flags & ADAPTAU_TEMPERATURE_BOUNDED);
        adaptau_temperature_destroy(temperature);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("temperature: tau0");
    TCase *tests = tcase_create("temperature: tau0");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, moments_and_tau0_equal_their_definitions);
    tcase_add_test(tests, unit_rows_are_taken_as_they_are);
    tcase_add_test(tests, strides_change_nothing);
    tcase_add_test(tests, raw_tables_of_any_size_have_moments);
    tcase_add_test(tests, covariances_of_several_panels_add_up);
    tcase_add_test(tests, variance_keeps_its_digits_where_rows_share_a_direction);
    tcase_add_test(tests, results_are_the_same_for_any_number_of_threads);
    tcase_add_test(tests, warms_up_by_a_constant_and_measures_meanwhile);
    tcase_add_test(tests, keeps_tau0_where_positives_score_below_the_mean);
    tcase_add_test(tests, tables_of_zeros_keep_tau0);
    tcase_add_test(tests, bounds_take_effect_and_are_flagged);
    tcase_add_test(tests, exact_policy_says_when_its_equation_has_no_root);
    tcase_add_test(tests, exact_policy_draws_another_sample_at_each_update);
    tcase_add_test(tests, fixed_policy_never_changes);
    tcase_add_test(tests, equal_degrees_count_everyone);
    tcase_add_test(tests, users_who_own_most_items_get_the_greatest_temperature);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
