/* SPDX-License-Identifier: MIT */
/* False positives in training (Sec. 5.3): does τ₀ rise with them as the best temperature does, do noisy users get higher
 * temperatures, and does that help? */
#include <math.h>

#include "adaptau-reproduce/view.h"

static const double all_shares[] = {0, 0.1, 0.2, 0.3, 0.4};
static const double few_shares[] = {0, 0.2, 0.4};

static const struct {
    int         strategy;
    const char *title;
} contestants[] = {
    {STRATEGY_ADAP_TAU0, "Eq. 14"},
    {STRATEGY_ADAP_TAU, "Eq. 14, tau_u"},
    {STRATEGY_PRESET_TAU0, "held out"},
    {STRATEGY_PRESET_TAU, "held out, tau_u"},
};

#define N_CONTESTANTS ((int)(sizeof contestants / sizeof *contestants))

static const double *noise_shares(const struct study *study, int *count)
{
    *count = study->settings->quick ? sizeof few_shares / sizeof *few_shares : sizeof all_shares / sizeof *all_shares;
    return study->settings->quick ? few_shares : all_shares;
}

/* Without noise it is the cell of the tables. */
static struct entry make_entry(const struct study *study, const struct subject *subject, int strategy, int32_t kind, double share)
{
    return (struct entry){
        subject,
        .strategy = strategy,
        .protocol = figure_protocol(study),
        .noise = {.kind = share > 0 ? kind : NOISE_NONE, .share = share},
    };
}

/* ---- users by their noise ----------------------------------------------------------------------------------------- */

/* [N_NOISE_GROUPS] mean temperature of each noise group in the last epoch; NULL while planning. */
static const double *group_taus(struct study *study, const struct subject *subject, int strategy, double share)
{
    struct entry         entry = make_entry(study, subject, strategy, NOISE_USERS, share);
    const struct series *tau = record_series(&entry_cell(study, &entry, 0)->record, "noise_tau");
    return tau->count >= N_NOISE_GROUPS ? tau->values + tau->count - N_NOISE_GROUPS : NULL;
}

/* Mean temperature of each noise group, relative to the clean users'. */
static void show_groups(struct study *study, const struct subject *subject)
{
    static const char *const headings[] = {"share", "temperature", "clean", "1/4", "2/4", "3/4", "4/4", NULL};
    int                      count;
    const double            *shares = noise_shares(study, &count);
    char                     name[64], title[160];
    struct plot              plot;
    struct table             table;
    snprintf(title, sizeof title, "%s: mean tau_u by false positives for each own item, relative to clean users", subject->title);
    view_file(name, sizeof name, "fig6-groups", subject);
    plot_open(&plot, name, title, "false positives for each own item", "mean tau_u, relative to clean users");
    plot.style = PLOT_POINTS;
    view_file(name, sizeof name, "fig6-tau-users", subject);
    table_open(&table, name, title, headings);
    for (int c = 0; c < N_CONTESTANTS; c++) {
        if (strategy_get(contestants[c].strategy)->tau_user == ADAPTAU_TAU_USER_NONE)
            continue;
        for (int i = 1; i < count; i++) {
            const double *taus = group_taus(study, subject, contestants[c].strategy, shares[i]);
            plot_curve(&plot, "%s, %g %% of users noisy", contestants[c].title, 100 * shares[i]);
            table_number(&table, shares[i], 2);
            table_text(&table, "%s", contestants[c].title);
            for (int g = 0; g < N_NOISE_GROUPS; g++) {
                table_number(&table, taus ? taus[g] / taus[0] : NAN, 3);
                if (taus)
                    plot_point(&plot, g / (N_NOISE_GROUPS - 1.0), taus[g] / taus[0]);
            }
        }
    }
    study_show_plot(study, &plot);
    study_show_table(study, &table);
}

/* ---- recall and τ₀ over the noise --------------------------------------------------------------------------------- */

static void add_row(struct study *study, struct table *table, struct plot *plot, const struct entry *entry, const char *title)
{
    double recall = entry_summary(study, entry, "test_recall").mean;
    plot_point(plot, entry->noise.share, recall);
    table_number(table, entry->noise.share, 2);
    table_text(table, "%s", title);
    table_number(table, recall, 4);
    table_number(table, entry_summary(study, entry, "test_ndcg").mean, 4);
    table_number(table, entry_summary(study, entry, "final_tau0").mean, 4);
}

static void show_kind(struct study *study, const struct subject *subject, int32_t kind, const char *what)
{
    static const char *const headings[] = {"share", "temperature", "recall@20", "NDCG@20", "tau0", NULL};
    int                      count;
    const double            *shares = noise_shares(study, &count);
    char                     file[24], name[64], title[160];
    struct plot              plot;
    struct table             table;
    snprintf(file, sizeof file, "fig6-%s-recall", noise_names[kind]);
    view_file(name, sizeof name, file, subject);
    snprintf(title, sizeof title, "%s: recall with noise, %s", subject->title, what);
    plot_open(&plot, name, title, kind == NOISE_USERS ? "share of users" : "share of pairs", "recall@20");
    plot.style = PLOT_POINTS;
    snprintf(file, sizeof file, "fig6-%s", noise_names[kind]);
    view_file(name, sizeof name, file, subject);
    table_open(&table, name, title, headings);
    for (int c = 0; c < N_CONTESTANTS; c++) {
        plot_curve(&plot, "%s", contestants[c].title);
        for (int i = 0; i < count; i++) {
            struct entry entry = make_entry(study, subject, contestants[c].strategy, kind, shares[i]);
            add_row(study, &table, &plot, &entry, contestants[c].title);
        }
    }
    plot_curve(&plot, "best of the grid");
    for (int i = 0; i < count; i++) {
        struct entry entry = make_entry(study, subject, STRATEGY_PRESET_GRID, kind, shares[i]);
        entry_search_tau(study, &entry);
        add_row(study, &table, &plot, &entry, "best of the grid");
    }
    table_note(&table, "Eq. 14: the plain softmax. held out and the grid: adaptau-train's recipe, with tau0 found by itself, and with "
                       "the fixed temperature that is best for the pairs that choose (protocol paper: the test pairs).");
    study_show_plot(study, &plot);
    study_show_table(study, &table);
}

void show_fig6(struct study *study, const struct subject *subject)
{
    show_kind(study, subject, NOISE_USERS, "a share of users has false positives besides own items");
    show_kind(study, subject, NOISE_PAIRS, "a share of every user's items is replaced");
    show_groups(study, subject);
    study_say(study,
              "Noise: an item is a false positive for a user who has it neither in train nor in test. users: each noisy user "
              "gets 1, 2, 3 or 4 quarters of the number of own items besides them. pairs: each pair is replaced with the "
              "chance given by the share. Users, pairs and items are drawn by a hash of a fixed seed, so that a larger share "
              "contains the noise of a smaller one, and test pairs stay as they are.");
}
