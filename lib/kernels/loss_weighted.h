/* SPDX-License-Identifier: MIT */
/* Losses of the softmax's family: the sum over candidates is the softmax's, and so are log q, soft targets and τ⁺; positives have
 * weights. In the notation of loss_softmax.c, with e the share of the soft target,
 *
 *     row_loss = w { (1 − e) [Σ_i a_i ω_i log Z_i − A] + e Σ_i a_i [log Z_i − ê_u·t/τ⁺] }
 *
 * where a loss defines the weights ω_i of the normalisers and A, the positives' part. What it must know of A is its value, its
 * derivatives a_i π_i by f_i/τ⁺, and its derivative Σ_i a_i π_i f_i by 1/τ⁺. Weights ω_i are constants in the gradient. The softmax has
 * ω_i = π_i = 1. */
#ifndef ATAU_LOSS_WEIGHTED_H
#define ATAU_LOSS_WEIGHTED_H

#include "kernels/softmax.h"

/* Of one positive. */
struct atau_pull {
    double normaliser; /* ω_i                                                                                  */
    double positive;   /* π_i                                                                                  */
};

/* What a loss needs to weigh the positives of one row. */
struct atau_weighing {
    double a, b, c; /* the loss's own numbers                                                                  */
    double aim;  /* A − Σ_i a_i π_i f_i/τ⁺, which is 0 where A is linear in the weights                             */
    struct atau_pull (*weigh)(const struct atau_weighing *weighing, double f);
};

/* The whole of a loss's `terms`. */
double atau_weighted_terms(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const float *f,
                            const struct atau_weighing *weighing, float *coefficient, struct atau_row_terms *terms);

#endif
