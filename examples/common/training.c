/* SPDX-License-Identifier: MIT */
#include "common/training.h"

#include <math.h>

#include "common/clock.h"
#include "common/prior.h"

#define PI 3.14159265358979323846

static uint32_t model_flags(const struct recipe *recipe)
{
    uint32_t flags = recipe->free_length ? ADAPTAU_MODEL_FREE_LENGTH : 0;
    if (recipe->raw_rows == RAW_ROWS_UNIT)
        flags |= ADAPTAU_MODEL_UNIT_RAW_ROWS;
    if (recipe->rank == RANK_RAW)
        flags |= ADAPTAU_MODEL_RANK_RAW;
    if (recipe->bfloat16)
        flags |= ADAPTAU_MODEL_BFLOAT16;
    if (!recipe->entrywise)
        flags |= ADAPTAU_MODEL_ROW_SECOND_MOMENT;
    if (recipe->normalise == NORMALISE_ITEMS || recipe->normalise == NORMALISE_NONE)
        flags |= ADAPTAU_MODEL_RAW_USERS;
    if (recipe->normalise == NORMALISE_USERS || recipe->normalise == NORMALISE_NONE)
        flags |= ADAPTAU_MODEL_RAW_ITEMS;
    return flags;
}

static uint32_t sampler_flags(const struct recipe *recipe)
{
    uint32_t flags = 0;
    bool     sampled = recipe->candidates != ADAPTAU_SAMPLER_CATALOGUE;
    if (recipe->positives == 0)
        flags |= ADAPTAU_SAMPLER_POSITIVES_OUTSIDE_SUM;
    if (sampled && recipe_is_softmax(recipe) && !recipe->no_log_q &&
        recipe->candidates != ADAPTAU_SAMPLER_PER_ROW_UNIFORM)
        flags |= ADAPTAU_SAMPLER_LOG_Q;
    if (recipe->reject_positives)
        flags |= ADAPTAU_SAMPLER_REJECT_POSITIVES;
    return flags;
}

adaptau_model_options recipe_model_options(const struct recipe *recipe)
{
    return (adaptau_model_options){
        .struct_size = sizeof(adaptau_model_options),
        .flags = model_flags(recipe),
        .encoder = recipe->encoder,
        .n_layers = recipe->encoder == ADAPTAU_ENCODER_LIGHTGCN ? (int32_t)recipe->layers : 0,
        .edge_dropout = recipe->edge_dropout,
        .layer_dropout = recipe->layer_dropout,
        .gate = recipe->encoder != ADAPTAU_ENCODER_SIMPLEX ? 0 : recipe->gate > 0 ? recipe->gate : -1,
        .dim = (int32_t)recipe->dim,
        .init = recipe->init,
        .seed = (uint64_t)recipe->seed,
        .weight_decay = recipe->weight_decay,
    };
}

static adaptau_status create_model(adaptau_context *context, const adaptau_dataset *dataset, const struct recipe *recipe,
                                   adaptau_model **model, adaptau_error *error)
{
    adaptau_model_options options = recipe_model_options(recipe);
    adaptau_loss          loss = {
                 .struct_size = sizeof loss,
                 .kind = recipe->loss,
                 .margin = recipe->margin,
                 .negative_weight = recipe->negative_weight,
                 .top_k = (int32_t)recipe->top_k,
                 .activation = recipe->activation,
                 .weight_tau = recipe->weight_tau,
                 .positive_scale = recipe->positive_scale,
    };
    adaptau_status status = adaptau_model_create(context, dataset, &options, model, error);
    return status ? status : adaptau_model_set_loss(*model, &loss, error);
}

static adaptau_status create_temperature(adaptau_context *context, const adaptau_dataset *dataset, const struct recipe *recipe,
                                         adaptau_temperature **temperature, adaptau_error *error)
{
    adaptau_temperature_options options = {
        .struct_size = sizeof options,
        .tau0_policy = recipe->tau0,
        .tau_user_policy = recipe->tau_user,
        .warmup_updates = (int32_t)recipe->warmup_epochs,
        .tau = recipe->tau,
        .tau_min = recipe->tau_min,
        .tau_max = recipe->tau_max,
        .divisor = recipe->divisor,
        .learning_rate = recipe->lr_tau,
        .threshold_quantile = recipe->threshold_quantile,
        .degree_quantile = recipe->degree_quantile,
    };
    return adaptau_temperature_create(context, dataset, &options, temperature, error);
}

static adaptau_status create_sampler(adaptau_context *context, const adaptau_dataset *dataset, const struct recipe *recipe,
                                     adaptau_sampler **sampler, adaptau_error *error)
{
    adaptau_sampler_options options = {
        .struct_size = sizeof options,
        .flags = sampler_flags(recipe),
        .kind = recipe->candidates,
        .rows_per_batch = (int32_t)recipe->rows,
        .n_candidates = recipe->n_candidates,
        .popularity_exponent = recipe->popularity_exponent,
        .row_weight_exponent = recipe->row_weight,
        .seed = (uint64_t)recipe->seed,
    };
    return adaptau_sampler_create(context, dataset, &options, sampler, error);
}

adaptau_status training_create(adaptau_context *context, const adaptau_dataset *dataset, const struct recipe *recipe,
                               struct training *training, adaptau_error *error)
{
    *training = (struct training){.recipe = recipe, .dataset = dataset, .n_epochs = recipe->epochs};
    adaptau_status status = create_model(context, dataset, recipe, &training->model, error);
    if (!status)
        status = create_temperature(context, dataset, recipe, &training->temperature, error);
    if (!status)
        status = create_sampler(context, dataset, recipe, &training->sampler, error);
    if (status)
        training_destroy(training);
    else
        training->n_steps = adaptau_sampler_n_batches(training->sampler);
    return status;
}

void training_destroy(struct training *training)
{
    adaptau_sampler_destroy(training->sampler);
    adaptau_temperature_destroy(training->temperature);
    adaptau_model_destroy(training->model);
    *training = (struct training){0};
}

adaptau_status training_resume(struct training *training, adaptau_context *context, const char *path,
                               char note[ADAPTAU_NOTE_SIZE], adaptau_error *error)
{
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    adaptau_status status = adaptau_model_load_checkpoint(context, training->dataset, path, &model, &temperature, note, error);
    if (status)
        return status;
    adaptau_temperature_destroy(training->temperature);
    adaptau_model_destroy(training->model);
    training->model = model;
    training->temperature = temperature;
    return ADAPTAU_OK;
}

/* Cosine decay from the recipe's rates to 0 over the whole run, step by step. */
static adaptau_status set_learning_rates(struct training *training, adaptau_error *error)
{
    double done = (double)(training->epoch * training->n_steps + training->step);
    double total = (double)(training->n_epochs * training->n_steps);
    double factor = 0.5 * (1 + cos(PI * done / total));
    return adaptau_model_set_learning_rates(training->model, training->recipe->lr_users * factor,
                                            training->recipe->lr_items * factor, error);
}

/* Weight of all terms of a batch: what its loss must be divided by to be a mean. */
static double batch_weight(const adaptau_batch *batch)
{
    double weight = 0;
    for (int32_t row = 0; row < batch->n_rows; row++) {
        double n_terms = (double)(batch->positive_ptr[row + 1] - batch->positive_ptr[row]);
        weight += n_terms * (batch->row_weights ? (double)batch->row_weights[row] : 1.0);
    }
    return weight;
}

static adaptau_status add_contrast(struct training *training, const adaptau_batch *batch, double *loss, adaptau_error *error)
{
    const struct recipe     *recipe = training->recipe;
    adaptau_contrast_options options = {
        .struct_size = sizeof options,
        .flags = recipe->all_nodes ? ADAPTAU_CONTRAST_ALL_NODES : 0,
        .kind = recipe->contrast - 1,
        .tau = recipe->contrast_temperature,
        .weight = recipe->contrast_weight > 0 ? recipe->contrast_weight : -1,
        .edge_dropout = recipe->contrast_edge_dropout,
        .noise = recipe->noise,
        .prototype_weight = recipe->prototype_weight,
    };
    double         term = 0;
    adaptau_status status =
        recipe->contrast == CONTRAST_NONE ? ADAPTAU_OK : adaptau_model_contrast(training->model, batch, &options, &term, error);
    *loss += term;
    return status;
}

static adaptau_status run_steps(struct training *training, double *loss, double *weight, adaptau_error *error)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    for (;;) {
        adaptau_status status = adaptau_sampler_next(training->sampler, &batch, error);
        if (status || batch.n_rows == 0)
            return status;
        adaptau_step step = {.struct_size = sizeof step};
        status = set_learning_rates(training, error);
        if (!status)
            status = adaptau_model_gradients(training->model, &batch, training->temperature, &step, error);
        if (!status)
            status = add_contrast(training, &batch, &step.loss, error);
        if (!status)
            status = adaptau_model_apply(training->model, error);
        if (status)
            return status;
        *loss += step.loss;
        *weight += batch_weight(&batch);
        training->step++;
        training->stopped = training->on_step && training->on_step(training->on_step_data, training);
        if (training->stopped)
            return ADAPTAU_OK;
    }
}

static adaptau_status set_targets(struct training *training, adaptau_error *error)
{
    adaptau_target_options options = {
        .struct_size = sizeof options,
        .strength = training->recipe->soft_targets,
        .row_weight_exponent = training->recipe->row_weight,
    };
    return adaptau_model_update_targets(training->model, training->dataset, training->temperature, &options, error);
}

static adaptau_status run_epoch(struct training *training, adaptau_error *error)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    double                    loss = 0, weight = 0;
    training->step = 0;
    adaptau_status status = adaptau_model_update_temperature(training->model, training->temperature, error);
    if (!status)
        status = adaptau_temperature_get_state(training->temperature, &state, error);
    if (!status)
        status = adaptau_sampler_begin_epoch(training->sampler, training->epoch, error);
    training->tau0 = state.tau0;
    if (!status)
        status = set_targets(training, error);
    if (!status && training->recipe->prototype_weight > 0)
        status = adaptau_model_update_prototypes(training->model, (int32_t)training->recipe->prototypes, error);
    if (!status)
        status = run_steps(training, &loss, &weight, error);
    if (!status)
        status = prior_set(training->model, training->dataset, training->recipe->popularity_prior, training->tau0, error);
    if (!status && !training->stopped) {
        training->loss = weight > 0 ? loss / weight : 0;
        training->epoch++;
        training->step = 0;
    }
    return status;
}

adaptau_status training_epoch(struct training *training, adaptau_error *error)
{
    double         started = clock_now();
    adaptau_status status = run_epoch(training, error);
    training->seconds += clock_now() - started;
    return status;
}
