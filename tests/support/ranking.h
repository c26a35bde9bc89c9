/* SPDX-License-Identifier: MIT */
/* Queries that tests ask often. */
#ifndef TESTS_RANKING_H
#define TESTS_RANKING_H

#include <adaptau/model.h>

static inline adaptau_query query_of(int32_t n, const int32_t *users, int32_t k, const adaptau_dataset *seen)
{
    return (adaptau_query){.struct_size = sizeof(adaptau_query), .n = n, .ids = users, .k = k, .seen = seen};
}

/* The items for users of a model. */
static inline adaptau_status top_items(const adaptau_model *model, int32_t n, const int32_t *users, int32_t k,
                                       const adaptau_dataset *seen, int32_t *found, float *scores, adaptau_error *cause)
{
    const adaptau_query query = query_of(n, users, k, seen);
    return adaptau_model_rank(model, &query, found, scores, cause);
}

/* The items for embeddings, of those that `like` allows and does not exclude; NULL: of all. */
static inline adaptau_status top_items_for(const adaptau_model *model, int32_t n, const float *embeddings, int64_t stride,
                                           int32_t k, const adaptau_query *like, int32_t *found, float *scores,
                                           adaptau_error *cause)
{
    adaptau_query query = like ? *like : query_of(n, NULL, k, NULL);
    query.n = n;
    query.k = k;
    query.embeddings = embeddings;
    query.embedding_stride = stride;
    return adaptau_model_rank(model, &query, found, scores, cause);
}

/* The items for users of plain tables. */
static inline adaptau_status top_of_tables(adaptau_context *from, const adaptau_tables *tables, int32_t n,
                                           const int32_t *users, int32_t k, const adaptau_dataset *seen, int32_t *found,
                                           float *scores, adaptau_error *cause)
{
    const adaptau_query query = query_of(n, users, k, seen);
    return adaptau_rank(from, tables, &query, found, scores, cause);
}

#endif
