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

#include "common/context.h"

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

/* Whether the final embeddings are there: they are made when they are first asked for. Nothing to do with an identity. */
struct atau_finals {
    atau_busy         busy; /* over the encoder's buffers, for calls that do not change the model */
    _Atomic uintptr_t thread; /* that is inside, of */
    _Atomic int32_t   process;
    _Atomic bool      fresh; /* they are what the raw tables make */
    bool              loaded; /* they came from a file, and there are no interactions to make others from */
};

/* Some rows of each side. */
struct atau_selection {
    int64_t        n[2];
    const int32_t *ids[2]; /* [n] each once, or NULL: all rows, which n counts */
};

/* Another look at the raw tables, for contrast: Σ_l coefficients[l] E_l of layers E_l = A E_{l−1} + noise_l, where A is what is
 * left of the graph without the edges that the view drops, scaled by its own degrees. */
struct atau_view {
    uint64_t step; /* names what is random, */
    int      number; /* with 0 or 1 of a pair */
    int32_t  n_layers; /* >= 1 */
    float    coefficients[ADAPTAU_MAX_LAYERS + 1]; /* [n_layers + 1], the last one is not 0 */
    double   edge_dropout;
    double   noise; /* ε: noise_l = ε sign(A E_{l−1}) ⊙ Δ, Δ of length 1, its entries not negative */
};

#define ATAU_ENCODER_TEXT 64

struct atau_encoder {
    int32_t     number; /* ADAPTAU_ENCODER_* */
    const char *name; /* in files */
    /* Final embeddings are the raw tables: files hold one pair of tables, and of the functions below those that make and return
     * are NULL. */
    bool identity;
    bool has_matrix; /* [d x d] parameters of its own, which a file must have before there is room for them */
    /* Whether the encoder's own options make sense. */
    adaptau_status (*check)(const adaptau_model_options *options, adaptau_error *error);
    /* State into model->encoder_state, which `destroy` frees: also after a failure, and when there is none. An encoder with
     * parameters of its own opens model->encoder_table for them here and in `restore`; the model frees, steps and saves it. */
    adaptau_status (*create)(adaptau_model *model, const adaptau_dataset *dataset, const adaptau_model_options *options,
                             adaptau_error *error);
    void (*destroy)(adaptau_model *model);
    /* Where the final embeddings are that the next two have made. */
    struct atau_embeddings (*finals)(const adaptau_model *model);
    /* Make those of the whole graph. The model changes through encoder_state only. */
    adaptau_status (*forward)(const adaptau_model *model, adaptau_error *error);
    /* The same for a training step: all items, at least the n users in `users` (each once), with what is random in training. */
    adaptau_status (*forward_step)(adaptau_model *model, int64_t n, const int32_t *users, adaptau_error *error);
    /* Replace gradients of the final embeddings of the last forward_step by those of the raw tables; those of own parameters go
     * to model->encoder_gradients. */
    adaptau_status (*backward)(adaptau_model *model, struct atau_row_gradients gradients[2], adaptau_error *error);
    /* NULL, like the next two: the encoder has no layers, and no views. With views, backward answers gradients of all rows. */
    int32_t (*count_layers)(const adaptau_model *model);
    /* Rows of a view, out[side] [n x d] one behind the other. Writes over final embeddings, as backward_view does. */
    adaptau_status (*forward_view)(adaptau_model *model, const struct atau_view *view, const struct atau_selection *rows,
                                   float *const out[2], adaptau_error *error);
    /* Gradients of the raw tables, valid until the next call, from those of a view's rows, which lie as forward_view writes
     * rows. No draws are made: a view that drops edges must be one of the last pair that forward_view saw. */
    adaptau_status (*backward_view)(adaptau_model *model, const struct atau_view *view, const struct atau_selection *rows,
                                    float *const gradients[2], struct atau_embeddings *out, adaptau_error *error);
    /* For new users, who start at n_u^-exponent Σ_{i∈P_u} out_i, out [m x d]; NULL: out is the items, the exponent 1. */
    adaptau_status (*fold_starts)(const adaptau_model *model, float *out, double *exponent, adaptau_error *error);
    bool folds_exactly; /* such a start is the user's embedding, and not where a search for it begins */
    /* For checkpoints: the options that `create` was given, for as far as they are the encoder's. */
    void (*recall)(const adaptau_model *model, adaptau_model_options *options);
    /* Where the training steps are counted that its draws are named by; NULL: nothing is drawn. */
    uint64_t *(*steps)(adaptau_model *model);
    /* For files: options as text, and a state from it with room for final embeddings and nothing to make them from. */
    void (*describe)(const adaptau_model *model, char text[ATAU_ENCODER_TEXT]);
    adaptau_status (*restore)(adaptau_model *model, const char *text, adaptau_error *error);
};

extern const struct atau_encoder atau_encoder_mf;
extern const struct atau_encoder atau_encoder_lightgcn;
extern const struct atau_encoder atau_encoder_simplex;

/* NULL when there is none. */
const struct atau_encoder *atau_encoder_by_number(int32_t number);
const struct atau_encoder *atau_encoder_by_name(const char *name);

/* ---- what the model calls, which knows when final embeddings have to be made ------------------------------------------- */

/* The final embeddings, made where they are not there, or waited for where another reader makes them. */
adaptau_status atau_encoder_forward(const adaptau_model *model, struct atau_embeddings *out, adaptau_error *error);

/* E_STATE for a model that was loaded: it cannot make those of a training step. */
adaptau_status atau_encoder_check_trains(const adaptau_model *model, adaptau_error *error);

/* Those of a training step, which end what atau_encoder_forward answered, as the two below do. */
adaptau_status atau_encoder_forward_step(adaptau_model *model, int64_t n, const int32_t *users, struct atau_embeddings *out,
                                         adaptau_error *error);
adaptau_status atau_encoder_forward_view(adaptau_model *model, const struct atau_view *view, const struct atau_selection *rows,
                                         float *const out[2], adaptau_error *error);
adaptau_status atau_encoder_backward_view(adaptau_model *model, const struct atau_view *view,
                                          const struct atau_selection *rows, float *const gradients[2],
                                          struct atau_embeddings *out, adaptau_error *error);

/* `backward` of gradients[2], which an identity leaves as they are. */
adaptau_status atau_encoder_backward(adaptau_model *model, struct atau_row_gradients *gradients, adaptau_error *error);

/* The raw tables have changed. */
void atau_encoder_forget(adaptau_model *model);

/* The encoder of a model from a file; `out` is where final embeddings are to be read into. */
adaptau_status atau_encoder_restore(adaptau_model *model, const char *text, struct atau_embeddings *out, adaptau_error *error);

/* Around other work in an encoder's buffers by calls that do not change the model: one thread at a time, the others wait. E_STATE
 * where waiting would have no end: for this thread itself, called back, and in a child of fork for a thread of the parent. */
adaptau_status atau_encoder_enter(const adaptau_model *model, adaptau_error *error);
void           atau_encoder_leave(const adaptau_model *model);

/* ---- what encoders have in common --------------------------------------------------------------------------------------- */

/* E_ARGUMENT for options of LightGCN, or of SimpleX, in the hands of an encoder of that name. */
adaptau_status atau_check_no_layers(const adaptau_model_options *options, const char *name, adaptau_error *error);
adaptau_status atau_check_no_gate(const adaptau_model_options *options, const char *name, adaptau_error *error);

/* Rows of items that a batch did not touch have no gradient yet: make them 0. */
void atau_clear_untouched(const adaptau_model *model, const struct atau_row_gradients *items);

#endif
