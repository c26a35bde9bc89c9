/* SPDX-License-Identifier: MIT */
/* All numbers of binary16, widened at every level and narrowed again, against their definition in double. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/draw.h"
#include "../support/suite.h"
#include "common/half.h"
#include "fence.h"
#include "kernels/halves.h"
#include "kernels/rows.h"
#include "levels.h"

static struct level levels[MAX_LEVELS];

/* (-1)^s 2^(e - 15) (1 + f/1024); e = 0: 2^-14 f/1024; e = 31: infinity, or NaN. */
static double value_of(uint16_t half)
{
    const int    exponent = half >> 10 & 31, fraction = half & 1023;
    const double size = exponent == 0    ? ldexp(fraction, -24)
                        : exponent == 31 ? (fraction ? NAN : INFINITY)
                                         : ldexp(1024 + fraction, exponent - 25);
    return half & 0x8000 ? -size : size;
}

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

START_TEST(all_halves_are_widened_exactly)
{
    static uint16_t halves[65536];
    static float    widened[65536];
    for (int h = 0; h < 65536; h++)
        halves[h] = (uint16_t)h;
    levels[_i].kernels.widen(65536, halves, widened);
    for (int h = 0; h < 65536; h++) {
        const double want = value_of((uint16_t)h);
        if (isnan(want))
            ck_assert_msg(isnan(widened[h]), "%s: 0x%04x", levels[_i].name, (unsigned)h);
        else
            ck_assert_msg(bits_of(widened[h]) == bits_of((float)want), "%s: 0x%04x is %g, not %g", levels[_i].name, (unsigned)h,
                          (double)widened[h], want);
        ck_assert_msg(!isnan(want) == !isnan(atau_half_widen((uint16_t)h)), "0x%04x", (unsigned)h); /* MinGW has 1 and -1 */
    }
}
END_TEST

/* Of any number and at any place; nothing beside them is read or written. */
START_TEST(arrays_of_any_length_are_widened_between_fences)
{
    struct fence from = fence_create(64), to = fence_create(64);
    random_state = 5;
    for (int64_t n = 0; n <= 64; n++) {
        uint16_t *halves = (uint16_t *)(void *)(from.map + from.bytes - from.page) - n; /* up to the forbidden page  */
        float    *out = (float *)(void *)(to.map + to.bytes - to.page) - n;
        for (int64_t k = 0; k < n; k++)
            halves[k] = (uint16_t)(draw(31 << 10) | (draw(2) ? 0x8000 : 0));
        if (n < 64)
            out[-1] = 7.0f;
        levels[_i].kernels.widen(n, halves, out);
        for (int64_t k = 0; k < n; k++)
            ck_assert_msg(bits_of(out[k]) == bits_of((float)value_of(halves[k])), "%s: %lld of %lld", levels[_i].name, (long long)k,
                          (long long)n);
        if (n < 64)
            ck_assert_msg(out[-1] == 7.0f, "%s: writes before %lld numbers", levels[_i].name, (long long)n);
    }
    fence_destroy(&from);
    fence_destroy(&to);
}
END_TEST

/* The nearest of two neighbours, and half-way the one that is even. */
START_TEST(numbers_are_narrowed_to_the_nearest)
{
    for (int h = 0; h < 0x7BFF; h++)
        for (int sign = 0; sign < 2; sign++) {
            const uint16_t low = (uint16_t)(h | sign << 15), high = (uint16_t)((h + 1) | sign << 15);
            const float    a = (float)value_of(low), b = (float)value_of(high), middle = (float)(((double)a + (double)b) / 2.0);
            ck_assert_uint_eq(atau_half_narrow(a), low);
            ck_assert_uint_eq(atau_half_narrow(middle), h % 2 ? high : low);
            ck_assert_uint_eq(atau_half_narrow(nextafterf(middle, a)), low);
            ck_assert_uint_eq(atau_half_narrow(nextafterf(middle, b)), high);
        }
    ck_assert_uint_eq(atau_half_narrow(65504.0f), 0x7BFF);
    ck_assert_uint_eq(atau_half_narrow(nextafterf(65520.0f, 0.0f)), 0x7BFF);
    ck_assert_uint_eq(atau_half_narrow(65520.0f), 0x7C00);
    ck_assert_uint_eq(atau_half_narrow(-3e38f), 0xFC00);
    ck_assert_uint_eq(atau_half_narrow(-INFINITY), 0xFC00);
    ck_assert_uint_eq(atau_half_narrow(0x1p-25f), 0x0000);
    ck_assert_uint_eq(atau_half_narrow(nextafterf(0x1p-25f, 1.0f)), 0x0001);
    ck_assert_uint_eq(atau_half_narrow(-1e-45f), 0x8000);
    ck_assert_uint_eq(atau_half_narrow(-0.0f), 0x8000);
    ck_assert_uint_eq(atau_half_narrow(NAN) & 0x7FFF, 0x7E00);
}
END_TEST

START_TEST(the_first_bad_row_is_found)
{
    uint16_t rows[12] = {0};
    ck_assert_int_eq(atau_find_bad_half(rows, 4, 3), 4);
    rows[11] = 0xFC00;
    ck_assert_int_eq(atau_find_bad_half(rows, 4, 3), 3);
    rows[4] = 0x7E01;
    ck_assert_int_eq(atau_find_bad_half(rows, 4, 3), 1);
    rows[4] = 0x7BFF;
    ck_assert_int_eq(atau_find_bad_half(rows, 4, 3), 3);
}
END_TEST

START_TEST(rows_come_back_to_length_1_where_they_belong_there)
{
    enum { DIM = 21 };
    uint16_t halves[3 * DIM];
    float    rows[2 * DIM], want[DIM];
    random_state = 9;
    for (int k = 0; k < 3 * DIM; k++)
        halves[k] = atau_half_narrow((float)(draw(2000) - 1000) / 3000.0f);
    for (int unit = 0; unit < 2; unit++) {
        const struct atau_halves h = {halves, unit};
        atau_read_halves(&levels[_i].kernels, &h, DIM, 1, 2, rows);
        for (int r = 0; r < 2; r++) {
            for (int k = 0; k < DIM; k++)
                want[k] = (float)value_of(halves[(r + 1) * DIM + k]);
            if (unit)
                atau_unit_row(&levels[_i].kernels, DIM, want, want);
            ck_assert_mem_eq(rows + r * DIM, want, sizeof want);
        }
    }
}
END_TEST

int main(void)
{
    const int n_levels = find_levels(levels);
    Suite    *suite = suite_create("halves");
    TCase    *tests = tcase_create("halves");
    tcase_add_loop_test(tests, all_halves_are_widened_exactly, 0, n_levels);
    tcase_add_loop_test(tests, arrays_of_any_length_are_widened_between_fences, 0, n_levels);
    tcase_add_test(tests, numbers_are_narrowed_to_the_nearest);
    tcase_add_test(tests, the_first_bad_row_is_found);
    tcase_add_loop_test(tests, rows_come_back_to_length_1_where_they_belong_there, 0, n_levels);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
