/* SPDX-License-Identifier: MIT */
/* Temperatures against tests/reference/temperature.txt, which temperature.py beside it computes from the definitions, and
 * against published data sets where $ADAPTAU_DATA_DIR has them. */
#include <adaptau/temperature.h>

#include <check.h>
#include <float.h>
#include <math.h>

#include "../support/reference.h"

#define FILE_NAME "temperature.txt"

static adaptau_context *context;
static adaptau_dataset *dataset;
static int32_t          n_users, n_items, dim;
static float           *users, *items;
static float           *unit_losses; /* NaN for users without pairs                                          */

/* ---- the reference's data ------------------------------------------------------------------------------------------ */

static float *read_floats(const char *key)
{
    int     n;
    double *values = reference_read(FILE_NAME, key, &n);
    float  *floats = malloc((size_t)n * sizeof *floats);
    for (int i = 0; i < n; i++)
        floats[i] = (float)values[i];
    free(values);
    return floats;
}

static void set_up(void)
{
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 2};
    int                     n;
    double                 *sizes = reference_read(FILE_NAME, "sizes", &n);
    n_users = (int32_t)sizes[0];
    n_items = (int32_t)sizes[1];
    dim = (int32_t)sizes[2];
    free(sizes);
    users = read_floats("users");
    items = read_floats("items");
    unit_losses = read_floats("unit_losses");
    double  *pairs = reference_read(FILE_NAME, "pairs", &n);
    int32_t *ids = malloc((size_t)n * sizeof *ids);
    for (int i = 0; i < n / 2; i++) {
        ids[i] = (int32_t)pairs[2 * i];
        ids[n / 2 + i] = (int32_t)pairs[2 * i + 1];
    }
    ck_assert_int_eq(adaptau_context_create(&options, &context, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_dataset_create_from_pairs(context, n_users, n_items, n / 2, ids, ids + n / 2, &dataset, NULL),
                     ADAPTAU_OK);
    free(pairs);
    free(ids);
}

static void tear_down(void)
{
    uint64_t present;
    adaptau_dataset_destroy(dataset);
    adaptau_context_memory(context, &present, NULL);
    ck_assert_uint_le(present, 64 * 1024); /* the pool: every object has given back what it had               */
    adaptau_context_destroy(context);
    free(users);
    free(items);
    free(unit_losses);
}

static adaptau_tables make_tables(uint32_t flags)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .flags = flags,
                            .n_users = n_users,
                            .n_items = n_items,
                            .dim = dim,
                            .users = users,
                            .items = items};
}

#define OPTIONS(...)                                                                                                   \
    ((adaptau_temperature_options){.struct_size = sizeof(adaptau_temperature_options), __VA_ARGS__})

static adaptau_temperature *create(adaptau_temperature_options options)
{
    adaptau_temperature *temperature = NULL;
    adaptau_error        error = {0};
    ck_assert_msg(adaptau_temperature_create(context, dataset, &options, &temperature, &error) == ADAPTAU_OK, "%s",
                  error.message);
    return temperature;
}

static adaptau_temperature_state state_of(const adaptau_temperature *temperature)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    ck_assert_int_eq(adaptau_temperature_get_state(temperature, &state, NULL), ADAPTAU_OK);
    return state;
}

/* The state after as many updates as leave the warm-up behind. */
static adaptau_temperature_state update(adaptau_temperature *temperature, const adaptau_tables *tables)
{
    adaptau_error error = {0};
    for (int i = 0; i < 2; i++)
        ck_assert_msg(adaptau_temperature_update(temperature, tables, &error) == ADAPTAU_OK, "%s", error.message);
    return state_of(temperature);
}

static void check_close(const char *what, double value, double reference, double tolerance)
{
    ck_assert_msg(fabs(value - reference) <= tolerance * fabs(reference), "%s: %.12g, not %.12g", what, value, reference);
}

/* Hand in the losses of all users that have one, in reverse order. */
static void observe_all(adaptau_temperature *temperature)
{
    int32_t *ids = malloc((size_t)n_users * sizeof *ids);
    float   *losses = malloc((size_t)n_users * sizeof *losses);
    int32_t  n = 0;
    for (int32_t u = n_users - 1; u >= 0; u--)
        if (!isnan(unit_losses[u])) {
            ids[n] = u;
            losses[n++] = unit_losses[u];
        }
    ck_assert_int_eq(adaptau_temperature_observe(temperature, n, ids, losses, NULL), ADAPTAU_OK);
    free(ids);
    free(losses);
}

/* ---- τ₀ ------------------------------------------------------------------------------------------------------------- */

enum { COUNTED, LOG_RATIO, MEAN, VARIANCE, MEAN_POSITIVE, VARIANCE_POSITIVE, TAU_EQ14, TAU_EQ34, TAU_EQ11, N_MOMENTS };

static double *read_moments(uint32_t flags, double quantile)
{
    char    key[32];
    int     n;
    snprintf(key, sizeof key, "moments_%u_%d", flags, (int)(10 * quantile));
    double *moments = reference_read(FILE_NAME, key, &n);
    ck_assert_int_eq(n, N_MOMENTS);
    return moments;
}

static void check_moments(const adaptau_temperature_state *state, const double *expected)
{
    ck_assert_int_eq(state->n_users_counted, (int64_t)expected[COUNTED]);
    check_close("L", state->log_ratio, expected[LOG_RATIO], 1e-14);
    check_close("mu", state->mean_all, expected[MEAN], 1e-6);
    check_close("sigma^2", state->variance_all, expected[VARIANCE], 1e-6);
    check_close("mu+", state->mean_positive, expected[MEAN_POSITIVE], 1e-6);
    check_close("sigma+^2", state->variance_positive, expected[VARIANCE_POSITIVE], 1e-6);
}

static void check_policies(uint32_t flags, double quantile)
{
    const struct {
        int32_t policy;
        int     index;
        double  tolerance;
    } policies[] = {{ADAPTAU_TAU0_EQ14, TAU_EQ14, 1e-6},
                    {ADAPTAU_TAU0_EQ34, TAU_EQ34, 1e-5},
                    {ADAPTAU_TAU0_EXACT, TAU_EQ11, 1e-5}};
    const adaptau_tables tables = make_tables(flags);
    double              *expected = read_moments(flags, quantile);
    double               delta = expected[MEAN_POSITIVE] - expected[MEAN];
    double               radicand =
        delta * delta + 2 * (expected[VARIANCE_POSITIVE] - expected[VARIANCE]) * expected[LOG_RATIO];
    for (int i = 0; i < 3; i++) {
        adaptau_temperature      *temperature = create(OPTIONS(.tau0 = policies[i].policy, .degree_quantile = quantile));
        adaptau_temperature_state state = update(temperature, &tables);
        uint32_t                  flag =
            policies[i].policy == ADAPTAU_TAU0_EQ34 && radicand < 0 ? ADAPTAU_TEMPERATURE_RADICAND : 0;
        check_moments(&state, expected);
        check_close("tau0", state.tau0, expected[policies[i].index], policies[i].tolerance);
        ck_assert_uint_eq(state.flags, flag);
        ck_assert_int_eq(state.n_updates, 2);
        ck_assert_double_eq(state.tau_user_min, state.tau0);
        ck_assert_double_eq(state.tau_user_max, state.tau0);
        for (int32_t u = 0; u < n_users; u++)
            ck_assert_float_eq(adaptau_temperature_users(temperature)[u], (float)state.tau0);
        adaptau_temperature_destroy(temperature);
    }
    free(expected);
}

START_TEST(moments_and_tau0_equal_their_definitions)
{
    for (uint32_t flags = 0; flags < 4; flags++) {
        check_policies(flags, 0.0);
        check_policies(flags, 0.4);
    }
}
END_TEST

START_TEST(unit_rows_are_taken_as_they_are)
{
    const uint32_t       flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS;
    const adaptau_tables tables = make_tables(flags);
    double              *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    adaptau_temperature *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT));
    ck_assert_int_eq(adaptau_normalise_rows(context, n_users, dim, users, dim, users, dim, NULL, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_normalise_rows(context, n_items, dim, items, dim, items, dim, NULL, NULL), ADAPTAU_OK);
    adaptau_temperature_state state = update(temperature, &tables);
    check_moments(&state, expected);
    check_close("tau0", state.tau0, expected[TAU_EQ11], 1e-5);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(strides_change_nothing)
{
    adaptau_tables       tables = make_tables(ADAPTAU_NORMALISE_USERS);
    adaptau_temperature *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state packed = update(temperature, &tables);
    adaptau_temperature_destroy(temperature);
    float *wide = malloc((size_t)(n_users + n_items) * 20 * sizeof *wide);
    for (int32_t r = 0; r < n_users + n_items; r++)
        for (int32_t k = 0; k < 20; k++)
            wide[r * 20 + k] = k >= dim       ? NAN
                               : r < n_users ? users[r * dim + k]
                                             : items[(r - n_users) * dim + k];
    tables.users = wide;
    tables.items = wide + n_users * 20;
    tables.user_stride = tables.item_stride = 20;
    temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state strided = update(temperature, &tables);
    ck_assert_mem_eq(&packed, &strided, sizeof packed);
    adaptau_temperature_destroy(temperature);
    free(wide);
}
END_TEST

/* Squares of such scores are beyond float32; moments are double. */
START_TEST(raw_tables_of_any_size_have_moments)
{
    const adaptau_tables tables = make_tables(0);
    double              *expected = read_moments(0, 0.0);
    for (int32_t k = 0; k < n_users * dim; k++)
        users[k] *= 1e30f;
    for (int32_t k = 0; k < n_items * dim; k++)
        items[k] *= 1e-12f;
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EQ34));
    adaptau_temperature_state state = update(temperature, &tables);
    check_close("mu", state.mean_all, expected[MEAN] * 1e18, 1e-6);
    check_close("sigma^2", state.variance_all, expected[VARIANCE] * 1e36, 1e-6);
    check_close("mu+", state.mean_positive, expected[MEAN_POSITIVE] * 1e18, 1e-6);
    check_close("sigma+^2", state.variance_positive, expected[VARIANCE_POSITIVE] * 1e36, 1e-6);
    ck_assert_double_eq(state.tau0, 10.0);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_BOUNDED);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

/* ---- generated data --------------------------------------------------------------------------------------------------- */

static uint64_t random_state;

static double draw(void)
{
    random_state = random_state * 6364136223846793005u + 1442695040888963407u;
    return (double)(random_state >> 11) * 0x1p-53;
}

/* Replace the reference's data. A user's items are pulled towards the user; `common` is a direction that all rows share. */
static void generate(int32_t n, int32_t m, int32_t d, int32_t degree, double common)
{
    adaptau_dataset_destroy(dataset);
    n_users = n;
    n_items = m;
    dim = d;
    users = realloc(users, (size_t)(n * d) * sizeof *users);
    items = realloc(items, (size_t)(m * d) * sizeof *items);
    for (int32_t k = 0; k < n * d; k++)
        users[k] = (float)(draw() - 0.5 + (k % d == 0 ? common : 0.0));
    for (int32_t k = 0; k < m * d; k++)
        items[k] = (float)(draw() - 0.5 + (k % d == 0 ? common : 0.0));
    int32_t *ids = malloc((size_t)(2 * n * degree) * sizeof *ids);
    for (int32_t p = 0; p < n * degree; p++) {
        ids[p] = p / degree;
        ids[n * degree + p] = (int32_t)(draw() * m);
        for (int32_t k = 0; k < d; k++)
            items[ids[n * degree + p] * d + k] += 2.0f * users[ids[p] * d + k];
    }
    ck_assert_int_eq(adaptau_dataset_create_from_pairs(context, n, m, n * degree, ids, ids + n * degree, &dataset, NULL),
                     ADAPTAU_OK);
    free(ids);
}

/* Cosines in double precision. */
static double cosine(int32_t user, int32_t item)
{
    double xy = 0, xx = 0, yy = 0;
    for (int32_t k = 0; k < dim; k++) {
        double x = (double)users[user * dim + k], y = (double)items[item * dim + k];
        xy += x * y;
        xx += x * x;
        yy += y * y;
    }
    return xy / sqrt(xx * yy);
}

static void check_generated(double tolerance)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EQ34));
    adaptau_temperature_state state = update(temperature, &tables);
    double                    sum = 0, squares = 0, n = (double)n_users * n_items;
    for (int32_t u = 0; u < n_users; u++)
        for (int32_t i = 0; i < n_items; i++)
            sum += cosine(u, i);
    for (int32_t u = 0; u < n_users; u++)
        for (int32_t i = 0; i < n_items; i++)
            squares += pow(cosine(u, i) - sum / n, 2);
    ck_assert_double_eq_tol(state.mean_all, sum / n, 1e-8);
    check_close("sigma^2", state.variance_all, squares / n, tolerance);
    adaptau_temperature_destroy(temperature);
}

START_TEST(covariances_of_several_panels_add_up)
{
    generate(290, 310, 401, 3, 0.1);
    check_generated(1e-5);
    generate(700, 5, 1, 2, 0.1);
    check_generated(1e-5);
}
END_TEST

/* All cosines are close to 1: σ² is a millionth of μ², and tr(M_u M_i) − μ² in single precision would be noise. */
START_TEST(variance_keeps_its_digits_where_rows_share_a_direction)
{
    generate(300, 200, 16, 1, 200.0);
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature *temperature = create(OPTIONS(.warmup_updates = 1));
    ck_assert_double_lt(update(temperature, &tables).variance_all, 1e-6);
    adaptau_temperature_destroy(temperature);
    check_generated(0.02);
}
END_TEST

START_TEST(results_are_the_same_for_any_number_of_threads)
{
    const int32_t             threads[] = {1, 2, 3, 4, 7};
    adaptau_temperature_state first = {0};
    float                    *first_taus = NULL;
    generate(400, 1200, 24, 3, 0.05);
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    for (int i = 0; i < 5; i++) {
        adaptau_context_options options = {.struct_size = sizeof options, .n_threads = threads[i]};
        adaptau_context        *own = NULL, *shared = context;
        ck_assert_int_eq(adaptau_context_create(&options, &own, NULL), ADAPTAU_OK);
        context = own;
        adaptau_temperature *temperature = create(
            OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT, .tau_user = ADAPTAU_TAU_USER_EQ16, .exact_sample = 200, .tau_min = 0.01));
        for (int32_t u = 0; u < n_users; u++) {
            float loss = 5.0f + (float)(u % 37) * 0.1f;
            ck_assert_int_eq(adaptau_temperature_observe(temperature, 1, &u, &loss, NULL), ADAPTAU_OK);
        }
        adaptau_temperature_state state = update(temperature, &tables);
        ck_assert_uint_eq(state.flags, 0);
        const float *taus = adaptau_temperature_users(temperature);
        if (!first_taus) {
            first = state;
            first_taus = malloc((size_t)n_users * sizeof *first_taus);
            memcpy(first_taus, taus, (size_t)n_users * sizeof *first_taus);
        }
        ck_assert_mem_eq(&state, &first, sizeof state);
        ck_assert_mem_eq(taus, first_taus, (size_t)n_users * sizeof *taus);
        adaptau_temperature_destroy(temperature);
        adaptau_context_destroy(own);
        context = shared;
    }
    free(first_taus);
}
END_TEST

/* ---- policies, bounds and flags ---------------------------------------------------------------------------------------- */

START_TEST(warms_up_by_a_constant_and_measures_meanwhile)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double              *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    const int32_t        policies[] = {ADAPTAU_TAU0_EQ14, ADAPTAU_TAU0_EQ34, ADAPTAU_TAU0_EXACT};
    for (int i = 0; i < 3; i++) {
        adaptau_temperature *temperature = create(OPTIONS(.tau0 = policies[i], .warmup_updates = 3, .warmup_delta_mu = 0.5));
        adaptau_temperature_state state = state_of(temperature);
        check_close("tau0 at first", state.tau0, 0.5 / expected[LOG_RATIO], 1e-14);
        ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_WARMING_UP);
        ck_assert_int_eq(state.n_updates, 0);
        for (int k = 1; k <= 4; k++) {
            ck_assert_int_eq(adaptau_temperature_update(temperature, &tables, NULL), ADAPTAU_OK);
            state = state_of(temperature);
            check_moments(&state, expected);
            ck_assert_int_eq(state.n_updates, k);
            ck_assert_int_eq((state.flags & ADAPTAU_TEMPERATURE_WARMING_UP) != 0, k <= 3);
            if (k <= 3)
                check_close("tau0", state.tau0, 0.5 / expected[LOG_RATIO], 1e-14);
            else
                check_close("tau0", state.tau0, expected[TAU_EQ14 + i], 1e-5);
        }
        adaptau_temperature_destroy(temperature);
    }
    adaptau_temperature *temperature = create(OPTIONS(.warmup_updates = -1));
    for (int k = 0; k < 5; k++)
        ck_assert_int_eq(adaptau_temperature_update(temperature, &tables, NULL), ADAPTAU_OK);
    check_close("tau0", state_of(temperature).tau0, 0.7 / expected[LOG_RATIO], 1e-14);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(keeps_tau0_where_positives_score_below_the_mean)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    for (int32_t policy = ADAPTAU_TAU0_EQ14; policy <= ADAPTAU_TAU0_EXACT; policy++) {
        adaptau_temperature      *temperature = create(OPTIONS(.tau0 = policy));
        adaptau_temperature_state before = update(temperature, &tables);
        for (int32_t k = 0; k < n_users * dim; k++)
            users[k] = -users[k];
        adaptau_temperature_state after = update(temperature, &tables);
        ck_assert_double_lt(after.mean_positive, after.mean_all);
        ck_assert_double_eq(after.tau0, before.tau0);
        ck_assert_uint_eq(after.flags, ADAPTAU_TEMPERATURE_KEPT);
        for (int32_t k = 0; k < n_users * dim; k++)
            users[k] = -users[k];
        adaptau_temperature_destroy(temperature);
    }
}
END_TEST

START_TEST(tables_of_zeros_keep_tau0)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    memset(users, 0, (size_t)(n_users * dim) * sizeof *users);
    memset(items, 0, (size_t)(n_items * dim) * sizeof *items);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EQ34));
    adaptau_temperature_state state = update(temperature, &tables);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_KEPT);
    ck_assert_double_eq(state.mean_all, 0.0);
    ck_assert_double_eq(state.variance_all, 0.0);
    ck_assert_double_eq(state.mean_positive, 0.0);
    ck_assert_double_eq(state.variance_positive, 0.0);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(bounds_take_effect_and_are_flagged)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature      *temperature = create(OPTIONS(.tau_min = 2.0, .tau_max = 3.0));
    adaptau_temperature_state state = state_of(temperature);
    ck_assert_double_eq(state.tau0, 2.0);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_WARMING_UP | ADAPTAU_TEMPERATURE_BOUNDED);
    state = update(temperature, &tables);
    ck_assert_double_eq(state.tau0, 2.0);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_BOUNDED);
    adaptau_temperature_destroy(temperature);
    temperature = create(OPTIONS(.tau_min = 0.01, .tau_max = 0.05));
    ck_assert_double_eq(update(temperature, &tables).tau0, 0.05);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(exact_policy_says_when_its_equation_has_no_root)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double                   *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT, .tau_min = 0.15));
    adaptau_temperature_state state = update(temperature, &tables); /* the root is at 0.128                   */
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_NOT_BRACKETED);
    check_close("tau0", state.tau0, expected[TAU_EQ14], 1e-6);
    adaptau_temperature_destroy(temperature);
    temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT, .tau_min = 1.0));
    state = update(temperature, &tables);
    ck_assert_uint_eq(state.flags, ADAPTAU_TEMPERATURE_NOT_BRACKETED | ADAPTAU_TEMPERATURE_BOUNDED);
    ck_assert_double_eq(state.tau0, 1.0);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(exact_policy_draws_another_sample_at_each_update)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double              *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    double               taus[4];
    for (int repeat = 0; repeat < 2; repeat++) {
        adaptau_temperature *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT, .exact_sample = 15));
        for (int k = 0; k < 4; k++) {
            double tau0 = update(temperature, &tables).tau0;
            ck_assert(repeat == 0 || tau0 == taus[k]);
            taus[k] = tau0;
            check_close("tau0 of a sample", tau0, expected[TAU_EQ11], 0.5);
            ck_assert(k == 0 || tau0 != taus[k - 1]);
        }
        adaptau_temperature_destroy(temperature);
    }
    free(expected);
}
END_TEST

START_TEST(fixed_policy_never_changes)
{
    const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    double                   *expected = read_moments(ADAPTAU_NORMALISE_BOTH, 0.0);
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_FIXED, .tau = 0.0123));
    adaptau_temperature_state state = state_of(temperature);
    ck_assert_double_eq(state.tau0, 0.0123);
    ck_assert_uint_eq(state.flags, 0);
    state = update(temperature, &tables);
    ck_assert_double_eq(state.tau0, 0.0123);
    ck_assert_uint_eq(state.flags, 0);
    check_moments(&state, expected);
    adaptau_temperature_destroy(temperature);
    free(expected);
}
END_TEST

START_TEST(equal_degrees_count_everyone)
{
    const int32_t ids[] = {0, 1, 2}, liked[] = {4, 2, 0};
    adaptau_dataset_destroy(dataset);
    ck_assert_int_eq(adaptau_dataset_create_from_pairs(context, 3, 10, 3, ids, liked, &dataset, NULL), ADAPTAU_OK);
    adaptau_temperature *temperature = create(OPTIONS(.degree_quantile = 0.5));
    ck_assert_int_eq(state_of(temperature).n_users_counted, 3);
    ck_assert_double_eq_tol(state_of(temperature).log_ratio, log(5.0), 1e-15);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(users_who_own_most_items_get_the_greatest_temperature)
{
    const int32_t ids[] = {0, 0, 0, 1, 1, 1}, liked[] = {0, 1, 2, 0, 1, 2};
    adaptau_dataset_destroy(dataset);
    n_users = 2;
    n_items = 4;
    ck_assert_int_eq(adaptau_dataset_create_from_pairs(context, 2, 4, 6, ids, liked, &dataset, NULL), ADAPTAU_OK);
    for (int32_t policy = ADAPTAU_TAU0_EQ14; policy <= ADAPTAU_TAU0_EXACT; policy++) {
        adaptau_temperature *temperature = create(OPTIONS(.tau0 = policy));
        ck_assert_double_eq(state_of(temperature).tau0, 10.0);
        for (int32_t k = 0; k < 4 * dim; k++)
            items[k] = k < 3 * dim ? 1.0f : -1.0f;
        for (int32_t k = 0; k < 2 * dim; k++)
            users[k] = 1.0f;
        const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
        ck_assert_double_eq(update(temperature, &tables).tau0, 10.0);
        ck_assert(state_of(temperature).flags & ADAPTAU_TEMPERATURE_BOUNDED);
        adaptau_temperature_destroy(temperature);
    }
}
END_TEST

/* ---- τ_u ------------------------------------------------------------------------------------------------------------- */

static void check_user_taus(int32_t policy, const char *name, const char *threshold, double quantile)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    char                 key[32];
    int                  n;
    float                candidates[100], positives[100];
    double               least = INFINITY, greatest = 0;
    int64_t              n_clamped = 0, n_observed = 0;
    snprintf(key, sizeof key, "%s_%s", name, threshold);
    double                   *expected = reference_read(FILE_NAME, key, &n);
    adaptau_temperature      *temperature = create(OPTIONS(.tau_user = policy, .threshold_quantile = quantile));
    adaptau_temperature_state state = update(temperature, &tables);
    ck_assert_int_eq(state.n_users_observed, 0);
    ck_assert_double_eq(state.tau_user_min, state.tau0);
    observe_all(temperature);
    state = update(temperature, &tables);
    check_close("threshold", state.threshold, expected[0], 1e-14);
    ck_assert_int_eq(adaptau_temperature_rows(temperature, n_users, NULL, candidates, positives, NULL), ADAPTAU_OK);
    for (int32_t u = 0; u < n_users; u++) {
        check_close(key, (double)candidates[u], expected[u + 1], 1e-5);
        ck_assert_float_eq(candidates[u], adaptau_temperature_users(temperature)[u]);
        ck_assert_float_eq(positives[u],
                           policy == ADAPTAU_TAU_USER_RELEASED ? (float)state.tau0 : adaptau_temperature_users(temperature)[u]);
        least = fmin(least, expected[u + 1]);
        greatest = fmax(greatest, expected[u + 1]);
        n_clamped += fabs(expected[u + 1] / state.tau0 - exp(-1)) < 1e-5;
        n_observed += !isnan(unit_losses[u]);
    }
    check_close("least", state.tau_user_min, least, 1e-5);
    check_close("greatest", state.tau_user_max, greatest, 1e-5);
    ck_assert_int_eq(state.n_users_clamped, n_clamped);
    ck_assert_int_eq(state.n_users_observed, n_observed);
    adaptau_temperature_destroy(temperature);
    free(expected);
}

START_TEST(user_temperatures_equal_their_definitions)
{
    const struct {
        int32_t     policy;
        const char *name;
    } policies[] = {{ADAPTAU_TAU_USER_EQ16, "eq16"}, {ADAPTAU_TAU_USER_EQ15, "eq15"}, {ADAPTAU_TAU_USER_RELEASED, "released"}};
    for (int i = 0; i < 3; i++) {
        check_user_taus(policies[i].policy, policies[i].name, "mean", 0.0);
        check_user_taus(policies[i].policy, policies[i].name, "q9", 0.9);
        check_user_taus(policies[i].policy, policies[i].name, "q5", 0.5);
    }
}
END_TEST

START_TEST(users_far_below_the_threshold_sit_at_tau0_over_e)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    const int32_t        ids[] = {0, 1, 2};
    const float          losses[] = {-40.0f, 3.0e38f, -3.0e38f};
    adaptau_temperature *temperature = create(OPTIONS(.tau_user = ADAPTAU_TAU_USER_EQ16));
    ck_assert_int_eq(adaptau_temperature_observe(temperature, 3, ids, losses, NULL), ADAPTAU_OK);
    adaptau_temperature_state state = update(temperature, &tables);
    const float              *taus = adaptau_temperature_users(temperature);
    ck_assert_int_eq(state.n_users_clamped, 2); /* the mean is -13                                            */
    ck_assert_float_eq(taus[0], (float)(state.tau0 * exp(-1)));
    ck_assert_float_eq(taus[2], (float)(state.tau0 * exp(-1)));
    ck_assert_float_eq(taus[3], (float)state.tau0);
    ck_assert(isfinite(taus[1]) && taus[1] > 1e20f);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(the_last_observed_loss_counts_and_users_without_pairs_do_not)
{
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    const int32_t        ids[] = {6, 11, 6, 9}; /* user 11 has no pairs                                       */
    const float          losses[] = {9.0f, 99.0f, 4.0f, 6.0f};
    adaptau_temperature *temperature = create(OPTIONS(.tau_user = ADAPTAU_TAU_USER_EQ16));
    ck_assert_int_eq(adaptau_temperature_observe(temperature, 4, ids, losses, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_temperature_observe(temperature, 0, NULL, NULL, NULL), ADAPTAU_OK);
    adaptau_temperature_state state = update(temperature, &tables);
    ck_assert_double_eq(state.threshold, 5.0);
    ck_assert_int_eq(state.n_users_observed, 2);
    ck_assert_float_eq(adaptau_temperature_users(temperature)[11], (float)state.tau0);
    check_close("tau", (double)adaptau_temperature_users(temperature)[9],
                adaptau_tau_user_eq16(state.tau0, 6.0, 5.0, 2.0), 1e-7);
    adaptau_temperature_destroy(temperature);
}
END_TEST

/* ---- misuse ------------------------------------------------------------------------------------------------------------ */

#define CHECK_ERROR(call, expected_status, expected_text)                                                              \
    do {                                                                                                               \
        adaptau_error error = {0};                                                                                     \
        ck_assert_int_eq((call), (expected_status));                                                                   \
        ck_assert_int_eq(error.status, (expected_status));                                                             \
        ck_assert_msg(strstr(error.message, (expected_text)) != NULL, "%s", error.message);                            \
    } while (0)

START_TEST(rejects_options_out_of_range)
{
    const struct {
        adaptau_temperature_options options;
        adaptau_status              status;
        const char                 *text;
    } rows[] = {
        {OPTIONS(.tau0 = 4), ADAPTAU_E_ARGUMENT, "options->tau0 = 4"},
        {OPTIONS(.tau0 = -1), ADAPTAU_E_ARGUMENT, "options->tau0 = -1"},
        {OPTIONS(.tau_user = 4), ADAPTAU_E_ARGUMENT, "options->tau_user = 4"},
        {OPTIONS(.tau_user = -1), ADAPTAU_E_ARGUMENT, "options->tau_user = -1"},
        {OPTIONS(.tau0 = ADAPTAU_TAU0_FIXED), ADAPTAU_E_ARGUMENT, "options->tau = 0"},
        {OPTIONS(.tau0 = ADAPTAU_TAU0_FIXED, .tau = -0.1), ADAPTAU_E_ARGUMENT, "options->tau = -0.1"},
        {OPTIONS(.tau0 = ADAPTAU_TAU0_FIXED, .tau = 1e-60), ADAPTAU_E_ARGUMENT, "options->tau = 1e-60"},
        {OPTIONS(.tau = NAN), ADAPTAU_E_NUMERIC, "options->tau"},
        {OPTIONS(.warmup_delta_mu = -0.5), ADAPTAU_E_ARGUMENT, "options->warmup_delta_mu = -0.5"},
        {OPTIONS(.warmup_delta_mu = INFINITY), ADAPTAU_E_NUMERIC, "options->warmup_delta_mu"},
        {OPTIONS(.tau_min = -1), ADAPTAU_E_ARGUMENT, "options->tau_min = -1"},
        {OPTIONS(.tau_max = -1), ADAPTAU_E_ARGUMENT, "options->tau_max = -1"},
        {OPTIONS(.tau_max = 0.01), ADAPTAU_E_ARGUMENT, "options->tau_min = 0.03"},
        {OPTIONS(.tau_min = 11), ADAPTAU_E_ARGUMENT, "options->tau_max = 10"},
        {OPTIONS(.divisor = -2), ADAPTAU_E_ARGUMENT, "options->divisor = -2"},
        {OPTIONS(.divisor = NAN), ADAPTAU_E_NUMERIC, "options->divisor"},
        {OPTIONS(.threshold_quantile = 1), ADAPTAU_E_ARGUMENT, "options->threshold_quantile = 1"},
        {OPTIONS(.threshold_quantile = -0.1), ADAPTAU_E_ARGUMENT, "options->threshold_quantile = -0.1"},
        {OPTIONS(.degree_quantile = 1.5), ADAPTAU_E_ARGUMENT, "options->degree_quantile = 1.5"},
        {OPTIONS(.degree_quantile = -INFINITY), ADAPTAU_E_NUMERIC, "options->degree_quantile"},
        {OPTIONS(.exact_sample = -1), ADAPTAU_E_ARGUMENT, "options->exact_sample = -1"},
        {OPTIONS(.reserved = 1), ADAPTAU_E_ARGUMENT, "options->reserved = 1"},
        {{.struct_size = 0}, ADAPTAU_E_ABI, "options->struct_size = 0"},
        {{.struct_size = 8}, ADAPTAU_E_ABI, "options->struct_size = 8"},
    };
    adaptau_temperature *const untouched = (adaptau_temperature *)&context;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        adaptau_temperature *temperature = untouched;
        CHECK_ERROR(adaptau_temperature_create(context, dataset, &rows[i].options, &temperature, &error), rows[i].status,
                    rows[i].text);
        ck_assert_ptr_eq(temperature, untouched);
    }
}
END_TEST

START_TEST(accepts_options_that_are_longer_with_zeros)
{
    struct {
        adaptau_temperature_options known;
        uint64_t                    later;
    } options = {.known = OPTIONS(.tau0 = ADAPTAU_TAU0_EQ34)};
    adaptau_temperature *temperature = NULL;
    options.known.struct_size = sizeof options;
    ck_assert_int_eq(adaptau_temperature_create(context, dataset, &options.known, &temperature, NULL), ADAPTAU_OK);
    adaptau_temperature_destroy(temperature);
    options.later = 1;
    CHECK_ERROR(adaptau_temperature_create(context, dataset, &options.known, &temperature, &error), ADAPTAU_E_ABI,
                "struct_size");
}
END_TEST

START_TEST(rejects_null)
{
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = 0));
    const adaptau_tables      tables = make_tables(0);
    adaptau_temperature_state state = {.struct_size = sizeof state};
    float                     one = 1.0f;
    CHECK_ERROR(adaptau_temperature_create(NULL, dataset, NULL, &temperature, &error), ADAPTAU_E_ARGUMENT, "context");
    CHECK_ERROR(adaptau_temperature_create(context, NULL, NULL, &temperature, &error), ADAPTAU_E_ARGUMENT, "dataset");
    CHECK_ERROR(adaptau_temperature_create(context, dataset, NULL, NULL, &error), ADAPTAU_E_ARGUMENT, "out");
    CHECK_ERROR(adaptau_temperature_update(NULL, &tables, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_update(temperature, NULL, &error), ADAPTAU_E_ARGUMENT, "tables");
    CHECK_ERROR(adaptau_temperature_observe(NULL, 1, NULL, &one, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_observe(temperature, 1, NULL, NULL, &error), ADAPTAU_E_ARGUMENT, "unit_losses");
    CHECK_ERROR(adaptau_temperature_observe(temperature, -1, NULL, &one, &error), ADAPTAU_E_ARGUMENT, "n = -1");
    CHECK_ERROR(adaptau_temperature_rows(NULL, 1, NULL, &one, NULL, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_rows(temperature, 1, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT, "candidates");
    CHECK_ERROR(adaptau_temperature_rows(temperature, -1, NULL, &one, NULL, &error), ADAPTAU_E_ARGUMENT, "n = -1");
    CHECK_ERROR(adaptau_temperature_get_state(NULL, &state, &error), ADAPTAU_E_ARGUMENT, "temperature");
    CHECK_ERROR(adaptau_temperature_get_state(temperature, NULL, &error), ADAPTAU_E_ARGUMENT, "out");
    state.struct_size = 16;
    CHECK_ERROR(adaptau_temperature_get_state(temperature, &state, &error), ADAPTAU_E_ABI, "struct_size = 16");
    ck_assert_ptr_null(adaptau_temperature_users(NULL));
    adaptau_temperature_destroy(NULL);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(rejects_users_and_losses_out_of_range_and_touches_nothing)
{
    adaptau_temperature *temperature = create(OPTIONS(.tau_user = ADAPTAU_TAU_USER_EQ16));
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    const int32_t        negative[] = {0, -1}, beyond[] = {0, n_users}, fine[] = {0, 1};
    const float          losses[] = {5.0f, 6.0f}, bad[] = {5.0f, INFINITY};
    float                candidates[2] = {-1.0f, -1.0f}, positives[2] = {-1.0f, -1.0f};
    char                 text[64];
    CHECK_ERROR(adaptau_temperature_observe(temperature, 2, negative, losses, &error), ADAPTAU_E_INDEX, "users[1] = -1");
    snprintf(text, sizeof text, "users[1] = %d, but n_users = %d", n_users, n_users);
    CHECK_ERROR(adaptau_temperature_observe(temperature, 2, beyond, losses, &error), ADAPTAU_E_INDEX, text);
    CHECK_ERROR(adaptau_temperature_observe(temperature, 2, fine, bad, &error), ADAPTAU_E_NUMERIC, "unit_losses[1] = inf");
    CHECK_ERROR(adaptau_temperature_observe(temperature, n_users + 1, NULL, losses, &error), ADAPTAU_E_INDEX, "n = ");
    CHECK_ERROR(adaptau_temperature_rows(temperature, 2, beyond, candidates, positives, &error), ADAPTAU_E_INDEX, text);
    CHECK_ERROR(adaptau_temperature_rows(temperature, n_users + 1, NULL, candidates, NULL, &error), ADAPTAU_E_INDEX, "n = ");
    ck_assert(candidates[0] == -1.0f && positives[0] == -1.0f);
    ck_assert_int_eq(update(temperature, &tables).n_users_observed, 0);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(rejects_tables_that_do_not_fit_and_keeps_its_state)
{
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = 0));
    adaptau_tables            tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_temperature_state before = update(temperature, &tables), after;
    tables.n_users--;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_SHAPE, "59");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    tables.n_items++;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_SHAPE, "84");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    tables.user_stride = dim - 1;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_SHAPE, "stride");
    tables = make_tables(1u << 5);
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_ARGUMENT, "flags");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    tables.struct_size = 4;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_ABI, "struct_size");
    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    items[70 * dim + 2] = NAN;
    items[80 * dim] = NAN;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_NUMERIC, "items[70]");
    users[50 * dim + dim - 1] = -INFINITY;
    CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_NUMERIC, "users[50]");
    after = state_of(temperature);
    ck_assert_mem_eq(&before, &after, sizeof before);
    adaptau_temperature_destroy(temperature);
}
END_TEST

START_TEST(empty_data_sets_have_a_temperature_but_no_updates)
{
    const int32_t sizes[][2] = {{0, 0}, {0, 5}, {5, 0}, {5, 5}};
    for (int i = 0; i < 4; i++) {
        adaptau_dataset_destroy(dataset);
        n_users = sizes[i][0];
        n_items = sizes[i][1];
        ck_assert_int_eq(adaptau_dataset_create_from_pairs(context, n_users, n_items, 0, NULL, NULL, &dataset, NULL),
                         ADAPTAU_OK);
        adaptau_temperature *temperature = create(OPTIONS(.degree_quantile = 0.2, .tau_user = ADAPTAU_TAU_USER_EQ16));
        const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
        CHECK_ERROR(adaptau_temperature_update(temperature, &tables, &error), ADAPTAU_E_STATE, "no pairs");
        ck_assert_double_eq(state_of(temperature).tau0, 10.0);
        ck_assert_double_eq(state_of(temperature).log_ratio, 0.0);
        adaptau_temperature_destroy(temperature);
    }
}
END_TEST

/* ---- failures of the host ------------------------------------------------------------------------------------------------ */

struct allocator {
    int     left; /* allocations that succeed; negative: all                                                  */
    int64_t present;
};

static void *allocate(void *data, size_t size, size_t alignment)
{
    struct allocator *allocator = data;
    if (allocator->left == 0)
        return NULL;
    allocator->left--;
    allocator->present += (int64_t)size;
    return aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}

static void release(void *data, void *block, size_t size)
{
    ((struct allocator *)data)->present -= (int64_t)size;
    free(block);
}

START_TEST(survives_any_failed_allocation)
{
    struct allocator        allocator = {.left = -1};
    adaptau_context_options options = {.struct_size = sizeof options,
                                       .n_threads = 1,
                                       .allocate = allocate,
                                       .free = release,
                                       .allocator_data = &allocator};
    const adaptau_tables    tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_context        *own, *shared = context;
    ck_assert_int_eq(adaptau_context_create(&options, &own, NULL), ADAPTAU_OK);
    context = own;
    const int64_t at_first = allocator.present;
    for (allocator.left = 0;; allocator.left++) {
        const int            succeeding = allocator.left;
        adaptau_temperature *temperature = NULL;
        adaptau_status       status = adaptau_temperature_create(own, dataset, NULL, &temperature, NULL);
        ck_assert(status == ADAPTAU_OK || (status == ADAPTAU_E_MEMORY && !temperature));
        ck_assert(status == ADAPTAU_OK || allocator.present == at_first);
        adaptau_temperature_destroy(temperature);
        allocator.left = succeeding;
        if (status == ADAPTAU_OK)
            break;
    }
    allocator.left = -1;
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state before = update(temperature, &tables);
    const int64_t             with_temperature = allocator.present;
    int                       n_failures = 0;
    for (int succeeding = 0;; succeeding++) {
        allocator.left = succeeding;
        adaptau_status            status = adaptau_temperature_update(temperature, &tables, NULL);
        adaptau_temperature_state after = state_of(temperature);
        ck_assert_int_eq(allocator.present, with_temperature);
        if (status == ADAPTAU_OK)
            break;
        n_failures++;
        ck_assert_int_eq(status, ADAPTAU_E_MEMORY);
        ck_assert_mem_eq(&before, &after, sizeof before);
    }
    ck_assert_int_ge(n_failures, 3);
    adaptau_temperature_destroy(temperature);
    ck_assert_int_eq(allocator.present, at_first);
    context = shared;
    adaptau_context_destroy(own);
    ck_assert_int_eq(allocator.present, 0);
}
END_TEST

struct executor {
    int                        calls_left; /* that succeed; negative: all                                     */
    const adaptau_temperature *temperature; /* to be used from within, or NULL                                */
};

static int32_t execute(void *data, int32_t n_lanes, adaptau_lane_function lane, void *argument)
{
    struct executor *executor = data;
    if (executor->calls_left-- == 0)
        return 77;
    if (executor->temperature) {
        adaptau_temperature_state state = {.struct_size = sizeof state};
        const adaptau_tables      tables = make_tables(ADAPTAU_NORMALISE_BOTH);
        adaptau_temperature      *same = (adaptau_temperature *)executor->temperature;
        float                     one = 1.0f;
        CHECK_ERROR(adaptau_temperature_rows(same, 1, NULL, &one, NULL, &error), ADAPTAU_E_STATE, "in use");
        CHECK_ERROR(adaptau_temperature_observe(same, 1, NULL, &one, &error), ADAPTAU_E_STATE, "in use");
        CHECK_ERROR(adaptau_temperature_get_state(same, &state, &error), ADAPTAU_E_STATE, "in use");
        CHECK_ERROR(adaptau_temperature_update(same, &tables, &error), ADAPTAU_E_STATE, "in use");
    }
    for (int32_t i = n_lanes - 1; i >= 0; i--)
        lane(argument, i);
    return 0;
}

START_TEST(survives_an_executor_that_fails_and_refuses_a_second_thread)
{
    struct executor         executor = {.calls_left = -1};
    adaptau_context_options options = {
        .struct_size = sizeof options, .n_threads = 3, .executor = execute, .executor_data = &executor};
    const adaptau_tables tables = make_tables(ADAPTAU_NORMALISE_BOTH);
    adaptau_context     *own, *shared = context;
    ck_assert_int_eq(adaptau_context_create(&options, &own, NULL), ADAPTAU_OK);
    context = own;
    adaptau_temperature      *temperature = create(OPTIONS(.tau0 = ADAPTAU_TAU0_EXACT));
    adaptau_temperature_state before = update(temperature, &tables);
    int                       n_failures = 0;
    for (int succeeding = 0;; succeeding++) {
        executor.calls_left = succeeding;
        adaptau_status            status = adaptau_temperature_update(temperature, &tables, NULL);
        adaptau_temperature_state after = state_of(temperature);
        if (status == ADAPTAU_OK)
            break;
        n_failures++;
        ck_assert_int_eq(status, ADAPTAU_E_THREAD);
        ck_assert_mem_eq(&before, &after, sizeof before);
    }
    ck_assert_int_ge(n_failures, 3);
    executor = (struct executor){.calls_left = -1, .temperature = temperature};
    ck_assert_int_eq(adaptau_temperature_update(temperature, &tables, NULL), ADAPTAU_OK);
    adaptau_temperature_destroy(temperature);
    adaptau_context_destroy(own);
    context = shared;
}
END_TEST

/* ---- published data ------------------------------------------------------------------------------------------------------ */

/* Lines of "user item item ...". False, loudly, where the file is not there. */
static int read_published(const char *test, const char *name)
{
    char        path[4096];
    const char *parent = getenv("ADAPTAU_DATA_DIR");
    snprintf(path, sizeof path, "%s/%s/train.txt", parent ? parent : "", name);
    FILE *file = parent ? fopen(path, "r") : NULL;
    if (!file) {
        printf("SKIPPED: %s: no %s; set ADAPTAU_DATA_DIR to the folder that has it\n", test,
               parent ? path : "ADAPTAU_DATA_DIR");
        return 0;
    }
    int32_t *pairs = malloc(2 * 1000000 * sizeof *pairs), user = -1, n = 0;
    char     word[32];
    int      c;
    n_users = n_items = 0;
    while (fscanf(file, "%31s", word) == 1) {
        int32_t id = (int32_t)strtol(word, NULL, 10);
        if (user < 0) {
            user = id;
            n_users = id >= n_users ? id + 1 : n_users;
        } else {
            pairs[n] = user;
            pairs[1000000 + n++] = id;
            n_items = id >= n_items ? id + 1 : n_items;
        }
        while ((c = fgetc(file)) == ' ')
            ;
        if (c == '\n')
            user = -1;
        else
            ungetc(c, file);
    }
    fclose(file);
    adaptau_dataset_destroy(dataset);
    ck_assert_int_eq(adaptau_dataset_create_from_pairs(context, n_users, n_items, n, pairs, pairs + 1000000, &dataset, NULL),
                     ADAPTAU_OK);
    free(pairs);
    return 1;
}

static void check_published(double quantile, int64_t counted, double log_ratio)
{
    adaptau_temperature      *temperature = create(OPTIONS(.degree_quantile = quantile));
    adaptau_temperature_state state = state_of(temperature);
    ck_assert_int_eq(state.n_users_counted, counted);
    ck_assert_double_eq_tol(state.log_ratio, log_ratio, 1e-14);
    adaptau_temperature_destroy(temperature);
}

START_TEST(gowalla_counts_the_users_of_the_released_program)
{
    if (!read_published("gowalla_counts_the_users_of_the_released_program", "gowalla"))
        return;
    check_published(0.2, 22490, 6.425596769544532);
    check_published(0.0, 29858, 6.626977193840749);
}
END_TEST

START_TEST(movielens_has_its_published_log_ratio)
{
    if (!read_published("movielens_has_its_published_log_ratio", "movielens-1m"))
        return;
    check_published(0.0, 6022, 2.4429657278604062);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("temperature");
    TCase *tests = tcase_create("temperature");
    suite_add_tcase(suite, tests);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, moments_and_tau0_equal_their_definitions);
    tcase_add_test(tests, unit_rows_are_taken_as_they_are);
    tcase_add_test(tests, strides_change_nothing);
    tcase_add_test(tests, raw_tables_of_any_size_have_moments);
    tcase_add_test(tests, covariances_of_several_panels_add_up);
    tcase_add_test(tests, variance_keeps_its_digits_where_rows_share_a_direction);
    tcase_add_test(tests, results_are_the_same_for_any_number_of_threads);
    tcase_add_test(tests, warms_up_by_a_constant_and_measures_meanwhile);
    tcase_add_test(tests, keeps_tau0_where_positives_score_below_the_mean);
    tcase_add_test(tests, tables_of_zeros_keep_tau0);
    tcase_add_test(tests, bounds_take_effect_and_are_flagged);
    tcase_add_test(tests, exact_policy_says_when_its_equation_has_no_root);
    tcase_add_test(tests, exact_policy_draws_another_sample_at_each_update);
    tcase_add_test(tests, fixed_policy_never_changes);
    tcase_add_test(tests, equal_degrees_count_everyone);
    tcase_add_test(tests, users_who_own_most_items_get_the_greatest_temperature);
    tcase_add_test(tests, user_temperatures_equal_their_definitions);
    tcase_add_test(tests, users_far_below_the_threshold_sit_at_tau0_over_e);
    tcase_add_test(tests, the_last_observed_loss_counts_and_users_without_pairs_do_not);
    tcase_add_test(tests, rejects_options_out_of_range);
    tcase_add_test(tests, accepts_options_that_are_longer_with_zeros);
    tcase_add_test(tests, rejects_null);
    tcase_add_test(tests, rejects_users_and_losses_out_of_range_and_touches_nothing);
    tcase_add_test(tests, rejects_tables_that_do_not_fit_and_keeps_its_state);
    tcase_add_test(tests, empty_data_sets_have_a_temperature_but_no_updates);
    tcase_add_test(tests, survives_any_failed_allocation);
    tcase_add_test(tests, survives_an_executor_that_fails_and_refuses_a_second_thread);
    tcase_add_test(tests, gowalla_counts_the_users_of_the_released_program);
    tcase_add_test(tests, movielens_has_its_published_log_ratio);
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
