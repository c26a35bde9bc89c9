/* SPDX-License-Identifier: MIT */
/* Weights of interactions, wherever they count: an interaction of weight 3 is three interactions. Gradients of every loss are
 * held against central differences in test_softmax.c and test_losses.c, soft targets in test_model_step.c. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/options.h"
#include "../support/suite.h"
#include "core/spectral.h"

#define USERS 30
#define ITEMS 40
#define DIM 8
#define MOST_REPEATS 4
#define PAIRS 260

/* Interactions, each once, by user and item: sorted rows, and how often each comes. */
static int64_t ptr[USERS + 1];
static int32_t items[PAIRS];
static float   weights[PAIRS];
static int64_t n_pairs;

/* The same, as often as they come, in an order of their own. */
static int32_t repeated_users[PAIRS * MOST_REPEATS], repeated_items[PAIRS * MOST_REPEATS];
static int64_t n_repeated;

static void draw_interactions(void)
{
    n_pairs = n_repeated = 0;
    random_state = 11;
    for (int32_t u = 0; u < USERS; u++) {
        ptr[u] = n_pairs;
        for (int32_t i = 0; i < ITEMS && u != 4; i++) /* user 4 has none                                        */
            if (draw(6) == 0 && n_pairs < PAIRS) {
                items[n_pairs] = i;
                weights[n_pairs++] = (float)(1 + draw(MOST_REPEATS));
            }
    }
    ptr[USERS] = n_pairs;
    for (int round = 0; round < MOST_REPEATS; round++)
        for (int32_t u = USERS - 1; u >= 0; u--)
            for (int64_t p = ptr[u]; p < ptr[u + 1]; p++)
                if ((float)round < weights[p]) {
                    repeated_users[n_repeated] = u;
                    repeated_items[n_repeated++] = items[p];
                }
}

static void open_weights(void)
{
    open_context();
    draw_interactions();
}

static adaptau_dataset *make_data(const float *with)
{
    adaptau_dataset  *data = NULL;
    const adaptau_csr csr = {
        .struct_size = sizeof csr, .n_users = USERS, .n_items = ITEMS, .indptr = ptr, .indices = items, .weights = with};
    OK(adaptau_dataset_create(context, &csr, &data, &error));
    return data;
}

static adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(data, &view, &error));
    return view;
}

static void check_close(double got, double want, double tolerance)
{
    ck_assert_msg(fabs(got - want) <= tolerance * fmax(1.0, fabs(want)), "%.9g, not %.9g", got, want);
}

/* ---- datasets ------------------------------------------------------------------------------------------------------ */

START_TEST(view_has_the_weights_of_both_sides)
{
    adaptau_dataset           *data = make_data(weights), *plain = make_data(NULL);
    const adaptau_dataset_view view = view_of(data);
    ck_assert_ptr_eq(view.user_weights, weights);
    for (int32_t i = 0; i < ITEMS; i++)
        for (int64_t q = view.item_ptr[i]; q < view.item_ptr[i + 1]; q++) {
            int64_t p = ptr[view.item_users[q]];
            while (items[p] != i)
                p++;
            ck_assert(view.item_weights[q] == weights[p]);
        }
    ck_assert(!view_of(plain).user_weights && !view_of(plain).item_weights);
    adaptau_dataset_destroy(plain);
    adaptau_dataset_destroy(data);
}
END_TEST

/* Of repeated interactions with weights of 1, those of sorted rows with their counts. */
START_TEST(weights_of_repeated_interactions_add_up)
{
    float            ones[PAIRS * MOST_REPEATS];
    adaptau_dataset *counted = NULL, *dropped = NULL;
    for (int64_t p = 0; p < n_repeated; p++)
        ones[p] = 1.0f;
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n_repeated, repeated_users, repeated_items, ones, &counted,
                                                &error));
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n_repeated, repeated_users, repeated_items, NULL, &dropped,
                                                &error));
    const adaptau_dataset_view view = view_of(counted);
    ck_assert_int_eq(adaptau_dataset_n_interactions(counted), n_pairs);
    ck_assert_int_eq(adaptau_dataset_n_duplicates(counted), n_repeated - n_pairs);
    ck_assert_mem_eq(view.user_ptr, ptr, sizeof ptr);
    ck_assert_mem_eq(view.user_items, items, (size_t)n_pairs * sizeof *items);
    ck_assert_mem_eq(view.user_weights, weights, (size_t)n_pairs * sizeof *weights);
    ck_assert_int_eq(adaptau_dataset_n_interactions(dropped), n_pairs);
    ck_assert_ptr_null(view_of(dropped).user_weights);
    adaptau_dataset_destroy(dropped);
    adaptau_dataset_destroy(counted);
}
END_TEST

START_TEST(weights_that_add_up_to_too_much_are_refused)
{
    const int32_t    users[3] = {0, 1, 1}, owned[3] = {2, 1, 1};
    const float      large[3] = {1.0f, 9e29f, 9e29f};
    adaptau_dataset *data = NULL;
    ck_assert_int_eq(adaptau_dataset_create_from_interactions(context, 2, 3, 3, users, owned, large, &data, &error),
                     ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "weights of user 1 and item 1 add up to 1.8e+30, above 1e30");
    ck_assert_ptr_null(data);
}
END_TEST

START_TEST(split_keeps_weights)
{
    adaptau_dataset            *data = make_data(weights), *parts[2] = {NULL, NULL};
    const adaptau_split_options options = {.struct_size = sizeof options, .share = 0.3, .seed = 5};
    int64_t                     n = 0;
    OK(adaptau_dataset_split(context, data, &options, &parts[0], &parts[1], &error));
    ck_assert_int_gt(adaptau_dataset_n_interactions(parts[1]), 20);
    for (int part = 0; part < 2; part++) {
        const adaptau_dataset_view view = view_of(parts[part]);
        for (int32_t u = 0; u < USERS; u++)
            for (int64_t q = view.user_ptr[u]; q < view.user_ptr[u + 1]; q++, n++) {
                int64_t p = ptr[u];
                while (items[p] != view.user_items[q])
                    p++;
                ck_assert(view.user_weights[q] == weights[p]);
            }
        adaptau_dataset_destroy(parts[part]);
    }
    ck_assert_int_eq(n, n_pairs);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- batches ------------------------------------------------------------------------------------------------------- */

/* _i: rows are interactions. Draws and order are those of the same data without weights. */
START_TEST(sampler_hands_weights_on)
{
    adaptau_dataset              *data = make_data(weights), *plain = make_data(NULL);
    const adaptau_sampler_options options =
        full_sampler_options((adaptau_sampler_options){.kind = ADAPTAU_SAMPLER_SHARED_POPULARITY,
                                                       .rows = _i ? ADAPTAU_SAMPLER_ROWS_INTERACTIONS : ADAPTAU_SAMPLER_ROWS_USERS,
                                                       .rows_per_batch = 7, .n_candidates = 5, .row_weight_exponent = 0.5,
                                                       .seed = 3});
    adaptau_sampler              *sampler = NULL, *other = NULL;
    adaptau_batch                 batch = {.struct_size = sizeof batch}, same = {.struct_size = sizeof same};
    int64_t                       n = 0;
    OK(adaptau_sampler_create(context, data, &options, &sampler, &error));
    OK(adaptau_sampler_create(context, plain, &options, &other, &error));
    OK(adaptau_sampler_begin_epoch(sampler, 2, &error));
    OK(adaptau_sampler_begin_epoch(other, 2, &error));
    for (;;) {
        OK(adaptau_sampler_next(sampler, &batch, &error));
        OK(adaptau_sampler_next(other, &same, &error));
        ck_assert_int_eq(batch.n_rows, same.n_rows);
        if (batch.n_rows == 0)
            break;
        ck_assert_mem_eq(batch.users, same.users, (size_t)batch.n_rows * sizeof(int32_t));
        ck_assert_mem_eq(batch.candidate_ids, same.candidate_ids, (size_t)batch.n_candidates * sizeof(int32_t));
        ck_assert_ptr_null(same.positive_weights);
        for (int32_t r = 0; r < batch.n_rows; r++) {
            double all = 0.0;
            for (int64_t p = ptr[batch.users[r]]; p < ptr[batch.users[r] + 1]; p++)
                all += (double)weights[p];
            ck_assert(batch.row_weights[r] == (float)pow(all, -0.5));
            for (int64_t q = batch.positive_ptr[r]; q < batch.positive_ptr[r + 1]; q++, n++) {
                int64_t p = ptr[batch.users[r]];
                while (items[p] != batch.positives[q])
                    p++;
                ck_assert(batch.positive_weights[q] == weights[p]);
            }
        }
    }
    ck_assert_int_eq(n, n_pairs);
    adaptau_sampler_destroy(other);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(plain);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- losses -------------------------------------------------------------------------------------------------------- */

#define MOST_ROWS (PAIRS * MOST_REPEATS)
#define CANDIDATES 12

static float user_table[USERS * DIM], item_table[ITEMS * DIM];

static void draw_tables(void)
{
    random_state = 5;
    for (int k = 0; k < USERS * DIM; k++)
        user_table[k] = (float)draw(2001) / 1000.0f - 1.0f;
    for (int k = 0; k < ITEMS * DIM; k++)
        item_table[k] = (float)draw(2001) / 1000.0f - 1.0f;
}

struct result {
    double loss, n_terms;
    double users[USERS * DIM]; /* rows of a user added up */
    float  items[ITEMS * DIM];
};

static float row_gradients[MOST_ROWS * DIM];

static void ask(const adaptau_batch *batch, const adaptau_loss *loss, struct result *result)
{
    const adaptau_tables tables = {.struct_size = sizeof tables,
                                   .flags = ADAPTAU_NORMALISE_BOTH,
                                   .n_users = USERS,
                                   .n_items = ITEMS,
                                   .dim = DIM,
                                   .users = user_table,
                                   .items = item_table};
    const adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 0.3f};
    memset(result, 0, sizeof *result);
    adaptau_loss_output output = {
        .struct_size = sizeof output, .user_gradients = row_gradients, .item_gradients = result->items};
    OK(adaptau_loss_gradients(context, &tables, batch, &tau, loss, &output, &error));
    result->loss = output.loss;
    result->n_terms = output.n_terms;
    for (int32_t r = 0; r < batch->n_rows; r++)
        for (int k = 0; k < DIM; k++)
            result->users[batch->users[r] * DIM + k] += (double)row_gradients[r * DIM + k];
}

static void check_equal(const struct result *got, const struct result *want)
{
    check_close(got->loss, want->loss, 1e-5);
    check_close(got->n_terms, want->n_terms, 1e-12);
    for (int k = 0; k < USERS * DIM; k++)
        check_close(got->users[k], want->users[k], 1e-4);
    for (int k = 0; k < ITEMS * DIM; k++)
        check_close((double)got->items[k], (double)want->items[k], 1e-4);
}

static adaptau_loss loss_of(int32_t kind)
{
    return full_loss((adaptau_loss){.kind = kind, .top_k = kind == ADAPTAU_LOSS_SLATK ? 5 : 0});
}

/* _i: loss x kind of candidates. A row for each interaction: weighted once, and unweighted as often as it comes. */
START_TEST(integer_weights_are_repeated_rows)
{
    static struct result once, often;
    static int32_t       row_users[MOST_ROWS], candidates[MOST_ROWS * CANDIDATES];
    static int64_t       row_ptr[MOST_ROWS + 1];
    const int32_t        kind = _i / 8;
    const adaptau_loss   loss = loss_of(_i % 8);
    draw_tables();
    for (int64_t r = 0; r <= MOST_ROWS; r++)
        row_ptr[r] = r;
    for (int32_t u = 0; u < USERS; u++)
        for (int64_t p = ptr[u]; p < ptr[u + 1]; p++)
            row_users[p] = u;
    adaptau_batch batch = {.struct_size = sizeof batch,
                           .n_rows = (int32_t)n_pairs,
                           .candidates = kind,
                           .users = row_users,
                           .positive_ptr = row_ptr,
                           .positives = items,
                           .positive_weights = weights,
                           .n_candidates = kind ? CANDIDATES : 0,
                           .candidate_ids = kind ? candidates : NULL};
    for (int64_t p = 0; p < n_pairs; p++) /* of a row's own: by its interaction, so that repeats have the same */
        for (int c = 0; c < CANDIDATES; c++)
            candidates[p * CANDIDATES + c] =
                kind == ADAPTAU_CANDIDATES_SHARED ? c * 3 : (int32_t)((row_users[p] * 7 + items[p] * 5 + c * 11) % ITEMS);
    ask(&batch, &loss, &once);
    for (int64_t p = 0; p < n_repeated && kind == ADAPTAU_CANDIDATES_PER_ROW; p++)
        for (int c = 0; c < CANDIDATES; c++)
            candidates[p * CANDIDATES + c] = (int32_t)((repeated_users[p] * 7 + repeated_items[p] * 5 + c * 11) % ITEMS);
    batch.n_rows = (int32_t)n_repeated;
    batch.users = repeated_users;
    batch.positives = repeated_items;
    batch.positive_weights = NULL;
    ask(&batch, &loss, &often);
    check_equal(&once, &often);
    ck_assert(once.n_terms == (double)n_repeated);
}
END_TEST

static adaptau_batch all_users(const int32_t *users, const float *with)
{
    return (adaptau_batch){.struct_size = sizeof(adaptau_batch),
                           .n_rows = USERS,
                           .users = users,
                           .positive_ptr = ptr,
                           .positives = items,
                           .positive_weights = with};
}

/* A row of a user, weighted, and as many rows of single interactions as they amount to: over the catalogue each has the same sum. */
START_TEST(weighted_users_are_repeated_interactions)
{
    static struct result of_users, of_pairs;
    static int64_t       row_ptr[MOST_ROWS + 1];
    int32_t              users[USERS];
    draw_tables();
    for (int32_t u = 0; u < USERS; u++)
        users[u] = u;
    for (int64_t r = 0; r <= MOST_ROWS; r++)
        row_ptr[r] = r;
    adaptau_batch batch = all_users(users, weights);
    ask(&batch, NULL, &of_users);
    batch = (adaptau_batch){.struct_size = sizeof batch,
                            .n_rows = (int32_t)n_repeated,
                            .users = repeated_users,
                            .positive_ptr = row_ptr,
                            .positives = repeated_items};
    ask(&batch, NULL, &of_pairs);
    check_equal(&of_users, &of_pairs);
}
END_TEST

/* _i: loss. Weights of 1 give the bits of none; BPR adds up in another order. */
START_TEST(weights_of_one_change_nothing)
{
    static struct result weighted, plain;
    const adaptau_loss   loss = loss_of(_i);
    float                ones[PAIRS];
    int32_t              users[USERS];
    draw_tables();
    for (int64_t p = 0; p < PAIRS; p++)
        ones[p] = 1.0f;
    for (int32_t u = 0; u < USERS; u++)
        users[u] = u;
    adaptau_batch batch = all_users(users, ones);
    ask(&batch, &loss, &weighted);
    batch = all_users(users, NULL);
    ask(&batch, &loss, &plain);
    if (_i == ADAPTAU_LOSS_BPR)
        check_equal(&weighted, &plain);
    else
        ck_assert_mem_eq(&weighted, &plain, sizeof plain);
}
END_TEST

/* ---- temperatures -------------------------------------------------------------------------------------------------- */

struct training {
    adaptau_model       *model;
    adaptau_temperature *temperature;
};

static struct training begin(const adaptau_dataset *data, adaptau_temperature_options options)
{
    const adaptau_model_options model = full_model_options((adaptau_model_options){.dim = DIM, .seed = 9});
    struct training             t = {NULL, NULL};
    options = full_temperature_options(options);
    OK(adaptau_model_create(context, data, &model, &t.model, &error));
    OK(adaptau_temperature_create(context, data, &options, &t.temperature, &error));
    return t;
}

static void end(struct training *t)
{
    adaptau_temperature_destroy(t->temperature);
    adaptau_model_destroy(t->model);
}

static adaptau_temperature_state state_of(const struct training *t)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    OK(adaptau_temperature_get_state(t->temperature, &state, &error));
    return state;
}

static double score(const adaptau_tables *tables, int32_t user, int32_t item)
{
    double f = 0.0;
    for (int k = 0; k < DIM; k++)
        f += (double)tables->users[user * DIM + k] * (double)tables->items[item * DIM + k];
    return f;
}

/* μ₊ and σ₊² count an interaction as often as it comes; L counts what is distinct. */
START_TEST(moments_count_repeated_interactions)
{
    adaptau_dataset *data = make_data(weights);
    struct training  t = begin(data, (adaptau_temperature_options){.warmup_updates = 0});
    adaptau_tables   tables = {.struct_size = sizeof tables};
    double           sum = 0.0, squares = 0.0, four[4];
    OK(adaptau_model_get_tables(t.model, &tables, &error));
    OK(adaptau_model_update_temperature(t.model, t.temperature, &error));
    for (int64_t p = 0; p < n_repeated; p++) {
        const double f = score(&tables, repeated_users[p], repeated_items[p]);
        sum += f / (double)n_repeated;
        squares += f * f / (double)n_repeated;
    }
    const adaptau_temperature_state state = state_of(&t);
    ck_assert(fabs(state.mean_positive - sum) < 1e-7);
    ck_assert(fabs(state.variance_positive - (squares - sum * sum)) < 1e-7);
    ck_assert(state.log_ratio == adaptau_log_ratio(USERS, ITEMS, n_pairs));
    OK(adaptau_interaction_moments(context, &tables, data, four, &error));
    ck_assert(four[0] == (double)n_pairs && four[1] == (double)n_repeated);
    ck_assert(fabs(four[2] - sum * (double)n_repeated) < 1e-5 && fabs(four[3] - squares * (double)n_repeated) < 1e-5);
    end(&t);
    adaptau_dataset_destroy(data);
}
END_TEST

/* L_u of a weighted row, of weighted interactions, and of interactions as often as they come; in the loss of the recipe τ_u
 * follows. */
START_TEST(losses_of_users_count_repeated_interactions)
{
    adaptau_dataset                  *data = make_data(weights);
    const adaptau_temperature_options personal = {
        .tau0_policy = ADAPTAU_TAU0_FIXED, .tau = 0.2, .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS};
    struct training                   of_users = begin(data, personal), of_pairs = begin(data, personal), repeated = begin(data, personal);
    static int64_t                    row_ptr[MOST_ROWS + 1];
    static int32_t                    pair_users[PAIRS];
    int32_t                           users[USERS];
    for (int32_t u = 0; u < USERS; u++) {
        users[u] = u;
        for (int64_t p = ptr[u]; p < ptr[u + 1]; p++)
            pair_users[p] = u;
    }
    for (int64_t r = 0; r <= MOST_ROWS; r++)
        row_ptr[r] = r;
    adaptau_batch batch = all_users(users, weights);
    OK(adaptau_model_gradients(of_users.model, &batch, of_users.temperature, NULL, &error));
    batch.n_rows = (int32_t)n_pairs;
    batch.users = pair_users;
    batch.positive_ptr = row_ptr;
    OK(adaptau_model_gradients(of_pairs.model, &batch, of_pairs.temperature, NULL, &error));
    batch = (adaptau_batch){.struct_size = sizeof batch,
                            .n_rows = (int32_t)n_repeated,
                            .users = repeated_users,
                            .positive_ptr = row_ptr,
                            .positives = repeated_items};
    OK(adaptau_model_gradients(repeated.model, &batch, repeated.temperature, NULL, &error));
    const float *a = adaptau_temperature_unit_losses(of_users.temperature), *b = adaptau_temperature_unit_losses(of_pairs.temperature);
    const float *c = adaptau_temperature_unit_losses(repeated.temperature);
    for (int32_t u = 0; u < USERS; u++) {
        ck_assert(!isnan(a[u]) == (ptr[u] != ptr[u + 1]) && isnan(b[u]) == isnan(a[u]) && isnan(c[u]) == isnan(a[u]));
        if (isnan(a[u]))
            continue;
        check_close((double)b[u], (double)a[u], 1e-5);
        check_close((double)c[u], (double)a[u], 1e-5);
    }
    OK(adaptau_model_update_temperature(of_users.model, of_users.temperature, &error));
    OK(adaptau_model_update_temperature(repeated.model, repeated.temperature, &error));
    for (int32_t u = 0; u < USERS; u++)
        check_close((double)adaptau_temperature_user_taus(repeated.temperature)[u],
                    (double)adaptau_temperature_user_taus(of_users.temperature)[u], 1e-5);
    end(&repeated);
    end(&of_pairs);
    end(&of_users);
    adaptau_dataset_destroy(data);
}
END_TEST

/* One step of a learned τ₀ by weighted rows, and by repeated ones. */
START_TEST(learned_temperature_counts_repeated_interactions)
{
    adaptau_dataset                  *data = make_data(weights);
    const adaptau_temperature_options learned = {.tau0_policy = ADAPTAU_TAU0_LEARNED, .tau = 0.3, .learning_rate = 0.1};
    struct training                   once = begin(data, learned), often = begin(data, learned);
    static int64_t                    row_ptr[MOST_ROWS + 1];
    int32_t                           users[USERS];
    for (int32_t u = 0; u < USERS; u++)
        users[u] = u;
    for (int64_t r = 0; r <= MOST_ROWS; r++)
        row_ptr[r] = r;
    for (int step = 0; step < 3; step++) { /* Adam's first step has one length: what is told shows in the next */
        adaptau_batch batch = all_users(users, weights);
        OK(adaptau_model_gradients(once.model, &batch, once.temperature, NULL, &error));
        batch = (adaptau_batch){.struct_size = sizeof batch,
                                .n_rows = (int32_t)n_repeated,
                                .users = repeated_users,
                                .positive_ptr = row_ptr,
                                .positives = repeated_items};
        OK(adaptau_model_gradients(often.model, &batch, often.temperature, NULL, &error));
    }
    ck_assert(fabs(state_of(&once).tau0 - 0.3) > 0.01);
    check_close(state_of(&once).tau0, state_of(&often).tau0, 1e-6);
    end(&often);
    end(&once);
    adaptau_dataset_destroy(data);
}
END_TEST

START_TEST(observed_losses_are_means_by_weight)
{
    adaptau_dataset *data = make_data(weights);
    struct training  t = begin(data, (adaptau_temperature_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    const int32_t    users[5] = {0, 1, 0, 0, 1};
    const float      losses[5] = {1.0f, 2.0f, 5.0f, 3.0f, 7.0f}, counts[5] = {1.0f, 0.0f, 0.5f, 2.5f, 2.0f};
    OK(adaptau_temperature_add_losses(t.temperature, 5, users, losses, counts, &error));
    check_close((double)adaptau_temperature_unit_losses(t.temperature)[0], (1.0 + 2.5 + 7.5) / 4.0, 1e-6);
    check_close((double)adaptau_temperature_unit_losses(t.temperature)[1], 7.0, 1e-6);
    end(&t);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- starts -------------------------------------------------------------------------------------------------------- */

/* With as many columns as there are users the product of both tables is D_u^{-1/2} R D_i^{-1/2} itself. */
START_TEST(spectral_start_is_of_the_weighted_matrix)
{
    enum { N = 5, M = 7 };
    const int64_t    rows[N + 1] = {0, 2, 4, 7, 8, 10};
    const int32_t    owned[10] = {0, 3, 1, 2, 0, 4, 6, 5, 2, 6};
    const float      counts[10] = {1.0f, 4.0f, 2.0f, 0.5f, 3.0f, 1.0f, 2.0f, 5.0f, 2.5f, 1.5f};
    double           r[N][M] = {{0.0}}, of_users[N] = {0.0}, of_items[M] = {0.0};
    float            users[N * N], item_rows[M * N];
    adaptau_dataset *data = NULL;
    const adaptau_csr csr = {.struct_size = sizeof csr, .n_users = N, .n_items = M, .indptr = rows, .indices = owned, .weights = counts};
    OK(adaptau_dataset_create(context, &csr, &data, &error));
    OK(atau_spectral(context, data, N, 1, users, N, item_rows, N, &error));
    for (int u = 0; u < N; u++)
        for (int64_t p = rows[u]; p < rows[u + 1]; p++) {
            r[u][owned[p]] = (double)counts[p];
            of_users[u] += (double)counts[p];
            of_items[owned[p]] += (double)counts[p];
        }
    for (int u = 0; u < N; u++)
        for (int i = 0; i < M; i++) {
            double got = 0.0;
            for (int k = 0; k < N; k++)
                got += (double)users[u * N + k] * (double)item_rows[i * N + k];
            check_close(got, r[u][i] / sqrt(of_users[u] * of_items[i]), 1e-5);
        }
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- fold-in ------------------------------------------------------------------------------------------------------- */

static void fold(const adaptau_model *model, const adaptau_dataset *data, int32_t n_steps, double strength, const float *with,
                 float *embeddings, float *taus)
{
    adaptau_fold_in              *in = NULL;
    adaptau_fold_in_options       options =
        full_fold_in_options(model, (adaptau_fold_in_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS, .tau = 0.2,
                                                              .threshold = 3.0, .target_strength = strength});
    options.n_steps = n_steps;
    OK(adaptau_fold_in_create(model, data, &options, &in, &error));
    OK(adaptau_fold_in_users(in, USERS, ptr, items, with, embeddings, taus, &error));
    adaptau_fold_in_destroy(in);
}

/* Without steps and soft targets a user is the mean of its items, each as often as it comes. */
START_TEST(new_users_start_at_weighted_means)
{
    adaptau_dataset *data = make_data(weights);
    struct training  t = begin(data, (adaptau_temperature_options){0});
    adaptau_tables   tables = {.struct_size = sizeof tables};
    float            rows[USERS * DIM];
    OK(adaptau_model_get_tables(t.model, &tables, &error));
    fold(t.model, data, 0, 0.0, weights, rows, NULL);
    for (int32_t u = 0; u < USERS; u++) {
        double mean[DIM] = {0.0}, length = 0.0;
        for (int64_t p = ptr[u]; p < ptr[u + 1]; p++)
            for (int k = 0; k < DIM; k++)
                mean[k] += (double)weights[p] * (double)tables.items[items[p] * DIM + k];
        for (int k = 0; k < DIM; k++)
            length += mean[k] * mean[k];
        for (int k = 0; k < DIM; k++)
            check_close((double)rows[u * DIM + k], length > 0.0 ? mean[k] / sqrt(length) : 0.0, 1e-5);
    }
    end(&t);
    adaptau_dataset_destroy(data);
}
END_TEST

/* A constant is no preference: neither in starts nor in descents, temperatures and soft targets. But other weights are. */
START_TEST(new_users_know_weights_up_to_a_constant)
{
    adaptau_dataset *data = make_data(weights);
    struct training  t = begin(data, (adaptau_temperature_options){0});
    float            fivefold[PAIRS], ones[PAIRS], rows[4][USERS * DIM], taus[4][USERS];
    double           apart = 0.0;
    for (int64_t p = 0; p < n_pairs; p++) {
        fivefold[p] = 5.0f * weights[p];
        ones[p] = 1.0f;
    }
    fold(t.model, data, 4, 3.0, weights, rows[0], taus[0]);
    fold(t.model, data, 4, 3.0, fivefold, rows[1], taus[1]);
    fold(t.model, data, 4, 3.0, NULL, rows[2], taus[2]);
    fold(t.model, data, 4, 3.0, ones, rows[3], taus[3]);
    for (int k = 0; k < USERS * DIM; k++) {
        check_close((double)rows[1][k], (double)rows[0][k], 1e-3);
        check_close((double)rows[3][k], (double)rows[2][k], 1e-3);
        apart = fmax(apart, fabs((double)rows[2][k] - (double)rows[0][k]));
    }
    for (int32_t u = 0; u < USERS; u++)
        check_close((double)taus[1][u], (double)taus[0][u], 1e-3);
    ck_assert(apart > 0.05);
    end(&t);
    adaptau_dataset_destroy(data);
}
END_TEST

/* ---- trainings ----------------------------------------------------------------------------------------------------- */

static void run_recipe(adaptau_context *of, const float *with, double *loss, adaptau_tables *tables, adaptau_model **model)
{
    const adaptau_csr csr = {
        .struct_size = sizeof csr, .n_users = USERS, .n_items = ITEMS, .indptr = ptr, .indices = items, .weights = with};
    adaptau_dataset *data = NULL;
    adaptau_recipe   recipe = {.struct_size = sizeof recipe};
    adaptau_fit_result result = {.struct_size = sizeof result};
    OK(adaptau_dataset_create(of, &csr, &data, &error));
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.dim = DIM;
    recipe.epochs = 6;
    recipe.soft_targets = 2;
    OK(adaptau_fit(of, data, &recipe, NULL, model, &result, &error));
    *loss = result.loss;
    OK(adaptau_model_get_tables(*model, tables, &error));
    adaptau_dataset_destroy(data);
}

START_TEST(a_weighted_dataset_is_fitted_alike_by_any_number_of_threads)
{
    double          loss[3], plain;
    adaptau_tables  tables[4];
    adaptau_model  *models[4] = {NULL};
    adaptau_context *contexts[3];
    for (int k = 0; k < 3; k++) {
        tables[k].struct_size = sizeof tables[k];
        contexts[k] = make_context(ADAPTAU_BACKEND_AUTO, 1 + k);
        run_recipe(contexts[k], weights, &loss[k], &tables[k], &models[k]);
        ck_assert(loss[k] == loss[0]);
        ck_assert_mem_eq(tables[k].users, tables[0].users, sizeof(float) * USERS * DIM);
        ck_assert_mem_eq(tables[k].items, tables[0].items, sizeof(float) * ITEMS * DIM);
    }
    tables[3].struct_size = sizeof tables[3];
    run_recipe(contexts[0], NULL, &plain, &tables[3], &models[3]);
    ck_assert(memcmp(tables[3].users, tables[0].users, sizeof(float) * USERS * DIM) != 0);
    adaptau_model_destroy(models[3]);
    for (int k = 0; k < 3; k++) {
        adaptau_model_destroy(models[k]);
        adaptau_context_destroy(contexts[k]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("weights");
    TCase *tests = tcase_create("weights");
    tcase_add_checked_fixture(tests, open_weights, close_context);
    tcase_add_test(tests, view_has_the_weights_of_both_sides);
    tcase_add_test(tests, weights_of_repeated_interactions_add_up);
    tcase_add_test(tests, weights_that_add_up_to_too_much_are_refused);
    tcase_add_test(tests, split_keeps_weights);
    tcase_add_loop_test(tests, sampler_hands_weights_on, 0, 2);
    tcase_add_loop_test(tests, integer_weights_are_repeated_rows, 0, 24);
    tcase_add_test(tests, weighted_users_are_repeated_interactions);
    tcase_add_loop_test(tests, weights_of_one_change_nothing, 0, 8);
    tcase_add_test(tests, moments_count_repeated_interactions);
    tcase_add_test(tests, losses_of_users_count_repeated_interactions);
    tcase_add_test(tests, learned_temperature_counts_repeated_interactions);
    tcase_add_test(tests, observed_losses_are_means_by_weight);
    tcase_add_test(tests, spectral_start_is_of_the_weighted_matrix);
    tcase_add_test(tests, new_users_start_at_weighted_means);
    tcase_add_test(tests, new_users_know_weights_up_to_a_constant);
    tcase_add_test(tests, a_weighted_dataset_is_fitted_alike_by_any_number_of_threads);
    tcase_set_timeout(tests, 120);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
