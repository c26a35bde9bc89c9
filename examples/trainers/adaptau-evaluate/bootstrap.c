/* SPDX-License-Identifier: MIT */
#include "adaptau-evaluate/bootstrap.h"

#include <math.h>
#include <stdlib.h>

#include "common/fail.h"

static uint64_t next_number(uint64_t *state)
{
    uint64_t z = *state += UINT64_C(0x9E3779B97F4A7C15);
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* The means of one draw. */
static void draw(const struct bootstrap *o, const double *values, uint64_t *state, double *means)
{
    for (int32_t v = 0; v < o->width; v++)
        means[v] = 0;
    for (int32_t i = 0; i < o->n; i++) {
        const uint64_t user = (next_number(state) >> 32) * (uint64_t)o->n >> 32;
        const double  *row = values + user * (size_t)o->width;
        for (int32_t v = 0; v < o->width; v++)
            means[v] += row[v];
    }
    for (int32_t v = 0; v < o->width; v++)
        means[v] /= o->n;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double quantile(const double *sorted, int32_t n, double q)
{
    const double  at = q * (n - 1);
    const int32_t below = (int32_t)floor(at), above = below + 1 < n ? below + 1 : below;
    return sorted[below] + (at - below) * (sorted[above] - sorted[below]);
}

/* Rounding must not make a mean unlike itself. */
static double find_p(const double *means, int32_t n, double mean)
{
    int32_t as_far = 0;
    for (int32_t b = 0; b < n; b++)
        as_far += fabs(means[b] - mean) >= fabs(mean) - 1e-12;
    return (1.0 + as_far) / (1.0 + n);
}

static void take_mean(const struct bootstrap *o, const double *values, double *means)
{
    for (int32_t v = 0; v < o->width; v++) {
        means[v] = 0;
        for (int32_t i = 0; i < o->n; i++)
            means[v] += values[(size_t)i * (size_t)o->width + (size_t)v];
        means[v] /= o->n;
    }
}

adaptau_status bootstrap(const struct bootstrap *o, const double *values, struct interval *intervals, double *p, adaptau_error *error)
{
    const size_t   width = (size_t)o->width, n = (size_t)o->n_resamples;
    uint64_t       state = (uint64_t)o->seed;
    double        *drawn = malloc((n * width + 1) * sizeof *drawn), *means = malloc(width * sizeof *means);
    double        *column = malloc((n + 1) * sizeof *column);
    adaptau_status status = drawn && means && column ? ADAPTAU_OK : fail_memory(error, "the resamples");
    for (size_t b = 0; b < n && !status; b++)
        draw(o, values, &state, drawn + b * width);
    if (!status)
        take_mean(o, values, means);
    for (size_t v = 0; v < width && !status; v++) {
        for (size_t b = 0; b < n; b++)
            column[b] = drawn[b * width + v];
        qsort(column, n, sizeof *column, compare);
        intervals[v].low = quantile(column, o->n_resamples, (1 - o->confidence) / 2);
        intervals[v].high = quantile(column, o->n_resamples, (1 + o->confidence) / 2);
        if (p)
            p[v] = find_p(column, o->n_resamples, means[v]);
    }
    free(column);
    free(means);
    free(drawn);
    return status;
}
