/* SPDX-License-Identifier: MIT */
#include "common/checkpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"
#include "common/hyperparameters.h"
#include "common/note.h"

/* ---- what must agree ----------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t sum, const void *data, size_t size)
{
    const unsigned char *bytes = data;
    for (size_t i = 0; i < size; i++)
        sum = (sum ^ bytes[i]) * UINT64_C(0x100000001B3);
    return sum;
}

static uint64_t mix_pairs(uint64_t sum, const adaptau_dataset *dataset)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    if (adaptau_dataset_get_view(dataset, &view, NULL) != ADAPTAU_OK)
        return sum;
    sum = mix(sum, &view.n_items, sizeof view.n_items);
    sum = mix(sum, view.user_ptr, ((size_t)view.n_users + 1) * sizeof *view.user_ptr);
    sum = mix(sum, view.user_items, (size_t)view.user_ptr[view.n_users] * sizeof *view.user_items);
    return view.user_weights ? mix(sum, view.user_weights, (size_t)view.user_ptr[view.n_users] * sizeof *view.user_weights) : sum;
}

uint64_t checkpoint_fingerprint(const struct trial *trial)
{
    const struct trial_options *o = trial->options;
    char                        text[2048];
    uint64_t                    sum = UINT64_C(0xCBF29CE484222325);
    recipe_options(&trial->recipe, NULL, text, sizeof text);
    sum = mix(sum, text, strlen(text));
    sum = mix(sum, &o->protocol, sizeof o->protocol);
    sum = mix(sum, &o->no_refit, sizeof o->no_refit);
    sum = mix(sum, &o->valid_share, sizeof o->valid_share);
    sum = mix(sum, &o->split_seed, sizeof o->split_seed);
    sum = mix(sum, &o->eval_every, sizeof o->eval_every);
    sum = mix(sum, &o->patience, sizeof o->patience);
    sum = mix(sum, &o->cutoffs.count, sizeof o->cutoffs.count);
    sum = mix(sum, o->cutoffs.values, (size_t)o->cutoffs.count * sizeof *o->cutoffs.values);
    return mix_pairs(mix_pairs(sum, trial->train), trial->test);
}

/* ---- files --------------------------------------------------------------------------------------------------------- */

static char *best_path(const struct trial *trial)
{
    size_t size = strlen(trial->checkpoint) + sizeof ".best";
    char  *path = malloc(size);
    if (path)
        snprintf(path, size, "%s.best", trial->checkpoint);
    return path;
}

adaptau_status checkpoint_save_best(const struct trial *trial, const adaptau_model *model, adaptau_error *error)
{
    char *path = best_path(trial);
    if (!path)
        return fail_memory(error, shown_path(trial->checkpoint));
    adaptau_status status = adaptau_model_save(model, path, error);
    free(path);
    return status;
}

static adaptau_status read_best(struct trial *trial, adaptau_error *error)
{
    adaptau_model *model = NULL;
    char          *path = best_path(trial);
    if (!path)
        return fail_memory(error, shown_path(trial->checkpoint));
    adaptau_status status = adaptau_model_load(trial->context, path, &model, error);
    if (!status)
        status = snapshot_take(&trial->snapshot, model, error);
    adaptau_model_destroy(model);
    free(path);
    return status;
}

adaptau_status checkpoint_save(const struct trial *trial, int32_t phase, const struct training *training,
                               adaptau_error *error)
{
    char              text[ADAPTAU_NOTE_SIZE];
    const struct note note = {
        .fingerprint = trial->fingerprint,
        .phase = phase,
        .epoch = training->epoch,
        .training_loss = training->loss,
        .training_tau0 = training->tau0,
        .seconds = training->seconds,
        .best_epoch = trial->search.best_epoch,
        .searched = trial->search.n_epochs,
        .loss = trial->loss,
        .tau0 = trial->tau0,
        .prior = trial->recipe.base.popularity_prior,
        .trials = trial->tuning.n_trials,
        .trial_epochs = trial->tuning.trial_epochs,
        .n_tuned = trial->tuning.n_held_out,
        .user_divisor = trial->tuning.user_divisor,
        .factorised_recall = trial->tuning.factorised_recall,
        .factorised_score = trial->tuning.factorised_score,
        .first_tau = trial->tuning.first_tau,
        .tau = trial->tuning.tau,
        .tau_user_policy = trial->tuning.tau_user_policy,
        .positives_outside_sum = trial->tuning.positives_outside_sum,
        .tuned_recall = trial->tuning.recall,
        .tune_seconds = trial->tune_seconds,
        .train_seconds = trial->train_seconds,
        .eval_seconds = trial->eval_seconds,
        .best = trial->search.best,
    };
    note_write(&note, text);
    return adaptau_model_save_checkpoint(training->model, training->temperature, text, trial->checkpoint, error);
}

static void take_results(struct trial *trial, const struct note *note)
{
    trial->search.best_epoch = note->best_epoch;
    trial->search.n_epochs = note->searched;
    trial->search.best = note->best;
    trial->loss = note->loss;
    trial->tau0 = note->tau0;
    trial->recipe.base.popularity_prior = note->prior;
    trial->train_seconds = note->train_seconds;
    trial->eval_seconds = note->eval_seconds;
}

static void take_training(struct training *training, const struct note *note)
{
    training->epoch = note->epoch;
    training->loss = note->training_loss;
    training->tau0 = note->training_tau0;
    training->seconds = note->seconds;
}

static adaptau_status refuse_note(const struct trial *trial, adaptau_error *error)
{
    return fail(error, ADAPTAU_E_STATE, "%s: the checkpoint of a training with other options or data",
                shown_path(trial->checkpoint));
}

adaptau_status checkpoint_read_tuning(struct trial *trial, adaptau_tune_result *tuning, adaptau_error *error)
{
    char                 text[ADAPTAU_NOTE_SIZE];
    struct note          note;
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    adaptau_status       status =
        adaptau_model_load_checkpoint(trial->context, trial->train, trial->checkpoint, &model, &temperature, text, error);
    adaptau_model_destroy(model);
    adaptau_temperature_destroy(temperature);
    if (status)
        return status;
    if (!note_read(text, &note) || note.fingerprint != trial->fingerprint)
        return refuse_note(trial, error);
    *tuning = (adaptau_tune_result){
        .struct_size = sizeof *tuning,
        .n_trials = (int32_t)note.trials,
        .n_held_out = note.n_tuned,
        .user_divisor = (uint32_t)note.user_divisor,
        .factorised_recall = note.factorised_recall,
        .factorised_score = note.factorised_score,
        .trial_epochs = note.trial_epochs,
        .first_tau = note.first_tau,
        .tau = note.tau,
        .recall = note.tuned_recall,
        .tau_user_policy = note.tau_user_policy,
        .positives_outside_sum = note.positives_outside_sum,
    };
    trial->tune_seconds = note.tune_seconds;
    return ADAPTAU_OK;
}

adaptau_status checkpoint_resume(struct trial *trial, int32_t phase, struct training *training, bool *is_later,
                                 adaptau_error *error)
{
    char           text[ADAPTAU_NOTE_SIZE];
    struct note    note;
    adaptau_status status = training_resume(training, trial->checkpoint, text, error);
    if (status)
        return status;
    if (!note_read(text, &note) || note.fingerprint != trial->fingerprint || note.phase < phase)
        return refuse_note(trial, error);
    take_results(trial, &note);
    *is_later = note.phase != phase;
    if (*is_later)
        return ADAPTAU_OK;
    take_training(training, &note);
    return trial->keeps_best && note.best_epoch > 0 ? read_best(trial, error) : ADAPTAU_OK;
}
