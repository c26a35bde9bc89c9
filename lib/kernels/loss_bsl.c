/* SPDX-License-Identifier: MIT */
/* Bilateral softmax (Wu et al., ICDE 2024): a soft maximum of the row's positives takes the place of their mean, as one of the
 * candidates stands against it.
 *
 *     row_loss = w n [ λ log Z − ρ log (1/n) Σ_i a_i exp(f_i/(ρ τ⁺)) ]         n = Σ_i a_i
 *
 * With Z_i in the place of Z, and the mean of their logarithms, where the positives are inside the sum. ∂/∂(f_i/τ⁺) of the second
 * term is n times the softmax over the row's positives. ρ → ∞ with λ = 1 is the softmax. */
#include <math.h>

#include "kernels/loss_weighted.h"

/* a: log of what the exponentials of the positives are divided by, so that their mean is 1; b: ρ τ⁺. */
static struct atau_pull weigh(const struct atau_weighing *weighing, double f)
{
    return (struct atau_pull){weighing->c, exp(f / weighing->b - weighing->a)};
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const int64_t        n = atau_row_positives(s, row);
    const double         all = sums->n_positives;
    const double         scale = s->loss_options.positive_scale, tau_positive = atau_row_tau_positive(s, row);
    struct atau_weighing weighing = {.b = scale * tau_positive, .c = s->loss_options.negative_weight, .weigh = weigh};
    double               highest = -INFINITY, sum = 0.0, linear = 0.0;
    (void)slopes;
    for (int64_t i = 0; i < n; i++)
        highest = (double)f[i] > highest ? (double)f[i] : highest;
    for (int64_t i = 0; i < n; i++)
        sum += atau_positive_weight(s, row, i) * expm1(((double)f[i] - highest) / weighing.b); /* a large ρ multiplies what is left of 1 */
    weighing.a = highest / weighing.b + log1p(sum / all);
    for (int64_t i = 0; i < n; i++)
        linear += atau_positive_weight(s, row, i) * weigh(&weighing, (double)f[i]).positive * (double)f[i];
    weighing.aim = n > 0 ? all * scale * weighing.a - linear / tau_positive : 0.0;
    return atau_weighted_terms(s, row, sums, f, &weighing, coefficient, terms);
}

const struct atau_loss atau_loss_bsl = {
    .kind = ADAPTAU_LOSS_BSL,
    .name = "BSL",
    .has_tau = true,
    .whole = true,
    .negative_weight = 1.0,
    .positive_scale = 1.0,
    .positives = atau_sum_scores,
    .terms = terms,
};
