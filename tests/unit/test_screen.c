/* SPDX-License-Identifier: MIT */
/* Rankings through the screen are those without it, bit for bit; what the screen leaves out is proved to be below the threshold, on
 * rows that make the bound tight; and it gives up where it tells nothing apart. The plain C screen runs on every CPU. */
#include <check.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <adaptau/dataset.h>
#include <adaptau/ranking.h>

#include "../support/context.h"
#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/suite.h"
#include "core/screen.h"
#include "kernels/of_context.h"

#define USERS 150
#define ITEMS 1900
#define DIM 37
#define MOST_K 7

static float   users[USERS * DIM], items[ITEMS * DIM], bias[ITEMS];
static int64_t n_looks, n_scored;

/* ---- contexts ---------------------------------------------------------------------------------------------------------- */

static int64_t count_look(int64_t m, int64_t n, int64_t words, const uint32_t *a, int64_t a_row, const uint32_t *b, int64_t b_stride,
                          const int32_t *start, const float *line_scale, const float *column_scale, const float *added,
                          const float *threshold, uint32_t *cells)
{
    n_looks++;
    return atau_int8_reference.screen(m, n, words, a, a_row, b, b_stride, start, line_scale, column_scale, added, threshold, cells);
}

static void count_scores(int64_t n, const uint32_t *cells, int64_t dim, const float *x, int64_t x_stride, const float *y,
                         int64_t y_stride, float *scores)
{
    n_scored += n;
    atau_int8_reference.score_cells(n, cells, dim, x, x_stride, y, y_stride, scores);
}

static const struct atau_int8_kernels counting = {count_look, count_scores};

static adaptau_context *open_with(int32_t backend, const struct atau_int8_kernels *int8)
{
    adaptau_context *made = make_context(backend, 1);
    ((struct atau_context_with_kernels *)made)->kernels.int8 = int8;
    return made;
}

/* ---- tables ------------------------------------------------------------------------------------------------------------- */

enum { EVEN, UNEVEN, REPEATED, EXTREME, N_KINDS };

static float any_number(void)
{
    return (float)(draw(2001) + draw(2001) + draw(2001) - 3000) * 1e-3f;
}

/* Rows of all lengths, rows that are alike, rows of zeros, and lengths for which nothing is proved. */
static adaptau_tables make_tables(int kind)
{
    random_state = 17u + (uint32_t)kind;
    for (int i = 0; i < USERS * DIM; i++)
        users[i] = any_number();
    for (int i = 0; i < ITEMS; i++) {
        const float length = kind == UNEVEN ? powf(10.0f, (float)draw(300) * 0.01f - 2.0f) : 1.0f;
        const int   like = kind == REPEATED && i > 20 ? draw(20) : i;
        for (int k = 0; k < DIM; k++)
            items[i * DIM + k] = like == i ? any_number() * length : items[like * DIM + k];
        bias[i] = (float)(draw(5) - 2) * 0.5f;
    }
    if (kind == EXTREME) {
        memset(items + 5 * DIM, 0, DIM * sizeof *items);
        memset(users + 5 * DIM, 0, DIM * sizeof *users);
        for (int k = 0; k < DIM; k++) {
            items[6 * DIM + k] *= 1e-30f;
            items[7 * DIM + k] *= 1e-42f;
            users[6 * DIM + k] *= 1e-30f;
            users[7 * DIM + k] *= 1e20f;
            users[8 * DIM + k] *= 1e-42f;
        }
    }
    return (adaptau_tables){.struct_size = sizeof(adaptau_tables),
                            .n_users = USERS,
                            .n_items = ITEMS,
                            .dim = DIM,
                            .users = users,
                            .user_stride = DIM,
                            .items = items,
                            .item_stride = DIM};
}

/* ---- the same lists ------------------------------------------------------------------------------------------------------ */

struct lists {
    int32_t items[USERS * MOST_K];
    float   scores[USERS * MOST_K];
};

static void rank(adaptau_context *context, const adaptau_tables *tables, int32_t n, int32_t k, const int64_t *exclude_ptr,
                 const int32_t *exclude, struct lists *out)
{
    const adaptau_query query = {.struct_size = sizeof query, .n = n, .k = k, .exclude_ptr = exclude_ptr, .exclude = exclude};
    memset(out, 0x55, sizeof *out);
    OK(adaptau_rank(context, tables, &query, out->items, out->scores, &error));
}

/* Each user's first places, and what is not there. */
static void make_exclusions(const struct lists *best, int32_t k, int64_t *ptr, int32_t *ids)
{
    int64_t n = 0;
    for (int32_t u = 0; u < USERS; u++) {
        int32_t own[3] = {best->items[u * k], draw(ITEMS), draw(ITEMS)};
        ptr[u] = n;
        for (int32_t item = 0; item < ITEMS; item++)
            if (item == own[0] || item == own[1] || item == own[2])
                ids[n++] = item;
    }
    ptr[USERS] = n;
}

static void compare(int32_t backend, const struct atau_int8_kernels *int8, int kind, uint32_t flags, bool biased)
{
    static struct lists plain, screened;
    static int64_t      ptr[USERS + 1];
    static int32_t      ids[3 * USERS];
    adaptau_context    *without = open_with(backend, NULL), *with = open_with(backend, int8);
    adaptau_tables      tables = make_tables(kind);
    tables.flags = flags;
    tables.item_bias = biased ? bias : NULL;
    for (int32_t k = 1; k <= MOST_K; k += 3) {
        rank(without, &tables, USERS, k, NULL, NULL, &plain);
        rank(with, &tables, USERS, k, NULL, NULL, &screened);
        ck_assert_mem_eq(&plain, &screened, sizeof plain);
        make_exclusions(&plain, k, ptr, ids);
        rank(without, &tables, USERS, k, ptr, ids, &plain);
        rank(with, &tables, USERS, k, ptr, ids, &screened);
        ck_assert_mem_eq(&plain, &screened, sizeof plain);
    }
    adaptau_context_destroy(without);
    adaptau_context_destroy(with);
}

START_TEST(screened_rankings_are_the_same_bits)
{
    for (int kind = 0; kind < N_KINDS; kind++)
        for (int biased = 0; biased < 2; biased++) {
            compare(ADAPTAU_BACKEND_REFERENCE, &atau_int8_reference, kind, 0, biased);
            compare(ADAPTAU_BACKEND_REFERENCE, &atau_int8_reference, kind, ADAPTAU_NORMALISE_BOTH, biased);
        }
}
END_TEST

START_TEST(screened_rankings_of_this_cpu_are_the_same_bits)
{
    adaptau_context                *made = make_context(ADAPTAU_BACKEND_AUTO, 1);
    const struct atau_int8_kernels *own = atau_kernels_of(made)->int8;
    adaptau_context_destroy(made);
    for (int kind = 0; own && kind < N_KINDS; kind++)
        for (int biased = 0; biased < 2; biased++) {
            compare(ADAPTAU_BACKEND_AUTO, own, kind, 0, biased);
            compare(ADAPTAU_BACKEND_AUTO, own, kind, ADAPTAU_NORMALISE_BOTH, biased);
        }
}
END_TEST

/* ---- when it pays --------------------------------------------------------------------------------------------------------- */

static void count(int kind, int32_t n, int32_t k)
{
    static struct lists out;
    adaptau_context    *with = open_with(ADAPTAU_BACKEND_REFERENCE, &counting);
    adaptau_tables      tables = make_tables(kind);
    tables.flags = ADAPTAU_NORMALISE_BOTH;
    n_looks = n_scored = 0;
    rank(with, &tables, n, k, NULL, NULL, &out);
    adaptau_context_destroy(with);
}

START_TEST(a_few_cells_are_scored)
{
    count(EVEN, USERS, 1);
    ck_assert_int_gt(n_looks, 0);
    ck_assert_int_gt(n_scored, 0);
    ck_assert_int_lt(n_scored, USERS * ITEMS / 50);
}
END_TEST

/* Few users, or lists that are long beside the catalogue. */
START_TEST(what_does_not_pay_is_not_screened)
{
    count(EVEN, 63, 1);
    ck_assert_int_eq(n_looks, 0);
    count(EVEN, 64, 1);
    ck_assert_int_gt(n_looks, 0);
    count(EVEN, USERS, MOST_K);
    ck_assert_int_gt(n_looks, 0);
    adaptau_tables tables = make_tables(EVEN);
    static struct lists out;
    adaptau_context    *with = open_with(ADAPTAU_BACKEND_REFERENCE, &counting);
    tables.n_items = 1023;
    n_looks = 0;
    rank(with, &tables, USERS, 1, NULL, NULL, &out);
    ck_assert_int_eq(n_looks, 0);
    tables.n_items = 256 * 5 - 1;
    rank(with, &tables, USERS, 5, NULL, NULL, &out);
    ck_assert_int_eq(n_looks, 0);
    adaptau_context_destroy(with);
}
END_TEST

/* All items are nearly alike, and each is a little better than those before: every cell passes. 16 tiles, of which the first, third,
 * sixth and eleventh are looked at, in five looks each. */
START_TEST(screening_pauses_where_it_is_in_vain)
{
    static struct lists out;
    adaptau_context    *with = open_with(ADAPTAU_BACKEND_REFERENCE, &counting);
    adaptau_tables      tables = make_tables(EVEN);
    for (int i = 0; i < USERS * DIM; i++)
        users[i] = 1.0f;
    for (int i = 0; i < ITEMS * DIM; i++)
        items[i] = 1.0f + 1e-6f * (float)(i / DIM);
    n_looks = n_scored = 0;
    rank(with, &tables, 128, 1, NULL, NULL, &out);
    for (int u = 0; u < 128; u++)
        ck_assert_int_eq(out.items[u], ITEMS - 1);
    ck_assert_int_eq(n_scored, 0);
    ck_assert_int_eq(n_looks, 4 * 5 * 8); /* 128 users are 8 blocks of 16                                        */
    adaptau_context_destroy(with);
}
END_TEST

/* ---- the bound ----------------------------------------------------------------------------------------------------------- */

/* One row of equal numbers, which is rounded without an error, and one whose numbers are all .49 of a step above what they are
 * rounded to: the error is parallel to the other row. */
static void make_tight(float *equal, float *above, float scale)
{
    for (int k = 0; k < DIM; k++) {
        equal[k] = 0.5f;
        above[k] = k == 0 ? 127.0f * scale : ((float)(draw(100) - 50) + 0.49f) * scale;
    }
}

/* Whether the cell of one user and one item passes at a threshold just below its score. */
static bool passes(const float *user, const float *item, float *added)
{
    adaptau_context *context = open_with(ADAPTAU_BACKEND_REFERENCE, &atau_int8_reference);
    struct atau_score_sides    sides = {.context = context,
                                        .tables = {.struct_size = sizeof(adaptau_tables),
                                                   .n_users = 1,
                                                   .n_items = 1,
                                                   .dim = DIM,
                                                   .users = user,
                                                   .user_stride = DIM,
                                                   .items = item,
                                                   .item_stride = DIM,
                                                   .item_bias = added}};
    struct atau_screen         screen = {0};
    struct atau_screened_block block;
    struct atau_arena          arena = {0};
    const uint32_t             cell = 0;
    float                      score, threshold;
    OK(atau_screen_open(&sides, &screen, &error));
    ck_assert_ptr_nonnull(screen.kernels);
    atau_screen_lay_out(&screen, &arena, &block, 1);
    OK(atau_arena_allocate(context, &arena, "a block", &error));
    atau_screen_lay_out(&screen, &arena, &block, 1);
    atau_int8_reference.score_cells(1, &cell, DIM, item, DIM, user, DIM, &score);
    score += added ? *added : 0;
    threshold = nextafterf(score, -INFINITY);
    atau_screen_take_user(&screen, &block, 1, 0, user);
    atau_screen_begin(&screen, &block, 1, 0, 1, &threshold);
    const bool there = atau_screen_look(&screen, &block, 1, 1, 0, 1) == 1;
    if (there) {
        atau_screen_score(&screen, &block, 0, 1);
        ck_assert(block.scores[0] == score);
    }
    atau_arena_free(context, &arena);
    atau_screen_close(&screen);
    adaptau_context_destroy(context);
    return there;
}

START_TEST(what_is_above_a_threshold_passes_where_the_bound_is_tight)
{
    float equal[DIM], above[DIM], added = -3.25f;
    random_state = 23;
    for (int i = 0; i < 60; i++) {
        make_tight(equal, above, i % 3 == 0 ? 1e-8f : i % 3 == 1 ? 0.01f : 1e5f);
        ck_assert_msg(passes(equal, above, NULL), "item %d", i);
        ck_assert_msg(passes(above, equal, NULL), "user %d", i);
        ck_assert_msg(passes(equal, above, &added), "item with bias %d", i);
        ck_assert_msg(passes(above, equal, &added), "user with bias %d", i);
    }
}
END_TEST

/* Both rows are rounded without an error: what is left is the rounding of float32, on sums that cancel. */
START_TEST(what_float32_rounds_is_within_the_bound)
{
    float user[DIM], item[DIM];
    random_state = 29;
    for (int i = 0; i < 400; i++) {
        for (int k = 0; k < DIM; k++) {
            user[k] = (float)(k == 0 ? 127 : draw(255) - 127) * 0.1f;
            item[k] = (float)(k == 1 ? 127 : draw(255) - 127) * 0.3f;
        }
        ck_assert_msg(passes(user, item, NULL), "%d", i);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("screen");
    TCase *tests = tcase_create("screen");
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, screened_rankings_are_the_same_bits);
    tcase_add_test(tests, screened_rankings_of_this_cpu_are_the_same_bits);
    tcase_add_test(tests, a_few_cells_are_scored);
    tcase_add_test(tests, what_does_not_pay_is_not_screened);
    tcase_add_test(tests, screening_pauses_where_it_is_in_vain);
    tcase_add_test(tests, what_is_above_a_threshold_passes_where_the_bound_is_tight);
    tcase_add_test(tests, what_float32_rounds_is_within_the_bound);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
