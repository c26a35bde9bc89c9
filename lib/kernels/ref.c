/* SPDX-License-Identifier: MIT */
/* What is correct: every kernel in plain C, as short as its formula. */
#include "kernels/kernels.h"

#include <math.h>
#include <string.h>

#include "common/half.h"
#include "kernels/sphere.h"

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

/* What max_tile compares: a function, so that no compiler contracts it with what comes after. */
static float logit_of(float score, float scale, float log_q)
{
    return score * scale - log_q;
}

static float exponent_of(float score, float scale, float shift, float log_q)
{
    if (fabsf(shift) >= ATAU_WIDE || fabsf(log_q) >= ATAU_WIDE)
        return logit_of(score, scale, log_q) - shift;
    return score * scale - shift - log_q;
}

static void exp_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                     const float *log_q, float *sum)
{
    for (int64_t j = 0; j < lines; j++) {
        float q = log_q ? log_q[j] : 0.0f;
        for (int64_t r = 0; r < columns; r++) {
            float *cell = t + j * stride + r;
            *cell = exp_or_zero(exponent_of(*cell, scale[r], shift[r], q));
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
            sum[r] += exp_or_zero(exponent_of(t[j * stride + r], scale[r], shift[r], q));
    }
}

static void softplus_tile(int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale, const float *shift,
                          float *sum)
{
    for (int64_t j = 0; j < lines; j++)
        for (int64_t r = 0; r < columns; r++) {
            float *cell = t + j * stride + r, x = *cell * scale[r] - shift[r], e = exp_or_zero(-fabsf(x));
            sum[r] += (x > 0.0f ? x : 0.0f) + log1pf(e);
            *cell = (x > 0.0f ? 1.0f : e) / (1.0f + e);
        }
}

static void max_tile(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                     const float *log_q, float *maximum)
{
    for (int64_t j = 0; j < lines; j++) {
        float q = log_q ? log_q[j] : 0.0f;
        for (int64_t r = 0; r < columns; r++) {
            float logit = logit_of(t[j * stride + r], scale[r], q);
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

#define BLOCK 32 /* columns that are summed at once                                                             */

static void gather(const struct atau_gather *from, int64_t n, int64_t n_ahead, const int32_t *ids, float left,
                   float base_scale, const float *base, float *out)
{
    (void)n_ahead;
    for (int64_t first = 0; first < from->dim; first += BLOCK) {
        const int64_t columns = from->dim - first < BLOCK ? from->dim - first : BLOCK;
        float         sum[BLOCK] = {0.0f};
        for (int64_t e = 0; e < n; e++) {
            const float *row = from->x + ids[e] * from->stride + first;
            float        weight = from->weights ? from->weights[ids[e]] : 1.0f;
            for (int64_t k = 0; k < columns; k++)
                sum[k] += weight * row[k];
        }
        for (int64_t k = 0; k < columns; k++)
            out[first + k] = left * sum[k] + (base ? base_scale * base[first + k] : 0.0f);
    }
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
    if (adam->to_sphere)
        atau_return_to_sphere(n, squares, scale, row);
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
    if (adam->to_sphere)
        atau_return_to_sphere(n, squares, scale, row);
}

static void widen(int64_t n, const uint16_t *x, float *y)
{
    for (int64_t i = 0; i < n; i++)
        y[i] = atau_half_widen(x[i]);
}

const struct atau_kernels atau_kernels_reference = {
    .product = product,
    .exp_tile = exp_tile,
    .exp_sum = exp_sum,
    .softplus_tile = softplus_tile,
    .max_tile = max_tile,
    .filter_tile = filter_tile,
    .dot = dot,
    .axpy = axpy,
    .scale = scale,
    .widen = widen,
    .gather = gather,
    .adam_row = adam_row,
    .adam_row_shared = adam_row_shared,
};

/* ---- bfloat16 ------------------------------------------------------------------------------------------------------ */

static uint32_t round_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    if (x != x)
        return bits >> 16 | 0x40u; /* still a NaN                                                             */
    if ((bits & 0x7F800000u) == 0)
        return bits >> 16 & 0x8000u;
    return (bits + 0x7FFFu + (bits >> 16 & 1u)) >> 16;
}

static uint32_t pair(float low, float high)
{
    return round_bits(low) | round_bits(high) << 16;
}

static float low_half(uint32_t word)
{
    uint32_t bits = word << 16;
    float    x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static float high_half(uint32_t word)
{
    return low_half(word >> 16);
}

static void pack_lines(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride)
{
    for (int64_t i = 0; i < lines; i++)
        for (int64_t p = 0; p < columns; p += 2)
            words[i * words_stride + p / 2] =
                pair(x[i * stride + p], p + 1 < columns ? x[i * stride + p + 1] : 0.0f);
}

static void pack_pairs(int64_t lines, int64_t columns, const float *x, int64_t stride, uint32_t *words, int64_t words_stride)
{
    for (int64_t p = 0; p < lines; p += 2)
        for (int64_t j = 0; j < columns; j++)
            words[p / 2 * words_stride + j] =
                pair(x[p * stride + j], p + 1 < lines ? x[(p + 1) * stride + j] : 0.0f);
}

static void product_bf16(int64_t m, int64_t n, int64_t pairs, const uint32_t *a, int64_t a_row, int64_t a_column,
                         const uint32_t *b, int64_t b_stride, int accumulate, float *c, int64_t c_stride)
{
    for (int64_t i = 0; i < m; i++)
        for (int64_t j = 0; j < n; j++) {
            float sum = 0.0f;
            for (int64_t p = 0; p < pairs; p++) {
                uint32_t x = a[i * a_row + p * a_column], y = b[p * b_stride + j];
                sum += low_half(x) * low_half(y) + high_half(x) * high_half(y);
            }
            c[i * c_stride + j] = accumulate ? c[i * c_stride + j] + sum : sum;
        }
}

static float exp_cell(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale, const float *shift,
                      const float *log_q, int64_t j, int64_t r)
{
    if (j >= lines || r >= columns)
        return 0.0f;
    return exp_or_zero(exponent_of(t[j * stride + r], scale[r], shift[r], log_q ? log_q[j] : 0.0f));
}

static void exp_tile_bf16(int64_t lines, int64_t columns, const float *t, int64_t stride, const float *scale,
                          const float *shift, const float *log_q, float *sum, uint32_t *in_lines, int64_t in_lines_stride,
                          uint32_t *in_pairs, int64_t in_pairs_stride)
{
    for (int64_t j = 0; j < lines; j += 2)
        for (int64_t r = 0; r < columns; r += 2) {
            float x[2][2];
            for (int64_t k = 0; k < 4; k++)
                x[k / 2][k % 2] = exp_cell(lines, columns, t, stride, scale, shift, log_q, j + k / 2, r + k % 2);
            for (int64_t k = 0; k < 2 && r + k < columns; k++) {
                sum[r + k] += x[0][k] + x[1][k];
                if (in_pairs)
                    in_pairs[j / 2 * in_pairs_stride + r + k] = pair(x[0][k], x[1][k]);
            }
            for (int64_t k = 0; k < 2 && j + k < lines && in_lines; k++)
                in_lines[(j + k) * in_lines_stride + r / 2] = pair(x[k][0], x[k][1]);
        }
}

const struct atau_bf16_kernels atau_bf16_reference = {
    .pack_lines = pack_lines,
    .pack_pairs = pack_pairs,
    .product = product_bf16,
    .exp_tile = exp_tile_bf16,
};

/* ---- integers of 8 bits --------------------------------------------------------------------------------------------- */

static int32_t multiply_words(uint32_t a, uint32_t b)
{
    int32_t sum = 0;
    for (int byte = 0; byte < 4; byte++, a >>= 8, b >>= 8)
        sum += (int32_t)(a & 0xFFu) * (int8_t)(b & 0xFFu);
    return sum;
}

static int64_t screen(int64_t m, int64_t n, int64_t words, const uint32_t *a, int64_t a_row, const uint32_t *b, int64_t b_stride,
                      const int32_t *start, const float *line_scale, const float *column_scale, const float *bias,
                      const float *threshold, uint32_t *cells)
{
    int64_t n_cells = 0;
    for (int64_t j = 0; j < m; j++)
        for (int64_t r = 0; r < n; r++) {
            int32_t sum = start[r];
            for (int64_t p = 0; p < words; p++)
                sum += multiply_words(a[j * a_row + p], b[p * b_stride + r]);
            if (fmaf((float)sum * line_scale[j], column_scale[r], bias ? bias[j] : 0.0f) > threshold[r])
                cells[n_cells++] = (uint32_t)j << 16 | (uint32_t)r;
        }
    return n_cells;
}

static void score_cells(int64_t n, const uint32_t *cells, int64_t dim, const float *x, int64_t x_stride, const float *y,
                        int64_t y_stride, float *scores)
{
    for (int64_t i = 0; i < n; i++)
        product(1, 1, dim, x + (int64_t)(cells[i] >> 16) * x_stride, dim, 1, y + (int64_t)(cells[i] & 0xFFFF) * y_stride, 1, 0,
                scores + i, 1);
}

const struct atau_int8_kernels atau_int8_reference = {
    .screen = screen,
    .score_cells = score_cells,
};
