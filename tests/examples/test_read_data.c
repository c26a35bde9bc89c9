/* SPDX-License-Identifier: MIT */
/* The readers of text: every kind of line that a file may hold, from memory and from disk. */
#include <check.h>
#include <math.h>
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
static char *copy_bytes(const char *bytes, size_t size)
{
    char *copy = malloc(size ? size : 1);
    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, size);
    return copy;
}

static adaptau_status lightgcn_bytes(const char *bytes, size_t size)
{
    struct text      text;
    struct id_extent extent = {.largest_user = -1, .largest_item = -1};
    char            *copy = copy_bytes(bytes, size);
    forget();
    text_open_bytes(&text, "F", copy, size);
    adaptau_status status = read_lists(&text, &pairs, &extent, &error);
    free(copy);
    return status;
}

static struct layout  layout;
static struct account account;

/* Whatever layout is found. */
static adaptau_status pairs_bytes(const char *text, size_t size, const struct read_options *options)
{
    static const struct read_options plain = {0};
    const struct reading             reading = {&users, &items, &pairs, &account};
    struct bytes                     bytes;
    char                            *copy = copy_bytes(text, size);
    forget();
    account = (struct account){0};
    options = options ? options : &plain;
    adaptau_status status = bytes_open_memory(&bytes, "F", copy, size, &error);
    if (!status) {
        status = bytes_sample(&bytes, LAYOUT_SAMPLE, &error);
        if (!status)
            status = layout_find(&bytes, options, false, &layout, &error);
        struct text      text_of_lists;
        struct id_extent extent = {.largest_user = -1, .largest_item = -1};
        if (!status && layout.lists) {
            text_begin(&text_of_lists, &bytes);
            status = read_lists(&text_of_lists, &pairs, &extent, &error);
        } else if (!status)
            status = read_table(&bytes, &layout, options, &reading, &error);
        bytes_close(&bytes);
    }
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
                                 "ann, x ,5\n\nbob , y,4\n \t\nann,y,1\n",
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
    ck_assert_int_eq(account.below, 2);
    expect_message(pairs_bytes("a,x,5\na,y,4\na,z,good\n", 21, &(struct read_options){.rated = true, .columns = "weight=3"}),
                   "F:3:5: \"good\" is no rating");
    expect_message(pairs_bytes("a,x\n", 4, &options),
                   "F: --min-rating, but there is no column of ratings; --columns weight=NAME says which it is");
}
END_TEST

START_TEST(rejects_lines_that_are_no_pair)
{
    expect_message(PAIRS("a,x\nb\n"), "F:2:1: 1 field between commas, but 2 in the other lines");
    expect_message(PAIRS("a,x\nb,y\nc,z,1\n"), "F:3:5: 3 fields between commas, but 2 in the other lines");
    expect_message(PAIRS("a,x\n,y\n"), "F:2:1: the user is missing");
    expect_message(PAIRS("a,x\nb,\n"), "F:2:3: the item is missing");
    expect_message(PAIRS("a,x\n\"b,y\n"), "F:2:1: a quote that is not closed");
    expect_message(PAIRS("a,x\n\"b\"c,y\n"), "F:2:4: text behind a closing quote");
    expect_message(PAIRS("a,x\n\"b\nc\",y\n"), "F:2:2: a line break in the name of a user");
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
    memcpy(text, "a,x,4\nb,", 8);
    memcpy(text + size - 5, ",y,4\n", 5);
    text[size - 5] = 'z';
    memcpy(text + size - 5, ",4\n\n\n", 5);
    expect_message(pairs_bytes(text, size, NULL), "F:2:3: a name of more than 4096 bytes");
    memcpy(text, "a,x,4\nb,y,", 10);
    memcpy(text + size - 5, "zzzzz", 5);
    ck_assert_int_eq(pairs_bytes(text, size, NULL), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 2);
    free(text);
}
END_TEST

START_TEST(finds_the_separator)
{
    const struct {
        const char *text;
        int         separator;
    } cases[] = {{"a,b\tc\n", '\t'},        {"a\tb,c\n", '\t'},   {"a,b::c\n", ':'},  {"\r\n \na,b", ','}, {"a b\nc d\n", ' '},
                 {"1;2;3,5\n1;4;2,5\n", ';'}, {"a|b\nc|d\n", '|'}, {"a b,c\nd,e\n", ','}, {"x  1\t4\ny 22 5\n", ' '},
                 {"a, b;1\nc;2\n", ';'}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        ck_assert_msg(pairs_bytes(cases[i].text, strlen(cases[i].text), NULL) == ADAPTAU_OK, "%s", error.message);
        ck_assert(!layout.lists);
        ck_assert_msg(layout.separator == cases[i].separator, "%s: %d", cases[i].text, layout.separator);
    }
}
END_TEST

START_TEST(takes_ragged_numbers_for_lists)
{
    const char *const lists[] = {"0 1 2\n1 5\n", "0\t1\t2\n1\t5\n", "7\n", "0 1 2 3 4\n1 5 6 7 8\n", ""};
    for (size_t i = 0; i < sizeof lists / sizeof *lists; i++) {
        ck_assert_int_eq(pairs_bytes(lists[i], strlen(lists[i]), NULL), ADAPTAU_OK);
        ck_assert_msg(layout.lists, "%s", lists[i]);
    }
}
END_TEST

START_TEST(refuses_numbers_that_may_be_ratings_or_items)
{
    const struct read_options as_pairs = {.format = FORMAT_PAIRS};
    expect_message(PAIRS("0 1 5\n1 2 3\n"),
                   "F: three whole numbers between blanks in every line: user, item, rating (--format pairs), or a user and its "
                   "items (--format lightgcn)?");
    ck_assert_int_eq(PAIRS("0 1 5 2\n1 2 3 1\n"), ADAPTAU_E_FORMAT);
    ck_assert_int_eq(PAIRS("0 1 5.5\n1 2 3\n"), ADAPTAU_OK);
    ck_assert_int_eq(PAIRS("0 1 5 978300760\n1 2 3 978300761\n"), ADAPTAU_OK);
    ck_assert_int_eq(pairs_bytes("0 1 5\n1 2 3\n", 12, &as_pairs), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 2);
}
END_TEST

START_TEST(finds_columns_by_the_names_in_the_header)
{
    const struct {
        const char *header;
        int         user, item, weight, time;
    } cases[] = {
        {"userId,movieId,rating,timestamp", 0, 1, 2, 3},
        {"timestamp,visitorid,event,itemid", 1, 3, -1, 0},
        {"reviewerID,asin,overall,unixReviewTime", 0, 1, 2, 3},
        {"x,User-ID,ISBN,Book-Rating", 1, 2, 3, -1},
        {"customer_id,sku,qty,purchase_date", 0, 1, 2, 3},
        {"item_id:token,user_id:token,rating:float,timestamp:float", 1, 0, 2, 3},
        {"row,artistID,userID,weight", 2, 1, 3, -1},
        {"play_count,song,user,date", 2, 1, 0, 3},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[200];
        int  n = snprintf(text, sizeof text, "%s\n1,2,3,4\n5,6,7,8\n", cases[i].header), roles[N_ROLES];
        ck_assert_msg(pairs_bytes(text, (size_t)n, NULL) == ADAPTAU_OK, "%s", error.message);
        ck_assert_int_eq(pairs.count, 2);
        for (int role = 0; role < N_ROLES; role++) {
            char        wanted[40];
            const char *found;
            roles[role] = role == 0 ? cases[i].user : role == 1 ? cases[i].item : role == 2 ? cases[i].weight : cases[i].time;
            snprintf(wanted, sizeof wanted, ", %s = column %d '", role_names[role], roles[role] + 1);
            found = strstr(account.seen, wanted);
            ck_assert_msg((found != NULL) == (roles[role] >= 0), "%s: %s", cases[i].header, account.seen);
        }
    }
}
END_TEST

START_TEST(takes_columns_by_option)
{
    struct read_options options = {.columns = "user=who,item=3,weight=n"};
    const char          text[] = "n,who,what\n2,ann,x\n3,bob,y\n";
    ck_assert_int_eq(pairs_bytes(text, sizeof text - 1, &options), ADAPTAU_OK);
    ck_assert_str_eq(names_get(&users, 1), "bob");
    ck_assert_str_eq(names_get(&items, 1), "y");
    ck_assert(account.weighed);
    options.columns = "user=3,item=2,time=1";
    options.header = HEADER_NO;
    ck_assert_int_eq(pairs_bytes(text + 11, sizeof text - 12, &options), ADAPTAU_OK);
    ck_assert_str_eq(names_get(&users, 0), "x");
    ck_assert_ptr_nonnull(pairs.times);
    ck_assert(pairs.times[1] == 3);
    options.header = HEADER_AUTO;
    options.columns = "user=whom";
    expect_message(pairs_bytes(text, sizeof text - 1, &options), "F: --columns: no column \"whom\" among 3 (n, who, what)");
    options.columns = "user=4";
    expect_message(pairs_bytes(text + 11, sizeof text - 12, &options), "F: --columns: no column \"4\" among 3, and no header");
    options.columns = "users=1";
    expect_message(pairs_bytes(text, sizeof text - 1, &options),
                   "--columns: \"users=1\" is not user=, item=, weight= or time= with a column's name or number");
    options.columns = "user=2,item=2";
    expect_message(pairs_bytes(text, sizeof text - 1, &options),
                   "F: column 2 would be both user and item; --columns says which is which");
}
END_TEST

START_TEST(refuses_headers_that_do_not_tell)
{
    expect_message(PAIRS("a,b,c\n1,2,3\n"), "F: the header tells no column of users and none of items (a, b, c); --columns "
                                            "user=NAME,item=NAME says it");
    expect_message(PAIRS("user,asin,parent_asin\nu,v,3\n"),
                   "F: several columns could be the item (user, asin, parent_asin); --columns user=NAME,item=NAME says it");
    ck_assert_int_eq(PAIRS("shopper,movie\n1,2\n"), ADAPTAU_OK);
    ck_assert_int_eq(PAIRS("clip_id,user,seconds\n1,2,5\n"), ADAPTAU_OK);
}
END_TEST

START_TEST(reads_tables_with_row_names)
{
    ck_assert_int_eq(PAIRS("\"user\" \"item\" \"rating\"\n\"1\" \"u5\" \"i9\" 3\n\"2\" \"u7\" \"i9\" -1\n"), ADAPTAU_OK);
    ck_assert_str_eq(names_get(&users, 1), "u7");
    ck_assert_int_eq(items.count, 1);
    ck_assert_int_eq(account.negative, 1);
    ck_assert_int_eq(PAIRS("0 5\n1 2 3\n2 3 4\n"), ADAPTAU_OK);
    ck_assert(layout.lists);
}
END_TEST

START_TEST(refuses_times_where_users_or_items_would_be)
{
    expect_message(PAIRS("1600000000,52,9\n1600000001,5,36\n1600000002,1,12\n"),
                   "F: column 1, which would be the user, holds what looks like times; --columns user=N,item=N,time=N says which is "
                   "which");
    ck_assert_int_eq(PAIRS("ann\t2009-04-08T01:57:47Z\tx\nann\t2009-04-09\ty\n"), ADAPTAU_E_FORMAT);
    ck_assert_int_eq(PAIRS("1001,1,978300760\n1002,1,978300761\n"), ADAPTAU_OK);
    ck_assert(pairs.times && pairs.times[1] == 978300761);
}
END_TEST

START_TEST(counts_a_column_of_numbers_whatever_it_is_called)
{
    ck_assert_int_eq(PAIRS("user,item,liked\na,x,0\na,y,1\nb,x,\n"), ADAPTAU_OK);
    ck_assert(account.weighed);
    ck_assert_int_eq(account.zero, 1);
    ck_assert_int_eq(account.unweighed, 1);
}
END_TEST

START_TEST(counts_weights_that_mean_dislike)
{
    ck_assert_int_eq(PAIRS("user,item,rating\na,x,-1\na,y,0\nb,x,1\n"), ADAPTAU_OK);
    ck_assert_int_eq(account.negative, 1);
    ck_assert_int_eq(account.zero, 1);
    ck_assert_int_eq(account.interactions, 3);
    ck_assert_int_eq(pairs.count, 3);
}
END_TEST

START_TEST(takes_weights_to_train_with)
{
    static const char   text[] = "user,item,plays,stars\na,x,3,5\na,y,0,4\nb,x,,3\nb,y,8,1\na,x,2,2\n";
    struct read_options options = {.weights = WEIGHTS_YES};
    ck_assert_int_eq(pairs_bytes(text, sizeof text - 1, &options), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 3);
    ck_assert_int_eq(account.weightless, 2);
    ck_assert(pairs.weights[0] == 3 && pairs.weights[1] == 8 && pairs.weights[2] == 2);
    options = (struct read_options){.weights = "stars", .weight_map = WEIGHT_MAP_SQRT, .clipped = true, .weight_clip = 2};
    ck_assert_int_eq(pairs_bytes(text, sizeof text - 1, &options), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 5);
    ck_assert(pairs.weights[0] == 2 && pairs.weights[3] == 1 && pairs.weights[4] == (float)sqrt(2.0));
    options = (struct read_options){.weights = "3", .weight_map = WEIGHT_MAP_LOG1P};
    ck_assert_int_eq(pairs_bytes(text, sizeof text - 1, &options), ADAPTAU_OK);
    ck_assert(pairs.weights[0] == (float)log1p(3.0));
    options = (struct read_options){.weights = "likes"};
    expect_message(pairs_bytes(text, sizeof text - 1, &options), "F: --weights: no column \"likes\" among 4 (user, item, plays, stars)");
    options.weights = WEIGHTS_YES;
    expect_message(pairs_bytes("a,x\n", 4, &options), "F: --weights, but there is no column of weights; --weights NAME says which it is");
}
END_TEST

START_TEST(reads_decimal_commas)
{
    struct read_options options = {.rated = true, .min_rating = 3.5};
    ck_assert_int_eq(pairs_bytes("a;x;3,5\na;y;3,4\n", 16, &options), ADAPTAU_OK);
    ck_assert_int_eq(pairs.count, 1);
    ck_assert(layout.decimal_comma);
}
END_TEST

START_TEST(reads_dates)
{
    double time;
    ck_assert(read_time("1970-01-02", 10, false, &time) && time == 86400);
    ck_assert(read_time("2016-02-29 12:30:05", 19, false, &time) && time == 1456749005);
    ck_assert(read_time("2016-02-29T12:30:05.5Z", 22, false, &time) && time == 1456749005.5);
    ck_assert(read_time("1969/12/31", 10, false, &time) && time == -86400);
    ck_assert(read_time("978300760", 9, false, &time) && time == 978300760);
    const char *const bad[] = {"", "yesterday", "2016-13-01", "2016-1-1", "2016-01-01 25:00", "2016-01-01 x"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        ck_assert_msg(!read_time(bad[i], strlen(bad[i]), false, &time), "%s", bad[i]);
}
END_TEST

/* A name may have a backslash before its last quote, and MySQL writes one before every quote. */
START_TEST(reads_backslashes_before_quotes)
{
    ck_assert_int_eq(PAIRS("\"C:\\\",x\n\"a \\\"b\\\" c\",y\n"), ADAPTAU_OK);
    ck_assert_str_eq(names_get(&users, 0), "C:\\");
    ck_assert_str_eq(names_get(&users, 1), "a \"b\" c");
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
            if (length < 5 && pairs_bytes(text, length, NULL) != ADAPTAU_OK)
                ck_assert_msg(strncmp(error.message, "F:", 2) == 0, "%s", error.message);
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

START_TEST(gives_rows_to_sparse_ids)
{
    struct data         data;
    struct read_options options = {.compact = COMPACT_NO};
    char                message[240];
    write_file("a", "7 5 1000000\n2147483646 5\n");
    ck_assert_int_eq(read_data(path_of("a"), NULL, &data, &error), ADAPTAU_OK);
    ck_assert_int_eq(data.n_users, 2);
    ck_assert_int_eq(data.n_items, 2);
    ck_assert_str_eq(names_get(&data.users, 1), "2147483646");
    ck_assert_str_eq(names_get(&data.items, 1), "1000000");
    ck_assert_int_eq(data.account.compacted_items, 1000001);
    data_free(&data);
    adaptau_status status = read_data(path_of("a"), &options, &data, &error);
    snprintf(message, sizeof message,
             "%s:2:1: user 2147483646 is out of proportion to 3 pairs: ids are row numbers of a table unless --compact-ids",
             path_of("a"));
    expect_message(status, message);
    write_file("a", "0 3 5\n2 4\n");
    ck_assert_int_eq(read_data(path_of("a"), NULL, &data, &error), ADAPTAU_OK);
    ck_assert_int_eq(data.n_users, 3);
    ck_assert_int_eq(data.n_items, 6);
    data_free(&data);
    options.compact = COMPACT_YES;
    ck_assert_int_eq(read_data(path_of("a"), &options, &data, &error), ADAPTAU_OK);
    ck_assert_int_eq(data.n_users, 2);
    ck_assert_int_eq(data.n_items, 3);
    data_free(&data);
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
    tcase_add_test(memory, finds_the_separator);
    tcase_add_test(memory, takes_ragged_numbers_for_lists);
    tcase_add_test(memory, refuses_numbers_that_may_be_ratings_or_items);
    tcase_add_test(memory, finds_columns_by_the_names_in_the_header);
    tcase_add_test(memory, takes_columns_by_option);
    tcase_add_test(memory, refuses_headers_that_do_not_tell);
    tcase_add_test(memory, reads_tables_with_row_names);
    tcase_add_test(memory, refuses_times_where_users_or_items_would_be);
    tcase_add_test(memory, counts_a_column_of_numbers_whatever_it_is_called);
    tcase_add_test(memory, counts_weights_that_mean_dislike);
    tcase_add_test(memory, takes_weights_to_train_with);
    tcase_add_test(memory, reads_decimal_commas);
    tcase_add_test(memory, reads_dates);
    tcase_add_test(memory, reads_backslashes_before_quotes);
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
    tcase_add_test(files, gives_rows_to_sparse_ids);
    tcase_add_test(files, finds_the_file_of_a_directory);
    tcase_add_test(files, rejects_what_is_no_file);
    tcase_add_test(files, reads_a_huge_line_in_linear_time);
    tcase_add_test(files, reads_chunks_that_end_anywhere);
    tcase_add_test(files, names_come_back_from_their_bytes);
    suite_add_tcase(suite, files);

    return run_suite(suite);
}
