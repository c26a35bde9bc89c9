/* SPDX-License-Identifier: MIT */
/* The random streams: known answers of Philox 4x32-10, independence of streams, and the shape of the distributions. */
#include <check.h>
#include <math.h>
#include <stdlib.h>

#include "../support/suite.h"
#include "common/random.h"

/* The all-zero test vector of the Random123 distribution (kat_vectors: philox4x32 10). */
START_TEST(zero_key_and_counter_give_the_published_block)
{
    struct atau_stream stream;
    atau_stream_start(&stream, 0, 0, 0, 0);
    ck_assert_uint_eq(atau_stream_next(&stream), 0x6627e8d5u);
    ck_assert_uint_eq(atau_stream_next(&stream), 0xe169c58du);
    ck_assert_uint_eq(atau_stream_next(&stream), 0xbc57ac4cu);
    ck_assert_uint_eq(atau_stream_next(&stream), 0x9b00dbd8u);
}
END_TEST

START_TEST(streams_differ_in_every_part_of_their_name)
{
    const uint64_t     names[6][4] = {{1, 2, 3, 4}, {2, 2, 3, 4}, {1, 3, 3, 4}, {1, 2, 4, 4}, {1, 2, 3, 5}, {1, 2, 3, 1 << 20}};
    uint32_t           first[6];
    struct atau_stream stream;
    for (int i = 0; i < 6; i++) {
        atau_stream_start(&stream, names[i][0], (int)names[i][1], names[i][2], names[i][3]);
        first[i] = atau_stream_next(&stream);
        for (int j = 0; j < i; j++)
            ck_assert_uint_ne(first[i], first[j]);
    }
}
END_TEST

START_TEST(below_is_uniform)
{
    int                count[7] = {0};
    const int          draws = 70000;
    double             chi2 = 0.0;
    struct atau_stream stream;
    atau_stream_start(&stream, 9, 1, 0, 0);
    for (int i = 0; i < draws; i++) {
        uint32_t value = atau_stream_below(&stream, 7);
        ck_assert_uint_lt(value, 7);
        count[value]++;
    }
    for (int b = 0; b < 7; b++)
        chi2 += (count[b] - draws / 7.0) * (count[b] - draws / 7.0) / (draws / 7.0);
    ck_assert(chi2 < 30.0); /* 6 degrees of freedom: 1 in 25,000                                              */
    ck_assert_uint_eq(atau_stream_below(&stream, 1), 0);
}
END_TEST

START_TEST(normal_has_the_moments_of_a_normal)
{
    const int          n = 200000;
    double             sum = 0.0, squares = 0.0, fourth = 0.0;
    struct atau_stream stream;
    atau_stream_start(&stream, 9, 2, 0, 0);
    for (int i = 0; i < n; i++) {
        double x = atau_stream_normal(&stream);
        sum += x;
        squares += x * x;
        fourth += x * x * x * x;
    }
    ck_assert(fabs(sum / n) < 0.012);
    ck_assert(fabs(squares / n - 1.0) < 0.02);
    ck_assert(fabs(fourth / n - 3.0) < 0.12);
}
END_TEST

START_TEST(uniform_stays_in_its_interval)
{
    struct atau_stream stream;
    double             sum = 0.0;
    atau_stream_start(&stream, 3, 3, 7, 0);
    for (int i = 0; i < 100000; i++) {
        double x = atau_stream_uniform(&stream);
        ck_assert(x >= 0.0 && x < 1.0);
        sum += x;
    }
    ck_assert(fabs(sum / 100000 - 0.5) < 0.005);
}
END_TEST

/* Every bit is set half of the time, over neighbouring pairs; and half of the bits change with the key, or with either id. */
START_TEST(numbers_of_pairs_are_uniform_and_independent)
{
    enum { SIDE = 300 };
    int    set[32] = {0};
    double changed[3] = {0.0};
    for (uint32_t a = 0; a < SIDE; a++)
        for (uint32_t b = 0; b < SIDE; b++) {
            uint32_t x = atau_pair_random(7, a, b);
            uint32_t others[3] = {atau_pair_random(8, a, b), atau_pair_random(7, a + 1, b), atau_pair_random(7, a, b + 1)};
            for (int bit = 0; bit < 32; bit++)
                set[bit] += (int)(x >> bit & 1);
            for (int k = 0; k < 3; k++)
                changed[k] += __builtin_popcount(x ^ others[k]) / 32.0;
        }
    for (int bit = 0; bit < 32; bit++)
        ck_assert(abs(set[bit] - SIDE * SIDE / 2) < 5 * SIDE / 2); /* 5 standard deviations                      */
    for (int k = 0; k < 3; k++)
        ck_assert(fabs(changed[k] / (SIDE * SIDE) - 0.5) < 0.002);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random");
    TCase *all = tcase_create("streams");
    tcase_add_test(all, zero_key_and_counter_give_the_published_block);
    tcase_add_test(all, streams_differ_in_every_part_of_their_name);
    tcase_add_test(all, below_is_uniform);
    tcase_add_test(all, normal_has_the_moments_of_a_normal);
    tcase_add_test(all, uniform_stays_in_its_interval);
    tcase_add_test(all, numbers_of_pairs_are_uniform_and_independent);
    suite_add_tcase(suite, all);
    return run_suite(suite);
}
