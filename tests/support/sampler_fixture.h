/* SPDX-License-Identifier: MIT */
/* What the tests of samplers share: a small dataset, and samplers on it. */
#ifndef TEST_SAMPLER_FIXTURE_H
#define TEST_SAMPLER_FIXTURE_H

#include <adaptau/sampler.h>

#include "draw.h"
#include "ok.h"
#include "one_context.h"
#include "options.h"

enum { USERS = 61, ITEMS = 40, PAIRS = 700 };

/* Popular items have low ids; users 0 and 60 and items 38 and 39 have nothing. */
static inline adaptau_dataset *make_data(void)
{
    int32_t          users[PAIRS], items[PAIRS];
    adaptau_dataset *data = NULL;
    random_state = 11;
    for (int p = 0; p < PAIRS; p++) {
        users[p] = 1 + draw(USERS - 2);
        items[p] = draw(1 + draw(ITEMS - 2));
    }
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, PAIRS, users, items, NULL, &data, &error));
    return data;
}

static inline adaptau_dataset_view view_of(const adaptau_dataset *data)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(data, &view, &error));
    return view;
}

static inline int has(const adaptau_dataset_view *view, int32_t user, int32_t item)
{
    for (int64_t p = view->user_ptr[user]; p < view->user_ptr[user + 1]; p++)
        if (view->user_items[p] == item)
            return 1;
    return 0;
}

static inline adaptau_sampler *make_sampler_in(adaptau_context *where, const adaptau_dataset *data,
                                               adaptau_sampler_options options)
{
    adaptau_sampler *sampler = NULL;
    options = full_sampler_options(options);
    OK(adaptau_sampler_create(where, data, &options, &sampler, &error));
    return sampler;
}

static inline adaptau_sampler *make_sampler(const adaptau_dataset *data, adaptau_sampler_options options)
{
    return make_sampler_in(context, data, options);
}

static inline void begin(adaptau_sampler *sampler, int64_t epoch)
{
    OK(adaptau_sampler_begin_epoch(sampler, epoch, &error));
}

static inline adaptau_batch next(adaptau_sampler *sampler)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    OK(adaptau_sampler_next(sampler, &batch, &error));
    ck_assert_uint_eq(batch.struct_size, sizeof batch);
    return batch;
}

static inline int64_t n_positives(const adaptau_batch *batch)
{
    return batch->positive_ptr[batch->n_rows];
}

/* An epoch as one number, to compare epochs by: every array of every batch. */
static inline uint64_t mix(uint64_t hash, const void *bytes, size_t n)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; bytes && i < n; i++)
        hash = (hash ^ byte[i]) * UINT64_C(1099511628211);
    return hash;
}

static inline uint64_t hash_epoch(adaptau_sampler *sampler, int64_t epoch)
{
    uint64_t hash = UINT64_C(14695981039346656037);
    begin(sampler, epoch);
    for (adaptau_batch b = next(sampler); b.n_rows > 0; b = next(sampler)) {
        size_t rows = (size_t)b.n_rows, candidates = (size_t)b.n_candidates;
        size_t ids = b.candidates == ADAPTAU_CANDIDATES_PER_ROW ? rows * candidates : candidates;
        hash = mix(hash, b.users, rows * sizeof *b.users);
        hash = mix(hash, b.positive_ptr, (rows + 1) * sizeof *b.positive_ptr);
        hash = mix(hash, b.positives, (size_t)n_positives(&b) * sizeof *b.positives);
        hash = mix(hash, b.candidate_ids, ids * sizeof *b.candidate_ids);
        hash = mix(hash, b.log_q, b.log_q ? ids * sizeof *b.log_q : 0);
        hash = mix(hash, b.row_weights, b.row_weights ? rows * sizeof *b.row_weights : 0);
    }
    return hash;
}

static inline adaptau_sampler_options kind_options(int32_t kind)
{
    return (adaptau_sampler_options){.kind = kind,
                                     .flags = ADAPTAU_SAMPLER_LOG_Q | ADAPTAU_SAMPLER_REJECT_POSITIVES,
                                     .rows_per_batch = 37,
                                     .n_candidates = 12,
                                     .row_weight_exponent = 0.7,
                                     .seed = UINT64_C(0x123456789ABCDEF0)};
}

#endif
