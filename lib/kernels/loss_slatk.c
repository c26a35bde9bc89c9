/* SPDX-License-Identifier: MIT */
/* SL@K (Yang et al., KDD 2025, Eq. 3.5): a positive counts by how near it is to the top of the row's list.
 *
 *     row_loss = w Σ_i a_i ω_i (log Z_i − f_i/τ⁺)      ω_i = 2 σ((f_i − β)/τ_w),  σ(x) = 1/(1 + exp −x)
 *
 * β is the K-th highest score among the row's candidates and positives, exact over the catalogue, −∞ where they are fewer.
 * Weights are constants in the gradient; docs/numerics.md says why. Twice the authors': a positive in place K weighs as in the
 * softmax, and τ_w → ∞ is the softmax. */
#include <math.h>

#include "kernels/loss_weighted.h"

static struct atau_pull weigh(const struct atau_weighing *weighing, double f)
{
    const double x = (f - weighing->a) / weighing->b, e = exp(-fabs(x)), sigma = (x > 0.0 ? 1.0 : e) / (1.0 + e);
    return (struct atau_pull){2.0 * sigma, 2.0 * sigma};
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const struct atau_weighing weighing = {
        .a = (double)s->row_threshold[row], .b = s->loss_options.weight_tau, .weigh = weigh};
    (void)slopes;
    return atau_weighted_terms(s, row, sums, f, &weighing, coefficient, terms);
}

const struct atau_loss atau_loss_slatk = {
    .kind = ADAPTAU_LOSS_SLATK,
    .name = "SL@K",
    .has_tau = true,
    .whole = true,
    .top_k = 20,
    .weight_tau = 1.0,
    .positives = atau_sum_scores,
    .terms = terms,
};
