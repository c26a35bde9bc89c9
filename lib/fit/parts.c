/* SPDX-License-Identifier: MIT */
/* What a recipe tells the objects of a training. Members that no recipe has keep their defaults. */
#include <adaptau/experimental.h>

#include <float.h>
#include <inttypes.h>
#include <math.h>

#include "common/abi.h"
#include "common/error.h"
#include "fit/by_data.h"
#include "fit/recipe.h"

#define HOLD 0.3 /* of a run at full rates                                                                   */
#define LEAST_HELD_EPOCHS 8
#define PI 3.14159265358979323846

/* Read a filled recipe. */
static adaptau_status open_recipe(adaptau_recipe *own, const adaptau_recipe *recipe, adaptau_error *error)
{
    ATAU_REQUIRE(recipe, error);
    adaptau_status status = atau_read_recipe(own, recipe, error);
    return status ? status : atau_check_recipe(own, error);
}

static uint32_t model_flags(const adaptau_recipe *recipe)
{
    return (recipe->free_length ? ADAPTAU_MODEL_FREE_LENGTH : 0) | (recipe->unit_raw_rows ? ADAPTAU_MODEL_UNIT_RAW_ROWS : 0) |
           (recipe->rank_raw ? ADAPTAU_MODEL_RANK_RAW : 0) | (recipe->bfloat16 ? ADAPTAU_MODEL_BFLOAT16 : 0) |
           (recipe->row_second_moment ? ADAPTAU_MODEL_ROW_SECOND_MOMENT : 0) |
           ((uint32_t)recipe->normalise & ADAPTAU_NORMALISE_USERS ? 0 : ADAPTAU_MODEL_RAW_USERS) |
           ((uint32_t)recipe->normalise & ADAPTAU_NORMALISE_ITEMS ? 0 : ADAPTAU_MODEL_RAW_ITEMS);
}

adaptau_status adaptau_recipe_model_options(const adaptau_recipe *recipe, adaptau_model_options *out, adaptau_error *error)
{
    adaptau_recipe r;
    adaptau_status status = open_recipe(&r, recipe, error);
    if (!status)
        status = atau_check_output(out, sizeof *out, "out", error);
    if (status)
        return status;
    adaptau_model_options options = {.struct_size = sizeof options};
    status = adaptau_model_options_init(&options, error);
    options.flags = model_flags(&r);
    options.encoder = r.encoder;
    options.n_layers = (int32_t)r.n_layers;
    options.edge_dropout = r.edge_dropout;
    options.layer_dropout = r.layer_dropout;
    options.gate = r.gate;
    options.dim = (int32_t)r.dim;
    options.init = r.init;
    options.seed = r.seed;
    options.weight_decay = r.weight_decay;
    if (!status)
        atau_write_struct(out, &options, sizeof options);
    return status;
}

adaptau_status adaptau_recipe_loss(const adaptau_recipe *recipe, adaptau_loss *out, adaptau_error *error)
{
    adaptau_recipe r;
    adaptau_status status = open_recipe(&r, recipe, error);
    if (!status)
        status = atau_check_output(out, sizeof *out, "out", error);
    if (status)
        return status;
    adaptau_loss loss = {.struct_size = sizeof loss};
    status = adaptau_loss_init(&loss, r.loss, error);
    loss.margin = r.margin;
    loss.negative_weight = r.negative_weight;
    loss.top_k = (int32_t)r.top_k;
    loss.activation = r.activation;
    loss.weight_tau = r.weight_tau;
    loss.positive_scale = r.positive_scale;
    if (!status)
        atau_write_struct(out, &loss, sizeof loss);
    return status;
}

adaptau_status adaptau_recipe_temperature_options(const adaptau_recipe *recipe, adaptau_temperature_options *out,
                                                  adaptau_error *error)
{
    adaptau_recipe r;
    adaptau_status status = open_recipe(&r, recipe, error);
    if (!status)
        status = atau_check_output(out, sizeof *out, "out", error);
    if (status)
        return status;
    if (r.tau0_policy == ADAPTAU_TAU0_HELD_OUT)
        return atau_fail(error, ADAPTAU_E_STATE, "recipe->tau0_policy = ADAPTAU_TAU0_HELD_OUT: adaptau_tune has to find tau first");
    adaptau_temperature_options options = {.struct_size = sizeof options};
    status = adaptau_temperature_options_init(&options, r.tau0_policy, r.tau_user_policy, error);
    options.warmup_updates = (int32_t)r.warmup_epochs;
    options.tau = r.tau;
    options.tau_min = r.tau_min;
    options.tau_max = r.tau_max;
    options.divisor = r.tau_divisor;
    options.learning_rate = r.tau_learning_rate;
    options.threshold_quantile = r.threshold_quantile;
    options.degree_quantile = r.degree_quantile;
    if (!status)
        atau_write_struct(out, &options, sizeof options);
    return status;
}

/* Trials may have to decide what an object needs. */
static adaptau_status check_found(const char *name, int32_t value, adaptau_error *error)
{
    if (value == ADAPTAU_BY_DATA)
        return atau_fail(error, ADAPTAU_E_STATE, "recipe->%s = ADAPTAU_BY_DATA: adaptau_tune has to find it first", name);
    return ADAPTAU_OK;
}

static uint32_t sampler_flags(const adaptau_recipe *recipe)
{
    const bool drawn = recipe->candidates != ADAPTAU_SAMPLER_CATALOGUE && recipe->candidates != ADAPTAU_SAMPLER_PER_ROW_UNIFORM;
    return (recipe->positives_outside_sum ? ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM : 0) |
           (drawn && atau_recipe_is_softmax(recipe) && recipe->log_q ? ADAPTAU_SAMPLER_LOG_Q : 0) |
           (recipe->reject_positives ? ADAPTAU_SAMPLER_REJECT_POSITIVES : 0);
}

adaptau_status adaptau_recipe_sampler_options(const adaptau_recipe *recipe, adaptau_sampler_options *out, adaptau_error *error)
{
    adaptau_recipe r;
    adaptau_status status = open_recipe(&r, recipe, error);
    if (!status)
        status = atau_check_output(out, sizeof *out, "out", error);
    if (!status)
        status = check_found("positives_outside_sum", r.positives_outside_sum, error);
    if (status)
        return status;
    adaptau_sampler_options options = {.struct_size = sizeof options};
    status = adaptau_sampler_options_init(&options, r.candidates, error);
    options.flags = sampler_flags(&r);
    options.rows_per_batch = (int32_t)r.rows_per_batch;
    options.n_candidates = r.n_candidates;
    options.popularity_exponent = r.popularity_exponent;
    options.row_weight_exponent = r.row_weight_exponent;
    options.seed = r.seed;
    if (!status)
        atau_write_struct(out, &options, sizeof options);
    return status;
}

adaptau_status adaptau_recipe_fold_in_options(const adaptau_recipe *recipe, const adaptau_model *model,
                                              const adaptau_temperature *temperature, adaptau_fold_in_options *out,
                                              adaptau_error *error)
{
    adaptau_recipe            r;
    adaptau_temperature_state state = {.struct_size = sizeof state};
    ATAU_REQUIRE(model, error);
    adaptau_status status = open_recipe(&r, recipe, error);
    if (!status)
        status = atau_check_output(out, sizeof *out, "out", error);
    if (!status)
        status = check_found("positives_outside_sum", r.positives_outside_sum, error);
    if (!status)
        status = check_found("tau_user_policy", r.tau_user_policy, error);
    if (!status)
        status = adaptau_temperature_get_state(temperature, &state, error);
    if (status)
        return status;
    const bool softmax = r.loss == ADAPTAU_LOSS_SOFTMAX;
    const bool personal = softmax && r.tau_user_policy > ADAPTAU_TAU_USER_NONE && r.tau_user_policy <= ADAPTAU_TAU_USER_RELEASED &&
                          state.n_users_observed > 0; /* before that all users have τ₀, and there is no threshold */
    adaptau_fold_in_options options = {.struct_size = sizeof options};
    status = adaptau_fold_in_options_init(&options, model, personal ? r.tau_user_policy : ADAPTAU_TAU_USER_NONE, error);
    if (status)
        return status;
    options.flags = r.positives_outside_sum ? ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM : 0;
    options.tau = state.tau0;
    if (personal) {
        options.threshold = state.threshold;
        options.divisor = r.tau_divisor;
    }
    if (softmax)
        options.target_strength = r.soft_targets;
    if (softmax && r.candidates == ADAPTAU_SAMPLER_CATALOGUE)
        options.popularity_exponent = r.popularity_exponent;
    atau_write_struct(out, &options, sizeof options);
    return ADAPTAU_OK;
}

/* Where a run is long enough, users of large data travel further at full rates; short trials settle at once. Encoders other than
 * matrix factorisation were not tried. */
static double choose_hold(const adaptau_recipe *recipe)
{
    return recipe->encoder == ADAPTAU_ENCODER_MF && recipe->epochs >= LEAST_HELD_EPOCHS ? HOLD : 0;
}

/* Held for the first share of the run, then by a cosine to 0, step by step. */
void atau_recipe_learning_rates(const adaptau_recipe *recipe, int64_t epoch, int64_t step, int64_t n_steps, double *users,
                                double *items)
{
    const double done = (double)epoch * (double)n_steps + (double)step;
    const double total = (double)recipe->epochs * (double)n_steps, hold = choose_hold(recipe);
    const double decay = fmax(0, (done / total - hold) / (1 - hold));
    const double factor = done < total ? 0.5 * (1 + cos(PI * decay)) : 0;
    *users = recipe->learning_rate_users * factor;
    *items = recipe->learning_rate_items * factor;
}

adaptau_status adaptau_recipe_learning_rates(const adaptau_recipe *recipe, int64_t epoch, int64_t step, int64_t n_steps,
                                             double *users, double *items, adaptau_error *error)
{
    adaptau_recipe r;
    adaptau_status status = open_recipe(&r, recipe, error);
    if (status)
        return status;
    ATAU_REQUIRE(users, error);
    ATAU_REQUIRE(items, error);
    if (epoch < 0 || epoch > ATAU_LAST_EPOCH)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "epoch = %" PRId64 " is outside 0 ... 2^48 - 1", epoch);
    if (n_steps < 1)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "n_steps = %" PRId64 ", but an epoch has at least 1 step", n_steps);
    if (step < 0 || step >= n_steps)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "step = %" PRId64 " is outside 0 ... n_steps - 1 = %" PRId64, step, n_steps - 1);
    atau_recipe_learning_rates(&r, epoch, step, n_steps, users, items);
    return ADAPTAU_OK;
}

static double prior_of(const adaptau_dataset_view *view, int32_t item, double strength, double tau0)
{
    return strength * tau0 * log1p((double)(view->item_ptr[item + 1] - view->item_ptr[item]));
}

/* Before anything is written. */
static adaptau_status check_prior(const adaptau_dataset_view *view, double strength, double tau0, adaptau_error *error)
{
    for (int32_t i = 0; i < view->n_items; i++)
        if (!(fabs(prior_of(view, i, strength, tau0)) <= (double)FLT_MAX))
            return atau_fail(error, ADAPTAU_E_NUMERIC, "the prior of item %d, by strength = %g and tau0 = %g, is beyond float32", i,
                             strength, tau0);
    return ADAPTAU_OK;
}

adaptau_status adaptau_popularity_prior(const adaptau_dataset *dataset, double strength, double tau0, float *bias,
                                        adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(bias, error);
    if (!isfinite(strength))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "strength = %g is not finite", strength);
    if (!isfinite(tau0))
        return atau_fail(error, ADAPTAU_E_NUMERIC, "tau0 = %g is not finite", tau0);
    if (tau0 <= 0.0)
        return atau_fail(error, ADAPTAU_E_ARGUMENT, "tau0 = %g, but a temperature is above 0", tau0);
    adaptau_status status = adaptau_dataset_get_view(dataset, &view, error);
    if (!status)
        status = check_prior(&view, strength, tau0, error);
    for (int32_t i = 0; i < view.n_items && !status; i++)
        bias[i] = (float)prior_of(&view, i, strength, tau0);
    return status;
}
