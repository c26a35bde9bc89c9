/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all, whatever happens while they are written. */
#define _DEFAULT_SOURCE /* syscall */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../support/file_fixture.h"
#include "../support/suite.h"
#include "core/atomic_file.h"
#include "core/npy.h"
#include "core/safetensors.h"

/* ---- faults: the system calls of a save, which fail on request --------------------------------------------------- */

static int    failing_call = -1; /* which of the next calls fails; negative: none                             */
static int    failing_errno;
static int    n_calls;
static size_t longest_write = SIZE_MAX;

static int is_failing(void)
{
    if (failing_call < 0 || n_calls++ != failing_call)
        return 0;
    errno = failing_errno;
    return 1;
}

/* These stand before the C library's. */
ssize_t write(int descriptor, const void *bytes, size_t size)
{
    return is_failing() ? -1 : syscall(SYS_write, descriptor, bytes, size < longest_write ? size : longest_write);
}

int fsync(int descriptor)
{
    return is_failing() ? -1 : (int)syscall(SYS_fsync, descriptor);
}

int renameat(int from_folder, const char *from, int to_folder, const char *to)
{
    return is_failing() ? -1 : (int)syscall(SYS_renameat2, from_folder, from, to_folder, to, 0);
}

int close(int descriptor)
{
    int failing = is_failing();
    int result = (int)syscall(SYS_close, descriptor); /* closes even when it says that it failed              */
    return failing ? -1 : result;
}

/* ---- saving ------------------------------------------------------------------------------------------------------ */

static adaptau_status write_text(const char *where, const char *text, adaptau_error *error)
{
    struct atau_atomic_file file;
    adaptau_status          status = atau_atomic_file_open(&file, where, error);
    if (status == ADAPTAU_OK)
        status = atau_atomic_file_write(&file, text, strlen(text), error);
    return atau_atomic_file_close(&file, status, error);
}

static void check_content(const char *text)
{
    char   bytes[256];
    size_t size = read_bytes(bytes, sizeof bytes);
    ck_assert_uint_eq(size, strlen(text));
    ck_assert_mem_eq(bytes, text, size);
}

START_TEST(replaces_a_file_and_leaves_nothing_behind)
{
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    ck_assert_int_eq(write_text(path, "new one", NULL), ADAPTAU_OK);
    check_content("new one");
    ck_assert_int_eq(write_text(path, "", NULL), ADAPTAU_OK);
    check_content("");
    ck_assert_int_eq(count_files(0), 1);
}
END_TEST

START_TEST(writes_to_the_working_directory)
{
    char before[4096];
    ck_assert_ptr_nonnull(getcwd(before, sizeof before));
    ck_assert_int_eq(chdir(folder), 0);
    adaptau_status status = write_text("model.safetensors", "here", NULL);
    ck_assert_int_eq(chdir(before), 0);
    ck_assert_int_eq(status, ADAPTAU_OK);
    check_content("here");
}
END_TEST

START_TEST(keeps_the_old_file_when_abandoned)
{
    struct atau_atomic_file file;
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    ck_assert_int_eq(atau_atomic_file_open(&file, path, NULL), ADAPTAU_OK);
    ck_assert_int_eq(count_files(0), 2);
    ck_assert_int_eq(atau_atomic_file_write(&file, "new", 3, NULL), ADAPTAU_OK);
    ck_assert_int_eq(atau_atomic_file_close(&file, ADAPTAU_E_NUMERIC, NULL), ADAPTAU_E_NUMERIC);
    ck_assert_int_eq(atau_atomic_file_close(&file, ADAPTAU_OK, NULL), ADAPTAU_OK); /* a second one is harmless */
    check_content("old");
    ck_assert_int_eq(count_files(0), 1);
}
END_TEST

START_TEST(gives_new_files_the_mode_of_the_umask)
{
    struct stat status;
    mode_t      before = umask(027);
    ck_assert_int_eq(write_text(path, "x", NULL), ADAPTAU_OK);
    umask(before);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 0777, 0640);
}
END_TEST

START_TEST(replaces_a_symbolic_link_and_not_its_target)
{
    char        target[600];
    struct stat status;
    snprintf(target, sizeof target, "%s/target", folder);
    ck_assert_int_eq(write_text(target, "target", NULL), ADAPTAU_OK);
    ck_assert_int_eq(symlink(target, path), 0);
    ck_assert_int_eq(write_text(path, "new", NULL), ADAPTAU_OK);
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert(S_ISREG(status.st_mode));
    check_content("new");
    snprintf(path, sizeof path, "%s/target", folder);
    check_content("target");
}
END_TEST

static void check_refused(const char *where, int os_error)
{
    adaptau_error error = {0};
    ck_assert_msg(write_text(where, "x", &error) == ADAPTAU_E_IO, "%s", where);
    ck_assert_int_eq(error.status, ADAPTAU_E_IO);
    ck_assert_msg(error.os_error == os_error, "%s: %s", where, error.message);
    ck_assert(error.message[0] != '\0');
}

START_TEST(refuses_paths_that_cannot_be_files)
{
    char        long_path[5000], where[700];
    struct stat status;
    ck_assert_int_eq(write_text(path, "a file", NULL), ADAPTAU_OK);
    snprintf(where, sizeof where, "%s/no/such/folder", folder);
    check_refused(where, ENOENT);
    snprintf(where, sizeof where, "%s/x", path);
    check_refused(where, ENOTDIR);
    snprintf(where, sizeof where, "%s/", folder);
    check_refused(where, EISDIR);
    check_refused(folder, EISDIR);
    check_refused("", EISDIR);
    check_refused("/dev/null", EINVAL);
    ck_assert_int_eq(stat("/dev/null", &status), 0);
    ck_assert(S_ISCHR(status.st_mode));
    memset(long_path, 'x', sizeof long_path - 1);
    long_path[sizeof long_path - 1] = '\0';
    check_refused(long_path, ENAMETOOLONG);
    long_path[4500] = '/';
    check_refused(long_path, ENAMETOOLONG);
    ck_assert_int_eq(count_files(0), 1);
}
END_TEST

/* Root may write everywhere, so the child is somebody else. */
static int is_refused_to_others(void)
{
    const unsigned nobody = 65534;
    adaptau_error  error = {0};
    if (geteuid() == 0 && (setgid(nobody) != 0 || setuid(nobody) != 0))
        return 0;
    return write_text(path, "x", &error) == ADAPTAU_E_IO && error.os_error == EACCES;
}

START_TEST(refuses_an_unwritable_folder_and_keeps_the_old_file)
{
    int status = 0;
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    ck_assert_int_eq(chmod(folder, 0555), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0)
        _exit(is_refused_to_others() ? 0 : 1);
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(chmod(folder, 0700), 0);
    ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    check_content("old");
}
END_TEST

/* As on a full disk: the limit stops the file's growth at some byte of the header or the data. */
START_TEST(keeps_the_old_file_when_the_disk_is_full)
{
    struct rlimit before, limit;
    float        *data = calloc(10000, sizeof *data);
    const struct atau_tensor tensor = {.name = "x", .rows = 100, .columns = 99, .data = data, .stride = 100};
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    for (rlim_t size = 0; size < 39600; size += 97) {
        adaptau_error error = {0};
        limit = before;
        limit.rlim_cur = size;
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
        adaptau_status tensors = atau_safetensors_write(path, 1, &tensor, 0, NULL, &error);
        adaptau_status npy = atau_npy_write(path, 100, 99, data, 100, NULL);
        ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
        ck_assert_int_eq(tensors, ADAPTAU_E_IO);
        ck_assert_int_eq(npy, ADAPTAU_E_IO);
        ck_assert_msg(error.os_error == EFBIG, "%s", error.message);
        check_content("old");
        ck_assert_int_eq(count_files(0), 1);
    }
    signal(SIGXFSZ, SIG_DFL);
    free(data);
}
END_TEST

/* A save with the given fault in its first call, its second, and so on, until there are no more calls. */
static void fail_each_call(int os_error)
{
    static float       data[20000];
    struct atau_tensor tensor = {.name = "x", .rows = 20, .columns = 999, .data = data, .stride = 1000};
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    failing_errno = os_error;
    for (int call = 0;; call++) {
        adaptau_error error = {0};
        n_calls = 0;
        failing_call = call;
        adaptau_status status = atau_safetensors_write(path, 1, &tensor, 0, NULL, &error);
        failing_call = -1;
        ck_assert_int_eq(count_files(0), 1);
        if (n_calls <= call) {
            ck_assert_int_ge(call, 8); /* five writes, two flushes, a rename and two closes, one of them at leisure */
            break;
        }
        if (status == ADAPTAU_OK || (error.message[0] && strstr(error.message, "is written"))) {
            ck_assert_int_eq(open_and_close(NULL), ADAPTAU_OK);
            unlink(path);
            ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
            continue;
        }
        ck_assert_int_eq(status, ADAPTAU_E_IO);
        ck_assert_int_eq(error.os_error, os_error);
        check_content("old");
    }
}

START_TEST(keeps_the_old_file_when_any_call_fails)
{
    fail_each_call(EIO);
    fail_each_call(ENOSPC);
}
END_TEST

START_TEST(goes_on_when_any_call_is_interrupted)
{
    static float       data[3000];
    struct atau_tensor tensor = {.name = "x", .rows = 3, .columns = 999, .data = data, .stride = 1000};
    failing_errno = EINTR;
    for (failing_call = 0; failing_call < 5; failing_call++) {
        int call = failing_call;
        n_calls = 0;
        adaptau_status status = atau_safetensors_write(path, 1, &tensor, 0, NULL, NULL);
        failing_call = -1;
        ck_assert_int_gt(n_calls, call);
        ck_assert_msg(status == ADAPTAU_OK || call == 3, "call %d", call); /* a rename is not interrupted       */
        ck_assert_int_eq(open_and_close(NULL), ADAPTAU_OK);
        failing_call = call;
    }
    failing_call = -1;
}
END_TEST

START_TEST(goes_on_after_short_writes)
{
    longest_write = 7;
    adaptau_status status = write_sample(path, NULL);
    longest_write = SIZE_MAX;
    ck_assert_int_eq(status, ADAPTAU_OK);
    ck_assert_int_eq(open_and_close(NULL), ADAPTAU_OK);
}
END_TEST

static void save_for_ever(void)
{
    static float       data[64 * 1024];
    struct atau_tensor tensor = {.name = "x", .rows = 64, .columns = 1000, .data = data, .stride = 1024};
    for (float round = 0.0f;; round += 1.0f) {
        for (size_t k = 0; k < sizeof data / sizeof data[0]; k++)
            data[k] = round;
        atau_safetensors_write(path, 1, &tensor, 0, NULL, NULL);
    }
}

START_TEST(a_killed_save_leaves_the_old_file_or_the_new_one)
{
    static struct atau_safetensors file;
    static float                   rows[64 * 1000];
    uint64_t                       state = 7;
    int                            n_kills = 200;
    struct atau_tensor             first = {.name = "x", .rows = 64, .columns = 1000, .data = rows, .stride = 1000};
    ck_assert_int_eq(atau_safetensors_write(path, 1, &first, 0, NULL, NULL), ADAPTAU_OK);
    for (int i = 0; i < n_kills; i++) {
        pid_t child = fork();
        ck_assert_int_ge(child, 0);
        if (child == 0) {
            save_for_ever();
            _exit(0);
        }
        state = state * 6364136223846793005u + 1442695040888963407u;
        const struct timespec wait = {.tv_nsec = (long)(state >> 33) % 5000000};
        nanosleep(&wait, NULL);
        kill(child, SIGKILL);
        ck_assert_int_eq(waitpid(child, NULL, 0), child);
        adaptau_error error = {0};
        ck_assert_msg(atau_safetensors_open(context, path, &file, &error) == ADAPTAU_OK, "%s", error.message);
        ck_assert_int_eq(atau_safetensors_read(&file, file.entries, rows, 1000, NULL), ADAPTAU_OK);
        int n_others = 0;
        for (int k = 1; k < 64 * 1000; k++)
            n_others += rows[k] != rows[0];
        ck_assert_int_eq(n_others, 0);
        atau_safetensors_close(&file);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("atomic file");
    TCase *tests = tcase_create("atomic file");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, replaces_a_file_and_leaves_nothing_behind);
    tcase_add_test(tests, writes_to_the_working_directory);
    tcase_add_test(tests, keeps_the_old_file_when_abandoned);
    tcase_add_test(tests, gives_new_files_the_mode_of_the_umask);
    tcase_add_test(tests, replaces_a_symbolic_link_and_not_its_target);
    tcase_add_test(tests, refuses_paths_that_cannot_be_files);
    tcase_add_test(tests, refuses_an_unwritable_folder_and_keeps_the_old_file);
    tcase_add_test(tests, keeps_the_old_file_when_the_disk_is_full);
    tcase_add_test(tests, keeps_the_old_file_when_any_call_fails);
    tcase_add_test(tests, goes_on_when_any_call_is_interrupted);
    tcase_add_test(tests, goes_on_after_short_writes);
    tcase_add_test(tests, a_killed_save_leaves_the_old_file_or_the_new_one);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
