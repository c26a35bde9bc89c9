/* SPDX-License-Identifier: MIT */
/* Several programs on one file: two that save to it over and over, and others that load it meanwhile. Whoever loads gets one model or
 * the other, whole; at the end one of them is there, and nothing beside it. */
#include <adaptau/adaptau.h>
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>

#include "../support/folder.h"
#include "../support/model_world.h"
#include "../support/suite.h"

enum { SAVES = 150, LOADS = 300, SAVERS = 2 };

static struct world worlds[SAVERS]; /* of other numbers                                                              */

static void set_up(void)
{
    make_folder();
    for (int k = 0; k < SAVERS; k++) {
        worlds[k] = open_world((adaptau_context_options){.n_threads = 1}, (adaptau_model_options){.seed = (uint64_t)(k + 1)},
                               (adaptau_sampler_options){0}, (adaptau_temperature_options){0});
        train(&worlds[k], 1);
    }
}

static void tear_down(void)
{
    for (int k = 0; k < SAVERS; k++)
        close_world(&worlds[k]);
    remove_folder();
}

/* Whose model it is, or −1. */
static int owner_of(const adaptau_model *model)
{
    const adaptau_tables t = tables_of(model);
    for (int k = 0; k < SAVERS; k++) {
        const adaptau_tables own = tables_of(worlds[k].model);
        if (memcmp(t.users, own.users, sizeof(float) * USERS * DIM) == 0 && memcmp(t.items, own.items, sizeof(float) * ITEMS * DIM) == 0)
            return k;
    }
    return -1;
}

static adaptau_status save(const struct world *w, bool checkpoint)
{
    return checkpoint ? adaptau_model_save_checkpoint(w->model, w->temperature, "two", path, &error)
                      : adaptau_model_save(w->model, path, &error);
}

/* Of a process of its own; a failed assertion would run the rest of the tests there. */
static int save_often(const struct world *w, bool checkpoint)
{
    for (int n = 0; n < SAVES; n++)
        if (save(w, checkpoint) != ADAPTAU_OK) {
            fprintf(stderr, "save %d: %s\n", n, error.message);
            return 1;
        }
    return 0;
}

/* In turn as a copy, mapped, and to be trained on. */
static int load(int n, bool checkpoint)
{
    struct world  *w = &worlds[0];
    adaptau_model *model = NULL;
    if (n % 3 == 0)
        OK(adaptau_model_load(w->context, path, &model, &error));
    else if (n % 3 == 1 || !checkpoint)
        OK(adaptau_model_map(w->context, path, NULL, NULL, &model, &error));
    else
        OK(adaptau_model_load_checkpoint(w->context, w->data, path, &model, NULL, NULL, &error));
    const int owner = owner_of(model);
    adaptau_model_destroy(model);
    return owner;
}

/* _i: models, or checkpoints; at the file's own path, or by a link. */
START_TEST(loads_during_saves_get_one_model_or_the_other)
{
    pid_t children[SAVERS];
    int   seen[SAVERS] = {0}, status;
    const bool checkpoint = _i % 2, linked = _i >= 2;
    char       file[sizeof path + 8];
    if (linked) {
        snprintf(file, sizeof file, "%s.kept", path);
        ck_assert_int_eq(symlink(strrchr(file, '/') + 1, path), 0);
    }
    OK(save(&worlds[0], checkpoint));
    for (int k = 0; k < SAVERS; k++) {
        children[k] = fork();
        ck_assert_int_ge(children[k], 0);
        if (children[k] == 0)
            _exit(save_often(&worlds[k], checkpoint));
    }
    for (int n = 0; n < LOADS; n++) {
        const int owner = load(n, checkpoint);
        ck_assert_msg(owner >= 0, "load %d is neither's model", n);
        seen[owner]++;
    }
    for (int k = 0; k < SAVERS; k++) {
        while (waitpid(children[k], &status, 0) < 0)
            ck_assert_int_eq(errno, EINTR);
        ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "saver %d: status 0x%x", k, (unsigned)status);
    }
    ck_assert_int_ge(load(0, checkpoint), 0);
    ck_assert_int_eq(count_files(0), linked ? 2 : 1);
    ck_assert_int_eq(seen[0] + seen[1], LOADS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("two programs");
    TCase *tests = tcase_create("two programs");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, loads_during_saves_get_one_model_or_the_other, 0, 4);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
