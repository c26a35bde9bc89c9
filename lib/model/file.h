/* SPDX-License-Identifier: MIT */
/* What models as files (file.c) and checkpoints (checkpoint.c) have in common: a checkpoint is a model's file with more in
 * it. */
#ifndef ATAU_MODEL_FILE_H
#define ATAU_MODEL_FILE_H

#include "files/safetensors.h"
#include "model/model.h"
#include "model/words.h"

#define ATAU_CONTENT_TENSORS 32 /* attachments among them */
#define ATAU_CONTENT_METADATA 16

/* Embeddings whose type in the file is another one than in memory. */
struct atau_table_of_file {
    const struct atau_kernels *kernels;
    struct atau_embeddings     embeddings;
    int                        side;
    int64_t                    dim;
    struct atau_made_rows      rows;
};

/* What is going to be written; it points into the model, and into itself. */
struct atau_model_content {
    int                  n_tensors, n_metadata;
    struct atau_tensor   tensors[ATAU_CONTENT_TENSORS];
    struct atau_metadata metadata[ATAU_CONTENT_METADATA];
    char                 encoder_options[ATAU_ENCODER_TEXT];
    char                 folding[ATAU_WORDS_TEXT];
    struct atau_table_of_file tables[4];
    float               *row; /* [d] where one is made, or NULL                                               */
};

/* E_ARGUMENT unless bytes [size] may be a file in memory. */
adaptau_status atau_check_bytes(const void *bytes, int64_t size, adaptau_error *error);

/* Append what adaptau_model_save writes; half: what adaptau_model_save_half writes, which E_NUMERIC refuses. */
adaptau_status atau_model_list_content(const adaptau_model *model, bool half, struct atau_model_content *content, adaptau_error *error);

/* Also after a failure. */
void atau_model_free_content(const adaptau_model *model, struct atau_model_content *content);

/* What a file says of its model before any of its tables is read. */
struct atau_model_shape {
    const struct atau_encoder *encoder;
    int32_t                    n_users, n_items;
    adaptau_model_options      options; /* flags and dim; all else is 0                                       */
    char                       encoder_options[ATAU_ENCODER_TEXT];
};

/* Also checks that the tables are there. @return E_FORMAT. */
adaptau_status atau_model_read_shape(const struct atau_safetensors *file, struct atau_model_shape *shape, adaptau_error *error);

#define ATAU_USER_TENSOR "user_embeddings"
#define ATAU_ITEM_TENSOR "item_embeddings"
#define ATAU_RAW_USER_TENSOR "raw_user_embeddings"
#define ATAU_RAW_ITEM_TENSOR "raw_item_embeddings"
#define ATAU_ENCODER_TENSOR "encoder_parameters"
#define ATAU_BIAS_TENSOR "item_bias"

/* A matrix of floats, n x dim. @return E_FORMAT. */
adaptau_status atau_model_find_table(const struct atau_safetensors *file, const char *name, int32_t n, int32_t dim,
                                     const struct atau_safetensors_entry **out, adaptau_error *error);

/* A number for each item, the item bias for example; NULL where there is none. @return E_FORMAT. */
adaptau_status atau_model_find_numbers(const struct atau_safetensors *file, const char *name, int32_t n_items,
                                       const struct atau_safetensors_entry **out, adaptau_error *error);

/* A file that ends in a checksum, and one with attachments, which has to: is it right? @return E_FORMAT, E_IO. */
adaptau_status atau_model_check_sum(const struct atau_safetensors *file, adaptau_error *error);

/* How new users are folded in, and the loss of the model with it; nothing where the file does not say. log_q: where it is already and
 * stays, NULL: it is read. @return E_FORMAT, E_NUMERIC, E_IO, E_MEMORY. */
adaptau_status atau_model_read_folding(const struct atau_safetensors *file, adaptau_model *model, float *log_q, adaptau_error *error);

#define ATAU_LOG_Q_TENSOR "fold_in_log_q"

/* Whether the file has the tables that the next function reads, before any of that size is allocated. @return E_FORMAT. */
adaptau_status atau_model_check_tables(const struct atau_safetensors *file, const struct atau_encoder *encoder, int32_t n_users,
                                       int32_t n_items, int32_t dim, adaptau_error *error);

/* The raw tables, the encoder's parameters and the item bias of a model that is open. @return E_FORMAT, E_NUMERIC, E_IO. */
adaptau_status atau_model_read_raw(const struct atau_safetensors *file, adaptau_model *model, adaptau_error *error);

#endif
