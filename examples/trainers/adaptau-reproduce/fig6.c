/* SPDX-License-Identifier: MIT */
/* False positives in training (Sec. 5.3): do noisy users get higher temperatures, and does that help? */
#include <math.h>

#include "adaptau-reproduce/view.h"

static const double all_shares[] = {0, 0.1, 0.2, 0.3, 0.4};
static const double few_shares[] = {0, 0.2, 0.4};

static const struct {
    int         strategy;
    const char *title;
} contestants[] = {{STRATEGY_ADAP_TAU0, "tau0"}, {STRATEGY_ADAP_TAU, "tau_u"}};

static const double *noise_shares(const struct study *study, int *count)
{
    *count = study->settings->quick ? sizeof few_shares / sizeof *few_shares : sizeof all_shares / sizeof *all_shares;
    return study->settings->quick ? few_shares : all_shares;
}

/* Without noise it is the cell of the tables, unless noise trains for fewer epochs. */
static struct entry make_entry(const struct study *study, const struct subject *subject, int contestant, int32_t kind,
                               double share)
{
    if (share == 0)
        kind = study->settings->quick ? NOISE_PAIRS : NOISE_NONE;
    return (struct entry){
        subject,
        .strategy = contestants[contestant].strategy,
        .protocol = figure_protocol(study),
        .noise = {.kind = kind, .share = share},
    };
}

/* Mean temperature of each noise group, relative to the clean users'. */
static void show_groups(struct study *study, const struct subject *subject)
{
    int           count;
    const double *shares = noise_shares(study, &count);
    char          name[64], title[160];
    struct plot   plot;
    view_file(name, sizeof name, "fig6-groups", subject);
    snprintf(title, sizeof title, "%s: temperature of users by their false positives", subject->title);
    plot_open(&plot, name, title, "false positives for each own item", "mean tau_u, relative to clean users");
    plot.style = PLOT_POINTS;
    for (int i = 1; i < count; i++) {
        struct entry         entry = make_entry(study, subject, 1, NOISE_USERS, shares[i]);
        const struct series *tau = record_series(&entry_cell(study, &entry, 0)->record, "noise_tau");
        plot_curve(&plot, "%g %% of users noisy", 100 * shares[i]);
        for (int g = 0; g < N_NOISE_GROUPS && tau->count >= N_NOISE_GROUPS; g++) {
            const double *last = tau->values + tau->count - N_NOISE_GROUPS;
            plot_point(&plot, g / (N_NOISE_GROUPS - 1.0), last[g] / last[0]);
        }
    }
    study_show_plot(study, &plot);
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
    for (int c = 0; c < 2; c++) {
        plot_curve(&plot, "%s", contestants[c].title);
        for (int i = 0; i < count; i++) {
            struct entry entry = make_entry(study, subject, c, kind, shares[i]);
            double       recall = entry_summary(study, &entry, "test_recall").mean;
            plot_point(&plot, shares[i], recall);
            table_number(&table, shares[i], 2);
            table_text(&table, "%s", contestants[c].title);
            table_number(&table, recall, 4);
            table_number(&table, entry_summary(study, &entry, "test_ndcg").mean, 4);
            table_number(&table, entry_summary(study, &entry, "final_tau0").mean, 4);
        }
    }
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
