/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/noise.h"

#include <stdbool.h>
#include <stdlib.h>

#include "common/fail.h"
#include "common/pairs.h"

const char *const noise_names[] = {"none", "users", "pairs", NULL};

#define PURPOSE_USER 1
#define PURPOSE_DROP 2
#define PURPOSE_DRAW 3

/* The finaliser of splitmix64. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ x >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ x >> 27) * UINT64_C(0x94D049BB133111EB);
    return x ^ x >> 31;
}

static uint64_t draw(uint64_t purpose, int32_t user, int64_t number)
{
    return mix(mix(mix(NOISE_SEED + purpose) + (uint64_t)user) + (uint64_t)number);
}

static double draw_unit(uint64_t purpose, int32_t user, int64_t number)
{
    return (double)(draw(purpose, user, number) >> 11) * 0x1p-53;
}

static int32_t choose_group(const struct noise *noise, int32_t user)
{
    if (noise->kind != NOISE_USERS || draw_unit(PURPOSE_USER, user, 0) >= noise->share)
        return 0;
    return 1 + (int32_t)(draw(PURPOSE_USER, user, 1) % (N_NOISE_GROUPS - 1));
}

struct world {
    adaptau_dataset_view train, test;
    bool                *taken; /* [m] the present user's items: own, test's, and false ones drawn so far */
    struct pairs         pairs;
};

static void mark(struct world *world, const adaptau_dataset_view *view, int32_t user, bool value)
{
    for (int64_t k = view->user_ptr[user]; k < view->user_ptr[user + 1]; k++)
        world->taken[view->user_items[k]] = value;
}

/* `wanted` false items, or as many as the catalogue has. */
static adaptau_status append_false(struct world *world, int32_t user, int64_t wanted, adaptau_error *error)
{
    int32_t m = world->train.n_items;
    int64_t first = world->pairs.count;
    int64_t known = world->train.user_ptr[user + 1] - world->train.user_ptr[user] + world->test.user_ptr[user + 1] -
                    world->test.user_ptr[user];
    adaptau_status status = ADAPTAU_OK;
    if (wanted > (m - known) / 2)
        wanted = (m - known) / 2 > 0 ? (m - known) / 2 : 0; /* where half the catalogue is left, few draws miss */
    for (int64_t number = 0; wanted > 0 && !status; number++) {
        int32_t item = (int32_t)(draw(PURPOSE_DRAW, user, number) % (uint64_t)m);
        if (world->taken[item])
            continue;
        world->taken[item] = true;
        wanted--;
        status = pairs_append(&world->pairs, user, item, error);
    }
    for (int64_t k = first; k < world->pairs.count; k++)
        world->taken[world->pairs.items[k]] = false;
    return status;
}

static adaptau_status add_user(struct world *world, const struct noise *noise, int32_t user, int32_t group,
                               adaptau_error *error)
{
    int64_t        begin = world->train.user_ptr[user], end = world->train.user_ptr[user + 1];
    int64_t        n_false = (int64_t)((double)(group * (end - begin)) / (N_NOISE_GROUPS - 1) + 0.5);
    adaptau_status status = ADAPTAU_OK;
    mark(world, &world->train, user, true);
    mark(world, &world->test, user, true);
    for (int64_t k = begin; k < end && !status; k++) {
        int32_t item = world->train.user_items[k];
        if (noise->kind == NOISE_PAIRS && draw_unit(PURPOSE_DROP, user, item) < noise->share)
            n_false++;
        else
            status = pairs_append(&world->pairs, user, item, error);
    }
    if (!status)
        status = append_false(world, user, n_false, error);
    mark(world, &world->train, user, false);
    mark(world, &world->test, user, false);
    return status;
}

adaptau_status noise_add(const struct noise *noise, adaptau_context *context, const adaptau_dataset *train,
                         const adaptau_dataset *test, adaptau_dataset **noisy, int32_t *groups, adaptau_error *error)
{
    struct world   world = {.train = {.struct_size = sizeof world.train}, .test = {.struct_size = sizeof world.test}};
    adaptau_status status = adaptau_dataset_get_view(train, &world.train, error);
    if (!status)
        status = adaptau_dataset_get_view(test, &world.test, error);
    if (!status && !(world.taken = calloc((size_t)world.train.n_items + 1, sizeof *world.taken)))
        status = fail_memory(error, "noise");
    for (int32_t user = 0; user < world.train.n_users && !status; user++) {
        groups[user] = choose_group(noise, user);
        status = add_user(&world, noise, user, groups[user], error);
    }
    if (!status)
        status = pairs_to_dataset(&world.pairs, context, world.train.n_users, world.train.n_items, noisy, error);
    pairs_free(&world.pairs);
    free(world.taken);
    return status;
}
