/* SPDX-License-Identifier: MIT */
/* Ranking runs in parallel and leaves, for each user, its hits: the held-out items among the first K_max, with their ranks.
 * There are at most as many hits as held-out pairs, so they take little memory even with 65536 ranks, and every metric at
 * every cutoff follows from them, in one serial pass with one order of summation. Nothing in that pass can fail: a run that
 * fails before it has left the previous results alone. */
#include "core/evaluate.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/context.h"
#include "common/error.h"
#include "common/sort.h"
#include "core/dataset.h"
#include "core/likelihood.h"
#include "core/ranking.h"
#include "kernels/check.h"

#define N_GROUP_METRICS 3 /* recall, NDCG, precision: the first three                                          */

struct hit {
    int32_t rank; /* from 1                                                                                    */
    int32_t item;
};

struct adaptau_evaluator {
    adaptau_context        *context;
    const adaptau_dataset  *held_out;
    atau_busy               busy;
    bool                    has_results;
    int32_t                 n_users; /* with held-out items                                                    */
    int32_t                 n_cutoffs;
    int32_t                 n_ranks; /* the last cutoff, K_max                                                 */
    int32_t                 n_masks;
    int32_t                 n_groups;
    struct atau_arena       arena;
    struct atau_item_lists *masks;       /* [n_masks]                                                          */
    int32_t                *cutoffs;     /* [n_cutoffs]                                                        */
    int32_t                *item_groups; /* [m], empty without groups                                          */
    int32_t                *users;       /* [n_users] ascending                                                */
    double                 *discounts;   /* [K_max] 1/log2(r + 1), r from 1                                    */
    double                 *ideals;      /* [K_max + 1] Σ of the first r discounts                             */
    struct hit             *hits;        /* [held-out pairs] from user_ptr[u]: hits of u by rank               */
    int32_t                *n_hits;      /* [n_users]                                                          */
    float                  *per_user;    /* [N_METRICS x n_cutoffs x n_users]                                  */
    double                 *means;       /* [N_METRICS x n_cutoffs]                                            */
    double                 *per_group;   /* [N_GROUP_METRICS x n_cutoffs x n_groups]                           */
};

/* ---- creation --------------------------------------------------------------------------------------------------- */

/* What hosts' structs point to as long as they like. */
static const int32_t default_cutoffs[] = {20};

static const adaptau_evaluator_options defaults = {
    .struct_size = sizeof(adaptau_evaluator_options),
    .n_cutoffs = sizeof default_cutoffs / sizeof *default_cutoffs,
    .cutoffs = default_cutoffs,
};

adaptau_status adaptau_evaluator_options_init(adaptau_evaluator_options *options, adaptau_error *error)
{
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

static adaptau_status check_cutoffs(const adaptau_evaluator_options *options, adaptau_error *error)
{
    if (options->n_cutoffs == 0)
        return atau_fail_zero(error, "options->n_cutoffs", "at least 1, the length of options->cutoffs", "adaptau_evaluator_options_init");
    if (options->n_cutoffs < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_cutoffs = %d is negative", options->n_cutoffs);
    if (!options->cutoffs)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->cutoffs is NULL, but options->n_cutoffs = %d",
                         options->n_cutoffs);
    for (int32_t c = 0; c < options->n_cutoffs; c++) {
        int32_t cutoff = options->cutoffs[c];
        if (cutoff < 1 || cutoff > ADAPTAU_MAX_CUTOFF)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->cutoffs[%d] = %d is outside 1 ... %d", c, cutoff,
                             ADAPTAU_MAX_CUTOFF);
        if (c > 0 && cutoff <= options->cutoffs[c - 1])
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->cutoffs[%d] = %d comes after %d: not ascending", c, cutoff,
                             options->cutoffs[c - 1]);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_masks(const adaptau_evaluator_options *options, const adaptau_dataset *held_out,
                                  adaptau_error *error)
{
    if (options->n_masks < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_masks = %d is negative", options->n_masks);
    if (options->n_masks > 0 && !options->masks)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->masks is NULL, but options->n_masks = %d", options->n_masks);
    if (options->n_masks == 0 && options->masks)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->masks is given, but options->n_masks = 0");
    for (int32_t q = 0; q < options->n_masks; q++) {
        const adaptau_dataset *mask = options->masks[q];
        if (!mask)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->masks[%d] is NULL", q);
        if (mask->n_users != held_out->n_users || mask->n_items != held_out->n_items)
            return atau_fail(error, ADAPTAU_E_SHAPE, "options->masks[%d] is of %d users x %d items, but held_out of %d x %d",
                             q, mask->n_users, mask->n_items, held_out->n_users, held_out->n_items);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_groups(const adaptau_evaluator_options *options, int32_t n_items, adaptau_error *error)
{
    if (options->n_groups < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_groups = %d is negative", options->n_groups);
    if (options->n_groups == 0)
        return ADAPTAU_OK;
    if (n_items > 0 && !options->item_groups)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->item_groups is NULL, but options->n_groups = %d",
                         options->n_groups);
    for (int32_t i = 0; i < n_items; i++)
        if (options->item_groups[i] < 0 || options->item_groups[i] >= options->n_groups)
            return atau_fail(error, ADAPTAU_E_INDEX, "options->item_groups[%d] = %d, but options->n_groups = %d", i,
                             options->item_groups[i], options->n_groups);
    return ADAPTAU_OK;
}

static void lay_out(adaptau_evaluator *e)
{
    struct atau_arena *arena = &e->arena;
    size_t             users = (size_t)e->n_users, cutoffs = (size_t)e->n_cutoffs, groups = (size_t)e->n_groups;

    e->masks = atau_arena_take(arena, (uint64_t)e->n_masks, sizeof *e->masks);
    e->cutoffs = atau_arena_take(arena, cutoffs, sizeof *e->cutoffs);
    e->item_groups = atau_arena_take(arena, groups ? (uint64_t)e->held_out->n_items : 0, sizeof *e->item_groups);
    e->users = atau_arena_take(arena, users, sizeof *e->users);
    e->discounts = atau_arena_take(arena, (uint64_t)e->n_ranks, sizeof *e->discounts);
    e->ideals = atau_arena_take(arena, (uint64_t)e->n_ranks + 1, sizeof *e->ideals);
    e->hits = atau_arena_take(arena, (uint64_t)e->held_out->n_interactions, sizeof *e->hits);
    e->n_hits = atau_arena_take(arena, users, sizeof *e->n_hits);
    e->per_user = atau_arena_take(arena, users, ADAPTAU_N_METRICS * cutoffs * sizeof *e->per_user);
    e->means = atau_arena_take(arena, cutoffs, ADAPTAU_N_METRICS * sizeof *e->means);
    e->per_group = atau_arena_take(arena, groups, N_GROUP_METRICS * cutoffs * sizeof *e->per_group);
}

static void list_users(adaptau_evaluator *e)
{
    int32_t listed = 0;
    for (int32_t u = 0; u < e->held_out->n_users; u++)
        if (atau_user_degree(e->held_out, u) > 0)
            e->users[listed++] = u;
}

static void tabulate_discounts(adaptau_evaluator *e)
{
    e->ideals[0] = 0.0;
    for (int32_t r = 1; r <= e->n_ranks; r++) {
        e->discounts[r - 1] = 1.0 / log2(r + 1.0);
        e->ideals[r] = e->ideals[r - 1] + e->discounts[r - 1];
    }
}

static void count_users(adaptau_evaluator *e)
{
    for (int32_t u = 0; u < e->held_out->n_users; u++)
        e->n_users += atau_user_degree(e->held_out, u) > 0;
}

/* Copies of what the options point to, and the arrays of the results. */
static adaptau_status fill_evaluator(adaptau_evaluator *e, const adaptau_evaluator_options *options, adaptau_error *error)
{
    e->n_cutoffs = options->n_cutoffs;
    e->n_ranks = options->cutoffs[e->n_cutoffs - 1];
    e->n_masks = options->n_masks;
    e->n_groups = options->n_groups;
    count_users(e);
    lay_out(e);
    adaptau_status status = atau_arena_allocate(e->context, &e->arena, "an evaluator", error);
    if (status)
        return status;
    lay_out(e);
    memcpy(e->cutoffs, options->cutoffs, (size_t)e->n_cutoffs * sizeof *e->cutoffs);
    for (int32_t q = 0; q < e->n_masks; q++)
        e->masks[q] = (struct atau_item_lists){options->masks[q]->user_ptr, options->masks[q]->user_items, NULL};
    if (e->n_groups && e->held_out->n_items)
        memcpy(e->item_groups, options->item_groups, (size_t)e->held_out->n_items * sizeof *e->item_groups);
    list_users(e);
    tabulate_discounts(e);
    return ADAPTAU_OK;
}

adaptau_status adaptau_evaluator_create(adaptau_context *context, const adaptau_dataset *held_out,
                                        const adaptau_evaluator_options *options, adaptau_evaluator **out,
                                        adaptau_error *error)
{
    adaptau_evaluator_options own;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(held_out, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_struct(&own, sizeof own, sizeof own, options, true, "options", error);
    if (!status) {
        atau_complete_struct(&own, &defaults, sizeof own, options);
        status = check_cutoffs(&own, error);
    }
    if (!status)
        status = check_masks(&own, held_out, error);
    if (!status)
        status = check_groups(&own, held_out->n_items, error);
    if (status)
        return status;
    adaptau_evaluator *evaluator = atau_allocate_zeroed(context, 1, sizeof *evaluator);
    if (!evaluator)
        return atau_fail_memory(error, sizeof *evaluator, "an evaluator");
    evaluator->context = context;
    evaluator->held_out = held_out;
    atau_busy_leave(&evaluator->busy);
    status = fill_evaluator(evaluator, &own, error);
    if (status) {
        adaptau_evaluator_destroy(evaluator);
        return status;
    }
    *out = evaluator;
    return ADAPTAU_OK;
}

void adaptau_evaluator_destroy(adaptau_evaluator *evaluator)
{
    if (!evaluator)
        return;
    atau_arena_free(evaluator->context, &evaluator->arena);
    atau_free(evaluator->context, evaluator, sizeof *evaluator);
}

/* ---- ranking: hits ---------------------------------------------------------------------------------------------- */

static bool holds_item(const int32_t *list, int64_t n, int32_t item)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (list[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && list[low] == item;
}

/* One user's list, best first: item(list, r) is at rank r + 1. */
static void store_list(const adaptau_evaluator *e, int64_t position, const void *list, int32_t n_ranked,
                       int32_t (*item)(const void *list, int32_t r))
{
    int32_t        user = e->users[position];
    const int32_t *held_out = e->held_out->user_items + e->held_out->user_ptr[user];
    int64_t        n_held_out = atau_user_degree(e->held_out, user);
    struct hit    *hits = e->hits + e->held_out->user_ptr[user];
    int32_t        n = 0;
    for (int32_t r = 0; r < n_ranked; r++)
        if (holds_item(held_out, n_held_out, item(list, r)))
            hits[n++] = (struct hit){.rank = r + 1, .item = item(list, r)};
    e->n_hits[position] = n;
}

static int32_t item_of_key(const void *list, int32_t r)
{
    return atau_key_id(((const uint64_t *)list)[r]);
}

static int32_t item_of_id(const void *list, int32_t r)
{
    return ((const int32_t *)list)[r];
}

static void store_hits(void *argument, int64_t position, const uint64_t *ranked, int32_t n_ranked)
{
    store_list(argument, position, ranked, n_ranked, item_of_key);
}

/* ---- metrics ---------------------------------------------------------------------------------------------------- */

/* Sums over a user's hits up to a cutoff, and what they are divided by. */
struct tally {
    int32_t n_hits;
    int32_t first_rank;
    double  gain;      /* Σ of discounts                                                                       */
    double  precision; /* Σ of (hits up to r)/r                                                                */
};

static void set_metrics(const adaptau_evaluator *e, const struct tally *tally, int64_t n_held_out, int32_t cutoff,
                        double metrics[ADAPTAU_N_METRICS])
{
    int64_t reachable = n_held_out < cutoff ? n_held_out : cutoff;
    metrics[ADAPTAU_METRIC_RECALL] = tally->n_hits / (double)n_held_out;
    metrics[ADAPTAU_METRIC_NDCG] = tally->gain / e->ideals[reachable];
    metrics[ADAPTAU_METRIC_PRECISION] = tally->n_hits / (double)cutoff;
    metrics[ADAPTAU_METRIC_HIT_RATE] = tally->n_hits > 0;
    metrics[ADAPTAU_METRIC_MRR] = tally->n_hits > 0 ? 1.0 / tally->first_rank : 0.0;
    metrics[ADAPTAU_METRIC_MAP] = tally->precision / (double)reachable;
}

static void score_user(adaptau_evaluator *e, int32_t position)
{
    int32_t           user = e->users[position], h = 0;
    const struct hit *hits = e->hits + e->held_out->user_ptr[user];
    int64_t           n_held_out = atau_user_degree(e->held_out, user);
    struct tally      tally = {0};
    for (int32_t c = 0; c < e->n_cutoffs; c++) {
        double metrics[ADAPTAU_N_METRICS];
        for (; h < e->n_hits[position] && hits[h].rank <= e->cutoffs[c]; h++) {
            if (tally.n_hits++ == 0)
                tally.first_rank = hits[h].rank;
            tally.gain += e->discounts[hits[h].rank - 1];
            tally.precision += tally.n_hits / (double)hits[h].rank;
        }
        set_metrics(e, &tally, n_held_out, e->cutoffs[c], metrics);
        for (int64_t metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
            e->means[metric * e->n_cutoffs + c] += metrics[metric];
            e->per_user[(metric * e->n_cutoffs + c) * e->n_users + position] = (float)metrics[metric];
        }
    }
}

static void score_groups(adaptau_evaluator *e, int32_t position)
{
    int32_t           user = e->users[position];
    const struct hit *hits = e->hits + e->held_out->user_ptr[user];
    int64_t           n_held_out = atau_user_degree(e->held_out, user);
    for (int32_t h = 0; h < e->n_hits[position]; h++)
        for (int32_t c = e->n_cutoffs - 1; c >= 0 && e->cutoffs[c] >= hits[h].rank; c--) {
            int64_t reachable = n_held_out < e->cutoffs[c] ? n_held_out : e->cutoffs[c];
            double  parts[N_GROUP_METRICS] = {
                [ADAPTAU_METRIC_RECALL] = 1.0 / (double)n_held_out,
                [ADAPTAU_METRIC_NDCG] = e->discounts[hits[h].rank - 1] / e->ideals[reachable],
                [ADAPTAU_METRIC_PRECISION] = 1.0 / e->cutoffs[c],
            };
            int32_t group = e->item_groups[hits[h].item];
            for (int64_t metric = 0; metric < N_GROUP_METRICS; metric++)
                e->per_group[(metric * e->n_cutoffs + c) * e->n_groups + group] += parts[metric];
        }
}

static void clear_sums(double *sums, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        sums[i] = 0.0;
}

static void divide_sums(double *sums, int64_t n, int32_t n_users)
{
    for (int64_t i = 0; i < n && n_users > 0; i++)
        sums[i] /= n_users;
}

static void score_users(adaptau_evaluator *e)
{
    int64_t n_means = (int64_t)ADAPTAU_N_METRICS * e->n_cutoffs;
    int64_t n_parts = (int64_t)N_GROUP_METRICS * e->n_cutoffs * e->n_groups;
    clear_sums(e->means, n_means);
    clear_sums(e->per_group, n_parts);
    for (int32_t position = 0; position < e->n_users; position++) {
        score_user(e, position);
        if (e->n_groups > 0)
            score_groups(e, position);
    }
    divide_sums(e->means, n_means, e->n_users);
    divide_sums(e->per_group, n_parts, e->n_users);
    e->has_results = true;
}

/* ---- running ---------------------------------------------------------------------------------------------------- */

static adaptau_status check_fit(const adaptau_evaluator *e, const adaptau_tables *tables, adaptau_error *error)
{
    if (tables->n_users != e->held_out->n_users)
        return atau_fail(error, ADAPTAU_E_SHAPE, "tables->n_users = %d, but held_out has %d users", tables->n_users,
                         e->held_out->n_users);
    if (tables->n_items != e->held_out->n_items)
        return atau_fail(error, ADAPTAU_E_SHAPE, "tables->n_items = %d, but held_out has %d items", tables->n_items,
                         e->held_out->n_items);
    return ADAPTAU_OK;
}

static adaptau_status rank_users(adaptau_evaluator *e, const struct atau_tables *tables, adaptau_error *error)
{
    struct atau_score_sides      sides;
    struct atau_scan_request request = {
        .n = e->n_users,
        .users = e->users,
        .n_masks = e->n_masks,
        .masks = e->masks,
    };
    adaptau_status status = atau_score_sides_open(e->context, tables, true, &sides, error);
    if (status)
        return status;
    status = atau_rank_each(&sides, &request, e->n_ranks, store_hits, e, error);
    atau_score_sides_close(&sides);
    return status;
}

adaptau_status atau_evaluate(adaptau_evaluator *evaluator, const struct atau_tables *tables, adaptau_error *error)
{
    adaptau_status status = check_fit(evaluator, &tables->of, error);
    if (!status)
        status = atau_enter(&evaluator->busy, "evaluator", error);
    if (status)
        return status;
    status = rank_users(evaluator, tables, error);
    if (!status)
        score_users(evaluator);
    atau_busy_leave(&evaluator->busy);
    return status;
}

adaptau_status adaptau_evaluator_run(adaptau_evaluator *evaluator, const adaptau_tables *tables, adaptau_error *error)
{
    struct atau_tables own = {0};
    ATAU_REQUIRE(evaluator, error);
    adaptau_status status = atau_check_tables(tables, &own.of, error);
    return status ? status : atau_evaluate(evaluator, &own, error);
}

/* ---- likelihood ------------------------------------------------------------------------------------------------- */

static adaptau_status check_taus(int32_t n_taus, const double *taus, const double *means, adaptau_error *error)
{
    if (n_taus < 0 || n_taus > ADAPTAU_MAX_TAUS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_taus = %d is outside 0 ... %d", n_taus, ADAPTAU_MAX_TAUS);
    if (n_taus > 0) {
        ATAU_REQUIRE(taus, error);
        ATAU_REQUIRE(means, error);
    }
    for (int32_t t = 0; t < n_taus; t++) {
        if (!isfinite(taus[t]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "taus[%d] = %g is not finite", t, taus[t]);
        if (!(taus[t] >= 1e-30 && taus[t] <= 1e30))
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "taus[%d] = %g is outside 1e-30 ... 1e30", t, taus[t]);
    }
    return ADAPTAU_OK;
}

static adaptau_status find_likelihood(const adaptau_evaluator *e, const adaptau_tables *tables, int32_t n_taus,
                                      const double *taus, double *means, adaptau_error *error)
{
    struct atau_score_sides        sides;
    const struct atau_item_lists   held_out = {e->held_out->user_ptr, e->held_out->user_items, NULL};
    const struct atau_scan_request request = {.n = e->n_users, .users = e->users, .n_masks = e->n_masks, .masks = e->masks};
    double                         sums[ADAPTAU_MAX_TAUS];
    int64_t                        n_interactions = 0;
    const struct atau_tables       of_host = atau_tables_of_host(tables);
    adaptau_status                 status = atau_score_sides_open(e->context, &of_host, true, &sides, error);
    if (status)
        return status;
    status = atau_log_likelihood(&sides, &request, &held_out, n_taus, taus, sums, &n_interactions, error);
    atau_score_sides_close(&sides);
    for (int32_t t = 0; t < n_taus && !status; t++)
        means[t] = n_interactions > 0 ? sums[t] / (double)n_interactions : 0.0;
    return status;
}

adaptau_status adaptau_evaluator_log_likelihood(adaptau_evaluator *evaluator, const adaptau_tables *tables, int32_t n_taus,
                                                const double *taus, double *means, adaptau_error *error)
{
    adaptau_tables own;
    ATAU_REQUIRE(evaluator, error);
    adaptau_status status = atau_check_tables(tables, &own, error);
    if (!status)
        status = check_fit(evaluator, &own, error);
    if (!status)
        status = check_taus(n_taus, taus, means, error);
    if (!status)
        status = atau_enter(&evaluator->busy, "evaluator", error);
    if (status)
        return status;
    status = find_likelihood(evaluator, &own, n_taus, taus, means, error);
    atau_busy_leave(&evaluator->busy);
    return status;
}

static int32_t list_length(const int32_t *list, int32_t k)
{
    int32_t n = 0;
    while (n < k && list[n] >= 0)
        n++;
    return n;
}

/* One list: its ids are in range, and each comes once. */
static adaptau_status check_list(const adaptau_evaluator *e, int64_t first, int32_t k, const int32_t *list, int64_t *sorted,
                                 adaptau_error *error)
{
    const int32_t n = list_length(list, k);
    for (int32_t r = 0; r < k; r++)
        if (list[r] < -1 || list[r] >= e->held_out->n_items)
            return atau_fail(error, ADAPTAU_E_INDEX, "items[%lld] = %d, but n_items = %d", (long long)first + r, list[r],
                             e->held_out->n_items);
    for (int32_t r = 0; r < n; r++)
        sorted[r] = list[r];
    atau_sort(sorted, n);
    for (int32_t r = 1; r < n; r++)
        if (sorted[r] == sorted[r - 1])
            return atau_fail(error, ADAPTAU_E_INDEX, "item %lld is in the list at items[%lld] twice", (long long)sorted[r],
                             (long long)first);
    return ADAPTAU_OK;
}

static adaptau_status check_lists(const adaptau_evaluator *e, int32_t k, const int32_t *items, adaptau_error *error)
{
    if (k < e->n_ranks)
        return atau_fail(error, ADAPTAU_E_SHAPE, "k = %d, but the last cutoff is %d", k, e->n_ranks);
    int64_t       *sorted = atau_allocate_array(e->context, (uint64_t)k, sizeof *sorted);
    adaptau_status status = sorted ? ADAPTAU_OK : atau_fail_memory(error, (size_t)k * sizeof *sorted, "a sorted list");
    for (int64_t u = 0; u < e->n_users && !status; u++)
        status = check_list(e, u * k, k, items + u * k, sorted, error);
    atau_free(e->context, sorted, (size_t)k * sizeof *sorted);
    return status;
}

static void store_lists(adaptau_evaluator *e, int32_t k, const int32_t *items)
{
    for (int32_t position = 0; position < e->n_users; position++) {
        const int32_t *list = items + (int64_t)position * k;
        store_list(e, position, list, list_length(list, e->n_ranks), item_of_id);
    }
}

adaptau_status adaptau_evaluator_run_lists(adaptau_evaluator *evaluator, int32_t k, const int32_t *items, adaptau_error *error)
{
    ATAU_REQUIRE(evaluator, error);
    if (evaluator->n_users > 0)
        ATAU_REQUIRE(items, error);
    adaptau_status status = check_lists(evaluator, k, items, error);
    if (!status)
        status = atau_enter(&evaluator->busy, "evaluator", error);
    if (status)
        return status;
    store_lists(evaluator, k, items);
    score_users(evaluator);
    atau_busy_leave(&evaluator->busy);
    return ADAPTAU_OK;
}

/* ---- results ---------------------------------------------------------------------------------------------------- */

int32_t adaptau_evaluator_n_users(const adaptau_evaluator *evaluator)
{
    return evaluator ? evaluator->n_users : 0;
}

const int32_t *adaptau_evaluator_users(const adaptau_evaluator *evaluator)
{
    return evaluator ? evaluator->users : NULL;
}

/* Copy n results of one metric at one cutoff out of `results` [n_metrics x n_cutoffs x n], which a run may be writing. */
static adaptau_status copy_results(const adaptau_evaluator *e, int32_t metric, int32_t cutoff, const void *results, size_t n,
                                   size_t size, void *out, adaptau_error *error)
{
    size_t         row = (size_t)metric * (size_t)e->n_cutoffs + (size_t)cutoff;
    adaptau_status status = atau_enter_shared(&e->busy, "evaluator", error);
    if (status != ADAPTAU_OK)
        return status;
    if (!e->has_results)
        status = atau_fail(error, ADAPTAU_E_STATE, "the evaluator has not run");
    else if (n > 0)
        memcpy(out, (const char *)results + row * n * size, n * size);
    atau_busy_leave_shared(&e->busy);
    return status;
}

#define LISTED 120 /* bytes for cutoffs in a message */

/* "5, 20", or as many of them as there is room for and "...". */
static void list_cutoffs(const adaptau_evaluator *e, char text[LISTED])
{
    int length = 0;
    for (int32_t c = 0; c < e->n_cutoffs && length < LISTED - 20; c++)
        length += snprintf(text + length, LISTED - (size_t)length, "%s%d", c ? ", " : "", e->cutoffs[c]);
    if (length >= LISTED - 20)
        snprintf(text + length, LISTED - (size_t)length, ", ...");
}

/* The place of a cutoff among the evaluator's. */
static adaptau_status find_results(const adaptau_evaluator *e, int32_t metric, int32_t n_metrics, int32_t cutoff, int32_t *place,
                                   adaptau_error *error)
{
    if (metric < 0 || metric >= n_metrics)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "metric = %d is outside 0 ... %d", metric, n_metrics - 1);
    for (*place = 0; *place < e->n_cutoffs; ++*place)
        if (e->cutoffs[*place] == cutoff)
            return ADAPTAU_OK;
    char cutoffs[LISTED];
    list_cutoffs(e, cutoffs);
    return atau_fail(error, ADAPTAU_E_ARGUMENT, "cutoff = %d, but options->cutoffs of this evaluator were %s", cutoff, cutoffs);
}

adaptau_status adaptau_evaluator_mean(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff, double *out,
                                      adaptau_error *error)
{
    ATAU_REQUIRE(evaluator, error);
    ATAU_REQUIRE(out, error);
    int32_t        place = 0;
    adaptau_status status = find_results(evaluator, metric, ADAPTAU_N_METRICS, cutoff, &place, error);
    return status ? status : copy_results(evaluator, metric, place, evaluator->means, 1, sizeof *out, out, error);
}

adaptau_status adaptau_evaluator_per_user(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff, float *out,
                                          adaptau_error *error)
{
    ATAU_REQUIRE(evaluator, error);
    if (evaluator->n_users > 0)
        ATAU_REQUIRE(out, error);
    int32_t        place = 0;
    adaptau_status status = find_results(evaluator, metric, ADAPTAU_N_METRICS, cutoff, &place, error);
    return status ? status
                  : copy_results(evaluator, metric, place, evaluator->per_user, (size_t)evaluator->n_users, sizeof *out, out,
                                 error);
}

adaptau_status adaptau_evaluator_per_group(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff, double *out,
                                           adaptau_error *error)
{
    ATAU_REQUIRE(evaluator, error);
    if (evaluator->n_groups == 0)
        return atau_fail(error, ADAPTAU_E_STATE, "the evaluator has no groups");
    ATAU_REQUIRE(out, error);
    int32_t        place = 0;
    adaptau_status status = find_results(evaluator, metric, N_GROUP_METRICS, cutoff, &place, error);
    return status ? status
                  : copy_results(evaluator, metric, place, evaluator->per_group, (size_t)evaluator->n_groups, sizeof *out,
                                 out, error);
}
