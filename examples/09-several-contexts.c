/* SPDX-License-Identifier: MIT */
/* 9: several contexts in one process.
 *
 * Nothing of the library is global: contexts have threads, memory and a log of their own and know nothing of each other.
 * Here one answers requests all the time with the model of yesterday, while another trains the model of today on a thread of
 * its own; the file between them appears whole or not at all. What is trained does not depend on what else the process does. */
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "made_up.h"

#define BEST 5

/* ---- training ---------------------------------------------------------------------------------------------------- */

struct training {
    const char *name; /* of the context, in its log                                                             */
    const char *path;
    int32_t     n_threads;
    int64_t     n_epochs;
    double      recall;
    uint64_t    memory; /* the most bytes that the context has held                                             */
    atomic_int  done;
};

static void print_log(void *user_data, int32_t level, const char *line)
{
    fprintf(stderr, "%s: %s%s\n", (const char *)user_data, level == ADAPTAU_LOG_WARNING ? "warning: " : "", line);
}

static void *train(void *argument)
{
    struct training        *t = argument;
    adaptau_error           error;
    adaptau_context        *context = NULL;
    adaptau_dataset        *data = NULL, *test = NULL;
    adaptau_model          *model = NULL;
    adaptau_context_options options = {
        .struct_size = sizeof options, .n_threads = t->n_threads, .log = print_log, .log_data = (void *)(uintptr_t)t->name};
    adaptau_model_options tables = {.struct_size = sizeof tables};
    check(adaptau_model_options_init(&tables, &error), &error);
    tables.dim = DIM;
    tables.seed = 1;
    check(adaptau_context_create(&options, &context, &error), &error);
    make_up_data(context, &data, &test);
    check(adaptau_model_create(context, data, &tables, &model, &error), &error);
    train_epochs(context, data, model, t->n_epochs);
    t->recall = model_recall(context, data, test, model);
    check(adaptau_model_save(model, t->path, &error), &error);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(test);
    adaptau_dataset_destroy(data);
    adaptau_context_memory(context, NULL, &t->memory);
    adaptau_context_destroy(context);
    atomic_store(&t->done, 1);
    return NULL;
}

/* ---- serving ----------------------------------------------------------------------------------------------------- */

/* Answer for all users in turn until the training is done, and for all of them at least once. */
static int64_t serve(const adaptau_model *model, struct training *meanwhile)
{
    adaptau_error error;
    int64_t       n = 0;
    for (; n < USERS || !atomic_load(&meanwhile->done); n++) {
        const int32_t       user = (int32_t)(n % USERS);
        const adaptau_query query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = BEST};
        int32_t             items[BEST];
        check(adaptau_model_rank(model, &query, items, NULL, &error), &error);
    }
    return n;
}

static adaptau_model *load(adaptau_context *context, const char *path)
{
    adaptau_error  error;
    adaptau_model *model = NULL;
    check(adaptau_model_load(context, path, &model, &error), &error);
    return model;
}

static int same_files(const char *path, const char *other_path)
{
    FILE *file = fopen(path, "rb"), *other = fopen(other_path, "rb");
    int   c;
    check_system(file && other, "a saved model");
    do
        c = getc(file);
    while (c == getc(other) && c != EOF);
    int same = c == EOF && feof(other);
    fclose(file);
    fclose(other);
    return same;
}

int main(void)
{
    char folder[] = "/tmp/contexts-XXXXXX";
    check_system(mkdtemp(folder) != NULL && chdir(folder) == 0, folder);

    struct training         yesterday = {"yesterday", "served", 1, 2, 0, 0, 0};
    struct training         today = {"today", "served", 1, 8, 0, 0, 0};
    struct training         alone = {"alone", "alone", 2, 8, 0, 0, 0};
    adaptau_error           error;
    adaptau_context        *serving = NULL;
    adaptau_context_options options = {.struct_size = sizeof options, .n_threads = 1};
    pthread_t               trainer;
    train(&yesterday);
    check(adaptau_context_create(&options, &serving, &error), &error);
    adaptau_model *model = load(serving, yesterday.path);
    check_system(pthread_create(&trainer, NULL, train, &today) == 0, "pthread_create");
    int64_t n_answers = serve(model, &today);
    pthread_join(trainer, NULL);
    adaptau_model_destroy(model); /* the file was replaced while it was served: it was read as a whole before    */
    model = load(serving, today.path);

    train(&alone);
    int      same = same_files("served", "alone");
    uint64_t memory = 0;
    adaptau_context_memory(serving, &memory, NULL);
    printf("served so far  recall@10 %.4f, %s\n", yesterday.recall, n_answers >= USERS ? "every user answered" : "NOT SERVED");
    printf("trained        recall@10 %.4f, in a context of %d KiB beside one of %d KiB\n", today.recall,
           (int)(today.memory >> 10), (int)(memory >> 10));
    printf("the model is %s as one that is trained alone, on two threads\n", same ? "the same, bit for bit," : "NOT the same");
    adaptau_model_destroy(model);
    adaptau_context_destroy(serving);
    check_system(unlink("served") == 0 && unlink("alone") == 0 && rmdir(folder) == 0, folder);
    return same && today.recall > yesterday.recall ? 0 : 1;
}
