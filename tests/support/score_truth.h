/* SPDX-License-Identifier: MIT */
/* Scores of a problem in double precision, for the definitions that its answers are held against. */
#ifndef TEST_SCORE_TRUTH_H
#define TEST_SCORE_TRUTH_H

#include "softmax_problem.h"

static inline double length(const double *row, int32_t dim)
{
    double squares = 0.0;
    for (int32_t k = 0; k < dim; k++)
        squares += row[k] * row[k];
    return sqrt(squares);
}

static inline double score(const struct problem *p, const double *user, const double *item)
{
    double dot = 0.0;
    for (int32_t k = 0; k < p->dim; k++)
        dot += user[k] * item[k];
    if (p->table_flags & ADAPTAU_NORMALISE_USERS)
        dot = length(user, p->dim) > 0.0 ? dot / length(user, p->dim) : 0.0;
    if (p->table_flags & ADAPTAU_NORMALISE_ITEMS)
        dot = length(item, p->dim) > 0.0 ? dot / length(item, p->dim) : 0.0;
    return dot;
}

static inline bool is_positive(const struct problem *p, int32_t row, int32_t item)
{
    for (int64_t i = p->positive_ptr[row]; i < p->positive_ptr[row + 1]; i++)
        if (p->positives[i] == item)
            return true;
    return false;
}

static inline double row_tau(const struct problem *p, int32_t row)
{
    return p->personal ? (double)p->tau_candidates[row] : (double)p->tau;
}

static inline double *to_double(const float *values, int64_t n)
{
    double *out = allocate((size_t)n, sizeof(double));
    for (int64_t i = 0; i < n; i++)
        out[i] = (double)values[i];
    return out;
}

static inline void check_near(double got, double want, double tolerance, const char *what, int64_t at)
{
    ck_assert_msg(fabs(got - want) <= tolerance * fmax(1.0, fabs(want)), "%s[%lld] = %.9g, not %.9g", what, (long long)at,
                  got, want);
}

/* ‖x − y‖/‖y‖ */
static inline double distance(const float *x, const float *y, int64_t n)
{
    double apart = 0.0, length = 0.0;
    for (int64_t i = 0; i < n; i++) {
        apart += pow((double)x[i] - (double)y[i], 2.0);
        length += pow((double)y[i], 2.0);
    }
    return sqrt(apart / length);
}

#endif
