/* SPDX-License-Identifier: MIT */
#include "common/holdout.h"

#include <math.h>
#include <stdlib.h>

#include <adaptau/fit.h>

#include "common/fail.h"

/* ---- by time ------------------------------------------------------------------------------------------------------- */

/* A user's pair, when times are compared. */
struct dated {
    double  time;
    int32_t item;
    float   weight;
};

static int compare_dated(const void *a, const void *b)
{
    const struct dated *x = a, *y = b;
    if (x->time != y->time)
        return x->time < y->time ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

static int compare_times(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* The time from which on pairs are held out: at least `share` of all, where that leaves any. */
static adaptau_status find_cut(const double *times, int64_t n, double share, double *cut, adaptau_error *error)
{
    double *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    if (!sorted)
        return fail_memory(error, "the times");
    for (int64_t i = 0; i < n; i++)
        sorted[i] = times[i];
    qsort(sorted, (size_t)n, sizeof *sorted, compare_times);
    int64_t n_held_out = (int64_t)(share * (double)n + 0.5), at = n - n_held_out;
    *cut = n_held_out > 0 ? sorted[at] : HUGE_VAL;
    if (n_held_out > 0 && *cut == sorted[0]) /* so many at once: later ones only */
        while (at < n && sorted[at] == sorted[0])
            *cut = ++at < n ? sorted[at] : HUGE_VAL;
    free(sorted);
    return ADAPTAU_OK;
}

/* How many of a user's n pairs are held out: never the last one. */
static int64_t count_latest(const struct read_options *options, double share, int64_t n)
{
    int64_t wanted = options->split == SPLIT_LAST_ONE ? 1 : options->last > 0 ? options->last : (int64_t)(share * (double)n + 0.5);
    return wanted < n ? wanted : n - 1;
}

static adaptau_status split_user_by_time(int32_t user, struct dated *dated, int64_t n, int64_t n_held_out, double cut,
                                         struct pairs *kept, struct pairs *held_out, adaptau_error *error)
{
    adaptau_status status = ADAPTAU_OK;
    qsort(dated, (size_t)n, sizeof *dated, compare_dated);
    for (int64_t i = 0; i < n && !status; i++) {
        bool late = n_held_out >= 0 ? i >= n - n_held_out : dated[i].time >= cut;
        status = pairs_append_at(late ? held_out : kept, user, dated[i].item, dated[i].time, dated[i].weight, error);
    }
    return status;
}

static adaptau_status split_by_time(const adaptau_dataset *all, const double *times, const struct read_options *options,
                                    double share, struct pairs *kept, struct pairs *held_out, adaptau_error *error)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    double               cut = HUGE_VAL;
    adaptau_status       status = adaptau_dataset_get_view(all, &view, error);
    if (!status && options->split == SPLIT_TIME)
        status = find_cut(times, view.user_ptr[view.n_users], share, &cut, error);
    struct dated *dated = malloc(((size_t)view.n_items + 1) * sizeof *dated);
    if (!status && !dated)
        status = fail_memory(error, "the split");
    for (int32_t user = 0; user < view.n_users && !status; user++) {
        int64_t first = view.user_ptr[user], n = view.user_ptr[user + 1] - first;
        for (int64_t i = 0; i < n; i++)
            dated[i] = (struct dated){times[first + i], view.user_items[first + i],
                                      view.user_weights ? view.user_weights[first + i] : 1};
        status = split_user_by_time(user, dated, n, options->split == SPLIT_TIME ? -1 : count_latest(options, share, n), cut, kept,
                                    held_out, error);
    }
    free(dated);
    return status;
}

/* ---- all splits ---------------------------------------------------------------------------------------------------- */

static adaptau_status hold_out_late(const struct data *data, adaptau_context *context, const adaptau_dataset *all,
                                    const struct read_options *options, double share, adaptau_dataset **train,
                                    adaptau_dataset **test, adaptau_error *error)
{
    struct pairs   kept = {0}, held_out = {0};
    double        *times = NULL;
    kept.weighed = held_out.weighed = data->train.weights != NULL;
    adaptau_status status = pairs_times_along(&data->train, all, &times, error);
    if (!status)
        status = split_by_time(all, times, options, share, &kept, &held_out, error);
    if (!status)
        status = pairs_to_dataset(&kept, context, data->n_users, data->n_items, train, error);
    if (!status)
        status = pairs_to_dataset(&held_out, context, data->n_users, data->n_items, test, error);
    free(times);
    pairs_free(&held_out);
    pairs_free(&kept);
    return status;
}

adaptau_status hold_out(struct data *data, adaptau_context *context, const struct read_options *options, double share,
                        uint64_t seed, adaptau_dataset **train, adaptau_dataset **test, adaptau_error *error)
{
    const adaptau_split_options by_chance = {.struct_size = sizeof by_chance, .share = share, .seed = seed};
    adaptau_dataset            *all = NULL;
    if (options->split != SPLIT_RANDOM && !data->train.times)
        return fail(error, ADAPTAU_E_STATE, "--split by time, but the data have no column of times; --columns time=NAME says which it is");
    adaptau_status status = pairs_to_dataset(&data->train, context, data->n_users, data->n_items, &all, error);
    if (!status)
        data->account.duplicates += data->train.count - adaptau_dataset_n_interactions(all);
    if (!status && options->split == SPLIT_RANDOM)
        status = adaptau_dataset_split(context, all, &by_chance, train, test, error);
    else if (!status)
        status = hold_out_late(data, context, all, options, share, train, test, error);
    adaptau_dataset_destroy(all);
    return status;
}

/* ---- test pairs that mean nothing ---------------------------------------------------------------------------------- */

static bool has_pair(const adaptau_dataset_view *view, int32_t user, int32_t item)
{
    int64_t low = view->user_ptr[user], end = view->user_ptr[user + 1], high = end;
    while (low < high) {
        int64_t middle = low + (high - low) / 2;
        if (view->user_items[middle] < item)
            low = middle + 1;
        else
            high = middle;
    }
    return low < end && view->user_items[low] == item;
}

adaptau_status count_cold(const adaptau_dataset *train, const adaptau_dataset *test, struct account *account, adaptau_error *error)
{
    adaptau_dataset_view of_train = {.struct_size = sizeof of_train}, of_test = {.struct_size = sizeof of_test};
    adaptau_status       status = adaptau_dataset_get_view(train, &of_train, error);
    if (!status)
        status = adaptau_dataset_get_view(test, &of_test, error);
    account->cold_users = account->cold_items = 0;
    for (int32_t u = 0; u < of_test.n_users && !status; u++)
        account->cold_users += of_test.user_ptr[u + 1] > of_test.user_ptr[u] && of_train.user_ptr[u + 1] == of_train.user_ptr[u];
    for (int32_t i = 0; i < of_test.n_items && !status; i++)
        account->cold_items += of_test.item_ptr[i + 1] > of_test.item_ptr[i] && of_train.item_ptr[i + 1] == of_train.item_ptr[i];
    return status;
}

adaptau_status leave_out_known(const adaptau_dataset *train, adaptau_dataset **test, adaptau_context *context,
                               struct account *account, adaptau_error *error)
{
    adaptau_dataset_view of_train = {.struct_size = sizeof of_train}, of_test = {.struct_size = sizeof of_test};
    struct pairs         unknown = {0};
    adaptau_dataset     *left = NULL;
    adaptau_status       status = adaptau_dataset_get_view(train, &of_train, error);
    if (!status)
        status = adaptau_dataset_get_view(*test, &of_test, error);
    for (int32_t u = 0; u < of_test.n_users && !status; u++) {
        for (int64_t i = of_test.user_ptr[u]; i < of_test.user_ptr[u + 1] && !status; i++) {
            if (has_pair(&of_train, u, of_test.user_items[i]))
                account->in_both++;
            else
                status = pairs_append(&unknown, u, of_test.user_items[i], error);
        }
    }
    if (!status && account->in_both > 0)
        status = pairs_to_dataset(&unknown, context, of_test.n_users, of_test.n_items, &left, error);
    if (left) {
        adaptau_dataset_destroy(*test);
        *test = left;
    }
    pairs_free(&unknown);
    return status;
}
