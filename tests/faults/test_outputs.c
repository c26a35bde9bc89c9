/* SPDX-License-Identifier: MIT */
/* "E_MEMORY: nothing is written then": the Nth allocation of each call that says so fails, for every N, and every byte of every
 * output is what it was. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "../support/host.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/ranking.h"
#include "../support/suite.h"

enum { R = 4, M = 6, D = 3, C = 5, K = 3 };

static struct host      host;
static adaptau_context *context;
static adaptau_dataset *data;
static adaptau_model   *model;
static adaptau_fold_in    *fold;
static float            users[R * D], items[M * D];
static int64_t          ptr[R + 1] = {0, 1, 2, 3, 4};
static int32_t          positives[R] = {0, 1, 2, 3}, candidates[R * C];

static void open_world(void)
{
    const int32_t              pair_users[R] = {0, 1, 2, 3};
    const adaptau_model_options options = full_model_options((adaptau_model_options){.dim = D});
    adaptau_fold_in_options     fold_options;
    context = open_host(&host, 2, false);
    for (int k = 0; k < R * D; k++)
        users[k] = (float)(k % 5) - 1.7f;
    for (int k = 0; k < M * D; k++)
        items[k] = (float)(k % 7) - 2.3f;
    items[0] = items[1] = items[2] = 0.0f; /* a zero row, which is counted with memory of its own                */
    for (int k = 0; k < R * C; k++)
        candidates[k] = k % M;
    OK(adaptau_dataset_create_from_interactions(context, R, M, R, pair_users, positives, NULL, &data, &error));
    OK(adaptau_model_create(context, data, &options, &model, &error));
    fold_options = full_fold_in_options(model, (adaptau_fold_in_options){.tau = 0.2});
    OK(adaptau_fold_in_create(model, data, &fold_options, &fold, &error));
}

static void close_world(void)
{
    adaptau_fold_in_destroy(fold);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    adaptau_context_destroy(context);
    ck_assert_int_eq(host.bytes, 0);
}

/* What a call may write, all of it. Structs keep their size and pointers: what is in them is copied out. */
struct outputs {
    double  doubles[64];
    float   user_gradients[R * D], item_gradients[M * D], floats[R * M * D];
    int32_t ints[R * M];
    double  n_terms;
    int64_t n_touched;
    int32_t n_zero;
    double  loss;
};

static struct outputs outputs;

typedef adaptau_status (*call)(int number);

/* ---- calls ------------------------------------------------------------------------------------------------------- */

static int32_t exchange_nothing(void *unused, const adaptau_reduce_piece *piece)
{
    (void)unused, (void)piece;
    return 0;
}

enum { N_LOSS_CALLS = 5 * 3 * 4 * 2 };

/* loss x candidates x flags x with an reduce. */
static adaptau_status call_losses(int number)
{
    const int                kind = number % 5, cd = number / 5 % 3, flags = number / 15 % 4, apart = number / 60;
    adaptau_tables           tables = {.struct_size = sizeof tables, .flags = (uint32_t)flags, .n_users = R, .n_items = M,
                                       .dim = D, .users = users, .items = items};
    adaptau_batch            batch = {.struct_size = sizeof batch, .n_rows = R, .positive_ptr = ptr, .positives = positives,
                                      .flags = apart ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0, .candidates = cd,
                                      .n_candidates = cd ? C : 0, .candidate_ids = cd ? candidates : NULL};
    adaptau_row_temperatures tau = {.struct_size = sizeof tau, .tau = 1.0f};
    adaptau_loss             loss = full_loss((adaptau_loss){.kind = kind});
    adaptau_reduce         reduce = full_reduce((adaptau_reduce){.function = exchange_nothing});
    adaptau_loss_output   o = {.struct_size = sizeof o, .user_gradients = outputs.user_gradients,
                                  .item_gradients = outputs.item_gradients, .row_loss = outputs.doubles,
                                  .row_d_inverse_tau = kind < 3 ? outputs.floats : NULL,
                                  .row_log_sum = kind ? NULL : outputs.doubles + R,
                                  .row_unit_loss = kind ? NULL : outputs.floats + R, .touched_items = cd ? outputs.ints : NULL,
                                  .loss = outputs.loss, .n_terms = outputs.n_terms, .n_touched_items = outputs.n_touched,
                                  .n_zero_rows = outputs.n_zero};
    if (apart && (kind == ADAPTAU_LOSS_BPR || cd == ADAPTAU_CANDIDATES_PER_ROW))
        return ADAPTAU_OK; /* which do not add up                                                               */
    adaptau_status status =
        adaptau_loss_gradients_of_shard(context, &tables, &batch, &tau, &loss, apart ? &reduce : NULL, &o, &error);
    outputs.loss = o.loss;
    outputs.n_terms = o.n_terms;
    outputs.n_touched = o.n_touched_items;
    outputs.n_zero = o.n_zero_rows;
    return status;
}

static const adaptau_tables *tables_here(void)
{
    static adaptau_tables tables;
    tables = (adaptau_tables){.struct_size = sizeof tables, .flags = ADAPTAU_NORMALISE_BOTH, .n_users = R, .n_items = M, .dim = D,
                              .users = users, .items = items};
    return &tables;
}

static adaptau_status call_other(int number)
{
    static const float   scores[R * M] = {3, 1, 2, 5, 4, 0};
    static const int32_t ids[R] = {0, 1, 2, 3};
    adaptau_query  filter = {.struct_size = sizeof filter, .n_allowed = 2, .allowed = ids};
    switch (number) {
    case 0: return adaptau_top_k(context, R, M, scores, M, K, NULL, NULL, outputs.ints, outputs.floats, &error);
    case 1: return adaptau_table_moments(context, M, D, items, 0, 1, outputs.doubles, &error);
    case 2: return adaptau_interaction_moments(context, tables_here(), data, outputs.doubles, &error);
    case 3: return top_of_tables(context, tables_here(), R, NULL, K, data, outputs.ints, outputs.floats, &error);
    case 4: return top_items(model, R, ids, K, data, outputs.ints, outputs.floats, &error);
    case 5: return top_items_for(model, R, users, 0, K, NULL, outputs.ints, outputs.floats, &error);
    case 6: return top_items_for(model, R, users, 0, K, &filter, outputs.ints, outputs.floats, &error);
    case 7: return adaptau_fold_in_users(fold, R, ptr, positives, NULL, outputs.floats, outputs.floats + R * D, &error);
    default: return adaptau_merge_top_k(context, 1, K, outputs.ints, outputs.floats, ids, scores, &error);
    }
}

enum { N_OTHER_CALLS = 9 };

/* ---- the test ---------------------------------------------------------------------------------------------------- */

static void fail_each_allocation(call make, int number, const char *what)
{
    struct outputs before;
    memset(&outputs, 0x47, sizeof outputs);
    memcpy(&before, &outputs, sizeof before);
    for (int64_t n = 0;; n++) {
        host.allocations_left = n;
        host.fails_once = true;
        const adaptau_status status = make(number);
        const bool           failed = host.allocations_left < 0;
        host.allocations_left = INT64_MAX;
        if (!failed) {
            ck_assert_msg(status == ADAPTAU_OK, "%s %d: %s", what, number, error.message);
            return;
        }
        ck_assert_msg(status == ADAPTAU_E_MEMORY, "%s %d, allocation %d: %s", what, number, (int)n, adaptau_status_name(status));
        ck_assert_msg(memcmp(&before, &outputs, sizeof before) == 0, "%s %d, allocation %d (%s): outputs are written", what,
                      number, (int)n, error.message);
    }
}

START_TEST(losses_that_find_no_memory_write_nothing)
{
    fail_each_allocation(call_losses, _i, "loss");
}
END_TEST

START_TEST(calls_that_find_no_memory_write_nothing)
{
    fail_each_allocation(call_other, _i, "call");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("outputs");
    TCase *tests = tcase_create("outputs");
    tcase_add_checked_fixture(tests, open_world, close_world);
    tcase_add_loop_test(tests, losses_that_find_no_memory_write_nothing, 0, N_LOSS_CALLS);
    tcase_add_loop_test(tests, calls_that_find_no_memory_write_nothing, 0, N_OTHER_CALLS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
