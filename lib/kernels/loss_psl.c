/* SPDX-License-Identifier: MIT */
/* Pairwise softmax loss (Yang et al., NeurIPS 2024, Eq. 4.1): the softmax with another function than exp(x) of what separates a
 * candidate from a positive, so that a candidate far above it, which may be a false negative, pulls less.
 *
 *     row_loss = w Σ_i v_i log Z_i      Z_i = [1 +] Σ_c a(x_ci)^(2/τ),   x_ci = (f_c − f_i)/2
 *     ∂row_loss/∂f_c   =  w Σ_i v_i g'_ci/Z_i         g' = (1/τ) a^(2/τ − 1) a'
 *     ∂row_loss/∂f_i   = −w v_i Σ_c g'_ci/Z_i
 *     ∂row_loss/∂(1/τ) =  2 w Σ_i v_i Σ_c a^(2/τ) log a/Z_i
 *
 * with v_i the weight of a positive, and a(x) = max(0, 1 + x), 1 + tanh x or max(0, 1 + atan x). [1 +] is the positive itself, where it is
 * no candidate: over the catalogue with the positives inside the sum it is one. With cosines x is in [−1, 1], as the paper has it, and
 * a^(2/τ) touches the softmax's exp((f_c − f_i)/τ) where they are equal. Double throughout: 2^(2/τ) is no float32 for τ below .0157. */
#include <math.h>

#include "kernels/softmax.h"

/* a and a'. A masked candidate has the score −inf. */
static double activate(int32_t activation, double x, double *slope)
{
    double a;
    switch (activation) {
    case ADAPTAU_ACTIVATION_TANH:
        a = 1.0 + tanh(x);
        *slope = a * (2.0 - a);
        return a;
    case ADAPTAU_ACTIVATION_ATAN:
        a = 1.0 + atan(x);
        *slope = 1.0 / (1.0 + x * x);
        return a;
    default: *slope = 1.0; return 1.0 + x;
    }
}

static void pair_sums(const struct atau_softmax *s, int64_t row, int64_t n, const float *f, const float *positives, double *sums)
{
    const double power = 2.0 / (double)atau_row_tau(s, row);
    for (int64_t i = 0; i < atau_row_positives(s, row); i++) {
        double sum = 0.0;
        for (int64_t c = 0; c < n; c++) {
            double slope, a = activate(s->loss_options.activation, 0.5 * ((double)f[c] - (double)positives[i]), &slope);
            sum += a <= 0.0 ? 0.0 : exp(power * log(a)); /* a NaN is not below                                 */
        }
        sums[i] += sum;
    }
}

/* f becomes Σ_i v_i a^(2/τ) a'/(a Z_i); returns Σ_i v_i Σ_c a^(2/τ) log a/Z_i. */
static double pairs(const struct atau_softmax *s, int64_t row, int64_t n, float *f, const float *positives, double *slopes)
{
    const double *z = s->pair_sums + s->batch.positive_ptr[row], power = 2.0 / (double)atau_row_tau(s, row);
    double        total = 0.0;
    for (int64_t c = 0; c < n; c++) {
        const double score = (double)f[c];
        double       v = 0.0;
        for (int64_t i = 0; i < atau_row_positives(s, row); i++) {
            double slope, a = activate(s->loss_options.activation, 0.5 * (score - (double)positives[i]), &slope);
            if (a <= 0.0)
                continue;
            const double log_a = log(a), share = atau_positive_weight(s, row, i) * exp(power * log_a) / z[i], pull = share * slope / a;
            v += pull;
            total += share * log_a;
            if (slopes)
                slopes[i] += 0.5 * power * pull;
        }
        f[c] = (float)v;
    }
    return total;
}

static double terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms)
{
    const int64_t n = atau_row_positives(s, row);
    const double *z = s->pair_sums + s->batch.positive_ptr[row], weight = atau_row_weight(s, row);
    double        loss = 0.0;
    (void)f;
    for (int64_t i = 0; i < n; i++) {
        loss += atau_positive_weight(s, row, i) * log(z[i]);
        coefficient[i] = (float)(-weight * slopes[i]);
    }
    terms->candidate_factor = (float)(weight / (double)atau_row_tau(s, row));
    terms->target_factor = 0.0f;
    atau_set_row(s, row, weight * loss, 2.0 * weight * sums->sum);
    return atau_batch_row_positives(&s->batch, row);
}

const struct atau_loss atau_loss_psl = {
    .kind = ADAPTAU_LOSS_PSL,
    .name = "PSL",
    .has_tau = true,
    .n_activations = 3,
    .pair_sums = pair_sums,
    .pairs = pairs,
    .terms = terms,
};
