/* SPDX-License-Identifier: MIT */
#include "adaptau-train/report.h"

#include <math.h>
#include <stdio.h>

#include "common/hyperparameters.h"

static const char *protocol_name(const struct settings *settings)
{
    if (settings->trial.protocol == PROTOCOL_PAPER)
        return "paper";
    return settings->trial.no_refit ? "valid, no refit" : "valid";
}

/* ---- for programs ------------------------------------------------------------------------------------------------ */

void json_scores(struct json *json, const struct scores *scores, const struct cutoffs *cutoffs)
{
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        for (int32_t c = 0; c < cutoffs->count; c++) {
            char key[40];
            snprintf(key, sizeof key, "%s@%d", metric_names[metric], cutoffs->values[c]);
            json_number(json, key, scores->value[metric][c]);
        }
    }
}

void json_version(struct json *json)
{
    char    text[40];
    int32_t version = adaptau_version();
    snprintf(text, sizeof text, "%d.%d.%d", version / 10000, version / 100 % 100, version % 100);
    json_text(json, "version", text);
}

static void json_data(struct json *json, const struct run *run)
{
    json_text(json, "data", run->settings->data);
    json_whole(json, "n_users", run->problem.data.n_users);
    json_whole(json, "n_items", run->problem.data.n_items);
    json_whole(json, "n_train", adaptau_dataset_n_interactions(run->problem.train));
    json_whole(json, "n_test", adaptau_dataset_n_interactions(run->problem.test));
    json_whole(json, "n_test_users", run->trial.n_test_users);
    if (*run->beside.why_untested)
        json_text(json, "why_untested", run->beside.why_untested);
    account_json(&run->problem.data.account, "reading", json);
    if (run->negatives.path)
        negatives_json(&run->negatives, "negatives", json);
}

/* What found tau0 ended where it may not go on. */
static bool is_at_bound(const struct run *run)
{
    const adaptau_recipe *recipe = &run->trial.recipe.base;
    const int32_t         policy = run->trial.tau0_policy;
    return policy != ADAPTAU_TAU0_FIXED && policy != ADAPTAU_TAU0_LEARNED &&
           (run->trial.tau0 <= recipe->tau_min * (1 + 1e-6) || run->trial.tau0 >= recipe->tau_max * (1 - 1e-6));
}

static void json_search(struct json *json, const struct run *run)
{
    bool on_test = run->settings->trial.protocol == PROTOCOL_PAPER;
    json_text(json, "protocol", protocol_name(run->settings));
    json_truth(json, "selected_on_test", on_test);
    json_truth(json, "tau_at_bound", is_at_bound(run));
    json_whole(json, "tau_trials", run->trial.tuning.n_trials);
    if (run->trial.tuning.n_trials > 0) {
        json_whole(json, "tau_trial_epochs", run->trial.tuning.trial_epochs);
        json_whole(json, "tau_user_divisor", run->trial.tuning.user_divisor);
        json_whole(json, "tau_held_out", run->trial.tuning.n_held_out);
        json_text(json, "tau_held_out_by", run->trial.train_times ? "time" : "random");
        json_number(json, "tau_first", run->trial.tuning.first_tau);
        json_number(json, "tau_recall", run->trial.tuning.recall);
    }
    if (run->trial.tuning.factorised_score != 0) {
        const int32_t at = choosing_cutoff(&run->settings->trial.cutoffs);
        json_number(json, "held_out_recall", run->trial.search.best.value[ADAPTAU_METRIC_RECALL][at]);
        json_number(json, "held_out_recall_mf", run->trial.tuning.factorised_recall);
    }
    json_whole(json, "best_epoch", run->trial.search.best_epoch);
    json_whole(json, "search_epochs", run->trial.search.n_epochs);
    if (on_test)
        return;
    json_whole(json, "n_valid", run->trial.search.n_pairs);
    json_open(json, "validation", '{');
    if (run->trial.search.n_pairs > 0)
        json_scores(json, &run->trial.search.best, &run->settings->trial.cutoffs);
    json_close(json, '}');
}

/* A mean over nobody is none. */
static struct scores test_scores(const struct run *run)
{
    struct scores scores = run->trial.scores;
    for (int metric = 0; metric < ADAPTAU_N_METRICS && run->trial.n_test_users == 0; metric++)
        for (int c = 0; c < CUTOFFS_MAX; c++)
            scores.value[metric][c] = NAN;
    return scores;
}

/* Recall and NDCG at the cutoff that chooses. */
static void json_both(struct json *json, const char *of, const struct scores *scores, const struct cutoffs *cutoffs)
{
    static const int both[] = {ADAPTAU_METRIC_RECALL, ADAPTAU_METRIC_NDCG};
    const int32_t    at = choosing_cutoff(cutoffs);
    for (int i = 0; i < 2; i++) {
        char key[48];
        snprintf(key, sizeof key, "%s_%s@%d", of, metric_names[both[i]], cutoffs->values[at]);
        json_number(json, key, scores->value[both[i]][at]);
    }
}

static void json_beside(struct json *json, const struct run *run)
{
    const struct beside *beside = &run->beside;
    if (!beside->measured)
        return;
    json_both(json, "popular", &beside->popular, &run->settings->trial.cutoffs);
    if (beside->n_warm > 0) {
        json_whole(json, "n_warm_test_users", beside->n_warm);
        json_both(json, "warm", &beside->warm, &run->settings->trial.cutoffs);
    }
}

void report_json(const struct run *run)
{
    struct json json = {.out = stdout};
    uint64_t    peak = 0;
    const struct scores scores = test_scores(run);
    adaptau_context_memory(run->context, NULL, &peak);
    json_open(&json, NULL, '{');
    json_version(&json);
    json_text(&json, "backend", adaptau_context_backend(run->context));
    json_truth(&json, "bf16_used", run->trial.recipe.base.bfloat16 && adaptau_context_uses_bfloat16(run->context));
    json_whole(&json, "threads", adaptau_context_n_threads(run->context));
    json_data(&json, run);
    json_text(&json, "temperature", tau0_names[run->trial.tau0_policy]);
    json_hyperparameters(&json, &run->trial.recipe);
    json_truth(&json, "prior_chosen", run->trial.chooses_prior);
    json_search(&json, run);
    json_number(&json, "loss", run->trial.loss);
    json_number(&json, "tau0", run->trial.tau0);
    json_scores(&json, &scores, &run->settings->trial.cutoffs);
    json_beside(&json, run);
    json_number(&json, "read_seconds", run->read_seconds);
    json_number(&json, "tune_seconds", run->trial.tune_seconds);
    json_number(&json, "train_seconds", run->trial.train_seconds);
    json_number(&json, "eval_seconds", run->trial.eval_seconds);
    json_whole(&json, "peak_bytes", (int64_t)peak);
    json_close(&json, '}');
    printf("\n");
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

static void print_protocol(const struct run *run)
{
    const struct settings *settings = run->settings;
    const struct search   *search = &run->trial.search;
    long long              best = search->best_epoch, trained = search->n_epochs;
    int32_t                cutoff = settings->trial.cutoffs.values[choosing_cutoff(&settings->trial.cutoffs)];
    if (settings->trial.protocol == PROTOCOL_PAPER) {
        printf("protocol   paper: SELECTS ON TEST. Epoch %lld of %lld has the best recall@%d on the test pairs\n", best,
               trained, cutoff);
        printf("           themselves, as in published figures; it flatters the model\n");
        return;
    }
    if (run->trial.tuning.n_trials > 0 && search->n_pairs == 0) {
        printf("protocol   valid: trained on all of train for %lld epochs; test was looked at once\n", best);
        return;
    }
    if (search->n_pairs == 0) {
        printf("protocol   valid: too few pairs to hold any out, so all %lld epochs were trained\n", best);
        return;
    }
    printf("protocol   valid: epoch %lld of %lld has the best recall@%d on %lld pairs held out of train;\n", best, trained,
           cutoff, (long long)search->n_pairs);
    printf("           %s; test was looked at once\n",
           settings->trial.no_refit ? "that model is reported" : "all of train was then trained on for as many epochs");
}

/* Both were trained without the same pairs. */
static void print_comparison(const struct run *run)
{
    const int32_t at = choosing_cutoff(&run->settings->trial.cutoffs);
    const double  own = run->trial.search.best.value[ADAPTAU_METRIC_RECALL][at], other = run->trial.tuning.factorised_recall;
    printf("compared   held-out recall@%d %.4f, of matrix factorisation %.4f%s\n", run->settings->trial.cutoffs.values[at], own, other,
           other > own ? ": --backbone mf does better here" : "");
}

static const char *name_divisor(uint32_t divisor)
{
    return divisor == 2 ? " on half of the users" : divisor == 4 ? " on a quarter of the users" : "";
}

static void print_bound(const struct run *run)
{
    const bool searched = run->trial.tuning.n_trials > 0;
    printf("%-10s %g is at the bound of %s (%s)%s\n", searched ? "" : "tau0", run->trial.tau0,
           run->trial.tau0_policy == ADAPTAU_TAU0_HELD_OUT ? "the search" : "the equation",
           run->trial.tau0 >= run->trial.recipe.base.tau_max * (1 - 1e-6) ? "--tau-max" : "--tau-min",
           searched ? ": the best one may be beyond"
           : run->trial.tau0_policy == ADAPTAU_TAU0_HELD_OUT ? ": too few pairs to hold any out and search by" : "");
}

static void print_facts(const struct run *run)
{
    const struct recipe *recipe = &run->trial.recipe;
    char                 line[ACCOUNT_LINE_SIZE];
    account_line(&run->problem.data.account, line);
    printf("read       %s\n           %s\n", run->problem.data.account.seen, line);
    if (run->negatives.path) {
        char negatives[NEGATIVES_LINE_SIZE];
        negatives_line(&run->negatives, negatives);
        printf("negatives  %s\n           %s\n", run->negatives.account.seen, negatives);
    }
    printf("data       %d users, %d items, %lld train pairs, %lld test pairs of %d users\n", run->problem.data.n_users,
           run->problem.data.n_items, (long long)adaptau_dataset_n_interactions(run->problem.train),
           (long long)adaptau_dataset_n_interactions(run->problem.test), run->trial.n_test_users);
    if (*run->beside.why_untested)
        printf("           %s\n", run->beside.why_untested);
    printf("model      %s, ", backbone_names[recipe->base.encoder]);
    if (recipe->base.encoder == ADAPTAU_ENCODER_LIGHTGCN)
        printf("%lld layer%s, ", (long long)recipe->base.n_layers, recipe->base.n_layers == 1 ? "" : "s");
    if (recipe->base.unit_raw_rows == 1)
        printf("raw rows on the unit sphere, ");
    if (recipe->base.rank_raw == 1)
        printf("ranked by inner products, ");
    if (recipe->base.loss != ADAPTAU_LOSS_SOFTMAX)
        printf("loss %s, ", loss_names[recipe->base.loss]);
    if (recipe->contrast != CONTRAST_NONE)
        printf("contrast %s of weight %g, ", contrast_names[recipe->contrast], recipe->contrast_weight);
    printf("dim %lld, tau0 %.4f by %s, personal %s, positives %s, candidates %s\n", (long long)recipe->base.dim, run->trial.tau0,
           tau0_names[run->trial.tau0_policy], personal_names[recipe->base.tau_user_policy],
           positive_names[recipe->base.positives_outside_sum], candidate_names[recipe->base.candidates]);
    printf("recipe     %lld epochs of batches of %lld, learning rates %g and %g, row weight %g, soft targets %.3g,\n"
           "           popularity %.3g, its prior %.3g, seed %lld\n",
           (long long)recipe->base.epochs, (long long)recipe->base.rows_per_batch, recipe->base.learning_rate_users,
           recipe->base.learning_rate_items, recipe->base.row_weight_exponent, recipe->base.soft_targets, recipe->base.popularity_exponent,
           recipe->base.popularity_prior, (long long)recipe->base.seed);
    if (run->trial.tuning.n_trials > 0)
        printf("tau0       found by %d trainings of %lld epochs%s without %lld pairs of train:\n           %s %g %% of %s\n",
               run->trial.tuning.n_trials, (long long)run->trial.tuning.trial_epochs, name_divisor(run->trial.tuning.user_divisor),
               (long long)run->trial.tuning.n_held_out, run->trial.train_times ? "the latest" : "drawn at random,",
               100 * run->settings->trial.valid_share, run->trial.train_times && !run->trial.of_each_user ? "all" : "each user's");
    if (is_at_bound(run))
        print_bound(run);
    print_protocol(run);
    if (run->trial.tuning.factorised_score != 0)
        print_comparison(run);
    printf("time       %.1f s for tau0, %.1f s training, %.1f s evaluating, on %d thread%s (%s)\n", run->trial.tune_seconds,
           run->trial.train_seconds, run->trial.eval_seconds, adaptau_context_n_threads(run->context),
           adaptau_context_n_threads(run->context) == 1 ? "" : "s", adaptau_context_backend(run->context));
}

static void print_scores(const struct scores *scores, const struct cutoffs *cutoffs)
{
    static const char *const titles[ADAPTAU_N_METRICS] = {"recall", "NDCG", "precision", "hit rate", "MRR", "MAP"};
    printf("\n%-10s", "test");
    for (int32_t c = 0; c < cutoffs->count; c++) {
        char title[16];
        snprintf(title, sizeof title, "@%d", cutoffs->values[c]);
        printf(" %9s", title);
    }
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        printf("\n%-10s", titles[metric]);
        for (int32_t c = 0; c < cutoffs->count; c++)
            if (isnan(scores->value[metric][c]))
                printf(" %9s", "none");
            else
                printf(" %9.4f", scores->value[metric][c]);
    }
    printf("\n");
}

static void print_both(const char *title, const struct scores *scores, const struct cutoffs *cutoffs)
{
    const int32_t at = choosing_cutoff(cutoffs);
    printf("%-10s recall@%d %.4f, NDCG@%d %.4f", title, cutoffs->values[at], scores->value[ADAPTAU_METRIC_RECALL][at],
           cutoffs->values[at], scores->value[ADAPTAU_METRIC_NDCG][at]);
}

/* What the table is to be compared with. */
static void print_beside(const struct run *run)
{
    const struct beside  *beside = &run->beside;
    const struct cutoffs *cutoffs = &run->settings->trial.cutoffs;
    const int32_t         at = choosing_cutoff(cutoffs);
    if (!beside->measured)
        return;
    printf("\n");
    print_both("popular", &beside->popular, cutoffs);
    printf(" by the most popular first%s\n",
           run->trial.scores.value[ADAPTAU_METRIC_RECALL][at] > beside->popular.value[ADAPTAU_METRIC_RECALL][at]
               ? ""
               : ": the model finds no more than that");
    if (beside->n_warm > 0) {
        print_both("warm", &beside->warm, cutoffs);
        printf(" of the %d test users who are in train\n", beside->n_warm);
    }
}

void report_table(const struct run *run)
{
    const struct scores scores = test_scores(run);
    print_facts(run);
    print_scores(&scores, &run->settings->trial.cutoffs);
    print_beside(run);
}
