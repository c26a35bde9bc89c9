/* SPDX-License-Identifier: MIT */
/* dataset.h */
#include "misuse.h"

static struct {
    adaptau_context       *context;
    const adaptau_csr     *csr;
    int32_t                n_users, n_items;
    int64_t                n_pairs;
    const int32_t         *users, *items;
    const float           *weights;
    const adaptau_dataset *dataset, *negatives;
    adaptau_dataset       *mutable;
    void                  *out;

    STRUCT(adaptau_csr, csr);
    STRUCT(adaptau_dataset_view, out);
    int64_t          indptr[5];
    int32_t          indices[6], pair_users[4], pair_items[4];
    float            numbers[6];
    adaptau_dataset *made;
} a;

#define CSR a.csr_struct.known

static void release(void)
{
    adaptau_dataset_destroy(a.made);
    a.made = NULL;
}

static void prepare_dataset_create(void)
{
    static const int64_t indptr[5] = {0, 2, 2, 5, 6};
    static const int32_t indices[6] = {1, 4, 0, 3, 4, 4};
    memcpy(a.indptr, indptr, sizeof indptr);
    memcpy(a.indices, indices, sizeof indices);
    CSR = (adaptau_csr){
        .struct_size = sizeof CSR, .n_users = 4, .n_items = 5, .indptr = a.indptr, .indices = a.indices, .weights = a.numbers};
    for (int p = 0; p < 6; p++)
        a.numbers[p] = 1.0f;
    a.context = desk.context;
    a.csr = &CSR;
    a.out = &a.made;
}

static adaptau_status call_dataset_create(adaptau_error *error)
{
    return adaptau_dataset_create(a.context, a.csr, a.out, error);
}

static const struct misuse create[] = {
    IS_NULL(context),
    IS_NULL(csr),
    IS_NULL(out),
    BAD_STRUCT(csr),
    {ADAPTAU_E_ARGUMENT, "csr->n_users = -1 is negative", {TO(CSR.n_users, -1)}},
    {ADAPTAU_E_ARGUMENT, "csr->n_items = -2 is negative", {TO(CSR.n_items, -2)}},
    {ADAPTAU_E_ARGUMENT, "csr->reserved = 3, not 0", {TO(CSR.reserved, 3)}},
    {ADAPTAU_E_ARGUMENT, "csr->indptr is NULL", {TO(CSR.indptr, NULL)}},
    {ADAPTAU_E_ARGUMENT, "csr->indices is NULL, but csr->indptr[4] = 6", {TO(CSR.indices, NULL)}},
    {ADAPTAU_E_SHAPE, "indptr[0] = 1, not 0", {TO(a.indptr[0], 1)}},
    {ADAPTAU_E_SHAPE, "csr->indptr[3] = 1 is below the 2 before it", {TO(a.indptr[3], 1)}},
    {ADAPTAU_E_SHAPE, "csr->indptr[1] = -1 is below the 0 before it", {TO(a.indptr[1], -1)}},
    {ADAPTAU_E_INDEX, "indices[3] = 5, but n_items = 5", {TO(a.indices[3], 5)}},
    {ADAPTAU_E_INDEX, "indices[2] = -7, but n_items = 5", {TO(a.indices[2], -7)}},
    {ADAPTAU_E_INDEX, "indices[3] = 2147483647, but n_items = 5", {TO(a.indices[3], INT32_MAX)}},
    {ADAPTAU_E_INDEX, "csr->indices[4] = 2 is not above the 3 before it, in row 2", {TO(a.indices[4], 2)}},
    {ADAPTAU_E_INDEX, "csr->indices[1] = 1 is not above the 1 before it, in row 0", {TO(a.indices[1], 1)}},
    {ADAPTAU_E_NUMERIC, "weights[5] = nan is not finite", {TO(a.numbers[5], NAN)}},
    {ADAPTAU_E_NUMERIC, "weights[2] = -inf is not finite", {TO(a.numbers[2], -INFINITY), TO(a.numbers[4], 0.0f)}},
    {ADAPTAU_E_ARGUMENT, "weights[0] = 0 is outside 1e-30 ... 1e30", {TO(a.numbers[0], 0.0f)}},
    {ADAPTAU_E_ARGUMENT, "weights[1] = -3 is outside 1e-30 ... 1e30", {TO(a.numbers[1], -3.0f)}},
    {ADAPTAU_E_ARGUMENT, "weights[3] = 1e+31 is outside 1e-30 ... 1e30", {TO(a.numbers[3], 1e31f)}},
};

static void prepare_dataset_create_from_interactions(void)
{
    static const int32_t users[4] = {0, 2, 1, 2}, items[4] = {4, 0, 2, 0};
    memcpy(a.pair_users, users, sizeof users);
    memcpy(a.pair_items, items, sizeof items);
    a.context = desk.context;
    a.n_users = 3;
    a.n_items = 5;
    a.n_pairs = 4;
    a.users = a.pair_users;
    a.items = a.pair_items;
    a.weights = a.numbers;
    for (int p = 0; p < 4; p++)
        a.numbers[p] = 1.0f;
    a.out = &a.made;
}

static adaptau_status call_dataset_create_from_interactions(adaptau_error *error)
{
    return adaptau_dataset_create_from_interactions(a.context, a.n_users, a.n_items, a.n_pairs, a.users, a.items, a.weights, a.out,
                                                    error);
}

static const struct misuse create_from_pairs[] = {
    IS_NULL(context),
    IS_NULL(users),
    IS_NULL(items),
    IS_NULL(out),
    {ADAPTAU_E_ARGUMENT, "n_users = -4 is negative", {TO(a.n_users, -4)}},
    {ADAPTAU_E_ARGUMENT, "n_items = -5 is negative", {TO(a.n_items, -5)}},
    {ADAPTAU_E_ARGUMENT, "n_interactions = -1 is negative", {TO(a.n_pairs, -1)}},
    {ADAPTAU_E_INDEX, "users[1] = 3, but n_users = 3", {TO(a.pair_users[1], 3)}},
    {ADAPTAU_E_INDEX, "users[2] = -1, but n_users = 3", {TO(a.pair_users[2], -1)}},
    {ADAPTAU_E_INDEX, "items[0] = 5, but n_items = 5", {TO(a.pair_items[0], 5)}},
    {ADAPTAU_E_INDEX, "items[3] = -2147483648, but n_items = 5", {TO(a.pair_items[3], INT32_MIN)}},
    {ADAPTAU_E_INDEX, "users[0] = 0, but n_users = 0", {TO(a.n_users, 0)}},
    {ADAPTAU_E_INDEX, "users[1] = 9, but n_users = 3", {TO(a.pair_users[1], 9), TO(a.pair_items[2], 9)}},
    {ADAPTAU_E_NUMERIC, "weights[3] = inf is not finite", {TO(a.numbers[3], INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "weights[0] = -1 is outside 1e-30 ... 1e30", {TO(a.numbers[0], -1.0f)}},
    {ADAPTAU_E_ARGUMENT, "weights of user 2 and item 0 add up to 1.8e+30, above 1e30",
     {TO(a.numbers[1], 9e29f), TO(a.numbers[3], 9e29f)}},
};

static void prepare_dataset_set_negatives(void)
{
    a.mutable = desk.data;
    a.negatives = desk.no_pairs;
}

static adaptau_status call_dataset_set_negatives(adaptau_error *error)
{
    return adaptau_dataset_set_negatives(a.mutable, a.negatives, error);
}

static const struct misuse set_negatives[] = {
    IS_NULL(negatives),
    {ADAPTAU_E_ARGUMENT, "dataset is NULL", {TO(a.mutable, NULL)}},
    {ADAPTAU_E_SHAPE, "negatives is 5 x 7, but dataset is 6 x 8", {FROM(a.negatives, desk.smaller)}},
    {ADAPTAU_E_SHAPE, "negatives is 7 x 9, but dataset is 6 x 8", {FROM(a.negatives, desk.larger)}},
    {ADAPTAU_E_STATE, "dataset has 12 negatives already", {FROM(a.mutable, desk.with_negatives)}},
};

static void prepare_dataset_get_view(void)
{
    a.out_struct.known = (adaptau_dataset_view){.struct_size = sizeof a.out_struct.known};
    a.dataset = desk.data;
    a.out = &a.out_struct.known;
}

static adaptau_status call_dataset_get_view(adaptau_error *error)
{
    return adaptau_dataset_get_view(a.dataset, a.out, error);
}

static const struct misuse get_view[] = {
    IS_NULL(dataset),
    IS_NULL(out),
    BAD_SIZES(out),
};

static const struct subject subjects[] = {
    SUBJECT(dataset_create, create),
    SUBJECT(dataset_create_from_interactions, create_from_pairs),
    SUBJECT(dataset_set_negatives, set_negatives),
    SUBJECT(dataset_get_view, get_view),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_dataset_destroy(void)
{
    adaptau_dataset_destroy(NULL);
}

static void call_dataset_n_users(void)
{
    ck_assert_int_eq(adaptau_dataset_n_users(NULL), 0);
}

static void call_dataset_n_items(void)
{
    ck_assert_int_eq(adaptau_dataset_n_items(NULL), 0);
}

static void call_dataset_n_interactions(void)
{
    ck_assert_int_eq(adaptau_dataset_n_interactions(NULL), 0);
}

static void call_dataset_n_duplicates(void)
{
    ck_assert_int_eq(adaptau_dataset_n_duplicates(NULL), 0);
}

static const struct harmless harmless[] = {
    HARMLESS(dataset_destroy), HARMLESS(dataset_n_users),      HARMLESS(dataset_n_items),
    HARMLESS(dataset_n_interactions), HARMLESS(dataset_n_duplicates),
};

MISUSE_FILE(dataset);
