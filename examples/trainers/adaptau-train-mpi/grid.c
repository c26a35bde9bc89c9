/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/grid.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *take(size_t size)
{
    void *block = malloc(size ? size : 1);
    if (!block) {
        fprintf(stderr, "adaptau-train-mpi: out of memory for %zu bytes of messages\n", size);
        MPI_Abort(MPI_COMM_WORLD, 1);
    }
    return block;
}

static struct team make_team(int color, int key)
{
    struct team team;
    MPI_Comm_split(MPI_COMM_WORLD, color, key, &team.comm);
    MPI_Comm_rank(team.comm, &team.rank);
    MPI_Comm_size(team.comm, &team.size);
    return team;
}

void grid_open(struct grid *grid, int n_p, int n_q)
{
    int rank;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    *grid = (struct grid){.p = rank / n_q, .q = rank % n_q, .n_p = n_p, .n_q = n_q};
    grid->world = make_team(0, rank);
    grid->items = make_team(grid->p, grid->q);
    grid->users = make_team(grid->q, grid->p);
}

void grid_close(struct grid *grid)
{
    MPI_Comm_free(&grid->world.comm);
    MPI_Comm_free(&grid->items.comm);
    MPI_Comm_free(&grid->users.comm);
}

/* ---- reductions -------------------------------------------------------------------------------------------------- */

void reduction_open(struct reduction *r, struct grid *grid, struct team *team, int64_t row_size)
{
    *r = (struct reduction){.grid = grid, .team = team, .row_size = row_size, .request = MPI_REQUEST_NULL};
    r->counts = take(4 * (size_t)team->size * sizeof *r->counts);
    MPI_Type_contiguous((int)row_size, MPI_BYTE, &r->row);
    MPI_Type_commit(&r->row);
}

void reduction_close(struct reduction *r)
{
    if (!r->counts)
        return;
    MPI_Type_free(&r->row);
    free(r->counts);
    free(r->received);
    *r = (struct reduction){0};
}

int64_t reduction_first(const struct reduction *r)
{
    return part_start(r->n, r->team->size, r->team->rank);
}

int64_t reduction_count(const struct reduction *r)
{
    return part_start(r->n, r->team->size, r->team->rank + 1) - reduction_first(r);
}

static void make_room(struct reduction *r)
{
    const int64_t rows = reduction_count(r) * r->team->size;
    if (rows <= r->capacity)
        return;
    free(r->received);
    r->received = take((size_t)(rows * r->row_size));
    r->capacity = rows;
}

void reduction_scatter_begin(struct reduction *r, int64_t n, void *data)
{
    const int size = r->team->size;
    int      *send = r->counts, *send_at = send + size, *receive = send_at + size, *receive_at = receive + size;
    r->n = n;
    r->data = data;
    if (size == 1)
        return;
    make_room(r);
    for (int k = 0; k < size; k++) {
        send_at[k] = (int)part_start(n, size, k);
        send[k] = (int)part_start(n, size, k + 1) - send_at[k];
        receive[k] = (int)reduction_count(r);
        receive_at[k] = k * receive[k];
        r->grid->sent += k == r->team->rank ? 0 : send[k] * r->row_size;
    }
    MPI_Ialltoallv(data, send, send_at, r->row, r->received, receive, receive_at, r->row, r->team->comm, &r->request);
}

void reduction_scatter_end(struct reduction *r, row_adder add)
{
    const int64_t n = reduction_count(r);
    char         *mine = r->data + reduction_first(r) * r->row_size;
    if (r->team->size == 1)
        return;
    MPI_Wait(&r->request, MPI_STATUS_IGNORE);
    memcpy(mine, r->received, (size_t)(n * r->row_size));
    for (int k = 1; k < r->team->size; k++)
        add(mine, r->received + k * n * r->row_size, n, r->row_size);
}

void reduction_gather_begin(struct reduction *r)
{
    const int size = r->team->size;
    int      *counts = r->counts, *at = counts + size;
    if (size == 1)
        return;
    for (int k = 0; k < size; k++) {
        at[k] = (int)part_start(r->n, size, k);
        counts[k] = (int)part_start(r->n, size, k + 1) - at[k];
    }
    r->grid->sent += reduction_count(r) * r->row_size * (size - 1);
    MPI_Iallgatherv(MPI_IN_PLACE, 0, MPI_DATATYPE_NULL, r->data, counts, at, r->row, r->team->comm, &r->request);
}

void reduction_gather_end(struct reduction *r)
{
    if (r->team->size > 1)
        MPI_Wait(&r->request, MPI_STATUS_IGNORE);
}

void reduction_poke(struct reduction *r)
{
    int done;
    if (r->request != MPI_REQUEST_NULL)
        MPI_Request_get_status(r->request, &done, MPI_STATUS_IGNORE);
}

void add_floats(void *into, const void *from, int64_t n_rows, int64_t row_size)
{
    float       *x = into;
    const float *y = from;
    for (int64_t i = 0; i < n_rows * row_size / (int64_t)sizeof(float); i++)
        x[i] += y[i];
}

void grid_sum(struct grid *grid, struct team *team, int n, double *values)
{
    double *all = take((size_t)n * (size_t)team->size * sizeof *all);
    MPI_Allgather(values, n, MPI_DOUBLE, all, n, MPI_DOUBLE, team->comm);
    grid->sent += (int64_t)n * (int64_t)sizeof *all * (team->size - 1);
    for (int i = 0; i < n; i++) {
        values[i] = all[i];
        for (int k = 1; k < team->size; k++)
            values[i] += all[k * n + i];
    }
    free(all);
}
