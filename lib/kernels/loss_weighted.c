/* SPDX-License-Identifier: MIT */
/* With Ω_i = a_i ((1 − e) ω_i + e), and the rest as in loss_softmax.c:
 *
 *     ∂row_loss/∂f_c  = (w/τ) Σ_i Ω_i exp(s − log Z_i) · exp(logit_c − s)
 *     ∂row_loss/∂f_i  = (w/τ) Ω_i exp(f_i/τ − log Z_i) [inside]  − w (1 − e) a_i π_i/τ⁺
 *     ∂row_loss/∂(ê_u·t) = −w n e/τ⁺
 *     ∂row_loss/∂(1/τ) = w Σ_i Ω_i [Σ_c exp(logit_c − log Z_i) f_c + exp(f_i/τ − log Z_i) f_i [inside]]
 *                        − w Σ_i a_i ((1 − e) π_i f_i + e ê_u·t) [τ⁺ = τ] */
#include "kernels/loss_weighted.h"

#include <math.h>

/* What the sum over candidates is to one positive. */
struct normaliser {
    double log_z;
    double share; /* exp(s − log Z_i)                                                                          */
    double own;   /* exp(f_i/τ − log Z_i), 0 where the positive has no term of its own in the sum              */
};

static struct normaliser normalise(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, double log_sum,
                                   double f)
{
    const double own_logit = f / atau_row_tau(s, row);
    if (s->outside || s->batch.candidates == ADAPTAU_CANDIDATES_CATALOGUE)
        return (struct normaliser){log_sum, 1.0 / sums->sum, 0.0};
    const double log_z = atau_log_add(log_sum, own_logit);
    const bool   empty = isinf(log_sum) && log_sum < 0.0;
    return (struct normaliser){log_z, empty ? 0.0 : exp(sums->shift - log_z), exp(own_logit - log_z)};
}

double atau_weighted_terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const float *f,
                            const struct atau_weighing *weighing, float *coefficient, struct atau_row_terms *terms)
{
    const int64_t n = atau_row_positives(s, row);
    const double  tau = atau_row_tau(s, row), tau_positive = atau_row_tau_positive(s, row), weight = atau_row_weight(s, row);
    const double  share = atau_row_target_share(s, row), log_sum = sums->shift + log(sums->sum);
    const bool    own_term = !s->outside && s->batch.candidates != ADAPTAU_CANDIDATES_CATALOGUE;
    const bool    counts = n > 0 && (own_term || sums->sum != 0.0); /* not "> 0": a NaN must show in the loss   */
    double        log_zs = 0.0, factor = 0.0, own_slope = 0.0, aims = share * sums->n_positives * sums->target_score;

    for (int64_t i = 0; i < n; i++) {
        coefficient[i] = 0.0f;
        if (!counts)
            continue;
        const double            score = (double)f[i];
        const struct atau_pull  pull = weighing->weigh(weighing, score);
        const struct normaliser z = normalise(s, row, sums, log_sum, score);
        const double            own_weight = atau_positive_weight(s, row, i);
        const double            all = own_weight * ((1.0 - share) * pull.normaliser + share);
        const double            positive = own_weight * (1.0 - share) * pull.positive;
        log_zs += all * z.log_z;
        factor += all * z.share;
        own_slope += all * z.own * score;
        aims += positive * score;
        coefficient[i] = (float)(weight * (all * z.own / tau - positive / tau_positive));
    }
    terms->candidate_factor = (float)(weight * factor / tau);
    terms->target_factor = counts ? (float)(-weight * sums->n_positives * share / tau_positive) : 0.0f;
    atau_set_row(s, row, counts ? weight * (log_zs - aims / tau_positive - (1.0 - share) * weighing->aim) : 0.0,
                 counts ? weight * (factor * sums->slope + own_slope - (s->temperatures.positives ? 0.0 : aims)) : 0.0);
    atau_set_softmax_row(s, row, sums, log_sum);
    return counts ? atau_batch_row_positives(&s->batch, row) : 0.0;
}
