/* SPDX-License-Identifier: MIT */
/* Squared error: positives are 1, candidates 0.
 *
 *     row_loss = w Σ_i a_i (1 − f_i)² + (w n λ/C') Σ_c f_c²
 *     ∂row_loss/∂f_c = 2 (w n λ/C') f_c
 *     ∂row_loss/∂f_i = −2 w a_i (1 − f_i) */
#include <math.h>

#include "kernels/softmax.h"

static void map(const struct atau_softmax *s, int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale,
                float *sum)
{
    (void)s, (void)scale;
    for (int64_t j = 0; j < lines; j++) {
        float *f = t + j * stride;
        for (int64_t r = 0; r < columns; r++) {
            f[r] = f[r] == -INFINITY ? 0.0f : f[r];
            sum[r] += f[r] * f[r];
        }
    }
}

static void positives(const struct atau_softmax *s, int64_t row, const float *f, adaptau_row_sums *sums)
{
    for (int64_t i = 0; i < atau_row_positives(s, row); i++) {
        double short_of = 1.0 - (double)f[i];
        sums->positive_sum += atau_positive_weight(s, row, i) * (short_of * short_of);
    }
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const int64_t n = atau_row_positives(s, row);
    const double  weight = atau_row_weight(s, row), factor = atau_row_factor(s, row, sums);
    (void)slopes;
    for (int64_t i = 0; i < n; i++)
        coefficient[i] = (float)(-2.0 * weight * atau_positive_weight(s, row, i) * (1.0 - (double)f[i]));
    terms->candidate_factor = (float)(2.0 * factor);
    terms->target_factor = 0.0f;
    atau_set_row(s, row, weight * sums->positive_sum + factor * sums->sum, 0.0);
    return atau_batch_row_positives(&s->batch, row);
}

const struct atau_loss atau_loss_mse = {
    .kind = ADAPTAU_LOSS_MSE,
    .name = "MSE",
    .negative_weight = 1.0,
    .map = map,
    .positives = positives,
    .terms = terms,
};
