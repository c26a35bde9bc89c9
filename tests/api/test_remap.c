/* SPDX-License-Identifier: MIT */
/* Models and temperatures from which users and items are removed: what is kept is kept bit for bit, what is removed is nowhere, and new
 * rows may come in between. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/options.h"
#include "../support/portable.h"
#include "../support/store.h"
#include "../support/suite.h"
#include "../support/trained_world.h"
#include "files/safetensors.h"

/* With an item bias. */
static struct world open_biased_in(int which, adaptau_context_options context)
{
    struct world w = open_trained_in(which, context);
    set_item_bias(w.model, 0.001f, 17);
    return w;
}

static struct world open_biased(int which)
{
    return open_biased_in(which, (adaptau_context_options){.n_threads = 2});
}

/* ---- new numbers ---------------------------------------------------------------------------------------------------- */

/* The last ones first; every third user and every fourth item is removed. */
struct numbers {
    int32_t         users[USERS], items[ITEMS];
    int32_t         user_places[USERS], item_places[ITEMS]; /* the new number of an old one, or −1                */
    adaptau_row_map map;
};

static int32_t keep_some(int32_t n, int32_t step, int32_t *from, int32_t *places)
{
    int32_t kept = 0;
    for (int32_t r = n - 1; r >= 0; r--) {
        places[r] = r % step == 1 ? -1 : kept;
        if (places[r] >= 0)
            from[kept++] = r;
    }
    return kept;
}

static struct numbers *number(struct numbers *x)
{
    x->map = (adaptau_row_map){.struct_size = sizeof x->map, .users = x->users, .items = x->items};
    x->map.n_users = keep_some(USERS, 3, x->users, x->user_places);
    x->map.n_items = keep_some(ITEMS, 4, x->items, x->item_places);
    return x;
}

/* The interactions of the world that are left, by new numbers. */
static adaptau_dataset *renumber(const struct world *w, const struct numbers *x)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    static int32_t       users[4000], items[4000];
    adaptau_dataset     *data = NULL;
    int                  n = 0;
    OK(adaptau_dataset_get_view(w->data, &view, &error));
    for (int32_t u = 0; u < USERS; u++)
        for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++)
            if (x->user_places[u] >= 0 && x->item_places[view.user_items[p]] >= 0)
                users[n] = x->user_places[u], items[n++] = x->item_places[view.user_items[p]];
    OK(adaptau_dataset_create_from_interactions(w->context, x->map.n_users, x->map.n_items, n, users, items, NULL, &data, &error));
    return data;
}

/* ---- what is kept --------------------------------------------------------------------------------------------------- */

static void check_same(const adaptau_model *a, const adaptau_model *b)
{
    const adaptau_tables x = raw_tables_of(a), y = raw_tables_of(b);
    ck_assert(x.n_users == y.n_users && x.n_items == y.n_items);
    expect_same_rows(a, b);
}

/* With lists of all numbers, and without lists. */
START_TEST(goes_on_bit_for_bit_when_all_are_kept)
{
    struct world    w = open_biased(_i % MODELS), g = w;
    int32_t         all[ITEMS];
    adaptau_row_map map = {.struct_size = sizeof map, .n_users = USERS, .n_items = ITEMS};
    for (int32_t i = 0; i < ITEMS; i++)
        all[i] = i;
    if (_i >= MODELS)
        map.users = map.items = all;
    OK(adaptau_model_remap(w.model, w.data, &map, NULL, &g.model, &error));
    OK(adaptau_temperature_remap(w.temperature, w.data, &map, &g.temperature, &error));
    train(&w, 2);
    train(&g, 2);
    check_same(w.model, g.model);
    ck_assert_mem_eq(adaptau_temperature_user_taus(w.temperature), adaptau_temperature_user_taus(g.temperature), sizeof(float) * USERS);
    adaptau_model_destroy(g.model);
    adaptau_temperature_destroy(g.temperature);
    close_world(&w);
}
END_TEST

static struct store stores[2];

static void write_checkpoint(const struct world *w, int where, struct atau_safetensors *file)
{
    clear_store(&stores[where]);
    OK(adaptau_model_save_checkpoint_to(w->model, w->temperature, NULL, put, &stores[where], &error));
    OK(atau_safetensors_open(w->context, atau_from_bytes(stores[where].bytes, (uint64_t)stores[where].size), file, &error));
}

/* A tensor of the second file is that of the first, row by row of the list. */
static void check_rows(const struct atau_safetensors *old_file, const struct atau_safetensors *file, const char *name, int32_t n,
                       const int32_t *from)
{
    const struct atau_safetensors_entry *old = atau_safetensors_find(old_file, name), *now = atau_safetensors_find(file, name);
    ck_assert_msg((old == NULL) == (now == NULL), "%s", name);
    if (!old)
        return;
    const size_t row = (size_t)(old->end - old->begin) / (size_t)old->rows;
    const char  *before = atau_safetensors_at(old_file, old), *after = atau_safetensors_at(file, now);
    ck_assert_int_eq(now->rows, n);
    for (int32_t r = 0; r < n; r++)
        ck_assert_msg(memcmp(after + (size_t)r * row, before + (size_t)from[r] * row, row) == 0, "%s, row %d", name, (int)r);
}

/* Raw rows, moments, steps and all that users' temperatures remember are in checkpoints. */
START_TEST(kept_rows_have_all_that_they_had)
{
    static const char *const    of_users[] = {"user_first_moments", "user_second_moments", "user_steps", "temperature_unit_losses",
                                              "temperature_users", "temperature_learned", "temperature_learned_steps"};
    static const char *const    of_items[] = {"item_first_moments", "item_second_moments", "item_steps", "item_bias"};
    static struct atau_safetensors before, after;
    struct world                w = open_biased(_i), g = w;
    struct numbers              x;
    const bool                  mf = models[_i].encoder == ADAPTAU_ENCODER_MF;
    g.data = renumber(&w, number(&x));
    OK(adaptau_model_remap(w.model, g.data, &x.map, NULL, &g.model, &error));
    OK(adaptau_temperature_remap(w.temperature, g.data, &x.map, &g.temperature, &error));
    write_checkpoint(&w, 0, &before);
    write_checkpoint(&g, 1, &after);
    check_rows(&before, &after, mf ? "user_embeddings" : "raw_user_embeddings", x.map.n_users, x.users);
    check_rows(&before, &after, mf ? "item_embeddings" : "raw_item_embeddings", x.map.n_items, x.items);
    for (size_t k = 0; k < sizeof of_users / sizeof *of_users; k++)
        check_rows(&before, &after, of_users[k], x.map.n_users, x.users);
    for (size_t k = 0; k < sizeof of_items / sizeof *of_items; k++)
        check_rows(&before, &after, of_items[k], x.map.n_items, x.items);
    int32_t all[DIM];
    for (int32_t r = 0; r < DIM; r++)
        all[r] = r;
    check_rows(&before, &after, "encoder_parameters", DIM, all);
    check_rows(&before, &after, "encoder_first_moments", DIM, all);
    atau_safetensors_close(&before);
    atau_safetensors_close(&after);
    adaptau_model_destroy(g.model);
    adaptau_temperature_destroy(g.temperature);
    adaptau_dataset_destroy(g.data);
    close_world(&w);
}
END_TEST

enum { K = 7 };

/* Lists of all kept users, of the old model among kept items. */
static void rank_before(const adaptau_model *model, const struct numbers *x, int32_t *found, float *scores)
{
    int32_t             allowed[ITEMS];
    adaptau_query       q = {.struct_size = sizeof q, .n = x->map.n_users, .ids = x->users, .k = K, .allowed = allowed};
    for (int32_t i = 0; i < ITEMS; i++)
        if (x->item_places[i] >= 0)
            allowed[q.n_allowed++] = i;
    OK(adaptau_model_rank(model, &q, found, scores, &error));
}

/* Without interactions final embeddings move over as they are, of every encoder. */
START_TEST(lists_are_those_of_before_without_the_removed_items)
{
    struct world        w = open_biased(_i);
    struct numbers      x;
    adaptau_model      *model = NULL;
    static int32_t      before[USERS * K], after[USERS * K];
    static float        scores_before[USERS * K], scores_after[USERS * K];
    OK(adaptau_model_remap(w.model, NULL, &number(&x)->map, NULL, &model, &error));
    const adaptau_query q = {.struct_size = sizeof q, .n = x.map.n_users, .k = K};
    rank_before(w.model, &x, before, scores_before);
    OK(adaptau_model_rank(model, &q, after, scores_after, &error));
    ck_assert_mem_eq(scores_before, scores_after, sizeof(float) * (size_t)(x.map.n_users * K));
    for (int32_t p = 0; p < x.map.n_users * K; p++)
        ck_assert_int_eq(x.items[after[p]], before[p]);
    adaptau_model_destroy(model);
    close_world(&w);
}
END_TEST

/* Without moments a model is its rows: one that was made of the kept rows trains to the same bits. */
START_TEST(trains_as_a_model_made_of_the_kept_rows)
{
    struct world            w = open_biased(_i), a = w, b = w;
    struct numbers          x;
    adaptau_model          *untrained = NULL;
    adaptau_sampler_options sampler = full_sampler_options((adaptau_sampler_options){.rows_per_batch = 32});
    const adaptau_temperature_options temperature = full_temperature_options(temperatures[_i]);
    static float            users[USERS * DIM], items[ITEMS * DIM], kept_users[USERS * DIM], kept_items[ITEMS * DIM];
    adaptau_model_options   options = models[_i];
    memcpy(users, raw_tables_of(w.model).users, sizeof users);
    memcpy(items, raw_tables_of(w.model).items, sizeof items);
    a.data = b.data = renumber(&w, number(&x));
    for (int32_t r = 0; r < x.map.n_users; r++)
        memcpy(kept_users + r * DIM, users + x.users[r] * DIM, sizeof(float) * DIM);
    for (int32_t r = 0; r < x.map.n_items; r++)
        memcpy(kept_items + r * DIM, items + x.items[r] * DIM, sizeof(float) * DIM);
    options.dim = DIM;
    options.init = ADAPTAU_INIT_HOST;
    options = full_model_options(options);
    options.host_users = users, options.host_items = items;
    OK(adaptau_model_create(w.context, w.data, &options, &untrained, &error));
    options.host_users = kept_users, options.host_items = kept_items;
    OK(adaptau_model_create(w.context, a.data, &options, &a.model, &error));
    OK(adaptau_model_remap(untrained, a.data, &x.map, NULL, &b.model, &error));
    OK(adaptau_sampler_create(w.context, a.data, &sampler, &a.sampler, &error));
    b.sampler = a.sampler;
    OK(adaptau_temperature_create(w.context, a.data, &temperature, &a.temperature, &error));
    OK(adaptau_temperature_create(w.context, a.data, &temperature, &b.temperature, &error));
    train(&a, 2);
    train(&b, 2);
    check_same(a.model, b.model);
    adaptau_sampler_destroy(a.sampler);
    adaptau_temperature_destroy(a.temperature);
    adaptau_temperature_destroy(b.temperature);
    adaptau_model_destroy(a.model);
    adaptau_model_destroy(b.model);
    adaptau_model_destroy(untrained);
    adaptau_dataset_destroy(a.data);
    close_world(&w);
}
END_TEST

START_TEST(users_keep_their_temperatures)
{
    struct world              w = open_biased(0);
    struct numbers            x;
    adaptau_temperature      *mapped = NULL;
    adaptau_temperature_state before = {.struct_size = sizeof before}, after = {.struct_size = sizeof after};
    adaptau_dataset          *data = renumber(&w, number(&x));
    float                     least = INFINITY, most = 0.0f;
    x.users[5] = -1; /* another user's number, given anew                                                      */
    OK(adaptau_temperature_get_state(w.temperature, &before, &error));
    OK(adaptau_temperature_remap(w.temperature, data, &x.map, &mapped, &error));
    OK(adaptau_temperature_get_state(mapped, &after, &error));
    for (int32_t u = 0; u < x.map.n_users; u++) {
        const float tau = adaptau_temperature_user_taus(mapped)[u], loss = adaptau_temperature_unit_losses(mapped)[u];
        if (u == 5) {
            ck_assert(tau == (float)before.tau0 && isnan(loss));
        } else {
            ck_assert_float_eq(tau, adaptau_temperature_user_taus(w.temperature)[x.users[u]]);
            ck_assert_float_eq(loss, adaptau_temperature_unit_losses(w.temperature)[x.users[u]]);
        }
        least = fminf(least, tau);
        most = fmaxf(most, tau);
    }
    ck_assert(after.tau0 == before.tau0 && after.n_updates == before.n_updates);
    ck_assert_int_eq(after.n_users_counted, x.map.n_users);
    ck_assert(after.tau_user_min == (double)least && after.tau_user_max == (double)most);
    adaptau_temperature_destroy(mapped);
    adaptau_dataset_destroy(data);
    close_world(&w);
}
END_TEST

/* ---- what is removed ------------------------------------------------------------------------------------------------ */

/* A host's memory, all of which can be looked through. */
#define BLOCKS 512

static struct {
    void  *block;
    size_t size;
} blocks[BLOCKS];

static void *allocate_listed(void *unused, size_t size, size_t alignment)
{
    (void)unused;
    for (int k = 0; k < BLOCKS; k++)
        if (!blocks[k].block) {
            blocks[k].size = size;
            return blocks[k].block = test_allocate(alignment, size);
        }
    return NULL;
}

static void free_listed(void *unused, void *block, size_t size)
{
    (void)unused;
    for (int k = 0; k < BLOCKS; k++)
        if (blocks[k].block == block) {
            ck_assert_uint_eq(blocks[k].size, size);
            blocks[k].block = NULL;
        }
    test_free(block);
}

static bool contains(const void *memory, size_t size, const void *pattern, size_t length)
{
    for (size_t at = 0; at + length <= size; at++)
        if (memcmp((const char *)memory + at, pattern, length) == 0)
            return true;
    return false;
}

/* Two numbers of a row: what is copied, is copied by more than that. */
static bool is_anywhere(const float *pattern)
{
    for (int k = 0; k < BLOCKS; k++)
        if (blocks[k].block && contains(blocks[k].block, blocks[k].size, pattern, 2 * sizeof *pattern))
            return true;
    return contains(stores[0].bytes, (size_t)stores[0].size, pattern, 2 * sizeof *pattern) ||
           contains(stores[1].bytes, (size_t)stores[1].size, pattern, 2 * sizeof *pattern);
}

/* Rows and moments of a removed user and a removed item, which were there before. */
START_TEST(a_removed_row_is_nowhere)
{
    const bool            with_data = _i < MODELS;
    struct world          w = open_biased_in(_i % MODELS, (adaptau_context_options){.n_threads = 1, .allocate = allocate_listed,
                                                                                    .free = free_listed}), g = {0};
    struct numbers        x;
    static struct atau_safetensors file;
    float                 patterns[4][2];
    const int32_t         gone = 4; /* this user, and the item after it                                           */
    number(&x);
    ck_assert(x.user_places[gone] < 0);
    write_checkpoint(&w, 0, &file);
    const struct atau_safetensors_entry *moments[2] = {atau_safetensors_find(&file, "user_first_moments"),
                                                       atau_safetensors_find(&file, "item_first_moments")};
    memcpy(patterns[0], raw_tables_of(w.model).users + gone * DIM + 3, sizeof *patterns);
    memcpy(patterns[1], raw_tables_of(w.model).items + (gone + 1) * DIM + 3, sizeof *patterns);
    memcpy(patterns[2], (const float *)atau_safetensors_at(&file, moments[0]) + gone * DIM + 3, sizeof *patterns);
    memcpy(patterns[3], (const float *)atau_safetensors_at(&file, moments[1]) + (gone + 1) * DIM + 3, sizeof *patterns);
    ck_assert(x.item_places[gone + 1] < 0);
    for (int k = 0; k < 4; k++)
        ck_assert_msg(is_anywhere(patterns[k]), "pattern %d should be found before", k);
    atau_safetensors_close(&file);

    g.context = w.context;
    g.data = renumber(&w, &x);
    OK(adaptau_model_remap(w.model, with_data ? g.data : NULL, &x.map, NULL, &g.model, &error));
    OK(adaptau_temperature_remap(w.temperature, g.data, &x.map, &g.temperature, &error));
    adaptau_temperature_destroy(w.temperature);
    adaptau_sampler_destroy(w.sampler);
    adaptau_model_destroy(w.model);
    adaptau_dataset_destroy(w.data);
    if (with_data) { /* without there is no checkpoint of a graph: it could not go on                          */
        write_checkpoint(&g, 0, &file);
        atau_safetensors_close(&file);
    } else
        clear_store(&stores[0]);
    clear_store(&stores[1]);
    OK(adaptau_model_save_to(g.model, put, &stores[1], 0, NULL, &error));
    for (int k = 0; k < 4; k++)
        ck_assert_msg(!is_anywhere(patterns[k]), "pattern %d is still there", k);
    close_world(&g);
}
END_TEST

START_TEST(all_may_be_removed)
{
    struct world         w = open_biased(_i);
    const int32_t        none = 0;
    adaptau_row_map      map = {.struct_size = sizeof map, .users = &none, .items = &none};
    adaptau_dataset     *empty = NULL;
    adaptau_model       *model = NULL, *served = NULL;
    adaptau_temperature *temperature = NULL;
    OK(adaptau_dataset_create_from_interactions(w.context, 0, 0, 0, NULL, NULL, NULL, &empty, &error));
    OK(adaptau_model_remap(w.model, empty, &map, NULL, &model, &error));
    OK(adaptau_model_remap(w.model, NULL, &map, NULL, &served, &error));
    OK(adaptau_temperature_remap(w.temperature, empty, &map, &temperature, &error));
    ck_assert(adaptau_model_n_users(model) == 0 && adaptau_model_n_items(served) == 0);
    map.items = NULL; /* nobody is left, and all items                                                          */
    map.n_items = ITEMS;
    adaptau_model_destroy(served);
    OK(adaptau_model_remap(w.model, NULL, &map, NULL, &served, &error));
    ck_assert_mem_eq(raw_tables_of(served).items, raw_tables_of(w.model).items, sizeof(float) * ITEMS * DIM);
    adaptau_model_destroy(model);
    adaptau_model_destroy(served);
    adaptau_temperature_destroy(temperature);
    adaptau_dataset_destroy(empty);
    close_world(&w);
}
END_TEST

/* ---- what is new ---------------------------------------------------------------------------------------------------- */

enum { NEW = 3 };

/* The interactions of the world, and NEW users with some items, whose numbers are before or behind those of the others. */
static adaptau_dataset *more_users(const struct world *w, bool in_front)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    static int32_t       users[4000], items[4000];
    adaptau_dataset     *data = NULL;
    int                  n = 0;
    OK(adaptau_dataset_get_view(w->data, &view, &error));
    for (int32_t u = 0; u < USERS; u++)
        for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++)
            users[n] = u + (in_front ? NEW : 0), items[n++] = view.user_items[p];
    for (int32_t k = 0; k < NEW - 1; k++) /* the last one has nothing                                          */
        for (int32_t i = 0; i < 6; i++)
            users[n] = in_front ? k : USERS + k, items[n++] = 11 * k + 4 * i;
    OK(adaptau_dataset_create_from_interactions(w->context, USERS + NEW, ITEMS, n, users, items, NULL, &data, &error));
    return data;
}

/* _i: a model; the first once more, with users folded in. */
START_TEST(new_rows_anywhere_start_as_those_of_a_grown_model)
{
    const bool       folds = _i == MODELS;
    struct world     w = open_biased(_i % MODELS);
    adaptau_dataset *behind = more_users(&w, false), *in_front = more_users(&w, true);
    int32_t          from[USERS + NEW];
    adaptau_row_map  map = {.struct_size = sizeof map, .n_users = USERS + NEW, .n_items = ITEMS, .users = from};
    adaptau_model   *grown = NULL, *mapped = NULL;
    const adaptau_fold_in_options fold = full_fold_in_options(w.model, (adaptau_fold_in_options){.tau = 0.15});
    for (int32_t u = 0; u < USERS + NEW; u++)
        from[u] = u < NEW ? -1 : u - NEW;
    OK(adaptau_model_grow(w.model, behind, folds ? &fold : NULL, &grown, &error));
    OK(adaptau_model_remap(w.model, in_front, &map, folds ? &fold : NULL, &mapped, &error));
    const adaptau_tables a = raw_tables_of(grown), b = raw_tables_of(mapped);
    ck_assert_mem_eq(a.users, b.users + NEW * DIM, sizeof(float) * USERS * DIM);
    ck_assert_mem_eq(a.users + USERS * DIM, b.users, sizeof(float) * (NEW - 1) * DIM);
    ck_assert_mem_eq(a.items, b.items, sizeof(float) * ITEMS * DIM);
    double squares = 0.0, others = 0.0; /* one without items: another direction, of the same length           */
    for (int k = 0; k < DIM; k++) {
        squares += pow((double)b.users[(NEW - 1) * DIM + k], 2.0);
        others += pow((double)a.users[(USERS + NEW - 1) * DIM + k], 2.0);
    }
    ck_assert_double_eq_tol(sqrt(squares), sqrt(others), 1e-5);
    ck_assert(squares > 0.0);
    adaptau_model_destroy(mapped);
    adaptau_model_destroy(grown);
    adaptau_dataset_destroy(in_front);
    adaptau_dataset_destroy(behind);
    close_world(&w);
}
END_TEST

/* A removed user is nobody's neighbour, and its length in no mean. */
START_TEST(new_items_do_not_start_at_removed_users)
{
    struct world     w = open_biased(1); /* of free length                                                     */
    const int32_t    users[] = {0, 0, 1}, items[] = {0, ITEMS, 1};
    int32_t          kept[2] = {7, -1}; /* the second user is new, and has no row when items start             */
    int32_t          all[ITEMS + 1];
    adaptau_row_map  map = {.struct_size = sizeof map, .n_users = 2, .n_items = ITEMS + 1, .users = kept, .items = all};
    adaptau_dataset *data = NULL;
    adaptau_model   *model = NULL;
    for (int32_t i = 0; i < ITEMS; i++)
        all[i] = i;
    all[ITEMS] = -1;
    OK(adaptau_dataset_create_from_interactions(w.context, 2, ITEMS + 1, 3, users, items, NULL, &data, &error));
    OK(adaptau_model_remap(w.model, data, &map, NULL, &model, &error));
    const adaptau_tables t = raw_tables_of(model);
    double               item = 0.0, user = 0.0, mean = 0.0, other = 0.0;
    for (int k = 0; k < DIM; k++) {
        item += pow((double)t.items[ITEMS * DIM + k], 2.0);
        user += pow((double)t.users[k], 2.0);
        other += pow((double)t.users[DIM + k], 2.0);
    }
    for (int i = 0; i < ITEMS; i++) {
        double squares = 0.0;
        for (int k = 0; k < DIM; k++)
            squares += pow((double)t.items[i * DIM + k], 2.0);
        mean += sqrt(squares) / ITEMS;
    }
    ck_assert_mem_eq(t.users, raw_tables_of(w.model).users + 7 * DIM, sizeof(float) * DIM);
    ck_assert_double_eq_tol(sqrt(other), sqrt(user), 1e-5); /* the mean of one kept user                         */
    for (int k = 0; k < DIM; k++)
        ck_assert_double_eq_tol((double)t.items[ITEMS * DIM + k], mean * (double)t.users[k] / sqrt(user), 1e-5);
    ck_assert_double_eq_tol(sqrt(item), mean, 1e-5);
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    close_world(&w);
}
END_TEST

/* ---- files ---------------------------------------------------------------------------------------------------------- */

/* A serving process has a file and no interactions: what it removes is out of the file that it writes, and what the file says of new
 * users is kept, with the popularity of the items that are left. */
START_TEST(a_file_without_some_rows_is_made_of_a_mapped_file)
{
    struct world   w = open_biased(_i);
    struct numbers x;
    adaptau_model *mapped = NULL, *made = NULL;
    static struct atau_safetensors before, after;
    const adaptau_fold_in_options  fold = full_fold_in_options(w.model, (adaptau_fold_in_options){.tau = 0.2, .popularity_exponent = 0.5});
    OK(adaptau_model_set_fold_in(w.model, w.data, &fold, &error));
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_map(w.context, path, NULL, NULL, &mapped, &error));
    OK(adaptau_model_remap(mapped, NULL, &number(&x)->map, NULL, &made, &error));
    for (int k = 0; k < 2; k++) {
        clear_store(&stores[k]);
        OK(adaptau_model_save_to(k ? made : mapped, put, &stores[k], 0, NULL, &error));
        OK(atau_safetensors_open(w.context, atau_from_bytes(stores[k].bytes, (uint64_t)stores[k].size), k ? &after : &before, &error));
    }
    check_rows(&before, &after, "user_embeddings", x.map.n_users, x.users);
    check_rows(&before, &after, "raw_user_embeddings", x.map.n_users, x.users);
    check_rows(&before, &after, "item_embeddings", x.map.n_items, x.items);
    check_rows(&before, &after, "raw_item_embeddings", x.map.n_items, x.items);
    check_rows(&before, &after, "fold_in_log_q", x.map.n_items, x.items);
    check_rows(&before, &after, "item_bias", x.map.n_items, x.items);
    ck_assert_ptr_nonnull(atau_safetensors_find(&after, "fold_in_log_q"));
    int32_t all[DIM];
    for (int32_t r = 0; r < DIM; r++)
        all[r] = r;
    check_rows(&before, &after, "encoder_parameters", DIM, all);
    atau_safetensors_close(&before);
    atau_safetensors_close(&after);
    if (models[_i].encoder == ADAPTAU_ENCODER_MF) /* own memory: it can be written                              */
        OK(adaptau_model_set_item_bias(made, NULL, &error));
    adaptau_model_destroy(made);
    adaptau_model_destroy(mapped);
    close_world(&w);
}
END_TEST

/* Without interactions; with them tests/faults live through it. */
START_TEST(memory_that_is_not_there_leaves_nothing)
{
    for (int64_t left = 0;; left++) {
        struct host            host = new_host();
        adaptau_context_options options = host_options(&host, 1, false);
        struct world           w = open_world(options, models[_i], (adaptau_sampler_options){0}, temperatures[_i]);
        struct numbers         x;
        adaptau_model         *model = NULL;
        number(&x);
        OK(adaptau_model_prepare(w.model, &error));
        const int64_t prepared = host.bytes;
        host.allocations_left = left;
        const adaptau_status status = adaptau_model_remap(w.model, NULL, &x.map, NULL, &model, &error);
        ck_assert_int_eq(host_has_failed(&host), status != ADAPTAU_OK);
        ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_MEMORY);
        ck_assert_int_eq(model != NULL, status == ADAPTAU_OK);
        adaptau_model_destroy(model);
        ck_assert_int_eq(host.bytes, prepared);
        host.allocations_left = INT64_MAX;
        close_world(&w);
        ck_assert_int_eq(host.bytes, 0);
        if (status == ADAPTAU_OK)
            break;
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("remap");
    TCase *tests = tcase_create("remap");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, goes_on_bit_for_bit_when_all_are_kept, 0, 2 * MODELS);
    tcase_add_loop_test(tests, kept_rows_have_all_that_they_had, 0, MODELS);
    tcase_add_loop_test(tests, lists_are_those_of_before_without_the_removed_items, 0, MODELS);
    tcase_add_loop_test(tests, trains_as_a_model_made_of_the_kept_rows, 0, MODELS);
    tcase_add_test(tests, users_keep_their_temperatures);
    tcase_add_loop_test(tests, a_removed_row_is_nowhere, 0, 2 * MODELS);
    tcase_add_loop_test(tests, all_may_be_removed, 0, MODELS);
    tcase_add_loop_test(tests, new_rows_anywhere_start_as_those_of_a_grown_model, 0, MODELS + 1);
    tcase_add_test(tests, new_items_do_not_start_at_removed_users);
    tcase_add_loop_test(tests, a_file_without_some_rows_is_made_of_a_mapped_file, 0, MODELS);
    tcase_add_loop_test(tests, memory_that_is_not_there_leaves_nothing, 0, MODELS);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
