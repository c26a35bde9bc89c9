/* SPDX-License-Identifier: MIT */
/* What adds up beside losses: moments and temperatures, ranked lists, Adam on shards, the order of an epoch. Each against the
 * function for the whole. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/host.h"
#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/softmax_problem.h"
#include "../support/suite.h"

#define N 90
#define M 310
#define D 12

static float            users[N * D], items[M * D], bias[M];
static adaptau_dataset *all;

/* Pairs of users [u, v) and items [i, j), counted from there. */
static adaptau_dataset *make_block(int32_t u, int32_t v, int32_t i, int32_t j, double share, uint64_t seed)
{
    int32_t         *us = allocate(N * M, sizeof *us), *is = allocate(N * M, sizeof *is);
    int64_t          n = 0;
    adaptau_dataset *made = NULL;
    seed_state = seed;
    for (int32_t a = 0; a < N; a++)
        for (int32_t b = 0; b < M; b++)
            if (uniform() < share * (1.0 + (a % 5)) && a >= u && a < v && b >= i && b < j) {
                us[n] = a - u;
                is[n++] = b - i;
            }
    OK(adaptau_dataset_create_from_interactions(context, v - u, j - i, n, us, is, NULL, &made, &error));
    free(us);
    free(is);
    return made;
}

static adaptau_tables block_tables(uint32_t flags, int32_t u, int32_t v, int32_t i, int32_t j)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables), .flags = flags, .n_users = v - u, .n_items = j - i, .dim = D,
                            .users = users + u * D, .items = items + i * D, .item_bias = NULL};
}

static const int32_t user_cuts[] = {0, 31, 31, N}, item_cuts[] = {0, 100, 177, 177, M};
#define P 3
#define Q 4
#define TRAIN 0.02
#define TEST 0.01

/* ---- temperatures ------------------------------------------------------------------------------------------------ */

struct moments {
    double users[1 + D + D * D], items[1 + D + D * D], pairs[4], losses[2];
};

static void measure_grid(uint32_t flags, struct moments *m)
{
    double part[1 + D + D * D];
    memset(m, 0, sizeof *m);
    for (int p = 0; p < P; p++) {
        OK(adaptau_table_moments(context, user_cuts[p + 1] - user_cuts[p], D, users + user_cuts[p] * D, 0,
                                 flags & ADAPTAU_NORMALISE_USERS ? 1 : 0, part, &error));
        adaptau_table_moments_merge(D, m->users, part);
    }
    for (int q = 0; q < Q; q++) {
        OK(adaptau_table_moments(context, item_cuts[q + 1] - item_cuts[q], D, items + item_cuts[q] * D, 0,
                                 flags & ADAPTAU_NORMALISE_ITEMS ? 1 : 0, part, &error));
        adaptau_table_moments_merge(D, m->items, part);
    }
    for (int p = 0; p < P; p++)
        for (int q = 0; q < Q; q++) {
            adaptau_dataset *block = make_block(user_cuts[p], user_cuts[p + 1], item_cuts[q], item_cuts[q + 1], TRAIN, 9);
            adaptau_tables   tables = block_tables(flags, user_cuts[p], user_cuts[p + 1], item_cuts[q], item_cuts[q + 1]);
            double           pairs[4];
            OK(adaptau_interaction_moments(context, &tables, block, pairs, &error));
            for (int k = 0; k < 4; k++)
                m->pairs[k] += pairs[k];
            adaptau_dataset_destroy(block);
        }
}

static void check_close(double got, double want, double tolerance)
{
    ck_assert_msg(fabs(got - want) <= tolerance * fabs(want) + 1e-12, "%.17g, not %.17g", got, want);
}

/* Of the means and scatters in double precision, row by row. */
START_TEST(table_moments_are_the_definition)
{
    double out[1 + D + D * D], mean[D] = {0}, scatter[D][D] = {{0}};
    OK(adaptau_table_moments(context, M, D, items, 0, 1, out, &error));
    for (int pass = 0; pass < 2; pass++)
        for (int i = 0; i < M; i++) {
            double length = 0.0;
            for (int k = 0; k < D; k++)
                length += (double)items[i * D + k] * (double)items[i * D + k];
            length = sqrt(length);
            for (int k = 0; k < D; k++) {
                if (pass == 0)
                    mean[k] += (double)items[i * D + k] / length / M;
                for (int l = 0; l < D && pass == 1; l++)
                    scatter[k][l] +=
                        ((double)items[i * D + k] / length - mean[k]) * ((double)items[i * D + l] / length - mean[l]);
            }
        }
    ck_assert_double_eq(out[0], M);
    for (int k = 0; k < D; k++) {
        ck_assert_double_eq_tol(out[1 + k], mean[k], 1e-12);
        for (int l = 0; l < D; l++)
            ck_assert_double_eq_tol(out[1 + D + k * D + l], scatter[k][l], 1e-4);
    }
}
END_TEST

/* Up to the largest there may be, and none beyond. Equal rows have a scatter of nothing at all, not of nearly nothing. */
START_TEST(table_moments_have_every_dimension_that_tables_have)
{
    ck_assert_int_eq(adaptau_table_moments_size(1), 3);
    ck_assert_int_eq(adaptau_table_moments_size(ADAPTAU_MAX_DIM), 1 + (int64_t)ADAPTAU_MAX_DIM * (1 + (int64_t)ADAPTAU_MAX_DIM));
    ck_assert_int_eq(adaptau_table_moments_size(ADAPTAU_MAX_DIM + 1), 0);
    ck_assert_int_eq(adaptau_table_moments_size(-1), 0);
    static const int32_t dims[] = {1, 2, 63, 64, 65, 700};
    for (size_t d = 0; d < sizeof dims / sizeof *dims; d++) {
        const int64_t size = adaptau_table_moments_size(dims[d]), rows = 7;
        float        *equal = allocate((size_t)(rows * dims[d]), sizeof *equal);
        double       *out = allocate((size_t)size, sizeof *out);
        for (int64_t r = 0; r < rows; r++)
            equal[r * dims[d] + dims[d] / 2] = 2.0f;
        OK(adaptau_table_moments(context, (int32_t)rows, dims[d], equal, 0, 1, out, &error));
        ck_assert_double_eq(out[0], (double)rows);
        for (int32_t k = 0; k < dims[d]; k++)
            ck_assert_double_eq(out[1 + k], k == dims[d] / 2 ? 1.0 : 0.0);
        for (int64_t k = 1 + dims[d]; k < size; k++)
            ck_assert_double_eq(out[k], 0.0);
        free(equal);
        free(out);
    }
}
END_TEST

/* Sums over users are made in pieces: with one user more than a piece has, and one fewer, each user counts once. */
START_TEST(moments_of_pairs_count_every_user_for_any_number_of_them)
{
    static float many_users[1100 * 2], two_items[2 * 2] = {1.0f, 0.0f, 0.0f, 1.0f};
    static int32_t us[1100], is[1100];
    for (int32_t n = 1; n <= 1100; n += n < 12 || n % 32 < 2 || n % 32 == 31 ? 1 : 7) {
        adaptau_dataset *data = NULL;
        double           pairs[4], sum = 0.0, squares = 0.0;
        for (int32_t u = 0; u < n; u++) {
            us[u] = u;
            is[u] = u % 2;
            many_users[2 * u] = (float)(u % 9 + 1);
            many_users[2 * u + 1] = (float)(u % 4 + 2);
            const double f = (double)many_users[2 * u + u % 2];
            sum += f;
            squares += f * f;
        }
        OK(adaptau_dataset_create_from_interactions(context, n, 2, n, us, is, NULL, &data, &error));
        const adaptau_tables tables = {.struct_size = sizeof tables, .n_users = n, .n_items = 2, .dim = 2, .users = many_users,
                                       .items = two_items};
        OK(adaptau_interaction_moments(context, &tables, data, pairs, &error));
        ck_assert_double_eq(pairs[0], n);
        ck_assert_double_eq(pairs[1], n);
        ck_assert_double_eq_tol(pairs[2], sum, 1e-6 * sum);
        ck_assert_double_eq_tol(pairs[3], squares, 1e-6 * squares);
        adaptau_dataset_destroy(data);
    }
}
END_TEST

static const uint32_t flag_sets[] = {ADAPTAU_NORMALISE_BOTH, 0, ADAPTAU_NORMALISE_ITEMS};

START_TEST(update_by_merged_moments_is_the_update)
{
    const uint32_t                    flags = flag_sets[_i];
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_SECOND_ORDER,
                                                               .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    adaptau_tables                    tables = block_tables(flags, 0, N, 0, M);
    adaptau_temperature              *whole = NULL;
    adaptau_temperature_state         want = {.struct_size = sizeof want};
    float                             losses[N];
    struct moments                    m;
    OK(adaptau_temperature_create(context, all, &options, &whole, &error));
    for (int u = 0; u < N; u++)
        losses[u] = (float)(3.0 + sin(u));
    for (int update = 0; update < 2; update++) {
        OK(adaptau_temperature_add_losses(whole, N, NULL, losses, NULL, &error));
        OK(adaptau_temperature_update(whole, &tables, &error));
    }
    OK(adaptau_temperature_get_state(whole, &want, &error));
    measure_grid(flags, &m);
    adaptau_temperature *parts[P] = {NULL};
    adaptau_dataset     *blocks[P] = {NULL};
    for (int p = 0; p < P; p++) {
        double sums[2];
        blocks[p] = make_block(user_cuts[p], user_cuts[p + 1], 0, M, TRAIN, 9);
        OK(adaptau_temperature_create(context, blocks[p], &options, &parts[p], &error));
        OK(adaptau_temperature_add_losses(parts[p], user_cuts[p + 1] - user_cuts[p], NULL, losses + user_cuts[p], NULL, &error));
        OK(adaptau_temperature_loss_sums(parts[p], sums, &error));
        m.losses[0] += sums[0];
        m.losses[1] += sums[1];
        const adaptau_temperature_state started = {.struct_size = sizeof started, .tau0 = want.tau0, .n_updates = 1};
        OK(adaptau_temperature_set_state(parts[p], &started, adaptau_temperature_unit_losses(parts[p]), &error));
    }
    for (int p = 0; p < P; p++) {
        const adaptau_score_moments moments = {.struct_size = sizeof moments, .dim = D, .users = m.users, .items = m.items,
                                               .interactions = {m.pairs[0], m.pairs[1], m.pairs[2], m.pairs[3]},
                                               .losses = {m.losses[0], m.losses[1]}};
        adaptau_temperature_state   state = {.struct_size = sizeof state};
        OK(adaptau_temperature_update_from(parts[p], &moments, &error));
        OK(adaptau_temperature_get_state(parts[p], &state, &error));
        check_close(state.tau0, want.tau0, 1e-6);
        check_close(state.log_ratio, want.log_ratio, 1e-12);
        check_close(state.mean_all, want.mean_all, 1e-9);
        check_close(state.variance_all, want.variance_all, 1e-5);
        check_close(state.mean_positive, want.mean_positive, 1e-5);
        check_close(state.variance_positive, want.variance_positive, 1e-5);
        if (user_cuts[p] < user_cuts[p + 1]) /* where nobody is, nobody is compared                                */
            check_close(state.threshold, want.threshold, 1e-12);
        ck_assert_int_eq(state.n_updates, 2);
        for (int u = user_cuts[p]; u < user_cuts[p + 1]; u++)
            check_close((double)adaptau_temperature_user_taus(parts[p])[u - user_cuts[p]],
                        (double)adaptau_temperature_user_taus(whole)[u], 1e-5);
    }
    for (int p = 0; p < P; p++) {
        adaptau_temperature_destroy(parts[p]);
        adaptau_dataset_destroy(blocks[p]);
    }
    adaptau_temperature_destroy(whole);
}
END_TEST

/* The host's executor fails at the first, second, ... call within: nothing is written. */
START_TEST(moments_of_pairs_are_whole_or_untouched)
{
    struct host          host;
    adaptau_context     *failing = open_host(&host, 2, true);
    const adaptau_tables tables = block_tables(ADAPTAU_NORMALISE_BOTH, 0, N, 0, M);
    const double         before[4] = {5.0, 6.0, 7.0, 8.0};
    double               out[4], want[4];
    adaptau_status       status = ADAPTAU_E_CALLBACK;
    int                  failures = 0;
    OK(adaptau_interaction_moments(failing, &tables, all, want, &error));
    for (int n = 0; status != ADAPTAU_OK; n++) {
        memcpy(out, before, sizeof out);
        host.failing_execution = host.executions + n;
        status = adaptau_interaction_moments(failing, &tables, all, out, &error);
        ck_assert_int_eq(host_has_failed(&host), status != ADAPTAU_OK);
        ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_CALLBACK);
        ck_assert_mem_eq(out, status == ADAPTAU_OK ? want : before, sizeof out);
        failures += status != ADAPTAU_OK;
    }
    ck_assert_int_gt(failures, 1);
    adaptau_context_destroy(failing);
}
END_TEST

/* The unit of weights is the host's: only their proportions count. */
START_TEST(moments_of_small_and_large_weights_are_an_update)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_SECOND_ORDER, .warmup_updates = 0});
    double         tau0 = 0.0;
    struct moments m;
    measure_grid(ADAPTAU_NORMALISE_BOTH, &m);
    for (int power = 0; power < 5; power++) {
        static const double       units[] = {1.0, 1e-3, 1e-9, 1e-25, 1e9};
        adaptau_temperature      *t = NULL;
        adaptau_temperature_state state = {.struct_size = sizeof state};
        adaptau_score_moments     moments = {.struct_size = sizeof moments, .dim = D, .users = m.users, .items = m.items,
                                             .interactions = {m.pairs[0]}};
        for (int k = 1; k < 4; k++)
            moments.interactions[k] = m.pairs[k] * units[power];
        OK(adaptau_temperature_create(context, all, &options, &t, &error));
        for (int update = 0; update < 2; update++)
            OK(adaptau_temperature_update_from(t, &moments, &error));
        OK(adaptau_temperature_get_state(t, &state, &error));
        tau0 = power ? tau0 : state.tau0;
        check_close(state.tau0, tau0, 1e-9);
        moments.interactions[1] = 0.0;
        ck_assert_int_eq(adaptau_temperature_update_from(t, &moments, &error), ADAPTAU_E_ARGUMENT);
        moments.interactions[1] = -units[power];
        ck_assert_int_eq(adaptau_temperature_update_from(t, &moments, &error), ADAPTAU_E_ARGUMENT);
        adaptau_temperature_destroy(t);
    }
}
END_TEST

/* Counts of all ranges are known before the equation turns out to have no answer; they are not left behind. */
START_TEST(an_update_by_moments_that_fails_changes_nothing)
{
    const adaptau_temperature_options options = full_temperature_options((adaptau_temperature_options){.warmup_updates = 0});
    adaptau_temperature              *t = NULL;
    adaptau_temperature_state         before = {.struct_size = sizeof before}, after = before;
    struct moments                    m;
    int                               n_failures = 0;
    measure_grid(ADAPTAU_NORMALISE_BOTH, &m);
    adaptau_score_moments good = {.struct_size = sizeof good, .dim = D, .users = m.users, .items = m.items,
                                  .interactions = {m.pairs[0], m.pairs[1], m.pairs[2], m.pairs[3]}};
    OK(adaptau_temperature_create(context, all, &options, &t, &error));
    OK(adaptau_temperature_update_from(t, &good, &error));
    OK(adaptau_temperature_get_state(t, &before, &error));
    for (int k = 0; k < 6; k++) {
        adaptau_score_moments bad = good;
        double                others[1 + D + D * D];
        memcpy(others, m.users, sizeof others);
        others[0] = 77.0; /* a count that the state must not keep                                             */
        bad.users = others;
        if (k < 2)
            bad.interactions[2 + k] = DBL_MAX;
        else if (k == 2)
            bad.losses[0] = -1.0;
        else if (k == 3)
            others[1] = DBL_MAX;
        else if (k == 4)
            bad.interactions[0] = 0.5;
        else
            others[1 + D] = DBL_MAX;
        const adaptau_status status = adaptau_temperature_update_from(t, &bad, &error);
        OK(adaptau_temperature_get_state(t, &after, &error));
        if (status == ADAPTAU_OK) {
            OK(adaptau_temperature_set_state(t, &before, NULL, &error));
            continue;
        }
        n_failures++;
        ck_assert_msg(memcmp(&before, &after, sizeof before) == 0, "case %d: %s", k, error.message);
    }
    ck_assert_int_ge(n_failures, 3);
    adaptau_temperature_destroy(t);
}
END_TEST

START_TEST(moments_that_do_not_add_up_are_refused)
{
    const adaptau_temperature_options exact =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_EXACT});
    struct moments                    m;
    adaptau_temperature              *t = NULL;
    measure_grid(0, &m);
    adaptau_score_moments moments = {.struct_size = sizeof moments, .dim = D, .users = m.users, .items = m.items,
                                     .interactions = {m.pairs[0], m.pairs[1], m.pairs[2], m.pairs[3]}};
    OK(adaptau_temperature_create(context, all, &exact, &t, &error));
    ck_assert_int_eq(adaptau_temperature_update_from(t, &moments, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "options->tau0_policy = ADAPTAU_TAU0_EXACT does not add up over ranges");
    moments.interactions[0] = 0.0;
    ck_assert_int_eq(adaptau_temperature_update_from(t, &moments, &error), ADAPTAU_E_STATE);
    moments.interactions[1] = NAN;
    ck_assert_int_eq(adaptau_temperature_update_from(t, &moments, &error), ADAPTAU_E_NUMERIC);
    moments.users = NULL;
    ck_assert_int_eq(adaptau_temperature_update_from(t, &moments, &error), ADAPTAU_E_ARGUMENT);
    moments.dim = 0;
    ck_assert_int_eq(adaptau_temperature_update_from(t, &moments, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_table_moments_size(0), 0);
    ck_assert_int_eq(adaptau_table_moments(context, 3, D, items, 0, 2, m.users, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_table_moments(context, 3, D, items, D - 1, 1, m.users, &error), ADAPTAU_E_SHAPE);
    adaptau_temperature_destroy(t);
}
END_TEST

/* ---- ranking ----------------------------------------------------------------------------------------------------- */

#define K 25

static void rank_ranges(uint32_t flags, int32_t *out, float *scores)
{
    static int32_t other[N * K];
    static float   other_scores[N * K];
    for (int q = 0; q < Q; q++) {
        adaptau_dataset *seen = make_block(0, N, item_cuts[q], item_cuts[q + 1], TRAIN, 9);
        adaptau_tables   tables = block_tables(flags, 0, N, item_cuts[q], item_cuts[q + 1]);
        tables.item_bias = bias + item_cuts[q];
        OK(top_of_tables(context, &tables, N, NULL, K, seen, q == 0 ? out : other, q == 0 ? scores : other_scores, &error));
        for (int i = 0; i < N * K && q > 0; i++)
            other[i] += other[i] < 0 ? 0 : item_cuts[q];
        if (q > 0)
            OK(adaptau_merge_top_k(context, N, K, out, scores, other, other_scores, &error));
        adaptau_dataset_destroy(seen);
    }
}

START_TEST(merged_lists_are_the_ranking_of_all_items)
{
    static int32_t merged[N * K], whole[N * K];
    static float   merged_scores[N * K], whole_scores[N * K];
    adaptau_tables tables = block_tables(flag_sets[_i], 0, N, 0, M);
    tables.item_bias = bias;
    OK(top_of_tables(context, &tables, N, NULL, K, all, whole, whole_scores, &error));
    rank_ranges(flag_sets[_i], merged, merged_scores);
    ck_assert_mem_eq(merged, whole, sizeof whole);
    ck_assert_mem_eq(merged_scores, whole_scores, sizeof whole_scores);
}
END_TEST

START_TEST(evaluation_of_merged_lists_is_the_evaluation)
{
    static int32_t            merged[N * K];
    static float              scores[N * K];
    const int32_t             cutoffs[] = {5, K};
    adaptau_dataset          *held_out = make_block(0, N, 0, M, TEST, 4);
    const adaptau_dataset    *masks[] = {all};
    adaptau_evaluator_options options =
        full_evaluator_options((adaptau_evaluator_options){.n_cutoffs = 2, .cutoffs = cutoffs, .n_masks = 1, .masks = masks});
    adaptau_evaluator        *evaluator = NULL;
    adaptau_tables            tables = block_tables(ADAPTAU_NORMALISE_BOTH, 0, N, 0, M);
    double                    want[ADAPTAU_N_METRICS][2], got;
    tables.item_bias = bias;
    OK(adaptau_evaluator_create(context, held_out, &options, &evaluator, &error));
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < 2; c++)
            OK(adaptau_evaluator_mean(evaluator, metric, cutoffs[c], &want[metric][c], &error));
    rank_ranges(ADAPTAU_NORMALISE_BOTH, merged, scores);
    const int32_t  n = adaptau_evaluator_n_users(evaluator);
    const int32_t *ids = adaptau_evaluator_users(evaluator);
    for (int32_t u = 0; u < n; u++) /* ids ascend: in place                                                    */
        memmove(merged + u * K, merged + ids[u] * K, K * sizeof *merged);
    ck_assert_int_eq(adaptau_evaluator_run_lists(evaluator, K - 1, merged, &error), ADAPTAU_E_SHAPE);
    merged[7] += M;
    ck_assert_int_eq(adaptau_evaluator_run_lists(evaluator, K, merged, &error), ADAPTAU_E_INDEX);
    merged[7] -= M;
    OK(adaptau_evaluator_run_lists(evaluator, K, merged, &error));
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < 2; c++) {
            OK(adaptau_evaluator_mean(evaluator, metric, cutoffs[c], &got, &error));
            ck_assert_double_eq(got, want[metric][c]);
        }
    adaptau_evaluator_destroy(evaluator);
    adaptau_dataset_destroy(held_out);
}
END_TEST

START_TEST(ranking_refuses_bad_arguments)
{
    int32_t        ids[2] = {0, N}, out[4];
    float          scores[4];
    adaptau_tables tables = block_tables(0, 0, N, 0, M - 1);
    ck_assert_int_eq(top_of_tables(context, &tables, 2, ids, 2, NULL, out, scores, &error), ADAPTAU_E_INDEX);
    ck_assert_int_eq(top_of_tables(context, &tables, 1, ids, 0, NULL, out, scores, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(top_of_tables(context, &tables, N + 1, NULL, 2, NULL, out, scores, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(top_of_tables(context, &tables, 1, ids, 2, all, out, scores, &error), ADAPTAU_E_SHAPE);
    ck_assert_int_eq(top_of_tables(context, &tables, 1, ids, 2, NULL, NULL, scores, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_merge_top_k(context, 1, 0, out, scores, out, scores, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_merge_top_k(context, 1, 1, out, NULL, out, scores, &error), ADAPTAU_E_ARGUMENT);
}
END_TEST

/* ---- Adam and orders --------------------------------------------------------------------------------------------- */

/* Shards of a table, stepped apart, are the model's step. */
START_TEST(adam_on_shards_is_the_models_step)
{
    const uint32_t        row_moment = _i ? ADAPTAU_MODEL_ROW_SECOND_MOMENT : 0;
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = D, .init = ADAPTAU_INIT_SPHERE,
                                                                               .flags = row_moment});
    adaptau_adam_options  adam =
        full_adam_options((adaptau_adam_options){.learning_rate = 0.02,
                                                 .flags = ADAPTAU_ADAM_TO_SPHERE | (_i ? ADAPTAU_ADAM_ROW_SECOND_MOMENT : 0)});
    static float          table[M * D], first[M * D], second[M * D];
    static int32_t        steps[M];
    adaptau_model        *model = NULL;
    adaptau_temperature  *temperature = NULL;
    adaptau_sampler      *sampler = NULL;
    adaptau_batch         batch = {.struct_size = sizeof batch};
    adaptau_tables        tables = {.struct_size = sizeof tables};
    adaptau_gradient_view view = {.struct_size = sizeof view};
    OK(adaptau_model_create(context, all, &options, &model, &error));
    OK(adaptau_temperature_create(context, all, NULL, &temperature, &error));
    OK(adaptau_sampler_create(context, all, NULL, &sampler, &error));
    OK(adaptau_model_get_tables(model, &tables, &error));
    memcpy(table, tables.items, sizeof table);
    memset(first, 0, sizeof first);
    memset(second, 0, sizeof second);
    memset(steps, 0, sizeof steps);
    for (int64_t epoch = 0; epoch < 3; epoch++) {
        OK(adaptau_sampler_begin_epoch(sampler, epoch, &error));
        OK(adaptau_sampler_next(sampler, &batch, &error));
        OK(adaptau_model_gradients(model, &batch, temperature, NULL, &error));
        OK(adaptau_model_get_gradient_view(model, &view, &error));
        for (int q = 0; q < Q; q++) {
            const int32_t           i = item_cuts[q], n = item_cuts[q + 1] - i;
            const adaptau_adam_rows shard = {.struct_size = sizeof shard, .dim = D, .n = n, .rows = table + i * D,
                                             .first = first + i * D, .second = second + i * (_i ? 1 : D), .steps = steps + i};
            OK(adaptau_adam(context, &adam, n, NULL, view.items + i * D, 0, &shard, &error));
        }
        OK(adaptau_model_apply(model, &error));
        ck_assert_mem_eq(table, tables.items, sizeof table);
    }
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
}
END_TEST

START_TEST(first_rows_are_the_models)
{
    const int32_t  inits[] = {ADAPTAU_INIT_SPHERE, ADAPTAU_INIT_XAVIER};
    static float   rows[M * D];
    adaptau_tables tables = {.struct_size = sizeof tables};
    adaptau_model *model = NULL;
    for (int i = 0; i < 2; i++) {
        const adaptau_model_options options =
            full_model_options((adaptau_model_options){.dim = D, .init = inits[i], .seed = 8,
                                                       .flags = ADAPTAU_MODEL_FREE_LENGTH});
        OK(adaptau_model_create(context, all, &options, &model, &error));
        OK(adaptau_model_get_tables(model, &tables, &error));
        for (int q = 0; q < Q; q++)
            OK(adaptau_init_rows(context, 8, ADAPTAU_SIDE_ITEMS, inits[i], M, item_cuts[q], item_cuts[q + 1] - item_cuts[q], D,
                                 rows + item_cuts[q] * D, 0, &error));
        ck_assert_mem_eq(rows, tables.items, sizeof rows);
        adaptau_model_destroy(model);
    }
    ck_assert_int_eq(adaptau_init_rows(context, 8, 2, 0, M, 0, 1, D, rows, 0, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_init_rows(context, 8, 1, ADAPTAU_INIT_SPECTRAL, M, 0, 1, D, rows, 0, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_init_rows(context, 8, 1, 0, M, M, 1, D, rows, 0, &error), ADAPTAU_E_SHAPE);
}
END_TEST

START_TEST(adam_refuses_bad_arguments)
{
    adaptau_adam_options adam = full_adam_options((adaptau_adam_options){.learning_rate = 0.02});
    int32_t              steps[2] = {0}, ids[2] = {0, 2};
    float                first[2 * D] = {0}, second[2 * D] = {0}, rows[2 * D] = {0};
    adaptau_adam_rows    r = {.struct_size = sizeof r, .dim = D, .n = 2, .rows = rows, .first = first, .second = second,
                              .steps = steps};
    ck_assert_int_eq(adaptau_adam(context, &adam, 2, ids, items, 0, &r, &error), ADAPTAU_E_INDEX);
    ck_assert_int_eq(adaptau_adam(context, &adam, 3, NULL, items, 0, &r, &error), ADAPTAU_E_SHAPE);
    ck_assert_int_eq(adaptau_adam(context, &adam, 1, NULL, NULL, 0, &r, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_adam(context, &adam, 1, NULL, items, D - 1, &r, &error), ADAPTAU_E_SHAPE);
    const float hopeless[D] = {NAN}, untouched[2 * D] = {0};
    ck_assert_int_eq(adaptau_adam(context, &adam, 1, NULL, hopeless, 0, &r, &error), ADAPTAU_E_NUMERIC);
    ck_assert_str_eq(error.message, "gradients[0] is not finite");
    ck_assert_int_eq(steps[0], 0);
    ck_assert_mem_eq(rows, untouched, sizeof rows);
    r.steps = NULL;
    ck_assert_int_eq(adaptau_adam(context, &adam, 1, NULL, items, 0, &r, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "rows->steps is NULL, but rows->n = 2");
    adam.beta2 = 1.0;
    ck_assert_int_eq(adaptau_adam(context, &adam, 1, NULL, items, 0, &r, &error), ADAPTAU_E_ARGUMENT);
    adam.beta2 = NAN;
    ck_assert_int_eq(adaptau_adam(context, &adam, 1, NULL, items, 0, &r, &error), ADAPTAU_E_NUMERIC);
    adam.flags = 1u << 31;
    ck_assert_int_eq(adaptau_adam(context, &adam, 1, NULL, items, 0, &r, &error), ADAPTAU_E_ARGUMENT);
}
END_TEST

START_TEST(epoch_order_is_the_samplers)
{
    adaptau_sampler_options options = full_sampler_options((adaptau_sampler_options){.seed = 5, .rows_per_batch = 1000});
    adaptau_sampler        *sampler = NULL;
    adaptau_batch           batch = {.struct_size = sizeof batch};
    adaptau_dataset_view    view = {.struct_size = sizeof view};
    uint32_t                order[N];
    int32_t                 with_items[N], n = 0;
    OK(adaptau_dataset_get_view(all, &view, &error));
    for (int32_t u = 0; u < N; u++)
        if (view.user_ptr[u + 1] > view.user_ptr[u])
            with_items[n++] = u;
    OK(adaptau_sampler_create(context, all, &options, &sampler, &error));
    OK(adaptau_sampler_begin_epoch(sampler, 3, &error));
    OK(adaptau_sampler_next(sampler, &batch, &error));
    OK(adaptau_epoch_order(5, 3, n, order, &error));
    ck_assert_int_eq(batch.n_rows, n);
    for (int32_t r = 0; r < n; r++)
        ck_assert_int_eq(batch.users[r], with_items[order[r]]);
    ck_assert_int_eq(adaptau_epoch_order(5, -1, n, order, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_epoch_order(5, 0, -1, order, &error), ADAPTAU_E_ARGUMENT);
    adaptau_sampler_destroy(sampler);
}
END_TEST

/* ---- temperatures that models of ranges teach --------------------------------------------------------------------- */

#define PARTS 3
static const int32_t part_cuts[] = {0, 100, 177, M};

/* What the ranges have found for each row, and what they have together. */
struct meeting {
    adaptau_row_sums own[N], all[N];
    bool             hands_over;
};

static int32_t meet(void *user_data, const adaptau_reduce_piece *piece)
{
    struct meeting *meeting = user_data;
    const size_t    size = (size_t)piece->n * sizeof *piece->sums;
    if (piece->what != ADAPTAU_REDUCE_SUMS)
        return 0;
    if (meeting->hands_over)
        memcpy(piece->sums, meeting->all + piece->first, size);
    else
        memcpy(meeting->own + piece->first, piece->sums, size);
    return 0;
}

/* Gradients of one batch in a model of the items [i, j), by which the temperature is taught. The last user's row is empty. */
static void teach(int32_t i, int32_t j, const adaptau_temperature_options *options, struct meeting *meeting,
                  adaptau_temperature **out, adaptau_dataset **block)
{
    float               *own_users = allocate(N * D, sizeof *own_users), *own_items = allocate(M * D, sizeof *own_items);
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_model       *model = NULL;
    int64_t              ptr[N + 1];
    memcpy(own_users, users, sizeof users);
    memcpy(own_items, items + i * D, (size_t)(j - i) * D * sizeof *items);
    const adaptau_model_options model_options =
        full_model_options((adaptau_model_options){.dim = D, .init = ADAPTAU_INIT_HOST, .host_users = own_users,
                                                   .host_items = own_items});
    *block = make_block(0, N, i, j, TRAIN, 9);
    OK(adaptau_dataset_get_view(*block, &view, &error));
    OK(adaptau_model_create(context, *block, &model_options, &model, &error));
    OK(adaptau_temperature_create(context, *block, options, out, &error));
    /* Ranges differ in what τ₀ is before the first common update; the state of the whole is one for all. */
    if (options->tau_user_policy != ADAPTAU_TAU_USER_LEARNED) {
        adaptau_temperature_state state = {.struct_size = sizeof state};
        OK(adaptau_temperature_get_state(*out, &state, &error));
        state.tau0 = 0.25;
        OK(adaptau_temperature_set_state(*out, &state, NULL, &error));
    }
    if (meeting) {
        const adaptau_reduce reduce = full_reduce((adaptau_reduce){.function = meet, .user_data = meeting, .most_items = M});
        OK(adaptau_model_set_reduce(model, &reduce, &error));
    }
    memcpy(ptr, view.user_ptr, sizeof ptr);
    ptr[N] = ptr[N - 1];
    const adaptau_batch batch = {.struct_size = sizeof batch, .flags = ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM, .n_rows = N,
                                 .positive_ptr = ptr, .positives = view.user_items};
    OK(adaptau_model_gradients(model, &batch, *out, NULL, &error));
    adaptau_model_destroy(model);
    free(own_users);
    free(own_items);
}

/* Every range's temperature, after each has heard of the same batch. */
static void teach_ranges(const adaptau_temperature_options *options, adaptau_temperature *out[PARTS],
                         adaptau_dataset *blocks[PARTS])
{
    struct meeting *meeting = allocate(1, sizeof *meeting);
    for (int k = 0; k < PARTS; k++) { /* what each range finds                                                 */
        teach(part_cuts[k], part_cuts[k + 1], options, meeting, &out[k], &blocks[k]);
        if (k == 0)
            memcpy(meeting->all, meeting->own, sizeof meeting->own);
        else
            adaptau_merge_row_sums(N, meeting->all, meeting->own);
        adaptau_temperature_destroy(out[k]);
        adaptau_dataset_destroy(blocks[k]);
    }
    meeting->hands_over = true;
    for (int k = 0; k < PARTS; k++)
        teach(part_cuts[k], part_cuts[k + 1], options, meeting, &out[k], &blocks[k]);
    free(meeting);
}

static int64_t degree_in(const adaptau_dataset *dataset, int32_t user)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(dataset, &view, &error));
    return view.user_ptr[user + 1] - view.user_ptr[user];
}

START_TEST(every_range_hears_of_users_that_it_does_not_know)
{
    static const int32_t policies[] = {ADAPTAU_TAU_USER_BY_LOSS, ADAPTAU_TAU_USER_MINIMISER, ADAPTAU_TAU_USER_RELEASED};
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau_user_policy = policies[_i]});
    adaptau_temperature              *whole = NULL, *ranges[PARTS] = {NULL};
    adaptau_dataset                  *block = NULL, *blocks[PARTS] = {NULL};
    adaptau_tables                    tables = block_tables(ADAPTAU_NORMALISE_BOTH, 0, N, 0, M);
    adaptau_temperature_state         state = {.struct_size = sizeof state};
    struct moments                    m;
    int                               n_unknown = 0;
    teach(0, M, &options, NULL, &whole, &block);
    teach_ranges(&options, ranges, blocks);
    const float *want = adaptau_temperature_unit_losses(whole);
    measure_grid(ADAPTAU_NORMALISE_BOTH, &m);
    OK(adaptau_temperature_loss_sums(whole, m.losses, &error));
    OK(adaptau_temperature_update(whole, &tables, &error));
    for (int k = 0; k < PARTS; k++) {
        const float *losses = adaptau_temperature_unit_losses(ranges[k]);
        double       sums[2];
        for (int32_t u = 0; u < N; u++) {
            n_unknown += degree_in(blocks[k], u) == 0 && degree_in(all, u) > 0;
            ck_assert_int_eq(isnan(losses[u]) != 0, u == N - 1);
            if (u < N - 1)
                check_close((double)losses[u], (double)want[u], 1e-5);
        }
        OK(adaptau_temperature_loss_sums(ranges[k], sums, &error));
        ck_assert_double_eq(sums[0], m.losses[0]);
        check_close(sums[1], m.losses[1], 1e-5);
        const adaptau_score_moments moments = {.struct_size = sizeof moments, .dim = D, .users = m.users, .items = m.items,
                                               .interactions = {m.pairs[0], m.pairs[1], m.pairs[2], m.pairs[3]},
                                               .losses = {sums[0], sums[1]}};
        OK(adaptau_temperature_update_from(ranges[k], &moments, &error));
        for (int32_t u = 0; u < N; u++)
            check_close((double)adaptau_temperature_user_taus(ranges[k])[u], (double)adaptau_temperature_user_taus(whole)[u],
                        1e-5);
        OK(adaptau_temperature_get_state(ranges[k], &state, &error));
        ck_assert_int_eq(state.n_users_observed, (int64_t)sums[0]);
    }
    ck_assert_int_gt(n_unknown, 0);
    for (int k = 0; k < PARTS; k++) {
        adaptau_temperature_destroy(ranges[k]);
        adaptau_dataset_destroy(blocks[k]);
    }
    adaptau_temperature_destroy(whole);
    adaptau_dataset_destroy(block);
}
END_TEST

static int32_t count_pieces(void *user_data, const adaptau_reduce_piece *piece)
{
    ((int *)user_data)[piece->what]++;
    return 0;
}

/* _i: policy. The rows of a batch are those of other shards, from the first batch on. */
START_TEST(a_shard_takes_part_in_a_first_batch_without_rows)
{
    static const int32_t policies[] = {ADAPTAU_TAU_USER_NONE, ADAPTAU_TAU_USER_BY_LOSS, ADAPTAU_TAU_USER_RELEASED,
                                       ADAPTAU_TAU_USER_LEARNED};
    const adaptau_temperature_options options = full_temperature_options(
        (adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.25, .tau_user_policy = policies[_i]});
    const adaptau_model_options model_options = full_model_options((adaptau_model_options){.dim = D});
    adaptau_dataset            *block = make_block(0, N, 0, M, TRAIN, 9);
    adaptau_model              *model = NULL;
    adaptau_temperature        *temperature = NULL;
    int                         pieces[8] = {0};
    const int64_t               ptr[2] = {0, 1};
    const int32_t               item = 3;
    adaptau_batch               batch = {.struct_size = sizeof batch, .positive_ptr = ptr};
    adaptau_step                step = {.struct_size = sizeof step};
    adaptau_gradient_view       view = {.struct_size = sizeof view};
    const adaptau_reduce        reduce = full_reduce((adaptau_reduce){.function = count_pieces, .user_data = pieces, .most_items = M});
    OK(adaptau_model_create(context, block, &model_options, &model, &error));
    OK(adaptau_temperature_create(context, block, &options, &temperature, &error));
    OK(adaptau_model_set_reduce(model, &reduce, &error));
    OK(adaptau_model_gradients(model, &batch, temperature, &step, &error));
    ck_assert_int_eq(step.n_rows, 0);
    ck_assert(step.loss == 0.0 && step.n_terms == 0.0);
    ck_assert_int_gt(pieces[ADAPTAU_REDUCE_ITEMS], 0);
    OK(adaptau_model_get_gradient_view(model, &view, &error));
    ck_assert_int_eq(view.n_users, 0);
    for (int k = 0; k < M * D; k++)
        ck_assert(view.items[k] == 0.0f);
    OK(adaptau_model_apply(model, &error));
    batch.n_rows = 1;
    batch.positives = &item;
    OK(adaptau_model_gradients(model, &batch, temperature, &step, &error));
    ck_assert(step.loss > 0.0);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(block);
}
END_TEST

START_TEST(learned_temperatures_step_by_the_positives_of_all_ranges)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.25,
                                                               .tau_user_policy = ADAPTAU_TAU_USER_LEARNED});
    adaptau_temperature              *whole = NULL, *ranges[PARTS] = {NULL};
    adaptau_dataset                  *block = NULL, *blocks[PARTS] = {NULL};
    teach(0, M, &options, NULL, &whole, &block);
    teach_ranges(&options, ranges, blocks);
    for (int k = 0; k < PARTS; k++) {
        for (int32_t u = 0; u < N; u++) {
            check_close((double)adaptau_temperature_user_taus(ranges[k])[u], (double)adaptau_temperature_user_taus(whole)[u],
                        1e-5);
            ck_assert((adaptau_temperature_user_taus(whole)[u] != 0.25f) == (u < N - 1));
        }
        adaptau_temperature_destroy(ranges[k]);
        adaptau_dataset_destroy(blocks[k]);
    }
    adaptau_temperature_destroy(whole);
    adaptau_dataset_destroy(block);
}
END_TEST

START_TEST(losses_of_a_range_count_for_users_without_pairs_in_it)
{
    const adaptau_temperature_options options =
        full_temperature_options((adaptau_temperature_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    adaptau_dataset                  *block = make_block(0, N, 0, 1, TRAIN, 9);
    adaptau_temperature              *temperature = NULL;
    float                             losses[N];
    double                            sums[2];
    for (int32_t u = 0; u < N; u++)
        losses[u] = 2.0f;
    OK(adaptau_temperature_create(context, block, &options, &temperature, &error));
    OK(adaptau_temperature_add_losses(temperature, N, NULL, losses, NULL, &error));
    OK(adaptau_temperature_loss_sums(temperature, sums, &error));
    ck_assert_double_lt(sums[0], N);
    OK(adaptau_temperature_add_losses_of_shard(temperature, N, NULL, losses, NULL, &error));
    OK(adaptau_temperature_loss_sums(temperature, sums, &error));
    ck_assert_double_eq(sums[0], N);
    ck_assert_double_eq(sums[1], 2.0 * N);
    losses[7] = INFINITY;
    ck_assert_int_eq(adaptau_temperature_add_losses_of_shard(temperature, N, NULL, losses, NULL, &error), ADAPTAU_E_NUMERIC);
    adaptau_temperature_destroy(temperature);
    adaptau_dataset_destroy(block);
}
END_TEST

START_TEST(own_soft_targets_of_a_range_are_refused)
{
    const adaptau_model_options       options = full_model_options((adaptau_model_options){.dim = D});
    const adaptau_temperature_options tau = full_temperature_options((adaptau_temperature_options){0});
    const adaptau_target_options      targets = full_target_options((adaptau_target_options){.strength = 3.0});
    struct meeting                   *meeting = allocate(1, sizeof *meeting);
    const adaptau_reduce            reduce = full_reduce((adaptau_reduce){.function = meet, .user_data = meeting});
    adaptau_dataset_view              view = {.struct_size = sizeof view};
    adaptau_model                    *model = NULL;
    adaptau_temperature              *temperature = NULL;
    OK(adaptau_dataset_get_view(all, &view, &error));
    const adaptau_batch batch = {.struct_size = sizeof batch, .n_rows = N, .positive_ptr = view.user_ptr,
                                 .positives = view.user_items};
    OK(adaptau_model_create(context, all, &options, &model, &error));
    OK(adaptau_temperature_create(context, all, &tau, &temperature, &error));
    OK(adaptau_model_update_targets(model, all, temperature, &targets, &error));
    OK(adaptau_model_gradients(model, &batch, temperature, NULL, &error));
    OK(adaptau_model_set_reduce(model, &reduce, &error));
    ck_assert_int_eq(adaptau_model_gradients(model, &batch, temperature, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_msg(strstr(error.message, "soft targets"), "%s", error.message);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    free(meeting);
}
END_TEST

static void open_world(void)
{
    open_context();
    seed_state = 88172645463325252u;
    for (int i = 0; i < N * D; i++)
        users[i] = (float)(2.0 * uniform() - 0.8);
    for (int i = 0; i < M * D; i++)
        items[i] = (float)(2.0 * uniform() - 0.8);
    for (int i = 0; i < M; i++)
        bias[i] = (float)(0.1 * uniform());
    all = make_block(0, N, 0, M, TRAIN, 9);
}

static void close_world(void)
{
    adaptau_dataset_destroy(all);
    close_context();
}

static Suite *partial_suite(void)
{
    Suite *suite = suite_create("shards");
    TCase *tcase = tcase_create("shards");
    tcase_add_checked_fixture(tcase, open_world, close_world);
    tcase_add_test(tcase, table_moments_are_the_definition);
    tcase_add_loop_test(tcase, update_by_merged_moments_is_the_update, 0, 3);
    tcase_add_test(tcase, moments_of_pairs_are_whole_or_untouched);
    tcase_add_test(tcase, table_moments_have_every_dimension_that_tables_have);
    tcase_add_test(tcase, moments_of_pairs_count_every_user_for_any_number_of_them);
    tcase_add_test(tcase, moments_of_small_and_large_weights_are_an_update);
    tcase_add_test(tcase, an_update_by_moments_that_fails_changes_nothing);
    tcase_add_test(tcase, moments_that_do_not_add_up_are_refused);
    tcase_add_loop_test(tcase, merged_lists_are_the_ranking_of_all_items, 0, 3);
    tcase_add_test(tcase, evaluation_of_merged_lists_is_the_evaluation);
    tcase_add_test(tcase, ranking_refuses_bad_arguments);
    tcase_add_loop_test(tcase, adam_on_shards_is_the_models_step, 0, 2);
    tcase_add_test(tcase, first_rows_are_the_models);
    tcase_add_test(tcase, adam_refuses_bad_arguments);
    tcase_add_test(tcase, epoch_order_is_the_samplers);
    tcase_add_loop_test(tcase, every_range_hears_of_users_that_it_does_not_know, 0, 3);
    tcase_add_loop_test(tcase, a_shard_takes_part_in_a_first_batch_without_rows, 0, 4);
    tcase_add_test(tcase, learned_temperatures_step_by_the_positives_of_all_ranges);
    tcase_add_test(tcase, losses_of_a_range_count_for_users_without_pairs_in_it);
    tcase_add_test(tcase, own_soft_targets_of_a_range_are_refused);
    suite_add_tcase(suite, tcase);
    return suite;
}

int main(void)
{
    return run_suite(partial_suite());
}
