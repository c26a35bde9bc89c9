/* SPDX-License-Identifier: MIT */
/* Files of pairs that are written a buffer at a time: memory is the buffers, however long the files get. */
#ifndef ADAPTAU_SHARD_BUCKETS_H
#define ADAPTAU_SHARD_BUCKETS_H

#include "common/shards.h"

struct buckets {
    const char          *folder, *set;
    const struct shards *shards;
    int64_t              capacity; /* pairs of a buffer                                                        */
    int32_t (*pairs)[2];           /* [buckets x capacity]                                                     */
    int64_t *filled;               /* [buckets]                                                                */
    int64_t  n_pairs;
};

/* Empty files, and buffers of `bytes` altogether. */
adaptau_status buckets_open(struct buckets *b, const char *folder, const char *set, const struct shards *shards, int64_t bytes,
                            adaptau_error *error);
adaptau_status buckets_add(void *buckets, int32_t user, int32_t item, adaptau_error *error);
/* Write what is left. Frees the buffers in any case. */
adaptau_status buckets_close(struct buckets *b, adaptau_error *error);

#endif
