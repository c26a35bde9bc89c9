/* SPDX-License-Identifier: MIT */
#include "common/shards.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/draft.h"
#include "common/fail.h"

#define FORMAT "adaptau-shards 1"
#define PAIRS_AT_ONCE 8192

static bool manifest_path(char *out, size_t size, const char *folder)
{
    return snprintf(out, size, "%s/shards.txt", folder) < (int)size;
}

bool shard_path(char *out, size_t size, const char *folder, const char *set, int64_t user_range, int64_t item_range)
{
    return snprintf(out, size, "%s/%s.%" PRId64 ".%" PRId64 ".pairs", folder, set, user_range, item_range) < (int)size;
}

static adaptau_status too_long(const char *folder, adaptau_error *error)
{
    return fail(error, ADAPTAU_E_ARGUMENT, "%s: the path is too long", shown_path(folder));
}

adaptau_status shards_read(const char *folder, struct shards *s, bool *found, adaptau_error *error)
{
    char  path[4096];
    FILE *file = manifest_path(path, sizeof path, folder) ? fopen(path, "r") : NULL;
    *found = file != NULL;
    if (!file)
        return ADAPTAU_OK; /* then it is something else                                                         */
    const int n = fscanf(file, FORMAT " users %" SCNd64 " items %" SCNd64 " ranges %" SCNd64 " %" SCNd64 " train %" SCNd64
                                      " test %" SCNd64,
                         &s->n_users, &s->n_items, &s->user_ranges, &s->item_ranges, &s->n_train, &s->n_test);
    fclose(file);
    const bool fine = n == 6 && s->n_users >= 0 && s->n_users < INT32_MAX && s->n_items >= 0 && s->n_items < INT32_MAX &&
                      s->user_ranges >= 1 && s->user_ranges <= SHARDS_MOST && s->item_ranges >= 1 &&
                      s->item_ranges <= SHARDS_MOST && s->n_train >= 0 && s->n_test >= 0;
    return fine ? ADAPTAU_OK : fail(error, ADAPTAU_E_FORMAT, "%s: not what adaptau-shard writes", shown_path(path));
}

adaptau_status shards_write(const char *folder, const struct shards *s, adaptau_error *error)
{
    char         path[4096];
    struct draft draft;
    if (!manifest_path(path, sizeof path, folder))
        return too_long(folder, error);
    adaptau_status status = draft_open(&draft, path, error);
    if (status)
        return status;
    fprintf(draft.file,
            FORMAT "\nusers %" PRId64 "\nitems %" PRId64 "\nranges %" PRId64 " %" PRId64 "\ntrain %" PRId64 "\ntest %" PRId64
                   "\n",
            s->n_users, s->n_items, s->user_ranges, s->item_ranges, s->n_train, s->n_test);
    return draft_commit(&draft, error);
}

/* ---- pairs ------------------------------------------------------------------------------------------------------- */

struct window {
    int64_t first_user, end_user, first_item, end_item;
};

static bool meets(const struct window *a, const struct window *b)
{
    return a->first_user < b->end_user && b->first_user < a->end_user && a->first_item < b->end_item &&
           b->first_item < a->end_item;
}

static bool holds(const struct window *w, const int32_t pair[2])
{
    return pair[0] >= w->first_user && pair[0] < w->end_user && pair[1] >= w->first_item && pair[1] < w->end_item;
}

static adaptau_status read_pairs_of(FILE *file, const char *path, const struct window *shard, const struct window *wanted,
                                    pair_visitor visit, void *user_data, adaptau_error *error)
{
    static int32_t pairs[PAIRS_AT_ONCE][2];
    adaptau_status status = ADAPTAU_OK;
    for (size_t n = PAIRS_AT_ONCE; n == PAIRS_AT_ONCE && !status;) {
        n = fread(pairs, sizeof *pairs, PAIRS_AT_ONCE, file);
        for (size_t k = 0; k < n && !status; k++) {
            if (!holds(shard, pairs[k]))
                return fail(error, ADAPTAU_E_FORMAT, "%s: pair (%d, %d) does not belong there", shown_path(path), pairs[k][0],
                            pairs[k][1]);
            if (holds(wanted, pairs[k]))
                status = visit(user_data, pairs[k][0], pairs[k][1], error);
        }
    }
    return !status && ferror(file) ? fail_os(error, errno, "%s", shown_path(path)) : status;
}

static adaptau_status read_shard(const char *path, const struct window *shard, const struct window *wanted, pair_visitor visit,
                                 void *user_data, adaptau_error *error)
{
    FILE *file = fopen(path, "rb");
    if (!file)
        return fail_os(error, errno, "%s", shown_path(path));
    adaptau_status status = read_pairs_of(file, path, shard, wanted, visit, user_data, error);
    fclose(file);
    return status;
}

adaptau_status shards_read_window(const char *folder, const struct shards *s, const char *set, int64_t first_user,
                                  int64_t end_user, int64_t first_item, int64_t end_item, pair_visitor visit,
                                  void *user_data, adaptau_error *error)
{
    const struct window wanted = {first_user, end_user, first_item, end_item};
    adaptau_status      status = ADAPTAU_OK;
    for (int64_t u = 0; u < s->user_ranges; u++)
        for (int64_t i = 0; i < s->item_ranges && !status; i++) {
            const struct window shard = {range_start(s->n_users, s->user_ranges, u),
                                         range_start(s->n_users, s->user_ranges, u + 1),
                                         range_start(s->n_items, s->item_ranges, i),
                                         range_start(s->n_items, s->item_ranges, i + 1)};
            char                path[4096];
            if (!meets(&shard, &wanted))
                continue;
            status = shard_path(path, sizeof path, folder, set, u, i)
                         ? read_shard(path, &shard, &wanted, visit, user_data, error)
                         : too_long(folder, error);
        }
    return status;
}
