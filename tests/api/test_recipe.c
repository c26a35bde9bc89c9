/* SPDX-License-Identifier: MIT */
/* Recipes: what the data decide, what a host has set, what single objects are told; and held-out interactions. The rules of
 * adaptau_recipe's comments are written down here a second time. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/model_world.h"
#include "../support/suite.h"

static adaptau_recipe new_recipe(void)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_recipe_init(&recipe, &error));
    return recipe;
}

static adaptau_recipe fill(adaptau_recipe recipe, int32_t n, int32_t m, int64_t pairs)
{
    OK(adaptau_recipe_fill_for(&recipe, n, m, pairs, &error));
    return recipe;
}

static void expect_near(double value, double wanted)
{
    ck_assert_msg(fabs(value - wanted) <= 1e-12 * fabs(wanted), "%.17g instead of %.17g", value, wanted);
}

/* ---- by data ------------------------------------------------------------------------------------------------------- */

/* Numbers of users, items and pairs: MovieLens-1M, Gowalla, Debian's packages, very dense, nothing, a shop of millions. */
static const struct extent {
    int32_t n, m;
    int64_t pairs;
    int64_t rows, epochs;
} extents[] = {
    {6040, 3707, 798162, 128, 15},
    {29858, 40981, 810128, 512, 11},
    {16602, 5218, 128790, 256, 13},
    {50, 10, 400, 64, 30},
    {0, 0, 0, 64, 30},
    {5000000, 4000000, 4000000, 1024, 5}, /* sparser than any that was trained on                              */
};

#define N_EXTENTS ((int)(sizeof extents / sizeof *extents))

static double sparsity(const struct extent *e)
{
    return log((double)e->n * e->m / (2.0 * (double)e->pairs));
}

static double within(double low, double x, double high)
{
    return fmin(fmax(low, x), high);
}

START_TEST(fills_factorisation_by_the_rules)
{
    const struct extent *e = &extents[_i];
    const bool           none = e->pairs == 0;
    const adaptau_recipe r = fill(new_recipe(), e->n, e->m, e->pairs);
    ck_assert_int_eq(r.rows_per_batch, e->rows);
    ck_assert_int_eq(r.epochs, e->epochs);
    ck_assert_int_eq(r.normalise, (int32_t)ADAPTAU_NORMALISE_BOTH);
    ck_assert_int_eq(r.unit_raw_rows | r.rank_raw, 0);
    ck_assert_int_eq(r.row_second_moment, 1);
    ck_assert_int_eq(r.n_layers, 0);
    expect_near(r.row_weight_exponent, 0.5);
    expect_near(r.learning_rate_users, 0.2);
    expect_near(r.learning_rate_items, 0.02);
    expect_near(r.soft_targets, none || sparsity(e) <= 4 ? 0 : within(0, 2 * sparsity(e), (double)e->pairs / (2.0 * e->n)));
    ck_assert_int_eq(r.tau0_policy, ADAPTAU_TAU0_HELD_OUT);
    ck_assert_int_eq(r.tau_user_policy, ADAPTAU_BY_DATA); /* trials will say                                            */
    ck_assert_int_eq(r.positives_outside_sum, ADAPTAU_BY_DATA);
    expect_near(r.popularity_exponent, none ? 0 : within(0, sparsity(e) / 14, 1));
    expect_near(r.popularity_prior, r.popularity_exponent);
    expect_near(r.gate + r.margin + r.negative_weight, 0);
    expect_near(r.tau_divisor, 2);
    expect_near(r.tau_learning_rate, 0.0002);
}
END_TEST

START_TEST(fills_lightgcn_by_the_rules)
{
    const struct extent *e = &extents[_i];
    const bool           none = e->pairs == 0, sparse = !none && sparsity(e) > 4;
    adaptau_recipe       r = new_recipe();
    r.encoder = ADAPTAU_ENCODER_LIGHTGCN;
    r = fill(r, e->n, e->m, e->pairs);
    ck_assert_int_eq(r.normalise, sparse ? (int32_t)ADAPTAU_NORMALISE_BOTH : 0);
    ck_assert_int_eq(r.tau0_policy, sparse ? ADAPTAU_TAU0_HELD_OUT : ADAPTAU_TAU0_FIRST_ORDER);
    ck_assert_int_eq(r.unit_raw_rows, sparse);
    ck_assert_int_eq(r.rank_raw, sparse);
    ck_assert_int_eq(r.row_second_moment, !sparse);
    ck_assert_int_eq(r.n_layers, sparse ? 2 : 3);
    ck_assert_int_eq(r.epochs, 16);
    expect_near(r.row_weight_exponent, sparse ? 0.7 : 0.5);
    expect_near(r.popularity_exponent, sparse ? within(0, sparsity(e) / 9, 1) : 0);
    expect_near(r.popularity_prior, 0);
    expect_near(r.soft_targets, sparse || none ? 0 : within(0, 2 * sparsity(e), (double)e->pairs / (2.0 * e->n)));
    expect_near(r.learning_rate_users, none ? 0.073 : 0.073 / within(1, sparsity(e), 12));
    expect_near(r.learning_rate_items, r.learning_rate_users);
}
END_TEST

START_TEST(fills_what_other_choices_need)
{
    const struct extent *e = &extents[0];
    adaptau_recipe       r = new_recipe();
    r.encoder = ADAPTAU_ENCODER_SIMPLEX;
    r.loss = ADAPTAU_LOSS_CCL;
    r.tau_user_policy = ADAPTAU_TAU_USER_NONE;
    r = fill(r, e->n, e->m, e->pairs);
    expect_near(r.gate, 0.2);
    expect_near(r.margin, 0.6);
    expect_near(r.negative_weight, 0.073 * pow(e->m, 0.7));
    expect_near(r.learning_rate_users, 0.005);
    expect_near(r.learning_rate_items, 0.005);
    expect_near(r.soft_targets + r.popularity_exponent, 0);
    ck_assert_int_eq(r.epochs, 16);
    ck_assert_int_eq(r.tau0_policy, ADAPTAU_TAU0_FIRST_ORDER);
    r = new_recipe();
    r.candidates = ADAPTAU_SAMPLER_SHARED_POPULARITY;
    r.tau_user_policy = ADAPTAU_TAU_USER_LEARNED;
    r = fill(r, e->n, e->m, e->pairs);
    expect_near(r.popularity_exponent, 0.75);
    expect_near(r.popularity_prior, 0);
    expect_near(r.soft_targets, 0);
    expect_near(r.tau_learning_rate, 0.01);
    r = new_recipe();
    r.candidates = ADAPTAU_SAMPLER_PER_ROW_UNIFORM;
    r.tau_user_policy = ADAPTAU_TAU_USER_RELEASED;
    r = fill(r, e->n, e->m, e->pairs);
    ck_assert_int_eq(r.rows_per_batch, 2048);
    expect_near(r.tau_divisor, 1);
}
END_TEST

static adaptau_recipe fill_with_loss(int32_t loss, const struct extent *e)
{
    adaptau_recipe r = new_recipe();
    r.loss = loss;
    return fill(r, e->n, e->m, e->pairs);
}

/* Losses of the softmax's family have soft targets and popularity by the softmax's rules; PSL has neither. */
START_TEST(fills_the_softmax_s_family_by_the_rules)
{
    const struct extent *e = &extents[_i];
    const adaptau_recipe softmax = fill_with_loss(ADAPTAU_LOSS_SOFTMAX, e), slatk = fill_with_loss(ADAPTAU_LOSS_SLATK, e);
    const adaptau_recipe bsl = fill_with_loss(ADAPTAU_LOSS_BSL, e), psl = fill_with_loss(ADAPTAU_LOSS_PSL, e);
    ck_assert_int_eq(slatk.top_k, 20);
    expect_near(slatk.weight_tau, 1);
    expect_near(slatk.positive_scale + slatk.negative_weight, 0);
    expect_near(bsl.positive_scale, 16);
    expect_near(bsl.negative_weight, 1);
    expect_near((double)bsl.top_k + bsl.weight_tau, 0);
    expect_near((double)psl.top_k + psl.weight_tau + psl.positive_scale + psl.negative_weight, 0);
    expect_near((double)softmax.top_k + softmax.weight_tau + softmax.positive_scale, 0);
    expect_near(slatk.soft_targets, softmax.soft_targets);
    expect_near(bsl.soft_targets, softmax.soft_targets);
    expect_near(slatk.popularity_exponent, softmax.popularity_exponent);
    expect_near(bsl.popularity_prior, softmax.popularity_prior);
    expect_near(psl.soft_targets + psl.popularity_exponent + psl.popularity_prior, 0);
    ck_assert_int_eq(psl.activation, ADAPTAU_ACTIVATION_RELU);
    ck_assert_int_eq(slatk.tau0_policy, ADAPTAU_TAU0_HELD_OUT);
    ck_assert_int_eq(psl.tau0_policy, ADAPTAU_TAU0_HELD_OUT);
}
END_TEST

/* What a host has set stays, zeros too; the catalogue weighs by popularity only where a prior gives it back. */
START_TEST(keeps_what_the_host_has_set)
{
    const struct extent *e = &extents[1];
    adaptau_recipe       r = new_recipe();
    r.epochs = 3;
    r.soft_targets = 0;
    r.popularity_prior = 0;
    r.learning_rate_items = 0;
    r.row_second_moment = 0;
    r = fill(r, e->n, e->m, e->pairs);
    ck_assert_int_eq(r.epochs, 3);
    ck_assert_int_eq(r.row_second_moment, 0);
    expect_near(r.soft_targets, 0);
    expect_near(r.popularity_prior, 0);
    expect_near(r.popularity_exponent, 0);
    expect_near(r.learning_rate_items, 0);
    r = new_recipe();
    r.encoder = ADAPTAU_ENCODER_LIGHTGCN;
    r.normalise = 0;
    r = fill(r, e->n, e->m, e->pairs);
    ck_assert_int_eq(r.n_layers, 3);
    ck_assert_int_eq(r.rank_raw, 0);
}
END_TEST

START_TEST(a_filled_recipe_stays_as_it_is)
{
    adaptau_recipe r = fill(new_recipe(), 6040, 3707, 798162), other = r;
    OK(adaptau_recipe_fill_for(&other, 10, 10, 5, &error));
    ck_assert_mem_eq(&r, &other, sizeof r);
}
END_TEST

START_TEST(leaves_a_wrong_recipe_alone)
{
    adaptau_recipe r = new_recipe(), before;
    r.gate = 2.0;
    before = r;
    ck_assert_int_eq(adaptau_recipe_fill_for(&r, 10, 10, 5, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_mem_eq(&r, &before, sizeof r);
}
END_TEST

/* ---- what single objects are told ------------------------------------------------------------------------------------ */

/* 0 means 0, in a recipe and in what it tells. */
START_TEST(tells_objects_what_zero_means)
{
    adaptau_recipe              r = new_recipe();
    adaptau_model_options       model = {.struct_size = sizeof model};
    adaptau_loss                loss = {.struct_size = sizeof loss};
    adaptau_temperature_options temperature = {.struct_size = sizeof temperature};
    adaptau_sampler_options     sampler = {.struct_size = sizeof sampler};
    r.encoder = ADAPTAU_ENCODER_SIMPLEX;
    r.loss = ADAPTAU_LOSS_CCL;
    r.gate = r.margin = 0;
    r.bfloat16 = r.free_length = 1;
    r.normalise = (int32_t)ADAPTAU_NORMALISE_ITEMS;
    r.seed = UINT64_MAX;
    r = fill(r, 100, 100, 500);
    OK(adaptau_recipe_model_options(&r, &model, &error));
    OK(adaptau_recipe_loss(&r, &loss, &error));
    OK(adaptau_recipe_temperature_options(&r, &temperature, &error));
    OK(adaptau_recipe_sampler_options(&r, &sampler, &error));
    ck_assert(model.gate == 0 && loss.margin == 0);
    ck_assert_uint_eq(model.flags, ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_FREE_LENGTH | ADAPTAU_MODEL_BFLOAT16 |
                                       ADAPTAU_MODEL_ROW_SECOND_MOMENT);
    ck_assert_uint_eq(model.seed, UINT64_MAX);
    ck_assert_uint_eq(sampler.seed, UINT64_MAX);
    ck_assert_uint_eq(sampler.flags, ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM);
    ck_assert_int_eq(temperature.warmup_updates, 1);
    expect_near(temperature.tau_min, 0.03);
    r = new_recipe();
    r.candidates = ADAPTAU_SAMPLER_IN_BATCH;
    r.positives_outside_sum = 0;
    r = fill(r, 100, 100, 500);
    OK(adaptau_recipe_sampler_options(&r, &sampler, &error));
    ck_assert_uint_eq(sampler.flags, ADAPTAU_SAMPLER_LOG_Q);
    r.log_q = 0;
    OK(adaptau_recipe_sampler_options(&r, &sampler, &error));
    ck_assert_uint_eq(sampler.flags, 0);
}
END_TEST

/* Filling leaves to adaptau_tune what it has to find, and nothing where it finds nothing. */
START_TEST(trials_find_what_filling_leaves_open)
{
    adaptau_sampler_options sampler = {.struct_size = sizeof sampler};
    adaptau_model_options   model = {.struct_size = sizeof model};
    for (int k = 0; k < 5; k++) {
        adaptau_recipe r = new_recipe();
        r.tau0_policy = k == 1 ? ADAPTAU_TAU0_FIRST_ORDER : ADAPTAU_BY_DATA;
        r.loss = k == 2 ? ADAPTAU_LOSS_BPR : ADAPTAU_LOSS_SOFTMAX;
        r.candidates = k == 3 ? ADAPTAU_SAMPLER_SHARED_UNIFORM : ADAPTAU_SAMPLER_CATALOGUE;
        r.normalise = k == 4 ? 0 : ADAPTAU_BY_DATA;
        r = fill(fill(r, 100, 100, 500), 100, 100, 500);
        ck_assert_int_eq(r.tau_user_policy, k ? ADAPTAU_TAU_USER_NONE : ADAPTAU_BY_DATA);
        ck_assert_int_eq(r.positives_outside_sum, k ? 1 : ADAPTAU_BY_DATA);
        OK(adaptau_recipe_model_options(&r, &model, &error));
        ck_assert_int_eq(adaptau_recipe_sampler_options(&r, &sampler, &error), k ? ADAPTAU_OK : ADAPTAU_E_STATE);
        r.positives_outside_sum = 0;
        OK(adaptau_recipe_sampler_options(&r, &sampler, &error));
        ck_assert_uint_eq(sampler.flags & ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM, 0);
    }
}
END_TEST

START_TEST(tells_the_model_its_loss)
{
    adaptau_recipe          r = new_recipe();
    adaptau_loss            loss = {.struct_size = sizeof loss};
    adaptau_sampler_options sampler = {.struct_size = sizeof sampler};
    r.loss = ADAPTAU_LOSS_SLATK;
    r.top_k = 7;
    r.weight_tau = 0.3;
    r.candidates = ADAPTAU_SAMPLER_SHARED_UNIFORM;
    r = fill(r, 100, 100, 500);
    OK(adaptau_recipe_loss(&r, &loss, &error));
    OK(adaptau_recipe_sampler_options(&r, &sampler, &error));
    ck_assert_int_eq(loss.kind, ADAPTAU_LOSS_SLATK);
    ck_assert_int_eq(loss.top_k, 7);
    expect_near(loss.weight_tau, 0.3);
    ck_assert_uint_eq(sampler.flags, ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM | ADAPTAU_SAMPLER_LOG_Q);
    r = new_recipe();
    r.loss = ADAPTAU_LOSS_BSL;
    r.positive_scale = 3;
    r = fill(r, 100, 100, 500);
    OK(adaptau_recipe_loss(&r, &loss, &error));
    expect_near(loss.positive_scale, 3);
    expect_near(loss.negative_weight, 1);
    ck_assert_int_eq(loss.top_k, 0);
    r = new_recipe();
    r.loss = ADAPTAU_LOSS_PSL;
    r.activation = ADAPTAU_ACTIVATION_ATAN;
    r.candidates = ADAPTAU_SAMPLER_SHARED_UNIFORM;
    r = fill(r, 100, 100, 500);
    OK(adaptau_recipe_loss(&r, &loss, &error));
    OK(adaptau_recipe_sampler_options(&r, &sampler, &error));
    ck_assert_int_eq(loss.activation, ADAPTAU_ACTIVATION_ATAN);
    ck_assert_uint_eq(sampler.flags, ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM);
}
END_TEST

/* _i: encoder x epochs. The formula of recipe.h, through all steps of a run and after its end. */
START_TEST(learning_rates_are_held_and_fall_to_zero)
{
    static const int64_t epochs[] = {1, 7, 8, 20}, lengths[] = {1, 9};
    adaptau_recipe       r = new_recipe();
    r.encoder = _i % 2 ? ADAPTAU_ENCODER_LIGHTGCN : ADAPTAU_ENCODER_MF;
    r.epochs = epochs[_i / 2];
    r.learning_rate_users = 0.3;
    r.learning_rate_items = 0.04;
    r = fill(r, 100, 100, 500);
    const double hold = r.encoder == ADAPTAU_ENCODER_MF && r.epochs >= 8 ? 0.3 : 0.0;
    for (int n = 0; n < 2; n++)
        for (int64_t k = 0; k < (r.epochs + 2) * lengths[n]; k++) {
            double       users = -1.0, items = -1.0, factor = 0.0;
            const double share = (double)k / (double)(r.epochs * lengths[n]);
            OK(adaptau_recipe_learning_rates(&r, k / lengths[n], k % lengths[n], lengths[n], &users, &items, &error));
            if (share < 1.0)
                factor = share <= hold ? 1.0 : (1.0 + cos(3.14159265358979323846 * (share - hold) / (1.0 - hold))) / 2.0;
            ck_assert_double_eq_tol(users, 0.3 * factor, 1e-15);
            ck_assert_double_eq_tol(items, 0.04 * factor, 1e-15);
        }
    double users = -1.0, items = -1.0; /* no number of steps is too large                                      */
    OK(adaptau_recipe_learning_rates(&r, (INT64_C(1) << 48) - 1, INT64_MAX - 1, INT64_MAX, &users, &items, &error));
    ck_assert(users == 0.0 && items == 0.0);
}
END_TEST

START_TEST(prior_follows_popularity_of_items)
{
    adaptau_context     *context = NULL;
    adaptau_dataset_view view = {.struct_size = sizeof view};
    float                bias[ITEMS];
    OK(adaptau_context_create(NULL, &context, &error));
    adaptau_dataset *data = make_data(context);
    OK(adaptau_dataset_get_view(data, &view, &error));
    OK(adaptau_popularity_prior(data, 0.4, 0.12, bias, &error));
    for (int i = 0; i < ITEMS; i++)
        ck_assert_float_eq(bias[i], (float)(0.4 * 0.12 * log1p((double)(view.item_ptr[i + 1] - view.item_ptr[i]))));
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* ---- held-out interactions --------------------------------------------------------------------------------------------- */

struct split {
    adaptau_context     *context;
    adaptau_dataset     *data, *kept, *held_out;
    adaptau_dataset_view all, left, out;
};

/* User u has u of 40 items. */
static struct split open_split(void)
{
    struct split s = {.all = {.struct_size = sizeof s.all},
                      .left = {.struct_size = sizeof s.left},
                      .out = {.struct_size = sizeof s.out}};
    int32_t      users[780], items[780];
    int          n = 0;
    random_state = 3;
    OK(adaptau_context_create(NULL, &s.context, &error));
    for (int32_t u = 0; u < 40; u++)
        for (int32_t i = 0; i < u; i++, n++) {
            users[n] = u;
            items[n] = (7 * i + u) % 40;
        }
    OK(adaptau_dataset_create_from_interactions(s.context, 40, 40, n, users, items, NULL, &s.data, &error));
    OK(adaptau_dataset_get_view(s.data, &s.all, &error));
    return s;
}

static void split(struct split *s, double share, uint64_t seed, const int64_t *times)
{
    const adaptau_split_options options = {.struct_size = sizeof options, .share = share, .seed = seed, .times = times};
    adaptau_dataset_destroy(s->kept);
    adaptau_dataset_destroy(s->held_out);
    OK(adaptau_dataset_split(s->context, s->data, &options, &s->kept, &s->held_out, &error));
    OK(adaptau_dataset_get_view(s->kept, &s->left, &error));
    OK(adaptau_dataset_get_view(s->held_out, &s->out, &error));
}

static void close_split(struct split *s)
{
    adaptau_dataset_destroy(s->kept);
    adaptau_dataset_destroy(s->held_out);
    adaptau_dataset_destroy(s->data);
    adaptau_context_destroy(s->context);
}

static bool has(const adaptau_dataset_view *view, int32_t user, int32_t item)
{
    for (int64_t p = view->user_ptr[user]; p < view->user_ptr[user + 1]; p++)
        if (view->user_items[p] == item)
            return true;
    return false;
}

static void expect_parts(const struct split *s)
{
    ck_assert_int_eq(adaptau_dataset_n_interactions(s->kept) + adaptau_dataset_n_interactions(s->held_out),
                     adaptau_dataset_n_interactions(s->data));
    for (int32_t u = 0; u < 40; u++)
        for (int64_t p = s->all.user_ptr[u]; p < s->all.user_ptr[u + 1]; p++)
            ck_assert(has(&s->left, u, s->all.user_items[p]) != has(&s->out, u, s->all.user_items[p]));
}

START_TEST(splits_each_user_by_its_share)
{
    static const double shares[] = {0.0, 0.2, 0.5, 1.0};
    struct split        s = open_split();
    for (int k = 0; k < 4; k++) {
        split(&s, shares[k], 1, NULL);
        expect_parts(&s);
        for (int u = 0; u < 40; u++) {
            const int64_t wanted = (int64_t)floor(shares[k] * u + 0.5);
            ck_assert_int_eq(s.out.user_ptr[u + 1] - s.out.user_ptr[u], wanted < u ? wanted : u > 0 ? u - 1 : 0);
        }
    }
    close_split(&s);
}
END_TEST

/* Times are p³ mod 97 of interaction p. An interaction is held out if it is as late as the k-th latest of all, unless nothing would be
 * left of its user. */
START_TEST(splits_at_one_time_across_users)
{
    static int64_t times[780], sorted[780];
    struct split   s = open_split();
    const int64_t  n = adaptau_dataset_n_interactions(s.data);
    for (int64_t p = 0; p < n; p++)
        times[p] = sorted[p] = p * p % 97 * p % 97;
    for (int64_t i = 1; i < n; i++) /* by insertion */
        for (int64_t k = i; k > 0 && sorted[k - 1] > sorted[k]; k--) {
            int64_t swapped = sorted[k];
            sorted[k] = sorted[k - 1];
            sorted[k - 1] = swapped;
        }
    const adaptau_split_options options = {
        .struct_size = sizeof options, .flags = ADAPTAU_SPLIT_ACROSS_USERS, .share = 0.3, .times = times};
    OK(adaptau_dataset_split(s.context, s.data, &options, &s.kept, &s.held_out, &error));
    OK(adaptau_dataset_get_view(s.kept, &s.left, &error));
    OK(adaptau_dataset_get_view(s.held_out, &s.out, &error));
    expect_parts(&s);
    const int64_t since = sorted[n - (int64_t)floor(0.3 * (double)n + 0.5)];
    for (int32_t u = 0; u < 40; u++) {
        int64_t late = 0, all = s.all.user_ptr[u + 1] - s.all.user_ptr[u];
        for (int64_t p = s.all.user_ptr[u]; p < s.all.user_ptr[u + 1]; p++) {
            late += times[p] >= since;
            if (times[p] < since)
                ck_assert(has(&s.left, u, s.all.user_items[p]));
        }
        ck_assert_int_eq(s.out.user_ptr[u + 1] - s.out.user_ptr[u], late < all ? late : all > 0 ? all - 1 : 0);
    }
    split(&s, 0.0, 0, times);
    ck_assert_int_eq(adaptau_dataset_n_interactions(s.held_out), 0);
    close_split(&s);
}
END_TEST

/* These draws are those of every version: by splitmix64 of seed, user and item. */
START_TEST(draws_by_seed_user_and_item_alone)
{
    struct split s = open_split();
    int32_t      first[780];
    split(&s, 0.2, 1, NULL);
    const size_t n = (size_t)s.out.user_ptr[40];
    memcpy(first, s.out.user_items, n * sizeof *first);
    split(&s, 0.2, 2, NULL);
    ck_assert(memcmp(first, s.out.user_items, n * sizeof *first) != 0);
    split(&s, 0.2, 1, NULL);
    ck_assert_mem_eq(first, s.out.user_items, n * sizeof *first);
    uint64_t digest = UINT64_C(0xCBF29CE484222325);
    for (size_t k = 0; k < n; k++)
        digest = (digest ^ (uint64_t)first[k]) * UINT64_C(0x100000001B3);
    ck_assert_msg(digest == UINT64_C(0x388ED4721EE48EEA), "0x%016llx", (unsigned long long)digest);
    close_split(&s);
}
END_TEST

/* Nothing that is held out is older than what is kept; equal times fall by the seed. */
START_TEST(holds_the_latest_out)
{
    struct split s = open_split();
    int64_t      times[780];
    for (int64_t p = 0; p < 780; p++)
        times[p] = (p * 37) % 11 - 5;
    split(&s, 0.3, 1, times);
    expect_parts(&s);
    for (int32_t u = 0; u < 40; u++) {
        int64_t latest_kept = INT64_MIN, first_out = INT64_MAX;
        for (int64_t p = s.all.user_ptr[u]; p < s.all.user_ptr[u + 1]; p++) {
            if (has(&s.out, u, s.all.user_items[p]))
                first_out = times[p] < first_out ? times[p] : first_out;
            else
                latest_kept = times[p] > latest_kept ? times[p] : latest_kept;
        }
        ck_assert_int_ge(first_out, latest_kept);
    }
    close_split(&s);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("recipe");
    TCase *by_data = tcase_create("by data"), *parts = tcase_create("parts"), *splits = tcase_create("splits");
    tcase_add_loop_test(by_data, fills_factorisation_by_the_rules, 0, N_EXTENTS);
    tcase_add_loop_test(by_data, fills_lightgcn_by_the_rules, 0, N_EXTENTS);
    tcase_add_test(by_data, fills_what_other_choices_need);
    tcase_add_loop_test(by_data, fills_the_softmax_s_family_by_the_rules, 0, N_EXTENTS);
    tcase_add_test(by_data, keeps_what_the_host_has_set);
    tcase_add_test(by_data, a_filled_recipe_stays_as_it_is);
    tcase_add_test(by_data, leaves_a_wrong_recipe_alone);
    tcase_add_test(parts, tells_objects_what_zero_means);
    tcase_add_test(parts, trials_find_what_filling_leaves_open);
    tcase_add_test(parts, tells_the_model_its_loss);
    tcase_add_loop_test(parts, learning_rates_are_held_and_fall_to_zero, 0, 8);
    tcase_add_test(parts, prior_follows_popularity_of_items);
    tcase_add_test(splits, splits_each_user_by_its_share);
    tcase_add_test(splits, splits_at_one_time_across_users);
    tcase_add_test(splits, draws_by_seed_user_and_item_alone);
    tcase_add_test(splits, holds_the_latest_out);
    suite_add_tcase(suite, by_data);
    suite_add_tcase(suite, parts);
    suite_add_tcase(suite, splits);
    return run_suite(suite);
}
