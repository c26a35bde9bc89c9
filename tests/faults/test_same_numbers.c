/* SPDX-License-Identifier: MIT */
/* A life's numbers do not depend on threads: after three epochs tables, temperatures, metrics, ranks, files and grown models
 * are bitwise equal for 1, 2, 3, 4 and 7 threads, the pool's or a host's.
 *
 *     test_same_numbers --digests   prints them for the backend BLIS; check_blis.sh compares the flavours of that library */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/suite.h"
#include "life.h"

static uint64_t digest_of(int way, int32_t n_threads, int32_t backend, struct host *host)
{
    struct life life = {.way = &ways[way], .size = 8, .epochs = 3, .n_threads = n_threads, .backend = backend, .path = path,
                        .host = host, .executes = host != NULL};
    live(&life);
    return life.digest;
}

START_TEST(numbers_do_not_depend_on_threads)
{
    static const int32_t n_threads[] = {2, 3, 4, 7};
    const uint64_t       one = digest_of(_i, 1, ADAPTAU_BACKEND_AUTO, NULL);
    struct host          host = new_host();
    for (int t = 0; t < 4; t++)
        ck_assert_msg(digest_of(_i, n_threads[t], ADAPTAU_BACKEND_AUTO, NULL) == one, "%s: other numbers on %d threads",
                      ways[_i].name, n_threads[t]);
    ck_assert_msg(digest_of(_i, 3, ADAPTAU_BACKEND_AUTO, &host) == one, "%s: other numbers on a host's threads",
                  ways[_i].name);
}
END_TEST

START_TEST(prints_digests)
{
    for (int w = 0; w < n_ways; w++)
        printf("%016" PRIx64 " %s\n", digest_of(w, 2, ADAPTAU_BACKEND_BLIS, NULL), ways[w].name);
}
END_TEST

int main(int n_arguments, char **arguments)
{
    const bool prints = n_arguments > 1 && strcmp(arguments[1], "--digests") == 0;
    if (prints && !(adaptau_features() & ADAPTAU_FEATURE_BLIS)) {
        puts("skipped: the library is built without BLIS");
        return 77;
    }
    Suite *suite = suite_create("same numbers");
    TCase *tests = tcase_create("same numbers");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    if (prints)
        tcase_add_test(tests, prints_digests);
    else
        tcase_add_loop_test(tests, numbers_do_not_depend_on_threads, 0, n_ways);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
