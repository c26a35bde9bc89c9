/* SPDX-License-Identifier: MIT */
/* What the tests of models share: a small world of 4 groups of users who like 4 groups of items, and all that learns in it. */
#ifndef TEST_MODEL_WORLD_H
#define TEST_MODEL_WORLD_H

#include <adaptau/model.h>

#include "draw.h"
#include "ok.h"
#include "options.h"

#define USERS 120
#define ITEMS 200
#define DIM 16
#define GROUPS 4

struct world {
    adaptau_context     *context;
    adaptau_dataset     *data;
    adaptau_model       *model;
    adaptau_sampler     *sampler;
    adaptau_temperature *temperature;
};

static inline adaptau_dataset *make_data(adaptau_context *context)
{
    enum { PAIRS = 2400 };
    int32_t          users[PAIRS], items[PAIRS];
    adaptau_dataset *data = NULL;
    random_state = 7;
    for (int p = 0; p < PAIRS; p++) {
        users[p] = draw(USERS);
        items[p] = draw(10) ? draw(ITEMS / GROUPS) * GROUPS + users[p] % GROUPS : draw(ITEMS);
    }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, PAIRS, users, items, NULL, &data, &error));
    return data;
}

/* Options as they are. */
static inline struct world open_given_world(adaptau_context_options context, adaptau_model_options model,
                                            adaptau_sampler_options sampler, adaptau_temperature_options temperature)
{
    struct world w = {0};
    context.struct_size = sizeof context;
    OK(adaptau_context_create(&context, &w.context, &error));
    w.data = make_data(w.context);
    OK(adaptau_model_create(w.context, w.data, &model, &w.model, &error));
    OK(adaptau_sampler_create(w.context, w.data, &sampler, &w.sampler, &error));
    OK(adaptau_temperature_create(w.context, w.data, &temperature, &w.temperature, &error));
    return w;
}

/* What the options leave at 0 has its default, or the world's. */
static inline struct world open_world(adaptau_context_options context, adaptau_model_options model,
                                      adaptau_sampler_options sampler, adaptau_temperature_options temperature)
{
    model.dim = model.dim ? model.dim : DIM;
    sampler.rows_per_batch = sampler.rows_per_batch ? sampler.rows_per_batch : 32;
    return open_given_world(context, full_model_options(model), full_sampler_options(sampler),
                            full_temperature_options(temperature));
}

static inline struct world open_default(void)
{
    return open_world((adaptau_context_options){.n_threads = 2}, (adaptau_model_options){0}, (adaptau_sampler_options){0},
                      (adaptau_temperature_options){0});
}

static inline void close_world(struct world *w)
{
    adaptau_temperature_destroy(w->temperature);
    adaptau_sampler_destroy(w->sampler);
    adaptau_model_destroy(w->model);
    adaptau_dataset_destroy(w->data);
    adaptau_context_destroy(w->context);
}

static inline adaptau_tables tables_of(const adaptau_model *model)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    OK(adaptau_model_get_tables(model, &tables, &error));
    return tables;
}

static inline adaptau_tables raw_tables_of(const adaptau_model *model)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    OK(adaptau_model_get_raw_tables(model, &tables, &error));
    return tables;
}

/* 0, step, 2 step, ..., and again from the beginning. */
static inline void set_item_bias(adaptau_model *model, float step, int period)
{
    enum { MOST = 2000 };
    float     bias[MOST];
    const int n = adaptau_model_n_items(model);
    ck_assert_int_le(n, MOST);
    for (int i = 0; i < n; i++)
        bias[i] = step * (float)(i % period);
    OK(adaptau_model_set_item_bias(model, bias, &error));
}

/* The interactions of a dataset as a host's arrays, which have room for more; their number. */
static inline int copy_interactions(const adaptau_dataset *data, int32_t *users, int32_t *items)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    int                  n = 0;
    OK(adaptau_dataset_get_view(data, &view, &error));
    for (int32_t u = 0; u < view.n_users; u++)
        for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++, n++) {
            users[n] = u;
            items[n] = view.user_items[p];
        }
    return n;
}

static inline double train(struct world *w, int64_t epochs)
{
    double loss = 0.0;
    for (int64_t epoch = 0; epoch < epochs; epoch++) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        adaptau_step  step = {.struct_size = sizeof step};
        double        terms = 0.0;
        loss = 0.0;
        OK(adaptau_model_update_temperature(w->model, w->temperature, &error));
        OK(adaptau_sampler_begin_epoch(w->sampler, epoch, &error));
        while (adaptau_sampler_next(w->sampler, &batch, &error) == ADAPTAU_OK && batch.n_rows > 0) {
            OK(adaptau_model_gradients(w->model, &batch, w->temperature, &step, &error));
            OK(adaptau_model_apply(w->model, &error));
            loss += step.loss;
            terms += step.n_terms;
        }
        loss /= terms > 0.0 ? terms : 1.0;
    }
    return loss;
}

static inline adaptau_batch first_batch(struct world *w)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    OK(adaptau_sampler_begin_epoch(w->sampler, 0, &error));
    OK(adaptau_sampler_next(w->sampler, &batch, &error));
    return batch;
}

#endif
