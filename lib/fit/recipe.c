/* SPDX-License-Identifier: MIT */
/* The defaults of a recipe, and what is wrong with one. by_data.c has the rules for what the data decide, parts.c what single
 * objects are told. */
#include <adaptau/experimental.h>

#include "fit/recipe.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/abi.h"
#include "common/error.h"
#include "fit/by_data.h"

#define DIM 64
#define N_CANDIDATES 1024
#define TAU_MIN 0.03
#define TAU_MAX 10

static const adaptau_recipe defaults = {
    .struct_size = sizeof(adaptau_recipe),
    .init = ADAPTAU_INIT_SPECTRAL,
    .normalise = ADAPTAU_BY_DATA,
    .unit_raw_rows = ADAPTAU_BY_DATA,
    .rank_raw = ADAPTAU_BY_DATA,
    .row_second_moment = ADAPTAU_BY_DATA,
    .tau0_policy = ADAPTAU_BY_DATA,
    .tau_user_policy = ADAPTAU_BY_DATA,
    .log_q = 1,
    .positives_outside_sum = ADAPTAU_BY_DATA,
    .dim = DIM,
    .n_layers = ADAPTAU_BY_DATA,
    .rows_per_batch = ADAPTAU_BY_DATA,
    .n_candidates = N_CANDIDATES,
    .epochs = ADAPTAU_BY_DATA,
    .warmup_epochs = 1,
    .gate = ADAPTAU_BY_DATA,
    .margin = ADAPTAU_BY_DATA,
    .negative_weight = ADAPTAU_BY_DATA,
    .tau_min = TAU_MIN,
    .tau_max = TAU_MAX,
    .tau_divisor = ADAPTAU_BY_DATA,
    .tau_learning_rate = ADAPTAU_BY_DATA,
    .popularity_exponent = ADAPTAU_BY_DATA,
    .row_weight_exponent = ADAPTAU_BY_DATA,
    .soft_targets = ADAPTAU_BY_DATA,
    .learning_rate_users = ADAPTAU_BY_DATA,
    .learning_rate_items = ADAPTAU_BY_DATA,
    .popularity_prior = ADAPTAU_BY_DATA,
    .top_k = ADAPTAU_BY_DATA,
    .weight_tau = ADAPTAU_BY_DATA,
    .positive_scale = ADAPTAU_BY_DATA,
};

adaptau_status adaptau_recipe_init(adaptau_recipe *recipe, adaptau_error *error)
{
    return atau_init_struct(recipe, &defaults, sizeof defaults, sizeof defaults, "recipe", error);
}

adaptau_status atau_read_recipe(adaptau_recipe *out, const adaptau_recipe *recipe, adaptau_error *error)
{
    if (!recipe) {
        *out = defaults;
        return ADAPTAU_OK;
    }
    adaptau_status status = atau_read_struct(out, sizeof *out, sizeof *out, recipe, false, "recipe", error);
    if (!status && recipe->struct_size < sizeof *out) {
        atau_complete_struct(out, &defaults, sizeof *out, recipe);
        atau_recipe_by_loss(out); /* a recipe that its caller has filled needs no data any more */
    }
    return status;
}

/* ---- each member alone -------------------------------------------------------------------------------------------- */

/* Refuse a member. A value of −1 that is still there was never filled in, or stands where the data do not decide. */
static adaptau_status refuse(const char *name, double value, const char *wanted, adaptau_error *error)
{
    if (value == ADAPTAU_BY_DATA)
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "recipe->%s = -1 (ADAPTAU_BY_DATA), but %s is wanted: adaptau_recipe_fill replaces "
                         "ADAPTAU_BY_DATA in the members whose comments say \"by data\", again after other members were changed",
                         name, wanted);
    return atau_fail(error, ADAPTAU_E_ARGUMENT, "recipe->%s = %.15g, but %s is wanted", name, value, wanted);
}

/* `range` in the notation of intervals says which ends belong to it. */
static bool lies_within(double value, double low, double high, const char *range)
{
    const bool above = range[0] == '(' ? value > low : value >= low;
    const bool below = range[strlen(range) - 1] == ')' ? value < high : value <= high;
    return above && below;
}

static adaptau_status check_choices(const adaptau_recipe *r, adaptau_error *error)
{
    adaptau_recipe found = *r; /* by trials, which may still have to decide                                 */
    if (atau_recipe_has_trials(r))
        atau_recipe_without_trials(&found);
    const struct {
        int32_t     value, last;
        const char *name, *wanted;
    } choices[] = {
        {r->encoder, ADAPTAU_ENCODER_SIMPLEX, "encoder", "one of ADAPTAU_ENCODER_*"},
        {r->init, ADAPTAU_INIT_SPECTRAL, "init", "ADAPTAU_INIT_SPHERE, _XAVIER or _SPECTRAL"},
        {r->normalise, (int32_t)ADAPTAU_NORMALISE_BOTH, "normalise", "0 or ADAPTAU_NORMALISE_*"},
        {r->free_length, 1, "free_length", "0 or 1"},
        {r->unit_raw_rows, 1, "unit_raw_rows", "0 or 1"},
        {r->rank_raw, 1, "rank_raw", "0 or 1"},
        {r->row_second_moment, 1, "row_second_moment", "0 or 1"},
        {r->bfloat16, 1, "bfloat16", "0 or 1"},
        {r->loss, ADAPTAU_LOSS_PSL, "loss", "one of ADAPTAU_LOSS_*"},
        {r->tau0_policy, ADAPTAU_TAU0_HELD_OUT, "tau0_policy", "one of ADAPTAU_TAU0_*"},
        {found.tau_user_policy, ADAPTAU_TAU_USER_LEARNED, "tau_user_policy", "one of ADAPTAU_TAU_USER_*"},
        {r->candidates, ADAPTAU_SAMPLER_PER_ROW_UNIFORM, "candidates", "ADAPTAU_SAMPLER_CATALOGUE, ... _PER_ROW_UNIFORM"},
        {r->log_q, 1, "log_q", "0 or 1"},
        {r->reject_positives, 1, "reject_positives", "0 or 1"},
        {found.positives_outside_sum, 1, "positives_outside_sum", "0 or 1"},
        {r->activation, ADAPTAU_ACTIVATION_ATAN, "activation", "one of ADAPTAU_ACTIVATION_*"},
        {r->reserved, 0, "reserved", "0"},
    };
    for (size_t i = 0; i < sizeof choices / sizeof *choices; i++)
        if (choices[i].value < 0 || choices[i].value > choices[i].last)
            return refuse(choices[i].name, choices[i].value, choices[i].wanted, error);
    return ADAPTAU_OK;
}

static adaptau_status check_counts(const adaptau_recipe *r, adaptau_error *error)
{
    const struct {
        int64_t     value, least, most;
        const char *name;
    } counts[] = {
        {r->dim, 1, ADAPTAU_MAX_DIM, "dim"},
        {r->n_layers, 0, ADAPTAU_MAX_LAYERS, "n_layers"},
        {r->rows_per_batch, 1, INT32_MAX, "rows_per_batch"},
        {r->n_candidates, 1, INT32_MAX, "n_candidates"},
        {r->epochs, 1, INT32_MAX, "epochs"},
        {r->warmup_epochs, 1, INT32_MAX, "warmup_epochs"},
        {r->top_k, 0, ADAPTAU_LOSS_MOST_K, "top_k"},
    };
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        char wanted[64];
        if (counts[i].value >= counts[i].least && counts[i].value <= counts[i].most)
            continue;
        snprintf(wanted, sizeof wanted, "%" PRId64 " ... %" PRId64, counts[i].least, counts[i].most);
        return refuse(counts[i].name, (double)counts[i].value, wanted, error);
    }
    return ADAPTAU_OK;
}

/* Bounds are those of the objects that get the numbers. */
static adaptau_status check_numbers(const adaptau_recipe *r, adaptau_error *error)
{
    const struct {
        double      value, low, high;
        const char *name, *range;
    } numbers[] = {
        {r->edge_dropout, 0, 1, "edge_dropout", "[0, 1)"},
        {r->layer_dropout, 0, 1, "layer_dropout", "[0, 1)"},
        {r->gate, 0, 1, "gate", "[0, 1]"},
        {r->weight_decay, 0, 1e6, "weight_decay", "[0, 1e6]"},
        {r->margin, 0, 1e30, "margin", "[0, 1e30]"},
        {r->negative_weight, 0, 1e30, "negative_weight", "[0, 1e30]"},
        {r->tau, 0, 1e30, "tau", "[0, 1e30]"},
        {r->tau_min, 1e-30, 1e30, "tau_min", "[1e-30, 1e30]"},
        {r->tau_max, 1e-30, 1e30, "tau_max", "[1e-30, 1e30]"},
        {r->tau_divisor, 1e-30, 1e30, "tau_divisor", "[1e-30, 1e30]"},
        {r->tau_learning_rate, 1e-30, 10, "tau_learning_rate", "[1e-30, 10]"},
        {r->threshold_quantile, 0, 1, "threshold_quantile", "[0, 1)"},
        {r->degree_quantile, 0, 1, "degree_quantile", "[0, 1)"},
        {r->popularity_exponent, 0, 4, "popularity_exponent", "[0, 4]"},
        {r->row_weight_exponent, 0, 2, "row_weight_exponent", "(0, 2]"},
        {r->soft_targets, 0, 1e30, "soft_targets", "[0, 1e30]"},
        {r->learning_rate_users, 0, 1e6, "learning_rate_users", "[0, 1e6]"},
        {r->learning_rate_items, 0, 1e6, "learning_rate_items", "[0, 1e6]"},
        {r->popularity_prior, 0, 1e30, "popularity_prior", "[0, 1e30]"},
        {r->weight_tau, 0, 1e30, "weight_tau", "[0, 1e30]"},
        {r->positive_scale, 0, 1e30, "positive_scale", "[0, 1e30]"},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        if (!isfinite(numbers[i].value))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "recipe->%s = %g is not finite", numbers[i].name, numbers[i].value);
        if (!lies_within(numbers[i].value, numbers[i].low, numbers[i].high, numbers[i].range))
            return refuse(numbers[i].name, numbers[i].value, numbers[i].range, error);
    }
    return ADAPTAU_OK;
}

/* ---- members together --------------------------------------------------------------------------------------------- */

/* "recipe->NAME = VALUE, but REASON" where the member is set and must not be. */
struct rule {
    bool        broken;
    const char *name;
    double      value;
    const char *reason;
};

static adaptau_status check_rules(const struct rule *rules, size_t n, adaptau_error *error)
{
    for (size_t i = 0; i < n; i++)
        if (rules[i].broken)
            return atau_fail(error, ADAPTAU_E_ARGUMENT, "recipe->%s = %g, but %s", rules[i].name, rules[i].value,
                             rules[i].reason);
    return ADAPTAU_OK;
}

static adaptau_status check_encoder(const adaptau_recipe *r, adaptau_error *error)
{
    const bool        mf = r->encoder == ADAPTAU_ENCODER_MF, graph = r->encoder == ADAPTAU_ENCODER_LIGHTGCN;
    const struct rule rules[] = {
        {graph && r->n_layers < 1, "n_layers", (double)r->n_layers, "ADAPTAU_ENCODER_LIGHTGCN has at least 1"},
        {!graph && r->n_layers > 0, "n_layers", (double)r->n_layers, "only ADAPTAU_ENCODER_LIGHTGCN has layers"},
        {!graph && r->edge_dropout > 0, "edge_dropout", r->edge_dropout, "only ADAPTAU_ENCODER_LIGHTGCN has edges"},
        {!graph && r->layer_dropout > 0, "layer_dropout", r->layer_dropout, "only ADAPTAU_ENCODER_LIGHTGCN has layers"},
        {r->gate > 0 && r->encoder != ADAPTAU_ENCODER_SIMPLEX, "gate", r->gate, "only ADAPTAU_ENCODER_SIMPLEX has a gate"},
        {mf && r->unit_raw_rows, "unit_raw_rows", r->unit_raw_rows, "raw rows of ADAPTAU_ENCODER_MF are its embeddings"},
    };
    return check_rules(rules, sizeof rules / sizeof *rules, error);
}

static adaptau_status check_loss(const adaptau_recipe *r, adaptau_error *error)
{
    const bool softmax = atau_recipe_is_softmax(r), ccl = r->loss == ADAPTAU_LOSS_CCL, mse = r->loss == ADAPTAU_LOSS_MSE;
    const bool weighs = ccl || mse || r->loss == ADAPTAU_LOSS_BCE || r->loss == ADAPTAU_LOSS_BSL;
    const bool closed = r->tau_user_policy != ADAPTAU_TAU_USER_NONE && r->tau_user_policy != ADAPTAU_TAU_USER_LEARNED;
    const bool        learned0 = r->tau0_policy == ADAPTAU_TAU0_LEARNED, learned = r->tau_user_policy == ADAPTAU_TAU_USER_LEARNED;
    const bool        catalogue = r->candidates == ADAPTAU_SAMPLER_CATALOGUE;
    const struct rule rules[] = {
        {r->margin > 0 && !ccl, "margin", r->margin, "only ADAPTAU_LOSS_CCL has one"},
        {r->negative_weight > 0 && !weighs, "negative_weight", r->negative_weight, "only ADAPTAU_LOSS_CCL, _BCE, _MSE and _BSL have one"},
        {r->negative_weight == 0 && weighs, "negative_weight", 0, "ADAPTAU_LOSS_CCL, _BCE, _MSE and _BSL need one above 0"},
        {r->soft_targets > 0 && !softmax, "soft_targets", r->soft_targets, "only ADAPTAU_LOSS_SOFTMAX, _SLATK and _BSL have soft targets"},
        {closed && !softmax, "tau_user_policy", r->tau_user_policy,
         "only ADAPTAU_LOSS_SOFTMAX, _SLATK and _BSL have closed forms for users"},
        {learned0 && (ccl || mse), "tau0_policy", r->tau0_policy, "ADAPTAU_LOSS_CCL and _MSE have no temperature to learn"},
        {learned && (ccl || mse), "tau_user_policy", r->tau_user_policy, "ADAPTAU_LOSS_CCL and _MSE have no temperature to learn"},
        {r->popularity_exponent > 0 && catalogue && !softmax, "popularity_exponent", r->popularity_exponent,
         "the catalogue weighs by popularity with ADAPTAU_LOSS_SOFTMAX, _SLATK and _BSL only"},
        {r->popularity_exponent == 0 && r->candidates == ADAPTAU_SAMPLER_SHARED_POPULARITY, "popularity_exponent", 0,
         "that is ADAPTAU_SAMPLER_SHARED_UNIFORM"},
    };
    return check_rules(rules, sizeof rules / sizeof *rules, error);
}

/* Numbers that only the newer losses have. */
static adaptau_status check_loss_numbers(const adaptau_recipe *r, adaptau_error *error)
{
    const bool        slatk = r->loss == ADAPTAU_LOSS_SLATK, bsl = r->loss == ADAPTAU_LOSS_BSL;
    const struct rule rules[] = {
        {r->top_k > 0 && !slatk, "top_k", (double)r->top_k, "only ADAPTAU_LOSS_SLATK has one"},
        {r->top_k == 0 && slatk, "top_k", 0, "ADAPTAU_LOSS_SLATK needs one above 0"},
        {r->weight_tau > 0 && !slatk, "weight_tau", r->weight_tau, "only ADAPTAU_LOSS_SLATK has one"},
        {r->weight_tau == 0 && slatk, "weight_tau", 0, "ADAPTAU_LOSS_SLATK needs one above 0"},
        {r->positive_scale > 0 && !bsl, "positive_scale", r->positive_scale, "only ADAPTAU_LOSS_BSL has one"},
        {r->positive_scale == 0 && bsl, "positive_scale", 0, "ADAPTAU_LOSS_BSL needs one above 0"},
        {r->activation > 0 && r->loss != ADAPTAU_LOSS_PSL, "activation", r->activation, "only ADAPTAU_LOSS_PSL has one"},
    };
    return check_rules(rules, sizeof rules / sizeof *rules, error);
}

static adaptau_status check_temperature(const adaptau_recipe *r, adaptau_error *error)
{
    const bool        fixed = r->tau0_policy == ADAPTAU_TAU0_FIXED, learned = r->tau0_policy == ADAPTAU_TAU0_LEARNED;
    const bool        has_temperature = r->loss != ADAPTAU_LOSS_CCL && r->loss != ADAPTAU_LOSS_MSE;
    const struct rule rules[] = {
        {fixed && r->tau == 0, "tau", 0, "ADAPTAU_TAU0_FIXED needs one above 0"},
        {r->tau > 0 && !fixed && !learned, "tau", r->tau, "only ADAPTAU_TAU0_FIXED and _LEARNED are given one"},
        {r->tau0_policy == ADAPTAU_TAU0_HELD_OUT && !has_temperature, "tau0_policy", r->tau0_policy,
         "ADAPTAU_LOSS_CCL and _MSE have no temperature to find"},
        {learned && r->tau_user_policy != ADAPTAU_TAU_USER_NONE, "tau_user_policy", r->tau_user_policy,
         "with ADAPTAU_TAU0_LEARNED there is one temperature"},
        {r->tau_min > r->tau_max, "tau_min", r->tau_min, "tau_max is below it"},
    };
    return check_rules(rules, sizeof rules / sizeof *rules, error);
}

adaptau_status atau_check_recipe(const adaptau_recipe *recipe, adaptau_error *error)
{
    adaptau_status status = check_choices(recipe, error);
    if (!status)
        status = check_counts(recipe, error);
    if (!status)
        status = check_numbers(recipe, error);
    if (!status)
        status = check_encoder(recipe, error);
    if (!status)
        status = check_loss(recipe, error);
    if (!status)
        status = check_loss_numbers(recipe, error);
    return status ? status : check_temperature(recipe, error);
}

/* ---- filling ------------------------------------------------------------------------------------------------------ */

adaptau_status adaptau_recipe_fill_for(adaptau_recipe *recipe, int32_t n_users, int32_t n_items, int64_t n_interactions,
                                       adaptau_error *error)
{
    adaptau_recipe own;
    ATAU_REQUIRE(recipe, error);
    adaptau_status status = atau_read_recipe(&own, recipe, error);
    if (status)
        return status;
    if (n_users < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_users = %d is negative", n_users);
    if (n_items < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_items = %d is negative", n_items);
    if (n_interactions < 0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_interactions = %" PRId64 " is negative", n_interactions);
    atau_recipe_by_data(&own, n_users, n_items, n_interactions);
    status = atau_check_recipe(&own, error);
    if (!status)
        atau_write_struct(recipe, &own, sizeof own);
    return status;
}

adaptau_status adaptau_recipe_fill(adaptau_recipe *recipe, const adaptau_dataset *dataset, adaptau_error *error)
{
    ATAU_REQUIRE(recipe, error);
    ATAU_REQUIRE(dataset, error);
    return adaptau_recipe_fill_for(recipe, adaptau_dataset_n_users(dataset), adaptau_dataset_n_items(dataset),
                                   adaptau_dataset_n_interactions(dataset), error);
}
