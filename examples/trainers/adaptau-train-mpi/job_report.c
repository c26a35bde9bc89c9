/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>

#include "adaptau-train-mpi/cost.h"
#include "adaptau-train-mpi/job.h"
#include "adaptau-train/report.h"
#include "common/hyperparameters.h"

static struct cost_question question_of(const struct job *job)
{
    const struct cutoffs *cutoffs = &job->settings->train.trial.cutoffs;
    return (struct cost_question){.n_users = job->part.n_rows,
                                  .n_items = job->part.n_items,
                                  .n_pairs = job->part.n_train,
                                  .rows = job->recipe.base.rows_per_batch,
                                  .dim = job->recipe.base.dim,
                                  .cutoff = cutoffs->values[cutoffs->count - 1],
                                  .n_p = job->grid.n_p,
                                  .n_q = job->grid.n_q,
                                  .row_moment = job->shard.row_moment};
}

/* The model's bytes of all steps: rows of an epoch are known exactly. */
static double predicted_bytes(const struct job *job)
{
    struct cost_question all = question_of(job);
    const struct cost    step = cost_of(&all);
    all.rows = all.n_users;
    const struct cost rows = cost_of(&all); /* as if the epoch's rows were one step's                           */
    return (double)job->recipe.base.epochs * (rows.sums_sent + rows.users_sent + step.steps * step.items_sent);
}

void job_report_json(const struct job *job)
{
    const struct settings *s = &job->settings->train;
    const struct standing *standing = &job->standing;
    struct json            json = {.out = stdout};
    char                   text[40];
    uint64_t               peak = 0;
    adaptau_context_memory(job->context, NULL, &peak);
    json_open(&json, NULL, '{');
    json_version(&json);
    json_text(&json, "backend", adaptau_context_backend(job->context));
    json_whole(&json, "threads", adaptau_context_n_threads(job->context));
    json_whole(&json, "processes", job->grid.world.size);
    snprintf(text, sizeof text, "%dx%d", job->grid.n_p, job->grid.n_q);
    json_text(&json, "grid", text);
    json_text(&json, "data", s->data);
    json_whole(&json, "n_users", job->part.n_users);
    json_whole(&json, "n_items", job->part.n_items);
    json_whole(&json, "n_train", job->part.n_train);
    json_whole(&json, "n_test", job->part.n_test);
    json_whole(&json, "n_test_users", job->judge.n_users);
    json_hyperparameters(&json, &job->recipe);
    json_truth(&json, "prior_chosen", false);
    json_text(&json, "protocol", "paper");
    json_truth(&json, "selected_on_test", true);
    json_whole(&json, "tau_trials", job->tuned.n_trials);
    if (job->tuned.n_trials > 0) {
        json_whole(&json, "tau_trial_epochs", job->tuned.trial_epochs);
        json_whole(&json, "tau_user_divisor", job->tuned.user_divisor);
        json_whole(&json, "tau_held_out", job->tuned.n_held_out);
        json_number(&json, "tau_first", job->tuned.first_tau);
        json_number(&json, "tau_recall", job->tuned.recall);
        json_number(&json, "tune_seconds", job->tuned.seconds);
    }
    json_whole(&json, "best_epoch", standing->best_epoch);
    json_whole(&json, "search_epochs", standing->epoch);
    json_number(&json, "loss", standing->best_loss);
    json_number(&json, "tau0", standing->best_tau0);
    json_scores(&json, &standing->best, &s->trial.cutoffs);
    json_number(&json, "read_seconds", job->read_seconds);
    json_number(&json, "train_seconds", job->train_seconds);
    json_number(&json, "wait_seconds", job->steps.waited);
    json_number(&json, "eval_seconds", job->eval_seconds);
    json_whole(&json, "step_bytes_sent", job->step_bytes);
    json_exact(&json, "step_bytes_predicted", predicted_bytes(job));
    json_whole(&json, "peak_bytes", (int64_t)peak);
    snprintf(text, sizeof text, "%016" PRIx64, job->hash);
    json_text(&json, "tables", text);
    json_close(&json, '}');
    printf("\n");
}

void job_report_table(const struct job *job)
{
    const struct cutoffs  *cutoffs = &job->settings->train.trial.cutoffs;
    const struct standing *standing = &job->standing;
    printf("data       %d users, %d items, %lld train pairs, %lld test pairs of %lld users\n", job->part.n_users,
           job->part.n_items, (long long)job->part.n_train, (long long)job->part.n_test, (long long)job->judge.n_users);
    printf("grid       %d x %d processes of %d threads\n", job->grid.n_p, job->grid.n_q, adaptau_context_n_threads(job->context));
    printf("protocol   paper: SELECTS ON TEST. Epoch %lld of %lld has the best recall on the test pairs themselves\n",
           (long long)standing->best_epoch, (long long)standing->epoch);
    if (job->tuned.n_trials > 0)
        printf("tau0       found by the first process in %.1f s: %lld trainings of %lld epochs without %lld pairs of train\n",
               job->tuned.seconds, (long long)job->tuned.n_trials, (long long)job->tuned.trial_epochs,
               (long long)job->tuned.n_held_out);
    printf("loss       %.6f, tau0 %.6f\n", standing->best_loss, standing->best_tau0);
    for (int32_t c = 0; c < cutoffs->count; c++)
        printf("@%-9d recall %.6f  ndcg %.6f\n", cutoffs->values[c], standing->best.value[ADAPTAU_METRIC_RECALL][c],
               standing->best.value[ADAPTAU_METRIC_NDCG][c]);
    printf("time       %.1f s training, of which %.1f s waiting, %.1f s evaluating\n", job->train_seconds, job->steps.waited,
           job->eval_seconds);
}
