/* SPDX-License-Identifier: MIT */
/* Every question is one scan: the rows that ask are the scan's users, those that answer its items. `allowed` makes a small
 * catalogue, whose rows are gathered once; as it is ascending, ties go to the lower id there too. */
#include "core/query.h"

#include <math.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/context.h"
#include "common/error.h"
#include "common/lists.h"
#include "common/size.h"
#include "core/dataset.h"
#include "core/ranking.h"
#include "kernels/check.h"
#include "kernels/of_context.h"

#define KNOWN_FLAGS (ADAPTAU_QUERY_COSINE | ADAPTAU_QUERY_KEEP_SELF)
#define MOST_LISTS 3 /* seen, excluded, the asker itself                                                       */

static bool users_ask(const adaptau_query *q)
{
    return q->question == ADAPTAU_RANK_ITEMS || q->question == ADAPTAU_RANK_SIMILAR_USERS;
}

static bool users_answer(const adaptau_query *q)
{
    return q->question == ADAPTAU_RANK_USERS || q->question == ADAPTAU_RANK_SIMILAR_USERS;
}

static bool is_similarity(const adaptau_query *q)
{
    return q->question == ADAPTAU_RANK_SIMILAR_ITEMS || q->question == ADAPTAU_RANK_SIMILAR_USERS;
}

/* ---- checks ----------------------------------------------------------------------------------------------------- */

static adaptau_status check_numbers(const adaptau_query *q, int32_t dim, adaptau_error *error)
{
    if (q->flags & ~KNOWN_FLAGS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->flags = 0x%x has unknown bits", q->flags);
    if (q->question < ADAPTAU_RANK_ITEMS || q->question > ADAPTAU_RANK_USERS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->question = %d is unknown", q->question);
    if (q->flags & ADAPTAU_QUERY_KEEP_SELF && !is_similarity(q))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->flags has ADAPTAU_QUERY_KEEP_SELF, but query->question = %d has no self",
                         q->question);
    if (q->n < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->n = %d is negative", q->n);
    if (q->k < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->k = %d is below 1", q->k);
    if (q->embedding_stride && q->embedding_stride < dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "query->embedding_stride = %lld, but dim = %d", (long long)q->embedding_stride,
                         dim);
    if (q->embeddings && !atau_rows_fit(q->n, q->embedding_stride ? q->embedding_stride : dim))
        return atau_fail(error, ADAPTAU_E_SHAPE, "query->n = %d embeddings of %lld floats exceed the address space", q->n,
                         (long long)q->embedding_stride);
    return ADAPTAU_OK;
}

static adaptau_status check_askers(const adaptau_query *q, int32_t n_askers, adaptau_error *error)
{
    const char *side = users_ask(q) ? "users" : "items";
    if (!q->ids && !q->embeddings && q->n > n_askers)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->n = %d without ids, but there are %d %s", q->n, n_askers, side);
    for (int32_t r = 0; q->ids && r < q->n; r++)
        if (q->ids[r] < 0 || q->ids[r] >= n_askers)
            return atau_fail(error, ADAPTAU_E_INDEX, "query->ids[%d] = %d, but n_%s = %d", r, q->ids[r], side, n_askers);
    return ADAPTAU_OK;
}

static adaptau_status check_seen(const adaptau_query *q, int32_t n_users, int32_t n_items, adaptau_error *error)
{
    if (q->seen && is_similarity(q))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->seen is given, but query->question = %d ranks no interactions",
                         q->question);
    if (q->seen && q->embeddings && !q->ids)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->seen is given, but query->ids does not say whose embeddings these are");
    if (q->seen && (q->seen->n_users != n_users || q->seen->n_items != n_items))
        return atau_fail(error, ADAPTAU_E_SHAPE, "query->seen is %d x %d, but the tables are %d x %d (users x items)",
                         q->seen->n_users, q->seen->n_items, n_users, n_items);
    return ADAPTAU_OK;
}

static adaptau_status check_allowed(const adaptau_query *q, int32_t n_answers, adaptau_error *error)
{
    if (q->n_allowed < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->n_allowed = %d is negative", q->n_allowed);
    if (!q->allowed && q->n_allowed > 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "query->allowed is NULL, but query->n_allowed = %d", q->n_allowed);
    for (int32_t a = 0; a < q->n_allowed; a++) {
        if (q->allowed[a] < 0 || q->allowed[a] >= n_answers)
            return atau_fail(error, ADAPTAU_E_INDEX, "query->allowed[%d] = %d, but n_%s = %d", a, q->allowed[a],
                             users_answer(q) ? "users" : "items", n_answers);
        if (a > 0 && q->allowed[a] <= q->allowed[a - 1])
            return atau_fail(error, ADAPTAU_E_INDEX, "query->allowed[%d] = %d is not above the %d before it", a, q->allowed[a],
                             q->allowed[a - 1]);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_excluded(const adaptau_query *q, int32_t n_answers, adaptau_error *error)
{
    const struct atau_lists rows = {.n = q->n,
                                    .ptr = q->exclude_ptr,
                                    .ids = q->exclude,
                                    .limit = n_answers,
                                    .ptr_name = "query->exclude_ptr",
                                    .ids_name = "query->exclude",
                                    .limit_name = users_answer(q) ? "n_users" : "n_items"};
    if (q->exclude_ptr)
        return atau_check_lists(&rows, error);
    return q->exclude ? atau_fail(error, ADAPTAU_E_ARGUMENT, "query->exclude is given, but query->exclude_ptr is NULL")
                      : ADAPTAU_OK;
}

adaptau_status atau_read_query(const adaptau_query *given, int32_t n_users, int32_t n_items, int32_t dim, const int32_t *found,
                               adaptau_query *out, adaptau_error *error)
{
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, given, false, "query", error);
    if (status == ADAPTAU_OK)
        status = check_numbers(out, dim, error);
    if (status == ADAPTAU_OK && out->n > 0 && !found)
        status = atau_fail(error, ADAPTAU_E_ARGUMENT, "found is NULL");
    if (status == ADAPTAU_OK)
        status = check_askers(out, users_ask(out) ? n_users : n_items, error);
    if (status == ADAPTAU_OK)
        status = check_seen(out, n_users, n_items, error);
    if (status == ADAPTAU_OK)
        status = check_allowed(out, users_answer(out) ? n_users : n_items, error);
    if (status == ADAPTAU_OK)
        status = check_excluded(out, users_answer(out) ? n_users : n_items, error);
    return status;
}

/* ---- the tables as askers and answers ------------------------------------------------------------------------------- */

/* What a scan is made of, and the memory that it takes. */
struct answering {
    const adaptau_query   *query;
    struct atau_tables     sides; /* askers as its users, answers as its items                                 */
    const float           *item_bias; /* of askers, or NULL                                                    */
    struct atau_item_lists lists[MOST_LISTS]; /* `of` NULL: by position                                        */
    int32_t                n_lists;
    int64_t                entries[MOST_LISTS]; /* of the askers' lists                                        */

    int32_t *positions; /* [n] 0 … n − 1                                                                       */
    int64_t *ones;      /* [n + 1] 0 … n: offsets of lists of one                                              */
    int32_t *places;    /* [answers] of an answer among the allowed; −1                                        */
    float   *rows;      /* [n_allowed x d]                                                                     */
    float   *bias;      /* [n_allowed], or NULL                                                                */
    int64_t *kept_ptr[MOST_LISTS]; /* [n + 1] lists by position, of places                                     */
    int32_t *kept_ids[MOST_LISTS];
};

static void face(const struct atau_tables *given, const adaptau_query *q, struct answering *a)
{
    const adaptau_tables *t = &given->of;
    const bool asking_users = users_ask(q), answering_users = users_answer(q);
    bool       normalise_askers = t->flags & (asking_users ? ADAPTAU_NORMALISE_USERS : ADAPTAU_NORMALISE_ITEMS);
    bool       normalise_answers = t->flags & (answering_users ? ADAPTAU_NORMALISE_USERS : ADAPTAU_NORMALISE_ITEMS);
    bool       unit = t->flags & ADAPTAU_UNIT_ROWS;
    if (q->flags & ADAPTAU_QUERY_COSINE) {
        unit = unit && normalise_askers && normalise_answers;
        normalise_askers = normalise_answers = true;
    }
    a->sides = *given;
    a->sides.of.flags = (normalise_askers ? ADAPTAU_NORMALISE_USERS : 0) | (normalise_answers ? ADAPTAU_NORMALISE_ITEMS : 0) |
                     (unit ? ADAPTAU_UNIT_ROWS : 0);
    a->sides.of.users = asking_users ? t->users : t->items;
    a->sides.of.n_users = asking_users ? t->n_users : t->n_items;
    a->sides.of.user_stride = asking_users ? t->user_stride : t->item_stride;
    a->sides.of.items = answering_users ? t->users : t->items;
    a->sides.of.n_items = answering_users ? t->n_users : t->n_items;
    a->sides.of.item_stride = answering_users ? t->user_stride : t->item_stride;
    a->sides.halves[ADAPTAU_SIDE_USERS] = given->halves[asking_users ? ADAPTAU_SIDE_USERS : ADAPTAU_SIDE_ITEMS];
    a->sides.halves[ADAPTAU_SIDE_ITEMS] = given->halves[answering_users ? ADAPTAU_SIDE_USERS : ADAPTAU_SIDE_ITEMS];
    a->sides.of.item_bias = q->question == ADAPTAU_RANK_ITEMS ? t->item_bias : NULL;
    a->item_bias = q->question == ADAPTAU_RANK_USERS && (q->ids || !q->embeddings) ? t->item_bias : NULL;
    if (q->embeddings) {
        a->sides.halves[ADAPTAU_SIDE_USERS] = (struct atau_halves){0};
        a->sides.of.users = q->embeddings;
        a->sides.of.n_users = q->n;
        a->sides.of.user_stride = q->embedding_stride ? q->embedding_stride : t->dim;
    }
}

static adaptau_status check_rows(adaptau_context *context, const adaptau_tables *t, const adaptau_query *q, adaptau_error *error)
{
    const bool     users = users_answer(q) || (users_ask(q) && !q->embeddings), items = !users_answer(q) || !users_ask(q);
    adaptau_status status = ADAPTAU_OK;
    if (users)
        status = atau_check_rows_finite(context, "users", t->n_users, t->dim, t->users, t->user_stride, error);
    if (status == ADAPTAU_OK && items)
        status = atau_check_rows_finite(context, "items", t->n_items, t->dim, t->items, t->item_stride, error);
    if (status == ADAPTAU_OK && t->item_bias && !is_similarity(q))
        status = atau_check_rows_finite(context, "item_bias", t->n_items, 1, t->item_bias, 1, error);
    return status;
}

/* ---- what is left out ---------------------------------------------------------------------------------------------- */

static int64_t list_of(const struct atau_item_lists *lists, int64_t position)
{
    return lists->of ? lists->of[position] : position;
}

static void add_lists(struct answering *a, const int64_t *ptr, const int32_t *ids, const int32_t *of)
{
    const struct atau_item_lists lists = {ptr, ids, of};
    a->entries[a->n_lists] = 0;
    for (int32_t r = 0; r < a->query->n; r++)
        a->entries[a->n_lists] += ptr[list_of(&lists, r) + 1] - ptr[list_of(&lists, r)];
    a->lists[a->n_lists++] = lists;
}

static void collect_lists(struct answering *a)
{
    const adaptau_query *q = a->query;
    if (q->seen && users_answer(q))
        add_lists(a, q->seen->item_ptr, q->seen->item_users, q->ids);
    else if (q->seen)
        add_lists(a, q->seen->user_ptr, q->seen->user_items, q->ids);
    if (q->exclude_ptr)
        add_lists(a, q->exclude_ptr, q->exclude, NULL);
}

static bool leaves_self_out(const adaptau_query *q)
{
    return is_similarity(q) && !(q->flags & ADAPTAU_QUERY_KEEP_SELF) && (q->ids || !q->embeddings);
}

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static void lay_out(struct answering *a, struct atau_arena *arena)
{
    const adaptau_query *q = a->query;
    const uint64_t       n = (uint64_t)q->n, allowed = (uint64_t)q->n_allowed;
    a->positions = atau_arena_take(arena, n, sizeof(int32_t));
    a->ones = atau_arena_take(arena, n + 1, sizeof(int64_t));
    if (!q->allowed)
        return;
    a->places = atau_arena_take(arena, (uint64_t)a->sides.of.n_items, sizeof(int32_t));
    a->rows = atau_arena_take(arena, allowed, (size_t)a->sides.of.dim * sizeof(float));
    a->bias = a->sides.of.item_bias ? atau_arena_take(arena, allowed, sizeof(float)) : NULL;
    for (int32_t l = 0; l < MOST_LISTS; l++) { /* one of them may be added yet: the askers themselves             */
        a->kept_ptr[l] = atau_arena_take(arena, n + 1, sizeof(int64_t));
        a->kept_ids[l] = atau_arena_take(arena, l < a->n_lists ? (uint64_t)a->entries[l] : n, sizeof(int32_t));
    }
}

static void gather_rows(const struct atau_kernels *kernels, struct answering *a)
{
    const adaptau_query *q = a->query;
    adaptau_tables      *t = &a->sides.of;
    struct atau_halves  *halves = &a->sides.halves[ADAPTAU_SIDE_ITEMS];
    memset(a->places, 0xFF, (size_t)t->n_items * sizeof(int32_t));
    for (int32_t k = 0; k < q->n_allowed; k++) {
        const int64_t id = q->allowed[k];
        a->places[id] = k;
        if (halves->rows)
            atau_read_halves(kernels, halves, t->dim, id, 1, a->rows + (int64_t)k * t->dim);
        else
            memcpy(a->rows + (int64_t)k * t->dim, t->items + id * t->item_stride, (size_t)t->dim * sizeof(float));
        if (a->bias)
            a->bias[k] = t->item_bias[id];
    }
    *halves = (struct atau_halves){0};
    t->n_items = q->n_allowed;
    t->items = a->rows;
    t->item_stride = t->dim;
    t->item_bias = a->bias;
}

static void keep_allowed(const struct answering *a, struct atau_item_lists *lists, int64_t *ptr, int32_t *ids)
{
    int64_t n = 0;
    for (int32_t r = 0; r < a->query->n; r++) {
        const int64_t list = list_of(lists, r);
        ptr[r] = n;
        for (int64_t p = lists->ptr[list]; p < lists->ptr[list + 1]; p++)
            if (a->places[lists->ids[p]] >= 0)
                ids[n++] = a->places[lists->ids[p]];
    }
    ptr[a->query->n] = n;
    *lists = (struct atau_item_lists){ptr, ids, NULL};
}

static void fill(const struct atau_kernels *kernels, struct answering *a)
{
    const adaptau_query *q = a->query;
    for (int32_t r = 0; r < q->n; r++)
        a->positions[r] = r;
    for (int64_t r = 0; r <= q->n; r++)
        a->ones[r] = r;
    if (leaves_self_out(q))
        add_lists(a, a->ones, q->ids ? q->ids : a->positions, NULL);
    if (q->allowed) {
        gather_rows(kernels, a);
        for (int32_t l = 0; l < a->n_lists; l++)
            keep_allowed(a, &a->lists[l], a->kept_ptr[l], a->kept_ids[l]);
    }
    for (int32_t l = 0; l < a->n_lists; l++)
        if (!a->lists[l].of)
            a->lists[l].of = a->positions;
}

/* ---- the answer ----------------------------------------------------------------------------------------------------- */

static void finish(const struct answering *a, int32_t *found)
{
    const adaptau_query *q = a->query;
    for (int64_t p = 0; p < (int64_t)q->n * q->k && q->allowed; p++)
        found[p] = found[p] < 0 ? -1 : q->allowed[found[p]];
}

static adaptau_status scan(adaptau_context *context, struct answering *a, int32_t *found, float *scores, adaptau_error *error)
{
    const adaptau_query           *q = a->query;
    const struct atau_scan_request request = {.n = q->n,
                                              .users = q->embeddings ? NULL : q->ids,
                                              .n_masks = a->n_lists,
                                              .masks = a->lists,
                                              .bias = a->item_bias,
                                              .bias_ids = q->ids};
    struct atau_score_sides sides;
    adaptau_status          status = atau_score_sides_open(context, &a->sides, false, &sides, error);
    if (status != ADAPTAU_OK)
        return status;
    if (q->embeddings) /* nobody has promised anything of their lengths                                          */
        sides.normalise_users = a->sides.of.flags & ADAPTAU_NORMALISE_USERS;
    status = atau_rank_users(&sides, &request, q->k, found, scores, error);
    atau_score_sides_close(&sides);
    return status;
}

adaptau_status atau_answer(adaptau_context *context, const struct atau_tables *tables, const adaptau_query *q, bool check,
                           int32_t *found, float *scores, adaptau_error *error)
{
    struct answering  a = {.query = q};
    struct atau_arena arena = {0};
    adaptau_status    status = check ? check_rows(context, &tables->of, q, error) : ADAPTAU_OK;
    face(tables, q, &a);
    if (status == ADAPTAU_OK && q->embeddings)
        status = atau_check_rows_finite(context, "query->embeddings", q->n, tables->of.dim, q->embeddings, a.sides.of.user_stride, error);
    if (status != ADAPTAU_OK)
        return status;
    collect_lists(&a);
    lay_out(&a, &arena);
    status = atau_arena_allocate(context, &arena, "the lists of a query", error);
    if (status != ADAPTAU_OK)
        return status;
    lay_out(&a, &arena);
    fill(atau_kernels_of(context), &a);
    status = scan(context, &a, found, scores, error);
    if (status == ADAPTAU_OK)
        finish(&a, found);
    atau_arena_free(context, &arena);
    return status;
}
