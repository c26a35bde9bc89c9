/* SPDX-License-Identifier: MIT */
/* model.h and fold_in.h: ranking, new users and items */
#include <adaptau/experimental.h>

#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_model                 *model;
    adaptau_evaluator             *evaluator;
    const adaptau_dataset         *dataset;
    const adaptau_fold_in_options *options;
    const adaptau_row_map         *map;
    const adaptau_fold_in         *fold;
    int32_t                        n_users;
    const int64_t                 *item_ptr;
    const int32_t                 *item_ids;
    const float                   *item_weights;
    int32_t                       *found;
    float                         *scores, *embeddings;
    void                          *out;

    QUERY_MEMBERS;
    STRUCT(adaptau_fold_in_options, options);
    STRUCT(adaptau_row_map, map);
    int32_t          users[USERS], items[ITEMS];
    int32_t          best[2 * K];
    float            values[2 * K], made_rows[2 * DIM], weights[3];
    adaptau_fold_in *made_fold;
    adaptau_model   *made_model;
} a;

#define OPTIONS a.options_struct.known
#define MAP     a.map_struct.known

static void release(void)
{
    adaptau_fold_in_destroy(a.made_fold);
    adaptau_model_destroy(a.made_model);
    a.made_fold = NULL;
    a.made_model = NULL;
}

/* ---- ranking ---------------------------------------------------------------------------------------------------- */

static void prepare_model_rank(void)
{
    PREPARE_QUERY;
    a.model = desk.graph;
    a.found = a.best;
    a.scores = a.values;
}

static adaptau_status call_model_rank(adaptau_error *error)
{
    return adaptau_model_rank(a.model, a.query, a.found, a.scores, error);
}

static const struct misuse rank[] = {
    IS_NULL(model),
    BAD_QUERY,
    {ADAPTAU_E_SHAPE, "query->seen is 7 x 9, but the tables are 6 x 8 (users x items)", {FROM(QUERY.seen, desk.larger)}},
};

static void prepare_model_evaluate(void)
{
    ck_assert_int_eq(adaptau_model_grow(desk.model, desk.larger, NULL, &a.made_model, NULL), ADAPTAU_OK);
    a.model = desk.graph;
    a.evaluator = desk.evaluator;
}

static adaptau_status call_model_evaluate(adaptau_error *error)
{
    return adaptau_model_evaluate(a.model, a.evaluator, error);
}

static const struct misuse evaluate[] = {
    IS_NULL(model),
    IS_NULL(evaluator),
    {ADAPTAU_E_SHAPE, "", {FROM(a.model, a.made_model)}},
};

/* ---- fold-in ---------------------------------------------------------------------------------------------------- */

static void prepare_fold_in_create(void)
{
    OPTIONS = full_fold_in_options(desk.model, (adaptau_fold_in_options){.tau = 0.2, .target_strength = 1.0});
    a.model = desk.model;
    a.dataset = desk.data;
    a.options = &OPTIONS;
    a.out = &a.made_fold;
}

static adaptau_status call_fold_in_create(adaptau_error *error)
{
    return adaptau_fold_in_create(a.model, a.dataset, a.options, a.out, error);
}

#define BAD_FOLD_OPTIONS                                                                                                \
    {ADAPTAU_E_ARGUMENT, "->flags = 0x2", {TO(OPTIONS.flags, 2)}},                                                      \
    {ADAPTAU_E_ARGUMENT, "->tau_user_policy = 4", {TO(OPTIONS.tau_user_policy, ADAPTAU_TAU_USER_LEARNED)}},                           \
    {ADAPTAU_E_ARGUMENT, "->tau_user_policy = -1", {TO(OPTIONS.tau_user_policy, -1)}},                                                \
    {ADAPTAU_E_ARGUMENT, "->n_steps = -1 is outside 0 ... 1000", {TO(OPTIONS.n_steps, -1)}},                           \
    {ADAPTAU_E_ARGUMENT, "->divisor = 0, but must be above 0; adaptau_fold_in_options_init writes", {TO(OPTIONS.divisor, 0.0)}}, \
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
    {ADAPTAU_E_STATE, "options is NULL, but the model does not say how new users are folded in", {TO(a.options, NULL)}},
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

static void prepare_fold_in_users(void)
{
    static const int64_t ptr[3] = {0, 1, 3};
    memcpy(a.query_ptr, ptr, sizeof ptr);
    for (int k = 0; k < 3; k++)
        a.allowed[k] = 2 * k;
    for (int k = 0; k < 3; k++)
        a.weights[k] = 1.5f;
    a.item_weights = a.weights;
    a.fold = desk.fold;
    a.n_users = 2;
    a.item_ptr = a.query_ptr;
    a.item_ids = a.allowed;
    a.embeddings = a.made_rows;
    a.scores = a.values;
}

static adaptau_status call_fold_in_users(adaptau_error *error)
{
    return adaptau_fold_in_users(a.fold, a.n_users, a.item_ptr, a.item_ids, a.item_weights, a.embeddings, a.scores, error);
}

static const struct misuse fold_users[] = {
    IS_NULL(fold),
    IS_NULL(item_ptr),
    IS_NULL(embeddings),
    {ADAPTAU_E_ARGUMENT, "items is NULL, but item_ptr[2] = 3", {TO(a.item_ids, NULL)}},
    {ADAPTAU_E_ARGUMENT, "n_users = -1", {TO(a.n_users, -1)}},
    {ADAPTAU_E_SHAPE, "item_ptr[0] = 1, not 0", {TO(a.query_ptr[0], 1)}},
    {ADAPTAU_E_SHAPE, "item_ptr[2] = 0 is below the 1 before it", {TO(a.query_ptr[2], 0)}},
    {ADAPTAU_E_INDEX, "items[2] = 8, but n_items = 8", {TO(a.allowed[2], ITEMS)}},
    {ADAPTAU_E_INDEX, "items[0] = -5, but n_items = 8", {TO(a.allowed[0], -5)}},
    {ADAPTAU_E_INDEX, "items[2] = 2 is not above the 2 before it", {TO(a.allowed[2], 2)}},
    {ADAPTAU_E_NUMERIC, "weights[2] = inf is not finite", {TO(a.weights[2], INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "weights[1] = 0 is outside 1e-30 ... 1e30", {TO(a.weights[1], 0.0f)}},
};

static void prepare_model_grow(void)
{
    prepare_fold_in_create();
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
    {ADAPTAU_E_UNSUPPORTED, "fold is given, but raw rows of lightgcn are no embeddings", {FROM(a.model, desk.graph)}},
};

/* One user and one item less, the others the other way round, and a new one of each. */
static void prepare_model_remap(void)
{
    prepare_fold_in_create();
    MAP = (adaptau_row_map){.struct_size = sizeof MAP, .n_users = USERS, .n_items = ITEMS, .users = a.users, .items = a.items};
    for (int32_t r = 0; r < ITEMS; r++)
        a.items[r] = r == 3 ? -1 : ITEMS - 1 - r;
    for (int32_t r = 0; r < USERS; r++)
        a.users[r] = r == 2 ? -1 : USERS - 1 - r;
    a.map = &MAP;
    a.out = &a.made_model;
}

static adaptau_status call_model_remap(adaptau_error *error)
{
    return adaptau_model_remap(a.model, a.dataset, a.map, a.options, a.out, error);
}

static const struct misuse remap[] = {
    IS_NULL(model),
    IS_NULL(map),
    IS_NULL(out),
    BAD_STRUCT(map),
    {ADAPTAU_E_ABI, "->struct_size = 0", {TO(OPTIONS.struct_size, 0)}},
    BAD_FOLD_OPTIONS,
    {ADAPTAU_E_ARGUMENT, "map->n_users = -1 is negative", {TO(MAP.n_users, -1)}},
    {ADAPTAU_E_ARGUMENT, "map->n_items = -8 is negative", {TO(MAP.n_items, -8)}},
    {ADAPTAU_E_ARGUMENT, "map->reserved = 1, not 0", {TO(MAP.reserved, 1)}},
    {ADAPTAU_E_SHAPE, "map is of 6 users x 8 items, but dataset of 5 x 7", {FROM(a.dataset, desk.smaller)}},
    {ADAPTAU_E_SHAPE, "map is of 6 users x 7 items, but dataset of 6 x 8", {TO(MAP.n_items, 7)}},
    {ADAPTAU_E_INDEX, "map->users[4] = 6, but there were 6 users", {TO(a.users[4], 6)}},
    {ADAPTAU_E_INDEX, "map->items[0] = -2, but there were 8 items", {TO(a.items[0], -2)}},
    {ADAPTAU_E_INDEX, "map->users[5] = 5, which map->users[0] is, too", {TO(a.users[5], 5)}},
    {ADAPTAU_E_INDEX, "map->items[7] = 1, which map->items[6] is, too", {TO(a.items[7], 1)}},
    {ADAPTAU_E_ARGUMENT, "map->users[2] = -1 is new, but dataset is NULL", {TO(a.dataset, NULL), TO(a.options, NULL)}},
    {ADAPTAU_E_ARGUMENT, "map->items[3] = -1 is new, but dataset is NULL", {TO(a.dataset, NULL), TO(a.options, NULL), TO(a.users[2], 3)}},
    {ADAPTAU_E_ARGUMENT, "map->n_items = 9, but there were 8, and dataset is NULL",
     {TO(a.dataset, NULL), TO(a.options, NULL), TO(a.users[2], 3), TO(MAP.items, NULL), TO(MAP.n_items, 9)}},
    {ADAPTAU_E_SHAPE, "map->users is NULL, which removes none, but map->n_users = 5 and there were 6",
     {FROM(a.dataset, desk.smaller), TO(MAP.users, NULL), TO(MAP.n_users, 5), TO(MAP.n_items, 7)}},
    {ADAPTAU_E_SHAPE, "map->items is NULL, which removes none, but map->n_items = 0 and there were 8",
     {TO(a.dataset, NULL), TO(a.users[2], 3), TO(MAP.items, NULL), TO(MAP.n_items, 0)}},
    {ADAPTAU_E_ARGUMENT, "fold is given, but dataset is NULL", {TO(a.dataset, NULL), TO(a.users[2], 3), TO(a.items[3], 4)}},
    {ADAPTAU_E_UNSUPPORTED, "fold is given, but raw rows of lightgcn are no embeddings", {FROM(a.model, desk.graph)}},
};

static void prepare_model_set_fold_in(void)
{
    prepare_fold_in_create();
    a.model = desk.unused_model;
    OPTIONS.popularity_exponent = 0.5;
}

static adaptau_status call_model_set_fold_in(adaptau_error *error)
{
    adaptau_status status = adaptau_model_set_fold_in(a.model, a.dataset, a.options, error);
    if (status == ADAPTAU_OK) /* so that nothing of it stays on the desk                                       */
        ck_assert_int_eq(adaptau_model_set_fold_in(a.model, NULL, NULL, NULL), ADAPTAU_OK);
    return status;
}

static const struct misuse set_fold_in[] = {
    IS_NULL(model),
    BAD_STRUCT(options),
    BAD_FOLD_OPTIONS,
    {ADAPTAU_E_ARGUMENT, "options->popularity_exponent = 0.5, but dataset is NULL", {TO(a.dataset, NULL)}},
    {ADAPTAU_E_SHAPE, "dataset is 5 x 7, but the model is 6 x 8", {FROM(a.dataset, desk.smaller)}},
};

static void prepare_model_get_fold_in(void)
{
    adaptau_fold_in_options options = {.struct_size = sizeof options, .tau = 0.2, .divisor = 2.0};
    a.made_model = NULL;
    ck_assert_int_eq(adaptau_model_grow(desk.model, desk.data, NULL, &a.made_model, NULL), ADAPTAU_OK);
    ck_assert_int_eq(adaptau_model_set_fold_in(a.made_model, NULL, &options, NULL), ADAPTAU_OK);
    a.model = a.made_model;
    OPTIONS = (adaptau_fold_in_options){.struct_size = sizeof OPTIONS};
    a.out = &OPTIONS;
}

static adaptau_status call_model_get_fold_in(adaptau_error *error)
{
    return adaptau_model_get_fold_in(a.model, a.out, error);
}

static const struct misuse get_fold_in[] = {
    IS_NULL(model),
    IS_NULL(out),
    {ADAPTAU_E_ABI, "out->struct_size = 0", {TO(OPTIONS.struct_size, 0)}},
    {ADAPTAU_E_ABI, "out->struct_size = 4100", {TO(OPTIONS.struct_size, 4100)}},
    {ADAPTAU_E_STATE, "the model does not say how new users are folded in", {FROM(a.model, desk.model)}},
};

static const struct subject subjects[] = {
    SUBJECT(model_set_fold_in, set_fold_in), SUBJECT(model_get_fold_in, get_fold_in),
    SUBJECT(model_rank, rank), SUBJECT(model_evaluate, evaluate), SUBJECT(fold_in_create, fold_create),
    SUBJECT(fold_in_users, fold_users), SUBJECT(model_grow, grow), SUBJECT(model_remap, remap),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_fold_in_destroy(void)
{
    adaptau_fold_in_destroy(NULL);
}

static const struct harmless harmless[] = {HARMLESS(fold_in_destroy)};

MISUSE_FILE(serve);
