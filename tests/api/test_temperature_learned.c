/* SPDX-License-Identifier: MIT */
/* Learned temperatures: C-τ and Cu-τ, against Adam written out in double, and in training. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "../support/options.h"
#include "../support/suite.h"
#include "../support/temperature_fixture.h"

#define STEPS 40

/* Adam on θ = log τ, as its definition reads. */
struct adam {
    double theta, m, v;
    int    t;
};

static double step(struct adam *a, double d_inverse_tau, double rate)
{
    double g = -d_inverse_tau / exp(a->theta);
    a->t++;
    a->m = 0.9 * a->m + 0.1 * g;
    a->v = 0.999 * a->v + 0.001 * g * g;
    a->theta -= rate * (a->m / (1.0 - pow(0.9, a->t))) / (sqrt(a->v / (1.0 - pow(0.999, a->t))) + 1e-8);
    return exp(a->theta);
}

static double slope(int t, int r)
{
    return sin(0.7 * t + 1.3 * r) + 0.2;
}

START_TEST(one_temperature_follows_the_mean_slope)
{
    adaptau_temperature *t = NULL;
    struct adam          truth = {.theta = log(0.2)};
    const int32_t        rows[3] = {4, 0, 4};
    const float          terms[3] = {2.0f, 0.0f, 5.0f};
    t = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_LEARNED, .tau = 0.2, .learning_rate = 0.03));
    for (int k = 0; k < STEPS; k++) {
        float d[3], tau[2];
        for (int r = 0; r < 3; r++)
            d[r] = (float)slope(k, r);
        OK(adaptau_temperature_learn(t, 3, rows, d, terms, &error));
        double tau0 = step(&truth, ((double)d[0] + (double)d[2]) / 7.0, 0.03);
        OK(adaptau_temperature_rows(t, 2, NULL, tau, NULL, &error));
        ck_assert_double_eq_tol((double)tau[0], tau0, 1e-6 * tau0);
        ck_assert(tau[0] == tau[1]);
    }
    adaptau_temperature_state state = {.struct_size = sizeof state};
    OK(adaptau_temperature_get_state(t, &state, &error));
    ck_assert_double_eq_tol(state.tau0, exp(truth.theta), 1e-9);
    adaptau_temperature_destroy(t);
}
END_TEST

START_TEST(each_user_follows_its_own_slope)
{
    adaptau_temperature *t = NULL;
    struct adam          truth[2];
    const int32_t        rows[3] = {1, 3, 1};
    t = create(OPTIONS(.tau0_policy = ADAPTAU_TAU0_FIXED, .tau_user_policy = ADAPTAU_TAU_USER_LEARNED, .tau = 0.15));
    truth[0] = truth[1] = (struct adam){.theta = log(0.15)};
    for (int k = 0; k < STEPS; k++) {
        float d[3];
        for (int r = 0; r < 3; r++)
            d[r] = (float)slope(k, r);
        OK(adaptau_temperature_learn(t, 3, rows, d, NULL, &error));
        step(&truth[0], (double)d[0], 0.01);
        step(&truth[1], (double)d[1], 0.01);
        step(&truth[0], (double)d[2], 0.01);
    }
    const float *taus = adaptau_temperature_user_taus(t);
    ck_assert_double_eq_tol((double)taus[1], exp(truth[0].theta), 1e-6);
    ck_assert_double_eq_tol((double)taus[3], exp(truth[1].theta), 1e-6);
    ck_assert(taus[0] == 0.15f && taus[2] == 0.15f);
    adaptau_temperature_state state = state_of(t);
    float                     least = taus[0], greatest = taus[0];
    for (int32_t u = 1; u < n_users; u++) {
        least = fminf(least, taus[u]);
        greatest = fmaxf(greatest, taus[u]);
    }
    ck_assert(least < greatest);
    ck_assert_double_eq(state.tau_user_min, (double)least);
    ck_assert_double_eq(state.tau_user_max, (double)greatest);
    adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    float          before = taus[1];
    OK(adaptau_temperature_update(t, &tables, &error)); /* measures, and leaves what was learned                */
    ck_assert(taus[1] == before);
    adaptau_temperature_destroy(t);
}
END_TEST

START_TEST(learning_stays_within_the_bounds)
{
    for (int side = 0; side < 2; side++) {
        adaptau_temperature *t = NULL;
        const float          d = side ? 1.0f : -1.0f; /* a positive slope in 1/τ wants a larger τ               */
        adaptau_temperature_options options =
            OPTIONS(.tau0_policy = ADAPTAU_TAU0_LEARNED, .tau = 0.1, .tau_min = 0.09, .tau_max = 0.11, .learning_rate = 0.1);
        OK(adaptau_temperature_create(context, dataset, &options, &t, &error));
        for (int k = 0; k < 10; k++)
            OK(adaptau_temperature_learn(t, 1, NULL, &d, NULL, &error));
        ck_assert_double_eq_tol((double)adaptau_temperature_user_taus(t)[0], side ? 0.11 : 0.09, 1e-7);
        adaptau_temperature_destroy(t);
    }
}
END_TEST

/* With embeddings that stand still a step of τ lowers the loss: the sign and the chain of the gradient are right. */
START_TEST(a_step_of_training_lowers_the_loss)
{
    const bool                  personal = _i;
    adaptau_temperature        *t = NULL;
    adaptau_sampler            *sampler = NULL;
    adaptau_model              *model = NULL;
    double                      losses[2];
    adaptau_model_options       model_options = full_model_options((adaptau_model_options){.dim = 8});
    adaptau_temperature_options options =
        OPTIONS(.tau0_policy = personal ? ADAPTAU_TAU0_FIXED : ADAPTAU_TAU0_LEARNED,
                .tau_user_policy = personal ? ADAPTAU_TAU_USER_LEARNED : ADAPTAU_TAU_USER_NONE, .tau = 0.05,
                .learning_rate = 0.05);
    OK(adaptau_temperature_create(context, dataset, &options, &t, &error));
    OK(adaptau_model_create(context, dataset, &model_options, &model, &error));
    OK(adaptau_sampler_create(context, dataset, NULL, &sampler, &error));
    for (int pass = 0; pass < 2; pass++) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        adaptau_step  result = {.struct_size = sizeof result};
        OK(adaptau_sampler_begin_epoch(sampler, 0, &error));
        OK(adaptau_sampler_next(sampler, &batch, &error));
        OK(adaptau_model_gradients(model, &batch, t, &result, &error));
        losses[pass] = result.loss;
    }
    ck_assert_double_lt(losses[1], losses[0]);
    adaptau_sampler_destroy(sampler);
    adaptau_model_destroy(model);
    adaptau_temperature_destroy(t);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("temperature: learned");
    TCase *tests = tcase_create("learned");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, one_temperature_follows_the_mean_slope);
    tcase_add_test(tests, each_user_follows_its_own_slope);
    tcase_add_test(tests, learning_stays_within_the_bounds);
    tcase_add_loop_test(tests, a_step_of_training_lowers_the_loss, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
