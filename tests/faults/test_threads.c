/* SPDX-License-Identifier: MIT */
/* Threads that cannot be started: the Nth pthread_create of a pool fails. */
#include <adaptau/adaptau.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "../support/host.h"
#include "../support/suite.h"

/* The linker sends calls of pthread_create here (--wrap). */
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument);

static int threads_left; /* until one cannot be started; then none can, or with fails_once it alone              */
static bool fails_once;

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *argument)
{
    const int left = threads_left--;
    if (left == 0 || (left < 0 && !fails_once))
        return EAGAIN;
    return __real_pthread_create(thread, attributes, run, argument);
}

enum { THREADS = 6 };

/* _i: for good, or once. */
START_TEST(every_thread_that_cannot_be_started_is_an_error_and_leaks_nothing)
{
    adaptau_context        *const untouched = (adaptau_context *)&threads_left;
    struct host             host = new_host();
    adaptau_context_options options = host_options(&host, THREADS, false);
    fails_once = _i == 1;
    for (int n = 0; n < THREADS - 1; n++) {
        adaptau_context *context = untouched;
        adaptau_error    error = {0};
        threads_left = n;
        ck_assert_int_eq(adaptau_context_create(&options, &context, &error), ADAPTAU_E_THREAD);
        ck_assert_ptr_eq(context, untouched);
        ck_assert_int_eq(error.status, ADAPTAU_E_THREAD);
        ck_assert_int_eq(error.os_error, EAGAIN);
        ck_assert_msg(strstr(error.message, "cannot start thread") != NULL, "%s", error.message);
        ck_assert_int_eq(host.bytes, 0);
    }
    adaptau_context *context = NULL;
    threads_left = THREADS - 1;
    ck_assert_int_eq(adaptau_context_create(&options, &context, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_context_n_threads(context), THREADS);
    adaptau_context_destroy(context);
    ck_assert_int_eq(host.bytes, 0);
}
END_TEST

/* With threads of the host's, or one, none is started. */
START_TEST(a_context_without_a_pool_needs_no_thread)
{
    struct host             host = new_host();
    adaptau_context_options options[2] = {host_options(&host, THREADS, true), host_options(&host, 1, false)};
    for (int k = 0; k < 2; k++) {
        adaptau_context *context = NULL;
        threads_left = 0;
        ck_assert_int_eq(adaptau_context_create(&options[k], &context, NULL), ADAPTAU_OK);
        adaptau_context_destroy(context);
        ck_assert_int_eq(host.bytes, 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("threads");
    TCase *tests = tcase_create("threads");
    tcase_add_loop_test(tests, every_thread_that_cannot_be_started_is_an_error_and_leaks_nothing, 0, 2);
    tcase_add_test(tests, a_context_without_a_pool_needs_no_thread);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
