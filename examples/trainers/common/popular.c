/* SPDX-License-Identifier: MIT */
#include "common/popular.h"

#include <stdlib.h>

#include "common/fail.h"

/* Popularity is a model with one dimension: every user is 1, and an item is how many users have it. */
adaptau_status score_popular(const adaptau_dataset *train, adaptau_evaluator *evaluator, const struct cutoffs *cutoffs,
                             struct scores *scores, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_status       status = adaptau_dataset_get_view(train, &view, error);
    if (status)
        return status;
    float *users = malloc(((size_t)view.n_users + 1) * sizeof *users);
    float *items = malloc(((size_t)view.n_items + 1) * sizeof *items);
    if (users && items) {
        for (int32_t u = 0; u < view.n_users; u++)
            users[u] = 1;
        for (int32_t i = 0; i < view.n_items; i++)
            items[i] = (float)(view.item_ptr[i + 1] - view.item_ptr[i]);
        const adaptau_tables tables = {
            .struct_size = sizeof tables,
            .n_users = view.n_users,
            .n_items = view.n_items,
            .dim = 1,
            .users = users,
            .items = items,
        };
        status = score_tables(evaluator, &tables, cutoffs, scores, error);
    } else
        status = fail_memory(error, "the popularity baseline");
    free(items);
    free(users);
    return status;
}
