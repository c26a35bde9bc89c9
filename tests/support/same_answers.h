/* SPDX-License-Identifier: MIT */
/* Two models that answer alike, bit for bit: lists, and new users. */
#ifndef TEST_SAME_ANSWERS_H
#define TEST_SAME_ANSWERS_H

#include <adaptau/fold_in.h>
#include <adaptau/model.h>

#include <stdlib.h>

#include "ok.h"
#include "options.h"

static inline void expect_same_lists(const adaptau_model *a, const adaptau_model *b, const adaptau_query *query)
{
    const size_t n = (size_t)query->n * (size_t)query->k;
    int32_t     *found = malloc(2 * n * sizeof *found);
    float       *scores = malloc(2 * n * sizeof *scores);
    ck_assert(found && scores);
    OK(adaptau_model_rank(a, query, found, scores, &error));
    OK(adaptau_model_rank(b, query, found + n, scores + n, &error));
    ck_assert_mem_eq(found, found + n, n * sizeof *found);
    ck_assert_mem_eq(scores, scores + n, n * sizeof *scores);
    free(found);
    free(scores);
}

static inline adaptau_status fold_one_in(const adaptau_model *model, float *row)
{
    const adaptau_fold_in_options options = full_fold_in_options(model, (adaptau_fold_in_options){.tau = 0.2, .n_steps = 2});
    const int64_t                 ptr[2] = {0, 3};
    const int32_t                 items[3] = {1, 5, 9};
    adaptau_fold_in              *in = NULL;
    adaptau_status                status = adaptau_fold_in_create(model, NULL, &options, &in, &error);
    if (status == ADAPTAU_OK)
        OK(adaptau_fold_in_users(in, 1, ptr, items, NULL, row, NULL, &error));
    adaptau_fold_in_destroy(in);
    return status;
}

/* Or both refuse. */
static inline void expect_same_fold_in(const adaptau_model *a, const adaptau_model *b)
{
    enum { WIDEST = 64 };
    float                rows[2][WIDEST] = {{0}};
    const adaptau_status status = fold_one_in(a, rows[0]);
    ck_assert_int_le(adaptau_model_dim(a), WIDEST);
    ck_assert_int_eq(fold_one_in(b, rows[1]), status);
    ck_assert_mem_eq(rows[0], rows[1], sizeof rows[0]);
}

#endif
