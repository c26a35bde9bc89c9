/* SPDX-License-Identifier: MIT */
#include "adaptau-train/progress.h"

#include <stdio.h>

#include "common/clock.h"
#include "common/recipe.h"
#include "common/stop.h"

void progress_begin(struct progress *progress, bool quiet, const char *phase, int64_t n_epochs)
{
    *progress = (struct progress){.quiet = quiet, .phase = phase, .n_epochs = n_epochs};
    meter_begin(&progress->meter, quiet);
}

/* Draw the terminal's line, unless that was done a moment ago. */
static void draw(struct progress *progress, const struct training *training)
{
    char         label[64], scores[64] = "", text[128];
    const double steps = (double)(training->epoch * training->n_steps + training->step);
    if (meter_is_fresh(&progress->meter))
        return;
    if (progress->scored)
        snprintf(scores, sizeof scores, "  R@%d %.4f", progress->cutoff, progress->recall);
    snprintf(label, sizeof label, "%s %lld/%lld", progress->phase, (long long)training->epoch, (long long)progress->n_epochs);
    snprintf(text, sizeof text, "loss %.3f  tau0 %.4f%s", training->loss, training->tau0, scores);
    meter_draw(&progress->meter, label, steps / ((double)progress->n_epochs * (double)training->n_steps), text, true);
}

/* How many trials there will be is not known, so the bar is one trial's. */
static void draw_trial(struct progress *progress, const adaptau_tune_progress *tune)
{
    char         label[64], text[64];
    const double steps = (double)(tune->epoch * tune->n_steps + tune->step);
    snprintf(label, sizeof label, "temperature, trial %d", tune->trial);
    snprintf(text, sizeof text, "tau0 %.4f", tune->tau);
    meter_draw(&progress->meter, label, steps / ((double)tune->n_epochs * (double)tune->n_steps), text, false);
}

int progress_tune(struct progress *progress, const adaptau_tune_progress *tune)
{
    const bool over = tune->recall == tune->recall; /* not NaN */
    if (!meter_is_fresh(&progress->meter))
        draw_trial(progress, tune);
    if (!progress->quiet && !progress->meter.shown && over)
        fprintf(stderr, "temperature trial %d  tau0 %.4f  personal %s  positives %s  held-out recall %.4f  %.1f s\n", tune->trial,
                tune->tau, personal_names[tune->tau_user_policy], positive_names[tune->positives_outside_sum], tune->recall,
                clock_now() - progress->meter.started);
    return stop_signal() != 0;
}

int progress_step(void *user_data, const struct training *training)
{
    draw(user_data, training);
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
    draw(progress, training);
    if (progress->quiet || progress->meter.shown)
        return;
    fprintf(stderr, "%s epoch %lld/%lld  loss %.4f  tau0 %.4f", progress->phase, (long long)training->epoch,
            (long long)progress->n_epochs, training->loss, training->tau0);
    if (scores)
        fprintf(stderr, "  recall@%d %.4f  ndcg@%d %.4f", progress->cutoff, progress->recall, progress->cutoff, progress->ndcg);
    fprintf(stderr, "  %.1f s\n", clock_now() - progress->meter.started);
}

void progress_end(struct progress *progress)
{
    meter_end(&progress->meter);
}

/* ---- how long it takes --------------------------------------------------------------------------------------------- */

#define MEASURED_SECONDS 1.0 /* of steps that tell */
#define LONG_SECONDS 20.0

/* "about 40 seconds", "about 4 minutes", "about 2.5 hours": no digits that nobody can know. */
static void tell_estimate(double seconds, uint64_t bytes)
{
    const double mib = (double)bytes / (1 << 20);
    if (seconds < 90)
        fprintf(stderr, "about %.0f seconds", 10 * (double)(int)(seconds / 10 + 0.5));
    else if (seconds < 90 * 60)
        fprintf(stderr, "about %.0f minutes", seconds / 60);
    else
        fprintf(stderr, "about %.1f hours", seconds / 3600);
    if (mib < 1024)
        fprintf(stderr, ", %.0f MiB\n", mib);
    else
        fprintf(stderr, ", %.1f GiB\n", mib / 1024);
}

void estimate_step(struct estimate *estimate, struct progress *progress, const adaptau_context *context, double n_steps)
{
    uint64_t peak = 0;
    if (estimate->told || progress->quiet)
        return;
    if (estimate->n_steps++ == 0) /* what came before the first step is not a step's time */
        estimate->started = clock_now();
    const double seconds = clock_now() - estimate->started, n = (double)estimate->n_steps - 1;
    if (seconds < MEASURED_SECONDS || n < 1)
        return;
    estimate->told = true;
    if (seconds / n * n_steps < LONG_SECONDS)
        return;
    adaptau_context_memory(context, NULL, &peak);
    meter_end(&progress->meter);
    tell_estimate(seconds / n * n_steps, peak);
}
