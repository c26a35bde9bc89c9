/* SPDX-License-Identifier: MIT */
/* Trials are neighbours on the grid, so that an array from the lowest to the highest one has no gaps. The next trial is a neighbour
 * of the best one that has not been tried, the upper one first: Eq. 14, where a search for a temperature begins, is seldom above
 * the best temperature. */
#include <adaptau/search.h>

#include <math.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/context.h"
#include "common/error.h"

#define INIT "adaptau_search_options_init"
#define MOST_TRIALS 1024
#define DEFAULT_REACH 1000.0 /* from the first trial to the bounds                                             */

struct adaptau_search {
    adaptau_context  *context;
    struct atau_arena arena;
    int32_t           max_trials;
    double            first, factor, least, most;
    int32_t           n_trials;
    int32_t           low;    /* k of the lowest trial; the highest is low + n_trials − 1                      */
    int32_t           best;   /* k of the best trial                                                           */
    double           *scores; /* [2 max_trials − 1] of k = 1 − max_trials … max_trials − 1                     */
};

/* ---- creation --------------------------------------------------------------------------------------------------- */

static adaptau_search_options defaults_of(double first)
{
    return (adaptau_search_options){
        .struct_size = sizeof(adaptau_search_options),
        .max_trials = 16,
        .first = first,
        .factor = sqrt(2.0),
        .least = first / DEFAULT_REACH,
        .most = first * DEFAULT_REACH,
    };
}

static adaptau_status check_number(double value, const char *name, adaptau_error *error)
{
    if (!isfinite(value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", name, value);
    return ADAPTAU_OK;
}

/* `name` is "first" or "options->first". */
static adaptau_status check_first(double first, const char *name, adaptau_error *error)
{
    if (!isfinite(first))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "%s = %g is not finite", name, first);
    if (first < 1e-30 || first > 1e30)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "%s = %g is outside 1e-30 ... 1e30", name, first);
    return ADAPTAU_OK;
}

adaptau_status adaptau_search_options_init(adaptau_search_options *options, double first, adaptau_error *error)
{
    adaptau_status status = check_first(first, "first", error);
    if (status)
        return status;
    const adaptau_search_options defaults = defaults_of(first);
    return atau_init_struct(options, &defaults, sizeof defaults, sizeof defaults, "options", error);
}

static adaptau_status check_options(const adaptau_search_options *options, adaptau_error *error)
{
    adaptau_status status = check_first(options->first, "options->first", error);
    if (!status)
        status = check_number(options->factor, "factor", error);
    if (!status)
        status = check_number(options->least, "least", error);
    if (!status)
        status = check_number(options->most, "most", error);
    if (status)
        return status;
    if (options->max_trials == 0)
        return atau_fail_zero(error, "options->max_trials", "at least 1", INIT);
    if (options->max_trials < 0 || options->max_trials > MOST_TRIALS)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->max_trials = %d is outside 1 ... %d", options->max_trials,
                         MOST_TRIALS);
    if (options->factor == 0.0)
        return atau_fail_zero(error, "options->factor", "at least 1.0001", INIT);
    if (!(options->factor >= 1.0001 && options->factor <= 1e3))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->factor = %g is outside 1.0001 ... 1000", options->factor);
    if (options->most == 0.0)
        return atau_fail_zero(error, "options->most", "above 0", INIT);
    if (options->least < 0.0 || options->most < 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s is negative", options->least < 0.0 ? "least" : "most");
    if (options->most < options->least)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->most = %g is below options->least = %g", options->most,
                         options->least);
    return ADAPTAU_OK;
}

static adaptau_status fill_search(adaptau_search *search, const adaptau_search_options *options, adaptau_error *error)
{
    search->max_trials = options->max_trials;
    search->first = options->first;
    search->factor = options->factor;
    search->least = options->least;
    search->most = options->most;
    const size_t n = 2 * (size_t)search->max_trials - 1;
    search->scores = atau_arena_take(&search->arena, n, sizeof *search->scores);
    adaptau_status status = atau_arena_allocate(search->context, &search->arena, "the scores of a search", error);
    if (!status)
        search->scores = atau_arena_take(&search->arena, n, sizeof *search->scores);
    return status;
}

adaptau_status adaptau_search_create(adaptau_context *context, const adaptau_search_options *options, adaptau_search **out,
                                     adaptau_error *error)
{
    adaptau_search_options own;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_struct(&own, sizeof own, sizeof own, options, false, "options", error);
    if (!status) {
        const adaptau_search_options defaults = defaults_of(own.first);
        atau_complete_struct(&own, &defaults, sizeof own, options);
        status = check_options(&own, error);
    }
    if (status)
        return status;
    adaptau_search *search = atau_allocate_zeroed(context, 1, sizeof *search);
    if (!search)
        return atau_fail_memory(error, sizeof *search, "a search");
    search->context = context;
    status = fill_search(search, &own, error);
    if (status) {
        adaptau_search_destroy(search);
        return status;
    }
    *out = search;
    return ADAPTAU_OK;
}

void adaptau_search_destroy(adaptau_search *search)
{
    if (!search)
        return;
    atau_arena_free(search->context, &search->arena);
    atau_free(search->context, search, sizeof *search);
}

/* ---- trials ----------------------------------------------------------------------------------------------------- */

static double value_at(const adaptau_search *search, int32_t k)
{
    return search->first * pow(search->factor, k);
}

static bool was_tried(const adaptau_search *search, int32_t k)
{
    return k >= search->low && k < search->low + search->n_trials;
}

static double *score_at(const adaptau_search *search, int32_t k)
{
    return &search->scores[k + search->max_trials - 1];
}

static bool may_try(const adaptau_search *search, int32_t k)
{
    const double value = value_at(search, k);
    return !was_tried(search, k) && value >= search->least && value <= search->most;
}

/* *k is the next trial; false when there is none. */
static bool find_next(const adaptau_search *search, int32_t *k)
{
    *k = 0;
    if (search->n_trials == 0)
        return true;
    if (search->n_trials == search->max_trials)
        return false;
    *k = search->best + 1;
    if (may_try(search, *k))
        return true;
    *k = search->best - 1;
    return may_try(search, *k);
}

adaptau_status adaptau_search_next(const adaptau_search *search, double *value, adaptau_error *error)
{
    int32_t k;
    ATAU_REQUIRE(search, error);
    ATAU_REQUIRE(value, error);
    *value = find_next(search, &k) ? value_at(search, k) : 0.0;
    return ADAPTAU_OK;
}

adaptau_status adaptau_search_report(adaptau_search *search, double score, adaptau_error *error)
{
    int32_t k;
    ATAU_REQUIRE(search, error);
    if (!isfinite(score))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "score = %g is not finite", score);
    if (!find_next(search, &k))
        return atau_fail(error, ADAPTAU_E_STATE, "the search is over after %d trials", search->n_trials);
    *score_at(search, k) = score;
    if (search->n_trials == 0 || score > *score_at(search, search->best))
        search->best = k;
    if (k < search->low)
        search->low = k;
    search->n_trials++;
    return ADAPTAU_OK;
}

/* ---- the result ------------------------------------------------------------------------------------------------- */

/* Where the parabola through the best trial and its neighbours has its top, in steps of the grid from the best trial. */
static double find_top(const adaptau_search *search)
{
    const int32_t k = search->best;
    if (!was_tried(search, k - 1) || !was_tried(search, k + 1))
        return 0.0;
    const double below = *score_at(search, k - 1), top = *score_at(search, k), above = *score_at(search, k + 1);
    const double bend = (below - top) + (above - top);
    return bend < 0.0 ? 0.5 * (below - above) / bend : 0.0;
}

adaptau_status adaptau_search_get_result(const adaptau_search *search, adaptau_search_result *out, adaptau_error *error)
{
    ATAU_REQUIRE(search, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status)
        return status;
    if (search->n_trials == 0)
        return atau_fail(error, ADAPTAU_E_STATE, "no trial has a score yet");
    const adaptau_search_result result = {
        .n_trials = search->n_trials,
        .best = value_at(search, search->best) * pow(search->factor, find_top(search)),
        .best_trial = value_at(search, search->best),
        .best_score = *score_at(search, search->best),
    };
    atau_write_struct(out, &result, sizeof result);
    return ADAPTAU_OK;
}
