/* SPDX-License-Identifier: MIT */
/* Saving and loading while the system fails: the Nth system call of a save, a full disk, SIGKILL at any moment, short reads and
 * writes. Whatever a host saves, the file is the old one or the new one, bit for bit, and no temporary file is left. */
#undef _FORTIFY_SOURCE /* it makes read an inline function, and this file has its own */
#define _DEFAULT_SOURCE /* syscall */
#include <adaptau/adaptau.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/suite.h"
#include "life.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define N_KILLS 40
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define N_KILLS 40
#endif
#endif
#ifndef N_KILLS
#define N_KILLS 200
#endif

/* ---- the system, which fails on request ------------------------------------------------------------------------- */

static int    failing_call = -1; /* which of the next calls fails; negative: none                             */
static int    failing_errno;
static int    n_calls;
static bool   renamed; /* the failing call was a rename                                                        */
static size_t longest_transfer = SIZE_MAX;

static bool is_failing(void)
{
    if (failing_call < 0 || n_calls++ != failing_call)
        return false;
    errno = failing_errno;
    return true;
}

static size_t shorten(size_t size)
{
    return size < longest_transfer ? size : longest_transfer;
}

/* These stand before the C library's. */
int open(const char *where, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return is_failing() ? -1 : (int)syscall(SYS_openat, AT_FDCWD, where, flags, mode);
}

int openat(int parent, const char *where, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const int mode = flags & O_CREAT ? va_arg(arguments, int) : 0;
    va_end(arguments);
    return is_failing() ? -1 : (int)syscall(SYS_openat, parent, where, flags, mode);
}

ssize_t write(int descriptor, const void *bytes, size_t size)
{
    return is_failing() ? -1 : syscall(SYS_write, descriptor, bytes, shorten(size));
}

ssize_t pread(int descriptor, void *bytes, size_t size, off_t offset)
{
    return is_failing() ? -1 : syscall(SYS_pread64, descriptor, bytes, shorten(size), offset);
}

int fsync(int descriptor)
{
    return is_failing() ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    renamed = is_failing();
    return renamed ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int close(int descriptor)
{
    const bool failing = is_failing();
    const int  result = (int)syscall(SYS_close, descriptor); /* closes even when it says that it failed          */
    return failing ? -1 : result;
}

/* ---- what is saved ---------------------------------------------------------------------------------------------- */

static struct host          host;
static adaptau_context     *context;
static adaptau_dataset     *data;
static adaptau_model       *models[2]; /* the old one and the new one                                          */
static adaptau_temperature *temperature;
static int64_t              bytes_at_start;

static adaptau_status save(const adaptau_model *model)
{
    return adaptau_model_save(model, path, &error);
}

static adaptau_status save_checkpoint(const adaptau_model *model)
{
    return adaptau_model_save_checkpoint(model, temperature, "a note", path, &error);
}

static adaptau_status export_npy(const adaptau_model *model)
{
    return adaptau_model_export_npy(model, ADAPTAU_SIDE_ITEMS, path, &error);
}

static adaptau_status export_index(const adaptau_model *model)
{
    return adaptau_model_export_index(model, ADAPTAU_SIDE_USERS, path, &error);
}

static adaptau_status (*const savers[])(const adaptau_model *model) = {save, save_checkpoint, export_npy, export_index};
enum { SAVERS = 4 };

struct content {
    char  *bytes;
    size_t size;
};

static struct content contents[2]; /* what a saver writes of either model                                      */

static struct content read_content(void)
{
    struct content content = {NULL, 0};
    FILE          *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    content.size = (size_t)ftell(file);
    rewind(file);
    content.bytes = malloc(content.size + 1);
    ck_assert_ptr_nonnull(content.bytes);
    ck_assert_uint_eq(fread(content.bytes, 1, content.size, file), content.size);
    fclose(file);
    return content;
}

static bool file_is(const struct content *wanted)
{
    struct content found = read_content();
    const bool     same = found.size == wanted->size && memcmp(found.bytes, wanted->bytes, found.size) == 0;
    free(found.bytes);
    return same;
}

static void open_models(void)
{
    adaptau_model_options options = full_model_options((adaptau_model_options){.encoder = ADAPTAU_ENCODER_LIGHTGCN, .dim = 40});
    float                *bias;
    make_folder();
    context = open_host(&host, 2, false);
    data = make_life_data(context, 3);
    OK(adaptau_temperature_create(context, data, NULL, &temperature, &error));
    bias = calloc((size_t)adaptau_dataset_n_items(data), sizeof *bias);
    ck_assert_ptr_nonnull(bias);
    for (int m = 0; m < 2; m++) {
        adaptau_tables tables = {.struct_size = sizeof tables};
        options.seed = (uint64_t)m;
        OK(adaptau_model_create(context, data, &options, &models[m], &error));
        OK(adaptau_model_set_item_bias(models[m], bias, &error));
        OK(adaptau_model_get_tables(models[m], &tables, &error));
    }
    free(bias);
    bytes_at_start = host.bytes;
}

static void close_models(void)
{
    ck_assert_int_eq(host.bytes, bytes_at_start);
    for (int m = 0; m < 2; m++)
        adaptau_model_destroy(models[m]);
    adaptau_temperature_destroy(temperature);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
    remove_folder();
}

/* With the old model's file there. */
static void write_both(int saver)
{
    for (int m = 1; m >= 0; m--) {
        OK(savers[saver](models[m]));
        contents[m] = read_content();
    }
}

static void free_both(void)
{
    free(contents[0].bytes);
    free(contents[1].bytes);
}

/* ---- saves that fail -------------------------------------------------------------------------------------------- */

/* False when the save makes no such call. */
static bool fail_call(int saver, int call, int os_error)
{
    n_calls = 0;
    failing_errno = os_error;
    failing_call = call;
    renamed = false;
    const adaptau_status status = savers[saver](models[1]);
    const bool           reached = n_calls > call, is_written = strstr(error.message, "is written") != NULL;
    failing_call = -1;
    ck_assert_int_eq(count_files(0), 1);
    if (status != ADAPTAU_OK) {
        ck_assert_int_eq(status, ADAPTAU_E_IO);
        ck_assert_int_eq(error.os_error, os_error);
        ck_assert_msg(file_is(&contents[is_written]), "call %d: another file, %s", call, error.message);
        ck_assert_msg(os_error != EINTR || renamed, "call %d is given up when it is interrupted", call);
        OK(savers[saver](models[1]));
    }
    ck_assert(file_is(&contents[1]));
    OK(savers[saver](models[0]));
    error.message[0] = '\0';
    return reached;
}

/* _i: a saver. Opening the folder and the file, writes, two flushes, a rename, two closes. */
START_TEST(every_failed_call_keeps_the_old_file)
{
    static const int errors[] = {EIO, ENOSPC, EINTR};
    write_both(_i);
    for (int e = 0; e < 3; e++) {
        int call = 0;
        while (fail_call(_i, call, errors[e]))
            call++;
        ck_assert_int_ge(call, 8);
    }
    free_both();
}
END_TEST

/* As on a full disk: the limit stops the file's growth at some byte. */
START_TEST(a_full_disk_keeps_the_old_file)
{
    struct rlimit before, limit;
    write_both(_i);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (size_t size = 0; size < contents[1].size; size += contents[1].size / 150 + 1) {
        limit = before;
        limit.rlim_cur = size;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        adaptau_status status = savers[_i](models[1]);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        ck_assert_int_eq(status, ADAPTAU_E_IO);
        ck_assert_msg(error.os_error == EFBIG, "%s", error.message);
        ck_assert(file_is(&contents[0]));
        ck_assert_int_eq(count_files(0), 1);
    }
    signal(SIGXFSZ, SIG_DFL);
    OK(savers[_i](models[1]));
    ck_assert(file_is(&contents[1]));
    free_both();
}
END_TEST

START_TEST(short_writes_are_gone_on_with)
{
    write_both(_i);
    longest_transfer = 1001;
    adaptau_status status = savers[_i](models[1]);
    longest_transfer = SIZE_MAX;
    ck_assert_int_eq(status, ADAPTAU_OK);
    ck_assert(file_is(&contents[1]));
    free_both();
}
END_TEST

static void save_in_turns_for_ever(int saver)
{
    for (int m = 1;; m = !m)
        savers[saver](models[m]);
}

/* How long a save takes here, in nanoseconds: kills come within a few of them. */
static long time_a_save(int saver)
{
    struct timespec begin, end;
    clock_gettime(CLOCK_MONOTONIC, &begin);
    OK(savers[saver](models[0]));
    clock_gettime(CLOCK_MONOTONIC, &end);
    const long took = (end.tv_sec - begin.tv_sec) * 1000000000 + end.tv_nsec - begin.tv_nsec;
    return took < 200000 ? 200000 : took > 20000000 ? 20000000 : took;
}

/* What a killed save leaves in the folder is a file of its own, under another name. */
START_TEST(a_killed_save_leaves_the_old_file_or_the_new_one)
{
    uint64_t state = 7;
    bool     finished = false;
    write_both(_i);
    const long span = 4 * time_a_save(_i);
    for (int k = 0; k < N_KILLS / SAVERS; k++) {
        const pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0)
            save_in_turns_for_ever(_i);
        /* Every fourth child may finish a save first, however slow the disk is. */
        for (int tries = 0; k % 4 == 0 && tries < 10000 && !file_is(&contents[1]); tries++)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
        finished |= file_is(&contents[1]);
        state = state * 6364136223846793005u + 1442695040888963407u;
        const struct timespec wait = {.tv_nsec = (long)(state >> 33) % span};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        const bool is_new = file_is(&contents[1]);
        ck_assert_msg(is_new || file_is(&contents[0]), "kill %d: neither the old file nor the new one", k);
        finished |= is_new;
    }
    ck_assert_msg(finished, "no save was ever finished");
    count_files(1);
    free_both();
}
END_TEST

/* ---- loads that fail -------------------------------------------------------------------------------------------- */

static adaptau_status load(adaptau_model **out, adaptau_temperature **with)
{
    return with ? adaptau_model_load_checkpoint(context, data, path, out, with, NULL, &error)
                : adaptau_model_load(context, path, out, &error);
}

/* _i: a model's file, or a checkpoint. */
static void expect_loaded(int checkpoint)
{
    adaptau_model       *again = NULL;
    adaptau_temperature *with = NULL;
    OK(load(&again, checkpoint ? &with : NULL));
    OK(checkpoint ? adaptau_model_save_checkpoint(again, with, "a note", path, &error)
                  : adaptau_model_save(again, path, &error));
    ck_assert(file_is(&contents[0]));
    adaptau_temperature_destroy(with);
    adaptau_model_destroy(again);
}

START_TEST(short_reads_are_gone_on_with)
{
    write_both(_i);
    longest_transfer = 1001;
    expect_loaded(_i);
    longest_transfer = SIZE_MAX;
    free_both();
}
END_TEST

START_TEST(every_failed_read_is_an_error_and_leaks_nothing)
{
    bool reached = true;
    write_both(_i);
    for (int call = 0; reached; call++) {
        adaptau_model       *again = NULL;
        adaptau_temperature *with = NULL;
        n_calls = 0;
        failing_errno = EIO;
        failing_call = call;
        const adaptau_status status = load(&again, _i ? &with : NULL);
        reached = n_calls > call;
        failing_call = -1;
        ck_assert_int_eq(status == ADAPTAU_OK, again != NULL);
        ck_assert(status == ADAPTAU_OK || (status == ADAPTAU_E_IO && error.os_error == EIO && !with));
        ck_assert_msg(status != ADAPTAU_OK || n_calls <= call + 1, "read %d fails, and nobody sees it", call);
        adaptau_temperature_destroy(with);
        adaptau_model_destroy(again);
        ck_assert_int_eq(host.bytes, bytes_at_start);
        expect_loaded(_i);
    }
    free_both();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files");
    TCase *tests = tcase_create("files");
    tcase_add_checked_fixture(tests, open_models, close_models);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, every_failed_call_keeps_the_old_file, 0, SAVERS);
    tcase_add_loop_test(tests, a_full_disk_keeps_the_old_file, 0, SAVERS);
    tcase_add_loop_test(tests, short_writes_are_gone_on_with, 0, SAVERS);
    tcase_add_loop_test(tests, a_killed_save_leaves_the_old_file_or_the_new_one, 0, SAVERS);
    tcase_add_loop_test(tests, short_reads_are_gone_on_with, 0, 2);
    tcase_add_loop_test(tests, every_failed_read_is_an_error_and_leaks_nothing, 0, 2);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
