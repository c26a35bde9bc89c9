/* SPDX-License-Identifier: MIT */
#include "adaptau-recommend/lists.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

adaptau_status lists_allocate(struct lists *lists, int32_t k, adaptau_error *error)
{
    const size_t size = (size_t)LISTS_AT_ONCE * (size_t)k;
    *lists = (struct lists){k, malloc(size * sizeof(int32_t)), malloc(size * sizeof(float))};
    return lists->found && lists->scores ? ADAPTAU_OK : fail_memory(error, "the lists");
}

void lists_free(struct lists *lists)
{
    free(lists->found);
    free(lists->scores);
    *lists = (struct lists){0};
}

static bool has(const int32_t *ids, int32_t n, int32_t id)
{
    int32_t low = 0, high = n;
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (ids[middle] < id)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && ids[low] == id;
}

static bool is_chosen(const struct choice *choice, int32_t item)
{
    return (!choice->allowed || has(choice->allowed, choice->n_allowed, item)) &&
           !has(choice->excluded, choice->n_excluded, item);
}

/* ---- by the model -------------------------------------------------------------------------------------------------- */

/* What each of n lists must not have, which is the same for all. */
static adaptau_status repeat_exclusion(const struct choice *choice, int32_t n, int64_t ptr[LISTS_AT_ONCE + 1], int32_t **out,
                                       adaptau_error *error)
{
    const size_t each = (size_t)choice->n_excluded;
    int32_t     *ids = malloc((each * (size_t)n + 1) * sizeof *ids);
    if (!ids)
        return fail_memory(error, "what is left out");
    for (int32_t i = 0; i <= n; i++)
        ptr[i] = (int64_t)i * choice->n_excluded;
    for (int32_t i = 0; i < n && each; i++)
        memcpy(ids + (size_t)i * each, choice->excluded, each * sizeof *ids);
    *out = ids;
    return ADAPTAU_OK;
}

adaptau_status rank_for_users(const struct catalog *catalog, const struct choice *choice, int32_t n, const int32_t *users,
                              struct lists *lists, adaptau_error *error)
{
    int64_t        ptr[LISTS_AT_ONCE + 1];
    int32_t       *excluded = NULL;
    adaptau_status status = repeat_exclusion(choice, n, ptr, &excluded, error);
    if (status)
        return status;
    const adaptau_query query = {.struct_size = sizeof query,
                                 .n = n,
                                 .k = lists->k,
                                 .ids = users,
                                 .seen = choice->seen ? choice->seen->pairs : NULL,
                                 .n_allowed = choice->n_allowed,
                                 .allowed = choice->allowed,
                                 .exclude_ptr = ptr,
                                 .exclude = excluded};
    status = adaptau_model_rank(catalog->model, &query, lists->found, lists->scores, error);
    free(excluded);
    return status;
}

/* Two ascending lists become one. */
static int64_t merge(const int32_t *a, int64_t n_a, const int32_t *b, int64_t n_b, int32_t *out)
{
    int64_t n = 0;
    for (int64_t i = 0, j = 0; i < n_a || j < n_b;) {
        int32_t next = j == n_b || (i < n_a && a[i] <= b[j]) ? a[i] : b[j];
        while (i < n_a && a[i] == next)
            i++;
        while (j < n_b && b[j] == next)
            j++;
        out[n++] = next;
    }
    return n;
}

adaptau_status rank_from_items(const struct catalog *catalog, const struct choice *choice, int32_t n, const int32_t *items,
                               double tau, struct lists *lists, adaptau_error *error)
{
    const int64_t        item_ptr[2] = {0, n};
    adaptau_fold_in        *fold = NULL;
    adaptau_fold_in_options options = {.struct_size = sizeof options};
    int32_t             *excluded = malloc(((size_t)n + (size_t)choice->n_excluded + 1) * sizeof *excluded);
    float               *embedding = malloc((size_t)catalog->tables.dim * sizeof *embedding);
    adaptau_status       status = embedding && excluded ? ADAPTAU_OK : fail_memory(error, "a user");
    if (!status)
        status = adaptau_fold_in_options_init(&options, catalog->model, ADAPTAU_TAU_USER_NONE, error);
    options.tau = tau;
    if (!status)
        status = adaptau_fold_in_create(catalog->model, NULL, &options, &fold, error);
    if (!status)
        status = adaptau_fold_in_users(fold, 1, item_ptr, items, NULL, embedding, NULL, error);
    if (!status) {
        const int64_t       ptr[2] = {0, merge(items, n, choice->excluded, choice->n_excluded, excluded)};
        const adaptau_query query = {.struct_size = sizeof query,
                                     .n = 1,
                                     .k = lists->k,
                                     .embeddings = embedding,
                                     .n_allowed = choice->n_allowed,
                                     .allowed = choice->allowed,
                                     .exclude_ptr = ptr,
                                     .exclude = excluded};
        status = adaptau_model_rank(catalog->model, &query, lists->found, lists->scores, error);
    }
    adaptau_fold_in_destroy(fold);
    free(embedding);
    free(excluded);
    return status;
}

/* ---- by a score of our own ------------------------------------------------------------------------------------------ */

/* Insert into the first list, best first, of equal scores the lower row first. `n` are in it. */
static int32_t insert(struct lists *lists, int32_t n, int32_t row, float score)
{
    int32_t at = n < lists->k ? n : lists->k - 1;
    if (n == lists->k && !(score > lists->scores[at]))
        return n;
    for (; at > 0 && score > lists->scores[at - 1]; at--) {
        lists->found[at] = lists->found[at - 1];
        lists->scores[at] = lists->scores[at - 1];
    }
    lists->found[at] = row;
    lists->scores[at] = score;
    return n < lists->k ? n + 1 : n;
}

static void end_list(struct lists *lists, int32_t n)
{
    for (; n < lists->k; n++)
        lists->found[n] = -1;
}

static const float *row_of(const float *table, int64_t stride, int32_t dim, int32_t row)
{
    return table + (stride ? stride : dim) * row;
}

static double product(const float *a, const float *b, int32_t n)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

/* Nothing is similar to a row of zeros. */
static bool is_zero(const float *row, int32_t n)
{
    int32_t k = 0;
    while (k < n && row[k] == 0.0f)
        k++;
    return k == n;
}

adaptau_status rank_similar(const struct catalog *catalog, const struct choice *choice, bool items, int32_t row,
                            struct lists *lists, adaptau_error *error)
{
    const adaptau_tables *t = &catalog->tables;
    const float          *own = items ? row_of(t->items, t->item_stride, t->dim, row) : row_of(t->users, t->user_stride, t->dim, row);
    const int64_t         ptr[2] = {0, items ? choice->n_excluded : 0};
    const adaptau_query   query = {.struct_size = sizeof query,
                                   .question = items ? ADAPTAU_RANK_SIMILAR_ITEMS : ADAPTAU_RANK_SIMILAR_USERS,
                                   .flags = ADAPTAU_QUERY_COSINE,
                                   .n = 1,
                                   .k = lists->k,
                                   .ids = &row,
                                   .n_allowed = items ? choice->n_allowed : 0,
                                   .allowed = items ? choice->allowed : NULL,
                                   .exclude_ptr = ptr,
                                   .exclude = choice->excluded};
    if (is_zero(own, t->dim))
        return fail(error, ADAPTAU_E_STATE, "%s %d has an embedding of zeros, which is similar to nothing", items ? "item" : "user", row);
    return adaptau_model_rank(catalog->model, &query, lists->found, lists->scores, error);
}

int32_t find_reasons(const struct catalog *catalog, int32_t item, int32_t n_own, const int32_t *own, int32_t most,
                     struct reason *reasons)
{
    const adaptau_tables *t = &catalog->tables;
    const float          *embedding = row_of(t->items, t->item_stride, t->dim, item);
    const double          square = product(embedding, embedding, t->dim);
    int32_t               n = 0;
    for (int32_t i = 0; i < n_own && square > 0; i++) {
        const float *theirs = row_of(t->items, t->item_stride, t->dim, own[i]);
        const double their_square = product(theirs, theirs, t->dim);
        if (own[i] == item || !(their_square > 0))
            continue;
        const double similarity = product(embedding, theirs, t->dim) / sqrt(square * their_square);
        int32_t      at = n < most ? n : most - 1;
        if (!(similarity > 0) || (n == most && !(similarity > reasons[at].similarity)))
            continue;
        for (; at > 0 && similarity > reasons[at - 1].similarity; at--)
            reasons[at] = reasons[at - 1];
        reasons[at] = (struct reason){own[i], similarity};
        n += n < most;
    }
    return n;
}

adaptau_status rank_popular(const struct catalog *catalog, const struct choice *choice, struct lists *lists,
                            adaptau_error *error)
{
    int32_t count = 0;
    if (!choice->seen)
        return fail(error, ADAPTAU_E_STATE, "--cold popular needs --seen DATA, to count by");
    for (int32_t item = 0; item < catalog->n_items; item++)
        if (choice->seen->counts[item] > 0 && is_chosen(choice, item))
            count = insert(lists, count, item, (float)choice->seen->counts[item]);
    end_list(lists, count);
    return ADAPTAU_OK;
}
