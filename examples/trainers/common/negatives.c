/* SPDX-License-Identifier: MIT */
#include "common/negatives.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/fail.h"

/* One side of a file's pairs, and the side of the data that it must be found on. */
struct side {
    const struct names *names; /* of the file's ids: it is read so that all have one */
    const struct names *known; /* of the data's rows */
    bool                rows;  /* a name is the number of a row */
    int32_t             n;
};

/* Ids of lists are rows of lists, unless those were numbered anew, and have then their old numbers as names. */
static struct side side_of(const struct data *file, const struct data *data, bool items)
{
    const struct names *known = items ? &data->items : &data->users;
    return (struct side){.names = items ? &file->items : &file->users,
                         .known = known,
                         .rows = data->lists && (known->count == 0 || (file->lists && data->titled[items])),
                         .n = items ? data->n_items : data->n_users};
}

/* The data's row of one of the file's ids, or −1. */
static int32_t find_row(const struct side *side, int32_t id)
{
    const char *name = names_get(side->names, id);
    char       *end;
    if (!side->rows)
        return names_find(side->known, name, strlen(name));
    const long long row = strtoll(name, &end, 10);
    return end != name && *end == '\0' && row >= 0 && row < side->n ? (int32_t)row : -1;
}

/* The rows of all ids, so that each name is looked up once. */
static adaptau_status find_rows(const struct side *side, int32_t **rows, adaptau_error *error)
{
    *rows = malloc(((size_t)side->names->count + 1) * sizeof **rows);
    if (!*rows)
        return fail_memory(error, "the negatives");
    for (int32_t id = 0; id < side->names->count; id++)
        (*rows)[id] = find_row(side, id);
    return ADAPTAU_OK;
}

/* The pairs of known users and items, by the data's rows. */
static adaptau_status keep_known(struct negatives *negatives, const struct data *file, const struct data *data, struct pairs *kept,
                                 adaptau_error *error)
{
    const struct side user_side = side_of(file, data, false), item_side = side_of(file, data, true);
    int32_t          *users = NULL, *items = NULL;
    adaptau_status    status = find_rows(&user_side, &users, error);
    if (!status)
        status = find_rows(&item_side, &items, error);
    kept->weighed = file->train.weights != NULL;
    for (int64_t p = 0; p < file->train.count && !status; p++) {
        const int32_t user = users[file->train.users[p]], item = items[file->train.items[p]];
        negatives->unknown_users += user < 0;
        negatives->unknown_items += user >= 0 && item < 0;
        if (user >= 0 && item >= 0)
            status = pairs_append_at(kept, user, item, 0, file->train.weights ? file->train.weights[p] : 1.0f, error);
    }
    free(users);
    free(items);
    return status;
}

static int64_t count_common(const adaptau_dataset *a, const adaptau_dataset *b)
{
    adaptau_dataset_view x = {.struct_size = sizeof x}, y = {.struct_size = sizeof y};
    int64_t              n = 0;
    if (adaptau_dataset_get_view(a, &x, NULL) || adaptau_dataset_get_view(b, &y, NULL))
        return 0;
    for (int32_t u = 0; u < x.n_users; u++)
        for (int64_t p = x.user_ptr[u], q = y.user_ptr[u]; p < x.user_ptr[u + 1] && q < y.user_ptr[u + 1];) {
            const int32_t i = x.user_items[p], j = y.user_items[q];
            n += i == j;
            p += i <= j;
            q += j <= i;
        }
    return n;
}

static adaptau_status give(struct negatives *negatives, adaptau_context *context, struct problem *problem, const struct pairs *pairs,
                           adaptau_error *error)
{
    adaptau_dataset *dataset = NULL;
    adaptau_status   status = pairs_to_dataset(pairs, context, problem->data.n_users, problem->data.n_items, &dataset, error);
    if (status)
        return status;
    negatives->kept = adaptau_dataset_n_interactions(dataset);
    negatives->duplicates = pairs->count - negatives->kept;
    negatives->also_train = count_common(dataset, problem->train);
    status = adaptau_dataset_set_negatives(problem->train, dataset, error);
    adaptau_dataset_destroy(dataset);
    return status;
}

adaptau_status negatives_read(struct negatives *negatives, adaptau_context *context, struct problem *problem, const char *path,
                              const char *weights, const struct read_options *reading, adaptau_error *error)
{
    const struct read_options options = {.format = reading->format,
                                         .header = reading->header,
                                         .separator = reading->separator,
                                         .columns = reading->columns,
                                         .compact = COMPACT_YES, /* so that ids have their numbers as names */
                                         .weights = weights};
    struct data  file = {0};
    struct pairs kept = {0};
    *negatives = (struct negatives){.path = path};
    adaptau_status status = read_data(path, &options, &file, error);
    if (!status && reading->min_degree > 1 && file.lists && (problem->data.titled[0] || problem->data.titled[1]))
        status = fail(error, ADAPTAU_E_ARGUMENT, "%s: row numbers of users.txt or items.txt, of which --min-degree has left out some",
                      shown_path(path));
    if (!status)
        status = keep_known(negatives, &file, &problem->data, &kept, error);
    if (!status)
        status = give(negatives, context, problem, &kept, error);
    negatives->account = file.account;
    pairs_free(&kept);
    data_free(&file);
    return status;
}

void negatives_line(const struct negatives *n, char line[NEGATIVES_LINE_SIZE])
{
    const struct account *a = &n->account;
    char                  left_out[64] = "";
    if (a->weightless > 0)
        snprintf(left_out, sizeof left_out, "; %lld without a weight above 0 left out", (long long)a->weightless);
    snprintf(line, NEGATIVES_LINE_SIZE,
             "%lld lines, %lld negatives, %lld kept; %lld duplicates%s; left out %lld of users and %lld of items that the data do not "
             "have; %lld are also in train%s",
             (long long)a->lines, (long long)a->interactions, (long long)n->kept, (long long)n->duplicates, left_out,
             (long long)n->unknown_users, (long long)n->unknown_items, (long long)n->also_train,
             a->used      ? "; weights are used, those of duplicates add up"
             : a->weighed ? "; weights are not used, every negative counts alike"
                          : "");
}

void negatives_json(const struct negatives *n, const char *key, struct json *json)
{
    json_open(json, key, '{');
    json_text(json, "file", n->path);
    json_text(json, "layout", n->account.seen);
    json_whole(json, "lines", n->account.lines);
    json_whole(json, "negatives", n->account.interactions);
    json_whole(json, "kept", n->kept);
    json_whole(json, "duplicates", n->duplicates);
    json_whole(json, "left_out_without_weight", n->account.weightless);
    json_whole(json, "unknown_users", n->unknown_users);
    json_whole(json, "unknown_items", n->unknown_items);
    json_whole(json, "also_in_train", n->also_train);
    json_truth(json, "weights", n->account.used);
    json_close(json, '}');
}
