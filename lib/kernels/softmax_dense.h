/* SPDX-License-Identifier: MIT */
/* The tile engine's state. softmax_dense_plan.c cuts the work, holds the memory and sets up each block of rows;
 * softmax_dense.c computes. */
#ifndef ATAU_SOFTMAX_DENSE_H
#define ATAU_SOFTMAX_DENSE_H

#include "common/size.h"
#include "kernels/softmax.h"

#define ATAU_TILE_LINES 128 /* a tile of 128 x 128 floats and its 128 item rows stay in a second-level cache   */

/* A positive of the block that meets a candidate. */
struct atau_meeting {
    int32_t line;     /* position among the candidates                                                       */
    int32_t row;      /* in the block                                                                        */
    int64_t positive; /* in the block's arrays of positives                                                  */
};

struct atau_dense {
    struct atau_softmax *s;
    const float         *candidates; /* [C x d] ê                                                             */
    int64_t              candidate_stride;
    const float         *candidate_inverse_norms; /* [C], or NULL: all 1                                      */
    int64_t              n_candidates;
    float               *gradients; /* [C x d] of the candidates, or NULL                                     */
    int64_t              gradient_stride;

    /* the grid */
    int64_t n_tiles, n_chunks;
    int32_t block_rows, tile_stride;
    bool    shared, store, want_users, want_unit, last_block;

    /* the block */
    int64_t first_row;
    int32_t n_rows;
    int64_t first_positive, n_positives;

    /* work arrays */
    float               *queries;       /* [B x d] ê_u                                                        */
    float               *queries_t;     /* [d x B]                                                            */
    float               *factored;      /* [B x d] ê_u times the row's factor                                 */
    float               *inverse_norms; /* [B]                                                                */
    float               *inverse_tau, *one, *shift, *unit_shift; /* [B]                                       */
    float               *tiles;         /* [n_tiles x L x stride] stored, [lanes x L x stride] otherwise      */
    float               *tile_shifts;   /* [n_tiles x B] what each stored tile is relative to; unbounded only */
    float               *partial_users; /* [n_chunks x B x d]                                                 */
    double              *partial_sums, *partial_unit_sums; /* [n_chunks x B]                                  */
    float               *partial_max, *partial_unit_max;   /* [n_chunks x B] unbounded only                   */
    float               *final_shift;   /* [B]                                                                */
    float               *lane_sums;     /* [lanes x 2 B]                                                      */
    float               *lane_queries;  /* [lanes x B x d] queries relative to a tile's shift; unbounded only */
    float               *scores;        /* [most positives of a block] f                                      */
    float               *coefficients;  /* [the same]                                                         */
    float               *norms_of_positives; /* [the same] 1/‖e_i‖; shared candidates only                    */
    struct atau_meeting *meetings;      /* [most meetings of a block], by tile                                */
    int64_t             *tile_ptr;      /* [n_tiles + 1]                                                      */
    int64_t             *tile_next;     /* [n_tiles]                                                          */

    /* shared candidates */
    float       *gathered;         /* [C x d]                                                                 */
    float       *gathered_norms;   /* [C]                                                                     */
    int64_t     *by_id;            /* [C] id << 32 | position, ascending                                      */
    float       *all_queries;      /* [R x d] ê_u, for the positives' scatter                                 */
    float       *all_coefficients; /* [positives]                                                             */
    int32_t     *row_of_positive;  /* [positives]                                                             */
};

static inline int64_t atau_first_tile(const struct atau_dense *d, int64_t chunk)
{
    return d->n_tiles * chunk / d->n_chunks;
}

static inline int64_t atau_tile_lines(const struct atau_dense *d, int64_t tile)
{
    return atau_min_i64(ATAU_TILE_LINES, d->n_candidates - tile * ATAU_TILE_LINES);
}

/* Gather shared candidates, choose the grid and lay out memory in s->memory. */
adaptau_status atau_dense_open(struct atau_softmax *s, struct atau_dense *d, adaptau_error *error);

/* Rows from first_row on: their ê, factors and shifts, and where their positives meet candidates. */
void atau_dense_begin_block(struct atau_dense *d, int64_t first_row);

#endif
