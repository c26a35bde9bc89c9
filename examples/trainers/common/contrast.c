/* SPDX-License-Identifier: MIT */
#include <adaptau/experimental.h>

#include "common/contrast.h"

#include <math.h>

#define CONTRAST_WEIGHT 0.02 /* of SGL and SimGCL; 0.1 costs accuracy beside the softmax over the catalogue */
#define CONTRAST_TEMPERATURE 0.2
#define VIEW_EDGE_DROPOUT 0.1
#define NOISE 0.1
#define NCL_WEIGHT 0.005 /* the authors' 1e-6 for each of some thousand pairs in a batch */
#define NCL_TEMPERATURE 0.1
#define PROTOTYPE_WEIGHT 0.0005 /* likewise 1e-7 */
#define PROTOTYPES 100

void contrast_fill(struct recipe *recipe, int32_t n_users, int32_t n_items)
{
    const int32_t kind = recipe->contrast;
    if (recipe->contrast_weight == ADAPTAU_BY_DATA)
        recipe->contrast_weight = kind == CONTRAST_NONE ? 0 : kind == CONTRAST_NCL ? NCL_WEIGHT : CONTRAST_WEIGHT;
    if (recipe->contrast_temperature == ADAPTAU_BY_DATA)
        recipe->contrast_temperature = kind == CONTRAST_NONE  ? 0
                                       : kind == CONTRAST_NCL ? NCL_TEMPERATURE
                                                              : CONTRAST_TEMPERATURE;
    if (recipe->contrast_edge_dropout == ADAPTAU_BY_DATA)
        recipe->contrast_edge_dropout = kind == CONTRAST_SGL ? VIEW_EDGE_DROPOUT : 0;
    if (recipe->noise == ADAPTAU_BY_DATA)
        recipe->noise = kind == CONTRAST_SIMGCL ? NOISE : 0;
    if (recipe->prototype_weight == ADAPTAU_BY_DATA)
        recipe->prototype_weight = kind == CONTRAST_NCL ? PROTOTYPE_WEIGHT : 0;
    if (recipe->prototypes == ADAPTAU_BY_DATA)
        recipe->prototypes = kind == CONTRAST_NCL ? PROTOTYPES : 0;
    recipe->prototypes = (int64_t)fmin((double)recipe->prototypes, fmin(n_users, n_items));
}

adaptau_status contrast_begin_epoch(const struct recipe *recipe, adaptau_model *model, adaptau_error *error)
{
    return recipe->prototype_weight > 0 ? adaptau_model_update_prototypes(model, (int32_t)recipe->prototypes, error) : ADAPTAU_OK;
}

adaptau_status contrast_add(const struct recipe *recipe, adaptau_model *model, const adaptau_batch *batch, double *loss,
                            adaptau_error *error)
{
    adaptau_contrast_options options = {.struct_size = sizeof options};
    double                   term = 0;
    if (recipe->contrast == CONTRAST_NONE)
        return ADAPTAU_OK;
    adaptau_status status = adaptau_contrast_options_init(&options, recipe->contrast - 1, error);
    options.flags = recipe->all_nodes ? ADAPTAU_CONTRAST_ALL_NODES : 0;
    options.tau = recipe->contrast_temperature;
    options.weight = recipe->contrast_weight;
    options.edge_dropout = recipe->contrast_edge_dropout;
    options.noise = recipe->noise;
    options.prototype_weight = recipe->prototype_weight;
    if (!status)
        status = adaptau_model_contrast(model, batch, &options, &term, error);
    *loss += term;
    return status;
}
