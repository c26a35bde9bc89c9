/* SPDX-License-Identifier: MIT */
/* The softmax over candidates, and every other loss of such scores (loss.h), inside. adaptau_loss_gradients checks its
 * arguments, prepares the tables and hands a checked problem to one of two engines: softmax_dense.c where all rows share their
 * candidates (the catalogue, or C items), softmax_per_row.c where each row has its own. Both turn a row's sums into losses and
 * coefficients with the loss's `terms`, and scatter.c adds up the gradients of items that are met here and there. */
#ifndef ATAU_SOFTMAX_H
#define ATAU_SOFTMAX_H

#include <adaptau/kernels.h>

#include <math.h>
#include <stdbool.h>

#include "kernels/batch.h"
#include "kernels/kernels.h"
#include "kernels/loss.h"
#include "kernels/workspace.h"

#define ATAU_TILE_LINES 128 /* a tile of 128 x 128 floats and its 128 item rows stay in a second-level cache   */

/* One side of the scores. */
struct atau_side {
    const float *rows; /* raw embeddings                                                                      */
    int64_t      stride;
    bool         normalise; /* scores use rows/‖row‖                                                          */
    bool         unit;      /* and the rows have length 1 already                                             */
};

struct atau_softmax {
    adaptau_context           *context;
    struct atau_workspace     *memory;
    const struct atau_kernels *kernels;
    const struct atau_bf16_kernels *bf16; /* for the tiles' products, or NULL: float32                          */
    int32_t                    dim;
    int32_t                    n_items;
    struct atau_side           users, items;
    const float               *unit_items; /* [m x d] ê_i, and their 1/‖e_i‖ or NULL for all 1; catalogue only */
    int64_t                    unit_item_stride;
    const float               *item_inverse_norms;
    adaptau_batch              batch;
    adaptau_row_temperatures   temperatures;
    const struct atau_loss    *loss;
    adaptau_loss               loss_options; /* with its defaults filled in                                   */
    adaptau_loss_output     output; /* a copy; written back by adaptau_softmax                             */
    double                    *row_loss; /* [R] the caller's or our own                                       */
    double                    *row_count; /* [R] terms of each row, by their weights                          */
    float                     *row_threshold; /* [R] the K-th highest score of each row, or NULL: not wanted   */
    double                    *pair_sums; /* [positives] of a loss that asks for them (loss.h), or NULL        */
    bool                       outside; /* positives outside the sum                                          */
    const adaptau_reduce    *reduce; /* with the other ranges of items, or NULL: there are none           */
    bool                       bounded; /* logits have a known bound and need no row maximum                  */
    float                      logit_offset; /* max(−log q) + max log(1 + b), 0 without log_q and logged negatives */
    _Atomic int64_t            bad_row, bad_item; /* first whose gradient is not finite; INT64_MAX: none       */
};

/* ---- rows of the batch ------------------------------------------------------------------------------------------ */

static inline float atau_row_tau(const struct atau_softmax *s, int64_t row)
{
    return s->temperatures.candidates ? s->temperatures.candidates[row] : s->temperatures.tau;
}

static inline float atau_row_tau_positive(const struct atau_softmax *s, int64_t row)
{
    return s->temperatures.positives ? s->temperatures.positives[row] : atau_row_tau(s, row);
}

static inline const float *atau_row_user(const struct atau_softmax *s, int64_t row)
{
    int64_t user = s->batch.users ? s->batch.users[row] : row;
    return s->users.rows + user * s->users.stride;
}

static inline const float *atau_item(const struct atau_softmax *s, int64_t item)
{
    return s->items.rows + item * s->items.stride;
}

static inline double atau_row_target_share(const struct atau_softmax *s, int64_t row)
{
    return s->batch.target_shares ? (double)s->batch.target_shares[row] : 0.0;
}

static inline const float *atau_row_target(const struct atau_softmax *s, int64_t row)
{
    return s->batch.target_shares ? s->batch.user_targets + row * s->dim : NULL;
}

static inline int64_t atau_row_positives(const struct atau_softmax *s, int64_t row)
{
    return s->batch.positive_ptr[row + 1] - s->batch.positive_ptr[row];
}

/* ---- what the losses' terms share -------------------------------------------------------------------------------- */

static inline double atau_row_weight(const struct atau_softmax *s, int64_t row)
{
    return s->batch.row_weights ? (double)s->batch.row_weights[row] : 1.0;
}

/* a_i of a row's i-th positive. */
static inline double atau_positive_weight(const struct atau_softmax *s, int64_t row, int64_t i)
{
    return s->batch.positive_weights ? (double)s->batch.positive_weights[s->batch.positive_ptr[row] + i] : 1.0;
}

/* w n λ/C', which a row's candidates are multiplied by where each positive meets their mean; 0 without candidates. */
static inline double atau_row_factor(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums)
{
    return sums->n_candidates > 0.0
               ? atau_row_weight(s, row) * sums->n_positives * s->loss_options.negative_weight / sums->n_candidates
               : 0.0;
}

static inline void atau_set_row(const struct atau_softmax *s, int64_t row, double loss, double d_inverse_tau)
{
    s->row_loss[row] = loss;
    if (s->output.row_d_inverse_tau)
        s->output.row_d_inverse_tau[row] = (float)d_inverse_tau;
}

/* What the sum of a positive's pairs starts with: itself, where it is no candidate. */
static inline double atau_own_pair(const struct atau_softmax *s)
{
    return s->outside || s->batch.candidates != ADAPTAU_CANDIDATES_CATALOGUE ? 1.0 : 0.0;
}

/* log(exp(a) + exp(b)); either may be −inf. */
static inline double atau_log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return isinf(low) ? high : high + log1p(exp(low - high));
}

/* What the softmax's family has in common: Σ a f of the positives, and what the outputs at temperature 1 and log sums are. */
void atau_sum_scores(const struct atau_softmax *s, int64_t row, const float *f, adaptau_row_sums *sums);
void atau_set_softmax_row(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, double log_sum);

/* What a row's positives are to its sums. */
static inline void atau_sum_positives(const struct atau_softmax *s, int64_t row, const float *f, adaptau_row_sums *sums)
{
    sums->n_positives = atau_batch_row_positives(&s->batch, row);
    if (s->loss->positives)
        s->loss->positives(s, row, f, sums);
}

/* Hand a piece to the host (reduce.c): as it is; items of some tiles; all items, where a batch has no rows. */
adaptau_status atau_reduce_piece(const struct atau_softmax *s, const adaptau_reduce_piece *piece, adaptau_error *error);
adaptau_status atau_reduce_items(const struct atau_softmax *s, int64_t first_tile, int64_t end_tile, adaptau_error *error);
adaptau_status atau_reduce_nothing(const struct atau_softmax *s, adaptau_error *error);

/* atau_open_reduce, and a check of the reduction for the problem in *s. */
adaptau_status atau_read_reduce(const struct atau_softmax *s, const adaptau_reduce *given, adaptau_reduce *out,
                                  adaptau_error *error);

/* ---- engines ----------------------------------------------------------------------------------------------------- */

adaptau_status atau_softmax_dense(struct atau_softmax *s, adaptau_error *error);
adaptau_status atau_softmax_per_row(struct atau_softmax *s, adaptau_error *error);

/* ---- small things that both engines do --------------------------------------------------------------------------- */

/* ê of a row into `out`; returns 1/‖e‖, 0 for a zero row, 1 for a side that is raw or unit. */
float atau_side_row(const struct atau_softmax *s, const struct atau_side *side, const float *row, float *out);

/* f of an item for a row's ê_u, and what its row counts: 1/‖e_i‖, or 1 for a side that is raw or unit. */
float atau_score_item(const struct atau_softmax *s, const float *query, int64_t item, float *inverse_norm);

/* out += coefficient ê_i, of a row of the table and its 1/‖e_i‖ (1 for a side that is raw or unit). */
void atau_add_item(const struct atau_softmax *s, float coefficient, float inverse_norm, int64_t item, float *out);

/* g ← (g − (g·ê) ê) inverse_norm where the side is normalised. `which` is the row or item, remembered in *first_bad when the
 * result is not finite. */
void atau_side_backward(const struct atau_softmax *s, const struct atau_side *side, const float *unit, float inverse_norm,
                        float *gradient, int64_t which, _Atomic int64_t *first_bad);

/* Take this batch's part of the items' soft targets off an item's gradient, before its backward. */
void atau_add_item_target(const struct atau_softmax *s, int64_t item, float *gradient);

/* The K-th highest of n scores, and of more at another call: keys [K] and *kept start as nothing; −inf where there are fewer.
 * Scores of −inf and NaN are none. */
void  atau_offer_scores(uint64_t *keys, int32_t *kept, int32_t k, int64_t n, const float *scores);
float atau_kth_score(const uint64_t *keys, int32_t kept, int32_t k);

/* ---- scatter ----------------------------------------------------------------------------------------------------- */

/* Contributions to item gradients from here and there: entry e adds coefficient[e] vector(e) to item[e]. */
struct atau_scatter {
    int64_t        n;
    const int32_t *items;        /* [n]                                                                       */
    const float   *coefficients; /* [n]                                                                       */
    const float   *vectors;      /* rows of `dim`                                                             */
    const int32_t *vector_ids;   /* [n] row of `vectors`, or NULL: entry e uses row e / entries_per_vector    */
    int64_t        entries_per_vector;
};

/* Have the memory for sorting n contributions, so that nothing fails for want of it once outputs are written. */
adaptau_status atau_scatter_reserve(struct atau_softmax *s, int64_t n, adaptau_error *error);

/* Sum two lists of contributions by item, in a fixed order, apply the backward of normalisation, and write the rows of
 * s->output.item_gradients and the touched list. The second list comes after the first within an item. The memory has been
 * reserved. */
adaptau_status atau_scatter_items(struct atau_softmax *s, const struct atau_scatter *first,
                                  const struct atau_scatter *second, adaptau_error *error);

#endif
