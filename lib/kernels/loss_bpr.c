/* SPDX-License-Identifier: MIT */
/* Bayesian personalised ranking (Rendle et al., UAI 2009), with all candidates of a row for each of its positives:
 *
 *     row_loss = (w/C') Σ_i Σ_c log(1 + exp x_ci)        x_ci = (f_c − f_i)/τ,  σ(x) = 1/(1 + exp −x)
 *     ∂row_loss/∂f_c    = (w/(C' τ)) Σ_i σ(x_ci)
 *     ∂row_loss/∂f_i    = −(w/(C' τ)) Σ_c σ(x_ci)
 *     ∂row_loss/∂(1/τ)  = (w/C') [Σ_c f_c Σ_i σ(x_ci) − Σ_i f_i Σ_c σ(x_ci)] */
#include <math.h>
#include <string.h>

#include "common/size.h"
#include "kernels/softmax.h"

#define PIECE 128 /* candidates at once: a column of a tile                                                    */

static double pairs_of_piece(const struct atau_softmax *s, float inverse_tau, int64_t n, float *f, int64_t n_positives,
                             const float *positives, double *slopes)
{
    float  scale[PIECE], shift[PIECE], sigma[PIECE], all_sigma[PIECE] = {0.0f}, losses[PIECE] = {0.0f};
    double loss = 0.0;
    for (int64_t c = 0; c < n; c++)
        scale[c] = inverse_tau;
    for (int64_t i = 0; i < n_positives; i++) {
        /* A difference of large numbers is taken of the scores, where it is exact for equal ones. */
        const bool wide = fabsf(positives[i] * inverse_tau) >= ATAU_WIDE;
        for (int64_t c = 0; c < n; c++) {
            shift[c] = wide ? 0.0f : positives[i] * inverse_tau;
            sigma[c] = wide ? f[c] - positives[i] : f[c];
        }
        s->kernels->softplus_tile(1, n, sigma, n, scale, shift, losses);
        s->kernels->axpy(n, 1.0f, sigma, all_sigma);
        if (slopes)
            slopes[i] += (double)s->kernels->dot(n, sigma, scale);
    }
    memcpy(f, all_sigma, (size_t)n * sizeof(float));
    for (int64_t c = 0; c < n; c++)
        loss += (double)losses[c];
    return loss;
}

static double pairs(const struct atau_softmax *s, int64_t row, int64_t n, float *f, const float *positives, double *slopes)
{
    const float   inverse_tau = 1.0f / atau_row_tau(s, row);
    const int64_t n_positives = atau_row_positives(s, row);
    double        loss = 0.0;
    for (int64_t c = 0; c < n; c += PIECE)
        loss += pairs_of_piece(s, inverse_tau, atau_min_i64(PIECE, n - c), f + c, n_positives, positives, slopes);
    return loss;
}

static int64_t terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
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
    return counts ? n : 0;
}

const struct atau_loss atau_loss_bpr = {
    .kind = ADAPTAU_LOSS_BPR,
    .name = "BPR",
    .has_tau = true,
    .pairs = pairs,
    .terms = terms,
};
