/* SPDX-License-Identifier: MIT */
/* The host of ../README.md in C: the one that the others are compared with. */
#include <adaptau/adaptau.h>

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { USERS = 600, ITEMS = 200, TASTES = 10, TRAIN = 12, TEST = 4, EPOCHS = 8, CUTOFF = 10, BEST = 5, SOMEONE = 7 };

/* Everything that is to be destroyed, NULL until it is made. */
struct host {
    adaptau_context     *context;
    adaptau_dataset     *train, *test;
    adaptau_model       *model, *loaded;
    adaptau_temperature *temperature;
    adaptau_sampler     *sampler;
    adaptau_evaluator   *evaluator;
    adaptau_error        error;
    uint64_t             fingerprint; /* of the bits of every number that is printed */
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

/* Structs get their defaults first; no struct at all stands for the same. */
static bool make_objects(struct host *h)
{
    const int32_t                cutoff = CUTOFF;
    const adaptau_dataset *const known = h->train; /* not to be recommended again */
    adaptau_model_options        model = {.struct_size = sizeof model};
    adaptau_sampler_options      sampler = {.struct_size = sizeof sampler};
    adaptau_evaluator_options    evaluator = {.struct_size = sizeof evaluator};
    if (!ok(adaptau_model_options_init(&model, &h->error)) ||
        !ok(adaptau_sampler_options_init(&sampler, ADAPTAU_SAMPLER_CATALOGUE, &h->error)) ||
        !ok(adaptau_evaluator_options_init(&evaluator, &h->error)))
        return false;
    model.dim = 32;
    model.seed = 1;
    sampler.rows_per_batch = 64;
    sampler.seed = 1;
    evaluator.cutoffs = &cutoff;
    evaluator.n_masks = 1;
    evaluator.masks = &known;
    return ok(adaptau_model_create(h->context, h->train, &model, &h->model, &h->error)) &&
           ok(adaptau_temperature_create(h->context, h->train, NULL, &h->temperature, &h->error)) &&
           ok(adaptau_sampler_create(h->context, h->train, &sampler, &h->sampler, &h->error)) &&
           ok(adaptau_evaluator_create(h->context, h->test, &evaluator, &h->evaluator, &h->error));
}

/* One epoch; *loss is the mean of its terms. */
static bool train_epoch(struct host *h, int64_t epoch, double *loss)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    adaptau_step  step = {.struct_size = sizeof step};
    double        sum = 0, n_terms = 0;
    bool          good = ok(adaptau_model_update_temperature(h->model, h->temperature, &h->error)) &&
                         ok(adaptau_sampler_begin_epoch(h->sampler, epoch, &h->error));
    while (good && (good = ok(adaptau_sampler_next(h->sampler, &batch, &h->error))) && batch.n_rows > 0) {
        good = ok(adaptau_model_gradients(h->model, &batch, h->temperature, &step, &h->error)) &&
               ok(adaptau_model_apply(h->model, &h->error));
        sum += step.loss;
        n_terms += step.n_terms;
    }
    *loss = sum / n_terms;
    return good;
}

static bool evaluate(struct host *h, double *recall)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    return ok(adaptau_model_get_tables(h->model, &tables, &h->error)) &&
           ok(adaptau_evaluator_run(h->evaluator, &tables, &h->error)) &&
           ok(adaptau_evaluator_mean(h->evaluator, ADAPTAU_METRIC_RECALL, CUTOFF, recall, &h->error));
}

static bool train(struct host *h)
{
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++) {
        adaptau_temperature_state state = {.struct_size = sizeof state};
        double                    loss, recall;
        if (!train_epoch(h, epoch, &loss) || !evaluate(h, &recall) ||
            !ok(adaptau_temperature_get_state(h->temperature, &state, &h->error)))
            return false;
        printf("epoch %d  loss %.6f  tau %.6f  recall@%d %.6f\n", (int)epoch + 1, loss, state.tau0, CUTOFF, recall);
        mix_double(h, loss);
        mix_double(h, state.tau0);
        mix_double(h, recall);
    }
    return true;
}

/* Top items of a user, from the model as it was trained and from its file. */
static bool recommend(struct host *h, const char *path)
{
    const int32_t user = SOMEONE;
    int32_t       items[BEST], items_loaded[BEST];
    float         scores[BEST], scores_loaded[BEST];
    adaptau_query query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = BEST, .seen = h->train};
    if (!ok(adaptau_model_rank(h->model, &query, items, scores, &h->error)) ||
        !ok(adaptau_model_save(h->model, path, &h->error)) ||
        !ok(adaptau_model_load(h->context, path, &h->loaded, &h->error)) ||
        !ok(adaptau_model_rank(h->loaded, &query, items_loaded, scores_loaded, &h->error)))
        return false;
    for (int k = 0; k < BEST; k++) {
        printf("user %d  item %d  score %.6f\n", user, items[k], (double)scores[k]);
        mix(h, (uint64_t)items[k]);
        mix_float(h, scores[k]);
    }
    bool same = memcmp(items, items_loaded, sizeof items) == 0 && memcmp(scores, scores_loaded, sizeof scores) == 0;
    printf("loaded: %s\n", same ? "the same" : "different");
    return true;
}

/* A mistake of the host's is a status and a message; the model is as usable as before. */
static void ask_for_nobody(struct host *h)
{
    const int32_t  nobody = USERS;
    int32_t        items[BEST];
    adaptau_query  query = {.struct_size = sizeof query, .n = 1, .ids = &nobody, .k = BEST};
    adaptau_status status = adaptau_model_rank(h->model, &query, items, NULL, &h->error);
    printf("user %d: %s: %s\n", nobody, adaptau_status_name(status), status ? h->error.message : "");
}

static bool run(struct host *h, const char *path)
{
    if (!ok(adaptau_context_create(NULL, &h->context, &h->error)) || !make_data(h) || !make_objects(h))
        return false;
    printf("%d users, %d items, %" PRId64 " pairs\n", USERS, ITEMS, adaptau_dataset_n_interactions(h->train));
    if (!train(h) || !recommend(h, path))
        return false;
    ask_for_nobody(h);
    printf("fingerprint %016" PRIx64 "\n", h->fingerprint);
    return true;
}

/* Objects before the context that they were made from; NULL is fine. */
static void close_host(struct host *h)
{
    adaptau_evaluator_destroy(h->evaluator);
    adaptau_sampler_destroy(h->sampler);
    adaptau_temperature_destroy(h->temperature);
    adaptau_model_destroy(h->loaded);
    adaptau_model_destroy(h->model);
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
