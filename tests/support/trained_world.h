/* SPDX-License-Identifier: MIT */
/* Worlds of model_world.h that have been trained, with models and temperatures of each kind that remembers something of its own. */
#ifndef TEST_TRAINED_WORLD_H
#define TEST_TRAINED_WORLD_H

#include "model_world.h"

static const adaptau_model_options models[] = {
    {.flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT, .seed = 4},
    {.flags = ADAPTAU_MODEL_RAW_USERS | ADAPTAU_MODEL_RAW_ITEMS, .init = ADAPTAU_INIT_XAVIER},
    {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .edge_dropout = 0.2},
    {.encoder = ADAPTAU_ENCODER_SIMPLEX}};
#define MODELS ((int)(sizeof models / sizeof *models))

static const adaptau_temperature_options temperatures[MODELS] = {{.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS},
                                                                 {.tau0_policy = ADAPTAU_TAU0_LEARNED},
                                                                 {.tau_user_policy = ADAPTAU_TAU_USER_LEARNED},
                                                                 {.tau_user_policy = ADAPTAU_TAU_USER_MINIMISER}};

static inline struct world open_trained_in(int which, adaptau_context_options context)
{
    struct world w = open_world(context, models[which], (adaptau_sampler_options){0}, temperatures[which]);
    train(&w, 2);
    return w;
}

static inline struct world open_trained(int which)
{
    return open_trained_in(which, (adaptau_context_options){.n_threads = 2});
}

/* Raw rows that both have. */
static inline void expect_same_rows(const adaptau_model *a, const adaptau_model *b)
{
    const adaptau_tables x = raw_tables_of(a), y = raw_tables_of(b);
    const size_t         n_users = (size_t)(x.n_users < y.n_users ? x.n_users : y.n_users);
    const size_t         n_items = (size_t)(x.n_items < y.n_items ? x.n_items : y.n_items);
    ck_assert_mem_eq(x.users, y.users, sizeof(float) * n_users * DIM);
    ck_assert_mem_eq(x.items, y.items, sizeof(float) * n_items * DIM);
}

#endif
