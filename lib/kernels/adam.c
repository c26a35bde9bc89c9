/* SPDX-License-Identifier: MIT */
#include "kernels/adam.h"

#include <adaptau/adam.h>

#include <math.h>

#include "common/abi.h"
#include "common/context.h"
#include "common/error.h"
#include "common/pool.h"
#include "common/prefetch.h"
#include "common/size.h"
#include "kernels/check.h"
#include "kernels/of_context.h"

#define ROWS_PER_TASK 256
#define GREATEST_RATE 1e6

/* ---- steps ------------------------------------------------------------------------------------------------------- */

/* Coefficients of a t-th step. Rows of a catalogue mostly share t, others have many different ones, and powers are dear. */
struct step_cache {
    int32_t t;
    float   step, second_scale;
};
#define CACHED_STEPS 64

static void set_step(struct atau_adam *adam, const struct atau_adam_rows *rows, struct step_cache cache[CACHED_STEPS],
                     int32_t t)
{
    struct step_cache *entry = &cache[t % CACHED_STEPS];
    if (entry->t != t) {
        entry->t = t;
        entry->step = (float)(rows->learning_rate / (1.0 - pow(rows->beta1, t)));
        entry->second_scale = (float)(1.0 / sqrt(1.0 - pow(rows->beta2, t)));
    }
    adam->step = entry->step;
    adam->second_scale = entry->second_scale;
}

static int64_t id_of(const struct atau_adam_rows *rows, int64_t k)
{
    return rows->ids ? rows->ids[k] : k;
}

static float *second_of(const struct atau_adam_rows *rows, int64_t id)
{
    return rows->second + (rows->shared ? id : id * rows->dim);
}

static const float *gradient_of(const struct atau_adam_rows *rows, int64_t k)
{
    return rows->gradients + (rows->by_id ? id_of(rows, k) : k) * rows->gradient_stride;
}

/* What the k-th row's step will read. */
static void fetch_row(const struct atau_adam_rows *rows, int64_t k)
{
    const int64_t id = id_of(rows, k), dim = rows->dim;
    atau_prefetch_row(gradient_of(rows, k), dim);
    atau_prefetch_row(rows->first + id * dim, dim);
    atau_prefetch_row(second_of(rows, id), rows->shared ? 1 : dim);
    atau_prefetch_row(rows->rows + id * rows->stride, dim);
}

int64_t atau_adam_tasks(const struct atau_adam_rows *rows)
{
    return (rows->n + ROWS_PER_TASK - 1) / ROWS_PER_TASK;
}

void atau_adam_step(const struct atau_adam_rows *rows, int64_t task)
{
    const int64_t            end = atau_min_i64((task + 1) * ROWS_PER_TASK, rows->n), dim = rows->dim;
    const atau_adam_function step = rows->shared ? rows->kernels->adam_row_shared : rows->kernels->adam_row;
    struct step_cache        cache[CACHED_STEPS] = {{0}};
    struct atau_adam         adam = {.beta1 = (float)rows->beta1,
                                     .beta2 = (float)rows->beta2,
                                     .epsilon = (float)rows->epsilon,
                                     .decay = (float)rows->decay,
                                     .to_sphere = rows->to_sphere};
    for (int64_t k = task * ROWS_PER_TASK; k < end; k++) {
        const int64_t id = id_of(rows, k);
        if (k + ATAU_ROWS_AHEAD < end)
            fetch_row(rows, k + ATAU_ROWS_AHEAD);
        if (rows->steps[id] < INT32_MAX)
            rows->steps[id]++;
        set_step(&adam, rows, cache, rows->steps[id]);
        step(dim, &adam, gradient_of(rows, k), rows->first + id * dim, second_of(rows, id), rows->rows + id * rows->stride);
    }
}

/* ---- a host's rows ----------------------------------------------------------------------------------------------- */

#define LEAST_EPSILON 1e-30 /* less is 0 in the kernels' floats, and 0/0 where a gradient is 0                */

static const adaptau_adam_options defaults = {
    .struct_size = sizeof(adaptau_adam_options),
    .learning_rate = 0.02, /* of the model's items, whose beta1 this is */
    .beta1 = 0.9,
    .beta2 = 0.999,
    .epsilon = 1e-12,
};

adaptau_status adaptau_adam_options_init(adaptau_adam_options *options, adaptau_error *error)
{
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

static adaptau_status check_options(const adaptau_adam_options *o, adaptau_error *error)
{
    const struct {
        const char *name;
        double      value, least, most;
    } numbers[] = {
        {"learning_rate", o->learning_rate, 0.0, GREATEST_RATE}, {"beta1", o->beta1, 0.0, 0.999999999},
        {"beta2", o->beta2, 0.0, 0.999999999},                   {"epsilon", o->epsilon, LEAST_EPSILON, GREATEST_RATE},
        {"weight_decay", o->weight_decay, 0.0, GREATEST_RATE},
    };
    if (o->flags & ~(ADAPTAU_ADAM_TO_SPHERE | ADAPTAU_ADAM_ROW_SECOND_MOMENT | ADAPTAU_ADAM_GRADIENTS_BY_ID))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->flags = 0x%x has unknown bits", o->flags);
    if (o->epsilon == 0.0)
        return atau_fail_zero(error, "options->epsilon", "at least 1e-30", "adaptau_adam_options_init");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!isfinite(numbers[i].value))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", numbers[i].name, numbers[i].value);
        if (numbers[i].value < numbers[i].least || numbers[i].value > numbers[i].most)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside %g ... %g", numbers[i].name,
                             numbers[i].value, numbers[i].least, numbers[i].most);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_rows(adaptau_adam_rows *rows, adaptau_error *error)
{
    if (rows->dim < 1 || rows->dim > ADAPTAU_MAX_DIM)
        return atau_fail(error, ADAPTAU_E_SHAPE, "rows->dim = %d is outside 1 ... %d", rows->dim, ADAPTAU_MAX_DIM);
    if (rows->n < 0)
        return atau_fail(error, ADAPTAU_E_SHAPE, "rows->n = %lld is negative", (long long)rows->n);
    rows->stride += rows->stride ? 0 : rows->dim;
    if (rows->stride < rows->dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "rows->stride = %lld, but dim = %d", (long long)rows->stride, rows->dim);
    if (!atau_rows_fit(rows->n, rows->stride))
        return atau_fail(error, ADAPTAU_E_SHAPE, "rows->n = %lld rows of %lld floats exceed the address space",
                         (long long)rows->n, (long long)rows->stride);
    if (rows->n > 0 && (!rows->rows || !rows->first || !rows->second || !rows->steps))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "rows->%s is NULL, but rows->n = %lld",
                         !rows->rows     ? "rows"
                         : !rows->first  ? "first"
                         : !rows->second ? "second"
                                         : "steps",
                         (long long)rows->n);
    return ADAPTAU_OK;
}

static adaptau_status check_gradients(const adaptau_adam_rows *rows, int64_t n, const int32_t *ids, const float *gradients,
                                      int64_t stride, adaptau_error *error)
{
    if (n < 0 || (!ids && n > rows->n))
        return atau_fail(error, ADAPTAU_E_SHAPE, "n = %lld, but rows->n = %lld", (long long)n, (long long)rows->n);
    if (n > 0 && !gradients)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "gradients is NULL, but n = %lld", (long long)n);
    if (stride && stride < rows->dim)
        return atau_fail(error, ADAPTAU_E_SHAPE, "stride = %lld, but dim = %d", (long long)stride, rows->dim);
    if (!atau_rows_fit(n, stride ? stride : rows->dim))
        return atau_fail(error, ADAPTAU_E_SHAPE, "n = %lld gradients of %lld floats exceed the address space", (long long)n,
                         (long long)(stride ? stride : rows->dim));
    for (int64_t k = 0; ids && k < n; k++)
        if (ids[k] < 0 || ids[k] >= rows->n)
            return atau_fail(error, ADAPTAU_E_INDEX, "ids[%lld] = %d, but rows->n = %lld", (long long)k, ids[k],
                             (long long)rows->n);
    return ADAPTAU_OK;
}

/* Two steps of one row at once would race. Counts of steps are turned over while ids are looked at, which costs no memory and
 * loads what the steps need. */
static adaptau_status check_distinct(const adaptau_adam_rows *rows, int64_t n, const int32_t *ids, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    int64_t        n_turned = 0;
    for (int64_t k = 0; k < n; k++)
        if (rows->steps[ids[k]] < 0)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "rows->steps[%d] = %d is negative", ids[k], rows->steps[ids[k]]);
    for (; n_turned < n && status == ADAPTAU_OK; n_turned++) {
        const int32_t id = ids[n_turned];
        if (rows->steps[id] < 0) {
            status = atau_fail(error, ADAPTAU_E_INDEX, "ids[%lld] = %d comes a second time", (long long)n_turned, id);
            break;
        }
        rows->steps[id] = ~rows->steps[id];
    }
    for (int64_t k = 0; k < n_turned; k++)
        rows->steps[ids[k]] = ~rows->steps[ids[k]];
    return status;
}

static void run_step(void *argument, int32_t lane, int64_t task)
{
    (void)lane;
    atau_adam_step(argument, task);
}

adaptau_status adaptau_adam(adaptau_context *context, const adaptau_adam_options *given_options, int64_t n, const int32_t *ids,
                            const float *gradients, int64_t stride, const adaptau_adam_rows *given_rows, adaptau_error *error)
{
    adaptau_adam_options options;
    adaptau_adam_rows    rows;
    ATAU_REQUIRE(context, error);
    adaptau_status status = atau_read_struct(&options, sizeof options, sizeof options, given_options, false, "options", error);
    if (status == ADAPTAU_OK)
        atau_complete_struct(&options, &defaults, sizeof options, given_options);
    if (status == ADAPTAU_OK)
        status = atau_read_struct(&rows, sizeof rows, sizeof rows, given_rows, false, "rows", error);
    if (status == ADAPTAU_OK)
        status = check_options(&options, error);
    if (status == ADAPTAU_OK)
        status = check_rows(&rows, error);
    if (status == ADAPTAU_OK)
        status = check_gradients(&rows, n, ids, gradients, stride, error);
    if (status == ADAPTAU_OK && ids)
        status = check_distinct(&rows, n, ids, error);
    const bool by_id = (options.flags & ADAPTAU_ADAM_GRADIENTS_BY_ID) != 0;
    if (status == ADAPTAU_OK)
        status = atau_check_listed_rows_finite(context, "gradients", n, by_id ? ids : NULL, rows.dim, gradients,
                                               stride ? stride : rows.dim, error);
    if (status != ADAPTAU_OK)
        return status;
    const bool            sphere = (options.flags & ADAPTAU_ADAM_TO_SPHERE) != 0;
    struct atau_adam_rows call = {.kernels = atau_kernels_of(context),
                                  .dim = rows.dim,
                                  .n = n,
                                  .ids = ids,
                                  .gradients = gradients,
                                  .gradient_stride = stride ? stride : rows.dim,
                                  .by_id = by_id,
                                  .shared = (options.flags & ADAPTAU_ADAM_ROW_SECOND_MOMENT) != 0,
                                  .to_sphere = sphere,
                                  .learning_rate = options.learning_rate,
                                  .beta1 = options.beta1,
                                  .beta2 = options.beta2,
                                  .epsilon = options.epsilon,
                                  .decay = sphere ? 0.0 : options.weight_decay,
                                  .rows = rows.rows,
                                  .stride = rows.stride,
                                  .first = rows.first,
                                  .second = rows.second,
                                  .steps = rows.steps};
    return atau_parallel(context, atau_adam_tasks(&call), run_step, &call, error);
}
