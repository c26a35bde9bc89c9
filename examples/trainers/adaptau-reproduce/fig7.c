/* SPDX-License-Identifier: MIT */
/* The gradient's magnitude over temperatures, of embeddings that were trained at τ₀. */
#include <math.h>

#include "adaptau-reproduce/view.h"

static int64_t find_peak(const struct series *series)
{
    int64_t peak = 0;
    for (int64_t i = 1; i < series->count; i++)
        if (series->values[i] > series->values[peak])
            peak = i;
    return peak;
}

/* "largest at tau = 0.1", or that it only seems to be. */
static void say_peak(struct study *study, const char *what, const struct series *tau, const struct series *values)
{
    int64_t peak = find_peak(values);
    bool    inside = peak > 0 && peak + 1 < values->count;
    study_say(study, "%s is largest at tau = %.4f%s.", what, tau->values[peak],
              inside ? "" : ", the end of the range: it has no peak within");
}

static void add_curve(struct plot *plot, const struct series *tau, const struct series *values, const char *title)
{
    double most = values->count > 0 ? values->values[find_peak(values)] : NAN;
    plot_curve(plot, "%s", title);
    for (int64_t i = 0; i < values->count && i < tau->count; i++)
        plot_point(plot, tau->values[i], values->values[i] / most);
}

void show_fig7(struct study *study, const struct subject *subject)
{
    struct entry         entry = {subject, .strategy = STRATEGY_ADAP_TAU0, .protocol = figure_protocol(study)};
    const struct record *record = &entry_cell(study, &entry, 0)->record;
    const struct series *tau = record_series(record, "gradient_tau");
    const struct series *held = record_series(record, "gradient_held"), *eq8 = record_series(record, "gradient_eq8");
    const struct series *real = record_series(record, "gradient_true");
    char                 name[64], title[160];
    struct plot          plot;
    view_file(name, sizeof name, "fig7", subject);
    snprintf(title, sizeof title, "%s: mean magnitude of the gradient over the temperature", subject->title);
    plot_open(&plot, name, title, "temperature", "relative to its largest");
    plot.log_x = true;
    add_curve(&plot, tau, held, "S (1 - S)");
    add_curve(&plot, tau, eq8, "Eq. 8: S (1 - S)/tau");
    add_curve(&plot, tau, real, "of the loss: (1 - p)/tau");
    plot_mark(&plot, record_number(record, "final_tau0"), "tau0 by Eq. 14");
    plot_mark(&plot, record_number(record, "tau0_exact"), "Eq. 11");
    study_show_plot(study, &plot);
    if (tau->count != N_GRADIENT_TAUS || held->count != tau->count || eq8->count != tau->count || real->count != tau->count)
        return;
    study_say(study,
              "Means over 128 users of %s, MF trained to tau0 = %.4f; Eq. 11 has its root at %.4f. p is the softmax "
              "probability of an item among all items, S the sum over the user's own items.",
              subject->title, record_number(record, "final_tau0"), record_number(record, "tau0_exact"));
    say_peak(study, "S (1 - S)", tau, held);
    say_peak(study, "The magnitude by Eq. 8, S (1 - S)/tau,", tau, eq8);
    say_peak(study, "The derivative of a pair's loss by its score, (1 - p)/tau,", tau, real);
}
