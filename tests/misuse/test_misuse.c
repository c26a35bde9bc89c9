/* SPDX-License-Identifier: MIT */
/* Every exported function with every kind of bad input: see misuse.h. With --list the functions are printed that have rows;
 * check_symbols.py compares them with the library's. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "../support/suite.h"
#include "misuse.h"

static const struct misuse_file *const files[] = {&context_misuse,     &kernels_misuse,   &dataset_misuse, &sampler_misuse,
                                                  &temperature_misuse, &evaluator_misuse, &search_misuse,  &model_misuse,
                                                  &step_misuse,        &serve_misuse,     &files_misuse,   &memory_misuse,
                                                  &shards_misuse,      &fit_misuse,       &tune_misuse,    &options_misuse};

#define N_FILES ((int)(sizeof files / sizeof *files))

static unsigned char before[64 * 1024];

static void prepare(const struct misuse_file *file, const struct subject *subject)
{
    file->release();
    memset(file->arguments, 0, file->size);
    subject->prepare();
}

/* All rows that are wrong are told, not the first alone. */
static int n_complaints;

static void expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void expect(bool holds, const char *format, ...)
{
    va_list arguments;
    if (holds)
        return;
    n_complaints++;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

static void expect_success(const struct misuse_file *file, const struct subject *subject, const char *when)
{
    adaptau_error error, untouched;
    memset(&error, 0xA5, sizeof error);
    untouched = error;
    prepare(file, subject);
    adaptau_status status = subject->call(&error);
    expect(status == ADAPTAU_OK, "%s %s: %s", subject->function, when, status ? error.message : "");
    expect(memcmp(&error, &untouched, sizeof error) == 0, "%s succeeds and writes to its error", subject->function);
}

static void check_error(const char *name, const struct misuse *row, const adaptau_error *error)
{
    const char *end = memchr(error->message, '\0', sizeof error->message);
    ck_assert_msg(end && end > error->message, "%s: no message", name);
    expect(error->status == row->status, "%s: error->status = %d", name, error->status);
    expect((error->os_error != 0) == (row->status == ADAPTAU_E_IO), "%s: os_error = %d", name, error->os_error);
    expect(strstr(error->message, row->message) != NULL, "%s: \"%s\"", name, error->message);
    expect(!strchr(error->message, '\n') && end[-1] != '.', "%s: not one line without a full stop: \"%s\"", name,
           error->message);
}

static void run_row(const struct misuse_file *file, const struct subject *subject, const struct misuse *row)
{
    char          name[256];
    adaptau_error error = {.message = "(none)"};
    snprintf(name, sizeof name, "%s, row %d (%s)", subject->function, (int)(row - subject->rows), row->message);
    prepare(file, subject);
    for (size_t c = 0; c < sizeof row->changes / sizeof *row->changes && row->changes[c].place; c++)
        memcpy(row->changes[c].place, row->changes[c].value, row->changes[c].size);
    memcpy(before, file->arguments, file->size);
    const uint64_t look = look_at_desk();
    const int64_t  bytes = desk.host.bytes;
    adaptau_status status = subject->call(&error);
    expect(status == row->status, "%s: %s, \"%s\"", name, adaptau_status_name(status), error.message);
    if (status != row->status)
        return;
    check_error(name, row, &error);
    status = subject->call(NULL);
    expect(status == row->status, "%s: %s without an error", name, adaptau_status_name(status));
    expect(memcmp(before, file->arguments, file->size) == 0, "%s: arguments have changed", name);
    expect(look_at_desk() == look, "%s: an object has changed", name);
    expect(desk.host.bytes == bytes, "%s: %lld bytes more than before", name, (long long)(desk.host.bytes - bytes));
}

/* _i: a file. */
START_TEST(rejects_every_row_and_goes_on)
{
    const struct misuse_file *file = files[_i];
    ck_assert_uint_le(file->size, sizeof before);
    n_complaints = 0;
    for (const struct subject *s = file->subjects; s < file->subjects + file->n_subjects; s++) {
        lay_desk();
        expect_success(file, s, "with good arguments");
        for (const struct misuse *row = s->rows; row < s->rows + s->n_rows; row++) {
            run_row(file, s, row);
            expect_success(file, s, "after an error");
        }
        file->release();
        clear_desk();
    }
    ck_assert_int_eq(n_complaints, 0);
}
END_TEST

START_TEST(takes_null_and_numbers_that_are_none)
{
    lay_desk();
    for (int h = 0; h < files[_i]->n_harmless && files[_i]->harmless[h].function; h++)
        files[_i]->harmless[h].call();
    clear_desk();
}
END_TEST

static void list(void)
{
    for (int f = 0; f < N_FILES; f++) {
        for (int s = 0; s < files[f]->n_subjects; s++)
            printf("%s %d\n", files[f]->subjects[s].function, files[f]->subjects[s].n_rows);
        for (int h = 0; h < files[f]->n_harmless && files[f]->harmless[h].function; h++)
            printf("%s cannot fail\n", files[f]->harmless[h].function);
    }
}

int main(int n_arguments, char **arguments)
{
    if (n_arguments > 1 && strcmp(arguments[1], "--list") == 0) {
        list();
        return 0;
    }
    Suite *suite = suite_create("misuse");
    TCase *tests = tcase_create("misuse");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, rejects_every_row_and_goes_on, 0, N_FILES);
    tcase_add_loop_test(tests, takes_null_and_numbers_that_are_none, 0, N_FILES);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
