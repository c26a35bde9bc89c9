/* SPDX-License-Identifier: MIT */
/* How many threads a context starts when it is left to it. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include <check.h>

#ifdef __linux__
#include <sched.h>
#endif

#include "../support/suite.h"
#include "os/system.h"

START_TEST(a_quota_is_rounded_up_to_whole_cpus)
{
    static const struct {
        const char *text;
        int         cpus;
    } cases[] = {{"max 100000\n", 0}, {"100000 100000\n", 1}, {"150000 100000\n", 2}, {"1000 100000\n", 1}, {"800000 100000\n", 8},
                 {"", 0},             {"100000", 0},           {"100000 0\n", 0},      {"-1 100000\n", 0},   {"rubbish", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(atau_quota_cpus(cases[i].text) == cases[i].cpus, "'%s': %d", cases[i].text,
                      (int)atau_quota_cpus(cases[i].text));
}
END_TEST

START_TEST(a_thread_bound_to_one_cpu_counts_one)
{
#ifdef __linux__
    cpu_set_t all, one;
    size_t    cpu = 0;
    ck_assert_int_eq(sched_getaffinity(0, sizeof all, &all), 0);
    const int64_t before = atau_cpu_count();
    ck_assert_int_ge(before, 1);
    ck_assert_int_le(before, CPU_COUNT(&all));
    while (!CPU_ISSET(cpu, &all))
        cpu++;
    CPU_ZERO(&one);
    CPU_SET(cpu, &one);
    ck_assert_int_eq(sched_setaffinity(0, sizeof one, &one), 0);
    const int64_t bound = atau_cpu_count();
    ck_assert_int_eq(sched_setaffinity(0, sizeof all, &all), 0);
    ck_assert_int_eq(bound, 1);
    ck_assert_int_eq(atau_cpu_count(), before);
#endif
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cpu_count");
    TCase *tests = tcase_create("cpu_count");
    tcase_add_test(tests, a_quota_is_rounded_up_to_whole_cpus);
    tcase_add_test(tests, a_thread_bound_to_one_cpu_counts_one);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
