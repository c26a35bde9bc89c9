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

/* A user's items, as a view has them. */
struct lists {
    const int64_t *ptr;
    const int32_t *items;
    const float   *weights; /* NULL: all 1                                                                     */
};

/* Room for all interactions. */
struct drawn {
    int32_t *users, *items;
    float   *weights; /* NULL: all 1                                                                           */
    int64_t  n;
};

/* Answers how many users there are. */
static int32_t copy_drawn(const struct lists *of, int32_t n_all, uint64_t seed, uint32_t divisor, struct drawn *drawn)
{
    int32_t n_users = 0;
    for (int32_t user = 0; user < n_all; user++) {
        if (!is_drawn(seed, divisor, user))
            continue;
        for (int64_t k = of->ptr[user]; k < of->ptr[user + 1]; k++) {
            drawn->users[drawn->n] = n_users;
            drawn->items[drawn->n] = of->items[k];
            if (drawn->weights)
                drawn->weights[drawn->n] = of->weights[k];
            drawn->n++;
        }
        n_users++;
    }
    return n_users;
}

static adaptau_status draw_lists(adaptau_context *context, const struct lists *of, const adaptau_dataset_view *view, uint64_t seed,
                                 uint32_t divisor, adaptau_dataset **out, adaptau_error *error)
{
    const size_t   room = (size_t)of->ptr[view->n_users];
    adaptau_status status;
    struct drawn   d = {.users = atau_allocate_array(context, room, sizeof *d.users),
                        .items = atau_allocate_array(context, room, sizeof *d.items)};
    if (of->weights)
        d.weights = atau_allocate_array(context, room, sizeof *d.weights);
    if (d.users && d.items && (d.weights || !of->weights)) {
        const int32_t n_users = copy_drawn(of, view->n_users, seed, divisor, &d);
        status = adaptau_dataset_create_from_interactions(context, n_users, view->n_items, d.n, d.users, d.items, d.weights, out,
                                                          error);
    } else
        status = atau_fail_memory(error, 2 * room * sizeof *d.users, "a sample of users");
    atau_free(context, d.weights, room * sizeof *d.weights);
    atau_free(context, d.items, room * sizeof *d.items);
    atau_free(context, d.users, room * sizeof *d.users);
    return status;
}

adaptau_status atau_sample_users(adaptau_context *context, const adaptau_dataset *dataset, uint64_t seed, uint32_t divisor,
                                 adaptau_dataset **out, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    adaptau_dataset     *drawn = NULL, *negatives = NULL;
    adaptau_status       status = adaptau_dataset_get_view(dataset, &view, error);
    if (status)
        return status;
    const struct lists interactions = {view.user_ptr, view.user_items, view.user_weights};
    const struct lists logged = {view.negative_ptr, view.negatives, view.negative_weights};
    status = draw_lists(context, &interactions, &view, seed, divisor, &drawn, error);
    if (!status && view.negative_ptr)
        status = draw_lists(context, &logged, &view, seed, divisor, &negatives, error);
    if (!status && negatives)
        status = adaptau_dataset_set_negatives(drawn, negatives, error);
    adaptau_dataset_destroy(negatives);
    if (status)
        adaptau_dataset_destroy(drawn);
    else
        *out = drawn;
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
