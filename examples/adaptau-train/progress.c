/* SPDX-License-Identifier: MIT */
#include "adaptau-train/progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/stop.h"
#include "common/clock.h"
#include "common/recipe.h"

#define BAR_WIDTH 16
#define LINE_WIDTH 79 /* a longer line would wrap on a narrow terminal, and could not be redrawn */
#define DRAW_SECONDS 0.1

void progress_begin(struct progress *progress, bool quiet, const char *phase, int64_t n_epochs)
{
    *progress = (struct progress){
        .quiet = quiet,
        .terminal = isatty(STDERR_FILENO) == 1,
        .phase = phase,
        .n_epochs = n_epochs,
        .started = clock_now(),
    };
}

/* Draw the terminal's line, unless that was done a moment ago. */
static void draw(struct progress *progress, const struct training *training)
{
    char   bar[BAR_WIDTH + 1], scores[64] = "", left[32] = "?", line[160];
    double steps = (double)(training->epoch * training->n_steps + training->step);
    double share = steps / ((double)progress->n_epochs * (double)training->n_steps);
    int    full = (int)(share * BAR_WIDTH);
    double now = clock_now();
    if (now - progress->drawn < DRAW_SECONDS)
        return;
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < full ? '#' : '.';
    bar[BAR_WIDTH] = '\0';
    if (share > 0)
        clock_text((now - progress->started) * (1 - share) / share, left, sizeof left);
    if (progress->scored)
        snprintf(scores, sizeof scores, "  R@%d %.4f", progress->cutoff, progress->recall);
    snprintf(line, sizeof line, "%s %lld/%lld [%s]  loss %.3f  tau0 %.4f%s  ETA %s", progress->phase,
             (long long)training->epoch, (long long)progress->n_epochs, bar, training->loss, training->tau0, scores, left);
    fprintf(stderr, "\r%-*.*s", LINE_WIDTH, LINE_WIDTH, line);
    fflush(stderr);
    progress->drawn = now;
}

/* The terminal's line for the search for the temperature, or a line for each of its trials. */
int progress_tune(struct progress *progress, const adaptau_tune_progress *tune)
{
    const bool over = tune->recall == tune->recall; /* not NaN */
    const double now = clock_now();
    if (progress->quiet)
        return stop_signal() != 0;
    if (progress->terminal && (over || now - progress->drawn >= DRAW_SECONDS)) {
        char line[160];
        snprintf(line, sizeof line, "temperature, trial %d: tau0 %.4f  epoch %lld/%lld  step %lld/%lld", tune->trial, tune->tau,
                 (long long)tune->epoch + 1, (long long)tune->n_epochs, (long long)tune->step, (long long)tune->n_steps);
        fprintf(stderr, "\r%-*.*s", LINE_WIDTH, LINE_WIDTH, line);
        fflush(stderr);
        progress->drawn = now;
    }
    if (!progress->terminal && over)
        fprintf(stderr, "temperature trial %d  tau0 %.4f  personal %s  held-out recall %.4f  %.1f s\n", tune->trial,
                tune->tau, personal_names[tune->tau_user_policy], tune->recall, now - progress->started);
    return stop_signal() != 0;
}

int progress_step(void *user_data, const struct training *training)
{
    struct progress *progress = user_data;
    if (!progress->quiet && progress->terminal)
        draw(progress, training);
    return stop_signal() != 0;
}

void progress_epoch(struct progress *progress, const struct training *training, const struct scores *scores,
                    const struct cutoffs *cutoffs, int32_t which)
{
    if (scores) {
        progress->scored = true;
        progress->cutoff = cutoffs->values[which];
        progress->recall = scores->value[ADAPTAU_METRIC_RECALL][which];
        progress->ndcg = scores->value[ADAPTAU_METRIC_NDCG][which];
    }
    if (progress->quiet)
        return;
    if (progress->terminal) {
        draw(progress, training);
        return;
    }
    fprintf(stderr, "%s epoch %lld/%lld  loss %.4f  tau0 %.4f", progress->phase, (long long)training->epoch,
            (long long)progress->n_epochs, training->loss, training->tau0);
    if (scores)
        fprintf(stderr, "  recall@%d %.4f  ndcg@%d %.4f", progress->cutoff, progress->recall, progress->cutoff, progress->ndcg);
    fprintf(stderr, "  %.1f s\n", clock_now() - progress->started);
}

void progress_end(struct progress *progress)
{
    if (!progress->quiet && progress->terminal && progress->drawn > 0)
        fprintf(stderr, "\r%*s\r", LINE_WIDTH, "");
}
