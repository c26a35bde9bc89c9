/* SPDX-License-Identifier: MIT */
/* Beside baselines: other losses, and contrastive ones. */
#include "adaptau-reproduce/view.h"

/* A baseline is a row here, once there is a strategy for it. */
static const struct {
    int     strategy;
    int32_t encoder;
} rows[] = {
    {STRATEGY_BPR, ADAPTAU_ENCODER_LIGHTGCN},      {STRATEGY_CCL, ADAPTAU_ENCODER_SIMPLEX},
    {STRATEGY_NO_NORM, ADAPTAU_ENCODER_LIGHTGCN},  {STRATEGY_ADAP_TAU0, ADAPTAU_ENCODER_LIGHTGCN},
    {STRATEGY_ADAP_TAU, ADAPTAU_ENCODER_LIGHTGCN}, {STRATEGY_SGL, ADAPTAU_ENCODER_LIGHTGCN},
    {STRATEGY_SIMGCL, ADAPTAU_ENCODER_LIGHTGCN},   {STRATEGY_NCL, ADAPTAU_ENCODER_LIGHTGCN},
    {STRATEGY_PRESET_TAU0, ADAPTAU_ENCODER_LIGHTGCN},
};

static const char note[] =
    "SGL, SimGCL and NCL are terms beside the preset's softmax here; their authors put them beside BPR.";

void show_fig5(struct study *study, const struct subject *subject)
{
    static const char *const headings[] = {"backbone", "strategy", "recipe", "recall@20", "NDCG@20", "seconds", NULL};
    char                     name[64], title[160];
    struct table             table;
    view_file(name, sizeof name, "fig5", subject);
    snprintf(title, sizeof title, "%s: beside other losses", subject->title);
    table_open(&table, name, title, headings);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct strategy *strategy = strategy_get(rows[i].strategy);
        struct entry           entry = {subject, .strategy = rows[i].strategy, .encoder = rows[i].encoder,
                                        .protocol = figure_protocol(study)};
        table_text(&table, "%s", backbone_title(rows[i].encoder));
        table_text(&table, "%s", strategy->name);
        table_text(&table, "%s", recipe_names[strategy->recipe]);
        table_number(&table, entry_summary(study, &entry, "test_recall").mean, 4);
        table_number(&table, entry_summary(study, &entry, "test_ndcg").mean, 4);
        table_number(&table, entry_summary(study, &entry, "train_seconds").mean, 1);
    }
    table_note(&table, note);
    study_show_table(study, &table);
}
