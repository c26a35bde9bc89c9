/* SPDX-License-Identifier: MIT */
/* What ranges of items know together: the host is handed sums and gradients, and adds to them what the other ranges have. */
#include <math.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "common/size.h"
#include "kernels/softmax.h"

#define USUAL_PIECES 8
#define PIECES_MOST 1024

/* ---- sums of rows ------------------------------------------------------------------------------------------------ */

/* A factor that brings a sum from one shift to another; a sum of nothing has no shift. */
static double change_of(double sum, double shift, double to)
{
    return sum == 0.0 ? 0.0 : shift == to ? 1.0 : exp(shift - to);
}

/* The higher shift, so that nothing overflows; that of a sum of nothing does not count. */
static double common_shift(double sum, double shift, double other_sum, double other_shift)
{
    return sum == 0.0 ? other_shift : other_sum == 0.0 ? shift : fmax(shift, other_shift);
}

static void merge_row(adaptau_row_sums *into, const adaptau_row_sums *from)
{
    const double shift = common_shift(into->sum, into->shift, from->sum, from->shift);
    const double unit_shift = common_shift(into->unit_sum, into->unit_shift, from->unit_sum, from->unit_shift);
    const double mine = change_of(into->sum, into->shift, shift), theirs = change_of(from->sum, from->shift, shift);
    into->slope = into->slope * (into->sum == 0.0 ? 1.0 : mine) + from->slope * (from->sum == 0.0 ? 1.0 : theirs);
    into->sum = into->sum * mine + from->sum * theirs;
    into->unit_sum = into->unit_sum * change_of(into->unit_sum, into->unit_shift, unit_shift) +
                     from->unit_sum * change_of(from->unit_sum, from->unit_shift, unit_shift);
    into->shift = shift;
    into->unit_shift = unit_shift;
    into->n_candidates += from->n_candidates;
    into->n_positives += from->n_positives;
    into->positive_sum += from->positive_sum;
    into->positive_slope += from->positive_slope;
    into->target_score += from->target_score;
}

void adaptau_merge_row_sums(int64_t n, adaptau_row_sums *into, const adaptau_row_sums *from)
{
    for (int64_t r = 0; into && from && r < n; r++)
        merge_row(&into[r], &from[r]);
}

/* ---- pieces ------------------------------------------------------------------------------------------------------ */

adaptau_status atau_reduce_piece(const struct atau_softmax *s, const adaptau_reduce_piece *piece, adaptau_error *error)
{
    int32_t answer = s->reduce->function(s->reduce->user_data, piece);
    return answer == 0 ? ADAPTAU_OK : atau_fail(error, ADAPTAU_E_CALLBACK, "reduce->function returned %d", answer);
}

adaptau_status atau_reduce_items(const struct atau_softmax *s, int64_t first_tile, int64_t end_tile, adaptau_error *error)
{
    const int64_t                first = first_tile * ATAU_TILE_LINES;
    const adaptau_reduce_piece piece = {.what = ADAPTAU_REDUCE_ITEMS,
                                          .first = first,
                                          .n = atau_min_i64(end_tile * ATAU_TILE_LINES, s->n_items) - first,
                                          .gradients = s->output.item_gradients + first * s->output.item_gradient_stride,
                                          .stride = s->output.item_gradient_stride};
    return atau_reduce_piece(s, &piece, error);
}

adaptau_status atau_reduce_nothing(const struct atau_softmax *s, adaptau_error *error)
{
    const int64_t  n_tiles = (s->n_items + ATAU_TILE_LINES - 1) / ATAU_TILE_LINES, n_pieces = s->reduce->item_pieces;
    adaptau_status status = ADAPTAU_OK;
    if (!s->output.item_gradients || s->batch.candidates != ADAPTAU_CANDIDATES_CATALOGUE)
        return ADAPTAU_OK;
    for (int64_t k = 0; k < n_pieces && status == ADAPTAU_OK; k++)
        if (n_tiles * k / n_pieces < n_tiles * (k + 1) / n_pieces)
            status = atau_reduce_items(s, n_tiles * k / n_pieces, n_tiles * (k + 1) / n_pieces, error);
    return status;
}

/* ---- a caller's -------------------------------------------------------------------------------------------------- */

static adaptau_status check_that_it_adds_up(const struct atau_softmax *s, adaptau_error *error)
{
    if (s->loss->pairs)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce is given, but %s compares each candidate with each positive",
                         s->loss->name);
    if (s->loss->whole)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce is given, but %s weighs positives by a row's whole list",
                         s->loss->name);
    if (s->batch.candidates == ADAPTAU_CANDIDATES_PER_ROW)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce is given, but candidates of a row's own cannot be cut into ranges of items");
    if (s->batch.candidates == ADAPTAU_CANDIDATES_SHARED && !s->outside)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce is given, but with shared candidates positives in the sum do not "
                                                    "add up: ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM");
    return ADAPTAU_OK;
}

static const adaptau_reduce defaults = {.struct_size = sizeof(adaptau_reduce), .item_pieces = USUAL_PIECES};

adaptau_status adaptau_reduce_init(adaptau_reduce *reduce, adaptau_error *error)
{
    return atau_init_struct(reduce, &defaults, sizeof defaults, sizeof defaults, "reduce", error);
}

adaptau_status atau_open_reduce(const adaptau_reduce *given, adaptau_reduce *out, adaptau_error *error)
{
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, given, false, "reduce", error);
    if (status != ADAPTAU_OK)
        return status;
    atau_complete_struct(out, &defaults, sizeof *out, given);
    if (!out->function)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce->function is NULL");
    if (out->item_pieces == 0)
        return atau_fail_zero(error, "reduce->item_pieces", "at least 1", "adaptau_reduce_init");
    if (out->item_pieces < 0 || out->item_pieces > PIECES_MOST)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce->item_pieces = %d is outside 1 ... %d", out->item_pieces,
                         PIECES_MOST);
    return ADAPTAU_OK;
}

adaptau_status atau_read_reduce(const struct atau_softmax *s, const adaptau_reduce *given, adaptau_reduce *out,
                                  adaptau_error *error)
{
    const int64_t  n = s->batch.candidates == ADAPTAU_CANDIDATES_SHARED ? s->batch.n_candidates : s->n_items;
    adaptau_status status = atau_open_reduce(given, out, error);
    if (status != ADAPTAU_OK)
        return status;
    if (out->most_items < 0 || (out->most_items > 0 && out->most_items < n))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce->most_items = %lld, but this range has %lld",
                         (long long)out->most_items, (long long)n);
    if (out->most_items > INT32_MAX)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "reduce->most_items = %lld is above 2^31 - 1, which no shard has",
                         (long long)out->most_items);
    return check_that_it_adds_up(s, error);
}
