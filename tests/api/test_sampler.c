/* SPDX-License-Identifier: MIT */
/* Samplers: what an epoch holds, how draws are distributed, that batches depend on seed, epoch and row alone, and bad input. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static adaptau_context *context;
static adaptau_error    error;
static uint64_t         bytes_at_start;

#define OK(call) ck_assert_msg((call) == ADAPTAU_OK, "%s", error.message)

static void open_context(void)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 3};
    OK(adaptau_context_create(&options, &context, &error));
    adaptau_context_memory(context, &bytes_at_start, NULL);
}

static void close_context(void)
{
    uint64_t present;
    adaptau_context_memory(context, &present, NULL);
    ck_assert_uint_eq(present, bytes_at_start);
    adaptau_context_destroy(context);
}

static uint32_t random_state;

static int32_t draw(int32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int32_t)((uint64_t)(random_state >> 8) * (uint64_t)n >> 24);
}

/* ---- data -------------------------------------------------------------------------------------------------------- */

enum { USERS = 61, ITEMS = 40, PAIRS = 700 };

/* Popular items have low ids; users 0 and 60 and items 38 and 39 have nothing. */
static adaptau_dataset *make_data(void)
{
    int32_t          users[PAIRS], items[PAIRS];
    adaptau_dataset *data = NULL;
    random_state = 11;
    for (int p = 0; p < PAIRS; p++) {
        users[p] = 1 + draw(USERS - 2);
        items[p] = draw(1 + draw(ITEMS - 2));
    }
    OK(adaptau_dataset_create_from_pairs(context, USERS, ITEMS, PAIRS, users, items, &data, &error));
    return data;
}

static adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(data, &view, &error));
    return view;
}

static int has(const adaptau_dataset_view *view, int32_t user, int32_t item)
{
    for (int64_t p = view->user_ptr[user]; p < view->user_ptr[user + 1]; p++)
        if (view->user_items[p] == item)
            return 1;
    return 0;
}

static double degree(const adaptau_dataset_view *view, int32_t item)
{
    return (double)(view->item_ptr[item + 1] - view->item_ptr[item]);
}

static adaptau_sampler *make_sampler_in(adaptau_context *where, const adaptau_dataset *data, adaptau_sampler_options options)
{
    adaptau_sampler *sampler = NULL;
    options.struct_size = sizeof options;
    OK(adaptau_sampler_create(where, data, &options, &sampler, &error));
    return sampler;
}

static adaptau_sampler *make_sampler(const adaptau_dataset *data, adaptau_sampler_options options)
{
    return make_sampler_in(context, data, options);
}

static void begin(adaptau_sampler *sampler, int64_t epoch)
{
    OK(adaptau_sampler_begin_epoch(sampler, epoch, &error));
}

static adaptau_batch next(adaptau_sampler *sampler)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    OK(adaptau_sampler_next(sampler, &batch, &error));
    ck_assert_uint_eq(batch.struct_size, sizeof batch);
    return batch;
}

static int64_t n_positives(const adaptau_batch *batch)
{
    return batch->positive_ptr[batch->n_rows];
}

/* An epoch as one number, to compare epochs by: every array of every batch. */
static uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; bytes && i < n; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t hash_epoch(adaptau_sampler *sampler, int64_t epoch)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    begin(sampler, epoch);
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler)) {
        size_t rows = (size_t)b.n_rows, candidates = (size_t)b.n_candidates;
        size_t ids = b.candidates == ADAPTAU_CANDIDATES_PER_ROW ? rows * candidates : candidates;
        hash = mix(hash, b.users, rows * sizeof *b.users);
        hash = mix(hash, b.positive_ptr, (rows + 1) * sizeof *b.positive_ptr);
        hash = mix(hash, b.positives, (size_t)n_positives(&b) * sizeof *b.positives);
        hash = mix(hash, b.candidate_ids, ids * sizeof *b.candidate_ids);
        hash = mix(hash, b.log_q, b.log_q ? ids * sizeof *b.log_q : 0);
        hash = mix(hash, b.row_weights, b.row_weights ? rows * sizeof *b.row_weights : 0);
    }
    return hash;
}

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
    ck_assert_int_eq(adaptau_sampler_n_batches(sampler), (adaptau_dataset_n_pairs(data) + 63) / 64);
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
    ck_assert_int_eq(n_positives(&b), adaptau_dataset_n_pairs(data));
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
    OK(adaptau_dataset_create_from_pairs(context, n_users, ITEMS, n, users, items, &data, &error));
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
    adaptau_sampler_options options = {.struct_size = sizeof options,
                                       .kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                       .flags = ADAPTAU_SAMPLER_REJECT_POSITIVES};
    ck_assert_int_eq(adaptau_sampler_create(context, data, &options, &sampler, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "user 2 has all 40 items: no candidate is left");
    ck_assert_ptr_null(sampler);
    options.flags = 0;
    OK(adaptau_sampler_create(context, data, &options, &sampler, &error));
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
    OK(adaptau_dataset_create_from_pairs(context, N, 1, N, users, items, &data, &error));
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

/* ---- what batches depend on ---------------------------------------------------------------------------------------- */

static adaptau_sampler_options kind_options(int32_t kind)
{
    return (adaptau_sampler_options){.kind = kind,
                                     .flags = ADAPTAU_SAMPLER_LOG_Q | ADAPTAU_SAMPLER_REJECT_POSITIVES,
                                     .rows_per_batch = 37,
                                     .n_candidates = 12,
                                     .row_weight_exponent = 0.7,
                                     .seed = UINT64_C(0x123456789ABCDEF0)};
}

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

/* ---- states and bad input ------------------------------------------------------------------------------------------ */

START_TEST(next_needs_an_epoch)
{
    adaptau_dataset *data = make_data();
    adaptau_sampler *sampler = make_sampler(data, (adaptau_sampler_options){0});
    adaptau_batch    batch = {.struct_size = sizeof batch, .n_rows = 77};
    ck_assert_int_eq(adaptau_sampler_next(sampler, &batch, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "no epoch has begun");
    ck_assert_int_eq(batch.n_rows, 77);
    begin(sampler, 0);
    batch.struct_size = 8;
    ck_assert_int_eq(adaptau_sampler_next(sampler, &batch, &error), ADAPTAU_E_ABI);
    ck_assert_int_eq(adaptau_sampler_next(sampler, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_next(NULL, &batch, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(next(sampler).n_rows, USERS - 2);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(rejects_epochs_that_a_stream_can_not_name)
{
    adaptau_dataset *data = make_data();
    adaptau_sampler *sampler = make_sampler(data, (adaptau_sampler_options){0});
    ck_assert_int_eq(adaptau_sampler_begin_epoch(sampler, -1, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "epoch = -1 is outside 0 ... 2^48 - 1");
    ck_assert_int_eq(adaptau_sampler_begin_epoch(sampler, INT64_C(1) << 48, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_begin_epoch(NULL, 0, &error), ADAPTAU_E_ARGUMENT);
    OK(adaptau_sampler_begin_epoch(sampler, (INT64_C(1) << 48) - 1, &error));
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(data);
}
END_TEST

static void reject(const adaptau_dataset *data, adaptau_sampler_options options, adaptau_status wanted, const char *message)
{
    adaptau_sampler *untouched = (adaptau_sampler *)&error, *out = untouched;
    options.struct_size = sizeof options;
    adaptau_status status = adaptau_sampler_create(context, data, &options, &out, &error);
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    ck_assert_str_eq(error.message, message);
    ck_assert_ptr_eq(out, untouched);
}

START_TEST(rejects_bad_options)
{
    adaptau_dataset *data = make_data();
    reject(data, (adaptau_sampler_options){.kind = 5}, ADAPTAU_E_ARGUMENT, "options->kind = 5 is unknown");
    reject(data, (adaptau_sampler_options){.kind = -1}, ADAPTAU_E_ARGUMENT, "options->kind = -1 is unknown");
    reject(data, (adaptau_sampler_options){.rows = 3}, ADAPTAU_E_ARGUMENT, "options->rows = 3 is unknown");
    reject(data, (adaptau_sampler_options){.flags = 16}, ADAPTAU_E_ARGUMENT, "options->flags = 0x10 has unknown bits");
    reject(data, (adaptau_sampler_options){.reserved = 1}, ADAPTAU_E_ARGUMENT, "options->reserved = 1, not 0");
    reject(data, (adaptau_sampler_options){.rows_per_batch = -4}, ADAPTAU_E_ARGUMENT,
           "options->rows_per_batch = -4 is negative");
    reject(data, (adaptau_sampler_options){.n_candidates = -1}, ADAPTAU_E_ARGUMENT,
           "options->n_candidates = -1 is outside 0 ... 2147483647");
    reject(data, (adaptau_sampler_options){.popularity_exponent = 4.5}, ADAPTAU_E_ARGUMENT,
           "options->popularity_exponent = 4.5 is outside -4 ... 4");
    reject(data, (adaptau_sampler_options){.row_weight_exponent = -0.5}, ADAPTAU_E_ARGUMENT,
           "options->row_weight_exponent = -0.5 is outside 0 ... 2");
    reject(data, (adaptau_sampler_options){.popularity_exponent = NAN}, ADAPTAU_E_NUMERIC,
           "options->popularity_exponent is not finite");
    reject(data, (adaptau_sampler_options){.row_weight_exponent = INFINITY}, ADAPTAU_E_NUMERIC,
           "options->row_weight_exponent is not finite");
    reject(data,
           (adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_PER_ROW_UNIFORM,
                                     .rows_per_batch = 10,
                                     .n_candidates = INT64_C(1) << 28},
           ADAPTAU_E_SHAPE, "10 rows of options->n_candidates = 268435456 exceed 2^31 - 1");
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(rejects_null_handles_and_unknown_struct_sizes)
{
    adaptau_dataset        *data = make_data();
    adaptau_sampler        *out = NULL;
    adaptau_sampler_options options = {.struct_size = 4};
    ck_assert_int_eq(adaptau_sampler_create(NULL, data, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_create(context, NULL, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_create(context, data, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_sampler_create(context, data, &options, &out, &error), ADAPTAU_E_ABI);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(adaptau_sampler_n_batches(NULL), 0);
    adaptau_sampler_destroy(NULL);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(an_empty_dataset_has_no_batches)
{
    static const int32_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {5, 5}};
    for (int k = 0; k < 4; k++)
        for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
            adaptau_dataset *data = NULL;
            OK(adaptau_dataset_create_from_pairs(context, sizes[k][0], sizes[k][1], 0, NULL, NULL, &data, &error));
            adaptau_sampler *sampler = make_sampler(data, kind_options(kind));
            ck_assert_int_eq(adaptau_sampler_n_batches(sampler), 0);
            begin(sampler, 0);
            ck_assert_int_eq(next(sampler).n_rows, 0);
            adaptau_sampler_destroy(sampler);
            adaptau_dataset_destroy(data);
        }
}
END_TEST

/* ---- the host's memory and threads --------------------------------------------------------------------------------- */

static int64_t          allocations_left, allocations_made;
static adaptau_sampler *inner;
static int32_t          executor_answer;
static adaptau_status   inner_status[2];

static void *allocate_some(void *user_data, size_t size, size_t alignment)
{
    (void)user_data;
    allocations_made++;
    return allocations_left-- > 0 ? aligned_alloc(alignment, size) : NULL;
}

static void free_some(void *user_data, void *block, size_t size)
{
    (void)user_data;
    (void)size;
    free(block);
}

/* While a batch is being filled, its sampler is asked for another one. */
static int32_t execute(void *user_data, int32_t n_lanes, adaptau_lane_function lane, void *argument)
{
    (void)user_data;
    if (inner) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        inner_status[0] = adaptau_sampler_next(inner, &batch, NULL);
        inner_status[1] = adaptau_sampler_begin_epoch(inner, 0, NULL);
    }
    for (int32_t i = 0; i < n_lanes && !executor_answer; i++)
        lane(argument, i);
    return executor_answer;
}

static adaptau_context *make_host(void)
{
    adaptau_context_options options = {.struct_size = sizeof options,
                                       .n_threads = 2,
                                       .executor = execute,
                                       .allocate = allocate_some,
                                       .free = free_some};
    adaptau_context *host = NULL;
    allocations_left = INT64_MAX;
    executor_answer = 0;
    inner = NULL;
    OK(adaptau_context_create(&options, &host, &error));
    return host;
}

START_TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    adaptau_dataset *data = make_data();
    adaptau_context *host = make_host();
    uint64_t         before, after;
    adaptau_context_memory(host, &before, NULL);
    for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
        adaptau_sampler_options options = kind_options(kind);
        adaptau_sampler        *sampler = NULL;
        options.struct_size = sizeof options;
        for (int64_t n = 0; !sampler; n++) {
            allocations_left = n;
            adaptau_status status = adaptau_sampler_create(host, data, &options, &sampler, &error);
            ck_assert(status == ADAPTAU_OK ? n >= 2 : status == ADAPTAU_E_MEMORY && !sampler);
            adaptau_context_memory(host, &after, NULL);
            ck_assert(sampler || after == before);
        }
        adaptau_sampler_destroy(sampler);
    }
    adaptau_context_memory(host, &after, NULL);
    ck_assert_uint_eq(after, before);
    adaptau_context_destroy(host);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(epochs_and_batches_allocate_nothing)
{
    adaptau_dataset *data = make_data();
    adaptau_context *host = make_host();
    for (int32_t kind = ADAPTAU_SAMPLER_CATALOGUE; kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM; kind++) {
        adaptau_sampler *sampler = make_sampler_in(host, data, kind_options(kind));
        allocations_made = 0;
        hash_epoch(sampler, 0);
        ck_assert_int_eq(allocations_made, 0);
        adaptau_sampler_destroy(sampler);
    }
    adaptau_context_destroy(host);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(a_sampler_in_use_is_refused)
{
    adaptau_dataset *data = make_data();
    adaptau_context *host = make_host();
    adaptau_sampler *sampler = make_sampler_in(host, data, kind_options(ADAPTAU_SAMPLER_PER_ROW_UNIFORM));
    begin(sampler, 0);
    inner = sampler;
    next(sampler);
    ck_assert_int_eq(inner_status[0], ADAPTAU_E_STATE);
    ck_assert_int_eq(inner_status[1], ADAPTAU_E_STATE);
    inner = NULL;
    ck_assert_int_gt(next(sampler).n_rows, 0);
    adaptau_sampler_destroy(sampler);
    adaptau_context_destroy(host);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(a_batch_that_failed_can_be_asked_for_again)
{
    adaptau_dataset *data = make_data();
    adaptau_context *host = make_host();
    adaptau_sampler *sampler = make_sampler_in(host, data, kind_options(ADAPTAU_SAMPLER_PER_ROW_UNIFORM));
    adaptau_batch    batch = {.struct_size = sizeof batch, .n_rows = 77};
    int32_t          expected[12];
    begin(sampler, 0);
    memcpy(expected, next(sampler).candidate_ids, sizeof expected);
    begin(sampler, 0);
    executor_answer = 5;
    ck_assert_int_eq(adaptau_sampler_next(sampler, &batch, &error), ADAPTAU_E_THREAD);
    ck_assert_int_eq(batch.n_rows, 77);
    executor_answer = 0;
    ck_assert_mem_eq(next(sampler).candidate_ids, expected, sizeof expected);
    adaptau_sampler_destroy(sampler);
    adaptau_context_destroy(host);
    adaptau_dataset_destroy(data);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *tests = tcase_create("sampler");
    tcase_set_timeout(tests, 120);
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_add_test(tests, user_rows_hold_every_user_once);
    tcase_add_test(tests, interaction_rows_hold_every_pair_once);
    tcase_add_test(tests, defaults_are_users_and_the_catalogue);
    tcase_add_test(tests, rows_are_in_order_when_asked);
    tcase_add_test(tests, row_weights_are_powers_of_the_degree);
    tcase_add_test(tests, batches_carry_the_positives_outside_flag);
    tcase_add_test(tests, shared_uniform_draws_are_uniform);
    tcase_add_test(tests, popular_draws_follow_the_power_of_the_degree);
    tcase_add_test(tests, row_draws_are_uniform_over_what_they_may_be);
    tcase_add_test(tests, row_draws_avoid_the_items_of_every_user);
    tcase_add_test(tests, rejection_ends_for_users_who_have_nearly_everything);
    tcase_add_test(tests, rejects_rejection_for_a_user_who_has_everything);
    tcase_add_test(tests, shuffles_are_uniform);
    tcase_add_test(tests, log_q_is_the_log_of_the_expected_count);
    tcase_add_test(tests, log_q_is_left_out_unless_asked_for);
    tcase_add_test(tests, in_batch_candidates_are_the_positives);
    tcase_add_test(tests, batches_do_not_depend_on_earlier_calls);
    tcase_add_test(tests, batches_depend_on_the_seed);
    tcase_add_test(tests, batches_do_not_depend_on_threads);
    tcase_add_test(tests, row_draws_do_not_depend_on_the_size_of_batches);
    tcase_add_test(tests, next_needs_an_epoch);
    tcase_add_test(tests, rejects_epochs_that_a_stream_can_not_name);
    tcase_add_test(tests, rejects_bad_options);
    tcase_add_test(tests, rejects_null_handles_and_unknown_struct_sizes);
    tcase_add_test(tests, an_empty_dataset_has_no_batches);
    tcase_add_test(tests, running_out_of_memory_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, epochs_and_batches_allocate_nothing);
    tcase_add_test(tests, a_sampler_in_use_is_refused);
    tcase_add_test(tests, a_batch_that_failed_can_be_asked_for_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
