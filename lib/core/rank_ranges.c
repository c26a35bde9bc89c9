/* SPDX-License-Identifier: MIT */
/* Ranked lists of plain tables, and of two ranges of items made one. */
#include <adaptau/ranking.h>

#include <math.h>

#include "common/context.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/ranking.h"
#include "kernels/check.h"
#include "kernels/topk.h"

/* ---- one range --------------------------------------------------------------------------------------------------- */

static adaptau_status check_request(const adaptau_tables *tables, int32_t n_users, const int32_t *users, int32_t k,
                                    const adaptau_dataset *seen, adaptau_error *error)
{
    if (n_users < 0 || (!users && n_users > tables->n_users))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_users = %d, but tables->n_users = %d", n_users, tables->n_users);
    if (k < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "k = %d is below 1", k);
    if (seen && (seen->n_users != tables->n_users || seen->n_items != tables->n_items))
        return atau_fail(error, ADAPTAU_E_SHAPE, "seen is %d x %d, but the tables are %d x %d", seen->n_users, seen->n_items,
                         tables->n_users, tables->n_items);
    for (int32_t i = 0; users && i < n_users; i++)
        if (users[i] < 0 || users[i] >= tables->n_users)
            return atau_fail(error, ADAPTAU_E_INDEX, "users[%d] = %d, but n_users = %d", i, users[i], tables->n_users);
    return ADAPTAU_OK;
}

adaptau_status adaptau_rank(adaptau_context *context, const adaptau_tables *given, int32_t n_users, const int32_t *users,
                            int32_t k, const adaptau_dataset *seen, int32_t *items, float *scores, adaptau_error *error)
{
    const struct atau_item_lists   mask = {seen ? seen->user_ptr : NULL, seen ? seen->user_items : NULL};
    const struct atau_scan_request request = {.n = n_users, .users = users, .n_masks = seen ? 1 : 0, .masks = &mask};
    adaptau_tables                 tables;
    struct atau_score_sides            sides;
    ATAU_REQUIRE(context, error);
    adaptau_status status = atau_check_tables(given, &tables, error);
    if (status == ADAPTAU_OK)
        status = check_request(&tables, n_users, users, k, seen, error);
    if (status != ADAPTAU_OK)
        return status;
    if (n_users > 0) {
        ATAU_REQUIRE(items, error);
        ATAU_REQUIRE(scores, error);
    }
    status = atau_score_sides_open(context, &tables, true, &sides, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_rank_users(&sides, &request, k, items, scores, error);
    atau_score_sides_close(&sides);
    return status;
}

/* ---- two ranges -------------------------------------------------------------------------------------------------- */

/* A list's entry as a key of topk.h; 0, which is below all, past the end. */
static uint64_t key_at(const int32_t *items, const float *scores, int32_t k, int32_t at)
{
    return at < k && items[at] >= 0 && !isnan(scores[at]) ? atau_rank_key(scores[at], items[at]) : 0;
}

static void merge_lists(int32_t k, int32_t *items, float *scores, const int32_t *other_items, const float *other_scores,
                        uint64_t *merged)
{
    int32_t mine = 0, theirs = 0;
    for (int32_t r = 0; r < k; r++) {
        const uint64_t a = key_at(items, scores, k, mine), b = key_at(other_items, other_scores, k, theirs);
        merged[r] = a > b ? a : b;
        mine += a > b;
        theirs += a <= b;
    }
    for (int32_t r = 0; r < k; r++) {
        items[r] = merged[r] ? atau_key_id(merged[r]) : -1;
        scores[r] = merged[r] ? atau_key_score(merged[r]) : -INFINITY;
    }
}

adaptau_status adaptau_merge_top_k(adaptau_context *context, int64_t n, int32_t k, int32_t *items, float *scores,
                                   const int32_t *other_items, const float *other_scores, adaptau_error *error)
{
    ATAU_REQUIRE(context, error);
    if (n < 0 || k < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n = %lld, k = %d: at least 0 and 1", (long long)n, k);
    if (n == 0)
        return ADAPTAU_OK;
    ATAU_REQUIRE(items, error);
    ATAU_REQUIRE(scores, error);
    ATAU_REQUIRE(other_items, error);
    ATAU_REQUIRE(other_scores, error);
    uint64_t *merged = atau_allocate_array(context, (uint64_t)k, sizeof *merged);
    if (!merged)
        return atau_fail_memory(error, (size_t)k * sizeof *merged, "a merged list");
    for (int64_t r = 0; r < n; r++)
        merge_lists(k, items + r * k, scores + r * k, other_items + r * k, other_scores + r * k, merged);
    atau_free(context, merged, (size_t)k * sizeof *merged);
    return ADAPTAU_OK;
}
