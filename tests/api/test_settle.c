/* SPDX-License-Identifier: MIT */
/* Users without interactions get what is popular, in trainings and after growth, by every encoder; and users who have interactions by
 * now can learn. */
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

enum { USERS = 60, ITEMS = 40, DIM = 8, K = 10, ABSENT = 7 };

static bool is_absent(int32_t user)
{
    return user % ABSENT == 3;
}

/* Items are the more popular the lower their number. `all`: the absent users have interactions, too. */
static adaptau_dataset *make_data(adaptau_context *context, bool all)
{
    static int32_t   users[USERS * ITEMS], items[USERS * ITEMS];
    int64_t          n = 0;
    adaptau_dataset *data = NULL;
    random_state = 11;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS; i++) {
            const bool has = draw(ITEMS + 10) > i + 8;
            if (!has || (!all && is_absent(u)))
                continue;
            users[n] = u;
            items[n++] = i;
        }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n, users, items, NULL, &data, &error));
    return data;
}

static adaptau_recipe recipe_for(int32_t encoder)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    OK(adaptau_recipe_init(&recipe, &error));
    recipe.encoder = encoder;
    recipe.dim = DIM;
    recipe.epochs = 3;
    recipe.tau0_policy = ADAPTAU_TAU0_FIXED;
    recipe.tau = 0.2;
    recipe.popularity_prior = 0.3;
    return recipe;
}

/* A user's best items, the user's own among them. */
static void rank_for(const adaptau_model *model, int32_t user, int32_t *best)
{
    const adaptau_query query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = K};
    OK(adaptau_model_rank(model, &query, best, NULL, &error));
}

/* By number of users, then by number: what the bias of the header ranks. */
static void expect_popular(const adaptau_model *model, const adaptau_dataset *data, int32_t user)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    int32_t              best[K];
    OK(adaptau_dataset_get_view(data, &view, &error));
    rank_for(model, user, best);
    for (int k = 1; k < K; k++) {
        const int64_t a = view.item_ptr[best[k - 1] + 1] - view.item_ptr[best[k - 1]],
                      b = view.item_ptr[best[k] + 1] - view.item_ptr[best[k]];
        ck_assert_msg(a > b || (a == b && best[k - 1] < best[k]), "user %d: item %d of %d users before item %d of %d", user, best[k - 1],
                      (int)a, best[k], (int)b);
    }
}

static bool is_zero(const adaptau_model *model, int32_t user)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    OK(adaptau_model_get_raw_tables(model, &tables, &error));
    double sum = 0.0;
    for (int k = 0; k < DIM; k++)
        sum += fabs((double)tables.users[user * tables.user_stride + k]);
    return sum <= 0.0;
}

START_TEST(absent_users_get_what_is_popular)
{
    adaptau_context     *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset     *data = make_data(context, false);
    const adaptau_recipe recipe = recipe_for(_i);
    adaptau_training    *training = NULL;
    OK(adaptau_training_create(context, data, &recipe, &training, &error));
    train_epochs(training, 3);
    for (int32_t u = 0; u < USERS; u++) {
        ck_assert_int_eq(is_zero(adaptau_training_model(training), u), is_absent(u));
        if (is_absent(u))
            expect_popular(adaptau_training_model(training), data, u);
    }
    adaptau_training_destroy(training);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* Absent at first, they have interactions later. */
START_TEST(users_who_come_back_learn)
{
    adaptau_context  *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset  *before = make_data(context, false), *after = make_data(context, true);
    adaptau_recipe    recipe = recipe_for(_i);
    adaptau_training *training = NULL;
    adaptau_model    *model = NULL, *grown = NULL;
    OK(adaptau_training_create(context, before, &recipe, &training, &error));
    train_epochs(training, 3);
    model = adaptau_training_take_model(training);
    adaptau_training_destroy(training);
    training = NULL;
    OK(adaptau_model_grow(model, after, NULL, &grown, &error));
    adaptau_model_destroy(model);
    OK(adaptau_training_create_from(context, after, &recipe, grown, NULL, &training, &error));
    train_epochs(training, 3);
    for (int32_t u = 0; u < USERS; u++) {
        adaptau_tables tables = {.struct_size = sizeof tables};
        ck_assert(!is_zero(grown, u));
        OK(adaptau_model_get_tables(grown, &tables, &error));
        for (int k = 0; k < DIM; k++)
            ck_assert(isfinite(tables.users[u * tables.user_stride + k]));
    }
    adaptau_training_destroy(training);
    adaptau_dataset_destroy(before);
    adaptau_dataset_destroy(after);
    adaptau_context_destroy(context);
}
END_TEST

/* A training that goes on may know only what is new: who is absent there keeps what was learned. */
START_TEST(going_on_with_a_part_loses_no_row)
{
    static float      learned[USERS * DIM];
    adaptau_context  *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    adaptau_dataset  *all = make_data(context, true), *part = make_data(context, false);
    adaptau_recipe    recipe = recipe_for(ADAPTAU_ENCODER_MF);
    adaptau_training *training = NULL;
    adaptau_tables    tables = {.struct_size = sizeof tables};
    OK(adaptau_training_create(context, all, &recipe, &training, &error));
    train_epochs(training, 3);
    adaptau_model *model = adaptau_training_take_model(training);
    adaptau_training_destroy(training);
    OK(adaptau_model_get_raw_tables(model, &tables, &error));
    for (int32_t u = 0; u < USERS; u++)
        memcpy(learned + u * DIM, tables.users + u * tables.user_stride, DIM * sizeof *learned);
    OK(adaptau_training_create_from(context, part, &recipe, model, NULL, &training, &error));
    train_epochs(training, 3);
    OK(adaptau_model_get_raw_tables(model, &tables, &error));
    for (int32_t u = 0; u < USERS; u++)
        if (is_absent(u))
            ck_assert_mem_eq(learned + u * DIM, tables.users + u * tables.user_stride, DIM * sizeof *learned);
    adaptau_training_destroy(training);
    adaptau_dataset_destroy(all);
    adaptau_dataset_destroy(part);
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(the_call_changes_no_other_row)
{
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset      *data = make_data(context, false);
    adaptau_model_options options = full_model_options((adaptau_model_options){.encoder = _i, .dim = DIM});
    adaptau_model        *settled = NULL, *plain = NULL;
    adaptau_tables        a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    OK(adaptau_model_create(context, data, &options, &settled, &error));
    OK(adaptau_model_create(context, data, &options, &plain, &error));
    OK(adaptau_model_settle_users(settled, data, &error));
    OK(adaptau_model_settle_users(settled, data, &error)); /* nothing more */
    OK(adaptau_model_get_raw_tables(settled, &a, &error));
    OK(adaptau_model_get_raw_tables(plain, &b, &error));
    ck_assert_mem_eq(a.items, b.items, ITEMS * DIM * sizeof(float));
    for (int32_t u = 0; u < USERS; u++) {
        ck_assert_int_eq(is_zero(settled, u), is_absent(u));
        if (!is_absent(u))
            ck_assert_mem_eq(a.users + u * a.user_stride, b.users + u * b.user_stride, DIM * sizeof(float));
    }
    adaptau_model_destroy(settled);
    adaptau_model_destroy(plain);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* Scores that are inner products have gradients at a row of zeros, which is a row like any other then. */
START_TEST(gradients_leave_zeros_that_can_learn)
{
    const int64_t         positive_ptr[] = {0, 1};
    const int32_t         user = 3, positive = 0;
    const bool            learns = _i > 0;
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset      *data = make_data(context, false);
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = DIM, .flags = learns ? ADAPTAU_MODEL_RAW_USERS : 0});
    adaptau_batch         batch = {.struct_size = sizeof batch, .n_rows = 1, .users = &user, .positive_ptr = positive_ptr,
                                   .positives = &positive};
    adaptau_model        *model = NULL;
    adaptau_temperature  *temperature = NULL;
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_temperature_create(context, data, NULL, &temperature, &error));
    OK(adaptau_model_settle_users(model, data, &error));
    ck_assert(is_zero(model, user));
    OK(adaptau_model_gradients(model, &batch, temperature, NULL, &error));
    ck_assert_int_eq(is_zero(model, user), learns);
    OK(adaptau_model_apply(model, &error));
    ck_assert(!is_zero(model, user));
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

/* Rows of zeros in the host's tables change no other score by a bit: rows are still taken for what they are, of length 1. */
START_TEST(rows_of_zeros_are_on_the_sphere)
{
    static float          users[USERS * DIM], items[ITEMS * DIM];
    adaptau_context      *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_dataset      *data = make_data(context, false);
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = DIM, .host_users = users, .host_items = items});
    adaptau_model        *model = NULL;
    adaptau_tables        tables = {.struct_size = sizeof tables};
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_model_settle_users(model, data, &error));
    OK(adaptau_model_refresh(model, &error));
    OK(adaptau_model_get_tables(model, &tables, &error));
    ck_assert(tables.flags & ADAPTAU_UNIT_ROWS);
    users[0] = 1e-30f; /* no zeros, however short                                                                  */
    memset(users + 1, 0, (DIM - 1) * sizeof *users);
    OK(adaptau_model_refresh(model, &error));
    OK(adaptau_model_get_tables(model, &tables, &error));
    ck_assert(!(tables.flags & ADAPTAU_UNIT_ROWS));
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settle");
    TCase *tests = tcase_create("users without interactions");
    tcase_add_loop_test(tests, absent_users_get_what_is_popular, 0, 3);
    tcase_add_loop_test(tests, users_who_come_back_learn, 0, 3);
    tcase_add_loop_test(tests, the_call_changes_no_other_row, 0, 3);
    tcase_add_test(tests, going_on_with_a_part_loses_no_row);
    tcase_add_loop_test(tests, gradients_leave_zeros_that_can_learn, 0, 2);
    tcase_add_test(tests, rows_of_zeros_are_on_the_sphere);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
