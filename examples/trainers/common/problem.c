/* SPDX-License-Identifier: MIT */
#include "common/problem.h"

#include <stdlib.h>

#include "common/compact.h"
#include "common/fail.h"
#include "common/holdout.h"

/* When train's pairs were, where the data say it. */
static adaptau_status take_times(struct problem *problem, adaptau_error *error)
{
    double        *times = NULL;
    adaptau_status status = pairs_times_along(&problem->data.train, problem->train, &times, error);
    if (!status && times)
        status = times_to_whole(times, adaptau_dataset_n_interactions(problem->train), &problem->train_times, error);
    free(times);
    return status;
}

/* Data that came with test pairs. */
static adaptau_status take_both(struct problem *problem, adaptau_context *context, adaptau_error *error)
{
    struct data   *data = &problem->data;
    adaptau_status status = pairs_to_dataset(&data->train, context, data->n_users, data->n_items, &problem->train, error);
    if (!status)
        status = pairs_to_dataset(&data->test, context, data->n_users, data->n_items, &problem->test, error);
    if (status)
        return status;
    data->account.duplicates += data->train.count - adaptau_dataset_n_interactions(problem->train);
    data->account.duplicates += data->test.count - adaptau_dataset_n_interactions(problem->test);
    return leave_out_known(problem->train, &problem->test, context, &data->account, error);
}

adaptau_status problem_open(struct problem *problem, adaptau_context *context, const char *path,
                            const struct read_options *reading, double test_share, uint64_t split_seed, adaptau_error *error)
{
    *problem = (struct problem){0};
    struct data   *data = &problem->data;
    adaptau_status status = read_data(path, reading, data, error);
    if (!status && reading->min_degree > 1)
        status = keep_core(data, reading->min_degree, error);
    if (!status)
        status = data->has_test ? take_both(problem, context, error)
                                : hold_out(data, context, reading, test_share, split_seed, &problem->train, &problem->test, error);
    if (!status)
        status = count_cold(problem->train, problem->test, &data->account, error);
    if (!status)
        status = take_times(problem, error);
    if (!status)
        data->account.kept = adaptau_dataset_n_interactions(problem->train) + adaptau_dataset_n_interactions(problem->test);
    pairs_free(&data->train);
    pairs_free(&data->test);
    if (!status && adaptau_dataset_n_interactions(problem->train) == 0)
        status = fail(error, ADAPTAU_E_STATE, "%s: no pairs to train on", shown_path(path));
    return status;
}

void problem_close(struct problem *problem)
{
    adaptau_dataset_destroy(problem->test);
    adaptau_dataset_destroy(problem->train);
    data_free(&problem->data);
    free(problem->train_times);
    *problem = (struct problem){0};
}
