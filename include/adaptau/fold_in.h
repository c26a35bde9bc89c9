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

/** Copy the model's items and form what new users need of them: with soft targets two sparse products, O(|D| d); with LightGCN
 *  n_layers − 1 propagations of the items' side.
 *  @param[in] dataset  the interactions trained on, for soft targets and the popularity of options; not needed after the call; NULL
 *                      is fine without either
 *  @param[in] options  NULL: those of the model (adaptau_model_set_fold_in), with its popularity of items; soft targets are left out
 *                      then where dataset is NULL
 *  @return E_ARGUMENT, E_ABI, E_NUMERIC (options, or a row that is not finite); E_SHAPE for a dataset of another size; E_STATE
 *          for NULL options where the model says nothing, and for a LightGCN that was loaded and has no graph; E_MEMORY, E_CALLBACK. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_fold_in_create(const adaptau_model *model, const adaptau_dataset *dataset,
                                                  const adaptau_fold_in_options *options, adaptau_fold_in **out, adaptau_error *error);

/** NULL is fine. The context must still be there. Since 1.0. */
ADAPTAU_API void adaptau_fold_in_destroy(adaptau_fold_in *fold);

/** Embeddings of new users, to be scored against the model's items as its own users are (adaptau_query's `embeddings`).
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
 *  @return E_ARGUMENT, E_SHAPE, E_INDEX, E_MEMORY, E_NUMERIC for a loss that is not finite, E_CALLBACK: nothing is written then.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_fold_in_users(const adaptau_fold_in *fold, int32_t n_users, const int64_t *item_ptr,
                                                 const int32_t *items, const float *weights, float *embeddings, float *taus,
                                                 adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
