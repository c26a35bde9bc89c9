/* SPDX-License-Identifier: MIT */
#include "kernels/loss.h"

#include <math.h>

#include "common/abi.h"
#include "common/error.h"

/* A new loss is one file, and a line here. */
static const struct atau_loss *const losses[] = {
    &atau_loss_softmax, &atau_loss_bpr, &atau_loss_bce, &atau_loss_mse, &atau_loss_ccl,
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

adaptau_status atau_read_loss(const adaptau_loss *given, adaptau_loss *out, const struct atau_loss **loss, adaptau_error *error)
{
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, given, true, "loss", error);
    if (status != ADAPTAU_OK)
        return status;
    *loss = find_loss(out->kind);
    if (!*loss)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->kind = %d is unknown", out->kind);
    status = check_number(*loss, "margin", out->margin, (*loss)->margin, error);
    if (status == ADAPTAU_OK)
        status = check_number(*loss, "negative_weight", out->negative_weight, (*loss)->negative_weight, error);
    if (status != ADAPTAU_OK)
        return status;
    if (out->negative_weight < 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "loss->negative_weight = %g is negative", out->negative_weight);
    out->margin = out->margin == 0.0 ? (*loss)->margin : fmax(0.0, out->margin);
    out->negative_weight = out->negative_weight == 0.0 ? (*loss)->negative_weight : out->negative_weight;
    return ADAPTAU_OK;
}
