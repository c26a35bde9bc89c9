/* SPDX-License-Identifier: MIT */
/** @file partial.h
 *  Sums that add up: the library's computations over ranges of users and items, for hosts whose tables are spread over machines
 *  (or do not fit at once). A range of items is a catalogue of its own: tables, batch, positives and log q are the range's, ids
 *  count from its first item. What the ranges know together comes by a callback or a merge. The library moves nothing.
 *
 *  docs/scale.md has the shape of it; examples/adaptau-train-mpi is a host. */
#ifndef ADAPTAU_PARTIAL_H
#define ADAPTAU_PARTIAL_H

#include <adaptau/dataset.h>
#include <adaptau/evaluator.h>
#include <adaptau/kernels.h>
#include <adaptau/model.h>
#include <adaptau/temperature.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- losses and gradients over a range of items ------------------------------------------------------------------ */

/** What a row has in one range of items. v_c is what a loss makes of a candidate's score: exp(f_c/τ − log q_c − shift) of the
 *  softmax, the derivative of its candidates' part of others. The layout (80 bytes) is final. Since 1.0. */
typedef struct adaptau_row_sums {
    double shift;          /**< softmax: sum and slope are relative to exp(shift); else 0                    */
    double sum;            /**< Σ_c v_c; of another loss Σ_c of the candidates' part of the loss             */
    double slope;          /**< Σ_c v_c f_c                                                                  */
    double unit_shift;     /**< shift and sum of the softmax at temperature 1, 0 where row_unit_loss is not wanted */
    double unit_sum;       /**< likewise                                                                 */
    double n_candidates;   /**< candidates that are not masked; not of the softmax                           */
    double n_positives;    /**< Σ a_ri of the positives in the range                                     */
    double positive_sum;   /**< softmax: Σ_i a_ri f_i over the positives; else Σ_i of their part of the loss */
    double positive_slope; /**< Σ_i of the positives' part of ∂/∂(1/τ); not of the softmax                   */
    double target_score;   /**< ê_u·t of the range's part of the soft targets                                */
} adaptau_row_sums;

/** into_r ← what both ranges have, r < n. Exact but for rounding, and the order of merges is the host's: hosts that merge in
 *  one order get the same bits. Where all shifts are equal (bounded logits, no log q) every member but the shifts is a plain sum.
 *  Thread-safety: any thread. Since 1.0. */
ADAPTAU_API void adaptau_merge_row_sums(int64_t n, adaptau_row_sums *into, const adaptau_row_sums *from);

#define ADAPTAU_REDUCE_SUMS 0  /**< sums [n] of rows first … of the batch: to be replaced by those of the catalogue  */
#define ADAPTAU_REDUCE_USERS 1 /**< gradients [n x dim] of rows first …: this range's parts, which add up over ranges */
#define ADAPTAU_REDUCE_ITEMS 2 /**< gradients [n x dim] of items first …, which add up over ranges of users           */
#define ADAPTAU_REDUCE_END 3   /**< nothing more will come: what was begun must be complete on return                 */

/** What the engine hands to the host, made by the library; it may grow at its end. Since 1.0. */
typedef struct adaptau_reduce_piece {
    int32_t           what;        /**< ADAPTAU_REDUCE_*                                                   */
    int32_t           reserved;    /**< 0                                                                    */
    int64_t           first;       /**< row of the batch, or item of the range                               */
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
 *  @return 0, or anything else for a failure: the call is E_THREAD then. */
typedef int32_t (*adaptau_reduce_function)(void *user_data, const adaptau_reduce_piece *piece);

/** Since 1.0. */
typedef struct adaptau_reduce {
    uint32_t                  struct_size; /**< sizeof(adaptau_reduce)                                     */
    int32_t                   item_pieces; /**< into how many pieces the items' gradients are cut at most; 0: 8 */
    int64_t                   most_items;  /**< items (shared candidates: of them) of the largest range; 0: this one's */
    adaptau_reduce_function exchange;    /**< called with each piece                                       */
    void                     *user_data;   /**< handed to it                                                 */
} adaptau_reduce;

/** adaptau_loss_gradients of a range. Tables hold the range's items; the batch holds whole rows of users with the positives,
 *  log q, soft targets (user_targets: the range's part of each mixture) and shared candidates of the range, of which there may be
 *  none. Rows' losses, log sums and slopes are those of the catalogue; gradients are the range's parts: item gradients are
 *  complete, user gradients add up. output->loss is the catalogue's, output->n_terms is of the range's positives.
 *
 *  Weights, temperatures, shares and the batch's rows must be the same for all ranges.
 *  @param[in] exchange  NULL: the range is the catalogue
 *  @return as adaptau_loss_gradients; E_ARGUMENT also for what does not add up: BPR and PSL, which compare each candidate with
 *          each positive, SL\@K and BSL, which weigh positives by a row's whole list, candidates per row, and shared candidates
 *          with the positives inside the sum. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_loss_gradients_of_shard(adaptau_context *context, const adaptau_tables *tables,
                                                           const adaptau_batch *batch,
                                                           const adaptau_row_temperatures *temperatures,
                                                           const adaptau_loss *loss, const adaptau_reduce *exchange,
                                                           adaptau_loss_output *output, adaptau_error *error);

/** adaptau_model_gradients of a model whose items are a range: from now on through adaptau_loss_gradients_of_shard. Pieces of
 *  USERS are views of what adaptau_model_get_gradient_view gives, rows in the batch's order. With ADAPTAU_ENCODER_MF.
 *  Temperatures are told what the ranges know together: also a user without interactions in this range has a loss. Soft targets must
 *  be the batch's: those of adaptau_model_update_targets walk the range's interactions alone, and gradients are E_ARGUMENT with them.
 *  @param[in] exchange  copied; NULL: the model's items are the catalogue again
 *  @return E_ARGUMENT (also for another encoder), E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_set_reduce(adaptau_model *model, const adaptau_reduce *exchange,
                                                    adaptau_error *error);

/** The order in which an epoch of a sampler with this seed takes its n rows (users with items, or interactions, ascending): row
 *  order[k] comes k-th.
 *  @param[out] order  [n]
 *  @return E_ARGUMENT for an epoch outside 0 … 2^48 − 1 or n outside 0 … 2^32 − 1. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_epoch_order(uint64_t seed, int64_t epoch, int64_t n, uint32_t *order, adaptau_error *error);

/** Rows first … first + n of the tables that a model of `total` rows on that side starts with.
 *  @param[in]  init  ADAPTAU_INIT_SPHERE or ADAPTAU_INIT_XAVIER
 *  @param[out] rows  [n x d], `stride` floats apart; 0 means d
 *  @return E_ARGUMENT, E_SHAPE. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_init_rows(adaptau_context *context, uint64_t seed, int32_t side, int32_t init,
                                             int64_t total, int64_t first, int64_t n, int32_t dim, float *rows,
                                             int64_t stride, adaptau_error *error);

/* ---- Adam on any rows -------------------------------------------------------------------------------------------- */

#define ADAPTAU_ADAM_TO_SPHERE (UINT32_C(1) << 0)         /**< rows back to length 1; weight_decay is not applied then  */
#define ADAPTAU_ADAM_ROW_SECOND_MOMENT (UINT32_C(1) << 1) /**< ADAPTAU_MODEL_ROW_SECOND_MOMENT                          */

/** Since 1.0. */
typedef struct adaptau_adam_options {
    uint32_t struct_size;   /**< sizeof(adaptau_adam_options)                                                */
    uint32_t flags;         /**< ADAPTAU_ADAM_*                                                              */
    double   learning_rate; /**< in [0, 1e6]                                                                 */
    double   beta1;         /**< 0: 0.9; negative: none                                                      */
    double   beta2;         /**< 0: 0.999                                                                    */
    double   epsilon;       /**< 0: 1e-12                                                                    */
    double   weight_decay;  /**< λ of an L2 term λ/2 ‖e‖² of the stepped rows; 0: none                       */
} adaptau_adam_options;

/** Rows of a table, and what Adam remembers of them: a shard of a larger table for example. All arrays belong to the caller and
 *  start as zeros, but for the rows. Since 1.0. */
typedef struct adaptau_adam_rows {
    uint32_t struct_size; /**< sizeof(adaptau_adam_rows)                                                     */
    int32_t  dim;         /**< d                                                                             */
    int64_t  n;           /**< rows                                                                          */
    float   *rows;        /**< [n x d]                                                                       */
    int64_t  stride;      /**< >= d; 0 means d                                                               */
    float   *first;       /**< [n x d]                                                                       */
    float   *second;      /**< [n x d], with ADAPTAU_ADAM_ROW_SECOND_MOMENT [n]                              */
    int32_t *steps;       /**< [n] how often each was stepped                                                */
} adaptau_adam_rows;

/** The step of adaptau_model_apply.
 *  @param[in] n          gradients
 *  @param[in] ids        [n] row of each, distinct; NULL: 0 … n − 1
 *  @param[in] gradients  [n x d], `stride` floats apart; 0 means d
 *  @return E_ARGUMENT, E_ABI, E_SHAPE, E_INDEX, E_NUMERIC (options; or names the first gradient that is not finite): nothing has
 *          changed then; E_THREAD as adaptau_model_apply. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_adam(adaptau_context *context, const adaptau_adam_options *options, int64_t n,
                                        const int32_t *ids, const float *gradients, int64_t stride,
                                        const adaptau_adam_rows *rows, adaptau_error *error);

/* ---- statistics behind temperatures ------------------------------------------------------------------------------ */

/** Doubles that adaptau_table_moments writes for d: 1 + d + d². 0 where d is not in [1, ADAPTAU_MAX_DIM]. Since 1.0. */
ADAPTAU_API int64_t adaptau_table_moments_size(int32_t dim);

/** Number, mean and scatter of a table's rows ê: n; [d] a = Σ ê/n; [d x d] Σ (ê − a)(ê − a)ᵀ.
 *  @param[in]  normalise  1: ê = e/‖e‖, 0: ê = e
 *  @param[out] out        [adaptau_table_moments_size(dim)]
 *  @return E_ARGUMENT, E_SHAPE; E_NUMERIC names the first row that is not finite; E_MEMORY: nothing is written then. E_THREAD:
 *          out may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_table_moments(adaptau_context *context, int64_t n, int32_t dim, const float *rows,
                                                 int64_t stride, int32_t normalise, double *out, adaptau_error *error);

/** into ← moments of both sets of rows. Thread-safety: any thread. Since 1.0. */
ADAPTAU_API void adaptau_table_moments_merge(int32_t dim, double *into, const double *from);

/** Number of the dataset's interactions, and over them Σ a, Σ a f and Σ a f² of their weights a (1 without): plain sums, which add
 *  up.
 *  @param[in]  tables  of the dataset's size
 *  @param[out] out     [4]
 *  @return E_ARGUMENT, E_ABI, E_SHAPE; E_NUMERIC names the first row that is not finite; E_MEMORY, E_THREAD. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_interaction_moments(adaptau_context *context, const adaptau_tables *tables,
                                                       const adaptau_dataset *dataset, double *out, adaptau_error *error);

/** adaptau_temperature_add_losses of a temperature whose dataset is a range of the items: each loss counts, also that of a user
 *  all of whose interactions are in other ranges. Rows without positives in any range have no loss and are to be left out.
 *  adaptau_model_gradients of a model with an exchange does it by itself.
 *  @param[in] users        [n]; NULL: 0 … n − 1
 *  @param[in] unit_losses  [n] finite; of all ranges together, as row_unit_loss of adaptau_loss_gradients_of_shard is
 *  @param[in] weights      [n] finite, >= 0; of all ranges together; NULL: 1 each
 *  @return as adaptau_temperature_add_losses. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_add_losses_of_shard(adaptau_temperature *temperature, int32_t n,
                                                                   const int32_t *users, const float *unit_losses,
                                                                   const float *weights, adaptau_error *error);

/** Number and sum of the observed losses at temperature 1 (adaptau_temperature_add_losses): plain sums.
 *  @param[out] out  [2]
 *  @return E_ARGUMENT. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_loss_sums(const adaptau_temperature *temperature, double *out,
                                                         adaptau_error *error);

/** What all ranges amount to. All arrays belong to the caller. Since 1.0. */
typedef struct adaptau_score_moments {
    uint32_t      struct_size; /**< sizeof(adaptau_score_moments)                                            */
    int32_t       dim;         /**< d                                                                        */
    const double *users;       /**< [1 + d + d²] moments of all users                                        */
    const double *items;       /**< [1 + d + d²] moments of all items                                        */
    double        interactions[4]; /**< of all interactions (adaptau_interaction_moments)                        */
    double        losses[2];   /**< of all users; zeros where none is observed                               */
} adaptau_score_moments;

/** adaptau_temperature_update of a temperature whose dataset is a range of the users (its items do not matter), by the moments
 *  of all ranges: L, μ, σ², μ₊, σ₊² and the threshold of personal temperatures are those of all users and items, while the
 *  state's numbers of users observed and clamped, tau_user_min and tau_user_max are those of the range. Before the first such
 *  update the temperature knows its range alone: ranges may differ in τ₀ then.
 *  @return E_ARGUMENT (also for a number of users, items or interactions that is not whole or above 2^53, for weights that add up to
 *          nothing, and for a number of losses below that of this range), E_ABI; E_NUMERIC for a moment
 *          that is not finite; E_STATE where there are no interactions, and for what does not add up: ADAPTAU_TAU0_EXACT, quantiles of
 *          degrees or losses. The state is unchanged after a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_update_from(adaptau_temperature *temperature,
                                                           const adaptau_score_moments *moments, adaptau_error *error);

/** L_u of every user, [n], NaN while none is observed; valid as long as the object, rewritten by adaptau_temperature_add_losses.
 *  NULL for NULL. Since 1.0. */
ADAPTAU_API const float *adaptau_temperature_unit_losses(const adaptau_temperature *temperature);

/** Put a state back that adaptau_temperature_get_state gave, with the users' losses: for hosts that keep checkpoints of their
 *  own. Until the next update τ_u is τ₀.
 *  @param[in] unit_losses  [n] of adaptau_temperature_unit_losses; NULL: none is observed
 *  @return E_ARGUMENT, E_ABI, E_NUMERIC; E_STATE for learned temperatures. The state is unchanged after a failure.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_set_state(adaptau_temperature *temperature,
                                                         const adaptau_temperature_state *state, const float *unit_losses,
                                                         adaptau_error *error);

/* ---- ranking over ranges of items -------------------------------------------------------------------------------- */

/** The k best items of plain tables for some of their users, best first, ties to the lower id, as adaptau_evaluator_run ranks.
 *  @param[in]  users   [n_users] ids, or NULL: 0 … n_users − 1
 *  @param[in]  seen    interactions that are not ranked, or NULL
 *  @param[out] items   [n_users x k]; −1 where fewer are left
 *  @param[out] scores  [n_users x k]; −inf for −1
 *  @return E_ARGUMENT, E_ABI, E_INDEX; E_SHAPE for `seen` of another size; E_NUMERIC names the first row that is not finite;
 *          E_MEMORY: nothing is written then. E_THREAD: items and scores may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_rank(adaptau_context *context, const adaptau_tables *tables, int32_t n_users,
                                        const int32_t *users, int32_t k, const adaptau_dataset *seen, int32_t *items,
                                        float *scores, adaptau_error *error);

/** Lists of two ranges to one, by descending score, ties to the lower id: with ids of the catalogue, exactly what the ranking
 *  of both ranges together gives.
 *  @param[in,out] items, scores             [n x k] as adaptau_rank writes them
 *  @param[in]     other_items, other_scores [n x k]
 *  @return E_ARGUMENT, E_MEMORY: nothing is written then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_merge_top_k(adaptau_context *context, int64_t n, int32_t k, int32_t *items, float *scores,
                                               const int32_t *other_items, const float *other_scores, adaptau_error *error);

/** adaptau_evaluator_run with lists that were ranked elsewhere.
 *  @param[in] k      length of a list, at least the last cutoff
 *  @param[in] items  [adaptau_evaluator_n_users x k] in the order of adaptau_evaluator_users, each item once, −1 at the end of shorter lists
 *  @return E_ARGUMENT, E_SHAPE (k), E_MEMORY; E_INDEX names the first id that is out of range or twice in a list: the previous
 *          results stay then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_run_lists(adaptau_evaluator *evaluator, int32_t k, const int32_t *items,
                                                       adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
