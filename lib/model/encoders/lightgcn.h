/* SPDX-License-Identifier: MIT */
/* The state of LightGCN, and passes over its graph: lightgcn.c makes final embeddings and their gradients,
 * lightgcn_views.c the views of contrast. */
#ifndef ATAU_LIGHTGCN_H
#define ATAU_LIGHTGCN_H

#include "common/arena.h"
#include "kernels/propagate.h"
#include "model/encoders/encoder.h"

#define USERS ADAPTAU_SIDE_USERS
#define ITEMS ADAPTAU_SIDE_ITEMS

/* What is left of the graph in one view. */
struct atau_lightgcn_view {
    uint32_t *kept[2]; /* [edges/32] */
    float    *scale[2]; /* [rows] degree^{-1/2} of what is left */
};

struct atau_lightgcn {
    int32_t  n_layers;
    double   edge_dropout, layer_dropout;
    uint64_t step; /* how many training steps there were */

    /* the graph; no arrays in a model that was loaded */
    struct atau_arena graph;
    int64_t           n_rows[2];
    int64_t           n_edges, longest; /* row */
    int64_t          *ptr[2];
    int32_t          *ids[2];
    float            *scale[2]; /* [rows] degree^{-1/2}, 0 without edges */
    uint32_t         *kept[2]; /* [edges/32] bits of the step's edges, in the order of ids; with edge_dropout */
    float            *taking[2]; /* [rows] what `scale` is for rows that take from neighbours, else 0; with layer_dropout */

    struct atau_embeddings final; /* [rows x d]; NULL until the first forward */
    bool                   final_is_viewed; /* in somebody else's memory */

    /* NULL until the first forward, and the last three until the first backward */
    float   *work[2]; /* [rows x d] */
    int32_t *scratch; /* [threads x longest] */
    float   *gradients; /* [n x d] of all raw users */
    float   *slot_scale; /* [n] `right` of the batch's users, by slot */
    int32_t *all; /* [max(n, m)] 0, 1, 2, ... */

    /* views; NULL until the first one, graphs until the first that drops edges */
    struct atau_arena         views;
    float                    *noise; /* [threads x d] */
    int32_t                  *slots[2]; /* [rows] −1 between calls */
    float                    *view_slot_scale[2]; /* [rows] `right` by slot */
    struct atau_arena         view_graphs;
    struct atau_lightgcn_view view[2];
};

/* What the two chains of a pass, one to each side, have in common: out = Σ_l coefficients[l] Aˡ start. */
struct atau_lightgcn_pass {
    adaptau_context                 *context;
    struct atau_lightgcn                 *g;
    int64_t                          dim;
    int32_t                          n_layers;
    float                            coefficients[ADAPTAU_MAX_LAYERS + 1];
    struct atau_embeddings           start; /* E⁰ or G */
    struct atau_embeddings           out;
    const float                     *left[2], *right[2];
    float                            edge_scale; /* 1/(1 − p) */
    const uint32_t                  *kept[2];
    struct atau_selection            last; /* the rows that are wanted; ids NULL: all */
    const struct atau_row_gradients *given[2]; /* start has these rows, one behind the other, and elsewhere 0; or NULL */
    const int32_t                   *slots[2]; /* [rows] where they are */
    const float                     *slot_scale[2]; /* `right` by slot */
};

/* E⁰ through the whole graph into `final`, with equal coefficients. */
struct atau_lightgcn_pass atau_lightgcn_pass(const struct atau_encoding *e, struct atau_lightgcn *g);

/* Users first: walking to the items may write over what the walk to the users reads. */
adaptau_status atau_lightgcn_walk_both(const struct atau_lightgcn_pass *pass, adaptau_error *error);

/* Have final, work and scratch. */
adaptau_status atau_lightgcn_make_room(const struct atau_encoding *e, struct atau_lightgcn *g, adaptau_error *error);

/* A number for decisions about pairs, see atau_pair_random. */
uint64_t atau_lightgcn_draw_key(uint64_t seed, int domain, uint64_t step, uint64_t which);

/* Bits of the edges that stay, the same from both sides. */
adaptau_status atau_lightgcn_draw_edges(adaptau_context *context, const struct atau_lightgcn *g, uint64_t key, double dropout,
                                        uint32_t *const kept[2], adaptau_error *error);

adaptau_status atau_lightgcn_forward_view(struct atau_encoding *e, const struct atau_view *view,
                                          const struct atau_selection *rows, float *const out[2], adaptau_error *error);
adaptau_status atau_lightgcn_backward_view(struct atau_encoding *e, const struct atau_view *view,
                                           const struct atau_selection *rows, float *const gradients[2],
                                           struct atau_embeddings *out, adaptau_error *error);

#endif
