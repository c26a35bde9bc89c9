/* SPDX-License-Identifier: MIT */
/* The file formats: safetensors files, written here or by anyone, and npy files.
 *
 *     test_formats --write FOLDER   leaves sample.safetensors and sample.npy there
 *     test_formats --read FILE      prints what it finds in a safetensors file
 *
 * are for tests/reference/check_files.py, which writes and reads the formats with other means. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/file_fixture.h"
#include "../support/suite.h"
#include "files/checksum.h"
#include "files/npy.h"
#include "files/safetensors.h"

/* Over the old content: a file that is truncated first may cost a flush of the disk at each closing. */
static void write_bytes(const void *bytes, size_t size)
{
    int descriptor = open(path, O_WRONLY | O_CREAT, 0600);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(pwrite(descriptor, bytes, size, 0), (ssize_t)size);
    ck_assert_int_eq(ftruncate(descriptor, (off_t)size), 0);
    ck_assert_int_eq(close(descriptor), 0);
}

/* A file of a header, as text, and n_data bytes. */
static void write_with_header(const char *header, size_t n_data)
{
    static char bytes[1 << 21];
    uint64_t    length = strlen(header);
    ck_assert_uint_lt(8 + length + n_data, sizeof bytes);
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, header, length);
    memset(bytes + 8 + length, 0, n_data);
    write_bytes(bytes, 8 + length + n_data);
}

static void check_format_error(const char *what)
{
    adaptau_error  error = {0};
    adaptau_status status = open_and_close(&error);
    ck_assert_msg(status == ADAPTAU_E_FORMAT, "%s: %s (%s)", what, adaptau_status_name(status), error.message);
    ck_assert_int_eq(error.status, ADAPTAU_E_FORMAT);
    ck_assert(error.message[0] && !strchr(error.message, '\n'));
}

static void write_valid_sample(void)
{
    ck_assert_int_eq(write_sample(path, NULL), ADAPTAU_OK);
}

START_TEST(reads_half_precision_as_floats)
{
    static struct atau_safetensors file;
    /* 1, -2, 2^-24, 65504, -0, infinity: by the definition of binary16; 1, -2 and pi to 8 bits as bfloat16. */
    const uint16_t           halves[6] = {0x3C00, 0xC000, 0x0001, 0x7BFF, 0x8000, 0x7C00}, brains[3] = {0x3F80, 0xC000, 0x4049};
    const float              wanted[6] = {1, -2, 5.9604644775390625e-8f, 65504, -0.0f, INFINITY}, wanted_brains[3] = {1, -2, 3.140625f};
    float                    rows[16], column[3];
    const struct atau_tensor tensors[] = {{.name = "h", .rows = 2, .columns = 3, .data = halves, .stride = 3, .type = ATAU_F16},
                                          {.name = "b", .rows = 3, .columns = 1, .data = brains, .stride = 1, .type = ATAU_BF16}};
    ck_assert_int_eq(atau_safetensors_write(atau_to_path(path), 2, tensors, 0, NULL, NULL), ADAPTAU_OK);
    ck_assert_int_eq(atau_safetensors_open(context, atau_from_path(path), &file, NULL), ADAPTAU_OK);
    const struct atau_safetensors_entry *h = atau_safetensors_find(&file, "h"), *b = atau_safetensors_find(&file, "b");
    for (int64_t stride = 3; stride <= 8; stride += 5) {
        ck_assert_int_eq(atau_safetensors_read_floats(&file, h, rows, stride, NULL), ADAPTAU_OK);
        ck_assert_int_eq(memcmp(rows, wanted, 12), 0);
        ck_assert_int_eq(memcmp(rows + stride, wanted + 3, 12), 0);
    }
    ck_assert_int_eq(atau_safetensors_read_floats(&file, b, column, 1, NULL), ADAPTAU_OK);
    ck_assert_int_eq(memcmp(column, wanted_brains, sizeof column), 0);
    atau_safetensors_close(&file);
}
END_TEST

START_TEST(keeps_other_types_and_a_checksum)
{
    static struct atau_safetensors file;
    adaptau_error                  error = {0};
    const double                   doubles[6] = {1.0 / 3.0, -0.0, 7.0, 1e-300, NAN, 9.0};
    const int32_t                  integers[3] = {INT32_MIN, 0, INT32_MAX};
    double                         got[4];
    int32_t                        whole[3];
    const struct atau_tensor       tensors[] = {
        {.name = "d", .rows = 2, .columns = 2, .data = doubles, .stride = 3, .type = ATAU_F64},
        {.name = "i", .rows = 3, .columns = 1, .data = integers, .stride = 1, .type = ATAU_I32}};
    ck_assert_int_eq(atau_safetensors_write_summed(atau_to_path(path), 2, tensors, 0, NULL, &error), ADAPTAU_OK);
    ck_assert_msg(atau_safetensors_open(context, atau_from_path(path), &file, &error) == ADAPTAU_OK, "%s", error.message);
    ck_assert_int_eq(atau_safetensors_check_sum(&file, &error), ADAPTAU_OK);
    const struct atau_safetensors_entry *d = atau_safetensors_find(&file, "d"), *i = atau_safetensors_find(&file, "i");
    ck_assert(d->type == ATAU_F64 && i->type == ATAU_I32);
    ck_assert_int_eq(atau_safetensors_read(&file, d, got, 2, &error), ADAPTAU_OK);
    ck_assert_int_eq(atau_safetensors_read(&file, i, whole, 1, &error), ADAPTAU_OK);
    ck_assert_int_eq(memcmp(got, doubles, 16), 0);
    ck_assert_int_eq(memcmp(got + 2, doubles + 3, 16), 0);
    ck_assert_int_eq(memcmp(whole, integers, sizeof whole), 0);
    atau_safetensors_close(&file);
    write_valid_sample(); /* has none                                                                              */
    ck_assert_int_eq(atau_safetensors_open(context, atau_from_path(path), &file, &error), ADAPTAU_OK);
    ck_assert_int_eq(atau_safetensors_check_sum(&file, &error), ADAPTAU_E_FORMAT);
    atau_safetensors_close(&file);
}
END_TEST

/* However bytes are cut into pieces. */
START_TEST(checksum_is_of_the_bytes_alone)
{
    unsigned char bytes[100];
    uint64_t      seen[101];
    for (int i = 0; i < 100; i++)
        bytes[i] = (unsigned char)(i * 37);
    for (size_t size = 0; size <= 100; size++) {
        struct atau_checksum whole = {0};
        atau_checksum_add(&whole, bytes, size);
        seen[size] = atau_checksum_value(&whole);
        for (size_t cut = 0; cut <= size; cut++) {
            struct atau_checksum parts = {0};
            atau_checksum_add(&parts, bytes, cut);
            atau_checksum_add(&parts, bytes + cut, size - cut);
            ck_assert_uint_eq(atau_checksum_value(&parts), seen[size]);
        }
        for (size_t other = 0; other < size; other++)
            ck_assert_uint_ne(seen[other], seen[size]);
    }
}
END_TEST

/* ---- safetensors: what we write, we read ---------------------------------------------------------------------------- */

START_TEST(reads_back_what_it_wrote)
{
    static struct atau_safetensors file;
    adaptau_error                  error = {0};
    char                           value[64];
    float                          rows[USERS * 6];
    write_valid_sample();
    ck_assert_msg(atau_safetensors_open(context, atau_from_path(path), &file, &error) == ADAPTAU_OK, "%s", error.message);
    ck_assert_int_eq(file.n_entries, 3);

    const struct atau_safetensors_entry *users = atau_safetensors_find(&file, "user_embeddings");
    ck_assert_ptr_nonnull(users);
    ck_assert(users->rank == 2 && users->rows == USERS && users->columns == DIM);
    memset(rows, 0x7F, sizeof rows);
    ck_assert_int_eq(atau_safetensors_read(&file, users, rows, 6, &error), ADAPTAU_OK);
    for (int r = 0; r < USERS; r++)
        for (int k = 0; k < 6; k++)
            if (k < DIM)
                ck_assert_float_eq(rows[r * 6 + k], (float)(r * 10 + k));
            else
                ck_assert_mem_eq(&rows[r * 6 + k], "\x7F\x7F\x7F\x7F", 4);

    const struct atau_safetensors_entry *items = atau_safetensors_find(&file, "item \"embeddings\"\\\t\xC3\xA9");
    ck_assert_ptr_nonnull(items);
    ck_assert_int_eq(atau_safetensors_read(&file, items, rows, DIM, &error), ADAPTAU_OK);
    for (int k = 0; k < ITEMS * DIM; k++)
        ck_assert_float_eq(rows[k], -0.1f * (float)k);

    const struct atau_safetensors_entry *nothing = atau_safetensors_find(&file, "nothing");
    ck_assert(nothing && nothing->rows == 0);
    ck_assert_int_eq(atau_safetensors_read(&file, nothing, rows, 100, &error), ADAPTAU_OK);

    ck_assert_ptr_null(atau_safetensors_find(&file, "user_embedding"));
    ck_assert_ptr_null(atau_safetensors_find(&file, "user_embeddingss"));
    ck_assert_ptr_null(atau_safetensors_find(&file, ""));
    ck_assert(atau_safetensors_metadata(&file, "format", value, sizeof value));
    ck_assert_str_eq(value, "adaptau");
    ck_assert(atau_safetensors_metadata(&file, "empty", value, 1));
    ck_assert_str_eq(value, "");
    ck_assert(atau_safetensors_metadata(&file, "\xCF\x84\n", value, sizeof value));
    ck_assert_str_eq(value, "tau \xF0\x9F\x8D\x8E \"quoted\" \\ \x01");
    ck_assert(!atau_safetensors_metadata(&file, "missing", value, sizeof value));
    ck_assert(!atau_safetensors_metadata(&file, "format", value, 7));
    ck_assert(atau_safetensors_metadata(&file, "format", value, 8));
    ck_assert(!atau_safetensors_metadata(&file, "format", value, 0));
    atau_safetensors_close(&file);
}
END_TEST

START_TEST(aligns_the_data_to_eight_bytes)
{
    char   bytes[4096];
    size_t size;
    write_valid_sample();
    size = read_bytes(bytes, sizeof bytes);
    uint64_t length;
    memcpy(&length, bytes, 8);
    ck_assert_uint_eq(length % 8, 0);
    ck_assert_uint_eq(size, 8 + length + (USERS + ITEMS) * DIM * sizeof(float));
}
END_TEST

START_TEST(writes_and_reads_no_tensors)
{
    ck_assert_int_eq(atau_safetensors_write(atau_to_path(path), 0, NULL, 0, NULL, NULL), ADAPTAU_OK);
    ck_assert_int_eq(open_and_close(NULL), ADAPTAU_OK);
}
END_TEST

/* Rows that cross the ends of the writer's buffer, with and without a stride. */
START_TEST(writes_rows_longer_and_shorter_than_the_buffer)
{
    static struct atau_safetensors file;
    const int64_t                  shapes[][3] = {{1000, 33, 40}, {3, 5000, 5001}, {7, 4096, 4096}, {20000, 1, 2}};
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        int64_t rows = shapes[i][0], columns = shapes[i][1], stride = shapes[i][2];
        float  *data = malloc((size_t)(rows * stride) * sizeof *data);
        float  *back = malloc((size_t)(rows * columns) * sizeof *back);
        for (int64_t k = 0; k < rows * stride; k++)
            data[k] = (float)k;
        struct atau_tensor tensor = {.name = "x", .rows = rows, .columns = columns, .data = data, .stride = stride};
        ck_assert_int_eq(atau_safetensors_write(atau_to_path(path), 1, &tensor, 0, NULL, NULL), ADAPTAU_OK);
        ck_assert_int_eq(atau_safetensors_open(context, atau_from_path(path), &file, NULL), ADAPTAU_OK);
        ck_assert_int_eq(atau_safetensors_read(&file, file.entries, back, columns, NULL), ADAPTAU_OK);
        int n_wrong = 0;
        for (int64_t k = 0; k < rows * columns; k++)
            n_wrong += back[k] != (float)(k / columns * stride + k % columns);
        ck_assert_int_eq(n_wrong, 0);
        atau_safetensors_close(&file);
        free(data);
        free(back);
    }
}
END_TEST

/* ---- safetensors: what others write ---------------------------------------------------------------------------------- */

START_TEST(accepts_any_order_white_space_and_escapes)
{
    static struct atau_safetensors file;
    char                           value[16];
    write_with_header("{ \"b\" :{\"data_offsets\":[8, 16],\n\t\"shape\":[2],\"dtype\":\"F32\"} ,\r\n"
                      "\"\\u0061\\/\":{\"shape\":[1,2],\"dtype\":\"\\u00463\\u0032\",\"data_offsets\":[0,8]},"
                      "\"__metadata__\":{\"\\ud83c\\udf4e\":\"\\u00e9\\n\"}}   ",
                      16);
    adaptau_error error = {0};
    ck_assert_msg(atau_safetensors_open(context, atau_from_path(path), &file, &error) == ADAPTAU_OK, "%s", error.message);
    const struct atau_safetensors_entry *a = atau_safetensors_find(&file, "a/"), *b = atau_safetensors_find(&file, "b");
    ck_assert(a && a->rank == 2 && a->rows == 1 && a->columns == 2 && a->begin == 0);
    ck_assert(b && b->rank == 1 && b->rows == 2 && b->columns == 1 && b->begin == 8);
    ck_assert(atau_safetensors_metadata(&file, "\xF0\x9F\x8D\x8E", value, sizeof value));
    ck_assert_str_eq(value, "\xC3\xA9\n");
    atau_safetensors_close(&file);
}
END_TEST

/* The first and the last character of each length, as UTF-8 has them. */
START_TEST(escapes_become_characters_of_every_length)
{
    static const struct {
        const char *escaped, *bytes;
    } characters[] = {{"\\u0001", "\x01"},          {"\\u007f", "\x7F"},
                      {"\\u0080", "\xC2\x80"},      {"\\u07ff", "\xDF\xBF"},
                      {"\\u0800", "\xE0\xA0\x80"},  {"\\ud7ff", "\xED\x9F\xBF"},
                      {"\\ue000", "\xEE\x80\x80"},  {"\\uFFff", "\xEF\xBF\xBF"},
                      {"\\ud800\\udc00", "\xF0\x90\x80\x80"}, {"\\udbff\\udfff", "\xF4\x8F\xBF\xBF"}};
    static struct atau_safetensors file;
    for (size_t c = 0; c < sizeof characters / sizeof *characters; c++)
        for (int raw = 0; raw < 2; raw++) { /* as an escape and as itself                                          */
            char text[64], value[16] = "";
            if (raw && c == 0)
                continue; /* control characters are written as escapes                                          */
            snprintf(text, sizeof text, "{\"__metadata__\":{\"k\":\"<%s>\"}}", raw ? characters[c].bytes : characters[c].escaped);
            write_with_header(text, 0);
            adaptau_error error = {0};
            ck_assert_msg(atau_safetensors_open(context, atau_from_path(path), &file, &error) == ADAPTAU_OK, "%s: %s", text,
                          error.message);
            ck_assert(atau_safetensors_metadata(&file, "k", value, sizeof value));
            ck_assert_msg(value[0] == '<' && strlen(value) == strlen(characters[c].bytes) + 2 &&
                              memcmp(value + 1, characters[c].bytes, strlen(characters[c].bytes)) == 0,
                          "%s became %s", text, value);
            atau_safetensors_close(&file);
        }
}
END_TEST

#define TENSOR(name, shape, offsets) "\"" name "\":{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

START_TEST(rejects_headers_that_are_not_quite_right)
{
    static const struct {
        const char *what, *header;
        size_t      n_data;
    } files[] = {
        {"nothing", "", 0},
        {"white space before the brace", " {}", 0},
        {"no closing brace", "{", 0},
        {"text after the end", "{}x", 0},
        {"a NUL after the end", "{}\\0", 0},
        {"a second object", "{}{}", 0},
        {"an array", "[]", 0},
        {"data without a tensor", "{}", 4},
        {"a trailing comma", "{" TENSOR("a", "[1]", "[0,4]") ",}", 4},
        {"a missing comma", "{" TENSOR("a", "[1]", "[0,4]") TENSOR("b", "[1]", "[4,8]") "}", 8},
        {"trailing bytes", "{" TENSOR("a", "[1]", "[0,4]") "}", 5},
        {"too few bytes", "{" TENSOR("a", "[1]", "[0,4]") "}", 3},
        {"a hole", "{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("b", "[1]", "[8,12]") "}", 12},
        {"a hole in front", "{" TENSOR("a", "[1]", "[4,8]") "}", 8},
        {"an overlap", "{" TENSOR("a", "[2]", "[0,8]") "," TENSOR("b", "[2]", "[4,12]") "}", 12},
        {"the same bytes twice", "{" TENSOR("a", "[2]", "[0,8]") "," TENSOR("b", "[2]", "[0,8]") "}", 8},
        {"an empty tensor inside another", "{" TENSOR("a", "[2]", "[0,8]") "," TENSOR("b", "[0]", "[4,4]") "}", 8},
        {"an empty tensor past the end", "{" TENSOR("a", "[2]", "[0,8]") "," TENSOR("b", "[0]", "[12,12]") "}", 8},
        {"offsets in reverse", "{" TENSOR("a", "[1]", "[4,0]") "}", 4},
        {"a name twice", "{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("a", "[1]", "[4,8]") "}", 8},
        {"a name twice, once escaped", "{" TENSOR("a", "[1]", "[0,4]") "," TENSOR("\\u0061", "[1]", "[4,8]") "}", 8},
        {"the shape of another size", "{" TENSOR("a", "[2]", "[0,4]") "}", 4},
        {"a shape whose product overflows", "{" TENSOR("a", "[4294967296,4294967297]", "[0,0]") "}", 0},
        {"a shape whose bytes overflow", "{" TENSOR("a", "[4611686018427387904]", "[0,0]") "}", 0},
        {"a shape above 2^63 with a zero", "{" TENSOR("a", "[9223372036854775808,0]", "[0,0]") "}", 0},
        {"a number above 2^64", "{" TENSOR("a", "[18446744073709551617]", "[0,4]") "}", 4},
        {"a number of 30 digits", "{" TENSOR("a", "[100000000000000000000000000000]", "[0,4]") "}", 4},
        {"a negative shape", "{" TENSOR("a", "[-1]", "[0,4]") "}", 4},
        {"a fraction", "{" TENSOR("a", "[1.0]", "[0,4]") "}", 4},
        {"an exponent", "{" TENSOR("a", "[1e0]", "[0,4]") "}", 4},
        {"a leading zero", "{" TENSOR("a", "[01]", "[0,4]") "}", 4},
        {"a shape with a comma at its end", "{" TENSOR("a", "[1,]", "[0,4]") "}", 4},
        {"a shape without an end", "{" TENSOR("a", "[1", "[0,4]") "}", 4},
        {"one offset", "{" TENSOR("a", "[1]", "[4]") "}", 4},
        {"three offsets", "{" TENSOR("a", "[1]", "[0,4,4]") "}", 4},
        {"an offset that is a string", "{" TENSOR("a", "[1]", "[0,\"4\"]") "}", 4},
        {"half precision of another size", "{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"a foreign tensor outside the file", "{\"a\":{\"dtype\":\"I64\",\"shape\":[1],\"data_offsets\":[0,8]}}", 4},
        {"a dtype that is a number", "{\"a\":{\"dtype\":32,\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"no dtype", "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}", 4},
        {"no shape", "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4},
        {"no offsets", "{\"a\":{\"dtype\":\"F32\",\"shape\":[0]}}", 0},
        {"an empty object", "{\"a\":{}}", 0},
        {"an unknown key", "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0],\"x\":1}}", 0},
        {"a key twice", "{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}", 0},
        {"a tensor that is null", "{\"a\":null}", 0},
        {"a deep nest", "{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 0},
        {"metadata that are a string", "{\"__metadata__\":\"x\"}", 0},
        {"metadata with a number", "{\"__metadata__\":{\"x\":1}}", 0},
        {"metadata with an object", "{\"__metadata__\":{\"x\":{}}}", 0},
        {"metadata twice", "{\"__metadata__\":{},\"__metadata__\":{}}", 0},
        {"a metadata key twice", "{\"__metadata__\":{\"x\":\"1\",\"x\":\"2\"}}", 0},
        {"metadata without an end", "{\"__metadata__\":{\"x\":\"1\"", 0},
        {"a string without an end", "{\"a", 0},
        {"an escape at the end", "{\"a\\", 0},
        {"an unknown escape", "{\"__metadata__\":{\"\\x\":\"\"}}", 0},
        {"a half escape", "{\"__metadata__\":{\"\\u00\":\"\"}}", 0},
        {"an escaped NUL", "{\"__metadata__\":{\"\\u0000\":\"\"}}", 0},
        {"a lone high surrogate", "{\"__metadata__\":{\"\\ud800\":\"\"}}", 0},
        {"two high surrogates", "{\"__metadata__\":{\"\\ud800\\ud800\":\"\"}}", 0},
        {"a lone low surrogate", "{\"__metadata__\":{\"\\udc00\":\"\"}}", 0},
        {"a control character", "{\"__metadata__\":{\"\x01\":\"\"}}", 0},
        {"a newline in a string", "{\"__metadata__\":{\"\n\":\"\"}}", 0},
        {"a stray UTF-8 continuation", "{\"__metadata__\":{\"\x80\":\"\"}}", 0},
        {"an overlong UTF-8 form", "{\"__metadata__\":{\"\xC0\xAF\":\"\"}}", 0},
        {"a UTF-8 surrogate", "{\"__metadata__\":{\"\xED\xA0\x80\":\"\"}}", 0},
        {"UTF-8 above U+10FFFF", "{\"__metadata__\":{\"\xF4\x90\x80\x80\":\"\"}}", 0},
        {"a cut UTF-8 character", "{\"__metadata__\":{\"\xE2\x82", 0},
        {"the byte 0xFF", "{\"__metadata__\":{\"\xFF\":\"\"}}", 0},
    };
    for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
        write_with_header(files[i].header, files[i].n_data);
        check_format_error(files[i].what);
    }
}
END_TEST

START_TEST(rejects_absurd_header_lengths_without_allocating)
{
    const uint64_t lengths[] = {UINT64_MAX, UINT64_MAX - 7, UINT64_C(1) << 63, UINT64_C(1) << 32, 1000, 9, 3};
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        char     bytes[16] = {0};
        uint64_t peak;
        memcpy(bytes, &lengths[i], 8);
        memcpy(bytes + 8, "{}      ", 8);
        write_bytes(bytes, sizeof bytes);
        check_format_error("length");
        adaptau_context_memory(context, NULL, &peak);
        ck_assert_uint_le(peak, bytes_at_start + 64);
    }
}
END_TEST

START_TEST(allocates_no_more_than_the_file_has)
{
    struct stat status;
    uint64_t    peak;
    write_valid_sample();
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_int_eq(open_and_close(NULL), ADAPTAU_OK);
    adaptau_context_memory(context, NULL, &peak);
    ck_assert_uint_le(peak, bytes_at_start + (uint64_t)status.st_size);
}
END_TEST

START_TEST(rejects_a_header_above_its_limit_and_too_many_names)
{
    char *header = malloc((1 << 20) + 64);
    memset(header, ' ', (1 << 20) + 16);
    memcpy(header, "{}", 2);
    header[(1 << 20) + 1] = '\0';
    write_with_header(header, 0);
    check_format_error("one byte above the limit");
    header[1 << 20] = '\0';
    write_with_header(header, 0);
    ck_assert_int_eq(open_and_close(NULL), ADAPTAU_OK);
    for (int limit = ATAU_MAX_TENSORS; limit <= ATAU_MAX_TENSORS + 1; limit++) {
        size_t used = (size_t)sprintf(header, "{");
        for (int i = 0; i < limit; i++)
            used += (size_t)sprintf(header + used, "%s\"%d\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[%d,%d]}",
                                    i ? "," : "", i, 4 * (limit - 1 - i), 4 * (limit - i));
        sprintf(header + used, "}");
        write_with_header(header, 4 * (size_t)limit);
        ck_assert_int_eq(open_and_close(NULL), limit > ATAU_MAX_TENSORS ? ADAPTAU_E_FORMAT : ADAPTAU_OK);
    }
    for (int limit = ATAU_MAX_METADATA; limit <= ATAU_MAX_METADATA + 1; limit++) {
        size_t used = (size_t)sprintf(header, "{\"__metadata__\":{");
        for (int i = 0; i < limit; i++)
            used += (size_t)sprintf(header + used, "%s\"%d\":\"\"", i ? "," : "", i);
        sprintf(header + used, "}}");
        write_with_header(header, 0);
        ck_assert_int_eq(open_and_close(NULL), limit > ATAU_MAX_METADATA ? ADAPTAU_E_FORMAT : ADAPTAU_OK);
    }
    free(header);
}
END_TEST

START_TEST(rejects_a_file_cut_at_any_byte)
{
    char bytes[4096];
    write_valid_sample();
    size_t size = read_bytes(bytes, sizeof bytes);
    for (size_t cut = 0; cut < size; cut++) {
        char what[48];
        write_bytes(bytes, cut);
        snprintf(what, sizeof what, "cut at byte %zu", cut);
        check_format_error(what);
    }
}
END_TEST

/* A flipped bit may change a name, a value or a number of the data; the shapes are those that were written, or it is
 * noticed. */
static void check_damaged(size_t bit)
{
    static struct atau_safetensors file;
    float                          rows[USERS * DIM];
    adaptau_error                  error = {0};
    adaptau_status                 status = atau_safetensors_open(context, atau_from_path(path), &file, &error);
    if (status != ADAPTAU_OK) {
        ck_assert_msg(status == ADAPTAU_E_FORMAT, "bit %zu: %s", bit, error.message);
        return;
    }
    ck_assert_int_eq(file.n_entries, 3);
    for (int i = 0; i < 3; i++) {
        const struct atau_safetensors_entry *entry = &file.entries[i];
        if (entry->begin == entry->end) /* no rows of 4 and no rows of 5 are equally nothing                   */
            continue;
        ck_assert(entry->rank == 2 && entry->columns == DIM);
        ck_assert(entry->rows == USERS || entry->rows == ITEMS);
        ck_assert_int_eq(atau_safetensors_read(&file, entry, rows, DIM, &error),
                         entry->type == ATAU_FOREIGN ? ADAPTAU_E_FORMAT : ADAPTAU_OK);
    }
    atau_safetensors_close(&file);
}

START_TEST(survives_any_flipped_bit)
{
    char bytes[4096];
    write_valid_sample();
    size_t size = read_bytes(bytes, sizeof bytes);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
        write_bytes(bytes, size);
        check_damaged(bit);
        bytes[bit / 8] = (char)(bytes[bit / 8] ^ 1 << bit % 8);
    }
}
END_TEST

START_TEST(survives_random_damage)
{
    static const char pieces[] = "{}[],:\"\\u0123456789 ";
    char              bytes[4096], damaged[4096];
    uint64_t          state = 1;
    write_valid_sample();
    size_t size = read_bytes(bytes, sizeof bytes);
    for (int round = 0; round < 20000; round++) {
        memcpy(damaged, bytes, size);
        for (int change = 0; change <= round % 4; change++) {
            state = state * 6364136223846793005u + 1442695040888963407u;
            damaged[8 + (state >> 33) % (size - 8)] = pieces[(state >> 59) % (sizeof pieces - 1)];
        }
        write_bytes(damaged, size);
        static struct atau_safetensors file;
        adaptau_status                 status = atau_safetensors_open(context, atau_from_path(path), &file, NULL);
        ck_assert(status == ADAPTAU_OK || status == ADAPTAU_E_FORMAT);
        if (status == ADAPTAU_OK)
            atau_safetensors_close(&file);
    }
}
END_TEST

START_TEST(notices_a_file_that_shrinks_while_open)
{
    static struct atau_safetensors file;
    float                          rows[USERS * DIM];
    adaptau_error                  error;
    write_valid_sample();
    ck_assert_int_eq(atau_safetensors_open(context, atau_from_path(path), &file, NULL), ADAPTAU_OK);
    ck_assert_int_eq(truncate(path, 100), 0);
    ck_assert_int_eq(atau_safetensors_read(&file, file.entries, rows, DIM, &error), ADAPTAU_E_FORMAT);
    atau_safetensors_close(&file);
}
END_TEST

START_TEST(refuses_to_read_what_is_no_file)
{
    adaptau_error error;
    ck_assert_int_eq(open_and_close(&error), ADAPTAU_E_IO);
    ck_assert_int_eq(error.os_error, ENOENT);
    ck_assert_int_eq(mkdir(path, 0700), 0);
    ck_assert_int_eq(open_and_close(&error), ADAPTAU_E_IO);
    ck_assert_int_eq(error.os_error, EISDIR);
    rmdir(path);
    ck_assert_int_eq(mkfifo(path, 0600), 0); /* must not wait for a writer                                    */
    ck_assert_int_eq(open_and_close(&error), ADAPTAU_E_FORMAT);
}
END_TEST

/* ---- npy ------------------------------------------------------------------------------------------------------------- */

START_TEST(writes_npy_as_documented)
{
    const float data[] = {1, 2, 3, 9, 4, 5, 6, 9};
    const float packed[] = {1, 2, 3, 4, 5, 6};
    char        bytes[512];
    ck_assert_int_eq(atau_npy_write(path, 2, 3, data, 4, NULL), ADAPTAU_OK);
    size_t size = read_bytes(bytes, sizeof bytes);
    ck_assert_uint_eq(size, 128 + sizeof packed);
    ck_assert_mem_eq(bytes, "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), } ", 70);
    ck_assert_int_eq(bytes[127], '\n');
    ck_assert_mem_eq(bytes + 128, packed, sizeof packed);
    ck_assert_int_eq(atau_npy_write(path, 0, INT64_MAX, NULL, INT64_MAX, NULL), ADAPTAU_OK);
    ck_assert_uint_eq(read_bytes(bytes, sizeof bytes), 128);
    ck_assert_int_eq(bytes[127], '\n');
}
END_TEST

/* ---- for check_files.py ------------------------------------------------------------------------------------------------ */

static int write_files(const char *where)
{
    float data[USERS * STRIDE];
    for (int k = 0; k < USERS * STRIDE; k++)
        data[k] = 0.25f * (float)k;
    snprintf(path, sizeof path, "%s/sample.safetensors", where);
    adaptau_status status = write_sample(path, NULL);
    snprintf(path, sizeof path, "%s/sample.npy", where);
    return status != ADAPTAU_OK || atau_npy_write(path, USERS, DIM, data, STRIDE, NULL) != ADAPTAU_OK;
}

static int print_file(const char *where)
{
    static struct atau_safetensors file;
    static float                   data[1000];
    adaptau_error                  error = {0};
    if (adaptau_context_create(NULL, &context, &error) != ADAPTAU_OK)
        return 1;
    if (atau_safetensors_open(context, atau_from_path(where), &file, &error) != ADAPTAU_OK) {
        printf("%s\n", error.message);
        return 1;
    }
    for (int i = 0; i < file.n_entries; i++) {
        const struct atau_safetensors_entry *entry = &file.entries[i];
        printf("%.*s %d %lld %lld", (int)entry->name.length, entry->name.start, entry->rank, (long long)entry->rows,
               (long long)entry->columns);
        if (atau_safetensors_read(&file, entry, data, entry->columns, NULL) == ADAPTAU_OK)
            for (int64_t k = 0; k < entry->rows * entry->columns; k++)
                printf(" %.9g", (double)data[k]);
        printf("\n");
    }
    atau_safetensors_close(&file);
    adaptau_context_destroy(context);
    return 0;
}

int main(int n_arguments, char **arguments)
{
    if (n_arguments == 3 && strcmp(arguments[1], "--write") == 0)
        return write_files(arguments[2]);
    if (n_arguments == 3 && strcmp(arguments[1], "--read") == 0)
        return print_file(arguments[2]);
    Suite *suite = suite_create("formats");
    TCase *tests = tcase_create("formats");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, reads_half_precision_as_floats);
    tcase_add_test(tests, keeps_other_types_and_a_checksum);
    tcase_add_test(tests, checksum_is_of_the_bytes_alone);
    tcase_add_test(tests, reads_back_what_it_wrote);
    tcase_add_test(tests, aligns_the_data_to_eight_bytes);
    tcase_add_test(tests, writes_and_reads_no_tensors);
    tcase_add_test(tests, writes_rows_longer_and_shorter_than_the_buffer);
    tcase_add_test(tests, accepts_any_order_white_space_and_escapes);
    tcase_add_test(tests, escapes_become_characters_of_every_length);
    tcase_add_test(tests, rejects_headers_that_are_not_quite_right);
    tcase_add_test(tests, rejects_absurd_header_lengths_without_allocating);
    tcase_add_test(tests, allocates_no_more_than_the_file_has);
    tcase_add_test(tests, rejects_a_header_above_its_limit_and_too_many_names);
    tcase_add_test(tests, rejects_a_file_cut_at_any_byte);
    tcase_add_test(tests, survives_any_flipped_bit);
    tcase_add_test(tests, survives_random_damage);
    tcase_add_test(tests, notices_a_file_that_shrinks_while_open);
    tcase_add_test(tests, refuses_to_read_what_is_no_file);
    tcase_add_test(tests, writes_npy_as_documented);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
