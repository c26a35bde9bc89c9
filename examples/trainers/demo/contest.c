/* SPDX-License-Identifier: MIT */
#include "demo/contest.h"

#include <stdio.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/popular.h"
#include "common/scores.h"
#include "common/training.h"

#define TITLE_WIDTH 36

struct contestant {
    const char *title;
    int32_t     tau0;
    int32_t     tau_user;
    double      tau;
};

/* The last one is what the showcase asks. */
static const struct contestant contestants[] = {
    {"temperature fixed at 1", ADAPTAU_TAU0_FIXED, ADAPTAU_TAU_USER_NONE, 1.0},
    {"temperature fixed at 0.3", ADAPTAU_TAU0_FIXED, ADAPTAU_TAU_USER_NONE, 0.3},
    {"temperature fixed at 0.1", ADAPTAU_TAU0_FIXED, ADAPTAU_TAU_USER_NONE, 0.1},
    {"temperature fixed at 0.03", ADAPTAU_TAU0_FIXED, ADAPTAU_TAU_USER_NONE, 0.03},
    {"Adap-tau0, by Eq. 14 of the paper", ADAPTAU_TAU0_FIRST_ORDER, ADAPTAU_TAU_USER_NONE, 0},
    {"Adap-tau, by held-out dependencies", ADAPTAU_TAU0_HELD_OUT, ADAPTAU_BY_DATA, 0},
};

static const struct cutoffs cutoffs = {.count = 1, .values = {20}};

static void print_scores(const char *title, const struct scores *scores, double seconds, const char *remark)
{
    printf("%-*s %10.4f %10.4f %9.1f   %s\n", TITLE_WIDTH, title, scores->value[ADAPTAU_METRIC_RECALL][0],
           scores->value[ADAPTAU_METRIC_NDCG][0], seconds, remark);
    fflush(stdout);
}

static adaptau_status rank_by_popularity(const adaptau_dataset *train, adaptau_evaluator *evaluator, adaptau_error *error)
{
    struct scores  scores;
    adaptau_status status = score_popular(train, evaluator, &cutoffs, &scores, error);
    if (!status)
        print_scores("most popular first, nothing learned", &scores, 0, "none");
    return status;
}

static int show_step(void *user_data, const struct training *training)
{
    const struct contestant *contestant = user_data;
    if (training->step % 16 == 0) {
        fprintf(stderr, "\r%-*s epoch %lld of %lld  ", TITLE_WIDTH, contestant->title, (long long)training->epoch + 1,
                (long long)training->n_epochs);
        fflush(stderr);
    }
    return 0;
}

static void describe_temperature(const struct training *training, char *out, size_t size)
{
    adaptau_temperature_state state = {.struct_size = sizeof state};
    adaptau_recipe            recipe = {.struct_size = sizeof recipe};
    adaptau_temperature_get_state(training->temperature, &state, NULL);
    adaptau_training_get_recipe(training->schedule, &recipe, NULL); /* with what was found, before training */
    if (recipe.tau_user_policy != ADAPTAU_TAU_USER_NONE)
        snprintf(out, size, "%.3f ... %.3f", state.tau_user_min, state.tau_user_max);
    else
        snprintf(out, size, "%.3f", state.tau0);
}

static adaptau_status train_one(struct training *training, const struct contestant *contestant, adaptau_evaluator *evaluator,
                                double started, adaptau_error *error)
{
    char              remark[40];
    struct contestant shown = *contestant;
    struct scores     scores;
    adaptau_tables    tables = {.struct_size = sizeof tables};
    adaptau_status    status = ADAPTAU_OK;
    if (isatty(STDERR_FILENO) == 1) {
        training->on_step = show_step;
        training->on_step_data = &shown;
    }
    while (!status && training->epoch < training->n_epochs)
        status = training_epoch(training, error);
    if (training->on_step)
        fprintf(stderr, "\r%79s\r", "");
    if (!status)
        status = adaptau_model_get_tables(training->model, &tables, error);
    if (status)
        return status;
    const double seconds = clock_now() - started;
    status = score_tables(evaluator, &tables, &cutoffs, &scores, error);
    if (status)
        return status;
    describe_temperature(training, remark, sizeof remark);
    print_scores(contestant->title, &scores, seconds, remark);
    return ADAPTAU_OK;
}

static adaptau_status enter(adaptau_context *context, const adaptau_dataset *train, const struct contestant *contestant,
                            int64_t epochs, adaptau_evaluator *evaluator, adaptau_model **model, adaptau_error *error)
{
    double          started = clock_now();
    struct training training = {0};
    struct recipe   recipe = recipe_default();
    recipe.base.positives_outside_sum = 0; /* as trials find on these data; the others have no trials */
    recipe.base.tau0_policy = contestant->tau0;
    recipe.base.tau_user_policy = contestant->tau_user;
    recipe.base.tau = contestant->tau;
    recipe.base.epochs = epochs;
    adaptau_status status = recipe_fill(&recipe, adaptau_dataset_n_users(train), adaptau_dataset_n_items(train),
                                        adaptau_dataset_n_interactions(train), error);
    if (!status)
        status = training_create(context, train, &recipe, &training, error);
    if (!status)
        status = train_one(&training, contestant, evaluator, started, error);
    if (!status) {
        adaptau_model_destroy(*model);
        *model = training_take_model(&training);
    }
    training_destroy(&training);
    return status;
}

adaptau_status run_contest(adaptau_context *context, const adaptau_dataset *train, const adaptau_dataset *test, int64_t epochs,
                           adaptau_model **model, adaptau_error *error)
{
    adaptau_evaluator *evaluator = NULL;
    adaptau_status     status = make_evaluator(context, test, train, &cutoffs, &evaluator, error);
    if (status)
        return status;
    printf("%-*s %10s %10s %9s   %s\n", TITLE_WIDTH, "", "recall@20", "NDCG@20", "seconds", "temperature");
    status = rank_by_popularity(train, evaluator, error);
    for (size_t i = 0; i < sizeof contestants / sizeof *contestants && !status; i++)
        status = enter(context, train, &contestants[i], epochs, evaluator, model, error);
    adaptau_evaluator_destroy(evaluator);
    return status;
}
