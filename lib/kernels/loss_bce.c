/* SPDX-License-Identifier: MIT */
/* Binary cross-entropy: positives are 1, candidates 0.
 *
 *     row_loss = w Σ_i a_i log(1 + exp(−f_i/τ)) + (w n λ/C') Σ_c log(1 + exp(f_c/τ))      σ(x) = 1/(1 + exp −x)
 *     ∂row_loss/∂f_c   = (w n λ/(C' τ)) σ(f_c/τ)
 *     ∂row_loss/∂f_i   = −(w a_i/τ) σ(−f_i/τ)
 *     ∂row_loss/∂(1/τ) = (w n λ/C') Σ_c σ(f_c/τ) f_c − w Σ_i a_i σ(−f_i/τ) f_i */
#include <math.h>
#include <string.h>

#include "common/size.h"
#include "kernels/softmax.h"

#define PIECE 128

static void map(const struct atau_softmax *s, int64_t lines, int64_t columns, float *t, int64_t stride, const float *scale,
                float *sum)
{
    static const float zero[PIECE] = {0.0f};
    for (int64_t r = 0; r < columns; r += PIECE)
        s->kernels->softplus_tile(lines, atau_min_i64(PIECE, columns - r), t + r, stride, scale + r, zero, sum + r);
}

/* 1/(1 + exp(f/τ)) = σ(−f/τ), and log(1 + exp(−f/τ)). */
static double sigma_of(double f, double tau, double *loss)
{
    double x = -f / tau, e = exp(-fabs(x));
    *loss = (x > 0.0 ? x : 0.0) + log1p(e);
    return (x > 0.0 ? 1.0 : e) / (1.0 + e);
}

static void positives(const struct atau_softmax *s, int64_t row, const float *f, adaptau_row_sums *sums)
{
    for (int64_t i = 0; i < atau_row_positives(s, row); i++) {
        double loss, sigma = sigma_of((double)f[i], (double)atau_row_tau(s, row), &loss);
        sums->positive_sum += atau_positive_weight(s, row, i) * loss;
        sums->positive_slope -= atau_positive_weight(s, row, i) * sigma * (double)f[i];
    }
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const int64_t n = atau_row_positives(s, row);
    const double  tau = atau_row_tau(s, row), weight = atau_row_weight(s, row), factor = atau_row_factor(s, row, sums);
    (void)slopes;
    for (int64_t i = 0; i < n; i++) {
        double loss;
        coefficient[i] = (float)(-weight * atau_positive_weight(s, row, i) * sigma_of((double)f[i], tau, &loss) / tau);
    }
    terms->candidate_factor = (float)(factor / tau);
    terms->target_factor = 0.0f;
    atau_set_row(s, row, weight * sums->positive_sum + factor * sums->sum,
                 weight * sums->positive_slope + factor * sums->slope);
    return atau_batch_row_positives(&s->batch, row);
}

const struct atau_loss atau_loss_bce = {
    .kind = ADAPTAU_LOSS_BCE,
    .name = "BCE",
    .has_tau = true,
    .negative_weight = 1.0,
    .map = map,
    .positives = positives,
    .terms = terms,
};
