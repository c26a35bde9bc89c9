/* SPDX-License-Identifier: MIT */
/* Inside a dataset, for the objects that read it. Nothing here changes after creation but negatives that come, once. */
#ifndef ATAU_DATASET_H
#define ATAU_DATASET_H

#include <adaptau/dataset.h>

struct adaptau_dataset {
    adaptau_context *context;
    int32_t          n_users;    /* n                                                                         */
    int32_t          n_items;    /* m                                                                         */
    int64_t          n_interactions;    /* |D|                                                                       */
    const int64_t   *user_ptr;   /* [n + 1]                                                                   */
    const int32_t   *user_items; /* [|D|] ascending within a user; NULL is possible when |D| = 0              */
    int64_t         *item_ptr;   /* [m + 1]                                                                   */
    int32_t         *item_users; /* [|D|] ascending within an item                                            */
    const float     *user_weights; /* [|D|] in the order of user_items, or NULL: all 1                        */
    float           *item_weights; /* [|D|] in the order of item_users, or NULL                               */
    int64_t         *negative_ptr;     /* [n + 1], or NULL: no logged negatives                               */
    int32_t         *negatives;        /* [negative_ptr[n]] ascending within a user                           */
    float           *negative_weights; /* [negative_ptr[n]], or NULL: all 1                                   */
    int64_t          n_duplicates;
    int64_t         *own_user_ptr;   /* user_ptr and user_items where they are copies, else NULL              */
    int32_t         *own_user_items; /* [capacity]                                                            */
    float           *own_user_weights; /* [capacity] where they are copies, else NULL                         */
    int64_t          capacity;       /* pairs that the own arrays and item_users have room for                */
    int64_t          origin;         /* user_ptr of an empty dataset whose host gave none                     */
};

static inline int64_t atau_user_degree(const adaptau_dataset *dataset, int32_t user)
{
    return dataset->user_ptr[user + 1] - dataset->user_ptr[user];
}

static inline int64_t atau_item_degree(const adaptau_dataset *dataset, int32_t item)
{
    return dataset->item_ptr[item + 1] - dataset->item_ptr[item];
}

/* Σ of a user's weights: how many interactions they amount to. */
static inline double atau_user_weight(const adaptau_dataset *dataset, int32_t user)
{
    double weight = 0.0;
    if (!dataset->user_weights)
        return (double)atau_user_degree(dataset, user);
    for (int64_t p = dataset->user_ptr[user]; p < dataset->user_ptr[user + 1]; p++)
        weight += (double)dataset->user_weights[p];
    return weight;
}

static inline double atau_item_weight(const adaptau_dataset *dataset, int32_t item)
{
    double weight = 0.0;
    if (!dataset->item_weights)
        return (double)atau_item_degree(dataset, item);
    for (int64_t p = dataset->item_ptr[item]; p < dataset->item_ptr[item + 1]; p++)
        weight += (double)dataset->item_weights[p];
    return weight;
}

/* log_q[i] = −exponent log max(1, users of item i): how a catalogue weighs by popularity. [n_items] */
void atau_popularity_log_q(const adaptau_dataset *dataset, double exponent, float *log_q);

#endif
