/* SPDX-License-Identifier: MIT */
/* This process's part of the data: pairs of its users with its items, and what it must know of the whole. */
#ifndef ADAPTAU_TRAIN_MPI_PART_H
#define ADAPTAU_TRAIN_MPI_PART_H

#include <adaptau/adaptau.h>

#include "adaptau-train-mpi/grid.h"
#include "common/shards.h"

struct part {
    int32_t          n_users, n_items;         /* of the whole                                                */
    int64_t          n_train, n_test, n_rows;  /* of the whole: pairs, and users with train pairs             */
    int32_t          first_user, own_users;    /* this process's                                              */
    int32_t          first_item, own_items, most_items; /* most_items: of the largest range                   */
    adaptau_dataset *train;   /* [own_users x own_items]                                                      */
    adaptau_dataset *test;    /* [part of own_users x n_items] of the users that this process evaluates           */
    adaptau_dataset_view pairs; /* of train                                                                   */
    int32_t         *degrees; /* [own_users] over all items                                                   */
    int32_t         *item_degrees; /* [own_items] over all users                                              */
    int32_t         *rows;    /* [own rows] users with train pairs, ascending                                 */
    uint64_t         hash;                     /* of all pairs                                                */
    int64_t          first_row, own_rows; /* in the order of all users with pairs                             */
};

/* How large a folder of data is: adaptau-shard has written it down; text is read through once. */
struct extent {
    int32_t       n_users, n_items;
    int64_t       n_train, n_test;
    bool          sharded;
    struct shards shards;
};
adaptau_status read_extent(const char *folder, struct extent *extent, adaptau_error *error);

/* All train pairs, for one process. */
adaptau_status read_whole_train(adaptau_context *context, const char *folder, const struct extent *extent, adaptau_dataset **out,
                                adaptau_error *error);

/* Read what is this process's: of shards the files that have some of it, of train.txt and test.txt all. */
adaptau_status part_open(struct part *part, adaptau_context *context, struct grid *grid, const char *folder,
                         const struct extent *extent, adaptau_error *error);
void part_close(struct part *part);

#endif
