/* SPDX-License-Identifier: MIT */
/** @file ranking.h
 *  Ranking as one question: the best items for users, the items or users that are most similar to some, the users for an item.
 *  adaptau_rank asks plain tables, adaptau_model_rank (model.h) asks a model; the query is the same.
 *
 *      int32_t       someone = 4, best[10];
 *      adaptau_query query = {.struct_size = sizeof query, .n = 1, .ids = &someone, .k = 10, .seen = train};
 *      adaptau_model_rank(model, &query, best, NULL, &error);
 *
 *  The items that are most similar to item 7:
 *
 *      int32_t       item = 7, similar[10];
 *      adaptau_query query = {.struct_size = sizeof query, .question = ADAPTAU_RANK_SIMILAR_ITEMS, .n = 1, .ids = &item, .k = 10};
 *      adaptau_model_rank(model, &query, similar, NULL, &error); */
#ifndef ADAPTAU_RANKING_H
#define ADAPTAU_RANKING_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Items for users, by the score s_ui = f_ui + the item's bias. */
#define ADAPTAU_RANK_ITEMS 0
/** Items for items: how similar two items are, ê_i·ê_j. Where scores normalise items that is the cosine of their embeddings, else
 *  their inner product. No bias is added. */
#define ADAPTAU_RANK_SIMILAR_ITEMS 1
/** Users for users: likewise ê_u·ê_v. */
#define ADAPTAU_RANK_SIMILAR_USERS 2
/** Users for items, by the same score s_ui: to whom should this item be shown? An embedding of an item without an id has no bias. */
#define ADAPTAU_RANK_USERS 3

/** The score is the cosine of two embeddings, whatever the tables normalise; a row of zeros has score 0. Inner products prefer long
 *  rows, which often belong to popular items. */
#define ADAPTAU_QUERY_COSINE (UINT32_C(1) << 0)
/** Of similar items and users: a row may be in its own list. Without this flag it is left out. */
#define ADAPTAU_QUERY_KEEP_SELF (UINT32_C(1) << 1)

/** n lists of the k best. All arrays belong to the caller. "Askers" are the rows for which lists are made: users with
 *  ADAPTAU_RANK_ITEMS and _SIMILAR_USERS, items with the other two. "Answers" are the rows in the lists. Since 1.0. */
typedef struct adaptau_query {
    uint32_t               struct_size; /**< sizeof(adaptau_query)                                           */
    uint32_t               flags;       /**< ADAPTAU_QUERY_*                                                 */
    int32_t                question;    /**< ADAPTAU_RANK_*                                                  */
    int32_t                n;           /**< lists, one for each asker                                       */
    int32_t                k;           /**< entries of a list, >= 1; above the number of answers is fine    */
    int32_t                n_allowed;   /**< entries of `allowed`; 0 where that is NULL                      */
    const int32_t         *ids;         /**< [n] askers, in any order. NULL: 0 … n − 1; with `embeddings` askers without
                                             ids                                                             */
    const float           *embeddings;  /**< [n x d] embeddings of the askers, who need not be in the tables: those of
                                             adaptau_fold_in_users for example. Where scores normalise askers, their length does not
                                             matter. NULL: the rows of `ids`                                 */
    int64_t                embedding_stride; /**< >= d; 0 means d                                            */
    const adaptau_dataset *seen;        /**< interactions that are not ranked, those of the training for example; or NULL. Not with
                                             similar items and users. Beside `embeddings` it needs `ids`, which say whose interactions
                                             count; for askers without an id use `exclude`                   */
    const int32_t         *allowed;     /**< [n_allowed] answers that may be in a list, ascending; only they are scored. NULL: all
                                             may. With n_allowed = 0 beside an array no answer may           */
    const int64_t         *exclude_ptr; /**< [n + 1] from 0, or NULL: nothing is excluded                    */
    const int32_t         *exclude;     /**< [exclude_ptr[n]] answers that list r must not have, ascending within a list */
} adaptau_query;

/** The k best answers for each asker of plain tables, best first, ties to the lower id. O(n answers d).
 *  @param[in]  query
 *  @param[out] found   [n x k] ids of answers; −1 where fewer are left. Answers whose score is NaN or −inf, because raw rows are so long
 *                      that it leaves float32, are in no list
 *  @param[out] scores  [n x k] their scores, −inf for −1; or NULL
 *  @return E_ARGUMENT, E_ABI; E_INDEX names the first id out of range or order; E_SHAPE for `seen` of another size, offsets and
 *          strides; E_NUMERIC names the first row that is not finite; E_MEMORY: nothing is written then. E_CALLBACK: found and
 *          scores may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_rank(adaptau_context *context, const adaptau_tables *tables, const adaptau_query *query,
                                        int32_t *found, float *scores, adaptau_error *error);

/** Merge the lists of two shards into one, by descending score, ties to the lower id. With ids of the catalogue the result is exactly
 *  what ranking both shards together gives.
 *  @param[in,out] found, scores             [n x k] as adaptau_rank writes them
 *  @param[in]     other_found, other_scores [n x k]
 *  @return E_ARGUMENT, E_SHAPE for more than the address space has, E_MEMORY: nothing is written then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_merge_top_k(adaptau_context *context, int64_t n, int32_t k, int32_t *found, float *scores,
                                               const int32_t *other_found, const float *other_scores, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
