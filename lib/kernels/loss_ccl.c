/* SPDX-License-Identifier: MIT */
/* Cosine contrastive loss (SimpleX, Mao et al., CIKM 2021): candidates count where they are above the margin θ.
 *
 *     row_loss = w Σ_i a_i (1 − f_i) + (w n λ/C') Σ_c max(0, f_c − θ)
 *     ∂row_loss/∂f_c = (w n λ/C') [f_c > θ]
 *     ∂row_loss/∂f_i = −w a_i */
#include "kernels/softmax.h"

static void map(const struct atau_softmax *s, int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale,
                float *sum)
{
    const float margin = (float)s->loss_options.margin;
    (void)scale;
    for (int64_t j = 0; j < lines; j++) {
        float *f = t + j * stride;
        for (int64_t r = 0; r < columns; r++) {
            float above = f[r] - margin;
            sum[r] += above <= 0.0f ? 0.0f : above; /* a NaN is not below                                     */
            f[r] = above <= 0.0f ? 0.0f : 1.0f;
        }
    }
}

static void positives(const struct atau_softmax *s, int64_t row, const float *f, adaptau_row_sums *sums)
{
    for (int64_t i = 0; i < atau_row_positives(s, row); i++)
        sums->positive_sum += atau_positive_weight(s, row, i) * (1.0 - (double)f[i]);
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const int64_t n = atau_row_positives(s, row);
    const double  weight = atau_row_weight(s, row), factor = atau_row_factor(s, row, sums);
    (void)slopes, (void)f;
    for (int64_t i = 0; i < n; i++)
        coefficient[i] = (float)(-weight * atau_positive_weight(s, row, i));
    terms->candidate_factor = (float)factor;
    terms->target_factor = 0.0f;
    atau_set_row(s, row, weight * sums->positive_sum + factor * sums->sum, 0.0);
    return atau_batch_row_positives(&s->batch, row);
}

const struct atau_loss atau_loss_ccl = {
    .kind = ADAPTAU_LOSS_CCL,
    .name = "CCL",
    .margin = 0.5,
    .negative_weight = 1.0,
    .map = map,
    .positives = positives,
    .terms = terms,
};
