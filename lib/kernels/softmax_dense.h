/* SPDX-License-Identifier: MIT */
/* The tile engine's state. softmax_dense_plan.c cuts the work, holds the memory and sets up each block of rows;
 * softmax_dense.c computes, by the products of
 * softmax_dense_products.c. */
#ifndef ATAU_SOFTMAX_DENSE_H
#define ATAU_SOFTMAX_DENSE_H

#include "common/size.h"
#include "kernels/softmax.h"

#define ATAU_BLOCKS_MOST 16 /* at work at once                                                                 */

/* A positive of the block that meets a candidate. */
struct atau_meeting {
    int32_t line;     /* position among the candidates                                                       */
    int32_t row;      /* in the block                                                                        */
    int64_t positive; /* in the block's arrays of positives                                                  */
};

/* A logged negative of the block: (1 + b) exp(f/τ) is the exponential of a score that is τ log(1 + b) higher. */
struct atau_negative {
    int32_t line;   /* position among the candidates                                                         */
    int32_t row;    /* in the block                                                                          */
    float   copies; /* log(1 + b)                                                                            */
    float   score;  /* f, or −inf where it is masked                                                         */
};

/* Operands of the products as words of two bfloat16 (kernels.h), packed once per step; what belongs to a block is there. */
struct atau_panels {
    const struct atau_bf16_kernels *kernels; /* NULL: products are float32                                    */
    int64_t   item_words, tile_words;        /* of a line of item_lines, of tile_lines                        */
    uint32_t *item_lines;      /* [C x item_words] neighbours along d                                         */
    uint32_t *item_pairs;      /* [n_tiles x L/2 x d] neighbours along the candidates of a tile               */
    uint32_t *tile_pairs;      /* [lanes x L/2 x B] T, neighbours along candidates                            */
    uint32_t *lane_tile_lines; /* [lanes x L x tile_words] T of tiles that are not stored                     */
    uint32_t *lane_factored;   /* [lanes x B/2 x d] relative to a tile's shift; unbounded only                */
};

/* A block of rows. Arrays of B have room for block_rows. */
struct atau_block {
    int64_t first_row;
    int32_t n_rows;
    int64_t first_positive;
    float  *queries;       /* [B x d] ê_u                                                                     */
    float  *queries_t;     /* [d x B]                                                                         */
    float  *factored;      /* [B x d] ê_u times the row's factor                                              */
    float  *inverse_norms; /* [B]                                                                             */
    float  *inverse_tau, *shift, *unit_shift, *final_shift; /* [B]                                            */
    float  *tiles;         /* [n_tiles x L x stride] T where it is stored as float32, or NULL                 */
    float  *tile_shifts;   /* [n_tiles x B] what each stored tile is relative to; unbounded only              */
    float  *partial_users; /* [n_chunks x B x d]                                                              */
    double *partial_sums, *partial_unit_sums; /* [n_chunks x B]                                               */
    float  *partial_max, *partial_unit_max;   /* [n_chunks x B] unbounded only                                */
    uint64_t         *partial_keys; /* [n_chunks x B x K] heaps of the rows' highest scores, of a loss that asks for them */
    int32_t          *partial_kept; /* [n_chunks x B]                                                         */
    _Atomic uint32_t *bounds;       /* [B] below the K-th highest, as the upper half of a rank key            */
    double *partial_slopes; /* [n_chunks x most positives of a block] of pairs                                */
    double *counted;        /* [B] candidates that are not masked                                             */
    adaptau_row_sums *sums; /* [B] of this range of items, then of the catalogue                              */
    float  *scores;             /* [most positives of a block] f                                              */
    float  *coefficients;       /* [the same]                                                                 */
    float  *norms_of_positives; /* [the same] 1/‖e_i‖; shared candidates only                                 */
    struct atau_meeting *meetings;  /* [most meetings of a block], by tile                                    */
    int64_t             *tile_ptr;  /* [n_tiles + 1]                                                          */
    int64_t             *tile_next; /* [n_tiles]                                                              */
    struct atau_negative *negatives;    /* [most negatives of a block], by tile                               */
    int64_t              *negative_ptr; /* [n_tiles + 1]                                                      */
    struct {
        uint32_t *queries;    /* [d/2 x B] neighbours along d                                                 */
        uint32_t *factored;   /* [B/2 x d] neighbours along rows                                              */
        uint32_t *tile_lines; /* [n_tiles x L x tile_words] T where it is stored, neighbours along rows; or NULL */
    } words; /* bfloat16 only                                                                                 */
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
    int64_t most_tiles;     /* of all ranges of items: what blocks are cut by                                 */
    int32_t block_rows, tile_stride, most_blocks;
    int64_t most_positives; /* of a block                                                                     */
    int32_t top_k;          /* K, 0: no loss asks for the K-th highest score                                  */
    bool    shared, store, want_users, want_unit;
    bool    scored; /* positives are scored before the tiles, instead of read from them                       */

    /* the blocks at work */
    struct atau_block blocks[ATAU_BLOCKS_MOST];
    int32_t           n_blocks;
    bool              last_blocks;
    int64_t           first_tile, end_tile, n_spreads; /* what pass 2 is cutting into tasks                   */

    /* what lanes work in */
    float             *one;          /* [B] ones                                                              */
    float             *lane_tiles;   /* [lanes x L x stride] of tiles that are not stored as float32          */
    float             *lane_sums;    /* [lanes x 2 B]                                                         */
    uint64_t          *lane_keys;    /* [lanes x K] of a loss that asks for the K-th highest score            */
    uint32_t          *lane_hits;    /* [lanes x L x B] likewise                                              */
    float             *lane_queries; /* [lanes x B x d] queries relative to a tile's shift; unbounded only    */
    struct atau_panels panels;

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

/* Up to most_blocks blocks of rows from first_row on: their ê, factors and shifts, and where their positives meet candidates. */
adaptau_status atau_dense_begin_blocks(struct atau_dense *d, int64_t first_row, adaptau_error *error);

/* ---- the products of a tile, which are all that is done in float32 or bfloat16 (softmax_dense_products.c) -------- */

/* Pack the candidates; a block's queries; and the blocks' factored queries, once their factors are known. */
adaptau_status atau_dense_pack_items(struct atau_dense *d, adaptau_error *error);
void           atau_dense_pack_queries(const struct atau_dense *d, struct atau_block *b);
adaptau_status atau_dense_pack_factored(struct atau_dense *d, adaptau_error *error);

/* T = V Qᵀ */
void atau_dense_score(const struct atau_dense *d, const struct atau_block *b, int64_t tile, float *t);
/* T = exp(T/τ − shift), and its column sums, to where the products below find it. */
void atau_dense_exponentiate(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, float *t,
                             const float *shift, float *sums, bool for_users, bool for_items);
/* T, which a loss has mapped, to where the products below find it. */
void atau_dense_keep(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, const float *t,
                     bool for_users, bool for_items);
/* users [B x d] += Tᵀ V */
void atau_dense_add_users(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, const float *t,
                          float *users);
/* G = T Q (the batch's first block) or G += T Q, for the tile's candidates; `factored` [B x d] is Q times the rows' factors. */
void atau_dense_add_items(const struct atau_dense *d, const struct atau_block *b, int32_t lane, int64_t tile, const float *t,
                          const float *factored);

#endif
