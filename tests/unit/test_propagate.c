/* SPDX-License-Identifier: MIT */
/* Sparse products against a plain loop in double precision: scaled, masked, onto a base, some rows only, from rows in slots. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/context.h"
#include "../support/draw.h"
#include "../support/ok.h"
#include "../support/suite.h"
#include "kernels/propagate.h"

#define ROWS 700
#define COLUMNS 90
#define DIM 21
#define STRIDE 24
#define MAX_EDGES (ROWS * COLUMNS)
#define WORDS (MAX_EDGES / 32 + 1)

static int64_t  ptr[ROWS + 1];
static int32_t  ids[MAX_EDGES], slots[COLUMNS], chosen[ROWS];
static float    left[ROWS], right[COLUMNS], x[COLUMNS * STRIDE], base[ROWS * STRIDE], out[ROWS * STRIDE];
static uint32_t kept[WORDS];
static int32_t  scratch[3 * COLUMNS];

static float draw_float(void)
{
    return (float)draw(2000) / 1000.0f - 1.0f;
}

/* Empty rows, full rows, and one that starts in the middle of a word of bits. */
static void make_problem(void)
{
    random_state = 5;
    for (int r = 0; r < ROWS; r++) {
        ptr[r + 1] = ptr[r];
        int percent = r % 7 == 0 ? 0 : r % 11 == 0 ? 100 : 30;
        for (int c = 0; c < COLUMNS; c++)
            if (draw(100) < percent)
                ids[ptr[r + 1]++] = c;
        left[r] = draw_float();
    }
    for (int i = 0; i < COLUMNS * STRIDE; i++)
        x[i] = draw_float();
    for (int i = 0; i < ROWS * STRIDE; i++)
        base[i] = draw_float();
    for (int c = 0; c < COLUMNS; c++) {
        right[c] = draw_float();
        slots[c] = c % 3 ? -1 : c / 3;
    }
    for (int w = 0; w < WORDS; w++)
        kept[w] = (uint32_t)draw(1 << 16) << 16 | (uint32_t)draw(1 << 16);
    for (int r = 0; r < ROWS; r++)
        chosen[r] = (r * 13 + 5) % ROWS;
}

static double entry(const struct atau_sparse *a, const struct atau_propagation *p, int64_t r, int k)
{
    double sum = 0.0;
    for (int64_t e = a->ptr[r]; e < a->ptr[r + 1]; e++) {
        int32_t row = p->slots ? p->slots[a->ids[e]] : a->ids[e];
        if (row < 0 || (a->kept && !(a->kept[e / 32] >> e % 32 & 1)))
            continue;
        sum += (a->right ? (double)a->right[row] : 1.0) * (double)p->x[row * p->x_stride + k];
    }
    return (double)p->scale * (a->left ? (double)a->left[r] : 1.0) * sum +
           (p->base ? (double)p->base_scale * (double)p->base[r * p->base_stride + k] : 0.0);
}

/* _i: bits choose what takes part. */
START_TEST(products_equal_the_plain_loop_for_any_number_of_threads)
{
    static float       first[ROWS * STRIDE];
    struct atau_sparse a = {ROWS, ptr, ids, _i & 1 ? left : NULL, _i & 2 ? right : NULL, _i & 4 ? kept : NULL, NULL};
    make_problem();
    for (int32_t threads = 1; threads <= 3; threads++) {
        adaptau_context        *context = make_context(ADAPTAU_BACKEND_AUTO, threads);
        struct atau_propagation p = {.dim = DIM,
                                     .x = x,
                                     .x_stride = STRIDE,
                                     .slots = _i & 8 ? slots : NULL,
                                     .base = _i & 16 ? base : NULL,
                                     .base_stride = STRIDE,
                                     .base_scale = 0.25f,
                                     .scale = 0.7f,
                                     .out = out,
                                     .out_stride = STRIDE,
                                     .n_rows = 300,
                                     .rows = _i & 32 ? chosen : NULL,
                                     .scratch = _i & 12 ? scratch : NULL,
                                     .scratch_stride = COLUMNS};
        memset(out, 0, sizeof out);
        OK(atau_propagate(context, &a, &p, &error));
        if (threads == 1)
            memcpy(first, out, sizeof out);
        ck_assert_mem_eq(first, out, sizeof out);
        adaptau_context_destroy(context);
        for (int place = 0; place < ROWS; place++) {
            int r = chosen[place];
            for (int k = 0; k < STRIDE; k++) {
                double want = k >= DIM || (p.rows && place >= 300) ? 0.0 : entry(&a, &p, r, k);
                if (fabs((double)out[r * STRIDE + k] - want) > 2e-5)
                    ck_abort_msg("[%d][%d] = %.9g, not %.9g", r, k, (double)out[r * STRIDE + k], want);
            }
        }
    }
}
END_TEST

START_TEST(a_product_may_be_added_to_its_base_in_place)
{
    adaptau_context        *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    static float            before[ROWS * STRIDE];
    struct atau_sparse      a = {ROWS, ptr, ids, NULL, NULL, NULL, NULL};
    make_problem();
    memcpy(before, base, sizeof base);
    struct atau_propagation p = {
        .dim = DIM, .x = x, .x_stride = STRIDE, .base = base, .base_stride = STRIDE, .base_scale = 1.0f, .scale = 1.0f,
        .out = base, .out_stride = STRIDE};
    OK(atau_propagate(context, &a, &p, &error));
    p.base = before;
    for (int r = 0; r < ROWS; r++)
        for (int k = 0; k < STRIDE; k++) {
            double want = k < DIM ? entry(&a, &p, r, k) : (double)before[r * STRIDE + k];
            ck_assert(fabs((double)base[r * STRIDE + k] - want) < 2e-5);
        }
    adaptau_context_destroy(context);
}
END_TEST

START_TEST(no_rows_are_no_work)
{
    adaptau_context        *context = make_context(ADAPTAU_BACKEND_AUTO, 2);
    struct atau_sparse      none = {0, NULL, NULL, NULL, NULL, NULL, NULL};
    struct atau_propagation p = {.dim = DIM};
    OK(atau_propagate(context, &none, &p, &error));
    adaptau_context_destroy(context);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("propagate");
    TCase *tests = tcase_create("propagate");
    tcase_add_loop_test(tests, products_equal_the_plain_loop_for_any_number_of_threads, 0, 64);
    tcase_add_test(tests, a_product_may_be_added_to_its_base_in_place);
    tcase_add_test(tests, no_rows_are_no_work);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
