/* SPDX-License-Identifier: MIT */
/* Samplers: what an epoch holds, and that its batches depend on seed, epoch and row alone. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/sampler_fixture.h"
#include "../support/suite.h"

/* ---- rows -------------------------------------------------------------------------------------------------------- */

/* Each pair with a user once per epoch, and a user in one row with all its items. */
static void expect_user_rows(adaptau_sampler *sampler, const adaptau_dataset_view *view)
{
    int     seen[USERS] = {0};
    int64_t batches = 0;
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler), batches++) {
        ck_assert_int_eq(b.positive_ptr[0], 0);
        for (int32_t r = 0; r < b.n_rows; r++) {
            int32_t u = b.users[r];
            int64_t n = view->user_ptr[u + 1] - view->user_ptr[u];
            seen[u]++;
            ck_assert_int_eq(b.positive_ptr[r + 1] - b.positive_ptr[r], n);
            ck_assert_mem_eq(b.positives + b.positive_ptr[r], view->user_items + view->user_ptr[u],
                             (size_t)n * sizeof *b.positives);
        }
    }
    ck_assert_int_eq(batches, adaptau_sampler_n_batches(sampler));
    for (int32_t u = 0; u < USERS; u++)
        ck_assert_int_eq(seen[u], view->user_ptr[u + 1] > view->user_ptr[u]);
}

START_TEST(user_rows_hold_every_user_once)
{
    adaptau_dataset     *data = make_data();
    adaptau_dataset_view view = view_of(data);
    for (int32_t rows = 1; rows < 80; rows += 13) {
        adaptau_sampler *sampler = make_sampler(data, (adaptau_sampler_options){.rows_per_batch = rows});
        for (int64_t epoch = 0; epoch < 3; epoch++) {
            begin(sampler, epoch);
            expect_user_rows(sampler, &view);
        }
        adaptau_sampler_destroy(sampler);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(interaction_rows_hold_every_pair_once)
{
    adaptau_dataset        *data = make_data();
    adaptau_dataset_view    view = view_of(data);
    adaptau_sampler_options options = {.rows = ADAPTAU_SAMPLER_ROWS_INTERACTIONS, .rows_per_batch = 64};
    adaptau_sampler        *sampler = make_sampler(data, options);
    static int              seen[USERS][ITEMS];
    memset(seen, 0, sizeof seen);
    begin(sampler, 5);
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler))
        for (int32_t r = 0; r < b.n_rows; r++) {
            ck_assert_int_eq(b.positive_ptr[r + 1], r + 1);
            seen[b.users[r]][b.positives[r]]++;
        }
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS; i++)
            ck_assert_int_eq(seen[u][i], has(&view, u, i));
    ck_assert_int_eq(adaptau_sampler_n_batches(sampler), (adaptau_dataset_n_interactions(data) + 63) / 64);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(defaults_are_users_and_the_catalogue)
{
    adaptau_dataset *data = make_data();
    adaptau_sampler *sampler = NULL;
    OK(adaptau_sampler_create(context, data, NULL, &sampler, &error));
    begin(sampler, 0);
    adaptau_batch b = next(sampler);
    ck_assert_int_eq(b.candidates, ADAPTAU_CANDIDATES_CATALOGUE);
    ck_assert_int_eq(b.n_candidates, 0);
    ck_assert_ptr_null(b.candidate_ids);
    ck_assert_ptr_null(b.log_q);
    ck_assert_ptr_null(b.row_weights);
    ck_assert_uint_eq(b.flags, 0);
    ck_assert_int_eq(n_positives(&b), adaptau_dataset_n_interactions(data));
    ck_assert_int_eq(adaptau_sampler_n_batches(sampler), 1);
    ck_assert_int_eq(next(sampler).n_rows, 0);
    ck_assert_int_eq(next(sampler).n_rows, 0);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(rows_are_in_order_when_asked)
{
    adaptau_dataset        *data = make_data();
    adaptau_sampler_options options = {.flags = ADAPTAU_SAMPLER_KEEP_ORDER, .rows_per_batch = 7};
    for (options.rows = ADAPTAU_SAMPLER_ROWS_USERS; options.rows <= ADAPTAU_SAMPLER_ROWS_INTERACTIONS; options.rows++) {
        adaptau_sampler *sampler = make_sampler(data, options);
        int32_t          user = -1, item = -1;
        begin(sampler, 2);
        for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler))
            for (int32_t r = 0; r < b.n_rows; r++) {
                ck_assert(b.users[r] > user || (options.rows == ADAPTAU_SAMPLER_ROWS_INTERACTIONS && b.users[r] == user &&
                                                b.positives[r] > item));
                user = b.users[r];
                item = b.positives[r];
            }
        adaptau_sampler_destroy(sampler);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(row_weights_are_powers_of_the_degree)
{
    adaptau_dataset     *data = make_data();
    adaptau_dataset_view view = view_of(data);
    for (int32_t rows = ADAPTAU_SAMPLER_ROWS_USERS; rows <= ADAPTAU_SAMPLER_ROWS_INTERACTIONS; rows++) {
        adaptau_sampler *sampler =
            make_sampler(data, (adaptau_sampler_options){.rows = rows, .rows_per_batch = 20, .row_weight_exponent = 0.5});
        begin(sampler, 0);
        for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler))
            for (int32_t r = 0; r < b.n_rows; r++) {
                double n = (double)(view.user_ptr[b.users[r] + 1] - view.user_ptr[b.users[r]]);
                ck_assert_double_eq_tol((double)b.row_weights[r], 1.0 / sqrt(n), 1e-7);
            }
        adaptau_sampler_destroy(sampler);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(batches_carry_the_positives_outside_flag)
{
    adaptau_dataset *data = make_data();
    adaptau_sampler *sampler =
        make_sampler(data, (adaptau_sampler_options){.flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM});
    begin(sampler, 0);
    ck_assert_uint_eq(next(sampler).flags, ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- what batches depend on ---------------------------------------------------------------------------------------- */

START_TEST(batches_do_not_depend_on_earlier_calls)
{
    adaptau_dataset *data = make_data();
    for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
        adaptau_sampler *forward = make_sampler(data, kind_options(kind)), *back = make_sampler(data, kind_options(kind));
        uint64_t         hashes[5];
        for (int epoch = 0; epoch < 5; epoch++)
            hashes[epoch] = hash_epoch(forward, epoch);
        for (int epoch = 4; epoch >= 0; epoch--) {
            begin(back, epoch);
            next(back); /* an epoch given up in the middle                                                     */
            ck_assert_uint_eq(hash_epoch(back, epoch), hashes[epoch]);
            ck_assert_uint_eq(hash_epoch(back, epoch), hashes[epoch]);
            for (int other = 0; other < epoch; other++)
                ck_assert_uint_ne(hashes[other], hashes[epoch]);
        }
        adaptau_sampler_destroy(forward);
        adaptau_sampler_destroy(back);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(batches_depend_on_the_seed)
{
    adaptau_dataset        *data = make_data();
    adaptau_sampler_options options = kind_options(ADAPTAU_SAMPLER_SHARED_UNIFORM);
    adaptau_sampler        *one = make_sampler(data, options);
    options.seed ^= UINT64_C(1) << 63;
    adaptau_sampler *two = make_sampler(data, options);
    ck_assert_uint_ne(hash_epoch(one, 0), hash_epoch(two, 0));
    adaptau_sampler_destroy(one);
    adaptau_sampler_destroy(two);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(batches_do_not_depend_on_threads)
{
    adaptau_dataset *data = make_data();
    uint64_t         first = 0;
    for (int32_t threads = 1; threads <= 7; threads++) {
        adaptau_context_options options = {.struct_size = sizeof options, .n_threads = threads};
        adaptau_context        *other = NULL;
        OK(adaptau_context_create(&options, &other, &error));
        adaptau_sampler_options wide = kind_options(ADAPTAU_SAMPLER_PER_ROW_UNIFORM);
        wide.rows_per_batch = 500;
        adaptau_sampler *sampler = make_sampler_in(other, data, wide);
        uint64_t         hash = hash_epoch(sampler, 1);
        if (threads == 1)
            first = hash;
        ck_assert_uint_eq(hash, first);
        adaptau_sampler_destroy(sampler);
        adaptau_context_destroy(other);
    }
    adaptau_dataset_destroy(data);
}
END_TEST

/* A row's draws are named by its place in the epoch: cutting the epoch otherwise leaves them alone. */
START_TEST(row_draws_do_not_depend_on_the_size_of_batches)
{
    adaptau_dataset        *data = make_data();
    adaptau_sampler_options options = kind_options(ADAPTAU_SAMPLER_PER_ROW_UNIFORM);
    adaptau_sampler        *narrow, *wide;
    options.rows_per_batch = 1;
    narrow = make_sampler(data, options);
    options.rows_per_batch = PAIRS;
    wide = make_sampler(data, options);
    begin(narrow, 3);
    begin(wide, 3);
    adaptau_batch all = next(wide);
    for (int32_t r = 0; r < all.n_rows; r++)
        ck_assert_mem_eq(next(narrow).candidate_ids, all.candidate_ids + r * 12, 12 * sizeof *all.candidate_ids);
    adaptau_sampler_destroy(narrow);
    adaptau_sampler_destroy(wide);
    adaptau_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler: batches");
    TCase *tests = tcase_create("sampler: batches");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, user_rows_hold_every_user_once);
    tcase_add_test(tests, interaction_rows_hold_every_pair_once);
    tcase_add_test(tests, defaults_are_users_and_the_catalogue);
    tcase_add_test(tests, rows_are_in_order_when_asked);
    tcase_add_test(tests, row_weights_are_powers_of_the_degree);
    tcase_add_test(tests, batches_carry_the_positives_outside_flag);
    tcase_add_test(tests, batches_do_not_depend_on_earlier_calls);
    tcase_add_test(tests, batches_depend_on_the_seed);
    tcase_add_test(tests, batches_do_not_depend_on_threads);
    tcase_add_test(tests, row_draws_do_not_depend_on_the_size_of_batches);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
