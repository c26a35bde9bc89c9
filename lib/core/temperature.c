/* SPDX-License-Identifier: MIT */
/* The object: made, grown and destroyed, given losses, asked for temperatures. What the other files of a temperature need of it is
 * in temperature_object.c; how temperatures follow from what was measured, in temperature_update.c and temperature_learned.c. */
#include "core/temperature_doors.h"

#include <adaptau/shards.h>
#include <adaptau/experimental.h>

#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/context.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/quantile.h"
#include "core/row_map.h"
#include "core/temperature_object.h"

/* ---- creation ---------------------------------------------------------------------------------------------------- */

/* Which users count, and L. Where all degrees are equal nobody is above a quantile: then all count. */
static void count_users(adaptau_temperature *t)
{
    const adaptau_dataset *d = t->dataset;
    int64_t                n_interactions = 0;
    t->least_degree = 0;
    t->state.n_users_counted = 0;
    if (t->options.degree_quantile > 0.0 && d->n_users > 0)
        t->least_degree =
            (int64_t)atau_quantile_of_degrees(d, t->options.degree_quantile) + 1;
    for (int32_t u = 0; u < d->n_users; u++)
        if (atau_user_degree(d, u) >= t->least_degree) {
            t->state.n_users_counted++;
            n_interactions += atau_user_degree(d, u);
        }
    if (t->state.n_users_counted == 0) {
        t->least_degree = 0;
        t->state.n_users_counted = d->n_users;
        n_interactions = d->n_interactions;
    }
    t->state.log_ratio = n_interactions > 0 ? adaptau_log_ratio(t->state.n_users_counted, d->n_items, n_interactions) : 0.0;
}

static void start(adaptau_temperature *t)
{
    count_users(t);
    if (t->options.tau0_policy == ADAPTAU_TAU0_FIXED) {
        t->state.tau0 = t->options.tau;
    } else {
        t->state.flags = ADAPTAU_TEMPERATURE_WARMING_UP;
        t->state.tau0 = atau_temperature_bound(t, atau_temperature_tau0(t, t->options.warmup_delta_mu), &t->state.flags);
    }
    if (t->options.tau0_policy == ADAPTAU_TAU0_LEARNED) {
        t->state.flags = 0;
        if (t->options.tau > 0.0)
            t->state.tau0 = atau_temperature_bound(t, t->options.tau, &t->state.flags);
        atau_log_tau_start(&t->learned_tau0, t->state.tau0);
    }
    for (int32_t u = 0; u < t->dataset->n_users && atau_temperature_learns_users(t); u++)
        atau_log_tau_start(&t->learned[u], t->state.tau0);
    for (int32_t u = 0; u < t->dataset->n_users; u++)
        t->unit_losses[u] = NAN;
    atau_temperature_begin_losses(t);
    atau_temperature_set_all(t);
}

static void lay_out(adaptau_temperature *t)
{
    t->unit_losses = atau_arena_take(&t->arena, (uint64_t)t->dataset->n_users, sizeof(float));
    t->n_losses = atau_arena_take(&t->arena, (uint64_t)t->dataset->n_users, sizeof *t->n_losses);
    t->taus = atau_arena_take(&t->arena, (uint64_t)t->dataset->n_users, sizeof(float));
    t->learned =
        atau_arena_take(&t->arena, atau_temperature_learns_users(t) ? (uint64_t)t->dataset->n_users : 0, sizeof *t->learned);
}

adaptau_status adaptau_temperature_create(adaptau_context *context, const adaptau_dataset *dataset,
                                          const adaptau_temperature_options *given, adaptau_temperature **out,
                                          adaptau_error *error)
{
    adaptau_temperature_options options;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_struct(&options, sizeof options, sizeof options, given, true, "options", error);
    if (status == ADAPTAU_OK) {
        const adaptau_temperature_options defaults = atau_temperature_defaults(options.tau0_policy, options.tau_user_policy);
        atau_complete_struct(&options, &defaults, sizeof options, given);
    }
    if (status == ADAPTAU_OK)
        status = atau_temperature_check_options(&options, error);
    if (status != ADAPTAU_OK)
        return status;
    adaptau_temperature *t = atau_allocate_zeroed(context, 1, sizeof *t);
    if (!t)
        return atau_fail_memory(error, sizeof *t, "the temperature");
    t->context = context;
    t->dataset = dataset;
    t->options = options;
    atau_busy_leave(&t->busy);
    lay_out(t);
    status = atau_arena_allocate(context, &t->arena, "the users' temperatures", error);
    if (status != ADAPTAU_OK) {
        adaptau_temperature_destroy(t);
        return status;
    }
    lay_out(t);
    start(t);
    *out = t;
    return ADAPTAU_OK;
}

/* What a user had, or a new user has. */
static void take_over_user(const adaptau_temperature *from, int32_t old, adaptau_temperature *to, int32_t u)
{
    const bool learns = atau_temperature_learns_users(to);
    if (old == ATAU_NEW_ROW) {
        to->taus[u] = (float)from->state.tau0;
        if (learns)
            atau_log_tau_start(&to->learned[u], from->state.tau0);
        return;
    }
    to->taus[u] = from->taus[old];
    to->unit_losses[u] = from->unit_losses[old];
    to->n_losses[u] = from->n_losses[old];
    if (learns)
        to->learned[u] = from->learned[old];
}

/* They may be the numbers of one who has gone. */
static void find_extremes(adaptau_temperature *t)
{
    float least = INFINITY, most = 0.0f;
    for (int32_t u = 0; u < t->dataset->n_users; u++) {
        least = fminf(least, t->taus[u]);
        most = fmaxf(most, t->taus[u]);
    }
    t->state.tau_user_min = most > 0.0f ? (double)least : t->state.tau0;
    t->state.tau_user_max = most > 0.0f ? (double)most : t->state.tau0;
}

/* Counted users and L are those of the new dataset. */
static void take_over(const adaptau_temperature *from, const struct atau_row_map *map, adaptau_temperature *to)
{
    const int64_t counted = to->state.n_users_counted;
    const double  log_ratio = to->state.log_ratio;
    to->state = from->state;
    to->state.n_users_counted = counted;
    to->state.log_ratio = log_ratio;
    to->learned_tau0 = from->learned_tau0;
    for (int32_t u = 0; u < to->dataset->n_users; u++)
        take_over_user(from, atau_row_from(map, ADAPTAU_SIDE_USERS, u), to, u);
    if (atau_row_map_removes(map, ADAPTAU_SIDE_USERS))
        find_extremes(to);
}

static adaptau_status remap(const adaptau_temperature *temperature, const struct atau_row_map *map, const adaptau_dataset *dataset,
                            adaptau_temperature **out, adaptau_error *error)
{
    adaptau_temperature *mapped = NULL;
    adaptau_status       status = atau_temperature_enter_shared(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = adaptau_temperature_create(temperature->context, dataset, &temperature->options, &mapped, error);
    if (status == ADAPTAU_OK) {
        take_over(temperature, map, mapped);
        *out = mapped;
    }
    atau_temperature_leave_shared(temperature);
    return status;
}

adaptau_status adaptau_temperature_grow(const adaptau_temperature *temperature, const adaptau_dataset *dataset,
                                        adaptau_temperature **out, adaptau_error *error)
{
    ATAU_REQUIRE(temperature, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    const adaptau_dataset    *d = temperature->dataset;
    const struct atau_row_map map = {{dataset->n_users, dataset->n_items}, {d->n_users, d->n_items}, {NULL, NULL}};
    if (dataset->n_users < d->n_users || dataset->n_items < d->n_items)
        return atau_fail(error, ADAPTAU_E_SHAPE, "dataset is %d x %d, but the temperature is of %d x %d already",
                         dataset->n_users, dataset->n_items, d->n_users, d->n_items);
    return remap(temperature, &map, dataset, out, error);
}

adaptau_status adaptau_temperature_remap(const adaptau_temperature *temperature, const adaptau_dataset *dataset,
                                         const adaptau_row_map *given, adaptau_temperature **out, adaptau_error *error)
{
    struct atau_row_map map;
    ATAU_REQUIRE(temperature, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    const adaptau_dataset *d = temperature->dataset;
    adaptau_status status = atau_read_row_map(temperature->context, given, dataset, d->n_users, d->n_items, &map, error);
    return status == ADAPTAU_OK ? remap(temperature, &map, dataset, out, error) : status;
}

void adaptau_temperature_destroy(adaptau_temperature *temperature)
{
    if (!temperature)
        return;
    adaptau_context *context = temperature->context;
    atau_arena_free(context, &temperature->arena);
    atau_free(context, temperature, sizeof *temperature);
}

/* ---- losses in, temperatures out --------------------------------------------------------------------------------- */

void atau_temperature_begin_losses(adaptau_temperature *t)
{
    for (int32_t u = 0; u < t->dataset->n_users; u++)
        t->n_losses[u] = 0.0;
}

/* The first loss after an update takes the place of what was there. */
static void add_loss(adaptau_temperature *t, int32_t user, float loss, double weight)
{
    const double mean = (double)t->unit_losses[user], before = t->n_losses[user];
    t->n_losses[user] += weight;
    t->unit_losses[user] = before == 0.0 ? loss : (float)(mean + ((double)loss - mean) * weight / t->n_losses[user]);
}

static adaptau_status check_losses(int32_t n, const float *unit_losses, const float *weights, adaptau_error *error)
{
    for (int32_t r = 0; r < n; r++)
        if (!isfinite(unit_losses[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "unit_losses[%d] = %g is not finite", r, (double)unit_losses[r]);
    for (int32_t r = 0; weights && r < n; r++) {
        if (!isfinite(weights[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "weights[%d] = %g is not finite", r, (double)weights[r]);
        if (weights[r] < 0.0f)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "weights[%d] = %g is negative", r, (double)weights[r]);
    }
    return ADAPTAU_OK;
}

static void add_losses(adaptau_temperature *t, const struct atau_temperature_report *report)
{
    for (int32_t r = 0; r < report->n; r++) {
        const int32_t user = report->users ? report->users[r] : r;
        const double  weight = report->positives ? (double)report->positives[r] : 1.0;
        if (weight == 0.0)
            continue;
        if (report->of_range || atau_user_degree(t->dataset, user) > 0) /* a user without interactions has no loss */
            add_loss(t, user, report->unit_losses[r], weight);
    }
}

/* Everything is checked before anything is written. */
static adaptau_status take_report(adaptau_temperature *t, const struct atau_temperature_report *report, adaptau_error *error)
{
    adaptau_status status = atau_temperature_check_users(t, report->n, report->users, error);
    if (status == ADAPTAU_OK && report->unit_losses)
        status = check_losses(report->n, report->unit_losses, report->positives, error);
    if (status == ADAPTAU_OK && report->d_inverse_tau)
        status = atau_temperature_check_slopes(report->n, report->d_inverse_tau, report->terms, error);
    if (status != ADAPTAU_OK)
        return status;
    if (report->unit_losses)
        add_losses(t, report);
    if (report->d_inverse_tau)
        atau_temperature_follow(t, report->n, report->users, report->d_inverse_tau, report->terms);
    return ADAPTAU_OK;
}

adaptau_status atau_temperature_tell(adaptau_temperature *temperature, const struct atau_temperature_report *report,
                                     adaptau_error *error)
{
    adaptau_status status = atau_temperature_enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = take_report(temperature, report, error);
    atau_busy_leave(&temperature->busy);
    return status;
}

adaptau_status adaptau_temperature_add_losses(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                              const float *unit_losses, const float *weights, adaptau_error *error)
{
    const struct atau_temperature_report report = {
        .n = n, .users = users, .unit_losses = unit_losses, .positives = weights};
    ATAU_REQUIRE(temperature, error);
    if (n > 0)
        ATAU_REQUIRE(unit_losses, error);
    return atau_temperature_tell(temperature, &report, error);
}

adaptau_status adaptau_temperature_add_losses_of_shard(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                                       const float *unit_losses, const float *weights,
                                                       adaptau_error *error)
{
    const struct atau_temperature_report report = {
        .n = n, .users = users, .unit_losses = unit_losses, .positives = weights, .of_range = true};
    ATAU_REQUIRE(temperature, error);
    if (n > 0)
        ATAU_REQUIRE(unit_losses, error);
    return atau_temperature_tell(temperature, &report, error);
}

static void copy_taus(const adaptau_temperature *t, int32_t n, const int32_t *users, float *candidates, float *positives)
{
    const bool split = atau_temperature_is_split(t);
    for (int32_t r = 0; r < n; r++) {
        candidates[r] = t->taus[users ? users[r] : r];
        if (positives)
            positives[r] = split ? (float)t->state.tau0 : candidates[r];
    }
}

adaptau_status adaptau_temperature_rows(const adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                        float *candidates, float *positives, adaptau_error *error)
{
    ATAU_REQUIRE(temperature, error);
    if (n > 0)
        ATAU_REQUIRE(candidates, error);
    adaptau_status status = atau_temperature_enter_shared(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_temperature_check_users(temperature, n, users, error);
    if (status == ADAPTAU_OK)
        copy_taus(temperature, n, users, candidates, positives);
    atau_temperature_leave_shared(temperature);
    return status;
}

adaptau_status adaptau_temperature_get_state(const adaptau_temperature *temperature, adaptau_temperature_state *out,
                                             adaptau_error *error)
{
    ATAU_REQUIRE(temperature, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status == ADAPTAU_OK)
        status = atau_temperature_enter_shared(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    atau_write_struct(out, &temperature->state, sizeof temperature->state);
    atau_temperature_leave_shared(temperature);
    return ADAPTAU_OK;
}

static adaptau_status check_state(const adaptau_temperature *t, const adaptau_temperature_state *s, const float *unit_losses,
                                  adaptau_error *error)
{
    if (!isfinite(s->tau0))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "state->tau0 = %g is not finite", s->tau0);
    if (s->tau0 <= 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "state->tau0 = %g, but a temperature is above 0", s->tau0);
    if (s->n_updates < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "state->n_updates = %lld is negative", (long long)s->n_updates);
    for (int32_t u = 0; unit_losses && u < t->dataset->n_users; u++)
        if (isinf(unit_losses[u]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "unit_losses[%d] is infinite", u);
    if (atau_temperature_is_learned(t))
        return atau_fail(error, ADAPTAU_E_STATE,
                         "a learned temperature remembers more than its state: adaptau_model_load_checkpoint");
    return ADAPTAU_OK;
}

adaptau_status adaptau_temperature_set_state(adaptau_temperature *temperature, const adaptau_temperature_state *given,
                                             const float *unit_losses, adaptau_error *error)
{
    adaptau_temperature_state state;
    ATAU_REQUIRE(temperature, error);
    adaptau_status status = atau_read_struct(&state, sizeof state, sizeof state, given, false, "state", error);
    if (status == ADAPTAU_OK)
        status = check_state(temperature, &state, unit_losses, error);
    if (status == ADAPTAU_OK)
        status = atau_temperature_enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    temperature->state = state;
    for (int32_t u = 0; u < temperature->dataset->n_users; u++)
        temperature->unit_losses[u] = unit_losses ? unit_losses[u] : NAN;
    atau_temperature_begin_losses(temperature);
    atau_temperature_set_all(temperature);
    atau_busy_leave(&temperature->busy);
    return ADAPTAU_OK;
}

const float *adaptau_temperature_unit_losses(const adaptau_temperature *temperature)
{
    return temperature ? temperature->unit_losses : NULL;
}

const float *adaptau_temperature_user_taus(const adaptau_temperature *temperature)
{
    return temperature ? temperature->taus : NULL;
}
