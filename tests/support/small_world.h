/* SPDX-License-Identifier: MIT */
/* What the tests of encoders share: a world so small that it can be written down a second time in double precision. */
#ifndef TEST_SMALL_WORLD_H
#define TEST_SMALL_WORLD_H

#include <adaptau/model.h>

#include <math.h>

#include "ok.h"
#include "options.h"

#define N 9 /* users; the last one has no items */
#define M 7 /* items; nobody has the last one   */
#define D 5
#define NODES (N + M)
#define PAIRS 17

static const int32_t pair_users[PAIRS] = {0, 0, 0, 1, 1, 2, 3, 3, 3, 3, 4, 5, 5, 6, 6, 7, 7};
static const int32_t pair_items[PAIRS] = {0, 1, 2, 0, 3, 1, 0, 2, 4, 5, 5, 1, 4, 2, 3, 0, 5};

struct small {
    adaptau_context     *context;
    adaptau_dataset     *data;
    adaptau_model       *model;
    adaptau_temperature *temperature;
    float                users[N * D], items[M * D], v[D * D]; /* raw tables and the encoder's own, the host's  */
};

/* `v` is for SimpleX alone. */
static inline void open_small(struct small *s, adaptau_model_options options, adaptau_temperature_options temperature)
{
    for (int i = 0; i < N * D; i++)
        s->users[i] = (float)sin(1.0 + i * 0.7);
    for (int i = 0; i < M * D; i++)
        s->items[i] = (float)cos(0.5 + i * 1.3);
    for (int i = 0; i < D * D; i++)
        s->v[i] = (float)sin(0.3 + i * 2.1);
    options.dim = D;
    options.init = ADAPTAU_INIT_HOST;
    options.host_users = s->users;
    options.host_items = s->items;
    options.host_encoder = options.encoder == ADAPTAU_ENCODER_SIMPLEX ? s->v : NULL;
    temperature = full_temperature_options(temperature);
    OK(adaptau_context_create(NULL, &s->context, &error));
    OK(adaptau_dataset_create_from_interactions(s->context, N, M, PAIRS, pair_users, pair_items, NULL, &s->data, &error));
    OK(adaptau_model_create(s->context, s->data, &options, &s->model, &error));
    OK(adaptau_temperature_create(s->context, s->data, &temperature, &s->temperature, &error));
}

static inline void close_small(struct small *s)
{
    adaptau_temperature_destroy(s->temperature);
    adaptau_model_destroy(s->model);
    adaptau_dataset_destroy(s->data);
    adaptau_context_destroy(s->context);
}

/* Users, then items. */
static inline void read_raw(const struct small *s, double raw[NODES][D])
{
    for (int i = 0; i < N * D; i++)
        raw[i / D][i % D] = (double)s->users[i];
    for (int i = 0; i < M * D; i++)
        raw[N + i / D][i % D] = (double)s->items[i];
}

#endif
