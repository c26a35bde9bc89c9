/* SPDX-License-Identifier: MIT */
/* Lists of ids as hosts hand them over. */
#include <check.h>

#include "../support/suite.h"
#include "common/lists.h"

static const int64_t     ptr[] = {0, 2, 2, 4};
static const int32_t     ids[] = {0, 3, 1, 2};
static adaptau_error     error;
static struct atau_lists lists;

static void set_up(void)
{
    lists = (struct atau_lists){.n = 3,
                                .ptr = ptr,
                                .ids = ids,
                                .limit = 4,
                                .ptr_name = "ptr",
                                .ids_name = "ids",
                                .limit_name = "n_items"};
}

static void expect(adaptau_status status, const char *message)
{
    ck_assert_int_eq(atau_check_lists(&lists, &error), status);
    if (message)
        ck_assert_str_eq(error.message, message);
}

START_TEST(accepts_ascending_lists_and_empty_ones)
{
    static const int64_t nothing[] = {0, 0, 0, 0};
    expect(ADAPTAU_OK, NULL);
    lists.ptr = nothing;
    lists.ids = NULL;
    lists.limit = 0;
    expect(ADAPTAU_OK, NULL);
    lists.n = 0;
    lists.ptr = NULL;
    expect(ADAPTAU_OK, NULL);
}
END_TEST

START_TEST(names_the_array_that_is_missing)
{
    lists.ids = NULL;
    expect(ADAPTAU_E_ARGUMENT, "ids is NULL, but ptr[3] = 4");
    lists.ptr = NULL;
    expect(ADAPTAU_E_ARGUMENT, "ptr is NULL");
}
END_TEST

START_TEST(names_the_offset_that_falls)
{
    static const int64_t late[] = {1, 2, 2, 4}, falling[] = {0, 2, 1, 4};
    lists.ptr = late;
    expect(ADAPTAU_E_SHAPE, "ptr[0] = 1, not 0");
    lists.ptr = falling;
    expect(ADAPTAU_E_SHAPE, "ptr[2] = 1 is below the 2 before it");
}
END_TEST

START_TEST(names_the_id_out_of_range)
{
    static const int32_t large[] = {0, 4, 1, 2}, negative[] = {0, 3, -1, 2};
    lists.ids = large;
    expect(ADAPTAU_E_INDEX, "ids[1] = 4, but n_items = 4");
    lists.ids = negative;
    expect(ADAPTAU_E_INDEX, "ids[2] = -1, but n_items = 4");
}
END_TEST

START_TEST(repeats_are_refused_unless_they_may_be)
{
    static const int32_t twice[] = {0, 3, 2, 2}, falling[] = {0, 3, 2, 1};
    lists.ids = twice;
    expect(ADAPTAU_E_INDEX, "ids[3] = 2 is not above the 2 before it, in row 2");
    lists.may_repeat = true;
    expect(ADAPTAU_OK, NULL);
    lists.ids = falling;
    expect(ADAPTAU_E_INDEX, "ids[3] = 1 is not above the 2 before it, in row 2");
}
END_TEST

/* The array has four ids; its last offset claims more than there can be. */
START_TEST(an_absurd_offset_reads_no_further_than_the_limit)
{
    static const int64_t absurd[] = {0, INT64_MAX / 8};
    static const int32_t few[] = {0, 1, 2, 3};
    lists.n = 1;
    lists.ptr = absurd;
    lists.ids = few;
    lists.limit = 3;
    expect(ADAPTAU_E_INDEX, "ids[3] = 3, but n_items = 3");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("lists of ids");
    TCase *tests = tcase_create("lists");
    tcase_add_checked_fixture(tests, set_up, NULL);
    tcase_add_test(tests, accepts_ascending_lists_and_empty_ones);
    tcase_add_test(tests, names_the_array_that_is_missing);
    tcase_add_test(tests, names_the_offset_that_falls);
    tcase_add_test(tests, names_the_id_out_of_range);
    tcase_add_test(tests, repeats_are_refused_unless_they_may_be);
    tcase_add_test(tests, an_absurd_offset_reads_no_further_than_the_limit);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
