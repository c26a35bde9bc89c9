/* SPDX-License-Identifier: MIT */
/* Which closed form gives τ₀ and τ_u, and what happens where it gives nothing. An update measures first and writes afterwards,
 * so that a failure changes nothing. τ_u is computed on the caller's thread: for a million users it takes a tenth of a second,
 * once per epoch. */
#include <adaptau/experimental.h>

#include "core/temperature_object.h"

#include <math.h>

#include "common/abi.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/eq11.h"
#include "core/moments.h"
#include "core/quantile.h"
#include "core/temperature_doors.h"
#include "kernels/check.h"

#define INVERSE_E 0.36787944117144233

/* ---- τ₀ ---------------------------------------------------------------------------------------------------------- */

static adaptau_status solve_exactly(const adaptau_temperature *t, const adaptau_tables *tables,
                                    adaptau_temperature_state *next, adaptau_error *error)
{
    const struct atau_eq11 question = {.least_degree = t->least_degree,
                                       .sample = t->options.exact_sample,
                                       .update = t->state.n_updates,
                                       .tau_min = t->options.tau_min,
                                       .tau_max = t->options.tau_max};
    bool           bracketed = false;
    adaptau_status status = atau_eq11_solve(t->context, tables, t->dataset, &question, &next->tau0, &bracketed, error);
    if (status == ADAPTAU_OK && !bracketed)
        next->flags |= ADAPTAU_TEMPERATURE_NOT_BRACKETED;
    return status;
}

static double tau0_eq34(adaptau_temperature_state *next)
{
    int32_t clamped = 0;
    double  tau0 = adaptau_tau0_eq34(next->mean_positive, next->mean_all, next->variance_positive, next->variance_all,
                                     next->log_ratio, &clamped);
    if (clamped)
        next->flags |= ADAPTAU_TEMPERATURE_RADICAND;
    return tau0;
}

/* τ₀ and the flags of `next`, whose moments are measured. */
static adaptau_status choose_tau0(const adaptau_temperature *t, const adaptau_tables *tables,
                                  adaptau_temperature_state *next, adaptau_error *error)
{
    const adaptau_temperature_options *o = &t->options;
    const bool warming_up = o->warmup_updates == ADAPTAU_WARMUP_FOR_EVER || t->state.n_updates < o->warmup_updates;
    double     delta = warming_up ? o->warmup_delta_mu : next->mean_positive - next->mean_all;
    next->flags = 0;
    if (o->tau0_policy == ADAPTAU_TAU0_FIXED || o->tau0_policy == ADAPTAU_TAU0_LEARNED)
        return ADAPTAU_OK;
    if (!(delta > 0.0)) {
        next->flags = ADAPTAU_TEMPERATURE_KEPT;
        return ADAPTAU_OK;
    }
    next->flags = warming_up ? ADAPTAU_TEMPERATURE_WARMING_UP : 0;
    if (o->tau0_policy == ADAPTAU_TAU0_EXACT && !warming_up) {
        adaptau_status status = solve_exactly(t, tables, next, error);
        if (status != ADAPTAU_OK || !(next->flags & ADAPTAU_TEMPERATURE_NOT_BRACKETED))
            return status;
    }
    double tau0 = atau_temperature_tau0(t, delta);
    if (o->tau0_policy == ADAPTAU_TAU0_SECOND_ORDER && !warming_up && next->log_ratio > 0.0)
        tau0 = tau0_eq34(next);
    next->tau0 = atau_temperature_bound(t, tau0, &next->flags);
    return ADAPTAU_OK;
}

/* ---- τ_u --------------------------------------------------------------------------------------------------------- */

/* Number and sum of the observed losses. */
static void sum_losses(const adaptau_temperature *t, double sums[2])
{
    sums[0] = sums[1] = 0.0;
    for (int32_t u = 0; u < t->dataset->n_users; u++)
        if (!isnan(t->unit_losses[u])) {
            sums[0] += 1.0;
            sums[1] += (double)t->unit_losses[u];
        }
}

/* losses: number and sum of all users' losses, of which this dataset may have a part. */
static double find_threshold(const adaptau_temperature *t, const double losses[2])
{
    if (t->options.threshold_quantile > 0.0)
        return atau_quantile_of_losses(t->unit_losses, t->dataset->n_users, t->state.n_users_observed,
                                       t->options.threshold_quantile);
    return losses[1] / losses[0];
}

/* Also says whether the user is clamped to τ₀/e. */
static double tau_of_user(const adaptau_temperature *t, double loss, bool *clamped)
{
    const double tau0 = t->state.tau0, threshold = t->state.threshold, divisor = t->options.divisor;
    const bool   eq15 = t->options.tau_user_policy == ADAPTAU_TAU_USER_MINIMISER;
    *clamped = (loss - threshold) / (eq15 ? divisor * tau0 : divisor) < -INVERSE_E;
    double tau = eq15 ? adaptau_tau_user_eq15(tau0, loss, threshold, divisor)
                      : adaptau_tau_user_eq16(tau0, loss, threshold, divisor);
    return fmin(tau, GREATEST_TAU);
}

/* τ of every user from the state's τ₀ and the losses. Cannot fail. */
static void set_taus(adaptau_temperature *t, const double losses[2])
{
    adaptau_temperature_state *s = &t->state;
    s->n_users_observed = s->n_users_clamped = 0;
    s->threshold = 0.0;
    for (int32_t u = 0; u < t->dataset->n_users; u++)
        s->n_users_observed += !isnan(t->unit_losses[u]);
    if (atau_temperature_learns_users(t))
        return;
    atau_temperature_set_all(t);
    if (!atau_temperature_is_personal(t) || s->n_users_observed == 0)
        return;
    s->threshold = find_threshold(t, losses);
    bool everyone = s->n_users_observed == t->dataset->n_users;
    s->tau_user_min = everyone ? INFINITY : s->tau0;
    s->tau_user_max = everyone ? 0.0 : s->tau0;
    for (int32_t u = 0; u < t->dataset->n_users; u++) {
        bool clamped;
        if (isnan(t->unit_losses[u]))
            continue;
        double tau = tau_of_user(t, (double)t->unit_losses[u], &clamped);
        t->taus[u] = (float)tau;
        s->n_users_clamped += clamped;
        s->tau_user_min = fmin(s->tau_user_min, tau);
        s->tau_user_max = fmax(s->tau_user_max, tau);
    }
}

/* ---- update ------------------------------------------------------------------------------------------------------ */

/* τ₀ and τ_u by these moments. The tables are for the exact root alone, NULL where it is not asked for. */
static adaptau_status update_by(adaptau_temperature *t, const struct atau_moments *moments, const double losses[2],
                                adaptau_temperature_state next, const adaptau_tables *tables, adaptau_error *error)
{
    next.mean_all = moments->mean_all;
    next.variance_all = moments->variance_all;
    next.mean_positive = moments->mean_positive;
    next.variance_positive = moments->variance_positive;
    adaptau_status status = choose_tau0(t, tables, &next, error);
    if (status != ADAPTAU_OK)
        return status;
    next.n_updates++;
    t->state = next;
    set_taus(t, losses);
    atau_temperature_begin_losses(t);
    return ADAPTAU_OK;
}

static adaptau_status update(adaptau_temperature *t, const adaptau_tables *tables, adaptau_error *error)
{
    struct atau_moments moments;
    double              losses[2];
    adaptau_status status = atau_moments_measure(t->context, tables, t->dataset, t->least_degree, &moments, error);
    if (status != ADAPTAU_OK)
        return status;
    sum_losses(t, losses);
    return update_by(t, &moments, losses, t->state, tables, error);
}

adaptau_status adaptau_temperature_update(adaptau_temperature *temperature, const adaptau_tables *given,
                                          adaptau_error *error)
{
    adaptau_tables tables;
    ATAU_REQUIRE(temperature, error);
    adaptau_status status = atau_temperature_enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_check_fit(temperature->context, given, temperature->dataset, &tables, error);
    if (status == ADAPTAU_OK && temperature->dataset->n_interactions == 0)
        status = atau_fail(error, ADAPTAU_E_STATE, "the dataset has no interactions to measure");
    if (status == ADAPTAU_OK)
        status = update(temperature, &tables, error);
    atau_busy_leave(&temperature->busy);
    return status;
}

/* ---- update by sums of all ranges -------------------------------------------------------------------------------- */

#define COUNT_MOST 9007199254740992.0 /* 2^53: all whole numbers up to here are doubles */

static adaptau_status check_count(const char *name, double count, adaptau_error *error)
{
    if (count != floor(count) || count > COUNT_MOST)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "moments->%s[0] = %g is no number of %s", name, count, name);
    return ADAPTAU_OK;
}

static adaptau_status check_moments(const adaptau_temperature *t, const adaptau_score_moments *m, adaptau_error *error)
{
    const adaptau_temperature_options *o = &t->options;
    const int64_t                      size = adaptau_table_moments_size(m->dim);
    bool                               finite = isfinite(m->losses[0]) && isfinite(m->losses[1]);
    if (size == 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "moments->dim = %d is outside 1 ... %d", m->dim, ADAPTAU_MAX_DIM);
    if (!m->users || !m->items)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "moments->%s is NULL", m->users ? "items" : "users");
    for (int64_t i = 0; i < size; i++)
        finite = finite && isfinite(m->users[i]) && isfinite(m->items[i]);
    for (int i = 0; i < 4; i++)
        finite = finite && isfinite(m->interactions[i]);
    if (!finite)
        return atau_fail(error, ADAPTAU_E_NUMERIC, "moments are not finite");
    if (!(m->users[0] > 0.0 && m->items[0] > 0.0 && m->interactions[0] > 0.0))
        return atau_fail(error, ADAPTAU_E_STATE, "moments of %g users, %g items and %g interactions: there is nothing to measure",
                         m->users[0], m->items[0], m->interactions[0]);
    if (!(m->interactions[1] > 0.0))
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "moments->interactions[1] = %g is no sum of weights", m->interactions[1]);
    adaptau_status status = check_count("users", m->users[0], error);
    if (status == ADAPTAU_OK)
        status = check_count("items", m->items[0], error);
    if (status == ADAPTAU_OK)
        status = check_count("interactions", m->interactions[0], error);
    if (status != ADAPTAU_OK)
        return status;
    if (o->tau0_policy == ADAPTAU_TAU0_EXACT || o->degree_quantile > 0.0 || o->threshold_quantile > 0.0)
        return atau_fail(error, ADAPTAU_E_STATE, "options->%s does not add up over ranges",
                         o->tau0_policy == ADAPTAU_TAU0_EXACT  ? "tau0_policy = ADAPTAU_TAU0_EXACT"
                         : o->degree_quantile > 0.0            ? "degree_quantile"
                                                               : "threshold_quantile");
    return ADAPTAU_OK;
}

/* The number of counted users and L are those of all ranges together. atau_temperature_tau0 reads L in the state: both are
 * set first, and put back where the update fails. */
static adaptau_status update_from(adaptau_temperature *t, const adaptau_score_moments *m, adaptau_error *error)
{
    struct atau_moments             moments;
    const adaptau_temperature_state before = t->state;
    double                          own[2];
    sum_losses(t, own);
    if (m->losses[0] < own[0])
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "moments->losses[0] = %g, but of this range alone %g users are observed",
                         m->losses[0], own[0]);
    atau_moments_from(m, &moments);
    if (!isfinite(moments.mean_all) || !isfinite(moments.variance_all))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "moments overflow");
    t->state.n_users_counted = (int64_t)m->users[0];
    t->state.log_ratio = adaptau_log_ratio((int64_t)m->users[0], (int64_t)m->items[0], (int64_t)m->interactions[0]);
    adaptau_status status = update_by(t, &moments, m->losses, t->state, NULL, error);
    if (status != ADAPTAU_OK)
        t->state = before;
    return status;
}

adaptau_status adaptau_temperature_update_from(adaptau_temperature *temperature, const adaptau_score_moments *given,
                                               adaptau_error *error)
{
    adaptau_score_moments moments;
    ATAU_REQUIRE(temperature, error);
    adaptau_status status = atau_read_struct(&moments, sizeof moments, sizeof moments, given, false, "moments", error);
    if (status == ADAPTAU_OK)
        status = check_moments(temperature, &moments, error);
    if (status == ADAPTAU_OK)
        status = atau_temperature_enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = update_from(temperature, &moments, error);
    atau_busy_leave(&temperature->busy);
    return status;
}

adaptau_status adaptau_temperature_loss_sums(const adaptau_temperature *temperature, double *out, adaptau_error *error)
{
    ATAU_REQUIRE(temperature, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_temperature_enter_shared(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    sum_losses(temperature, out);
    atau_temperature_leave_shared(temperature);
    return ADAPTAU_OK;
}
