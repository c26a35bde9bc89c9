/* SPDX-License-Identifier: MIT */
/* Which edges of LightGCN's graph a step keeps: each by a number of its own, the same from both sides, however many there are. */
#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../support/context.h"
#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/suite.h"
#include "common/random.h"
#include "model/encoders/lightgcn.h"

#define MOST_USERS 300
#define MOST_ITEMS 200
#define MOST_EDGES (MOST_USERS * MOST_ITEMS)
#define WORDS (MOST_EDGES / 32 + 2)
#define KEY UINT64_C(0x1234567890ABCDEF)

static char     has[MOST_USERS][MOST_ITEMS];
static int64_t  ptr[2][MOST_USERS + 1];
static int32_t  ids[2][MOST_EDGES];
static uint32_t bits[2][WORDS];

/* `n` edges, row by row, with rows that have none. */
static struct atau_lightgcn make_graph(int64_t n)
{
    struct atau_lightgcn g = {.n_rows = {MOST_USERS, MOST_ITEMS}, .n_edges = n, .ptr = {ptr[0], ptr[1]}, .ids = {ids[0], ids[1]}};
    int64_t              left = n, end[2] = {0, 0};
    memset(has, 0, sizeof has);
    for (int k = 0; left > 0; k++) {
        const int u = k % MOST_USERS, i = (k / MOST_USERS * 7 + u * 3) % MOST_ITEMS;
        if (u % 10 == 4 || i % 50 == 9 || has[u][i])
            continue;
        has[u][i] = 1;
        left--;
    }
    for (int side = 0; side < 2; side++)
        for (int r = 0; r < g.n_rows[side]; r++) {
            for (int c = 0; c < g.n_rows[1 - side]; c++)
                if (side ? has[c][r] : has[r][c])
                    ids[side][end[side]++] = c;
            ptr[side][r + 1] = end[side];
        }
    ck_assert_int_eq(end[0], n);
    ck_assert_int_eq(end[1], n);
    return g;
}

/* _i: sizes around a word's and a task's. */
START_TEST(each_edge_is_kept_by_its_own_number)
{
    static const int64_t sizes[] = {1, 31, 32, 33, 8191, 8192, 8193, 16384, 16385, 31000};
    static const double  shares[] = {0.0, 0.3, 0.999};
    adaptau_context     *context = make_context(ADAPTAU_BACKEND_AUTO, 3);
    struct atau_lightgcn g = make_graph(sizes[_i]);
    for (int s = 0; s < 3; s++) {
        uint32_t *const kept[2] = {bits[0], bits[1]};
        memset(bits, 0x5A, sizeof bits);
        OK(atau_lightgcn_draw_edges(context, &g, KEY, shares[s], kept, &error));
        for (int side = 0; side < 2; side++)
            for (int r = 0; r < g.n_rows[side]; r++)
                for (int64_t e = ptr[side][r]; e < ptr[side][r + 1]; e++) {
                    const uint32_t u = (uint32_t)(side ? ids[side][e] : r), i = (uint32_t)(side ? r : ids[side][e]);
                    const bool     want = (double)atau_pair_random(KEY, u, i) >= shares[s] * 0x1p32;
                    ck_assert_msg((bits[side][e / 32] >> e % 32 & 1) == want, "side %d, edge %d of %d", side, (int)e, (int)g.n_edges);
                }
        ck_assert_uint_eq(bits[0][(g.n_edges + 31) / 32], 0x5A5A5A5Au); /* nothing behind them                      */
    }
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("edges");
    TCase *tests = tcase_create("edges");
    tcase_add_loop_test(tests, each_edge_is_kept_by_its_own_number, 0, 10);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
