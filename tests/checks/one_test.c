/* SPDX-License-Identifier: MIT */
/* Linked into Check's test programs by mutate.py, with --wrap: $ONE_TEST is "N FIRST END", the Nth test that the program adds and
 * the part of its loop to run, and the first failed assertion ends the program. Without it tests are listed, and none is run. A
 * program that the test starts in turn finds "all", and runs what it has. */
#define _GNU_SOURCE
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void __real__tcase_add_test(TCase *tests, const TTest *test, int signal, int status, int start, int end);
void __wrap__tcase_add_test(TCase *tests, const TTest *test, int signal, int status, int start, int end);
void __wrap__ck_assert_failed(const char *file, int line, const char *expression, ...);

void __wrap__tcase_add_test(TCase *tests, const TTest *test, int signal, int status, int start, int end)
{
    static int  n;
    static char own[64];
    const char *asked = own[0] ? own : getenv("ONE_TEST");
    int         wanted, first, last;
    if (asked && !own[0]) {
        snprintf(own, sizeof own, "%s", asked);
        setenv("ONE_TEST", "all", 1);
    }
    if (asked && strcmp(asked, "all") == 0)
        __real__tcase_add_test(tests, test, signal, status, start, end);
    else if (!asked)
        printf("test %d %s %d %d\n", n, test->name, start, end);
    else if (sscanf(asked, "%d %d %d", &wanted, &first, &last) == 3 && wanted == n)
        __real__tcase_add_test(tests, test, signal, status, first, last);
    n++;
}

void __wrap__ck_assert_failed(const char *file, int line, const char *expression, ...)
{
    fprintf(stderr, "%s:%d: %s\n", file, line, expression);
    _exit(1);
}
