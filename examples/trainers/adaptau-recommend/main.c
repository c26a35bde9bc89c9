/* SPDX-License-Identifier: MIT */
/* adaptau-recommend: what a saved model ranks first for some users, and what is similar to what. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "adaptau-recommend/lists.h"
#include "adaptau-recommend/output.h"
#include "common/fail.h"
#include "common/meter.h"
#include "common/options.h"
#include "common/stop.h"

#define PROGRAM "adaptau-recommend"

/* All zero is none. */
struct run {
    const struct settings *settings;
    struct catalog         catalog;
    struct seen            seen;
    adaptau_dataset_view   own; /* of `seen`, where that is asked for */
    struct choice          choice;
    struct titles          titles;
    struct names           words; /* of --users */
    struct lists           lists, popular;
    struct output          output;
};

/* ---- what is asked for --------------------------------------------------------------------------------------------- */

static void note(const struct run *run, const char *what, int64_t n, const char *rest)
{
    if (n > 0 && !run->settings->quiet)
        fprintf(stderr, "%s: %s: %lld %s\n", PROGRAM, what, (long long)n, rest);
}

static int compare_rows(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* Ascending, and each once. Returns how many. */
static int32_t sort_rows(int32_t *rows, int32_t n)
{
    int32_t kept = 0;
    if (n > 0)
        qsort(rows, (size_t)n, sizeof *rows, compare_rows);
    for (int32_t i = 0; i < n; i++)
        if (i == 0 || rows[i] != rows[i - 1])
            rows[kept++] = rows[i];
    return kept;
}

static adaptau_status read_items(const struct run *run, const char *path, const char *option, int32_t **rows, int32_t *n,
                                 adaptau_error *error)
{
    int64_t n_unknown = 0;
    if (!path)
        return ADAPTAU_OK;
    adaptau_status status = catalog_read_rows(&run->catalog, true, false, path, rows, n, &n_unknown, error);
    if (status)
        return status;
    note(run, option, n_unknown, "of its items are not in the model");
    *n = sort_rows(*rows, *n);
    return ADAPTAU_OK;
}

static adaptau_status read_choice(struct run *run, adaptau_error *error)
{
    const struct settings *s = run->settings;
    adaptau_status         status = ADAPTAU_OK;
    if (s->seen)
        status = seen_read(&run->seen, &run->catalog, s->seen, &s->reading, error);
    if (!status && s->seen)
        status = adaptau_dataset_get_view(run->seen.pairs, &run->own, error);
    if (status)
        return status;
    run->choice.seen = s->seen ? &run->seen : NULL;
    note(run, s->seen ? s->seen : "", run->seen.n_unknown, "of its interactions are of users or items that the model does not have");
    status = read_items(run, s->allow, "--allow", &run->choice.allowed, &run->choice.n_allowed, error);
    if (!status && s->allow && run->choice.n_allowed == 0)
        status = fail(error, ADAPTAU_E_STATE, "%s: none of its items is in the model", shown_path(s->allow));
    if (!status)
        status = read_items(run, s->exclude, "--exclude", &run->choice.excluded, &run->choice.n_excluded, error);
    if (!status && s->titles) {
        status = titles_read(&run->titles, &run->catalog, s->titles, error);
        note(run, s->titles, status ? 0 : run->catalog.n_items - run->titles.n_found, "of the model's items have no title in it");
    }
    return status;
}

/* Only a whole number can be meant by a word then, and its user may be another's. */
static void say_names_are_missing(const struct run *run)
{
    const struct settings *s = run->settings;
    if (!s->quiet && !s->rows && !s->all && !run->catalog.knows_names)
        fprintf(stderr, "%s: %s: no names in it, so numbers are rows\n", PROGRAM, s->model);
}

/* Once there are lists, so that an error stays the one line that is said. */
static void say_seen_is_missing(const struct run *run)
{
    const struct settings *s = run->settings;
    if (!s->quiet && !s->seen && s->wish == WISH_ITEMS_OF_USERS)
        fprintf(stderr, "%s: no --seen DATA, so lists may hold what users have already\n", PROGRAM);
}

static adaptau_status open_run(struct run *run, const struct settings *settings, adaptau_error *error)
{
    *run = (struct run){.settings = settings, .own = {.struct_size = sizeof run->own}};
    adaptau_status status = catalog_open(settings->model, 1, &run->catalog, error);
    if (status)
        return status;
    int32_t n = settings->wish == WISH_SIMILAR_USERS ? run->catalog.n_users : run->catalog.n_items;
    int32_t k = (int32_t)(settings->k < n ? settings->k : n);
    say_names_are_missing(run);
    status = read_choice(run, error);
    if (!status && settings->users)
        status = read_words(settings->users, &run->words, error);
    if (!status)
        status = lists_allocate(&run->lists, k, error);
    if (!status && settings->cold == COLD_POPULAR)
        status = lists_allocate(&run->popular, k, error);
    if (!status && settings->cold == COLD_POPULAR)
        status = rank_popular(&run->catalog, &run->choice, &run->popular, error);
    if (!status)
        status = output_open(&run->output, settings, &run->catalog, settings->titles ? &run->titles : NULL, error);
    return status;
}

static void close_run(struct run *run)
{
    output_discard(&run->output);
    lists_free(&run->popular);
    lists_free(&run->lists);
    names_free(&run->words);
    titles_free(&run->titles);
    free(run->choice.allowed);
    free(run->choice.excluded);
    seen_free(&run->seen);
    catalog_close(&run->catalog);
}

/* ---- lists of users ------------------------------------------------------------------------------------------------ */

static int64_t count_users(const struct run *run)
{
    const struct settings *s = run->settings;
    return s->all ? run->catalog.n_users : s->users ? run->words.count : s->n_words;
}

static const char *word_at(const struct run *run, int64_t i)
{
    return run->settings->users ? names_get(&run->words, (int32_t)i) : run->settings->words[i];
}

/* Row of the i-th user asked for; -1 for one that the model does not have and who gets what is popular. */
static adaptau_status find_user(const struct run *run, int64_t i, int32_t *row, adaptau_error *error)
{
    *row = (int32_t)i;
    if (run->settings->all)
        return ADAPTAU_OK;
    adaptau_status status = catalog_find(&run->catalog, false, run->settings->rows, word_at(run, i), row, error);
    if (status == ADAPTAU_E_INDEX && run->settings->cold == COLD_POPULAR) {
        *row = -1;
        return ADAPTAU_OK;
    }
    return status;
}

static void put_user(struct run *run, const char *word, int32_t row, int32_t known)
{
    char             label[LABEL_SIZE];
    const size_t     first = (size_t)known * (size_t)run->lists.k;
    struct recipient who = {.label = word, .row = row, .cold = row < 0};
    if (row >= 0)
        who.label = row_label(&run->catalog.users, row, label);
    if (row >= 0 && run->own.user_ptr) {
        who.own = run->own.user_items + run->own.user_ptr[row];
        who.n_own = (int32_t)(run->own.user_ptr[row + 1] - run->own.user_ptr[row]);
    }
    if (row < 0)
        output_list(&run->output, &who, run->popular.k, run->popular.found, run->popular.scores);
    else
        output_list(&run->output, &who, run->lists.k, run->lists.found + first, run->lists.scores + first);
}

/* Users first ... first + n - 1 of those asked for. */
static adaptau_status list_users(struct run *run, int64_t first, int32_t n, adaptau_error *error)
{
    int32_t        rows[LISTS_AT_ONCE], known[LISTS_AT_ONCE], n_known = 0;
    adaptau_status status = ADAPTAU_OK;
    for (int32_t i = 0; i < n && !status; i++) {
        status = find_user(run, first + i, &rows[i], error);
        if (!status && rows[i] >= 0)
            known[n_known++] = rows[i];
    }
    if (!status && n_known > 0)
        status = rank_for_users(&run->catalog, &run->choice, n_known, known, &run->lists, error);
    for (int32_t i = 0, at = 0; i < n && !status; i++) {
        put_user(run, run->settings->all ? NULL : word_at(run, first + i), rows[i], at);
        at += rows[i] >= 0;
    }
    return status;
}

/* Nothing is printed before all words are known to mean somebody. */
static adaptau_status check_users(const struct run *run, adaptau_error *error)
{
    int32_t        row;
    adaptau_status status = ADAPTAU_OK;
    for (int64_t i = 0; i < count_users(run) && !status && !run->settings->all; i++)
        status = find_user(run, i, &row, error);
    return status;
}

static adaptau_status list_all_users(struct run *run, adaptau_error *error)
{
    const int64_t  n = count_users(run);
    struct meter   meter;
    char           text[64];
    adaptau_status status = check_users(run, error);
    meter_begin(&meter, run->settings->quiet || (isatty(STDOUT_FILENO) && !run->settings->output)); /* lists are progress enough */
    for (int64_t first = 0; first < n && !status; first += LISTS_AT_ONCE) {
        status = list_users(run, first, (int32_t)(n - first < LISTS_AT_ONCE ? n - first : LISTS_AT_ONCE), error);
        snprintf(text, sizeof text, "%lld of %lld", (long long)first, (long long)n);
        if (!meter_is_fresh(&meter))
            meter_draw(&meter, "lists", (double)first / (double)n, text, true);
    }
    meter_end(&meter);
    return status;
}

/* ---- other lists --------------------------------------------------------------------------------------------------- */

static adaptau_status find_words(const struct run *run, bool items, int32_t **rows, adaptau_error *error)
{
    const struct settings *s = run->settings;
    adaptau_status         status = ADAPTAU_OK;
    *rows = malloc(((size_t)s->n_words + 1) * sizeof **rows);
    if (!*rows)
        return fail_memory(error, "the words");
    for (int32_t i = 0; i < s->n_words && !status; i++)
        status = catalog_find(&run->catalog, items, s->rows, s->words[i], &(*rows)[i], error);
    return status;
}

static adaptau_status list_similar(struct run *run, bool items, adaptau_error *error)
{
    char           label[LABEL_SIZE];
    int32_t       *rows = NULL;
    adaptau_status status = find_words(run, items, &rows, error);
    for (int32_t i = 0; i < run->settings->n_words && !status; i++) {
        status = rank_similar(&run->catalog, &run->choice, items, rows[i], &run->lists, error);
        if (status)
            break;
        const struct recipient what = {row_label(items ? &run->catalog.items : &run->catalog.users, rows[i], label), rows[i], false, 0,
                                       NULL};
        output_list(&run->output, &what, run->lists.k, run->lists.found, run->lists.scores);
    }
    free(rows);
    return status;
}

static adaptau_status list_from_items(struct run *run, adaptau_error *error)
{
    int32_t       *rows = NULL;
    adaptau_status status = find_words(run, true, &rows, error);
    const int32_t n = status ? 0 : sort_rows(rows, run->settings->n_words);
    if (!status)
        status = rank_from_items(&run->catalog, &run->choice, n, rows, run->settings->tau, &run->lists, error);
    if (!status)
        output_list(&run->output, &(struct recipient){"(from items)", -1, false, n, rows}, run->lists.k, run->lists.found,
                    run->lists.scores);
    free(rows);
    return status;
}

static adaptau_status list_wishes(struct run *run, adaptau_error *error)
{
    switch (run->settings->wish) {
    case WISH_SIMILAR_ITEMS: return list_similar(run, true, error);
    case WISH_SIMILAR_USERS: return list_similar(run, false, error);
    case WISH_ITEMS_FROM_ITEMS: return list_from_items(run, error);
    default: return list_all_users(run, error);
    }
}

int main(int argc, char **argv)
{
    struct settings settings;
    int             code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    struct run     run;
    adaptau_error  error = {0};
    adaptau_status status = open_run(&run, &settings, &error);
    if (!status)
        status = list_wishes(&run, &error);
    if (!status)
        status = output_close(&run.output, &error);
    if (status)
        tell_failure(PROGRAM, &error);
    else
        say_seen_is_missing(&run);
    close_run(&run);
    return !status && finish_stdout(PROGRAM) ? 0 : 1;
}
