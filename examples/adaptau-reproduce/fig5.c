/* SPDX-License-Identifier: MIT */
/* Beside contrastive baselines, on LightGCN. */
#include "adaptau-reproduce/view.h"

/* A baseline is a row here, once there is a strategy for it. */
static const int strategies[] = {STRATEGY_NO_NORM, STRATEGY_ADAP_TAU0, STRATEGY_ADAP_TAU, STRATEGY_PRESET_TAU0};

static const char missing[] = "Not here: SGL, SimGCL and NCL, for this version has no losses between two views of a graph.";

void show_fig5(struct study *study, const struct subject *subject)
{
    static const char *const headings[] = {"strategy", "recipe", "recall@20", "NDCG@20", "seconds", NULL};
    char                     name[64], title[160];
    struct table             table;
    view_file(name, sizeof name, "fig5", subject);
    snprintf(title, sizeof title, "%s: LightGCN beside contrastive baselines", subject->title);
    table_open(&table, name, title, headings);
    for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
        const struct strategy *strategy = strategy_get(strategies[i]);
        struct entry           entry = {subject, .strategy = strategies[i], .encoder = ADAPTAU_ENCODER_LIGHTGCN,
                                        .protocol = figure_protocol(study)};
        table_text(&table, "%s", strategy->name);
        table_text(&table, "%s", recipe_names[strategy->recipe]);
        table_number(&table, entry_summary(study, &entry, "test_recall").mean, 4);
        table_number(&table, entry_summary(study, &entry, "test_ndcg").mean, 4);
        table_number(&table, entry_summary(study, &entry, "train_seconds").mean, 1);
    }
    table_note(&table, missing);
    study_show_table(study, &table);
}
