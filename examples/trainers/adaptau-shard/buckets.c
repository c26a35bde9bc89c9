/* SPDX-License-Identifier: MIT */
#include "adaptau-shard/buckets.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

static int64_t count(const struct buckets *b)
{
    return b->shards->user_ranges * b->shards->item_ranges;
}

static adaptau_status write_to(const struct buckets *b, int64_t bucket, const char *mode, int64_t n, adaptau_error *error)
{
    char path[4096];
    if (!shard_path(path, sizeof path, b->folder, b->set, bucket / b->shards->item_ranges, bucket % b->shards->item_ranges))
        return fail(error, ADAPTAU_E_ARGUMENT, "%s: the path is too long", shown_path(b->folder));
    FILE *file = fopen(path, mode);
    if (!file)
        return fail_os(error, errno, "%s", shown_path(path));
    bool fine = fwrite(b->pairs + bucket * b->capacity, sizeof *b->pairs, (size_t)n, file) == (size_t)n;
    int  failure = errno;
    if (fclose(file) != 0) {
        fine = false;
        failure = errno;
    }
    return fine ? ADAPTAU_OK : fail_os(error, failure, "%s", shown_path(path));
}

adaptau_status buckets_open(struct buckets *b, const char *folder, const char *set, const struct shards *shards, int64_t bytes,
                            adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    *b = (struct buckets){.folder = folder, .set = set, .shards = shards};
    b->capacity = bytes / (count(b) * (int64_t)sizeof *b->pairs);
    b->capacity = b->capacity < 1 ? 1 : b->capacity;
    b->pairs = malloc((size_t)(b->capacity * count(b)) * sizeof *b->pairs);
    b->filled = calloc((size_t)count(b), sizeof *b->filled);
    if (!b->pairs || !b->filled)
        status = fail_memory(error, "the buffers");
    for (int64_t k = 0; k < count(b) && !status; k++)
        status = write_to(b, k, "wb", 0, error);
    if (status) {
        free(b->pairs);
        free(b->filled);
        *b = (struct buckets){0};
    }
    return status;
}

/* The range that an id is in: those that are longer by one come first. */
static int64_t range_of(int64_t n, int64_t ranges, int64_t id)
{
    const int64_t least = n / ranges, longer = n % ranges, end = longer * (least + 1);
    return id < end ? id / (least + 1) : longer + (id - end) / least;
}

adaptau_status buckets_add(void *buckets, int32_t user, int32_t item, adaptau_error *error)
{
    struct buckets      *b = buckets;
    const struct shards *s = b->shards;
    const int64_t        k = range_of(s->n_users, s->user_ranges, user) * s->item_ranges +
                      range_of(s->n_items, s->item_ranges, item);
    int32_t             *pair = b->pairs[k * b->capacity + b->filled[k]++];
    adaptau_status       status = ADAPTAU_OK;
    pair[0] = user;
    pair[1] = item;
    b->n_pairs++;
    if (b->filled[k] == b->capacity) {
        status = write_to(b, k, "ab", b->capacity, error);
        b->filled[k] = 0;
    }
    return status;
}

adaptau_status buckets_close(struct buckets *b, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    for (int64_t k = 0; b->pairs && k < count(b) && !status; k++)
        if (b->filled[k] > 0)
            status = write_to(b, k, "ab", b->filled[k], error);
    free(b->pairs);
    free(b->filled);
    b->pairs = NULL;
    b->filled = NULL;
    return status;
}
