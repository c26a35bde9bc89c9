/* SPDX-License-Identifier: MIT */
#include "fit/sample.h"

#include <stdbool.h>
#include <stddef.h>

#include "common/context.h"
#include "common/error.h"
#include "common/random.h"

static bool is_drawn(uint64_t seed, uint32_t divisor, int32_t user)
{
    return atau_pair_random(seed, (uint32_t)user, 0) % divisor == 0;
}

/* users and items: room for all interactions. Answers how many users there are. */
static int32_t copy_drawn(const adaptau_dataset_view *view, uint64_t seed, uint32_t divisor, int32_t *users, int32_t *items,
                          int64_t *n)
{
    int32_t n_users = 0;
    *n = 0;
    for (int32_t user = 0; user < view->n_users; user++) {
        if (!is_drawn(seed, divisor, user))
            continue;
        for (int64_t k = view->user_ptr[user]; k < view->user_ptr[user + 1]; k++) {
            users[*n] = n_users;
            items[(*n)++] = view->user_items[k];
        }
        n_users++;
    }
    return n_users;
}

adaptau_status atau_sample_users(adaptau_context *context, const adaptau_dataset *dataset, uint64_t seed, uint32_t divisor,
                                 adaptau_dataset **out, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_status       status = adaptau_dataset_get_view(dataset, &view, error);
    if (status)
        return status;
    const size_t room = (size_t)adaptau_dataset_n_interactions(dataset);
    int32_t     *users = atau_allocate_array(context, room, sizeof *users), *items = atau_allocate_array(context, room, sizeof *items);
    if (users && items) {
        int64_t       n = 0;
        const int32_t n_users = copy_drawn(&view, seed, divisor, users, items, &n);
        status = adaptau_dataset_create_from_interactions(context, n_users, view.n_items, n, users, items, out, error);
    } else
        status = atau_fail_memory(error, 2 * room * sizeof *users, "a sample of users");
    atau_free(context, items, room * sizeof *items);
    atau_free(context, users, room * sizeof *users);
    return status;
}
