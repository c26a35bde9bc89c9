/* SPDX-License-Identifier: MIT */
/* The softmax: from a row's sum over candidates to its losses and coefficients. In the notation of the header, with
 * shift = s and A = Σ_c exp(logit_c − s):
 *
 *     log Z_ri = s + log A                                   catalogue, or positives outside the sum
 *     log Z_ri = log(exp(s + log A) + exp(f_ri/τ))           shared and per row, positives inside
 *     row_loss = w Σ_i (log Z_ri − ((1 − e) f_ri + e ê_u·t)/τ⁺)
 *     ∂row_loss/∂f_c  = (w/τ) Σ_i exp(s − log Z_ri) · exp(logit_c − s)
 *     ∂row_loss/∂f_ri = (w/τ) exp(f_ri/τ − log Z_ri) [inside]  − w (1 − e)/τ⁺
 *     ∂row_loss/∂(ê_u·t) = −w n e/τ⁺
 *     ∂row_loss/∂(1/τ) = w Σ_i [Σ_c exp(logit_c − log Z_ri) f_c + exp(f_ri/τ − log Z_ri) f_ri [inside]]
 *                        − w Σ_i ((1 − e) f_ri + e ê_u·t) [τ⁺ = τ] */
#include "kernels/softmax.h"

#include <math.h>

/* log(exp(a) + exp(b)); either may be −inf. */
static double log_add(double a, double b)
{
    double high = a > b ? a : b, low = a > b ? b : a;
    return isinf(low) ? high : high + log1p(exp(low - high));
}

static int64_t terms(const struct atau_softmax *s, int64_t row, const struct atau_row_sums *sums, const float *f,
                     float *coefficient, struct atau_row_terms *terms)
{
    const int64_t n = atau_row_positives(s, row);
    const double  tau = atau_row_tau(s, row), tau_positive = atau_row_tau_positive(s, row);
    const double  share_of_target = atau_row_target_share(s, row), share_of_positives = 1.0 - share_of_target;
    const double  weight = atau_row_weight(s, row);
    const bool    own_term = !s->outside && s->batch.candidates != ADAPTAU_CANDIDATES_CATALOGUE;
    const double  log_sum = sums->shift + log(sums->sum); /* −inf for an empty sum                            */
    const bool    empty = sums->sum == 0.0; /* not "not above 0": a NaN must show in the loss                  */
    const bool    counts = n > 0 && (own_term || !empty);
    double        loss = 0.0, factor = 0.0, d_inverse_tau = 0.0, score_sum = 0.0;

    double        log_z = log_sum, own = 0.0, share = empty ? 0.0 : 1.0 / sums->sum;

    for (int64_t i = 0; i < n; i++) {
        if (own_term) {
            log_z = log_add(log_sum, f[i] / tau);
            own = exp(f[i] / tau - log_z);
            share = empty ? 0.0 : exp(sums->shift - log_z);
        }
        score_sum += f[i];
        coefficient[i] = counts ? (float)(weight * (own / tau - share_of_positives / tau_positive)) : 0.0f;
        if (!counts)
            continue;
        double aim = share_of_positives * f[i] + share_of_target * sums->target_score;
        loss += log_z - aim / tau_positive;
        factor += share;
        d_inverse_tau += share * sums->user_dot_sum + own * f[i] - (s->temperatures.positives ? 0.0 : aim);
    }
    terms->candidate_factor = (float)(weight * factor / tau);
    terms->target_factor = counts ? (float)(-weight * (double)n * share_of_target / tau_positive) : 0.0f;
    atau_set_row(s, row, weight * loss, weight * d_inverse_tau);
    if (s->output.row_log_sum)
        s->output.row_log_sum[row] = log_sum;
    if (s->output.row_unit_loss)
        s->output.row_unit_loss[row] =
            n > 0 && sums->unit_sum > 0.0
                ? (float)(sums->unit_shift + log(sums->unit_sum) - score_sum / (double)n)
                : 0.0f;
    return counts ? n : 0;
}

const struct atau_loss atau_loss_softmax = {
    .kind = ADAPTAU_LOSS_SOFTMAX,
    .name = "the softmax",
    .has_tau = true,
    .terms = terms,
};
