/* SPDX-License-Identifier: MIT */
/** @file dataset.h
 *  Which user has which items: a validated, borrowed CSR matrix, its transpose and its degrees. */
#ifndef ADAPTAU_DATASET_H
#define ADAPTAU_DATASET_H

#include <adaptau/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Interactions of n users with m items. Immutable but for adaptau_dataset_set_negatives, beside which no other call may
 *  use it: may be read from any number of threads.
 *  @snippet 11-new-users.c dataset */
typedef struct adaptau_dataset adaptau_dataset;

/** A host's compressed sparse rows. Row u holds the items indices[indptr[u] .. indptr[u + 1]), ascending, each once.
 *
 *  An interaction may have a weight: how often it happened, a rating, a number that falls with its age. A weight counts wherever a sum or
 *  a mean over interactions is taken: in losses and their gradients, in the means μ₊ and σ₊² of a temperature, in soft targets and
 *  in ADAPTAU_INIT_SPECTRAL. An interaction of weight 3 is three interactions there. It does not count where distinct
 *  interactions are counted: degrees, |D|, L of Eq. 11, popularity, draws, the graphs of encoders, what is seen, metrics. A host
 *  that multiplies all weights by a constant gets the same temperatures, and the loss times that constant. docs/concepts.md has the
 *  list.
 *  Since 1.0. */
typedef struct adaptau_csr {
    uint32_t       struct_size; /**< sizeof(adaptau_csr)                                                     */
    int32_t        n_users;     /**< n >= 0                                                                  */
    int32_t        n_items;     /**< m >= 0                                                                  */
    int32_t        reserved;    /**< 0                                                                       */
    const int64_t *indptr;      /**< [n + 1], indptr[0] = 0, never decreasing                                */
    const int32_t *indices;     /**< [indptr[n]], each in [0, m)                                             */
    const float   *weights;     /**< [indptr[n]] in [1e-30, 1e30]; NULL: all 1                               */
} adaptau_csr;

/** Check the arrays once, in O(nnz), borrow them, and build the transpose.
 *  @param[in]  csr  the struct is not needed after the call; its arrays must outlive *out
 *  @param[out] out  new dataset; left untouched on failure
 *  @return E_ARGUMENT, E_ABI; E_INDEX names the first offending row and id, or the first place where a row is not strictly
 *          ascending (adaptau_dataset_create_from_interactions sorts); E_SHAPE a bad indptr; E_NUMERIC the first weight that
 *          is not finite, E_ARGUMENT one that is out of range; E_MEMORY.
 *  Thread-safety: the result may be read from any number of threads. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_create(adaptau_context *context, const adaptau_csr *csr, adaptau_dataset **out,
                                                  adaptau_error *error);

/** Copy interactions in any order, sort them, and keep each once. Where an interaction comes again, its weight is added to that of
 *  the first; without weights it is dropped. A host that wants repeated interactions to count gives weights of 1.
 *  @param[in]  users, items  [n_interactions] each, copied; NULL is fine when n_interactions = 0
 *  @param[in]  weights       [n_interactions] in [1e-30, 1e30], copied; NULL: all 1, however often an interaction comes
 *  @return E_ARGUMENT; E_INDEX names the first interaction whose id is outside [0, n_users) or [0, n_items); E_NUMERIC the first
 *          weight that is not finite, E_ARGUMENT one that is out of range, or weights of one user and item that add up to more;
 *          E_MEMORY. O(interactions + n + m). Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_create_from_interactions(adaptau_context *context, int32_t n_users, int32_t n_items,
                                                                    int64_t n_interactions, const int32_t *users,
                                                                    const int32_t *items, const float *weights,
                                                                    adaptau_dataset **out, adaptau_error *error);

/** Give a dataset its logged negatives: items that were shown to a user, who did not take them (impressions without a click, skips,
 *  dislikes). Where a training sums over the catalogue, a negative of weight b stands in the user's sum 1 + b times instead of once
 *  (adaptau_batch), so that its score is pushed down 1 + b times as hard. Without weights b = 1. An item may be both, an interaction
 *  and a negative of a user.
 *
 *  Samplers that are made from now on put them into their batches, and with them every training, recipe, adaptau_fit and adaptau_tune.
 *  They count in the losses and gradients that samplers' batches have, and so in L_u of Eq. 16. They are no interactions: degrees, |D|,
 *  μ, μ₊ and L of Eq. 14, soft targets, starts, graphs, popularity, what is seen, metrics and fold-in do not know them.
 *
 *  Once for a dataset, which is otherwise immutable. Thread-safety: no other call may use the dataset meanwhile.
 *  @param[in] negatives  copied, and not needed after the call: a dataset of the same size, whose interactions are the negatives. Its own
 *                        negatives are not looked at
 *  @return E_ARGUMENT; E_SHAPE for another size; E_STATE for a dataset that has negatives; E_MEMORY: the dataset has none then.
 *          O(n + negatives). Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_set_negatives(adaptau_dataset *dataset, const adaptau_dataset *negatives,
                                                         adaptau_error *error);

/** NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_dataset_destroy(adaptau_dataset *dataset);

/** n; 0 for NULL, like the other counts. Since 1.0. */
ADAPTAU_API int32_t adaptau_dataset_n_users(const adaptau_dataset *dataset);
/** m. Since 1.0. */
ADAPTAU_API int32_t adaptau_dataset_n_items(const adaptau_dataset *dataset);
/** |D|, the distinct interactions. Since 1.0. */
ADAPTAU_API int64_t adaptau_dataset_n_interactions(const adaptau_dataset *dataset);
/** How many interactions adaptau_dataset_create_from_interactions was given again. They were dropped, or their weights added to the
 *  first one's. Since 1.0. */
ADAPTAU_API int64_t adaptau_dataset_n_duplicates(const adaptau_dataset *dataset);

/** A dataset's arrays. They live as long as the dataset. Since 1.0. */
typedef struct adaptau_dataset_view {
    uint32_t       struct_size; /**< sizeof(adaptau_dataset_view), set by the caller                         */
    int32_t        n_users;     /**< n                                                                       */
    int32_t        n_items;     /**< m                                                                       */
    int32_t        reserved;    /**< 0                                                                       */
    const int64_t *user_ptr;    /**< [n + 1]                                                                 */
    const int32_t *user_items;  /**< [|D|] items of each user, ascending                                     */
    const int64_t *item_ptr;    /**< [m + 1]                                                                 */
    const int32_t *item_users;  /**< [|D|] users of each item, ascending                                     */
    const float   *user_weights; /**< [|D|] weights in the order of user_items; NULL: all 1                  */
    const float   *item_weights; /**< [|D|] the same weights in the order of item_users; NULL: all 1         */
    const int64_t *negative_ptr; /**< [n + 1] where logged negatives of each user begin; NULL: there are none */
    const int32_t *negatives;    /**< [negative_ptr[n]] their items, ascending                               */
    const float   *negative_weights; /**< [negative_ptr[n]] weights; NULL: all 1                             */
} adaptau_dataset_view;

/** Read the arrays; a degree is a difference of neighbouring offsets.
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_get_view(const adaptau_dataset *dataset, adaptau_dataset_view *out,
                                                    adaptau_error *error);

/** What becomes of the numbers of users and items when some are removed, new ones come, or their order is another. A host that makes a
 *  dataset with new numbers has such lists anyway. One map, beside that dataset, is what adaptau_model_remap and
 *  adaptau_temperature_remap take.
 *
 *  The lists say for each new number where it comes from, not which numbers go: so a removal, a new user and another order are one
 *  thing and one call, and the number of a user who has gone can be given to one who comes. An old number that is in no place is
 *  removed. Since 1.0. */
typedef struct adaptau_row_map {
    uint32_t       struct_size; /**< sizeof(adaptau_row_map)                                                 */
    int32_t        n_users;     /**< new number of users, >= 0                                               */
    int32_t        n_items;     /**< new number of items, >= 0                                               */
    int32_t        reserved;    /**< 0                                                                       */
    const int32_t *users;       /**< [n_users] the old number of each user, each at most once, in any order; −1: a new user. NULL:
                                     nobody is removed, all keep their numbers, and those that follow are new */
    const int32_t *items;       /**< [n_items] likewise                                                      */
} adaptau_row_map;

#ifdef __cplusplus
}
#endif

#endif
