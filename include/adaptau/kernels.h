/* SPDX-License-Identifier: MIT */
/** @file kernels.h
 *  Stateless arithmetic on the host's own arrays: the softmax over items with its gradients, row normalisation, the closed
 *  forms of the temperature, and top-K. A host with its own encoder needs nothing else.
 *
 *  Notation: e_u, e_i raw embeddings; ê = e/‖e‖ where that side is normalised, else ê = e; f_ui = ê_u·ê_i; P_r the positives of
 *  row r. Equation numbers are those of the Adap-τ paper (WWW 2023). Matrices are row-major float32; a stride counts
 *  floats from one row to the next. Every function here may be called from any number of threads at once on different outputs,
 *  and its results are bitwise equal for any number of threads. */
#ifndef ADAPTAU_KERNELS_H
#define ADAPTAU_KERNELS_H

#include <adaptau/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tables: the two sides of a score ----------------------------------------------------------------------------- */

#define ADAPTAU_NORMALISE_USERS (UINT32_C(1) << 0) /**< f uses e_u/‖e_u‖ ("Y-N" when alone)                   */
#define ADAPTAU_NORMALISE_ITEMS (UINT32_C(1) << 1) /**< f uses e_i/‖e_i‖ ("N-Y" when alone)                   */
#define ADAPTAU_NORMALISE_BOTH (ADAPTAU_NORMALISE_USERS | ADAPTAU_NORMALISE_ITEMS) /**< f is the cosine       */
/** The caller promises ‖e‖ = 1 for every row of each normalised side: no norm is computed, gradients are projected on the
 *  tangent. */
#define ADAPTAU_UNIT_ROWS (UINT32_C(1) << 2)
/** adaptau_softmax over the catalogue or shared candidates may round the operands of its matrix products to bfloat16; sums stay
 *  float32. Where adaptau_context_uses_bfloat16, that is where it is faster; elsewhere nothing changes.
 *  Ranking takes no notice, nor do the moments of a temperature; losses at temperature 1 come from the rounded scores. */
#define ADAPTAU_BFLOAT16 (UINT32_C(1) << 3)

#define ADAPTAU_MAX_DIM 65536 /**< the largest d                                                                */

/** User and item embeddings, read only. Since 1.0. */
typedef struct adaptau_tables {
    uint32_t     struct_size; /**< sizeof(adaptau_tables)                                                    */
    uint32_t     flags;       /**< ADAPTAU_NORMALISE_*, ADAPTAU_UNIT_ROWS, ADAPTAU_BFLOAT16                  */
    int32_t      n_users;     /**< rows of users                                                             */
    int32_t      n_items;     /**< rows of items, m                                                          */
    int32_t      dim;         /**< d in [1, ADAPTAU_MAX_DIM]                                                 */
    int32_t      reserved;    /**< 0                                                                         */
    const float *users;       /**< [n_users x dim]                                                           */
    int64_t      user_stride; /**< >= dim; 0 means dim                                                       */
    const float *items;       /**< [n_items x dim]                                                           */
    int64_t      item_stride; /**< >= dim; 0 means dim                                                       */
    const float *item_bias;   /**< [n_items] added to f where items are ranked (evaluator, top-K), or NULL. Losses and
                                   temperatures do not see it                                                */
} adaptau_tables;

/* ---- the batch: who learns from what ------------------------------------------------------------------------------ */

#define ADAPTAU_CANDIDATES_CATALOGUE 0 /**< every item: the exact softmax                                     */
#define ADAPTAU_CANDIDATES_SHARED 1    /**< the same C items for every row                                    */
#define ADAPTAU_CANDIDATES_PER_ROW 2   /**< C items of its own for every row                                  */

/** The row's positives are outside the row's sum: where they are candidates they are left out. Without this flag they are inside it:
 *  the sum has every candidate as it stands and, with shared and per-row candidates, the term's own positive as well. */
#define ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM (UINT32_C(1) << 0)

/** Rows to learn from, and what each row is contrasted with. All arrays belong to the caller.
 *
 *  A positive of weight a_ri is a_ri equal positives, in the loss, its gradients and the sums below: A_r = Σ_{i∈P_r} a_ri, n_r
 *  without weights. Since 1.0. */
typedef struct adaptau_batch {
    uint32_t       struct_size;   /**< sizeof(adaptau_batch)                                                 */
    uint32_t       flags;         /**< ADAPTAU_BATCH_*                                                       */
    int32_t        n_rows;        /**< R                                                                     */
    int32_t        candidates;    /**< ADAPTAU_CANDIDATES_*                                                  */
    const int32_t *users;         /**< [R] row of the user table; NULL: row r is user r                      */
    const int64_t *positive_ptr;  /**< [R + 1]: row r holds positives [positive_ptr[r], [r + 1])             */
    const int32_t *positives;     /**< [positive_ptr[R]] item ids; ascending within a row                    */
    int64_t        n_candidates;  /**< C; 0 for the catalogue                                                */
    const int32_t *candidate_ids; /**< [C] shared, [R x C] per row, NULL for the catalogue; repeats count    */
    const float   *log_q;         /**< [C] shared, [R x C] per row, [m] catalogue: subtracted from the logits; or NULL */
    const float   *row_weights;   /**< [R] weight w_r >= 0 of each of the row's terms; NULL: 1               */
    const float   *positive_weights; /**< [positive_ptr[R]] weight a_ri of each positive, in [1e-30, 1e30]; NULL: 1 */

    /* Logged negatives: items that were shown to the row's user, who did not take them. An item of weight b_rj stands in the row's
     * sum 1 + b_rj times instead of once: with weight 1 it is there twice. They need the catalogue as candidates and a loss with a
     * sum of exponentials, that is the softmax, SL@K or BSL; all else is E_ARGUMENT. An item may be a positive and a negative of the
     * same row: it then counts in both places, unless positives are outside the sum, which leaves it out like every positive. */
    const int64_t *negative_ptr;     /**< [R + 1]: row r has negatives [negative_ptr[r], [r + 1]); NULL: no row has one */
    const int32_t *negatives;        /**< [negative_ptr[R]] item ids; ascending within a row                 */
    const float   *negative_weights; /**< [negative_ptr[R]] weight b_rj of each, in [0, 1e30]; NULL: 1       */

    /* Soft targets. target_shares and user_targets are given together or not at all. Row r aims at its positives with the share
     * 1 − e_r, and with the share e_r at a mixture of items q_rj, whose directions the caller has summed up. */
    const float *target_shares;     /**< [R] e_r in [0, 1], or NULL: 0                                       */
    const float *user_targets;      /**< [R x d] t_r = Σ_j q_rj ê_j                                          */
    const float *item_targets;      /**< [m x d] what the mixtures ask of the items, Σ_u (A_u w_u e_u/τ⁺_u) q_uj ê_u, or NULL */
    float        item_target_scale; /**< this batch's part of item_targets                                   */
    int32_t      reserved;          /**< 0                                                                   */
} adaptau_batch;

/** Temperatures of a batch's rows. Since 1.0. */
typedef struct adaptau_row_temperatures {
    uint32_t     struct_size; /**< sizeof(adaptau_row_temperatures)                                          */
    float        tau;         /**< τ > 0 of every row, where `candidates` is NULL and there are rows; else not read */
    const float *candidates;  /**< [R] τ of the sum, or NULL                                                 */
    const float *positives;   /**< [R] τ⁺ of the positives, or NULL: the same as the sum's. Only the authors' program has another */
} adaptau_row_temperatures;

/** What adaptau_softmax and adaptau_loss_gradients compute; a NULL array is not computed. All arrays belong to the caller. Since 1.0. */
typedef struct adaptau_loss_output {
    uint32_t struct_size;          /**< sizeof(adaptau_loss_output), set by the caller                    */
    int32_t  n_zero_rows;          /**< out: rows of length 0 on a normalised side, which have score 0 and gradient 0: rows of
                                        the batch whose user is one, and distinct items that are one among candidates
                                        (the catalogue: all) and positives. 0 with ADAPTAU_UNIT_ROWS         */
    double   loss;                 /**< out: Σ_r row_loss[r]                                                 */
    double   n_terms;              /**< out: Σ a_ri of the positives that had a term; without weights how many they are */
    double  *row_loss;             /**< [R] the row's part of the loss                                       */
    double  *row_log_sum;          /**< [R] log Σ_c (1 + b_rc) exp(f_rc/τ_r − log q_c) over the candidates alone */
    float   *row_unit_loss;        /**< [R] log Σ_c (1 + b_rc) exp(f_rc − log q_c) − Σ_{i∈P_r} a_ri f_ri/A_r, the loss at temperature
                                        1 (what Eq. 16 compares users by); 0 for a row without positives     */
    float   *row_d_inverse_tau;    /**< [R] ∂row_loss/∂(1/τ_r) of the sum's temperature; the positive's part is in it
                                        when temperatures.positives is NULL                                  */
    float   *user_gradients;       /**< [R x d] ∂loss/∂e of each row's user, raw embedding: one for each row of the batch, so that
                                        a user with several rows has several, which add up                   */
    int64_t  user_gradient_stride; /**< >= d; 0 means d                                                      */
    float   *item_gradients;       /**< [m x d] ∂loss/∂e_i. Rows that the batch does not touch are not written; the
                                        catalogue touches all                                                */
    int64_t  item_gradient_stride; /**< >= d; 0 means d                                                      */
    int32_t *touched_items;        /**< [m] out: ids of the written rows of item_gradients, ascending; of the catalogue all,
                                        0 … m − 1. adaptau_adam takes both with ADAPTAU_ADAM_GRADIENTS_BY_ID */
    int64_t  n_touched_items;      /**< out: how many: m for the catalogue; for others 0 where item_gradients is NULL */
    float   *row_terms;            /**< [R] A_r, what the positives of the row weigh together (Σ a_ri; n_r without weights), with every
                                        loss. The mean in row_unit_loss is over them, so that they are the `weights` of
                                        adaptau_temperature_add_losses. Over shards of items: those of all shards */
} adaptau_loss_output;

/** Loss and gradients of the temperature softmax (Eq. 1, exact or sampled).
 *
 *      loss = Σ_r w_r Σ_{i∈P_r} a_ri [ −((1 − e_r) f_ri + e_r ê_u·t_r)/τ⁺_r + log Z_ri ]        e_r = 0 without soft targets
 *      Z_ri = Σ_{c∈C_r} (1 + b_rc) exp(f_rc/τ_r − log q_c)      catalogue, or positives outside the sum; b_rc = 0 unless c is a
 *                                                              logged negative of row r
 *      Z_ri = exp(f_ri/τ_r) + Σ_{c∈C_r} exp(f_rc/τ_r − log q_c)    shared and per row, positives inside
 *      ∂f/∂e = (ê_other − f ê)/‖e‖ on a normalised side, ê_other on a raw one
 *
 *  item_gradients of touched items also get −item_target_scale · item_targets.
 *  A row without positives adds nothing to the loss, and neither does a row whose sum is empty; its log sum is computed. With both sides
 *  normalised the logits are bounded and no row maximum is needed unless a τ is below 0.03 or log q is wide; otherwise a
 *  running maximum keeps every result finite.
 *  Memory beyond the outputs: for the catalogue at most 32 MiB, 24 bytes for each positive and 16 for each logged negative of a
 *  block of up to 128 rows and 16 for each row (and a normalised copy of the item table unless its rows are raw or unit); for
 *  shared candidates 8(R + C)d bytes more; 4(R C + R d) and the sorting of R C keys for per-row ones.
 *  @return E_ARGUMENT (also for a temperature of 0 or below), E_ABI, E_SHAPE; E_INDEX (first bad id); E_NUMERIC names the first
 *          row or temperature that is not finite; E_MEMORY: outputs are untouched then. E_NUMERIC also for a loss or gradient
 *          that is not finite (an overflow, or a broken promise of unit rows) and E_CALLBACK: the output arrays hold nothing
 *          useful then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_softmax(adaptau_context *context, const adaptau_tables *tables, const adaptau_batch *batch,
                                           const adaptau_row_temperatures *temperatures, adaptau_loss_output *output,
                                           adaptau_error *error);

/* ---- other losses of the same scores ------------------------------------------------------------------------------- */

#define ADAPTAU_LOSS_SOFTMAX 0 /**< adaptau_softmax                                                           */
#define ADAPTAU_LOSS_BPR 1     /**< Bayesian personalised ranking (Rendle et al., UAI 2009, at τ = 1)         */
#define ADAPTAU_LOSS_BCE 2     /**< binary cross-entropy                                                      */
#define ADAPTAU_LOSS_MSE 3     /**< squared error                                                             */
#define ADAPTAU_LOSS_CCL 4     /**< cosine contrastive loss (SimpleX, Mao et al., CIKM 2021)                  */
#define ADAPTAU_LOSS_SLATK 5   /**< SL\@K: a softmax whose positives weigh by the score of the K-th item (Yang et al., KDD 2025) */
#define ADAPTAU_LOSS_BSL 6     /**< bilateral softmax (Wu et al., ICDE 2024)                                  */
#define ADAPTAU_LOSS_PSL 7     /**< pairwise softmax loss (Yang et al., NeurIPS 2024)                         */

#define ADAPTAU_ACTIVATION_RELU 0 /**< a(x) = max(0, 1 + x)                                                   */
#define ADAPTAU_ACTIVATION_TANH 1 /**< 1 + tanh x                                                             */
#define ADAPTAU_ACTIVATION_ATAN 2 /**< max(0, 1 + atan x)                                                     */

#define ADAPTAU_LOSS_MOST_K 1024 /**< the largest top_k                                                       */

/** A loss and its numbers. Since 1.0. */
typedef struct adaptau_loss {
    uint32_t struct_size;     /**< sizeof(adaptau_loss)                                                      */
    int32_t  kind;            /**< ADAPTAU_LOSS_*                                                            */
    double   margin;          /**< θ >= 0 of CCL; 0.5. 0 for other losses                                    */
    double   negative_weight; /**< λ > 0 of BCE, MSE, CCL and BSL; 1. 0 for other losses                     */
    int32_t  top_k;           /**< K of SL\@K in [1, ADAPTAU_LOSS_MOST_K]; 20. 0 for other losses            */
    int32_t  activation;      /**< of PSL: ADAPTAU_ACTIVATION_*; RELU. 0 for other losses                    */
    double   weight_tau;      /**< τ_w > 0 of SL\@K; 1. 0 for other losses                                   */
    double   positive_scale;  /**< ρ > 0 of BSL; 1. 0 for other losses                                       */
} adaptau_loss;

/** Write the defaults of a loss. Thread-safety: any thread.
 *  @param[in,out] loss  struct_size set by the caller
 *  @param[in]     kind  ADAPTAU_LOSS_*, which is written, too
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_loss_init(adaptau_loss *loss, int32_t kind, adaptau_error *error);

/** adaptau_softmax with another loss. C_r are the row's candidates, all of them (repeats count) or with
 *  ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM those that are none of the row's positives; C' is how many they are; a positive is no
 *  candidate of its own beyond that.
 *
 *      loss = Σ_r w_r Σ_{i∈P_r} a_ri ℓ_ri
 *      BPR   ℓ_ri = (1/C') Σ_{c∈C_r} log(1 + exp((f_rc − f_ri)/τ_r))
 *      BCE   ℓ_ri = log(1 + exp(−f_ri/τ_r)) + (λ/C') Σ_{c∈C_r} log(1 + exp(f_rc/τ_r))
 *      MSE   ℓ_ri = (1 − f_ri)² + (λ/C') Σ_{c∈C_r} f_rc²
 *      CCL   ℓ_ri = (1 − f_ri) + (λ/C') Σ_{c∈C_r} max(0, f_rc − θ)
 *      SL\@K  ℓ_ri = ω_ri (log Z_ri − f_ri/τ⁺_r)        ω_ri = 2/(1 + exp((β_r − f_ri)/τ_w)), a constant in the gradient;
 *            β_r is the K-th highest score of the row's candidates and positives, −∞ where they are fewer
 *      BSL   ℓ_ri = λ log Z_ri − ρ log Σ_{j∈P_r} (a_rj/A_r) exp(f_rj/(ρ τ⁺_r))
 *
 *      PSL   ℓ_ri = log ([1 +] Σ_{c∈C_r} a((f_rc − f_ri)/2)^(2/τ_r))       [1 +] unless the positive is a candidate: over
 *            the catalogue, inside the sum
 *
 *  SL\@K and BSL are of the softmax's family: Z_ri, log q, τ⁺ and the outputs are those of adaptau_softmax; of a row with soft
 *  targets ℓ_ri counts 1 − e_r, beside e_r (log Z_ri − ê_u·t_r/τ⁺_r). They are of a row's whole list and do not add up over
 *  shards of items (shards.h). SL\@K takes up to 8 K bytes more for each row of each chunk of candidates at work.
 *
 *  A row without candidates has no terms of BPR, and of BCE, MSE and CCL the first alone. All take every kind of candidates. BPR
 *  and PSL visit each pair of a positive and a candidate: over the catalogue, n_r m for a row of n_r positives, where the others
 *  visit m, and PSL does so twice, in double precision; they take up to 256 bytes more for each positive of the blocks at work.
 *
 *  What belongs to the softmax and its family is E_ARGUMENT with another loss: log_q, soft targets, temperatures->positives,
 *  row_log_sum and row_unit_loss; row_d_inverse_tau also with MSE and CCL, which have no temperature (temperatures must be
 *  valid all the same).
 *  @param[in] loss  NULL: the softmax
 *  @return as adaptau_softmax; E_ARGUMENT also for an unknown loss, and for a number that the loss does not have or that is out
 *          of range; E_NUMERIC also for one that is not finite. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_loss_gradients(adaptau_context *context, const adaptau_tables *tables,
                                                  const adaptau_batch *batch, const adaptau_row_temperatures *temperatures,
                                                  const adaptau_loss *loss, adaptau_loss_output *output,
                                                  adaptau_error *error);

/* ---- rows --------------------------------------------------------------------------------------------------------- */

/** out_r = in_r/‖in_r‖; a zero row stays zero. In place when in == out.
 *  @param[in]  in, in_stride    [n x dim], rows `in_stride` floats apart; 0 means dim, as for all strides here
 *  @param[out] out, out_stride  [n x dim]
 *  @param[out] norms            [n] ‖in_r‖, or NULL
 *  @return E_ARGUMENT, E_SHAPE; E_NUMERIC names the first row with a NaN or an infinity: nothing is written then. E_CALLBACK: out
 *          and norms may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_normalise_rows(adaptau_context *context, int64_t n, int32_t dim, const float *in,
                                                  int64_t in_stride, float *out, int64_t out_stride, float *norms,
                                                  adaptau_error *error);

/** Gradient with respect to the raw rows from the one with respect to the normalised rows:
 *  g_r ← (g_r − (g_r·ê_r) ê_r)/‖e_r‖; a row of norm 0 gets 0.
 *  @param[in]     unit, unit_stride          [n x dim] ê
 *  @param[in]     norms                      [n] ‖e‖; NULL: all 1 (projection on the tangent)
 *  @param[in,out] gradients, gradient_stride [n x dim]
 *  @return E_ARGUMENT (a negative norm too), E_SHAPE; E_NUMERIC names the first row of unit, norms or gradients that is not
 *          finite: nothing is written then. E_CALLBACK: gradients may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_normalise_rows_backward(adaptau_context *context, int64_t n, int32_t dim,
                                                           const float *unit, int64_t unit_stride, const float *norms,
                                                           float *gradients, int64_t gradient_stride,
                                                           adaptau_error *error);

#define ADAPTAU_SIDE_USERS 0 /**< the table of users                                                            */
#define ADAPTAU_SIDE_ITEMS 1 /**< the table of items                                                            */

#define ADAPTAU_INIT_SPHERE 0   /**< random directions, rows of length 1                                      */
#define ADAPTAU_INIT_XAVIER 1   /**< uniform in ±sqrt(6/(rows + d)), each table by itself                     */
#define ADAPTAU_INIT_SPECTRAL 2 /**< randomised SVD of D_u^{-1/2} R D_i^{-1/2}: U sqrt(S) and V sqrt(S), rows to length 1;
                                     R the weights of interactions, D their sums                             */
#define ADAPTAU_INIT_HOST 3     /**< host_users and host_items as they are: nothing is written to them before the first
                                     adaptau_model_gradients, which brings rows of the unit sphere to length 1 */

/** Rows first … first + n of the tables that a model of `total` rows on that side starts with.
 *  @param[in]  init  ADAPTAU_INIT_SPHERE or ADAPTAU_INIT_XAVIER
 *  @param[out] rows  [n x d], `stride` floats apart; 0 means d
 *  @return E_ARGUMENT, E_SHAPE. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_init_rows(adaptau_context *context, uint64_t seed, int32_t side, int32_t init,
                                             int64_t total, int64_t first, int64_t n, int32_t dim, float *rows,
                                             int64_t stride, adaptau_error *error);

/** The k best columns of each score row, best first, ties to the lower column; NaN scores are never chosen.
 *  @param[in]  scores, stride  [n_rows x n_columns]
 *  @param[in]  exclude_ptr     [n_rows + 1], or NULL: nothing excluded
 *  @param[in]  exclude         [exclude_ptr[n_rows]] columns that row r must not get, ascending within a row
 *  @param[out] columns         [n_rows x k]; −1 where a row has fewer than k left
 *  @param[out] values          [n_rows x k] their scores (−inf for −1), or NULL
 *  @return E_ARGUMENT when k < 1; a k above n_columns leaves −1. E_INDEX, E_SHAPE, E_MEMORY: nothing is written then. E_CALLBACK:
 *          columns and values may be written in part. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_top_k(adaptau_context *context, int32_t n_rows, int32_t n_columns, const float *scores,
                                         int64_t stride, int32_t k, const int64_t *exclude_ptr, const int32_t *exclude,
                                         int32_t *columns, float *values, adaptau_error *error);

/* ---- closed forms: plain functions of numbers, defined for every input ---------------------------------------------- */

/** W₀(x): the w >= −1 with w e^w = x. x < −1/e is clamped to −1/e (w = −1); NaN gives NaN; +inf gives +inf.
 *  Relative error below 4e-16 away from the branch point. Since 1.0. */
ADAPTAU_API double adaptau_lambert_w0(double x);

/** L = log(n m/(2|D|)), the right side of Eq. 11; NaN unless all three are positive. Since 1.0. */
ADAPTAU_API double adaptau_log_ratio(int64_t n_users, int64_t n_items, int64_t n_interactions);

/** Eq. 14: τ₀ = (μ₊ − μ)/L. NaN when it is not positive and finite. Since 1.0. */
ADAPTAU_API double adaptau_tau0_eq14(double mean_positive, double mean_all, double log_ratio);

/** Eq. 34 (Eq. 13 with its square root), in the form that does not cancel:
 *  τ₀ = (Δμ + sqrt(max(0, Δμ² + 2 Δσ² L)))/(2 L), Δμ = μ₊ − μ, Δσ² = σ₊² − σ².
 *  @param[out] clamped  1 when the radicand was negative, else 0; may be NULL
 *  @return NaN when the result is not positive and finite. Since 1.0. */
ADAPTAU_API double adaptau_tau0_eq34(double mean_positive, double mean_all, double variance_positive, double variance_all,
                                     double log_ratio, int32_t *clamped);

/** Eq. 16: τ_u = τ₀ exp(W₀(max(−1/e, (L_u − threshold)/(2β)))); 2β is `divisor`. Since 1.0. */
ADAPTAU_API double adaptau_tau_user_eq16(double tau0, double user_loss, double threshold, double divisor);

/** The minimiser of Eq. 15: τ_u = τ₀ exp(W₀(max(−1/e, (L_u − threshold)/(2β τ₀)))); 2β is `divisor`. Since 1.0. */
ADAPTAU_API double adaptau_tau_user_eq15(double tau0, double user_loss, double threshold, double divisor);

#ifdef __cplusplus
}
#endif

#endif
