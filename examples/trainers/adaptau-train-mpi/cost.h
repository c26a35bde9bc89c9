/* SPDX-License-Identifier: MIT */
/* What a grid costs, before anything starts: docs/scale.md has the formulas. */
#ifndef ADAPTAU_TRAIN_MPI_COST_H
#define ADAPTAU_TRAIN_MPI_COST_H

#include <adaptau/adaptau.h>

#include <stdbool.h>

struct cost_question {
    int64_t n_users, n_items, n_pairs, rows, dim, cutoff;
    int     n_p, n_q;
    bool    row_moment;
};

/* Of the process with the largest ranges. */
struct cost {
    double tables, moments, gradients, messages, data, order, lists, engine; /* bytes                         */
    double memory;                                                           /* their sum                     */
    double flops;         /* of a step                                                                        */
    double sums_sent, users_sent, items_sent, sent; /* bytes of a step, to other processes                    */
    double steps;         /* of an epoch                                                                      */
};

struct cost cost_of(const struct cost_question *question);

/* The grid of `size` processes that sends the least. */
void cost_choose_grid(struct cost_question *question, int size);

/* Seconds that the engine takes for a multiply-add, on a small problem of that dimension. */
adaptau_status cost_measure(adaptau_context *context, int32_t dim, double *seconds, adaptau_error *error);

/* Print what there is to say, with predictions by cost_measure's figure and bytes a second on the wire. */
void cost_print(const struct cost_question *question, double seconds, double wire);

#endif
