/* SPDX-License-Identifier: MIT */
/** @file ranking.h
 *  The best items of plain tables, and lists of several shards made one. */
#ifndef ADAPTAU_RANKING_H
#define ADAPTAU_RANKING_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The k best items of plain tables for some of their users, best first, ties to the lower id, as adaptau_evaluator_run ranks.
 *  @param[in]  users   [n_users] ids, or NULL: 0 … n_users − 1
 *  @param[in]  seen    interactions that are not ranked, or NULL
 *  @param[out] items   [n_users x k]; −1 where fewer are left
 *  @param[out] scores  [n_users x k]; −inf for −1
 *  @return E_ARGUMENT, E_ABI, E_INDEX; E_SHAPE for `seen` of another size; E_NUMERIC names the first row that is not finite;
 *          E_MEMORY: nothing is written then. E_CALLBACK: items and scores may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_rank(adaptau_context *context, const adaptau_tables *tables, int32_t n_users,
                                        const int32_t *users, int32_t k, const adaptau_dataset *seen, int32_t *items,
                                        float *scores, adaptau_error *error);

/** Lists of two shards to one, by descending score, ties to the lower id: with ids of the catalogue, exactly what the ranking
 *  of both shards together gives.
 *  @param[in,out] items, scores             [n x k] as adaptau_rank writes them
 *  @param[in]     other_items, other_scores [n x k]
 *  @return E_ARGUMENT, E_MEMORY: nothing is written then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_merge_top_k(adaptau_context *context, int64_t n, int32_t k, int32_t *items, float *scores,
                                               const int32_t *other_items, const float *other_scores, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
