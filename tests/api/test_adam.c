/* SPDX-License-Identifier: MIT */
/* Adam over many steps, against its formulas in double: the bias correction of each row's own count of steps, and what the
 * sphere changes. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/model_world.h"
#include "../support/one_context.h"
#include "../support/options.h"
#include "../support/suite.h"

#define LEARNING_RATE 0.02
#define BETA1 0.8
#define BETA2 0.99
#define DECAY 0.3

struct row_state {
    double first[DIM], second[DIM];
};

/* The t-th step of a row in double; with one second moment for the row it stands in second[0]. */
static void step_in_double(struct row_state *state, int64_t t, const float *gradient, double rate, double beta1, double decay,
                           bool sphere, bool shared, double *row)
{
    const double correction1 = 1.0 - pow(beta1, (double)t), correction2 = 1.0 - pow(BETA2, (double)t);
    double       g[DIM], mean = 0.0, squares = 0.0;
    for (int k = 0; k < DIM; k++) {
        g[k] = (double)gradient[k] + (sphere ? 0.0 : decay * row[k]);
        mean += g[k] * g[k] / DIM;
    }
    for (int k = 0; k < DIM; k++) {
        double *second = &state->second[shared ? 0 : k];
        state->first[k] = beta1 * state->first[k] + (1.0 - beta1) * g[k];
        if (!shared || k == 0)
            *second = BETA2 * *second + (1.0 - BETA2) * (shared ? mean : g[k] * g[k]);
        row[k] -= rate * state->first[k] / correction1 / (sqrt(*second / correction2) + 1e-12);
        squares += row[k] * row[k];
    }
    for (int k = 0; k < DIM && sphere; k++)
        row[k] /= sqrt(squares);
}

/* ---- a host's rows ----------------------------------------------------------------------------------------------- */

enum { N = 7, STEPS = 320 };

/* Row k is stepped every (k + 1)-th time, from counts that are small and large. _i: sphere, and one second moment for a row. */
START_TEST(each_of_many_steps_is_the_formula)
{
    static const int32_t starts[N] = {0, 0, 0, 0, 60, 1000, INT32_MAX - 20};
    const bool           sphere = _i & 1, shared = _i & 2;
    adaptau_adam_options options = full_adam_options(
        (adaptau_adam_options){.flags = (sphere ? ADAPTAU_ADAM_TO_SPHERE : 0) | (shared ? ADAPTAU_ADAM_ROW_SECOND_MOMENT : 0),
                               .learning_rate = LEARNING_RATE,
                               .beta1 = BETA1,
                               .beta2 = BETA2,
                               .weight_decay = DECAY});
    float                rows[N * DIM], first[N * DIM] = {0.0f}, second[N * DIM] = {0.0f}, gradients[N * DIM];
    int32_t              steps[N];
    adaptau_adam_rows    table = {.struct_size = sizeof table, .dim = DIM, .n = N, .rows = rows, .first = first,
                                  .second = second, .steps = steps};
    struct row_state     states[N] = {{{0.0}, {0.0}}};
    memcpy(steps, starts, sizeof steps);
    random_state = 3;
    for (int k = 0; k < N * DIM; k++)
        rows[k] = (float)draw(2000) / 1000.0f - 1.0f;
    for (int time = 1; time <= STEPS; time++) {
        int32_t ids[N];
        int64_t n = 0;
        double  truth[N][DIM];
        for (int32_t id = 0; id < N; id++)
            if (time % (id + 1) == 0)
                ids[n++] = id;
        for (int k = 0; k < n * DIM; k++)
            gradients[k] = ((float)draw(2000) / 1000.0f - 0.9f) * (time % 50 ? 1.0f : 30.0f);
        for (int64_t a = 0; a < n; a++) {
            const int32_t id = ids[a];
            const int64_t t = (int64_t)starts[id] + time / (id + 1);
            for (int k = 0; k < DIM; k++)
                truth[id][k] = (double)rows[id * DIM + k];
            step_in_double(&states[id], t, gradients + a * DIM, LEARNING_RATE, BETA1, DECAY, sphere, shared, truth[id]);
        }
        OK(adaptau_adam(context, &options, n, ids, gradients, 0, &table, &error));
        for (int64_t a = 0; a < n; a++)
            for (int k = 0; k < DIM; k++) {
                const int32_t id = ids[a];
                const double  got = (double)rows[id * DIM + k], want = truth[id][k];
                if (!(fabs(got - want) <= 2e-6 * (1.0 + fabs(want))))
                    ck_abort_msg("step %d of row %d: [%d] = %.9g, not %.9g", steps[id], id, k, got, want);
            }
        for (int64_t a = 0; a < n; a++) {
            const int64_t t = (int64_t)starts[ids[a]] + time / (ids[a] + 1);
            ck_assert_int_eq(steps[ids[a]], t < INT32_MAX ? t : INT32_MAX);
        }
    }
}
END_TEST

/* On the sphere a decay would pull along the row, and what is left of it would change with rounding: it is not applied. */
START_TEST(weight_decay_changes_no_bit_on_the_sphere)
{
    float   rows[2][N * DIM], first[2][N * DIM] = {{0.0f}}, second[2][N * DIM] = {{0.0f}}, gradients[N * DIM];
    int32_t steps[2][N] = {{0}};
    random_state = 5;
    for (int k = 0; k < N * DIM; k++)
        rows[0][k] = rows[1][k] = (float)draw(2000) / 1000.0f - 1.0f;
    for (int time = 0; time < 20; time++) {
        for (int k = 0; k < N * DIM; k++)
            gradients[k] = (float)draw(2000) / 1000.0f - 1.0f;
        for (int decays = 0; decays < 2; decays++) {
            adaptau_adam_options options =
                full_adam_options((adaptau_adam_options){.learning_rate = LEARNING_RATE,
                                                         .flags = ADAPTAU_ADAM_TO_SPHERE | (_i ? ADAPTAU_ADAM_ROW_SECOND_MOMENT : 0),
                                                         .weight_decay = decays ? 5.0 : 0.0});
            adaptau_adam_rows    table = {.struct_size = sizeof table, .dim = DIM, .n = N, .rows = rows[decays],
                                          .first = first[decays], .second = second[decays], .steps = steps[decays]};
            OK(adaptau_adam(context, &options, N, NULL, gradients, 0, &table, &error));
        }
        ck_assert_mem_eq(rows[0], rows[1], sizeof rows[0]);
    }
}
END_TEST

/* ---- a model's rows ---------------------------------------------------------------------------------------------- */

static struct row_state states[2][ITEMS > USERS ? ITEMS : USERS];
static int64_t          counts[2][ITEMS > USERS ? ITEMS : USERS];

static void expect_step(int side, int64_t n, const int32_t *ids, const float *gradients, const float *before, const float *after,
                        bool sphere, bool shared)
{
    for (int64_t a = 0; a < n; a++) {
        const int32_t id = ids[a];
        double        row[DIM];
        for (int k = 0; k < DIM; k++)
            row[k] = (double)before[id * DIM + k];
        step_in_double(&states[side][id], ++counts[side][id], gradients + (side ? id : a) * DIM, side ? 0.03 : 0.05,
                       side ? 0.9 : BETA1, DECAY, sphere, shared, row);
        for (int k = 0; k < DIM; k++)
            if (!(fabs((double)after[id * DIM + k] - row[k]) <= 1e-5 * (1.0 + fabs(row[k]))))
                ck_abort_msg("side %d, step %d of row %d: [%d] = %.9g, not %.9g", side, (int)counts[side][id], id, k,
                             (double)after[id * DIM + k], row[k]);
    }
}

/* _i: as above. The model has a weight decay in either case. */
START_TEST(each_of_many_steps_of_a_model_is_the_formula)
{
    static float  before[2][(USERS + ITEMS) * DIM];
    const bool    sphere = _i & 1, shared = _i & 2;
    struct world  w = open_world((adaptau_context_options){.n_threads = 2},
                                 (adaptau_model_options){.flags = (sphere ? 0 : ADAPTAU_MODEL_FREE_LENGTH) |
                                                                  (shared ? ADAPTAU_MODEL_ROW_SECOND_MOMENT : 0),
                                                         .learning_rate_users = 0.05, .learning_rate_items = 0.03,
                                                         .beta1_users = BETA1, .beta1_items = 0.9, .beta2 = BETA2,
                                                         .weight_decay = DECAY},
                                 (adaptau_sampler_options){.rows_per_batch = 8}, (adaptau_temperature_options){0});
    adaptau_batch batch = {.struct_size = sizeof batch};
    memset(states, 0, sizeof states);
    memset(counts, 0, sizeof counts);
    for (int64_t epoch = 0; epoch < 6; epoch++) {
        OK(adaptau_sampler_begin_epoch(w.sampler, epoch, &error));
        OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
        while (adaptau_sampler_next(w.sampler, &batch, &error) == ADAPTAU_OK && batch.n_rows > 0) {
            adaptau_gradient_view view = {.struct_size = sizeof view};
            adaptau_tables        tables = tables_of(w.model);
            memcpy(before[0], tables.users, USERS * DIM * sizeof(float));
            memcpy(before[1], tables.items, ITEMS * DIM * sizeof(float));
            OK(adaptau_model_gradients(w.model, &batch, w.temperature, NULL, &error));
            OK(adaptau_model_get_gradient_view(w.model, &view, &error));
            OK(adaptau_model_apply(w.model, &error));
            expect_step(0, view.n_users, view.user_ids, view.users, before[0], tables.users, sphere, shared);
            expect_step(1, view.n_items, view.item_ids, view.items, before[1], tables.items, sphere, shared);
        }
    }
    close_world(&w);
}
END_TEST

/* Gradients at their rows' ids, among rows that nobody wrote, are those in the order of the ids. */
/* Rows are stepped side by side: an id that came twice would race. Nothing has changed after the refusal, counts included. */
START_TEST(an_id_that_comes_twice_is_refused)
{
    static const int32_t ids[][4] = {{1, 1, 2, 3}, {6, 0, 5, 6}, {2, 4, 3, 3}};
    static const char   *const words[] = {"ids[1] = 1 comes a second time", "ids[3] = 6 comes a second time",
                                          "ids[3] = 3 comes a second time"};
    adaptau_adam_options options = full_adam_options((adaptau_adam_options){.learning_rate = LEARNING_RATE});
    float                rows[N * DIM], first[N * DIM] = {0.0f}, second[N * DIM] = {0.0f}, gradients[4 * DIM], before[N * DIM];
    int32_t              steps[N] = {0, 1, 2, 3, INT32_MAX, 5, 6}, steps_before[N];
    for (int k = 0; k < N * DIM; k++)
        rows[k] = (float)k;
    for (int k = 0; k < 4 * DIM; k++)
        gradients[k] = 1.0f;
    memcpy(before, rows, sizeof before);
    memcpy(steps_before, steps, sizeof steps_before);
    const adaptau_adam_rows table = {.struct_size = sizeof table, .dim = DIM, .n = N, .rows = rows, .first = first,
                                     .second = second, .steps = steps};
    ck_assert_int_eq(adaptau_adam(context, &options, 4, ids[_i], gradients, 0, &table, &error), ADAPTAU_E_INDEX);
    ck_assert_str_eq(error.message, words[_i]);
    ck_assert_mem_eq(rows, before, sizeof before);
    ck_assert_mem_eq(steps, steps_before, sizeof steps_before);
    steps[ids[_i][2]] = -7;
    steps_before[ids[_i][2]] = -7;
    ck_assert_int_eq(adaptau_adam(context, &options, 4, ids[_i], gradients, 0, &table, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_mem_eq(rows, before, sizeof before);
    ck_assert_mem_eq(steps, steps_before, sizeof steps_before);
}
END_TEST

START_TEST(gradients_by_id_are_gradients_in_order)
{
    static const int32_t ids[3] = {5, 0, 3};
    float                rows[2][N * DIM], first[2][N * DIM] = {{0.0f}}, second[2][N * DIM] = {{0.0f}}, in_order[3 * DIM], by_id[N * DIM];
    int32_t              steps[2][N] = {{0}};
    random_state = 5;
    for (int k = 0; k < N * DIM; k++) {
        rows[0][k] = rows[1][k] = (float)draw(2000) / 1000.0f - 1.0f;
        by_id[k] = NAN;
    }
    for (int a = 0; a < 3; a++)
        for (int k = 0; k < DIM; k++)
            by_id[ids[a] * DIM + k] = in_order[a * DIM + k] = (float)draw(2000) / 1000.0f - 1.0f;
    for (int way = 0; way < 2; way++) {
        const adaptau_adam_options options =
            full_adam_options((adaptau_adam_options){.learning_rate = LEARNING_RATE,
                                                     .flags = way ? ADAPTAU_ADAM_GRADIENTS_BY_ID : 0});
        const adaptau_adam_rows    table = {.struct_size = sizeof table, .dim = DIM, .n = N, .rows = rows[way],
                                            .first = first[way], .second = second[way], .steps = steps[way]};
        OK(adaptau_adam(context, &options, 3, ids, way ? by_id : in_order, 0, &table, &error));
    }
    ck_assert_mem_eq(rows[0], rows[1], sizeof rows[0]);
    ck_assert_mem_eq(steps[0], steps[1], sizeof steps[0]);
    const adaptau_adam_options options = full_adam_options((adaptau_adam_options){.flags = ADAPTAU_ADAM_GRADIENTS_BY_ID});
    const adaptau_adam_rows    table = {.struct_size = sizeof table, .dim = DIM, .n = N, .rows = rows[1],
                                        .first = first[1], .second = second[1], .steps = steps[1]};
    by_id[3 * DIM + 1] = INFINITY;
    ck_assert_int_eq(adaptau_adam(context, &options, 3, ids, by_id, 0, &table, &error), ADAPTAU_E_NUMERIC);
    ck_assert_str_eq(error.message, "gradients[3] is not finite");
    ck_assert_mem_eq(rows[0], rows[1], sizeof rows[0]);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("adam");
    TCase *tests = tcase_create("adam");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, each_of_many_steps_is_the_formula, 0, 4);
    tcase_add_loop_test(tests, weight_decay_changes_no_bit_on_the_sphere, 0, 2);
    tcase_add_test(tests, gradients_by_id_are_gradients_in_order);
    tcase_add_loop_test(tests, an_id_that_comes_twice_is_refused, 0, 3);
    tcase_add_loop_test(tests, each_of_many_steps_of_a_model_is_the_formula, 0, 4);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
