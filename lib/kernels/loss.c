/* SPDX-License-Identifier: MIT */
#include "kernels/loss.h"

#include <math.h>
#include <stddef.h>

#include "common/abi.h"
#include "common/error.h"

/* A new loss is one file, and a line here. */
static const struct atau_loss *const losses[] = {
    &atau_loss_softmax, &atau_loss_bpr, &atau_loss_bce, &atau_loss_mse, &atau_loss_ccl, &atau_loss_slatk, &atau_loss_bsl, &atau_loss_psl,
};

#define N_LOSSES (sizeof losses / sizeof *losses)

static const struct atau_loss *find_loss(int32_t kind)
{
    for (size_t l = 0; l < N_LOSSES; l++)
        if (losses[l]->kind == kind)
            return losses[l];
    return NULL;
}

/* A number that only some losses have, 0 for its default. */
static adaptau_status check_number(const struct atau_loss *loss, const char *name, double value, double preset,
                                   adaptau_error *error)
{
    if (!isfinite((float)value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "loss->%s = %g is not a finite float", name, value);
    if (value != 0.0 && preset == 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->%s = %g, but %s has none", name, value, loss->name);
    return ADAPTAU_OK;
}

/* One that must not be negative; 0 becomes the default. */
static adaptau_status check_weight(const struct atau_loss *loss, const char *name, double *value, double preset,
                                   adaptau_error *error)
{
    adaptau_status status = check_number(loss, name, *value, preset, error);
    if (status == ADAPTAU_OK && *value < 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->%s = %g is negative", name, *value);
    *value = *value == 0.0 ? preset : *value;
    return status;
}

static adaptau_status check_top_k(const struct atau_loss *loss, int32_t *k, adaptau_error *error)
{
    if (*k != 0 && loss->top_k == 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->top_k = %d, but %s has none", *k, loss->name);
    if (*k < 0 || *k > ADAPTAU_LOSS_MOST_K)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->top_k = %d is outside 0 ... %d", *k, ADAPTAU_LOSS_MOST_K);
    *k = *k == 0 ? loss->top_k : *k;
    return ADAPTAU_OK;
}

adaptau_status atau_read_loss(const adaptau_loss *given, adaptau_loss *out, const struct atau_loss **loss,
                              adaptau_error *error)
{
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, given, true, "loss", error);
    if (status != ADAPTAU_OK)
        return status;
    *loss = find_loss(out->kind);
    if (!*loss)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->kind = %d is unknown", out->kind);
    if (out->activation != 0 && (*loss)->n_activations == 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->activation = %d, but %s has none", out->activation, (*loss)->name);
    if ((*loss)->n_activations > 0 && (out->activation < 0 || out->activation >= (*loss)->n_activations))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->activation = %d is unknown", out->activation);
    status = check_number(*loss, "margin", out->margin, (*loss)->margin, error);
    if (status == ADAPTAU_OK)
        status = check_weight(*loss, "negative_weight", &out->negative_weight, (*loss)->negative_weight, error);
    if (status == ADAPTAU_OK)
        status = check_weight(*loss, "weight_tau", &out->weight_tau, (*loss)->weight_tau, error);
    if (status == ADAPTAU_OK)
        status = check_weight(*loss, "positive_scale", &out->positive_scale, (*loss)->positive_scale, error);
    if (status == ADAPTAU_OK)
        status = check_top_k(*loss, &out->top_k, error);
    if (status != ADAPTAU_OK)
        return status;
    out->margin = out->margin == 0.0 ? (*loss)->margin : fmax(0.0, out->margin);
    return ADAPTAU_OK;
}
