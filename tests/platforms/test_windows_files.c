/* SPDX-License-Identifier: MIT */
/* What the library promises of files, by Windows' means: a save is whole or did not happen, whatever has the old file open, and
 * also when the process is ended in the middle. Run with a path it saves there for ever, and is the process that is ended. */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#include "../support/file_fixture.h"
#include "../support/suite.h"
#include "files/atomic_file.h"
#include "files/mapping.h"

#define KILLS 20
#define LONGEST_TEXT (1 << 20)

static const char *own_path; /* of this program */

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

START_TEST(keeps_the_old_file_when_abandoned)
{
    struct atau_atomic_file file;
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    ck_assert_int_eq(atau_atomic_file_open(&file, path, NULL), ADAPTAU_OK);
    ck_assert_int_eq(count_files(0), 2);
    ck_assert_int_eq(atau_atomic_file_close(&file, ADAPTAU_E_NUMERIC, NULL), ADAPTAU_E_NUMERIC);
    check_content("old");
    ck_assert_int_eq(count_files(0), 1);
}
END_TEST

START_TEST(names_are_utf8_and_slashes_go_both_ways)
{
    static const WCHAR *const name = L"mod\x00E8le-\x03C4.safetensors";
    char                      utf8[1024];
    WCHAR                     wide[1024];
    snprintf(utf8, sizeof utf8, "%s\\mod\xC3\xA8le-\xCF\x84.safetensors", folder);
    ck_assert_int_eq(write_text(utf8, "text", NULL), ADAPTAU_OK);
    ck_assert_int_gt(MultiByteToWideChar(CP_UTF8, 0, folder, -1, wide, 900), 0);
    wcscat(wide, L"/");
    wcscat(wide, name);
    ck_assert_uint_ne(GetFileAttributesW(wide), INVALID_FILE_ATTRIBUTES);
    struct atau_mapping mapping;
    ck_assert_int_eq(atau_mapping_open(&mapping, utf8, NULL), ADAPTAU_OK);
    ck_assert_uint_eq(mapping.size, 4);
    ck_assert_mem_eq(mapping.bytes, "text", 4);
    atau_mapping_close(&mapping);
    ck_assert(DeleteFileW(wide));
}
END_TEST

START_TEST(refuses_what_is_no_regular_file)
{
    char          there[1024];
    adaptau_error error;
    snprintf(there, sizeof there, "%s/none/model", folder);
    const struct {
        const char *path;
        int         os_error;
    } cases[] = {{folder, EISDIR}, {"NUL", EINVAL}, {there, ENOENT}, {"", EISDIR}, {"\xFF", EILSEQ}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        error = (adaptau_error){0};
        ck_assert_msg(write_text(cases[i].path, "x", &error) == ADAPTAU_E_IO, "%s", cases[i].path);
        ck_assert_msg(error.os_error == cases[i].os_error, "'%s': %d, %s", cases[i].path, (int)error.os_error, error.message);
    }
    ck_assert_int_eq(count_files(0), 0);
}
END_TEST

START_TEST(a_file_that_another_holds_stays_whole)
{
    adaptau_error error = {0};
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    const HANDLE held = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    ck_assert_ptr_ne(held, INVALID_HANDLE_VALUE);
    ck_assert_int_eq(write_text(path, "new", &error), ADAPTAU_E_IO);
    ck_assert_int_eq(error.os_error, EACCES);
    ck_assert_ptr_nonnull(strstr(error.message, "cannot replace "));
    check_content("old");
    ck_assert_int_eq(count_files(0), 1);
    CloseHandle(held);
    ck_assert_int_eq(write_text(path, "new", NULL), ADAPTAU_OK);
    check_content("new");
}
END_TEST

static DWORD WINAPI close_soon(void *handle)
{
    Sleep(30);
    CloseHandle(handle);
    return 0;
}

START_TEST(a_file_that_is_mapped_stays_whole)
{
    struct atau_mapping mapping;
    adaptau_error       error = {0};
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    ck_assert_int_eq(atau_mapping_open(&mapping, path, NULL), ADAPTAU_OK);
    if (write_text(path, "new", &error) != ADAPTAU_OK)
        ck_assert_int_eq(error.os_error, EACCES);
    ck_assert_mem_eq(mapping.bytes, "old", 3);
    ck_assert_int_eq(count_files(0), 1);
    atau_mapping_close(&mapping);
    ck_assert_int_eq(write_text(path, "newer", NULL), ADAPTAU_OK);
    check_content("newer");
}
END_TEST

START_TEST(a_file_that_another_holds_for_a_moment_is_replaced)
{
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    const HANDLE held = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ, NULL, OPEN_EXISTING, 0, NULL);
    ck_assert_ptr_ne(held, INVALID_HANDLE_VALUE);
    const HANDLE closer = CreateThread(NULL, 0, close_soon, held, 0, NULL);
    ck_assert_int_eq(write_text(path, "new", NULL), ADAPTAU_OK);
    WaitForSingleObject(closer, INFINITE);
    CloseHandle(closer);
    check_content("new");
}
END_TEST

START_TEST(a_reader_of_the_library_sees_the_file_that_it_opened)
{
    atau_file file;
    uint64_t  size;
    bool      regular;
    size_t    count;
    char      bytes[8];
    ck_assert_int_eq(write_text(path, "old", NULL), ADAPTAU_OK);
    ck_assert_int_eq(atau_file_open(path, &file, &size, &regular), 0);
    ck_assert(regular && size == 3);
    ck_assert_int_eq(atau_file_read(file, 1, bytes, 2, &count), 0);
    ck_assert_uint_eq(count, 2);
    ck_assert_mem_eq(bytes, "ld", 2);
    ck_assert_int_eq(atau_file_read(file, 3, bytes, 2, &count), 0);
    ck_assert_uint_eq(count, 0);
    atau_file_close(file);
    ck_assert_int_eq(atau_file_open(folder, &file, &size, &regular), EISDIR);
    ck_assert_int_eq(atau_file_open("NUL", &file, &size, &regular), 0);
    ck_assert(!regular && file == ATAU_NO_FILE);
}
END_TEST

/* ---- the end of a process ---------------------------------------------------------------------------------------------- */

/* The letter of a text says how long the text is. */
static adaptau_status write_letters(const char *where, char *text, int n)
{
    const size_t letter = (size_t)n % 26, size = LONGEST_TEXT / (1 + letter);
    memset(text, (int)('a' + letter), size);
    text[size] = '\0';
    return write_text(where, text, NULL);
}

static int save_for_ever(const char *where)
{
    char *text = malloc(LONGEST_TEXT + 1);
    for (int n = 0; text; n = (n + 1) % 26)
        if (write_letters(where, text, n) != ADAPTAU_OK)
            break;
    return 1;
}

static void check_is_whole(char *bytes)
{
    const size_t size = read_bytes(bytes, LONGEST_TEXT + 1);
    ck_assert_uint_gt(size, 0);
    ck_assert_uint_eq(size, LONGEST_TEXT / (1 + (size_t)(bytes[0] - 'a')));
    for (size_t i = 0; i < size; i++)
        ck_assert(bytes[i] == bytes[0]);
}

START_TEST(a_process_that_is_ended_leaves_a_whole_file)
{
    char *bytes = malloc(LONGEST_TEXT + 1);
    int   beside = 0;
    ck_assert_int_eq(write_letters(path, bytes, 25), ADAPTAU_OK);
    for (int n = 0; n < KILLS; n++) {
        char                command[2048];
        STARTUPINFOA        start = {.cb = sizeof start};
        PROCESS_INFORMATION process;
        snprintf(command, sizeof command, "\"%s\" \"%s\"", own_path, path);
        ck_assert(CreateProcessA(own_path, command, NULL, NULL, FALSE, 0, NULL, NULL, &start, &process));
        Sleep((DWORD)(150 + 7 * n));
        ck_assert(TerminateProcess(process.hProcess, 3));
        WaitForSingleObject(process.hProcess, INFINITE);
        DWORD code = 0;
        GetExitCodeProcess(process.hProcess, &code);
        ck_assert_uint_eq(code, 3);
        CloseHandle(process.hThread);
        CloseHandle(process.hProcess);
        if (count_files(0) > beside + 1)
            beside++;
        ck_assert_int_eq(count_files(0), beside + 1); /* at most one temporary file for each process               */
        check_is_whole(bytes);
    }
    ck_assert_int_gt(beside, 0); /* some were ended while they wrote                                           */
    free(bytes);
}
END_TEST

int main(int argc, char **argv)
{
    Suite *suite = suite_create("windows_files");
    TCase *tests = tcase_create("windows_files");
    own_path = argv[0];
    if (argc > 1)
        return save_for_ever(argv[1]);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, replaces_a_file_and_leaves_nothing_behind);
    tcase_add_test(tests, keeps_the_old_file_when_abandoned);
    tcase_add_test(tests, names_are_utf8_and_slashes_go_both_ways);
    tcase_add_test(tests, refuses_what_is_no_regular_file);
    tcase_add_test(tests, a_file_that_another_holds_stays_whole);
    tcase_add_test(tests, a_file_that_is_mapped_stays_whole);
    tcase_add_test(tests, a_file_that_another_holds_for_a_moment_is_replaced);
    tcase_add_test(tests, a_reader_of_the_library_sees_the_file_that_it_opened);
    tcase_add_test(tests, a_process_that_is_ended_leaves_a_whole_file);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
