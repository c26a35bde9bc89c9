/* SPDX-License-Identifier: MIT */
/* What happens without normalisation: items grow with their popularity, and popular items take the recommendations. */
#include <math.h>

#include "adaptau-reproduce/view.h"

static void show_lengths(struct study *study, const struct subject *subject, const struct record *record)
{
    char                 name[64], title[160];
    const struct series *lengths = record_series(record, "item_length");
    struct plot          plot;
    view_file(name, sizeof name, "fig1-magnitude", subject);
    snprintf(title, sizeof title, "%s: mean length of items without normalisation, by popularity", subject->title);
    plot_open(&plot, name, title, "epoch", "length of an item's embedding");
    for (int g = N_POPULARITY_GROUPS - 1; g >= 0; g--) {
        plot_curve(&plot, "tenth %d%s", g + 1, g == 0 ? ", rare" : g + 1 == N_POPULARITY_GROUPS ? ", popular" : "");
        for (int64_t e = 0; e * N_POPULARITY_GROUPS < lengths->count; e++)
            plot_point(&plot, (double)(e + 1), lengths->values[e * N_POPULARITY_GROUPS + g]);
    }
    study_show_plot(study, &plot);
}

static double group_value(const struct series *series, int group)
{
    return group < series->count ? series->values[group] : NAN;
}

static void show_groups(struct study *study, const struct subject *subject, const struct record *raw,
                        const struct record *normalised)
{
    static const char *const headings[] = {"items", "no norm", "Adap-tau0", "ratio", NULL};
    const struct series     *without = record_series(raw, "group_recall"), *with = record_series(normalised, "group_recall");
    char                     name[64], title[160];
    struct plot              plot;
    struct table             table;
    view_file(name, sizeof name, "fig1-groups", subject);
    snprintf(title, sizeof title, "%s: what each popularity group brings to recall@20", subject->title);
    plot_open(&plot, name, title, "tenth of items, from rare to popular", "part of recall@20");
    plot.style = PLOT_POINTS;
    plot_curve(&plot, "no norm");
    for (int g = 0; g < N_POPULARITY_GROUPS; g++)
        plot_point(&plot, g + 1, group_value(without, g));
    plot_curve(&plot, "Adap-tau0");
    for (int g = 0; g < N_POPULARITY_GROUPS; g++)
        plot_point(&plot, g + 1, group_value(with, g));
    study_show_plot(study, &plot);

    view_file(name, sizeof name, "fig1", subject);
    table_open(&table, name, title, headings);
    for (int g = 0; g < N_POPULARITY_GROUPS; g++) {
        double a = group_value(without, g), b = group_value(with, g);
        table_text(&table, "tenth %d", g + 1);
        table_number(&table, a, 5);
        table_number(&table, b, 5);
        table_number(&table, a > 0 ? b / a : NAN, 2);
    }
    study_show_table(study, &table);
}

void show_fig1(struct study *study, const struct subject *subject)
{
    struct entry       raw = {subject, .strategy = STRATEGY_NO_NORM, .protocol = figure_protocol(study)};
    struct entry       normalised = {subject, .strategy = STRATEGY_ADAP_TAU0, .protocol = figure_protocol(study)};
    const struct cell *raw_cell = entry_cell(study, &raw, 0), *normalised_cell = entry_cell(study, &normalised, 0);
    show_lengths(study, subject, &raw_cell->record);
    show_groups(study, subject, &raw_cell->record, &normalised_cell->record);
}
