/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "adaptau-evaluate/result.h"
#include "common/draft.h"
#include "common/json.h"
#include "common/scores.h"

static bool has_intervals(const struct result *result)
{
    return result->settings->n_resamples > 0;
}

static int32_t position(const struct result *result, int metric, int32_t c)
{
    return metric * result->settings->cutoffs.count + c;
}

/* The position of cutoff 20, or of the first. */
static int32_t shown_cutoff(const struct cutoffs *cutoffs)
{
    for (int32_t c = 0; c < cutoffs->count; c++)
        if (cutoffs->values[c] == 20)
            return c;
    return 0;
}

/* ---- for people ---------------------------------------------------------------------------------------------------- */

static void print_head(const struct result *result)
{
    const struct truth   *truth = &result->truth;
    const struct account *account = &truth->problem.data.account;
    char                  line[ACCOUNT_LINE_SIZE];
    account_line(account, line);
    printf("read       %s\n           %s\n", account->seen, line);
    printf("test       %lld pairs of %d users\n", (long long)truth->test.user_ptr[truth->test.n_users], truth->n);
    if (truth->has_train)
        printf("before     %lld pairs of %lld users, left out of lists\n", (long long)truth->train.user_ptr[truth->train.n_users],
               (long long)truth->n_had_before);
    else
        printf("before     unknown (--train): lists may hold what users had\n");
}

static void print_count(int64_t count, const char *what)
{
    if (count > 0)
        printf("           %lld %s\n", (long long)count, what);
}

static void print_subject(const struct result *result, const struct measured *measured, const char *what)
{
    const struct subject *s = &measured->subject;
    const bool            zero = result->settings->missing == MISSING_ZERO;
    printf("%-10s %s\n           %s\n", what, s->path, s->seen);
    print_count(s->n_other_users, "entries are of users without test pairs");
    print_count(s->n_known, "entries left out: users had them before");
    print_count(s->n_repeated, "entries left out: the list has them already");
    print_count(s->n_strangers, "entries are of items that the data do not have");
    print_count(s->n_missing, zero ? "users with test pairs have no list, and count as having found nothing"
                                   : "users with test pairs have no list, and are not counted");
}

static void print_cutoffs(const struct cutoffs *cutoffs, const char *title, int width)
{
    printf("\n%-10s", title);
    for (int32_t c = 0; c < cutoffs->count; c++) {
        char at[16];
        snprintf(at, sizeof at, "@%d", cutoffs->values[c]);
        printf(" %-*s", width, at);
    }
    printf("\n");
}

static void print_value(double value, int width, int digits)
{
    char text[32] = "none";
    if (isfinite(value))
        snprintf(text, sizeof text, "%.*f", digits, value);
    printf(" %-*s", width, text);
}

static void print_metrics(const struct result *result, const struct measured *measured)
{
    const struct cutoffs *cutoffs = &result->settings->cutoffs;
    const int             width = has_intervals(result) ? 22 : 8;
    print_cutoffs(cutoffs, "", width);
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        printf("%-10s", metric_names[metric]);
        for (int32_t c = 0; c < cutoffs->count; c++) {
            const int32_t          v = position(result, metric, c);
            const struct interval *interval = &measured->intervals[v];
            if (has_intervals(result))
                printf(" %.4f %.4f-%-8.4f", measured->metrics.means[v], interval->low, interval->high);
            else
                print_value(measured->metrics.means[v], width, 4);
        }
        printf("\n");
    }
    const struct {
        const char   *name;
        const double *values;
        int           digits;
    } rows[] = {{"coverage", measured->beyond.coverage, 4}, {"gini", measured->beyond.gini, 4},
                {"novelty", measured->beyond.novelty, 2}, {"popularity", measured->beyond.popularity, 1}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        printf("%-10s", rows[i].name);
        for (int32_t c = 0; c < cutoffs->count; c++)
            print_value(rows[i].values[c], width, rows[i].digits);
        printf("\n");
    }
}

static void print_groups(const struct result *result, const struct measured *measured)
{
    const struct cutoffs *cutoffs = &result->settings->cutoffs;
    const int32_t         c = shown_cutoff(cutoffs);
    if (measured->beyond.n_groups == 0)
        return;
    printf("\nitems by popularity, @%d\n   items      in train   test pairs      found  of recall  of lists\n", cutoffs->values[c]);
    for (int32_t g = 0; g < measured->beyond.n_groups; g++) {
        const struct group *group = &measured->beyond.groups[g];
        char                range[48], found[16] = "none";
        snprintf(range, sizeof range, "%lld-%lld", (long long)group->least, (long long)group->most);
        if (group->n_test > 0)
            snprintf(found, sizeof found, "%.4f", (double)group->n_hits[c] / (double)group->n_test);
        printf("%8d %13s %12lld %10s %10.4f %9.4f\n", group->n_items, range, (long long)group->n_test, found, group->recall[c],
               group->share[c]);
    }
}

static void print_difference(const struct result *result)
{
    const struct cutoffs    *cutoffs = &result->settings->cutoffs;
    const struct difference *d = &result->difference;
    printf("\nsubject less against, of %d users\n", result->n_users);
    printf("%-14s %-8s %-18s %-8s %8s %8s %8s\n", "", "mean", has_intervals(result) ? "interval" : "",
           has_intervals(result) ? "p" : "", "better", "worse", "equal");
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < cutoffs->count; c++) {
            const int32_t v = position(result, metric, c);
            char          name[32], interval[48] = "", p[16] = "";
            snprintf(name, sizeof name, "%s@%d", metric_names[metric], cutoffs->values[c]);
            if (has_intervals(result)) {
                snprintf(interval, sizeof interval, "%+.4f %+.4f", d->intervals[v].low, d->intervals[v].high);
                snprintf(p, sizeof p, "%.4f", d->p[v]);
            }
            printf("%-14s %+-8.4f %-18s %-8s %8d %8d %8d\n", name, d->means[v], interval, p, d->better[v], d->worse[v],
                   result->n_users - d->better[v] - d->worse[v]);
        }
}

void report_table(const struct result *result)
{
    const struct settings *s = result->settings;
    print_head(result);
    for (int i = 0; i < result->n_subjects; i++) {
        print_subject(result, &result->measured[i], i == 0 ? "subject" : "against");
        print_metrics(result, &result->measured[i]);
        print_groups(result, &result->measured[i]);
        if (i + 1 < result->n_subjects)
            printf("\n");
    }
    if (result->n_subjects == 2)
        print_difference(result);
    printf("\nmeans over %d users; coverage and gini over %d items", result->n_users, result->truth.items->count);
    if (has_intervals(result))
        printf("; intervals hold %g %% of %lld resamples of users", 100 * s->confidence, (long long)s->n_resamples);
    printf("\n");
}

/* ---- for programs -------------------------------------------------------------------------------------------------- */

static void put_key(char key[40], const char *name, int32_t cutoff)
{
    snprintf(key, 40, "%s@%d", name, cutoff);
}

static void json_interval(struct json *json, const char *key, const struct interval *interval)
{
    json_open(json, key, '[');
    json_exact(json, NULL, interval->low);
    json_exact(json, NULL, interval->high);
    json_close(json, ']');
}

static void json_metrics(struct json *json, const struct result *result, const struct measured *measured)
{
    const struct cutoffs *cutoffs = &result->settings->cutoffs;
    char                  key[40];
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < cutoffs->count; c++) {
            put_key(key, metric_names[metric], cutoffs->values[c]);
            json_exact(json, key, measured->metrics.means[position(result, metric, c)]);
        }
    for (int32_t c = 0; c < cutoffs->count; c++) {
        put_key(key, "coverage", cutoffs->values[c]);
        json_exact(json, key, measured->beyond.coverage[c]);
        put_key(key, "gini", cutoffs->values[c]);
        json_exact(json, key, measured->beyond.gini[c]);
        put_key(key, "novelty", cutoffs->values[c]);
        json_exact(json, key, measured->beyond.novelty[c]);
        put_key(key, "popularity", cutoffs->values[c]);
        json_exact(json, key, measured->beyond.popularity[c]);
    }
    if (!has_intervals(result))
        return;
    json_open(json, "intervals", '{');
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < cutoffs->count; c++) {
            put_key(key, metric_names[metric], cutoffs->values[c]);
            json_interval(json, key, &measured->intervals[position(result, metric, c)]);
        }
    json_close(json, '}');
}

static void json_groups(struct json *json, const struct result *result, const struct measured *measured)
{
    const struct cutoffs *cutoffs = &result->settings->cutoffs;
    char                  key[40];
    json_open(json, "groups", '[');
    for (int32_t g = 0; g < measured->beyond.n_groups; g++) {
        const struct group *group = &measured->beyond.groups[g];
        json_open(json, NULL, '{');
        json_whole(json, "items", group->n_items);
        json_whole(json, "least", group->least);
        json_whole(json, "most", group->most);
        json_whole(json, "train", group->n_train);
        json_whole(json, "test", group->n_test);
        for (int32_t c = 0; c < cutoffs->count; c++) {
            put_key(key, "hits", cutoffs->values[c]);
            json_whole(json, key, group->n_hits[c]);
            put_key(key, "recall", cutoffs->values[c]);
            json_exact(json, key, group->recall[c]);
            put_key(key, "share", cutoffs->values[c]);
            json_exact(json, key, group->share[c]);
        }
        json_close(json, '}');
    }
    json_close(json, ']');
}

static void json_subject(struct json *json, const struct result *result, const struct measured *measured)
{
    const struct subject *s = &measured->subject;
    json_text(json, "path", s->path);
    json_text(json, "kind", s->is_model ? "model" : "lists");
    json_text(json, "layout", s->seen);
    json_whole(json, "without_list", s->n_missing);
    json_whole(json, "entries_of_other_users", s->n_other_users);
    json_whole(json, "entries_had_before", s->n_known);
    json_whole(json, "entries_repeated", s->n_repeated);
    json_whole(json, "entries_of_other_items", s->n_strangers);
    json_metrics(json, result, measured);
    json_groups(json, result, measured);
}

static void json_difference(struct json *json, const struct result *result)
{
    const struct cutoffs    *cutoffs = &result->settings->cutoffs;
    const struct difference *d = &result->difference;
    char                     key[40];
    json_open(json, "difference", '{');
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++)
        for (int32_t c = 0; c < cutoffs->count; c++) {
            const int32_t v = position(result, metric, c);
            put_key(key, metric_names[metric], cutoffs->values[c]);
            json_open(json, key, '{');
            json_exact(json, "mean", d->means[v]);
            if (has_intervals(result)) {
                json_interval(json, "interval", &d->intervals[v]);
                json_exact(json, "p", d->p[v]);
            }
            json_whole(json, "better", d->better[v]);
            json_whole(json, "worse", d->worse[v]);
            json_close(json, '}');
        }
    json_close(json, '}');
}

void report_json(const struct result *result)
{
    const struct truth *truth = &result->truth;
    struct json         json = {.out = stdout};
    json_open(&json, NULL, '{');
    account_json(&truth->problem.data.account, "reading", &json);
    json_whole(&json, "n_test", truth->test.user_ptr[truth->test.n_users]);
    json_whole(&json, "n_train", truth->train.user_ptr[truth->train.n_users]);
    json_whole(&json, "n_test_users", truth->n);
    json_whole(&json, "n_users", result->n_users);
    json_whole(&json, "n_items", truth->items->count);
    json_text(&json, "missing", result->settings->missing == MISSING_ZERO ? "zero" : "skip");
    json_whole(&json, "resamples", result->settings->n_resamples);
    json_number(&json, "confidence", result->settings->confidence);
    json_open(&json, "subject", '{');
    json_subject(&json, result, &result->measured[0]);
    json_close(&json, '}');
    if (result->n_subjects == 2) {
        json_open(&json, "against", '{');
        json_subject(&json, result, &result->measured[1]);
        json_close(&json, '}');
        json_difference(&json, result);
    }
    json_close(&json, '}');
    printf("\n");
}

/* ---- user by user -------------------------------------------------------------------------------------------------- */

/* RFC 4180: in quotes where it must be. */
static void put_field(FILE *file, const char *text, char separator)
{
    const char   needs[] = {separator, '"', '\n', '\r', '\0'};
    const size_t length = strlen(text);
    if (length > 0 && text[strcspn(text, needs)] == '\0' && text[0] != ' ' && text[length - 1] != ' ') {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

static void put_header(const struct result *result, FILE *file, char c)
{
    const struct cutoffs *cutoffs = &result->settings->cutoffs;
    fprintf(file, "user%ctest%ctrain", c, c);
    for (int s = 0; s < result->n_subjects; s++) {
        fprintf(file, "%c%slisted", c, s ? "against_" : "");
        for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++)
            for (int32_t k = 0; k < cutoffs->count; k++)
                fprintf(file, "%c%s%s@%d", c, s ? "against_" : "", metric_names[metric], cutoffs->values[k]);
    }
    putc('\n', file);
}

static void put_user(const struct result *result, int32_t i, FILE *file, char c)
{
    const struct truth *truth = &result->truth;
    const int32_t       user = truth->who[result->places[i]], *items;
    put_field(file, names_get(truth->users, user), c);
    fprintf(file, "%c%lld%c%lld", c, (long long)(truth->test.user_ptr[user + 1] - truth->test.user_ptr[user]), c,
            (long long)(truth->train.user_ptr[user + 1] - truth->train.user_ptr[user]));
    for (int s = 0; s < result->n_subjects; s++) {
        const struct measured *measured = &result->measured[s];
        const double          *values = measured->metrics.values + (size_t)i * (size_t)measured->metrics.width;
        fprintf(file, "%c%d", c, subject_list(&measured->subject, result->places[i], &items));
        for (int32_t v = 0; v < measured->metrics.width; v++)
            fprintf(file, "%c%.9g", c, values[v]);
    }
    putc('\n', file);
}

adaptau_status report_users(const struct result *result, adaptau_error *error)
{
    const char    *path = result->settings->per_user, *dot = strrchr(path, '.');
    const char     separator = dot && strcmp(dot, ".tsv") == 0 ? '\t' : ',';
    struct draft   draft = {0};
    const bool     to_stdout = strcmp(path, "-") == 0;
    adaptau_status status = to_stdout ? ADAPTAU_OK : draft_open(&draft, path, error);
    if (status)
        return status;
    FILE *file = to_stdout ? stdout : draft.file;
    put_header(result, file, separator);
    for (int32_t i = 0; i < result->n_users; i++)
        put_user(result, i, file, separator);
    return to_stdout ? ADAPTAU_OK : draft_commit(&draft, error);
}
