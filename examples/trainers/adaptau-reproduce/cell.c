/* SPDX-License-Identifier: MIT */
#include "adaptau-reproduce/cell.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "adaptau-reproduce/measure.h"
#include "adaptau-reproduce/strategy.h"
#include "common/fail.h"
#include "common/hyperparameters.h"
#include "common/stop.h"

#define CELL_FORMAT 1 /* to be raised when a series changes its meaning: older files are trained anew */

static const struct cutoffs cutoffs = {.count = 1, .values = {20}};

/* ---- description -------------------------------------------------------------------------------------------------- */

static struct trial_options make_options(const struct cell_description *description)
{
    struct trial_options options = trial_options_default();
    options.protocol = description->protocol;
    options.eval_every = description->eval_every;
    options.cutoffs = cutoffs;
    return options;
}

/* A trial of the subject, without noise: good for completing recipes. */
static struct trial make_trial(const struct cell_description *description, const struct trial_options *options)
{
    struct trial trial = {
        .options = options,
        .train = description->subject->problem.train,
        .test = description->subject->problem.test,
    };
    trial_complete_recipe(&trial, &description->recipe, NULL); /* what is wrong with a recipe its training will say */
    return trial;
}

static uint64_t hash_text(const char *text)
{
    uint64_t hash = UINT64_C(0xCBF29CE484222325);
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * UINT64_C(0x100000001B3);
    return hash;
}

/* Whatever can change a number is in the identity: the complete recipe too, whose rules may change with the program. */
void cell_describe(struct cell *cell, const struct cell_description *description)
{
    char                  recipe[CELL_TEXT_MAX - 512];
    struct trial_options  options = make_options(description);
    struct trial          trial = make_trial(description, &options);
    const struct problem *problem = &description->subject->problem;
    memset(cell, 0, sizeof *cell);
    cell->description = *description;
    cell->complete = trial.recipe;
    recipe_options(&trial.recipe, NULL, recipe, sizeof recipe);
    snprintf(cell->identity, sizeof cell->identity,
             "format %d, library %d, data %dx%d %lld+%lld %016llx, protocol %s, evaluated every %lld, "
             "noise %s %g, prior %s, %s",
             CELL_FORMAT, (int)adaptau_version(), problem->data.n_users, problem->data.n_items,
             (long long)adaptau_dataset_n_interactions(problem->train), (long long)adaptau_dataset_n_interactions(problem->test),
             (unsigned long long)description->subject->checksum, protocol_names[description->protocol],
             (long long)description->eval_every, noise_names[description->noise.kind], description->noise.share,
             trial.chooses_prior ? "chosen" : "given", recipe);
    snprintf(cell->hash, sizeof cell->hash, "%016llx", (unsigned long long)hash_text(cell->identity));
}

/* A word of a shell's line, in single quotes where it needs them. */
static void quote_word(const char *word, char *out, size_t size)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+=:,@%";
    size_t            used = 0;
    if (*word && word[strspn(word, plain)] == '\0') {
        snprintf(out, size, "%s", word);
        return;
    }
    for (out[used++] = '\''; *word && used + 6 < size; word++) {
        if (*word == '\'')
            used += (size_t)snprintf(out + used, size - used, "'\\''");
        else
            out[used++] = *word;
    }
    out[used++] = '\'';
    out[used] = '\0';
}

void cell_command(const struct cell *cell, char *out, size_t size)
{
    const struct cell_description *description = &cell->description;
    char                           options[CELL_TEXT_MAX], path[PATH_MAX_BYTES];
    struct recipe                  usual = recipe_default();
    recipe_options(&description->recipe, &usual, options, sizeof options);
    quote_word(description->subject->path, path, sizeof path);
    int used = snprintf(out, size, "adaptau-train %s --protocol %s", path, protocol_names[description->protocol]);
    if (description->eval_every != 1 && used >= 0 && (size_t)used < size)
        used += snprintf(out + used, size - (size_t)used, " --eval-every %lld", (long long)description->eval_every);
    if (*options && used >= 0 && (size_t)used < size)
        snprintf(out + used, size - (size_t)used, " %s", options);
}

/* ---- files -------------------------------------------------------------------------------------------------------- */

static adaptau_status cell_path(const struct cell *cell, const char *folder, char *path, size_t size, adaptau_error *error)
{
    int length = snprintf(path, size, "%s/%s.json", folder, cell->hash);
    return length >= 0 && (size_t)length < size ? ADAPTAU_OK : fail_os(error, ENAMETOOLONG, "%s", shown_path(folder));
}

adaptau_status cell_load(struct cell *cell, const char *folder, adaptau_error *error)
{
    char           path[PATH_MAX_BYTES];
    adaptau_error  reason = {0};
    adaptau_status status = cell_path(cell, folder, path, sizeof path, error);
    if (status)
        return status;
    status = record_read(&cell->record, path, &reason);
    if (status == ADAPTAU_E_IO && reason.os_error == ENOENT)
        return ADAPTAU_OK;
    if (!status && strcmp(record_text(&cell->record, "identity"), cell->identity) == 0) {
        cell->done = true;
        return ADAPTAU_OK;
    }
    record_free(&cell->record);
    if (status == ADAPTAU_E_MEMORY) {
        if (error)
            *error = reason;
        return status;
    }
    fprintf(stderr, "adaptau-reproduce: %s is not used: %s\n", shown_path(path),
            status ? reason.message : "it is another cell's");
    return ADAPTAU_OK;
}

adaptau_status cell_store(const struct cell *cell, const char *folder, adaptau_error *error)
{
    char           path[PATH_MAX_BYTES];
    adaptau_status status = cell_path(cell, folder, path, sizeof path, error);
    return status ? status : record_write(&cell->record, path, error);
}

/* ---- training ----------------------------------------------------------------------------------------------------- */

struct watcher {
    struct cell   *cell;
    step_function  step;
    void          *step_data;
    const int32_t *noise_groups;
};

static int watch_step(void *user_data, const struct training *training)
{
    struct watcher *watcher = user_data;
    if (watcher->step)
        watcher->step(watcher->step_data, training);
    return stop_signal() != 0;
}

static adaptau_status watch_epoch(void *user_data, const char *phase, const struct training *training,
                                  const struct scores *scores, adaptau_error *error)
{
    struct watcher *watcher = user_data;
    if (strcmp(phase, "search") != 0)
        return ADAPTAU_OK;
    return measure_epoch(watcher->cell, training, scores, 0, watcher->noise_groups, error);
}

static adaptau_status note_facts(struct cell *cell, const struct trial *trial, adaptau_error *error)
{
    char           command[CELL_TEXT_MAX + PATH_MAX_BYTES];
    struct record *record = &cell->record;
    const struct {
        const char *name;
        double      value;
    } numbers[] = {
        {"test_recall", trial->scores.value[ADAPTAU_METRIC_RECALL][0]},
        {"test_ndcg", trial->scores.value[ADAPTAU_METRIC_NDCG][0]},
        {"choice_recall", trial->search.best.value[ADAPTAU_METRIC_RECALL][0]},
        {"best_epoch", (double)trial->search.best_epoch},
        {"n_epochs", (double)trial->search.n_epochs},
        {"final_tau0", trial->tau0},
        {"prior", trial->recipe.base.popularity_prior},
        {"train_seconds", trial->train_seconds},
        {"eval_seconds", trial->eval_seconds},
        {"threads", (double)adaptau_context_n_threads(trial->context)},
    };
    cell_command(cell, command, sizeof command);
    adaptau_status status = record_note(record, "identity", cell->identity, error);
    if (!status)
        status = record_note(record, "strategy", strategy_get(cell->description.strategy)->name, error);
    if (!status)
        status = record_note(record, "command", command, error);
    if (!status)
        status = record_note(record, "backend", adaptau_context_backend(trial->context), error);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers && !status; i++)
        status = record_add(record, numbers[i].name, numbers[i].value, error);
    return status;
}

static adaptau_status run_trial(struct cell *cell, struct trial *trial, bool *stopped, adaptau_error *error)
{
    adaptau_status status = trial_run(trial, error);
    *stopped = trial->stopped_epoch > 0;
    if (status || *stopped)
        return status;
    status = measure_model(cell, trial, error);
    if (!status)
        status = note_facts(cell, trial, error);
    cell->done = !status;
    return status;
}

adaptau_status cell_train(struct cell *cell, adaptau_context *context, step_function watch, void *watch_data, bool *stopped,
                          adaptau_error *error)
{
    const struct cell_description *description = &cell->description;
    struct watcher                 watcher = {.cell = cell, .step = watch, .step_data = watch_data};
    struct trial_options           options = make_options(description);
    struct trial                   trial = make_trial(description, &options);
    adaptau_dataset               *noisy = NULL;
    int32_t                       *groups = NULL;
    adaptau_status                 status = ADAPTAU_OK;
    *stopped = false;
    trial.context = context;
    trial.observer = (struct trial_observer){.user_data = &watcher, .step = watch_step, .epoch = watch_epoch};
    if (description->noise.kind != NOISE_NONE) {
        groups = malloc(((size_t)description->subject->problem.data.n_users + 1) * sizeof *groups);
        status = groups ? noise_add(&description->noise, context, trial.train, trial.test, &noisy, groups, error)
                        : fail_memory(error, "noise");
        trial.train = noisy;
        watcher.noise_groups = groups;
    }
    if (!status)
        status = run_trial(cell, &trial, stopped, error);
    if (!cell->done)
        record_free(&cell->record);
    trial_close(&trial);
    adaptau_dataset_destroy(noisy);
    free(groups);
    return status;
}
