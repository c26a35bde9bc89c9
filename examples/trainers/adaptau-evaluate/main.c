/* SPDX-License-Identifier: MIT */
/* adaptau-evaluate: how well a saved model, or anybody's recommendations, find what users had later. */
#include <stdio.h>
#include <stdlib.h>

#include "adaptau-evaluate/result.h"
#include "common/fail.h"
#include "common/options.h"
#include "common/stop.h"

#define PROGRAM "adaptau-evaluate"

/* The users who are counted: all with test pairs, or those for whom every subject has a list. */
static adaptau_status choose_users(struct result *result, adaptau_error *error)
{
    const struct truth *truth = &result->truth;
    const int32_t      *items;
    result->places = malloc(((size_t)truth->n + 1) * sizeof *result->places);
    if (!result->places)
        return fail_memory(error, "the users");
    for (int32_t place = 0; place < truth->n; place++) {
        bool counted = true;
        for (int s = 0; s < result->n_subjects && result->settings->missing == MISSING_SKIP; s++)
            counted = counted && subject_list(&result->measured[s].subject, place, &items) > 0;
        if (counted)
            result->places[result->n_users++] = place;
    }
    return result->n_users > 0 ? ADAPTAU_OK : fail(error, ADAPTAU_E_STATE, "no user with test pairs has a list in both");
}

static struct bootstrap resampling(const struct result *result)
{
    const struct settings *s = result->settings;
    return (struct bootstrap){result->n_users, result->measured[0].metrics.width, (int32_t)s->n_resamples, s->seed, s->confidence};
}

static adaptau_status measure(struct result *result, struct measured *measured, adaptau_error *error)
{
    const struct settings *s = result->settings;
    const struct bootstrap options = resampling(result);
    adaptau_status status = metrics_measure(&measured->metrics, &result->truth, &measured->subject, result->n_users, result->places,
                                            &s->cutoffs, error);
    if (!status)
        status = beyond_measure(&measured->beyond, &result->truth, &measured->subject, result->n_users, result->places, &s->cutoffs,
                                (int32_t)s->n_groups, error);
    if (!status && s->n_resamples > 0) {
        struct bootstrap own = options;
        own.width = measured->metrics.width;
        status = bootstrap(&own, measured->metrics.values, measured->intervals, NULL, error);
    }
    return status;
}

static adaptau_status compare(struct result *result, adaptau_error *error)
{
    const struct metrics  *a = &result->measured[0].metrics, *b = &result->measured[1].metrics;
    const struct bootstrap options = resampling(result);
    struct difference     *d = &result->difference;
    double                *values = malloc(((size_t)a->n * (size_t)a->width + 1) * sizeof *values);
    if (!values)
        return fail_memory(error, "the differences");
    for (size_t i = 0; i < (size_t)a->n * (size_t)a->width; i++) {
        const size_t v = i % (size_t)a->width;
        values[i] = a->values[i] - b->values[i];
        d->better[v] += values[i] > 0;
        d->worse[v] += values[i] < 0;
    }
    for (int32_t v = 0; v < a->width; v++)
        d->means[v] = a->means[v] - b->means[v];
    adaptau_status status = options.n_resamples > 0 ? bootstrap(&options, values, d->intervals, d->p, error) : ADAPTAU_OK;
    free(values);
    return status;
}

static adaptau_status evaluate(struct result *result, adaptau_error *error)
{
    const struct settings *s = result->settings;
    adaptau_status         status = truth_open(&result->truth, s, error);
    result->n_subjects = s->against ? 2 : 1;
    for (int i = 0; i < result->n_subjects && !status; i++)
        status = subject_open(&result->measured[i].subject, &result->truth, i ? s->against : s->subject, s, error);
    if (!status)
        status = choose_users(result, error);
    for (int i = 0; i < result->n_subjects && !status; i++)
        status = measure(result, &result->measured[i], error);
    if (!status && s->against)
        status = compare(result, error);
    if (!status && s->per_user)
        status = report_users(result, error);
    return status;
}

/* Not a hit at the longest cutoff is hardly the model's fault: what is likely, from what was read. */
static void say_nothing_was_found(const struct result *result)
{
    const struct cutoffs *cutoffs = &result->settings->cutoffs;
    const int32_t         at = ADAPTAU_METRIC_RECALL * cutoffs->count + cutoffs->count - 1;
    for (int i = 0; i < result->n_subjects && !result->settings->quiet; i++) {
        const struct subject *s = &result->measured[i].subject;
        if (result->measured[i].metrics.means[at] > 0)
            continue;
        fprintf(stderr, "%s: %s: not one test pair is in any list; %s\n", PROGRAM, s->path,
                s->n_strangers > 0 ? "are items called the same in lists and data?"
                : s->is_model      ? "are users and items called the same in model and data?"
                                   : "lists made with --seen DATA lack all that is in DATA, so it must not hold the test pairs");
    }
}

static void close_result(struct result *result)
{
    free(result->places);
    for (int i = 0; i < 2; i++) {
        metrics_free(&result->measured[i].metrics);
        subject_close(&result->measured[i].subject);
    }
    truth_close(&result->truth);
    free(result);
}

int main(int argc, char **argv)
{
    struct settings settings;
    int             code = read_settings(argc, argv, &settings);
    if (code != OPTIONS_GO_ON)
        return code;
    stop_ignore_file_limit();
    adaptau_error  error = {0};
    struct result *result = calloc(1, sizeof *result);
    if (!result) {
        fprintf(stderr, "%s: out of memory\n", PROGRAM);
        return 1;
    }
    result->settings = &settings;
    adaptau_status status = evaluate(result, &error);
    if (!status)
        say_nothing_was_found(result);
    if (status)
        tell_failure(PROGRAM, &error);
    else if (settings.json)
        report_json(result);
    else
        report_table(result);
    close_result(result);
    return !status && finish_stdout(PROGRAM) ? 0 : 1;
}
