/* SPDX-License-Identifier: MIT */
/* The softmax: from a row's sum over candidates to its losses and coefficients. In the notation of the header, with
 * shift = s and A = Σ_c exp(logit_c − s):
 *
 *     log Z_ri = s + log A                                   catalogue, or positives outside the sum
 *     log Z_ri = log(exp(s + log A) + exp(f_ri/τ))           shared and per row, positives inside
 *     row_loss = w Σ_i a_i (log Z_ri − ((1 − e) f_ri + e ê_u·t)/τ⁺)
 *     ∂row_loss/∂f_c  = (w/τ) Σ_i a_i exp(s − log Z_ri) · exp(logit_c − s)
 *     ∂row_loss/∂f_ri = (w a_i/τ) exp(f_ri/τ − log Z_ri) [inside]  − w a_i (1 − e)/τ⁺
 *     ∂row_loss/∂(ê_u·t) = −w n e/τ⁺                                           n = Σ_i a_i
 *     ∂row_loss/∂(1/τ) = w Σ_i a_i [Σ_c exp(logit_c − log Z_ri) f_c + exp(f_ri/τ − log Z_ri) f_ri [inside]]
 *                        − w Σ_i a_i ((1 − e) f_ri + e ê_u·t) [τ⁺ = τ] */
#include "kernels/softmax.h"

#include <math.h>

void atau_sum_scores(const struct atau_softmax *s, int64_t row, const float *f, adaptau_row_sums *sums)
{
    for (int64_t i = 0; i < atau_row_positives(s, row); i++)
        sums->positive_sum += atau_positive_weight(s, row, i) * (double)f[i];
}

/* With an own term: each positive has a normaliser of its own. Σ_i a_i log Z_i, and sums over i of what multiplies candidates and
 * of exp(f_i/τ − log Z_i) f_i. */
static double normalise_each(const struct atau_softmax *s, int64_t row, double log_sum, double shift, const float *f,
                             float *coefficient, double *factor, double *own_slope)
{
    const double tau = atau_row_tau(s, row), weight = atau_row_weight(s, row);
    const double aim = (1.0 - atau_row_target_share(s, row)) / atau_row_tau_positive(s, row);
    double       log_zs = 0.0;
    for (int64_t i = 0; i < atau_row_positives(s, row); i++) {
        double log_z = atau_log_add(log_sum, (double)f[i] / tau), own = exp((double)f[i] / tau - log_z);
        double own_weight = atau_positive_weight(s, row, i);
        log_zs += own_weight * log_z;
        *factor += isinf(log_sum) && log_sum < 0.0 ? 0.0 : own_weight * exp(shift - log_z);
        *own_slope += own_weight * own * (double)f[i];
        coefficient[i] = (float)(weight * own_weight * (own / tau - aim));
    }
    return log_zs;
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const double tau = atau_row_tau(s, row), tau_positive = atau_row_tau_positive(s, row), n = sums->n_positives;
    const double share_of_target = atau_row_target_share(s, row), share_of_positives = 1.0 - share_of_target;
    const double weight = atau_row_weight(s, row);
    const bool   own_term = !s->outside && s->batch.candidates != ADAPTAU_CANDIDATES_CATALOGUE;
    const double log_sum = sums->shift + log(sums->sum); /* −inf for an empty sum                             */
    const bool   empty = sums->sum == 0.0; /* not "not above 0": a NaN must show in the loss                   */
    const bool   counts = n > 0.0 && (own_term || !empty);
    const double aims = share_of_positives * sums->positive_sum + share_of_target * n * sums->target_score;
    double       log_zs = n * log_sum, factor = empty ? 0.0 : n / sums->sum, own_slope = 0.0;
    (void)slopes;

    for (int64_t i = 0; i < atau_row_positives(s, row); i++)
        coefficient[i] =
            counts ? (float)(-weight * share_of_positives / tau_positive * atau_positive_weight(s, row, i)) : 0.0f;
    if (own_term && counts) {
        factor = 0.0;
        log_zs = normalise_each(s, row, log_sum, sums->shift, f, coefficient, &factor, &own_slope);
    }
    terms->candidate_factor = (float)(weight * factor / tau);
    terms->target_factor = counts ? (float)(-weight * n * share_of_target / tau_positive) : 0.0f;
    atau_set_row(s, row, counts ? weight * (log_zs - aims / tau_positive) : 0.0,
                 counts ? weight * (factor * sums->slope + own_slope - (s->temperatures.positives ? 0.0 : aims)) : 0.0);
    atau_set_softmax_row(s, row, sums, log_sum);
    return counts ? atau_batch_row_positives(&s->batch, row) : 0.0;
}

void atau_set_softmax_row(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, double log_sum)
{
    const double n = sums->n_positives;
    if (s->output.row_log_sum)
        s->output.row_log_sum[row] = log_sum;
    if (s->output.row_unit_loss)
        s->output.row_unit_loss[row] =
            n > 0.0 && sums->unit_sum > 0.0
                ? (float)(sums->unit_shift + log(sums->unit_sum) - sums->positive_sum / n)
                : 0.0f;
}

const struct atau_loss atau_loss_softmax = {
    .kind = ADAPTAU_LOSS_SOFTMAX,
    .name = "the softmax",
    .has_tau = true,
    .positives = atau_sum_scores,
    .terms = terms,
};
