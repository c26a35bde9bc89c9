/* SPDX-License-Identifier: MIT */
/* model.h and fold_in.h: top-K, new users and items */
#include "misuse.h"

enum { K = 3 };

static struct {
    adaptau_model              *model;
    int32_t                     n_users, k;
    const int32_t              *users;
    const float                *rows;
    int64_t                     stride;
    const adaptau_dataset      *seen, *dataset;
    const adaptau_item_filter  *filter;
    const adaptau_fold_in_options *options;
    const adaptau_fold_in         *fold;
    const int64_t              *item_ptr;
    void                       *items;
    const int32_t              *item_ids;
    float                      *scores, *embeddings;
    void                       *out;

    STRUCT(adaptau_item_filter, filter);
    STRUCT(adaptau_fold_in_options, options);
    int32_t        ids[2], allowed[3], excluded[2], best[2 * K];
    int64_t        ptr[3];
    float          given[2 * DIM], values[2 * K], made_rows[2 * DIM];
    adaptau_fold_in  *made_fold;
    adaptau_model *made_model;
} a;

#define FILTER a.filter_struct.known
#define OPTIONS a.options_struct.known

static void release(void)
{
    adaptau_fold_in_destroy(a.made_fold);
    adaptau_model_destroy(a.made_model);
    a.made_fold = NULL;
    a.made_model = NULL;
}

/* ---- top-K ------------------------------------------------------------------------------------------------------ */

static void prepare_model_top_k(void)
{
    a.ids[0] = 5;
    a.ids[1] = 0;
    a.model = desk.graph;
    a.n_users = 2;
    a.users = a.ids;
    a.k = K;
    a.seen = desk.data;
    a.items = a.best;
    a.scores = a.values;
}

static adaptau_status call_model_top_k(adaptau_error *error)
{
    return adaptau_model_top_k(a.model, a.n_users, a.users, a.k, a.seen, a.items, a.scores, error);
}

static const struct misuse top_k[] = {
    IS_NULL(model),
    IS_NULL(users),
    IS_NULL(items),
    {ADAPTAU_E_ARGUMENT, "n_users = -1", {TO(a.n_users, -1)}},
    {ADAPTAU_E_ARGUMENT, "k = 0 is below 1", {TO(a.k, 0)}},
    {ADAPTAU_E_INDEX, "users[1] = 6, but n_users = 6", {TO(a.ids[1], USERS)}},
    {ADAPTAU_E_INDEX, "users[0] = -1, but n_users = 6", {TO(a.ids[0], -1)}},
    {ADAPTAU_E_SHAPE, "7", {FROM(a.seen, desk.larger)}},
};

static void prepare_model_top_k_for(void)
{
    static const int64_t ptr[3] = {0, 1, 2};
    memcpy(a.ptr, ptr, sizeof ptr);
    for (int k = 0; k < 2 * DIM; k++)
        a.given[k] = 1.0f;
    for (int k = 0; k < 3; k++)
        a.allowed[k] = 2 * k;
    a.excluded[0] = a.excluded[1] = 2;
    FILTER = (adaptau_item_filter){.struct_size = sizeof FILTER,
                                   .n_allowed = 3,
                                   .allowed = a.allowed,
                                   .exclude_ptr = a.ptr,
                                   .exclude = a.excluded};
    a.model = desk.graph;
    a.n_users = 2;
    a.rows = a.given;
    a.stride = DIM;
    a.k = K;
    a.filter = &FILTER;
    a.items = a.best;
    a.scores = a.values;
}

static adaptau_status call_model_top_k_for(adaptau_error *error)
{
    return adaptau_model_top_k_for(a.model, a.n_users, a.rows, a.stride, a.k, a.filter, a.items, a.scores, error);
}

static const struct misuse top_k_for[] = {
    IS_NULL(model),
    IS_NULL(items),
    {ADAPTAU_E_ARGUMENT, "embeddings is NULL", {TO(a.rows, NULL)}},
    {ADAPTAU_E_ARGUMENT, "n_users = -1", {TO(a.n_users, -1)}},
    {ADAPTAU_E_ARGUMENT, "k = 0 is below 1", {TO(a.k, 0)}},
    {ADAPTAU_E_SHAPE, "stride = 3, but dim = 4", {TO(a.stride, 3)}},
    {ADAPTAU_E_NUMERIC, "embeddings[1] is not finite", {TO(a.given[5], NAN)}},
    BAD_STRUCT(filter),
    {ADAPTAU_E_ARGUMENT, "filter->n_allowed = 3, filter->allowed is NULL", {TO(FILTER.allowed, NULL)}},
    {ADAPTAU_E_ARGUMENT, "filter->n_allowed = -1", {TO(FILTER.n_allowed, -1)}},
    {ADAPTAU_E_INDEX, "filter->allowed[2] = 8, but n_items = 8", {TO(a.allowed[2], ITEMS)}},
    {ADAPTAU_E_INDEX, "filter->allowed[0] = -1, but n_items = 8", {TO(a.allowed[0], -1)}},
    {ADAPTAU_E_INDEX, "filter->allowed[1] = 0 is not above the 0 before it", {TO(a.allowed[1], 0)}},
    {ADAPTAU_E_ARGUMENT, "filter->exclude is NULL, but filter->exclude_ptr[2] = 2", {TO(FILTER.exclude, NULL)}},
    {ADAPTAU_E_SHAPE, "filter->exclude_ptr[0] = 1, not 0", {TO(a.ptr[0], 1)}},
    {ADAPTAU_E_SHAPE, "filter->exclude_ptr[2] = 0 is below the 1 before it", {TO(a.ptr[2], 0)}},
    {ADAPTAU_E_INDEX, "filter->exclude[1] = 8, but n_items = 8", {TO(a.excluded[1], ITEMS)}},
    {ADAPTAU_E_INDEX, "filter->exclude[0] = -1, but n_items = 8", {TO(a.excluded[0], -1)}},
    {ADAPTAU_E_INDEX, "filter->exclude[1] = 2 is not above the 2 before it", {TO(a.ptr[1], 2)}},
};

/* ---- fold-in ---------------------------------------------------------------------------------------------------- */

static void prepare_fold_create(void)
{
    OPTIONS = (adaptau_fold_in_options){.struct_size = sizeof OPTIONS, .tau = 0.2, .target_strength = 1.0};
    a.model = desk.model;
    a.dataset = desk.data;
    a.options = &OPTIONS;
    a.out = &a.made_fold;
}

static adaptau_status call_fold_create(adaptau_error *error)
{
    return adaptau_fold_in_create(a.model, a.dataset, a.options, a.out, error);
}

#define BAD_FOLD_OPTIONS                                                                                                \
    {ADAPTAU_E_ARGUMENT, "->flags = 0x2", {TO(OPTIONS.flags, 2)}},                                                      \
    {ADAPTAU_E_ARGUMENT, "->tau_user_policy = 4", {TO(OPTIONS.tau_user_policy, ADAPTAU_TAU_USER_LEARNED)}},                           \
    {ADAPTAU_E_ARGUMENT, "->tau_user_policy = -1", {TO(OPTIONS.tau_user_policy, -1)}},                                                \
    {ADAPTAU_E_ARGUMENT, "->n_steps = 1001", {TO(OPTIONS.n_steps, 1001)}},                                              \
    {ADAPTAU_E_ARGUMENT, "->tau = 0", {TO(OPTIONS.tau, 0.0)}},                                                          \
    {ADAPTAU_E_ARGUMENT, "->tau = -0.2", {TO(OPTIONS.tau, -0.2)}},                                                      \
    {ADAPTAU_E_NUMERIC, "->tau = nan", {TO(OPTIONS.tau, NAN)}},                                                         \
    {ADAPTAU_E_NUMERIC, "->threshold = inf", {TO(OPTIONS.threshold, INFINITY)}},                                        \
    {ADAPTAU_E_ARGUMENT, "->divisor = -1", {TO(OPTIONS.divisor, -1.0)}},                                                \
    {ADAPTAU_E_NUMERIC, "->divisor = nan", {TO(OPTIONS.divisor, NAN)}},                                                 \
    {ADAPTAU_E_ARGUMENT, "->target_strength = -1", {TO(OPTIONS.target_strength, -1.0)}},                                \
    {ADAPTAU_E_ARGUMENT, "->popularity_exponent = 5", {TO(OPTIONS.popularity_exponent, 5.0)}},                          \
    {ADAPTAU_E_NUMERIC, "->popularity_exponent = nan", {TO(OPTIONS.popularity_exponent, NAN)}}

static const struct misuse fold_create[] = {
    IS_NULL(model),
    IS_NULL(options),
    IS_NULL(out),
    BAD_STRUCT(options),
    BAD_FOLD_OPTIONS,
    {ADAPTAU_E_ARGUMENT, "dataset is NULL", {TO(a.dataset, NULL)}},
    {ADAPTAU_E_ARGUMENT,
     "options->target_strength belongs to the softmax, but the model's loss is MSE",
     {FROM(a.model, desk.squares)}},
    {ADAPTAU_E_ARGUMENT,
     "options->popularity_exponent belongs to the softmax, but the model's loss is MSE",
     {FROM(a.model, desk.squares), TO(OPTIONS.target_strength, 0.0), TO(OPTIONS.popularity_exponent, 1.0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->popularity_exponent = 1, but dataset is NULL",
     {TO(a.dataset, NULL), TO(OPTIONS.target_strength, 0.0), TO(OPTIONS.popularity_exponent, 1.0)}},
    {ADAPTAU_E_SHAPE, "7", {FROM(a.dataset, desk.larger)}},
    {ADAPTAU_E_STATE, "the model was loaded, without its graph", {FROM(a.model, desk.loaded), TO(OPTIONS.target_strength, 0.0)}},
};

static void prepare_fold_users(void)
{
    static const int64_t ptr[3] = {0, 1, 3};
    memcpy(a.ptr, ptr, sizeof ptr);
    for (int k = 0; k < 3; k++)
        a.allowed[k] = 2 * k;
    a.fold = desk.fold;
    a.n_users = 2;
    a.item_ptr = a.ptr;
    a.item_ids = a.allowed;
    a.embeddings = a.made_rows;
    a.scores = a.values;
}

static adaptau_status call_fold_users(adaptau_error *error)
{
    return adaptau_fold_in_users(a.fold, a.n_users, a.item_ptr, a.item_ids, a.embeddings, a.scores, error);
}

static const struct misuse fold_users[] = {
    IS_NULL(fold),
    IS_NULL(item_ptr),
    IS_NULL(embeddings),
    {ADAPTAU_E_ARGUMENT, "items is NULL, but item_ptr[2] = 3", {TO(a.item_ids, NULL)}},
    {ADAPTAU_E_ARGUMENT, "n_users = -1", {TO(a.n_users, -1)}},
    {ADAPTAU_E_SHAPE, "item_ptr[0] = 1, not 0", {TO(a.ptr[0], 1)}},
    {ADAPTAU_E_SHAPE, "item_ptr[2] = 0 is below the 1 before it", {TO(a.ptr[2], 0)}},
    {ADAPTAU_E_INDEX, "items[2] = 8, but n_items = 8", {TO(a.allowed[2], ITEMS)}},
    {ADAPTAU_E_INDEX, "items[0] = -5, but n_items = 8", {TO(a.allowed[0], -5)}},
    {ADAPTAU_E_INDEX, "items[2] = 2 is not above the 2 before it", {TO(a.allowed[2], 2)}},
};

static void prepare_model_grow(void)
{
    prepare_fold_create();
    a.dataset = desk.larger;
    a.out = &a.made_model;
}

static adaptau_status call_model_grow(adaptau_error *error)
{
    return adaptau_model_grow(a.model, a.dataset, a.options, a.out, error);
}

static const struct misuse grow[] = {
    IS_NULL(model),
    IS_NULL(dataset),
    IS_NULL(out),
    {ADAPTAU_E_ABI, "->struct_size = 0", {TO(OPTIONS.struct_size, 0)}},
    {ADAPTAU_E_ABI, "->struct_size = 4100", {TO(OPTIONS.struct_size, 4100)}},
    BAD_FOLD_OPTIONS,
    {ADAPTAU_E_SHAPE, "5", {FROM(a.dataset, desk.smaller)}},
    {ADAPTAU_E_ARGUMENT, "fold is given, but raw rows of lightgcn are no embeddings", {FROM(a.model, desk.graph)}},
};

static const struct subject subjects[] = {
    SUBJECT(model_top_k, top_k),     SUBJECT(model_top_k_for, top_k_for), SUBJECT(fold_create, fold_create),
    SUBJECT(fold_users, fold_users), SUBJECT(model_grow, grow),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_fold_destroy(void)
{
    adaptau_fold_in_destroy(NULL);
}

static const struct harmless harmless[] = {HARMLESS(fold_destroy)};

MISUSE_FILE(serve);
