/* SPDX-License-Identifier: MIT */
/* Evaluation against a brute-force program (tests/reference/evaluator.py) and, on sizes of many tiles, against a full sort
 * here; results of failed runs; bad input. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "../support/reference.h"

static adaptau_error error;

#define OK(call) ck_assert_msg((call) == ADAPTAU_OK, "%s", error.message)

static uint32_t random_state;

static int32_t draw(int32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int32_t)((uint64_t)(random_state >> 8) * (uint64_t)n >> 24);
}

static adaptau_context *make_context(int32_t backend, int32_t threads)
{
    adaptau_context_options options = {.struct_size = sizeof options, .backend = backend, .n_threads = threads};
    adaptau_context        *context = NULL;
    OK(adaptau_context_create(&options, &context, &error));
    return context;
}

static adaptau_evaluator *make_evaluator(adaptau_context *context, const adaptau_dataset *held_out,
                                         adaptau_evaluator_options options)
{
    adaptau_evaluator *evaluator = NULL;
    options.struct_size = sizeof options;
    OK(adaptau_evaluator_create(context, held_out, &options, &evaluator, &error));
    return evaluator;
}

static double mean_of(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff)
{
    double mean = NAN;
    OK(adaptau_evaluator_mean(evaluator, metric, cutoff, &mean, &error));
    return mean;
}

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
    int     n;
    double *values = read_entry(name, key, &n);
    float  *floats = calloc((size_t)n + 1, sizeof *floats);
    for (int i = 0; i < n; i++)
        floats[i] = (float)values[i];
    free(values);
    return floats;
}

static adaptau_dataset *read_dataset(adaptau_context *context, const char *name, const char *key, const int32_t *shape)
{
    char             users_key[64], items_key[64];
    int              n;
    adaptau_dataset *dataset = NULL;
    snprintf(users_key, sizeof users_key, "%s_users", key);
    snprintf(items_key, sizeof items_key, "%s_items", key);
    int32_t *users = read_integers(name, users_key, &n), *items = read_integers(name, items_key, &n);
    OK(adaptau_dataset_create_from_pairs(context, shape[0], shape[1], n, users, items, &dataset, &error));
    free(users);
    free(items);
    return dataset;
}

static void compare_cutoff(const adaptau_evaluator *evaluator, const char *name, int32_t cutoff)
{
    char    key[64];
    int     n;
    int32_t n_users = adaptau_evaluator_n_users(evaluator);
    float  *per_user = calloc((size_t)n_users, sizeof *per_user);
    double  per_group[4];
    snprintf(key, sizeof key, "per_user%d", cutoff);
    double *expected = read_entry(name, key, &n);
    ck_assert_int_eq(n, ADAPTAU_N_METRICS * n_users);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        OK(adaptau_evaluator_per_user(evaluator, metric, cutoff, per_user, &error));
        for (int32_t i = 0; i < n_users; i++)
            ck_assert_double_eq_tol((double)per_user[i], expected[metric * n_users + i], 1e-7);
    }
    free(expected);
    free(per_user);
    snprintf(key, sizeof key, "mean%d", cutoff);
    expected = read_entry(name, key, &n);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        ck_assert_double_eq_tol(mean_of(evaluator, metric, cutoff), expected[metric], 1e-14);
    free(expected);
    snprintf(key, sizeof key, "per_group%d", cutoff);
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
    cutoffs[0] = groups[0] = 99;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert_int_eq(adaptau_evaluator_n_users(evaluator), n_counted);
    ck_assert_mem_eq(adaptau_evaluator_users(evaluator), counted, (size_t)n_counted * sizeof *counted);
    for (int32_t c = 0; c < n_cutoffs; c++)
        compare_cutoff(evaluator, name, c);
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

enum { USERS = 331, ITEMS = 1013, DIM = 11, STRIDE = 13 };

struct world {
    adaptau_context *context;
    adaptau_dataset *held_out, *train;
    float            users[USERS * STRIDE], items[ITEMS * STRIDE];
    char             masked[USERS][ITEMS], wanted[USERS][ITEMS];
};

static struct world world;

static adaptau_dataset *draw_dataset(adaptau_context *context, char has[USERS][ITEMS], int32_t per_user)
{
    int32_t         *users = malloc(USERS * ITEMS * sizeof *users), *items = malloc(USERS * ITEMS * sizeof *items);
    int64_t          n = 0;
    adaptau_dataset *dataset = NULL;
    memset(has, 0, USERS * ITEMS);
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t left = draw(10) ? draw(2 * per_user) : 0; left > 0; left--)
            has[u][draw(ITEMS)] = 1;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS; i++)
            if (has[u][i]) {
                users[n] = u;
                items[n++] = i;
            }
    OK(adaptau_dataset_create_from_pairs(context, USERS, ITEMS, n, users, items, &dataset, &error));
    free(users);
    free(items);
    return dataset;
}

/* Small integers: scores are exact, and mostly tied. */
static void open_world(adaptau_context *context)
{
    random_state = 17;
    world.context = context;
    world.held_out = draw_dataset(context, world.wanted, 9);
    world.train = draw_dataset(context, world.masked, 40);
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] = (float)(draw(7) - 3);
    for (int k = 0; k < ITEMS * STRIDE; k++)
        world.items[k] = (float)(draw(7) - 3);
}

static void close_world(void)
{
    adaptau_dataset_destroy(world.held_out);
    adaptau_dataset_destroy(world.train);
    adaptau_context_destroy(world.context);
}

static adaptau_tables world_tables(void)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .n_users = USERS,
                            .n_items = ITEMS,
                            .dim = DIM,
                            .users = world.users,
                            .user_stride = STRIDE,
                            .items = world.items,
                            .item_stride = STRIDE};
}

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
        OK(adaptau_evaluator_per_user(evaluator, ADAPTAU_METRIC_RECALL, c, recall, &error));
        OK(adaptau_evaluator_per_user(evaluator, ADAPTAU_METRIC_NDCG, c, ndcg, &error));
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
            double mean = mean_of(evaluator, metric, 0);
            OK(adaptau_evaluator_per_user(evaluator, metric, 0, found + metric * n, &error));
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
    raw = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0);
    tables.flags = ADAPTAU_NORMALISE_USERS;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    users_only = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0);
    tables.flags = ADAPTAU_NORMALISE_ITEMS;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    items_only = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0);
    normalise(world.users, USERS);
    normalise(world.items, ITEMS);
    tables.flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    unit = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0);
    ck_assert_double_eq_tol(users_only, raw, 1e-5);
    ck_assert_double_eq_tol(unit, items_only, 1e-5);
    ck_assert(fabs(items_only - raw) > 1e-4);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

/* ---- failed runs --------------------------------------------------------------------------------------------------- */

static void expect_failure(adaptau_evaluator *evaluator, const adaptau_tables *tables, adaptau_status wanted,
                           const char *message)
{
    double before[ADAPTAU_N_METRICS];
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        before[metric] = mean_of(evaluator, metric, 0);
    adaptau_status status = adaptau_evaluator_run(evaluator, tables, &error);
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    if (message)
        ck_assert_str_eq(error.message, message);
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        double after = mean_of(evaluator, metric, 0);
        ck_assert_mem_eq(&after, &before[metric], sizeof after);
    }
}

START_TEST(names_the_first_row_that_is_not_finite_and_keeps_the_results)
{
    static const uint32_t flags[] = {0, ADAPTAU_NORMALISE_BOTH, ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS};
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    world.users[2 * STRIDE + DIM] = NAN; /* between the rows: not part of the table                              */
    for (int k = 0; k < 3; k++) {
        tables.flags = flags[k];
        world.items[900 * STRIDE + 3] = INFINITY;
        world.items[901 * STRIDE] = NAN;
        expect_failure(evaluator, &tables, ADAPTAU_E_NUMERIC, "items[900] is not finite");
        world.users[12 * STRIDE + DIM - 1] = NAN;
        expect_failure(evaluator, &tables, ADAPTAU_E_NUMERIC, "users[12] is not finite");
        world.users[12 * STRIDE + DIM - 1] = 1.0f;
        world.items[900 * STRIDE + 3] = world.items[901 * STRIDE] = 1.0f;
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
    }
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

START_TEST(rejects_tables_that_do_not_fit)
{
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    tables.n_users--;
    expect_failure(evaluator, &tables, ADAPTAU_E_SHAPE, "tables->n_users = 330, but held_out has 331 users");
    tables = world_tables();
    tables.n_items++;
    expect_failure(evaluator, &tables, ADAPTAU_E_SHAPE, "tables->n_items = 1014, but held_out has 1013 items");
    tables = world_tables();
    tables.item_stride = DIM - 1;
    expect_failure(evaluator, &tables, ADAPTAU_E_SHAPE, NULL);
    tables = world_tables();
    tables.dim = 0;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables.dim = ADAPTAU_MAX_DIM + 1;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables = world_tables();
    tables.flags = 8;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables = world_tables();
    tables.users = NULL;
    expect_failure(evaluator, &tables, ADAPTAU_E_ARGUMENT, NULL);
    tables = world_tables();
    tables.struct_size = 8;
    expect_failure(evaluator, &tables, ADAPTAU_E_ABI, NULL);
    expect_failure(evaluator, NULL, ADAPTAU_E_ARGUMENT, "tables is NULL");
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

/* Scores beyond float32 are infinite or, infinity less infinity, NaN: ranked first or not at all, and nothing breaks. */
START_TEST(scores_that_overflow_stay_defined)
{
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 2));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    for (int k = 0; k < ITEMS * STRIDE; k++)
        world.items[k] *= 3e37f;
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] *= 3e37f;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        ck_assert(mean_of(evaluator, metric, 0) >= 0.0 && mean_of(evaluator, metric, 0) <= 1.0);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

/* ---- bad options --------------------------------------------------------------------------------------------------- */

static void reject(adaptau_evaluator_options options, adaptau_status wanted, const char *message)
{
    adaptau_evaluator *untouched = (adaptau_evaluator *)&error, *out = untouched;
    options.struct_size = sizeof options;
    adaptau_status status = adaptau_evaluator_create(world.context, world.held_out, &options, &out, &error);
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    ck_assert_str_eq(error.message, message);
    ck_assert_ptr_eq(out, untouched);
}

START_TEST(rejects_bad_cutoffs)
{
    static const int32_t zero[] = {0, 5}, above[] = {5, 65537}, falling[] = {5, 10, 7}, repeated[] = {5, 5};
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    reject((adaptau_evaluator_options){.n_cutoffs = 2, .cutoffs = zero}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[0] = 0 is outside 1 ... 65536");
    reject((adaptau_evaluator_options){.n_cutoffs = 2, .cutoffs = above}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[1] = 65537 is outside 1 ... 65536");
    reject((adaptau_evaluator_options){.n_cutoffs = 3, .cutoffs = falling}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[2] = 7 comes after 10: not ascending");
    reject((adaptau_evaluator_options){.n_cutoffs = 2, .cutoffs = repeated}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs[1] = 5 comes after 5: not ascending");
    reject((adaptau_evaluator_options){.n_cutoffs = 2}, ADAPTAU_E_ARGUMENT,
           "options->cutoffs is NULL, but options->n_cutoffs = 2");
    reject((adaptau_evaluator_options){.n_cutoffs = -1}, ADAPTAU_E_ARGUMENT, "options->n_cutoffs = -1 is negative");
    close_world();
}
END_TEST

START_TEST(rejects_bad_masks_and_groups)
{
    int32_t                groups[ITEMS] = {0};
    adaptau_dataset       *other = NULL;
    const adaptau_dataset *masks[2];
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    OK(adaptau_dataset_create_from_pairs(world.context, USERS, ITEMS + 1, 0, NULL, NULL, &other, &error));
    masks[0] = world.train;
    masks[1] = other;
    reject((adaptau_evaluator_options){.n_masks = 2, .masks = masks}, ADAPTAU_E_SHAPE,
           "options->masks[1] is of 331 users x 1014 items, but held_out of 331 x 1013");
    masks[1] = NULL;
    reject((adaptau_evaluator_options){.n_masks = 2, .masks = masks}, ADAPTAU_E_ARGUMENT, "options->masks[1] is NULL");
    reject((adaptau_evaluator_options){.n_masks = 2}, ADAPTAU_E_ARGUMENT,
           "options->masks is NULL, but options->n_masks = 2");
    reject((adaptau_evaluator_options){.n_masks = -2}, ADAPTAU_E_ARGUMENT, "options->n_masks = -2 is negative");
    reject((adaptau_evaluator_options){.n_groups = -2}, ADAPTAU_E_ARGUMENT, "options->n_groups = -2 is negative");
    reject((adaptau_evaluator_options){.n_groups = 2}, ADAPTAU_E_ARGUMENT,
           "options->item_groups is NULL, but options->n_groups = 2");
    groups[7] = 2;
    reject((adaptau_evaluator_options){.n_groups = 2, .item_groups = groups}, ADAPTAU_E_INDEX,
           "options->item_groups[7] = 2, but options->n_groups = 2");
    groups[7] = -1;
    reject((adaptau_evaluator_options){.n_groups = 2, .item_groups = groups}, ADAPTAU_E_INDEX,
           "options->item_groups[7] = -1, but options->n_groups = 2");
    adaptau_dataset_destroy(other);
    close_world();
}
END_TEST

START_TEST(rejects_null_handles_and_unknown_struct_sizes)
{
    adaptau_evaluator        *out = NULL;
    adaptau_evaluator_options options = {.struct_size = 4};
    adaptau_tables            tables = {.struct_size = sizeof tables};
    double                    value;
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    ck_assert_int_eq(adaptau_evaluator_create(NULL, world.held_out, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_create(world.context, NULL, NULL, &out, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_create(world.context, world.held_out, NULL, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_create(world.context, world.held_out, &options, &out, &error), ADAPTAU_E_ABI);
    ck_assert_ptr_null(out);
    ck_assert_int_eq(adaptau_evaluator_run(NULL, &tables, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_mean(NULL, 0, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(NULL, 0, 0, (float *)&value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_group(NULL, 0, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_n_users(NULL), 0);
    ck_assert_ptr_null(adaptau_evaluator_users(NULL));
    adaptau_evaluator_destroy(NULL);
    close_world();
}
END_TEST

START_TEST(results_need_a_run_and_known_names)
{
    static int32_t groups[ITEMS];
    double         value = 77.0;
    float          values[USERS];
    open_world(make_context(ADAPTAU_BACKEND_AUTO, 1));
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_evaluator *grouped =
        make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){.n_groups = 1, .item_groups = groups});
    adaptau_tables tables = world_tables();
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, 0, 0, &value, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "the evaluator has not run");
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 0, 0, values, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_evaluator_per_group(grouped, 0, 0, &value, &error), ADAPTAU_E_STATE);
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    OK(adaptau_evaluator_run(grouped, &tables, &error));
    ck_assert_int_eq(adaptau_evaluator_per_group(evaluator, 0, 0, &value, &error), ADAPTAU_E_STATE);
    ck_assert_str_eq(error.message, "the evaluator has no groups");
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, ADAPTAU_N_METRICS, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "metric = 6 is outside 0 ... 5");
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, -1, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, 0, 1, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_str_eq(error.message, "cutoff = 1 is outside 0 ... 0");
    ck_assert_int_eq(adaptau_evaluator_mean(evaluator, 0, 0, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 6, 0, values, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 0, -1, values, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_user(evaluator, 0, 0, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_group(grouped, ADAPTAU_METRIC_HIT_RATE, 0, &value, &error), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_evaluator_per_group(grouped, 0, 0, NULL, &error), ADAPTAU_E_ARGUMENT);
    ck_assert(value == 77.0);
    adaptau_evaluator_destroy(grouped);
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

START_TEST(evaluating_nobody_gives_zero)
{
    static const int32_t sizes[][2] = {{0, 0}, {0, 5}, {3, 0}, {3, 5}};
    static const float   numbers[15];
    static const int32_t groups[5];
    adaptau_context     *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    for (int k = 0; k < 4; k++) {
        adaptau_dataset *held_out = NULL;
        adaptau_tables   tables = {.struct_size = sizeof tables,
                                   .n_users = sizes[k][0],
                                   .n_items = sizes[k][1],
                                   .dim = 3,
                                   .users = sizes[k][0] ? numbers : NULL,
                                   .items = sizes[k][1] ? numbers : NULL};
        double           share[2];
        OK(adaptau_dataset_create_from_pairs(context, sizes[k][0], sizes[k][1], 0, NULL, NULL, &held_out, &error));
        adaptau_evaluator *evaluator = make_evaluator(
            context, held_out, (adaptau_evaluator_options){.n_groups = 2, .item_groups = sizes[k][1] ? groups : NULL});
        OK(adaptau_evaluator_run(evaluator, &tables, &error));
        ck_assert_int_eq(adaptau_evaluator_n_users(evaluator), 0);
        for (int32_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
            ck_assert(mean_of(evaluator, metric, 0) == 0.0);
            OK(adaptau_evaluator_per_user(evaluator, metric, 0, NULL, &error));
        }
        OK(adaptau_evaluator_per_group(evaluator, 0, 0, share, &error));
        ck_assert(share[0] == 0.0 && share[1] == 0.0);
        adaptau_evaluator_destroy(evaluator);
        adaptau_dataset_destroy(held_out);
    }
    adaptau_context_destroy(context);
}
END_TEST

/* ---- the host's memory and threads --------------------------------------------------------------------------------- */

static int64_t            allocations_left;
static int64_t            executions, failing_execution; /* from 0; −1: none fails                             */
static adaptau_evaluator *inner;
static adaptau_status     inner_status;

static void *allocate_some(void *user_data, size_t size, size_t alignment)
{
    (void)user_data;
    return allocations_left-- > 0 ? aligned_alloc(alignment, size) : NULL;
}

static void free_some(void *user_data, void *block, size_t size)
{
    (void)user_data;
    (void)size;
    free(block);
}

/* While an evaluator runs, it is asked to run again. A failing execution has run a lane before it gives up. */
static int32_t execute(void *user_data, int32_t n_lanes, adaptau_lane_function lane, void *argument)
{
    (void)user_data;
    if (inner) {
        adaptau_tables tables = world_tables();
        inner_status = adaptau_evaluator_run(inner, &tables, NULL);
    }
    bool fails = executions++ == failing_execution;
    for (int32_t i = 0; i < (fails ? 1 : n_lanes); i++)
        lane(argument, i);
    return fails ? 3 : 0;
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
    failing_execution = -1;
    inner = NULL;
    OK(adaptau_context_create(&options, &host, &error));
    return host;
}

START_TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    adaptau_evaluator_options options = {.struct_size = sizeof options};
    adaptau_evaluator        *evaluator = NULL;
    adaptau_status            status = ADAPTAU_E_MEMORY;
    uint64_t                  before, created, after;
    open_world(make_host());
    adaptau_tables tables = world_tables();
    tables.flags = ADAPTAU_NORMALISE_BOTH;
    adaptau_context_memory(world.context, &before, NULL);
    for (int64_t n = 0; !evaluator; n++) {
        allocations_left = n;
        status = adaptau_evaluator_create(world.context, world.held_out, &options, &evaluator, &error);
        ck_assert(status == ADAPTAU_OK ? n >= 2 : status == ADAPTAU_E_MEMORY && !evaluator);
        adaptau_context_memory(world.context, &after, NULL);
        ck_assert(evaluator || after == before);
    }
    adaptau_context_memory(world.context, &created, NULL);
    allocations_left = INT64_MAX;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    for (int64_t n = 0; n < 2; n++) { /* the unit items, then the tiles                                          */
        allocations_left = n;
        expect_failure(evaluator, &tables, ADAPTAU_E_MEMORY, NULL);
        adaptau_context_memory(world.context, &after, NULL);
        ck_assert_uint_eq(after, created);
    }
    allocations_left = 2;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    adaptau_context_memory(world.context, &after, NULL);
    ck_assert_uint_eq(after, created);
    adaptau_evaluator_destroy(evaluator);
    adaptau_context_memory(world.context, &after, NULL);
    ck_assert_uint_eq(after, before);
    close_world();
}
END_TEST

START_TEST(an_evaluator_in_use_is_refused)
{
    open_world(make_host());
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    inner = evaluator;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert_int_eq(inner_status, ADAPTAU_E_STATE);
    inner = NULL;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    adaptau_evaluator_destroy(evaluator);
    close_world();
}
END_TEST

START_TEST(a_host_executor_that_fails_keeps_the_results)
{
    open_world(make_host());
    adaptau_evaluator *evaluator = make_evaluator(world.context, world.held_out, (adaptau_evaluator_options){0});
    adaptau_tables     tables = world_tables();
    tables.flags = ADAPTAU_NORMALISE_BOTH;
    executions = 0;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    int64_t n_executions = executions;
    ck_assert_int_ge(n_executions, 2); /* normalising and ranking at least                                      */
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] = -world.users[k];
    for (int64_t n = 0; n < n_executions; n++) {
        executions = 0;
        failing_execution = n;
        expect_failure(evaluator, &tables, ADAPTAU_E_THREAD, "the host's executor returned 3");
        ck_assert_int_eq(executions, n + 1);
    }
    double before = mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0);
    failing_execution = -1;
    OK(adaptau_evaluator_run(evaluator, &tables, &error));
    ck_assert(mean_of(evaluator, ADAPTAU_METRIC_NDCG, 0) != before);
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
    tcase_add_test(tests, names_the_first_row_that_is_not_finite_and_keeps_the_results);
    tcase_add_test(tests, rejects_tables_that_do_not_fit);
    tcase_add_test(tests, scores_that_overflow_stay_defined);
    tcase_add_test(tests, rejects_bad_cutoffs);
    tcase_add_test(tests, rejects_bad_masks_and_groups);
    tcase_add_test(tests, rejects_null_handles_and_unknown_struct_sizes);
    tcase_add_test(tests, results_need_a_run_and_known_names);
    tcase_add_test(tests, evaluating_nobody_gives_zero);
    tcase_add_test(tests, running_out_of_memory_is_an_error_and_leaks_nothing);
    tcase_add_test(tests, an_evaluator_in_use_is_refused);
    tcase_add_test(tests, a_host_executor_that_fails_keeps_the_results);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
