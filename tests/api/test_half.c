/* SPDX-License-Identifier: MIT */
/* Models in half the size: what is in the file, and that a model which stays in it answers as the same file loaded, bit for bit. */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/same_answers.h"
#include "../support/store.h"
#include "../support/suite.h"
#include "common/half.h"
#include "files/safetensors.h"

/* Enough users and items that most of them are screened (core/screen.c), and odd sizes. */
enum { MANY_USERS = 133, MANY_ITEMS = 1503, WIDE = 21, K = 5 };

static const adaptau_model_options kinds[] = {
    {.encoder = ADAPTAU_ENCODER_MF},
    {.flags = ADAPTAU_MODEL_FREE_LENGTH, .init = ADAPTAU_INIT_XAVIER},
    {.flags = ADAPTAU_MODEL_RAW_ITEMS | ADAPTAU_MODEL_RAW_USERS, .init = ADAPTAU_INIT_XAVIER},
    {.flags = ADAPTAU_MODEL_RANK_RAW},
    {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .flags = ADAPTAU_MODEL_UNIT_RAW_ROWS},
    {.encoder = ADAPTAU_ENCODER_SIMPLEX},
};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

static const adaptau_context_options machines[] = {{.n_threads = 1, .backend = ADAPTAU_BACKEND_REFERENCE},
                                                   {.n_threads = 3, .backend = ADAPTAU_BACKEND_REFERENCE},
                                                   {.n_threads = 1},
                                                   {.n_threads = 3},
                                                   {.n_threads = 2, .backend = ADAPTAU_BACKEND_BLIS},
                                                   {.n_threads = 2, .cpu_disable = ADAPTAU_CPU_AVX512},
                                                   {.n_threads = 2, .cpu_disable = ADAPTAU_CPU_AVX512_VNNI}};
#define MACHINES ((int)(sizeof machines / sizeof *machines))

static struct world open_kind(int kind, int machine)
{
    static int32_t        users[9 * MANY_USERS], items[9 * MANY_USERS];
    struct world          w = {0};
    adaptau_context_options context = machines[machine];
    adaptau_model_options options = kinds[kind];
    adaptau_temperature_options temperature = full_temperature_options((adaptau_temperature_options){0});
    adaptau_sampler_options     sampler = full_sampler_options((adaptau_sampler_options){.rows_per_batch = 40});
    context.struct_size = sizeof context;
    if (adaptau_context_create(&context, &w.context, &error) == ADAPTAU_E_UNSUPPORTED) { /* built without BLIS       */
        context.backend = ADAPTAU_BACKEND_AUTO;
        OK(adaptau_context_create(&context, &w.context, &error));
    }
    random_state = 3;
    for (int p = 0; p < 9 * MANY_USERS; p++) {
        users[p] = p % MANY_USERS;
        items[p] = draw(MANY_ITEMS);
    }
    OK(adaptau_dataset_create_from_interactions(w.context, MANY_USERS, MANY_ITEMS, 9 * MANY_USERS, users, items, NULL, &w.data, &error));
    options.dim = WIDE;
    options = full_model_options(options);
    OK(adaptau_model_create(w.context, w.data, &options, &w.model, &error));
    OK(adaptau_sampler_create(w.context, w.data, &sampler, &w.sampler, &error));
    OK(adaptau_temperature_create(w.context, w.data, &temperature, &w.temperature, &error));
    train(&w, 1);
    set_item_bias(w.model, 0.001f, 7);
    return w;
}

static struct world open_saved(int kind, int machine)
{
    struct world w = open_kind(kind, machine);
    OK(adaptau_model_save_half(w.model, path, 0, NULL, &error));
    return w;
}

/* ---- the file ------------------------------------------------------------------------------------------------------- */

static struct store store, other_store;

static const struct store *save_into(const adaptau_model *model, bool half, struct store *to)
{
    clear_store(to);
    OK((half ? adaptau_model_save_half_to : adaptau_model_save_to)(model, put, to, 0, NULL, &error));
    return to;
}

static struct atau_source source_of(const struct store *s)
{
    return atau_from_bytes(s->bytes, (uint64_t)s->size);
}

static void check_rounded(const struct atau_safetensors *file, const char *name, int32_t n, const float *rows)
{
    const struct atau_safetensors_entry *entry = atau_safetensors_find(file, name);
    ck_assert_msg(entry && entry->type == ATAU_F16 && entry->rows == n && entry->columns == WIDE, "%s", name);
    const uint16_t *halves = atau_safetensors_at(file, entry);
    for (int64_t k = 0; k < (int64_t)n * WIDE; k++) {
        const double x = (double)rows[k], half = (double)atau_half_widen(halves[k]);
        ck_assert_msg(fabs(half - x) <= fmax(fabs(x) * 0x1p-11, 0x1p-25), "%s: %g became %g", name, x, half);
    }
}

/* _i: a kind. Whatever is F32 begins at a multiple of 4 bytes. */
START_TEST(tables_are_rounded_and_the_rest_is_as_it_was)
{
    static struct atau_safetensors file;
    struct world   w = open_kind(_i, 2);
    const bool     mf = kinds[_i].encoder == ADAPTAU_ENCODER_MF;
    adaptau_tables raw = {.struct_size = sizeof raw}, final = tables_of(w.model);
    const int64_t  whole = save_into(w.model, false, &other_store)->size, half = save_into(w.model, true, &store)->size;
    const int64_t  tables = (mf ? 1 : 2) * (MANY_USERS + MANY_ITEMS) * WIDE;
    ck_assert_int_le(half, whole - 2 * tables + 100); /* headers differ a little                                */
    OK(adaptau_model_get_raw_tables(w.model, &raw, &error));
    OK(atau_safetensors_open(w.context, source_of(&store), &file, &error));
    check_rounded(&file, "user_embeddings", MANY_USERS, final.users);
    check_rounded(&file, "item_embeddings", MANY_ITEMS, final.items);
    if (!mf) {
        check_rounded(&file, "raw_user_embeddings", MANY_USERS, raw.users);
        check_rounded(&file, "raw_item_embeddings", MANY_ITEMS, raw.items);
    }
    const struct atau_safetensors_entry *bias = atau_safetensors_find(&file, "item_bias");
    ck_assert_int_eq(bias->type, ATAU_F32);
    ck_assert_mem_eq(atau_safetensors_at(&file, bias), final.item_bias, sizeof(float) * MANY_ITEMS);
    for (int k = 0; k < file.n_entries; k++)
        if (file.entries[k].type == ATAU_F32)
            ck_assert_int_eq((file.data_start + file.entries[k].begin) % 4, 0);
    atau_safetensors_close(&file);
    close_world(&w);
}
END_TEST

START_TEST(a_file_and_a_function_get_the_same_bytes)
{
    const adaptau_attachment attachments[] = {{"names", "abc", 3}, {"notes", "x", 1}};
    struct world             w = open_kind(_i, 2);
    clear_store(&store);
    OK(adaptau_model_save_half_to(w.model, put, &store, 2, attachments, &error));
    OK(adaptau_model_save_half(w.model, path, 2, attachments, &error));
    expect_bytes_of_file(&store, path);
    close_world(&w);
}
END_TEST

/* ---- answers -------------------------------------------------------------------------------------------------------- */

struct both {
    adaptau_model *loaded, *mapped;
};

static struct both open_both(const struct world *w)
{
    struct both b = {0};
    OK(adaptau_model_load(w->context, path, &b.loaded, &error));
    OK(adaptau_model_map(w->context, path, NULL, NULL, &b.mapped, &error));
    return b;
}

static void close_both(struct both *b)
{
    adaptau_model_destroy(b->loaded);
    adaptau_model_destroy(b->mapped);
}

static int32_t found[MANY_ITEMS * K];

/* The loaded model's tables are plain arrays: ranking these is the same, too. */
static void check_tables_of_host(const struct world *w, const adaptau_model *loaded, const adaptau_query *q)
{
    static int32_t       by_model[MANY_USERS * K];
    static float         scores[2][MANY_USERS * K];
    const adaptau_tables tables = tables_of(loaded);
    OK(adaptau_model_rank(loaded, q, by_model, scores[0], &error));
    OK(adaptau_rank(w->context, &tables, q, found, scores[1], &error));
    ck_assert_mem_eq(by_model, found, sizeof by_model);
    ck_assert_mem_eq(scores[0], scores[1], sizeof scores[0]);
}

static void check_queries(const struct world *w, const struct both *b)
{
    static int32_t ids[MANY_ITEMS], few[3] = {0, 700, 1502}, users[2] = {132, 5}, allowed[300];
    float          embeddings[2 * WIDE];
    for (int i = 0; i < MANY_ITEMS; i++)
        ids[i] = i;
    for (int i = 0; i < 300; i++)
        allowed[i] = 5 * i + 1;
    for (int k = 0; k < 2 * WIDE; k++)
        embeddings[k] = (float)(draw(200) - 100) / 77.0f;
    const adaptau_query all = {.struct_size = sizeof all, .n = MANY_USERS, .k = K, .seen = w->data};
    adaptau_query       q = all;
    expect_same_lists(b->loaded, b->mapped, &q);
    check_tables_of_host(w, b->loaded, &q);
    q = all, q.n = 2, q.ids = users; /* too few to be screened                                                  */
    expect_same_lists(b->loaded, b->mapped, &q);
    q = all, q.allowed = allowed, q.n_allowed = 300;
    expect_same_lists(b->loaded, b->mapped, &q);
    q = all, q.n = 2, q.embeddings = embeddings, q.seen = NULL;
    expect_same_lists(b->loaded, b->mapped, &q);
    q = all, q.flags = ADAPTAU_QUERY_COSINE;
    expect_same_lists(b->loaded, b->mapped, &q);
    q = all, q.question = ADAPTAU_RANK_USERS, q.n = 3, q.ids = few;
    expect_same_lists(b->loaded, b->mapped, &q);
    q = all, q.question = ADAPTAU_RANK_SIMILAR_ITEMS, q.n = MANY_ITEMS, q.ids = ids, q.seen = NULL;
    expect_same_lists(b->loaded, b->mapped, &q);
    q = all, q.question = ADAPTAU_RANK_SIMILAR_USERS, q.n = 2, q.ids = users, q.seen = NULL;
    expect_same_lists(b->loaded, b->mapped, &q);
}

static void check_metrics(const struct world *w, const struct both *b)
{
    const adaptau_evaluator_options options = full_evaluator_options((adaptau_evaluator_options){0});
    adaptau_evaluator              *evaluator = NULL;
    double                          recall[2];
    OK(adaptau_evaluator_create(w->context, w->data, &options, &evaluator, &error));
    OK(adaptau_model_evaluate(b->loaded, evaluator, &error));
    OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, 20, &recall[0], &error));
    OK(adaptau_model_evaluate(b->mapped, evaluator, &error));
    OK(adaptau_evaluator_mean(evaluator, ADAPTAU_METRIC_RECALL, 20, &recall[1], &error));
    ck_assert(recall[0] > 0.0 && recall[0] == recall[1]);
    adaptau_evaluator_destroy(evaluator);
}

/* _i: a kind on a machine. */
START_TEST(a_mapped_model_answers_as_a_loaded_one)
{
    struct world w = open_saved(_i % KINDS, _i / KINDS);
    struct both  b = open_both(&w);
    check_queries(&w, &b);
    check_metrics(&w, &b);
    expect_same_fold_in(b.loaded, b.mapped);
    close_both(&b);
    close_world(&w);
}
END_TEST

/* By the definition: rows of the file in double, to length 1 where the model keeps them there. */
START_TEST(a_loaded_model_has_the_rounded_rows)
{
    static struct atau_safetensors file;
    struct world         w = open_saved(_i, 2);
    struct both          b = open_both(&w);
    const adaptau_tables t = tables_of(b.loaded);
    const bool           sphere = _i == 0 || _i == 3;
    OK(atau_safetensors_open(w.context, source_of(save_into(w.model, true, &store)), &file, &error));
    const uint16_t *halves = atau_safetensors_at(&file, atau_safetensors_find(&file, "item_embeddings"));
    for (int i = 0; i < MANY_ITEMS; i++) {
        double squares = 0.0;
        for (int k = 0; k < WIDE; k++)
            squares += pow((double)atau_half_widen(halves[i * WIDE + k]), 2.0);
        for (int k = 0; k < WIDE; k++) {
            const double half = (double)atau_half_widen(halves[i * WIDE + k]);
            ck_assert(sphere ? fabs((double)t.items[i * WIDE + k] - half / sqrt(squares)) < 1e-6 : (double)t.items[i * WIDE + k] == half);
        }
    }
    atau_safetensors_close(&file);
    close_both(&b);
    close_world(&w);
}
END_TEST

/* ---- files of such models ------------------------------------------------------------------------------------------ */

static void check_same_file(const char *a, const char *b)
{
    read_store(&store, a);
    expect_bytes_of_file(&store, b);
}

/* Saved by both, as float32 or as halves. */
static void check_saved_alike(const adaptau_model *a, const adaptau_model *b, bool half)
{
    expect_same_bytes(save_into(a, half, &store), save_into(b, half, &other_store));
}

/* As float32, as halves, for other programs, and with fewer rows. */
START_TEST(a_mapped_model_is_saved_and_changed_as_a_loaded_one)
{
    struct world w = open_saved(_i, 2);
    struct both  b = open_both(&w);
    char         first[600], second[600];
    int32_t      users[2] = {9, 3}, items[3] = {7, 8, 100};
    const adaptau_row_map map = {.struct_size = sizeof map, .n_users = 2, .n_items = 3, .users = users, .items = items};
    adaptau_model        *small[2] = {NULL};
    check_saved_alike(b.loaded, b.mapped, false);
    check_saved_alike(b.mapped, w.model, true);  /* the bits of the file                                       */
    check_saved_alike(b.mapped, b.loaded, true); /* rounding what was rounded changes nothing                  */
    snprintf(first, sizeof first, "%s.first", path);
    snprintf(second, sizeof second, "%s.second", path);
    for (int side = 0; side < 2; side++) {
        OK(adaptau_model_export_npy(b.loaded, side, first, &error));
        OK(adaptau_model_export_npy(b.mapped, side, second, &error));
        check_same_file(first, second);
        OK(adaptau_model_export_index(b.loaded, side, first, &error));
        OK(adaptau_model_export_index(b.mapped, side, second, &error));
        check_same_file(first, second);
    }
    OK(adaptau_model_save_checkpoint(b.loaded, NULL, NULL, first, &error));
    OK(adaptau_model_save_checkpoint(b.mapped, NULL, NULL, second, &error));
    check_same_file(first, second);
    OK(adaptau_model_remap(b.loaded, NULL, &map, NULL, &small[0], &error));
    OK(adaptau_model_remap(b.mapped, NULL, &map, NULL, &small[1], &error));
    check_saved_alike(small[0], small[1], false);
    adaptau_model_destroy(small[0]);
    adaptau_model_destroy(small[1]);
    close_both(&b);
    close_world(&w);
}
END_TEST

/* ---- memory --------------------------------------------------------------------------------------------------------- */

/* Cosines of free lengths, for which float32 items are copied; and few and many users. */
START_TEST(neither_a_model_nor_its_lists_take_a_copy_of_the_items)
{
    struct world     maker = open_saved(1, 2);
    struct host      host;
    adaptau_context *context = open_host(&host, 1, false);
    adaptau_model   *model = NULL;
    uint64_t         before, peak;
    const uint64_t   copy = sizeof(float) * WIDE * MANY_ITEMS;
    adaptau_context_memory(context, &before, NULL);
    OK(adaptau_model_map(context, path, NULL, NULL, &model, &error));
    const adaptau_query q = {.struct_size = sizeof q, .n = _i ? MANY_USERS : 10, .k = K};
    OK(adaptau_model_rank(model, &q, found, NULL, &error));
    adaptau_context_memory(context, NULL, &peak);
    ck_assert_msg(peak - before < copy + (_i ? 128u << 10 : 0), "%llu bytes", (unsigned long long)(peak - before));
    adaptau_model_destroy(model);
    adaptau_context_destroy(context);
    close_world(&maker);
}
END_TEST

START_TEST(memory_that_is_not_there_leaves_nothing)
{
    struct world maker = open_saved(_i, 2);
    for (int64_t left = 0;; left++) {
        struct host      host;
        adaptau_context *context = open_host(&host, 1, false);
        adaptau_model   *model = NULL;
        const adaptau_query q = {.struct_size = sizeof q, .n = MANY_USERS, .k = K};
        const int64_t    idle = host.bytes;
        host.allocations_left = left;
        clear_store(&store);
        adaptau_status status = adaptau_model_map(context, path, NULL, NULL, &model, &error);
        if (status == ADAPTAU_OK)
            status = adaptau_model_save_half_to(model, put, &store, 0, NULL, &error);
        if (status == ADAPTAU_OK)
            status = adaptau_model_rank(model, &q, found, NULL, &error);
        ck_assert_int_eq(host_has_failed(&host), status != ADAPTAU_OK);
        host.allocations_left = INT64_MAX;
        adaptau_model_destroy(model);
        ck_assert_int_eq(host.bytes, idle);
        adaptau_context_destroy(context);
        if (status == ADAPTAU_OK)
            break;
        ck_assert_int_eq(status, ADAPTAU_E_MEMORY);
    }
    close_world(&maker);
}
END_TEST

/* ---- what is refused ------------------------------------------------------------------------------------------------- */

START_TEST(nobody_points_to_float32_rows_that_are_not_there)
{
    struct world   w = open_saved(_i, 2);
    struct both    b = open_both(&w);
    adaptau_tables tables = {.struct_size = sizeof tables, .dim = 77};
    ck_assert_int_eq(adaptau_model_get_tables(b.mapped, &tables, &error), ADAPTAU_E_UNSUPPORTED);
    ck_assert_msg(strstr(error.message, "the embeddings are F16 in a file"), "%s", error.message);
    ck_assert_int_eq(adaptau_model_get_raw_tables(b.mapped, &tables, &error), ADAPTAU_E_UNSUPPORTED);
    ck_assert_int_eq(adaptau_model_update_temperature(b.mapped, w.temperature, &error), ADAPTAU_E_UNSUPPORTED);
    ck_assert_int_eq(tables.dim, 77);
    ck_assert_int_eq(adaptau_model_apply(b.mapped, &error), ADAPTAU_E_STATE);
    ck_assert_int_eq(adaptau_model_refresh(b.mapped, &error), ADAPTAU_E_STATE);
    OK(adaptau_model_prepare(b.mapped, &error));
    ck_assert(adaptau_model_n_users(b.mapped) == MANY_USERS && adaptau_model_dim(b.mapped) == WIDE);
    close_both(&b);
    close_world(&w);
}
END_TEST

START_TEST(rows_that_do_not_fit_are_named_and_nothing_is_written)
{
    struct world          w = open_default();
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = 2, .init = ADAPTAU_INIT_HOST,
                                                                               .flags = ADAPTAU_MODEL_FREE_LENGTH});
    static float          users[USERS * 2], items[ITEMS * 2];
    adaptau_model        *model = NULL;
    for (int k = 0; k < USERS * 2; k++)
        users[k] = 1.0f;
    for (int k = 0; k < ITEMS * 2; k++)
        items[k] = 0x1p-14f;
    users[5] = nextafterf(65520.0f, 0.0f);
    items[6] = items[7] = 0.0f; /* has no direction to lose                                                       */
    options.host_users = users, options.host_items = items;
    OK(adaptau_model_create(w.context, w.data, &options, &model, &error));
    OK(adaptau_model_save_half(model, path, 0, NULL, &error));
    const struct {
        float      *place;
        float       value;
        const char *message;
    } rows[] = {{&users[7], 65520.0f, "user_embeddings[3] has the number 65520, but F16 ends at 65504: save it in F32"},
                {&users[7], -1e9f, "user_embeddings[3] has the number -1e+09"},
                {&users[0], NAN, "user_embeddings[0] has the number nan"},
                {&items[9], 0x1p-15f, NULL},
                {&items[8], 0x1p-15f, "item_embeddings[4] has no number above 3.05176e-05, and F16 would lose most of it: save it in F32"}};
    for (size_t k = 0; k < sizeof rows / sizeof *rows; k++) {
        const float before = *rows[k].place;
        *rows[k].place = rows[k].value;
        clear_store(&store);
        ck_assert_int_eq(adaptau_model_save_half_to(model, put, &store, 0, NULL, &error), rows[k].message ? ADAPTAU_E_NUMERIC : ADAPTAU_OK);
        if (!rows[k].message)
            continue;
        ck_assert_msg(strstr(error.message, rows[k].message), "%s", error.message);
        ck_assert_int_eq(store.size, 0);
        ck_assert_int_eq(adaptau_model_save_half(model, path, 0, NULL, &error), ADAPTAU_E_NUMERIC);
        *rows[k].place = before;
    }
    adaptau_model *still = NULL;
    OK(adaptau_model_load(w.context, path, &still, &error)); /* the file of before                                  */
    adaptau_model_destroy(still);
    adaptau_model_destroy(model);
    close_world(&w);
}
END_TEST

START_TEST(a_half_that_is_not_finite_is_e_numeric)
{
    static struct atau_safetensors file;
    struct world                   w = open_kind(0, 2);
    adaptau_model                 *model = NULL;
    char                          *bytes = store.bytes;
    OK(atau_safetensors_open(w.context, source_of(save_into(w.model, true, &store)), &file, &error));
    const char *at = atau_safetensors_at(&file, atau_safetensors_find(&file, "item_embeddings"));
    memcpy(bytes + (at - bytes) + 2 * (WIDE * 41 + 3), &(uint16_t){0x7C00}, 2);
    atau_safetensors_close(&file);
    ck_assert_int_eq(adaptau_model_view(w.context, bytes, store.size, NULL, NULL, &model, &error), ADAPTAU_E_NUMERIC);
    ck_assert_str_eq(error.message, "item_embeddings[41] is not finite");
    ck_assert_int_eq(adaptau_model_load_from(w.context, bytes, store.size, NULL, NULL, &model, &error), ADAPTAU_E_NUMERIC);
    ck_assert_str_eq(error.message, "item_embeddings[41] is not finite");
    ck_assert_ptr_null(model);
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("half");
    TCase *tests = tcase_create("half");
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_set_timeout(tests, 60);
    tcase_add_loop_test(tests, tables_are_rounded_and_the_rest_is_as_it_was, 0, KINDS);
    tcase_add_loop_test(tests, a_file_and_a_function_get_the_same_bytes, 0, KINDS);
    tcase_add_loop_test(tests, a_mapped_model_answers_as_a_loaded_one, 0, KINDS * MACHINES);
    tcase_add_loop_test(tests, a_loaded_model_has_the_rounded_rows, 0, 4);
    tcase_add_loop_test(tests, a_mapped_model_is_saved_and_changed_as_a_loaded_one, 0, KINDS);
    tcase_add_loop_test(tests, neither_a_model_nor_its_lists_take_a_copy_of_the_items, 0, 2);
    tcase_add_loop_test(tests, memory_that_is_not_there_leaves_nothing, 0, KINDS);
    tcase_add_loop_test(tests, nobody_points_to_float32_rows_that_are_not_there, 0, KINDS);
    tcase_add_test(tests, rows_that_do_not_fit_are_named_and_nothing_is_written);
    tcase_add_test(tests, a_half_that_is_not_finite_is_e_numeric);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
