/* SPDX-License-Identifier: MIT */
#include "common/compact.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

/* Rows that nobody has cost memory and draws; some gaps are usual, and a small table costs nothing. */
#define SPARSE_ROWS 10000
#define SPARSE_SHARE 10

/* ---- ids with gaps ------------------------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    const int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
    return (x > y) - (x < y);
}

/* The different ids of both lists, ascending. */
static adaptau_status list_ids(const struct data *data, bool items, int32_t **ids, int64_t *n, adaptau_error *error)
{
    const struct pairs *lists[2] = {&data->train, &data->test};
    int64_t             count = data->train.count + data->test.count, used = 0;
    int32_t            *all = malloc(((size_t)count + 1) * sizeof *all);
    *ids = NULL;
    *n = 0;
    if (!all)
        return fail_memory(error, "the ids");
    for (int list = 0; list < 2; list++)
        for (int64_t i = 0; i < lists[list]->count; i++)
            all[used++] = items ? lists[list]->items[i] : lists[list]->users[i];
    qsort(all, (size_t)count, sizeof *all, compare_ids);
    for (int64_t i = 0; i < count; i++)
        if (i == 0 || all[i] != all[i - 1])
            all[(*n)++] = all[i];
    *ids = all;
    return ADAPTAU_OK;
}

static adaptau_status name_ids(struct names *names, const int32_t *ids, int64_t n, adaptau_error *error)
{
    char           number[16];
    adaptau_status status = ADAPTAU_OK;
    for (int64_t i = 0; i < n && !status; i++) {
        int length = snprintf(number, sizeof number, "%d", ids[i]);
        status = names_append(names, number, (size_t)length, error);
    }
    return status;
}

static void replace_ids(int32_t *list, int64_t count, const int32_t *ids, int64_t n)
{
    for (int64_t i = 0; i < count; i++) {
        const int32_t *found = bsearch(&list[i], ids, (size_t)n, sizeof *ids, compare_ids);
        list[i] = (int32_t)(found - ids);
    }
}

adaptau_status compact_ids(struct data *data, bool items, int32_t largest, bool wanted, adaptau_error *error)
{
    struct names  *names = items ? &data->items : &data->users;
    int32_t       *ids = NULL;
    int64_t        n = 0;
    if (!wanted && largest < SPARSE_ROWS)
        return ADAPTAU_OK;
    adaptau_status status = list_ids(data, items, &ids, &n, error);
    if (!status && n > 0 && (wanted || largest / SPARSE_SHARE > n)) {
        status = name_ids(names, ids, n, error);
        replace_ids(items ? data->train.items : data->train.users, data->train.count, ids, n);
        replace_ids(items ? data->test.items : data->test.users, data->test.count, ids, n);
        *(items ? &data->n_items : &data->n_users) = (int32_t)n;
        *(items ? &data->account.compacted_items : &data->account.compacted_users) = (int64_t)largest + 1;
    }
    free(ids);
    return status;
}

/* ---- the k-core ---------------------------------------------------------------------------------------------------- */

/* Different interactions of users and of items that are still there. */
struct core {
    int64_t *users, *items; /* how many; 0: gone */
    int64_t  least;
};

/* Sorted and once each: the count of a user must not grow by saying a thing twice. */
struct indexed {
    int32_t user, item;
    int64_t at;
};

static int compare_indexed(const void *a, const void *b)
{
    const struct indexed *x = a, *y = b;
    if (x->user != y->user)
        return x->user < y->user ? -1 : 1;
    if (x->item != y->item)
        return x->item < y->item ? -1 : 1;
    return (x->at > y->at) - (x->at < y->at);
}

static struct indexed *index_pairs(const struct pairs *pairs, int64_t *n)
{
    struct indexed *list = malloc(((size_t)pairs->count + 1) * sizeof *list);
    if (!list)
        return NULL;
    for (int64_t i = 0; i < pairs->count; i++)
        list[i] = (struct indexed){pairs->users[i], pairs->items[i], i};
    qsort(list, (size_t)pairs->count, sizeof *list, compare_indexed);
    *n = 0;
    for (int64_t i = 0; i < pairs->count; i++)
        if (i == 0 || list[i].user != list[i - 1].user || list[i].item != list[i - 1].item)
            list[(*n)++] = list[i];
    return list;
}

/* One round: a pair whose user or item has too few goes, and both have one less. Returns how many stay. */
static int64_t peel(struct indexed *list, int64_t n, struct core *core)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < n; i++) {
        if (core->users[list[i].user] >= core->least && core->items[list[i].item] >= core->least) {
            list[kept++] = list[i];
            continue;
        }
        core->users[list[i].user]--;
        core->items[list[i].item]--;
    }
    return kept;
}

/* The new row of each old one, -1 for those that are gone; *n is how many stay. */
static int32_t *renumber(const int64_t *counts, int32_t n_old, int64_t least, int32_t *n)
{
    int32_t *rows = malloc(((size_t)n_old + 1) * sizeof *rows);
    *n = 0;
    for (int32_t i = 0; rows && i < n_old; i++)
        rows[i] = counts[i] >= least ? (*n)++ : -1;
    return rows;
}

static adaptau_status keep_names(struct names *names, const int32_t *rows, int32_t n_old, adaptau_error *error)
{
    struct names   kept = {0};
    adaptau_status status = ADAPTAU_OK;
    char           number[16];
    for (int32_t i = 0; i < n_old && !status; i++) {
        if (rows[i] < 0)
            continue;
        snprintf(number, sizeof number, "%d", i);
        const char *name = names->count > 0 ? names_get(names, i) : number;
        status = names_append(&kept, name, strlen(name), error);
    }
    if (status) {
        names_free(&kept);
        return status;
    }
    names_free(names);
    *names = kept;
    return ADAPTAU_OK;
}

/* Returns how many go. */
static int64_t keep_pairs(struct pairs *pairs, const int32_t *users, const int32_t *items)
{
    int64_t kept = 0;
    for (int64_t i = 0; i < pairs->count; i++) {
        int32_t user = users[pairs->users[i]], item = items[pairs->items[i]];
        if (user < 0 || item < 0)
            continue;
        pairs->users[kept] = user;
        pairs->items[kept] = item;
        if (pairs->times)
            pairs->times[kept] = pairs->times[i];
        if (pairs->weights)
            pairs->weights[kept] = pairs->weights[i];
        kept++;
    }
    int64_t gone = pairs->count - kept;
    pairs->count = kept;
    return gone;
}

static adaptau_status find_core(const struct data *data, struct core *core, adaptau_error *error)
{
    int64_t         n = 0, before;
    struct indexed *list = index_pairs(&data->train, &n);
    core->users = calloc((size_t)data->n_users + 1, sizeof *core->users);
    core->items = calloc((size_t)data->n_items + 1, sizeof *core->items);
    if (!list || !core->users || !core->items) {
        free(list);
        return fail_memory(error, "the degrees");
    }
    for (int64_t i = 0; i < n; i++) {
        core->users[list[i].user]++;
        core->items[list[i].item]++;
    }
    do {
        before = n;
        n = peel(list, n, core);
    } while (n < before);
    free(list);
    return ADAPTAU_OK;
}

adaptau_status keep_core(struct data *data, int64_t least, adaptau_error *error)
{
    struct core    core = {.least = least};
    int32_t       *users = NULL, *items = NULL, n_users = 0, n_items = 0;
    adaptau_status status = find_core(data, &core, error);
    if (!status) {
        users = renumber(core.users, data->n_users, least, &n_users);
        items = renumber(core.items, data->n_items, least, &n_items);
        if (!users || !items)
            status = fail_memory(error, "the rows");
    }
    if (!status)
        status = keep_names(&data->users, users, data->n_users, error);
    if (!status)
        status = keep_names(&data->items, items, data->n_items, error);
    if (!status) {
        data->account.few += keep_pairs(&data->train, users, items);
        data->account.unknown += keep_pairs(&data->test, users, items);
        data->n_users = n_users;
        data->n_items = n_items;
    }
    free(core.users);
    free(core.items);
    free(users);
    free(items);
    return status;
}
