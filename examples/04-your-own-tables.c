/* SPDX-License-Identifier: MIT */
/* 4: your embedding tables, trained where they are.
 *
 * A recommender that is in use has tables already, in memory or in a file that several processes map. The model takes them as
 * they are and trains in place: nothing is copied in or out, and whoever reads the tables sees what was learned.
 *
 *   in memory  users and items lie in records of the program's, with other things between the embeddings
 *   mapped     users and items lie in one file; another process then ranks by what it finds there */
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "made_up.h"

#define EPOCHS 8

extern char **environ;

/* ---- the tables -------------------------------------------------------------------------------------------------- */

/* Embeddings somewhere: the first of a row, and how many floats lie from one row to the next. */
struct embeddings {
    float  *users, *items;
    int64_t user_stride, item_stride;
};

static void train_in_place(adaptau_context *context, const adaptau_dataset *data, const struct embeddings *e)
{
    adaptau_error         error;
    adaptau_model        *model = NULL;
    adaptau_model_options options = {.struct_size = sizeof options};
    check(adaptau_model_options_init(&options, &error), &error);
    options.dim = DIM;
    options.init = ADAPTAU_INIT_HOST; /* begin with what is there                                               */
    options.host_users = e->users;
    options.host_items = e->items;
    options.host_user_stride = e->user_stride;
    options.host_item_stride = e->item_stride;
    check(adaptau_model_create(context, data, &options, &model, &error), &error);
    train_epochs(context, data, model, EPOCHS);
    adaptau_model_destroy(model); /* the tables are the program's, and stay                                      */
}

/* No model is needed to score by tables, and a mapping that can only be read is good enough. */
static double recall_of(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test,
                        const struct embeddings *e)
{
    adaptau_tables tables = {
        .struct_size = sizeof tables,
        .flags = ADAPTAU_NORMALISE_BOTH,
        .n_users = USERS,
        .n_items = ITEMS,
        .dim = DIM,
        .users = e->users,
        .user_stride = e->user_stride,
        .items = e->items,
        .item_stride = e->item_stride,
    };
    return recall(context, train, test, &tables);
}

/* ---- tables in memory -------------------------------------------------------------------------------------------- */

/* Rows of the program's, in which floats are a whole number of steps apart. */
struct user {
    int64_t account;
    float   embedding[DIM];
};
struct item {
    float embedding[DIM];
    float price;
};

static int train_in_memory(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test)
{
    static struct user users[USERS];
    static struct item items[ITEMS];
    struct embeddings  e = {users[0].embedding, items[0].embedding, sizeof(struct user) / sizeof(float),
                            sizeof(struct item) / sizeof(float)};
    int                untouched = 1;
    for (int32_t u = 0; u < USERS; u++)
        users[u].account = 1000000 + u;
    for (int32_t i = 0; i < ITEMS; i++)
        items[i].price = (float)i;
    draw_rows(e.users, USERS, e.user_stride);
    draw_rows(e.items, ITEMS, e.item_stride);
    double before = recall_of(context, train, test, &e);
    train_in_place(context, train, &e);
    double after = recall_of(context, train, test, &e);
    for (int32_t u = 0; u < USERS; u++)
        untouched &= users[u].account == 1000000 + u;
    for (int32_t i = 0; i < ITEMS; i++)
        untouched &= items[i].price == (float)i;
    printf("in memory  recall@10 %.4f -> %.4f, what lies between the embeddings is %s\n", before, after,
           untouched ? "as it was" : "DAMAGED");
    return untouched && after > before;
}

/* ---- tables in a file -------------------------------------------------------------------------------------------- */

#define FILE_SIZE ((size_t)(USERS + ITEMS) * DIM * sizeof(float)) /* users, then items                                   */

static struct embeddings map_file(const char *path, int writable)
{
    int file = open(path, writable ? O_RDWR : O_RDONLY);
    check_system(file >= 0, path);
    void *start = mmap(NULL, FILE_SIZE, writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, file, 0);
    check_system(start != MAP_FAILED, path);
    close(file); /* the mapping stays                                                                           */
    return (struct embeddings){start, (float *)start + USERS * DIM, DIM, DIM};
}

/* The second process: it has the path, and a recall that it should find. */
static int serve(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test, const char *path,
                 const char *wanted)
{
    struct embeddings e = map_file(path, 0);
    double            found = recall_of(context, train, test, &e);
    printf("mapped     recall@10 %.4f in another process\n", found);
    munmap(e.users, FILE_SIZE);
    return found == strtod(wanted, NULL);
}

static int serve_elsewhere(char *program, char *path, double wanted)
{
    char  number[40];
    char *arguments[] = {program, path, number, NULL};
    pid_t process;
    int   status = 1;
    snprintf(number, sizeof number, "%a", wanted); /* every bit of it                                           */
    fflush(stdout);
    check_system(posix_spawn(&process, program, NULL, NULL, arguments, environ) == 0, program);
    check_system(waitpid(process, &status, 0) == process, "waitpid");
    return status == 0;
}

static int train_in_a_file(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test, char *program)
{
    char path[] = "/tmp/embeddings-XXXXXX";
    int  file = mkstemp(path);
    check_system(file >= 0 && ftruncate(file, (off_t)FILE_SIZE) == 0, path);
    close(file);
    struct embeddings e = map_file(path, 1);
    draw_rows(e.users, USERS, e.user_stride);
    draw_rows(e.items, ITEMS, e.item_stride);
    double before = recall_of(context, train, test, &e);
    train_in_place(context, train, &e);
    double after = recall_of(context, train, test, &e);
    check_system(msync(e.users, FILE_SIZE, MS_SYNC) == 0, path); /* others see it anyway; this is for the disk   */
    munmap(e.users, FILE_SIZE);
    printf("mapped     recall@10 %.4f -> %.4f\n", before, after);
    int same = serve_elsewhere(program, path, after);
    unlink(path);
    return same && after > before;
}

int main(int n_arguments, char **arguments)
{
    adaptau_error    error;
    adaptau_context *context = NULL;
    adaptau_dataset *train = NULL, *test = NULL;
    int              good;
    check(adaptau_context_create(NULL, &context, &error), &error);
    make_up_data(context, &train, &test);
    if (n_arguments == 3)
        good = serve(context, train, test, arguments[1], arguments[2]);
    else
        good = train_in_memory(context, train, test) && train_in_a_file(context, train, test, arguments[0]);
    adaptau_dataset_destroy(test);
    adaptau_dataset_destroy(train);
    adaptau_context_destroy(context);
    return good ? 0 : 1;
}
