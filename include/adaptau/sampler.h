/* SPDX-License-Identifier: MIT */
/** @file sampler.h
 *  The order of an epoch and the candidates of each batch. They are drawn from a random stream that is addressed by numbers: what a
 *  batch holds depends on the seed, the epoch and the row alone, never on threads or on earlier calls. */
#ifndef ADAPTAU_SAMPLER_H
#define ADAPTAU_SAMPLER_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Cuts epochs into batches. Thread-safety: adaptau_sampler_begin_epoch and adaptau_sampler_next run alone. A call that meets
 *  another gets E_STATE. An epoch:
 *  @snippet 12-graph-and-contrast.c epoch */
typedef struct adaptau_sampler adaptau_sampler;

/** Every item is a candidate of every row. With popularity_exponent α the batch has log q_i = −α log max(1, k_i), k_i the number
 *  of users who have item i, so that the sum is Σ_i k_i^α exp(f_i/τ): the expectation of what candidates drawn by k^α without
 *  ADAPTAU_SAMPLER_LOG_Q estimate, and with α = 1 of what in-batch candidates do. */
#define ADAPTAU_SAMPLER_CATALOGUE 0
#define ADAPTAU_SAMPLER_SHARED_UNIFORM 1    /**< C items per batch, uniform, with replacement                 */
#define ADAPTAU_SAMPLER_SHARED_POPULARITY 2 /**< C items per batch, drawn by degree^alpha, with replacement   */
#define ADAPTAU_SAMPLER_IN_BATCH 3          /**< the candidates of a batch are its own positives              */
#define ADAPTAU_SAMPLER_PER_ROW_UNIFORM 4   /**< C items per row, uniform (the paper's scheme)                */

#define ADAPTAU_SAMPLER_ROWS_AUTO 0         /**< users for the catalogue and shared, interactions otherwise   */
#define ADAPTAU_SAMPLER_ROWS_USERS 1        /**< a row is a user with all its positives                       */
#define ADAPTAU_SAMPLER_ROWS_INTERACTIONS 2 /**< a row is one interaction                                     */

#define ADAPTAU_SAMPLER_KEEP_ORDER (UINT32_C(1) << 0)       /**< rows ascending instead of shuffled            */
#define ADAPTAU_SAMPLER_REJECT_POSITIVES (UINT32_C(1) << 1) /**< per-row draws avoid the user's items          */
/** Fill log_q for shared and in-batch candidates with log(C p_c), p_c the chance of item c in one draw, so that the sum
 *  estimates the one over the catalogue. */
#define ADAPTAU_SAMPLER_LOG_Q (UINT32_C(1) << 2)
/** Set ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM on every batch. */
#define ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM (UINT32_C(1) << 3)

/** How a sampler cuts an epoch into batches. Since 1.0. */
typedef struct adaptau_sampler_options {
    uint32_t struct_size;         /**< sizeof(adaptau_sampler_options)                                       */
    uint32_t flags;               /**< ADAPTAU_SAMPLER_KEEP_ORDER, ...; 0                                    */
    int32_t  kind;                /**< ADAPTAU_SAMPLER_CATALOGUE, ...                                        */
    int32_t  rows;                /**< ADAPTAU_SAMPLER_ROWS_*; AUTO                                          */
    int32_t  rows_per_batch;      /**< R, the rows of a batch, at least 1; 256 for CATALOGUE and SHARED_*, 2048 for the other kinds */
    int32_t  reserved;            /**< 0                                                                     */
    int64_t  n_candidates;        /**< C, the candidates of a batch with SHARED_*, or of a row with PER_ROW_UNIFORM; 1024. Other kinds
                                       ignore it                                                             */
    double   popularity_exponent; /**< alpha in [−4, 4]. SHARED_POPULARITY: an item that k users have is drawn in proportion to
                                       k^alpha; 0.75. CATALOGUE: such an item weighs k^alpha in the sum; 0   */
    double   row_weight_exponent; /**< a in [0, 2]. W_u is the sum of the weights of user u's interactions, or their number without
                                       weights. Each term of u gets the weight W_u^(a − 1), so that u's row weighs W_u^a. With 1 every
                                       interaction counts as it weighs; 1                                    */
    uint64_t seed;                /**< of the order and of all draws; 0                                       */
} adaptau_sampler_options;

/** Write the defaults of a kind. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @param[in]     kind     ADAPTAU_SAMPLER_CATALOGUE, ..., which is written, too
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_sampler_options_init(adaptau_sampler_options *options, int32_t kind, adaptau_error *error);

/** @param[in] dataset  borrowed: must outlive the sampler. Users without items get no row. Its logged negatives
 *                      (adaptau_dataset_set_negatives) are in the rows of their users; they need ADAPTAU_SAMPLER_CATALOGUE
 *  @param[in] options  NULL: the defaults of ADAPTAU_SAMPLER_CATALOGUE (the exact softmax)
 *  @return E_ARGUMENT, E_ABI, E_MEMORY; E_NUMERIC for an exponent that is not finite; E_SHAPE when a batch would have more than
 *          2^31 − 1 per-row draws, or an epoch more than 2^32 − 1 rows; E_STATE when REJECT_POSITIVES is asked for, with
 *          per-row draws, and a user owns every item. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_sampler_create(adaptau_context *context, const adaptau_dataset *dataset,
                                                  const adaptau_sampler_options *options, adaptau_sampler **out,
                                                  adaptau_error *error);

/** NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_sampler_destroy(adaptau_sampler *sampler);

/** Batches of an epoch; 0 for NULL or an empty dataset. Since 1.0. */
ADAPTAU_API int64_t adaptau_sampler_n_batches(const adaptau_sampler *sampler);

/** Shuffle for this epoch and go to its first batch. Epochs may come in any order.
 *  @return E_ARGUMENT outside 0 ... 2^48 − 1. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_sampler_begin_epoch(adaptau_sampler *sampler, int64_t epoch, adaptau_error *error);

/** The next batch, with the weights of its positives where the dataset has weights, and logged negatives where it has some.
 *  Neither changes a draw. Its arrays belong to the sampler and live until the next call on it.
 *  @param[in,out] out  struct_size set by the caller; n_rows = 0 when the epoch is over
 *  @return E_ARGUMENT, E_ABI; E_STATE before the first adaptau_sampler_begin_epoch; E_CALLBACK with per-row draws. After a
 *          failure the same batch comes next. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_sampler_next(adaptau_sampler *sampler, adaptau_batch *out, adaptau_error *error);

/** The order in which an epoch of a sampler with this seed takes its n rows (users with items, or interactions, ascending): row
 *  order[k] comes k-th.
 *  @param[out] order  [n]
 *  @return E_ARGUMENT for an epoch outside 0 … 2^48 − 1 or n outside 0 … 2^32 − 1. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_epoch_order(uint64_t seed, int64_t epoch, int64_t n, uint32_t *order, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
