/* SPDX-License-Identifier: MIT */
/* Lists as people or programs read them, one after the other as they come. */
#ifndef ADAPTAU_RECOMMEND_OUTPUT_H
#define ADAPTAU_RECOMMEND_OUTPUT_H

#include "adaptau-recommend/lists.h"
#include "adaptau-recommend/settings.h"
#include "adaptau-recommend/titles.h"
#include "common/draft.h"
#include "common/json.h"

struct output {
    const struct settings *settings;
    const struct catalog  *catalog;
    const struct titles   *titles; /* or NULL */
    struct draft           draft;  /* of --output */
    FILE                  *file;
    struct json            json;
    int64_t                n_lists;
    bool                   begun;
};

/* Whom a list is for. */
struct recipient {
    const char    *label;
    int32_t        row;   /* -1: none of the model's */
    bool           cold;  /* the list is what is popular */
    int32_t        n_own; /* items that --why may name */
    const int32_t *own;   /* [n_own] */
};

adaptau_status output_open(struct output *output, const struct settings *settings, const struct catalog *catalog,
                           const struct titles *titles, adaptau_error *error);

/* `found` [k] ends in −1 where fewer are left; `scores` [k]. */
void output_list(struct output *output, const struct recipient *recipient, int32_t k, const int32_t *found, const float *scores);

/* Put a file in its place; standard output is the caller's to flush. */
adaptau_status output_close(struct output *output, adaptau_error *error);

/* Give it up. Fine after output_close, and for an output of zeros. */
void output_discard(struct output *output);

#endif
