/* SPDX-License-Identifier: MIT */
/* What the tests of evaluators share: tables and datasets of many tiles, and evaluators on them. */
#ifndef TEST_EVALUATOR_WORLD_H
#define TEST_EVALUATOR_WORLD_H

#include <adaptau/evaluator.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "context.h"
#include "draw.h"
#include "ok.h"
#include "options.h"

static inline adaptau_evaluator *make_evaluator(adaptau_context *context, const adaptau_dataset *held_out,
                                         adaptau_evaluator_options options)
{
    adaptau_evaluator *evaluator = NULL;
    options = full_evaluator_options(options);
    OK(adaptau_evaluator_create(context, held_out, &options, &evaluator, &error));
    return evaluator;
}

static inline double mean_of(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff)
{
    double mean = NAN;
    OK(adaptau_evaluator_mean(evaluator, metric, cutoff, &mean, &error));
    return mean;
}

enum { USERS = 331, ITEMS = 1013, DIM = 11, STRIDE = 13 };

struct world {
    adaptau_context *context;
    adaptau_dataset *held_out, *train;
    float            users[USERS * STRIDE], items[ITEMS * STRIDE];
    char             masked[USERS][ITEMS], wanted[USERS][ITEMS];
};

static struct world world;

static inline adaptau_dataset *draw_dataset(adaptau_context *context, char has[USERS][ITEMS], int32_t per_user)
{
    int32_t         *users = malloc(USERS * ITEMS * sizeof *users), *items = malloc(USERS * ITEMS * sizeof *items);
    int64_t          n = 0;
    adaptau_dataset *dataset = NULL;
    memset(has, 0, USERS * ITEMS);
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t left = draw(10) ? draw(2 * per_user) : 0; left > 0; left--)
            has[u][draw(ITEMS)] = 1;
    for (int32_t u = 0; u < USERS; u++)
        for (int32_t i = 0; i < ITEMS; i++)
            if (has[u][i]) {
                users[n] = u;
                items[n++] = i;
            }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, n, users, items, NULL, &dataset, &error));
    free(users);
    free(items);
    return dataset;
}

/* Small integers: scores are exact, and mostly tied. */
static inline void open_world(adaptau_context *context)
{
    random_state = 17;
    world.context = context;
    world.held_out = draw_dataset(context, world.wanted, 9);
    world.train = draw_dataset(context, world.masked, 40);
    for (int k = 0; k < USERS * STRIDE; k++)
        world.users[k] = (float)(draw(7) - 3);
    for (int k = 0; k < ITEMS * STRIDE; k++)
        world.items[k] = (float)(draw(7) - 3);
}

static inline void close_world(void)
{
    adaptau_dataset_destroy(world.held_out);
    adaptau_dataset_destroy(world.train);
    adaptau_context_destroy(world.context);
}

static inline adaptau_tables world_tables(void)
{
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .n_users = USERS,
                            .n_items = ITEMS,
                            .dim = DIM,
                            .users = world.users,
                            .user_stride = STRIDE,
                            .items = world.items,
                            .item_stride = STRIDE};
}

#endif
