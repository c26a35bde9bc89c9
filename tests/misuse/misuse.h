/* SPDX-License-Identifier: MIT */
/* Misuse as a table. A subject is an exported function with arguments that are good; each of its rows changes some of them and
 * says what the function must answer. test_misuse.c runs them all:
 *
 *     the status and the error are the row's, the message is one line, with a NULL error the status is the same;
 *     no byte of the arguments, outputs among them, has changed, nor have the objects on the desk, and nothing has leaked;
 *     with good arguments the call succeeds afterwards, and does not write to its error. */
#ifndef MISUSE_H
#define MISUSE_H

#include <adaptau/adaptau.h>

#include <math.h>
#include <string.h>

#include "../support/host.h"

/* ---- the desk: objects that a file's arguments point to, new for each subject ----------------------------------- */

enum { USERS = 6, ITEMS = 8, DIM = 4, PAIRS = 12 };

struct desk {
    struct host          host; /* of the context: its memory is counted                                         */
    adaptau_context     *context;
    adaptau_dataset     *data, *smaller, *larger, *no_pairs; /* USERS x ITEMS; one less, one more of each       */
    adaptau_dataset     *with_negatives; /* `data` with logged negatives                                        */
    adaptau_sampler     *sampler, *unused_sampler; /* the second has begun no epoch                             */
    adaptau_temperature *temperature, *personal, *learned; /* by default, by Eq. 16, as C-τ                     */
    adaptau_temperature *of_smaller, *of_no_pairs;
    adaptau_evaluator   *evaluator, *plain_evaluator, *unused_evaluator; /* with 2 groups; without; has not run */
    adaptau_model       *model, *squares, *unused_model; /* MF; with squared errors; without gradients          */
    adaptau_model       *graph, *loaded; /* LightGCN; the same from a file, without its interactions            */
    adaptau_fold_in        *fold;
    char                 folder[512];
    char                 path[600], model_path[600], checkpoint_path[600]; /* to write to; files of `graph`     */
    const char          *path_of_model;
};

/* Everything on it, and nothing of it again: the memory must be given back. */
void lay_desk(void);
void clear_desk(void);

/* A number of all that one can see of the objects. */
uint64_t look_at_desk(void);

extern struct desk desk;

/* ---- rows ------------------------------------------------------------------------------------------------------- */

struct change {
    void       *place;
    size_t      size;
    const void *value;
};

struct misuse {
    adaptau_status status;
    const char    *message; /* a part of the error's                                                             */
    struct change  changes[6];
};

/* A place, static and of any type, and what is put there. */
#define TO(place, ...)                                                                                                  \
    {                                                                                                                   \
        (void *)&(place), sizeof(place), &(__typeof__(place)){__VA_ARGS__}                                              \
    }

/* The same with one of the objects on the desk. */
#define FROM(place, object) {(void *)&(place), sizeof(place), &(object)}

/* Rows about a member of the file's arguments `a`, which is called as in the header. */
#define IS_NULL(argument) {ADAPTAU_E_ARGUMENT, #argument " is NULL", {TO(a.argument, NULL)}}

/* Sizes of a struct that no version had. */
#define BAD_SIZES(object)                                                                                               \
    {ADAPTAU_E_ABI, #object "->struct_size = 0", {TO(a.object##_struct.known.struct_size, 0)}},                         \
    {ADAPTAU_E_ABI, #object "->struct_size = 8", {TO(a.object##_struct.known.struct_size, 8)}},                         \
    {ADAPTAU_E_ABI, #object "->struct_size = 4100", {TO(a.object##_struct.known.struct_size, 4100)}}

/* The same of a struct that is read, and one of a newer caller who has set what this version does not know. */
#define BAD_STRUCT(object)                                                                                              \
    BAD_SIZES(object),                                                                                                  \
    {ADAPTAU_E_ABI, #object "->struct_size = ",                                                                         \
     {TO(a.object##_struct.known.struct_size, sizeof(a.object##_struct)), TO(a.object##_struct.tail[1], UINT64_C(1) << 32)}}

/* A struct among the arguments, `name`_struct, with room for what a newer version may have behind it. */
#define STRUCT(type, name)                                                                                              \
    struct {                                                                                                            \
        type     known;                                                                                                 \
        uint64_t tail[2];                                                                                               \
    } name##_struct

/* What every function that takes tables answers, with members of `a`: tables_struct, user_rows and item_rows. */
#define BAD_TABLES                                                                                                      \
    IS_NULL(tables), BAD_STRUCT(tables),                                                                                \
        {ADAPTAU_E_ARGUMENT, "tables->flags = 0x20", {TO(a.tables_struct.known.flags, 0x20)}},                          \
        {ADAPTAU_E_ARGUMENT, "tables->reserved = 7", {TO(a.tables_struct.known.reserved, 7)}},                          \
        {ADAPTAU_E_ARGUMENT, "tables->dim = 0", {TO(a.tables_struct.known.dim, 0)}},                                    \
        {ADAPTAU_E_ARGUMENT, "tables->dim = -4", {TO(a.tables_struct.known.dim, -4)}},                                  \
        {ADAPTAU_E_ARGUMENT, "tables->dim = 65537", {TO(a.tables_struct.known.dim, 65537)}},                            \
        {ADAPTAU_E_SHAPE, "tables->user_stride = 3, but dim = 4", {TO(a.tables_struct.known.user_stride, 3)}},          \
        {ADAPTAU_E_SHAPE, "tables->item_stride = -4, but dim = 4", {TO(a.tables_struct.known.item_stride, -4)}},        \
        {ADAPTAU_E_SHAPE, "tables->n_users = 6 rows of 9223372036854775807 floats exceed",                              \
         {TO(a.tables_struct.known.user_stride, INT64_MAX)}},                                                           \
        {ADAPTAU_E_ARGUMENT, "tables->users is NULL", {TO(a.tables_struct.known.users, NULL)}},                         \
        {ADAPTAU_E_ARGUMENT, "tables->items is NULL", {TO(a.tables_struct.known.items, NULL)}},                         \
        {ADAPTAU_E_SHAPE, "tables->n_users = -1", {TO(a.tables_struct.known.n_users, -1)}},                             \
        {ADAPTAU_E_SHAPE, "tables->n_items = -1", {TO(a.tables_struct.known.n_items, -1)}},                             \
        {ADAPTAU_E_NUMERIC, "users[3] is not finite", {TO(a.user_rows[3 * DIM + 3], NAN)}},                             \
        {ADAPTAU_E_NUMERIC, "items[5] is not finite", {TO(a.item_rows[5 * DIM], -INFINITY), TO(a.item_rows[6 * DIM], NAN)}}

#define TABLES_MEMBERS                                                                                                  \
    STRUCT(adaptau_tables, tables);                                                                                     \
    float user_rows[USERS * DIM], item_rows[ITEMS * DIM]

/* Good ones, of random numbers and with cosine scores. */
#define PREPARE_TABLES fill_tables(&a.tables_struct.known, a.user_rows, a.item_rows)
void fill_tables(adaptau_tables *tables, float *users, float *items);

/* What every function that takes a batch answers, with members of `a`: batch_struct, users, ptr and positives. Row r has the
 * items 2 and 5 of user r. */
#define BAD_BATCH                                                                                                       \
    IS_NULL(batch), BAD_STRUCT(batch),                                                                                  \
        {ADAPTAU_E_ARGUMENT, "batch->flags = 0x2", {TO(a.batch_struct.known.flags, 2)}},                                \
        {ADAPTAU_E_ARGUMENT, "batch->reserved = 3", {TO(a.batch_struct.known.reserved, 3)}},                            \
        {ADAPTAU_E_SHAPE, "batch->n_rows = -1", {TO(a.batch_struct.known.n_rows, -1)}},                                 \
        {ADAPTAU_E_SHAPE, "batch->n_rows = 7 without batch->users, but n_users = 6",                                    \
         {TO(a.batch_struct.known.n_rows, 7), TO(a.batch_struct.known.users, NULL)}},                                   \
        {ADAPTAU_E_ARGUMENT, "batch->candidates = 3", {TO(a.batch_struct.known.candidates, 3)}},                        \
        {ADAPTAU_E_ARGUMENT, "batch->candidates = -1", {TO(a.batch_struct.known.candidates, -1)}},                      \
        {ADAPTAU_E_ARGUMENT, "n_candidates", {TO(a.batch_struct.known.n_candidates, 5)}},                               \
        {ADAPTAU_E_SHAPE, "batch->n_candidates = -1",                                                                   \
         {TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_SHARED), TO(a.batch_struct.known.n_candidates, -1)}},  \
        {ADAPTAU_E_ARGUMENT, "batch->candidate_ids is NULL",                                                            \
         {TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_SHARED), TO(a.batch_struct.known.n_candidates, 2)}},   \
        {ADAPTAU_E_SHAPE, "batch->n_candidates = 2147483647 for 3 rows",                                                \
         {TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_PER_ROW),                                              \
          TO(a.batch_struct.known.n_candidates, INT32_MAX), TO(a.batch_struct.known.candidate_ids, a.positives)}},      \
        {ADAPTAU_E_INDEX, "batch->candidate_ids[1] = 8, but n_items = 8",                                               \
         {TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_SHARED), TO(a.batch_struct.known.n_candidates, 2),     \
          TO(a.batch_struct.known.candidate_ids, a.ids), TO(a.ids[1], 8)}},                                             \
        {ADAPTAU_E_INDEX, "batch->users[1] = 6, but n_users = 6", {TO(a.users[1], USERS)}},                             \
        {ADAPTAU_E_INDEX, "batch->users[2] = -1, but n_users = 6", {TO(a.users[2], -1)}},                               \
        {ADAPTAU_E_ARGUMENT, "batch->positive_ptr is NULL", {TO(a.batch_struct.known.positive_ptr, NULL)}},             \
        {ADAPTAU_E_SHAPE, "batch->positive_ptr[0] = 1, not 0", {TO(a.ptr[0], 1)}},                                      \
        {ADAPTAU_E_SHAPE, "batch->positive_ptr[2] = 1 is below", {TO(a.ptr[2], 1)}},                                    \
        {ADAPTAU_E_SHAPE, "exceeds 2^31 - 1", {TO(a.ptr[3], INT64_MAX)}},                                               \
        {ADAPTAU_E_ARGUMENT, "batch->positives is NULL", {TO(a.batch_struct.known.positives, NULL)}},                   \
        {ADAPTAU_E_INDEX, "batch->positives[0] = -1, but n_items = 8", {TO(a.positives[0], -1)}},                       \
        {ADAPTAU_E_INDEX, "batch->positives[5] = 8, but n_items = 8", {TO(a.positives[5], ITEMS)}},                     \
        {ADAPTAU_E_INDEX, "batch->positives[3] = 2 is not above the 2 before it, in row 1", {TO(a.positives[3], 2)}},        \
        {ADAPTAU_E_ARGUMENT, "batch->row_weights[1] = -1 is negative",                                                         \
         {TO(a.batch_struct.known.row_weights, a.numbers), TO(a.numbers[1], -1.0f)}},                                   \
        {ADAPTAU_E_NUMERIC, "batch->row_weights[2] = nan",                                                              \
         {TO(a.batch_struct.known.row_weights, a.numbers), TO(a.numbers[2], NAN)}},                                     \
        {ADAPTAU_E_NUMERIC, "batch->row_weights[0] = -inf",                                                             \
         {TO(a.batch_struct.known.row_weights, a.numbers), TO(a.numbers[0], -INFINITY)}},                               \
        {ADAPTAU_E_NUMERIC, "batch->log_q[0] = nan",                                                                    \
         {TO(a.batch_struct.known.log_q, a.numbers), TO(a.numbers[0], NAN)}},                                           \
        {ADAPTAU_E_ARGUMENT, "batch->target_shares[0] = -0.5",                                                          \
         {TO(a.batch_struct.known.target_shares, a.numbers), TO(a.batch_struct.known.user_targets, a.targets),          \
          TO(a.numbers[0], -0.5f)}},                                                                                    \
        {ADAPTAU_E_INDEX, "batch->users[0] = 6, but n_users = 6", {TO(a.users[0], USERS)}},                             \
        {ADAPTAU_E_INDEX, "batch->candidate_ids[0] = -1, but n_items = 8",                                              \
         {TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_SHARED), TO(a.batch_struct.known.n_candidates, 2),     \
          TO(a.batch_struct.known.candidate_ids, a.ids), TO(a.ids[0], -1)}},                                            \
        {ADAPTAU_E_NUMERIC, "batch->positive_weights[0] = inf is not finite",                                           \
         {TO(a.batch_struct.known.positive_weights, a.numbers), TO(a.numbers[0], INFINITY)}},                           \
        {ADAPTAU_E_NUMERIC, "batch->positive_weights[3] = nan is not finite",                                           \
         {TO(a.batch_struct.known.positive_weights, a.numbers), TO(a.numbers[0], 1.0f), TO(a.numbers[1], 1.0f),         \
          TO(a.numbers[2], 1.0f), TO(a.numbers[3], NAN)}},                                                              \
        {ADAPTAU_E_ARGUMENT, "batch->positive_weights[1] = 0 is outside 1e-30 ... 1e30",                                \
         {TO(a.batch_struct.known.positive_weights, a.numbers), TO(a.numbers[0], 1.0f), TO(a.numbers[1], 0.0f)}},       \
        {ADAPTAU_E_ARGUMENT, "batch->negatives is given, but batch->negative_ptr is NULL",                              \
         {TO(a.batch_struct.known.negatives, a.positives)}},                                                            \
        {ADAPTAU_E_ARGUMENT, "batch->negative_weights is given, but batch->negative_ptr is NULL",                       \
         {TO(a.batch_struct.known.negative_weights, a.numbers)}},                                                       \
        {ADAPTAU_E_ARGUMENT, "batch->negatives is NULL, but batch->negative_ptr[3] = 6",                                \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr)}},                                                      \
        {ADAPTAU_E_ARGUMENT,                                                                                            \
         "batch->negative_ptr is given, but batch->candidates = 1: logged negatives need ADAPTAU_CANDIDATES_CATALOGUE", \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_SHARED)}},                                             \
        {ADAPTAU_E_ARGUMENT, "batch->negative_ptr is given, but batch->candidates = 2",                                 \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.batch_struct.known.candidates, ADAPTAU_CANDIDATES_PER_ROW)}},                                            \
        {ADAPTAU_E_SHAPE, "batch->negative_ptr[0] = 1, not 0",                                                          \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.negative_ptr[0], 1)}},                                                                                   \
        {ADAPTAU_E_SHAPE, "batch->negative_ptr[3] = 2 is below the 4 before it",                                        \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.negative_ptr[3], 2)}},                                                                                   \
        {ADAPTAU_E_INDEX, "batch->negatives[5] = 8, but n_items = 8",                                                   \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.negatives[5], ITEMS)}},                                                                                  \
        {ADAPTAU_E_INDEX, "batch->negatives[0] = -1, but n_items = 8",                                                  \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.negatives[0], -1)}},                                                                                     \
        {ADAPTAU_E_INDEX, "batch->negatives[1] = 1 is not above the 1 before it, in row 0",                             \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.negatives[1], 1)}},                                                                                      \
        {ADAPTAU_E_ARGUMENT, "batch->negative_weights[1] = -0.5 is outside 0 ... 1e30",                                 \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.batch_struct.known.negative_weights, a.numbers), TO(a.numbers[1], -0.5f)}},                              \
        {ADAPTAU_E_ARGUMENT, "batch->negative_weights[5] = 1e+31 is outside 0 ... 1e30",                                \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.batch_struct.known.negative_weights, a.numbers), TO(a.numbers[5], 1e31f)}},                              \
        {ADAPTAU_E_NUMERIC, "batch->negative_weights[0] = nan is not finite",                                           \
         {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives),       \
          TO(a.batch_struct.known.negative_weights, a.numbers), TO(a.numbers[0], NAN)}},                                \
        {ADAPTAU_E_NUMERIC, "batch->log_q[7] = inf",                                                                    \
         {TO(a.batch_struct.known.log_q, a.numbers), TO(a.numbers[7], INFINITY)}},                                      \
        {ADAPTAU_E_ARGUMENT, "batch->user_targets is NULL", {TO(a.batch_struct.known.target_shares, a.numbers)}},       \
        {ADAPTAU_E_ARGUMENT, "batch->target_shares is NULL", {TO(a.batch_struct.known.user_targets, a.targets)}},       \
        {ADAPTAU_E_NUMERIC, "batch->item_target_scale = nan", {TO(a.batch_struct.known.item_target_scale, NAN)}},       \
        {ADAPTAU_E_ARGUMENT, "batch->target_shares[2] = 1.5",                                                           \
         {TO(a.batch_struct.known.target_shares, a.numbers), TO(a.batch_struct.known.user_targets, a.targets),          \
          TO(a.numbers[2], 1.5f)}},                                                                                     \
        {ADAPTAU_E_NUMERIC, "batch->target_shares[1] = nan",                                                            \
         {TO(a.batch_struct.known.target_shares, a.numbers), TO(a.batch_struct.known.user_targets, a.targets),          \
          TO(a.numbers[1], NAN)}}

#define BATCH_MEMBERS                                                                                                   \
    STRUCT(adaptau_batch, batch);                                                                                       \
    int32_t users[3], positives[6], negatives[6], ids[2];                                                               \
    int64_t ptr[4], negative_ptr[4];                                                                                    \
    float   numbers[ITEMS], targets[3 * DIM]

/* A good one over the catalogue, with numbers that would do for weights, shares and log q, and lists that would do for negatives. */
#define PREPARE_BATCH                                                                                                   \
    do {                                                                                                                \
        const int32_t good_users[3] = {0, 3, 4}, good_positives[6] = {2, 5, 2, 5, 2, 5};                                \
        const int64_t good_ptr[4] = {0, 2, 4, 6};                                                                       \
        memcpy(a.users, good_users, sizeof a.users);                                                                    \
        memcpy(a.positives, good_positives, sizeof a.positives);                                                        \
        const int32_t good_negatives[6] = {1, 4, 0, 7, 2, 3};                                                           \
        const int64_t good_negative_ptr[4] = {0, 2, 4, 6};                                                              \
        memcpy(a.ptr, good_ptr, sizeof a.ptr);                                                                          \
        memcpy(a.negatives, good_negatives, sizeof a.negatives);                                                        \
        memcpy(a.negative_ptr, good_negative_ptr, sizeof a.negative_ptr);                                               \
        for (int k = 0; k < ITEMS; k++)                                                                                 \
            a.numbers[k] = 0.5f;                                                                                        \
        a.batch = &a.batch_struct.known;                                                                                \
        a.batch_struct.known = (adaptau_batch){.struct_size = sizeof a.batch_struct.known,                              \
                                               .n_rows = 3,                                                             \
                                               .users = a.users,                                                        \
                                               .positive_ptr = a.ptr,                                                   \
                                               .positives = a.positives};                                               \
    } while (0)

/* ---- a query ----------------------------------------------------------------------------------------------------- */

enum { K = 3 };

#define QUERY_MEMBERS                                                                                                   \
    const adaptau_query *query;                                                                                         \
    STRUCT(adaptau_query, query);                                                                                       \
    int32_t asking[2], allowed[3], excluded[2];                                                                         \
    int64_t query_ptr[3];                                                                                               \
    float   given[2 * DIM]

#define QUERY a.query_struct.known

/* A good one of users, with everything that a query may have but embeddings. */
#define PREPARE_QUERY                                                                                                   \
    do {                                                                                                                \
        for (int k = 0; k < 3; k++)                                                                                     \
            a.allowed[k] = 2 * k;                                                                                       \
        for (int k = 0; k < 2 * DIM; k++)                                                                               \
            a.given[k] = 1.0f;                                                                                          \
        a.asking[0] = 5;                                                                                                \
        a.excluded[0] = a.excluded[1] = 2;                                                                              \
        a.query_ptr[1] = 1;                                                                                             \
        a.query_ptr[2] = 2;                                                                                             \
        QUERY = (adaptau_query){.struct_size = sizeof QUERY,                                                            \
                                .n = 2,                                                                                 \
                                .k = K,                                                                                 \
                                .ids = a.asking,                                                                        \
                                .seen = desk.data,                                                                      \
                                .n_allowed = 3,                                                                         \
                                .allowed = a.allowed,                                                                   \
                                .exclude_ptr = a.query_ptr,                                                             \
                                .exclude = a.excluded};                                                                 \
        a.query = &QUERY;                                                                                               \
    } while (0)

#define BAD_QUERY                                                                                                       \
    IS_NULL(query), IS_NULL(found), BAD_STRUCT(query),                                                                  \
        {ADAPTAU_E_ARGUMENT, "query->flags = 0x4 has unknown bits", {TO(QUERY.flags, 4)}},                              \
        {ADAPTAU_E_ARGUMENT, "query->flags has ADAPTAU_QUERY_KEEP_SELF, but query->question = 0 has no self",           \
         {TO(QUERY.flags, ADAPTAU_QUERY_KEEP_SELF)}},                                                                   \
        {ADAPTAU_E_ARGUMENT, "query->question = 4 is unknown", {TO(QUERY.question, 4)}},                                \
        {ADAPTAU_E_ARGUMENT, "query->question = -1 is unknown", {TO(QUERY.question, -1)}},                              \
        {ADAPTAU_E_ARGUMENT, "query->n = -1 is negative", {TO(QUERY.n, -1)}},                                           \
        {ADAPTAU_E_ARGUMENT, "query->n = 7 without ids, but there are 6 users", {TO(QUERY.n, 7), TO(QUERY.ids, NULL)}}, \
        {ADAPTAU_E_ARGUMENT, "query->k = 0 is below 1", {TO(QUERY.k, 0)}},                                              \
        {ADAPTAU_E_INDEX, "query->ids[1] = 6, but n_users = 6", {TO(a.asking[1], USERS)}},                              \
        {ADAPTAU_E_INDEX, "query->ids[0] = -1, but n_users = 6", {TO(a.asking[0], -1)}},                                \
        {ADAPTAU_E_INDEX, "query->ids[0] = 8, but n_items = 8",                                                         \
         {TO(QUERY.question, ADAPTAU_RANK_USERS), TO(a.asking[0], ITEMS)}},                                             \
        {ADAPTAU_E_SHAPE, "query->embedding_stride = 3, but dim = 4", {TO(QUERY.embedding_stride, 3)}},                 \
        {ADAPTAU_E_SHAPE, "exceed the address space",                                                                   \
         {TO(QUERY.embeddings, a.given), TO(QUERY.embedding_stride, INT64_C(1) << 61)}},                                \
        {ADAPTAU_E_NUMERIC, "query->embeddings[1] is not finite", {TO(QUERY.embeddings, a.given), TO(a.given[5], NAN)}}, \
        {ADAPTAU_E_ARGUMENT, "query->ids does not say whose embeddings these are",                                      \
         {TO(QUERY.embeddings, a.given), TO(QUERY.ids, NULL)}},                                                         \
        {ADAPTAU_E_ARGUMENT, "query->seen is given, but query->question = 1 ranks no interactions",                     \
         {TO(QUERY.question, ADAPTAU_RANK_SIMILAR_ITEMS)}},                                                             \
        {ADAPTAU_E_ARGUMENT, "query->allowed is NULL, but query->n_allowed = 3", {TO(QUERY.allowed, NULL)}},                \
        {ADAPTAU_E_ARGUMENT, "query->n_allowed = -1", {TO(QUERY.n_allowed, -1)}},                                       \
        {ADAPTAU_E_INDEX, "query->allowed[2] = 8, but n_items = 8", {TO(a.allowed[2], ITEMS)}},                         \
        {ADAPTAU_E_INDEX, "query->allowed[2] = 6, but n_users = 6",                                                     \
         {TO(QUERY.question, ADAPTAU_RANK_USERS), TO(a.allowed[2], USERS)}},                                            \
        {ADAPTAU_E_INDEX, "query->allowed[0] = -1, but n_items = 8", {TO(a.allowed[0], -1)}},                           \
        {ADAPTAU_E_INDEX, "query->allowed[1] = 0 is not above the 0 before it", {TO(a.allowed[1], 0)}},                 \
        {ADAPTAU_E_ARGUMENT, "query->exclude is NULL, but query->exclude_ptr[2] = 2", {TO(QUERY.exclude, NULL)}},       \
        {ADAPTAU_E_ARGUMENT, "query->exclude is given, but query->exclude_ptr is NULL", {TO(QUERY.exclude_ptr, NULL)}}, \
        {ADAPTAU_E_SHAPE, "query->exclude_ptr[0] = 1, not 0", {TO(a.query_ptr[0], 1)}},                                 \
        {ADAPTAU_E_SHAPE, "query->exclude_ptr[2] = 0 is below the 1 before it", {TO(a.query_ptr[2], 0)}},               \
        {ADAPTAU_E_INDEX, "query->exclude[1] = 8, but n_items = 8", {TO(a.excluded[1], ITEMS)}},                        \
        {ADAPTAU_E_INDEX, "query->exclude[0] = -1, but n_items = 8", {TO(a.excluded[0], -1)}},                          \
        {ADAPTAU_E_INDEX, "query->exclude[1] = 2 is not above the 2 before it", {TO(a.query_ptr[1], 2)}}

/* ---- subjects --------------------------------------------------------------------------------------------------- */

struct subject {
    const char *function;
    void (*prepare)(void); /* free what the last call made, and have good arguments                              */
    adaptau_status (*call)(adaptau_error *error);
    const struct misuse *rows;
    int                  n_rows;
};

#define SUBJECT(name, rows) {"adaptau_" #name, prepare_##name, call_##name, rows, (int)(sizeof rows / sizeof *rows)}

/* A function that cannot fail, and a call of it with NULL or numbers that are none. */
struct harmless {
    const char *function;
    void (*call)(void);
};

#define HARMLESS(name) {"adaptau_" #name, call_##name}

struct misuse_file {
    void                  *arguments; /* of all its subjects                                                    */
    size_t                 size;
    void (*release)(void); /* free what the last call made                                                     */
    const struct subject  *subjects;
    int                    n_subjects;
    const struct harmless *harmless;
    int                    n_harmless;
};

#define MISUSE_FILE(name)                                                                                               \
    const struct misuse_file name##_misuse = {&a,                                                                       \
                                              sizeof a,                                                                 \
                                              release,                                                                  \
                                              subjects,                                                                 \
                                              (int)(sizeof subjects / sizeof *subjects),                                \
                                              harmless,                                                                 \
                                              (int)(sizeof harmless / sizeof *harmless)}

extern const struct misuse_file context_misuse, kernels_misuse, dataset_misuse, sampler_misuse, temperature_misuse,
    evaluator_misuse, model_misuse, step_misuse, serve_misuse, files_misuse, memory_misuse, shards_misuse,
    search_misuse, fit_misuse, tune_misuse, options_misuse;

#endif
