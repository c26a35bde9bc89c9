/* SPDX-License-Identifier: MIT */
#include "kernels/loss.h"

#include <math.h>
#include <stddef.h>
#include <stdio.h>

#include "common/abi.h"
#include "common/error.h"

#define INIT "adaptau_loss_init"

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

/* ---- defaults ---------------------------------------------------------------------------------------------------- */

static adaptau_loss defaults_of(const struct atau_loss *loss)
{
    return (adaptau_loss){
        .struct_size = sizeof(adaptau_loss),
        .kind = loss->kind,
        .margin = loss->margin,
        .negative_weight = loss->negative_weight,
        .top_k = loss->top_k,
        .weight_tau = loss->weight_tau,
        .positive_scale = loss->positive_scale,
    };
}

adaptau_status adaptau_loss_init(adaptau_loss *loss, int32_t kind, adaptau_error *error)
{
    const struct atau_loss *known = find_loss(kind);
    if (!known)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "kind = %d is unknown", kind);
    const adaptau_loss defaults = defaults_of(known);
    return atau_init_struct(loss, &defaults, sizeof defaults, sizeof defaults, "loss", error);
}

/* ---- what is wrong with one --------------------------------------------------------------------------------------- */

/* A number that only some losses have: those whose default is not 0. */
static adaptau_status check_number(const struct atau_loss *loss, const char *name, double value, double preset,
                                   adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "loss->%s = %g is not finite", name, value);
    if (!isfinite((float)value))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->%s = %g is more than a float can be", name, value);
    if (value != 0.0 && preset == 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->%s = %g, but %s has none", name, value, loss->name);
    if (value < 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->%s = %g is negative", name, value);
    return ADAPTAU_OK;
}

/* One that must not be 0 either. */
static adaptau_status check_weight(const struct atau_loss *loss, const char *name, double value, double preset,
                                   adaptau_error *error)
{
    char           member[32];
    adaptau_status status = check_number(loss, name, value, preset, error);
    if (status != ADAPTAU_OK || preset == 0.0 || value != 0.0)
        return status;
    snprintf(member, sizeof member, "loss->%s", name);
    return atau_fail_zero(error, member, "above 0", INIT);
}

static adaptau_status check_top_k(const struct atau_loss *loss, int32_t k, adaptau_error *error)
{
    if (k != 0 && loss->top_k == 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->top_k = %d, but %s has none", k, loss->name);
    if (k == 0 && loss->top_k != 0)
        return atau_fail_zero(error, "loss->top_k", "at least 1", INIT);
    if (k < 0 || k > ADAPTAU_LOSS_MOST_K)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->top_k = %d is outside 1 ... %d", k, ADAPTAU_LOSS_MOST_K);
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
    const adaptau_loss defaults = defaults_of(*loss);
    atau_complete_struct(out, &defaults, sizeof *out, given);
    if (out->activation != 0 && (*loss)->n_activations == 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->activation = %d, but %s has none", out->activation, (*loss)->name);
    if ((*loss)->n_activations > 0 && (out->activation < 0 || out->activation >= (*loss)->n_activations))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->activation = %d is unknown", out->activation);
    status = check_number(*loss, "margin", out->margin, (*loss)->margin, error);
    if (status == ADAPTAU_OK)
        status = check_weight(*loss, "negative_weight", out->negative_weight, (*loss)->negative_weight, error);
    if (status == ADAPTAU_OK)
        status = check_weight(*loss, "weight_tau", out->weight_tau, (*loss)->weight_tau, error);
    if (status == ADAPTAU_OK)
        status = check_weight(*loss, "positive_scale", out->positive_scale, (*loss)->positive_scale, error);
    if (status == ADAPTAU_OK)
        status = check_top_k(*loss, out->top_k, error);
    return status;
}
