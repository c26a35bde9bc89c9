/* SPDX-License-Identifier: MIT */
/** @file evaluator.h
 *  All-ranking metrics: every item is ranked for every user that has held-out items, by descending score, ties to the lower
 *  item id. */
#ifndef ADAPTAU_EVALUATOR_H
#define ADAPTAU_EVALUATOR_H

#include <adaptau/dataset.h>
#include <adaptau/kernels.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Held-out interactions, masks and cutoffs, and the results of the last run. Thread-safety: results may be read by any number of
 *  threads side by side; adaptau_evaluator_run runs alone. A call that meets another which forbids it answers E_STATE at once
 *  and changes nothing.
 *
 *  An evaluator needs embeddings and nothing else: adaptau_model_evaluate runs it on a model, trained or loaded, and
 *  adaptau_evaluator_run on any tables. It is made once, and asked after an epoch:
 *  @snippet 02-training-loop.c evaluator
 *  @snippet 02-training-loop.c results */
typedef struct adaptau_evaluator adaptau_evaluator;

/* With h(r) = 1 when the item at rank r (from 1) is held out for the user, T its held-out items, K the cutoff: */
#define ADAPTAU_METRIC_RECALL 0    /**< Σ_{r<=K} h(r)/|T|                                                     */
#define ADAPTAU_METRIC_NDCG 1      /**< Σ_{r<=K} h(r)/log₂(r + 1) over Σ_{r<=min(K,|T|)} 1/log₂(r + 1)        */
#define ADAPTAU_METRIC_PRECISION 2 /**< Σ_{r<=K} h(r)/K                                                       */
#define ADAPTAU_METRIC_HIT_RATE 3  /**< 1 when any h(r) = 1, r <= K                                           */
#define ADAPTAU_METRIC_MRR 4       /**< 1/(first r <= K with h(r) = 1), else 0                                */
#define ADAPTAU_METRIC_MAP 5       /**< Σ_{r<=K} h(r) · (hits up to r)/r over min(K,|T|)                      */
/** Metrics that these headers know; later ones get the numbers from here on. */
#define ADAPTAU_N_METRICS 6

#define ADAPTAU_MAX_CUTOFF 65536 /**< the longest list that is looked at                                    */

/** What an evaluator looks at. Since 1.0. */
typedef struct adaptau_evaluator_options {
    uint32_t                      struct_size; /**< sizeof(adaptau_evaluator_options)                        */
    int32_t                       n_cutoffs;   /**< entries of cutoffs, at least 1; 1                        */
    const int32_t                *cutoffs;     /**< [n_cutoffs] ascending, each in [1, ADAPTAU_MAX_CUTOFF], copied; a cutoff above the
                                                    number of items is fine; {20}, in static storage. A host that sets it sets
                                                    n_cutoffs, too                                           */
    int32_t                       n_masks;     /**< entries of masks; 0                                      */
    int32_t                       n_groups;    /**< groups of items; 0                                       */
    const adaptau_dataset *const *masks;       /**< [n_masks] interactions that are not ranked, those of the training for example;
                                                    borrowed: must outlive the evaluator. An interaction that is both held out and in
                                                    a mask is masked; NULL                                   */
    const int32_t                *item_groups; /**< [m] group of each item in [0, n_groups); copied; not read where n_groups is 0 */
} adaptau_evaluator_options;

/** Write the defaults. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_options_init(adaptau_evaluator_options *options, adaptau_error *error);

/** Make an evaluator.
 *  @param[in] held_out  the interactions that good lists contain. Borrowed: must outlive the evaluator. Its weights do not count, and
 *                       neither do users without items
 *  @param[in] options   NULL for the defaults: no mask, cutoff 20
 *  @return E_ARGUMENT, E_ABI, E_SHAPE (masks of another size), E_INDEX (a group), E_MEMORY. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_create(adaptau_context *context, const adaptau_dataset *held_out,
                                                    const adaptau_evaluator_options *options, adaptau_evaluator **out,
                                                    adaptau_error *error);

/** NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_evaluator_destroy(adaptau_evaluator *evaluator);

/** Rank with these tables, by f as their flags define it. The results stay readable until the next run; a failed run keeps the
 *  previous ones.
 *  @return E_ARGUMENT, E_ABI; E_SHAPE when the tables do not fit; E_NUMERIC names the first non-finite row; E_MEMORY, E_CALLBACK.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_run(adaptau_evaluator *evaluator, const adaptau_tables *tables,
                                                 adaptau_error *error);

#define ADAPTAU_MAX_TAUS 64 /**< temperatures that adaptau_evaluator_log_likelihood takes at once             */

/** How likely the held-out interactions are under the softmax of the scores, at many temperatures in one pass:
 *
 *      ℓ(τ) = 1/|T| Σ_{(u,i)∈T} [ s_ui/τ − log Σ_{j∉M_u} exp(s_uj/τ) ]        s = f + the item's bias
 *
 *  M_u are the items of u in the masks, and T the held-out interactions that are not masked. The scores are best calibrated at the τ
 *  with the highest ℓ; this highest ℓ compares models without a length of lists. The result does not depend on the number of threads,
 *  and the metrics of the last run stay readable.
 *  @param[in]  taus   [n_taus] each in [1e-30, 1e30]; n_taus <= ADAPTAU_MAX_TAUS
 *  @param[out] means  [n_taus] ℓ, in nats; 0 where T is empty
 *  @return as adaptau_evaluator_run; E_NUMERIC for a τ that is not finite, E_ARGUMENT for one out of range. Nothing is written
 *          after a failure. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_log_likelihood(adaptau_evaluator *evaluator, const adaptau_tables *tables,
                                                            int32_t n_taus, const double *taus, double *means,
                                                            adaptau_error *error);

/** Users that have held-out items. 0 for NULL. Since 1.0. */
ADAPTAU_API int32_t adaptau_evaluator_n_users(const adaptau_evaluator *evaluator);

/** [adaptau_evaluator_n_users] ids of those users, ascending. Lives as long as the evaluator. Since 1.0. */
ADAPTAU_API const int32_t *adaptau_evaluator_users(const adaptau_evaluator *evaluator);

/** Mean over those users of a metric at a cutoff; 0 when there are none.
 *  @param[in] cutoff  K, one of the evaluator's cutoffs
 *  @return E_ARGUMENT for an unknown metric, and for a K that is not among the evaluator's cutoffs; E_STATE before the first run.
 *          Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_mean(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff,
                                                  double *out, adaptau_error *error);

/** Per user, in the order of adaptau_evaluator_users.
 *  @param[out] out  [adaptau_evaluator_n_users]
 *  @return as adaptau_evaluator_mean. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_per_user(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff,
                                                      float *out, adaptau_error *error);

/** What the items of each group contribute to a mean: the metric counted with the hits in that group alone. The numbers of all groups
 *  add up to the mean. Only recall, NDCG and precision have it.
 *  @param[out] out  [n_groups]
 *  @return E_ARGUMENT for another metric or an unknown cutoff; E_STATE before the first run or without groups. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_per_group(const adaptau_evaluator *evaluator, int32_t metric, int32_t cutoff,
                                                       double *out, adaptau_error *error);

/** adaptau_evaluator_run with lists that were ranked elsewhere.
 *  @param[in] k      length of a list, at least the last cutoff
 *  @param[in] items  [adaptau_evaluator_n_users x k] in the order of adaptau_evaluator_users, each item once, −1 at the end of
 *                    shorter lists
 *  @return E_ARGUMENT, E_SHAPE (k), E_MEMORY; E_INDEX names the first id that is out of range or twice in a list: the previous
 *          results stay then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_evaluator_run_lists(adaptau_evaluator *evaluator, int32_t k, const int32_t *items,
                                                       adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
