/* SPDX-License-Identifier: MIT */
/** @file fold_in.h
 *  Embeddings of new users from the items that they have; models that grow by new users and items, and from which some are removed. */
#ifndef ADAPTAU_FOLD_IN_H
#define ADAPTAU_FOLD_IN_H

#include <adaptau/model.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How new users are folded in: as the model's own users were trained. A training writes it into its model (adaptau_model_get_fold_in),
 *  so that only a host with a loop of its own fills this struct. Since 1.0. */
typedef struct adaptau_fold_in_options {
    uint32_t struct_size;     /**< sizeof(adaptau_fold_in_options)                                                   */
    uint32_t flags;           /**< ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM where the batches of the training had it; 0 */
    int32_t  tau_user_policy; /**< ADAPTAU_TAU_USER_NONE, _BY_LOSS, _MINIMISER or _RELEASED                       */
    int32_t  n_steps;         /**< steps of descent; 4, and 0 for LightGCN                                       */
    double   tau;             /**< τ₀ in [1e-30, 1e30]. The host must set it: the default is 0, which is refused */
    double   threshold;       /**< personal τ_u: L_u is compared with it (`threshold` of adaptau_temperature_state); 0 */
    double   divisor;         /**< personal τ_u: 2β or t₂ as in adaptau_temperature_options; 2, of ADAPTAU_TAU_USER_RELEASED 1 */
    double   target_strength; /**< `strength` of adaptau_target_options, c; 0                                     */
    double   popularity_exponent; /**< of the training's catalogue (adaptau_sampler_options); 0                  */
} adaptau_fold_in_options;

/** Write the defaults for users of a model. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @param[in]     model            its encoder says how many steps help
 *  @param[in]     tau_user_policy  which is written, too
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_fold_in_options_init(adaptau_fold_in_options *options, const adaptau_model *model,
                                                        int32_t tau_user_policy, adaptau_error *error);

/** Write into the model how new users are folded in. adaptau_fold_in_create uses it where it is given no options. Saved models and
 *  checkpoints have it, with the model's loss (adaptau_model_set_loss) and the popularity of the items, so that a program which has
 *  nothing but the file folds users in as the training would. adaptau_training_end_epoch, and so adaptau_fit, make this call by the
 *  recipe. A host with objects of its own gets the options from adaptau_recipe_fold_in_options. A model that has grown keeps them.
 *
 *  For threads this is a call that changes the model. A model of adaptau_model_map or _view takes it, too.
 *  @param[in] dataset  the interactions trained on, whose items' popularity is copied; not needed after the call. NULL is fine where
 *                      options->popularity_exponent is 0
 *  @param[in] options  copied; NULL: the model no longer says how
 *  @return E_ARGUMENT, E_ABI, E_NUMERIC as adaptau_fold_in_create; E_SHAPE, E_MEMORY: nothing has changed. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_set_fold_in(adaptau_model *model, const adaptau_dataset *dataset,
                                                     const adaptau_fold_in_options *options, adaptau_error *error);

/** Read what adaptau_model_set_fold_in wrote, in this process or before the model was saved.
 *  @param[in,out] out  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI; E_STATE for a model that does not say how, from another program's file for example.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_get_fold_in(const adaptau_model *model, adaptau_fold_in_options *out,
                                                     adaptau_error *error);

/** All that folding users in needs: a copy of a model's items, and tables that are formed once. It never changes: any number of threads
 *  may fold users in at once, and the model may be trained or destroyed meanwhile.
 *  @snippet 11-new-users.c fold */
typedef struct adaptau_fold_in adaptau_fold_in;

/** Copy the model's items and form what new users need of them: with soft targets two sparse products, O(|D| d); with LightGCN
 *  n_layers − 1 propagations of the items' side.
 *  @param[in] dataset  the interactions trained on, for soft targets and the popularity of options; not needed after the call; NULL
 *                      is fine without either
 *  @param[in] options  NULL: those of the model (adaptau_model_set_fold_in), with its popularity of items; soft targets are left out
 *                      then where dataset is NULL
 *  @return E_ARGUMENT, E_ABI, E_NUMERIC (options, or a row that is not finite); E_SHAPE for a dataset of another size; E_STATE
 *          for NULL options where the model says nothing, and for a LightGCN that was loaded and has no graph; E_MEMORY,
 *          E_CALLBACK. Since 1.0. */
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
 *  The last is the embedding that the user would have if it were added to LightGCN's graph with a raw row of 0. From there the
 *  embedding takes n_steps steps downhill, on the mean loss of the user's positives, by their weights, over all items
 *  (adaptau_loss_gradients, with the model's loss). The items do not change:
 *
 *      e ← e − α τ ∂loss/∂e, to length 1 where users are normalised;   α = 1, then s·s/s·y (Barzilai and Borwein) in [1/4, 8]
 *
 *  s is the difference of the last two embeddings, y that of their gradients. The answer is the best of the n_steps + 1 embeddings. A
 *  personal temperature comes from the user's loss at temperature 1: after half of the steps for the other half, and again at the end
 *  for `taus`. A user without items gets an embedding of 0 and τ₀.
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

/** Make a new model with the users and items of a larger dataset, in own memory. `model` is not changed. The first users and items of
 *  the dataset are those of `model`: their rows, moments and step counts, the encoder's parameters, the loss, the item bias and the
 *  counters of random streams are copied bit for bit. With the same dataset a training goes on as if nothing had happened. LightGCN's
 *  graph and SimpleX's means are those of the new interactions. adaptau_training_create_from trains the new model further, and
 *  adaptau_temperature_grow makes its temperature.
 *
 *  A new item starts in the direction of the sum of its users' directions, as far as `model` has these users; a new user in the
 *  direction of the sum of its items' directions (raw rows). The length is 1 where rows are on the unit sphere, else the mean length of
 *  that side's rows. A row without such neighbours gets a random direction, by the model's seed and the row. New items have a bias of 0.
 *  To remove users or items, or to give them other numbers, see adaptau_model_remap.
 *  @param[in] dataset  all interactions, old and new; not needed after the call
 *  @param[in] fold     not NULL: new users of ADAPTAU_ENCODER_MF are folded in by these options instead. E_UNSUPPORTED with other
 *                      encoders
 *  @return E_ARGUMENT; E_SHAPE for a dataset with fewer users or items; as adaptau_fold_in_create and adaptau_fold_in_users;
 *          E_MEMORY, E_CALLBACK. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_grow(const adaptau_model *model, const adaptau_dataset *dataset,
                                              const adaptau_fold_in_options *fold, adaptau_model **out, adaptau_error *error);

/** Make a new model from which users or items are removed, in own memory: because a user wants to be forgotten, or an item is no longer
 *  sold. Others may come at the same time, or get other numbers; adaptau_model_grow is this call where nobody is removed. `model` is
 *  not changed.
 *
 *  What adaptau_model_grow copies is copied bit for bit for each row that is kept: the raw row, its moments and count of steps, the
 *  item's bias. New rows start as they do there, by those of their neighbours that are kept or are new items; a mean length is that of
 *  kept rows. With the same numbers, and nobody removed, a training goes on as if nothing had happened.
 *
 *  Nothing of a removed row is in the new model, in its files or in its checkpoints. Three things are left to the host. What other rows
 *  have learned from a user stays in them, as far as further training does not change it: only a model that was trained without the
 *  user has never seen them. `model` and its files stay until the host destroys them, and memory that is given back is not overwritten;
 *  an allocator of the host's (adaptau_context_options) can do that. Attachments, such as lists of names, are made anew by the host.
 *  @snippet 11-new-users.c remove
 *  @param[in] dataset  the interactions by the new numbers; not needed after the call. LightGCN's graph, SimpleX's means and the
 *                      popularity of adaptau_model_set_fold_in are those of this dataset. NULL: a process that serves, and has no
 *                      interactions, removes rows all the same. The final embeddings are then copied, so that scores keep their
 *                      bits, and so is the popularity of items. LightGCN and SimpleX have no interactions afterwards, as after
 *                      adaptau_model_load. No row may be new
 *  @param[in] map      the new numbers; not needed after the call
 *  @param[in] fold     as in adaptau_model_grow
 *  @return E_ARGUMENT, E_ABI; E_INDEX names the first place of the map whose old number there is not, or which was in a place before;
 *          E_SHAPE for a dataset of another size than the map, and for a map with NULL that is smaller than the model; otherwise as
 *          adaptau_model_grow. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_remap(const adaptau_model *model, const adaptau_dataset *dataset, const adaptau_row_map *map,
                                               const adaptau_fold_in_options *fold, adaptau_model **out, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
