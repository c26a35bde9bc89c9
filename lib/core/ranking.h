/* SPDX-License-Identifier: MIT */
/* All items ranked for many users: what evaluation and top-K have in common. */
#ifndef ATAU_RANKING_H
#define ATAU_RANKING_H

#include <adaptau/kernels.h>

#include <stdbool.h>

#include "kernels/topk.h"

/* Both sides of the scores, ready to be multiplied. */
struct atau_ranking {
    adaptau_context *context;
    adaptau_tables   tables;          /* strides filled in; items are ê_i                                     */
    bool             normalise_users; /* users are still raw: ê_u is made as a block is packed                */
    float           *unit_items;      /* the normalised copy of the items where the host's are not, else NULL */
};

/* `tables` as atau_check_tables left them. `check`: E_NUMERIC names the first non-finite row, users first. */
adaptau_status atau_ranking_open(adaptau_context *context, const adaptau_tables *tables, bool check,
                                 struct atau_ranking *out, adaptau_error *error);
void           atau_ranking_close(struct atau_ranking *ranking);

/* Items of each user, ascending. */
struct atau_item_lists {
    const int64_t *ptr; /* [users + 1]                                                                        */
    const int32_t *ids; /* [ptr[users]]                                                                       */
};

/* Whom to rank for, and what to leave out. Ids and sizes have been checked. */
struct atau_rank_request {
    int64_t                       n;     /* users                                                             */
    const int32_t                *users; /* [n] ids, or NULL: 0 … n − 1                                       */
    int32_t                       k;     /* at least 1; the number of items bounds it                         */
    int32_t                       n_masks;
    const struct atau_item_lists *masks; /* [n_masks] pairs that are not ranked                               */
};

/* One user's items as keys of topk.h, best first, ties by id; n_ranked <= k. Called on a lane, once for each position in
 * request.users. Items whose score is NaN or minus infinity (an overflow of raw rows) are not ranked. */
typedef void (*atau_rank_visitor)(void *argument, int64_t position, const uint64_t *ranked, int32_t n_ranked);

adaptau_status atau_rank_each(const struct atau_ranking *ranking, const struct atau_rank_request *request,
                              atau_rank_visitor visit, void *argument, adaptau_error *error);

/* The same into arrays: items [n x k], −1 where a user has fewer; scores [n x k] likewise −inf, or NULL. */
adaptau_status atau_rank_users(const struct atau_ranking *ranking, const struct atau_rank_request *request, int32_t *items,
                               float *scores, adaptau_error *error);

#endif
