/* SPDX-License-Identifier: MIT */
#include "core/encoder.h"

#include <string.h>

#include "common/error.h"
#include "core/model.h"

/* A new encoder is one file, and a line here. */
static const struct atau_encoder *const encoders[] = {&atau_encoder_mf, &atau_encoder_lightgcn, &atau_encoder_simplex};

#define N_ENCODERS (sizeof encoders / sizeof *encoders)

const struct atau_encoder *atau_encoder_by_number(int32_t number)
{
    for (size_t e = 0; e < N_ENCODERS; e++)
        if (encoders[e]->number == number)
            return encoders[e];
    return NULL;
}

const struct atau_encoder *atau_encoder_by_name(const char *name)
{
    for (size_t e = 0; e < N_ENCODERS; e++)
        if (strcmp(encoders[e]->name, name) == 0)
            return encoders[e];
    return NULL;
}

adaptau_status atau_check_no_layers(const adaptau_model_options *o, const char *name, adaptau_error *error)
{
    if (o->n_layers)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_layers = %d, but %s has no layers", o->n_layers, name);
    if (o->edge_dropout != 0.0 || o->layer_dropout != 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s_dropout = %g, but %s has no layers",
                         o->edge_dropout != 0.0 ? "edge" : "layer",
                         o->edge_dropout != 0.0 ? o->edge_dropout : o->layer_dropout, name);
    return ADAPTAU_OK;
}

adaptau_status atau_check_no_gate(const adaptau_model_options *o, const char *name, adaptau_error *error)
{
    if (o->gate != 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->gate = %g, but %s has none", o->gate, name);
    if (o->host_encoder)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->host_encoder is given, but %s has no parameters of its own", name);
    return ADAPTAU_OK;
}

void atau_clear_untouched(const adaptau_model *model, const struct atau_row_gradients *items)
{
    const int64_t m = model->tables[ADAPTAU_SIDE_ITEMS].n_rows, dim = model->dim;
    for (int64_t i = 0, k = 0; i < m && items->n < m; i++)
        if (k < items->n && items->ids[k] == i)
            k++;
        else
            memset(items->rows + i * dim, 0, (size_t)dim * sizeof(float));
}
