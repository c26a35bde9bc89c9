/* SPDX-License-Identifier: MIT */
/* What a host does around the library: a locale with a decimal comma, another rounding mode, flush-to-zero; children by fork;
 * several contexts in several threads on one dataset. */
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "../support/folder.h"
#include "../support/suite.h"
#include "life.h"

static struct life make_life(int way, int32_t n_threads)
{
    return (struct life){.way = &ways[way], .size = 4, .epochs = 2, .n_threads = n_threads, .path = path};
}

static uint64_t digest_of(int way, int32_t n_threads)
{
    struct life life = make_life(way, n_threads);
    live(&life);
    return life.digest;
}

/* ---- locale ----------------------------------------------------------------------------------------------------- */

static const char *use_decimal_comma(void)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "fr_FR.utf8", "ru_RU.UTF-8", "pt_BR.UTF-8"};
    for (size_t k = 0; k < sizeof names / sizeof *names; k++)
        if (setlocale(LC_ALL, names[k]) && strcmp(localeconv()->decimal_point, ",") == 0)
            return names[k];
    return NULL;
}

/* Checkpoints, files of SimpleX's gate and error messages hold numbers as text. */
START_TEST(a_decimal_comma_changes_nothing)
{
    const uint64_t digest = digest_of(_i, 2);
    const char    *name = use_decimal_comma();
    if (!name && _i == 0)
        fputs("skipped: a decimal comma, for want of a locale with one (Debian: locales, localedef -i de_DE -f UTF-8 "
              "de_DE.UTF-8)\n", stderr);
    const uint64_t with_comma = digest_of(_i, 2);
    setlocale(LC_ALL, "C");
    ck_assert_msg(with_comma == digest, "%s: other numbers in %s", ways[_i].name, name ? name : "C");
}
END_TEST

/* ---- the thread's arithmetic ------------------------------------------------------------------------------------ */

enum { N_MODES = 4 };

static const char *const mode_names[N_MODES] = {"upward", "downward", "toward zero", "flush to zero"};

static void enter_mode(int mode)
{
    static const int rounding[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    if (mode < 3)
        ck_assert_int_eq(fesetround(rounding[mode]), 0);
#if defined(__SSE__)
    else
        _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ and DAZ */
#endif
}

static void leave_mode(int mode)
{
#if defined(__SSE__)
    ck_assert_msg(mode < 3 || (_mm_getcsr() & 0x8040u) == 0x8040u, "a call has left flush-to-zero");
#endif
    ck_assert_msg(mode == 3 || fegetround() != FE_TONEAREST, "a call has left the rounding mode");
    fesetenv(FE_DFL_ENV);
}

/* Arithmetic follows the caller's mode, on all threads alike, and with a host's executor as well. */
START_TEST(all_threads_round_as_the_caller_does)
{
    const int   mode = _i % N_MODES, way = _i / N_MODES;
    struct host host = new_host();
    struct life life = make_life(way, 3);
    enter_mode(mode);
    const uint64_t one = digest_of(way, 1), three = digest_of(way, 3);
    life.host = &host;
    life.executes = true;
    live(&life);
    leave_mode(mode);
    ck_assert_msg(one == three, "%s, %s: other numbers on three threads", ways[way].name, mode_names[mode]);
    ck_assert_msg(one == life.digest, "%s, %s: other numbers by an executor", ways[way].name, mode_names[mode]);
}
END_TEST

/* A pool is older than the mode that its caller has now. */
START_TEST(a_mode_set_later_reaches_the_pool)
{
    enum { WIDE = 5000 };
    static float            rows[WIDE * 3], unit[3][WIDE * 3];
    adaptau_context        *contexts[3] = {NULL};
    adaptau_context_options options = {.struct_size = sizeof options};
    for (int k = 0; k < WIDE * 3; k++)
        rows[k] = (float)(k % 97) + 0.37f;
    for (int t = 0; t < 3; t++) {
        options.n_threads = t + 1;
        ck_assert_int_eq(adaptau_context_create(&options, &contexts[t], NULL), ADAPTAU_OK);
    }
    enter_mode(_i);
    for (int t = 0; t < 3; t++)
        ck_assert_int_eq(adaptau_normalise_rows(contexts[t], WIDE, 3, rows, 3, unit[t], 3, NULL, NULL), ADAPTAU_OK);
    leave_mode(_i);
    for (int t = 0; t < 3; t++)
        adaptau_context_destroy(contexts[t]);
    ck_assert_int_eq(memcmp(unit[0], unit[1], sizeof unit[0]), 0);
    ck_assert_int_eq(memcmp(unit[0], unit[2], sizeof unit[0]), 0);
}
END_TEST

static size_t read_file(char *bytes, size_t room)
{
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    size_t size = fread(bytes, 1, room, file);
    fclose(file);
    ck_assert_uint_lt(size, room);
    return size;
}

/* A model that is there is written, and read again, the same in every mode: _i is a mode. */
START_TEST(files_are_the_same_in_every_mode)
{
    static char                 bytes[2][1 << 18];
    adaptau_context            *context = NULL;
    adaptau_model              *model = NULL, *resumed = NULL;
    adaptau_temperature        *temperature = NULL, *resumed_temperature = NULL;
    adaptau_model_options       options = {.struct_size = sizeof options, .encoder = ADAPTAU_ENCODER_SIMPLEX, .gate = 0.3};
    adaptau_temperature_options policy = {.struct_size = sizeof policy, .divisor = 0.1, .tau_user = ADAPTAU_TAU_USER_EQ16};
    ck_assert_int_eq(adaptau_context_create(NULL, &context, NULL), ADAPTAU_OK);
    adaptau_dataset *data = make_life_data(context, 2);
    ck_assert_int_eq(adaptau_model_create(context, data, &options, &model, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_temperature_create(context, data, &policy, &temperature, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_model_save_checkpoint(model, temperature, "0.1", path, NULL), ADAPTAU_OK);
    const size_t size = read_file(bytes[0], sizeof bytes[0]);
    enter_mode(_i);
    const adaptau_status saved = adaptau_model_save_checkpoint(model, temperature, "0.1", path, NULL);
    const adaptau_status read =
        adaptau_model_resume(context, data, path, &resumed, &resumed_temperature, NULL, NULL);
    leave_mode(_i);
    ck_assert_int_eq(saved, ADAPTAU_OK);
    ck_assert_int_eq(read, ADAPTAU_OK);
    ck_assert_uint_eq(read_file(bytes[1], sizeof bytes[1]), size);
    ck_assert_mem_eq(bytes[0], bytes[1], size);
    ck_assert_int_eq(adaptau_model_save_checkpoint(resumed, resumed_temperature, "0.1", path, NULL), ADAPTAU_OK);
    ck_assert_uint_eq(read_file(bytes[1], sizeof bytes[1]), size);
    ck_assert_mem_eq(bytes[0], bytes[1], size);
    adaptau_model_destroy(resumed);
    adaptau_temperature_destroy(resumed_temperature);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
}
END_TEST

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
    struct life             life = make_life(_i, 3);
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
    Suite *suite = suite_create("host");
    TCase *tests = tcase_create("host");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_decimal_comma_changes_nothing, 0, n_ways);
    tcase_add_loop_test(tests, all_threads_round_as_the_caller_does, 0, N_MODES * n_ways);
    tcase_add_loop_test(tests, a_mode_set_later_reaches_the_pool, 0, N_MODES);
    tcase_add_loop_test(tests, files_are_the_same_in_every_mode, 0, N_MODES);
    tcase_add_loop_test(tests, a_child_uses_and_destroys_what_it_inherits, 0, n_ways);
    tcase_add_test(tests, a_fork_in_the_middle_of_a_call_is_harmless);
    tcase_add_loop_test(tests, threads_with_contexts_of_their_own_share_a_dataset, 0, (n_ways + THREADS - 1) / THREADS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
