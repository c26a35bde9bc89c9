/* SPDX-License-Identifier: MIT */
/* Ranked lists of plain tables, and of two shards of items made one. */
#include <adaptau/ranking.h>

#include <math.h>

#include "common/context.h"
#include "common/error.h"
#include "common/size.h"
#include "core/query.h"
#include "kernels/check.h"
#include "kernels/topk.h"

adaptau_status adaptau_rank(adaptau_context *context, const adaptau_tables *given, const adaptau_query *given_query,
                            int32_t *found, float *scores, adaptau_error *error)
{
    adaptau_tables tables;
    adaptau_query  query;
    ATAU_REQUIRE(context, error);
    adaptau_status status = atau_check_tables(given, &tables, error);
    if (status == ADAPTAU_OK)
        status = atau_read_query(given_query, tables.n_users, tables.n_items, tables.dim, found, &query, error);
    const struct atau_tables of_host = atau_tables_of_host(&tables);
    return status == ADAPTAU_OK ? atau_answer(context, &of_host, &query, true, found, scores, error) : status;
}

/* ---- the lists of two shards --------------------------------------------------------------------------------------- */

/* A list's entry as a key of topk.h; 0, which is below all, past the end. */
static uint64_t key_at(const int32_t *found, const float *scores, int32_t k, int32_t at)
{
    return at < k && found[at] >= 0 && !isnan(scores[at]) ? atau_rank_key(scores[at], found[at]) : 0;
}

static void merge_lists(int32_t k, int32_t *found, float *scores, const int32_t *other_found, const float *other_scores,
                        uint64_t *merged)
{
    int32_t mine = 0, theirs = 0;
    for (int32_t r = 0; r < k; r++) {
        const uint64_t a = key_at(found, scores, k, mine), b = key_at(other_found, other_scores, k, theirs);
        merged[r] = a > b ? a : b;
        mine += a > b;
        theirs += a <= b;
    }
    for (int32_t r = 0; r < k; r++) {
        found[r] = merged[r] ? atau_key_id(merged[r]) : -1;
        scores[r] = merged[r] ? atau_key_score(merged[r]) : -INFINITY;
    }
}

adaptau_status adaptau_merge_top_k(adaptau_context *context, int64_t n, int32_t k, int32_t *found, float *scores,
                                   const int32_t *other_found, const float *other_scores, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    if (n < 0 || k < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n = %lld, k = %d: at least 0 and 1", (long long)n, k);
    if (n == 0)
        return ADAPTAU_OK;
    if (!atau_rows_fit(n, k))
        return atau_fail(error, ADAPTAU_E_SHAPE, "n = %lld lists of k = %d exceed the address space", (long long)n, k);
    ATAU_REQUIRE(found, error);
    ATAU_REQUIRE(scores, error);
    ATAU_REQUIRE(other_found, error);
    ATAU_REQUIRE(other_scores, error);
    uint64_t *merged = atau_allocate_array(context, (uint64_t)k, sizeof *merged);
    if (!merged)
        return atau_fail_memory(error, (size_t)k * sizeof *merged, "a merged list");
    for (int64_t r = 0; r < n; r++)
        merge_lists(k, found + r * k, scores + r * k, other_found + r * k, other_scores + r * k, merged);
    atau_free(context, merged, (size_t)k * sizeof *merged);
    return ADAPTAU_OK;
}
