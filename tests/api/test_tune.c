/* SPDX-License-Identifier: MIT */
/* Temperatures found on held-out interactions, on made-up users who each like one kind of item: by trainings of the test's own at
 * other temperatures, and by what must make the temperature rise. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../support/context.h"
#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/suite.h"
#include "../support/training_loop.h"
#include "fit/sample.h"

enum { USERS = 300, ITEMS = 200, KINDS = 10, PER_USER = 14 };

/* Of a user's interactions `noise` percent are with items of any kind. */
static adaptau_dataset *make_data(adaptau_context *context, int32_t noise)
{
    static int32_t   users[USERS * PER_USER], items[USERS * PER_USER];
    int64_t          n = 0;
    adaptau_dataset *dataset = NULL;
    random_state = 7;
    for (int32_t u = 0; u < USERS; u++)
        for (int k = 0; k < PER_USER; k++) {
            const bool any = draw(100) < noise;
            users[n] = u;
            items[n++] = any ? draw(ITEMS) : u % KINDS + KINDS * draw(ITEMS / KINDS);
        }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n, users, items, NULL, &dataset, &error));
    return dataset;
}

/* Programs and what they need: a chain of libraries up to some link, so that whoever has a late link has the earlier ones. */
static adaptau_dataset *make_chains(adaptau_context *context, uint32_t seed)
{
    enum { CHAINS = 12, LINKS = 16 };
    static int32_t   users[USERS * 2 * LINKS], items[USERS * 2 * LINKS];
    int64_t          n = 0;
    adaptau_dataset *dataset = NULL;
    random_state = seed;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t chains = 1 + draw(2); chains > 0; chains--) {
            const int32_t chain = draw(CHAINS), end = 3 + draw(LINKS - 3);
            for (int32_t link = 0; link < end; link++) {
                users[n] = u;
                items[n++] = link < 3 ? link : (chain * LINKS + link) % ITEMS;
            }
        }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n, users, items, NULL, &dataset, &error));
    return dataset;
}

static adaptau_recipe small_recipe(void)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.dim = 16;
    recipe.epochs = 12;
    return recipe;
}

static adaptau_tune_result tune(adaptau_context *context, const adaptau_dataset *data, const adaptau_tune_options *options,
                                adaptau_recipe *recipe)
{
    adaptau_tune_result result = {.struct_size = sizeof result};
    uint64_t            before, after;
    adaptau_context_memory(context, &before, NULL);
    OK(adaptau_tune(context, data, options, recipe, &result, &error));
    adaptau_context_memory(context, &after, NULL);
    ck_assert_uint_eq(after, before); /* all that trials had is given back                                   */
    return result;
}

/* ---- what is found ---------------------------------------------------------------------------------------------------- */

/* A training at a fixed τ₀ on `part`: the score of the header on `held_out`. */
static double score_at(adaptau_context *context, const adaptau_dataset *part, const adaptau_dataset *held_out,
                       adaptau_recipe recipe, double tau, int64_t epochs)
{
    static const int32_t      cutoffs[] = {10, 20, 50};
    adaptau_evaluator_options options =
        full_evaluator_options((adaptau_evaluator_options){.n_cutoffs = 3, .cutoffs = cutoffs, .n_masks = 1, .masks = &part});
    adaptau_training    *training = NULL;
    adaptau_evaluator   *evaluator = NULL;
    adaptau_tables       tables = {.struct_size = sizeof tables};
    double               score = 0.0;
    recipe.tau0_policy = ADAPTAU_TAU0_FIXED;
    recipe.tau = tau;
    recipe.epochs = epochs;
    OK(adaptau_training_create(context, part, &recipe, &training, &error));
    train_epochs(training, epochs);
    OK(adaptau_evaluator_create(context, held_out, &options, &evaluator, &error));
    OK(adaptau_model_get_tables(adaptau_training_model(training), &tables, &error));
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    for (int32_t metric = ADAPTAU_METRIC_RECALL; metric <= ADAPTAU_METRIC_NDCG; metric++)
        for (int32_t c = 0; c < 3; c++) {
            double mean = 0.0;
            OK(adaptau_evaluator_mean(evaluator, metric, cutoffs[c], &mean, &error));
            score += log(mean) / 6.0;
        }
    adaptau_evaluator_destroy(evaluator);
    adaptau_training_destroy(training);
    return score;
}

/* With epochs enough a trial's own training is found again by this test's: the best grid point beats its neighbours. */
START_TEST(no_neighbour_of_what_is_found_scores_higher)
{
    adaptau_context       *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset       *data = make_data(context, 30), *part = NULL, *held_out = NULL;
    adaptau_split_options  split = {.struct_size = sizeof split, .share = 0.2, .seed = 5};
    OK(adaptau_dataset_split(context, data, &split, &part, &held_out, &error));
    adaptau_tune_options   options = full_tune_options((adaptau_tune_options){.held_out = held_out, .trial_epochs = 5});
    adaptau_recipe         recipe = small_recipe(), given = recipe;
    adaptau_tune_result    result = tune(context, part, &options, &recipe);
    ck_assert_int_eq(result.n_held_out, adaptau_dataset_n_interactions(held_out));
    ck_assert_int_eq(result.trial_epochs, 5);
    ck_assert_int_eq(recipe.tau0_policy, ADAPTAU_TAU0_FIXED);
    ck_assert_double_eq(recipe.tau, result.tau);
    ck_assert_int_eq(recipe.epochs, given.epochs);
    ck_assert_double_eq_tol(result.first_tau, 0.7 / adaptau_log_ratio(USERS, ITEMS, adaptau_dataset_n_interactions(part)), 1e-12);
    OK(adaptau_recipe_fill(&given, part, &error));
    const double k = round(2.0 * log2(result.tau / result.first_tau)), best = result.first_tau * exp2(k / 2.0);
    ck_assert(fabs(log2(result.tau / best)) <= 0.25 + 1e-9);
    const double top = score_at(context, part, held_out, given, best, 5);
    ck_assert(top >= score_at(context, part, held_out, given, best * sqrt(2.0), 5));
    ck_assert(top >= score_at(context, part, held_out, given, best / sqrt(2.0), 5));
    adaptau_dataset_destroy(held_out);
    adaptau_dataset_destroy(part);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(more_noise_makes_a_higher_temperature)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    double           taus[2];
    for (int k = 0; k < 2; k++) {
        adaptau_dataset *data = make_data(context, k ? 60 : 0);
        adaptau_recipe   recipe = small_recipe();
        taus[k] = tune(context, data, NULL, &recipe).tau;
        adaptau_dataset_destroy(data);
    }
    ck_assert_msg(taus[1] > 1.2 * taus[0], "%g without noise, %g with it", taus[0], taus[1]);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(the_same_on_any_number_of_threads)
{
    double expected = 0.0;
    for (int32_t threads = 1; threads <= 3; threads++) {
        adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, threads);
        adaptau_dataset *data = make_data(context, 30);
        adaptau_recipe   recipe = small_recipe();
        adaptau_tune_result result = tune(context, data, NULL, &recipe);
        if (threads == 1)
            expected = result.tau;
        ck_assert_double_eq(result.tau, expected);
        adaptau_dataset_destroy(data);
        adaptau_context_destroy(context);
    }
}
END_TEST

/* ---- what is not looked for --------------------------------------------------------------------------------------------- */

START_TEST(other_policies_are_only_filled)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset *data = make_data(context, 0);
    static const int32_t policies[] = {ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU0_SECOND_ORDER, ADAPTAU_TAU0_FIXED};
    for (int k = 0; k < 3; k++) {
        adaptau_recipe recipe = small_recipe();
        recipe.tau0_policy = policies[k];
        recipe.tau = policies[k] == ADAPTAU_TAU0_FIXED ? 0.3 : 0.0;
        adaptau_tune_result result = tune(context, data, NULL, &recipe);
        ck_assert_int_eq(result.n_trials, 0);
        ck_assert_int_eq(recipe.tau0_policy, policies[k]);
        ck_assert_int_ne(recipe.rows_per_batch, ADAPTAU_BY_DATA);
    }
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(losses_without_a_temperature_have_none_to_find)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset *data = make_data(context, 0);
    for (int k = 0; k < 2; k++) {
        adaptau_recipe recipe = small_recipe();
        recipe.loss = k ? ADAPTAU_LOSS_MSE : ADAPTAU_LOSS_CCL;
        ck_assert_int_eq(tune(context, data, NULL, &recipe).n_trials, 0);
        ck_assert_int_eq(recipe.tau0_policy, ADAPTAU_TAU0_FIRST_ORDER);
        recipe.tau0_policy = ADAPTAU_TAU0_HELD_OUT;
        ck_assert_int_eq(adaptau_tune(context, data, NULL, &recipe, NULL, &error), ADAPTAU_E_ARGUMENT);
    }
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(users_with_one_item_leave_eq14)
{
    static int32_t   users[20], items[20];
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset *data = NULL;
    for (int32_t u = 0; u < 20; u++) {
        users[u] = u;
        items[u] = u % 7;
    }
    OK(adaptau_dataset_create_from_interactions(context, 20, 9, 20, users, items, NULL, &data, &error));
    adaptau_recipe      recipe = small_recipe();
    adaptau_tune_result result = tune(context, data, NULL, &recipe);
    ck_assert_int_eq(result.n_trials, 0);
    ck_assert_int_eq(result.n_held_out, 0);
    ck_assert_int_eq(recipe.tau0_policy, ADAPTAU_TAU0_FIRST_ORDER);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(what_is_given_is_kept)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset *data = make_data(context, 30);
    int32_t          n_trials[4];
    for (int k = 0; k < 4; k++) {
        adaptau_recipe recipe = small_recipe();
        recipe.tau_user_policy = k & 1 ? ADAPTAU_TAU_USER_BY_LOSS : ADAPTAU_TAU_USER_NONE;
        recipe.positives_outside_sum = k / 2;
        adaptau_tune_result result = tune(context, data, NULL, &recipe);
        ck_assert_int_eq(recipe.tau_user_policy, k & 1 ? ADAPTAU_TAU_USER_BY_LOSS : ADAPTAU_TAU_USER_NONE);
        ck_assert_int_eq(recipe.positives_outside_sum, k / 2);
        ck_assert_int_eq(result.tau_user_policy, recipe.tau_user_policy);
        ck_assert_int_eq(result.positives_outside_sum, recipe.positives_outside_sum);
        n_trials[k] = result.n_trials;
    }
    adaptau_recipe users = small_recipe(), open = users;
    users.positives_outside_sum = 1;
    ck_assert_int_eq(tune(context, data, NULL, &users).n_trials, n_trials[2] + 1);
    ck_assert_int_eq(tune(context, data, NULL, &open).n_trials, n_trials[2] + 2);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* Own items are in the sum where that scores higher by .005, and the result tells of the trial that was kept. */
START_TEST(own_items_are_in_the_sum_where_that_scores_higher)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    int              n[3] = {0, 0, 0};
    for (int32_t k = 0; k < 8; k++) {
        adaptau_dataset      *data = k < 4 ? make_data(context, 20 * k) : make_chains(context, (uint32_t)k);
        adaptau_dataset      *part = NULL, *held_out = NULL;
        adaptau_split_options split = {.struct_size = sizeof split, .share = 0.2, .seed = 5};
        OK(adaptau_dataset_split(context, data, &split, &part, &held_out, &error));
        adaptau_tune_options options = full_tune_options((adaptau_tune_options){.held_out = held_out, .trial_epochs = 3});
        adaptau_recipe       recipe = small_recipe(), given;
        recipe.tau_user_policy = ADAPTAU_TAU_USER_NONE;
        given = recipe;
        const adaptau_tune_result result = tune(context, part, &options, &recipe);
        OK(adaptau_recipe_fill(&given, part, &error));
        ck_assert_int_eq(given.positives_outside_sum, ADAPTAU_BY_DATA); /* trials will say                              */
        given.positives_outside_sum = 1;
        const double steps = round(2.0 * log2(result.tau / result.first_tau)), tau = result.first_tau * exp2(steps / 2.0);
        const double outside = score_at(context, part, held_out, given, tau, 3);
        given.positives_outside_sum = 0;
        const double inside = score_at(context, part, held_out, given, tau, 3);
        const bool   is_higher = inside > outside + 0.005;
        if (fabs(inside - outside - 0.005) > 1e-6) {
            ck_assert_int_eq(result.positives_outside_sum, !is_higher);
            ck_assert_double_eq_tol(result.score, is_higher ? inside : outside, 1e-6);
        }
        ck_assert_int_eq(recipe.positives_outside_sum, result.positives_outside_sum);
        n[inside <= outside ? 0 : is_higher ? 2 : 1]++;
        adaptau_dataset_destroy(held_out);
        adaptau_dataset_destroy(part);
        adaptau_dataset_destroy(data);
    }
    ck_assert_msg(n[0] > 0 && n[2] > 0, "%d, %d and %d data sets", n[0], n[1], n[2]);
    adaptau_context_destroy(context);
}
END_TEST

/* Temperatures of users are kept where they score higher than one for all, and only there. */
START_TEST(a_policy_of_users_is_chosen_where_it_scores_higher)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    int              n[2] = {0, 0};
    for (int32_t noise = 0; noise <= 90; noise += 15) {
        adaptau_dataset      *data = make_data(context, noise), *part = NULL, *held_out = NULL;
        adaptau_split_options split = {.struct_size = sizeof split, .share = 0.2, .seed = 5};
        OK(adaptau_dataset_split(context, data, &split, &part, &held_out, &error));
        adaptau_tune_options options = full_tune_options((adaptau_tune_options){.held_out = held_out, .trial_epochs = 3});
        adaptau_recipe       recipe = small_recipe(), given = recipe;
        const adaptau_tune_result result = tune(context, part, &options, &recipe);
        OK(adaptau_recipe_fill(&given, part, &error));
        given.positives_outside_sum = recipe.positives_outside_sum;
        const double k = round(2.0 * log2(result.tau / result.first_tau)), tau = result.first_tau * exp2(k / 2.0);
        given.tau_user_policy = ADAPTAU_TAU_USER_NONE;
        const double one = score_at(context, part, held_out, given, tau, 3);
        given.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS;
        const double own = score_at(context, part, held_out, given, tau, 3);
        if (fabs(own - one) > 1e-9) /* or which of them it is is a matter of rounding                                */
            ck_assert_int_eq(result.tau_user_policy, own > one ? ADAPTAU_TAU_USER_BY_LOSS : ADAPTAU_TAU_USER_NONE);
        ck_assert_int_eq(recipe.tau_user_policy, result.tau_user_policy);
        n[own > one]++;
        adaptau_dataset_destroy(held_out);
        adaptau_dataset_destroy(part);
        adaptau_dataset_destroy(data);
    }
    ck_assert_msg(n[0] > 0 && n[1] > 0, "%d and %d data sets", n[0], n[1]);
    adaptau_context_destroy(context);
}
END_TEST

/* ---- a part of the users ------------------------------------------------------------------------------------------------ */

START_TEST(a_sample_has_the_same_users_in_both_parts)
{
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset      *data = make_data(context, 50), *part = NULL, *held_out = NULL, *few[2] = {NULL};
    adaptau_split_options split = {.struct_size = sizeof split, .share = 0.2};
    adaptau_dataset_view  all[2] = {{.struct_size = sizeof *all}, {.struct_size = sizeof *all}}, drawn[2] = {all[0], all[1]};
    OK(adaptau_dataset_split(context, data, &split, &part, &held_out, &error));
    for (int k = 0; k < 2; k++) {
        OK(atau_sample_users(context, k ? held_out : part, 9, 3, &few[k], &error));
        OK(adaptau_dataset_get_view(k ? held_out : part, &all[k], &error));
        OK(adaptau_dataset_get_view(few[k], &drawn[k], &error));
    }
    ck_assert_int_eq(drawn[0].n_users, drawn[1].n_users);
    ck_assert_int_eq(drawn[0].n_items, ITEMS);
    ck_assert(drawn[0].n_users > USERS / 3 - 40 && drawn[0].n_users < USERS / 3 + 40);
    int32_t user = 0; /* of all, in whose order those of the sample come */
    for (int32_t u = 0; u < drawn[0].n_users; u++, user++) {
        int64_t n[2];
        for (bool same = false; !same; user += !same) {
            ck_assert_int_lt(user, USERS);
            same = true;
            for (int k = 0; k < 2; k++) {
                n[k] = drawn[k].user_ptr[u + 1] - drawn[k].user_ptr[u];
                same = same && n[k] == all[k].user_ptr[user + 1] - all[k].user_ptr[user] &&
                       !memcmp(drawn[k].user_items + drawn[k].user_ptr[u], all[k].user_items + all[k].user_ptr[user],
                               (size_t)n[k] * sizeof(int32_t));
            }
        }
    }
    for (int k = 0; k < 2; k++)
        adaptau_dataset_destroy(few[k]);
    adaptau_dataset_destroy(held_out);
    adaptau_dataset_destroy(part);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* Bounds that leave the first trial alone: what is found is its τ₀, lower by 1.08 for each halving. */
static int32_t keep_steps(void *user_data, const adaptau_tune_progress *progress)
{
    *(int64_t *)user_data = progress->n_steps;
    return 0;
}

START_TEST(fewer_users_find_the_temperature_of_all)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset *data = make_data(context, 30);
    for (int32_t divisor = 1; divisor <= 4; divisor *= 2) {
        const adaptau_tune_options options = full_tune_options((adaptau_tune_options){.user_divisor = divisor});
        adaptau_recipe             recipe = small_recipe();
        const double               first = 0.7 / adaptau_log_ratio(USERS, ITEMS, adaptau_dataset_n_interactions(data));
        recipe.tau_min = first / 1.25;
        recipe.tau_max = first * 1.25;
        recipe.tau_user_policy = ADAPTAU_TAU_USER_NONE;
        recipe.positives_outside_sum = 1;
        const adaptau_tune_result result = tune(context, data, &options, &recipe);
        ck_assert_int_eq(result.n_trials, 1);
        ck_assert_uint_eq(result.user_divisor, (uint32_t)divisor);
        ck_assert_double_eq_tol(result.tau, result.first_tau * pow(1.08, -log2(divisor)), 1e-12);
        ck_assert_double_eq(recipe.tau, result.tau);
    }
    int64_t n_steps[2];
    for (int k = 0; k < 2; k++) { /* rows that are each other's candidates stay as many in a step: there are fewer steps */
        const adaptau_tune_options options = full_tune_options((adaptau_tune_options){
            .user_divisor = k ? 3 : 1, .progress = keep_steps, .user_data = &n_steps[k], .trial_epochs = 1});
        adaptau_recipe recipe = small_recipe();
        recipe.candidates = ADAPTAU_SAMPLER_IN_BATCH;
        recipe.rows_per_batch = 50;
        tune(context, data, &options, &recipe);
    }
    ck_assert(fabs((double)n_steps[1] / (double)n_steps[0] - 1.0 / 3.0) < 0.1);
    adaptau_recipe recipe = small_recipe();
    ck_assert_uint_eq(tune(context, data, NULL, &recipe).user_divisor, 1); /* so small as the data are */
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* ---- a comparison ------------------------------------------------------------------------------------------------------- */

START_TEST(an_encoder_is_compared_with_factorisation_by_its_defaults)
{
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset      *data = make_data(context, 30), *part = NULL, *held_out = NULL;
    adaptau_split_options split = {.struct_size = sizeof split, .share = 0.2, .seed = 5};
    OK(adaptau_dataset_split(context, data, &split, &part, &held_out, &error));
    adaptau_tune_options options = full_tune_options((adaptau_tune_options){.held_out = held_out});
    adaptau_recipe       factorised = {.struct_size = sizeof factorised}, plain, compared;
    OK(adaptau_recipe_init(&factorised, &error));
    factorised.dim = 16;
    factorised.seed = 3;
    plain = compared = factorised;
    plain.encoder = compared.encoder = ADAPTAU_ENCODER_LIGHTGCN;
    tune(context, part, &options, &factorised);
    const double expected = score_at(context, part, held_out, factorised, factorised.tau, factorised.epochs);
    ck_assert_int_eq(tune(context, part, &options, &plain).n_trials, 0); /* its inner products have no temperature to find */
    options.flags = ADAPTAU_TUNE_COMPARE;
    const adaptau_tune_result result = tune(context, part, &options, &compared);
    ck_assert_int_eq(result.n_trials, 0);
    ck_assert_double_eq_tol(result.factorised_score, expected, 1e-6);
    ck_assert(result.factorised_recall > 0.2 && result.factorised_recall < 1.0);
    ck_assert_mem_eq(&compared, &plain, sizeof plain);
    adaptau_dataset_destroy(held_out);
    adaptau_dataset_destroy(part);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(factorisation_is_compared_with_nothing)
{
    adaptau_context           *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset           *data = make_data(context, 30);
    const adaptau_tune_options options = full_tune_options((adaptau_tune_options){.flags = ADAPTAU_TUNE_COMPARE});
    adaptau_recipe             recipe = small_recipe();
    const adaptau_tune_result  result = tune(context, data, &options, &recipe);
    ck_assert(result.n_trials >= 3 && result.factorised_score == 0.0 && result.factorised_recall == 0.0);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* ---- progress --------------------------------------------------------------------------------------------------------- */

struct watch {
    int     n_calls, n_trials, end_after; /* 0: never */
    int64_t last_step;
};

static int32_t look(void *user_data, const adaptau_tune_progress *progress)
{
    struct watch *watch = user_data;
    watch->n_calls++;
    if (isnan(progress->recall)) {
        ck_assert_int_ge(progress->step, 1);
        ck_assert_int_le(progress->step, progress->n_steps);
    } else
        watch->n_trials++;
    ck_assert_int_ge(progress->trial, 1);
    ck_assert_int_lt(progress->epoch, progress->n_epochs);
    return watch->end_after && watch->n_calls == watch->end_after;
}

START_TEST(progress_sees_every_step_and_can_end_it)
{
    adaptau_context     *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset     *data = make_data(context, 30);
    struct watch         watch = {0};
    adaptau_tune_options options = full_tune_options((adaptau_tune_options){.progress = look, .user_data = &watch,
                                                                            .trial_epochs = 2});
    adaptau_recipe       recipe = small_recipe(), before = recipe;
    adaptau_tune_result  result = tune(context, data, &options, &recipe);
    adaptau_sampler     *sampler = NULL;
    adaptau_sampler_options sampling = {.struct_size = sizeof sampling};
    OK(adaptau_recipe_sampler_options(&recipe, &sampling, &error));
    OK(adaptau_sampler_create(context, data, &sampling, &sampler, &error));
    ck_assert_int_eq(watch.n_trials, result.n_trials);
    ck_assert_int_eq(watch.n_calls, result.n_trials * (2 * adaptau_sampler_n_batches(sampler) + 1));
    adaptau_sampler_destroy(sampler);
    for (int end_after = 1; end_after < watch.n_calls; end_after += 3) {
        struct watch ended = {.end_after = end_after};
        options.user_data = &ended;
        recipe = before;
        result = (adaptau_tune_result){.struct_size = sizeof result, .tau = 7.0};
        ck_assert_int_eq(adaptau_tune(context, data, &options, &recipe, &result, &error), ADAPTAU_E_CANCELLED);
        ck_assert_ptr_nonnull(strstr(error.message, "progress"));
        ck_assert_mem_eq(&recipe, &before, sizeof recipe);
        ck_assert_double_eq(result.tau, 7.0);
        ck_assert_int_eq(ended.n_calls, end_after);
    }
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* ---- a training that is asked for one ------------------------------------------------------------------------------------ */

START_TEST(a_training_finds_what_a_tuning_finds)
{
    adaptau_context  *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset  *data = make_data(context, 30);
    adaptau_training *training = NULL;
    adaptau_recipe    recipe = small_recipe(), found = {.struct_size = sizeof found};
    OK(adaptau_training_create(context, data, &recipe, &training, &error));
    OK(adaptau_training_get_recipe(training, &found, &error));
    tune(context, data, NULL, &recipe);
    ck_assert_int_eq(found.tau0_policy, ADAPTAU_TAU0_FIXED);
    ck_assert_double_eq(found.tau, recipe.tau);
    adaptau_training_destroy(training);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(a_temperature_has_to_be_found_first)
{
    adaptau_recipe              recipe = small_recipe();
    adaptau_temperature_options options = {.struct_size = sizeof options};
    OK(adaptau_recipe_fill_for(&recipe, USERS, ITEMS, 3000, &error));
    ck_assert_int_eq(recipe.tau0_policy, ADAPTAU_TAU0_HELD_OUT);
    ck_assert_int_eq(adaptau_recipe_temperature_options(&recipe, &options, &error), ADAPTAU_E_STATE);
    ck_assert_ptr_nonnull(strstr(error.message, "adaptau_tune"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("tune");
    TCase *tests = tcase_create("tune");
    tcase_set_timeout(tests, 240);
    tcase_add_test(tests, no_neighbour_of_what_is_found_scores_higher);
    tcase_add_test(tests, more_noise_makes_a_higher_temperature);
    tcase_add_test(tests, the_same_on_any_number_of_threads);
    tcase_add_test(tests, other_policies_are_only_filled);
    tcase_add_test(tests, losses_without_a_temperature_have_none_to_find);
    tcase_add_test(tests, users_with_one_item_leave_eq14);
    tcase_add_test(tests, what_is_given_is_kept);
    tcase_add_test(tests, a_policy_of_users_is_chosen_where_it_scores_higher);
    tcase_add_test(tests, own_items_are_in_the_sum_where_that_scores_higher);
    tcase_add_test(tests, a_sample_has_the_same_users_in_both_parts);
    tcase_add_test(tests, fewer_users_find_the_temperature_of_all);
    tcase_add_test(tests, an_encoder_is_compared_with_factorisation_by_its_defaults);
    tcase_add_test(tests, factorisation_is_compared_with_nothing);
    tcase_add_test(tests, progress_sees_every_step_and_can_end_it);
    tcase_add_test(tests, a_training_finds_what_a_tuning_finds);
    tcase_add_test(tests, a_temperature_has_to_be_found_first);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
