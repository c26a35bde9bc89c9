/* SPDX-License-Identifier: MIT */
/* 10: what comes after the training.
 *
 *   1  Somebody new has five items. adaptau_fold_in_users makes an embedding of them in less than a millisecond, and
 *      adaptau_model_rank ranks for it: of the items that are in stock, without those that the user has.
 *   2  A new item has been sold, and the new user comes to stay. adaptau_model_grow makes a model with both, which keeps what
 *      was learned and goes on from there.
 *   3  An index of inner products (FAISS, hnswlib) shall serve. adaptau_model_export_index writes its vectors; searched one by
 *      one, they give the items that adaptau_model_rank gives.
 *   4  Many processes of one machine serve. adaptau_model_save_half writes half as large a file, and adaptau_model_map ranks from it
 *      where it lies, so that all of them share its pages. */
#include <unistd.h>

#include "made_up.h"

#define EPOCHS 8
#define BEST 5
#define HAS 5        /* items of the new user                                                                    */
#define NEW_TASTE 3  /* the new user's, and the new item's                                                       */
#define IN_STOCK 300 /* items 100 to 399                                                                         */
#define BUYERS 20    /* of the new item                                                                          */

/* What training leaves for serving. */
struct trained {
    adaptau_dataset     *data; /* which the temperature borrows                                                 */
    adaptau_model       *model;
    adaptau_temperature *temperature;
};

static void destroy(struct trained *t)
{
    adaptau_temperature_destroy(t->temperature);
    adaptau_model_destroy(t->model);
    adaptau_dataset_destroy(t->data);
}

static struct trained train(adaptau_context *context)
{
    adaptau_error           error;
    struct trained          t = {NULL, NULL, NULL};
    adaptau_dataset        *test = NULL;
    adaptau_sampler        *sampler = NULL;
    adaptau_model_options   options = {.struct_size = sizeof options};
    adaptau_sampler_options batches = {.struct_size = sizeof batches};
    check(adaptau_model_options_init(&options, &error), &error);
    options.dim = DIM;
    options.seed = 1;
    check(adaptau_sampler_options_init(&batches, ADAPTAU_SAMPLER_CATALOGUE, &error), &error);
    batches.rows_per_batch = 50;
    make_up_data(context, &t.data, &test);
    check(adaptau_model_create(context, t.data, &options, &t.model, &error), &error);
    check(adaptau_temperature_create(context, t.data, NULL, &t.temperature, &error), &error);
    check(adaptau_sampler_create(context, t.data, &batches, &sampler, &error), &error);
    for (int64_t epoch = 0; epoch < EPOCHS; epoch++)
        train_epoch(t.model, t.temperature, sampler, epoch);
    adaptau_sampler_destroy(sampler);
    adaptau_dataset_destroy(test);
    return t;
}

static int share_of_taste(const int32_t *items, int n)
{
    int hits = 0;
    for (int k = 0; k < n; k++)
        hits += items[k] % TASTES == NEW_TASTE;
    return hits;
}

static void print_items(const char *title, const int32_t *items)
{
    printf("%s", title);
    for (int k = 0; k < BEST; k++)
        printf(" %d", items[k]);
    printf("   %d of %d of the taste\n", share_of_taste(items, BEST), BEST);
}

/* ---- 1: somebody new --------------------------------------------------------------------------------------------- */

static adaptau_fold_in_options fold_options(const struct trained *t)
{
    adaptau_error             error;
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_fold_in_options   options = {.struct_size = sizeof options};
    check(adaptau_temperature_get_state(t->temperature, &state, &error), &error);
    check(adaptau_fold_in_options_init(&options, t->model, ADAPTAU_TAU_USER_NONE, &error), &error);
    options.tau = state.tau0;
    return options;
}

static int rank_for_new_user(const struct trained *t, const int32_t *has)
{
    adaptau_error        error;
    adaptau_fold_in        *fold = NULL;
    adaptau_fold_in_options options = fold_options(t);
    const int64_t        ptr[] = {0, HAS}; /* one user; any number may come at once                            */
    int32_t              in_stock[IN_STOCK], items[BEST];
    float                embedding[DIM];
    for (int32_t i = 0; i < IN_STOCK; i++)
        in_stock[i] = ITEMS - IN_STOCK + i;
    const adaptau_query query = {
        .struct_size = sizeof query,
        .n = 1,
        .k = BEST,
        .embeddings = embedding,
        .n_allowed = IN_STOCK,
        .allowed = in_stock,
        .exclude_ptr = ptr,
        .exclude = has,
    };
    check(adaptau_fold_in_create(t->model, NULL, &options, &fold, &error), &error); /* once for a model            */
    check(adaptau_fold_in_users(fold, 1, ptr, has, NULL, embedding, NULL, &error), &error);
    check(adaptau_model_rank(t->model, &query, items, NULL, &error), &error);
    adaptau_fold_in_destroy(fold);
    print_items("new user, of what is in stock:", items);

    /* A list that does not fit is refused, and says where. */
    in_stock[1] = in_stock[0];
    adaptau_status status = adaptau_model_rank(t->model, &query, items, NULL, &error);
    printf("a list that is not ascending:  %s: %s\n", adaptau_status_name(status), status ? error.message : "");
    return share_of_taste(items, BEST) >= 4 && items[0] >= ITEMS - IN_STOCK && status == ADAPTAU_E_INDEX;
}

/* ---- 2: a model that grows --------------------------------------------------------------------------------------- */

/* All pairs so far, those of the new user USERS, and those of the new item ITEMS. */
static adaptau_dataset *add_pairs(adaptau_context *context, const adaptau_dataset *data, const int32_t *has)
{
    static int32_t       users[USERS * TRAIN + HAS + BUYERS], items[USERS * TRAIN + HAS + BUYERS];
    adaptau_error        error;
    adaptau_dataset     *all = NULL;
    adaptau_dataset_view view = {.struct_size = sizeof view};
    int64_t              n = 0;
    check(adaptau_dataset_get_view(data, &view, &error), &error);
    for (int32_t user = 0; user < USERS; user++)
        for (int64_t p = view.user_ptr[user]; p < view.user_ptr[user + 1]; p++, n++) {
            users[n] = user;
            items[n] = view.user_items[p];
        }
    for (int i = 0; i < HAS; i++, n++) {
        users[n] = USERS;
        items[n] = has[i];
    }
    for (int32_t b = 0; b < BUYERS; b++, n++) {
        users[n] = b * TASTES + NEW_TASTE;
        items[n] = ITEMS;
    }
    check(adaptau_dataset_create_from_interactions(context, USERS + 1, ITEMS + 1, n, users, items, NULL, &all, &error), &error);
    return all;
}

/* The new item's place among all items for the new user, who is of its taste. */
static int32_t place_of_new_item(const adaptau_model *model)
{
    adaptau_error error;
    const int32_t       user = USERS;
    const adaptau_query query = {.struct_size = sizeof query, .n = 1, .ids = &user, .k = ITEMS + 1};
    int32_t             items[ITEMS + 1], place = 0;
    check(adaptau_model_rank(model, &query, items, NULL, &error), &error);
    while (items[place] != ITEMS)
        place++;
    return place;
}

static int grow(adaptau_context *context, struct trained *t, const int32_t *has)
{
    adaptau_error        error;
    struct trained       grown = {add_pairs(context, t->data, has), NULL, NULL};
    adaptau_fold_in_options options = fold_options(t);
    check(adaptau_model_grow(t->model, grown.data, &options, &grown.model, &error), &error);
    check(adaptau_temperature_grow(t->temperature, grown.data, &grown.temperature, &error), &error); /* for training on */
    destroy(t);
    *t = grown;
    int32_t place = place_of_new_item(t->model);
    printf("new item, for the new user:    place %d of %d\n", place + 1, ITEMS + 1);
    return place < PER_TASTE;
}

/* ---- 3: vectors for an index ------------------------------------------------------------------------------------- */

/* The rows of an .npy file of the library's: a header of 128 bytes, then floats. */
static float *read_rows(const char *path, size_t n)
{
    float *rows = malloc(n * DIM * sizeof *rows);
    FILE  *file = fopen(path, "rb");
    check_system(file && rows && fseek(file, 128, SEEK_SET) == 0 && fread(rows, sizeof *rows * DIM, n, file) == n, path);
    fclose(file);
    return rows;
}

/* What a flat index does. */
static int32_t best_item(const float *user, const float *items, int32_t n)
{
    int32_t best = -1;
    double  best_score = -2;
    for (int32_t i = 0; i < n; i++) {
        double score = 0;
        for (int d = 0; d < DIM; d++)
            score += (double)user[d] * (double)items[(int64_t)i * DIM + d];
        if (score > best_score) {
            best = i;
            best_score = score;
        }
    }
    return best;
}

static int export_vectors(const adaptau_model *model)
{
    adaptau_error  error;
    char           folder[] = "/tmp/serving-XXXXXX", users_path[64], items_path[64];
    static int32_t best[USERS + 1];
    int            n_same = 0;
    check_system(mkdtemp(folder) != NULL, folder);
    snprintf(users_path, sizeof users_path, "%s/users.npy", folder);
    snprintf(items_path, sizeof items_path, "%s/items.npy", folder);
    check(adaptau_model_export_index(model, ADAPTAU_SIDE_USERS, users_path, &error), &error);
    check(adaptau_model_export_index(model, ADAPTAU_SIDE_ITEMS, items_path, &error), &error);
    const adaptau_query query = {.struct_size = sizeof query, .n = USERS + 1, .k = 1}; /* no ids: everyone          */
    check(adaptau_model_rank(model, &query, best, NULL, &error), &error);
    float *users = read_rows(users_path, USERS + 1), *items = read_rows(items_path, ITEMS + 1);
    for (int32_t u = 0; u <= USERS; u++)
        n_same += best[u] == best_item(users + (int64_t)u * DIM, items, ITEMS + 1);
    printf("exported vectors:              the best item is the model's for %d of %d users\n", n_same, USERS + 1);
    free(users);
    free(items);
    check_system(unlink(users_path) == 0 && unlink(items_path) == 0 && rmdir(folder) == 0, folder);
    return n_same >= USERS; /* two items may tie but for rounding                                               */
}

/* ---- 4: half the memory, for all processes ----------------------------------------------------------------------- */

static int serve_from_half(adaptau_context *context, const adaptau_model *model)
{
    adaptau_error  error;
    char           path[] = "/tmp/serving-XXXXXX";
    static int32_t best[USERS + 1], same[USERS + 1];
    adaptau_model *mapped = NULL;
    int            n_same = 0, file = mkstemp(path);
    check_system(file >= 0 && close(file) == 0, path);
    const adaptau_query query = {.struct_size = sizeof query, .n = USERS + 1, .k = 1};
    check(adaptau_model_rank(model, &query, best, NULL, &error), &error);
    /* [half] */
    check(adaptau_model_save_half(model, path, 0, NULL, &error), &error);         /* in the process that trains      */
    check(adaptau_model_map(context, path, NULL, NULL, &mapped, &error), &error); /* in each of those that serve     */
    check(adaptau_model_rank(mapped, &query, same, NULL, &error), &error);
    /* [half] */
    for (int32_t u = 0; u <= USERS; u++)
        n_same += best[u] == same[u];
    printf("from half the memory:          the best item is the same for %d of %d users\n", n_same, USERS + 1);
    adaptau_model_destroy(mapped);
    check_system(unlink(path) == 0, path);
    return n_same >= USERS - USERS / 50; /* where two items are as good but for rounding it may be the other one    */
}

int main(void)
{
    adaptau_error    error;
    adaptau_context *context = NULL;
    int32_t          has[HAS]; /* ascending                                                                     */
    for (int32_t i = 0; i < HAS; i++)
        has[i] = (5 * i + 10) * TASTES + NEW_TASTE;
    check(adaptau_context_create(NULL, &context, &error), &error);
    struct trained t = train(context);
    int            good = rank_for_new_user(&t, has);
    good &= grow(context, &t, has);
    good &= export_vectors(t.model);
    good &= serve_from_half(context, t.model);
    destroy(&t);
    adaptau_context_destroy(context);
    return good ? 0 : 1;
}
