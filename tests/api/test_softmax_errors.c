/* SPDX-License-Identifier: MIT */
/* adaptau_softmax with bad input: an error with its place, and outputs that stay as they were. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/context.h"
#include "../support/ok.h"
#include "../support/softmax_problem.h"
#include "../support/suite.h"

struct call {
    adaptau_tables           tables;
    adaptau_batch            batch;
    adaptau_row_temperatures temperatures;
    adaptau_softmax_output   output;
};

typedef void (*spoil_function)(struct problem *p, struct call *call);

static void spoil_dim(struct problem *p, struct call *c) { (void)p; c->tables.dim = 0; }
static void spoil_big_dim(struct problem *p, struct call *c) { (void)p; c->tables.dim = ADAPTAU_MAX_DIM + 1; }
static void spoil_stride(struct problem *p, struct call *c) { (void)p; c->tables.item_stride = 3; }
static void spoil_null_items(struct problem *p, struct call *c) { (void)p; c->tables.items = NULL; }
static void spoil_table_flags(struct problem *p, struct call *c) { (void)p; c->tables.flags = 1u << 30; }
static void spoil_table_size(struct problem *p, struct call *c) { (void)p; c->tables.struct_size = 8; }
static void spoil_batch_size(struct problem *p, struct call *c) { (void)p; c->batch.struct_size = 0; }
static void spoil_batch_flags(struct problem *p, struct call *c) { (void)p; c->batch.flags = 2; }
static void spoil_rows(struct problem *p, struct call *c) { (void)p; c->batch.n_rows = -1; }
static void spoil_kind(struct problem *p, struct call *c) { (void)p; c->batch.candidates = 7; }
static void spoil_candidates(struct problem *p, struct call *c) { (void)p; c->batch.n_candidates = 5; }
static void spoil_user(struct problem *p, struct call *c) { (void)c; p->row_users[1] = p->n_users; }
static void spoil_positive(struct problem *p, struct call *c) { (void)c; p->positives[0] = -1; }
static void spoil_order(struct problem *p, struct call *c) { (void)c; p->positives[1] = p->positives[0]; }
static void spoil_ptr(struct problem *p, struct call *c) { (void)c; p->positive_ptr[2] = 0; }

static void spoil_weight(struct problem *p, struct call *c)
{
    c->batch.row_weights = p->row_weights;
    p->row_weights[0] = -1.0f;
}

static void spoil_log_q(struct problem *p, struct call *c) { c->batch.log_q = p->log_q_values; p->log_q_values[3] = NAN; }
static void spoil_targets(struct problem *p, struct call *c) { c->batch.target_shares = p->row_weights; }

static void spoil_share(struct problem *p, struct call *c)
{
    c->batch.user_targets = p->users;
    c->batch.target_shares = p->row_weights;
    p->row_weights[2] = 1.5f;
    p->row_weights[0] = p->row_weights[1] = 0.5f;
}

static void spoil_reserved(struct problem *p, struct call *c) { (void)p; c->batch.reserved = 3; }
static void spoil_tau(struct problem *p, struct call *c) { (void)p; c->temperatures.tau = 0.0f; }
static void spoil_tau_nan(struct problem *p, struct call *c) { (void)p; c->temperatures.tau = NAN; }

static void spoil_row_tau(struct problem *p, struct call *c)
{
    c->temperatures.candidates = p->tau_candidates;
    p->tau_candidates[1] = -1.0f;
}

static void spoil_item(struct problem *p, struct call *c) { (void)c; p->items[7 * p->dim + 1] = INFINITY; }
static void spoil_user_row(struct problem *p, struct call *c) { (void)c; p->users[p->row_users[0] * p->dim] = NAN; }
static void spoil_gradient_stride(struct problem *p, struct call *c) { (void)p; c->output.item_gradient_stride = 1; }
static void spoil_output_size(struct problem *p, struct call *c) { (void)p; c->output.struct_size = 4; }

static const struct {
    spoil_function spoil;
    adaptau_status status;
    const char    *message;
} BAD[] = {
    {spoil_dim, ADAPTAU_E_ARGUMENT, "tables->dim = 0"},
    {spoil_big_dim, ADAPTAU_E_ARGUMENT, "tables->dim = 65537"},
    {spoil_stride, ADAPTAU_E_SHAPE, "item_stride = 3, but dim = 6"},
    {spoil_null_items, ADAPTAU_E_ARGUMENT, "tables->items is NULL"},
    {spoil_table_flags, ADAPTAU_E_ARGUMENT, "tables->flags"},
    {spoil_table_size, ADAPTAU_E_ABI, "tables->struct_size = 8"},
    {spoil_batch_size, ADAPTAU_E_ABI, "batch->struct_size = 0"},
    {spoil_batch_flags, ADAPTAU_E_ARGUMENT, "batch->flags"},
    {spoil_rows, ADAPTAU_E_SHAPE, "batch->n_rows = -1"},
    {spoil_kind, ADAPTAU_E_ARGUMENT, "batch->candidates = 7"},
    {spoil_candidates, ADAPTAU_E_ARGUMENT, "catalogue"},
    {spoil_user, ADAPTAU_E_INDEX, "batch->users[1] = 4, but n_users = 4"},
    {spoil_positive, ADAPTAU_E_INDEX, "batch->positives[0] = -1"},
    {spoil_order, ADAPTAU_E_INDEX, "not ascending"},
    {spoil_ptr, ADAPTAU_E_SHAPE, "batch->positive_ptr[2] = 0"},
    {spoil_weight, ADAPTAU_E_NUMERIC, "row_weights[0] = -1"},
    {spoil_log_q, ADAPTAU_E_NUMERIC, "log_q[3]"},
    {spoil_targets, ADAPTAU_E_ARGUMENT, "batch->user_targets is NULL"},
    {spoil_share, ADAPTAU_E_ARGUMENT, "target_shares[2] = 1.5"},
    {spoil_reserved, ADAPTAU_E_ARGUMENT, "batch->reserved = 3"},
    {spoil_tau, ADAPTAU_E_NUMERIC, "temperatures->tau = 0"},
    {spoil_tau_nan, ADAPTAU_E_NUMERIC, "temperatures->tau"},
    {spoil_row_tau, ADAPTAU_E_NUMERIC, "temperatures->candidates[1] = -1"},
    {spoil_item, ADAPTAU_E_NUMERIC, "items[7] is not finite"},
    {spoil_user_row, ADAPTAU_E_NUMERIC, "users[2] is not finite"},
    {spoil_gradient_stride, ADAPTAU_E_SHAPE, "item_gradient_stride = 1"},
    {spoil_output_size, ADAPTAU_E_ABI, "output->struct_size = 4"},
};

START_TEST(rejects_bad_input_and_leaves_outputs_alone)
{
    struct problem p = make_problem((struct problem){.n_users = 4,
                                                     .n_items = 30,
                                                     .dim = 6,
                                                     .n_rows = 4,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                     .tau = 0.1f});
    p.positives[0] = 1; /* row 0 has at least two positives, for the test of order                              */
    p.positives[1] = 2;
    p.positive_ptr[1] = p.positive_ptr[2] = p.positive_ptr[3] = p.positive_ptr[4] = 2;
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    struct answer    a = make_answer(&p);
    struct call      call = {tables_of(&p), batch_of(&p), temperatures_of(&p), {.struct_size = sizeof(adaptau_softmax_output)}};
    call.output.user_gradients = a.user_gradients;
    call.output.item_gradients = a.item_gradients;
    call.output.loss = 42.0;
    BAD[_i].spoil(&p, &call);
    adaptau_status status =
        adaptau_softmax(context, &call.tables, &call.batch, &call.temperatures, &call.output, &error);
    ck_assert_int_eq(status, BAD[_i].status);
    ck_assert_int_eq(error.status, status);
    ck_assert_msg(strstr(error.message, BAD[_i].message) != NULL, "\"%s\" is not in \"%s\"", BAD[_i].message,
                  error.message);
    ck_assert(call.output.loss == 42.0);
    for (int64_t e = 0; e < (int64_t)p.n_items * p.dim; e++)
        ck_assert(a.item_gradients[e] == 0.0f);
    free_answer(&a);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

START_TEST(rejects_null_arguments)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    ck_assert_int_eq(adaptau_softmax(NULL, NULL, NULL, NULL, NULL, NULL), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_softmax(context, NULL, NULL, NULL, NULL, NULL), ADAPTAU_E_ARGUMENT);
    adaptau_context_destroy(context);
}
END_TEST

/* Rows that were promised to be unit and hold a NaN: an error, no crash. */
START_TEST(broken_promise_of_unit_rows_is_noticed)
{
    struct problem p = make_problem((struct problem){.n_users = 4,
                                                     .n_items = 30,
                                                     .dim = 6,
                                                     .n_rows = 4,
                                                     .table_flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS,
                                                     .tau = 0.1f});
    adaptau_context         *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_batch            batch = batch_of(&p);
    adaptau_tables           tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    adaptau_softmax_output   output = {.struct_size = sizeof output};
    p.items[3] = NAN;
    ck_assert_int_eq(adaptau_softmax(context, &tables, &batch, &temperatures, &output, NULL), ADAPTAU_E_NUMERIC);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("softmax: errors");
    TCase *tests = tcase_create("softmax: errors");
    tcase_add_loop_test(tests, rejects_bad_input_and_leaves_outputs_alone, 0, (int)(sizeof BAD / sizeof *BAD));
    tcase_add_test(tests, rejects_null_arguments);
    tcase_add_test(tests, broken_promise_of_unit_rows_is_noticed);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
