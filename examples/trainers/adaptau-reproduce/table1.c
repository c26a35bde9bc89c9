/* SPDX-License-Identifier: MIT */
/* Which side of the score is normalised: both, users only (Y-N), items only (N-Y), none. */
#include "adaptau-reproduce/view.h"

void show_table1(struct study *study, const struct subject *subject)
{
    static const int         strategies[] = {STRATEGY_ADAP_TAU0, STRATEGY_NORM_USERS, STRATEGY_NORM_ITEMS, STRATEGY_NO_NORM};
    static const char *const sides[] = {"both", "users", "items", "none"};
    static const char *const headings[] = {"backbone", "normalised", "protocol", SCORE_HEADINGS, "epoch", NULL};
    char                     name[64], title[160];
    int32_t                  protocols[2];
    int                      n_protocols = study_protocols(study, protocols);
    struct table             table;
    view_file(name, sizeof name, "table1", subject);
    snprintf(title, sizeof title, "%s: which side is normalised", subject->title);
    table_open(&table, name, title, headings);
    for (int32_t encoder = ADAPTAU_ENCODER_MF; encoder <= ADAPTAU_ENCODER_LIGHTGCN; encoder++) {
        for (int p = 0; p < n_protocols && study_wants(study, encoder); p++) {
            for (int i = 0; i < 4; i++) {
                struct entry entry = {subject, .strategy = strategies[i], .encoder = encoder, .protocol = protocols[p]};
                table_text(&table, "%s", backbone_title(encoder));
                table_text(&table, "%s", sides[i]);
                table_text(&table, "%s", protocol_names[protocols[p]]);
                add_scores(study, &table, &entry);
                table_number(&table, entry_summary(study, &entry, "best_epoch").mean, 0);
            }
        }
    }
    table_note(&table,
               "Plain softmax. Both: temperature by Eq. 14 (Adap-tau0). A raw side gives scores a length of their own, so "
               "there the temperature is 1.");
    add_score_notes(study, &table, subject);
    study_show_table(study, &table);
}
