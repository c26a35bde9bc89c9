/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/shard.h"

#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/training.h"

#define TILE 128            /* pieces of gradients end where tiles of items do                                 */
#define PIECE_BYTES 1048576 /* at least: a message has a cost of its own                                       */

int64_t second_size(const struct shard *shard)
{
    return shard->row_moment ? 1 : shard->dim;
}

/* The library's pieces (ADAPTAU_REDUCE_ITEMS), and this process's part of each. */
static void cut_items(struct shard *shard, const struct grid *grid)
{
    const int64_t m = shard->part->own_items, tiles = (m + TILE - 1) / TILE;
    const int64_t wanted = m * shard->dim * (int64_t)sizeof(float) / PIECE_BYTES;
    const int64_t cuts = wanted < 1 ? 1 : wanted > ITEM_PIECES ? ITEM_PIECES : wanted;
    int64_t       at = 0;
    shard->n_cuts = (int32_t)cuts;
    for (int64_t k = 0; k < cuts; k++) {
        const int64_t first = tiles * k / cuts * TILE, end = tiles * (k + 1) / cuts * TILE;
        if (first == end)
            continue;
        struct item_piece *piece = &shard->pieces[shard->n_pieces++];
        piece->first = first;
        piece->n = (end < m ? end : m) - first;
        piece->mine = first + part_start(piece->n, grid->n_p, grid->p);
        piece->n_mine = part_start(piece->n, grid->n_p, grid->p + 1) - part_start(piece->n, grid->n_p, grid->p);
        piece->at = at;
        at += piece->n_mine;
    }
    shard->item_steps.n = at;
}

static bool make_stepped(const struct shard *shard, struct stepped *s)
{
    s->first = calloc((size_t)(s->n * shard->dim) + 1, sizeof *s->first);
    s->second = calloc((size_t)(s->n * second_size(shard)) + 1, sizeof *s->second);
    s->steps = calloc((size_t)s->n + 1, sizeof *s->steps);
    return s->first && s->second && s->steps;
}

static void free_stepped(struct stepped *s)
{
    free(s->first);
    free(s->second);
    free(s->steps);
}

adaptau_status shard_open(struct shard *shard, adaptau_context *context, const struct grid *grid, const struct part *part,
                          const struct recipe *recipe, adaptau_error *error)
{
    adaptau_model_options options = recipe_model_options(recipe);
    adaptau_loss          loss = {.struct_size = sizeof loss};
    *shard = (struct shard){.part = part,
                            .dim = (int32_t)recipe->base.dim,
                            .row_moment = (options.flags & ADAPTAU_MODEL_ROW_SECOND_MOMENT) != 0,
                            .user_steps.n = part->own_users};
    cut_items(shard, grid);
    shard->users = calloc((size_t)part->own_users * (size_t)shard->dim + 1, sizeof *shard->users);
    shard->items = calloc((size_t)part->own_items * (size_t)shard->dim + 1, sizeof *shard->items);
    if (!shard->users || !shard->items || !make_stepped(shard, &shard->user_steps) || !make_stepped(shard, &shard->item_steps))
        return fail_memory(error, "the tables");
    options.init = ADAPTAU_INIT_HOST;
    options.host_users = shard->users;
    options.host_items = shard->items;
    adaptau_status status = adaptau_recipe_loss(&recipe->base, &loss, error);
    if (!status)
        status = adaptau_model_create(context, part->train, &options, &shard->model, error);
    return status ? status : adaptau_model_set_loss(shard->model, &loss, error);
}

void shard_close(struct shard *shard)
{
    adaptau_model_destroy(shard->model);
    free_stepped(&shard->user_steps);
    free_stepped(&shard->item_steps);
    free(shard->users);
    free(shard->items);
    *shard = (struct shard){0};
}

adaptau_status shard_start(struct shard *shard, adaptau_context *context, const struct recipe *recipe, adaptau_error *error)
{
    const struct part *part = shard->part;
    const uint64_t     seed = (uint64_t)recipe->base.seed;
    adaptau_status     status = adaptau_init_rows(context, seed, ADAPTAU_SIDE_USERS, recipe->base.init, part->n_users,
                                                  part->first_user, part->own_users, shard->dim, shard->users, 0, error);
    for (int32_t u = 0; u < part->own_users && !status; u++)
        if (part->degrees[u] == 0) /* as adaptau_model_settle_users does: the prior alone ranks for such a user */
            memset(shard->users + (int64_t)u * shard->dim, 0, (size_t)shard->dim * sizeof *shard->users);
    return status ? status
                  : adaptau_init_rows(context, seed, ADAPTAU_SIDE_ITEMS, recipe->base.init, part->n_items, part->first_item,
                                      part->own_items, shard->dim, shard->items, 0, error);
}

/* ---- a number for the tables ------------------------------------------------------------------------------------- */

static uint64_t hash_row(uint64_t side, int64_t id, const float *row, int32_t dim)
{
    uint64_t             sum = UINT64_C(0xCBF29CE484222325) ^ side << 62 ^ (uint64_t)id;
    const unsigned char *bytes = (const unsigned char *)row;
    for (size_t i = 0; i < (size_t)dim * sizeof *row; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001B3);
    return sum ^ sum >> 29;
}

uint64_t shard_hash(const struct shard *shard, const struct grid *grid)
{
    const struct part *part = shard->part;
    const int64_t      end = part_start(part->own_users, grid->n_q, grid->q + 1);
    uint64_t           sum = 0;
    for (int64_t u = part_start(part->own_users, grid->n_q, grid->q); u < end; u++)
        sum += hash_row(0, part->first_user + u, shard->users + u * shard->dim, shard->dim);
    for (int k = 0; k < shard->n_pieces; k++)
        for (int64_t i = shard->pieces[k].mine; i < shard->pieces[k].mine + shard->pieces[k].n_mine; i++)
            sum += hash_row(1, part->first_item + i, shard->items + i * shard->dim, shard->dim);
    MPI_Allreduce(MPI_IN_PLACE, &sum, 1, MPI_UINT64_T, MPI_SUM, grid->world.comm); /* of integers: any order   */
    return sum;
}
