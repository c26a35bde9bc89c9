/* SPDX-License-Identifier: MIT */
/** @file fold_in.h
 *  Users and items who were not there when a model was trained: embeddings from what they have, and models that grow. */
#ifndef ADAPTAU_FOLD_IN_H
#define ADAPTAU_FOLD_IN_H

#include <adaptau/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What new users are made of: a copy of a model's items, and tables formed once. Constant: any number of threads may fold
 *  users in at once, whatever happens to the model meanwhile.
 *  @snippet 11-new-users.c fold */
typedef struct adaptau_fold_in adaptau_fold_in;

/** How users were trained, which is what a new one should be like. Since 1.0. */
typedef struct adaptau_fold_in_options {
    uint32_t struct_size;     /**< sizeof(adaptau_fold_in_options)                                                   */
    uint32_t flags;           /**< ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM as in the batches of the training          */
    int32_t  tau_user_policy; /**< ADAPTAU_TAU_USER_NONE, _EQ16, _EQ15 or _RELEASED                               */
    int32_t  n_steps;         /**< of descent; 0: 4, with LightGCN none; negative: none                           */
    double   tau;             /**< τ₀ in [1e-30, 1e30]; must be set                                               */
    double   threshold;       /**< personal τ_u: what L_u is compared with (adaptau_temperature_state)            */
    double   divisor;         /**< personal τ_u: 2β or t₂ as in adaptau_temperature_options; 0: its default       */
    double   target_strength; /**< `strength` of adaptau_target_options, c; 0: no soft targets                    */
    double   popularity_exponent; /**< of the training's catalogue (adaptau_sampler_options); 0: all items alike */
} adaptau_fold_in_options;

/** Copy the model's items and form what new users need of them: with soft targets two sparse products, O(|D| d); with LightGCN
 *  n_layers − 1 propagations of the items' side.
 *  @param[in] dataset  the interactions trained on, for soft targets and popularity; not needed after the call; NULL is fine without
 *                      either
 *  @param[in] options  no NULL: `tau` has no default
 *  @return E_ARGUMENT, E_ABI, E_NUMERIC (options, or a row that is not finite); E_SHAPE for a dataset of another size; E_STATE
 *          for a LightGCN that was loaded and has no graph; E_MEMORY, E_THREAD. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_fold_in_create(const adaptau_model *model, const adaptau_dataset *dataset,
                                                  const adaptau_fold_in_options *options, adaptau_fold_in **out, adaptau_error *error);

/** NULL is fine. The context must still be there. Since 1.0. */
ADAPTAU_API void adaptau_fold_in_destroy(adaptau_fold_in *fold);

/** Embeddings of new users, to be scored against the model's items as its own users are (adaptau_model_top_k_for).
 *
 *  A new user starts at
 *
 *      MF        (1 − s) mean_{i∈P_u} ê_i + s mean_{i∈P_u} b_i     s = c/(c + n_u), b = D_i^{-1} Rᵀ D_u^{-1} R ê: soft targets;
 *                means, R and its sums D by the weights of interactions
 *      SimpleX   (1 − g) V mean_{i∈P_u} e_i
 *      LightGCN  (1/(L + 1)) n_u^{-1/2} Σ_{i∈P_u} (d_i + 1)^{-1/2} Σ_{l<L} (Aˡ E⁰)_i,    d_i the item's degree
 *
 *  the last being row u of LightGCN's E where the graph has got that user, its raw row is 0 and nobody else has changed. From
 *  there it takes n_steps steps downhill on the mean loss of its own positives, by their weights, over all items (adaptau_loss_gradients, with the
 *  model's loss), the items staying as they are:
 *
 *      e ← e − α τ ∂loss/∂e, to length 1 where users are normalised;   α = 1, then s·s/s·y (Barzilai and Borwein) in [1/4, 8]
 *
 *  s and y being the differences of the last two embeddings and gradients; the best of the n_steps + 1 embeddings is the
 *  answer. A personal temperature comes from the user's loss at temperature 1, half-way for the second half of the steps, and
 *  again at the end, for `taus`. Users without items get 0 and τ₀.
 *  @param[in]  item_ptr    [n_users + 1] from 0, never decreasing
 *  @param[in]  items       [item_ptr[n_users]] ids, ascending within a user
 *  @param[in]  weights     [item_ptr[n_users]] of these interactions, in [1e-30, 1e30]; NULL: all 1
 *  @param[out] embeddings  [n_users x d]
 *  @param[out] taus        [n_users] τ_u; or NULL
 *  @return E_ARGUMENT, E_SHAPE, E_INDEX, E_MEMORY, E_NUMERIC for a loss that is not finite, E_THREAD: nothing is written then.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_fold_in_users(const adaptau_fold_in *fold, int32_t n_users, const int64_t *item_ptr,
                                                 const int32_t *items, const float *weights, float *embeddings, float *taus,
                                                 adaptau_error *error);

/** A new model with the users and items of a larger dataset, in own memory; `model` stays as it is. Rows, moments and step
 *  counts of the users and items that it has (the first ones of the dataset), its encoder's parameters, its loss and item bias
 *  and the counts that draws are named by are taken over bit for bit. With the same dataset training goes on as if nothing had
 *  happened; LightGCN's graph and SimpleX's means are those of the new interactions.
 *
 *  A new item starts in the direction of the sum of its users' directions, of those that `model` has, a new user in that of
 *  all its items' (raw rows); at length 1 where rows are on the unit sphere, else at the mean length of that side's rows.
 *  Without any such neighbour the direction is random, by the model's seed and the row. New items have a bias of 0.
 *  @param[in] dataset  all interactions, old and new; not needed after the call
 *  @param[in] fold     new users of ADAPTAU_ENCODER_MF are folded in like this instead; or NULL. E_ARGUMENT with other encoders
 *  @return E_ARGUMENT; E_SHAPE for a dataset with fewer users or items; as adaptau_fold_in_create and adaptau_fold_in_users;
 *          E_MEMORY, E_THREAD. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_grow(const adaptau_model *model, const adaptau_dataset *dataset,
                                              const adaptau_fold_in_options *fold, adaptau_model **out, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
