/* SPDX-License-Identifier: MIT */
/* Processes as a grid of P ranges of users by Q ranges of items, and how they reduce: pieces are exchanged, and every process
 * adds what it has received in the order of ranks. MPI_Allreduce may add in any order, by the size of a message or where
 * processes run; here repeats have the same bits. */
#ifndef ADAPTAU_TRAIN_MPI_GRID_H
#define ADAPTAU_TRAIN_MPI_GRID_H

#include <mpi.h>

#include <adaptau/base.h>

/* Part k of n things that are cut into `parts`: [part_start(n, parts, k), part_start(n, parts, k + 1)). */
static inline int64_t part_start(int64_t n, int64_t parts, int64_t k)
{
    return n / parts * k + (k < n % parts ? k : n % parts);
}

struct team {
    MPI_Comm comm;
    int      rank, size;
};

struct grid {
    int         p, q, n_p, n_q; /* this process, and the grid                                                 */
    struct team world;
    struct team items; /* of the same users: rank q                                                           */
    struct team users; /* of the same items: rank p                                                           */
    int64_t     sent;  /* bytes of payload that this process has sent to others                               */
};

void grid_open(struct grid *grid, int n_p, int n_q);
void grid_close(struct grid *grid);

/* Adds the row `from` to `into`. */
typedef void (*row_adder)(void *into, const void *from, int64_t n_rows, int64_t row_size);

/* Rows that a team reduces, each of its processes a part of them. Memory grows as it is needed. */
struct reduction {
    struct grid *grid;
    struct team *team;
    MPI_Datatype row;
    char        *data; /* [n x row_size] everybody's own, then the sums                                       */
    char        *received; /* [size x own part]                                                               */
    int64_t      n, row_size, capacity;
    MPI_Request  request;
    int         *counts; /* [4 x size]                                                                        */
};

void reduction_open(struct reduction *r, struct grid *grid, struct team *team, int64_t row_size);
void reduction_close(struct reduction *r);

/* The part of n rows that this process of the team adds up. */
int64_t reduction_first(const struct reduction *r);
int64_t reduction_count(const struct reduction *r);

/* Begin to send everybody the rows that it adds up. data must stay until _scatter_end. */
void reduction_scatter_begin(struct reduction *r, int64_t n, void *data);
/* The sums of this process's part are in data. */
void reduction_scatter_end(struct reduction *r, row_adder add);
/* Begin to send this process's part of data to everybody; _gather_end: data is whole. */
void reduction_gather_begin(struct reduction *r);
void reduction_gather_end(struct reduction *r);

/* Let messages go on, while something else is computed. */
void reduction_poke(struct reduction *r);

void add_floats(void *into, const void *from, int64_t n_rows, int64_t row_size);

/* Σ over a team of n doubles, in the order of ranks. */
void grid_sum(struct grid *grid, struct team *team, int n, double *values);

#endif
