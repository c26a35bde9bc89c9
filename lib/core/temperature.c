/* SPDX-License-Identifier: MIT */
/* Policies: which closed form gives τ₀ and τ_u, and what happens where it gives nothing. An update measures first and
 * writes afterwards, so that a failure changes nothing. τ_u is computed on the caller's thread: for a million users it takes a
 * tenth of a second, once per epoch. */
#include "core/temperature.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "common/abi.h"
#include "common/arena.h"
#include "common/context.h"
#include "common/error.h"
#include "core/dataset.h"
#include "core/eq11.h"
#include "core/moments.h"
#include "core/temperature_learned.h"
#include "kernels/check.h"

/* Before temperatures were learned. */
#define SHORTEST_OPTIONS offsetof(adaptau_temperature_options, learning_rate)

#define INVERSE_E 0.36787944117144233

/* What a float32 temperature can be so that 1/τ and τ₀/e are ordinary numbers too. */
#define LEAST_TAU 1e-30
#define GREATEST_TAU 1e30

struct adaptau_temperature {
    adaptau_context            *context;
    const adaptau_dataset      *dataset;
    atau_busy                   busy;
    struct atau_arena           arena;        /* holds the arrays                                             */
    adaptau_temperature_options options;      /* defaults filled in                                           */
    int64_t                     least_degree; /* of a counted user                                            */
    adaptau_temperature_state   state;
    float                      *unit_losses; /* [n] L_u, NaN while not observed                               */
    float                      *taus;        /* [n] τ_u                                                       */
    struct atau_log_tau         learned_tau0; /* C-τ                                                          */
    struct atau_log_tau        *learned;      /* [n] Cu-τ only                                                */
};

bool atau_temperature_is_personal(const adaptau_temperature *temperature)
{
    return temperature->options.tau_user_policy != ADAPTAU_TAU_USER_NONE &&
           temperature->options.tau_user_policy != ADAPTAU_TAU_USER_LEARNED;
}

static bool learns_users(const adaptau_temperature *temperature)
{
    return temperature->options.tau_user_policy == ADAPTAU_TAU_USER_LEARNED;
}

bool atau_temperature_is_learned(const adaptau_temperature *temperature)
{
    return temperature->options.tau0_policy == ADAPTAU_TAU0_LEARNED || learns_users(temperature);
}

bool atau_temperature_is_split(const adaptau_temperature *temperature)
{
    return temperature->options.tau_user_policy == ADAPTAU_TAU_USER_RELEASED;
}

adaptau_status atau_temperature_check_fit(const adaptau_temperature *temperature, int32_t n_users, int32_t n_items,
                                          adaptau_error *error)
{
    const adaptau_dataset *d = temperature->dataset;
    if (d->n_users == n_users && d->n_items == n_items)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_SHAPE, "temperature is of %d users x %d items, but the model of %d x %d", d->n_users,
                     d->n_items, n_users, n_items);
}

static adaptau_status enter(adaptau_temperature *temperature, adaptau_error *error)
{
    if (atau_busy_enter(&temperature->busy))
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_STATE, "temperature is in use by another thread");
}

adaptau_status atau_temperature_enter_shared(const adaptau_temperature *temperature, adaptau_error *error)
{
    if (atau_busy_enter_shared(&temperature->busy))
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_STATE, "temperature is in use by another thread");
}

void atau_temperature_leave_shared(const adaptau_temperature *temperature)
{
    atau_busy_leave_shared(&temperature->busy);
}

struct atau_temperature_memory atau_temperature_memory(const adaptau_temperature *temperature)
{
    adaptau_temperature *t = (adaptau_temperature *)temperature;
    return (struct atau_temperature_memory){.options = &t->options,
                                            .n = t->dataset->n_users,
                                            .state = &t->state,
                                            .unit_losses = t->unit_losses,
                                            .taus = t->taus,
                                            .learned_tau0 = &t->learned_tau0,
                                            .learned = learns_users(t) ? t->learned : NULL};
}

/* ---- options ----------------------------------------------------------------------------------------------------- */

/* A number of the options: 0 stands for `standard`, anything else must be in [low, high]. */
static adaptau_status check_number(double *value, double standard, double low, double high, const char *name,
                                   adaptau_error *error)
{
    if (!isfinite(*value))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "options->%s = %g is not finite", name, *value);
    if (*value == 0.0)
        *value = standard;
    else if (*value < low || *value > high)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->%s = %g is outside %g ... %g", name, *value, low, high);
    return ADAPTAU_OK;
}

static adaptau_status check_numbers(adaptau_temperature_options *o, adaptau_error *error)
{
    const double below_one = 1.0 - DBL_EPSILON;
    const struct {
        double     *value;
        double      standard, low, high;
        const char *name;
    } numbers[] = {
        {&o->tau, 0.0, LEAST_TAU, GREATEST_TAU, "tau"},
        {&o->warmup_delta_mu, 0.7, LEAST_TAU, GREATEST_TAU, "warmup_delta_mu"},
        {&o->tau_min, 0.03, LEAST_TAU, GREATEST_TAU, "tau_min"},
        {&o->tau_max, 10.0, LEAST_TAU, GREATEST_TAU, "tau_max"},
        {&o->divisor, o->tau_user_policy == ADAPTAU_TAU_USER_RELEASED ? 1.0 : 2.0, LEAST_TAU, GREATEST_TAU, "divisor"},
        {&o->threshold_quantile, 0.0, DBL_MIN, below_one, "threshold_quantile"},
        {&o->degree_quantile, 0.0, DBL_MIN, below_one, "degree_quantile"},
        {&o->learning_rate, o->tau_user_policy == ADAPTAU_TAU_USER_LEARNED ? 0.03 : 0.001, LEAST_TAU, 10.0, "learning_rate"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        adaptau_status status = check_number(numbers[i].value, numbers[i].standard, numbers[i].low, numbers[i].high,
                                             numbers[i].name, error);
        if (status != ADAPTAU_OK)
            return status;
    }
    return ADAPTAU_OK;
}

static adaptau_status check_options(adaptau_temperature_options *o, adaptau_error *error)
{
    if (o->tau0_policy < ADAPTAU_TAU0_EQ14 || o->tau0_policy > ADAPTAU_TAU0_LEARNED)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau0_policy = %d is unknown", o->tau0_policy);
    if (o->tau_user_policy < ADAPTAU_TAU_USER_NONE || o->tau_user_policy > ADAPTAU_TAU_USER_LEARNED)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau_user_policy = %d is unknown", o->tau_user_policy);
    if (o->exact_sample < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->exact_sample = %d is negative", o->exact_sample);
    if (o->reserved)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->reserved = %d, not 0", o->reserved);
    adaptau_status status = check_numbers(o, error);
    if (status != ADAPTAU_OK)
        return status;
    if (o->tau0_policy == ADAPTAU_TAU0_FIXED && o->tau == 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau = 0, but options->tau0_policy is ADAPTAU_TAU0_FIXED");
    if (o->tau0_policy == ADAPTAU_TAU0_LEARNED && o->tau_user_policy != ADAPTAU_TAU_USER_NONE)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau_user_policy = %d, but tau0_policy is ADAPTAU_TAU0_LEARNED",
                         o->tau_user_policy);
    if (o->tau != 0.0 && o->tau0_policy != ADAPTAU_TAU0_FIXED && o->tau0_policy != ADAPTAU_TAU0_LEARNED)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau = %g, but options->tau0_policy = %d has none", o->tau,
                         o->tau0_policy);
    if (o->tau_min > o->tau_max)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "options->tau_min = %g is above options->tau_max = %g", o->tau_min,
                         o->tau_max);
    if (!o->exact_sample)
        o->exact_sample = 1024;
    if (!o->warmup_updates)
        o->warmup_updates = 1;
    return ADAPTAU_OK;
}

/* ---- quantiles --------------------------------------------------------------------------------------------------- */

/* What a quantile is taken of: a number of each user as an integer of the same order, or NO_KEY. */
typedef uint64_t (*key_function)(const adaptau_temperature *t, int32_t user);
#define NO_KEY UINT64_MAX

static uint64_t degree_key(const adaptau_temperature *t, int32_t user)
{
    return (uint64_t)atau_user_degree(t->dataset, user);
}

static double degree_of_key(uint64_t key)
{
    return (double)key;
}

static uint64_t loss_key(const adaptau_temperature *t, int32_t user)
{
    uint32_t bits;
    if (isnan(t->unit_losses[user]))
        return NO_KEY;
    memcpy(&bits, &t->unit_losses[user], sizeof bits);
    return bits & 0x80000000u ? (uint32_t)~bits : bits | 0x80000000u;
}

static double loss_of_key(uint64_t key)
{
    uint32_t bits = (uint32_t)key & 0x80000000u ? (uint32_t)key & 0x7FFFFFFFu : ~(uint32_t)key;
    float    loss;
    memcpy(&loss, &bits, sizeof loss);
    return (double)loss;
}

/* The k-th smallest key, by bisection of the 32 bits: no copy to sort, and no worst case. */
static uint64_t select_key(const adaptau_temperature *t, key_function key, int64_t k)
{
    uint64_t low = 0, high = UINT32_MAX;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        int64_t  n = 0;
        for (int32_t u = 0; u < t->dataset->n_users; u++)
            n += key(t, u) <= middle;
        if (n > k)
            high = middle;
        else
            low = middle + 1;
    }
    return low;
}

/* Linear between neighbours, of n > 0 keys: in the same arithmetic as numpy.quantile, so that comparisons with an observed
 * value come out alike. */
static double find_quantile(const adaptau_temperature *t, key_function key, double (*value)(uint64_t), int64_t n,
                            double quantile)
{
    double  position = quantile * (double)(n - 1);
    int64_t k = (int64_t)position;
    double  part = position - (double)k;
    double  below = value(select_key(t, key, k));
    double  above = k + 1 < n ? value(select_key(t, key, k + 1)) : below;
    return part < 0.5 ? below + (above - below) * part : above - (above - below) * (1.0 - part);
}

/* ---- creation ---------------------------------------------------------------------------------------------------- */

/* Which users count, and L. Where all degrees are equal nobody is above a quantile: then all count. */
static void count_users(adaptau_temperature *t)
{
    const adaptau_dataset *d = t->dataset;
    int64_t                n_pairs = 0;
    t->least_degree = 0;
    t->state.n_users_counted = 0;
    if (t->options.degree_quantile > 0.0 && d->n_users > 0)
        t->least_degree =
            (int64_t)find_quantile(t, degree_key, degree_of_key, d->n_users, t->options.degree_quantile) + 1;
    for (int32_t u = 0; u < d->n_users; u++)
        if (atau_user_degree(d, u) >= t->least_degree) {
            t->state.n_users_counted++;
            n_pairs += atau_user_degree(d, u);
        }
    if (t->state.n_users_counted == 0) {
        t->least_degree = 0;
        t->state.n_users_counted = d->n_users;
        n_pairs = d->n_pairs;
    }
    t->state.log_ratio = n_pairs > 0 ? adaptau_log_ratio(t->state.n_users_counted, d->n_items, n_pairs) : 0.0;
}

/* Into the bounds, with the flag. L <= 0 means that the positives outweigh the rest at any temperature: the formulas' limit is
 * infinity. */
static double bound_tau0(const adaptau_temperature *t, double tau0, uint32_t *flags)
{
    double bounded = fmin(t->options.tau_max, fmax(t->options.tau_min, tau0));
    if (bounded != tau0)
        *flags |= ADAPTAU_TEMPERATURE_BOUNDED;
    return bounded;
}

static double tau0_of_delta(const adaptau_temperature *t, double delta_mu)
{
    return t->state.log_ratio > 0.0 ? delta_mu / t->state.log_ratio : INFINITY;
}

static void set_all_taus(adaptau_temperature *t)
{
    for (int32_t u = 0; u < t->dataset->n_users; u++)
        t->taus[u] = (float)t->state.tau0;
    t->state.tau_user_min = t->state.tau_user_max = t->state.tau0;
}

static void start(adaptau_temperature *t)
{
    count_users(t);
    if (t->options.tau0_policy == ADAPTAU_TAU0_FIXED) {
        t->state.tau0 = t->options.tau;
    } else {
        t->state.flags = ADAPTAU_TEMPERATURE_WARMING_UP;
        t->state.tau0 = bound_tau0(t, tau0_of_delta(t, t->options.warmup_delta_mu), &t->state.flags);
    }
    if (t->options.tau0_policy == ADAPTAU_TAU0_LEARNED) {
        t->state.flags = 0;
        if (t->options.tau > 0.0)
            t->state.tau0 = bound_tau0(t, t->options.tau, &t->state.flags);
        atau_log_tau_start(&t->learned_tau0, t->state.tau0);
    }
    for (int32_t u = 0; u < t->dataset->n_users && learns_users(t); u++)
        atau_log_tau_start(&t->learned[u], t->state.tau0);
    for (int32_t u = 0; u < t->dataset->n_users; u++)
        t->unit_losses[u] = NAN;
    set_all_taus(t);
}

static void lay_out(adaptau_temperature *t)
{
    t->unit_losses = atau_arena_take(&t->arena, (size_t)t->dataset->n_users, sizeof(float));
    t->taus = atau_arena_take(&t->arena, (size_t)t->dataset->n_users, sizeof(float));
    t->learned = atau_arena_take(&t->arena, learns_users(t) ? (size_t)t->dataset->n_users : 0, sizeof *t->learned);
}

adaptau_status adaptau_temperature_create(adaptau_context *context, const adaptau_dataset *dataset,
                                          const adaptau_temperature_options *given, adaptau_temperature **out,
                                          adaptau_error *error)
{
    adaptau_temperature_options options;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_struct(&options, sizeof options, SHORTEST_OPTIONS, given, true, "options", error);
    if (status == ADAPTAU_OK)
        status = check_options(&options, error);
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

/* Counted users and L are those of the new dataset. */
static void take_over(const adaptau_temperature *from, adaptau_temperature *to)
{
    const size_t  n = (size_t)from->dataset->n_users;
    const int64_t counted = to->state.n_users_counted;
    const double  log_ratio = to->state.log_ratio;
    to->state = from->state;
    to->state.n_users_counted = counted;
    to->state.log_ratio = log_ratio;
    to->learned_tau0 = from->learned_tau0;
    for (int32_t u = 0; u < to->dataset->n_users; u++)
        to->taus[u] = (float)from->state.tau0;
    for (int32_t u = 0; u < to->dataset->n_users && learns_users(to); u++)
        atau_log_tau_start(&to->learned[u], from->state.tau0);
    if (n == 0)
        return;
    memcpy(to->taus, from->taus, n * sizeof *to->taus);
    memcpy(to->unit_losses, from->unit_losses, n * sizeof *to->unit_losses);
    if (learns_users(to))
        memcpy(to->learned, from->learned, n * sizeof *to->learned);
}

adaptau_status adaptau_temperature_grow(const adaptau_temperature *temperature, const adaptau_dataset *dataset,
                                        adaptau_temperature **out, adaptau_error *error)
{
    adaptau_temperature *grown = NULL;
    ATAU_REQUIRE(temperature, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    const adaptau_dataset *d = temperature->dataset;
    if (dataset->n_users < d->n_users || dataset->n_items < d->n_items)
        return atau_fail(error, ADAPTAU_E_SHAPE, "dataset is %d x %d, but the temperature is of %d x %d already",
                         dataset->n_users, dataset->n_items, d->n_users, d->n_items);
    adaptau_status status = atau_temperature_enter_shared(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = adaptau_temperature_create(temperature->context, dataset, &temperature->options, &grown, error);
    if (status == ADAPTAU_OK) {
        take_over(temperature, grown);
        *out = grown;
    }
    atau_temperature_leave_shared(temperature);
    return status;
}

void adaptau_temperature_destroy(adaptau_temperature *temperature)
{
    if (!temperature)
        return;
    adaptau_context *context = temperature->context;
    atau_arena_free(context, &temperature->arena);
    atau_free(context, temperature, sizeof *temperature);
}

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
    const bool warming_up = o->warmup_updates < 0 || t->state.n_updates < o->warmup_updates;
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
    double tau0 = tau0_of_delta(t, delta);
    if (o->tau0_policy == ADAPTAU_TAU0_EQ34 && !warming_up && next->log_ratio > 0.0)
        tau0 = tau0_eq34(next);
    next->tau0 = bound_tau0(t, tau0, &next->flags);
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

/* losses: of all users, where this dataset's are some of them. */
static double find_threshold(const adaptau_temperature *t, const double losses[2])
{
    if (t->options.threshold_quantile > 0.0)
        return find_quantile(t, loss_key, loss_of_key, t->state.n_users_observed, t->options.threshold_quantile);
    return losses[1] / losses[0];
}

/* Also says whether the user is clamped to τ₀/e. */
static double tau_of_user(const adaptau_temperature *t, double loss, bool *clamped)
{
    const double tau0 = t->state.tau0, threshold = t->state.threshold, divisor = t->options.divisor;
    const bool   eq15 = t->options.tau_user_policy == ADAPTAU_TAU_USER_EQ15;
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
    if (learns_users(t))
        return;
    set_all_taus(t);
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

/* τ₀ and τ_u by these moments. tables: for the exact root alone. */
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
    adaptau_status status = enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = atau_check_fit(temperature->context, given, temperature->dataset, &tables, error);
    if (status == ADAPTAU_OK && temperature->dataset->n_pairs == 0)
        status = atau_fail(error, ADAPTAU_E_STATE, "the dataset has no pairs to measure");
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
    for (int i = 0; i < 3; i++)
        finite = finite && isfinite(m->pairs[i]);
    if (!finite)
        return atau_fail(error, ADAPTAU_E_NUMERIC, "moments are not finite");
    if (!(m->users[0] > 0.0 && m->items[0] > 0.0 && m->pairs[0] > 0.0))
        return atau_fail(error, ADAPTAU_E_STATE, "moments of %g users, %g items and %g pairs: there is nothing to measure",
                         m->users[0], m->items[0], m->pairs[0]);
    adaptau_status status = check_count("users", m->users[0], error);
    if (status == ADAPTAU_OK)
        status = check_count("items", m->items[0], error);
    if (status == ADAPTAU_OK)
        status = check_count("pairs", m->pairs[0], error);
    if (status != ADAPTAU_OK)
        return status;
    if (o->tau0_policy == ADAPTAU_TAU0_EXACT || o->degree_quantile > 0.0 || o->threshold_quantile > 0.0)
        return atau_fail(error, ADAPTAU_E_STATE, "options->%s does not add up over ranges",
                         o->tau0_policy == ADAPTAU_TAU0_EXACT  ? "tau0_policy = ADAPTAU_TAU0_EXACT"
                         : o->degree_quantile > 0.0            ? "degree_quantile"
                                                               : "threshold_quantile");
    return ADAPTAU_OK;
}

/* L is the catalogue's, too. log_ratio is where tau0_of_delta finds it: it is put back when nothing comes of the update. */
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
    t->state.log_ratio = adaptau_log_ratio((int64_t)m->users[0], (int64_t)m->items[0], (int64_t)m->pairs[0]);
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
        status = enter(temperature, error);
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

/* ---- losses in, temperatures out --------------------------------------------------------------------------------- */

static adaptau_status check_users(const adaptau_temperature *t, int32_t n, const int32_t *users, adaptau_error *error)
{
    const int32_t n_users = t->dataset->n_users;
    if (n < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n = %d is negative", n);
    if (!users && n > n_users)
        return atau_fail(error, ADAPTAU_E_INDEX, "n = %d without users, but n_users = %d", n, n_users);
    for (int32_t r = 0; users && r < n; r++)
        if (users[r] < 0 || users[r] >= n_users)
            return atau_fail(error, ADAPTAU_E_INDEX, "users[%d] = %d, but n_users = %d", r, users[r], n_users);
    return ADAPTAU_OK;
}

static adaptau_status observe(adaptau_temperature *t, int32_t n, const int32_t *users, const float *unit_losses,
                              adaptau_error *error)
{
    adaptau_status status = check_users(t, n, users, error);
    if (status != ADAPTAU_OK)
        return status;
    for (int32_t r = 0; r < n; r++)
        if (!isfinite(unit_losses[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "unit_losses[%d] = %g is not finite", r, (double)unit_losses[r]);
    for (int32_t r = 0; r < n; r++) {
        int32_t user = users ? users[r] : r;
        if (atau_user_degree(t->dataset, user) > 0) /* a user without pairs has no loss: it says nothing of the mean */
            t->unit_losses[user] = unit_losses[r];
    }
    return ADAPTAU_OK;
}

adaptau_status adaptau_temperature_observe(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                           const float *unit_losses, adaptau_error *error)
{
    ATAU_REQUIRE(temperature, error);
    if (n > 0)
        ATAU_REQUIRE(unit_losses, error);
    adaptau_status status = enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = observe(temperature, n, users, unit_losses, error);
    atau_busy_leave(&temperature->busy);
    return status;
}

static void learn_tau0(adaptau_temperature *t, int32_t n, const float *d_inverse_tau, const float *terms)
{
    const adaptau_temperature_options *o = &t->options;
    double                             sum = 0.0, count = 0.0;
    for (int32_t r = 0; r < n; r++) {
        double here = terms ? (double)terms[r] : 1.0;
        sum += here > 0.0 ? (double)d_inverse_tau[r] : 0.0;
        count += here;
    }
    if (count == 0.0)
        return;
    t->state.tau0 = atau_log_tau_step(&t->learned_tau0, sum / count, o->learning_rate, o->tau_min, o->tau_max);
    set_all_taus(t);
}

static void learn_users(adaptau_temperature *t, int32_t n, const int32_t *users, const float *d_inverse_tau, const float *terms)
{
    const adaptau_temperature_options *o = &t->options;
    for (int32_t r = 0; r < n; r++) {
        const int32_t user = users ? users[r] : r;
        const double  count = terms ? (double)terms[r] : 1.0;
        if (count > 0.0)
            t->taus[user] = (float)atau_log_tau_step(&t->learned[user], (double)d_inverse_tau[r] / count, o->learning_rate,
                                                     o->tau_min, o->tau_max);
    }
    t->state.tau_user_min = INFINITY;
    t->state.tau_user_max = 0.0;
    for (int32_t u = 0; u < t->dataset->n_users; u++) {
        t->state.tau_user_min = fmin(t->state.tau_user_min, (double)t->taus[u]);
        t->state.tau_user_max = fmax(t->state.tau_user_max, (double)t->taus[u]);
    }
}

static adaptau_status learn(adaptau_temperature *t, int32_t n, const int32_t *users, const float *d_inverse_tau,
                            const float *terms, adaptau_error *error)
{
    adaptau_status status = check_users(t, n, users, error);
    if (status != ADAPTAU_OK)
        return status;
    for (int32_t r = 0; r < n; r++) {
        if (!isfinite(d_inverse_tau[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "d_inverse_tau[%d] = %g is not finite", r, (double)d_inverse_tau[r]);
        if (terms && !isfinite(terms[r]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "terms[%d] = %g is not finite", r, (double)terms[r]);
        if (terms && terms[r] < 0.0f)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "terms[%d] = %g is negative", r, (double)terms[r]);
    }
    if (learns_users(t))
        learn_users(t, n, users, d_inverse_tau, terms);
    else
        learn_tau0(t, n, d_inverse_tau, terms);
    return ADAPTAU_OK;
}

adaptau_status adaptau_temperature_learn(adaptau_temperature *temperature, int32_t n, const int32_t *users,
                                         const float *d_inverse_tau, const float *terms, adaptau_error *error)
{
    ATAU_REQUIRE(temperature, error);
    if (n > 0)
        ATAU_REQUIRE(d_inverse_tau, error);
    if (!atau_temperature_is_learned(temperature))
        return atau_fail(error, ADAPTAU_E_STATE, "the temperature is not learned: tau0_policy = %d, tau_user_policy = %d",
                         temperature->options.tau0_policy, temperature->options.tau_user_policy);
    adaptau_status status = enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    status = learn(temperature, n, users, d_inverse_tau, terms, error);
    atau_busy_leave(&temperature->busy);
    return status;
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
    status = check_users(temperature, n, users, error);
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
    if (!(s->tau0 > 0.0 && isfinite(s->tau0)))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "state->tau0 = %g is not positive and finite", s->tau0);
    if (s->n_updates < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "state->n_updates = %lld is negative", (long long)s->n_updates);
    for (int32_t u = 0; unit_losses && u < t->dataset->n_users; u++)
        if (isinf(unit_losses[u]))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "unit_losses[%d] is infinite", u);
    if (atau_temperature_is_learned(t))
        return atau_fail(error, ADAPTAU_E_STATE, "a learned temperature remembers more than its state: adaptau_model_load_checkpoint");
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
        status = enter(temperature, error);
    if (status != ADAPTAU_OK)
        return status;
    temperature->state = state;
    for (int32_t u = 0; u < temperature->dataset->n_users; u++)
        temperature->unit_losses[u] = unit_losses ? unit_losses[u] : NAN;
    set_all_taus(temperature);
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
