/* SPDX-License-Identifier: MIT */
/* Structs of callers that are older or newer than the library. */
#include <check.h>
#include <stddef.h>

#include "../support/ok.h"
#include "../support/suite.h"
#include "common/abi.h"

/* A struct that had `first` alone in its first version, then got `second`. */
struct grown {
    uint32_t struct_size;
    int32_t  first;
    double   second;
};

#define LEAST offsetof(struct grown, second)

static adaptau_error error;

START_TEST(a_shorter_struct_is_extended_with_zeros)
{
    struct grown given = {.struct_size = LEAST, .first = 7, .second = 9.0}, read = {.second = 1.0};
    OK(atau_read_struct(&read, sizeof read, LEAST, &given, false, "given", &error));
    ck_assert(read.struct_size == sizeof read && read.first == 7 && read.second == 0.0);
}
END_TEST

START_TEST(a_struct_below_its_first_size_is_refused)
{
    struct grown given = {.struct_size = LEAST - 1}, read;
    ck_assert_int_eq(atau_read_struct(&read, sizeof read, LEAST, &given, false, "given", &error), ADAPTAU_E_ABI);
    ck_assert_int_eq(atau_check_output(&given, LEAST, "given", &error), ADAPTAU_E_ABI);
    given.struct_size = LEAST;
    OK(atau_check_output(&given, LEAST, "given", &error));
}
END_TEST

START_TEST(a_longer_struct_is_read_while_its_tail_is_zero)
{
    struct {
        struct grown known;
        char         tail[8];
    } given = {.known = {.struct_size = sizeof given, .first = 3, .second = 4.0}};
    struct grown read;
    OK(atau_read_struct(&read, sizeof read, LEAST, &given, false, "given", &error));
    ck_assert(read.struct_size == sizeof read && read.first == 3 && read.second == 4.0);
    given.tail[7] = 1;
    ck_assert_int_eq(atau_read_struct(&read, sizeof read, LEAST, &given, false, "given", &error), ADAPTAU_E_ABI);
}
END_TEST

START_TEST(a_shorter_output_gets_what_it_has_room_for)
{
    struct grown out = {.struct_size = LEAST, .second = -1.0}, result = {.struct_size = sizeof result, .first = 5, .second = 6.0};
    atau_write_struct(&out, &result, sizeof result);
    ck_assert(out.struct_size == LEAST && out.first == 5 && out.second == -1.0);
}
END_TEST

START_TEST(members_that_a_shorter_struct_lacks_take_their_defaults)
{
    const struct grown defaults = {.struct_size = sizeof defaults, .first = 1, .second = 2.5};
    struct grown       given = {.struct_size = LEAST, .first = 7, .second = 9.0}, read;
    OK(atau_read_struct(&read, sizeof read, LEAST, &given, false, "given", &error));
    atau_complete_struct(&read, &defaults, sizeof read, &given);
    ck_assert(read.struct_size == sizeof read && read.first == 7 && read.second == 2.5);

    given.struct_size = LEAST + 4; /* a part of a member is none                                                 */
    OK(atau_read_struct(&read, sizeof read, LEAST, &given, false, "given", &error));
    atau_complete_struct(&read, &defaults, sizeof read, &given);
    ck_assert(read.first == 7 && read.second == 2.5);

    given = (struct grown){.struct_size = sizeof given}; /* 0 means 0                                            */
    OK(atau_read_struct(&read, sizeof read, LEAST, &given, false, "given", &error));
    atau_complete_struct(&read, &defaults, sizeof read, &given);
    ck_assert(read.first == 0 && read.second == 0.0);

    OK(atau_read_struct(&read, sizeof read, LEAST, NULL, true, "given", &error));
    atau_complete_struct(&read, &defaults, sizeof read, NULL);
    ck_assert(read.struct_size == sizeof read && read.first == 1 && read.second == 2.5);
}
END_TEST

START_TEST(defaults_are_written_as_far_as_a_struct_goes)
{
    const struct grown defaults = {.struct_size = sizeof defaults, .first = 1, .second = 2.5};
    struct {
        struct grown known;
        char         tail[8];
    } longer = {.known = {.struct_size = sizeof longer, .first = 3}, .tail = {1, 2, 3, 4, 5, 6, 7, 8}};
    struct grown shorter = {.struct_size = LEAST, .first = 7, .second = 9.0};
    OK(atau_init_struct(&longer, &defaults, sizeof defaults, LEAST, "longer", &error));
    ck_assert(longer.known.struct_size == sizeof longer && longer.known.first == 1 && longer.known.second == 2.5);
    for (size_t k = 0; k < sizeof longer.tail; k++)
        ck_assert_int_eq(longer.tail[k], 0);
    OK(atau_init_struct(&shorter, &defaults, sizeof defaults, LEAST, "shorter", &error));
    ck_assert(shorter.struct_size == LEAST && shorter.first == 1 && shorter.second == 9.0);
    shorter.struct_size = LEAST - 1;
    shorter.first = 7;
    ck_assert_int_eq(atau_init_struct(&shorter, &defaults, sizeof defaults, LEAST, "shorter", &error), ADAPTAU_E_ABI);
    ck_assert_int_eq(shorter.first, 7);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("abi");
    TCase *tests = tcase_create("structs");
    tcase_add_test(tests, a_shorter_struct_is_extended_with_zeros);
    tcase_add_test(tests, a_struct_below_its_first_size_is_refused);
    tcase_add_test(tests, a_longer_struct_is_read_while_its_tail_is_zero);
    tcase_add_test(tests, a_shorter_output_gets_what_it_has_room_for);
    tcase_add_test(tests, members_that_a_shorter_struct_lacks_take_their_defaults);
    tcase_add_test(tests, defaults_are_written_as_far_as_a_struct_goes);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
