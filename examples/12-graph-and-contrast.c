/* SPDX-License-Identifier: MIT */
/* 12: a graph encoder, and a contrastive term beside the loss.
 *
 * LightGCN takes the mean over layers of the graph of pairs; SGL makes two views of that graph, each without some of its edges,
 * and tells a user or an item from the others by its two views. The loop is the one of example 2, with one call more. */
#include <stdio.h>
#include <stdlib.h>

#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>

#define USERS 200
#define ITEMS 100
#define HAS 8
#define EPOCHS 5

static void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "%s: %s\n", adaptau_status_name(status), error->message);
    exit(1);
}

/* Losses of one epoch: of the pairs, and of the contrastive term. */
static void run_epoch(adaptau_model *model, adaptau_temperature *temperature, adaptau_sampler *sampler, int64_t epoch,
                      double *loss, double *contrast)
{
    adaptau_error            error;
    adaptau_batch            batch = {.struct_size = sizeof batch};
    adaptau_contrast_options sgl = {.struct_size = sizeof sgl};
    check(adaptau_contrast_options_init(&sgl, ADAPTAU_CONTRAST_SGL, &error), &error);
    sgl.edge_dropout = 0.2;
    *loss = *contrast = 0;
    /* [epoch] */
    check(adaptau_model_update_temperature(model, temperature, &error), &error);
    check(adaptau_sampler_begin_epoch(sampler, epoch, &error), &error);
    while (check(adaptau_sampler_next(sampler, &batch, &error), &error), batch.n_rows > 0) {
        /* [contrast] */
        adaptau_step step = {.struct_size = sizeof step};
        double       term;
        check(adaptau_model_gradients(model, &batch, temperature, &step, &error), &error);
        check(adaptau_model_contrast(model, &batch, &sgl, &term, &error), &error);
        check(adaptau_model_apply(model, &error), &error);
        /* [contrast] */
        *loss += step.loss;
        *contrast += term;
    }
    /* [epoch] */
}

int main(void)
{
    static int32_t       users[USERS * HAS], items[USERS * HAS];
    adaptau_error        error;
    adaptau_context     *context = NULL;
    adaptau_dataset     *dataset = NULL;
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    adaptau_sampler     *sampler = NULL;
    double               first = 0, loss = 0, contrast = 0;
    for (int i = 0; i < USERS * HAS; i++) {
        users[i] = i / HAS;
        items[i] = (i / HAS * 7 + i % HAS * (i / HAS % 5 + 1)) % ITEMS;
    }
    check(adaptau_context_create(NULL, &context, &error), &error);
    check(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, USERS * HAS, users, items, NULL, &dataset, &error), &error);
    /* No struct at all stands for the defaults. */
    /* [objects] */
    adaptau_model_options options = {.struct_size = sizeof options};
    check(adaptau_model_options_init(&options, &error), &error);
    options.encoder = ADAPTAU_ENCODER_LIGHTGCN;
    options.dim = 16;
    options.n_layers = 2;
    options.seed = 1;
    check(adaptau_model_create(context, dataset, &options, &model, &error), &error);
    check(adaptau_temperature_create(context, dataset, NULL, &temperature, &error), &error);
    check(adaptau_sampler_create(context, dataset, NULL, &sampler, &error), &error);
    /* [objects] */
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        run_epoch(model, temperature, sampler, epoch, &loss, &contrast);
        if (epoch == 0)
            first = loss + contrast;
        printf("epoch %d  loss %9.3f  contrastive term %8.3f\n", (int)epoch + 1, loss, contrast);
    }
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(dataset);
    adaptau_context_destroy(context);
    return loss + contrast < first ? 0 : 1;
}
