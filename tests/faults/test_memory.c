/* SPDX-License-Identifier: MIT */
/* The Nth allocation of a whole life fails, for every N, once and for good; likewise the Nth parallel call of a host's
 * executor. The call is an error, nothing leaks, the object is as good as before: the call made again succeeds, and the life
 * goes on to the same numbers, bit for bit. */
#include <stdio.h>

#include "../support/folder.h"
#include "../support/suite.h"
#include "life.h"

static bool for_good;

/* Files are safe after a flush; here they need not be. */
int fsync(int descriptor)
{
    (void)descriptor;
    return 0;
}

static struct life make_life(int way, struct host *host, bool executes)
{
    return (struct life){.way = &ways[way], .size = 1, .epochs = 2, .n_threads = 2, .host = host, .executes = executes,
                         .path = path};
}

/* For good: when the call has failed a second time there is memory again. */
static void find_memory(struct life *life, const char *call, adaptau_status status)
{
    const int expected = for_good ? 2 : 1;
    ck_assert_msg(status == ADAPTAU_E_MEMORY, "%s, %s: %s", life->way->name, call, adaptau_status_name(status));
    ck_assert_msg(life->n_failures <= expected, "%s, %s: fails without a reason", life->way->name, call);
    if (life->n_failures == expected)
        life->host->allocations_left = INT64_MAX;
}

static void expect_same(const struct life *life, uint64_t digest, int64_t n, int n_failures)
{
    ck_assert_msg(life->digest == digest, "%s: other numbers after failure %lld", life->way->name, (long long)n);
    ck_assert_msg(life->host->bytes == 0, "%s: failure %lld leaks %lld bytes", life->way->name, (long long)n,
                  (long long)life->host->bytes);
    ck_assert_msg(life->n_failures == n_failures, "%s: failure %lld is not told", life->way->name, (long long)n);
}

/* _i: a way, twice. */
START_TEST(every_failed_allocation_is_survived)
{
    struct host host = new_host();
    struct life life = make_life(_i / 2, &host, false);
    live(&life);
    const uint64_t digest = life.digest;
    const int64_t  n_allocations = host.allocations;
    for_good = _i % 2 == 1;
    life.failed = find_memory;
    ck_assert_int_gt(n_allocations, 60);
    for (int64_t n = 0; n < n_allocations; n++) {
        host = new_host();
        host.allocations_left = n;
        host.fails_once = !for_good;
        live(&life);
        expect_same(&life, digest, n, for_good ? 2 : 1);
    }
}
END_TEST

static void find_threads(struct life *life, const char *call, adaptau_status status)
{
    ck_assert_msg(status == ADAPTAU_E_CALLBACK, "%s, %s: %s", life->way->name, call, adaptau_status_name(status));
}

/* Not with contrast, whose failure takes the gradients along. */
START_TEST(every_failed_execution_is_survived)
{
    struct host host = new_host();
    struct life life = make_life(_i, &host, true);
    if (life.way->contrast.struct_size)
        return;
    live(&life);
    const uint64_t digest = life.digest;
    const int64_t  n_executions = host.executions;
    ck_assert_int_gt(n_executions, 10);
    life.failed = find_threads;
    for (int64_t n = 0; n < n_executions; n++) {
        host = new_host();
        host.failing_execution = n;
        live(&life);
        expect_same(&life, digest, n, 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory");
    TCase *tests = tcase_create("memory"), *large = tcase_create("large");
    tcase_set_tags(large, "large"); /* AddressSanitizer leaves it out */
    tcase_add_unchecked_fixture(large, make_folder, remove_folder);
    tcase_set_timeout(large, 600);
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 600);
    tcase_add_loop_test(tests, every_failed_allocation_is_survived, 0, n_ways);
    tcase_add_loop_test(large, every_failed_allocation_is_survived, n_ways, 2 * n_ways);
    tcase_add_loop_test(tests, every_failed_execution_is_survived, 0, n_ways);
    suite_add_tcase(suite, tests);
    suite_add_tcase(suite, large);
    return run_suite(suite);
}
