/* SPDX-License-Identifier: MIT */
/* Models and checkpoints that go through a function and memory of the host's instead of files: the same bytes, the same models.
 * Damaged models are in tests/faults/test_model_files.c. */
#include <adaptau/adaptau.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/folder.h"
#include "../support/model_world.h"
#include "../support/store.h"
#include "../support/suite.h"

/* ---- a host's memory ------------------------------------------------------------------------------------------------ */

static struct store store, other_store;

/* A copy that ends where the bytes end: sanitizers see what is read behind them. */
static void *cut(const struct store *s, int64_t size)
{
    void *bytes = malloc(size > 0 ? (size_t)size : 1);
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, s->bytes, (size_t)size);
    return bytes;
}

static const adaptau_attachment attachments[] = {{"user_names", "ann\0bob\0", 8}, {"nothing", NULL, 0}};

static int n_taken;

static int32_t take(void *user_data, const adaptau_attachment *given)
{
    const adaptau_attachment *wanted = &attachments[n_taken++];
    ck_assert_ptr_null(user_data);
    ck_assert_str_eq(given->name, wanted->name);
    ck_assert_int_eq(given->size, wanted->size);
    ck_assert(wanted->size == 0 || memcmp(given->bytes, wanted->bytes, (size_t)wanted->size) == 0);
    return 0;
}

/* ---- models --------------------------------------------------------------------------------------------------------- */

/* Tables of this width are larger than the pieces that the library puts together. */
#define WIDE 64

static const adaptau_model_options kinds[] = {
    {.dim = WIDE, .encoder = ADAPTAU_ENCODER_MF},
    {.dim = WIDE, .flags = ADAPTAU_MODEL_RAW_ITEMS | ADAPTAU_MODEL_FREE_LENGTH | ADAPTAU_MODEL_RANK_RAW},
    {.dim = WIDE, .encoder = ADAPTAU_ENCODER_LIGHTGCN, .flags = ADAPTAU_MODEL_UNIT_RAW_ROWS},
    {.dim = WIDE, .encoder = ADAPTAU_ENCODER_SIMPLEX},
};
#define KINDS ((int)(sizeof kinds / sizeof *kinds))

/* Trained, with an item bias. */
static struct world open_kind(int kind)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 2}, kinds[kind], (adaptau_sampler_options){0},
                                (adaptau_temperature_options){.tau_user_policy = ADAPTAU_TAU_USER_BY_LOSS});
    train(&w, 2);
    set_item_bias(w.model, 0.01f, 7);
    return w;
}

/* _i: a kind. */
START_TEST(a_model_is_written_to_a_function_byte_for_byte_as_to_a_file)
{
    for (int32_t n = 0; n <= 2; n += 2) {
        struct world   w = open_kind(_i);
        adaptau_model *read = NULL, *read_again = NULL;
        clear_store(&store);
        clear_store(&other_store);
        OK(adaptau_model_save_with(w.model, path, n, attachments, &error));
        OK(adaptau_model_save_to(w.model, put, &store, n, n ? attachments : NULL, &error));
        expect_bytes_of_file(&store, path);
        n_taken = 0;
        OK(adaptau_model_load_from(w.context, store.bytes, store.size, take, NULL, &read, &error));
        ck_assert_int_eq(n_taken, n);
        OK(adaptau_model_load_with(w.context, path, NULL, NULL, &read_again, &error));
        OK(adaptau_model_save_to(read, put, &other_store, n, attachments, &error));
        expect_bytes_of_file(&other_store, path);
        OK(adaptau_model_save_with(read_again, path, n, attachments, &error));
        expect_bytes_of_file(&other_store, path);
        adaptau_model_destroy(read);
        adaptau_model_destroy(read_again);
        close_world(&w);
    }
}
END_TEST

/* Rows of the host's that do not lie one behind the other come in small pieces, which are put together. */
START_TEST(rows_with_a_stride_come_in_few_pieces)
{
    enum { STRIDE = DIM + 3 };
    static float users[USERS * STRIDE], items[ITEMS * STRIDE];
    struct world w = open_world((adaptau_context_options){.n_threads = 1},
                                (adaptau_model_options){.host_users = users,
                                                        .host_items = items,
                                                        .host_user_stride = STRIDE,
                                                        .host_item_stride = STRIDE},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    clear_store(&store);
    OK(adaptau_model_save(w.model, path, &error));
    OK(adaptau_model_save_to(w.model, put, &store, 0, NULL, &error));
    expect_bytes_of_file(&store, path);
    ck_assert_int_le(store.calls, (int)(store.size / (16384 - 4 * DIM)) + 1);
    close_world(&w);
}
END_TEST

/* _i: a kind. */
START_TEST(a_function_that_fails_at_any_call_is_e_callback_and_the_model_stays)
{
    struct world w = open_kind(_i);
    clear_store(&store);
    OK(adaptau_model_save_to(w.model, put, &store, 2, attachments, &error));
    const int calls = store.calls;
    ck_assert_int_gt(calls, 2); /* the header, and at least two tables                                         */
    for (int failing = 1; failing <= calls; failing++) {
        char said[64];
        clear_store(&other_store);
        other_store.failing_call = failing;
        ck_assert_int_eq(adaptau_model_save_to(w.model, put, &other_store, 2, attachments, &error), ADAPTAU_E_CALLBACK);
        ck_assert_int_eq(other_store.calls, failing); /* and no more came                                      */
        ck_assert_mem_eq(other_store.bytes, store.bytes, (size_t)other_store.size);
        snprintf(said, sizeof said, " at byte %lld", (long long)other_store.size);
        ck_assert_msg(strstr(error.message, "write returned 9 for ") && strstr(error.message, said), "%s", error.message);
    }
    clear_store(&other_store);
    OK(adaptau_model_save_to(w.model, put, &other_store, 2, attachments, &error));
    expect_same_bytes(&other_store, &store);
    close_world(&w);
}
END_TEST

static const adaptau_model *written;

static int32_t call_back(void *user_data, const void *bytes, int64_t size)
{
    adaptau_tables tables = {.struct_size = sizeof tables};
    OK(adaptau_model_get_tables(written, &tables, &error));
    ck_assert_int_eq(adaptau_model_set_learning_rates((adaptau_model *)written, 0.1, 0.1, NULL), ADAPTAU_E_STATE);
    return put(user_data, bytes, size);
}

START_TEST(the_function_may_read_the_model_and_not_change_it)
{
    struct world w = open_kind(0);
    written = w.model;
    clear_store(&store);
    OK(adaptau_model_save_to(w.model, call_back, &store, 0, NULL, &error));
    OK(adaptau_model_save(w.model, path, &error));
    expect_bytes_of_file(&store, path);
    close_world(&w);
}
END_TEST

START_TEST(a_buffer_at_any_address_is_read)
{
    struct world w = open_kind(3);
    clear_store(&store);
    OK(adaptau_model_save_to(w.model, put, &store, 2, attachments, &error));
    char *bytes = malloc((size_t)store.size + 8);
    ck_assert_ptr_nonnull(bytes);
    for (int shift = 0; shift < 8; shift++) {
        adaptau_model *read = NULL;
        memcpy(bytes + shift, store.bytes, (size_t)store.size);
        OK(adaptau_model_load_from(w.context, bytes + shift, store.size, NULL, NULL, &read, &error));
        memset(bytes, 0xEE, (size_t)store.size + 8); /* the model does not need it                             */
        clear_store(&other_store);
        OK(adaptau_model_save_to(read, put, &other_store, 2, attachments, &error));
        expect_same_bytes(&other_store, &store);
        adaptau_model_destroy(read);
    }
    free(bytes);
    close_world(&w);
}
END_TEST

/* ---- checkpoints ---------------------------------------------------------------------------------------------------- */

static void train_one_epoch(struct world *w, adaptau_model *model, adaptau_temperature *temperature)
{
    adaptau_batch batch = {.struct_size = sizeof batch};
    OK(adaptau_model_update_temperature(model, temperature, &error));
    OK(adaptau_sampler_begin_epoch(w->sampler, 7, &error));
    while (adaptau_sampler_next(w->sampler, &batch, &error) == ADAPTAU_OK && batch.n_rows > 0) {
        OK(adaptau_model_gradients(model, &batch, temperature, NULL, &error));
        OK(adaptau_model_apply(model, &error));
    }
}

/* _i: a kind. */
START_TEST(a_training_goes_on_from_a_buffer_bit_for_bit)
{
    struct world         w = open_kind(_i);
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    char                 note[ADAPTAU_NOTE_SIZE];
    clear_store(&store);
    OK(adaptau_model_save_checkpoint(w.model, w.temperature, "epoch 2", path, &error));
    OK(adaptau_model_save_checkpoint_to(w.model, w.temperature, "epoch 2", put, &store, &error));
    expect_bytes_of_file(&store, path);
    OK(adaptau_model_load_checkpoint_from(w.context, w.data, store.bytes, store.size, &model, &temperature, note, &error));
    ck_assert_str_eq(note, "epoch 2");
    train_one_epoch(&w, w.model, w.temperature);
    train_one_epoch(&w, model, temperature);
    clear_store(&store);
    OK(adaptau_model_save_checkpoint(w.model, w.temperature, NULL, path, &error));
    OK(adaptau_model_save_checkpoint_to(model, temperature, NULL, put, &store, &error));
    expect_bytes_of_file(&store, path);
    adaptau_temperature_destroy(temperature);
    adaptau_model_destroy(model);
    close_world(&w);
}
END_TEST

START_TEST(a_function_that_fails_ends_a_checkpoint)
{
    struct world w = open_kind(0);
    clear_store(&store);
    OK(adaptau_model_save_checkpoint_to(w.model, w.temperature, "n", put, &store, &error));
    for (int failing = 1; failing <= store.calls; failing++) {
        clear_store(&other_store);
        other_store.failing_call = failing;
        ck_assert_int_eq(adaptau_model_save_checkpoint_to(w.model, w.temperature, "n", put, &other_store, &error),
                         ADAPTAU_E_CALLBACK);
        ck_assert_int_eq(other_store.calls, failing);
    }
    train_one_epoch(&w, w.model, w.temperature); /* both are free again                                        */
    close_world(&w);
}
END_TEST

static adaptau_status try_resume(const struct world *w, int64_t size)
{
    adaptau_model       *model = NULL;
    adaptau_temperature *temperature = NULL;
    char                 note[ADAPTAU_NOTE_SIZE] = "untouched";
    void                *bytes = cut(&store, size);
    adaptau_status status = adaptau_model_load_checkpoint_from(w->context, w->data, bytes, size, &model, &temperature, note, &error);
    free(bytes);
    ck_assert_int_eq(status == ADAPTAU_OK, model != NULL);
    ck_assert_int_eq(status == ADAPTAU_OK, temperature != NULL);
    if (status != ADAPTAU_OK)
        ck_assert_str_eq(note, "untouched");
    adaptau_model_destroy(model);
    adaptau_temperature_destroy(temperature);
    return status;
}

START_TEST(a_checkpoint_that_is_cut_or_changed_anywhere_is_e_format)
{
    struct world w = open_world((adaptau_context_options){.n_threads = 1}, (adaptau_model_options){.dim = 2},
                                (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
    train(&w, 1);
    clear_store(&store);
    OK(adaptau_model_save_checkpoint_to(w.model, w.temperature, "n", put, &store, &error));
    for (int64_t size = 0; size < store.size; size += size < 4000 || size > store.size - 64 ? 1 : 37)
        ck_assert_msg(try_resume(&w, size) == ADAPTAU_E_FORMAT, "cut at byte %lld: %s", (long long)size, error.message);
    for (int64_t bit = 0; bit < 8 * store.size; bit += bit < 8 * 4000 ? 1 : 61) {
        store.bytes[bit / 8] = (char)(store.bytes[bit / 8] ^ 1 << bit % 8);
        ck_assert_msg(try_resume(&w, store.size) == ADAPTAU_E_FORMAT, "bit %lld: %s", (long long)bit, error.message);
        store.bytes[bit / 8] = (char)(store.bytes[bit / 8] ^ 1 << bit % 8);
    }
    OK(try_resume(&w, store.size));
    close_world(&w);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("files in memory");
    TCase *tests = tcase_create("files in memory");
    tcase_set_timeout(tests, 300);
    tcase_add_checked_fixture(tests, make_folder, remove_folder);
    tcase_add_loop_test(tests, a_model_is_written_to_a_function_byte_for_byte_as_to_a_file, 0, KINDS);
    tcase_add_test(tests, rows_with_a_stride_come_in_few_pieces);
    tcase_add_loop_test(tests, a_function_that_fails_at_any_call_is_e_callback_and_the_model_stays, 0, KINDS);
    tcase_add_test(tests, the_function_may_read_the_model_and_not_change_it);
    tcase_add_test(tests, a_buffer_at_any_address_is_read);
    tcase_add_loop_test(tests, a_training_goes_on_from_a_buffer_bit_for_bit, 0, KINDS);
    tcase_add_test(tests, a_function_that_fails_ends_a_checkpoint);
    tcase_add_test(tests, a_checkpoint_that_is_cut_or_changed_anywhere_is_e_format);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
