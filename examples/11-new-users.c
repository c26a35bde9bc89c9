/* SPDX-License-Identifier: MIT */
/* 11: after training. A model is kept, read again by the process that serves, asked for a user who came later, made larger when
 * there are more users, trained further, and made to forget a user who asks for it.
 *
 * The data are made up: users and items have one of 8 tastes, and a user has 6 of the 20 items of their taste. */
#include <stdio.h>
#include <stdlib.h>

#include <adaptau/adaptau.h>

#define USERS 400
#define ITEMS 160
#define TASTES 8
#define PER_TASTE (ITEMS / TASTES)
#define HAS 6
#define DIM 16
#define EPOCHS 30
#define K 5

static void check(adaptau_status status, const adaptau_error *error)
{
    if (status == ADAPTAU_OK)
        return;
    fprintf(stderr, "%s: %s\n", adaptau_status_name(status), error->message);
    exit(1);
}

/* User u, who has taste u % 8, has every third item of the taste, from an item of their own on. */
static adaptau_dataset *make_dataset(adaptau_context *context, int32_t n_users)
{
    static int32_t   users[(USERS + 1) * HAS], items[(USERS + 1) * HAS];
    adaptau_error    error;
    adaptau_dataset *dataset = NULL;
    for (int32_t user = 0; user < n_users; user++)
        for (int32_t k = 0; k < HAS; k++) {
            users[user * HAS + k] = user;
            items[user * HAS + k] = user % TASTES * PER_TASTE + (user / TASTES + 3 * k) % PER_TASTE;
        }
    /* [dataset] */
    check(adaptau_dataset_create_from_interactions(context, n_users, ITEMS, n_users * HAS, users, items, NULL, &dataset, &error), &error);
    /* [dataset] */
    return dataset;
}

/* The loop of 02-training-loop.c. */
static void run(adaptau_training *training, int64_t n_epochs)
{
    adaptau_error error;
    for (int64_t epoch = 0; epoch < n_epochs; epoch++) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        check(adaptau_training_begin_epoch(training, epoch, &error), &error);
        while (check(adaptau_training_next(training, &batch, &error), &error), batch.n_rows > 0) {
            check(adaptau_model_gradients(adaptau_training_model(training), &batch, adaptau_training_temperature(training), NULL, &error),
                  &error);
            check(adaptau_model_apply(adaptau_training_model(training), &error), &error);
        }
        check(adaptau_training_end_epoch(training, &error), &error);
    }
}

/* Train what grow has made. The recipe is the one by which the model was trained, with fewer epochs, and a smaller step, for most rows
 * have learned already. A host with a recipe of its own keeps it; here it is made up. */
static adaptau_model *train_further(adaptau_context *context, const adaptau_dataset *more, adaptau_model *larger,
                                    const adaptau_temperature *temperature)
{
    adaptau_error        error;
    adaptau_training    *training = NULL;
    adaptau_temperature *grown = NULL;
    adaptau_recipe       recipe = {.struct_size = sizeof recipe};
    check(adaptau_recipe_init(&recipe, &error), &error);
    recipe.dim = DIM;
    /* [go-on] */
    recipe.epochs = 4;
    recipe.learning_rate_users = 0.05;
    recipe.learning_rate_items = 0.005;
    check(adaptau_temperature_grow(temperature, more, &grown, &error), &error);
    check(adaptau_training_create_from(context, more, &recipe, larger, grown, &training, &error), &error); /* it has both now */
    run(training, recipe.epochs);
    larger = adaptau_training_take_model(training); /* ours again                                                */
    adaptau_training_destroy(training);
    /* [go-on] */
    return larger;
}

static void train(adaptau_context *context, const adaptau_dataset *dataset, const char *path)
{
    adaptau_error         error;
    adaptau_model        *model = NULL;
    adaptau_temperature  *temperature = NULL;
    adaptau_sampler      *sampler = NULL;
    adaptau_model_options options = {.struct_size = sizeof options};
    check(adaptau_model_options_init(&options, &error), &error);
    options.dim = DIM;
    options.seed = 1;
    check(adaptau_model_create(context, dataset, &options, &model, &error), &error);
    check(adaptau_temperature_create(context, dataset, NULL, &temperature, &error), &error);
    check(adaptau_sampler_create(context, dataset, NULL, &sampler, &error), &error);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        adaptau_batch batch = {.struct_size = sizeof batch};
        check(adaptau_model_update_temperature(model, temperature, &error), &error);
        check(adaptau_sampler_begin_epoch(sampler, epoch, &error), &error);
        while (check(adaptau_sampler_next(sampler, &batch, &error), &error), batch.n_rows > 0) {
            check(adaptau_model_gradients(model, &batch, temperature, NULL, &error), &error);
            check(adaptau_model_apply(model, &error), &error);
        }
    }
    check(adaptau_model_save_checkpoint(model, temperature, "epoch 30", path, &error), &error);
    adaptau_sampler_destroy(sampler);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
}

/* How many of the items are of the taste. */
static int count_taste(const int32_t *items, int32_t taste)
{
    int n = 0;
    for (int i = 0; i < K; i++)
        n += items[i] / PER_TASTE == taste;
    return n;
}

/* A user who came later has items 2, 5 and 8, which are of taste 0, and wants others. */
static int recommend_to_a_new_user(const adaptau_model *model, const adaptau_temperature *temperature)
{
    adaptau_error             error;
    adaptau_temperature_state state = {.struct_size = sizeof state};
    check(adaptau_temperature_get_state(temperature, &state, &error), &error);
    /* [fold] */
    const int64_t        item_ptr[] = {0, 3};
    const int32_t        items[] = {2, 5, 8};
    float                embedding[DIM];
    int32_t              best[K];
    adaptau_fold_in        *fold = NULL;
    adaptau_fold_in_options options = {.struct_size = sizeof options};
    const adaptau_query  query = {.struct_size = sizeof query, .n = 1, .k = K, .embeddings = embedding,
                                  .exclude_ptr = item_ptr, .exclude = items}; /* not what the user has           */
    check(adaptau_fold_in_options_init(&options, model, ADAPTAU_TAU_USER_NONE, &error), &error);
    options.tau = state.tau0; /* as in the training                                                             */
    check(adaptau_fold_in_create(model, NULL, &options, &fold, &error), &error); /* once, for any number of users */
    check(adaptau_fold_in_users(fold, 1, item_ptr, items, NULL, embedding, NULL, &error), &error);
    check(adaptau_model_rank(model, &query, best, NULL, &error), &error);
    adaptau_fold_in_destroy(fold);
    /* [fold] */
    printf("a new user gets %d %d %d %d %d\n", (int)best[0], (int)best[1], (int)best[2], (int)best[3], (int)best[4]);
    return count_taste(best, 0);
}

/* User `gone` asks to be forgotten. All later users move up by one row. A process that trains gives the new dataset; this one serves,
 * and needs no interactions. */
static adaptau_model *forget(const adaptau_model *model, int32_t gone)
{
    adaptau_error  error;
    adaptau_model *smaller = NULL;
    /* [remove] */
    static int32_t  kept[USERS]; /* where each user of the new model comes from                                  */
    adaptau_row_map map = {.struct_size = sizeof map, .n_items = adaptau_model_n_items(model), .users = kept};
    for (int32_t u = 0; u < adaptau_model_n_users(model); u++)
        if (u != gone)
            kept[map.n_users++] = u;
    check(adaptau_model_remap(model, NULL, &map, NULL, &smaller, &error), &error);
    /* [remove] */
    return smaller;
}

int main(void)
{
    const char          *path = "11-new-users.checkpoint";
    adaptau_error        error;
    adaptau_context     *context = NULL;
    adaptau_model       *model = NULL, *larger = NULL, *smaller = NULL;
    adaptau_temperature *temperature = NULL;
    char                 note[ADAPTAU_NOTE_SIZE];
    int32_t              best[K];
    check(adaptau_context_create(NULL, &context, &error), &error);
    adaptau_dataset *dataset = make_dataset(context, USERS), *more = make_dataset(context, USERS + 1);
    train(context, dataset, path);

    /* [checkpoint] */
    check(adaptau_model_load_checkpoint(context, dataset, path, &model, &temperature, note, &error), &error);
    /* [checkpoint] */
    printf("read what was noted at: %s\n", note);
    int n = recommend_to_a_new_user(model, temperature);

    /* [grow] */
    const int32_t newest = USERS; /* row 400 of a dataset with 401 users: taste 0 as well */
    check(adaptau_model_grow(model, more, NULL, &larger, &error), &error);
    const adaptau_query query = {.struct_size = sizeof query, .n = 1, .ids = &newest, .k = K, .seen = more};
    check(adaptau_model_rank(larger, &query, best, NULL, &error), &error);
    /* [grow] */
    n += count_taste(best, 0);

    larger = train_further(context, more, larger, temperature);
    check(adaptau_model_rank(larger, &query, best, NULL, &error), &error);
    n += count_taste(best, 0);

    smaller = forget(larger, 3);
    const int32_t       newest_now = newest - 1;
    const adaptau_query same = {.struct_size = sizeof same, .n = 1, .ids = &newest_now, .k = K};
    check(adaptau_model_rank(smaller, &same, best, NULL, &error), &error);
    n += count_taste(best, 0);
    printf("%d of %d items are of the users' taste\n", n, 4 * K);

    remove(path);
    adaptau_model_destroy(smaller);
    adaptau_model_destroy(larger);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(more);
    adaptau_dataset_destroy(dataset);
    adaptau_context_destroy(context);
    return n == 4 * K ? 0 : 1;
}
