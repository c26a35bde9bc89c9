/* SPDX-License-Identifier: MIT */
#include "adaptau-evaluate/truth.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/fail.h"

/* Test pairs alone. */
static adaptau_status read_test(struct truth *truth, const struct settings *settings, adaptau_error *error)
{
    struct data        *data = &truth->problem.data;
    struct read_options reading = settings->reading;
    struct pairs        none = {0};
    reading.test = NULL;
    adaptau_status status = read_data(settings->reading.test, &reading, data, error);
    if (!status && data->has_test)
        status = fail(error, ADAPTAU_E_ARGUMENT, "%s: a folder with train and test pairs goes with --train",
                      shown_path(settings->reading.test));
    if (!status)
        status = pairs_to_dataset(&data->train, truth->context, data->n_users, data->n_items, &truth->problem.test, error);
    if (!status)
        status = pairs_to_dataset(&none, truth->context, data->n_users, data->n_items, &truth->problem.train, error);
    if (status)
        return status;
    data->account.kept = adaptau_dataset_n_interactions(truth->problem.test);
    data->account.duplicates = data->train.count - data->account.kept;
    return ADAPTAU_OK;
}

/* Numbers are names where there are no others, so that models and lists are matched by name always. */
static adaptau_status name_by_numbers(struct names *names, int32_t n, adaptau_error *error)
{
    char           number[16];
    adaptau_status status = ADAPTAU_OK;
    for (int32_t id = names->count; id < n && !status; id++)
        status = names_append(names, number, (size_t)snprintf(number, sizeof number, "%d", id), error);
    return status;
}

static adaptau_status find_users(struct truth *truth, adaptau_error *error)
{
    const int32_t n = truth->test.n_users;
    truth->who = malloc(((size_t)n + 1) * sizeof *truth->who);
    truth->place = malloc(((size_t)n + 1) * sizeof *truth->place);
    if (!truth->who || !truth->place)
        return fail_memory(error, "the users");
    for (int32_t user = 0; user < n; user++) {
        const bool tested = truth->test.user_ptr[user + 1] > truth->test.user_ptr[user];
        truth->place[user] = tested ? truth->n : -1;
        if (tested)
            truth->who[truth->n++] = user;
        truth->n_had_before += truth->train.user_ptr[user + 1] > truth->train.user_ptr[user];
    }
    return truth->n > 0 ? ADAPTAU_OK : fail(error, ADAPTAU_E_STATE, "nobody has test pairs, so there is nothing to measure");
}

adaptau_status truth_open(struct truth *truth, const struct settings *settings, adaptau_error *error)
{
    const adaptau_context_options options = {.struct_size = sizeof options, .n_threads = (int32_t)settings->threads};
    *truth = (struct truth){.train = {.struct_size = sizeof truth->train}, .test = {.struct_size = sizeof truth->test}};
    truth->has_train = settings->train != NULL;
    adaptau_status status = adaptau_context_create(&options, &truth->context, error);
    if (!status && settings->train)
        status = problem_open(&truth->problem, truth->context, settings->train, &settings->reading, settings->test_share,
                              (uint64_t)settings->split_seed, error);
    else if (!status)
        status = read_test(truth, settings, error);
    if (status)
        return status;
    struct data *data = &truth->problem.data;
    truth->named = data->users.count > 0 || data->items.count > 0;
    truth->users = &data->users;
    truth->items = &data->items;
    status = name_by_numbers(truth->users, data->n_users, error);
    if (!status)
        status = name_by_numbers(truth->items, data->n_items, error);
    if (!status)
        status = adaptau_dataset_get_view(truth->problem.train, &truth->train, error);
    if (!status)
        status = adaptau_dataset_get_view(truth->problem.test, &truth->test, error);
    return status ? status : find_users(truth, error);
}

void truth_close(struct truth *truth)
{
    free(truth->who);
    free(truth->place);
    problem_close(&truth->problem);
    adaptau_context_destroy(truth->context);
    *truth = (struct truth){0};
}

int64_t truth_count(const struct truth *truth, int32_t item)
{
    return item < truth->train.n_items ? truth->train.item_ptr[item + 1] - truth->train.item_ptr[item] : 0;
}

bool truth_has(const adaptau_dataset_view *view, int32_t user, int32_t item)
{
    int64_t low = view->user_ptr[user], end = view->user_ptr[user + 1], high = end;
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (view->user_items[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && view->user_items[low] == item;
}
