/* SPDX-License-Identifier: MIT */
/* How many threads a context starts when it is left to it. */
#if defined(__linux__)
#define _GNU_SOURCE
#endif

#include <check.h>
#include <stdio.h>
#include <sys/stat.h>

#ifdef __linux__
#include <sched.h>
#endif

#include "../support/folder.h"
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

/* Groups "", "/a" and "/a/b" of a folder, each with a quota of so many CPUs; 0: "max", negative: no file. */
static const char *const groups[] = {"", "/a", "/a/b"};

static void name(int group, const char *file)
{
    ck_assert_int_lt(snprintf(path, sizeof path, "%s%s%s", folder, groups[group], file), sizeof path);
}

static void set_quotas(const int cpus[3])
{
    make_folder();
    for (int g = 0; g < 3; g++) {
        name(g, "");
        ck_assert(g == 0 || mkdir(path, 0700) == 0);
        if (cpus[g] < 0)
            continue;
        name(g, "/cpu.max");
        FILE *file = fopen(path, "w");
        ck_assert_ptr_nonnull(file);
        fprintf(file, cpus[g] ? "%d 1000\n" : "max 1000\n", cpus[g] * 1000);
        fclose(file);
    }
}

static void remove_quotas(void)
{
    for (int g = 2; g >= 0; g--) {
        name(g, "/cpu.max");
        unlink(path);
        name(g, "");
        ck_assert_int_eq(rmdir(path), 0);
    }
}

START_TEST(the_least_quota_of_a_group_and_those_above_it_counts)
{
    static const int quotas[][3] = {{5, 3, 4}, {2, 3, 4}, {5, 4, 3}, {0, 4, -1}, {-1, 0, 7}, {6, -1, 0}, {0, 0, 0}, {-1, -1, -1}};
    for (size_t q = 0; q < sizeof quotas / sizeof *quotas; q++) {
        set_quotas(quotas[q]);
        for (int group = 0; group < 3; group++) {
            char text[64];
            int  least = 0;
            for (int g = 0; g <= group; g++)
                if (quotas[q][g] > 0 && (least == 0 || quotas[q][g] < least))
                    least = quotas[q][g];
            snprintf(text, sizeof text, "0::%s\n", group ? groups[group] : "/");
            ck_assert_int_eq(atau_cpus_paid_for(folder, text), least);
            snprintf(text, sizeof text, "12:cpu:/other\n1:name=systemd:/\n0::%s", group ? groups[group] : "/");
            ck_assert_int_eq(atau_cpus_paid_for(folder, text), least);
        }
        remove_quotas();
    }
}
END_TEST

/* Of a group that is not there those above it count; without the line of version 2, or where a path is too long, the first. */
START_TEST(groups_without_a_folder_have_the_quota_above_them)
{
    static const int quotas[3] = {3, 2, 1};
    char             text[1200] = "0::/";
    set_quotas(quotas);
    ck_assert_int_eq(atau_cpus_paid_for(folder, "0::/a/other/third\n"), 2);
    ck_assert_int_eq(atau_cpus_paid_for(folder, "0::/ab\n"), 3);
    ck_assert_int_eq(atau_cpus_paid_for(folder, "4:cpu:/a\n"), 3);
    ck_assert_int_eq(atau_cpus_paid_for(folder, "10::/a\n"), 3);
    ck_assert_int_eq(atau_cpus_paid_for(folder, ""), 3);
    memset(text + 4, 'a', sizeof text - 5);
    ck_assert_int_eq(atau_cpus_paid_for(folder, text), 3);
    ck_assert_int_eq(atau_cpus_paid_for(text + 3, "0::/a\n"), 0);
    for (size_t length = 900; length < sizeof text - 5; length++) { /* none of them leaves its place                   */
        text[4 + length] = '\0';
        ck_assert_int_eq(atau_cpus_paid_for(folder, text), 3);
        ck_assert_int_eq(atau_cpus_paid_for(text + 3, "0::/a/b\n"), 0);
        text[4 + length] = 'a';
    }
    remove_quotas();
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
    tcase_add_test(tests, the_least_quota_of_a_group_and_those_above_it_counts);
    tcase_add_test(tests, groups_without_a_folder_have_the_quota_above_them);
    tcase_add_test(tests, a_thread_bound_to_one_cpu_counts_one);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
