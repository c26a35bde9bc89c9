/* SPDX-License-Identifier: MIT */
/* Messages that are longer than their place: cut between characters, and nowhere else. */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "../support/suite.h"
#include "common/error.h"

enum { ROOM = sizeof((adaptau_error *)NULL)->message };

/* Of 1, 2, 3 and 4 bytes. */
static const char *const characters[] = {"a", "\xC3\xA9", "\xE2\x82\xAC", "\xF0\x9F\x8D\x8E"};

/* `n` letters and then the character, over and over. */
static void fill(char *text, size_t size, int n, const char *character)
{
    memset(text, 'x', (size_t)n);
    size_t at = (size_t)n;
    for (size_t length = strlen(character); at + length < size; at += length)
        memcpy(text + at, character, length);
    text[at] = '\0';
}

/* The longest beginning of whole characters that has room. */
static size_t whole_length(const char *text, int n, size_t character)
{
    const size_t most = strlen(text) < ROOM - 1 ? strlen(text) : ROOM - 1;
    return (size_t)n + (most - (size_t)n) / character * character;
}

static void check(const char *text, int n, size_t character)
{
    adaptau_error error = {0};
    const size_t  length = whole_length(text, n, character);
    ck_assert_int_eq(atau_fail(&error, ADAPTAU_E_STATE, "%s", text), ADAPTAU_E_STATE);
    ck_assert_uint_eq(strlen(error.message), length);
    ck_assert_int_eq(memcmp(error.message, text, length), 0);
}

START_TEST(a_long_message_is_cut_between_characters)
{
    char text[3 * ROOM];
    for (int n = 0; n < 8; n++) {
        fill(text, sizeof text, n, characters[_i]);
        check(text, n, (size_t)_i + 1);
    }
}
END_TEST

START_TEST(a_message_that_fits_keeps_its_last_character)
{
    char text[ROOM];
    for (int n = 0; n < 4; n++)
        for (size_t size = (size_t)(n + _i + 2); size <= sizeof text; size += size < 20 ? 1 : 7) {
            fill(text, size, n, characters[_i]);
            check(text, n, (size_t)_i + 1);
        }
}
END_TEST

/* Without a first byte of a character there is nothing to keep together. */
START_TEST(bytes_that_are_no_characters_are_survived)
{
    char          text[2 * ROOM];
    adaptau_error error = {0};
    memset(text, 0xBF, sizeof text - 1);
    text[sizeof text - 1] = '\0';
    atau_fail(&error, ADAPTAU_E_STATE, "%s", text);
    ck_assert_uint_lt(strlen(error.message), (size_t)ROOM);
    ck_assert_int_eq(memcmp(error.message, text, strlen(error.message)), 0);
    atau_fail(&error, ADAPTAU_E_STATE, "%s", "");
    ck_assert_str_eq(error.message, "");
}
END_TEST

START_TEST(what_the_system_says_is_cut_like_that_too)
{
    char text[3 * ROOM], wanted[6 * ROOM];
    for (int size = 2; size <= ROOM; size++) {
        adaptau_error error = {0};
        fill(text, (size_t)size, 1, characters[_i]);
        ck_assert_int_eq(atau_fail_os(&error, ENOSPC, "%s", text), ADAPTAU_E_IO);
        ck_assert_int_eq(error.os_error, ENOSPC);
        snprintf(wanted, sizeof wanted, "%s: %s", text, strerror(ENOSPC));
        const size_t length = strlen(error.message), all = strlen(wanted);
        ck_assert_int_eq(memcmp(error.message, wanted, length), 0);
        ck_assert_uint_ge(length + (size_t)_i, all < ROOM - 1 ? all : ROOM - 1);
        ck_assert_int_ne((unsigned char)wanted[length] & 0xC0, 0x80); /* the next byte begins a character      */
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("error");
    TCase *tests = tcase_create("error");
    tcase_add_loop_test(tests, a_long_message_is_cut_between_characters, 0, 4);
    tcase_add_loop_test(tests, a_message_that_fits_keeps_its_last_character, 0, 4);
    tcase_add_test(tests, bytes_that_are_no_characters_are_survived);
    tcase_add_loop_test(tests, what_the_system_says_is_cut_like_that_too, 0, 4);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
