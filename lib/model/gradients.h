/* SPDX-License-Identifier: MIT */
/* Gradients of the last batch, and the memory that a step needs. A model that only serves has none of it. */
#ifndef ATAU_GRADIENTS_H
#define ATAU_GRADIENTS_H

#include <adaptau/kernels.h>

#include <stdbool.h>

#include "common/arena.h"
#include "kernels/workspace.h"
#include "model/tables.h"

/* Gradients of some rows of a table, each row once. */
struct atau_row_gradients {
    int64_t        n;
    const int32_t *ids;   /* [n]                                                                              */
    float         *rows;  /* [n x d], or with by_id [table's rows x d]                                        */
    bool           by_id; /* row id holds the gradient, instead of row k                                      */
};

/* What is known of each row of a batch. */
struct atau_batch_rows {
    struct atau_arena arena;    /* holds the arrays but `targets`                                             */
    int32_t           capacity; /* rows that they have room for                                               */
    float            *tau, *tau_positive; /* [capacity] temperatures of candidates and of positives           */
    float            *unit_losses;        /* [capacity] losses at temperature 1                               */
    float            *d_inverse_tau;      /* [capacity] ∂loss/∂(1/τ)                                          */
    float            *positives;          /* [capacity] how many positives the row has in all ranges of items */
    float            *terms;              /* [capacity] weight times positives                                */
    float            *target_shares;      /* [capacity] of soft targets                                       */
    float            *targets;   /* [capacity x d] soft targets; NULL until there are some                    */
    int32_t          *users;     /* [capacity] the batch's users, each once                                   */
    float            *gradients; /* [capacity x d] of final embeddings, by row and then by place in `users`   */
};

struct atau_gradients {
    bool                      present; /* they belong to the tables as they are                               */
    struct atau_row_gradients of[2];   /* of the raw tables                                                   */
    struct atau_row_gradients own;     /* of the encoder's own parameters                                     */
    struct atau_batch_rows    rows;
    int32_t                  *user_slots; /* [n] (slots.h)                                                    */
    float                    *items;      /* [m x d]                                                          */
    int32_t                  *item_ids;   /* [m]                                                              */
    struct atau_workspace     workspace;  /* of the engine, kept from step to step                            */
};

/* Room for a batch of n_rows; with_targets: for its soft targets, too. */
adaptau_status atau_gradients_make_room(struct atau_gradients *gradients, const struct atau_raw_tables *tables, int32_t n_rows,
                                        bool with_targets, adaptau_error *error);
void           atau_gradients_free(struct atau_gradients *gradients, const struct atau_raw_tables *tables);

/* The users of a batch, each once, into rows.users; answers how many there are. */
int64_t atau_gradients_list_users(struct atau_gradients *gradients, const adaptau_batch *batch);

/* Put together what the engine has left in rows.gradients and items: rows of the same user become one. */
void atau_gradients_gather(struct atau_gradients *gradients, const struct atau_raw_tables *tables, const adaptau_batch *batch,
                           int64_t n_touched_items);

/* E_STATE unless there are gradients. */
adaptau_status atau_gradients_check(const struct atau_gradients *gradients, adaptau_error *error);

#endif
