/* SPDX-License-Identifier: MIT */
/* What a loss is to the engine: a map of candidates' scores, and the coefficients of a row. For a row with positives P,
 * candidates C and n = |P| it is
 *
 *     row_loss = w_r Σ_{i∈P} a_i ℓ(f_i, {f_c}),    ∂row_loss/∂f_c = candidate_factor · v_c,    ∂row_loss/∂f_i = coefficient_i
 *
 * where a_i is the weight of a positive, mostly 1. Formulas of the losses write n for Σ a_i.
 *
 * The engine forms scores, turns those of candidates into v_c (a tile at once, in place) and adds up what the loss needs of
 * them; `terms` makes the row's loss, factor and coefficients of these sums; the engine multiplies v_c and coefficients by
 * embeddings. So the loss never sees an embedding, and its cost beside the products is one pass over a tile.
 *
 * A new loss is one file loss_*.c with its formulas, a line in loss.c, and its number in kernels.h. */
#ifndef ATAU_LOSS_H
#define ATAU_LOSS_H

#include <adaptau/kernels.h>
#include <adaptau/shards.h>

#include <stdbool.h>

struct atau_softmax;

/* What the row's gradients need. */
struct atau_row_terms {
    float candidate_factor; /* ∂loss/∂f_c = candidate_factor v_c                                              */
    float target_factor;    /* ∂loss/∂(ê_u·t)                                                                 */
};

/* Scores of candidates to v, in place, and sum[r] += Σ_j of their parts of the loss, over a tile: line j is a candidate, column
 * r a row of the batch with scale[r] = 1/τ_r (with candidates of its own a row is one line, and each of them a column). A score
 * of −inf is a masked candidate: v and its part of the loss are 0. NaN must reach the sum. */
typedef void (*atau_loss_map)(const struct atau_softmax *s, int64_t lines, int64_t columns, float *t, int64_t stride,
                              const float *scale, float *sum);

/* The same for a loss of pairs, which a row's n candidates form with each of its positives: f holds scores and then
 * v_c = Σ_i a_i v_ci. Adds Σ_c a_i v_ci/τ to slopes[i] (may be NULL) and returns Σ_i a_i Σ_c of the loss. */
typedef double (*atau_loss_pairs)(const struct atau_softmax *s, int64_t row, int64_t n, float *f, const float *positives,
                                  double *slopes);

/* What a loss of pairs must know of all candidates before v_c: adds Σ_c of it to sums[i] of each positive. The whole, 1 more where
 * the positive is no candidate of its row, is in s->pair_sums when pairs and terms are called. */
typedef void (*atau_loss_pair_sums)(const struct atau_softmax *s, int64_t row, int64_t n, const float *f,
                                    const float *positives, double *sums);

struct atau_loss {
    int32_t         kind; /* ADAPTAU_LOSS_*                                                                   */
    const char     *name;
    bool            has_tau;                      /* it depends on a temperature, which can be learned         */
    bool            whole; /* of the whole row: does not add up over ranges of items                          */
    double          margin, negative_weight, weight_tau, positive_scale; /* defaults; 0: the loss has none    */
    int32_t         top_k, n_activations; /* likewise                                                         */
    atau_loss_map   map;   /* either of these; neither: v_c = exp(logit_c − shift), with all that this takes  */
    atau_loss_pairs pairs;
    atau_loss_pair_sums pair_sums; /* of a loss of pairs, or NULL                                              */
    /* Σ of the positives' own part into positive_sum and positive_slope. f: scores of the row's positives, [n]. */
    void (*positives)(const struct atau_softmax *s, int64_t row, const float *f, adaptau_row_sums *sums);
    /* Loss of one row, which its sums over the whole catalogue give, into s->row_loss and the output arrays; the factor of its
     * candidates; and coefficient[i] = ∂loss/∂f of its i-th positive (beyond the positive's part as a candidate). Of ranges of
     * items f, coefficients and candidates are those of one. slopes: [n] of pairs. Returns the weight of the terms that counted. */
    double (*terms)(const struct atau_softmax *s, int64_t row, const adaptau_row_sums *sums, const double *slopes,
                     const float *f, float *coefficient, struct atau_row_terms *terms);
};

extern const struct atau_loss atau_loss_softmax, atau_loss_bpr, atau_loss_bce, atau_loss_mse, atau_loss_ccl, atau_loss_slatk,
    atau_loss_bsl, atau_loss_psl;

/* The softmax or one of its family (loss_weighted.h): candidates are exponentials. */
static inline bool atau_loss_is_softmax(const struct atau_loss *loss)
{
    return !loss->map && !loss->pairs;
}

/* Read and check a caller's loss, NULL for the softmax; members that are 0 become the loss's defaults. */
adaptau_status atau_read_loss(const adaptau_loss *given, adaptau_loss *out, const struct atau_loss **loss,
                              adaptau_error *error);

#endif
