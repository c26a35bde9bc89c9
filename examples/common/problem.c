/* SPDX-License-Identifier: MIT */
#include "common/problem.h"

#include <stdlib.h>

#include "common/compact.h"
#include "common/fail.h"
#include "common/holdout.h"

/* Data without test pairs: hold some out. *all has all of them then, with their times. */
static adaptau_status split_test(struct data *data, adaptau_context *context, const struct read_options *reading,
                                 double test_share, uint64_t split_seed, struct pairs *all, adaptau_error *error)
{
    struct pairs   kept = {0}, held_out = {0};
    adaptau_status status = hold_out(data, context, reading, test_share, split_seed, &kept, &held_out, error);
    *all = data->train;
    data->train = kept;
    data->test = held_out;
    return status;
}

/* The datasets of what was read, and what is to be said of them. */
static adaptau_status make_datasets(struct problem *problem, adaptau_context *context, adaptau_error *error)
{
    struct data   *data = &problem->data;
    adaptau_status status = pairs_to_dataset(&data->train, context, data->n_users, data->n_items, &problem->train, error);
    if (!status)
        status = pairs_to_dataset(&data->test, context, data->n_users, data->n_items, &problem->test, error);
    if (!status && data->has_test) {
        data->account.duplicates += data->train.count - adaptau_dataset_n_pairs(problem->train);
        data->account.duplicates += data->test.count - adaptau_dataset_n_pairs(problem->test);
        status = leave_out_known(problem->train, &problem->test, context, &data->account, error);
    }
    if (!status)
        data->account.kept = adaptau_dataset_n_pairs(problem->train) + adaptau_dataset_n_pairs(problem->test);
    return status;
}

adaptau_status problem_open(struct problem *problem, adaptau_context *context, const char *path,
                            const struct read_options *reading, double test_share, uint64_t split_seed, adaptau_error *error)
{
    *problem = (struct problem){0};
    struct data   *data = &problem->data;
    struct pairs   all = {0};
    adaptau_status status = read_data(path, reading, data, error);
    if (!status && reading->min_degree > 1)
        status = keep_core(data, reading->min_degree, error);
    if (!status && !data->has_test)
        status = split_test(data, context, reading, test_share, split_seed, &all, error);
    if (!status)
        status = make_datasets(problem, context, error);
    if (!status)
        status = pairs_times_along(data->has_test ? &data->train : &all, problem->train, &problem->train_times, error);
    pairs_free(&all);
    pairs_free(&data->train);
    pairs_free(&data->test);
    if (!status && adaptau_dataset_n_pairs(problem->train) == 0)
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
