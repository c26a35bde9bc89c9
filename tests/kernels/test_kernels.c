/* SPDX-License-Identifier: MIT */
/* Row and tile kernels at every level, against the formulas in double, between guard pages. Products: test_product.c;
 * which kernels are taken: test_select.c. */
#include <check.h>
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/suite.h"
#include "fence.h"
#include "levels.h"
#include "numbers.h"

#define EPSILON 0x1p-23 /* relative distance of neighbouring floats                                            */
#define LONGEST 257
#define OFFSETS 16
#define ROOM 4096 /* floats between the guards                                                                 */

static struct level levels[MAX_LEVELS];
static int          n_levels;
static struct fence fences[4];

static void assert_close(const struct level *level, const char *what, int64_t n, int64_t i, float value, double truth,
                         double bound)
{
    if (!(fabs((double)value - truth) <= bound))
        ck_abort_msg("%s: %s, n = %d: [%d] = %.9g, not %.9g", level->name, what, (int)n, (int)i, (double)value, truth);
}

/* ck_assert writes to a pipe even when it holds: not for inner loops. */
static void require(const struct level *level, int holds, const char *what, int64_t n)
{
    if (!holds)
        ck_abort_msg("%s: %s, n = %d", level->name, what, (int)n);
}

static void assert_fences(const struct level *level, const char *what, int n_arrays, int64_t n, float *const arrays[])
{
    for (int a = 0; a < n_arrays; a++)
        if (!fence_intact(&fences[a], arrays[a], (size_t)n))
            ck_abort_msg("%s: %s, n = %d wrote outside array %d", level->name, what, (int)n, a);
}

/* ---- rows ---------------------------------------------------------------------------------------------------------- */

typedef void (*row_check)(const struct level *level, int64_t n, float *const arrays[]);

/* Run a check for every length, at every offset from either guard; the arrays lie at different offsets from each other. */
static void check_rows(const struct level *level, const char *what, int n_arrays, row_check check)
{
    for (int64_t n = 0; n <= LONGEST; n++)
        for (int place = 0; place < 2 * OFFSETS; place++) {
            float   *arrays[4];
            uint32_t state = (uint32_t)n;
            for (int a = 0; a < n_arrays; a++) {
                size_t offset = (size_t)(place / 2 * (a == 0 ? 1 : 2 * a + 1) % OFFSETS);
                arrays[a] = fence_place(&fences[a], (size_t)n, place & 1, offset);
                fill_numbers(&state, n, arrays[a]);
            }
            check(level, n, arrays);
            assert_fences(level, what, n_arrays, n, arrays);
        }
}

static void check_dot(const struct level *level, int64_t n, float *const arrays[])
{
    double sum = 0.0, size = 0.0;
    for (int64_t i = 0; i < n; i++) {
        double term = (double)arrays[0][i] * (double)arrays[1][i];
        sum += term;
        size += fabs(term);
    }
    float value = level->kernels.dot(n, arrays[0], arrays[1]);
    assert_close(level, "dot", n, 0, value, sum, (double)(n + 1) * EPSILON * size);
}

START_TEST(dot_equals_the_sum_in_double)
{
    check_rows(&levels[_i], "dot", 2, check_dot);
}
END_TEST

static void check_axpy(const struct level *level, int64_t n, float *const arrays[])
{
    float before[LONGEST];
    memcpy(before, arrays[1], (size_t)n * sizeof *before);
    level->kernels.axpy(n, 0.7f, arrays[0], arrays[1]);
    for (int64_t i = 0; i < n; i++) {
        double step = (double)0.7f * (double)arrays[0][i], start = (double)before[i];
        assert_close(level, "axpy", n, i, arrays[1][i], start + step, EPSILON * (fabs(start) + fabs(step)));
    }
}

START_TEST(axpy_adds_a_multiple)
{
    check_rows(&levels[_i], "axpy", 2, check_axpy);
}
END_TEST

static void check_scale(const struct level *level, int64_t n, float *const arrays[])
{
    level->kernels.scale(n, -1.7f, arrays[0], arrays[1]);
    for (int64_t i = 0; i < n; i++)
        require(level, arrays[1][i] == -1.7f * arrays[0][i], "scale", n);
    float before[LONGEST];
    memcpy(before, arrays[0], (size_t)n * sizeof *before);
    level->kernels.scale(n, 0.3f, arrays[0], arrays[0]);
    for (int64_t i = 0; i < n; i++)
        require(level, arrays[0][i] == 0.3f * before[i], "scale in place", n);
}

START_TEST(scale_multiplies_also_in_place)
{
    check_rows(&levels[_i], "scale", 2, check_scale);
}
END_TEST

/* Seven rows of n, one float apart, that end before a guard; some of them twice, all of them soon to be asked for. */
static void check_gather(const struct level *level, int64_t n, float *const arrays[])
{
    enum { ROWS = 7, IDS = 40 };
    const int64_t stride = n + 1;
    float        *x = fence_place(&fences[2], fence_span_of(ROWS, n, stride), 1, 0), weights[ROWS];
    int32_t       ids[IDS];
    uint32_t      state = 11;
    fill_lines(&state, ROWS, n, stride, x);
    fill_numbers(&state, ROWS, weights);
    for (int e = 0; e < IDS; e++)
        ids[e] = e * 5 % ROWS;
    for (int64_t n_ids = 0; n_ids < IDS; n_ids += n_ids < 3 ? 1 : 9)
        for (int weighted = 0; weighted < 2; weighted++)
            for (int with_base = 0; with_base < 3; with_base++) {
                const struct atau_gather from = {x, stride, n, weighted ? weights : NULL};
                float                    before[LONGEST];
                const float             *base = with_base == 2 ? arrays[1] : with_base ? arrays[0] : NULL;
                memcpy(before, base ? base : arrays[0], (size_t)n * sizeof *before);
                level->kernels.gather(&from, n_ids, IDS, ids, 0.3f, 0.7f, base, arrays[1]);
                for (int64_t i = 0; i < n; i++) {
                    double sum = base ? (double)0.7f * (double)before[i] : 0.0, size = fabs(sum);
                    for (int64_t e = 0; e < n_ids; e++) {
                        double term = (double)0.3f * (double)x[ids[e] * stride + i];
                        term *= weighted ? (double)weights[ids[e]] : 1.0;
                        sum += term;
                        size += fabs(term);
                    }
                    assert_close(level, "gather", n, i, arrays[1][i], sum, (double)(n_ids + 3) * EPSILON * size);
                }
            }
}

START_TEST(gather_sums_rows_also_onto_its_base)
{
    check_rows(&levels[_i], "gather", 2, check_gather);
}
END_TEST

/* The step in double, from the row's state before it. */
static void step_in_double(const struct atau_adam *adam, double gradient, double *first, double *second, double *weight)
{
    double g = gradient + (double)adam->decay * *weight;
    *first = (double)adam->beta1 * *first + (1.0 - (double)adam->beta1) * g;
    *second = (double)adam->beta2 * *second + (1.0 - (double)adam->beta2) * g * g;
    *weight -= (double)adam->step * *first / (sqrt(*second) * (double)adam->second_scale + (double)adam->epsilon);
}

static void check_adam(const struct level *level, int64_t n, float *const arrays[], const struct atau_adam *adam)
{
    double first[LONGEST], second[LONGEST], row[LONGEST], squares = 0.0;
    for (int64_t i = 0; i < n; i++) {
        arrays[2][i] = fabsf(arrays[2][i]);
        first[i] = (double)arrays[1][i];
        second[i] = (double)arrays[2][i];
        row[i] = (double)arrays[3][i];
        step_in_double(adam, (double)arrays[0][i], &first[i], &second[i], &row[i]);
        squares += row[i] * row[i];
    }
    level->kernels.adam_row(n, adam, arrays[0], arrays[1], arrays[2], arrays[3]);
    double inverse = adam->to_sphere && squares > 0.0 ? 1.0 / sqrt(squares) : 1.0;
    for (int64_t i = 0; i < n; i++) {
        assert_close(level, "first moment", n, i, arrays[1][i], first[i], 4 * EPSILON);
        assert_close(level, "second moment", n, i, arrays[2][i], second[i], 4 * EPSILON * second[i] + 1e-9);
        assert_close(level, "weight", n, i, arrays[3][i], row[i] * inverse, 64 * EPSILON * inverse);
    }
}

static const struct atau_adam adam_step = {.step = 0.01f,
                                           .second_scale = 1.5f,
                                           .beta1 = 0.9f,
                                           .beta2 = 0.999f,
                                           .epsilon = 1e-8f,
                                           .decay = 0.02f};

static void check_adam_free(const struct level *level, int64_t n, float *const arrays[])
{
    check_adam(level, n, arrays, &adam_step);
}

static void check_adam_sphere(const struct level *level, int64_t n, float *const arrays[])
{
    struct atau_adam adam = adam_step;
    adam.to_sphere = 1;
    check_adam(level, n, arrays, &adam);
}

START_TEST(adam_steps_as_in_double)
{
    check_rows(&levels[_i], "adam_row", 4, check_adam_free);
}
END_TEST

START_TEST(adam_returns_to_the_sphere)
{
    check_rows(&levels[_i], "adam_row to the sphere", 4, check_adam_sphere);
}
END_TEST

/* The second moment is one float, the last of its array: what lies before it stays, what lies behind it is fenced. */
static void check_adam_shared(const struct level *level, int64_t n, float *const arrays[], const struct atau_adam *adam)
{
    double first[LONGEST], row[LONGEST], mean = 0.0, squares = 0.0;
    float *second = arrays[2] + (n > 0 ? n - 1 : 0), before[LONGEST];
    for (int64_t i = 0; i < n; i++) {
        double g = (double)arrays[0][i] + (double)adam->decay * (double)arrays[3][i];
        first[i] = (double)adam->beta1 * (double)arrays[1][i] + (1.0 - (double)adam->beta1) * g;
        mean += g * g / (double)n;
        arrays[2][i] = fabsf(arrays[2][i]);
    }
    memcpy(before, arrays[2], (size_t)n * sizeof *before);
    double moment = n > 0 ? (double)adam->beta2 * (double)*second + (1.0 - (double)adam->beta2) * mean : 0.0;
    double factor = (double)adam->step / (sqrt(moment) * (double)adam->second_scale + (double)adam->epsilon);
    for (int64_t i = 0; i < n; i++) {
        row[i] = (double)arrays[3][i] - factor * first[i];
        squares += row[i] * row[i];
    }
    level->kernels.adam_row_shared(n, adam, arrays[0], arrays[1], second, arrays[3]);
    double inverse = adam->to_sphere && squares > 0.0 ? 1.0 / sqrt(squares) : 1.0;
    for (int64_t i = 0; i < n; i++) {
        assert_close(level, "first moment", n, i, arrays[1][i], first[i], 4 * EPSILON);
        assert_close(level, "weight", n, i, arrays[3][i], row[i] * inverse, (double)(n + 64) * EPSILON * inverse);
        require(level, i == n - 1 || arrays[2][i] == before[i], "a second moment too many", n);
    }
    if (n > 0)
        assert_close(level, "second moment", n, 0, *second, moment, (double)(n + 4) * EPSILON * moment);
}

static void check_adam_shared_free(const struct level *level, int64_t n, float *const arrays[])
{
    check_adam_shared(level, n, arrays, &adam_step);
}

static void check_adam_shared_sphere(const struct level *level, int64_t n, float *const arrays[])
{
    struct atau_adam adam = adam_step;
    adam.to_sphere = 1;
    check_adam_shared(level, n, arrays, &adam);
}

START_TEST(adam_with_a_shared_second_moment_steps_as_in_double)
{
    check_rows(&levels[_i], "adam_row_shared", 4, check_adam_shared_free);
}
END_TEST

START_TEST(adam_with_a_shared_second_moment_returns_to_the_sphere)
{
    check_rows(&levels[_i], "adam_row_shared to the sphere", 4, check_adam_shared_sphere);
}
END_TEST

/* Tails are computed in whole vectors: 0/0 in the lanes beyond them must not reach the length. */
START_TEST(adam_without_epsilon_keeps_the_row_finite)
{
    struct atau_adam adam = adam_step;
    adam.to_sphere = 1;
    adam.epsilon = 0.0f;
    for (int64_t n = 1; n < 40; n++) {
        for (int shared = 0; shared < 2; shared++) {
            float    gradient[40], first[40] = {0}, second[40] = {0}, row[40], squares = 0.0f;
            uint32_t state = 5;
            fill_numbers(&state, n, gradient);
            fill_numbers(&state, n, row);
            (shared ? levels[_i].kernels.adam_row_shared : levels[_i].kernels.adam_row)(n, &adam, gradient, first, second, row);
            for (int64_t i = 0; i < n; i++)
                squares += row[i] * row[i];
            ck_assert(fabsf(squares - 1.0f) < 1e-5f);
        }
    }
}
END_TEST

/* ---- tiles --------------------------------------------------------------------------------------------------------- */

/* A tile with its per-column arrays in fences 0 ... 2 and, in plain memory, what the kernel must not change. */
struct tile {
    int64_t lines, columns, stride;
    float  *t, *scale, *third; /* third: sum, maximum or threshold                                              */
    float  *shift;
    float  *log_q; /* or NULL                                                                                  */
    float  *before;
};

typedef void (*tile_check)(const struct level *level, struct tile *tile);

static struct tile make_tile(int64_t lines, int64_t columns, int64_t stride, int place, int with_log_q)
{
    struct tile tile = {.lines = lines, .columns = columns, .stride = stride};
    uint32_t    state = (uint32_t)(lines * 1000 + columns);
    size_t      n = (size_t)columns, span = fence_span_of(lines, columns, stride);
    size_t      offset = (size_t)(place / 2);
    tile.t = fence_place(&fences[0], span, place & 1, offset);
    tile.scale = fence_place(&fences[1], n, place & 1, offset * 3 % OFFSETS);
    tile.third = fence_place(&fences[2], n, place & 1, offset * 5 % OFFSETS);
    tile.shift = fence_place(&fences[3], n, place & 1, offset * 7 % OFFSETS);
    fill_lines(&state, lines, columns, stride, tile.t);
    fill_numbers(&state, columns, tile.scale);
    fill_numbers(&state, columns, tile.third);
    fill_numbers(&state, columns, tile.shift);
    tile.log_q = with_log_q ? malloc((size_t)(lines + 1) * sizeof(float)) : NULL;
    if (with_log_q)
        fill_numbers(&state, lines, tile.log_q);
    tile.before = malloc((span + 1) * sizeof(float));
    memcpy(tile.before, tile.t, span * sizeof(float));
    return tile;
}

static void finish_tile(const struct level *level, const char *what, struct tile *tile)
{
    float *const per_column[] = {tile->scale, tile->third, tile->shift};
    if (!fence_matrix_intact(&fences[0], tile->t, tile->lines, tile->columns, tile->stride))
        ck_abort_msg("%s: %s, %d x %d wrote outside the tile", level->name, what, (int)tile->lines, (int)tile->columns);
    for (int a = 0; a < 3; a++)
        if (!fence_intact(&fences[a + 1], per_column[a], (size_t)tile->columns))
            ck_abort_msg("%s: %s, %d columns wrote outside array %d", level->name, what, (int)tile->columns, a);
    free(tile->log_q);
    free(tile->before);
}

static void check_tiles(const struct level *level, const char *what, tile_check check)
{
    static const int64_t lines[] = {0, 1, 2, 5};
    for (int64_t columns = 0; columns <= 131; columns += columns < 50 || columns > 120 ? 1 : 7)
        for (int l = 0; l < 4; l++)
            for (int place = 0; place < 2 * OFFSETS; place++) {
                int64_t     stride = columns + (place % 3 == 0 ? 0 : 3);
                struct tile tile = make_tile(lines[l], columns, stride, place, place % 5 < 3);
                check(level, &tile);
                finish_tile(level, what, &tile);
            }
}

/* The exponent in double, and how far its rounding in float may change the exponential, relatively. */
static double exponent(const struct tile *tile, int64_t j, int64_t r, double *bound)
{
    double product = (double)tile->before[j * tile->stride + r] * (double)tile->scale[r];
    double shift = (double)tile->shift[r], q = tile->log_q ? (double)tile->log_q[j] : 0.0;
    *bound = EPSILON * (4.0 + fabs(product) + fabs(shift) + fabs(q));
    return product - shift - q;
}

static void check_sum(const struct level *level, const struct tile *tile, const float *sum_before)
{
    for (int64_t r = 0; r < tile->columns; r++) {
        double sum = (double)sum_before[r], bound, size = fabs(sum);
        for (int64_t j = 0; j < tile->lines; j++) {
            double term = exp(exponent(tile, j, r, &bound));
            sum += term;
            size += term * (1.0 + bound / EPSILON);
        }
        assert_close(level, "sum", tile->columns, r, tile->third[r], sum, (double)(tile->lines + 1) * EPSILON * size);
    }
}

static void check_exp_tile(const struct level *level, struct tile *tile)
{
    float sum_before[160];
    memcpy(sum_before, tile->third, (size_t)tile->columns * sizeof(float));
    level->kernels.exp_tile(tile->lines, tile->columns, tile->t, tile->stride, tile->scale, tile->shift, tile->log_q,
                            tile->third);
    for (int64_t j = 0; j < tile->lines; j++)
        for (int64_t r = 0; r < tile->columns; r++) {
            double bound, truth = exp(exponent(tile, j, r, &bound));
            assert_close(level, "exponential", tile->columns, r, tile->t[j * tile->stride + r], truth, bound * truth);
        }
    check_sum(level, tile, sum_before);
}

START_TEST(exp_tile_equals_exp_in_double)
{
    check_tiles(&levels[_i], "exp_tile", check_exp_tile);
}
END_TEST

static void assert_tile_unchanged(const struct level *level, const struct tile *tile)
{
    size_t span = fence_span_of(tile->lines, tile->columns, tile->stride);
    require(level, memcmp(tile->before, tile->t, span * sizeof(float)) == 0, "the tile changed", tile->columns);
}

static void check_exp_sum(const struct level *level, struct tile *tile)
{
    float sum_before[160];
    memcpy(sum_before, tile->third, (size_t)tile->columns * sizeof(float));
    level->kernels.exp_sum(tile->lines, tile->columns, tile->t, tile->stride, tile->scale, tile->shift, tile->log_q,
                           tile->third);
    assert_tile_unchanged(level, tile);
    check_sum(level, tile, sum_before);
}

START_TEST(exp_sum_equals_the_sum_in_double)
{
    check_tiles(&levels[_i], "exp_sum", check_exp_sum);
}
END_TEST

static void check_softplus_tile(const struct level *level, struct tile *tile)
{
    float sum_before[160];
    memcpy(sum_before, tile->third, (size_t)tile->columns * sizeof(float));
    free(tile->log_q); /* which it does not take                                                               */
    tile->log_q = NULL;
    level->kernels.softplus_tile(tile->lines, tile->columns, tile->t, tile->stride, tile->scale, tile->shift, tile->third);
    for (int64_t r = 0; r < tile->columns; r++) {
        double sum = (double)sum_before[r], size = fabs(sum), bound;
        for (int64_t j = 0; j < tile->lines; j++) {
            double x = exponent(tile, j, r, &bound), truth = 1.0 / (1.0 + exp(-x)), term = log1p(exp(x));
            assert_close(level, "sigmoid", tile->columns, r, tile->t[j * tile->stride + r], truth, 2.0 * bound * truth);
            sum += term;
            size += term + 2.0 * truth * bound / EPSILON;
        }
        assert_close(level, "sum", tile->columns, r, tile->third[r], sum, (double)(tile->lines + 1) * EPSILON * size);
    }
}

START_TEST(softplus_tile_equals_its_formulas_in_double)
{
    check_tiles(&levels[_i], "softplus_tile", check_softplus_tile);
}
END_TEST

static void check_max_tile(const struct level *level, struct tile *tile)
{
    double truth[160];
    if (tile->lines > 1 && tile->columns > 0)
        tile->t[tile->stride] = tile->before[tile->stride] = NAN; /* passed over                               */
    for (int64_t r = 0; r < tile->columns; r++) {
        if (r % 2)
            tile->third[r] = -INFINITY;
        truth[r] = (double)tile->third[r];
        for (int64_t j = 0; j < tile->lines; j++) {
            const double logit = (double)tile->t[j * tile->stride + r] * (double)tile->scale[r] -
                                 (tile->log_q ? (double)tile->log_q[j] : 0.0);
            if (logit > truth[r])
                truth[r] = logit;
        }
    }
    level->kernels.max_tile(tile->lines, tile->columns, tile->t, tile->stride, tile->scale, tile->log_q, tile->third);
    assert_tile_unchanged(level, tile);
    for (int64_t r = 0; r < tile->columns; r++)
        if (isinf(truth[r]))
            require(level, tile->third[r] == -INFINITY, "maximum of nothing", tile->columns);
        else
            assert_close(level, "maximum", tile->columns, r, tile->third[r], truth[r], 4 * EPSILON);
}

START_TEST(max_tile_equals_the_maximum_in_double)
{
    check_tiles(&levels[_i], "max_tile", check_max_tile);
}
END_TEST

/* Thresholds of every kind: among the scores, equal to one, out of reach, and none. */
static void set_thresholds(struct tile *tile)
{
    for (int64_t r = 0; r < tile->columns; r++)
        switch (r % 5) {
        case 0: tile->third[r] = tile->lines > 0 ? tile->t[r] : 0.0f; break;
        case 1: tile->third[r] = INFINITY; break;
        case 2: tile->third[r] = -INFINITY; break;
        case 3: tile->third[r] = NAN; break;
        default: break;
        }
    if (tile->lines > 1 && tile->columns > 2)
        tile->t[tile->stride + 2] = tile->before[tile->stride + 2] = NAN;
}

static void check_filter_tile(const struct level *level, struct tile *tile)
{
    size_t    room = (size_t)(tile->lines * tile->columns);
    uint32_t *expected = malloc((room + 1) * sizeof *expected);
    int64_t   n = 0;
    set_thresholds(tile);
    for (int64_t j = 0; j < tile->lines; j++)
        for (int64_t r = 0; r < tile->columns; r++)
            if (tile->t[j * tile->stride + r] > tile->third[r])
                expected[n++] = (uint32_t)j << 16 | (uint32_t)r;
    float *hits = fence_place(&fences[3], room, 1, 0); /* shift is not used: its fence holds the hits            */
    int64_t found = level->kernels.filter_tile(tile->lines, tile->columns, tile->t, tile->stride, tile->third,
                                               (uint32_t *)(void *)hits);
    require(level, found == n && memcmp(hits, expected, (size_t)n * sizeof *expected) == 0, "filter_tile", tile->columns);
    assert_tile_unchanged(level, tile);
    tile->shift = fence_place(&fences[3], (size_t)tile->columns, 1, 0);
    free(expected);
}

START_TEST(filter_tile_finds_exactly_the_scores_above)
{
    check_tiles(&levels[_i], "filter_tile", check_filter_tile);
}
END_TEST

START_TEST(filter_tile_has_room_when_everything_is_above)
{
    float threshold[131];
    for (int r = 0; r < 131; r++)
        threshold[r] = -INFINITY;
    for (int64_t columns = 1; columns <= 131; columns++) {
        float t[2 * 131] = {0};
        float *hits = fence_place(&fences[3], (size_t)(2 * columns), 1, 0);
        ck_assert_int_eq(levels[_i].kernels.filter_tile(2, columns, t, columns, threshold, (uint32_t *)(void *)hits),
                         2 * columns);
    }
}
END_TEST

/* The position of a hit has 16 bits for the line and 16 for the column. */
START_TEST(filter_tile_numbers_lines_and_columns_to_the_end)
{
    const int64_t wide = 65535;
    float        *t = calloc((size_t)wide, sizeof *t), *threshold = calloc((size_t)wide, sizeof *threshold);
    uint32_t      hits[4];
    t[wide - 1] = 1.0f;
    ck_assert_int_eq(levels[_i].kernels.filter_tile(1, wide, t, wide, threshold, hits), 1);
    ck_assert_uint_eq(hits[0], 65534);
    ck_assert_int_eq(levels[_i].kernels.filter_tile(wide, 1, t, 1, threshold, hits), 1);
    ck_assert_uint_eq(hits[0], 65534u << 16);
    free(t);
    free(threshold);
}
END_TEST

/* ---- exponential --------------------------------------------------------------------------------------------------- */

static void exponentials(const struct level *level, int64_t n, float *x)
{
    float one[64], zero[64] = {0}, sum[64] = {0};
    for (int r = 0; r < 64; r++)
        one[r] = 1.0f;
    for (; n > 0; n -= 64, x += 64)
        level->kernels.exp_tile(1, n < 64 ? n : 64, x, 64, one, zero, NULL, sum);
}

START_TEST(exp_of_special_values_is_defined)
{
    const struct {
        float x, low, high;
    } cases[] = {
        {-INFINITY, 0, 0},       {-FLT_MAX, 0, 0},          {-1e10f, 0, 0},         {-200.0f, 0, 0},
        {-104.0001f, 0, 0},      {-104.0f, 0, 0},           {0.0f, 1, 1},           {-0.0f, 1, 1},
        {FLT_MIN, 1, 1},         {-FLT_TRUE_MIN, 1, 1},     {89.0f, INFINITY, INFINITY},
        {1000.0f, INFINITY, INFINITY}, {FLT_MAX, INFINITY, INFINITY}, {INFINITY, INFINITY, INFINITY},
        {88.0f, 1.6516360e38f, 1.6516366e38f}, {-103.0f, FLT_TRUE_MIN, FLT_TRUE_MIN}, {-88.0f, 6.05460e-39f, 6.05461e-39f},
        {-103.9f, FLT_TRUE_MIN, FLT_TRUE_MIN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int lane = 0; lane < 33; lane++) {
            float x[64] = {0};
            x[lane] = cases[i].x;
            exponentials(&levels[_i], 33, x);
            if (!(x[lane] >= cases[i].low && x[lane] <= cases[i].high && !signbit(x[lane])))
                ck_abort_msg("%s: exp(%.9g) = %.9g", levels[_i].name, (double)cases[i].x, (double)x[lane]);
            require(&levels[_i], x[(lane + 1) % 33] == 1.0f, "the lane beside a special value", 33);
        }
}
END_TEST

START_TEST(exp_of_nan_is_nan_and_reaches_the_sum)
{
    float x[3] = {NAN, 0.0f, -NAN}, one[3] = {1, 1, 1}, zero[3] = {0}, sum[3] = {0};
    levels[_i].kernels.exp_sum(1, 3, x, 3, one, zero, NULL, sum);
    ck_assert(isnan(sum[0]) && sum[1] == 1.0f && isnan(sum[2]));
    levels[_i].kernels.exp_tile(1, 3, x, 3, one, zero, NULL, sum);
    ck_assert(isnan(x[0]) && x[1] == 1.0f && isnan(x[2]) && isnan(sum[0]));
}
END_TEST

/* Also where the host has asked for rounding upwards. */
START_TEST(exp_below_minus_104_is_zero_in_any_rounding_mode)
{
    float x[9] = {-104.0001f, -105.0f, -120.0f, -140.0f, -149.0f, -151.0f, -1e10f, -FLT_MAX, -INFINITY};
    fesetround(FE_UPWARD);
    exponentials(&levels[_i], 9, x);
    fesetround(FE_TONEAREST);
    for (int lane = 0; lane < 9; lane++)
        ck_assert(x[lane] == 0.0f);
}
END_TEST

/* −inf scores are masked candidates, whatever is taken off them. */
START_TEST(exp_of_masked_candidates_is_zero)
{
    float x[2] = {-INFINITY, -INFINITY}, scale[2] = {10.0f, 1e-3f}, shift[2] = {-80.0f, 80.0f}, q[1] = {-5.0f}, sum[2] = {0};
    levels[_i].kernels.exp_tile(1, 2, x, 2, scale, shift, q, sum);
    ck_assert(x[0] == 0.0f && x[1] == 0.0f && sum[0] == 0.0f && sum[1] == 0.0f);
}
END_TEST

static double ulp_of(double value)
{
    int exponent_of;
    frexp(value, &exponent_of);
    return ldexp(1.0, exponent_of - 24 < -149 ? -149 : exponent_of - 24);
}

START_TEST(exp_stays_within_one_and_a_half_ulp)
{
    static float x[1 << 16], y[1 << 16];
    double       worst = 0.0, at = 0.0;
    const double low = -104.0, high = 88.72, step = (high - low) / (64.0 * (1 << 16));
    for (int block = 0; block < 64; block++) {
        for (int i = 0; i < 1 << 16; i++)
            x[i] = y[i] = (float)(low + step * (double)(block * (1 << 16) + i));
        exponentials(&levels[_i], 1 << 16, y);
        for (int i = 0; i < 1 << 16; i++) {
            double truth = exp((double)x[i]), error = fabs((double)y[i] - truth) / ulp_of(truth);
            if (!(error <= worst)) {
                worst = error;
                at = (double)x[i];
            }
        }
    }
    ck_assert_msg(worst < 1.5, "%s: %.3f ulp at %.9g", levels[_i].name, worst, at);
}
END_TEST

/* ---- softplus ------------------------------------------------------------------------------------------------------ */

/* x to σ(x), and softplus(x) to y. */
static void softplus(const struct level *level, int64_t n, float *x, float *y)
{
    float one[64], zero[64] = {0};
    for (int r = 0; r < 64; r++)
        one[r] = 1.0f;
    for (; n > 0; n -= 64, x += 64, y += 64) {
        memset(y, 0, (size_t)(n < 64 ? n : 64) * sizeof(float));
        level->kernels.softplus_tile(1, n < 64 ? n : 64, x, 64, one, zero, y);
    }
}

START_TEST(softplus_stays_within_four_ulp)
{
    static float x[1 << 14], sigma[1 << 14], y[1 << 14];
    double       worst = 0.0, at = 0.0;
    const double low = -87.0, high = 87.0, step = (high - low) / (64.0 * (1 << 14));
    for (int block = 0; block < 64; block++) {
        for (int i = 0; i < 1 << 14; i++)
            x[i] = sigma[i] = (float)(low + step * (double)(block * (1 << 14) + i));
        softplus(&levels[_i], 1 << 14, sigma, y);
        for (int i = 0; i < 1 << 14; i++) {
            double e = exp(-fabs((double)x[i])), truth = fmax((double)x[i], 0.0) + log1p(e);
            double slope = (x[i] > 0.0f ? 1.0 : e) / (1.0 + e);
            double error = fmax(fabs((double)y[i] - truth) / ulp_of(truth), fabs((double)sigma[i] - slope) / ulp_of(slope));
            if (!(error <= worst)) {
                worst = error;
                at = (double)x[i];
            }
        }
    }
    ck_assert_msg(worst < 4.0, "%s: %.3f ulp at %.9g", levels[_i].name, worst, at);
}
END_TEST

START_TEST(softplus_of_special_values_is_defined)
{
    float x[7] = {-INFINITY, -FLT_MAX, -104.5f, NAN, FLT_MAX, INFINITY, 0.0f}, y[7];
    softplus(&levels[_i], 7, x, y);
    for (int i = 0; i < 3; i++)
        ck_assert(x[i] == 0.0f && y[i] == 0.0f);
    ck_assert(isnan(x[3]) && isnan(y[3]));
    ck_assert(x[4] == 1.0f && y[4] == FLT_MAX && x[5] == 1.0f && y[5] == INFINITY && x[6] == 0.5f);
}
END_TEST

/* ---- main ---------------------------------------------------------------------------------------------------------- */

static Suite *kernels_suite(void)
{
    Suite *suite = suite_create("kernels");
    TCase *each = tcase_create("each level");
    tcase_set_timeout(each, 300);
    tcase_add_loop_test(each, dot_equals_the_sum_in_double, 0, n_levels);
    tcase_add_loop_test(each, axpy_adds_a_multiple, 0, n_levels);
    tcase_add_loop_test(each, scale_multiplies_also_in_place, 0, n_levels);
    tcase_add_loop_test(each, gather_sums_rows_also_onto_its_base, 0, n_levels);
    tcase_add_loop_test(each, adam_steps_as_in_double, 0, n_levels);
    tcase_add_loop_test(each, adam_returns_to_the_sphere, 0, n_levels);
    tcase_add_loop_test(each, adam_with_a_shared_second_moment_steps_as_in_double, 0, n_levels);
    tcase_add_loop_test(each, adam_with_a_shared_second_moment_returns_to_the_sphere, 0, n_levels);
    tcase_add_loop_test(each, adam_without_epsilon_keeps_the_row_finite, 0, n_levels);
    tcase_add_loop_test(each, exp_tile_equals_exp_in_double, 0, n_levels);
    tcase_add_loop_test(each, exp_sum_equals_the_sum_in_double, 0, n_levels);
    tcase_add_loop_test(each, softplus_tile_equals_its_formulas_in_double, 0, n_levels);
    tcase_add_loop_test(each, max_tile_equals_the_maximum_in_double, 0, n_levels);
    tcase_add_loop_test(each, filter_tile_finds_exactly_the_scores_above, 0, n_levels);
    tcase_add_loop_test(each, filter_tile_has_room_when_everything_is_above, 0, n_levels);
    tcase_add_loop_test(each, filter_tile_numbers_lines_and_columns_to_the_end, 0, n_levels);
    tcase_add_loop_test(each, exp_of_special_values_is_defined, 0, n_levels);
    tcase_add_loop_test(each, exp_of_nan_is_nan_and_reaches_the_sum, 0, n_levels);
    tcase_add_loop_test(each, exp_below_minus_104_is_zero_in_any_rounding_mode, 0, n_levels);
    tcase_add_loop_test(each, exp_of_masked_candidates_is_zero, 0, n_levels);
    tcase_add_loop_test(each, exp_stays_within_one_and_a_half_ulp, 0, n_levels);
    tcase_add_loop_test(each, softplus_stays_within_four_ulp, 0, n_levels);
    tcase_add_loop_test(each, softplus_of_special_values_is_defined, 0, n_levels);
    suite_add_tcase(suite, each);
    return suite;
}

int main(void)
{
    n_levels = find_levels(levels);
    for (int i = 0; i < 4; i++)
        fences[i] = fence_create(ROOM);
    int failed = run_suite(kernels_suite());
    for (int i = 0; i < 4; i++)
        fence_destroy(&fences[i]);
    return failed;
}
