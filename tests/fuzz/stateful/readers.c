/* SPDX-License-Identifier: MIT */
/* Several threads read one model. */
#include "parts.h"

#include <pthread.h>
#include <string.h>

#include "options.h"

struct reader {
    const struct side *side;
    int32_t            found[MOST_USERS];
    adaptau_status     status;
};

static void *read_model(void *argument)
{
    struct reader *reader = argument;
    const int32_t  user = 0;
    adaptau_query  query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = 5};
    reader->status = adaptau_model_rank(reader->side->model, &query, reader->found, NULL, NULL);
    adaptau_tables tables = {.struct_size = sizeof tables};
    if (reader->status == ADAPTAU_OK)
        reader->status = adaptau_model_get_tables(reader->side->model, &tables, NULL);
    if (reader->status == ADAPTAU_OK && reader->side->temperature) {
        float tau;
        reader->status = adaptau_temperature_rows(reader->side->temperature, 1, &user, &tau, NULL, NULL);
    }
    adaptau_fold_in_options fold = choose_fold_in_options(&(struct program){0}, reader->side->model, 0.1, 0.0);
    adaptau_fold_in        *folded = NULL;
    if (reader->status == ADAPTAU_OK)
        reader->status = adaptau_fold_in_create(reader->side->model, reader->side->data, &fold, &folded, NULL);
    adaptau_fold_in_destroy(folded);
    return NULL;
}

/* Right after a step, so that one of them makes the final embeddings. */
void read_side_by_side(struct world *w)
{
    enum { READERS = 3 };
    struct reader readers[READERS] = {{0}};
    pthread_t     threads[READERS];
    need_model(w);
    if (adaptau_model_refresh(w->sides[0].model, NULL) != ADAPTAU_OK || adaptau_model_refresh(w->sides[1].model, NULL) != ADAPTAU_OK)
        must(false, "a model can be refreshed");
    for (int32_t r = 0; r < READERS; r++) {
        readers[r].side = &w->sides[1];
        must(pthread_create(&threads[r], NULL, read_model, &readers[r]) == 0, "a thread can be started");
    }
    for (int32_t r = 0; r < READERS; r++)
        pthread_join(threads[r], NULL);
    for (int32_t r = 0; r < READERS; r++)
        must(readers[r].status == ADAPTAU_OK && memcmp(readers[r].found, readers[0].found, 5 * sizeof(int32_t)) == 0,
             "readers read the same");
}
