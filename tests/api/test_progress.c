/* SPDX-License-Identifier: MIT */
/* Long calls that tell how far they are, and are ended: the same results with and without, and nothing half done. */
#include <adaptau/adaptau.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/host.h"
#include "../support/model_world.h"
#include "../support/suite.h"

/* ---- a listener ----------------------------------------------------------------------------------------------------- */

enum { KINDS = ADAPTAU_PROGRESS_FOLD_IN + 1 };

struct listener {
    int     calls[KINDS], all_calls;
    int64_t done[KINDS], total[KINDS];
    int     ending_call; /* from 1 of all; 0: none                                                            */
};

static int32_t listen(void *user_data, int32_t what, int64_t done, int64_t total)
{
    struct listener *l = user_data;
    ck_assert(what >= 0 && what < KINDS);
    ck_assert_int_gt(done, 0);
    ck_assert_int_le(done, total);
    if (l->done[what] < l->total[what])
        ck_assert(total == l->total[what] && done > l->done[what]);
    l->calls[what]++;
    l->done[what] = done;
    l->total[what] = total;
    return ++l->all_calls == l->ending_call ? 7 : 0;
}

/* ---- calls ---------------------------------------------------------------------------------------------------------- */

enum { MANY = 1300, K = 5 };

struct answers {
    float   rows[2][ITEMS * DIM]; /* of a model by the spectral start                                         */
    double  mean, likelihood[2];
    int32_t found[USERS * K];
    float   scores[USERS * K], folded[MANY * DIM], taus[MANY];
};

struct calls {
    struct world       world; /* trained, with the evaluator's results of before                              */
    adaptau_evaluator *evaluator;
    int64_t            ptr[MANY + 1];
    int32_t            items[2 * MANY];
};

static struct calls open_calls(int32_t n_threads)
{
    struct calls c = {.world = open_world((adaptau_context_options){.n_threads = n_threads}, (adaptau_model_options){0},
                                          (adaptau_sampler_options){0}, (adaptau_temperature_options){0})};
    train(&c.world, 2);
    OK(adaptau_evaluator_create(c.world.context, c.world.data, NULL, &c.evaluator, &error));
    for (int u = 0; u < MANY; u++) {
        c.items[2 * u] = u % 50;
        c.items[2 * u + 1] = 50 + u % 100;
        c.ptr[u + 1] = 2 * (u + 1);
    }
    return c;
}

static void close_calls(struct calls *c)
{
    adaptau_evaluator_destroy(c->evaluator);
    close_world(&c->world);
}

static adaptau_status make_model(struct calls *c, struct answers *out)
{
    adaptau_model_options options = full_model_options((adaptau_model_options){.dim = DIM, .init = ADAPTAU_INIT_SPECTRAL});
    adaptau_model        *model = NULL;
    adaptau_status        status = adaptau_model_create(c->world.context, c->world.data, &options, &model, &error);
    ck_assert_int_eq(status == ADAPTAU_OK, model != NULL);
    if (model) {
        const adaptau_tables tables = tables_of(model);
        memcpy(out->rows[0], tables.users, USERS * DIM * sizeof(float));
        memcpy(out->rows[1], tables.items, ITEMS * DIM * sizeof(float));
    }
    adaptau_model_destroy(model);
    return status;
}

static adaptau_status run_evaluator(struct calls *c, struct answers *out)
{
    const adaptau_tables tables = tables_of(c->world.model);
    adaptau_status       status = adaptau_evaluator_run(c->evaluator, &tables, &error);
    if (status == ADAPTAU_OK)
        OK(adaptau_evaluator_mean(c->evaluator, ADAPTAU_METRIC_RECALL, 20, &out->mean, &error));
    return status;
}

static adaptau_status find_likelihood(struct calls *c, struct answers *out)
{
    const adaptau_tables tables = tables_of(c->world.model);
    const double         taus[2] = {0.1, 0.3};
    return adaptau_evaluator_log_likelihood(c->evaluator, &tables, 2, taus, out->likelihood, &error);
}

static adaptau_status rank(struct calls *c, struct answers *out)
{
    int32_t users[USERS];
    for (int u = 0; u < USERS; u++)
        users[u] = u;
    const adaptau_query query = {.struct_size = sizeof query, .n = USERS, .k = K, .ids = users};
    return adaptau_model_rank(c->world.model, &query, out->found, out->scores, &error);
}

static adaptau_status fold_in(struct calls *c, struct answers *out)
{
    const adaptau_fold_in_options options =
        full_fold_in_options(c->world.model, (adaptau_fold_in_options){.tau = 0.2, .n_steps = 1, .target_strength = 2.0});
    adaptau_fold_in              *fold = NULL;
    adaptau_status                status = adaptau_fold_in_create(c->world.model, c->world.data, &options, &fold, &error);
    ck_assert_int_eq(status == ADAPTAU_OK, fold != NULL);
    if (status == ADAPTAU_OK)
        status = adaptau_fold_in_users(fold, MANY, c->ptr, c->items, NULL, out->folded, out->taus, &error);
    adaptau_fold_in_destroy(fold);
    return status;
}

static adaptau_status update_targets(struct calls *c, struct answers *out)
{
    const adaptau_target_options options = full_target_options((adaptau_target_options){.strength = 2.0});
    (void)out;
    return adaptau_model_update_targets(c->world.model, c->world.data, c->world.temperature, &options, &error);
}

static const struct {
    const char *name;
    adaptau_status (*call)(struct calls *c, struct answers *out);
    int32_t what;
    int64_t total; /* 0: whatever it is                                                                       */
    int     least; /* calls of the listener                                                                   */
    bool    writes_in_part;
} subjects[] = {
    {"spectral start", make_model, ADAPTAU_PROGRESS_SPECTRAL, 10, 10, false},
    {"evaluation", run_evaluator, ADAPTAU_PROGRESS_RANKING, 0, 2, false},
    {"likelihood", find_likelihood, ADAPTAU_PROGRESS_RANKING, 0, 2, false},
    {"ranking", rank, ADAPTAU_PROGRESS_RANKING, USERS, 2, true},
    {"fold-in", fold_in, ADAPTAU_PROGRESS_FOLD_IN, MANY, 3, false},
    {"soft targets", update_targets, ADAPTAU_PROGRESS_TARGETS, 6, 6, false},
};
#define SUBJECTS ((int)(sizeof subjects / sizeof *subjects))

static void listen_to(struct calls *c, struct listener *listener)
{
    OK(adaptau_context_set_progress(c->world.context, listener ? listen : NULL, listener, &error));
}

/* _i: a subject. */
START_TEST(a_call_tells_how_far_it_is_and_has_the_same_result)
{
    static struct answers alone, heard;
    struct listener       listener = {0};
    struct calls          c = open_calls(1 + _i % 2);
    memset(&alone, 0, sizeof alone);
    memset(&heard, 0, sizeof heard);
    OK(subjects[_i].call(&c, &alone));
    listen_to(&c, &listener);
    OK(subjects[_i].call(&c, &heard));
    ck_assert_mem_eq(&alone, &heard, sizeof alone);
    const int32_t what = subjects[_i].what;
    ck_assert_int_ge(listener.calls[what], subjects[_i].least);
    ck_assert_int_eq(listener.done[what], listener.total[what]);
    if (subjects[_i].total)
        ck_assert_int_eq(listener.total[what], subjects[_i].total);
    const int calls = listener.all_calls;
    listen_to(&c, NULL);
    OK(subjects[_i].call(&c, &heard));
    ck_assert_int_eq(listener.all_calls, calls);
    close_calls(&c);
}
END_TEST

/* _i: a subject. The same call afterwards is as if nothing had been ended. */
START_TEST(a_call_that_is_ended_at_any_time_leaves_nothing_half_done)
{
    static struct answers truth, out, blank;
    struct listener       listener = {0};
    struct calls          c = open_calls(2);
    memset(&truth, 0, sizeof truth);
    memset(&blank, 0, sizeof blank);
    listen_to(&c, &listener);
    OK(subjects[_i].call(&c, &truth));
    const int calls = listener.all_calls;
    for (int ending = 1; ending <= calls; ending++) {
        uint64_t before, after;
        listener = (struct listener){.ending_call = ending};
        out = blank;
        adaptau_context_memory(c.world.context, &before, NULL);
        ck_assert_int_eq(subjects[_i].call(&c, &out), ADAPTAU_E_CANCELLED);
        adaptau_context_memory(c.world.context, &after, NULL);
        ck_assert_uint_eq(before, after);
        ck_assert_int_eq(listener.all_calls, ending);
        ck_assert_msg(strstr(error.message, "progress answered 7 after ") != NULL, "%s", error.message);
        if (!subjects[_i].writes_in_part)
            ck_assert_mem_eq(&out, &blank, sizeof out);
        out = blank;
        listener = (struct listener){0};
        OK(subjects[_i].call(&c, &out));
        ck_assert_mem_eq(&out, &truth, sizeof out);
    }
    close_calls(&c);
}
END_TEST

START_TEST(an_evaluation_that_is_ended_leaves_the_results_before_it)
{
    static struct answers first;
    static float          values[USERS], again[USERS];
    struct listener       listener = {.ending_call = 2};
    struct calls          c = open_calls(1);
    OK(run_evaluator(&c, &first));
    ck_assert_int_le(adaptau_evaluator_n_users(c.evaluator), USERS);
    OK(adaptau_evaluator_per_user(c.evaluator, ADAPTAU_METRIC_NDCG, 20, values, &error));
    train(&c.world, 3); /* which ranks otherwise                                                              */
    listen_to(&c, &listener);
    ck_assert_int_eq(run_evaluator(&c, &(struct answers){0}), ADAPTAU_E_CANCELLED);
    double mean = 0.0;
    OK(adaptau_evaluator_mean(c.evaluator, ADAPTAU_METRIC_RECALL, 20, &mean, &error));
    ck_assert(mean == first.mean);
    OK(adaptau_evaluator_per_user(c.evaluator, ADAPTAU_METRIC_NDCG, 20, again, &error));
    ck_assert_mem_eq(values, again, sizeof values);
    close_calls(&c);
}
END_TEST

START_TEST(a_fit_is_ended_in_the_middle_of_its_evaluation)
{
    struct listener      listener = {0};
    struct calls         c = open_calls(2);
    adaptau_recipe       r = {.struct_size = sizeof r};
    adaptau_fit_options  options = full_fit_options((adaptau_fit_options){.held_out_share = 0.2});
    adaptau_model       *model = NULL;
    OK(adaptau_recipe_init(&r, &error));
    r.dim = DIM;
    r.epochs = 2;
    r.tau0_policy = ADAPTAU_TAU0_FIRST_ORDER;
    listen_to(&c, &listener);
    OK(adaptau_fit(c.world.context, c.world.data, &r, &options, &model, NULL, &error));
    adaptau_model_destroy(model);
    model = NULL;
    ck_assert_int_gt(listener.calls[ADAPTAU_PROGRESS_RANKING], 2);
    ck_assert_int_gt(listener.calls[ADAPTAU_PROGRESS_SPECTRAL], 2);
    for (int ending = 1; ending <= listener.all_calls; ending += 5) {
        struct listener other = {.ending_call = ending};
        listen_to(&c, &other);
        ck_assert_int_eq(adaptau_fit(c.world.context, c.world.data, &r, &options, &model, NULL, &error), ADAPTAU_E_CANCELLED);
        ck_assert_ptr_null(model);
    }
    close_calls(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("progress");
    TCase *tests = tcase_create("progress");
    tcase_set_timeout(tests, 300);
    tcase_add_loop_test(tests, a_call_tells_how_far_it_is_and_has_the_same_result, 0, SUBJECTS);
    tcase_add_loop_test(tests, a_call_that_is_ended_at_any_time_leaves_nothing_half_done, 0, SUBJECTS);
    tcase_add_test(tests, an_evaluation_that_is_ended_leaves_the_results_before_it);
    tcase_add_test(tests, a_fit_is_ended_in_the_middle_of_its_evaluation);
    suite_add_tcase(suite, tests);
    return run_suite(suite);
}
