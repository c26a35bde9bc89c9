/* SPDX-License-Identifier: MIT */
/* Strategies for the temperature: the paper's main comparison. */
#include "adaptau-reproduce/view.h"

static const int strategies[] = {
    STRATEGY_NO_NORM,      STRATEGY_GRID,        STRATEGY_C_TAU,       STRATEGY_CU_TAU,
    STRATEGY_ADAP_TAU0,    STRATEGY_RAW_TAU0,    STRATEGY_ADAP_TAU,    STRATEGY_RELEASED,
    STRATEGY_POPULAR_TAU0, STRATEGY_POPULAR_TAU, STRATEGY_PRESET_TAU0, STRATEGY_PRESET_TAU,
};

/* Ranking raw is another thing only where rows have lengths. */
static bool is_shown(int strategy, int32_t encoder)
{
    return strategy_get(strategy)->rank != 1 || encoder == ADAPTAU_ENCODER_LIGHTGCN;
}

static void add_entry(struct study *study, struct table *table, struct entry *entry)
{
    char title[80];
    if (entry->strategy == STRATEGY_GRID)
        entry_search_tau(study, entry);
    entry_title(entry, title, sizeof title);
    table_text(table, "%s", backbone_title(entry->encoder));
    table_text(table, "%s", title);
    table_text(table, "%s", recipe_names[strategy_get(entry->strategy)->recipe]);
    table_text(table, "%s", protocol_names[entry->protocol]);
    add_scores(study, table, entry);
    table_number(table, entry_summary(study, entry, "final_tau0").mean, 4);
    table_number(table, entry_summary(study, entry, "best_epoch").mean, 0);
    table_number(table, entry_summary(study, entry, "train_seconds").mean, 1);
}

void show_table2(struct study *study, const struct subject *subject)
{
    static const char *const headings[] = {"backbone", "strategy", "recipe",  "protocol", SCORE_HEADINGS,
                                           "tau0",     "epoch",    "seconds", NULL};
    char                     name[64], title[160];
    int32_t                  protocols[2];
    int                      n_protocols = study_protocols(study, protocols);
    struct table             table;
    view_file(name, sizeof name, "table2", subject);
    snprintf(title, sizeof title, "%s: strategies for the temperature", subject->title);
    table_open(&table, name, title, headings);
    for (int32_t encoder = ADAPTAU_ENCODER_MF; encoder <= ADAPTAU_ENCODER_LIGHTGCN; encoder++) {
        for (int p = 0; p < n_protocols && study_wants(study, encoder); p++) {
            for (size_t i = 0; i < sizeof strategies / sizeof *strategies; i++) {
                struct entry entry = {subject, .strategy = strategies[i], .encoder = encoder, .protocol = protocols[p]};
                if (is_shown(strategies[i], encoder))
                    add_entry(study, &table, &entry);
            }
        }
    }
    table_note(
        &table,
        "plain: the exact softmax alone, no soft targets and no popularity prior, so that strategies differ by "
        "their temperatures; preset: adaptau-train's defaults, which add both and, for LightGCN, rank by inner products.");
    table_note(&table,
               "Adap-tau is Eq. 16 as printed. seconds: training on this machine, all runs that the protocol and the choice of "
               "a prior need.");
    add_score_notes(study, &table, subject);
    study_show_table(study, &table);
}
