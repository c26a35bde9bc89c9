/* SPDX-License-Identifier: MIT */
/* The readers of text: every kind of line that a file may hold, from memory and from disk. */
#include <check.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../support/folder.h"
#include "../support/suite.h"
#include "common/json.h"
#include "common/number.h"
#include "common/read_data.h"

/* ---- helpers ------------------------------------------------------------------------------------------------------- */

static struct pairs  pairs;
static struct names  users, items;
static adaptau_error error;

static void forget(void)
{
    pairs_free(&pairs);
    names_free(&users);
    names_free(&items);
    memset(&error, 0, sizeof error);
}

/* Copied to the heap without a NUL behind it, so that AddressSanitizer sees a read past the end. */
static adaptau_status lightgcn_bytes(const char *bytes, size_t size)
{
    struct text      text;
    struct id_extent extent = {.largest_user = -1, .largest_item = -1};
    char            *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, size);
    forget();
    text_open_bytes(&text, "F", copy, size);
    adaptau_status status = read_lightgcn(&text, &pairs, &extent, &error);
    free(copy);
    return status;
}

static adaptau_status pairs_bytes(const char *bytes, size_t size, const struct read_options *options)
{
    static const struct read_options plain = {0};
    struct text                      text;
    char                            *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, size);
    forget();
    text_open_bytes(&text, "F", copy, size);
    adaptau_status status = read_pairs(&text, options ? options : &plain, &users, &items, &pairs, &error);
    free(copy);
    return status;
}

#define LIGHTGCN(literal) lightgcn_bytes(literal, sizeof(literal) - 1)
#define PAIRS(literal) pairs_bytes(literal, sizeof(literal) - 1, NULL)

static void expect_pair(int64_t at, int32_t user, int32_t item)
{
    ck_assert_int_lt(at, pairs.count);
    ck_assert_int_eq(pairs.users[at], user);
    ck_assert_int_eq(pairs.items[at], item);
}

static void expect_message(adaptau_status status, const char *message)
{
    ck_assert_int_ne(status, ADAPTAU_OK);
    ck_assert_int_eq(error.status, status);
    ck_assert_str_eq(error.message, message);
}

/* ---- lightgcn ------------------------------------------------------------------------------------------------------ */

START_TEST(reads_rows_of_items)
{
    ck_assert_int_eq(LIGHTGCN("0 5 3\n2 1\n"), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 3);
    expect_pair(0, 0, 5);
    expect_pair(1, 0, 3);
    expect_pair(2, 2, 1);
}
END_TEST

START_TEST(accepts_any_line_end)
{
    const char *const texts[] = {"0 1\r\n1 2\r\n",          "0 1\n1 2",        "0 1\r\n1 2", "0 1\n1 2\r",
                                 "\n\n0 1\n \n\t\n1 2\n\n", "  0\t1 \n1  2 \t"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_int_eq(lightgcn_bytes(texts[i], strlen(texts[i])), ADAPTAU_OK);
        ck_assert_int_eq(pairs.count, 2);
        expect_pair(0, 0, 1);
        expect_pair(1, 1, 2);
    }
}
END_TEST

START_TEST(accepts_byte_order_mark)
{
    ck_assert_int_eq(LIGHTGCN("\xEF\xBB\xBF\x30 1\n"), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 1);
    expect_message(LIGHTGCN("\xEF\xBB\xBFx"), "F:1:1: \"x\" is no user id, a whole number from 0");
}
END_TEST

START_TEST(accepts_empty_text_and_user_without_items)
{
    ck_assert_int_eq(LIGHTGCN(""), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 0);
    ck_assert_int_eq(LIGHTGCN("7\n"), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 0);
}
END_TEST

START_TEST(accepts_largest_id_and_leading_zeros)
{
    ck_assert_int_eq(LIGHTGCN("2147483646 0000000000000000000000000000007\n"), ADAPTAU_OK);
    expect_pair(0, 2147483646, 7);
}
END_TEST

START_TEST(rejects_ids_with_their_place)
{
    expect_message(LIGHTGCN("0 1\n0 -5\n"), "F:2:3: item -5 is negative; ids count from 0");
    expect_message(LIGHTGCN("-1 1\n"), "F:1:1: user -1 is negative; ids count from 0");
    expect_message(LIGHTGCN("0 2147483647"), "F:1:3: item 2147483647 is above 2147483646");
    expect_message(LIGHTGCN("2147483648 1"), "F:1:1: user 2147483648 is above 2147483646");
    expect_message(LIGHTGCN("0 123456789012345678901234567890"),
                   "F:1:3: item 123456789012345678901234567890 is above 2147483646");
    expect_message(LIGHTGCN("0 12345678901234567890123456789012345678\n"),
                   "F:1:3: item 1234567890123456789012345678901234... is above 2147483646");
    expect_message(LIGHTGCN("0 1.5\n"), "F:1:3: \"1.5\" is no item id, a whole number from 0");
    expect_message(LIGHTGCN("0 -\n"), "F:1:3: \"-\" is no item id, a whole number from 0");
    expect_message(LIGHTGCN("0 +1\n"), "F:1:3: \"+1\" is no item id, a whole number from 0");
    expect_message(LIGHTGCN("\r\n0 1\r\nab\xC3\xA9 1\n"), "F:3:1: \"ab\xC3\xA9\" is no user id, a whole number from 0");
    expect_message(LIGHTGCN("0 \x1B[31m\n"), "F:1:3: \"?[31m\" is no item id, a whole number from 0");
}
END_TEST

START_TEST(rejects_nul_and_lone_carriage_return)
{
    expect_message(LIGHTGCN("0 1\n0 2\0 3\n"), "F:2:4: a NUL byte: this is no text file");
    expect_message(LIGHTGCN("\0"), "F:1:1: a NUL byte: this is no text file");
    expect_message(LIGHTGCN("0 1\r1 2\r"), "F:1:4: a carriage return in the middle of a line");
    expect_message(LIGHTGCN("0 a\rb\n"), "F:1:4: a carriage return in the middle of a line");
}
END_TEST

/* ---- pairs --------------------------------------------------------------------------------------------------------- */

START_TEST(reads_pairs_by_any_separator)
{
    const char *const texts[] = {"ann\tx\nbob\ty\nann\ty\n",
                                 "ann,x\r\nbob,y\r\nann,y",
                                 "ann::x::5::978300760\nbob::y::1::2\nann::y::3::3\n",
                                 "ann, x ,5\n\nbob , y\nann,y,1,2,3\n",
                                 "user_id,itemId,rating\nann,x,1\nbob,y,2\nann,y,3\n",
                                 "user_id:token\titem_id:token\nann\tx\nbob\ty\nann\ty\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        ck_assert_int_eq(pairs_bytes(texts[i], strlen(texts[i]), NULL), ADAPTAU_OK);
        ck_assert_int_eq(pairs.count, 3);
        ck_assert_int_eq(users.count, 2);
        ck_assert_int_eq(items.count, 2);
        ck_assert_str_eq(names_get(&users, 0), "ann");
        ck_assert_str_eq(names_get(&users, 1), "bob");
        ck_assert_str_eq(names_get(&items, 0), "x");
        expect_pair(1, 1, 1);
        expect_pair(2, 0, 1);
    }
}
END_TEST

START_TEST(reads_quotes_and_unicode)
{
    ck_assert_int_eq(PAIRS("\"Ann, the \"\"first\"\"\" ,\"x\"\n\xC3\x89va,\xE6\x9D\xB1\xE4\xBA\xAC\n"), ADAPTAU_OK);
    ck_assert_str_eq(names_get(&users, 0), "Ann, the \"first\"");
    ck_assert_str_eq(names_get(&users, 1), "\xC3\x89va");
    ck_assert_str_eq(names_get(&items, 1), "\xE6\x9D\xB1\xE4\xBA\xAC");
    ck_assert_int_eq(names_find(&items, "\xE6\x9D\xB1\xE4\xBA\xAC", 6), 1);
    ck_assert_int_eq(PAIRS("a:b::c:d::5\n"), ADAPTAU_OK);
    ck_assert_str_eq(names_get(&users, 0), "a:b");
    ck_assert_str_eq(names_get(&items, 0), "c:d");
}
END_TEST

START_TEST(keeps_first_line_that_is_no_header)
{
    ck_assert_int_eq(PAIRS("ann\tx\thorror\nbob\ty\tdrama\n"), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 2);
    struct read_options options = {.header = HEADER_YES};
    ck_assert_int_eq(pairs_bytes("ann,x\nbob,y\n", 12, &options), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 1);
    options.header = HEADER_NO;
    ck_assert_int_eq(pairs_bytes("user,item\nbob,y\n", 16, &options), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 2);
}
END_TEST

START_TEST(keeps_ratings_from_the_least)
{
    struct read_options options = {.rated = true, .min_rating = 3.5};
    const char          text[] = "user,item,rating\na,x,5\na,y,3\nb,y,3.5\nc,z,-1e3\n";
    ck_assert_int_eq(pairs_bytes(text, sizeof text - 1, &options), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 2);
    ck_assert_int_eq(users.count, 2);
    expect_pair(1, 1, 1);
    expect_message(pairs_bytes("a,x,5\na,y,good\n", 15, &options), "F:2:5: \"good\" is no rating");
    expect_message(pairs_bytes("a,x\n", 4, &options), "F:1:3: 2 fields where 3 are needed: user, item, rating");
}
END_TEST

START_TEST(rejects_lines_that_are_no_pair)
{
    expect_message(PAIRS("a,x\nb\n"), "F:2:1: 1 field where 2 are needed: user, item");
    expect_message(PAIRS("a,x\n,y\n"), "F:2:1: the user is missing");
    expect_message(PAIRS("a,x\nb,\n"), "F:2:3: the item is missing");
    expect_message(PAIRS("a,x\n\"b,y\n"), "F:2:1: a quote that is not closed on its line");
    expect_message(PAIRS("a,x\n\"b\"c,y\n"), "F:2:4: text behind a closing quote");
    expect_message(PAIRS("a,x\nb,\0y\n"), "F:2:3: a NUL byte: this is no text file");
    expect_message(PAIRS("a,x,5,\0\n"), "F:1:7: a NUL byte: this is no text file");
    expect_message(PAIRS("a,x\rb,y\n"), "F:1:4: a carriage return in the middle of a line");
}
END_TEST

START_TEST(rejects_overlong_name_but_skips_overlong_rest)
{
    size_t size = 100000;
    char  *text = malloc(size);
    ck_assert_ptr_nonnull(text);
    memset(text, 'z', size);
    memcpy(text, "a,x\n", 4);
    memcpy(text + 4, "b,", 2);
    expect_message(pairs_bytes(text, size, NULL), "F:2:4099: a field of more than 4096 bytes");
    memcpy(text + 4, "b,y,4,", 6);
    ck_assert_int_eq(pairs_bytes(text, size, NULL), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 2);
    free(text);
}
END_TEST

START_TEST(finds_separator_of_first_line)
{
    struct {
        const char *text;
        int         separator;
    } cases[] = {{"0 1 2\n3,4\n", 0},
                 {"a,b\tc\n", '\t'},
                 {"a\tb,c\n", '\t'},
                 {"a,b::c\n", ':'},
                 {"\r\n \na,b", ','},
                 {"a:b", 0},
                 {"", 0},
                 {",", ','}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct text text;
        text_open_bytes(&text, "F", cases[i].text, strlen(cases[i].text));
        ck_assert_int_eq(find_separator(&text), cases[i].separator);
    }
}
END_TEST

/* Every short text over an alphabet of everything that matters: none may crash (the sanitizers watch), and each either parses
 * or has a message with a place. */
START_TEST(survives_every_short_text)
{
    static const char alphabet[] = "01-,:\t \r\n\"a\xC3";
    const size_t      n = sizeof alphabet; /* with the NUL */
    char              text[5];
    for (size_t length = 0; length <= 5; length++) {
        size_t count = 1;
        for (size_t i = 0; i < length; i++)
            count *= n;
        for (size_t code = 0; code < count; code++) {
            size_t rest = code;
            for (size_t i = 0; i < length; i++, rest /= n)
                text[i] = alphabet[rest % n];
            if (lightgcn_bytes(text, length) != ADAPTAU_OK)
                ck_assert(strncmp(error.message, "F:", 2) == 0);
            if (pairs_bytes(text, length, NULL) != ADAPTAU_OK)
                ck_assert(strncmp(error.message, "F:", 2) == 0);
        }
    }
}
END_TEST

/* ---- files --------------------------------------------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
    static char paths[2][512];
    static int  turn;
    turn = !turn;
    snprintf(paths[turn], sizeof paths[turn], "%s/%s", folder, name);
    return paths[turn];
}

static void write_file(const char *name, const char *text)
{
    FILE *file = fopen(path_of(name), "w");
    ck_assert_ptr_nonnull(file);
    fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
}

static void remove_folder_and_forget(void)
{
    remove_folder();
    forget();
}

START_TEST(reads_directory_with_names)
{
    struct data data;
    write_file("train.txt", "0 1 2\n1 0\n");
    write_file("test.txt", "0 0\n");
    write_file("users.txt", "ann\nbob\ncy\n\n\n");
    write_file("items.txt", "x\r\ny z\r\n\xE6\x9D\xB1");
    ck_assert_int_eq(read_data(folder, NULL, &data, &error), ADAPTAU_OK);
    ck_assert(data.has_test);
    ck_assert_int_eq(data.train.count, 3);
    ck_assert_int_eq(data.test.count, 1);
    ck_assert_int_eq(data.n_users, 3);
    ck_assert_int_eq(data.n_items, 3);
    ck_assert_str_eq(names_get(&data.users, 2), "cy");
    ck_assert_str_eq(names_get(&data.items, 1), "y z");
    data_free(&data);
}
END_TEST

START_TEST(rejects_id_beyond_names)
{
    struct data data;
    char        message[200];
    write_file("train.txt", "0 1\n2 0\n");
    write_file("users.txt", "ann\nbob\n");
    adaptau_status status = read_data(folder, NULL, &data, &error);
    snprintf(message, sizeof message, "%s:2:1: user 2, but users.txt has 2 names, for 0 ... 1", path_of("train.txt"));
    expect_message(status, message);
    ck_assert_int_eq(data.train.count, 0);
}
END_TEST

START_TEST(rejects_empty_name_in_the_middle)
{
    char message[200];
    write_file("users.txt", "ann\n\nbob\n");
    adaptau_status status = names_read(&users, path_of("users.txt"), &error);
    snprintf(message, sizeof message, "%s:2:1: an empty name: line numbers are ids, so none may be left out",
             path_of("users.txt"));
    expect_message(status, message);
}
END_TEST

START_TEST(rejects_id_out_of_proportion)
{
    struct data data;
    char        message[200];
    write_file("a", "0 1\n1 2147483646\n");
    adaptau_status status = read_data(path_of("a"), NULL, &data, &error);
    snprintf(message, sizeof message, "%s:2:3: item 2147483646 is out of proportion to 2 pairs: ids are row numbers of a table",
             path_of("a"));
    expect_message(status, message);
}
END_TEST

START_TEST(finds_the_file_of_a_directory)
{
    struct data data;
    write_file("a", "ann,x\n");
    ck_assert_int_eq(read_data(folder, NULL, &data, &error), ADAPTAU_OK);
    ck_assert(!data.has_test);
    ck_assert_int_eq(data.train.count, 1);
    ck_assert_str_eq(names_get(&data.users, 0), "ann");
    data_free(&data);
    write_file("b", "0 1\n");
    ck_assert_int_eq(read_data(folder, NULL, &data, &error), ADAPTAU_E_IO);
    write_file("ratings.dat", "1::2::3::4\n1::3::3::4\n");
    ck_assert_int_eq(read_data(folder, NULL, &data, &error), ADAPTAU_OK);
    ck_assert_int_eq(data.train.count, 2);
    data_free(&data);
}
END_TEST

START_TEST(rejects_what_is_no_file)
{
    struct data    data;
    char           message[200];
    adaptau_status status = read_data(path_of("a"), NULL, &data, &error);
    snprintf(message, sizeof message, "%s: No such file or directory", path_of("a"));
    expect_message(status, message);
    ck_assert_int_eq(error.os_error, 2);

    ck_assert_int_eq(mkdir(path_of("train.txt"), 0700), 0);
    status = read_data(folder, NULL, &data, &error);
    snprintf(message, sizeof message, "%s: Is a directory", path_of("train.txt"));
    expect_message(status, message);
    ck_assert_int_eq(rmdir(path_of("train.txt")), 0);
    status = read_data(folder, NULL, &data, &error);
    ck_assert_int_eq(status, ADAPTAU_E_IO);
}
END_TEST

/* 64 MiB in one line: were reading quadratic, this would take hours. */
START_TEST(reads_a_huge_line_in_linear_time)
{
    struct data   data;
    FILE         *file = fopen(path_of("a"), "w");
    const int64_t n = 4 << 20;
    ck_assert_ptr_nonnull(file);
    fputs("0", file);
    for (int64_t i = 0; i < n; i++)
        fprintf(file, " %015d", (int)(i % 1000));
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(read_data(path_of("a"), NULL, &data, &error), ADAPTAU_OK);
    ck_assert_int_eq(data.train.count, n);
    ck_assert_int_eq(data.n_items, 1000);
    data_free(&data);
}
END_TEST

START_TEST(reads_chunks_that_end_anywhere)
{
    FILE         *file = fopen(path_of("a"), "w");
    struct data   data;
    const int32_t n = 150000;
    ck_assert_ptr_nonnull(file);
    for (int32_t u = 0; u < n; u++)
        fprintf(file, "%d %d\r\n", u, u % 7);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(read_data(path_of("a"), NULL, &data, &error), ADAPTAU_OK);
    ck_assert_int_eq(data.train.count, n);
    for (int32_t u = 0; u < n; u++) {
        ck_assert(data.train.users[u] == u);
        ck_assert(data.train.items[u] == u % 7);
    }
    data_free(&data);
}
END_TEST

START_TEST(names_come_back_from_their_bytes)
{
    struct names read = {0};
    ck_assert_int_eq(names_append(&users, "ann", 3, &error), ADAPTAU_OK);
    ck_assert_int_eq(names_append(&users, "", 0, &error), ADAPTAU_OK);
    ck_assert_int_eq(names_append(&users, "\xC3\x89va\nb", 6, &error), ADAPTAU_OK);
    ck_assert_int_eq(names_from_bytes(&read, users.bytes, (int64_t)users.n_bytes, &error), ADAPTAU_OK);
    ck_assert_int_eq(read.count, 3);
    for (int32_t id = 0; id < 3; id++)
        ck_assert_str_eq(names_get(&read, id), names_get(&users, id));
    ck_assert_int_eq(names_from_bytes(&read, users.bytes, (int64_t)users.n_bytes - 1, &error), ADAPTAU_E_FORMAT);
    ck_assert_int_eq(read.count, 3);
    ck_assert_int_eq(names_from_bytes(&read, NULL, 0, &error), ADAPTAU_OK);
    ck_assert_int_eq(read.count, 0);
    names_free(&read);
    names_free(&users);
}
END_TEST

/* ---- names, numbers -------------------------------------------------------------------------------------------------- */

START_TEST(interns_many_names)
{
    char    name[16];
    int32_t id;
    for (int round = 0; round < 2; round++) {
        for (int32_t i = 0; i < 50000; i++) {
            int length = snprintf(name, sizeof name, "n%d", i);
            ck_assert_int_eq(names_intern(&users, name, (size_t)length, &id, &error), ADAPTAU_OK);
            ck_assert_int_eq(id, i);
        }
    }
    ck_assert_int_eq(users.count, 50000);
    ck_assert_int_eq(names_find(&users, "n", 1), -1);
    ck_assert_int_eq(names_find(&users, "n499999", 6), 49999);
}
END_TEST

START_TEST(suggests_similar_names)
{
    const char *const known[] = {"git", "gitk", "ffmpeg", "firefox-esr", "python3-scipy"};
    int32_t           ids[3];
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        ck_assert_int_eq(names_append(&users, known[i], strlen(known[i]), &error), ADAPTAU_OK);
    ck_assert_int_eq(names_similar(&users, "ffmpg", 3, ids), 1);
    ck_assert_int_eq(ids[0], 2);
    ck_assert_int_eq(names_similar(&users, "firefox", 3, ids), 1);
    ck_assert_int_eq(ids[0], 3);
    ck_assert_int_eq(names_similar(&users, "gitt", 3, ids), 2);
    ck_assert_int_eq(names_similar(&users, "zzzzzzzz", 3, ids), 0);
    ck_assert_int_eq(names_similar(&users, "", 3, ids), 0);
}
END_TEST

START_TEST(parses_numbers_whole)
{
    int64_t whole = 7;
    double  decimal = 7;
    ck_assert(parse_whole("12", 0, 20, &whole) && whole == 12);
    ck_assert(parse_whole("-3", -5, 20, &whole) && whole == -3);
    const char *const bad[] = {"", "-", "abc", "1 ", " 1", "+1", "1.0", "0x10", "21", "-1", "99999999999999999999"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!parse_whole(bad[i], 0, 20, &whole), "%s", bad[i]);
    ck_assert_int_eq(whole, -3);
    ck_assert(parse_decimal("0.25", &decimal) && decimal == 0.25);
    ck_assert(parse_decimal("-1e-3", &decimal) && decimal == -1e-3);
    const char *const worse[] = {"", "nan", "inf", "1,5", "0x1", "1e999", "1.5x", " 1", "e", "--1"};
    for (size_t i = 0; i < sizeof worse / sizeof *worse; i++)
        ck_assert_msg(!parse_decimal(worse[i], &decimal), "%s", worse[i]);
}
END_TEST

START_TEST(escapes_json)
{
    char        buffer[200] = "";
    FILE       *file = fmemopen(buffer, sizeof buffer, "w");
    struct json json = {.out = file};
    ck_assert_ptr_nonnull(file);
    json_open(&json, NULL, '{');
    json_text(&json, "a", "q\" b\\ n\n \xC3\xA9 \xFF \xED\xA0\x80");
    json_number(&json, "b", 0.5);
    json_number(&json, "c", 1e300 * 1e300);
    json_close(&json, '}');
    fclose(file);
    ck_assert_str_eq(buffer,
                     "{\"a\": \"q\\\" b\\\\ n\\u000a \xC3\xA9 \\ufffd \\ufffd\\ufffd\\ufffd\", \"b\": 0.5, \"c\": null}");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("read_data");
    TCase *memory = tcase_create("memory");
    tcase_add_checked_fixture(memory, forget, forget);
    tcase_set_timeout(memory, 120);
    tcase_add_test(memory, reads_rows_of_items);
    tcase_add_test(memory, accepts_any_line_end);
    tcase_add_test(memory, accepts_byte_order_mark);
    tcase_add_test(memory, accepts_empty_text_and_user_without_items);
    tcase_add_test(memory, accepts_largest_id_and_leading_zeros);
    tcase_add_test(memory, rejects_ids_with_their_place);
    tcase_add_test(memory, rejects_nul_and_lone_carriage_return);
    tcase_add_test(memory, reads_pairs_by_any_separator);
    tcase_add_test(memory, reads_quotes_and_unicode);
    tcase_add_test(memory, keeps_first_line_that_is_no_header);
    tcase_add_test(memory, keeps_ratings_from_the_least);
    tcase_add_test(memory, rejects_lines_that_are_no_pair);
    tcase_add_test(memory, rejects_overlong_name_but_skips_overlong_rest);
    tcase_add_test(memory, finds_separator_of_first_line);
    tcase_add_test(memory, survives_every_short_text);
    tcase_add_test(memory, interns_many_names);
    tcase_add_test(memory, suggests_similar_names);
    tcase_add_test(memory, parses_numbers_whole);
    tcase_add_test(memory, escapes_json);
    suite_add_tcase(suite, memory);

    TCase *files = tcase_create("files");
    tcase_add_checked_fixture(files, make_folder, remove_folder_and_forget);
    tcase_set_timeout(files, 120);
    tcase_add_test(files, reads_directory_with_names);
    tcase_add_test(files, rejects_id_beyond_names);
    tcase_add_test(files, rejects_empty_name_in_the_middle);
    tcase_add_test(files, rejects_id_out_of_proportion);
    tcase_add_test(files, finds_the_file_of_a_directory);
    tcase_add_test(files, rejects_what_is_no_file);
    tcase_add_test(files, reads_a_huge_line_in_linear_time);
    tcase_add_test(files, reads_chunks_that_end_anywhere);
    tcase_add_test(files, names_come_back_from_their_bytes);
    suite_add_tcase(suite, files);

    return run_suite(suite);
}
