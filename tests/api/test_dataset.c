/* SPDX-License-Identifier: MIT */
/* Datasets: what is accepted and how it reads. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/suite.h"

static void expect(adaptau_status status, adaptau_status wanted, const char *message)
{
    ck_assert_str_eq(adaptau_status_name(status), adaptau_status_name(wanted));
    ck_assert_int_eq(error.status, wanted);
    ck_assert_str_eq(error.message, message);
}

static adaptau_dataset_view view_of(const adaptau_dataset *dataset)
{
    adaptau_dataset_view view = {.struct_size = sizeof view};
    OK(adaptau_dataset_get_view(dataset, &view, &error));
    return view;
}

/* ---- rows -------------------------------------------------------------------------------------------------------- */

static const int64_t indptr[] = {0, 2, 2, 5, 6};
static const int32_t indices[] = {1, 4, 0, 1, 4, 4};

static adaptau_csr sample(void)
{
    return (adaptau_csr){.struct_size = sizeof(adaptau_csr), .n_users = 4, .n_items = 5, .indptr = indptr, .indices = indices};
}

START_TEST(borrows_rows_and_builds_the_transpose)
{
    static const int64_t item_ptr[] = {0, 1, 3, 3, 3, 6};
    static const int32_t item_users[] = {2, 0, 2, 0, 2, 3};
    adaptau_csr          csr = sample();
    adaptau_dataset     *dataset = NULL;
    OK(adaptau_dataset_create(context, &csr, &dataset, &error));
    ck_assert_int_eq(adaptau_dataset_n_users(dataset), 4);
    ck_assert_int_eq(adaptau_dataset_n_items(dataset), 5);
    ck_assert_int_eq(adaptau_dataset_n_interactions(dataset), 6);
    ck_assert_int_eq(adaptau_dataset_n_duplicates(dataset), 0);
    adaptau_dataset_view view = view_of(dataset);
    ck_assert_int_eq(view.n_users, 4);
    ck_assert_int_eq(view.n_items, 5);
    ck_assert_ptr_eq(view.user_ptr, indptr);
    ck_assert_ptr_eq(view.user_items, indices);
    ck_assert_mem_eq(view.item_ptr, item_ptr, sizeof item_ptr);
    ck_assert_mem_eq(view.item_users, item_users, sizeof item_users);
    adaptau_dataset_destroy(dataset);
}
END_TEST

static void reject(adaptau_csr csr, adaptau_status wanted, const char *message)
{
    adaptau_dataset *untouched = (adaptau_dataset *)&error, *out = untouched;
    expect(adaptau_dataset_create(context, &csr, &out, &error), wanted, message);
    ck_assert_ptr_eq(out, untouched);
}

/* Offsets far beyond the host's array: at most m + 1 entries of a row are read before it is found out. */
START_TEST(rejects_a_row_longer_than_the_catalogue_within_its_length)
{
    static const int64_t absurd[] = {0, INT64_MAX};
    int32_t             *items = malloc(4 * sizeof *items); /* on the heap: a sanitizer sees reads beyond it   */
    adaptau_csr          csr = {.struct_size = sizeof csr, .n_users = 1, .n_items = 3, .indptr = absurd, .indices = items};
    for (int i = 0; i < 4; i++)
        items[i] = i;
    reject(csr, ADAPTAU_E_INDEX, "csr->indices[3] = 3, but n_items = 3");
    free(items);
}
END_TEST

/* ---- empty ------------------------------------------------------------------------------------------------------- */

static void expect_empty(adaptau_dataset *dataset, int32_t n_users, int32_t n_items)
{
    adaptau_dataset_view view = view_of(dataset);
    ck_assert_int_eq(adaptau_dataset_n_users(dataset), n_users);
    ck_assert_int_eq(adaptau_dataset_n_items(dataset), n_items);
    ck_assert_int_eq(adaptau_dataset_n_interactions(dataset), 0);
    for (int32_t u = 0; u <= n_users; u++)
        ck_assert_int_eq(view.user_ptr[u], 0);
    for (int32_t i = 0; i <= n_items; i++)
        ck_assert_int_eq(view.item_ptr[i], 0);
    adaptau_dataset_destroy(dataset);
}

START_TEST(accepts_empty_datasets_with_null_arrays)
{
    static const int64_t zeros[4];
    static const int32_t sizes[][2] = {{0, 0}, {0, 5}, {3, 0}, {3, 5}};
    for (int k = 0; k < 4; k++) {
        adaptau_dataset *dataset = NULL;
        adaptau_csr      csr = {.struct_size = sizeof csr, .n_users = sizes[k][0], .n_items = sizes[k][1]};
        csr.indptr = csr.n_users ? zeros : NULL;
        OK(adaptau_dataset_create(context, &csr, &dataset, &error));
        expect_empty(dataset, csr.n_users, csr.n_items);
        OK(adaptau_dataset_create_from_interactions(context, csr.n_users, csr.n_items, 0, NULL, NULL, NULL, &dataset, &error));
        expect_empty(dataset, csr.n_users, csr.n_items);
    }
}
END_TEST

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

enum { USERS = 40, ITEMS = 70, PAIRS = 2000 };

static uint32_t random_state;

static int32_t draw(int32_t n)
{
    random_state = random_state * 1664525u + 1013904223u;
    return (int32_t)((uint64_t)(random_state >> 8) * (uint64_t)n >> 24);
}

/* Every list of the dataset against a table of what was put in. */
static void expect_pairs(const adaptau_dataset *dataset, char has[USERS][ITEMS])
{
    adaptau_dataset_view view = view_of(dataset);
    int64_t              n = 0;
    for (int32_t u = 0; u < USERS; u++) {
        ck_assert_int_eq(view.user_ptr[u], n);
        for (int32_t i = 0; i < ITEMS; i++)
            if (has[u][i])
                ck_assert_int_eq(view.user_items[n++], i);
    }
    ck_assert_int_eq(view.user_ptr[USERS], n);
    ck_assert_int_eq(adaptau_dataset_n_interactions(dataset), n);
    n = 0;
    for (int32_t i = 0; i < ITEMS; i++) {
        ck_assert_int_eq(view.item_ptr[i], n);
        for (int32_t u = 0; u < USERS; u++)
            if (has[u][i])
                ck_assert_int_eq(view.item_users[n++], u);
    }
    ck_assert_int_eq(view.item_ptr[ITEMS], n);
}

START_TEST(sorts_pairs_and_keeps_each_once)
{
    static char has[USERS][ITEMS];
    int32_t     users[PAIRS], items[PAIRS];
    int64_t     distinct = 0;
    memset(has, 0, sizeof has);
    random_state = 3;
    for (int p = 0; p < PAIRS; p++) {
        users[p] = draw(USERS - 2) + 1; /* the first and the last user and item have nothing                   */
        items[p] = draw(draw(2) ? ITEMS - 2 : 5) + 1;
        distinct += !has[users[p]][items[p]];
        has[users[p]][items[p]] = 1;
    }
    adaptau_dataset *dataset = NULL;
    OK(adaptau_dataset_create_from_interactions(context, USERS, ITEMS, PAIRS, users, items, NULL, &dataset, &error));
    memset(users, 0xFF, sizeof users);
    memset(items, 0xFF, sizeof items);
    ck_assert_int_eq(adaptau_dataset_n_interactions(dataset), distinct);
    ck_assert_int_eq(adaptau_dataset_n_duplicates(dataset), PAIRS - distinct);
    ck_assert_int_gt(adaptau_dataset_n_duplicates(dataset), 100);
    expect_pairs(dataset, has);

    adaptau_dataset_view view = view_of(dataset);
    adaptau_csr          csr = {.struct_size = sizeof csr,
                                .n_users = USERS,
                                .n_items = ITEMS,
                                .indptr = view.user_ptr,
                                .indices = view.user_items};
    adaptau_dataset     *again = NULL;
    OK(adaptau_dataset_create(context, &csr, &again, &error));
    expect_pairs(again, has);
    adaptau_dataset_destroy(again);
    adaptau_dataset_destroy(dataset);
}
END_TEST

/* Of every small size, so that arrays end at every place of a line of memory: none is written beyond its end, and none is read before
 * it was written. */
START_TEST(datasets_of_every_small_size_stay_in_their_memory)
{
    for (int32_t n = 1; n <= 17; n++)
        for (int32_t m = 1; m <= 17; m++) {
            int32_t             users[17 * 17], items[17 * 17];
            float               weights[17 * 17];
            int64_t             pairs = 0;
            adaptau_dataset    *dataset = NULL;
            for (int32_t u = 0; u < n; u++)
                for (int32_t i = m - 1; i >= 0; i--)
                    if ((u * 5 + i * 3) % 4 != 1) {
                        weights[pairs] = 1.0f + (float)i;
                        users[pairs] = u;
                        items[pairs++] = i;
                    }
            for (int weighs = 0; weighs < 2; weighs++) {
                OK(adaptau_dataset_create_from_interactions(context, n, m, pairs, users, items, weighs ? weights : NULL, &dataset, &error));
                const adaptau_dataset_view view = view_of(dataset);
                ck_assert_int_eq(view.user_ptr[n], pairs);
                ck_assert_int_eq(view.item_ptr[m], pairs);
                for (int32_t u = 0; u < n; u++)
                    for (int64_t p = view.user_ptr[u]; p < view.user_ptr[u + 1]; p++) {
                        ck_assert((u * 5 + view.user_items[p] * 3) % 4 != 1);
                        ck_assert(!weighs || view.user_weights[p] == 1.0f + (float)view.user_items[p]);
                    }
                adaptau_dataset_destroy(dataset);
            }
        }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset");
    TCase *tests = tcase_create("dataset");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_add_test(tests, borrows_rows_and_builds_the_transpose);
    tcase_add_test(tests, rejects_a_row_longer_than_the_catalogue_within_its_length);
    tcase_add_test(tests, accepts_empty_datasets_with_null_arrays);
    tcase_add_test(tests, sorts_pairs_and_keeps_each_once);
    tcase_add_test(tests, datasets_of_every_small_size_stay_in_their_memory);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
