/* SPDX-License-Identifier: MIT */
/* Files that appear whole or not at all: where and how. What happens when the system fails is in tests/faults/test_files.c. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../support/file_fixture.h"
#include "../support/suite.h"
#include "files/atomic_file.h"

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

static void check_link(const char *where)
{
    struct stat status;
    ck_assert_int_eq(lstat(where, &status), 0);
    ck_assert(S_ISLNK(status.st_mode));
}

START_TEST(replaces_the_target_of_a_symbolic_link)
{
    static const char *const targets[] = {"%s/store/v1", "store/v1", "./store/../store/v1", "store/again"};
    char                     target[700], store[700], again[800];
    snprintf(target, sizeof target, targets[_i], folder);
    snprintf(store, sizeof store, "%s/store", folder);
    snprintf(again, sizeof again, "%s/again", store);
    ck_assert_int_eq(mkdir(store, 0700), 0);
    ck_assert_int_eq(symlink("v1", again), 0); /* a link to a link, relative to its own folder                 */
    ck_assert_int_eq(symlink(target, path), 0);
    for (int time = 0; time < 2; time++) { /* the target is made first, then replaced                          */
        ck_assert_int_eq(write_text(path, time ? "new" : "first", NULL), ADAPTAU_OK);
        check_link(path);
        check_link(again);
        check_content(time ? "new" : "first");
    }
    ck_assert_int_eq(count_files(0), 2); /* link and store: nothing temporary here, nor there                  */
    unlink(again);
    snprintf(again, sizeof again, "%s/v1", store);
    unlink(again);
    ck_assert_int_eq(rmdir(store), 0);
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

static void refuse_links_and_pipes(void)
{
    const struct {
        const char *target;
        int         os_error;
    } links[] = {{"/dev/null", EINVAL}, {"itself", ELOOP}, {"no/folder", ENOENT}, {".", EISDIR}, {"pipe", EINVAL}};
    char        where[700], pipe_path[700], number[40];
    struct stat status;
    snprintf(pipe_path, sizeof pipe_path, "%s/pipe", folder);
    snprintf(where, sizeof where, "%s/itself", folder);
    ck_assert_int_eq(mkfifo(pipe_path, 0600), 0);
    check_refused(pipe_path, EINVAL);
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        ck_assert_int_eq(symlink(links[i].target, where), 0);
        check_refused(where, links[i].os_error);
        check_link(where);
        unlink(where);
    }
    ck_assert_int_eq(stat(pipe_path, &status), 0);
    ck_assert(S_ISFIFO(status.st_mode));
    unlink(pipe_path);
    /* A link of /proc to a file that is gone: its text names another. */
    FILE *gone = fopen(pipe_path, "w");
    ck_assert_ptr_nonnull(gone);
    unlink(pipe_path);
    snprintf(number, sizeof number, "/proc/self/fd/%d", fileno(gone));
    if (stat(number, &status) == 0)
        check_refused(number, EINVAL);
    fclose(gone);
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
    refuse_links_and_pipes();
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
    tcase_add_loop_test(tests, replaces_the_target_of_a_symbolic_link, 0, 4);
    tcase_add_test(tests, refuses_paths_that_cannot_be_files);
    tcase_add_test(tests, refuses_an_unwritable_folder_and_keeps_the_old_file);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
