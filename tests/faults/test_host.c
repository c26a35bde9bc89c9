/* SPDX-License-Identifier: MIT */
/* A host's locale with a decimal comma, its rounding modes, flush-to-zero. */
#include <fenv.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if defined(__SSE__)
#include <xmmintrin.h>
#endif

#include "../support/folder.h"
#include "../support/options.h"
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

#if defined(__aarch64__)
#define FPCR_FZ (UINT64_C(1) << 24) /* flush to zero */

static uint64_t fpcr(void)
{
    uint64_t bits;
    __asm__ volatile("mrs %0, fpcr" : "=r"(bits));
    return bits;
}
#endif

static void enter_mode(int mode)
{
    static const int rounding[] = {FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    if (mode < 3)
        ck_assert_int_eq(fesetround(rounding[mode]), 0);
#if defined(__SSE__)
    else
        _mm_setcsr(_mm_getcsr() | 0x8040u); /* FTZ and DAZ */
#elif defined(__aarch64__)
    else
        __asm__ volatile("msr fpcr, %0" : : "r"(fpcr() | FPCR_FZ));
#endif
}

static void leave_mode(int mode)
{
#if defined(__SSE__)
    ck_assert_msg(mode < 3 || (_mm_getcsr() & 0x8040u) == 0x8040u, "a call has left flush-to-zero");
#elif defined(__aarch64__)
    ck_assert_msg(mode < 3 || (fpcr() & FPCR_FZ), "a call has left flush-to-zero");
#endif
    ck_assert_msg(mode == 3 || fegetround() != FE_TONEAREST, "a call has left the rounding mode");
#ifdef _WIN32
    fesetround(FE_TONEAREST); /* the environment of MinGW's C library would have another precision               */
    _mm_setcsr(_mm_getcsr() & ~0x8040u);
#else
    fesetenv(FE_DFL_ENV);
#endif
}

/* Arithmetic follows the caller's mode, on all threads alike, and with a host's executor as well. */
START_TEST(all_threads_round_as_the_caller_does)
{
    const int   mode = _i % N_MODES, way = _i / N_MODES * 2; /* half of the ways will do                              */
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

/* ---- threads of the host ----------------------------------------------------------------------------------------- */

struct host_lane {
    adaptau_lane_function lane;
    void                 *argument;
    int32_t               number;
    int                   mode; /* of the thread, before the lane and after it; -1: the default               */
    bool                  kept;
};

/* How a thread rounds, of both units of an x86. */
static unsigned mode_here(void)
{
    unsigned mode = (unsigned)fegetround();
#if defined(__SSE__)
    mode |= (_mm_getcsr() & 0xE040u) << 16; /* rounding, FTZ and DAZ                                            */
#endif
    return mode;
}

static void *run_lane(void *argument)
{
    struct host_lane *lane = argument;
    fesetenv(FE_DFL_ENV); /* not what it has from the thread that made it                                        */
    if (lane->mode >= 0)
        enter_mode(lane->mode);
    const unsigned own = mode_here();
    lane->lane(lane->argument, lane->number);
    lane->kept = mode_here() == own;
    return NULL;
}

static int  mode_of_threads;
static int  n_lanes_run;
static bool all_kept;

/* A thread for each lane, which goes on with other work of the host's afterwards. */
static int32_t execute_on_threads(void *user_data, int32_t n_lanes, adaptau_lane_function lane, void *argument)
{
    struct host_lane lanes[8];
    pthread_t        threads[8];
    (void)user_data;
    for (int32_t k = 0; k < n_lanes; k++) {
        lanes[k] = (struct host_lane){lane, argument, k, mode_of_threads, false};
        ck_assert_int_eq(pthread_create(&threads[k], NULL, run_lane, &lanes[k]), 0);
    }
    for (int32_t k = 0; k < n_lanes; k++) {
        pthread_join(threads[k], NULL);
        all_kept = all_kept && lanes[k].kept;
        n_lanes_run++;
    }
    return 0;
}

/* _i: a mode, of the caller or of the threads. */
START_TEST(lanes_leave_the_hosts_threads_in_their_own_mode)
{
    enum { WIDE = 5000 };
    static float            rows[WIDE * 3], unit[WIDE * 3];
    adaptau_context        *context = NULL;
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 3, .executor = execute_on_threads};
    const int               mode = _i / 2;
    for (int k = 0; k < WIDE * 3; k++)
        rows[k] = (float)(k % 97) + 0.37f;
    ck_assert_int_eq(adaptau_context_create(&options, &context, NULL), ADAPTAU_OK);
    all_kept = true;
    n_lanes_run = 0;
    mode_of_threads = _i % 2 ? mode : -1;
    if (_i % 2 == 0)
        enter_mode(mode);
    ck_assert_int_eq(adaptau_normalise_rows(context, WIDE, 3, rows, 3, unit, 3, NULL, NULL), ADAPTAU_OK);
    if (_i % 2 == 0)
        leave_mode(mode);
    ck_assert_int_gt(n_lanes_run, 3);
    ck_assert_msg(all_kept, "%s of %s stays behind", mode_names[mode], _i % 2 ? "the threads does not, but the caller's"
                                                                              : "the caller");
    adaptau_context_destroy(context);
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
    adaptau_model_options       options = full_model_options((adaptau_model_options){.encoder = ADAPTAU_ENCODER_SIMPLEX,
                                                                                     .gate = 0.3});
    adaptau_temperature_options policy =
        full_temperature_options((adaptau_temperature_options){.divisor = 0.1, .tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    ck_assert_int_eq(adaptau_context_create(NULL, &context, NULL), ADAPTAU_OK);
    adaptau_dataset *data = make_life_data(context, 2);
    ck_assert_int_eq(adaptau_model_create(context, data, &options, &model, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_temperature_create(context, data, &policy, &temperature, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_model_save_checkpoint(model, temperature, "0.1", path, NULL), ADAPTAU_OK);
    const size_t size = read_file(bytes[0], sizeof bytes[0]);
    enter_mode(_i);
    const adaptau_status saved = adaptau_model_save_checkpoint(model, temperature, "0.1", path, NULL);
    const adaptau_status read =
        adaptau_model_load_checkpoint(context, data, path, &resumed, &resumed_temperature, NULL, NULL);
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

int main(void)
{
    Suite *suite = suite_create("host");
    TCase *tests = tcase_create("host");
    tcase_add_unchecked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_decimal_comma_changes_nothing, 0, n_ways);
    tcase_add_loop_test(tests, all_threads_round_as_the_caller_does, 0, N_MODES * ((n_ways + 1) / 2));
    tcase_add_loop_test(tests, a_mode_set_later_reaches_the_pool, 0, N_MODES);
    tcase_add_loop_test(tests, lanes_leave_the_hosts_threads_in_their_own_mode, 0, 2 * N_MODES);
    tcase_add_loop_test(tests, files_are_the_same_in_every_mode, 0, N_MODES);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
