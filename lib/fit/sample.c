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

/* Room for all interactions. */
struct drawn {
    int32_t *users, *items;
    float   *weights; /* NULL: all 1                                                                           */
    int64_t  n;
};

/* Answers how many users there are. */
static int32_t copy_drawn(const adaptau_dataset_view *view, uint64_t seed, uint32_t divisor, struct drawn *drawn)
{
    int32_t n_users = 0;
    for (int32_t user = 0; user < view->n_users; user++) {
        if (!is_drawn(seed, divisor, user))
            continue;
        for (int64_t k = view->user_ptr[user]; k < view->user_ptr[user + 1]; k++) {
            drawn->users[drawn->n] = n_users;
            drawn->items[drawn->n] = view->user_items[k];
            if (drawn->weights)
                drawn->weights[drawn->n] = view->user_weights[k];
            drawn->n++;
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
    struct drawn d = {.users = atau_allocate_array(context, room, sizeof *d.users),
                      .items = atau_allocate_array(context, room, sizeof *d.items)};
    if (view.user_weights)
        d.weights = atau_allocate_array(context, room, sizeof *d.weights);
    if (d.users && d.items && (d.weights || !view.user_weights)) {
        const int32_t n_users = copy_drawn(&view, seed, divisor, &d);
        status = adaptau_dataset_create_from_interactions(context, n_users, view.n_items, d.n, d.users, d.items, d.weights, out,
                                                          error);
    } else
        status = atau_fail_memory(error, 2 * room * sizeof *d.users, "a sample of users");
    atau_free(context, d.weights, room * sizeof *d.weights);
    atau_free(context, d.items, room * sizeof *d.items);
    atau_free(context, d.users, room * sizeof *d.users);
    return status;
}

/* Both sorted. */
static bool is_part(const int32_t *items, int64_t n, const int32_t *of, int64_t n_of)
{
    int64_t k = 0;
    for (int64_t i = 0; i < n; i++) {
        while (k < n_of && of[k] < items[i])
            k++;
        if (k == n_of || of[k] != items[i])
            return false;
    }
    return true;
}

bool atau_has_others(const adaptau_dataset *held_out, const adaptau_dataset *dataset)
{
    adaptau_dataset_view out = {.struct_size = sizeof out}, in = {.struct_size = sizeof in};
    if (adaptau_dataset_get_view(held_out, &out, NULL) || adaptau_dataset_get_view(dataset, &in, NULL))
        return true;
    for (int32_t u = 0; u < out.n_users; u++)
        if (!is_part(out.user_items + out.user_ptr[u], out.user_ptr[u + 1] - out.user_ptr[u], in.user_items + in.user_ptr[u],
                     in.user_ptr[u + 1] - in.user_ptr[u]))
            return true;
    return false;
}
