/* SPDX-License-Identifier: MIT */
/* What stands between raw tables, which are trained, and scores, which are formed from final embeddings. An encoder is a table
 * of functions in a file of its own; the model knows encoders through it alone, and encoders know tables and gradients alone.
 *
 *     forward:   final embeddings from raw tables
 *     backward:  gradients of raw tables from gradients of final embeddings
 */
#ifndef ATAU_ENCODER_H
#define ATAU_ENCODER_H

#include <adaptau/model.h>

#include <stdbool.h>

#include "common/busy.h"
#include "common/context.h"
#include "model/gradients.h"
#include "model/tables.h"

#define ATAU_ENCODER_TEXT 64

struct atau_encoder;

/* An encoder at work on the tables of a model. Its final embeddings are made when they are first asked for; where raw rows are
 * the final embeddings, as in matrix factorisation, none of that happens. */
struct atau_encoding {
    const struct atau_encoder *encoder;
    struct atau_raw_tables    *tables;
    const atau_busy           *model_busy; /* of the model: below 0 in a call that changes it                 */
    void                      *state;      /* the encoder's                                                   */
    bool                       loaded; /* final embeddings came from a file: there are no interactions to make others from */

    /* for calls that do not change the model, and may meet others that do not */
    atau_busy         busy;    /* over the encoder's buffers                                                  */
    _Atomic uintptr_t thread;  /* which thread is inside,                                                     */
    _Atomic int32_t   process; /* and of which process                                                        */
    _Atomic bool      fresh;   /* final embeddings are what the raw tables make                               */
};

/* Some rows of each side. */
struct atau_selection {
    int64_t        n[2];
    const int32_t *ids[2]; /* [n] each once, or NULL: all rows, which n counts                                */
};

/* Another look at the raw tables, for contrast: Σ_l coefficients[l] E_l of layers E_l = A E_{l−1} + noise_l, where A is what is
 * left of the graph without the edges that the view drops, scaled by its own degrees. */
struct atau_view {
    uint64_t step;     /* names what is random, */
    int      number;   /* together with 0 or 1, its place in a pair of views                                   */
    int32_t  n_layers; /* >= 1                                                                                */
    float    coefficients[ADAPTAU_MAX_LAYERS + 1]; /* [n_layers + 1], the last one is not 0                   */
    double   edge_dropout;
    double   noise; /* ε: noise_l = ε sign(A E_{l−1}) ⊙ Δ, Δ of length 1, its entries not negative             */
};

/* ---- the functions of an encoder ------------------------------------------------------------------------------------ */

/* Another look at the raw tables, from encoders that have layers. Gradients of all rows come from `backward`, then. */
struct atau_encoder_views {
    int32_t (*count_layers)(const struct atau_encoding *e);
    /* Rows of a view, out[side] [n x d] one behind the other. Writes over final embeddings, as backward does. */
    adaptau_status (*forward)(struct atau_encoding *e, const struct atau_view *view, const struct atau_selection *rows,
                              float *const out[2], adaptau_error *error);
    /* Gradients of the raw tables, valid until the next call, from those of a view's rows, which lie as forward writes rows. No
     * draws are made: a view that drops edges must be one of the last pair that forward saw. */
    adaptau_status (*backward)(struct atau_encoding *e, const struct atau_view *view, const struct atau_selection *rows,
                               float *const gradients[2], struct atau_embeddings *out, adaptau_error *error);
};

struct atau_encoder {
    int32_t     number; /* ADAPTAU_ENCODER_*                                                                  */
    const char *name;   /* in files                                                                           */
    bool        identity; /* final embeddings are the raw tables: files hold one pair of tables, and there are no passes */
    bool        has_matrix; /* [d x d] parameters of its own, which a file must have before there is room for them */

    /* life */

    /* Whether the encoder's own options make sense. */
    adaptau_status (*check)(const adaptau_model_options *options, adaptau_error *error);
    /* State into e->state, which `destroy` frees: also after a failure, and when there is none. An encoder with parameters of
     * its own opens a table for them (atau_tables_open_own) here and in `restore`; the model frees, steps and saves it. */
    adaptau_status (*create)(struct atau_encoding *e, const adaptau_dataset *dataset, const adaptau_model_options *options,
                             adaptau_error *error);
    void (*destroy)(struct atau_encoding *e);

    /* passes */

    /* Where the final embeddings are that the next two have made. */
    struct atau_embeddings (*finals)(const struct atau_encoding *e);
    /* Make those of the whole graph. Nothing changes but the encoder's state. */
    adaptau_status (*forward)(const struct atau_encoding *e, adaptau_error *error);
    /* The same for a training step: all items, at least the n users in `users` (each once), with what is random in training. */
    adaptau_status (*forward_step)(struct atau_encoding *e, int64_t n, const int32_t *users, adaptau_error *error);
    /* Replace gradients of the final embeddings of the last forward_step by those of the raw tables; those of own parameters go
     * to *own. user_slots (slots.h) is lent for the call. */
    adaptau_status (*backward)(struct atau_encoding *e, struct atau_row_gradients gradients[2], struct atau_row_gradients *own,
                               int32_t *user_slots, adaptau_error *error);
    const struct atau_encoder_views *views; /* NULL: it has no layers                                         */

    /* new users */

    /* They start at n_u^-exponent Σ_{i∈P_u} out_i, out [m x d]; NULL: out is the items, the exponent 1. */
    adaptau_status (*fold_starts)(const struct atau_encoding *e, float *out, double *exponent, adaptau_error *error);
    bool folds_exactly; /* such a start is the user's embedding, and not where a search for it begins         */

    /* persistence */

    /* For checkpoints: the encoder's part of the options that `create` was given. */
    void (*recall)(const struct atau_encoding *e, adaptau_model_options *options);
    /* Where the training steps are counted that its draws are named by; NULL: nothing is drawn. */
    uint64_t *(*steps)(const struct atau_encoding *e);
    /* For files: options as text, and a state from it with room for final embeddings and nothing to make them from. */
    void (*describe)(const struct atau_encoding *e, char text[ATAU_ENCODER_TEXT]);
    adaptau_status (*restore)(struct atau_encoding *e, const char *text, adaptau_error *error);
};

/* ---- what the model calls ------------------------------------------------------------------------------------------- */

/* Without state yet: `create` or atau_encoding_restore makes one. The tables and the flag outlive *e. */
void atau_encoding_open(struct atau_encoding *e, const struct atau_encoder *encoder, struct atau_raw_tables *tables,
                        const atau_busy *model_busy);

/* The encoder of a model from a file; `out` is where final embeddings are to be read into. */
adaptau_status atau_encoding_restore(struct atau_encoding *e, const char *text, struct atau_embeddings *out,
                                     adaptau_error *error);

/* The final embeddings, made where they are not there, or waited for where another reader makes them. */
adaptau_status atau_encoding_forward(const struct atau_encoding *e, struct atau_embeddings *out, adaptau_error *error);

/* E_STATE for a model that was loaded: it cannot make those of a training step. */
adaptau_status atau_encoding_check_trains(const struct atau_encoding *e, adaptau_error *error);

/* Those of a training step, which end what atau_encoding_forward answered, as the two below do. */
adaptau_status atau_encoding_forward_step(struct atau_encoding *e, int64_t n, const int32_t *users, struct atau_embeddings *out,
                                          adaptau_error *error);
adaptau_status atau_encoding_forward_view(struct atau_encoding *e, const struct atau_view *view,
                                          const struct atau_selection *rows, float *const out[2], adaptau_error *error);
adaptau_status atau_encoding_backward_view(struct atau_encoding *e, const struct atau_view *view,
                                           const struct atau_selection *rows, float *const gradients[2],
                                           struct atau_embeddings *out, adaptau_error *error);

/* `backward` of these gradients, which an identity leaves as they are. */
adaptau_status atau_encoding_backward(struct atau_encoding *e, struct atau_gradients *gradients, adaptau_error *error);

/* The raw tables have changed. */
void atau_encoding_forget(struct atau_encoding *e);

/* How many training steps there were, of an encoder that counts them; else 0, and there is nothing to set. */
uint64_t atau_encoding_steps(const struct atau_encoding *e);
void     atau_encoding_set_steps(struct atau_encoding *e, uint64_t steps);

/* ---- what encoders have in common ----------------------------------------------------------------------------------- */

/* Around other work in an encoder's buffers by calls that do not change the model: one thread at a time, the others wait. E_STATE
 * where waiting would have no end: for this thread itself, called back, and in a child of fork for a thread of the parent. */
adaptau_status atau_encoding_enter(const struct atau_encoding *e, adaptau_error *error);
void           atau_encoding_leave(const struct atau_encoding *e);

/* Of LightGCN and of SimpleX: what adaptau_model_options_init writes before a host has chosen its encoder. */
#define ATAU_DEFAULT_LAYERS 3
#define ATAU_DEFAULT_GATE 0.5

/* E_ARGUMENT for options of LightGCN, or of SimpleX, in the hands of an encoder of that name, but for those defaults. */
adaptau_status atau_check_no_layers(const adaptau_model_options *options, const char *name, adaptau_error *error);
adaptau_status atau_check_no_gate(const adaptau_model_options *options, const char *name, adaptau_error *error);

/* Rows of items that a batch did not touch have no gradient yet: make them 0. */
void atau_clear_untouched(const struct atau_encoding *e, const struct atau_row_gradients *items);

#endif
