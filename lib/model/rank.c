/* SPDX-License-Identifier: MIT */
/* The best items for users of the model, and for embeddings of the host's. An allow-list makes a small catalogue, whose rows
 * are gathered once; as it is ascending, ties go to the lower id there too. */
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/ranking.h"
#include "kernels/check.h"
#include "model/model.h"

static adaptau_status check_top_k(const adaptau_model *model, int32_t n_users, const int32_t *users, int32_t k,
                                  const adaptau_dataset *seen, const int32_t *items, adaptau_error *error)
{
    if (n_users < 0 || (n_users > 0 && (!users || !items)))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_users = %d, users %s NULL, items %s NULL", n_users,
                         users ? "not" : "is", items ? "not" : "is");
    if (k < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "k = %d is below 1", k);
    const int32_t n = model->tables[ADAPTAU_SIDE_USERS].n_rows, m = model->tables[ADAPTAU_SIDE_ITEMS].n_rows;
    if (seen && (seen->n_users != n || seen->n_items != m))
        return atau_fail(error, ADAPTAU_E_SHAPE, "seen is %d x %d, but the model is %d x %d", seen->n_users, seen->n_items,
                         n, m);
    for (int32_t i = 0; i < n_users; i++)
        if (users[i] < 0 || users[i] >= n)
            return atau_fail(error, ADAPTAU_E_INDEX, "users[%d] = %d, but n_users = %d", i, users[i], n);
    return ADAPTAU_OK;
}

static adaptau_status rank(const adaptau_model *model, const struct atau_scan_request *request, int32_t k, int32_t *items,
                           float *scores, adaptau_error *error)
{
    adaptau_tables      tables;
    struct atau_score_sides sides;
    adaptau_status      status = atau_model_ranking_tables(model, &tables, error);
    if (status == ADAPTAU_OK)
        status = atau_score_sides_open(model->context, &tables, false, &sides, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_rank_users(&sides, request, k, items, scores, error);
    atau_score_sides_close(&sides);
    return status;
}

adaptau_status adaptau_model_top_k(const adaptau_model *model, int32_t n_users, const int32_t *users, int32_t k,
                                   const adaptau_dataset *seen, int32_t *items, float *scores, adaptau_error *error)
{
    const struct atau_item_lists mask = {seen ? seen->user_ptr : NULL, seen ? seen->user_items : NULL};
    struct atau_scan_request     request = {.n = n_users, .users = users, .n_masks = seen ? 1 : 0, .masks = &mask};
    ATAU_REQUIRE(model, error);
    adaptau_status status = check_top_k(model, n_users, users, k, seen, items, error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    status = rank(model, &request, k, items, scores, error);
    atau_model_leave_shared(model);
    return status;
}

/* ---- embeddings of the host's -------------------------------------------------------------------------------------- */

/* Lists of a host: offsets from 0, ids in [0, n_items), ascending. */
static adaptau_status check_lists(int64_t n, const int64_t *ptr, const int32_t *ids, int32_t n_items, adaptau_error *error)
{
    if (ptr[0] != 0)
        return atau_fail(error, ADAPTAU_E_SHAPE, "filter->exclude_ptr[0] = %lld, not 0", (long long)ptr[0]);
    for (int64_t r = 0; r < n; r++)
        if (ptr[r + 1] < ptr[r])
            return atau_fail(error, ADAPTAU_E_SHAPE, "filter->exclude_ptr[%lld] = %lld is below the %lld before it",
                             (long long)r + 1, (long long)ptr[r + 1], (long long)ptr[r]);
    if (ptr[n] > 0 && !ids)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "filter->exclude is NULL, but filter->exclude_ptr[%lld] = %lld",
                         (long long)n, (long long)ptr[n]);
    for (int64_t r = 0; r < n; r++)
        for (int64_t p = ptr[r]; p < ptr[r + 1]; p++) {
            if (ids[p] < 0 || ids[p] >= n_items)
                return atau_fail(error, ADAPTAU_E_INDEX, "filter->exclude[%lld] = %d, but n_items = %d", (long long)p, ids[p],
                                 n_items);
            if (p > ptr[r] && ids[p] <= ids[p - 1])
                return atau_fail(error, ADAPTAU_E_INDEX, "filter->exclude[%lld] = %d is not above the %d before it",
                                 (long long)p, ids[p], ids[p - 1]);
        }
    return ADAPTAU_OK;
}

static adaptau_status check_filter(const adaptau_item_filter *f, int32_t n_users, int32_t n_items, adaptau_error *error)
{
    if (f->n_allowed < 0 || (!f->allowed && f->n_allowed > 0))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "filter->n_allowed = %d, filter->allowed %s NULL", f->n_allowed,
                         f->allowed ? "not" : "is");
    for (int32_t a = 0; a < f->n_allowed; a++) {
        if (f->allowed[a] < 0 || f->allowed[a] >= n_items)
            return atau_fail(error, ADAPTAU_E_INDEX, "filter->allowed[%d] = %d, but n_items = %d", a, f->allowed[a], n_items);
        if (a > 0 && f->allowed[a] <= f->allowed[a - 1])
            return atau_fail(error, ADAPTAU_E_INDEX, "filter->allowed[%d] = %d is not above the %d before it", a,
                             f->allowed[a], f->allowed[a - 1]);
    }
    return f->exclude_ptr ? check_lists(n_users, f->exclude_ptr, f->exclude, n_items, error) : ADAPTAU_OK;
}

/* The allowed items as a catalogue of their own, and what is excluded of it. */
struct shortlist {
    int32_t *places; /* [m] of an item in it; −1                                                              */
    float   *rows;   /* [n_allowed x d]                                                                       */
    float   *bias;   /* [n_allowed], or NULL                                                                  */
    int64_t *ptr;    /* [n_users + 1]                                                                         */
    int32_t *ids;    /* [exclude_ptr[n_users]]                                                                */
};

struct query {
    int32_t                    n_users;
    const adaptau_item_filter *filter;
    adaptau_tables             tables;
    struct atau_item_lists     excluded;
    int64_t                    n_excluded;
};

static void lay_out(const struct query *q, struct shortlist *s, struct atau_arena *arena)
{
    const size_t n = (size_t)q->filter->n_allowed;
    s->places = atau_arena_take(arena, (uint64_t)q->tables.n_items, sizeof(int32_t));
    s->rows = atau_arena_take(arena, n, (uint64_t)q->tables.dim * sizeof(float));
    s->bias = q->tables.item_bias ? atau_arena_take(arena, n, sizeof(float)) : NULL;
    s->ptr = atau_arena_take(arena, (uint64_t)q->n_users + 1, sizeof(int64_t));
    s->ids = atau_arena_take(arena, (uint64_t)q->n_excluded, sizeof(int32_t));
}

static void gather_items(const struct query *q, struct shortlist *s)
{
    const adaptau_tables *t = &q->tables;
    const int64_t         stride = t->item_stride ? t->item_stride : t->dim;
    memset(s->places, 0xFF, (size_t)t->n_items * sizeof(int32_t));
    for (int32_t a = 0; a < q->filter->n_allowed; a++) {
        const int64_t item = q->filter->allowed[a];
        s->places[item] = a;
        memcpy(s->rows + (int64_t)a * t->dim, t->items + item * stride, (size_t)t->dim * sizeof(float));
        if (s->bias)
            s->bias[a] = t->item_bias[item];
    }
}

static void gather_excluded(const struct query *q, struct shortlist *s)
{
    int64_t n = 0;
    for (int32_t r = 0; r < q->n_users && q->excluded.ptr; r++) {
        s->ptr[r] = n;
        for (int64_t p = q->excluded.ptr[r]; p < q->excluded.ptr[r + 1]; p++)
            if (s->places[q->excluded.ids[p]] >= 0)
                s->ids[n++] = s->places[q->excluded.ids[p]];
    }
    s->ptr[q->n_users] = n;
}

/* The catalogue of the query becomes the shortlist. */
static adaptau_status shorten(adaptau_context *context, struct query *q, struct shortlist *s, struct atau_arena *arena,
                              adaptau_error *error)
{
    lay_out(q, s, arena);
    adaptau_status status = atau_arena_allocate(context, arena, "the allowed items", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(q, s, arena);
    gather_items(q, s);
    gather_excluded(q, s);
    q->tables.n_items = q->filter->n_allowed;
    q->tables.items = s->rows;
    q->tables.item_stride = q->tables.dim;
    q->tables.item_bias = s->bias;
    if (q->excluded.ptr)
        q->excluded = (struct atau_item_lists){s->ptr, s->ids};
    return ADAPTAU_OK;
}

static adaptau_status rank_query(const adaptau_model *model, struct query *q, int32_t k, int32_t *items, float *scores,
                                 adaptau_error *error)
{
    struct shortlist    s = {0};
    struct atau_arena   arena = {0};
    struct atau_score_sides sides;
    adaptau_status      status = ADAPTAU_OK;
    if (q->filter->allowed)
        status = shorten(model->context, q, &s, &arena, error);
    if (status == ADAPTAU_OK)
        status = atau_score_sides_open(model->context, &q->tables, false, &sides, error);
    if (status == ADAPTAU_OK) {
        const struct atau_scan_request request = {
            .n = q->n_users, .n_masks = q->excluded.ptr ? 1 : 0, .masks = &q->excluded};
        sides.normalise_users = (q->tables.flags & ADAPTAU_NORMALISE_USERS) != 0; /* whatever the model's own are   */
        status = atau_rank_users(&sides, &request, k, items, scores, error);
        atau_score_sides_close(&sides);
    }
    for (int64_t p = 0; p < (int64_t)q->n_users * k && status == ADAPTAU_OK && s.rows; p++)
        items[p] = items[p] < 0 ? -1 : q->filter->allowed[items[p]];
    atau_arena_free(model->context, &arena);
    return status;
}

static adaptau_status run_query(const adaptau_model *model, struct query *q, const float *embeddings, int64_t stride, int32_t k,
                                int32_t *items, float *scores, adaptau_error *error)
{
    adaptau_status status = atau_model_ranking_tables(model, &q->tables, error);
    if (status != ADAPTAU_OK)
        return status;
    q->tables.users = embeddings;
    q->tables.user_stride = stride ? stride : model->dim;
    q->tables.n_users = q->n_users;
    status = atau_check_rows_finite(model->context, "embeddings", q->n_users, model->dim, embeddings, q->tables.user_stride,
                                    error);
    return status == ADAPTAU_OK ? rank_query(model, q, k, items, scores, error) : status;
}

adaptau_status adaptau_model_top_k_for(const adaptau_model *model, int32_t n_users, const float *embeddings, int64_t stride,
                                       int32_t k, const adaptau_item_filter *given, int32_t *items, float *scores,
                                       adaptau_error *error)
{
    adaptau_item_filter filter;
    ATAU_REQUIRE(model, error);
    adaptau_status status = atau_read_struct(&filter, sizeof filter, sizeof filter, given, true, "filter", error);
    if (status != ADAPTAU_OK)
        return status;
    if (n_users < 0 || (n_users > 0 && (!embeddings || !items)))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_users = %d, embeddings %s NULL, items %s NULL", n_users,
                         embeddings ? "not" : "is", items ? "not" : "is");
    if (k < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "k = %d is below 1", k);
    if (stride && stride < model->dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "stride = %lld, but dim = %d", (long long)stride, model->dim);
    status = check_filter(&filter, n_users, model->tables[ADAPTAU_SIDE_ITEMS].n_rows, error);
    if (status == ADAPTAU_OK)
        status = atau_model_enter_shared(model, error);
    if (status != ADAPTAU_OK)
        return status;
    struct query q = {.n_users = n_users,
                      .filter = &filter,
                      .excluded = {filter.exclude_ptr, filter.exclude},
                      .n_excluded = filter.exclude_ptr ? filter.exclude_ptr[n_users] : 0};
    status = run_query(model, &q, embeddings, stride, k, items, scores, error);
    atau_model_leave_shared(model);
    return status;
}
