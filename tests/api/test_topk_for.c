/* SPDX-License-Identifier: MIT */
/* Top-K for embeddings of the host's: what users of the model get, with less to choose from; and exported tables.
 *
 *     test_topk_for --write FOLDER   leaves N.users.npy, N.items.npy and N.top.txt of models N = 0, 1, ... there
 *
 * for tests/reference/check_index.py, which ranks by inner products of the rows in the first two. */
#include <adaptau/adaptau.h>
#include <stdio.h>
#include <string.h>

#include "../support/model_world.h"
#include "../support/ranking.h"
#include "../support/suite.h"

#define K 7

static const adaptau_model_options models[] = {{0},
                                               {.flags = ADAPTAU_MODEL_FREE_LENGTH, .init = ADAPTAU_INIT_XAVIER},
                                               {.flags = ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS},
                                               {.encoder = ADAPTAU_ENCODER_LIGHTGCN},
                                               {.encoder = ADAPTAU_ENCODER_SIMPLEX}};
#define MODELS ((int)(sizeof models / sizeof *models))

static struct world open_trained(int which)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, models[which], (adaptau_sampler_options){0},
                                (adaptau_temperature_options){0});
    train(&w, 2);
    set_item_bias(w.model, 0.05f, 3);
    return w;
}

static adaptau_query filter_of(const struct world *w)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(w->data, &view, &error));
    return (adaptau_query){
        .struct_size = sizeof(adaptau_query), .exclude_ptr = view.user_ptr, .exclude = view.user_items};
}

START_TEST(users_of_the_model_get_what_they_get_by_id)
{
    struct world         w = open_trained(_i);
    const adaptau_tables t = tables_of(w.model);
    adaptau_query  filter = filter_of(&w);
    int32_t              ids[USERS], items[2][USERS * K];
    float                scores[2][USERS * K];
    for (int u = 0; u < USERS; u++)
        ids[u] = u;
    for (int excludes = 0; excludes < 2; excludes++) {
        OK(top_items(w.model, USERS, ids, K, excludes ? w.data : NULL, items[0], scores[0], &error));
        OK(top_items_for(w.model, USERS, t.users, t.user_stride, K, excludes ? &filter : NULL, items[1], scores[1],
                                   &error));
        ck_assert_int_eq(memcmp(items[0], items[1], sizeof items[0]), 0);
        for (int p = 0; p < USERS * K; p++)
            ck_assert_float_eq_tol(scores[0][p], scores[1][p], 1e-5f);
    }
    close_world(&w);
}
END_TEST

/* All items in order, those that are allowed and not excluded picked out of them. */
START_TEST(allowed_items_come_in_the_order_of_all)
{
    struct world         w = open_trained(_i);
    const adaptau_tables t = tables_of(w.model);
    adaptau_query  filter = filter_of(&w);
    int32_t              allowed[ITEMS], items[USERS * K];
    static int32_t       all[USERS * ITEMS];
    static float         all_scores[USERS * ITEMS], scores[USERS * K];
    char                 is_allowed[ITEMS] = {0};
    random_state = 3;
    for (int i = 0; i < ITEMS; i++)
        if (draw(5) == 0) {
            is_allowed[i] = 1;
            allowed[filter.n_allowed++] = i;
        }
    OK(top_items_for(w.model, USERS, t.users, t.user_stride, ITEMS, &(adaptau_query){
        .struct_size = sizeof filter, .exclude_ptr = filter.exclude_ptr, .exclude = filter.exclude}, all, all_scores, &error));
    filter.allowed = allowed;
    OK(top_items_for(w.model, USERS, t.users, t.user_stride, K, &filter, items, scores, &error));
    for (int u = 0; u < USERS; u++) {
        int n = 0;
        for (int p = 0; p < ITEMS && n < K; p++) {
            const int32_t item = all[u * ITEMS + p];
            if (item < 0 || !is_allowed[item])
                continue;
            ck_assert_int_eq(items[u * K + n], item);
            ck_assert_float_eq_tol(scores[u * K + n++], all_scores[u * ITEMS + p], 1e-5f);
        }
        for (; n < K; n++)
            ck_assert_int_eq(items[u * K + n], -1);
    }
    filter.n_allowed = 0; /* nobody gets anything                                                                 */
    OK(top_items_for(w.model, USERS, t.users, t.user_stride, K, &filter, items, NULL, &error));
    for (int p = 0; p < USERS * K; p++)
        ck_assert_int_eq(items[p], -1);
    close_world(&w);
}
END_TEST

START_TEST(length_does_not_matter_where_users_are_normalised)
{
    struct world         w = open_trained(_i);
    const adaptau_tables t = tables_of(w.model);
    static float         longer[USERS * (DIM + 3)];
    int32_t              items[2][USERS * K];
    for (int u = 0; u < USERS; u++)
        for (int k = 0; k < DIM; k++)
            longer[u * (DIM + 3) + k] = 4.0f * t.users[u * DIM + k];
    OK(top_items_for(w.model, USERS, t.users, 0, K, NULL, items[0], NULL, &error));
    OK(top_items_for(w.model, USERS, longer, DIM + 3, K, NULL, items[1], NULL, &error));
    ck_assert_int_eq(memcmp(items[0], items[1], sizeof items[0]), 0);
    close_world(&w);
}
END_TEST

static const char *write_folder;

START_TEST(write_tables)
{
    struct world  w = open_trained(_i / 2);
    const char   *endings[2] = {"users.npy", "items.npy"};
    int32_t       ids[USERS], items[USERS * K];
    static float  scores[USERS * K];
    char          where[4096];
    if (_i % 2)
        OK(adaptau_model_set_item_bias(w.model, NULL, &error));
    for (int side = 0; side < 2; side++) {
        snprintf(where, sizeof where, "%s/%d.%s", write_folder, _i, endings[side]);
        OK(adaptau_model_export_index(w.model, side, where, &error));
    }
    for (int u = 0; u < USERS; u++)
        ids[u] = u;
    OK(top_items(w.model, USERS, ids, K, NULL, items, scores, &error));
    snprintf(where, sizeof where, "%s/%d.top.txt", write_folder, _i);
    FILE *file = fopen(where, "w");
    ck_assert_ptr_nonnull(file);
    for (int p = 0; p < USERS * K; p++)
        fprintf(file, "%d %.9g\n", items[p], (double)scores[p]);
    fclose(file);
    close_world(&w);
}
END_TEST

int main(int n_arguments, char **arguments)
{
    Suite *suite = suite_create("top-K for embeddings");
    TCase *tests = tcase_create("top-K for embeddings");
    suite_add_tcase(suite, tests);
    if (n_arguments == 3 && strcmp(arguments[1], "--write") == 0) {
        write_folder = arguments[2];
        tcase_add_loop_test(tests, write_tables, 0, 2 * MODELS);
        return run_suite(suite);
    }
    tcase_add_loop_test(tests, users_of_the_model_get_what_they_get_by_id, 0, MODELS);
    tcase_add_loop_test(tests, allowed_items_come_in_the_order_of_all, 0, MODELS);
    tcase_add_loop_test(tests, length_does_not_matter_where_users_are_normalised, 0, 2);
    return run_suite(suite);
}
