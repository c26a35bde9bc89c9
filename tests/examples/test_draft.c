/* SPDX-License-Identifier: MIT */
/* Files of results: what was written is on the device before it takes the old file's place, and whatever fails, the old file is
 * whole and nothing else is left. fsync and rename stand here before the C library's. */
#define _DEFAULT_SOURCE /* syscall */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../support/folder.h"
#include "../support/ok.h"
#include "../support/suite.h"
#include "common/draft.h"
#include "common/target.h"

/* ---- the system, which says what it was asked ---------------------------------------------------------------------- */

static int   n_synced, n_renamed;
static int   synced_at_rename; /* syncs before the first rename                                                */
static off_t synced_size;      /* of the file that was synced last                                             */
static int   sync_failure, rename_failure;

int fsync(int handle)
{
    struct stat about;
    n_synced++;
    synced_size = fstat(handle, &about) == 0 ? about.st_size : -1;
    errno = sync_failure;
    return sync_failure ? -1 : 0;
}

int rename(const char *from, const char *to)
{
    if (n_renamed++ == 0)
        synced_at_rename = n_synced;
    errno = rename_failure;
    return rename_failure ? -1 : (int)syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0);
}

static void open_world(void)
{
    make_folder();
    n_synced = n_renamed = synced_at_rename = sync_failure = rename_failure = 0;
}

/* ---- drafts ---------------------------------------------------------------------------------------------------------- */

static adaptau_status write_text(const char *where, const char *text)
{
    struct draft   draft;
    adaptau_status status = draft_open(&draft, where, &error);
    if (status)
        return status;
    fputs(text, draft.file);
    return draft_commit(&draft, &error);
}

static void check_content(const char *text)
{
    char  bytes[64] = "";
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fread(bytes, 1, sizeof bytes - 1, file), strlen(text));
    fclose(file);
    ck_assert_str_eq(bytes, text);
}

START_TEST(is_synced_whole_before_it_is_renamed)
{
    OK(write_text(path, "some text"));
    ck_assert_int_eq(n_renamed, 1);
    ck_assert_int_ge(synced_at_rename, 1);
    ck_assert_int_eq(synced_size, 9);
    check_content("some text");
}
END_TEST

START_TEST(keeps_the_old_file_when_the_system_fails)
{
    OK(write_text(path, "old"));
    sync_failure = _i == 0 ? EIO : 0;
    rename_failure = _i == 1 ? EACCES : 0;
    n_renamed = 0;
    ck_assert_int_eq(write_text(path, "new"), ADAPTAU_E_IO);
    ck_assert_int_eq(error.os_error, _i == 0 ? EIO : EACCES);
    ck_assert_int_eq(n_renamed, _i);
    check_content("old");
    ck_assert_int_eq(count_files(0), 1);
}
END_TEST

START_TEST(replaces_what_a_link_leads_to)
{
    char        target[700];
    struct stat about;
    snprintf(target, sizeof target, "%s/kept", folder);
    ck_assert_int_eq(symlink("kept", path), 0);
    for (int time = 0; time < 2; time++) {
        OK(write_text(path, time ? "new" : "first"));
        ck_assert_int_eq(lstat(path, &about), 0);
        ck_assert(S_ISLNK(about.st_mode));
        ck_assert_int_eq(lstat(target, &about), 0);
        ck_assert(S_ISREG(about.st_mode));
        check_content(time ? "new" : "first");
    }
    ck_assert_int_eq(count_files(0), 2);
}
END_TEST

static void check_refused(const char *where, int os_error)
{
    ck_assert_int_eq(write_text(where, "x"), ADAPTAU_E_IO);
    ck_assert_msg(error.os_error == os_error, "%s: %s", where, error.message);
}

START_TEST(refuses_what_is_no_regular_file)
{
    char        where[700];
    struct stat about;
    snprintf(where, sizeof where, "%s/pipe", folder);
    ck_assert_int_eq(mkfifo(where, 0600), 0);
    ck_assert_int_eq(symlink("pipe", path), 0);
    check_refused(where, 0);
    check_refused(path, 0);
    ck_assert_int_eq(lstat(where, &about), 0);
    ck_assert(S_ISFIFO(about.st_mode));
    unlink(path);
    ck_assert_int_eq(symlink("model.safetensors", path), 0); /* itself */
    check_refused(path, ELOOP);
    check_refused("/dev/null", 0);
    check_refused(folder, EISDIR);
    check_refused("/nonexistent/folder/x", ENOENT);
    ck_assert_int_eq(count_files(0), 2);
}
END_TEST

/* A write that fails long before the commit: its reason is told, whatever the C library kept of it. */
START_TEST(tells_why_an_earlier_write_failed)
{
    struct draft  draft;
    struct rlimit before, low;
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &before), 0);
    low = before;
    low.rlim_cur = 16384;
    OK(write_text(path, "old"));
    signal(SIGXFSZ, SIG_IGN);
    OK(draft_open(&draft, path, &error));
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    for (int k = 0; k < 10000; k++)
        fputs("more than there is room for\n", draft.file);
    errno = 0;
    const adaptau_status status = draft_commit(&draft, &error);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &before), 0);
    signal(SIGXFSZ, SIG_DFL);
    ck_assert_int_eq(status, ADAPTAU_E_IO);
    ck_assert_msg(error.os_error == EFBIG, "%s", error.message);
    ck_assert_int_eq(count_files(0), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("draft");
    TCase *tests = tcase_create("draft");
    tcase_add_checked_fixture(tests, open_world, remove_folder);
    tcase_add_test(tests, is_synced_whole_before_it_is_renamed);
    tcase_add_loop_test(tests, keeps_the_old_file_when_the_system_fails, 0, 2);
    tcase_add_test(tests, replaces_what_a_link_leads_to);
    tcase_add_test(tests, refuses_what_is_no_regular_file);
    tcase_add_test(tests, tells_why_an_earlier_write_failed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
