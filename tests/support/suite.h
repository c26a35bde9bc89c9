/* SPDX-License-Identifier: MIT */
/* Running a suite of Check. */
#ifndef TEST_SUITE_H
#define TEST_SUITE_H

#include <check.h>

/* Run in this process, where debuggers and sanitizers see everything; frees the suite. The exit status of main. */
static inline int run_suite(Suite *suite)
{
    SRunner *runner = srunner_create(suite);
    srunner_set_fork_status(runner, CK_NOFORK);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
