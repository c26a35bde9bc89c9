/* SPDX-License-Identifier: MIT */
/* Recall over fixed temperatures: the grid search that Eq. 14 replaces. */
#include "adaptau-reproduce/view.h"

static void add_grid(struct study *study, struct plot *plot, struct table *table, const struct subject *subject,
                     int32_t encoder)
{
    int           count;
    const double *taus = grid_taus(study, encoder, &count);
    struct entry  entry = {subject, .strategy = STRATEGY_GRID, .encoder = encoder, .protocol = figure_protocol(study)};
    plot_curve(plot, "%s", backbone_title(encoder));
    for (int i = 0; i < count; i++) {
        entry.tau = taus[i];
        double recall = entry_summary(study, &entry, "test_recall").mean;
        plot_point(plot, taus[i], recall);
        table_text(table, "%s", backbone_title(encoder));
        table_text(table, "fixed");
        table_number(table, taus[i], 4);
        table_number(table, recall, 4);
        table_number(table, entry_summary(study, &entry, "test_ndcg").mean, 4);
    }
}

static void add_tau0(struct study *study, struct plot *plot, struct table *table, const struct subject *subject,
                     int32_t encoder)
{
    char         title[48];
    struct entry entry = {subject, .strategy = STRATEGY_ADAP_TAU0, .encoder = encoder, .protocol = figure_protocol(study)};
    double       tau0 = entry_summary(study, &entry, "final_tau0").mean;
    snprintf(title, sizeof title, "tau0, %s", backbone_title(encoder));
    plot_mark(plot, tau0, title);
    table_text(table, "%s", backbone_title(encoder));
    table_text(table, "Eq. 14");
    table_number(table, tau0, 4);
    table_number(table, entry_summary(study, &entry, "test_recall").mean, 4);
    table_number(table, entry_summary(study, &entry, "test_ndcg").mean, 4);
}

void show_fig2(struct study *study, const struct subject *subject)
{
    static const char *const headings[] = {"backbone", "temperature", "tau", "recall@20", "NDCG@20", NULL};
    char                     name[64], title[160];
    struct plot              plot;
    struct table             table;
    snprintf(title, sizeof title, "%s: recall over the temperature, and where Eq. 14 ends", subject->title);
    view_file(name, sizeof name, "fig2-grid", subject);
    plot_open(&plot, name, title, "temperature", "recall@20");
    plot.style = PLOT_POINTS;
    plot.log_x = true;
    view_file(name, sizeof name, "fig2", subject);
    table_open(&table, name, title, headings);
    for (int32_t encoder = ADAPTAU_ENCODER_MF; encoder <= ADAPTAU_ENCODER_LIGHTGCN; encoder++) {
        if (!study_wants(study, encoder))
            continue;
        add_grid(study, &plot, &table, subject, encoder);
        add_tau0(study, &plot, &table, subject, encoder);
    }
    table_note(&table, "Plain softmax on cosines.");
    study_show_plot(study, &plot);
    study_show_table(study, &table);
}
