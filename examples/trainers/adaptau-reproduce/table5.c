/* SPDX-License-Identifier: MIT */
/* The closed forms of τ₀ against the equation that they approximate. */
#include <math.h>

#include "adaptau-reproduce/view.h"

void show_table5(struct study *study, const struct subject *subject)
{
    static const int         strategies[] = {STRATEGY_ADAP_TAU0, STRATEGY_EQ34, STRATEGY_EXACT};
    static const char *const trained[] = {"Eq. 14", "Eq. 34", "Eq. 11"};
    static const char *const headings[] = {"trained with", "Eq. 14",    "Eq. 34",  "Eq. 11", "printed 14",
                                           "printed 34",   "recall@20", "NDCG@20", NULL};
    const struct known      *known = subject->known;
    char                     name[64], title[160];
    struct table             table;
    view_file(name, sizeof name, "table5", subject);
    snprintf(title, sizeof title, "%s: tau0 of the final embeddings by each formula", subject->title);
    table_open(&table, name, title, headings);
    for (int i = 0; i < 3; i++) {
        struct entry entry = {subject, .strategy = strategies[i], .encoder = ADAPTAU_ENCODER_MF,
                              .protocol = figure_protocol(study)};
        table_text(&table, "%s", trained[i]);
        table_number(&table, entry_summary(study, &entry, "tau0_eq14").mean, 4);
        table_number(&table, entry_summary(study, &entry, "tau0_eq34").mean, 4);
        table_number(&table, entry_summary(study, &entry, "tau0_exact").mean, 4);
        table_number(&table, known && i == 0 ? known->tau0_eq14 : NAN, 4);
        table_number(&table, known && i == 1 ? known->tau0_eq34 : NAN, 4);
        table_number(&table, entry_summary(study, &entry, "test_recall").mean, 4);
        table_number(&table, entry_summary(study, &entry, "test_ndcg").mean, 4);
    }
    table_note(&table,
               "MF, plain softmax, means over seeds. Eq. 11 is solved on 1024 users, a user's own items inside the sum.");
    study_show_table(study, &table);
}
