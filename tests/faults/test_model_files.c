/* SPDX-License-Identifier: MIT */
/* Model files that are empty, cut, changed or hostile: E_FORMAT (E_NUMERIC for an entry that is not finite), memory in
 * proportion to the file, nothing leaked. What is wrong with a header alone is in tests/unit/test_formats.c, with checkpoints
 * in tests/api/test_resume.c. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../support/folder.h"
#include "../support/host.h"
#include "../support/ok.h"
#include "../support/options.h"
#include "../support/suite.h"

#define ROOM (1 << 17) /* for a reader's own memory: its header has room for 4,096 names */

static struct host      host;
static adaptau_context *context;
static int64_t          idle;

static void set_up(void)
{
    make_folder();
    context = open_host(&host, 1, false);
    idle = host.bytes;
}

static void tear_down(void)
{
    adaptau_context_destroy(context);
    ck_assert_int_eq(host.bytes, 0);
    remove_folder();
}

static const char *now; /* what is in the file, */
static size_t      now_size;

/* Over the old content: a file that is truncated first may cost a flush of the disk at each closing. */
static void write_bytes(const char *bytes, size_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT, 0600);
    now = bytes;
    now_size = size;
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(pwrite(descriptor, bytes, size, 0), (ssize_t)size);
    ck_assert_int_eq(ftruncate(descriptor, (off_t)size), 0);
    ck_assert_int_eq(close(descriptor), 0);
}

/* How far the context's memory has ever gone beyond what it has itself. */
static uint64_t peak(void)
{
    uint64_t most;
    adaptau_context_memory(context, NULL, &most);
    return most - (uint64_t)idle;
}

/* The same sentence about the buffer. */
static void check_message(const char *of_memory)
{
    const size_t length = strlen(path);
    char         wanted[sizeof error.message];
    if (strncmp(error.message, path, length) == 0)
        snprintf(wanted, sizeof wanted, "the buffer%s", error.message + length);
    else
        snprintf(wanted, sizeof wanted, "%s", error.message);
    ck_assert_msg(strncmp(of_memory, wanted, strlen(wanted)) == 0, "%s, but of a file: %s", of_memory, error.message);
}

/* The same bytes in memory get the same answer; the block ends where they end. */
static void check_in_memory(adaptau_status of_file)
{
    adaptau_model *model = NULL;
    adaptau_error  of_memory = {0};
    char          *bytes = malloc(now_size + (now_size == 0));
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, now, now_size);
    const adaptau_status status = adaptau_model_load_from(context, bytes, (int64_t)now_size, NULL, NULL, &model, &of_memory);
    free(bytes);
    ck_assert_int_eq(status == ADAPTAU_OK, model != NULL);
    ck_assert_msg(status == of_file, "%s, but of a file %s: %s", adaptau_status_name(status), adaptau_status_name(of_file),
                  of_memory.message);
    check_message(of_memory.message);
    adaptau_model_destroy(model);
    ck_assert_int_eq(host.bytes, idle);
}

/* So do models that use it where it is, but for what they cannot use there: other tables than F32 and F16, and numbers at an odd
 * place. `on_view`: whether in a buffer, else in the file. */
static void check_without_copy(adaptau_status of_file, bool on_view)
{
    adaptau_model       *model = NULL;
    adaptau_error        why = {0};
    char                *bytes = malloc(now_size + (now_size == 0)); /* which aligns it                        */
    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, now, now_size);
    const adaptau_status status = on_view
                                      ? adaptau_model_view(context, bytes, (int64_t)now_size, NULL, NULL, &model, &why)
                                      : adaptau_model_map(context, path, NULL, NULL, &model, &why);
    ck_assert_int_eq(status == ADAPTAU_OK, model != NULL);
    ck_assert_msg(status == of_file || (status == ADAPTAU_E_UNSUPPORTED && strstr(why.message, "load it")),
                  "%s, but of a file %s: %s", adaptau_status_name(status), adaptau_status_name(of_file), why.message);
    adaptau_model_destroy(model);
    free(bytes);
    ck_assert_int_eq(host.bytes, idle);
}

static adaptau_status try_load(size_t size)
{
    adaptau_model *model = NULL;
    error.message[0] = '\0';
    adaptau_status status = adaptau_model_load(context, path, &model, &error);
    ck_assert_int_eq(status == ADAPTAU_OK, model != NULL);
    adaptau_model_destroy(model);
    ck_assert_int_eq(host.bytes, idle);
    ck_assert_msg(peak() <= 2 * size + ROOM, "%llu bytes for a file of %zu: %s", (unsigned long long)peak(), size,
                  error.message);
    if (now_size == size) {
        check_in_memory(status);
        check_without_copy(status, true);
        check_without_copy(status, false);
    }
    return status;
}

/* ---- files by hand ---------------------------------------------------------------------------------------------- */

#define TENSOR(name, type, shape, offsets)                                                                              \
    "\"" name "\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"
#define USERS(type, shape, offsets) TENSOR("user_embeddings", type, shape, offsets)
#define ITEMS(type, shape, offsets) TENSOR("item_embeddings", type, shape, offsets)
#define TABLES USERS("F32", "[1,2]", "[0,8]") "," ITEMS("F32", "[1,2]", "[8,16]")
#define NO_ROWS                                                                                                         \
    USERS("F32", "[0,8192]", "[0,0]") "," ITEMS("F32", "[0,8192]", "[0,0]")
#define NO_RAW_ROWS                                                                                                     \
    TENSOR("raw_user_embeddings", "F32", "[0,8192]", "[0,0]") "," TENSOR("raw_item_embeddings", "F32", "[0,8192]", "[0,0]")
#define ENCODER(name, options)                                                                                          \
    "\"__metadata__\":{\"format\":\"adaptau\",\"adaptau.encoder\":\"" name "\",\"adaptau.encoder_options\":\"" options "\"}"

static const struct {
    const char    *what, *header;
    size_t         n_data;
    adaptau_status status;
    const char    *message;
} files[] = {
    {"the least that is a model", "{" TABLES "}", 16, ADAPTAU_OK, ""},
    {"no users and no items", "{" NO_ROWS "}", 0, ADAPTAU_OK, ""},
    {"no tensor", "{}", 0, ADAPTAU_E_FORMAT, "no tensor \"user_embeddings\""},
    {"no items", "{" USERS("F32", "[1,2]", "[0,8]") "}", 8, ADAPTAU_E_FORMAT, "no tensor \"item_embeddings\""},
    {"bytes behind the tables", "{" TABLES "}", 17, ADAPTAU_E_FORMAT, ""},
    {"too few bytes", "{" TABLES "}", 15, ADAPTAU_E_FORMAT, ""},
    {"tables that overlap",
     "{" USERS("F32", "[1,2]", "[0,8]") "," ITEMS("F32", "[1,2]", "[4,12]") "}", 12,
     ADAPTAU_E_FORMAT, ""},
    {"items of another width",
     "{" USERS("F32", "[1,2]", "[0,8]") "," ITEMS("F32", "[1,3]", "[8,20]") "}", 20,
     ADAPTAU_E_FORMAT, "users have 2 columns and items 3"},
    {"a vector", "{" USERS("F32", "[2]", "[0,8]") "," ITEMS("F32", "[1,2]", "[8,16]") "}",
     16, ADAPTAU_E_FORMAT, "tensor \"user_embeddings\" has dtype F32 and 1 dimensions, not F32, F16 or BF16 and 2"},
    {"integers", "{" USERS("F32", "[1,2]", "[0,8]") "," ITEMS("I32", "[1,2]", "[8,16]") "}",
     16, ADAPTAU_E_FORMAT, "tensor \"item_embeddings\" has dtype I32 and 2 dimensions, not F32, F16 or BF16 and 2"},
    {"half precision", "{" USERS("F16", "[1,2]", "[0,4]") "," ITEMS("BF16", "[1,2]", "[4,8]") "}", 8, ADAPTAU_OK, ""},
    {"eighth precision", "{" USERS("F8_E4M3", "[1,4]", "[0,4]") "," ITEMS("F32", "[1,4]", "[4,20]") "}", 20, ADAPTAU_E_FORMAT,
     "tensor \"user_embeddings\" has dtype F8_E4M3 and 2 dimensions"},
    {"other tensors beside the tables", "{" TABLES "," TENSOR("item_ids", "I64", "[1]", "[16,24]") ","
     TENSOR("flag", "BOOL", "[]", "[24,25]") "," TENSOR("image", "U8", "[1,1,3]", "[25,28]") "}", 28, ADAPTAU_OK, ""},
    {"no columns", "{" USERS("F32", "[1,0]", "[0,0]") "," ITEMS("F32", "[1,0]", "[0,0]") "}",
     0, ADAPTAU_E_FORMAT, "0 columns are outside 1 ... 65536"},
    {"columns beyond the limit",
     "{" USERS("F32", "[0,65537]", "[0,0]") "," ITEMS("F32", "[0,65537]", "[0,0]") "}", 0,
     ADAPTAU_E_FORMAT, "65537 columns are outside 1 ... 65536"},
    {"2^62 rows of nothing",
     "{" USERS("F32", "[4611686018427387904,0]", "[0,0]") "}", 0, ADAPTAU_E_FORMAT, ""},
    {"a bias of another length", "{" TABLES "," TENSOR("item_bias", "F32", "[2,1]", "[16,24]") "}", 24, ADAPTAU_E_FORMAT,
     "\"item_bias\" is 2 x 1"},
    {"an unknown encoder", "{" ENCODER("ngcf", "") "," TABLES "}", 16, ADAPTAU_E_FORMAT, "metadata adaptau.encoder is unknown"},
    {"unknown scores", "{\"__metadata__\":{\"adaptau.score\":\"euclid\"}," TABLES "}", 16, ADAPTAU_E_FORMAT,
     "metadata adaptau.score is unknown"},
    {"layers without raw tables", "{" ENCODER("lightgcn", "layers=2") "," TABLES "}", 16, ADAPTAU_E_FORMAT,
     "no tensor \"raw_user_embeddings\" of 1 x 2"},
    {"too many layers", "{" ENCODER("lightgcn", "layers=9") "," NO_ROWS "," NO_RAW_ROWS "}", 0, ADAPTAU_E_FORMAT,
     "lightgcn with \"layers=9\" is unknown"},
    {"a matrix of 256 MiB that is not there", "{" ENCODER("simplex", "gate=0.500000000") "," NO_ROWS "," NO_RAW_ROWS "}", 0,
     ADAPTAU_E_FORMAT, "no tensor \"encoder_parameters\" of 8192 x 8192"},
};

START_TEST(answers_files_by_hand)
{
    char           bytes[2048] = {0};
    const uint64_t length = strlen(files[_i].header);
    const size_t   size = 8 + (size_t)length + files[_i].n_data;
    ck_assert_uint_le(size, sizeof bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, files[_i].header, (size_t)length);
    write_bytes(bytes, size);
    const adaptau_status status = try_load(size);
    ck_assert_msg(status == files[_i].status, "%s: %s, %s", files[_i].what, adaptau_status_name(status), error.message);
    ck_assert_msg(strstr(error.message, files[_i].message) != NULL, "%s: %s", files[_i].what, error.message);
}
END_TEST

START_TEST(an_entry_that_is_not_finite_is_named)
{
    static const char header[] = "{" TABLES "}";
    const uint64_t    length = sizeof header - 1;
    const uint32_t    nan = 0x7FC00000u;
    char              bytes[256] = {0};
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, sizeof header - 1);
    memcpy(bytes + 8 + sizeof header - 1 + 12, &nan, 4);
    write_bytes(bytes, 8 + sizeof header - 1 + 16);
    ck_assert_int_eq(try_load(256), ADAPTAU_E_NUMERIC);
    ck_assert_msg(strstr(error.message, "item_embeddings[0] is not finite") != NULL, "%s", error.message);
}
END_TEST

START_TEST(header_lengths_up_to_2_64_ask_for_no_memory)
{
    static const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63, UINT64_C(1) << 32, 1 << 20, 9, 1, 0};
    char                  bytes[16] = {0};
    for (size_t k = 0; k < sizeof lengths / sizeof *lengths; k++) {
        memcpy(bytes, &lengths[k], 8);
        write_bytes(bytes, sizeof bytes);
        ck_assert_int_eq(try_load(sizeof bytes), ADAPTAU_E_FORMAT);
    }
}
END_TEST

/* ---- a whole file that something happens to --------------------------------------------------------------------- */

static char  *content;
static size_t content_size;

/* _i: an encoder. */
static const adaptau_attachment attachments[] = {
    {"user_names", "ann\0bob\0", 8}, {"nothing", NULL, 0}, {"bytes_2", "\x00\xFF\n", 3}};
#define N_ATTACHMENTS ((int32_t)(sizeof attachments / sizeof *attachments))

/* With attachments where wanted. */
static void write_model(int32_t encoder, bool attached)
{
    adaptau_model_options options = full_model_options((adaptau_model_options){.encoder = encoder, .dim = 2});
    const int32_t         users[3] = {0, 1, 2}, items[3] = {0, 1, 1};
    const float           bias[2] = {0.5f, -0.5f};
    adaptau_dataset      *data = NULL;
    adaptau_model        *model = NULL;
    OK(adaptau_dataset_create_from_interactions(context, 3, 2, 3, users, items, NULL, &data, &error));
    OK(adaptau_model_create(context, data, &options, &model, &error));
    OK(adaptau_model_set_item_bias(model, bias, &error));
    OK(adaptau_model_save_with(model, path, attached ? N_ATTACHMENTS : 0, attachments, &error));
    adaptau_model_destroy(model);
    adaptau_dataset_destroy(data);
    FILE *file = fopen(path, "rb");
    ck_assert_ptr_nonnull(file);
    content = malloc(ROOM);
    ck_assert_ptr_nonnull(content);
    content_size = fread(content, 1, ROOM, file);
    fclose(file);
    now = content;
    now_size = content_size;
    OK(try_load(content_size));
}

START_TEST(a_file_cut_at_any_byte_is_e_format)
{
    write_model(_i, false);
    for (size_t size = 0; size < content_size; size++) {
        write_bytes(content, size);
        ck_assert_msg(try_load(size) == ADAPTAU_E_FORMAT, "cut at byte %zu: %s", size, error.message);
    }
    content[content_size] = '\0';
    write_bytes(content, content_size + 1);
    ck_assert_int_eq(try_load(content_size + 1), ADAPTAU_E_FORMAT);
    free(content);
}
END_TEST

/* Most flips of data are other numbers, which nothing can tell: a checkpoint has a checksum. */
START_TEST(any_flipped_bit_is_a_status)
{
    write_model(_i, false);
    for (size_t bit = 0; bit < 8 * content_size; bit++) {
        content[bit / 8] = (char)(content[bit / 8] ^ 1 << bit % 8);
        write_bytes(content, content_size);
        const adaptau_status status = try_load(content_size);
        ck_assert_msg(status == ADAPTAU_OK || status == ADAPTAU_E_FORMAT || status == ADAPTAU_E_NUMERIC, "bit %zu: %s", bit,
                      error.message);
        content[bit / 8] = (char)(content[bit / 8] ^ 1 << bit % 8);
    }
    free(content);
}
END_TEST

/* ---- attachments ------------------------------------------------------------------------------------------------ */

static int32_t n_taken, refused; /* the one that is refused, from 1                                           */

static int32_t take(void *user_data, const adaptau_attachment *given)
{
    ck_assert_ptr_eq(user_data, &n_taken);
    ck_assert_int_lt(n_taken, N_ATTACHMENTS);
    const adaptau_attachment *wanted = &attachments[n_taken++];
    ck_assert_str_eq(given->name, wanted->name);
    ck_assert_int_eq(given->size, wanted->size);
    if (wanted->size > 0)
        ck_assert_mem_eq(given->bytes, wanted->bytes, (size_t)wanted->size);
    return n_taken == refused ? 7 : 0;
}

static adaptau_status load_attached(void)
{
    adaptau_model *model = NULL;
    n_taken = 0;
    adaptau_status status = adaptau_model_load_with(context, path, take, &n_taken, &model, &error);
    ck_assert_int_eq(status == ADAPTAU_OK, model != NULL);
    adaptau_model_destroy(model);
    ck_assert_int_eq(host.bytes, idle);
    return status;
}

START_TEST(attachments_come_back_as_they_were)
{
    write_model(_i, true);
    OK(load_attached());
    ck_assert_int_eq(n_taken, N_ATTACHMENTS);
    refused = 2;
    ck_assert_int_eq(load_attached(), ADAPTAU_E_CALLBACK);
    ck_assert_int_eq(n_taken, 2);
    ck_assert_str_eq(error.message, "take returned 7 for \"nothing\"");
    refused = 0;
    free(content);
    write_model(_i, false);
    OK(load_attached());
    ck_assert_int_eq(n_taken, 0);
    free(content);
}
END_TEST

/* What belongs together cannot come from two files: any change is seen, whatever tensor it is in. */
START_TEST(no_flipped_bit_of_a_file_with_attachments_is_read)
{
    write_model(0, true);
    for (size_t at = 0; at < content_size; at++) {
        content[at] ^= (char)(1 << at % 8);
        write_bytes(content, content_size);
        ck_assert_msg(try_load(content_size) != ADAPTAU_OK, "byte %zu", at);
        ck_assert_int_ne(load_attached(), ADAPTAU_OK);
        ck_assert_int_eq(n_taken, 0);
        content[at] ^= (char)(1 << at % 8);
    }
    free(content);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("model files");
    TCase *tests = tcase_create("model files");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, answers_files_by_hand, 0, (int)(sizeof files / sizeof *files));
    tcase_add_test(tests, an_entry_that_is_not_finite_is_named);
    tcase_add_test(tests, header_lengths_up_to_2_64_ask_for_no_memory);
    tcase_add_loop_test(tests, a_file_cut_at_any_byte_is_e_format, 0, 3);
    tcase_add_loop_test(tests, any_flipped_bit_is_a_status, 0, 3);
    tcase_add_loop_test(tests, attachments_come_back_as_they_were, 0, 3);
    tcase_add_test(tests, no_flipped_bit_of_a_file_with_attachments_is_read);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
