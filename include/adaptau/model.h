/* SPDX-License-Identifier: MIT */
/** @file model.h
 *  Embedding tables with an encoder, an optimiser and ranking. Files are in files.h; new users, and models that grow, in fold_in.h. */
#ifndef ADAPTAU_MODEL_H
#define ADAPTAU_MODEL_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>
#include <adaptau/ranking.h>
#include <adaptau/temperature.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Tables, optimiser state and the gradient of the last batch. Thread-safety: calls that only read the model
 *  (adaptau_model_get_tables, _get_raw_tables, _get_encoder_parameters, _get_gradient_view, _get_fold_in, _update_temperature, _rank,
 *  _save, _save_to, _save_checkpoint, _save_checkpoint_to, _export_npy, _export_index, _grow, adaptau_fold_in_create) may run
 *  side by side on any number of threads; every other call runs alone. One that meets a call which forbids it answers E_STATE at
 *  once and changes nothing. Made with what it is trained by, read from a checkpoint, and made larger:
 *  @snippet 12-graph-and-contrast.c objects
 *  @snippet 11-new-users.c checkpoint
 *  @snippet 11-new-users.c grow */
typedef struct adaptau_model adaptau_model;

#define ADAPTAU_ENCODER_MF 0       /**< matrix factorisation: the tables are the embeddings                   */
/** LightGCN: final embeddings are means of L + 1 layers of the graph of the dataset's interactions, E = (1/(L + 1)) Σ_l Aˡ E⁰, with
 *  E⁰ the raw tables and A = D^{-1/2} [0 R; Rᵀ 0] D^{-1/2}. ADAPTAU_MODEL_FREE_LENGTH is implied, and raw rows are of free
 *  length too unless ADAPTAU_MODEL_UNIT_RAW_ROWS.
 *  A step propagates once and takes gradients back once, however many rows it has. Since 1.0. */
#define ADAPTAU_ENCODER_LIGHTGCN 1

/** SimpleX (Mao et al., CIKM 2021), mean pooling: a user is h_u = g e_u + (1 − g) V p_u, p_u the mean of the raw embeddings of
 *  the items that the dataset's interactions give it (0 without any), V a d x d matrix that is learned with the tables; items are as
 *  they are. Raw rows are of free length as LightGCN's. V starts as the identity, so that a user begins
 *  as the mean of itself and what it has; takes the items' learning rate and decays; and is stepped by adaptau_model_apply with
 *  the rest. Since 1.0. */
#define ADAPTAU_ENCODER_SIMPLEX 2

#define ADAPTAU_MAX_LAYERS 4 /**< the largest L                                                                 */

/** Scores take users' rows as they are, at their own lengths; with ADAPTAU_MODEL_RAW_ITEMS too they are inner products ("no
 *  norm"). */
#define ADAPTAU_MODEL_RAW_USERS (UINT32_C(1) << 0)
/** Scores take items' rows as they are. */
#define ADAPTAU_MODEL_RAW_ITEMS (UINT32_C(1) << 1)
/** Normalised sides keep free lengths instead of being brought back to the unit sphere after every step. */
#define ADAPTAU_MODEL_FREE_LENGTH (UINT32_C(1) << 2)
/** Adam's second moment is one number for a row, the mean of its squares, instead of one for each entry: all directions of a
 *  row are scaled alike, and the optimiser's state and traffic shrink by two fifths. */
#define ADAPTAU_MODEL_ROW_SECOND_MOMENT (UINT32_C(1) << 3)
/** Gradients with ADAPTAU_BFLOAT16, where adaptau_context_uses_bfloat16: an exact epoch takes about two thirds of the time, and is
 *  a little noisier. Elsewhere nothing changes. */
#define ADAPTAU_MODEL_BFLOAT16 (UINT32_C(1) << 4)
/** Raw rows of LightGCN or SimpleX start on the unit sphere and return to it after every step, whatever lengths final embeddings
 *  have. With LightGCN, the length of a final embedding then says how well what surrounds the node agrees: without, it also says
 *  where Adam's steps have led. E_ARGUMENT with ADAPTAU_ENCODER_MF, whose rows are both. */
#define ADAPTAU_MODEL_UNIT_RAW_ROWS (UINT32_C(1) << 5)
/** Items are ranked by inner products of the final embeddings, whichever sides training normalises: adaptau_model_get_tables,
 *  _rank and _export_index take rows as they are. Loss, temperature and soft targets stay with normalised ones. */
#define ADAPTAU_MODEL_RANK_RAW (UINT32_C(1) << 6)

/** The defaults are matrix factorisation with cosine scores and rows on the unit sphere. Since 1.0. */
typedef struct adaptau_model_options {
    uint32_t struct_size; /**< sizeof(adaptau_model_options)                                                 */
    uint32_t flags;       /**< ADAPTAU_MODEL_*; 0                                                            */
    int32_t  encoder;     /**< ADAPTAU_ENCODER_*; MF                                                         */
    int32_t  dim;         /**< d in [1, ADAPTAU_MAX_DIM]; 64                                                 */
    int32_t  init;        /**< ADAPTAU_INIT_*; SPHERE                                                        */
    int32_t  n_layers;    /**< L of LightGCN in [1, ADAPTAU_MAX_LAYERS]; 3. With another encoder 3 or 0, unused */
    uint64_t seed;        /**< of the first embeddings and of all that training draws: dropout, views, prototypes; 0 */
    float   *host_users;  /**< [n x d] trained in place, or NULL: own memory. Must outlive the model. With
                               ADAPTAU_MODEL_UNIT_RAW_ROWS rows are brought to length 1 at once              */
    float   *host_items;  /**< [m x d] likewise                                                              */
    int64_t  host_user_stride; /**< >= d; 0 means d                                                          */
    int64_t  host_item_stride; /**< >= d; 0 means d                                                          */
    double   learning_rate_users; /**< Adam's step, in [0, 1e6]; 0.2                                         */
    double   learning_rate_items; /**< likewise; 0.02                                                        */
    double   beta1_users;         /**< decay of the first moment, in [0, 1); 0.5                             */
    double   beta1_items;         /**< likewise; 0.9                                                         */
    double   beta2;               /**< decay of the second moment, in [0, 1); 0.999                          */
    double   epsilon;             /**< in [1e-30, 1]; 1e-12                                                  */
    double   weight_decay;        /**< λ of an L2 term λ/2 ‖e‖² of touched rows (free-length or raw sides); 0 */
    double   edge_dropout;        /**< p in [0, 1): each step leaves each edge of LightGCN's graph out with probability p, in
                                       both directions alike, and multiplies the others by 1/(1 − p); 0      */
    double   layer_dropout;       /**< q in [0, 1): in each step a user or item takes nothing from its neighbours, in any layer,
                                       with probability q; what the others take is multiplied by 1/(1 − q); 0 */
    double   gate;                /**< g of SimpleX in [0, 1]; 0.5. With another encoder 0.5 or 0, unused    */
    float   *host_encoder;        /**< [d x d] V of SimpleX, trained in place, or NULL: own memory. It is the start with
                                       ADAPTAU_INIT_HOST, else written. Must outlive the model               */
} adaptau_model_options;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_options_init(adaptau_model_options *options, adaptau_error *error);

/** @param[in] dataset  gives n and m, the interactions of ADAPTAU_INIT_SPECTRAL and LightGCN's graph, which is copied and knows no
 *                      weights;
 *                      not needed after the call
 *  @param[in] options  NULL for the defaults
 *  @return E_ARGUMENT, E_ABI, E_SHAPE, E_MEMORY, E_CALLBACK; E_NUMERIC for non-finite host tables or rates. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_create(adaptau_context *context, const adaptau_dataset *dataset,
                                                const adaptau_model_options *options, adaptau_model **out,
                                                adaptau_error *error);

/** NULL is fine. Host tables stay with the host. Since 1.0. */
ADAPTAU_API void adaptau_model_destroy(adaptau_model *model);

/** Users n; 0 for NULL, like the other sizes. Since 1.0. */
ADAPTAU_API int32_t adaptau_model_n_users(const adaptau_model *model);
/** Items m. Since 1.0. */
ADAPTAU_API int32_t adaptau_model_n_items(const adaptau_model *model);
/** d. Since 1.0. */
ADAPTAU_API int32_t adaptau_model_dim(const adaptau_model *model);

/** The final embeddings as a scorer sees them: for kernels, temperature and evaluator. Valid until the next call that changes
 *  the model.
 *
 *  With ADAPTAU_MODEL_RANK_RAW flags are those of ranking: a host that measures its temperature by tables instead of
 *  adaptau_model_update_temperature adds ADAPTAU_NORMALISE_* itself.
 *
 *  LightGCN and SimpleX make them at the first such call after a step; so do all calls that score, save or export. Dropout is
 *  for training only and takes no part.
 *  @param[in,out] out  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI; of LightGCN and SimpleX E_MEMORY, E_CALLBACK.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_get_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error);

/** The tables that are trained: with ADAPTAU_ENCODER_MF those of adaptau_model_get_tables, with LightGCN E⁰, with SimpleX e.
 *  Flags are 0 and there is no item bias: they are not for scoring. A model goes on from a copy of them by ADAPTAU_INIT_HOST.
 *  @param[in,out] out  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_get_raw_tables(const adaptau_model *model, adaptau_tables *out, adaptau_error *error);

/** What an encoder learns beside the tables. Since 1.0. */
typedef struct adaptau_encoder_parameters {
    uint32_t     struct_size; /**< sizeof(adaptau_encoder_parameters), set by the caller                     */
    int32_t      n_rows;      /**< d for SimpleX, 0 for others                                               */
    int32_t      dim;         /**< d                                                                         */
    int32_t      reserved;    /**< 0                                                                         */
    const float *rows;        /**< [n_rows x d] V of SimpleX, NULL for others                                */
} adaptau_encoder_parameters;

/** Valid until the next call that changes the model.
 *  @param[in,out] out  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_get_encoder_parameters(const adaptau_model *model, adaptau_encoder_parameters *out,
                                                                adaptau_error *error);

/** To be called by a host that has written rows of its own tables, by an optimiser of its own for example. Nothing else tells the
 *  model: rows of the unit sphere that have lost their length of 1 give wrong scores, and E_NUMERIC in the end, without this call.
 *  After it rows are scored by their directions, whatever their lengths are, and the next adaptau_model_gradients brings those that
 *  belong on the unit sphere back to length 1, in the host's memory. Rows whose squared length is within 1e-4 of 1 stay as they are,
 *  so that rows which a training has left go on bit for bit. LightGCN and SimpleX make final embeddings anew when they are
 *  next asked for; their raw rows stay as they are. After adaptau_model_gradients and adaptau_model_apply no such call is needed.
 *  @return E_ARGUMENT. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_refresh(adaptau_model *model, adaptau_error *error);

/** Make the final embeddings now, on all threads of the context, so that calls that read them only read. Optional: otherwise the
 *  first reader makes them while others wait. With an executor of the host's a reader makes them on its own thread, since the
 *  executor might need the threads that wait. It counts as a call that changes the model; of MF there is nothing to make.
 *  @return E_ARGUMENT, E_MEMORY, E_CALLBACK. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_prepare(adaptau_model *model, adaptau_error *error);

/** The loss of adaptau_model_gradients, the softmax until this is called. It is a part of a saved model where that says how new users
 *  are folded in (adaptau_model_set_fold_in), which they are by this loss.
 *
 *  With another loss than the softmax adaptau_model_gradients is E_ARGUMENT where the batch or the temperature asks for what
 *  the softmax alone has: log_q, soft targets, a released variant's second temperature, and closed forms for each user
 *  (ADAPTAU_TAU_USER_BY_LOSS, _MINIMISER, _RELEASED), which compare losses of the softmax at temperature 1; also for temperatures that
 *  learn with MSE or CCL, which have none.
 *  @param[in] loss  copied; NULL: the softmax
 *  @return as adaptau_loss_gradients for its loss; nothing has changed after a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_set_loss(adaptau_model *model, const adaptau_loss *loss, adaptau_error *error);

/** What a batch cost. Since 1.0. */
typedef struct adaptau_step {
    uint32_t struct_size; /**< sizeof(adaptau_step), set by the caller                                       */
    int32_t  n_rows;      /**< rows of the batch                                                             */
    double   n_terms;     /**< Σ of the weights of the positives that had a term; without weights how many   */
    double   loss;        /**< Σ of their weighted losses                                                    */
} adaptau_step;

/** Loss and gradients of a batch (adaptau_loss_gradients on the model's tables); they replace those of the batch before. A
 *  personal policy's unit-temperature losses are handed to the temperature. The working memory of the softmax stays with the
 *  model for the next batch. LightGCN draws its dropout anew in each call, from the seed and the number of calls before that
 *  succeeded.
 *  @param[in]  temperature  gives each row's τ; borrowed for the call
 *  @param[out] step         may be NULL
 *  @return as adaptau_softmax; E_SHAPE also for a temperature of another size; E_STATE for an empty batch, and for a LightGCN
 *          or SimpleX that was loaded; E_NUMERIC names the first row whose gradient is not finite. There are no gradients after
 *          a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_gradients(adaptau_model *model, const adaptau_batch *batch,
                                                   adaptau_temperature *temperature, adaptau_step *step,
                                                   adaptau_error *error);

/** Gradients of the raw tables by the last batch, for a host's own optimiser. With LightGCN every user and every item is
 *  touched, in the order of their ids; with SimpleX every item. Valid until the next call that changes the model. Since 1.0. */
typedef struct adaptau_gradient_view {
    uint32_t       struct_size; /**< sizeof(adaptau_gradient_view), set by the caller                        */
    int32_t        dim;         /**< d                                                                       */
    int64_t        n_users;     /**< touched users                                                           */
    const int32_t *user_ids;    /**< [n_users] in the order of the batch (LightGCN: of ids), each once       */
    const float   *users;       /**< [n_users x d], row k belongs to user_ids[k]                             */
    int64_t        n_items;     /**< touched items                                                           */
    const int32_t *item_ids;    /**< [n_items] ascending                                                     */
    const float   *items;       /**< [m x d], row i belongs to item i; rows of untouched items mean nothing  */
    const float   *encoder;     /**< [n_encoder_rows x d] of V with SimpleX, NULL with others                */
    int32_t        n_encoder_rows; /**< d with SimpleX, 0 with others                                        */
    int32_t        reserved;    /**< 0                                                                       */
} adaptau_gradient_view;

/** @return E_ARGUMENT, E_ABI; E_STATE when there are no gradients. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_get_gradient_view(const adaptau_model *model, adaptau_gradient_view *out,
                                                           adaptau_error *error);

/** One Adam step with the gradients of the last batch on the rows it touched (each table counts its own steps), then rows back
 *  to the unit sphere unless ADAPTAU_MODEL_FREE_LENGTH (LightGCN, SimpleX: with ADAPTAU_MODEL_UNIT_RAW_ROWS).
 *
 *      m ← β₁ m + (1 − β₁) g,  v ← β₂ v + (1 − β₂) g²,  e ← e − lr · m̂/(sqrt(v̂) + ε)
 *
 *  with the bias corrections of the row's own count of steps, so that a row that is seldom touched is not slowed down.
 *  The gradients are used up: a second call without new ones is E_STATE.
 *  @return E_STATE without gradients; E_MEMORY for the moments at the first call, E_CALLBACK where the host's executor ran no
 *          lane: nothing has changed and the gradients are still there, so that the call can be repeated. E_CALLBACK of an
 *          executor that ran a lane and failed then: the step has been made in full, for a lane takes work until none is left,
 *          and the gradients are used up (adaptau_model_get_gradient_view is E_STATE). Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_apply(adaptau_model *model, adaptau_error *error);

/** What soft targets are made of. Since 1.0. */
typedef struct adaptau_target_options {
    uint32_t struct_size;         /**< sizeof(adaptau_target_options)                                        */
    int32_t  reserved;            /**< 0                                                                     */
    double   strength;            /**< c >= 0: a user's soft share is e_u = c/(c + n_u), n_u its distinct items;
                                       0, which turns soft targets off                                       */
    double   row_weight_exponent; /**< a of the sampler that will make the batches; 1                        */
} adaptau_target_options;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_target_options_init(adaptau_target_options *options, adaptau_error *error);

/** Soft targets: from now on each batch of adaptau_model_gradients aims at (1 − e_u) P_u + e_u P_u N instead of P_u, where P_u
 *  is a user's distribution over its items, by the weights of interactions (uniform without), and N walks from an item to one of its users and on to one of that user's items,
 *
 *      N = D_i^{-1} Rᵀ D_u^{-1} R        R the weights of interactions, D their sums by user and by item.
 *
 *  Users with few items lean on the users that share them; the softmax over the catalogue stays exact. Targets are formed from
 *  the present embeddings and stay as they are until the next call: once per epoch, after adaptau_model_update_temperature. Six
 *  sparse products, O(|D| d); memory for a second pair of tables.
 *  @param[in] dataset      the interactions trained on; not needed after the call
 *  @param[in] temperature  gives τ⁺_u of the items' part
 *  @return E_ARGUMENT, E_ABI, E_NUMERIC (options); E_SHAPE when the dataset or the temperature is of another size; E_MEMORY,
 *          E_CALLBACK, E_CANCELLED. Soft targets are off after these two; other failures change nothing. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_update_targets(adaptau_model *model, const adaptau_dataset *dataset,
                                                        const adaptau_temperature *temperature,
                                                        const adaptau_target_options *options, adaptau_error *error);

/** A number for each item that is added to its score wherever items are ranked (adaptau_model_get_tables hands it to the
 *  evaluator; adaptau_model_rank; saved with the model). Losses and temperatures do not see it. A popularity prior for example
 *  is g τ₀ log(1 + n_i).
 *  @param[in] bias  [m] finite, copied; NULL removes it
 *  @return E_NUMERIC names the first item; E_MEMORY. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_set_item_bias(adaptau_model *model, const float *bias, adaptau_error *error);

/** For schedules. @return E_NUMERIC unless both are finite, E_ARGUMENT outside [0, 1e6]. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_set_learning_rates(adaptau_model *model, double users, double items,
                                                            adaptau_error *error);

/** adaptau_temperature_update on the model's tables.
 *  @return as adaptau_temperature_update. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_update_temperature(adaptau_model *model, adaptau_temperature *temperature,
                                                            adaptau_error *error);

/** Rank by the model's final embeddings: adaptau_rank on what adaptau_model_get_tables answers. Scores are those that the model's
 *  flags give, item bias included; embeddings of the host's get what the model gives rows of its own of the same embeddings.
 *  @param[out] found   [n x k] ids of answers; −1 where fewer are left
 *  @param[out] scores  [n x k] their scores, −inf for −1; or NULL
 *  @return as adaptau_rank, of which E_NUMERIC is for `embeddings` alone. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_rank(const adaptau_model *model, const adaptau_query *query, int32_t *found,
                                              float *scores, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
