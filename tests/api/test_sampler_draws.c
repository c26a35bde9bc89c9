/* SPDX-License-Identifier: MIT */
/* Samplers: how draws are distributed, and their log q. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/options.h"
#include "../support/sampler_fixture.h"
#include "../support/suite.h"

/* ---- distributions ----------------------------------------------------------------------------------------------- */

/* χ² of counts against expected shares. With k cells it has mean k − 1 and deviation sqrt(2(k − 1)); eight deviations are never
 * met by chance, and the seeds are fixed besides. */
static void expect_shares(const int64_t *counts, const double *shares, int n)
{
    double total = 0.0, share_sum = 0.0, chi2 = 0.0;
    int    cells = 0;
    for (int i = 0; i < n; i++) {
        total += (double)counts[i];
        share_sum += shares[i];
    }
    for (int i = 0; i < n; i++) {
        double expected = total * shares[i] / share_sum;
        if (shares[i] == 0.0) {
            ck_assert_int_eq(counts[i], 0);
            continue;
        }
        chi2 += ((double)counts[i] - expected) * ((double)counts[i] - expected) / expected;
        cells++;
    }
    ck_assert_msg(chi2 < cells - 1 + 8.0 * sqrt(2.0 * (cells - 1)), "chi2 = %g with %d cells", chi2, cells);
    ck_assert_msg(chi2 > cells - 1 - 8.0 * sqrt(2.0 * (cells - 1)), "chi2 = %g with %d cells", chi2, cells);
}

static double degree(const adaptau_dataset_view *view, int32_t item)
{
    return (double)(view->item_ptr[item + 1] - view->item_ptr[item]);
}

static void count_shared(adaptau_sampler *sampler, int64_t n_epochs, int64_t counts[ITEMS])
{
    memset(counts, 0, ITEMS * sizeof *counts);
    for (int64_t epoch = 0; epoch < n_epochs; epoch++) {
        begin(sampler, epoch);
        for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler)) {
            ck_assert_int_eq(b.candidates, ADAPTAU_CANDIDATES_SHARED);
            for (int64_t c = 0; c < b.n_candidates; c++)
                counts[b.candidate_ids[c]]++;
        }
    }
}

START_TEST(shared_uniform_draws_are_uniform)
{
    adaptau_dataset        *data = make_data();
    adaptau_sampler_options options = {
        .kind = ADAPTAU_SAMPLER_SHARED_UNIFORM, .rows_per_batch = 10, .n_candidates = 50, .seed = 1};
    adaptau_sampler *sampler = make_sampler(data, options);
    int64_t          counts[ITEMS];
    double           shares[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        shares[i] = 1.0;
    count_shared(sampler, 100, counts);
    expect_shares(counts, shares, ITEMS);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(popular_draws_follow_the_power_of_the_degree)
{
    static const double  exponents[] = {0.0, 1.0, 2.0, -0.5};
    adaptau_dataset     *data = make_data();
    adaptau_dataset_view view = view_of(data);
    for (int k = 0; k < 4; k++) {
        adaptau_sampler_options options = {.kind = ADAPTAU_SAMPLER_SHARED_POPULARITY,
                                           .rows_per_batch = 10,
                                           .n_candidates = 50,
                                           .popularity_exponent = exponents[k],
                                           .seed = 2};
        adaptau_sampler *sampler = make_sampler(data, options);
        int64_t          counts[ITEMS];
        double           shares[ITEMS];
        for (int i = 0; i < ITEMS; i++)
            shares[i] = degree(&view, i) > 0 ? pow(degree(&view, i), k ? exponents[k] : 0.75) : 0.0;
        count_shared(sampler, 100, counts);
        expect_shares(counts, shares, ITEMS);
        adaptau_sampler_destroy(sampler);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

/* Draws of one user over many epochs, against what it may draw. */
static void expect_row_draws(const adaptau_dataset *data, uint32_t flags, int32_t user)
{
    adaptau_dataset_view    view = view_of(data);
    adaptau_sampler_options options = {.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                       .flags = flags,
                                       .rows = ADAPTAU_SAMPLER_ROWS_USERS,
                                       .rows_per_batch = 100,
                                       .n_candidates = 30,
                                       .seed = 3};
    adaptau_sampler *sampler = make_sampler(data, options);
    int64_t          counts[ITEMS] = {0};
    double           shares[ITEMS];
    for (int i = 0; i < ITEMS; i++)
        shares[i] = !(flags & ADAPTAU_SAMPLER_REJECT_POSITIVES) || !has(&view, user, i);
    for (int64_t epoch = 0; epoch < 200; epoch++) {
        begin(sampler, epoch);
        adaptau_batch b = next(sampler);
        ck_assert_int_eq(b.candidates, ADAPTAU_CANDIDATES_PER_ROW);
        ck_assert_int_eq(b.n_candidates, 30);
        for (int32_t r = 0; r < b.n_rows; r++)
            for (int c = 0; b.users[r] == user && c < 30; c++)
                counts[b.candidate_ids[r * 30 + c]]++;
    }
    expect_shares(counts, shares, ITEMS);
    adaptau_sampler_destroy(sampler);
}

START_TEST(row_draws_are_uniform_over_what_they_may_be)
{
    adaptau_dataset *data = make_data();
    for (int32_t user = 1; user < 6; user++) {
        expect_row_draws(data, 0, user);
        expect_row_draws(data, ADAPTAU_SAMPLER_REJECT_POSITIVES, user);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(row_draws_avoid_the_items_of_every_user)
{
    adaptau_dataset        *data = make_data();
    adaptau_dataset_view    view = view_of(data);
    adaptau_sampler_options options = {.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                       .flags = ADAPTAU_SAMPLER_REJECT_POSITIVES,
                                       .rows_per_batch = 100,
                                       .n_candidates = 17};
    adaptau_sampler *sampler = make_sampler(data, options);
    begin(sampler, 9);
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler))
        for (int32_t r = 0; r < b.n_rows; r++)
            for (int c = 0; c < 17; c++)
                ck_assert(!has(&view, b.users[r], b.candidate_ids[r * 17 + c]));
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

/* User 0 has all items but one, user 1 all but two, user 2 all. */
static adaptau_dataset *make_greedy(int32_t n_users)
{
    int32_t          users[3 * ITEMS], items[3 * ITEMS];
    int64_t          n = 0;
    adaptau_dataset *data = NULL;
    for (int32_t u = 0; u < n_users; u++)
        for (int32_t i = 0; i < ITEMS; i++)
            if (!(u == 0 && i == 23) && !(u == 1 && (i == 0 || i == ITEMS - 1))) {
                users[n] = u;
                items[n++] = i;
            }
    OK(adaptau_dataset_create_from_interactions(context, n_users, ITEMS, n, users, items, NULL, &data, &error));
    return data;
}

START_TEST(rejection_ends_for_users_who_have_nearly_everything)
{
    adaptau_dataset        *data = make_greedy(2);
    adaptau_sampler_options options = {.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                       .flags = ADAPTAU_SAMPLER_REJECT_POSITIVES | ADAPTAU_SAMPLER_KEEP_ORDER,
                                       .rows = ADAPTAU_SAMPLER_ROWS_USERS,
                                       .n_candidates = 1000};
    adaptau_sampler *sampler = make_sampler(data, options);
    int64_t          counts[ITEMS] = {0};
    begin(sampler, 0);
    adaptau_batch b = next(sampler);
    for (int c = 0; c < 1000; c++) {
        ck_assert_int_eq(b.candidate_ids[c], 23);
        counts[b.candidate_ids[1000 + c]]++;
    }
    ck_assert_int_eq(counts[0] + counts[ITEMS - 1], 1000);
    ck_assert_int_gt(counts[0], 400);
    ck_assert_int_gt(counts[ITEMS - 1], 400);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(rejects_rejection_for_a_user_who_has_everything)
{
    adaptau_dataset        *data = make_greedy(3);
    adaptau_sampler        *sampler = NULL;
    adaptau_sampler_options options =
        full_sampler_options((adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                                       .flags = ADAPTAU_SAMPLER_REJECT_POSITIVES});
    ck_assert_int_eq(adaptau_sampler_create(context, data, &options, &sampler, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "user 2 has all 40 items: no candidate is left");
    ck_assert_ptr_null(sampler);
    options.flags = 0;
    OK(adaptau_sampler_create(context, data, &options, &sampler, &error));
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

/* The host's arrays are borrowed, and may be parts of larger ones: what follows the last user is not looked at. */
START_TEST(a_user_after_the_last_has_no_say)
{
    const int64_t           ptr[4] = {0, 1, 2, 2 + ITEMS};
    const int32_t           items[2] = {3, 5};
    const adaptau_csr       csr = {.struct_size = sizeof csr, .n_users = 2, .n_items = ITEMS, .indptr = ptr, .indices = items};
    adaptau_dataset        *data = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_sampler_options options =
        full_sampler_options((adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                                       .flags = ADAPTAU_SAMPLER_REJECT_POSITIVES});
    OK(adaptau_dataset_create(context, &csr, &data, &error));
    ck_assert_ptr_eq(view_of(data).user_ptr, ptr);
    OK(adaptau_sampler_create(context, data, &options, &sampler, &error));
    ck_assert_int_eq(adaptau_sampler_n_batches(sampler), 1);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

/* Where each of ten rows stands after a shuffle: uniform for every row. */
START_TEST(shuffles_are_uniform)
{
    enum { N = 10, EPOCHS = 3000 };
    int32_t          users[N], items[N] = {0};
    adaptau_dataset *data = NULL;
    static int64_t   counts[N][N];
    double           shares[N];
    memset(counts, 0, sizeof counts);
    for (int u = 0; u < N; u++) {
        users[u] = u;
        shares[u] = 1.0;
    }
    OK(adaptau_dataset_create_from_interactions(context, N, 1, N, users, items, NULL, &data, &error));
    adaptau_sampler *sampler = make_sampler(data, (adaptau_sampler_options){.seed = 4});
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        begin(sampler, epoch);
        adaptau_batch b = next(sampler);
        for (int r = 0; r < N; r++)
            counts[b.users[r]][r]++;
    }
    for (int u = 0; u < N; u++)
        expect_shares(counts[u], shares, N);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- log q ------------------------------------------------------------------------------------------------------- */

static void expect_log_q(const adaptau_dataset *data, adaptau_sampler_options options, const double shares[ITEMS])
{
    double total = 0.0;
    for (int i = 0; i < ITEMS; i++)
        total += shares[i];
    options.flags |= ADAPTAU_SAMPLER_LOG_Q;
    adaptau_sampler *sampler = make_sampler(data, options);
    begin(sampler, 1);
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler)) {
        ck_assert_ptr_nonnull(b.log_q);
        for (int64_t c = 0; c < b.n_candidates; c++) {
            double expected = log((double)b.n_candidates * shares[b.candidate_ids[c]] / total);
            ck_assert_double_eq_tol((double)b.log_q[c], expected, 1e-6);
        }
    }
    adaptau_sampler_destroy(sampler);
}

/* k^alpha in the sum, and 1 for an item without users. */
START_TEST(the_catalogue_weighs_items_by_the_power_of_the_degree)
{
    adaptau_dataset        *data = make_data();
    adaptau_dataset_view    view = view_of(data);
    adaptau_sampler_options options = {.rows_per_batch = 10, .popularity_exponent = -0.7};
    adaptau_sampler        *sampler = make_sampler(data, options);
    begin(sampler, 0);
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler)) {
        ck_assert_int_eq(b.candidates, ADAPTAU_CANDIDATES_CATALOGUE);
        ck_assert_ptr_nonnull(b.log_q);
        for (int i = 0; i < ITEMS; i++)
            ck_assert_double_eq_tol(exp(-(double)b.log_q[i]), degree(&view, i) > 0 ? pow(degree(&view, i), -0.7) : 1.0, 1e-6);
    }
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(log_q_is_the_log_of_the_expected_count)
{
    adaptau_dataset     *data = make_data();
    adaptau_dataset_view view = view_of(data);
    double               ones[ITEMS], degrees[ITEMS], powers[ITEMS];
    for (int i = 0; i < ITEMS; i++) {
        ones[i] = 1.0;
        degrees[i] = degree(&view, i);
        powers[i] = degrees[i] > 0 ? pow(degrees[i], 0.3) : 0.0;
    }
    expect_log_q(data, (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_SHARED_UNIFORM, .n_candidates = 33}, ones);
    expect_log_q(data,
                 (adaptau_sampler_options){
                     .kind = ADAPTAU_SAMPLER_SHARED_POPULARITY, .n_candidates = 33, .popularity_exponent = 0.3},
                 powers);
    for (int32_t rows = 0; rows <= ADAPTAU_SAMPLER_ROWS_INTERACTIONS; rows++)
        expect_log_q(data,
                     (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_IN_BATCH, .rows = rows, .rows_per_batch = 25},
                     degrees);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(log_q_is_left_out_unless_asked_for)
{
    adaptau_dataset *data = make_data();
    for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
        adaptau_sampler *sampler = make_sampler(data, (adaptau_sampler_options){.kind = kind, .n_candidates = 5});
        begin(sampler, 0);
        ck_assert_ptr_null(next(sampler).log_q);
        adaptau_sampler_destroy(sampler);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(in_batch_candidates_are_the_positives)
{
    adaptau_dataset *data = make_data();
    adaptau_sampler *sampler =
        make_sampler(data, (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_IN_BATCH, .rows_per_batch = 50});
    begin(sampler, 0);
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler)) {
        ck_assert_int_eq(b.candidates, ADAPTAU_CANDIDATES_SHARED);
        ck_assert_int_eq(b.n_candidates, b.n_rows);
        ck_assert_mem_eq(b.candidate_ids, b.positives, (size_t)b.n_candidates * sizeof *b.candidate_ids);
    }
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler: draws");
    TCase *tests = tcase_create("sampler: draws");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, shared_uniform_draws_are_uniform);
    tcase_add_test(tests, popular_draws_follow_the_power_of_the_degree);
    tcase_add_test(tests, row_draws_are_uniform_over_what_they_may_be);
    tcase_add_test(tests, row_draws_avoid_the_items_of_every_user);
    tcase_add_test(tests, rejection_ends_for_users_who_have_nearly_everything);
    tcase_add_test(tests, a_user_after_the_last_has_no_say);
    tcase_add_test(tests, rejects_rejection_for_a_user_who_has_everything);
    tcase_add_test(tests, shuffles_are_uniform);
    tcase_add_test(tests, the_catalogue_weighs_items_by_the_power_of_the_degree);
    tcase_add_test(tests, log_q_is_the_log_of_the_expected_count);
    tcase_add_test(tests, log_q_is_left_out_unless_asked_for);
    tcase_add_test(tests, in_batch_candidates_are_the_positives);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
