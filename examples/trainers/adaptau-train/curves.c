/* SPDX-License-Identifier: MIT */
#include "adaptau-train/curves.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

static bool grow(double **numbers, int64_t capacity)
{
    double *grown = realloc(*numbers, (size_t)capacity * sizeof *grown);
    if (grown)
        *numbers = grown;
    return grown != NULL;
}

static adaptau_status make_room(struct curve *curve, adaptau_error *error)
{
    if (curve->n < curve->capacity)
        return ADAPTAU_OK;
    const int64_t capacity = curve->capacity * 2 + 64;
    if (!grow(&curve->epoch, capacity) || !grow(&curve->loss, capacity) || !grow(&curve->tau0, capacity) ||
        !grow(&curve->recall, capacity))
        return fail_memory(error, "the curves of the report");
    curve->capacity = capacity;
    return ADAPTAU_OK;
}

adaptau_status curves_add(struct curves *curves, const char *phase, const struct training *training, double recall,
                          adaptau_error *error)
{
    if ((curves->n == 0 || strcmp(curves->curves[curves->n - 1].phase, phase) != 0) && curves->n < CURVES_MAX)
        curves->curves[curves->n++] = (struct curve){.phase = phase};
    struct curve  *curve = &curves->curves[curves->n - 1];
    adaptau_status status = make_room(curve, error);
    if (status)
        return status;
    curve->epoch[curve->n] = (double)training->epoch;
    curve->loss[curve->n] = training->loss;
    curve->tau0[curve->n] = training->tau0;
    curve->recall[curve->n++] = recall;
    return ADAPTAU_OK;
}

void curves_add_trial(struct curves *curves, const adaptau_tune_progress *progress)
{
    if (isnan(progress->recall) || curves->n_trials == TRIALS_MAX)
        return;
    curves->trial_tau[curves->n_trials] = progress->tau;
    curves->trial_recall[curves->n_trials++] = progress->recall;
}

void curves_free(struct curves *curves)
{
    for (int i = 0; i < curves->n; i++) {
        free(curves->curves[i].epoch);
        free(curves->curves[i].loss);
        free(curves->curves[i].tau0);
        free(curves->curves[i].recall);
    }
    *curves = (struct curves){0};
}
