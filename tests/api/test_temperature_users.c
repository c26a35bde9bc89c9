/* SPDX-License-Identifier: MIT */
/* τ_u: the policies against tests/reference/temperature.txt, and what observed losses do to them. */
#include <adaptau/kernels.h>
#include <adaptau/temperature.h>
#include <adaptau/experimental.h>

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "../support/suite.h"
#include "../support/temperature_fixture.h"

/* Hand in the losses of all users that have one, in reverse order. */
static void observe_all(adaptau_temperature *temperature)
{
    int32_t *ids = malloc((size_t)n_users * sizeof *ids);
    float   *losses = malloc((size_t)n_users * sizeof *losses);
    int32_t  n = 0;
    for (int32_t u = n_users - 1; u >= 0; u--)
        if (!isnan(unit_losses[u])) {
            ids[n] = u;
            losses[n++] = unit_losses[u];
        }
    ck_assert_int_eq(adaptau_temperature_add_losses(temperature, n, ids, losses, NULL, NULL), ADAPTAU_OK);
    free(ids);
    free(losses);
}

static void check_user_taus(int32_t policy, const char *name, const char *threshold, double quantile)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    char                 key[32];
    int                  n;
    float                candidates[100], positives[100];
    double               least = INFINITY, greatest = 0;
    int64_t              n_clamped = 0, n_observed = 0;
    snprintf(key, sizeof key, "%s_%s", name, threshold);
    double                   *expected = reference_read(TEMPERATURE_FILE, key, &n);
    adaptau_temperature      *temperature = create(OPTIONS(.tau_user_policy = policy, .threshold_quantile = quantile));
    adaptau_temperature_state state = update(temperature, &tables);
    ck_assert_int_eq(state.n_users_observed, 0);
    ck_assert_double_eq(state.tau_user_min, state.tau0);
    observe_all(temperature);
    state = update(temperature, &tables);
    check_close("threshold", state.threshold, expected[0], 1e-14);
    ck_assert_int_eq(adaptau_temperature_rows(temperature, n_users, NULL, candidates, positives, NULL), ADAPTAU_OK);
    for (int32_t u = 0; u < n_users; u++) {
        const float tau = adaptau_temperature_user_taus(temperature)[u];
        check_close(key, (double)candidates[u], expected[u + 1], 1e-5);
        ck_assert_float_eq(candidates[u], tau);
        ck_assert_float_eq(positives[u], policy == ADAPTAU_TAU_USER_RELEASED ? (float)state.tau0 : tau);
        least = fmin(least, expected[u + 1]);
        greatest = fmax(greatest, expected[u + 1]);
        n_clamped += fabs(expected[u + 1] / state.tau0 - exp(-1)) < 1e-5;
        n_observed += !isnan(unit_losses[u]);
    }
    check_close("least", state.tau_user_min, least, 1e-5);
    check_close("greatest", state.tau_user_max, greatest, 1e-5);
    ck_assert_int_eq(state.n_users_clamped, n_clamped);
    ck_assert_int_eq(state.n_users_observed, n_observed);
    adaptau_temperature_destroy(temperature);
    free(expected);
}

START_TEST(user_temperatures_equal_their_definitions)
{
    const struct {
        int32_t     policy;
        const char *name;
    } policies[] = {{ADAPTAU_TAU_USER_BY_LOSS, "eq16"}, {ADAPTAU_TAU_USER_MINIMISER, "eq15"}, {ADAPTAU_TAU_USER_RELEASED, "released"}};
    for (int i = 0; i < 3; i++) {
        check_user_taus(policies[i].policy, policies[i].name, "mean", 0.0);
        check_user_taus(policies[i].policy, policies[i].name, "q9", 0.9);
        check_user_taus(policies[i].policy, policies[i].name, "q5", 0.5);
    }
}
END_TEST

START_TEST(users_far_below_the_threshold_sit_at_tau0_over_e)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    const int32_t        ids[] = {0, 1, 2};
    const float          losses[] = {-40.0f, 3.0e38f, -3.0e38f};
    adaptau_temperature *temperature = create(OPTIONS(.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS));
    ck_assert_int_eq(adaptau_temperature_add_losses(temperature, 3, ids, losses, NULL, NULL), ADAPTAU_OK);
    adaptau_temperature_state state = update(temperature, &tables);
    const float              *taus = adaptau_temperature_user_taus(temperature);
    ck_assert_int_eq(state.n_users_clamped, 2); /* the mean is -13                                            */
    ck_assert_float_eq(taus[0], (float)(state.tau0 * exp(-1)));
    ck_assert_float_eq(taus[2], (float)(state.tau0 * exp(-1)));
    ck_assert_float_eq(taus[3], (float)state.tau0);
    ck_assert(isfinite(taus[1]) && taus[1] > 1e20f);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(an_epochs_mean_counts_and_users_without_pairs_do_not)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    const int32_t        ids[] = {6, 11, 6, 9}; /* user 11 has no pairs                                       */
    const float          losses[] = {9.0f, 99.0f, 4.0f, 6.0f};
    adaptau_temperature *temperature = create(OPTIONS(.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS));
    ck_assert_int_eq(adaptau_temperature_add_losses(temperature, 4, ids, losses, NULL, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_temperature_add_losses(temperature, 0, NULL, NULL, NULL, NULL), ADAPTAU_OK);
    adaptau_temperature_state state = update(temperature, &tables);
    ck_assert_double_eq(state.threshold, 6.25); /* of (9 + 4)/2 and 6                                         */
    ck_assert_int_eq(state.n_users_observed, 2);
    ck_assert_float_eq(adaptau_temperature_user_taus(temperature)[11], (float)state.tau0);
    check_close("tau", (double)adaptau_temperature_user_taus(temperature)[9],
                adaptau_tau_user_eq16(state.tau0, 6.0, 6.25, 2.0), 1e-7);
    ck_assert_int_eq(adaptau_temperature_add_losses(temperature, 1, ids, (const float[]){2.0f}, NULL, NULL), ADAPTAU_OK);
    ck_assert_double_eq(update(temperature, &tables).threshold, 4.0); /* a new epoch's 2, and the 6 of before */
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(adaptau_temperature_add_losses(temperature, 1, ids, (const float[]){i ? -3.0e38f : 3.0e38f}, NULL, NULL),
                         ADAPTAU_OK);
    ck_assert_double_eq(update(temperature, &tables).threshold, 3.0); /* 0 and 6                             */
    adaptau_temperature_destroy(temperature);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("temperature: users");
    TCase *tests = tcase_create("temperature: users");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, user_temperatures_equal_their_definitions);
    tcase_add_test(tests, users_far_below_the_threshold_sit_at_tau0_over_e);
    tcase_add_test(tests, an_epochs_mean_counts_and_users_without_pairs_do_not);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
