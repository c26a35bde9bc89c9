/* SPDX-License-Identifier: MIT */
/* Who else is there: children by fork, which go on with what they inherit, and several contexts in several threads on one
 * dataset. */
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/suite.h"
#include "life.h"

/* ---- fork ------------------------------------------------------------------------------------------------------- */

/* Whether the child, which must not return to Check, exits with 0. */
static bool succeeds(pid_t child)
{
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* The child works with the parent's context and data and destroys them; the parent's are as they were. */
START_TEST(a_child_uses_and_destroys_what_it_inherits)
{
    adaptau_context        *context = NULL;
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 3};
    struct life             life = {.way = &ways[_i], .size = 4, .epochs = 2};
    ck_assert_int_eq(adaptau_context_create(&options, &context, NULL), ADAPTAU_OK);
    adaptau_dataset *data = make_life_data(context, life.size);
    live_on(&life, context, data);
    const uint64_t digest = life.digest;
    const pid_t    child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        live_on(&life, context, data);
        adaptau_dataset_destroy(data);
        adaptau_context_destroy(context);
        _exit(life.digest == digest ? 0 : 1);
    }
    live_on(&life, context, data);
    ck_assert(life.digest == digest);
    ck_assert_msg(succeeds(child), "%s: the child", ways[_i].name);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

static atomic_bool at_work;

static void *work_until_told(void *argument)
{
    float rows[200 * 3], unit[200 * 3];
    for (int k = 0; k < 200 * 3; k++)
        rows[k] = 1.0f + (float)k;
    while (at_work)
        if (adaptau_normalise_rows(argument, 200, 3, rows, 3, unit, 3, NULL, NULL) != ADAPTAU_OK)
            return NULL;
    return argument;
}

/* At the moment of a fork another thread of the parent is in the middle of a parallel call. */
START_TEST(a_fork_in_the_middle_of_a_call_is_harmless)
{
    adaptau_context        *context = NULL;
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 3};
    pthread_t               thread;
    void                   *outcome = NULL;
    ck_assert_int_eq(adaptau_context_create(&options, &context, NULL), ADAPTAU_OK);
    at_work = true;
    ck_assert_int_eq(pthread_create(&thread, NULL, work_until_told, context), 0);
    for (int k = 0; k < 20; k++) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            float rows[6] = {1.0f, 2.0f, 3.0f, 4.0f, 5.0f, 6.0f};
            adaptau_status status = adaptau_normalise_rows(context, 2, 3, rows, 3, rows, 3, NULL, NULL);
            adaptau_context_destroy(context);
            _exit(status == ADAPTAU_OK ? 0 : 1);
        }
        ck_assert(succeeds(child));
    }
    at_work = false;
    pthread_join(thread, &outcome);
    ck_assert_ptr_nonnull(outcome);
    adaptau_context_destroy(context);
}
END_TEST

/* ---- several contexts ------------------------------------------------------------------------------------------- */

enum { THREADS = 4 };

struct tenant {
    struct life            life;
    const adaptau_dataset *data;
    bool                   failed;
};

static void *live_alone(void *argument)
{
    struct tenant          *tenant = argument;
    adaptau_context        *context = NULL;
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 2};
    tenant->failed = adaptau_context_create(&options, &context, NULL) != ADAPTAU_OK;
    if (!tenant->failed)
        live_on(&tenant->life, context, tenant->data);
    adaptau_context_destroy(context);
    return NULL;
}

/* Each thread has a context of its own, all read one dataset: other ways at the same time, the numbers of a life alone. */
START_TEST(threads_with_contexts_of_their_own_share_a_dataset)
{
    struct tenant    tenants[THREADS];
    pthread_t        threads[THREADS];
    adaptau_context *owner = NULL;
    ck_assert_int_eq(adaptau_context_create(NULL, &owner, NULL), ADAPTAU_OK);
    adaptau_dataset *data = make_life_data(owner, 2);
    for (int t = 0; t < THREADS; t++) {
        const int way = (_i * THREADS + t) % n_ways;
        tenants[t] = (struct tenant){.life = {.way = &ways[way], .size = 2, .epochs = 1}, .data = data};
        ck_assert_int_eq(pthread_create(&threads[t], NULL, live_alone, &tenants[t]), 0);
    }
    for (int t = 0; t < THREADS; t++)
        pthread_join(threads[t], NULL);
    for (int t = 0; t < THREADS; t++) {
        const uint64_t together = tenants[t].life.digest;
        ck_assert(!tenants[t].failed);
        live_on(&tenants[t].life, owner, data);
        ck_assert_msg(tenants[t].life.digest == together, "%s: other numbers alone", tenants[t].life.way->name);
    }
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(owner);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("neighbours");
    TCase *tests = tcase_create("neighbours");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_child_uses_and_destroys_what_it_inherits, 0, n_ways);
    tcase_add_test(tests, a_fork_in_the_middle_of_a_call_is_harmless);
    tcase_add_loop_test(tests, threads_with_contexts_of_their_own_share_a_dataset, 0, (n_ways + THREADS - 1) / THREADS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
