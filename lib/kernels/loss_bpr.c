/* SPDX-License-Identifier: MIT */
/* Bayesian personalised ranking (Rendle et al., UAI 2009), with all candidates of a row for each of its positives:
 *
 *     row_loss = (w/C') Σ_i a_i Σ_c log(1 + exp x_ci)        x_ci = (f_c − f_i)/τ,  σ(x) = 1/(1 + exp −x)
 *     ∂row_loss/∂f_c    = (w/(C' τ)) Σ_i a_i σ(x_ci)
 *     ∂row_loss/∂f_i    = −(w a_i/(C' τ)) Σ_c σ(x_ci)
 *     ∂row_loss/∂(1/τ)  = (w/C') [Σ_c f_c Σ_i a_i σ(x_ci) − Σ_i a_i f_i Σ_c σ(x_ci)] */
#include <math.h>
#include <string.h>

#include "common/size.h"
#include "kernels/softmax.h"

#define PIECE 128 /* candidates at once: a column of a tile                                                    */

static double sum_losses(int64_t n, const float *losses)
{
    double sum = 0.0;
    for (int64_t c = 0; c < n; c++)
        sum += (double)losses[c];
    return sum;
}

static double pairs_of_piece(const struct atau_softmax *s, int64_t row, int64_t n, float *f, const float *positives,
                             double *slopes)
{
    const float   inverse_tau = 1.0f / atau_row_tau(s, row);
    const int64_t n_positives = atau_row_positives(s, row);
    float         scale[PIECE], shift[PIECE], sigma[PIECE], all_sigma[PIECE] = {0.0f}, losses[PIECE] = {0.0f};
    double        loss = 0.0;
    for (int64_t c = 0; c < n; c++)
        scale[c] = inverse_tau;
    for (int64_t i = 0; i < n_positives; i++) {
        /* A difference of large numbers is taken of the scores, where it is exact for equal ones. */
        const bool   wide = fabsf(positives[i] * inverse_tau) >= ATAU_WIDE;
        const double weight = atau_positive_weight(s, row, i);
        for (int64_t c = 0; c < n; c++) {
            shift[c] = wide ? 0.0f : positives[i] * inverse_tau;
            sigma[c] = wide ? f[c] - positives[i] : f[c];
        }
        s->kernels->softplus_tile(1, n, sigma, n, scale, shift, losses);
        s->kernels->axpy(n, (float)weight, sigma, all_sigma);
        if (slopes)
            slopes[i] += weight * (double)s->kernels->dot(n, sigma, scale);
        if (s->batch.positive_weights) { /* else they are added up as they come                                */
            loss += weight * sum_losses(n, losses);
            memset(losses, 0, sizeof losses);
        }
    }
    memcpy(f, all_sigma, (size_t)n * sizeof(float));
    return s->batch.positive_weights ? loss : sum_losses(n, losses);
}

static double pairs(const struct atau_softmax *s, int64_t row, int64_t n, float *f, const float *positives, double *slopes)
{
    double loss = 0.0;
    for (int64_t c = 0; c < n; c += PIECE)
        loss += pairs_of_piece(s, row, atau_min_i64(PIECE, n - c), f + c, positives, slopes);
    return loss;
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const int64_t n = atau_row_positives(s, row);
    const double  tau = atau_row_tau(s, row);
    const bool    counts = n > 0 && sums->n_candidates > 0.0;
    const double  factor = counts ? atau_row_weight(s, row) / sums->n_candidates : 0.0;
    double        d_inverse_tau = sums->slope;
    for (int64_t i = 0; i < n; i++) {
        coefficient[i] = (float)(-factor * slopes[i]);
        d_inverse_tau -= tau * slopes[i] * (double)f[i];
    }
    terms->candidate_factor = (float)(factor / tau);
    terms->target_factor = 0.0f;
    atau_set_row(s, row, factor * sums->sum, factor * d_inverse_tau);
    return counts ? atau_batch_row_positives(&s->batch, row) : 0.0;
}

const struct atau_loss atau_loss_bpr = {
    .kind = ADAPTAU_LOSS_BPR,
    .name = "BPR",
    .has_tau = true,
    .pairs = pairs,
    .terms = terms,
};
