/* SPDX-License-Identifier: MIT */
/* What stands between raw tables, which are trained, and scores, which are formed from final embeddings. An encoder is a table
 * of functions in a file of its own; the model knows encoders through it alone.
 *
 *     forward:   final embeddings from raw tables
 *     backward:  gradients of raw tables from gradients of final embeddings
 */
#ifndef ATAU_ENCODER_H
#define ATAU_ENCODER_H

#include <adaptau/model.h>

#include <stdbool.h>

/* Embeddings of both sides, [n x d] and [m x d]. */
struct atau_embeddings {
    float  *rows[2];
    int64_t stride[2];
};

/* Gradients of some rows of a table, each row once. */
struct atau_row_gradients {
    int64_t        n;
    const int32_t *ids; /* [n] */
    float         *rows; /* [n x d], or with by_id [table's rows x d] */
    bool           by_id; /* row id holds the gradient, instead of row k */
};

#define ATAU_ENCODER_TEXT 64

struct atau_encoder {
    int32_t     number; /* ADAPTAU_ENCODER_* */
    const char *name; /* in files */
    bool        identity; /* final embeddings are the raw tables: files hold one pair of tables */
    /* Whether the encoder's own options make sense. */
    adaptau_status (*check)(const adaptau_model_options *options, adaptau_error *error);
    /* State into model->encoder_state, which `destroy` frees: also after a failure, and when there is none. An encoder with
     * parameters of its own opens model->encoder_table for them here and in `restore`; the model frees, steps and saves it. */
    adaptau_status (*create)(adaptau_model *model, const adaptau_dataset *dataset, const adaptau_model_options *options,
                             adaptau_error *error);
    void (*destroy)(adaptau_model *model);
    /* The final embeddings, of the whole graph. The model changes through encoder_state only. */
    adaptau_status (*forward)(const adaptau_model *model, struct atau_embeddings *out, adaptau_error *error);
    /* The same for a training step: all items, at least the n users in `users` (each once), with what is random in training.
     * Ends what `forward` answered. */
    adaptau_status (*forward_step)(adaptau_model *model, int64_t n, const int32_t *users, struct atau_embeddings *out,
                                   adaptau_error *error);
    /* The raw tables have changed. */
    void (*forget)(adaptau_model *model);
    /* Replace gradients of the final embeddings of the last forward_step by those of the raw tables; those of own parameters go
     * to model->encoder_gradients. */
    adaptau_status (*backward)(adaptau_model *model, struct atau_row_gradients gradients[2], adaptau_error *error);
    /* For files: options as text, and a state from it that can do `forward` and nothing else; `out` is where final embeddings
     * are to be read into. */
    void (*describe)(const adaptau_model *model, char text[ATAU_ENCODER_TEXT]);
    adaptau_status (*restore)(adaptau_model *model, const char *text, struct atau_embeddings *out, adaptau_error *error);
};

extern const struct atau_encoder atau_encoder_mf;
extern const struct atau_encoder atau_encoder_lightgcn;
extern const struct atau_encoder atau_encoder_simplex;

/* NULL when there is none. */
const struct atau_encoder *atau_encoder_by_number(int32_t number);
const struct atau_encoder *atau_encoder_by_name(const char *name);

/* E_ARGUMENT for options of LightGCN, or of SimpleX, in the hands of an encoder of that name. */
adaptau_status atau_check_no_layers(const adaptau_model_options *options, const char *name, adaptau_error *error);
adaptau_status atau_check_no_gate(const adaptau_model_options *options, const char *name, adaptau_error *error);

/* Rows of items that a batch did not touch have no gradient yet: make them 0. */
void atau_clear_untouched(const adaptau_model *model, const struct atau_row_gradients *items);

#endif
