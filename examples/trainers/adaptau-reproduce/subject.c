/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/subject.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

#define TEST_SHARE 0.2 /* where the data come without test pairs, as in adaptau-train */

/* FNV-1a over ids, so that equal pairs have equal sums on any machine. */
static uint64_t add_to_checksum(uint64_t sum, const int32_t *ids, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        for (int byte = 0; byte < 4; byte++)
            sum = (sum ^ ((uint32_t)ids[i] >> 8 * byte & 0xFF)) * UINT64_C(0x100000001B3);
    return sum;
}

static adaptau_status add_dataset(uint64_t *sum, const adaptau_dataset *dataset, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_status       status = adaptau_dataset_get_view(dataset, &view, error);
    for (int32_t u = 0; u < view.n_users && !status; u++) {
        *sum = add_to_checksum(*sum, &u, 1);
        *sum = add_to_checksum(*sum, view.user_items + view.user_ptr[u], view.user_ptr[u + 1] - view.user_ptr[u]);
    }
    return status;
}

struct ranked {
    int64_t degree;
    int32_t item;
};

static int compare_ranked(const void *a, const void *b)
{
    const struct ranked *x = a, *y = b;
    if (x->degree != y->degree)
        return x->degree < y->degree ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Ten groups with as many items each. */
static adaptau_status group_items(struct subject *subject, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_status       status = adaptau_dataset_get_view(subject->problem.train, &view, error);
    struct ranked       *ranked = malloc(((size_t)view.n_items + 1) * sizeof *ranked);
    subject->item_groups = malloc(((size_t)view.n_items + 1) * sizeof *subject->item_groups);
    if (!status && (!ranked || !subject->item_groups))
        status = fail_memory(error, "the groups of items");
    for (int32_t i = 0; i < view.n_items && !status; i++)
        ranked[i] = (struct ranked){view.item_ptr[i + 1] - view.item_ptr[i], i};
    if (!status)
        qsort(ranked, (size_t)view.n_items, sizeof *ranked, compare_ranked);
    for (int64_t rank = 0; rank < view.n_items && !status; rank++)
        subject->item_groups[ranked[rank].item] = (int32_t)(rank * N_POPULARITY_GROUPS / view.n_items);
    free(ranked);
    return status;
}

static void name_subject(struct subject *subject, int32_t number)
{
    const struct data *data = &subject->problem.data;
    subject->known = known_by_shape(data->n_users, data->n_items);
    if (subject->known) {
        snprintf(subject->name, sizeof subject->name, "%s", subject->known->name);
        snprintf(subject->title, sizeof subject->title, "%s", subject->known->title);
        return;
    }
    if (number == 1)
        snprintf(subject->name, sizeof subject->name, "your-data");
    else
        snprintf(subject->name, sizeof subject->name, "your-data-%d", number);
    /* The folder's own name: where it lies tells readers of a report nothing. */
    size_t length = strlen(subject->path);
    while (length > 1 && subject->path[length - 1] == '/')
        length--;
    size_t begin = length;
    while (begin > 0 && subject->path[begin - 1] != '/')
        begin--;
    begin = length - begin > 60 ? length - 60 : begin;
    snprintf(subject->title, sizeof subject->title, "your data (%.*s)", (int)(length - begin), subject->path + begin);
}

adaptau_status subject_open(struct subject *subject, adaptau_context *context, const char *path, int32_t number,
                            adaptau_error *error)
{
    static const struct read_options reading = {0};
    *subject = (struct subject){.path = path, .checksum = UINT64_C(0xCBF29CE484222325)};
    adaptau_status status = problem_open(&subject->problem, context, path, &reading, TEST_SHARE, 0, error);
    if (!status && adaptau_dataset_n_interactions(subject->problem.test) == 0)
        status = fail(error, ADAPTAU_E_STATE, "%s: no pairs to test on", shown_path(path));
    if (!status)
        status = add_dataset(&subject->checksum, subject->problem.train, error);
    if (!status)
        status = add_dataset(&subject->checksum, subject->problem.test, error);
    if (!status)
        status = group_items(subject, error);
    if (!status)
        name_subject(subject, number);
    return status;
}

void subject_close(struct subject *subject)
{
    free(subject->item_groups);
    problem_close(&subject->problem);
    *subject = (struct subject){0};
}
