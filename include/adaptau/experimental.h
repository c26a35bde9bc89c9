/* SPDX-License-Identifier: MIT */
/** @file experimental.h
 *  Baselines of papers, to compare with: contrastive terms of graph encoders, temperatures that learn, and the temperatures of
 *  the authors' released program. They are no part of the promise (docs/abi.md): any version may change them or leave them out,
 *  their functions have a version node of their own, ADAPTAU_EXPERIMENTAL, and adaptau.h does not include this header. */
#ifndef ADAPTAU_EXPERIMENTAL_H
#define ADAPTAU_EXPERIMENTAL_H

#include <adaptau/model.h>
#include <adaptau/temperature.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- temperatures that learn, and those of the authors' program ---------------------------------------------------- */

/* Policies for adaptau_temperature_options, beside those of temperature.h. */
#define ADAPTAU_TAU0_LEARNED 4 /**< C-τ: one number that follows ∂loss/∂τ, from `tau` (0: none given, the warm-up value) on */
#define ADAPTAU_TAU_USER_RELEASED 3 /**< the authors' program: Eq. 16 on the candidates' side alone, τ₀ on the positive's */
#define ADAPTAU_TAU_USER_LEARNED 4  /**< Cu-τ: each user's follows ∂loss/∂τ_u, from the first τ₀ on                   */

/** One step of ADAPTAU_TAU0_LEARNED or ADAPTAU_TAU_USER_LEARNED; adaptau_model_gradients takes it by itself. With θ = log τ the
 *  gradient of the mean loss of a term is
 *
 *      ∂/∂θ = −1/τ · Σ_r ∂row_loss_r/∂(1/τ) / Σ_r n_r        over the batch for τ₀, over a row for its user
 *
 *  and θ takes an Adam step (β₁ .9, β₂ .999, ε 1e-8, bias-corrected by its own count of steps), within log of tau_min and tau_max.
 *  The paper says only that τ is trained; in log τ steps are relative and τ stays positive.
 *  @param[in] users          [n]; NULL: 0 … n − 1; a user that comes twice takes two steps, in order
 *  @param[in] d_inverse_tau  [n] row_d_inverse_tau of adaptau_softmax, finite
 *  @param[in] terms          [n] n_r >= 0, the (weighted) terms of each row; NULL: 1 each; rows of 0 are passed over
 *  @return E_STATE when neither temperature is learned; E_ARGUMENT, E_INDEX; E_NUMERIC: nothing has changed then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_temperature_learn(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                                     const float *d_inverse_tau, const float *terms, adaptau_error *error);

/* ---- contrastive terms --------------------------------------------------------------------------------------------- */

/** Each view propagates through a graph of its own, from which edges are dropped; degrees are those of what is left. The graphs
 *  are drawn anew in each step. */
#define ADAPTAU_CONTRAST_SGL 0
/** Both views propagate through the whole graph, with noise on every layer, E_l = A E_{l−1} + ε sign(A E_{l−1}) ⊙ Δ, where Δ is
 *  uniform in [0, 1)^d and then brought to length 1; layer 0 is left out of the mean. */
#define ADAPTAU_CONTRAST_SIMGCL 1
/** Layer k of a node, z = (A^k E⁰)_x, is contrasted with raw rows, z′ = E⁰, and in a second term a raw row is, among all
 *  prototypes of its side, drawn to its own. */
#define ADAPTAU_CONTRAST_NCL 2

/** C is every node of the side instead of the nodes that are contrasted. */
#define ADAPTAU_CONTRAST_ALL_NODES (UINT32_C(1) << 0)

/** Contrastive terms of graph encoders, beside whatever loss a batch has: SGL (Wu et al., SIGIR 2021), SimGCL (Yu et al., SIGIR
 *  2022) and NCL (Lin et al., WWW 2022). Two views z, z′ of each user and item are made from the same raw tables, and a node is
 *  to be told from the others of its side by its two views:
 *
 *      InfoNCE(x) = −cos(z_x, z′_x)/τ + log Σ_{y∈C} exp(cos(z_x, z′_y)/τ)
 *
 *  A step with such a term:
 *  @snippet 12-graph-and-contrast.c contrast
 *
 *  A member that belongs to another kind must be 0. Since 1.0. */
typedef struct adaptau_contrast_options {
    uint32_t struct_size;  /**< sizeof(adaptau_contrast_options)                                             */
    uint32_t flags;        /**< ADAPTAU_CONTRAST_ALL_NODES; 0                                                */
    int32_t  kind;         /**< ADAPTAU_CONTRAST_SGL, ...                                                    */
    int32_t  n_nodes;      /**< at most so many users and so many items of the batch are contrasted, drawn where there are more;
                                2048                                                                         */
    double   tau;          /**< τ > 0; 0.2, of NCL 0.1                                                       */
    double   weight;       /**< λ; 0.1                                                                       */
    double   item_weight;  /**< α, of the items' part beside the users'; 1                                   */
    double   edge_dropout; /**< SGL: p in [0, 1), an edge's probability to be dropped from a view; 0.1       */
    double   noise;        /**< SimGCL: ε, the length of the noise; 0.1                                      */
    int32_t  layer;        /**< NCL: k, even, at least 2 and at most ADAPTAU_MAX_LAYERS; 2                   */
    int32_t  reserved;     /**< 0                                                                            */
    double   prototype_weight; /**< NCL: λ′ of the prototypes' term; 0                                       */
} adaptau_contrast_options;

/** Write the defaults of a kind. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @param[in]     kind     ADAPTAU_CONTRAST_SGL, ..., which is written, too
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_contrast_options_init(adaptau_contrast_options *options, int32_t kind, adaptau_error *error);

/** Add the gradients of a contrastive term to those that adaptau_model_gradients has left:
 *
 *      term = W [ λ (mean_{u∈U} InfoNCE(u) + α mean_{i∈I} InfoNCE(i)) + λ′ (the same of prototypes, with α = 1) ]
 *
 *  U, I: the distinct users and positives of the batch, or n_nodes of them. W = Σ_r w_r A_r is the batch's weight, of all its
 *  positives: λ is what one would multiply means of InfoNCE by beside a mean of the batch's own loss. Gradients go back through
 *  each view to the raw tables; the signs of noise and the prototypes are constants. What is dropped, drawn and added depends
 *  on the model's seed and the number of such calls before that succeeded. Edge and layer dropout of the model's options have no
 *  part in it.
 *
 *  Cost beside adaptau_model_gradients, which propagates forward and back once, 8 L |D| d flop: of that as much again times 2
 *  (SGL), 1½ (SimGCL) or k/L (NCL); and, with B nodes of each side, 12 B² d flop for InfoNCE (6 B (n + m) d with
 *  ADAPTAU_CONTRAST_ALL_NODES), and 12 B n_prototypes d with prototypes.
 *  @param[in]  batch    the batch of the gradients; of its arrays users, positives and row_weights count
 *  @param[in]  options  NULL: the defaults of ADAPTAU_CONTRAST_SGL
 *  @param[out] loss     the term, to be added to adaptau_step's loss; may be NULL
 *  @return E_UNSUPPORTED for an encoder without layers (ADAPTAU_ENCODER_MF); E_ARGUMENT, E_ABI, E_SHAPE, E_INDEX; E_STATE
 *          without gradients, and for λ′ without prototypes; E_NUMERIC for options, or for a view or gradient that is not
 *          finite; E_MEMORY: the gradients are what they were. E_CALLBACK: there are none. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_contrast(adaptau_model *model, const adaptau_batch *batch,
                                                  const adaptau_contrast_options *options, double *loss,
                                                  adaptau_error *error);

/** New prototypes for NCL: the means of n_prototypes clusters of raw user rows, and of raw item rows, by k-means (Lloyd's
 *  method from as many rows, drawn by the model's seed and the number of such calls before; at most 20 rounds). Once per epoch,
 *  before its steps; they stay as they are until the next call. O(20 (n_users + n_items) n_prototypes d).
 *  @param[in] n_prototypes  at least 1, and at most the number of users and of items
 *  @return E_ARGUMENT; E_UNSUPPORTED for an encoder without layers (ADAPTAU_ENCODER_MF); E_NUMERIC names a raw row that is not
 *          finite; E_MEMORY, E_CALLBACK. There are no prototypes after the last two. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_model_update_prototypes(adaptau_model *model, int32_t n_prototypes, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
