/* SPDX-License-Identifier: MIT */
/* kernels.h */
#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context                *context;
    const adaptau_tables           *tables;
    const adaptau_batch            *batch;
    const adaptau_row_temperatures *temperatures;
    const adaptau_loss             *loss;
    adaptau_loss_output         *output;
    TABLES_MEMBERS;
    BATCH_MEMBERS;
    STRUCT(adaptau_row_temperatures, temperatures);
    STRUCT(adaptau_loss, loss);
    STRUCT(adaptau_loss_output, output);
    float   taus[3], user_gradients[3 * DIM], item_gradients[ITEMS * DIM], row_numbers[3];
    double  row_sums[3];
    int32_t touched[ITEMS];

    int64_t        n, in_stride, out_stride, gradient_stride, unit_stride;
    int32_t        dim;
    const float   *in, *unit, *norms_in;
    float         *out, *norms, *gradients;
    float          in_rows[3 * DIM], out_rows[3 * DIM], row_norms[3];

    int32_t        n_rows, n_columns, k;
    const float   *scores;
    int64_t        stride;
    const int64_t *exclude_ptr;
    const int32_t *exclude;
    int32_t       *columns;
    float         *values;
    int64_t        exclude_offsets[3];
    int32_t        excluded[2], best[2];
    float          best_scores[2];
} a;

#define TABLES a.tables_struct.known
#define BATCH a.batch_struct.known
#define TEMPERATURES a.temperatures_struct.known
#define LOSS a.loss_struct.known
#define OUTPUT a.output_struct.known

static void release(void)
{
}

/* ---- the softmax and its relatives ------------------------------------------------------------------------------ */

static void prepare_softmax(void)
{
    PREPARE_TABLES;
    PREPARE_BATCH;
    for (int r = 0; r < 3; r++)
        a.taus[r] = 0.2f;
    TEMPERATURES = (adaptau_row_temperatures){.struct_size = sizeof TEMPERATURES, .tau = 0.2f};
    OUTPUT = (adaptau_loss_output){.struct_size = sizeof OUTPUT,
                                      .user_gradients = a.user_gradients,
                                      .item_gradients = a.item_gradients,
                                      .touched_items = a.touched,
                                      .row_loss = a.row_sums};
    a.context = desk.context;
    a.tables = &TABLES;
    a.temperatures = &TEMPERATURES;
    a.output = &OUTPUT;
}

static adaptau_status call_softmax(adaptau_error *error)
{
    return adaptau_softmax(a.context, a.tables, a.batch, a.temperatures, a.output, error);
}

#define BAD_NUMBERS_AND_OUTPUTS                                                                                         \
    IS_NULL(context), IS_NULL(temperatures), IS_NULL(output), BAD_STRUCT(temperatures), BAD_STRUCT(output),             \
        {ADAPTAU_E_ARGUMENT, "temperatures->tau = 0, but a temperature is above 0", {TO(TEMPERATURES.tau, 0.0f)}},       \
        {ADAPTAU_E_ARGUMENT, "temperatures->tau = -0.5, but", {TO(TEMPERATURES.tau, -0.5f)}},                           \
        {ADAPTAU_E_NUMERIC, "temperatures->tau = nan", {TO(TEMPERATURES.tau, NAN)}},                                    \
        {ADAPTAU_E_NUMERIC, "temperatures->tau = inf", {TO(TEMPERATURES.tau, INFINITY)}},                               \
        {ADAPTAU_E_ARGUMENT, "temperatures->candidates[1] = -1",                                                        \
         {TO(TEMPERATURES.candidates, a.taus), TO(a.taus[1], -1.0f)}},                                                  \
        {ADAPTAU_E_SHAPE, "user_gradient_stride = 3", {TO(OUTPUT.user_gradient_stride, 3)}},                            \
        {ADAPTAU_E_SHAPE, "item_gradient_stride = -1", {TO(OUTPUT.item_gradient_stride, -1)}},                          \
        {ADAPTAU_E_SHAPE, "rows exceed the address space", {TO(OUTPUT.user_gradient_stride, INT64_C(1) << 61)}},          \
        {ADAPTAU_E_SHAPE, "rows exceed the address space", {TO(OUTPUT.item_gradient_stride, INT64_MAX)}}

static const struct misuse softmax[] = {
    BAD_TABLES,
    BAD_BATCH,
    BAD_NUMBERS_AND_OUTPUTS,
    {ADAPTAU_E_ARGUMENT,
     "temperatures->positives[2] = 0",
     {TO(TEMPERATURES.positives, a.taus), TO(TEMPERATURES.candidates, NULL), TO(a.taus[2], 0.0f)}},
};

static void prepare_loss_gradients(void)
{
    prepare_softmax();
    LOSS = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_BCE});
    a.loss = &LOSS;
}

static adaptau_status call_loss_gradients(adaptau_error *error)
{
    return adaptau_loss_gradients(a.context, a.tables, a.batch, a.temperatures, a.loss, a.output, error);
}

#define SLATK TO(LOSS.kind, ADAPTAU_LOSS_SLATK), TO(LOSS.negative_weight, 0.0), TO(LOSS.top_k, 20), TO(LOSS.weight_tau, 1.0)

static const struct misuse loss_gradients[] = {
    BAD_TABLES,
    BAD_BATCH,
    BAD_NUMBERS_AND_OUTPUTS,
    BAD_STRUCT(loss),
    {ADAPTAU_E_ARGUMENT, "loss->kind = 9 is unknown", {TO(LOSS.kind, 9)}},
    {ADAPTAU_E_ARGUMENT, "loss->kind = -1 is unknown", {TO(LOSS.kind, -1)}},
    {ADAPTAU_E_ARGUMENT, "loss->margin = 0.3, but BCE has none", {TO(LOSS.margin, 0.3)}},
    {ADAPTAU_E_ARGUMENT, "loss->margin = 0.3, but MSE has none", {TO(LOSS.kind, ADAPTAU_LOSS_MSE), TO(LOSS.margin, 0.3)}},
    {ADAPTAU_E_ARGUMENT, "but the softmax has none", {TO(LOSS.kind, ADAPTAU_LOSS_SOFTMAX), TO(LOSS.margin, 0.3)}},
    {ADAPTAU_E_NUMERIC, "loss->margin = nan", {TO(LOSS.kind, ADAPTAU_LOSS_CCL), TO(LOSS.margin, NAN)}},
    {ADAPTAU_E_ARGUMENT,
     "loss->negative_weight = 2, but BPR has none",
     {TO(LOSS.kind, ADAPTAU_LOSS_BPR), TO(LOSS.negative_weight, 2.0)}},
    {ADAPTAU_E_ARGUMENT,
     "loss->negative_weight = 2, but SL@K has none",
     {TO(LOSS.kind, ADAPTAU_LOSS_SLATK), TO(LOSS.negative_weight, 2.0)}},
    {ADAPTAU_E_ARGUMENT, "loss->top_k = 5, but BCE has none", {TO(LOSS.top_k, 5)}},
    {ADAPTAU_E_ARGUMENT, "loss->top_k = -1 is outside 1 ... 1024", {SLATK, TO(LOSS.top_k, -1)}},
    {ADAPTAU_E_ARGUMENT, "loss->top_k = 1025 is outside", {SLATK, TO(LOSS.top_k, 1025)}},
    {ADAPTAU_E_ARGUMENT, "loss->top_k = 0, but must be at least 1; adaptau_loss_init writes", {SLATK, TO(LOSS.top_k, 0)}},
    {ADAPTAU_E_ARGUMENT, "loss->weight_tau = 0, but must be above 0; adaptau_loss_init writes", {SLATK, TO(LOSS.weight_tau, 0.0)}},
    {ADAPTAU_E_ARGUMENT, "loss->positive_scale = 0, but must be above 0; adaptau_loss_init writes", {TO(LOSS.kind, ADAPTAU_LOSS_BSL)}},
    {ADAPTAU_E_ARGUMENT, "loss->negative_weight = 0, but must be above 0; adaptau_loss_init writes", {TO(LOSS.negative_weight, 0.0)}},
    {ADAPTAU_E_ARGUMENT, "loss->margin = -0.5 is negative", {TO(LOSS.kind, ADAPTAU_LOSS_CCL), TO(LOSS.margin, -0.5)}},
    {ADAPTAU_E_ARGUMENT, "loss->activation = 1, but BCE has none", {TO(LOSS.activation, 1)}},
    {ADAPTAU_E_ARGUMENT, "loss->activation = 3 is unknown", {TO(LOSS.kind, ADAPTAU_LOSS_PSL), TO(LOSS.activation, 3)}},
    {ADAPTAU_E_ARGUMENT, "loss->activation = -1 is unknown", {TO(LOSS.kind, ADAPTAU_LOSS_PSL), TO(LOSS.activation, -1)}},
    {ADAPTAU_E_ARGUMENT, "loss->weight_tau = 2, but BSL has none", {TO(LOSS.kind, ADAPTAU_LOSS_BSL), TO(LOSS.weight_tau, 2.0)}},
    {ADAPTAU_E_ARGUMENT,
     "loss->weight_tau = -2 is negative",
     {SLATK, TO(LOSS.weight_tau, -2.0)}},
    {ADAPTAU_E_NUMERIC, "loss->weight_tau = nan", {SLATK, TO(LOSS.weight_tau, NAN)}},
    {ADAPTAU_E_ARGUMENT, "loss->positive_scale = 2, but BCE has none", {TO(LOSS.positive_scale, 2.0)}},
    {ADAPTAU_E_ARGUMENT,
     "loss->positive_scale = -2 is negative",
     {TO(LOSS.kind, ADAPTAU_LOSS_BSL), TO(LOSS.positive_scale, -2.0)}},
    {ADAPTAU_E_NUMERIC, "loss->positive_scale = inf", {TO(LOSS.kind, ADAPTAU_LOSS_BSL), TO(LOSS.positive_scale, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "loss->negative_weight = -1 is negative", {TO(LOSS.negative_weight, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "loss->negative_weight = 1e+300 is more than a float can be", {TO(LOSS.negative_weight, 1e300)}},
    {ADAPTAU_E_ARGUMENT, "batch->log_q is given, but BCE", {TO(BATCH.log_q, a.numbers)}},
    {ADAPTAU_E_ARGUMENT,
     "batch->target_shares is given, but BCE",
     {TO(BATCH.target_shares, a.numbers), TO(BATCH.user_targets, a.targets)}},
    {ADAPTAU_E_ARGUMENT, "batch->item_targets is given, but BCE", {TO(BATCH.item_targets, a.item_rows)}},
    {ADAPTAU_E_ARGUMENT, "temperatures->positives is given, but BCE", {TO(TEMPERATURES.positives, a.taus)}},
    {ADAPTAU_E_ARGUMENT, "batch->negative_ptr is given, but BCE has no use for it: it belongs to the softmax",
     {TO(a.batch_struct.known.negative_ptr, a.negative_ptr), TO(a.batch_struct.known.negatives, a.negatives)}},
    {ADAPTAU_E_ARGUMENT, "output->row_log_sum is given, but BCE", {TO(OUTPUT.row_log_sum, a.row_sums)}},
    {ADAPTAU_E_ARGUMENT, "output->row_unit_loss is given, but BCE", {TO(OUTPUT.row_unit_loss, a.row_numbers)}},
    {ADAPTAU_E_ARGUMENT,
     "output->row_d_inverse_tau is given, but CCL has no temperature",
     {TO(LOSS.kind, ADAPTAU_LOSS_CCL), TO(OUTPUT.row_d_inverse_tau, a.row_numbers)}},
    {ADAPTAU_E_ARGUMENT, "temperatures->tau = 0", {TO(LOSS.kind, ADAPTAU_LOSS_CCL), TO(TEMPERATURES.tau, 0.0f)}},
};

/* ---- rows ------------------------------------------------------------------------------------------------------- */

static void prepare_rows(void)
{
    for (int k = 0; k < 3 * DIM; k++)
        a.in_rows[k] = a.out_rows[k] = 1.0f + (float)k;
    for (int r = 0; r < 3; r++)
        a.row_norms[r] = 2.0f;
    a.context = desk.context;
    a.n = 3;
    a.dim = DIM;
    a.in = a.unit = a.in_rows;
    a.out = a.gradients = a.out_rows;
    a.in_stride = a.out_stride = a.unit_stride = a.gradient_stride = DIM;
    a.norms = a.row_norms;
    a.norms_in = a.row_norms;
}

#define prepare_normalise_rows prepare_rows
#define prepare_normalise_rows_backward prepare_rows

static adaptau_status call_normalise_rows(adaptau_error *error)
{
    return adaptau_normalise_rows(a.context, a.n, a.dim, a.in, a.in_stride, a.out, a.out_stride, a.norms, error);
}

static adaptau_status call_normalise_rows_backward(adaptau_error *error)
{
    return adaptau_normalise_rows_backward(a.context, a.n, a.dim, a.unit, a.unit_stride, a.norms_in, a.gradients,
                                           a.gradient_stride, error);
}

#define BAD_ROWS(first, second)                                                                                         \
    IS_NULL(context), {ADAPTAU_E_ARGUMENT, "n = -1", {TO(a.n, -1)}},                                                    \
        {ADAPTAU_E_ARGUMENT, "dim = 0", {TO(a.dim, 0)}},                                                                \
        {ADAPTAU_E_ARGUMENT, "dim = -4", {TO(a.dim, -4)}},                                                              \
        {ADAPTAU_E_ARGUMENT, "dim = 65537", {TO(a.dim, 65537)}},                                                        \
        {ADAPTAU_E_SHAPE, #first "_stride = 3, but dim = 4", {TO(a.first##_stride, 3)}},                                \
        {ADAPTAU_E_SHAPE, #first "_stride = -4, but dim = 4", {TO(a.first##_stride, -4)}},                              \
        {ADAPTAU_E_SHAPE, #second "_stride = 1, but dim = 4", {TO(a.second##_stride, 1)}},                              \
        {ADAPTAU_E_SHAPE, "beyond memory", {TO(a.n, INT64_C(1) << 61)}},                                                \
        {ADAPTAU_E_SHAPE, "beyond memory", {TO(a.n, INT64_MAX)}},                                                       \
        {ADAPTAU_E_SHAPE, "beyond memory", {TO(a.first##_stride, INT64_MAX)}},                                          \
        {ADAPTAU_E_NUMERIC, #first "[1]", {TO(a.in_rows[7], NAN), TO(a.in_rows[8], INFINITY)}},                         \
        {ADAPTAU_E_NUMERIC, #first "[2]", {TO(a.in_rows[8], -INFINITY)}}

static const struct misuse normalise_rows[] = {
    BAD_ROWS(in, out),
    IS_NULL(in),
    IS_NULL(out),
    {ADAPTAU_E_SHAPE,
     "in_stride = 4",
     {TO(a.dim, 2), TO(a.out, a.in_rows), TO(a.out_stride, 3)}}, /* in place with two strides                         */
};

static const struct misuse normalise_rows_backward[] = {
    BAD_ROWS(unit, gradient),
    IS_NULL(unit),
    IS_NULL(gradients),
    {ADAPTAU_E_NUMERIC, "gradients[1]", {TO(a.out_rows[4], NAN), TO(a.out_rows[11], NAN)}},
    {ADAPTAU_E_NUMERIC, "norms[2] = nan", {TO(a.row_norms[2], NAN)}},
    {ADAPTAU_E_NUMERIC, "norms[0] = inf", {TO(a.row_norms[0], INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "norms[1] = -1", {TO(a.row_norms[1], -1.0f)}},
};

/* ---- top-K ------------------------------------------------------------------------------------------------------ */

static void prepare_top_k(void)
{
    static const int64_t offsets[3] = {0, 0, 2};
    for (int p = 0; p < 6; p++)
        a.in_rows[p] = (float)(p % 3);
    memcpy(a.exclude_offsets, offsets, sizeof offsets);
    a.excluded[0] = 0;
    a.excluded[1] = 1;
    a.context = desk.context;
    a.n_rows = 2;
    a.n_columns = 3;
    a.scores = a.in_rows;
    a.stride = 3;
    a.k = 1;
    a.exclude_ptr = a.exclude_offsets;
    a.exclude = a.excluded;
    a.columns = a.best;
    a.values = a.best_scores;
}

static adaptau_status call_top_k(adaptau_error *error)
{
    return adaptau_top_k(a.context, a.n_rows, a.n_columns, a.scores, a.stride, a.k, a.exclude_ptr, a.exclude, a.columns,
                         a.values, error);
}

static const struct misuse top_k[] = {
    IS_NULL(context),
    IS_NULL(scores),
    IS_NULL(columns),
    {ADAPTAU_E_ARGUMENT, "exclude is NULL, but exclude_ptr[2] = 2", {TO(a.exclude, NULL)}},
    {ADAPTAU_E_ARGUMENT, "k = 0 is below 1", {TO(a.k, 0)}},
    {ADAPTAU_E_ARGUMENT, "k = -2147483648 is below 1", {TO(a.k, INT32_MIN)}},
    {ADAPTAU_E_ARGUMENT, "n_rows = -1 is negative", {TO(a.n_rows, -1)}},
    {ADAPTAU_E_ARGUMENT, "n_columns = -3 is negative", {TO(a.n_columns, -3)}},
    {ADAPTAU_E_SHAPE, "stride = 2, but n_columns = 3", {TO(a.stride, 2)}},
    {ADAPTAU_E_SHAPE, "2 rows of stride 9223372036854775807 and k = 1 are beyond memory", {TO(a.stride, INT64_MAX)}},
    {ADAPTAU_E_SHAPE, "exclude_ptr[0] = 1, not 0", {TO(a.exclude_offsets[0], 1)}},
    {ADAPTAU_E_SHAPE, "exclude_ptr[2] = 1 is below the 2 before it", {TO(a.exclude_offsets[1], 2), TO(a.exclude_offsets[2], 1)}},
    {ADAPTAU_E_INDEX, "exclude[1] = 3, but n_columns = 3", {TO(a.excluded[1], 3)}},
    {ADAPTAU_E_INDEX, "exclude[0] = -1, but n_columns = 3", {TO(a.excluded[0], -1)}},
    {ADAPTAU_E_INDEX, "exclude[1] = 1 is not above the 2 before it, in row 1", {TO(a.excluded[0], 2)}},
};

static const struct subject subjects[] = {
    SUBJECT(softmax, softmax),
    SUBJECT(loss_gradients, loss_gradients),
    SUBJECT(normalise_rows, normalise_rows),
    SUBJECT(normalise_rows_backward, normalise_rows_backward),
    SUBJECT(top_k, top_k),
};

/* ---- closed forms are defined for every number ------------------------------------------------------------------ */

static void call_lambert_w0(void)
{
    ck_assert(isnan(adaptau_lambert_w0(NAN)));
    ck_assert(isinf(adaptau_lambert_w0(INFINITY)));
    ck_assert_double_eq(adaptau_lambert_w0(-INFINITY), -1.0);
}

static void call_log_ratio(void)
{
    ck_assert(isnan(adaptau_log_ratio(0, 1, 1)) && isnan(adaptau_log_ratio(1, -1, 1)));
    ck_assert(isnan(adaptau_log_ratio(1, 1, INT64_MIN)));
    ck_assert(isfinite(adaptau_log_ratio(INT64_MAX, INT64_MAX, 1)));
}

static void call_tau0_eq14(void)
{
    ck_assert(isnan(adaptau_tau0_eq14(NAN, 0.0, 1.0)) && isnan(adaptau_tau0_eq14(0.5, 0.0, 0.0)));
    ck_assert(isnan(adaptau_tau0_eq14(0.0, 0.5, 1.0)));
}

static void call_tau0_eq34(void)
{
    int32_t clamped = 7;
    ck_assert(isnan(adaptau_tau0_eq34(NAN, 0.0, 0.1, 0.1, 1.0, NULL)));
    ck_assert(isnan(adaptau_tau0_eq34(0.0, 0.0, 0.0, 9.0, 1.0, &clamped)));
    ck_assert_int_eq(clamped, 1);
}

static void call_tau_user_eq16(void)
{
    ck_assert(isnan(adaptau_tau_user_eq16(NAN, 1.0, 1.0, 2.0)));
    ck_assert_double_eq_tol(adaptau_tau_user_eq16(1.0, -INFINITY, 1.0, 2.0), exp(-1.0), 1e-12);
}

static void call_tau_user_eq15(void)
{
    ck_assert(isnan(adaptau_tau_user_eq15(1.0, NAN, 1.0, 2.0)));
    ck_assert_double_eq_tol(adaptau_tau_user_eq15(1.0, -INFINITY, 1.0, 2.0), exp(-1.0), 1e-12);
}

static const struct harmless harmless[] = {
    HARMLESS(lambert_w0), HARMLESS(log_ratio),     HARMLESS(tau0_eq14),
    HARMLESS(tau0_eq34),  HARMLESS(tau_user_eq16), HARMLESS(tau_user_eq15),
};

MISUSE_FILE(kernels);
