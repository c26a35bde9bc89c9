/* SPDX-License-Identifier: MIT */
#include "common/problem.h"

#include <adaptau/fit.h>

#include "common/fail.h"

/* Data without test pairs: hold some of every user's pairs out, once repetitions are gone. */
static adaptau_status split_test(struct problem *problem, adaptau_context *context, double test_share, uint64_t split_seed,
                                 adaptau_error *error)
{
    const adaptau_split_options options = {.struct_size = sizeof options, .share = test_share, .seed = split_seed};
    const struct data          *data = &problem->data;
    adaptau_dataset            *all = NULL;
    adaptau_status status = pairs_to_dataset(&data->train, context, data->n_users, data->n_items, &all, error);
    if (!status)
        status = adaptau_dataset_split(context, all, &options, &problem->train, &problem->test, error);
    adaptau_dataset_destroy(all);
    return status;
}

static adaptau_status take_both(struct problem *problem, adaptau_context *context, adaptau_error *error)
{
    const struct data *data = &problem->data;
    adaptau_status     status = pairs_to_dataset(&data->train, context, data->n_users, data->n_items, &problem->train, error);
    return status ? status : pairs_to_dataset(&data->test, context, data->n_users, data->n_items, &problem->test, error);
}

adaptau_status problem_open(struct problem *problem, adaptau_context *context, const char *path,
                            const struct read_options *reading, double test_share, uint64_t split_seed, adaptau_error *error)
{
    *problem = (struct problem){0};
    struct data   *data = &problem->data;
    adaptau_status status = read_data(path, reading, data, error);
    if (!status)
        status = data->has_test ? take_both(problem, context, error)
                                : split_test(problem, context, test_share, split_seed, error);
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
