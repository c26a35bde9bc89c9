/* SPDX-License-Identifier: MIT */
/** @file adam.h
 *  Adam on rows of any table: the host's own, or a shard of a larger one. It is the step of adaptau_model_apply. */
#ifndef ADAPTAU_ADAM_H
#define ADAPTAU_ADAM_H

#include <adaptau/context.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ADAPTAU_ADAM_TO_SPHERE (UINT32_C(1) << 0)         /**< rows back to length 1; weight_decay is not applied then  */
#define ADAPTAU_ADAM_ROW_SECOND_MOMENT (UINT32_C(1) << 1) /**< ADAPTAU_MODEL_ROW_SECOND_MOMENT                          */
/** A gradient stands at the id of its row, and not at its place in `ids`. Gradients of items stand at their ids: `items` of
 *  adaptau_gradient_view, and item_gradients of adaptau_loss_output with touched_items as ids. Gradients of users stand at their places. */
#define ADAPTAU_ADAM_GRADIENTS_BY_ID (UINT32_C(1) << 2)

/** How Adam steps. Since 1.0. */
typedef struct adaptau_adam_options {
    uint32_t struct_size;   /**< sizeof(adaptau_adam_options)                                                */
    uint32_t flags;         /**< ADAPTAU_ADAM_*; 0                                                           */
    double   learning_rate; /**< in [0, 1e6]; 0.02, which suits rows of length 1. 0 leaves rows as they are, and moves the moments */
    double   beta1;         /**< decay of the first moment, in [0, 1); 0.9                                   */
    double   beta2;         /**< decay of the second moment, in [0, 1); 0.999                                */
    double   epsilon;       /**< in [1e-30, 1e6]; 1e-12                                                      */
    double   weight_decay;  /**< λ of an L2 term λ/2 ‖e‖² of the stepped rows; 0                             */
} adaptau_adam_options;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_adam_options_init(adaptau_adam_options *options, adaptau_error *error);

/** Rows of a table, and what Adam remembers of them. The table may be a shard of a larger one. All arrays belong to the caller.
 *  Before the first step the caller fills all of them but `rows` with zeros. Since 1.0. */
typedef struct adaptau_adam_rows {
    uint32_t struct_size; /**< sizeof(adaptau_adam_rows)                                                     */
    int32_t  dim;         /**< d                                                                             */
    int64_t  n;           /**< rows                                                                          */
    float   *rows;        /**< [n x d]                                                                       */
    int64_t  stride;      /**< >= d; 0 means d                                                               */
    float   *first;       /**< [n x d]                                                                       */
    float   *second;      /**< [n x d], with ADAPTAU_ADAM_ROW_SECOND_MOMENT [n]                              */
    int32_t *steps;       /**< [n] how often each was stepped, >= 0                                          */
} adaptau_adam_rows;

/** The step of adaptau_model_apply.
 *  @param[in] n          gradients
 *  @param[in] ids        [n] the row of each gradient, none of them twice; NULL: 0 … n − 1. Where the rows of a batch are interactions,
 *                        a user can have several gradients (adaptau_loss_output): the host adds them up first
 *  @param[in] gradients  [n x d] in the order of ids, `stride` floats apart; 0 means d. With ADAPTAU_ADAM_GRADIENTS_BY_ID [rows->n x d],
 *                        of which the rows `ids` are read
 *  @return E_ARGUMENT, E_ABI, E_SHAPE, E_INDEX (also for an id that comes twice), E_NUMERIC (an option or the first gradient that is
 *          not finite): nothing has changed then; E_CALLBACK as adaptau_model_apply. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_adam(adaptau_context *context, const adaptau_adam_options *options, int64_t n,
                                        const int32_t *ids, const float *gradients, int64_t stride,
                                        const adaptau_adam_rows *rows, adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
