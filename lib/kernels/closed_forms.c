/* SPDX-License-Identifier: MIT */
/* The closed forms of the temperature. Plain double precision; every input has a defined result, and none raises more than an
 * IEEE flag. */
#include <adaptau/kernels.h>

#include <math.h>

/* 1/e as a sum of two doubles, so that x + 1/e is exact where it nearly cancels. */
#define INVERSE_E 0x1.78b56362cef38p-2
#define INVERSE_E_LOW (-0x1.ca8a4270fadf5p-57)
#define TWO_E 5.43656365691809

/* W₀ around its branch point −1/e in powers of p = sqrt(2 (e x + 1)): Corless et al., On the Lambert W function (1996), Eq.
 * 4.22 to 4.24. tests/reference/closed_forms.py derives the coefficients. The series converges for p < sqrt(2); up to
 * SERIES_LIMIT what is left out is below 1e-18. */
#define SERIES_LIMIT 0.3
static const double branch_series[] = {
    -1.0,
    1.0,
    -0.3333333333333333,
    0.1527777777777778,
    -0.07962962962962963,
    0.044502314814814814,
    -0.02598471487360376,
    0.01563563253233392,
    -0.009616892024299432,
    0.006014543252956118,
    -0.0038112980348919993,
    0.0024408779911439826,
    -0.0015769303446867841,
    0.0010262633205076071,
    -0.0006720616311561362,
    0.0004424730618146209,
    -0.00029267722472962746,
    0.00019438727605453933,
    -0.00012957426685274883,
    8.665035805208128e-05,
    -5.811360750441382e-05,
    3.907668486743905e-05,
    -2.63380647472311e-05,
    1.7790345805079586e-05,
    -1.2040352739559977e-05,
};

static double sum_branch_series(double p)
{
    double sum = 0.0;
    for (int k = (int)(sizeof branch_series / sizeof branch_series[0]) - 1; k >= 0; k--)
        sum = sum * p + branch_series[k];
    return sum;
}

/* Within 2 %: Winitzki, Uniform approximations for transcendental functions (2003). p as for the series. */
static double guess_w0(double x, double p)
{
    if (x < 0.0) /* the constants are e, 1/(e − 1) − 1/sqrt(2) */
        return 2.718281828459045 * x / (1.0 + 1.0 / (1.0 / p - 0.125130074317221));
    double l = log1p(x);
    return l * (1.0 - log1p(l) / (2.0 + l));
}

/* One step of Fritsch, Shafer and Crowley, Algorithm 443 (1973): the error is raised to the fourth power. Its residual is
 * log(x/w) − w; we add what the division rounds off, because near w = −1 the step magnifies it by 1/(1 + w). */
static double improve_w0(double x, double w)
{
    double ratio = x / w;
    double z = log(ratio) + fma(-ratio, w, x) / x - w;
    double q = 2.0 * (1.0 + w) * (1.0 + w + 2.0 / 3.0 * z);
    return w + w * (z / (1.0 + w) * (q - z) / (q - 2.0 * z));
}

double adaptau_lambert_w0(double x)
{
    double above = x + INVERSE_E + INVERSE_E_LOW;
    if (above <= 0.0)
        return -1.0;
    if (isnan(x) || isinf(x) || fabs(x) < 0x1p-54) /* W(x) = x − x² + … */
        return x;
    double p = sqrt(TWO_E * above);
    if (p < SERIES_LIMIT)
        return sum_branch_series(p);
    return improve_w0(x, improve_w0(x, guess_w0(x, p)));
}

double adaptau_log_ratio(int64_t n_users, int64_t n_items, int64_t n_interactions)
{
    if (n_users <= 0 || n_items <= 0 || n_interactions <= 0)
        return (double)NAN;
    return log((double)n_users * (double)n_items / (2.0 * (double)n_interactions));
}

static double positive_or_nan(double value)
{
    return value > 0.0 && isfinite(value) ? value : (double)NAN;
}

double adaptau_tau0_eq14(double mean_positive, double mean_all, double log_ratio)
{
    return positive_or_nan((mean_positive - mean_all) / log_ratio);
}

/* Where Δμ < 0 the sum of the numerator cancels; its product with the conjugate does not. */
double adaptau_tau0_eq34(double mean_positive, double mean_all, double variance_positive, double variance_all,
                         double log_ratio, int32_t *clamped)
{
    double delta = mean_positive - mean_all;
    double spread = 2.0 * (variance_positive - variance_all) * log_ratio;
    double radicand = delta * delta + spread;
    double root = sqrt(radicand < 0.0 ? 0.0 : radicand);
    double numerator = delta < 0.0 && spread > 0.0 ? spread / (root - delta) : delta + root;
    if (clamped)
        *clamped = radicand < 0.0;
    return positive_or_nan(numerator / (2.0 * log_ratio));
}

double adaptau_tau_user_eq16(double tau0, double user_loss, double threshold, double divisor)
{
    return tau0 * exp(adaptau_lambert_w0((user_loss - threshold) / divisor));
}

double adaptau_tau_user_eq15(double tau0, double user_loss, double threshold, double divisor)
{
    return tau0 * exp(adaptau_lambert_w0((user_loss - threshold) / (divisor * tau0)));
}
