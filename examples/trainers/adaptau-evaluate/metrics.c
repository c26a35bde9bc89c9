/* SPDX-License-Identifier: MIT */
#include "adaptau-evaluate/metrics.h"

#include <math.h>
#include <stdlib.h>

#include "common/fail.h"

/* ---- what lists find ----------------------------------------------------------------------------------------------- */

/* Sums over a list's ranks up to a cutoff. */
struct sums {
    int32_t hits, first; /* rank of the first hit, 0: none */
    double  gain, ideal, precisions;
};

static void write_metrics(const struct sums *sums, int64_t n_test, int32_t cutoff, int32_t n_cutoffs, double *at)
{
    const int64_t most = n_test < cutoff ? n_test : cutoff;
    at[ADAPTAU_METRIC_RECALL * n_cutoffs] = (double)sums->hits / (double)n_test;
    at[ADAPTAU_METRIC_NDCG * n_cutoffs] = sums->gain / sums->ideal;
    at[ADAPTAU_METRIC_PRECISION * n_cutoffs] = (double)sums->hits / cutoff;
    at[ADAPTAU_METRIC_HIT_RATE * n_cutoffs] = sums->hits > 0;
    at[ADAPTAU_METRIC_MRR * n_cutoffs] = sums->first > 0 ? 1.0 / sums->first : 0;
    at[ADAPTAU_METRIC_MAP * n_cutoffs] = sums->precisions / (double)most;
}

static void measure_user(const struct truth *truth, int32_t user, int32_t n, const int32_t *items, const struct cutoffs *cutoffs,
                         double *values)
{
    const int64_t n_test = truth->test.user_ptr[user + 1] - truth->test.user_ptr[user];
    struct sums   sums = {0};
    for (int32_t c = 0, r = 0; c < cutoffs->count; c++) {
        for (; r < cutoffs->values[c]; r++) {
            const double discount = 1 / log2(r + 2.0);
            sums.ideal += r < n_test ? discount : 0;
            if (r >= n || items[r] >= truth->test.n_items || !truth_has(&truth->test, user, items[r]))
                continue;
            sums.hits++;
            sums.first = sums.first ? sums.first : r + 1;
            sums.gain += discount;
            sums.precisions += (double)sums.hits / (r + 1);
        }
        write_metrics(&sums, n_test, cutoffs->values[c], cutoffs->count, values + c);
    }
}

adaptau_status metrics_measure(struct metrics *metrics, const struct truth *truth, const struct subject *subject, int32_t n,
                               const int32_t *places, const struct cutoffs *cutoffs, adaptau_error *error)
{
    const size_t width = (size_t)(ADAPTAU_N_METRICS * cutoffs->count);
    *metrics = (struct metrics){.n = n, .width = (int32_t)width, .places = places};
    metrics->values = malloc(((size_t)n * width + 1) * sizeof *metrics->values);
    metrics->means = calloc(width, sizeof *metrics->means);
    if (!metrics->values || !metrics->means) {
        metrics_free(metrics);
        return fail_memory(error, "the metrics of users");
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t *items, length = subject_list(subject, places[i], &items);
        double        *values = metrics->values + (size_t)i * width;
        measure_user(truth, truth->who[places[i]], length, items, cutoffs, values);
        for (size_t v = 0; v < width; v++)
            metrics->means[v] += values[v];
    }
    for (size_t v = 0; v < width; v++)
        metrics->means[v] /= n;
    return ADAPTAU_OK;
}

void metrics_free(struct metrics *metrics)
{
    free(metrics->values);
    free(metrics->means);
    *metrics = (struct metrics){0};
}

/* ---- groups of items ----------------------------------------------------------------------------------------------- */

struct counted {
    int64_t count;
    int32_t item;
};

static int compare_counts(const void *a, const void *b)
{
    const struct counted *x = a, *y = b;
    if (x->count != y->count)
        return x->count < y->count ? -1 : 1;
    return (x->item > y->item) - (x->item < y->item);
}

/* Walk up from the rarest item; the group changes where another share of all interactions is behind. Items of equal popularity
 * stay together. */
static adaptau_status group_items(const struct truth *truth, int32_t n_groups, struct beyond *beyond, int32_t *group_of,
                                  adaptau_error *error)
{
    const int32_t   n = truth->items->count;
    const int64_t   all = truth->train.user_ptr[truth->train.n_users];
    struct counted *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    if (!sorted)
        return fail_memory(error, "the groups");
    for (int32_t item = 0; item < n; item++)
        sorted[item] = (struct counted){truth_count(truth, item), item};
    qsort(sorted, (size_t)n, sizeof *sorted, compare_counts);
    int64_t behind = 0;
    int32_t g = 0;
    for (int32_t i = 0; i < n; i++) {
        if (i > 0 && sorted[i].count != sorted[i - 1].count)
            g = (int32_t)((double)behind * n_groups / (double)all);
        struct group *group = &beyond->groups[g];
        group->least = group->n_items == 0 ? sorted[i].count : group->least;
        group->most = sorted[i].count;
        group->n_items++;
        group->n_train += sorted[i].count;
        group_of[sorted[i].item] = g;
        behind += sorted[i].count;
    }
    beyond->n_groups = n_groups;
    free(sorted);
    return ADAPTAU_OK;
}

static void count_in_groups(const struct truth *truth, const int32_t *group_of, int32_t user, int32_t n, const int32_t *items,
                            const struct cutoffs *cutoffs, struct beyond *beyond)
{
    const int64_t n_test = truth->test.user_ptr[user + 1] - truth->test.user_ptr[user];
    for (int64_t p = truth->test.user_ptr[user]; p < truth->test.user_ptr[user + 1]; p++)
        beyond->groups[group_of[truth->test.user_items[p]]].n_test++;
    for (int32_t r = 0; r < n; r++) {
        struct group *group = &beyond->groups[group_of[items[r]]];
        const bool    hit = items[r] < truth->test.n_items && truth_has(&truth->test, user, items[r]);
        for (int32_t c = cutoffs->count - 1; c >= 0 && r < cutoffs->values[c]; c--) {
            group->share[c] += 1;
            group->n_hits[c] += hit;
            group->recall[c] += hit ? 1 / (double)n_test : 0;
        }
    }
}

/* Drop groups that no item fell into, and turn sums into means. */
static void settle_groups(struct beyond *beyond, int32_t n_users, const struct cutoffs *cutoffs)
{
    double  entries[CUTOFFS_MAX] = {0};
    int32_t kept = 0;
    for (int32_t g = 0; g < beyond->n_groups; g++)
        if (beyond->groups[g].n_items > 0)
            beyond->groups[kept++] = beyond->groups[g];
    beyond->n_groups = kept;
    for (int32_t c = 0; c < cutoffs->count; c++)
        for (int32_t g = 0; g < kept; g++)
            entries[c] += beyond->groups[g].share[c];
    for (int32_t c = 0; c < cutoffs->count; c++)
        for (int32_t g = 0; g < kept; g++) {
            beyond->groups[g].share[c] /= entries[c] > 0 ? entries[c] : 1;
            beyond->groups[g].recall[c] /= n_users;
        }
}

/* ---- what lists are besides ---------------------------------------------------------------------------------------- */

static int compare_whole(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

/* Of `times` [n], how often each item is in a list: sorts them. */
static double gini(int64_t *times, int32_t n)
{
    double sum = 0, weighed = 0;
    qsort(times, (size_t)n, sizeof *times, compare_whole);
    for (int32_t i = 0; i < n; i++) {
        sum += (double)times[i];
        weighed += (2.0 * i + 1 - n) * (double)times[i];
    }
    return sum > 0 ? weighed / (n * sum) : NAN;
}

static void measure_spread(const struct subject *subject, int32_t n, const int32_t *places, int32_t cutoff, int64_t *times,
                           int32_t n_items, double *coverage, double *inequality)
{
    int32_t n_covered = 0;
    for (int32_t item = 0; item < n_items; item++)
        times[item] = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t *items, length = subject_list(subject, places[i], &items);
        for (int32_t r = 0; r < length && r < cutoff; r++)
            n_covered += times[items[r]]++ == 0;
    }
    *coverage = (double)n_covered / n_items;
    *inequality = gini(times, n_items);
}

static void measure_popularity(const struct truth *truth, const struct subject *subject, int32_t n, const int32_t *places,
                               int32_t cutoff, double *novelty, double *popularity)
{
    const double n_users = (double)truth->n_had_before;
    int32_t      n_lists = 0;
    double       bits = 0, counts = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t *items, length = subject_list(subject, places[i], &items), most = length < cutoff ? length : cutoff;
        double         own_bits = 0, own_counts = 0;
        for (int32_t r = 0; r < most; r++) {
            const double count = (double)truth_count(truth, items[r]);
            own_counts += count;
            own_bits -= log2((count > 1 ? count : 1) / n_users);
        }
        n_lists += most > 0;
        bits += most > 0 ? own_bits / most : 0;
        counts += most > 0 ? own_counts / most : 0;
    }
    const bool known = truth->has_train && n_lists > 0;
    *novelty = known ? bits / n_lists : NAN;
    *popularity = known ? counts / n_lists : NAN;
}

adaptau_status beyond_measure(struct beyond *beyond, const struct truth *truth, const struct subject *subject, int32_t n,
                              const int32_t *places, const struct cutoffs *cutoffs, int32_t n_groups, adaptau_error *error)
{
    const int32_t  n_items = truth->items->count;
    int64_t       *times = malloc(((size_t)n_items + 1) * sizeof *times);
    int32_t       *group_of = malloc(((size_t)n_items + 1) * sizeof *group_of);
    adaptau_status status = times && group_of ? ADAPTAU_OK : fail_memory(error, "the items");
    *beyond = (struct beyond){0};
    for (int32_t c = 0; c < cutoffs->count && !status; c++) {
        measure_spread(subject, n, places, cutoffs->values[c], times, n_items, &beyond->coverage[c], &beyond->gini[c]);
        measure_popularity(truth, subject, n, places, cutoffs->values[c], &beyond->novelty[c], &beyond->popularity[c]);
    }
    if (!status && truth->has_train)
        status = group_items(truth, n_groups, beyond, group_of, error);
    for (int32_t i = 0; i < n && !status && truth->has_train; i++) {
        const int32_t *items, length = subject_list(subject, places[i], &items);
        count_in_groups(truth, group_of, truth->who[places[i]], length, items, cutoffs, beyond);
    }
    settle_groups(beyond, n, cutoffs);
    free(group_of);
    free(times);
    return status;
}
