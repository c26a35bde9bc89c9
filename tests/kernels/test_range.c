/* SPDX-License-Identifier: MIT */
/* Kernels over the whole range of the numbers that the headers permit, at every level: scores, temperatures and log q from the
 * smallest to the largest float. */
#include <check.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/suite.h"
#include "levels.h"
#include "numbers.h"

#define LINES 7
#define COLUMNS 37
#define EPSILON 0x1p-23

static struct level levels[MAX_LEVELS];
static int          n_levels;

/* Of either sign, its size anywhere between two powers of two. */
static float any_number(uint32_t *state, int low, int high)
{
    float exponent = (float)low + 0.5f * (number(state) + 1.0f) * (float)(high - low);
    return copysignf(exp2f(exponent), number(state));
}

struct tile {
    float t[LINES * COLUMNS], scale[COLUMNS], log_q[LINES];
    float shift[COLUMNS];
};

/* Sizes of scores, of 1/τ and of log q (0: none); of a column they are alike. No logit is beyond the floats. */
static struct tile make_tile(uint32_t *state, int wide_q)
{
    struct tile tile;
    for (int j = 0; j < LINES; j++)
        tile.log_q[j] = wide_q ? any_number(state, -10, wide_q) : 0.0f;
    for (int r = 0; r < COLUMNS; r++) {
        const float size = fabsf(any_number(state, -100, 60)), sign = number(state);
        tile.scale[r] = fabsf(any_number(state, -60, 60));
        for (int j = 0; j < LINES; j++)
            tile.t[j * COLUMNS + r] = size * (sign < -0.5f ? -fabsf(number(state)) : number(state));
        tile.shift[r] = -INFINITY;
    }
    return tile;
}

/* A logit in float: rounded once, or after the product too. */
static int is_close(const struct tile *tile, int j, int r, float value, float shift)
{
    const float score = tile->t[j * COLUMNS + r], product = score * tile->scale[r];
    const float once = fmaf(score, tile->scale[r], -tile->log_q[j]), twice = product - tile->log_q[j];
    const double exact = (double)score * (double)tile->scale[r] - (double)tile->log_q[j] - (double)shift;
    const double logits[3] = {(double)once - (double)shift, (double)twice - (double)shift, exact};
    const double size = fabs((double)score * (double)tile->scale[r]) + fabs((double)tile->log_q[j]) + fabs((double)shift);
    for (int k = 0; k < 3; k++) {
        const double truth = exp(logits[k]);
        const double rounding = size < 0x1p22 ? expm1(EPSILON * (4.0 + size)) : 1e-6 * (1.0 + fabs(logits[k]));
        if (fabs((double)value - truth) <= 1.01 * rounding * truth + 1e-44)
            return 1;
    }
    return 0;
}

/* What a running maximum takes off leaves nothing above 1 and one candidate at 1, so that no sum is empty or infinite. */
START_TEST(exponentials_relative_to_the_maximum_are_at_most_1)
{
    const struct atau_kernels *k = &levels[_i].kernels;
    uint32_t                   state = 5;
    for (int trial = 0; trial < 600; trial++) {
        struct tile  tile = make_tile(&state, trial % 3 == 0 ? 0 : trial % 3 == 1 ? 5 : 90);
        const float *q = trial % 3 ? tile.log_q : NULL;
        float        before[LINES * COLUMNS], sum[COLUMNS] = {0.0f}, only_sum[COLUMNS] = {0.0f};
        k->max_tile(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, q, tile.shift);
        memcpy(before, tile.t, sizeof before);
        k->exp_sum(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, tile.shift, q, only_sum);
        k->exp_tile(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, tile.shift, q, sum);
        struct tile asked = tile;
        memcpy(asked.t, before, sizeof before);
        for (int r = 0; r < COLUMNS; r++) {
            float largest = 0.0f;
            for (int j = 0; j < LINES; j++) {
                const float value = tile.t[j * COLUMNS + r];
                if (!is_close(&asked, j, r, value, tile.shift[r]))
                    ck_abort_msg("%s: exp(%.9g * %.9g - %.9g - %.9g) = %.9g", levels[_i].name, (double)before[j * COLUMNS + r],
                                 (double)tile.scale[r], (double)tile.shift[r], (double)tile.log_q[j], (double)value);
                largest = fmaxf(largest, value);
            }
            /* Not wide, the exponent of the maximum is its own rounding error. */
            if (!(fabsf(largest - 1.0f) <= 0.07f && sum[r] >= 0.93f && sum[r] <= 1.07f * LINES))
                ck_abort_msg("%s: the largest is %.9g, the sum %.9g", levels[_i].name, (double)largest, (double)sum[r]);
            ck_assert_msg(only_sum[r] == sum[r], "%s: exp_sum is %.9g, exp_tile's sum %.9g", levels[_i].name,
                          (double)only_sum[r], (double)sum[r]);
        }
    }
}
END_TEST

/* A row's numbers are its own, whatever stands beside it. */
START_TEST(exponentials_do_not_depend_on_the_columns_beside)
{
    const struct atau_kernels *k = &levels[_i].kernels;
    uint32_t                   state = 9;
    for (int trial = 0; trial < 200; trial++) {
        struct tile  tile = make_tile(&state, 0), alone = tile;
        float        sum[COLUMNS] = {0.0f};
        k->max_tile(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, NULL, tile.shift);
        k->exp_tile(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, tile.shift, NULL, sum);
        for (int r = 0; r < COLUMNS; r++) {
            float own = 0.0f;
            k->exp_tile(LINES, 1, alone.t + r, COLUMNS, tile.scale + r, tile.shift + r, NULL, &own);
            ck_assert_msg(own == sum[r], "%s: %.9g alone, %.9g beside others", levels[_i].name, (double)own, (double)sum[r]);
            for (int j = 0; j < LINES; j++)
                ck_assert(alone.t[j * COLUMNS + r] == tile.t[j * COLUMNS + r]);
        }
    }
}
END_TEST

/* The same of exponentials that are rounded to bfloat16: their sums are not. */
START_TEST(bfloat16_exponentials_have_the_same_sums)
{
    const struct atau_kernels *k = &levels[_i].kernels;
    uint32_t                   state = 5;
    for (int trial = 0; trial < 300 && k->bf16; trial++) {
        struct tile  tile = make_tile(&state, trial % 3 == 0 ? 0 : trial % 3 == 1 ? 5 : 90);
        const float *q = trial % 3 ? tile.log_q : NULL;
        float        sum[COLUMNS] = {0.0f}, want[COLUMNS] = {0.0f};
        uint32_t     lines[LINES * COLUMNS], pairs[LINES * COLUMNS];
        k->max_tile(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, q, tile.shift);
        k->bf16->exp_tile(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, tile.shift, q, sum, lines, COLUMNS, pairs, COLUMNS);
        k->exp_sum(LINES, COLUMNS, tile.t, COLUMNS, tile.scale, tile.shift, q, want);
        for (int r = 0; r < COLUMNS; r++)
            ck_assert_msg(fabsf(sum[r] - want[r]) <= 1e-5f * want[r], "%s: %.9g, not %.9g", levels[_i].name, (double)sum[r],
                          (double)want[r]);
    }
}
END_TEST

/* Exponents of any size without a maximum, too: 0, infinity, or the exponential. */
START_TEST(exponentials_of_any_shift_are_the_definition)
{
    const struct atau_kernels *k = &levels[_i].kernels;
    uint32_t                   state = 77;
    for (int trial = 0; trial < 600; trial++) {
        struct tile tile = make_tile(&state, 20), after;
        float       sum[COLUMNS] = {0.0f};
        for (int r = 0; r < COLUMNS; r++)
            tile.shift[r] = any_number(&state, -20, trial % 2 ? 7 : 100);
        after = tile;
        k->exp_tile(LINES, COLUMNS, after.t, COLUMNS, tile.scale, tile.shift, tile.log_q, sum);
        for (int c = 0; c < LINES * COLUMNS; c++) {
            const int    j = c / COLUMNS, r = c % COLUMNS;
            const double x = (double)tile.t[c] * (double)tile.scale[r] - (double)tile.shift[r] - (double)tile.log_q[j];
            const double size = fabs((double)tile.t[c] * (double)tile.scale[r]) + fabs((double)tile.shift[r]) + 0x1p20;
            const double least = x - 4.0 * EPSILON * size, most = x + 4.0 * EPSILON * size;
            const double value = (double)after.t[c], low = least < -103.9 ? 0.0 : 0.999 * exp(least);
            ck_assert_msg(value >= fmin(low, 3.4e38) && (most > 88.72 || value <= 1.001 * exp(most) + 1e-44),
                          "%s: exp(%.9g) = %.9g", levels[_i].name, x, value);
        }
    }
}
END_TEST

/* Differences of equal numbers are 0 in every product of the engine: what BPR asks for. */
START_TEST(softplus_of_any_exponent_is_the_definition)
{
    const struct atau_kernels *k = &levels[_i].kernels;
    uint32_t                   state = 3;
    for (int trial = 0; trial < 2000; trial++) {
        float t[33], scale[33], shift[33], sum[33] = {0.0f}, before[33];
        for (int r = 0; r < 33; r++) {
            before[r] = t[r] = any_number(&state, -100, 60);
            scale[r] = fabsf(any_number(&state, -60, 60));
            shift[r] = any_number(&state, -20, trial % 2 ? 6 : 100);
        }
        k->softplus_tile(1, 33, t, 33, scale, shift, sum);
        for (int r = 0; r < 33; r++) {
            const double x = (double)before[r] * (double)scale[r] - (double)shift[r];
            const double room = 4.0 * EPSILON * (fabs((double)before[r] * (double)scale[r]) + fabs((double)shift[r]) + 1.0);
            const double most = fmax(x + room, 0.0) + log1p(exp(-fabs(x + room)));
            const double least = fmax(x - room, 0.0) + log1p(exp(-fabs(x - room)));
            ck_assert_msg((double)sum[r] >= least * 0.99999 - 1e-44 && (double)sum[r] <= most * 1.00001 + 1e-44,
                          "%s: softplus(%.9g) = %.9g", levels[_i].name, x, (double)sum[r]);
            ck_assert_msg((double)t[r] >= 0.99999 / (1.0 + exp(-(x - room))) - 1e-44 &&
                              (double)t[r] <= 1.00001 / (1.0 + exp(-(x + room))) + 1e-44,
                          "%s: sigmoid(%.9g) = %.9g", levels[_i].name, x, (double)t[r]);
        }
    }
}
END_TEST

/* Numbers of all sizes whose products and sums are floats. */
START_TEST(sums_of_numbers_of_all_sizes_are_the_definition)
{
    const struct atau_kernels *k = &levels[_i].kernels;
    uint32_t                   state = 21;
    for (int trial = 0; trial < 2000; trial++) {
        enum { N = 53 };
        float       x[N], y[N], z[N];
        const float alpha = any_number(&state, -50, 50);
        double      sum = 0.0, size = 0.0;
        for (int i = 0; i < N; i++) {
            x[i] = any_number(&state, -60, 60);
            z[i] = y[i] = any_number(&state, -60, 60);
            sum += (double)x[i] * (double)y[i];
            size += fabs((double)x[i] * (double)y[i]);
        }
        ck_assert(fabs((double)k->dot(N, x, y) - sum) <= N * EPSILON * size + 1e-36);
        k->axpy(N, alpha, x, z);
        for (int i = 0; i < N; i++) {
            const double step = (double)alpha * (double)x[i];
            ck_assert(fabs((double)z[i] - ((double)y[i] + step)) <= EPSILON * (fabs(step) + fabs((double)y[i])) + 1e-44);
        }
        k->product(1, N, 1, &alpha, 1, 1, x, N, 0, z, N);
        for (int i = 0; i < N; i++)
            ck_assert(fabs((double)z[i] - (double)alpha * (double)x[i]) <= EPSILON * fabs((double)alpha * (double)x[i]) + 1e-44);
    }
}
END_TEST

/* Also of rows whose squares are no floats. */
START_TEST(rows_of_any_length_return_to_the_sphere)
{
    const struct atau_adam adam = {.step = 0.0f, .second_scale = 1.0f, .beta1 = 0.9f, .beta2 = 0.999f, .epsilon = 1e-8f,
                                   .to_sphere = 1};
    for (int exponent = -140; exponent <= 120; exponent += 4)
        for (int shared = 0; shared < 2; shared++) {
            enum { N = 21 };
            float    row[N], gradient[N] = {0.0f}, first[N] = {0.0f}, second[N] = {0.0f};
            uint32_t state = 31;
            double   squares = 0.0;
            for (int i = 0; i < N; i++)
                row[i] = ldexpf(number(&state), exponent);
            (shared ? levels[_i].kernels.adam_row_shared : levels[_i].kernels.adam_row)(N, &adam, gradient, first, second, row);
            for (int i = 0; i < N; i++)
                squares += (double)row[i] * (double)row[i];
            ck_assert_msg(fabs(squares - 1.0) < 1e-5, "%s: rows of 2^%d get the length %.9g", levels[_i].name, exponent,
                          sqrt(squares));
        }
}
END_TEST

static Suite *range_suite(void)
{
    Suite *suite = suite_create("range");
    TCase *each = tcase_create("each level");
    tcase_set_timeout(each, 300);
    tcase_add_loop_test(each, exponentials_relative_to_the_maximum_are_at_most_1, 0, n_levels);
    tcase_add_loop_test(each, exponentials_do_not_depend_on_the_columns_beside, 0, n_levels);
    tcase_add_loop_test(each, bfloat16_exponentials_have_the_same_sums, 0, n_levels);
    tcase_add_loop_test(each, exponentials_of_any_shift_are_the_definition, 0, n_levels);
    tcase_add_loop_test(each, softplus_of_any_exponent_is_the_definition, 0, n_levels);
    tcase_add_loop_test(each, sums_of_numbers_of_all_sizes_are_the_definition, 0, n_levels);
    tcase_add_loop_test(each, rows_of_any_length_return_to_the_sphere, 0, n_levels);
    suite_add_tcase(suite, each);
    return suite;
}

int main(void)
{
    n_levels = find_levels(levels);
    return run_suite(range_suite());
}
