/* SPDX-License-Identifier: MIT */
#include "adaptau-train/beside.h"

#include <stdio.h>

#include "common/pairs.h"
#include "common/popular.h"

/* ---- why nothing is tested ----------------------------------------------------------------------------------------- */

/* The interactions of the user who has the most. */
static long long count_most(const adaptau_dataset *dataset)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    int64_t              most = 0;
    if (adaptau_dataset_get_view(dataset, &view, NULL))
        return 0;
    for (int32_t u = 0; u < view.n_users; u++)
        if (view.user_ptr[u + 1] - view.user_ptr[u] > most)
            most = view.user_ptr[u + 1] - view.user_ptr[u];
    return (long long)most;
}

static const char *remedy_of(const struct problem *problem)
{
    return problem->train_times ? "--split last-one holds the latest of each user out" : "--test-share 0.5 holds more out";
}

void beside_explain(struct beside *beside, const struct problem *problem, const struct settings *settings)
{
    const struct read_options *reading = &settings->reading;
    const bool                 counted = reading->split == SPLIT_LAST_ONE || (reading->split == SPLIT_LAST_N && reading->last > 0);
    const long long            most = count_most(problem->train), n = (long long)adaptau_dataset_n_interactions(problem->train);
    const double               percent = 100 * settings->test_share;
    char                      *why = beside->why_untested;
    if (adaptau_dataset_n_interactions(problem->test) > 0)
        return;
    if (problem->data.has_test)
        snprintf(why, WHY_SIZE, "nothing is tested: none of the test pairs that came with the data is left");
    else if (!counted && settings->test_share == 0)
        snprintf(why, WHY_SIZE, "nothing is tested: --test-share 0 holds nothing out");
    else if (reading->split == SPLIT_TIME && settings->test_share * (double)n + 0.5 < 1)
        snprintf(why, WHY_SIZE, "nothing is tested: %g %% of %lld interactions is less than one; %s", percent, n, remedy_of(problem));
    else if (reading->split == SPLIT_TIME)
        snprintf(why, WHY_SIZE, "nothing is tested: all interactions are of the same time; --split random holds some of each user out");
    else if (most == 1)
        snprintf(why, WHY_SIZE, "nothing is tested: no user has more than one interaction, and a user's last one is never held out%s",
                 problem->train_times ? "; --split time holds the latest of all out" : "");
    else
        snprintf(why, WHY_SIZE, "nothing is tested: %g %% of %lld interactions, the most that a user has, is less than one; %s", percent,
                 most, remedy_of(problem));
}

/* ---- beside the test's metrics ------------------------------------------------------------------------------------- */

static adaptau_status measure_popular(struct beside *beside, const struct trial *trial, adaptau_error *error)
{
    const struct cutoffs *cutoffs = &trial->options->cutoffs;
    adaptau_evaluator    *evaluator = NULL;
    adaptau_status        status = make_evaluator(trial->context, trial->test, trial->train, cutoffs, &evaluator, error);
    if (!status)
        status = score_popular(trial->train, evaluator, cutoffs, &beside->popular, error);
    adaptau_evaluator_destroy(evaluator);
    return status;
}

/* The test pairs of users who have interactions in train. */
static adaptau_status keep_warm(const struct trial *trial, adaptau_dataset **warm, adaptau_error *error)
{
    adaptau_dataset_view train = {.struct_size = sizeof train}, test = {.struct_size = sizeof test};
    struct pairs         pairs = {0};
    adaptau_status       status = adaptau_dataset_get_view(trial->train, &train, error);
    if (!status)
        status = adaptau_dataset_get_view(trial->test, &test, error);
    for (int32_t u = 0; u < test.n_users && !status; u++)
        for (int64_t i = test.user_ptr[u]; i < test.user_ptr[u + 1] && !status && train.user_ptr[u + 1] > train.user_ptr[u]; i++)
            status = pairs_append(&pairs, u, test.user_items[i], error);
    if (!status)
        status = pairs_to_dataset(&pairs, trial->context, test.n_users, test.n_items, warm, error);
    pairs_free(&pairs);
    return status;
}

static adaptau_status measure_warm(struct beside *beside, const struct trial *trial, adaptau_error *error)
{
    const struct cutoffs *cutoffs = &trial->options->cutoffs;
    adaptau_dataset      *warm = NULL;
    adaptau_evaluator    *evaluator = NULL;
    adaptau_status        status = keep_warm(trial, &warm, error);
    if (!status && adaptau_dataset_n_interactions(warm) > 0)
        status = make_evaluator(trial->context, warm, trial->train, cutoffs, &evaluator, error);
    if (!status && evaluator)
        status = score_model(evaluator, trial->model, cutoffs, &beside->warm, error);
    if (!status && evaluator)
        beside->n_warm = adaptau_evaluator_n_users(evaluator);
    adaptau_evaluator_destroy(evaluator);
    adaptau_dataset_destroy(warm);
    return status;
}

void beside_measure(struct beside *beside, const struct trial *trial, const struct account *account)
{
    if (trial->n_test_users == 0)
        return;
    adaptau_status status = measure_popular(beside, trial, NULL);
    if (!status && account->cold_users > 0)
        status = measure_warm(beside, trial, NULL);
    beside->measured = !status;
}
