/* SPDX-License-Identifier: MIT */
#include "adaptau-train/page.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/draft.h"
#include "common/fail.h"
#include "common/html.h"
#include "common/hyperparameters.h"

#define N_GROUPS 5
#define N_SHOWN 6  /* users */
#define LIST 10    /* items that each of them gets */
#define OWN_MAX 12 /* items of theirs that are shown */
#define OPTIONS_SIZE 4096

struct page {
    const struct run     *run;
    FILE                 *out;
    adaptau_dataset_view  train, test;
};

static const char *name_of(const struct names *names, int32_t id, char number[16])
{
    if (names->count > 0)
        return names_get(names, id);
    snprintf(number, 16, "%d", id);
    return number;
}

static void term(FILE *out, const char *name, const char *value)
{
    fputs("<dt>", out);
    html_text(out, name);
    fputs("</dt><dd>", out);
    html_text(out, value);
    fputs("</dd>\n", out);
}

/* ---- facts --------------------------------------------------------------------------------------------------------- */

static void put_read(const struct page *page)
{
    const struct run     *run = page->run;
    const struct account *account = &run->problem.data.account;
    char                  line[ACCOUNT_LINE_SIZE], text[200];
    account_line(account, line);
    fputs("<h2>What was read</h2>\n<dl>\n", page->out);
    term(page->out, "data", run->settings->data);
    if (run->settings->reading.test)
        term(page->out, "test", run->settings->reading.test);
    term(page->out, "layout", account->seen);
    term(page->out, "lines", line);
    if (run->negatives.path) {
        char negatives[NEGATIVES_LINE_SIZE];
        negatives_line(&run->negatives, negatives);
        term(page->out, "negatives", run->negatives.path);
        term(page->out, "their lines", negatives);
    }
    snprintf(text, sizeof text, "%d users, %d items; %lld pairs to train on, %lld test pairs of %d users", run->problem.data.n_users,
             run->problem.data.n_items, (long long)page->train.user_ptr[page->train.n_users],
             (long long)page->test.user_ptr[page->test.n_users], run->trial.n_test_users);
    term(page->out, "pairs", text);
    fputs("</dl>\n", page->out);
}

/* Both were trained without the same pairs. */
static void put_comparison(const struct page *page)
{
    const struct trial *trial = &page->run->trial;
    const int32_t       at = choosing_cutoff(&page->run->settings->trial.cutoffs);
    const double        own = trial->search.best.value[ADAPTAU_METRIC_RECALL][at], other = trial->tuning.factorised_recall;
    if (trial->tuning.factorised_score == 0)
        return;
    fprintf(page->out, "<p>Of train pairs that were held out this model, trained without them, has a recall@%d of %.4f, and matrix "
                       "factorisation of %.4f. %s</p>\n", page->run->settings->trial.cutoffs.values[at], own, other,
            other > own ? "<code>--backbone mf</code> does better here." : "This model is the better choice here.");
}

static void put_scores(const struct page *page)
{
    static const char *const titles[ADAPTAU_N_METRICS] = {"recall", "NDCG", "precision", "hit rate", "MRR", "MAP"};
    const struct run        *run = page->run;
    const struct cutoffs    *cutoffs = &run->settings->trial.cutoffs;
    fprintf(page->out, "<h2>What it finds</h2>\n");
    if (run->trial.n_test_users == 0) {
        fputs("<p>Nobody has test pairs, so nothing was measured.</p>\n", page->out);
        return;
    }
    fprintf(page->out, "<p>Every item is ranked for each of the %d users with test pairs, those of the user's training pairs left out. "
                       "%s</p>\n<div class=\"wide\"><table><thead><tr><th></th>", run->trial.n_test_users,
            run->settings->trial.protocol == PROTOCOL_PAPER
                ? "The epoch was chosen on these same test pairs, as in published figures: that flatters the model."
                : "Test pairs were looked at once, when the training was over.");
    for (int32_t c = 0; c < cutoffs->count; c++)
        fprintf(page->out, "<th>@%d</th>", cutoffs->values[c]);
    fputs("</tr></thead><tbody>\n", page->out);
    for (int metric = 0; metric < ADAPTAU_N_METRICS; metric++) {
        fprintf(page->out, "<tr><td>%s</td>", titles[metric]);
        for (int32_t c = 0; c < cutoffs->count; c++)
            fprintf(page->out, "<td>%.4f</td>", run->trial.scores.value[metric][c]);
        fputs("</tr>\n", page->out);
    }
    fputs("</tbody></table></div>\n", page->out);
    put_comparison(page);
}

static void put_settings(const struct page *page)
{
    const struct run    *run = page->run;
    const struct recipe *recipe = &run->trial.recipe;
    char                 options[OPTIONS_SIZE], text[200];
    const int32_t        version = adaptau_version();
    recipe_options(recipe, NULL, options, sizeof options);
    fputs("<h2>Settings</h2>\n<dl>\n", page->out);
    snprintf(text, sizeof text, "%s, %lld numbers in an embedding", backbone_names[recipe->base.encoder], (long long)recipe->base.dim);
    term(page->out, "model", text);
    snprintf(text, sizeof text, "tau0 %.4f by %s, personal %s", run->trial.tau0, tau0_names[run->trial.tau0_policy],
             personal_names[recipe->base.tau_user_policy]);
    term(page->out, "temperature", text);
    snprintf(text, sizeof text, "%.1f s for the temperature, %.1f s training, %.1f s evaluating, on %d thread%s (%s)",
             run->trial.tune_seconds, run->trial.train_seconds, run->trial.eval_seconds, adaptau_context_n_threads(run->context),
             adaptau_context_n_threads(run->context) == 1 ? "" : "s", adaptau_context_backend(run->context));
    term(page->out, "time", text);
    snprintf(text, sizeof text, "%d.%d.%d", version / 10000, version / 100 % 100, version % 100);
    term(page->out, "libadaptau", text);
    fputs("</dl>\n<p class=\"note\">As options of adaptau-train, what the data decide included:</p>\n<p><code>", page->out);
    html_text(page->out, options);
    fputs("</code></p>\n", page->out);
}

/* ---- curves -------------------------------------------------------------------------------------------------------- */

static const char *phase_title(const char *phase)
{
    return strcmp(phase, "refit") == 0 ? "all of train" : strcmp(phase, "prior") == 0 ? "for the prior" : "training";
}

/* Of a number of each epoch: which = 0 loss, 1 tau0, 2 recall. */
static void put_curve(const struct page *page, const char *title, int which)
{
    const struct curves *curves = &page->run->curves;
    struct html_chart    chart = {.title = title, .x_label = "epoch", .n_series = curves->n};
    for (int i = 0; i < curves->n; i++) {
        const struct curve *curve = &curves->curves[i];
        const double       *y = which == 0 ? curve->loss : which == 1 ? curve->tau0 : curve->recall;
        chart.series[i] = (struct html_series){.title = phase_title(curve->phase), .n = curve->n, .x = curve->epoch, .y = y};
    }
    html_chart(page->out, &chart);
}

static void put_curves(const struct page *page)
{
    const struct curves  *curves = &page->run->curves;
    const struct cutoffs *cutoffs = &page->run->settings->trial.cutoffs;
    const int32_t         cutoff = cutoffs->values[choosing_cutoff(cutoffs)];
    char                  title[80];
    struct html_chart     trials = {.title = title, .x_label = "temperature of a short training", .log_x = true, .n_series = 1};
    fputs("<h2>Training</h2>\n<div class=\"grid\">\n", page->out);
    put_curve(page, "Loss", 0);
    put_curve(page, "Temperature \317\204\342\202\200", 1);
    snprintf(title, sizeof title, "recall@%d of held-out pairs", cutoff);
    put_curve(page, title, 2);
    snprintf(title, sizeof title, "Search: recall@%d of held-out pairs", cutoff);
    trials.series[0] = (struct html_series){"trial", curves->n_trials, curves->trial_tau, curves->trial_recall, true};
    html_chart(page->out, &trials);
    fputs("</div>\n", page->out);
}

/* ---- rare and popular items ---------------------------------------------------------------------------------------- */

struct item_group {
    int32_t n_items;
    int64_t least, most, n_test, n_hits;
};

static int compare_whole(const void *a, const void *b)
{
    const int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t count_of(const struct page *page, int32_t item)
{
    return page->train.item_ptr[item + 1] - page->train.item_ptr[item];
}

/* Group g has the items of which at least bounds[g] and less than bounds[g + 1] users have one, so that all have about as many
 * interactions. */
static adaptau_status find_bounds(const struct page *page, int64_t bounds[N_GROUPS + 1], adaptau_error *error)
{
    const int32_t n = page->train.n_items;
    const int64_t all = page->train.user_ptr[page->train.n_users];
    int64_t      *counts = malloc(((size_t)n + 1) * sizeof *counts), behind = 0;
    int           g = 0;
    if (!counts)
        return fail_memory(error, "the groups of the report");
    for (int32_t item = 0; item < n; item++)
        counts[item] = count_of(page, item);
    qsort(counts, (size_t)n, sizeof *counts, compare_whole);
    bounds[0] = 0;
    for (int32_t i = 0; i < n; i++) {
        while (g + 1 < N_GROUPS && behind * N_GROUPS >= (g + 1) * all && i > 0 && counts[i] != counts[i - 1])
            bounds[++g] = counts[i];
        behind += counts[i];
    }
    while (g < N_GROUPS)
        bounds[++g] = INT64_MAX;
    free(counts);
    return ADAPTAU_OK;
}

static int group_of(const int64_t bounds[N_GROUPS + 1], int64_t count)
{
    int g = 0;
    while (g + 1 < N_GROUPS && count >= bounds[g + 1])
        g++;
    return g;
}

static bool has_item(const adaptau_dataset_view *view, int32_t user, int32_t item)
{
    for (int64_t i = view->user_ptr[user]; i < view->user_ptr[user + 1]; i++)
        if (view->user_items[i] == item)
            return true;
    return false;
}

/* The best `k` items of some users, without those that they have. */
static adaptau_status rank(const struct page *page, int32_t n, const int32_t *users, int32_t k, int32_t *items, adaptau_error *error)
{
    const adaptau_query query = {.struct_size = sizeof query, .n = n, .ids = users, .k = k, .seen = page->run->problem.train};
    return adaptau_model_rank(page->run->trial.model, &query, items, NULL, error);
}

#define USERS_AT_ONCE 256

static adaptau_status count_hits(const struct page *page, const int64_t *bounds, int32_t cutoff, struct item_group *groups,
                                 adaptau_error *error)
{
    int32_t        users[USERS_AT_ONCE], n = 0, *items = malloc((size_t)USERS_AT_ONCE * (size_t)cutoff * sizeof *items);
    adaptau_status status = items ? ADAPTAU_OK : fail_memory(error, "the lists of the report");
    for (int32_t user = 0; user < page->test.n_users && !status; user++) {
        if (page->test.user_ptr[user + 1] > page->test.user_ptr[user])
            users[n++] = user;
        if (n == 0 || (n < USERS_AT_ONCE && user + 1 < page->test.n_users))
            continue;
        status = rank(page, n, users, cutoff, items, error);
        for (int32_t i = 0; i < n * cutoff && !status; i++)
            if (items[i] >= 0 && has_item(&page->test, users[i / cutoff], items[i]))
                groups[group_of(bounds, count_of(page, items[i]))].n_hits++;
        n = 0;
    }
    free(items);
    return status;
}

static void put_group(const struct page *page, const struct item_group *group)
{
    const double found = group->n_test > 0 ? (double)group->n_hits / (double)group->n_test : 0;
    if (group->n_items == 0)
        return;
    fprintf(page->out, "<tr><td>%lld", (long long)group->least);
    if (group->most > group->least)
        fprintf(page->out, "&#8211;%lld", (long long)group->most);
    fprintf(page->out, "</td><td>%d</td><td>%lld</td><td>", group->n_items, (long long)group->n_test);
    if (group->n_test > 0)
        fprintf(page->out,
                "%.1f %%</td><td class=\"room\" style=\"text-align: left; width: 12em\"><span class=\"bar\" style=\"width: "
                "%.1f%%\"></span></td></tr>\n",
                100 * found, 100 * found);
    else
        fputs("none</td><td class=\"room\"></td></tr>\n", page->out);
}

static adaptau_status put_groups(const struct page *page, adaptau_error *error)
{
    const struct cutoffs *cutoffs = &page->run->settings->trial.cutoffs;
    const int32_t         cutoff = cutoffs->values[choosing_cutoff(cutoffs)];
    int64_t               bounds[N_GROUPS + 1];
    struct item_group     groups[N_GROUPS] = {{0}};
    if (page->run->trial.n_test_users == 0)
        return ADAPTAU_OK;
    adaptau_status status = find_bounds(page, bounds, error);
    if (!status)
        status = count_hits(page, bounds, cutoff < page->train.n_items ? cutoff : page->train.n_items, groups, error);
    if (status)
        return status;
    for (int32_t item = 0; item < page->train.n_items; item++) {
        const int64_t      count = count_of(page, item);
        struct item_group *group = &groups[group_of(bounds, count)];
        group->least = group->n_items == 0 || count < group->least ? count : group->least;
        group->most = group->n_items == 0 || count > group->most ? count : group->most;
        group->n_items++;
        group->n_test += page->test.item_ptr[item + 1] - page->test.item_ptr[item];
    }
    fprintf(page->out,
            "<h2>Rare and popular items</h2>\n<p>Items in groups with about as many training pairs each, and how many of "
            "a group's test pairs are among the best %d of their users.</p>\n<div class=\"wide\"><table><thead><tr>"
            "<th>had by</th><th>items</th><th>test pairs</th><th>found</th><th class=\"room\"></th></tr></thead><tbody>\n",
            cutoff);
    for (int g = 0; g < N_GROUPS; g++)
        put_group(page, &groups[g]);
    fputs("</tbody></table></div>\n", page->out);
    return ADAPTAU_OK;
}

/* ---- some users ---------------------------------------------------------------------------------------------------- */

struct sized {
    int64_t n;
    int32_t user;
};

static int compare_sizes(const void *a, const void *b)
{
    const struct sized *x = a, *y = b;
    if (x->n != y->n)
        return x->n < y->n ? -1 : 1;
    return (x->user > y->user) - (x->user < y->user);
}

/* Users with training and, where anybody has any, test pairs: from those with the fewest to those with the most. */
static adaptau_status choose_users(const struct page *page, int32_t users[N_SHOWN], int32_t *n, adaptau_error *error)
{
    const int32_t n_users = page->train.n_users;
    struct sized *sized = malloc(((size_t)n_users + 1) * sizeof *sized);
    int32_t       count = 0;
    if (!sized)
        return fail_memory(error, "the users of the report");
    for (int32_t user = 0; user < n_users; user++) {
        const int64_t own = page->train.user_ptr[user + 1] - page->train.user_ptr[user];
        const bool    tested = page->test.user_ptr[user + 1] > page->test.user_ptr[user];
        if (own > 0 && (tested || page->run->trial.n_test_users == 0))
            sized[count++] = (struct sized){own, user};
    }
    qsort(sized, (size_t)count, sizeof *sized, compare_sizes);
    *n = count < N_SHOWN ? count : N_SHOWN;
    for (int32_t i = 0; i < *n; i++)
        users[i] = sized[(int64_t)(2 * i + 1) * count / (2 * *n)].user;
    free(sized);
    return ADAPTAU_OK;
}

static void put_user(const struct page *page, int32_t user, int32_t k, const int32_t *items)
{
    const struct data *data = &page->run->problem.data;
    const int64_t      n_own = page->train.user_ptr[user + 1] - page->train.user_ptr[user];
    const int64_t      n_test = page->test.user_ptr[user + 1] - page->test.user_ptr[user];
    char               number[16];
    int32_t            n_hits = 0;
    fputs("<div class=\"card\"><h3>", page->out);
    html_text(page->out, name_of(&data->users, user, number));
    fprintf(page->out, "</h3>\n<p class=\"note\">had %lld</p>\n<p>", (long long)n_own);
    for (int64_t i = 0; i < n_own && i < OWN_MAX; i++) {
        fputs(i ? ", " : "", page->out);
        html_text(page->out, name_of(&data->items, page->train.user_items[page->train.user_ptr[user] + i], number));
    }
    fputs(n_own > OWN_MAX ? ", &#8230;</p>\n" : "</p>\n", page->out);
    fputs("<p class=\"note\">gets</p>\n<ol>\n", page->out);
    for (int32_t r = 0; r < k && items[r] >= 0; r++) {
        const bool hit = has_item(&page->test, user, items[r]);
        n_hits += hit;
        fputs(hit ? "<li class=\"hit\">" : "<li>", page->out);
        html_text(page->out, name_of(&data->items, items[r], number));
        fputs(hit ? " &#10003;</li>\n" : "</li>\n", page->out);
    }
    fprintf(page->out, "</ol>\n<p class=\"note\">%d of %lld that had been kept back</p></div>\n", n_hits, (long long)n_test);
}

static adaptau_status put_users(const struct page *page, adaptau_error *error)
{
    const int32_t  k = LIST < page->train.n_items ? LIST : page->train.n_items;
    int32_t        users[N_SHOWN], items[N_SHOWN * LIST], n = 0;
    adaptau_status status = choose_users(page, users, &n, error);
    if (!status && n > 0)
        status = rank(page, n, users, k, items, error);
    if (status || n == 0)
        return status;
    fprintf(page->out, "<h2>Some users</h2>\n<p>What they had, and the first %d that the model ranks for them; &#10003; marks what they "
                       "have in test.</p>\n<div class=\"grid\">\n", k);
    for (int32_t i = 0; i < n; i++)
        put_user(page, users[i], k, items + (size_t)i * (size_t)k);
    fputs("</div>\n", page->out);
    return ADAPTAU_OK;
}

/* ---- the page ------------------------------------------------------------------------------------------------------ */

adaptau_status page_write(const struct run *run, const char *path, adaptau_error *error)
{
    struct draft   draft = {0};
    struct page    page = {.run = run, .train = {.struct_size = sizeof page.train}, .test = {.struct_size = sizeof page.test}};
    adaptau_status status = adaptau_dataset_get_view(run->problem.train, &page.train, error);
    if (!status)
        status = adaptau_dataset_get_view(run->problem.test, &page.test, error);
    if (!status)
        status = draft_open(&draft, path, error);
    if (status)
        return status;
    page.out = draft.file;
    html_begin(page.out, "A model, trained by adaptau-train");
    put_scores(&page);
    put_curves(&page);
    status = put_groups(&page, error);
    if (!status)
        status = put_users(&page, error);
    put_read(&page);
    put_settings(&page);
    html_end(page.out);
    if (!status)
        return draft_commit(&draft, error);
    draft_discard(&draft);
    return status;
}
