/* SPDX-License-Identifier: MIT */
/* How far positives are pulled: their mean score over epochs, at fixed temperatures and at τ₀. */
#include "adaptau-reproduce/view.h"

static void add_curve(struct study *study, struct plot *plot, const struct entry *entry)
{
    char                 title[48];
    const struct cell   *cell = entry_cell(study, entry, 0);
    const struct series *scores = record_series(&cell->record, "mean_positive");
    entry_title(entry, title, sizeof title);
    plot_curve(plot, "%s", title);
    for (int64_t e = 0; e < scores->count; e++)
        plot_point(plot, (double)e, scores->values[e]);
}

void show_fig3(struct study *study, const struct subject *subject)
{
    int           count;
    const double *taus = grid_taus(study, ADAPTAU_ENCODER_MF, &count);
    char          name[64], title[160];
    struct plot   plot;
    struct entry  entry = {subject, .strategy = STRATEGY_GRID, .protocol = figure_protocol(study)};
    view_file(name, sizeof name, "fig3", subject);
    snprintf(title, sizeof title, "%s: mean cosine of the training pairs (MF)", subject->title);
    plot_open(&plot, name, title, "finished epochs", "mean score of positives");
    for (int i = 0; i < count; i++) {
        entry.tau = taus[i];
        add_curve(study, &plot, &entry);
    }
    entry = (struct entry){subject, .strategy = STRATEGY_ADAP_TAU0, .protocol = figure_protocol(study)};
    add_curve(study, &plot, &entry);
    study_show_plot(study, &plot);
}
