/* SPDX-License-Identifier: MIT */
/* A thousand users: what small worlds cannot show. The last user is dealt with like the first, and statistics of all users are
 * those of the definitions, computed here in double precision. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"

#define N 1003
#define M 60
#define D 8

static adaptau_dataset *dataset;
static float            users[N * D], items[M * D], losses[N];

static void open_world(void)
{
    int32_t *us = malloc(4 * N * sizeof *us), *is = malloc(4 * N * sizeof *is);
    open_context();
    random_state = 5;
    for (int32_t u = 0; u < N; u++)
        for (int k = 0; k < 4; k++) {
            us[4 * u + k] = u;
            is[4 * u + k] = (u * 7 + k * k * 5) % M;
        }
    OK(adaptau_dataset_create_from_interactions(context, N, M, 4 * N, us, is, NULL, &dataset, &error));
    free(us);
    free(is);
    for (int k = 0; k < N * D; k++)
        users[k] = (float)(draw(2000) - 900) / 1000.0f;
    for (int k = 0; k < M * D; k++)
        items[k] = (float)(draw(2000) - 900) / 1000.0f;
    for (int u = 0; u < N; u++)
        losses[u] = (float)draw(100000) / 10000.0f; /* 0 … 10 */
}

static void close_world(void)
{
    adaptau_dataset_destroy(dataset);
    close_context();
}

static adaptau_tables tables_of_all(void)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables), .flags = ADAPTAU_NORMALISE_BOTH, .n_users = N, .n_items = M,
                            .dim = D, .users = users, .items = items};
}

/* ---- temperatures ---------------------------------------------------------------------------------------------------- */

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static double quantile_of_losses(double q)
{
    double sorted[N];
    for (int u = 0; u < N; u++)
        sorted[u] = (double)losses[u];
    qsort(sorted, N, sizeof *sorted, by_size);
    const double at = q * (N - 1);
    const int    k = (int)at;
    return k + 1 < N ? sorted[k] + (at - k) * (sorted[k + 1] - sorted[k]) : sorted[k];
}

static double mean_of_losses(void)
{
    double sum = 0.0;
    for (int u = 0; u < N; u++)
        sum += (double)losses[u];
    return sum / N;
}

/* The state after the losses of all users and an update, τ₀ being given. */
static adaptau_temperature_state observe_all(const adaptau_temperature_options *options, adaptau_temperature **out)
{
    const adaptau_tables      tables = tables_of_all();
    adaptau_temperature_state state = {.struct_size = sizeof state};
    OK(adaptau_temperature_create(context, dataset, options, out, &error));
    OK(adaptau_temperature_add_losses(*out, N, NULL, losses, NULL, &error));
    OK(adaptau_temperature_update(*out, &tables, &error));
    OK(adaptau_temperature_get_state(*out, &state, &error));
    return state;
}

static void check_close(const char *what, double got, double want, double tolerance)
{
    ck_assert_msg(fabs(got - want) <= tolerance * fabs(want), "%s: %.12g, not %.12g", what, got, want);
}

static const int32_t policies[] = {ADAPTAU_TAU_USER_BY_LOSS, ADAPTAU_TAU_USER_MINIMISER, ADAPTAU_TAU_USER_RELEASED};
static const double  quantiles[] = {0.0, 0.25, 0.5, 0.9, 0.999};

START_TEST(every_users_temperature_threshold_and_count_are_the_definitions)
{
    const int32_t                     policy = policies[_i % 3];
    const double                      quantile = quantiles[_i / 3], tau0 = 0.2;
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = tau0,
                                                               .tau_user_policy = policy, .threshold_quantile = quantile});
    const bool   eq15 = policy == ADAPTAU_TAU_USER_MINIMISER;
    const double threshold = quantile > 0.0 ? quantile_of_losses(quantile) : mean_of_losses();
    const double divisor = policy == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0;
    double       least = INFINITY, greatest = 0.0;
    int64_t      n_clamped = 0;
    adaptau_temperature            *temperature = NULL;
    const adaptau_temperature_state state = observe_all(&options, &temperature);
    check_close("threshold", state.threshold, threshold, 1e-6);
    for (int u = 0; u < N; u++) {
        const double loss = (double)losses[u], x = (loss - state.threshold) / (eq15 ? divisor * tau0 : divisor);
        const double want = eq15 ? adaptau_tau_user_eq15(tau0, loss, state.threshold, divisor)
                                 : adaptau_tau_user_eq16(tau0, loss, state.threshold, divisor);
        check_close("tau_u", (double)adaptau_temperature_user_taus(temperature)[u], want, 1e-6);
        n_clamped += x < -exp(-1.0);
        least = fmin(least, want);
        greatest = fmax(greatest, want);
    }
    ck_assert_int_eq(state.n_users_observed, N);
    ck_assert_int_eq(state.n_users_clamped, n_clamped);
    check_close("tau_user_min", state.tau_user_min, least, 1e-12);
    check_close("tau_user_max", state.tau_user_max, greatest, 1e-12);
    ck_assert_int_gt(n_clamped, 0);
    adaptau_temperature_destroy(temperature);
}
END_TEST

/* A user far above the others is far above 1. */
START_TEST(the_greatest_temperature_is_not_bounded_by_1)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.5,
                                                               .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    adaptau_temperature *temperature = NULL;
    losses[N - 1] = 60.0f;
    const adaptau_temperature_state state = observe_all(&options, &temperature);
    ck_assert_double_gt(state.tau_user_max, 2.0);
    ck_assert_float_eq((float)state.tau_user_max, adaptau_temperature_user_taus(temperature)[N - 1]);
    adaptau_temperature_destroy(temperature);
}
END_TEST

/* τ₀ comes from the moments alone: whether users have temperatures of their own does not matter. */
START_TEST(tau0_is_the_same_with_and_without_temperatures_of_users)
{
    const int32_t        tau0_policies[] = {ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU0_SECOND_ORDER, ADAPTAU_TAU0_EXACT};
    const adaptau_tables tables = tables_of_all();
    double               tau0[3] = {0.0};
    for (int i = 0; i < N * D; i++) /* near their items, so that positives score above the mean                */
        users[i] = 0.3f * users[i] + items[(i / D * 7) % M * D + i % D];
    for (int p = 0; p < 3; p++)
        for (int user = 0; user < 4; user++) {
            const adaptau_temperature_options options =
                full_temperature_options((adaptau_temperature_options){.tau0_policy = tau0_policies[p],
                                                                       .tau_user_policy = user ? policies[user - 1] : 0});
            adaptau_temperature      *temperature = NULL;
            adaptau_temperature_state state = observe_all(&options, &temperature);
            OK(adaptau_temperature_update(temperature, &tables, &error));
            OK(adaptau_temperature_get_state(temperature, &state, &error));
            ck_assert_uint_eq(state.flags, 0);
            if (user == 0)
                tau0[p] = state.tau0;
            ck_assert_double_eq(state.tau0, tau0[p]);
            adaptau_temperature_destroy(temperature);
        }
    ck_assert_double_ne(tau0[0], tau0[1]); /* the policies can be told apart here                              */
    ck_assert_double_ne(tau0[1], tau0[2]);
}
END_TEST

/* A user who was not met has NaN for a loss, whatever its sign: processors make negative ones, too. */
START_TEST(users_without_a_loss_are_not_in_the_quantile_whatever_the_sign_of_nan)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.2,
                                                               .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS,
                                                               .threshold_quantile = 0.25});
    const adaptau_tables tables = tables_of_all();
    double               thresholds[2];
    for (int sign = 0; sign < 2; sign++) {
        static float              some[N];
        adaptau_temperature      *t = NULL;
        adaptau_temperature_state state = {.struct_size = sizeof state};
        OK(adaptau_temperature_create(context, dataset, &options, &t, &error));
        OK(adaptau_temperature_get_state(t, &state, &error));
        for (int u = 0; u < N; u++)
            some[u] = u % 3 ? losses[u] : copysignf(NAN, sign ? -1.0f : 1.0f);
        OK(adaptau_temperature_set_state(t, &state, some, &error));
        OK(adaptau_temperature_update(t, &tables, &error));
        OK(adaptau_temperature_get_state(t, &state, &error));
        thresholds[sign] = state.threshold;
        double sorted[N];
        int    n = 0;
        for (int u = 0; u < N; u++)
            if (u % 3)
                sorted[n++] = (double)losses[u];
        qsort(sorted, (size_t)n, sizeof *sorted, by_size);
        const double at = 0.25 * (n - 1);
        const int    k = (int)at;
        check_close("threshold", state.threshold, sorted[k] + (at - k) * (sorted[k + 1] - sorted[k]), 1e-6);
        adaptau_temperature_destroy(t);
    }
    ck_assert_double_eq(thresholds[0], thresholds[1]);
}
END_TEST

START_TEST(infinite_losses_are_refused_wherever_they_are)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    adaptau_temperature              *temperature = NULL;
    adaptau_temperature_state         state = observe_all(&options, &temperature);
    const int32_t                     places[] = {0, 299, 300, 301, N - 1};
    for (size_t k = 0; k < sizeof places / sizeof *places; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            const float kept = losses[places[k]];
            losses[places[k]] = (float)sign * INFINITY;
            ck_assert_int_eq(adaptau_temperature_set_state(temperature, &state, losses, &error), ADAPTAU_E_NUMERIC);
            ck_assert_int_eq(adaptau_temperature_add_losses(temperature, N, NULL, losses, NULL, &error), ADAPTAU_E_NUMERIC);
            losses[places[k]] = kept;
        }
    OK(adaptau_temperature_set_state(temperature, &state, losses, &error));
    adaptau_temperature_destroy(temperature);
}
END_TEST

/* ---- models ---------------------------------------------------------------------------------------------------------- */

START_TEST(every_user_is_sampled_stepped_ranked_and_measured)
{
    const adaptau_model_options       options = full_model_options((adaptau_model_options){.dim = D});
    const adaptau_temperature_options tau =
        full_temperature_options((adaptau_temperature_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    const adaptau_sampler_options     sampling = full_sampler_options((adaptau_sampler_options){.rows_per_batch = N});
    static int32_t                    best[N * 5], seen[N], everyone[N];
    float                            *before = malloc(N * D * sizeof *before);
    adaptau_model                    *model = NULL;
    adaptau_temperature              *temperature = NULL;
    adaptau_sampler                  *sampler = NULL;
    adaptau_evaluator                *evaluator = NULL;
    adaptau_batch                     batch = {.struct_size = sizeof batch};
    adaptau_tables                    tables = {.struct_size = sizeof tables};
    adaptau_gradient_view             view = {.struct_size = sizeof view};
    memset(seen, 0, sizeof seen);
    for (int32_t u = 0; u < N; u++)
        everyone[u] = u;
    OK(adaptau_model_create(context, dataset, &options, &model, &error));
    OK(adaptau_temperature_create(context, dataset, &tau, &temperature, &error));
    OK(adaptau_sampler_create(context, dataset, &sampling, &sampler, &error));
    OK(adaptau_sampler_begin_epoch(sampler, 0, &error));
    OK(adaptau_sampler_next(sampler, &batch, &error));
    OK(adaptau_model_update_temperature(model, temperature, &error));
    OK(adaptau_model_gradients(model, &batch, temperature, NULL, &error));
    OK(adaptau_model_get_gradient_view(model, &view, &error));
    ck_assert_int_eq(view.n_users, N);
    for (int32_t k = 0; k < N; k++)
        seen[view.user_ids[k]]++;
    OK(adaptau_model_get_tables(model, &tables, &error));
    memcpy(before, tables.users, N * D * sizeof *before);
    OK(adaptau_model_apply(model, &error));
    OK(adaptau_model_get_tables(model, &tables, &error));
    OK(top_items(model, N, everyone, 5, NULL, best, NULL, &error));
    OK(adaptau_evaluator_create(context, dataset, NULL, &evaluator, &error));
    ck_assert_int_eq(adaptau_evaluator_n_users(evaluator), N);
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    for (int32_t u = 0; u < N; u++) {
        float   score, highest = -INFINITY;
        int32_t first = -1;
        ck_assert_int_eq(seen[u], 1);
        ck_assert(memcmp(before + u * D, tables.users + u * D, D * sizeof *before) != 0);
        ck_assert(!isnan(adaptau_temperature_unit_losses(temperature)[u]));
        ck_assert_int_eq(adaptau_evaluator_users(evaluator)[u], u);
        for (int32_t i = 0; i < M; i++) {
            score = 0.0f;
            for (int k = 0; k < D; k++)
                score += tables.users[u * D + k] * tables.items[i * D + k];
            first = score > highest ? i : first;
            highest = fmaxf(score, highest);
        }
        if (best[u * 5] != first) { /* rounding may reduce equals */
            score = 0.0f;
            for (int k = 0; k < D; k++)
                score += tables.users[u * D + k] * tables.items[best[u * 5] * D + k];
            ck_assert_msg(fabsf(score - highest) < 1e-5f, "user %d: %d, not %d", u, best[u * 5], first);
        }
    }
    adaptau_evaluator_destroy(evaluator);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    free(before);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("many users");
    TCase *tests = tcase_create("many users");
    tcase_add_checked_fixture(tests, open_world, close_world);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, every_users_temperature_threshold_and_count_are_the_definitions, 0, 15);
    tcase_add_test(tests, the_greatest_temperature_is_not_bounded_by_1);
    tcase_add_test(tests, tau0_is_the_same_with_and_without_temperatures_of_users);
    tcase_add_test(tests, users_without_a_loss_are_not_in_the_quantile_whatever_the_sign_of_nan);
    tcase_add_test(tests, infinite_losses_are_refused_wherever_they_are);
    tcase_add_test(tests, every_user_is_sampled_stepped_ranked_and_measured);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
