/* SPDX-License-Identifier: MIT */
/* adaptau_loss_gradients with bad input: an error with its place, and outputs that stay as they were. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <math.h>
#include <string.h>

#include "../support/context.h"
#include "../support/ok.h"
#include "../support/softmax_problem.h"
#include "../support/suite.h"

struct call {
    adaptau_loss             loss;
    adaptau_batch            batch;
    adaptau_row_temperatures temperatures;
    adaptau_softmax_output   output;
};

typedef void (*spoil_function)(struct problem *p, struct answer *a, struct call *call);
#define SPOIL(name, what)                                                                                                        \
    static void spoil_##name(struct problem *p, struct answer *a, struct call *c)                                                \
    {                                                                                                                            \
        (void)p, (void)a;                                                                                                        \
        what;                                                                                                                    \
    }

SPOIL(size, c->loss.struct_size = 12)
SPOIL(kind, c->loss.kind = 5)
SPOIL(negative_kind, c->loss.kind = -1)
SPOIL(margin, c->loss.margin = 0.3)
SPOIL(margin_nan, c->loss.margin = NAN)
SPOIL(weight, c->loss.negative_weight = 2.0)
SPOIL(weight_below, c->loss.negative_weight = -1.0)
SPOIL(weight_large, c->loss.negative_weight = 1e300)
SPOIL(log_q, c->batch.log_q = p->log_q_values)
SPOIL(targets, c->batch.target_shares = p->row_weights; c->batch.user_targets = p->users; p->row_weights[0] =
      p->row_weights[1] = p->row_weights[2] = p->row_weights[3] = 0.5f)
SPOIL(item_targets, c->batch.item_targets = p->items)
SPOIL(split, c->temperatures.positives = p->tau_positives)
SPOIL(log_sum, c->output.row_log_sum = a->row_log_sum)
SPOIL(unit_loss, c->output.row_unit_loss = a->unit_loss)
SPOIL(slope, c->output.row_d_inverse_tau = a->d_inverse_tau)
SPOIL(tau, c->temperatures.tau = 0.0f)

static const struct {
    spoil_function spoil;
    int32_t        kind;
    adaptau_status status;
    const char    *message;
} BAD[] = {
    {spoil_size, ADAPTAU_LOSS_BPR, ADAPTAU_E_ABI, "loss->struct_size = 12"},
    {spoil_kind, ADAPTAU_LOSS_BPR, ADAPTAU_E_ARGUMENT, "loss->kind = 5 is unknown"},
    {spoil_negative_kind, ADAPTAU_LOSS_BPR, ADAPTAU_E_ARGUMENT, "loss->kind = -1 is unknown"},
    {spoil_margin, ADAPTAU_LOSS_MSE, ADAPTAU_E_ARGUMENT, "loss->margin = 0.3, but MSE has none"},
    {spoil_margin, ADAPTAU_LOSS_SOFTMAX, ADAPTAU_E_ARGUMENT, "loss->margin = 0.3, but the softmax has none"},
    {spoil_margin_nan, ADAPTAU_LOSS_CCL, ADAPTAU_E_NUMERIC, "loss->margin = nan"},
    {spoil_weight, ADAPTAU_LOSS_BPR, ADAPTAU_E_ARGUMENT, "loss->negative_weight = 2, but BPR has none"},
    {spoil_weight_below, ADAPTAU_LOSS_CCL, ADAPTAU_E_ARGUMENT, "loss->negative_weight = -1 is negative"},
    {spoil_weight_large, ADAPTAU_LOSS_BCE, ADAPTAU_E_NUMERIC, "loss->negative_weight = 1e+300"},
    {spoil_log_q, ADAPTAU_LOSS_BCE, ADAPTAU_E_ARGUMENT, "batch->log_q is given, but BCE"},
    {spoil_targets, ADAPTAU_LOSS_CCL, ADAPTAU_E_ARGUMENT, "batch->target_shares is given, but CCL"},
    {spoil_item_targets, ADAPTAU_LOSS_CCL, ADAPTAU_E_ARGUMENT, "batch->item_targets is given, but CCL"},
    {spoil_split, ADAPTAU_LOSS_BPR, ADAPTAU_E_ARGUMENT, "temperatures->positives is given, but BPR"},
    {spoil_log_sum, ADAPTAU_LOSS_BPR, ADAPTAU_E_ARGUMENT, "output->row_log_sum is given, but BPR"},
    {spoil_unit_loss, ADAPTAU_LOSS_MSE, ADAPTAU_E_ARGUMENT, "output->row_unit_loss is given, but MSE"},
    {spoil_slope, ADAPTAU_LOSS_CCL, ADAPTAU_E_ARGUMENT, "output->row_d_inverse_tau is given, but CCL has no temperature"},
    {spoil_tau, ADAPTAU_LOSS_CCL, ADAPTAU_E_NUMERIC, "temperatures->tau = 0"},
};

START_TEST(rejects_bad_input_and_leaves_outputs_alone)
{
    struct problem   p = make_problem((struct problem){.n_users = 4,
                                                       .n_items = 30,
                                                       .dim = 6,
                                                       .n_rows = 4,
                                                       .table_flags = ADAPTAU_NORMALISE_BOTH,
                                                       .tau = 0.1f});
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    struct answer    a = make_answer(&p);
    adaptau_tables   tables = tables_of(&p);
    struct call      call = {{.struct_size = sizeof(adaptau_loss), .kind = BAD[_i].kind},
                             batch_of(&p),
                             temperatures_of(&p),
                             {.struct_size = sizeof(adaptau_softmax_output)}};
    call.output.item_gradients = a.item_gradients;
    call.output.loss = 42.0;
    BAD[_i].spoil(&p, &a, &call);
    adaptau_status status =
        adaptau_loss_gradients(context, &tables, &call.batch, &call.temperatures, &call.loss, &call.output, &error);
    ck_assert_int_eq(status, BAD[_i].status);
    ck_assert_int_eq(error.status, status);
    ck_assert_msg(strstr(error.message, BAD[_i].message) != NULL, "\"%s\" is not in \"%s\"", BAD[_i].message, error.message);
    ck_assert(call.output.loss == 42.0);
    for (int64_t e = 0; e < (int64_t)p.n_items * p.dim; e++)
        ck_assert(a.item_gradients[e] == 0.0f);
    free_answer(&a);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

/* _i: loss x kind. Unit rows are taken at their word: what is not finite must show in the loss. */
START_TEST(nan_is_noticed_by_every_loss)
{
    struct problem           p = make_problem((struct problem){.n_users = 4,
                                                               .n_items = 30,
                                                               .dim = 6,
                                                               .n_rows = 4,
                                                               .kind = _i / 4,
                                                               .table_flags = ADAPTAU_NORMALISE_BOTH | ADAPTAU_UNIT_ROWS,
                                                               .n_candidates = _i / 4 ? 40 : 0,
                                                               .tau = 0.1f});
    adaptau_loss             loss = {.struct_size = sizeof loss, .kind = _i % 4 + 1};
    adaptau_context         *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    adaptau_batch            batch = batch_of(&p);
    adaptau_tables           tables = tables_of(&p);
    adaptau_row_temperatures temperatures = temperatures_of(&p);
    adaptau_softmax_output   output = {.struct_size = sizeof output};
    for (int32_t i = 0; i < p.n_items; i++)
        p.items[i * p.dim + 2] = NAN;
    ck_assert_int_eq(adaptau_loss_gradients(context, &tables, &batch, &temperatures, &loss, &output, NULL), ADAPTAU_E_NUMERIC);
    adaptau_context_destroy(context);
    free_problem(&p);
}
END_TEST

START_TEST(rejects_null_arguments)
{
    adaptau_context *context = make_context(ADAPTAU_BACKEND_AUTO, 1);
    ck_assert_int_eq(adaptau_loss_gradients(NULL, NULL, NULL, NULL, NULL, NULL, NULL), ADAPTAU_E_ARGUMENT);
    ck_assert_int_eq(adaptau_loss_gradients(context, NULL, NULL, NULL, NULL, NULL, NULL), ADAPTAU_E_ARGUMENT);
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("losses: errors");
    TCase *tests = tcase_create("losses: errors");
    tcase_add_loop_test(tests, rejects_bad_input_and_leaves_outputs_alone, 0, (int)(sizeof BAD / sizeof *BAD));
    tcase_add_loop_test(tests, nan_is_noticed_by_every_loss, 0, 12);
    tcase_add_test(tests, rejects_null_arguments);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
