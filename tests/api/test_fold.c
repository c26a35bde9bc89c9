/* SPDX-License-Identifier: MIT */
/* New users: starts and losses against their formulas in double precision, over dense matrices. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/suite.h"

#define NEW 9
#define MOST_ITEMS 12
#define SOFT 4.0

static int64_t new_ptr[NEW + 1];
static int32_t new_items[NEW * MOST_ITEMS];

/* Users of 1 to 12 items, and one of none. */
static void draw_users(void)
{
    random_state = 99;
    for (int u = 0; u < NEW; u++) {
        const int n = u == 4 ? 0 : 1 + draw(MOST_ITEMS);
        char      has[ITEMS] = {0};
        for (int k = 0; k < n; k++)
            has[draw(ITEMS / GROUPS) * GROUPS + u % GROUPS] = 1;
        new_ptr[u + 1] = new_ptr[u];
        for (int i = 0; i < ITEMS; i++)
            if (has[i])
                new_items[new_ptr[u + 1]++] = i;
    }
}

static double weights[ITEMS]; /* of items in the sum */

static struct world trained(adaptau_model_options model)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, model, (adaptau_sampler_options){0},
                                (adaptau_temperature_options){0});
    train(&w, 3);
    draw_users();
    for (int i = 0; i < ITEMS; i++)
        weights[i] = 1.0;
    return w;
}

static adaptau_fold_in_options default_options(const struct world *w)
{
    return full_fold_in_options(w->model, (adaptau_fold_in_options){.tau = 0.15});
}

static adaptau_fold_in_options fold_options(const struct world *w, int32_t n_steps)
{
    adaptau_fold_in_options options = default_options(w);
    options.n_steps = n_steps;
    return options;
}

static void fold_new(const struct world *w, const adaptau_fold_in_options *options, float *embeddings, float *taus)
{
    adaptau_fold_in *fold = NULL;
    OK(adaptau_fold_in_create(w->model, w->data, options, &fold, &error));
    OK(adaptau_fold_in_users(fold, NEW, new_ptr, new_items, NULL, embeddings, taus, &error));
    adaptau_fold_in_destroy(fold);
}

/* ---- the truth ------------------------------------------------------------------------------------------------------- */

static double dot(const double *a, const double *b)
{
    double sum = 0.0;
    for (int k = 0; k < DIM; k++)
        sum += a[k] * b[k];
    return sum;
}

static void to_length_one(double *row)
{
    const double length = sqrt(dot(row, row));
    for (int k = 0; k < DIM && length > 0.0; k++)
        row[k] /= length;
}

/* Final items as scores take them. */
static void read_items(const struct world *w, double items[ITEMS][DIM])
{
    const adaptau_tables t = tables_of(w->model);
    for (int i = 0; i < ITEMS; i++) {
        for (int k = 0; k < DIM; k++)
            items[i][k] = (double)t.items[i * (t.item_stride ? t.item_stride : DIM) + k];
        if (t.flags & ADAPTAU_NORMALISE_ITEMS)
            to_length_one(items[i]);
    }
}

static adaptau_dataset_view view_of(const struct world *w)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(w->data, &view, &error));
    return view;
}

/* b_i = mean over the users of i of the means of their items. */
static void walk_items(const struct world *w, double items[ITEMS][DIM], double b[ITEMS][DIM])
{
    const adaptau_dataset_view v = view_of(w);
    memset(b, 0, sizeof(double) * ITEMS * DIM);
    for (int i = 0; i < ITEMS; i++)
        for (int64_t p = v.item_ptr[i]; p < v.item_ptr[i + 1]; p++) {
            const int32_t u = v.item_users[p];
            for (int64_t q = v.user_ptr[u]; q < v.user_ptr[u + 1]; q++)
                for (int k = 0; k < DIM; k++)
                    b[i][k] += items[v.user_items[q]][k] / (double)(v.user_ptr[u + 1] - v.user_ptr[u]) /
                               (double)(v.item_ptr[i + 1] - v.item_ptr[i]);
        }
}

static bool has(int user, int item)
{
    for (int64_t p = new_ptr[user]; p < new_ptr[user + 1]; p++)
        if (new_items[p] == item)
            return true;
    return false;
}

/* scale Σ_{i∈P_u} table_i */
static void sum_items(int user, double table[ITEMS][DIM], double scale, double out[DIM])
{
    memset(out, 0, sizeof(double) * DIM);
    for (int64_t p = new_ptr[user]; p < new_ptr[user + 1]; p++)
        for (int k = 0; k < DIM; k++)
            out[k] += scale * table[new_items[p]][k];
}

static double n_items_of(int user)
{
    return (double)(new_ptr[user + 1] - new_ptr[user]);
}

/* As a catalogue by popularity has them; exponent 0: 1. */
static void weigh_items(const struct world *w, double exponent)
{
    const adaptau_dataset_view v = view_of(w);
    for (int i = 0; i < ITEMS; i++)
        weights[i] = pow(fmax(1.0, (double)(v.item_ptr[i + 1] - v.item_ptr[i])), exponent);
}

/* Mean loss of a user's positives at e, and its gradient; outside: they are not in the sum. */
static double loss_of(int user, double items[ITEMS][DIM], const double aim[DIM], const double e[DIM], double tau, bool outside,
                      double gradient[DIM])
{
    double sum = 0.0, mean[DIM] = {0.0};
    for (int i = 0; i < ITEMS; i++) {
        if (outside && has(user, i))
            continue;
        const double p = weights[i] * exp(dot(items[i], e) / tau);
        sum += p;
        for (int k = 0; k < DIM; k++)
            mean[k] += p * items[i][k];
    }
    for (int k = 0; k < DIM && gradient; k++)
        gradient[k] = (mean[k] / sum - aim[k]) / tau;
    return log(sum) - dot(aim, e) / tau;
}

static void check_row(const float *got, const double *want, double tolerance)
{
    for (int k = 0; k < DIM; k++)
        ck_assert_msg(fabs((double)got[k] - want[k]) <= tolerance, "entry %d is %g, not %g", k, (double)got[k], want[k]);
}

/* ---- starts ------------------------------------------------------------------------------------------------------------ */

START_TEST(mf_starts_at_what_the_user_aims_at)
{
    struct world         w = trained((adaptau_model_options){0});
    adaptau_fold_in_options options = fold_options(&w, 0);
    static double        items[ITEMS][DIM], b[ITEMS][DIM];
    float                rows[NEW * DIM], taus[NEW];
    options.target_strength = _i == 0 ? 0.0 : _i == 1 ? SOFT : 0.02;
    fold_new(&w, &options, rows, taus);
    read_items(&w, items);
    walk_items(&w, items, b);
    for (int u = 0; u < NEW; u++) {
        const double n = n_items_of(u), share = n > 0.0 ? options.target_strength / (options.target_strength + n) : 0.0;
        double       want[DIM], soft[DIM];
        sum_items(u, items, n > 0.0 ? (1.0 - share) / n : 0.0, want);
        sum_items(u, b, n > 0.0 ? share / n : 0.0, soft);
        for (int k = 0; k < DIM; k++)
            want[k] += soft[k];
        to_length_one(want);
        check_row(rows + u * DIM, want, 1e-5);
        ck_assert_float_eq(taus[u], 0.15f);
    }
    close_world(&w);
}
END_TEST

START_TEST(simplex_starts_at_the_map_of_the_mean)
{
    struct world               w = trained((adaptau_model_options){.encoder = ADAPTAU_ENCODER_SIMPLEX, .gate = 0.3});
    adaptau_fold_in_options       options = fold_options(&w, 0);
    adaptau_encoder_parameters own = {.struct_size = sizeof own};
    adaptau_tables             raw = {.struct_size = sizeof raw};
    static double              items[ITEMS][DIM];
    float                      rows[NEW * DIM];
    fold_new(&w, &options, rows, NULL);
    OK(adaptau_model_get_encoder_parameters(w.model, &own, &error));
    OK(adaptau_model_get_raw_tables(w.model, &raw, &error));
    for (int i = 0; i < ITEMS; i++)
        for (int k = 0; k < DIM; k++)
            items[i][k] = (double)raw.items[i * DIM + k];
    for (int u = 0; u < NEW; u++) {
        double mean[DIM], want[DIM] = {0.0};
        sum_items(u, items, 0.7 / fmax(1.0, n_items_of(u)), mean);
        for (int k = 0; k < DIM; k++)
            for (int j = 0; j < DIM; j++)
                want[k] += (double)own.rows[k * DIM + j] * mean[j];
        to_length_one(want);
        check_row(rows + u * DIM, want, 1e-5);
    }
    close_world(&w);
}
END_TEST

/* Row u of E over the graph with one user more, whose raw row is 0, the layers of the others being what they were. */
START_TEST(lightgcn_propagates_the_new_row)
{
    const uint32_t raw_sides = ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS;
    struct world   w = trained(
        (adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN, .n_layers = _i, .flags = raw_sides});
    adaptau_fold_in_options       options = default_options(&w);
    const adaptau_dataset_view v = view_of(&w);
    adaptau_tables             raw = {.struct_size = sizeof raw};
    static double              layer[2][USERS + ITEMS][DIM], starts[ITEMS][DIM];
    float                      rows[NEW * DIM];
    fold_new(&w, &options, rows, NULL);
    OK(adaptau_model_get_raw_tables(w.model, &raw, &error));
    memset(starts, 0, sizeof starts);
    for (int r = 0; r < USERS + ITEMS; r++)
        for (int k = 0; k < DIM; k++)
            layer[0][r][k] = (double)(r < USERS ? raw.users[r * DIM + k] : raw.items[(r - USERS) * DIM + k]);
    for (int l = 0; l < _i; l++) {
        double(*now)[DIM] = layer[l % 2], (*next)[DIM] = layer[(l + 1) % 2];
        memset(next, 0, sizeof layer[0]);
        for (int i = 0; i < ITEMS; i++)
            for (int k = 0; k < DIM; k++)
                starts[i][k] += now[USERS + i][k] / (_i + 1) / sqrt((double)(v.item_ptr[i + 1] - v.item_ptr[i]) + 1.0);
        for (int u = 0; u < USERS; u++)
            for (int64_t p = v.user_ptr[u]; p < v.user_ptr[u + 1]; p++) {
                const int32_t i = v.user_items[p];
                const double  a = 1.0 / sqrt((double)(v.user_ptr[u + 1] - v.user_ptr[u]) *
                                             (double)(v.item_ptr[i + 1] - v.item_ptr[i]));
                for (int k = 0; k < DIM; k++) {
                    next[u][k] += a * now[USERS + i][k];
                    next[USERS + i][k] += a * now[u][k];
                }
            }
    }
    for (int u = 0; u < NEW; u++) {
        double want[DIM];
        sum_items(u, starts, 1.0 / sqrt(fmax(1.0, n_items_of(u))), want);
        check_row(rows + u * DIM, want, 1e-5);
    }
    close_world(&w);
}
END_TEST

/* ---- descent ----------------------------------------------------------------------------------------------------------- */

/* Of 50 points around e on the sphere. */
static void check_is_lowest(int user, double items[ITEMS][DIM], const double aim[DIM], const double e[DIM], double tau,
                            bool outside)
{
    const double least = loss_of(user, items, aim, e, tau, outside, NULL);
    for (int t = 0; t < 50; t++) {
        double near[DIM];
        for (int k = 0; k < DIM; k++)
            near[k] = e[k] + 1e-4 * (draw(2001) - 1000);
        to_length_one(near);
        ck_assert_double_gt(loss_of(user, items, aim, near, tau, outside, NULL), least);
    }
}

/* 8 variants: positives inside or outside of the sum, with and without soft targets, items weighing alike or by popularity. */
START_TEST(many_steps_end_where_the_gradient_along_the_sphere_is_zero)
{
    struct world         w = trained((adaptau_model_options){0});
    const bool           outside = _i & 1;
    adaptau_fold_in_options options = fold_options(&w, 200);
    static double        items[ITEMS][DIM], b[ITEMS][DIM];
    float                rows[NEW * DIM];
    options.flags = outside ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0;
    options.target_strength = _i & 2 ? SOFT : 0.0;
    options.popularity_exponent = _i & 4 ? 0.7 : 0.0;
    weigh_items(&w, options.popularity_exponent);
    fold_new(&w, &options, rows, NULL);
    read_items(&w, items);
    walk_items(&w, items, b);
    for (int u = 0; u < NEW; u++) {
        const double n = n_items_of(u), share = options.target_strength / (options.target_strength + n);
        double       aim[DIM], soft[DIM], e[DIM], gradient[DIM], along = 0.0, squares = 0.0;
        if (n == 0.0)
            continue;
        sum_items(u, items, (1.0 - share) / n, aim);
        sum_items(u, b, share / n, soft);
        for (int k = 0; k < DIM; k++) {
            aim[k] += soft[k];
            e[k] = (double)rows[u * DIM + k];
        }
        loss_of(u, items, aim, e, options.tau, outside, gradient);
        along = dot(gradient, e);
        for (int k = 0; k < DIM; k++)
            squares += pow(gradient[k] - along * e[k], 2.0);
        ck_assert_double_lt(sqrt(squares), 2e-3 * (1.0 + fabs(along)));
        check_is_lowest(u, items, aim, e, options.tau, outside);
    }
    close_world(&w);
}
END_TEST

START_TEST(steps_lower_the_loss)
{
    const uint32_t flags[] = {0, ADAPTAU_MODEL_RAW_USERS, ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS};
    struct world   w = trained((adaptau_model_options){.flags = flags[_i], .learning_rate_users = 0.02});
    static double  items[ITEMS][DIM];
    double         before[NEW];
    float          rows[NEW * DIM];
    read_items(&w, items);
    for (int steps = 0; steps < 7; steps++) {
        const adaptau_fold_in_options options = fold_options(&w, steps);
        fold_new(&w, &options, rows, NULL);
        for (int u = 0; u < NEW; u++) {
            double aim[DIM], e[DIM];
            if (n_items_of(u) == 0.0)
                continue;
            sum_items(u, items, 1.0 / n_items_of(u), aim);
            for (int k = 0; k < DIM; k++)
                e[k] = (double)rows[u * DIM + k];
            const double loss = loss_of(u, items, aim, e, options.tau, false, NULL);
            ck_assert_msg(steps == 0 || loss <= before[u] + 1e-5, "user %d after %d steps: %g, %g before", u, steps, loss,
                          before[u]);
            before[u] = loss;
        }
    }
    close_world(&w);
}
END_TEST

/* Most items crowd around one direction. Users who like one of the crowd and some of its opposites start where the loss curves
 * downwards: they aim at less of the crowd's score than the softmax has there. */
static struct world crowded(void)
{
    static float  users[USERS * DIM], items[ITEMS * DIM];
    adaptau_model_options model = {.init = ADAPTAU_INIT_HOST, .host_users = users, .host_items = items};
    random_state = 17;
    for (int k = 0; k < USERS * DIM; k++)
        users[k] = (float)(draw(2001) - 1000);
    for (int i = 0; i < ITEMS; i++)
        for (int k = 0; k < DIM; k++)
            items[i * DIM + k] = (float)(draw(2001) - 1000) * 3e-4f + (k ? 0.0f : i % 10 ? 1.0f : -1.0f);
    for (int u = 0; u < NEW; u++) {
        new_ptr[u + 1] = new_ptr[u];
        new_items[new_ptr[u + 1]++] = 20 * u; /* an opposite */
        new_items[new_ptr[u + 1]++] = 20 * u + 1;
        if (u % 3 > 0)
            new_items[new_ptr[u + 1]++] = 20 * u + 7;
    }
    for (int i = 0; i < ITEMS; i++)
        weights[i] = 1.0;
    return open_world((adaptau_context_options){.n_threads = 2}, model, (adaptau_sampler_options){0},
                      (adaptau_temperature_options){0});
}

/* The descent of docs/numerics.md, in double precision. Returns in how many steps the loss did not curve upwards. */
static int descend(int user, double items[ITEMS][DIM], double tau, int n_steps, double best[DIM])
{
    double aim[DIM], e[DIM], old[DIM], gradient[DIM], old_gradient[DIM], least = INFINITY;
    int    n_concave = 0;
    sum_items(user, items, 1.0 / n_items_of(user), aim);
    memcpy(e, aim, sizeof e);
    to_length_one(e);
    for (int step = 0; step <= n_steps; step++) {
        const double loss = loss_of(user, items, aim, e, tau, false, gradient), along = dot(gradient, e);
        double       alpha = 1.0, ss = 0.0, sy = 0.0;
        if (loss < least)
            memcpy(best, e, sizeof e);
        least = fmin(least, loss);
        for (int k = 0; k < DIM; k++) {
            gradient[k] -= along * e[k];
            ss += step ? (e[k] - old[k]) * (e[k] - old[k]) : 0.0;
            sy += step ? (e[k] - old[k]) * (gradient[k] - old_gradient[k]) : 0.0;
        }
        if (step > 0)
            alpha = sy > 0.0 ? fmin(8.0, fmax(0.25, ss / (sy * tau))) : 8.0;
        n_concave += step > 0 && step < n_steps && sy <= 0.0;
        memcpy(old, e, sizeof e);
        memcpy(old_gradient, gradient, sizeof e);
        for (int k = 0; k < DIM; k++)
            e[k] -= alpha * tau * gradient[k];
        to_length_one(e);
    }
    return n_concave;
}

START_TEST(steps_are_as_long_as_the_loss_curves)
{
    struct world  w = crowded();
    static double items[ITEMS][DIM];
    float         rows[NEW * DIM];
    int           n_concave = 0;
    read_items(&w, items);
    for (int steps = 1; steps < 5; steps++) {
        adaptau_fold_in_options options = fold_options(&w, steps);
        options.tau = 0.5;
        fold_new(&w, &options, rows, NULL);
        for (int u = 0; u < NEW; u++) {
            double want[DIM];
            n_concave += descend(u, items, options.tau, steps, want);
            check_row(rows + u * DIM, want, 1e-3);
        }
    }
    ck_assert_int_gt(n_concave, 0);
    close_world(&w);
}
END_TEST

/* τ_u from L_u at the embedding that is answered. */
START_TEST(temperatures_are_those_of_the_users_losses)
{
    struct world         w = trained((adaptau_model_options){0});
    adaptau_fold_in_options options = fold_options(&w, 8);
    static double        items[ITEMS][DIM];
    float                rows[NEW * DIM], taus[NEW];
    options.tau_user_policy = _i;
    options.divisor = _i == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0;
    options.threshold = 4.9;
    fold_new(&w, &options, rows, taus);
    read_items(&w, items);
    for (int u = 0; u < NEW; u++) {
        double aim[DIM], e[DIM];
        if (n_items_of(u) == 0.0) {
            ck_assert_float_eq(taus[u], 0.15f);
            continue;
        }
        sum_items(u, items, 1.0 / n_items_of(u), aim);
        for (int k = 0; k < DIM; k++)
            e[k] = (double)rows[u * DIM + k];
        const double loss = loss_of(u, items, aim, e, 1.0, false, NULL);
        const double want = _i == ADAPTAU_TAU_USER_MINIMISER   ? adaptau_tau_user_eq15(0.15, loss, 4.9, 2.0)
                            : _i == ADAPTAU_TAU_USER_BY_LOSS ? adaptau_tau_user_eq16(0.15, loss, 4.9, 2.0)
                                                          : adaptau_tau_user_eq16(0.15, loss, 4.9, 1.0);
        ck_assert_msg(fabs((double)taus[u] - want) < 1e-4 * want, "user %d: %g, not %g", u, (double)taus[u], want);
    }
    close_world(&w);
}
END_TEST

/* ---- promises ---------------------------------------------------------------------------------------------------------- */

START_TEST(results_do_not_depend_on_threads)
{
    const adaptau_model_options models[] = {
        {0}, {.encoder = ADAPTAU_ENCODER_SIMPLEX}, {.encoder = ADAPTAU_ENCODER_LIGHTGCN}};
    enum { MANY = 700 };
    static float   first[MANY * DIM], rows[MANY * DIM];
    static int64_t ptr[MANY + 1];
    static int32_t items[MANY * MOST_ITEMS];
    draw_users();
    for (int u = 0; u < MANY; u++) {
        const int from = u % NEW;
        ptr[u + 1] = ptr[u] + new_ptr[from + 1] - new_ptr[from];
        memcpy(items + ptr[u], new_items + new_ptr[from], (size_t)(ptr[u + 1] - ptr[u]) * sizeof *items);
    }
    for (int threads = 1; threads <= 4; threads++) {
        struct world w = open_world((adaptau_context_options){.n_threads = threads}, models[_i], (adaptau_sampler_options){0},
                                    (adaptau_temperature_options){0});
        adaptau_fold_in_options options = fold_options(&w, 3);
        adaptau_fold_in        *fold = NULL;
        options.target_strength = SOFT;
        options.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS;
        options.threshold = 5.0;
        train(&w, 1);
        OK(adaptau_fold_in_create(w.model, w.data, &options, &fold, &error));
        close_world(&(struct world){.model = w.model, .sampler = w.sampler, .temperature = w.temperature}); /* not needed */
        OK(adaptau_fold_in_users(fold, MANY, ptr, items, NULL, rows, NULL, &error));
        adaptau_fold_in_destroy(fold);
        adaptau_dataset_destroy(w.data);
        adaptau_context_destroy(w.context);
        if (threads == 1)
            memcpy(first, rows, sizeof first);
        ck_assert_int_eq(memcmp(first, rows, sizeof first), 0);
    }
}
END_TEST

/* A model that was trained: folded in from their own items, users get nearly what they have. */
START_TEST(trained_users_are_found_again)
{
    struct world               w = trained((adaptau_model_options){0});
    const adaptau_dataset_view v = view_of(&w);
    adaptau_temperature_state  state = {.struct_size = sizeof state};
    adaptau_fold_in_options       options = default_options(&w);
    adaptau_fold_in              *fold = NULL;
    static float               rows[USERS * DIM];
    double                     cosine = 0.0;
    train(&w, 20);
    OK(adaptau_temperature_get_state(w.temperature, &state, &error));
    options.tau = state.tau0;
    OK(adaptau_fold_in_create(w.model, NULL, &options, &fold, &error));
    OK(adaptau_fold_in_users(fold, USERS, v.user_ptr, v.user_items, NULL, rows, NULL, &error));
    const adaptau_tables t = tables_of(w.model);
    for (int k = 0; k < USERS * DIM; k++)
        cosine += (double)rows[k] * (double)t.users[k] / USERS;
    ck_assert_double_gt(cosine, 0.95);
    adaptau_fold_in_destroy(fold);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fold");
    TCase *tests = tcase_create("fold");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, mf_starts_at_what_the_user_aims_at, 0, 3);
    tcase_add_test(tests, simplex_starts_at_the_map_of_the_mean);
    tcase_add_loop_test(tests, lightgcn_propagates_the_new_row, 1, ADAPTAU_MAX_LAYERS + 1);
    tcase_add_loop_test(tests, many_steps_end_where_the_gradient_along_the_sphere_is_zero, 0, 8);
    tcase_add_loop_test(tests, steps_lower_the_loss, 0, 3);
    tcase_add_test(tests, steps_are_as_long_as_the_loss_curves);
    tcase_add_loop_test(tests, temperatures_are_those_of_the_users_losses, ADAPTAU_TAU_USER_BY_LOSS, ADAPTAU_TAU_USER_LEARNED);
    tcase_add_loop_test(tests, results_do_not_depend_on_threads, 0, 3);
    tcase_add_test(tests, trained_users_are_found_again);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
