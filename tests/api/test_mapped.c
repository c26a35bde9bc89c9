/* SPDX-License-Identifier: MIT */
/* Models in a mapped file or a buffer: they answer as one that was loaded, take next to no memory, and cannot be trained. The buffer
 * is memory that cannot be written: a write would end the test. Damaged files are in tests/faults/test_model_files.c. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS */
#include <adaptau/adaptau.h>
#include <adaptau/experimental.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/same_answers.h"
#include "../support/suite.h"
#include "files/safetensors.h"

/* ---- a buffer that cannot be written -------------------------------------------------------------------------------- */

struct buffer {
    char  *bytes;
    size_t size;
};

static struct buffer read_buffer(const char *where)
{
    struct buffer b = {0};
    FILE         *file = fopen(where, "rb");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
    b.size = (size_t)ftell(file);
    rewind(file);
    b.bytes = mmap(NULL, b.size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    ck_assert_ptr_ne(b.bytes, MAP_FAILED);
    ck_assert_uint_eq(fread(b.bytes, 1, b.size, file), b.size);
    ck_assert_int_eq(mprotect(b.bytes, b.size, PROT_READ), 0);
    fclose(file);
    return b;
}

static void free_buffer(struct buffer *b)
{
    ck_assert_int_eq(munmap(b->bytes, b->size), 0);
}

/* Lines of /proc/self/maps with the path in them and that access, "r--s" for example; −1 where there is no such file. */
static int count_mappings(const char *access)
{
    FILE *file = fopen("/proc/self/maps", "r");
    char  line[1024];
    int   n = 0;
    if (!file)
        return -1;
    while (fgets(line, sizeof line, file))
        n += strstr(line, path) && strstr(line, access);
    fclose(file);
    return n;
}

/* ---- the same answers ----------------------------------------------------------------------------------------------- */

static const adaptau_model_options kinds[] = {
    {.encoder = ADAPTAU_ENCODER_MF},
    {.flags = ADAPTAU_MODEL_RAW_ITEMS | ADAPTAU_MODEL_FREE_LENGTH | ADAPTAU_MODEL_RANK_RAW},
    {.encoder = ADAPTAU_ENCODER_LIGHTGCN, .flags = ADAPTAU_MODEL_UNIT_RAW_ROWS},
    {.encoder = ADAPTAU_ENCODER_SIMPLEX},
};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

static const adaptau_attachment attachments[] = {{"names", "abc", 3}};

/* Trained, with an item bias, and saved. */
static struct world open_kind(int kind)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, kinds[kind], (adaptau_sampler_options){0},
                                (adaptau_temperature_options){0});
    train(&w, 2);
    set_item_bias(w.model, 0.01f, 7);
    OK(adaptau_model_save_with(w.model, path, 1, attachments, &error));
    return w;
}

static int n_taken;

static int32_t take(void *user_data, const adaptau_attachment *given)
{
    (void)user_data;
    n_taken++;
    ck_assert_str_eq(given->name, "names");
    ck_assert_int_eq(given->size, 3);
    ck_assert_mem_eq(given->bytes, "abc", 3);
    return 0;
}

static void check_tables(const adaptau_model *a, const adaptau_model *b)
{
    adaptau_tables             t = tables_of(a), u = tables_of(b), raw_t = {.struct_size = sizeof raw_t}, raw_u = raw_t;
    adaptau_encoder_parameters p = {.struct_size = sizeof p}, q = p;
    OK(adaptau_model_get_raw_tables(a, &raw_t, &error));
    OK(adaptau_model_get_raw_tables(b, &raw_u, &error));
    ck_assert_uint_eq(t.flags, u.flags);
    ck_assert_mem_eq(t.users, u.users, USERS * DIM * sizeof(float));
    ck_assert_mem_eq(t.items, u.items, ITEMS * DIM * sizeof(float));
    ck_assert_mem_eq(t.item_bias, u.item_bias, ITEMS * sizeof(float));
    ck_assert_mem_eq(raw_t.users, raw_u.users, USERS * DIM * sizeof(float));
    ck_assert_mem_eq(raw_t.items, raw_u.items, ITEMS * DIM * sizeof(float));
    OK(adaptau_model_get_encoder_parameters(a, &p, &error));
    OK(adaptau_model_get_encoder_parameters(b, &q, &error));
    ck_assert_int_eq(p.n_rows, q.n_rows);
    if (p.n_rows > 0)
        ck_assert_mem_eq(p.rows, q.rows, DIM * DIM * sizeof(float));
}

enum { K = 25 };

static void check_ranks(const struct world *w, const adaptau_model *a, const adaptau_model *b)
{
    const adaptau_query query = {.struct_size = sizeof query, .n = USERS, .k = K, .seen = w->data};
    expect_same_lists(a, b, &query);
}

static void check_files(const adaptau_model *model)
{
    char          other[600];
    struct buffer mine, its;
    snprintf(other, sizeof other, "%s.other", path);
    OK(adaptau_model_save_with(model, other, 1, attachments, &error));
    mine = read_buffer(path);
    its = read_buffer(other);
    ck_assert_uint_eq(mine.size, its.size);
    ck_assert_mem_eq(mine.bytes, its.bytes, mine.size);
    OK(adaptau_model_export_index(model, ADAPTAU_SIDE_ITEMS, other, &error));
    OK(adaptau_model_export_npy(model, ADAPTAU_SIDE_USERS, other, &error));
    free_buffer(&mine);
    free_buffer(&its);
}

/* _i: a kind. Two models are in the one file at once. */
START_TEST(they_answer_as_a_model_that_was_loaded)
{
    struct world   w = open_kind(_i);
    struct buffer  buffer = read_buffer(path);
    adaptau_model *loaded = NULL, *models[3] = {NULL};
    OK(adaptau_model_load(w.context, path, &loaded, &error));
    n_taken = 0;
    OK(adaptau_model_map(w.context, path, take, NULL, &models[0], &error));
    OK(adaptau_model_map(w.context, path, NULL, NULL, &models[1], &error));
    OK(adaptau_model_view(w.context, buffer.bytes, (int64_t)buffer.size, take, NULL, &models[2], &error));
    ck_assert_int_eq(n_taken, 2);
    for (int k = 0; k < 3; k++) {
        check_tables(models[k], loaded);
        check_ranks(&w, models[k], loaded);
        expect_same_fold_in(models[k], loaded);
        check_files(models[k]);
        OK(adaptau_model_update_temperature(models[k], w.temperature, &error));
        OK(adaptau_model_prepare(models[k], &error));
    }
    const adaptau_tables mapped = tables_of(models[2]);
    ck_assert((const char *)mapped.users > buffer.bytes && (const char *)mapped.users < buffer.bytes + buffer.size);
    for (int k = 0; k < 3; k++)
        adaptau_model_destroy(models[k]);
    adaptau_model_destroy(loaded);
    free_buffer(&buffer);
    close_world(&w);
}
END_TEST

START_TEST(a_mapping_is_shared_and_ends_with_its_model)
{
    struct world   w = open_kind(0);
    adaptau_model *model = NULL;
    if (count_mappings("r--s") < 0) { /* no Linux */
        close_world(&w);
        return;
    }
    ck_assert_int_eq(count_mappings(""), 0);
    OK(adaptau_model_map(w.context, path, NULL, NULL, &model, &error));
    ck_assert_int_eq(count_mappings(""), 1);
    ck_assert_int_eq(count_mappings("r--s"), 1);
    adaptau_model_destroy(model);
    ck_assert_int_eq(count_mappings(""), 0);
    ck_assert_int_eq(truncate(path, 1000), 0);
    model = NULL;
    ck_assert_int_eq(adaptau_model_map(w.context, path, NULL, NULL, &model, &error), ADAPTAU_E_FORMAT);
    ck_assert_ptr_null(model);
    ck_assert_int_eq(truncate(path, 0), 0);
    ck_assert_int_eq(adaptau_model_map(w.context, path, NULL, NULL, &model, &error), ADAPTAU_E_FORMAT);
    ck_assert_ptr_nonnull(strstr(error.message, "has 0 bytes"));
    ck_assert_int_eq(count_mappings(""), 0);
    close_world(&w);
}
END_TEST

START_TEST(a_file_that_is_replaced_stays_for_those_who_have_it)
{
    struct world   w = open_kind(0);
    adaptau_model *model = NULL, *loaded = NULL;
    OK(adaptau_model_load(w.context, path, &loaded, &error));
    OK(adaptau_model_map(w.context, path, NULL, NULL, &model, &error));
    train(&w, 1);
    OK(adaptau_model_save(w.model, path, &error)); /* over it                                                  */
    check_tables(model, loaded);
    ck_assert_int_eq(unlink(path), 0);
    check_tables(model, loaded);
    check_ranks(&w, model, loaded);
    adaptau_model_destroy(model);
    adaptau_model_destroy(loaded);
    close_world(&w);
}
END_TEST

/* ---- no memory ------------------------------------------------------------------------------------------------------ */

enum { MOST_RETAINED = 16 << 10, MOST_EVER = 64 << 10 };

/* _i: an encoder. The bound is the same for tables of 4 KiB and of 4 MiB. */
START_TEST(creating_one_takes_little_memory_however_large_the_tables)
{
    static const int32_t sizes[] = {16, 16384};
    static const int32_t pair_users[2] = {0, 3}, pair_items[2] = {1, 2};
    for (int k = 0; k < 2; k++) {
        struct host           host;
        adaptau_context      *context = open_host(&host, 1, false), *maker = NULL;
        adaptau_dataset      *data = NULL;
        adaptau_model        *model = NULL;
        adaptau_model_options options = full_model_options((adaptau_model_options){.dim = 64, .encoder = _i});
        uint64_t              peak, before;
        const int32_t         n = sizes[k];
        OK(adaptau_context_create(NULL, &maker, &error));
        OK(adaptau_dataset_create_from_interactions(maker, n, n, 2, pair_users, pair_items, NULL, &data, &error));
        OK(adaptau_model_create(maker, data, &options, &model, &error));
        OK(adaptau_model_save(model, path, &error));
        adaptau_model_destroy(model);
        adaptau_dataset_destroy(data);
        adaptau_context_destroy(maker);
        struct buffer buffer = read_buffer(path);
        for (int view = 0; view < 2; view++) {
            const int64_t idle = host.bytes;
            adaptau_context_memory(context, &before, NULL);
            if (view)
                OK(adaptau_model_view(context, buffer.bytes, (int64_t)buffer.size, NULL, NULL, &model, &error));
            else
                OK(adaptau_model_map(context, path, NULL, NULL, &model, &error));
            adaptau_context_memory(context, NULL, &peak);
            ck_assert_msg(host.bytes - idle <= MOST_RETAINED, "%lld bytes", (long long)(host.bytes - idle));
            ck_assert_msg(peak - before <= MOST_EVER, "%llu bytes", (unsigned long long)(peak - before));
            adaptau_model_destroy(model);
            ck_assert_int_eq(host.bytes, idle);
        }
        free_buffer(&buffer);
        adaptau_context_destroy(context);
        ck_assert_int_eq(host.bytes, 0);
    }
}
END_TEST

START_TEST(an_allocation_that_fails_leaves_nothing)
{
    struct world w = open_kind(_i);
    for (int64_t left = 0;; left++) {
        struct host      host;
        adaptau_context *context = open_host(&host, 1, false);
        adaptau_model   *model = NULL;
        const int64_t    idle = host.bytes;
        host.allocations_left = left;
        const adaptau_status status = adaptau_model_map(context, path, take, NULL, &model, &error);
        ck_assert_int_eq(host_has_failed(&host), status != ADAPTAU_OK);
        host.allocations_left = INT64_MAX;
        if (status != ADAPTAU_OK) {
            ck_assert_int_eq(status, ADAPTAU_E_MEMORY);
            ck_assert_ptr_null(model);
            ck_assert_int_eq(host.bytes, idle);
            ck_assert_int_le(count_mappings(""), 0);
        }
        adaptau_model_destroy(model);
        adaptau_context_destroy(context);
        if (status == ADAPTAU_OK) {
            ck_assert_int_gt(left, 2);
            break;
        }
    }
    close_world(&w);
}
END_TEST

/* ---- no training ---------------------------------------------------------------------------------------------------- */

static void check_refused(adaptau_status status)
{
    ck_assert_int_eq(status, ADAPTAU_E_STATE);
    ck_assert_msg(strstr(error.message, "model is read-only, in a mapped file or a buffer"), "%s", error.message);
}

/* _i: a kind. */
START_TEST(calls_that_train_or_write_are_e_state)
{
    struct world                 w = open_kind(_i);
    const adaptau_batch          batch = first_batch(&w);
    const adaptau_target_options targets = full_target_options((adaptau_target_options){.strength = 1.0});
    const adaptau_loss           loss = full_loss((adaptau_loss){.kind = ADAPTAU_LOSS_BCE});
    float                        bias[ITEMS] = {0};
    adaptau_model               *model = NULL;
    OK(adaptau_model_map(w.context, path, NULL, NULL, &model, &error));
    check_refused(adaptau_model_gradients(model, &batch, w.temperature, NULL, &error));
    check_refused(adaptau_model_apply(model, &error));
    check_refused(adaptau_model_refresh(model, &error));
    check_refused(adaptau_model_set_item_bias(model, bias, &error));
    check_refused(adaptau_model_set_item_bias(model, NULL, &error));
    check_refused(adaptau_model_update_targets(model, w.data, w.temperature, &targets, &error));
    if (kinds[_i].encoder == ADAPTAU_ENCODER_LIGHTGCN) {
        check_refused(adaptau_model_contrast(model, &batch, NULL, NULL, &error));
        check_refused(adaptau_model_update_prototypes(model, 3, &error));
    }
    OK(adaptau_model_set_loss(model, &loss, &error)); /* what new users are folded in by                        */
    check_files(model);
    adaptau_model_destroy(model);
    close_world(&w);
}
END_TEST

START_TEST(it_grows_into_a_model_that_trains)
{
    struct world   w = open_kind(0);
    adaptau_model *mapped = NULL, *grown = NULL;
    OK(adaptau_model_map(w.context, path, NULL, NULL, &mapped, &error));
    OK(adaptau_model_grow(mapped, w.data, NULL, &grown, &error));
    check_tables(grown, mapped);
    adaptau_model_destroy(mapped);
    adaptau_model_destroy(w.model);
    w.model = grown;
    train(&w, 1);
    close_world(&w);
}
END_TEST

/* ---- what cannot be used where it lies ------------------------------------------------------------------------------- */

static void write_by_hand(const char *header, size_t n_data)
{
    const uint64_t length = strlen(header);
    const char     data[64] = {0};
    FILE          *file = fopen(path, "wb");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_eq(fwrite(&length, 1, 8, file), 8);
    ck_assert_uint_eq(fwrite(header, 1, length, file), length);
    ck_assert_uint_eq(fwrite(data, 1, n_data, file), n_data);
    ck_assert_int_eq(fclose(file), 0);
}

#define TENSOR(name, type, offsets) "\"" name "\":{\"dtype\":\"" type "\",\"shape\":[1,2],\"data_offsets\":" offsets "}"

START_TEST(other_types_and_odd_places_are_e_unsupported)
{
    static const char half[] = "{" TENSOR("user_embeddings", "BF16", "[0,4]") "," TENSOR("item_embeddings", "F32", "[4,12]") "}";
    static const char plain[] = "{" TENSOR("user_embeddings", "F32", "[0,8]") "," TENSOR("item_embeddings", "F32", "[8,16]") "}";
    adaptau_context  *context = NULL;
    adaptau_model    *model = NULL;
    char              padded[sizeof plain + 4];
    OK(adaptau_context_create(NULL, &context, &error));
    write_by_hand(half, 12);
    ck_assert_int_eq(adaptau_model_map(context, path, NULL, NULL, &model, &error), ADAPTAU_E_UNSUPPORTED);
    ck_assert_msg(strstr(error.message, "tensor \"user_embeddings\" has dtype BF16"), "%s", error.message);
    for (size_t spaces = 0; spaces < 4; spaces++) {
        snprintf(padded, sizeof padded, "%s%.*s", plain, (int)spaces, "   ");
        write_by_hand(padded, 16);
        const bool           fits = (8 + strlen(padded)) % 4 == 0;
        const adaptau_status status = adaptau_model_map(context, path, NULL, NULL, &model, &error);
        ck_assert_int_eq(status, fits ? ADAPTAU_OK : ADAPTAU_E_UNSUPPORTED);
        if (!fits)
            ck_assert_msg(strstr(error.message, "\"user_embeddings\" begins at byte"), "%s", error.message);
        else
            adaptau_model_destroy(model);
        OK(adaptau_model_load(context, path, &model, &error));
        adaptau_model_destroy(model);
        model = NULL;
    }
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(a_buffer_at_an_odd_address_is_e_argument)
{
    struct world   w = open_kind(0);
    struct buffer  buffer = read_buffer(path);
    char          *copy = malloc(buffer.size + 8);
    adaptau_model *model = NULL;
    ck_assert_ptr_nonnull(copy);
    for (size_t shift = 0; shift < 8; shift++) {
        memcpy(copy + shift, buffer.bytes, buffer.size);
        const adaptau_status status = adaptau_model_view(w.context, copy + shift, (int64_t)buffer.size, NULL, NULL, &model, &error);
        ck_assert_int_eq(status, shift % 4 == 0 ? ADAPTAU_OK : ADAPTAU_E_ARGUMENT);
        if (status == ADAPTAU_OK)
            adaptau_model_destroy(model);
    }
    free(copy);
    free_buffer(&buffer);
    close_world(&w);
}
END_TEST

/* Rows that belong on the unit sphere and are not, from another program: they are scored by their directions, as after a load, but
 * stay as they are. */
START_TEST(rows_of_another_length_are_scored_by_their_directions)
{
    static const float          users[] = {3.0f, 4.0f, 0.0f, 2.0f}, items[] = {1.0f, 0.0f, 0.0f, 5.0f, 0.6f, 0.8f};
    const struct atau_tensor    tensors[] = {{"user_embeddings", 2, 2, users, 2, ATAU_F32}, {"item_embeddings", 3, 2, items, 2, ATAU_F32}};
    const struct atau_metadata  metadata = {"adaptau.score", "cosine"};
    const int32_t               ids[2] = {0, 1};
    const adaptau_query         query = {.struct_size = sizeof query, .n = 2, .k = 3, .ids = ids};
    int32_t                     found[2][6];
    float                       scores[2][6];
    adaptau_context            *context = NULL;
    adaptau_model              *mapped = NULL, *loaded = NULL;
    OK(adaptau_context_create(NULL, &context, &error));
    OK(atau_safetensors_write(atau_to_path(path), 2, tensors, 1, &metadata, &error));
    OK(adaptau_model_map(context, path, NULL, NULL, &mapped, &error));
    OK(adaptau_model_load(context, path, &loaded, &error));
    OK(adaptau_model_rank(mapped, &query, found[0], scores[0], &error));
    OK(adaptau_model_rank(loaded, &query, found[1], scores[1], &error));
    ck_assert_mem_eq(found[0], found[1], sizeof found[0]);
    for (int k = 0; k < 6; k++)
        ck_assert_float_eq_tol(scores[0][k], scores[1][k], 1e-6f);
    ck_assert_mem_eq(tables_of(mapped).users, users, sizeof users);
    adaptau_model_destroy(mapped);
    adaptau_model_destroy(loaded);
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapped");
    TCase *tests = tcase_create("mapped");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, they_answer_as_a_model_that_was_loaded, 0, KINDS);
    tcase_add_test(tests, a_mapping_is_shared_and_ends_with_its_model);
    tcase_add_test(tests, a_file_that_is_replaced_stays_for_those_who_have_it);
    tcase_add_loop_test(tests, creating_one_takes_little_memory_however_large_the_tables, 0, ADAPTAU_ENCODER_SIMPLEX + 1);
    tcase_add_loop_test(tests, an_allocation_that_fails_leaves_nothing, 0, KINDS);
    tcase_add_loop_test(tests, calls_that_train_or_write_are_e_state, 0, KINDS);
    tcase_add_test(tests, it_grows_into_a_model_that_trains);
    tcase_add_test(tests, other_types_and_odd_places_are_e_unsupported);
    tcase_add_test(tests, a_buffer_at_an_odd_address_is_e_argument);
    tcase_add_test(tests, rows_of_another_length_are_scored_by_their_directions);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
