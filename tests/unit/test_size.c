/* SPDX-License-Identifier: MIT */
/* Sizes are what they are or refused: also where pointers have 32 bits, and a count of 2^32 would be cut down to 0. */
#include <check.h>
#include <stdint.h>

#include "../support/suite.h"
#include "common/arena.h"
#include "common/size.h"
#include "common/sort.h"

static const uint64_t counts[] = {0, 1, 3, 63, 64, 65, 1u << 16, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x100000001,
                                  0x4000000000000000, 0x7fffffffffffffff, 0x8000000000000000, 0xffffffffffffffff};

enum { N_COUNTS = sizeof counts / sizeof *counts };

START_TEST(products_are_exact_or_refused)
{
    for (int a = 0; a < N_COUNTS; a++)
        for (int b = 0; b < N_COUNTS; b++) {
            size_t     product = 77;
            const bool fits = counts[a] == 0 || counts[b] <= (uint64_t)PTRDIFF_MAX / counts[a];
            ck_assert_msg(atau_size_multiply(counts[a], counts[b], &product) == fits, "%llu x %llu",
                          (unsigned long long)counts[a], (unsigned long long)counts[b]);
            ck_assert(product == (fits ? counts[a] * counts[b] : 77));
            if (counts[a] <= INT64_MAX && counts[b] <= INT64_MAX)
                ck_assert(atau_rows_fit((int64_t)counts[a], (int64_t)counts[b]) ==
                          (fits && counts[a] * counts[b] <= (uint64_t)PTRDIFF_MAX / sizeof(float)));
        }
}
END_TEST

START_TEST(an_arena_counts_exactly_or_is_spoilt)
{
    for (int a = 0; a < N_COUNTS; a++)
        for (int b = 0; b < N_COUNTS; b++) {
            struct atau_arena arena = {0};
            const bool        fits = counts[a] == 0 || counts[b] <= ((uint64_t)PTRDIFF_MAX - 128) / counts[a];
            atau_arena_take(&arena, 1, 1);
            atau_arena_take(&arena, counts[a], counts[b]);
            ck_assert((arena.used == SIZE_MAX) == !fits);
            if (fits)
                ck_assert(arena.used == 64 + atau_round_up((size_t)(counts[a] * counts[b]), 64));
        }
}
END_TEST

/* Of every length, with repeats, in every order that a sort may stumble over. */
START_TEST(sorting_sorts)
{
    int64_t  values[200], sum, sorted_sum;
    uint32_t state = 1;
    for (int64_t n = 0; n <= 200; n++)
        for (int kind = 0; kind < 5; kind++) {
            sum = sorted_sum = 0;
            for (int64_t i = 0; i < n; i++) {
                state = state * 1664525u + 1013904223u;
                values[i] = kind == 0 ? i : kind == 1 ? n - i : kind == 2 ? (int64_t)(state >> 24) % 7 : kind == 3 ? 5
                                                                                                     : (int64_t)state << 28;
                values[i] -= kind == 4 ? INT64_MAX : 2;
                sum += values[i] / 1024;
            }
            atau_sort(values, n);
            for (int64_t i = 0; i < n; i++) {
                sorted_sum += values[i] / 1024;
                ck_assert(i == 0 || values[i - 1] <= values[i]);
            }
            ck_assert_int_eq(sum, sorted_sum);
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("size");
    TCase *tests = tcase_create("size");
    tcase_add_test(tests, products_are_exact_or_refused);
    tcase_add_test(tests, an_arena_counts_exactly_or_is_spoilt);
    tcase_add_test(tests, sorting_sorts);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
