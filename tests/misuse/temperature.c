/* SPDX-License-Identifier: MIT */
/* temperature.h */
#include <adaptau/experimental.h>

#include "misuse.h"
#include "../support/options.h"

static struct {
    adaptau_context                   *context;
    const adaptau_dataset             *dataset;
    const adaptau_temperature_options *options;
    adaptau_temperature               *temperature;
    const adaptau_tables              *tables;
    int32_t                            n;
    const int32_t                     *users;
    const float                       *unit_losses, *loss_weights, *d_inverse_tau, *terms;
    float                             *candidates, *positives;
    const adaptau_row_map             *map;
    void                              *out;

    STRUCT(adaptau_temperature_options, options);
    STRUCT(adaptau_temperature_state, out);
    STRUCT(adaptau_row_map, map);
    int32_t              from[USERS];
    TABLES_MEMBERS;
    int32_t              ids[3];
    float                numbers[3], weights[3], taus[3], others[3];
    adaptau_temperature *made;
} a;

#define OPTIONS a.options_struct.known
#define TABLES a.tables_struct.known
#define MAP a.map_struct.known

static void release(void)
{
    adaptau_temperature_destroy(a.made);
    a.made = NULL;
}

static void prepare_temperature_create(void)
{
    OPTIONS = full_temperature_options((adaptau_temperature_options){0});
    a.context = desk.context;
    a.dataset = desk.data;
    a.options = &OPTIONS;
    a.out = &a.made;
}

static adaptau_status call_temperature_create(adaptau_error *error)
{
    return adaptau_temperature_create(a.context, a.dataset, a.options, a.out, error);
}

static const struct misuse create[] = {
    IS_NULL(context),
    IS_NULL(dataset),
    IS_NULL(out),
    BAD_STRUCT(options),
    {ADAPTAU_E_ARGUMENT, "options->tau0_policy = 5", {TO(OPTIONS.tau0_policy, 5)}},
    {ADAPTAU_E_ARGUMENT, "options->tau0_policy = -1", {TO(OPTIONS.tau0_policy, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->tau_user_policy = 5", {TO(OPTIONS.tau_user_policy, 5)}},
    {ADAPTAU_E_ARGUMENT, "options->tau_user_policy = -1", {TO(OPTIONS.tau_user_policy, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->tau = 0", {TO(OPTIONS.tau0_policy, ADAPTAU_TAU0_FIXED)}},
    {ADAPTAU_E_ARGUMENT, "options->tau = -0.1", {TO(OPTIONS.tau0_policy, ADAPTAU_TAU0_FIXED), TO(OPTIONS.tau, -0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->tau = 1e-60", {TO(OPTIONS.tau0_policy, ADAPTAU_TAU0_FIXED), TO(OPTIONS.tau, 1e-60)}},
    {ADAPTAU_E_NUMERIC, "options->tau = nan", {TO(OPTIONS.tau, NAN)}},
    {ADAPTAU_E_ARGUMENT,
     "options->warmup_delta_mu = 0, but must be in 1e-30 ... 1e+30; adaptau_temperature_options_init writes the defaults",
     {TO(OPTIONS.warmup_delta_mu, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->tau_min = 0, but must be in 1e-30 ... 1e+30; adaptau_temperature_options_init writes the defaults",
     {TO(OPTIONS.tau_min, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->tau_max = 0, but must be in 1e-30 ... 1e+30; adaptau_temperature_options_init writes the defaults",
     {TO(OPTIONS.tau_max, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->divisor = 0, but must be in 1e-30 ... 1e+30; adaptau_temperature_options_init writes the defaults",
     {TO(OPTIONS.divisor, 0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->exact_sample = 0, but must be at least 1; adaptau_temperature_options_init writes the defaults",
     {TO(OPTIONS.exact_sample, 0)}},
    {ADAPTAU_E_ARGUMENT, "options->warmup_updates = -1 is negative", {TO(OPTIONS.warmup_updates, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->warmup_delta_mu = -0.5", {TO(OPTIONS.warmup_delta_mu, -0.5)}},
    {ADAPTAU_E_NUMERIC, "options->warmup_delta_mu = inf", {TO(OPTIONS.warmup_delta_mu, INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "options->tau_min = -1", {TO(OPTIONS.tau_min, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->tau_min = 11", {TO(OPTIONS.tau_min, 11.0)}},
    {ADAPTAU_E_ARGUMENT, "options->tau_max = -1", {TO(OPTIONS.tau_max, -1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->tau_max = 0.01", {TO(OPTIONS.tau_max, 0.01)}},
    {ADAPTAU_E_ARGUMENT, "options->divisor = -2", {TO(OPTIONS.divisor, -2.0)}},
    {ADAPTAU_E_NUMERIC, "options->divisor = nan", {TO(OPTIONS.divisor, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->threshold_quantile = 1", {TO(OPTIONS.threshold_quantile, 1.0)}},
    {ADAPTAU_E_ARGUMENT, "options->threshold_quantile = -0.1", {TO(OPTIONS.threshold_quantile, -0.1)}},
    {ADAPTAU_E_ARGUMENT, "options->degree_quantile = 1.5", {TO(OPTIONS.degree_quantile, 1.5)}},
    {ADAPTAU_E_NUMERIC, "options->degree_quantile = -inf", {TO(OPTIONS.degree_quantile, -INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "options->exact_sample = -1", {TO(OPTIONS.exact_sample, -1)}},
    {ADAPTAU_E_ARGUMENT, "options->reserved = 1", {TO(OPTIONS.reserved, 1)}},
    {ADAPTAU_E_NUMERIC, "options->learning_rate = nan", {TO(OPTIONS.learning_rate, NAN)}},
    {ADAPTAU_E_ARGUMENT, "options->learning_rate = -1", {TO(OPTIONS.learning_rate, -1.0)}},
    {ADAPTAU_E_ARGUMENT,
     "options->tau_user_policy = 4",
     {TO(OPTIONS.tau0_policy, ADAPTAU_TAU0_LEARNED), TO(OPTIONS.tau_user_policy, ADAPTAU_TAU_USER_LEARNED)}},
};

static void prepare_temperature_grow(void)
{
    a.temperature = desk.temperature;
    a.dataset = desk.larger;
    a.out = &a.made;
}

static adaptau_status call_temperature_grow(adaptau_error *error)
{
    return adaptau_temperature_grow(a.temperature, a.dataset, a.out, error);
}

static const struct misuse grow[] = {
    IS_NULL(temperature),
    IS_NULL(dataset),
    IS_NULL(out),
    {ADAPTAU_E_SHAPE, "5", {FROM(a.dataset, desk.smaller)}},
};

static void prepare_temperature_remap(void)
{
    a.temperature = desk.personal;
    a.dataset = desk.data;
    MAP = (adaptau_row_map){.struct_size = sizeof MAP, .n_users = USERS, .n_items = ITEMS, .users = a.from};
    for (int32_t r = 0; r < USERS; r++)
        a.from[r] = r == 2 ? -1 : USERS - 1 - r;
    a.map = &MAP;
    a.out = &a.made;
}

static adaptau_status call_temperature_remap(adaptau_error *error)
{
    return adaptau_temperature_remap(a.temperature, a.dataset, a.map, a.out, error);
}

static const struct misuse remap[] = {
    IS_NULL(temperature),
    IS_NULL(dataset),
    IS_NULL(map),
    IS_NULL(out),
    BAD_STRUCT(map),
    {ADAPTAU_E_SHAPE, "map is of 6 users x 8 items, but dataset of 7 x 9", {FROM(a.dataset, desk.larger)}},
    {ADAPTAU_E_INDEX, "map->users[0] = 6, but there were 6 users", {TO(a.from[0], 6)}},
    {ADAPTAU_E_INDEX, "map->users[1] = 5, which map->users[0] is, too", {TO(a.from[1], 5)}},
};

static void prepare_temperature_update(void)
{
    PREPARE_TABLES;
    a.tables = &TABLES;
    a.temperature = desk.temperature;
}

static adaptau_status call_temperature_update(adaptau_error *error)
{
    return adaptau_temperature_update(a.temperature, a.tables, error);
}

static const struct misuse update[] = {
    IS_NULL(temperature),
    BAD_TABLES,
    {ADAPTAU_E_SHAPE, "5", {TO(TABLES.n_users, USERS - 1)}},
    {ADAPTAU_E_SHAPE, "9", {TO(TABLES.n_items, ITEMS + 1)}},
    {ADAPTAU_E_STATE, "no interactions to measure", {FROM(a.temperature, desk.of_no_pairs)}},
};

static void prepare_users(void)
{
    for (int k = 0; k < 3; k++) {
        a.ids[k] = k;
        a.numbers[k] = 5.0f;
        a.weights[k] = 1.0f;
    }
    a.temperature = desk.learned;
    a.n = 3;
    a.users = a.ids;
    a.unit_losses = a.d_inverse_tau = a.numbers;
    a.terms = a.loss_weights = a.weights;
    a.candidates = a.taus;
    a.positives = a.others;
}

#define prepare_temperature_add_losses prepare_users
#define prepare_temperature_add_losses_of_shard prepare_users
#define prepare_temperature_learn prepare_users
#define prepare_temperature_rows prepare_users

#define BAD_USERS                                                                                                       \
    IS_NULL(temperature), {ADAPTAU_E_ARGUMENT, "n = -1 is negative", {TO(a.n, -1)}},                                    \
        {ADAPTAU_E_INDEX, "n = 7 without users, but n_users = 6", {TO(a.n, 7), TO(a.users, NULL)}},                     \
        {ADAPTAU_E_INDEX, "users[1] = -1, but n_users = 6", {TO(a.ids[1], -1)}},                                        \
        {ADAPTAU_E_INDEX, "users[2] = 6, but n_users = 6", {TO(a.ids[2], USERS)}}

static adaptau_status call_temperature_add_losses(adaptau_error *error)
{
    return adaptau_temperature_add_losses(a.temperature, a.n, a.users, a.unit_losses, a.loss_weights, error);
}

static adaptau_status call_temperature_add_losses_of_shard(adaptau_error *error)
{
    return adaptau_temperature_add_losses_of_shard(a.temperature, a.n, a.users, a.unit_losses, a.loss_weights, error);
}

static const struct misuse observe[] = {
    BAD_USERS,
    IS_NULL(unit_losses),
    {ADAPTAU_E_NUMERIC, "unit_losses[1] = inf is not finite", {TO(a.numbers[1], INFINITY), TO(a.numbers[2], NAN)}},
    {ADAPTAU_E_NUMERIC, "weights[0] = nan is not finite", {TO(a.weights[0], NAN)}},
    {ADAPTAU_E_ARGUMENT, "weights[2] = -1 is negative", {TO(a.weights[2], -1.0f)}},
};

static adaptau_status call_temperature_learn(adaptau_error *error)
{
    return adaptau_temperature_learn(a.temperature, a.n, a.users, a.d_inverse_tau, a.terms, error);
}

static const struct misuse learn[] = {
    BAD_USERS,
    IS_NULL(d_inverse_tau),
    {ADAPTAU_E_STATE, "not learned", {FROM(a.temperature, desk.temperature)}},
    {ADAPTAU_E_NUMERIC, "d_inverse_tau[2] = nan is not finite", {TO(a.numbers[2], NAN)}},
    {ADAPTAU_E_NUMERIC, "terms[0] = inf is not finite", {TO(a.weights[0], INFINITY)}},
    {ADAPTAU_E_ARGUMENT, "terms[1] = -1 is negative", {TO(a.weights[1], -1.0f)}},
};

static adaptau_status call_temperature_rows(adaptau_error *error)
{
    return adaptau_temperature_rows(a.temperature, a.n, a.users, a.candidates, a.positives, error);
}

static const struct misuse rows[] = {
    BAD_USERS,
    IS_NULL(candidates),
};

static void prepare_temperature_get_state(void)
{
    a.out_struct.known = (adaptau_temperature_state){.struct_size = sizeof a.out_struct.known};
    a.temperature = desk.temperature;
    a.out = &a.out_struct.known;
}

static adaptau_status call_temperature_get_state(adaptau_error *error)
{
    return adaptau_temperature_get_state(a.temperature, a.out, error);
}

static const struct misuse get_state[] = {
    IS_NULL(temperature),
    IS_NULL(out),
    BAD_SIZES(out),
};

static const struct subject subjects[] = {
    SUBJECT(temperature_create, create),   SUBJECT(temperature_grow, grow), SUBJECT(temperature_remap, remap),
    SUBJECT(temperature_update, update),   SUBJECT(temperature_add_losses, observe),
    SUBJECT(temperature_add_losses_of_shard, observe), SUBJECT(temperature_learn, learn),
    SUBJECT(temperature_rows, rows),       SUBJECT(temperature_get_state, get_state),
};

/* ---- what cannot fail ------------------------------------------------------------------------------------------- */

static void call_temperature_destroy(void)
{
    adaptau_temperature_destroy(NULL);
}

static void call_temperature_user_taus(void)
{
    ck_assert_ptr_null(adaptau_temperature_user_taus(NULL));
}

static const struct harmless harmless[] = {HARMLESS(temperature_destroy), HARMLESS(temperature_user_taus)};

MISUSE_FILE(temperature);
