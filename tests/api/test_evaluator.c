/* SPDX-License-Identifier: MIT */
/* Evaluation against a brute-force program (tests/reference/evaluator.py) and, on sizes of many tiles, against a full sort. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/evaluator_world.h"
#include "../support/reference.h"
#include "../support/suite.h"

/* ---- against the brute-force program ------------------------------------------------------------------------------- */

#define FIXTURE "evaluator.txt"

static double *read_entry(const char *name, const char *key, int *n)
{
    char full[128];
    snprintf(full, sizeof full, "%s/%s", name, key);
    return reference_read(FIXTURE, full, n);
}

static int32_t *read_integers(const char *name, const char *key, int *n)
{
    double  *values = read_entry(name, key, n);
    int32_t *integers = calloc((size_t)*n + 1, sizeof *integers);
    for (int i = 0; i < *n; i++)
        integers[i] = (int32_t)values[i];
    free(values);
    return integers;
}

static float *read_floats(const char *name, const char *key)
{
    char full[128];
    int  n;
    snprintf(full, sizeof full, "%s/%s", name, key);
    return reference_read_floats(FIXTURE, full, &n);
}

static adaptau_dataset *read_dataset(adaptau_context *context, const char *name, const char *key, const int32_t *shape)
{
    char             users_key[64], items_key[64];
    int              n;
    adaptau_dataset *dataset = NULL;
    snprintf(users_key, sizeof users_key, "%s_users", key);
    snprintf(items_key, sizeof items_key, "%s_items", key);
    int32_t *users = read_integers(name, users_key, &n), *items = read_integers(name, items_key, &n);
    OK(adaptau_dataset_create_from_interactions(context, shape[0], shape[1], n, users, items, NULL, &dataset, &error));
    free(users);
    free(items);
    return dataset;
}

/* Of the c-th cutoff, which is K. */
static void compare_cutoff(const adaptau_evaluator *evaluator, const char *name, int32_t c, int32_t cutoff)
{
    char    key[64];
    int     n;
    int32_t n_users = adaptau_evaluator_n_users(evaluator);
    float  *per_user = calloc((size_t)n_users, sizeof *per_user);
    double  per_group[4];
    snprintf(key, sizeof key, "per_user%d", c);
    double *expected = read_entry(name, key, &n);
    ck_assert_int_eq(n, ADAPTAU_N_METRICS * n_users);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        OK(adaptau_evaluator_per_user(evaluator, metric, cutoff, per_user, &error));
        for (int32_t i = 0; i < n_users; i++)
            ck_assert_double_eq_tol((double)per_user[i], expected[metric * n_users + i], 1e-7);
    }
    free(expected);
    free(per_user);
    snprintf(key, sizeof key, "mean%d", c);
    expected = read_entry(name, key, &n);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        ck_assert_double_eq_tol(mean_of(evaluator, metric, cutoff), expected[metric], 1e-14);
    free(expected);
    snprintf(key, sizeof key, "per_group%d", c);
    expected = read_entry(name, key, &n);
    for (int32_t metric = 0; metric <= ADAPTAU_METRIC_PRECISION; metric++) {
        double sum = 0.0;
        OK(adaptau_evaluator_per_group(evaluator, metric, cutoff, per_group, &error));
        for (int g = 0; g < 4; g++) {
            ck_assert_double_eq_tol(per_group[g], expected[metric * 4 + g], 1e-14);
            sum += per_group[g];
        }
        ck_assert_double_eq_tol(sum, mean_of(evaluator, metric, cutoff), 1e-14);
    }
    free(expected);
}

static void compare_case(adaptau_context *context, const char *name, uint32_t flags)
{
    int                    n, n_cutoffs, n_counted;
    int32_t               *shape = read_integers(name, "shape", &n), *cutoffs = read_integers(name, "cutoffs", &n_cutoffs);
    int32_t               *groups = read_integers(name, "groups", &n), *counted = read_integers(name, "counted", &n_counted);
    float                 *users = read_floats(name, "users"), *items = read_floats(name, "items");
    adaptau_dataset       *held_out = read_dataset(context, name, "held_out", shape), *masks[2];
    const adaptau_dataset *const_masks[2];
    ck_assert_int_eq(shape[3], 4);
    for (int q = 0; q < shape[4]; q++)
        const_masks[q] = masks[q] = read_dataset(context, name, q ? "mask1" : "mask0", shape);
    adaptau_evaluator *evaluator = make_evaluator(context, held_out,
                                                  (adaptau_evaluator_options){.n_cutoffs = n_cutoffs,
                                                                              .cutoffs = cutoffs,
                                                                              .n_masks = shape[4],
                                                                              .n_groups = shape[3],
                                                                              .masks = const_masks,
                                                                              .item_groups = groups});
    adaptau_tables     tables = {.struct_size = sizeof tables,
                                 .flags = flags,
                                 .n_users = shape[0],
                                 .n_items = shape[1],
                                 .dim = shape[2],
                                 .users = users,
                                 .items = items};
    const_masks[0] = NULL; /* and everything else that the options point to may go                              */
    const int32_t first_cutoff = cutoffs[0];
    cutoffs[0] = groups[0] = 99;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert_int_eq(adaptau_evaluator_n_users(evaluator), n_counted);
    ck_assert_mem_eq(adaptau_evaluator_users(evaluator), counted, (size_t)n_counted * sizeof *counted);
    for (int32_t c = 0; c < n_cutoffs; c++)
        compare_cutoff(evaluator, name, c, c == 0 ? first_cutoff : cutoffs[c]);
    adaptau_evaluator_destroy(evaluator);
    for (int q = 0; q < shape[4]; q++)
        adaptau_dataset_destroy(masks[q]);
    adaptau_dataset_destroy(held_out);
    free(users);
    free(items);
    free(shape);
    free(cutoffs);
    free(groups);
    free(counted);
}

START_TEST(agrees_with_brute_force_on_ties_and_masks)
{
    static const int32_t backends[] = {ADAPTAU_BACKEND_REFERENCE, ADAPTAU_BACKEND_AUTO};
    for (int k = 0; k < 2; k++) {
        adaptau_context *context = make_context(backends[k], 1 + k);
        compare_case(context, "raw", 0);
        adaptau_context_destroy(context);
    }
}
END_TEST

START_TEST(agrees_with_brute_force_on_cosines_with_zero_rows)
{
    static const int32_t backends[] = {ADAPTAU_BACKEND_REFERENCE, ADAPTAU_BACKEND_AUTO};
    for (int k = 0; k < 2; k++) {
        adaptau_context *context = make_context(backends[k], 1 + k);
        compare_case(context, "cosine", ADAPTAU_NORMALISE_BOTH);
        adaptau_context_destroy(context);
    }
}
END_TEST

/* ---- many tiles, against a full sort ---------------------------------------------------------------------------------- */

struct cell {
    double  score;
    int32_t item;
};

static int compare_cells(const void *left, const void *right)
{
    const struct cell *a = left, *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->item < b->item ? -1 : 1;
}

static int32_t rank_all(int32_t user, struct cell cells[ITEMS])
{
    int32_t n = 0;
    for (int32_t i = 0; i < ITEMS; i++) {
        double score = 0.0;
        for (int k = 0; k < DIM; k++)
            score += (double)world.users[user * STRIDE + k] * (double)world.items[i * STRIDE + k];
        if (!world.masked[user][i])
            cells[n++] = (struct cell){score, i};
    }
    qsort(cells, (size_t)n, sizeof *cells, compare_cells);
    return n;
}

/* NDCG and recall of one user from a full ranking: between them they see every hit and its rank. */
static void expect_user(int32_t user, int32_t cutoff, float recall, float ndcg)
{
    struct cell cells[ITEMS];
    int32_t     n = rank_all(user, cells), held_out = 0, hits = 0;
    double      gain = 0.0, ideal = 0.0;
    for (int32_t i = 0; i < ITEMS; i++)
        held_out += world.wanted[user][i];
    for (int32_t r = 0; r < n && r < cutoff; r++)
        if (world.wanted[user][cells[r].item]) {
            hits++;
            gain += 1.0 / log2(r + 2.0);
        }
    for (int32_t r = 0; r < held_out && r < cutoff; r++)
        ideal += 1.0 / log2(r + 2.0);
    ck_assert_double_eq_tol((double)recall, (double)hits / held_out, 1e-7);
    ck_assert_double_eq_tol((double)ndcg, gain / ideal, 1e-7);
}

static void expect_world(const adaptau_evaluator *evaluator, const int32_t *cutoffs, int32_t n_cutoffs)
{
    int32_t        n = adaptau_evaluator_n_users(evaluator);
    const int32_t *users = adaptau_evaluator_users(evaluator);
    float         *recall = malloc((size_t)n * sizeof *recall), *ndcg = malloc((size_t)n * sizeof *ndcg);
    for (int32_t c = 0; c < n_cutoffs; c++) {
        OK(adaptau_evaluator_per_user(evaluator, ADAPTAU_METRIC_RECALL, cutoffs[c], recall, &error));
        OK(adaptau_evaluator_per_user(evaluator, ADAPTAU_METRIC_NDCG, cutoffs[c], ndcg, &error));
        for (int32_t i = 0; i < n; i++)
            expect_user(users[i], cutoffs[c], recall[i], ndcg[i]);
    }
    free(recall);
    free(ndcg);
}

START_TEST(agrees_with_a_full_sort_over_many_tiles)
{
    static const int32_t all_cutoffs[] = {1, 20, 100, 65536};
    static const int32_t backends[] = {ADAPTAU_BACKEND_REFERENCE, ADAPTAU_BACKEND_AUTO};
    for (int k = 0; k < 2; k++) {
        open_world(make_context(backends[k], 2));
        const adaptau_dataset *masks[] = {world.train, world.train};
        adaptau_tables         tables = world_tables();
        for (int32_t n_cutoffs = 2; n_cutoffs <= 4; n_cutoffs += 2) {
            adaptau_evaluator *evaluator = make_evaluator(
                world.context, world.held_out,
                (adaptau_evaluator_options){.n_cutoffs = n_cutoffs, .cutoffs = all_cutoffs, .n_masks = 2, .masks = masks});
            OK(adaptau_evaluator_run(evaluator, &tables, &error));
            expect_world(evaluator, all_cutoffs, n_cutoffs);
            adaptau_evaluator_destroy(evaluator);
        }
        close_world();
    }
}
END_TEST

/* Rows of any length, so that sums round: still the same bits whatever the number of threads. */
START_TEST(results_do_not_depend_on_threads)
{
    static float  expected[USERS * ADAPTAU_N_METRICS], found[USERS * ADAPTAU_N_METRICS];
    static double expected_means[ADAPTAU_N_METRICS];
    for (int32_t threads = 1; threads <= 7; threads++) {
        open_world(make_context(ADAPTAU_BACKEND_AUTO, threads));
        for (int k = 0; k < USERS * STRIDE; k++)
            world.users[k] *= 0.37f + (float)draw(1000) * 1e-3f;
        const adaptau_dataset *masks[] = {world.train};
        adaptau_evaluator     *evaluator =
            make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){.n_masks = 1, .masks = masks});
        adaptau_tables tables = world_tables();
        tables.flags = ADAPTAU_NORMALISE_BOTH;
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
        int32_t n = adaptau_evaluator_n_users(evaluator);
        for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
            double mean = mean_of(evaluator, metric, 20);
            OK(adaptau_evaluator_per_user(evaluator, metric, 20, found + metric * n, &error));
            if (threads == 1)
                expected_means[metric] = mean;
            ck_assert_mem_eq(&mean, &expected_means[metric], sizeof mean);
        }
        if (threads == 1)
            memcpy(expected, found, sizeof found);
        ck_assert_mem_eq(found, expected, sizeof found);
        adaptau_evaluator_destroy(evaluator);
        close_world();
    }
}
END_TEST

static void normalise(float *rows, int n)
{
    for (int r = 0; r < n; r++) {
        double squares = 0.0;
        for (int k = 0; k < DIM; k++)
            squares += (double)rows[r * STRIDE + k] * (double)rows[r * STRIDE + k];
        for (int k = 0; k < DIM && squares > 0.0; k++)
            rows[r * STRIDE + k] = (float)(rows[r * STRIDE + k] / sqrt(squares));
    }
}

/* Each side alone: normalising users changes no ranking; normalising items is what normalising beforehand is. */
START_TEST(each_side_is_normalised_as_its_flag_says)
{
    double raw, users_only, items_only, unit;
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] += 0.01f * (float)draw(100);
    for (int k = 0; k < ITEMS * STRIDE; k++)
        world.items[k] += 0.01f * (float)draw(100);
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    raw = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20);
    tables.flags = ADAPTAU_NORMALISE_USERS;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    users_only = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20);
    tables.flags = ADAPTAU_NORMALISE_ITEMS;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    items_only = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20);
    normalise(world.users, USERS);
    normalise(world.items, ITEMS);
    tables.flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    unit = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 20);
    ck_assert_double_eq_tol(users_only, raw, 1e-5);
    ck_assert_double_eq_tol(unit, items_only, 1e-5);
    ck_assert(fabs(items_only - raw) > 1e-4);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("evaluator");
    TCase *tests = tcase_create("evaluator");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, agrees_with_brute_force_on_ties_and_masks);
    tcase_add_test(tests, agrees_with_brute_force_on_cosines_with_zero_rows);
    tcase_add_test(tests, agrees_with_a_full_sort_over_many_tiles);
    tcase_add_test(tests, results_do_not_depend_on_threads);
    tcase_add_test(tests, each_side_is_normalised_as_its_flag_says);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
