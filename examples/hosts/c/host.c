/* SPDX-License-Identifier: MIT */
/* The host of ../README.md in C: the one that the others are compared with. */
#include <adaptau/adaptau.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { USERS = 600, ITEMS = 200, TASTES = 10, TRAIN = 12, TEST = 4, CUTOFF = 10, BEST = 5, SOMEONE = 7 };

/* What is to be destroyed is NULL until it is made. */
struct host {
    adaptau_context   *context;
    adaptau_dataset   *train, *test;
    adaptau_recipe     recipe; /* by which the training is made */
    adaptau_training  *training;
    adaptau_evaluator *evaluator;
    adaptau_model     *loaded, *fitted;
    adaptau_error      error;
    uint64_t           fingerprint; /* of the bits of every number that is printed */
};

/* What failed is in h->error; main prints it. */
static bool ok(adaptau_status status)
{
    return status == ADAPTAU_OK;
}

static void mix(struct host *h, uint64_t bits)
{
    h->fingerprint = (h->fingerprint ^ bits) * UINT64_C(0x100000001b3);
}

static void mix_double(struct host *h, double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    mix(h, bits);
}

static void mix_float(struct host *h, float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    mix(h, bits);
}

/* Of 16 draws from the 20 items of a user's taste, 12 are for training and 4 for the test. */
static bool make_data(struct host *h)
{
    static int32_t train_users[USERS * TRAIN], train_items[USERS * TRAIN], test_users[USERS * TEST], test_items[USERS * TEST];
    uint32_t       state = 1;
    int64_t        n_train = 0, n_test = 0;
    for (int32_t user = 0; user < USERS; user++) {
        for (int32_t draw = 0; draw < TRAIN + TEST; draw++) {
            state = state * UINT32_C(1664525) + UINT32_C(1013904223);
            int32_t item = (int32_t)((state >> 16) % (ITEMS / TASTES)) * TASTES + user % TASTES;
            if (draw < TRAIN) {
                train_users[n_train] = user;
                train_items[n_train++] = item;
            } else {
                test_users[n_test] = user;
                test_items[n_test++] = item;
            }
        }
    }
    return ok(adaptau_dataset_create_from_interactions(h->context, USERS, ITEMS, n_train, train_users, train_items, NULL, &h->train,
                                                       &h->error)) &&
           ok(adaptau_dataset_create_from_interactions(h->context, USERS, ITEMS, n_test, test_users, test_items, NULL, &h->test,
                                                       &h->error));
}

/* A recipe says how a model is trained: what the host knows, and for the rest what suits the data. */
static bool begin_training(struct host *h)
{
    adaptau_recipe recipe = {.struct_size = sizeof recipe};
    h->recipe.struct_size = sizeof h->recipe;
    if (!ok(adaptau_recipe_init(&recipe, &h->error)))
        return false;
    recipe.dim = 16;
    recipe.epochs = 4;
    recipe.seed = 1;
    if (!ok(adaptau_recipe_fill(&recipe, h->train, &h->error)) ||
        !ok(adaptau_training_create(h->context, h->train, &recipe, &h->training, &h->error)) || /* finds the temperature */
        !ok(adaptau_training_get_recipe(h->training, &h->recipe, &h->error)))
        return false;
    printf("recipe: %d epochs, %d users in a batch, tau %.6f\n", (int)h->recipe.epochs, (int)h->recipe.rows_per_batch, h->recipe.tau);
    mix_double(h, h->recipe.tau);
    return true;
}

static bool train_epoch(struct host *h, int64_t epoch)
{
    adaptau_model       *model = adaptau_training_model(h->training);
    adaptau_temperature *temperature = adaptau_training_temperature(h->training);
    adaptau_batch        batch = {.struct_size = sizeof batch};
    adaptau_step         step = {.struct_size = sizeof step};
    bool                 good = ok(adaptau_training_begin_epoch(h->training, epoch, &h->error));
    while (good && (good = ok(adaptau_training_next(h->training, &batch, &h->error))) && batch.n_rows > 0)
        good = ok(adaptau_model_gradients(model, &batch, temperature, &step, &h->error)) &&
               ok(adaptau_model_apply(model, &h->error)) &&
               ok(adaptau_training_add_loss(h->training, step.loss, &h->error)); /* for the state's mean */
    return good && ok(adaptau_training_end_epoch(h->training, &h->error));
}

static bool make_evaluator(struct host *h)
{
    const int32_t                cutoff = CUTOFF;
    const adaptau_dataset *const known = h->train; /* not to be recommended again */
    adaptau_evaluator_options    options = {.struct_size = sizeof options};
    if (!ok(adaptau_evaluator_options_init(&options, &h->error)))
        return false;
    options.cutoffs = &cutoff;
    options.n_masks = 1;
    options.masks = &known;
    return ok(adaptau_evaluator_create(h->context, h->test, &options, &h->evaluator, &h->error));
}

static bool train(struct host *h)
{
    for (int64_t epoch = 0; epoch < h->recipe.epochs; epoch++) {
        adaptau_training_state state = {.struct_size = sizeof state};
        double                 recall;
        if (!train_epoch(h, epoch) || !ok(adaptau_training_get_state(h->training, &state, &h->error)) ||
            !ok(adaptau_model_evaluate(adaptau_training_model(h->training), h->evaluator, &h->error)) ||
            !ok(adaptau_evaluator_mean(h->evaluator, ADAPTAU_METRIC_RECALL, CUTOFF, &recall, &h->error)))
            return false;
        printf("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f\n", (int)epoch + 1, state.loss, state.tau0, CUTOFF, recall);
        mix_double(h, state.loss);
        mix_double(h, state.tau0);
        mix_double(h, recall);
    }
    return true;
}

/* The best items for a user, none that the user has in training. */
struct best {
    int32_t items[BEST];
    float   scores[BEST];
};

static bool rank(struct host *h, const adaptau_model *model, int32_t user, struct best *best)
{
    adaptau_query query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = BEST, .seen = h->train};
    return ok(adaptau_model_rank(model, &query, best->items, best->scores, &h->error));
}

static const char *compare(const struct best *a, const struct best *b)
{
    bool same = memcmp(a->items, b->items, sizeof a->items) == 0 && memcmp(a->scores, b->scores, sizeof a->scores) == 0;
    return same ? "the same" : "different";
}

/* By the model as it was trained, and by its file. */
static bool recommend(struct host *h, const char *path, struct best *best)
{
    const adaptau_model *model = adaptau_training_model(h->training);
    struct best          loaded;
    if (!rank(h, model, SOMEONE, best) || !ok(adaptau_model_save(model, path, &h->error)) ||
        !ok(adaptau_model_load(h->context, path, &h->loaded, &h->error)) || !rank(h, h->loaded, SOMEONE, &loaded))
        return false;
    for (int k = 0; k < BEST; k++) {
        printf("user %d  item %d  score %.6f\n", SOMEONE, best->items[k], (double)best->scores[k]);
        mix(h, (uint64_t)best->items[k]);
        mix_float(h, best->scores[k]);
    }
    printf("loaded: %s\n", compare(best, &loaded));
    return true;
}

/* The library calls this after each epoch; ADAPTAU_FIT_STOP would end the training. */
static int32_t count_epoch(void *user_data, const adaptau_fit_progress *progress)
{
    int *n_epochs = user_data;
    *n_epochs = (int)progress->epoch + 1;
    return ADAPTAU_FIT_GO_ON;
}

/* All of it in one call: by the same recipe it is the same model. */
static bool fit(struct host *h, const struct best *best)
{
    int                 n_epochs = 0;
    struct best         fitted;
    adaptau_fit_options options = {.struct_size = sizeof options};
    if (!ok(adaptau_fit_options_init(&options, &h->error)))
        return false;
    options.on_epoch = count_epoch;
    options.user_data = &n_epochs;
    if (!ok(adaptau_fit(h->context, h->train, &h->recipe, &options, &h->fitted, NULL, &h->error)) ||
        !rank(h, h->fitted, SOMEONE, &fitted))
        return false;
    printf("fit: %d epochs, %s\n", n_epochs, compare(best, &fitted));
    return true;
}

/* A mistake of the host's is a status and a message; the model is as usable as before. */
static void ask_for_nobody(struct host *h)
{
    struct best best;
    if (!rank(h, h->fitted, USERS, &best))
        printf("user %d: %s: %s\n", USERS, adaptau_status_name(h->error.status), h->error.message);
}

static bool run(struct host *h, const char *path)
{
    struct best best;
    if (!ok(adaptau_context_create(NULL, &h->context, &h->error)) || !make_data(h))
        return false;
    printf("%d users, %d items, %" PRId64 " pairs\n", USERS, ITEMS, adaptau_dataset_n_interactions(h->train));
    if (!begin_training(h) || !make_evaluator(h) || !train(h) || !recommend(h, path, &best) || !fit(h, &best))
        return false;
    ask_for_nobody(h);
    printf("fingerprint %016" PRIx64 "\n", h->fingerprint);
    return true;
}

/* Objects before the context that they were made from; NULL is fine. */
static void close_host(struct host *h)
{
    adaptau_model_destroy(h->fitted);
    adaptau_model_destroy(h->loaded);
    adaptau_evaluator_destroy(h->evaluator);
    adaptau_training_destroy(h->training); /* with its model and temperature */
    adaptau_dataset_destroy(h->test);
    adaptau_dataset_destroy(h->train);
    adaptau_context_destroy(h->context);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: host MODEL_FILE\n");
        return 2;
    }
    struct host h = {.fingerprint = UINT64_C(0xcbf29ce484222325)};
    bool        good = run(&h, argv[1]);
    if (!good)
        fprintf(stderr, "%s: %s\n", adaptau_status_name(h.error.status), h.error.message);
    close_host(&h);
    return good ? 0 : 1;
}
