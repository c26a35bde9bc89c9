/* SPDX-License-Identifier: MIT */
/* Datasets: what is accepted and how it reads, what is rejected and with which words, and running out of memory. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../support/host.h"
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
    ck_assert_int_eq(adaptau_dataset_n_pairs(dataset), 6);
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

START_TEST(rejects_offsets_that_do_not_start_at_0)
{
    static const int64_t shifted[] = {1, 2, 2, 5, 6};
    adaptau_csr          csr = sample();
    csr.indptr = shifted;
    reject(csr, ADAPTAU_E_SHAPE, "indptr[0] = 1, not 0");
}
END_TEST

START_TEST(rejects_offsets_that_decrease)
{
    static const int64_t falling[] = {0, 2, 5, 3, 1};
    adaptau_csr          csr = sample();
    csr.indptr = falling;
    reject(csr, ADAPTAU_E_SHAPE, "indptr[3] = 3, but indptr[2] = 5");
}
END_TEST

START_TEST(rejects_item_id_out_of_range)
{
    int32_t     items[] = {1, 4, 0, 5, 6, 4};
    adaptau_csr csr = sample();
    csr.indices = items;
    reject(csr, ADAPTAU_E_INDEX, "indices[3] = 5, but n_items = 5 (user 2)");
    items[2] = -7;
    reject(csr, ADAPTAU_E_INDEX, "indices[2] = -7, but n_items = 5 (user 2)");
}
END_TEST

START_TEST(rejects_rows_that_are_not_strictly_ascending)
{
    int32_t     items[] = {1, 4, 0, 3, 2, 4};
    adaptau_csr csr = sample();
    csr.indices = items;
    reject(csr, ADAPTAU_E_INDEX, "indices[4] = 2 comes after 3: not strictly ascending (user 2)");
    items[1] = 1;
    reject(csr, ADAPTAU_E_INDEX, "indices[1] = 1 comes after 1: not strictly ascending (user 0)");
}
END_TEST

/* Offsets far beyond the host's array: at most m + 1 entries of a row are read before it is found out. */
START_TEST(rejects_a_row_longer_than_the_catalogue_within_its_length)
{
    static const int64_t absurd[] = {0, INT64_MAX};
    int32_t             *items = malloc(4 * sizeof *items); /* on the heap: a sanitizer sees reads beyond it   */
    adaptau_csr          csr = {.struct_size = sizeof csr, .n_users = 1, .n_items = 3, .indptr = absurd, .indices = items};
    for (int i = 0; i < 4; i++)
        items[i] = i;
    reject(csr, ADAPTAU_E_INDEX, "indices[3] = 3, but n_items = 3 (user 0)");
    free(items);
}
END_TEST

START_TEST(rejects_bad_members)
{
    adaptau_csr csr = sample();
    csr.n_users = -1;
    reject(csr, ADAPTAU_E_ARGUMENT, "csr->n_users = -1 is negative");
    csr = sample();
    csr.n_items = -2;
    reject(csr, ADAPTAU_E_ARGUMENT, "csr->n_items = -2 is negative");
    csr = sample();
    csr.indptr = NULL;
    reject(csr, ADAPTAU_E_ARGUMENT, "csr->indptr is NULL");
    csr = sample();
    csr.indices = NULL;
    reject(csr, ADAPTAU_E_ARGUMENT, "csr->indices is NULL, but indptr[4] = 6");
    csr = sample();
    csr.reserved = 3;
    reject(csr, ADAPTAU_E_ARGUMENT, "csr->reserved = 3, not 0");
}
END_TEST

START_TEST(rejects_null_handles_and_accepts_a_null_error)
{
    adaptau_csr      csr = sample();
    adaptau_dataset *out = NULL;
    expect(adaptau_dataset_create(NULL, &csr, &out, &error), ADAPTAU_E_ARGUMENT, "context is NULL");
    expect(adaptau_dataset_create(context, NULL, &out, &error), ADAPTAU_E_ARGUMENT, "csr is NULL");
    expect(adaptau_dataset_create(context, &csr, NULL, &error), ADAPTAU_E_ARGUMENT, "out is NULL");
    ck_assert_int_eq(adaptau_dataset_create(context, NULL, &out, NULL), ADAPTAU_E_ARGUMENT);
    ck_assert_ptr_null(out);
    adaptau_dataset_destroy(NULL);
    ck_assert_int_eq(adaptau_dataset_n_users(NULL), 0);
    ck_assert_int_eq(adaptau_dataset_n_items(NULL), 0);
    ck_assert_int_eq(adaptau_dataset_n_pairs(NULL), 0);
    ck_assert_int_eq(adaptau_dataset_n_duplicates(NULL), 0);
}
END_TEST

START_TEST(rejects_struct_sizes_that_it_does_not_know)
{
    adaptau_csr csr = sample();
    struct {
        adaptau_csr csr;
        int64_t     tail[2];
    } grown = {.csr = sample()};
    adaptau_dataset *out = NULL;
    csr.struct_size = 0;
    ck_assert_int_eq(adaptau_dataset_create(context, &csr, &out, &error), ADAPTAU_E_ABI);
    csr.struct_size = sizeof csr - 8;
    ck_assert_int_eq(adaptau_dataset_create(context, &csr, &out, &error), ADAPTAU_E_ABI);
    grown.csr.struct_size = sizeof grown;
    grown.tail[1] = 1;
    ck_assert_int_eq(adaptau_dataset_create(context, &grown.csr, &out, &error), ADAPTAU_E_ABI);
    ck_assert_ptr_null(out);
    grown.tail[1] = 0;
    OK(adaptau_dataset_create(context, &grown.csr, &out, &error));
    adaptau_dataset_destroy(out);
}
END_TEST

/* ---- empty ------------------------------------------------------------------------------------------------------- */

static void expect_empty(adaptau_dataset *dataset, int32_t n_users, int32_t n_items)
{
    adaptau_dataset_view view = view_of(dataset);
    ck_assert_int_eq(adaptau_dataset_n_users(dataset), n_users);
    ck_assert_int_eq(adaptau_dataset_n_items(dataset), n_items);
    ck_assert_int_eq(adaptau_dataset_n_pairs(dataset), 0);
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
        OK(adaptau_dataset_create_from_pairs(context, csr.n_users, csr.n_items, 0, NULL, NULL, &dataset, &error));
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
    ck_assert_int_eq(adaptau_dataset_n_pairs(dataset), n);
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
    OK(adaptau_dataset_create_from_pairs(context, USERS, ITEMS, PAIRS, users, items, &dataset, &error));
    memset(users, 0xFF, sizeof users);
    memset(items, 0xFF, sizeof items);
    ck_assert_int_eq(adaptau_dataset_n_pairs(dataset), distinct);
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

static void reject_pairs(int32_t n_users, int32_t n_items, int64_t n, const int32_t *users, const int32_t *items,
                         adaptau_status wanted, const char *message)
{
    adaptau_dataset *untouched = (adaptau_dataset *)&error, *out = untouched;
    expect(adaptau_dataset_create_from_pairs(context, n_users, n_items, n, users, items, &out, &error), wanted, message);
    ck_assert_ptr_eq(out, untouched);
}

START_TEST(rejects_pairs_out_of_range)
{
    int32_t          users[] = {0, 3, 1}, items[] = {4, 0, 2};
    adaptau_dataset *out = NULL;
    reject_pairs(3, 5, 3, users, items, ADAPTAU_E_INDEX, "users[1] = 3, but n_users = 3");
    reject_pairs(4, 4, 3, users, items, ADAPTAU_E_INDEX, "items[0] = 4, but n_items = 4");
    users[2] = -1;
    reject_pairs(4, 5, 3, users, items, ADAPTAU_E_INDEX, "users[2] = -1, but n_users = 4");
    reject_pairs(4, 5, -1, users, items, ADAPTAU_E_ARGUMENT, "n_pairs = -1 is negative");
    reject_pairs(-4, 5, 3, users, items, ADAPTAU_E_ARGUMENT, "n_users = -4 is negative");
    reject_pairs(4, -5, 3, users, items, ADAPTAU_E_ARGUMENT, "n_items = -5 is negative");
    reject_pairs(4, 5, 3, NULL, items, ADAPTAU_E_ARGUMENT, "users is NULL");
    reject_pairs(4, 5, 3, users, NULL, ADAPTAU_E_ARGUMENT, "items is NULL");
    expect(adaptau_dataset_create_from_pairs(NULL, 4, 5, 0, NULL, NULL, &out, &error), ADAPTAU_E_ARGUMENT, "context is NULL");
    expect(adaptau_dataset_create_from_pairs(context, 4, 5, 0, NULL, NULL, NULL, &error), ADAPTAU_E_ARGUMENT, "out is NULL");
}
END_TEST

START_TEST(rejects_a_view_that_it_can_not_fill)
{
    adaptau_csr          csr = sample();
    adaptau_dataset     *dataset = NULL;
    adaptau_dataset_view view = {.struct_size = sizeof view - 1, .n_users = 99};
    OK(adaptau_dataset_create(context, &csr, &dataset, &error));
    ck_assert_int_eq(adaptau_dataset_get_view(dataset, &view, &error), ADAPTAU_E_ABI);
    ck_assert_int_eq(view.n_users, 99);
    expect(adaptau_dataset_get_view(dataset, NULL, &error), ADAPTAU_E_ARGUMENT, "out is NULL");
    expect(adaptau_dataset_get_view(NULL, &view, &error), ADAPTAU_E_ARGUMENT, "dataset is NULL");
    adaptau_dataset_destroy(dataset);
}
END_TEST

/* ---- memory ------------------------------------------------------------------------------------------------------ */

START_TEST(running_out_of_memory_is_an_error_and_leaks_nothing)
{
    static const int32_t    users[] = {2, 0, 2, 1, 2}, items[] = {3, 1, 3, 0, 1};
    adaptau_csr             csr = sample();
    struct host             host;
    adaptau_context        *poor = open_host(&host, 1, false);
    adaptau_status          status[2];
    int64_t                 n = 0;
    uint64_t                before, after;
    adaptau_context_memory(poor, &before, NULL);
    do {
        adaptau_dataset *dataset[2] = {NULL, NULL};
        host.allocations_left = n;
        status[0] = adaptau_dataset_create(poor, &csr, &dataset[0], &error);
        host.allocations_left = n;
        status[1] = adaptau_dataset_create_from_pairs(poor, 3, 4, 5, users, items, &dataset[1], &error);
        for (int k = 0; k < 2; k++) {
            ck_assert(status[k] == ADAPTAU_OK ? !!dataset[k] : status[k] == ADAPTAU_E_MEMORY && !dataset[k]);
            adaptau_dataset_destroy(dataset[k]);
        }
        adaptau_context_memory(poor, &after, NULL);
        ck_assert_uint_eq(after, before);
        n++;
    } while (status[0] != ADAPTAU_OK || status[1] != ADAPTAU_OK);
    ck_assert_int_gt(n, 3);
    adaptau_context_destroy(poor);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("dataset");
    TCase *tests = tcase_create("dataset");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_add_test(tests, borrows_rows_and_builds_the_transpose);
    tcase_add_test(tests, rejects_offsets_that_do_not_start_at_0);
    tcase_add_test(tests, rejects_offsets_that_decrease);
    tcase_add_test(tests, rejects_item_id_out_of_range);
    tcase_add_test(tests, rejects_rows_that_are_not_strictly_ascending);
    tcase_add_test(tests, rejects_a_row_longer_than_the_catalogue_within_its_length);
    tcase_add_test(tests, rejects_bad_members);
    tcase_add_test(tests, rejects_null_handles_and_accepts_a_null_error);
    tcase_add_test(tests, rejects_struct_sizes_that_it_does_not_know);
    tcase_add_test(tests, accepts_empty_datasets_with_null_arrays);
    tcase_add_test(tests, sorts_pairs_and_keeps_each_once);
    tcase_add_test(tests, rejects_pairs_out_of_range);
    tcase_add_test(tests, rejects_a_view_that_it_can_not_fill);
    tcase_add_test(tests, running_out_of_memory_is_an_error_and_leaks_nothing);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
