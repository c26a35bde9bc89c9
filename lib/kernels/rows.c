/* SPDX-License-Identifier: MIT */
/* Rows to the unit sphere and gradients back from it. A first pass over the inputs looks for what is not finite, so that
 * nothing is written when there is; to remember its norms for the second pass would take memory that may not be there. */
#include "kernels/rows.h"

#include <adaptau/kernels.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "common/error.h"
#include "common/pool.h"
#include "common/size.h"
#include "kernels/check.h"
#include "kernels/of_context.h"
#include "kernels/sphere.h"

#define ROWS_PER_TASK 256

/* Norms whose inverse, and gradients whose products, stay well inside float32. */
#define LEAST_NORM 1e-30f
#define GREATEST_NORM 1e30f
#define GREATEST_PRODUCT 1e30f

/* ---- one row ------------------------------------------------------------------------------------------------------- */

/* In double no square of a float overflows or underflows. */
static float unit_row_in_double(int64_t dim, const float *in, float *out)
{
    double squares = 0.0;
    for (int64_t k = 0; k < dim; k++)
        squares += (double)in[k] * (double)in[k];
    double norm = isfinite(squares) ? sqrt(squares) : (double)NAN;
    for (int64_t k = 0; k < dim; k++)
        out[k] = norm == 0.0 ? 0.0f : (float)((double)in[k] / norm);
    return norm > (double)FLT_MAX ? FLT_MAX : (float)norm;
}

float atau_unit_row(const struct atau_kernels *kernels, int64_t dim, const float *in, float *out)
{
    float squares = kernels->dot(dim, in, in);
    if (!(squares >= ATAU_LEAST_SQUARES && squares <= FLT_MAX))
        return unit_row_in_double(dim, in, out);
    float norm = sqrtf(squares);
    kernels->scale(dim, 1.0f / norm, in, out);
    return norm;
}

static float cosine_in_double(int64_t dim, const float *unit, const float *row, float *inverse_norm)
{
    double squares = 0.0, along = 0.0;
    for (int64_t k = 0; k < dim; k++) {
        squares += (double)row[k] * (double)row[k];
        along += (double)unit[k] * (double)row[k];
    }
    *inverse_norm = squares == 0.0 ? 0.0f : (float)(1.0 / sqrt(squares));
    return squares == 0.0 ? 0.0f : (float)(along / sqrt(squares));
}

float atau_cosine(const struct atau_kernels *kernels, int64_t dim, const float *unit, const float *row, float *inverse_norm)
{
    float squares = kernels->dot(dim, row, row);
    if (!(squares >= ATAU_LEAST_SQUARES && squares <= FLT_MAX))
        return cosine_in_double(dim, unit, row, inverse_norm);
    *inverse_norm = 1.0f / sqrtf(squares);
    return *inverse_norm * kernels->dot(dim, unit, row);
}

static void project_in_double(int64_t dim, const float *unit, float norm, float *gradient)
{
    double along = 0.0;
    for (int64_t k = 0; k < dim; k++)
        along += (double)gradient[k] * (double)unit[k];
    for (int64_t k = 0; k < dim; k++)
        gradient[k] = (float)(((double)gradient[k] - along * (double)unit[k]) / (double)norm);
}

static void project_row(const struct atau_kernels *kernels, int64_t dim, const float *unit, float norm, float *gradient)
{
    if (norm == 0.0f) {
        memset(gradient, 0, (size_t)dim * sizeof *gradient);
        return;
    }
    float along = kernels->dot(dim, unit, gradient);
    if (!(fabsf(along) <= GREATEST_PRODUCT) || norm < LEAST_NORM || norm > GREATEST_NORM) {
        project_in_double(dim, unit, norm, gradient);
        return;
    }
    kernels->axpy(dim, -along, unit, gradient);
    if (norm != 1.0f)
        kernels->scale(dim, 1.0f / norm, gradient, gradient);
}

/* ---- many rows ----------------------------------------------------------------------------------------------------- */

struct rows_job {
    const struct atau_kernels *kernels;
    int64_t                    n;
    int32_t                    dim;
    const float               *in; /* rows to read: raw ones, or ê                                             */
    int64_t                    in_stride;
    float                     *out; /* rows to write: ê, or gradients                                          */
    int64_t                    out_stride;
    const float               *known_norms; /* backward                                                        */
    float                     *norms;       /* forward                                                         */
    _Atomic int                doubtful;    /* some sum of squares is not finite                               */
};

static adaptau_status run_rows(adaptau_context *context, struct rows_job *job, atau_rows_function rows,
                               adaptau_error *error)
{
    job->kernels = atau_kernels_of(context);
    return atau_parallel_rows(context, job->n, ROWS_PER_TASK, rows, job, error);
}

static void sum_chunk(void *argument, int32_t lane, int64_t first, int64_t end)
{
    struct rows_job *job = argument;
    (void)lane;
    for (int64_t r = first; r < end; r++) {
        const float *row = job->in + r * job->in_stride;
        if (!isfinite(job->kernels->dot(job->dim, row, row)))
            atomic_store_explicit(&job->doubtful, 1, memory_order_relaxed);
    }
}

/* A finite sum of squares has finite terms; only where one is not (or overflowed) the entries are looked at. */
static adaptau_status require_finite(adaptau_context *context, const char *name, int64_t n, int32_t dim, const float *rows,
                                     int64_t stride, adaptau_error *error)
{
    struct rows_job job = {.n = n, .dim = dim, .in = rows, .in_stride = stride};
    adaptau_status  status = run_rows(context, &job, sum_chunk, error);
    if (status != ADAPTAU_OK || !atomic_load(&job.doubtful))
        return status;
    return atau_check_rows_finite(context, name, n, dim, rows, stride, error);
}

static void normalise_chunk(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct rows_job *job = argument;
    (void)lane;
    for (int64_t r = first; r < end; r++) {
        float norm =
            atau_unit_row(job->kernels, job->dim, job->in + r * job->in_stride, job->out + r * job->out_stride);
        if (job->norms)
            job->norms[r] = norm;
    }
}

static void project_chunk(void *argument, int32_t lane, int64_t first, int64_t end)
{
    const struct rows_job *job = argument;
    (void)lane;
    for (int64_t r = first; r < end; r++)
        project_row(job->kernels, job->dim, job->in + r * job->in_stride, job->known_norms ? job->known_norms[r] : 1.0f,
                    job->out + r * job->out_stride);
}

/* ---- checks -------------------------------------------------------------------------------------------------------- */

static adaptau_status check_shape(const char *first, int64_t first_stride, const char *second, int64_t second_stride,
                                  int64_t n, int32_t dim, adaptau_error *error)
{
    const char *names[2] = {first, second};
    int64_t     strides[2] = {first_stride, second_stride};
    if (n < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n = %" PRId64 " is negative", n);
    if (dim < 1 || dim > ADAPTAU_MAX_DIM)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "dim = %d is not in [1, %d]", dim, ADAPTAU_MAX_DIM);
    for (int i = 0; i < 2; i++) {
        if (strides[i] < dim)
            return atau_fail(error, ADAPTAU_E_SHAPE, "%s_stride = %" PRId64 ", but dim = %d", names[i], strides[i], dim);
        if (!atau_rows_fit(n, strides[i]))
            return atau_fail(error, ADAPTAU_E_SHAPE, "n = %" PRId64 " rows of %s_stride = %" PRId64 " are beyond memory",
                             n, names[i], strides[i]);
    }
    return ADAPTAU_OK;
}

static adaptau_status check_norms(int64_t n, const float *norms, adaptau_error *error)
{
    for (int64_t r = 0; r < n; r++)
        if (!isfinite(norms[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "norms[%" PRId64 "] = %g is not finite", r, (double)norms[r]);
        else if (norms[r] < 0.0f)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "norms[%" PRId64 "] = %g is negative", r, (double)norms[r]);
    return ADAPTAU_OK;
}

/* ---- public -------------------------------------------------------------------------------------------------------- */

adaptau_status adaptau_normalise_rows(adaptau_context *context, int64_t n, int32_t dim, const float *in, int64_t in_stride,
                                      float *out, int64_t out_stride, float *norms, adaptau_error *error)
{
    struct rows_job job = {.n = n,
                           .dim = dim,
                           .in = in,
                           .in_stride = in_stride,
                           .out = out,
                           .out_stride = out_stride,
                           .norms = norms};
    ATAU_REQUIRE(context, error);
    in_stride = job.in_stride = in_stride ? in_stride : dim;
    out_stride = job.out_stride = out_stride ? out_stride : dim;
    adaptau_status status = check_shape("in", in_stride, "out", out_stride, n, dim, error);
    if (status != ADAPTAU_OK || n == 0)
        return status;
    ATAU_REQUIRE(in, error);
    ATAU_REQUIRE(out, error);
    if (in == out && in_stride != out_stride)
        return atau_fail(error, ADAPTAU_E_SHAPE, "in == out, but in_stride = %" PRId64 " and out_stride = %" PRId64, in_stride,
                         out_stride);
    status = require_finite(context, "in", n, dim, in, in_stride, error);
    return status == ADAPTAU_OK ? run_rows(context, &job, normalise_chunk, error) : status;
}

adaptau_status adaptau_normalise_rows_backward(adaptau_context *context, int64_t n, int32_t dim, const float *unit,
                                               int64_t unit_stride, const float *norms, float *gradients,
                                               int64_t gradient_stride, adaptau_error *error)
{
    struct rows_job job = {.n = n,
                           .dim = dim,
                           .in = unit,
                           .in_stride = unit_stride,
                           .out = gradients,
                           .out_stride = gradient_stride,
                           .known_norms = norms};
    ATAU_REQUIRE(context, error);
    unit_stride = job.in_stride = unit_stride ? unit_stride : dim;
    gradient_stride = job.out_stride = gradient_stride ? gradient_stride : dim;
    adaptau_status status = check_shape("unit", unit_stride, "gradient", gradient_stride, n, dim, error);
    if (status != ADAPTAU_OK || n == 0)
        return status;
    ATAU_REQUIRE(unit, error);
    ATAU_REQUIRE(gradients, error);
    status = require_finite(context, "unit", n, dim, unit, unit_stride, error);
    if (status == ADAPTAU_OK && norms)
        status = check_norms(n, norms, error);
    if (status == ADAPTAU_OK)
        status = require_finite(context, "gradients", n, dim, gradients, gradient_stride, error);
    return status == ADAPTAU_OK ? run_rows(context, &job, project_chunk, error) : status;
}
