/* SPDX-License-Identifier: MIT */
/* The dataset that checkpoints of corpus/checkpoint are of. */
#ifndef FUZZ_WORLD_H
#define FUZZ_WORLD_H

#include <adaptau/adaptau.h>

#include "../support/options.h"

#define WORLD_USERS 4
#define WORLD_ITEMS 6

/* Made once and never destroyed. */
static inline adaptau_dataset *world_dataset(adaptau_context *context)
{
    static adaptau_dataset *dataset;
    static const int32_t    users[] = {0, 0, 0, 1, 1, 2, 2, 3, 3}, items[] = {0, 1, 4, 1, 2, 3, 0, 5, 2};
    if (!dataset)
        adaptau_dataset_create_from_interactions(context, WORLD_USERS, WORLD_ITEMS, sizeof users / sizeof *users, users, items, NULL,
                                                 &dataset, NULL);
    return dataset;
}

/* One step of training over all pairs. */
static inline adaptau_status world_step(adaptau_context *context, adaptau_model *model, adaptau_temperature *temperature)
{
    const adaptau_sampler_options options = full_sampler_options((adaptau_sampler_options){0});
    adaptau_sampler              *sampler = NULL;
    adaptau_batch                 batch = {.struct_size = sizeof batch};
    adaptau_status                status = adaptau_sampler_create(context, world_dataset(context), &options, &sampler, NULL);
    if (status == ADAPTAU_OK)
        status = adaptau_model_update_temperature(model, temperature, NULL);
    if (status == ADAPTAU_OK)
        status = adaptau_sampler_begin_epoch(sampler, 0, NULL);
    if (status == ADAPTAU_OK)
        status = adaptau_sampler_next(sampler, &batch, NULL);
    if (status == ADAPTAU_OK)
        status = adaptau_model_gradients(model, &batch, temperature, NULL, NULL);
    if (status == ADAPTAU_OK)
        status = adaptau_model_apply(model, NULL);
    adaptau_sampler_destroy(sampler);
    return status;
}

#endif
