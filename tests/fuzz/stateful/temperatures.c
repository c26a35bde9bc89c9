/* SPDX-License-Identifier: MIT */
/* Temperatures and what they measure. */
#include "parts.h"

#include <math.h>

#include "options.h"

static adaptau_status create_temperature(struct side *side, void *arguments, adaptau_error *error)
{
    adaptau_temperature *made = NULL;
    adaptau_status       status = adaptau_temperature_create(side->context, side->data, arguments, &made, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_temperature_destroy(side->temperature);
    side->temperature = made;
    return status;
}

void new_temperature(struct world *w)
{
    need_data(w);
    w->temperature_options = choose_temperature_options(&w->program);
    call_both_well(w, "temperature", create_temperature, &w->temperature_options);
}

void need_temperature(struct world *w)
{
    need_data(w);
    if (!w->sides[0].temperature)
        new_temperature(w);
}

adaptau_temperature_state state_of(const struct side *side)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    must(adaptau_temperature_get_state(side->temperature, &state, NULL) == ADAPTAU_OK, "a temperature has a state");
    return state;
}

static adaptau_status update_temperature(struct side *side, void *unused, adaptau_error *error)
{
    (void)unused;
    return adaptau_model_update_temperature(side->model, side->temperature, error);
}

static double bound_tau(const struct world *w, double tau)
{
    return fmin(w->temperature_options.tau_max, fmax(w->temperature_options.tau_min, tau));
}

static void check_tau0(const struct world *w, const adaptau_temperature_state *before, const adaptau_temperature_state *state)
{
    const adaptau_temperature_options *o = &w->temperature_options;
    const double                       l = state->log_ratio, delta = state->mean_positive - state->mean_all;
    double                             want = before->tau0;
    if (o->tau0_policy == ADAPTAU_TAU0_FIXED)
        want = o->tau;
    else if (o->tau0_policy == ADAPTAU_TAU0_LEARNED || state->flags & ADAPTAU_TEMPERATURE_KEPT)
        want = before->tau0;
    else if (l <= 0.0)
        want = state->flags & ADAPTAU_TEMPERATURE_WARMING_UP || o->tau0_policy != ADAPTAU_TAU0_EXACT ? o->tau_max : state->tau0;
    else if (state->flags & ADAPTAU_TEMPERATURE_WARMING_UP)
        want = bound_tau(w, o->warmup_delta_mu / l);
    else if (o->tau0_policy == ADAPTAU_TAU0_SECOND_ORDER) {
        const double radicand = delta * delta + 2.0 * (state->variance_positive - state->variance_all) * l;
        want = bound_tau(w, (delta + sqrt(fmax(0.0, radicand))) / (2.0 * l));
    } else if (o->tau0_policy == ADAPTAU_TAU0_FIRST_ORDER || state->flags & ADAPTAU_TEMPERATURE_NOT_BRACKETED)
        want = bound_tau(w, delta / l);
    else
        want = state->tau0; /* Eq. 11, below                                                                   */
    must_near(state->tau0, want, 1e-9 * want, "tau0");
    if (o->tau0_policy == ADAPTAU_TAU0_EXACT && o->degree_quantile == 0.0 &&
        !(state->flags & (ADAPTAU_TEMPERATURE_KEPT | ADAPTAU_TEMPERATURE_WARMING_UP | ADAPTAU_TEMPERATURE_NOT_BRACKETED)) &&
        tables_truth.largest < 3.0)
        must_near(truth_of_eq11(&tables_truth, w->sides[0].data, state->tau0), 0.5, 2e-3, "Eq. 11");
}

static void check_moments(const struct world *w, const adaptau_temperature_state *state)
{
    struct truth_moments m;
    const double         scale = 1e-5 * fmax(1e-3, tables_truth.largest) * w->model_options.dim;
    truth_of_moments(&tables_truth, w->sides[0].data, &m);
    if (w->temperature_options.degree_quantile > 0.0)
        return;
    must_near(state->log_ratio, m.log_ratio, 1e-9, "L");
    must_near(state->mean_all, m.mean_all, scale, "the mean of all scores");
    must_near(state->mean_positive, m.mean_positive, scale, "the mean of positives' scores");
    must_near(state->variance_all, m.variance_all, 4.0 * scale * fmax(1.0, tables_truth.largest), "the variance of all scores");
    must_near(state->variance_positive, m.variance_positive, 4.0 * scale * fmax(1.0, tables_truth.largest),
              "the variance of positives' scores");
}

static void check_user_taus(const struct world *w, const adaptau_temperature_state *state)
{
    const adaptau_temperature_options *o = &w->temperature_options;
    const adaptau_dataset_view         view = view_of(w->sides[0].data);
    const float *taus = adaptau_temperature_user_taus(w->sides[0].temperature);
    const float *losses = adaptau_temperature_unit_losses(w->sides[0].temperature);
    double       sum = 0.0, n = 0.0;
    for (int32_t u = 0; u < view.n_users; u++)
        if (!isnan(losses[u])) {
            sum += (double)losses[u];
            n += 1.0;
        }
    if (o->tau_user_policy == ADAPTAU_TAU_USER_LEARNED)
        return;
    if (n > 0.0 && o->tau_user_policy != ADAPTAU_TAU_USER_NONE && o->threshold_quantile == 0.0)
        must_near(state->threshold, sum / n, 1e-9 * fmax(1.0, fabs(sum / n)), "the threshold");
    for (int32_t u = 0; u < view.n_users; u++) {
        const double divisor = o->tau_user_policy == ADAPTAU_TAU_USER_MINIMISER ? o->divisor * state->tau0 : o->divisor;
        const bool   personal = o->tau_user_policy != ADAPTAU_TAU_USER_NONE && !isnan(losses[u]);
        const double factor = personal ? exp(truth_of_lambert(((double)losses[u] - state->threshold) / divisor)) : 1.0;
        const double want = fmin(state->tau0 * factor, 1e30);
        must_near((double)taus[u], want, 2e-6 * want + (factor < 0.4 ? 1e-3 * want : 0.0), "tau of a user"); /* a branch point */
    }
}

bool temper(struct world *w)
{
    need_model(w);
    need_temperature(w);
    if (is_empty(w)) {
        must(call_both(w, update_temperature, NULL) == ADAPTAU_E_STATE, "an empty dataset has no temperature");
        return false;
    }
    const adaptau_temperature_state before = state_of(&w->sides[0]);
    const adaptau_tables            tables = final_tables(&w->sides[0]);
    call_both_well(w, "update", update_temperature, NULL);
    truth_of_tables(&tables, flags_of(w), &tables_truth);
    const adaptau_temperature_state state = state_of(&w->sides[0]);
    must(state.n_updates == before.n_updates + 1, "an update is counted");
    check_moments(w, &state);
    check_tau0(w, &before, &state);
    check_user_taus(w, &state);
    return true;
}

void temper_model(struct world *w)
{
    temper(w);
}
