/* SPDX-License-Identifier: MIT */
/** @file model.h
 *  Embedding tables with an encoder, an optimiser and ranking. Files are in files.h; new users, and models that grow, in fold_in.h. */
#ifndef ADAPTAU_MODEL_H
#define ADAPTAU_MODEL_H

#include <adaptau/dataset.h>
#include <adaptau/evaluator.h>
#include <adaptau/kernels.h>
#include <adaptau/ranking.h>
#include <adaptau/temperature.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Tables, optimiser state and the gradient of the last batch. Thread-safety: calls that only read the model
 *  (adaptau_model_get_tables, _get_raw_tables, _get_encoder_parameters, _get_gradient_view, _get_fold_in, _update_temperature, _rank,
 *  _evaluate, _save, _save_to, _save_checkpoint, _save_checkpoint_to, _export_npy, _export_index, _grow, _remap,
 *  adaptau_fold_in_create) may run side by side on any number of threads; every other call runs alone. A call that meets
 *  another which forbids it answers E_STATE at once and changes nothing.
 *
 *  A model is made beside the temperature and the sampler that train it, read from a checkpoint, and made larger:
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

/** SimpleX (Mao et al., CIKM 2021), mean pooling. The final embedding of a user is h_u = g e_u + (1 − g) V p_u: p_u is the mean of the
 *  raw embeddings of the user's items in the dataset (0 without items), and V is a d x d matrix that is learned with the tables. The
 *  final embedding of an item is its raw one. Raw rows are of free length, as LightGCN's are. V starts as the identity.
 *  adaptau_model_apply steps V with the tables, at the items' learning rate and decays. Since 1.0. */
#define ADAPTAU_ENCODER_SIMPLEX 2

#define ADAPTAU_MAX_LAYERS 4 /**< the largest L                                                                 */

/** Scores use users' rows without normalising them. Together with ADAPTAU_MODEL_RAW_ITEMS, scores are inner products. */
#define ADAPTAU_MODEL_RAW_USERS (UINT32_C(1) << 0)
/** Scores use items' rows without normalising them. */
#define ADAPTAU_MODEL_RAW_ITEMS (UINT32_C(1) << 1)
/** Rows of normalised sides may have any length. Without this flag every step ends by bringing them back to length 1. */
#define ADAPTAU_MODEL_FREE_LENGTH (UINT32_C(1) << 2)
/** Adam's second moment is one number for a row, the mean over its entries, instead of one number for each entry. All entries of a
 *  row are then scaled alike, and the optimiser needs two fifths less memory and traffic. */
#define ADAPTAU_MODEL_ROW_SECOND_MOMENT (UINT32_C(1) << 3)
/** Gradients are computed with ADAPTAU_BFLOAT16 on contexts where adaptau_context_uses_bfloat16 is 1. An epoch over the catalogue then
 *  takes about two thirds of the time, and its gradients are less exact. On other contexts nothing changes. */
#define ADAPTAU_MODEL_BFLOAT16 (UINT32_C(1) << 4)
/** Raw rows of LightGCN or SimpleX start at length 1 and are brought back to it after every step; final embeddings may have any
 *  length. With LightGCN the length of a final embedding is then large where the node's neighbours point the same way, and depends on
 *  nothing else. E_ARGUMENT with ADAPTAU_ENCODER_MF, whose raw rows are its final embeddings. */
#define ADAPTAU_MODEL_UNIT_RAW_ROWS (UINT32_C(1) << 5)
/** Items are ranked by inner products of the final embeddings, whichever sides training normalises. adaptau_model_get_tables,
 *  adaptau_model_rank and adaptau_model_export_index do not normalise rows then. The loss, the temperature and soft targets still
 *  do. */
#define ADAPTAU_MODEL_RANK_RAW (UINT32_C(1) << 6)

/** The defaults are matrix factorisation with cosine scores and rows on the unit sphere. Since 1.0. */
typedef struct adaptau_model_options {
    uint32_t struct_size; /**< sizeof(adaptau_model_options)                                                 */
    uint32_t flags;       /**< ADAPTAU_MODEL_*; 0                                                            */
    int32_t  encoder;     /**< ADAPTAU_ENCODER_*; MF                                                         */
    int32_t  dim;         /**< d in [1, ADAPTAU_MAX_DIM]; 64                                                 */
    int32_t  init;        /**< ADAPTAU_INIT_*; SPHERE                                                        */
    int32_t  n_layers;    /**< L of LightGCN in [1, ADAPTAU_MAX_LAYERS]; 3. With another encoder 3 or 0, unused */
    uint64_t seed;        /**< of all that is drawn: first embeddings, dropout, contrastive views, prototypes; 0 */
    float   *host_users;  /**< [n x d] trained in place, or NULL: own memory. Must outlive the model. With ADAPTAU_INIT_HOST they are
                               the start; any other `init`, also that of a recipe, writes over them. With
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
    double   edge_dropout;        /**< p in [0, 1). LightGCN: each step leaves each edge of the graph out with probability p, in both
                                       directions at once, and multiplies the other edges by 1/(1 − p); 0    */
    double   layer_dropout;       /**< q in [0, 1). LightGCN: in each step each user and each item gets nothing from its neighbours, in
                                       all layers, with probability q; what the other nodes get is multiplied by 1/(1 − q); 0 */
    double   gate;                /**< g of SimpleX in [0, 1]; 0.5. With another encoder 0.5 or 0, unused    */
    float   *host_encoder;        /**< [d x d] V of SimpleX, trained in place, or NULL: own memory. It is the start with
                                       ADAPTAU_INIT_HOST, else written. Must outlive the model               */
} adaptau_model_options;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_options_init(adaptau_model_options *options, adaptau_error *error);

/** Make a model.
 *  @param[in] dataset  its numbers of users and items are the model's. ADAPTAU_INIT_SPECTRAL starts from its interactions; LightGCN and
 *                      SimpleX copy them, without weights. Not needed after the call
 *  @param[in] options  NULL for the defaults
 *  @return E_ARGUMENT, E_ABI, E_SHAPE, E_MEMORY, E_CALLBACK; E_NUMERIC for non-finite host tables or rates. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_create(adaptau_context *context, const adaptau_dataset *dataset,
                                                const adaptau_model_options *options, adaptau_model **out,
                                                adaptau_error *error);

/** NULL is fine. Host tables stay with the host. No other call may be using the model: a host that serves one model and swaps it for
 *  another destroys the old one after its last ranking has come back. A model that a training owns (adaptau_training_model) is not
 *  destroyed by the host. Since 1.0. */
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

/** The tables that are trained: with ADAPTAU_ENCODER_MF those of adaptau_model_get_tables, with LightGCN E⁰, with SimpleX e. They are
 *  not for scoring: their flags are 0, and they have no item bias. A new model with ADAPTAU_INIT_HOST can start from a copy of them.
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

/** A host calls this after it has written rows of its own tables, by an optimiser of its own for example. Nothing else tells the
 *  model. Without this call, rows that belong on the unit sphere and have lost their length of 1 give wrong scores, and E_NUMERIC
 *  later. After it, rows are scored by their directions, whatever their lengths are, and the next adaptau_model_gradients brings rows
 *  that belong on the unit sphere back to length 1, in the host's memory. Rows whose squared length is within 1e-4 of 1 are not
 *  changed, so that a training which goes on from its own rows goes on bit for bit. LightGCN and SimpleX make final embeddings anew
 *  when somebody next asks for them; their raw rows are not changed. After adaptau_model_gradients and adaptau_model_apply no such call
 *  is needed.
 *  @return E_ARGUMENT. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_refresh(adaptau_model *model, adaptau_error *error);

/** Say whose rows mean nothing. A user without interactions gets a raw row of zeros: every item scores 0 for such a user, and the
 *  bias alone ranks, so that the popularity prior puts popular items first; a random row would rank at random. Other rows are not
 *  changed. What such a user's row has learned is lost: it is for first rows, and for a dataset that has all that is known.
 *  adaptau_training_create makes it; trainings that go on with a model (adaptau_training_create_from) do not, since their dataset may
 *  be only what is new. When such a user comes in a batch of adaptau_model_gradients, its row of zeros gets the first direction of its
 *  seed where it could not learn otherwise: on the unit sphere, and where MF scores by cosines. It counts as a call that changes the
 *  model, and writes to tables of the host's.
 *  @param[in] dataset  of the model's number of users
 *  @return E_ARGUMENT; E_SHAPE for another number of users; E_STATE for a model that only serves. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_settle_users(adaptau_model *model, const adaptau_dataset *dataset, adaptau_error *error);

/** Make the final embeddings now, on all threads of the context, so that calls that read them only read. Optional: otherwise the
 *  first reader makes them while others wait. With an executor of the host's a reader makes them on its own thread, since the
 *  executor might need the threads that wait. It counts as a call that changes the model; of MF there is nothing to make.
 *  @return E_ARGUMENT, E_MEMORY, E_CALLBACK. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_prepare(adaptau_model *model, adaptau_error *error);

/** Set the loss of adaptau_model_gradients, which is the softmax until this is called. New users are folded in by the same loss, so
 *  that a model which says how (adaptau_model_set_fold_in) is saved with its loss.
 *
 *  With a loss outside the softmax's family (adaptau_loss_gradients), adaptau_model_gradients is E_ARGUMENT where the batch or the
 *  temperature needs what that family alone has: log_q, soft targets, and personal temperatures by closed forms
 *  (ADAPTAU_TAU_USER_BY_LOSS, _MINIMISER, _RELEASED), which compare losses of the softmax at temperature 1. It is E_ARGUMENT, too,
 *  for temperatures that learn, with MSE or CCL, which have no temperature.
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

/** Loss and gradients of a batch (adaptau_loss_gradients on the model's tables). They replace those of the batch before. The call also
 *  hands users' losses at temperature 1 to the temperature, where its policy is personal (adaptau_temperature_add_losses). The model
 *  keeps its working memory for the next batch. LightGCN draws its dropout anew in each call, from the seed and the number of earlier
 *  calls that succeeded.
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

/** Form soft targets. From now on each batch of adaptau_model_gradients aims at (1 − e_u) P_u + e_u P_u N instead of P_u. P_u is a
 *  user's distribution over its items, by the weights of interactions (uniform without weights). N is one step of a walk from an item
 *  to one of its users, and on to one of that user's items,
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

/** Set both learning rates, for a schedule of the host's. @return E_NUMERIC unless both are finite, E_ARGUMENT outside [0,
 *  1e6]. Since 1.0. */
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

/** Evaluate a model: adaptau_evaluator_run on what adaptau_model_get_tables answers. No training is needed, and the model may be loaded
 *  or mapped. The results are read from the evaluator (adaptau_evaluator_mean, _per_user, _per_group).
 *  @param[in] evaluator  of the model's numbers of users and items
 *  @return as adaptau_evaluator_run and adaptau_model_get_tables. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_evaluate(const adaptau_model *model, adaptau_evaluator *evaluator, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
