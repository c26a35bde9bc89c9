/* SPDX-License-Identifier: MIT */
/** @file search.h
 *  The search for one positive number by trials, for a temperature above all: ask for the next value, train with it, tell how
 *  good it was on held-out interactions. */
#ifndef ADAPTAU_SEARCH_H
#define ADAPTAU_SEARCH_H

#include <adaptau/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Climbs on a geometric grid, and ends with a parabola through the best trial and its neighbours. The host trains; the search
 *  only says with what. It draws nothing: the same scores give the same trials. Thread-safety: one call at a time.
 *
 *      value_k = first · factor^k        k = 0, 1, …: upwards while the score rises, else downwards from −1 on
 *
 *  The search is over when a value on either side of the best one has been tried, or a bound or `max_trials` is reached. In log
 *  value the parabola through these three scores has its top between the neighbours; the top is the best value. */
typedef struct adaptau_search adaptau_search;

/** Where a search goes. Since 1.0. */
typedef struct adaptau_search_options {
    uint32_t struct_size; /**< sizeof(adaptau_search_options)                                                */
    int32_t  max_trials;  /**< in [1, 1024]; 16                                                              */
    double   first;       /**< the value of the first trial, in [1e-30, 1e30]                                */
    double   factor;      /**< between neighbouring values, in [1.0001, 1000]; √2                            */
    double   least;       /**< >= 0: no trial but the first is below it; first/1000                          */
    double   most;        /**< > 0: no trial but the first is above it; 1000 first                           */
} adaptau_search_options;

/** Write the defaults of a search. Thread-safety: any thread.
 *  @param[in,out] options  struct_size set by the caller
 *  @param[in]     first    the first trial, which is written, too, and which the bounds are multiples of
 *  @return E_ARGUMENT, E_ABI; E_NUMERIC for a first trial that is not finite. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_search_options_init(adaptau_search_options *options, double first, adaptau_error *error);

/** What a search has found so far. Since 1.0. */
typedef struct adaptau_search_result {
    uint32_t struct_size; /**< sizeof(adaptau_search_result), set by the caller                              */
    int32_t  n_trials;    /**< that have a score                                                             */
    double   best;        /**< the value to use: the parabola's top, or the best trial where it has no two neighbours */
    double   best_trial;  /**< the trial with the highest score, the earlier of equal ones                   */
    double   best_score;  /**< its score                                                                     */
} adaptau_search_result;

/** @param[in] options  not NULL: a search has to begin somewhere
 *  @return E_ARGUMENT, E_ABI, E_MEMORY; E_NUMERIC for a number that is not finite. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_search_create(adaptau_context *context, const adaptau_search_options *options,
                                                 adaptau_search **out, adaptau_error *error);

/** NULL is fine. Since 1.0. */
ADAPTAU_API void adaptau_search_destroy(adaptau_search *search);

/** The value to try next. It stays the same until adaptau_search_report has given it a score.
 *  @param[out] value  0 when the search is over
 *  @return E_ARGUMENT. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_search_next(const adaptau_search *search, double *value, adaptau_error *error);

/** The score of the trial that adaptau_search_next names: recall, a mean log-likelihood, or whatever is better the higher.
 *  @return E_STATE when the search is over; E_NUMERIC for a score that is not finite: nothing has changed then. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_search_report(adaptau_search *search, double score, adaptau_error *error);

/** May be called at any time after the first score.
 *  @param[in,out] out  struct_size set by the caller
 *  @return E_ARGUMENT, E_ABI; E_STATE before the first score. Since 1.0. */
ADAPTAU_API adaptau_status adaptau_search_get_result(const adaptau_search *search, adaptau_search_result *out,
                                                     adaptau_error *error);

#ifdef __cplusplus
}
#endif

#endif
