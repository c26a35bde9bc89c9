/* SPDX-License-Identifier: MIT */
/* Which lengths rows have: raw rows that stay on the unit sphere under an encoder, and items that are ranked by inner products
 * where training normalises. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"

#define UNIT ADAPTAU_MODEL_UNIT_RAW_ROWS
#define RANK ADAPTAU_MODEL_RANK_RAW
#define RAW (ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS)

static struct world open_encoder(int32_t encoder, uint32_t flags, int32_t init)
{
    adaptau_model_options options = {.encoder = encoder,
                                     .flags = flags,
                                     .init = init,
                                     .seed = 5,
                                     .learning_rate_users = 0.05,
                                     .learning_rate_items = 0.05};
    return open_world((adaptau_context_options){.n_threads = 2}, options,
                      (adaptau_sampler_options){.flags = ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM}, (adaptau_temperature_options){0});
}

static double length(const float *row)
{
    double squares = 0.0;
    for (int k = 0; k < DIM; k++)
        squares += (double)row[k] * row[k];
    return sqrt(squares);
}

static double worst_length(const float *rows, int64_t stride, int n)
{
    double worst = 0.0;
    for (int r = 0; r < n; r++) {
        const double off = fabs(length(rows + r * (stride ? stride : DIM)) - 1.0);
        if (!(off <= worst)) /* a NaN is the worst                                                           */
            worst = off;
    }
    return worst;
}

static double worst_raw_length(const adaptau_model *model)
{
    adaptau_tables raw = raw_tables_of(model);
    return fmax(worst_length(raw.users, raw.user_stride, USERS), worst_length(raw.items, raw.item_stride, ITEMS));
}

/* ---- raw rows ------------------------------------------------------------------------------------------------------- */

static const struct {
    int32_t  encoder;
    uint32_t sides;
} encoders[] = {{ADAPTAU_ENCODER_LIGHTGCN, 0},
                {ADAPTAU_ENCODER_LIGHTGCN, RAW},
                {ADAPTAU_ENCODER_LIGHTGCN, ADAPTAU_MODEL_RAW_ITEMS},
                {ADAPTAU_ENCODER_SIMPLEX, 0}};

START_TEST(raw_rows_stay_on_the_sphere_and_finals_do_not)
{
    static const int32_t inits[] = {ADAPTAU_INIT_SPHERE, ADAPTAU_INIT_XAVIER, ADAPTAU_INIT_SPECTRAL};
    for (size_t i = 0; i < 3; i++) {
        struct world w = open_encoder(encoders[_i].encoder, encoders[_i].sides | UNIT, inits[i]);
        ck_assert(worst_raw_length(w.model) < 1e-6);
        train(&w, 2);
        ck_assert(worst_raw_length(w.model) < 1e-6);
        adaptau_tables final = tables_of(w.model);
        ck_assert_int_eq(final.flags & ADAPTAU_UNIT_ROWS, 0);
        ck_assert(worst_length(final.users, final.user_stride, USERS) > 0.01);
        close_world(&w);
    }
}
END_TEST

START_TEST(training_learns_on_the_sphere)
{
    struct world w = open_encoder(encoders[_i].encoder, encoders[_i].sides | UNIT, ADAPTAU_INIT_SPHERE);
    double       first = train(&w, 1), last = train(&w, 15);
    ck_assert_msg(last < first - 0.1, "%g -> %g", first, last);
    close_world(&w);
}
END_TEST

/* By the graph, users outside the batch too. What Adam does on the sphere is proved in test_model_step.c. */
START_TEST(a_step_turns_every_row_a_little)
{
    struct world  w = open_encoder(ADAPTAU_ENCODER_LIGHTGCN, UNIT, ADAPTAU_INIT_SPHERE);
    adaptau_batch batch = {.struct_size = sizeof batch};
    adaptau_step  step = {.struct_size = sizeof step};
    float         before[USERS][DIM];
    for (int u = 0; u < USERS; u++)
        memcpy(before[u], raw_tables_of(w.model).users + (size_t)u * DIM, sizeof before[u]);
    OK(adaptau_model_update_temperature(w.model, w.temperature, &error));
    OK(adaptau_sampler_begin_epoch(w.sampler, 0, &error));
    OK(adaptau_sampler_next(w.sampler, &batch, &error));
    OK(adaptau_model_gradients(w.model, &batch, w.temperature, &step, &error));
    OK(adaptau_model_apply(w.model, &error));
    for (int u = 0; u < USERS; u++) {
        const float *after = raw_tables_of(w.model).users + (size_t)u * DIM;
        double       squares = 0.0, dot = 0.0;
        for (int k = 0; k < DIM; k++) {
            squares += pow((double)after[k] - before[u][k], 2);
            dot += (double)after[k] * before[u][k];
        }
        ck_assert(squares > 1e-6);
        ck_assert(dot > 0.9 && fabs(length(after) - 1.0) < 1e-6);
    }
    close_world(&w);
}
END_TEST

START_TEST(mf_has_no_raw_rows_of_its_own)
{
    struct world          w = open_default();
    adaptau_model        *model = NULL;
    adaptau_model_options options = full_model_options((adaptau_model_options){.flags = UNIT, .dim = DIM});
    ck_assert_int_eq(adaptau_model_create(w.context, w.data, &options, &model, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_ptr_nonnull(strstr(error.message, "ADAPTAU_MODEL_UNIT_RAW_ROWS"));
    ck_assert_ptr_null(model);
    close_world(&w);
}
END_TEST

/* ---- ranking ---------------------------------------------------------------------------------------------------------- */

/* The k items with the largest inner products, by sorting. */
static void best_by_hand(const adaptau_tables *t, int32_t user, int32_t k, int32_t *out)
{
    double scores[ITEMS];
    for (int i = 0; i < ITEMS; i++) {
        scores[i] = 0.0;
        for (int d = 0; d < DIM; d++)
            scores[i] += (double)t->users[user * DIM + d] * t->items[i * DIM + d];
    }
    for (int32_t r = 0; r < k; r++) {
        int best = 0;
        for (int i = 1; i < ITEMS; i++)
            if (scores[i] > scores[best])
                best = i;
        out[r] = best;
        scores[best] = -INFINITY;
    }
}

#define K 10

static void ranks_by_inner_products(const adaptau_model *model)
{
    adaptau_tables tables = tables_of(model);
    ck_assert_int_eq(tables.flags & (ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS), 0);
    for (int32_t user = 0; user < USERS; user += 7) {
        int32_t by_hand[K], items[K];
        best_by_hand(&tables, user, K, by_hand);
        OK(top_items(model, 1, &user, K, NULL, items, NULL, &error));
        ck_assert_mem_eq(items, by_hand, sizeof items);
        OK(top_items_for(model, 1, tables.users + (size_t)user * DIM, 0, K, NULL, items, NULL, &error));
        ck_assert_mem_eq(items, by_hand, sizeof items);
    }
}

/* All that is learned is what it is without the flag, bit for bit; only the ranking is another. */
START_TEST(ranking_raw_changes_the_ranking_alone)
{
    static const int32_t kinds[] = {ADAPTAU_ENCODER_MF, ADAPTAU_ENCODER_LIGHTGCN, ADAPTAU_ENCODER_SIMPLEX};
    const uint32_t       length_flag = kinds[_i] == ADAPTAU_ENCODER_MF ? ADAPTAU_MODEL_FREE_LENGTH : UNIT;
    struct world         w = open_encoder(kinds[_i], length_flag | RANK, ADAPTAU_INIT_SPHERE);
    struct world         usual = open_encoder(kinds[_i], length_flag, ADAPTAU_INIT_SPHERE);
    adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 3});
    ck_assert(train(&w, 3) == train(&usual, 3));
    OK(adaptau_model_update_targets(w.model, w.data, w.temperature, &targets, &error));
    OK(adaptau_model_update_targets(usual.model, usual.data, usual.temperature, &targets, &error));
    ck_assert(train(&w, 2) == train(&usual, 2));
    adaptau_temperature_state a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    OK(adaptau_temperature_get_state(w.temperature, &a, &error));
    OK(adaptau_temperature_get_state(usual.temperature, &b, &error));
    ck_assert(a.tau0 == b.tau0);
    ck_assert_mem_eq(tables_of(w.model).items, tables_of(usual.model).items, sizeof(float) * ITEMS * DIM);
    ck_assert_int_eq(tables_of(usual.model).flags & ADAPTAU_NORMALISE_BOTH, ADAPTAU_NORMALISE_BOTH);
    ranks_by_inner_products(w.model);

    adaptau_fold_in        *fold = NULL, *usual_fold = NULL;
    adaptau_fold_in_options folding = full_fold_in_options(w.model, (adaptau_fold_in_options){.tau = 0.2});
    OK(adaptau_fold_in_create(w.model, w.data, &folding, &fold, &error));
    OK(adaptau_fold_in_create(usual.model, usual.data, &folding, &usual_fold, &error));
    const int64_t ptr[] = {0, 3};
    const int32_t items[] = {1, 5, 9};
    float         one[DIM], other[DIM];
    OK(adaptau_fold_in_users(fold, 1, ptr, items, NULL, one, NULL, &error));
    OK(adaptau_fold_in_users(usual_fold, 1, ptr, items, NULL, other, NULL, &error));
    ck_assert_mem_eq(one, other, sizeof one);
    adaptau_fold_in_destroy(fold);
    adaptau_fold_in_destroy(usual_fold);
    close_world(&w);
    close_world(&usual);
}
END_TEST

/* ---- files ------------------------------------------------------------------------------------------------------------ */

START_TEST(files_and_checkpoints_keep_both)
{
    struct world   w = open_encoder(ADAPTAU_ENCODER_LIGHTGCN, UNIT | RANK, ADAPTAU_INIT_SPHERE);
    adaptau_model *model = NULL;
    train(&w, 2);
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_load(w.context, path, &model, &error));
    ranks_by_inner_products(model);
    ck_assert_mem_eq(raw_tables_of(model).users, raw_tables_of(w.model).users, sizeof(float) * USERS * DIM);
    ck_assert_mem_eq(tables_of(model).users, tables_of(w.model).users, sizeof(float) * USERS * DIM);
    adaptau_model_destroy(model);

    adaptau_temperature *temperature = NULL;
    OK(adaptau_model_save_checkpoint(w.model, w.temperature, NULL, path, &error));
    OK(adaptau_model_load_checkpoint(w.context, w.data, path, &model, &temperature, NULL, &error));
    ranks_by_inner_products(model);
    struct world resumed = w;
    resumed.model = model;
    resumed.temperature = temperature;
    ck_assert(train(&resumed, 1) == train(&w, 1));
    ck_assert(worst_raw_length(model) < 1e-6);
    ck_assert_mem_eq(raw_tables_of(model).items, raw_tables_of(w.model).items, sizeof(float) * ITEMS * DIM);
    adaptau_model_destroy(model);
    adaptau_temperature_destroy(temperature);
    close_world(&w);
}
END_TEST

/* Rows of an index are what inner products are taken of. */
START_TEST(an_index_gets_rows_as_they_are)
{
    struct world w = open_encoder(ADAPTAU_ENCODER_LIGHTGCN, UNIT | (_i ? RANK : 0), ADAPTAU_INIT_SPHERE);
    float        row[DIM];
    train(&w, 1);
    OK(adaptau_model_export_index(w.model, ADAPTAU_SIDE_ITEMS, path, &error));
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, -(long)sizeof row, SEEK_END), 0); /* the last item's */
    ck_assert(fread(row, sizeof row, 1, file) == 1);
    ck_assert_int_eq(fclose(file), 0);
    const float *final = tables_of(w.model).items + (size_t)(ITEMS - 1) * DIM;
    if (_i)
        ck_assert_mem_eq(row, final, sizeof row);
    else
        ck_assert(fabs(length(row) - 1.0) < 1e-6 && fabs(length(final) - 1.0) > 1e-3);
    close_world(&w);
}
END_TEST

/* The value of a key in a file, overwritten by another of the same length. */
static void overwrite(const char *old, const char *fresh)
{
    char  bytes[8192];
    FILE *file = fopen(path, "r+b");
    ck_assert_ptr_nonnull(file);
    size_t n = fread(bytes, 1, sizeof bytes - 1, file), at = 8;
    while (at + strlen(old) <= n && memcmp(bytes + at, old, strlen(old)) != 0)
        at++;
    ck_assert(at + strlen(old) <= n);
    ck_assert_int_eq(fseek(file, (long)at, SEEK_SET), 0);
    ck_assert(fwrite(fresh, 1, strlen(old), file) == strlen(old));
    ck_assert_int_eq(fclose(file), 0);
}

START_TEST(a_value_of_a_later_version_is_refused)
{
    static const char *const words[2][2] = {{"\"unit\"", "\"ball\""}, {"\"inner_product\"", "\"inner_distance"}};
    struct world   w = open_encoder(ADAPTAU_ENCODER_LIGHTGCN, UNIT | RANK, ADAPTAU_INIT_SPHERE);
    adaptau_model *model = NULL;
    char           fresh[32];
    snprintf(fresh, sizeof fresh, "%s", words[_i][1]);
    fresh[strlen(words[_i][0]) - 1] = '"';
    OK(adaptau_model_save(w.model, path, &error));
    overwrite(words[_i][0], fresh);
    ck_assert_int_eq(adaptau_model_load(w.context, path, &model, &error), ADAPTAU_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.message, _i ? "adaptau.ranking" : "adaptau.raw_rows"));
    close_world(&w);
}
END_TEST

START_TEST(a_file_of_mf_has_no_raw_rows)
{
    struct world   w = open_encoder(ADAPTAU_ENCODER_LIGHTGCN, UNIT, ADAPTAU_INIT_SPHERE);
    adaptau_model *model = NULL;
    OK(adaptau_model_save(w.model, path, &error));
    overwrite("\"lightgcn\"", "\"mf\"      ");
    ck_assert_int_eq(adaptau_model_load(w.context, path, &model, &error), ADAPTAU_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.message, "adaptau.raw_rows goes with an encoder"));
    close_world(&w);
}
END_TEST

/* New users and items begin on the sphere, and go on there. */
START_TEST(a_model_grows_on_the_sphere)
{
    struct world     w = open_encoder(ADAPTAU_ENCODER_LIGHTGCN, UNIT | RANK, ADAPTAU_INIT_SPHERE);
    adaptau_model   *model = NULL;
    adaptau_dataset *larger = NULL;
    const int32_t    users[] = {USERS, USERS, 0}, items[] = {1, 2, ITEMS};
    train(&w, 1);
    OK(adaptau_dataset_create_from_interactions(w.context, USERS + 1, ITEMS + 1, 3, users, items, NULL, &larger, &error));
    OK(adaptau_model_grow(w.model, larger, NULL, &model, &error));
    adaptau_tables raw = raw_tables_of(model);
    ck_assert(worst_length(raw.users, raw.user_stride, USERS + 1) < 1e-6);
    ck_assert(worst_length(raw.items, raw.item_stride, ITEMS + 1) < 1e-6);
    ck_assert_int_eq(tables_of(model).flags & ADAPTAU_NORMALISE_BOTH, 0);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(larger);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lengths");
    TCase *tests = tcase_create("lengths");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, raw_rows_stay_on_the_sphere_and_finals_do_not, 0, 4);
    tcase_add_loop_test(tests, training_learns_on_the_sphere, 0, 4);
    tcase_add_test(tests, a_step_turns_every_row_a_little);
    tcase_add_test(tests, mf_has_no_raw_rows_of_its_own);
    tcase_add_loop_test(tests, ranking_raw_changes_the_ranking_alone, 0, 3);
    tcase_add_test(tests, files_and_checkpoints_keep_both);
    tcase_add_loop_test(tests, an_index_gets_rows_as_they_are, 0, 2);
    tcase_add_loop_test(tests, a_value_of_a_later_version_is_refused, 0, 2);
    tcase_add_test(tests, a_file_of_mf_has_no_raw_rows);
    tcase_add_test(tests, a_model_grows_on_the_sphere);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
