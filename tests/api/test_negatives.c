/* SPDX-License-Identifier: MIT */
/* Logged negatives on their way from a dataset through batches to what is trained. Losses and gradients are held against central
 * differences in test_softmax.c and test_losses.c, and over ranges of items in test_ranges.c. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/draw.h"
#include "../support/host.h"
#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/options.h"
#include "../support/score_truth.h"
#include "../support/softmax_problem.h"
#include "../support/suite.h"
#include "common/random.h"
#include "fit/sample.h"

#define USERS 40
#define ITEMS 60
#define NEGATIVES 300

/* Pairs in any order, some of them more than once. */
static int32_t shown_users[NEGATIVES], shown_items[NEGATIVES];
static float   shown_weights[NEGATIVES];

static void draw_negatives(void)
{
    random_state = 23;
    for (int k = 0; k < NEGATIVES; k++) {
        shown_users[k] = draw(USERS - 1); /* the last user has none                                              */
        shown_items[k] = draw(ITEMS);
        shown_weights[k] = 0.25f * (float)(1 + draw(8));
    }
}

static void open_negatives(void)
{
    open_context();
    draw_negatives();
}

static adaptau_dataset *make_interactions(void)
{
    int32_t          users[USERS * 3], items[USERS * 3];
    adaptau_dataset *data = NULL;
    int64_t          n = 0;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t k = 0; k < u % 4 && u != 7; k++) { /* every fourth user has none                            */
            users[n] = u;
            items[n++] = (u * 5 + k * 11) % ITEMS;
        }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n, users, items, NULL, &data, &error));
    return data;
}

static adaptau_dataset *make_negatives(const float *weights)
{
    adaptau_dataset *negatives = NULL;
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, NEGATIVES, shown_users, shown_items, weights, &negatives,
                                                &error));
    return negatives;
}

static adaptau_dataset *make_both(const float *weights)
{
    adaptau_dataset *data = make_interactions(), *negatives = make_negatives(weights);
    OK(adaptau_dataset_set_negatives(data, negatives, &error));
    adaptau_dataset_destroy(negatives);
    return data;
}

static adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(data, &view, &error));
    return view;
}

/* That one dataset's negatives are another's interactions. */
static void check_negatives_are(const adaptau_dataset *data, const adaptau_dataset *negatives)
{
    const adaptau_dataset_view view = view_of(data), want = view_of(negatives);
    const size_t               n = (size_t)want.user_ptr[want.n_users];
    ck_assert_ptr_nonnull(view.negative_ptr);
    ck_assert_mem_eq(view.negative_ptr, want.user_ptr, ((size_t)want.n_users + 1) * sizeof *want.user_ptr);
    ck_assert_mem_eq(view.negatives, want.user_items, n * sizeof *want.user_items);
    ck_assert_int_eq(view.negative_weights != NULL, want.user_weights != NULL);
    if (want.user_weights)
        ck_assert_mem_eq(view.negative_weights, want.user_weights, n * sizeof *want.user_weights);
}

/* ---- datasets ------------------------------------------------------------------------------------------------------ */

/* _i: without and with weights. */
START_TEST(dataset_keeps_its_negatives)
{
    const float     *weights = _i ? shown_weights : NULL;
    adaptau_dataset *data = make_both(weights), *negatives = make_negatives(weights), *plain = make_interactions();
    check_negatives_are(data, negatives);
    ck_assert_int_eq(adaptau_dataset_n_interactions(data), adaptau_dataset_n_interactions(plain));
    ck_assert_ptr_null(view_of(plain).negative_ptr);
    ck_assert_int_eq(adaptau_dataset_set_negatives(data, negatives, &error), ADAPTAU_E_STATE);
    check_negatives_are(data, negatives);
    adaptau_dataset_destroy(plain);
    adaptau_dataset_destroy(negatives);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(no_negatives_are_none)
{
    adaptau_dataset *data = make_interactions(), *none = NULL, *negatives = make_negatives(NULL);
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, 0, NULL, NULL, NULL, &none, &error));
    OK(adaptau_dataset_set_negatives(data, none, &error));
    ck_assert_ptr_null(view_of(data).negative_ptr);
    OK(adaptau_dataset_set_negatives(data, negatives, &error));
    check_negatives_are(data, negatives);
    adaptau_dataset_destroy(negatives);
    adaptau_dataset_destroy(none);
    adaptau_dataset_destroy(data);
}
END_TEST

/* Each allocation fails once. */
START_TEST(dataset_without_memory_has_no_negatives)
{
    struct host      host = new_host();
    adaptau_context *own = open_host(&host, 1, false), *before = context;
    context = own;
    adaptau_dataset *data = make_interactions(), *negatives = make_negatives(shown_weights), *kept = NULL, *held_out = NULL;
    context = before;
    const int64_t    bytes = host.bytes;
    for (int64_t n = 0; n < 3; n++) {
        host.allocations_left = n;
        ck_assert_int_eq(adaptau_dataset_set_negatives(data, negatives, &error), ADAPTAU_E_MEMORY);
        ck_assert_ptr_null(view_of(data).negative_ptr);
        ck_assert_int_eq(host.bytes, bytes);
    }
    host.allocations_left = INT64_MAX;
    OK(adaptau_dataset_set_negatives(data, negatives, &error));
    check_negatives_are(data, negatives);
    const int64_t            with = host.bytes;
    adaptau_status           status = ADAPTAU_E_MEMORY;
    for (int64_t n = 0; status != ADAPTAU_OK; n++) {
        host.allocations_left = n;
        status = adaptau_dataset_split(own, data, NULL, &kept, &held_out, &error);
        ck_assert(status == ADAPTAU_OK || (status == ADAPTAU_E_MEMORY && host.bytes == with && !kept));
    }
    host.allocations_left = INT64_MAX;
    check_negatives_are(kept, negatives);
    adaptau_dataset_destroy(kept);
    adaptau_dataset_destroy(held_out);
    adaptau_dataset_destroy(negatives);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(own);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

/* _i: without and with weights. */
START_TEST(split_gives_negatives_to_what_is_kept)
{
    const adaptau_split_options options = {.struct_size = sizeof options, .share = 0.5, .seed = 3};
    const float                *weights = _i ? shown_weights : NULL;
    adaptau_dataset            *data = make_both(weights), *negatives = make_negatives(weights), *parts[2] = {NULL, NULL};
    OK(adaptau_dataset_split(context, data, &options, &parts[0], &parts[1], &error));
    adaptau_dataset_destroy(data);
    check_negatives_are(parts[0], negatives);
    ck_assert_ptr_null(view_of(parts[1]).negative_ptr);
    adaptau_dataset_destroy(parts[0]);
    adaptau_dataset_destroy(parts[1]);
    adaptau_dataset_destroy(negatives);
}
END_TEST

/* What adaptau_tune tries temperatures on. */
START_TEST(sample_of_users_keeps_their_negatives)
{
    adaptau_dataset *data = make_both(shown_weights), *sample = NULL;
    OK(atau_sample_users(context, data, 4, 3, &sample, &error));
    const adaptau_dataset_view all = view_of(data), part = view_of(sample);
    int32_t                    drawn = 0;
    ck_assert_int_gt(part.n_users, 5);
    ck_assert_int_lt(part.n_users, USERS - 5);
    for (int32_t u = 0; u < USERS; u++) {
        if (atau_pair_random(4, (uint32_t)u, 0) % 3 != 0)
            continue;
        const int64_t first = all.negative_ptr[u], n = all.negative_ptr[u + 1] - first, at = part.negative_ptr[drawn];
        ck_assert_int_eq(part.negative_ptr[++drawn] - at, n);
        ck_assert_mem_eq(part.negatives + at, all.negatives + first, (size_t)n * sizeof(int32_t));
        ck_assert_mem_eq(part.negative_weights + at, all.negative_weights + first, (size_t)n * sizeof(float));
    }
    ck_assert_int_eq(drawn, part.n_users);
    adaptau_dataset_destroy(sample);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- batches ------------------------------------------------------------------------------------------------------- */

static adaptau_sampler *make_sampler(const adaptau_dataset *data, int32_t rows)
{
    adaptau_sampler        *sampler = NULL;
    adaptau_sampler_options options = {.struct_size = sizeof options};
    OK(adaptau_sampler_options_init(&options, ADAPTAU_SAMPLER_CATALOGUE, &error));
    options.rows = rows;
    options.rows_per_batch = 7;
    options.seed = 5;
    OK(adaptau_sampler_create(context, data, &options, &sampler, &error));
    OK(adaptau_sampler_begin_epoch(sampler, 2, &error));
    return sampler;
}

/* _i: rows are users or interactions; without and with weights. */
START_TEST(batches_have_the_negatives_of_their_rows)
{
    const int32_t              rows = _i % 2 ? ADAPTAU_SAMPLER_ROWS_INTERACTIONS : ADAPTAU_SAMPLER_ROWS_USERS;
    adaptau_dataset           *data = make_both(_i / 2 ? shown_weights : NULL), *plain = make_interactions();
    adaptau_sampler           *with = make_sampler(data, rows), *without = make_sampler(plain, rows);
    const adaptau_dataset_view view = view_of(data);
    int64_t                    n_met = 0;
    for (;;) {
        adaptau_batch batch = {.struct_size = sizeof batch}, same = {.struct_size = sizeof same};
        OK(adaptau_sampler_next(with, &batch, &error));
        OK(adaptau_sampler_next(without, &same, &error));
        ck_assert_int_eq(batch.n_rows, same.n_rows);
        if (batch.n_rows == 0)
            break;
        ck_assert_ptr_null(same.negative_ptr);
        ck_assert_mem_eq(batch.users, same.users, (size_t)batch.n_rows * sizeof *batch.users);
        ck_assert_mem_eq(batch.positive_ptr, same.positive_ptr, ((size_t)batch.n_rows + 1) * sizeof *batch.positive_ptr);
        ck_assert_int_eq(batch.negative_ptr[0], 0);
        for (int32_t r = 0; r < batch.n_rows; r++) {
            const int64_t first = view.negative_ptr[batch.users[r]], n = view.negative_ptr[batch.users[r] + 1] - first;
            ck_assert_int_eq(batch.negative_ptr[r + 1] - batch.negative_ptr[r], n);
            ck_assert_mem_eq(batch.negatives + batch.negative_ptr[r], view.negatives + first, (size_t)n * sizeof(int32_t));
            ck_assert_int_eq(batch.negative_weights != NULL, view.negative_weights != NULL);
            if (view.negative_weights)
                ck_assert_mem_eq(batch.negative_weights + batch.negative_ptr[r], view.negative_weights + first,
                                 (size_t)n * sizeof(float));
            n_met += n;
        }
    }
    ck_assert_int_gt(n_met, 100);
    adaptau_sampler_destroy(with);
    adaptau_sampler_destroy(without);
    adaptau_dataset_destroy(plain);
    adaptau_dataset_destroy(data);
}
END_TEST

/* The largest batch is one of a single user's interactions, each with all that was shown to this user. */
START_TEST(each_interaction_comes_with_all_negatives_of_its_user)
{
    enum { OWN = 14, SHOWN = 50 };
    int32_t          users[SHOWN] = {0}, items[SHOWN];
    adaptau_dataset *data = NULL, *negatives = NULL;
    adaptau_batch    batch = {.struct_size = sizeof batch};
    for (int32_t k = 0; k < SHOWN; k++) {
        users[k] = 1;
        items[k] = k;
    }
    OK(adaptau_dataset_create_from_interactions(context, 3, ITEMS, OWN, users, items, NULL, &data, &error));
    OK(adaptau_dataset_create_from_interactions(context, 3, ITEMS, SHOWN, users, items, NULL, &negatives, &error));
    OK(adaptau_dataset_set_negatives(data, negatives, &error));
    adaptau_sampler *sampler = make_sampler(data, ADAPTAU_SAMPLER_ROWS_INTERACTIONS);
    for (int k = 0; k < 2; k++) {
        OK(adaptau_sampler_next(sampler, &batch, &error));
        ck_assert_int_eq(batch.n_rows, 7);
        for (int32_t r = 0; r < batch.n_rows; r++)
            ck_assert_mem_eq(batch.negatives + batch.negative_ptr[r], items, sizeof items);
    }
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(negatives);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(sampler_stays_as_it_was_made)
{
    adaptau_dataset *data = make_interactions(), *negatives = make_negatives(NULL);
    adaptau_sampler *sampler = make_sampler(data, ADAPTAU_SAMPLER_ROWS_AUTO);
    adaptau_batch    batch = {.struct_size = sizeof batch};
    OK(adaptau_dataset_set_negatives(data, negatives, &error));
    OK(adaptau_sampler_next(sampler, &batch, &error));
    ck_assert_ptr_null(batch.negative_ptr);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(negatives);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- losses -------------------------------------------------------------------------------------------------------- */

static struct answer ask(const struct problem *p, const adaptau_batch *batch)
{
    struct answer                  a = make_answer(p);
    const adaptau_tables           tables = tables_of(p);
    const adaptau_row_temperatures temperatures = temperatures_of(p);
    adaptau_loss_output            output = {.struct_size = sizeof output,
                                             .row_loss = a.row_loss,
                                             .row_log_sum = a.row_log_sum,
                                             .row_unit_loss = a.unit_loss,
                                             .row_d_inverse_tau = a.d_inverse_tau,
                                             .user_gradients = a.user_gradients,
                                             .item_gradients = a.item_gradients};
    OK(adaptau_softmax(context, &tables, batch, &temperatures, &output, &error));
    a.loss = output.loss;
    return a;
}

/* One row, whose negative of weight 3 is three more rows of the item table. _i: bits for cosines, a sum that needs its maximum, and
 * so many items that scores are not kept between the passes. */
START_TEST(negative_of_weight_3_is_three_more_of_the_item)
{
    enum { MORE = 3, NEGATIVE = 150 };
    const int32_t M = _i & 4 ? 260000 : 200;
    const int32_t items[1] = {NEGATIVE};
    const int64_t ptr[2] = {0, 1};
    const float   weights[1] = {MORE};
    struct problem p = make_problem((struct problem){.n_users = 1,
                                                     .n_items = M + MORE,
                                                     .dim = _i & 4 ? 3 : 12,
                                                     .n_rows = 1,
                                                     .table_flags = _i & 1 ? ADAPTAU_NORMALISE_BOTH : 0,
                                                     .tau = _i & 2 ? 0.02f : 0.1f});
    for (int32_t k = 0; k < p.dim; k++) /* of a high score, so that it has a part of the sum                     */
        p.items[NEGATIVE * p.dim + k] = 0.3f * p.items[NEGATIVE * p.dim + k] + p.users[p.row_users[0] * p.dim + k];
    for (int32_t k = 0; k < MORE; k++)
        memcpy(p.items + (int64_t)(M + k) * p.dim, p.items + NEGATIVE * p.dim, (size_t)p.dim * sizeof(float));
    p.positive_ptr[1] = 2;
    p.positives[0] = 3;
    p.positives[1] = _i & 4 ? NEGATIVE + 1 : NEGATIVE; /* it may be both */
    adaptau_batch batch = batch_of(&p);
    struct answer repeated = ask(&p, &batch);
    p.n_items = M;
    batch.negative_ptr = ptr;
    batch.negatives = items;
    batch.negative_weights = weights;
    struct answer weighted = ask(&p, &batch);
    check_near(weighted.loss, repeated.loss, 1e-6, "loss", _i);
    check_near(weighted.row_log_sum[0], repeated.row_log_sum[0], 1e-6, "log sum", _i);
    check_near((double)weighted.unit_loss[0], (double)repeated.unit_loss[0], 1e-6, "unit loss", _i);
    check_near((double)weighted.d_inverse_tau[0], (double)repeated.d_inverse_tau[0], 1e-5, "slope", _i);
    ck_assert_double_lt(distance(weighted.user_gradients, repeated.user_gradients, p.dim), 1e-5);
    for (int32_t k = 0; k < MORE * p.dim; k++)
        repeated.item_gradients[NEGATIVE * p.dim + k % p.dim] += repeated.item_gradients[(int64_t)M * p.dim + k];
    ck_assert_double_lt(distance(weighted.item_gradients, repeated.item_gradients, (int64_t)M * p.dim), 1e-5);
    ck_assert_double_lt(distance(weighted.item_gradients + NEGATIVE * p.dim, repeated.item_gradients + NEGATIVE * p.dim, p.dim), 1e-4);
    free_answer(&weighted);
    free_answer(&repeated);
    free_problem(&p);
}
END_TEST

static void check_same_bits(const struct problem *p, const struct answer *a, const struct answer *b)
{
    ck_assert_mem_eq(a->row_loss, b->row_loss, (size_t)p->n_rows * sizeof(double));
    ck_assert_mem_eq(a->unit_loss, b->unit_loss, (size_t)p->n_rows * sizeof(float));
    ck_assert_mem_eq(a->user_gradients, b->user_gradients, (size_t)(p->n_rows * p->dim) * sizeof(float));
    ck_assert_mem_eq(a->item_gradients, b->item_gradients, (size_t)(p->n_items * p->dim) * sizeof(float));
}

/* Lists without an entry, and entries of weight 0. */
START_TEST(negatives_of_no_weight_change_no_bit)
{
    struct problem p = make_problem((struct problem){.n_users = 150,
                                                     .n_items = 700,
                                                     .dim = 16,
                                                     .n_rows = 150,
                                                     .negatives = true,
                                                     .log_q = true,
                                                     .table_flags = _i ? ADAPTAU_NORMALISE_BOTH : 0,
                                                     .tau = 0.1f});
    adaptau_batch  batch = batch_of(&p);
    int64_t       *no_entries = allocate((size_t)p.n_rows + 1, sizeof *no_entries);
    memset(p.negative_weights, 0, (size_t)p.negative_ptr[p.n_rows] * sizeof(float));
    struct answer zeros = ask(&p, &batch);
    batch.negative_ptr = no_entries;
    struct answer empty = ask(&p, &batch);
    batch.negative_ptr = NULL;
    batch.negatives = NULL;
    batch.negative_weights = NULL;
    struct answer none = ask(&p, &batch);
    check_same_bits(&p, &zeros, &none);
    check_same_bits(&p, &empty, &none);
    free_answer(&zeros);
    free_answer(&empty);
    free_answer(&none);
    free(no_entries);
    free_problem(&p);
}
END_TEST

/* An item that is nearly all of the sum of its rows. The last row has none, and must not vanish beside them: its scores are all near
 * 0, in the middle of what exponents have room for. */
START_TEST(greatest_weights_stay_finite)
{
    struct problem p = make_problem((struct problem){.n_users = 5,
                                                     .n_items = 300,
                                                     .dim = 200,
                                                     .n_rows = 5,
                                                     .negatives = true,
                                                     .table_flags = _i & 1 ? ADAPTAU_NORMALISE_BOTH : 0,
                                                     .batch_flags = _i & 2 ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0,
                                                     .tau = 0.0288f});
    for (int32_t r = 0; r < p.n_rows - 1; r++) {
        p.negative_ptr[r + 1] = p.negative_ptr[r + 2] = r + 1;
        p.negative_items[r] = 299;
        p.negative_weights[r] = 1e30f;
    }
    adaptau_batch batch = batch_of(&p);
    struct answer a = ask(&p, &batch);
    for (int32_t r = 0; r < p.n_rows; r++) {
        double *user = to_double(p.users + p.row_users[r] * p.dim, p.dim), sum = 0.0;
        double *items = to_double(p.items, (int64_t)p.n_items * p.dim);
        for (int32_t i = 0; i < p.n_items; i++)
            if (!(_i & 2 && is_positive(&p, r, i)))
                sum += copies_of(&p, r, i) * exp(score(&p, user, items + (int64_t)i * p.dim) / (double)p.tau);
        check_near(a.row_log_sum[r], log(sum), 1e-5, "log sum", r);
        free(user);
        free(items);
    }
    free_answer(&a);
    free_problem(&p);
}
END_TEST

/* ---- trainings ----------------------------------------------------------------------------------------------------- */

#define TASTES 4
#define FANS 30 /* users of a taste */
#define WORKS 15 /* items of a taste */

/* Users of four tastes, of whose items each has three, and twenty of all others that were shown and not taken. What a user likes and
 * has not met is held out. */
static void make_tastes(adaptau_dataset **data, adaptau_dataset **held_out, adaptau_dataset **negatives)
{
    enum { N = TASTES * FANS };
    int32_t users[N * WORKS], items[N * WORKS], asked_users[N * WORKS], asked[N * WORKS], bad_users[N * 20], bad[N * 20];
    int64_t n = 0, n_asked = 0, n_bad = 0;
    random_state = 77;
    for (int32_t u = 0; u < N; u++) {
        const int32_t own = u % TASTES * WORKS, start = draw(WORKS);
        for (int32_t k = 0; k < WORKS; k++) {
            const int32_t item = own + (start + k * 4) % WORKS;
            *(k < 3 ? &users[n] : &asked_users[n_asked]) = u;
            *(k < 3 ? &items[n++] : &asked[n_asked++]) = item;
        }
        for (int32_t k = 0; k < 1; k++) { /* what is noise: of any taste                                          */
            users[n] = u;
            items[n++] = draw(TASTES * WORKS);
        }
        for (int32_t k = 0; k < 20; k++) {
            bad_users[n_bad] = u;
            bad[n_bad++] = (own + WORKS + draw((TASTES - 1) * WORKS)) % (TASTES * WORKS);
        }
    }
    OK(adaptau_dataset_create_from_interactions(context, N, TASTES * WORKS, n, users, items, NULL, data, &error));
    OK(adaptau_dataset_create_from_interactions(context, N, TASTES * WORKS, n_asked, asked_users, asked, NULL, held_out, &error));
    OK(adaptau_dataset_create_from_interactions(context, N, TASTES * WORKS, n_bad, bad_users, bad, NULL, negatives, &error));
}

struct outcome {
    double recall, score; /* at 10; mean of the negatives */
};

static struct outcome train(const adaptau_dataset *data, const adaptau_dataset *held_out, const adaptau_dataset *negatives,
                            int32_t tau0_policy)
{
    adaptau_recipe             recipe = {.struct_size = sizeof recipe};
    adaptau_model             *model = NULL;
    adaptau_evaluator         *evaluator = NULL;
    const int32_t              cutoff = 10;
    struct outcome             found = {0};
    const adaptau_dataset_view shown = view_of(negatives);
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.tau0_policy = tau0_policy;
    recipe.dim = 8;
    recipe.epochs = 40;
    const adaptau_fit_options search = full_fit_options((adaptau_fit_options){.cutoff = cutoff, .validation = held_out});
    OK(adaptau_fit(context, data, &recipe, tau0_policy == ADAPTAU_TAU0_HELD_OUT ? &search : NULL, &model, NULL, &error));
    const adaptau_evaluator_options options =
        full_evaluator_options((adaptau_evaluator_options){.n_cutoffs = 1, .cutoffs = &cutoff, .n_masks = 1, .masks = &data});
    adaptau_tables tables = {.struct_size = sizeof tables};
    OK(adaptau_model_get_tables(model, &tables, &error));
    OK(adaptau_evaluator_create(context, held_out, &options, &evaluator, &error));
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, cutoff, &found.recall, &error));
    for (int32_t u = 0; u < tables.n_users; u++)
        for (int64_t k = shown.user_ptr[u]; k < shown.user_ptr[u + 1]; k++) {
            const float *user = tables.users + (int64_t)u * tables.dim, *item = tables.items + (int64_t)shown.user_items[k] * tables.dim;
            double       dot = 0.0;
            for (int32_t c = 0; c < tables.dim; c++)
                dot += (double)user[c] * (double)item[c];
            found.score += dot / length_of(user, tables.dim) / length_of(item, tables.dim) / (double)shown.user_ptr[shown.n_users];
        }
    adaptau_evaluator_destroy(evaluator);
    adaptau_model_destroy(model);
    return found;
}

/* _i: τ₀ by Eq. 14, or by held-out interactions, whose trials must have the negatives, too. */
START_TEST(negatives_teach_what_is_not_liked)
{
    const int32_t    policy = _i ? ADAPTAU_TAU0_HELD_OUT : ADAPTAU_TAU0_FIRST_ORDER;
    adaptau_dataset *data = NULL, *held_out = NULL, *negatives = NULL;
    make_tastes(&data, &held_out, &negatives);
    const struct outcome without = train(data, held_out, negatives, policy);
    OK(adaptau_dataset_set_negatives(data, negatives, &error));
    const struct outcome with = train(data, held_out, negatives, policy);
    ck_assert_msg(with.recall > without.recall + 0.05, "recall %.4f with negatives, %.4f without", with.recall, without.recall);
    ck_assert_msg(with.score < without.score - 0.02, "mean score %.4f with negatives, %.4f without", with.score, without.score);
    adaptau_dataset_destroy(data);
    adaptau_dataset_destroy(held_out);
    adaptau_dataset_destroy(negatives);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("negatives");
    TCase *tests = tcase_create("negatives");
    tcase_add_checked_fixture(tests, open_negatives, close_context);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, dataset_keeps_its_negatives, 0, 2);
    tcase_add_test(tests, no_negatives_are_none);
    tcase_add_test(tests, dataset_without_memory_has_no_negatives);
    tcase_add_loop_test(tests, split_gives_negatives_to_what_is_kept, 0, 2);
    tcase_add_test(tests, sample_of_users_keeps_their_negatives);
    tcase_add_loop_test(tests, batches_have_the_negatives_of_their_rows, 0, 4);
    tcase_add_test(tests, each_interaction_comes_with_all_negatives_of_its_user);
    tcase_add_test(tests, sampler_stays_as_it_was_made);
    tcase_add_loop_test(tests, negative_of_weight_3_is_three_more_of_the_item, 0, 8);
    tcase_add_loop_test(tests, negatives_of_no_weight_change_no_bit, 0, 2);
    tcase_add_loop_test(tests, greatest_weights_stay_finite, 0, 4);
    tcase_add_loop_test(tests, negatives_teach_what_is_not_liked, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
