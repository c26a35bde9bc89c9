/* SPDX-License-Identifier: MIT */
/* Statistics of published data sets, which are not shipped: `test_published gowalla`. Without the data the program is skipped,
 * which is exit status 77 to meson, and says why. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../support/ok.h"
#include "../support/one_context.h"
#include "../support/options.h"
#include "../support/suite.h"

#define SKIPPED 77
#define MOST_PAIRS 1000000

static FILE   *train;
static int32_t users[MOST_PAIRS], items[MOST_PAIRS], n_users, n_items;

/* Lines of "user item item ...". Returns the number of pairs. */
static int32_t read_pairs(void)
{
    char    word[32];
    int32_t user = -1, n = 0;
    int     c;
    while (fscanf(train, "%31s", word) == 1) {
        int32_t id = (int32_t)strtol(word, NULL, 10);
        if (user < 0) {
            user = id;
            n_users = id >= n_users ? id + 1 : n_users;
        } else {
            ck_assert_int_lt(n, MOST_PAIRS);
            users[n] = user;
            items[n++] = id;
            n_items = id >= n_items ? id + 1 : n_items;
        }
        while ((c = fgetc(train)) == ' ')
            ;
        if (c == '\n')
            user = -1;
        else
            ungetc(c, train);
    }
    return n;
}

static void check_published(const adaptau_dataset *dataset, double quantile, int64_t counted, double log_ratio)
{
    adaptau_temperature        *temperature = NULL;
    adaptau_temperature_options options = full_temperature_options((adaptau_temperature_options){.degree_quantile = quantile});
    adaptau_temperature_state   state = {.struct_size = sizeof state};
    OK(adaptau_temperature_create(context, dataset, &options, &temperature, &error));
    OK(adaptau_temperature_get_state(temperature, &state, &error));
    ck_assert_int_eq(state.n_users_counted, counted);
    ck_assert_double_eq_tol(state.log_ratio, log_ratio, 1e-14);
    adaptau_temperature_destroy(temperature);
}

static adaptau_dataset *read_dataset(void)
{
    adaptau_dataset *dataset = NULL;
    int32_t          n = read_pairs();
    OK(adaptau_dataset_create_from_interactions(context, n_users, n_items, n, users, items, NULL, &dataset, &error));
    return dataset;
}

START_TEST(gowalla_counts_the_users_of_the_released_program)
{
    adaptau_dataset *dataset = read_dataset();
    check_published(dataset, 0.2, 22490, 6.425596769544532);
    check_published(dataset, 0.0, 29858, 6.626977193840749);
    adaptau_dataset_destroy(dataset);
}
END_TEST

START_TEST(movielens_has_its_published_log_ratio)
{
    adaptau_dataset *dataset = read_dataset();
    check_published(dataset, 0.0, 6022, 2.4429657278604062);
    adaptau_dataset_destroy(dataset);
}
END_TEST

static FILE *open_data(const char *name)
{
    char        path[4096];
    const char *parent = getenv("ADAPTAU_DATA_DIR");
    snprintf(path, sizeof path, "%s/%s/train.txt", parent ? parent : "", name);
    FILE *file = parent ? fopen(path, "r") : NULL;
    if (!file)
        printf("SKIPPED: no %s; set ADAPTAU_DATA_DIR to the folder that has %s/train.txt\n",
               parent ? path : "ADAPTAU_DATA_DIR", name);
    return file;
}

int main(int argc, char **argv)
{
    if (argc != 2 || (strcmp(argv[1], "gowalla") && strcmp(argv[1], "movielens-1m"))) {
        fprintf(stderr, "usage: test_published gowalla|movielens-1m\n");
        return 2;
    }
    train = open_data(argv[1]);
    if (!train)
        return SKIPPED;
    Suite *suite = suite_create("published data");
    TCase *tests = tcase_create("published data");
    tcase_add_checked_fixture(tests, open_context, close_context);
    tcase_set_timeout(tests, 120);
    if (strcmp(argv[1], "gowalla") == 0)
        tcase_add_test(tests, gowalla_counts_the_users_of_the_released_program);
    else
        tcase_add_test(tests, movielens_has_its_published_log_ratio);
    suite_add_tcase(suite, tests);
    int status = run_suite(suite);
    fclose(train);
    return status;
}
