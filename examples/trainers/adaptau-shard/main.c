/* SPDX-License-Identifier: MIT */
/* adaptau-shard: cut interactions into files of a range of users and a range of items each, for adaptau-train-mpi. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "adaptau-shard/buckets.h"
#include "adaptau-shard/input.h"
#include "common/fail.h"
#include "common/options.h"
#include "common/stop.h"

#define PROGRAM "adaptau-shard"
#define LENGTH(array) ((int)(sizeof(array) / sizeof *(array)))

struct settings {
    const char *train, *test, *folder;
    int64_t     user_ranges, item_ranges, memory; /* MiB                                                       */
};

static const struct program program = {
    .name = PROGRAM,
    .usage = "TRAIN TEST FOLDER [OPTION]...",
    .about = "Cut the pairs of two files into ranges of users and items, for adaptau-train-mpi FOLDER.\n"
             "TRAIN and TEST are \"user item item ...\" per line, tables of users and items that are whole numbers, or\n"
             "FILE.safetensors with the compressed rows indptr and indices. They are read twice, never held.",
    .notes = "Exit codes: 0 done, 1 failed, 2 wrong command line.",
};

static int read_settings(int argc, char **argv, struct settings *s)
{
    int                      first = 0;
    const struct option_rule rules[] = {
        {.name = "Options:", .kind = OPTION_TITLE},
        {"users", OPTION_WHOLE, &s->user_ranges, 1, SHARDS_MOST, NULL, NULL, "ranges of users (8)", NULL},
        {"items", OPTION_WHOLE, &s->item_ranges, 1, SHARDS_MOST, NULL, NULL, "ranges of items (8)", NULL},
        {"memory", OPTION_WHOLE, &s->memory, 1, 1 << 20, NULL, "MiB", "for buffers (64)", NULL},
    };
    *s = (struct settings){.user_ranges = 8, .item_ranges = 8, .memory = 64};
    int code = read_options(&program, rules, LENGTH(rules), argc, argv, &first);
    if (code != OPTIONS_GO_ON)
        return code;
    if (argc - first != 3) {
        fprintf(stderr, "%s: TRAIN, TEST and FOLDER, please; see --help\n", PROGRAM);
        return 2;
    }
    s->train = argv[first];
    s->test = argv[first + 1];
    s->folder = argv[first + 2];
    return OPTIONS_GO_ON;
}

static adaptau_status pass_over(void *user_data, int32_t user, int32_t item, adaptau_error *error)
{
    (void)user, (void)item, (void)error;
    ++*(int64_t *)user_data;
    return ADAPTAU_OK;
}

static adaptau_status cut(const struct settings *s, const char *input, const char *set, const struct shards *shards,
                          adaptau_error *error)
{
    struct id_extent extent = {.largest_user = -1, .largest_item = -1};
    struct buckets   buckets;
    adaptau_status   status = buckets_open(&buckets, s->folder, set, shards, s->memory << 20, error);
    if (status)
        return status;
    status = input_read(input, buckets_add, &buckets, &extent, error);
    adaptau_status closed = buckets_close(&buckets, status ? NULL : error);
    return status ? status : closed;
}

static adaptau_status run(const struct settings *s, adaptau_error *error)
{
    struct id_extent extent = {.largest_user = -1, .largest_item = -1};
    struct shards    shards = {.user_ranges = s->user_ranges, .item_ranges = s->item_ranges};
    adaptau_status   status = input_read(s->train, pass_over, &shards.n_train, &extent, error);
    if (!status)
        status = input_read(s->test, pass_over, &shards.n_test, &extent, error);
    if (status)
        return status;
    shards.n_users = (int64_t)extent.largest_user + 1;
    shards.n_items = (int64_t)extent.largest_item + 1;
    if (shards.n_users < s->user_ranges || shards.n_items < s->item_ranges)
        return fail(error, ADAPTAU_E_ARGUMENT, "%lld users and %lld items are fewer than ranges", (long long)shards.n_users,
                    (long long)shards.n_items);
    if (mkdir(s->folder, 0777) != 0 && errno != EEXIST)
        return fail_os(error, errno, "%s", shown_path(s->folder));
    status = cut(s, s->train, "train", &shards, error);
    if (!status)
        status = cut(s, s->test, "test", &shards, error);
    if (!status) /* last: a folder without it is not finished                                                   */
        status = shards_write(s->folder, &shards, error);
    if (!status)
        printf("%lld users, %lld items, %lld train pairs, %lld test pairs in %lld x %lld ranges\n", (long long)shards.n_users,
               (long long)shards.n_items, (long long)shards.n_train, (long long)shards.n_test, (long long)shards.user_ranges,
               (long long)shards.item_ranges);
    return status;
}

int main(int argc, char **argv)
{
    struct settings settings;
    adaptau_error   error = {0};
    int             code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    if (run(&settings, &error)) {
        tell_failure(PROGRAM, &error);
        return 1;
    }
    return finish_stdout(PROGRAM) ? 0 : 1;
}
