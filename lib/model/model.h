/* SPDX-License-Identifier: MIT */
/* What is behind adaptau_model: rooms, each with functions of its own. Files that include this one are calls on the whole model;
 * a room knows only the rooms before it. */
#ifndef ATAU_MODEL_H
#define ATAU_MODEL_H

#include <adaptau/fold_in.h>
#include <adaptau/model.h>
#include <adaptau/shards.h>
#include <adaptau/experimental.h>

#include <stdbool.h>

#include "common/busy.h"
#include "common/context.h"
#include "files/mapping.h"
#include "kernels/loss.h"
#include "model/contrast.h"
#include "model/encoders/encoder.h"
#include "model/folding.h"
#include "model/gradients.h"
#include "model/optimiser.h"
#include "model/prototypes.h"
#include "model/tables.h"
#include "model/targets.h"

/* What a step minimises. */
struct atau_objective {
    adaptau_loss            loss; /* shorter structs completed                                                    */
    const struct atau_loss *map;  /* NULL: the softmax                                                        */
    adaptau_reduce          reduce; /* with other ranges of items; its function is NULL where there are none   */
};

struct adaptau_model {
    adaptau_context       *context;
    atau_busy              busy;
    struct atau_raw_tables tables;
    struct atau_encoding   encoding;
    struct atau_objective  objective;
    struct atau_targets    targets;
    struct atau_gradients  gradients;
    struct atau_optimiser  optimiser;
    struct atau_contrast   contrast;
    struct atau_prototypes prototypes;
    struct atau_folding    folding;
    struct atau_mapping    mapping; /* the file that read-only tables are in, or nothing                      */
};

/* ---- life ---------------------------------------------------------------------------------------------------------- */

/* A model of that shape with zeroed tables (the host's where given), or read-only ones of a view, which is NULL otherwise; with the
 * default optimiser and no encoder's state yet. Of the options flags, dim and the host's tables count. */
adaptau_status atau_model_allocate(adaptau_context *context, const struct atau_encoder *encoder, int32_t n_users,
                                   int32_t n_items, const adaptau_model_options *options, const struct atau_embeddings *view,
                                   adaptau_model **out, adaptau_error *error);

/* A model of the dataset's size with its encoder's state, and its tables still zeroed (the host's as they are). Options as
 * atau_model_check_options leaves them. */
adaptau_status atau_model_open(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_model_options *options,
                               adaptau_model **out, adaptau_error *error);

/* The options that would make such a model, with the present learning rates (of which 0 would be the default: set them). */
adaptau_model_options atau_model_recall_options(const adaptau_model *model);

/* ---- doors --------------------------------------------------------------------------------------------------------- */

/* For calls that train, or write tables: E_STATE for tables that are read-only, and while another thread is inside. */
adaptau_status atau_model_enter_to_train(adaptau_model *model, adaptau_error *error);

/* For calls that read: E_STATE while another thread changes the model. Others may be reading. */
adaptau_status atau_model_enter_shared(const adaptau_model *model, adaptau_error *error);
void           atau_model_leave_shared(const adaptau_model *model);

/* Final embeddings as items are ranked, which is what adaptau_model_get_tables answers; and as training scores them. For calls
 * that are inside the model already. */
adaptau_status atau_model_ranking_tables(const adaptau_model *model, struct atau_tables *out, adaptau_error *error);
adaptau_status atau_model_tables(const adaptau_model *model, struct atau_tables *out, adaptau_error *error);

/* E_UNSUPPORTED for embeddings in binary16, where somebody needs float32. */
adaptau_status atau_model_refuse_halves(const struct atau_halves halves[2], adaptau_error *error);

/* Options of fold-in as a host gave them, with the defaults for this model in the place of members that its struct does not have.
 * @return E_ARGUMENT, E_ABI. */
adaptau_status atau_fold_in_read_options(const adaptau_model *model, const adaptau_fold_in_options *given,
                                         adaptau_fold_in_options *out, adaptau_error *error);

/* E_SHAPE unless a dataset is of the model's size; `name` is the caller's argument. */
adaptau_status atau_model_check_dataset(const adaptau_model *model, const char *name, const adaptau_dataset *dataset,
                                        adaptau_error *error);

#endif
