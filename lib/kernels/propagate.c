/* SPDX-License-Identifier: MIT */
#include "kernels/propagate.h"

#include <string.h>

#include "common/pool.h"
#include "common/size.h"
#include "kernels/kernels.h"

#define ROWS_PER_TASK 128

struct propagation {
    const struct atau_kernels *kernels;
    const struct atau_sparse  *matrix;
    int64_t                    dim, x_stride, out_stride;
    const float               *x;
    float                     *out;
};

static void propagate_rows(void *argument, int32_t lane, int64_t task)
{
    const struct propagation *p = argument;
    const struct atau_sparse *a = p->matrix;
    const int64_t             end = atau_min_i64((task + 1) * ROWS_PER_TASK, a->n_rows);
    (void)lane;
    for (int64_t r = task * ROWS_PER_TASK; r < end; r++) {
        float      *out = p->out + r * p->out_stride;
        const float left = a->left ? a->left[r] : 1.0f;
        memset(out, 0, (size_t)p->dim * sizeof(float));
        for (int64_t e = a->ptr[r]; e < a->ptr[r + 1]; e++)
            p->kernels->axpy(p->dim, a->right ? left * a->right[a->ids[e]] : left, p->x + a->ids[e] * p->x_stride, out);
    }
}

adaptau_status atau_propagate(adaptau_context *context, const struct atau_sparse *matrix, int64_t dim, const float *x,
                              int64_t x_stride, float *out, int64_t out_stride, adaptau_error *error)
{
    struct propagation p = {.kernels = context->kernels,
                            .matrix = matrix,
                            .dim = dim,
                            .x_stride = x_stride,
                            .out_stride = out_stride,
                            .x = x,
                            .out = out};
    return atau_parallel(context, (matrix->n_rows + ROWS_PER_TASK - 1) / ROWS_PER_TASK, propagate_rows, &p, error);
}
