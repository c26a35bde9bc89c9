/* SPDX-License-Identifier: MIT */
/* A folder of pairs cut into S ranges of users by T of items, so that whoever has one range of each reads only files that have
 * some of it. "shards.txt" says how large everything is; "train.U.I.pairs" holds the train pairs of users U and items I, as
 * int32 user and item, little-endian, in any order; "test.U.I.pairs" likewise. */
#ifndef EXAMPLES_COMMON_SHARDS_H
#define EXAMPLES_COMMON_SHARDS_H

#include <stdbool.h>

#include <adaptau/base.h>

#include "common/read_data.h"

#define SHARDS_MOST 4096 /* ranges of a side                                                                   */

struct shards {
    int64_t n_users, n_items, user_ranges, item_ranges, n_train, n_test;
};

/* Range k of n ids. */
static inline int64_t range_start(int64_t n, int64_t ranges, int64_t k)
{
    return n / ranges * k + (k < n % ranges ? k : n % ranges);
}

/* *found: false where the folder has no shards.txt. */
adaptau_status shards_read(const char *folder, struct shards *shards, bool *found, adaptau_error *error);
adaptau_status shards_write(const char *folder, const struct shards *shards, adaptau_error *error);

/* "FOLDER/SET.U.I.pairs"; false where it does not fit. */
bool shard_path(char *out, size_t size, const char *folder, const char *set, int64_t user_range, int64_t item_range);

/* Visit the pairs of users [first_user, end_user) with items [first_item, end_item), from the files that may have some. */
adaptau_status shards_read_window(const char *folder, const struct shards *shards, const char *set, int64_t first_user,
                                  int64_t end_user, int64_t first_item, int64_t end_item, pair_visitor visit,
                                  void *user_data, adaptau_error *error);

#endif
