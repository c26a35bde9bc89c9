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

/* What each of some users must not get: two ascending lists of each become one. */
struct exclusion {
    int64_t  ptr[LISTS_AT_ONCE + 1];
    int32_t *ids;
};

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

static adaptau_status list_exclusion(const struct choice *choice, const adaptau_dataset_view *seen, int32_t n,
                                     const int32_t *users, struct exclusion *exclusion, adaptau_error *error)
{
    int64_t room = (int64_t)n * choice->n_excluded;
    for (int32_t i = 0; i < n && seen; i++)
        room += seen->user_ptr[users[i] + 1] - seen->user_ptr[users[i]];
    exclusion->ids = malloc(((size_t)room + 1) * sizeof *exclusion->ids);
    if (!exclusion->ids)
        return fail_memory(error, "what is left out");
    exclusion->ptr[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t *own = seen ? seen->user_items + seen->user_ptr[users[i]] : NULL;
        const int64_t  n_own = seen ? seen->user_ptr[users[i] + 1] - seen->user_ptr[users[i]] : 0;
        exclusion->ptr[i + 1] = exclusion->ptr[i] + merge(own, n_own, choice->excluded, choice->n_excluded,
                                                          exclusion->ids + exclusion->ptr[i]);
    }
    return ADAPTAU_OK;
}

static adaptau_item_filter make_filter(const struct choice *choice, const struct exclusion *exclusion)
{
    return (adaptau_item_filter){
        .struct_size = sizeof(adaptau_item_filter),
        .n_allowed = choice->n_allowed,
        .allowed = choice->allowed,
        .exclude_ptr = exclusion->ptr,
        .exclude = exclusion->ids,
    };
}

static const float *row_of(const float *table, int64_t stride, int32_t dim, int32_t row)
{
    return table + (stride ? stride : dim) * row;
}

adaptau_status rank_for_users(const struct catalog *catalog, const struct choice *choice, int32_t n, const int32_t *users,
                              struct lists *lists, adaptau_error *error)
{
    const adaptau_tables *t = &catalog->tables;
    struct exclusion      exclusion = {.ids = NULL};
    adaptau_dataset_view  seen = {.struct_size = sizeof seen};
    float                *embeddings = malloc((size_t)n * (size_t)t->dim * sizeof *embeddings);
    adaptau_status        status = embeddings ? ADAPTAU_OK : fail_memory(error, "the users");
    if (!status && choice->seen)
        status = adaptau_dataset_get_view(choice->seen->pairs, &seen, error);
    if (!status)
        status = list_exclusion(choice, choice->seen ? &seen : NULL, n, users, &exclusion, error);
    if (!status) {
        for (int32_t i = 0; i < n; i++)
            memcpy(embeddings + (size_t)i * (size_t)t->dim, row_of(t->users, t->user_stride, t->dim, users[i]),
                   (size_t)t->dim * sizeof *embeddings);
        adaptau_item_filter filter = make_filter(choice, &exclusion);
        status = adaptau_model_top_k_for(catalog->model, n, embeddings, 0, lists->k, &filter, lists->found, lists->scores, error);
    }
    free(exclusion.ids);
    free(embeddings);
    return status;
}

adaptau_status rank_from_items(const struct catalog *catalog, const struct choice *choice, int32_t n, const int32_t *items,
                               double tau, struct lists *lists, adaptau_error *error)
{
    const int64_t        item_ptr[2] = {0, n};
    adaptau_fold_in        *fold = NULL;
    adaptau_fold_in_options options = {.struct_size = sizeof options, .tau = tau};
    struct exclusion     exclusion = {.ids = malloc(((size_t)n + (size_t)choice->n_excluded + 1) * sizeof(int32_t))};
    float               *embedding = malloc((size_t)catalog->tables.dim * sizeof *embedding);
    adaptau_status       status = embedding && exclusion.ids ? ADAPTAU_OK : fail_memory(error, "a user");
    if (!status)
        status = adaptau_fold_in_create(catalog->model, NULL, &options, &fold, error);
    if (!status)
        status = adaptau_fold_in_users(fold, 1, item_ptr, items, embedding, NULL, error);
    if (!status) {
        exclusion.ptr[0] = 0;
        exclusion.ptr[1] = merge(items, n, choice->excluded, choice->n_excluded, exclusion.ids);
        adaptau_item_filter filter = make_filter(choice, &exclusion);
        status = adaptau_model_top_k_for(catalog->model, 1, embedding, 0, lists->k, &filter, lists->found, lists->scores, error);
    }
    adaptau_fold_in_destroy(fold);
    free(embedding);
    free(exclusion.ids);
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

static double product(const float *a, const float *b, int32_t n)
{
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += (double)a[i] * (double)b[i];
    return sum;
}

adaptau_status rank_similar(const struct catalog *catalog, const struct choice *choice, bool items, int32_t row,
                            struct lists *lists, adaptau_error *error)
{
    const adaptau_tables *t = &catalog->tables;
    const float          *table = items ? t->items : t->users;
    const int64_t         stride = items ? t->item_stride : t->user_stride;
    const int32_t         n = items ? t->n_items : t->n_users;
    const float          *own = row_of(table, stride, t->dim, row);
    const double          length = sqrt(product(own, own, t->dim));
    int32_t               count = 0;
    if (!(length > 0))
        return fail(error, ADAPTAU_E_STATE, "%s %d has an embedding of zeros, which is similar to nothing", items ? "item" : "user", row);
    for (int32_t other = 0; other < n; other++) {
        const float *theirs = row_of(table, stride, t->dim, other);
        const double square = product(theirs, theirs, t->dim);
        if (other == row || !(square > 0) || (items && !is_chosen(choice, other)))
            continue;
        count = insert(lists, count, other, (float)(product(own, theirs, t->dim) / (length * sqrt(square))));
    }
    end_list(lists, count);
    return ADAPTAU_OK;
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
