/* SPDX-License-Identifier: MIT */
/* Time against quality: when a strategy first reaches given levels of recall. */
#include <math.h>

#include "adaptau-reproduce/view.h"

#define N_LEVELS 3

static const struct {
    int     strategy;
    int32_t encoder;
} rows[] = {
    {STRATEGY_NO_NORM, ADAPTAU_ENCODER_MF},         {STRATEGY_C_TAU, ADAPTAU_ENCODER_MF},
    {STRATEGY_ADAP_TAU0, ADAPTAU_ENCODER_MF},       {STRATEGY_ADAP_TAU, ADAPTAU_ENCODER_MF},
    {STRATEGY_SHARED, ADAPTAU_ENCODER_MF},          {STRATEGY_PER_ROW, ADAPTAU_ENCODER_MF},
    {STRATEGY_PRESET_TAU0, ADAPTAU_ENCODER_MF},     {STRATEGY_NO_NORM, ADAPTAU_ENCODER_LIGHTGCN},
    {STRATEGY_ADAP_TAU0, ADAPTAU_ENCODER_LIGHTGCN}, {STRATEGY_PRESET_TAU0, ADAPTAU_ENCODER_LIGHTGCN},
};

#define N_ROWS ((int)(sizeof rows / sizeof *rows))

static struct entry make_entry(const struct study *study, const struct subject *subject, int row)
{
    return (struct entry){subject, .strategy = rows[row].strategy, .encoder = rows[row].encoder,
                          .protocol = figure_protocol(study)};
}

/* The data set's levels; for other data nine tenths and more of the best that any row reaches. */
static void choose_levels(struct study *study, const struct subject *subject, double *levels)
{
    static const double shares[N_LEVELS] = {0.90, 0.95, 0.99};
    double              best = 0;
    for (int row = 0; row < N_ROWS; row++) {
        if (!study_wants(study, rows[row].encoder))
            continue;
        struct entry entry = make_entry(study, subject, row);
        best = fmax(best, record_number(&entry_cell(study, &entry, 0)->record, "choice_recall"));
    }
    for (int i = 0; i < N_LEVELS; i++) {
        bool known = figure_protocol(study) == PROTOCOL_PAPER && subject->known && subject->known->levels[i] > 0;
        levels[i] = known ? subject->known->levels[i] : floor(shares[i] * best * 1000) / 1000;
    }
}

/* Seconds and epoch of the first evaluation at or above a level. */
static void add_level(struct table *table, const struct record *record, double level)
{
    const struct series *recall = record_series(record, "recall");
    const struct series *seconds = record_series(record, "seconds");
    const struct series *epoch = record_series(record, "epoch");
    int64_t              at = 0;
    while (at < recall->count && recall->values[at] < level)
        at++;
    bool reached = at < recall->count && at < seconds->count && at < epoch->count;
    table_number(table, reached ? seconds->values[at] : NAN, 1);
    table_number(table, reached ? epoch->values[at] : NAN, 0);
}

static void add_row(struct study *study, struct table *table, const struct subject *subject, int row, const double *levels)
{
    struct entry           entry = make_entry(study, subject, row);
    const struct strategy *strategy = strategy_get(entry.strategy);
    const struct cell     *cell = entry_cell(study, &entry, 0);
    const struct record   *record = &cell->record;
    table_text(table, "%s", backbone_title(entry.encoder));
    table_text(table, "%s", strategy->name);
    table_text(table, "%s", recipe_names[strategy->recipe]);
    table_text(table, "%s", candidate_names[strategy->candidates]);
    for (int i = 0; i < N_LEVELS; i++)
        add_level(table, record, levels[i]);
    table_number(table, record_number(record, "choice_recall"), 4);
    table_number(table, record_number(record, "best_epoch"), 0);
    table_number(table, record_number(record, "seconds"), 1);
}

void show_table4(struct study *study, const struct subject *subject)
{
    char         name[64], title[160], reach[N_LEVELS][40];
    double       levels[N_LEVELS];
    struct table table;
    choose_levels(study, subject, levels);
    for (int i = 0; i < N_LEVELS; i++)
        snprintf(reach[i], sizeof reach[i], "s to %.4g", levels[i]);
    const char *const headings[] = {"backbone", "strategy", "recipe", "candidates", reach[0], "epoch",         reach[1],
                                    "epoch",    reach[2],   "epoch",  "best",       "epoch",  "s, all epochs", NULL};
    view_file(name, sizeof name, "table4", subject);
    snprintf(title, sizeof title, "%s: seconds and epochs until recall@20 reaches a level", subject->title);
    table_open(&table, name, title, headings);
    for (int row = 0; row < N_ROWS; row++)
        if (study_wants(study, rows[row].encoder))
            add_row(study, &table, subject, row, levels);
    table_note(&table,
               "Seconds of training on this machine, evaluations and the choice of a prior not counted; one seed. The learning "
               "rate falls over the whole run, so a shorter run would get there sooner.");
    if (subject->known && subject->known->timing)
        table_note(&table, "For comparison, %s.", subject->known->timing);
    study_show_table(study, &table);
}
