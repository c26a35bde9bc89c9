/* SPDX-License-Identifier: MIT */
/** @file dataset.h
 *  Which user has which items: a validated, borrowed CSR matrix, its transpose and its degrees. */
#ifndef ADAPTAU_DATASET_H
#define ADAPTAU_DATASET_H

#include <adaptau/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Interactions of n users with m items. Immutable: may be read from any number of threads.
 *  @snippet 11-new-users.c dataset */
typedef struct adaptau_dataset adaptau_dataset;

/** A host's compressed sparse rows. Row u holds the items indices[indptr[u] .. indptr[u + 1]), ascending, each once.
 *  Since 1.0. */
typedef struct adaptau_csr {
    uint32_t       struct_size; /**< sizeof(adaptau_csr)                                                     */
    int32_t        n_users;     /**< n >= 0                                                                  */
    int32_t        n_items;     /**< m >= 0                                                                  */
    int32_t        reserved;    /**< 0                                                                       */
    const int64_t *indptr;      /**< [n + 1], indptr[0] = 0, never decreasing                                */
    const int32_t *indices;     /**< [indptr[n]], each in [0, m)                                             */
} adaptau_csr;

/** Check the arrays once, in O(nnz), borrow them, and build the transpose.
 *  @param[in]  csr  the struct may die after the call; its arrays must outlive *out
 *  @param[out] out  new dataset; left untouched on failure
 *  @return E_ARGUMENT, E_ABI; E_INDEX names the first offending row and id, or the first place where a row is not strictly
 *          ascending (adaptau_dataset_create_from_interactions sorts); E_SHAPE a bad indptr; E_MEMORY.
 *  Thread-safety: the result may be read from any number of threads. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_create(adaptau_context *context, const adaptau_csr *csr, adaptau_dataset **out,
                                                  adaptau_error *error);

/** Copy interactions in any order, sort them, and keep each once.
 *  @param[in]  users, items  [n_interactions] each; NULL is fine when n_interactions = 0; may die after the call
 *  @return E_ARGUMENT; E_INDEX names the first interaction whose id is outside [0, n_users) or [0, n_items); E_MEMORY.
 *          O(interactions + n + m). Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_create_from_interactions(adaptau_context *context, int32_t n_users, int32_t n_items,
                                                                    int64_t n_interactions, const int32_t *users,
                                                                    const int32_t *items, adaptau_dataset **out,
                                                                    adaptau_error *error);

/** NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_dataset_destroy(adaptau_dataset *dataset);

/** n; 0 for NULL, like the other counts. Since 1.0. */
ADAPTAU_API int32_t adaptau_dataset_n_users(const adaptau_dataset *dataset);
/** m. Since 1.0. */
ADAPTAU_API int32_t adaptau_dataset_n_items(const adaptau_dataset *dataset);
/** |D|, the distinct interactions. Since 1.0. */
ADAPTAU_API int64_t adaptau_dataset_n_interactions(const adaptau_dataset *dataset);
/** Interactions that adaptau_dataset_create_from_interactions dropped because they were there already. Since 1.0. */
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
} adaptau_dataset_view;

/** Read the arrays; a degree is a difference of neighbouring offsets.
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_dataset_get_view(const adaptau_dataset *dataset, adaptau_dataset_view *out,
                                                    adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
