/* SPDX-License-Identifier: MIT */
#include "adaptau-train/run.h"

#include "common/clock.h"
#include "common/fail.h"
#include "common/preset.h"
#include "common/split.h"

static adaptau_status open_context(const struct settings *settings, adaptau_context **context, adaptau_error *error)
{
    adaptau_context_options options = {
        .struct_size = sizeof options,
        .n_threads = (int32_t)settings->threads,
        .backend = settings->backend,
    };
    return adaptau_context_create(&options, context, error);
}

/* Data without test pairs: hold some of every user's pairs out, once repetitions are gone. */
static adaptau_status split_test(struct run *run, adaptau_error *error)
{
    struct data     *data = &run->data;
    adaptau_dataset *all = NULL;
    struct pairs     kept = {0}, held_out = {0};
    adaptau_status   status = pairs_to_dataset(&data->train, run->context, data->n_users, data->n_items, &all, error);
    if (!status)
        status = split_dataset(all, run->settings->test_share, (uint64_t)run->settings->split_seed, &kept, &held_out, error);
    adaptau_dataset_destroy(all);
    pairs_free(&data->train);
    data->train = kept;
    data->test = held_out;
    return status;
}

static adaptau_status make_datasets(struct run *run, adaptau_error *error)
{
    struct data   *data = &run->data;
    adaptau_status status = data->has_test ? ADAPTAU_OK : split_test(run, error);
    if (!status)
        status = pairs_to_dataset(&data->train, run->context, data->n_users, data->n_items, &run->train, error);
    if (!status)
        status = pairs_to_dataset(&data->test, run->context, data->n_users, data->n_items, &run->test, error);
    pairs_free(&data->train);
    pairs_free(&data->test);
    if (!status && adaptau_dataset_n_pairs(run->train) == 0)
        status = fail(error, ADAPTAU_E_STATE, "%s: no pairs to train on", shown_path(run->settings->data));
    return status;
}

adaptau_status run_open(struct run *run, const struct settings *settings, adaptau_error *error)
{
    double started = clock_now();
    *run = (struct run){.settings = settings, .recipe = settings->recipe};
    adaptau_status status = open_context(settings, &run->context, error);
    if (!status)
        status = read_data(settings->data, &settings->reading, &run->data, error);
    if (!status)
        status = make_datasets(run, error);
    if (status)
        return status;
    /* LightGCN's inner products have learned how popular an item is */
    run->chooses_prior = run->recipe.popularity_prior == UNSET && run->recipe.encoder == ADAPTAU_ENCODER_MF;
    preset_fill(&run->recipe, run->data.n_users, run->data.n_items, adaptau_dataset_n_pairs(run->train));
    run->read_seconds = clock_now() - started;
    return history_open(&run->history, settings->history, error);
}

void run_close(struct run *run)
{
    history_close(&run->history);
    adaptau_model_destroy(run->model);
    snapshot_free(&run->snapshot);
    adaptau_dataset_destroy(run->test);
    adaptau_dataset_destroy(run->train);
    data_free(&run->data);
    adaptau_context_destroy(run->context);
    *run = (struct run){0};
}

int32_t choosing_cutoff(const struct cutoffs *cutoffs)
{
    for (int32_t c = 0; c < cutoffs->count; c++)
        if (cutoffs->values[c] == 20)
            return c;
    return 0;
}
