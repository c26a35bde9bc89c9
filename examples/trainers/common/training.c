/* SPDX-License-Identifier: MIT */
#include "common/training.h"

#include "common/clock.h"
#include "common/contrast.h"

static void look_up_parts(struct training *training)
{
    training->model = adaptau_training_model(training->schedule);
    training->temperature = adaptau_training_temperature(training->schedule);
}

adaptau_status training_create(adaptau_context *context, const adaptau_dataset *dataset, const struct recipe *recipe,
                               struct training *training, adaptau_error *error)
{
    *training = (struct training){.recipe = recipe, .dataset = dataset, .n_epochs = recipe->base.epochs};
    adaptau_status status = adaptau_training_create(context, dataset, &recipe->base, &training->schedule, error);
    look_up_parts(training);
    training->n_steps = adaptau_sampler_n_batches(adaptau_training_sampler(training->schedule));
    return status;
}

void training_destroy(struct training *training)
{
    adaptau_training_destroy(training->schedule);
    *training = (struct training){0};
}

adaptau_model *training_take_model(struct training *training)
{
    training->model = NULL;
    return adaptau_training_take_model(training->schedule);
}

adaptau_status training_resume(struct training *training, const char *path, char note[ADAPTAU_NOTE_SIZE], adaptau_error *error)
{
    adaptau_status status = adaptau_training_resume(training->schedule, path, note, error);
    look_up_parts(training);
    return status;
}

static adaptau_status run_steps(struct training *training, adaptau_error *error)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    for (;;) {
        adaptau_step   step = {.struct_size = sizeof step};
        adaptau_status status = adaptau_training_next(training->schedule, &batch, error);
        if (status || batch.n_rows == 0)
            return status;
        status = adaptau_model_gradients(training->model, &batch, training->temperature, &step, error);
        if (!status)
            status = contrast_add(training->recipe, training->model, &batch, &step.loss, error);
        if (!status)
            status = adaptau_model_apply(training->model, error);
        if (!status)
            status = adaptau_training_add_loss(training->schedule, step.loss, error);
        if (status)
            return status;
        training->step++;
        training->stopped = training->on_step && training->on_step(training->on_step_data, training);
        if (training->stopped)
            return ADAPTAU_OK;
    }
}

static adaptau_status run_epoch(struct training *training, adaptau_error *error)
{
    adaptau_training_state state = {.struct_size = sizeof state};
    training->step = 0;
    adaptau_status status = adaptau_training_begin_epoch(training->schedule, training->epoch, error);
    if (!status)
        status = adaptau_training_get_state(training->schedule, &state, error);
    training->tau0 = state.tau0;
    if (!status)
        status = contrast_begin_epoch(training->recipe, training->model, error);
    if (!status)
        status = run_steps(training, error);
    if (!status)
        status = adaptau_training_end_epoch(training->schedule, error);
    if (!status)
        status = adaptau_training_get_state(training->schedule, &state, error);
    if (!status && !training->stopped) {
        training->loss = state.loss;
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
