/* SPDX-License-Identifier: MIT */
/* Epochs in batches. The order is a Fisher-Yates shuffle from one stream per epoch; candidates come from one stream per batch
 * or row, named by the place in that order where it starts, so that a batch can be drawn without those before it.
 *
 * Items are drawn by degree through a binary search in the cumulative weights: an alias table would save ten steps of a search
 * that a thousandth of a batch's time goes to. Draws that avoid the user's items are not rejected at all: the r-th free item is
 * found by a binary search in the user's ascending list, which costs what a membership test costs and cannot spin. */
#include <adaptau/sampler.h>

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/context.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/random.h"
#include "common/size.h"
#include "core/dataset.h"

#define KNOWN_FLAGS                                                                                                    \
    (ADAPTAU_SAMPLER_KEEP_ORDER | ADAPTAU_SAMPLER_REJECT_POSITIVES | ADAPTAU_SAMPLER_LOG_Q |                            \
     ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM)
#define MAX_EPOCH (INT64_C(1) << 48) /* what a stream's name has room for                                      */
#define ROWS_PER_TASK 32             /* per-row draws of one parallel task                                     */

struct adaptau_sampler {
    adaptau_context        *context;
    const adaptau_dataset  *dataset;
    adaptau_sampler_options options; /* `rows` is not AUTO                                                    */
    atau_busy               busy;
    bool                    begun;
    int64_t                 epoch;
    int64_t                 next_row;      /* place in the order where the next batch starts                  */
    int64_t                 n_rows;        /* of an epoch                                                     */
    int64_t                 max_rows;      /* of a batch                                                      */
    int64_t                 max_positives; /* of a batch                                                      */
    int64_t                 max_negatives; /* of a batch                                                      */
    bool                    has_negatives; /* the dataset had logged negatives when the sampler was made      */
    int32_t                 last_drawable; /* last item with a positive weight                                */
    struct atau_arena       arena;         /* holds the arrays below; those that the kind has no use for have no elements */
    uint32_t               *order;         /* [n_rows] the epoch's permutation of row_users                   */
    int32_t                *row_users;     /* [n_rows] user of each row, ascending; row p is pair p for interactions */
    double                 *cumulative;    /* [m] weights up to and with the item, by popularity              */
    double                 *log_share;     /* [m] log p of an item in one draw, where log_q needs it          */
    int32_t                *users;         /* arrays of the batch: [max_rows]                                 */
    int64_t                *positive_ptr;  /* [max_rows + 1]                                                  */
    int32_t                *positives;     /* [max_positives]                                                 */
    float                  *weights;       /* [max_positives] of a weighted dataset                           */
    int64_t                *negative_ptr;  /* [max_rows + 1] where there are logged negatives                 */
    int32_t                *negatives;     /* [max_negatives]                                                 */
    float                  *negative_weights; /* [max_negatives] where they have weights                      */
    int32_t                *candidates;    /* [C] or [max_rows x C]                                           */
    float                  *log_q;         /* [C], [max_positives], or [m] that stay the same                 */
    float                  *row_weights;   /* [max_rows]                                                      */
};

/* ---- options ---------------------------------------------------------------------------------------------------- */

#define INIT "adaptau_sampler_options_init"

/* AUTO, in figures. */
static int32_t rows_of_kind(int32_t kind)
{
    return kind <= ADAPTAU_SAMPLER_SHARED_POPULARITY ? ADAPTAU_SAMPLER_ROWS_USERS : ADAPTAU_SAMPLER_ROWS_INTERACTIONS;
}

static adaptau_sampler_options defaults_of(int32_t kind)
{
    return (adaptau_sampler_options){
        .struct_size = sizeof(adaptau_sampler_options),
        .kind = kind,
        .rows = ADAPTAU_SAMPLER_ROWS_AUTO,
        .rows_per_batch = rows_of_kind(kind) == ADAPTAU_SAMPLER_ROWS_USERS ? 256 : 2048,
        .n_candidates = 1024,
        .popularity_exponent = kind == ADAPTAU_SAMPLER_SHARED_POPULARITY ? 0.75 : 0.0,
        .row_weight_exponent = 1.0,
    };
}

static bool is_kind(int32_t kind)
{
    return kind >= ADAPTAU_SAMPLER_CATALOGUE && kind <= ADAPTAU_SAMPLER_PER_ROW_UNIFORM;
}

adaptau_status adaptau_sampler_options_init(adaptau_sampler_options *options, int32_t kind, adaptau_error *error)
{
    if (!is_kind(kind))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "kind = %d is unknown", kind);
    const adaptau_sampler_options defaults = defaults_of(kind);
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

static bool draws_candidates(int32_t kind)
{
    return kind != ADAPTAU_SAMPLER_CATALOGUE && kind != ADAPTAU_SAMPLER_IN_BATCH;
}

static adaptau_status check_real(double value, double low, double high, const char *name, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", name, value);
    if (value < low || value > high)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside %g ... %g", name, value, low, high);
    return ADAPTAU_OK;
}

static adaptau_status check_options(const adaptau_sampler_options *options, adaptau_error *error)
{
    if (options->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->reserved = %d, not 0", options->reserved);
    if (options->flags & ~KNOWN_FLAGS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->flags = 0x%x has unknown bits", options->flags);
    if (!is_kind(options->kind))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->kind = %d is unknown", options->kind);
    if (options->rows < ADAPTAU_SAMPLER_ROWS_AUTO || options->rows > ADAPTAU_SAMPLER_ROWS_INTERACTIONS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->rows = %d is unknown", options->rows);
    if (options->rows_per_batch == 0)
        return atau_fail_zero(error, "options->rows_per_batch", "at least 1", INIT);
    if (options->rows_per_batch < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->rows_per_batch = %d is negative", options->rows_per_batch);
    if (options->n_candidates == 0 && draws_candidates(options->kind))
        return atau_fail_zero(error, "options->n_candidates", "at least 1", INIT);
    if (options->n_candidates < 0 || options->n_candidates > INT32_MAX)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->n_candidates = %" PRId64 " is outside 0 ... %d",
                         options->n_candidates, INT32_MAX);
    adaptau_status status = check_real(options->popularity_exponent, -4.0, 4.0, "popularity_exponent", error);
    if (!status)
        status = check_real(options->row_weight_exponent, 0.0, 2.0, "row_weight_exponent", error);
    return status;
}

static bool rows_are_users(const adaptau_sampler *sampler)
{
    return sampler->options.rows == ADAPTAU_SAMPLER_ROWS_USERS;
}

static bool draws_shared(const adaptau_sampler *sampler)
{
    return sampler->options.kind == ADAPTAU_SAMPLER_SHARED_UNIFORM ||
           sampler->options.kind == ADAPTAU_SAMPLER_SHARED_POPULARITY;
}

static bool draws_per_row(const adaptau_sampler *sampler)
{
    return sampler->options.kind == ADAPTAU_SAMPLER_PER_ROW_UNIFORM;
}

static bool fills_log_q(const adaptau_sampler *sampler)
{
    return sampler->options.flags & ADAPTAU_SAMPLER_LOG_Q &&
           (draws_shared(sampler) || sampler->options.kind == ADAPTAU_SAMPLER_IN_BATCH);
}

static bool weighs_catalogue(const adaptau_sampler *sampler)
{
    return sampler->options.kind == ADAPTAU_SAMPLER_CATALOGUE && sampler->options.popularity_exponent != 0.0;
}

static bool avoids_positives(const adaptau_sampler *sampler)
{
    return sampler->options.flags & ADAPTAU_SAMPLER_REJECT_POSITIVES && draws_per_row(sampler);
}

static bool weighs_rows(const adaptau_sampler *sampler)
{
    return sampler->options.row_weight_exponent != 1.0;
}

/* ---- creation --------------------------------------------------------------------------------------------------- */

static adaptau_status check_free_items(const adaptau_dataset *dataset, adaptau_error *error)
{
    for (int32_t u = 0; u < dataset->n_users; u++)
        if (dataset->n_items > 0 && atau_user_degree(dataset, u) == dataset->n_items)
            return atau_fail(error, ADAPTAU_E_STATE, "user %d has all %d items: no candidate is left", u, dataset->n_items);
    return ADAPTAU_OK;
}

static adaptau_status count_rows(adaptau_sampler *sampler, adaptau_error *error)
{
    const adaptau_dataset *dataset = sampler->dataset;
    int64_t                rows = dataset->n_interactions;
    if (rows_are_users(sampler)) {
        rows = 0;
        for (int32_t u = 0; u < dataset->n_users; u++)
            rows += atau_user_degree(dataset, u) > 0;
    }
    if (rows > UINT32_MAX)
        return atau_fail(error, ADAPTAU_E_SHAPE, "the dataset has %" PRId64 " pairs, but at most %u can be rows", rows,
                         UINT32_MAX);
    sampler->n_rows = rows;
    sampler->max_rows = atau_min_i64(rows, sampler->options.rows_per_batch);
    if (draws_per_row(sampler) && sampler->max_rows * sampler->options.n_candidates > INT32_MAX)
        return atau_fail(error, ADAPTAU_E_SHAPE, "%" PRId64 " rows of options->n_candidates = %" PRId64 " exceed 2^31 - 1",
                         sampler->max_rows, sampler->options.n_candidates);
    return ADAPTAU_OK;
}

/* The most that a batch's rows can have of a user's list: from a histogram of how long the lists of all rows are. */
static adaptau_status bound_lists(const adaptau_sampler *sampler, const int64_t *list_ptr, int64_t *most, adaptau_error *error)
{
    const adaptau_dataset *dataset = sampler->dataset;
    size_t                 places = (size_t)dataset->n_items + 1;
    int64_t               *rows_of = atau_allocate_zeroed(sampler->context, places, sizeof *rows_of);
    if (!rows_of)
        return atau_fail_memory(error, places * sizeof *rows_of, "a histogram of lists");
    for (int32_t u = 0; u < dataset->n_users; u++) {
        const int64_t degree = atau_user_degree(dataset, u);
        rows_of[list_ptr[u + 1] - list_ptr[u]] += rows_are_users(sampler) ? degree > 0 : degree;
    }
    int64_t left = sampler->max_rows;
    *most = 0;
    for (int64_t length = dataset->n_items; length > 0 && left > 0; length--) {
        int64_t taken = atau_min_i64(left, rows_of[length]);
        *most += taken * length;
        left -= taken;
    }
    atau_free(sampler->context, rows_of, places * sizeof *rows_of);
    return ADAPTAU_OK;
}

/* A row that is an interaction has one positive, and all negatives of its user. */
static adaptau_status bound_batch(adaptau_sampler *sampler, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    sampler->max_positives = sampler->max_rows;
    if (rows_are_users(sampler))
        status = bound_lists(sampler, sampler->dataset->user_ptr, &sampler->max_positives, error);
    if (!status && sampler->has_negatives)
        status = bound_lists(sampler, sampler->dataset->negative_ptr, &sampler->max_negatives, error);
    return status;
}

/* Candidates that a batch draws at most. */
static size_t bound_draws(const adaptau_sampler *sampler)
{
    size_t draws = (size_t)sampler->options.n_candidates;
    return draws_shared(sampler) ? draws : draws_per_row(sampler) ? (size_t)sampler->max_rows * draws : 0;
}

static void lay_out(adaptau_sampler *sampler)
{
    struct atau_arena *arena = &sampler->arena;
    size_t             n_rows = (size_t)sampler->n_rows, rows = (size_t)sampler->max_rows;
    size_t             positives = (size_t)sampler->max_positives, items = (size_t)sampler->dataset->n_items;
    size_t             draws = bound_draws(sampler), negatives = (size_t)sampler->max_negatives;
    size_t             log_shares = fills_log_q(sampler) ? items : 0;
    size_t             log_q = weighs_catalogue(sampler) ? items
                               : !fills_log_q(sampler)   ? 0
                               : draws_shared(sampler)   ? draws
                                                         : positives;
    bool               by_popularity = sampler->options.kind == ADAPTAU_SAMPLER_SHARED_POPULARITY;

    sampler->order = atau_arena_take(arena, n_rows, sizeof *sampler->order);
    sampler->row_users = atau_arena_take(arena, n_rows, sizeof *sampler->row_users);
    sampler->cumulative = atau_arena_take(arena, by_popularity ? items : 0, sizeof *sampler->cumulative);
    sampler->log_share = atau_arena_take(arena, log_shares, sizeof *sampler->log_share);
    sampler->users = atau_arena_take(arena, rows, sizeof *sampler->users);
    sampler->positive_ptr = atau_arena_take(arena, rows + 1, sizeof *sampler->positive_ptr);
    sampler->positives = atau_arena_take(arena, positives, sizeof *sampler->positives);
    sampler->weights = atau_arena_take(arena, sampler->dataset->user_weights ? positives : 0, sizeof *sampler->weights);
    sampler->negative_ptr = atau_arena_take(arena, sampler->has_negatives ? rows + 1 : 0, sizeof *sampler->negative_ptr);
    sampler->negatives = atau_arena_take(arena, negatives, sizeof *sampler->negatives);
    sampler->negative_weights =
        atau_arena_take(arena, sampler->dataset->negative_weights ? negatives : 0, sizeof *sampler->negative_weights);
    sampler->candidates = atau_arena_take(arena, draws, sizeof *sampler->candidates);
    sampler->log_q = atau_arena_take(arena, log_q, sizeof *sampler->log_q);
    sampler->row_weights = atau_arena_take(arena, weighs_rows(sampler) ? rows : 0, sizeof *sampler->row_weights);
}

static void list_rows(adaptau_sampler *sampler)
{
    const adaptau_dataset *dataset = sampler->dataset;
    int64_t                row = 0;
    for (int32_t u = 0; u < dataset->n_users; u++) {
        int64_t degree = atau_user_degree(dataset, u);
        int64_t rows = rows_are_users(sampler) ? degree > 0 : degree;
        for (int64_t i = 0; i < rows; i++)
            sampler->row_users[row++] = u;
    }
}

/* How likely a draw is to give this item, up to a common factor. An item that nobody has is never drawn by popularity. */
static double item_weight(const adaptau_sampler *sampler, int32_t item)
{
    double degree = (double)atau_item_degree(sampler->dataset, item);
    switch (sampler->options.kind) {
    case ADAPTAU_SAMPLER_SHARED_UNIFORM: return 1.0;
    case ADAPTAU_SAMPLER_SHARED_POPULARITY: return degree > 0.0 ? pow(degree, sampler->options.popularity_exponent) : 0.0;
    default: return degree;
    }
}

static void weigh_items(adaptau_sampler *sampler)
{
    bool   by_popularity = sampler->options.kind == ADAPTAU_SAMPLER_SHARED_POPULARITY;
    double total = 0.0;
    if (!by_popularity && !fills_log_q(sampler))
        return;
    for (int32_t i = 0; i < sampler->dataset->n_items; i++) {
        double weight = item_weight(sampler, i);
        total += weight;
        if (weight > 0.0)
            sampler->last_drawable = i;
        if (by_popularity)
            sampler->cumulative[i] = total;
    }
    for (int32_t i = 0; i < sampler->dataset->n_items && fills_log_q(sampler); i++)
        sampler->log_share[i] = log(item_weight(sampler, i) / total);
}

static adaptau_status prepare(adaptau_sampler *sampler, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    if (avoids_positives(sampler))
        status = check_free_items(sampler->dataset, error);
    if (!status)
        status = count_rows(sampler, error);
    if (!status)
        status = bound_batch(sampler, error);
    if (status)
        return status;
    lay_out(sampler);
    status = atau_arena_allocate(sampler->context, &sampler->arena, "a sampler", error);
    if (status)
        return status;
    lay_out(sampler);
    list_rows(sampler);
    weigh_items(sampler);
    if (weighs_catalogue(sampler)) /* the same in every batch */
        atau_popularity_log_q(sampler->dataset, sampler->options.popularity_exponent, sampler->log_q);
    return ADAPTAU_OK;
}

adaptau_status adaptau_sampler_create(adaptau_context *context, const adaptau_dataset *dataset,
                                      const adaptau_sampler_options *options, adaptau_sampler **out, adaptau_error *error)
{
    adaptau_sampler_options own;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_struct(&own, sizeof own, sizeof own, options, true, "options", error);
    if (!status) {
        const adaptau_sampler_options defaults = defaults_of(own.kind);
        atau_complete_struct(&own, &defaults, sizeof own, options);
        status = check_options(&own, error);
    }
    if (!status && dataset->negative_ptr && own.kind != ADAPTAU_SAMPLER_CATALOGUE)
        status = atau_fail(error, ADAPTAU_E_ARGUMENT,
                           "options->kind = %d, but the dataset has logged negatives, which need ADAPTAU_SAMPLER_CATALOGUE", own.kind);
    if (status)
        return status;
    if (own.rows == ADAPTAU_SAMPLER_ROWS_AUTO)
        own.rows = rows_of_kind(own.kind);
    adaptau_sampler *sampler = atau_allocate_zeroed(context, 1, sizeof *sampler);
    if (!sampler)
        return atau_fail_memory(error, sizeof *sampler, "a sampler");
    sampler->context = context;
    sampler->dataset = dataset;
    sampler->options = own;
    sampler->has_negatives = dataset->negative_ptr != NULL;
    atau_busy_leave(&sampler->busy);
    status = prepare(sampler, error);
    if (status) {
        adaptau_sampler_destroy(sampler);
        return status;
    }
    *out = sampler;
    return ADAPTAU_OK;
}

void adaptau_sampler_destroy(adaptau_sampler *sampler)
{
    if (!sampler)
        return;
    atau_arena_free(sampler->context, &sampler->arena);
    atau_free(sampler->context, sampler, sizeof *sampler);
}

/* ---- epochs ----------------------------------------------------------------------------------------------------- */

int64_t adaptau_sampler_n_batches(const adaptau_sampler *sampler)
{
    if (!sampler || sampler->n_rows == 0)
        return 0;
    return (sampler->n_rows + sampler->options.rows_per_batch - 1) / sampler->options.rows_per_batch;
}

/* From the identity every time: what an epoch's order is must not depend on the epochs before. */
static void list_in_order(int64_t n, uint32_t *order)
{
    for (int64_t i = 0; i < n; i++)
        order[i] = (uint32_t)i;
}

static void shuffle(uint64_t seed, int64_t epoch, int64_t n, uint32_t *order)
{
    struct atau_stream stream;
    atau_stream_start(&stream, seed, ATAU_RANDOM_ORDER, (uint64_t)epoch, 0);
    for (int64_t i = n - 1; i > 0; i--) {
        uint32_t j = atau_stream_below(&stream, (uint32_t)i + 1);
        uint32_t row = order[i];
        order[i] = order[j];
        order[j] = row;
    }
}

static void shuffle_rows(adaptau_sampler *sampler)
{
    list_in_order(sampler->n_rows, sampler->order);
    if (!(sampler->options.flags & ADAPTAU_SAMPLER_KEEP_ORDER))
        shuffle(sampler->options.seed, sampler->epoch, sampler->n_rows, sampler->order);
}

static adaptau_status check_epoch(int64_t epoch, adaptau_error *error)
{
    if (epoch < 0 || epoch >= MAX_EPOCH)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "epoch = %" PRId64 " is outside 0 ... 2^48 - 1", epoch);
    return ADAPTAU_OK;
}

adaptau_status adaptau_epoch_order(uint64_t seed, int64_t epoch, int64_t n, uint32_t *order, adaptau_error *error)
{
    adaptau_status status = check_epoch(epoch, error);
    if (status)
        return status;
    if (n < 0 || n > UINT32_MAX)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n = %" PRId64 " is outside 0 ... 2^32 - 1", n);
    if (n > 0)
        ATAU_REQUIRE(order, error);
    list_in_order(n, order);
    shuffle(seed, epoch, n, order);
    return ADAPTAU_OK;
}

adaptau_status adaptau_sampler_begin_epoch(adaptau_sampler *sampler, int64_t epoch, adaptau_error *error)
{
    ATAU_REQUIRE(sampler, error);
    adaptau_status status = check_epoch(epoch, error);
    if (!status)
        status = atau_enter(&sampler->busy, "sampler", error);
    if (status)
        return status;
    sampler->epoch = epoch;
    sampler->next_row = 0;
    sampler->begun = true;
    shuffle_rows(sampler);
    atau_busy_leave(&sampler->busy);
    return ADAPTAU_OK;
}

/* ---- batches ---------------------------------------------------------------------------------------------------- */

static void fill_rows(adaptau_sampler *sampler, int64_t start, int64_t n)
{
    const adaptau_dataset *dataset = sampler->dataset;
    int64_t                filled = 0;
    for (int64_t r = 0; r < n; r++) {
        int64_t row = sampler->order[start + r];
        int32_t user = sampler->row_users[row];
        int64_t first = rows_are_users(sampler) ? dataset->user_ptr[user] : row;
        int64_t count = rows_are_users(sampler) ? atau_user_degree(dataset, user) : 1;
        sampler->users[r] = user;
        sampler->positive_ptr[r] = filled;
        memcpy(sampler->positives + filled, dataset->user_items + first, (size_t)count * sizeof *sampler->positives);
        if (dataset->user_weights)
            memcpy(sampler->weights + filled, dataset->user_weights + first, (size_t)count * sizeof *sampler->weights);
        filled += count;
        if (weighs_rows(sampler))
            sampler->row_weights[r] =
                (float)pow(atau_user_weight(dataset, user), sampler->options.row_weight_exponent - 1.0);
    }
    sampler->positive_ptr[n] = filled;
}

static void fill_negatives(adaptau_sampler *sampler, adaptau_batch *batch)
{
    const adaptau_dataset *dataset = sampler->dataset;
    int64_t                filled = 0;
    for (int64_t r = 0; r < batch->n_rows; r++) {
        const int64_t first = dataset->negative_ptr[batch->users[r]], count = dataset->negative_ptr[batch->users[r] + 1] - first;
        sampler->negative_ptr[r] = filled;
        memcpy(sampler->negatives + filled, dataset->negatives + first, (size_t)count * sizeof *sampler->negatives);
        if (dataset->negative_weights)
            memcpy(sampler->negative_weights + filled, dataset->negative_weights + first,
                   (size_t)count * sizeof *sampler->negative_weights);
        filled += count;
    }
    sampler->negative_ptr[batch->n_rows] = filled;
    batch->negative_ptr = sampler->negative_ptr;
    batch->negatives = sampler->negatives;
    batch->negative_weights = dataset->negative_weights ? sampler->negative_weights : NULL;
}

static int32_t draw_popular(const adaptau_sampler *sampler, struct atau_stream *stream)
{
    double  target = atau_stream_uniform(stream) * sampler->cumulative[sampler->dataset->n_items - 1];
    int32_t low = 0, high = sampler->last_drawable; /* the host's rounding mode may bring target up to the total */
    while (low < high) {
        int32_t middle = low + (high - low) / 2;
        if (sampler->cumulative[middle] > target)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

static void draw_shared(adaptau_sampler *sampler, int64_t start)
{
    struct atau_stream stream;
    bool               by_popularity = sampler->options.kind == ADAPTAU_SAMPLER_SHARED_POPULARITY;
    atau_stream_start(&stream, sampler->options.seed, ATAU_RANDOM_CANDIDATES, (uint64_t)sampler->epoch, (uint64_t)start);
    for (int64_t c = 0; c < sampler->options.n_candidates; c++)
        sampler->candidates[c] = by_popularity ? draw_popular(sampler, &stream)
                                               : (int32_t)atau_stream_below(&stream, (uint32_t)sampler->dataset->n_items);
}

/* The r-th item, from 0, that is not in the ascending list: r plus the number of listed items before it. The k-th listed item
 * has list[k] − k free ones before it. */
static int32_t free_item(int32_t r, const int32_t *list, int64_t n)
{
    int64_t low = 0, high = n;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (list[middle] - middle > r)
            high = middle;
        else
            low = middle + 1;
    }
    return r + (int32_t)low;
}

struct row_draws {
    adaptau_sampler *sampler;
    int64_t          start, n;
};

static void draw_row(adaptau_sampler *sampler, int64_t start, int64_t r)
{
    const adaptau_dataset *dataset = sampler->dataset;
    int64_t                n_candidates = sampler->options.n_candidates;
    int32_t               *out = sampler->candidates + r * n_candidates;
    const int32_t         *owned = dataset->user_items + dataset->user_ptr[sampler->users[r]];
    int64_t                n_owned = avoids_positives(sampler) ? atau_user_degree(dataset, sampler->users[r]) : 0;
    uint32_t               n_free = (uint32_t)(dataset->n_items - n_owned);
    struct atau_stream     stream;
    atau_stream_start(&stream, sampler->options.seed, ATAU_RANDOM_CANDIDATES, (uint64_t)sampler->epoch,
                      (uint64_t)(start + r));
    for (int64_t c = 0; c < n_candidates; c++)
        out[c] = free_item((int32_t)atau_stream_below(&stream, n_free), owned, n_owned);
}

static void draw_rows(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct row_draws *draws = argument;
    (void)lane;
    for (int64_t r = first; r < end; r++)
        draw_row(draws->sampler, draws->start, r);
}

/* log(C p_c) */
static void fill_log_q(adaptau_sampler *sampler, int64_t n, const int32_t *candidates)
{
    double log_n = log((double)n);
    for (int64_t c = 0; c < n; c++)
        sampler->log_q[c] = (float)(sampler->log_share[candidates[c]] + log_n);
}

static adaptau_status fill_candidates(adaptau_sampler *sampler, int64_t start, adaptau_batch *batch, adaptau_error *error)
{
    batch->n_candidates = sampler->options.n_candidates;
    batch->candidate_ids = sampler->candidates;
    batch->candidates = ADAPTAU_CANDIDATES_SHARED;
    if (draws_shared(sampler)) {
        draw_shared(sampler, start);
    } else if (sampler->options.kind == ADAPTAU_SAMPLER_IN_BATCH) {
        batch->n_candidates = batch->positive_ptr[batch->n_rows];
        batch->candidate_ids = batch->positives;
    } else if (draws_per_row(sampler)) {
        struct row_draws draws = {.sampler = sampler, .start = start, .n = batch->n_rows};
        batch->candidates = ADAPTAU_CANDIDATES_PER_ROW;
        return atau_parallel_rows(sampler->context, draws.n, ROWS_PER_TASK, draw_rows, &draws, error);
    } else {
        batch->n_candidates = 0;
        batch->candidate_ids = NULL;
        batch->candidates = ADAPTAU_CANDIDATES_CATALOGUE;
        batch->log_q = weighs_catalogue(sampler) ? sampler->log_q : NULL;
    }
    if (fills_log_q(sampler)) {
        fill_log_q(sampler, batch->n_candidates, batch->candidate_ids);
        batch->log_q = sampler->log_q;
    }
    return ADAPTAU_OK;
}

static adaptau_status fill_batch(adaptau_sampler *sampler, adaptau_batch *batch, adaptau_error *error)
{
    int64_t start = sampler->next_row;
    int64_t n = atau_min_i64(sampler->options.rows_per_batch, sampler->n_rows - start);
    if (n == 0)
        return ADAPTAU_OK;
    fill_rows(sampler, start, n);
    batch->flags = sampler->options.flags & ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0;
    batch->n_rows = (int32_t)n;
    batch->users = sampler->users;
    batch->positive_ptr = sampler->positive_ptr;
    batch->positives = sampler->positives;
    batch->positive_weights = sampler->dataset->user_weights ? sampler->weights : NULL;
    batch->row_weights = weighs_rows(sampler) ? sampler->row_weights : NULL;
    if (sampler->has_negatives)
        fill_negatives(sampler, batch);
    adaptau_status status = fill_candidates(sampler, start, batch, error);
    if (!status)
        sampler->next_row = start + n;
    return status;
}

adaptau_status adaptau_sampler_next(adaptau_sampler *sampler, adaptau_batch *out, adaptau_error *error)
{
    adaptau_batch batch = {0};
    ATAU_REQUIRE(sampler, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (!status)
        status = atau_enter(&sampler->busy, "sampler", error);
    if (status)
        return status;
    if (sampler->begun)
        status = fill_batch(sampler, &batch, error);
    else
        status = atau_fail(error, ADAPTAU_E_STATE, "no epoch has begun");
    atau_busy_leave(&sampler->busy);
    if (!status)
        atau_write_struct(out, &batch, sizeof batch);
    return status;
}
