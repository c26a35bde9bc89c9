/* SPDX-License-Identifier: MIT */
#include "common/problem.h"

#include "common/fail.h"
#include "common/split.h"

/* Data without test pairs: hold some of every user's pairs out, once repetitions are gone. */
static adaptau_status split_test(struct data *data, adaptau_context *context, double test_share, uint64_t split_seed,
                                 adaptau_error *error)
{
    adaptau_dataset *all = NULL;
    struct pairs     kept = {0}, held_out = {0};
    adaptau_status   status = pairs_to_dataset(&data->train, context, data->n_users, data->n_items, &all, error);
    if (!status)
        status = split_dataset(all, test_share, split_seed, &kept, &held_out, error);
    adaptau_dataset_destroy(all);
    pairs_free(&data->train);
    data->train = kept;
    data->test = held_out;
    return status;
}

adaptau_status problem_open(struct problem *problem, adaptau_context *context, const char *path,
                            const struct read_options *reading, double test_share, uint64_t split_seed, adaptau_error *error)
{
    *problem = (struct problem){0};
    struct data   *data = &problem->data;
    adaptau_status status = read_data(path, reading, data, error);
    if (!status && !data->has_test)
        status = split_test(data, context, test_share, split_seed, error);
    if (!status)
        status = pairs_to_dataset(&data->train, context, data->n_users, data->n_items, &problem->train, error);
    if (!status)
        status = pairs_to_dataset(&data->test, context, data->n_users, data->n_items, &problem->test, error);
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
    *problem = (struct problem){0};
}
