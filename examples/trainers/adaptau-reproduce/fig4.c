/* SPDX-License-Identifier: MIT */
/* Personal temperatures: their histogram at several epochs, by Eq. 16 and as the authors' program has them. */
#include <math.h>

#include "adaptau-reproduce/view.h"

#define N_EPOCHS 4

/* In the first epoch no loss of a user is known yet, and all have τ₀. */
static int64_t choose_epoch(int64_t n_epochs, int which)
{
    int64_t epoch = (int64_t)round(2 + (double)(n_epochs - 2) * which / (N_EPOCHS - 1));
    return epoch < n_epochs ? epoch : n_epochs;
}

static void add_histogram(struct plot *plot, const struct record *record, int64_t epoch)
{
    const struct series *counts = record_series(record, "tau_counts");
    double               low = record_series(record, "tau_low")->values[epoch - 1];
    double               high = record_series(record, "tau_high")->values[epoch - 1];
    plot_curve(plot, "epoch %lld", (long long)epoch);
    for (int bin = 0; bin < TAU_USER_BINS; bin++)
        plot_point(plot, low + (high - low) * (bin + 0.5) / TAU_USER_BINS, counts->values[(epoch - 1) * TAU_USER_BINS + bin]);
}

static void show_strategy(struct study *study, const struct subject *subject, int strategy, const char *file, const char *what)
{
    char                 name[64], title[160];
    struct entry         entry = {subject, .strategy = strategy, .protocol = figure_protocol(study)};
    const struct record *record = &entry_cell(study, &entry, 0)->record;
    int64_t              n_epochs = record_series(record, "tau_high")->count, last = 0;
    struct plot          plot;
    view_file(name, sizeof name, file, subject);
    snprintf(title, sizeof title, "%s: temperatures of users, %s", subject->title, what);
    plot_open(&plot, name, title, "tau of a user", "users");
    plot.style = PLOT_STEPS;
    for (int which = 0; which < N_EPOCHS && n_epochs > 0; which++) {
        int64_t epoch = choose_epoch(n_epochs, which);
        if (epoch > last)
            add_histogram(&plot, record, epoch);
        last = epoch;
    }
    study_show_plot(study, &plot);
}

void show_fig4(struct study *study, const struct subject *subject)
{
    show_strategy(study, subject, STRATEGY_ADAP_TAU, "fig4-eq16", "Eq. 16");
    show_strategy(study, subject, STRATEGY_RELEASED, "fig4-released", "candidates' side of the released variant");
}
