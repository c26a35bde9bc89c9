/* SPDX-License-Identifier: MIT */
#include "common/prior.h"

#include <math.h>
#include <stdlib.h>

#include <adaptau/recipe.h>

#include "common/fail.h"

#define LEAST_GAIN 1e-3 /* of recall, relative to none: less is noise, and no prior is the simpler model */

static const double grid[] = {0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5};

adaptau_status prior_set(adaptau_model *model, const adaptau_dataset *dataset, double strength, double tau0,
                         adaptau_error *error)
{
    if (strength == 0)
        return adaptau_model_set_item_bias(model, NULL, error);
    float *bias = malloc(((size_t)adaptau_dataset_n_items(dataset) + 1) * sizeof *bias);
    if (!bias)
        return fail_memory(error, "the popularity prior");
    adaptau_status status = adaptau_popularity_prior(dataset, strength, tau0, bias, error);
    if (!status)
        status = adaptau_model_set_item_bias(model, bias, error);
    free(bias);
    return status;
}

adaptau_status prior_choose(adaptau_evaluator *evaluator, adaptau_model *model, const adaptau_dataset *dataset, double tau0,
                            const struct cutoffs *cutoffs, int32_t cutoff, double *strength, adaptau_error *error)
{
    double to_beat = 0;
    *strength = grid[0];
    for (size_t i = 0; i < sizeof grid / sizeof *grid; i++) {
        struct scores  scores;
        adaptau_status status = prior_set(model, dataset, grid[i], tau0, error);
        if (!status)
            status = score_model(evaluator, model, cutoffs, &scores, error);
        if (status)
            return status;
        double recall = scores.value[ADAPTAU_METRIC_RECALL][cutoff];
        if (i > 0 && recall > to_beat)
            *strength = grid[i];
        to_beat = i == 0 ? recall * (1 + LEAST_GAIN) : fmax(to_beat, recall);
    }
    return ADAPTAU_OK;
}
