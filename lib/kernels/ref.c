/* SPDX-License-Identifier: MIT */
/* What is correct: every kernel in plain C, as short as its formula. */
#include "kernels/kernels.h"

#include <math.h>

static void product(int64_t m, int64_t n, int64_t k, const float *a, int64_t a_row, int64_t a_column, const float *b,
                    int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (int64_t i = 0; i < m; i++) {
        float *line = c + i * c_stride;
        for (int64_t j = 0; j < n && !accumulate; j++)
            line[j] = 0.0f;
        for (int64_t p = 0; p < k; p++) {
            float value = a[i * a_row + p * a_column];
            for (int64_t j = 0; j < n; j++)
                line[j] += value * b[p * b_stride + j];
        }
    }
}

static float exp_or_zero(float x)
{
    return x < -104.0f ? 0.0f : expf(x);
}

static void exp_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum)
{
    for (int64_t j = 0; j < lines; j++) {
        float q = log_q ? log_q[j] : 0.0f;
        for (int64_t r = 0; r < columns; r++) {
            float *cell = t + j * stride + r;
            *cell = exp_or_zero(*cell * scale[r] - shift[r] - q);
            sum[r] += *cell;
        }
    }
}

static void exp_sum(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                    const float *shift, const float *log_q, float *sum)
{
    for (int64_t j = 0; j < lines; j++) {
        float q = log_q ? log_q[j] : 0.0f;
        for (int64_t r = 0; r < columns; r++)
            sum[r] += exp_or_zero(t[j * stride + r] * scale[r] - shift[r] - q);
    }
}

static void max_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                     const float *log_q, float *maximum)
{
    for (int64_t j = 0; j < lines; j++) {
        float q = log_q ? log_q[j] : 0.0f;
        for (int64_t r = 0; r < columns; r++) {
            float logit = t[j * stride + r] * scale[r] - q;
            if (logit > maximum[r])
                maximum[r] = logit;
        }
    }
}

static int64_t filter_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *threshold,
                           uint32_t *hits)
{
    int64_t n = 0;
    for (int64_t j = 0; j < lines; j++)
        for (int64_t r = 0; r < columns; r++)
            if (t[j * stride + r] > threshold[r])
                hits[n++] = (uint32_t)j << 16 | (uint32_t)r;
    return n;
}

static float dot(int64_t n, const float *x, const float *y)
{
    float sum = 0.0f;
    for (int64_t i = 0; i < n; i++)
        sum += x[i] * y[i];
    return sum;
}

static void axpy(int64_t n, float alpha, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] += alpha * x[i];
}

static void scale(int64_t n, float alpha, const float *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = alpha * x[i];
}

static void adam_row(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                     float *row)
{
    float squares = 0.0f;
    for (int64_t i = 0; i < n; i++) {
        float g = gradient[i] + adam->decay * row[i];
        first[i] = adam->beta1 * first[i] + (1.0f - adam->beta1) * g;
        second[i] = adam->beta2 * second[i] + (1.0f - adam->beta2) * g * g;
        row[i] -= adam->step * first[i] / (sqrtf(second[i]) * adam->second_scale + adam->epsilon);
        squares += row[i] * row[i];
    }
    if (adam->to_sphere && squares > 0.0f)
        scale(n, 1.0f / sqrtf(squares), row, row);
}

static void adam_row_shared(int64_t n, const struct atau_adam *adam, const float *gradient, float *first, float *second,
                            float *row)
{
    float mean = 0.0f, squares = 0.0f;
    if (n == 0)
        return;
    for (int64_t i = 0; i < n; i++) {
        float g = gradient[i] + adam->decay * row[i];
        first[i] = adam->beta1 * first[i] + (1.0f - adam->beta1) * g;
        mean += g * g;
    }
    *second = adam->beta2 * *second + (1.0f - adam->beta2) * (mean / (float)n);
    float factor = adam->step / (sqrtf(*second) * adam->second_scale + adam->epsilon);
    for (int64_t i = 0; i < n; i++) {
        row[i] -= factor * first[i];
        squares += row[i] * row[i];
    }
    if (adam->to_sphere && squares > 0.0f)
        scale(n, 1.0f / sqrtf(squares), row, row);
}

const struct atau_kernels atau_kernels_reference = {
    .product = product,
    .product_bf16 = product,
    .exp_tile = exp_tile,
    .exp_sum = exp_sum,
    .max_tile = max_tile,
    .filter_tile = filter_tile,
    .dot = dot,
    .axpy = axpy,
    .scale = scale,
    .adam_row = adam_row,
    .adam_row_shared = adam_row_shared,
};
