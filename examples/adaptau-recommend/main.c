/* SPDX-License-Identifier: MIT */
/* adaptau-recommend: what a saved model ranks first for some users. */
#include <stdio.h>
#include <stdlib.h>

#include "adaptau-recommend/catalog.h"
#include "adaptau-recommend/seen.h"
#include "adaptau-recommend/settings.h"
#include "common/fail.h"
#include "common/json.h"
#include "common/options.h"
#include "common/stop.h"

#define PROGRAM "adaptau-recommend"

/* The ranked lists of all users asked for. */
struct ranking {
    int32_t  n_users, k;
    int32_t *users;  /* [n_users] */
    int32_t *items;  /* [n_users x k], -1 where fewer are left */
    float   *scores; /* [n_users x k] */
};

static adaptau_status ranking_allocate(struct ranking *ranking, int32_t n_users, int32_t k, adaptau_error *error)
{
    size_t size = (size_t)n_users * (size_t)k;
    *ranking = (struct ranking){
        .n_users = n_users,
        .k = k,
        .users = malloc((size_t)n_users * sizeof(int32_t)),
        .items = malloc(size * sizeof(int32_t)),
        .scores = malloc(size * sizeof(float)),
    };
    return ranking->users && ranking->items && ranking->scores ? ADAPTAU_OK : fail_memory(error, "the lists");
}

static void ranking_free(struct ranking *ranking)
{
    free(ranking->users);
    free(ranking->items);
    free(ranking->scores);
}

static adaptau_status rank(const struct settings *settings, const struct catalog *catalog, struct ranking *ranking,
                           adaptau_error *error)
{
    int32_t          k = (int32_t)(settings->k < catalog->n_items ? settings->k : catalog->n_items);
    adaptau_dataset *seen = NULL;
    adaptau_status   status = ranking_allocate(ranking, settings->n_users, k, error);
    for (int32_t i = 0; i < settings->n_users && !status; i++)
        status = catalog_find_user(catalog, settings->users[i], &ranking->users[i], error);
    if (!status && settings->seen)
        status = read_seen(catalog, settings->seen, &settings->reading, &seen, error);
    if (!status)
        status = adaptau_model_top_k(catalog->model, ranking->n_users, ranking->users, k, seen, ranking->items, ranking->scores,
                                     error);
    adaptau_dataset_destroy(seen);
    return status;
}

static void print_lists(const struct catalog *catalog, const struct ranking *ranking)
{
    char label[LABEL_SIZE];
    for (int32_t u = 0; u < ranking->n_users; u++) {
        if (u > 0)
            printf("\n");
        name_print(stdout, row_label(&catalog->users, ranking->users[u], label), 0);
        printf("\n");
        for (int32_t r = 0; r < ranking->k; r++) {
            size_t at = (size_t)u * (size_t)ranking->k + (size_t)r;
            if (ranking->items[at] < 0)
                break;
            printf("%4d  %7.4f  ", r + 1, (double)ranking->scores[at]);
            name_print(stdout, row_label(&catalog->items, ranking->items[at], label), 0);
            printf("\n");
        }
    }
}

static void print_json(const struct settings *settings, const struct catalog *catalog, const struct ranking *ranking)
{
    char        label[LABEL_SIZE];
    struct json json = {.out = stdout};
    json_open(&json, NULL, '{');
    json_text(&json, "model", settings->model);
    json_open(&json, "users", '[');
    for (int32_t u = 0; u < ranking->n_users; u++) {
        json_open(&json, NULL, '{');
        json_text(&json, "user", row_label(&catalog->users, ranking->users[u], label));
        json_whole(&json, "id", ranking->users[u]);
        json_open(&json, "items", '[');
        for (int32_t r = 0; r < ranking->k; r++) {
            size_t at = (size_t)u * (size_t)ranking->k + (size_t)r;
            if (ranking->items[at] < 0)
                break;
            json_open(&json, NULL, '{');
            json_text(&json, "item", row_label(&catalog->items, ranking->items[at], label));
            json_whole(&json, "id", ranking->items[at]);
            json_number(&json, "score", (double)ranking->scores[at]);
            json_close(&json, '}');
        }
        json_close(&json, ']');
        json_close(&json, '}');
    }
    json_close(&json, ']');
    json_close(&json, '}');
    printf("\n");
}

int main(int argc, char **argv)
{
    struct settings settings;
    int             code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    struct catalog catalog = {0};
    struct ranking ranking = {0};
    adaptau_error  error = {0};
    adaptau_status status = catalog_open(settings.model, &catalog, &error);
    if (!status)
        status = rank(&settings, &catalog, &ranking, &error);
    if (status)
        tell(PROGRAM, &error);
    else if (settings.json)
        print_json(&settings, &catalog, &ranking);
    else
        print_lists(&catalog, &ranking);
    ranking_free(&ranking);
    catalog_close(&catalog);
    return !status && finish_stdout(PROGRAM) ? 0 : 1;
}
