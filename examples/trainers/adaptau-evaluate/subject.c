/* SPDX-License-Identifier: MIT */
#include "adaptau-evaluate/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "adaptau-recommend/lists.h"
#include "common/fail.h"

/* A safetensors file begins with the length of its header, 8 bytes, and the header with a brace. A pipe is not looked at: what is
 * read of it would be gone. */
static bool looks_like_model(const char *path)
{
    unsigned char begin[9];
    struct stat   about;
    uint64_t      length = 0;
    FILE         *file = strcmp(path, "-") != 0 && stat(path, &about) == 0 && S_ISREG(about.st_mode) ? fopen(path, "rb") : NULL;
    const bool    whole = file && fread(begin, 1, sizeof begin, file) == sizeof begin;
    if (file)
        fclose(file);
    for (int i = 7; whole && i >= 0; i--)
        length = length << 8 | begin[i];
    return whole && begin[8] == '{' && length < UINT64_C(1) << 40;
}

adaptau_status subject_allocate(struct subject *subject, const struct truth *truth, int32_t k, adaptau_error *error)
{
    const size_t size = (size_t)truth->n * (size_t)k;
    subject->k = k;
    subject->items = malloc((size + 1) * sizeof *subject->items);
    if (!subject->items)
        return fail_memory(error, "the lists");
    for (size_t i = 0; i < size; i++)
        subject->items[i] = -1;
    return ADAPTAU_OK;
}

int32_t subject_list(const struct subject *subject, int32_t place, const int32_t **items)
{
    int32_t n = 0;
    *items = subject->items + (size_t)place * (size_t)subject->k;
    while (n < subject->k && (*items)[n] >= 0)
        n++;
    return n;
}

static void count_missing(struct subject *subject, const struct truth *truth)
{
    const int32_t *items;
    for (int32_t place = 0; place < truth->n; place++)
        subject->n_missing += subject_list(subject, place, &items) == 0;
}

adaptau_status subject_open(struct subject *subject, struct truth *truth, const char *path, const struct settings *settings,
                            adaptau_error *error)
{
    *subject = (struct subject){.path = path};
    subject->is_model = settings->kind == KIND_MODEL || (settings->kind == KIND_AUTO && looks_like_model(path));
    adaptau_status status = subject->is_model ? rank_by_model(subject, truth, settings, error)
                                              : read_recommendations(subject, truth, settings, error);
    if (status) {
        subject_close(subject);
        return status;
    }
    count_missing(subject, truth);
    if (subject->n_missing == truth->n && subject->n_known > 0)
        status = fail(error, ADAPTAU_E_STATE, "%s: users had all of its items before, so nothing of its lists is left",
                      shown_path(path));
    else if (subject->n_missing == truth->n)
        status = fail(error, ADAPTAU_E_STATE, "%s: no list for any of the %d users with test pairs; are users called the same in both?",
                      shown_path(path), truth->n);
    if (status)
        subject_close(subject);
    return status;
}

void subject_close(struct subject *subject)
{
    free(subject->items);
    *subject = (struct subject){0};
}

/* ---- by a model ---------------------------------------------------------------------------------------------------- */

/* A model beside the data: which row is which. */
struct match {
    struct catalog catalog;
    int32_t       *row_of_user; /* [users of the data] row in the model, or -1 */
    int32_t       *row_of_item; /* [items of the data] likewise */
    int32_t       *item_of_row; /* [rows of items] id in the data */
    struct seen    seen;
};

static adaptau_status check_names(const struct catalog *catalog, const struct truth *truth, const char *path, adaptau_error *error)
{
    if (truth->named && (catalog->users.count == 0 || catalog->items.count == 0))
        return fail(error, ADAPTAU_E_STATE, "%s has no names of users and items, but the data have: they cannot be matched",
                    shown_path(path));
    return ADAPTAU_OK;
}

static int32_t find_row(const struct names *names, int32_t n_rows, const struct names *of_data, int32_t id)
{
    const char *name = names_get(of_data, id);
    if (names->count > 0)
        return names_find(names, name, strlen(name));
    return id < n_rows ? id : -1;
}

static adaptau_status match_rows(struct match *match, struct truth *truth, adaptau_error *error)
{
    const struct catalog *catalog = &match->catalog;
    const int32_t         n_users = truth->users->count, n_items = truth->train.n_items;
    char                  number[LABEL_SIZE];
    adaptau_status        status = ADAPTAU_OK;
    match->row_of_user = malloc(((size_t)n_users + 1) * sizeof *match->row_of_user);
    match->row_of_item = malloc(((size_t)n_items + 1) * sizeof *match->row_of_item);
    match->item_of_row = malloc(((size_t)catalog->n_items + 1) * sizeof *match->item_of_row);
    if (!match->row_of_user || !match->row_of_item || !match->item_of_row)
        return fail_memory(error, "the rows");
    for (int32_t user = 0; user < n_users; user++)
        match->row_of_user[user] = find_row(&catalog->users, catalog->n_users, truth->users, user);
    for (int32_t item = 0; item < n_items; item++)
        match->row_of_item[item] = find_row(&catalog->items, catalog->n_items, truth->items, item);
    for (int32_t row = 0; row < catalog->n_items && !status; row++) {
        const char *name = row_label(&catalog->items, row, number);
        status = names_intern(truth->items, name, strlen(name), &match->item_of_row[row], error);
    }
    return status;
}

/* What users had before, in the model's rows. */
static adaptau_status match_seen(struct match *match, const struct truth *truth, adaptau_error *error)
{
    struct pairs   pairs = {0};
    adaptau_status status = ADAPTAU_OK;
    for (int32_t i = 0; i < truth->n && !status; i++) {
        const int32_t user = truth->who[i], row = match->row_of_user[user];
        for (int64_t p = truth->train.user_ptr[user]; p < truth->train.user_ptr[user + 1] && row >= 0 && !status; p++) {
            const int32_t item = match->row_of_item[truth->train.user_items[p]];
            if (item >= 0)
                status = pairs_append(&pairs, row, item, error);
        }
    }
    if (!status)
        status = pairs_to_dataset(&pairs, match->catalog.context, match->catalog.n_users, match->catalog.n_items, &match->seen.pairs,
                                  error);
    pairs_free(&pairs);
    return status;
}

/* Lists of users at `places` whose rows are `rows`. */
static adaptau_status rank_some(struct subject *subject, const struct match *match, int32_t n, const int32_t *places,
                                const int32_t *rows, struct lists *lists, adaptau_error *error)
{
    const struct choice choice = {.seen = &match->seen};
    adaptau_status      status = rank_for_users(&match->catalog, &choice, n, rows, lists, error);
    for (int32_t i = 0; i < n && !status; i++)
        for (int32_t r = 0; r < lists->k; r++) {
            const int32_t row = lists->found[(size_t)i * (size_t)lists->k + (size_t)r];
            subject->items[(size_t)places[i] * (size_t)subject->k + (size_t)r] = row < 0 ? -1 : match->item_of_row[row];
        }
    return status;
}

static adaptau_status rank_all(struct subject *subject, const struct truth *truth, const struct match *match, struct lists *lists,
                               adaptau_error *error)
{
    int32_t        places[LISTS_AT_ONCE], rows[LISTS_AT_ONCE], n = 0;
    adaptau_status status = ADAPTAU_OK;
    for (int32_t place = 0; place < truth->n && !status; place++) {
        const int32_t row = match->row_of_user[truth->who[place]];
        if (row >= 0) {
            places[n] = place;
            rows[n++] = row;
        }
        if (n == LISTS_AT_ONCE) {
            status = rank_some(subject, match, n, places, rows, lists, error);
            n = 0;
        }
    }
    if (!status && n > 0)
        status = rank_some(subject, match, n, places, rows, lists, error);
    return status;
}

adaptau_status rank_by_model(struct subject *subject, struct truth *truth, const struct settings *settings, adaptau_error *error)
{
    struct match   match = {0};
    struct lists   lists = {0};
    adaptau_status status = catalog_open(subject->path, (int32_t)settings->threads, &match.catalog, error);
    if (status)
        return status;
    const int32_t longest = settings->cutoffs.values[settings->cutoffs.count - 1];
    const int32_t k = longest < match.catalog.n_items ? longest : match.catalog.n_items;
    snprintf(subject->seen, sizeof subject->seen, "model: %d users, %d items, %d numbers in an embedding, %s",
             match.catalog.n_users, match.catalog.n_items, match.catalog.tables.dim,
             match.catalog.users.count > 0 ? "with names" : "no names");
    status = check_names(&match.catalog, truth, subject->path, error);
    if (!status)
        status = match_rows(&match, truth, error);
    if (!status)
        status = match_seen(&match, truth, error);
    if (!status)
        status = lists_allocate(&lists, k, error);
    if (!status)
        status = subject_allocate(subject, truth, k, error);
    if (!status)
        status = rank_all(subject, truth, &match, &lists, error);
    lists_free(&lists);
    seen_free(&match.seen);
    free(match.row_of_user);
    free(match.row_of_item);
    free(match.item_of_row);
    catalog_close(&match.catalog);
    return status;
}
