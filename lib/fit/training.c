/* SPDX-License-Identifier: MIT */
/* The schedule around a host's steps. begin_epoch does what an epoch needs, in three calls that may each fail. The first of
 * them, the temperature's update, must not be made twice: a repeated begin_epoch remembers it. The learning rates of a step
 * are set before its batch is taken, so that they belong to the batch that is handed out; a batch that could not be made is
 * asked for again. */
#include <adaptau/files.h>
#include <adaptau/fit.h>
#include <adaptau/tune.h>

#include <inttypes.h>
#include <stddef.h>

#include "common/abi.h"
#include "common/context.h"
#include "common/error.h"
#include "fit/by_data.h"
#include "fit/recipe.h"
#include "fit/training.h"

#define NO_EPOCH (-1)

struct adaptau_training {
    adaptau_context       *context;
    const adaptau_dataset *dataset;
    adaptau_recipe         recipe; /* filled */
    adaptau_model         *model;  /* NULL once it has been taken out */
    adaptau_temperature   *temperature;
    adaptau_sampler       *sampler;
    float                 *bias; /* [m] the popularity prior, made at each end of an epoch */
    int64_t                n_steps;
    int64_t                epoch;    /* begun last, or NO_EPOCH */
    int64_t                measured; /* epoch whose temperature is set although its beginning failed, or NO_EPOCH */
    int                    ready;    /* batches may be asked for */
    int64_t                step;     /* batches handed out in this epoch */
    double                 batch_weight; /* of the batch that is out; negative: none, or its loss is noted */
    double                 loss, weight; /* sums over the epoch's noted batches */
    double                 tau0;
    atau_busy              busy;
};

/* ---- life --------------------------------------------------------------------------------------------------------- */

static adaptau_status make_model(adaptau_training *training, float *users, float *items, adaptau_error *error)
{
    adaptau_model_options options = {.struct_size = sizeof options};
    adaptau_loss          loss = {.struct_size = sizeof loss};
    adaptau_status        status = adaptau_recipe_model_options(&training->recipe, &options, error);
    options.init = users ? ADAPTAU_INIT_HOST : options.init;
    options.host_users = users;
    options.host_items = items;
    if (!status)
        status = adaptau_recipe_loss(&training->recipe, &loss, error);
    if (!status)
        status = adaptau_model_create(training->context, training->dataset, &options, &training->model, error);
    if (!status)
        status = adaptau_model_set_loss(training->model, &loss, error);
    return status ? status : adaptau_model_settle_users(training->model, training->dataset, error);
}

static adaptau_status make_temperature(adaptau_training *training, adaptau_error *error)
{
    adaptau_temperature_options options = {.struct_size = sizeof options};
    adaptau_status              status = adaptau_recipe_temperature_options(&training->recipe, &options, error);
    return status ? status
                  : adaptau_temperature_create(training->context, training->dataset, &options, &training->temperature, error);
}

static adaptau_status make_sampler(adaptau_training *training, adaptau_error *error)
{
    adaptau_sampler_options options = {.struct_size = sizeof options};
    adaptau_status          status = adaptau_recipe_sampler_options(&training->recipe, &options, error);
    if (!status)
        status = adaptau_sampler_create(training->context, training->dataset, &options, &training->sampler, error);
    training->n_steps = adaptau_sampler_n_batches(training->sampler);
    return status;
}

static size_t bias_size(const adaptau_training *training)
{
    return (size_t)adaptau_dataset_n_items(training->dataset) * sizeof(float);
}

/* What the recipe makes beside a model: a temperature, unless there is one, a sampler, and memory for the prior. */
static adaptau_status make_parts(adaptau_training *training, adaptau_error *error)
{
    adaptau_status status = training->temperature ? ADAPTAU_OK : make_temperature(training, error);
    if (!status)
        status = make_sampler(training, error);
    if (status || training->recipe.popularity_prior == 0)
        return status;
    training->bias = atau_allocate(training->context, bias_size(training));
    return training->bias ? ADAPTAU_OK : atau_fail_memory(error, bias_size(training), "the popularity prior");
}

/* A training without parts. */
static adaptau_status make_training(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                                    adaptau_training **out, adaptau_error *error)
{
    adaptau_training *training = atau_allocate_zeroed(context, 1, sizeof *training);
    if (!training)
        return atau_fail_memory(error, sizeof *training, "a training");
    training->context = context;
    training->dataset = dataset;
    training->recipe = *recipe;
    training->epoch = training->measured = NO_EPOCH;
    training->batch_weight = -1;
    *out = training;
    return ADAPTAU_OK;
}

adaptau_status atau_training_create_on(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                                       float *users, float *items, adaptau_training **out, adaptau_error *error)
{
    adaptau_training *training = NULL;
    adaptau_status    status = make_training(context, dataset, recipe, &training, error);
    if (!status)
        status = make_model(training, users, items, error);
    if (!status)
        status = make_parts(training, error);
    if (status)
        adaptau_training_destroy(training);
    else
        *out = training;
    return status;
}

adaptau_status adaptau_training_create(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                                       adaptau_training **out, adaptau_error *error)
{
    adaptau_recipe own;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_recipe(&own, recipe, error);
    if (!status)
        status = adaptau_tune(context, dataset, NULL, &own, NULL, error);
    return status ? status : atau_training_create_on(context, dataset, &own, NULL, NULL, out, error);
}

/* The recipe also says how new users are folded in, and what is saved of that. */
static adaptau_status check_shape(const adaptau_recipe *recipe, const adaptau_model *model, adaptau_error *error)
{
    const int32_t dim = adaptau_model_dim(model);
    if (recipe->dim == dim)
        return ADAPTAU_OK;
    return atau_fail(error, ADAPTAU_E_SHAPE, "recipe->dim = %" PRId64 ", but the model has dim = %d", recipe->dim, dim);
}

static adaptau_status check_size(const adaptau_dataset *dataset, const adaptau_model *model, adaptau_error *error)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    const int32_t  n = adaptau_dataset_n_users(dataset), m = adaptau_dataset_n_items(dataset);
    adaptau_status status = adaptau_model_get_raw_tables(model, &tables, error);
    if (status || (tables.n_users == n && tables.n_items == m))
        return status;
    return atau_fail(error, ADAPTAU_E_SHAPE, "model has %d users and %d items, but the dataset has %d and %d", tables.n_users,
                     tables.n_items, n, m);
}

/* Fill a recipe for a model that exists. What trials would have to find is what the model was trained with, where the model says so;
 * only where it does not, and no temperature is given, trials find it. */
static adaptau_status fill_for(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_model *model,
                               const adaptau_temperature *temperature, adaptau_recipe *recipe, adaptau_error *error)
{
    adaptau_fold_in_options said = {.struct_size = sizeof said};
    adaptau_recipe          filled = *recipe;
    adaptau_status          status = adaptau_recipe_fill(&filled, dataset, error);
    if (!status)
        status = check_shape(&filled, model, error);
    if (status)
        return status;
    if (filled.tau0_policy == ADAPTAU_TAU0_HELD_OUT && !adaptau_model_get_fold_in(model, &said, NULL)) {
        recipe->tau0_policy = ADAPTAU_TAU0_FIXED;
        recipe->tau = said.tau;
        if (recipe->tau_user_policy == ADAPTAU_BY_DATA)
            recipe->tau_user_policy = said.tau_user_policy;
        if (recipe->positives_outside_sum == ADAPTAU_BY_DATA)
            recipe->positives_outside_sum = (said.flags & ADAPTAU_BATCH_POSITIVES_OUTSIDE_SUM) != 0;
    }
    if (!temperature)
        return adaptau_tune(context, dataset, NULL, recipe, NULL, error);
    status = adaptau_recipe_fill(recipe, dataset, error);
    atau_recipe_without_trials(recipe);
    return status;
}

adaptau_status adaptau_training_create_from(adaptau_context *context, const adaptau_dataset *dataset, const adaptau_recipe *recipe,
                                            adaptau_model *model, adaptau_temperature *temperature, adaptau_training **out,
                                            adaptau_error *error)
{
    adaptau_recipe    own;
    adaptau_training *training = NULL;
    ATAU_REQUIRE(context, error);
    ATAU_REQUIRE(dataset, error);
    ATAU_REQUIRE(model, error);
    ATAU_REQUIRE(out, error);
    adaptau_status status = atau_read_recipe(&own, recipe, error);
    if (!status)
        status = check_size(dataset, model, error);
    if (!status)
        status = fill_for(context, dataset, model, temperature, &own, error);
    if (!status)
        status = make_training(context, dataset, &own, &training, error);
    if (status)
        return status;
    training->temperature = temperature;
    status = make_parts(training, error);
    if (status) {
        training->temperature = training->temperature == temperature ? NULL : training->temperature; /* the host's still */
        adaptau_training_destroy(training);
        return status;
    }
    training->model = model;
    *out = training;
    return ADAPTAU_OK;
}

void adaptau_training_destroy(adaptau_training *training)
{
    if (!training)
        return;
    adaptau_sampler_destroy(training->sampler);
    adaptau_temperature_destroy(training->temperature);
    adaptau_model_destroy(training->model);
    if (training->bias)
        atau_free(training->context, training->bias, bias_size(training));
    atau_free(training->context, training, sizeof *training);
}

/* ---- parts -------------------------------------------------------------------------------------------------------- */

static adaptau_status enter(adaptau_training *training, adaptau_error *error)
{
    return atau_enter(&training->busy, "training", error);
}

adaptau_model *adaptau_training_model(const adaptau_training *training)
{
    return training ? training->model : NULL;
}

adaptau_temperature *adaptau_training_temperature(const adaptau_training *training)
{
    return training ? training->temperature : NULL;
}

adaptau_sampler *adaptau_training_sampler(const adaptau_training *training)
{
    return training ? training->sampler : NULL;
}

/* An epoch that has begun does not go on with another model. */
static void forget_epoch(adaptau_training *training)
{
    training->ready = 0;
    training->measured = NO_EPOCH;
    training->batch_weight = -1;
}

adaptau_model *adaptau_training_take_model(adaptau_training *training)
{
    if (!training || !atau_busy_enter(&training->busy))
        return NULL;
    adaptau_model *model = training->model;
    training->model = NULL;
    forget_epoch(training);
    atau_busy_leave(&training->busy);
    return model;
}

static void replace(adaptau_training *training, adaptau_model *model, adaptau_temperature *temperature)
{
    if (model != training->model)
        adaptau_model_destroy(training->model);
    training->model = model;
    if (temperature && temperature != training->temperature) {
        adaptau_temperature_destroy(training->temperature);
        training->temperature = temperature;
    }
    forget_epoch(training);
}

adaptau_status adaptau_training_replace_model(adaptau_training *training, adaptau_model *model,
                                              adaptau_temperature *temperature, adaptau_error *error)
{
    ATAU_REQUIRE(training, error);
    ATAU_REQUIRE(model, error);
    adaptau_status status = enter(training, error);
    if (status)
        return status;
    status = check_size(training->dataset, model, error);
    if (!status)
        replace(training, model, temperature);
    atau_busy_leave(&training->busy);
    return status;
}

adaptau_status adaptau_training_resume(adaptau_training *training, const char *path, char *note, adaptau_error *error)
{
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    ATAU_REQUIRE(training, error);
    ATAU_REQUIRE(path, error);
    adaptau_status status = enter(training, error);
    if (status)
        return status;
    status = adaptau_model_load_checkpoint(training->context, training->dataset, path, &model, &temperature, note, error);
    if (!status)
        replace(training, model, temperature);
    atau_busy_leave(&training->busy);
    return status;
}

/* ---- an epoch ----------------------------------------------------------------------------------------------------- */

static adaptau_status require_model(const adaptau_training *training, adaptau_error *error)
{
    return training->model ? ADAPTAU_OK : atau_fail(error, ADAPTAU_E_STATE, "the model has been taken out of the training");
}

static adaptau_status measure(adaptau_training *training, int64_t epoch, adaptau_error *error)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_status            status = ADAPTAU_OK;
    if (training->measured != epoch)
        status = adaptau_model_update_temperature(training->model, training->temperature, error);
    if (status)
        return status;
    training->measured = epoch;
    status = adaptau_temperature_get_state(training->temperature, &state, error);
    if (!status)
        training->tau0 = state.tau0;
    return status;
}

static adaptau_status set_targets(adaptau_training *training, adaptau_error *error)
{
    adaptau_target_options options = {.struct_size = sizeof options};
    adaptau_status         status = adaptau_target_options_init(&options, error);
    options.strength = training->recipe.soft_targets;
    options.row_weight_exponent = training->recipe.row_weight_exponent;
    return status ? status
                  : adaptau_model_update_targets(training->model, training->dataset, training->temperature, &options, error);
}

static adaptau_status begin(adaptau_training *training, int64_t epoch, adaptau_error *error)
{
    adaptau_status status = require_model(training, error);
    if (status)
        return status;
    training->ready = 0;
    training->batch_weight = -1;
    status = measure(training, epoch, error);
    if (!status)
        status = adaptau_sampler_begin_epoch(training->sampler, epoch, error);
    if (!status)
        status = set_targets(training, error);
    if (status)
        return status;
    training->measured = NO_EPOCH;
    training->epoch = epoch;
    training->step = 0;
    training->loss = training->weight = 0;
    training->ready = 1;
    return ADAPTAU_OK;
}

adaptau_status adaptau_training_begin_epoch(adaptau_training *training, int64_t epoch, adaptau_error *error)
{
    ATAU_REQUIRE(training, error);
    if (epoch < 0 || epoch >= training->recipe.epochs)
        return atau_fail(error, ADAPTAU_E_ARGUMENT,
                         "epoch = %" PRId64 " is outside 0 ... %" PRId64 ": the recipe's learning rates fall to 0 over its epochs", epoch,
                         training->recipe.epochs - 1);
    adaptau_status status = enter(training, error);
    if (status)
        return status;
    status = begin(training, epoch, error);
    atau_busy_leave(&training->busy);
    return status;
}

static adaptau_status set_learning_rates(adaptau_training *training, adaptau_error *error)
{
    double users, items;
    atau_recipe_learning_rates(&training->recipe, training->epoch, training->step, training->n_steps, &users, &items);
    return adaptau_model_set_learning_rates(training->model, users, items, error);
}

/* Weight of all terms of a batch: what its loss must be divided by to be a mean. */
static double weigh(const adaptau_batch *batch)
{
    double weight = 0;
    for (int32_t row = 0; row < batch->n_rows; row++) {
        double n_terms = 0;
        for (int64_t p = batch->positive_ptr[row]; batch->positive_weights && p < batch->positive_ptr[row + 1]; p++)
            n_terms += (double)batch->positive_weights[p];
        if (!batch->positive_weights)
            n_terms = (double)(batch->positive_ptr[row + 1] - batch->positive_ptr[row]);
        weight += n_terms * (batch->row_weights ? (double)batch->row_weights[row] : 1.0);
    }
    return weight;
}

static adaptau_status next(adaptau_training *training, adaptau_batch *batch, adaptau_error *error)
{
    adaptau_batch  own = {.struct_size = sizeof own};
    adaptau_status status = require_model(training, error);
    if (status)
        return status;
    if (!training->ready)
        return atau_fail(error, ADAPTAU_E_STATE, "no epoch has begun");
    if (training->step < training->n_steps)
        status = set_learning_rates(training, error);
    if (!status)
        status = adaptau_sampler_next(training->sampler, &own, error);
    if (status)
        return status;
    training->batch_weight = own.n_rows > 0 ? weigh(&own) : -1;
    training->step += own.n_rows > 0;
    atau_write_struct(batch, &own, sizeof own);
    return ADAPTAU_OK;
}

adaptau_status adaptau_training_next(adaptau_training *training, adaptau_batch *batch, adaptau_error *error)
{
    ATAU_REQUIRE(training, error);
    adaptau_status status = atau_check_output(batch, sizeof *batch, "batch", error);
    if (!status)
        status = enter(training, error);
    if (status)
        return status;
    status = next(training, batch, error);
    atau_busy_leave(&training->busy);
    return status;
}

adaptau_status adaptau_training_add_loss(adaptau_training *training, double loss, adaptau_error *error)
{
    ATAU_REQUIRE(training, error);
    adaptau_status status = enter(training, error);
    if (status)
        return status;
    if (training->batch_weight >= 0) {
        training->loss += loss;
        training->weight += training->batch_weight;
        training->batch_weight = -1;
    } else
        status = atau_fail(error, ADAPTAU_E_STATE, "there is no batch whose loss is to be noted");
    atau_busy_leave(&training->busy);
    return status;
}

/* How new users are folded in, by the τ₀ of the epoch. */
static adaptau_status say_fold_in(adaptau_training *training, adaptau_error *error)
{
    adaptau_fold_in_options options = {.struct_size = sizeof options};
    adaptau_status status = adaptau_recipe_fold_in_options(&training->recipe, training->model, training->temperature, &options, error);
    options.tau = training->tau0;
    return status ? status : adaptau_model_set_fold_in(training->model, training->dataset, &options, error);
}

static adaptau_status end(adaptau_training *training, adaptau_error *error)
{
    adaptau_status status = require_model(training, error);
    if (status)
        return status;
    if (!training->ready)
        return atau_fail(error, ADAPTAU_E_STATE, "no epoch has begun");
    status = say_fold_in(training, error);
    if (training->bias && !status)
        status = adaptau_popularity_prior(training->dataset, training->recipe.popularity_prior, training->tau0, training->bias,
                                          error);
    return status ? status : adaptau_model_set_item_bias(training->model, training->bias, error);
}

adaptau_status adaptau_training_end_epoch(adaptau_training *training, adaptau_error *error)
{
    ATAU_REQUIRE(training, error);
    adaptau_status status = enter(training, error);
    if (status)
        return status;
    status = end(training, error);
    atau_busy_leave(&training->busy);
    return status;
}

/* ---- questions ---------------------------------------------------------------------------------------------------- */

static adaptau_status enter_shared(const adaptau_training *training, adaptau_error *error)
{
    return atau_enter_shared(&training->busy, "training", error);
}

adaptau_status adaptau_training_get_state(const adaptau_training *training, adaptau_training_state *out, adaptau_error *error)
{
    ATAU_REQUIRE(training, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (!status)
        status = enter_shared(training, error);
    if (status)
        return status;
    const adaptau_training_state state = {
        .epoch = training->epoch,
        .n_epochs = training->recipe.epochs,
        .step = training->step,
        .n_steps = training->n_steps,
        .loss = training->weight > 0 ? training->loss / training->weight : 0,
        .tau0 = training->tau0,
    };
    atau_busy_leave_shared(&training->busy);
    atau_write_struct(out, &state, sizeof state);
    return ADAPTAU_OK;
}

adaptau_status adaptau_training_get_recipe(const adaptau_training *training, adaptau_recipe *out, adaptau_error *error)
{
    ATAU_REQUIRE(training, error);
    adaptau_status status = atau_check_output(out, sizeof *out, "out", error);
    if (status)
        return status;
    atau_write_struct(out, &training->recipe, sizeof training->recipe); /* which never changes */
    return ADAPTAU_OK;
}
