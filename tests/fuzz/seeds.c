/* SPDX-License-Identifier: MIT */
/* fuzz_seeds CORPUS: write corpus/model, corpus/checkpoint and corpus/safetensors anew: small files of every encoder and policy
 * of temperature. Those of an older version stay in the corpus under its name: they must be read for ever. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#include <stdio.h>
#include <stdlib.h>

#include "files/safetensors.h"
#include "world.h"
#include "../support/options.h"

static const struct {
    const char                 *name;
    adaptau_model_options       model;
    adaptau_temperature_options temperature;
    adaptau_loss                loss;
    int                         steps;
} seeds[] = {
    {.name = "mf", .model = {.dim = 2}},
    {.name = "mf-user-taus", .model = {.dim = 2}, .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS}, .steps = 1},
    {.name = "mf-learned-taus",
     .model = {.dim = 1, .flags = ADAPTAU_MODEL_ROW_SECOND_MOMENT},
     .temperature = {.tau_user_policy = ADAPTAU_TAU_USER_LEARNED},
     .steps = 1},
    {.name = "mf-free-bce",
     .model = {.dim = 2, .flags = ADAPTAU_MODEL_FREE_LENGTH | ADAPTAU_MODEL_RAW_ITEMS},
     .loss = {.kind = ADAPTAU_LOSS_BCE, .negative_weight = 3.0},
     .steps = 1},
    {.name = "lightgcn",
     .model = {.dim = 2, .encoder = ADAPTAU_ENCODER_LIGHTGCN, .n_layers = 2, .edge_dropout = 0.3},
     .steps = 1},
    {.name = "simplex", .model = {.dim = 2, .encoder = ADAPTAU_ENCODER_SIMPLEX, .gate = 0.3}, .steps = 1},
};

static void must(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "fuzz_seeds: %s\n", error->message);
    exit(1);
}

static void write_seed(adaptau_context *context, size_t i, const char *corpus)
{
    adaptau_error               error = {0};
    adaptau_model_options       model_options = full_model_options(seeds[i].model);
    adaptau_temperature_options temperature_options = full_temperature_options(seeds[i].temperature);
    adaptau_loss                loss = full_loss(seeds[i].loss);
    adaptau_model              *model = NULL;
    adaptau_temperature        *temperature = NULL;
    char                        path[1024];
    must(adaptau_model_create(context, world_dataset(context), &model_options, &model, &error), &error);
    must(adaptau_temperature_create(context, world_dataset(context), &temperature_options, &temperature, &error), &error);
    must(adaptau_model_set_loss(model, &loss, &error), &error);
    for (int step = 0; step < seeds[i].steps; step++)
        must(world_step(context, model, temperature), &error);
    snprintf(path, sizeof path, "%s/model/%s", corpus, seeds[i].name);
    must(adaptau_model_save(model, path, &error), &error);
    snprintf(path, sizeof path, "%s/model/%s-half", corpus, seeds[i].name);
    must(adaptau_model_save_half(model, path, 0, NULL, &error), &error);
    snprintf(path, sizeof path, "%s/checkpoint/%s", corpus, seeds[i].name);
    must(adaptau_model_save_checkpoint(model, temperature, "note", path, &error), &error);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
}

static void write_tensors(const char *corpus)
{
    static const double        doubles[] = {1.0, -2.5};
    static const int32_t       integers[] = {1, 2, 3};
    const struct atau_tensor   tensors[] = {{"d", 1, 2, doubles, 2, ATAU_F64}, {"i", 3, 1, integers, 1, ATAU_I32}};
    const struct atau_metadata metadata[] = {{"format", "adaptau"}, {"adaptau.note", "a \"note\" \\ \x01 \xC3\xA9"}};
    adaptau_error              error = {0};
    char                       path[1024];
    snprintf(path, sizeof path, "%s/safetensors/summed", corpus);
    must(atau_safetensors_write_summed(atau_to_path(path), 2, tensors, 2, metadata, &error), &error);
    snprintf(path, sizeof path, "%s/safetensors/empty", corpus);
    must(atau_safetensors_write(atau_to_path(path), 0, NULL, 0, NULL, &error), &error);
}

int main(int argc, char **argv)
{
    const adaptau_context_options options = {
        .struct_size = sizeof options, .n_threads = 1, .backend = ADAPTAU_BACKEND_REFERENCE};
    adaptau_context              *context = NULL;
    adaptau_error                 error = {0};
    if (argc != 2) {
        fprintf(stderr, "usage: fuzz_seeds CORPUS\n");
        return 2;
    }
    must(adaptau_context_create(&options, &context, &error), &error);
    for (size_t i = 0; i < sizeof seeds / sizeof *seeds; i++)
        write_seed(context, i, argv[1]);
    write_tensors(argv[1]);
    adaptau_dataset_destroy(world_dataset(context));
    adaptau_context_destroy(context);
    return 0;
}
