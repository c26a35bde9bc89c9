/* SPDX-License-Identifier: MIT */
#include "adaptau-train-mpi/part.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/pairs.h"
#include "common/read_data.h"

/* ---- reading ----------------------------------------------------------------------------------------------------- */

static adaptau_status read_each(const char *folder, const char *name, pair_visitor visit, void *user_data,
                                struct id_extent *extent, adaptau_error *error)
{
    char        path[4096];
    struct text text = {0};
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return fail(error, ADAPTAU_E_ARGUMENT, "%s: the path is too long", shown_path(folder));
    adaptau_status status = text_open(&text, path, error);
    if (!status)
        status = read_lists_each(&text, visit, user_data, extent, error);
    text_close(&text);
    return status;
}

static adaptau_status count(void *user_data, int32_t user, int32_t item, adaptau_error *error)
{
    (void)user, (void)item, (void)error;
    ++*(int64_t *)user_data;
    return ADAPTAU_OK;
}

adaptau_status read_extent(const char *folder, struct extent *extent, adaptau_error *error)
{
    struct id_extent ids = {.largest_user = -1, .largest_item = -1};
    *extent = (struct extent){0};
    adaptau_status status = shards_read(folder, &extent->shards, &extent->sharded, error);
    if (status || extent->sharded) {
        extent->n_users = (int32_t)extent->shards.n_users;
        extent->n_items = (int32_t)extent->shards.n_items;
        extent->n_train = extent->shards.n_train;
        extent->n_test = extent->shards.n_test;
        return status;
    }
    status = read_each(folder, "train.txt", count, &extent->n_train, &ids, error);
    if (!status)
        status = read_each(folder, "test.txt", count, &extent->n_test, &ids, error);
    extent->n_users = ids.largest_user + 1;
    extent->n_items = ids.largest_item + 1;
    return status;
}

/* Pairs of some users with some items, counted from the first of each. */
struct window {
    int32_t      first_user, end_user, first_item, end_item;
    struct pairs pairs;
};

static adaptau_status keep(void *user_data, int32_t user, int32_t item, adaptau_error *error)
{
    struct window *w = user_data;
    if (user < w->first_user || user >= w->end_user || item < w->first_item || item >= w->end_item)
        return ADAPTAU_OK;
    return pairs_append(&w->pairs, user - w->first_user, item - w->first_item, error);
}

static adaptau_status read_window(adaptau_context *context, const char *folder, const struct extent *extent, const char *set,
                                  struct window *w, adaptau_dataset **out, adaptau_error *error)
{
    const int32_t    n_users = w->end_user - w->first_user, n_items = w->end_item - w->first_item;
    struct id_extent ids = {.largest_user = -1, .largest_item = -1};
    const char      *text = strcmp(set, "train") == 0 ? "train.txt" : "test.txt";
    adaptau_status   status = extent->sharded
                                  ? shards_read_window(folder, &extent->shards, set, w->first_user, w->end_user, w->first_item,
                                                       w->end_item, keep, w, error)
                                  : read_each(folder, text, keep, w, &ids, error);
    if (!status)
        status = pairs_to_dataset(&w->pairs, context, n_users, n_items, out, error);
    pairs_free(&w->pairs);
    return status;
}

adaptau_status read_whole_train(adaptau_context *context, const char *folder, const struct extent *extent, adaptau_dataset **out,
                                adaptau_error *error)
{
    struct window all = {.end_user = extent->n_users, .end_item = extent->n_items};
    return read_window(context, folder, extent, "train", &all, out, error);
}

/* ---- what the whole knows ---------------------------------------------------------------------------------------- */

/* A number for the pairs, however they are cut: a sum over pairs. */
static uint64_t hash_pairs(const adaptau_dataset *pairs, int64_t first_user, int64_t first_item, uint64_t salt)
{
    adaptau_dataset_view v = {.struct_size = sizeof v};
    uint64_t             sum = 0;
    adaptau_dataset_get_view(pairs, &v, NULL);
    for (int64_t u = 0; u < v.n_users; u++)
        for (int64_t i = v.user_ptr[u]; i < v.user_ptr[u + 1]; i++) {
            uint64_t z = ((uint64_t)(first_user + u) << 32 | (uint64_t)(first_item + v.user_items[i])) + salt;
            z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
            sum += z ^ z >> 27;
        }
    return sum;
}

static adaptau_status count_rows(struct part *part, struct grid *grid, adaptau_error *error)
{
    part->degrees = calloc((size_t)part->own_users + 1, sizeof *part->degrees);
    part->rows = calloc((size_t)part->own_users + 1, sizeof *part->rows);
    part->item_degrees = calloc((size_t)part->own_items + 1, sizeof *part->item_degrees);
    if (!part->degrees || !part->rows || !part->item_degrees)
        return fail_memory(error, "the users' degrees");
    for (int32_t u = 0; u < part->own_users; u++)
        part->degrees[u] = (int32_t)(part->pairs.user_ptr[u + 1] - part->pairs.user_ptr[u]);
    for (int32_t i = 0; i < part->own_items; i++)
        part->item_degrees[i] = (int32_t)(part->pairs.item_ptr[i + 1] - part->pairs.item_ptr[i]);
    /* Of integers: any order gives the same. */
    MPI_Allreduce(MPI_IN_PLACE, part->item_degrees, part->own_items, MPI_INT32_T, MPI_SUM, grid->users.comm);
    MPI_Allreduce(MPI_IN_PLACE, part->degrees, part->own_users, MPI_INT32_T, MPI_SUM, grid->items.comm);
    for (int32_t u = 0; u < part->own_users; u++)
        if (part->degrees[u] > 0)
            part->rows[part->own_rows++] = u;
    MPI_Exscan(&part->own_rows, &part->first_row, 1, MPI_INT64_T, MPI_SUM, grid->users.comm);
    if (grid->p == 0)
        part->first_row = 0;
    MPI_Allreduce(&part->own_rows, &part->n_rows, 1, MPI_INT64_T, MPI_SUM, grid->users.comm);
    int64_t counts[2] = {adaptau_dataset_n_interactions(part->train), adaptau_dataset_n_interactions(part->test)};
    MPI_Allreduce(MPI_IN_PLACE, counts, 2, MPI_INT64_T, MPI_SUM, grid->world.comm);
    part->hash = hash_pairs(part->train, part->first_user, part->first_item, 1) +
                 hash_pairs(part->test, part->first_user + part_start(part->own_users, grid->n_q, grid->q), 0, 2);
    MPI_Allreduce(MPI_IN_PLACE, &part->hash, 1, MPI_UINT64_T, MPI_SUM, grid->world.comm);
    part->n_train = counts[0];
    part->n_test = counts[1];
    return ADAPTAU_OK;
}

adaptau_status part_open(struct part *part, adaptau_context *context, struct grid *grid, const char *folder,
                         const struct extent *extent, adaptau_error *error)
{
    const int64_t n = extent->n_users, m = extent->n_items;
    *part = (struct part){.n_users = extent->n_users, .n_items = extent->n_items};
    part->first_user = (int32_t)part_start(n, grid->n_p, grid->p);
    part->own_users = (int32_t)part_start(n, grid->n_p, grid->p + 1) - part->first_user;
    part->first_item = (int32_t)part_start(m, grid->n_q, grid->q);
    part->own_items = (int32_t)part_start(m, grid->n_q, grid->q + 1) - part->first_item;
    part->most_items = (int32_t)part_start(m, grid->n_q, 1);
    struct window train = {.first_user = part->first_user, .end_user = part->first_user + part->own_users,
                           .first_item = part->first_item, .end_item = part->first_item + part->own_items};
    adaptau_status status =
        read_window(context, folder, extent, "train", &train, &part->train, error);
    /* Of the users' test pairs each process of a team evaluates a part. */
    const int32_t from = part->first_user + (int32_t)part_start(part->own_users, grid->n_q, grid->q);
    const int32_t to = part->first_user + (int32_t)part_start(part->own_users, grid->n_q, grid->q + 1);
    struct window test = {.first_user = from, .end_user = to, .end_item = part->n_items};
    if (!status)
        status = read_window(context, folder, extent, "test", &test, &part->test, error);
    part->pairs.struct_size = sizeof part->pairs;
    if (!status)
        status = adaptau_dataset_get_view(part->train, &part->pairs, error);
    return status ? status : count_rows(part, grid, error);
}

void part_close(struct part *part)
{
    adaptau_dataset_destroy(part->train);
    adaptau_dataset_destroy(part->test);
    free(part->degrees);
    free(part->item_degrees);
    free(part->rows);
    *part = (struct part){0};
}
