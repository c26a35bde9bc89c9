/* SPDX-License-Identifier: MIT */
/* What is behind adaptau_model. model.c holds its life and what one can ask of it, model_init.c its first embeddings,
 * model_step.c gradients and optimiser, model_contrast.c contrastive terms, model_file.c saving and loading,
 * model_checkpoint.c what training goes on from. */
#ifndef ATAU_MODEL_H
#define ATAU_MODEL_H

#include <adaptau/model.h>
#include <adaptau/shards.h>
#include <adaptau/experimental.h>

#include <stdbool.h>

#include "common/context.h"
#include "kernels/loss.h"
#include "kernels/workspace.h"
#include "model/encoders/encoder.h"

/* One table and what Adam remembers of it. */
struct atau_table {
    int32_t  n_rows;
    bool     raw;     /* scores take the rows as they are                                                     */
    bool     owned;   /* the memory is ours                                                                   */
    float   *rows;    /* [n_rows x d]                                                                         */
    int64_t  stride;
    double   learning_rate;
    double   beta1;
    float   *first;   /* [n_rows x d] moments; NULL until the first step                                      */
    float   *second;  /* the same, or [n_rows] with row_second_moment                                         */
    int32_t *steps;   /* [n_rows] how often each row was touched                                              */
};

struct adaptau_model {
    adaptau_context  *context;
    atau_busy         busy;
    const struct atau_encoder *encoder;
    void             *encoder_state; /* its own                                                               */
    struct atau_finals finals; /* whether its embeddings are made                                             */
    int32_t           dim;
    bool              free_length;   /* of final embeddings                                                    */
    bool              unit_raw_rows; /* of an encoder's tables                                                 */
    bool              rank_raw;      /* final embeddings as they are, where items are ranked                   */
    bool              row_second_moment;
    bool              bfloat16;
    uint64_t          seed;
    double            beta2, epsilon, weight_decay;
    adaptau_loss      loss; /* as the host gave it                                                            */
    const struct atau_loss *loss_map; /* NULL: the softmax                                                    */
    adaptau_reduce  exchange; /* with other ranges of items; its function is NULL where there are none      */
    struct atau_table tables[2]; /* ADAPTAU_SIDE_USERS, ADAPTAU_SIDE_ITEMS                                    */
    struct atau_table encoder_table; /* the encoder's own parameters, or no rows; stepped as the items are    */
    float            *item_bias; /* [m] or NULL                                                               */

    /* soft targets (model_targets.c); arrays are NULL until the first time, and count while target_weight > 0 */
    float *user_targets;  /* [n x d] Σ_j (P N)_uj ê_j                                                         */
    float *item_targets;  /* [m x d] Σ_u (W_u e_u/τ⁺_u) (P N)_uj ê_u                                          */
    float *target_shares; /* [n] e_u                                                                          */
    double target_weight; /* Σ_u W_u, of which a batch has a part; 0: off                                     */

    /* gradients of the last batch */
    bool                      has_gradients;
    struct atau_row_gradients gradients[2]; /* of the raw tables: which rows, and where they are               */
    struct atau_row_gradients encoder_gradients; /* of the encoder's own parameters                           */
    int32_t  row_capacity;    /* rows that user_gradients and user_ids have room for                          */
    float   *user_gradients;  /* [capacity x d]                                                               */
    float   *row_tau;         /* [6 x capacity] of the batch's rows: τ, τ⁺, unit-temperature losses or terms, soft shares,
                               * ∂loss/∂(1/τ), positives in all ranges */
    float   *row_targets;     /* [capacity x d] soft targets of the rows; only with soft targets              */
    int32_t *user_ids;        /* [capacity]                                                                   */
    int32_t *user_slots;      /* [n] where a user's gradient is; −1 between batches                           */
    float   *item_gradients;  /* [m x d]                                                                      */
    int32_t *item_ids;        /* [m]                                                                          */
    struct atau_workspace workspace; /* of the softmax, kept from step to step                                */

    struct atau_contrast *contrast; /* model_contrast.c; NULL until the first contrast or prototypes          */
};

/* A model of that shape with zeroed tables (the host's where given), the default optimiser and no encoder's state yet. Of the
 * options flags, dim and the host's tables count. */
adaptau_status atau_model_allocate(adaptau_context *context, const struct atau_encoder *encoder, int32_t n_users,
                                   int32_t n_items, const adaptau_model_options *options, adaptau_model **out,
                                   adaptau_error *error);

/* Room for the parameters of an encoder's own, in the host's memory where that is given. */
adaptau_status atau_model_open_encoder_table(adaptau_model *model, int32_t n_rows, float *host, adaptau_error *error);

/* For calls that read: E_STATE while another thread changes the model. Others may be reading. */
adaptau_status atau_model_enter_shared(const adaptau_model *model, adaptau_error *error);
void           atau_model_leave_shared(const adaptau_model *model);

/* Final embeddings as training scores them, and as items are ranked: what adaptau_model_get_tables answers. For calls that are
 * inside the model already. */
adaptau_status atau_model_ranking_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error);
adaptau_status atau_model_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error);

void atau_model_free_gradients(adaptau_model *model);
void atau_model_free_targets(adaptau_model *model);
void atau_model_free_contrast(adaptau_model *model);

/* First embeddings by ADAPTAU_INIT_SPHERE or _XAVIER. */
void atau_model_init_random(adaptau_model *model, int32_t init);

/* First embeddings from the dataset's singular vectors. */
adaptau_status atau_model_init_spectral(adaptau_model *model, const adaptau_dataset *dataset, adaptau_error *error);

/* Rows of normalised sides to length 1, unless they keep free lengths. */
void atau_model_settle(adaptau_model *model);

/* Options as atau_model_open takes them: those of a caller, checked, dim filled in. */
adaptau_status atau_model_check_options(adaptau_model_options *options, adaptau_error *error);

/* A model of the dataset's size with its encoder's state, and its tables still zeroed (the host's as they are). */
adaptau_status atau_model_open(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_model_options *options,
                               adaptau_model **out, adaptau_error *error);

/* The options that would make such a model, with the present learning rates (of which 0 would be the default: set them). */
adaptau_model_options atau_model_recall_options(const adaptau_model *model);

/* Zeroed moments of a table, where there are none. */
adaptau_status atau_model_make_moments(adaptau_model *model, struct atau_table *table, adaptau_error *error);

/* How many calls there were of adaptau_model_contrast and adaptau_model_update_prototypes, which name their draws. */
uint64_t       atau_model_contrast_steps(const adaptau_model *model, uint64_t *updates);
adaptau_status atau_model_set_contrast_steps(adaptau_model *model, uint64_t steps, uint64_t updates, adaptau_error *error);

/* Rates and decays of 0 or none given become the defaults of model.h. */
void atau_model_set_optimiser(adaptau_model *model, const adaptau_model_options *options);

/* Whether the rows of a table that is trained return to the unit sphere. */
bool atau_model_on_sphere(const adaptau_model *model, const struct atau_table *table);

/* ADAPTAU_NORMALISE_* and ADAPTAU_UNIT_ROWS of the model's scores. */
uint32_t atau_model_score_flags(const adaptau_model *model);

/* The raw tables. */
struct atau_embeddings atau_model_raw(const adaptau_model *model);

/* The scorer's view of final embeddings. */
adaptau_tables atau_model_view(const adaptau_model *model, const struct atau_embeddings *embeddings);

#endif
