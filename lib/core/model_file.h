/* SPDX-License-Identifier: MIT */
/* What models as files (model_file.c) and checkpoints (model_checkpoint.c) have in common: a checkpoint is a model's file with
 * more in it. */
#ifndef ATAU_MODEL_FILE_H
#define ATAU_MODEL_FILE_H

#include "core/model.h"
#include "core/safetensors.h"

#define ATAU_CONTENT_TENSORS 24
#define ATAU_CONTENT_METADATA 12

/* What is going to be written; it points into the model, and into itself. */
struct atau_model_content {
    int                  n_tensors, n_metadata;
    struct atau_tensor   tensors[ATAU_CONTENT_TENSORS];
    struct atau_metadata metadata[ATAU_CONTENT_METADATA];
    char                 encoder_options[ATAU_ENCODER_TEXT];
};

/* Append what adaptau_model_save writes. */
adaptau_status atau_model_list_content(const adaptau_model *model, struct atau_model_content *content, adaptau_error *error);

/* E_FORMAT where the file lacks a table of a model of that encoder and dim, or has it in another shape: before memory is asked
 * for that the file would not fill. */
adaptau_status atau_model_check_file(const struct atau_safetensors *file, const struct atau_encoder *encoder, int64_t dim,
                                     adaptau_error *error);

/* The raw tables, the encoder's parameters and the item bias of a model that is open. @return E_FORMAT, E_NUMERIC, E_IO. */
adaptau_status atau_model_read_raw(const struct atau_safetensors *file, adaptau_model *model, adaptau_error *error);

#endif
