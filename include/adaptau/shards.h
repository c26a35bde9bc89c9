/* SPDX-License-Identifier: MIT */
/** @file shards.h
 *  The library's computations over shards of users and items, for hosts whose tables are spread over machines or do not fit into one.
 *  A shard of the items is a catalogue of its own: tables, batch, positives and log q are the shard's, and ids count from its first
 *  item. The host brings together what the shards have to know of each other, by a callback or a merge: the library sends nothing.
 *
 *  A host of shards also needs calls of other headers: adaptau_epoch_order (sampler.h), adaptau_init_rows (kernels.h),
 *  adaptau_adam (adam.h), adaptau_merge_top_k (ranking.h), adaptau_evaluator_run_lists (evaluator.h).
 *  docs/scale.md has the shape of it; examples/trainers/adaptau-train-mpi is a host. */
#ifndef ADAPTAU_SHARDS_H
#define ADAPTAU_SHARDS_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>
#include <adaptau/model.h>
#include <adaptau/temperature.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- losses and gradients over a shard of the items ------------------------------------------------------------------ */

/** What a row has in one shard of the items. v_c is what a loss makes of a candidate's score: exp(f_c/τ − log q_c − shift) of the
 *  softmax, the derivative of its candidates' part of others. The layout (80 bytes) is final. Since 1.0. */
typedef struct adaptau_row_sums {
    double shift;          /**< softmax: sum and slope are relative to exp(shift); else 0                    */
    double sum;            /**< Σ_c v_c; of another loss Σ_c of the candidates' part of the loss             */
    double slope;          /**< Σ_c v_c f_c                                                                  */
    double unit_shift;     /**< shift and sum of the softmax at temperature 1, 0 where row_unit_loss is not wanted */
    double unit_sum;       /**< likewise                                                                 */
    double n_candidates;   /**< candidates that are not masked; not of the softmax                           */
    double n_positives;    /**< Σ a_ri of the positives in the shard                                     */
    double positive_sum;   /**< softmax: Σ_i a_ri f_i over the positives; else Σ_i of their part of the loss */
    double positive_slope; /**< Σ_i of the positives' part of ∂/∂(1/τ); not of the softmax                   */
    double target_score;   /**< ê_u·t of the shard's part of the soft targets                                */
} adaptau_row_sums;

/** into_r ← what both shards have, r < n. Exact but for rounding, and the order of merges is the host's: hosts that merge in
 *  one order get the same bits. Where all shifts are equal (bounded logits, no log q and no logged negatives) every member but
 *  the shifts is a plain sum. Thread-safety: any thread. Since 1.0. */
ADAPTAU_API void adaptau_merge_row_sums(int64_t n, adaptau_row_sums *into, const adaptau_row_sums *from);

#define ADAPTAU_REDUCE_SUMS 0  /**< sums [n] of rows first … of the batch: to be replaced by those of the catalogue  */
#define ADAPTAU_REDUCE_USERS 1 /**< gradients [n x dim] of rows first …: this shard's parts, which add up over shards */
#define ADAPTAU_REDUCE_ITEMS 2 /**< gradients [n x dim] of items first …, which add up over shards of users           */
#define ADAPTAU_REDUCE_END 3   /**< nothing more will come: what was begun must be complete on return                 */

/** What the engine hands to the host, made by the library; it may grow at its end. Since 1.0. */
typedef struct adaptau_reduce_piece {
    int32_t           what;        /**< ADAPTAU_REDUCE_*                                                   */
    int32_t           reserved;    /**< 0                                                                    */
    int64_t           first;       /**< row of the batch, or item of the shard                               */
    int64_t           n;           /**< how many                                                             */
    adaptau_row_sums *sums;        /**< of SUMS                                                              */
    float            *gradients;   /**< of USERS and ITEMS                                                   */
    int64_t           stride;      /**< floats from one row of gradients to the next                         */
} adaptau_reduce_piece;

/** Called on the thread that called the library, between parallel calls. Rows come in order, in pieces that depend on the
 *  batch, the dimension and `most_items` alone, so that hosts of the same rows get the same pieces: SUMS, then USERS of each.
 *  Items come in order, in pieces that depend on their number and `item_pieces` alone (none with shared candidates, whose
 *  touched items are known at the end). A host may let reductions of USERS and ITEMS go on in place until
 *  ADAPTAU_REDUCE_END, which does not come after a failure.
 *  @return 0, or anything else for a failure: the call is E_CALLBACK then. */
typedef int32_t (*adaptau_reduce_function)(void *user_data, const adaptau_reduce_piece *piece);

/** Where the pieces go. Since 1.0. */
typedef struct adaptau_reduce {
    uint32_t                  struct_size; /**< sizeof(adaptau_reduce)                                     */
    int32_t                   item_pieces; /**< into how many pieces the items' gradients are cut at most, in [1, 1024]; 8 */
    int64_t                   most_items;  /**< items (shared candidates: of them) of the largest shard, at most 2^31 − 1; 0, that is as
                                                many as this one has */
    adaptau_reduce_function   function;    /**< called with each piece, the host's to set                  */
    void                     *user_data;   /**< handed to it                                                 */
} adaptau_reduce;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] reduce  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_reduce_init(adaptau_reduce *reduce, adaptau_error *error);

/** adaptau_loss_gradients of a shard. Tables hold the shard's items; the batch holds whole rows of users with the positives,
 *  log q, logged negatives, soft targets (user_targets: the shard's part of each mixture) and shared candidates of the shard,
 *  of which there may be none. Rows' losses, log sums and slopes are those of the catalogue; gradients are the shard's parts:
 *  item gradients are complete, user gradients add up. output->loss is the catalogue's, output->n_terms is of the shard's
 *  positives.
 *
 *  Weights, temperatures, shares and the batch's rows must be the same for all shards.
 *  @param[in] reduce  NULL: the shard is the catalogue
 *  @return as adaptau_loss_gradients; E_ARGUMENT also for what does not add up: BPR and PSL, which compare each candidate with
 *          each positive, SL\@K and BSL, which weigh positives by a row's whole list, candidates per row, and shared candidates
 *          with the positives inside the sum. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_loss_gradients_of_shard(adaptau_context *context, const adaptau_tables *tables,
                                                           const adaptau_batch *batch,
                                                           const adaptau_row_temperatures *temperatures,
                                                           const adaptau_loss *loss, const adaptau_reduce *reduce,
                                                           adaptau_loss_output *output, adaptau_error *error);

/** adaptau_model_gradients of a model whose items are a shard: from now on through adaptau_loss_gradients_of_shard. Pieces of
 *  USERS are views of what adaptau_model_get_gradient_view gives, rows in the batch's order. With ADAPTAU_ENCODER_MF.
 *  Temperatures are told what the shards know together: also a user without interactions in this shard has a loss. Soft targets must
 *  be the batch's: those of adaptau_model_update_targets walk the shard's interactions alone, and gradients are E_ARGUMENT with them.
 *  @param[in] reduce  copied; NULL: the model's items are the catalogue again
 *  @return E_ARGUMENT, E_ABI; E_UNSUPPORTED for another encoder. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_set_reduce(adaptau_model *model, const adaptau_reduce *reduce,
                                                    adaptau_error *error);

/* ---- statistics behind temperatures ------------------------------------------------------------------------------ */

/** Doubles that adaptau_table_moments writes for d: 1 + d + d². 0 where d is not in [1, ADAPTAU_MAX_DIM]. Since 1.0. */
ADAPTAU_API int64_t adaptau_table_moments_size(int32_t dim);

/** Number, mean and scatter of a table's rows ê: n; [d] a = Σ ê/n; [d x d] Σ (ê − a)(ê − a)ᵀ.
 *  @param[in]  normalise  1: ê = e/‖e‖, 0: ê = e
 *  @param[out] out        [adaptau_table_moments_size(dim)]
 *  @return E_ARGUMENT, E_SHAPE; E_NUMERIC names the first row that is not finite; E_MEMORY: nothing is written then. E_CALLBACK:
 *          out may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_table_moments(adaptau_context *context, int64_t n, int32_t dim, const float *rows,
                                                 int64_t stride, int32_t normalise, double *out, adaptau_error *error);

/** into ← moments of both sets of rows. Thread-safety: any thread. Since 1.0. */
ADAPTAU_API void adaptau_table_moments_merge(int32_t dim, double *into, const double *from);

/** Four sums over the dataset's interactions, of weights a (1 without weights) and scores f: their number, Σ a, Σ a f and Σ a f². They
 *  add up over shards.
 *  @param[in]  tables  of the dataset's size
 *  @param[out] out     [4]
 *  @return E_ARGUMENT, E_ABI, E_SHAPE; E_NUMERIC names the first row that is not finite; E_MEMORY, E_CALLBACK. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_interaction_moments(adaptau_context *context, const adaptau_tables *tables,
                                                       const adaptau_dataset *dataset, double *out, adaptau_error *error);

/** adaptau_temperature_add_losses of a temperature whose dataset is a shard of the items: each loss counts, also that of a user
 *  all of whose interactions are in other shards. Rows without positives in any shard have no loss and are to be left out.
 *  adaptau_model_gradients of a model with a reduce makes this call by itself.
 *  @param[in] users        [n]; NULL: 0 … n − 1
 *  @param[in] unit_losses  [n] finite; of all shards together, as row_unit_loss of adaptau_loss_gradients_of_shard is
 *  @param[in] weights      [n] finite, >= 0; of all shards together, as row_terms is; NULL: 1 each
 *  @return as adaptau_temperature_add_losses. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_add_losses_of_shard(adaptau_temperature *temperature, int32_t n,
                                                                   const int32_t *users, const float *unit_losses,
                                                                   const float *weights, adaptau_error *error);

/** Number and sum of the observed losses at temperature 1 (adaptau_temperature_add_losses): plain sums.
 *  @param[out] out  [2]
 *  @return E_ARGUMENT. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_loss_sums(const adaptau_temperature *temperature, double *out,
                                                         adaptau_error *error);

/** What all shards amount to. All arrays belong to the caller. Since 1.0. */
typedef struct adaptau_score_moments {
    uint32_t      struct_size; /**< sizeof(adaptau_score_moments)                                            */
    int32_t       dim;         /**< d                                                                        */
    const double *users;       /**< [1 + d + d²] moments of all users                                        */
    const double *items;       /**< [1 + d + d²] moments of all items                                        */
    double        interactions[4]; /**< of all interactions (adaptau_interaction_moments)                        */
    double        losses[2];   /**< of all users; zeros where none is observed                               */
} adaptau_score_moments;

/** adaptau_temperature_update of a temperature whose dataset is a shard of the users (its items do not matter), by the moments
 *  of all shards: L, μ, σ², μ₊, σ₊² and the threshold of personal temperatures are those of all users and items, while the
 *  state's numbers of users observed and clamped, tau_user_min and tau_user_max are those of the shard. Before the first such
 *  update the temperature knows its shard alone: shards may differ in τ₀ then.
 *  @return E_ARGUMENT (also for a number of users, items or interactions that is not whole or above 2^53, for weights that add up to
 *          nothing, and for a number of losses below that of this shard), E_ABI; E_NUMERIC for a moment
 *          that is not finite; E_STATE where there are no interactions, and for what does not add up: ADAPTAU_TAU0_EXACT, quantiles of
 *          degrees or losses. The state is unchanged after a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_update_from(adaptau_temperature *temperature,
                                                           const adaptau_score_moments *moments, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
